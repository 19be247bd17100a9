"""The microwave's door and the stove's knob: what turns on an upright hinge is gripped from above and led round."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from envs.libero.expert.hand import CLOSED, OPEN, Hand, Skill
from envs.libero.expert.parts import COARSE_RAD, UP, Part, Pose, drive, easiest, rise
from envs.libero.simulation import Array

PALM_M = 0.031  # from the grip point up to the palm
CLEAR_M = 0.004
KNOB_DEPTH_M = 0.010  # of the grip point below the top of the knob
ABOVE_M, ALIGNED_M = 0.06, 0.008
DOOR_LEAD_RAD, KNOB_LEAD_RAD = 0.3, 0.5  # told ahead; more, and the door slips out of the fingers
CLOSING_STEPS, OPENING_STEPS = 12, 6
TRIALS = 3


def door_grip(hand: Hand, part: Part) -> Pose:
    """The hand at the top of the door's bar: deep enough to hold it, the palm clear of the door's upper edge."""
    panel = max(part.geoms, key=lambda geom: part.half(geom, UP))
    normal = min(part.axes(panel), key=lambda axis: part.half(panel, axis))
    bar = max(part.geoms, key=lambda geom: abs((part.centre(geom) - part.centre(panel)) @ normal))
    place = part.centre(bar)
    place[2] = part.reach(panel, UP) + CLEAR_M - PALM_M
    return Pose(place, _downwards(hand, np.cross(UP, normal)))


def knob_grip(hand: Hand, part: Part) -> Pose:
    """The hand across the knob's ridge."""
    ridge = part.outermost(UP)
    thin = min(part.axes(ridge), key=lambda axis: part.half(ridge, axis))
    place = part.centre(ridge)
    place[2] = part.reach(ridge, UP) - KNOB_DEPTH_M
    return Pose(place, _downwards(hand, thin))


def _downwards(hand: Hand, along: Array) -> Array:
    """(3, 3) the hand pointing down, its fingers closing along a direction."""
    return easiest(hand, [np.column_stack([way, np.cross(-UP, way), -UP]) for way in (along, -along)])


def lead_round(
    hand: Hand, part: Part, grip: Callable[[Hand, Part], Pose], lead_rad: float, done: Callable[[], bool]
) -> Skill:
    """Grip a part and turn it.

    Args:
        hand: empty.
        part: what it turns.
        grip: where the hand holds it.
        lead_rad: how far the hand is told to be ahead of it; its sign says which way.
        done: asked before each step whether it is turned far enough.
    """
    for _ in range(TRIALS):
        if done():
            return
        hand.gripper = OPEN
        yield from rise(hand, part)
        pose = grip(hand, part)
        yield from hand.go(pose.position + ABOVE_M * UP, pose.rotation, ALIGNED_M, COARSE_RAD)
        yield from hand.go(*pose, near_m=0.005)
        hand.gripper = CLOSED
        yield from hand.wait(CLOSING_STEPS)
        yield from drive(hand, part, pose, lead_rad, done)
        hand.gripper = OPEN
        yield from hand.wait(OPENING_STEPS)
        yield from hand.go(hand.position + ABOVE_M * UP, hand.rotation, near_m=0.015)
