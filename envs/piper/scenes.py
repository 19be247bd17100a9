"""The two scenes: what stands in them, where their cameras are, and how they become a MuJoCo model."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import mujoco
import numpy as np
import numpy.typing as npt

from envs.piper import toys
from envs.piper.toys import Toy

Point = tuple[float, float, float]
FOLDER = Path(__file__).parent
AGENT_FOVY_DEG = 42.0  # a RealSense D435's vertical field of view, cropped to a square


class Scene(NamedTuple):
    """A scene: its fixed part is the MJCF file of its name.

    toys: what can be moved. eye, target: place of the agent camera and the point that it looks at, metres, world frame.
    ground_m: height of the plane on which things stand.
    doors: names of hinged doors.
    """

    name: str
    toys: tuple[Toy, ...]
    eye: Point
    target: Point
    ground_m: float
    doors: tuple[str, ...] = ()


BLUE, GRAY, YELLOW = (0.10, 0.27, 0.85), (0.47, 0.49, 0.52), (0.93, 0.78, 0.06)
RED, GREEN, TIN = (0.78, 0.05, 0.05), (0.06, 0.50, 0.15), (0.80, 0.82, 0.85)

SCENES = {
    "kitchen": Scene(
        "kitchen",
        (
            Toy("pot", "pot", TIN),
            Toy("green_mug", "mug", GREEN),
            Toy("red_mug", "mug", RED),
            Toy("octopus", "octopus", YELLOW),
            Toy("blue_whale", "whale", BLUE),
        ),
        eye=(-0.25, 0.60, 0.76),
        target=(0.41, 0.04, 0.15),
        ground_m=0.16,
        doors=("left_door", "right_door"),
    ),
    "table": Scene(
        "table",
        (
            Toy("plate", "plate", (0.95, 0.45, 0.05)),
            Toy("blue_whale", "whale", BLUE),
            Toy("gray_whale", "whale", GRAY),
            Toy("octopus", "octopus", YELLOW),
            Toy("turtle", "turtle", (0.28, 0.47, 0.18)),
            Toy("dolphin", "dolphin", (0.42, 0.74, 0.90)),
        ),
        eye=(0.87, 0.58, 0.90),
        target=(0.32, 0.03, 0.14),
        ground_m=0.0,
    ),
}


def specification(scene: Scene) -> mujoco.MjSpec:
    """The scene's model with its toys and its agent camera, before it is compiled."""
    spec = mujoco.MjSpec.from_file(str(FOLDER / f"{scene.name}.xml"))
    quaternion = np.zeros(4)
    mujoco.mju_mat2Quat(quaternion, camera_axes(scene).flatten())
    spec.worldbody.add_camera(name="agent", pos=scene.eye, quat=quaternion, fovy=AGENT_FOVY_DEG)
    for toy in scene.toys:
        toys.add(spec, toy)
    return spec


def camera_axes(scene: Scene) -> npt.NDArray[np.float64]:
    """(3, 3) the agent camera's right, up and backwards as columns, world frame; it stands upright."""
    back = np.subtract(scene.eye, scene.target)
    back /= np.linalg.norm(back)
    right = np.cross((0.0, 0.0, 1.0), back)
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(back, right), back], axis=1)
