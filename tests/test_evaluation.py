"""An evaluation with a suite that needs no simulator: what is recorded, what is missing, what goes wrong."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import protocols
from harness.evaluation import ERRORS, Evaluation
from harness.rollout import CannotStartError
from protocols.contracts import Record
from results.export import jsonl
from results.store import Store, read
from tests.line.pointer import Pointer

LINE = str(Path(__file__).parent / "line" / "line.yaml")
RELAY = str(Path(__file__).parent / "line" / "relay.yaml")
WILD = str(Path(__file__).parent / "line" / "wild.yaml")
POINTER = "tests.line.pointer"


def evaluate(folder: Path, policy: str = POINTER, protocol: str = LINE, **options: object) -> list[Record]:
    """Records of an evaluation, in the order in which they were made."""
    changes = {key: options.pop(key) for key in ("tasks", "trials", "max_steps") if key in options}
    arguments = options.pop("arguments", {})
    evaluation = Evaluation(protocols.load(protocol).changed(**changes), policy, arguments)
    with Store(folder, write=True) as store:
        return list(evaluation.run(store, **options))


def text(records: list[Record]) -> str:
    return jsonl(records, times=False)


def test_the_expert_solves_every_episode(tmp_path: Path) -> None:
    records = evaluate(tmp_path, "expert")
    assert len(records) == 8
    assert all(record.success and record.progress[-1] == 1 and record.renders == 0 for record in records)
    assert all(record.actions.shape == (record.steps, 1) == (len(record.progress), 1) for record in records)


def test_a_policy_looks_once_per_chunk_and_its_estimates_are_kept(tmp_path: Path) -> None:
    for record in evaluate(tmp_path, arguments={"chunk": 3}, trials=1):
        looks = -(-record.steps // 3)
        assert record.renders == looks == len(record.looks)
        assert [look.step for look in record.looks] == list(range(0, record.steps, 3))
        assert record.looks[-1].progress is not None


def test_the_rest_of_a_chunk_is_dropped_and_the_history_cleared_where_the_instruction_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cleared: list[int] = []
    forget = Pointer.reset
    monkeypatch.setattr(Pointer, "reset", lambda self, slot, one: (cleared.append(one.index), forget(self, slot, one)))
    records = evaluate(tmp_path, protocol=RELAY, arguments={"chunk": 7})
    assert sorted(cleared) == [0, 0, 1, 1, 2, 2, 3, 3]
    for record in records:
        looks = [look.step for look in record.looks]
        turn = int(np.argmax(record.progress == 1)) + 1
        assert record.success and looks == [*range(0, turn, 7), *range(turn, record.steps, 7)]


def test_records_of_changing_instructions_do_not_depend_on_workers_or_batches(tmp_path: Path) -> None:
    usual = text(evaluate(tmp_path / "1", protocol=RELAY, workers=1))
    for workers in (2, 4):
        records = evaluate(tmp_path / str(workers), protocol=RELAY, workers=workers)
        assert text(sorted(records, key=lambda record: record.episode.index)) == usual


def test_a_policy_reads_the_entries_of_the_state_that_it_names_in_its_order(tmp_path: Path) -> None:
    usual = evaluate(tmp_path / "usual", trials=1, workers=1)
    for number, entries in enumerate(("goal_m,position_m", "position_m,goal_m")):
        store, arguments = tmp_path / str(number), {"entries": entries}
        read = evaluate(store, "tests.line.reader", arguments=arguments, trials=1, workers=1)
        assert [record.actions.tolist() for record in read] == [record.actions.tolist() for record in usual]


@pytest.mark.parametrize("entries", [(), ("goal_m",)])
def test_a_batch_has_no_more_of_the_state_than_the_policy_reads(tmp_path: Path, entries: tuple[str, ...]) -> None:
    protocol = protocols.load(LINE).changed(tasks=["near"], trials=1)
    evaluation = Evaluation(protocol, "tests.line.reader", {"entries": ",".join(entries)})
    with Store(tmp_path, write=True) as store:
        (record,) = evaluation.run(store, workers=1)
    assert record.error is None
    assert {state.shape for state in evaluation.policy.read} == {(4, len(entries))}
    assert all(0.5 <= goal <= 1 for state in evaluation.policy.read for goal in state[0])


@pytest.mark.parametrize("workers", [2, 4])
def test_records_do_not_depend_on_the_number_of_workers(tmp_path: Path, workers: int) -> None:
    alone = evaluate(tmp_path / "alone", workers=1)
    assert text(evaluate(tmp_path / "together", workers=workers)) == text(alone)


def test_records_do_not_depend_on_the_order_of_episodes(tmp_path: Path) -> None:
    forward = evaluate(tmp_path / "forward", workers=1)
    backward = evaluate(tmp_path / "backward", workers=1, reverse=True)
    assert [record.key for record in forward] == [record.key for record in reversed(backward)]
    assert text(forward) == text(backward)


@pytest.mark.parametrize("workers", [2, 4])
def test_records_of_a_disturbed_expert_do_not_depend_on_the_number_of_workers(tmp_path: Path, workers: int) -> None:
    arguments = {"noise": "0.3"}
    usual = evaluate(tmp_path / "usual", "expert", arguments=arguments, workers=1)
    assert {record.policy for record in usual} == {"expert(noise=0.3)"}
    assert len({record.actions[0, 0] for record in usual}) > 1  # undisturbed, all begin with the largest step
    records = evaluate(tmp_path / "other", "expert", arguments=arguments, workers=workers, reverse=True)
    place = [(record.episode.task, record.episode.index) for record in usual]
    assert text(sorted(records, key=lambda one: place.index((one.episode.task, one.episode.index)))) == text(usual)


def test_another_batch_size_is_another_policy_with_the_same_outcomes(tmp_path: Path) -> None:
    def outcomes(size: int) -> list[tuple[int, bytes]]:
        records = evaluate(tmp_path / str(size), arguments={"batch_size": size}, workers=4)
        return sorted((record.episode.seed, record.actions.tobytes()) for record in records)

    assert outcomes(1) == outcomes(3) == outcomes(8)


def test_the_same_evaluation_again_runs_nothing(tmp_path: Path) -> None:
    evaluate(tmp_path)
    assert evaluate(tmp_path) == []


def test_a_quick_evaluation_is_the_beginning_of_the_whole_one(tmp_path: Path) -> None:
    quick = evaluate(tmp_path / "both", trials=1)
    rest = evaluate(tmp_path / "both")
    assert len(quick) == 2
    assert len(rest) == 6
    assert text(quick + rest) == text(evaluate(tmp_path / "whole"))


def test_another_policy_argument_horizon_or_version_reuses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluate(tmp_path)
    assert len(evaluate(tmp_path, arguments={"chunk": 1})) == 8
    assert len(evaluate(tmp_path, max_steps=30)) == 8
    monkeypatch.setattr("tests.line.VERSION", 2)
    assert len(evaluate(tmp_path)) == 8


def test_a_changed_horizon_is_recorded_as_a_deviation(tmp_path: Path) -> None:
    records = evaluate(tmp_path, max_steps=3, trials=1)
    assert all(record.deviations == ("max_steps=3",) and record.success is False for record in records)


def test_a_failure_mode_is_recorded_and_a_failure_without_one_is_too(tmp_path: Path) -> None:
    unmoved = evaluate(tmp_path / "unmoved", "zero", trials=1)
    assert [record.failure for record in unmoved] == ["never_moved"] * 2
    short = evaluate(tmp_path / "short", "expert", max_steps=3, trials=1)
    assert [(record.success, record.failure) for record in short] == [(False, "")] * 2


def test_a_shift_that_the_suite_cannot_make_is_refused_before_the_first_episode() -> None:
    shifted = replace(protocols.load(LINE), shift="light")
    with pytest.raises(LookupError, match=r"no shift named 'light'\. There are: none"):
        Evaluation(shifted, POINTER, {})


def test_a_task_that_raises_gives_error_records_and_the_others_go_on(tmp_path: Path) -> None:
    records = evaluate(tmp_path, "expert", WILD, tasks=["raise", "near"])
    failed = [record for record in records if record.error]
    assert [record.episode.task for record in failed] == ["raise", "raise"]
    assert failed[0].error == "RuntimeError: the line is broken"
    assert failed[0].success is None
    assert "the line is broken" in (tmp_path / ERRORS).read_text()
    assert sum(record.success is True for record in records) == 2


def test_a_worker_that_dies_every_time_is_an_error_not_a_failure(tmp_path: Path) -> None:
    (record,) = evaluate(tmp_path, "expert", WILD, tasks=["die"], trials=1)
    assert record.error == "WorkerDied: exit code -9"


def test_a_worker_that_dies_once_leaves_no_trace_in_the_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    undisturbed = evaluate(tmp_path / "a", "expert", WILD, tasks=["die_once"], trials=1)
    marker = tmp_path / "marker"
    marker.touch()
    monkeypatch.setenv("LINE_DIE_ONCE", str(marker))
    disturbed = evaluate(tmp_path / "b", "expert", WILD, tasks=["die_once"], trials=1)
    assert not marker.exists()
    assert text(disturbed) == text(undisturbed)


def test_a_worker_that_hangs_is_killed_and_recorded(tmp_path: Path) -> None:
    (record,) = evaluate(tmp_path, "expert", WILD, tasks=["hang"], trials=1, hung_after_s=4.0)
    assert record.error == "WorkerHung: no answer within 4 s"


def test_episodes_with_an_error_are_tried_again_and_replaced_by_a_verdict(tmp_path: Path) -> None:
    (error,) = evaluate(tmp_path, "expert", WILD, tasks=["raise"], trials=1)
    evaluation = Evaluation(protocols.load(WILD).changed(tasks=["raise"], trials=1), "expert", {})
    with Store(tmp_path, write=True) as store:
        assert [job.key for job in evaluation.missing(store)] == [error.key]
        store.add(replace(error, error=None, success=True))
        assert evaluation.missing(store) == []


@pytest.mark.parametrize(
    ("wrong", "words"), [("nan", "the action at step 5 is not finite"), ("shape", "shape (4, 2, 2)")]
)
def test_an_action_that_cannot_be_executed_is_an_error_that_names_the_step(
    tmp_path: Path, wrong: str, words: str
) -> None:
    records = evaluate(tmp_path, arguments={"wrong": wrong}, trials=1)
    assert all(record.error and words in record.error and "after 4 steps" in record.error for record in records)
    assert all(record.steps == 4 for record in records)


def test_a_policy_that_fails_for_one_episode_spoils_no_other_in_its_batch(tmp_path: Path) -> None:
    alone = evaluate(tmp_path / "alone", arguments={"wrong": "raise"}, workers=1)
    together = evaluate(tmp_path / "together", arguments={"wrong": "raise"}, workers=4)
    assert text(together) == text(alone)
    for record in together:
        assert (record.error is not None) == bool(record.episode.seed % 2)


@pytest.mark.parametrize("wrong", ["text", "short"])
def test_a_malformed_plan_is_an_error_record_and_the_evaluation_goes_on(tmp_path: Path, wrong: str) -> None:
    records = evaluate(tmp_path, arguments={"wrong": wrong}, workers=2)
    assert len(records) == 8
    assert all(record.error for record in records)


def test_two_names_of_one_behaviour_share_no_record(tmp_path: Path) -> None:
    evaluate(tmp_path, "zero", trials=1)
    records = evaluate(tmp_path, "zero", arguments={"chunk": "1"}, trials=1)
    assert [record.policy for record in records] == ["zero(chunk=1)"] * 2


def test_a_worker_that_cannot_start_is_one_line_and_its_traceback_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINE_BROKEN", "1")
    with pytest.raises(CannotStartError, match=r"^a worker of suite 'tests.line' cannot start: OSError: out of line$"):
        evaluate(tmp_path)
    assert "Traceback" in (tmp_path / ERRORS).read_text()


def test_a_broken_file_ends_the_evaluation_at_once_and_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINE_BROKEN_FILE", "1")
    with pytest.raises(CannotStartError, match=r"^suite 'tests.line' has a broken file: .*line\.xml is broken$"):
        evaluate(tmp_path)
    assert "Traceback" in (tmp_path / ERRORS).read_text()
    assert not read(tmp_path)


@pytest.mark.parametrize("protocol", [LINE, RELAY])
def test_replay_reproduces_starts_verdicts_steps_and_progress(tmp_path: Path, protocol: str) -> None:
    original = {record.episode: record for record in evaluate(tmp_path / "original", protocol=protocol)}
    again = evaluate(tmp_path / "again", "replay", protocol, arguments={"store": str(tmp_path / "original")})
    assert len(again) == len(original)
    for record in again:
        twin = original[record.episode]
        assert (record.success, record.steps, record.fingerprint) == (twin.success, twin.steps, twin.fingerprint)
        np.testing.assert_array_equal(record.progress, twin.progress)
        np.testing.assert_array_equal(record.actions, twin.actions)
        assert record.events == twin.events


def test_replay_looks_where_it_is_told_to(tmp_path: Path) -> None:
    original = {record.episode: record for record in evaluate(tmp_path / "original")}
    view = {"store": str(tmp_path / "original"), "cameras": "agent", "chunk": "4"}
    for record in evaluate(tmp_path / "again", "replay", arguments=view):
        assert record.policy == "replay(cameras=agent, chunk=4)"
        assert (record.success, record.steps) == (original[record.episode].success, original[record.episode].steps)
        assert record.renders == -(-record.steps // 4)


def test_replaying_an_episode_that_was_not_recorded_is_an_error(tmp_path: Path) -> None:
    evaluate(tmp_path / "original", trials=1)
    again = evaluate(tmp_path / "again", "replay", arguments={"store": str(tmp_path / "original")}, trials=2)
    assert sum(record.success is True for record in again) == 2
    assert all("no verdict for episode 1" in record.error for record in again if record.error)


def test_a_policy_that_does_not_fit_is_refused_before_the_first_episode() -> None:
    with pytest.raises(ValueError, match=r"does not fit.*camera 'agent'.*\(8, 8\)"):
        Evaluation(protocols.load(LINE), "tests.line.misfit", {})


def test_the_workers_are_gone_when_an_evaluation_is_abandoned(tmp_path: Path) -> None:
    evaluation = Evaluation(protocols.load(LINE), POINTER, {})
    with Store(tmp_path, write=True) as store:
        run = evaluation.run(store, workers=2)
        next(run)
        run.close()
    children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    assert not [child for child in children if "spawn_main" in Path(f"/proc/{child}/cmdline").read_text()]


def test_provenance_is_kept_once_per_run(tmp_path: Path) -> None:
    records = evaluate(tmp_path, command=["--policy", "x"])
    with Store(tmp_path) as store:
        ((run, about),) = store.runs().items()
    assert {record.run for record in records} == {run}
    assert about["command"] == ["--policy", "x"]
    assert {record.renderer for record in records} == {"numpy"}
    assert about["packages"]["numpy"] == np.__version__
