"""Shelves and the microwave: what belongs under a roof is tilted with the hand until it fits, and moved in level.

From the front a compartment is what a table is from above, a relief: a thing and the hand behind it can go in until
something touches. So the hand stays outside and nearly upright where it holds the handle of a pan, and lies level with
a mug or a book, whose foot goes in first. A drawer that a thing is too tall for is the same, with the front above.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator
from typing import NamedTuple

import mujoco
import numpy as np

from envs.libero.expert.grasps import (
    FARTHEST_YAW_RAD,
    FINGER_HALF_M,
    FINGER_M,
    PALM_HALF_M,
    PALM_M,
    STRETCH_COST,
    TIP_M,
    WRIST_HALF_M,
    WRIST_M,
    Grasp,
    grasps,
    turned,
    yaw_of,
)
from envs.libero.expert.hand import OPEN, Hand, Skill
from envs.libero.expert.parts import UP
from envs.libero.expert.picking import ALIGNED_M, ARRIVED_M, OPENING_STEPS, PASSING_M, cruise, take
from envs.libero.expert.placing import TURNS_RAD, Held, gaps, target
from envs.libero.expert.relief import CELL_M, Grid, Solids, reliefs
from envs.libero.expert.scene import Region, Scene
from envs.libero.simulation import Array
from protocols.rotations import matrix_from_vector

TILTS_RAD = tuple(np.radians((0, 30, 45, 60, 75, 90)))  # from pointing down to pointing in
SIDEWAYS = np.linspace(-0.8, 0.8, 9)  # places that are tried, of half the region
CLEARANCE_M, RISE_M = 0.006, 0.01  # off the floor and off what is behind; from one height that is tried to the next
BEFORE_M = 0.04  # from a thing to the region when it begins to move in
OVER_M = 0.05  # above its place, at least, a thing is tilted
LOOKS = 2  # for the way in: a pan turns in the fingers on its way there
NEIGHBOURHOOD_M = 0.3  # from the region; what is farther away is not in the way
PICTURE_M = 0.8  # about the region: as far as the hand and what it holds may reach
WRIST_END_M = 0.25  # behind the grip point
TILT_COST, TURN_COST = 0.5, 0.35  # per rad
OUT_COST, DROP_COST, SIDE_COST = 100.0, 40.0, 10.0  # per metre out of the region, above its floor, off its middle


class Front(NamedTuple):
    """A compartment with one open side, and how a thing gets in.

    Attributes:
        region: of the compartment.
        view: (3, 3) looking in: its third axis points out.
        lean: (3,) level, where the tilted hand points.
        accepts: which places (3,) of the thing count.
    """

    region: Region
    view: Array
    lean: Array
    accepts: Callable[[Array], bool]

    @classmethod
    def of(cls, scene: Scene, predicate: tuple[str, ...]) -> Front | None:
        """Where the predicate wants a thing, if that is such a place; what can be let down from above is not."""
        verb, name, place = predicate[0], predicate[1], predicate[-1]
        problem, model = scene.simulation.problem, scene.simulation.model
        site = problem.object_sites_dict.get(place)
        if verb != "in" or site is None or site.parent_name not in problem.fixtures_dict:
            return None
        slides = any(model.joint(joint).type[0] == mujoco.mjtJoint.mjJNT_SLIDE for joint in site.joints)
        region = scene.region(place)
        views = _into_drawer(scene, name, region) if slides else _under_roof(scene.solids(site.parent_name), region)
        return cls(region, *views, target(scene, predicate).accepts) if views else None

    @property
    def inward(self) -> Array:
        """(3,) the way in."""
        return -self.view[:, 2]

    @property
    def half(self) -> Array:
        """(3,) half sizes of the region along the axes of the view, m."""
        return np.abs(self.view.T @ self.region.rotation @ self.region.half)


def _under_roof(furniture: Solids, region: Region) -> tuple[Array, Array] | None:
    """View and lean of what is open at one side and not above."""
    ways = [way for way in _level_ways(region) if not _walled(furniture, region.center, way)]
    if len(ways) != 1 or not _walled(furniture, region.center, UP):
        return None
    return np.column_stack([np.cross(UP, ways[0]), UP, ways[0]]), -ways[0]


def _into_drawer(scene: Scene, name: str, region: Region) -> tuple[Array, Array] | None:
    """View and lean of a drawer, for a thing that upstream does not count as inside while it stands there.

    That is one whose origin is farther from both its ends than the region is high, such as a bottle's middle.
    """
    own = (scene.solids(name).corners() - scene.position(name)) @ scene.rotation(name)
    from_ends_m = np.minimum(-own.min(axis=0), own.max(axis=0)).max()
    if from_ends_m < 2 * np.abs(region.rotation @ region.half)[2]:
        return None
    away = max(_level_ways(region), key=lambda way: float(way[0]))  # from the robot
    return np.column_stack([away, np.cross(UP, away), UP]), away


def _level_ways(region: Region) -> list[Array]:
    """The four level directions, (3,) each, along the sides of a region."""
    return [sign * axis for axis in region.rotation.T if abs(axis @ UP) < 0.5 for sign in (1, -1)]


def _walled(furniture: Solids, point: Array, way: Array) -> bool:
    """Whether some of the furniture lies that way, (3,), from a (3,) point."""
    across = np.roll(way, 1)
    view = np.column_stack([across, np.cross(way, across), way])
    seen, _ = reliefs(furniture, view, Grid.around(point @ view, np.zeros(2)))
    return bool(seen[0, 0] > point @ way)


class Entry(NamedTuple):
    """The hand's pose when a thing is inside, how far it moves in to there, m, and the cost in the unit of grasps."""

    position: Array
    rotation: Array
    way_m: float
    cost: float


def put_in(hand: Hand, scene: Scene, name: str, front: Front) -> Generator[Array, None, bool]:
    """Bring a thing in from the front; False where there is no way."""
    found = _find(hand, scene, name, front)
    if found is None:
        return False
    grasp, planned = found
    yield from take(hand, scene, name, grasp)
    if scene.held(name):
        yield from _move_in(hand, scene, name, front, planned)
    hand.gripper = OPEN
    return True


def _find(hand: Hand, scene: Scene, name: str, front: Front) -> tuple[Grasp, Entry] | None:
    """The grasp and entry of least cost together."""
    found: tuple[Grasp, Entry] | None = None
    least = np.inf
    for thorough in (False, True):
        for grasp in grasps(hand, scene, name, thorough=thorough):
            if grasp.cost >= least:
                break
            held = Held.of(scene, name, grasp.position, grasp.rotation, scene.rotation(name))
            if entry := _best_entry(hand, scene, name, held, front, least - grasp.cost):
                found, least = (grasp, entry), grasp.cost + entry.cost
        if found:
            break
    return found


def _move_in(hand: Hand, scene: Scene, name: str, front: Front, planned: Entry) -> Skill:
    """Lift a thing, tilt it where there is room, move it in, as it lies in the hand by now, and let go."""
    standing, corners = scene.rotation(name), scene.solids(name).corners()
    below = hand.position[2] - float(corners[:, 2].min())
    radius = float(np.abs(corners - hand.position).max())
    over = max(cruise(scene, hand.position, planned.position, below, radius, name), planned.position[2] + OVER_M)
    yield from hand.go(np.array([*hand.position[:2], over]), hand.rotation, PASSING_M, 9.0)
    if not scene.held(name):
        return
    entry = planned
    for _ in range(LOOKS):
        held = Held.of(scene, name, hand.position, hand.rotation, standing)
        entry = _best_entry(hand, scene, name, held, front) or entry
        before = entry.position - entry.way_m * front.inward
        yield from hand.go(np.array([*before[:2], over]), entry.rotation, PASSING_M, 0.3)
    yield from hand.go(before, entry.rotation, ALIGNED_M)
    yield from hand.go(entry.position, entry.rotation, ARRIVED_M)
    hand.gripper = OPEN
    yield from hand.wait(OPENING_STEPS)
    yield from hand.go(before, hand.rotation, PASSING_M)


def _best_entry(hand: Hand, scene: Scene, name: str, held: Held, front: Front, bound: float = np.inf) -> Entry | None:
    """The best way to move a held thing in, or None where all cost more than the bound.

    Args:
        hand: that holds it.
        scene: as it is now.
        name: of the thing; it is no obstacle to itself.
        held: how the hand holds it.
        front: of where it has to go.
        bound: on the cost.
    """
    grid = Grid.around(front.region.center @ front.view, front.half.max() + np.full(2, PICTURE_M))
    rest, _ = reliefs(scene.others(name).near(front.region.center, NEIGHBOURHOOD_M), front.view, grid)
    found: Entry | None = None
    for tilt, turn in itertools.product(TILTS_RAD, TURNS_RAD):
        upright = turned(turn) @ held.standing @ held.rotation.T
        extra = TILT_COST * tilt + TURN_COST * abs(turn)
        if abs(yaw_of(upright)) > FARTHEST_YAW_RAD or extra >= bound:
            continue
        rotation = matrix_from_vector(tilt * np.cross(front.lean, UP)) @ upright
        entry = _tilted_entry(rest, grid, held, rotation, front, bound - extra)
        if entry is None:
            continue
        cost = entry.cost + extra + STRETCH_COST * hand.overreach(entry.position, rotation)
        if cost < bound:
            found, bound = entry._replace(cost=cost), cost
    return found


def _tilted_entry(rest: Array, grid: Grid, held: Held, rotation: Array, front: Front, bound: float) -> Entry | None:
    """The best way in with one rotation of the hand, if it costs less than the bound."""
    view, center = front.view, front.region.center
    from_thing = -rotation @ held.position  # (3,) from the thing's origin to the grip point
    thing = held.solids.moved(np.zeros(3), rotation @ held.rotation)
    both = Solids(*map(np.concatenate, zip(thing, _hand(from_thing, rotation), strict=True)))
    _, foremost = reliefs(both, view, Grid.around(np.zeros(2), np.abs(both.corners() @ view)[:, :2].max(axis=0)))
    corners = thing.corners() @ view
    rear, nose = corners[:, 2].max(), corners[:, 2].min()
    middle_depth = float(center @ view[:, 2])
    face = middle_depth + float(front.half[2])
    found: Entry | None = None
    for shift, aside in _shifts(front, float(corners[:, 1].min())):
        if aside + OUT_COST * max(0.0, middle_depth + rear - face) >= bound:
            break
        cell = grid.cell((center + shift) @ view)
        depth = max(float(gaps(rest, foremost, cell).max()) + CLEARANCE_M, middle_depth)
        at = view @ np.array([*(grid.low + CELL_M * np.array(cell)), depth])
        cost = aside + OUT_COST * max(0.0, depth + rear - face)
        if cost < bound and front.accepts(at):
            found, bound = Entry(at + from_thing, rotation, face + BEFORE_M - depth - nose, cost), cost
    return found


def _shifts(front: Front, lowest: float) -> list[tuple[Array, float]]:
    """(3,) shifts of a thing off the middle of a region, along its front, and their costs, cheap ones first.

    Args:
        front: of the region.
        lowest: where the thing ends below its origin, along the second axis of the view, m.
    """
    right, up, _ = front.view.T
    wide, high, _ = front.half
    seconds = [(second, SIDE_COST * abs(second)) for second in SIDEWAYS * high]
    if up[2] > 0.5:
        seconds = [(raised - high - lowest, DROP_COST * raised) for raised in np.arange(CLEARANCE_M, high, RISE_M)]
    shifts = [
        (first * right + second * up, SIDE_COST * abs(first) + cost)
        for first, (second, cost) in itertools.product(SIDEWAYS * wide, seconds)
    ]
    return sorted(shifts, key=lambda one: one[1])


def _hand(grip: Array, rotation: Array) -> Solids:
    """Boxes about the open fingers, the palm and the wrist of a hand at a pose."""
    fingers_half_m = FINGER_M + FINGER_HALF_M[0], FINGER_HALF_M[1]
    sections = (fingers_half_m, PALM_HALF_M, WRIST_HALF_M)
    ends = np.array([TIP_M, -PALM_M, -WRIST_M, -WRIST_END_M])
    centers, lengths = (ends[1:] + ends[:-1]) / 2, (ends[:-1] - ends[1:]) / 2
    halves = np.column_stack([sections, lengths])
    upright = Solids(centers[:, None] * (0.0, 0.0, 1.0), np.tile(np.eye(3), (3, 1, 1)), halves)
    return upright.moved(grip, rotation)
