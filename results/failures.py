"""How episodes failed: counts of the failure modes that the suite names, by task and beside published counts."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from protocols.contracts import Record
from results.cells import spoken
from results.groups import PolicyRecords
from results.layout import Block, Bullets, Row, Table
from results.statistics import by_task, by_tier, summarise

PUBLISHED = Path(__file__).parent / "published" / "failures"
UNNAMED = "no mode named"
OTHER = "other"


def failure_table(measured: PolicyRecords) -> Iterator[Table]:
    """Failed episodes by task and failure mode, the most frequent mode first; no table where no mode is named."""
    occurring = modes(measured.records)
    if not any(occurring):
        return
    columns = sorted(occurring, key=lambda mode: (not mode, -occurring[mode], mode))
    tasks = [some for members in by_tier(measured.records).values() for some in by_task(members).items()]
    rows = [Row((task, *failure_cells(some, columns))) for task, some in tasks]
    rows.append(Row(("all tasks", *failure_cells(measured.records, columns)), rule=True, total=True))
    header = ("task", *(spoken(mode) or UNNAMED for mode in columns), "failed")
    yield Table(f"{measured.policy}: how it failed", header, tuple(rows))


def modes(records: Iterable[Record]) -> Counter[str]:
    """How many of the failed episodes have each failure mode, "" where the suite names none."""
    return Counter(record.failure for record in records if record.success is False)


def failure_cells(records: Sequence[Record], columns: list[str]) -> tuple[str, ...]:
    """Failures by mode, then all failures per verdicts."""
    found, summary = modes(records), summarise(records)
    return (*(str(found[mode]) for mode in columns), f"{summary.episodes - summary.successes}/{summary.episodes}")


class PublishedFailures(NamedTuple):
    """A printed count: so many of a method's episodes failed in that mode, by our name for it, or "other"."""

    protocol: str
    method: str
    world: str
    mode: str
    failures: str
    source: str


def read_published_failures(folder: Path = PUBLISHED) -> list[PublishedFailures]:
    """All published counts, file by file, in the files' order."""
    rows = []
    for path in sorted(folder.glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            rows += [PublishedFailures(**row) for row in csv.DictReader(file)]
    return rows


def failure_comparison(measured: Sequence[PolicyRecords], printed: Sequence[PublishedFailures]) -> Iterator[Block]:
    """Our counts beside printed ones, in the modes that are printed; nothing where none are."""
    if not printed:
        return
    named = [mode for mode in dict.fromkeys(count.mode for count in printed) if mode != OTHER]
    columns = {f"{policy.policy} (simulated)": folded(modes(policy.records), named) for policy in measured}
    for count in printed:
        columns.setdefault(f"{count.method} ({count.world})", Counter())[count.mode] = int(count.failures)
    rows = [Row((spoken(mode), *(str(column[mode]) for column in columns.values()))) for mode in (*named, OTHER)]
    rows.append(Row(("failed", *(str(column.total()) for column in columns.values())), rule=True))
    yield Table("Failures by mode, simulated and real", ("failure mode", *columns), tuple(rows))
    yield Bullets(tuple(dict.fromkeys(f"{count.method}: {count.source}" for count in printed)))


def folded(counts: Counter[str], named: list[str]) -> Counter[str]:
    """The counts of the named modes; all others together are OTHER."""
    found = Counter({mode: counts[mode] for mode in named})
    found[OTHER] = counts.total() - found.total()
    return found
