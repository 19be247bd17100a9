"""The CALVIN environment; the contract stands in the package's docstring."""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from types import ModuleType
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

import protocols
from envs import calvin
from envs.asset_files import Assets
from envs.calvin import chains
from envs.calvin.assets import prepare
from envs.calvin.cameras import Cameras
from envs.calvin.expert.expert import Expert
from envs.calvin.oracles import solved
from envs.calvin.progress import Progress
from envs.calvin.states import Floats, Snapshot
from envs.calvin.world import World
from envs.episodes import EpisodeEnv, Step
from protocols.contracts import CHAIN, SOLVED, ActionError, Advanced, Episode, FloatArray, ImageArray, check_actions

SUBTASK_STEPS = 360
GRIPPER = 6  # place in an action


class Calvin(EpisodeEnv):
    """All chains and single tasks in one environment; it holds the simulator of one scene at a time.

    Args:
        task: task of episodes that are not given.
        cameras: camera roles to draw.
        image_size_px: height and width of the agent camera's images.
        assets: where asset files come from, see `envs.calvin.assets.prepare`, or what that has returned.
        strict: refuse actions whose gripper entry is neither -1 nor 1, as upstream does; else its sign counts.
        options: further arguments and errors: see `EpisodeEnv`.

    Raises:
        LookupError, ValueError: no asset files, or broken ones, see `envs.calvin.assets.prepare`.
    """

    module: ClassVar[ModuleType] = calvin
    tasks: ClassVar[Collection[str]] = chains.TASKS
    button: ClassVar[str] = "main"

    def __init__(
        self,
        task: str = "chain_D",
        cameras: Sequence[str] = calvin.CAMERAS,
        image_size_px: int = 200,
        assets: str | Assets = "auto",
        strict: bool = False,
        max_steps: int = 5 * SUBTASK_STEPS,
        **options: Any,
    ) -> None:
        super().__init__(task, cameras, image_size_px, max_steps=max_steps, **options)
        self._assets = prepare(assets) if isinstance(assets, str) else assets
        self._strict = strict
        self._world: World | None = None
        self._cameras: Cameras | None = None

    @property
    def world(self) -> World:
        """The simulator of the episode's scene."""
        assert self._world is not None, "reset comes first"
        return self._world

    def _default_episode(self, seed: int | None) -> Episode:
        episode = super()._default_episode(seed)
        return replace(episode, index=episode.seed % calvin.SEQUENCES)

    def _start(self, episode: Episode) -> None:
        self.chain = chains.of(episode)
        if self._world is None or self._world.scene != self.chain.scene:
            self.close()
            self._world = World(self.chain.scene, self._assets.folder, self.button)
        self._world.reset(self.chain.start)
        self._expert: Expert | None = None
        self._begin(0, self.world.snapshot())

    def _begin(self, number: int, now: Snapshot) -> None:
        """Ask for the subtask of that number."""
        self._number, self._subtask_steps, self._before = number, 0, now
        self._progress = Progress(self.subtask, self._before, self.chain.scene, self.world.robot_obs())
        if self._expert is not None:
            self._expert.begin(self.subtask)

    @property
    def subtask(self) -> str:
        """Name of the subtask at hand."""
        return self.chain.subtasks[self._number]

    def _instruction(self) -> str:
        last_of_its_own = self.episode.task not in chains.CHAINS and self._number == len(self.chain.subtasks) - 1
        return self.episode.instruction if last_of_its_own else instructions()[self.subtask]

    def advance(self, actions: npt.ArrayLike) -> Advanced:
        """Execute (T, A) actions, see `EpisodeEnv.advance`."""
        if self._strict:
            for number, action in enumerate(check_actions(actions, self._spec.action, self._steps), self._steps + 1):
                if action[GRIPPER] not in (-1.0, 1.0):
                    told = f"the action at step {number} has {action[GRIPPER]:g} for the gripper"
                    raise ActionError(f"{told}; in the strict mode it must be -1 or 1")
        return super().advance(actions)

    def _step(self, action: FloatArray) -> Step:
        self._act(action.astype(np.float64))
        self._subtask_steps += 1
        now = self.world.snapshot()
        done = solved(self.subtask, self._before, now)
        measured = self._progress.update(now, self.world.robot_obs(), done)
        stage, events = f"{self.subtask} {measured.stage}", measured.events
        if self._steps == 0:
            events = (CHAIN + ", ".join(self.chain.subtasks), *events)
        progress = (self._number + measured.progress) / len(self.chain.subtasks)
        if not done:
            return Step(0.0, progress, stage, events, False, failed=self._subtask_steps >= SUBTASK_STEPS)
        events = (*events, SOLVED + self.subtask)
        if self._number == len(self.chain.subtasks) - 1:
            return Step(1.0, 1.0, stage, events, True)
        self._begin(self._number + 1, now)
        return Step(1.0, progress, stage, events, False, told=True)

    def _act(self, action: Floats) -> None:
        """Execute one (7,) action."""
        self.world.step(with_sign(action))

    def _failure(self) -> str:
        return self.subtask

    def _state(self) -> FloatArray:
        return self.world.robot_obs().astype(np.float32)

    def simulator_state(self) -> Floats:
        """(n,) see `World.state`."""
        return self.world.state()

    def _draw(self, camera: str) -> ImageArray:
        if self._cameras is None:
            sizes = {role: size[0] for role, size in self._spec.observation.cameras.items()}
            self._cameras = Cameras(self.chain.scene, self._assets.folder, sizes, self._render)
        return self._cameras.frame(camera, self.world)

    def renderer_name(self) -> str:
        """What draws: the name of the GL renderer, or "TinyRenderer"; "none" before the first frame."""
        return self._cameras.name() if self._cameras else "none"

    def expert_action(self) -> FloatArray:
        """(7,) what the scripted expert does now."""
        return self._expert_move().astype(np.float32)

    def _expert_move(self) -> Floats:
        """(7,) what the scripted expert does now, as a relative action in [-1, 1]."""
        if self._expert is None:
            self._expert = Expert(self.world)
            self._expert.begin(self.subtask)
        return self._expert.action().clip(-1.0, 1.0)

    def _start_arrays(self) -> Iterable[npt.NDArray[Any]]:
        asked = "\n".join((self.chain.scene, *self.chain.subtasks, self._instruction()))
        yield np.frombuffer(asked.encode(), np.uint8)
        yield from (self.world.state(), self.world.robot_obs(), self.world.scene_obs())

    def close(self) -> None:
        """Give back the simulator and the renderer."""
        for part in (self._world, self._cameras):
            if part is not None:
                part.close()
        self._world = self._cameras = None
        self._ended = True


def with_sign(action: Floats) -> Floats:
    """The action with a gripper entry that is 1 where it was positive, else -1; as upstream's agents do it."""
    action[GRIPPER] = 1.0 if action[GRIPPER] > 0 else -1.0
    return action


@functools.cache
def instructions() -> dict[str, str]:
    """What is told, by subtask."""
    return {task.name.removesuffix("_D"): task.instruction for task in protocols.load("calvin_tasks_d").tasks}
