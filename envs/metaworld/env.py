"""The Meta-World environment; the contract stands in the package's docstring."""

from __future__ import annotations

import functools
import hashlib
import warnings
from collections.abc import Sequence
from typing import Any

import gymnasium
import mujoco
import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from metaworld.env_dict import ALL_V3_ENVIRONMENTS
from metaworld.policies import ENV_POLICY_MAP
from metaworld.sawyer_xyz_env import SawyerXYZEnv

import protocols
from envs.metaworld import ACTION, CAMERAS, DEFAULT_PROTOCOL, SHIFTS, STATE
from envs.metaworld.lean import make_lean
from envs.metaworld.progress import Progress
from envs.rendering import Renderer
from protocols.contracts import Advanced, Episode, Event, FloatArray, ImageArray, check_actions
from protocols.registry import require

VIEWS = {"agent": "corner4", "wrist": "gripperPOV"}
UPSIDE_DOWN = {"agent"}
NO_HORIZON = 10**9
INSTRUCTION_CHARACTERS = 200
PRINTABLE = frozenset(map(chr, range(32, 127)))


@functools.cache
def instructions() -> dict[str, str]:
    """What the default protocol tells a policy, by task."""
    return {task.name: task.instruction for task in protocols.load(DEFAULT_PROTOCOL).tasks}


class MetaWorld(gymnasium.Env[dict[str, Any], FloatArray]):
    """All 50 tasks in one environment; it holds the simulator of one task at a time.

    Args:
        task: task of episodes that are not given, when `reset` is called without one.
        cameras: camera roles to draw, "agent" and "wrist"; with none, no renderer is ever made.
        image_size_px: height and width of the images.
        render: render profile, "official" or "fast".
        max_steps: horizon of episodes that are not given.
        render_mode: for gymnasium; "rgb_array" makes `render` return the agent camera's frame.

    Raises:
        LookupError: an unknown task, camera or render profile.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 80}  # noqa: RUF012, as gymnasium has it
    episode: Episode

    def __init__(
        self,
        task: str = "reach-v3",
        cameras: Sequence[str] = CAMERAS,
        image_size_px: int = 224,
        render: str = "official",
        max_steps: int = 400,
        render_mode: str | None = None,
    ) -> None:
        self.cameras = tuple(require("camera", camera, VIEWS) for camera in cameras)
        self.renderer = Renderer(image_size_px, render)
        self.render_mode = render_mode
        self.renders = 0
        self._default = (require("task", task, ALL_V3_ENVIRONMENTS), max_steps)
        self._sim: SawyerXYZEnv | None = None
        image = spaces.Box(0, 255, (image_size_px, image_size_px, 3), np.uint8)
        self.observation_space = spaces.Dict(
            {
                "images": spaces.Dict(dict.fromkeys(self.cameras, image)),
                "state": spaces.Box(-np.inf, np.inf, (len(STATE),), np.float32),
                "instruction": spaces.Text(INSTRUCTION_CHARACTERS, charset=PRINTABLE),
            }
        )
        self.action_space = spaces.Box(*ACTION.bounds(), dtype=np.float32)

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
        require("shift", self.episode.shift, SHIFTS)
        sim = self._open(self.episode.task)
        sim.seed(self.episode.seed)
        sim.reset()
        # What reset has moved in the model is not yet in the data. A kinematics pass shows it; mj_forward would too,
        # but it also changes the solver's warm start and with it every later step.
        mujoco.mj_kinematics(sim.model, sim.data)
        mujoco.mj_comPos(sim.model, sim.data)
        mujoco.mj_camlight(sim.model, sim.data)
        sim._prev_obs = sim._get_curr_obs_combined_no_goal()
        self._raw = sim._get_obs()
        self._progress = Progress(sim)
        self._expert = ENV_POLICY_MAP[self.episode.task]()  # type: ignore[abstract]
        self._steps = 0
        self.renders = 0
        observation = self._observe()
        return observation, {"fingerprint": self.fingerprint(), "renderer": self.renderer.name()}

    def _default_episode(self, seed: int | None) -> Episode:
        task, max_steps = self._default
        drawn = int(self.np_random.integers(2**32)) if seed is None else seed
        return Episode("metaworld", task, instructions()[task], 0, drawn, max_steps)

    @property
    def sim(self) -> SawyerXYZEnv:
        """Upstream's simulator of the episode's task."""
        assert self._sim is not None, "reset comes first"
        return self._sim

    def _open(self, task: str) -> SawyerXYZEnv:
        """The simulator of `task`; the one of the task before goes, with its renderer."""
        sim_class = ALL_V3_ENVIRONMENTS[require("task", task, ALL_V3_ENVIRONMENTS)]
        if type(self._sim) is sim_class:
            return self._sim
        self.close()
        self._sim = sim = sim_class()
        sim.seeded_rand_vec, sim._freeze_rand_vec = True, False
        sim._set_task_called, sim._partially_observable = True, False
        del sim.sawyer_observation_space  # cached while the goal was hidden; every observation is clipped to it
        make_lean(sim)
        sim.max_path_length = NO_HORIZON  # the horizon is the episode's
        return sim

    def step(self, action: FloatArray) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        """One control step with a full observation, as gymnasium has it."""
        done = self.advance(np.asarray(action)[None])
        info = {
            "success": done.success,
            "progress": float(done.progress[-1]),
            "stage": done.stage,
            "events": [event.name for event in done.events],
        }
        observation = done.observation or self._observe()
        return observation, float(done.reward[-1]), done.terminated, done.truncated, info

    def advance(self, actions: npt.ArrayLike) -> Advanced:
        """Execute (T, 4) actions until they are used up, the task is solved or the horizon is reached.

        Raises:
            ActionError: a wrong shape or a number that is not finite.
        """
        sim = self.sim
        rewards, curve, events = [], [], []
        success, stage = False, ""
        for action in check_actions(actions, ACTION, self._steps)[: self.episode.max_steps - self._steps]:
            self._raw, reward, _, _, info = sim.step(action)
            self._steps += 1
            measured = self._progress.update(info)
            rewards.append(reward)
            curve.append(measured.progress)
            events += [Event(self._steps, name) for name in measured.events]
            stage, success = measured.stage, bool(info["success"])
            if success:
                break
        truncated = not success and self._steps >= self.episode.max_steps
        return Advanced(
            reward=np.array(rewards, np.float32),
            progress=np.array(curve, np.float32),
            events=tuple(events),
            stage=stage,
            success=success,
            terminated=success,
            truncated=truncated,
            observation=None if success or truncated else self._observe(),
        )

    def _observe(self) -> dict[str, Any]:
        self.renders += len(self.cameras)
        return {
            "images": {camera: self.frame(camera) for camera in self.cameras},
            "state": self._raw[: len(STATE)].astype(np.float32),
            "instruction": self.episode.instruction,
        }

    def frame(self, camera: str) -> ImageArray:
        """(H, W, 3) uint8, upright: what the camera with that role sees now."""
        image = self.renderer.draw(self.sim.model, self.sim.data, VIEWS[camera])
        return np.ascontiguousarray(image[::-1, ::-1]) if camera in UPSIDE_DOWN else image

    def render(self) -> ImageArray | None:
        """The agent camera's frame, for gymnasium."""
        return self.frame("agent") if self.render_mode == "rgb_array" else None

    def expert_action(self) -> FloatArray:
        """(4,) what the package's scripted policy for the task does now."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns at every step that its actions exceed 1, as they are meant to
            action: FloatArray = self._expert.get_action(self._raw).astype(np.float32)
        return action.clip(*ACTION.bounds())

    def fingerprint(self) -> str:
        """Hash of the start: simulator state, every body, site and camera pose, goal and instruction."""
        model, data = self.sim.model, self.sim.data
        digest = hashlib.sha256(self.episode.instruction.encode())
        for array in (data.qpos, data.qvel, data.mocap_pos, data.mocap_quat, data.qacc_warmstart, data.ctrl):
            digest.update(array.tobytes())
        for array in (data.xpos, data.xquat, data.site_xpos, data.cam_xpos, model.cam_quat, self.sim._target_pos):
            digest.update(np.asarray(array, np.float64).tobytes())
        return digest.hexdigest()[:32]

    def close(self) -> None:
        """Give back the simulator and the renderer."""
        self.renderer.close()
        self._sim = None
