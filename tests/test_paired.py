"""Paired success against published examples, R and statsmodels, by simulation, and the laws that it must keep."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, strategies as st
from scipy.stats import binom, binomtest

from results.paired import Counts, holm, mcnemar, paired_difference, stratified_limits

few = st.integers(0, 30)
tables = st.builds(Counts, few, few, few, few).filter(lambda counts: counts.pairs > 0)
strata = st.lists(tables, min_size=1, max_size=8)

PROPCIS = [  # only first, only second, pairs, low, high: R 4.6.1, PropCIs 0.3.0, scoreci.mp at 95 %, found by bisection
    (7, 0, 14, 0.17703378200531006, 0.7320079207420349),
    (0, 7, 14, -0.7320079803466797, -0.17703387141227722),
    (0, 0, 14, -0.21531081199645996, 0.2153107523918152),
    (3, 2, 14, -0.2610777275902884, 0.38899629882403786),
    (13, 1, 14, 0.37062617710658474, 0.9745556286403111),
    (14, 0, 14, 0.5693783760070801, 1.0),
    (2, 9, 20, -0.6016315698623658, -0.02741434276103969),
    (10, 3, 50, -0.0014977478981018086, 0.2854748904704705),
    (1, 1, 2, -0.8109376430511475, 0.8109375834465027),
    (25, 12, 200, 0.005635504722595221, 0.12694109946489335),
]
STATSMODELS = [  # only first, only second, p: statsmodels 0.15.0, mcnemar(exact=True)
    (1, 7, 0.0703125),
    (6, 16, 0.052478790283203125),
    (12, 2, 0.012939453125),
    (40, 20, 0.01348929373119186),
    (0, 0, 1.0),
    (5, 5, 1.0),
]


def equal(tasks: list[Counts]) -> list[float]:
    return [1 / len(tasks)] * len(tasks)


@pytest.mark.parametrize(("first", "second", "pairs", "low", "high"), PROPCIS)
def test_the_interval_of_one_task_is_tangos_as_r_gives_it(
    first: int, second: int, pairs: int, low: float, high: float
) -> None:
    difference = paired_difference([Counts(0, first, second, pairs - first - second)], [1.0])
    assert difference == pytest.approx(((first - second) / pairs, low, high), abs=1e-6)


def test_the_interval_is_the_published_one_of_airway_reactivity() -> None:
    """Bentur et al. 2009 in Fagerland, Lydersen and Laake 2014, Stat. Med. 33:2850: -0.286, -0.517 to -0.026."""
    difference = paired_difference([Counts(1, 1, 7, 12)], [1.0])
    assert [round(number, 3) for number in difference] == [-0.286, -0.517, -0.026]


@pytest.mark.parametrize(("first", "second", "p"), STATSMODELS)
def test_the_exact_test_agrees_with_statsmodels(first: int, second: int, p: float) -> None:
    assert mcnemar(first, second).exact == pytest.approx(p, abs=1e-12)


def test_mid_p_and_the_interval_are_those_of_contingencytables() -> None:
    """Cavo et al. 2012 in R's contingencytables (Fagerland, Lydersen and Laake), as its own tests have it."""
    assert [round(p, 6) for p in mcnemar(6, 16)] == [0.052479, 0.034690]
    difference = paired_difference([Counts(59, 6, 16, 80)], [1.0])
    assert [round(number, 4) for number in difference] == [-0.0621, -0.1240, -0.0054]


def test_mid_p_of_as_many_on_either_side_is_below_one_by_half_their_chance() -> None:
    assert mcnemar(3, 3).mid == pytest.approx(1 - binom.pmf(3, 6, 0.5) / 2, abs=1e-12)
    assert mcnemar(12, 2).mid == pytest.approx(2 * binom.cdf(2, 14, 0.5) - binom.pmf(2, 14, 0.5), abs=1e-12)
    assert mcnemar(0, 0) == (1.0, 1.0)


@given(few, few)
def test_the_exact_test_is_a_sign_test_of_the_discordant_pairs(first: int, second: int) -> None:
    expected = binomtest(first, first + second).pvalue if first + second else 1.0
    assert mcnemar(first, second).exact == pytest.approx(expected, abs=1e-9)
    assert mcnemar(first, second).mid <= mcnemar(first, second).exact
    assert mcnemar(first, second) == mcnemar(second, first)


def test_the_exact_test_takes_ten_thousand_discordant_pairs() -> None:
    assert mcnemar(5100, 4900).exact == pytest.approx(binomtest(5100, 10000).pvalue, rel=1e-6)


def test_holm_agrees_with_statsmodels() -> None:
    """As statsmodels 0.15.0 gives it: multipletests(method="holm")."""
    expected = [0.006, 0.12, 0.12, 0.1, 1.0, 1.0, 0.0028]
    assert holm([0.001, 0.04, 0.03, 0.02, 0.5, 0.5, 0.0004]) == pytest.approx(expected, abs=1e-12)
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), max_size=9))
def test_holm_keeps_the_order_and_never_lowers_a_p_value(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    assert all(raw <= value <= 1 for raw, value in zip(p_values, adjusted, strict=True))
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    assert [adjusted[place] for place in order] == sorted(adjusted)


@given(strata)
def test_the_difference_is_antisymmetric(tasks: list[Counts]) -> None:
    turned = [Counts(task.both, task.only_second, task.only_first, task.neither) for task in tasks]
    forward, back = paired_difference(tasks, equal(tasks)), paired_difference(turned, equal(tasks))
    assert forward == pytest.approx(back.negated, abs=1e-9)


@given(strata)
def test_the_interval_holds_the_difference_and_stays_within_its_range(tasks: list[Counts]) -> None:
    value, low, high = paired_difference(tasks, equal(tasks))
    assert -1 <= low <= value <= high <= 1
    assert low < high
    assert value == pytest.approx(np.mean([(task.only_first - task.only_second) / task.pairs for task in tasks]))


@given(strata.flatmap(lambda tasks: st.tuples(st.just(tasks), st.permutations(tasks))))
def test_the_order_of_tasks_does_not_matter(both: tuple[list[Counts], list[Counts]]) -> None:
    tasks, shuffled = both
    assert paired_difference(shuffled, equal(tasks)) == pytest.approx(paired_difference(tasks, equal(tasks)), abs=1e-9)


@given(tables, st.integers(2, 6))
def test_equal_tasks_give_the_interval_of_all_their_pairs_together(task: Counts, copies: int) -> None:
    together = paired_difference([Counts(*(copies * count for count in task))], [1.0])
    assert paired_difference([task] * copies, equal([task] * copies)) == pytest.approx(together, abs=1e-9)


@pytest.mark.parametrize("tasks", [[], [Counts(0, 0, 0, 0)]])
def test_no_pair_is_refused(tasks: list[Counts]) -> None:
    with pytest.raises(ValueError, match="at least one pair each"):
        paired_difference(tasks, equal(tasks) if tasks else [])


Rates = npt.NDArray[np.float64]
ALIKE = {"even": (0.10, 0.10), "better": (0.12, 0.04), "much better": (0.30, 0.10)}


def outcomes(random: np.random.Generator, first: Rates, second: Rates, pairs: int, times: int) -> tuple[Rates, Rates]:
    """(times, tasks) pairs that only the first, and only the second, solves, from their rates (tasks,)."""
    only_first = random.binomial(pairs, first, (times, len(first)))
    only_second = random.binomial(pairs - only_first, second / (1 - first))
    return only_first.astype(np.float64), only_second.astype(np.float64)


def covered(rates: tuple[Rates, Rates], pairs: int, times: int) -> float:
    """How often the interval holds the true mean difference, from the rates of either kind of discordant pair."""
    first, second = rates
    weights = np.full(len(first), 1 / len(first))
    drawn = outcomes(np.random.default_rng(0), first, second, pairs, times)
    low, high = stratified_limits(*drawn, np.full_like(drawn[0], pairs), weights)
    truth = weights @ (first - second)
    return float(np.mean((low <= truth) & (truth <= high)))


@pytest.mark.parametrize(("tasks", "pairs"), [(1, 100), (10, 10), (10, 50), (50, 10)])
@pytest.mark.parametrize("rates", ALIKE.values(), ids=ALIKE)
def test_the_interval_covers_within_one_and_a_half_points(rates: tuple[float, float], tasks: int, pairs: int) -> None:
    share = covered((np.full(tasks, rates[0]), np.full(tasks, rates[1])), pairs, times=6000)
    assert 0.93 <= share <= 0.97  # 1.5 points, and the error of 6000 draws


@pytest.mark.slow
@pytest.mark.parametrize(("tasks", "pairs"), [(1, 50), (1, 500), (3, 20), (10, 5), (10, 10), (50, 2), (50, 10)])
@pytest.mark.parametrize("rates", [*ALIKE.values(), (0.2, 0.2), (0.6, 0.05)])
def test_the_interval_covers_within_one_and_a_half_points_at_full_size(
    rates: tuple[float, float], tasks: int, pairs: int
) -> None:
    share = covered((np.full(tasks, rates[0]), np.full(tasks, rates[1])), pairs, times=100_000)
    assert 0.935 <= share <= 0.965


def test_the_interval_covers_where_tasks_differ() -> None:
    random = np.random.default_rng(1)
    first, second = random.beta(0.5, 2, 50) / 2, random.beta(0.5, 3, 50) / 2
    assert 0.93 <= covered((first, second), 10, times=6000) <= 0.97


@pytest.mark.parametrize("rate", [0.02, 0.1, 0.24])
@pytest.mark.parametrize("pairs", [20, 500])
def test_the_exact_test_keeps_its_level_with_tasks_pooled(rate: float, pairs: int) -> None:
    scattered = rate * np.linspace(0, 2, 10)
    first, second = outcomes(np.random.default_rng(2), scattered, scattered, pairs // 10, times=2000)
    totals = zip(first.sum(axis=1), second.sum(axis=1), strict=True)
    alarms = np.mean([mcnemar(int(one), int(other)).exact < 0.05 for one, other in totals])
    assert alarms <= 0.05 + 2 * (0.05 * 0.95 / 2000) ** 0.5


DOSSIER = [  # rates, spread of the scenes' log odds, pairs, power of McNemar's test with matched scenes
    (0.95, 0.90, 4.0, 500, 0.99),
    (0.90, 0.80, 2.0, 500, 1.00),
    (0.80, 0.70, 4.0, 50, 0.28),
    (0.70, 0.50, 4.0, 50, 0.80),
]


def scene_odds(rate: float, spread: float) -> float:
    """The mean log odds at which scenes of that spread succeed at that rate."""
    scenes, low, high = np.random.default_rng(3).normal(size=50_000) * spread, -40.0, 40.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if np.mean(1 / (1 + np.exp(-(middle + scenes)))) < rate else (low, middle)
    return low


@pytest.mark.slow
@pytest.mark.parametrize(("better", "worse", "spread", "pairs", "power"), DOSSIER)
def test_matched_scenes_give_the_power_that_was_simulated_before(
    better: float, worse: float, spread: float, pairs: int, power: float
) -> None:
    """Evaluation dossier, section E; its own 300 to 600 replicates leave an error of 2 points."""
    random = np.random.default_rng(0)
    scenes = random.normal(size=(4000, pairs)) * spread
    one, other = (
        random.random(scenes.shape) < 1 / (1 + np.exp(-(scene_odds(rate, spread) + scenes))) for rate in (better, worse)
    )
    totals = zip((one & ~other).sum(axis=1), (other & ~one).sum(axis=1), strict=True)
    found = np.mean([mcnemar(int(first), int(second)).exact < 0.05 for first, second in totals])
    assert found == pytest.approx(power, abs=0.03)
