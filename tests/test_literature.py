"""Published numbers: those of the papers, and how they stand beside ours."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

import protocols
from protocols.contracts import Record
from results.failures import read_published_failures
from results.literature import REMARKS, Published, read_published, real_robot_table
from results.tables import render
from tests.records import TIER_RATES, make_evaluation

FACTS = Path(__file__).parents[2] / "shared" / "facts" / "published"
PIPER = protocols.load("piper_table4")
PUBLISHED = read_published()
with_facts = pytest.mark.skipif(not FACTS.exists(), reason="needs the shared folder beside the repository")


def facts(name: str) -> list[tuple[str, str, str]]:
    """Method, metric and value of each row of a fact sheet."""
    with (FACTS / name).open(encoding="utf-8", newline="") as file:
        return [(row["method"], row["metric"], row["value"]) for row in csv.DictReader(file)]


def of_protocol(name: str) -> list[Published]:
    return [number for number in PUBLISHED if number.protocol == name]


def evaluation(policy: str = "vla", seed: int = 0) -> list[Record]:
    return make_evaluation(PIPER, policy, seed=seed, rates={"doors": 0.9, "kitchen": 0.7, "table": 0.8})


def tables(records: list[Record], form: str = "markdown") -> str:
    return render(records, {"piper_table4": PIPER}, PUBLISHED, read_published_failures(), form=form)


def rows(text: str, caption: str) -> list[list[str]]:
    """The cells of the Markdown table under a caption, its header first."""
    lines = text.partition(f"### {caption}\n\n")[2].partition("\n\n")[0].splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in (lines[0], *lines[2:])]


def test_published_numbers_are_of_protocols_tiers_and_tasks_that_are_there() -> None:
    for number in PUBLISHED:
        tasks = protocols.load(number.protocol).tasks
        there_are = {
            "tier": {task.tier for task in tasks},
            "task": {task.name for task in tasks},
            **{mean: {mean} for mean in ("tier_mean", "task_mean")},
        }
        assert number.name in there_are[number.level]
        assert number.world in REMARKS


def test_published_tier_means_are_the_unweighted_means_of_their_tiers() -> None:
    for method in dict.fromkeys(number.method for number in of_protocol("metaworld_mt50")):
        numbers = {number.name: float(number.success_percent) for number in PUBLISHED if number.method == method}
        printed = numbers.pop("tier_mean")
        assert set(numbers) >= set(TIER_RATES)
        assert sum(numbers[tier] for tier in TIER_RATES) / 4 == pytest.approx(printed, abs=0.051), method


def test_the_published_task_mean_is_that_of_its_ten_tasks() -> None:
    *tasks, mean = (float(number.success_percent) for number in of_protocol("piper_table4"))
    assert len(tasks) == 10 and sum(tasks) / 10 == mean == 68


@with_facts
def test_numbers_of_metaworld_are_those_of_the_fact_sheet() -> None:
    sheet = [(method, value) for method, _, value in facts("progvla_table1_metaworld.csv")]
    assert [(number.method, number.success_percent) for number in of_protocol("metaworld_mt50")] == sheet


@with_facts
def test_numbers_of_the_real_arm_are_those_of_the_fact_sheet_by_its_instructions() -> None:
    asked = {task.name: task.instruction for task in PIPER.tasks} | {"task_mean": "Average"}
    ours = {(number.method, f"success_rate/{asked[number.name]}"): number for number in of_protocol("piper_table4")}
    sheet = {(method, metric): value for method, metric, value in facts("progvla_table4_real.csv")}
    assert {where: number.success_percent for where, number in ours.items()} == sheet


def test_tasks_stand_beside_the_real_robot_in_the_protocols_order_with_our_counts() -> None:
    records = evaluation() + evaluation("expert", seed=1)
    header, *lines, mean = rows(tables(records), "Success by task in %, simulated and real")
    assert header == ["task", "expert (simulated)", "vla (simulated)", "ProgVLA (real robot)"]
    assert [line[0] for line in lines] == [task.name for task in PIPER.tasks]
    for task, _, ours, real in lines:
        solved = sum(bool(one.success) for one in records if (one.episode.task, one.policy) == (task, "vla"))
        assert ours == f"{10 * solved:.1f} ({solved}/10)"
        assert real in ("50", "60", "70", "80")
    assert (mean[0], mean[-1]) == ("task mean", "68")


def test_a_real_robot_stands_under_a_remark_of_its_own_and_its_source_is_named() -> None:
    text = tables(evaluation())
    header, *lines = rows(text, "Success by tier in %; papers print the task mean")
    assert header == ["policy", "doors", "kitchen", "table", "tier mean", "task mean", "errors"]
    assert [line[0] for line in lines[-2:]] == ["*published, real robot, not matched*", "ProgVLA"]
    assert lines[-1][1:] == ["-", "-", "-", "-", "68", "-"]
    assert "published, not matched*" not in text
    assert "- ProgVLA: ProgVLA, arXiv 2605.28231, Table 4; real PiPER arm, 10 trials per instruction" in text


def test_a_partial_evaluation_stands_beside_no_real_robot() -> None:
    text = tables([record for record in evaluation() if record.episode.index < 5])
    assert "real" not in text


def test_where_no_real_robot_is_printed_there_is_no_such_table() -> None:
    assert list(real_robot_table([], PIPER, of_protocol("metaworld_mt50"))) == []


def test_csv_tells_simulation_and_real_robot_apart() -> None:
    found = list(csv.DictReader(io.StringIO(tables(evaluation(), "csv"))))
    printed = [row for row in found if row["policy"] == "ProgVLA"]
    assert {row["kind"] for row in printed} == {"published, real robot, not matched"}
    assert [row["level"] for row in printed] == ["task"] * 10 + ["task_mean"]
    assert (printed[0]["name"], printed[0]["tier"], printed[0]["success_percent"]) == ("close-left-door", "", "50")
