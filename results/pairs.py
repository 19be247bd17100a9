"""Pairs: records of two policies over the same start, and what stays without a partner, counted.

A pair is two records of one task, split, index, seed, shift and repeat with one start fingerprint, one instruction and
one horizon, both with a verdict. Repeats of a start are no further starts: what compares pairs goes by the start. The
seed stands for the suite: a variant of a suite, with other actions say, that draws the very starts of the suite pairs
with it where the fingerprints agree.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from protocols.contracts import Record

Start = tuple[str, str, int, int, str]
Key = tuple[Start, int]  # and the repeat


class Pair(NamedTuple):
    """The records of two policies over one start."""

    first: Record
    second: Record


@dataclass(frozen=True, eq=False)
class Pairing:
    """The pairs of two policies, by task, index and repeat, and how many records are in none.

    Args:
        pairs: both with a verdict, over the same start.
        errors: shared episodes of which one policy or both have no verdict.
        other_start: shared episodes whose start fingerprints differ.
        other_terms: shared episodes whose starts agree and whose horizon or instruction differs.
        only_first: episodes of the first policy that the second has no record of.
        only_second: the reverse.
    """

    pairs: tuple[Pair, ...]
    errors: int
    other_start: int
    other_terms: int
    only_first: int
    only_second: int

    @property
    def shared(self) -> int:
        """Episodes of which both policies have a record."""
        return len(self.pairs) + self.errors + self.other_start + self.other_terms

    @property
    def starts(self) -> int:
        """Starts of which there are pairs; fewer than these where starts were repeated."""
        return len({start_of(pair.first) for pair in self.pairs})


def start_of(record: Record) -> Start:
    """Which start an episode asks for."""
    episode = record.episode
    return episode.task, episode.split, episode.index, episode.seed, episode.shift


def key_of(record: Record) -> Key:
    """Which episode a record is of, a repeat of a start being another."""
    return start_of(record), record.episode.repeat


def pair(first: Iterable[Record], second: Iterable[Record]) -> Pairing:
    """Pair the records of two policies.

    Args:
        first: records of one policy, at most one of each episode.
        second: of the other.
    """
    one, other = ({key_of(record): record for record in records} for records in (first, second))
    pairs, counts = [], {"errors": 0, "other_start": 0, "other_terms": 0}
    for key in sorted(one.keys() & other.keys()):
        candidate = Pair(one[key], other[key])
        if reason := why_no_pair(candidate):
            counts[reason] += 1
        else:
            pairs.append(candidate)
    alone = len(one.keys() - other.keys()), len(other.keys() - one.keys())
    return Pairing(tuple(pairs), **counts, only_first=alone[0], only_second=alone[1])


def why_no_pair(pair: Pair) -> str:
    """Which count of `Pairing` two records of one start belong to that are no pair; empty where they are one."""
    first, second = pair
    if first.error is not None or second.error is not None:
        return "errors"
    if first.fingerprint != second.fingerprint:
        return "other_start"
    terms = [(record.episode.max_steps, record.episode.instruction) for record in pair]
    return "" if terms[0] == terms[1] else "other_terms"


def discordant(pairs: Iterable[Pair]) -> Iterator[Pair]:
    """The pairs that one policy solves and the other does not."""
    return (pair for pair in pairs if pair.first.success != pair.second.success)


class Agreement(NamedTuple):
    """How far a policy agrees with itself over the same starts (an A/A test).

    verdicts: pairs that end alike. courses: pairs that also took equally many steps with equal progress at each.
    """

    pairs: int
    verdicts: int
    courses: int


def agreement(pairs: Sequence[Pair]) -> Agreement:
    """Count the pairs that are alike; progress is compared bit for bit."""
    verdicts = sum(pair.first.success == pair.second.success for pair in pairs)
    return Agreement(len(pairs), verdicts, sum(same_course(pair) for pair in pairs))


def same_course(pair: Pair) -> bool:
    """Whether both records have the same verdict, steps and progress."""
    first, second = pair
    ends = (first.success, first.steps) == (second.success, second.steps)
    return ends and np.array_equal(first.progress, second.progress)
