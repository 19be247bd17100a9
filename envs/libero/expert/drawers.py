"""Drawers: closed fingers hook the handle's bar from above to open them, and push its face to close them.

The hand leans away from the cabinet, so that it stays clear of the handles above, and the fingers close along the bar:
they fit between its two posts. Pinching the bar would need more room below it than the lowest drawer has.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from envs.libero.expert.hand import CLOSED, Hand, Skill
from envs.libero.expert.parts import COARSE_M, COARSE_RAD, UP, Part, Pose, drive, easiest, rise
from envs.libero.simulation import Array

HOOKING_LEAN_RAD, PUSHING_LEAN_RAD = 1.0, 0.7  # from pointing straight down towards pointing into the cabinet
TIP_M, FINGER_M = 0.0092, 0.0088  # from the grip point to the end of the fingers, and half their width
BEHIND_M, BELOW_M = 0.004, 0.003  # where the lowest corner of the fingers goes: from the upper rear edge of the bar
PRESS_M = np.array([0.0, 0.0, -0.010])
LEAD_M = 0.05
WIDE_M = 0.004  # off the end of the joint
AWAY_M = 0.04
TRIALS = 3


class Drawer:
    """Where the bar of a drawer is and how a hand stands before it.

    Args:
        part: the drawer.
    """

    def __init__(self, part: Part) -> None:
        self.part = part
        self.out = -part.axis  # a drawer is open where its joint is negative
        self.bar = part.outermost(self.out)
        self.deep, self.high = part.half(self.bar, self.out), part.half(self.bar, UP)

    def rotation(self, hand: Hand, lean_rad: float) -> Array:
        """(3, 3) the hand leaning away from the cabinet, fingers closing along the bar."""
        pointing = -np.sin(lean_rad) * self.out - np.cos(lean_rad) * UP
        side = np.cross(UP, self.out)
        return easiest(hand, [np.column_stack([x, np.cross(pointing, x), pointing]) for x in (side, -side)])

    def pose(self, out_m: float, up_m: float, rotation: Array) -> Pose:
        """The hand with the lowest corner of its fingers at a place, measured from the middle of the bar."""
        pointing, across = rotation[:, 2], rotation[:, 1]
        under = across if across @ UP < 0 else -across
        corner = self.part.centre(self.bar) + out_m * self.out + up_m * UP
        return Pose(corner - TIP_M * pointing - FINGER_M * under, rotation)


def open_drawer(hand: Hand, part: Part, done: Callable[[], bool]) -> Skill:
    """Hook the bar and pull as far as the drawer goes: what is put into it wants all of the room.

    Args:
        hand: empty.
        part: the drawer.
        done: whether it counts as open; if not, the hand tries again.
    """
    drawer = Drawer(part)
    behind = -drawer.deep - BEHIND_M
    for _ in range(TRIALS):
        if done():
            return
        hand.gripper = CLOSED
        yield from rise(hand, part)
        rotation = drawer.rotation(hand, HOOKING_LEAN_RAD)
        yield from hand.go(*drawer.pose(behind + 0.06, drawer.high + 0.035, rotation), COARSE_M, COARSE_RAD)
        yield from hand.go(*drawer.pose(behind, drawer.high + 0.012, rotation), near_rad=0.12)
        hooked = drawer.pose(behind, drawer.high - BELOW_M, rotation)
        yield from hand.go(*hooked, near_m=0.005, near_rad=0.12)
        yield from drive(hand, part, hooked, -LEAD_M, lambda: part.value < part.lowest + WIDE_M, PRESS_M)
        yield from hand.go(hand.position + AWAY_M * UP, hand.rotation, near_m=0.015)


def close_drawer(hand: Hand, part: Part, done: Callable[[], bool]) -> Skill:
    """Push the face of the bar until the drawer counts as closed; arguments as for `open_drawer`."""
    drawer = Drawer(part)
    before = drawer.deep + 2 * FINGER_M * np.cos(PUSHING_LEAN_RAD)
    for _ in range(TRIALS):
        if done():
            return
        hand.gripper = CLOSED
        yield from rise(hand, part)
        rotation = drawer.rotation(hand, PUSHING_LEAN_RAD)
        yield from hand.go(*drawer.pose(before + AWAY_M, 0.05, rotation), COARSE_M, COARSE_RAD)
        pushing = drawer.pose(before + 0.01, -drawer.high, rotation)
        yield from hand.go(*pushing, near_m=0.012, near_rad=0.2)
        yield from drive(hand, part, pushing, LEAD_M, done)
        yield from hand.go(hand.position + AWAY_M * drawer.out, hand.rotation, near_m=0.015)
