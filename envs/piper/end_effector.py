"""The same arm driven by displacements of its hand, as policies trained on 7-D deltas do it; see `envs.piper_ee`.

The hand's target moves by the action; damped least squares on the arm's Jacobian turn what is left to the target into
joint angles. As in robosuite's operational-space controller, a step is at most 5 cm and 0.5 rad along each axis; unlike
it, the servos stay position servos, and the target never leads the hand by more than 6 cm and 0.5 rad.
"""

from __future__ import annotations

from typing import ClassVar

import mujoco
import numpy as np
import numpy.typing as npt

from envs.piper.env import Piper
from envs.piper.kinematics import Pose, forward
from envs.piper_ee import ACTION
from protocols.contracts import ActionSpec, FloatArray
from protocols.rotations import matrix_from_vector, vector_from_matrix

Array = npt.NDArray[np.float64]
STEP_M, STEP_RAD = 0.05, 0.5
LEAD_M, LEAD_RAD = 0.06, 0.5
FASTEST_RAD = 0.15
DAMPING = 0.03
SCALE = np.array([STEP_M] * 3 + [STEP_RAD] * 3)


class EndEffectorPiper(Piper):
    """`Piper` with another action; everything else is the same, the starts too."""

    suite: ClassVar[str] = "piper_ee"
    action: ClassVar[ActionSpec] = ACTION
    hand: Pose  # where the hand is asked to be, frame of `base_link`

    def _begin(self) -> None:
        super()._begin()
        self.hand = forward(self.target)

    def _control(self, action: Array) -> None:
        shift = action[:6] * SCALE
        now = forward(self.world.joints())
        asked = Pose(self.hand.position + shift[:3], matrix_from_vector(shift[3:]) @ self.hand.rotation)
        lead, turn = asked.position - now.position, vector_from_matrix(asked.rotation @ now.rotation.T)
        lead, turn = _at_most(lead, LEAD_M), _at_most(turn, LEAD_RAD)
        self.hand = Pose(now.position + lead, matrix_from_vector(turn) @ now.rotation)
        wanted = self.world.joints() + self._joint_displacement(np.concatenate([lead, turn]))
        self._move(wanted.clip(self.target - FASTEST_RAD, self.target + FASTEST_RAD), float(1 - action[6]) / 2)

    def _joint_displacement(self, error: Array) -> Array:
        """(6,) rad that take the hand nearer by (6,) metres and rad, by damped least squares."""
        model, data = self.world.model, self.world.data
        jacobian = np.zeros((6, model.nv))
        mujoco.mj_jacSite(model, data, jacobian[:3], jacobian[3:], model.site("tcp").id)
        arm = jacobian[:, self.world.speeds]
        displacement: Array = arm.T @ np.linalg.solve(arm @ arm.T + DAMPING**2 * np.eye(6), error)
        return displacement

    def expert_action(self) -> FloatArray:
        """(7,) the hand's displacement that follows the scripted expert."""
        joints, opening = self._expert_target()
        wanted = forward(joints)
        turn = vector_from_matrix(wanted.rotation @ self.hand.rotation.T)
        displacement = np.concatenate([wanted.position - self.hand.position, turn]) / SCALE
        return np.array([*displacement, 1 - 2 * opening], np.float32).clip(*self.action.bounds())


def _at_most(vector: Array, length: float) -> Array:
    """The vector, shortened to a length where it is longer."""
    longer = float(np.linalg.norm(vector)) / length
    return vector / max(longer, 1.0)
