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
fall: a toy that is dropped, or a door that swings open again, takes it down. A target that has come into the goal
without ever having been lifted is neither placed nor released: it has still to be reached, grasped and lifted.

The events of a step are those of the watch (`envs.piper.holding`), and "success" where the verdict has turned true.

Weights are the shares of its control steps that the expert spends in each stage, means over 12 episodes of each
task (seeds 100 to 111) by kind of goal, so that progress is about linear in time.

Limits. A detour counts as going back; closing the gripper in the wrong place is no progress. Distances are those of a
toy of scale 1.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from envs.episodes import Measured
from envs.piper.holding import LIFTED_M, OPENING, Hold, Watch
from envs.piper.tasks import CLOSED_RAD, HOLD_STEPS, TOUCH_N, Goal, door_point, goal_place, is_there
from envs.piper.toys import POT_HEIGHT_M, POT_RADIUS_M
from envs.piper.tracking import HELD_N, Snapshot, Vector, vector

CAP = 0.99
NEAR_GRASP_M, NEAR_DOOR_M = 0.02, 0.03
LIFT_M, CARRY_M = 0.03, 0.09  # above where it was taken: off the ground, and as high as things are carried
NEAR_GOAL_M = {"sink": 0.07, "stove": 0.03, "pot": 0.03, "plate": 0.03}
GRASP_HEIGHT_M = 0.03
GRIPPED = {"red_mug": 0.79, "green_mug": 0.79, "pot": 0.12, "blue_whale": 0.62, "octopus": 0.54}  # opening around it
UPWARDS, SIDEWAYS = 0.3, 0.25  # share of transport that is the way up, of place that is the rest of the way across
DOOR_HEIGHT_M = 0.0775
PUSH_AT = (0.085, 0.020)  # from the hinge, and outside the door, as the fingers are 15 mm thick; metres

WEIGHTS: dict[str, dict[str, float]] = {
    "close": {"reach": 0.58, "contact": 0.01, "push": 0.23, "closed": 0.18},
    "sink": {"reach": 0.22, "grasp": 0.07, "lift": 0.08, "transport": 0.23, "place": 0.19, "release": 0.21},
    "stove": {"reach": 0.23, "grasp": 0.11, "lift": 0.08, "transport": 0.23, "place": 0.18, "release": 0.17},
    "pot": {"reach": 0.24, "grasp": 0.08, "lift": 0.08, "transport": 0.23, "place": 0.16, "release": 0.21},
    "plate": {"reach": 0.24, "grasp": 0.07, "lift": 0.08, "transport": 0.25, "place": 0.16, "release": 0.20},
}


class Progress:
    """The progress of one episode.

    Args:
        goal: the task.
        start: the state before the first control step.
        watch: of the same episode; it looks at each state first.
    """

    def __init__(self, goal: Goal, start: Snapshot, watch: Watch) -> None:
        hold = watch.hold
        self._chain: _Close | _Carry = _Carry(goal, start, watch, hold) if hold else _Close(goal, start, watch)
        self._weights = WEIGHTS[goal.kind]
        self._success = False

    def update(self, seen: Snapshot, success: bool, events: list[str]) -> Measured:
        """Measure the state that a control step has led to.

        Args:
            seen: that state.
            success: the verdict after that step.
            events: what the watch has told of that step.
        """
        now = self._chain.update(seen)
        begun, self._success = success and not self._success, success
        told = (*events, "success") if begun else tuple(events)
        return Measured(1.0, "done", told) if success else Measured(combine(self._weights, *now), now.stage, told)


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


class _Close:
    """The chain of the door tasks."""

    def __init__(self, goal: Goal, start: Snapshot, watch: Watch) -> None:
        self._goal, self._watch = goal, watch
        self._door = start.names.index(goal.target)
        self._angle = start.door(goal.target)
        self._way = max(math.dist(start.tcp, grasp_point(goal, start)) - NEAR_DOOR_M, NEAR_DOOR_M)

    def update(self, seen: Snapshot) -> _Now:
        angle = seen.doors[self._goal.target]
        pushed = (self._angle - angle) / (self._angle - CLOSED_RAD)
        if self._watch.done_steps:
            return _Now("closed", self._watch.done_steps / HOLD_STEPS)
        if pushed > 0.02:
            return _Now("push", pushed)
        if seen.touches[self._door] > TOUCH_N:
            return _Now("contact", 0.5)
        distance = math.dist(seen.tcp, grasp_point(self._goal, seen))
        return _Now("reach", 1 - (distance - NEAR_DOOR_M) / self._way)


def grasp_point(goal: Goal, seen: Snapshot) -> Vector:
    """Where the point between the pads has to go to take hold of the target, or to push it, metres, world frame."""
    if goal.kind == "close":
        return *door_point(goal.target, seen.door(goal.target), *PUSH_AT), DOOR_HEIGHT_M
    x, y, z = seen.place(goal.target)
    if goal.target != "pot":
        return x, y, z + GRASP_HEIGHT_M
    bearing = math.atan2(seen.tcp[1] - y, seen.tcp[0] - x)
    return x + POT_RADIUS_M * math.cos(bearing), y + POT_RADIUS_M * math.sin(bearing), z + POT_HEIGHT_M


class _Carry:
    """The chain of the pick-and-place tasks."""

    def __init__(self, goal: Goal, start: Snapshot, watch: Watch, hold: Hold) -> None:
        self._goal, self._watch, self._hold = goal, watch, hold
        self._toy = start.toys.index(goal.target)
        self._way = max(math.dist(start.tcp, grasp_point(goal, start)) - NEAR_GRASP_M, NEAR_GRASP_M)
        self._near = NEAR_GOAL_M[goal.kind]
        self._stature = start.centre(goal.target)[2] - start.place(goal.target)[2]
        self._gripped = GRIPPED[goal.target]
        self._grip_n, self._opening = 0.0, 0.0
        self._top = self._entered = -math.inf

    def update(self, seen: Snapshot) -> _Now:
        there = self._hold.lifted and is_there(self._goal, seen)
        if there and (not self._hold.held or self._hold.lost is not None or self._hold.opening):
            return _Now("release", self._released(seen))
        if self._hold.held:
            self._grip_n = max(self._grip_n, float(seen.touches[len(seen.doors) + self._toy]))
            return self._carried(seen)
        self._grip_n, self._top = 0.0, -math.inf
        distance = math.dist(seen.tcp, grasp_point(self._goal, seen))
        if distance < NEAR_GRASP_M:
            self._opening = max(self._opening, seen.opening)
            closing = max(self._opening - self._gripped, OPENING)
            return _Now("grasp", (self._opening - seen.opening) / closing)
        self._opening = 0.0
        return _Now("reach", 1 - (distance - NEAR_GRASP_M) / self._way)

    def _released(self, seen: Snapshot) -> float:
        """Half for the pads' force that goes, half for the time at rest."""
        if self._watch.done_steps:
            return 0.5 + 0.5 * self._watch.done_steps / HOLD_STEPS
        force = float(seen.touches[len(seen.doors) + self._toy])
        return 0.5 * (1 - min(force / max(self._grip_n, HELD_N), 1))

    def _carried(self, seen: Snapshot) -> _Now:
        """Stage and share while the target is held."""
        (x, y, z), (from_x, from_y, from_z) = vector(seen.centres[self._toy]), self._hold.taken
        goal_x, goal_y, goal_z = goal_place(self._goal, seen)
        left = math.dist((x, y), (goal_x, goal_y))
        way = math.dist((from_x, from_y), (goal_x, goal_y)) - self._near
        self._top = max(self._top, z - from_z)
        if left < self._near and self._hold.lifted:
            self._entered = max(self._entered, z)
            lower = self._entered - goal_z - self._stature
            down = _clip((self._entered - z) / max(lower, LIFTED_M))
            return _Now("place", SIDEWAYS * (1 - left / self._near) + (1 - SIDEWAYS) * down)
        self._entered = -math.inf
        if self._top < LIFT_M:
            return _Now("lift", (z - from_z) / LIFT_M)
        up = _clip((self._top - LIFT_M) / (CARRY_M - LIFT_M))
        across = _clip(1 - (left - self._near) / max(way, LIFTED_M))
        return _Now("transport", UPWARDS * up + (1 - UPWARDS) * across)
