"""What the tables say, what they keep apart, and what they refuse."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path

import pytest

import protocols
from protocols.contracts import Record
from results.export import jsonl, load_records
from results.literature import read_published
from results.statistics import stratified
from results.store import Store
from results.tables import main, render
from tests.records import TIER_RATES, make_evaluation, make_record, with_errors

MT50 = protocols.load("metaworld_mt50")
TABLES = Path(__file__).parent.parent / "results" / "tables"
KNOWN = {"metaworld_mt50": MT50}
PUBLISHED = read_published()
TWINS = "### Shifted episodes and their unshifted twins"
METHODS = ["ProgVLA (0.1B)", "pi0 (Paligemma-3B)", "pi0 (3.3B)", "SmolVLA (0.24B)", "SmolVLA (2.25B)"]
EXPERT = dict.fromkeys(TIER_RATES, 0.98)


def tables(records: list[Record], form: str = "markdown", by: str = "task") -> str:
    return render(records, KNOWN, PUBLISHED, form=form, by=by)


def cells(text: str, first: str) -> list[str]:
    """The cells of the first Markdown row that begins so."""
    line = next(line for line in text.splitlines() if line.startswith(f"| {first} "))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_a_full_evaluation_stands_beside_the_published_numbers_which_are_not_matched() -> None:
    text = tables(make_evaluation(MT50, "vla") + make_evaluation(MT50, "expert", seed=1, rates=EXPERT))
    assert "- expert: all 500 episodes of the protocol, all with a verdict" in text
    summary = text[: text.index("### expert")]
    order = ["expert", "vla", "*published, not matched*", *METHODS]
    places = [summary.index(f"\n| {first} ") for first in order]
    assert places == sorted(places)
    assert "Published numbers are not matched: they come from other starts and other episodes than ours." in text
    assert cells(text, "ProgVLA (0.1B)") == [
        "ProgVLA (0.1B)",
        "84.9",
        "72.7",
        "77.0",
        "79.6",
        "78.5",
        "-",
        "-",
        "no n published",
    ]
    assert "arXiv 2605.28231, Table 1 (bottom); reports 49 of the 50 tasks" in text


def test_a_task_row_has_counts_rate_interval_steps_and_errors() -> None:
    records = [make_record(index=index, success=index != 3, steps=10 * (index + 1)) for index in range(5)]
    records.append(make_record(index=5, success=None))
    text = render(records, {}, [])
    assert cells(text, "reach-v3") == ["reach-v3", "4/5", "80.0", "[37.6, 96.4]", "27.5", "25.0", "1"]
    assert cells(text, "all episodes") == ["all episodes", "4/5", "80.0", "[37.6, 96.4]", "27.5", "25.0", "1"]


def test_tier_rows_and_both_means_are_there_and_the_published_convention_is_named() -> None:
    text = tables(make_evaluation(MT50, "vla"))
    assert cells(text, "**easy, 28 tasks**")[1].endswith("/280**")
    assert cells(text, "**very hard, 5 tasks**")[1].endswith("/50**")
    assert [cells(text, name)[0] for name in ("tier mean, 4 tiers", "task mean, 50 tasks")]
    assert "the unweighted mean of the tiers, is the published convention of Meta-World" in text


def test_a_tiers_rate_is_the_mean_of_its_tasks_with_tasks_as_strata() -> None:
    """Ten of ten on one task and one of two on another: 75 %, not 11 of 12."""
    records = [make_record(index=index) for index in range(10)]
    records += [make_record("push-v3", index, success=index == 0) for index in range(2)]
    mean = stratified([10, 1], [10, 2], [0.5, 0.5])
    interval = f"[{100 * mean.interval.low:.1f}, {100 * mean.interval.high:.1f}]"
    text = render(records, {}, [])
    assert cells(text, "**easy, 2 tasks**")[1:4] == ["**11/12**", "**75.0**", f"**{interval}**"]
    assert cells(text, "expert")[1:4] == ["75.0", "75.0", "75.0"]
    (tier,) = (
        row for row in csv.DictReader(io.StringIO(render(records, {}, [], form="csv"))) if row["level"] == "tier"
    )
    assert (tier["successes"], tier["success_percent"], f"[{tier['low_percent']}, {tier['high_percent']}]") == (
        *("11", "75.0"),
        interval,
    )


def test_by_tier_leaves_the_tasks_out() -> None:
    text = tables(make_evaluation(MT50, "vla"), by="tier")
    assert cells(text, "easy, 28 tasks")[1].endswith("/280")
    assert "assembly-v3" not in text


def test_a_partial_evaluation_says_so_and_is_kept_from_published_numbers() -> None:
    text = tables(make_evaluation(MT50.changed(tasks=["reach-v3", "push-v3", "drawer-open-v3"], trials=2), "vla"))
    assert "- vla: partial, 6 of 500 episodes: 3 of 50 tasks, 2 of 10 episodes each, all with a verdict" in text
    assert "### Success by tier in %, not comparable with published numbers" in text
    assert "ProgVLA" not in text


def test_a_partial_policy_stands_in_a_table_of_its_own_beside_a_full_one() -> None:
    text = tables(make_evaluation(MT50, "vla") + make_evaluation(MT50.changed(trials=2), "zero"))
    published, apart = text.index("ProgVLA (0.1B)"), text.index("not comparable with published numbers")
    assert published < apart < text.index("\n| zero ")


def test_deviations_make_a_section_of_their_own_without_published_numbers() -> None:
    text = tables(make_evaluation(MT50.changed(max_steps=100, render="fast"), "vla"))
    assert "## metaworld_mt50, max_steps=100, render=fast\n\nHorizon 100 control steps;" in text
    assert "Conditions differ from the protocol's: max_steps=100, render=fast." in text
    assert "ProgVLA" not in text


def test_a_protocol_of_the_same_name_and_other_conditions_is_kept_from_published_numbers() -> None:
    text = tables([make_record(conditions="other")])
    assert "The protocol of this name has other conditions here, so published numbers are kept apart." in text
    assert "ProgVLA" not in text


def test_an_unknown_protocol_is_shown_and_named_as_unchecked() -> None:
    text = render(with_errors([make_record(index=index) for index in range(2)], 1), {}, PUBLISHED)
    assert "There is no protocol metaworld_mt50 here: neither completeness nor the share of errors was checked." in text


def test_few_errors_are_shown_and_many_are_refused() -> None:
    records = make_evaluation(MT50, "vla")
    assert "- vla: all 500 episodes of the protocol, 5 without a verdict" in tables(with_errors(records, 5))
    with pytest.raises(
        ValueError, match="vla: refused, 6 of 500 episodes have no verdict and metaworld_mt50 allows 1 %"
    ):
        tables(with_errors(records, 6))


def test_a_policy_that_is_refused_keeps_the_others_in_the_table() -> None:
    records = make_evaluation(MT50, "good") + with_errors(make_evaluation(MT50, "bad"), 6)
    text = tables(records)
    assert "- bad: refused, 6 of 500 episodes have no verdict" in text
    assert "### good: success by task" in text
    assert "### bad" not in text
    rows = list(csv.DictReader(io.StringIO(tables(records, "csv"))))
    assert [(row["kind"], row["errors"]) for row in rows if row["policy"] == "bad"] == [("refused", "6")]


def test_a_policy_that_is_refused_is_in_no_pair_of_shifted_episodes() -> None:
    full = make_evaluation(MT50, "good") + with_errors(make_evaluation(MT50, "bad"), 6)
    shifted = [make_record(index=index, shift="light", policy=policy) for policy in ("good", "bad") for index in (0, 1)]
    text = tables([*full, *(replace(record, protocol="shifted") for record in shifted)])
    assert "| good " in text[text.index(TWINS) :]
    assert "bad" not in text[text.index(TWINS) :]


def test_csv_has_one_line_per_number_and_marks_what_is_published() -> None:
    rows = list(csv.DictReader(io.StringIO(tables(make_evaluation(MT50, "vla"), "csv"))))
    measured = [row for row in rows if row["kind"] == "measured"]
    assert [row["level"] for row in measured].count("task") == 50
    assert {row["complete"] for row in measured} == {"1"}
    assert {row["policy"] for row in rows if row["kind"] == "published, not matched"} == set(METHODS)
    (task,) = (row for row in measured if row["name"] == "reach-v3")
    assert float(task["success_percent"]) == 100 * int(task["successes"]) / int(task["episodes"])


def test_csv_of_a_partial_evaluation_has_no_published_lines() -> None:
    rows = list(csv.DictReader(io.StringIO(tables(make_evaluation(MT50.changed(trials=1), "vla"), "csv", "tier"))))
    assert {(row["kind"], row["complete"]) for row in rows} == {("measured", "0")}
    assert {row["level"] for row in rows} == {"tier", "tier_mean", "task_mean"}


def test_latex_escapes_names_and_uses_booktabs() -> None:
    text = tables(make_evaluation(MT50, "vla"), "latex")
    assert text.startswith("% \\usepackage{booktabs,adjustbox}\n\n\\paragraph{metaworld\\_mt50}")
    assert text.count("\\toprule") == text.count("\\bottomrule") == text.count("\\begin{table}") == 2
    assert "\\textsl{easy, 28 tasks}" in text and "\\textbf" not in text, "bold is for what is significant"
    assert "\\multicolumn{9}{l}{\\emph{published, not matched}} \\\\" in text


def test_tables_do_not_depend_on_the_order_of_records() -> None:
    records = make_evaluation(MT50, "vla") + make_evaluation(MT50.changed(trials=1, render="fast"), "zero")
    assert tables(records[::-1]) == tables(records)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    with Store(tmp_path / "store", write=True) as opened:
        for record in make_evaluation(MT50.changed(trials=1), "vla"):
            opened.add(record)
    return tmp_path / "store"


def test_the_command_prints_what_render_gives_from_a_store_or_an_export(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = tables(make_evaluation(MT50.changed(trials=1), "vla"))
    assert main(["--store", str(store)]) == 0
    assert capsys.readouterr().out == expected
    exported = tmp_path / "records.jsonl"
    exported.write_text(jsonl(make_evaluation(MT50.changed(trials=1), "vla")), encoding="utf-8")
    assert main(["--store", str(exported)]) == 0
    assert capsys.readouterr().out == expected


def test_check_passes_on_what_out_wrote_and_fails_with_a_short_diff_on_anything_else(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "table.md"
    assert main(["--store", str(store), "--out", str(file)]) == 0
    assert main(["--store", str(store), "--check", str(file)]) == 0
    file.write_text(file.read_text(encoding="utf-8").replace("| reach-v3 ", "| reach-v2 "), encoding="utf-8")
    capsys.readouterr()
    assert main(["--store", str(store), "--check", str(file)]) == 1
    printed = capsys.readouterr().out
    assert "-| reach-v2 " in printed and "+| reach-v3 " in printed
    assert len(printed.splitlines()) < 10
    assert main(["--store", str(store), "--check", str(file), "--by", "tier"]) == 1
    assert len(capsys.readouterr().out.splitlines()) == 22


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--store", "{folder}/nowhere"], "there is no store in"),
        (["--store", "{store}", "--protocol", "metaworld_mt5"], "did you mean 'metaworld_mt50'"),
        (["--store", "{store}", "--check", "{folder}/nothing.md"], "No such file"),
        (["--store", "{folder}/broken.jsonl"], "line 1 is no exported record"),
    ],
)
def test_a_users_mistake_is_one_line_and_exit_code_2(
    arguments: list[str], message: str, store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "broken.jsonl").write_text("{}\n", encoding="utf-8")
    assert main([argument.format(store=store, folder=tmp_path) for argument in arguments]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("error: ") and message in printed.err
    assert len(printed.err.splitlines()) == 1


def test_too_many_errors_are_exit_code_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Store(tmp_path, write=True) as opened:
        opened.add(make_record(success=None))
    assert main(["--store", str(tmp_path)]) == 2
    assert "expert: refused, 1 of 1 episodes have no verdict" in capsys.readouterr().err


@pytest.mark.parametrize("table", sorted(TABLES.glob("*.md")), ids=lambda path: path.stem)
def test_the_committed_tables_are_what_the_records_beside_them_give(
    table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--store", str(table.with_suffix(".parquet")), "--check", str(table)]) == 0, capsys.readouterr().out


def test_kept_records_give_the_same_table_and_no_curves(store: Path, tmp_path: Path) -> None:
    kept, table = tmp_path / "kept.parquet", tmp_path / "table.md"
    assert main(["--store", str(store), "--keep", str(kept), "--out", str(table)]) == 0
    assert main(["--store", str(kept), "--check", str(table)]) == 0
    assert not any(len(record.progress) or record.run or record.looks for record in load_records(kept))
