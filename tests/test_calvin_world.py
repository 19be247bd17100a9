"""CALVIN's world: starts are clean, the arm follows, lights obey button and switch, contacts are told by name.

Expected numbers were measured in calvin_env@797142c with its data files.
"""

from __future__ import annotations

import hashlib
import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pybullet
import pytest
from hypothesis import given, strategies

from envs.calvin.initial_states import ROBOT
from envs.calvin.lights import Lights
from envs.calvin.robot import CLOSE, OPEN
from envs.calvin.states import SCENES, Floats, Start
from envs.calvin.surfaces import SURFACES, random_pose
from envs.calvin.world import BUTTON, DRAWER, LED, PLANK, SLIDER, SWITCH, World
from tests.calvin_playing import PLACES, assets_folder, hashes, play, random_start, scene_obs, wander

STILL = np.array([0, 0, 0, 0, 0, 0, OPEN], float)
STEPS = 60
SEEDS = [1, 3, 4]  # of episodes that differ from the first step, or the first touch, on where nothing is loaded again
ORDERS = {
    "A": ("pink", "blue", "red"),
    "B": ("red", "blue", "pink"),
    "C": ("blue", "red", "pink"),
    "D": ("red", "blue", "pink"),
}
pytestmark = pytest.mark.simulator


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def world(place: str) -> Iterator[World]:
    with closing(World("D", assets_folder(place))) as made:
        yield made


def start_like(**changes: Any) -> Start:
    """A start in scene D with all doors closed, lights out, two blocks on the table and pink in the slider."""
    blocks = {
        "red": np.array([0.05, -0.12, 0.46, 0, 0, 1.57]),
        "blue": np.array([0.23, -0.12, 0.46, 0, 0, 0]),
        "pink": np.array([0.07, 0.0924, 0.461, 0, 0, 1.57]),
    }
    return Start(np.array(ROBOT), 0.0, 0.0, 0.0, 0.0, False, False, blocks)._replace(**changes)


@pytest.mark.parametrize("scene", SCENES)
def test_a_start_is_what_was_asked_for(place: str, scene: str) -> None:
    start = random_start(scene, np.random.default_rng(3))
    with closing(World(scene, assets_folder(place))) as world:
        world.reset(start)
        assert world.block_order == ORDERS[scene]
        np.testing.assert_allclose(world.scene_obs()[:6], scene_obs(start, ORDERS[scene])[:6], atol=1e-3)
        for number, colour in enumerate(ORDERS[scene]):
            np.testing.assert_allclose(world.scene_obs()[6 + 6 * number :][:2], start.blocks[colour][:2], atol=5e-3)
        np.testing.assert_allclose(world.robot_obs()[6:], start.robot[6:], atol=1e-4)


def test_the_tool_is_where_the_joints_of_every_evaluation_put_it(world: World) -> None:
    world.reset(start_like())
    np.testing.assert_allclose(world.robot_obs(), ROBOT, atol=1e-4)


def test_what_follows_a_start_does_not_depend_on_what_ran_before_nor_on_the_process(place: str) -> None:
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as child:
        elsewhere = child.submit(hashes, place, SEEDS, STEPS)
        assert hashes(place, SEEDS[::-1], STEPS) == elsewhere.result()


def test_what_follows_a_start_does_not_depend_on_another_world_in_the_process(world: World, place: str) -> None:
    random = np.random.default_rng(1)
    start, actions = random_start("D", random), wander(STEPS, random)
    alone = [shown.robot_obs.tobytes() for shown in play(world, start, actions)]
    with closing(World("A", assets_folder(place))) as other:
        disturbing = play(other, random_start("A", random), wander(STEPS, random))
        beside = [shown.robot_obs.tobytes() for shown, _ in zip(play(world, start, actions), disturbing, strict=True)]
    assert beside == alone


def test_reading_the_state_changes_nothing(world: World) -> None:
    random = np.random.default_rng(4)
    start, actions = random_start("D", random), wander(STEPS, random)
    for _ in play(world, start, actions):
        world.state()
    seen = digest(world)
    world.reset(start)
    for action in actions:
        world.step(action)
    assert digest(world) == seen


def digest(world: World) -> str:
    return hashlib.sha256(world.state().tobytes()).hexdigest()


def test_relative_actions_add_up_on_the_pose_asked_for_and_absolute_ones_leave_it(world: World) -> None:
    world.reset(start_like())
    target = np.concatenate([world.robot.target_position, world.robot.target_euler])
    world.step(np.array([1, 0, 0, 0, 0, -1, OPEN], float))
    world.step_to((0.1, -0.1, 0.6), ROBOT[3:6], CLOSE)
    world.step(np.array([1, 0, 0, 0, 0, -1, OPEN], float))
    asked = np.concatenate([world.robot.target_position, world.robot.target_euler])
    np.testing.assert_allclose(asked - target, [0.04, 0, 0, 0, 0, -0.1], atol=1e-12)


def test_the_tool_follows_with_the_official_lag(world: World) -> None:
    world.reset(start_like())
    before = world.robot_obs()[0]
    for _ in range(10):
        world.step(np.array([1, 0, 0, 0, 0, 0, OPEN], float))
    assert world.robot_obs()[0] - before == pytest.approx(0.174, abs=0.002)
    for _ in range(10):
        world.step(STILL)
    assert world.robot_obs()[0] - before == pytest.approx(0.198, abs=0.002)


def test_the_gripper_closes_and_opens_at_the_official_pace(world: World) -> None:
    world.reset(start_like())
    shut = np.array([0, 0, 0, 0, 0, 0, CLOSE], float)
    closing_widths = [opening_after(world, shut) for _ in range(20)]
    assert closing_widths[0] == pytest.approx(0.0344, abs=0.001)
    assert closing_widths[4] < 0.002
    assert [opening_after(world, STILL) for _ in range(2)][1] == pytest.approx(0.0563, abs=0.001)


def opening_after(world: World, action: Floats) -> float:
    world.step(action)
    assert world.robot_obs()[14] == action[6]
    return float(world.robot_obs()[6])


def test_a_start_may_have_the_gripper_closed(world: World) -> None:
    closed = np.array(ROBOT)
    closed[6], closed[14] = 0.0, CLOSE
    world.reset(start_like(robot=closed))
    assert world.robot_obs()[14] == CLOSE
    assert world.robot_obs()[6] == pytest.approx(0, abs=1e-4)


def test_contacts_name_the_body_and_the_link_that_a_block_touches(world: World) -> None:
    world.reset(start_like())
    for _ in range(30):
        world.step(STILL)
    seen = world.snapshot()
    assert seen.blocks["red"].contacts == {("table", -1)}
    assert ("table", PLANK) in seen.blocks["pink"].contacts
    assert seen.robot_contacts == frozenset()
    assert np.abs(seen.blocks["blue"].velocity).max() < 0.01


def test_blocks_have_the_size_that_the_world_tells(world: World) -> None:
    world.reset(start_like())
    for colour, body in world.blocks.items():
        shape = pybullet.getCollisionShapeData(body, -1, physicsClientId=world.client)[0]
        np.testing.assert_allclose(np.sort(shape[3]), np.sort(world.block_size[colour]), atol=1e-9)


@pytest.mark.parametrize(("joint", "axis"), [(SLIDER, 0), (DRAWER, 1), (BUTTON, 2), (SWITCH, 3)])
def test_doors_are_told_in_the_official_order(world: World, joint: int, axis: int) -> None:
    world.reset(start_like())
    pybullet.resetJointState(world.table, joint, 0.01, physicsClientId=world.client)
    assert np.flatnonzero(np.array(world.doors()) > 0.009).tolist() == [axis]


def test_pressing_the_button_and_lifting_the_switch_light_the_two_lights(world: World) -> None:
    world.reset(start_like())
    assert pybullet.getJointInfo(world.table, LED, physicsClientId=world.client)[12] == b"led_link"
    pybullet.resetJointState(world.table, SWITCH, 0.088, physicsClientId=world.client)
    world.step(STILL)
    assert (world.lights.lightbulb, world.lights.led) == (True, False)
    for _ in range(3):
        press(world)
    assert world.scene_obs()[4:6].tolist() == [1, 1]


def press(world: World) -> None:
    """As if by a finger that cannot be held back, and release."""
    down = {"jointIndex": BUTTON, "controlMode": pybullet.POSITION_CONTROL, "physicsClientId": world.client}
    for position, force in ((0.02, 1000), (0.0, 4)):
        pybullet.setJointMotorControl2(world.table, targetPosition=position, force=force, **down)
        for _ in range(15):
            world.step(STILL)


@given(strategies.lists(strategies.booleans()), strategies.booleans())
def test_the_led_changes_once_with_each_press_however_long(presses: list[bool], led: bool) -> None:
    lights = Lights()
    lights.reset(led=led, lightbulb=False)
    for down in presses:
        lights.update(button_down=down, switch_up=False)
    count = sum(down and not before for down, before in zip(presses, [False, *presses], strict=False))
    assert lights.led is (led ^ (count % 2 == 1))


def test_the_pinned_button_takes_a_shining_led_to_be_dark() -> None:
    lights = Lights("pinned")
    lights.reset(led=True, lightbulb=False)
    seen = []
    for down in (True, False) * 3:
        lights.update(button_down=down, switch_up=False)
        seen.append(lights.led)
    assert seen == [True, True, False, False, True, True]


def test_the_bulb_stays_as_asked_for_until_the_switch_crosses_its_middle() -> None:
    lights = Lights()
    lights.reset(led=False, lightbulb=True)
    seen = []
    for up in (False, True, False, False, True):
        lights.update(button_down=False, switch_up=up)
        seen.append(lights.lightbulb)
    assert seen == [True, True, False, False, True]


@pytest.mark.parametrize("scene", SCENES)
def test_random_poses_lie_on_the_surfaces_of_the_scene(scene: str) -> None:
    random = np.random.default_rng(0)
    poses = np.array([random_pose(scene, random) for _ in range(300)])
    low, high = np.array(list(SURFACES[scene].values())).swapaxes(0, 1)  # (surfaces, 3) each
    inside = ((poses[:, None, :3] >= low) & (poses[:, None, :3] <= high)).all(axis=2)  # (poses, surfaces)
    assert inside.any(axis=1).all() and inside.any(axis=0).all()
    assert np.abs(poses[:, 5]).max() > 3 and not poses[:, 3:5].any()


def test_an_unknown_scene_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(LookupError, match="no scene named 'E'; there are: A, B, C, D"):
        World("E", Path())


def test_an_unknown_button_is_refused() -> None:
    with pytest.raises(ValueError, match="button must be one of main, pinned, not 'old'"):
        World("D", Path(), "old")


@pytest.mark.parametrize("gripper", [0.0, 0.5, float("nan")])
def test_a_gripper_value_that_is_no_command_is_refused_and_moves_nothing(world: World, gripper: float) -> None:
    world.reset(start_like())
    before = digest(world)
    with pytest.raises(ValueError, match=r"the gripper's action must be -1 \(close\) or 1 \(open\), not"):
        world.step(np.array([1, 1, 1, 0, 0, 0, gripper]))
    with pytest.raises(ValueError, match=r"the gripper's action must be -1 \(close\) or 1 \(open\), not"):
        world.step_to((0, 0, 0.6), (0, 0, 0), gripper)
    assert digest(world) == before


def test_a_table_with_other_links_is_refused(tmp_path: Path) -> None:
    source = assets_folder("stand-in")
    for folder in source.iterdir():
        if folder.name != "calvin_table_D":
            (tmp_path / folder.name).symlink_to(folder)
    urdf = source / "calvin_table_D" / "urdf" / "calvin_table_D.urdf"
    (tmp_path / "calvin_table_D" / "urdf").mkdir(parents=True)
    for folder in (source / "calvin_table_D").iterdir():
        if folder.name != "urdf":
            (tmp_path / "calvin_table_D" / folder.name).symlink_to(folder)
    (tmp_path / "calvin_table_D" / "urdf" / urdf.name).write_text(urdf.read_text().replace("plank_link", "shelf"))
    with closing(World("D", tmp_path)) as world, pytest.raises(ValueError, match=r"must have the links .*'plank_link'"):
        world.reset(start_like())


def test_closing_twice_does_no_harm(place: str) -> None:
    world = World("D", assets_folder(place))
    world.close()
    world.close()
