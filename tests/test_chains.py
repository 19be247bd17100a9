"""Chains of subtasks: how many were solved in a row, how long chains are, how each subtask fared."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, strategies as st

import protocols
from protocols.contracts import EvaluationProtocol, Event, Record
from results.chains import IN_A_ROW, average_length, by_subtask, in_a_row, solved
from results.literature import Published, read_published
from results.statistics import bounded_mean, wilson
from results.tables import render
from tests.records import make_record

FIVE = ("open_drawer", "lift_red_block_table", "place_in_drawer", "turn_on_led", "move_slider_left")
PROTOCOL = protocols.load("calvin_abc_d_250")


def chain(index: int, length: int, *, error: bool = False, protocol: EvaluationProtocol = PROTOCOL) -> Record:
    """A chain of which so many subtasks were solved, each 10 steps after the one before."""
    events = tuple(Event(10 * (number + 1), f"solved {name}") for number, name in enumerate(FIVE[:length]))
    return make_record(
        "chain_D",
        index,
        success=None if error else length == 5,
        suite="calvin",
        max_steps=1800,
        tier="chain",
        protocol=protocol.name,
        conditions=protocol.conditions_hash(),
        events=(Event(3, "grasped red"), *events),
        failure="" if length == 5 or error else FIVE[length],
    )


def chains(lengths: Sequence[int]) -> list[Record]:
    return [chain(index, length) for index, length in enumerate(lengths)]


def rendered(records: list[Record], published: Sequence[Published] = (), **options: str) -> str:
    """Tables, with single spaces."""
    text = render(
        records, {name: protocols.load(name) for name in {one.protocol for one in records}}, published, **options
    )
    return re.sub(" +", " ", text)


def test_steps_of_a_subtask_count_from_the_solution_before() -> None:
    assert solved(chain(0, 3)) == {"open_drawer": 10, "lift_red_block_table": 10, "place_in_drawer": 10}
    assert solved(chain(0, 0)) == {}


def test_a_chain_that_broke_off_counts_as_a_try_of_the_subtask_that_broke_it() -> None:
    parts = by_subtask(chains([5, 3, 3, 0]))
    assert {name: (part.successes, part.episodes) for name, part in parts.items()} == {
        "open_drawer": (3, 4),
        "lift_red_block_table": (3, 3),
        "place_in_drawer": (3, 3),
        "turn_on_led": (1, 3),
        "move_slider_left": (1, 1),
    }


def test_an_error_is_in_no_rate_and_is_counted() -> None:
    records = [*chains([5, 2]), chain(2, 4, error=True)]
    found = {number: (part.successes, part.episodes, part.errors) for number, part in in_a_row(records).items()}
    assert found == {number: (2 if number in "12" else 1, 2, 1) for number in "12345"}
    mean = average_length(records)
    assert mean is not None and mean.rate == 3.5
    assert average_length([chain(0, 4, error=True)]) is None


@given(st.lists(st.integers(0, 5), min_size=1, max_size=60))
def test_the_average_length_is_the_sum_of_the_rates_in_a_row_and_lies_in_its_interval(lengths: list[int]) -> None:
    records = chains(lengths)
    mean = average_length(records)
    assert mean is not None
    assert mean.rate == pytest.approx(sum(part.rate or 0 for part in in_a_row(records).values()))
    assert 0 <= mean.interval.low <= mean.rate + 1e-12 and mean.rate - 1e-12 <= mean.interval.high <= 5
    assert mean.interval.low < mean.interval.high, "no number of chains makes certain"


def test_of_successes_and_failures_alone_the_interval_is_nearly_wilsons() -> None:
    ours, wilsons = bounded_mean([5] * 600 + [0] * 400, 5).interval, wilson(600, 1000)
    np.testing.assert_allclose(np.array(ours) / 5, wilsons, atol=2e-4)


@pytest.mark.parametrize("rate", [0.2, 0.5, 0.8, 0.95, 0.99])
@pytest.mark.parametrize("count", [10, 100])
def test_the_interval_of_the_average_length_covers_the_truth(rate: float, count: int) -> None:
    random = np.random.default_rng(count)
    lengths = np.cumprod(random.random((1000, count, 5)) < rate, axis=2).sum(axis=2)
    truth = sum(rate**number for number in range(1, 6))
    covered = sum(low <= truth <= high for low, high in (bounded_mean(row, 5).interval for row in lengths))
    assert covered / 1000 > 0.93


@pytest.mark.parametrize("values", [[], [6.0], [-1.0]])
def test_lengths_out_of_range_are_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match="from 0 to 5"):
        bounded_mean(values, 5)


def test_a_table_shows_rates_in_a_row_lengths_and_subtasks() -> None:
    text = rendered(chains([5, 3, 3, 0]))
    assert "| expert | 75.0 | 75.0 | 75.0 | 25.0 | 25.0 | 2.75 | 10.0 | 0 |" in text.replace("**", "")
    assert "| chains | 3/4 | 3/4 | 3/4 | 1/4 | 1/4 | | | |" in text
    assert "| turn on led | 1/3 | 33.3 | [6.1, 79.2] | 10.0 |" in text
    assert "how it failed" not in text, "the table of subtasks says it"


def test_printed_numbers_stand_beside_a_complete_protocol_only() -> None:
    published = read_published()
    assert "ProgressVLA" not in rendered(chains([5, 3]), published)
    text = rendered(chains([4] * 250), published)
    assert "not matched" in text and "| Pretrained ProgressVLA (Full) (S-RGB) | 95.2 |" in text


def test_each_printed_subtask_stands_beside_ours() -> None:
    protocol = protocols.load("calvin_abcd_d")
    text = rendered([chain(index, 4, protocol=protocol) for index in range(1000)], read_published())
    (table,) = (part for part in text.split("\n\n") if "KosMos (published)" in part)
    assert "| open drawer | 100.0 |" in table and table.count("\n|") >= 34


def test_every_printed_row_of_chains_is_complete() -> None:
    numbers = [number for number in read_published() if number.protocol.startswith("calvin")]
    rows = {(number.protocol, number.method, number.source) for number in numbers if number.level == "in_a_row"}
    assert len(rows) > 60
    for row in rows:
        cells = {one.name: float(one.printed) for one in numbers if (one.protocol, one.method, one.source) == row}
        assert {*IN_A_ROW, "length"} <= set(cells)
        assert cells["length"] == pytest.approx(sum(cells[number] for number in IN_A_ROW) / 100, abs=0.045), row


def test_csv_has_chains_too() -> None:
    rows = list(csv.DictReader(io.StringIO(rendered(chains([5, 3, 3, 0]), form="csv"))))
    found = {(row["level"], row["name"]): row for row in rows}
    assert found["in_a_row", "4"]["success_percent"] == "25.0"
    assert found["length", "length"]["length"] == "2.75"
    assert found["subtask", "turn_on_led"]["episodes"] == "3"
