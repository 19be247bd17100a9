"""Which of two policies is better, judged after every pair of matched episodes: a test by betting, and its interval.

Whoever doubts that the mean difference is 0 bets on it. The capital is 1 at first, and a bet b makes it 1 + b d times
as large by a difference d in [-1, 1] (success: 1, 0 or -1; progress: any). If the mean is 0, whatever came before, no
bet makes the capital grow on average, so the chance that it ever reaches 1 / alpha is at most alpha (Ville's
inequality): one may look after every pair and stop at any, for any reason, and go on later. The bets are fixed
beforehand: the capital is split evenly over 20 in either direction and left there. That all of them together have
reached 1 / alpha is the decision, either way. The confidence sequence consists of the means against which the same
bets, shifted and scaled to that mean, have not reached it. It covers the true mean at all times at once with 1 - alpha,
it excludes 0 when the test decides and not before, and after any number of pairs their order does not matter to it.

Sizes of bets are square roots of evenly spaced numbers: pairs of matched starts that tell two policies apart mostly
fall on one side, so that large bets pay. Simulated with 2000 duels each, .95 against .90 with a phi of .5 takes 219
pairs of at most 500 on average (evenly spaced bets: 240), .90 against .80 with .53 takes 100 (111).

Tasks may differ. Where neither policy is better on any task, the bound holds at every look. Where differences of tasks
cancel, it holds at the end of every round in which each task comes once: there, the mean of a product is at most 1 by
the inequality of arithmetic and geometric means. Looks in between did no harm: with 50 tasks, half of them always won
by either policy, 1.3 % of 2000 simulated duels of 500 pairs gave a false alarm at alpha 0.05.

Source: Waudby-Smith and Ramdas 2024, J. R. Stat. Soc. B 86:1, sections 4 and 5; Ville 1939; splitting the capital:
Cover 1991, Math. Finance 1:1.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from results.statistics import Interval

Floats = npt.NDArray[np.float64]
SIZES = np.sqrt((np.arange(20) + 0.5) / 20)
BETS: Floats = np.concatenate([-SIZES, SIZES])
HALVINGS = 40  # of an interval no wider than 2


class Judgement(NamedTuple):
    """What some pairs say: the mean difference (first less second) with its confidence sequence, and the decision.

    pairs: how many are taken into account; none after the one that decides.
    difference: their mean; None where there is none. low, high: the confidence sequence.
    capital: what the bets have made of 1.
    winner: 1 or -1 where the first or second policy is better, 0 while nothing is decided.
    """

    pairs: int
    difference: float | None
    low: float
    high: float
    capital: float
    winner: int


def judged(differences: npt.ArrayLike, alpha: float) -> Judgement:
    """The judgement after some pairs; those after the first decision are left out, as if nobody had run them.

    Args:
        differences: (n,) in [-1, 1], in an order fixed beforehand.
        alpha: the chance of a false alarm that is put up with, between 0 and 1.

    Raises:
        ValueError: a difference outside of [-1, 1], or no such alpha.
    """
    values = checked(differences)
    needed = -math.log(between_0_and_1("alpha", alpha))
    capital = log_capital(values)
    reached = np.flatnonzero(capital >= needed)
    values = values[: reached[0] + 1] if len(reached) else values
    if not len(values):
        return Judgement(0, None, -1.0, 1.0, 1.0, 0)
    mean = float(values.mean())
    winner = int(np.sign(mean)) if len(reached) else 0
    return Judgement(len(values), mean, *confidence(values, alpha), math.exp(capital[len(values) - 1]), winner)


def log_capital(differences: npt.ArrayLike, mean: float = 0.0, bets: Floats = BETS) -> Floats:
    """(..., n) natural logarithm of the capital after each difference, for bets against a mean.

    Args:
        differences: (..., n) in [-1, 1].
        mean: what is bet against, between -1 and 1.
        bets: between -1 and 1, as shares of the largest that cannot be lost; the capital is split evenly over them.
    """
    gains = np.asarray(differences, dtype=np.float64) - mean
    capital = np.full(gains.shape, -np.inf)
    for stake in stakes(bets, mean):
        np.logaddexp(capital, np.log1p(stake * gains).cumsum(axis=-1), out=capital)
    return capital - math.log(len(bets))


def stakes(bets: Floats, mean: float) -> Floats:
    """Bets as multiples of a difference less the mean; such a difference is between -1 - mean and 1 - mean."""
    return bets / np.where(bets > 0, 1 + mean, 1 - mean)


def confidence(differences: npt.ArrayLike, alpha: float, bets: Floats = BETS) -> Interval:
    """The means against which the bets have not reached 1 / alpha after the last of the differences, (n,), n > 0.

    The capital is a convex function of the mean that is bet against, and at most 1 at the differences' own.
    """
    values = checked(differences)
    distinct, counts = np.unique(values, return_counts=True)
    middle = min(max(float(values.mean()), -1.0), 1.0)
    needed = math.log(len(bets) / alpha)

    def kept(mean: float) -> bool:
        logs = np.log1p(np.outer(stakes(bets, mean), distinct - mean)) @ counts
        return float(np.logaddexp.reduce(logs)) < needed

    def limit(end: float) -> float:
        inside, outside = middle, end
        for _ in range(HALVINGS):
            mean = (inside + outside) / 2
            if abs(mean) == 1 or kept(mean):
                inside = mean
            else:
                outside = mean
        return outside

    return Interval(limit(-1.0), limit(1.0))


def checked(differences: npt.ArrayLike) -> Floats:
    """Differences as float64, or ValueError where one is not in [-1, 1]."""
    values = np.asarray(differences, dtype=np.float64)
    if not (np.abs(values) <= 1).all():
        raise ValueError("differences must be between -1 and 1")
    return values


def between_0_and_1(what: str, value: float) -> float:
    """`value`, or ValueError where it is not strictly between 0 and 1."""
    if not 0 < value < 1:
        raise ValueError(f"{what} must be between 0 and 1, not {value:g}")
    return value
