"""The statistics behind the evidence, each against another implementation, by hand, or by a law."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import mannwhitneyu, spearmanr

from protocols.contracts import Look
from results.progress_calibration import (
    binned,
    brier,
    brier_parts,
    calibration_error,
    equal_mass,
    equal_width,
    frequency,
    reliability,
)
from results.progress_curves import distance, rank_correlation, rising
from results.progress_resampling import drawn_again, interval, mean, ratio
from results.progress_separation import (
    Sizes,
    after,
    area_interval,
    largest,
    last,
    matched_separation,
    mean_until,
    separation,
    summed,
    wins,
)
from results.progress_tracks import Floats, Track, clocks, tracks
from results.statistics import Z, wilson
from tests.estimates import evaluation
from tests.records import make_record

EXACT = 1e-9
coarse = st.integers(-4, 4).map(float)  # so that there are ties
values = arrays(np.float64, st.integers(1, 12), elements=coarse)


def made(said: Sequence[float], *, success: bool = True, steps: int = 0, task: str = "a", every: int = 10) -> Track:
    """An episode that looked every ten steps and said this of its progress."""
    numbers, at = np.array(said, np.float64), np.arange(len(said)) * every
    return Track(task, 0, success, steps or every * len(said), 1000, at, numbers, numbers, numbers, at / 1000)


@given(st.integers(1, 12).flatmap(lambda n: st.tuples(*[arrays(np.float64, n, elements=coarse)] * 2)))
def test_the_rank_correlation_is_spearmans(pair: tuple[Floats, Floats]) -> None:
    said, truth = pair
    found = rank_correlation(said, truth)
    if len(said) < 3 or np.ptp(truth) == 0:
        assert np.isnan(found)
    elif np.ptp(said) == 0:
        assert found == 0
    else:
        assert found == pytest.approx(spearmanr(said, truth).statistic, abs=EXACT)
        assert rank_correlation(-said, truth) == pytest.approx(-found, abs=EXACT)


def test_looks_without_an_estimate_are_left_out() -> None:
    said, truth = np.array([0.1, np.nan, 0.3, 0.2, np.nan]), np.array([0, 0.2, 0.4, 0.8, 1])
    assert rank_correlation(said, truth) == pytest.approx(0.5)
    assert rising(said) == 0.5 and distance(said, truth) == pytest.approx((0.1 + 0.1 + 0.6) / 3)
    assert np.isnan([rising(said[1:2]), distance(said[1:2], truth[1:2]), rising(said[:2])]).all()


def test_equal_values_do_not_rise() -> None:
    assert rising(np.array([0, 1, 1, 2, 1.0])) == 0.5


@given(values, values)
def test_the_auroc_is_that_of_mann_and_whitney(successes: Floats, failures: Floats) -> None:
    found = summed([wins(successes, failures)])
    pairs = len(successes) * len(failures)
    wanted = mannwhitneyu(successes, failures, method="asymptotic").statistic / pairs
    assert found is not None and found.area.value == pytest.approx(wanted, abs=EXACT)
    assert found.area.low <= found.area.value <= found.area.high
    turned = summed([wins(-successes, -failures)])
    assert turned is not None and turned.area.value == pytest.approx(1 - wanted, abs=EXACT)
    assert turned.area.low == pytest.approx(1 - found.area.high, abs=1e-8)
    stretched = summed([wins(successes**3, failures**3)])
    assert stretched == found, "only ranks count"


def test_pairs_of_two_tasks_tell_nothing() -> None:
    easy = [made([0.9], task="easy"), made([0.9], task="easy", success=False)]
    hard = [made([0.1], task="hard"), made([0.2], task="hard", success=False), made([0.0], task="hard", success=False)]
    found = separation([*easy, *hard], last(lambda track: track.progress))
    assert found is not None and found.area.value == pytest.approx((0.5 + 0 + 1) / 3)
    assert (found.successes, found.failures) == (2, 3)
    assert separation([easy[0], *hard[1:]], last(lambda track: track.progress)) is None


@given(st.floats(0, 1), st.integers(1, 30))
def test_the_interval_of_an_auroc_ends_where_it_is_1_96_standard_errors_away(area: float, size: int) -> None:
    """The standard error as Hanley and McNeil print it, which for equal sizes is Newcombe's."""
    for end in area_interval(area, [Sizes(size, size, size * size)]):
        first, second = end / (2 - end), 2 * end**2 / (1 + end)
        square = (end * (1 - end) + (size - 1) * (first - end**2 + second - end**2)) / size**2
        assert abs(area - end) == pytest.approx(Z * max(0.0, square) ** 0.5, abs=1e-6) or end in (0, 1)


def test_strata_make_an_auroc_more_certain_and_unequal_sizes_less() -> None:
    one, five = area_interval(0.7, [Sizes(10, 10, 100)]), area_interval(0.7, [Sizes(10, 10, 100)] * 5)
    unequal = area_interval(0.7, [Sizes(2, 18, 36)])
    assert one[0] < five[0] < 0.7 < five[1] < one[1] and unequal[0] < one[0]


def matched_by_hand(every: Sequence[Track]) -> float:
    """The same AUROC, look by look."""
    shares = []
    for success, failure in product(every, every):
        if not success.success or failure.success or success.task != failure.task:
            continue
        said = dict(zip(success.at.tolist(), success.progress, strict=True))
        common = [
            (said[step], other)
            for step, other in zip(failure.at.tolist(), failure.progress, strict=True)
            if step in said
        ]
        won = [1.0 if own > other else 0.5 if own == other else 0.0 for own, other in common]
        shares += [sum(won) / len(won)] if won else []
    return sum(shares) / len(shares)


def test_the_matched_auroc_compares_after_equally_many_steps() -> None:
    every = tracks(evaluation())
    found = matched_separation(every, lambda track: track.progress)
    assert found is not None and found.area.value == pytest.approx(matched_by_hand(every), abs=EXACT)
    turned = matched_separation(every, lambda track: -track.progress)
    assert turned is not None and turned.area.value == pytest.approx(1 - found.area.value, abs=EXACT)
    clock = matched_separation(every, lambda track: track.at.astype(np.float64))
    assert clock is not None and clock.area.value == 0.5


def test_scores_of_one_episode_look_no_further_than_they_say() -> None:
    track = made([0.1, 0.4, 0.3, np.nan], steps=35)
    teller = lambda track: track.progress  # noqa: E731
    assert (last(teller)(track), largest(teller)(track)) == (0.3, 0.4)
    assert after(teller, 0.01)(track) == 0.4 and after(teller, 0.034)(track) == 0.3
    assert mean_until(teller, 0.01)(track) == pytest.approx(0.25)
    assert np.isnan(after(teller, 0.035)(track)), "it has ended by then"


def looks(random: np.random.Generator, episodes: int) -> tuple[list[Floats], list[np.ndarray]]:
    """Probabilities, and outcomes that follow them."""
    said = [random.random(20) for _ in range(episodes)]
    return said, [random.random(20) < some for some in said]


def ece_by_hand(said: Floats, true: np.ndarray, edges: Floats) -> float:
    total = 0.0
    for bin_, (low, high) in enumerate(pairwise(edges)):
        final = bin_ == len(edges) - 2
        inside = (said >= low) & ((said <= high) if final else (said < high))
        total += inside.mean() * abs(said[inside].mean() - true[inside].mean()) if inside.any() else 0.0
    return total


@pytest.mark.parametrize("seed", range(3))
def test_the_ece_is_the_mean_gap_over_the_bins(seed: int) -> None:
    said, true = looks(np.random.default_rng(seed), 8)
    true = [outcomes if seed else ~outcomes for outcomes in true]
    flat, outcomes = np.concatenate(said), np.concatenate(true)
    for edges in (equal_width(), equal_mass(flat)):
        table = binned(said, true, edges)
        found = calibration_error(table, drawn_again(8, np.random.default_rng(0), 200))
        assert found.value == pytest.approx(ece_by_hand(flat, outcomes, edges), abs=EXACT)
        assert 0 <= found.low <= found.value <= found.high
        assert table.looks.sum() == len(flat) and table.true.sum() == outcomes.sum()


def test_the_ece_of_a_perfect_head_tends_to_nothing() -> None:
    errors = []
    for episodes in (10, 200, 4000):
        said, true = looks(np.random.default_rng(0), episodes)
        again = np.ones((1, episodes))
        errors.append(calibration_error(binned(said, true, equal_mass(np.concatenate(said))), again).value)
    assert errors == sorted(errors, reverse=True) and errors[-1] < 0.01


def test_bins_of_equal_mass_have_as_many_looks_and_keep_equal_numbers_together() -> None:
    said = np.random.default_rng(0).random(1000)
    assert (np.histogram(said, equal_mass(said))[0] == 100).all()
    assert equal_mass(np.array([0.0] * 90 + [1.0] * 10)).tolist() == [0, 1]
    edges = equal_mass(np.array([0.0] * 40 + [0.2] * 40 + [1.0] * 20))
    assert binned([np.array([0.0, 0.19, 0.2, 1.0])], [np.ones(4, bool)], edges).looks.tolist() == [[2, 2]]


@given(st.lists(st.tuples(st.sampled_from([0.0, 0.1, 0.4, 0.5, 0.9, 1.0]), st.booleans()), min_size=1, max_size=40))
def test_the_parts_of_a_brier_score_add_up(pairs: list[tuple[float, bool]]) -> None:
    said, true = np.array([pair[0] for pair in pairs]), np.array([pair[1] for pair in pairs])
    parts = brier_parts(said, true)
    whole = parts.miscalibration - parts.discrimination + parts.uncertainty
    assert whole == pytest.approx(np.mean((said - true) ** 2), abs=EXACT)
    assert parts.miscalibration >= -EXACT and -EXACT <= parts.discrimination <= parts.uncertainty + EXACT
    table = binned([said], [true], equal_width())
    assert brier(table, np.ones((1, 1))).value == pytest.approx(whole, abs=EXACT)


def test_where_frequencies_rise_the_parts_are_murphys() -> None:
    said = np.repeat([0.1, 0.6, 0.7], [10, 10, 20])
    true = np.concatenate([np.arange(10) < 2, np.arange(10) < 5, np.arange(20) < 18])
    parts = brier_parts(said, true)
    assert parts.miscalibration == pytest.approx((10 * 0.1**2 + 10 * 0.1**2 + 20 * 0.2**2) / 40, abs=EXACT)
    usual = 25 / 40
    wanted = (10 * (0.2 - usual) ** 2 + 10 * (0.5 - usual) ** 2 + 20 * (0.9 - usual) ** 2) / 40
    assert parts.discrimination == pytest.approx(wanted, abs=EXACT)
    assert parts.uncertainty == pytest.approx(usual * (1 - usual), abs=EXACT)


def test_where_frequencies_fall_their_bins_are_pooled() -> None:
    said, true = np.array([0.2, 0.2, 0.8, 0.8]), np.array([True, True, False, False])
    assert brier_parts(said, true) == pytest.approx((0.64 - 0.25, 0.0, 0.25), abs=EXACT)


def test_looks_of_one_episode_are_no_further_evidence() -> None:
    said, true = looks(np.random.default_rng(1), 12)
    many = [np.tile(some, 9) for some in said], [np.tile(some, 9) for some in true]
    for statistic in (calibration_error, brier):
        few, more = (
            statistic(binned(*some, equal_width()), drawn_again(12, np.random.default_rng(0), 300))
            for some in ((said, true), many)
        )
        assert more == pytest.approx(few, abs=EXACT)
    for few, more in zip(
        reliability(binned(said, true, equal_width())), reliability(binned(*many, equal_width())), strict=True
    ):
        assert more.true.interval == pytest.approx(few.true.interval, abs=EXACT) and more.looks == 9 * few.looks


@pytest.mark.parametrize("hits", [0, 30, 100])
def test_the_interval_of_a_frequency_of_single_looks_is_wilsons(hits: int) -> None:
    found = frequency(np.array([1.0] * hits + [0.0] * (100 - hits)), np.ones(100))
    assert found.rate == hits / 100
    assert found.interval == pytest.approx(wilson(hits, 100), abs=1e-3)


def test_episodes_are_drawn_again_as_many_as_there_are() -> None:
    again = drawn_again(7, np.random.default_rng(0), 500)
    assert again.shape == (500, 7) and (again.sum(axis=1) == 7).all()


@given(arrays(np.float64, 8, elements=st.floats(-5, 5)))
def test_a_mean_over_episodes_leaves_out_what_is_not_defined(numbers: Floats) -> None:
    again = drawn_again(9, np.random.default_rng(0), 100)
    found = mean([*numbers, np.nan], again)
    assert found.value == pytest.approx(numbers.mean(), abs=EXACT)
    assert numbers.min() - EXACT <= found.low <= found.high <= numbers.max() + EXACT


def test_many_episodes_have_the_interval_of_a_normal_mean() -> None:
    numbers = np.random.default_rng(0).normal(size=400)
    found = mean(numbers, drawn_again(400, np.random.default_rng(1)))
    half = Z * numbers.std(ddof=1) / 20
    assert (found.low, found.high) == pytest.approx((numbers.mean() - half, numbers.mean() + half), abs=0.02)


def test_one_episode_has_no_interval_and_none_no_mean() -> None:
    assert np.isnan(interval(np.ones(10), 1)).all()
    assert np.isnan(ratio([0.0], [0.0], np.ones((3, 1)))).all()


def test_the_targets_are_progvlas() -> None:
    long, short = made(np.zeros(60)), made(np.zeros(3), every=1, steps=19)
    assert long.target[0] == 0 and long.target[-1] == pytest.approx(1 - 9 / 500)
    assert short.soon.tolist() == [False, True, True], "at most 18 steps are left"
    assert not replace(short, success=False).soon.any() and short.ever.all()


def test_the_truth_of_a_look_is_the_progress_after_the_steps_before_it() -> None:
    record = make_record(steps=4, progress=np.array([0.1, 0.2, 0.3, 1.0], np.float32))
    looks_ = (Look(0, None, 0.5), Look(1, 0.5, None), Look(3, 0.7, None, 0.1))
    (track,) = tracks([replace(record, looks=looks_)])
    assert track.truth == pytest.approx([0.1, 0.1, 0.3])
    np.testing.assert_array_equal(track.progress, [np.nan, 0.5, 0.7])
    np.testing.assert_array_equal(track.advantage, [np.nan, np.nan, 0.1])


def test_the_clock_by_hand() -> None:
    every = [made([0] * 4), made([0] * 2), made([0] * 6), made([0] * 9, success=False), made([0, 0], task="b")]
    clock = clocks(every)[0]
    assert clock.progress == pytest.approx([0, 10 / 40, 20 / 40, 30 / 40])
    assert clock.target == pytest.approx([1 - 39 / 500, 1 - 29 / 500, 1 - 19 / 500, 1 - 9 / 500])
    usual_soon, usual_ever = (1 + 1 + 1) / (2 + 6 + 9 + 2), (2 + 6 + 2) / (2 + 6 + 9 + 2)
    assert clock.ever == pytest.approx([(2 + usual_ever) / 4, (2 + usual_ever) / 4, *[(1 + usual_ever) / 3] * 2])
    assert clock.soon == pytest.approx([usual_soon / 4, (1 + usual_soon) / 4, *[usual_soon / 3] * 2])
    assert clocks(every)[4].progress == pytest.approx([0, 0.01]), "no other success: the horizon"


def test_an_episode_has_taught_its_clock_nothing() -> None:
    every = tracks(evaluation())
    for place in (0, 17, 35):
        other = replace(every[place], success=not every[place].success)
        before, after_ = (clocks(some)[place] for some in (every, [*every[:place], other, *every[place + 1 :]]))
        for one, two in zip(before, after_, strict=True):
            np.testing.assert_allclose(one, two, atol=EXACT)


def test_a_lone_episode_has_a_clock_that_knows_nothing() -> None:
    (clock,) = clocks([made([0.5, 0.6])])
    assert clock.soon.tolist() == clock.ever.tolist() == [0.5, 0.5]
