"""Where blocks lie at random: calvin_env@797142c's surfaces, and its rule to draw a pose on one of them."""

from __future__ import annotations

import numpy as np

from envs.calvin.states import Floats

Box = tuple[tuple[float, float, float], tuple[float, float, float]]  # two opposite corners, m

SLIDER_WEST: Box = ((-0.32, 0.05, 0.46), (-0.16, 0.12, 0.46))
SLIDER_MIDDLE: Box = ((-0.05, 0.05, 0.46), (0.13, 0.12, 0.46))
SLIDER_NEAR_MIDDLE: Box = ((-0.12, 0.05, 0.46), (0.06, 0.12, 0.46))
TABLE_EAST: Box = ((0.0, -0.15, 0.46), (0.35, -0.03, 0.46))
SURFACES: dict[str, dict[str, Box]] = {
    "A": {
        "table": ((-0.2, -0.15, 0.46), (0.35, -0.03, 0.46)),
        "slider_left": SLIDER_WEST,
        "slider_right": SLIDER_MIDDLE,
    },
    "B": {
        "table": ((-0.35, -0.15, 0.46), (0.15, -0.03, 0.46)),
        "slider_left": SLIDER_NEAR_MIDDLE,
        "slider_right": ((0.15, 0.05, 0.46), (0.33, 0.12, 0.46)),
    },
    "C": {
        "table": TABLE_EAST,
        "slider_left": SLIDER_NEAR_MIDDLE,
        "slider_right": ((0.15, 0.05, 0.46), (0.3, 0.12, 0.46)),
    },
    "D": {"table": TABLE_EAST, "slider_left": SLIDER_WEST, "slider_right": SLIDER_MIDDLE},
}


def random_pose(scene: str, random: np.random.Generator) -> Floats:
    """(6,) position, m, and Euler angles, rad: anywhere on any of the scene's surfaces, turned anyhow about z."""
    surfaces = SURFACES[scene]
    low, high = surfaces[random.choice(list(surfaces))]
    position = random.uniform(low, high)
    return np.concatenate([position, random.uniform((0, 0, -np.pi), (0, 0, np.pi))])
