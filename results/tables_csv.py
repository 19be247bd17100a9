"""Success rates as CSV: one line per number, and per test of a published rate against ours."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterator, Mapping, Sequence

from protocols.contracts import EvaluationProtocol, Record
from results.cells import percent
from results.chains import are_chains, average_length, by_subtask, chain_counts, in_a_row
from results.groups import PolicyRecords, comparable, comparable_but_assets, refusal
from results.literature import REMARKS, Published, printed_about
from results.statistics import Interval, Mean, Summary, by_task, by_tier, summarise, task_mean, tier_mean
from results.verdicts import COLUMN, Question, Reproduction, counts_of

CSV_HEADER = (
    *("protocol", "deviations", "conditions", "policy", "deciding", "kind", "level", "name", "tier"),
    *("successes", "episodes", "success_percent", "low_percent", "high_percent", "steps_mean", "steps_median"),
    *("length", "low_length", "high_length", "errors", "complete", "source"),
    *("method", "published_percent", "published_episodes", "difference_points", "low_points", "high_points", "p"),
    *("verdict", "unmatched"),
)


def render_csv(
    made: list[PolicyRecords],
    known: Mapping[str, EvaluationProtocol],
    published: Sequence[Published],
    by: str,
    question: Question,
) -> str:
    """One line per number: level tier, task, tier_mean or task_mean; kind measured, refused, published or reproduced?

    Of chains: level in_a_row, length (in subtasks, not in %) or subtask.

    Shifted episodes are not paired here: a line is one rate, a pair two; each side's own rates are there.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, CSV_HEADER, restval="", lineterminator="\n")
    writer.writeheader()
    for measured in made:
        common = {
            "protocol": measured.protocol,
            "deviations": " ".join(measured.deviations),
            "conditions": measured.conditions,
            "policy": measured.policy,
            "deciding": measured.deciding,
            "kind": "measured",
            "complete": int(comparable(measured, known.get(measured.protocol))),
        }
        if refusal(measured, known.get(measured.protocol)):
            writer.writerow(common | {"kind": "refused", "errors": summarise(measured.records).errors})
        else:
            writer.writerows(common | row for row in csv_rows(measured, by))
    full = [
        group
        for group in made
        if comparable_but_assets(group, protocol := known.get(group.protocol)) and not refusal(group, protocol)
    ]
    wanted = {number for group in full for number in printed_about(group.protocol, known, published)}
    writer.writerows(csv_published(number) for number in published if number in wanted)
    for _, group in itertools.groupby(full, key=lambda measured: measured.setting):
        writer.writerows(csv_reproduced(list(group), known, published, question))
    return text.getvalue()


def csv_reproduced(
    group: list[PolicyRecords],
    known: Mapping[str, EvaluationProtocol],
    published: Sequence[Published],
    question: Question,
) -> Iterator[dict[str, object]]:
    """A line for each test of a published rate against a policy of one setting."""
    counts = [(chain_counts if are_chains(one.records) else counts_of)(one.records) for one in group]
    reproduction = Reproduction(question, group, counts)
    common = {"protocol": group[0].protocol, "deviations": " ".join(group[0].deviations), "kind": COLUMN}
    for policy, number, found in reproduction.answers(printed_about(group[0].protocol, known, published)):
        yield common | {
            "policy": policy,
            "level": number.level,
            "name": number.name,
            "source": number.source,
            "method": number.method,
            "published_percent": number.printed,
            "published_episodes": number.episodes,
            "difference_points": f"{100 * found.difference:.1f}",
            "low_points": f"{100 * found.low:.1f}",
            "high_points": f"{100 * found.high:.1f}",
            "p": f"{found.p_value:.3g}",
            "verdict": found.word,
            "unmatched": "; ".join(reproduction.unmatched([number])),
        }


def csv_published(number: Published) -> dict[str, object]:
    """The columns of a published number."""
    row: dict[str, object] = {"protocol": number.protocol, "policy": number.method, "kind": REMARKS[number.world]}
    row |= {"level": number.level, "name": number.name, "tier": number.name if number.level == "tier" else ""}
    column = {"length": "length", "steps": "steps_mean"}.get(number.level, "success_percent")
    row |= {"episodes": "" if number.episodes is None else number.episodes, "unmatched": number.unmatched}
    return row | {column: number.printed, "source": number.source}


def csv_rows(measured: PolicyRecords, by: str) -> Iterator[dict[str, object]]:
    """The numbers of one policy's records."""
    if are_chains(measured.records):
        yield from csv_chains(measured.records)
        return
    for tier, members in by_tier(measured.records).items():
        tier_row = {"level": "tier", "name": tier, "tier": tier} | csv_summary(summarise(members))
        yield tier_row | csv_mean(task_mean(members))
        if by == "task":
            for task, chosen in by_task(members).items():
                yield {"level": "task", "name": task, "tier": tier} | csv_summary(summarise(chosen))
    for name, mean in (("tier_mean", tier_mean), ("task_mean", task_mean)):
        if numbers := csv_mean(mean(measured.records)):
            yield {"level": name, "name": name} | numbers


def csv_mean(mean: Mean | None) -> dict[str, object]:
    """The columns of a mean of task rates; none where no episode has a verdict."""
    return {"success_percent": percent(mean.rate)} | csv_interval(mean.interval) if mean else {}


def csv_chains(records: Sequence[Record]) -> Iterator[dict[str, object]]:
    """The numbers of chains: in a row, average length, by subtask."""
    for level, parts in (("in_a_row", in_a_row(records)), ("subtask", by_subtask(records))):
        yield from ({"level": level, "name": name} | csv_summary(summary) for name, summary in parts.items())
    if mean := average_length(records):
        low, high = (f"{end:.2f}" for end in mean.interval)
        yield {
            "level": "length",
            "name": "length",
            "length": f"{mean.rate:.2f}",
            "low_length": low,
            "high_length": high,
        }


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
