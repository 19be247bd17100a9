"""Ways of the hand between things: out from where it is, round what stands up, down to where it works."""

from __future__ import annotations

import math

import numpy as np

from envs.calvin.expert.hand import HELD_M, Hand, Pose, Skill
from envs.calvin.robot import BASE
from envs.calvin.states import Floats

LANE_Y_M, LANE_Z_M, LANE_FAR_Z_M = -0.14, 0.58, 0.53  # clear of handles, and of blocks on blocks
SIDEWAYS_M = 0.04  # farther than this the hand moves along the lane
STRETCHED_M = 0.72  # along the table from the arm's base
LEAST_BACK_M = 0.06
LOOSE_M, LOOSE_STEPS, LAG_M = 0.015, 2, 0.006


def leave(hand: Hand) -> Skill:
    """Let go of what the hand presses on, and draw it back along itself until nothing is beside it."""
    loose = _loose(hand)
    if float(np.abs(loose.position - hand.world.robot.target_position).max()) > LAG_M:
        for _ in range(LOOSE_STEPS):
            yield hand.action(loose)
    missing = LANE_Z_M - hand.position[2]
    if missing > 0.01:
        yield from hand.through(hand.pose.back(missing / math.cos(hand.pose.pitch)))


def _loose(hand: Hand) -> Pose:
    """The hand where it is, or a little off a block that it has pushed."""
    pose = hand.pose
    for block in hand.scene.blocks.values():
        if hand.opening < HELD_M and any(body == "robot" for body, _ in block.contacts):
            off = pose.position - block.position
            off[2] = 0.0
            return pose.moved(LOOSE_M * off / max(float(np.linalg.norm(off)), 1e-6))
    return pose


def approach(hand: Hand, pose: Pose) -> Skill:
    """Go to a place from which a straight way leads along the hand to a pose."""
    missing = lane(pose.position) - pose.position[2]
    ready = pose.back(max(LEAST_BACK_M, missing / math.cos(pose.pitch)))
    yield from over(hand, ready)
    yield from hand.go(ready, near_m=0.01, near_rad=0.1)


def over(hand: Hand, pose: Pose) -> Skill:
    """Go along the lane to before a pose."""
    start = hand.pose
    aside = abs(start.position[0] - pose.position[0]) > SIDEWAYS_M
    if aside and start.position[1] > LANE_Y_M + 0.01:
        yield from hand.through(start._replace(position=_in_lane(start.position)))
    if aside and pose.position[1] > LANE_Y_M + 0.01:
        yield from hand.through(pose._replace(position=_in_lane(pose.position)))


def lane(position: Floats) -> float:
    """Height of the lane at a (3,) place: far out the arm does not reach so high."""
    far = math.dist(position[:2], BASE[:2])
    return LANE_Z_M if far < STRETCHED_M else LANE_FAR_Z_M


def _in_lane(position: Floats) -> Floats:
    """(3,) the place in the lane that is nearest along x."""
    place = np.array([position[0], LANE_Y_M, LANE_Z_M])
    place[2] = lane(place)
    return place
