"""How many pairs of episodes McNemar's test needs, and what it can detect: its exact power, nothing simulated.

Of n pairs a binomial number is discordant, and of these a binomial number falls to the first policy; the power is the
chance that the test rejects, summed over the numbers of discordant pairs. How often pairs are discordant follows from
both rates and the pairing correlation, phi of the two outcomes: the more of what decides an episode lies in its start,
the larger it is. Starts that do not matter, and unmatched ones, have 0. At a fixed number of pairs a larger correlation
means fewer discordant pairs and more power.

Source: Miettinen 1968, Biometrics 24:339 (the sum over discordant pairs); mid-p: Fagerland, Lydersen and Laake 2013,
BMC Med. Res. Methodol. 13:91.
"""

from __future__ import annotations

import math
import statistics
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import bdtr, gammaln, xlog1py, xlogy

from protocols.registry import require

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]
TESTS = ("mid-p", "exact")
NEGLIGIBLE_SD = 9.0  # numbers of discordant pairs further from their mean are left out of the sum
MOST_PAIRS = 100_000
STEADY = 50  # the power rises in small waves; a number of pairs is enough if so many larger ones are too
HALVINGS = 40


class Discordance(NamedTuple):
    """The chance that a pair is solved by the first policy alone, and by the second alone."""

    only_first: float
    only_second: float


class Detectable(NamedTuple):
    """The smallest differences from a baseline that a test detects, up and down; None where no rate is far enough."""

    gain: float | None
    loss: float | None


def discordance(first: float, second: float, correlation: float) -> Discordance:
    """How often pairs are discordant at two success rates and a pairing correlation.

    Raises:
        ValueError: a rate outside of [0, 1], or a correlation that these rates cannot have.
    """
    if not (0 <= first <= 1 and 0 <= second <= 1):
        raise ValueError(f"success rates must be between 0 and 1, not {first:g} and {second:g}")
    low, high = possible_correlations(first, second)
    if not low - 1e-12 <= correlation <= high + 1e-12:
        raise ValueError(
            f"outcomes with rates {first:g} and {second:g} can have a correlation from {low:.3f} to {high:.3f}, "
            f"not {correlation:g}"
        )
    both = first * second + correlation * spread(first, second)
    return Discordance(max(0.0, first - both), max(0.0, second - both))


def possible_correlations(first: float, second: float) -> tuple[float, float]:
    """The range of correlations that two outcomes of these rates can have; 0 where one of them is certain."""
    if not (scale := spread(first, second)):
        return 0.0, 0.0
    product = first * second
    return (max(0.0, first + second - 1) - product) / scale, (min(first, second) - product) / scale


def spread(first: float, second: float) -> float:
    """Product of the standard deviations of two outcomes."""
    return math.sqrt(first * (1 - first) * second * (1 - second))


def power(pairs: int, chances: Discordance, alpha: float = 0.05, test: str = TESTS[0]) -> float:
    """The chance that McNemar's two-sided test rejects.

    Args:
        pairs: pairs of episodes.
        chances: how often they are discordant.
        alpha: level of the test.
        test: one of TESTS.
    """
    rate = min(1.0, sum(chances))
    centre, reach = pairs * rate, NEGLIGIBLE_SD * math.sqrt(pairs * rate * (1 - rate)) + 20
    discordant = np.arange(max(0, int(centre - reach)), min(pairs, int(centre + reach)) + 1)
    if rate == 0:
        return 0.0
    critical = critical_counts(discordant, alpha, test)
    share = chances.only_first / sum(chances)
    rejects = at_most(critical, discordant, share) + at_most(critical, discordant, 1 - share)
    return float(binomial(discordant, pairs, rate) @ np.minimum(rejects, 1.0))


def critical_counts(discordant: Counts, alpha: float, test: str) -> Counts:
    """For each number of discordant pairs the largest of the smaller counts at which the test rejects; -1 for none."""
    require("test", test, TESTS)
    quantile = -statistics.NormalDist().inv_cdf(alpha / 2)
    near = (discordant / 2 - quantile * np.sqrt(discordant) / 2).astype(np.int64)
    critical = np.full(discordant.shape, -1)
    for count in (near - 2, near - 1, near, near + 1, near + 2):
        p_value = 2 * at_most(count, discordant, 0.5)
        if test == "mid-p":
            p_value -= at_most(count, discordant, 0.5) - at_most(count - 1, discordant, 0.5)
        fits = (count >= 0) & (2 * count < discordant) & (p_value <= alpha)
        critical = np.where(fits, np.maximum(critical, count), critical)
    return critical


def at_most(count: Counts, of: Counts, chance: float) -> Floats:
    """The binomial chance of at most `count`; 0 below 0."""
    values: Floats = np.where(count >= 0, bdtr(np.maximum(count, 0).astype(float), np.maximum(of, count), chance), 0.0)
    return values


def binomial(count: Counts, of: int, chance: float) -> Floats:
    """The binomial chance of just `count`."""
    ways = gammaln(of + 1) - gammaln(count + 1) - gammaln(of - count + 1)
    values: Floats = np.exp(ways + xlogy(count, chance) + xlog1py(of - count, -chance))
    return values


def pairs_needed(chances: Discordance, wanted: float = 0.8, alpha: float = 0.05, test: str = TESTS[0]) -> int:
    """The number of pairs from which on the power stays at `wanted` or above.

    Raises:
        ValueError: more than MOST_PAIRS, or both policies are equally good.
    """
    if chances.only_first == chances.only_second:
        raise ValueError("no number of episodes tells policies apart that are equally good")

    def enough(pairs: int) -> bool:
        return power(pairs, chances, alpha, test) >= wanted

    few, many = 0, 1
    while not enough(many):
        few, many = many, 2 * many
        if many > MOST_PAIRS:
            raise ValueError(f"the difference is too small: more than {MOST_PAIRS} episodes would be needed")
    while many - few > 1:
        middle = (few + many) // 2
        few, many = (few, middle) if enough(middle) else (middle, many)
    while short := [pairs for pairs in range(many, many + STEADY) if not enough(pairs)]:
        many = short[-1] + 1
    return many


def detectable(
    pairs: int, baseline: float, correlation: float, wanted: float = 0.8, alpha: float = 0.05, test: str = TESTS[0]
) -> Detectable:
    """The smallest gain and loss against a baseline rate that the test detects with the wanted power.

    Where rates are too far apart to have the correlation, they have the nearest that they can.
    """

    def enough(rate: float) -> bool:
        low, high = possible_correlations(rate, baseline)
        chances = discordance(rate, baseline, min(max(correlation, low), high))
        return power(pairs, chances, alpha, test) >= wanted

    def smallest(end: float) -> float | None:
        if not enough(end):
            return None
        near, far = baseline, end
        for _ in range(HALVINGS):
            middle = (near + far) / 2
            near, far = (near, middle) if enough(middle) else (middle, far)
        return abs(far - baseline)

    return Detectable(smallest(1.0), smallest(0.0))
