"""Duels of policies on the line: what decides, what is run, what a store and a Ctrl-C change (nothing)."""

from __future__ import annotations

import signal
from pathlib import Path

import numpy as np
import pytest

import protocols
from harness.duel import Duel, Outcome, Side, in_rounds, main, summary
from harness.run import main as run_main
from protocols.contracts import Record
from results.betting import judged
from results.comparison import final
from results.store import Store, read
from tests.commands import count, finish, is_alive, run, start, wait_until, workers_of

LINE = ("--protocol", "tests/line/line.yaml")
POINTER = "tests.line.pointer"
SLOWER = ("--policy-arg-b", "chunk=1", "--on", "progress", "--max-steps", "12")  # which is not quite at the goal then


def duel(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    """The final line of a duel."""
    assert main([str(argument) for argument in arguments]) == 0
    return capsys.readouterr().out.strip()


def by_side(store: Path) -> list[list[Record]]:
    """The records of both policies of a store."""
    policies = sorted({record.policy for record in read(store)})
    return [[record for record in read(store) if record.policy == policy] for policy in policies]


def sides(trials: int = 4, tasks: list[str] | None = None) -> tuple[Side, Side]:
    """The expert and random actions on the line."""
    protocol = protocols.load("tests/line/line.yaml").changed(trials=trials, tasks=tasks)
    return Side(protocol, "expert", {}), Side(protocol, "random", {})


def test_the_better_policy_is_named_after_few_episodes(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    line = duel(capsys, "expert", "random", *LINE, "--trials", "50", "--workers", "2", "--store", tmp_path)
    assert line == (
        "A better: expert over random on line, 7 of at most 100 episodes of each, success 7/7 against 0/7, "
        "difference A - B +100.0 points (95 % confidence sequence +3.6 to +100.0)"
    )
    expert, other = by_side(tmp_path)
    assert len(expert) <= 8 and len(other) <= 8
    line = duel(capsys, "random", "expert", *LINE, "--trials", "50", "--store", tmp_path)
    assert line.startswith("B better: expert over random on line, 7 of at most 100 episodes")
    assert "success 0/7 against 7/7, difference A - B -100.0 points" in line


def test_a_policy_duels_with_itself_denied_something(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    arguments = (POINTER, POINTER, *LINE, "--trials", "50", "--arm-b", "zero-state", "--workers", "1")
    line = duel(capsys, *arguments, "--store", tmp_path)
    assert line.startswith(f"A better: {POINTER} over {POINTER} zero-state on line")


def test_pairs_come_in_rounds_in_an_order_that_more_episodes_and_the_order_of_tasks_leave_alone() -> None:
    def order(trials: int, tasks: list[str] | None = None) -> list[tuple[str, int]]:
        first, second = sides(trials, tasks)
        pairs = in_rounds(first.protocol, first.jobs, second.jobs)
        assert all(one.episode == other.episode and one.key != other.key for one, other in pairs)
        return [(one.episode.task, one.episode.index) for one, _ in pairs]

    many = order(30)
    assert many[:8] == order(4) == order(4, ["far", "near"])
    for index in range(30):
        assert sorted(many[2 * index : 2 * index + 2]) == [("far", index), ("near", index)]
    assert {task for task, _ in many[::2]} == {"far", "near"}
    assert order(4, ["near"]) == [("near", index) for index in range(4)]


def test_the_line_says_what_the_records_say(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    arguments = (POINTER, POINTER, *SLOWER, *LINE, "--trials", "20", "--budget", "30", "--store", tmp_path)
    line = duel(capsys, *arguments)
    assert line.startswith("undecided within the budget: tests.line.pointer and tests.line.pointer(chunk=1) on line, ")
    assert "max_steps=12, 30 of at most 30 episodes of each" in line
    first, second = (
        {(record.episode.task, record.episode.index): final(record) for record in records}
        for records in by_side(tmp_path)
    )
    differences = [first[episode] - second[episode] for episode in first]
    judgement = judged(differences, 0.05)
    assert len(first) == len(second) == 30
    assert f"difference A - B {100 * np.mean(differences):+.1f} points" in line
    assert f"sequence {100 * judgement.low:+.1f} to {100 * judgement.high:+.1f})" in line


def test_neither_workers_nor_a_run_before_nor_a_higher_budget_change_the_decision(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    common = ("expert", "random", *LINE, "--trials", "50")
    one = duel(capsys, *common, "--workers", "1", "--store", tmp_path / "one")
    assert duel(capsys, *common, "--workers", "3", "--store", tmp_path / "three") == one
    whole = ["--policy", "expert", *LINE, "--trials", "8", "--store", str(tmp_path / "ran")]
    assert run_main(whole) == 0
    capsys.readouterr()
    assert duel(capsys, *common, "--store", tmp_path / "ran") == one
    assert len(by_side(tmp_path / "ran")[0]) == 16
    few = duel(capsys, *common, "--budget", "3", "--store", tmp_path / "low")
    assert few.startswith("undecided within the budget: expert and random on line, 3 of at most 3 episodes of each")
    assert duel(capsys, *common, "--store", tmp_path / "low") == one


def test_a_decided_duel_runs_nothing_again(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    arguments = ("expert", "random", *LINE, "--trials", "50", "--store", tmp_path)
    line = duel(capsys, *arguments)
    before = {record.key: record.run for record in read(tmp_path)}
    assert main([str(argument) for argument in arguments]) == 0
    captured = capsys.readouterr()
    assert captured.out.strip() == line
    assert "of at most 100 pairs are in the store already" in captured.err
    assert {record.key: record.run for record in read(tmp_path)} == before


def test_ctrl_c_leaves_a_store_from_which_the_same_command_comes_to_the_same_end(tmp_path: Path) -> None:
    arguments = (POINTER, POINTER, *SLOWER, *LINE, "--trials", "30", "--budget", "60")
    process = start("harness.duel", *arguments, "--store", tmp_path / "stopped")
    wait_until(lambda: count(tmp_path / "stopped") > 5)
    workers = workers_of(process.pid)
    process.send_signal(signal.SIGINT)
    code, _, error = finish(process)
    assert code == 130
    assert "the same command goes on from there" in error and "Traceback" not in error
    wait_until(lambda: not any(map(is_alive, workers)))
    before = {record.key: record.run for record in read(tmp_path / "stopped")}
    assert 5 < len(before) < 120
    resumed = run("harness.duel", *arguments, "--store", tmp_path / "stopped")
    assert "pairs are in the store already" in resumed[2]
    after = {record.key: record.run for record in read(tmp_path / "stopped")}
    assert all(after[key] == name for key, name in before.items())
    straight = run("harness.duel", *arguments, "--store", tmp_path / "straight")
    assert (resumed[0], resumed[1]) == (straight[0], straight[1])


def test_policies_that_nothing_tells_apart_stay_undecided(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    line = duel(capsys, "zero", "zero", "--policy-arg-b", "chunk=5", *LINE, "--store", tmp_path)
    assert line.startswith("undecided within the budget: zero and zero(chunk=5) on line, 8 of at most 8 episodes")
    assert "not one episode tells them apart" in line


def test_fewer_episodes_than_the_budget_are_said(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["zero", "random", *LINE, "--trials", "1", "--store", str(tmp_path)]) == 0
    assert "there are 2 episodes, fewer than the budget; --trials 250 makes it so many" in capsys.readouterr().err


def test_pairs_without_a_verdict_are_left_out_and_too_many_of_them_give_no_decision(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    wrong = ("--policy-arg-b", "wrong=raise", *LINE, "--trials", "20", "--store", str(tmp_path))
    assert main(["random", POINTER, *wrong]) == 1
    out = capsys.readouterr().out
    assert "no decision: " in out and "line allows 10 %" in out
    assert "lost pairs stay lost, more pairs come with a higher --budget" in out and "harness.run" not in out
    with Store(tmp_path) as store:
        assert {run["program"] for run in store.runs().values()} == {"harness.duel"}
    assert "odd seeds are not for me" in (tmp_path / "errors.log").read_text()
    (sides_a, sides_b) = by_side(tmp_path)
    failed = [record for record in (*sides_a, *sides_b) if record.error is not None]
    assert failed and all(record.policy.startswith(POINTER) for record in failed)
    before = {record.key for record in read(tmp_path)}
    assert main(["random", POINTER, *wrong]) == 1
    assert {record.key for record in read(tmp_path)} == before


def test_what_lies_behind_the_decision_does_not_count() -> None:
    duel = Duel(*sides(trials=10), "success", 0.05, 20)
    for number, pair in enumerate(duel.pairs):
        for job, won in zip(pair, (1.0, 0.0), strict=True):
            duel.outcomes[job.key] = Outcome(None if number in (2, 8, 9, 15) else won, "start")
    assert (duel.judgement().winner, duel.judgement().pairs, duel.lost()) == (1, 7, 1)
    assert summary(duel).startswith("A better: expert over random on line, 7 of at most 20 episodes of each")
    assert summary(duel).endswith(", 1 without a verdict left out")


def test_different_starts_are_no_pair(tmp_path: Path) -> None:
    first, second = sides()
    with Store(tmp_path, write=True) as store:
        for side in (first, second):
            list(side.run(store, workers=1))
    duel = Duel(first, second, "success", 0.05, 8)
    with Store(tmp_path) as store:
        duel.recall(store)
    key = duel.pairs[2][1].key
    duel.outcomes[key] = duel.outcomes[key]._replace(start="elsewhere")
    with pytest.raises(ValueError, match=r"had different starts for expert and random: no pair"):
        duel.judgement()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("exprt", "random", *LINE), "no policy named 'exprt'; did you mean 'expert'?"),
        (("expert", "randm", *LINE), "no policy named 'randm'; did you mean 'random'?"),
        (("expert", "expert", *LINE), "both sides are the policy expert: every episode would end alike twice"),
        (("expert", "random", *LINE, "--budget", "0"), "budget must be at least 1, not 0"),
        (("expert", "random", *LINE, "--alpha", "0"), "alpha must be between 0 and 1, not 0"),
        (("expert", "random", *LINE, "--alpha", "5"), "alpha must be between 0 and 1, not 5"),
        (("expert", "random", *LINE, "--workers", "0"), "workers must be at least 1, not 0"),
        (("expert", "random", *LINE, "--tasks", "neer"), "no task named 'neer'; did you mean 'near'?"),
        (("expert", "random"), "name a --suite"),
        (("expert", "random", *LINE, "--policy-arg-b", "x=1"), "policy 'random' takes no argument x"),
        (("expert", "random", *LINE, "--execution-a", "first"), "acts beside the simulator"),
        (("expert", "tests.line.misfit", *LINE), "does not fit suite 'tests.line'"),
        (("random", "random", *LINE, "--arm-b", "blnd"), "'blnd'"),
        (("expert", "expert", *LINE, "--arm-b", "blind"), "acts beside the simulator"),
    ],
)
def test_a_mistake_is_one_clear_line_and_exit_code_2(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    assert main([*arguments, "--store", str(tmp_path / "store")]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("error: ") and words in line
    assert not (tmp_path / "store").exists()


def test_a_worker_that_cannot_start_is_said(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LINE_BROKEN", "1")
        assert main(["expert", "random", *LINE, "--store", str(tmp_path)]) == 2
    assert "cannot start: OSError: out of line" in capsys.readouterr().err


@pytest.mark.simulator
def test_the_expert_beats_random_actions_on_metaworld(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    arguments = ("--suite", "metaworld", "--tasks", "reach-v3,push-v3", "--max-steps", "100", "--workers", "1")
    line = duel(capsys, "expert", "random", *arguments, "--store", tmp_path)
    assert line.startswith("A better: expert over random on metaworld_mt50, max_steps=100, ")
