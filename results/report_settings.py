"""What a report shows of one setting: tables of `results.tables` and `results.comparison_tables`, and charts."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple
from urllib.parse import quote

from markupsafe import Markup

from protocols.contracts import CHAIN, EvaluationProtocol, Record
from results.cells import NOTHING, interval_cell, percent, rate_cell, spoken
from results.chains import LENGTH, are_chains, average_length, chain_blocks
from results.comparison import Comparison, final
from results.comparison_tables import comparison_blocks, pair_table, pairing_lines, standing_table, verdict
from results.failures import failure_table
from results.groups import comparable_but_assets, coverage, refusal
from results.layout import Block, Bullets, Paragraph, Row, Table
from results.literature import Published, printed_about
from results.pairs import discordant
from results.report_charts import Series, interval_mark, panel, progress_series, solved_series
from results.report_html import html
from results.sections import Section, setting_name
from results.sides import Side
from results.statistics import Interval, Mean, by_task, by_tier, summarise, task_mean, tier_mean
from results.tables import beside_published, counted, policy_rows, remarks, summary_header
from results.verdicts import WITHIN_5_POINTS

Shown = Sequence[tuple[int, Side]]  # places of colours, and policies


class Places(NamedTuple):
    """Places of policies and comparisons among all of the report's, by the objects' `id`."""

    policies: Mapping[int, int]
    comparisons: Mapping[int, int]


class Cell(NamedTuple):
    """A rate in words and as a mark, and the part of the episode list that it counts ("" for none)."""

    text: str
    remark: str
    mark: Markup
    shows: str


class Line(NamedTuple):
    """A line of a table of rates: its name, whether it stands for many tasks, and a cell per policy."""

    name: str
    strong: bool
    cells: tuple[Cell, ...]


class Panel(NamedTuple):
    """A chart and what stands above it."""

    name: str
    remark: str
    chart: Markup


class Matchup(NamedTuple):
    """A comparison: its place among all of the report's, its name, its tables, and how many pairs are discordant."""

    place: int
    name: str
    tables: Markup
    pairs: int


@dataclass(frozen=True)
class Setting:
    """All that is shown of one setting."""

    anchor: str
    name: str
    remarks: str
    coverage: tuple[str, ...]
    names: tuple[tuple[int, str], ...]
    overview: tuple[Line, ...]
    verdicts: tuple[str, ...]
    published: Markup
    success: tuple[Line, ...]
    solved: tuple[Panel, ...]
    progress: tuple[Panel, ...]
    failures: Markup
    together: Markup
    comparisons: tuple[Matchup, ...]
    why_not_compared: tuple[str, ...]


def shown_setting(
    anchor: str,
    sides: Sequence[Side],
    compared: Section,
    known: Mapping[str, EvaluationProtocol],
    published: Sequence[Published],
    places: Places,
) -> Setting:
    """Everything about one setting; a policy with too large a share of errors is named, and in no number."""
    measured = sides[0].measured
    protocol = known.get(measured.protocol)
    reasons = {id(side): refusal(side.measured, protocol) for side in sides}
    shown = [(place, side) for place, side in enumerate(sides) if not reasons[id(side)]]
    chains = are_chains(measured.records)
    return Setting(
        anchor=anchor,
        name=setting_name(measured),
        remarks=" ".join(remarks(measured, protocol)),
        coverage=tuple(reasons[id(side)] or f"{side.name}: {coverage(side.measured, protocol)}" for side in sides),
        names=tuple((place, side.name) for place, side in shown),
        overview=tuple(overview_line(place, side, chains) for place, side in shown),
        verdicts=tuple(verdict(one) for one in compared.comparisons),
        published=html(published_blocks([side for _, side in shown], protocol, known, published)),
        success=() if chains else tuple(success_lines(shown, places)),
        solved=tuple(solved_panels(shown)),
        progress=tuple(progress_panels(shown)),
        failures=html(failure_blocks([side for _, side in shown])),
        together=html(together(compared)),
        comparisons=tuple(versus(one, compared, places) for one in compared.comparisons),
        why_not_compared=() if compared.comparisons else why_not(compared),
    )


def overview_line(place: int, side: Side, chains: bool) -> Line:
    """One policy: its mean, the other mean, and what it took."""
    records = side.measured.records
    whole, mean = summarise(records), average_length(records) if chains else task_mean(records)
    judged = [record for record in records if record.error is None]
    ends = f"{100 * sum(map(final, judged)) / len(judged):.1f}" if judged else NOTHING
    steps = NOTHING if whole.steps_mean is None else f"{whole.steps_mean:.1f}"
    if mean is None:
        first = Cell(NOTHING, "", Markup(), "")
    elif chains:
        shares = Interval(*(end / LENGTH for end in mean.interval))
        remark = f"[{mean.interval.low:.2f}, {mean.interval.high:.2f}]"
        first = Cell(f"{mean.rate:.2f} of {LENGTH}", remark, interval_mark(mean.rate / LENGTH, shares, place), "")
    else:
        first = Cell(percent(mean.rate), interval_cell(mean), interval_mark(mean.rate, mean.interval, place), "")
    plain = (rate_cell(tier_mean(records)), f"{whole.successes}/{whole.episodes}", steps, ends, str(whole.errors))
    return Line(side.name, False, (first, *(Cell(text, "", Markup(), "") for text in plain)))


def published_blocks(
    shown: Sequence[Side],
    protocol: EvaluationProtocol | None,
    known: Mapping[str, EvaluationProtocol],
    published: Sequence[Published],
) -> Iterator[Block]:
    """Success by tier, beside what is printed where all of the protocol is there; of chains all tables."""
    group = [side.measured for side in shown]
    if not group:
        return
    full = [measured for measured in group if comparable_but_assets(measured, protocol)]
    apart = [measured for measured in group if measured not in full]
    printed = printed_about(group[0].protocol, known, published)
    if are_chains(group[0].records):
        yield from chain_blocks(full, apart, printed, WITHIN_5_POINTS)
        return
    if full and protocol:
        yield from beside_published(full, protocol, printed, WITHIN_5_POINTS)
    if apart:
        tiers = list(by_tier(record for measured in apart for record in measured.records))
        caption = "Success by tier in %, not comparable with published numbers"
        yield Table(caption, summary_header(tiers), tuple(policy_rows(apart, tiers)))


def success_lines(shown: Shown, places: Places) -> Iterator[Line]:
    """Each tier before its tasks, then the means; a cell per policy."""
    everything = [record for _, side in shown for record in side.measured.records]
    for tier, members in by_tier(everything).items():
        tasks = by_task(members)
        parts = [by_tier(side.measured.records).get(tier, []) for _, side in shown]
        cells = (rate_mark(part, place, "", task_mean(part)) for (place, _), part in zip(shown, parts, strict=True))
        yield Line(f"{spoken(tier)}, {counted(tasks, 'task')}", True, tuple(cells))
        for task in tasks:
            cells = (
                rate_mark(by_task(part).get(task, []), place, f"policy={places.policies[id(side)]}&task={quote(task)}")
                for (place, side), part in zip(shown, parts, strict=True)
            )
            yield Line(task, False, tuple(cells))
    for name, average in (("tier mean", tier_mean), ("task mean", task_mean)):
        means = [(place, average(side.measured.records)) for place, side in shown]
        cells = (
            Cell(f"{percent(mean.rate)} %", interval_cell(mean), interval_mark(mean.rate, mean.interval, place), "")
            if mean
            else Cell(NOTHING, "", Markup(), "")
            for place, mean in means
        )
        yield Line(name, True, tuple(cells))


def rate_mark(records: Iterable[Record], place: int, shows: str, mean: Mean | None = None) -> Cell:
    """Successes per episodes, and the errors; with Wilson's interval, or that of a mean of several tasks."""
    summary = summarise(records)
    if summary.rate is None:
        return Cell(NOTHING, f"{summary.errors} errors" if summary.errors else "", Markup(), shows)
    errors = f", {summary.errors} error{'s' * (summary.errors > 1)}" * bool(summary.errors)
    mark = interval_mark(mean.rate if mean else summary.rate, (mean or summary).interval, place)
    return Cell(f"{summary.successes}/{summary.episodes}", f"{interval_cell(mean or summary)}{errors}", mark, shows)


def solved_panels(shown: Shown) -> Iterator[Panel]:
    """Time to success over all episodes, and by tier where there are several."""
    tiers = by_tier(record for _, side in shown for record in side.measured.records)
    parts = {"all tasks": None, **{spoken(tier): tier for tier in tiers if len(tiers) > 1}}
    for name, tier in parts.items():
        members = [
            (place, side.name, [record for record in side.measured.records if tier in (None, record.tier)])
            for place, side in shown
        ]
        if drawn := curves(f"Share solved, {name}", members, solved_series):
            yield Panel(name, "", drawn)


def progress_panels(shown: Shown) -> Iterator[Panel]:
    """Progress, task by task."""
    for members in by_tier(record for _, side in shown for record in side.measured.records).values():
        for task in by_task(members):
            some = [(place, side.name, by_task(side.measured.records).get(task, [])) for place, side in shown]
            if drawn := curves(f"Progress, {task}", some, progress_series):
                remark = " · ".join(rate_mark(records, place, "").text for place, _, records in some)
                yield Panel(task, remark, drawn)


Drawn = Callable[[str, int, Sequence[Record], int], Series | None]  # name, place, records, horizon


def curves(title: str, members: Sequence[tuple[int, str, list[Record]]], make: Drawn) -> Markup:
    """One panel with a curve per policy; empty where none has a verdict."""
    horizon = max((record.episode.max_steps for *_, records in members for record in records), default=1)
    made = (make(name, place, records, horizon) for place, name, records in members)
    series = [one for one in made if one is not None]
    return panel(title, series, horizon) if series else Markup()


def failure_blocks(shown: Sequence[Side]) -> Iterator[Block]:
    """How episodes failed, and what happened in them."""
    for side in shown:
        yield from failure_table(side.measured)
    if rows := tuple(itertools.chain.from_iterable(event_rows(side) for side in shown)):
        header = ("event", "policy", "in successes", "in failures", "median first step")
        yield Table("What happened, by how many episodes it happened in", header, rows)


def event_rows(side: Side) -> Iterator[Row]:
    """Each event of a policy's episodes, the most frequent first."""
    first: dict[str, list[tuple[bool, int]]] = defaultdict(list)
    judged = [record for record in side.measured.records if record.error is None]
    for record in judged:
        names = {event.name: event.step for event in reversed(record.events) if not event.name.startswith(CHAIN)}
        for name, step in names.items():
            first[name].append((bool(record.success), step))
    solved = sum(bool(record.success) for record in judged)
    for name, found in sorted(first.items(), key=lambda item: (-len(item[1]), item[0])):
        within = sum(success for success, _ in found)
        counted = (f"{within}/{solved}", f"{len(found) - within}/{len(judged) - solved}")
        yield Row((name, side.name, *counted, f"{median(step for _, step in found):g}"))


def together(compared: Section) -> Iterator[Block]:
    """What was paired; and all policies in one table where there are more than two."""
    lines = tuple(line for one in compared.comparisons for line in pairing_lines(one))
    if lines or compared.without:
        yield Bullets((*lines, *compared.without))
    if compared.standings:
        yield standing_table(compared.standings)
    if len(compared.comparisons) > 1:
        yield pair_table(compared.comparisons)


def versus(comparison: Comparison, compared: Section, places: Places) -> Matchup:
    """The tables of two policies; their discordant pairs are the script's."""
    by = "task" if len(compared.sides) == 2 else "tier"
    tables = [block for block in comparison_blocks(comparison, by) if not isinstance(block, Paragraph)]
    name = f"{comparison.first.name} and {comparison.second.name}"
    pairs = sum(1 for _ in discordant(comparison.pairing.pairs))
    return Matchup(places.comparisons[id(comparison)], name, html(tables), pairs)


def why_not(compared: Section) -> tuple[str, ...]:
    """Why nothing is compared."""
    if compared.without:
        return ()  # `together` says it
    return ("There is only one policy with a verdict here, so there is nothing to compare.",)
