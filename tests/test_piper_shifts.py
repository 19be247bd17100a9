"""Shifts of the PiPER scenes: each changes what it says, nothing else, and the same draw makes the same change."""

from __future__ import annotations

import math

import mujoco
import numpy as np
import pytest

from envs.piper import SHIFTS, shifts
from envs.piper.scenes import AGENT_FOVY_DEG, SCENES, Scene, camera_axes
from envs.piper.shifts import Shifted
from envs.piper.tasks import TASKS, Goal
from envs.piper.toys import Toy

pytestmark = pytest.mark.simulator

GRIPPER_M = 0.070
WORKSPACE = {
    "kitchen": [(x, y, 0.16) for x in (0.28, 0.58) for y in (-0.40, 0.36)],
    "table": [(x, y, 0.0) for x in (0.18, 0.50) for y in (-0.30, 0.30)],
}
HAND = (0.29, 0.0, 0.44)  # of the arm at home
LOOKS = {
    "none": set[str](),
    "instruction": set[str](),
    "light": {"nlight", "headlight_ambient", "light_"},
    "camera": {"cam_pos", "cam_quat", "cam_pos0", "cam_poscom0", "cam_mat0"},
    "background": {"mat_rgba", "tex_data"},
}


def drawn(task: str, shift: str, seed: int = 0) -> Shifted:
    goal = TASKS[task]
    return shifts.shifted(SCENES[goal.scene], goal.target, shift, np.random.default_rng(seed))


def facts(model: mujoco.MjModel) -> dict[str, object]:
    """All arrays and counts of a model, but for the table of names, where one more name moves all others."""
    found: dict[str, object] = {"headlight_ambient": model.vis.headlight.ambient.tolist()}
    for name in dir(model):
        value = getattr(model, name)
        if name.startswith(("name", "nnames", "nbuffer", "_")) or not isinstance(value, np.ndarray | int):
            continue
        found[name] = (value.shape, value.tobytes()) if isinstance(value, np.ndarray) else value
    return found


def changed(task: str, shift: str, seed: int = 0) -> set[str]:
    before, after = (facts(drawn(task, name, seed).spec.compile()) for name in ("none", shift))
    return {name for name in before if before[name] != after[name]}


def bodies(model: mujoco.MjModel) -> dict[str, bytes]:
    """What belongs to each body: its mass and place, and the looks and shapes of its geoms."""
    found = {}
    for index in range(model.nbody):
        body, own = model.body(index), model.geom_bodyid == index
        parts = [body.mass, body.inertia, body.pos, body.quat, body.ipos, model.geom_size[own], model.geom_rgba[own]]
        parts += [model.geom_pos[own], model.geom_quat[own], model.geom_contype[own], model.geom_conaffinity[own]]
        found[body.name] = b"".join(np.asarray(part).tobytes() for part in parts)
    return found


def seen_at(scene: Scene, point: tuple[float, float, float]) -> float:
    """How far from the middle of the agent's picture a point is; at its edge 1."""
    right, up, depth = np.subtract(point, scene.eye) @ camera_axes(scene)
    return float(max(abs(right), abs(up)) / (-depth * math.tan(math.radians(AGENT_FOVY_DEG / 2))))


@pytest.mark.parametrize("shift", LOOKS)
@pytest.mark.parametrize("task", ["close-left-door", "pot-sink", "whale-plate"])
def test_a_shift_of_looks_changes_that_and_nothing_else(task: str, shift: str) -> None:
    found = changed(task, shift)
    assert bool(found) == bool(LOOKS[shift])
    assert not {name for name in found if not name.startswith(tuple(LOOKS[shift]))}


@pytest.mark.parametrize("task", TASKS)
def test_a_novel_object_is_the_target_and_no_other(task: str) -> None:
    before, after = (bodies(drawn(task, shift).spec.compile()) for shift in ("none", "object"))
    assert {name for name in before if before[name] != after[name]} == {TASKS[task].target}


@pytest.mark.parametrize("door", ["left_door", "right_door"])
def test_a_novel_door_moves_as_the_old_one(door: str) -> None:
    found = changed(f"close-{door.replace('_', '-')}", "object")
    assert found and not {name for name in found if not name.startswith(("geom_", "bvh_"))}
    before, after = (drawn("close-left-door", shift).spec.compile() for shift in ("none", "object"))
    assert np.array_equal(before.geom_size[before.geom_contype > 0], after.geom_size[after.geom_contype > 0])


@pytest.mark.parametrize("task", ["red-cup-sink", "green-cup-sink", "whale-pot", "octopus-pot"])
def test_a_novel_object_keeps_its_colour_word_and_fits_the_gripper(task: str) -> None:
    goal = TASKS[task]
    for seed in range(50):
        old, new = (named(drawn(task, shift, seed).scene, goal) for shift in ("none", "object"))
        assert np.argsort(new.colour).tolist()[-1] == np.argsort(old.colour).tolist()[-1]
        assert new.colour != old.colour and new.scale != old.scale
        assert 0.054 * new.scale < GRIPPER_M - 0.010


def named(scene: Scene, goal: Goal) -> Toy:
    return next(toy for toy in scene.toys if toy.name == goal.target)


@pytest.mark.parametrize("task", ["pot-stove", "octopus-plate"])
def test_distractors_come_last_and_are_like_nothing_else_in_the_scene(task: str) -> None:
    before = bodies(drawn(task, "none").spec.compile())
    counts = set()
    for seed in range(20):
        scene, spec = drawn(task, "distractor", seed)
        own = SCENES[TASKS[task].scene].toys
        added = scene.toys[len(own) :]
        assert scene.toys[: len(own)] == own
        assert [toy.name for toy in added] == [f"distractor_{number}" for number in range(1, len(added) + 1)]
        assert len({(toy.kind, toy.colour) for toy in scene.toys}) == len(scene.toys)
        after = bodies(spec.compile())
        assert {name: after[name] for name in before} == before
        assert after.keys() - before.keys() == {toy.name for toy in added}
        counts.add(len(added))
    assert counts == {2, 3}


@pytest.mark.parametrize("name", SCENES)
def test_the_agent_camera_sees_the_workspace_and_the_hand_wherever_it_is_moved(name: str) -> None:
    points = [*WORKSPACE[name], HAND]
    assert max(seen_at(SCENES[name], point) for point in points) < 0.97
    for seed in range(200):
        scene = shifts.with_camera_moved(SCENES[name], np.random.default_rng(seed))
        assert 0.03 <= math.dist(scene.eye, SCENES[name].eye) <= 0.08
        assert max(seen_at(scene, point) for point in points) < 1.03


@pytest.mark.parametrize("shift", SHIFTS)
def test_the_same_draw_makes_the_same_model(shift: str) -> None:
    first, again, other = (facts(drawn("pot-sink", shift, seed).spec.compile()) for seed in (3, 3, 4))
    assert first == again
    assert (first == other) == (shift in ("none", "instruction"))


def test_an_unknown_shift_lists_what_there_is() -> None:
    with pytest.raises(LookupError, match=r"'lights'.*'light'.*background, camera"):
        drawn("pot-sink", "lights")
