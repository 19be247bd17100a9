"""Where and how the hand can take hold of a toy: candidates at random, the good ones first."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from envs.piper.chance import Middle, Random
from envs.piper.kinematics import BASE_M, HIGH, LOW, Pose, gripper_rotation, nearest
from envs.piper.toys import POT_HEIGHT_M, POT_RADIUS_M, Toy

Array = npt.NDArray[np.float64]
CANDIDATES, ENOUGH, MANY = 800, 24, 240
PITCH_RAD = (math.radians(42), math.radians(84))
SKEW = math.sin(math.radians(24))  # of the line between the fingers against the one that fits best
LYING = ("whale", "dolphin", "turtle")
LYING_SKEW, LYING_ROLL_RAD = math.sin(math.radians(42)), 0.5  # a long toy turns between the fingers as they close
HANDLE_RAD = math.radians(52)
LOOPS_RAD = math.radians(40)  # loops and what lies within 16 degrees of them
MIDDLE_M = {"mug": 0.034, "octopus": 0.027}  # of what is held, above the toy's origin
ABOVE_M = {"mug": (-0.004, 0.004), "octopus": (-0.001, 0.006), "pot": (0.0, 0.0)}  # the hand above that


class Grasp(NamedTuple):
    """A way to hold: the hand's pose (frame of `base_link`), its joints (6,), and the opening before it closes."""

    pose: Pose
    joints: Array
    opening: float


def grasps(toy: Toy, place: Array, turn: Array, joints: Array, random: Random) -> list[Grasp]:
    """Reachable ways to hold a toy, best first.

    Args:
        toy: what is to be held.
        place: (3,) its origin, m, world frame.
        turn: (3, 3) its rotation, world frame.
        joints: (6,) the arm's joints now; nearer ways are better.
        random: draws the candidates; where nothing is left to chance, they are the same around every toy, and more.
    """
    if isinstance(random, Middle):
        search, enough = np.random.default_rng(0), MANY
    else:
        search, enough = random, ENOUGH
    found: list[tuple[float, Grasp]] = []
    towards = math.atan2(place[1], place[0])
    for _ in range(CANDIDATES):
        azimuth, pitch = towards + search.uniform(-1.8, 1.8), search.uniform(*PITCH_RAD)
        roll = search.uniform(-LYING_ROLL_RAD, LYING_ROLL_RAD) if toy.kind in LYING else 0.0
        rotation = gripper_rotation(azimuth, pitch, roll)
        point = _point(toy, turn.T @ rotation, search)
        if point is None:
            continue
        above = (0.0, 0.0, random.uniform(*ABOVE_M.get(toy.kind, (0.004, 0.013))) - BASE_M)
        pose = Pose(place + turn @ point + above, rotation)
        reached = nearest(pose, joints)
        if reached is not None:
            skew = abs(float(turn[:, 0] @ rotation[:, 1])) if toy.kind in LYING else 0.0
            cost = _cost(reached, joints, pitch, rotation) + skew + random.uniform(0, 0.5)
            found.append((cost, Grasp(pose, reached, _opening(toy, random))))
        if len(found) == enough:
            break
    return [grasp for _, grasp in sorted(found, key=lambda pair: pair[0])]


def _opening(toy: Toy, random: Random) -> float:
    """How far the gripper opens before it closes, 0 to 1: mugs fill it, inside a pot there is little room."""
    return {"pot": 0.5, "mug": 1.0}.get(toy.kind) or random.uniform(0.78, 1.0)


def _point(toy: Toy, hand: Array, random: np.random.Generator) -> Array | None:
    """(3,) where the hand goes, in the toy's frame, if the way it is turned suits the toy.

    Args:
        toy: what is to be held.
        hand: (3, 3) rotation of the hand in the toy's frame; its second column runs from finger to finger.
        random: which side of a pot.
    """
    x, y, z = hand[:, 1].tolist()
    if toy.kind == "pot":
        bearing = math.atan2(y, x) + math.pi * int(random.integers(2))
        if abs(z) > SKEW or hand[2, 2] > -0.3 or abs(math.sin(bearing)) > math.cos(LOOPS_RAD):
            return None
        rim = POT_RADIUS_M - 0.002
        return toy.scale * np.array([rim * math.cos(bearing), rim * math.sin(bearing), POT_HEIGHT_M - 0.010])
    if toy.kind == "mug":
        suits = abs(z) < SKEW and abs(x) < math.cos(HANDLE_RAD)
    elif toy.kind == "octopus":
        suits = abs(z) < SKEW
    else:
        suits = abs(x) < LYING_SKEW
    return np.array([0.0, 0.0, MIDDLE_M.get(toy.kind, 0.0205) * toy.scale]) if suits else None


def _cost(reached: Array, joints: Array, pitch: float, rotation: Array) -> float:
    """Small for near, well-turned ways in the middle of the joints' ranges."""
    far = float(np.abs(reached - joints).max())
    edge = float(np.min(np.minimum(reached - LOW, HIGH - reached)))
    return 0.5 * far + abs(pitch - math.radians(62)) + max(0.0, 0.25 - edge) * 4 + abs(float(rotation[2, 1]))
