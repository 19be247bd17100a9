"""Benchmarks as tests: `pytest --policy P tests/benchmarks`, in a process of its own as a user runs it."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.pytest_plugin import TaskSuccess
from results.reference import Counts
from tests.commands import run
from tests.records import make_record, with_errors

LINE = ("--protocol", "tests/line/line.yaml")


def benchmark(store: Path, *arguments: str | Path) -> tuple[int, str]:
    code, out, err = run("pytest", "tests/benchmarks", "-p", "no:cacheprovider", *arguments, "--store", store)
    return code, out + err


def measured(successes: int, episodes: int, reference: Counts | None, floor: float | None) -> list[str]:
    records = [make_record(index=index, success=index < successes) for index in range(episodes)]
    return TaskSuccess(records, reference, floor, alpha=0.01).shortfalls()


def test_each_task_is_an_item_and_the_summary_prints_the_table(tmp_path: Path) -> None:
    code, text = benchmark(tmp_path, "--policy", "expert", *LINE, "--trials", "2")
    assert code == 0
    assert "2 passed" in text
    assert "success rates" in text
    assert "| near " in text
    assert "2/2" in text


def test_a_second_session_runs_no_episode_again(tmp_path: Path) -> None:
    benchmark(tmp_path, "--policy", "expert", *LINE)
    before = (tmp_path / "store.sqlite").read_bytes()
    code, text = benchmark(tmp_path, "--policy", "expert", *LINE)
    assert code == 0
    assert "4/4" in text
    assert (tmp_path / "store.sqlite").read_bytes() == before


def test_selecting_items_runs_only_their_tasks(tmp_path: Path) -> None:
    code, text = benchmark(tmp_path, "--policy", "expert", *LINE, "-k", "near")
    assert code == 0
    assert "1 passed, 1 deselected" in text
    assert "| far " not in text


def test_a_task_below_its_reference_fails_and_says_so(tmp_path: Path) -> None:
    reference = tmp_path / "reference.csv"
    reference.write_text("task,successes,episodes\nnear,20,20\n")
    code, text = benchmark(tmp_path / "store", "--policy", "zero", *LINE, "--reference", reference)
    assert code == 1
    assert "1 failed, 1 skipped" in text
    assert "0/4 episodes succeeded, significantly below the reference's 20/20" in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--policy", "zero", "--protocol", "metaworld_mt5"), "did you mean 'metaworld_mt50'?"),
        (("--policy", "zeo", *LINE), "no policy named 'zeo'; did you mean 'zero'?"),
        (("--policy", "zero", *LINE, "--tasks", "neer"), "no task named 'neer'; did you mean 'near'?"),
        (("--policy", "zero", *LINE, "--assets", "stand-in"), "suite 'tests.line' has no asset files"),
    ],
)
def test_a_mistake_ends_the_session_with_one_line(tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    code, text = benchmark(tmp_path, *arguments)
    assert code != 0
    assert words in text
    assert "Traceback" not in text


def test_a_test_that_could_not_fail_is_skipped(tmp_path: Path) -> None:
    code, text = benchmark(tmp_path, "--policy", "expert", *LINE, "--trials", "1")
    assert code == 0
    assert "2 skipped" in text
    assert (
        TaskSuccess([], None, None, alpha=0.01).untold() == "there is neither a reference nor a floor to compare with"
    )
    assert "too few" in TaskSuccess([make_record()], Counts(20, 20), None, alpha=0.01).untold()
    assert TaskSuccess([make_record(index=i) for i in range(2)], Counts(20, 20), None, alpha=0.01).untold() == ""


def test_a_rate_as_good_as_its_reference_and_floor_passes() -> None:
    assert measured(9, 10, reference=Counts(19, 20), floor=0.9) == []


def test_a_rate_below_the_floor_fails_only_when_significantly() -> None:
    assert measured(1, 2, None, floor=0.9) == []
    (line,) = measured(3, 10, None, floor=0.9)
    assert "3/10 episodes succeeded, significantly below the protocol's floor of 90%" in line


def test_an_episode_without_a_verdict_fails_the_task() -> None:
    records = with_errors([make_record(index=index) for index in range(3)], 1)
    (line,) = TaskSuccess(records, None, None, alpha=0.01).shortfalls()
    assert line.startswith("1 of 3 episodes have no verdict")
