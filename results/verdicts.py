"""Published rows beside ours: does a policy reproduce them?

Each rate that is printed with its number of episodes is put to two one-sided tests (`results.reproduced`), which take
the episodes of a tier as alike: that is cautious where its tasks differ. A row is *reproduced* where all of its rates
are, *not reproduced* where at least one is not, at a level divided by how many they are, and else *undecided*. Where a
row's conditions differ from ours (stand-ins, a real robot, what its source says), they are *not matched*, and it is
tested only on demand.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from protocols.contracts import Record
from results.cells import percent
from results.groups import PolicyRecords
from results.layout import Row
from results.literature import REAL_ROBOT, Published
from results.reproduced import Rate, Verdict, together, verdict
from results.statistics import Summary, by_task, by_tier, summarise

COLUMN = "reproduced?"
NO_COUNT = "no n published"
NOT_MATCHED = "conditions not matched"
ALPHA = 0.05

Counts = Mapping[tuple[str, str], Summary]  # by level and name, as published numbers have them


class Question(NamedTuple):
    """What is asked of published rows: a smaller difference than `margin` counts as none; test the unmatched too?"""

    margin: float = 0.05
    unmatched: bool = False


WITHIN_5_POINTS = Question()


class Answer(NamedTuple):
    """What a policy's records say about one published rate."""

    policy: str
    number: Published
    verdict: Verdict


def counts_of(records: Sequence[Record]) -> Counts:
    """All that a rate can be published of, but for chains."""
    parts = {("tier", name): some for name, some in by_tier(records).items()}
    parts |= {("task", name): some for name, some in by_task(records).items()}
    return {place: summarise(some) for place, some in (parts | {("task_mean", "task_mean"): records}).items()}


class Reproduction:
    """Answers of some policies to published rows.

    Args:
        question: what is asked.
        measured: policies that have all of a protocol, under its own conditions but perhaps with stand-ins.
        counts: of each of them.
    """

    def __init__(self, question: Question, measured: Sequence[PolicyRecords], counts: Iterable[Counts]) -> None:
        self.question = question
        self.counts = {one.policy: numbers for one, numbers in zip(measured, counts, strict=True)}
        self.deviations = measured[0].deviations if measured else ()

    def unmatched(self, numbers: Iterable[Published]) -> tuple[str, ...]:
        """What is known to differ between the conditions of some published numbers and ours."""
        reasons = [*self.deviations]
        for number in numbers:
            reasons += [REAL_ROBOT] * (number.world == REAL_ROBOT) + [number.unmatched] * bool(number.unmatched)
        return tuple(dict.fromkeys(reasons))

    def cell(self, row: Sequence[Published]) -> str:
        """What to say beside one published row."""
        tested = self.tested(row)
        if not tested:
            return NO_COUNT
        reasons = self.unmatched(row)
        if reasons and not self.question.unmatched:
            return NOT_MATCHED
        policies: dict[str, list[str]] = {}
        for policy in self.counts:
            rates = [rates_of(number, self.counts[policy]) for number in tested]
            policies.setdefault(together(rates, self.question.margin, ALPHA), []).append(policy)
        said = "; ".join(f"{word}: {', '.join(names)}" for word, names in policies.items())
        text = next(iter(policies)) if len(policies) == 1 else said
        return f"{text} ({NOT_MATCHED})" if reasons else text

    def tested(self, row: Iterable[Published]) -> list[Published]:
        """The numbers of a row that can be tested, each once."""
        counted = {number.name: number for number in row if number.episodes is not None}
        places = [{place for place, part in counts.items() if part.episodes} for counts in self.counts.values()]
        return [number for number in counted.values() if (number.level, number.name) in set.intersection(*places)]

    def answers(self, numbers: Sequence[Published]) -> Iterator[Answer]:
        """Every test that is asked for, one rate at a time."""
        for number in numbers:
            if not self.tested([number]) or (self.unmatched([number]) and not self.question.unmatched):
                continue
            for policy, counts in self.counts.items():
                rates = rates_of(number, counts)
                yield Answer(policy, number, verdict(*rates, self.question.margin, ALPHA))

    def widened(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Rows of ours, with an empty cell in the column."""
        return (replace(row, cells=(*row.cells, "")) for row in rows)

    def remark(self) -> str:
        """What the column means."""
        asked = "tested because asked for" if self.question.unmatched else "not tested, but with --unmatched"
        return (
            f"{COLUMN.capitalize()} Two one-sided tests at alpha {ALPHA:g} of every rate that is printed with its "
            "number of episodes, against each policy above: reproduced where all of a row lie within "
            f"{percent(self.question.margin)} points of ours, not reproduced where at least one lies further off, else "
            f"undecided. {NOT_MATCHED.capitalize()}: stand-ins, a real robot, or what the source says; {asked}."
        )


def rates_of(number: Published, counts: Counts) -> tuple[Rate, Rate]:
    """Our rate and the published one."""
    part, episodes = counts[number.level, number.name], number.episodes
    assert episodes is not None
    return Rate(part.successes, part.episodes), Rate(float(number.printed) / 100 * episodes, episodes)
