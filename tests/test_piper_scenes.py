"""Numbers that the PiPER suite holds beside its models agree with the compiled models."""

from __future__ import annotations

from typing import NamedTuple

import mujoco
import numpy as np
import numpy.testing as npt
import numpy.typing as npty
import pytest

from envs.piper import doors, layout, progress, tasks, toys, tracking, world
from envs.piper.scenes import SCENES, specification
from envs.piper.tasks import TASKS
from envs.piper.toys import Toy
from envs.piper.tracking import Tracker
from tests.piper_snapshots import at_rest

pytestmark = pytest.mark.simulator

Array = npty.NDArray[np.float64]
BOX, CAPSULE = mujoco.mjtGeom.mjGEOM_BOX, mujoco.mjtGeom.mjGEOM_CAPSULE
DOORS = {"left_door": "close-left-door", "right_door": "close-right-door"}


class Model(NamedTuple):
    """A compiled model in the pose that its file gives."""

    model: mujoco.MjModel
    data: mujoco.MjData

    def box(self, geom: str) -> tuple[Array, Array]:
        """Lowest and highest x, y, z of a box that is not turned, metres, world frame."""
        place, half = self.data.geom(geom).xpos, self.model.geom(geom).size
        return place - half, place + half


def compiled(spec: mujoco.MjSpec) -> Model:
    model = spec.compile()
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    return Model(model, data)


@pytest.fixture(scope="module")
def kitchen() -> Model:
    return compiled(specification(SCENES["kitchen"]))


def test_the_basin_is_between_its_walls_and_above_its_bottom(kitchen: Model) -> None:
    walls = [("basin_front", "basin_back"), ("basin_right", "basin_left")]
    inside = [(kitchen.box(low)[1][axis], kitchen.box(high)[0][axis]) for axis, (low, high) in enumerate(walls)]
    npt.assert_allclose(tasks.BASIN, inside)
    assert kitchen.box("basin_bottom")[1][2] == pytest.approx(tasks.BASIN_BOTTOM_M)


def test_things_stand_on_the_counter_and_on_the_table(kitchen: Model) -> None:
    tops = [kitchen.box(f"counter_{side}") for side in ("right", "left", "front", "back")]
    npt.assert_allclose([high[2] for _, high in tops], tasks.COUNTER_M)
    assert SCENES["kitchen"].ground_m == tasks.COUNTER_M
    lowest, highest = np.min([low for low, _ in tops], axis=0), np.max([high for _, high in tops], axis=0)
    table = compiled(specification(SCENES["table"])).box("table")
    assert table[1][2] == SCENES["table"].ground_m
    for room, (low, high) in ((layout.COUNTER, (lowest, highest)), (layout.TABLETOP, table)):
        assert all(low[axis] <= room[axis][0] < room[axis][1] <= high[axis] for axis in (0, 1))


def test_the_burners_are_where_their_rings_are(kitchen: Model) -> None:
    coil = kitchen.model.geom_matid == kitchen.model.material("coil").id
    found = {tuple(place.round(6)) for place in kitchen.data.geom_xpos[coil, :2]}
    assert found == {tasks.FRONT_BURNER, tasks.BACK_BURNER}


def test_the_tap_is_where_nothing_may_stand(kitchen: Model) -> None:
    for geom in ("tap_foot", "tap"):
        npt.assert_allclose(kitchen.data.geom(geom).xpos[:2], layout.TAP)
    assert kitchen.model.geom("tap_foot").size[0] <= layout.TAP_M


@pytest.mark.parametrize("door", DOORS)
def test_a_door_turns_about_its_hinge_towards_the_robot(kitchen: Model, door: str) -> None:
    x, y, side = tasks.HINGES[door]
    hinge = kitchen.data.joint(door).xanchor[:2]
    npt.assert_allclose((x, y), hinge, atol=1e-9)
    shut, ajar = (edge(kitchen, door, angle) - hinge for angle in (0.0, 0.5))
    assert ajar[0] < shut[0], "the outer edge comes nearer"
    assert np.sign(shut[0] * ajar[1] - shut[1] * ajar[0]) == -side
    assert np.sign(-shut[1]) == side


def edge(kitchen: Model, door: str, angle: float) -> Array:
    """(2,) x and y of the middle of the side of a door that is away from its hinge, at that angle."""
    turn(kitchen, door, angle)
    body, geom = kitchen.data.body(door), kitchen.model.geom(door)
    along = geom.pos + geom.size * (0.0, np.sign(geom.pos[1]), 0.0)
    place: Array = body.xpos + body.xmat.reshape(3, 3) @ along
    return place[:2]


def turn(kitchen: Model, door: str, angle: float) -> None:
    kitchen.data.joint(door).qpos = angle
    mujoco.mj_kinematics(kitchen.model, kitchen.data)


@pytest.mark.parametrize("angle", [0.0, 0.7, 1.6])
@pytest.mark.parametrize("door", DOORS)
def test_the_point_to_push_stays_before_the_outer_face(kitchen: Model, door: str, angle: float) -> None:
    turn(kitchen, door, angle)
    seen = at_rest(DOORS[door], (angle, 0.0) if door == "left_door" else (0.0, angle))
    body, geom = kitchen.data.body(door), kitchen.model.geom(door)
    x, y, z = body.xmat.reshape(3, 3).T @ (progress.grasp_point(TASKS[DOORS[door]], seen) - body.xpos)
    assert (abs(y), -x, z) == pytest.approx((*progress.PUSH_AT, 0.0))
    assert x < geom.pos[0] - geom.size[0] and abs(y - geom.pos[1]) < geom.size[1]


@pytest.mark.parametrize("door", DOORS)
def test_the_fingers_push_within_a_millimetre_of_the_outer_face(kitchen: Model, door: str) -> None:
    geom = kitchen.model.geom(door)
    assert 0 <= doors.FACE_M - (geom.size[0] - geom.pos[0]) < 0.0011


def test_the_gripper_opens_as_far_as_its_fingers_go(kitchen: Model) -> None:
    model, data = kitchen
    for finger in ("finger1", "finger2"):
        npt.assert_array_equal(model.joint(finger).range, (0.0, tracking.OPEN_M))
        data.joint(finger).qpos = model.joint(finger).range[1]
    npt.assert_array_equal(model.actuator("gripper").ctrlrange, (-world.SQUEEZE_M, tracking.OPEN_M))
    tracker = Tracker(model, data, SCENES["kitchen"], tuple(toy.name for toy in SCENES["kitchen"].toys))
    assert tracker.snapshot(np.zeros(6), 1.0).opening == pytest.approx(1.0)


def alone(kind: str, scale: float = 1.0) -> mujoco.MjModel:
    """A toy and nothing else."""
    spec = mujoco.MjSpec()
    toys.add(spec, Toy("toy", kind, (0.5, 0.5, 0.5), scale))
    return spec.compile()


@pytest.mark.parametrize("scale", [1.0, 1.2])
@pytest.mark.parametrize(
    ("kind", "radius_m", "height_m"),
    [
        ("mug", toys.MUG_RADIUS_M, toys.MUG_HEIGHT_M),
        ("pot", toys.POT_RADIUS_M, toys.POT_HEIGHT_M),
    ],
)
def test_a_vessels_wall_is_as_wide_and_as_high_as_it_is_said(
    kind: str, radius_m: float, height_m: float, scale: float
) -> None:
    model = alone(kind, scale)
    walls = model.geom_type == BOX
    place, (thick, _, high) = model.geom_pos[walls], model.geom_size[walls].T
    npt.assert_allclose(np.linalg.norm(place[:, :2], axis=1) + thick, radius_m * scale)
    npt.assert_allclose(place[:, 2] + high, height_m * scale)


def test_the_plates_rim_is_as_wide_as_it_is_said() -> None:
    model = alone("plate")
    rim = model.geom_type == CAPSULE
    middle, (thick, half, _) = np.linalg.norm(model.geom_pos[rim, :2], axis=1), model.geom_size[rim].T
    npt.assert_allclose(np.hypot(middle, half) + thick, toys.PLATE_RADIUS_M, atol=0.0005)
