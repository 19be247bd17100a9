"""What an episode of CALVIN is: a chain of one to five subtasks from one start, a pure function of the episode.

    chain_A .. chain_D    five subtasks. Split "eval": `episode.index` is the number of the official sequence, 0 to 999,
                          its condition and its places (`initial_state`), and no seed matters. Split "train": a
                          condition and five subtasks drawn as the official ones are, but for the few dead ends
    <subtask>_<scene>     that subtask. One that cannot come first, because it needs a block in the hand, on another
                          block or in the drawer, comes after the fewest subtasks that make it possible:

                              place_in_*, stack_block   lift
                              unstack_block             lift, stack_block
                              lift_*_drawer             push_into_drawer

                          Condition and subtasks before it are drawn from those that are possible, all conditions alike

Split "train" strews the blocks: each anywhere on the surface that the condition names, with any yaw, none touching
another, as calvin_env's random reset does. In the slider some lie against its wall or door and are pushed off it by up
to 4 cm, there as here. But none on the table touches the door: from there no verdict lets it be pushed; and none is
behind it where the condition says that the door is elsewhere, as scene C's surface would have it. Split "eval" deals
the official places and yaws anew for a single task. Everything is drawn from `episode.seed`.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from envs.calvin.geometry import DOOR_M, TABLES
from envs.calvin.initial_states import LEFT, initial_state, start_of
from envs.calvin.oracles import SUBTASKS
from envs.calvin.sequences import Condition, Sequence, after, conditions, draw_subtasks, is_valid, sequence
from envs.calvin.states import BLOCK_SIZES, BLOCKS, LENGTHS, SCENES, WIDTH, Floats, Start
from envs.calvin.surfaces import SURFACES
from protocols import SPLITS
from protocols.contracts import Episode
from protocols.registry import require

CHAINS = {f"chain_{scene}": scene for scene in SCENES}
SINGLES = {f"{subtask}_{scene}": (subtask, scene) for scene in SCENES for subtask in SUBTASKS}
TASKS = (*CHAINS, *SINGLES)
APART = 0.005  # m, that blocks are kept from one another
DOOR_Y, HANDLE_Y, HANDLE_HALF_X = -0.01, -0.04, 0.025  # m, where the slider's door and its handle begin, less a little


class Chain(NamedTuple):
    """What an episode asks for: subtasks, one after another, in a scene, from a start."""

    start: Start
    scene: str
    subtasks: tuple[str, ...]


def of(episode: Episode) -> Chain:
    """The chain of an episode.

    Raises:
        LookupError: no such task or split.
        ValueError: no official sequence has that index.
    """
    require("task", episode.task, TASKS)
    require("split", episode.split, SPLITS)
    scene = CHAINS.get(episode.task) or SINGLES[episode.task][1]
    random = np.random.default_rng(episode.seed)
    condition, subtasks = drawn(episode, random)
    if episode.split == "train":
        return Chain(start_of(condition, scene, strewn(condition, scene, random)), scene, subtasks)
    seed = None if episode.task in CHAINS else episode.seed
    return Chain(initial_state(condition, scene, seed), scene, subtasks)


def drawn(episode: Episode, random: np.random.Generator) -> Sequence:
    """Condition and subtasks of an episode."""
    if episode.task in SINGLES:
        under = possible(SINGLES[episode.task][0])
        some = under[random.integers(len(under))]
        return some[random.integers(len(some))]
    if episode.split == "eval":
        return sequence(episode.index)
    condition = conditions()[random.integers(len(conditions()))]
    while is_dead_end(subtasks := draw_subtasks(condition, random)):
        pass
    return Sequence(condition, subtasks)


@functools.cache
def possible(subtask: str) -> tuple[tuple[Sequence, ...], ...]:
    """The shortest valid chains that end with a subtask, one entry per condition under which there are some."""
    for length in itertools.count(1):
        found = [tuple(ending(condition, subtask, length)) for condition in conditions()]
        if any(found):
            return tuple(some for some in found if some)
    raise AssertionError("every subtask is possible some time")


def ending(condition: Condition, subtask: str, length: int) -> Iterator[Sequence]:
    """All valid chains of that length that end with a subtask."""
    before: list[tuple[Condition, tuple[str, ...]]] = [(condition, ())]
    for _ in range(length - 1):
        before = [
            (led_to, (*done, one))
            for now, done in before
            for one in SUBTASKS
            if (led_to := after(now, one)) is not None
        ]
    return (Sequence(condition, (*done, subtask)) for _, done in before if is_valid(condition, (*done, subtask)))


def is_dead_end(subtasks: tuple[str, ...]) -> bool:
    """Whether a valid chain asks for what its own course all but rules out; 16 of the 1000 official ones do.

    A block that has been stored in the slider is not on the door's side, as the rules have it: whoever is to lift it
    later finds it behind the door (5). One that has been lifted off another is unstacked at once, still in the air, and
    no verdict lets it be pushed or lifted from there as the next thing (11).
    """
    if "place_in_slider" in subtasks:
        at = subtasks.index("place_in_slider")
        if f"lift_{colour(subtasks[at - 1])}_block_slider" in subtasks[at:]:
            return True
    if "unstack_block" in subtasks:
        at, block = subtasks.index("unstack_block"), colour(subtasks[subtasks.index("stack_block") - 1])
        wanting = {f"push_{block}_block_left", f"push_{block}_block_right", f"lift_{block}_block_table"}
        return bool(wanting & set(subtasks[at + 1 : at + 2]))
    return False


def colour(subtask: str) -> str:
    """The block that a subtask names."""
    return subtask.split("_")[1]


def strewn(condition: Condition, scene: str, random: np.random.Generator) -> dict[str, Floats]:
    """(6,) poses by colour, on the surfaces that the condition names, clear of one another and the slider's door."""
    surfaces = (condition.red_block, condition.blue_block, condition.pink_block)
    left = TABLES[scene].door - (LEFT[scene] if condition.slider == "left" else 0.0)
    low, high = np.swapaxes([SURFACES[scene][surface] for surface in surfaces], 0, 1)
    while True:
        places = random.uniform(low, high)  # (blocks, 3)
        yaws = random.uniform(-math.pi, math.pi, len(BLOCKS))
        rows = zip(BLOCKS, places.tolist(), yaws.tolist(), strict=True)
        boxes = [Box(x, y, z, yaw, LENGTHS[BLOCK_SIZES[scene][block]]) for block, (x, y, z), yaw in rows]
        clear = (
            surface.endswith(condition.slider) or is_clear_of_door(box, left, surface == "table")
            for box, surface in zip(boxes, surfaces, strict=True)
        )
        if all(clear) and all(are_apart(one, other) for one, other in itertools.combinations(boxes, 2)):
            poses = [np.array([box.x, box.y, box.z, 0.0, 0.0, box.yaw]) for box in boxes]
            return dict(zip(BLOCKS, poses, strict=True))


class Box(NamedTuple):
    """A block, m and rad."""

    x: float
    y: float
    z: float
    yaw: float
    length: float

    def reach(self, yaw: float) -> float:
        """How far it reaches from its centre in a direction, m."""
        return (self.length * abs(math.cos(yaw - self.yaw)) + WIDTH * abs(math.sin(yaw - self.yaw))) / 2


def are_apart(one: Box, other: Box) -> bool:
    """Whether a line along an edge of either block passes between them."""
    return any(
        abs((one.x - other.x) * math.cos(yaw) + (one.y - other.y) * math.sin(yaw))
        > one.reach(yaw) + other.reach(yaw) + APART
        for yaw in (one.yaw, one.yaw + math.pi / 2, other.yaw, other.yaw + math.pi / 2)
    )


def is_clear_of_door(box: Box, left: float, on_table: bool) -> bool:
    """Whether a block on the table does not touch the slider's door, or one in the slider is not behind it.

    Args:
        box: the block.
        left: where the door begins along x, m.
        on_table: which of the two.
    """
    aside, back = box.reach(0.0), box.y + box.reach(math.pi / 2)
    if on_table:
        at_handle = abs(box.x - left - DOOR_M / 2) < aside + HANDLE_HALF_X
        return back < (HANDLE_Y if at_handle else DOOR_Y)
    return box.x + aside < left or left + DOOR_M < box.x - aside
