"""Where things are on the table, in metres; x to the right, y into the cabinet, z up.

Numbers from calvin_env@797142c's meshes at their scale of 0.8; those of the hand from its Panda with longer fingers.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy.spatial.transform import Rotation

from envs.calvin.states import Block, Floats, Snapshot

TABLE_M, SHELF_M = 0.44, 0.44  # heights of the table's top and of the floor behind the sliding door
DRAWER_FLOOR_M = 0.341  # height
TABLE_FRONT_M, TABLE_SIDE_M = -0.18, 0.42
FACE_M = (0.02, 0.44)  # y and z where the cabinet's face begins, which leans back by 30 degrees
FACE_RISE = math.sqrt(3)
FACE_UP, FACE_OUT = np.array([0.0, 0.5, 0.75**0.5]), np.array([0.0, -(0.75**0.5), 0.5])
SHELF_BACK_M = 0.16
BESIDE_M = 0.006  # wanted between a hand and the sides of an opening
LIP_M = (0.125, 0.58)  # y and z of the lower edge of the shelf's roof, less what an arm wants
DRAWER_INNER_M = (-0.157, -0.18)  # y of the front wall's inner side where the drawer is closed, and of the table's edge
DRAWER_HALF_M = 0.17  # of its inner width
DOOR_M = 0.28  # width of the sliding door
DOOR_DEPTH_M = 0.025  # along y
BUTTON_Y_M, BUTTON_TOP_M, COLLAR_M = -0.12, 0.484, 0.045
FINGER_TIP_M, FINGER_HALF_M = 0.0148, 0.0115  # beyond the tool, and half the width of a finger
FINGER_IN_M, FINGER_OUT_M = 0.040, 0.055  # inner and outer side of an open finger, off the tool
HAND_HALF_M = 0.106  # of the palm along the line on which the fingers close
PALM_M, PALM_HALF_M = 0.074, 0.0325  # behind the tool, and half its thickness


class Table(NamedTuple):
    """What differs between the scenes: places along x, m.

    Args:
        button, switch, drawer: middles.
        door: left edge of the sliding door where its joint is 0.
        slide: how far the door goes to the left.
        shelf: ends of the cavity behind the door.
    """

    button: float
    switch: float
    drawer: float
    door: float
    slide: float
    shelf: tuple[float, float]


TABLES = {
    "A": Table(-0.28, 0.30, 0.10, -0.10, 0.28, (-0.36, 0.16)),
    "B": Table(0.28, -0.32, 0.18, 0.088, 0.304, (-0.18, 0.34)),
    "C": Table(-0.12, -0.32, 0.10, 0.06, 0.24, (-0.18, 0.34)),
    "D": Table(-0.12, 0.30, 0.18, -0.10, 0.28, (-0.36, 0.16)),
}


GRID = np.array([(a, b) for a in (-1.0, 0.0, 1.0) for b in (-1.0, 0.0, 1.0)])


class Rectangle(NamedTuple):
    """A block from above: middle (2,), unit vectors (2, 2) as rows along its level edges, half lengths (2,)."""

    middle: Floats
    along: Floats
    half: Floats

    def distances(self, points: Floats) -> Floats:
        """(n,) how far (n, 2) points are outside, below 0 where they are inside."""
        off = np.abs((points - self.middle) @ self.along.T) - self.half
        outside: Floats = np.maximum(off, 0.0).sum(axis=1) + np.minimum(off.max(axis=1), 0.0)
        return outside

    def points(self) -> Floats:
        """(9, 2) corners, middles of edges, and the middle."""
        found: Floats = self.middle + (GRID * self.half) @ self.along
        return found


class Outline(NamedTuple):
    """How a block lies: from above, half its height, and its upright axis (3,) in its own frame."""

    level: Rectangle
    half_height: float
    upright: Floats


def outline(block: Block, size: Floats) -> Outline:
    """How a block of that size (3,) lies, taken as flat."""
    turn = Rotation.from_quat(block.orientation).as_matrix()
    up = int(np.abs(turn[2]).argmax())
    first, second = (axis for axis in range(3) if axis != up)
    along = np.stack([turn[:2, axis] / max(float(np.linalg.norm(turn[:2, axis])), 1e-6) for axis in (first, second)])
    upright = np.sign(turn[2, up]) * np.eye(3)[up]
    return Outline(Rectangle(block.position[:2], along, size[[first, second]] / 2), float(size[up]) / 2, upright)


def opening(table: Table, slider: float) -> tuple[float, float]:
    """The wider of the parts of the shelf that the door leaves open, from x to x."""
    left, right = door(table, slider)
    low, high = table.shelf
    return max([(low, left), (right, high)], key=lambda part: part[1] - part[0])


def door(table: Table, slider: float) -> tuple[float, float]:
    """From x to x, where the sliding door stands."""
    left = table.door - slider
    return left, left + DOOR_M


def covered(table: Table, slider: float, x: float, half: float) -> float:
    """How much of the way from x - half to x + half the door stands before, m."""
    left, right = door(table, slider)
    return max(0.0, min(x + half, right) - max(x - half, left))


def place_of(block: Block) -> str:
    """What a block lies on or in: "drawer", "shelf", or "table" for all else."""
    links = {link for body, link in block.contacts if body == "table"}
    _, y, z = block.position
    if 3 in links or z < TABLE_M:
        return "drawer"
    return "shelf" if 6 in links or y > FACE_M[0] + 0.02 else "table"


def deep(table: Table, slider: float, x: float, z: float) -> float:
    """How far along y a hand can be at x and at that height: to the door, the cabinet's face, or into the shelf."""
    if z < FACE_M[1]:
        return TABLE_FRONT_M
    low, high = table.shelf
    plane = FACE_M[0] + (z - FACE_M[1]) / FACE_RISE
    left, right = door(table, slider)
    if left - BESIDE_M < x < right + BESIDE_M:
        return plane - DOOR_DEPTH_M
    if low + BESIDE_M < x < high - BESIDE_M:
        return LIP_M[0] if z > LIP_M[1] else SHELF_BACK_M
    return plane


def exposed(scene: Snapshot) -> tuple[float, float]:
    """From y to y, where the drawer is open from above."""
    return DRAWER_INNER_M[0] - scene.drawer, DRAWER_INNER_M[1]
