"""Intervals against scipy, published arithmetic and the laws that they must keep."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, strategies as st
from scipy.stats import binomtest

from results.statistics import by_tier, stratified, summarise, task_mean, tier_mean, wilson
from tests.records import make_record, with_errors

counts = st.integers(1, 500).flatmap(lambda episodes: st.tuples(st.integers(0, episodes), st.just(episodes)))
strata = st.lists(counts, min_size=1, max_size=12)


@given(counts)
def test_wilson_contains_the_rate_and_stays_within_0_and_1(count: tuple[int, int]) -> None:
    successes, episodes = count
    low, high = wilson(successes, episodes)
    assert 0 <= low <= successes / episodes <= high <= 1
    assert low < high


@given(counts)
def test_wilson_rises_with_the_successes(count: tuple[int, int]) -> None:
    successes, episodes = count
    if successes < episodes:
        fewer, more = wilson(successes, episodes), wilson(successes + 1, episodes)
        assert fewer.low < more.low and fewer.high < more.high


@given(counts)
def test_wilson_is_symmetric_in_success_and_failure(count: tuple[int, int]) -> None:
    successes, episodes = count
    interval, mirrored = wilson(successes, episodes), wilson(episodes - successes, episodes)
    assert interval.low == pytest.approx(1 - mirrored.high, abs=1e-12)
    assert interval.high == pytest.approx(1 - mirrored.low, abs=1e-12)


@given(counts, st.integers(2, 10))
def test_wilson_narrows_with_more_episodes_at_the_same_rate(count: tuple[int, int], factor: int) -> None:
    few, many = wilson(*count), wilson(count[0] * factor, count[1] * factor)
    assert many.high - many.low < few.high - few.low


@pytest.mark.parametrize(("successes", "episodes"), [(0, 10), (1, 1), (41, 50), (231, 280), (499, 500), (984, 1000)])
def test_wilson_agrees_with_scipy(successes: int, episodes: int) -> None:
    expected = binomtest(successes, episodes).proportion_ci(0.95, method="wilson")
    assert wilson(successes, episodes) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_wilson_of_no_episode_is_everything() -> None:
    assert wilson(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize(("successes", "episodes"), [(-1, 10), (11, 10), (1, 0)])
def test_wilson_refuses_impossible_counts(successes: int, episodes: int) -> None:
    with pytest.raises(ValueError, match="successes must be between 0 and"):
        wilson(successes, episodes)


def equally_weighted(pairs: list[tuple[int, int]]) -> tuple[list[int], list[int], list[float]]:
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs], [1 / len(pairs)] * len(pairs)


@given(strata)
def test_stratified_contains_the_mean_and_stays_within_0_and_1(pairs: list[tuple[int, int]]) -> None:
    mean = stratified(*equally_weighted(pairs))
    assert 0 <= mean.interval.low <= mean.rate <= mean.interval.high <= 1
    assert mean.rate == pytest.approx(np.mean([successes / episodes for successes, episodes in pairs]))


@given(strata)
def test_stratified_is_symmetric_in_success_and_failure(pairs: list[tuple[int, int]]) -> None:
    mean = stratified(*equally_weighted(pairs))
    mirrored = stratified(*equally_weighted([(episodes - successes, episodes) for successes, episodes in pairs]))
    assert mean.interval.low == pytest.approx(1 - mirrored.interval.high, abs=1e-9)


@given(counts)
def test_stratified_of_a_single_task_is_wilson(count: tuple[int, int]) -> None:
    assert stratified([count[0]], [count[1]], [1.0]).interval == pytest.approx(wilson(*count), abs=1e-9)


def test_stratified_of_tasks_that_all_succeed_is_wilson_of_all_episodes() -> None:
    assert stratified([10] * 50, [10] * 50, [1 / 50] * 50).interval == pytest.approx(wilson(500, 500), abs=1e-9)


def test_stratified_is_narrower_than_wilson_where_tasks_differ() -> None:
    mean = stratified([10] * 25 + [0] * 25, [10] * 50, [1 / 50] * 50)
    pooled = wilson(250, 500)
    assert 0.01 < mean.interval.high - mean.interval.low < 0.7 * (pooled.high - pooled.low)


@pytest.mark.parametrize("episodes", [[], [10, 0]])
def test_stratified_refuses_strata_without_a_verdict(episodes: list[int]) -> None:
    with pytest.raises(ValueError, match="at least one verdict"):
        stratified([0] * len(episodes), episodes, [1 / max(1, len(episodes))] * len(episodes))


@pytest.mark.parametrize(
    "rates",
    [
        np.full(50, 0.98),
        np.full(50, 0.5),
        np.linspace(0.02, 0.98, 50),
        np.repeat([0.85, 0.5, 0.35, 0.6], [28, 11, 6, 5]),
    ],
)
def test_stratified_covers_the_true_mean_about_19_times_in_20(rates: npt.NDArray[np.float64]) -> None:
    random = np.random.default_rng(0)
    weights = np.repeat([1 / (4 * tasks) for tasks in (28, 11, 6, 5)], [28, 11, 6, 5])
    means = [stratified(draw, [10] * 50, weights) for draw in random.binomial(10, rates, (1000, 50))]
    share = np.mean([mean.interval.low <= weights @ rates <= mean.interval.high for mean in means])
    assert 0.92 < share < 0.99


SMOLVLA_TIERS = {"easy": (28, 231), "medium": (11, 46), "hard": (6, 27), "very_hard": (5, 30)}


def test_tier_and_task_mean_give_both_numbers_known_of_smolvla() -> None:
    """SmolVLA 0.45B in arXiv 2506.01844, Table 2: 82.5, 41.8, 45.0, 60.0, mean 57.3; weighted by task it is 66.8."""
    records = []
    for tier, (tasks, successes) in SMOLVLA_TIERS.items():
        for episode in range(10 * tasks):
            task, index = divmod(episode, 10)
            records.append(make_record(f"{tier}-{task}", index, success=episode < successes, tier=tier))
    by_tiers, by_tasks = tier_mean(records), task_mean(records)
    assert by_tiers is not None and by_tasks is not None
    assert round(100 * by_tiers.rate, 1) == 57.3
    assert round(100 * by_tasks.rate, 1) == 66.8
    half_widths = []
    for members in by_tier(records).values():
        interval = summarise(members).interval
        half_widths.append(round(50 * (interval.high - interval.low), 1))
    assert half_widths == [4.4, 9.1, 12.2, 13.1]


def test_tiers_stand_in_the_order_in_which_papers_print_them() -> None:
    records = [make_record(tier, tier=tier) for tier in ("very_hard", "zebra", "easy", "hard", "medium")]
    assert list(by_tier(records)) == ["easy", "medium", "hard", "very_hard", "zebra"]


def test_steps_to_success_leave_out_failures() -> None:
    records = [make_record(index=index, steps=steps) for index, steps in enumerate((10, 20, 90))]
    summary = summarise([*records, make_record(index=3, success=False, steps=400)])
    assert (summary.steps_mean, summary.steps_median) == (40, 20)


def test_errors_are_counted_but_are_no_verdict() -> None:
    summary = summarise(with_errors([make_record(index=index) for index in range(5)], 2))
    assert (summary.successes, summary.episodes, summary.errors, summary.rate) == (3, 3, 2, 1.0)


def test_nothing_is_claimed_where_every_episode_is_an_error() -> None:
    records = with_errors([make_record()], 1)
    summary = summarise(records)
    assert (summary.rate, summary.interval, summary.steps_mean) == (None, (0.0, 1.0), None)
    assert tier_mean(records) is None and task_mean(records) is None
