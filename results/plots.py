"""Figures of what was measured: `python -m results.plots --store DIR --out FOLDER [--task T] [--format png|svg|pdf]`.

Without `--task`, two figures per policy: success per task with Wilson intervals, and ground-truth progress per task,
mean and band. With `--task`, the single episodes of that task. Colours are those of Okabe and Ito, which the
colour-blind can tell apart.
"""

from __future__ import annotations

import argparse
import itertools
import math
import re
import sys
import textwrap
from collections.abc import Container, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D

from protocols.contracts import EvaluationProtocol, Record
from protocols.registry import require
from results.groups import PolicyRecords, by_policy, coverage, known_protocols
from results.options import add_source_options, records_of
from results.statistics import TIER_ORDER, Interval, Summary, by_task, by_tier, summarise, task_mean, tier_mean
from results.store import StoreError

FORMATS = ("png", "svg", "pdf")
TIER_COLOURS = dict(zip(TIER_ORDER, ("#009E73", "#0072B2", "#E69F00", "#D55E00") * 2, strict=True))
OTHER_COLOURS = ("#56B4E9", "#CC79A7", "#999999", "#000000")
SUCCESS, FAILURE, INK, FAINT = "#0072B2", "#D55E00", "#222222", "#8a8a8a"
BAND_PERCENTILES = (10, 90)


def success_figure(measured: PolicyRecords, note: str) -> Figure:
    """Success per task with Wilson intervals, best first within each tier, and the two means below."""
    rows = list(success_rows(measured))
    figure = Figure(figsize=(7.2, 1.5 + 0.19 * len(rows)), layout="constrained")
    axes = figure.subplots()
    for place, row in enumerate(rows):
        draw_success(axes, place, row)
    axes.set_yticks(range(len(rows)), [row.label for row in rows], fontsize=7.5)
    for label, row in zip(axes.get_yticklabels(), rows, strict=True):
        label.set(color=row.colour if row.strong else INK, fontweight="bold" if row.strong else "normal")
    axes.set(ylim=(len(rows) - 0.4, -0.6), xlim=(-2, 102), xticks=range(0, 101, 20))
    axes.set_xlabel("success in %, with 95 % interval", fontsize=8)
    tidy(axes)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color="#e6e6e6", linewidth=0.7)
    head(figure, f"{measured.policy} on {measured.protocol}: success per task", note)
    return figure


class SuccessRow(NamedTuple):
    """A line of the success figure; `strong` ones stand for many tasks."""

    label: str
    counts: str
    rate: float | None
    interval: Interval
    colour: str
    strong: bool


def success_rows(measured: PolicyRecords) -> Iterator[SuccessRow]:
    """Per tier its own line and its tasks', then the means."""
    colours = tier_colours(measured)
    for tier, members in by_tier(measured.records).items():
        tasks = {task: summarise(chosen) for task, chosen in by_task(members).items()}
        best_first = sorted(tasks, key=lambda task: (-(tasks[task].rate or 0.0), task))
        whole, mean = summarise(members), task_mean(members)
        shown = (mean.rate, mean.interval) if mean else (whole.rate, whole.interval)
        yield SuccessRow(spoken(tier), counts(whole), *shown, colours[tier], True)
        for task in best_first:
            one = tasks[task]
            yield SuccessRow(task, counts(one), one.rate, one.interval, colours[tier], False)
    for name, mean in (("tier mean", tier_mean(measured.records)), ("task mean", task_mean(measured.records))):
        if mean is not None:
            yield SuccessRow(name, f"{100 * mean.rate:.1f} %", mean.rate, mean.interval, INK, True)


def tier_colours(measured: PolicyRecords) -> dict[str, str]:
    """One colour per tier, in the tiers' order; the known tiers have the same one in every figure."""
    tiers = list(by_tier(measured.records))
    others = itertools.cycle(OTHER_COLOURS)
    return {tier: TIER_COLOURS.get(tier) or next(others) for tier in tiers}


def spoken(tier: str) -> str:
    """A tier's name as one says it."""
    return tier.replace("_", " ")


def counts(summary: Summary) -> str:
    """Successes per episodes, and the errors where there are some."""
    errors = f", {summary.errors} error{'s' * (summary.errors > 1)}" if summary.errors else ""
    return f"{summary.successes}/{summary.episodes}{errors}"


def draw_success(axes: Axes, place: int, row: SuccessRow) -> None:
    """A point and its interval, the counts at the right edge."""
    low, high = 100 * row.interval.low, 100 * row.interval.high
    if row.strong:
        axes.axhspan(place - 0.5, place + 0.5, color=row.colour, alpha=0.10, linewidth=0)
    if row.rate is not None:
        width, marker, size = (2.2, "D", 5) if row.strong else (1.3, "o", 4)
        axes.plot([low, high], [place, place], color=row.colour, linewidth=width, solid_capstyle="butt")
        axes.plot(100 * row.rate, place, marker, color=row.colour, markersize=size)
    weight = "bold" if row.strong else "normal"
    axes.annotate(
        row.counts,
        (1, place),
        (6, 0),
        ("axes fraction", "data"),
        textcoords="offset points",
        va="center",
        fontsize=7,
        color=INK if row.strong else FAINT,
        fontweight=weight,
        annotation_clip=False,
    )


def progress_figure(measured: PolicyRecords, note: str) -> Figure:
    """Ground-truth progress per task, small multiples: the mean over episodes, and a band of percentiles."""
    colours = tier_colours(measured)
    tasks = [
        (task, members, colours[tier])
        for tier, records in by_tier(measured.records).items()
        for task, members in by_task(records).items()
    ]
    columns = min(len(tasks), math.ceil(math.sqrt(2 * len(tasks))))
    rows = math.ceil(len(tasks) / columns)
    side = 1.5 if len(tasks) > 12 else 2.4
    figure = Figure(figsize=(max(6.0, side * columns), 1.4 + 0.85 * side * rows), layout="constrained")
    longest = max(1, *(record.steps for record in measured.records))
    for place, (task, members, colour) in enumerate(tasks):
        axes = figure.add_subplot(rows, columns, place + 1)
        draw_progress(axes, members, colour, longest)
        axes.set_title(task, fontsize=6.5, color=INK, pad=2)
        progress_axes(axes, longest)
        axes.tick_params(labelleft=place % columns == 0, labelbottom=place + columns >= len(tasks))
    figure.supxlabel("control steps", fontsize=8)
    figure.supylabel("ground-truth progress", fontsize=8)
    keys = [Line2D([], [], color=colour, linewidth=2.5, label=spoken(tier)) for tier, colour in colours.items()]
    head(figure, f"{measured.policy} on {measured.protocol}: progress per task", note, keys)
    return figure


def draw_progress(axes: Axes, members: Iterable[Record], colour: str, longest: int) -> None:
    """Mean, band and counts of one task."""
    records = list(members)
    curves = held_curves(records, longest)
    summary = summarise(records)
    if len(curves):
        time = np.arange(1, longest + 1)
        low, high = np.percentile(curves, BAND_PERCENTILES, axis=0)
        axes.fill_between(time, low, high, color=colour, alpha=0.2, linewidth=0)
        axes.plot(time, curves.mean(axis=0), color=colour, linewidth=1.4)
    axes.text(0.97, 0.06, counts(summary), transform=axes.transAxes, ha="right", fontsize=6, color=INK)


def held_curves(records: Iterable[Record], longest: int) -> npt.NDArray[np.float64]:
    """(episodes with a verdict, longest): progress after each step, the last value held after the episode's end."""
    curves = [record.progress for record in records if record.success is not None and len(record.progress)]
    padded = [np.pad(curve.astype(np.float64), (0, longest - len(curve)), mode="edge") for curve in curves]
    return np.array(padded).reshape(len(padded), longest)


def episodes_figure(measured: PolicyRecords, task: str, note: str) -> Figure:
    """Ground-truth progress of every single episode of a task; failures are numbered."""
    records = [record for record in measured.records if record.episode.task == task]
    curves = [record for record in records if record.success is not None and len(record.progress)]
    figure = Figure(figsize=(7.2, 4.2), layout="constrained")
    axes = figure.subplots()
    for record in curves:
        colour, line, marker = (SUCCESS, "-", "o") if record.success else (FAILURE, "--", "X")
        time = np.arange(1, len(record.progress) + 1)
        axes.plot(time, record.progress, line, color=colour, linewidth=1.2, alpha=0.75)
        axes.plot(time[-1], record.progress[-1], marker, color=colour, markersize=6, clip_on=False)
    number_failures(axes, [record for record in curves if not record.success])
    progress_axes(axes, max((record.steps for record in curves), default=1))
    axes.set_xlabel("control steps", fontsize=8)
    axes.set_ylabel("ground-truth progress", fontsize=8)
    keys = [
        Line2D([], [], color=SUCCESS, linestyle="-", marker="o", markersize=5, label="success"),
        Line2D([], [], color=FAILURE, linestyle="--", marker="X", markersize=5, label="failure, with its number"),
    ]
    title = f"{measured.policy}, {task}: progress of each episode, {counts(summarise(records))}"
    head(figure, title, note, keys)
    return figure


def number_failures(axes: Axes, failures: list[Record]) -> None:
    """The numbers of failed episodes beside the ends of their curves, near ones as one list."""
    clusters: list[list[Record]] = []
    for record in sorted(failures, key=lambda record: float(record.progress[-1])):
        if clusters and record.progress[-1] - clusters[-1][-1].progress[-1] < 0.06:
            clusters[-1].append(record)
        else:
            clusters.append([record])
    for cluster in clusters:
        numbers = ", ".join(str(number) for number in sorted(record.episode.index for record in cluster))
        axes.annotate(
            textwrap.fill(numbers, 16),
            (max(record.steps for record in cluster), float(np.mean([record.progress[-1] for record in cluster]))),
            (8, 0),
            textcoords="offset points",
            va="center",
            fontsize=7,
            color=FAILURE,
            annotation_clip=False,
        )


def progress_axes(axes: Axes, longest: int) -> None:
    """Progress from 0 to 1 over control steps."""
    axes.set(xlim=(0, longest), ylim=(-0.03, 1.05), yticks=(0, 0.5, 1))
    axes.locator_params(axis="x", nbins=3, integer=True)
    tidy(axes)
    axes.grid(color="#eeeeee", linewidth=0.6)


def tidy(axes: Axes) -> None:
    """Few lines, small numbers."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#bbbbbb")
    axes.tick_params(labelsize=6.5, color="#bbbbbb", labelcolor=INK, length=2)
    axes.set_axisbelow(True)


def head(figure: Figure, title: str, note: str, keys: Sequence[Line2D] = ()) -> None:
    """Title, below it in small letters what one has to know, then the keys; the axes get the rest."""
    width, height = figure.get_size_inches()
    lines = textwrap.wrap(note, width=int(19 * width))
    below = 0.36 + 0.13 * len(lines)  # inches from the upper edge
    figure.text(0.1 / width, 1 - 0.10 / height, title, fontsize=10, color=INK, va="top")
    figure.text(0.1 / width, 1 - 0.30 / height, "\n".join(lines), fontsize=6.5, color=FAINT, va="top", linespacing=1.3)
    if keys:
        place = (0.1 / width, 1 - below / height)
        figure.legend(
            handles=keys,
            loc="upper left",
            bbox_to_anchor=place,
            ncols=len(keys),
            fontsize=7,
            labelcolor=INK,
            frameon=False,
            borderpad=0,
            borderaxespad=0,
            handlelength=2.5,
        )
        below += 0.2
    engine = figure.get_layout_engine()
    assert isinstance(engine, ConstrainedLayoutEngine)
    engine.set(rect=(0, 0, 1, 1 - (below + 0.04) / height))


HOW_SUCCESS = "Bars: Wilson's 95 % interval; means: at the effective number of episodes. Diamonds stand for many tasks."
HOW_PROGRESS = (
    "Line: mean over the episodes; band: 10th to 90th percentile. An episode that has ended keeps its "
    "last value. Numbers: successes per episodes."
)
HOW_EPISODES = "Each curve ends where its episode ended."


def figures(
    measured: PolicyRecords, protocol: EvaluationProtocol | None, task: str | None
) -> Iterator[tuple[str, Figure]]:
    """The figures of one policy's records, each with the first word of its file's name."""
    status = coverage(measured, protocol)
    status = f"{', '.join((measured.protocol, *measured.deviations))}: {status}. "
    if task is None:
        yield "success", success_figure(measured, status + HOW_SUCCESS)
        yield "progress", progress_figure(measured, status + HOW_PROGRESS)
    elif task in by_task(measured.records):
        yield "episodes", episodes_figure(measured, task, status + HOW_EPISODES)


def file_stem(kind: str, measured: PolicyRecords, task: str | None, taken: Container[str]) -> str:
    """A readable file name that is not taken."""
    parts = [kind, measured.protocol, *measured.deviations, measured.policy, *([task] if task else [])]
    stem = "_".join(re.sub(r"[^A-Za-z0-9.=-]+", "-", part).strip("-") for part in parts)
    while stem in taken:
        stem += "+"
    return stem


def main(arguments: list[str] | None = None) -> int:
    """The command line: 0 done, 2 for a mistake of the user's."""
    parser = argparse.ArgumentParser(prog="python -m results.plots", description=__doc__)
    add_source_options(parser.add_argument)
    parser.add_argument("--out", type=Path, required=True, help="folder for the figures")
    parser.add_argument("--task", help="draw the single episodes of this task")
    parser.add_argument("--format", choices=FORMATS, default="png")
    chosen = parser.parse_args(arguments)
    try:
        records = records_of(chosen)
        if chosen.task is not None:
            require("task", chosen.task, {record.episode.task for record in records})
        for path in draw_all(records, chosen.task, chosen.out, chosen.format):
            print(path)
    except (StoreError, LookupError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def draw_all(records: list[Record], task: str | None, folder: Path, form: str) -> Iterator[Path]:
    """Write every figure of some records; yields the files."""
    folder.mkdir(parents=True, exist_ok=True)
    known, taken = known_protocols(records), set[str]()
    for measured in by_policy(records):
        for kind, figure in figures(measured, known.get(measured.protocol), task):
            stem = file_stem(kind, measured, task, taken)
            taken.add(stem)
            path = folder / f"{stem}.{form}"
            figure.savefig(path, dpi=160)
            yield path


if __name__ == "__main__":
    sys.exit(main())
