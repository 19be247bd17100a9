"""CALVIN: five instructions in a row for a Franka Panda at a desk with a drawer, a sliding door, two lights and blocks.

observation  images        by camera role, (H, W, 3) uint8, upright, only the cameras asked for; H and W of `wrist` are
                           0.42 times those of `agent`, so 84 beside 200
               agent       `static`, before the desk
               wrist       `gripper`, at the hand
             state         (15,) float32, upstream's `robot_obs`: tool position, m, and Euler angles, rad, world frame;
                           opening of the gripper, m; seven joint angles, rad; last command to the gripper
             instruction   text, of the subtask at hand; another one as soon as that is solved
action       (7,) float32 in [-1, 1], clipped: displacement of the tool's target x, y, z, 1 = 0.02 m, and of its Euler
             angles, 1 = 0.05 rad, world frame. The target is the pose asked for last, not the one reached, and goes on
             from subtask to subtask; gripper, of which only the sign counts, 1 opens, -1 closes
rate         30 Hz control, 8 substeps of 1/240 s, inverse kinematics once per control step
success      every subtask of the episode solved, each within 360 control steps of the one before, by upstream's oracle
             at the end of any control step. Nothing is reset in between. The first that is not solved in time ends the
             episode, and names its failure; each that is gives the event "solved <subtask>"
progress     ground truth in [0, 1] after each control step: subtasks solved and the share of the one at hand, see
             `envs.calvin.progress`
tasks        `chain_A` to `chain_D`, five subtasks in that scene; `open_drawer_A` and so on, one of the 34 in a scene,
             after those that make it possible where it cannot come first
start        split "eval": chains are the official sequences, number `Episode.index`, 0 to 999, in their official
             states; split "train", and single tasks: see `envs.calvin.chains`. Whatever ran before leaves no trace
render       EGL where there is one, else pybullet's own software renderer, whose frames are darker and without
             shadows; records say which. fast: see `envs.calvin.cameras`
assets       official files where they are found, stand-ins from the numbers of the dossier for the others; records say
             so, see `envs.calvin.assets`

`envs.calvin_absolute` takes absolute poses. `envs.calvin_pinned` has the button of the version that mees/calvin pins.

Source: calvin_env@797142c and calvin@fa03f01 (Mees et al. 2022, arXiv 2112.03227), built anew on pybullet 3.2.7; equal
to it step by step with its data files, see docs/calvin.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from envs import gl
from envs.calvin import assets as assets
from protocols.contracts import ActionSpec, EnvSpec, FloatArray, ObservationSpec

if TYPE_CHECKING:
    from envs.calvin.env import Calvin

DEFAULT_PROTOCOL = "calvin_abc_d"
VERSION = 1
PACKAGES = ("pybullet", "gymnasium", "numpy")
SHIFTS = ("none",)
CHAINS = True
SEQUENCES = 1000

CAMERAS = ("agent", "wrist")
WRIST_SHARE = 84 / 200
STATE = (
    *("tool_x_world_m", "tool_y_world_m", "tool_z_world_m"),
    *("tool_euler_x_world_rad", "tool_euler_y_world_rad", "tool_euler_z_world_rad"),
    "gripper_opening_m",
    *(f"joint{number}_rad" for number in range(1, 8)),
    "gripper_command",
)
ACTION = ActionSpec(
    entries=(
        *(f"tool_d{axis}_world_2cm" for axis in "xyz"),
        *(f"tool_deuler_{axis}_world_twentieth_rad" for axis in "xyz"),
        "gripper",
    ),
    low=-1.0,
    high=1.0,
    rate_hz=30.0,
    rotation="euler xyz displacement of the target",
    gripper="1 opens, -1 closes",
)


def spec(image_size_px: int = 200) -> EnvSpec:
    """All that a policy can look at, and how it has to act; `image_size_px` is the agent camera's."""
    wrist_px = max(1, round(WRIST_SHARE * image_size_px))
    sizes = {"agent": (image_size_px, image_size_px), "wrist": (wrist_px, wrist_px)}
    return EnvSpec(ObservationSpec(cameras=sizes, state=STATE), ACTION)


def make(**options: Any) -> Calvin:
    """The environment; its options are those of `envs.calvin.env.Calvin`."""
    from envs.calvin.env import Calvin

    return Calvin(**options)


def hold(state: FloatArray, last: FloatArray | None) -> FloatArray:
    """(7,) no displacement, so the target stays; the gripper as it was, at the start as its last command was."""
    gripper = state[STATE.index("gripper_command")] if last is None else last[6]
    return np.array([*[0] * 6, gripper], np.float32)


def eval_starts(task: str) -> int | None:
    """How many official sequences there are; single tasks have drawn starts."""
    return SEQUENCES if task.startswith("chain_") else None


def missing(*, images: bool = False) -> list[str]:  # noqa: ARG001  pybullet brings a renderer along
    """What has to be installed before the suite can run; to draw it needs no more, see `envs.calvin.cameras`."""
    return gl.missing(("pybullet", "gymnasium", "packaging"), images=False)
