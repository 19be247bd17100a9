"""What `python -m harness.compare` prints, and what it refuses."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path

import pytest

import protocols
from harness.compare import main
from protocols.contracts import Record
from results.export import jsonl
from results.store import Store
from results.videos import path_of
from tests.records import make_evaluation, make_record, with_errors

MT50 = protocols.load("metaworld_mt50")
SOME = MT50.changed(tasks=["reach-v3", "push-v3", "drawer-open-v3", "peg-insert-side-v3"], trials=8)
TIERS = ("easy", "medium", "hard", "very_hard")
GOOD = make_evaluation(SOME, "good", seed=1, rates=dict.fromkeys(TIERS, 0.95))
BAD = make_evaluation(SOME, "bad(chunk=10)", seed=2, rates=dict.fromkeys(TIERS, 0.15))
THIRD = make_evaluation(SOME, "third", seed=3)


def fill(store: Path, records: list[Record]) -> str:
    with Store(store, write=True) as opened:
        for record in records:
            opened.add(record)
    return str(store)


@pytest.fixture
def stores(tmp_path: Path) -> tuple[str, str]:
    return fill(tmp_path / "one", GOOD), fill(tmp_path / "two", BAD)


Printed = pytest.CaptureFixture[str]


def printed(arguments: list[str], capsys: Printed) -> str:
    assert main(arguments) == 0
    return capsys.readouterr().out


def cells(text: str, first: str) -> list[str]:
    """The cells of the first Markdown row that begins so, without bold."""
    line = next(line for line in text.replace("**", "").splitlines() if line.startswith(f"| {first} "))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_two_stores_give_the_verdict_and_all_tables(stores: tuple[str, str], capsys: Printed) -> None:
    text = printed([*stores], capsys)
    assert "- good and bad(chunk=10): 32 pairs of 32 shared episodes" in text
    assert "good succeeds more often than bad(chunk=10): +" in text
    for caption in ("over 32 pairs", "success in %", "steps to success, and progress at the end in %"):
        assert f"### good (A) and bad(chunk=10) (B){':' * (caption != 'over 32 pairs')} {caption}" in text
    assert cells(text, "reach-v3")[1].endswith("/8)")
    assert cells(text, "easy, 2 tasks") and cells(text, "tier mean, 3 tiers") and cells(text, "task mean, 4 tasks")
    assert "McNemar" in text and "Tango" in text and "Fisher" not in text
    turned = printed([stores[1], stores[0]], capsys)
    assert "good succeeds more often than bad(chunk=10): +" in turned, "whoever is named first"


def test_counts_rates_difference_and_discordant_pairs_stand_in_one_row(tmp_path: Path, capsys: Printed) -> None:
    """12 and 2 discordant of 50 pairs; statsmodels 0.15.0 gives an exact p of 0.012939."""
    outcomes = [(True, True)] * 20 + [(True, False)] * 12 + [(False, True)] * 2 + [(False, False)] * 16
    records = [
        make_record(index=index, policy=policy, success=both[place])
        for index, both in enumerate(outcomes)
        for place, policy in enumerate("ab")
    ]
    text = printed([fill(tmp_path, records)], capsys)
    numbers = ["64.0 (32/50)", "44.0 (22/50)", "+20.0", "[+6.1, +34.5]", "12", "2", "0.013", "0.007", "0.013"]
    assert cells(text, "reach-v3")[1:] == numbers
    assert "| **reach-v3** " in text


def test_only_significant_rows_are_bold(stores: tuple[str, str], capsys: Printed) -> None:
    text = printed([*stores], capsys)
    tables = text[text.index(": success in %") : text.index("steps to success, and")]
    rows = [line.split("|") for line in tables.splitlines() if line.startswith("| ")][2:]
    told = {row[1].strip("* "): row[-2].strip("* ") for row in rows}
    bold = {row[1].strip("* ") for row in rows if "**" in row[1]}
    assert bold == {name for name, p in told.items() if p and (p == "<0.001" or float(p) < 0.05)}
    assert 0 < len(bold) < len(rows)


def test_a_single_store_compares_all_its_policies_with_letters_and_ranks(tmp_path: Path, capsys: Printed) -> None:
    text = printed([fill(tmp_path, [*GOOD, *BAD, *THIRD])], capsys)
    assert "over the 32 episodes that all policies share" in text
    assert cells(text, "good")[1] == "a"
    assert "### Task means of success in %, every two policies" in text
    assert text.count(" over 32 pairs") == 3
    assert "| reach-v3 " not in text[: text.index("episodes that only one solves")]
    assert "| reach-v3 " in printed([str(tmp_path), "--by", "task"], capsys)


def test_policies_are_chosen_by_name_in_a_store(tmp_path: Path, capsys: Printed) -> None:
    store = fill(tmp_path, [*GOOD, *BAD, *THIRD])
    text = printed(["third", "bad", "--store", store], capsys)
    assert "### third (A) and bad(chunk=10) (B) over 32 pairs" in text
    assert "good" not in text
    assert text == printed([f"{store}:third", f"{store}:bad"], capsys)


def test_exported_records_give_what_their_store_gives(stores: tuple[str, str], tmp_path: Path, capsys: Printed) -> None:
    expected = printed([*stores], capsys)
    (tmp_path / "good.jsonl").write_text(jsonl(GOOD), encoding="utf-8")
    assert printed([str(tmp_path / "good.jsonl"), stores[1]], capsys) == expected


def test_discordant_episodes_name_both_videos_where_there_are_some(
    stores: tuple[str, str], tmp_path: Path, capsys: Printed
) -> None:
    text = printed([*stores, "--episodes", "all"], capsys)
    assert "video of A" not in text
    lost = next((one, other) for one, other in zip(GOOD, BAD, strict=True) if one.success and not other.success)
    paths = [path_of(record, Path(store) / "videos") for record, store in zip(lost, stores, strict=True)]
    for path in paths:
        path.parent.mkdir()
        path.write_bytes(b"")
    text = printed([*stores, "--episodes", "all"], capsys)
    row = next(line for line in text.splitlines() if paths[0].name in line)
    assert row.startswith(f"| {lost[0].episode.task} ")
    assert f"success at {lost[0].steps}" in row and str(paths[1]) in row


def test_the_list_of_discordant_episodes_begins_with_the_rarer_kind_and_can_be_cut(
    stores: tuple[str, str], capsys: Printed
) -> None:
    text = printed([*stores, "--episodes", "3"], capsys)
    only_good = sum(bool(one.success and not other.success) for one, other in zip(GOOD, BAD, strict=True))
    only_bad = sum(bool(other.success and not one.success) for one, other in zip(GOOD, BAD, strict=True))
    assert only_good > only_bad
    listed = text[text.index(f"episodes that only one solves, 3 of {only_good + only_bad}") :].splitlines()[4:7]
    kinds = [line.split("|")[3].strip().startswith("failure") for line in listed]
    assert kinds == sorted(kinds, reverse=True) and sum(kinds) == min(3, only_bad)


def test_a_short_list_of_discordant_episodes_spreads_over_the_tasks(stores: tuple[str, str], capsys: Printed) -> None:
    text = printed([*stores, "--episodes", "8"], capsys)
    rows = text[text.index("episodes that only one solves, 8 of") :].splitlines()[4:12]
    tasks = [row.split("|")[1].strip() for row in rows if row.split("|")[3].strip().startswith("success")]
    assert len(set(tasks)) >= 3


def test_a_a_counts_the_pairs_that_agree(tmp_path: Path, capsys: Printed) -> None:
    changed = [replace(GOOD[0], success=not GOOD[0].success), *GOOD[1:]]
    one, same, other = (fill(tmp_path / name, some) for name, some in zip("abc", (GOOD, GOOD, changed), strict=True))
    text = printed([one, same, "--apart"], capsys)
    assert "A/A: policy and versions are the same; 32 of 32 pairs end alike, 32 also in steps and progress" in text
    assert "good [a] and good [b] are not told apart by success: 0.0 points" in text
    assert "only one solves" not in text
    assert "31 of 32 pairs end alike, 31 also" in printed([one, other, "--apart"], capsys)
    assert "good [a] and good [b] are not" in printed([f"{one}:good", f"{same}:good", "--apart"], capsys)


def test_unpaired_is_done_only_when_asked_and_every_table_says_so(tmp_path: Path, capsys: Printed) -> None:
    elsewhere = [replace(record, fingerprint="elsewhere") for record in BAD]
    both = [fill(tmp_path / "one", GOOD), fill(tmp_path / "two", elsewhere)]
    assert main(both) == 2
    error = capsys.readouterr().err
    assert "make no pair of 32 shared episodes (32 with other starts (fingerprints differ)); --unpaired" in error
    text = printed([*both, "--unpaired"], capsys)
    captions = [line for line in text.splitlines() if line.startswith("#")]
    assert all("unpaired" in caption for caption in captions)
    assert "Fisher" in text and "McNemar" not in text and "only A" not in text


def test_some_other_starts_are_left_out_and_counted(tmp_path: Path, capsys: Printed) -> None:
    some = [replace(record, fingerprint="elsewhere") for record in BAD[:5]] + BAD[5:30]
    text = printed([fill(tmp_path / "one", GOOD), fill(tmp_path / "two", some)], capsys)
    line = "good and bad(chunk=10): 25 pairs of 30 shared episodes (5 with other starts (fingerprints differ))"
    assert f"- {line}; left out: 2 that only good has\n" in text


def test_csv_has_a_line_per_difference_with_full_numbers(tmp_path: Path, capsys: Printed) -> None:
    store = fill(tmp_path, [*GOOD, *BAD, *THIRD])
    rows = list(csv.DictReader(io.StringIO(printed([store, "--format", "csv"], capsys))))
    assert [row["kind"] for row in rows].count("standing") == 3
    paired = [row for row in rows if row["kind"] == "paired"]
    assert len(paired) == 3 * 4 * (3 + 4 + 2)
    assert {row["measure"] for row in paired} == {"success", "steps_restricted_mean", "final_progress", "mean_progress"}
    success = [row for row in paired if (row["measure"], row["level"]) == ("success", "task")]
    for row in success:
        difference = int(row["only_first"]) / 8 - int(row["only_second"]) / 8
        assert float(row["difference"]) == pytest.approx(difference)
        assert float(row["low"]) <= difference <= float(row["high"])
        assert row["is_significant"] == str(int(float(row["p_holm"]) < 0.05)), "a single task: no weights"
    assert "1" in {row["is_significant"] for row in paired}


def test_latex_escapes_names_and_sets_only_what_is_significant_in_bold(
    stores: tuple[str, str], tmp_path: Path, capsys: Printed
) -> None:
    file = tmp_path / "table.tex"
    assert main([*stores, "--format", "latex", "--out", str(file)]) == 0
    assert capsys.readouterr().out == ""
    text = file.read_text(encoding="utf-8")
    assert text.startswith("% \\usepackage{booktabs,adjustbox}\n\n\\paragraph{metaworld\\_mt50}")
    assert text.count("\\toprule") == text.count("\\end{table}") == 4
    assert "\\textbf{task mean, 4 tasks}" in text and "\\textbf{tier mean" not in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{one}"], "good is the only policy under metaworld_mt50"),
        (["{one}", "{one}"], "good is the only policy under metaworld_mt50"),
        (["{one}", "{folder}/nowhere"], "is no path, and there is no store"),
        (["{one}", "bed", "--store", "{two}"], "did you mean 'bad"),
        (["{one}", "{two}", "--protocol", "metaworld_mt5"], "did you mean 'metaworld_mt50'"),
        (["{one}", "{two}", "--episodes", "some"], "--episodes takes a number or all, not 'some'"),
        (["{one}", "{two}", "--episodes", "0"], "episodes must be at least 1"),
        (
            ["{one}", "{errors}"],
            "bad(chunk=10): refused, 1 of 32 episodes have no verdict and metaworld_mt50 allows 1 %",
        ),
        (["{one}", "{apart}"], "share no episode"),
        (["{one}", "{fast}"], "only policy under metaworld_mt50, render=fast"),
        (["{one}", "{two}", "--out", "{folder}/nowhere/table.md"], "No such file"),
    ],
)
def test_a_users_mistake_is_one_line_and_exit_code_2(
    arguments: list[str], message: str, stores: tuple[str, str], tmp_path: Path, capsys: Printed
) -> None:
    one, two = stores
    places = {
        "one": one,
        "two": two,
        "folder": str(tmp_path),
        "errors": fill(tmp_path / "errors", with_errors(BAD, 1)),
        "apart": fill(tmp_path / "apart", [make_record(index=99, policy="late")]),
        "fast": fill(tmp_path / "fast", [replace(record, deviations=("render=fast",)) for record in BAD]),
    }
    assert main([argument.format(**places) for argument in arguments]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("error: ") and message in said.err
    assert len(said.err.splitlines()) == 1


def test_a_single_task_is_counted_as_one(tmp_path: Path, capsys: Printed) -> None:
    text = printed([fill(tmp_path, [make_record(policy=policy) for policy in "ab"])], capsys)
    assert cells(text, "task mean, 1 task")


def test_repeats_are_said_and_listed(tmp_path: Path, capsys: Printed) -> None:
    def again(records: list[Record]) -> list[Record]:
        twice = [(record, repeat) for record in records for repeat in (0, 1)]
        return [
            replace(one, key=f"{one.key}{repeat}", episode=replace(one.episode, repeat=repeat)) for one, repeat in twice
        ]

    text = printed([fill(tmp_path, [*again(GOOD), *again(BAD)])], capsys)
    assert "bad(chunk=10) and good: 64 pairs of 64 shared episodes, repeats of 32 starts" in text
    assert "Repeated starts count once, by the mean over their repeats" in text
    assert " repeat 1 |" in text
