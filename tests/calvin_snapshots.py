"""Scenes of CALVIN that no simulator has made: small, and exactly what a test asks for."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from envs.calvin.oracles import DRAWER, PLANK, TOP
from envs.calvin.states import BLOCKS, Block, Contact, Snapshot

FINGERS: tuple[Contact, ...] = (("robot", 9), ("robot", 11))
PLACES = {"red": (0.0, -0.1, 0.46), "blue": (0.1, -0.1, 0.46), "pink": (0.2, -0.1, 0.46)}


def block(
    at: tuple[float, ...] = (0.0, -0.1, 0.46),
    contacts: tuple[Contact, ...] = (TOP,),
    yaw_deg: float = 0.0,
    roll_deg: float = 0.0,
    velocity: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> Block:
    """A block, by default at rest on the table."""
    yaw, roll = math.radians(yaw_deg) / 2, math.radians(roll_deg) / 2
    quaternion = np.array(
        [
            math.cos(yaw) * math.sin(roll),
            math.sin(yaw) * math.sin(roll),
            math.sin(yaw) * math.cos(roll),
            math.cos(yaw) * math.cos(roll),
        ]
    )
    return Block(np.array(at), quaternion, np.array(velocity), np.zeros(3), frozenset(contacts))


def snapshot(robot: tuple[Contact, ...] = (), **changed: Any) -> Snapshot:
    """A scene at rest: drawer and door in the middle, lights out, blocks on the table; and what is changed."""
    blocks = {colour: changed.pop(colour, block(PLACES[colour])) for colour in BLOCKS}
    values = {"slider": 0.14, "drawer": 0.11, "button": 0.0, "switch": 0.0, "lightbulb": False, "led": False} | changed
    return Snapshot(**values, blocks=blocks, robot_contacts=frozenset(robot))


def solving() -> dict[str, tuple[Snapshot, Snapshot]]:
    """For every subtask a start and an end by which it alone, or nearly, is solved."""
    calm, raised = snapshot(), {"table": 0.511, "slider": 0.491, "drawer": 0.511}
    surfaces = {"table": TOP, "slider": PLANK, "drawer": DRAWER}
    red_held = block((0.0, -0.1, 0.52), FINGERS)
    holding = snapshot((("red", -1),), red=red_held)
    before_slider = holding._replace(slider=0.0)
    on_blue = block((0.1, -0.1, 0.5), (("blue", -1),))
    pairs = {
        "move_slider_left": (snapshot(slider=0.0), snapshot(slider=0.151)),
        "move_slider_right": (snapshot(slider=0.28), snapshot(slider=0.129)),
        "open_drawer": (snapshot(drawer=0.0), snapshot(drawer=0.121)),
        "close_drawer": (snapshot(drawer=0.22), snapshot(drawer=0.099)),
        "place_in_slider": (before_slider, snapshot(slider=0.0, red=block((-0.24, 0.09, 0.46), (PLANK,)))),
        "place_in_drawer": (holding, snapshot(red=block((0.2, -0.22, 0.36), (DRAWER,)))),
        "stack_block": (holding, snapshot(red=on_blue)),
        "unstack_block": (snapshot(red=on_blue), calm),
        "push_into_drawer": (calm, snapshot(red=block((0.0, -0.2, 0.36), (DRAWER,)))),
        "turn_on_lightbulb": (calm, snapshot(lightbulb=True)),
        "turn_off_lightbulb": (snapshot(lightbulb=True), calm),
        "turn_on_led": (calm, snapshot(led=True)),
        "turn_off_led": (snapshot(led=True), calm),
    }
    for colour in BLOCKS:
        x, y, z = PLACES[colour]
        for side, sign in (("right", 1), ("left", -1)):
            pairs[f"rotate_{colour}_block_{side}"] = calm, snapshot(**{colour: block((x, y, z), yaw_deg=-61 * sign)})
            pairs[f"push_{colour}_block_{side}"] = calm, snapshot(**{colour: block((x + 0.101 * sign, y, z))})
        for where, surface in surfaces.items():
            lying, up = block((x, y, z), (surface,)), block((x, y, raised[where]), FINGERS)
            pairs[f"lift_{colour}_block_{where}"] = snapshot(**{colour: lying}), snapshot(**{colour: up})
    return pairs
