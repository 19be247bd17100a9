"""How episodes failed: counted by task and mode, and beside published counts."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest

import protocols
from protocols.contracts import Record
from results.failures import failure_table, read_published_failures
from results.groups import by_policy
from results.layout import Row, Table
from results.tables import render
from tests.records import make_evaluation, make_record, with_errors
from tests.test_literature import FACTS, PIPER, rows, with_facts

PUBLISHED = read_published_failures()
NEVER = dict.fromkeys(("doors", "kitchen", "table"), 0.0)


def failed(task: str, *modes: str) -> list[Record]:
    """Failed episodes of a task, one per mode."""
    return [make_record(task, index, success=False, failure=mode) for index, mode in enumerate(modes)]


def counted(records: list[Record]) -> list[tuple[str, ...]]:
    """Header and rows of the table."""
    (table,) = failure_table(by_policy(records)[0])
    assert isinstance(table, Table)
    return [table.header, *(row.cells for row in table.rows if isinstance(row, Row))]


def test_failures_are_counted_by_task_and_mode_the_most_frequent_first() -> None:
    records = failed("push-v3", "dropped", "wrong_object", "dropped") + failed("reach-v3", "missed_grasp")
    records.append(make_record("reach-v3", 1))
    assert counted(records) == [
        ("task", "dropped", "missed grasp", "wrong object", "failed"),
        ("push-v3", "2", "0", "1", "3/3"),
        ("reach-v3", "0", "1", "0", "1/2"),
        ("all tasks", "2", "1", "1", "4/5"),
    ]


def test_failures_without_a_mode_have_the_last_column() -> None:
    assert counted(failed("push-v3", "", "", "dropped"))[::2] == [
        ("task", "dropped", "no mode named", "failed"),
        ("all tasks", "1", "2", "3/3"),
    ]


def test_an_episode_without_a_verdict_has_not_failed() -> None:
    records = with_errors([replace(one, failure="") for one in failed("push-v3", "", "")], 1)
    assert counted([*records, *failed("reach-v3", "dropped")])[-1] == ("all tasks", "1", "1", "2/2")


@pytest.mark.parametrize("records", [failed("push-v3", "", ""), [make_record()]])
def test_where_no_mode_is_named_there_is_no_table(records: list[Record]) -> None:
    assert "how it failed" not in render(records, {}, [])


def test_the_table_follows_the_policys_own() -> None:
    text = render(failed("push-v3", "dropped"), {}, [])
    assert text.index("### expert: success by task") < text.index("### expert: how it failed")


def test_counts_stand_beside_published_ones_in_the_modes_that_are_printed() -> None:
    modes = ["obstruction"] * 5 + ["wrong_object"] * 3 + ["dropped"] * 2 + [""] * 90
    made = make_evaluation(PIPER, "vla", rates=NEVER)
    records = [
        replace(one, success=False, failure=mode) if mode else replace(one, success=True)
        for one, mode in zip(made, modes, strict=True)
    ]
    text = render(records, {"piper_table4": PIPER}, [], PUBLISHED)
    assert rows(text, "Failures by mode, simulated and real") == [
        ["failure mode", "vla (simulated)", "ProgVLA (real robot)"],
        ["obstruction", "5", "10"],
        ["gripper open timeout", "0", "8"],
        ["wrong object", "3", "4"],
        ["other", "2", "10"],
        ["failed", "10", "32"],
    ]
    assert "- ProgVLA: ProgVLA, arXiv 2605.28231, section 4.4 and appendix B.6; 32 failures" in text


def test_a_partial_evaluation_stands_beside_no_published_failures() -> None:
    records = make_evaluation(PIPER.changed(trials=5), "vla", rates=NEVER)
    assert "ProgVLA" not in render(records, {"piper_table4": PIPER}, [], PUBLISHED)


@with_facts
def test_published_failures_are_those_of_the_fact_sheet() -> None:
    with (Path(FACTS) / "progvla_real_failures.csv").open(encoding="utf-8", newline="") as file:
        total, *sheet = [int(row["value"]) for row in csv.DictReader(file)]
    assert [int(count.failures) for count in PUBLISHED] == sheet and sum(sheet) == total
    assert {count.protocol for count in PUBLISHED} <= set(protocols.names())
