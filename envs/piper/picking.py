"""How the expert finds its way when it picks something up and puts it down: whole ways first, then the first step."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from envs.piper.chance import Random
from envs.piper.grasps import Grasp, grasps
from envs.piper.kinematics import BASE_M, Pose, forward, nearest, turn_z
from envs.piper.planning import Held, Path, Planner
from envs.piper.tasks import Goal, goal_place
from envs.piper.tracking import Snapshot
from envs.piper.world import World

Array = npt.NDArray[np.float64]

AWAY_M = (0.07, 0.045)  # the hand comes from there
LIFTS_M, OFF_GROUND_M = (0.11, 0.09, 0.07), 0.008
ABOVE_M = (0.10, 0.08, 0.06)
GRIPPED = 0.4  # opening of the gripper for collisions while it holds something
TURNS, SMALL_TURN_RAD = 16, 1.3
CLEARANCE_M = {  # of the target's origin over the goal's ground when it is let go
    "sink": (0.006, 0.025, 0.045),
    "pot": (0.012, 0.03, 0.045),
    "stove": (0.003, 0.01),
    "plate": (0.006, 0.012, 0.03),
}
SPREAD_M = {"sink": 0.012, "pot": 0.006, "stove": 0.006, "plate": 0.010}


class Pick(NamedTuple):
    """A way to take hold: to before the grasp, in, up; and by how much the target can be turned for its goal, rad."""

    grasp: Grasp
    approach: Path
    down: Path
    up: Path
    turn: float


class Put(NamedTuple):
    """A way to put down: by how much the target is turned about the vertical, rad; above the goal; then down."""

    turn: float
    carry: Path
    down: Path


class Picking:
    """Looks for ways to bring a target to its goal in the world as it is now.

    Args:
        world: the world.
        goal: the task.
        seen: the state.
        joints: (6,) the arm's joints now, rad.
        random: draws grasps, turns and exact places.
    """

    def __init__(self, world: World, goal: Goal, seen: Snapshot, joints: Array, random: Random) -> None:
        self.world, self.goal, self.joints, self.random = world, goal, joints, random
        self._goal_base = np.array(goal_place(goal, seen)) - (0.0, 0.0, BASE_M)
        body = world.data.body(goal.target)
        self._place, self._turn = body.xpos.copy(), body.xmat.reshape(3, 3).copy()

    def pick(self, *, bold: bool) -> Pick | None:
        """The first grasp, the best ones first, that can be reached, lifted, and put down at the goal."""
        planner = Planner(self.world, self.goal.target, bold=bold)
        toy = next(toy for toy in self.world.scene.toys if toy.name == self.goal.target)
        for grasp in grasps(toy, self._place, self._turn, self.joints, self.random):
            if not planner.clear(grasp.joints, grasp.opening):
                continue
            ways = (planner.line(grasp.joints, -away * grasp.pose.rotation[:, 2], grasp.opening) for away in AWAY_M)
            held = Held.of(self._place, self._turn, grasp.pose)
            if not (back := next(filter(None, ways), None)) or not (up := _up(planner, grasp.joints, held)):
                continue
            if not (put := next(self._puts(planner, up[-1], held), None)):
                continue
            if approach := planner.connect(self.joints, back[-1], grasp.opening, None, self.random):
                return Pick(grasp, approach, back[::-1], up, put.turn)
        return None

    def put(self, turn: float) -> Put | None:
        """A way to the goal for the target as it lies in the hand now; `turn` is tried first."""
        planner = Planner(self.world, self.goal.target)
        held = Held.of(self._place, self._turn, forward(self.world.joints()))
        for put in self._puts(planner, self.joints, held, turn):
            if carry := planner.connect(self.joints, put.carry[-1], GRIPPED, held, self.random):
                return put._replace(carry=carry)
        return None

    def _puts(self, planner: Planner, joints: Array, held: Held, *first: float) -> Iterator[Put]:
        """Ways to put the target down, without the way to above the goal."""
        hand = forward(joints)
        turns = self.random.permutation(np.linspace(-math.pi, math.pi, TURNS, endpoint=False)).tolist()
        turns.sort(key=lambda turn: abs(turn) > SMALL_TURN_RAD)
        for turn, low in itertools.product((*first, *turns), CLEARANCE_M[self.goal.kind]):
            spread = np.array([*self.random.uniform(-1, 1, 2) * SPREAD_M[self.goal.kind], low])
            rotation = turn_z(turn) @ hand.rotation
            place = self._goal_base + spread - rotation @ held.position
            for high in ABOVE_M:
                above = nearest(Pose(place + np.array([0.0, 0.0, high]), rotation), joints)
                if above is None or not planner.clear(above, GRIPPED, held):
                    continue
                if down := planner.line(above, np.array([0.0, 0.0, -high]), GRIPPED, held):
                    yield Put(turn, [above], down)
                    break


def _up(planner: Planner, joints: Array, held: Held) -> Path | None:
    """The highest way straight up; the target may touch what it stands on at first."""
    off = planner.line(joints, np.array([0.0, 0.0, OFF_GROUND_M]), GRIPPED, held, touching=True)
    if off is None:
        return None
    ways = (planner.line(off[-1], np.array([0.0, 0.0, lift - OFF_GROUND_M]), GRIPPED, held) for lift in LIFTS_M)
    rest = next(filter(None, ways), None)
    return rest and [*off, *rest[1:]]
