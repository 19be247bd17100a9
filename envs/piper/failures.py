"""How a failed episode of the PiPER suite has failed: one mode each, told from the state, the first one that fits.

    mode                  rule
    gripper_open_timeout  at the end the arm touches the target, the gripper is as far open as it was round it (to 5 %
                          of the whole), and an opening wider by 5 % has been commanded for 3 steps or more
    not_released          at the end the target is in the goal and still held; no opening commanded
    not_settled           at the end the target is in the goal and not held, but touched, or moving, or not yet there
                          for half a second; or the pot or plate it lies in is touched or moving; a door likewise
    wrong_object          another toy was held and lifted by more than 2 cm, and the target never was; in door tasks
                          also: the other door has moved by more than 0.1 rad, and the target by less
    obstruction           something that is neither target nor goal was in the way: touched by the arm, or by the held
                          target, in 5 steps or more, and at the end 1.5 cm (a door: 0.1 rad) from where it was
                          before; or the arm lagged by more than 0.08 rad in 10 steps or more in which it was touched;
                          or was pressed on by the arm, not held between the pads, with more than 5 N in 8 or more
    dropped               the target was lifted, and the last hold was lost although no opening was commanded, or the
                          target fell by more than 2 cm not within 10 cm (sink: 15 cm) of the goal's centre; it is not
                          in the goal
    imprecise_placement   else, the target was lifted by more than 2 cm, is not held any more and not in the goal
    static_collision      the arm pressed on what does not move with more than 5 N for 5 steps or more; with more than
                          50 N it is told ahead of not_settled, because such an episode is no success any more
    timeout_holding       the target is held at the end, away from the goal
    not_closed            the door was touched and is open
    missed_grasp          the target was touched, or the hand came within 5 cm of where to take hold, or within 10 cm
                          while it was commanded to close (below half); and the target was never lifted by 2 cm. Or it
                          was never lifted and is in the goal at the end, which is told ahead of not_released
    never_reached         none of these

Source of the modes: ProgVLA (arXiv 2605.28231), appendix B.6, names obstruction by clutter, gripper-opening timeout,
wrong object, imprecise placement and collisions with the table; it gives no rules, these are ours.
"""

from __future__ import annotations

import math

from envs.piper.holding import COLLISION_N, MOVED_RAD, Hold, Watch
from envs.piper.progress import grasp_point
from envs.piper.tasks import TOUCH_N, Goal, goal_place, is_there
from envs.piper.tracking import HELD_N, Snapshot

MODES = (
    "gripper_open_timeout",
    "not_released",
    "not_settled",
    "wrong_object",
    "obstruction",
    "dropped",
    "imprecise_placement",
    "static_collision",
    "timeout_holding",
    "not_closed",
    "missed_grasp",
    "never_reached",
)
OPENING_STEPS, OPENED = 3, 0.05
TOUCHED_STEPS, DISPLACED_M = 5, 0.015
LAG_RAD, LAG_STEPS, PRESSED_STEPS = 0.08, 10, 8
NEAR_GOAL_M = {"sink": 0.15, "stove": 0.10, "pot": 0.10, "plate": 0.10}
NEAR_GRASP_M, NEAR_CLOSING_M, CLOSING = 0.05, 0.10, 0.5


class FailureModes:
    """Watches one episode and says how it failed.

    Args:
        goal: the task.
        start: the state before the first control step.
        watch: of the same episode; it looks at each state first.
    """

    def __init__(self, goal: Goal, start: Snapshot, watch: Watch) -> None:
        self._watch, hold = watch, watch.hold
        self._target: _Door | _Toy = _Toy(goal, hold) if hold else _Door(goal, start)
        self._obstacles = _Obstacles(goal, start)
        self._last, self._wrong, self._collided = start, False, False

    def update(self, seen: Snapshot, events: list[str]) -> None:
        """Look at the state that a control step has led to, and at what the watch has told of that step."""
        self._last = seen
        self._target.update(seen, events)
        self._obstacles.update(seen, self._target.held)
        self._wrong = self._wrong or "wrong object" in events
        self._collided = self._collided or "collision" in events

    def label(self) -> str:
        """The mode of the episode, if it ends here and has failed; one of `MODES`."""
        ended = self._target.ended(self._last)
        if ended:
            return "static_collision" if ended == "not_settled" and self._watch.crashed else ended
        if self._wrong and not self._target.moved(self._last):
            return "wrong_object"
        if self._obstacles.obstructed(self._last):
            return "obstruction"
        lost = self._target.lost(self._last)
        if lost:
            return lost
        if self._collided:
            return "static_collision"
        return self._target.short(self._last)


class _Door:
    """What a door that is to be closed has gone through."""

    held = False

    def __init__(self, goal: Goal, start: Snapshot) -> None:
        self._goal, self._start = goal, start.door(goal.target)
        self._touched = False

    def update(self, seen: Snapshot, events: list[str]) -> None:
        self._touched = self._touched or seen.touch(self._goal.target) > TOUCH_N

    def ended(self, seen: Snapshot) -> str:
        """The mode, if the end alone decides it."""
        return "not_settled" if is_there(self._goal, seen) else ""

    def moved(self, seen: Snapshot) -> bool:
        return abs(seen.door(self._goal.target) - self._start) > MOVED_RAD

    def lost(self, seen: Snapshot) -> str:
        """The mode, if the door was moved and then lost."""
        return ""

    def short(self, seen: Snapshot) -> str:
        """The mode, if nothing went wrong and yet it was not enough."""
        return "not_closed" if self._touched else "never_reached"


class _Toy:
    """What a toy that is to be brought somewhere has gone through."""

    def __init__(self, goal: Goal, hold: Hold) -> None:
        self._goal, self._hold = goal, hold
        self._reached = self._dropped = False
        self._opening_steps, self._gripped = 0, math.inf

    @property
    def held(self) -> bool:
        return self._hold.held

    def update(self, seen: Snapshot, events: list[str]) -> None:
        self._watch_gripper(seen)
        if "grasped" in events:
            self._dropped = False
        elif "dropped" in events or "released" in events:
            fell = "dropped" in events and not self._near_goal(seen)
            self._dropped = fell or not self._hold.let_go
        if not self._reached:
            near = NEAR_GRASP_M if seen.commanded > CLOSING else NEAR_CLOSING_M
            close = math.dist(seen.tcp, grasp_point(self._goal, seen)) < near
            self._reached = close or seen.touch(self._goal.target) > TOUCH_N

    def _watch_gripper(self, seen: Snapshot) -> None:
        """Count the steps in which it is asked to open round what it holds, and stays as it is."""
        if self._hold.held and self._hold.lost is None:
            self._gripped = seen.opening
        elif abs(seen.opening - self._gripped) > OPENED:
            self._gripped = math.inf
        self._opening_steps = self._opening_steps + 1 if self._hold.opening and self._gripped < math.inf else 0

    def _near_goal(self, seen: Snapshot) -> bool:
        """Whether the hold was lost near the goal."""
        assert self._hold.lost is not None
        return math.dist(self._hold.lost[:2], goal_place(self._goal, seen)[:2]) < NEAR_GOAL_M[self._goal.kind]

    def ended(self, seen: Snapshot) -> str:
        """The mode, if the end alone decides it."""
        gripped = self._hold.held and self._hold.lost is None
        if self._opening_steps >= OPENING_STEPS and seen.touch(self._goal.target) > TOUCH_N:
            return "gripper_open_timeout"
        if is_there(self._goal, seen):
            if not self._hold.lifted:
                return "missed_grasp"
            return "not_released" if gripped else "not_settled"
        return ""

    def moved(self, seen: Snapshot) -> bool:
        return self._hold.lifted

    def lost(self, seen: Snapshot) -> str:
        """The mode, if the target was lifted and then lost."""
        if self._hold.held or not self._hold.lifted:
            return ""
        return "dropped" if self._dropped else "imprecise_placement"

    def short(self, seen: Snapshot) -> str:
        """The mode, if nothing went wrong and yet it was not enough."""
        if self._hold.held:
            return "timeout_holding"
        return "missed_grasp" if self._reached else "never_reached"


class _Obstacles:
    """What was in the way: neither the target nor the goal."""

    def __init__(self, goal: Goal, start: Snapshot) -> None:
        self._target, self._doors, self._last = goal.target, len(start.doors), start
        mine = {goal.target, goal.kind} | (set(start.doors) if goal.kind == "close" else set())
        self._foreign = [(index, name) for index, name in enumerate(start.names) if name not in mine]
        self._touched: dict[int, int] = {}  # thing, steps
        self._before: dict[int, Snapshot] = {}  # thing, the state before it was touched first
        self._lagging = self._pressing = 0

    def update(self, seen: Snapshot, held: bool) -> None:
        """Count the steps in which something foreign is touched by the arm, or by the target that it holds."""
        touches, touched, pressed = seen.touches.tolist(), False, False
        for index, name in self._foreign:
            if touches[index] > TOUCH_N or (held and self._meets(seen, name)):
                self._before.setdefault(index, self._last)
                self._touched[index] = self._touched.get(index, 0) + 1
                touched = True
                pressed = pressed or (touches[index] > COLLISION_N and not self._grips(seen, index))
        self._lagging += touched and seen.lag > LAG_RAD
        self._pressing += pressed
        self._last = seen

    def _meets(self, seen: Snapshot, name: str) -> bool:
        return (self._target, name) in seen.between or (name, self._target) in seen.between

    def _grips(self, seen: Snapshot, index: int) -> bool:
        return index >= self._doors and bool((seen.pads[index - self._doors] > HELD_N).all())

    def obstructed(self, seen: Snapshot) -> bool:
        """Whether something was pushed away, or held the arm up."""
        if self._lagging >= LAG_STEPS or self._pressing >= PRESSED_STEPS:
            return True
        return any(steps >= TOUCHED_STEPS and self._displaced(seen, index) for index, steps in self._touched.items())

    def _displaced(self, seen: Snapshot, index: int) -> bool:
        before, name = self._before[index], seen.names[index]
        if index < self._doors:
            return abs(seen.doors[name] - before.doors[name]) > MOVED_RAD
        return math.dist(seen.place(name), before.place(name)) > DISPLACED_M
