"""The verdicts on CALVIN's 34 subtasks: what has become of the scene between two snapshots.

    rotate_*            turned about z by 60 to 180 degrees, left is positive; by less than 30 about x and y; moved by
                        at most 0.1 m; it touches something other than the robot
    push_*_left/_right  moved along x by more than 0.1 m, right is positive; all that it touched at the start, but for
                        the robot, it still touches, and that is something
    lift_*              raised by more than 0.05 m (slider: 0.03 m) from the table's top, drawer or slider, which it
                        touched at the start; it touches the robot and nothing else
    move_slider_*       the door has moved by more than 0.15 m, left is positive
    open_, close_drawer the drawer has moved by more than 0.12 m, open is positive
    turn_on_, turn_off_ the light has changed
    place_in_*          at the start the robot touched one body, a block, which touched nothing else; now it does not
                        touch that block, which touches the slider's or drawer's floor
    stack_block         some block touched no other; now it touches another and nothing else, and is slower than 1 (m/s
                        and rad/s, each axis)
    unstack_block       the other way round, slow at the start
    push_into_drawer    some block touched the table's top and nothing else; now it touches the drawer

Everything is measured against the start of the subtask, so an open drawer cannot be opened, and one that is half open
may be too open to be. Lifting, placing and pushing take contacts by link, turning and stacking by body.

Source: calvin_env@797142c, envs/tasks.py, with the thresholds of conf/tasks/new_playtable_tasks.yaml; a scratch
comparison of both on random snapshots found no difference. Upstream means the robot not to touch a block that is pushed
into the drawer, but compares a number with pairs, so it may; and so it may here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np

from envs.calvin.states import BLOCKS, Block, Contact, Floats, Snapshot
from protocols.registry import require

Verdict = Callable[[Snapshot, Snapshot], bool]

TOP: Contact = ("table", -1)
DRAWER: Contact = ("table", 3)
PLANK: Contact = ("table", 6)  # the floor of the slider

TURN_DEG, TIPPED_DEG, SHIFTED_M = 60.0, 30.0, 0.1
PUSH_M = 0.1
LIFT_M = {TOP: 0.05, PLANK: 0.03, DRAWER: 0.05}
SLIDE_M, DRAW_M = 0.15, 0.12
AT_REST = 1.0  # m/s and rad/s


def solved(subtask: str, start: Snapshot, now: Snapshot) -> bool:
    """Whether the subtask that began at `start` is solved now.

    Raises:
        LookupError: no such subtask.
    """
    return VERDICTS[require("subtask", subtask, VERDICTS)](start, now)


def rotated(colour: str, sign: int, start: Snapshot, now: Snapshot) -> bool:
    """A block has been turned to the left (sign 1) or right (-1)."""
    before, after = start.blocks[colour], now.blocks[colour]
    if np.linalg.norm(after.position - before.position) > SHIFTED_M or not bodies(after) - {"robot"}:
        return False
    x, y, z = turned_deg(before, after)
    return TURN_DEG < sign * z < 180.0 and abs(x) < TIPPED_DEG and abs(y) < TIPPED_DEG


def turned_deg(before: Block, after: Block) -> tuple[float, float, float]:
    """By how many degrees a block has been turned about the world's x, y and z, one after another."""
    turn = matrix(after.orientation) @ matrix(before.orientation).T
    x = math.atan2(turn[2, 1], turn[2, 2])
    y = math.asin(min(max(-turn[2, 0], -1.0), 1.0))
    z = math.atan2(turn[1, 0], turn[0, 0])
    return math.degrees(x), math.degrees(y), math.degrees(z)


def matrix(quaternion: Floats) -> Floats:
    """(3, 3) rotation of a quaternion x, y, z, w of any length."""
    x, y, z, w = quaternion / np.linalg.norm(quaternion)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def bodies(block: Block) -> set[str]:
    """The bodies that a block touches."""
    return {body for body, _ in block.contacts}


def pushed(colour: str, sign: int, start: Snapshot, now: Snapshot) -> bool:
    """A block has been pushed to the right (sign 1) or left (-1)."""
    before, after = start.blocks[colour], now.blocks[colour]
    stood, stands = on_what(before), on_what(after)
    return bool(stood) and stood <= stands and sign * float(after.position[0] - before.position[0]) > PUSH_M


def on_what(block: Block) -> set[Contact]:
    """What a block touches, but for the robot."""
    return {contact for contact in block.contacts if contact[0] != "robot"}


def lifted(colour: str, surface: Contact, start: Snapshot, now: Snapshot) -> bool:
    """A block has been lifted from a surface."""
    before, after = start.blocks[colour], now.blocks[colour]
    raised = float(after.position[2] - before.position[2]) > LIFT_M[surface]
    return raised and bodies(after) == {"robot"} and surface in before.contacts


def slid(sign: int, start: Snapshot, now: Snapshot) -> bool:
    """The slider's door has been moved to the left (sign 1) or right (-1)."""
    return sign * (now.slider - start.slider) > SLIDE_M


def drawn(sign: int, start: Snapshot, now: Snapshot) -> bool:
    """The drawer has been opened (sign 1) or closed (-1)."""
    return sign * (now.drawer - start.drawer) > DRAW_M


def switched(light: str, on: bool, start: Snapshot, now: Snapshot) -> bool:
    """The lightbulb or LED has been turned on or off."""
    before, after = (start.led, now.led) if light == "led" else (start.lightbulb, now.lightbulb)
    return before != on and after == on


def placed(surface: Contact, start: Snapshot, now: Snapshot) -> bool:
    """The block that the robot held at the start has been put down on a surface."""
    colour = held(start)
    if colour is None or colour in {body for body, _ in now.robot_contacts}:
        return False
    return surface in now.blocks[colour].contacts


def held(snapshot: Snapshot) -> str | None:
    """The block that is the only thing which the robot touches, and which touches only the robot."""
    touched = {body for body, _ in snapshot.robot_contacts}
    colour = next(iter(touched)) if len(touched) == 1 else None
    return colour if colour in snapshot.blocks and bodies(snapshot.blocks[colour]) == {"robot"} else None


def stacked(start: Snapshot, now: Snapshot) -> bool:
    """Some block has come to rest on others."""
    return any(
        not bodies(start.blocks[colour]) & set(BLOCKS) and rests_on_blocks(now.blocks[colour]) for colour in BLOCKS
    )


def unstacked(start: Snapshot, now: Snapshot) -> bool:
    """Some block that rested on others touches none any more."""
    return any(
        rests_on_blocks(start.blocks[colour]) and not bodies(now.blocks[colour]) & set(BLOCKS) for colour in BLOCKS
    )


def rests_on_blocks(block: Block) -> bool:
    """A slow block that touches other blocks and nothing else."""
    touched = bodies(block)
    slow = max(np.abs(block.velocity).max(), np.abs(block.spin).max()) < AT_REST
    return bool(touched) and touched <= set(BLOCKS) and bool(slow)


def pushed_into_drawer(start: Snapshot, now: Snapshot) -> bool:
    """Some block that stood on the table has come into the drawer."""
    return any(start.blocks[colour].contacts == {TOP} and DRAWER in now.blocks[colour].contacts for colour in BLOCKS)


VERDICTS: dict[str, Verdict] = {  # in the order in which upstream draws its sequences
    **{
        f"{verb}_{colour}_block_{side}": partial(verdict, colour, sign)
        for verb, verdict, right in (("rotate", rotated, -1), ("push", pushed, 1))
        for colour in BLOCKS
        for side, sign in (("right", right), ("left", -right))
    },
    "move_slider_left": partial(slid, 1),
    "move_slider_right": partial(slid, -1),
    "open_drawer": partial(drawn, 1),
    "close_drawer": partial(drawn, -1),
    **{
        f"lift_{colour}_block_{where}": partial(lifted, colour, surface)
        for colour in BLOCKS
        for where, surface in (("table", TOP), ("slider", PLANK), ("drawer", DRAWER))
    },
    "place_in_slider": partial(placed, PLANK),
    "place_in_drawer": partial(placed, DRAWER),
    "stack_block": stacked,
    "unstack_block": unstacked,
    "turn_on_lightbulb": partial(switched, "lightbulb", True),
    "turn_off_lightbulb": partial(switched, "lightbulb", False),
    "turn_on_led": partial(switched, "led", True),
    "turn_off_led": partial(switched, "led", False),
    "push_into_drawer": pushed_into_drawer,
}
SUBTASKS = tuple(VERDICTS)
