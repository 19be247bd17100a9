"""Where and how the hand can take hold of a toy: candidates at random, the good ones first."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from envs.piper.kinematics import BASE_M, HIGH, LOW, Pose, gripper_rotation, nearest
from envs.piper.toys import POT_HEIGHT_M, POT_RADIUS_M, Toy

Array = npt.NDArray[np.float64]
CANDIDATES, ENOUGH = 800, 24
PITCH_RAD = (math.radians(42), math.radians(84))
ACROSS_RAD = math.radians(24)
HANDLE_RAD = math.radians(52)
LOOPS_RAD = math.radians(40)  # loops and what lies within 16 degrees of them


class Grasp(NamedTuple):
    """A way to hold: the hand's pose (frame of `base_link`), its joints (6,), and the opening before it closes."""

    pose: Pose
    joints: Array
    opening: float


def grasps(toy: Toy, place: Array, turn: Array, joints: Array, random: np.random.Generator) -> list[Grasp]:
    """Reachable ways to hold a toy, best first.

    Args:
        toy: what is to be held.
        place: (3,) its origin, m, world frame.
        turn: (3, 3) its rotation, world frame.
        joints: (6,) the arm's joints now; nearer ways are better.
        random: draws the candidates.
    """
    found: list[tuple[float, Grasp]] = []
    yaw = math.atan2(turn[1, 0], turn[0, 0])
    towards = math.atan2(place[1], place[0])
    for _ in range(CANDIDATES):
        azimuth, pitch = towards + random.uniform(-1.8, 1.8), random.uniform(*PITCH_RAD)
        roll = random.uniform(-0.5, 0.5) if toy.kind in ("whale", "dolphin", "turtle") else 0.0
        rotation = gripper_rotation(azimuth, pitch, roll)
        point = _point(toy, yaw, rotation[:, 1], random)
        if point is None:
            continue
        pose = Pose(place + point - (0.0, 0.0, BASE_M), rotation)
        reached = nearest(pose, joints)
        if reached is not None:
            cost = _cost(reached, joints, pitch, rotation) + random.uniform(0, 0.5)
            found.append((cost, Grasp(pose, reached, _opening(toy, random))))
        if len(found) == ENOUGH:
            break
    return [grasp for _, grasp in sorted(found, key=lambda pair: pair[0])]


def _opening(toy: Toy, random: np.random.Generator) -> float:
    """How far the gripper opens before it closes, 0 to 1: mugs fill it, inside a pot there is little room."""
    return {"pot": 0.5, "mug": 1.0}.get(toy.kind) or random.uniform(0.78, 1.0)


def _point(toy: Toy, yaw: float, fingers: Array, random: np.random.Generator) -> tuple[float, float, float] | None:
    """Where the hand goes, relative to the toy's origin, if the line between the fingers suits the toy."""
    s, across = toy.scale, math.atan2(fingers[1], fingers[0])
    if toy.kind == "mug":
        apart = abs(_half_turn(across - yaw))
        return (0.0, 0.0, random.uniform(0.030, 0.038) * s) if apart > HANDLE_RAD else None
    if toy.kind == "pot":
        side = across if random.random() < 0.5 else across + math.pi
        if abs(abs(_half_turn(side - yaw)) - math.pi / 2) < LOOPS_RAD:
            return None
        rim = (POT_RADIUS_M - 0.002) * s
        return rim * math.cos(side), rim * math.sin(side), POT_HEIGHT_M * s - 0.010
    if toy.kind == "octopus":
        return 0.0, 0.0, random.uniform(0.026, 0.032) * s
    if abs(abs(_half_turn(across - yaw)) - math.pi / 2) > ACROSS_RAD or abs(fingers[2]) > 0.45:
        return None
    along = random.uniform(-0.006, 0.008)
    return along * math.cos(yaw), along * math.sin(yaw), random.uniform(0.025, 0.033) * s


def _half_turn(angle: float) -> float:
    """The angle between lines, in (-pi/2, pi/2]."""
    return math.pi / 2 - (math.pi / 2 - angle) % math.pi


def _cost(reached: Array, joints: Array, pitch: float, rotation: Array) -> float:
    """Small for near, well-turned ways in the middle of the joints' ranges."""
    far = float(np.abs(reached - joints).max())
    edge = float(np.min(np.minimum(reached - LOW, HIGH - reached)))
    return 0.5 * far + abs(pitch - math.radians(62)) + max(0.0, 0.25 - edge) * 4 + abs(float(rotation[2, 1]))
