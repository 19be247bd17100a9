"""Ground-truth progress of the 50 Meta-World v3 tasks, from simulator state: one rule, one table.

A task is a chain of up to three legs, each a distance in metres that has to shrink:

    reach       hand (centre between the fingertips) -> the place where it takes hold of or pushes the object
    bring       tool -> the place where it meets the thing that it has to move (hammer, stick-push, stick-pull)
    manipulate  the distance that Meta-World's own verdict compares with a threshold

The share of a leg is (d_start - d) / (d_start - d_done), clipped to [0, 1]. What has been moved need not be held any
more, so a leg counts at least as much as the leg after it. Progress is the weighted sum of the shares (`WEIGHTS`), at
most 0.99, and exactly 1 at a control step that Meta-World calls a success, and only there.

Progress is a function of the state and of the distances at the start; it is no running maximum: a puck that rolls away
or a door that swings back takes it down. It reads the simulator and writes nothing.

stage   "reach", "bring", "manipulate", "done": the last leg that has begun or whose predecessor is finished
events  "reached", "brought": the stage moves on; "lost": it falls back to an earlier one
        "grasped": both fingers touch something movable; "released": after that none does; "dropped": the same, with
        the object more than 2 cm above its start; "success": the verdict turns true

Sources: metaworld 3.1.1, `evaluate_state` and `compute_reward` of each task, for point, axes and tolerance of the last
leg. They reproduce the verdict exactly, with what is said in `RULES`. `info["obj_to_target"]` is no substitute: it is
constantly 0 in five tasks, an engagement distance in lever-pull, and it does not exist before the first step.
The places to take hold (`grip`, `meet`) are means over 6 episodes of each scripted expert, at the step where the last
leg has covered 5 %, with a standard deviation below 3 cm.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from metaworld.sawyer_xyz_env import SawyerXYZEnv

Vector = tuple[float, float, float]
Point = Callable[[], Vector]

WEIGHTS = {1: (1.0,), 2: (0.5, 0.5), 3: (1/3, 1/3, 1/3)}
CAP = 0.99
NEAR_M = 0.02
SHORTEST_M = 0.05
LIFTED_M = 0.02
BEGUN = 0.05

ALL, X, Y, Z = (1.0, 1.0, 1.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)


class Rule(NamedTuple):
    """The last leg of a task, and where the hand and the tool have to be. Metres, world frame.

    tolerance: the verdict's threshold. axes: weight of each axis in the verdict's distance to the target.
    grip: hand minus object when it takes hold; None where nothing is to be moved but the hand.
    point: what the verdict measures: "object", "second object" (both as in the observation), "hand" or a site.
    shift: what the verdict adds to the point before it measures.
    meet: second object minus tool when they meet; None where there is no tool.
    """

    tolerance: float
    axes: Vector = ALL
    grip: Vector | None = (0.0, 0.0, 0.0)
    point: str = "object"
    shift: Vector = (0.0, 0.0, 0.0)
    meet: Vector | None = None
    joint: tuple[str, float] | None = None


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
    "dial-turn-v3": Rule(0.0, grip=(0.042, 0.026, 0.046), joint=("knob_Joint_1", math.acos(0.2))),
    # The verdict: above the target's height. The target is 15 cm above the start.
    "disassemble-v3": Rule(0.0, Z, grip=(-0.011, 0.0, -0.005)),
    # The door springs back 8 cm by itself at the start, progress 0.16.
    "door-close-v3": Rule(0.08, grip=(0.02, 0.17, 0.03)),
    "door-lock-v3": Rule(0.02, Z, grip=(-0.019, -0.023, -0.004)),
    "door-open-v3": Rule(0.08, X, grip=(0.0, 0.04, -0.063)),
    "door-unlock-v3": Rule(0.02, X, grip=(-0.02, -0.008, -0.073)),
    "hand-insert-v3": Rule(0.05, grip=(0.003, 0.0, -0.004)),
    "drawer-close-v3": Rule(0.065, grip=(0.003, -0.015, -0.078)),
    "drawer-open-v3": Rule(0.03, grip=(0.0, -0.021, -0.062)),
    "faucet-open-v3": Rule(0.07, grip=(-0.025, 0.042, -0.021), shift=(-0.04, 0.0, 0.03)),
    "faucet-close-v3": Rule(0.07, grip=(0.023, 0.048, -0.024)),
    # The verdict: the nail's joint beyond 9 cm; the nail starts 10 cm before its target.
    "hammer-v3": Rule(0.0, grip=(-0.027, 0.0, -0.005), joint=("NailSlideJoint", 0.09), meet=(0.162, 0.088, -0.012)),
    "handle-press-side-v3": Rule(0.02, Z, grip=(0.0, 0.009, -0.018)),
    "handle-press-v3": Rule(0.02, Z, grip=(0.003, -0.02, -0.022)),
    "handle-pull-side-v3": Rule(0.08, grip=(0.004, 0.009, -0.011)),
    "handle-pull-v3": Rule(0.05, Z, grip=(0.006, -0.034, -0.026)),
    # The verdict: the lever within pi/24 of upright; its tip, at a radius of 0.2 m, moves on the chord.
    "lever-pull-v3": Rule(0.0, joint=("LeverAxis", math.pi * 11 / 24), grip=(0.012, -0.045, -0.162)),
    "pick-place-wall-v3": Rule(0.07, grip=(0.003, 0.0, -0.007)),
    "pick-out-of-hole-v3": Rule(0.07, grip=(0.0, 0.0, -0.018)),
    "pick-place-v3": Rule(0.07, grip=(0.0, 0.0, -0.008)),
    "plate-slide-v3": Rule(0.07, grip=(0.0, -0.049, 0.013)),
    "plate-slide-side-v3": Rule(0.07, grip=(0.068, 0.006, -0.014)),
    "plate-slide-back-v3": Rule(0.07, grip=(0.005, -0.064, 0.012)),
    "plate-slide-back-side-v3": Rule(0.07, grip=(0.024, 0.004, 0.014)),
    "peg-insert-side-v3": Rule(0.07, (1.0, 2.0, 2.0), grip=(0.009, 0.0, -0.02), point="pegHead"),
    "peg-unplug-side-v3": Rule(0.07, grip=(-0.019, 0.006, 0.031)),
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


class Measured(NamedTuple):
    """What one control step came to: progress in [0, 1], the stage, and the events of this step."""

    progress: float
    stage: str
    events: tuple[str, ...]


class Progress:
    """Progress of one episode. Make one after each reset, once the kinematics are up to date, and before any step.

    Args:
        sim: one of metaworld's v3 environments.

    Raises:
        LookupError: an environment without a row in `RULES`.
    """

    def __init__(self, sim: SawyerXYZEnv) -> None:
        legs = _legs(sim, RULES[_task(sim)])
        self._stages = _STAGES[len(legs)]
        self._weights = WEIGHTS[len(legs)]
        self._legs = [(distance, start, max(start - done, 0.05 if done==NEAR_M and distance is not legs[-1][0] else .001)) for distance, start, done in (
            (distance, distance(), done) for distance, done in legs)]
        self._grip = _Grip(sim)
        self._stage = 0
        self._held = False
        self._success = False

    def update(self, info: Mapping[str, float]) -> Measured:
        """Measure the state after a control step.

        Args:
            info: what `sim.step` returned; only `success` is read.
        """
        shares = [min(max((start - distance()) / length, 0.0), 1.0) for distance, start, length in self._legs]
        stage = max([0] + [k for k in range(1, len(shares)) if shares[k] > BEGUN or shares[k - 1] == 1.0])
        for k in range(len(shares) - 2, -1, -1):
            shares[k] = max(shares[k], shares[k + 1])
        success = bool(info["success"])
        progress = 1.0 if success else min(sum(w * s for w, s in zip(self._weights, shares)), CAP)
        events = self._events(stage, success)
        return Measured(progress, "done" if success else self._stages[stage], events)

    def _events(self, stage: int, success: bool) -> tuple[str, ...]:
        events = []
        if stage != self._stage:
            events.append("lost" if stage < self._stage else _ARRIVED[self._stages[self._stage]])
        self._stage = stage
        held = self._grip.held(self._held)
        if held != self._held:
            events.append("grasped" if held else "dropped" if self._grip.lifted() else "released")
        self._held = held
        if success and not self._success:
            events.append("success")
        self._success = success
        return tuple(events)


_STAGES = {1: ("reach",), 2: ("reach", "manipulate"), 3: ("reach", "bring", "manipulate")}
_ARRIVED = {"reach": "reached", "bring": "brought"}


def _task(sim):
    from metaworld.env_dict import ALL_V3_ENVIRONMENTS
    return next(n for n, c in ALL_V3_ENVIRONMENTS.items() if type(sim) is c)


def _legs(sim, rule):
    right, left = sim.data.site("rightEndEffector").xpos, sim.data.site("leftEndEffector").xpos
    hand = lambda: [(a + b) / 2 for a, b in zip(right.tolist(), left.tolist())]
    obj = lambda: sim._get_pos_objects()[:3].tolist()
    second = lambda: sim._get_pos_objects()[3:6].tolist()
    target = sim._target_pos.tolist()
    point = {"object": obj, "second object": second, "hand": hand}.get(rule.point)
    if point is None:
        site = sim.data.site(rule.point).xpos
        point = lambda: site.tolist()
    def dist(a, b, shift, axes=ALL):
        return lambda: math.hypot(*[(x + s - y) * w for x, s, y, w in zip(a(), shift, b(), axes)])
    legs = []
    neg = lambda v: tuple(-x for x in v)
    if rule.grip is not None: legs.append((dist(hand, obj, neg(rule.grip)), NEAR_M))
    if rule.meet is not None: legs.append((dist(obj, second, rule.meet), NEAR_M))
    if rule.joint:
        q=sim.data.joint(rule.joint[0]).qpos; lim=rule.joint[1]
        legs.append((lambda: max(0.,lim-abs(float(q[0]))),0.))
    else: legs.append((dist(point, lambda: target, rule.shift, rule.axes), rule.tolerance))
    return legs


class _Grip:
    def __init__(self, sim):
        m = sim.model
        self.data = sim.data
        robot = m.body("hand").rootid[0] if hasattr(m.body("hand"), "rootid") else m.body_rootid[m.body("hand").id]
        movable = (m.body_weldid != 0) & (m.body_rootid != robot) & (m.body_mocapid[m.body_rootid] < 0)
        side = np.zeros(m.nbody, int)
        side[m.body("rightclaw").id] = 1; side[m.body("leftclaw").id] = 2
        for b in range(m.nbody):
            side[b] |= side[m.body_parentid[b]]
        self.movable = movable[m.geom_bodyid]
        self.side = side[m.geom_bodyid]
        self.obj = lambda: float(sim._get_pos_objects()[2])
        self.z0 = self.obj()
    def held(self, was):
        g = self.data.contact.geom
        t = int(np.bitwise_or.reduce(self.side[g] * self.movable[g[:, ::-1]], axis=None)) if len(g) else 0
        return t == 3 or (was and t > 0)
    def lifted(self):
        return self.obj() > self.z0 + LIFTED_M
