"""How the hand takes hold of a block: which edges between the fingers, how far off the middle, how far it leans."""

from __future__ import annotations

import itertools
import math

import numpy as np

from envs.calvin.expert.hand import ACROSS, Hand, Pose, rotation
from envs.calvin.geometry import (
    BUTTON_Y_M,
    COLLAR_M,
    DRAWER_HALF_M,
    FINGER_HALF_M,
    FINGER_IN_M,
    FINGER_OUT_M,
    FINGER_TIP_M,
    HAND_HALF_M,
    PALM_HALF_M,
    PALM_M,
    SHELF_BACK_M,
    TABLE_M,
    Outline,
    Rectangle,
    Table,
    deep,
    exposed,
    outline,
    place_of,
)
from envs.calvin.states import Floats, Snapshot

YAWS = (-0.8, 4.3)  # that the wrist reaches everywhere on the table
WIDEST_M = 0.062  # between the fingers; open, they are 0.08 apart
LEANS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
CLEAR_M, BLUNT_M = 0.003, 0.004  # wanted beside the fingers, and before the palm
SHIFTS = (0.0, 0.9, -0.9)  # of the fingers along and across a block, in shares of what is possible
CROWDED_COST, BLOCKED_COST = 200.0, 60.0  # per m that is missing beside fingers, and before the palm; in rad of yaw
LEAN_COST, SHIFT_COST = 0.5, 20.0  # per rad, per m
UNREACHED_COST, TWIST_COST = 10.0, 2.0
ASKEW = 0.6  # from across, beyond which leaning does not help to get onto the shelf
PALM_POINTS = np.array(
    [
        (half, side * HAND_HALF_M, -back)
        for half in (-PALM_HALF_M, PALM_HALF_M)
        for side in (-1, 0, 1)
        for back in (PALM_M, PALM_M + 0.06)
    ]
)


def blocked(table: Table, slider: float, pose: Pose) -> float:
    """How far a hand would stand in the cabinet or in the table's edge, or less than is wanted before it, m."""
    points = pose.position + PALM_POINTS @ rotation(pose.pitch, pose.yaw).T
    most = max(float(y) - deep(table, slider, x, z) for x, y, z in points.tolist())
    return max(0.0, most + BLUNT_M)


def lean(table: Table, slider: float, position: Floats, yaw: float = ACROSS, least: float = 0.0) -> float:
    """The smallest pitch, at least so far from upright, with which a hand is clear of cabinet and table's edge."""
    poses = [Pose(position, -angle, yaw) for angle in LEANS if angle >= least]
    return min(poses, key=lambda pose: BLOCKED_COST * blocked(table, slider, pose) - LEAN_COST * pose.pitch).pitch


def yaws(direction: Floats) -> list[float]:
    """Yaws in the wrist's range at which the fingers close along a level (2,) direction."""
    first = math.atan2(direction[1], direction[0]) + math.pi / 2
    turns = (first + half * math.pi for half in range(-4, 5))
    return [turn for turn in turns if YAWS[0] <= turn <= YAWS[1]]


def grasp(
    hand: Hand,
    table: Table,
    sizes: dict[str, Floats],
    colour: str,
    turn: float = 0.0,
    least: float = 0.0,
) -> Pose:
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
        across = lies.level.along[side]
        middle = block.position[:2] + offset
        crowded = max(0.0, CLEAR_M - _clearance(middle, across, around, place_of(block), table, scene))
        fixed = CROWDED_COST * crowded + SHIFT_COST * float(np.linalg.norm(offset))
        if fixed > best_cost:
            continue
        for yaw in yaws(across):
            height = max(block.position[2], floor + 2 * lies.half_height - 0.02)
            position = np.array([*middle, height])
            pitch = lean(table, scene.slider, position, yaw, least if abs(yaw - ACROSS) < ASKEW else 0.0)
            position[2] = max(height, floor + FINGER_TIP_M * math.cos(pitch) - FINGER_HALF_M * math.sin(pitch) + 0.001)
            pose = Pose(position, pitch, yaw)
            cost = fixed + _cost(pose, turn) + BLOCKED_COST * blocked(table, scene.slider, pose)
            if cost < best_cost:
                best, best_cost = pose, cost
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


def _cost(pose: Pose, turn: float) -> float:
    cost = abs(pose.yaw - ACROSS) + 0.5 * abs(pose.yaw + turn - ACROSS) - LEAN_COST * pose.pitch
    cost -= TWIST_COST * pose.pitch * abs(pose.yaw - ACROSS)
    return cost if YAWS[0] <= pose.yaw + turn <= YAWS[1] else cost + UNREACHED_COST


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
    points = middle + FINGER_POINTS @ np.stack([across, along])
    off = min((float(one.distances(points).min()) for one in around), default=1.0)
    if place == "shelf":
        low, high = table.shelf
        off = min(off, points[:, 0].min() - low, high - points[:, 0].max(), SHELF_BACK_M - points[:, 1].max())
    elif place == "drawer":
        front, back = exposed(scene)
        off = min(off, points[:, 1].min() - front, back - points[:, 1].max())
        off = min(off, DRAWER_HALF_M - float(np.abs(points[:, 0] - table.drawer).max()))
    return off


FINGER_POINTS = np.array(
    [
        (sign * out, side * FINGER_HALF_M)
        for sign, out, side in itertools.product((-1, 1), (FINGER_IN_M, FINGER_OUT_M), (-1, 0, 1))
    ]
)
