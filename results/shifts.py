"""Shifted episodes beside their unshifted twins: the same policy, task and start, one thing changed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace

from protocols.contracts import Episode, Record
from results.cells import percent
from results.layout import Row, Table

UNSHIFTED = "none"
HEADER = ("policy", "shift", "pairs", "unshifted %", "shifted %", "difference", "only unshifted", "only shifted")


def shift_table(records: Iterable[Record]) -> Iterator[Table]:
    """Success with and without each shift, over the pairs in which both have a verdict; nothing where there are none.

    A record does not tell versions apart here. Where two records of one side disagree, as those of two versions may,
    the pair is left out. "only unshifted" counts the pairs that the policy solves without the shift and not with it;
    "only shifted" those that it solves with the shift and not without.
    """
    twins: dict[tuple[str, str, tuple[str, ...], Episode], dict[str, set[bool]]] = defaultdict(lambda: defaultdict(set))
    for record in records:
        if record.success is not None:
            # An instruction that is told in other words is a shift too, so the words are no part of the pair.
            start = replace(record.episode, shift=UNSHIFTED, instruction="")
            pair = (record.policy, record.policy_fingerprint, record.deviations, start)
            twins[pair][record.episode.shift].add(record.success)
    outcomes: dict[tuple[str, str, str], list[tuple[bool, bool]]] = defaultdict(list)
    for (policy, fingerprint, _, _), verdicts in twins.items():
        agreed = {shift: found.pop() for shift, found in verdicts.items() if len(found) == 1}
        for shift in agreed.keys() - {UNSHIFTED}:
            if UNSHIFTED in agreed:
                outcomes[policy, fingerprint, shift].append((agreed[UNSHIFTED], agreed[shift]))
    if outcomes:
        rows = (Row((policy, shift, *cells(pairs))) for (policy, _, shift), pairs in sorted(outcomes.items()))
        yield Table("Shifted episodes and their unshifted twins", HEADER, tuple(rows))


def cells(pairs: list[tuple[bool, bool]]) -> tuple[str, ...]:
    """Count, both rates in %, their difference in points, and how many pairs are solved on one side only."""
    before, after = (sum(side) / len(pairs) for side in zip(*pairs, strict=True))
    lost, gained = pairs.count((True, False)), pairs.count((False, True))
    return str(len(pairs)), percent(before), percent(after), f"{100 * (after - before):+.1f}", str(lost), str(gained)
