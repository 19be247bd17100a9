"""What an episode of CALVIN is: a chain of one to five subtasks from one start, a pure function of the episode.

    chain_A .. chain_D    five subtasks. Split "eval": `episode.index` is the number of the official sequence, 0 to 999,
                          its condition and its places (`initial_state`), and no seed matters. Split "train": a
                          condition and five subtasks drawn as the official ones are, but for the few chains that ask
                          for a block behind the closed door
    <subtask>_<scene>     that subtask. One that cannot come first, because it needs a block in the hand, on another
                          block or in the drawer, comes after the fewest subtasks that make it possible:

                              place_in_*, stack_block   lift
                              unstack_block             lift, stack_block
                              lift_*_drawer             push_into_drawer

                          Condition and subtasks before it are drawn from those that are possible, all conditions alike

Split "train" strews the blocks: each anywhere on the surface that the condition names, with any yaw, none touching
another, as calvin_env's random reset does; in the slider some lie against its door or wall and are pushed off it by up
to 4 cm, there as here. Split "eval" deals the official places and yaws anew for a single task. Everything is drawn from
`episode.seed`.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from envs.calvin.initial_states import initial_state, start_of
from envs.calvin.oracles import SUBTASKS
from envs.calvin.sequences import Condition, Sequence, after, conditions, draw_subtasks, is_valid, sequence
from envs.calvin.states import BLOCKS, SCENES, Floats, Start
from envs.calvin.surfaces import SURFACES
from protocols import SPLITS
from protocols.contracts import Episode
from protocols.registry import require

CHAINS = {f"chain_{scene}": scene for scene in SCENES}
SINGLES = {f"{subtask}_{scene}": (subtask, scene) for scene in SCENES for subtask in SUBTASKS}
TASKS = (*CHAINS, *SINGLES)
LENGTHS = {  # m, of a block along its own x
    "A": {"red": 0.056, "blue": 0.08, "pink": 0.04},
    "B": {"red": 0.04, "blue": 0.08, "pink": 0.056},
    "C": {"red": 0.08, "blue": 0.04, "pink": 0.056},
    "D": {"red": 0.056, "blue": 0.04, "pink": 0.08},
}
WIDTH = 0.04  # m, along its y
APART = 0.005  # m, that blocks are kept from one another


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
    while hides_a_block(subtasks := draw_subtasks(condition, random)):
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


def hides_a_block(subtasks: tuple[str, ...]) -> bool:
    """Whether a block is stored in the slider and later lifted from it.

    The rules take it to be on the door's side, which is the closed one. Five of the 1000 official sequences do so.
    """
    if "place_in_slider" not in subtasks:
        return False
    at = subtasks.index("place_in_slider")
    colour = subtasks[at - 1].split("_")[1]  # what has just been lifted
    return f"lift_{colour}_block_slider" in subtasks[at:]


def strewn(condition: Condition, scene: str, random: np.random.Generator) -> dict[str, Floats]:
    """(6,) poses by colour, on the surfaces that the condition names, no block touching another."""
    surfaces = (condition.red_block, condition.blue_block, condition.pink_block)
    low, high = np.swapaxes([SURFACES[scene][surface] for surface in surfaces], 0, 1)
    while True:
        places = random.uniform(low, high)  # (blocks, 3)
        yaws = random.uniform(-math.pi, math.pi, len(BLOCKS))
        rows = zip(BLOCKS, places.tolist(), yaws.tolist(), strict=True)
        boxes = {colour: Box(x, y, z, yaw, LENGTHS[scene][colour]) for colour, (x, y, z), yaw in rows}
        if all(are_apart(one, other) for one, other in itertools.combinations(boxes.values(), 2)):
            return {colour: np.array([box.x, box.y, box.z, 0.0, 0.0, box.yaw]) for colour, box in boxes.items()}


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
