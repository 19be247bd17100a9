"""Chains of subtasks, as CALVIN has them: solved in a row, average length, and how each subtask fared.

A record of a chain says which subtasks were solved by its events, and by its failure at which one it broke off; so a
subtask was tried as often as it was solved or broke a chain. "k in a row" is the share of chains whose first k subtasks
were solved, the average length is the mean number solved. Steps per subtask are control steps from the solution before,
over all solved subtasks.
"""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from protocols.contracts import CHAIN_TIER, SOLVED, Record
from results.cells import NOTHING, interval_cell, rate_cell, spoken
from results.groups import PolicyRecords
from results.layout import Band, Block, Bullets, Paragraph, Row, Table
from results.literature import OFFICIAL, REMARKS, Published, sources
from results.statistics import Mean, Summary, bounded_mean, by_task
from results.verdicts import COLUMN, Counts, Question, Reproduction

LENGTH = 5
IN_A_ROW = tuple(str(number) for number in range(1, LENGTH + 1))
HEADER = ("policy", *(f"{number} in a row" for number in IN_A_ROW), "average length", "steps per subtask", "errors")
SUBTASK_HEADER = ("subtask", "success", "%", "95 % interval", "mean steps")
NOT_QUITE_MATCHED = (
    "Published numbers are of the same chains and initial states, but not matched: other versions of the environment "
    "(the button), starts that depend on the chain before, other renderers."
)
CHAIN_METHOD = (
    "Chains: intervals are Wilson's, of the average length Wilson's at the effective number of chains. A chain that "
    "ended in an error is in no rate."
)


def are_chains(records: Iterable[Record]) -> bool:
    """Whether these are records of chains."""
    return all(record.tier == CHAIN_TIER for record in records)


def solved(record: Record) -> dict[str, int]:
    """The solved subtasks of a chain, in order, with the control steps that each took."""
    took, before = {}, 0
    for step, name in record.events:
        if name.startswith(SOLVED):
            took[name.removeprefix(SOLVED)], before = step - before, step
    return took


def average_length(records: Iterable[Record]) -> Mean | None:
    """The mean number of solved subtasks, `rate` from 0 to LENGTH; None where no chain has a verdict."""
    lengths = [len(solved(record)) for record in records if record.error is None]
    return bounded_mean(lengths, LENGTH) if lengths else None


def chain_blocks(
    full: Sequence[PolicyRecords], apart: Sequence[PolicyRecords], printed: Sequence[Published], question: Question
) -> Iterator[Block]:
    """Everything about the chains of one setting.

    Args:
        full: policies that have all of the protocol, to stand beside printed numbers.
        apart: the others.
        printed: what is printed about the protocol.
        question: what is asked of that.
    """
    if full:
        marks = full[0].deviations  # of their asset files, the same for the whole setting
        header: tuple[str, ...] = HEADER
        rows: tuple[Row | Band, ...] = tuple(in_a_row_rows(full, marks))
        reproduction = Reproduction(question, full, [chain_counts(measured.records) for measured in full])
        if printed:
            header = (*HEADER, COLUMN)
            theirs = printed_rows(printed, reproduction.cell, stand_ins=bool(marks))
            rows = (*reproduction.widened(in_a_row_rows(full, marks)), *theirs)
        yield Table("".join(("Subtasks solved in a row in %", *(f", {mark}" for mark in marks))), header, rows)
        if printed:
            yield Paragraph(f"{NOT_QUITE_MATCHED} {reproduction.remark()}")
            yield Bullets(tuple(sources([number for number in printed if number.level != "subtask"])))
    if apart:
        caption = "Subtasks solved in a row in %, not comparable with published numbers"
        yield Table(caption, HEADER, tuple(in_a_row_rows(apart)))
    for measured in (*full, *apart):
        if len(parts := by_task(measured.records)) > 1:
            groups = (replace(measured, policy=task, records=tuple(some)) for task, some in parts.items())
            yield Table(
                f"{measured.policy}: in a row by task", ("task", *HEADER[1:]), tuple(in_a_row_rows(list(groups)))
            )
        yield Table(f"{measured.policy}: success by subtask", SUBTASK_HEADER, tuple(subtask_rows(measured.records)))
    if full:
        yield from beside_printed_subtasks(full, printed)
    yield Paragraph(CHAIN_METHOD)


def in_a_row_rows(group: Sequence[PolicyRecords], marks: Sequence[str] = ()) -> Iterator[Row]:
    """Three rows per policy: rates, counts, intervals; `marks` stand beside its name."""
    for measured in group:
        reached, mean = list(in_a_row(measured.records).values()), average_length(measured.records)
        subtasks = [fared for fared in by_subtask(measured.records).values() if fared.successes]
        solutions = sum(fared.successes for fared in subtasks)
        steps = sum(fared.successes * (fared.steps_mean or 0.0) for fared in subtasks)
        name = " ".join((measured.policy, *(f"[{mark}]" for mark in marks)))
        cells = (f"{mean.rate:.2f}" if mean else NOTHING, f"{steps / solutions:.1f}" if solutions else NOTHING)
        yield Row((name, *map(rate_cell, reached), *cells, str(reached[0].errors)), rule=True)
        counts = (f"{part.successes}/{part.episodes}" for part in reached)
        yield Row(("chains", *counts, "", "", ""))
        interval = f"[{mean.interval.low:.2f}, {mean.interval.high:.2f}]" if mean else NOTHING
        yield Row(("95 % interval", *map(interval_cell, reached), interval, "", ""))


def in_a_row(records: Sequence[Record]) -> dict[str, Summary]:
    """How many chains have at least 1, 2, ... solved subtasks."""
    lengths = [len(solved(record)) for record in records if record.error is None]
    errors = len(records) - len(lengths)
    return {
        number: Summary(sum(length >= int(number) for length in lengths), len(lengths), errors, None, None)
        for number in IN_A_ROW
    }


def chain_counts(records: Sequence[Record]) -> Counts:
    """What a rate of chains can be published of."""
    return {("in_a_row", name): part for name, part in in_a_row(records).items()}


def printed_rows(
    printed: Sequence[Published], verdict: Callable[[Sequence[Published]], str], *, stand_ins: bool
) -> Iterator[Row | Band]:
    """One row per published method, source by source, under a remark that they are not matched."""
    rows = [number for number in printed if number.level != "subtask"]
    if rows:
        yield Band(OFFICIAL if stand_ins else REMARKS["simulation"])
    for table in dict.fromkeys(printed_in(number) for number in rows):
        yield Band(table)
        there = [number for number in rows if printed_in(number) == table]
        for method in dict.fromkeys(number.method for number in there):
            row = [number for number in there if number.method == method]
            cells = {number.name: number.printed for number in row}
            numbers = (cells.get(name, NOTHING) for name in (*IN_A_ROW, "length", "steps"))
            yield Row((method, *numbers, NOTHING, verdict(row)))


def printed_in(number: Published) -> str:
    """Its source without remarks."""
    return number.source.partition(";")[0].partition(", steps from")[0]


def subtask_rows(records: Iterable[Record]) -> Iterator[Row]:
    """Each subtask that was tried, by name: how often it was solved, and in how many control steps."""
    for name, part in by_subtask(records).items():
        steps = NOTHING if part.steps_mean is None else f"{part.steps_mean:.1f}"
        yield Row((spoken(name), f"{part.successes}/{part.episodes}", rate_cell(part), interval_cell(part), steps))


def by_subtask(records: Iterable[Record]) -> dict[str, Summary]:
    """How each subtask fared that was tried, by name; an error counts for none."""
    took: dict[str, list[int]] = defaultdict(list)
    broke: Counter[str] = Counter()
    for record in records:
        for name, steps in solved(record).items() if record.error is None else ():
            took[name].append(steps)
        if record.success is False:
            broke[record.failure] += 1
    return {name: subtask(took[name], broke[name]) for name in sorted({*took, *broke})}


def subtask(took: Sequence[int], broke: int) -> Summary:
    """What a subtask has come to that was solved in so many steps each time, and broke so many chains."""
    mean, median = (statistics.fmean(took), statistics.median(took)) if took else (None, None)
    return Summary(len(took), len(took) + broke, 0, mean, median)


def beside_printed_subtasks(full: Sequence[PolicyRecords], printed: Sequence[Published]) -> Iterator[Block]:
    """A table per source that prints a rate for each subtask, ours in the first columns."""
    rows = [number for number in printed if number.level == "subtask"]
    ours = {measured.policy: rates(measured.records) for measured in full}
    for source in dict.fromkeys(number.source for number in rows):
        columns = dict(ours)
        for number in rows:
            if number.source == source:
                columns.setdefault(f"{number.method} (published)", {})[number.name] = number.printed
        names = sorted({name for column in columns.values() for name in column})
        cells = (Row((spoken(name), *(column.get(name, NOTHING) for column in columns.values()))) for name in names)
        yield Table(f"Success by subtask in %, beside {source}", ("subtask", *columns), tuple(cells))


def rates(records: Iterable[Record]) -> dict[str, str]:
    """The success rate of each subtask that was tried, in %."""
    return {name: rate_cell(part) for name, part in by_subtask(records).items()}
