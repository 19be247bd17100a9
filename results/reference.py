"""Reference records: how often a policy has solved each task of a protocol, and whether new counts fall below that.

    python -m results.reference --store DIR --protocol N --policy P     writes results/reference/<protocol>-<policy>.csv

The committed files are read by the pytest plugin. Counts are compared one-sided and exactly: with a reference by
Fisher's test, with a floor by the binomial distribution.
"""

from __future__ import annotations

import argparse
import csv
import re
import sys
from math import comb
from pathlib import Path
from typing import NamedTuple

from protocols.contracts import Record
from results.export import load_records
from results.groups import by_policy
from results.statistics import by_task, summarise
from results.store import StoreError

FOLDER = Path(__file__).parent / "reference"


class Counts(NamedTuple):
    """Successes of so many episodes with a verdict."""

    successes: int
    episodes: int


def path_for(protocol: str, policy: str) -> Path:
    """Where the committed reference of a policy on a protocol lies, if there is one."""
    return FOLDER / f"{protocol}-{re.sub('[^A-Za-z0-9]+', '-', policy).strip('-')}.csv"


def read(path: Path) -> dict[str, Counts]:
    """Counts by task.

    Raises:
        ValueError: the file is no reference.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        return {row["task"]: Counts(int(row["successes"]), int(row["episodes"])) for row in rows}
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is no reference; it needs the columns task, successes, episodes: {error!r}") from None


def written(records: list[Record]) -> str:
    """Counts by task as CSV."""
    lines = ["task,successes,episodes"]
    for task, some in by_task(records).items():
        summary = summarise(some)
        lines.append(f"{task},{summary.successes},{summary.episodes}")
    return "\n".join(lines) + "\n"


def p_below_reference(new: Counts, reference: Counts) -> float:
    """Probability of so few successes or fewer if both have the same rate, given their sum (Fisher's exact test)."""
    total, hits = new.episodes + reference.episodes, new.successes + reference.successes
    ways = (comb(hits, k) * comb(total - hits, new.episodes - k) for k in range(new.successes + 1))
    return sum(ways) / comb(total, new.episodes)


def p_below_floor(new: Counts, floor: float) -> float:
    """Probability of so few successes or fewer if the rate is `floor` (binomial distribution)."""
    n = new.episodes
    return sum(comb(n, k) * floor**k * (1 - floor) ** (n - k) for k in range(new.successes + 1))


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m results.reference", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--store", type=Path, required=True, help="folder of a store, or a file that results.export wrote"
    )
    parser.add_argument("--protocol", required=True, metavar="N")
    parser.add_argument("--policy", required=True, metavar="P", help="the policy's recorded name")
    parser.add_argument("--out", type=Path, metavar="FILE", help="another file to write")
    chosen = parser.parse_args(arguments)
    try:
        wanted = (chosen.protocol, chosen.policy, ())
        records = load_records(chosen.store)
        groups = by_policy(one for one in records if (one.protocol, one.policy, one.deviations) == wanted)
        if len(groups) != 1:
            raise ValueError(
                f"{chosen.store} must have records of {chosen.policy} on {chosen.protocol} by one set of versions and "
                f"conditions, not {len(groups)}"
            )
        found = list(groups[0].records)
        path = chosen.out or path_for(chosen.protocol, chosen.policy)
        path.write_text(written(found), encoding="utf-8")
    except (StoreError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{len(found)} records of {len(by_task(found))} tasks counted in {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
