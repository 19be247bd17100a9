"""What every suite, policy and protocol must do: a file of tests inherits a class and names its entries.

    @pytest.mark.parametrize("suite", ["my_lab.my_suite"])
    class TestMySuite(SuiteTests, FrameTests):
        pass

`SuiteTests` draws nothing; `FrameTests` draws small frames. Names are those that `envs.load`, `policies.load` and
`protocols.load` take.
"""

from __future__ import annotations

import atexit
import inspect
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, replace
from functools import cache
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import gymnasium
import numpy as np
import numpy.testing as npt
import pytest
from gymnasium import spaces
from gymnasium.utils.env_checker import check_env

import envs
import policies
import protocols
from protocols.contracts import (
    RENDER_PROFILES,
    SOLVED,
    ActionError,
    Batch,
    EnvSpec,
    EvaluationProtocol,
    FloatArray,
    Plan,
    Policy,
    misfits,
)
from tests.traces import (
    SMALL_PX,
    STEPS,
    assert_same_course,
    by_chunks,
    by_steps,
    elsewhere,
    expert_episode,
    random_actions,
    some_episodes,
    summaries,
)

# A state without bounds, actions in metres: gymnasium advises against both.
UNBOUNDED = "ignore:.*(A Box observation space m[a-z]+ value is|For Box action spaces, we recommend)"
Open = Callable[..., Any]
STILL = 0.01  # m, rad or rad/s: upstream's starts are not quite at rest, and a null space is followed slowly


class WithoutImages(gymnasium.ObservationWrapper[Any, Any, Any]):
    """An environment without cameras as gymnasium's checker takes it, which accepts no empty dictionary of images."""

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        super().__init__(env)
        assert isinstance(env.observation_space, spaces.Dict)
        kept = {key: space for key, space in env.observation_space.items() if key != "images"}
        self.observation_space = spaces.Dict(kept)

    def observation(self, observation: dict[str, Any]) -> dict[str, Any]:
        """All but the images, of which there are none."""
        assert observation.pop("images") == {}
        return observation


class Opening:
    """What tests of a suite start from."""

    @pytest.fixture
    def opened(self, suite: str) -> Iterator[Open]:
        """Makes environments of the suite, small and without cameras unless told otherwise, and closes them."""
        with ExitStack() as stack:

            def make(**options: Any) -> Any:
                env = envs.load(suite).make(**({"cameras": (), "image_size_px": SMALL_PX, "render": "fast"} | options))
                stack.callback(env.close)
                return env

            yield make

    @pytest.fixture
    def spec(self, suite: str) -> EnvSpec:
        """What the suite says of itself."""
        given: EnvSpec = envs.load(suite).spec(SMALL_PX)
        return given


class SuiteTests(Opening):
    """What every suite must do; parametrise `suite`."""

    def test_it_says_what_it_needs_and_what_its_results_depend_on(self, suite: str) -> None:
        module = envs.load(suite)
        for images in (False, True):
            assert all(isinstance(line, str) and "\n" not in line for line in module.missing(images=images))
        assert module.VERSION >= 1
        assert all(version(package) for package in module.PACKAGES)
        assert protocols.load(module.DEFAULT_PROTOCOL).suite == suite
        assert "none" in module.SHIFTS

    @pytest.mark.filterwarnings(UNBOUNDED, "ignore:.*is different from the unwrapped version")
    def test_gymnasium_accepts_it_without_cameras(self, opened: Open) -> None:
        check_env(WithoutImages(opened()), skip_render_check=True)

    def test_observations_and_actions_are_what_its_spec_says(self, suite: str, opened: Open, spec: EnvSpec) -> None:
        env, state, action = opened(), spec.observation.state, spec.action
        assert env.action_space.shape == (len(action.entries),)
        npt.assert_array_equal([env.action_space.low, env.action_space.high], action.bounds())
        for episode in some_episodes(suite):
            trace = by_chunks(env, episode, random_actions(action), 5)
            told = trace.seen[0]["instruction"] if hasattr(envs.load(suite), "CHAINS") else episode.instruction
            changes = any(event.name.startswith(SOLVED) for event in trace.events)
            for seen in trace.seen.values():
                assert seen in env.observation_space
                assert seen["instruction"] == told or changes
                assert seen["state"].shape == (len(state),) and seen["state"].dtype == np.float32
                assert np.isfinite(seen["state"]).all()

    def test_an_episode_is_the_same_whatever_ran_before(self, suite: str, opened: Open, spec: EnvSpec) -> None:
        episodes = [*some_episodes(suite), replace(some_episodes(suite)[0], index=1, seed=7)]
        actions = random_actions(spec.action)
        fresh = {episode: by_chunks(opened(), episode, actions, STEPS) for episode in episodes}
        assert len({trace.fingerprint for trace in fresh.values()}) == len(episodes)
        env = opened()
        for leftover, episode in enumerate([*episodes, *reversed(episodes), *episodes[::2]]):
            assert_same_course(by_chunks(env, episode, actions, STEPS), fresh[episode])
            by_chunks(env, episode, -actions[:leftover], 1)

    def test_an_episode_is_the_same_in_another_process(self, suite: str) -> None:
        assert elsewhere("traces.summaries(arguments[0])", suite) == summaries(suite)

    def test_the_fingerprint_covers_the_instruction(self, suite: str, opened: Open) -> None:
        env, episode = opened(), some_episodes(suite)[0]
        other = replace(episode, instruction=f"{episode.instruction} now")
        told = [env.reset(options={"episode": one})[1]["fingerprint"] for one in (episode, other)]
        assert told[0] != told[1]

    @pytest.mark.parametrize("chunk", [2, 7, STEPS])
    def test_a_chunk_does_what_its_steps_do(self, suite: str, opened: Open, spec: EnvSpec, chunk: int) -> None:
        env, other, actions = opened(), opened(), random_actions(spec.action)
        for episode in some_episodes(suite):
            assert_same_course(by_chunks(env, episode, actions, chunk), by_steps(other, episode, actions))
            following = [one.step(actions[0])[0]["state"] for one in (env, other)]
            npt.assert_array_equal(*following)

    def test_success_ends_an_episode_in_mid_chunk(self, suite: str, opened: Open) -> None:
        env, solved = opened(), 0
        for episode in some_episodes(suite):
            actions = expert_episode(env, episode)
            more = np.concatenate([actions, actions])
            trace = by_chunks(env, episode, more, len(more))
            assert trace.ended and len(trace.progress) == len(actions)
            assert_same_course(trace, by_steps(env, episode, more))
            solved += trace.success
        assert solved, "the expert solves one of the first episodes"

    def test_the_horizon_ends_an_episode_in_mid_chunk(self, suite: str, opened: Open, spec: EnvSpec) -> None:
        env, episode = opened(), replace(some_episodes(suite)[0], max_steps=10)
        trace = by_chunks(env, episode, random_actions(spec.action), 7)
        assert (trace.ended, trace.success, len(trace.progress)) == (True, False, 10)
        assert sorted(trace.seen) == [0, 7]
        assert_same_course(trace, by_steps(env, episode, random_actions(spec.action)))

    def test_progress_lies_between_0_and_1(self, suite: str, opened: Open, spec: EnvSpec) -> None:
        env = opened()
        for episode in some_episodes(suite):
            for actions in (random_actions(spec.action), expert_episode(env, episode)):
                progress = by_chunks(env, episode, actions, len(actions)).progress
                assert min(progress) >= 0 and max(progress) <= 1

    def test_the_expert_acts_within_the_range(self, suite: str, opened: Open, spec: EnvSpec) -> None:
        actions = expert_episode(opened(), some_episodes(suite)[0])
        assert actions.dtype == np.float32 and actions.shape[1] == len(spec.action.entries)
        npt.assert_array_equal(actions, actions.clip(*spec.action.bounds()))

    def test_actions_out_of_range_are_clipped(self, suite: str, opened: Open, spec: EnvSpec) -> None:
        env, episode, wild = opened(), some_episodes(suite)[0], 3 * random_actions(spec.action)
        tame = wild.clip(*spec.action.bounds())
        assert_same_course(by_chunks(env, episode, wild, 5), by_chunks(env, episode, tame, 5))

    @pytest.mark.parametrize(("wrong", "step"), [("nan", 6), ("infinite", 6), ("narrow", 5), ("flat", 5), ("empty", 5)])
    def test_an_action_that_cannot_be_executed_is_refused_by_its_step(
        self, suite: str, opened: Open, spec: EnvSpec, wrong: str, step: int
    ) -> None:
        env, actions = opened(), random_actions(spec.action)
        env.reset(options={"episode": some_episodes(suite)[0]})
        env.advance(actions[:4])
        with pytest.raises(ActionError, match=rf"at step {step}\b"):
            env.advance(spoiled(actions[4:8], wrong))

    def test_holding_keeps_the_robot_still(self, suite: str, opened: Open, spec: EnvSpec) -> None:
        env = opened()
        for episode in some_episodes(suite):
            start, _ = env.reset(options={"episode": episode})
            held = envs.load(suite).hold(start["state"], None)
            assert held.dtype == np.float32 and held.shape == (len(spec.action.entries),)
            states = [
                seen["state"] for seen in by_chunks(env, episode, np.repeat(held[None], 20, axis=0), 1).seen.values()
            ]
            npt.assert_allclose(states, np.broadcast_to(states[0], np.shape(states)), rtol=0, atol=STILL)

    def test_holding_brings_a_moving_robot_to_rest(self, suite: str, opened: Open) -> None:
        env, episode = opened(), some_episodes(suite)[-1]
        env.reset(options={"episode": episode})
        for _ in range(4):
            last = env.expert_action()
            seen = env.advance(last[None]).observation
        held = np.repeat(envs.load(suite).hold(seen["state"], last)[None], 20, axis=0)
        before, after = (env.advance(held[:steps]).observation["state"] for steps in (20, 5))
        npt.assert_allclose(after, before, rtol=0, atol=STILL)

    def test_unknown_names_are_refused(self, suite: str, opened: Open) -> None:
        with pytest.raises(LookupError, match="no render profile named 'pretty'"):
            opened(render="pretty")
        stranger = replace(some_episodes(suite)[0], task="juggle")
        with pytest.raises(LookupError, match="no task named 'juggle'"):
            opened().reset(options={"episode": stranger})
        shifted = replace(some_episodes(suite)[0], shift="gravity")
        with pytest.raises(LookupError, match=rf"no shift named 'gravity'.* There are: .*{envs.load(suite).SHIFTS[0]}"):
            opened().reset(options={"episode": shifted})


def spoiled(actions: FloatArray, how: str) -> FloatArray:
    """(T, A) actions that no environment can execute, the second one being wrong where the shape is right."""
    if how in ("nan", "infinite"):
        actions = actions.copy()
        actions[1, -1] = np.nan if how == "nan" else np.inf
        return actions
    reshaped: FloatArray = {"narrow": actions[:, :-1], "flat": actions[0], "empty": actions[:0]}[how]
    return reshaped


class FrameTests(Opening):
    """What every suite's frames must do; parametrise `suite`, where something can draw."""

    @pytest.mark.filterwarnings(UNBOUNDED)
    def test_gymnasium_accepts_it_with_every_camera(self, opened: Open, spec: EnvSpec) -> None:
        check_env(opened(cameras=tuple(spec.observation.cameras)), skip_render_check=True)

    def test_frames_are_what_its_spec_says(self, suite: str, opened: Open, spec: EnvSpec) -> None:
        shapes = {camera: (*size, 3) for camera, size in spec.observation.cameras.items()}
        env, episode = opened(cameras=tuple(shapes)), some_episodes(suite)[0]
        trace = by_chunks(env, episode, random_actions(spec.action), 5)
        for seen in trace.seen.values():
            assert {camera: image.shape for camera, image in seen["images"].items()} == shapes
            assert all(image.dtype == np.uint8 and image.any() for image in seen["images"].values())
        for camera, image in trace.seen[STEPS]["images"].items():
            npt.assert_array_equal(env.frame(camera), image)
        assert env.renders == trace.renders, "a frame that no policy has asked for does not count"

    def test_an_unknown_camera_is_refused(self, opened: Open) -> None:
        with pytest.raises(LookupError, match="no camera named 'eye'"):
            opened(cameras=("eye",))

    def test_a_frame_is_drawn_when_somebody_looks(self, suite: str, opened: Open, spec: EnvSpec) -> None:
        every = tuple(spec.observation.cameras)
        for cameras in (every[:1], every):
            env = opened(cameras=cameras)
            for episode in some_episodes(suite)[:2]:
                trace = by_chunks(env, episode, random_actions(spec.action), 5)
                assert trace.renders == len(cameras) * len(trace.seen)

    @pytest.mark.parametrize("render", RENDER_PROFILES)
    def test_lazy_frames_are_those_of_drawing_every_step(
        self, suite: str, opened: Open, spec: EnvSpec, render: str
    ) -> None:
        steps = STEPS if render == "fast" else 9
        options = {"cameras": tuple(spec.observation.cameras), "render": render}
        lazy, eager, actions = opened(**options), opened(**options), random_actions(spec.action, steps)
        for episode in some_episodes(suite)[: 1 + (render == "fast")]:
            assert_same_course(by_chunks(lazy, episode, actions, 4), by_steps(eager, episode, actions))

    def test_frames_change_nothing_that_happens(self, suite: str, opened: Open, spec: EnvSpec) -> None:
        seeing, blind, actions = opened(cameras=tuple(spec.observation.cameras)), opened(), random_actions(spec.action)
        for episode in some_episodes(suite)[:2]:
            assert_same_course(by_steps(seeing, episode, actions), by_steps(blind, episode, actions))

    def test_an_episode_looks_the_same_whatever_was_drawn_before(self, suite: str, opened: Open, spec: EnvSpec) -> None:
        cameras, episodes, actions = tuple(spec.observation.cameras), some_episodes(suite), random_actions(spec.action)
        env = opened(cameras=cameras)
        first = {episode: by_chunks(env, episode, actions, 8) for episode in episodes[:2]}
        for episode in (*reversed(first), *first):
            assert_same_course(by_chunks(env, episode, actions, 8), first[episode])


def example_arguments(policy: str, suite: str) -> dict[str, Any]:
    """Arguments for a policy that cannot be made without."""
    if policy == "replay":
        spec: EnvSpec = envs.load(suite).spec()
        return {"actions": {episode: random_actions(spec.action) for episode in some_episodes(suite)}}
    if hasattr(policies.load(policy), "make_example"):
        return {"checkpoint": example_checkpoint(policy, suite)}
    return {}


@cache
def example_checkpoint(policy: str, suite: str) -> str:
    """A small checkpoint of a learned policy for the suite; it is there as long as this process."""
    folder = TemporaryDirectory()
    atexit.register(folder.cleanup)
    path = Path(folder.name) / suite
    policies.load(policy).make_example(envs.load(suite).spec(SMALL_PX), path)
    return str(path)


def made(policy: str, suite: str, **arguments: Any) -> Policy:
    """The policy for the suite's environment with small images."""
    return policies.make(policy, envs.load(suite).spec(SMALL_PX), example_arguments(policy, suite) | arguments)


def other_arguments(policy: str, spec: EnvSpec) -> list[dict[str, Any]]:
    """Arguments that differ from the defaults, one at a time: whole numbers by one, and another choice of cameras."""
    found: list[dict[str, Any]] = []
    for key, parameter in inspect.signature(policies.load(policy).make).parameters.items():
        if type(parameter.default) is int:
            found.append({key: parameter.default + 1})
        elif key == "cameras":
            found.append({key: "" if parameter.default else next(iter(spec.observation.cameras))})
    return found


def shown(policy: Policy, spec: EnvSpec, rows: int) -> Batch:
    """A batch of the policy's size with `rows` rows of noise, padded with zeros as the harness pads."""
    random, size = np.random.default_rng(0), policy.batch_size
    state = random.normal(size=(size, len(policy.observation.state))).astype(np.float32)
    shapes = {camera: (size, *pixels, 3) for camera, pixels in policy.observation.cameras.items()}
    images = {camera: random.integers(0, 256, shape, np.uint8) for camera, shape in shapes.items()}
    for array in (state, *images.values()):
        array[rows:] = 0
    seeds = np.arange(1, size + 1, dtype=np.uint64) * (np.arange(size) < rows)
    slots = tuple(row if row < rows else -1 for row in range(size))
    told = tuple("go" if row < rows else "" for row in range(size))
    return Batch(images, state, told, seeds, slots, steps=(0,) * size)


class PolicyTests(Opening):
    """What every policy must do; parametrise `policy` and `suite`."""

    def test_it_fits_the_suite(self, policy: str, suite: str, spec: EnvSpec) -> None:
        assert misfits(made(policy, suite), spec) == []
        for arguments in other_arguments(policy, spec):
            assert misfits(made(policy, suite, **arguments), spec) == []

    def test_its_fingerprint_covers_its_arguments(self, policy: str, suite: str, spec: EnvSpec) -> None:
        prints = [made(policy, suite).fingerprint()]
        prints += [made(policy, suite, **arguments).fingerprint() for arguments in other_arguments(policy, spec)]
        assert len(set(prints)) == len(prints)
        there = elsewhere("conformance.made(*arguments).fingerprint()", policy, suite)
        assert there == made(policy, suite).fingerprint() == prints[0]

    def test_plans_are_what_it_declares(self, policy: str, suite: str, spec: EnvSpec) -> None:
        for arguments in [{}, *other_arguments(policy, spec)]:
            actor = planner(policy, suite, **arguments)
            plan = answer(actor, suite, spec, actor.batch_size)
            rows, steps, entries = plan.actions.shape
            assert (rows, entries) == (actor.batch_size, len(spec.action.entries)) and steps >= actor.execute >= 1
            assert np.isfinite(plan.actions).all()
            npt.assert_array_equal(plan.actions, plan.actions.clip(*spec.action.bounds()))
            for estimate in (plan.progress, plan.success):
                assert estimate is None or (
                    estimate.shape == (rows,) and (estimate >= 0).all() and (estimate <= 1).all()
                )

    def test_a_plan_depends_on_what_it_is_shown_alone(self, policy: str, suite: str, spec: EnvSpec) -> None:
        actor, other = planner(policy, suite), planner(policy, suite)
        first = answer(actor, suite, spec, actor.batch_size)
        for again in (answer(actor, suite, spec, actor.batch_size), answer(other, suite, spec, actor.batch_size)):
            npt.assert_array_equal(again.actions, first.actions)
            npt.assert_array_equal(again.progress, first.progress)
            npt.assert_array_equal(again.success, first.success)

    def test_a_row_does_not_depend_on_its_neighbours(self, policy: str, suite: str, spec: EnvSpec) -> None:
        actor = planner(policy, suite)
        full = answer(actor, suite, spec, actor.batch_size)
        for rows in range(1, actor.batch_size):
            npt.assert_array_equal(answer(actor, suite, spec, rows).actions[:rows], full.actions[:rows])


def planner(policy: str, suite: str, **arguments: Any) -> Policy:
    """The policy, if it plans at all."""
    actor = made(policy, suite, **arguments)
    if actor.in_worker:
        pytest.skip("it acts beside the simulator and makes no plans")
    return actor


def answer(policy: Policy, suite: str, spec: EnvSpec, rows: int) -> Plan:
    """What it plans at the first look of an episode in each of `rows` slots."""
    for slot in range(rows):
        policy.reset(slot, some_episodes(suite)[0])
    return policy.act(shown(policy, spec, rows))


class ProtocolTests:
    """What every protocol must do; parametrise `protocol`."""

    def test_it_is_of_a_suite_that_can_show_what_it_asks_for(self, protocol: str) -> None:
        loaded = protocols.load(protocol)
        spec: EnvSpec = envs.load(loaded.suite).spec(loaded.image_size_px)
        assert spec.observation.cameras["agent"] == (loaded.image_size_px, loaded.image_size_px)
        assert loaded.shift in envs.load(loaded.suite).SHIFTS

    def test_each_episode_is_there_once_with_a_start_of_its_own(self, protocol: str) -> None:
        episodes = protocols.load(protocol).episodes()
        assert len({(episode.task, episode.index) for episode in episodes}) == len(episodes) > 0
        assert len({episode.seed for episode in episodes}) == len(episodes)

    def test_its_hashes_cover_its_values(self, protocol: str) -> None:
        loaded = protocols.load(protocol)
        choice = {"tasks", "episodes_per_task", "max_error_share", "floors", "deviations", "repeats"}
        for key, changed in changes(loaded).items():
            assert changed.hash() != loaded.hash(), key
            assert (changed.conditions_hash() == loaded.conditions_hash()) == (key in choice), key

    def test_the_comment_on_top_says_where_it_comes_from_and_what_to_expect(self, protocol: str) -> None:
        path = Path(protocol) if protocol.endswith(".yaml") else protocols.FOLDER / f"{protocol}.yaml"
        comment, _, values = path.read_text(encoding="utf-8").partition("\nsuite:")
        assert all(line.startswith("#") for line in comment.splitlines())
        assert "Expected: " in comment or "Source: " in comment
        assert "#" not in values


def changes(protocol: EvaluationProtocol) -> dict[str, EvaluationProtocol]:
    """The protocol with one value changed, by the name of that value; every value has its turn."""
    instead: dict[str, Any] = {
        "tasks": protocol.tasks[1:],
        "floors": protocol.floors | {"nobody": 0.5},
        "deviations": ("render=fast",),
    }
    for key, value in asdict(protocol).items():
        if isinstance(value, dict):
            instead.setdefault(key, value | {name: number + 1 for name, number in list(value.items())[:1]})
        elif key not in instead:
            instead[key] = f"{value} 2" if isinstance(value, str) else value + 1
    return {key: replace(protocol, **{key: value}) for key, value in instead.items()}
