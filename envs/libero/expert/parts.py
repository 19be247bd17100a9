"""Furniture that moves on a joint: where its handle is, and where a hand that holds it goes as the joint moves."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import mujoco
import numpy as np

from envs.libero.expert.hand import Hand, Skill
from envs.libero.simulation import Array, Simulation
from protocols.rotations import matrix_from_vector, vector_from_matrix

UP = np.array([0.0, 0.0, 1.0])
LAST_JOINT = 6  # turns the hand about its own axis, within 2.9 rad to either side
STILL = np.zeros(3)
AT_START = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, -1.0]])  # how the hand is turned
TWISTED_RAD, UNTWISTING_STEPS = 2.0, 30
OVER_M, COARSE_M, COARSE_RAD = 0.03, 0.02, 0.2
FIRM_STEPS, SLIPPED_M = 4, 0.05
STALLED, PATIENCE = 3e-4, 15  # m or rad per control step; steps


class Pose(NamedTuple):
    """Where the hand shall be."""

    position: Array  # (3,) the grip point, m, world
    rotation: Array  # (3, 3) columns are the hand's axes in the world


class Part:
    """A drawer, a door or a knob.

    Args:
        simulation: a started one.
        name: as in the goal: of a drawer's region such as "wooden_cabinet_1_top_region", or of a whole fixture.
    """

    def __init__(self, simulation: Simulation, name: str) -> None:
        self._model, self._data = simulation.model, simulation.data
        self._joint = simulation.joint(name)
        self._address = self._model.jnt_qposadr[self._joint]
        solid = (self._model.geom_contype | self._model.geom_conaffinity) != 0
        body = self._model.jnt_bodyid[self._joint]
        mine = self._model.geom_bodyid == body
        self.geoms = [int(geom) for geom in np.flatnonzero(solid & mine)]
        whole = self._model.body_rootid[self._model.geom_bodyid] == self._model.body_rootid[body]
        self._whole = [int(geom) for geom in np.flatnonzero(solid & whole)]

    @property
    def slides(self) -> bool:
        """Whether it is a drawer."""
        return bool(self._model.jnt_type[self._joint] == mujoco.mjtJoint.mjJNT_SLIDE)

    @property
    def value(self) -> float:
        """How far the joint is, m or rad."""
        return float(self._data.qpos[self._address])

    @property
    def lowest(self) -> float:
        """The lower end of the joint's range, where drawers and doors are wide open, m or rad."""
        return float(self._model.jnt_range[self._joint, 0])

    @property
    def axis(self) -> Array:
        """(3,) the joint's axis in the world."""
        axis: Array = self._data.xaxis[self._joint].copy()
        return axis

    @property
    def anchor(self) -> Array:
        """(3,) a point on the joint's axis, m, world."""
        anchor: Array = self._data.xanchor[self._joint].copy()
        return anchor

    @property
    def top(self) -> float:
        """Height of the furniture that it belongs to, m, world."""
        return max(self.reach(geom, UP) for geom in self._whole)

    def carried(self, pose: Pose, moved: float) -> Pose:
        """Where a pose that is fixed to the part gets to when the joint moves by so much, m or rad."""
        if self.slides:
            return Pose(pose.position + moved * self.axis, pose.rotation)
        turn = matrix_from_vector(moved * self.axis)
        return Pose(self.anchor + turn @ (pose.position - self.anchor), turn @ pose.rotation)

    def centre(self, geom: int) -> Array:
        """(3,) middle of one of its geoms, m, world."""
        centre: Array = self._data.geom_xpos[geom].copy()
        return centre

    def axes(self, geom: int) -> list[Array]:
        """Those two of a box's axes, (3,) each, that lie flat."""
        axes = sorted(self._data.geom_xmat[geom].reshape(3, 3).T, key=lambda axis: abs(axis @ UP))
        flat = [axis - (axis @ UP) * UP for axis in axes[:2]]
        return [axis / np.linalg.norm(axis) for axis in flat]

    def half(self, geom: int, direction: Array) -> float:
        """Half the size of a box, capsule or cylinder along a unit vector, m."""
        along = np.abs(self._data.geom_xmat[geom].reshape(3, 3).T @ direction)
        size = self._model.geom_size[geom]
        match self._model.geom_type[geom]:
            case mujoco.mjtGeom.mjGEOM_BOX:
                return float(along @ size)
            case mujoco.mjtGeom.mjGEOM_CAPSULE:
                return float(size[0] + along[2] * size[1])
            case _:
                return float(size[0] * np.hypot(along[0], along[1]) + along[2] * size[1])

    def reach(self, geom: int, direction: Array) -> float:
        """How far a geom goes in the direction of a unit vector, m from the world's origin."""
        return float(self.centre(geom) @ direction) + self.half(geom, direction)

    def outermost(self, direction: Array) -> int:
        """The geom that goes farthest in a direction."""
        return max(self.geoms, key=lambda geom: self.reach(geom, direction))


def easiest(hand: Hand, rotations: list[Array]) -> Array:
    """(3, 3) of several ways to hold the hand the one that leaves the wrist's last joint farthest from its ends."""
    wrist, now = float(hand.simulation.data.qpos[LAST_JOINT]), hand.rotation
    return min(rotations, key=lambda goal: abs(wrist + vector_from_matrix(goal @ now.T) @ now[:, 2]))


def rise(hand: Hand, part: Part) -> Skill:
    """Straight up, over the furniture if the hand is lower, and untwist the wrist: its next turn might be blocked."""
    over = part.top + OVER_M - hand.position[2]
    if over > COARSE_M:
        yield from hand.go(hand.position + over * UP, hand.rotation, COARSE_M)
    if abs(hand.simulation.data.qpos[LAST_JOINT]) > TWISTED_RAD:
        position = hand.position
        for _ in range(UNTWISTING_STEPS):
            if np.linalg.norm(vector_from_matrix(AT_START @ hand.rotation.T)) < COARSE_RAD:
                return
            yield hand.action(position, AT_START)


def drive(
    hand: Hand, part: Part, pose: Pose, lead: float, done: Callable[[], bool], press: Array = STILL, steps: int = 80
) -> Skill:
    """Move a part along its joint by a hand that holds it or leans on it.

    Args:
        hand: at `pose`.
        part: what it moves.
        pose: of the hand, fixed to the part.
        lead: how far the hand is told to be ahead of the part, m or rad; its sign says which way.
        done: asked before each step whether that is far enough; a few steps more, and letting go does not undo it.
        press: (3,) where else the hand is told to be, m, so that it leans on the part.
        steps: after these at the latest, or when the part stops moving or the hand slips off, it gives up.
    """
    start, before, still, enough = part.value, part.value, 0, 0
    for _ in range(steps):
        enough += done()
        slipped = np.linalg.norm(part.carried(pose, part.value - start).position - hand.position)
        if enough > FIRM_STEPS or still > PATIENCE or slipped > SLIPPED_M:
            return
        ahead = part.carried(pose, part.value - start + lead)
        yield hand.action(ahead.position + press, ahead.rotation)
        still = 0 if abs(part.value - before) > STALLED else still + 1
        before = part.value
