"""First, chunk and ensemble execution around a small planner, and ACT's ensemble against its formula."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

from policies.execution import Chunk, Ensemble, wrapped
from protocols.contracts import ActionSpec, Batch, Episode, FloatArray, ObservationSpec, Plan, content_hash

ENTRIES = 2
START = Episode("line", "near", "go", 0, 1, 40)

plan_shapes = st.tuples(st.integers(1, 9), st.integers(1, 7))  # looks, actions per plan


class Planner:
    """Answers with the plans that it was given, the same to every row but for the row's own offset, and counts them."""

    observation = ObservationSpec(cameras={}, state=())
    action = ActionSpec(("dx", "dy"), -1.0, 1.0, 10.0, "none", "none")
    in_worker = False

    def __init__(self, plans: FloatArray, batch_size: int = 1, execute: int = 1) -> None:
        self.plans, self.batch_size, self.execute = plans, batch_size, execute
        self.chunk = plans.shape[-2]
        self.looks = 0

    def reset(self, slot: int, episode: Episode) -> None:
        self.looks = 0

    def act(self, batch: Batch) -> Plan:
        plan = self.plans[self.looks]
        self.looks += 1
        return Plan(np.stack([plan + slot for slot in batch.slots]), progress=np.zeros(len(batch.slots), np.float32))

    def fingerprint(self) -> str:
        return content_hash(self.plans.tolist())


def batch(*slots: int) -> Batch:
    """Rows for these slots, in which there is nothing to see."""
    rows = len(slots)
    return Batch({}, np.zeros((rows, 0), np.float32), ("go",) * rows, np.zeros(rows, np.uint64), slots, (0,) * rows)


def some_plans(looks: int, steps: int) -> FloatArray:
    """(looks, steps, A)."""
    return np.random.default_rng([looks, steps]).normal(size=(looks, steps, ENTRIES)).astype(np.float32)


def executed(policy: Any, looks: int) -> FloatArray:
    """(looks, execute, A) what the harness runs of the plans for slot 0."""
    policy.reset(0, START)
    return np.stack([policy.act(batch(0)).actions[0, : policy.execute] for _ in range(looks)])


def ensemble_of_act(plans: FloatArray, step: int) -> FloatArray:
    """ACT's formula (arXiv 2304.13705, section IV-A): the mean of a_i with weights exp(-0.01 i), a_0 the oldest.

    `plans[t, k]` is what the plan made at step t says about step t + k.
    """
    about_now = [plans[made, step - made] for made in range(step + 1) if step - made < plans.shape[1]]
    weights = [np.exp(-0.01 * age) for age in range(len(about_now))]
    mean: FloatArray = sum(weight * action for weight, action in zip(weights, about_now, strict=True)) / sum(weights)
    return mean


@given(plan_shapes, st.data())
def test_a_chunk_is_the_beginning_of_its_plan(shape: tuple[int, int], data: st.DataObject) -> None:
    looks, steps = shape
    chunk, plans = data.draw(st.integers(1, steps)), some_plans(looks, steps)
    np.testing.assert_array_equal(executed(Chunk(Planner(plans), chunk), looks), plans[:, :chunk])


def test_first_execution_takes_the_first_action_of_each_plan() -> None:
    plans = some_plans(4, 5)
    policy = wrapped(Planner(plans, execute=5), "first")
    assert policy.execute == 1
    np.testing.assert_array_equal(executed(policy, 4), plans[:, :1])


@given(plan_shapes)
def test_an_ensemble_is_the_weighted_mean_of_all_plans_about_a_step(shape: tuple[int, int]) -> None:
    plans = some_plans(*shape)
    reference = [ensemble_of_act(plans, step) for step in range(len(plans))]
    np.testing.assert_allclose(executed(Ensemble(Planner(plans)), len(plans))[:, 0], reference, rtol=1e-5, atol=1e-6)


@given(plan_shapes, st.floats(-1, 1, width=32))
def test_the_weights_of_an_ensemble_sum_to_one(shape: tuple[int, int], value: float) -> None:
    plans = np.full((*shape, ENTRIES), value, np.float32)
    np.testing.assert_allclose(executed(Ensemble(Planner(plans)), shape[0]), value, rtol=1e-6)


def test_an_older_plan_weighs_more() -> None:
    plans = np.zeros((2, 2, ENTRIES), np.float32)
    plans[0] = 1
    now = executed(Ensemble(Planner(plans)), 2)[1, 0, 0]
    assert now == pytest.approx(1 / (1 + np.exp(-0.01))) and now > 0.5


@pytest.mark.parametrize("steps", [1, 6])
def test_the_first_look_of_an_ensemble_is_its_only_plan(steps: int) -> None:
    plans = some_plans(1, steps)
    np.testing.assert_array_equal(executed(Ensemble(Planner(plans)), 1), plans[:, :1])


def test_an_ensemble_of_plans_of_one_action_is_first_execution() -> None:
    plans = some_plans(5, 1)
    np.testing.assert_array_equal(executed(Ensemble(Planner(plans)), 5), plans)


def test_an_ensemble_forgets_the_episode_before() -> None:
    plans = some_plans(6, 4)
    policy = Ensemble(Planner(plans))
    np.testing.assert_array_equal(executed(policy, 6), executed(policy, 6))
    assert len(policy.plans[0]) < 4, "plans that are used up are dropped"


def test_slots_of_an_ensemble_do_not_mix_and_padding_rows_leave_no_trace() -> None:
    plans = some_plans(4, 3)
    alone = executed(Ensemble(Planner(plans)), 4)[:, 0]
    policy = Ensemble(Planner(plans, batch_size=3))
    for slot in (0, 5):
        policy.reset(slot, START)
    for step, slots in enumerate([(5, 0, -1), (0, 5, -1), (0, 5, -1), (5, 0, -1)]):
        actions = policy.act(batch(*slots)).actions
        assert actions.shape == (3, 1, ENTRIES)
        np.testing.assert_allclose(actions[slots.index(0), 0], alone[step], rtol=1e-6)
        np.testing.assert_allclose(actions[slots.index(5), 0], alone[step] + 5, rtol=1e-5)
    assert set(policy.plans) == {0, 5}


def test_a_wrapper_passes_on_what_it_does_not_change() -> None:
    inner = Planner(some_plans(3, 4), batch_size=7, execute=4)
    for policy in (Chunk(inner, 2), Ensemble(inner)):
        assert (policy.observation, policy.action) == (inner.observation, inner.action)
        assert (policy.batch_size, policy.in_worker) == (7, False)
        policy.reset(0, START)
        assert policy.act(batch(0)).progress is not None


def test_every_way_of_execution_is_another_policy() -> None:
    inner = Planner(some_plans(3, 4), execute=4)
    ways = ("own", "first", "chunk=2", "chunk=3", "ensemble")
    assert len({wrapped(inner, way).fingerprint() for way in ways}) == len(ways)
    other = Planner(some_plans(2, 4), execute=4)
    assert wrapped(inner, "ensemble").fingerprint() != wrapped(other, "ensemble").fingerprint()


def test_own_execution_is_the_policy_itself() -> None:
    inner = Planner(some_plans(1, 1))
    assert wrapped(inner, "own") is inner
    assert wrapped(inner, "chunk=1").fingerprint() == wrapped(inner, "first").fingerprint()


@pytest.mark.parametrize(
    "execution", ["chunk", "chunk=", "chunk=two", "chunk=-1", "Chunk=2", "first=1", "ensemble=3", ""]
)
def test_another_word_is_refused_with_those_that_there_are(execution: str) -> None:
    with pytest.raises(ValueError, match=r"no execution '.*'; there are: own, first, chunk=K, ensemble"):
        wrapped(Planner(some_plans(1, 1)), execution)


def test_a_chunk_of_no_actions_is_refused() -> None:
    with pytest.raises(ValueError, match="chunk must be at least 1, not 0"):
        wrapped(Planner(some_plans(1, 1)), "chunk=0")


@pytest.mark.parametrize("execution", ["first", "chunk=2", "ensemble"])
def test_a_policy_that_makes_no_plans_cannot_be_wrapped(execution: str) -> None:
    inner = Planner(some_plans(1, 1))
    inner.in_worker = True
    with pytest.raises(ValueError, match=f"--execution {execution} does not apply"):
        wrapped(inner, execution)
    assert wrapped(inner, "own") is inner


def test_executing_more_than_is_planned_is_refused() -> None:
    with pytest.raises(ValueError, match="plans 4 actions at a time, 5 cannot be executed"):
        wrapped(Planner(some_plans(3, 4)), "chunk=5")
