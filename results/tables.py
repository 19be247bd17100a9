"""Tables of success rates: `python -m results.tables --store DIR [--format markdown|csv|latex] [--by task|tier]`.

One section per setting (protocol, deviations, conditions), one row per policy, then one table per policy with its tiers
and tasks. Published numbers (`results/published/*.csv`) stand beside a policy's only where it has all episodes of the
protocol under its own conditions, and are marked as not matched, with a verdict on whether they are reproduced
(`results.verdicts`); partial results and changed conditions are kept apart and say so. Where asset files are stand-ins,
both sides of that table are marked. A policy with a larger share of episodes without a verdict than the protocol allows
gets no numbers. Where a suite names how episodes failed, a table counts it; numbers of a real robot stand beside ours
task by task. At the end shifted episodes stand beside their unshifted twins.

The committed tables (`results/tables/*.md`) have the records that they were made from beside them (`--keep`), less what
no table reads, so that `--check` finds out without a simulator whether they are still true.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from protocols.contracts import EvaluationProtocol, Record
from results.cells import NOTHING, interval_cell, rate_cell, spoken
from results.chains import are_chains, chain_blocks
from results.documents import deliver
from results.export import write_parquet
from results.failures import PublishedFailures, failure_comparison, failure_table, read_published_failures
from results.groups import (
    PolicyRecords,
    by_policy,
    comparable_but_assets,
    coverage,
    known_protocols,
    refusal,
)
from results.layout import Band, Block, Bullets, Heading, Paragraph, Row, Table, latex, markdown
from results.literature import (
    NOT_MATCHED,
    Published,
    printed_about,
    published_rows,
    read_published,
    real_robot_table,
    sources,
)
from results.options import add_source_options, records_of
from results.shifts import shift_table
from results.statistics import Mean, Summary, by_task, by_tier, summarise, task_mean, tier_mean
from results.tables_csv import render_csv
from results.trained import Trained, keep_trained, read_trained, trained_notes
from results.verdicts import COLUMN, WITHIN_5_POINTS, Question, Reproduction, counts_of

FORMATS = ("markdown", "csv", "latex")
METHOD = (
    "Success in %, with 95 % intervals: Wilson's for tasks and all episodes, and for tiers and means Wilson's at the "
    "effective number of episodes, tasks as strata. A tier's rate is the mean of its tasks' rates. The tier mean, the "
    "unweighted mean of the tiers, is the published convention of Meta-World and LIBERO; the task mean weighs every "
    "task alike. Steps are control steps to success, over the successes. Errors are episodes without a verdict, in no "
    "rate."
)


def render(
    records: Iterable[Record],
    known: Mapping[str, EvaluationProtocol],
    published: Sequence[Published],
    failures: Sequence[PublishedFailures] = (),
    *,
    form: str = "markdown",
    by: str = "task",
    question: Question = WITHIN_5_POINTS,
    trained: Trained = MappingProxyType({}),
) -> str:
    """All tables of some records.

    Args:
        records: what was measured.
        known: protocols by name, as far as they are here; others go unchecked, and the text says so.
        published: printed success rates.
        failures: printed counts of failures.
        form: one of FORMATS.
        by: "task" lists tiers and tasks, "tier" only tiers.
        question: what is asked of published rows.
        trained: what learned policies were trained on.

    Raises:
        ValueError: every policy has too large a share of errors.
    """
    made = by_policy(records)
    reasons = [refusal(measured, known.get(measured.protocol)) for measured in made]
    if all(reasons):
        raise ValueError("; ".join(reasons))
    if form == "csv":
        return render_csv(made, known, published, by, question)
    blocks: list[Block] = []
    for _, group in itertools.groupby(made, key=lambda measured: measured.setting):
        blocks += section(list(group), known, published, failures, by, question, trained)
    shown = (measured for measured, reason in zip(made, reasons, strict=True) if not reason)
    blocks += shift_table(record for measured in shown for record in measured.records)
    method = [] if all(are_chains(measured.records) for measured in made) else [Paragraph(METHOD)]
    return (latex if form == "latex" else markdown)([*blocks, *method])


def section(
    group: list[PolicyRecords],
    known: Mapping[str, EvaluationProtocol],
    published: Sequence[Published],
    failures: Sequence[PublishedFailures],
    by: str,
    question: Question,
    trained: Trained,
) -> Iterator[Block]:
    """Everything about one setting."""
    setting, protocol = group[0], known.get(group[0].protocol)
    printed = printed_about(setting.protocol, known, published)
    shown = [measured for measured in group if not refusal(measured, protocol)]
    full = [measured for measured in shown if comparable_but_assets(measured, protocol)]
    apart = [measured for measured in shown if measured not in full]
    yield Heading(", ".join((setting.protocol, *setting.deviations)))
    yield Paragraph(" ".join(remarks(setting, protocol)))
    said = (refusal(one, protocol) or f"{one.policy}: {coverage(one, protocol)}" for one in group)
    yield Bullets((*said, *trained_notes(shown, trained)))
    if are_chains(setting.records):
        yield from chain_blocks(full, apart, printed, question)
        return
    if full:
        yield from beside_published(full, known[setting.protocol], printed, question)
        yield from failure_comparison(full, [count for count in failures if count.protocol == setting.protocol])
    if apart:
        tiers = list(by_tier(record for measured in apart for record in measured.records))
        caption = "Success by tier in %, not comparable with published numbers"
        yield Table(caption, summary_header(tiers), tuple(policy_rows(apart, tiers)))
    for measured in shown:
        yield Table(f"{measured.policy}: success by {by}", DETAIL_HEADER, tuple(detail_rows(measured, by)))
        yield from failure_table(measured)


def remarks(setting: PolicyRecords, protocol: EvaluationProtocol | None) -> Iterator[str]:
    """What one has to know about the conditions of a setting."""
    yield f"Horizon {horizon(setting)} control steps; conditions {setting.conditions[:8]}."
    if protocol is None:
        yield f"There is no protocol {setting.protocol} here: neither completeness nor the share of errors was checked."
    elif setting.deviations:
        yield f"Conditions differ from the protocol's: {', '.join(setting.deviations)}."
    elif setting.conditions != protocol.conditions_hash():
        yield "The protocol of this name has other conditions here, so published numbers are kept apart."


def horizon(setting: PolicyRecords) -> str:
    """Control steps after which an episode has failed; by tier where tiers differ."""
    steps = {tier: members[0].episode.max_steps for tier, members in by_tier(setting.records).items()}
    if len(set(steps.values())) == 1:
        return str(next(iter(steps.values())))
    return ", ".join(f"{number} ({spoken(tier)})" for tier, number in steps.items())


def beside_published(
    full: list[PolicyRecords], protocol: EvaluationProtocol, printed: Sequence[Published], question: Question
) -> Iterator[Block]:
    """The policies that have all of a protocol, and what is printed about it, and whether it is reproduced."""
    tiers = list(by_tier(record for measured in full for record in measured.records))
    mean = "task mean" if any(number.level == "task_mean" for number in printed) else "tier mean"
    marks = full[0].deviations  # of their asset files, the same for the whole setting
    header: tuple[str, ...] = summary_header(tiers)
    rows: tuple[Row | Band, ...] = tuple(policy_rows(full, tiers, marks))
    reproduction = Reproduction(question, full, [counts_of(measured.records) for measured in full])
    if printed:
        header = (*header, COLUMN)
        theirs = published_rows(printed, tiers, reproduction.cell, stand_ins=bool(marks))
        rows = (*reproduction.widened(policy_rows(full, tiers, marks)), *theirs)
    caption = "".join(f", {mark}" for mark in marks)
    yield Table(f"Success by tier in %{caption}; papers print the {mean}", header, rows)
    yield from real_robot_table(full, protocol, printed)
    if printed:
        yield Paragraph(f"{NOT_MATCHED} {reproduction.remark()}")
        yield Bullets(tuple(sources(printed)))


def summary_header(tiers: list[str]) -> tuple[str, ...]:
    """Columns of the table of policies."""
    return ("policy", *(spoken(tier) for tier in tiers), "tier mean", "task mean", "errors")


def policy_rows(group: list[PolicyRecords], tiers: list[str], marks: Sequence[str] = ()) -> Iterator[Row]:
    """Three rows per policy: rates, successes per episodes, intervals; `marks` stand beside its name."""
    for measured in group:
        records, parts = measured.records, by_tier(measured.records)
        summaries = [summarise(parts.get(tier, [])) for tier in tiers]
        means = [*(task_mean(parts.get(tier, [])) for tier in tiers), tier_mean(records), task_mean(records)]
        errors = str(summarise(records).errors)
        name = " ".join((measured.policy, *(f"[{mark}]" for mark in marks)))
        yield Row((name, *map(rate_cell, means), errors), rule=True)
        yield Row(("successes", *(f"{part.successes}/{part.episodes}" for part in summaries), "", "", ""))
        yield Row(("95 % interval", *map(interval_cell, means), ""))


DETAIL_HEADER = ("task", "success", "%", "95 % interval", "mean steps", "median steps", "errors")


def detail_rows(measured: PolicyRecords, by: str) -> Iterator[Row]:
    """The tiers of a policy, each with its tasks where they are asked for, then all episodes and the means."""
    tiers = by_tier(measured.records)
    for tier, members in tiers.items():
        tasks, listed = by_task(members), by == "task"
        cells = summary_cells(summarise(members), task_mean(members))
        yield Row((f"{spoken(tier)}, {counted(tasks, 'task')}", *cells), rule=listed, total=listed)
        if listed:
            yield from (Row((task, *summary_cells(summarise(chosen)))) for task, chosen in tasks.items())
    yield Row(("all episodes", *summary_cells(summarise(measured.records))), rule=True)
    yield mean_row(f"tier mean, {counted(tiers, 'tier')}", tier_mean(measured.records))
    yield mean_row(f"task mean, {counted(by_task(measured.records), 'task')}", task_mean(measured.records))


def counted(things: Sized, noun: str) -> str:
    """How many there are: "1 tier", "4 tiers"."""
    return f"{len(things)} {noun}{'' if len(things) == 1 else 's'}"


def mean_row(name: str, mean: Mean | None) -> Row:
    """A mean and its interval, in their columns."""
    return Row((name, "", rate_cell(mean), interval_cell(mean), "", "", ""))


def summary_cells(summary: Summary, mean: Mean | None = None) -> tuple[str, ...]:
    """Counts, rate, interval, steps and errors; rate and interval those of the mean where there is one."""
    steps = [NOTHING if value is None else f"{value:.1f}" for value in (summary.steps_mean, summary.steps_median)]
    counts = f"{summary.successes}/{summary.episodes}"
    return (counts, rate_cell(mean or summary), interval_cell(mean or summary), *steps, str(summary.errors))


def keep(records: Iterable[Record], path: Path) -> None:
    """Write records without curves, actions, looks and times, which no table reads, as Parquet.

    Raises:
        ValueError: Parquet cannot be written here.
    """
    nothing: dict[str, Any] = {
        "progress": np.zeros(0, np.float32),
        "actions": np.zeros((0, 0), np.float32),
        "looks": (),
    }
    try:
        write_parquet([replace(record, **nothing) for record in records], path, times=False)
    except ModuleNotFoundError as error:
        raise ValueError(f"{path}: {error}; Parquet needs `pip install headway[parquet]`") from None


def main(arguments: list[str] | None = None) -> int:
    """The command line: 0 done, 1 where --check finds a difference, 2 for a mistake of the user's."""
    parser = argparse.ArgumentParser(prog="python -m results.tables", description=__doc__)
    add_source_options(parser.add_argument)
    parser.add_argument("--format", choices=FORMATS, default="markdown")
    parser.add_argument("--by", choices=("task", "tier"), default="task", help="list tiers and tasks, or only tiers")
    parser.add_argument(
        "--margin",
        type=float,
        default=5.0,
        metavar="POINTS",
        help="what counts as reproduced (default: within 5 points)",
    )
    parser.add_argument(
        "--unmatched", action="store_true", help="test published rows under other conditions too, and say so"
    )
    parser.add_argument("--keep", type=Path, metavar="FILE", help="write what tables read of the records, as Parquet")
    target = parser.add_mutually_exclusive_group()
    target.add_argument("--out", type=Path, help="write to this file")
    target.add_argument("--check", type=Path, help="compare with this file; exit 1 where it differs")
    chosen = parser.parse_args(arguments)

    def make() -> str:
        records = records_of(chosen)
        printed = read_published(), read_published_failures()
        question = Question(chosen.margin / 100, chosen.unmatched)
        known = known_protocols(records)
        trained = read_trained(chosen.store, records)
        text = render(records, known, *printed, form=chosen.format, by=chosen.by, question=question, trained=trained)
        if chosen.keep:
            keep(records, chosen.keep)
            keep_trained(trained, chosen.keep)
        return text

    return deliver(make, chosen.out, chosen.check)


if __name__ == "__main__":
    sys.exit(main())
