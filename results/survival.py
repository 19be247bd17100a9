"""Time to success, in control steps: Kaplan-Meier curves and restricted means.

An episode that fails is censored at its horizon, whenever it ended: it would not have succeeded before. The restricted
mean is the area under the curve of the unsolved up to the horizon, the steps that an episode takes when a failure
counts as the whole horizon; it can be compared where rates are too few to tell two policies apart.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from protocols.contracts import Record
from results.paired import Floats
from results.statistics import Z


class Wait(NamedTuple):
    """Steps until an episode succeeded, or until one gave up looking (`solved` is False)."""

    steps: int
    solved: bool


class Survival(NamedTuple):
    """Share of the episodes that is still unsolved after each of `steps`, (K,) each, with 95 % limits; from (0, 1)."""

    steps: npt.NDArray[np.int64]
    unsolved: Floats
    low: Floats
    high: Floats


def wait(record: Record) -> Wait:
    """Time to success of an episode with a verdict."""
    return Wait(record.steps, True) if record.success else Wait(record.episode.max_steps, False)


def kaplan_meier(waits: Iterable[Wait]) -> Survival:
    """The product-limit curve, with limits from Greenwood's variance of its double logarithm.

    The limits are those of each point by itself, not of the whole curve. At 0 and 1 the variance is unknown and they
    lie on the curve.

    Source: Kaplan and Meier 1958, J. Am. Stat. Assoc. 53:457; Kalbfleisch and Prentice 1980, section 1.4.
    """
    steps, solved = (np.array(column) for column in zip(*waits, strict=True))
    times = np.unique(steps[solved])
    events = np.array([np.count_nonzero(solved & (steps == time)) for time in times], dtype=np.float64)
    at_risk = np.array([np.count_nonzero(steps >= time) for time in times], dtype=np.float64)
    unsolved = np.cumprod(1 - events / at_risk)
    left = at_risk - events
    sums = np.cumsum(np.divide(events, at_risk * left, out=np.zeros_like(events), where=left > 0))
    within = (unsolved > 0) & (unsolved < 1)
    log = np.log(unsolved, out=np.full_like(unsolved, -1.0), where=within)
    factor = np.exp(Z * np.sqrt(sums) / log)  # below 1, because a logarithm of a share is negative
    limits = (np.where(within, np.exp(log * power), unsolved) for power in (1 / factor, factor))
    low, high = (np.concatenate([[1.0], limit]) for limit in limits)
    return Survival(np.concatenate([[0], times]), np.concatenate([[1.0], unsolved]), low, high)


def median(curve: Survival) -> int | None:
    """The first step at which half of the episodes are solved; None where that is never reached."""
    reached = np.flatnonzero(curve.unsolved <= 0.5 + 1e-12)
    return int(curve.steps[reached[0]]) if len(reached) else None


def restricted_mean(curve: Survival, horizon: int) -> float:
    """Area under the curve from 0 to the horizon, in control steps.

    Without an episode that is censored before the horizon this is the mean of `restricted`.

    Source: Irwin 1949, J. Hyg. 47:188; Royston and Parmar 2013, BMC Med. Res. Methodol. 13:152.
    """
    edges = np.append(np.minimum(curve.steps, horizon), horizon)
    return float(curve.unsolved @ np.diff(edges))


def restricted(record: Record) -> int:
    """Control steps to success, the horizon for a failure; pairs of these make a paired difference of means."""
    return wait(record).steps
