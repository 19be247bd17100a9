"""What a policy's own estimates are worth: the document, the figures, and what it refuses."""

from __future__ import annotations

import csv
import io
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

import protocols
from protocols.contracts import CHAIN, Event, Look, Record
from results.groups import known_protocols
from results.progress import Evidence, figures, gathered, main, render
from results.progress_findings import EVER, FROM_TRUTH, LESS_CLOCK, MATCHED, PROGRESS, SOON
from results.store import Store
from tests.estimates import evaluation
from tests.records import make_evaluation, with_errors

Printed = pytest.CaptureFixture[str]
RECORDS = evaluation()
TEXT: dict[str, str] = {}  # the document of these by form, made once


def fill(folder: Path, records: list[Record]) -> str:
    with Store(folder, write=True) as store:
        for record in records:
            store.add(record)
    return str(folder)


def document(records: list[Record], form: str = "markdown") -> str:
    known = known_protocols(records)
    if records is RECORDS and form not in TEXT:
        TEXT[form] = render(*gathered(records, known), known, form)
    return TEXT[form] if records is RECORDS else render(*gathered(records, known), known, form)


def rows(records: list[Record]) -> dict[tuple[str, ...], dict[str, str]]:
    """The CSV by policy, task, outcome, quantity and teller."""
    key = ("policy", "task", "outcome", "quantity", "estimate_of")
    lines = csv.DictReader(io.StringIO(document(records, "csv")))
    return {tuple(line[name] for name in key): line for line in lines}


def one(records: list[Record]) -> Evidence:
    (found,), _ = gathered(records, known_protocols(records))
    return found


def said(records: list[Record], **estimates: float | None) -> list[Record]:
    """The same records with other estimates at every look."""
    return [replace(record, looks=tuple(look._replace(**estimates) for look in record.looks)) for record in records]


def test_the_document_does_not_depend_on_the_order_of_records_or_on_other_policies() -> None:
    shuffled = list(RECORDS)
    random.Random(0).shuffle(shuffled)
    assert document(shuffled) == document(RECORDS) and document(shuffled, "csv") == document(RECORDS, "csv")
    more = rows([*RECORDS, *evaluation("another", seed=5)])
    assert {key: line for key, line in more.items() if key[0] == "vla"} == rows(RECORDS)


def test_every_part_has_its_table_and_says_how_it_was_made() -> None:
    text = document(RECORDS)
    for caption in (
        "its own estimates beside a clock",
        "progress along an episode",
        "calibration of its estimate of success",
        "AUROC, successes against failures of the same task",
        "estimate / clock by task, of 5 episodes or more",
    ):
        assert f"### vla: {caption}" in text
    assert "estimates of progress, success, advantage at" in text and "Newcombe" in text
    assert document(RECORDS, "latex").count(r"\begin{table}") == 5


def test_a_head_that_follows_the_truth_beats_the_clock_and_a_clock_does_not() -> None:
    truthful = [
        replace(record, looks=tuple(look._replace(progress=float(record.progress[look.step])) for look in record.looks))
        for record in RECORDS
    ]
    for outcome in ("successes", "failures"):
        found = one(truthful).found[outcome, FROM_TRUTH, LESS_CLOCK].estimate
        assert found.high < 0
    elapsed = [
        replace(record, looks=tuple(Look(look.step, look.step / 500, None) for look in record.looks))
        for record in RECORDS
    ]
    evidence = one(elapsed)
    assert evidence.found["all", f"AUROC, {MATCHED}", PROGRESS].estimate.value == 0.5
    assert "| not told apart |" in document(elapsed)


def test_the_length_of_an_episode_gives_its_end_away_and_the_clock_says_so() -> None:
    found = one(RECORDS).found
    assert found["all", "AUROC, last look", "clock"].estimate.value < 0.05
    assert found["all", f"AUROC, {MATCHED}", "clock"].estimate.value == 0.5


def test_the_csv_has_the_numbers_of_the_tables_overall_and_by_task() -> None:
    lines = rows(RECORDS)
    distance = lines["vla", "", "successes", FROM_TRUTH, PROGRESS]
    assert f"{float(distance['value']):.3f} [{float(distance['low']):.3f}, {float(distance['high']):.3f}]" in document(
        RECORDS
    )
    assert {key[1] for key in lines} == {"", "peg-insert-side-v3", "push-v3", "reach-v3"}
    assert {line["successes"] for key, line in lines.items() if key[2] == "failures"} == {"0"}
    wanted = np.mean([(look.success - bool(record.success)) ** 2 for record in RECORDS for look in record.looks])  # type: ignore[operator]
    assert float(lines["vla", "", "all", f"{EVER}: Brier", "success"]["value"]) == pytest.approx(wanted, rel=1e-5)


def test_a_policy_that_estimates_only_some_things_has_only_their_tables() -> None:
    text = document(said(RECORDS, success=None, advantage=None))
    assert "estimates of progress at" in text and "calibration of" not in text and SOON not in text
    text = document(said(RECORDS, progress=None, advantage=None))
    assert "estimates of success at" in text and "progress along an episode" not in text


def test_a_policy_may_say_nothing_in_most_episodes() -> None:
    text = document([*RECORDS[:2], *said(RECORDS[2:], progress=None, success=None, advantage=None)])
    assert "estimates of progress, success, advantage" in text and "nan" not in text


def test_estimates_that_never_change_are_counted() -> None:
    text = document(said(RECORDS, progress=0.5))
    assert "the estimate of progress never changes in 36 episodes, whose rank correlation counts as 0" in text
    still = [replace(record, progress=np.zeros_like(record.progress)) for record in RECORDS[:1]]
    assert "ground truth never changes in 1 episodes" in document([*still, *RECORDS[1:]])


@pytest.mark.parametrize(("success", "ended"), [(True, "succeeded"), (False, "failed")])
def test_of_one_outcome_the_auroc_is_not_defined(success: bool, ended: str) -> None:
    records = [record for record in RECORDS if record.success is success]
    text = document(records)
    assert f"AUROC is not defined: all {len(records)} episodes {ended}" in text
    assert "### vla: AUROC" not in text and "nan" not in text
    assert {kind for kind, _ in figures(one(records), None)} == {"estimate", "reliability"}


def test_outcomes_of_two_tasks_make_no_pair() -> None:
    records = [record for record in RECORDS if record.success is (record.episode.task == "push-v3")]
    assert "AUROC is not defined: no task has both a success and a failure" in document(records)


def test_episodes_without_a_verdict_are_left_out() -> None:
    free = [replace(record, protocol="made_up") for record in RECORDS]
    assert "in 31 episodes with a verdict" in document(with_errors(free, 5))
    with pytest.raises(ValueError, match="vla: refused, 36 of 36 episodes have no verdict"):
        document(with_errors(RECORDS, 36))


def test_a_policy_without_estimates_is_named_and_alone_refused(tmp_path: Path, capsys: Printed) -> None:
    silent = make_evaluation(protocols.load("metaworld_mt50").changed(tasks=["reach-v3"], trials=3), "expert")
    assert "- policy expert on metaworld_mt50 makes no estimates" in document([*RECORDS, *silent])
    store = fill(tmp_path, [*RECORDS, *silent])
    assert main(["--store", store, "--policy", "expert"]) == 2
    assert capsys.readouterr().err == "error: policy expert on metaworld_mt50 makes no estimates\n"


def test_chains_are_refused() -> None:
    chains = [
        replace(record, tier="chain", events=(Event(1, f"{CHAIN}a, b"),), protocol="calvin_abc_d") for record in RECORDS
    ]
    with pytest.raises(ValueError, match="in chains estimates are about the subtask at hand"):
        document(chains)


def test_what_is_no_probability_is_refused_by_name() -> None:
    wrong = said(RECORDS[:2], success=1.5)
    with pytest.raises(ValueError, match=r"policy vla on metaworld_mt50: estimates of success are probabilities.*1\.5"):
        document(wrong)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--policy", "vlo"], "no policy named 'vlo'; did you mean 'vla'? There are: vla"),
        (["--task", "reach-v2"], "no task named 'reach-v2'; did you mean 'reach-v3'?"),
        (["--protocol", "metaworld_mt10"], "no protocol named 'metaworld_mt10'; did you mean 'metaworld_mt50'?"),
        (["--check", "nowhere.md"], "No such file or directory: 'nowhere.md'"),
    ],
)
def test_a_users_mistake_is_one_line(arguments: list[str], message: str, tmp_path: Path, capsys: Printed) -> None:
    assert main(["--store", fill(tmp_path, RECORDS), *arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and message in error and len(error.splitlines()) == 1


def test_the_command_writes_text_and_figures_and_checks_them(tmp_path: Path, capsys: Printed) -> None:
    store, out = fill(tmp_path / "store", RECORDS), tmp_path / "out"
    assert main(["--store", store, "--out", str(out), "--pictures", "svg"]) == 0
    names = sorted(path.name for path in out.iterdir())
    stem = "metaworld-mt50_vla"
    assert names == [f"{kind}_{stem}.svg" for kind in ("estimate",)] + [
        "progress.md",
        *(f"{kind}_{stem}.svg" for kind in ("reliability", "separation")),
    ]
    assert capsys.readouterr().out.split() == [str(out / name) for name in (names[1], names[0], *names[2:])]
    assert main(["--store", store]) == 0 and capsys.readouterr().out == (out / "progress.md").read_text()
    assert main(["--store", store, "--check", str(out / "progress.md")]) == 0
    (out / "progress.md").write_text("other")
    assert main(["--store", store, "--check", str(out / "progress.md")]) == 1


def test_one_task_can_be_looked_at_alone(tmp_path: Path, capsys: Printed) -> None:
    assert main(["--store", fill(tmp_path, RECORDS), "--task", "push-v3", "--format", "csv"]) == 0
    lines = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert {line["task"] for line in lines} == {"", "push-v3"}
    assert {int(line["successes"]) + int(line["failures"]) for line in lines} <= set(range(13))


def texts(figure: Figure) -> set[str]:
    return {text.get_text() for text in figure.findobj(Text)}


def test_the_figures_name_outcomes_targets_and_the_clock() -> None:
    made = dict(figures(one(RECORDS), None))
    for figure in made.values():
        figure.canvas.draw()
        assert "clock" in texts(figure)
    successes = sum(record.success is True for record in RECORDS)
    assert {f"successes ({successes})", f"failures ({36 - successes})", "ProgVLA's target"} <= texts(made["estimate"])
    assert any("the episode succeeds within 18 steps" in text for text in texts(made["reliability"]))
    assert {"progress", "success", "advantage", "AUROC"} <= texts(made["separation"])
