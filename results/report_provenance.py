"""Where the numbers of a report come from, and how to cite them."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any, NamedTuple

from results.sections import setting_name
from results.sides import Side


class Origin(NamedTuple):
    """A policy's records or a run, and facts about it by name."""

    name: str
    facts: tuple[tuple[str, str], ...]


def provenance(policies: Sequence[Side], runs: Mapping[str, Mapping[str, Any]]) -> list[Origin]:
    """Each policy's hashes, then each run; `runs` are those that made some of the records."""
    made = [Origin(side.name, tuple(policy_facts(side))) for side in policies]
    counts = Counter(record.run for side in policies for record in side.measured.records)
    return made + [Origin(f"run {run}", tuple(run_facts(counts[run], about))) for run, about in runs.items()]


def policy_facts(side: Side) -> Iterator[tuple[str, str]]:
    """What decides a policy's records."""
    measured = side.measured
    yield "setting", setting_name(measured)
    yield "conditions", measured.conditions
    yield "policy fingerprint", measured.records[0].policy_fingerprint
    yield "all that decides outcomes", measured.deciding
    yield "frames drawn by", ", ".join(sorted({record.renderer for record in measured.records}))
    yield "runs", ", ".join(sorted({record.run for record in measured.records if record.run})) or "not recorded"


def run_facts(records: int, about: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What a run ran on."""
    git, machine, assets = (about.get(name) or {} for name in ("git", "machine", "assets"))
    yield "records", str(records)
    yield command_fact(about)
    yield "protocol hash", str(about.get("protocol_hash", "not recorded"))
    changes = ", with uncommitted changes" if git.get("dirty") else ""
    yield "commit", f"{git['commit']}{changes}" if git.get("commit") else "not recorded"
    yield "Python", str(about.get("python", "not recorded"))
    packages = {name: found for name, found in (about.get("packages") or {}).items() if found != "absent"}
    yield "packages", ", ".join(f"{name} {found}" for name, found in packages.items())
    if assets:
        yield "assets", ", ".join(f"{name} {value}" for name, value in assets.items())
    yield "machine", ", ".join(f"{value}" for value in machine.values())


def command_fact(about: Mapping[str, Any]) -> tuple[str, str]:
    """The command line, or its arguments where the program is not recorded."""
    arguments = list(map(str, about.get("command") or ()))
    if program := about.get("program"):
        return "command", shlex.join(["python", "-m", str(program), *arguments])
    return "arguments", shlex.join(arguments) or "not recorded"


class Citation(NamedTuple):
    """A sentence for a paper's section on methods, and a BibTeX entry."""

    sentence: str
    bibtex: str


def cited(policies: Sequence[Side], runs: Mapping[str, Mapping[str, Any]]) -> Citation:
    """How to cite these numbers, with the version and commit that made them."""
    made_by = headway_version(runs)
    commits = sorted({str((about.get("git") or {}).get("commit") or "")[:12] for about in runs.values()} - {""})
    commit = f", commit {', '.join(commits)}" if commits else ""
    settings = dict.fromkeys(
        f"{setting_name(side.measured)} (conditions {side.measured.conditions[:8]})" for side in policies
    )
    sentence = (
        f"Policies were evaluated with Headway {made_by}{commit}, under {'; '.join(settings)}, over starts that "
        "are the same for every policy. Intervals are 95 %. Episodes that ended in an error are counted and are in no "
        "rate."
    )
    bibtex = (
        "@software{headway,\n  title   = {Headway: evaluation of robot-manipulation policies},\n"
        f"  version = {{{made_by}}},\n  note    = {{Apache-2.0{commit}}}\n}}"
    )
    return Citation(sentence, bibtex)


def headway_version(runs: Mapping[str, Mapping[str, Any]]) -> str:
    """The versions that made the records, or where that is not known the one that is here."""
    found = sorted(
        {str((about.get("packages") or {}).get("headway", "absent")) for about in runs.values()} - {"absent"}
    )
    if found:
        return ", ".join(found)
    try:
        return version("headway")
    except PackageNotFoundError:
        return "(version unknown)"
