"""Ways to fail in the PiPER suite: what the scripted expert would do, with something that goes wrong.

Each is a generator of (7,) actions. What it does to the world before the first one belongs to the start; it looks at
`env.seen` after each of them, puts back what it has changed in the model, and ends where the time is up.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any

import mujoco
import numpy as np
import numpy.typing as npt

from envs.piper import picking, world as world_module
from envs.piper.env import Piper
from envs.piper.layout import HOME
from envs.piper.progress import grasp_point
from envs.piper.tasks import COUNTER_M, Goal, goal_place, is_there

Array = npt.NDArray[np.floating]
Actions = Generator[Array, None, None]
AFTERWARDS = 15  # control steps that an episode goes on after its fault
LONGEST = 220  # control steps until a fault must have begun


class NotProducedError(Exception):
    """What the fault waits for has not come about."""


def until(env: Piper, reached: Callable[[], bool]) -> Actions:
    """What the expert does until something is so.

    Raises:
        NotProducedError: it has not come about in `LONGEST` steps.
    """
    for _ in range(LONGEST):
        if reached():
            return
        yield env.expert_action()
    raise NotProducedError


def going_on(env: Piper, steps: int) -> Actions:
    """What the expert does, for so many steps."""
    for _ in range(steps):
        yield env.expert_action()


def mislead(env: Piper, goal: Goal) -> None:
    """Give the expert another goal than the episode's; before its first action."""
    own, env.goal = env.goal, goal
    env.expert_action()
    env.goal = own


def still(steps: int, opening: float) -> Actions:
    """Joint targets stay where they are."""
    for _ in range(steps):
        yield np.array([0.0] * 6 + [opening])


def bent(env: Piper, reached: Callable[[], bool], joint: int, angle: float, steps: int) -> Actions:
    """As `until`, with one joint ever more aside of where it is wanted, up to `angle` rad after so many steps.

    Raises:
        NotProducedError: what it waits for has not come about in `LONGEST` steps.
    """
    aside = 0.0
    for step in range(LONGEST):
        if reached():
            return
        more = angle * min(1, (step + 1) / steps) - aside
        env.target[joint] -= aside
        action = env.expert_action()
        env.target[joint] += aside
        action[joint] += more
        aside += more
        yield action
    raise NotProducedError


@contextmanager
def changed(array: Array, index: Any, value: Any) -> Iterator[None]:
    """An array of the model, which all episodes share, with other values for a while."""
    before = array[index].copy()
    array[index] = value
    try:
        yield
    finally:
        array[index] = before


@contextmanager
def replaced(module: object, name: str, value: object) -> Iterator[None]:
    """A module with another value of a name for a while."""
    before = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, before)


def draw(env: Piper, low: float, high: float) -> float:
    """A number of the episode's own."""
    return float(np.random.default_rng([env.episode.seed, 77]).uniform(low, high))


def up_m(env: Piper) -> float:
    """How far the target is above its start."""
    return env.seen.centre(env.goal.target)[2] - env.world.scene.ground_m - 0.02


def left_m(env: Piper, goal: Goal | None = None) -> float:
    """How far the target is from the middle of its goal, horizontally."""
    goal = goal or env.goal
    return math.dist(env.seen.centre(goal.target)[:2], goal_place(goal, env.seen)[:2])


def to_grasp_m(env: Piper) -> float:
    """How far the hand is from where to take hold, or to push."""
    return math.dist(env.seen.tcp, grasp_point(env.goal, env.seen))


def in_the_air(env: Piper) -> bool:
    return env.seen.holds(env.goal.target) and up_m(env) > 0.05


def about_to_release(env: Piper) -> bool:
    """The target is held in the goal, and has come to rest there."""
    held = env.seen.holds(env.goal.target) and is_there(env.goal, env.seen)
    return held and env.seen.lag < 0.02 and env.seen.speed(env.goal.target) < 0.02


def released(env: Piper) -> bool:
    return env.seen.touch(env.goal.target) == 0 and env.seen.commanded > 0.5


def other_toy(env: Piper) -> Goal:
    """The same task with another toy that fits."""
    others = {"red_mug": "green_mug", "green_mug": "red_mug", "octopus": "blue_whale"}
    other = others.get(env.goal.target) or ("octopus" if env.goal.scene == "kitchen" else "gray_whale")
    return env.goal._replace(target=other)


# Wrong object


def brings_another_toy(env: Piper) -> Actions:
    goal = other_toy(env)
    mislead(env, goal)
    yield from until(env, lambda: is_there(goal, env.seen) and env.seen.touch(goal.target) == 0)
    yield from still(AFTERWARDS, 1.0)


def lifts_another_toy_and_keeps_it(env: Piper) -> Actions:
    goal = other_toy(env)
    if goal.scene == "table":
        goal = goal._replace(target="turtle" if env.episode.seed % 2 else "dolphin")
    high = env.world.scene.ground_m + 0.09
    mislead(env, goal)
    yield from until(env, lambda: env.seen.holds(goal.target) and env.seen.centre(goal.target)[2] > high)
    yield from still(AFTERWARDS, 0.0)


def closes_the_other_door(env: Piper) -> Actions:
    other = "right_door" if env.goal.target == "left_door" else "left_door"
    env.world.data.joint(other).qpos[0] = draw(env, 0.8, 1.2)
    mujoco.mj_forward(env.world.model, env.world.data)
    env.seen = env.world.tracker.snapshot(env.target, env.opening)
    mislead(env, env.goal._replace(target=other))
    yield from until(env, lambda: env.seen.door(other) < 0.06)
    yield from still(AFTERWARDS, 0.0)


# Gripper-opening timeout


def opens_with_a_slow_gripper(env: Piper) -> Actions:
    yield from until(env, lambda: about_to_release(env))
    with replaced(world_module, "FINGER_M_PER_BLOCK", 2e-6):
        yield from still(30, 1.0)


def opens_when_time_is_nearly_up(env: Piper) -> Actions:
    yield from until(env, lambda: about_to_release(env))
    yield from still(2, 0.0)
    yield from still(round(draw(env, 4, 6)), 1.0)


def opens_with_a_stuck_finger(env: Piper) -> Actions:
    yield from until(env, lambda: about_to_release(env))
    fingers = [env.world.model.joint(name).dofadr[0] for name in ("finger1", "finger2")]
    with changed(env.world.model.dof_damping, fingers, 2e4):
        yield from still(25, 1.0)


def opens_but_the_command_is_lost(env: Piper) -> Actions:
    yield from until(env, lambda: about_to_release(env))
    step = env.world.step
    with replaced(env.world, "step", lambda target, opening: step(target, 0.0)):
        yield from still(20, 1.0)


# Not released, not settled, held until the time is up


def never_opens(env: Piper) -> Actions:
    yield from until(env, lambda: about_to_release(env))
    yield from still(AFTERWARDS, 0.0)


def opens_less_than_the_toy_is_wide(env: Piper) -> Actions:
    yield from until(env, lambda: about_to_release(env))
    ajar = 0.3 if env.seen.opening > 0.4 else 0.0
    noise = np.random.default_rng(env.episode.seed)
    for _ in range(25):
        yield np.array([*noise.normal(0, 0.002, 6), ajar])


def opens_just_before_the_time_is_up(env: Piper) -> Actions:
    yield from until(env, lambda: is_there(env.goal, env.seen) and released(env))
    yield from still(3, 1.0)


def stays_beside_what_it_has_released(env: Piper) -> Actions:
    yield from until(env, lambda: about_to_release(env))
    for _ in range(30):
        if env.seen.touch(env.goal.target) == 0:
            return
        yield np.array([0.0] * 6 + [1.0])


def freezes_on_the_way(env: Piper) -> Actions:
    yield from until(env, lambda: in_the_air(env) and left_m(env) > 0.15)
    yield from still(AFTERWARDS, 0.0)


def goes_home_with_it(env: Piper) -> Actions:
    yield from until(env, lambda: in_the_air(env))
    for _ in range(40):
        yield np.array([*(HOME - env.target).clip(-0.05, 0.05), 0.0])


# Dropped


def opens_in_mid_air(env: Piper) -> Actions:
    far = draw(env, 0.14, 0.18) + (0.05 if env.goal.kind == "sink" else 0.0)
    yield from until(env, lambda: in_the_air(env) and left_m(env) < far)
    yield from still(30, 1.0)


def opens_once_it_is_lifted(env: Piper) -> Actions:
    yield from until(env, lambda: in_the_air(env))
    yield from still(30, 1.0)


def loses_its_grip(env: Piper) -> Actions:
    pads = [env.world.model.geom(name).id for name in ("pad1", "pad2")]
    yield from until(env, lambda: in_the_air(env))
    with changed(env.world.model.geom_friction, pads, 0.001):
        yield from still(30, 0.0)


def grips_too_weakly(env: Piper) -> Actions:
    gripper = env.world.model.actuator("gripper").id
    yield from until(env, lambda: in_the_air(env) and up_m(env) > 0.06)
    with changed(env.world.model.actuator_forcerange, gripper, (-0.05, 0.05)):
        yield from still(30, 0.0)


def is_knocked_out_of_the_hand(env: Piper) -> Actions:
    """By a force that grows until it is gone."""
    body = env.world.model.body(env.goal.target).id
    yield from until(env, lambda: in_the_air(env) and up_m(env) > 0.06)
    for step in range(60):
        if not env.seen.holds(env.goal.target):
            break
        env.world.data.xfrc_applied[body, 2] = -1.5 * step
        yield np.array([0.0] * 7)
    else:
        raise NotProducedError
    env.world.data.xfrc_applied[body] = 0.0
    yield from still(AFTERWARDS, 0.0)


# Imprecise placement


def carries_past_the_goal(env: Piper) -> Actions:
    near = {"sink": 0.2, "stove": 0.12, "pot": 0.12, "plate": 0.12}[env.goal.kind]
    yield from until(env, lambda: in_the_air(env) and left_m(env) < near)
    aside = draw(env, 0.16, 0.24) * (1 if env.goal.kind != "sink" else 1.9)
    side = 1 if draw(env, -1, 1) > 0 else -1
    yield from bent(env, lambda: released(env), 0, side * aside, 10)
    yield from still(AFTERWARDS, 1.0)


def aims_beside_the_goal(env: Piper) -> Actions:
    """Where most room is around it."""
    x, y, z = goal_place(env.goal, env.seen)
    others = [env.seen.place(toy)[:2] for toy in env.seen.toys if toy not in (env.goal.target, env.goal.kind)]
    if env.goal.kind == "sink":
        around = [(x + dx, y - 0.16, COUNTER_M) for dx in (-0.04, 0.0, 0.04)]
    else:
        turns = np.linspace(-math.pi, math.pi, 24)
        around = [(x + 0.095 * math.cos(turn), y + 0.095 * math.sin(turn), z) for turn in turns]
    place = max(around, key=lambda point: min(math.dist(point[:2], other) for other in others))
    with replaced(picking, "goal_place", lambda goal, seen: place):
        yield from until(env, lambda: in_the_air(env))
        yield from until(env, lambda: released(env))
        yield from still(AFTERWARDS, 1.0)


def finds_the_goal_moved(env: Piper) -> Actions:
    yield from until(env, lambda: in_the_air(env) and left_m(env) < 0.05)
    place = env.world.data.joint(env.goal.kind).qpos
    side = 1 if place[1] < 0 else -1
    place[1] += side * draw(env, 0.12, 0.14)
    yield from until(env, lambda: released(env))
    yield from still(AFTERWARDS, 1.0)


# Never reached, missed


def stops_early(env: Piper) -> Actions:
    far = draw(env, 0.12, 0.2)
    yield from until(env, lambda: to_grasp_m(env) < far)
    yield from still(AFTERWARDS, 1.0)


def is_too_slow(env: Piper) -> Actions:
    for action in going_on(env, 60):
        yield action.clip(-0.003, [0.003] * 6 + [1.0])


def waves_above(env: Piper) -> Actions:
    noise, speed = np.random.default_rng(env.episode.seed), np.zeros(6)
    for _ in range(60):
        speed = 0.9 * speed + 0.1 * (0.5 * (HOME - env.target) + noise.normal(0, 0.15, 6))
        yield np.array([*speed, 1.0])


def grasps_too_high(env: Piper) -> Actions:
    above = draw(env, 0.055, 0.065) + (0.02 if env.goal.kind == "sink" else 0.0)
    yield from until(env, lambda: to_grasp_m(env) < above)
    yield from still(15, 0.0)
    yield from rises(env, 0.0)


def grasps_beside(env: Piper) -> Actions:
    yield from until(env, lambda: to_grasp_m(env) < 0.07)
    side = 1 if draw(env, -1, 1) > 0 else -1
    yield from bent(env, lambda: env.seen.commanded < 0.5, 0, side * draw(env, 0.19, 0.22), 5)
    yield from still(12, 0.0)
    yield from rises(env, 0.0)


def never_closes(env: Piper) -> Actions:
    closed = False
    for action in going_on(env, 110):
        closed = closed or action[6] < 0.2
        action[6] = 1.0 if closed else action[6]
        yield action


def closes_and_lets_go_at_once(env: Piper) -> Actions:
    yield from until(env, lambda: env.seen.holds(env.goal.target))
    yield from still(10, 1.0)
    yield from rises(env, 1.0)


def rises(env: Piper, opening: float) -> Actions:
    """Towards home, slowly."""
    for _ in range(30):
        yield np.array([*(HOME - env.target).clip(-0.04, 0.04), opening])


# Obstruction


def something_is_pushed_by_the_hand(env: Piper) -> Actions:
    toy = an_obstacle(env)
    yield from until(env, lambda: to_grasp_m(env) < 0.11)
    fingers = env.world.data.site("tcp").xmat.reshape(3, 3)[:2, 1]
    put(env, toy, np.add(grasp_point(env.goal, env.seen)[:2], 0.052 * fingers / float(np.linalg.norm(fingers))))
    yield from until(env, lambda: env.seen.commanded < 0.5)
    yield from still(2 * AFTERWARDS, 1.0)


def something_heavy_is_in_the_way_of_what_is_carried(env: Piper) -> Actions:
    toy, model = an_obstacle(env), env.world.model
    body = model.body(toy).id
    yield from until(env, lambda: in_the_air(env) and up_m(env) > 0.07)
    start = left_m(env)
    yield from until(env, lambda: left_m(env) < start - 0.04)
    before = np.array(env.seen.centre(env.goal.target))
    yield env.expert_action()
    way = np.array(env.seen.centre(env.goal.target)) - before
    place = before + way * 0.06 / float(np.linalg.norm(way))
    put(env, toy, place[:2], float(place[2]) - env.world.scene.ground_m - 0.015)
    with changed(model.body_gravcomp, body, 1.0), changed(model.body_mass, body, 500.0):
        yield from going_on(env, 14)
        yield from still(AFTERWARDS, 0.0)


def something_light_is_in_the_way_of_the_hand(env: Piper) -> Actions:
    """And the arm stops soon after it has met it."""
    toy = an_obstacle(env)
    yield from until(env, lambda: to_grasp_m(env) < 0.16)
    put(env, toy, np.add(env.seen.tcp, 0.55 * np.subtract(grasp_point(env.goal, env.seen), env.seen.tcp))[:2])
    yield from until(env, lambda: env.seen.touch(toy) > 0.1 or env.seen.commanded < 0.5)
    yield from going_on(env, 12)
    yield from still(AFTERWARDS, env.seen.commanded)


def something_heavy_is_in_the_way_of_the_hand(env: Piper) -> Actions:
    toy, model = an_obstacle(env), env.world.model
    yield from until(env, lambda: to_grasp_m(env) < 0.16)
    x, y, z = np.add(env.seen.tcp, 0.65 * np.subtract(grasp_point(env.goal, env.seen), env.seen.tcp))
    put(env, toy, np.array((x, y)), max(z - env.world.scene.ground_m - 0.03, 0.0))
    body = model.body(toy).id
    with changed(model.body_gravcomp, body, 1.0), changed(model.body_mass, body, 500.0):
        yield from going_on(env, 40)


def something_has_come_onto_the_goal(env: Piper) -> Actions:
    yield from until(env, lambda: in_the_air(env) and left_m(env) < 0.05)
    put(env, an_obstacle(env), np.add(goal_place(env.goal, env.seen)[:2], (0.0, 0.02)))
    yield from until(env, lambda: released(env) and left_m(env) < 0.1)
    yield from still(AFTERWARDS, 1.0)


def an_obstacle(env: Piper) -> str:
    """A toy that is neither target nor goal."""
    names = ("green_mug", "red_mug", "turtle")
    return next(name for name in names if name in env.world.toys and name not in (env.goal.target, env.goal.kind))


def put(env: Piper, toy: str, place: Array, lift: float = 0.0) -> None:
    """Put a toy somewhere, upright and at rest."""
    joint = env.world.data.joint(toy)
    joint.qpos[:] = (*place, env.world.scene.ground_m + 0.001 + lift, 1.0, 0.0, 0.0, 0.0)
    joint.qvel[:] = 0.0


# Static collision, door left open


def dives_into_the_ground(env: Piper) -> Actions:
    """Where most room is between the toys."""
    toys = np.array([env.seen.place(toy)[:2] for toy in env.seen.toys])
    bearings = np.linspace(-0.7, 0.9, 33)
    room = [np.abs(np.arctan2(toys[:, 1], toys[:, 0]) - bearing).min() for bearing in bearings]
    bearing = bearings[int(np.argmax(room))]
    for _ in range(30):
        yield np.array([np.clip(bearing - env.target[0], -0.08, 0.08), *[0.0] * 5, 0.0])
    for _ in range(40):
        yield np.array([0.0, 0.04, 0.0, 0.0, 0.0, 0.0, 0.0])


def reaches_too_low(env: Piper) -> Actions:
    for action in bent(env, lambda: env.seen.furniture_n > 30, 1, 0.6, 20):
        if env.seen.commanded < 0.5:
            raise NotProducedError
        yield action
    yield from still(AFTERWARDS, 1.0)


def stretches_into_the_wall(env: Piper) -> Actions:
    for _ in range(70):
        yield np.array([0.0, 0.03, 0.02, 0.0, 0.0, 0.0, 0.0])


def stops_pushing(env: Piper) -> Actions:
    yield from until(env, lambda: env.seen.door(env.goal.target) < draw(env, 0.5, 0.7))
    yield from still(AFTERWARDS, 0.0)


def withdraws_after_contact(env: Piper) -> Actions:
    yield from until(env, lambda: env.seen.touch(env.goal.target) > 0.1)
    yield from still(2, 0.0)
    yield from rises(env, 0.0)
