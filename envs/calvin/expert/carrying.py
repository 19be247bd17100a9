"""A block in the hand: taken, carried, set down flat, let go; and where there is room for one."""

from __future__ import annotations

import itertools
import math

import numpy as np
from scipy.spatial.transform import Rotation

from envs.calvin.expert.fixtures import Fixtures
from envs.calvin.expert.grasps import grasp, obstacles
from envs.calvin.expert.hand import Hand, Pose, Skill, rotation
from envs.calvin.expert.ways import approach, leave
from envs.calvin.geometry import (
    TABLE_M,
    TABLE_SIDE_M,
    Outline,
    Rectangle,
    Table,
    covered,
    exposed,
    outline,
    place_of,
)
from envs.calvin.robot import OPEN
from envs.calvin.states import BLOCKS, Floats

HAND_ROOM_M, WORTH_M = 0.11, 0.015  # half of what a hand wants of an opening; what is worth to move the door for
UNDER_TABLE_M = 0.03  # before the table's edge, a block in the drawer is not reached from above
STEEPEST = -0.9  # pitch of a hand that sets something down
TABLE_Y_M = (-0.172, -0.05)  # of the middle of a block that is set down: off the front edge, and off the cabinet
STEPS_M = (-0.09, -0.075, -0.06, -0.045, -0.03, 0.0, 0.03, 0.045, 0.06, 0.075, 0.09)  # along x and y, to a free place
ROOM_M, MISSING_COST = 0.018, 3.0  # wanted round a block that is let go; metres that it is carried for a metre of it
CORNERS = np.array(list(itertools.product((-0.5, 0.5), repeat=3)))


class Carrier:
    """The hand with what it carries, and what may have to be opened before.

    Args:
        hand: that carries.
        table: the scene's.
        fixtures: what is built into it.
    """

    def __init__(self, hand: Hand, table: Table, fixtures: Fixtures) -> None:
        self.hand, self.table, self.fixtures = hand, table, fixtures
        self.sizes = hand.world.block_size

    def outline(self, colour: str) -> Outline:
        """How a block lies now."""
        return outline(self.hand.scene.blocks[colour], self.sizes[colour])

    def place(self, colour: str) -> str:
        """What a block lies on or in now, see `place_of`."""
        return place_of(self.hand.scene.blocks[colour])

    def held(self) -> str | None:
        """The block between the fingers."""
        return next((colour for colour in BLOCKS if self.hand.holds(colour)), None)

    def uncover(self, colour: str) -> Skill:
        """Move the door, or open the drawer, where it is in the way of a hand."""
        scene = self.hand.scene
        x, y, _ = scene.blocks[colour].position
        if self.place(colour) == "shelf":
            sliders = (scene.slider, 0.0, self.table.slide)
            now, right, left = (covered(self.table, slider, x, HAND_ROOM_M) for slider in sliders)
            if now > min(left, right) + WORTH_M:
                yield from self.fixtures.slide(to_left=left < right)
        elif self.place(colour) == "drawer" and y > exposed(scene)[1] - UNDER_TABLE_M:
            yield from self.fixtures.pull_drawer()

    def take(self, colour: str, turn: float = 0.0, least: float = 0.0) -> Skill:
        """Go to a block with open fingers and close them on it; arguments as for `grasp`."""
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
        if not self._rests(colour):
            pose = self.standing(colour, np.array([*self._near_spot(colour), TABLE_M]), self.hand.pose.yaw)
            high = max(float(pose.position[2]), float(self.hand.position[2]))
            yield from self.hand.go(pose._replace(position=np.array([*pose.position[:2], high])), near_m=0.01)
            yield from self.hand.go(pose, until=lambda: self._rests(colour))
        yield from self.hand.open()
        yield from leave(self.hand)

    def _rests(self, colour: str) -> bool:
        return any(body != "robot" for body, _ in self.hand.scene.blocks[colour].contacts)

    def _near_spot(self, colour: str) -> Floats:
        """(2,) the free place on the table that is nearest to a block."""
        here = self.hand.scene.blocks[colour].position[:2]
        spots = np.array([(0.0, 0.0), *itertools.product(STEPS_M, STEPS_M)]) + here
        missing = np.maximum(0.0, ROOM_M - self.room(colour, spots))
        nearest: Floats = spots[(MISSING_COST * missing + np.linalg.norm(spots - here, axis=1)).argmin()]
        return nearest

    def room(self, colour: str, spots: Floats) -> Floats:
        """(n,) how much room there is round a block, however turned, at (n, 2) places on the table, m."""
        reach = float(np.linalg.norm(self.sizes[colour][:2])) / 2
        off = np.stack([one.distances(spots) - reach for one in self.around(colour)])
        front, back = TABLE_Y_M
        edges = np.stack([spots[:, 1] - front, back - spots[:, 1], TABLE_SIDE_M - np.abs(spots[:, 0])])
        least: Floats = np.vstack([off, edges]).min(axis=0)
        return least

    def around(self, colour: str) -> list[Rectangle]:
        """What else stands on the table."""
        return obstacles(self.hand.scene, self.table, self.sizes, colour, TABLE_M)

    def put(self, pose: Pose) -> Skill:
        """Bring a held block to where it is let go."""
        yield from leave(self.hand)
        yield from approach(self.hand, pose)
        yield from self.hand.go(pose)
        yield from self.hand.open()

    def standing(self, colour: str, spot: Floats, yaw: float, least: float = 0.0) -> Pose:
        """The hand that holds a block, as it is to be when the block stands flat on a spot, or nearly flat.

        Args:
            colour: of the block.
            spot: (3,) where the middle of its underside is to be.
            yaw: of the hand.
            least: how far the hand leans at least.
        """
        block = self.hand.scene.blocks[colour]
        now = rotation(self.hand.pitch, self.hand.yaw)
        held = now.T @ Rotation.from_quat(block.orientation).as_matrix()
        up = held @ self.outline(colour).upright
        pitch = min(-least, max(STEEPEST, math.atan2(-up[0], -up[2])))
        turned = rotation(pitch, yaw)
        lowest = float((CORNERS * self.sizes[colour] @ (turned @ held).T)[:, 2].min())
        offset = turned @ now.T @ (block.position - self.hand.position)
        return Pose(spot - np.array([0.0, 0.0, lowest]) - offset, pitch, yaw)
