"""Blocks put somewhere: onto the shelf behind the sliding door, into the drawer, onto one another."""

from __future__ import annotations

import math

import numpy as np

from envs.calvin.expert.carrying import Carrier
from envs.calvin.expert.grasps import blocked
from envs.calvin.expert.hand import ACROSS, Pose, Skill
from envs.calvin.expert.ways import leave
from envs.calvin.geometry import DRAWER_FLOOR_M, DRAWER_HALF_M, SHELF_M, TABLE_M, exposed, opening
from envs.calvin.states import BLOCKS, Contact

TOP: Contact = ("table", -1)
SHELF_Y_M, SHELF_LEAN = 0.08, 0.35  # where blocks go on the shelf, and how far the hand leans at least
FALL_M, ON_BLOCK_M = 0.004, 0.002  # above what a block is let go onto
NARROW_M = 0.12  # an opening into which no hand comes
SHELF_ROOM_M, DRAWER_ROOM_M = 0.05, 0.08  # beside a block, more is no better
OFF_MIDDLE_COST, OFF_DRAWER_COST = 0.01, 0.05  # room that a metre off the middle is worth
DEEPEST_M, SIDE_M = 0.10, 0.055  # behind the table's edge, and off the drawer's side walls
STEP_M = 0.01


def onto_shelf(carrier: Carrier, colour: str) -> Skill:
    """Put a block where the shelf is open."""
    scene = carrier.hand.scene
    low, high = opening(carrier.table, scene.slider)
    if high - low < NARROW_M:
        yield from carrier.release()
        yield from carrier.fixtures.slide(to_left=scene.slider > carrier.table.slide / 2)
    yield from _have(carrier, colour)
    yield from leave(carrier.hand)
    yield from carrier.put(_on_shelf(carrier, colour))
    yield from leave(carrier.hand)


def _have(carrier: Carrier, colour: str) -> Skill:
    """Take a block, if it is not in the hand."""
    if carrier.held() != colour:
        yield from carrier.uncover(colour)
        yield from carrier.take(colour)


def _on_shelf(carrier: Carrier, colour: str) -> Pose:
    """The hand that sets a held block down where there is most room."""
    scene, half = carrier.hand.scene, carrier.hand.opening / 2
    low, high = opening(carrier.table, scene.slider)
    others = [carrier.outline(other).level for other in BLOCKS if other != colour and carrier.place(other) == "shelf"]
    xs = [*np.arange(low + half, high - half, STEP_M), (low + high) / 2]

    def room(x: float) -> float:
        gaps = [abs(x - one.middle[0]) - float(np.abs(one.along[:, 0]) @ one.half) - half for one in others]
        least = min(*gaps, x - low - half, high - x - half, SHELF_ROOM_M)
        return float(least) - OFF_MIDDLE_COST * abs(x - (low + high) / 2)

    def worth(pose: Pose) -> float:
        return room(float(pose.position[0])) - blocked(carrier.table, scene.slider, pose)

    spots = [np.array([x, SHELF_Y_M, SHELF_M + FALL_M]) for x in xs]
    return max((carrier.standing(colour, spot, ACROSS, SHELF_LEAN) for spot in spots), key=worth)


def into_drawer(carrier: Carrier, colour: str) -> Skill:
    """Put a block into the drawer, beside what is in it."""
    yield from _have(carrier, colour)
    yield from leave(carrier.hand)
    front, back = exposed(carrier.hand.scene)
    y = max((front + back) / 2, back - DEEPEST_M)
    middle, half = carrier.table.drawer, DRAWER_HALF_M - SIDE_M
    others = [other for other in BLOCKS if other != colour and carrier.place(other) == "drawer"]
    taken = [float(carrier.hand.scene.blocks[other].position[0]) for other in others]

    def worth(x: float) -> float:
        return min([*(abs(x - other) for other in taken), DRAWER_ROOM_M]) - OFF_DRAWER_COST * abs(x - middle)

    x = max(np.arange(middle - half, middle + half, STEP_M).tolist(), key=worth)
    yield from carrier.put(carrier.standing(colour, np.array([x, y, DRAWER_FLOOR_M + FALL_M]), ACROSS))
    yield from leave(carrier.hand)


def from_table_into_drawer(carrier: Carrier) -> Skill:
    """Bring a block from the table into the drawer; one that touches nothing else, else it does not count.

    It is carried: pushed over the edge it would fall anyhow, and lie as no hand can take it out again.
    """
    blocks = carrier.hand.scene.blocks
    on_table = [colour for colour in BLOCKS if carrier.place(colour) == "table"] or list(BLOCKS)
    alone = [colour for colour in on_table if blocks[colour].contacts == {TOP}] or on_table
    colour = min(alone, key=lambda one: abs(blocks[one].position[0] - carrier.table.drawer))
    yield from carrier.take(colour)
    if carrier.held() == colour:
        yield from into_drawer(carrier, colour)


def onto_block(carrier: Carrier, colour: str) -> Skill:
    """Put a block onto the nearest other one, on the table if there is one."""
    yield from _have(carrier, colour)
    yield from leave(carrier.hand)
    hand, blocks = carrier.hand, carrier.hand.scene.blocks
    below = min(
        (other for other in BLOCKS if other != colour),
        key=lambda one: (carrier.place(one) != "table", math.dist(blocks[one].position, hand.position)),
    )
    top = max(TABLE_M, blocks[below].position[2] + carrier.outline(below).half_height)
    spot = np.array([*blocks[below].position[:2], top + ON_BLOCK_M])
    yield from carrier.put(carrier.standing(colour, spot, hand.pose.yaw))
    yield from leave(hand)
