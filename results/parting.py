"""Two records of one episode: the first control step at which they part, in what was done or in what came of it.

Where actions part first, or at the same step, the policy did something else: it is another one, or it saw something
else. Where progress parts while all actions before are alike, bit for bit, the simulator did something else. Where
one record is the beginning of the other, verdict or horizon differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from protocols.contracts import FloatArray, Record
from results.pairs import Key, Pair, key_of


class Parting(NamedTuple):
    """The control steps, from 1, at which actions and progress of two records part; None where they never do.

    common: control steps that both have. other_end: whether verdict, steps or failure mode differ.
    """

    actions: int | None
    progress: int | None
    common: int
    other_end: bool

    @property
    def step(self) -> int | None:
        """The first of the two."""
        steps = [step for step in (self.actions, self.progress) if step is not None]
        return min(steps) if steps else None

    @property
    def cause(self) -> str:
        """Which parted first: "actions" where it was both at once, "" where neither did.

        "end" where one goes on, or where only verdict or failure mode differ.
        """
        if self.step is None:
            return "end" if self.other_end else ""
        if self.step > self.common:
            return "end"
        return "actions" if self.actions == self.step else "progress"


def parting(pair: Pair) -> Parting:
    """Where two records of one episode part; the actions of exported records are not known, and part nowhere."""
    known = all(len(record.actions) == record.steps for record in pair)
    actions = first_difference(pair.first.actions, pair.second.actions) if known else None
    progress = first_difference(pair.first.progress, pair.second.progress)
    common = min(pair.first.steps, pair.second.steps)
    return Parting(actions, progress, common, ends(pair.first) != ends(pair.second))


def first_difference(first: FloatArray, second: FloatArray) -> int | None:
    """Number, from 1, of the first row that is not the same, bit for bit, or that only one of the two has."""
    common = min(len(first), len(second))
    if common and first.shape[1:] != second.shape[1:]:  # actions of other robots
        return 1
    one, other = (np.ascontiguousarray(array[:common], np.float32).view(np.uint32) for array in (first, second))
    differs = (one != other).reshape(common, -1 if common else 0).any(axis=1)
    if differs.any():
        return int(np.argmax(differs)) + 1
    return None if len(first) == len(second) else common + 1


@dataclass(frozen=True, eq=False)
class Shared:
    """What two sets of records share, by task, index and repeat.

    Args:
        pairs: episodes of which both have a verdict, over the same start.
        other_start: episodes with a verdict whose start fingerprints differ.
        errors: episodes of which one or both have no verdict.
        only_first: how many episodes only the first has.
        only_second: the reverse.
    """

    pairs: tuple[Pair, ...]
    other_start: tuple[Pair, ...]
    errors: tuple[Pair, ...]
    only_first: int
    only_second: int

    @property
    def one_sided(self) -> tuple[Pair, ...]:
        """The episodes of which just one has a verdict."""
        return tuple(pair for pair in self.errors if (pair.first.error is None) != (pair.second.error is None))


def shared(first: Iterable[Record], second: Iterable[Record]) -> Shared:
    """Match the records of two sides.

    Raises:
        ValueError: a side has several records of one episode.
    """
    one, other = (by_key(records) for records in (first, second))
    both = [Pair(one[key], other[key]) for key in sorted(one.keys() & other.keys())]
    errors = [pair for pair in both if pair.first.error is not None or pair.second.error is not None]
    verdicts = [pair for pair in both if pair.first.error is None and pair.second.error is None]
    return Shared(
        pairs=tuple(pair for pair in verdicts if pair.first.fingerprint == pair.second.fingerprint),
        other_start=tuple(pair for pair in verdicts if pair.first.fingerprint != pair.second.fingerprint),
        errors=tuple(errors),
        only_first=len(one.keys() - other.keys()),
        only_second=len(other.keys() - one.keys()),
    )


def by_key(records: Iterable[Record]) -> dict[Key, Record]:
    """Records by episode, at most one of each."""
    kept: dict[Key, Record] = {}
    for record in records:
        key = key_of(record)
        if key in kept:
            episode = record.episode
            raise ValueError(
                f"there are several records of episode {episode.index} of {episode.task} by {record.policy}; "
                "name a run, as PATH:RUN, or a --protocol"
            )
        kept[key] = record
    return kept


def parted(pairs: Sequence[Pair]) -> list[tuple[Pair, Parting]]:
    """The pairs that part, and where: earliest first, then by task and index."""
    found = [(pair, parting(pair)) for pair in pairs]
    left = [(pair, where) for pair, where in found if where.cause]
    return sorted(left, key=lambda one: (one[1].step or 0, key_of(one[0].first)))


def ends(record: Record) -> tuple[bool | None, int, str]:
    """How a record ends: verdict, steps, failure mode."""
    return record.success, record.steps, record.failure
