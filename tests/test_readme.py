"""What README, CONTRIBUTING and the other pages tell people to type is there: commands, environments, files."""

from __future__ import annotations

import configparser
import re
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
EXAMPLE = "results/examples/comparison/README.md"
SUITES = ("docs/piper.md", "docs/libero.md", "docs/calvin.md", "docs/progvla.md")
PAGES = ("README.md", "CONTRIBUTING.md", "docs/comparison.md", *SUITES, EXAMPLE)
TEXTS = {name: (ROOT / name).read_text(encoding="utf-8") for name in PAGES}
WHOLE = "\n".join(TEXTS.values())
COMMANDS = sorted(set(re.findall(r"python -m ((?:harness|results)\.\w+)([^\n`#;|]*)", WHOLE)))


def test_there_is_something_to_check() -> None:
    assert {module for module, _ in COMMANDS} >= {"harness.run", "harness.doctor", "results.tables"}


@pytest.mark.simulator
@pytest.mark.parametrize(("module", "rest"), COMMANDS)
def test_a_command_and_its_options_are_there(module: str, rest: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        import_module(module).main(["--help"])
    assert ended.value.code == 0
    known = set(re.findall(r"--[a-z-]+", capsys.readouterr().out))
    assert set(re.findall(r"--[a-z-]+", rest)) <= known


def test_the_environments_of_tox_are_there() -> None:
    tox = configparser.ConfigParser()
    tox.read(ROOT / "tox.ini")
    told = {name for names in re.findall(r"tox -e ([\w,]+)", WHOLE) for name in names.split(",")}
    assert {f"testenv:{name}" for name in told} <= set(tox.sections())


@pytest.mark.parametrize("name", TEXTS)
def test_the_files_that_are_named_are_there(name: str) -> None:
    linked = re.findall(r"\]\((?!https?:)([^)#]+)\)", TEXTS[name])
    named = re.findall(r"`((?:\w+/)+[a-z_0-9]+\.\w+)`", TEXTS[name])
    shown = re.findall(r'(?:href|src)="(?!https?:)([^"]+)"', TEXTS[name])
    missing = [path for path in (*linked, *shown) if not (ROOT / name).parent.joinpath(path).exists()]
    missing += [path for path in named if not (ROOT / path).exists()]
    assert not missing, f"{name} names {', '.join(missing)}"


@pytest.mark.parametrize("protocol", ["metaworld_mt50", "piper_table4"])
def test_the_tables_of_the_readme_are_the_generated_ones(protocol: str) -> None:
    generated = (ROOT / "results" / "tables" / f"{protocol}.md").read_text(encoding="utf-8")
    table = generated.partition("### Success by tier")[2].split("\n\n")[1]
    assert table.startswith("| policy") and f"{table}\n" in TEXTS["README.md"]
