"""The hand as the expert moves it: poses of the tool, and the relative actions that lead there.

The tool points down at roll pi. Pitch leans it: below 0 the fingers point forward, into the cabinet, and the hand stays
behind them, towards the robot. Yaw turns it about the vertical; at pi/2 the fingers close along x.

An action moves the pose that is asked for, not the hand: that lags behind, and the inverse kinematics ends some
millimetres, far out centimetres, beside it. So a move goes on to shift what it asks for until the hand is there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from envs.calvin.robot import CLOSE, OPEN, POSITION_SCALE, TURN_SCALE
from envs.calvin.states import Floats, Snapshot
from envs.calvin.world import World

Skill = Iterator[Floats]  # of (7,) actions

ACROSS = math.pi / 2  # yaw at which the fingers close along x and the hand leans in the plane of y and z
NEAR_M, NEAR_RAD = 0.003, 0.04
PASSING_M = 0.03
CORRECTION, FARTHEST_M = 0.3, 0.05  # share of the error that is added per control step, and how much in all
LEASH_M, SLACK_M, SLOWEST = 0.03, 0.02, 0.1  # how far ahead a pose is asked for at full speed, and until it creeps
PATIENCE_STEPS = 14  # without arriving, after the pose asked for has
STUCK_STEPS = 25  # of creeping
HELD_M = 0.01  # opening of a gripper that has something between its fingers


class Pose(NamedTuple):
    """Of the tool: position (3,) in m, pitch and yaw in rad."""

    position: Floats
    pitch: float
    yaw: float

    def moved(self, by: Floats) -> Pose:
        """The same hand, (3,) m further."""
        return self._replace(position=self.position + by)

    def back(self, distance_m: float) -> Pose:
        """The same hand, drawn back along itself."""
        return self.moved(-distance_m * pointing(self.pitch, self.yaw))


def pointing(pitch: float, yaw: float) -> Floats:
    """(3,) where the fingers of a hand point."""
    level = -math.sin(pitch)
    return np.array([level * math.cos(yaw), level * math.sin(yaw), -math.cos(pitch)])


def rotation(pitch: float, yaw: float) -> Floats:
    """(3, 3) columns are the axes of a hand in the world: fingers close along the second, point along the third."""
    third = pointing(pitch, yaw)
    second = np.array([math.sin(yaw), -math.cos(yaw), 0.0])
    return np.column_stack([np.cross(second, third), second, third])


class Hand:
    """The gripper of a world.

    Args:
        world: a started one; its state is read, not changed.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.gripper = world.robot.gripper
        self.look()

    def look(self) -> None:
        """Take notice of where the hand is now; once per control step."""
        observation = self.world.robot_obs()
        self.position, self.pitch, self.yaw = observation[:3], float(observation[4]), float(observation[5])
        self.opening = float(observation[6])
        self._scene: Snapshot | None = None

    @property
    def scene(self) -> Snapshot:
        """The scene now."""
        if self._scene is None:
            self._scene = self.world.snapshot()
        return self._scene

    @property
    def pose(self) -> Pose:
        """Where the hand is, with the angles that it is asked to have."""
        _, pitch, yaw = self.world.robot.target_euler
        return Pose(self.position.copy(), float(pitch), float(yaw))

    def holds(self, colour: str) -> bool:
        """Whether a block is between the closed fingers."""
        touched = any(body == "robot" for body, _ in self.scene.blocks[colour].contacts)
        return touched and self.gripper == CLOSE and self.opening > HELD_M

    def action(self, pose: Pose, speed: float = 1.0) -> Floats:
        """(7,) the action that leads what is asked for towards a pose, on a straight line."""
        robot = self.world.robot
        move = (pose.position - robot.target_position) / POSITION_SCALE
        roll = math.remainder(math.pi - robot.target_euler[0], math.tau)
        turn = np.array([roll, pose.pitch - robot.target_euler[1], pose.yaw - robot.target_euler[2]]) / TURN_SCALE
        ahead = math.dist(robot.target_position, self.position)
        speed *= min(1.0, max(SLOWEST, 1.0 - (ahead - LEASH_M) / SLACK_M))
        steps = max(1.0, float(np.abs(move).max()) / speed, float(np.abs(turn).max()) / speed)
        return np.array([*move / steps, *turn / steps, self.gripper])

    def error(self, pose: Pose) -> tuple[float, float]:
        """How far the hand is from a pose, m and rad."""
        turns = self.pitch - pose.pitch, self.yaw - pose.yaw
        return math.dist(self.position, pose.position), max(abs(math.remainder(turn, math.tau)) for turn in turns)

    def go(
        self,
        pose: Pose,
        near_m: float = NEAR_M,
        near_rad: float = NEAR_RAD,
        speed: float = 1.0,
        until: Callable[[], bool] = lambda: False,
    ) -> Skill:
        """Lead the hand to a pose, and stop there, or where it cannot come nearer, or as soon as something holds."""
        extra, left, stuck = np.zeros(3), PATIENCE_STEPS, 0
        while left and stuck < STUCK_STEPS and not until():
            far, turned = self.error(pose)
            if far < near_m and turned < near_rad:
                return
            asked = pose.moved(extra)
            if np.abs(asked.position - self.world.robot.target_position).max() < 1e-6:
                extra = np.clip(extra + CORRECTION * (pose.position - self.position), -FARTHEST_M, FARTHEST_M)
                left -= 1
            stuck += math.dist(self.world.robot.target_position, self.position) > LEASH_M + SLACK_M
            yield self.action(pose.moved(extra), speed)

    def through(self, pose: Pose) -> Skill:
        """Pass near a pose on the way to somewhere else."""
        yield from self.go(pose, PASSING_M, 0.3)

    def wait(self, steps: int, until: Callable[[], bool] = lambda: False) -> Skill:
        """Ask for nothing new, say until the fingers have moved."""
        for _ in range(steps):
            if until():
                return
            yield np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.0, self.gripper])

    def open(self, steps: int = 3) -> Skill:
        """Open the fingers."""
        self.gripper = OPEN
        yield from self.wait(steps)

    def close(self, steps: int = 8) -> Skill:
        """Close the fingers, until they have stopped."""
        self.gripper = CLOSE
        before = math.inf
        for _ in range(steps):
            if abs(self.opening - before) < 1e-4:
                return
            before = self.opening
            yield from self.wait(1)
