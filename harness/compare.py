"""Compare policies over the same starts: `python -m harness.compare A B ...`.

A, B, ... are stores, files that `results.export` wrote, or names: of a policy (with or without its arguments) or a run,
in the store of --store or, as PATH:NAME, in another. A store alone stands for all policies in it. Policies are compared
where they were measured under the same protocol, deviations and conditions. Videos of the episodes that only one of two
solves are named where `harness.film` has made them.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from protocols.contracts import Record, at_least_one
from results.comparison_csv import render_csv
from results.comparison_tables import Shown, render
from results.documents import deliver
from results.groups import known_protocols
from results.sections import compare_all
from results.sides import Side, by_setting, read_arguments
from results.videos import path_of

EXAMPLES = """examples:
  python -m harness.compare expert random --store runs
      two policies of one store, with or without their arguments
  python -m harness.compare runs
      all policies of a store, every two of them, with letters and ranks
  python -m harness.compare old new --protocol metaworld_mt50
      two stores, say before and after a change
  python -m harness.compare old:expert new:expert --apart
      the same policy twice: does it repeat itself?
  python -m harness.compare ours.jsonl theirs.parquet --unpaired --format latex
      exported records whose starts differ, as independent samples
"""


def parser() -> argparse.ArgumentParser:
    """The options."""
    options = argparse.ArgumentParser(
        prog="python -m harness.compare",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    options.add_argument("sources", nargs="+", metavar="A", help="store, exported file, policy or run, or PATH:NAME")
    options.add_argument(
        "--store", type=Path, default=Path("runs"), metavar="DIR", help="store in which names are looked up (runs)"
    )
    options.add_argument("--protocol", metavar="N", help="only this protocol's records")
    options.add_argument("--format", choices=("markdown", "latex", "csv"), default="markdown")
    options.add_argument(
        "--by", choices=("task", "tier"), help="list tasks, or only tiers (default: tasks where there are two policies)"
    )
    options.add_argument("--unpaired", action="store_true", help="take episodes as independent, where starts differ")
    options.add_argument(
        "--apart", action="store_true", help="keep the arguments apart even where they have the same policy (A/A)"
    )
    options.add_argument(
        "--episodes", default="20", metavar="N", help="discordant episodes to list, or all (default: 20)"
    )
    target = options.add_mutually_exclusive_group()
    target.add_argument("--out", type=Path, metavar="FILE", help="write to this file")
    target.add_argument("--check", type=Path, metavar="FILE", help="compare with this file; exit 1 where it differs")
    return options


def main(arguments: list[str] | None = None) -> int:
    """The command line: 0 done, 1 where --check finds a difference, 2 for a mistake of the user's."""
    chosen = parser().parse_args(arguments)
    return deliver(lambda: compared(chosen), chosen.out, chosen.check)


def compared(chosen: argparse.Namespace) -> str:
    """The document that the options ask for.

    Raises:
        StoreError, LookupError, ValueError: nothing can be read, named or compared.
    """
    shown = Shown(chosen.by, listed(chosen.episodes))
    sources = read_arguments(chosen.sources, chosen.store, chosen.protocol)
    known = known_protocols(record for source in sources for record in source.records)
    settings = by_setting(sources, apart=chosen.apart, repeats=not chosen.unpaired)
    made = compare_all(settings, known, unpaired=chosen.unpaired)
    return render_csv(made) if chosen.format == "csv" else render(made, known, video_of, shown, chosen.format)


def listed(episodes: str) -> int | None:
    """How many discordant episodes to list; None for all."""
    if episodes == "all":
        return None
    if not episodes.isdecimal():
        raise ValueError(f"--episodes takes a number or all, not {episodes!r}")
    return at_least_one("episodes", int(episodes))


def video_of(side: Side, record: Record) -> str:
    """Where the record's video lies, empty where there is none."""
    paths = (path_of(record, folder / "videos") for folder in side.folders)
    return next((str(path) for path in paths if path.exists()), "")


if __name__ == "__main__":
    sys.exit(main())
