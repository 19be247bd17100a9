"""Ground-truth progress of the 130 LIBERO tasks: one rule for every predicate of a BDDL goal.

    in, on                   reach      the hand comes to the object
                             grasp      both fingers press on it
                             transport  it comes to the middle of the region, or of the object, that it belongs to
                             place      it is there, and the predicate does not hold yet
    open, close, turnon,     reach      the hand comes to the drawer, door or knob
    turnoff                  move       the joint comes to where upstream's verdict turns

A predicate is worth 0.2 for the reach, 0.2 for the grasp (no grasp for joints, whose move is worth 0.75) and 0.55 for
the transport, each as a share of the distance at the start, and 1 once it holds. What has been moved need not be held
any more. Progress is the mean over the predicates that do not hold at the start, at most 0.99, and 1 at the control
steps of a success and only there. It is a function of the state and of the distances at the start, and can fall.

stage    what the first predicate that does not hold is at, such as "transport akita_black_bowl_1"; "done"
events   "grasped X": both fingers have pressed on X for 3 steps; "wrong object X" instead, where the goal does not name
         it. "released X": no longer, and the gripper was told to open; "dropped X": it was not. "success"

Limits. A detour, such as over a wall, counts as going back. Of a drawer that has to be opened before something can be
put into it progress knows nothing where the goal does not say so.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from envs.episodes import Measured
from envs.libero.simulation import Array, Predicate, Simulation

CAP = 0.99
REACH, GRASP, TRANSPORT, MOVE = 0.2, 0.2, 0.55, 0.75
NEAR_M = 0.05  # of the hand: objects are held at their rims and handles
SHORTEST_M = 0.05
BEGUN = 0.02
THERE = 0.9  # of the way: no longer transported but placed
STEPS_OF_A_GRASP = 3
JUDGES = {"open": "is_open", "close": "is_close", "turnon": "turn_on", "turnoff": "turn_off"}


class Progress:
    """The progress of one episode; made at its start."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._parts = [
            Move(simulation, predicate) if predicate[0] in JUDGES else Carry(simulation, predicate)
            for predicate in simulation.goal
            if not simulation.holds(predicate)
        ]
        self._grasps = Grasps(simulation)
        self._success = False

    def update(self, success: bool, gripper: float) -> Measured:
        """Measure the state that a control step has led to.

        Args:
            success: the verdict after that step.
            gripper: what the gripper was told in it.
        """
        held = self._simulation.held()
        events = self._grasps.update(held, gripper)
        begun, self._success = success and not self._success, success
        if success:
            return Measured(1.0, "done", (*events, "success") if begun else events)
        now = [part.now(held) for part in self._parts if not self._simulation.holds(part.predicate)]
        fulfilled = len(self._parts) - len(now)
        share = (fulfilled + sum(part.share for part in now)) / max(len(self._parts), 1)
        return Measured(min(share, CAP), now[0].stage if now else "restore", events)


class Now(NamedTuple):
    """What a predicate that does not hold is at."""

    share: float  # 0 at the start, below 1
    stage: str


class Carry:
    """The progress of one `in` or `on`."""

    def __init__(self, simulation: Simulation, predicate: Predicate) -> None:
        self.predicate = predicate
        self._simulation, (_, self._object, self._target) = simulation, predicate
        self._reach = max(self._to_hand(), SHORTEST_M)
        self._way = max(self._to_target(), SHORTEST_M)

    def _to_hand(self) -> float:
        return math.dist(self._simulation.hand(), self._simulation.position(self._object)) - NEAR_M

    def _to_target(self) -> float:
        return math.dist(self._simulation.position(self._object), self._simulation.position(self._target))

    def now(self, held: set[str]) -> Now:
        """What it is at, with these objects in the hand."""
        transported = clip(1 - self._to_target() / self._way)
        grasped = float(self._object in held or transported > THERE)
        reached = max(clip(1 - self._to_hand() / self._reach), grasped, transported)
        verb = "place" if transported > THERE else "transport" if grasped else "grasp" if reached >= 1.0 else "reach"
        return Now(REACH * reached + GRASP * grasped + TRANSPORT * transported, f"{verb} {self._object}")


class Move:
    """The progress of one `open`, `close`, `turnon` or `turnoff`."""

    def __init__(self, simulation: Simulation, predicate: Predicate) -> None:
        self.predicate = predicate
        self._simulation, (verb, self._name) = simulation, predicate
        self._joint, judge = simulation.joint(self._name), getattr(simulation.fixture(self._name), JUDGES[verb])
        self._start = self._angle()
        self._end = turning_point(judge, self._start, simulation.model.jnt_range[self._joint])
        self._reach = max(self._to_hand(), SHORTEST_M)

    def _angle(self) -> float:
        return float(self._simulation.data.qpos[self._simulation.model.jnt_qposadr[self._joint]])

    def _to_hand(self) -> float:
        body = self._simulation.model.jnt_bodyid[self._joint]
        return math.dist(self._simulation.hand(), self._simulation.data.xipos[body]) - NEAR_M

    def now(self, held: set[str]) -> Now:
        """What it is at."""
        moved = clip((self._angle() - self._start) / (self._end - self._start))
        reached = max(clip(1 - self._to_hand() / self._reach), moved)
        return Now(REACH * reached + MOVE * moved, f"{'move' if moved > BEGUN else 'reach'} {self._name}")


def turning_point(judge: Any, start: float, span: Array) -> float:
    """The joint position nearest to the start at which upstream's verdict holds; some lie just beyond the range.

    The joint is soft at its ends, which is how drawers close beyond their zero.
    """
    margin = 0.1 * float(span[1] - span[0])
    found = [at for at in np.linspace(span[0] - margin, span[1] + margin, 500) if judge(at)]
    judge(start)  # upstream's stove lights up when it is asked
    assert found, "no position of the joint fulfils the predicate"
    return float(min(found, key=lambda at: abs(at - start)))


class Grasps:
    """Tells when something has been taken, let go, dropped."""

    def __init__(self, simulation: Simulation) -> None:
        self._wanted = {one[1] for one in simulation.goal}
        self._held = ""
        self._changing = 0  # steps for which the fingers have not held what they are said to hold

    def update(self, held: set[str], gripper: float) -> tuple[str, ...]:
        """The events of one control step, after which these objects are in the hand."""
        now = self._held if self._held in held else next(iter(sorted(held)), "")
        self._changing = 0 if now == self._held else self._changing + 1
        if self._changing < STEPS_OF_A_GRASP:
            return ()
        events = []
        if self._held:
            events.append(f"{'dropped' if gripper > 0 else 'released'} {self._held}")
        if now:
            events.append(f"{'grasped' if now in self._wanted else 'wrong object'} {now}")
        self._held, self._changing = now, 0
        return tuple(events)


def clip(share: float) -> float:
    """`share` from 0 to 1."""
    return min(max(share, 0.0), 1.0)
