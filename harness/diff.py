"""What differs between two runs, and where their episodes part: `python -m harness.diff A B`.

A and B are runs or policies in the store of --store; or, as PATH:NAME, in another; or a store, or a file that
`results.export` wrote, of which runs and actions are not known. Of every episode that both have, from the same start,
the first control step is named at which actions or progress are not the same bit for bit.

Exit code 0: every shared episode went alike; 1: some did not, or only one side has an error in one; 2: there is nothing
to compare, not even another start.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from protocols.contracts import Record, at_least_one, content_hash
from protocols.registry import require
from results.layout import Band, Block, Bullets, Heading, Paragraph, Row, Table, markdown
from results.pairs import Pair
from results.parting import Parting, Shared, parted, shared
from results.sides import read_argument, split_argument
from results.store import Store, StoreError

LONGEST_CELL = 60
ABSENT = "not recorded"
EXAMPLES = """examples:
  python -m harness.diff here there
      two stores: did the same command do the same on another machine?
  python -m harness.diff 20260101T120000-0a1b2c3d 20260102T120000-4e5f6a7b --store runs
      two runs of one store
  python -m harness.diff runs:random 'runs:random blind'
      where two policies begin to act differently
"""

Facts = dict[str, set[str]]  # by what it is about, every value that occurs


class Source(NamedTuple):
    """What a user named: how to call it, its records, and the provenance of their runs."""

    label: str
    records: list[Record]
    runs: list[dict[str, Any]]


def parser() -> argparse.ArgumentParser:
    """The options."""
    options = argparse.ArgumentParser(
        prog="python -m harness.diff",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    options.add_argument("sources", nargs=2, metavar="RUN", help="store, exported file, run or policy, or PATH:NAME")
    options.add_argument(
        "--store", type=Path, default=Path("runs"), metavar="DIR", help="store in which names are looked up (runs)"
    )
    options.add_argument("--protocol", metavar="N", help="only this protocol's records")
    options.add_argument("--episodes", type=int, default=20, metavar="N", help="episodes to list (default: 20)")
    return options


def main(arguments: list[str] | None = None) -> int:
    """The command line, exit codes as in the file's docstring."""
    chosen = parser().parse_args(arguments)
    try:
        at_least_one("episodes", chosen.episodes)
        first, second = (read_runs(text, chosen.store, chosen.protocol) for text in chosen.sources)
        matched = matched_policies(first, second)
    except (StoreError, LookupError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    blocks = [Heading(f"{first.label} (A) and {second.label} (B)"), *provenance_blocks(first, second)]
    for name, found in matched:
        blocks += episode_blocks(name, found, chosen.episodes)
    print(markdown(blocks), end="")
    return exit_code([found for _, found in matched])


def exit_code(matched: Sequence[Shared]) -> int:
    """What the command line says of all policies together, as in the file's docstring."""
    if not any(found.pairs or found.other_start for found in matched):
        return 2
    return int(any(found.other_start or found.one_sided or parted(found.pairs) for found in matched))


def read_runs(text: str, store: Path, protocol: str | None) -> Source:
    """The records that a text stands for, with the provenance of their runs, where it is known.

    Raises:
        StoreError, LookupError, ValueError: see `results.sides.read_argument`; or no such protocol.
    """
    records = read_argument(text, store).records
    if protocol is not None:
        require("protocol", protocol, {record.protocol for record in records})
        records = [record for record in records if record.protocol == protocol]
    path, _ = split_argument(text, store)
    if not path.is_dir():
        return Source(text, records, [])
    with closing(Store(path)) as opened:
        known = opened.runs()
    return Source(text, records, [known[run] for run in sorted({record.run for record in records}) if run in known])


def matched_policies(first: Source, second: Source) -> list[tuple[str, Shared]]:
    """What each policy of both sides has in common; the only one of either side with the other's.

    Raises:
        ValueError: no policy in common and several to choose from, no shared episode, or one that is there twice.
    """
    one, other = (by_name(source.records) for source in (first, second))
    names = [(name, name) for name in sorted(one.keys() & other.keys())]
    if not names and len(one) == len(other) == 1:
        names = [(next(iter(one)), next(iter(other)))]
    if not names:
        raise ValueError(
            f"no policy is in both; name one of each, as PATH:POLICY: {first.label} has {', '.join(sorted(one))}; "
            f"{second.label} has {', '.join(sorted(other))}"
        )
    matched = [(" and ".join(dict.fromkeys(pair)), shared(one[pair[0]], other[pair[1]])) for pair in names]
    if not any(found.pairs or found.other_start or found.errors for _, found in matched):
        raise ValueError(f"{first.label} and {second.label} share no episode; run both with the same --tasks")
    return matched


def by_name(records: Sequence[Record]) -> dict[str, list[Record]]:
    """Records by the recorded name of the policy."""
    named: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        named[record.policy].append(record)
    return named


def provenance_blocks(first: Source, second: Source) -> list[Block]:
    """A table of what both sides were made by and under, as far as it differs."""
    one, other = facts(first), facts(second)
    rows = [
        Row((about, shown(one.get(about)), shown(other.get(about))))
        for about in dict.fromkeys((*one, *other))
        if one.get(about) != other.get(about)
    ]
    if not rows:
        return [Paragraph("Nothing that is known of how they were made differs.")]
    return [Table("what differs in how they were made", ("", "A", "B"), tuple(rows))]


def facts(source: Source) -> Facts:
    """Everything known of how some records were made, in the order in which it is shown."""
    found: Facts = defaultdict(set)
    for about, value in run_facts(source.runs):
        found[about].add(value)
    for record in source.records:
        found["GL renderer"].add(record.renderer)
        found["policy"].add(record.policy)
        found["policy fingerprint"].add(record.policy_fingerprint[:12])
        found["protocol"].add(record.protocol)
        found["deviations"].add(", ".join(record.deviations) or "none")
        found["conditions of the protocol"].add(record.conditions[:12])
        found["all that decides outcomes"].add(record.deciding[:12])
    return found


def run_facts(runs: Sequence[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """What the provenance of runs says, one thing at a time; see `harness.provenance.run_provenance`.

    An older version recorded less.
    """
    for run in runs:
        yield "commit", commit_of(run.get("git") or {})
        yield "python", str(run.get("python") or ABSENT)
        yield from ((f"package {name}", str(version)) for name, version in (run.get("packages") or {}).items())
        yield "assets", assets_of(run)
        yield from ((f"machine {name}", str(value)) for name, value in (run.get("machine") or {}).items())
        if protocol := run.get("protocol"):
            about = {"repeats": 1} | protocol  # a run from before there were repeats
            yield from ((f"protocol {name}", as_text(value)) for name, value in about.items())
        yield "program", str(run.get("program") or ABSENT)
        yield "command", " ".join(map(str, run["command"])) if run.get("command") else ABSENT


def commit_of(git: dict[str, Any]) -> str:
    """The commit, as far as it is known."""
    if not git.get("commit"):
        return ABSENT
    return f"{str(git['commit'])[:12]}{' and uncommitted changes' if git.get('dirty') else ''}"


def assets_of(run: dict[str, Any]) -> str:
    """Which asset files a run had; a suite without any has none."""
    if "assets" not in run:
        return ABSENT
    if not (assets := run["assets"]):
        return "none"
    return f"{assets.get('summary', ABSENT)} ({str(assets.get('hash', ABSENT))[:12]})"


def as_text(value: Any) -> str:
    """A value of a protocol in one cell: whole where it is short, else what it begins with, and a hash."""
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= LONGEST_CELL else f"{text[: LONGEST_CELL - 20]}... ({content_hash(value)[:12]})"


def shown(values: set[str] | None) -> str:
    """Every value that occurs; nothing is known of an exported file's runs."""
    return "not known" if values is None else "; ".join(sorted(values))


def episode_blocks(name: str, found: Shared, limit: int) -> list[Block]:
    """How one policy's shared episodes went, and where they part."""
    apart = parted(found.pairs)
    lines = [f"{counted(found.pairs)} from the same start, of which {len(found.pairs) - len(apart)} went alike"]
    if apart:
        of = {cause: sum(where.cause == cause for _, where in apart) for cause in ("actions", "progress", "end")}
        verdicts = sum(pair.first.success != pair.second.success for pair, _ in apart)
        lines.append(
            f"{len(apart)} part: {of['actions']} first in what was done, {of['progress']} first in what came of it, "
            f"{of['end']} in where they end; {verdicts} with another verdict"
        )
    if any(record.steps and not len(record.actions) for pair in found.pairs for record in pair):
        lines.append("the actions of exported records are not known: only progress is compared")
    if found.other_start:
        lines.append(
            f"{counted(found.other_start)} from another start, compared no further: {named(found.other_start)}"
        )
    if found.errors:
        lines.append(f"{counted(found.errors)} without a verdict: {named(found.errors)}")
    if found.only_first or found.only_second:
        lines.append(f"only in A: {found.only_first}; only in B: {found.only_second}")
    blocks: list[Block] = [Heading(name), Bullets(tuple(lines))]
    return [*blocks, parting_table(apart, limit)] if apart else blocks


def parting_table(apart: Sequence[tuple[Pair, Parting]], limit: int) -> Table:
    """The episodes that part, earliest first."""
    rows: list[Row | Band] = [
        Row(
            (
                pair.first.episode.task,
                str(pair.first.episode.index) + (f" repeat {repeat}" if (repeat := pair.first.episode.repeat) else ""),
                at_step(where.actions),
                at_step(where.progress),
                ended(pair.first),
                ended(pair.second),
            )
        )
        for pair, where in apart[:limit]
    ]
    if left := len(apart) - limit:
        rows += [Band(f"and {left} more, see --episodes")] if left > 0 else []
    header = ("task", "episode", "actions part at step", "progress parts at step", "A", "B")
    return Table("episodes that part, earliest first", header, tuple(rows))


def at_step(step: int | None) -> str:
    """A control step, or that there is none."""
    return "never" if step is None else str(step)


def ended(record: Record) -> str:
    """Verdict and steps."""
    verdict = "success" if record.success else record.failure or "failure"
    return f"{verdict} after {record.steps}"


def counted(pairs: Sequence[Pair]) -> str:
    """How many shared episodes."""
    return f"{len(pairs)} shared episode{'' if len(pairs) == 1 else 's'}"


def named(pairs: Sequence[Pair], most: int = 5) -> str:
    """The first few episodes."""
    names = [f"{pair.first.episode.task} {pair.first.episode.index}" for pair in pairs[:most]]
    return ", ".join(names) + (", ..." if len(pairs) > most else "")


if __name__ == "__main__":
    sys.exit(main())
