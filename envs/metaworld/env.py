"""The Meta-World environment; the contract stands in the package's docstring."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterable, Sequence
from types import ModuleType
from typing import Any, ClassVar

import mujoco
import numpy as np
import numpy.typing as npt
from metaworld.env_dict import ALL_V3_ENVIRONMENTS
from metaworld.policies import ENV_POLICY_MAP
from metaworld.sawyer_xyz_env import SawyerXYZEnv

from envs import metaworld
from envs.episodes import Step
from envs.metaworld.lean import make_lean
from envs.metaworld.progress import Progress
from envs.rendering import MujocoEnv
from protocols.contracts import Episode, FloatArray, ImageArray

VIEWS = {"agent": "corner4", "wrist": "gripperPOV"}
UPSIDE_DOWN = {"agent"}
NO_HORIZON = 10**9


class MetaWorld(MujocoEnv):
    """All 50 tasks in one environment; it holds the simulator of one task at a time.

    Arguments and errors: see `EpisodeEnv`.
    """

    module: ClassVar[ModuleType] = metaworld
    tasks: ClassVar[Collection[str]] = ALL_V3_ENVIRONMENTS

    def __init__(self, task: str = "reach-v3", cameras: Sequence[str] = metaworld.CAMERAS, **options: Any) -> None:
        super().__init__(task, cameras, **options)
        self._sim: SawyerXYZEnv | None = None

    def _start(self, episode: Episode) -> None:
        sim = self._open(episode.task)
        sim.seed(episode.seed)
        sim.reset()
        # What reset has moved in the model is not yet in the data. A kinematics pass shows it; mj_forward would too,
        # but it also changes the solver's warm start and with it every later step.
        mujoco.mj_kinematics(sim.model, sim.data)
        mujoco.mj_comPos(sim.model, sim.data)
        mujoco.mj_camlight(sim.model, sim.data)
        sim._prev_obs = sim._get_curr_obs_combined_no_goal()
        self._raw = sim._get_obs()
        self._progress = Progress(sim)
        self._expert = ENV_POLICY_MAP[episode.task]()  # type: ignore[abstract]

    @property
    def sim(self) -> SawyerXYZEnv:
        """Upstream's simulator of the episode's task."""
        assert self._sim is not None, "reset comes first"
        return self._sim

    def _open(self, task: str) -> SawyerXYZEnv:
        """The simulator of `task`; the one of the task before goes, with its renderer."""
        sim_class = ALL_V3_ENVIRONMENTS[task]
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

    def _step(self, action: FloatArray) -> Step:
        self._raw, reward, _, _, info = self.sim.step(action)
        measured = self._progress.update(info)
        return Step(float(reward), measured.progress, measured.stage, measured.events, bool(info["success"]))

    def _state(self) -> FloatArray:
        state: FloatArray = self._raw[: len(metaworld.STATE)].astype(np.float32)
        return state

    def _draw(self, camera: str) -> ImageArray:
        image = self.renderer.draw(self.sim.model, self.sim.data, VIEWS[camera])
        return np.ascontiguousarray(image[::-1, ::-1]) if camera in UPSIDE_DOWN else image

    def expert_action(self) -> FloatArray:
        """(4,) what the package's scripted policy for the task does now."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns at every step that its actions exceed 1, as they are meant to
            action: FloatArray = self._expert.get_action(self._raw).astype(np.float32)
        return action.clip(*metaworld.ACTION.bounds())

    def simulator_state(self) -> npt.NDArray[np.float64]:
        """(1 + nq + nv,) time, positions, velocities."""
        data = self.sim.data
        return np.concatenate([[data.time], data.qpos, data.qvel])

    def _start_arrays(self) -> Iterable[npt.NDArray[Any]]:
        model, data, goal = self.sim.model, self.sim.data, np.asarray(self.sim._target_pos, np.float64)
        yield from (data.qpos, data.qvel, data.mocap_pos, data.mocap_quat, data.qacc_warmstart, data.ctrl)
        yield from (data.xpos, data.xquat, data.site_xpos, data.cam_xpos, model.cam_quat, goal)

    def close(self) -> None:
        """Give back the simulator and the renderer."""
        super().close()
        self._sim = None
