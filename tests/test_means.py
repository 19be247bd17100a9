"""Mean differences against scipy where pseudo pairs weigh nothing, by simulation, and the laws that they must keep."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, strategies as st
from scipy.stats import ttest_ind, ttest_rel

import results.means
from results.means import paired_mean, unpaired_mean

Floats = npt.NDArray[np.float64]
task_values = st.lists(st.floats(-1, 1), min_size=1, max_size=8)
several = st.lists(task_values, min_size=1, max_size=5)


def equal(tasks: object) -> list[float]:
    assert isinstance(tasks, list)
    return [1 / len(tasks)] * len(tasks)


def ones(tasks: object) -> list[float]:
    assert isinstance(tasks, list)
    return [1.0] * len(tasks)


def test_without_pseudo_pairs_it_is_the_paired_t_interval_of_scipy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results.means, "PSEUDO_PAIRS", 0.0)
    first, second = np.random.default_rng(0).normal(100, 30, (2, 12))
    expected = ttest_rel(first, second).confidence_interval(0.95)
    found = paired_mean([first - second], [1.0], [400.0])
    assert found == pytest.approx((float(np.mean(first - second)), *expected), abs=1e-9)


def test_without_pseudo_pairs_it_is_welchs_interval_of_scipy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results.means, "PSEUDO_PAIRS", 0.0)
    random = np.random.default_rng(0)
    first, second = random.normal(100, 30, 12), random.normal(140, 10, 7)
    expected = ttest_ind(first, second, equal_var=False).confidence_interval(0.95)
    found = unpaired_mean([first], [second], [1.0], [400.0])
    assert found == pytest.approx((first.mean() - second.mean(), *expected), abs=1e-9)


def test_pairs_that_are_all_alike_do_not_claim_to_be_certain() -> None:
    few, many = (paired_mean([np.zeros(pairs)], [1.0], [400.0]) for pairs in (5, 500))
    assert few.low == -few.high and 100 < few.high < 400
    assert 0 < many.high < 2


def test_a_single_pair_tells_nothing() -> None:
    assert paired_mean([[120.0]], [1.0], [400.0]) == (120.0, -400.0, 400.0)


def test_tasks_of_a_single_pair_are_judged_together() -> None:
    random = np.random.default_rng(0)
    values = random.normal(0.2, 0.1, 50)
    together = paired_mean([values], [1.0], [1.0])
    assert paired_mean(list(values[:, None]), [1 / 50] * 50, [1.0] * 50) == pytest.approx(together, abs=1e-9)


@given(several)
def test_the_difference_is_antisymmetric_and_stays_within_its_range(tasks: list[list[float]]) -> None:
    forward = paired_mean([np.array(task) for task in tasks], equal(tasks), ones(tasks))
    back = paired_mean([-np.array(task) for task in tasks], equal(tasks), ones(tasks))
    assert forward == pytest.approx(back.negated, abs=1e-9)
    assert -1 <= forward.low <= forward.value + 1e-9 and forward.value - 1e-9 <= forward.high <= 1


@given(several)
def test_the_order_of_tasks_and_of_pairs_does_not_matter(tasks: list[list[float]]) -> None:
    there = paired_mean(tasks, equal(tasks), ones(tasks))
    back = paired_mean([task[::-1] for task in tasks[::-1]], equal(tasks), ones(tasks))
    assert back == pytest.approx(there, abs=1e-9)


def steps(random: np.random.Generator, rate: float, pace: float, scenes: Floats) -> Floats:
    """Restricted steps to success, horizon 400, of episodes whose scenes make them easy or hard."""
    solved = random.random(scenes.shape) < 1 / (1 + np.exp(-(np.log(rate / (1 - rate)) + scenes)))
    taken = np.clip(random.lognormal(np.log(pace), 0.3, scenes.shape), 5, 400)
    return np.where(solved, taken, 400.0)


def covered(rates: tuple[float, float], tasks: int, pairs: int, times: int, *, matched: bool = True) -> float:
    """How often the interval of steps holds the true difference; scenes are shared where they are `matched`."""
    random = np.random.default_rng(0)
    weights, bounds, hits = [1 / tasks] * tasks, [400.0] * tasks, 0
    scenes = random.normal(size=400_000)
    truth = steps(random, rates[0], 80, scenes).mean() - steps(random, rates[1], 110, scenes).mean()
    for _ in range(times):
        one = random.normal(size=(tasks, pairs))
        other = one if matched else random.normal(size=(tasks, pairs))
        first, second = steps(random, rates[0], 80, one), steps(random, rates[1], 110, other)
        if matched:
            found = paired_mean(list(first - second), weights, bounds)
        else:
            found = unpaired_mean(list(first), list(second), weights, bounds)
        hits += found.low <= truth <= found.high
    return hits / times


@pytest.mark.parametrize("matched", [True, False])
@pytest.mark.parametrize("rates", [(0.9, 0.8), (0.7, 0.5)])
def test_the_interval_covers_within_one_and_a_half_points(rates: tuple[float, float], matched: bool) -> None:
    assert 0.93 <= covered(rates, tasks=10, pairs=20, times=1500, matched=matched) <= 0.975


@pytest.mark.slow
@pytest.mark.parametrize(("tasks", "pairs"), [(1, 200), (3, 70), (10, 20), (50, 10)])
@pytest.mark.parametrize("rates", [(0.9, 0.8), (0.7, 0.5), (0.5, 0.5)])
def test_the_interval_covers_within_one_and_a_half_points_at_full_size(
    rates: tuple[float, float], tasks: int, pairs: int
) -> None:
    assert 0.935 <= covered(rates, tasks, pairs, times=10_000) <= 0.965


@pytest.mark.slow
@pytest.mark.parametrize(("tasks", "pairs"), [(1, 5), (1, 20), (1, 50), (5, 5), (10, 10)])
@pytest.mark.parametrize("rates", [(0.99, 0.02), (0.98, 0.98), (0.7, 0.5)])
def test_the_interval_of_few_pairs_covers_at_least_that_much(
    rates: tuple[float, float], tasks: int, pairs: int
) -> None:
    assert covered(rates, tasks, pairs, times=4000) >= 0.935
