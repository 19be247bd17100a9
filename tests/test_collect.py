"""Demonstrations of the scripted expert: which are kept, how they lie; no kill, crash or full disk spoils them."""

from __future__ import annotations

import json
import random
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, strategies

import envs
import protocols
from harness.collect import ATTEMPTS, main, missing
from harness.recorder import GROUP, Recorder
from policies import progvla
from protocols.contracts import ImageArray, episode_seed
from protocols.demonstrations import Layout, layout_of, opened
from tests import line
from tests.commands import ROOT, finish, is_alive, run, start, wait_until, workers_of
from tests.line import Line

LINE = ROOT / "tests" / "line" / "line.yaml"
WILD = ROOT / "tests" / "line" / "wild.yaml"


def collect(out: Path, *arguments: str | Path, protocol: Path = LINE) -> int:
    command = ["--policy", "expert", "--protocol", protocol, "--out", out, "--workers", "2", *arguments]
    return main([str(argument) for argument in command])


def files(out: Path) -> dict[str, bytes]:
    """The files of demonstrations below a folder."""
    return {path.name: path.read_bytes() for path in sorted(out.rglob("*.hdf5"))}


def changed(tmp_path: Path, protocol: Path, *changes: str) -> Path:
    """A copy of a protocol with other lines, each in the place of the one with its key."""
    shutil.copytree(protocol.parent / "tasks", tmp_path / "tasks", dirs_exist_ok=True)
    lines = {line.partition(":")[0]: line for line in [*protocol.read_text().splitlines(), *changes]}
    path = tmp_path / "changed.yaml"
    path.write_text("\n".join(lines.values()))
    return path


def short(tmp_path: Path, max_steps: int, episodes: int = 4) -> Path:
    """The line with a horizon at which some of its starts are too far away for the expert."""
    return changed(tmp_path, LINE, f"max_steps: {max_steps}", f"episodes_per_task: {episodes}")


def test_a_file_lies_as_the_official_ones_and_says_where_it_comes_from(tmp_path: Path) -> None:
    assert collect(tmp_path, "--size", "6", "--trials", "2", "--tasks", "far") == 0
    with h5py.File(tmp_path / "line" / "far_demo.hdf5") as file:
        data = file["data"]
        assert list(data) == ["demo_0", "demo_1"]
        assert data.attrs["num_demos"] == 2
        assert data.attrs["total"] == sum(demo.attrs["num_samples"] for demo in data.values())
        assert data.attrs["macros_image_convention"] == "opengl"
        assert json.loads(data.attrs["problem_info"])["language_instruction"] == "go to the far goal"
        assert json.loads(data.attrs["env_args"])["env_kwargs"]["task"] == "far"
        for index, demo in enumerate(data.values()):
            steps = demo.attrs["num_samples"]
            assert {key: (demo[key].shape, str(demo[key].dtype)) for key in demo if key not in ("obs", "stages")} == {
                "actions": ((steps, 1), "float64"),
                "states": ((steps, 2), "float64"),
                "progress": ((steps,), "float32"),
                "rewards": ((steps,), "uint8"),
                "dones": ((steps,), "uint8"),
            }
            assert set(demo["obs"]) == {"agent_rgb", "state"}
            assert demo["obs/agent_rgb"].shape == (steps, 6, 6, 3)
            last = np.eye(steps, dtype=np.uint8)[-1]
            np.testing.assert_array_equal(demo["dones"], last)
            np.testing.assert_array_equal(demo["rewards"], last)
            np.testing.assert_array_equal(demo.attrs["init_state"], demo["states"][0])
            assert (demo.attrs["index"], demo.attrs["split"]) == (index, "train")
            assert demo.attrs["seed"] == episode_seed("tests.line", "far", "train", index)


def test_rows_hold_what_was_seen_before_the_action_and_what_came_of_it(tmp_path: Path) -> None:
    collect(tmp_path, "--tasks", "near")
    with opened(tmp_path) as demonstrations:
        assert len(demonstrations) == 4
        for one in demonstrations:
            state, actions, progress = one.state(), one.actions(), one.progress()
            assert progress is not None
            np.testing.assert_allclose(state[1:, 0], state[:-1, 0] + actions[:-1, 0], rtol=1e-6)
            np.testing.assert_allclose(progress[:-1], state[1:, 0] / state[1:, 1], rtol=1e-6)
            assert (state[0, 0], progress[-1]) == (0, 1)
            assert one.stages() == ("move",) * (one.steps - 1) + ("done",)
            assert one.events == ((one.steps, "success"),)
            bright = one.images("agent")[:, 0, :, 0].argmax(axis=1)
            np.testing.assert_array_equal(bright, (state[:, 0].astype(float) * 7).astype(int))
            states = one.simulator_states()
            assert states is not None
            np.testing.assert_allclose(states[:, 1], state[:, 0], rtol=1e-6)


class Slope(Line):
    """The line with images in which every pixel is another."""

    def frame(self, camera: str) -> ImageArray:
        return np.arange(self.size_px**2 * 3, dtype=np.uint8).reshape(self.size_px, self.size_px, 3)


def test_images_lie_turned_and_observations_where_the_layout_says(tmp_path: Path) -> None:
    layout = Layout({"agent": "agentview_rgb"}, {"where": (0, 1), "goal": (1, 2)})
    recorder = Recorder(Slope(cameras=("agent",)), layout)
    recorder.reset(options={"episode": protocols.load(str(LINE)).episodes()[0]})
    while not recorder.part:
        recorder.advance(recorder.expert_action()[None])
    (tmp_path / "part").write_bytes(recorder.part)
    with h5py.File(tmp_path / "part") as file:
        seen = file[GROUP]["obs"]
        assert set(seen) == {"agentview_rgb", "where", "goal"}
        turned = recorder.frame("agent")[::-1, ::-1]
        np.testing.assert_array_equal(seen["agentview_rgb"][:], [turned] * len(seen["where"]))
        assert len(np.unique(seen["goal"])) == 1
        assert seen["where"][-1, 0] > 0.4


def test_a_demonstration_keeps_what_was_told_at_each_step(tmp_path: Path) -> None:
    relay = ROOT / "tests" / "line" / "relay.yaml"
    assert main(["--policy", "expert", "--protocol", str(relay), "--trials", "1", "--out", str(tmp_path)]) == 0
    with opened(tmp_path) as (one,):
        told = one.instructions()
        turn = told.index("come back")
        assert told == ("go",) * turn + ("come back",) * (one.steps - turn)
        assert one.instruction == "go" and one.instructions(slice(turn, None)) == told[turn:]


@pytest.mark.simulator
@pytest.mark.parametrize("suite", envs.names())
def test_the_recorded_actions_lead_through_the_recorded_states(suite: str, tmp_path: Path) -> None:
    protocol = protocols.load(envs.load(suite).DEFAULT_PROTOCOL)
    arguments = ["--policy", "expert", "--suite", suite, "--tasks", protocol.tasks[0].name, "--trials", "1"]
    assert main([*arguments, "--cameras", "", "--out", str(tmp_path)]) == 0
    env = envs.load(suite).make(cameras=())
    with opened(tmp_path) as (one,):
        episode = replace(protocol, split="train").episodes()[one.index]
        observation, info = env.reset(options={"episode": episode})
        assert info["fingerprint"] == one.group.attrs["fingerprint"]
        assert (one.instruction, one.state_entries) == (episode.instruction, envs.load(suite).spec().observation.state)
        states, progress, actions = one.simulator_states(), one.progress(), one.actions()
        assert states is not None and progress is not None
        for row in range(one.steps):
            np.testing.assert_array_equal(env.simulator_state(), states[row])
            np.testing.assert_array_equal(observation["state"], one.state()[row])
            assert one.instructions(slice(row, row + 1)) == (observation["instruction"],)
            observation, _, terminated, _, info = env.step(actions[row])
            assert np.float32(info["progress"]) == progress[row]
        assert terminated
        assert one.cameras == {}
    env.close()


@pytest.mark.simulator
@pytest.mark.gl
def test_recorded_frames_are_those_of_the_environment(tmp_path: Path) -> None:
    fast = changed(tmp_path, ROOT / "protocols" / "metaworld_mt50.yaml", "render: fast")
    assert collect(tmp_path, "--tasks", "reach-v3", "--trials", "1", "--size", "16", protocol=fast) == 0
    env = envs.load("metaworld").make(cameras=("agent", "wrist"), image_size_px=16, render="fast")
    protocol = protocols.load("metaworld_mt50").changed(tasks=["reach-v3"])
    observation, _ = env.reset(options={"episode": replace(protocol, split="train").episodes()[0]})
    with opened(tmp_path) as (one,):
        for row in range(3):
            for camera in ("agent", "wrist"):
                frame = one.images(camera, slice(row, row + 1))[0]
                np.testing.assert_array_equal(frame, observation["images"][camera])
            observation = env.step(one.actions()[row])[0]
    env.close()


def test_a_suite_names_attributes_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"bddl_file_name": "near.bddl", "problem_info": {"language_instruction": "go"}}
    monkeypatch.setattr("tests.line.demonstration_attributes", lambda task: given, raising=False)
    collect(tmp_path, "--trials", "1", "--tasks", "near")
    with h5py.File(tmp_path / "line" / "near_demo.hdf5") as file:
        assert file["data"].attrs["bddl_file_name"] == "near.bddl"
        assert json.loads(file["data"].attrs["problem_info"]) == {"language_instruction": "go"}


@pytest.mark.parametrize("name", protocols.names())
def test_demonstrations_start_where_no_evaluation_does(name: str) -> None:
    protocol = protocols.load(name)
    seeds = {
        split: {
            (task.name, episode_seed(protocol.starts, task.name, split, index))
            for task in protocol.tasks
            for index in range(ATTEMPTS * protocol.episodes_per_task if split == "train" else 50)
        }
        for split in ("eval", "train")
    }
    assert protocol.split == "eval"
    assert not seeds["eval"] & seeds["train"]


def test_a_disturbed_expert_leaves_what_it_did_and_what_it_wanted(tmp_path: Path) -> None:
    assert collect(tmp_path, "--policy-arg", "noise=0.3", "--tasks", "far") == 0
    with opened(tmp_path) as demonstrations:
        disturbed = [one for one in demonstrations if one.expert_actions() is not None]
        assert len(disturbed) > 1  # noise may push an expert on that goes as fast as it can, and change nothing
        for one in disturbed:
            state, done, wanted = one.state(), one.actions(), one.expert_actions()
            assert wanted is not None and (done != wanted).any()
            np.testing.assert_allclose(state[1:, 0], state[:-1, 0] + done[:-1, 0], rtol=1e-5)
            np.testing.assert_allclose(wanted[:, 0], (state[:, 1] - state[:, 0]).clip(-0.1, 0.1), atol=1e-6)
            np.testing.assert_array_equal(one.expert_actions(slice(2, 4)), wanted[2:4])


def test_where_the_expert_was_pushed_aside_is_told(tmp_path: Path) -> None:
    assert collect(tmp_path, "--policy-arg", "bursts=0.1", "--policy-arg", "push=0.5", "--tasks", "far") == 0
    with opened(tmp_path) as demonstrations:
        pushed = [one for one in demonstrations if one.pushed().any()]
        assert pushed
        for one in pushed:
            wanted = one.expert_actions()
            assert wanted is not None
            np.testing.assert_array_equal((one.actions() != wanted).any(axis=1), one.pushed())
            assert one.pushed(slice(0, 3)).tolist() == one.pushed()[:3].tolist()


def test_a_learned_policy_drives_for_a_while_and_the_expert_goes_on_from_there(tmp_path: Path) -> None:
    progvla.make_example(line.spec(), tmp_path / "learner.safetensors")
    options = [f"driver={tmp_path / 'learner.safetensors'}", "bursts=0.1"]
    arguments = [word for option in options for word in ("--policy-arg", option)]
    for folder, count in (("two", "2"), ("other", "1")):
        assert collect(tmp_path / folder, *arguments, "--tasks", "far", "--every", "3", "--workers", count) == 0
    assert files(tmp_path / "two") == files(tmp_path / "other")
    with opened(tmp_path / "two") as demonstrations:
        driven = [one for one in demonstrations if one.pushed().any()]
        assert driven
        for one in driven:
            state, done, wanted = one.state(), one.actions(), one.expert_actions()
            assert wanted is not None and len(np.unique(done[one.pushed()])) > 1  # no burst of one action
            np.testing.assert_array_equal(done[~one.pushed()], wanted[~one.pushed()])
            np.testing.assert_allclose(wanted[:, 0], (state[:, 1] - state[:, 0]).clip(-0.1, 0.1), atol=1e-6)
        settings = json.loads((tmp_path / "two" / "line" / "settings.json").read_text())
        assert settings["policy"] == "expert(bursts=0.1, driver=learner.safetensors)"


def test_a_driver_that_cannot_drive_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    usual = "--policy-arg", "bursts=0.1", "--policy-arg", f"driver={tmp_path / 'learner.safetensors'}"
    progvla.make_example(envs.load("piper").spec(), tmp_path / "learner.safetensors")
    assert collect(tmp_path / "out", *usual) == 2
    assert "does not fit the suite: camera 'wrist': the environment has agent" in capsys.readouterr().err
    assert collect(tmp_path / "out", *usual, "--cameras", "") == 2
    assert 'a driver looks through cameras: leave --cameras "" out' in capsys.readouterr().err
    (tmp_path / "learner.safetensors").write_text("no checkpoint")
    assert collect(tmp_path / "out", *usual) == 2
    assert "learner.safetensors is broken or no checkpoint of Headway" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_what_an_undisturbed_expert_wanted_is_what_it_did(tmp_path: Path) -> None:
    collect(tmp_path, "--policy-arg", "noise=0", "--trials", "1", "--tasks", "far")
    with opened(tmp_path) as (one,):
        assert one.expert_actions() is None


def test_images_of_some_rows_are_those_that_all_rows_would_have(tmp_path: Path) -> None:
    assert collect(tmp_path / "all", "--tasks", "far", "--size", "32") == 0
    assert collect(tmp_path / "some", "--tasks", "far", "--size", "32", "--every", "3") == 0
    with opened(tmp_path / "all") as whole, opened(tmp_path / "some") as sparse:
        assert sparse[0].group.parent.attrs["draw_every"] == 3
        for every, one in zip(whole, sparse, strict=True):
            rows = [row for row in range(every.steps) if row == 0 or row % 3 == every.index % 3]
            assert one.drawn.tolist() == rows
            assert len(one.group["obs/agent_rgb"]) == len(rows) < one.steps == every.steps
            np.testing.assert_array_equal(one.images("agent"), every.images("agent")[rows])
            np.testing.assert_array_equal(one.state(), every.state())
            assert one.group.attrs["renderer"] == every.group.attrs["renderer"]


@pytest.mark.parametrize("workers", ["1", "4"])
def test_disturbed_and_sparse_files_do_not_depend_on_the_number_of_workers(tmp_path: Path, workers: str) -> None:
    options = "--policy-arg", "noise=0.3", "--every", "3"
    assert collect(tmp_path / "two", *options) == 0
    assert collect(tmp_path / "other", *options, "--workers", workers) == 0
    assert files(tmp_path / "two") == files(tmp_path / "other")


@pytest.mark.simulator
@pytest.mark.gl
@pytest.mark.parametrize("suite", envs.names())
def test_frames_of_some_steps_are_those_of_the_environment(suite: str) -> None:
    protocol = replace(protocols.load(envs.load(suite).DEFAULT_PROTOCOL), split="train")
    look = {"image_size_px": 32, "render": "fast"}
    recorder = Recorder(
        envs.load(suite).make(cameras=("agent",), **look), layout_of(envs.load(suite).spec().observation), 2
    )
    always = envs.load(suite).make(cameras=("agent",), **look)
    episode = next(one for one in protocol.episodes() if one.index == 1)
    seen, _ = always.reset(options={"episode": episode})
    recorder.reset(options={"episode": episode})
    for row in range(4):
        drawn = recorder.seen["images"]
        assert bool(drawn) == (row in (0, 1, 3))
        for image in drawn.values():
            np.testing.assert_array_equal(image, seen["images"]["agent"])
            np.testing.assert_array_equal(image, always.frame("agent"))
        action = recorder.expert_action()
        recorder.advance(action[None])
        seen = always.step(action)[0]
    recorder.close()
    always.close()


@pytest.mark.parametrize("workers", ["1", "4"])
def test_files_do_not_depend_on_the_number_of_workers(tmp_path: Path, workers: str) -> None:
    protocol = short(tmp_path, 8)
    assert collect(tmp_path / "two", protocol=protocol) == 0
    assert collect(tmp_path / "other", "--workers", workers, protocol=protocol) == 0
    assert files(tmp_path / "two") == files(tmp_path / "other")


def test_failed_episodes_are_left_out_counted_and_replaced_by_the_next(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert collect(tmp_path / "out", protocol=short(tmp_path, 8)) == 0
    out = capsys.readouterr().out
    with opened(tmp_path / "out") as demonstrations:
        near = [one.index for one in demonstrations if one.task == "near"]
        failed = json.loads(demonstrations[-1].group.parent.attrs["failed"])
    goals = [
        np.random.default_rng(episode_seed("tests.line", "near", "train", index)).uniform(0.5, 1) for index in range(20)
    ]
    solvable = [index for index, goal in enumerate(goals) if goal < 0.85]
    assert near == solvable[:4] != [0, 1, 2, 3]
    assert failed == {str(index): "" for index in range(near[-1]) if index not in near}
    assert f"near: 4 demonstrations of {near[-1] + 1} episodes; not kept: {len(failed)} failed" in out


def test_failures_are_kept_and_counted_when_asked_for(tmp_path: Path) -> None:
    assert collect(tmp_path / "out", "--keep-failures", protocol=short(tmp_path, 8)) == 0
    with opened(tmp_path / "out") as demonstrations:
        near = [one for one in demonstrations if one.task == "near"]
        assert [one.index for one in near] == [0, 1, 2, 3]
        assert {one.success for one in near} == {True, False}
        for one in near:
            assert one.group["rewards"][-1] == one.success
            assert one.group["dones"][-1] == 1


def test_an_expert_that_never_succeeds_is_given_up_on_with_a_clear_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    protocol = short(tmp_path, 2, episodes=1)
    said = "near: only 0 of 1 demonstrations in 5 episodes; not kept: 5 failed"
    assert collect(tmp_path / "out", protocol=protocol) == 1
    assert said in capsys.readouterr().out
    assert collect(tmp_path / "out", "--workers", "1", protocol=protocol) == 1
    assert said in capsys.readouterr().out
    assert files(tmp_path / "out") == {}


def test_too_few_successes_are_kept_and_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    protocol = short(tmp_path, 5)
    assert collect(tmp_path / "out", "--tasks", "near", protocol=protocol) == 1
    first = capsys.readouterr().out
    with opened(tmp_path / "out") as demonstrations:
        assert 0 < len(demonstrations) < 4
        assert f"near: only {len(demonstrations)} of 4 demonstrations in 20 episodes" in first
    before = files(tmp_path / "out")
    assert collect(tmp_path / "out", "--tasks", "near", protocol=protocol) == 1
    assert capsys.readouterr().out == first
    assert files(tmp_path / "out") == before


def test_the_same_command_again_does_nothing_and_more_trials_only_what_is_missing(tmp_path: Path) -> None:
    protocol = short(tmp_path, 8)
    assert collect(tmp_path / "grown", "--trials", "2", protocol=protocol) == 0
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.hdf5")}
    assert collect(tmp_path / "grown", "--trials", "2", protocol=protocol) == 0
    assert collect(tmp_path / "grown", "--trials", "1", protocol=protocol) == 0
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.hdf5")} == before
    assert collect(tmp_path / "grown", protocol=protocol) == 0
    assert collect(tmp_path / "whole", protocol=protocol) == 0
    assert contents(tmp_path / "grown") == contents(tmp_path / "whole")


def contents(out: Path) -> dict[str, object]:
    """Every array and attribute of every file, for files that need not be equal byte by byte."""
    found: dict[str, object] = {}
    for path in sorted(out.rglob("*.hdf5")):
        with h5py.File(path) as file:

            def note(name: str, item: h5py.Group | h5py.Dataset, path: Path = path) -> None:
                attributes = {key: np.asarray(value).tolist() for key, value in item.attrs.items()}
                found[f"{path.name}/{name}"] = (
                    attributes,
                    item[:].tolist() if isinstance(item, h5py.Dataset) else None,
                )

            file.visititems(note)
    return found


@given(fails=strategies.sets(strategies.integers(0, 20)), order=strategies.randoms(), wanted=strategies.integers(1, 4))
def test_the_first_to_succeed_are_kept_whatever_ends_first(fails: set[int], order: random.Random, wanted: int) -> None:
    ended: dict[int, bool] = {}
    while left := missing(ended, wanted, 20):
        index = order.choice(left)
        ended[index] = index not in fails
    kept = [index for index, is_kept in sorted(ended.items()) if is_kept]
    assert kept == [index for index in range(20) if index not in fails][:wanted]


def test_a_killed_collection_is_completed_by_the_same_command(tmp_path: Path) -> None:
    protocol = short(tmp_path, 8, episodes=40)
    command = ("harness.collect", "--policy", "expert", "--protocol", protocol, "--workers", "2", "--out")
    out = tmp_path / "killed"
    for parts in (3, 40):
        kill_at(parts, out, start(*command, out))
        for path in out.rglob("*.hdf5"):
            with opened(path) as demonstrations:
                assert len(demonstrations) == 40
    (out / "changed" / "parts" / "near").mkdir(parents=True, exist_ok=True)
    (out / "changed" / "parts" / "near" / "00199.part.new").write_bytes(b"half")
    code, text, error = run(*command, out)
    assert code == 0, error
    assert "demonstrations are there already" in error
    assert "80 demonstrations of 2 tasks" in text
    assert collect(tmp_path / "whole", protocol=protocol) == 0
    assert files(out) == files(tmp_path / "whole")
    assert not list(out.rglob("*.part*"))
    merged_but_not_removed = out / "changed" / "parts" / "near" / "00000.part"
    merged_but_not_removed.parent.mkdir(parents=True)
    merged_but_not_removed.write_bytes(b"in the file already")
    assert run(*command, out)[0] == 0
    assert not merged_but_not_removed.exists()


def kill_at(parts: int, out: Path, process: subprocess.Popen[str]) -> None:
    """Kill a collection when so many parts lie in its folder, and wait for its workers to go."""
    wait_until(lambda: len(list(out.rglob("*.part"))) >= parts)
    workers = workers_of(process.pid)
    process.kill()
    finish(process)
    wait_until(lambda: not any(map(is_alive, workers)))


def test_ctrl_c_is_one_line(tmp_path: Path) -> None:
    process = start("harness.collect", "--policy", "expert", "--protocol", LINE, "--trials", "900", "--out", tmp_path)
    wait_until(lambda: len(list(tmp_path.rglob("*.part"))) > 2)
    process.send_signal(signal.SIGINT)
    code, _, error = finish(process)
    assert code == 130
    assert "the same command goes on from there" in error
    assert "Traceback" not in error


def test_a_second_collection_in_one_folder_is_refused(tmp_path: Path) -> None:
    process = start("harness.collect", "--policy", "expert", "--protocol", LINE, "--trials", "900", "--out", tmp_path)
    wait_until(lambda: bool(list(tmp_path.rglob("*.part"))))
    code, _, error = run("harness.collect", "--policy", "expert", "--protocol", LINE, "--out", tmp_path)
    process.kill()
    finish(process)
    assert code == 2
    assert "wait for it or name another folder" in error


def test_a_worker_that_dies_once_leaves_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ("--tasks", "die_once", "--trials", "2")
    assert collect(tmp_path / "undisturbed", *arguments, protocol=WILD) == 0
    marker = tmp_path / "marker"
    marker.touch()
    monkeypatch.setenv("LINE_DIE_ONCE", str(marker))
    assert collect(tmp_path / "disturbed", *arguments, protocol=WILD) == 0
    assert not marker.exists()
    assert files(tmp_path / "undisturbed") == files(tmp_path / "disturbed")


def test_an_episode_without_a_verdict_is_no_failure_and_holds_up_only_its_task(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert collect(tmp_path, "--tasks", "raise,near", "--trials", "1", protocol=WILD) == 1
    assert "raise: 1 episodes have no verdict, see" in capsys.readouterr().out
    assert "the line is broken" in (tmp_path / "wild" / "errors.log").read_text()
    assert list(files(tmp_path)) == ["near_demo.hdf5"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--policy", "random"), "demonstrations come from a suite's expert: --policy expert, not 'random'"),
        (("--policy", "exprt"), "no policy named 'exprt'; did you mean 'expert'?"),
        (("--tasks", "neer"), "no task named 'neer'; did you mean 'near'?"),
        (("--cameras", "left"), "no camera named 'left'; did you mean 'agent'? There are: agent"),
        (("--size", "0"), "size must be at least 1, not 0"),
        (("--trials", "0"), "trials must be at least 1, not 0"),
        (("--workers", "0"), "workers must be at least 1, not 0"),
        (("--every", "0"), "every must be at least 1, not 0"),
        (("--policy-arg", "noise"), "--policy-arg takes KEY=VALUE, not 'noise'"),
        (("--policy-arg", "noise=-1"), "noise must be a share of half the action range, 0 or more, not -1"),
    ],
)
def test_a_mistake_is_one_clear_line_and_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], words: str
) -> None:
    assert collect(tmp_path / "out", *arguments) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert words in line
    assert not (tmp_path / "out").exists()


def test_demonstrations_made_otherwise_are_not_mixed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    collect(tmp_path, "--trials", "1")
    before = files(tmp_path)
    for other, words in {
        ("--size", "9"): "image_size_px 8, now 9",
        ("--cameras", ""): "cameras ['agent'], now []",
        ("--keep-failures",): "keep_failures False, now True",
        ("--every", "2"): "every 1, now 2",
        ("--render", "fast"): "render official, now fast",
        ("--policy-arg", "noise=0.2"): "policy expert, now expert(noise=0.2)",
    }.items():
        assert collect(tmp_path, "--trials", "2", *other) == 2
        assert words in capsys.readouterr().err
    assert files(tmp_path) == before


def test_sparse_and_disturbed_demonstrations_are_not_mixed_with_whole_ones(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert collect(tmp_path, "--trials", "1", "--every", "2", "--policy-arg", "noise=0.2") == 0
    assert collect(tmp_path, "--trials", "1") == 2
    assert "policy expert(noise=0.2), now expert; every 2, now 1" in capsys.readouterr().err
    assert collect(tmp_path, "--trials", "2", "--every", "2", "--policy-arg", "noise=0.2") == 0


def test_another_version_of_the_suite_is_not_mixed_either(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    collect(tmp_path, "--trials", "1")
    monkeypatch.setattr("tests.line.VERSION", 2)
    assert collect(tmp_path, "--trials", "2") == 2
    assert "made otherwise (other versions, horizon, quality or assets); name another --out" in capsys.readouterr().err


def test_a_strange_or_broken_file_in_its_place_is_named_and_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "line" / "near_demo.hdf5"
    path.parent.mkdir()
    path.write_text("mine")
    assert collect(tmp_path) == 2
    assert f"{path} is broken, truncated or no HDF5 file" in capsys.readouterr().err
    with h5py.File(path, "w") as file:
        file["data/demo_0/actions"] = np.zeros((3, 1))
        file["data/demo_0"].create_group("obs")
    assert collect(tmp_path) == 2
    assert f"{path} was not made by harness.collect" in capsys.readouterr().err
    assert path.exists()


@pytest.mark.parametrize(("limit", "what"), [(3000, "00000.part"), (40_000, "near_demo.hdf5")])
def test_a_file_that_cannot_be_written_is_one_line_and_nothing_is_spoilt(tmp_path: Path, limit: int, what: str) -> None:
    limited = f"import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))"
    code = f"{limited}; from harness.collect import main; sys.exit(main(sys.argv[1:]))"
    command = ("--policy", "expert", "--protocol", LINE, "--tasks", "near", "--workers", "1", "--out")
    arguments = [str(argument) for argument in (*command, tmp_path / "full")]
    command_line = [sys.executable, "-c", code, *arguments]
    full = subprocess.run(command_line, cwd=ROOT, capture_output=True, text=True, check=False)
    assert full.returncode == 2
    (line,) = full.stderr.strip().splitlines()
    assert f"{what}: File too large; what was written before is safe" in line
    assert not files(tmp_path / "full")
    assert run("harness.collect", *command, tmp_path / "full")[0] == 0
    assert run("harness.collect", *command, tmp_path / "roomy")[0] == 0
    assert files(tmp_path / "full") == files(tmp_path / "roomy")


def test_asset_files_are_those_asked_for(tmp_path: Path) -> None:
    (tmp_path / "paint").write_text("200")
    painted = LINE.with_name("painted.yaml")
    assert collect(tmp_path, "--assets", tmp_path, "--trials", "1", "--tasks", "near", protocol=painted) == 0
    with opened(tmp_path / "painted") as (one,):
        assert one.images("agent").max() == 200
    assert collect(tmp_path, "--assets", "stand-in", "--trials", "1", protocol=painted) == 2
