"""Ground-truth progress of the 50 Meta-World v3 tasks: one rule, one table, read from the simulator's state.

A task is a chain of one to three legs, each a distance that has to shrink:

    reach       hand (centre between the fingertips) to the place where it takes hold of the object, or pushes it
    bring       tool to the place where it meets what it has to move (hammer-v3, stick-push-v3, stick-pull-v3 only)
    manipulate  what Meta-World's own verdict compares with a threshold; in reach-v3 and reach-wall-v3
                the only leg, and called reach

The share of a leg is (distance at the start - distance now) / (distance at the start - distance when done), clipped to
[0, 1]. What has been moved need not be held any more, so a leg counts at least as much as the one after it. Progress is
the mean of the shares, at most 0.99, and 1 at the control steps that Meta-World calls a success and only there. So in
most tasks 0.5 means "the hand is where it has to be, nothing is done yet".

Progress is a function of the state and of the distances at the start, and no running maximum: a puck that rolls away or
a door that falls shut takes it down. Nothing here writes to the simulator.

stage    "reach", "bring", "manipulate": the last leg that has begun (5 %) or whose predecessor is done; "done"
events   "reached", "brought": that leg is done and the next one begins. "lost": back to an earlier leg.
         "grasped": both fingers touch something movable. "released": none does any more; "dropped" instead, where the
         object is more than 2 cm above its start. "success": the verdict has turned true.

Limits. A detour counts as going back: while an expert lifts its hand over an obstacle, progress stays where it is or
falls. Closing the fingers is no progress. Where the object swings or sinks by itself at the start (door-close-v3,
hammer-v3, hand-insert-v3) doing nothing is worth up to 0.2, and up to 0.3 in handle-press-v3 where the hand starts
against the handle. `info["obj_to_target"]` would not do: it is always 0 in five tasks and the hand's distance in
lever-pull-v3, and before the first step there is none.

Source: point, axes and threshold of each verdict are those of `evaluate_state` and `compute_reward` in metaworld 3.1.1,
which a test compares step by step. `grip` and `meet` are means over six episodes of the scripted expert, at the step at
which the last leg has covered 5 %.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from metaworld.env_dict import ALL_V3_ENVIRONMENTS
from metaworld.sawyer_xyz_env import SawyerXYZEnv

from envs.episodes import Measured

Vector = tuple[float, float, float]

CAP = 0.99
NEAR_M = 0.03  # hand and tool are in place; the experts' grips scatter by less
SHORTEST_M = 0.05  # a hand that starts in place would else have a way of no length
BEGUN = 0.05
LIFTED_M = 0.02

ALL, X, Y, Z = (1.0, 1.0, 1.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)
NOWHERE = (0.0, 0.0, 0.0)


class Rule(NamedTuple):
    """A task's row: its verdict, and where hand and tool have to be. Metres, world frame.

    tolerance: the verdict's threshold. axes: the weight of each axis in the verdict's distance to the target.
    grip: hand minus object when it takes hold; None where only the hand has to move.
    point: what the verdict measures: "object" or "second object", both as in the observation, "hand", or a site's name.
    shift: what the verdict adds to the point, or takes from the target.
    joint: instead of all that, a joint and the position (metres, radians) at which the verdict turns.
    meet: second object minus tool when they meet; None where there is no tool.
    """

    tolerance: float = 0.0
    axes: Vector = ALL
    grip: Vector | None = NOWHERE
    point: str = "object"
    shift: Vector = NOWHERE
    joint: tuple[str, float] | None = None
    meet: Vector | None = None


RULES: dict[str, Rule] = {
    # The verdict: within 2 cm of the peg's axis and below its top. Here: within 2 cm of the top.
    "assembly-v3": Rule(0.02, grip=(-0.011, 0.0, 0.0), point="RoundNut"),
    # The verdict raises the target from 0.25 m to 0.3 m.
    "basketball-v3": Rule(0.08, (1.0, 1.0, 2.0), grip=(0.005, 0.0, -0.011), shift=(0.0, 0.0, -0.05)),
    "bin-picking-v3": Rule(0.05),
    "box-close-v3": Rule(0.08, grip=(0.0, 0.0, 0.023)),
    "button-press-topdown-v3": Rule(0.024, Z, grip=(0.0, 0.01, 0.005)),
    "button-press-topdown-wall-v3": Rule(0.024, Z, grip=(0.0, -0.049, 0.0)),
    "button-press-v3": Rule(0.02, Y, grip=(0.0, -0.045, -0.108)),
    "button-press-wall-v3": Rule(0.03, Y, grip=(0.0, -0.03, -0.013)),
    "coffee-button-v3": Rule(0.02, Y, grip=(0.0, -0.047, -0.115)),
    "coffee-pull-v3": Rule(0.07, grip=(0.0, 0.0, 0.021)),
    "coffee-push-v3": Rule(0.07, grip=(0.01, 0.0, 0.019)),
    # The verdict: the knob's mark within 7 cm of a point behind it, so at this angle; the first half of the turn hardly
    # changes that distance.
    "dial-turn-v3": Rule(joint=("knob_Joint_1", math.acos(0.2)), grip=(0.042, 0.026, 0.046)),
    # The verdict: above the target's height. The target is 15 cm above the start.
    "disassemble-v3": Rule(0.0, Z, grip=(-0.011, 0.0, -0.005)),
    # The door swings 10 cm by itself first: the place is the one where the hand meets it after that.
    "door-close-v3": Rule(0.08, grip=(0.02, 0.17, 0.03)),
    "door-lock-v3": Rule(0.02, Z, grip=(-0.019, -0.023, -0.004)),
    "door-open-v3": Rule(0.08, X, grip=(0.0, 0.04, -0.063)),
    "door-unlock-v3": Rule(0.02, X, grip=(-0.02, -0.008, -0.073)),
    "hand-insert-v3": Rule(0.05, grip=(0.003, 0.0, -0.004)),
    "drawer-close-v3": Rule(0.065, grip=(0.003, -0.015, -0.078)),
    "drawer-open-v3": Rule(0.03, grip=(0.0, -0.021, -0.062)),
    "faucet-open-v3": Rule(0.07, grip=(-0.025, 0.042, -0.021), shift=(-0.04, 0.0, 0.03)),
    "faucet-close-v3": Rule(0.07, grip=(0.023, 0.048, -0.024)),
    # The verdict: the nail 9 cm into the wall.
    "hammer-v3": Rule(joint=("NailSlideJoint", 0.09), grip=(-0.027, 0.0, -0.005), meet=(0.162, 0.088, -0.012)),
    "handle-press-side-v3": Rule(0.02, Z, grip=(0.0, 0.009, -0.018)),
    "handle-press-v3": Rule(0.02, Z, grip=(0.003, -0.02, -0.022)),
    "handle-pull-side-v3": Rule(0.08, grip=(0.004, 0.009, -0.011)),
    "handle-pull-v3": Rule(0.05, Z, grip=(0.006, -0.034, -0.026)),
    # The verdict: the lever within pi/24 of upright.
    "lever-pull-v3": Rule(joint=("LeverAxis", 11 / 24 * math.pi), grip=(0.012, -0.045, -0.162)),
    "pick-place-wall-v3": Rule(0.07, grip=(0.003, 0.0, -0.007)),
    "pick-out-of-hole-v3": Rule(0.07, grip=(0.0, 0.0, -0.018)),
    "pick-place-v3": Rule(0.07, grip=(0.0, 0.0, -0.008)),
    "plate-slide-v3": Rule(0.07, grip=(0.0, -0.049, 0.013)),
    "plate-slide-side-v3": Rule(0.07, grip=(0.068, 0.006, -0.014)),
    "plate-slide-back-v3": Rule(0.07, grip=(0.005, -0.064, 0.012)),
    "plate-slide-back-side-v3": Rule(0.07, grip=(0.024, 0.004, 0.014)),
    "peg-insert-side-v3": Rule(0.07, (1.0, 2.0, 2.0), grip=(0.009, 0.0, -0.02), point="pegHead"),
    # The fingers press the plug down before they close: the place is the mean over the whole grip.
    "peg-unplug-side-v3": Rule(0.07, grip=(-0.015, 0.002, 0.0)),
    "soccer-v3": Rule(0.07, grip=(-0.015, -0.004, -0.007)),
    # The verdict also wants the stick lifted in the gripper.
    "stick-push-v3": Rule(0.12, grip=(0.025, 0.0, -0.002), point="second object", meet=(0.105, -0.008, 0.042)),
    # The verdict also wants the stick's end in the handle.
    "stick-pull-v3": Rule(0.12, grip=(-0.004, 0.0, -0.006), point="second object", meet=(0.053, -0.003, 0.007)),
    "push-v3": Rule(0.05, grip=(0.0, 0.0, -0.012)),
    "push-wall-v3": Rule(0.07, grip=(0.0, 0.0, -0.013)),
    "push-back-v3": Rule(0.07, grip=(0.01, -0.01, 0.0)),
    "reach-v3": Rule(0.05, grip=None, point="hand"),
    "reach-wall-v3": Rule(0.05, grip=None, point="hand"),
    "shelf-place-v3": Rule(0.07, grip=(0.007, 0.0, 0.0)),
    "sweep-into-v3": Rule(0.05, (1.0, 1.0, 0.0), grip=(0.0, 0.0, -0.015)),
    "sweep-v3": Rule(0.05, grip=(0.009, 0.0, 0.007)),
    "window-open-v3": Rule(0.05, X, grip=(0.0, -0.021, -0.138)),
    "window-close-v3": Rule(0.05, X, grip=(0.022, -0.018, -0.141)),
}


class Progress:
    """The progress of one episode.

    Args:
        sim: one of metaworld's v3 environments at its start: after the reset, kinematics up to date, before any step.

    Raises:
        LookupError: a simulator without a row in `RULES`.
    """

    def __init__(self, sim: SawyerXYZEnv) -> None:
        rule = _rule(sim)
        self._places = _Places(sim, rule)
        self._fingers = _Fingers(sim)
        start = self._places.now()
        self._legs = [leg.from_start(start) for leg in _legs(rule)]
        self._stages = _STAGES[len(self._legs)]
        self._lifted_m = start["object"][2] + LIFTED_M
        self._stage, self._held, self._success = 0, False, False

    def update(self, info: Mapping[str, float]) -> Measured:
        """Measure the state that a control step has led to.

        Args:
            info: what `sim.step` returned with that state; only "success" is read.
        """
        places = self._places.now()
        shares = self._shares(places)
        success = bool(info["success"])
        stage, held = _stage(shares), self._fingers.hold(self._held)
        events = _moves(self._stages, self._stage, stage)
        if held != self._held:
            lifted = places["object"][2] > self._lifted_m
            events.append("grasped" if held else "dropped" if lifted else "released")
        if success and not self._success:
            events.append("success")
        self._stage, self._held, self._success = stage, held, success
        return Measured(combine(shares, success), "done" if success else self._stages[stage], tuple(events))

    def shares(self) -> list[float]:
        """The share of each leg now, first leg first, whatever the verdict."""
        return self._shares(self._places.now())

    def _shares(self, places: dict[str, Vector]) -> list[float]:
        return [leg.share(places) for leg in self._legs]


_STAGES = {1: ("reach",), 2: ("reach", "manipulate"), 3: ("reach", "bring", "manipulate")}
_ARRIVED = {"reach": "reached", "bring": "brought"}
_TASKS = {sim_class: task for task, sim_class in ALL_V3_ENVIRONMENTS.items()}


def combine(shares: list[float], success: bool) -> float:
    """Progress from the legs' shares, first leg first, and the verdict."""
    if success:
        return 1.0
    total = later = 0.0
    for share in reversed(shares):
        later = max(share, later)
        total += later
    return min(total / len(shares), CAP)


def _stage(shares: list[float]) -> int:
    for index in range(len(shares) - 1, 0, -1):
        if shares[index] > BEGUN or shares[index - 1] == 1.0:
            return index
    return 0


def _moves(stages: tuple[str, ...], before: int, now: int) -> list[str]:
    return ["lost"] if now < before else [_ARRIVED[stages[index]] for index in range(before, now)]


def _rule(sim: SawyerXYZEnv) -> Rule:
    task = _TASKS.get(type(sim))
    if task not in RULES:
        raise LookupError(f"no progress rule for {type(sim).__name__}; there are rules for {', '.join(RULES)}")
    return RULES[task]


class _Leg(NamedTuple):
    """From `mover` plus `shift` to `goal`, until the weighted distance is `done`; places by name."""

    mover: str
    goal: str
    shift: Vector
    axes: Vector
    done: float
    shortest: float = 1e-6
    start: float = 0.0

    def from_start(self, places: dict[str, Vector]) -> _Leg:
        return self._replace(start=self.distance(places))

    def distance(self, places: dict[str, Vector]) -> float:
        (x, y, z), (goal_x, goal_y, goal_z) = places[self.mover], places[self.goal]
        shift_x, shift_y, shift_z = self.shift
        weight_x, weight_y, weight_z = self.axes
        return math.hypot(
            (x + shift_x - goal_x) * weight_x, (y + shift_y - goal_y) * weight_y, (z + shift_z - goal_z) * weight_z
        )

    def share(self, places: dict[str, Vector]) -> float:
        way = max(self.start - self.done, self.shortest)
        return min(max((self.start - self.distance(places)) / way, 0.0), 1.0)


def _legs(rule: Rule) -> list[_Leg]:
    legs = []
    if rule.grip is not None:
        x, y, z = rule.grip
        legs.append(_Leg("hand", "object", (-x, -y, -z), ALL, NEAR_M, SHORTEST_M))
    if rule.meet is not None:
        legs.append(_Leg("object", "second object", rule.meet, ALL, NEAR_M, SHORTEST_M))
    legs.append(_Leg("joint" if rule.joint else rule.point, "target", rule.shift, rule.axes, rule.tolerance))
    return legs


class _Places:
    """Where everything is that a rule names. The arrays are the simulator's own memory, so they are always current."""

    def __init__(self, sim: SawyerXYZEnv, rule: Rule) -> None:
        self._objects = sim._get_pos_objects
        self._fingertips = [sim.data.site(name).xpos for name in ("rightEndEffector", "leftEndEffector")]
        assert sim._target_pos is not None, "the reset comes before progress"
        self._target: Vector = tuple(sim._target_pos.tolist())
        self._joint: npt.NDArray[np.float64] | None = None
        self._site: npt.NDArray[np.float64] | None = None
        self._point = rule.point
        if rule.joint is not None:
            name, limit = rule.joint
            self._joint, self._target = sim.data.joint(name).qpos, (limit, 0.0, 0.0)
        elif rule.point not in ("object", "second object", "hand"):
            self._site = sim.data.site(rule.point).xpos

    def now(self) -> dict[str, Vector]:
        """(x, y, z) by name; a joint's position stands in x, and beyond its target it is at its target."""
        (ax, ay, az), (bx, by, bz) = (tip.tolist() for tip in self._fingertips)
        objects = self._objects().tolist()
        places = {"hand": ((ax + bx) / 2, (ay + by) / 2, (az + bz) / 2), "target": self._target, "object": objects[:3]}
        if len(objects) > 3:
            places["second object"] = objects[3:]
        if self._joint is not None:
            places["joint"] = (min(abs(float(self._joint[0])), self._target[0]), 0.0, 0.0)
        if self._site is not None:
            places[self._point] = self._site.tolist()
        return places


class _Fingers:
    """Whether the two fingers hold something that can move: a body that is neither the robot's nor fixed."""

    RIGHT, LEFT, MOVABLE = 1, 2, 4

    def __init__(self, sim: SawyerXYZEnv) -> None:
        model = sim.model
        robot = model.body_rootid[model.body("hand").id]
        movable = (model.body_weldid != 0) & (model.body_rootid != robot)
        kinds = np.where(movable, self.MOVABLE, 0)
        kinds[model.body_weldid == model.body("rightclaw").id] = self.RIGHT
        kinds[model.body_weldid == model.body("leftclaw").id] = self.LEFT
        self._kinds = kinds[model.geom_bodyid]  # (geoms,)
        self._data = sim.data

    def hold(self, held: bool) -> bool:
        """Both fingers touch something movable, or one still does of what was held the step before."""
        pairs = self._kinds[self._data.contact.geom]  # (contacts, 2)
        touches = set(pairs.sum(axis=1).tolist())
        right, left = self.RIGHT + self.MOVABLE in touches, self.LEFT + self.MOVABLE in touches
        return (right and left) or (held and (right or left))
