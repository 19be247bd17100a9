"""The expert's way with drawers, doors and knobs: it works on our stand-ins as on official files."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from envs.libero import upstream
from envs.libero.expert.articulated import close_, open_, turn
from envs.libero.expert.hand import Hand, Skill
from envs.libero.expert.parts import Part, Pose
from envs.libero.simulation import Simulation
from tests.libero_upstream import PLACES, assets_folder

pytestmark = pytest.mark.simulator

MOST_STEPS = 150
SKILLS: dict[str, Callable[[Hand, str], Skill]] = {
    "open": open_,
    "close": close_,
    "turnon": lambda hand, name: turn(hand, name, True),
    "turnoff": lambda hand, name: turn(hand, name, False),
}
ONLY = re.compile(r"\(:goal\s*\(And \((Open|Close|Turnon|Turnoff) \w+\)\)", re.IGNORECASE)
FILES = upstream.task_files() if find_spec("libero") else {}
SINGLE = sorted(task for task, file in FILES.items() if ONLY.search(file.read_text()))
QUICK = [
    "KITCHEN_SCENE1_open_the_bottom_drawer_of_the_cabinet",
    "KITCHEN_SCENE4_close_the_bottom_drawer_of_the_cabinet",
    "KITCHEN_SCENE7_open_the_microwave",
    "KITCHEN_SCENE3_turn_on_the_stove",
    "KITCHEN_SCENE8_turn_off_the_stove",
]


def holds_after_skill(simulation: Simulation) -> bool:
    """Whether the goal's only predicate holds once its skill has ended by itself."""
    ((verb, name),) = simulation.goal
    assert not simulation.success()
    for steps, action in enumerate(SKILLS[verb](Hand(simulation), name)):
        assert action.shape == (7,) and np.abs(action).max() <= 1.0
        assert steps < MOST_STEPS
        simulation.step(action)
    return simulation.success()


@pytest.fixture(scope="module", params=PLACES)
def folder(request: pytest.FixtureRequest) -> Path:
    return assets_folder(request.param)


@pytest.mark.parametrize("task", QUICK)
def test_a_skill_brings_about_its_predicate_and_letting_go_does_not_undo_it(task: str, folder: Path) -> None:
    simulation = Simulation(task, folder)
    simulation.start("eval", 0, seed=0)
    assert holds_after_skill(simulation)


@pytest.mark.slow
@pytest.mark.parametrize("task", SINGLE)
def test_nineteen_of_twenty_starts_end_well(task: str, folder: Path) -> None:
    simulation, done = Simulation(task, folder), 0
    for index in (*range(10), *range(20, 30)):
        simulation.start("eval", index, seed=index)
        done += holds_after_skill(simulation)
    assert done >= 19


def test_a_skill_whose_predicate_holds_has_nothing_to_do() -> None:
    simulation = Simulation("KITCHEN_SCENE4_close_the_bottom_drawer_of_the_cabinet", assets_folder("stand-in"))
    simulation.start("eval", 0, seed=0)
    assert list(open_(Hand(simulation), "white_cabinet_1_bottom_region")) == []


def test_a_wrist_that_a_placing_has_twisted_is_untwisted_first() -> None:
    simulation = Simulation("KITCHEN_SCENE4_close_the_bottom_drawer_of_the_cabinet", assets_folder("stand-in"))
    simulation.start("eval", 0, seed=0)
    simulation.data.qpos[:7] = (0.2, 0.4, 0.0, -1.9, 0.0, 2.5, 2.4)  # after a bowl was let go in this drawer
    simulation.problem.sim.forward()
    assert holds_after_skill(simulation)


def test_a_pose_fixed_to_a_part_moves_along_its_joint() -> None:
    simulation = Simulation("KITCHEN_SCENE7_open_the_microwave", assets_folder("stand-in"))
    simulation.start("eval", 0, seed=0)
    door = Part(simulation, "microwave_1")
    bar = door.outermost(np.array([0.0, 1.0, 0.0]))  # this microwave faces the world's +y
    before, moved = Pose(door.centre(bar), np.eye(3)), -0.4
    simulation.data.qpos[simulation.model.joint("microwave_1_microjoint").qposadr] += moved
    simulation.problem.sim.forward()
    np.testing.assert_allclose(door.carried(before, moved).position, door.centre(bar), atol=1e-9)
