"""The PiPER arm of `envs.piper` driven by end-effector displacements: same world, same starts, another action.

action       (7,) float32 in [-1, 1], clipped: displacement of the hand's target x, y, z, world frame, 1 = 0.05 m; its
             rotation as axis times angle, world frame, 1 = 0.5 rad; gripper, -1 opens, +1 closes, in between the
             opening in between. The target never leads the hand by more than 6 cm and 0.5 rad
rate         20 Hz control

Entries, frames, scales and signs are those of robosuite's OSC_POSE, as LIBERO uses it. Differences: there a
displacement counts from where the hand is, here from where it is asked to be; there only the sign of the gripper's
entry counts.

Observation, cameras, success, progress, shifts: see `envs.piper`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from envs import gl, piper
from envs.piper import CAMERAS, PACKAGES, SHIFTS, VERSION, missing
from protocols.contracts import ActionSpec, EnvSpec, FloatArray

if TYPE_CHECKING:
    from envs.piper.end_effector import EndEffectorPiper

__all__ = ["ACTION", "DEFAULT_PROTOCOL", "PACKAGES", "SHIFTS", "VERSION", "hold", "make", "missing", "spec"]

DEFAULT_PROTOCOL = "piper_ee_table4"
ACTION = ActionSpec(
    entries=(
        *(f"hand_d{axis}_world_5cm" for axis in "xyz"),
        *(f"hand_rotation_{axis}_world_half_rad" for axis in "xyz"),
        "gripper",
    ),
    low=-1.0,
    high=1.0,
    rate_hz=20.0,
    rotation="axis-angle",
    gripper="-1 opens, +1 closes",
)


def spec(image_size_px: int = 224) -> EnvSpec:
    """All that a policy can look at, and how it has to act."""
    return piper.spec(image_size_px)._replace(action=ACTION)


def make(**options: Any) -> EndEffectorPiper:
    """The environment; its options are those of `envs.piper.env.Piper`.

    Raises:
        RuntimeError: images are asked for, and there is no GL to draw them with.
    """
    gl.use(bool(options.get("cameras", CAMERAS)))
    from envs.piper.end_effector import EndEffectorPiper

    return EndEffectorPiper(**options)


def hold(state: FloatArray, last: FloatArray | None) -> FloatArray:
    """(7,) no displacement, so the hand's target stays; the gripper as it was, at the start as it stands."""
    gripper = 1 - 2 * piper.hold(state, None)[6] if last is None else last[6]
    return np.array([*[0] * 6, gripper], np.float32)
