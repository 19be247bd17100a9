"""Where everything stands when an episode starts, drawn from the episode's seed.

    arm     home plus a uniform error of up to 0.15 rad in the base and 0.08 to 0.10 rad in the other joints
    doors   each stands 0.7 to 1.6 rad open in half of the episodes; the one that has to be closed in all
    pot     on the back burner, on the front burner or anywhere on the counter
    mugs    the handle within 0.8 rad of the line from the arm, pointing away from it or towards it
    others  anywhere, any way round; in half of the pick-up episodes one stands beside the way from target to goal

Things keep their feet on the counter, out of the basin, 12 mm apart and within the arm's reach. What one sees must not
give the instruction away: doors, order of placing and reach are the same for all tasks of a scene, and the front
burner, which has to be free for the pot that goes there, is kept free in half of the other episodes too.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from envs.piper.scenes import Scene
from envs.piper.tasks import BACK_BURNER, BASIN, FRONT_BURNER, Goal
from envs.piper.toys import KINDS, POT_RADIUS_M, Toy

HOME = np.array([0.0, 1.05, -1.25, 0.0, 0.95, 0.0])
HOME_ERROR = np.array([0.15, 0.08, 0.08, 0.08, 0.08, 0.10])
OPEN_RAD = (0.7, 1.6)
GAP_M = 0.012
REACH_M = (0.24, 0.53)
HANDLE_RAD = 0.8
COUNTER = ((0.28, 0.575), (-0.40, 0.36))
TABLETOP = ((0.16, 0.50), (-0.30, 0.30))
TAP, TAP_M = (0.548, 0.16), 0.016
TRIES = 60
VESSELS = ("pot", "plate")

Place = tuple[float, float, float]  # x and y in metres, world frame; yaw in rad


class Start(NamedTuple):
    """A drawn start: (6,) joint angles, door angles, and the place of each toy."""

    joints: npt.NDArray[np.float64]
    doors: dict[str, float]
    toys: dict[str, Place]


def draw(scene: Scene, goal: Goal, random: np.random.Generator) -> Start:
    """The start of an episode."""
    joints = HOME + random.uniform(-1, 1, 6) * HOME_ERROR
    doors = _doors(scene, goal, random)
    clear = goal.kind == "stove" or random.random() < 0.5
    while (placed := _toys(scene, goal, random, clear=clear)) is None:
        pass
    return Start(joints, doors, placed)


def _doors(scene: Scene, goal: Goal, random: np.random.Generator) -> dict[str, float]:
    opened = [door for door in scene.doors if random.random() < 0.5 or door == goal.target]
    return dict.fromkeys(scene.doors, 0.0) | {door: random.uniform(*OPEN_RAD) for door in opened}


def _toys(scene: Scene, goal: Goal, random: np.random.Generator, *, clear: bool) -> dict[str, Place] | None:
    """A place for each toy, vessels first; None where the last ones find none."""
    order = [scene.toys[index] for index in random.permutation(len(scene.toys))]
    loose = [toy.name for toy in order if toy.kind not in VESSELS and toy.name != goal.target]
    beside = loose[0] if goal.kind != "close" and random.random() < 0.5 else None
    placed: dict[str, Place] = {}
    for toy in sorted(order, key=lambda toy: (toy.kind not in VESSELS, toy.name == beside)):
        place = find_place(scene, toy, placed, random, goal if toy.name == beside else None, clear=clear)
        if place is None:
            return None
        placed[toy.name] = place
    return placed


def find_place(
    scene: Scene,
    toy: Toy,
    placed: dict[str, Place],
    random: np.random.Generator,
    beside: Goal | None = None,
    *,
    clear: bool = True,
) -> Place | None:
    """A free place for one more toy; None where none was found.

    Args:
        scene: the scene.
        toy: what needs a place.
        placed: what has one.
        random: draws it.
        beside: the task beside whose way it shall stand, if it can.
        clear: whether the front burner is kept free.
    """
    feet = {other.name: foot_radius(other) for other in scene.toys}
    for attempt in range(TRIES):
        if beside and attempt < TRIES // 2:
            place = _beside_way(beside, placed, random)
        else:
            place = _anywhere(scene, toy, random)
        apart = all(math.dist(place, at[:2]) > feet[toy.name] + feet[name] + GAP_M for name, at in placed.items())
        if apart and _allowed(scene, feet[toy.name], place, clear=clear):
            return *place, _yaw(toy, place, random)
    return None


def _anywhere(scene: Scene, toy: Toy, random: np.random.Generator) -> tuple[float, float]:
    if toy.kind == "pot" and (spot := random.random()) < 0.6:
        x, y = BACK_BURNER if spot < 0.35 else FRONT_BURNER
        return x + random.uniform(-0.01, 0.01), y + random.uniform(-0.01, 0.01)
    (x_low, x_high), (y_low, y_high) = COUNTER if scene.doors else TABLETOP
    return random.uniform(x_low, x_high), random.uniform(y_low, y_high)


def _beside_way(goal: Goal, placed: dict[str, Place], random: np.random.Generator) -> tuple[float, float]:
    """A point beside the line from the target to the goal."""
    middle = tuple(sum(side) / 2 for side in BASIN)
    end = {"sink": middle, "stove": FRONT_BURNER}.get(goal.kind) or placed[goal.kind][:2]
    along, aside = random.uniform(0.2, 0.8), random.uniform(-0.08, 0.08)
    start = np.array(placed[goal.target][:2])
    way = np.subtract(end, start)
    across = np.array([-way[1], way[0]]) / max(float(np.linalg.norm(way)), 1e-6)
    x, y = (start + along * way + aside * across).tolist()
    return x, y


def _yaw(toy: Toy, place: tuple[float, float], random: np.random.Generator) -> float:
    if toy.kind != "mug":
        return random.uniform(-math.pi, math.pi)
    line = math.atan2(place[1], place[0]) + math.pi * int(random.integers(2))
    return line + random.uniform(-HANDLE_RAD, HANDLE_RAD)


def foot_radius(toy: Toy) -> float:
    """Radius of the circle that a toy's foot needs, metres."""
    return KINDS[toy.kind].foot_radius_m * toy.scale


def _allowed(scene: Scene, foot: float, place: tuple[float, float], *, clear: bool) -> bool:
    """Whether a foot of that radius may stand there."""
    (x_low, x_high), (y_low, y_high) = COUNTER if scene.doors else TABLETOP
    x, y = place
    inside = x_low + foot <= x <= x_high - foot and y_low + foot <= y <= y_high - foot
    if not inside or not REACH_M[0] <= math.hypot(x, y) <= REACH_M[1]:
        return False
    if not scene.doors:
        return True
    burner = foot + POT_RADIUS_M + GAP_M if clear else 0.0
    tap = math.dist(place, TAP) >= foot + TAP_M
    return tap and _distance_to_basin(place) >= foot and math.dist(place, FRONT_BURNER) >= burner


def _distance_to_basin(place: tuple[float, float]) -> float:
    aside = [max(low - value, 0.0, value - high) for value, (low, high) in zip(place, BASIN, strict=True)]
    return math.hypot(*aside)
