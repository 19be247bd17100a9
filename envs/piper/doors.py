"""How the expert closes a cabinet door: closed fingers push its outer face round the hinge, on a path planned ahead."""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from envs.piper.chance import Random
from envs.piper.kinematics import BASE_M, Pose, gripper_rotation, nearest
from envs.piper.planning import JUMP_RAD, Path, Planner
from envs.piper.tasks import HINGES, door_point

Array = npt.NDArray[np.float64]
FACE_M = 0.009  # from the hinge's plane to the outer face
FINGERS_M = np.array([0.013, 0.015, 0.013])  # half extents of the closed finger tips, along the hand's axes
PITCHES_DEG, YAWS_RAD = (60, 52, 68, 45, 75), (0.0, 0.4, -0.4, 0.8, -0.8)
AWAY_M, ARC_RAD, PAST_RAD = 0.045, 0.08, -0.05


class Push(NamedTuple):
    """The way to before the door, and the way that closes it."""

    approach: Path
    push: Path


def push(planner: Planner, door: str, angle: float, joints: Array, random: Random) -> Push | None:
    """A way to close a door that stands open by `angle` rad; None where there is none.

    Args:
        planner: looks for collisions; its target is the door.
        door: its name.
        angle: how far it is open, rad.
        joints: (6,) the arm's joints now.
        random: draws the point of contact and the order in which ways are tried.
    """
    radius, height = random.uniform(0.075, 0.100), random.uniform(0.095, 0.110)
    ways = list(itertools.product(PITCHES_DEG, YAWS_RAD, (0.0, 0.5, 1.0)))
    for index in random.permutation(len(ways)).tolist():
        pitch, yaw, straighten = ways[index]
        found = _arc(planner, _Way(door, angle, radius, height, math.radians(pitch), yaw, straighten), joints)
        if found is None:
            continue
        approach = planner.connect(joints, found[0], 0.0, None, random)
        if approach is not None:
            return Push(approach, found)
    return None


class _Way(NamedTuple):
    """How to push: where on the door, and how the hand is turned; its yaw is straightened as the door closes."""

    door: str
    angle: float
    radius_m: float
    height_m: float
    pitch: float
    yaw: float
    straighten: float

    def pose(self, angle: float, away_m: float) -> Pose:
        """The hand with its fingers so far from the outer face of the door at that angle."""
        out = np.array([-math.cos(angle), HINGES[self.door][2] * math.sin(angle), 0.0])
        contact = np.array([*door_point(self.door, angle, self.radius_m, FACE_M), self.height_m])
        share = 1 - self.straighten * (1 - max(angle, 0.0) / self.angle)
        azimuth = math.atan2(contact[1], contact[0]) + share * self.yaw
        rotation = gripper_rotation(azimuth, self.pitch)
        reach = float(np.abs(rotation.T @ out) @ FINGERS_M)
        return Pose(contact + (reach + away_m) * out - (0.0, 0.0, BASE_M), rotation)


def _arc(planner: Planner, way: _Way, joints: Array) -> Path | None:
    """The joints on the way round the hinge; None where a pose is out of reach or something is in the way."""
    angles = np.linspace(way.angle, PAST_RAD, max(3, math.ceil((way.angle - PAST_RAD) / ARC_RAD)))
    poses = [way.pose(way.angle, AWAY_M), way.pose(way.angle, AWAY_M / 2), *(way.pose(angle, 0.0) for angle in angles)]
    path: Path = []
    for pose in poses:
        found = nearest(pose, path[-1] if path else joints)
        if found is None or (path and np.abs(found - path[-1]).max() > JUMP_RAD):
            return None
        if not planner.clear(found, 0.0, touching=True):
            return None
        path.append(found)
    return path
