"""Unpaired success against scipy, statsmodels and R."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy.stats import fisher_exact

from results.unpaired import TwoRates, fisher, unpaired_difference

NEWCOMBE = [  # statsmodels 0.15.0, confint_proportions_2indep(method="newcomb", compare="diff")
    (TwoRates(56, 70, 48, 80), 0.05243147240236498, 0.33387265403690614),
    (TwoRates(9, 10, 3, 10), 0.1705227239345029, 0.809017973535488),
    (TwoRates(10, 10, 0, 10), 0.6075093504305241, 1.0),
    (TwoRates(0, 10, 0, 20), -0.1611251580528194, 0.27753279986288926),
    (TwoRates(41, 50, 35, 50), -0.04806889538036205, 0.28025038738809993),
]
RABBITS = [  # R's mantelhaen.test example: cured of treated at once, cured of treated after 1.5 hours
    TwoRates(0, 6, 0, 5),
    TwoRates(3, 6, 0, 6),
    TwoRates(6, 6, 2, 6),
    TwoRates(5, 6, 6, 6),
    TwoRates(2, 2, 5, 5),
]


@st.composite
def two_rates(draw: st.DrawFn) -> TwoRates:
    first, second = draw(st.integers(1, 25)), draw(st.integers(1, 25))
    return TwoRates(draw(st.integers(0, first)), first, draw(st.integers(0, second)), second)


def turned(task: TwoRates) -> TwoRates:
    return TwoRates(task.second, task.second_episodes, task.first, task.first_episodes)


@pytest.mark.parametrize(("task", "low", "high"), NEWCOMBE)
def test_the_interval_of_one_task_is_newcombes_as_statsmodels_gives_it(task: TwoRates, low: float, high: float) -> None:
    value = task.first / task.first_episodes - task.second / task.second_episodes
    assert unpaired_difference([task], [1.0]) == pytest.approx((value, low, high), abs=1e-9)


@given(two_rates())
def test_the_test_of_one_task_is_fishers_as_scipy_gives_it(task: TwoRates) -> None:
    table = [[task.first, task.first_episodes - task.first], [task.second, task.second_episodes - task.second]]
    assert fisher([task]) == pytest.approx(fisher_exact(table).pvalue, abs=1e-6)


def test_the_test_over_tasks_is_the_exact_one_of_r() -> None:
    """R's mantelhaen.test(Rabbits, exact = TRUE): p 0.0399449."""
    assert fisher(RABBITS) == pytest.approx(0.0399449, abs=1e-7)


@given(st.lists(two_rates(), min_size=1, max_size=4))
def test_turning_the_policies_around_turns_the_difference_and_leaves_the_test(tasks: list[TwoRates]) -> None:
    weights = [1 / len(tasks)] * len(tasks)
    forward = unpaired_difference(tasks, weights)
    back = unpaired_difference([turned(task) for task in tasks], weights)
    assert forward == pytest.approx(back.negated, abs=1e-9)
    assert forward.low <= forward.value <= forward.high
    assert fisher(tasks) == pytest.approx(fisher([turned(task) for task in tasks]), abs=1e-6)


def test_the_test_keeps_its_level_with_tasks_that_differ() -> None:
    random = np.random.default_rng(0)
    rates = np.linspace(0.1, 0.9, 5)
    first, second = random.binomial(10, rates, (2, 1000, 5)).tolist()
    p_values = [
        fisher([TwoRates(one, 10, other, 10) for one, other in zip(*both, strict=True)])
        for both in zip(first, second, strict=True)
    ]
    assert np.mean(np.array(p_values) < 0.05) <= 0.05 + 2 * (0.05 * 0.95 / 1000) ** 0.5
