"""Is a published success rate reproduced? Two one-sided tests with a margin, of two rates and their episodes.

*Reproduced*: both tests reject that ours lies a margin or more below, or above, the published rate. *Not reproduced*:
one of them rejects the opposite, that ours lies within the margin on that side. *Undecided*: neither; more episodes
would tell. Either claim is wrong with a chance of about alpha at most. `python -m results.reproduced --store DIR --rate
95.4 --episodes 500` says it of every policy in a store.

A published rate comes from other starts than ours, so the two are never paired; what else is not matched (stand-ins of
asset files, another horizon, part of the episodes) is said beside the verdict. A rate that is a mean of unlike tiers is
tested tier by tier. A policy with a larger share of episodes without a verdict than the protocol allows is refused.

Source: Schuirmann 1987, J. Pharmacokinet. Biopharm. 15:657 (two one-sided tests); Farrington and Manning 1990, Stat.
Med. 9:1447 (the score test of a difference between two rates).
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from protocols.contracts import EvaluationProtocol, Record, Task
from protocols.registry import require
from results.cells import percent
from results.groups import PolicyRecords, by_policy, coverage, known_protocols, refusal
from results.layout import Bullets, Paragraph, Row, Table, markdown
from results.options import add_source_options, records_of
from results.statistics import Interval, by_task, by_tier, summarise
from results.store import StoreError

NORMAL = statistics.NormalDist()
REPRODUCED, NOT_REPRODUCED, UNDECIDED = "reproduced", "not reproduced", "undecided"
HALVINGS = 60  # of an interval no wider than 2; below the resolution of float64
NOT_MATCHED = "The published rate is not matched: it comes from other starts than ours."


class Rate(NamedTuple):
    """A success rate and the episodes behind it; successes may be a fraction where a rate was printed rounded."""

    successes: float
    episodes: int


class Verdict(NamedTuple):
    """Whether ours is the published rate, up to a margin.

    word: REPRODUCED, NOT_REPRODUCED or UNDECIDED. difference: ours less the published rate.
    low, high: its interval of 1 - 2 alpha; within the margin just when it is reproduced, beyond it when it is not.
    p_value: the larger of the two one-sided tests'.
    """

    word: str
    difference: float
    low: float
    high: float
    p_value: float


def verdict(ours: Rate, published: Rate, margin: float, alpha: float = 0.05) -> Verdict:
    """Two one-sided tests of ours against a published rate.

    Args:
        ours: at least one episode.
        published: likewise.
        margin: a smaller difference counts as none, between 0 and 1.
        alpha: level of either test, below 0.5.

    Raises:
        ValueError: a number out of its range.
    """
    p_value = larger_p(ours, published, margin)
    word = worded(p_value, alpha)
    difference = ours.successes / ours.episodes - published.successes / published.episodes
    return Verdict(word, difference, *interval(ours, published, alpha), p_value)


def larger_p(ours: Rate, published: Rate, margin: float) -> float:
    """The larger p value of the two one-sided tests.

    Raises:
        ValueError: a number out of its range.
    """
    for rate in (ours, published):
        if rate.episodes < 1 or not 0 <= rate.successes <= rate.episodes:
            raise ValueError(f"successes must be between 0 and at least one episode, not {rate.successes:g}/{rate[1]}")
    if not 0 < margin < 1:
        raise ValueError(f"the margin must be between 0 and 1, not {margin:g}")
    return max(NORMAL.cdf(score(ours, published, margin)), NORMAL.cdf(-score(ours, published, -margin)))


def worded(p_value: float, alpha: float) -> str:
    """The word that a p value means.

    Raises:
        ValueError: alpha is out of its range.
    """
    if not 0 < alpha < 0.5:
        raise ValueError(f"alpha must be between 0 and 0.5, not {alpha:g}")
    word = REPRODUCED if p_value <= alpha else UNDECIDED
    return NOT_REPRODUCED if p_value >= 1 - alpha else word


def together(rates: Sequence[tuple[Rate, Rate]], margin: float, alpha: float = 0.05) -> str:
    """The word for several rates, ours and published, that make one row; they need not be independent.

    Reproduced: each of them is, at level alpha, which together keep that level (Berger 1982, Technometrics 24:295). Not
    reproduced: at least one is not, at alpha divided by their number (Bonferroni).
    """
    p_values = [larger_p(*pair, margin) for pair in rates]
    if all(worded(p_value, alpha) == REPRODUCED for p_value in p_values):
        return REPRODUCED
    apart = any(worded(p_value, alpha / len(rates)) == NOT_REPRODUCED for p_value in p_values)
    return NOT_REPRODUCED if apart else UNDECIDED


def score(ours: Rate, published: Rate, difference: float) -> float:
    """Farrington and Manning's statistic: how many standard errors the difference lies above a supposed one.

    The standard error is that of the likeliest two rates with the supposed difference, in (-1, 1).
    """
    (x, n), (y, m) = ours, published
    low, high = max(0.0, difference), min(1.0, 1.0 + difference)
    for _ in range(HALVINGS):  # the slope of the likelihood falls, so that it has one maximum
        rate = (low + high) / 2
        other = rate - difference
        if not (0 < rate < 1 and 0 < other < 1):
            break
        slope = x / rate - (n - x) / (1 - rate) + y / other - (m - y) / (1 - other)
        low, high = (rate, high) if slope > 0 else (low, rate)
    rate = (low + high) / 2
    other = min(max(rate - difference, 0.0), 1.0)
    variance = rate * (1 - rate) / n + other * (1 - other) / m
    gap = x / n - y / m - difference
    return gap / math.sqrt(variance) if variance > 0 and gap else 0.0


def interval(ours: Rate, published: Rate, alpha: float) -> Interval:
    """The supposed differences that neither one-sided test at level alpha rejects: a 1 - 2 alpha interval."""
    most = NORMAL.inv_cdf(1 - alpha)
    middle = ours.successes / ours.episodes - published.successes / published.episodes

    def limit(end: float) -> float:
        inside, outside = middle, end
        for _ in range(HALVINGS):
            supposed = (inside + outside) / 2
            kept = abs(supposed) < 1 and abs(score(ours, published, supposed)) < most
            inside, outside = (supposed, outside) if kept else (inside, supposed)
        return inside

    return Interval(limit(-1.0), limit(1.0))


class Part(NamedTuple):
    """The part of a protocol that a rate is about, by `kind`: tier, task, or "" for all of it."""

    kind: str = ""
    name: str = ""

    def of(self, records: Sequence[Record]) -> tuple[Record, ...]:
        """The records of the part."""
        of_kind: Mapping[str, Callable[[Record], str]] = {
            "tier": lambda record: record.tier,
            "task": lambda record: record.episode.task,
        }
        return tuple(record for record in records if not self.kind or of_kind[self.kind](record) == self.name)

    def wanted(self, protocol: EvaluationProtocol) -> EvaluationProtocol | None:
        """The protocol with only the tasks of the part; None where it has none."""
        of_kind: Mapping[str, Callable[[Task], str]] = {"tier": lambda task: task.tier, "task": lambda task: task.name}
        tasks = tuple(task for task in protocol.tasks if not self.kind or of_kind[self.kind](task) == self.name)
        return replace(protocol, tasks=tasks) if tasks else None


def sorted_out(records: Sequence[Record], part: Part) -> tuple[list[PolicyRecords], list[str]]:
    """The policies' records of a part, and why policies are refused, by all of their records."""
    known, kept, refused = known_protocols(records), list[PolicyRecords](), list[str]()
    for measured in by_policy(records):
        if reason := refusal(measured, known.get(measured.protocol)):
            refused.append(reason)
        elif members := part.of(measured.records):
            kept.append(replace(measured, records=members))
    return kept, refused


def render(records: Sequence[Record], published: Rate, margin: float, alpha: float, part: Part) -> str:
    """One row per policy and setting, and what one has to know about its conditions.

    Raises:
        ValueError: no policy has a verdict.
    """
    made, refused = sorted_out(records, part)
    if refused and not made:
        raise ValueError("; ".join(refused))
    summaries = [summarise(measured.records) for measured in made]
    if not any(summary.episodes for summary in summaries):
        raise ValueError("no episode has a verdict; run the evaluation again")
    rows = []
    for measured, summary in zip(made, summaries, strict=True):
        if summary.rate is not None:
            found = verdict(Rate(summary.successes, summary.episodes), published, margin, alpha)
            cells = (f"{percent(summary.rate)} ({summary.successes}/{summary.episodes})", *difference_cells(found))
            rows.append(Row((", ".join((measured.policy, *measured.deviations)), *cells)))
    about = f"of {part.kind} {part.name}" if part.kind else "together"
    rate = percent(published.successes / published.episodes)
    columns = ("policy", "ours", "difference", f"{percent(1 - 2 * alpha)} % interval", "p", "verdict")
    caption = f"Is {rate} % of {published.episodes} episodes reproduced, within {percent(margin)} points?"
    method = f"Two one-sided score tests (Farrington and Manning) at alpha {alpha:g}; all episodes {about} weigh alike."
    said = Bullets((*remarks(made, part), *refused))
    return markdown((Table(caption, columns, tuple(rows)), said, Paragraph(f"{NOT_MATCHED} {method}")))


def difference_cells(found: Verdict) -> tuple[str, ...]:
    """Difference in points, interval, p and the verdict."""
    ends = f"[{100 * found.low:+.1f}, {100 * found.high:+.1f}]"
    return f"{100 * found.difference:+.1f}", ends, f"{found.p_value:.2g}", found.word


def remarks(made: list[PolicyRecords], part: Part) -> Iterator[str]:
    """How much of its protocol, or of the part of it, each policy's records cover, and what was changed."""
    where = f", {part.kind} {part.name}" if part.kind else ""
    for measured in made:
        whole = known_protocols(measured.records).get(measured.protocol)
        protocol = whole and part.wanted(whole)
        changed = f"; not the protocol's conditions: {', '.join(measured.deviations)}" if measured.deviations else ""
        yield f"{measured.policy} on {measured.protocol}{where}: {coverage(measured, protocol)}{changed}"


def parser() -> argparse.ArgumentParser:
    """The options."""
    options = argparse.ArgumentParser(
        prog="python -m results.reproduced",
        description="Test whether the policies in a store reproduce a published success rate.",
        epilog="example: python -m results.reproduced --store runs --tier easy --rate 82.5 --episodes 280 --margin 5",
    )
    add = options.add_argument
    add_source_options(add)
    add("--rate", type=float, required=True, metavar="PERCENT", help="the published success rate")
    add("--episodes", type=int, metavar="N", help="the number of episodes behind it")
    add("--margin", type=float, default=5.0, metavar="POINTS", help="a smaller difference counts as none (default: 5)")
    add("--alpha", type=float, default=0.05, metavar="P", help="level of each test (default: 0.05)")
    part = options.add_mutually_exclusive_group()
    part.add_argument("--tier", metavar="T", help="only the tasks of this tier")
    part.add_argument("--task", metavar="T", help="only this task")
    return options


def main(arguments: list[str] | None = None) -> int:
    """The command line: 0 done, 2 for a mistake of the user's."""
    options = parser().parse_args(arguments)
    try:
        if options.episodes is None:
            raise ValueError("a published rate cannot be tested without its number of episodes; name it: --episodes N")
        if not 0 <= options.rate <= 100:
            raise ValueError(f"the published rate must be between 0 and 100 %, not {options.rate:g}")
        records = records_of(options)
        part = Part()
        for kind, parts, name in (("tier", by_tier, options.tier), ("task", by_task, options.task)):
            if name is not None:
                part = Part(kind, require(kind, name, parts(records)))
        published = Rate(options.rate / 100 * options.episodes, options.episodes)
        text = render(records, published, options.margin / 100, options.alpha, part)
    except (StoreError, LookupError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(text, end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
