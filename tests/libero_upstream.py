"""Upstream's own path through a LIBERO episode, as its users run it, for comparison with ours."""

from __future__ import annotations

import functools
import os
import re
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import envs
import protocols
from envs.libero import upstream
from envs.libero.assets import prepare
from envs.libero.init_states import init_states
from envs.libero.simulation import NO_OPERATION, SETTLE_STEPS
from protocols.contracts import Episode, EvaluationProtocol

OFFICIAL = Path(__file__).parents[2] / "shared" / "assets" / "libero"
ALL_TASKS = sorted(task.name for name in ("libero", "libero_90") for task in protocols.load(name).tasks)
PLACES = ["stand-in", pytest.param("official", marks=pytest.mark.skipif(not OFFICIAL.exists(), reason="no ../shared"))]


@functools.cache
def assets_folder(place: str) -> Path:
    """The files that a test of that kind plays with."""
    return prepare(str(OFFICIAL) if place == "official" else place).folder


class Upstream:
    """Upstream's environment under the usual evaluation loop, with the traps taken out by hand.

    Its soft reset keeps the gripper's last command and the solver's memory of the scene before; both are cleared here.
    """

    def __init__(self, task: str, folder: Path, **options: Any) -> None:
        self.env = upstream.build(task, folder, **options)
        self.states = init_states(upstream.init_file(task))
        self.data = self.env.sim.data._data

    def start(self, index: int, seed: int) -> dict[str, Any]:
        """Seed, reset, init state, ten steps without motion; the observation after them."""
        with upstream.seeded(seed):
            self.env.reset()
        self.env.robots[0].gripper.current_action = np.zeros(2)
        self.env.sim.set_state_from_flattened(self.states[index])
        self.data.qacc_warmstart[:] = 0.0
        self.env.sim.forward()
        self.env._check_success()
        self.env._post_process()
        self.env._update_observables(force=True)
        for _ in range(SETTLE_STEPS):
            observation = self.env.step(NO_OPERATION)[0]
        return dict(observation)

    def state(self) -> npt.NDArray[np.float64]:
        """(n,) all that the physics goes on from."""
        return np.concatenate([self.data.qpos, self.data.qvel, self.data.qacc_warmstart, self.data.ctrl])


def an_episode(task: str, index: int, split: str = "eval") -> Episode:
    """An episode of the protocol that has the task."""
    protocol = next(one for name in ("libero", "libero_90") if task in names_of(one := protocols.load(name)))
    return replace(protocol, split=split).changed(tasks=[task]).episodes()[index]


def names_of(protocol: EvaluationProtocol) -> set[str]:
    """Names of its tasks."""
    return {task.name for task in protocol.tasks}


def in_order(tasks: str, backwards: bool) -> dict[str, str]:
    """Fingerprints of three starts of each task, those of one task one after another, forwards or backwards.

    Args:
        tasks: names, separated by commas.
        backwards: the last start first.
    """
    starts = [(0, "eval"), (11, "eval"), (0, "train")]
    episodes = [an_episode(task, *start) for task in tasks.split(",") for start in starts]
    env = envs.make("libero", cameras=(), assets="stand-in")
    made = {}
    for episode in episodes[:: -1 if backwards else 1]:
        _, info = env.reset(options={"episode": episode})
        made[f"{episode.task} {episode.split} {episode.index}"] = info["fingerprint"]
    return made


def traces_of_import() -> dict[str, list[str]]:
    """What importing upstream changes in a fresh process, but for its own modules."""
    with tempfile.TemporaryDirectory() as home:
        os.environ["HOME"] = home
        before = dict(os.environ)
        upstream.imported()
        return {
            "environment": [name for name in os.environ if os.environ[name] != before.get(name)],
            "modules": [name for name in ("cv2", "torch", "robosuite.macros_private") if name in sys.modules],
            "home": [path.name for path in Path(home).iterdir()],
        }


def peak_mib(where: str) -> float:
    """Largest memory of this process, MiB, over 100 episodes of a few steps in every fourth task, both cameras."""
    env = envs.make("libero", assets=where, image_size_px=128)
    for number in range(100):
        task = ALL_TASKS[number // 3 * 4 % 130]
        env.reset(options={"episode": an_episode(task, number % 50)})
        env.advance(np.zeros((3, 7), np.float32))
    env.close()
    # Not ru_maxrss, which begins with what the parent had when it started this process.
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1024
