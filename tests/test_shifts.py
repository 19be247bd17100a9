"""Shifted episodes are compared with their unshifted twins, pair by pair."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from hypothesis import given, strategies as st

from protocols.contracts import Record
from results.groups import known_protocols
from results.layout import Row
from results.shifts import shift_table
from results.tables import render
from tests.records import make_record


def pair(index: int, before: bool | None, after: bool | None, shift: str = "light") -> list[Record]:
    return [make_record(index=index, success=before), make_record(index=index, success=after, shift=shift)]


def rows(records: list[Record]) -> list[tuple[str, ...]]:
    return [row.cells for table in shift_table(records) for row in table.rows if isinstance(row, Row)]


def test_pairs_are_counted_and_split_by_who_solves_them() -> None:
    records = [*pair(0, True, True), *pair(1, True, False), *pair(2, True, False), *pair(3, False, True)]
    assert rows(records) == [("expert", "light", "4", "75.0", "50.0", "-25.0", "2", "1")]


def test_only_pairs_with_two_verdicts_count() -> None:
    alone = make_record(index=9, shift="light")
    assert rows([*pair(0, True, True), *pair(1, None, True), *pair(2, True, None), alone])[0][2] == "1"
    assert rows([alone]) == rows([make_record()]) == []


def test_shifts_policies_weights_and_horizons_are_not_mixed() -> None:
    records = [*pair(0, True, False), *pair(1, True, True, "camera")]
    other = [replace(record, policy_fingerprint="0" * 32, success=False) for record in pair(0, True, True)]
    longer = make_record(index=5, shift="light", max_steps=500), make_record(index=5)
    found = rows([*records, *other, *longer])
    assert [(cells[1], cells[2], cells[4]) for cells in found] == [
        ("light", "1", "0.0"),
        ("camera", "1", "100.0"),
        ("light", "1", "0.0"),
    ]


def test_a_pair_is_left_out_where_one_side_has_two_verdicts() -> None:
    again = [make_record(index=0, success=False, shift=shift, version="2") for shift in ("none", "light")]
    for other in again:
        records = [*pair(0, True, True), *pair(1, True, True), other]
        assert rows(records) == rows(records[::-1]) == rows(pair(1, True, True))
    assert rows([*pair(0, True, True), again[0]]) == []
    agreeing = make_record(index=0, version="2")
    assert rows([*pair(0, True, True), agreeing]) == rows(pair(0, True, True))


def test_other_words_are_a_shift() -> None:
    plain = make_record()
    told = replace(plain, episode=replace(plain.episode, shift="instruction", instruction="in other words"))
    assert rows([plain, told])[0][:3] == ("expert", "instruction", "1")


@given(
    st.lists(st.tuples(st.integers(0, 2), st.booleans(), st.sampled_from(["none", "light", "camera"]))), st.randoms()
)
def test_the_order_of_records_decides_nothing(found: list[tuple[int, bool, str]], random: Random) -> None:
    records = [make_record(index=index, success=success, shift=shift) for index, success, shift in found]
    shuffled = random.sample(records, len(records))
    assert rows(shuffled) == rows(records)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=12))
def test_the_difference_is_that_of_the_two_sides(outcomes: list[tuple[bool, bool]]) -> None:
    records = [record for index, (before, after) in enumerate(outcomes) for record in pair(index, before, after)]
    (cells,) = rows(records)
    assert float(cells[5]) == round(100 * (int(cells[7]) - int(cells[6])) / len(outcomes), 1)


def test_tables_show_them_at_the_end() -> None:
    records = [*pair(0, True, False), *pair(1, True, True)]
    assert "Shifted episodes and their unshifted twins" in render(records, known_protocols(records), [], [])
    assert "unshifted twins" not in render(records[::2], known_protocols(records), [], [])
