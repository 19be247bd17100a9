"""The LIBERO environment; the contract stands in the package's docstring."""

from __future__ import annotations

import gc
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from types import ModuleType
from typing import Any, ClassVar

import mujoco
import numpy as np
import numpy.typing as npt

from envs import libero
from envs.asset_files import Assets
from envs.episodes import Step
from envs.libero import upstream
from envs.libero.assets import prepare
from envs.libero.progress import Progress
from envs.libero.simulation import Array, Simulation
from envs.rendering import MujocoEnv
from protocols.contracts import Episode, FloatArray, ImageArray
from protocols.rotations import robosuite_vector

VIEWS = {"agent": "agentview", "wrist": "robot0_eye_in_hand"}


class Libero(MujocoEnv):
    """All 130 tasks in one environment; it holds the simulator of one task at a time.

    Args:
        task: task of episodes that are not given.
        cameras: camera roles to draw.
        image_size_px: height and width of the images.
        assets: where asset files come from, see `envs.libero.assets.prepare`, or what that has returned.
        options: further arguments and errors: see `EpisodeEnv`.

    Raises:
        LookupError, RuntimeError, ValueError: no asset files, or broken ones, see `envs.libero.assets.prepare`.
    """

    module: ClassVar[ModuleType] = libero

    def __init__(
        self,
        task: str = "pick_up_the_alphabet_soup_and_place_it_in_the_basket",
        cameras: Sequence[str] = libero.CAMERAS,
        image_size_px: int = 256,
        assets: str | Assets = "auto",
        **options: Any,
    ) -> None:
        super().__init__(task, cameras, image_size_px, **options)
        self.renderer.option = mujoco.MjvOption()
        self.renderer.option.geomgroup[0] = 0  # collision geoms
        self._assets = prepare(assets) if isinstance(assets, str) else assets
        self._simulation: Simulation | None = None

    @property
    def tasks(self) -> Collection[str]:  # type: ignore[override]
        """Names of all tasks."""
        return upstream.task_files()

    @property
    def simulation(self) -> Simulation:
        """The simulator of the episode's task."""
        assert self._simulation is not None, "reset comes first"
        return self._simulation

    def _default_episode(self, seed: int | None) -> Episode:
        episode = super()._default_episode(seed)
        return replace(episode, index=episode.seed % libero.INIT_STATES)

    def _start(self, episode: Episode) -> None:
        if self._simulation is None or self._simulation.task != episode.task:
            self.close()
            self._simulation = Simulation(episode.task, self._assets.folder)
        self._simulation.start(episode.split, episode.index, episode.seed)
        self._progress = Progress(self._simulation)
        self._stage = ""
        self._expert: Any = None

    def _step(self, action: FloatArray) -> Step:
        self.simulation.step(action.astype(np.float64))
        success = self.simulation.success()
        measured = self._progress.update(success, float(action[6]))
        self._stage = measured.stage
        return Step(float(success), measured.progress, measured.stage, measured.events, success)

    def _failure(self) -> str:
        return self._stage.partition(" ")[0]

    def _state(self) -> FloatArray:
        seen = self.simulation.observed
        arm, fingers = seen.joints[:7], seen.joints[7:]
        turn = robosuite_vector(seen.hand_quaternion)
        return np.concatenate([seen.hand_position, turn, fingers, arm], dtype=np.float32)

    def simulator_state(self) -> Array:
        """(n,) time, qpos, qvel: a row of `states` in LIBERO's files."""
        return self.simulation.state()

    def _draw(self, camera: str) -> ImageArray:
        image = self.renderer.draw(self.simulation.model, self.simulation.shown, VIEWS[camera])
        return np.ascontiguousarray(image[:, ::-1])

    def expert_action(self) -> FloatArray:
        """(7,) what the scripted expert does now."""
        if self._expert is None:
            from envs.libero.expert.expert import Expert

            self._expert = Expert(self.simulation)
        action: FloatArray = self._expert.next().astype(np.float32).clip(*self._spec.action.bounds())
        return action

    def _start_arrays(self) -> Iterable[npt.NDArray[Any]]:
        return self.simulation.arrays()

    def close(self) -> None:
        """Give back the simulator and the renderer."""
        super().close()
        if self._simulation is not None:
            self._simulation = None
            gc.collect()  # upstream's objects refer to one another in circles, and hold models of 100 MB
