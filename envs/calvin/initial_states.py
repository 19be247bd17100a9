"""Where the arm, the doors, the lights and the blocks are when a sequence begins: a condition in words becomes numbers.

Source: calvin@fa03f01, evaluation/utils.py, `get_env_state_for_initial_condition`. The arm is always the same. A block
on the table has one of two places, dealt by chance; each block's yaw is up to pi/8 off pi/2. Chance is NumPy's legacy
generator, seeded by a hash of the condition: `pyhash.fnv1_32()`, which in truth is FNV-0, and under Python 3 is over
the UTF-16-LE bytes of the text.

Upstream evaluates in scene D only. Scene A takes the same numbers. In B and C the cabinet ends elsewhere, and in B the
button is where a block would lie: there an upstream start drops the block through the cabinet's wall. So in these two
scenes each place is moved along x to the like one of that scene, and "left" is where the door's own way ends.
"""

from __future__ import annotations

import math

import numpy as np

from envs.calvin.sequences import Condition
from envs.calvin.states import BLOCKS, Floats, Start

ROBOT = (
    *(0.02586889, -0.2313129, 0.5712808, 3.09045411, -0.02908596, 1.50013585, 0.07999963),
    *(-1.21779124, 1.03987629, 2.11978254, -2.34205014, -0.87015899, 1.64119093, 0.55344928),
    1.0,
)
LEFT = {"A": 0.28, "B": 0.304, "C": 0.24, "D": 0.28}  # m, of the slider
OPEN, UP = 0.22, 0.088  # m, of drawer and switch
PLACES = {
    "slider_left": (-2.40851662e-01, 9.24044687e-02, 4.60990009e-01),
    "slider_right": (7.03416330e-02, 9.24044687e-02, 4.60990009e-01),
}
ON_TABLE = ((5.00000896e-02, -1.20000177e-01, 4.59990009e-01), (2.29995412e-01, -1.19995140e-01, 4.59990010e-01))
MOVED_X = {  # m, ours
    "B": {"table": -0.25, "slider_left": 0.21, "slider_right": 0.2},
    "C": {"table": 0.0, "slider_left": 0.21, "slider_right": 0.18},
}
YAW = (math.pi / 2 - math.pi / 8, math.pi / 2 + math.pi / 8)


def initial_state(condition: Condition, scene: str = "D", seed: int | None = None) -> Start:
    """The start that a condition means.

    Args:
        condition: one of those that a sequence can begin with.
        scene: A, B, C or D.
        seed: of 32 bits, deals the places on the table and the yaws; by default the condition's own, as upstream.
    """
    random = np.random.RandomState(condition_seed(condition) if seed is None else seed)
    on_table = list(ON_TABLE)
    random.shuffle(on_table)
    blocks = {}
    for colour, surface in zip(BLOCKS, (condition.red_block, condition.blue_block, condition.pink_block), strict=True):
        # Upstream gives the first place to red, else to blue; pink always has the second.
        second = colour == "pink" or (colour == "blue" and condition.red_block == "table")
        x, y, z = on_table[second] if surface == "table" else PLACES[surface]
        moved = MOVED_X[scene][surface] if scene in MOVED_X else 0.0
        blocks[colour] = np.array([x + moved, y, z, 0.0, 0.0, random.uniform(*YAW)])
    return start_of(condition, scene, blocks)


def condition_seed(condition: Condition) -> int:
    """The seed that upstream takes for a condition."""
    return fnv_0(f"dict_values({list(condition)})")


def fnv_0(text: str) -> int:
    """32 bits, FNV-0 over the UTF-16-LE bytes."""
    value = 0
    for byte in text.encode("utf-16-le"):
        value = value * 16777619 % 2**32 ^ byte
    return value


def start_of(condition: Condition, scene: str, blocks: dict[str, Floats]) -> Start:
    """A start with the doors and lights of a condition, and these poses (6,) of the blocks by colour."""
    return Start(
        robot=np.array(ROBOT),
        slider=LEFT[scene] if condition.slider == "left" else 0.0,
        drawer=OPEN if condition.drawer == "open" else 0.0,
        button=0.0,
        switch=UP if condition.lightbulb else 0.0,
        lightbulb=bool(condition.lightbulb),
        led=bool(condition.led),
        blocks=blocks,
    )
