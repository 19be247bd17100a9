"""Where everything stands when an episode starts, drawn from the episode's seed.

    arm      home plus a uniform error of up to 0.15 rad in the base and 0.08 to 0.10 rad in the other joints
    doors    the target's door stands 0.7 to 1.6 rad open, and so does the other one in half of those episodes; in three
             of ten pick-up episodes one door is open too, so that an open door does not give the instruction away
    pot      on the back burner, on the front burner (unless it has to go there) or anywhere on the counter
    mugs     the handle within 0.8 rad of the line from the arm, pointing away from it or towards it
    others   anywhere, any way round; in half of the pick-up episodes one stands beside the way from target to goal

Things keep their feet on the counter, out of the basin, 12 mm apart and within the arm's reach, whatever the task is;
only the front burner is kept free for the pot that has to go there.
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
COUNTER = ((0.29, 0.57), (-0.39, 0.35))
TABLETOP = ((0.16, 0.50), (-0.30, 0.30))
TAP, TAP_M = (0.548, 0.16), 0.016
TRIES = 60

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
    while (placed := _toys(scene, goal, random)) is None:
        pass
    return Start(joints, doors, placed)


def _doors(scene: Scene, goal: Goal, random: np.random.Generator) -> dict[str, float]:
    angles = dict.fromkeys(scene.doors, 0.0)
    if goal.kind == "close":
        for door in scene.doors:
            if door == goal.target or random.random() < 0.5:
                angles[door] = random.uniform(*OPEN_RAD)
    elif scene.doors and random.random() < 0.3:
        angles[str(random.choice(scene.doors))] = random.uniform(*OPEN_RAD)
    return angles


def _toys(scene: Scene, goal: Goal, random: np.random.Generator) -> dict[str, Place] | None:
    """A place for each toy, vessels and the target first; None where the last ones find none."""
    ordered = sorted(scene.toys, key=lambda toy: (toy.kind not in ("pot", "plate"), toy.name != goal.target))
    rest = [toy for toy in ordered if toy.kind not in ("pot", "plate") and toy.name != goal.target]
    beside = rest[int(random.integers(len(rest)))].name if goal.kind != "close" and random.random() < 0.5 else None
    ordered.sort(key=lambda toy: toy in rest and toy.name != beside)
    placed: dict[str, Place] = {}
    for toy in ordered:
        place = find_place(scene, goal, toy, placed, random, beside=toy.name == beside)
        if place is None:
            return None
        placed[toy.name] = place
    return placed


def find_place(
    scene: Scene, goal: Goal, toy: Toy, placed: dict[str, Place], random: np.random.Generator, *, beside: bool = False
) -> Place | None:
    """A free place for one more toy, beside the way to the goal if asked for; None where none was found."""
    for attempt in range(TRIES):
        x, y = _beside_way(goal, placed, random) if beside and attempt < TRIES // 2 else _anywhere(scene, toy, random)
        if _fits(scene, goal, toy, placed, (x, y)):
            return x, y, _yaw(toy, (x, y), random)
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


def _fits(scene: Scene, goal: Goal, toy: Toy, placed: dict[str, Place], place: tuple[float, float]) -> bool:
    foot, feet = foot_radius(toy), {other.name: foot_radius(other) for other in scene.toys}
    (x_low, x_high), (y_low, y_high) = COUNTER if scene.doors else TABLETOP
    x, y = place
    inside = x_low + foot <= x <= x_high - foot and y_low + foot <= y <= y_high - foot
    if not inside or (scene.doors and (_distance_to_basin(place) < foot or math.dist(place, TAP) < foot + TAP_M)):
        return False
    if not REACH_M[0] <= math.hypot(x, y) <= REACH_M[1]:
        return False
    if goal.kind == "stove" and math.dist(place, FRONT_BURNER) < foot + POT_RADIUS_M + GAP_M:
        return False
    return all(math.dist(place, other[:2]) > foot + feet[name] + GAP_M for name, other in placed.items())


def _distance_to_basin(place: tuple[float, float]) -> float:
    aside = [max(low - value, 0.0, value - high) for value, (low, high) in zip(place, BASIN, strict=True)]
    return math.hypot(*aside)
