"""How many episodes a comparison needs, and how long they take: `python -m harness.plan --baseline .9 --mde 5pp`.

The test is McNemar's over matched starts (`results.power`). The baseline is the success rate of one policy, the minimal
difference how far above (or, if negative, below) it the other is to be told apart, the pairing correlation how alike
their outcomes are on the same starts. A store knows all of these after a run, and how long an episode takes: with
--store they are read there, and without a difference the answer is what each two of its policies could have shown.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from harness.display import clock
from harness.pool import worker_count
from protocols.contracts import at_least_one
from results.betting import between_0_and_1
from results.export import load_records
from results.groups import PolicyRecords, by_policy, chosen_records
from results.pairs import Pair, pair
from results.power import TESTS, Detectable, detectable, discordance, pairs_needed, possible_correlations
from results.statistics import summarise

EXAMPLES = """examples:
  python -m harness.plan --baseline .9 --mde 5pp --correlation .5
      episodes needed to tell 95 % from 90 %
  python -m harness.plan --baseline .9 --episodes 50
      the smallest differences that 50 episodes of each policy can show
  python -m harness.plan --store runs --mde 5pp --power .9
      episodes for five points more than a stored policy's rate, and how long they take
  python -m harness.plan --store runs
      after a run: what it could have shown
"""


class Known(NamedTuple):
    """What a plan starts from.

    about: whom and what it is about. baseline: success rate. correlation: pairing correlation.
    pairs: episodes that both policies have; 0 before a run.
    """

    about: str
    baseline: float
    correlation: float
    pairs: int


def measured(policies: list[PolicyRecords]) -> Iterator[Known]:
    """What a store knows of each two policies of one setting, the second as the baseline."""
    for first, second in itertools.combinations(policies, 2):
        pairs = pair(first.records, second.records).pairs if first.setting == second.setting else ()
        if pairs:
            yield known(first, second, pairs)


def known(first: PolicyRecords, second: PolicyRecords, pairs: tuple[Pair, ...]) -> Known:
    """The rates and the correlation of the outcomes of some pairs; 0 where a policy always ends alike."""
    outcomes = np.array([[bool(one.success), bool(other.success)] for one, other in pairs], dtype=float).T
    rates = outcomes.mean(axis=1)
    varies = bool((outcomes.std(axis=1) > 0).all())
    correlation = float(np.corrcoef(outcomes)[0, 1]) if varies else 0.0
    found = f"correlation {correlation:.2f}" if varies else "one of them always ends alike, correlation taken as 0"
    about = (
        f"{first.policy} and {second.policy} on {', '.join((first.protocol, *first.deviations))}: {len(pairs)} pairs, "
        f"{100 * rates[0]:.1f} % and {100 * rates[1]:.1f} %, {found}"
    )
    return Known(about, float(rates[1]), correlation, len(pairs))


def alone(policies: list[PolicyRecords]) -> Iterator[Known]:
    """What a store knows of each single policy."""
    for one in policies:
        if (rate := summarise(one.records).rate) is not None:
            yield Known(f"{one.policy} on {one.protocol}: {100 * rate:.1f} %", rate, 0.0, 0)


def needed_line(pairs: int, start: Known, difference: float, options: argparse.Namespace) -> str:
    """How many episodes tell two rates apart."""
    rates = f"{100 * (start.baseline + difference):.1f} % from {100 * start.baseline:.1f} %"
    return f"{pairs} episodes of each policy, on the same starts, tell {rates} {terms(start, options)}"


def detectable_line(pairs: int, start: Known, found: Detectable, options: argparse.Namespace) -> str:
    """Which differences a number of episodes can show."""
    kinds = (("gain", found.gain), ("loss", found.loss))
    sizes = [f"a {kind} of {100 * size:.1f} points" for kind, size in kinds if size is not None]
    shown = " or ".join(sizes) if sizes else "no difference at all"
    against = f"from {100 * start.baseline:.1f} %"
    return f"{pairs} episodes of each policy, on the same starts, can show {shown} {against} {terms(start, options)}"


def terms(start: Known, options: argparse.Namespace) -> str:
    """Power, level, test and correlation."""
    how = f"{options.test} McNemar test, pairing correlation {start.correlation:.2f}"
    return f"with {100 * options.power:g} % power at alpha {options.alpha:g} ({how})"


def timing_lines(policies: list[PolicyRecords], episodes: int, workers: int) -> Iterator[str]:
    """How long so many episodes of each stored policy take, from the wall seconds of its records."""
    for one in policies:
        seconds = [record.wall_s for record in one.records if record.error is None]
        if seconds:
            mean = sum(seconds) / len(seconds)
            time = clock(episodes * mean / workers / 60)
            about = f"{mean:.2g} s each, the mean of {len(seconds)}, {workers} at a time"
            yield f"{episodes} episodes of {one.policy} on {one.protocol} take about {time} ({about})"


def parser() -> argparse.ArgumentParser:
    """The options."""
    options = argparse.ArgumentParser(
        prog="python -m harness.plan",
        description="Plan a comparison of two policies on the same starts: episodes, differences, time.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = options.add_argument
    add("--baseline", type=float, metavar="RATE", help="success rate of one policy, 0 to 1 (default: the store's)")
    add("--mde", metavar="D", help="smallest difference to detect: .05, or 5pp for as many percentage points")
    add("--episodes", type=int, metavar="N", help="instead of --mde: what can so many episodes show?")
    add(
        "--correlation", "--phi", type=float, metavar="PHI", help="of the outcomes of pairs (default: the store's or 0)"
    )
    add("--power", type=float, default=0.8, metavar="P", help="chance to detect the difference (default: 0.8)")
    add("--alpha", type=float, default=0.05, metavar="P", help="chance of a false alarm (default: 0.05)")
    add("--test", choices=TESTS, default=TESTS[0], help=f"version of McNemar's test (default: {TESTS[0]})")
    add("--store", type=Path, metavar="DIR", help="folder of a store, or a file that results.export wrote")
    add("--protocol", metavar="N", help="only this protocol's records")
    add("--workers", type=int, metavar="N", help="processes, for the time (default: one per core)")
    return options


def main(arguments: list[str] | None = None) -> int:
    """The command line: 0 done, 2 for a mistake of the user's."""
    options = parser().parse_args(arguments)
    try:
        lines = planned(options)
    except (LookupError, ValueError, RuntimeError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(*lines, sep="\n")
    return 0


def planned(options: argparse.Namespace) -> list[str]:
    """The plan, line by line.

    Raises:
        LookupError, ValueError, StoreError: a mistake in the options.
    """
    between_0_and_1("power", options.power)
    between_0_and_1("alpha", options.alpha)
    if options.mde is not None and options.episodes is not None:
        raise ValueError("name --mde or --episodes, not both: one follows from the other")
    policies: list[PolicyRecords] = []
    if options.store is not None:
        policies = by_policy(chosen_records(load_records(options.store), options.protocol, options.store))
    lines = []
    for start in starts(policies, options):
        lines += [start.about] * bool(start.about)
        lines += answers(start, policies, options)
    return lines


def starts(policies: list[PolicyRecords], options: argparse.Namespace) -> list[Known]:
    """What is known: from the store, but for what the options replace.

    Raises:
        ValueError: nothing is, or not enough for what is asked.
    """
    if options.correlation is not None and not -1 <= options.correlation <= 1:
        raise ValueError(f"a correlation is between -1 and 1, not {options.correlation:g}")
    asked = options.mde is not None or options.episodes is not None
    if not asked and not policies:
        raise ValueError("name what to plan: --mde for a difference, --episodes for a number, or --store after a run")
    if not policies and options.baseline is None:
        raise ValueError("a plan needs the success rate of one policy: name --baseline, or a --store that has one")
    found = list(measured(policies))
    if not found and not asked:
        raise ValueError(f"{options.store} has no two policies with verdicts over the same starts, so nothing to judge")
    if not found:
        found = list(alone(policies)) if options.baseline is None else [Known("", options.baseline, 0.0, 0)]
    given = {"baseline": options.baseline, "correlation": options.correlation}
    return [one._replace(**{name: value for name, value in given.items() if value is not None}) for one in found]


def answers(start: Known, policies: list[PolicyRecords], options: argparse.Namespace) -> Iterator[str]:
    """What is asked for: episodes for a difference, or differences for episodes, and their time."""
    tuning = options.power, options.alpha, options.test
    if options.mde is not None:
        difference = points(options.mde)
        other = start.baseline + difference
        if options.correlation is None and 0 <= min(other, start.baseline) <= max(other, start.baseline) <= 1:
            # a store's may be too large for the rates asked for
            low, high = possible_correlations(other, start.baseline)
            start = start._replace(correlation=min(max(start.correlation, low), high))
        chances = discordance(other, start.baseline, start.correlation)
        pairs = pairs_needed(chances, *tuning)
        yield needed_line(pairs, start, difference, options)
    else:
        pairs = start.pairs if options.episodes is None else at_least_one("episodes", options.episodes)
        found = detectable(pairs, start.baseline, start.correlation, *tuning)
        yield detectable_line(pairs, start, found, options)
    if options.mde is not None or options.episodes is not None:
        yield from timing_lines(policies, pairs, worker_count(options.workers))


def points(text: str) -> float:
    """A difference of rates: `.05`, or `5pp` in percentage points.

    Raises:
        ValueError: it is neither.
    """
    try:
        return float(text[:-2]) / 100 if text.endswith("pp") else float(text)
    except ValueError:
        raise ValueError(f"--mde takes a difference as .05 or 5pp, not {text!r}") from None


if __name__ == "__main__":
    sys.exit(main())
