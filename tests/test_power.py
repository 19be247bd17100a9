"""The power of McNemar's test against brute force, simulation and the laws that it must keep."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings, strategies as st
from scipy.stats import binom, binomtest

from results.paired import mcnemar
from results.power import (
    TESTS,
    Discordance,
    critical_counts,
    detectable,
    discordance,
    pairs_needed,
    possible_correlations,
    power,
)
from tests.scenes import TABLE, Case, differences, discordant

rates = st.floats(0.05, 0.95)
tests = st.sampled_from(TESTS)
unhurried = settings(deadline=None, max_examples=40)


@pytest.mark.parametrize("alpha", [0.3, 0.05, 0.01, 1e-4])
def test_critical_counts_are_where_the_tests_begin_to_reject(alpha: float) -> None:
    discordants = np.arange(120)
    for kind, name in enumerate(TESTS[::-1]):
        for total, critical in zip(discordants, critical_counts(discordants, alpha, name), strict=True):
            rejected = [fewer for fewer in range(total // 2 + 1) if mcnemar(fewer, int(total) - fewer)[kind] <= alpha]
            assert max(rejected, default=-1) == critical


@pytest.mark.parametrize("test", TESTS)
@pytest.mark.parametrize("chances", [(0.3, 0.05), (0.1, 0.2), (0.5, 0.5), (0.08, 0)])
@pytest.mark.parametrize("pairs", [1, 9, 24])
def test_the_power_is_the_sum_over_all_outcomes(test: str, chances: tuple[float, float], pairs: int) -> None:
    """Sums over all outcomes with scipy's binomial test and distribution."""
    first, both = chances[0], sum(chances)
    expected = 0.0
    for total in range(1, pairs + 1):
        for wins in range(total + 1):
            p_value = binomtest(wins, total).pvalue
            if test == "mid-p":
                p_value -= binom.pmf(wins, total, 0.5) * (1 if 2 * wins != total else 0)
            if p_value <= 0.05:
                expected += binom.pmf(total, pairs, both) * binom.pmf(wins, total, first / both)
    assert power(pairs, Discordance(*chances), 0.05, test) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("case", TABLE, ids=str)
def test_the_power_is_that_of_the_dossier(case: Case) -> None:
    chances = Discordance(*discordant(*case[:3]))
    assert power(case.pairs, chances, test="exact") == pytest.approx(case.mcnemar, abs=0.03)


def test_the_power_is_the_share_of_simulated_comparisons_that_reject() -> None:
    values = differences(np.random.default_rng(0), 0.8, 0.7, 4, 2000, 120)
    rejected = [mcnemar(int((row > 0).sum()), int((row < 0).sum())) for row in values]
    for kind, name in enumerate(TESTS[::-1]):
        share = np.mean([p_values[kind] <= 0.05 for p_values in rejected])
        assert power(120, Discordance(*discordant(0.8, 0.7, 4)), test=name) == pytest.approx(share, abs=0.03)


def test_the_exact_test_keeps_its_level_and_mid_p_nearly() -> None:
    for pairs in (10, 50, 300):
        for rate in (0.05, 0.2, 0.35):
            equal = Discordance(rate, rate)
            assert power(pairs, equal, 0.05, "exact") <= 0.05
            assert power(pairs, equal, 0.05, "mid-p") <= 0.056


@unhurried
@given(st.floats(0.01, 1), st.floats(0.5, 1), st.floats(0.5, 1), st.integers(1, 400), tests)
def test_the_power_grows_the_more_discordant_pairs_fall_on_one_side(
    total: float, share: float, other: float, pairs: int, test: str
) -> None:
    less, more = (Discordance(total * part, total * (1 - part)) for part in sorted((share, other)))
    assert power(pairs, less, 0.05, test) <= power(pairs, more, 0.05, test) + 1e-9


@unhurried
@given(rates, rates, st.integers(10, 400), tests)
def test_the_power_grows_with_twice_the_pairs(first: float, second: float, pairs: int, test: str) -> None:
    assume(abs(first - second) > 0.01)
    chances = discordance(first, second, 0)
    assert power(pairs, chances, 0.05, test) <= power(2 * pairs, chances, 0.05, test) + 1e-3


@unhurried
@given(rates, st.floats(0.1, 0.5), st.sampled_from([0.01, 0.05]), tests)
def test_fewer_pairs_are_needed_for_more_difference_less_power_and_alike_outcomes(
    baseline: float, difference: float, alpha: float, test: str
) -> None:
    assume(baseline + difference <= 0.97)
    first = baseline + difference
    needed = pairs_needed(discordance(first, baseline, 0), 0.8, alpha, test)
    assert needed <= pairs_needed(discordance(first - 0.05, baseline, 0), 0.8, alpha, test)
    assert needed <= pairs_needed(discordance(first, baseline, 0), 0.9, alpha, test)
    most = possible_correlations(first, baseline)[1]
    assert pairs_needed(discordance(first, baseline, most / 2), 0.8, alpha, test) <= needed


@unhurried
@given(rates, rates, tests)
def test_the_pairs_needed_are_the_first_from_which_the_power_stays(first: float, second: float, test: str) -> None:
    assume(abs(first - second) > 0.1)
    chances = discordance(first, second, 0)
    needed = pairs_needed(chances, 0.8, 0.05, test)
    assert all(power(pairs, chances, 0.05, test) >= 0.8 for pairs in range(needed, needed + 20))
    assert needed == 1 or power(needed - 1, chances, 0.05, test) < 0.8


@unhurried
@given(rates, st.integers(20, 500), st.floats(0, 0.6))
def test_what_is_detectable_has_just_the_power(baseline: float, pairs: int, correlation: float) -> None:
    found = detectable(pairs, baseline, correlation, 0.8)
    for rate, size in ((baseline + (found.gain or 0), found.gain), (baseline - (found.loss or 0), found.loss)):
        if size is not None:
            low, high = possible_correlations(rate, baseline)
            chances = discordance(rate, baseline, min(max(correlation, low), high))
            assert power(pairs, chances) == pytest.approx(0.8, abs=1e-4)


def test_no_gain_is_detectable_beside_a_baseline_of_1() -> None:
    found = detectable(50, 1.0, 0)
    assert found.gain is None
    assert found.loss == pytest.approx(0.15, abs=0.05)


@unhurried
@given(rates, rates, st.floats(0, 1))
def test_discordance_has_the_rates_and_the_correlation(first: float, second: float, place: float) -> None:
    low, high = possible_correlations(first, second)
    chances = discordance(first, second, low + place * (high - low))
    both = first - chances.only_first
    assert chances.only_first - chances.only_second == pytest.approx(first - second)
    assert (both - first * second) / (first * (1 - first) * second * (1 - second)) ** 0.5 == pytest.approx(
        low + place * (high - low), abs=1e-9
    )


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match=r"rates must be between 0 and 1, not 1.03 and 0.98"):
        discordance(1.03, 0.98, 0)
    with pytest.raises(ValueError, match=r"can have a correlation from -0.076 to 0.688, not 0.9"):
        discordance(0.95, 0.9, 0.9)
    with pytest.raises(ValueError, match="equally good"):
        pairs_needed(discordance(0.5, 0.5, 0))
    with pytest.raises(ValueError, match="more than 100000 episodes"):
        pairs_needed(discordance(0.5001, 0.5, 0))
    with pytest.raises(LookupError, match="no test named 'midp'; did you mean 'mid-p'"):
        power(10, Discordance(0.2, 0.1), test="midp")
