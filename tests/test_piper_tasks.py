"""When a PiPER episode is a success: the rules on hand-made snapshots, then on episodes that once passed for one."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from envs.piper import ACTION
from envs.piper.env import Piper
from envs.piper.expert import Expert
from envs.piper.failures import FailureModes
from envs.piper.holding import COLLISION_STEPS, CRASH_N, Watch
from envs.piper.tasks import COUNTER_M, HOLD_STEPS, STILL_M_S, TASKS, TOUCH_N, Goal, is_done, is_there
from envs.piper.tracking import Snapshot
from protocols.contracts import Episode, FloatArray
from tests.piper_mishaps import in_the_air, put
from tests.piper_snapshots import PLACES, at_rest, held, moved, touched

BASIN = (0.42, 0.16)
MUG_AT = (*PLACES["red_mug"], COUNTER_M)
IN_BASIN = (*BASIN, COUNTER_M - 0.07)
OPEN = np.array([0, 0, 0, 0, 0, 0, 1], np.float32)
PICKING = [task for task, goal in TASKS.items() if goal.kind != "close"]
INTO = [task for task, goal in TASKS.items() if goal.kind in ("pot", "plate")]


def verdicts(task: str, seen: list[Snapshot]) -> list[bool]:
    """After each of these steps."""
    watch = Watch(TASKS[task], at_rest(task, (1.0, 1.0)) if TASKS[task].kind == "close" else at_rest(task))
    told = []
    for one in seen:
        watch.update(one)
        told.append(watch.success)
    return told


def mug(height_m: float) -> Snapshot:
    """The red mug held that far above its place."""
    return held(at_rest("red-cup-sink"), "red_mug", (*MUG_AT[:2], COUNTER_M + height_m))


TAKEN = [mug(0.0), mug(0.0), mug(0.1)]
PLACED = moved(at_rest("red-cup-sink"), "red_mug", IN_BASIN)


def test_a_thing_that_was_lifted_and_let_go_in_its_goal_for_half_a_second_is_a_success() -> None:
    assert verdicts("red-cup-sink", [*TAKEN, *[PLACED] * HOLD_STEPS]) == [False] * (HOLD_STEPS + 2) + [True]


def test_half_a_second_begins_anew_after_each_disturbance() -> None:
    touch = touched(PLACED, "red_mug")
    assert not any(verdicts("red-cup-sink", [*TAKEN, *[*[PLACED] * (HOLD_STEPS - 1), touch] * 3]))


def test_a_thing_that_got_into_its_goal_without_being_lifted_is_no_success() -> None:
    assert is_done(TASKS["red-cup-sink"], PLACED)
    assert not any(verdicts("red-cup-sink", [PLACED] * 30))
    assert not any(verdicts("red-cup-sink", [mug(0.0), mug(0.0), mug(0.015), *[PLACED] * 30]))
    tossed = moved(at_rest("red-cup-sink"), "red_mug", (*MUG_AT[:2], COUNTER_M + 0.1))
    assert not any(verdicts("red-cup-sink", [mug(0.0), mug(0.0), tossed, *[PLACED] * 30]))


def test_a_crash_into_furniture_ends_all_hope() -> None:
    crash, knock = (PLACED._replace(furniture_n=force) for force in (CRASH_N + 1, CRASH_N - 1))
    done = [PLACED] * 30
    assert not any(verdicts("red-cup-sink", [*TAKEN, *[crash] * COLLISION_STEPS, *done]))
    assert any(verdicts("red-cup-sink", [*TAKEN, *[crash] * (COLLISION_STEPS - 1), *done]))
    assert any(verdicts("red-cup-sink", [*TAKEN, *[knock] * 30, *done]))
    modes_watch = Watch(TASKS["red-cup-sink"], at_rest("red-cup-sink"))
    modes = FailureModes(TASKS["red-cup-sink"], at_rest("red-cup-sink"), modes_watch)
    for seen in [*TAKEN, *[crash] * COLLISION_STEPS, *done]:
        modes.update(seen, modes_watch.update(seen))
    assert modes.label() == "static_collision"


def test_a_door_need_not_be_lifted() -> None:
    shut = at_rest("close-left-door", (0.0, 1.0))
    assert verdicts("close-left-door", [shut] * HOLD_STEPS)[-1]


@pytest.mark.parametrize("task", INTO)
def test_a_pot_or_plate_must_be_let_go_and_at_rest_too(task: str) -> None:
    goal = TASKS[task]
    place = at_rest(task).place(goal.kind)
    inside = moved(at_rest(task), goal.target, (place[0], place[1], place[2] + 0.005))
    assert is_done(goal, inside)
    for disturbed in (touched(inside, goal.kind, TOUCH_N), moved(inside, goal.kind, place, STILL_M_S)):
        assert is_there(goal, disturbed) and not is_done(goal, disturbed)


@pytest.fixture(scope="module")
def env() -> Iterator[Piper]:
    made = Piper(cameras=())
    yield made
    made.close()


def begin(env: Piper, task: str, seed: int, max_steps: int = 400) -> None:
    env.reset(options={"episode": Episode("piper", task, "go", 0, seed, max_steps, split="train")})


@pytest.mark.simulator
def test_a_mug_that_is_put_into_the_basin_without_the_arm_is_no_success(env: Piper) -> None:
    begin(env, "red-cup-sink", 3, max_steps=60)
    put(env, "red_mug", np.array(BASIN), -0.07)
    done = env.advance(np.tile(OPEN, (60, 1)))
    assert is_done(env.goal, env.seen)
    assert not done.success and done.stage == "reach" and done.progress.max() < 0.3
    assert done.failure == "missed_grasp"


@pytest.mark.simulator
def test_a_whale_in_a_pot_that_the_arm_holds_in_the_air_is_no_success(env: Piper) -> None:
    begin(env, "whale-pot", 3)
    while not in_the_air(env):
        env.advance(env.expert_action()[None])
    env.advance(np.tile(OPEN, (20, 1)))
    expert = Expert(env.world, Goal("kitchen", "sink", "pot"), 0)
    while not (env.seen.holds("pot") and env.seen.place("pot")[2] > COUNTER_M + 0.05):
        joints, opening = expert.next(env.seen)
        env.advance(np.array([[*(joints - env.target), opening]], np.float32).clip(*ACTION.bounds()))
    x, y, z = env.seen.place("pot")
    put(env, "blue_whale", np.array((x, y)), z + 0.01 - COUNTER_M)
    for _ in range(30):
        assert not env.advance(np.zeros((1, 7), np.float32)).success
    alone = env.seen.touch("blue_whale") < TOUCH_N and env.seen.speed("blue_whale") < STILL_M_S
    assert is_there(env.goal, env.seen) and alone and env.seen.touch("pot") > TOUCH_N


def wild(seed: int, steps: int) -> FloatArray:
    """(steps, 7) random actions, each held for 20 to 40 control steps."""
    random = np.random.default_rng(seed)
    held = [np.tile(random.uniform(*ACTION.bounds()), (int(random.integers(20, 41)), 1)) for _ in range(steps // 20)]
    return np.concatenate(held)[:steps].astype(np.float32)


@pytest.mark.simulator
@pytest.mark.parametrize("task", PICKING)
def test_wild_swings_solve_nothing(env: Piper, task: str) -> None:
    for seed in range(3):
        begin(env, task, seed)
        assert not env.advance(wild(seed, 240)).success
