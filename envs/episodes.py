"""What the environments of the suites have in common: episodes of control steps, frames drawn when somebody looks."""

from __future__ import annotations

import functools
import hashlib
from abc import abstractmethod
from collections.abc import Collection, Iterable, Sequence
from types import ModuleType
from typing import Any, ClassVar, NamedTuple

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from gymnasium.error import ResetNeeded

import protocols
from protocols.contracts import (
    RENDER_PROFILES,
    Advanced,
    EnvSpec,
    Episode,
    Event,
    FloatArray,
    ImageArray,
    at_least_one,
    check_actions,
)
from protocols.registry import require

INSTRUCTION_CHARACTERS = 200
PRINTABLE = frozenset(map(chr, range(32, 127)))


class Measured(NamedTuple):
    """What a control step has come to: progress in [0, 1], the stage, the events of this step."""

    progress: float
    stage: str
    events: tuple[str, ...]


class Step(NamedTuple):
    """What one control step has come to: the suite's reward, ground-truth progress, stage, events, verdict.

    failed: the episode ends here, before its horizon. told: the policy is told something else from here on.
    """

    reward: float
    progress: float
    stage: str
    events: tuple[str, ...]
    success: bool
    failed: bool = False
    told: bool = False


class EpisodeEnv(gymnasium.Env[dict[str, Any], FloatArray]):
    """An environment for every task of a suite; a suite says how an episode starts, and what a control step does.

    Args:
        task: task of episodes that are not given, when `reset` is called without one.
        cameras: camera roles to draw; with none, no renderer is ever made.
        image_size_px: height and width of the images, as the suite's `spec` has it for each camera.
        render: render profile, "official" or "fast".
        max_steps: horizon of episodes that are not given.
        shift: perturbation of episodes that are not given.
        render_mode: for gymnasium; "rgb_array" makes `render` return the agent camera's frame.

    Raises:
        LookupError: an unknown task, camera, shift or render profile.
        ValueError: a size or horizon below 1.
    """

    module: ClassVar[ModuleType]  # the suite, see `envs`
    tasks: ClassVar[Collection[str]]
    episode: Episode
    steady = False  # the expert leaves nothing to chance; asked when it first acts in an episode

    def __init__(
        self,
        task: str,
        cameras: Sequence[str] = ("agent",),
        image_size_px: int = 224,
        render: str = "official",
        max_steps: int = 400,
        shift: str = "none",
        render_mode: str | None = None,
    ) -> None:
        self._spec: EnvSpec = self.module.spec(at_least_one("image_size_px", image_size_px))
        roles = (cameras,) if isinstance(cameras, str) else cameras
        self.cameras = tuple(require("camera", camera, self._spec.observation.cameras) for camera in roles)
        self._size_px, self._render = image_size_px, require("render profile", render, RENDER_PROFILES)
        self.metadata = {"render_modes": ["rgb_array"], "render_fps": round(self._spec.action.rate_hz)}
        self.render_mode = render_mode
        self.renders = self.clipped = self._steps = 0
        self._ended, self._highest = True, 0.0
        self._default_task, self._default_max_steps = (
            require("task", task, self.tasks),
            at_least_one("max_steps", max_steps),
        )
        self._default_shift = require("shift", shift, self.module.SHIFTS)
        sizes = {camera: self._spec.observation.cameras[camera] for camera in self.cameras}
        images: dict[str, gymnasium.Space[Any]] = {
            camera: spaces.Box(0, 255, (*size, 3), np.uint8) for camera, size in sizes.items()
        }
        self.observation_space = spaces.Dict(
            {
                "images": spaces.Dict(images),
                "state": spaces.Box(-np.inf, np.inf, (len(self._spec.observation.state),), np.float32),
                "instruction": spaces.Text(INSTRUCTION_CHARACTERS, charset=PRINTABLE),
            }
        )
        self.action_space = spaces.Box(*self._spec.action.bounds(), dtype=np.float32)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Reach the start of `options["episode"]`, or of the default task with that seed.

        Returns:
            The observation, and an info with the start's fingerprint and the name of the GL renderer.

        Raises:
            LookupError: an unknown task or shift.
        """
        super().reset(seed=seed)
        self.episode = (options or {}).get("episode") or self._default_episode(seed)
        require("task", self.episode.task, self.tasks)
        require("shift", self.episode.shift, self.module.SHIFTS)
        self._ended = True  # until the start is reached
        self._start(self.episode)
        self.renders = self.clipped = self._steps = 0
        self._ended, self._highest = False, 0.0
        observation = self._observe()
        return observation, {"fingerprint": self.fingerprint(), "renderer": self.renderer_name()}

    def _default_episode(self, seed: int | None) -> Episode:
        suite, instruction = told(self.module.DEFAULT_PROTOCOL, self._default_task, self._default_shift)
        drawn = int(self.np_random.integers(2**32)) if seed is None else seed
        max_steps, shift = self._default_max_steps, self._default_shift
        return Episode(suite, self._default_task, instruction, 0, drawn, max_steps, shift=shift)

    @abstractmethod
    def _start(self, episode: Episode) -> None:
        """Reach the start of the episode; nothing survives from the one before."""

    def step(self, action: FloatArray) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        """One control step with a full observation, as gymnasium has it.

        The info has `success`; `progress` and its maximum so far, `highest_progress`; `stage`; `events`; `failure`, how
        a failed episode has failed, where the suite can tell; `clipped`, how many actions so far were out of range.
        """
        done = self.advance(np.asarray(action)[None])
        info = {
            "success": done.success,
            "progress": float(done.progress[-1]),
            "highest_progress": self._highest,
            "stage": done.stage,
            "events": [event.name for event in done.events],
            "failure": done.failure,
            "clipped": self.clipped,
        }
        observation = done.observation or self._observe()
        return observation, float(done.reward[-1]), done.terminated, done.truncated, info

    def advance(self, actions: npt.ArrayLike) -> Advanced:
        """Execute (T, A) actions until they are used up, the episode ends, or its instruction changes.

        Raises:
            ActionError: a wrong shape or a number that is not finite.
            ResetNeeded: no episode has begun, or it is over.
        """
        if self._ended:
            raise ResetNeeded("no episode is running; call reset first")
        checked = check_actions(actions, self._spec.action, self._steps)
        given, left = np.asarray(actions, np.float32), self.episode.max_steps - self._steps
        steps: list[Step] = []
        events: list[Event] = []
        for action, asked in zip(checked[:left], given, strict=False):
            steps.append(self._step(action))
            self._steps += 1
            self.clipped += bool((action != asked).any())
            events += [Event(self._steps, name) for name in steps[-1].events]
            if steps[-1].success or steps[-1].failed or steps[-1].told:
                break
        success = steps[-1].success
        truncated = not success and (steps[-1].failed or self._steps >= self.episode.max_steps)
        self._ended = success or truncated
        progress = np.array([step.progress for step in steps], np.float32)
        self._highest = max(self._highest, float(progress.max()))
        return Advanced(
            reward=np.array([step.reward for step in steps], np.float32),
            progress=progress,
            events=tuple(events),
            stage=steps[-1].stage,
            success=success,
            terminated=success,
            truncated=truncated,
            observation=None if self._ended else self._observe(),
            failure=self._failure() if truncated else "",
        )

    @abstractmethod
    def _step(self, action: FloatArray) -> Step:
        """Execute one (A,) action within the range."""

    def _failure(self) -> str:
        """How the episode has failed that ends here, where the suite can tell."""
        return ""

    def _observe(self) -> dict[str, Any]:
        self.renders += len(self.cameras)
        return {
            "images": {camera: self.frame(camera) for camera in self.cameras},
            "state": self._state(),
            "instruction": self._instruction(),
        }

    def _instruction(self) -> str:
        """What the policy is told now."""
        return self.episode.instruction

    @abstractmethod
    def _state(self) -> FloatArray:
        """(S,) float32, as the spec names its entries."""

    def frame(self, camera: str) -> ImageArray:
        """(H, W, 3) uint8, upright: what the camera with that role sees now. Raises LookupError for an unknown one."""
        return self._draw(require("camera", camera, self._spec.observation.cameras))

    @abstractmethod
    def _draw(self, camera: str) -> ImageArray:
        """The frame of a camera that there is."""

    def render(self) -> ImageArray | None:
        """The agent camera's frame, for gymnasium."""
        return self.frame("agent") if self.render_mode == "rgb_array" else None

    @abstractmethod
    def expert_action(self) -> FloatArray:
        """(A,) what the suite's scripted expert does now."""

    def simulator_state(self) -> npt.NDArray[np.float64]:
        """(n,) the simulator's flattened state now: time, positions, velocities; demonstrations keep it."""
        raise NotImplementedError(f"suite {self.module.__name__!r} does not tell its simulator's state yet")

    def fingerprint(self) -> str:
        """Hash of the start that was reached, and of what is told."""
        digest = hashlib.sha256(self.episode.instruction.encode())
        for array in self._start_arrays():
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()[:32]

    @abstractmethod
    def _start_arrays(self) -> Iterable[npt.NDArray[Any]]:
        """All that the start consists of: simulator state, poses, what is drawn."""

    @abstractmethod
    def renderer_name(self) -> str:
        """What draws, such as "llvmpipe (LLVM 15.0.6, 256 bits)"; "none" before the first frame."""


@functools.cache
def told(default_protocol: str, task: str, shift: str) -> tuple[str, str]:
    """The suite's name and what a policy is told: by its default protocol, or by another one of its starts.

    The first that has the task with that shift tells, and where there is none the first that has it without one.
    """
    default = protocols.load(default_protocol)
    found = (
        row.instruction
        for wanted in (shift, "none")
        for name in (default_protocol, *protocols.names())
        if ((one := protocols.load(name)).starts, one.shift) == (default.starts, wanted)
        for row in one.tasks
        if row.name == task
    )
    return default.suite, next(found)
