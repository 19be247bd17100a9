"""The tables of a paper with ours in them, and what a learned policy was trained on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import protocols
from protocols.contracts import Record
from results.groups import by_policy
from results.literature import read_published
from results.paper import Measured, main, read_paper, render
from results.store import Store
from results.tables import main as tables
from tests.records import make_evaluation, make_record
from tests.test_ablation import ABOUT, cells, trained

PUBLISHED = read_published()
MT50 = protocols.load("metaworld_mt50")
TOLD = {"f" * 32: ABOUT}
TOP, BOTTOM, VARIANTS, REAL = (
    f"## ProgVLA, arXiv 2605.28231, Table {table}:" for table in ("1 (top)", "1 (bottom)", "2", "4")
)


def text_of(records: list[Record], told: dict[str, Any] | None = None) -> str:
    return render("progvla", Measured(by_policy(records), told or {}), PUBLISHED)


def test_every_published_number_of_the_paper_stands_in_one_of_its_tables() -> None:
    text = text_of([])
    places = [text.index(heading) for heading in (TOP, BOTTOM, VARIANTS, REAL)]
    assert places == sorted(places)
    sources = {table.source for table in read_paper("progvla")}
    printed = [number for number in PUBLISHED if any(source in number.source for source in sources)]
    assert len(printed) == 25 + 10 + 25 + 25 + 11
    assert all(f" {number.printed} " in text for number in printed)


def test_what_is_not_measured_says_so_with_the_command() -> None:
    text = text_of([])
    assert text.count("| ours: not measured ") == 2
    for command in ("harness.run --policy progvla --protocol libero", "harness.ablate --policy progvla"):
        assert f"ours: not measured; python -m {command}" in text


def test_a_full_evaluation_stands_above_the_published_rows_and_says_what_it_was_trained_on() -> None:
    text = text_of(make_evaluation(MT50, "progvla"), TOLD)
    table = text[text.index(BOTTOM) : text.index(VARIANTS)]
    ours = "progvla [trained on 30 demonstrations, 2 of these 50 tasks]"
    assert table.index(f"| {ours} ") < table.index("published, not matched") < table.index("| ProgVLA (0.1B) ")
    assert "not measured" not in table
    assert "- progvla: trained on 30 demonstrations of 2 tasks (expert), 6000 steps of 64 samples" in table
    assert cells(table, "policy")[1:5] == ["easy", "medium", "hard", "very hard"]


def test_what_it_began_with_was_trained_on_too() -> None:
    earlier = {"training": ABOUT["training"], "data": ABOUT["data"] | {"demonstrations_by_task": {"door-open-v3": 7}}}
    text = text_of(make_evaluation(MT50, "progvla"), {"f" * 32: ABOUT | {"began_from": earlier}})
    assert "progvla [trained on 30 demonstrations, 3 of these 50 tasks]" in text
    assert "; begun from weights trained on 7 demonstrations of 1 task (expert), 6000 steps of 64 samples" in text


def test_rows_that_came_more_often_are_said() -> None:
    training = ABOUT["training"] | {"reaching": 4}
    text = text_of(make_evaluation(MT50, "progvla"), {"f" * 32: ABOUT | {"training": training}})
    assert "rows before the gripper first turns 4 times as often)" in text


def test_a_partial_evaluation_stands_apart_from_published_rows() -> None:
    text = text_of(make_evaluation(MT50.changed(trials=2), "progvla"), TOLD)
    table = text[text.index(BOTTOM) : text.index(VARIANTS)]
    apart = table.index("ours, partial or under other conditions, not comparable")
    assert table.index("ours: not measured") < table.index("| ProgVLA (0.1B) ") < apart < table.index("| progvla [")
    assert "- progvla: partial, 100 of 500 episodes" in table


def test_tasks_of_the_real_robot_stand_beside_simulated_ones() -> None:
    protocol = protocols.load("piper_table4")
    text = text_of(make_evaluation(protocol, "progvla", rates={task.tier: 0.5 for task in protocol.tasks}))
    assert cells(text[text.index(REAL) :], "task")[1:] == ["progvla (simulated)", "ProgVLA (real robot)"]


def test_variants_stand_in_their_own_table_alone() -> None:
    text = text_of(trained("full", "11") + trained("no-progress", "10"))
    assert "## Variants of progvla: metaworld_mt50" in text[text.index(VARIANTS) : text.index(REAL)]
    assert "variant=" not in text


def test_tasks_that_a_policy_was_not_trained_on_have_a_mean_of_their_own(tmp_path: Path) -> None:
    with Store(tmp_path, write=True) as store:
        store.add_run("run-a", {"policy": ABOUT})
        for task, success in (("reach-v3", True), ("push-v3", False), ("door-open-v3", False)):
            store.add(make_record(task, success=success, policy="progvla"))
    assert tables(["--store", str(tmp_path), "--out", str(tmp_path / "t.md")]) == 0
    text = (tmp_path / "t.md").read_text()
    kept = str(tmp_path / "kept.parquet")
    assert tables(["--store", str(tmp_path), "--out", str(tmp_path / "t.md"), "--keep", kept]) == 0
    assert tables(["--store", kept, "--check", str(tmp_path / "t.md")]) == 0
    assert "- progvla: task mean 50.0 % [" in text and "over the 2 tasks trained on; 0.0 % [" in text
    assert "over the 1 task not trained on; not trained on: door-open-v3\n" in text


def test_the_command_joins_stores_and_compares(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    places = [tmp_path / "a", tmp_path / "b"]
    for place, policy in zip(places, ("progvla", "expert"), strict=True):
        with Store(place, write=True) as store:
            store.add_run("run-a", {})
            for index in range(2):
                store.add(make_record(index=index, policy=policy))
    file = tmp_path / "tables.md"
    arguments = ["progvla", "--store", *map(str, places)]
    assert main([*arguments, "--out", str(file)]) == 0
    assert "| progvla " in file.read_text() and "| expert " in file.read_text()
    assert main([*arguments, "--check", str(file)]) == 0
    assert main(["progvla", "--check", str(file)]) == 1
    assert main(["progvl"]) == 2
    assert "no paper named 'progvl'; did you mean 'progvla'?" in capsys.readouterr().err
