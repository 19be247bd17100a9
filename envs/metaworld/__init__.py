"""Meta-World v3: 50 tasks of a Sawyer arm on a table, as vision-language-action papers evaluate them.

observation  images        by camera role, (H, W, 3) uint8, upright, only the cameras asked for
               agent       `corner4` turned by 180 degrees: corner2 moved to (0.75, 0.075, 0.7), as in LeRobot
               wrist       `gripperPOV`, as the simulator draws it
             state         (4,) float32: hand x, y, z in metres, world frame; gripper opening, 0 closed to 1 open
             instruction   text
action       (4,) float32 in [-1, 1], clipped: hand displacement x, y, z, world frame, 1 = 0.01 m;
             gripper, -1 opens, +1 closes
rate         80 Hz control, 5 substeps of 2.5 ms
success      the task's own rule, at any step; ends the episode
progress     ground truth in [0, 1] after each control step, see `envs.metaworld.progress`
start        drawn from the episode's seed alone (`seeded_rand_vec` and `seed()`, as in LeRobot since #3727); what was
             reset before does not matter
render       official: the models' own quality. fast: no shadows, no multisampling, no reflections; 12 times cheaper,
             and 60 % of the pixels differ, so records made with it say so

Elsewhere the first observation of an episode is wrong in 30 of the 50 tasks: upstream's reset moves objects and goals
in the model after the last kinematics pass, so the first frame still shows the scene that was drawn before and thrown
away. Here the kinematics is brought up to date; physics and all later observations stay bit-identical to upstream.

Source: metaworld 3.1.1 (Yu et al. 2019, arXiv 1910.10897); conventions of LeRobot's `envs/metaworld.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from envs import gl
from protocols.contracts import ActionSpec, EnvSpec, FloatArray, ObservationSpec

if TYPE_CHECKING:
    from envs.metaworld.env import MetaWorld

DEFAULT_PROTOCOL = "metaworld_mt50"
VERSION = 1
PACKAGES = ("metaworld", "mujoco", "gymnasium", "numpy")
SHIFTS = ("none",)

CAMERAS = ("agent",)
STATE = ("hand_x_world_m", "hand_y_world_m", "hand_z_world_m", "gripper_opening")
ACTION = ActionSpec(
    entries=("hand_dx_world_cm", "hand_dy_world_cm", "hand_dz_world_cm", "gripper"),
    low=-1.0,
    high=1.0,
    rate_hz=80.0,
    rotation="none",
    gripper="-1 opens, +1 closes",
)


def spec(image_size_px: int = 224) -> EnvSpec:
    """All that a policy can look at, and how it has to act."""
    size = (image_size_px, image_size_px)
    return EnvSpec(ObservationSpec(cameras={"agent": size, "wrist": size}, state=STATE), ACTION)


def make(**options: Any) -> MetaWorld:
    """The environment; its options are those of `envs.metaworld.env.MetaWorld`.

    Raises:
        RuntimeError: images are asked for, and there is no GL to draw them with.
    """
    gl.use(bool(options.get("cameras", CAMERAS)))
    from envs.metaworld.env import MetaWorld

    return MetaWorld(**options)


def hold(state: FloatArray, last: FloatArray | None) -> FloatArray:  # noqa: ARG001
    """(4,) no displacement, so the target stays; the gripper as it was, open at the start."""
    return np.array([0, 0, 0, -1 if last is None else last[3]], np.float32)


def missing(*, images: bool = False) -> list[str]:
    """What has to be installed before the suite can run, or before it can draw as well."""
    return gl.missing(("mujoco", "metaworld", "gymnasium", "packaging"), images=images)
