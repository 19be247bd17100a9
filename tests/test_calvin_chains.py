"""What an episode of CALVIN asks for is a pure function of it, and can be done."""

from __future__ import annotations

import csv
import itertools
import math
from contextlib import closing

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import protocols
from envs.calvin import world
from envs.calvin.chains import (
    APART,
    CHAINS,
    SINGLES,
    TASKS,
    Box,
    Chain,
    are_apart,
    drawn,
    is_clear_of_door,
    is_dead_end,
    of,
    possible,
)
from envs.calvin.geometry import TABLES
from envs.calvin.initial_states import initial_state
from envs.calvin.oracles import PLANK, SUBTASKS, TOP
from envs.calvin.sequences import conditions, is_valid, sequences
from envs.calvin.states import BLOCK_SIZES, BLOCKS, LENGTHS, SCENES
from envs.calvin.surfaces import SURFACES
from protocols.contracts import Episode
from tests.calvin_playing import PLACES, assets_folder

some_task = st.sampled_from(TASKS)
some_index = st.integers(0, 999)
some_seed = st.integers(0, 2**32 - 1)
some_split = st.sampled_from(protocols.SPLITS)


def episode(task: str, index: int = 0, seed: int = 0, split: str = "eval") -> Episode:
    """An episode of a task."""
    return Episode("calvin", task, "", index, seed, 1800, split)


def flat(chain: Chain) -> tuple[object, ...]:
    """A chain as something that can be compared and hashed."""
    robot, *doors, blocks = chain.start
    return (robot.tobytes(), *doors, *(blocks[colour].tobytes() for colour in BLOCKS), chain.scene, chain.subtasks)


@given(some_task, some_index, some_seed, some_split)
@settings(max_examples=60, deadline=None)
def test_a_chain_is_a_pure_function_of_its_episode(task: str, index: int, seed: int, split: str) -> None:
    first = flat(of(episode(task, index, seed, split)))
    of(episode("chain_B", 3, seed + 1, "train"))
    assert flat(of(episode(task, index, seed, split))) == first


@given(some_task, some_index, some_seed, some_split)
@settings(max_examples=60, deadline=None)
def test_every_chain_is_valid(task: str, index: int, seed: int, split: str) -> None:
    condition, subtasks = drawn(episode(task, index, seed, split), np.random.default_rng(seed))
    assert condition in conditions() and is_valid(condition, subtasks)
    assert len(subtasks) == 5 if task in CHAINS else subtasks[-1] == SINGLES[task][0]
    assert of(episode(task, index, seed, split)).subtasks == subtasks


@given(some_task, some_index, some_seed)
@settings(max_examples=60, deadline=None)
def test_training_and_evaluation_never_start_alike(task: str, index: int, seed: int) -> None:
    train, evaluated = (of(episode(task, index, seed, split)).start.blocks for split in ("train", "eval"))
    assert all((train[colour] != evaluated[colour]).any() for colour in BLOCKS)


@given(some_index, some_seed, st.sampled_from(SCENES))
def test_a_chain_of_the_evaluation_is_the_official_sequence_of_its_index(index: int, seed: int, scene: str) -> None:
    chain, official = of(episode(f"chain_{scene}", index, seed)), sequences()[index]
    assert chain.subtasks == official.subtasks and chain.scene == scene
    assert flat(chain) == flat(Chain(initial_state(official.condition, scene), scene, official.subtasks))


def test_there_are_1000_sequences_and_no_more() -> None:
    with pytest.raises(ValueError, match=r"there are 1000 sequences, 0 to 999, so no sequence 1000$"):
        of(episode("chain_D", 1000))
    assert of(episode("chain_D", 1000, split="train")), "a chain for training may have any index"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (episode("chain_E"), "no task named 'chain_E'; did you mean 'chain_D'"),
        (episode("open_drawer"), "no task named 'open_drawer'; did you mean 'open_drawer_"),
        (episode("chain_D", split="test"), "no split named 'test'.* There are: eval, train"),
    ],
)
def test_what_there_is_not_is_refused_with_what_there_is(wrong: Episode, message: str) -> None:
    with pytest.raises(LookupError, match=message):
        of(wrong)


@pytest.mark.parametrize("subtask", SUBTASKS)
def test_a_subtask_comes_first_or_after_the_fewest_that_make_it_possible(subtask: str) -> None:
    (before,) = {
        tuple(one.split("_")[0] for one in chain.subtasks[:-1]) for some in possible(subtask) for chain in some
    }
    needed = {
        "place_in_slider": ("lift",),
        "place_in_drawer": ("lift",),
        "stack_block": ("lift",),
        "unstack_block": ("lift", "stack"),
        **{f"lift_{colour}_block_drawer": ("push",) for colour in BLOCKS},
    }
    assert before == needed.get(subtask, ())


@pytest.mark.parametrize("subtask", SUBTASKS)
def test_all_conditions_under_which_a_subtask_is_possible_can_be_drawn(subtask: str) -> None:
    under = [{chain.condition for chain in some} for some in possible(subtask)]
    assert all(len(some) == 1 for some in under) and len(set.union(*under)) == len(under) >= 16


def test_different_seeds_draw_different_starts() -> None:
    for task, split in (("open_drawer_D", "eval"), ("open_drawer_D", "train"), ("chain_A", "train")):
        assert len({flat(of(episode(task, 0, seed, split))) for seed in range(20)}) == 20


@given(some_task, some_seed)
@settings(max_examples=60, deadline=None)
def test_blocks_for_training_lie_on_their_surfaces_and_apart(task: str, seed: int) -> None:
    condition, _ = drawn(episode(task, 0, seed, "train"), np.random.default_rng(seed))
    start, scene, _ = of(episode(task, 0, seed, "train"))
    for colour in BLOCKS:
        low, high = SURFACES[scene][getattr(condition, f"{colour}_block")]
        assert (low <= start.blocks[colour][:3]).all() and (start.blocks[colour][:3] <= high).all()
    boxes = [Box(*start.blocks[colour][[0, 1, 2, 5]], LENGTHS[BLOCK_SIZES[scene][colour]]) for colour in BLOCKS]
    assert not any(closest(one, other) < APART / 2 for one, other in itertools.combinations(boxes, 2))
    assert (start.lightbulb, start.switch) in ((True, 0.088), (False, 0.0))


@given(some_task, some_seed)
@settings(max_examples=60, deadline=None)
def test_a_block_for_training_is_behind_the_door_where_the_condition_says_so_and_nowhere_touches_it(
    task: str, seed: int
) -> None:
    condition, _ = drawn(episode(task, 0, seed, "train"), np.random.default_rng(seed))
    start, scene, _ = of(episode(task, 0, seed, "train"))
    for block in BLOCKS:
        surface = getattr(condition, f"{block}_block")
        box = Box(*start.blocks[block][[0, 1, 2, 5]], LENGTHS[BLOCK_SIZES[scene][block]])
        clear = is_clear_of_door(box, TABLES[scene].door - start.slider, surface == "table")
        assert clear or surface.endswith(condition.slider)


@pytest.mark.parametrize("scene", SCENES)
def test_official_places_are_before_or_behind_the_door_as_the_condition_says(scene: str) -> None:
    for condition in conditions():
        start = initial_state(condition, scene)
        for block in BLOCKS:
            surface = getattr(condition, f"{block}_block")
            box = Box(*start.blocks[block][[0, 1, 2, 5]], LENGTHS[BLOCK_SIZES[scene][block]])
            clear = is_clear_of_door(box, TABLES[scene].door - start.slider, surface == "table")
            assert clear != surface.endswith(condition.slider)


@pytest.mark.simulator
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("split", protocols.SPLITS)
def test_blocks_touch_only_what_they_lie_on(scene: str, split: str, place: str) -> None:
    with closing(world.World(scene, assets_folder(place))) as simulated:
        for seed in range(12):
            one = episode(f"open_drawer_{scene}", seed=seed, split=split)
            condition, _ = drawn(one, np.random.default_rng(seed))
            simulated.reset(of(one).start)
            for block, now in simulated.snapshot().blocks.items():
                on_table = getattr(condition, f"{block}_block") == "table"
                assert (now.contacts == {TOP}) if on_table else PLANK in now.contacts


def closest(one: Box, other: Box) -> float:
    """Distance of two blocks from above by points on their edges, m; 0 where a point of one is inside the other."""
    distances = []
    for box, of_whom in ((one, other), (other, one)):
        ends = np.linspace(-1, 1, 41)
        edge = [(a, b) for a in ends for b in (-1, 1)] + [(a, b) for a in (-1, 1) for b in ends]
        along, across = (np.array(edge) * [of_whom.length / 2, 0.02]).T
        x = of_whom.x + along * math.cos(of_whom.yaw) - across * math.sin(of_whom.yaw) - box.x
        y = of_whom.y + along * math.sin(of_whom.yaw) + across * math.cos(of_whom.yaw) - box.y
        out = np.abs([x * math.cos(box.yaw) + y * math.sin(box.yaw), y * math.cos(box.yaw) - x * math.sin(box.yaw)])
        beyond = np.maximum(out - [[box.length / 2], [0.02]], 0.0)
        distances.append(float(np.hypot(*beyond).min()))
    return min(distances)


angles = st.floats(-math.pi, math.pi)
boxes = st.builds(Box, st.floats(-0.1, 0.1), st.floats(-0.1, 0.1), st.just(0.46), angles, st.sampled_from([0.04, 0.08]))


@given(boxes, boxes)
def test_blocks_are_apart_exactly_where_they_do_not_come_close(one: Box, other: Box) -> None:
    assert are_apart(one, other) == are_apart(other, one)
    if are_apart(one, other):
        assert closest(one, other) >= APART - 0.001
    else:
        assert closest(one, other) <= APART * math.sqrt(2) + 0.001


def test_chains_that_rule_out_what_they_ask_for_are_dead_ends() -> None:
    dead = [one.subtasks for one in sequences() if is_dead_end(one.subtasks)]
    assert len([one for one in dead if "place_in_slider" in one]) == 5, "upstream's known flaw"
    assert len([one for one in dead if "unstack_block" in one]) == 11
    assert is_dead_end(("lift_red_block_table", "stack_block", "unstack_block", "push_red_block_left"))
    assert not is_dead_end(("lift_red_block_table", "stack_block", "unstack_block", "push_blue_block_left"))
    assert not is_dead_end(("lift_red_block_slider", "place_in_slider", "lift_blue_block_slider"))


def test_no_chain_for_training_is_a_dead_end() -> None:
    assert not any(is_dead_end(of(episode("chain_C", 0, seed, "train")).subtasks) for seed in range(40))


def test_the_task_table_has_every_task_with_its_tier() -> None:
    with (protocols.FOLDER / "tasks" / "calvin.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["task"] for row in rows] == list(TASKS)
    assert [row["tier"] for row in rows] == ["chain"] * 4 + [scene for _, scene in SINGLES.values()]
    told = {row["instruction"] for row in rows if row["tier"] == "D"}
    assert len(told) == 34 and "pull the handle to open the drawer" in told
