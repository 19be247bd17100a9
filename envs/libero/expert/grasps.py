"""Where the hand can take hold of a thing: both fingers beside it, the palm above all, something flat in between.

The same search finds the sides of a carton, the wall of a bowl or a mug, the rim of a plate and the handle of a pan:
it looks along the way that the hand comes, sets the hand over each cell, and judges what lies between the pads.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from envs.libero.expert.hand import Hand
from envs.libero.expert.relief import CELL_M, NOTHING, Grid, Solids, highest, reliefs
from envs.libero.expert.scene import Scene
from envs.libero.simulation import Array
from protocols.rotations import matrix_from_vector

# The hand about the grip point, from robosuite's Panda gripper: pads end 4 mm beyond it, finger tips 9 mm.
TIP_M, PAD_END_M, PAD_START_M = 0.0093, 0.0044, -0.0116
PALM_M, PALM_HALF_M = 0.031, (0.106, 0.034)  # the palm begins so far behind the grip point
WRIST_M, WRIST_HALF_M = 0.150, (0.060, 0.060)
FINGER_M, FINGER_HALF_M = 0.045, (0.008, 0.011)  # middle of an open finger, off the grip point, and half its section
BETWEEN_CELLS = 12  # on either side of the grip point, free for what is grasped
ROWS = (-2, 0, 2)  # cells across the width of a pad
CLEARANCE_M, PALM_CLEARANCE_M = 0.001, 0.004
DEPTHS_M = (0.006, 0.012, 0.018, 0.024)  # of the grip point below what it holds
BEST_DEPTH_M, LEAST_GRIP_M, GOOD_GRIP_M = 0.016, 0.005, 0.015
WIDEST_M = 0.068
STRETCH_COST = 150.0  # per metre, in the unit of grasps
SLOPE_COST = 300.0  # per metre that the thing widens over the pads; thin slopes creep out of the hand
EDGE_M, SLOPE_DEPTH_M = 0.003, 0.015
ENOUGH, THOROUGH_ENOUGH = 24, 60  # grasps to choose from
GOOD_COSTS = (1.2, 3.5, 99.0)  # where there is none as good as this from above, the hand leans, first as walls do
WALL_LEANS_RAD = ((0.0, 0.28), (0.0, -0.28))
SIDE_LEANS_RAD = tuple(itertools.product((0.35, -0.35, 0.6, -0.6), (0.0, 0.28, -0.28)))
LEAN_COST, TWIST_COST = 1.0, 1.5  # per rad; a hand that is turned far and leans as well twists the arm
YAW_STEP_RAD = math.radians(15)
FARTHEST_YAW_RAD = math.radians(92)
TO_HAND = np.diag([1.0, -1.0, -1.0])  # a view's axes to those of the hand that comes along it
NEUTRAL = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])  # the view of the hand at the start


class Grasp(NamedTuple):
    """A hand pose that takes hold: grip point (3,), rotation (3, 3), world; cost, about centimetres of discomfort."""

    position: Array
    rotation: Array
    cost: float


def turned(yaw_rad: float) -> Array:
    """(3, 3) rotation about the vertical."""
    cosine, sine = math.cos(yaw_rad), math.sin(yaw_rad)
    return np.array([[cosine, -sine, 0.0], [sine, cosine, 0.0], [0.0, 0.0, 1.0]])


def yaw_of(rotation: Array) -> float:
    """How far a hand that points down is turned about the vertical against the start, rad, in (-pi, pi]."""
    return math.atan2(-rotation[0, 0], rotation[1, 0])


def downward_views(rotation: Array) -> list[Array]:
    """Views from above along and across the horizontal axes of a thing, and between; near ones first."""
    aligned = math.atan2(rotation[1, 0], rotation[0, 0]) if abs(rotation[2, 0]) < 0.7 else yaw_of(rotation)
    yaws = [math.remainder(aligned + step * YAW_STEP_RAD, math.pi) for step in range(12)]
    return [turned(yaw) @ NEUTRAL for yaw in sorted(yaws, key=abs) if abs(yaw) < FARTHEST_YAW_RAD]


def grasps(hand: Hand, scene: Scene, name: str, *, thorough: bool = False) -> list[Grasp]:
    """Ways to take hold of an object, best first, no two of them alike.

    Args:
        hand: that is to hold it.
        scene: as it is now.
        name: of the object.
        thorough: whether to look for leaning grasps where there are good ones from above, too.
    """
    downward = downward_views(scene.rotation(name))
    stages = [downward, [*_leaning(downward, WALL_LEANS_RAD)], [*_leaning(downward[::2], SIDE_LEANS_RAD)]]
    found: list[Grasp] = []
    for stage, good in zip(stages, GOOD_COSTS, strict=True):
        found = sorted([*found, *_along(hand, scene, name, stage)], key=lambda grasp: grasp.cost)
        if found and found[0].cost < good and not thorough:
            break
    return _different(found, THOROUGH_ENOUGH if thorough else ENOUGH)


def _along(hand: Hand, scene: Scene, name: str, views: Iterable[Array]) -> list[Grasp]:
    """All grasps along these views."""
    own, others = scene.solids(name), scene.others(name)
    found = []
    for view in views:
        lean = math.acos(min(1.0, float(view[2, 2])))
        twist = LEAN_COST * lean + TWIST_COST * lean * abs(yaw_of(view @ TO_HAND))
        for grasp in _in_view(own, others, view):
            stretch = STRETCH_COST * hand.overreach(grasp.position, grasp.rotation)
            found.append(grasp._replace(cost=grasp.cost + stretch + twist))
    return found


def _leaning(views: Iterable[Array], leans_rad: Iterable[tuple[float, float]]) -> Iterable[Array]:
    """The views tilted about the line between the fingers, and across it."""
    for view, (right, up) in itertools.product(views, leans_rad):
        yield view @ matrix_from_vector((right, up, 0.0))


def _different(found: list[Grasp], enough: int) -> list[Grasp]:
    """The best of each neighbourhood."""
    kept: list[Grasp] = []
    for grasp in found:
        if not any(_alike(grasp, other) for other in kept):
            kept.append(grasp)
        if len(kept) == enough:
            break
    return kept


def _alike(one: Grasp, other: Grasp) -> bool:
    near = float(np.linalg.norm(one.position - other.position)) < 0.02
    return near and float(one.rotation[:, 0] @ other.rotation[:, 0]) > 0.9


class Candidates(NamedTuple):
    """Hands over cells of a picture, n of them."""

    cells: Array  # (n, 2) of the grip point
    between: Array  # (n, across, rows) heights of the thing between the pads
    least: Array  # (n,) lowest height of the grip point at which the hand is clear of everything


def _in_view(own: Solids, others: Solids, view: Array) -> list[Grasp]:
    corners = own.corners() @ view
    low, high = corners.min(axis=0), corners.max(axis=0)
    middle, half = (low + high) / 2, (high - low) / 2
    grid = Grid.around(middle, half[:2] + PALM_HALF_M[0] + 0.02)
    top, _ = reliefs(own, view, grid)
    rest, _ = reliefs(others.near(view @ middle, float(half.max()) + 0.2), view, grid)
    candidates = _candidates(top, rest)
    if not len(candidates.cells):
        return []
    found = []
    for depth in DEPTHS_M:
        height, cost = _judged(candidates, depth)
        good = np.flatnonzero(np.isfinite(cost))
        points = grid.low + CELL_M * candidates.cells[good]
        lever = np.linalg.norm(points - middle[:2], axis=1)
        turn = abs(math.remainder(yaw_of(view @ TO_HAND), 2 * math.pi))
        costs = cost[good] + 25 * lever + 0.4 * turn
        for number in np.argsort(costs)[:40]:
            position = view @ np.array([*points[number], height[good[number]]])
            found.append(Grasp(position, view @ TO_HAND, float(costs[number])))
    return found


def _candidates(top: Array, rest: Array) -> Candidates:
    """Hands over every other cell with something of the thing between the pads."""
    both = np.maximum(top, rest)
    finger, palm, wrist = (highest(both, *half) for half in (FINGER_HALF_M, PALM_HALF_M, WRIST_HALF_M))
    off, margin = round(FINGER_M / CELL_M), round(PALM_HALF_M[0] / CELL_M)
    cells = np.argwhere(highest(top, 0.02, CELL_M) > NOTHING)
    cells = cells[(cells % 2 == 0).all(axis=1)]
    inside = ((cells >= margin) & (cells < np.array(top.shape) - margin)).all(axis=1)
    cells = cells[inside]
    i, j = cells.T
    across = np.arange(-BETWEEN_CELLS, BETWEEN_CELLS + 1)
    window = (i[:, None, None] + across[None, :, None], j[:, None, None] + np.array(ROWS)[None, None, :])
    below = np.maximum(np.maximum(finger[i - off, j], finger[i + off, j]), rest[window].max(axis=(1, 2)))
    least = np.maximum(below + TIP_M + CLEARANCE_M, palm[i, j] - PALM_M + PALM_CLEARANCE_M)
    return Candidates(cells, top[window], np.maximum(least, wrist[i, j] - WRIST_M))


def _judged(candidates: Candidates, depth: float) -> tuple[Array, Array]:
    """Heights of the grip point (n,), and costs (n,), infinite where nothing is held."""
    reach = candidates.between.max(axis=(1, 2))
    height = np.maximum(reach - depth, candidates.least)
    grip = np.minimum(reach - height, -PAD_START_M) + PAD_END_M
    low, high = _edges(candidates.between, height - PAD_END_M + EDGE_M), _edges(candidates.between, reach - EDGE_M)
    deep = _edges(candidates.between, reach - SLOPE_DEPTH_M)
    width = (low.right - low.left + 1) * CELL_M
    off = ((low.left + low.right) / 2 - BETWEEN_CELLS) * CELL_M
    skew = (low.left_spread + low.right_spread) * CELL_M
    slope = np.maximum(0, (deep.right - deep.left) - (high.right - high.left)) * CELL_M
    cost = 100 * (np.abs(off) + 2.5 * skew + 2 * np.maximum(0.0, GOOD_GRIP_M - grip)) + 2.0 * (len(ROWS) - low.rows)
    cost += 50 * np.abs(reach - height - BEST_DEPTH_M) + SLOPE_COST * slope
    fails = (low.rows == 0) | (width > WIDEST_M) | (grip < LEAST_GRIP_M)
    fails |= (low.left == 0) | (low.right == 2 * BETWEEN_CELLS)
    return height, np.where(fails, np.inf, cost)


class Edges(NamedTuple):
    """Where between the pads a thing begins and ends at some height, in cells; each (n,)."""

    left: Array
    right: Array
    left_spread: Array  # over the rows across a pad
    right_spread: Array
    rows: Array  # how many of them it fills


def _edges(between: Array, level: Array) -> Edges:
    solid = between > level[:, None, None]  # (n, across, rows)
    rows = solid.any(axis=1)
    first, last = solid.argmax(axis=1), solid.shape[1] - 1 - solid[:, ::-1].argmax(axis=1)
    left, right = np.where(rows, first, 99).min(axis=1), np.where(rows, last, -99).max(axis=1)
    left_spread = np.where(rows, first, -99).max(axis=1) - left
    right_spread = right - np.where(rows, last, 99).min(axis=1)
    return Edges(left, right, left_spread, right_spread, rows.sum(axis=1))
