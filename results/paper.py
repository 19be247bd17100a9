"""The tables of a paper with our rows in them: `python -m results.paper progvla --store DIR [DIR ...]`.

`results/published/papers/*.csv` says which tables those are. A row of ours stands above the published ones where it has
all episodes of the protocol, apart from them where it is partial or under other conditions, and where there is none the
table says so. What learned policies were trained on is told below each table.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import protocols
from protocols.contracts import Record
from protocols.registry import require
from results.ablation import NAME, ablation_blocks, ablations, published_blocks, read_entries
from results.cells import NOTHING
from results.documents import deliver
from results.export import load_records
from results.groups import PolicyRecords, by_policy, comparable_but_assets, coverage, refusal
from results.layout import Band, Block, Bullets, Heading, Paragraph, Row, Table, latex, markdown
from results.literature import (
    NOT_MATCHED,
    PUBLISHED,
    Published,
    published_rows,
    read_published,
    real_robot_table,
    sources,
)
from results.store import better
from results.tables import METHOD, policy_rows, summary_header
from results.trained import Trained, read_trained, trained_mark, trained_notes
from results.verdicts import COLUMN, WITHIN_5_POINTS, Reproduction, counts_of

FOLDER = PUBLISHED / "papers"
NOT_MEASURED = "ours: not measured"
APART = "ours, partial or under other conditions, not comparable"


class PaperTable(NamedTuple):
    """A table of a paper; kind: "tiers" or "tasks" of a protocol, or "variants" of the paper's policy."""

    paper: str
    table: str
    protocol: str
    kind: str

    @property
    def source(self) -> str:
        """As the sources of published numbers name it."""
        return f"{self.paper}, {self.table}"


class Measured(NamedTuple):
    """What some stores hold: records by policy and setting, and what learned policies were trained on."""

    policies: list[PolicyRecords]
    trained: Trained


def read_paper(name: str, folder: Path = FOLDER) -> list[PaperTable]:
    """The tables of a paper. Raises LookupError where there is no such paper."""
    path = folder / f"{require('paper', name, [path.stem for path in folder.glob('*.csv')])}.csv"
    with path.open(encoding="utf-8", newline="") as file:
        return [PaperTable(**row) for row in csv.DictReader(file)]


def read_stores(folders: Sequence[Path]) -> Measured:
    """All records of some stores as if they had been merged.

    Raises:
        StoreError, ValueError: one cannot be read.
    """
    kept: dict[str, Record] = {}
    trained: dict[str, dict[str, Any]] = {}
    for folder in folders:
        records = load_records(folder)
        for record in records:
            if record.key not in kept or better(record, kept[record.key]):
                kept[record.key] = record
        trained |= read_trained(folder, records)
    return Measured(by_policy(kept.values()), trained)


def render(name: str, measured: Measured, published: Sequence[Published], form: str = "markdown") -> str:
    """All tables of a paper.

    Args:
        name: of the paper, which is that of its policy.
        measured: what there is of ours.
        published: printed success rates.
        form: "markdown" or "latex".
    """
    blocks: list[Block] = []
    for table in read_paper(name):
        printed = [number for number in published if table.source in number.source]
        blocks.append(Heading(f"{table.source}: {table.protocol}"))
        if table.kind == "variants":
            blocks += variant_blocks(name, measured, printed)
        else:
            blocks += protocol_blocks(name, table, measured, printed)
    method = [Paragraph(METHOD)] if measured.policies else []
    return (latex if form == "latex" else markdown)([*blocks, *method])


def variant_blocks(name: str, measured: Measured, printed: Sequence[Published]) -> Iterator[Block]:
    """A table of variants, with ours of whatever protocol they were measured under."""
    groups = [group for (policy, _), group in ablations(measured.policies).items() if policy == name]
    for group in groups:
        yield from ablation_blocks(name, group, printed, measured.trained)
    if not groups:
        yield from published_blocks(read_entries(name), printed)
        yield Bullets((f"{NOT_MEASURED}; python -m harness.ablate --policy {name} trains and evaluates the variants",))


def protocol_blocks(name: str, table: PaperTable, measured: Measured, printed: Sequence[Published]) -> Iterator[Block]:
    """A table of one protocol."""
    protocol = protocols.load(table.protocol)
    ours = [one for one in measured.policies if one.protocol == table.protocol and not is_variant(one)]
    shown = [one for one in ours if not refusal(one, protocol)]
    full = [one for one in shown if comparable_but_assets(one, protocol)]
    if table.kind == "tasks":
        yield from real_robot_table(shown, protocol, printed)
    else:
        yield tier_table(full, [one for one in shown if one not in full], printed, measured.trained)
    remark = f" {Reproduction(WITHIN_5_POINTS, [], []).remark()}" if full and table.kind == "tiers" else ""
    hint = f"{NOT_MEASURED}; python -m harness.run --policy {name} --protocol {table.protocol} --store DIR measures it"
    lines = [refusal(one, protocol) or f"{named(one)}: {coverage(one, protocol)}" for one in ours]
    missing = [] if any(one.policy.startswith(name) for one in shown) else [hint]
    yield Bullets((*lines, *trained_notes(shown, measured.trained), *missing, *sources(printed)))
    yield Paragraph(NOT_MATCHED + remark)


def is_variant(measured: PolicyRecords) -> bool:
    """Whether these are records of a variant, which stand in a table of their own."""
    return NAME.fullmatch(measured.records[0].policy) is not None


def named(measured: PolicyRecords) -> str:
    """The policy, and what differs from the protocol's conditions."""
    return " ".join((measured.policy, *(f"[{mark}]" for mark in measured.deviations)))


def tier_table(
    full: list[PolicyRecords], apart: list[PolicyRecords], printed: Sequence[Published], trained: Trained
) -> Table:
    """Ours and the published rows by tier."""
    tiers = list(dict.fromkeys(number.name for number in printed if number.level == "tier"))
    reproduction = Reproduction(WITHIN_5_POINTS, full, [counts_of(one.records) for one in full])

    def ours(group: Sequence[PolicyRecords]) -> Iterator[Row]:
        for one in group:
            marks = (*one.deviations, *trained_mark(one, trained))
            yield from reproduction.widened(policy_rows([one], tiers, marks))

    def verdict(row: Sequence[Published]) -> str:
        return reproduction.cell(row) if full else ""

    header = (*summary_header(tiers), COLUMN)
    rows: list[Row | Band] = [*ours(full)]
    if not full:
        rows.append(Row((NOT_MEASURED, *[NOTHING] * (len(header) - 2), "")))
    rows += published_rows(printed, tiers, verdict, stand_ins=any(one.deviations for one in full))
    if apart:
        rows += [Band(APART), *ours(apart)]
    return Table("Success by tier in %", header, tuple(rows))


def main(arguments: list[str] | None = None) -> int:
    """The command line: 0 done, 1 where --check finds a difference, 2 for a mistake of the user's."""
    parser = argparse.ArgumentParser(prog="python -m results.paper", description=__doc__)
    parser.add_argument("paper", help=f"one of: {', '.join(sorted(path.stem for path in FOLDER.glob('*.csv')))}")
    parser.add_argument(
        "--store", type=Path, nargs="+", default=[], metavar="DIR", help="folders of stores, or exports"
    )
    parser.add_argument("--format", choices=("markdown", "latex"), default="markdown")
    target = parser.add_mutually_exclusive_group()
    target.add_argument("--out", type=Path, metavar="FILE", help="write to this file")
    target.add_argument("--check", type=Path, metavar="FILE", help="compare with this file; exit 1 where it differs")
    chosen = parser.parse_args(arguments)

    def make() -> str:
        require("paper", chosen.paper, [path.stem for path in FOLDER.glob("*.csv")])
        return render(chosen.paper, read_stores(chosen.store), read_published(), chosen.format)

    return deliver(make, chosen.out, chosen.check)


if __name__ == "__main__":
    sys.exit(main())
