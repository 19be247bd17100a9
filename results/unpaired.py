"""Success of two policies over starts that are not the same: for records that cannot be paired, and only when asked.

Where some starts are harder than others, this sees less than pairs do with as many episodes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from results.paired import Difference, Floats
from results.statistics import stratified

NEARLY = 1 + 1e-7  # two tables that are equally probable may differ by rounding


class TwoRates(NamedTuple):
    """Successes and verdicts of two policies in one task."""

    first: int
    first_episodes: int
    second: int
    second_episodes: int


def unpaired_difference(tasks: Sequence[TwoRates], weights: Sequence[float]) -> Difference:
    """The weighted mean of the tasks' differences, with the square-and-add interval of two independent rates.

    The two rates' intervals are Wilson's at their effective numbers of episodes (`results.statistics.stratified`); for
    one task this is Newcombe's interval.

    Args:
        tasks: at least one verdict of each policy in each.
        weights: positive, one per task, with sum 1.

    Source: Newcombe 1998, Stat. Med. 17:873, method 10.
    """
    first = stratified([task.first for task in tasks], [task.first_episodes for task in tasks], weights)
    second = stratified([task.second for task in tasks], [task.second_episodes for task in tasks], weights)
    value = first.rate - second.rate
    below = math.hypot(first.rate - first.interval.low, second.interval.high - second.rate)
    above = math.hypot(first.interval.high - first.rate, second.rate - second.interval.low)
    return Difference(value, value - below, value + above)


def fisher(tasks: Sequence[TwoRates]) -> float:
    """Two-sided p of the exact conditional test that no task tells the policies apart; Fisher's for a single task.

    Each task's successes are fixed; how many of them are the first policy's is hypergeometric, and the sum over tasks
    is judged by its probability.

    Source: Fisher 1935, J. R. Stat. Soc. 98:39; over strata: Birch 1964, J. R. Stat. Soc. B 26:313.
    """
    chances, place = np.ones(1), 0
    for task in tasks:
        found, lowest = hypergeometric(task)
        chances = np.convolve(chances, found)
        place += task.first - lowest
    return min(1.0, float(chances[chances <= chances[place] * NEARLY].sum()))


def hypergeometric(task: TwoRates) -> tuple[Floats, int]:
    """Probabilities of each possible number of the first policy's successes, and the smallest such number."""
    successes, episodes = task.first + task.second, task.first_episodes + task.second_episodes
    lowest, highest = max(0, successes - task.second_episodes), min(successes, task.first_episodes)
    whole = math.comb(episodes, successes)
    ways = [
        math.comb(task.first_episodes, number) * math.comb(task.second_episodes, successes - number)
        for number in range(lowest, highest + 1)
    ]
    return np.array([way / whole for way in ways]), lowest
