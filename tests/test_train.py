"""The command that trains: it goes on after a kill to the very same weights, and says what is wrong."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch

from harness.train import main
from harness.training.state import saved
from tests.cloner import checkpoint
from tests.commands import ROOT, start, wait_until
from tests.demonstrations import demonstrations

LINE = ROOT / "tests" / "line" / "line.yaml"
LIMIT_S = 300.0
ALIKE = ("--threads", "1", "--precision", "float32", "--device", "cpu")


def command(folder: Path, out: str, *arguments: str | Path) -> list[str]:
    """A short training on the demonstrations in a folder."""
    usual = ["--policy", "tests.cloner", "--data", folder, "--out", folder / out, "--batch", "8", "--warm-up", "5"]
    return [str(argument) for argument in [*usual, *ALIKE, "--log-every", "5", *arguments]]


def train(folder: Path, out: str, *arguments: str | Path) -> int:
    return main(command(folder, out, *arguments))


@contextmanager
def running(folder: Path, out: str, *arguments: str | Path) -> Iterator[subprocess.Popen[str]]:
    """A training in a process of its own, which is killed at the end."""
    process = start("harness.train", *command(folder, out, *arguments), OMP_NUM_THREADS="1")
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def weights(out: Path) -> dict[str, Any]:
    return {name: value.numpy() for name, value in checkpoint.load(out / "checkpoint.safetensors")[0].items()}


def card(out: Path) -> dict[str, Any]:
    return checkpoint.load(out / "checkpoint.safetensors")[1]


def lines(out: Path) -> list[dict[str, Any]]:
    path = out / "curves.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def losses(out: Path) -> list[dict[str, Any]]:
    """The curves without times."""
    return [{key: value for key, value in line.items() if not key.endswith(("_s", "per_s"))} for line in lines(out)]


def same(left: dict[str, Any], right: dict[str, Any]) -> bool:
    return left.keys() == right.keys() and all(np.array_equal(left[name], right[name]) for name in left)


def test_it_learns_and_its_checkpoint_says_from_what(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    demonstrations(tmp_path / "d", "near")
    demonstrations(tmp_path / "d", "far", 6)
    assert train(tmp_path, "out", "--steps", "300", "--lr", "0.01", "--hold-out", "0.3") == 0
    found = losses(tmp_path / "out")
    assert found[0]["loss"] > 2 * found[-2]["loss"] > 0
    assert found[-1]["validation_loss"] > 0
    assert found[-2]["lr"] == pytest.approx(1e-4)
    about = card(tmp_path / "out")
    assert about["training"] | {"data": ""} == {
        "policy": "tests.cloner",
        "config": "small",
        "changes": {},
        "data": "",
        "cameras": ["agent"],
        "steps": 300,
        "batch": 8,
        "accumulate": 1,
        "lr": 0.01,
        "floor": 0.0001,
        "warm_up": 5,
        "weight_decay": 0.0001,
        "clip": 1.0,
        "ema": 0.999,
        "precision": "float32",
        "seed": 0,
        "init": "",
        "reaching": 1,
        "steps_done": 300,
        "epochs": about["training"]["epochs"],
    }
    data = about["data"]
    counts = {
        task: data["demonstrations_by_task"].get(task, 0) + data["held_out_by_task"].get(task, 0)
        for task in ("far", "near")
    }
    assert counts == {"far": 6, "near": 3}
    assert data["sources"] == ["far_demo.hdf5", "near_demo.hdf5"]
    assert data["hash"] == about["training"]["data"]
    assert about["parameters"] == {"trained": about["parameters"]["trained"], "frozen": 3}
    assert about["metrics"]["loss"] == found[-2]["loss"]
    assert about["versions"]["torch"] == torch.__version__.partition("+")[0] or "+" in torch.__version__
    assert str(tmp_path) not in json.dumps(about)
    assert (tmp_path / "out" / "curves.png").read_bytes().startswith(b"\x89PNG")
    said = capsys.readouterr()
    assert "parameters to train, 3 frozen" in said.out
    assert "went to: waiting for data" in said.out
    assert "step 300/300, loss" in said.err


def test_a_training_may_begin_with_the_weights_of_another(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    demonstrations(tmp_path / "d")
    assert train(tmp_path, "first", "--steps", "200", "--lr", "0.01") == 0
    begun = "--init", tmp_path / "first" / "checkpoint.safetensors"
    assert train(tmp_path, "second", "--steps", "5", "--lr", "1e-6", *begun) == 0
    assert all(
        np.allclose(left, right, atol=1e-4)
        for left, right in zip(*(weights(tmp_path / out).values() for out in ("first", "second")), strict=True)
    )
    assert card(tmp_path / "second")["training"]["init"] != ""
    assert train(tmp_path, "second", "--steps", "5", "--lr", "1e-6") == 2
    assert "other settings" in capsys.readouterr().err
    assert train(tmp_path, "third", "--init", tmp_path / "nowhere") == 2
    assert f"error: no checkpoint {tmp_path / 'nowhere'}" in capsys.readouterr().err


def test_a_killed_training_goes_on_to_the_very_same_weights_and_curves(tmp_path: Path) -> None:
    demonstrations(tmp_path / "d")
    options = ("--steps", "1500", "--save-every", "50", "--hold-out", "0.4")
    assert train(tmp_path, "whole", *options) == 0
    with running(tmp_path, "killed", *options):
        wait_until(lambda: any(line["step"] > 120 for line in lines(tmp_path / "killed")), LIMIT_S)
    state = saved(tmp_path / "killed")
    assert state is not None and state["step"] < 1500
    assert train(tmp_path, "killed", *options) == 0
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "killed"))
    assert losses(tmp_path / "whole") == losses(tmp_path / "killed")


def test_ctrl_c_saves_and_says_how_to_go_on_and_meanwhile_no_other_can_write_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    demonstrations(tmp_path)
    options = ("--steps", "100000")
    with running(tmp_path, "out", *options) as process:
        wait_until(lambda: bool(lines(tmp_path / "out")), LIMIT_S)
        assert train(tmp_path, "out", *options) == 2
        assert "another training is writing to" in capsys.readouterr().err
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 130
    state = saved(tmp_path / "out")
    assert state is not None
    assert f"stopped after step {state['step']}; the same command goes on from there" in said


def test_a_complete_training_is_not_done_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    demonstrations(tmp_path)
    assert train(tmp_path, "out", "--steps", "10") == 0
    before = weights(tmp_path / "out")
    (tmp_path / "out" / "checkpoint.safetensors").unlink()
    assert train(tmp_path, "out", "--steps", "10") == 0
    assert "is complete: 10 steps" in capsys.readouterr().out
    assert same(before, weights(tmp_path / "out"))


def test_parts_of_a_step_give_the_gradient_of_the_whole(tmp_path: Path) -> None:
    demonstrations(tmp_path)
    assert train(tmp_path, "one", "--steps", "1", "--lr", "1e-9", "--floor", "0") == 0
    assert train(tmp_path, "four", "--steps", "1", "--lr", "1e-9", "--floor", "0", "--accumulate", "4") == 0
    one, four = losses(tmp_path / "one")[0], losses(tmp_path / "four")[0]
    assert one["to_go"] == pytest.approx(four["to_go"])  # the same samples
    assert one["gradient"] == pytest.approx(four["gradient"], rel=0.2)  # but for noise and dropout


def test_frozen_parameters_and_seeds(tmp_path: Path) -> None:
    demonstrations(tmp_path)
    for out, seed in (("a", "0"), ("b", "0"), ("c", "1")):
        assert train(tmp_path, out, "--steps", "5", "--seed", seed) == 0
    assert same(weights(tmp_path / "a"), weights(tmp_path / "b"))
    assert not same(weights(tmp_path / "a"), weights(tmp_path / "c"))
    assert not weights(tmp_path / "c")["fixed"].any()


def test_a_loss_that_is_not_finite_stops_and_names_step_and_demonstrations(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    demonstrations(tmp_path, steps=30)
    options = ("--steps", "200", "--save-every", "1", "--batch", "2", "--set", "poison=3.05")
    assert train(tmp_path, "out", *options) == 3  # the second entry of the state is below 3, the first rarely above
    said = capsys.readouterr().err
    step = saved(tmp_path / "out")["step"]  # type: ignore[index]
    assert (
        f"error: step {step + 1}: loss, gradient is not finite; its batch has samples of near_demo.hdf5/demo_" in said
    )
    assert "\n" not in said[said.index("error") :].strip()
    assert "near_demo.hdf5/demo_2 row 31" in (tmp_path / "out" / "not_finite.txt").read_text()
    assert all(np.isfinite(value).all() for value in weights(tmp_path / "out").values())


def test_a_full_disk_leaves_what_was_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    demonstrations(tmp_path)
    options = ("--steps", "20", "--save-every", "5")
    real, calls = torch.save, []

    def full(whole: Any, path: Path) -> None:
        calls.append(path)
        if len(calls) == 2:
            path.write_bytes(b"half")
            raise OSError(28, os.strerror(28))
        real(whole, path)

    monkeypatch.setattr(torch, "save", full)
    assert train(tmp_path, "out", *options) == 2
    said = capsys.readouterr().err
    assert "state.pt: No space left on device; what was written before is safe; free some space" in said
    assert saved(tmp_path / "out")["step"] == 5  # type: ignore[index]
    assert not list((tmp_path / "out").glob("*.new"))
    assert train(tmp_path, "out", *options) == 0
    monkeypatch.undo()
    assert train(tmp_path, "whole", *options) == 0
    assert same(weights(tmp_path / "out"), weights(tmp_path / "whole"))


def test_success_is_evaluated_on_the_way_through_the_harness(tmp_path: Path) -> None:
    demonstrations(tmp_path / "d")
    evaluation = ("--evaluate-every", "4", "--evaluate-protocol", LINE, "--evaluate-tasks", "near", "--workers", "1")
    options = ("--steps", "6", "--evaluate-trials", "2")
    assert train(tmp_path / "d", "out", *options, *evaluation) == 0
    found = [line for line in lines(tmp_path / "d" / "out") if "success_rate" in line]
    assert [line["step"] for line in found] == [4, 6]
    assert all(line["episodes"] == 2 and list(line["tasks"]) == ["near"] for line in found)
    assert card(tmp_path / "d" / "out")["metrics"]["success_rate"] == found[-1]["success_rate"]
    assert train(tmp_path / "d", "plain", *options) == 0
    assert same(weights(tmp_path / "d" / "out"), weights(tmp_path / "d" / "plain"))


def test_a_policy_that_does_not_fit_the_protocol_is_refused_before_it_trains(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    demonstrations(tmp_path)
    assert train(tmp_path, "out", "--evaluate-every", "4", "--evaluate-protocol", "nowhere.yaml") == 2
    assert "no protocol file nowhere.yaml" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--policy", "random"), "policy 'random' cannot be trained: it has no learner()"),
        (("--policy", "randm"), "no policy named 'randm'; did you mean 'random'?"),
        (("--config", "smal"), "no config named 'smal'; did you mean 'small'?"),
        (("--set", "chunk"), "--set takes KEY=VALUE, not 'chunk'"),
        (("--set", "chunck=3"), "did you mean 'chunk'?"),
        (("--data", "nowhere"), "no demonstrations: there is no"),
        (("--cameras", "wrist"), "near_demo.hdf5 has no images of wrist; --cameras agent does without"),
        (("--state", "goal"), "no entry of the state named 'goal'; did you mean 'goal_m'?"),
        (("--batch", "8", "--accumulate", "3"), "--accumulate 3 must divide --batch 8"),
        (("--steps", "0"), "--steps must be at least 1, not 0"),
        (("--lr", "0"), "--lr 0.0 must be above 0"),
        (("--ema", "1"), "--ema must be from 0 to below 1, not 1.0"),
        (("--save-every", "0"), "--save-every must be at least 1, not 0"),
        (("--device", "cuda"), "there is no GPU that torch can use"),
    ],
)
def test_a_mistake_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], words: str
) -> None:
    if "cuda" in arguments and torch.cuda.is_available():
        pytest.skip("there is a GPU")
    demonstrations(tmp_path)
    assert train(tmp_path, "out", *arguments) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert words in said[-1] and said[-1].startswith("error: ")


def test_other_settings_or_data_under_the_same_folder_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = demonstrations(tmp_path)
    assert train(tmp_path, "out", "--steps", "5") == 0
    assert train(tmp_path, "out", "--steps", "6", "--lr", "0.1") == 2
    said = capsys.readouterr().err
    assert "other settings (steps 5, now 6; lr 0.001, now 0.1; floor 1e-05, now 0.001); name another --out" in said
    with h5py.File(path, "a") as file:
        file["data/demo_0/actions"][0] = 5
    assert train(tmp_path, "out", "--steps", "5") == 2
    assert "other settings (data " in capsys.readouterr().err


def test_a_broken_state_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    demonstrations(tmp_path)
    assert train(tmp_path, "out", "--steps", "5") == 0
    path = tmp_path / "out" / "state.pt"
    path.write_bytes(path.read_bytes()[:1000])
    assert train(tmp_path, "out", "--steps", "5") == 2
    assert f"{path} is broken" in capsys.readouterr().err
