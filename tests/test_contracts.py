"""Episodes, seeds, hashes and specs: the plain data that the parts of the house hand to one another."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

from protocols.contracts import (
    ActionError,
    ActionSpec,
    Batch,
    EnvSpec,
    Episode,
    EvaluationProtocol,
    ObservationSpec,
    Plan,
    Task,
    check_actions,
    content_hash,
    decision_seeds,
    episode_seed,
    misfits,
)
from tests.records import make_record

NAMES = ("near", "far", "up", "down")
ACTION = ActionSpec(
    ("dx_m", "gripper"), low=-1.0, high=1.0, rate_hz=10.0, rotation="none", gripper="-1 opens, +1 closes"
)
SPEC = EnvSpec(ObservationSpec({"agent": (8, 8), "wrist": (4, 4)}, ("x_m", "y_m")), ACTION)

task_names = st.lists(st.sampled_from(NAMES), min_size=1, unique=True)
coordinates = st.tuples(
    st.text(max_size=9), st.text(max_size=9), st.sampled_from(["eval", "train"]), st.integers(0, 10**6)
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


def protocol(tasks: list[str] | tuple[str, ...] = NAMES, trials: int = 3, split: str = "eval") -> EvaluationProtocol:
    """A protocol of made-up tasks."""
    return EvaluationProtocol(
        name="made_up",
        suite="line",
        starts="line",
        shift="none",
        split=split,
        tasks=tuple(Task(name, "easy", f"Go {name}") for name in tasks),
        episodes_per_task=trials,
        max_steps=40,
        image_size_px=8,
        render="official",
        max_error_share=0.1,
        floors={},
    )


@given(task_names, st.integers(1, 9))
def test_episodes_are_the_product_of_tasks_and_indices_task_by_task(tasks: list[str], trials: int) -> None:
    episodes = protocol(tasks, trials).episodes()
    assert [(episode.task, episode.index) for episode in episodes] == [
        (task, index) for task in tasks for index in range(trials)
    ]
    assert {(episode.suite, episode.split, episode.max_steps) for episode in episodes} == {("line", "eval", 40)}
    assert all(episode.instruction == f"Go {episode.task}" for episode in episodes)


@given(task_names, st.integers(1, 9), st.integers(1, 9))
def test_the_first_episodes_of_a_task_depend_neither_on_how_many_there_are_nor_on_other_tasks(
    tasks: list[str], few: int, more: int
) -> None:
    some, whole = protocol(tasks, few).episodes(), protocol(NAMES, few + more).episodes()
    assert set(some) <= set(whole)


@given(st.sets(coordinates, min_size=2, max_size=40))
def test_seeds_differ_wherever_suite_task_split_or_index_do(some: set[tuple[str, str, str, int]]) -> None:
    assert len({episode_seed(*one) for one in some}) == len(some)


@given(st.text(max_size=9), st.text(max_size=9))
def test_evaluation_and_training_never_share_a_seed(suite: str, task: str) -> None:
    tried, trained = ({episode_seed(suite, task, split, index) for index in range(50)} for split in ("eval", "train"))
    assert not tried & trained


@pytest.mark.parametrize("changed", [{"shift": "light"}, {"suite": "line_ee"}])
def test_a_shifted_or_variant_protocol_has_the_starts_of_the_plain_one(changed: dict[str, str]) -> None:
    for twin, plain in zip(replace(protocol(), **changed).episodes(), protocol().episodes(), strict=True):
        assert twin == replace(plain, **changed)
    others = replace(protocol(), starts="circle").episodes()
    assert not {episode.seed for episode in others} & {episode.seed for episode in protocol().episodes()}


@pytest.mark.parametrize(
    ("where", "seed"),
    [
        (("metaworld", "reach-v3", "eval", 0), 2668787409),
        (("metaworld", "reach-v3", "eval", 1), 3351620434),
        (("metaworld", "reach-v3", "train", 0), 2944805961),
        (("libero_spatial", "task", "eval", 9), 3827302687),
    ],
)
def test_seeds_stay_what_they_were_in_the_first_release(where: tuple[str, str, str, int], seed: int) -> None:
    assert episode_seed(*where) == seed


def test_seeds_of_decisions_stay_what_they_were_in_the_first_release() -> None:
    episode = Episode("metaworld", "reach-v3", "Reach a goal position", 0, 2668787409, 400)
    assert decision_seeds(episode)[:2].tolist() == [3539592608661325942, 18169162261996842908]


@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.integers(1, 60))
def test_a_decisions_seed_does_not_depend_on_the_horizon(seed: int, short: int, long: int) -> None:
    episode = Episode("line", "near", "go", 0, seed, short)
    ours, theirs = decision_seeds(episode), decision_seeds(replace(episode, max_steps=short + long))
    assert ours.shape == (short,) and len(set(theirs.tolist())) == short + long
    np.testing.assert_array_equal(ours, theirs[:short])


@given(json_values, json_values)
def test_hashes_are_equal_exactly_where_values_are(one: Any, other: Any) -> None:
    assert content_hash(one) == content_hash(one)
    assert (content_hash(one) == content_hash(other)) == (repr(sort(one)) == repr(sort(other)))


def sort(value: Any) -> Any:
    """The value with the keys of every dictionary in order; lists stay lists."""
    if isinstance(value, dict):
        return {key: sort(value[key]) for key in sorted(value)}
    return [sort(entry) for entry in value] if isinstance(value, list) else value


def test_the_hash_is_a_part_of_sha_256_of_canonical_json() -> None:
    # printf '{"a":null,"b":[1,2.5]}' | sha256sum
    assert content_hash({"b": [1, 2.5], "a": None}) == "e57f5d37865437a82e1108bafb4e5213"


def test_fewer_trials_or_tasks_are_a_choice_of_episodes_and_no_deviation() -> None:
    chosen = protocol().changed(tasks=["up", "near", "up"], trials=2)
    assert [task.name for task in chosen.tasks] == ["up", "near"]
    assert chosen.deviations == ()
    assert chosen.conditions_hash() == protocol().conditions_hash()
    assert chosen.hash() != protocol().hash()


@given(task_names, st.integers(1, 20), st.integers(1, 20))
def test_a_choice_of_episodes_is_part_of_the_whole(tasks: list[str], few: int, more: int) -> None:
    whole = protocol(trials=few + more)
    assert set(whole.changed(tasks=tasks, trials=few).episodes()) <= set(whole.episodes())


def test_other_conditions_are_recorded_as_deviations() -> None:
    changed = protocol().changed(max_steps=20).changed(render="fast")
    assert changed.deviations == ("max_steps=20", "render=fast")
    assert (changed.max_steps, changed.render) == (20, "fast")
    assert changed.conditions_hash() != protocol().conditions_hash()


def test_tiers_may_have_horizons_of_their_own() -> None:
    tasks = (Task("near", "easy", "Go near"), Task("far", "hard", "Go far"))
    by_tier = replace(protocol(), tasks=tasks, max_steps={"easy": 10, "hard": 30})
    assert {episode.task: episode.max_steps for episode in by_tier.episodes()} == {"near": 10, "far": 30}
    swapped = replace(by_tier, max_steps={"hard": 30, "easy": 10})
    assert by_tier.conditions_hash() == swapped.conditions_hash() != protocol().conditions_hash()
    assert by_tier.changed(tasks=["far"]).conditions_hash() == by_tier.conditions_hash()


def test_another_horizon_replaces_those_of_all_tiers() -> None:
    changed = replace(protocol(), max_steps={"easy": 10, "hard": 30}).changed(max_steps=10)
    assert (changed.max_steps, changed.deviations) == (10, ("max_steps=10",))
    assert {episode.max_steps for episode in changed.episodes()} == {10}


def test_asking_for_the_protocols_own_conditions_changes_nothing() -> None:
    assert protocol().changed(tasks=list(NAMES), trials=3, max_steps=40, render="official") == protocol()


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"tasks": ["nere"]}, "no task named 'nere'; did you mean 'near'"),
        ({"render": "fats"}, "no render profile named 'fats'; did you mean 'fast'"),
    ],
)
def test_a_name_that_is_not_there_is_refused_with_the_nearest(asked: dict[str, Any], said: str) -> None:
    with pytest.raises(LookupError, match=said):
        protocol().changed(**asked)


@pytest.mark.parametrize(("asked", "called"), [({"trials": 0}, "trials"), ({"max_steps": -1}, "max-steps")])
def test_a_number_below_1_is_refused(asked: dict[str, Any], called: str) -> None:
    with pytest.raises(ValueError, match=f"{called} must be at least 1, not"):
        protocol().changed(**asked)


@pytest.mark.parametrize(("success", "error"), [(None, None), (True, "the worker died"), (False, "the worker died")])
def test_a_record_has_a_verdict_or_an_error_never_both(success: bool | None, error: str | None) -> None:
    with pytest.raises(AssertionError, match="success or error"):
        make_record(success=success, error=error)


class Looker:
    """A policy that looks through both cameras and reads the state."""

    observation, action = SPEC
    execute, batch_size, in_worker = 1, 1, False

    def reset(self, slot: int, episode: Episode) -> None:
        """There is no history."""

    def act(self, batch: Batch) -> Plan:
        """One zero action per row."""
        return Plan(np.zeros((len(batch.slots), 1, 2), np.float32))

    def fingerprint(self) -> str:
        return content_hash("looker")


def test_a_policy_that_asks_for_less_than_there_is_fits() -> None:
    policy = Looker()
    assert misfits(policy, SPEC) == []
    for state in ((), ("y_m",), ("y_m", "x_m")):
        policy.observation = ObservationSpec({"wrist": (4, 4)}, state)
        assert misfits(policy, SPEC) == []


@pytest.mark.parametrize(
    ("observation", "said"),
    [
        (ObservationSpec({"head": (8, 8)}, ()), "camera 'head': the environment has agent, wrist"),
        (
            ObservationSpec({"wrist": (8, 8)}, ()),
            "camera 'wrist': the policy wants (8, 8) pixels, the environment gives (4, 4)",
        ),
        (ObservationSpec({}, ("y_m", "z_m", "w_m")), "state: the environment has no z_m, w_m. There are: x_m, y_m"),
    ],
)
def test_what_a_policy_looks_at_has_to_be_there(observation: ObservationSpec, said: str) -> None:
    policy = Looker()
    policy.observation = observation
    assert misfits(policy, SPEC) == [said]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("entries", ("dy_m", "gripper")),
        ("low", -2.0),
        ("low", (-1.0, 0.0)),
        ("high", 2.0),
        ("rate_hz", 20.0),
        ("rotation", "axis-angle"),
        ("gripper", "+1 opens, -1 closes"),
    ],
)
def test_every_convention_of_an_action_has_to_be_the_same(key: str, value: Any) -> None:
    policy = Looker()
    policy.action = replace(ACTION, **{key: value})
    (line,) = misfits(policy, SPEC)
    assert line == f"action {key}: the policy gives {value!r}, the environment wants {getattr(ACTION, key)!r}"


@given(st.lists(st.tuples(*[st.floats(-(2.0**60), 2.0**60, width=32)] * 2), min_size=1, max_size=9))
def test_actions_are_clipped_to_the_range_and_otherwise_kept(actions: list[tuple[float, float]]) -> None:
    checked = check_actions(actions, ACTION, 0)
    assert checked.dtype == np.float32 and checked.shape == (len(actions), 2)
    np.testing.assert_array_equal(checked, np.clip(np.array(actions, np.float32), -1, 1))


def test_each_entry_may_have_a_range_of_its_own() -> None:
    spec = replace(ACTION, low=(-0.15, 0.0), high=(0.15, 1.0))
    checked = check_actions([[9, 9], [-9, -9], [0.15, 0.5]], spec, 0)
    wanted = np.array([[0.15, 1], [-0.15, 0], [0.15, 0.5]], np.float32)
    assert checked.dtype == np.float32
    np.testing.assert_array_equal(checked, wanted)
    np.testing.assert_array_equal(spec.bounds(), [wanted[1], wanted[0]])
    policy = Looker()
    policy.action = replace(spec)
    assert misfits(policy, EnvSpec(SPEC.observation, spec)) == []
    assert content_hash(asdict(spec)) not in (content_hash(asdict(ACTION)), content_hash(asdict(replace(spec, low=0))))


@pytest.mark.parametrize("high", [(1.0,) * 3, ()])
def test_a_range_for_another_number_of_entries_is_refused(high: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="shape"):
        replace(ACTION, high=high).bounds()


@given(st.integers(1, 9), st.integers(0, 400), st.sampled_from([math.nan, math.inf, -math.inf]), st.data())
def test_the_first_action_that_is_not_finite_is_named_by_its_step(
    steps: int, done: int, bad: float, data: st.DataObject
) -> None:
    wrong = data.draw(st.sets(st.integers(0, steps - 1), min_size=1))
    actions = np.zeros((steps, 2), np.float32)
    actions[sorted(wrong), data.draw(st.integers(0, 1))] = bad
    with pytest.raises(ActionError, match=rf"at step {done + min(wrong) + 1} is not finite: \[.*(nan|inf).*\]"):
        check_actions(actions, ACTION, done)


@pytest.mark.parametrize("shape", [(), (2,), (0, 2), (3, 1), (3, 3), (1, 3, 2)])
def test_actions_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(
        ActionError, match=r"actions at step 8 have the shape .*, the environment takes \(T, 2\): dx_m, gripper"
    ):
        check_actions(np.zeros(shape), ACTION, 7)
