"""The scripted expert: plans in joint space, looks at every step whether it still holds what it carries, starts again.

    pick and place   choose a grasp with a way in, a way up and a place to put the toy; go there, close, lift; choose the
                     place again from how the toy really lies in the hand; carry, lower, open, withdraw
    close a door     see `envs.piper.doors`

Grasp, speed, pauses, ways round and the exact place are drawn from the episode's seed, so that episodes are diverse
enough to be demonstrations. It reads the simulator's state.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from envs.piper import doors
from envs.piper.grasps import Grasp, grasps
from envs.piper.kinematics import BASE_M, Pose, forward, nearest, turn_z
from envs.piper.layout import HOME
from envs.piper.planning import Carried, Path, Planner
from envs.piper.tasks import Goal, goal_place, is_there
from envs.piper.tracking import Snapshot
from envs.piper.world import EXPERT, World, stream

Array = npt.NDArray[np.float64]
Command = tuple[Array, float]  # joint angles, gripper opening
Course = Iterator[Command]

SPEED_RAD = (0.055, 0.085)  # of the fastest joint, per control step
SLOWER = 0.55  # share of the speed near things
DRAWS = 4  # of candidates, before the arm goes home to try from there
AWAY_M = (0.07, 0.045)  # the hand comes from there
LIFTS_M = (0.11, 0.09, 0.07)
CLOSE_STEPS, HOLD_STEPS, LOST_STEPS, OPEN_STEPS = 22, 4, 5, 24
SETTLED_RAD, SETTLE_STEPS = 0.02, 8


class DroppedError(Exception):
    """What was carried is not in the hand any more."""


class Pick(NamedTuple):
    """A way to take hold: the way to before the grasp, the way in, the way up, and a place that could be reached."""

    grasp: Grasp
    approach: Path
    down: Path
    up: Path
    turn: float


class Put(NamedTuple):
    """A way to put down: the way to above the place, and the way down."""

    carry: Path
    down: Path


class Expert:
    """Acts in one episode.

    Args:
        world: the episode's world.
        goal: its task.
        seed: its seed.
    """

    def __init__(self, world: World, goal: Goal, seed: int) -> None:
        self.world, self.goal = world, goal
        self.random = stream(seed, EXPERT)
        self.wanted = world.joints()  # joint angles that were asked for last
        self.speed = self.random.uniform(*SPEED_RAD)
        self.seen: Snapshot
        self._course = self._close() if goal.kind == "close" else self._bring()

    def next(self, seen: Snapshot) -> Command:
        """What to do now.

        Args:
            seen: the state.
        """
        self.seen = seen
        self.wanted, opening = next(self._course)
        return self.wanted, opening

    def _close(self) -> Course:
        """Push the door until it is closed, as often as it takes."""
        while True:
            planner = Planner(self.world, self.goal.target)
            found = doors.push(planner, self.goal.target, self.seen.door(self.goal.target), self.wanted, self.random)
            if found is None:
                yield from self._home()
                continue
            yield from self._pause()
            yield from self._follow(found.approach, 0.0, self.speed)
            yield from self._settle(0.0)
            yield from self._follow(found.push, 0.0, self.speed * 0.75)
            yield from self._stay(12, 0.0)
            yield from self._follow(found.push[::-1], 0.0, self.speed)

    def _bring(self) -> Course:
        """Pick the target up and put it where it belongs, as often as it takes."""
        bold = False
        while True:
            pick = next(filter(None, (self._find_pick(bold=bold) for _ in range(DRAWS))), None)
            bold = pick is None and not bold
            if pick is None:
                yield from self._home()
                continue
            yield from self._pause()
            yield from self._follow(pick.approach, pick.grasp.opening, self.speed)
            yield from self._pause()
            yield from self._follow(pick.down, pick.grasp.opening, self.speed * SLOWER)
            yield from self._settle(pick.grasp.opening)
            yield from self._grip()
            try:
                yield from self._carry(pick)
            except DroppedError:
                yield from self._rise(1.0)
                continue
            yield from self._rise(1.0)
            yield from self._stay(15, 1.0)

    def _carry(self, pick: Pick) -> Course:
        """Lift, carry, lower and let go.

        Raises:
            DroppedError: on the way, or there is no place to put it.
        """
        yield from self._follow(pick.up, 0.0, self.speed * SLOWER, carrying=True)
        yield from self._settle(0.0)
        put = self._find_put(pick)
        if put is None:
            yield from self._follow(pick.up[::-1], 0.0, self.speed * SLOWER)
            yield from self._let_go()
            raise DroppedError
        yield from self._pause()
        yield from self._follow(put.carry, 0.0, self.speed, carrying=True)
        yield from self._pause()
        yield from self._follow(put.down, 0.0, self.speed * SLOWER, carrying=True)
        yield from self._settle(0.0)
        yield from self._let_go()

    def _follow(self, path: Path, opening: float, speed: float, *, carrying: bool = False) -> Course:
        """Move the joint targets along a path, gently at both ends.

        Raises:
            DroppedError: `carrying`, and the toy has not been in the hand for a while.
        """
        lost = 0
        for target in paced([self.wanted, *path], speed):
            if carrying:
                lost = 0 if self.seen.holds(self.goal.target) else lost + 1
                if lost >= LOST_STEPS and not is_there(self.goal, self.seen):
                    raise DroppedError
            yield target, opening

    def _settle(self, opening: float) -> Course:
        """Wait until the joints have come to where they are asked to be."""
        for _ in range(SETTLE_STEPS):
            if self.seen.lag < SETTLED_RAD:
                return
            yield self.wanted, opening

    def _grip(self) -> Course:
        """Close until both fingers press for a while."""
        held = 0
        for _ in range(CLOSE_STEPS):
            held = held + 1 if self.seen.holds(self.goal.target) else 0
            if held >= HOLD_STEPS:
                return
            yield self.wanted, 0.0

    def _let_go(self) -> Course:
        """Open until nothing is touched any more."""
        for step in range(OPEN_STEPS):
            if step > 5 and self.seen.touch(self.goal.target) == 0.0:
                return
            yield self.wanted, 1.0

    def _stay(self, steps: int, opening: float) -> Course:
        for _ in range(steps):
            yield self.wanted, opening

    def _pause(self) -> Course:
        """Sometimes a moment of nothing, as a teleoperator has."""
        if self.random.random() < 0.3:
            yield from self._stay(int(self.random.integers(1, 6)), self.seen.commanded)

    def _rise(self, opening: float) -> Course:
        """Withdraw along the hand, then up, whatever is near."""
        hand = forward(self.wanted)
        for offset in (-0.05 * hand.rotation[:, 2], np.array([0.0, 0.0, 0.06])):
            start, path = forward(self.wanted), []
            joints = self.wanted
            for share in (0.25, 0.5, 0.75, 1.0):
                found = nearest(Pose(start.position + share * offset, start.rotation), joints)
                if found is None or np.abs(found - joints).max() > 0.5:
                    break
                path.append(joints := found)
            yield from self._follow(path, opening, self.speed)

    def _home(self) -> Course:
        """There is no way from here: go up and home, and try again."""
        yield from self._rise(1.0)
        path = [self.wanted, HOME + self.random.normal(0, 0.08, 6)]
        yield from self._follow(path, 1.0, self.speed)
        yield self.wanted, 1.0

    def _find_pick(self, *, bold: bool) -> Pick | None:
        """The first grasp, the best ones first, that can be reached, lifted, and put down at the goal."""
        planner = Planner(self.world, self.goal.target, bold=bold)
        toy = next(toy for toy in self.world.scene.toys if toy.name == self.goal.target)
        body = self.world.data.body(toy.name)
        place, turn = body.xpos.copy(), body.xmat.reshape(3, 3).copy()
        for grasp in grasps(toy, place, turn, self.wanted, self.random):
            if not planner.clear(grasp.joints, grasp.opening):
                continue
            ways = (planner.line(grasp.joints, -away * grasp.pose.rotation[:, 2], grasp.opening) for away in AWAY_M)
            if (back := next(filter(None, ways), None)) is None:
                continue
            carried = in_hand(toy.name, place, turn, grasp.pose)
            up = self._up(planner, grasp.joints, carried)
            if up is None:
                continue
            planner.clear(grasp.joints, grasp.opening, carried)
            turned = next((turn for turn, _ in self._puts(planner, up[-1], carried, connect=False)), None)
            if turned is None:
                continue
            planner = Planner(self.world, self.goal.target, bold=bold)
            approach = planner.connect(self.wanted, back[-1], grasp.opening, None, self.random)
            if approach is not None:
                return Pick(grasp, approach, back[::-1], up, turned)
        return None

    def _up(self, planner: Planner, joints: Array, carried: Carried) -> Path | None:
        """The highest way straight up; the toy may touch what it stands on at first."""
        for lift in LIFTS_M:
            start = planner.line(joints, np.array([0.0, 0.0, 0.008]), 0.4, carried, allowed=True)
            rest = start and planner.line(start[-1], np.array([0.0, 0.0, lift - 0.008]), 0.4, carried)
            if start and rest:
                return [*start, *rest[1:]]
        return None

    def _find_put(self, pick: Pick) -> Put | None:
        """A way to the goal for the toy as it lies in the hand now."""
        planner = Planner(self.world, self.goal.target)
        body, hand = self.world.data.body(self.goal.target), forward(self.world.joints())
        carried = in_hand(self.goal.target, body.xpos.copy(), body.xmat.reshape(3, 3).copy(), hand)
        puts = self._puts(planner, self.wanted, carried, connect=True, first=pick.turn)
        return next((put for _, put in puts), None)

    def _puts(
        self, planner: Planner, joints: Array, carried: Carried, *, connect: bool, first: float | None = None
    ) -> Iterator[tuple[float, Put]]:
        """Ways to put the toy down, with the turn about the vertical that each makes; `connect` looks for the way there."""
        held = forward(joints)
        place, clearance = np.array(goal_place(self.goal, self.seen)) - (0.0, 0.0, BASE_M), CLEARANCE_M[self.goal.kind]
        turns = self.random.permutation(np.linspace(-math.pi, math.pi, 16, endpoint=False)).tolist()
        turns.sort(key=lambda turn: abs(turn) > 1.3)
        for turn in [first, *turns] if first is not None else turns:
            spread = self.random.uniform(-1, 1, 2) * SPREAD_M[self.goal.kind]
            rotation = turn_z(turn) @ held.rotation
            hand = place + (*spread, 0.0) - rotation @ carried.position
            for low in clearance:
                for high in (0.10, 0.08, 0.06):
                    above = nearest(Pose(hand + (0.0, 0.0, low + high), rotation), joints)
                    if above is None or not planner.clear(above, 0.4, carried):
                        continue
                    down = planner.line(above, np.array([0.0, 0.0, -high]), 0.4, carried)
                    if down is None:
                        continue
                    carry = planner.connect(joints, above, 0.4, carried, self.random) if connect else [above]
                    if carry is not None:
                        yield turn, Put(carry, down)
                        break


CLEARANCE_M = {
    "sink": (0.006, 0.025, 0.045),
    "pot": (0.012, 0.03, 0.045),
    "stove": (0.003, 0.01),
    "plate": (0.006, 0.012, 0.03),
}
SPREAD_M = {"sink": 0.012, "pot": 0.006, "stove": 0.006, "plate": 0.010}


def in_hand(toy: str, place: Array, turn: Array, hand: Pose) -> Carried:
    """The toy in the hand's frame.

    Args:
        toy: its name.
        place: (3,) its origin, world frame.
        turn: (3, 3) its rotation, world frame.
        hand: the hand's pose, frame of `base_link`.
    """
    offset = place - (0.0, 0.0, BASE_M) - hand.position
    return Carried(toy, hand.rotation.T @ offset, hand.rotation.T @ turn)


def paced(path: Path, speed: float) -> Iterator[Array]:
    """Points on the path, one per control step: slow at both ends, the fastest joint at most `speed` rad in between."""
    points = np.stack(path)
    lengths = np.abs(np.diff(points, axis=0)).max(axis=1)
    marks = np.concatenate([[0.0], np.cumsum(lengths)])
    done, step = 0.0, 0
    while done < marks[-1] - 1e-9:
        done = min(marks[-1], done + min(speed, 0.02 + 0.02 * step, 0.012 + 0.4 * (marks[-1] - done)))
        step += 1
        yield np.array([np.interp(done, marks, joint) for joint in points.T])
