"""The ten tasks: what has to go where, and when it is there.

    close  the door's angle is below 0.06 rad
    sink   the centre of mass lies in the basin, 3 cm or more below the counter
    pot    the centre of mass lies in the pot, which stands upright
    stove  the pot stands upright on the front burner, within 3 cm of its centre
    plate  the centre of mass is over the plate, less than 5 cm above it; the plate lies flat

A thing counts as placed when it is also let go: the arm touches it with less than 0.05 N, and it moves by less than
0.05 m/s; so does the pot or the plate that it lies in. An episode is a success when that has held for half a second,
and the thing was once held more than 2 cm above where it was taken: what is knocked into its goal is not picked up. An
episode in which the arm has pressed on furniture with more than 50 N for a quarter of a second is no success any more:
a real arm would have been stopped.

Source: instructions of ProgVLA's Table 4 (arXiv 2605.28231, section B.5); the rules are ours, the paper gives none.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from envs.piper.toys import PLATE_RADIUS_M, POT_RADIUS_M
from envs.piper.tracking import Snapshot

HOLD_STEPS = 10
CLOSED_RAD = 0.06
TOUCH_N, STILL_M_S = 0.05, 0.05
COUNTER_M = 0.16
BASIN = ((0.33, 0.51), (0.06, 0.26))  # inside, x and y, metres, world frame
BASIN_BOTTOM_M = 0.085
HINGES = {"left_door": (0.28, 0.28, 1), "right_door": (0.28, 0.04, -1)}  # x, y; the door lies at lower or higher y
FRONT_BURNER, BACK_BURNER = (0.365, -0.14), (0.50, -0.14)


class Goal(NamedTuple):
    """A task: the scene, what kind of goal, and what has to be moved (a door or a toy)."""

    scene: str
    kind: str
    target: str


TASKS = {
    "close-left-door": Goal("kitchen", "close", "left_door"),
    "close-right-door": Goal("kitchen", "close", "right_door"),
    "red-cup-sink": Goal("kitchen", "sink", "red_mug"),
    "green-cup-sink": Goal("kitchen", "sink", "green_mug"),
    "pot-sink": Goal("kitchen", "sink", "pot"),
    "pot-stove": Goal("kitchen", "stove", "pot"),
    "whale-pot": Goal("kitchen", "pot", "blue_whale"),
    "octopus-pot": Goal("kitchen", "pot", "octopus"),
    "whale-plate": Goal("table", "plate", "blue_whale"),
    "octopus-plate": Goal("table", "plate", "octopus"),
}


def goal_place(goal: Goal, seen: Snapshot) -> tuple[float, float, float]:
    """Where the target has to stand, metres, world frame: the ground of the goal's centre."""
    if goal.kind in ("pot", "plate"):
        x, y, z = seen.place(goal.kind)
        return x, y, z + 0.005
    if goal.kind == "stove":
        return *FRONT_BURNER, COUNTER_M
    (x_low, x_high), (y_low, y_high) = BASIN
    return (x_low + x_high) / 2, (y_low + y_high) / 2, BASIN_BOTTOM_M


def door_point(door: str, angle: float, along_m: float, out_m: float) -> tuple[float, float]:
    """Where a point on a door is that stands open by `angle` rad: x and y in metres, world frame.

    Args:
        door: its name.
        angle: how far it is open, rad.
        along_m: from the hinge along the door, metres.
        out_m: from the hinge's plane towards the outside, metres.
    """
    x, y, side = HINGES[door]
    sine, cosine = math.sin(angle), math.cos(angle)
    return x - along_m * sine - out_m * cosine, y - along_m * side * cosine + out_m * side * sine


def is_there(goal: Goal, seen: Snapshot) -> bool:
    """Whether the target is where it has to be, held or not; for doors, whether it is closed."""
    if goal.kind == "close":
        return seen.door(goal.target) < CLOSED_RAD
    x, y, z = seen.centre(goal.target)
    if goal.kind == "sink":
        (x_low, x_high), (y_low, y_high) = BASIN
        return x_low < x < x_high and y_low < y < y_high and z < COUNTER_M - 0.03
    if goal.kind == "stove":
        x, y, z = seen.place("pot")
        near = math.dist((x, y), FRONT_BURNER) < 0.03 and abs(z - COUNTER_M) < 0.012
        return near and seen.upright("pot") > 0.95
    base_x, base_y, base_z = seen.place(goal.kind)
    aside, above = math.dist((x, y), (base_x, base_y)), z - base_z
    if goal.kind == "pot":
        return aside < POT_RADIUS_M and -0.005 < above < 0.078 and seen.upright("pot") > 0.9
    return aside < PLATE_RADIUS_M and 0 < above < 0.05 and seen.upright("plate") > 0.95


def is_done(goal: Goal, seen: Snapshot) -> bool:
    """Whether the target is there and let go; what else a success wants, `holding.Watch` says."""
    if goal.kind == "close":
        return is_there(goal, seen)
    return is_there(goal, seen) and is_free(goal, seen)


def is_free(goal: Goal, seen: Snapshot) -> bool:
    """Whether the arm has let go of the target, and of the pot or plate it goes to, and they have come to rest."""
    things = (goal.target, goal.kind) if goal.kind in ("pot", "plate") else (goal.target,)
    return all(seen.touch(thing) < TOUCH_N and seen.speed(thing) < STILL_M_S for thing in things)
