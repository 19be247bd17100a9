"""The scripted expert: it plans whole ways in joint space, follows them, and watches what it carries.

    pick and place   choose a grasp with a way in, a way up and a place to put the target; go there, close, lift; choose
                     the place again from how the target really lies in the hand; carry, lower, open, withdraw
    close a door     push its outer face round the hinge, see `envs.piper.doors`

What goes wrong is tried again from where things are then. Grasp, speed, pauses, ways round and the exact place are
drawn from the episode's seed, so that episodes are diverse. An expert that is `steady` takes the best grasp and the
middle of everything else, moves slowly, and pushed aside it goes on from there instead of back: what it does follows
from what is seen, and is learnt from far fewer demonstrations. It reads the simulator's state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from envs.piper import doors
from envs.piper.chance import Middle, Random
from envs.piper.kinematics import Pose, forward, nearest
from envs.piper.layout import HOME
from envs.piper.picking import Pick, Picking
from envs.piper.planning import Path, Planner
from envs.piper.tasks import Goal, is_there
from envs.piper.tracking import Snapshot
from envs.piper.world import EXPERT, World, stream

Array = npt.NDArray[np.float64]
Command = tuple[Array, float]  # joint angles, gripper opening
Course = Iterator[Command]

SPEED_RAD, STEADY_RAD = (0.055, 0.085), 0.04  # of the fastest joint, per control step
SLOWER, PUSHING = 0.55, 0.75  # share of the speed near things, and against a door
DRAWS = 3  # of ways to pick up, before the arm goes home and looks for one from there
BACK_M, RISE_M, RISE_STEPS = 0.05, 0.06, 4
CLOSE_STEPS, HOLD_STEPS, LOST_STEPS, OPEN_STEPS = 22, 4, 5, 24
WATCH_STEPS, PAUSE_STEPS, PAUSES = 15, (1, 6), 0.3
SETTLED_RAD, SETTLE_STEPS = 0.02, 8


class DroppedError(Exception):
    """What was carried is not in the hand any more."""


class Expert:
    """Acts in one episode.

    Args:
        world: the episode's world.
        goal: its task.
        seed: its seed.
        steady: leave nothing to chance.
    """

    def __init__(self, world: World, goal: Goal, seed: int, *, steady: bool = False) -> None:
        self.world, self.goal, self.steady = world, goal, steady
        self.random: Random = Middle() if steady else stream(seed, EXPERT)
        self.speed = STEADY_RAD if steady else self.random.uniform(*SPEED_RAD)
        self.wanted = world.joints()  # joint angles that were asked for last
        self.seen: Snapshot
        self._course = self._close() if goal.kind == "close" else self._bring()

    def next(self, seen: Snapshot) -> Command:
        """Joint angles (6,) and gripper opening to ask for now, in that state."""
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
            yield from self._follow(found.push, 0.0, self.speed * PUSHING)
            yield from self._stay(WATCH_STEPS, 0.0)
            yield from self._follow(found.push[::-1], 0.0, self.speed)
            yield from self._home()

    def _bring(self) -> Course:
        """Pick the target up and put it where it belongs, as often as it takes."""
        tried = 0
        while True:
            picks = (self._picking().pick(bold=tried % 2 == 1) for _ in range(DRAWS))
            pick = next(filter(None, picks), None)
            tried = 0 if pick else tried + 1
            if pick is None:
                yield from self._home()
                yield from self._stay(WATCH_STEPS * tried, 1.0)  # planning in vain is dear
                continue
            yield from self._take(pick)
            try:
                yield from self._carry(pick)
            except DroppedError:
                yield from self._rise()
                continue
            yield from self._rise()
            yield from self._stay(WATCH_STEPS, 1.0)

    def _picking(self) -> Picking:
        return Picking(self.world, self.goal, self.seen, self.wanted, self.random)

    def _take(self, pick: Pick) -> Course:
        """Go to the target and close until both fingers press for a while."""
        opening, held = pick.grasp.opening, 0
        yield from self._pause()
        yield from self._follow(pick.approach, opening, self.speed)
        yield from self._pause()
        yield from self._follow(pick.down, opening, self.speed * SLOWER)
        yield from self._settle(opening)
        for _ in range(CLOSE_STEPS):
            held = held + 1 if self.seen.holds(self.goal.target) else 0
            if held >= HOLD_STEPS:
                return
            yield self.wanted, 0.0

    def _carry(self, pick: Pick) -> Course:
        """Lift, carry, lower and let go.

        Raises:
            DroppedError: on the way, or there is no place to put it.
        """
        yield from self._follow(pick.up, 0.0, self.speed * SLOWER, carrying=True)
        yield from self._settle(0.0)
        put = self._picking().put(pick.turn)
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
        """Move the joint targets along a path, gently at both ends, or from wherever they are if it is steady.

        Raises:
            DroppedError: `carrying`, and the target has not been in the hand for a while.
        """
        lost = 0
        way = pursued(self.world.asked, path, speed) if self.steady else paced([self.wanted, *path], speed)
        for joints in way:
            if carrying:
                lost = 0 if self.seen.holds(self.goal.target) else lost + 1
                if lost >= LOST_STEPS and not is_there(self.goal, self.seen):
                    raise DroppedError
            yield joints, opening

    def _settle(self, opening: float) -> Course:
        """Wait until the joints have come to where they are asked to be."""
        for _ in range(SETTLE_STEPS):
            if self.seen.lag < SETTLED_RAD:
                return
            yield self.wanted, opening

    def _let_go(self) -> Course:
        """Open until nothing is touched any more."""
        for step in range(OPEN_STEPS):
            if step > HOLD_STEPS and self.seen.touch(self.goal.target) == 0.0:
                return
            yield self.wanted, 1.0

    def _stay(self, steps: int, opening: float) -> Course:
        for _ in range(steps):
            yield self.wanted, opening

    def _pause(self) -> Course:
        """Sometimes a moment of nothing, as a teleoperator has."""
        if self.random.random() < PAUSES:
            yield from self._stay(int(self.random.integers(*PAUSE_STEPS)), self.seen.commanded)

    def _rise(self) -> Course:
        """Withdraw along the hand, then up, as far as the arm can, whatever is near."""
        back = -BACK_M * forward(self.wanted).rotation[:, 2]
        for offset in (back, np.array([0.0, 0.0, RISE_M])):
            start, path = forward(self.wanted), [self.wanted]
            for step in range(1, RISE_STEPS + 1):
                found = nearest(Pose(start.position + step / RISE_STEPS * offset, start.rotation), path[-1])
                if found is None or np.abs(found - path[-1]).max() > 0.5:
                    break
                path.append(found)
            yield from self._follow(path, 1.0, self.speed)

    def _home(self) -> Course:
        """There is no way from here: go up and home, and look from there."""
        yield from self._rise()
        yield from self._follow([HOME + self.random.normal(0, 0.08, 6)], 1.0, self.speed)
        yield self.wanted, 1.0


def paced(path: Path, speed: float) -> Iterator[Array]:
    """Points on the path, one per control step: slow at both ends, the fastest joint at most `speed` rad in between."""
    points = np.stack(path)
    marks = lengths(points)
    done, step = 0.0, 0
    while done < marks[-1] - 1e-9:
        done = min(marks[-1], done + min(speed, 0.02 + 0.02 * step, braked(marks[-1] - done)))
        step += 1
        yield point(points, marks, done)


def pursued(here: Callable[[], Array], path: Path, speed: float) -> Iterator[Array]:
    """The next point on what is left of the path from wherever the joints are asked to be, slow at the end."""
    left = list(path)
    while left:
        points = np.stack([here(), *left])
        marks = lengths(points)
        done = min(marks[-1], speed, braked(marks[-1]))
        left = left[int((marks[1:] < done + 1e-9).sum()) :]
        yield point(points, marks, done)


def lengths(points: Array) -> Array:
    """(N,) how far the fastest joint has gone at each of (N, 6) points, rad."""
    return np.concatenate([[0.0], np.cumsum(np.abs(np.diff(points, axis=0)).max(axis=1))])


def braked(left: float) -> float:
    """The step that is small enough so far before the end, rad."""
    return 0.012 + 0.4 * left


def point(points: Array, marks: Array, done: float) -> Array:
    """(6,) rad at that length of the way through (N, 6) points with those marks."""
    return np.array([np.interp(done, marks, joint) for joint in points.T])
