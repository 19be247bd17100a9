"""Who may import whom: protocols < envs | policies | results < harness < tests; the middle three never one another."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MEASURE = ROOT.parent / "shared" / "tools" / "measure.py"
MAY_IMPORT: dict[str, set[str]] = {
    "protocols": set(),
    "envs": {"protocols"},
    "policies": {"protocols"},
    "results": {"protocols"},
    "harness": {"protocols", "envs", "policies", "results"},
}
BLOCKER = """
import sys
from importlib import import_module

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked}:
            raise ModuleNotFoundError(f"{{name}} is blocked by the test", name=name)

sys.meta_path.insert(0, Blocker())
for module in {modules}:
    import_module(module)
"""


def modules(package: str) -> list[Path]:
    """Every Python file of a package."""
    return sorted((ROOT / package).rglob("*.py"))


def imported_layers(path: Path) -> set[str]:
    """Our packages that a file imports, anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").partition(".")[0] if node.level == 0 else path.relative_to(ROOT).parts[0])
    return found & {*MAY_IMPORT, "tests"}


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_a_package_imports_only_itself_and_what_lies_below(package: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {', '.join(sorted(above))}"
        for path in modules(package)
        if (above := imported_layers(path) - MAY_IMPORT[package] - {package})
    ]
    assert modules(package)
    assert not wrong, "; ".join(wrong)


def test_the_check_sees_imports_of_every_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    file = tmp_path / "envs" / "lazy.py"
    file.parent.mkdir()
    file.write_text(
        "import harness.run as r\nfrom . import gl\ndef f():\n    from results import store\n", encoding="utf-8"
    )
    assert imported_layers(file) == {"harness", "results", "envs"}


@pytest.mark.skipif(
    not MEASURE.exists(), reason="the measuring tool lies beside the repository only on its developers' machines"
)
def test_the_measuring_tool_finds_no_violation_either() -> None:
    layers = "protocols,envs|policies|results,harness"
    only = [argument for package in MAY_IMPORT for argument in ("--only", package)]
    done = subprocess.run(
        [sys.executable, MEASURE, ROOT, *only, "--layers", layers], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    assert "layers: no violation" in done.stdout


def test_results_import_where_neither_simulator_nor_torch_is_installed() -> None:
    blocked = {"mujoco", "metaworld", "gymnasium", "pybullet", "robosuite", "libero", "torch"}
    names = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in modules("results")
    ]
    done = subprocess.run(
        [sys.executable, "-c", BLOCKER.format(blocked=blocked, modules=names)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_listing_suites_policies_and_protocols_imports_no_simulator() -> None:
    code = "import envs, policies, protocols, sys; envs.names(), policies.names(), protocols.names()"
    code += "; print(sorted({'mujoco', 'metaworld', 'torch'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
