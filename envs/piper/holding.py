"""What happens to the things of a PiPER task, step by step, and the verdict on the episode.

One `Watch` looks at every snapshot; the verdict, the progress and the failure mode of an episode read from it.

Hysteresis: a hold counts as lost once both pads have not pressed for 8 steps (0.4 s), or earlier where the target has
come to rest. So a flicker of the pads' force is no loss, and a toy let fall over the sink lands in it before its hold
is lost.

Events, at the step at which they are certain:
    "grasped"       both pads press on the target, for the second step in a row
    "released"      the hold is lost, and the target is in the goal or has fallen by less than 2 cm
    "dropped"       the hold is lost, the target has fallen by more than 2 cm since, and is not in the goal
    "wrong object"  another toy is held and more than 2 cm above where it was taken; in door tasks also: the other door
                    has moved by more than 0.1 rad. Again only after it has been let go (the door: moved back).
    "collision"     the arm has pressed on furniture with more than 5 N for 5 steps. Again only after as long without.
    "crash"         the same with more than 50 N, once; from then on the episode is no success any more
"""

from __future__ import annotations

import math

from envs.piper.tasks import HOLD_STEPS, STILL_M_S, TOUCH_N, Goal, is_done, is_there
from envs.piper.tracking import HELD_N, Snapshot, Vector, vector

GRIP_STEPS, LOST_STEPS = 2, 8
LIFTED_M = 0.02  # how far a thing must be above where it was taken to be in the air
OPENING = 0.05  # of the whole opening: so much wider than it is has a gripper to be commanded
MOVED_RAD = 0.1
COLLISION_N, CRASH_N, COLLISION_STEPS = 5.0, 50.0, 5


class Watch:
    """Who holds what, and what goes wrong, in one episode.

    Args:
        goal: the task.
        start: the state before the first control step.

    hold: of the target; None where it is a door.
    done_steps: for how many control steps, up to the last one, the target has been there and let go.
    crashed: the arm has pressed on furniture so hard and so long that a real one would have been stopped.
    """

    def __init__(self, goal: Goal, start: Snapshot) -> None:
        self._goal = goal
        self.hold = None if goal.kind == "close" else Hold(goal, start)
        self.done_steps, self.crashed = 0, False
        self._troubles = Troubles(goal, start)
        self._crashing = 0

    def update(self, seen: Snapshot) -> list[str]:
        """Look at the state that a control step has led to; the events of that step."""
        self.done_steps = self.done_steps + 1 if is_done(self._goal, seen) else 0
        held = self.hold.update(seen, is_there(self._goal, seen)) if self.hold else ""
        events = [held] if held else []
        events += self._troubles.update(seen)
        self._crashing = self._crashing + 1 if seen.furniture_n > CRASH_N else 0
        if self._crashing >= COLLISION_STEPS and not self.crashed:
            self.crashed = True
            events.append("crash")
        return events

    @property
    def success(self) -> bool:
        """The verdict: done for `HOLD_STEPS` control steps, what is to be moved was lifted once, no crash."""
        lifted = self.hold is None or self.hold.lifted
        return self.done_steps >= HOLD_STEPS and lifted and not self.crashed


class Hold:
    """Whether the gripper holds the target, without flicker, and how a hold ends.

    held: see the module's docstring.
    opening: the last action asks for an opening that is wider by `OPENING` of the whole than there is.
    taken: (x, y, z) of the target's centre when it was taken, metres.
    lost: the same when both pads last ceased to press; None while they do.
    let_go: an opening was asked for then, or just before.
    lifted: both pads have pressed on it more than 2 cm above where it was taken, at least once.
    """

    def __init__(self, goal: Goal, start: Snapshot) -> None:
        self._toy = start.toys.index(goal.target)
        self.held = self.opening = self.let_go = self.lifted = False
        self.taken = start.centre(goal.target)
        self.lost: Vector | None = None
        self._pressed = self._missing = 0

    def update(self, seen: Snapshot, there: bool) -> str:
        """Look at the next step; "grasped", "released", "dropped" or "".

        Args:
            seen: the state after it.
            there: whether the target is in the goal.
        """
        first, second = seen.pads[self._toy].tolist()
        presses = first > HELD_N and second > HELD_N
        asked, self.opening = self.opening, seen.commanded > max(seen.opening, 0.0) + OPENING
        self._pressed = self._pressed + 1 if presses else 0
        if not self.held:
            self.held = self._pressed >= GRIP_STEPS
            if self.held:
                self.taken, self.lost = vector(seen.centres[self._toy]), None
            return "grasped" if self.held else ""
        centre = vector(seen.centres[self._toy])
        if presses:
            self.lost = None
            self.lifted = self.lifted or centre[2] - self.taken[2] > LIFTED_M
            return ""
        if self.lost is None:
            self.lost, self.let_go, self._missing = centre, asked or self.opening, 0
        self._missing += 1
        rests = first + second < TOUCH_N and float(seen.speeds[self._toy]) < STILL_M_S
        if self._missing < (2 if rests else LOST_STEPS):
            return ""
        self.held = False
        return "dropped" if self.lost[2] - centre[2] > LIFTED_M and not there else "released"


class Troubles:
    """What goes wrong with things that are not the target."""

    def __init__(self, goal: Goal, start: Snapshot) -> None:
        self._target = start.toys.index(goal.target) if goal.target in start.toys else -1
        self._others = {name: angle for name, angle in start.doors.items() if goal.kind == "close"}
        self._others.pop(goal.target, None)
        self._taken: dict[int, float] = {}  # toy, height at which it was taken; infinite once it has been told
        self._moved: set[str] = set()
        self._pressing, self._resting, self._told = 0, 0, False

    def update(self, seen: Snapshot) -> list[str]:
        """The events of the next step."""
        return [*self._wrong_toys(seen), *self._wrong_doors(seen), *self._collisions(seen)]

    def _wrong_toys(self, seen: Snapshot) -> list[str]:
        events = []
        for toy, (first, second) in enumerate(seen.pads.tolist()):
            if toy == self._target or first + second < HELD_N:
                self._taken.pop(toy, None)
            elif first > HELD_N and second > HELD_N:
                z = float(seen.centres[toy, 2])
                if z - self._taken.setdefault(toy, z) > LIFTED_M:
                    self._taken[toy] = math.inf
                    events.append("wrong object")
        return events

    def _wrong_doors(self, seen: Snapshot) -> list[str]:
        events = []
        for name, angle in self._others.items():
            moved = abs(seen.doors[name] - angle)
            if moved > MOVED_RAD and name not in self._moved:
                self._moved.add(name)
                events.append("wrong object")
            elif moved < MOVED_RAD / 2:
                self._moved.discard(name)
        return events

    def _collisions(self, seen: Snapshot) -> list[str]:
        presses = seen.furniture_n > COLLISION_N
        self._pressing = self._pressing + 1 if presses else 0
        self._resting = 0 if presses else self._resting + 1
        self._told = self._told and self._resting < COLLISION_STEPS
        if self._told or self._pressing < COLLISION_STEPS:
            return []
        self._told = True
        return ["collision"]
