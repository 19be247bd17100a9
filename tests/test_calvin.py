"""The CALVIN environment: five instructions in a row, what ends an episode, actions, variants, bad input."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import envs
import protocols
from envs.calvin import chains
from envs.calvin.env import SUBTASK_STEPS
from harness.evaluation import Evaluation
from protocols.contracts import ActionError, Advanced, Episode, FloatArray

pytestmark = pytest.mark.simulator
CHAINS = protocols.load("calvin_abc_d").episodes()
STILL = np.zeros((SUBTASK_STEPS, 7), np.float32)
LED_OFF = next(one for one in CHAINS if chains.of(one).subtasks[0] == "turn_off_led")
INSTRUCTIONS = {task.name: task.instruction for task in protocols.load("calvin_tasks_d").tasks}


class Played:
    """An episode that the expert has played: its actions, what came of them, and what was told at which step."""

    def __init__(self, env: Any, episode: Episode) -> None:
        observation, self.info = env.reset(options={"episode": episode})
        self.told, self.actions, self.parts = {0: observation["instruction"]}, [], list[Advanced]()
        while not self.parts or self.parts[-1].observation is not None:
            self.actions.append(env.expert_action())
            self.parts.append(env.advance(self.actions[-1][None]))
            seen = self.parts[-1].observation
            if seen and seen["instruction"] != list(self.told.values())[-1]:
                self.told[len(self.parts)] = seen["instruction"]

    @property
    def solved(self) -> dict[str, int]:
        """At which control step each subtask was solved."""
        events = [event for part in self.parts for event in part.events]
        return {name.removeprefix("solved "): step for step, name in events if name.startswith("solved ")}


@pytest.fixture(scope="module")
def make() -> Iterator[Any]:
    """Opens environments on stand-ins without cameras, and closes them."""
    with ExitStack() as stack:

        def opened(suite: str = "calvin", **options: Any) -> Any:
            env = envs.load(suite).make(**({"cameras": (), "assets": "stand-in"} | options))
            stack.callback(env.close)
            return env

        yield opened


@pytest.fixture(scope="module")
def chain(make: Any) -> Played:
    """The first official chain."""
    return Played(make(), CHAINS[0])


def test_a_chain_tells_one_instruction_after_another(chain: Played) -> None:
    subtasks = chains.of(CHAINS[0]).subtasks
    assert chain.parts[-1].success and tuple(chain.solved) == subtasks
    assert list(chain.told.values()) == [INSTRUCTIONS[f"{name}_D"] for name in subtasks]
    assert list(chain.told)[1:] == list(chain.solved.values())[:-1], "the next begins at once"


def test_progress_counts_subtasks_and_is_one_only_at_the_end(chain: Played) -> None:
    progress = np.concatenate([part.progress for part in chain.parts])
    for number, step in enumerate(chain.solved.values(), start=1):
        assert progress[step - 1] == np.float32(number / 5)
    assert progress.max() == progress[-1] == 1 and (progress[:-1] < 1).all()


def test_the_first_event_names_the_subtasks(chain: Played) -> None:
    assert chain.parts[0].events[0] == (1, "chain " + ", ".join(chains.of(CHAINS[0]).subtasks))


def test_a_chunk_ends_where_the_instruction_changes(make: Any, chain: Played) -> None:
    env, actions = make(), np.stack(chain.actions)
    env.reset(options={"episode": CHAINS[0]})
    first, second, *_ = chain.solved.values()
    done = env.advance(actions)
    assert len(done.progress) == first and done.observation["instruction"] == chain.told[first]
    assert len(env.advance(actions[first:]).progress) == second - first


def test_a_subtask_that_is_not_solved_in_time_ends_the_episode_and_is_named(make: Any) -> None:
    env = make()
    env.reset(options={"episode": CHAINS[0]})
    done = env.advance(np.concatenate([STILL, STILL]))
    assert (len(done.progress), done.success, done.truncated) == (SUBTASK_STEPS, False, True)
    assert done.failure == chains.of(CHAINS[0]).subtasks[0]


def test_each_subtask_has_its_own_steps(make: Any, chain: Played) -> None:
    env, actions = make(), np.stack(chain.actions)
    env.reset(options={"episode": CHAINS[0]})
    first = next(iter(chain.solved.values()))
    env.advance(actions[:first])
    done = env.advance(np.concatenate([STILL, STILL]))
    assert (len(done.progress), done.failure) == (SUBTASK_STEPS, chains.of(CHAINS[0]).subtasks[1])


def test_a_single_task_that_cannot_come_first_is_told_after_what_makes_it_possible(make: Any) -> None:
    episode = protocols.load("calvin_tasks_d").changed(tasks=["place_in_drawer_D"], trials=1).episodes()[0]
    played = Played(make(), episode)
    assert played.parts[-1].success
    assert list(played.solved)[-1] == "place_in_drawer" and len(played.solved) == 2
    assert list(played.told.values())[-1] == episode.instruction


def test_a_single_task_is_told_in_the_words_of_its_episode(make: Any) -> None:
    env = make()
    episode = protocols.load("calvin_tasks_d").changed(tasks=["open_drawer_D"], trials=1).episodes()[0]
    observation, _ = env.reset(options={"episode": replace(episode, instruction="get the drawer open")})
    assert observation["instruction"] == "get the drawer open"


def test_only_the_sign_of_the_gripper_counts_unless_strict(make: Any) -> None:
    half, full = STILL[:20].copy(), STILL[:20].copy()
    half[:, 6], full[:, 6] = 0.3, 1.0
    seen = []
    for env, actions in ((make(), half), (make(), full), (make(strict=True), full)):
        env.reset(options={"episode": CHAINS[0]})
        seen.append(env.advance(actions).observation["state"])
    np.testing.assert_array_equal(seen[0], seen[1])
    np.testing.assert_array_equal(seen[0], seen[2])
    env.reset(options={"episode": CHAINS[0]})
    with pytest.raises(ActionError, match=r"at step 1 has 0.3 for the gripper; in the strict mode it must be -1 or 1"):
        env.advance(half)


def test_cameras_have_the_sizes_of_the_benchmark() -> None:
    assert envs.load("calvin").spec(200).observation.cameras == {"agent": (200, 200), "wrist": (84, 84)}


def test_there_are_a_thousand_chains(make: Any) -> None:
    with pytest.raises(ValueError, match="there are 1000 sequences, 0 to 999, so no sequence 1000"):
        make().reset(options={"episode": replace(CHAINS[0], index=1000)})


@pytest.mark.parametrize(
    ("protocol", "task", "starts"),
    [("calvin_abc_d", "chain_D", 1000), ("libero_object", "pick_up_the_butter_and_place_it_in_the_basket", 50)],
)
def test_more_trials_than_numbered_starts_are_refused_before_the_first_episode(
    protocol: str, task: str, starts: int
) -> None:
    asked = protocols.load(protocol).changed(tasks=[task], trials=starts + 1)
    with pytest.raises(ValueError, match=f"{task} has {starts} starts, so --trials {starts + 1} is too many"):
        Evaluation(asked, "zero", {})


@pytest.mark.parametrize("task", ["chain_E", "open_drawer_E", "open_drawer"])
def test_a_scene_that_does_not_exist_is_refused(make: Any, task: str) -> None:
    with pytest.raises(LookupError, match=f"no task named '{task}'"):
        make().reset(options={"episode": replace(CHAINS[0], task=task)})


def test_the_absolute_suite_has_the_same_starts_and_its_expert_solves_them_too(make: Any, chain: Played) -> None:
    absolute = Played(make("calvin_absolute"), CHAINS[0])
    assert absolute.info["fingerprint"] == chain.info["fingerprint"]
    assert absolute.parts[-1].success
    assert np.abs(np.stack(absolute.actions)[:, :3]).max() > 0.3, "metres, not shares of 2 cm"


def test_with_the_pinned_button_one_press_leaves_a_shining_led_shining(make: Any) -> None:
    main, pinned = make(), make("calvin_pinned")
    played = Played(main, LED_OFF)
    assert "turn_off_led" in played.solved
    _, info = pinned.reset(options={"episode": LED_OFF})
    assert info["fingerprint"] == played.info["fingerprint"]
    actions: FloatArray = np.stack(played.actions[: played.solved["turn_off_led"]])
    assert not any(event.name.startswith("solved") for event in pinned.advance(actions).events)


@pytest.mark.parametrize("scene", ["A", "B", "C"])
def test_chains_and_tasks_of_the_training_scenes_start(make: Any, scene: str) -> None:
    env = make()
    prints = set()
    for name in (f"chain_{scene}", f"lift_pink_block_slider_{scene}"):
        for split in ("train", "eval"):
            episode = replace(CHAINS[3], task=name, split=split, instruction="lift it")
            prints.add(env.reset(options={"episode": episode})[1]["fingerprint"])
            assert env.advance(STILL[:3]).observation["state"].shape == (15,)
    assert len(prints) == 4
