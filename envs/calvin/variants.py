"""CALVIN with another button or another action; everything else, the starts too, is that of `Calvin`."""

from __future__ import annotations

from types import ModuleType
from typing import ClassVar

import numpy as np

from envs import calvin_absolute, calvin_pinned
from envs.calvin.env import Calvin, with_sign
from envs.calvin.robot import POSITION_SCALE, TURN_SCALE
from envs.calvin.states import Floats
from protocols.contracts import FloatArray


class PinnedCalvin(Calvin):
    """With the button of calvin_env@1431a46, see `envs.calvin_pinned`."""

    module: ClassVar[ModuleType] = calvin_pinned
    button: ClassVar[str] = "pinned"


class AbsoluteCalvin(Calvin):
    """Driven by absolute poses, see `envs.calvin_absolute`."""

    module: ClassVar[ModuleType] = calvin_absolute

    def _act(self, action: Floats) -> None:
        *_, gripper = with_sign(action)
        position, euler = action[:3], action[3:6]
        self.world.step_to(position, euler, gripper)
        self.world.robot.target_position, self.world.robot.target_euler = position, euler  # the expert goes on from it

    def expert_action(self) -> FloatArray:
        """(7,) the pose to which the scripted expert would move what is asked for."""
        relative, robot = self._expert_move(), self.world.robot
        position = robot.target_position + POSITION_SCALE * relative[:3]
        euler = robot.target_euler + TURN_SCALE * relative[3:6]
        action = np.concatenate([position, euler, relative[6:]], dtype=np.float32)
        return action.clip(*self._spec.action.bounds())
