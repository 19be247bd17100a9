"""Mean differences of a bounded quantity per episode, such as steps or progress, with tasks as strata."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

from results.paired import Difference, Floats

PSEUDO_PAIRS = 0.25  # at either end of the range, shared out over the tasks, before variances are judged


class Stratum(NamedTuple):
    """Contributions of some episodes to a weighted mean, (n, ...), the range of one, and their weight of all."""

    values: Floats
    low: float
    high: float
    weight: float


class Part(NamedTuple):
    """An estimate, its variance, and the degrees of freedom of that variance."""

    mean: float
    variance: float
    freedom: float


def paired_mean(tasks: Sequence[npt.ArrayLike], weights: Sequence[float], bounds: Sequence[float]) -> Difference:
    """The weighted mean of the tasks' mean differences, with Student's interval.

    For one task this is the paired t interval, but for half a pseudo pair: variances are judged as if a quarter of a
    pair had differed by all of the range and another by all of it the other way, so that a few pairs that happen to be
    alike do not claim to be certain. For several tasks variances add up, and the degrees of freedom are Satterthwaite's
    (1946, Biometrics Bull. 2:110). Tasks of a single pair tell no variance; they are judged together, which counts the
    difference between them as chance (collapsed strata: Cochran, Sampling Techniques, 1977, 5A.12).

    Simulated for steps to success with rates from 0.02 to 1, scenes shared, it covered 94.5 % and more; within 1.5
    points of 95 where 200 pairs and more have failures on both sides, and up to 100 % of few pairs of one task.
    Without the pseudo pairs it covered as little as 77 % there, and 82 % where nearly all episodes of one side fail.

    Args:
        tasks: differences of the pairs of each task, at least one.
        weights: positive, one per task, with sum 1.
        bounds: the largest difference that is possible in each task; the interval stays within.
    """
    part = weighted_mean(tasks, weights, [-bound for bound in bounds], bounds)
    return with_interval(part, float(np.dot(weights, bounds)))


def unpaired_mean(
    first: Sequence[npt.ArrayLike],
    second: Sequence[npt.ArrayLike],
    weights: Sequence[float],
    bounds: Sequence[float],
) -> Difference:
    """The weighted mean of the tasks' differences of means between independent episodes; for one task as Welch's.

    Args:
        first: values of the first policy's episodes of each task, at least one, from 0 to the task's bound.
        second: of the second's.
        weights: positive, one per task, with sum 1.
        bounds: of each task.
    """
    one, other = (weighted_mean(side, weights, [0.0] * len(bounds), bounds) for side in (first, second))
    variance = one.variance + other.variance
    freedom = variance**2 / sum(part.variance**2 / part.freedom for part in (one, other))
    return with_interval(Part(one.mean - other.mean, variance, freedom), float(np.dot(weights, bounds)))


def weighted_mean(
    tasks: Sequence[npt.ArrayLike], weights: Sequence[float], lows: Sequence[float], highs: Sequence[float]
) -> Part:
    """The weighted mean of the tasks' means, values from low to high."""
    strata = []
    for task, weight, low, high in zip(tasks, weights, lows, highs, strict=True):
        values = np.asarray(task, dtype=np.float64)
        share = weight / len(values)
        strata.append(Stratum(share * values, share * low, share * high, weight))
    parts = [judged(stratum) for stratum in collapsed(strata)]
    variance = sum(part.variance for part in parts)
    freedom = variance**2 / sum(part.variance**2 / part.freedom for part in parts)
    return Part(sum(part.mean for part in parts), variance, freedom)


def collapsed(tasks: Sequence[Stratum]) -> list[Stratum]:
    """The tasks, those of a single value put together; a lone one joins the smallest others, all of that size."""
    single = [task for task in tasks if len(task.values) == 1]
    strata = [task for task in tasks if len(task.values) > 1]
    if len(single) == 1 and strata:
        size = min(len(task.values) for task in strata)
        single += [task for task in strata if len(task.values) == size]
        strata = [task for task in strata if len(task.values) > size]
    if not single:
        return strata
    values, lows, highs, weights = zip(*single, strict=True)
    return [*strata, Stratum(np.concatenate(values), min(lows), max(highs), sum(weights))]


def judged(stratum: Stratum) -> Part:
    """The sum of a stratum's values, and the variance of that sum."""
    values, mean, added = stratum.values, stratum.values.mean(), PSEUDO_PAIRS * stratum.weight
    squares = ((values - mean) ** 2).sum() + added * ((stratum.low - mean) ** 2 + (stratum.high - mean) ** 2)
    freedom = len(values) - 1 + 2 * added
    return Part(float(values.sum()), float(len(values) * squares / freedom), freedom)


def with_interval(part: Part, bound: float) -> Difference:
    """Student's 95 % interval, within the bound."""
    half = float(stdtrit(part.freedom, 0.975)) * part.variance**0.5
    return Difference(part.mean, max(-bound, part.mean - half), min(bound, part.mean + half))
