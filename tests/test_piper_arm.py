"""The arm in `arm.xml` is the vendor's: kinematics, limits, masses; and the closed-form kinematics are the arm's."""

from __future__ import annotations

import math

import mujoco
import numpy as np
import numpy.testing as npt
import numpy.typing as npty
import pytest
from hypothesis import given, strategies as st

from envs.piper.kinematics import BASE_M, HIGH, LOW, Pose, forward, gripper_rotation, inverse, nearest
from envs.piper.scenes import FOLDER
from envs.piper.tracking import JOINTS

pytestmark = pytest.mark.simulator
Array = npty.NDArray[np.float64]

# piper_sdk, kinematics/piper_fk.py, dh_is_offset=1: modified DH, millimetres and degrees.
DH_A = (0.0, 0.0, 285.03, -21.98, 0.0, 0.0)
DH_ALPHA = (0.0, -90.0, 0.0, 90.0, -90.0, 90.0)
DH_THETA = (0.0, -172.22, -102.78, 0.0, 0.0, 0.0)
DH_D = (123.0, 0.0, 0.0, 250.75, 0.0, 91.0)


def vendor_flange(joints: Array) -> Array:
    """(4, 4) pose of the flange by the vendor's modified DH, metres."""
    pose = np.eye(4)
    for a, alpha, offset, d, angle in zip(DH_A, DH_ALPHA, DH_THETA, DH_D, joints, strict=True):
        ca, sa = math.cos(math.radians(alpha)), math.sin(math.radians(alpha))
        ct, st_ = math.cos(angle + math.radians(offset)), math.sin(angle + math.radians(offset))
        pose = pose @ np.array(
            [
                [ct, -st_, 0, a / 1000],
                [st_ * ca, ct * ca, -sa, -sa * d / 1000],
                [st_ * sa, ct * sa, ca, ca * d / 1000],
                [0, 0, 0, 1],
            ]
        )
    return pose


@pytest.fixture(scope="module")
def arm() -> tuple[mujoco.MjModel, mujoco.MjData]:
    model = mujoco.MjModel.from_xml_path(str(FOLDER / "arm.xml"))
    return model, mujoco.MjData(model)


def put(arm: tuple[mujoco.MjModel, mujoco.MjData], joints: Array) -> mujoco.MjData:
    model, data = arm
    data.qpos[[model.joint(name).qposadr[0] for name in JOINTS]] = joints
    mujoco.mj_kinematics(model, data)
    return data


def test_its_flange_is_where_the_vendors_dh_puts_it(arm: tuple[mujoco.MjModel, mujoco.MjData]) -> None:
    random = np.random.default_rng(0)
    for _ in range(300):
        joints = random.uniform(LOW, HIGH)
        flange, expected = put(arm, joints).body("link6"), vendor_flange(joints)
        npt.assert_allclose(flange.xpos - (0, 0, BASE_M), expected[:3, 3], atol=1e-6)
        npt.assert_allclose(flange.xmat.reshape(3, 3), expected[:3, :3], atol=1e-6)


def test_its_zero_pose_is_the_vendors(arm: tuple[mujoco.MjModel, mujoco.MjData]) -> None:
    flange = put(arm, np.zeros(6)).body("link6")
    npt.assert_allclose(flange.xpos - (0, 0, BASE_M), (0.056128, 0, 0.213266), atol=1e-6)
    below_vertical = math.degrees(math.acos(flange.xmat[8]))
    assert below_vertical == pytest.approx(85, abs=1e-4)


def test_its_limits_and_forces_are_the_vendors(arm: tuple[mujoco.MjModel, mujoco.MjData]) -> None:
    model, _ = arm
    degrees = np.degrees([model.joint(name).range for name in JOINTS])
    npt.assert_allclose(degrees, [(-150, 150), (0, 180), (-170, 0), (-100, 100), (-70, 70), (-120, 120)], atol=1e-4)
    npt.assert_allclose(np.stack([LOW, HIGH], axis=1), np.radians(degrees))
    npt.assert_array_equal([model.actuator(name).forcerange[1] for name in JOINTS], [32, 32, 32, 8, 8, 8])
    npt.assert_array_equal(model.joint("finger1").range, [0, 0.035])


def test_its_masses_are_the_vendors(arm: tuple[mujoco.MjModel, mujoco.MjData]) -> None:
    model, _ = arm
    grip = sum(float(model.body(name).mass[0]) for name in ("gripper_base", "finger1", "finger2"))
    flange = 0.04  # one body with link6
    assert float(model.body_mass.sum()) == pytest.approx(4.70, abs=0.005)
    assert float(model.body_mass.sum()) - grip - flange == pytest.approx(4.16, abs=0.005)


@pytest.mark.parametrize(
    ("body", "about_origin"),  # ixx, iyy, izz in agx_arm_urdf, which writes them as if about the centre of mass
    [
        ("link1", (0.00050027, 0.00040879, 0.00045802)),
        ("link2", (0.00111915, 0.06763251, 0.067559)),
        ("link3", (0.01347608, 0.00046377, 0.01363321)),
        ("link4", (0.00017844, 0.00018914, 0.00014613)),
        ("link5", (0.00172318, 0.00017936, 0.00171172)),
        ("gripper_base", (0.00092934, 0.00071447, 0.00039442)),
    ],
)
def test_its_inertias_are_the_vendors_shifted_to_the_centre_of_mass(
    arm: tuple[mujoco.MjModel, mujoco.MjData], body: str, about_origin: tuple[float, float, float]
) -> None:
    link = arm[0].body(body)
    x, y, z = link.ipos
    shift = float(link.mass[0]) * np.array([y * y + z * z, x * x + z * z, x * x + y * y])
    npt.assert_allclose(link.inertia, np.array(about_origin) - shift, rtol=0.07, atol=2e-5)


joint_angles = st.tuples(*(st.floats(low, high) for low, high in zip(LOW, HIGH, strict=True))).map(np.array)


@given(joint_angles)
def test_the_closed_form_finds_the_joints_again_and_every_solution_reaches_the_pose(joints: Array) -> None:
    pose = forward(joints)
    for found in inverse(pose):
        again = forward(found)
        npt.assert_allclose(again.position, pose.position, atol=1e-6)
        npt.assert_allclose(again.rotation, pose.rotation, atol=1e-6)
        assert (found >= LOW).all() and (found <= HIGH).all()
    straight = abs(math.sin(joints[4])) < 1e-3  # joints 4 and 6 turn about one axis; any split of the turn will do
    inside = ((joints > LOW + 1e-6) & (joints < HIGH - 1e-6)).all()
    over = math.hypot(*(pose.position - 0.2205 * pose.rotation[:, 2])[:2]) < 1e-6  # the base angle is free
    if inside and not straight and not over:
        found = nearest(pose, joints)
        assert found is not None
        npt.assert_allclose(found, joints, atol=1e-4)


@given(joint_angles)
def test_the_closed_form_is_the_models(joints: Array) -> None:
    model = mujoco.MjModel.from_xml_path(str(FOLDER / "arm.xml"))
    site = put((model, mujoco.MjData(model)), joints).site("tcp")
    pose = forward(joints)
    npt.assert_allclose(pose.position, site.xpos - (0, 0, BASE_M), atol=1e-6)
    npt.assert_allclose(pose.rotation, site.xmat.reshape(3, 3), atol=1e-6)


def test_what_is_out_of_reach_has_no_solution() -> None:
    assert inverse(Pose(np.array([0.9, 0.0, 0.1]), gripper_rotation(0.0, 1.0))) == []
    assert nearest(Pose(np.array([0.3, 0.0, 0.3]), gripper_rotation(0.0, math.pi / 2)), np.zeros(6)) is None
