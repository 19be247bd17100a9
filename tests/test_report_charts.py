"""The charts of a report draw what the records say."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from protocols.contracts import Record
from results.plots import held_curves
from results.report_charts import (
    BOTTOM,
    HEIGHT,
    LEFT,
    POINTS,
    RIGHT,
    TOP,
    WIDTH,
    interval_mark,
    panel,
    points,
    progress_series,
    solved_series,
)
from results.statistics import wilson
from tests.records import make_record
from tests.reports import two_policies

TASK = [record for record in two_policies() if (record.policy, record.episode.task) == ("good", "push-v3")]
HORIZON = 400


def drawn(markup: str, name: str) -> list[tuple[float, float]]:
    """Steps and values of the first element of a class, read back from its places."""
    found = re.search(rf'class="{name} c\d" points="([^"]+)"', markup)
    assert found
    places = [tuple(map(float, place.split(","))) for place in found[1].split()]
    width, height = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    return [((x - LEFT) / width * HORIZON, 1 - (y - TOP) / height) for x, y in places]


def test_progress_is_the_mean_over_episodes_and_its_band_the_percentiles() -> None:
    series = progress_series("good", 0, TASK, HORIZON)
    assert series is not None
    curves = held_curves(TASK, HORIZON)
    steps = series.steps.astype(int) - 1
    assert len(steps) <= POINTS and steps[0] == 0 and steps[-1] == HORIZON - 1
    assert series.middle == pytest.approx(curves.mean(axis=0)[steps])
    assert series.low == pytest.approx(np.percentile(curves, 10, axis=0)[steps])
    assert series.high == pytest.approx(np.percentile(curves, 90, axis=0)[steps])


def test_what_is_drawn_reads_back_as_the_numbers() -> None:
    series = progress_series("good", 0, TASK, HORIZON)
    assert series is not None
    places = drawn(panel("Progress", [series], HORIZON), "line")
    steps, values = np.array(places).T
    assert np.interp(series.steps, steps, values) == pytest.approx(series.middle, abs=0.005)


def test_the_share_solved_steps_up_at_each_success_and_stays_to_the_horizon() -> None:
    records = [make_record(index=0, steps=100), make_record(index=1, steps=300), make_record(index=2, success=False)]
    series = solved_series("expert", 0, records, HORIZON)
    assert series is not None
    assert list(zip(series.steps, series.middle.round(3), strict=True)) == [
        *((0, 0), (100, 0)),
        *((100, 0.333), (300, 0.333)),
        *((300, 0.667), (400, 0.667)),
    ]
    assert (series.low <= series.middle).all() and (series.middle <= series.high).all()


@pytest.mark.parametrize("make", [progress_series, solved_series])
def test_episodes_without_a_verdict_are_in_no_curve(make: object) -> None:
    assert callable(make)
    errors = [make_record(index=index, success=None) for index in range(3)]
    assert make("good", 0, errors, HORIZON) is None
    alone, among = (make("good", 0, records, HORIZON) for records in (TASK, [*TASK, *errors]))
    assert alone.middle == pytest.approx(among.middle)


def test_a_panel_is_well_formed_and_says_what_it_shows() -> None:
    series = solved_series('<good> & "fast"', 9, TASK, HORIZON)
    assert series is not None
    root = ElementTree.fromstring(panel("Share solved, all tasks", [series], HORIZON))
    solved = sum(bool(record.success) for record in TASK)
    assert root.get("role") == "img"
    spoken = f'Share solved, all tasks. <good> & "fast": {100 * solved / len(TASK):.0f} % after 400 steps'
    assert root.get("aria-label") == spoken
    assert root.findall("polyline")[0].get("class") == "line c1", "the ninth series begins the colours again"


def test_points_on_one_place_are_drawn_once() -> None:
    assert points(np.array([0.0, 0.01, 5.0]), np.array([1.0, 1.01, 2.0])) == "0.0,1.0 5.0,2.0"


@pytest.mark.parametrize(("successes", "episodes"), [(0, 5), (5, 5), (3, 10)])
def test_an_interval_is_drawn_where_it_lies(successes: int, episodes: int) -> None:
    interval = wilson(successes, episodes)
    root = ElementTree.fromstring(interval_mark(successes / episodes, interval, 0))
    _, line = root.findall("line")
    assert [float(line.get(end) or "") for end in ("x1", "x2")] == pytest.approx(
        [4 + 92 * end for end in interval], abs=0.06
    )
    (dot,) = root.findall("circle")
    assert float(dot.get("cx") or "") == pytest.approx(4 + 92 * successes / episodes, abs=0.06)


def test_an_episode_of_no_steps_is_no_curve_and_no_mistake() -> None:
    nothing: list[Record] = [make_record(success=False, steps=0)]
    assert progress_series("good", 0, nothing, HORIZON) is None
    assert solved_series("good", 0, nothing, HORIZON) is not None
