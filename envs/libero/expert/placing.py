"""Where a held thing can be let go so that a predicate of the goal will hold."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import NamedTuple

import mujoco
import numpy as np

from envs.libero.expert.grasps import (
    FARTHEST_YAW_RAD,
    FINGER_HALF_M,
    FINGER_M,
    NEUTRAL,
    PALM_CLEARANCE_M,
    PALM_HALF_M,
    PALM_M,
    STRETCH_COST,
    TIP_M,
    TO_HAND,
    WRIST_HALF_M,
    WRIST_M,
    turned,
    yaw_of,
)
from envs.libero.expert.hand import Hand
from envs.libero.expert.relief import CELL_M, NOTHING, Grid, Solids, highest, reliefs
from envs.libero.expert.scene import Scene
from envs.libero.simulation import Array

TURNS_RAD = tuple(np.radians((0, 30, -30, 60, -60, 90, -90, 120, -120, 150, -150, 180)))
UP = np.array([0.0, 0.0, 1.0])
FARTHEST_ENTRY = 20  # cells
GAP_M = 0.004  # under a thing when it is let go
SUPPORT_M = 0.004  # cells within this of the first contact hold the thing up
INSIDE_M = 0.008  # off the faces of a region
BELOW_M = 0.01  # under a region still counts as in it, says upstream
ON_OBJECT_M = 0.02  # off the middle of what it is put on; upstream asks for 0.03
FINGER_OPENING_M = 0.004
UPRIGHT = 0.995  # cosine of the lean below which the hand counts as straight
STRAIGHT = np.zeros(3)
UNDER_M = 0.003  # between a thing and what it is slid under
FLOOR_COST = 150.0  # per metre that a thing would rest above the floor of a drawer, say on its rim
NEAR_COST, DROP_COST, TURN_COST, TIPPING_COST, HIGH_COST = 30.0, 40.0, 0.35, 4.0, 15.0


class Spacing(NamedTuple):
    """Of the places that are tried along each side of a region."""

    step_m: float
    most: int


SPACING, DRAWER_SPACING = Spacing(0.012, 11), Spacing(0.007, 41)  # what fills a drawer fits within a few millimetres


class Held(NamedTuple):
    """A thing in the hand: its pose in the hand's frame, its boxes in its own, and how it stands when it rests."""

    position: Array  # (3,) m
    rotation: Array  # (3, 3)
    solids: Solids
    standing: Array  # (3, 3)

    @classmethod
    def of(cls, scene: Scene, name: str, position: Array, rotation: Array, standing: Array) -> Held:
        """As it is now, with the hand at a pose."""
        place, turn = scene.position(name), scene.rotation(name)
        solids = scene.solids(name).moved(-place, np.eye(3)).moved(np.zeros(3), turn.T)
        return cls(rotation.T @ (place - position), rotation.T @ turn, solids, standing)


class Drawer(NamedTuple):
    """An open drawer: height of its floor, m; the way that it opens (3,); furniture that hangs over the floor."""

    floor: float
    out: Array
    overhang: Solids

    @classmethod
    def of(cls, scene: Scene, name: str) -> Drawer | None:
        """That a region belongs to, if it does to one."""
        site = scene.simulation.problem.object_sites_dict[name]
        model, data = scene.simulation.model, scene.simulation.data
        joint = model.joint(site.joints[0]).id if site.joints else -1
        if joint < 0 or model.jnt_type[joint] != mujoco.mjtJoint.mjJNT_SLIDE:
            return None
        body, region = model.jnt_bodyid[joint], scene.region(name)
        floor = float((region.center - np.abs(region.rotation @ region.half))[2])
        root = model.body_rootid[body]
        whole = scene.solids(
            next(one for one, number in scene.simulation.problem.obj_body_id.items() if number == root)
        )
        lows = whole.centers[:, 2] - np.einsum("nj,nj->n", np.abs(whole.rotations[:, 2]), whole.halves)
        over = Solids(*(part[lows > floor] for part in whole))
        return cls(floor, -data.xaxis[joint], _without(over, data.geom_xpos[model.geom_bodyid == body]))


def _without(solids: Solids, centers: Array) -> Solids:
    """The boxes whose centres are not among (n, 3) others."""
    kept = ~(solids.centers[:, None] == centers).all(axis=2).any(axis=1)
    return Solids(*(part[kept] for part in solids))


class Target(NamedTuple):
    """Where a thing has to go: the best place (3,), how far from it to look (2,), m, and which places count."""

    center: Array
    reach: Array
    accepts: Callable[[Array], bool]  # of a (3,) position of the thing at rest
    drawer: Drawer | None = None  # that the place is in


class Place(NamedTuple):
    """The hand's pose when it lets go, and the cost in the unit of grasps."""

    position: Array
    rotation: Array
    cost: float
    entry: Array = STRAIGHT  # (3,) from there to where the hand comes down to before it slides under what hangs over


def target(scene: Scene, predicate: tuple[str, ...]) -> Target:
    """What the predicate ("on" | "in", thing, place) asks for."""
    verb, _, place = predicate
    if place not in scene.simulation.problem.object_sites_dict:
        return _on_object(scene.position(place))
    region, site = scene.region(place), scene.simulation.problem.object_sites_dict[place]
    extent = np.abs(region.rotation @ region.half)
    if verb == "in":
        low, high = region.center - extent - (0.0, 0.0, BELOW_M), region.center + extent
        margin = np.minimum(INSIDE_M, extent / 3) * (1.0, 1.0, 0.25)
        return Target(
            region.center,
            extent[:2] - margin[:2],
            lambda at: bool((at > low + margin).all() and (at < high - margin).all()),
            Drawer.of(scene, place),
        )
    shrunk = INSIDE_M / region.half[:2].max()
    return Target(
        region.center,
        extent[:2],
        lambda at: bool(site.under(region.center, region.rotation, at + shrunk * (at - region.center) * (1, 1, 0))),
    )


def _on_object(center: Array) -> Target:
    def accepts(at: Array) -> bool:
        return bool(np.linalg.norm((at - center)[:2]) < ON_OBJECT_M and at[2] > center[2])

    return Target(center, np.full(2, ON_OBJECT_M / 2), accepts)


def best_place(hand: Hand, scene: Scene, name: str, held: Held, where: Target, bound: float = np.inf) -> Place | None:
    """The best way to put a held thing down, or None where all cost more than the bound.

    Args:
        hand: that holds it.
        scene: as it is now.
        name: of the thing; it is no obstacle to itself.
        held: how the hand holds it.
        where: it has to go.
        bound: on the cost.
    """
    others = scene.others(name)
    found: Place | None = None
    for turn in TURNS_RAD:
        standing = turned(turn) @ held.standing
        rotation = standing @ held.rotation.T
        if abs(yaw_of(rotation)) > FARTHEST_YAW_RAD:
            continue
        bound = found.cost if found else bound
        stretch = STRETCH_COST * hand.overreach(where.center - rotation @ held.position, rotation)
        extra = TURN_COST * abs(turn) + stretch
        if extra < bound:
            place = _turned_place(others, held, standing, rotation, where, bound - extra)
            found = place._replace(cost=place.cost + extra) if place else found
    return found


def _turned_place(
    others: Solids, held: Held, standing: Array, hand: Array, where: Target, bound: float
) -> Place | None:
    """The best place for one way of turning the thing, if it costs less than the bound."""
    view = turned(yaw_of(hand)) @ NEUTRAL
    upright = -float(hand[2, 2])
    along = view if upright > UPRIGHT else hand @ TO_HAND
    own = held.solids.moved(np.zeros(3), standing)
    reach_m = float(np.abs(own.corners()).max())
    size_m = float(where.reach.max()) + reach_m + PALM_HALF_M[0] + 0.06
    near = others.near(where.center, size_m + 0.2)
    grid, hand_grid = (Grid.around(where.center @ axes, np.full(2, size_m)) for axes in (view, along))
    rest, _ = reliefs(near, view, grid)
    small = Grid.around(np.zeros(2), np.full(2, reach_m + CELL_M))
    top, bottom = reliefs(own, view, small)
    lowest = _hand_floor(rest if along is view else reliefs(near, along, hand_grid)[0])
    slot = Slot.of(where.drawer, near, view, grid, bottom, top) if where.drawer else None
    rest = slot.rest if slot else rest
    from_thing = -hand @ held.position  # (3,) from the thing's origin to the grip point
    found: Place | None = None
    for offset in _offsets(where.reach, DRAWER_SPACING if where.drawer else SPACING):
        if NEAR_COST * float(np.linalg.norm(offset)) > bound:
            break
        middle = grid.cell((where.center + offset) @ view)
        origin = view @ np.array([*(grid.low + CELL_M * np.array(middle)), 0.0])
        height = float(gaps(rest, bottom, middle).max())
        at = origin + height * UP
        if not where.accepts(at):
            continue
        grip = (at + from_thing) @ along
        drop = max(0.0, (lowest[hand_grid.cell(grip)] - grip[2]) / upright - GAP_M)
        cost = NEAR_COST * float(np.linalg.norm(offset)) + DROP_COST * drop
        cost += HIGH_COST * max(0.0, height - where.center[2]) + (slot.raised(height) if slot else 0.0)
        if cost < bound:
            cost += TIPPING_COST * _tips(gaps(rest, bottom, middle), bottom)
        entry = slot.entry(middle, height + drop + GAP_M) if slot and cost < bound else STRAIGHT
        if cost < bound and entry is not None:
            bound = cost
            found = Place(at + from_thing + (GAP_M + drop) * UP, hand, cost, entry)
    return found


class Slot(NamedTuple):
    """A drawer and a thing as seen from above: which ways into it are free."""

    drawer: Drawer
    view: Array
    rest: Array  # (nx, ny) heights of all but what hangs over the drawer
    ceiling: Array  # (nx, ny) heights of the underside of that
    bottom: Array  # (mx, my) heights of the thing's underside about its origin
    top: Array  # (mx, my) and of its upper side

    @classmethod
    def of(cls, drawer: Drawer, near: Solids, view: Array, grid: Grid, bottom: Array, top: Array) -> Slot:
        """With the boxes that are near, and the thing's two reliefs."""
        rest, _ = reliefs(_without(near, drawer.overhang.centers), view, grid)
        _, ceiling = reliefs(drawer.overhang, view, grid)
        return cls(drawer, view, rest, ceiling, bottom, top)

    def raised(self, height: float) -> float:
        """The cost of resting with the origin at a height."""
        return FLOOR_COST * max(0.0, height + float(self.bottom.min()) - self.drawer.floor)

    def entry(self, middle: tuple[int, int], height: float) -> Array | None:
        """(3,) from a thing's place over a cell to where it comes down to from above, if it fits under all."""
        room = self._room(middle) - height - UNDER_M
        if room < 0:
            return None
        out = (self.drawer.out @ self.view)[:2]
        for cells in range(FARTHEST_ENTRY):
            i, j = np.round(np.array(middle) + cells * out).astype(int)
            if self._room((i, j)) < -NOTHING:
                continue
            if cells == 0:
                return STRAIGHT
            up = float(gaps(self.rest, self.bottom, (i, j)).max()) + GAP_M / 2 - height
            return self.drawer.out * cells * CELL_M + max(0.0, up) * UP if up < room else None
        return None

    def _room(self, middle: tuple[int, int]) -> float:
        """How high the thing's origin can go over a cell before the thing touches what hangs over."""
        i, j = np.array(middle) - np.array(self.top.shape) // 2
        window = self.ceiling[i : i + self.top.shape[0], j : j + self.top.shape[1]]
        solid = (self.top > NOTHING) & (window < -NOTHING)
        return float((window - self.top)[solid].min()) if solid.any() else -NOTHING


def _offsets(reach: Array, spacing: Spacing) -> list[Array]:
    """(3,) shifts off the best place, near ones first."""
    tried = np.clip(2 * np.ceil(reach / spacing.step_m) + 1, 3, spacing.most).astype(int)
    sides = [np.linspace(-side, side, number) for side, number in zip(reach, tried, strict=True)]
    shifts = [np.array([x, y, 0.0]) for x, y in itertools.product(*sides)]
    return sorted(shifts, key=lambda shift: float(np.linalg.norm(shift)))


def _hand_floor(rest: Array) -> Array:
    """(nx, ny) how low the grip point of the opening hand can go over each cell."""
    fingers = highest(rest, FINGER_M + FINGER_HALF_M[0] + FINGER_OPENING_M, FINGER_HALF_M[1]) + TIP_M
    palm = highest(rest, *PALM_HALF_M) - PALM_M + PALM_CLEARANCE_M
    return np.maximum(np.maximum(fingers, palm), highest(rest, *WRIST_HALF_M) - WRIST_M)


def gaps(rest: Array, bottom: Array, middle: tuple[int, int]) -> Array:
    """(mx, my) heights of a thing's origin over a cell at which each cell of its underside touches down.

    Args:
        rest: (nx, ny) heights of all else.
        bottom: (mx, my) heights of the thing's underside about its origin, which is over the middle cell.
        middle: the cell.
    """
    i, j = middle[0] - bottom.shape[0] // 2, middle[1] - bottom.shape[1] // 2
    below = rest[i : i + bottom.shape[0], j : j + bottom.shape[1]]
    return np.where(bottom < -NOTHING, below - bottom, NOTHING)


def _tips(gap: Array, bottom: Array) -> bool:
    """Whether a thing would tip over, from its gaps and its underside, both (mx, my)."""
    body = np.argwhere(bottom < -NOTHING).mean(axis=0)
    support = np.argwhere(gap > gap.max() - SUPPORT_M)
    return bool(((support.max(axis=0) < body) | (support.min(axis=0) > body)).any())
