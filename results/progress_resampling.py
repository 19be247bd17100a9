"""Intervals by drawing episodes again, all looks of an episode together: looks within one are no further evidence."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, stdtrit

from results.progress_tracks import Floats

DRAWS = 4000


class Estimate(NamedTuple):
    """A number with its 95 % interval; NaN where it is not defined."""

    value: float
    low: float
    high: float


UNDEFINED = Estimate(np.nan, np.nan, np.nan)


def drawn_again(episodes: int, generator: np.random.Generator, draws: int = DRAWS) -> Floats:
    """(draws, episodes) how often each episode is there in a sample of as many, drawn with replacement."""
    return generator.multinomial(episodes, np.full(episodes, 1 / episodes), size=draws).astype(np.float64)


def interval(samples: Floats, episodes: int) -> tuple[float, float]:
    """The ends of the expanded percentile interval of some resampled values.

    Plain percentiles are too narrow for few episodes. The expanded ones lie as far out as Student's t would (Hesterberg
    2015, Am. Stat. 69:371). Simulated for means of 5 to 50 normal, exponential and rank-correlation-like numbers, they
    covered 88 to 96 %, with 10 and more 92 and more.

    Args:
        samples: (draws,), NaN where a draw does not define the value.
        episodes: that were drawn from; fewer than two have no interval.
    """
    defined = samples[np.isfinite(samples)]
    if episodes < 2 or not len(defined):
        return np.nan, np.nan
    tail = float(ndtr(np.sqrt(episodes / (episodes - 1)) * stdtrit(episodes - 1, 0.025)))
    low, high = np.quantile(defined, [tail, 1 - tail])
    return float(low), float(high)


def ratio(sums: npt.ArrayLike, weights: npt.ArrayLike, again: Floats) -> Estimate:
    """The quotient of two sums over episodes, such as a mean over all looks.

    Args:
        sums: (episodes,) numerators.
        weights: (episodes,) denominators, such as numbers of looks.
        again: (draws, episodes), see `drawn_again`.
    """
    above, below = np.asarray(sums, np.float64), np.asarray(weights, np.float64)
    if not below.sum():
        return UNDEFINED
    with np.errstate(invalid="ignore"):
        samples = (again @ above) / (again @ below)
    return Estimate(float(above.sum() / below.sum()), *interval(samples, int((below > 0).sum())))


def mean(values: npt.ArrayLike, again: Floats) -> Estimate:
    """The mean over episodes of (episodes,) values; those that are NaN are left out."""
    array = np.asarray(values, np.float64)
    return ratio(np.nan_to_num(array), np.isfinite(array), again)
