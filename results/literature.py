"""Success rates that others have printed (`results/published/*.csv`), and how they stand beside ours.

They come from other starts and other episodes than ours, some from a real robot, so they are never matched. Where ours
come from stand-ins of asset files, both sides say so. The digits are those of the source.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import protocols
from protocols.contracts import EvaluationProtocol
from results.cells import NOTHING, rate_cell, spoken
from results.groups import PolicyRecords
from results.layout import Band, Row, Table
from results.statistics import by_task, summarise, task_mean

NOT_MATCHED = "Published numbers are not matched: they come from other starts and other episodes than ours."
PUBLISHED = Path(__file__).parent / "published"
REAL_ROBOT = "real robot"
REMARKS = {"simulation": "published, not matched", REAL_ROBOT: "published, real robot, not matched"}
OFFICIAL = "published, with the official assets, not matched"


class Published(NamedTuple):
    """One printed number, with the digits that the source prints.

    world: where it was measured, "simulation" or "real robot". level: "tier", "task", "tier_mean" or "task_mean"; of
    chains "in_a_row", "length", "steps" or "subtask", see `results.chains`. name: the tier, task, subtask or number in
    a row, else the level again. printed: % but for "length", in subtasks, and "steps". episodes: of how many, None
    where that is not known; counted: how it is. unmatched: which of its conditions, as far as its source says, differ
    from the protocol's.
    """

    protocol: str
    method: str
    world: str
    level: str
    name: str
    printed: str
    source: str
    episodes: int | None = None
    counted: str = ""
    unmatched: str = ""


def read_published(folder: Path = PUBLISHED) -> list[Published]:
    """All published numbers, file by file, in the files' order."""
    rows = []
    for path in sorted(folder.glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                episodes = int(number) if (number := row.pop("episodes")) else None
                rows.append(Published(**row, episodes=episodes))
    return rows


def printed_about(
    protocol: str, known: Mapping[str, EvaluationProtocol], published: Sequence[Published]
) -> list[Published]:
    """The numbers that are printed about a protocol, or about those tiers of a larger one that it consists of."""
    own = [number for number in published if number.protocol == protocol]
    if own or protocol not in known:
        return own
    part = known[protocol]
    tiers = {task.tier for task in part.tasks}
    for name in dict.fromkeys(number.protocol for number in published):
        whole = protocols.load(name)
        same_tasks = {task for task in whole.tasks if task.tier in tiers} == set(part.tasks)
        if same_tasks and set(part.episodes()) <= set(whole.episodes()):
            return [one for one in published if (one.protocol, one.level) == (name, "tier") and one.name in tiers]
    return []


def published_rows(
    printed: Sequence[Published], tiers: list[str], verdict: Callable[[Sequence[Published]], str], *, stand_ins: bool
) -> Iterator[Row | Band]:
    """One row per published method of a table by tier, under a remark that they are not matched.

    Args:
        printed: the numbers.
        tiers: columns of the table.
        verdict: what to say in the last column of a row, see `results.verdicts`.
        stand_ins: ours were measured with stand-ins of asset files.
    """
    for world, remark in REMARKS.items():
        there = [number for number in printed if number.world == world]
        if there:
            yield Band(OFFICIAL if stand_ins and world == "simulation" else remark)
        for method in dict.fromkeys(number.method for number in there):
            row = [number for number in there if number.method == method]
            numbers = {number.name: number.printed for number in row}
            cells = [numbers.get(name, NOTHING) for name in (*tiers, "tier_mean", "task_mean")]
            yield Row((method, *cells, NOTHING, verdict(row)))


def sources(printed: Sequence[Published]) -> Iterator[str]:
    """Which published methods come from where, and where their numbers of episodes do."""
    for source in dict.fromkeys(number.source for number in printed):
        there = [number for number in printed if number.source == source]
        counted = "".join(f"; n: {how}" for how in dict.fromkeys(number.counted for number in there if number.counted))
        yield f"{', '.join(dict.fromkeys(number.method for number in there))}: {source}{counted}"


def real_robot_table(
    measured: Sequence[PolicyRecords], protocol: EvaluationProtocol, printed: Sequence[Published]
) -> Iterator[Table]:
    """Each task's rate in simulation beside the rates on real robots; no table where none is printed."""
    real = [number for number in printed if number.world == REAL_ROBOT and number.level in ("task", "task_mean")]
    if not real:
        return
    columns = {f"{policy.policy} (simulated)": counted_rates(policy) for policy in measured}
    for number in real:
        columns.setdefault(f"{number.method} (real robot)", {})[number.name] = number.printed
    names = [*(task.name for task in protocol.tasks), "task_mean"]
    cells = {name: [column.get(name, NOTHING) for column in columns.values()] for name in names}
    rows = (Row((spoken(name), *cells[name]), rule=name == "task_mean") for name in names)
    yield Table("Success by task in %, simulated and real", ("task", *columns), tuple(rows))


def counted_rates(measured: PolicyRecords) -> dict[str, str]:
    """Rate and counts by task, and the rate of `task_mean`."""
    summaries = {task: summarise(members) for task, members in by_task(measured.records).items()}
    cells = {task: f"{rate_cell(some)} ({some.successes}/{some.episodes})" for task, some in summaries.items()}
    return cells | {"task_mean": rate_cell(task_mean(measured.records))}
