"""The hand as the expert moves it: where the fingers are, and the action that leads towards a pose.

Frame of the hand: z points out between the fingers, the fingers close along x, the palm lies behind the grip point.
At the start it points straight down, x along the world's y.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from envs.libero.simulation import Array, Simulation
from protocols.rotations import vector_from_matrix

OPEN, CLOSED = -1.0, 1.0
GAIN_PER_M = 20.0  # action per metre of distance; 1 asks for 5 cm, of which one control step makes about 1.2
GAIN_PER_RAD = 2.0
NEAR_M, NEAR_RAD = 0.008, 0.06
STALLED_STEPS, STALLED_M = 6, 0.001  # without coming nearer by this much, a move has gone as far as it goes
WRIST_BACK_M, WRIST_OUT_M, SHOULDER_M = 0.204, 0.088, 0.333  # of the Panda: grip point to wrist, base to shoulder
STRETCHED_M = 0.665  # from shoulder to wrist; at 0.69 the elbow is straight
Skill = Iterator[Array]


class Hand:
    """The gripper of one simulation.

    Args:
        simulation: a started one.
    """

    def __init__(self, simulation: Simulation) -> None:
        self.simulation = simulation
        self._site: int = simulation.problem.robots[0].eef_site_id
        self._base: int = simulation.model.body("robot0_base").id
        self.gripper = OPEN

    @property
    def position(self) -> Array:
        """(3,) the grip point, m, world."""
        return np.array(self.simulation.data.site_xpos[self._site])

    @property
    def rotation(self) -> Array:
        """(3, 3) columns are the hand's axes in the world."""
        return np.array(self.simulation.data.site_xmat[self._site]).reshape(3, 3)

    def overreach(self, position: Array, rotation: Array) -> float:
        """By how much a pose stretches the arm more than is comfortable, m."""
        base = self.simulation.data.xpos[self._base]
        wrist = position - WRIST_BACK_M * rotation[:, 2] - base - (0.0, 0.0, SHOULDER_M)
        out = float(np.hypot(wrist[0], wrist[1])) - WRIST_OUT_M
        return max(0.0, float(np.hypot(out, wrist[2])) - STRETCHED_M)

    def action(self, position: Array, rotation: Array) -> Array:
        """(7,) the action that leads towards a pose, with the gripper as it was last told."""
        moved = np.clip((position - self.position) * GAIN_PER_M, -1.0, 1.0)
        turned = np.clip(vector_from_matrix(rotation @ self.rotation.T) * GAIN_PER_RAD, -1.0, 1.0)
        return np.array([*moved, *turned, self.gripper])

    def go(
        self, position: Array, rotation: Array, near_m: float = NEAR_M, near_rad: float = NEAR_RAD, steps: int = 60
    ) -> Skill:
        """Lead the hand to a pose and stop there, or after so many steps."""
        nearest, idle = np.inf, 0
        for _ in range(steps):
            turn = float(np.linalg.norm(vector_from_matrix(rotation @ self.rotation.T)))
            far = float(np.linalg.norm(position - self.position))
            distance = far + 0.1 * turn
            idle = 0 if distance < nearest - STALLED_M else idle + 1
            nearest = min(nearest, distance)
            if (far < near_m and turn < near_rad) or idle == STALLED_STEPS:
                return
            yield self.action(position, rotation)

    def wait(self, steps: int) -> Skill:
        """Hold the pose, say until the fingers have moved; closing and opening take 10 to 12 steps."""
        position, rotation = self.position, self.rotation
        for _ in range(steps):
            yield self.action(position, rotation)
