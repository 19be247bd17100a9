"""CALVIN's 1000 sequences and their initial states are upstream's, by rule and by hash."""

from __future__ import annotations

import hashlib
import json
from itertools import islice
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from envs.calvin.initial_states import LEFT, condition_seed, fnv_0, initial_state
from envs.calvin.oracles import SUBTASKS
from envs.calvin.sequences import (
    COUNT,
    after,
    conditions,
    draw_sequences,
    draw_some,
    is_valid,
    kind,
    rules,
    sequence,
    sequences,
)
from envs.calvin.states import BLOCKS, SCENES, Start
from envs.calvin.surfaces import SURFACES

# SHA-256 of what calvin@fa03f01 gives, as compact JSON with sorted keys: `get_sequences(1000)`, and
# `get_env_state_for_initial_condition` of each
SEQUENCES_HASH = "90191d9ac76baecb4f292ab766bbbf3ae65dbf43a83bbe5c376d99db10fd6446"
STATES_HASH = "de69a71f60f22da62f28af7fe86d6f4af85df5c59c2b7ce2b3453724ac51fde6"

some_condition = st.sampled_from(conditions())


def sha256(value: Any) -> str:
    """The hash of a value's compact JSON."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def as_upstream(start: Start) -> list[list[float]]:
    """A start as upstream's robot_obs (15,) and scene_obs (24,), which has the blocks in the order of scene D."""
    blocks = np.concatenate([start.blocks[colour] for colour in ("red", "blue", "pink")]).tolist()
    doors = [start.slider, start.drawer, start.button, start.switch, float(start.lightbulb), float(start.led)]
    return [start.robot.tolist(), [*doors, *blocks]]


def test_the_sequences_are_upstreams() -> None:
    assert len(sequences()) == COUNT == 1000
    assert sha256([[one.condition._asdict(), list(one.subtasks)] for one in sequences()]) == SEQUENCES_HASH


def test_the_initial_states_are_upstreams() -> None:
    assert sha256([as_upstream(initial_state(one.condition)) for one in sequences()]) == STATES_HASH


def test_the_first_condition_draws_its_six_sequences_anew() -> None:
    of_the_first = {one for one in sequences() if one.condition == conditions()[0]}
    assert set(islice(draw_some(0, 6), 6)) == of_the_first and len(of_the_first) == 6


@pytest.mark.slow
def test_all_sequences_are_drawn_anew_in_their_order() -> None:
    assert tuple(draw_sequences()) == sequences()


def test_a_sequence_that_does_not_exist_is_refused() -> None:
    for index in (-1, 1000):
        with pytest.raises(ValueError, match=f"there are 1000 sequences, 0 to 999, so no sequence {index}$"):
            sequence(index)


def test_there_are_192_conditions_and_each_begins_five_or_six_sequences() -> None:
    begun = [one.condition for one in sequences()]
    assert len(set(conditions())) == len(conditions()) == 192
    assert {begun.count(condition) for condition in conditions()} == {5, 6}


def test_every_sequence_is_valid() -> None:
    assert all(is_valid(*one) for one in sequences())


def test_subtasks_occur_as_often_as_upstream() -> None:
    often = [subtask for one in sequences() for subtask in one.subtasks]  # counted in what calvin@fa03f01 gives
    assert often.count("place_in_slider") == 398
    assert often.count("open_drawer") == 379
    assert often.count("move_slider_right") == 317
    assert often.count("lift_pink_block_drawer") == 17


@given(some_condition)
def test_27_subtasks_can_come_first_under_some_condition_and_the_others_never(condition: Any) -> None:
    possible = {subtask for subtask in SUBTASKS if after(condition, subtask) is not None}
    never = {"place_in_slider", "place_in_drawer", "stack_block", "unstack_block"}
    assert not possible & (never | {f"lift_{colour}_block_drawer" for colour in BLOCKS})
    assert len({subtask for one in conditions() for subtask in SUBTASKS if after(one, subtask)}) == 27


@given(some_condition, st.sampled_from(["move_slider", "drawer", "turn_lightbulb", "turn_led"]))
def test_doors_and_lights_go_there_and_back(condition: Any, what: str) -> None:
    there = {
        "move_slider": ("move_slider_left", "move_slider_right"),
        "drawer": ("open_drawer", "close_drawer"),
        "turn_lightbulb": ("turn_on_lightbulb", "turn_off_lightbulb"),
        "turn_led": ("turn_on_led", "turn_off_led"),
    }[what]
    one, other = there if after(condition, there[0]) else there[::-1]
    led_to = after(condition, one)
    assert led_to is not None and after(condition, other) is None and after(led_to, other) == condition
    assert not is_valid(condition, [one, other]), "they are of a kind"


@given(some_condition, st.sampled_from(SUBTASKS), st.sampled_from(SUBTASKS))
def test_a_block_in_the_hand_can_only_be_put_somewhere(condition: Any, first: str, second: str) -> None:
    led_to = after(condition, first)
    if led_to is not None and after(led_to, second) is not None:
        assert led_to.grasped == (kind(second) in ("place", "stack"))


def test_stacking_is_ambiguous_where_two_blocks_are_on_the_table() -> None:
    on_table = next(one for one in conditions() if one[4:7] == ("slider_left", "table", "table"))
    held = after(on_table._replace(slider="right"), "lift_red_block_slider")
    assert held is not None and after(held, "stack_block") is None


def test_only_a_block_that_is_alone_on_the_table_can_be_pushed_into_the_open_drawer() -> None:
    pushable = [one for one in conditions() if after(one, "push_into_drawer")]
    assert pushable == [one for one in conditions() if one.drawer == "open" and one[4:7].count("table") == 1]
    assert all("drawer" in (after(one, "push_into_drawer") or ())[4:7] for one in pushable)


def test_rules_that_differ_only_in_colours_that_they_do_not_name_are_one() -> None:
    assert tuple(rules()) == SUBTASKS
    assert [len(rules()[subtask]) for subtask in ("open_drawer", "lift_red_block_slider", "place_in_slider")] == [
        1,
        2,
        6,
    ]
    assert [len(rules()[subtask]) for subtask in ("stack_block", "unstack_block", "push_into_drawer")] == [6, 6, 3]


def test_the_hash_is_pyhashs() -> None:
    assert fnv_0("hello world") == 3799943344, "of pyhash 0.9.3's fnv1_32 under Python 3, compiled from its source"
    assert fnv_0("") == 0


def test_every_condition_has_a_seed_of_its_own() -> None:
    assert len({condition_seed(condition) for condition in conditions()}) == 192


@given(some_condition, st.sampled_from(SCENES), st.integers(0, 2**32 - 1))
@settings(max_examples=50)
def test_another_seed_moves_nothing_but_the_blocks(condition: Any, scene: str, seed: int) -> None:
    own, other = initial_state(condition, scene), initial_state(condition, scene, seed)
    assert own[1:7] == other[1:7] and (own.robot == other.robot).all()
    for colour in BLOCKS:
        in_slider = getattr(condition, f"{colour}_block") != "table"
        assert (own.blocks[colour][:3] == other.blocks[colour][:3]).all() or not in_slider
        assert abs(other.blocks[colour][5] - np.pi / 2) <= np.pi / 8


@given(some_condition)
def test_scene_a_begins_where_scene_d_does(condition: Any) -> None:
    assert as_upstream(initial_state(condition, "A")) == as_upstream(initial_state(condition, "D"))


@given(some_condition, st.sampled_from(SCENES))
def test_a_block_lies_on_a_surface_of_its_scene(condition: Any, scene: str) -> None:
    start = initial_state(condition, scene)
    assert start.slider in (0.0, LEFT[scene])
    for colour in BLOCKS:
        (low_x, low_y, _), (high_x, high_y, _) = SURFACES[scene][getattr(condition, f"{colour}_block")]
        x, y = start.blocks[colour][:2]
        assert low_x <= x <= high_x and low_y <= y <= high_y
