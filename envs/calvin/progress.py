"""Ground-truth progress of CALVIN's 34 subtasks.

    reach   the tool comes to the block, handle, button or switch
    grasp   both fingers press on the block, where it has to be lifted, placed, stacked or unstacked
    work    what the verdict compares, see `courses`: "move", "press", "flip", "turn", "push", "lift", "place", "stack",
            "unstack", "drop"

They weigh 0.2, 0.2 and 0.6, or 0.3, none and 0.7 where nothing is grasped. What has been moved need not be reached or
held any more. Progress is how much has been done of what was left at the start, so it begins with 0, a block in the
hand or not; at most 0.99, and 1 at the control step of the verdict and only there. It is a function of the state and
the start, and can fall. Where a start makes the verdict impossible, such as a block to be placed and none in the hand,
it stays 0. Where any block will do, the furthest counts.

stage    "reach", "grasp", the work's name; "done"; "impossible"
events   "grasped red": both fingers have pressed on it for 3 steps; "wrong object red" instead, where the subtask is
         not about that block. "released red": no longer, and the gripper was told to open; "dropped red": it was not

Limits. A detour, such as up the drawer's wall, counts as going back. What a verdict asks for besides, that a turned
block is put down, say, is worth nothing before all of it is there.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from envs.calvin.courses import Course, clip, courses
from envs.calvin.geometry import TABLES
from envs.calvin.oracles import SUBTASKS
from envs.calvin.states import BLOCKS, Floats, Snapshot
from envs.episodes import Measured
from protocols.registry import require

CAP = 0.99
GRASPED, FREE = (0.2, 0.2, 0.6), (0.3, 0.0, 0.7)  # weights of reach, grasp, work
NEAR_M, SHORTEST_M = 0.05, 0.05
BEGUN, THERE = 0.05, 0.9
STEPS_OF_A_GRASP = 3
LEFT_FINGER, RIGHT_FINGER = {("robot", 9), ("robot", 10)}, {("robot", 11), ("robot", 12)}
TOOL, COMMAND = slice(0, 3), 14  # in robot_obs


class Progress:
    """The progress of one subtask; made where it begins.

    Args:
        subtask: one of the 34.
        start: the scene where it begins.
        scene: A, B, C or D.
        robot_obs: (15,) the arm where it begins.

    Raises:
        LookupError: no such subtask or scene.
    """

    def __init__(self, subtask: str, start: Snapshot, scene: str, robot_obs: Floats) -> None:
        table = TABLES[require("scene", scene, TABLES)]
        possible = courses(require("subtask", subtask, SUBTASKS), start, table)
        self._ways = [Way(course, start, robot_obs[TOOL]) for course in possible]
        self._grips = Grips(start, {course.block for course in possible})

    def update(self, now: Snapshot, robot_obs: Floats, done: bool) -> Measured:
        """Measure what a control step has led to.

        Args:
            now: the scene after it.
            robot_obs: (15,) the arm after it.
            done: whether the subtask is solved.
        """
        events = self._grips.update(now, released=robot_obs[COMMAND] > 0)
        if done:
            return Measured(1.0, "done", events)
        come = [way.come(now, robot_obs[TOOL]) for way in self._ways]
        furthest = max(come, default=Come(0.0, "impossible"), key=lambda one: one.share)
        return Measured(min(furthest.share, CAP), furthest.stage, events)


class Come(NamedTuple):
    """How far a course has come."""

    share: float  # 0 at the start, at most 1
    stage: str


class Way:
    """One course and how far it had come at the start."""

    def __init__(self, course: Course, start: Snapshot, tool: Floats) -> None:
        self._course = course
        self._reach = max(math.dist(tool, course.point(start)) - NEAR_M, SHORTEST_M)
        self._begun = 0.0
        self._begun = self.come(start, tool).share

    def come(self, now: Snapshot, tool: Floats) -> Come:
        """How far it has come, with the tool (3,) there."""
        course = self._course
        worked = clip(course.done(now))
        grasped = float(course.grasp and (course.block in gripped(now) or worked > THERE))
        near = clip(1 - (math.dist(tool, course.point(now)) - NEAR_M) / self._reach)
        reached = max(near, grasped, worked)
        weights = GRASPED if course.grasp else FREE
        share = sum(weight * part for weight, part in zip(weights, (reached, grasped, worked), strict=True))
        waits = course.grasp and not grasped and worked < BEGUN
        stage = "reach" if reached < 1.0 and worked < BEGUN else "grasp" if waits else course.work
        return Come(clip((share - self._begun) / (1 - self._begun)), stage)


def gripped(now: Snapshot) -> set[str]:
    """The blocks on which both fingers press."""
    return {
        colour
        for colour in BLOCKS
        if now.blocks[colour].contacts & LEFT_FINGER and now.blocks[colour].contacts & RIGHT_FINGER
    }


class Grips:
    """Tells when a block has been taken, let go, dropped."""

    def __init__(self, start: Snapshot, wanted: set[str]) -> None:
        self._wanted = wanted
        self._held = next(iter(sorted(gripped(start))), "")
        self._changing = 0  # steps for which the fingers have not held what they are said to hold

    def update(self, now: Snapshot, released: bool) -> tuple[str, ...]:
        """The events of one control step, in which the gripper was told to open or not."""
        held = gripped(now)
        colour = self._held if self._held in held else next(iter(sorted(held)), "")
        self._changing = 0 if colour == self._held else self._changing + 1
        if self._changing < STEPS_OF_A_GRASP:
            return ()
        events = []
        if self._held:
            events.append(f"{'released' if released else 'dropped'} {self._held}")
        if colour:
            events.append(f"{'grasped' if colour in self._wanted else 'wrong object'} {colour}")
        self._held, self._changing = colour, 0
        return tuple(events)
