"""How the hand takes hold of a block: which edges between the fingers, how far off the middle, how far it leans."""

from __future__ import annotations

import itertools
import math

import numpy as np

from envs.calvin.expert.hand import ACROSS, Hand, Pose
from envs.calvin.expert.scene import (
    BUTTON_Y_M,
    COLLAR_M,
    DRAWER_HALF_M,
    DRAWER_M,
    FACE_M,
    FINGER_HALF_M,
    FINGER_IN_M,
    FINGER_OUT_M,
    FINGER_TIP_M,
    PALM_HALF_M,
    PALM_M,
    SHELF_BACK_M,
    TABLE_FRONT_M,
    TABLE_M,
    Outline,
    Rectangle,
    Table,
    exposed,
    face,
    outline,
    place_of,
)
from envs.calvin.states import Floats, Snapshot

YAWS = (-0.8, 4.3)  # that the wrist reaches everywhere on the table
WIDEST_M = 0.062  # between the fingers; open, they are 0.08 apart
LEANS = np.arange(0.0, 0.81, 0.05)
LEANING_TURN = 1.0  # from across, up to which a leaning hand still stands clear of the cabinet
CLEAR_M, LEAN_CLEAR_M = 0.003, 0.004
SHIFTS = (0.0, 0.5, -0.5, 1.0, -1.0)  # of the fingers along and across a block, in shares of what is possible
CROWDED_COST = 60.0  # per metre that is missing for fingers to be clear, in rad of yaw


def lean(table: Table, slider: float, position: Floats, least: float = 0.0) -> float:
    """The smallest pitch at least so far from upright, with which a hand across is clear of cabinet or table's edge."""
    for angle in LEANS[LEANS >= least - 1e-9]:
        y = position[1] - PALM_M * math.sin(angle) + PALM_HALF_M * math.cos(angle)
        z = position[2] + PALM_M * math.cos(angle) + PALM_HALF_M * math.sin(angle)
        edge = face(table, slider, position[0], z) if position[2] > TABLE_M else TABLE_FRONT_M
        if y < edge - LEAN_CLEAR_M:
            return -float(angle)
    return -float(LEANS[-1])


def yaws(direction: Floats) -> list[float]:
    """Yaws in the wrist's range at which the fingers close along a level (2,) direction."""
    first = math.atan2(direction[1], direction[0]) + math.pi / 2
    turns = (first + half * math.pi for half in range(-4, 5))
    return [turn for turn in turns if YAWS[0] <= turn <= YAWS[1]]


def grasp(hand: Hand, table: Table, sizes: dict[str, Floats], colour: str, turn: float = 0.0, least: float = 0.0) -> Pose:
    """The easiest way to take hold of a block.

    Args:
        hand: that is to hold it.
        table: the scene's.
        sizes: (3,) edges of each block.
        colour: of the block.
        turn: by how much the yaw has to change afterwards.
        least: how far the hand leans at least.
    """
    scene = hand.scene
    block = scene.blocks[colour]
    lies = outline(block, sizes[colour])
    floor = block.position[2] - lies.half_height
    around = obstacles(scene, table, sizes, colour, floor)
    best, best_cost = hand.pose, math.inf
    for side, shares in itertools.product((0, 1), itertools.product(SHIFTS, SHIFTS)):
        offset = _offset(lies, side, *shares)
        if offset is None:
            continue
        height = max(block.position[2], floor + 2 * lies.half_height - 0.02)
        position = np.array([*(block.position[:2] + offset), height])
        pitch = lean(table, scene.slider, position, least)
        position[2] = max(height, floor + FINGER_TIP_M * math.cos(pitch) - FINGER_HALF_M * math.sin(pitch) + 0.001)
        crowded = max(0.0, CLEAR_M - _clearance(position[:2], lies.level.along[side], around, place_of(block), table, scene))
        for yaw in yaws(lies.level.along[side]):
            cost = _cost(yaw, turn, pitch) + CROWDED_COST * crowded + 20 * float(np.linalg.norm(offset))
            if cost < best_cost:
                best, best_cost = Pose(position, pitch, yaw), cost
    return best


def _offset(lies: Outline, side: int, across: float, along: float) -> Floats | None:
    """(2,) from the middle of a block, where it is not too wide that way."""
    half, other = lies.level.half[side], lies.level.half[1 - side]
    if 2 * half > WIDEST_M:
        return None
    slack = FINGER_IN_M - half - CLEAR_M
    reach = max(0.0, other - FINGER_HALF_M)
    shift: Floats = across * slack * lies.level.along[side] + along * reach * lies.level.along[1 - side]
    return shift


def _cost(yaw: float, turn: float, pitch: float) -> float:
    cost = abs(yaw - ACROSS) + 0.5 * abs(yaw + turn - ACROSS)
    if not YAWS[0] <= yaw + turn <= YAWS[1]:
        cost += 10.0
    if pitch < -0.2 and abs(yaw - ACROSS) > LEANING_TURN:
        cost += 5.0
    return cost


def obstacles(scene: Snapshot, table: Table, sizes: dict[str, Floats], colour: str, floor: float) -> list[Rectangle]:
    """What stands beside a block on that floor: other blocks and the button."""
    found = []
    for other, block in scene.blocks.items():
        if other != colour and abs(block.position[2] - floor - sizes[colour][2] / 2) < 0.035:
            found.append(outline(block, sizes[other]).level)
    if abs(floor - TABLE_M) < 0.02:
        found.append(Rectangle(np.array([table.button, BUTTON_Y_M]), np.eye(2), np.full(2, COLLAR_M)))
    return found


def _clearance(
    middle: Floats, across: Floats, around: list[Rectangle], place: str, table: Table, scene: Snapshot
) -> float:
    """How far two open fingers stay off everything, below 0 where they do not, m."""
    along = np.array([-across[1], across[0]])
    points = np.array(
        [
            middle + sign * out * across + side * FINGER_HALF_M * along
            for sign, out, side in itertools.product((-1, 1), (FINGER_IN_M, FINGER_OUT_M), (-1, 0, 1))
        ]
    )
    off = min((float(one.distances(points).min()) for one in around), default=1.0)
    if place == "shelf":
        low, high = table.shelf
        off = min(off, points[:, 0].min() - low, high - points[:, 0].max(), SHELF_BACK_M - points[:, 1].max())
    elif place == "drawer":
        front, back = exposed(scene)
        off = min(off, points[:, 1].min() - front, back - points[:, 1].max())
        off = min(off, DRAWER_HALF_M - float(np.abs(points[:, 0] - table.drawer).max()))
    return off
