"""What a scene of CALVIN is made of at one moment: what an episode starts from, and what its verdicts are read from.

Metres and radians in the world frame: x to the right for somebody who faces the table, y into the table, z up.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
BLOCKS = ("red", "blue", "pink")
SCENES = ("A", "B", "C", "D")
SCALE = 0.8  # with which tables and blocks are loaded
LENGTHS = {"small": 0.04, "middle": 0.056, "big": 0.08}  # m, of a block along its x
WIDTH = 0.04  # m, of a block's other edges
BLOCK_SIZES = {  # in the order of `scene_obs`
    "A": {"pink": "small", "blue": "big", "red": "middle"},
    "B": {"red": "small", "blue": "big", "pink": "middle"},
    "C": {"blue": "small", "red": "big", "pink": "middle"},
    "D": {"red": "middle", "blue": "small", "pink": "big"},
}
Contact = tuple[str, int]  # body and link: "robot", "table", "plane" or a block; the link's number, -1 is the base


class Start(NamedTuple):
    """A start that can be asked for.

    Args:
        robot: (15,) as the first part of an observation has it: tool position and Euler angles, gripper opening,
            seven joint angles, gripper command.
        slider, drawer, button, switch: joint positions, m.
        lightbulb, led: whether they shine.
        blocks: (6,) position and Euler angles by colour.
    """

    robot: Floats
    slider: float
    drawer: float
    button: float
    switch: float
    lightbulb: bool
    led: bool
    blocks: dict[str, Floats]


class Block(NamedTuple):
    """A block now: position (3,), quaternion xyzw (4,), velocities (3,) in m/s and rad/s, and what it touches."""

    position: Floats
    orientation: Floats
    velocity: Floats
    spin: Floats
    contacts: frozenset[Contact]


class Snapshot(NamedTuple):
    """All that the verdicts look at: joint positions in m, lights, blocks by colour, and what the robot touches."""

    slider: float
    drawer: float
    button: float
    switch: float
    lightbulb: bool
    led: bool
    blocks: dict[str, Block]
    robot_contacts: frozenset[Contact]
