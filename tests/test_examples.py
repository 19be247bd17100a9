"""The committed example of a comparison is what its committed records give."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import protocols
from harness.compare import main
from results.betting import judged
from results.export import load_records
from results.pairs import pair
from results.report import main as report

EXAMPLE = Path(__file__).parent.parent / "results" / "examples" / "comparison"
RECORDS = str(EXAMPLE / "records.jsonl")
MOST_BYTES = 3_000_000


@pytest.mark.parametrize(
    ("name", "options"),
    [("comparison.md", []), ("comparison.tex", ["--format", "latex", "--by", "tier", "--episodes", "5"])],
)
def test_the_committed_comparison_is_what_the_committed_records_give(name: str, options: list[str]) -> None:
    assert main([RECORDS, *options, "--check", str(EXAMPLE / name)]) == 0


def test_a_changed_table_is_exit_code_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    changed = tmp_path / "comparison.md"
    text = (EXAMPLE / "comparison.md").read_text(encoding="utf-8")
    changed.write_text(text.replace("+14.0", "+15.0"), encoding="utf-8")
    assert main([RECORDS, "--check", str(changed)]) == 1
    assert "is not what the records give" in capsys.readouterr().out


def test_the_records_are_all_episodes_of_the_protocol() -> None:
    records = load_records(EXAMPLE / "records.jsonl")
    wanted = set(protocols.load("metaworld_mt10").episodes())
    for policy in ("expert", "expert(noise=0.3)"):
        assert {record.episode for record in records if record.policy == policy} == wanted
    assert len(records) == 2 * len(wanted)


def test_the_duel_says_what_its_records_give() -> None:
    records = load_records(EXAMPLE / "duel.jsonl")
    expert, random = ([one for one in records if one.policy.startswith(name)] for name in ("expert", "random"))
    differences = [float(bool(one.success)) - float(bool(other.success)) for one, other in pair(expert, random).pairs]
    assert set(differences) == {1.0}, "so that their order does not matter"
    found = judged(differences, 0.05)
    said = (EXAMPLE / "duel.txt").read_text(encoding="utf-8")
    assert said.startswith("A better: expert over random") and found.winner == 1
    assert f" {found.pairs} of at most 100 episodes of each, success {found.pairs}/{found.pairs} against 0/" in said
    assert f"sequence {100 * found.low:+.1f} to {100 * found.high:+.1f})" in said


def test_the_page_says_what_the_tables_say() -> None:
    page = " ".join((EXAMPLE / "README.md").read_text(encoding="utf-8").replace("> ", "").split())
    said = (EXAMPLE / "duel.txt").read_text(encoding="utf-8").strip()
    assert said in page
    table = (EXAMPLE / "comparison.md").read_text(encoding="utf-8")
    assert "+14.0 points [+7.6, +21.9]" in table and "by 14 points [7.6, 21.9]" in page
    shown = {name for name in re.findall(r'(?:\(|src=")([\w.]+)[)"]', page) if "." in name}
    assert shown <= {path.name for path in EXAMPLE.iterdir()}


def test_a_report_can_be_made_from_the_records(tmp_path: Path) -> None:
    assert report(["--store", RECORDS, "--out", str(tmp_path / "report")]) == 0
    assert "expert succeeds more often than expert(noise=0.3)" in (tmp_path / "report" / "index.html").read_text(
        "utf-8"
    )


def test_the_example_is_small() -> None:
    assert sum(path.stat().st_size for path in EXAMPLE.iterdir()) < MOST_BYTES
    assert not list(EXAMPLE.glob("*.mp4"))
