"""More than two policies over the episodes that all of them share: rates, letters, ranks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from protocols.contracts import Record
from results.comparison import Comparison, by_start, solved
from results.paired import holm
from results.pairs import Pair, key_of, why_no_pair
from results.ranks import SEED, Rank, letters, rank_bootstrap
from results.repeats import pass_mean, starts
from results.sides import Side
from results.statistics import Mean, by_task, by_tier, task_mean, tier_mean


@dataclass(frozen=True, eq=False)
class Standing:
    """One policy among others.

    Args:
        side: the policy.
        episodes: how many episodes all policies share.
        tasks: mean of the task rates over these.
        tiers: mean of the tier rates.
        rank: by the task mean.
        letters: two policies share one exactly when the exact test, corrected over all pairs, does not tell them apart
            in one direction.
    """

    side: Side
    episodes: int
    tasks: Mean
    tiers: Mean
    rank: Rank
    letters: str


def with_holm_over_pairs(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """The same comparisons, the p values of their means adjusted over all of them."""
    adjusted = holm([comparison.overall.exact for comparison in comparisons])
    return [
        replace(
            comparison,
            levels=tuple(
                replace(level, adjusted=value) if level.level.endswith("mean") else level for level in comparison.levels
            ),
        )
        for comparison, value in zip(comparisons, adjusted, strict=True)
    ]


def standings(sides: Sequence[Side], comparisons: Sequence[Comparison]) -> list[Standing]:
    """All policies, best first; empty where no episode is shared by all.

    Args:
        sides: the policies.
        comparisons: of their pairs, corrected over pairs; a pair that is not there counts as not told apart.
    """
    shared = shared_records(sides)
    if not shared[0]:
        return []
    tasks = [by_task(records) for records in shared]
    outcomes = [np.array([by_start(task[name], solved) for task in tasks]).T for name in tasks[0]]
    ranks = rank_bootstrap(outcomes, [1 / len(outcomes)] * len(outcomes), np.random.default_rng(SEED))
    means = [averages(records) for records in shared]
    rates = [mean.rate for mean, _ in means if mean]
    order = sorted(range(len(sides)), key=lambda place: -rates[place])
    marks = letters(differing([sides[place] for place in order], comparisons))
    made = []
    for place, mark in zip(order, marks, strict=True):
        tasks_mean, tiers_mean = means[place]
        assert tasks_mean and tiers_mean, "every shared episode has a verdict"
        made.append(Standing(sides[place], len(shared[0]), tasks_mean, tiers_mean, ranks[place], mark))
    return made


class Averages(NamedTuple):
    """The two means of a policy; None where no episode has a verdict."""

    tasks: Mean | None
    tiers: Mean | None


def averages(records: Sequence[Record]) -> Averages:
    """The two means, with intervals for which repeats of a start are no further episodes."""
    if not any(record.episode.repeat for record in records):
        return Averages(task_mean(records), tier_mean(records))
    tiers = by_tier(records).values()
    weights = [1 / len(tiers) / len(tasks) for tasks in map(by_task, tiers) for _ in tasks]
    grouped = [starts(some) for tasks in map(by_task, tiers) for some in tasks.values()]
    return Averages(pass_mean(grouped, 1), pass_mean(grouped, 1, weights))


def shared_records(sides: Sequence[Side]) -> list[list[Record]]:
    """The records of each side over the episodes in which all sides pair, in one order."""
    by_key = [{key_of(record): record for record in side.measured.records} for side in sides]
    keys = sorted(set.intersection(*(set(records) for records in by_key)))
    kept = [key for key in keys if not any(why_no_pair(Pair(by_key[0][key], records[key])) for records in by_key)]
    return [[records[key] for key in kept] for records in by_key]


def differing(sides: Sequence[Side], comparisons: Sequence[Comparison]) -> list[list[bool]]:
    """(P, P) whether two policies differ significantly, in one direction."""
    told = [{one.first.name, one.second.name} for one in comparisons if one.overall.is_significant]
    return [[{one.name, other.name} in told for other in sides] for one in sides]
