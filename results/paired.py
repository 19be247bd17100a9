"""Success of two policies over the same starts: difference with interval, McNemar's tests, Holm's correction.

Over pairs only the discordant ones tell the policies apart: those that the first solves alone and those that the second
solves alone. Differences are the first policy's rate minus the second's, in [-1, 1].
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from results.statistics import Z

Floats = npt.NDArray[np.float64]
PSEUDO_PAIRS = 0.75  # added to each of the four cells of a task before its variance is judged
HALVINGS = 60  # of an interval no wider than 2; below the resolution of float64


class Difference(NamedTuple):
    """The first policy's value minus the second's, and its 95 % interval."""

    value: float
    low: float
    high: float

    @property
    def negated(self) -> Difference:
        """The second's minus the first's."""
        return Difference(-self.value, -self.high, -self.low)


class Counts(NamedTuple):
    """Pairs by who succeeded."""

    both: int
    only_first: int
    only_second: int
    neither: int

    @property
    def pairs(self) -> int:
        """All pairs."""
        return sum(self)


class McNemar(NamedTuple):
    """Two-sided p values: `exact` keeps its level always, `mid` is less cautious and has more power."""

    exact: float
    mid: float


def mcnemar(only_first: int, only_second: int) -> McNemar:
    """McNemar's exact conditional test, a sign test of the discordant pairs, and its mid-p version.

    With pairs of several tasks it tests that no task tells the policies apart: under that hypothesis each discordant
    pair falls on either side with probability 1/2, whatever its task. Without a discordant pair both p values are 1.

    Source: McNemar 1947, Psychometrika 12:153; mid-p: Fagerland, Lydersen and Laake 2013, BMC Med. Res. Methodol.
    13:91.
    """
    discordant, fewer = only_first + only_second, min(only_first, only_second)
    ways = below = 1  # to choose exactly, and at most, `chosen` of the discordant pairs
    for chosen in range(fewer):
        ways = ways * (discordant - chosen) // (chosen + 1)
        below += ways
    exact = min(1.0, 2 * below / 2**discordant)
    if only_first != only_second:
        return McNemar(exact, (2 * below - ways) / 2**discordant)
    return McNemar(exact, 1 - ways / 2**discordant / 2 if discordant else 1.0)


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p values, in the same order, that keep the chance of any false alarm at the level.

    Source: Holm 1979, Scand. J. Stat. 6:65.
    """
    adjusted, largest = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=lambda place: p_values[place])):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = largest
    return adjusted


def paired_difference(tasks: Sequence[Counts], weights: Sequence[float]) -> Difference:
    """The weighted mean of the tasks' differences, with Tango's score interval, tasks as strata.

    For one task this is Tango's interval. For several, Tango's at weighted discordant rates and an effective number of
    pairs: the number of alike pairs with the variance of the weighted mean, as `results.statistics.stratified` does for
    rates. Variances are judged after three quarters of a pair have been added to each cell, so that tasks without a
    discordant pair do not claim to be certain; the difference itself stays unchanged.

    Simulated for 1 to 50 tasks and discordant rates from 0.0003 to 0.97 it covered 93.5 % and more of 50 pairs or more
    in all, mostly 94 to 96 (3 tasks of 5 pairs: 92.7 at worst). It covers more where hardly a discordant pair is to be
    expected, and where tasks differ much: with half of the tasks decided and half without a discordant pair 99.9 % at
    10 pairs each, 99 at 50, 96 at 500.

    Args:
        tasks: at least one pair each.
        weights: positive, one per task, with sum 1.

    Raises:
        ValueError: no tasks, a task without a pair, or weights that do not sum to 1.

    Source: Tango 1998, Stat. Med. 17:891.
    """
    share = np.asarray(weights, dtype=np.float64)
    if not tasks or any(task.pairs < 1 for task in tasks) or abs(share.sum() - 1) > 1e-9:
        raise ValueError("tasks need at least one pair each, and weights that sum to 1")
    first, second, pairs = (
        np.array(column, dtype=np.float64)
        for column in zip(*((task.only_first, task.only_second, task.pairs) for task in tasks), strict=True)
    )
    low, high = stratified_limits(first, second, pairs, share)
    value = float(share @ ((first - second) / pairs))
    return Difference(value, min(float(low), value), max(float(high), value))


def stratified_limits(first: Floats, second: Floats, pairs: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Low and high limits (...) from discordant and all pairs by task, (..., tasks) each."""
    guarded = [(only + PSEUDO_PAIRS) / (pairs + 4 * PSEUDO_PAIRS) for only in (first, second)]
    variance = (pair_variance(*guarded) / pairs) @ weights**2
    effective = pair_variance(*(rate @ weights for rate in guarded)) / variance
    return tango_limits((first / pairs) @ weights * effective, (second / pairs) @ weights * effective, effective)


def pair_variance(first: Floats, second: Floats) -> Floats:
    """Variance of the difference of one pair, from the rates of either kind of discordant pair."""
    variance: Floats = first + second - (first - second) ** 2
    return variance


def tango_limits(first: Floats, second: Floats, pairs: Floats) -> tuple[Floats, Floats]:
    """Tango's limits: the differences whose score test does not reject; arrays of one shape, fractions allowed."""
    estimate = np.asarray((first - second) / pairs)

    def kept(difference: Floats) -> npt.NDArray[np.bool_]:
        linear = (2 * pairs - first + second) * difference - first - second
        root = np.sqrt(np.maximum(linear**2 + 8 * pairs * second * difference * (1 - difference), 0))
        rate = (root - linear) / (4 * pairs)  # of pairs that the second solves alone, likeliest at this difference
        variance = np.maximum(2 * rate + difference * (1 - difference), 0)
        inside: npt.NDArray[np.bool_] = pairs * (estimate - difference) ** 2 < Z**2 * variance
        return inside

    def limit(end: float) -> Floats:
        inside, outside = estimate, np.full_like(estimate, end)
        for _ in range(HALVINGS):
            middle = (inside + outside) / 2
            keep = kept(middle)
            inside, outside = np.where(keep, middle, inside), np.where(keep, outside, middle)
        return outside

    return limit(-1.0), limit(1.0)
