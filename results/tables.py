"""Tables of success rates: `python -m results.tables --store DIR [--format markdown|csv|latex] [--by task|tier]`.

One section per setting (protocol, deviations, conditions), one row per policy, then one table per policy with its tiers
and tasks. Published numbers (`results/published/*.csv`) stand beside a policy's only where it has all episodes of the
protocol under its own conditions, and are marked as not matched; partial evaluations and changed conditions are kept
apart and say so. A share of episodes without a verdict above the protocol's limit is refused.
"""

from __future__ import annotations

import argparse
import csv
import difflib
import io
import itertools
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from pathlib import Path
from typing import NamedTuple

import protocols
from protocols.contracts import EvaluationProtocol, Record
from protocols.registry import require
from results.export import load_records
from results.layout import Band, Block, Bullets, Heading, Paragraph, Row, Table, latex, markdown
from results.statistics import (
    TIER_ORDER,
    Evaluation,
    Interval,
    Mean,
    Summary,
    by_task,
    by_tier,
    evaluations,
    summarise,
    task_mean,
    tier_mean,
)
from results.store import StoreError

PUBLISHED = Path(__file__).parent / "published"
FORMATS = ("markdown", "csv", "latex")
NOTHING = "–"
NOT_MATCHED = "Published numbers are not matched: they come from other starts and other episodes than ours."
METHOD = (
    "Success in %, with 95 % intervals: Wilson's for tasks and tiers, and for the means Wilson's at the effective number "
    "of episodes, tasks as strata. The tier mean, the unweighted mean of the tiers, is the published convention; the task "
    "mean weighs every task alike. Steps are control steps to success, over the successes. Errors are episodes without a "
    "verdict, in no rate."
)


class Published(NamedTuple):
    """One printed number: success of a method on a tier, or `tier_mean`, with the digits that the source prints."""

    protocol: str
    method: str
    tier: str
    success_percent: str
    source: str


def read_published(folder: Path = PUBLISHED) -> list[Published]:
    """All published numbers, file by file, in the files' order."""
    rows = []
    for path in sorted(folder.glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            rows += [Published(**row) for row in csv.DictReader(file)]
    return rows


def render(
    records: Iterable[Record],
    known: Mapping[str, EvaluationProtocol],
    published: Sequence[Published],
    *,
    form: str = "markdown",
    by: str = "task",
) -> str:
    """All tables of some records.

    Args:
        records: what was measured.
        known: protocols by name, at least those of the records that exist here; others go unchecked, and the text says so.
        published: printed numbers.
        form: one of FORMATS.
        by: "task" lists tiers and tasks, "tier" only tiers.

    Raises:
        ValueError: too large a share of errors, or two records of one episode in one evaluation.
    """
    made = evaluations(records)
    for evaluation in made:
        refuse_errors(evaluation, known.get(evaluation.protocol))
    if form == "csv":
        return render_csv(made, known, published, by)
    blocks: list[Block] = []
    for _, group in itertools.groupby(made, key=lambda evaluation: evaluation.setting):
        blocks += section(list(group), known, published, by)
    return (latex if form == "latex" else markdown)([*blocks, Paragraph(METHOD)])


def refuse_errors(evaluation: Evaluation, protocol: EvaluationProtocol | None) -> None:
    """Refuse an evaluation where too large a share of the episodes has no verdict."""
    errors, share = summarise(evaluation.records).errors, protocol.max_error_share if protocol else 1.0
    if errors > share * len(evaluation.records):
        raise ValueError(
            f"{evaluation.protocol}: {errors} of {len(evaluation.records)} episodes of {evaluation.policy} have no verdict, "
            f"the protocol allows {100 * share:g} %; run the same command again, it does only what has no verdict"
        )


def section(
    group: list[Evaluation], known: Mapping[str, EvaluationProtocol], published: Sequence[Published], by: str
) -> Iterator[Block]:
    """Everything about one setting."""
    setting, protocol = group[0], known.get(group[0].protocol)
    printed = [number for number in published if number.protocol == setting.protocol]
    full = [evaluation for evaluation in group if comparable(evaluation, protocol)]
    apart = [evaluation for evaluation in group if evaluation not in full]
    yield Heading(", ".join((setting.protocol, *setting.deviations)))
    yield Paragraph(" ".join(remarks(setting, protocol)))
    yield Bullets(tuple(f"{evaluation.policy}: {coverage(evaluation, protocol)}" for evaluation in group))
    if full:
        tiers = list(by_tier(record for evaluation in full for record in evaluation.records))
        rows = [*policy_rows(full, tiers), *published_rows(printed, tiers)]
        yield Table("Success by tier in %; papers print the tier mean", summary_header(tiers), tuple(rows))
        if printed:
            yield Paragraph(NOT_MATCHED)
            yield Bullets(tuple(sources(printed)))
    if apart:
        tiers = list(by_tier(record for evaluation in apart for record in evaluation.records))
        caption = "Success by tier in %, not comparable with published numbers"
        yield Table(caption, summary_header(tiers), tuple(policy_rows(apart, tiers)))
    for evaluation in group:
        yield Table(f"{evaluation.policy}: success by {by}", DETAIL_HEADER, tuple(detail_rows(evaluation, by)))


def comparable(evaluation: Evaluation, protocol: EvaluationProtocol | None) -> bool:
    """Whether it has all episodes of the protocol under its own conditions."""
    return (
        protocol is not None
        and not evaluation.deviations
        and evaluation.conditions == protocol.conditions_hash()
        and not wanted_episodes(protocol) - found_episodes(evaluation)
    )


def wanted_episodes(protocol: EvaluationProtocol) -> set[tuple[str, int]]:
    """Task and index of every episode of a protocol."""
    return {(task.name, index) for task in protocol.tasks for index in range(protocol.episodes_per_task)}


def found_episodes(evaluation: Evaluation) -> set[tuple[str, int]]:
    """Task and index of every episode that has a record."""
    return {(record.episode.task, record.episode.index) for record in evaluation.records}


def remarks(setting: Evaluation, protocol: EvaluationProtocol | None) -> Iterator[str]:
    """What one has to know about the conditions of a setting."""
    yield f"Horizon {setting.records[0].episode.max_steps} control steps; conditions {setting.conditions[:8]}."
    if protocol is None:
        yield f"There is no protocol {setting.protocol} here, so neither completeness nor the share of errors was checked."
    elif setting.deviations:
        yield f"Conditions differ from the protocol's: {', '.join(setting.deviations)}. Not for comparison with published numbers."
    elif setting.conditions != protocol.conditions_hash():
        yield "The protocol of this name has other conditions here, so published numbers are kept apart."


def coverage(evaluation: Evaluation, protocol: EvaluationProtocol | None) -> str:
    """How many of the protocol's episodes there are, and how many have no verdict."""
    found, errors = found_episodes(evaluation), summarise(evaluation.records).errors
    verdicts = f"{errors} without a verdict" if errors else "all with a verdict"
    if protocol is None:
        return f"{len(found)} episodes, {verdicts}"
    wanted = wanted_episodes(protocol)
    if found == wanted:
        return f"all {len(wanted)} episodes of the protocol, {verdicts}"
    if found > wanted:
        return f"all {len(wanted)} episodes of the protocol and {len(found) - len(wanted)} more, {verdicts}"
    counts = Counter(task for task, _ in found)
    fewest, most, whole = min(counts.values()), max(counts.values()), protocol.episodes_per_task
    each = f"{fewest}" if fewest == most else f"{fewest} to {most}"
    return (
        f"partial, {len(found & wanted)} of {len(wanted)} episodes: {len(counts)} of {len(protocol.tasks)} tasks, "
        f"{each} {'of' if most <= whole else 'instead of'} {whole} episodes each, {verdicts}"
    )


def summary_header(tiers: list[str]) -> tuple[str, ...]:
    """Columns of the table of policies."""
    return ("policy", "success", *(spoken(tier) for tier in tiers), "tier mean", "task mean", "errors")


def spoken(tier: str) -> str:
    """A tier's name as one says it."""
    return tier.replace("_", " ")


def policy_rows(group: list[Evaluation], tiers: list[str]) -> Iterator[Row]:
    """One row per policy: counts, tiers, means."""
    for evaluation in group:
        whole, parts = summarise(evaluation.records), by_tier(evaluation.records)
        cells = [rate_cell(summarise(parts.get(tier, []))) for tier in tiers]
        means = [mean_cell(tier_mean(evaluation.records)), mean_cell(task_mean(evaluation.records))]
        yield Row((evaluation.policy, f"{whole.successes}/{whole.episodes}", *cells, *means, str(whole.errors)))


def rate_cell(summary: Summary) -> str:
    """A rate and its interval."""
    return NOTHING if summary.rate is None else f"{percent(summary.rate)} {bracketed(summary.interval)}"


def mean_cell(mean: Mean | None) -> str:
    """A mean and its interval."""
    return NOTHING if mean is None else f"{percent(mean.rate)} {bracketed(mean.interval)}"


def percent(rate: float) -> str:
    """A rate in % with one decimal."""
    return f"{100 * rate:.1f}"


def bracketed(interval: Interval) -> str:
    """An interval in %."""
    return f"[{percent(interval.low)}, {percent(interval.high)}]"


def published_rows(printed: Sequence[Published], tiers: list[str]) -> Iterator[Row | Band]:
    """One row per published method, under a remark that they are not matched."""
    if printed:
        yield Band("published, not matched")
    for method in dict.fromkeys(number.method for number in printed):
        numbers = {number.tier: number.success_percent for number in printed if number.method == method}
        cells = [numbers.get(tier, NOTHING) for tier in (*tiers, "tier_mean", "task_mean")]
        yield Row((method, NOTHING, *cells, NOTHING))


def sources(printed: Sequence[Published]) -> Iterator[str]:
    """Which published methods come from where."""
    for source in dict.fromkeys(number.source for number in printed):
        methods = dict.fromkeys(number.method for number in printed if number.source == source)
        yield f"{', '.join(methods)}: {source}"


DETAIL_HEADER = ("task", "success", "%", "95 % interval", "mean steps", "median steps", "errors")


def detail_rows(evaluation: Evaluation, by: str) -> Iterator[Row]:
    """The tiers of a policy, each with its tasks where they are asked for, then all episodes and the means."""
    tiers = by_tier(evaluation.records)
    for tier, members in tiers.items():
        tasks, listed = by_task(members), by == "task"
        yield Row((f"{spoken(tier)}, {counted(tasks, 'task')}", *summary_cells(summarise(members))), listed, listed)
        if listed:
            yield from (Row((task, *summary_cells(summarise(chosen)))) for task, chosen in tasks.items())
    yield Row(("all episodes", *summary_cells(summarise(evaluation.records))), rule=True)
    yield mean_row(f"tier mean, {counted(tiers, 'tier')}", tier_mean(evaluation.records))
    yield mean_row(f"task mean, {counted(by_task(evaluation.records), 'task')}", task_mean(evaluation.records))


def counted(things: Sized, noun: str) -> str:
    """How many there are: "1 tier", "4 tiers"."""
    return f"{len(things)} {noun}{'' if len(things) == 1 else 's'}"


def mean_row(name: str, mean: Mean | None) -> Row:
    """A mean and its interval, in their columns."""
    cells = (percent(mean.rate), bracketed(mean.interval)) if mean else (NOTHING, NOTHING)
    return Row((name, "", *cells, "", "", ""))


def summary_cells(summary: Summary) -> tuple[str, ...]:
    """Counts, rate, interval, steps and errors."""
    steps = [NOTHING if value is None else f"{value:.1f}" for value in (summary.steps_mean, summary.steps_median)]
    counts = f"{summary.successes}/{summary.episodes}"
    if summary.rate is None:
        return (counts, NOTHING, NOTHING, *steps, str(summary.errors))
    return (counts, percent(summary.rate), bracketed(summary.interval), *steps, str(summary.errors))


CSV_HEADER = (
    "protocol,deviations,conditions,policy,policy_fingerprint,kind,level,name,tier,successes,episodes,success_percent,"
    "low_percent,high_percent,steps_mean,steps_median,errors,complete,source"
).split(",")


def render_csv(
    made: list[Evaluation], known: Mapping[str, EvaluationProtocol], published: Sequence[Published], by: str
) -> str:
    """One line per number: level tier, task, tier_mean or task_mean; kind measured or published."""
    text = io.StringIO()
    writer = csv.DictWriter(text, CSV_HEADER, restval="", lineterminator="\n")
    writer.writeheader()
    for evaluation in made:
        common = {
            "protocol": evaluation.protocol,
            "deviations": " ".join(evaluation.deviations),
            "conditions": evaluation.conditions,
            "policy": evaluation.policy,
            "policy_fingerprint": evaluation.policy_fingerprint,
            "kind": "measured",
            "complete": int(comparable(evaluation, known.get(evaluation.protocol))),
        }
        writer.writerows(common | row for row in csv_rows(evaluation, by))
    shown = {e.protocol for e in made if comparable(e, known.get(e.protocol))}
    for number in published:
        if number.protocol in shown:
            level = "tier" if number.tier in TIER_ORDER else number.tier
            row = {"protocol": number.protocol, "policy": number.method, "kind": "published, not matched", "level": level}
            tier = number.tier if level == "tier" else ""
            row |= {"name": number.tier, "tier": tier, "success_percent": number.success_percent, "source": number.source}
            writer.writerow(row)
    return text.getvalue()


def csv_rows(evaluation: Evaluation, by: str) -> Iterator[dict[str, object]]:
    """The numbers of one evaluation."""
    for tier, members in by_tier(evaluation.records).items():
        yield {"level": "tier", "name": tier, "tier": tier} | csv_summary(summarise(members))
        if by == "task":
            for task, chosen in by_task(members).items():
                yield {"level": "task", "name": task, "tier": tier} | csv_summary(summarise(chosen))
    for name, mean in (("tier_mean", tier_mean), ("task_mean", task_mean)):
        if value := mean(evaluation.records):
            yield {"level": name, "name": name, "success_percent": percent(value.rate)} | csv_interval(value.interval)


def csv_summary(summary: Summary) -> dict[str, object]:
    """The columns of a summary; what is unknown stays empty."""
    row: dict[str, object] = {"successes": summary.successes, "episodes": summary.episodes, "errors": summary.errors}
    if summary.rate is not None:
        row |= {"success_percent": percent(summary.rate)} | csv_interval(summary.interval)
    if summary.steps_mean is not None:
        row |= {"steps_mean": f"{summary.steps_mean:.1f}", "steps_median": f"{summary.steps_median:.1f}"}
    return row


def csv_interval(interval: Interval) -> dict[str, object]:
    """The columns of an interval."""
    return {"low_percent": percent(interval.low), "high_percent": percent(interval.high)}


def difference(path: Path, text: str) -> str:
    """The first lines in which a file differs from the text; empty where they are equal."""
    old = path.read_text(encoding="utf-8").splitlines()
    lines = list(difflib.unified_diff(old, text.splitlines(), str(path), "the store", n=0, lineterm=""))
    more = [f"... and {len(lines) - 20} lines more"] if len(lines) > 20 else []
    return "\n".join([*lines[:20], *more])


def known_protocols(records: Iterable[Record]) -> dict[str, EvaluationProtocol]:
    """The protocols of some records, as far as they are here."""
    return {name: protocols.load(name) for name in {record.protocol for record in records} & set(protocols.names())}


def main(arguments: list[str] | None = None) -> int:
    """The command line: 0 done, 1 where --check finds a difference, 2 for a mistake of the user's."""
    parser = argparse.ArgumentParser(prog="python -m results.tables", description=__doc__)
    parser.add_argument("--store", type=Path, required=True, help="folder of a store, or a file that results.export wrote")
    parser.add_argument("--protocol", help="only this protocol's records")
    parser.add_argument("--format", choices=FORMATS, default="markdown")
    parser.add_argument("--by", choices=("task", "tier"), default="task", help="list tiers and tasks, or only tiers")
    target = parser.add_mutually_exclusive_group()
    target.add_argument("--out", type=Path, help="write to this file")
    target.add_argument("--check", type=Path, help="compare with this file; exit 1 where it differs")
    chosen = parser.parse_args(arguments)
    try:
        records = choose(load_records(chosen.store), chosen.protocol, chosen.store)
        text = render(records, known_protocols(records), read_published(), form=chosen.format, by=chosen.by)
        if chosen.check and (lines := difference(chosen.check, text)):
            print(f"{lines}\n{chosen.check} is not what {chosen.store} gives")
            return 1
        if chosen.out:
            chosen.out.write_text(text, encoding="utf-8")
    except (StoreError, LookupError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if chosen.check:
        print(f"{chosen.check} is what {chosen.store} gives")
    elif not chosen.out:
        print(text, end="")
    return 0


def choose(records: list[Record], protocol: str | None, source: Path) -> list[Record]:
    """The records of a protocol, or all.

    Raises:
        LookupError: there are none.
    """
    if not records:
        raise LookupError(f"there are no records in {source}; run an evaluation first")
    if protocol is None:
        return records
    require("protocol", protocol, {record.protocol for record in records})
    return [record for record in records if record.protocol == protocol]


if __name__ == "__main__":
    sys.exit(main())
