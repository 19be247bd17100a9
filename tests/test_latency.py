"""Plans that arrive late: how late, what is executed meanwhile, and that the machine has no part in it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, strategies as st

import envs
import policies
import protocols
from harness.evaluation import Evaluation
from harness.latency import Late, Latency, read_latency
from harness.run import main
from protocols.contracts import Episode, FloatArray, Record
from results.export import jsonl
from results.store import Store

LINE = str(Path(__file__).parent / "line" / "line.yaml")
RELAY = str(Path(__file__).parent / "line" / "relay.yaml")
START = Episode("line", "near", "go", 0, 5, 40)


def evaluated(
    folder: Path, latency: str | None, protocol: str = LINE, workers: int = 1, policy: str = "tests.line.pointer"
) -> list[Record]:
    evaluation = Evaluation(protocols.load(protocol), policy, {"chunk": 2}, latency=latency)
    with Store(folder, write=True) as store:
        return list(evaluation.run(store, workers=workers))


def held(record: Record) -> list[bool]:
    """Of each control step, whether nothing was done."""
    return [not action.any() for action in record.actions]


@pytest.mark.parametrize("steps", [1, 5])
def test_the_robot_holds_for_so_many_steps_before_each_plan(tmp_path: Path, steps: int) -> None:
    for record in evaluated(tmp_path, str(steps)):
        assert record.error is None and record.policy == f"tests.line.pointer(chunk=2) latency={steps}"
        pattern = ([True] * steps + [False] * 2) * record.steps
        assert held(record) == pattern[: record.steps]
        assert [look.step for look in record.looks] == list(range(0, record.steps, steps + 2))


def test_what_is_executed_was_planned_from_the_look_before_the_holding(tmp_path: Path) -> None:
    late, usual = evaluated(tmp_path / "late", "3"), evaluated(tmp_path / "usual", None)
    for one, other in zip(late, usual, strict=True):  # on the line nothing moves meanwhile, so the plans are the same
        done = one.actions[[not still for still in held(one)]]
        np.testing.assert_array_equal(done, other.actions[: len(done)])
        assert one.fingerprint == other.fingerprint and one.deviations == other.deviations
        assert one.steps > other.steps


def test_a_plan_that_comes_after_the_horizon_comes_too_late(tmp_path: Path) -> None:
    for record in evaluated(tmp_path, "40"):
        assert (record.success, record.steps, len(record.looks)) == (False, 40, 1)
        assert all(held(record))


def test_a_latency_beyond_any_memory_is_no_other_than_the_horizon(tmp_path: Path) -> None:
    for record in evaluated(tmp_path, str(10**30)):
        assert record.error is None and (record.success, record.steps) == (False, record.episode.max_steps)


@pytest.mark.parametrize("workers", [2, 4])
def test_records_of_a_trace_do_not_depend_on_the_number_of_workers(tmp_path: Path, workers: int) -> None:
    trace = tmp_path / "trace.txt"
    trace.write_text("0.05\n0.31\n0\n", encoding="utf-8")
    for protocol in (LINE, RELAY):
        folder = tmp_path / Path(protocol).stem
        alone = evaluated(folder / "alone", str(trace), protocol)
        together = evaluated(folder / "together", str(trace), protocol, workers)
        assert jsonl(alone, times=False) == jsonl(together, times=False)
        assert len({tuple(held(record)[:12]) for record in alone}) > 1, "episodes enter the trace at different places"


def test_late_plans_are_another_policy_and_none_is_the_usual_one(tmp_path: Path) -> None:
    trace = tmp_path / "h200.txt"
    trace.write_text("# seconds\n0.1\n0.2  # a slow one\n\n", encoding="utf-8")
    told = [None, "0", "1", "2", str(trace)]
    made = [Evaluation(protocols.load(LINE), "zero", {}, latency=latency) for latency in told]
    assert made[0].jobs == made[1].jobs and made[0].policy_name == made[1].policy_name == "zero"
    assert len({one.deciding for one in made}) == len({one.fingerprint for one in made}) == 4
    assert made[-1].policy_name.startswith("zero latency=h200-") and str(tmp_path) not in made[-1].policy_name


@given(st.lists(st.integers(0, 9), min_size=1, max_size=5), st.integers(0, 2**32 - 1), st.integers(0, 50))
def test_a_trace_goes_round_and_each_look_takes_the_next_line(steps: list[int], seed: int, decision: int) -> None:
    latency, episode = Latency("trace", tuple(steps)), replace(START, seed=seed)
    now, following = (latency.of(episode, number) for number in (decision, decision + 1))
    assert (now, following) in zip(steps, [*steps[1:], steps[0]], strict=True)
    assert latency.of(episode, decision + len(steps)) == now


def test_seconds_are_rounded_up_to_control_steps(tmp_path: Path) -> None:
    trace = tmp_path / "trace.txt"
    trace.write_text("0\n0.15\n0.1501\n0.001\n", encoding="utf-8")
    latency = read_latency(str(trace), 20.0)
    assert latency is not None and latency.steps == (0, 3, 4, 1)
    assert read_latency("3", 20.0) == Latency("3", (3,)) and read_latency("0", 20.0) is None


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("", "is a trace without a line"),
        ("0.1\nfast\n", "line 2: a trace has seconds"),
        ("-1\n", "line 1"),
        ("nan", "1"),
    ],
)
def test_a_broken_trace_is_refused_by_its_line(tmp_path: Path, content: str, complaint: str) -> None:
    trace = tmp_path / "trace.txt"
    trace.write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=complaint):
        read_latency(str(trace), 20.0)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (
            ["--policy", "random", "--latency", "soon"],
            "--latency takes a number of control steps or the file of a trace",
        ),
        (["--policy", "random", "--latency", "-1"], "--latency takes a number of control steps or the file of a trace"),
        (["--policy", "expert", "--latency", "2"], "makes no plans; --latency does not apply"),
        (["--policy", "random", "--execution", "ensemble", "--latency", "2"], "does not go with --execution ensemble"),
    ],
)
def test_latency_that_does_not_apply_is_refused_in_one_line(
    tmp_path: Path, options: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, arguments = ["--store", str(tmp_path), "--protocol", LINE], [options[-2] + "=" + options[-1]]
    assert main([*options[:-2], *arguments, *folder]) == 2
    error = capsys.readouterr().err
    assert complaint in error and error.count("\n") == 1


def test_a_suite_that_does_not_say_how_to_hold_is_refused() -> None:
    policy = policies.make("random", envs.load("tests.line").spec(), {})
    with pytest.raises(ValueError, match="my_suite does not say what its robot does while a plan is late"):
        Late(Latency("1", (1,)), ModuleType("my_suite"), policy)


@pytest.mark.parametrize("suite", envs.names())
def test_every_suite_holds_from_its_start_and_after_any_action(suite: str) -> None:
    module = envs.load(suite)
    spec = module.spec()
    state = np.zeros(len(spec.observation.state), np.float32)
    for last in (None, *spec.action.bounds()):
        held: FloatArray = module.hold(state, last)
        assert held.dtype == np.float32 and held.shape == (len(spec.action.entries),)
        assert last is None or held[-1] == last[-1], "the gripper stays as it was asked to be"
