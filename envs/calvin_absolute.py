"""CALVIN driven by absolute poses of the tool: same world, same starts, another action.

action       (7,) float32: where the tool shall be, x, y, z in m and Euler angles in rad, world frame, clipped to 1.5 m
             and a whole turn; gripper, of which only the sign counts, 1 opens, -1 closes

This is upstream's second form of actions, (position, Euler angles, gripper). Observation, cameras, success, progress:
see `envs.calvin`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from envs import calvin
from envs.calvin import CHAINS, PACKAGES, SHIFTS, VERSION, assets, eval_starts, missing
from protocols.contracts import ActionSpec, EnvSpec, FloatArray

if TYPE_CHECKING:
    from envs.calvin.variants import AbsoluteCalvin

__all__ = [
    "ACTION",
    "CHAINS",
    "DEFAULT_PROTOCOL",
    "PACKAGES",
    "SHIFTS",
    "VERSION",
    "assets",
    "eval_starts",
    "hold",
    "make",
    "missing",
    "spec",
]

DEFAULT_PROTOCOL = "calvin_absolute_abc_d"
RANGE = (*[1.5] * 3, *[2 * math.pi] * 3, 1.0)
ACTION = ActionSpec(
    entries=(
        *(f"tool_{axis}_world_m" for axis in "xyz"),
        *(f"tool_euler_{axis}_world_rad" for axis in "xyz"),
        "gripper",
    ),
    low=tuple(-end for end in RANGE),
    high=RANGE,
    rate_hz=30.0,
    rotation="euler xyz",
    gripper="1 opens, -1 closes",
)


def spec(image_size_px: int = 200) -> EnvSpec:
    """All that a policy can look at, and how it has to act."""
    return calvin.spec(image_size_px)._replace(action=ACTION)


def make(**options: Any) -> AbsoluteCalvin:
    """The environment; its options are those of `envs.calvin.env.Calvin`."""
    from envs.calvin.variants import AbsoluteCalvin

    return AbsoluteCalvin(**options)


def hold(state: FloatArray, last: FloatArray | None) -> FloatArray:
    """(7,) the pose that was asked for last, and the gripper as it was; at the start where the tool stands."""
    pose = state[: len(RANGE) - 1]  # x, y, z and Euler angles
    return np.array([*pose, calvin.hold(state, None)[6]], np.float32) if last is None else last
