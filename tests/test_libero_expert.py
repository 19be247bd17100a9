"""The scripted expert of LIBERO solves tasks of each kind, on our stand-ins as on official files."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, strategies as st

from envs.libero import upstream
from envs.libero.expert.expert import Expert, ordered
from envs.libero.expert.relief import CELL_M, NOTHING, Grid, Solids, reliefs
from envs.libero.simulation import Simulation
from protocols.rotations import matrix_from_vector
from tests.libero_upstream import PLACES, assets_folder

pytestmark = pytest.mark.simulator

FILES = upstream.task_files() if find_spec("libero") else {}
HORIZONS = {"libero_spatial": 220, "libero_object": 280, "libero_goal": 300, "libero_10": 520, "libero_90": 400}
FLOORS = {"libero_spatial": 0.95, "libero_object": 0.98, "libero_goal": 0.90, "libero_10": 0.70, "libero_90": 0.70}
HELD_OUT = range(10, 20)  # init states that nobody looked at while the expert was written
KINDS = {
    "a can into a basket": "pick_up_the_alphabet_soup_and_place_it_in_the_basket",
    "a flat box into a basket": "pick_up_the_butter_and_place_it_in_the_basket",
    "a bowl off a box": "pick_up_the_black_bowl_on_the_cookie_box_and_place_it_on_the_plate",
    "a bottle onto a rack": "put_the_wine_bottle_on_the_rack",
    "a mug by its wall": "LIVING_ROOM_SCENE5_put_the_red_mug_on_the_left_plate",
    "a pan onto a stove": "KITCHEN_SCENE3_put_the_frying_pan_on_the_stove",
    "a book into a caddy": "STUDY_SCENE1_pick_up_the_book_and_place_it_in_the_left_compartment_of_the_caddy",
    "a drawer first, then a bowl": "open_the_top_drawer_and_put_the_bowl_inside",
    "a mug into a microwave": "KITCHEN_SCENE6_put_the_yellow_and_white_mug_in_the_microwave_and_close_it",
    "a book onto a shelf": "STUDY_SCENE4_pick_up_the_book_on_the_right_and_place_it_on_the_cabinet_shelf",
}


def steps_to_success(simulation: Simulation, most: int) -> int | None:
    """Control steps until the goal holds, None where it does not within that many."""
    expert = Expert(simulation)
    for number in range(most):
        action = expert.next()
        assert action.shape == (7,) and np.abs(action).max() <= 1.0
        simulation.step(action)
        if simulation.success():
            return number + 1
    return None


def horizon(task: str) -> int:
    return HORIZONS[FILES[task].parent.name]


@pytest.mark.parametrize("kind", KINDS)
def test_the_expert_solves_a_task_of_each_kind(kind: str) -> None:
    simulation = Simulation(KINDS[kind], assets_folder("stand-in"))
    simulation.start("eval", 0, seed=0)
    assert steps_to_success(simulation, horizon(KINDS[kind])) is not None


@pytest.mark.parametrize("place", PLACES[1:])
@pytest.mark.parametrize("kind", ["a can into a basket", "a bowl off a box", "a mug by its wall"])
def test_the_expert_solves_the_same_tasks_with_official_files(kind: str, place: str) -> None:
    simulation = Simulation(KINDS[kind], assets_folder(place))
    simulation.start("eval", 0, seed=0)
    assert steps_to_success(simulation, horizon(KINDS[kind])) is not None


def test_the_expert_solves_starts_that_the_placement_rules_draw() -> None:
    simulation = Simulation(KINDS["a flat box into a basket"], assets_folder("stand-in"))
    simulation.start("train", 0, seed=5)
    assert steps_to_success(simulation, horizon(simulation.task)) is not None


def test_the_expert_draws_no_lots() -> None:
    simulation = Simulation(KINDS["a mug by its wall"], assets_folder("stand-in"))
    ends = []
    for _ in range(2):
        simulation.start("eval", 1, seed=0)
        steps_to_success(simulation, 60)
        ends.append(simulation.state())
    assert np.array_equal(ends[0], ends[1])


def test_knobs_come_first_and_what_is_closed_when_it_is_full_comes_last() -> None:
    full = ("close", "cabinet_1_top_region")
    bowl, knob = ("in", "bowl_1", "cabinet_1_top_region"), ("turnon", "stove_1")
    assert ordered([full, bowl, knob]) == [knob, bowl, full]


def test_a_drawer_that_stays_empty_is_closed_before_anything_is_put_on_top() -> None:
    empty, bowl = ("close", "cabinet_1_top_region"), ("on", "bowl_1", "cabinet_1_top_side")
    assert ordered([bowl, empty]) == [empty, bowl]


def test_a_bowl_is_put_in_its_place_before_another_is_stacked_on_it() -> None:
    stacked, placed = ("on", "bowl_1", "bowl_2"), ("in", "bowl_2", "tray_1_contain_region")
    assert ordered([stacked, placed]) == [placed, stacked]


@given(st.tuples(*[st.floats(-3, 3)] * 3), st.tuples(*[st.floats(0.01, 0.05)] * 3))
def test_a_relief_reaches_as_far_as_the_corners_of_the_box_that_it_shows(
    turn: tuple[float, float, float], half: tuple[float, float, float]
) -> None:
    box = Solids(np.zeros((1, 3)), matrix_from_vector(turn)[None], np.array([half]))
    top, bottom = reliefs(box, np.eye(3), Grid.around(np.zeros(2), np.full(2, 0.1)))
    highest = float(box.corners()[:, 2].max())
    assert top.max() == pytest.approx(highest, abs=2 * CELL_M)
    assert bottom.min() == pytest.approx(-highest, abs=2 * CELL_M)
    assert top[0, 0] == NOTHING


@pytest.mark.slow
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("suite", FLOORS)
def test_held_out_starts_are_solved_at_the_rate_that_is_promised(suite: str, place: str) -> None:
    tasks = sorted(task for task, file in FILES.items() if file.parent.name == suite)
    folder: Path = assets_folder(place)
    solved = []
    for task in tasks:
        simulation = Simulation(task, folder)
        for index in HELD_OUT:
            simulation.start("eval", index, seed=0)
            solved.append(steps_to_success(simulation, HORIZONS[suite]) is not None)
    print(f"{suite}, {place}: {sum(solved)}/{len(solved)}")  # `-rP` shows it
    assert np.mean(solved) >= FLOORS[suite]
