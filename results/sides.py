"""Which policies a command compares: stores, exported records, and policies or runs in them, by name."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from protocols.contracts import Record
from protocols.registry import require
from results.export import load_records
from results.groups import PolicyRecords, by_policy, in_order
from results.store import better


@dataclass(frozen=True, eq=False)
class Side:
    """One policy of a comparison.

    Args:
        name: as tables show it, another for each side of a setting.
        measured: its records.
        folders: where they were read from; videos lie below.
    """

    name: str
    measured: PolicyRecords
    folders: tuple[Path, ...]


class Argument(NamedTuple):
    """What a user named: how to call it, where it lies, and the records that it stands for."""

    label: str
    folder: Path
    records: list[Record]


def read_arguments(texts: Sequence[str], store: Path, protocol: str | None = None) -> list[Argument]:
    """The records that each text stands for; a text that is given twice counts once.

    Args:
        texts: PATH of a store or of exported records; PATH:NAME for a policy or a run in it; or NAME in `store`.
        store: where names are looked up that stand without a path.
        protocol: only records of this protocol.

    Raises:
        StoreError: a folder without a readable store.
        ValueError: a file that is no export.
        LookupError: no such path, policy, run or protocol.
    """
    made = [read_argument(text, store) for text in dict.fromkeys(texts)]
    if protocol is None:
        return made
    require("protocol", protocol, {record.protocol for one in made for record in one.records})
    return [one._replace(records=[record for record in one.records if record.protocol == protocol]) for one in made]


def read_argument(text: str, store: Path) -> Argument:
    """The records that one text stands for."""
    path, name = split_argument(text, store)
    records = load_records(path)
    if not records:
        raise LookupError(f"there are no records in {path}; run an evaluation first")
    folder, label = (path, path.resolve().name) if path.is_dir() else (path.parent, path.stem)
    chosen = named_records(records, name, path) if name else records
    return Argument(name if name == text else label, folder, chosen)


def split_argument(text: str, store: Path) -> tuple[Path, str]:
    """Path and name in a text; the name is empty where the text is a path."""
    if Path(text).exists():
        return Path(text), ""
    for place in (place for place, character in enumerate(text) if character == ":"):
        if Path(text[:place]).exists():
            return Path(text[:place]), text[place + 1 :]
    if store.exists():
        return store, text
    raise LookupError(f"{text!r} is no path, and there is no store {store} in which it could be a policy; see --store")


def named_records(records: list[Record], name: str, source: Path) -> list[Record]:
    """The records of a policy, with or without its arguments, or of a run."""
    names: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        for known in {record.policy, short_name(record.policy), record.run}:
            names[known].append(record)
    return names[require(f"policy or run in {source}", name, names)]


def short_name(policy: str) -> str:
    """A policy's name without its arguments: `random blind` of `random(chunk=10) blind`."""
    return re.sub(r"\(.*?\)", "", policy)


def by_setting(arguments: Sequence[Argument], *, apart: bool = False, repeats: bool = False) -> list[list[Side]]:
    """The sides of each setting (protocol, deviations, conditions), in the order of the arguments.

    Records of one policy and one set of versions are one side, whatever arguments they come from, as if the stores
    had been merged first.

    Args:
        arguments: what the user named.
        apart: keep arguments apart even where the policy is the same, as an A/A test needs it.
        repeats: keep every repeat of an episode, and not the first alone.
    """
    gathered: dict[tuple[object, ...], list[tuple[Argument, PolicyRecords]]] = defaultdict(list)
    for place, argument in enumerate(arguments):
        for measured in by_policy(argument.records, repeats=repeats):
            side = measured.setting, measured.records[0].policy, measured.deciding, place if apart else None
            gathered[side].append((argument, measured))
    settings: dict[tuple[object, ...], list[list[tuple[Argument, PolicyRecords]]]] = defaultdict(list)
    for (setting, *_), parts in gathered.items():
        settings[setting,].append(parts)
    return [named_sides(sides) for _, sides in sorted(settings.items(), key=lambda item: item[0])]


def named_sides(sides: Sequence[Sequence[tuple[Argument, PolicyRecords]]]) -> list[Side]:
    """Sides of one setting, each with a name of its own: the policy's, where that is not enough with its origin."""
    return [
        Side(name, joined([measured for _, measured in parts]), tuple(dict.fromkeys(one.folder for one, _ in parts)))
        for name, parts in zip(side_names(sides), sides, strict=True)
    ]


def side_names(sides: Sequence[Sequence[tuple[Argument, PolicyRecords]]]) -> list[str]:
    """The first form of naming that tells the sides apart: policy; policy and argument; policy and versions."""
    policies = [parts[0][1].records[0].policy for parts in sides]
    origins = ["+".join(dict.fromkeys(argument.label for argument, _ in parts)) for parts in sides]
    versions = [parts[0][1].deciding[:8] for parts in sides]
    twice = {policy for policy in policies if policies.count(policy) > 1}
    for marks in (origins, versions, [f"{one} {other}" for one, other in zip(origins, versions, strict=True)]):
        names = [
            f"{policy} [{mark}]" if policy in twice else policy for policy, mark in zip(policies, marks, strict=True)
        ]
        if len(set(names)) == len(names):
            return names
    return [f"{name} {place}" for place, name in enumerate(names, start=1)]


def joined(parts: Sequence[PolicyRecords]) -> PolicyRecords:
    """Parts of one policy as one; of two records under one key the better stays, as in a store."""
    kept: dict[str, Record] = {}
    for record in (record for part in parts for record in part.records):
        if record.key not in kept or better(record, kept[record.key]):
            kept[record.key] = record
    ordered = sorted(kept.values(), key=in_order)
    return replace(parts[0], records=tuple(ordered), repeats=max(part.repeats for part in parts))
