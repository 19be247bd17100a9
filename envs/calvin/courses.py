"""What has to happen for each of CALVIN's subtasks, by the quantities that the verdicts of `oracles` compare.

    move      slider and drawer: the joint, by as much as the verdict wants
    press     the button, down to its threshold
    flip      the switch, to its threshold
    turn      the block, by 60 degrees to that side
    push      the block, by 0.1 m to that side
    lift      the block, by as much as the verdict wants
    place     the block in the hand, to the open part of the slider, or into the drawer; the last tenth is to touch it
    stack     the block in the hand, else any, to the top of the nearest other one; the last tenth is to touch it
    unstack   the block that rests on others, 2 cm away
    drop      any block on the table, four fifths over the table's front edge, and down

Metres in the world frame; places are of calvin_env@797142c's meshes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from envs.calvin.geometry import BUTTON_TOP_M, BUTTON_Y_M, DOOR_M, FACE_UP, Table, exposed, opening
from envs.calvin.oracles import (
    DRAW_M,
    DRAWER,
    LIFT_M,
    PLANK,
    PUSH_M,
    SLIDE_M,
    TOP,
    TURN_DEG,
    bodies,
    held,
    on_what,
    rests_on_blocks,
    turned_deg,
)
from envs.calvin.states import BLOCKS, Contact, Floats, Snapshot

PRESS_M, FLIP_M = 0.01, 0.044  # thresholds of button and switch
HANDLE_YZ, BAR_YZ, SWITCH_YZ = (0.01, 0.56), (-0.25, 0.36), (0.037, 0.518)  # of door, drawer, switch; joints at 0
BLOCK_M = 0.04  # height
SHELF_YZ = (0.04, 0.14, 0.42, 0.48)  # where the centre of a stored block is: y from, to; z from, to
DRAWER_HALF_X, DRAWER_Z = 0.14, (0.34, 0.39)
EDGE_Y, FALL_M = -0.18, 0.05  # of the table's front; from its top into the drawer
ACROSS, TOUCH = 0.8, 0.1  # shares
AWAY_M, SHORTEST_M = 0.02, 0.05

Share = Callable[[Snapshot], float]


class Course(NamedTuple):
    """One way to solve a subtask.

    Args:
        work: what the work is called.
        point: (3,) where the tool has to come, m.
        done: the share of the work that is done; 1 and more where all is.
        block: the one that it is about, "" for none.
        grasp: whether that has to be grasped.
    """

    work: str
    point: Callable[[Snapshot], Floats]
    done: Share
    block: str = ""
    grasp: bool = False


def courses(subtask: str, start: Snapshot, table: Table) -> list[Course]:
    """The ways to solve a subtask, none where its start makes that impossible."""
    verb, *words = subtask.split("_")
    match verb, words:
        case "move", [_, side]:
            return [of_door(start, table, 1 if side == "left" else -1)]
        case "open" | "close", _:
            return [of_drawer(start, table, 1 if verb == "open" else -1)]
        case "turn", [state, light]:
            return of_light(start, table, light, state == "on")
        case "rotate", [colour, _, side]:
            return [of_turning(start, colour, 1 if side == "left" else -1)]
        case "push", ["into", _]:
            return [of_dropping(start, one) for one in BLOCKS if start.blocks[one].contacts == {TOP}]
        case "push", [colour, _, side]:
            return [of_pushing(start, colour, 1 if side == "right" else -1)] if on_what(start.blocks[colour]) else []
        case "lift", [colour, _, where]:
            surface = {"table": TOP, "slider": PLANK, "drawer": DRAWER}[where]
            return [of_lifting(start, colour, surface)] if surface in start.blocks[colour].contacts else []
        case "place", [_, where]:
            surface, block = PLANK if where == "slider" else DRAWER, held(start)
            return [of_placing(start, block, surface, table)] if block else []
        case "stack", _:
            loose = [one for one in BLOCKS if not bodies(start.blocks[one]) & set(BLOCKS)]
            return [of_stacking(start, one) for one in loose if held(start) in (one, None)]
    return [of_unstacking(start, one) for one in BLOCKS if rests_on_blocks(start.blocks[one])]


def of_door(start: Snapshot, table: Table, sign: int) -> Course:
    """The slider's door, by its handle."""
    middle = table.door + DOOR_M / 2
    return Course(
        "move",
        lambda now: np.array([middle - now.slider, *HANDLE_YZ]),
        lambda now: sign * (now.slider - start.slider) / SLIDE_M,
    )


def of_drawer(start: Snapshot, table: Table, sign: int) -> Course:
    """The drawer, by its bar."""
    y, z = BAR_YZ
    return Course(
        "move",
        lambda now: np.array([table.drawer, y - now.drawer, z]),
        lambda now: sign * (now.drawer - start.drawer) / DRAW_M,
    )


def of_light(start: Snapshot, table: Table, light: str, on: bool) -> list[Course]:
    """The button or the switch; nothing where the light is as it shall be."""
    if (start.led if light == "led" else start.lightbulb) == on:
        return []
    if light == "led":
        top = np.array([table.button, BUTTON_Y_M, BUTTON_TOP_M])
        return [Course("press", lambda now: top - [0.0, 0.0, now.button], lambda now: now.button / PRESS_M)]
    base, way = np.array([table.switch, *SWITCH_YZ]), FLIP_M - start.switch
    way = way if way * (1 if on else -1) > 0 else math.inf  # it has to come back first
    return [Course("flip", lambda now: base + now.switch * FACE_UP, lambda now: (now.switch - start.switch) / way)]


def of_turning(start: Snapshot, colour: str, sign: int) -> Course:
    """A block, turned about z."""
    before = start.blocks[colour]
    return Course("turn", at(colour), lambda now: sign * turned_deg(before, now.blocks[colour])[2] / TURN_DEG, colour)


def at(colour: str) -> Callable[[Snapshot], Floats]:
    """(3,) where a block is."""
    return lambda now: now.blocks[colour].position


def of_pushing(start: Snapshot, colour: str, sign: int) -> Course:
    """A block, pushed along x."""
    x = float(start.blocks[colour].position[0])
    return Course("push", at(colour), lambda now: sign * (float(now.blocks[colour].position[0]) - x) / PUSH_M, colour)


def of_dropping(start: Snapshot, colour: str) -> Course:
    """A block, pushed over the table's edge into the drawer."""
    _, from_y, from_z = start.blocks[colour].position.tolist()
    way = max(from_y - EDGE_Y, SHORTEST_M)

    def done(now: Snapshot) -> float:
        _, y, z = now.blocks[colour].position.tolist()
        return ACROSS * clip((from_y - y) / way) + (1 - ACROSS) * clip((from_z - z) / FALL_M)

    return Course("drop", at(colour), done, colour)


def of_lifting(start: Snapshot, colour: str, surface: Contact) -> Course:
    """A block, lifted from a surface."""
    z, height = float(start.blocks[colour].position[2]), LIFT_M[surface]
    return Course("lift", at(colour), lambda now: (float(now.blocks[colour].position[2]) - z) / height, colour, True)


def of_placing(start: Snapshot, colour: str, surface: Contact, table: Table) -> Course:
    """The block in the hand, put on a surface."""

    def left(now: Snapshot) -> float:
        low, high = inside(surface, now, table)
        position = now.blocks[colour].position
        return float(np.linalg.norm(np.maximum(np.maximum(low - position, position - high), 0.0)))

    way = max(left(start), SHORTEST_M)

    def done(now: Snapshot) -> float:
        return (1 - TOUCH) * clip(1 - left(now) / way) + TOUCH * (surface in now.blocks[colour].contacts)

    return Course("place", at(colour), done, colour, True)


def inside(surface: Contact, now: Snapshot, table: Table) -> tuple[Floats, Floats]:
    """(3,) and (3,) opposite corners of where a block's centre has to come: the slider's open part, or the drawer."""
    if surface == PLANK:
        (left, right), (front, back, low, high) = opening(table, now.slider), SHELF_YZ
    else:
        (front, back), (low, high) = exposed(now), DRAWER_Z
        left, right = table.drawer - DRAWER_HALF_X, table.drawer + DRAWER_HALF_X
        front, back = min(front + BLOCK_M / 2, back), back - BLOCK_M / 2
    left, right = min(left + BLOCK_M / 2, right), max(right - BLOCK_M / 2, left)
    return np.array([left, front, low]), np.array([right, back, high])


def of_stacking(start: Snapshot, colour: str) -> Course:
    """A block, put on another one."""
    others = [one for one in BLOCKS if one != colour]

    def left(now: Snapshot) -> float:
        place = now.blocks[colour].position - [0.0, 0.0, BLOCK_M]
        return min(math.dist(place, now.blocks[one].position) for one in others)

    way = max(left(start), SHORTEST_M)

    def done(now: Snapshot) -> float:
        touches = bool(bodies(now.blocks[colour]) & set(others))
        return (1 - TOUCH) * clip((way - left(now)) / max(way - AWAY_M, AWAY_M)) + TOUCH * touches

    return Course("stack", at(colour), done, colour, True)


def of_unstacking(start: Snapshot, colour: str) -> Course:
    """A block, taken from another one."""
    before = start.blocks[colour].position
    return Course(
        "unstack", at(colour), lambda now: math.dist(now.blocks[colour].position, before) / AWAY_M, colour, True
    )


def clip(share: float) -> float:
    """`share` from 0 to 1."""
    return min(max(share, 0.0), 1.0)
