"""Paths of the arm that touch nothing, looked for in a copy of the world.

A path is a list of joint angles, each (6,) rad. Configurations come from the closed-form inverse kinematics: a hand
that follows Cartesian targets by small steps alone ends on another branch as soon as it cannot be turned as asked.
"""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Iterator
from typing import NamedTuple

import mujoco
import numpy as np
import numpy.typing as npt

from envs.piper.chance import Random
from envs.piper.kinematics import BASE_M, HIGH, LOW, Pose, forward, nearest
from envs.piper.tracking import FIRST, FIXED, JOINTS, OPEN_M, PAD2
from envs.piper.world import World
from protocols.rotations import quaternion_from_matrix

Array = npt.NDArray[np.float64]
Path = list[Array]

MARGIN_M = 0.003
TARGET_MARGIN_M = 0.0005
CARRIED_MARGIN_M = 0.010  # between what is carried and everything else, until it is put down
LINE_STEP_M = 0.012
JUMP_RAD = 0.35
CHECK_RAD = 0.05  # the hand moves by less than a door and a finger are thick


class Held(NamedTuple):
    """How the target lies in the hand: its origin (3,) and rotation (3, 3) in the hand's frame."""

    position: Array
    rotation: Array

    @classmethod
    def of(cls, place: Array, turn: Array, hand: Pose) -> Held:
        """From the target's origin (3,) and rotation (3, 3), world frame, and the hand's pose, frame of `base_link`."""
        return cls(hand.rotation.T @ (place - (0.0, 0.0, BASE_M) - hand.position), hand.rotation.T @ turn)


class Planner:
    """Looks for paths in a copy of the world as it is when the planner is made.

    Args:
        world: the world; it is not changed.
        target: the toy or door that the arm may come close to.
        bold: the arm may push other toys aside, where there is no other way.
    """

    def __init__(self, world: World, target: str, *, bold: bool = False) -> None:
        tracker = world.tracker
        self.model, self.data = copy.copy(world.model), mujoco.MjData(world.model)
        self._rest, self._owner = world.data.qpos.copy(), tracker.owner
        self._target, self._code = target, FIRST + tracker.names.index(target)
        self._avoided = FIRST + len(world.scene.doors if bold else tracker.names)
        self.model.geom_margin[self._owner <= PAD2] = MARGIN_M
        self.model.geom_margin[self._owner == self._code] = CARRIED_MARGIN_M
        self._joints = np.array([self.model.joint(name).qposadr[0] for name in JOINTS])

    def clear(
        self, joints: Array, opening: float, held: Held | None = None, *, touching: bool = False, gap_m: float = 0.0
    ) -> bool:
        """Whether the arm touches nothing there, nor what it holds.

        Args:
            joints: (6,) rad.
            opening: of the gripper, 0 to 1.
            held: how the target lies in the hand; None where it stands as it is.
            touching: the arm may touch the target, and the target what it likes.
            gap_m: how far a held target has to stay away from everything.
        """
        data = self.data
        data.qpos[:] = self._rest
        data.qpos[self._joints] = joints
        for finger in ("finger1", "finger2"):
            data.joint(finger).qpos[0] = OPEN_M * opening
        if held is not None:
            hand = forward(joints)
            place = hand.position + hand.rotation @ held.position + (0.0, 0.0, BASE_M)
            data.joint(self._target).qpos[:] = (*place, *quaternion_from_matrix(hand.rotation @ held.rotation))
        mujoco.mj_kinematics(self.model, data)
        mujoco.mj_collision(self.model, data)
        return not self._collides(held is not None, touching, gap_m)

    def _collides(self, holding: bool, touching: bool, gap_m: float) -> bool:
        pairs, near = np.sort(self._owner[self.data.contact.geom], axis=1), self.data.contact.dist
        first, second, target = pairs[:, 0], pairs[:, 1], self._code
        by_arm = (first <= PAD2) & (second >= FIXED) & (near < MARGIN_M)
        wrong = by_arm & (second < self._avoided) & (second != target)
        if not touching:
            if holding:
                by_target = ((second == target) & (first >= FIXED)) | ((first == target) & (second > target))
                wrong |= by_target & (near < gap_m)
            else:
                wrong |= by_arm & (second == target) & (near < TARGET_MARGIN_M)
        return bool(wrong.any())

    def line(
        self, joints: Array, offset: Array, opening: float, held: Held | None = None, *, touching: bool = False
    ) -> Path | None:
        """The clear path that moves the hand by `offset` (3,) m on a line, unturned; None where there is none."""
        start, path = forward(joints), [joints]
        steps = max(1, math.ceil(float(np.linalg.norm(offset)) / LINE_STEP_M))
        for step in range(1, steps + 1):
            found = nearest(Pose(start.position + offset * (step / steps), start.rotation), path[-1])
            if found is None or np.abs(found - path[-1]).max() > JUMP_RAD:
                return None
            if not self.clear(found, opening, held, touching=touching):
                return None
            path.append(found)
        return path

    def connect(self, start: Array, end: Array, opening: float, held: Held | None, random: Random) -> Path | None:
        """A clear path between two configurations, joints moving on lines between one or two others by the way."""
        for via in _ways(start, end, random):
            path = [start, *via, end]
            if all(self.clear(joints, opening, held, gap_m=CARRIED_MARGIN_M) for joints in dense(path, CHECK_RAD)):
                return path
        return None


def _ways(start: Array, end: Array, random: Random) -> Iterator[Path]:
    """Configurations to go by: the middle a little aside, for variety, then none, then ever higher ones."""
    middle = (start + end) / 2
    yield [(middle + random.normal(0, 0.05, 6)).clip(LOW, HIGH)]
    yield []
    for back in (0.2, 0.4, 0.6, 0.9):
        raised = np.array([0, -back, 0.15 * back, 0, 0.3 * back, 0])
        yield [(middle + raised).clip(LOW, HIGH)]
        yield [(start + raised).clip(LOW, HIGH), (end + raised).clip(LOW, HIGH)]


def dense(path: Path, step_rad: float) -> Iterator[Array]:
    """Points on the path, no joint moving by more than `step_rad` from one to the next; the start is left out."""
    for begin, end in itertools.pairwise(path):
        count = max(1, math.ceil(float(np.abs(end - begin).max()) / step_rad))
        for index in range(1, count + 1):
            yield begin + (end - begin) * (index / count)
