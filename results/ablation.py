"""What is each part of a policy worth? Its variants, trained alike and run over the same starts, beside a paper's.

`harness.ablate` names its records `progvla(variant=no-progress, seed=0)`; here they are held against those of the
variant `full`, start by start. `results/published/ablations/*.csv` says which of a paper's rows a variant stands for.
"""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from results.cells import NOTHING, rate_cell, spoken
from results.comparison import Comparison, compare
from results.comparison_tables import difference_cells, p_cell, signed
from results.groups import PolicyRecords
from results.layout import Block, Bullets, Heading, Paragraph, Row, Table
from results.literature import PUBLISHED, Published
from results.paired import holm
from results.sections import setting_name
from results.sides import Side
from results.statistics import by_tier, summarise, task_mean
from results.trained import Trained, trained_on, training_of

FULL = "full"
NAME = re.compile(r"(?P<policy>[\w.-]+)\(variant=(?P<variant>[\w.-]+), seed=(?P<seed>\d+)\)")
ONE_SEED = (
    "Differences are in points, over pairs of one start; 95 % intervals are Tango's for pairs, tasks as strata; p is "
    "McNemar's exact test, Holm's p is corrected over the variants. One training each: what another seed would change "
    "is not in the interval."
)
SEEDS = (
    "Differences are in points, over pairs of one start and one seed of training. A start counts once, by the mean "
    "over the seeds: 95 % intervals are Student's over starts, tasks as strata, p is a sign test of starts, Holm's p "
    "is corrected over the variants. They hold for these trainings: how much seeds differ is told beside."
)
CAUTION = (
    "The published rows are of {protocol}, another size of network, other demonstrations and a single training each, "
    "whose authors saw rates move by 1 to 2 points from training to training: directions may be compared, sizes not."
)


class Entry(NamedTuple):
    """Which row of a paper a variant stands for; `against` is the variant that differs from it in one thing alone."""

    variant: str
    method: str
    against: str
    remark: str
    protocol: str
    source: str


def read_entries(policy: str, folder: Path = PUBLISHED / "ablations") -> list[Entry]:
    """The rows of the policy's paper, in its order; none where there is no such file."""
    path = folder / f"{policy}.csv"
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return [Entry(**row) for row in csv.DictReader(file)]


@dataclass(frozen=True, eq=False)
class Variant:
    """A variant's records.

    Args:
        entry: what it stands for.
        side: the records of all its trainings, the seed in the place of the repeat, so that pairs share their seed.
        seeds: of its trainings, with their records.
    """

    entry: Entry
    side: Side
    seeds: Mapping[int, PolicyRecords]


def ablations(made: Sequence[PolicyRecords]) -> dict[tuple[str, str], list[PolicyRecords]]:
    """The records of variants, by policy and setting."""
    found: dict[tuple[str, str], list[PolicyRecords]] = defaultdict(list)
    for measured in made:
        if name := NAME.fullmatch(measured.records[0].policy):
            found[name["policy"], f"{setting_name(measured)} {measured.conditions}"].append(measured)
    return dict(found)


def variants_of(group: Sequence[PolicyRecords], entries: Sequence[Entry]) -> dict[str, Variant]:
    """The variants of one policy and setting, in the order of the paper, then by name.

    Raises:
        ValueError: two different trainings of one variant and seed.
    """
    seeds: dict[str, dict[int, PolicyRecords]] = defaultdict(dict)
    for measured in group:
        name = NAME.fullmatch(measured.records[0].policy)
        assert name is not None, "only records of variants are asked for"
        if int(name["seed"]) in seeds[name["variant"]]:
            raise ValueError(
                f"there are two trainings of {measured.records[0].policy}; keep them in stores of their own"
            )
        seeds[name["variant"]][int(name["seed"])] = measured
    known = {entry.variant: entry for entry in entries}
    order = [*(variant for variant in known if variant in seeds), *sorted(seeds.keys() - known.keys())]
    nothing = Entry("", "", "", "", "", "")
    return {
        variant: Variant(
            known.get(variant, nothing._replace(variant=variant)), joined(variant, seeds[variant]), seeds[variant]
        )
        for variant in order
    }


def joined(variant: str, seeds: Mapping[int, PolicyRecords]) -> Side:
    """All trainings of a variant as one side of a comparison."""
    records = tuple(
        replace(record, episode=replace(record.episode, repeat=seed))
        for seed, measured in seeds.items()
        for record in measured.records
    )
    return Side(variant, replace(next(iter(seeds.values())), policy=variant, records=records), ())


class Difference(NamedTuple):
    """A variant against another; the Holm-corrected p value over all that are held against the full policy."""

    variant: str
    against: str
    comparison: Comparison
    adjusted: float | None


def differences(variants: Mapping[str, Variant]) -> list[Difference]:
    """Each variant against the full one, and against the one that differs in one thing alone."""
    found = [held(variants, variant, FULL) for variant in variants if variant != FULL]
    to_full = [one for one in found if one is not None]
    adjusted = holm([one.comparison.overall.exact for one in to_full])
    made = [one._replace(adjusted=value) for one, value in zip(to_full, adjusted, strict=True)]
    others = [
        held(variants, name, variant.entry.against) for name, variant in variants.items() if variant.entry.against
    ]
    return [*made, *(one for one in others if one is not None)]


def held(variants: Mapping[str, Variant], variant: str, against: str) -> Difference | None:
    """One variant against another, None where they share no pair."""
    if against not in variants:
        return None
    found = compare(variants[variant].side, variants[against].side)
    return Difference(variant, against, found, None) if isinstance(found, Comparison) else None


def ablation_blocks(
    policy: str, group: Sequence[PolicyRecords], published: Sequence[Published], trained: Trained
) -> Iterator[Block]:
    """Everything about the variants of one policy under one setting.

    Args:
        policy: its name.
        group: records of its variants.
        published: printed success rates.
        trained: what they were trained on.

    Raises:
        ValueError: two different trainings of one variant and seed.
    """
    entries = read_entries(policy)
    variants = variants_of(group, entries)
    printed = printed_means(entries, published)
    seeds = {seed for variant in variants.values() for seed in variant.seeds}
    yield Heading(f"Variants of {policy}: {setting_name(group[0])}")
    yield Bullets(tuple(about(variants, trained)))
    found = differences(variants)
    yield main_table(variants, entries, found, printed)
    yield from tier_table(variants, found)
    yield Paragraph(SEEDS if len(seeds) > 1 else ONE_SEED)
    yield from published_blocks(entries, published)


def about(variants: Mapping[str, Variant], trained: Trained) -> Iterator[str]:
    """What was measured, what the variants were trained on, and whether alike."""
    trainings = {
        (name, seed): training_of(measured, trained)
        for name, variant in variants.items()
        for seed, measured in variant.seeds.items()
    }
    known = {place: told for place, told in trainings.items() if told}
    if known:
        place = next(iter(known))
        yield f"{place[0]}: {trained_on(known[place])}"
        yield from unlike(known)
    for name, variant in variants.items():
        summary = summarise(variant.side.measured.records)
        errors = f", {summary.errors} without a verdict" * bool(summary.errors)
        count = next((told["parameters"]["trained"] for at, told in known.items() if at[0] == name), None)
        size = "" if count is None else f", {count / 1e6:.2f} M parameters to train"
        remark = f"; {variant.entry.remark}" if variant.entry.remark else ""
        yield f"{name}: {counted_seeds(variant.seeds)}{size}, {summary.episodes} episodes{errors}{remark}"


def counted_seeds(seeds: Mapping[int, PolicyRecords]) -> str:
    """How many trainings, and their seeds."""
    return f"{len(seeds)} training{'s' * (len(seeds) > 1)} (seed {', '.join(map(str, sorted(seeds)))})"


def unlike(trainings: Mapping[tuple[str, int], Mapping[str, object]]) -> Iterator[str]:
    """A line where trainings differ in more than their changes and seeds: then they are no ablation."""
    settings: dict[str, set[str]] = defaultdict(set)
    for told in trainings.values():
        training = told["training"]
        assert isinstance(training, dict)
        for key, value in training.items():
            if key not in ("changes", "seed"):
                settings[key].add(str(value))
    if different := {key: values for key, values in settings.items() if len(values) > 1}:
        said = "; ".join(f"{key} {' and '.join(sorted(values))}" for key, values in different.items())
        yield f"Not trained alike, so that a difference is not the variant's alone: {said}"


def main_table(
    variants: Mapping[str, Variant],
    entries: Sequence[Entry],
    found: Sequence[Difference],
    printed: Mapping[str, float],
) -> Table:
    """Ours and the paper's, a row per variant, and one per further comparison."""
    rows = []
    for name in dict.fromkeys((*(entry.variant for entry in entries), *variants)):
        one = next((one for one in found if (one.variant, one.against) == (name, FULL)), None)
        measured = measured_cells(variants[name]) if name in variants else ("not measured", "", "")
        beside = printed_cells(printed, name) if printed else ()
        significant = one is not None and one.adjusted is not None and one.adjusted < 0.05
        rows.append(Row((name, *measured, *compared_cells(one), *beside), significant))
    for one in found:
        if one.against != FULL:
            name = f"{one.variant} against {one.against}"
            rows.append(Row((name, "", "", "", *compared_cells(one), *["", ""] * bool(printed)), rule=True))
    header = ("variant", "success, %", "successes", "by seed", "difference to full", "95 % interval")
    tests = ("only variant", "only full", "p", "Holm p")
    theirs = ("published, %", "published difference") if printed else ()
    beside_them = ", beside the published mean of the tiers" * bool(printed)
    return Table(f"Success, task mean{beside_them}", (*header, *tests, *theirs), tuple(rows))


def measured_cells(variant: Variant) -> tuple[str, str, str]:
    """Rate, counts, and the rate of each seed where there are several."""
    records = variant.side.measured.records
    summary = summarise(records)
    each = [rate_cell(task_mean(measured.records)) for _, measured in sorted(variant.seeds.items())]
    by_seed = ", ".join(each) if len(each) > 1 else ""
    return rate_cell(task_mean(records)), f"{summary.successes}/{summary.episodes}", by_seed


def compared_cells(one: Difference | None) -> tuple[str, ...]:
    """Difference, interval, discordant pairs and p values."""
    if one is None:
        return ("",) * 6
    level = one.comparison.overall
    assert level.pairs is not None, "variants are compared over pairs"
    adjusted = "" if one.adjusted is None else p_cell(one.adjusted)
    only = str(level.pairs.only_first), str(level.pairs.only_second)
    return (*difference_cells(level.success.difference, 100), *only, p_cell(level.exact), adjusted)


def printed_means(entries: Sequence[Entry], published: Sequence[Published]) -> dict[str, float]:
    """The printed mean of each variant's row."""
    return {
        entry.variant: float(number.printed)
        for entry in entries
        for number in rows_of(entry, published)
        if number.level == "tier_mean"
    }


def rows_of(entry: Entry, published: Sequence[Published]) -> list[Published]:
    """The printed numbers of a variant's row."""
    return [
        number
        for number in published
        if (number.protocol, number.method) == (entry.protocol, entry.method) and number.source.startswith(entry.source)
    ]


def printed_cells(printed: Mapping[str, float], variant: str) -> tuple[str, str]:
    """The printed mean, and the printed difference to the full one."""
    if variant not in printed:
        return NOTHING, NOTHING
    return str(printed[variant]), "" if variant == FULL else signed(printed[variant] - printed[FULL])


def tier_table(variants: Mapping[str, Variant], found: Sequence[Difference]) -> Iterator[Table]:
    """Rates by tier, each with its difference to the full one; no table where there is one tier."""
    tiers = list(by_tier(record for variant in variants.values() for record in variant.side.measured.records))
    if len(tiers) < 2:
        return
    rows = []
    for name, variant in variants.items():
        parts = by_tier(variant.side.measured.records)
        levels = {
            level.name: level.success.difference.value
            for one in found
            if (one.variant, one.against) == (name, FULL)
            for level in one.comparison.levels
            if level.level == "tier"
        }
        cells = []
        for tier in tiers:
            mean = task_mean(parts.get(tier, []))
            rate = rate_cell(mean)
            cells.append(f"{rate} ({signed(100 * levels[tier])})" if tier in levels else rate)
        rows.append(Row((name, *cells)))
    yield Table("Success by tier in % (difference to full)", ("variant", *map(spoken, tiers)), tuple(rows))


def published_blocks(entries: Sequence[Entry], published: Sequence[Published]) -> Iterator[Block]:
    """The paper's table, with differences to its full row; nothing where there is none."""
    rows = {entry: {number.name: number.printed for number in rows_of(entry, published)} for entry in entries}
    rows = {entry: numbers for entry, numbers in rows.items() if numbers}
    full = next((numbers for entry, numbers in rows.items() if entry.variant == FULL), None)
    if full is None:
        return
    names = list(full)
    made = []
    for entry, numbers in rows.items():
        cells = [
            number if entry.variant == FULL else f"{number} ({signed(float(number) - float(full[name]))})"
            for name, number in numbers.items()
        ]
        made.append(Row((entry.variant, entry.method, *cells)))
    one = next(iter(rows))
    header = ("variant", "as published", *map(spoken, names))
    yield Table(f"Published: {one.source}, {one.protocol}, in % (difference to full)", header, tuple(made))
    yield Paragraph(CAUTION.format(protocol=one.protocol))
