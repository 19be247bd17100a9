"""LIBERO: 130 tasks of a Franka Panda at tables, in a kitchen, a study and on the floor; five suites of one benchmark.

observation  images        by camera role, (H, W, 3) uint8, upright, only the cameras asked for
               agent       `agentview`, facing the robot
               wrist       `robot0_eye_in_hand`
                           both turned by 180 degrees, as OpenVLA, openpi and LeRobot turn them; since upstream's images
                           stand on their heads without being mirrored, these are upright and mirrored
             state         (15,) float32: hand x, y, z in metres and axis times angle in rad, world frame; positions of
                           the two fingers, m; seven joint angles, rad. The first eight are the state of openpi
             instruction   text, from the name of the task's file; the BDDL file's own in the protocols that say so
action       (7,) float32 in [-1, 1], clipped: hand displacement x, y, z, 1 = 0.05 m, and rotation vector, 1 = 0.5 rad,
             world frame, relative to the pose reached; gripper, of which only the sign counts, -1 opens, +1 closes
rate         20 Hz control, 25 substeps of 2 ms under operational-space control (OSC_POSE)
success      upstream's BDDL goal at the end of any control step; ends the episode
progress     ground truth in [0, 1] after each control step, see `envs.libero.progress`
start        split "eval": official init state number `Episode.index`, 0 to 49; split "train": upstream's placement
             rules under the episode's seed, and joint noise. Fixtures, whose poses no init state holds, stand where
             the seed puts them. Then ten steps without motion
render       official: the models' own quality. fast: no multisampling, no reflections
assets       official files where they are found, stand-ins of primitive geoms for the others; records say so, see
             `envs.libero.assets`

Physics, verdicts, states and frames are bit-identical to upstream's; what is not: upstream lets the poses of fixtures,
the gripper's last command, the burner's glow and the solver's memory run on from one episode into the next.

Source: hf-libero 0.1.4 (Liu et al. 2023, arXiv 2306.03310) on robosuite 1.4.0; conventions of openpi and OpenVLA.
"""

from __future__ import annotations

from importlib.metadata import distributions
from typing import TYPE_CHECKING, Any

import numpy as np

from envs import gl
from envs.libero import assets as assets
from protocols.contracts import ActionSpec, EnvSpec, FloatArray, ObservationSpec

if TYPE_CHECKING:
    from envs.libero.env import Libero

DEFAULT_PROTOCOL = "libero"
VERSION = 1
PACKAGES = ("hf-libero", "robosuite", "bddl", "mujoco", "gymnasium", "numpy", "numba", "scipy")
SHIFTS = ("none",)
INIT_STATES = 50

CAMERAS = ("agent", "wrist")
STATE = (
    *("hand_x_world_m", "hand_y_world_m", "hand_z_world_m"),
    *("hand_turn_x_world_rad", "hand_turn_y_world_rad", "hand_turn_z_world_rad"),
    *("finger1_m", "finger2_m"),
    *(f"joint{number}_rad" for number in range(1, 8)),
)
ACTION = ActionSpec(
    entries=(
        *(f"hand_d{axis}_world_5cm" for axis in "xyz"),
        *(f"hand_turn_{axis}_world_half_rad" for axis in "xyz"),
        "gripper",
    ),
    low=-1.0,
    high=1.0,
    rate_hz=20.0,
    rotation="axis-angle displacement",
    gripper="-1 opens, +1 closes",
)


def spec(image_size_px: int = 256) -> EnvSpec:
    """All that a policy can look at, and how it has to act."""
    size = (image_size_px, image_size_px)
    return EnvSpec(ObservationSpec(cameras=dict.fromkeys(CAMERAS, size), state=STATE), ACTION)


def make(**options: Any) -> Libero:
    """The environment; its options are those of `envs.libero.env.Libero`.

    Raises:
        RuntimeError: images are asked for, and there is no GL to draw them with; hf-libero is not installed.
    """
    gl.use(bool(options.get("cameras", CAMERAS)))
    from envs.libero.env import Libero

    return Libero(**options)


def hold(state: FloatArray, last: FloatArray | None) -> FloatArray:  # noqa: ARG001
    """(7,) no displacement from the pose reached; the gripper as it was, open at the start."""
    return np.array([*[0] * 6, -1 if last is None else last[6]], np.float32)


def missing(*, images: bool = False) -> list[str]:
    """What has to be installed before the suite can run, or before it can draw as well."""
    packages = ("mujoco", "gymnasium", "packaging", "robosuite", "bddl", "easydict", "future")
    lines = gl.missing(packages, images=images)
    if not list(distributions(name="hf-libero")):  # LIBERO's own package has the same import name, and will not do
        lines.append("Python package hf-libero: python -m harness.doctor --install")
    return lines


def eval_starts(task: str) -> int:  # noqa: ARG001  as many for each
    """How many official init states a task has."""
    return INIT_STATES


def demonstration_attributes(task: str) -> dict[str, Any]:
    """What LIBERO's own files of demonstrations say of themselves, for the file of one task."""
    from envs.libero import upstream

    path = upstream.bddl_file(task)
    upstream.imported()
    from libero.libero.envs import TASK_MAPPING, bddl_utils

    problem = bddl_utils.get_problem_info(str(path))
    return {
        "tag": "libero-v1",
        "env_name": TASK_MAPPING[problem["problem_name"]].__name__,
        "bddl_file_name": f"bddl_files/{path.parent.name}/{path.name}",
        "bddl_file_content": path.read_text(encoding="utf-8"),
        "problem_info": problem,
    }
