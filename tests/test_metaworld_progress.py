"""Ground-truth progress of Meta-World: the rule by itself, then on an expert and an idle episode of every task."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import NamedTuple

import mujoco
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, strategies as st
from metaworld.env_dict import ALL_V3_ENVIRONMENTS
from metaworld.policies import ENV_POLICY_MAP
from metaworld.sawyer_xyz_env import SawyerXYZEnv
from scipy.stats import spearmanr

from envs.metaworld.progress import RULES, Measured, Progress, combine

SEED = 1000  # the expert solves every task from this start
MAX_STEPS = 200
IDLE_STEPS = 40
SELDOM = 7
# The nut below the peg's top, or beyond the target's height; the stick in the gripper, or in the handle.
VERDICT_WANTS_MORE = {"assembly-v3", "disassemble-v3", "stick-push-v3", "stick-pull-v3"}

shares = st.lists(st.floats(0, 1), min_size=1, max_size=3)


@given(shares)
def test_progress_stays_in_range_and_is_1_on_success_only(legs: list[float]) -> None:
    assert 0 <= combine(legs, success=False) < 1
    assert combine(legs, success=True) == 1


@given(shares, st.floats(0, 1), st.integers(0, 2))
def test_a_leg_that_comes_further_never_takes_progress_down(legs: list[float], further: float, index: int) -> None:
    index %= len(legs)
    ahead = [*legs]
    ahead[index] = max(legs[index], further)
    assert combine(ahead, success=False) >= combine(legs, success=False)


def test_what_has_been_moved_need_not_be_held_any_more() -> None:
    assert combine([0.0, 0.6], success=False) == pytest.approx(0.6)
    assert combine([1.0, 0.6], success=False) == pytest.approx(0.8)


def test_every_task_has_a_rule() -> None:
    assert set(RULES) == set(ALL_V3_ENVIRONMENTS)


def test_a_simulator_without_a_rule_is_refused_by_name() -> None:
    class Stranger:
        pass

    with pytest.raises(LookupError, match="no progress rule for Stranger; there are rules for assembly-v3"):
        Progress(Stranger())


class Curve(NamedTuple):
    """An episode: physics (steps, numbers), what was measured, progress at the steps of a seldom look, the last leg."""

    physics: npt.NDArray[np.float64]
    success: list[bool]
    measured: list[Measured]
    seldom: dict[int, float]
    last_leg: list[float]

    @property
    def progress(self) -> list[float]:
        return [step.progress for step in self.measured]

    @property
    def events(self) -> list[str]:
        return [event for step in self.measured for event in step.events]


class Episodes(NamedTuple):
    """Three episodes of a task from one start: the expert's without and with progress measured, and an idle one."""

    task: str
    unmeasured: Curve
    expert: Curve
    idle: Curve


@pytest.fixture(scope="module", params=sorted(RULES))
def episodes(request: pytest.FixtureRequest) -> Iterator[Episodes]:
    task = request.param
    sim = ALL_V3_ENVIRONMENTS[task]()
    sim.seeded_rand_vec, sim._freeze_rand_vec = True, False
    sim._set_task_called, sim._partially_observable = True, False
    del sim.sawyer_observation_space
    yield Episodes(
        task,
        unmeasured=run(sim, task, MAX_STEPS, measure=False),
        expert=run(sim, task, MAX_STEPS),
        idle=run(sim, None, IDLE_STEPS),
    )
    sim.close()


def opened(task: str) -> SawyerXYZEnv:
    sim = ALL_V3_ENVIRONMENTS[task]()
    sim.seeded_rand_vec, sim._freeze_rand_vec = True, False
    sim._set_task_called, sim._partially_observable = True, False
    del sim.sawyer_observation_space  # cached while the goal was hidden
    return sim


def run(
    sim: SawyerXYZEnv, expert: str | None, steps: int, *, measure: bool = True, let_go_after: int = MAX_STEPS
) -> Curve:
    sim.seed(SEED)
    sim.reset()
    mujoco.mj_kinematics(sim.model, sim.data)
    sim._prev_obs = sim._get_curr_obs_combined_no_goal()
    observation = sim._get_obs()
    often, seldom = (Progress(sim), Progress(sim)) if measure else (None, None)
    policy = ENV_POLICY_MAP[expert]() if expert else None
    curve = Curve(np.empty((0, 0)), [], [], {}, [])
    physics = []
    for step in range(steps):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the experts warn that their actions exceed 1
            action = np.clip(policy.get_action(observation), -1, 1) if policy else np.zeros(4)
        if step >= let_go_after:
            action = np.array([0.0, 0.0, 0.0, -1.0])
        observation, _, _, _, info = sim.step(action)
        physics.append(np.concatenate([sim.data.qpos, sim.data.qvel, sim.data.qacc_warmstart]))
        curve.success.append(bool(info["success"]))
        if often and seldom:
            curve.measured.append(often.update(info))
            curve.last_leg.append(often.shares()[-1])
            if step % SELDOM == 0:
                curve.seldom[step] = seldom.update(info).progress
        if info["success"]:
            break
    return curve._replace(physics=np.array(physics))


@pytest.mark.simulator
def test_progress_is_in_range_and_1_exactly_where_the_verdict_is_success(episodes: Episodes) -> None:
    assert episodes.expert.success[-1]
    for curve in (episodes.expert, episodes.idle):
        assert all(0 <= progress <= 1 for progress in curve.progress)
        assert [progress == 1 for progress in curve.progress] == curve.success


@pytest.mark.simulator
def test_the_last_leg_ends_where_the_verdict_turns(episodes: Episodes) -> None:
    curve = episodes.expert
    assert curve.last_leg[-1] > 0.9
    if episodes.task not in VERDICT_WANTS_MORE:
        assert [share == 1 for share in curve.last_leg] == curve.success
        assert max(episodes.idle.last_leg) < 1


@pytest.mark.simulator
def test_progress_starts_at_0_and_stays_low_when_nothing_is_done(episodes: Episodes) -> None:
    assert episodes.expert.progress[0] < 0.05
    assert max(episodes.idle.progress) < 0.3


@pytest.mark.simulator
def test_progress_rises_over_an_expert_episode(episodes: Episodes) -> None:
    curve = episodes.expert.progress
    assert spearmanr(range(len(curve)), curve).statistic > 0.75  # lowest: door-lock, whose expert lifts its hand first
    assert max(curve[:-1]) > 0.6, "it does not jump from nothing to success"


@pytest.mark.simulator
def test_progress_is_a_function_of_the_state_whatever_was_measured_before(episodes: Episodes) -> None:
    for curve in (episodes.expert, episodes.idle):
        assert curve.seldom == {step: curve.progress[step] for step in curve.seldom}


@pytest.mark.simulator
def test_measuring_leaves_the_physics_bit_for_bit_as_it_is(episodes: Episodes) -> None:
    assert np.array_equal(episodes.unmeasured.physics, episodes.expert.physics)
    assert episodes.unmeasured.success == episodes.expert.success


@pytest.mark.simulator
def test_stage_and_events_tell_one_story(episodes: Episodes) -> None:
    measured, events = episodes.expert.measured, episodes.expert.events
    assert measured[0].stage == "reach"
    assert [step.stage == "done" for step in measured] == episodes.expert.success
    assert events[-1] == "success" and events.count("success") == 1
    if RULES[episodes.task].grip is not None:
        assert "reached" in events
    if RULES[episodes.task].meet is not None:
        assert events.index("reached") < events.index("grasped") < events.index("brought")
    assert not {"grasped", "success"} & set(episodes.idle.events)


@pytest.mark.simulator
def test_an_object_that_is_let_fall_is_dropped_and_takes_progress_down() -> None:
    sim = opened("shelf-place-v3")
    curve = run(sim, "shelf-place-v3", 110, let_go_after=65)
    sim.close()
    assert curve.events == ["reached", "grasped", "dropped"]
    assert curve.progress[-1] < max(curve.progress) - 0.1
