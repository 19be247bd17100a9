"""Progress of LIBERO: 0 at the start, 1 at success and only there; stages and events that tell what happens."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import envs
from envs.libero.progress import Progress, turning_point
from envs.libero.simulation import Simulation
from tests.libero_upstream import ALL_TASKS, an_episode, assets_folder

pytestmark = pytest.mark.simulator

SOUP = "pick_up_the_alphabet_soup_and_place_it_in_the_basket"
MIDDLE = "open_the_middle_drawer_of_the_cabinet"
MICROWAVE = "KITCHEN_SCENE6_put_the_yellow_and_white_mug_in_the_microwave_and_close_it"
STOVE = "turn_on_the_stove"
STEPS = 12  # of one push or pull of a joint by hand


@pytest.fixture
def env() -> Iterator[Any]:
    """The environment without cameras."""
    made = envs.make("libero", cameras=(), assets="stand-in")
    yield made
    made.close()


def played(env: Any, task: str) -> tuple[list[float], list[str], list[str], bool]:
    """What the expert's episode goes through: progress, stages and events, and whether it succeeds."""
    env.reset(options={"episode": an_episode(task, 0)})
    progress, stages, events, ended = [], [], [], False
    while not ended:
        _, _, terminated, truncated, info = env.step(env.expert_action())
        ended = terminated or truncated
        progress.append(info["progress"])
        events += info["events"]
        if not stages or stages[-1] != info["stage"]:
            stages.append(info["stage"])
    return progress, stages, events, info["success"]


def test_an_object_is_reached_grasped_transported_and_placed(env: Any) -> None:
    progress, stages, events, success = played(env, SOUP)
    assert success and progress[-1] == 1.0 and max(progress[:-1]) < 1.0
    assert progress[0] < 0.05 and np.mean(np.diff(progress) >= -0.002) > 0.85, "it rises but for the way over the wall"
    assert stages[0] == "reach alphabet_soup_1"
    assert "transport alphabet_soup_1" in stages and stages[-1] == "done"
    assert events[0] == "grasped alphabet_soup_1" and events[-1] == "success"
    assert not any(event.startswith(("dropped", "wrong")) for event in events)


def test_a_drawer_is_reached_and_moved(env: Any) -> None:
    progress, stages, _, success = played(env, MIDDLE)
    assert success and progress[-1] == 1.0 and max(progress[:-1]) < 1.0
    region = "wooden_cabinet_1_middle_region"
    assert stages[0] == f"reach {region}" and f"move {region}" in stages


def test_an_object_that_the_goal_does_not_name_is_the_wrong_one_and_a_lost_one_is_dropped(env: Any) -> None:
    env.reset(options={"episode": an_episode(SOUP, 0)})
    sim: Simulation = env.simulation
    sim.goal = [("in", "milk_1", "basket_1_contain_region")]
    expert_for_soup, told = [], []
    env._progress = Progress(sim)
    sim.goal = [("in", "alphabet_soup_1", "basket_1_contain_region")]
    while "wrong object alphabet_soup_1" not in told:
        expert_for_soup.append(env.expert_action())
        told += env.step(expert_for_soup[-1])[4]["events"]
    held = expert_for_soup[-1] * [0, 0, 0, 0, 0, 0, 1]
    assert held[6] > 0, "the gripper is closed"
    joint = sim.model.joint("alphabet_soup_1_joint0").qposadr[0]
    sim.data.qpos[joint : joint + 3] += [0.0, 0.3, 0.0]
    for _ in range(5):
        told += env.step(held)[4]["events"]
    assert told[-1] == "dropped alphabet_soup_1"


@pytest.mark.parametrize(("task", "verb"), [(MIDDLE, "open"), (MICROWAVE, "close"), (STOVE, "turnon")])
def test_a_joint_has_to_go_where_upstreams_verdict_turns(task: str, verb: str) -> None:
    sim = Simulation(task, assets_folder("stand-in"))
    sim.start("eval", 0, seed=0)
    (part,) = (one for one in Progress(sim)._parts if one.predicate[0] == verb)
    address = sim.model.jnt_qposadr[sim.joint(part.predicate[1])]
    step = np.sign(part._end - part._start) * 0.01
    for at, holds in ((part._end - step, False), (part._end + step, True)):
        sim.data.qpos[address] = at
        assert sim.holds(part.predicate) == holds


def test_a_verdict_that_holds_nowhere_has_no_turning_point() -> None:
    with pytest.raises(AssertionError, match="no position of the joint fulfils"):
        turning_point(lambda _: False, 0.0, np.array([-0.16, 0.01]))


@pytest.mark.slow
@pytest.mark.parametrize("task", ALL_TASKS)
def test_progress_begins_near_0_and_stays_below_1_without_success(task: str, env: Any) -> None:
    env.reset(options={"episode": an_episode(task, 5)})
    progress = [env.step(np.array([0, 0, 0, 0, 0, 0, -1], np.float32))[4]["progress"] for _ in range(20)]
    assert max(progress) < 0.15
