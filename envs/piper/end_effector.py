"""The same arm driven by displacements of its hand, as policies trained on 7-D deltas do it; see `envs.piper_ee`.

The hand's target moves by the action. Damped least squares on the arm's Jacobian turn what is left to the target into
joint angles; a joint that would pass its limit is held there, and the others make up for it as far as they can. Place
comes before rotation: a turn that the wrist cannot make does not take the hand away. The servos stay position servos.
"""

from __future__ import annotations

from types import ModuleType
from typing import ClassVar

import mujoco
import numpy as np
import numpy.typing as npt

from envs import piper_ee
from envs.piper.env import Piper
from envs.piper.kinematics import HIGH, LOW, Pose, forward
from protocols.contracts import Episode, FloatArray
from protocols.rotations import matrix_from_vector, vector_from_matrix

Array = npt.NDArray[np.float64]
SCALE = np.array([0.05] * 3 + [0.5] * 3)  # metres and rad of an action of 1
LEAD_M, LEAD_RAD = 0.06, 0.5
FASTEST_RAD = 0.15
DAMPING, TURN_WEIGHT_M = 0.01, 0.1  # a rotation of 1 rad weighs as much as so many metres


class EndEffectorPiper(Piper):
    """`Piper` with another action; everything else is the same, the starts too."""

    module: ClassVar[ModuleType] = piper_ee
    hand: Pose  # where the hand is asked to be, frame of `base_link`

    def _start(self, episode: Episode) -> None:
        super()._start(episode)
        self.hand = forward(self.target)

    def _control(self, action: Array) -> None:
        shift = action[:6] * SCALE
        joints = self.world.joints()
        now = forward(joints)
        asked = Pose(self.hand.position + shift[:3], matrix_from_vector(shift[3:]) @ self.hand.rotation)
        lead = _at_most(asked.position - now.position, LEAD_M)
        turn = _at_most(vector_from_matrix(asked.rotation @ now.rotation.T), LEAD_RAD)
        self.hand = Pose(now.position + lead, matrix_from_vector(turn) @ now.rotation)
        wanted = joints + self._joint_displacement(joints, np.array([*lead, *(TURN_WEIGHT_M * turn)]))
        self._move(wanted.clip(self.target - FASTEST_RAD, self.target + FASTEST_RAD), float(1 - action[6]) / 2)

    def _joint_displacement(self, joints: Array, error: Array) -> Array:
        """(6,) rad that take the hand nearer by (6,) metres and weighted rad, no joint past its limit."""
        model, data = self.world.model, self.world.data
        full = np.zeros((6, model.nv))
        mujoco.mj_jacSite(model, data, full[:3], full[3:], model.site("tcp").id)
        jacobian = full[:, self.world.dofs]
        jacobian[3:] *= TURN_WEIGHT_M
        displacement, free = np.zeros(6), np.ones(6, bool)
        while free.any():
            arm, left = jacobian[:, free], error - jacobian[:, ~free] @ displacement[~free]
            displacement[free] = arm.T @ np.linalg.solve(arm @ arm.T + DAMPING**2 * np.eye(6), left)
            within = (joints + displacement).clip(LOW, HIGH) - joints
            over = free & (abs(within - displacement) > 1e-9)
            if not over.any():
                break
            displacement[over], free = within[over], free & ~over
        return displacement

    def expert_action(self) -> FloatArray:
        """(7,) the hand's displacement that follows the scripted expert."""
        joints, opening = self._expert_target()
        wanted = forward(joints)
        turn = vector_from_matrix(wanted.rotation @ self.hand.rotation.T)
        displacement = np.concatenate([wanted.position - self.hand.position, turn]) / SCALE
        return np.array([*displacement, 1 - 2 * opening], np.float32).clip(*self._spec.action.bounds())


def _at_most(vector: Array, length: float) -> Array:
    """The vector, shortened to a length where it is longer."""
    longer = float(np.linalg.norm(vector)) / length
    return vector / max(longer, 1.0)
