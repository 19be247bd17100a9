"""Blocks: lifted, turned, pushed, put down, put on one another."""

from __future__ import annotations

import math

import numpy as np
from scipy.spatial.transform import Rotation

from envs.calvin.expert.fixtures import CLOSED_HALF_M, Fixtures
from envs.calvin.expert.grasps import YAWS, grasp, lean, obstacles
from envs.calvin.expert.hand import ACROSS, Hand, Pose, Skill, rotation
from envs.calvin.expert.scene import (
    BUTTON_Y_M,
    COLLAR_M,
    DRAWER_HALF_M,
    DRAWER_M,
    DRAWER_RIM_M,
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
from envs.calvin.expert.ways import approach, leave, over, LANE_Z_M
from envs.calvin.robot import CLOSE, OPEN
from envs.calvin.states import BLOCKS, Floats

CARRY_LEAN = 0.4  # of a hand that takes hold of something which may have to go onto the shelf
RAISED_M, OUT_M = 0.10, 0.10
TURN_RAD = 1.35
PUSHED_M, PUSH_GAP_M = 0.125, 0.012
FREE_M = 0.03
SHELF_Y_M = 0.08  # where blocks go on the shelf
FINGERS_HALF_M = 0.066  # of the room along x that open fingers want
FALL_M = 0.004
ROOM_M = 0.14  # of the opening that is enough to put something in


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
        up = self.hand.pose.moved(np.array([0.0, 0.0, RAISED_M if place != "shelf" else 0.05]))
        yield from self.hand.go(up, near_m=0.01)
        yield from self.hand.go(up.back(OUT_M), near_m=0.01)

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
            covered(self.table, slider, x, FINGERS_HALF_M) for slider in (self.hand.scene.slider, 0.0, self.table.slide)
        )
        if now > min(left, right) + 0.005:
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
        """Put down what is between the fingers, straight below, and draw back."""
        colour = self.held()
        if colour:
            block = self.hand.scene.blocks[colour]
            if all(body == "robot" for body, _ in block.contacts):
                floor = DRAWER_M if block.position[1] < -0.18 else TABLE_M
                lies = outline(block, self.sizes[colour])
                down = floor + lies.half_height - block.position[2]
                resting = lambda: any(body != "robot" for body, _ in self.hand.scene.blocks[colour].contacts)
                yield from self.hand.go(self.hand.pose.moved(np.array([0.0, 0.0, down])), until=resting)
            yield from self.hand.open()
            yield from leave(self.hand)

    def rotate(self, colour: str, to_left: bool) -> Skill:
        """Take hold of a block and turn it where it is."""
        turn = TURN_RAD if to_left else -TURN_RAD
        yield from self.take(colour, turn)
        pose = self.hand.pose
        shift = np.array([0.0, -0.02 if pose.position[1] > -0.13 else 0.0, 0.0])
        yield from self.hand.go(pose.moved(shift)._replace(yaw=pose.yaw + turn), near_m=0.02)
        yield from self.hand.wait(3)

    def push(self, colour: str, to_right: bool) -> Skill:
        """Push a block from the side, or carry it where something is in the way."""
        sign = 1.0 if to_right else -1.0
        if self._pushable(colour, sign):
            yield from self._shove(colour, sign)
        yield from self._shift(colour, sign)

    def _pushable(self, colour: str, sign: float) -> bool:
        """Whether nothing is where the fingers and the block have to go."""
        lies = outline(self.hand.scene.blocks[colour], self.sizes[colour]).level
        reach = np.abs(lies.along.T) @ lies.half  # half its extent along x and y
        if abs(lies.middle[0] + sign * (PUSHED_M + reach[0])) > TABLE_SIDE_M or lies.middle[1] > -0.05:
            return False
        ends = np.sort(lies.middle[0] + sign * np.array([-reach[0] - 0.07, reach[0] + PUSHED_M]))
        swept = Rectangle(np.array([ends.mean(), lies.middle[1]]), np.eye(2), np.array([np.ptp(ends) / 2, reach[1]]))
        for other in obstacles(self.hand.scene, self.table, self.sizes, colour, TABLE_M):
            corners = np.array([other.middle + other.along.T @ (other.half * (a, b)) for a in (-1, 0, 1) for b in (-1, 0, 1)])
            if swept.distances(corners).min() < 0.005:
                return False
        return place_of(self.hand.scene.blocks[colour]) == "table"

    def _shove(self, colour: str, sign: float) -> Skill:
        lies = outline(self.hand.scene.blocks[colour], self.sizes[colour]).level
        reach = float(np.abs(lies.along[:, 0]) @ lies.half)
        yield from leave(self.hand)
        self.hand.gripper = CLOSE
        x = lies.middle[0] - sign * (reach + CLOSED_HALF_M + PUSH_GAP_M)
        position = np.array([x, lies.middle[1], TABLE_M + 0.02])
        pose = Pose(position, lean(self.table, self.hand.scene.slider, position), ACROSS)
        yield from approach(self.hand, pose)
        yield from self.hand.go(pose)
        yield from self.hand.go(pose.moved(np.array([sign * (PUSHED_M + PUSH_GAP_M), 0.0, 0.0])), speed=0.6)

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
        around = obstacles(self.hand.scene, self.table, self.sizes, colour, TABLE_M)
        reach = float(np.linalg.norm(self.sizes[colour][:2])) / 2
        best, most = np.array([x, start[1]]), -math.inf
        for far in np.arange(0.0, 0.10, 0.02):
            for y in np.arange(-0.14, -0.03, 0.01):
                spot = np.array([x + sign * far, y])
                room = min([0.03] + [float(one.distances(spot[None])[0]) - reach for one in around])
                score = room - 0.1 * abs(y - start[1]) - 0.2 * far - max(0.0, abs(spot[0]) - 0.40)
                if score > most:
                    best, most = spot, score
        return best

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
        low, high = opening(self.table, self.hand.scene.slider)
        reach = self._half_across(colour)
        around = [
            one
            for other, block in self.hand.scene.blocks.items()
            if other != colour and place_of(block) == "shelf"
            for one in [outline(block, self.sizes[other]).level]
        ]
        best, most = (low + high) / 2, -math.inf
        for x in np.arange(low + reach + 0.01, high - reach - 0.01, 0.005):
            gaps = [min(x - low, high - x) - reach, 0.05]
            for one in around:
                wide = float(np.abs(one.along[:, 0]) @ one.half)
                gaps.append(abs(x - one.middle[0]) - wide - reach)
            score = min(gaps) - 0.01 * abs(x - (low + high) / 2)
            if score > most:
                best, most = x, score
        yield from leave(self.hand)
        yield from self.put(colour, np.array([best, SHELF_Y_M, SHELF_M + FALL_M]), ACROSS, 0.35)
        yield from self.hand.open(4)
        yield from leave(self.hand)

    def _half_across(self, colour: str) -> float:
        """Half of what is between the fingers."""
        return self.hand.opening / 2

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
        colours = [c for c in BLOCKS if scene.blocks[c].contacts == {("table", -1)}] or list(BLOCKS)
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
        below = min(others, key=lambda c: (place_of(scene.blocks[c]) != "table", math.dist(scene.blocks[c].position, self.hand.position)))
        yield from leave(self.hand)
        block = self.hand.scene.blocks[below]
        top = block.position[2] + outline(block, self.sizes[below]).half_height
        yield from self.put(colour, np.array([*block.position[:2], top + 0.002]), self.hand.pose.yaw)
        yield from self.hand.open(4)
        yield from leave(self.hand)

    def unstack(self) -> Skill:
        """Take the upper block off the lower one and set it down beside it."""
        scene = self.hand.scene
        upper = max(BLOCKS, key=lambda c: (any(b in BLOCKS for b, _ in scene.blocks[c].contacts), scene.blocks[c].position[2]))
        yield from self.take(upper)
        yield from self.hand.go(self.hand.pose.moved(np.array([0.0, 0.0, 0.05])))
