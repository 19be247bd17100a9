"""The PiPER environment; the contract stands in the package's docstring."""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterable, Sequence
from types import ModuleType
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from envs import piper
from envs.episodes import Step
from envs.piper.expert import Expert
from envs.piper.failures import FailureModes
from envs.piper.holding import Watch
from envs.piper.kinematics import HIGH, LOW
from envs.piper.progress import Progress
from envs.piper.scenes import specification
from envs.piper.tasks import TASKS
from envs.piper.world import World
from envs.rendering import MujocoEnv
from protocols.contracts import Episode, FloatArray, ImageArray

LEAD_RAD = 0.25
Array = npt.NDArray[np.float64]


class Piper(MujocoEnv):
    """All ten tasks in one environment.

    Arguments and errors: see `EpisodeEnv`.
    """

    module: ClassVar[ModuleType] = piper
    tasks: ClassVar[Collection[str]] = TASKS

    def __init__(self, task: str = "red-cup-sink", cameras: Sequence[str] = piper.CAMERAS, **options: Any) -> None:
        super().__init__(task, cameras, **options)
        # Of this environment alone: the renderer writes its qualities into the model.
        self._compiled = functools.cache(lambda scene: specification(scene).compile())

    def _start(self, episode: Episode) -> None:
        self.goal = TASKS[episode.task]
        self.world = World(self.goal, episode.shift, episode.seed, self._compiled)
        self.target = self.world.joints()
        self.opening = 1.0
        self.seen = self.world.tracker.snapshot(self.target, self.opening)
        self._watch = Watch(self.goal, self.seen)
        self._progress = Progress(self.goal, self.seen, self._watch)
        self._failures = FailureModes(self.goal, self.seen, self._watch)
        self._expert: Expert | None = None

    def _step(self, action: FloatArray) -> Step:
        self._control(action.astype(np.float64))
        self.seen = self.world.tracker.snapshot(self.target, self.opening)
        events = self._watch.update(self.seen)
        success = self._watch.success
        measured = self._progress.update(self.seen, success, events)
        self._failures.update(self.seen, events)
        return Step(float(success), measured.progress, measured.stage, measured.events, success)

    def _control(self, action: Array) -> None:
        """Move by one action within the range."""
        self._move(self.target + action[:6], float(action[6]))

    def _move(self, target: Array, opening: float) -> None:
        """Lead the servos to joint angles, within their limits and not far ahead of the joints, and to an opening."""
        joints = self.world.joints()
        self.target = target.clip(joints - LEAD_RAD, joints + LEAD_RAD).clip(LOW, HIGH)
        self.opening = opening
        self.world.step(self.target, opening)

    def _failure(self) -> str:
        return self._failures.label()

    def _state(self) -> FloatArray:
        return self.world.state().astype(np.float32)

    def _draw(self, camera: str) -> ImageArray:
        return self.renderer.draw(self.world.model, self.world.data, camera)

    def expert_action(self) -> FloatArray:
        """(7,) what the scripted expert does now; its choices are drawn from the episode's seed unless it is steady."""
        joints, opening = self._expert_target()
        return np.array([*(joints - self.target), opening], np.float32).clip(*self._spec.action.bounds())

    def _expert_target(self) -> tuple[Array, float]:
        """Joint angles and gripper opening that the expert wants next."""
        if self._expert is None:
            self._expert = Expert(self.world, self.goal, self.episode.seed, steady=self.steady)
        return self._expert.next(self.seen)

    def simulator_state(self) -> Array:
        """(1 + nq + nv,) time, positions, velocities."""
        data = self.world.data
        return np.concatenate([[data.time], data.qpos, data.qvel])

    def _start_arrays(self) -> Iterable[npt.NDArray[Any]]:
        return self.world.arrays()
