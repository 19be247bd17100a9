"""Blocks: lifted, turned, pushed, put down, put on one another."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy.spatial.transform import Rotation

from envs.calvin.expert.fixtures import Fixtures
from envs.calvin.expert.grasps import blocked, grasp, obstacles
from envs.calvin.expert.hand import ACROSS, Hand, Pose, Skill, rotation
from envs.calvin.expert.scene import (
    DRAWER_HALF_M,
    DRAWER_M,
    FINGER_HALF_M,
    SHELF_M,
    TABLE_M,
    TABLE_SIDE_M,
    Rectangle,
    Table,
    covered,
    exposed,
    opening,
    outline,
    place_of,
)
from envs.calvin.expert.ways import approach, leave
from envs.calvin.robot import CLOSE, OPEN
from envs.calvin.states import BLOCKS, Floats

CARRY_LEAN = 0.4  # of a hand that takes hold of something which may have to go onto the shelf
RAISED_M, OFF_SHELF_M = 0.12, 0.05
TURN_RAD = 1.35
PUSHED_M, PUSH_GAP_M = 0.125, 0.02
PUSHED_Y_M, ASIDE_M = -0.08, 0.01  # where the hand is clear of the cabinet, and nearer to the robot than the block
SHOVED_M, SHOVE_SPEED = 0.091, 0.7  # when the hand stops, and how fast it is
TURNING_M, DROP_M = 0.02, 0.007  # above the table
EDGE_M, TABLE_BACK_M = -0.172, -0.05  # y of the middle of a block that stands on the table
SPOTS_M = (-0.09, -0.075, -0.06, -0.045, -0.03, 0.0, 0.03, 0.045, 0.06, 0.075, 0.09)
NEAR_ROOM_M = 0.018
SHELF_Y_M = 0.08  # where blocks go on the shelf
DOOR_NEAR_M, HAND_ROOM_M = 0.015, 0.11  # half of what a hand wants of the opening
FALL_M, SHELF_ROOM_M, SHELF_LEAN = 0.004, 0.05, 0.35
ROOM_M = 0.03  # beside a block, more is no better


class Blocks:
    """The three blocks.

    Args:
        hand: that moves them.
        table: the scene's.
        fixtures: what has to be opened first.
    """

    def __init__(self, hand: Hand, table: Table, fixtures: Fixtures) -> None:
        self.hand, self.table, self.fixtures = hand, table, fixtures
        self.sizes = hand.world.block_size

    def held(self) -> str | None:
        """The block between the fingers."""
        return next((colour for colour in BLOCKS if self.hand.holds(colour)), None)

    def lift(self, colour: str) -> Skill:
        """Take hold of a block and raise it."""
        yield from self.uncover(colour)
        place = place_of(self.hand.scene.blocks[colour])
        yield from self.take(colour, least=0.0 if place == "drawer" else CARRY_LEAN)
        if place == "shelf":
            yield from self.hand.go(self.hand.pose.moved(np.array([0.0, 0.0, OFF_SHELF_M])), near_m=0.01)
        yield from self.hand.go(self.hand.pose.back(RAISED_M), near_m=0.01)

    def uncover(self, colour: str) -> Skill:
        """Move the door, or open the drawer, where it is in the way of a hand."""
        scene = self.hand.scene
        block = scene.blocks[colour]
        place = place_of(block)
        if place == "shelf":
            yield from self._uncover_shelf(float(block.position[0]))
        elif place == "drawer" and block.position[1] > exposed(scene)[1] - 0.03:
            yield from self.release()
            yield from self.fixtures.pull_drawer()

    def _uncover_shelf(self, x: float) -> Skill:
        """Move the door to the end at which it leaves more room at x."""
        now, right, left = (
            covered(self.table, slider, x, HAND_ROOM_M) for slider in (self.hand.scene.slider, 0.0, self.table.slide)
        )
        if now > min(left, right) + DOOR_NEAR_M:
            yield from self.release()
            yield from self.fixtures.slide(to_left=left < right)

    def take(self, colour: str, turn: float = 0.0, least: float = 0.0) -> Skill:
        """Go to a block with open fingers and close them on it."""
        yield from leave(self.hand)
        self.hand.gripper = OPEN
        pose = grasp(self.hand, self.table, self.sizes, colour, turn, least)
        yield from approach(self.hand, pose)
        yield from self.hand.go(pose)
        yield from self.hand.close()

    def release(self) -> Skill:
        """Put down what is between the fingers, as near as there is room for it, and draw back."""
        colour = self.held()
        if colour is None:
            return
        block = self.hand.scene.blocks[colour]
        if all(body == "robot" for body, _ in block.contacts):
            spot = self._near_spot(colour)
            pose = self.standing(colour, np.array([*spot, TABLE_M]), self.hand.pose.yaw)
            over = pose._replace(position=np.array([*pose.position[:2], max(pose.position[2], self.hand.position[2])]))
            yield from self.hand.go(over, near_m=0.01)
            yield from self.hand.go(pose, until=lambda: self._rests(colour))
        yield from self.hand.open()
        yield from leave(self.hand)

    def _rests(self, colour: str) -> bool:
        return any(body != "robot" for body, _ in self.hand.scene.blocks[colour].contacts)

    def _near_spot(self, colour: str) -> Floats:
        """(2,) the free place on the table that is nearest to a block."""
        here = self.hand.scene.blocks[colour].position[:2]
        spots = [here, *(here + (x, y) for x in SPOTS_M for y in SPOTS_M)]
        room = self._room(colour)
        return min(spots, key=lambda spot: 3 * max(0.0, NEAR_ROOM_M - room(spot)) + float(np.linalg.norm(spot - here)))

    def rotate(self, colour: str, to_left: bool) -> Skill:
        """Raise a block a little, turn it and let it drop, so that the hand is off it when it counts as turned."""
        turn = TURN_RAD if to_left else -TURN_RAD
        yield from self.take(colour, turn)
        pose = self.hand.pose
        shift = np.array([0.0, -0.02 if pose.position[1] > -0.13 else 0.0, 0.0])
        raised = pose.moved(shift + (0.0, 0.0, TURNING_M))
        yield from self.hand.go(pose.moved(np.array([0.0, 0.0, TURNING_M])), near_m=0.008)
        yield from self.hand.go(raised._replace(yaw=pose.yaw + turn), near_m=0.01)
        yield from self.hand.go(raised._replace(yaw=pose.yaw + turn).moved(np.array([0.0, 0.0, DROP_M - TURNING_M])))
        yield from self.hand.open(5)

    def push(self, colour: str, to_right: bool) -> Skill:
        """Push a block from the side, or carry it where something is in the way."""
        sign = 1.0 if to_right else -1.0
        if self._pushable(colour, sign):
            yield from self._shove(colour, sign)
        else:
            yield from self._shift(colour, sign)

    def _pushable(self, colour: str, sign: float) -> bool:
        """Whether nothing is where the fingers and the block have to go."""
        lies = outline(self.hand.scene.blocks[colour], self.sizes[colour]).level
        reach = np.abs(lies.along.T) @ lies.half  # half its extent along x and y
        if abs(lies.middle[0] + sign * (PUSHED_M + reach[0])) > TABLE_SIDE_M or lies.middle[1] > PUSHED_Y_M:
            return False
        ends = np.sort(lies.middle[0] + sign * np.array([-reach[0] - 0.07, reach[0] + PUSHED_M]))
        swept = Rectangle(np.array([ends.mean(), lies.middle[1]]), np.eye(2), np.array([np.ptp(ends) / 2, reach[1]]))
        for other in obstacles(self.hand.scene, self.table, self.sizes, colour, TABLE_M):
            corners = np.array(
                [other.middle + other.along.T @ (other.half * (a, b)) for a in (-1, 0, 1) for b in (-1, 0, 1)]
            )
            if swept.distances(corners).min() < 0.005:
                return False
        return place_of(self.hand.scene.blocks[colour]) == "table"

    def _shove(self, colour: str, sign: float) -> Skill:
        """Push fast with closed fingers, one behind the other, and stop before the block does."""
        start = self.hand.scene.blocks[colour].position
        lies = outline(self.hand.scene.blocks[colour], self.sizes[colour]).level
        reach = float(np.abs(lies.along[:, 0]) @ lies.half)
        yield from leave(self.hand)
        self.hand.gripper = CLOSE
        x = lies.middle[0] - sign * (reach + FINGER_HALF_M + PUSH_GAP_M)
        pose = Pose(np.array([x, lies.middle[1] - ASIDE_M, TABLE_M + 0.02]), 0.0, 0.0)
        if abs(self.hand.yaw - math.pi) < abs(self.hand.yaw):
            pose = pose._replace(yaw=math.pi)
        yield from approach(self.hand, pose)
        yield from self.hand.go(pose)

        def fast() -> bool:
            return sign * float(self.hand.scene.blocks[colour].position[0] - start[0]) > SHOVED_M

        far = pose.moved(np.array([sign * (PUSHED_M + PUSH_GAP_M), 0.0, 0.0]))
        yield from self.hand.go(far, speed=SHOVE_SPEED, until=fast)
        back = self.hand.pose.moved(np.array([-sign * 0.01, 0.0, 0.0]))
        yield from self.hand.go(back, near_m=0.005)

    def _shift(self, colour: str, sign: float) -> Skill:
        """Carry a block aside, to where there is room."""
        yield from self.take(colour)
        block = self.hand.scene.blocks[colour]
        start = block.position
        spot = self._free_spot(colour, start[0] + sign * PUSHED_M, sign)
        yield from self.hand.go(self.hand.pose.moved(np.array([0.0, 0.0, 0.06])), near_m=0.02)
        yield from self.put(colour, np.array([*spot, TABLE_M]), self.hand.pose.yaw)

    def _free_spot(self, colour: str, x: float, sign: float) -> Floats:
        """(2,) a place at x or somewhat farther, as near as there is one with room around it."""
        start = self.hand.scene.blocks[colour].position
        room = self._room(colour)
        spots = [
            np.array([x + sign * far, y]) for far in np.arange(0.0, 0.10, 0.02) for y in np.arange(-0.14, -0.06, 0.01)
        ]
        return max(
            spots, key=lambda spot: min(ROOM_M, room(spot)) - 0.1 * abs(spot[1] - start[1]) - 0.2 * abs(spot[0] - x)
        )

    def _room(self, colour: str) -> Callable[[Floats], float]:
        """How much room there is round a block, with one more across, at a (2,) place on the table."""
        around = obstacles(self.hand.scene, self.table, self.sizes, colour, TABLE_M)
        reach = float(np.linalg.norm(self.sizes[colour][:2])) / 2

        def room(spot: Floats) -> float:
            off = min(float(one.distances(spot[None])[0]) - reach for one in around)
            return min(off, float(spot[1]) - EDGE_M, TABLE_BACK_M - float(spot[1]), TABLE_SIDE_M - abs(float(spot[0])))

        return room

    def put(self, colour: str, spot: Floats, yaw: float, least: float = 0.0) -> Skill:
        """Set a held block down flat: (3,) middle of where it is to stand."""
        pose = self.standing(colour, spot, yaw, least)
        yield from approach(self.hand, pose)
        yield from self.hand.go(pose)

    def standing(self, colour: str, spot: Floats, yaw: float, least: float = 0.0) -> Pose:
        """The hand that holds a block, as it is to be when the block stands on a (3,) spot."""
        block = self.hand.scene.blocks[colour]
        lies = outline(block, self.sizes[colour])
        now = rotation(self.hand.pitch, self.hand.yaw)
        held = now.T @ Rotation.from_quat(block.orientation).as_matrix()
        up = held @ lies.upright
        pitch = min(-least, max(-0.9, math.atan2(-up[0], -up[2])))
        turn = rotation(pitch, yaw)
        corners = np.array([(a, b, c) for a in (-1, 1) for b in (-1, 1) for c in (-1, 1)]) * self.sizes[colour] / 2
        lowest = float(((turn @ held @ corners.T)[2]).min())
        offset = turn @ (now.T @ (block.position - self.hand.position))
        return Pose(spot - np.array([0.0, 0.0, lowest]) - offset, pitch, yaw)

    def place_in_slider(self) -> Skill:
        """Put what is held onto the shelf."""
        colour = self.held()
        if colour is None:
            yield from self.hand.wait(10)
            return
        yield from leave(self.hand)
        pose = self._onto_shelf(colour)
        yield from approach(self.hand, pose)
        yield from self.hand.go(pose)
        yield from self.hand.open(4)
        yield from leave(self.hand)

    def _onto_shelf(self, colour: str) -> Pose:
        """The hand that sets a held block down where there is most room on the open part of the shelf."""
        scene = self.hand.scene
        low, high = opening(self.table, scene.slider)
        reach = self.hand.opening / 2
        around = [
            outline(block, self.sizes[other]).level
            for other, block in scene.blocks.items()
            if other != colour and place_of(block) == "shelf"
        ]

        def room(x: float) -> float:
            gaps = [abs(x - one.middle[0]) - float(np.abs(one.along[:, 0]) @ one.half) - reach for one in around]
            return min(*gaps, x - low - reach, high - x - reach, SHELF_ROOM_M) - 0.01 * abs(x - (low + high) / 2)

        def pose(x: float) -> Pose:
            return self.standing(colour, np.array([x, SHELF_Y_M, SHELF_M + FALL_M]), ACROSS, SHELF_LEAN)

        places = [pose(x) for x in np.arange(low + reach, high - reach, 0.01)] or [pose((low + high) / 2)]
        return max(places, key=lambda one: room(one.position[0]) - blocked(self.table, scene.slider, one))

    def place_in_drawer(self) -> Skill:
        """Put what is held into the drawer."""
        colour = self.held()
        if colour is None:
            yield from self.hand.wait(10)
            return
        yield from leave(self.hand)
        front, back = exposed(self.hand.scene)
        y = max((front + back) / 2, back - 0.10)
        taken = [b.position[0] for c, b in self.hand.scene.blocks.items() if c != colour and place_of(b) == "drawer"]
        x = max(
            np.arange(self.table.drawer - DRAWER_HALF_M + 0.06, self.table.drawer + DRAWER_HALF_M - 0.05, 0.01),
            key=lambda x: min([abs(x - other) for other in taken] + [0.08]) - 0.05 * abs(x - self.table.drawer),
        )
        yield from self.put(colour, np.array([x, y, DRAWER_M + FALL_M]), ACROSS)
        yield from self.hand.open(4)
        yield from leave(self.hand)

    def push_into_drawer(self) -> Skill:
        """Drag a block over the table's edge into the drawer."""
        scene = self.hand.scene
        on_table = [c for c in BLOCKS if place_of(scene.blocks[c]) == "table"] or list(BLOCKS)
        colours = [c for c in on_table if scene.blocks[c].contacts == {("table", -1)}] or on_table
        colour = min(colours, key=lambda c: abs(scene.blocks[c].position[0] - self.table.drawer))
        yield from self.take(colour)
        yield from self.place_in_drawer()

    def stack(self) -> Skill:
        """Put what is held onto another block."""
        colour = self.held()
        if colour is None:
            yield from self.hand.wait(10)
            return
        scene = self.hand.scene
        others = [c for c in BLOCKS if c != colour]
        below = min(
            others,
            key=lambda c: (
                place_of(scene.blocks[c]) != "table",
                math.dist(scene.blocks[c].position, self.hand.position),
            ),
        )
        yield from leave(self.hand)
        block = self.hand.scene.blocks[below]
        top = block.position[2] + outline(block, self.sizes[below]).half_height
        yield from self.put(colour, np.array([*block.position[:2], top + 0.002]), self.hand.pose.yaw)
        yield from self.hand.open(4)
        yield from leave(self.hand)

    def unstack(self) -> Skill:
        """Take the upper block off."""
        scene = self.hand.scene
        upper = max(BLOCKS, key=lambda c: (self._on_blocks(c), scene.blocks[c].position[2]))
        yield from self.take(upper)
        yield from self.hand.go(self.hand.pose.moved(np.array([0.0, 0.0, 0.05])))

    def _on_blocks(self, colour: str) -> bool:
        return any(body in BLOCKS for body, _ in self.hand.scene.blocks[colour].contacts)
