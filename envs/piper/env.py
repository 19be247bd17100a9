"""The PiPER environment; the contract stands in the package's docstring."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from typing import Any, ClassVar

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium import spaces

import protocols
from envs.piper import ACTION, CAMERAS, DEFAULT_PROTOCOL, SHIFTS, STATE
from envs.piper.expert import Expert
from envs.piper.failures import FailureModes
from envs.piper.kinematics import HIGH, LOW
from envs.piper.progress import Progress
from envs.piper.scenes import specification
from envs.piper.tasks import HOLD_STEPS, TASKS, is_done
from envs.piper.world import World
from envs.rendering import Renderer
from protocols.contracts import ActionSpec, Advanced, Episode, Event, FloatArray, ImageArray, check_actions
from protocols.registry import require

INSTRUCTION_CHARACTERS = 200
PRINTABLE = frozenset(map(chr, range(32, 127)))
LEAD_RAD = 0.25
Array = npt.NDArray[np.float64]


@functools.cache
def instructions() -> dict[str, str]:
    """What the default protocol tells a policy, by task."""
    return {task.name: task.instruction for task in protocols.load(DEFAULT_PROTOCOL).tasks}


class Piper(gymnasium.Env[dict[str, Any], FloatArray]):
    """All ten tasks in one environment.

    Args:
        task: task of episodes that are not given, when `reset` is called without one.
        cameras: camera roles to draw, "agent" and "wrist"; with none, no renderer is ever made.
        image_size_px: height and width of the images.
        render: render profile, "official" or "fast".
        max_steps: horizon of episodes that are not given.
        shift: perturbation of episodes that are not given.
        render_mode: for gymnasium; "rgb_array" makes `render` return the agent camera's frame.

    Raises:
        LookupError: an unknown task, camera, shift or render profile.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 20}  # noqa: RUF012, as gymnasium has it
    suite: ClassVar[str] = "piper"
    action: ClassVar[ActionSpec] = ACTION
    episode: Episode

    def __init__(
        self,
        task: str = "red-cup-sink",
        cameras: Sequence[str] = CAMERAS,
        image_size_px: int = 224,
        render: str = "official",
        max_steps: int = 400,
        shift: str = "none",
        render_mode: str | None = None,
    ) -> None:
        self.cameras = tuple(require("camera", camera, CAMERAS) for camera in cameras)
        self.renderer = Renderer(image_size_px, render)
        self.render_mode = render_mode
        self.renders = 0
        self._compiled = functools.cache(lambda scene: specification(scene).compile())
        self._default = (require("task", task, TASKS), max_steps, require("shift", shift, SHIFTS))
        image = spaces.Box(0, 255, (image_size_px, image_size_px, 3), np.uint8)
        self.observation_space = spaces.Dict(
            {
                "images": spaces.Dict(dict.fromkeys(self.cameras, image)),
                "state": spaces.Box(-np.inf, np.inf, (len(STATE),), np.float32),
                "instruction": spaces.Text(INSTRUCTION_CHARACTERS, charset=PRINTABLE),
            }
        )
        self.action_space = spaces.Box(*self.action.bounds(), dtype=np.float32)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Reach the start of `options["episode"]`, or of the default task with that seed.

        Returns:
            The observation, and an info with the start's fingerprint and the name of the GL renderer.
        """
        super().reset(seed=seed)
        self.episode = (options or {}).get("episode") or self._default_episode(seed)
        self.goal = TASKS[require("task", self.episode.task, TASKS)]
        shift = require("shift", self.episode.shift, SHIFTS)
        self.world = World(self.goal, shift, self.episode.seed, self._compiled)
        self._begin()
        self._progress, self._failures = Progress(self.goal, self.seen), FailureModes(self.goal, self.seen)
        self._expert: Expert | None = None
        self._steps = self._held_steps = self.clipped = self.renders = 0
        observation = self._observe()
        return observation, {"fingerprint": self.fingerprint(), "renderer": self.renderer.name()}

    def _begin(self) -> None:
        """What follows from the world at its start."""
        self.target = self.world.joints()
        self.opening = 1.0
        self.seen = self.world.tracker.snapshot(self.target, self.opening)

    def _default_episode(self, seed: int | None) -> Episode:
        task, max_steps, shift = self._default
        drawn = int(self.np_random.integers(2**32)) if seed is None else seed
        return Episode(self.suite, task, instructions()[task], 0, drawn, max_steps, shift=shift)

    def step(self, action: FloatArray) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        """One control step with a full observation, as gymnasium has it.

        The info has `success`, `progress`, `stage`, `events`, `failure`, and `clipped`: how many actions of the episode
        were out of range.
        """
        done = self.advance(np.asarray(action)[None])
        info = {
            "success": done.success,
            "progress": float(done.progress[-1]),
            "stage": done.stage,
            "events": [event.name for event in done.events],
            "failure": done.failure,
            "clipped": self.clipped,
        }
        observation = done.observation or self._observe()
        return observation, float(done.reward[-1]), done.terminated, done.truncated, info

    def advance(self, actions: npt.ArrayLike) -> Advanced:
        """Execute (T, 7) actions until they are used up, the task is solved or the horizon is reached.

        Raises:
            ActionError: a wrong shape or a number that is not finite.
        """
        curve: list[float] = []
        events: list[Event] = []
        success, stage = False, ""
        checked = check_actions(actions, self.action, self._steps)[: self.episode.max_steps - self._steps]
        asked = np.asarray(actions, np.float32)
        for action, original in zip(checked, asked, strict=False):
            self._control(action.astype(np.float64))
            self._steps += 1
            self.clipped += bool((action != original).any())
            self.seen = self.world.tracker.snapshot(self.target, self.opening)
            self._held_steps = self._held_steps + 1 if is_done(self.goal, self.seen) else 0
            success = self._held_steps >= HOLD_STEPS
            measured = self._progress.update(self.seen, success)
            self._failures.update(self.seen)
            curve.append(measured.progress)
            events += [Event(self._steps, name) for name in measured.events]
            stage = measured.stage
            if success:
                break
        truncated = not success and self._steps >= self.episode.max_steps
        reward = np.zeros(len(curve), np.float32)
        reward[-1] = success
        return Advanced(
            reward=reward,
            progress=np.array(curve, np.float32),
            events=tuple(events),
            stage=stage,
            success=success,
            terminated=success,
            truncated=truncated,
            observation=None if success or truncated else self._observe(),
            failure=self._failures.label() if truncated else "",
        )

    def _control(self, action: Array) -> None:
        """Execute one checked action."""
        self._move(self.target + action[:6], float(action[6]))

    def _move(self, target: Array, opening: float) -> None:
        """Lead the servos to joint angles, within their limits and not far ahead of the joints, and to an opening."""
        joints = self.world.joints()
        self.target = target.clip(joints - LEAD_RAD, joints + LEAD_RAD).clip(LOW, HIGH)
        self.opening = opening
        self.world.step(self.target, opening)

    def _observe(self) -> dict[str, Any]:
        self.renders += len(self.cameras)
        return {
            "images": {camera: self.frame(camera) for camera in self.cameras},
            "state": self.world.state().astype(np.float32),
            "instruction": self.episode.instruction,
        }

    def frame(self, camera: str) -> ImageArray:
        """(H, W, 3) uint8, upright: what the camera with that role sees now."""
        return self.renderer.draw(self.world.model, self.world.data, camera)

    def render(self) -> ImageArray | None:
        """The agent camera's frame, for gymnasium."""
        return self.frame("agent") if self.render_mode == "rgb_array" else None

    def expert_action(self) -> FloatArray:
        """(7,) what the scripted expert does now; its choices are drawn from the episode's seed."""
        target, opening = self._expert_target()
        action = np.array([*(target - self.target), opening], np.float32)
        return action.clip(*self.action.bounds())

    def _expert_target(self) -> tuple[Array, float]:
        """Joint angles and gripper opening that the expert wants next."""
        if self._expert is None:
            self._expert = Expert(self.world, self.goal, self.episode.seed)
        return self._expert.next(self.seen)

    def fingerprint(self) -> str:
        """Hash of the start: simulator state, every pose, all that is drawn, and the instruction."""
        digest = hashlib.sha256(self.episode.instruction.encode())
        for array in self.world.arrays():
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()[:32]

    def close(self) -> None:
        """Give back the renderer."""
        self.renderer.close()
