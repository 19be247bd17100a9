"""Figures of a policy's own estimates: progress beside the truth, reliability diagrams, AUROC over time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from results.plots import BAND_PERCENTILES, FAINT, INK, head, tidy
from results.progress_calibration import binned, equal_width, reliability
from results.progress_findings import (
    ADVANTAGE,
    ALL,
    BRIER,
    CLOCK,
    EVER,
    PROGRESS,
    SOON,
    SUCCESS,
    TELLERS,
    WIDTH,
    Findings,
    stated,
    told,
)
from results.progress_separation import Separation, after, separation
from results.progress_tracks import Bools, Clock, Floats, Track

COLOURS = {PROGRESS: "#0072B2", SUCCESS: "#009E73", ADVANTAGE: "#CC79A7", CLOCK: "#E69F00"}
TARGET_COLOUR, OTHERS = "#56B4E9", "#bbbbbb"
GRID = np.linspace(0, 1, 101)  # share of an episode that has passed
SHARES = np.arange(0, 0.99, 0.02)  # of the horizon
FEWEST = 3  # successes, and failures, of which an AUROC is drawn

HOW_CURVES = (
    "Lines: means over episodes, each stretched to its own length, the value of the last look kept to its "
    "end; bands: 10th to 90th percentile. The clock: control "
    "steps per mean length of the task's other successes, at most 1."
)
HOW_RELIABILITY = (
    "Points: ten bins of equal width, the larger the more looks; bars: Wilson's 95 % interval "
    "at the effective number of episodes. On the diagonal what was said is how often it came true. The clock knows the "
    "task and the step alone."
)
HOW_SEPARATION = (
    "Of a success and a failure of the same task, both still running, how often the success has the larger value; "
    "ties count one half, so a clock has 0.5. Bands: 95 % (Newcombe)."
)


def curves_figure(name: str, status: str, every: Sequence[Track], beside: Sequence[Clock]) -> Figure:
    """Estimated and true progress, and the clock, of successes and of failures."""
    pairs = list(zip(every, beside, strict=True))
    sides = {"successes": [pair for pair in pairs if pair[0].success]}
    sides["failures"] = [pair for pair in pairs if not pair[0].success]
    shown = {title: some for title, some in sides.items() if some}
    figure = Figure(figsize=(3.6 * len(shown) + 0.4 * (len(shown) == 1), 3.6), layout="constrained")
    panels = figure.subplots(1, len(shown), sharey=True, squeeze=False)[0]
    for axes, (title, some) in zip(panels, shown.items(), strict=True):
        draw_curve(axes, [stretched(track, track.truth) for track, _ in some], INK, "-", 0.10)
        draw_curve(axes, [stretched(track, track.progress) for track, _ in some], COLOURS[PROGRESS], "-", 0.20)
        draw_curve(axes, [stretched(track, clock.progress) for track, clock in some], COLOURS[CLOCK], "--", 0.0)
        if title == "successes":
            draw_curve(axes, [stretched(track, track.target) for track, _ in some], TARGET_COLOUR, ":", 0.0)
        axes.set_title(f"{title} ({len(some)})", fontsize=8, color=INK, loc="left")
        axes.set(xlim=(0, 1), ylim=(-0.03, 1.05), xticks=(0, 0.5, 1), yticks=(0, 0.5, 1))
        axes.set_xlabel("share of the episode", fontsize=8)
        dressed(axes)
    panels[0].set_ylabel("progress", fontsize=8)
    keys = [
        Line2D([], [], color=INK, linewidth=1.6, label="ground truth"),
        Line2D([], [], color=COLOURS[PROGRESS], linewidth=1.6, label="estimate"),
        Line2D([], [], color=COLOURS[CLOCK], linewidth=1.6, linestyle="--", label="clock"),
    ]
    if sides["successes"]:
        keys.append(Line2D([], [], color=TARGET_COLOUR, linewidth=1.6, linestyle=":", label="ProgVLA's target"))
    head(figure, f"{name}: estimated progress beside the truth", f"{status}. {HOW_CURVES}", keys)
    return figure


def stretched(track: Track, values: Floats) -> Floats:
    """(GRID,) the values over the share of the episode that has passed, straight between looks; NaN without a value."""
    known = np.isfinite(values)
    if not known.any():
        return np.full(len(GRID), np.nan)
    return np.interp(GRID * track.steps, track.at[known], values[known])


def draw_curve(axes: Axes, curves: list[Floats], colour: str, line: str, shade: float) -> None:
    """Mean and band of some curves over GRID."""
    known = np.array([curve for curve in curves if np.isfinite(curve).all()])
    if not len(known):
        return
    if shade:
        low, high = np.percentile(known, BAND_PERCENTILES, axis=0)
        axes.fill_between(GRID, low, high, color=colour, alpha=shade, linewidth=0)
    axes.plot(GRID, known.mean(axis=0), line, color=colour, linewidth=1.6)


def reliability_figure(
    name: str, status: str, every: Sequence[Track], beside: Sequence[Clock], found: Findings
) -> Figure:
    """Reliability diagrams of the probability of success, for success soon and for success at all."""
    figure = Figure(figsize=(7.2, 5.0), layout="constrained")
    grid = figure.subplots(2, 2, sharex=True, sharey="row", height_ratios=(3.4, 1))
    for target, (above, below) in zip((SOON, EVER), grid.T, strict=True):
        said = stated(target, every, beside)
        above.plot([0, 1], [0, 1], color=OTHERS, linewidth=0.8)
        for teller, probabilities in ((CLOCK, said.clock), (SUCCESS, said.policy)):
            draw_reliability(above, probabilities, said.true, teller)
        above.set_title(f"the episode succeeds {target}\n", fontsize=8, color=INK, loc="left")
        above.text(0, 1.025, scores(target, found), transform=above.transAxes, fontsize=6.5, color=FAINT)
        above.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), yticks=(0, 0.5, 1))
        draw_histogram(below, np.concatenate(said.policy), np.concatenate(said.true))
        below.set_xlabel("stated probability", fontsize=8)
        dressed(above)
        dressed(below)
    grid[0, 0].set_ylabel("how often it came true", fontsize=8)
    grid[1, 0].set_ylabel("looks", fontsize=8)
    keys = [
        Line2D([], [], color=COLOURS[SUCCESS], marker="o", markersize=4, linewidth=1.2, label="estimate of success"),
        Line2D([], [], color=COLOURS[CLOCK], marker="s", markersize=3.5, linewidth=1.0, linestyle="--", label="clock"),
        Line2D([], [], color=COLOURS[SUCCESS], linewidth=5, alpha=0.65, label="looks at which it came true"),
        Line2D([], [], color=OTHERS, linewidth=5, label="looks at which it did not"),
    ]
    head(figure, f"{name}: is its estimate of success calibrated?", f"{status}. {HOW_RELIABILITY}", keys)
    return figure


def draw_reliability(axes: Axes, said: list[Floats], true: list[Bools], teller: str) -> None:
    """The points of one teller, joined and the larger the more looks they have, the estimate's with their intervals."""
    points = reliability(binned(said, true, equal_width()))
    where, heights = [point.said for point in points], np.array([point.true.rate for point in points])
    looks = np.array([point.looks for point in points])
    own, colour = teller == SUCCESS, COLOURS[teller]
    axes.plot(where, heights, "-" if own else "--", color=colour, linewidth=1.2 if own else 1.0)
    areas = 8 + 60 * np.sqrt(looks / looks.sum())
    axes.scatter(where, heights, areas, marker="o" if own else "s", color=colour, linewidth=0, clip_on=False, zorder=3)
    for point in points if own else ():
        axes.plot([point.said] * 2, point.true.interval, color=colour, linewidth=0.9, clip_on=False)


def scores(target: str, found: Findings) -> str:
    """ECE and Brier score of the estimate, and of the clock."""
    numbers = []
    for what, quantity in (("ECE", WIDTH), ("Brier score", BRIER)):
        own, clock = (found[ALL, f"{target}: {quantity}", teller].estimate.value for teller in (SUCCESS, CLOCK))
        numbers.append(f"{what} {own:.3f} (clock {clock:.3f})")
    return ", ".join(numbers)


def draw_histogram(axes: Axes, said: Floats, true: Bools) -> None:
    """How many looks stated what, those at which it came true and the others, both from the bottom."""
    edges = np.linspace(0, 1, 21)
    for chosen, colour, alpha in ((~true, OTHERS, 0.8), (true, COLOURS[SUCCESS], 0.65)):
        count, _ = np.histogram(said[chosen], edges)
        axes.stairs(count, edges, fill=True, color=colour, alpha=alpha, linewidth=0)
    axes.set_yscale("symlog", linthresh=1)
    axes.set_ylim(bottom=0)


def separation_figure(name: str, status: str, every: Sequence[Track]) -> Figure | None:
    """AUROC of each estimate after equally many steps, over the horizon; None where too few episodes still run."""
    tellers = [teller for teller in (PROGRESS, SUCCESS, ADVANTAGE) if told(every, teller)]
    found = {teller: over_time(every, teller) for teller in tellers}
    if not any(found.values()):
        return None
    figure = Figure(figsize=(5.2, 4.4), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3.2, 1))
    above.axhline(0.5, color=COLOURS[CLOCK], linestyle="--", linewidth=1.4)
    for teller, points in found.items():
        draw_area(above, points, COLOURS[teller], band=teller != ADVANTAGE)
    reach = max(max(points) for points in found.values() if points)
    draw_running(below, every, reach)
    above.set(xlim=(0, reach), ylim=(-0.02, 1.02), yticks=(0, 0.5, 1))
    below.set_ylim(bottom=0)
    below.locator_params(axis="y", nbins=3, integer=True)
    above.set_ylabel("AUROC", fontsize=8)
    below.set_ylabel("still running", fontsize=8)
    below.set_xlabel("share of the horizon", fontsize=8)
    dressed(above)
    dressed(below)
    keys = [Line2D([], [], color=COLOURS[teller], linewidth=1.6, label=teller) for teller in found]
    keys.append(Line2D([], [], color=COLOURS[CLOCK], linewidth=1.6, linestyle="--", label="clock"))
    head(figure, f"{name}: can it tell who will fail?", f"{status}. {HOW_SEPARATION}", keys)
    return figure


def draw_running(axes: Axes, every: Sequence[Track], reach: float) -> None:
    """How many successes and failures still run, named at the right edge, the more numerous above."""
    ends = {
        name: np.array([track.steps / track.horizon for track in every if track.success is it])
        for name, it in (("successes", True), ("failures", False))
    }
    left = {name: int((some > reach).sum()) for name, some in ends.items()}
    for name, colour in (("successes", INK), ("failures", FAINT)):
        axes.plot(
            SHARES, (ends[name] > SHARES[:, None]).sum(axis=1), color=colour, linewidth=1.2, drawstyle="steps-post"
        )
        side = "bottom" if left[name] == max(left.values()) else "top"
        axes.annotate(
            name,
            (reach, left[name]),
            (4, 0),
            textcoords="offset points",
            va=side,
            fontsize=6.5,
            color=colour,
            annotation_clip=False,
        )


def over_time(every: Sequence[Track], teller: str) -> dict[float, Separation]:
    """The AUROC by share of the horizon, as far as enough episodes still run."""
    made = {float(share): separation(every, after(TELLERS[teller], float(share))) for share in SHARES}
    return {share: one for share, one in made.items() if one is not None and min(one.successes, one.failures) >= FEWEST}


def draw_area(axes: Axes, points: dict[float, Separation], colour: str, *, band: bool) -> None:
    """AUROC over shares of the horizon."""
    shares, areas = list(points), [point.area for point in points.values()]
    if band:
        axes.fill_between(
            shares, [one.low for one in areas], [one.high for one in areas], color=colour, alpha=0.15, linewidth=0
        )
    axes.plot(shares, [one.value for one in areas], color=colour, linewidth=1.6)


def dressed(axes: Axes) -> None:
    """Few lines, small numbers, a faint grid."""
    tidy(axes)
    axes.grid(color="#eeeeee", linewidth=0.6)
