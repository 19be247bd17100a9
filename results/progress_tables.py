"""Tables of what a policy's own estimates are worth, from `results.progress_findings`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from results.cells import NOTHING
from results.layout import Band, Row, Table
from results.progress_findings import (
    ADVANTAGE,
    ALL,
    BRIER,
    CLOCK,
    EVER,
    FAILURES,
    FROM_TARGET,
    FROM_TRUTH,
    LESS_CLOCK,
    MASS,
    MATCHED,
    PROGRESS,
    RISING,
    SOON,
    SUCCESS,
    SUCCESSES,
    WIDTH,
    WITH_TIME,
    WITH_TRUTH,
    Finding,
    Findings,
)
from results.progress_resampling import Estimate

OUTCOMES = (SUCCESSES, FAILURES, ALL)
CHANCE = 0.5
AREA = "AUROC, "


class Question(NamedTuple):
    """One line of the first table: what is asked of whose estimate, and whether less is better."""

    text: str
    outcome: str
    quantity: str
    teller: str
    less_is_better: bool


QUESTIONS = {
    "estimate of progress": (
        Question("distance from ground truth, successes", SUCCESSES, FROM_TRUTH, PROGRESS, True),
        Question("distance from ground truth, failures", FAILURES, FROM_TRUTH, PROGRESS, True),
        Question("distance from ProgVLA's target, successes", SUCCESSES, FROM_TARGET, PROGRESS, True),
        Question("rank correlation with ground truth, successes", SUCCESSES, WITH_TRUTH, PROGRESS, False),
        Question("rank correlation with ground truth, failures", FAILURES, WITH_TRUTH, PROGRESS, False),
        Question("AUROC, after equally many steps", ALL, AREA + MATCHED, PROGRESS, False),
    ),
    "estimate of success": (
        Question("Brier score of success within 18 steps", ALL, f"{SOON}: {BRIER}", SUCCESS, True),
        Question("Brier score of success at all", ALL, f"{EVER}: {BRIER}", SUCCESS, True),
        Question("AUROC, after equally many steps", ALL, AREA + MATCHED, SUCCESS, False),
    ),
    "estimate of advantage": (Question("AUROC, after equally many steps", ALL, AREA + MATCHED, ADVANTAGE, False),),
}


def worth_table(policy: str, found: Findings) -> Table:
    """Every question with the estimate's number, the clock's, their difference, and who is better."""
    rows: list[Row | Band] = []
    for band, questions in QUESTIONS.items():
        there = [one for one in questions if (one.outcome, one.quantity, one.teller) in found]
        rows += [Band(band)] * bool(there)
        rows += [Row(worth_cells(one, found)) for one in there]
    header = ("", "estimate", "clock", "estimate - clock", "estimate is", "successes", "failures")
    return Table(f"{policy}: its own estimates beside a clock", header, tuple(rows))


def worth_cells(question: Question, found: Findings) -> tuple[str, ...]:
    """The cells of one question."""
    own = found[question.outcome, question.quantity, question.teller]
    if question.quantity.startswith(AREA):
        clock = f"{CHANCE:.3f}" if np.isfinite(own.estimate.value) else NOTHING
        apart = Estimate(*(end - CHANCE for end in own.estimate))
    else:
        clock = cell(found[question.outcome, question.quantity, CLOCK].estimate)
        apart = found[question.outcome, question.quantity, LESS_CLOCK].estimate
    verdict = judged(apart, question.less_is_better)
    return (question.text, cell(own.estimate), clock, with_interval(apart), verdict, *map(str, own.counts))


def judged(apart: Estimate, less_is_better: bool) -> str:
    """Who is better, if the interval of the difference says so."""
    if not np.isfinite(apart).all():
        return NOTHING
    if apart.low <= 0 <= apart.high:
        return "not told apart"
    return "better" if (apart.high < 0) is less_is_better else "worse"


def cell(estimate: Estimate) -> str:
    """The value alone."""
    return f"{estimate.value:.3f}" if np.isfinite(estimate.value) else NOTHING


def with_interval(estimate: Estimate) -> str:
    """The value and its interval, where it has one."""
    if not np.isfinite(estimate).all():
        return cell(estimate)
    return f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"


def curve_tables(policy: str, found: Findings) -> Iterator[Table]:
    """How the estimate of progress follows the episodes, by outcome; no table where there is none."""
    quantities = (RISING, WITH_TIME, WITH_TRUTH, FROM_TRUTH, FROM_TARGET)
    rows: list[Row | Band] = []
    for outcome in OUTCOMES:
        of = [found.get((outcome, quantity, PROGRESS)) for quantity in quantities]
        if of[0] is None:
            continue
        successes, failures = found[outcome, FROM_TRUTH, PROGRESS].counts
        rows.append(Band(f"{outcome}, {successes + failures} episodes"))
        rows.append(Row(("estimate", *map(found_cell, of))))
        clock = (found.get((outcome, quantity, CLOCK)) for quantity in quantities)
        rows.append(Row((CLOCK, *map(found_cell, clock))))
    if rows:
        header = ("", "rising", "rank, time", "rank, ground truth", FROM_TRUTH, FROM_TARGET)
        yield Table(f"{policy}: progress along an episode", header, tuple(rows))


def found_cell(finding: Finding | None) -> str:
    """A finding with its interval."""
    return with_interval(finding.estimate) if finding else NOTHING


def calibration_tables(policy: str, found: Findings) -> Iterator[Table]:
    """Calibration of the probabilities of success; no table where there are none."""
    parts = ("miscalibration", "discrimination", "uncertainty")
    rows: list[Row | Band] = []
    for target in (SOON, EVER):
        for teller in (SUCCESS, CLOCK):
            of = [found.get((ALL, f"{target}: {quantity}", teller)) for quantity in (WIDTH, MASS, BRIER, *parts)]
            if of[0] is None:
                continue
            rows += [Band(f"that the episode succeeds {target}")] * (teller == SUCCESS)
            rows.append(Row(("estimate" if teller == SUCCESS else CLOCK, *map(found_cell, of))))
    if rows:
        header = ("", WIDTH, MASS, "Brier score", *parts)
        yield Table(f"{policy}: calibration of its estimate of success", header, tuple(rows))


def separation_table(policy: str, found: Findings) -> Iterator[Table]:
    """AUROC of every estimate in every way, and the clock's; no table where no task has both outcomes."""
    quantities = list(dict.fromkeys(quantity for _, quantity, _ in found if quantity.startswith(AREA)))
    tellers = [one for one in (PROGRESS, SUCCESS, ADVANTAGE) if (ALL, AREA + MATCHED, one) in found]
    if not tellers or not np.isfinite(found[ALL, AREA + MATCHED, tellers[0]].estimate.value):
        return
    rows = []
    for quantity in quantities:
        of = [found[ALL, quantity, teller] for teller in tellers]
        clock = found[ALL, quantity, CLOCK]
        rows.append(
            Row((quantity.removeprefix(AREA), *map(found_cell, of), cell(clock.estimate), *map(str, clock.counts)))
        )
    header = ("score", *tellers, CLOCK, "successes", "failures")
    yield Table(f"{policy}: AUROC, successes against failures of the same task", header, tuple(rows))


def task_table(policy: str, by_task: Mapping[str, Findings], fewest: int) -> Iterator[Table]:
    """The estimate and the clock of each task; no table for a single task."""
    columns: Sequence[tuple[str, str, str, str]] = (
        ("distance, successes", SUCCESSES, FROM_TRUTH, PROGRESS),
        ("distance, failures", FAILURES, FROM_TRUTH, PROGRESS),
        ("rank, ground truth", ALL, WITH_TRUTH, PROGRESS),
        (f"Brier, {SOON}", ALL, f"{SOON}: {BRIER}", SUCCESS),
        (f"Brier, {EVER}", ALL, f"{EVER}: {BRIER}", SUCCESS),
    )
    shown = [column for column in columns if any(column[1:] in found for found in by_task.values())]
    areas = [one for one in (PROGRESS, SUCCESS) if any((ALL, AREA + MATCHED, one) in of for of in by_task.values())]
    if len(by_task) < 2 or not areas:
        return
    rows = []
    for task, found in by_task.items():
        both = [beside_clock(found, *column[1:]) for column in shown]
        areas_cells = [found_cell(found.get((ALL, AREA + MATCHED, one))) for one in areas]
        rows.append(Row((task, *both, *areas_cells)))
    header = ("task", *(name for name, *_ in shown), *(f"AUROC, {one}" for one in areas))
    yield Table(f"{policy}: estimate / clock by task, of {fewest} episodes or more", header, tuple(rows))


def beside_clock(found: Findings, outcome: str, quantity: str, teller: str) -> str:
    """The estimate's number and the clock's."""
    if (outcome, quantity, teller) not in found:
        return NOTHING
    own, clock = (cell(found[outcome, quantity, one].estimate) for one in (teller, CLOCK))
    return NOTHING if own == NOTHING else f"{own} / {clock}"
