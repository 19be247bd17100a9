"""Which records belong together, and how much of a protocol they cover."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import protocols
from protocols.contracts import TINY_RENDERER, EvaluationProtocol, Record
from protocols.registry import require
from results.statistics import summarise

ASSETS = "assets="  # how the deviation of a suite begins that did not have all of the official asset files
Group = tuple[str, tuple[str, ...], str, str, str]  # protocol, deviations, conditions, policy and deciding


@dataclass(frozen=True, eq=False)
class PolicyRecords:
    """The records that may be averaged: one policy under one protocol, its conditions and deviations.

    Args:
        protocol: name of the protocol.
        conditions: hash of its conditions.
        deviations: what was changed on the command line.
        policy: name and arguments; where two of one name differ, in weights or versions, with the start of `deciding`.
        deciding: hash of all that decides outcomes but the episode.
        records: at most one per task, index and repeat, in this order.
        repeats: of how many repeats of an episode `records` has the first alone; 1 where none is left out.
    """

    protocol: str
    conditions: str
    deviations: tuple[str, ...]
    policy: str
    deciding: str
    records: tuple[Record, ...]
    repeats: int = 1

    @property
    def setting(self) -> tuple[str, tuple[str, ...], str]:
        """What two policies must share to be compared: protocol, deviations and conditions."""
        return self.protocol, self.deviations, self.conditions


def by_policy(records: Iterable[Record], *, repeats: bool = False) -> list[PolicyRecords]:
    """Records by setting, policy and versions, ordered by protocol, deviations, conditions and policy.

    Args:
        records: of any run.
        repeats: keep every repeat of an episode. They are no further episodes, and all that takes episodes as
            independent asks for the first alone; see `results.repeats` for the others.
    """
    groups: dict[Group, list[Record]] = defaultdict(list)
    left_out: dict[Group, int] = defaultdict(int)
    for record in records:
        group = (record.protocol, record.deviations, record.conditions, record.policy, record.deciding)
        if repeats or record.episode.repeat == 0:
            groups[group].append(record)
        else:
            left_out[group] = max(left_out[group], record.episode.repeat)
    named = Counter(group[:4] for group in groups)
    made = []
    for group, members in sorted(groups.items(), key=lambda item: item[0]):
        protocol, deviations, conditions, policy, deciding = group
        label = policy if named[group[:4]] == 1 else f"{policy} [{deciding[:8]}]"
        ordered = sorted(members, key=in_order)
        made.append(
            PolicyRecords(protocol, conditions, deviations, label, deciding, tuple(ordered), 1 + left_out[group])
        )
    return made


def in_order(record: Record) -> tuple[str, int, int]:
    """Where a record stands among those of its policy."""
    return record.episode.task, record.episode.index, record.episode.repeat


def comparable(measured: PolicyRecords, protocol: EvaluationProtocol | None) -> bool:
    """Whether it has all episodes of the protocol under its own conditions."""
    return not measured.deviations and comparable_but_assets(measured, protocol)


def comparable_but_assets(measured: PolicyRecords, protocol: EvaluationProtocol | None) -> bool:
    """Whether it has all episodes of the protocol under its own conditions, but perhaps stand-ins for asset files."""
    return (
        protocol is not None
        and all(record.renderer != TINY_RENDERER for record in measured.records)
        and all(deviation.startswith(ASSETS) for deviation in measured.deviations)
        and measured.conditions == protocol.conditions_hash()
        and not wanted_episodes(protocol) - found_episodes(measured)
    )


def wanted_episodes(protocol: EvaluationProtocol) -> set[tuple[str, int]]:
    """Task and index of every episode of a protocol."""
    return {(task.name, index) for task in protocol.tasks for index in range(protocol.episodes_per_task)}


def found_episodes(measured: PolicyRecords) -> set[tuple[str, int]]:
    """Task and index of every episode that has a record."""
    return {(record.episode.task, record.episode.index) for record in measured.records}


def coverage(measured: PolicyRecords, protocol: EvaluationProtocol | None) -> str:
    """How many of the protocol's episodes there are, how many lack a verdict, and what is left out or mixed."""
    found, errors = found_episodes(measured), summarise(measured.records).errors
    verdicts = f"{errors} without a verdict" if errors else "all with a verdict"
    if measured.repeats > 1:
        verdicts = f"the first of {measured.repeats} repeats, {verdicts}"
    drawn_by = sorted({record.renderer for record in measured.records if record.error is None})
    if len(drawn_by) > 1:
        verdicts += f", frames of different renderers ({', '.join(drawn_by)})"
    elif drawn_by == [TINY_RENDERER]:
        verdicts += f", frames of {TINY_RENDERER}, which are unlike the official ones"
    if protocol is None:
        return f"episodes: {len(found)}, {verdicts}"
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


def refusal(measured: PolicyRecords, protocol: EvaluationProtocol | None) -> str:
    """Why a policy's records give no numbers: too large a share of the episodes has no verdict; else empty."""
    errors, share = summarise(measured.records).errors, protocol.max_error_share if protocol else 1.0
    if errors <= share * len(measured.records):
        return ""
    return (
        f"{measured.policy}: refused, {errors} of {len(measured.records)} episodes have no verdict and "
        f"{measured.protocol} allows {100 * share:g} %; harness.run into the same store does only these"
    )


def known_protocols(records: Iterable[Record]) -> dict[str, EvaluationProtocol]:
    """The protocols of some records, as far as they are here."""
    return {name: protocols.load(name) for name in {record.protocol for record in records} & set(protocols.names())}


def chosen_records(records: list[Record], protocol: str | None, source: Path) -> list[Record]:
    """The records of one protocol, or all where None is named.

    Raises:
        LookupError: there are none in the source.
    """
    if not records:
        raise LookupError(f"there are no records in {source}; run an evaluation first")
    if protocol is None:
        return records
    require("protocol", protocol, {record.protocol for record in records})
    return [record for record in records if record.protocol == protocol]
