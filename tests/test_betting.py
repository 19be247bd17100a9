"""The betting test: its capital by arithmetic, its false alarms and power by simulation, its confidence sequence."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, strategies as st
from scipy.special import betaln

from results.betting import BETS, confidence, judged, log_capital
from tests.scenes import TABLE, Case, Floats, differences

EVEN_BETS = np.concatenate([-(np.arange(20) + 0.5) / 20, (np.arange(20) + 0.5) / 20])
signs = st.lists(st.sampled_from([-1, 0, 1]), max_size=60)
bounded = st.lists(st.floats(-1, 1), min_size=1, max_size=30)
ALPHA = 0.05
FALSE_ALARMS = 0.05 + 2 * (0.05 * 0.95 / 300) ** 0.5  # what 300 duels may show of at most 5 %


def decided(capital: Floats) -> tuple[npt.NDArray[np.bool_], Floats]:
    """Which duels (D, n) were decided, and after how many pairs; all of them where it never was."""
    over = capital >= np.log(1 / ALPHA)
    ever = over.any(axis=1)
    return ever, np.where(ever, over.argmax(axis=1) + 1, capital.shape[1]).astype(float)


@given(signs)
def test_the_capital_of_evenly_spread_bets_is_a_beta_function(pairs: list[int]) -> None:
    """Of all bets between -1 and 1 the mean capital is 2^n B(wins + 1, losses + 1) over n discordant pairs."""
    wins, losses = pairs.count(1), pairs.count(-1)
    expected = (wins + losses) * np.log(2) + betaln(wins + 1, losses + 1)
    bets, weights = np.polynomial.legendre.leggauss(64)
    capital = [np.exp(log_capital([*pairs, 0], bets=np.array([bet]))[-1]) for bet in bets]
    assert np.log(weights @ capital / 2) == pytest.approx(expected, abs=1e-6)


@given(st.floats(-0.95, 0.95), st.floats(0.01, 1))
def test_against_the_true_mean_no_bet_gains_on_average(mean: float, share: float) -> None:
    values = np.array([-1.0, 1.0, mean])
    up = share * (1 + mean) / 2
    chances = np.array([share - up, up, 1 - share])
    total = 0.0
    for path in itertools.product(range(3), repeat=4):
        total += chances[list(path)].prod() * np.exp(log_capital(values[list(path)], mean)[-1])
    assert total == pytest.approx(1, abs=1e-9)


@given(bounded)
def test_the_confidence_sequence_has_the_mean_and_excludes_0_just_when_the_test_has_decided(
    values: list[float],
) -> None:
    judgement = judged(values, ALPHA)
    assert judgement.difference is not None
    assert -1 <= judgement.low <= judgement.difference + 1e-12 and judgement.difference - 1e-12 <= judgement.high <= 1
    assert (judgement.low > 0) == (judgement.winner == 1)
    assert (judgement.high < 0) == (judgement.winner == -1)


@given(bounded)
def test_the_ends_of_the_confidence_sequence_are_where_the_capital_reaches_1_by_alpha(values: list[float]) -> None:
    for end in confidence(values, ALPHA):
        if abs(end) < 1 - 1e-6:
            assert log_capital(values, end)[-1] == pytest.approx(np.log(1 / ALPHA), abs=1e-6)


@given(bounded)
def test_exchanging_the_policies_turns_the_judgement_round(values: list[float]) -> None:
    one, other = judged(values, ALPHA), judged([-value for value in values], ALPHA)
    assert (other.winner, other.pairs) == (-one.winner, one.pairs)
    assert (other.low, other.high) == pytest.approx((-one.high, -one.low), abs=1e-9)


@given(bounded)
def test_the_confidence_sequence_does_not_depend_on_the_order(values: list[float]) -> None:
    assert confidence(values, ALPHA) == pytest.approx(confidence(sorted(values), ALPHA), abs=1e-9)


@given(signs, signs)
def test_pairs_after_the_decision_change_nothing(before: list[int], after: list[int]) -> None:
    decisive = [*before, *[1] * 200]
    judgement = judged(decisive, ALPHA)
    assert judgement.winner and judged([*decisive, *after], ALPHA) == judgement


def test_nothing_is_claimed_without_a_pair_or_without_a_difference() -> None:
    assert judged([], ALPHA) == (0, None, -1.0, 1.0, 1.0, 0)
    judgement = judged([0] * 500, ALPHA)
    assert (judgement.winner, judgement.difference) == (0, 0.0)
    assert judgement.capital == pytest.approx(1)
    assert judgement.high < 0.02


def test_seven_wins_of_seven_decide() -> None:
    assert judged([1] * 6, ALPHA).winner == 0
    assert judged([1] * 6 + [1], ALPHA)[0] == 7
    assert judged([-1] * 7, ALPHA).winner == -1


def test_a_smaller_alpha_takes_longer_and_a_wider_sequence() -> None:
    assert judged([1] * 50, 0.01).pairs > judged([1] * 50, 0.05).pairs
    narrow, wide = confidence([1, 0, 0, -1] * 9, 0.05), confidence([1, 0, 0, -1] * 9, 0.01)
    assert wide.low < narrow.low < narrow.high < wide.high


@pytest.mark.parametrize("alpha", [0, 1, -0.05, 5, float("nan")])
def test_an_alpha_out_of_range_is_refused(alpha: float) -> None:
    with pytest.raises(ValueError, match="alpha must be between 0 and 1"):
        judged([1], alpha)


@pytest.mark.parametrize("value", [1.5, -2, float("nan")])
def test_a_difference_out_of_range_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="differences must be between -1 and 1"):
        judged([0, value], ALPHA)


def equal_policies(kind: str, random: np.random.Generator, duels: int) -> Floats:
    """(duels, 500) differences with mean 0 in some world."""
    if kind == "success":
        return differences(random, 0.8, 0.8, 2, duels, 500)
    if kind == "progress":
        return (random.beta(0.5, 0.5, (duels, 500)) - random.beta(0.5, 0.5, (duels, 500))).clip(-1, 1)
    if kind == "skewed":  # seldom a large loss, mostly a small gain
        return np.where(random.random((duels, 500)) < 0.1, -0.9, 0.1)
    tasks = np.repeat([1.0, -1.0], 25)  # each policy always wins half of 50 tasks, which come in rounds
    return random.permuted(np.broadcast_to(tasks, (duels, 10, 50)), axis=2).reshape(duels, 500)


WORLDS = ("success", "progress", "skewed", "tasks that cancel")


@pytest.mark.parametrize("kind", WORLDS)
def test_looking_after_every_pair_gives_few_false_alarms(kind: str) -> None:
    ever, _ = decided(log_capital(equal_policies(kind, np.random.default_rng(1), 300)))
    assert ever.mean() <= FALSE_ALARMS


@pytest.mark.slow
@pytest.mark.parametrize("kind", WORLDS)
def test_looking_after_every_pair_gives_at_most_alpha_false_alarms_in_2000_duels(kind: str) -> None:
    ever, _ = decided(log_capital(equal_policies(kind, np.random.default_rng(2), 2000)))
    assert ever.mean() <= ALPHA


@pytest.mark.parametrize("mean", [-0.3, 0.05, 0.6])
def test_the_confidence_sequence_covers_the_mean_at_all_times_at_once(mean: float) -> None:
    values = np.where(np.random.default_rng(3).random((300, 300)) < (1 + mean) / 2, 1.0, -1.0)
    ever, _ = decided(log_capital(values, mean))
    assert ever.mean() <= FALSE_ALARMS


def test_95_against_90_takes_at_most_260_of_500_pairs_on_average() -> None:
    ever, used = decided(log_capital(differences(np.random.default_rng(4), 0.95, 0.9, 4, 200, 500)))
    assert used.mean() <= 260
    assert ever.mean() > 0.85


@pytest.mark.slow
@pytest.mark.parametrize("case", TABLE, ids=str)
def test_the_power_and_the_pairs_used_are_those_of_the_dossier_or_better(case: Case) -> None:
    values = differences(np.random.default_rng(5), *case[:3], 2000, case.pairs)
    evenly, ever_evenly = decided(log_capital(values, bets=EVEN_BETS))[::-1]
    ever, used = decided(log_capital(values, bets=BETS))
    assert ever_evenly.mean() == pytest.approx(case.betting, abs=0.03)  # the dossier's bets are evenly spaced
    assert ever.mean() >= case.betting - 0.03
    assert used.mean() <= evenly.mean()
    if case.used is not None:
        assert used.mean() <= case.used
