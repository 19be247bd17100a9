"""A point on a line, to test the harness without a simulator.

observation  images        agent (H, W, 3) uint8: a white column where the point is
             state         position and goal, (2,) float32, metres
             instruction   text
action       (1,) float32, metres per control step, clipped to +-0.1
rate         10 Hz
success      |position - goal| < 0.05 m
failures     never_moved, too_far; short of the goal has no name
start        position 0, goal uniform in 0.5 to 1 m

In the task `relay` the instruction becomes "come back" at the goal, and the goal becomes 0.

Some tasks misbehave: `raise`, `die` and `hang` do so at their third step, `die_once` only while the file named by
LINE_DIE_ONCE is there, which it removes. With LINE_BROKEN set, no environment can be made; with LINE_SLOW_FRAMES, a
frame takes a second.
"""

from __future__ import annotations

import hashlib
import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from protocols.contracts import (
    RENDER_PROFILES,
    ActionSpec,
    Advanced,
    BrokenFileError,
    EnvSpec,
    Episode,
    Event,
    FloatArray,
    ImageArray,
    ObservationSpec,
    check_actions,
)
from protocols.registry import require

DEFAULT_PROTOCOL = str(Path(__file__).parent / "line.yaml")
VERSION = 1
PACKAGES = ("numpy",)
SHIFTS = ("none",)
TASKS = ("near", "far", "relay", "raise", "die", "hang", "die_once")
STATE = ("position_m", "goal_m")
ACTION = ActionSpec(("dx_m",), low=-0.1, high=0.1, rate_hz=10.0, rotation="none", gripper="none")
RADIUS_M = 0.05


def spec(image_size_px: int = 8) -> EnvSpec:
    return EnvSpec(ObservationSpec({"agent": (image_size_px, image_size_px)}, STATE), ACTION)


def make(**options: Any) -> Line:
    if "LINE_BROKEN" in os.environ:
        raise OSError("out of line")
    return Line(**options)


def hold(state: FloatArray, last: FloatArray | None) -> FloatArray:
    return np.zeros(1, np.float32)


def missing(*, images: bool = False) -> list[str]:
    return []


class Line(gymnasium.Env[dict[str, Any], FloatArray]):
    """The environment; options as every suite's."""

    metadata: ClassVar[dict[str, Any]] = {"render_modes": []}

    def __init__(self, cameras: Sequence[str] = (), image_size_px: int = 8, render: str = "official") -> None:
        self.cameras = tuple(require("camera", camera, ["agent"]) for camera in cameras)
        self.size_px, self.renders = image_size_px, 0
        require("render profile", render, RENDER_PROFILES)
        image = spaces.Box(0, 255, (image_size_px, image_size_px, 3), np.uint8)
        self.observation_space = spaces.Dict(
            {
                "images": spaces.Dict(dict.fromkeys(self.cameras, image)),
                "state": spaces.Box(-np.inf, np.inf, (2,), np.float32),
                "instruction": spaces.Text(50, charset="abcdefghijklmnopqrstuvwxyz "),
            }
        )
        self.action_space = spaces.Box(*ACTION.bounds(), dtype=np.float32)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        super().reset(seed=seed)
        drawn = int(self.np_random.integers(2**32)) if seed is None else seed
        default = Episode("tests.line", "near", "go", 0, drawn, 40)
        self.episode: Episode = (options or {}).get("episode") or default
        require("task", self.episode.task, TASKS)
        require("shift", self.episode.shift, SHIFTS)
        if "LINE_BROKEN_FILE" in os.environ:
            raise BrokenFileError("line.xml is broken")
        self.goal = float(np.random.default_rng(self.episode.seed).uniform(0.5, 1.0))
        self.position, self.steps, self.renders = 0.0, 0, 0
        self.told = self.episode.instruction
        return self._observe(), {"fingerprint": self.fingerprint(), "renderer": "numpy"}

    def step(self, action: FloatArray) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        done = self.advance(np.asarray(action)[None])
        info = {"success": done.success, "progress": float(done.progress[-1]), "stage": done.stage}
        info["events"] = [event.name for event in done.events]
        observation = done.observation or self._observe()
        return observation, float(done.reward[-1]), done.terminated, done.truncated, info

    def advance(self, actions: npt.ArrayLike) -> Advanced:
        curve: list[float] = []
        events: list[Event] = []
        success = False
        for action in check_actions(actions, ACTION, self.steps)[: self.episode.max_steps - self.steps]:
            self.steps += 1
            self._misbehave()
            self.position += float(action[0])
            success = abs(self.position - self.goal) < RADIUS_M
            turned = success and self.episode.task == "relay" and self.told != "come back"
            curve.append(1.0 if success else float(np.clip(self.position / max(self.goal, RADIUS_M), 0, 0.99)))
            if turned:
                self.told, self.goal, success = "come back", 0.0, False
                break
            if success:
                events.append(Event(self.steps, "success"))
                break
        truncated = not success and self.steps >= self.episode.max_steps
        return Advanced(
            reward=np.array(curve, np.float32),
            progress=np.array(curve, np.float32),
            events=tuple(events),
            stage="done" if success else "move",
            success=success,
            terminated=success,
            truncated=truncated,
            observation=None if success or truncated else self._observe(),
            failure=self._failure() if truncated else "",
        )

    def _failure(self) -> str:
        return "never_moved" if self.position == 0 else "too_far" if self.position > self.goal else ""

    def _misbehave(self) -> None:
        if self.steps != 3:
            return
        if self.episode.task == "raise":
            raise RuntimeError("the line is broken")
        if self.episode.task == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.episode.task == "hang":
            time.sleep(60)
        marker = Path(os.environ.get("LINE_DIE_ONCE", "/nonexistent"))
        if self.episode.task == "die_once" and marker.exists():
            marker.unlink()
            os.kill(os.getpid(), signal.SIGKILL)

    def _observe(self) -> dict[str, Any]:
        self.renders += len(self.cameras)
        return {
            "images": {camera: self.frame(camera) for camera in self.cameras},
            "state": np.array([self.position, self.goal], np.float32),
            "instruction": self.told,
        }

    def frame(self, camera: str) -> ImageArray:
        time.sleep(1 if "LINE_SLOW_FRAMES" in os.environ else 0)
        image = np.zeros((self.size_px, self.size_px, 3), np.uint8)
        image[:, int(np.clip(self.position, 0, 1) * (self.size_px - 1))] = 255
        return image

    def expert_action(self) -> FloatArray:
        return np.array([self.goal - self.position], np.float32).clip(*ACTION.bounds())

    def simulator_state(self) -> npt.NDArray[np.float64]:
        return np.array([self.steps / ACTION.rate_hz, self.position])

    def fingerprint(self) -> str:
        return hashlib.sha256(f"{self.goal!r} {self.episode.instruction}".encode()).hexdigest()[:32]
