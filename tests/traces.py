"""Episodes as traces: played by chunks or by steps, here or in another process, to be compared bit for bit."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.testing as npt

import envs
import protocols
from protocols.contracts import ActionSpec, Episode, Event, FloatArray

ROOT = Path(__file__).parent.parent
SMALL_PX = 16
STEPS = 24  # of random actions, too few for success by luck


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
        assert not done.failure or (done.truncated and not done.success), "only a failed episode has a failure mode"
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
    drawn = np.random.default_rng(0).uniform(*spec.bounds(), (steps, len(spec.entries)))
    return np.asarray(drawn, np.float32)


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


def elsewhere(expression: str, *arguments: str, modules: str = "conformance, traces") -> Any:
    """What an expression over these modules of tests and `arguments` gives in another process, through JSON."""
    code = f"import json, sys; from tests import {modules}; arguments = sys.argv[1:]"
    command = [sys.executable, "-c", f"{code}; print(json.dumps({expression}))", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
