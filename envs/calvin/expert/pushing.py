"""Blocks pushed to the left or right.

The fingers shove a block and stop before it does, so that they are off it when it has gone far enough: what is asked
for next may want to begin with a block that touches nothing but the table. Where something is in the way, or the
cabinet too near, the block is carried, and dropped from a centimetre above the table.
"""

from __future__ import annotations

import math

import numpy as np

from envs.calvin.expert.carrying import TABLE_Y_M, Carrier
from envs.calvin.expert.hand import Pose, Skill
from envs.calvin.expert.ways import approach, leave
from envs.calvin.geometry import FINGER_HALF_M, TABLE_M, TABLE_SIDE_M, Rectangle
from envs.calvin.robot import CLOSE
from envs.calvin.states import Floats

PUSH_M, FARTHEST_M = 0.1, 0.125  # how far a block has to go, and may have to
GAP_M, HAND_M = 0.02, 0.07  # before fingers that begin to shove, and what they want with it beside the block
HEIGHT_M = 0.02  # of the tool above the table
ASIDE_M = 0.004  # nearer to the robot than the middle of a block, for fingers that lag the other way
BACK_M = -0.08  # y up to which a hand along y is clear of the cabinet
CLEAR_M = 0.005
GLIDE_M, SPEED, BRAKE_M = 0.008, 0.6, 0.03  # what a block goes on when the hand stops; its speed; how it stops
PAST_M, RAISED_M, DROP_M = 0.007, 0.06, 0.012  # beyond the goal, and above the table, for a block that is carried
ENOUGH_M, ASIDE_COST, FAR_COST = 0.03, 0.1, 0.2  # of room; room that a metre aside or too far is worth
AWAY_M, STEP_M = 0.10, 0.02  # how far beyond the goal room is looked for


def push(carrier: Carrier, colour: str, to_right: bool) -> Skill:
    """Push a block, or carry it, until it has gone far enough."""
    sign = 1.0 if to_right else -1.0
    goal = float(carrier.hand.scene.blocks[colour].position[0]) + sign * PUSH_M
    while True:
        if _is_free(carrier, colour, sign):
            yield from _shove(carrier, colour, sign, goal)
        else:
            yield from _carry(carrier, colour, sign, goal + sign * PAST_M)
        yield from carrier.release()


def _is_free(carrier: Carrier, colour: str, sign: float) -> bool:
    """Whether nothing is where the fingers and the block have to go."""
    level = carrier.outline(colour).level
    reach = np.abs(level.along.T) @ level.half  # half its extent along x and y
    if carrier.place(colour) != "table" or level.middle[1] > BACK_M:
        return False
    if abs(level.middle[0] + sign * (FARTHEST_M + reach[0])) > TABLE_SIDE_M:
        return False
    ends = level.middle[0] + sign * np.array([-reach[0] - HAND_M, reach[0] + FARTHEST_M])
    swept = Rectangle(np.array([ends.mean(), level.middle[1]]), np.eye(2), np.array([abs(np.ptp(ends)) / 2, reach[1]]))
    return all(swept.distances(other.points()).min() > CLEAR_M for other in carrier.around(colour))


def _shove(carrier: Carrier, colour: str, sign: float, goal: float) -> Skill:
    """Push with closed fingers, one behind the other, and let the block glide over the goal."""
    hand, level = carrier.hand, carrier.outline(colour).level
    reach = float(np.abs(level.along[:, 0]) @ level.half)
    yield from leave(hand)
    hand.gripper = CLOSE
    x = level.middle[0] - sign * (reach + FINGER_HALF_M + GAP_M)
    yaw = 0.0 if abs(hand.yaw) < math.pi / 2 else math.pi
    pose = Pose(np.array([x, level.middle[1] - ASIDE_M, TABLE_M + HEIGHT_M]), 0.0, yaw)
    yield from approach(hand, pose)
    yield from hand.go(pose)
    left = min(GLIDE_M, sign * (goal - float(level.middle[0])) / 2)

    def glides() -> bool:
        return sign * (goal - float(hand.scene.blocks[colour].position[0])) < left

    yield from hand.go(pose.moved(np.array([sign * (FARTHEST_M + GAP_M), 0.0, 0.0])), speed=SPEED, until=glides)
    yield from hand.go(hand.pose.moved(np.array([-sign * BRAKE_M, 0.0, 0.0])), near_m=0.005)


def _carry(carrier: Carrier, colour: str, sign: float, x: float) -> Skill:
    """Drop a block where there is room."""
    hand = carrier.hand
    yield from carrier.take(colour)
    spot = _free_spot(carrier, colour, sign, x)
    yield from hand.go(hand.pose.moved(np.array([0.0, 0.0, RAISED_M])), near_m=0.02)
    yield from carrier.put(carrier.standing(colour, np.array([*spot, TABLE_M + DROP_M]), hand.pose.yaw))
    yield from hand.wait(2)


def _free_spot(carrier: Carrier, colour: str, sign: float, x: float) -> Floats:
    """(2,) a place at x or somewhat farther, as near as there is one with room around it."""
    start = carrier.hand.scene.blocks[colour].position
    far, y = np.meshgrid(np.arange(0.0, AWAY_M, STEP_M), np.arange(*TABLE_Y_M, STEP_M / 2))
    spots = np.column_stack([x + sign * far.ravel(), y.ravel()])
    room = np.minimum(ENOUGH_M, carrier.room(colour, spots))
    best: Floats = spots[(room - ASIDE_COST * np.abs(spots[:, 1] - start[1]) - FAR_COST * far.ravel()).argmax()]
    return best
