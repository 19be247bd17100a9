"""Where the hand is for given joint angles, and which joint angles bring it somewhere, in closed form.

The wrist's three axes meet in a point: the inverse is the base angle, a triangle of upper arm and forearm, and three
Euler angles; up to eight solutions. Positions are metres in the frame of `base_link`; the rotation is that of
`gripper_base`: z towards the finger tips, y from one finger to the other, x away from the camera.

Source of the numbers: agilexrobotics/agx_arm_urdf, as in `arm.xml`.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

BASE_M = 0.08  # of base_link above the world's origin
SHOULDER_M, UPPER_M = 0.123, 0.28503
ELBOW = (-0.02198, -0.25075)  # the wrist's centre in the frame of link3
FORE_M = math.hypot(*ELBOW)
TCP_M = 0.091 + 0.0045 + 0.125  # from the wrist's centre to the point between the finger pads
STRAIGHT_RAD = 1e-7
SHOULDER_RAD, ELBOW_RAD = 0.1357866, 1.7938494
LOW = np.array([-2.6179938, 0.0, -2.9670597, -1.7453292, -1.2217304, -2.0943951])
HIGH = np.array([2.6179938, 3.1415926, 0.0, 1.7453292, 1.2217304, 2.0943951])


class Pose(NamedTuple):
    """Place (3,) and rotation (3, 3) of the hand, frame of `base_link`."""

    position: Array
    rotation: Array


def turn_x(angle: float) -> Array:
    """(3, 3) rotation about x."""
    c, s = math.cos(angle), math.sin(angle)
    return np.array([[1.0, 0.0, 0.0], [0.0, c, -s], [0.0, s, c]])


def turn_y(angle: float) -> Array:
    """(3, 3) rotation about y."""
    c, s = math.cos(angle), math.sin(angle)
    return np.array([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]])


def turn_z(angle: float) -> Array:
    """(3, 3) rotation about z."""
    c, s = math.cos(angle), math.sin(angle)
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


def forward(joints: Array) -> Pose:
    """Pose of the point between the finger pads for (6,) joint angles."""
    lean = math.pi - SHOULDER_RAD - joints[1]
    fore = lean - (joints[2] - ELBOW_RAD + math.atan2(ELBOW[1], ELBOW[0]))
    out = UPPER_M * math.cos(lean) + FORE_M * math.cos(fore)
    up = SHOULDER_M + UPPER_M * math.sin(lean) + FORE_M * math.sin(fore)
    rotation = _forearm(joints[:3]) @ turn_z(joints[3]) @ turn_y(joints[4]) @ turn_z(joints[5])
    wrist = np.array([out * math.cos(joints[0]), out * math.sin(joints[0]), up])
    return Pose(wrist + TCP_M * rotation[:, 2], rotation)


def _forearm(joints: Array) -> Array:
    """Rotation of the frame in which the wrist's angles are z-y-z Euler angles: z along the forearm's second half."""
    upper = turn_z(joints[0]) @ turn_z(-math.pi) @ turn_y(-SHOULDER_RAD) @ turn_x(math.pi / 2) @ turn_z(joints[1])
    rotation: Array = upper @ turn_z(joints[2] - ELBOW_RAD) @ turn_x(math.pi / 2)
    return rotation


def inverse(pose: Pose) -> list[Array]:
    """All (6,) joint angles within the limits that reach the pose; none where there is none."""
    wrist = pose.position - TCP_M * pose.rotation[:, 2]
    azimuth = math.atan2(wrist[1], wrist[0])
    found = []
    away = math.hypot(wrist[0], wrist[1])
    for base, out in ((azimuth, away), (_wrapped(azimuth + math.pi), -away)):
        if LOW[0] <= base <= HIGH[0]:
            for shoulder, elbow in _triangle(out, wrist[2] - SHOULDER_M):
                found += _wrist(np.array([base, shoulder, elbow]), pose.rotation)
    return found


def _triangle(out: float, up: float) -> list[tuple[float, float]]:
    """Shoulder and elbow angles that put the wrist's centre there in the arm's plane."""
    cosine = (out * out + up * up - UPPER_M**2 - FORE_M**2) / (2 * UPPER_M * FORE_M)
    if abs(cosine) > 1:
        return []
    found = []
    for bend in (math.acos(cosine), -math.acos(cosine)):
        lean = math.atan2(up, out) - math.atan2(FORE_M * math.sin(bend), UPPER_M + FORE_M * math.cos(bend))
        shoulder = _wrapped(math.pi - SHOULDER_RAD - lean)
        elbow = _wrapped(-bend + ELBOW_RAD - math.atan2(ELBOW[1], ELBOW[0]))
        if LOW[1] <= shoulder <= HIGH[1] and LOW[2] <= elbow <= HIGH[2]:
            found.append((shoulder, elbow))
    return found


def _wrist(first: Array, rotation: Array) -> list[Array]:
    """The joint angles whose first three are given, if the last three can turn the hand as asked."""
    m = _forearm(first).T @ rotation
    bend = math.atan2(math.hypot(m[0, 2], m[1, 2]), m[2, 2])
    turns = [
        (math.atan2(sign * m[1, 2], sign * m[0, 2]), sign * bend, math.atan2(sign * m[2, 1], -sign * m[2, 0]))
        for sign in (1.0, -1.0)
    ]
    if bend < STRAIGHT_RAD:  # joints 4 and 6 turn about one axis, and joint 6 does it all
        turns = [(0.0, bend, math.atan2(m[1, 0], m[0, 0]))]
    found = []
    for last in turns:
        joints = np.array([*first, *last])
        if (joints >= LOW).all() and (joints <= HIGH).all():
            found.append(joints)
    return found


def _wrapped(angle: float) -> float:
    """The angle in (-pi, pi]."""
    return math.pi - (math.pi - angle) % (2 * math.pi)


def nearest(pose: Pose, joints: Array) -> Array | None:
    """The solution whose largest joint difference from `joints` is smallest; None where there is none."""
    return min(inverse(pose), key=lambda one: float(np.abs(one - joints).max()), default=None)


def gripper_rotation(azimuth: float, pitch: float, roll: float = 0.0) -> Array:
    """(3, 3) rotation of a hand that points `pitch` rad below the horizontal in the direction `azimuth`.

    Without roll the fingers are at the same height and the camera is above them.
    """
    rotation: Array = turn_z(azimuth) @ turn_y(math.pi / 2 + pitch) @ turn_z(roll)
    return rotation
