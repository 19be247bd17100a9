"""The verdicts on CALVIN's subtasks: what solves each, what does not, and the laws that they keep."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from envs.calvin.oracles import DRAWER, PLANK, SUBTASKS, TOP, held, solved
from envs.calvin.states import BLOCKS, Contact, Snapshot
from tests.calvin_snapshots import FINGERS, block, snapshot, solving

unhurried = settings(deadline=None)
MIRRORED = {"left": "right", "right": "left", "open": "close", "close": "open", "on": "off", "off": "on"}


def test_there_are_34_subtasks() -> None:
    assert len(SUBTASKS) == 34 and set(SUBTASKS) == set(solving())


@pytest.mark.parametrize("subtask", SUBTASKS)
def test_a_subtask_is_solved_by_what_it_asks_for_and_by_nothing_less(subtask: str) -> None:
    start, end = solving()[subtask]
    assert solved(subtask, start, end) is True
    assert solved(subtask, start, start) is False


@pytest.mark.parametrize("subtask", SUBTASKS)
def test_hardly_anything_else_is_solved_along_with_it(subtask: str) -> None:
    also = {other for other in SUBTASKS if solved(other, *solving()[subtask])} - {subtask}
    assert len(also) <= 1, "a lift from a surface that was touched through the table's top, say"


def test_an_unknown_subtask_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(LookupError, match="no subtask named 'open_drawers'; did you mean 'open_drawer'"):
        solved("open_drawers", snapshot(), snapshot())


@pytest.mark.parametrize(
    ("subtask", "start", "end"),
    [
        ("move_slider_left", {"slider": 0.0}, {"slider": 0.15}),
        ("open_drawer", {"drawer": 0.11}, {"drawer": 0.22}),
        ("rotate_red_block_left", {}, {"red": block(yaw_deg=59)}),
        ("rotate_red_block_left", {}, {"red": block(yaw_deg=70, roll_deg=31)}),
        ("rotate_red_block_left", {}, {"red": block((0.08, -0.03, 0.46), yaw_deg=70)}),
        ("rotate_red_block_left", {}, {"red": block(yaw_deg=70, contacts=FINGERS)}),
        ("push_red_block_right", {}, {"red": block((0.11, -0.1, 0.46), contacts=FINGERS)}),
        ("push_red_block_right", {"red": block(contacts=FINGERS)}, {"red": block((0.11, -0.1, 0.46))}),
        ("push_red_block_right", {}, {"red": block((0.11, -0.1, 0.42), contacts=(DRAWER,))}),
        ("lift_red_block_table", {}, {"red": block((0.0, -0.1, 0.52), (*FINGERS, ("blue", -1)))}),
        ("lift_red_block_table", {}, {"red": block((0.0, -0.1, 0.52), ())}),
        ("lift_red_block_slider", {}, {"red": block((0.0, -0.1, 0.52), FINGERS)}),
        ("stack_block", {}, {"red": block(contacts=(("blue", -1), TOP))}),
        ("stack_block", {}, {"red": block(contacts=(("blue", -1),), velocity=(0.0, 0.0, -1.0))}),
        ("unstack_block", {"red": block(contacts=(("blue", -1), *FINGERS))}, {}),
        ("push_into_drawer", {"red": block(contacts=(TOP, ("blue", -1)))}, {"red": block(contacts=(DRAWER,))}),
        ("turn_on_led", {"led": True}, {"led": True}),
    ],
)
def test_what_falls_short_does_not_solve(subtask: str, start: dict[str, Any], end: dict[str, Any]) -> None:
    assert not solved(subtask, snapshot(**start), snapshot(**end))


def test_the_robot_may_touch_a_block_that_is_pushed_into_the_drawer() -> None:
    assert solved("push_into_drawer", snapshot(), snapshot(red=block(contacts=(DRAWER, *FINGERS))))


def test_a_push_may_end_with_the_robot_at_the_block() -> None:
    assert solved("push_red_block_right", snapshot(), snapshot(red=block((0.11, -0.1, 0.46), (TOP, *FINGERS))))


@pytest.mark.parametrize(
    ("robot", "red"),
    [
        ((), FINGERS),
        ((("red", -1), ("table", -1)), FINGERS),
        ((("red", -1),), (*FINGERS, TOP)),
        ((("table", 3),), FINGERS),
    ],
)
def test_only_what_the_robot_holds_and_nothing_else_can_be_placed(
    robot: tuple[Contact, ...], red: tuple[Contact, ...]
) -> None:
    start = snapshot(robot, red=block((0.0, -0.1, 0.52), red))
    assert held(start) is None
    assert not solved("place_in_drawer", start, snapshot(red=block(contacts=(DRAWER,))))


def test_a_block_that_the_robot_still_touches_is_not_placed() -> None:
    start = snapshot((("red", -1),), red=block((0.0, -0.1, 0.52), FINGERS))
    assert held(start) == "red"
    assert not solved("place_in_drawer", start, snapshot((("red", -1),), red=block(contacts=(DRAWER, *FINGERS))))


contacts = st.frozensets(
    st.sampled_from([TOP, DRAWER, PLANK, *FINGERS, ("red", -1), ("blue", -1), ("pink", -1)]), max_size=3
)
coordinates = st.tuples(st.floats(-0.3, 0.3), st.floats(-0.2, 0.15), st.floats(0.3, 0.6))
some_block = st.builds(block, coordinates, contacts.map(tuple), st.floats(-180, 180), st.floats(-40, 40))
some_snapshot = st.builds(
    snapshot,
    st.frozensets(st.sampled_from([("red", -1), ("blue", -1), ("table", 3)]), max_size=2).map(tuple),
    slider=st.floats(0, 0.28),
    drawer=st.floats(0, 0.22),
    lightbulb=st.booleans(),
    led=st.booleans(),
    red=some_block,
    blue=some_block,
    pink=some_block,
)


@given(some_snapshot, st.sampled_from(SUBTASKS))
@unhurried
def test_nothing_is_solved_where_nothing_has_changed(scene: Snapshot, subtask: str) -> None:
    assert not solved(subtask, scene, scene)


@given(
    some_snapshot,
    some_snapshot,
    st.sampled_from(["move_slider_left", "open_drawer", "turn_on_led", "turn_on_lightbulb"]),
)
def test_what_one_way_solves_the_way_back_solves_the_other_way(one: Snapshot, other: Snapshot, subtask: str) -> None:
    words = [MIRRORED.get(word, word) for word in subtask.split("_")]
    assert solved(subtask, one, other) == solved("_".join(words), other, one)
    assert not (solved(subtask, one, other) and solved("_".join(words), one, other))


@given(some_snapshot, some_snapshot, st.sampled_from(BLOCKS), st.sampled_from(["push", "rotate"]))
@unhurried
def test_no_block_goes_left_and_right_at_once(one: Snapshot, other: Snapshot, colour: str, verb: str) -> None:
    assert not all(solved(f"{verb}_{colour}_block_{side}", one, other) for side in ("left", "right"))


@given(some_snapshot, some_snapshot, st.sampled_from(SUBTASKS))
@unhurried
def test_colours_are_alike(one: Snapshot, other: Snapshot, subtask: str) -> None:
    renamed = {"red": "blue", "blue": "pink", "pink": "red"}

    def repainted(scene: Snapshot) -> Snapshot:
        def touched(those: frozenset[Contact]) -> frozenset[Contact]:
            return frozenset((renamed.get(body, body), link) for body, link in those)

        blocks = {renamed[name]: lump._replace(contacts=touched(lump.contacts)) for name, lump in scene.blocks.items()}
        return scene._replace(blocks=blocks, robot_contacts=touched(scene.robot_contacts))

    other_name = "_".join(renamed.get(word, word) for word in subtask.split("_"))
    assert solved(subtask, one, other) == solved(other_name, repainted(one), repainted(other))
