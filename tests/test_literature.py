"""Published numbers: those of the papers, and how they stand beside ours."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path

import pytest

import protocols
from protocols.contracts import EvaluationProtocol, Record
from results.chains import IN_A_ROW
from results.failures import read_published_failures
from results.literature import REMARKS, Published, printed_about, read_published, real_robot_table
from results.tables import render
from results.verdicts import COLUMN, NO_COUNT
from tests.records import TIER_RATES, make_evaluation

FACTS = Path(__file__).parents[2] / "shared" / "facts" / "published"
PIPER = protocols.load("piper_table4")
LIBERO = protocols.load("libero")
LIBERO_RATES = {"spatial": 0.85, "object": 0.95, "goal": 0.9, "long": 0.6}
WRONG_MEANS = ("ProgVLA (1) w/o progress objectives", "MaIL")  # as printed; their tiers average 88.2 and 81.2
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


def made(protocol: EvaluationProtocol, seed: int = 0) -> list[Record]:
    return make_evaluation(protocol, seed=seed, rates=LIBERO_RATES)


def libero(deviations: tuple[str, ...] = ()) -> str:
    """The tables of a whole evaluation."""
    return render(made(replace(LIBERO, deviations=deviations)), {"libero": LIBERO}, PUBLISHED)


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
            **{mean: {mean} for mean in ("tier_mean", "task_mean", "length", "steps")},
            "in_a_row": set(IN_A_ROW),
            "subtask": {task.name.removesuffix("_D") for task in protocols.load("calvin_tasks_d").tasks},
        }
        assert number.name in there_are[number.level]
        assert number.world in REMARKS


def test_published_tier_means_are_the_unweighted_means_of_their_tiers() -> None:
    for protocol, tiers in (("metaworld_mt50", TIER_RATES), ("libero", LIBERO_RATES)):
        for method in dict.fromkeys(number.method for number in of_protocol(protocol)):
            some = [number for number in of_protocol(protocol) if number.method == method]
            numbers = {number.name: float(number.printed) for number in some}
            printed = numbers.pop("tier_mean")
            assert set(numbers) == set(tiers)
            is_mean = sum(numbers.values()) / 4 == pytest.approx(printed, abs=0.051)
            assert is_mean == (method not in WRONG_MEANS), method
            assert all(("its tiers average" in number.source) == (not is_mean) for number in some)


def test_the_published_task_mean_is_that_of_its_ten_tasks() -> None:
    *tasks, mean = (float(number.printed) for number in of_protocol("piper_table4"))
    assert len(tasks) == 10 and sum(tasks) / 10 == mean == 68


@with_facts
def test_numbers_of_metaworld_are_those_of_the_fact_sheet() -> None:
    sheet = [(method, value) for method, _, value in facts("progvla_table1_metaworld.csv")]
    assert [(number.method, number.printed) for number in of_protocol("metaworld_mt50")] == sheet


@with_facts
@pytest.mark.parametrize(
    ("sheet", "beginning", "source"),
    [
        ("progvla_table1_libero.csv", "", "ProgVLA, arXiv 2605.28231, Table 1"),
        ("progvla_table2_ablation.csv", "ProgVLA ", "ProgVLA, arXiv 2605.28231, Table 2"),
        ("progressvla_table3_libero.csv", "", "ProgressVLA, arXiv 2603.27670, Table III"),
    ],
)
def test_numbers_of_libero_are_those_of_the_fact_sheets(sheet: str, beginning: str, source: str) -> None:
    columns = {"spatial": "Spatial", "object": "Object", "goal": "Goal", "long": "Long", "tier_mean": "Avg"}
    ours = [
        (number.method.removeprefix(beginning), f"success_rate/{columns[number.name]}", number.printed)
        for number in of_protocol("libero")
        if source in number.source
    ]
    assert ours == [(method.removeprefix(beginning), metric, value) for method, metric, value in facts(sheet)]


def test_the_suites_of_libero_stand_beside_its_papers_in_their_order() -> None:
    header, *lines = rows(libero(), "Success by tier in %; papers print the tier mean")
    assert header == ["policy", "spatial", "object", "goal", "long", "tier mean", "task mean", "errors", COLUMN]
    assert lines[0][0] == "vla" and lines[0][5] == lines[0][6], "forty tasks in four tiers of ten"
    assert lines[3][0] == "*published, not matched*"
    assert ["ProgVLA (0.1B)", "87.6", "96.0", "92.0", "88.6", "91.1", "-", "-", NO_COUNT] in lines
    assert ["ProgressVLA Full", "88.2", "96.4", "87.2", "66.2", "84.5", "-", "-", NO_COUNT] in lines
    assert len({line[0] for line in lines}) == len(lines)


def test_each_suite_of_libero_has_its_horizon() -> None:
    assert "Horizon 220 (spatial), 280 (object), 300 (goal), 520 (long) control steps;" in libero()


@pytest.mark.parametrize("mark", ["assets=stand-in", "assets=partly-official"])
def test_stand_ins_are_marked_on_both_sides(mark: str) -> None:
    text = libero(deviations=(mark,))
    assert f"## libero, {mark}\n" in text
    _, *lines = rows(text, f"Success by tier in %, {mark}; papers print the tier mean")
    assert lines[0][0] == f"vla [{mark}]"
    assert lines[3][0] == "*published, with the official assets, not matched*"
    assert "Success by tier in %; papers" not in text


def test_official_files_and_stand_ins_never_share_a_table() -> None:
    records = [*made(LIBERO), *made(replace(LIBERO, deviations=("assets=stand-in",)), seed=1)]
    text = render(records, {"libero": LIBERO}, PUBLISHED)
    (plain,) = [line for line in rows(text, "Success by tier in %; papers print the tier mean") if "vla" in line[0]]
    assert plain[0] == "vla"


def test_another_deviation_keeps_published_numbers_away() -> None:
    text = libero(deviations=("max_steps=600", "assets=stand-in"))
    assert "ProgVLA" not in text and "not comparable with published numbers" in text


def test_one_suite_of_libero_stands_beside_its_column_alone() -> None:
    alone = protocols.load("libero_object")
    text = render(made(alone), {alone.name: alone}, PUBLISHED)
    header, *lines = rows(text, "Success by tier in %; papers print the tier mean")
    assert header == ["policy", "object", "tier mean", "task mean", "errors", COLUMN]
    assert ["ProgVLA (0.1B)", "96.0", "-", "-", "-", NO_COUNT] in lines
    found = list(csv.DictReader(io.StringIO(render(made(alone), {alone.name: alone}, PUBLISHED, form="csv"))))
    assert {row["name"] for row in found if row["kind"] == "published, not matched"} == {"object"}


@pytest.mark.parametrize("name", ["libero_lerobot", "libero_official", "libero_bddl", "libero_90", "metaworld_mt10"])
def test_what_is_no_part_of_a_printed_protocol_stands_beside_nothing(name: str) -> None:
    assert printed_about(name, {name: protocols.load(name)}, PUBLISHED) == []


@with_facts
def test_numbers_of_the_real_arm_are_those_of_the_fact_sheet_by_its_instructions() -> None:
    asked = {task.name: task.instruction for task in PIPER.tasks} | {"task_mean": "Average"}
    ours = {(number.method, f"success_rate/{asked[number.name]}"): number for number in of_protocol("piper_table4")}
    sheet = {(method, metric): value for method, metric, value in facts("progvla_table4_real.csv")}
    assert {where: number.printed for where, number in ours.items()} == sheet


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
    assert header == ["policy", "doors", "kitchen", "table", "tier mean", "task mean", "errors", COLUMN]
    assert [line[0] for line in lines[-2:]] == ["*published, real robot, not matched*", "ProgVLA"]
    assert lines[-1][1:] == ["-", "-", "-", "-", "68", "-", "conditions not matched"]
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
