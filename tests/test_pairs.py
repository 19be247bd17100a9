"""Which records make a pair, and what becomes of the others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, strategies as st

from protocols.contracts import Record
from results.pairs import Agreement, agreement, discordant, pair
from tests.records import make_record, with_errors


def two_policies(episodes: int = 4) -> tuple[list[Record], list[Record]]:
    first = [make_record(index=index, policy="a") for index in range(episodes)]
    return first, [make_record(index=index, policy="b", success=index % 2 == 0) for index in range(episodes)]


def test_records_of_one_start_are_a_pair_whatever_their_order() -> None:
    first, second = two_policies()
    pairing = pair(first, second[::-1])
    assert [(one.episode.index, other.episode.index) for one, other in pairing.pairs] == [(i, i) for i in range(4)]
    assert {one.policy for one, _ in pairing.pairs} == {"a"}
    assert (pairing.shared, pairing.errors, pairing.other_start, pairing.other_terms) == (4, 0, 0, 0)


def test_starts_with_other_fingerprints_are_refused_and_counted() -> None:
    first, second = two_policies()
    second[1:3] = [replace(record, fingerprint="elsewhere") for record in second[1:3]]
    pairing = pair(first, second)
    assert (len(pairing.pairs), pairing.other_start, pairing.shared) == (2, 2, 4)


def test_errors_on_either_side_are_left_out_and_counted() -> None:
    first, second = two_policies()
    pairing = pair(with_errors(first, 1), second[::-1][:3] + with_errors(second, 2)[1:2])
    assert (len(pairing.pairs), pairing.errors) == (2, 1)


def test_an_error_is_no_other_start_though_its_start_was_never_reached() -> None:
    first, second = two_policies()
    lost = [replace(record, success=None, error="the worker died", fingerprint="") for record in second]
    assert (pair(first, lost).errors, pair(first, lost).other_start) == (4, 0)


def test_episodes_that_one_policy_alone_has_are_counted() -> None:
    first, second = two_policies()
    pairing = pair(first[1:], second[:3])
    assert (len(pairing.pairs), pairing.only_first, pairing.only_second) == (2, 1, 1)


@pytest.mark.parametrize("fields", [{"split": "train"}, {"shift": "light"}, {"suite": "libero"}])
def test_other_splits_shifts_and_seeds_are_other_episodes(fields: dict[str, str]) -> None:
    pairing = pair([make_record()], [make_record(**fields)])  # type: ignore[arg-type]
    assert (pairing.shared, pairing.only_first, pairing.only_second) == (0, 1, 1)


def test_another_horizon_makes_no_pair() -> None:
    pairing = pair([make_record(max_steps=400)], [make_record(max_steps=200)])
    assert (len(pairing.pairs), pairing.other_terms) == (0, 1)


def test_a_variant_of_a_suite_with_the_very_starts_pairs_with_it() -> None:
    plain = make_record()
    variant = replace(plain, episode=replace(plain.episode, suite="piper_ee"))
    assert len(pair([plain], [variant]).pairs) == 1


def test_discordant_are_those_that_one_policy_alone_solves() -> None:
    found = discordant(pair(*two_policies()).pairs)
    assert [one.episode.index for one, _ in found] == [1, 3]


def test_a_policy_agrees_with_itself_in_verdict_and_in_course() -> None:
    records = two_policies()[1]
    assert agreement(pair(records, records).pairs) == Agreement(4, 4, 4)
    wandered = [replace(records[0], progress=records[0].progress + np.float32(1e-6)), *records[1:]]
    assert agreement(pair(records, wandered).pairs) == Agreement(4, 4, 3)
    failed = [replace(records[0], success=False), *records[1:]]
    assert agreement(pair(records, failed).pairs) == Agreement(4, 3, 3)


sides = st.lists(st.tuples(st.integers(0, 5), st.sampled_from([True, False, None]), st.sampled_from("xy")), max_size=6)


def made(rows: list[tuple[int, bool | None, str]]) -> list[Record]:
    return [make_record(index=index, success=success, fingerprint=start) for index, success, start in rows]


@given(sides, sides)
def test_every_record_is_counted_once(
    first: list[tuple[int, bool | None, str]], second: list[tuple[int, bool | None, str]]
) -> None:
    one, other = (
        made(list({row[0]: row for row in first}.values())),
        made(list({row[0]: row for row in second}.values())),
    )
    there, back = pair(one, other), pair(other, one)
    assert there.shared + there.only_first == len(one)
    assert there.shared + there.only_second == len(other)
    assert [(second, first) for first, second in there.pairs] == list(back.pairs)
    assert (there.errors, there.other_start) == (back.errors, back.other_start)
