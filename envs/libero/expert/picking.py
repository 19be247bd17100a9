"""Pick and place: ways that hold from the first move to the last, and the moves."""

from __future__ import annotations

import itertools
from collections.abc import Generator
from typing import NamedTuple

import numpy as np

from envs.libero.expert.drawers import open_drawer
from envs.libero.expert.grasps import PALM_M, TIP_M, Grasp, grasps
from envs.libero.expert.hand import CLOSED, OPEN, Hand, Skill
from envs.libero.expert.parts import Part
from envs.libero.expert.placing import Held, Place, Target, best_place, target
from envs.libero.expert.relief import CELL_M, NOTHING, Grid, reliefs
from envs.libero.expert.scene import Scene
from envs.libero.simulation import Array

ABOVE_M = 0.035  # over the grasp, where the hand has to be in line with it
ALIGNING_M = 0.03  # over the place, where what is held has to be in line with it
OVER_M = 0.03  # between what is carried and what it passes over
PASSING_M, ALIGNED_M, ARRIVED_M = 0.025, 0.008, 0.004  # how near is near enough
HAND_RADIUS_M, FINGERS_RADIUS_M = 0.11, 0.06
CLOSING_STEPS, PRESSING_STEPS = 18, 5
OPENING_STEPS, SHAKE_M, SHAKES = 5, 0.02, 4
AWAY_M = 0.06
GOOD_COST = 4.0  # of grasp and place together
NARROW_M = 0.008  # off the end of its joint, a drawer has less room than it could
LEANING, BACK_M = 0.95, 0.12  # cosine of a lean with which the hand leaves as it came, and how far
OFF_GROUND_M, FARTHEST_OUT_M = 0.012, 0.15


class Way(NamedTuple):
    """A grasp, and where the thing goes with it."""

    grasp: Grasp
    place: Place


def pick_and_place(hand: Hand, scene: Scene, predicate: tuple[str, ...]) -> Generator[Array, None, bool]:
    """Bring a thing to where the predicate ("on" | "in", thing, place) holds; False where there is no way."""
    name = predicate[1]
    standing = scene.rotation(name)
    where = target(scene, predicate)
    way = find_way(hand, scene, name, where)
    if where.drawer and (way is None or way.place.cost > GOOD_COST) and tight(Part(hand.simulation, predicate[2])):
        part = Part(hand.simulation, predicate[2])
        yield from open_drawer(hand, part, lambda: not tight(part))
        where = target(scene, predicate)
        way = find_way(hand, scene, name, where)
    if way is None:
        return False
    yield from take(hand, scene, name, way.grasp)
    if scene.held(name):
        yield from bring(hand, scene, name, standing, target(scene, predicate), way.place)
        if scene.touched(name):
            yield from release(hand, scene, name)
    hand.gripper = OPEN
    return True


def tight(part: Part) -> bool:
    """Whether a drawer could be pulled out further: what is put into it may want all of the room."""
    return part.value > part.lowest + NARROW_M


def find_way(hand: Hand, scene: Scene, name: str, where: Target) -> Way | None:
    """The grasp and place of least cost together."""
    found: Way | None = None
    least = np.inf
    for thorough in (False, True):
        for grasp in grasps(hand, scene, name, thorough=thorough):
            if grasp.cost >= least:
                break
            held = Held.of(scene, name, grasp.position, grasp.rotation, scene.rotation(name))
            if place := best_place(hand, scene, name, held, where, least - grasp.cost):
                found, least = Way(grasp, place), grasp.cost + place.cost
        if least < GOOD_COST:
            break
    return found


def take(hand: Hand, scene: Scene, name: str, grasp: Grasp) -> Skill:
    """Go to a thing, close the fingers on it, and leave the ground a little."""
    hand.gripper = OPEN
    back = grasp.rotation[:, 2]
    over = cruise(scene, hand.position, grasp.position, TIP_M, FINGERS_RADIUS_M)
    high = grasp.position - max(ABOVE_M, over - grasp.position[2]) * back
    yield from hand.go(np.array([*hand.position[:2], high[2]]), grasp.rotation, PASSING_M, 9.0)
    yield from hand.go(high, grasp.rotation, PASSING_M, 0.3)
    yield from hand.go(grasp.position - ABOVE_M * back, grasp.rotation, ALIGNED_M)
    yield from hand.go(grasp.position, grasp.rotation, ARRIVED_M)
    hand.gripper = CLOSED
    yield from close_on(hand, scene, name, grasp)


def close_on(hand: Hand, scene: Scene, name: str, grasp: Grasp) -> Skill:
    """Close the fingers until both have pressed on a thing for a moment."""
    pressed = 0
    for _ in range(CLOSING_STEPS):
        yield hand.action(grasp.position, grasp.rotation)
        pressed += scene.held(name)
        if pressed > PRESSING_STEPS:
            return


def bring(hand: Hand, scene: Scene, name: str, standing: Array, where: Target, planned: Place) -> Skill:
    """Carry a held thing to its place, which is looked for again as it lies in the hand now."""
    below = hand.position[2] - float(scene.solids(name).corners()[:, 2].min())
    radius = max(FINGERS_RADIUS_M, float(np.abs((scene.solids(name).corners() - hand.position)[:, :2]).max()))
    over = cruise(scene, hand.position, planned.position, below, radius, name)
    over = max(over, planned.position[2] + 0.01)
    rotation = hand.rotation
    shift = from_under(scene, name)
    if -rotation[2, 2] < LEANING:
        yield from hand.go(hand.position - BACK_M * rotation[:, 2], rotation, PASSING_M)
    elif shift.any():
        start = hand.position
        yield from hand.go(start + np.array([0.0, 0.0, OFF_GROUND_M]), rotation, ALIGNED_M)
        yield from hand.go(start + shift + np.array([0.0, 0.0, OFF_GROUND_M]), rotation, ALIGNED_M)
    start = hand.position
    yield from hand.go(np.array([*start[:2], over]), rotation, PASSING_M, 9.0)
    if not scene.held(name):
        return
    held = Held.of(scene, name, hand.position, hand.rotation, standing)
    place = best_place(hand, scene, name, held, where) or planned
    entry = place.position + place.entry
    yield from hand.go(np.array([*entry[:2], over]), place.rotation, PASSING_M, 0.3)
    above = min(ALIGNING_M, over - entry[2])
    yield from hand.go(entry + np.array([0.0, 0.0, above]), place.rotation, ALIGNED_M)
    if place.entry.any():
        yield from hand.go(entry, place.rotation, ARRIVED_M)
    yield from hand.go(place.position, place.rotation, ARRIVED_M)


def from_under(scene: Scene, name: str) -> Array:
    """(3,) the shortest level move after which nothing is above a thing; zeros where nothing is."""
    solids = scene.solids(name)
    corners = solids.corners()
    low, high = corners.min(axis=0), corners.max(axis=0)
    grid = Grid.around((low + high) / 2, (high - low)[:2] / 2 + FARTHEST_OUT_M)
    own, _ = reliefs(solids, np.eye(3), grid)
    rest, _ = reliefs(scene.others(name), np.eye(3), grid)
    cells = np.argwhere(own > NOTHING)
    if rest[tuple(cells.T)].max() < high[2]:
        return np.zeros(3)
    angles = np.linspace(0.0, 2 * np.pi, 16, endpoint=False)
    for far, angle in itertools.product(np.arange(0.02, FARTHEST_OUT_M, 0.01), angles):
        shift = far * np.array([np.cos(angle), np.sin(angle), 0.0])
        moved = cells + np.round(shift[:2] / CELL_M).astype(int)
        if rest[tuple(moved.T)].max() < low[2] + OFF_GROUND_M:
            return np.array(shift)
    return np.zeros(3)


def release(hand: Hand, scene: Scene, name: str) -> Skill:
    """Open the fingers, shake off what sticks to them, and go up."""
    hand.gripper = OPEN
    yield from hand.wait(OPENING_STEPS)
    position, rotation = hand.position, hand.rotation
    for shake in range(SHAKES):
        if not scene.touched(name):
            break
        side = SHAKE_M * (-1) ** shake * rotation[:, 0]
        yield from hand.go(position + side, rotation, ALIGNED_M, steps=4)
    yield from hand.go(position - AWAY_M * rotation[:, 2], rotation, PASSING_M)


def cruise(scene: Scene, start: Array, end: Array, below: float, radius: float, *carried: str) -> float:
    """Height of the grip point at which the hand passes over everything between two points.

    Args:
        scene: as it is now.
        start: (3,) where the hand goes from.
        end: (3,) where it goes to.
        below: how far the fingers, or what they hold, reach below the grip point, m.
        radius: how far they reach to the sides, m.
        carried: what the hand holds.
    """
    middle, half = (start + end) / 2, np.abs(start - end) / 2 + HAND_RADIUS_M
    others = scene.others(*carried)
    view = np.eye(3)
    grid = Grid.around(middle, half[:2])
    top, _ = reliefs(others, view, grid)
    away = _distances(grid, start[:2], end[:2])
    low = float(top[away < radius].max(initial=NOTHING)) + below
    high = float(top[away < HAND_RADIUS_M].max(initial=NOTHING)) - PALM_M
    return max(low, high) + OVER_M


def _distances(grid: Grid, start: Array, end: Array) -> Array:
    """(nx, ny) distance of each cell from the line between two (2,) points."""
    x, y = np.meshgrid(*grid.axes(), indexing="ij")
    points = np.stack([x, y], axis=-1) - start
    along = end - start
    part = np.clip(points @ along / max(float(along @ along), 1e-9), 0.0, 1.0)
    distances: Array = np.linalg.norm(points - part[..., None] * along, axis=-1)
    return distances
