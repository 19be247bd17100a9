"""A simulated AgileX PiPER arm in a toy kitchen and at a white table: the ten tasks of ProgVLA's real-robot table.

observation  images        by camera role, (H, W, 3) uint8, upright, only the cameras asked for
               agent       a RealSense D435 on the robot's left, looking down at the scene; in the kitchen from behind
                           the arm, at the table from before it; 42 degrees
               wrist       a RealSense D405 on the gripper; 58 degrees; the fingers stand in the lower corners
             state         (20,) float32: six joint angles, rad; six joint velocities, rad/s; gripper opening, m, 0 to
                           0.07; hand x, y, z in metres and quaternion w, x, y, z with w >= 0, world frame
             instruction   text
action       (7,) float32, clipped: displacement of the six joint targets, rad per step, at most 0.15 (3 rad/s, the
             hardware's limit); gripper opening, 0 closed to 1 open (70 mm). Joint targets never lead the joints by more
             than 0.25 rad. Suite `piper_ee` is the same world with end-effector displacements
rate         20 Hz control, 20 substeps of 2.5 ms, targets interpolated between them; fingers at most 60 mm/s each
success      the task's rule (`envs.piper.tasks`) held for 0.5 s with the object let go; ends the episode
progress     ground truth in [0, 1] after each control step, see `envs.piper.progress`
failure      why a failed episode failed, from the simulator's state, see `envs.piper.failures`
start        drawn from the episode's seed alone, see `envs.piper.layout`, then 0.6 s to settle
shifts       one thing changed, the start that of the unshifted episode of the same seed, see `envs.piper.shifts`
render       official: shadows, multisampling. fast: neither; about 9 times cheaper and darker, so records made
             with it say so

Everything is made of primitive geoms by this package: no downloads. The arm's kinematics are the vendor's to 1e-6 m,
its masses and limits the vendor's; servo gains, friction, scenes and success rules are ours. The paper's camera poses,
control rate, kitchen and time limits are not public: numbers made here are not those of the real robot.

Source: ProgVLA, arXiv 2605.28231, sections 4.4, B.5, B.6 and Table 4; agilexrobotics/agx_arm_urdf and piper_sdk.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from envs import gl
from protocols.contracts import ActionSpec, EnvSpec, FloatArray, ObservationSpec

if TYPE_CHECKING:
    from envs.piper.env import Piper

DEFAULT_PROTOCOL = "piper_table4"
VERSION = 1
PACKAGES = ("mujoco", "gymnasium", "numpy")
SHIFTS = ("none", "light", "object", "camera", "distractor", "background", "instruction")

CAMERAS = ("agent", "wrist")
STATE = (
    *(f"joint{number}_rad" for number in range(1, 7)),
    *(f"joint{number}_rad_s" for number in range(1, 7)),
    "gripper_opening_m",
    *("hand_x_world_m", "hand_y_world_m", "hand_z_world_m"),
    *("hand_quaternion_w", "hand_quaternion_x", "hand_quaternion_y", "hand_quaternion_z"),
)
OPEN_M = 0.07  # between the fingers
ACTION = ActionSpec(
    entries=(*(f"joint{number}_displacement_rad" for number in range(1, 7)), "gripper_opening"),
    low=(*[-0.15] * 6, 0.0),
    high=(*[0.15] * 6, 1.0),
    rate_hz=20.0,
    rotation="none",
    gripper="0 closes, 1 opens",
)


def spec(image_size_px: int = 224) -> EnvSpec:
    """All that a policy can look at, and how it has to act."""
    size = (image_size_px, image_size_px)
    return EnvSpec(ObservationSpec(cameras=dict.fromkeys(CAMERAS, size), state=STATE), ACTION)


def make(**options: Any) -> Piper:
    """The environment; its options are those of `envs.piper.env.Piper`.

    Raises:
        RuntimeError: images are asked for, and there is no GL to draw them with.
    """
    gl.use(bool(options.get("cameras", CAMERAS)))
    from envs.piper.env import Piper

    return Piper(**options)


def hold(state: FloatArray, last: FloatArray | None) -> FloatArray:
    """(7,) no displacement, so the joint targets stay; the gripper as it was, at the start as it stands."""
    opening = state[STATE.index("gripper_opening_m")] / OPEN_M if last is None else last[6]
    return np.array([*[0] * 6, opening], np.float32)


def missing(*, images: bool = False) -> list[str]:
    """What has to be installed before the suite can run, or before it can draw as well."""
    return gl.missing(("mujoco", "gymnasium", "packaging"), images=images)
