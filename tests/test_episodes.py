"""What the suites share: mistakes of whoever uses an environment alone are told in one line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.error import ResetNeeded

import envs
import protocols
from envs.episodes import told
from protocols.contracts import ActionError
from tests.traces import random_actions, some_episodes

pytestmark = [pytest.mark.simulator, pytest.mark.parametrize("suite", envs.names())]
Open = Callable[..., Any]


@pytest.fixture
def opened(suite: str) -> Iterator[Open]:
    with ExitStack() as stack:

        def make(**options: Any) -> Any:
            env = envs.load(suite).make(**({"cameras": ()} | options))
            stack.callback(env.close)
            return env

        yield make


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"image_size_px": 0}, "image_size_px must be at least 1, not 0"),
        ({"max_steps": 0}, "max_steps must be at least 1, not 0"),
    ],
)
def test_numbers_below_one_are_refused(suite: str, opened: Open, options: dict[str, int], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        opened(**options)


def test_unknown_tasks_shifts_and_cameras_are_refused_with_what_there_is(suite: str, opened: Open) -> None:
    with pytest.raises(LookupError, match=r"no task named 'juggle'.*There are: "):
        opened(task="juggle")
    with pytest.raises(LookupError, match=r"no shift named 'earthquake'.*There are: .*none"):
        opened(shift="earthquake")
    with pytest.raises(LookupError, match=r"no camera named 'eye'.*There are: agent, wrist"):
        opened().frame("eye")


def test_a_camera_may_be_named_without_a_list(suite: str, opened: Open) -> None:
    assert envs.load(suite).make(cameras="wrist").cameras == ("wrist",)


def test_no_step_before_the_start_and_none_after_the_end(suite: str, opened: Open) -> None:
    env = opened(max_steps=2)
    action = random_actions(envs.load(suite).spec().action)[0]
    with pytest.raises(ResetNeeded, match="call reset first"):
        env.step(action)
    env.reset(seed=1)
    env.step(action)
    assert env.step(action)[3]
    with pytest.raises(ResetNeeded, match="call reset first"):
        env.step(action)


def test_a_wrong_action_leaves_the_episode_as_it_was(suite: str, opened: Open) -> None:
    env, actions = opened(), random_actions(envs.load(suite).spec().action)
    env.reset(seed=1)
    with pytest.raises(ActionError, match="not finite"):
        env.step(np.full_like(actions[0], np.nan))
    after = env.step(actions[0])[0]["state"]
    env.reset(seed=1)
    np.testing.assert_array_equal(env.step(actions[0])[0]["state"], after)


def test_the_info_has_progress_its_maximum_and_the_actions_out_of_range(suite: str, opened: Open) -> None:
    env = opened()
    env.reset(options={"episode": some_episodes(suite)[0]})
    highest = 0.0
    for number in range(1, 30):
        info = env.step(env.expert_action() * np.float32(9))[4]
        highest = max(highest, info["progress"])
        assert info["highest_progress"] == highest
        assert info["clipped"] <= number
    assert info["clipped"] > 0


def test_clipped_actions_are_counted_in_chunks_as_in_steps(suite: str, opened: Open) -> None:
    env, wild = opened(), 2 * random_actions(envs.load(suite).spec().action)
    counts = []
    for chunk in (1, 7):
        env.reset(seed=3)
        for begin in range(0, len(wild), chunk):
            env.advance(wild[begin : begin + chunk])
        counts.append(env.clipped)
    assert counts[0] == counts[1] > 0


def test_gymnasium_makes_shifted_episodes(suite: str) -> None:
    module = envs.load(suite)
    for shift in module.SHIFTS:
        env = gymnasium.make(f"envs:headway/{suite}", shift=shift, cameras=(), disable_env_checker=True)
        env.reset(seed=1)
        episode = env.unwrapped.episode
        plain = told(module.DEFAULT_PROTOCOL, episode.task, "none")[1]
        assert (episode.instruction != plain) == (shift == "instruction")
        assert episode.suite == protocols.load(module.DEFAULT_PROTOCOL).suite
        env.close()
