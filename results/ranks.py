"""More than two policies: letters that tell which differ, and how sure their order is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from results.means import Stratum, collapsed
from results.paired import Floats

RESAMPLES = 4000
SEED = 0
TIE = 1e-9  # means that differ by no more than rounding share a rank


def letters(differ: npt.ArrayLike) -> list[str]:
    """Compact letters: two policies share a letter exactly when they do not differ; "a" is the first policy's.

    Piepho's insert-and-absorb: begin with one column of all, split each column that holds a pair that differs, drop
    columns that others contain.

    Args:
        differ: (P, P) symmetric, True where two policies differ significantly; policies from best to worst.

    Returns:
        P texts of letters, "a" to "z", then "a2" and so on.

    Source: Piepho 2004, J. Comput. Graph. Stat. 13:456.
    """
    matrix = np.asarray(differ, dtype=bool)
    columns = [frozenset(range(len(matrix)))]
    for one, other in np.argwhere(np.triu(matrix, 1)).tolist():
        split = [part for column in columns for part in without_pair(column, one, other)]
        columns = [column for column in dict.fromkeys(split) if not any(column < larger for larger in split)]
    columns.sort(key=sorted)
    named = [(letter(place), column) for place, column in enumerate(columns)]
    return ["".join(name for name, column in named if policy in column) for policy in range(len(matrix))]


def without_pair(column: frozenset[int], one: int, other: int) -> list[frozenset[int]]:
    """The column as it is, or as two where it holds a pair that differs."""
    return [column - {one}, column - {other}] if {one, other} <= column else [column]


def letter(place: int) -> str:
    """The letter of a column, from 0."""
    around, within = divmod(place, 26)
    return chr(ord("a") + within) + (str(around + 1) if around else "")


@dataclass(frozen=True)
class Rank:
    """Where a policy stands among P, 1 the best.

    Args:
        mean: over resamples; ties share the mean of their ranks.
        low, high: 2.5 % and 97.5 % of the resamples.
        best: share of the resamples in which it is first; one that is shared counts in parts.
    """

    mean: float
    low: float
    high: float
    best: float


def rank_bootstrap(
    tasks: Sequence[npt.ArrayLike], weights: Sequence[float], random: np.random.Generator, resamples: int = RESAMPLES
) -> list[Rank]:
    """Ranks of P policies by weighted mean of task rates when the shared episodes are drawn again, task by task.

    An episode is drawn for all policies at once, so that what makes it easy or hard stays paired. Tasks of a single
    episode are drawn together, see `results.means.collapsed`.

    Args:
        tasks: (n, P) successes of the n shared episodes of each task.
        weights: positive, one per task, with sum 1.
        random: draws the resamples.
        resamples: how many.
    """
    strata = []
    for task, weight in zip(tasks, weights, strict=True):
        values = np.asarray(task, dtype=np.float64)
        strata.append(Stratum(values * weight / len(values), 0.0, weight / len(values), weight))
    scores = sum(resampled(stratum.values, random, resamples) for stratum in collapsed(strata))
    assert isinstance(scores, np.ndarray), "there is a task"
    ranks = ranked(scores)
    best = (scores >= scores.max(axis=1, keepdims=True) - TIE).astype(np.float64)
    best /= best.sum(axis=1, keepdims=True)
    low, high = np.quantile(ranks, (0.025, 0.975), axis=0)
    columns = (ranks.mean(axis=0), low, high, best.mean(axis=0))
    return [Rank(*map(float, row)) for row in zip(*columns, strict=True)]


def resampled(stratum: Floats, random: np.random.Generator, resamples: int) -> Floats:
    """(resamples, P) sums of a stratum, (n, P), whose episodes are drawn with replacement."""
    size = len(stratum)
    drawn = random.multinomial(size, np.full(size, 1 / size), resamples)
    sums: Floats = drawn @ stratum
    return sums


def ranked(scores: Floats) -> Floats:
    """(resamples, P) ranks, 1 the highest score, ties at the mean of their ranks."""
    one, other = scores[:, :, None], scores[:, None, :]
    above = (other > one + TIE).sum(axis=2)
    level = (np.abs(other - one) <= TIE).sum(axis=2)
    ranks: Floats = 1 + above + (level - 1) / 2
    return ranks
