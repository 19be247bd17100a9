"""Who is compared with whom: the policies of each setting, those that are refused, and the pairs that there are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

from protocols.contracts import EvaluationProtocol
from results.comparison import Comparison, compare
from results.groups import PolicyRecords, refusal
from results.pairs import Pairing
from results.sides import Side
from results.standings import Standing, standings, with_holm_over_pairs


@dataclass(frozen=True, eq=False)
class Section:
    """One setting (protocol, deviations, conditions) in which at least two policies are compared.

    Args:
        sides: the policies, in the order in which they were named.
        refused: why others are left out.
        comparisons: of every two; p values of their means corrected over all of them.
        without: why two policies cannot be compared, one line each.
        standings: all policies, best first, where there are more than two.
        unpaired: whether episodes are taken as independent.
    """

    sides: tuple[Side, ...]
    refused: tuple[str, ...]
    comparisons: tuple[Comparison, ...]
    without: tuple[str, ...]
    standings: tuple[Standing, ...]
    unpaired: bool


class Compared(NamedTuple):
    """All settings in which something is compared, and why others are not."""

    sections: list[Section]
    left_out: list[str]


def compare_all(
    settings: Iterable[Sequence[Side]], known: Mapping[str, EvaluationProtocol], *, unpaired: bool = False
) -> Compared:
    """Compare every two policies of each setting.

    Args:
        settings: sides by setting, see `results.sides.by_setting`.
        known: protocols by name, for the share of errors that they allow; others go unchecked.
        unpaired: take episodes as independent.

    Raises:
        ValueError: nothing can be compared; the message says why.
    """
    made, left_out = [], list[str]()
    for sides in settings:
        one = section(sides, known.get(sides[0].measured.protocol), unpaired)
        if one.comparisons:
            made.append(one)
        elif len(one.sides) == 1 and not one.refused:
            left_out.append(lonely(one.sides[0]))
        else:
            left_out += [*one.refused, *one.without]
    if not made:
        raise ValueError("; ".join(left_out) or "there are no records to compare")
    return Compared(made, left_out)


def section(sides: Sequence[Side], protocol: EvaluationProtocol | None, unpaired: bool) -> Section:
    """All comparisons of one setting."""
    reasons = {side.name: refusal(side.measured, protocol) for side in sides}
    left = [side for side in sides if not reasons[side.name]]
    comparisons, without = list[Comparison](), list[str]()
    for first, second in combinations(left, 2):
        found = compare(first, second, unpaired=unpaired)
        if isinstance(found, Comparison):
            comparisons.append(found)
        else:
            without.append(no_pair(first, second, found, unpaired))
    comparisons = with_holm_over_pairs(comparisons)
    return Section(
        sides=tuple(left),
        refused=tuple(reason for reason in reasons.values() if reason),
        comparisons=tuple(comparisons),
        without=tuple(without),
        standings=tuple(standings(left, comparisons)) if len(left) > 2 and not unpaired else (),
        unpaired=unpaired,
    )


def lonely(side: Side) -> str:
    """What to do about a policy that is alone in its setting."""
    return (
        f"{side.name} is the only policy under {setting_name(side.measured)} with conditions "
        f"{side.measured.conditions[:8]}; name another that was run under the same, or the same one from two stores "
        "with --apart"
    )


def setting_name(measured: PolicyRecords) -> str:
    """Protocol and deviations."""
    return ", ".join((measured.protocol, *measured.deviations))


def no_pair(first: Side, second: Side, pairing: Pairing, unpaired: bool) -> str:
    """Why two policies cannot be compared, and what to do."""
    names = f"{first.name} and {second.name}"
    if unpaired:
        return f"{names} have no task in common in which both have a verdict"
    if not pairing.shared:
        return f"{names} share no episode; run both with the same --tasks, or take them as independent: --unpaired"
    return f"{names} make no pair of {counted_shared(pairing)}; --unpaired takes them as independent"


def counted_shared(pairing: Pairing) -> str:
    """How many episodes are shared, and why some of them make no pair."""
    reasons = {
        "without a verdict": pairing.errors,
        "with other starts (fingerprints differ)": pairing.other_start,
        "of another horizon or instruction": pairing.other_terms,
    }
    left_out = ", ".join(f"{count} {reason}" for reason, count in reasons.items() if count)
    plural = "" if pairing.shared == 1 else "s"
    return f"{pairing.shared} shared episode{plural}{f' ({left_out})' if left_out else ''}"
