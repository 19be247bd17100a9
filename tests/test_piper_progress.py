"""Progress, stages and events of the PiPER suite: the rules by themselves, then on the expert's episodes."""

from __future__ import annotations

import math
import statistics
from typing import NamedTuple

import pytest
from hypothesis import given, strategies as st
from scipy.stats import spearmanr

import envs
import protocols
from envs.piper.env import Piper
from envs.piper.holding import LOST_STEPS, Watch
from envs.piper.progress import CAP, WEIGHTS, Measured, Progress, combine
from envs.piper.tasks import COUNTER_M, TASKS, goal_place
from envs.piper.tracking import Snapshot
from protocols.contracts import Episode
from tests.piper_snapshots import PLACES, at_rest, held, moved, touched

BASIN = (0.42, 0.16)
TOY = PLACES["red_mug"]

stages = st.sampled_from(sorted(WEIGHTS)).flatmap(
    lambda kind: st.tuples(st.just(kind), st.sampled_from([*WEIGHTS[kind]]))
)


def measure(task: str, seen: list[Snapshot]) -> list[Measured]:
    """What the first snapshot, as the start, and the others after it come to."""
    watch = Watch(TASKS[task], seen[0])
    progress = Progress(TASKS[task], seen[0], watch)
    return [progress.update(one, False, watch.update(one)) for one in seen[1:]]


def events(measured: list[Measured]) -> list[str]:
    return [event for step in measured for event in step.events]


def in_hand(up: float, at: tuple[float, float] = TOY, commanded: float = 0.0) -> Snapshot:
    """The red mug in the gripper, that far above the counter."""
    return held(at_rest("red-cup-sink"), "red_mug", (*at, COUNTER_M + up), commanded)


def loose(up: float, at: tuple[float, float] = TOY, speed: float = 0.0) -> Snapshot:
    """The red mug by itself, that far above the counter."""
    return moved(at_rest("red-cup-sink"), "red_mug", (*at, COUNTER_M + up), speed)


def test_the_weights_of_a_chain_add_up_to_1() -> None:
    assert {goal.kind for goal in TASKS.values()} == set(WEIGHTS)
    for weights in WEIGHTS.values():
        assert sum(weights.values()) == pytest.approx(1)


@given(stages, st.floats(-1, 2), st.floats(0, 1))
def test_more_of_a_stage_is_never_less_progress_and_never_success(
    stage: tuple[str, str], share: float, more: float
) -> None:
    kind, name = stage
    assert 0 <= combine(WEIGHTS[kind], name, share) <= combine(WEIGHTS[kind], name, share + more) <= CAP < 1


@given(stages)
def test_a_stage_begins_where_the_one_before_it_ends(stage: tuple[str, str]) -> None:
    kind, name = stage
    chain = [*WEIGHTS[kind]]
    index = chain.index(name)
    if index:
        assert combine(WEIGHTS[kind], name, 0) == pytest.approx(combine(WEIGHTS[kind], chain[index - 1], 1))


@pytest.mark.parametrize("task", TASKS)
def test_a_start_is_worth_nothing(task: str) -> None:
    start = at_rest(task, (1.0, 1.0)) if TASKS[task].scene == "kitchen" else at_rest(task)
    [measured] = measure(task, [start, start])
    assert measured == Measured(0.0, "reach", ())


@pytest.mark.parametrize("task", TASKS)
def test_the_verdict_alone_makes_it_1(task: str) -> None:
    start = at_rest(task, (1.0, 1.0)) if TASKS[task].scene == "kitchen" else at_rest(task)
    progress = Progress(TASKS[task], start, Watch(TASKS[task], start))
    assert progress.update(start, True, ["collision"]) == Measured(1.0, "done", ("collision", "success"))
    assert progress.update(start, True, []) == Measured(1.0, "done", ())
    assert progress.update(start, False, []) == Measured(0.0, "reach", ())


def test_a_hand_that_comes_nearer_is_progress_and_one_that_goes_away_takes_it_back() -> None:
    start = at_rest("red-cup-sink")
    near = start._replace(tcp=(0.30, -0.01, 0.25))
    there, back = measure("red-cup-sink", [start, near, start])
    assert there.stage == back.stage == "reach"
    assert 0 < there.progress < WEIGHTS["sink"]["reach"]
    assert back.progress == 0


def test_the_pot_is_reached_at_the_nearest_point_of_its_rim() -> None:
    x, y = PLACES["pot"]
    start = at_rest("pot-sink")
    for aside in ((0.056, 0.0), (0.0, -0.056), (-0.056, 0.0)):
        rim = start._replace(tcp=(x + aside[0], y + aside[1], COUNTER_M + 0.048))
        assert measure("pot-sink", [start, rim])[0].stage == "grasp"
    middle = start._replace(tcp=(x, y, COUNTER_M + 0.048))
    assert measure("pot-sink", [start, middle])[0].stage == "reach"


def test_an_episode_goes_through_its_stages_in_order() -> None:
    over, low = (*BASIN, COUNTER_M + 0.1), (*BASIN, COUNTER_M - 0.07)
    start = at_rest("red-cup-sink")
    at_toy = start._replace(tcp=(*TOY, COUNTER_M + 0.03), opening=0.8)
    carried = held(start, "red_mug", (0.38, 0.05, COUNTER_M + 0.1))
    aimed, lowered = held(start, "red_mug", over), held(start, "red_mug", low)
    opened = held(start, "red_mug", low, commanded=1.0)
    steps = [at_toy, in_hand(0), in_hand(0), in_hand(0.02), carried, aimed, lowered, opened, loose(-0.07, BASIN)]
    measured = measure("red-cup-sink", [start, *steps])
    names = ["grasp", "grasp", "lift", "lift", "transport", "place", "place", "release", "release"]
    assert [step.stage for step in measured] == names
    values = [step.progress for step in measured]
    assert values == sorted(values) and values[-1] < 1
    assert events(measured) == ["grasped"]


def test_a_hold_that_flickers_is_neither_lost_nor_taken_again() -> None:
    start = at_rest("red-cup-sink")
    flicker = [in_hand(0.1), *[loose(0.1, speed=0.3)] * (LOST_STEPS - 1)]
    measured = measure("red-cup-sink", [start, in_hand(0), *flicker * 3])
    assert events(measured) == ["grasped"]
    assert measured[-1].progress == measured[2].progress


def test_a_toy_that_is_let_fall_in_the_air_is_dropped_and_takes_progress_down() -> None:
    fall = [loose(up, speed=1.0) for up in (0.09, 0.06, 0.02)]
    measured = measure(
        "red-cup-sink", [at_rest("red-cup-sink"), in_hand(0), in_hand(0), in_hand(0.1), *fall, *[loose(0)] * 8]
    )
    assert events(measured) == ["grasped", "dropped"]
    assert measured[-1].stage in ("reach", "grasp") and measured[-1].progress < measured[2].progress


def test_a_toy_that_falls_into_the_sink_is_no_drop_and_its_fall_no_step_back() -> None:
    above = in_hand(0.05, BASIN)
    fall = [loose(up, BASIN, speed=1.0) for up in (0.04, 0.0, -0.06)]
    rest = [loose(-0.075, BASIN)] * 8
    measured = measure(
        "red-cup-sink", [at_rest("red-cup-sink"), in_hand(0), in_hand(0), in_hand(0.05), above, *fall, *rest]
    )
    assert events(measured) == ["grasped", "released"]
    values = [step.progress for step in measured]
    assert values == sorted(values)


def test_a_toy_in_the_goal_that_was_never_lifted_has_still_to_be_reached_and_lifted() -> None:
    knocked, pinched, up = loose(-0.07, BASIN), in_hand(-0.07, BASIN), in_hand(0.0, BASIN)
    opened = in_hand(-0.07, BASIN, commanded=1.0)
    measured = measure("red-cup-sink", [at_rest("red-cup-sink"), knocked, pinched, pinched, opened, up, opened])
    assert [step.stage for step in measured] == ["reach", "grasp", "lift", "lift", "place", "release"]
    assert measured[0].progress < WEIGHTS["sink"]["reach"]


def test_a_toy_that_is_set_down_elsewhere_is_released_not_dropped() -> None:
    steps = [in_hand(0), in_hand(0), in_hand(0.1), in_hand(0.01), loose(0), loose(0)]
    assert events(measure("red-cup-sink", [at_rest("red-cup-sink"), *steps])) == ["grasped", "released"]


def test_another_toy_that_is_lifted_is_told_once_until_it_is_let_go() -> None:
    start = at_rest("whale-plate")
    up, down = (held(start, "gray_whale", (*PLACES["gray_whale"], height)) for height in (0.03, 0.0))
    measured = measure("whale-plate", [start, down, up, up, down, up, start, down, up])
    assert events(measured) == ["wrong object", "wrong object"]
    assert "wrong object" in measured[1].events and "wrong object" in measured[7].events


def test_the_other_door_is_a_wrong_object_where_a_door_is_to_be_closed_only() -> None:
    shut, ajar = at_rest("close-left-door", (1.0, 1.0)), at_rest("close-left-door", (1.0, 0.8))
    assert events(measure("close-left-door", [shut, ajar, ajar, shut, ajar])) == ["wrong object"] * 2
    assert events(measure("red-cup-sink", [at_rest("red-cup-sink"), at_rest("red-cup-sink", (0.5, 0.0))])) == []


def test_pressing_on_furniture_is_a_collision_once_it_has_lasted_and_once_only() -> None:
    start = at_rest("red-cup-sink")
    press = start._replace(furniture_n=8.0)
    assert events(measure("red-cup-sink", [start, *[press] * 4, start, *[press] * 4])) == []
    measured = measure("red-cup-sink", [start, *[press] * 9, start, *[press] * 9, *[start] * 5, *[press] * 5])
    assert events(measured) == ["collision", "collision"]
    assert measured[4].events == ("collision",)


@pytest.mark.parametrize(("task", "side"), [("close-left-door", 1), ("close-right-door", -1)])
def test_a_door_is_reached_on_its_outer_face_pushed_and_closed(task: str, side: int) -> None:
    def door(angle: float) -> Snapshot:
        return at_rest(task, (angle, 0.0) if side > 0 else (0.0, angle))

    start = door(1.57)
    # Open by a right angle, the door stands towards the robot, its outer face away from the other door.
    outside = start._replace(tcp=(0.28 - 0.085, 0.16 + side * 0.14, 0.0775))
    inside = start._replace(tcp=(0.28 - 0.085, 0.16 + side * 0.06, 0.0775))
    reached, passed = measure(task, [start, outside])[0], measure(task, [start, inside])[0]
    assert passed.progress < reached.progress == pytest.approx(WEIGHTS["close"]["reach"], abs=0.03)
    contact = touched(outside, "left_door" if side > 0 else "right_door")
    measured = measure(task, [start, outside, contact, door(1.0), door(0.3), door(0.05), door(0.05), door(0.6)])
    assert [step.stage for step in measured] == ["reach", "contact", "push", "push", "closed", "closed", "push"]
    values = [step.progress for step in measured]
    assert values[:-1] == sorted(values[:-1]) and values[-1] < values[3]


class Curve(NamedTuple):
    """An episode of the expert: progress and stage after each control step, and all its events."""

    progress: list[float]
    stages: list[str]
    events: list[str]


SEED = 600  # the weights were learnt on other starts
BRINGING = [task for task, goal in TASKS.items() if goal.kind != "close"]
DROP_STEPS = 25


def follow(task: str, seed: int, drop: bool = False) -> Curve:
    """The expert's episode; it may be made to let go in mid-air, half-way to the goal."""
    env: Piper = envs.load("piper").make(cameras=())
    env.reset(options={"episode": Episode("piper", task, "", 0, seed, 400)})
    curve, dropping = Curve([], [], []), DROP_STEPS if drop else 0
    start = _to_goal_m(env)
    while True:
        action = env.expert_action()
        if dropping and (dropping < DROP_STEPS or (env.seen.holds(env.goal.target) and _to_goal_m(env) < 0.6 * start)):
            dropping -= 1
            action[:] = [0.0] * 6 + [1.0]
        done = env.advance(action[None])
        curve.progress.append(float(done.progress[-1]))
        curve.stages.append(done.stage)
        curve.events.extend(event.name for event in done.events)
        if done.terminated or done.truncated:
            env.close()
            return curve


def _to_goal_m(env: Piper) -> float:
    if env.goal.kind == "close":
        return 0.0
    return math.dist(env.seen.place(env.goal.target)[:2], goal_place(env.goal, env.seen)[:2])


@pytest.mark.simulator
@pytest.mark.parametrize("task", TASKS)
def test_progress_rises_with_time_in_the_experts_episodes(task: str) -> None:
    curves = [follow(task, seed) for seed in range(SEED, SEED + 3)]
    at_once = [curve for curve in curves if curve.events.count("grasped") <= 1]  # a second try begins again, and should
    assert len(at_once) >= 2
    for curve in at_once:
        assert curve.progress[-1] == 1 and max(curve.progress[:-1]) < 1
        assert spearmanr(curve.progress, range(len(curve.progress))).statistic >= 0.98
        linear = [(step + 1) / len(curve.progress) for step in range(len(curve.progress))]
        assert sum(abs(one - other) for one, other in zip(curve.progress, linear, strict=True)) / len(linear) < 0.12
        first_seen = list(dict.fromkeys(curve.stages))
        assert first_seen == [stage for stage in (*WEIGHTS[TASKS[task].kind], "done") if stage in first_seen]
        assert set(curve.events) <= {"grasped", "released", "success"}


@pytest.mark.simulator
@pytest.mark.parametrize("task", BRINGING)
def test_a_forced_drop_takes_progress_down_and_a_second_try_brings_it_back(task: str) -> None:
    recovered = False
    for seed in range(SEED, SEED + 6):
        curve = follow(task, seed, drop=True)
        if "dropped" not in curve.events:
            continue  # it fell into the goal
        lifted = curve.stages.index("transport")
        assert min(curve.progress[lifted:]) < curve.progress[lifted] - 0.1
        recovered = curve.progress[-1] == 1
        if recovered:
            break
    assert recovered


@pytest.mark.slow
@pytest.mark.simulator
def test_progress_rises_with_time_in_every_episode_of_the_protocol() -> None:
    ranks = []
    for episode in protocols.load("piper_50").episodes():
        curve = follow(episode.task, episode.seed)
        assert curve.progress[-1] == 1
        ranks.append(float(spearmanr(curve.progress, range(len(curve.progress))).statistic))
    print(f"Spearman's rank correlation with time: at least {min(ranks):.3f}, median {statistics.median(ranks):.4f}")
    assert min(ranks) >= 0.98
