"""Time to success against lifelines, and the laws that it must keep."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st

from results.survival import Wait, kaplan_meier, median, restricted, restricted_mean, wait
from tests.records import make_record

# Freireich et al. 1963, Blood 21:699: weeks in remission with 6-MP, censored where False; expected numbers: lifelines
# 0.30.3, KaplanMeierFitter and restricted_mean_survival_time
REMISSIONS = [6, 6, 6, 7, 10, 13, 16, 22, 23, 6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
LEUKEMIA = [Wait(weeks, place < 9) for place, weeks in enumerate(REMISSIONS)]
CURVE = {  # week: unsolved, low, high
    0: (1.0, 1.0, 1.0),
    6: (0.857142857142857, 0.6197179552659838, 0.9515517476469969),
    7: (0.8067226890756299, 0.5631465646222333, 0.9228090192028802),
    10: (0.7529411764705878, 0.5031995107999564, 0.8893618351692651),
    13: (0.6901960784313722, 0.4316102224861839, 0.8490659633494505),
    16: (0.6274509803921566, 0.36751085598750194, 0.8049121894718411),
    22: (0.5378151260504199, 0.26777893676713493, 0.7467907176353943),
    23: (0.44817927170868327, 0.18805200595923233, 0.6801426284952412),
}
EPISODES = [  # steps of ten episodes, two failures at a horizon of 400; lifelines again
    *(Wait(steps, True) for steps in (48, 75, 120, 48, 399, 400, 12, 200)),
    *(Wait(400, False),) * 2,
]
waits = st.lists(st.builds(Wait, st.integers(1, 50), st.booleans()), min_size=1, max_size=30)


def test_the_curve_and_its_limits_are_those_of_lifelines() -> None:
    curve = kaplan_meier(LEUKEMIA)
    assert curve.steps.tolist() == list(CURVE)
    for place, row in enumerate(CURVE.values()):
        assert (curve.unsolved[place], curve.low[place], curve.high[place]) == pytest.approx(row, abs=1e-9)
    assert median(curve) == 23


@pytest.mark.parametrize(
    ("horizon", "mean"), [(10, 9.277310924369745), (20, 16.116526610644254), (35, 23.287394957983185)]
)
def test_the_restricted_mean_is_that_of_lifelines(horizon: int, mean: float) -> None:
    assert restricted_mean(kaplan_meier(LEUKEMIA), horizon) == pytest.approx(mean, abs=1e-9)


def test_episodes_of_one_horizon_give_what_lifelines_gives() -> None:
    curve = kaplan_meier(EPISODES)
    assert curve.unsolved.tolist() == pytest.approx([1.0, 0.9, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2], abs=1e-9)
    assert (curve.low[-1], curve.high[-1]) == pytest.approx((0.030909024308019593, 0.47471469044054654), abs=1e-9)
    assert median(curve) == 120
    assert restricted_mean(curve, 400) == pytest.approx(210.2, abs=1e-9)


def test_all_failures_and_all_successes_stay_flat_and_fall_to_zero() -> None:
    flat, fallen = kaplan_meier([Wait(400, False)] * 3), kaplan_meier([Wait(9, True)] * 3)
    assert (flat.unsolved.tolist(), median(flat), restricted_mean(flat, 400)) == ([1.0], None, 400.0)
    assert (fallen.unsolved.tolist(), median(fallen), restricted_mean(fallen, 400)) == ([1.0, 0.0], 9, 9.0)
    assert fallen.low.tolist() == fallen.high.tolist() == [1.0, 0.0]


@given(waits)
def test_the_curve_falls_within_its_limits(some: list[Wait]) -> None:
    curve = kaplan_meier(some)
    assert (np.diff(curve.unsolved) < 1e-12).all()
    assert (curve.low <= curve.unsolved + 1e-12).all() and (curve.unsolved <= curve.high + 1e-12).all()
    assert curve.low.min() >= 0 and curve.high.max() <= 1


@given(waits.flatmap(lambda some: st.tuples(st.just(some), st.permutations(some))))
def test_the_order_of_episodes_does_not_matter(both: tuple[list[Wait], list[Wait]]) -> None:
    some, shuffled = both
    assert kaplan_meier(shuffled).unsolved.tolist() == kaplan_meier(some).unsolved.tolist()


def test_a_failure_is_censored_at_the_horizon_whenever_it_ended() -> None:
    dropped, solved = make_record(success=False, steps=90, max_steps=400), make_record(steps=90, max_steps=400)
    assert (wait(dropped), wait(solved)) == (Wait(400, False), Wait(90, True))


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 400)), min_size=1, max_size=20))
def test_the_mean_of_restricted_steps_is_the_restricted_mean(ends: list[tuple[bool, int]]) -> None:
    records = [make_record(index=place, success=end[0], steps=end[1]) for place, end in enumerate(ends)]
    area = restricted_mean(kaplan_meier(map(wait, records)), 400)
    assert np.mean([restricted(record) for record in records]) == pytest.approx(area, abs=1e-9)
