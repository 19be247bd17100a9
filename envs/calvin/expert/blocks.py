"""Blocks where they are: lifted, turned, taken off one another."""

from __future__ import annotations

import numpy as np

from envs.calvin.expert.carrying import Carrier
from envs.calvin.expert.hand import Skill
from envs.calvin.states import BLOCKS

CARRY_LEAN = 0.4  # of a hand that takes hold of something which may have to go onto the shelf
RAISED_M, OFF_SHELF_M, OFF_BLOCK_M = 0.12, 0.05, 0.05
TURN_RAD = 1.35  # of the 60 degrees or more that count
TURNING_M, DROP_M = 0.02, 0.007  # above the table
CLOSE_Y_M, TOWARDS_ROBOT_M = -0.13, -0.02  # a block that lies farther back is turned somewhat farther off the cabinet


def lift(carrier: Carrier, colour: str) -> Skill:
    """Take hold of a block and raise it."""
    yield from carrier.uncover(colour)
    place = carrier.place(colour)
    yield from carrier.take(colour, least=0.0 if place == "drawer" else CARRY_LEAN)
    hand = carrier.hand
    if place == "shelf":
        yield from hand.go(hand.pose.moved(np.array([0.0, 0.0, OFF_SHELF_M])), near_m=0.01)
    yield from hand.go(hand.pose.back(RAISED_M), near_m=0.01)


def rotate(carrier: Carrier, colour: str, to_left: bool) -> Skill:
    """Raise a block a little, turn it and let it drop, so that the hand is off it when it counts as turned."""
    hand, turn = carrier.hand, TURN_RAD if to_left else -TURN_RAD
    yield from carrier.take(colour, turn)
    taken = hand.pose
    aside = TOWARDS_ROBOT_M if taken.position[1] > CLOSE_Y_M else 0.0
    yield from hand.go(taken.moved(np.array([0.0, 0.0, TURNING_M])), near_m=0.008)
    turned = taken._replace(yaw=taken.yaw + turn)
    yield from hand.go(turned.moved(np.array([0.0, aside, TURNING_M])), near_m=0.01)
    yield from hand.go(turned.moved(np.array([0.0, aside, DROP_M])))
    yield from hand.open(5)


def unstack(carrier: Carrier) -> Skill:
    """Take the upper block off.

    That counts as soon as it leaves the lower one. So what is asked for next begins with that block in the air, and
    pushing it, or lifting it from the table, cannot count any more: both want it to begin on the table. To slide it
    down the other's side without losing touch takes more precision than the hand has.
    """
    blocks = carrier.hand.scene.blocks

    def rank(colour: str) -> tuple[bool, float]:
        return any(body in BLOCKS for body, _ in blocks[colour].contacts), float(blocks[colour].position[2])

    yield from carrier.take(max(BLOCKS, key=rank))
    yield from carrier.hand.go(carrier.hand.pose.moved(np.array([0.0, 0.0, OFF_BLOCK_M])))
