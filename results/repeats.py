"""Repeats of the same starts: `python -m results.repeats --store DIR`, of runs with `harness.run --repeats N`.

Which share of the variance of success is the scene's, and which the policy's own noise; and pass^k, the chance that
one start is solved k times out of k, which is what a user of the robot meets.

Variance: outcomes of a task are 0 or 1, each start a class of a one-way random-effects layout, and the components are
those of the analysis of variance by the method of moments, classes of unequal size allowed: noise = MSW, scene =
(MSB - MSW) / r0 with r0 = (N - sum(r_i^2) / N) / (n - 1) (Searle, Casella and McCulloch, Variance Components, 1992,
3.6; for binary outcomes Ridout, Demetrio and Firth 1999, Biometrics 55:137). Nothing is assumed of the distribution:
the two estimate the mean of p_i (1 - p_i) and the variance of p_i without bias, p_i being the start's own rate. A
negative estimate, which is chance where scenes differ little, is shown as 0. Over several tasks sums of squares and
degrees of freedom are added up, so that differences between tasks are in neither part.

pass^k: the mean over starts of C(s, k) / C(r, k), s successes of r repeats, which is unbiased (Yao et al. 2024,
tau-bench, arXiv 2406.12045, section 4). pass^1 is the success rate.

Intervals take starts, not repeats, as independent: Wilson's at an effective number of episodes, as
`results.statistics.stratified`, with a start's value in place of an outcome. Simulated for 1 to 10 tasks of 5 to 20
starts, 4 repeats of each, beta-distributed rates of mean 0.1 to 0.9, and scenes that explain none to 95 % of the
variance, they covered 93 % and more for pass^1, mostly 95 to 98, and 92 % and more for pass^2 and pass^3.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from math import comb
from pathlib import Path
from typing import NamedTuple

import numpy as np

from protocols.contracts import Record
from results.cells import NOTHING, interval_cell, percent, rate_cell
from results.documents import deliver
from results.groups import PolicyRecords, by_policy, known_protocols, refusal
from results.layout import Block, Bullets, Heading, Row, Table, latex, markdown
from results.options import add_source_options, records_of
from results.statistics import Mean, by_task, wilson


class Start(NamedTuple):
    """How often a policy solved one start, and of how many repeats with a verdict."""

    successes: int
    repeats: int


class Parts(NamedTuple):
    """Estimated components of the variance of success, from 0 to about 0.25 each; `scene` may be below 0 by chance."""

    scene: float
    noise: float

    @property
    def share(self) -> float | None:
        """The scene's share of the whole, from 0 to 1; None where there is no variance."""
        scene = max(0.0, self.scene)
        return scene / (scene + self.noise) if scene + self.noise > 0 else None


def starts(records: Iterable[Record]) -> list[Start]:
    """The starts of one task, by index, those without a verdict left out."""
    verdicts = sorted((record for record in records if record.error is None), key=lambda record: record.episode.index)
    groups = (list(group) for _, group in groupby(verdicts, key=lambda record: record.episode.index))
    return [Start(sum(bool(record.success) for record in group), len(group)) for group in groups]


def variance_parts(tasks: Iterable[Sequence[Start]]) -> Parts | None:
    """The components of variance within tasks; None where no start has a repeat, or no task two starts."""
    between = within = size = 0.0
    between_freedom = within_freedom = 0
    for task in (np.array(task, np.float64).reshape(-1, 2) for task in tasks):
        successes, repeats = task.T
        if not (total := repeats.sum()):
            continue
        rates = successes / repeats
        between += float((repeats * (rates - successes.sum() / total) ** 2).sum())
        within += float((repeats * rates * (1 - rates)).sum())
        size += float(total - (repeats**2).sum() / total)
        between_freedom += len(task) - 1
        within_freedom += int(total) - len(task)
    if not between_freedom or not within_freedom:
        return None
    noise = within / within_freedom
    return Parts((between / between_freedom - noise) / (size / between_freedom), noise)


def pass_rate(start: Start, times: int) -> float | None:
    """The unbiased estimate of the chance to solve a start `times` times in a row; None where it has fewer repeats."""
    return comb(start.successes, times) / comb(start.repeats, times) if start.repeats >= times else None


def pass_mean(tasks: Iterable[Sequence[Start]], times: int, weights: Sequence[float] | None = None) -> Mean | None:
    """pass^k as the mean of the tasks' means, with its interval; None where a task has too few repeats.

    Args:
        tasks: starts with a verdict, by task.
        times: k.
        weights: one per task, with sum 1; None for equal ones, tasks without a start left out.
    """
    rates = [[rate for start in task if (rate := pass_rate(start, times)) is not None] for task in tasks if task]
    if not rates or not all(rates):
        return None
    share = np.full(len(rates), 1 / len(rates)) if weights is None else np.asarray(weights)
    mean, guarded = float(share @ [np.mean(task) for task in rates]), [np.array([*task, 0.0, 1.0]) for task in rates]
    alike = float(share @ [task.mean() for task in guarded])
    variance = share**2 @ [task.var() / (len(task) - 2) for task in guarded]
    effective = alike * (1 - alike) / float(variance)
    return Mean(mean, wilson(min(mean, 1.0) * effective, effective))


def times_shown(tasks: Iterable[Sequence[Start]]) -> list[int]:
    """Which k of pass^k are worth a column: powers of two, and the number of repeats."""
    most = max((start.repeats for task in tasks for start in task), default=1)
    return sorted({2**power for power in range(most.bit_length()) if 2**power <= most} | {most})


def blocks(measured: PolicyRecords) -> list[Block]:
    """One policy's repeats: task by task, and the mean of tasks."""
    tasks = {name: starts(records) for name, records in by_task(measured.records).items()}
    times = times_shown(tasks.values())
    header = ("task", "starts", "repeats", "scene", "noise", *(f"pass^{k}" for k in times), "95 % of pass^1")
    rows = [row(name, [tasks[name]], times) for name in tasks]
    if len(tasks) > 1:
        rows.append(row("task mean", list(tasks.values()), times, total=True))
    lines = [
        "scene and noise: shares of the variance of success within a task, in %",
        "pass^k: chance to solve a start k times out of k, in %; pass^1 is the success rate",
    ]
    parts = variance_parts(tasks.values())
    if parts is not None and parts.share is not None:
        lines.append(worth(parts.share, times[-1]))
    title = ", ".join((measured.protocol, *measured.deviations))
    return [
        Heading(f"{measured.policy} on {title}: repeats"),
        Table("within tasks", header, tuple(rows)),
        Bullets((*lines,)),
    ]


def row(name: str, tasks: Sequence[Sequence[Start]], times: Sequence[int], *, total: bool = False) -> Row:
    """One line of the table."""
    parts = variance_parts(tasks)
    share = None if parts is None else parts.share
    shares = (NOTHING, NOTHING) if share is None else (percent(share), percent(1 - share))
    counts = [start.repeats for task in tasks for start in task]
    few, many = min(counts, default=0), max(counts, default=0)
    passes = [pass_mean(tasks, k) for k in times]
    repeats = str(few) if few == many else f"{few} to {many}"
    cells = (name, str(len(counts)), repeats, *shares, *map(rate_cell, passes), interval_cell(passes[0]))
    return Row(cells, rule=total, total=total)


def worth(share: float, repeats: int) -> str:
    """What a repeat tells in comparison with another start: the design effect 1 + (r - 1) ICC (Kish 1965)."""
    effect = 1 + (repeats - 1) * share
    return f"{repeats} repeats of a start tell as much of the success rate as {repeats / effect:.1f} starts run once"


def render(records: list[Record], form: str) -> str:
    """The document.

    Raises:
        ValueError: nothing was repeated, or there are too many episodes without a verdict.
    """
    known, made, refused = known_protocols(records), list[Block](), list[str]()
    for measured in by_policy(records, repeats=True):
        if not any(record.episode.repeat for record in measured.records):
            continue
        if reason := refusal(measured, known.get(measured.protocol)):
            refused.append(reason)
        else:
            made += blocks(measured)
    if not made:
        raise ValueError("; ".join(refused) or "no episode was repeated; run them with harness.run --repeats N")
    made += [Bullets((*refused,))] if refused else []
    return FORMS[form](made)


FORMS: Mapping[str, Callable[[Sequence[Block]], str]] = {"markdown": markdown, "latex": latex}


def main(arguments: list[str] | None = None) -> int:
    """The command line: 0 done, 2 for a mistake of the user's."""
    parser = argparse.ArgumentParser(prog="python -m results.repeats", description=(__doc__ or "").partition("\n\n")[0])
    add_source_options(parser.add_argument)
    parser.add_argument("--format", choices=FORMS, default="markdown")
    parser.add_argument("--out", type=Path, help="write to this file")
    chosen = parser.parse_args(arguments)

    def make() -> str:
        return render(records_of(chosen), chosen.format)

    return deliver(make, chosen.out)


if __name__ == "__main__":
    sys.exit(main())
