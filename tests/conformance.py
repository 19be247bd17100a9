"""What every suite, policy and protocol must do. A file of tests inherits a class and names its entries:

    @pytest.mark.parametrize("suite", ["my_lab.my_suite"])
    class TestMySuite(SuiteTests, FrameTests):
        pass

`SuiteTests` draws nothing; `FrameTests` draws small frames. Names are those that `envs.load`, `policies.load` and
`protocols.load` take.
"""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.testing as npt
import pytest
from gymnasium.utils.env_checker import check_env

import envs
import policies
import protocols
from protocols.contracts import (
    RENDER_PROFILES,
    ActionError,
    ActionSpec,
    Batch,
    EnvSpec,
    Episode,
    EvaluationProtocol,
    Event,
    FloatArray,
    Plan,
    Policy,
    misfits,
)

ROOT = Path(__file__).parent.parent
SMALL_PX = 16
STEPS = 24  # of random actions, too few for success by luck
Open = Callable[..., Any]


@dataclass
class Trace:
    """What an episode did, step by step, and what was seen after how many steps."""

    fingerprint: str
    seen: dict[int, dict[str, Any]]
    reward: list[float] = field(default_factory=list)
    progress: list[float] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    success: bool = False
    ended: bool = False
    renders: int = 0


def by_chunks(env: Any, episode: Episode, actions: FloatArray, chunk: int) -> Trace:
    """Play (T, A) actions with `advance`, `chunk` at a time, until they are used up or the episode ends."""
    observation, info = env.reset(options={"episode": episode})
    trace = Trace(info["fingerprint"], {0: observation})
    while len(trace.progress) < len(actions) and not trace.ended:
        begin = len(trace.progress)
        done = env.advance(actions[begin : begin + chunk])
        trace.reward += done.reward.tolist()
        trace.progress += done.progress.tolist()
        trace.events += done.events
        trace.success, trace.ended = done.success, done.terminated or done.truncated
        if done.observation is not None:
            trace.seen[len(trace.progress)] = done.observation
        assert (done.observation is None) == trace.ended, "nobody looks after the end, and only then"
    trace.renders = env.renders
    return trace


def by_steps(env: Any, episode: Episode, actions: FloatArray) -> Trace:
    """Play (T, A) actions with `step`, as gymnasium has it."""
    observation, info = env.reset(options={"episode": episode})
    trace = Trace(info["fingerprint"], {0: observation})
    for number, action in enumerate(actions, start=1):
        observation, reward, terminated, truncated, info = env.step(action)
        trace.reward.append(float(np.float32(reward)))
        trace.progress.append(info["progress"])
        trace.events += [Event(number, name) for name in info["events"]]
        trace.success, trace.ended = info["success"], terminated or truncated
        trace.seen[number] = observation
        if trace.ended:
            break
    trace.renders = env.renders
    return trace


def assert_same_course(one: Trace, other: Trace) -> None:
    """Both did the same, bit for bit, and saw the same wherever both looked."""
    assert one.fingerprint == other.fingerprint
    assert (one.reward, one.progress, one.events) == (other.reward, other.progress, other.events)
    assert (one.success, one.ended) == (other.success, other.ended)
    for step in one.seen.keys() & other.seen.keys():
        assert_same_sight(one.seen[step], other.seen[step])


def assert_same_sight(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Two observations are equal, bit for bit."""
    assert one["instruction"] == other["instruction"]
    npt.assert_array_equal(one["state"], other["state"])
    for camera in one["images"].keys() & other["images"].keys():
        npt.assert_array_equal(one["images"][camera], other["images"][camera])


def some_episodes(suite: str) -> list[Episode]:
    """The first episode of up to three tasks, spread over the suite's default protocol."""
    firsts = protocols.load(envs.load(suite).DEFAULT_PROTOCOL).changed(trials=1).episodes()
    return firsts[:: max(1, (len(firsts) - 1) // 2)][:3]


def random_actions(spec: ActionSpec, steps: int = STEPS) -> FloatArray:
    """(steps, A) uniform in the action's range, always the same."""
    shape = (steps, len(spec.entries))
    return np.random.default_rng(0).uniform(spec.low, spec.high, shape).astype(np.float32)


def expert_episode(env: Any, episode: Episode) -> FloatArray:
    """(T, A) what the expert does in the episode, until it ends."""
    env.reset(options={"episode": episode})
    actions = []
    for _ in range(episode.max_steps):
        actions.append(env.expert_action())
        if env.advance(actions[-1][None]).observation is None:
            break
    return np.stack(actions)


def summaries(suite: str) -> list[list[str]]:
    """Per episode: fingerprint of the start, and bytes of state and progress after some random actions."""
    env = envs.load(suite).make(cameras=(), image_size_px=SMALL_PX, render="fast")
    actions = random_actions(envs.load(suite).spec(SMALL_PX).action)
    traces = [by_chunks(env, episode, actions, len(actions)) for episode in some_episodes(suite)]
    env.close()
    last = [trace.seen[max(trace.seen)]["state"].tobytes().hex() for trace in traces]
    return [[trace.fingerprint, state, str(trace.progress)] for trace, state in zip(traces, last, strict=True)]


def elsewhere(expression: str, *arguments: str) -> Any:
    """What an expression over this module and `arguments` gives in another process, through JSON."""
    code = f"import json, sys; from tests import conformance; arguments = sys.argv[1:]; print(json.dumps({expression}))"
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


class _Opening:
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


class SuiteTests(_Opening):
    """What every suite must do; parametrise `suite`."""

    def test_it_says_what_it_needs_and_what_its_results_depend_on(self, suite: str) -> None:
        module = envs.load(suite)
        for images in (False, True):
            assert all(isinstance(line, str) and "\n" not in line for line in module.missing(images=images))
        assert module.VERSION >= 1
        assert all(version(package) for package in module.PACKAGES)
        assert protocols.load(module.DEFAULT_PROTOCOL).suite == suite

    # An unbounded state is what it is; gymnasium advises against it.
    @pytest.mark.filterwarnings("ignore:.*A Box observation space m[a-z]+ value is")
    def test_gymnasium_accepts_it(self, opened: Open, spec: EnvSpec) -> None:
        camera, size = next(iter(spec.observation.cameras.items()))
        env = opened(cameras=())
        blind = env.observation_space["images"].spaces == {}
        env = opened(cameras=(camera,)) if not blind else seeing_nothing(opened, camera, size)
        check_env(env, skip_render_check=True)

    def test_observations_are_what_its_spec_says(self, suite: str, opened: Open, spec: EnvSpec) -> None:
        env = opened()
        for episode in some_episodes(suite):
            trace = by_chunks(env, episode, random_actions(spec.action), 5)
            for seen in trace.seen.values():
                assert set(seen) == {"images", "state", "instruction"}
                assert seen["state"].shape == (len(spec.observation.state),) and seen["state"].dtype == np.float32
                assert np.isfinite(seen["state"]).all()
                assert seen["instruction"] == episode.instruction
                assert seen in env.observation_space
        assert env.state_names == spec.observation.state
        assert env.action_space.shape == (len(spec.action.entries),)
        assert (env.action_space.low == spec.action.low).all() and (env.action_space.high == spec.action.high).all()

    def test_the_start_depends_on_the_episode_alone(self, suite: str, opened: Open, spec: EnvSpec) -> None:
        episodes = [*some_episodes(suite), replace(some_episodes(suite)[0], seed=7)]
        actions = random_actions(spec.action)
        fresh = [by_chunks(opened(), episode, actions, STEPS) for episode in episodes]
        env = opened()
        for number in (0, 3, 0, 0, 2, 1, 2, 0, 3, 1):
            assert_same_course(by_chunks(env, episodes[number], actions[: 3 + 7 * number], STEPS), fresh_until(fresh[number]))
        assert len({trace.fingerprint for trace in fresh}) == len(episodes)
