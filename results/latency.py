"""Success against simulated latency: `python -m results.latency --store DIR [--figure FILE]`.

Of every policy that was run with `harness.run --latency`, and without, under one protocol: a table, and with --figure a
curve. Intervals are those of the task mean (`results.statistics.stratified`), each point by itself. A curve joins only
points over the same starts: an episode that has no verdict at one of its latencies, or another start, is left out of
all of them, and the caption says how many are left. For two points `harness.compare` tells more.

Where one policy at one latency is there in several versions, of weights or packages, each is a curve of its own, since
records do not tell which version at one latency goes with which at another.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from protocols.contracts import LATE, Record
from results.cells import interval_cell, rate_cell
from results.documents import deliver
from results.groups import PolicyRecords, by_policy, known_protocols, refusal
from results.layout import Block, Bullets, Heading, Row, Table, latex, markdown
from results.options import add_source_options, records_of
from results.pairs import Start, start_of
from results.plots import INK, SUCCESS, head, tidy
from results.statistics import Mean, summarise, task_mean

FORMS: Mapping[str, Callable[[Sequence[Block]], str]] = {"markdown": markdown, "latex": latex}
COLOURS = (SUCCESS, "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MARKERS = "osD^vP"

Reached = tuple[Start, str]  # the start that an episode asks for, and the fingerprint of the one it had


class Point(NamedTuple):
    """What a policy reached at one latency: `steps` late, None for a trace, which has its `name`."""

    name: str
    steps: int | None
    measured: PolicyRecords
    mean: Mean


class Curve(NamedTuple):
    """One policy at several latencies, over the same starts; constants ascending, then traces by name.

    policy: its name; where there are several versions, with the start of `deciding`.
    starts: how many all points share. most: how many the point with the most has.
    """

    policy: str
    setting: str
    points: tuple[Point, ...]
    starts: int
    most: int


def late(policy: str) -> tuple[str, str]:
    """A recorded name in two: the policy's without latency, and the latency's; "0" where plans arrive at once."""
    name, _, latency = policy.partition(LATE)
    return name, latency or "0"


def curves(groups: Sequence[PolicyRecords]) -> list[Curve]:
    """Every policy that was late at least once, at all its latencies; those without a verdict are left out."""
    found: dict[tuple[str, ...], list[PolicyRecords]] = defaultdict(list)
    for measured in groups:
        policy, _ = late(measured.records[0].policy)
        version = measured.policy.removeprefix(measured.records[0].policy)  # where two of one name differ
        if reached(measured):
            setting = ", ".join((measured.protocol, *measured.deviations))
            found[policy + version, setting, measured.conditions].append(measured)
    return [
        joined(policy, setting, members)
        for (policy, setting, _), members in found.items()
        if any(LATE in measured.records[0].policy for measured in members)
    ]


def reached(measured: PolicyRecords) -> dict[Reached, Record]:
    """The records with a verdict, by their start."""
    return {(start_of(record), record.fingerprint): record for record in measured.records if record.error is None}


def joined(policy: str, setting: str, members: Sequence[PolicyRecords]) -> Curve:
    """A curve over the starts that all its points share; without points where there are none."""
    starts = [reached(measured) for measured in members]
    common = set.intersection(*(set(some) for some in starts))
    points = []
    for measured, some in zip(members, starts, strict=True):
        kept = tuple(record for start, record in some.items() if start in common)
        _, latency = late(measured.records[0].policy)
        if mean := task_mean(kept):
            steps = int(latency) if latency.isdecimal() else None
            points.append(Point(latency, steps, replace(measured, records=kept), mean))
    points.sort(key=lambda point: (point.steps is None, point.steps, point.name))
    return Curve(policy, setting, tuple(points), len(common), max(map(len, starts)))


def table(curve: Curve) -> Table:
    """A row per latency."""
    rows = []
    for point in curve.points:
        summary = summarise(point.measured.records)
        solved = f"{summary.successes}/{summary.episodes}"
        rows.append(Row((point.name, solved, rate_cell(point.mean), interval_cell(point.mean))))
    header = ("latency in control steps, or trace", "solved", "success in %, task mean", "95 %")
    return Table(f"success against latency, over {over(curve)}", header, tuple(rows))


def over(curve: Curve) -> str:
    """How many starts the points of a curve share."""
    of = "" if curve.starts == curve.most else f" of {curve.most}"
    return f"the {curve.starts}{of} starts that all of them have a verdict of"


def figure(drawn: Sequence[Curve]) -> Figure:
    """The curves of constant latencies, with intervals; one pair of axes for each setting."""
    settings = list(dict.fromkeys(curve.setting for curve in drawn))
    picture = Figure(figsize=(6.0, 0.9 + 2.7 * len(settings)), layout="constrained")
    every = picture.subplots(len(settings), squeeze=False)[:, 0]
    for setting, axes in zip(settings, every, strict=True):
        for number, curve in enumerate(curve for curve in drawn if curve.setting == setting):
            draw(axes, curve, COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)])
        axes.set(ylim=(-3, 103), yticks=range(0, 101, 25))
        axes.set_title(setting, fontsize=8, color=INK, loc="left")
        axes.set_ylabel("success in %", fontsize=8)
        axes.locator_params(axis="x", integer=True)
        axes.legend(fontsize=7, frameon=False, labelcolor=INK)
        tidy(axes)
        axes.grid(color="#eeeeee", linewidth=0.6)
    every[-1].set_xlabel("control steps by which plans arrive late", fontsize=8)
    head(picture, "Success against latency", "Task means with 95 % intervals. While a plan is late the robot holds.")
    return picture


def draw(axes: Axes, curve: Curve, colour: str, marker: str) -> None:
    """One curve with its intervals."""
    constant = [(point.steps, point.mean) for point in curve.points if point.steps is not None]
    steps, rates = [steps for steps, _ in constant], [100 * mean.rate for _, mean in constant]
    limits = [[100 * abs(mean.interval[end] - mean.rate) for _, mean in constant] for end in (0, 1)]
    label = f"{curve.policy} ({curve.starts} starts)"
    line = axes.errorbar(steps, rates, limits, color=colour, label=label, capsize=2.5)
    line.lines[0].set(marker=marker, markersize=4, linewidth=1.2)


def render(records: list[Record], form: str) -> tuple[str, list[Curve]]:
    """The document, and the curves in it.

    Raises:
        ValueError: no policy was late, or there are too many episodes without a verdict.
    """
    known, groups = known_protocols(records), by_policy(records)
    refused = [reason for one in groups if LATE in one.policy and (reason := refusal(one, known.get(one.protocol)))]
    every = curves([one for one in groups if not refusal(one, known.get(one.protocol))])
    made = [curve for curve in every if curve.points]
    refused += [
        f"{curve.policy} on {curve.setting}: its latencies share no start, run all of them with the same --tasks"
        for curve in every
        if not curve.points
    ]
    if not made:
        raise ValueError("; ".join(refused) or "no policy was run with a latency; run one with harness.run --latency K")
    blocks: list[Block] = []
    for curve in made:
        blocks += [Heading(f"{curve.policy} on {curve.setting}"), table(curve)]
    return FORMS[form]([*blocks, *([Bullets(tuple(refused))] if refused else [])]), made


def main(arguments: list[str] | None = None) -> int:
    """The command line: 0 done, 2 for a mistake of the user's."""
    parser = argparse.ArgumentParser(prog="python -m results.latency", description=__doc__)
    add_source_options(parser.add_argument)
    parser.add_argument("--format", choices=FORMS, default="markdown")
    parser.add_argument("--out", type=Path, help="write the table to this file")
    parser.add_argument("--figure", type=Path, help="draw the curves into this file: png, svg or pdf")
    chosen = parser.parse_args(arguments)

    def make() -> str:
        records = records_of(chosen)
        text, made = render(records, chosen.format)
        if chosen.figure:
            figure(made).savefig(chosen.figure, dpi=160)
        return text

    return deliver(make, chosen.out)


if __name__ == "__main__":
    sys.exit(main())
