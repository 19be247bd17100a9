"""Our world against the official environment, step by step: what it reaches is equality, bit for bit.

Compared are robot_obs, scene_obs, all that the verdicts are read from (poses, velocities, doors, lights, contacts by
body and link) and the 34 verdicts. Official data files; calvin_env@797142c, and @1431a46 for the pinned button. It
begins with `seed(0); load(); gripper_action = 1; reset(...)`, or it would not be equal to itself: with other seeds it
parts from itself some touches later, by 3e-6 to 7e-4 in the first step. One difference is known: 1431a46 also scales
the caller's array of a relative action in place, ours never writes to it.

Set HEADWAY_CALVIN_SOURCE to the folder of a clone of github.com/mees/calvin_env, or to several, separated by ":".
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from envs.calvin.expert.expert import Expert
from envs.calvin.initial_states import initial_state
from envs.calvin.oracles import SUBTASKS, solved
from envs.calvin.sequences import sequence
from envs.calvin.states import SCENES, Block, Snapshot, Start
from envs.calvin.world import World
from tests import calvin_official as official
from tests.calvin_playing import Shown, play, random_start, scene_obs, wander

SUBTASK_STEPS = 360
Played = tuple[Start, list[Any], frozenset[int]]  # start, actions, steps after which verdicts have a new start
pytestmark = pytest.mark.simulator


def folder_of(button: str) -> Path:
    """The official repository with that button, or the test is skipped."""
    folder = official.source(button)
    if folder is None:
        pytest.skip(official.WHY_NONE)
    return folder


def compared(world: World, folder: Path, episodes: Sequence[Played]) -> dict[str, int]:
    """Play episodes in both; all must be equal. Counts of what has been seen, so that a test knows it saw enough."""
    asked = [
        official.Episode(world.scene, start.robot, scene_obs(start, world.block_order), actions, starts)
        for start, actions, starts in episodes
    ]
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as child:
        theirs = child.submit(official.play, folder, asked).result()
    seen = {"touches": 0, "solved": 0}
    for (start, actions, starts), moments in zip(episodes, theirs, strict=True):
        before = None
        for step, (our, their) in enumerate(zip(play(world, start, actions), moments, strict=True)):
            if before is None:
                before = our.snapshot
            verdicts = {subtask for subtask in SUBTASKS if solved(subtask, before, our.snapshot)}
            assert differences(our, their) == [], f"step {step}"
            assert verdicts == their.solved, f"step {step}"
            seen["touches"] += bool(our.snapshot.robot_contacts)
            seen["solved"] += len(verdicts)
            if step in starts:
                before = our.snapshot
    return seen


def differences(our: Shown, their: official.Moment) -> list[str]:
    """Names of what is not equal."""
    pairs = {"robot_obs": (our.robot_obs, their.robot_obs), "scene_obs": (our.scene_obs, their.scene_obs)}
    for name in Snapshot._fields:
        one, other = getattr(our.snapshot, name), getattr(their.snapshot, name)
        if name == "blocks":
            pairs |= {f"{colour} {part}": pair for colour in one for part, pair in parts(one[colour], other[colour])}
        else:
            pairs[name] = (one, other)
    return [name for name, (one, other) in pairs.items() if not np.array_equal(one, other)]


def parts(one: Block, other: Block) -> Iterable[tuple[str, tuple[Any, Any]]]:
    """The fields of two blocks side by side."""
    return zip(Block._fields, zip(one, other, strict=True), strict=True)


def wandered(scene: str, seed: int, steps: int, absolute: bool = False) -> Played:
    """A random episode, with a new start for the verdicts every 60 steps."""
    random = np.random.default_rng(seed)
    return random_start(scene, random), wander(steps, random, absolute), frozenset(range(60, steps, 60))


@pytest.mark.parametrize("scene", SCENES)
def test_each_step_is_equal_to_the_official_one(scene: str) -> None:
    folder = folder_of("main")
    with closing(World(scene, folder / "data")) as world:
        episodes = [wandered(scene, 1, 120), wandered(scene, 2, 120, absolute=True)]
        assert compared(world, folder, episodes)["touches"] > 20


@pytest.mark.slow
@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("button", ["main", "pinned"])
def test_long_wanderings_are_equal_to_the_official_ones(scene: str, button: str) -> None:
    folder = folder_of(button)
    with closing(World(scene, folder / "data", button)) as world:
        episodes = [wandered(scene, seed, 1500, absolute=seed % 2 == 1) for seed in range(2)]
        assert compared(world, folder, episodes)["touches"] > 500


def expert_plays(world: World, index: int) -> Played:
    """The official sequence of that index as the expert plays it, however far it comes."""
    condition, subtasks = sequence(index)
    start = initial_state(condition, world.scene)
    world.reset(start)
    expert, actions, starts = Expert(world), [], []
    for subtask in subtasks:
        expert.begin(subtask)
        before = world.snapshot()
        for _ in range(SUBTASK_STEPS):
            actions.append(expert.action().copy())
            world.step(actions[-1])
            if solved(subtask, before, world.snapshot()):
                break
        else:
            break
        starts.append(len(actions))
    return start, actions, frozenset(starts)


@pytest.mark.slow
@pytest.mark.parametrize("scene", SCENES)
def test_sequences_that_the_expert_plays_are_equal_to_the_official_ones(scene: str) -> None:
    folder = folder_of("main")
    with closing(World(scene, folder / "data")) as world:
        episodes = [expert_plays(world, index) for index in range(5)]
        assert compared(world, folder, episodes)["solved"] > 10


@pytest.mark.parametrize("button", ["main", "pinned"])
def test_one_press_puts_out_a_shining_led_unless_the_button_is_pinned(button: str) -> None:
    folder = folder_of(button)
    with closing(World("D", folder / "data", button)) as world:
        start = random_start("D", np.random.default_rng(5))._replace(led=True)
        at_button, turn = np.array([-0.12, -0.12, 0.55]), start.robot[3:6]
        down = [(at_button - (0, 0, depth), turn, -1) for depth in np.linspace(0, 0.12, 60)]
        lights = [shown.snapshot.led for shown in play(world, start, [*[down[0]] * 20, *down])]
        assert lights[0] and lights[-1] is (button == "pinned")
        compared(world, folder, [(start, [*[down[0]] * 20, *down], frozenset())])
