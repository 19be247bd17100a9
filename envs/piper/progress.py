"""Ground-truth progress of the ten PiPER tasks: a chain of stages, read from the snapshots of `tracking`.

    reach      the point between the pads comes to where it takes hold (pot: the nearest point of the rim), or pushes
    grasp      it is there (2 cm), the gripper closes
    lift       both pads press on the target; the first 3 cm up
    transport  up to 9 cm (three tenths of it) and across, until 3 cm (sink: 7 cm) from the goal's centre
    place      the rest of the way across (a quarter) and down into the goal
    release    the target is in the goal, the gripper opens; then free and at rest, as long as success demands
    contact    (doors) the arm touches the door
    push       (doors) from the first angle to the closed one
    closed     (doors) closed, as long as success demands
    done       success

Progress is the weight of the stages before, plus the weight of this one times the share of it that is covered; at most
0.99, and exactly 1 at the control steps of a success and only there. It is a function of the last few states and can
fall: a toy that is dropped, or a door that swings open again, takes it down. `highest` never falls.

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
    "success"       the verdict has turned true

Weights are the shares of its control steps that the expert spends in each stage, means over 12 episodes of each
task (seeds 100 to 111) by kind of goal, so that progress is about linear in time.

Limits. A detour counts as going back; closing the gripper in the wrong place is no progress. Distances are those of a
toy of scale 1.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from envs.piper.tasks import CLOSED_RAD, HOLD_STEPS, STILL_M_S, TOUCH_N, Goal, goal_place, is_done, is_there
from envs.piper.toys import POT_HEIGHT_M, POT_RADIUS_M
from envs.piper.tracking import HELD_N, Snapshot, Vector, vector

CAP = 0.99
GRIP_STEPS, LOST_STEPS = 2, 8
LIFTED_M = 0.02  # how far a thing must be above the ground to be in the air
MOVED_RAD = 0.1
COLLISION_N, COLLISION_STEPS = 5.0, 5

NEAR_GRASP_M, NEAR_DOOR_M = 0.02, 0.03
LIFT_M, CARRY_M = 0.03, 0.09  # above where it was taken: off the ground, and as high as things are carried
NEAR_GOAL_M = {"sink": 0.07, "stove": 0.03, "pot": 0.03, "plate": 0.03}
GRASP_HEIGHT_M = 0.03
GRIPPED = {"red_mug": 0.79, "green_mug": 0.79, "pot": 0.12, "blue_whale": 0.62, "octopus": 0.54}  # opening around it
UPWARDS, SIDEWAYS = 0.3, 0.25  # share of transport that is the way up, of place that is the rest of the way across
HINGES = {"left_door": (0.28, 0.28, -1.0), "right_door": (0.28, 0.04, 1.0)}  # x, y; sense of opening about +z
DOOR_HEIGHT_M = 0.0775
# Outside the door, as the fingers are 15 mm thick; and how far from the hinge they touch it first, metres.
PUSH_AT = (-0.020, 0.085)

WEIGHTS: dict[str, dict[str, float]] = {
    "close": {"reach": 0.58, "contact": 0.01, "push": 0.23, "closed": 0.18},
    "sink": {"reach": 0.22, "grasp": 0.07, "lift": 0.08, "transport": 0.23, "place": 0.19, "release": 0.21},
    "stove": {"reach": 0.23, "grasp": 0.11, "lift": 0.08, "transport": 0.23, "place": 0.18, "release": 0.17},
    "pot": {"reach": 0.24, "grasp": 0.08, "lift": 0.08, "transport": 0.23, "place": 0.16, "release": 0.21},
    "plate": {"reach": 0.24, "grasp": 0.07, "lift": 0.08, "transport": 0.25, "place": 0.16, "release": 0.20},
}


class Measured(NamedTuple):
    """What a control step has come to: progress in [0, 1], its maximum so far, the stage, the events of this step."""

    progress: float
    highest: float
    stage: str
    events: tuple[str, ...]


class Progress:
    """The progress of one episode.

    Args:
        goal: the task.
        start: the state before the first control step.
    """

    def __init__(self, goal: Goal, start: Snapshot) -> None:
        self._chain: _Close | _Carry = _Close(goal, start) if goal.kind == "close" else _Carry(goal, start)
        self._troubles = Troubles(goal, start)
        self._weights = WEIGHTS[goal.kind]
        self._highest, self._success = 0.0, False

    def update(self, seen: Snapshot, success: bool) -> Measured:
        """Measure the state that a control step has led to.

        Args:
            seen: that state.
            success: the verdict after that step.
        """
        stage, share, events = self._chain.update(seen)
        events += self._troubles.update(seen)
        if success and not self._success:
            events.append("success")
        progress = 1.0 if success else combine(self._weights, stage, share)
        self._highest, self._success = max(self._highest, progress), success
        return Measured(progress, self._highest, "done" if success else stage, tuple(events))


def combine(weights: dict[str, float], stage: str, share: float) -> float:
    """Progress where `share` of a stage is covered and all the stages before it."""
    total = 0.0
    for name, weight in weights.items():
        if name == stage:
            return min(total + weight * _clip(share), CAP)
        total += weight
    raise AssertionError(f"no stage {stage}")


def _clip(share: float) -> float:
    return min(max(share, 0.0), 1.0)


class _Now(NamedTuple):
    stage: str
    share: float
    events: list[str]


class _Close:
    """The chain of the door tasks."""

    def __init__(self, goal: Goal, start: Snapshot) -> None:
        self._goal = goal
        self._door = start.names.index(goal.target)
        self._angle = start.door(goal.target)
        self._way = max(math.dist(start.tcp, grasp_point(goal, start)) - NEAR_DOOR_M, NEAR_DOOR_M)
        self._done = 0

    def update(self, seen: Snapshot) -> _Now:
        angle = seen.doors[self._goal.target]
        pushed = (self._angle - angle) / (self._angle - CLOSED_RAD)
        self._done = self._done + 1 if angle < CLOSED_RAD else 0
        if self._done:
            return _Now("closed", self._done / HOLD_STEPS, [])
        if pushed > 0.02:
            return _Now("push", pushed, [])
        if seen.touches[self._door] > TOUCH_N:
            return _Now("contact", 0.5, [])
        distance = math.dist(seen.tcp, grasp_point(self._goal, seen))
        return _Now("reach", 1 - (distance - NEAR_DOOR_M) / self._way, [])


def grasp_point(goal: Goal, seen: Snapshot) -> Vector:
    """Where the point between the pads has to go to take hold of the target, or to push it, metres, world frame."""
    if goal.kind == "close":
        x, y, sense = HINGES[goal.target]
        face, along = PUSH_AT
        angle = seen.doors[goal.target]
        sine, cosine = math.sin(angle), math.cos(angle)
        return x + face * cosine - along * sine, y + sense * (face * sine + along * cosine), DOOR_HEIGHT_M
    x, y, z = seen.place(goal.target)
    if goal.target != "pot":
        return x, y, z + GRASP_HEIGHT_M
    bearing = math.atan2(seen.tcp[1] - y, seen.tcp[0] - x)
    return x + POT_RADIUS_M * math.cos(bearing), y + POT_RADIUS_M * math.sin(bearing), z + POT_HEIGHT_M


class _Carry:
    """The chain of the pick-and-place tasks."""

    def __init__(self, goal: Goal, start: Snapshot) -> None:
        self._goal = goal
        self._hold = Hold(goal, start)
        self._toy = start.toys.index(goal.target)
        self._way = max(math.dist(start.tcp, grasp_point(goal, start)) - NEAR_GRASP_M, NEAR_GRASP_M)
        self._near = NEAR_GOAL_M[goal.kind]
        self._stature = start.centre(goal.target)[2] - start.place(goal.target)[2]
        self._gripped = GRIPPED[goal.target]
        self._done, self._grip_n, self._opening = 0, 0.0, 0.0
        self._top = self._entered = -math.inf

    def update(self, seen: Snapshot) -> _Now:
        there = is_there(self._goal, seen)
        event = self._hold.update(seen, there)
        events = [event] if event else []
        self._done = self._done + 1 if there and is_done(self._goal, seen) else 0
        if there and (not self._hold.held or self._hold.lost is not None or self._hold.opening):
            return _Now("release", self._released(seen), events)
        if self._hold.held:
            self._grip_n = max(self._grip_n, float(seen.touches[len(seen.doors) + self._toy]))
            return _Now(*self._carried(seen), events)
        self._grip_n, self._top = 0.0, -math.inf
        distance = math.dist(seen.tcp, grasp_point(self._goal, seen))
        if distance < NEAR_GRASP_M:
            self._opening = max(self._opening, seen.opening)
            closing = max(self._opening - self._gripped, OPENING)
            return _Now("grasp", (self._opening - seen.opening) / closing, events)
        self._opening = 0.0
        return _Now("reach", 1 - (distance - NEAR_GRASP_M) / self._way, events)

    def _released(self, seen: Snapshot) -> float:
        """Half for the pads' force that goes, half for the time at rest."""
        if self._done:
            return 0.5 + 0.5 * self._done / HOLD_STEPS
        force = float(seen.touches[len(seen.doors) + self._toy])
        return 0.5 * (1 - min(force / max(self._grip_n, HELD_N), 1))

    def _carried(self, seen: Snapshot) -> tuple[str, float]:
        """Stage and share while the target is held."""
        (x, y, z), (from_x, from_y, from_z) = vector(seen.centres[self._toy]), self._hold.taken
        goal_x, goal_y, goal_z = goal_place(self._goal, seen)
        left = math.dist((x, y), (goal_x, goal_y))
        way = math.dist((from_x, from_y), (goal_x, goal_y)) - self._near
        self._top = max(self._top, z - from_z)
        if left < self._near:
            self._entered = max(self._entered, z)
            lower = self._entered - goal_z - self._stature
            down = _clip((self._entered - z) / max(lower, LIFTED_M))
            return "place", SIDEWAYS * (1 - left / self._near) + (1 - SIDEWAYS) * down
        self._entered = -math.inf
        if self._top < LIFT_M:
            return "lift", (z - from_z) / LIFT_M
        up = _clip((self._top - LIFT_M) / (CARRY_M - LIFT_M))
        across = _clip(1 - (left - self._near) / max(way, LIFTED_M))
        return "transport", UPWARDS * up + (1 - UPWARDS) * across


class Hold:
    """Whether the gripper holds the target, without flicker, and how a hold ends.

    held: see the module's docstring.
    opening: the last action asks for an opening that is wider by `OPENING` of the whole than there is.
    taken: (x, y, z) of the target's centre when it was taken, metres.
    lost: the same when both pads last ceased to press; None while they do.
    let_go: an opening was asked for then, or just before.
    """

    def __init__(self, goal: Goal, start: Snapshot) -> None:
        self._toy = start.toys.index(goal.target)
        self.held = self.opening = self.let_go = False
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
        if presses:
            self.lost = None
            return ""
        centre = vector(seen.centres[self._toy])
        if self.lost is None:
            self.lost, self.let_go, self._missing = centre, asked or self.opening, 0
        self._missing += 1
        rests = first + second < TOUCH_N and float(seen.speeds[self._toy]) < STILL_M_S
        if self._missing < (2 if rests else LOST_STEPS):
            return ""
        self.held = False
        return "dropped" if self.lost[2] - centre[2] > LIFTED_M and not there else "released"


OPENING = 0.05  # of the whole opening: so much wider than it is has a gripper to be commanded


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
