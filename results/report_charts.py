"""Small charts as inline SVG: intervals in table cells, and curves with bands. Colours are the style sheet's.

Coordinates are rounded to a tenth of a unit of the view box, and a curve has at most `POINTS` points, so that a page of
fifty tasks stays small.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from markupsafe import Markup

from protocols.contracts import Record
from results.paired import Floats
from results.plots import BAND_PERCENTILES, held_curves
from results.statistics import Interval
from results.survival import kaplan_meier, wait

POINTS = 72
WIDTH, HEIGHT = 260.0, 150.0
LEFT, RIGHT, TOP, BOTTOM = 30.0, 10.0, 8.0, 24.0
COLOURS = 8  # that the style sheet has; further series begin again, told apart by their names


class Series(NamedTuple):
    """One policy's curve: middle and band after so many control steps, (K,) each, all within [0, 1]."""

    name: str
    place: int
    steps: Floats
    middle: Floats
    low: Floats
    high: Floats


def progress_series(name: str, place: int, records: Sequence[Record], horizon: int) -> Series | None:
    """Mean progress and a band of percentiles over the episodes with a verdict; None where there is none."""
    curves = held_curves(records, horizon)
    if not len(curves):
        return None
    low, high = np.percentile(curves, BAND_PERCENTILES, axis=0)
    chosen = np.unique(np.linspace(0, horizon - 1, POINTS).round().astype(int))
    picked = (values[chosen] for values in (curves.mean(axis=0), low, high))
    return Series(name, place, chosen + 1.0, *picked)


def solved_series(name: str, place: int, records: Sequence[Record], horizon: int) -> Series | None:
    """Share of the episodes that is solved (Kaplan-Meier) with 95 % limits; None where there is no verdict."""
    judged = [record for record in records if record.error is None]
    if not judged:
        return None
    curve = kaplan_meier(map(wait, judged))
    steps = np.append(curve.steps, max(horizon, int(curve.steps[-1]))).astype(np.float64)
    shares = (np.repeat(1 - values, 2) for values in (curve.unsolved, curve.high, curve.low))
    return Series(name, place, np.repeat(steps, 2)[1:-1], *shares)


def panel(title: str, series: Sequence[Series], horizon: int) -> Markup:
    """Curves over control steps from 0 to the horizon, with bands; the title and the values at the end are spoken."""
    ends = "; ".join(f"{one.name}: {100 * one.middle[-1]:.0f} % after {one.steps[-1]:.0f} steps" for one in series)
    bands, lines = Markup(), Markup()
    for one in series:
        x, colour = across(one.steps, horizon), one.place % COLOURS
        outline = points(np.append(x, x[::-1]), upwards(np.append(one.low, one.high[::-1])))
        bands += Markup('<polygon class="band c{}" points="{}"/>').format(colour, outline)
        lines += Markup('<polyline class="line c{}" points="{}"/>').format(colour, points(x, upwards(one.middle)))
    frame = Markup('<svg class="panel" viewBox="0 0 {:.0f} {:.0f}" role="img" aria-label="{}">{}{}{}</svg>')
    return frame.format(WIDTH, HEIGHT, f"{title}. {ends}", axes(horizon), bands, lines)


def across(steps: Floats, horizon: int) -> Floats:
    """Horizontal places of control steps."""
    return LEFT + (WIDTH - LEFT - RIGHT) * np.minimum(steps, horizon) / horizon


def upwards(shares: Floats) -> Floats:
    """Vertical places of values from 0 to 1."""
    return TOP + (HEIGHT - TOP - BOTTOM) * (1 - np.clip(shares, 0, 1))


def points(x: Floats, y: Floats) -> str:
    """What SVG calls points; of those on one place only the first."""
    placed = [f"{one:.1f},{other:.1f}" for one, other in zip(x, y, strict=True)]
    return " ".join(place for place, before in zip(placed, ["", *placed], strict=False) if place != before)


def axes(horizon: int) -> Markup:
    """Three grid lines and three marks of either axis."""
    drawn = Markup()
    for share in (0.0, 0.5, 1.0):
        y, x = float(upwards(np.array(share))), float(across(np.array(share * horizon), horizon))
        drawn += Markup('<line class="grid" x1="{:.1f}" x2="{:.1f}" y1="{:.1f}" y2="{:.1f}"/>').format(
            LEFT, WIDTH - RIGHT, y, y
        )
        drawn += Markup('<text x="{:.1f}" y="{:.1f}" text-anchor="end">{:g}</text>').format(LEFT - 5, y + 3.5, share)
        anchor = "end" if share == 1 else "middle" if share else "start"
        drawn += Markup('<text x="{:.1f}" y="{:.1f}" text-anchor="{}">{:g}</text>').format(
            x, HEIGHT - 7, anchor, round(share * horizon)
        )
    return drawn


def interval_mark(rate: float, interval: Interval, place: int) -> Markup:
    """A rate and its interval between 0 and 1; the numbers stand beside it, so nothing is spoken."""
    low, high, middle = (4 + 92 * value for value in (*interval, rate))
    return Markup(
        '<svg class="interval" viewBox="0 0 100 12" aria-hidden="true">'
        '<line class="grid" x1="4" x2="96" y1="6" y2="6"/>'
        '<line class="line c{0}" x1="{1:.1f}" x2="{2:.1f}" y1="6" y2="6"/><circle class="dot c{0}" cx="{3:.1f}" cy="6" '
        'r="3.6"/></svg>'
    ).format(place % COLOURS, low, high, middle)
