"""The 1000 sequences of five subtasks that CALVIN is evaluated on, and the rules by which they have been drawn.

A `Condition` says in words where everything is. `RULES` says which condition a subtask needs and what it leads to. A
sequence is valid where each subtask has exactly one rule that applies, and no two subtasks are of a kind. Conditions to
begin with are the 192 in which one or two blocks are on the table and at most one is on either side of the slider.

`sequences()` reads them from sequences.csv: the number of the condition in `conditions()`, and those of the subtasks in
`SUBTASKS`. `draw_sequences()` draws them anew, in about 20 s.

Source: calvin@fa03f01, evaluation/multistep_sequences.py, `get_sequences(1000)`: for condition i the generator of seed
i draws five different subtasks until they are valid, six times for the first 40 conditions, five times for the others;
then all are shuffled with seed 0. Any other number of sequences would be another set, so a short evaluation takes the
first ones. Known flaw, kept: a block that is stored while the door is right is said to be on the slider's right, and is
on its left (see `chains.is_dead_end`).
"""

from __future__ import annotations

import csv
import functools
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from envs.calvin.oracles import SUBTASKS
from envs.calvin.states import BLOCKS

FILE = Path(__file__).with_name("sequences.csv")
LENGTH = 5
COUNT = 1000
KINDS = {  # by the first word
    "rotate": "turn or push",
    "push": "turn or push",
    "move": "slider",
    "open": "drawer",
    "close": "drawer",
    "place": "place",
    "turn": "light",
    "stack": "stack",
    "unstack": "unstack",
}

FREE = "grasped=0"  # unless a row says otherwise
TABLE = (  # subtask, what it needs, what it leads to; one, two and three are the blocks in any order
    ("rotate_{one}_block_right", "{one}_block=table", ""),
    ("rotate_{one}_block_left", "{one}_block=table", ""),
    ("push_{one}_block_right", "{one}_block=table", ""),
    ("push_{one}_block_left", "{one}_block=table", ""),
    ("move_slider_left", "slider=right", "slider=left"),
    ("move_slider_right", "slider=left", "slider=right"),
    ("open_drawer", "drawer=closed", "drawer=open"),
    ("close_drawer", "drawer=open", "drawer=closed"),
    ("lift_{one}_block_table", "{one}_block=table", "{one}_block=grasped grasped=1"),
    ("lift_{one}_block_slider", "{one}_block=slider_left slider=right", "{one}_block=grasped grasped=1"),
    ("lift_{one}_block_slider", "{one}_block=slider_right slider=left", "{one}_block=grasped grasped=1"),
    ("lift_{one}_block_drawer", "{one}_block=drawer drawer=open", "{one}_block=grasped grasped=1"),
    ("place_in_slider", "grasped=1 {one}_block=grasped slider=right", "{one}_block=slider_right grasped=0"),
    ("place_in_slider", "grasped=1 {one}_block=grasped slider=left", "{one}_block=slider_left grasped=0"),
    ("place_in_drawer", "grasped=1 {one}_block=grasped drawer=open", "{one}_block=drawer grasped=0"),
    (
        "stack_block",
        "grasped=1 {one}_block=grasped {two}_block=table",
        "{one}_block=stacked_top {two}_block=stacked_bottom grasped=0",
    ),
    (
        "unstack_block",
        "{one}_block=stacked_top {two}_block=stacked_bottom",
        "{one}_block=table {two}_block=table",
    ),
    ("turn_on_lightbulb", "lightbulb=0", "lightbulb=1"),
    ("turn_off_lightbulb", "lightbulb=1", "lightbulb=0"),
    ("turn_on_led", "led=0", "led=1"),
    ("turn_off_led", "led=1", "led=0"),
    (
        "push_into_drawer",
        "{one}_block=table {two}_block=slider_right|slider_left {three}_block=slider_right|slider_left drawer=open",
        "{one}_block=drawer",
    ),
)

Random = np.random.RandomState | np.random.Generator


class Condition(NamedTuple):
    """Where everything is, in words; the names and their order are upstream's.

    Args:
        led, lightbulb: 1 where it shines.
        slider: side on which its door is, "left" or "right"; the other side is open.
        drawer: "open" or "closed".
        red_block, blue_block, pink_block: "table", "slider_left", "slider_right", "drawer", "grasped", "stacked_top" or
            "stacked_bottom".
        grasped: 1 where a block is in the hand.
    """

    led: int
    lightbulb: int
    slider: str
    drawer: str
    red_block: str
    blue_block: str
    pink_block: str
    grasped: int = 0


class Sequence(NamedTuple):
    """One of the 1000: what it begins with, and its five subtasks."""

    condition: Condition
    subtasks: tuple[str, ...]


class Rule(NamedTuple):
    """What a subtask needs, names with the values allowed, and what it leads to."""

    needs: frozenset[tuple[str, tuple[int | str, ...]]]
    gives: frozenset[tuple[str, int | str]]


@functools.cache
def conditions() -> tuple[Condition, ...]:
    """The 192 conditions that a sequence can begin with."""
    surfaces = ("table", "slider_right", "slider_left")
    places = [
        blocks
        for blocks in itertools.product(surfaces, surfaces, surfaces)
        if 1 <= blocks.count("table") <= 2 and blocks.count("slider_right") < 2 and blocks.count("slider_left") < 2
    ]
    doors = itertools.product((0, 1), (0, 1), ("right", "left"), ("closed", "open"))
    return tuple(
        Condition(led, lightbulb, slider, drawer, red, blue, pink)
        for led, lightbulb, slider, drawer in doors
        for red, blue, pink in places
    )


def sequence(index: int) -> Sequence:
    """The sequence of that number.

    Raises:
        ValueError: there is none.
    """
    if not 0 <= index < COUNT:
        raise ValueError(f"there are {COUNT} sequences, 0 to {COUNT - 1}, so no sequence {index}")
    return sequences()[index]


@functools.cache
def sequences() -> tuple[Sequence, ...]:
    """All 1000, in upstream's order."""
    with FILE.open(encoding="utf-8", newline="") as file:
        rows = [tuple(map(int, row)) for row in itertools.islice(csv.reader(file), 1, None)]
    return tuple(Sequence(conditions()[row[0]], tuple(SUBTASKS[number] for number in row[1:])) for row in rows)


def draw_sequences() -> list[Sequence]:
    """The 1000 once more, drawn as upstream draws them."""
    each, left = divmod(COUNT, len(conditions()))
    drawn = [one for number in range(len(conditions())) for one in draw_some(number, each + (number < left))]
    np.random.RandomState(0).shuffle(drawn)
    return drawn


def draw_some(number: int, count: int) -> Iterator[Sequence]:
    """The sequences of one condition."""
    random = np.random.RandomState(number)
    for _ in range(count):
        yield Sequence(conditions()[number], draw_subtasks(conditions()[number], random))


def draw_subtasks(condition: Condition, random: Random) -> tuple[str, ...]:
    """Five subtasks that are valid under a condition, every such choice as likely as any other."""
    while True:
        numbers = random.permutation(len(SUBTASKS))[:LENGTH].tolist()
        if is_valid(condition, subtasks := [SUBTASKS[number] for number in numbers]):
            return tuple(subtasks)


def is_valid(condition: Condition, subtasks: list[str] | tuple[str, ...]) -> bool:
    """Whether each subtask has exactly one rule that applies when it is its turn, and no two are of a kind."""
    now: Condition | None = condition
    for subtask in subtasks:
        now = after(now, subtask)
        if now is None:
            return False
    return len({kind(subtask) for subtask in subtasks}) == len(subtasks)


@functools.cache
def after(condition: Condition, subtask: str) -> Condition | None:
    """What a subtask leads to, None where no rule applies, or more than one."""
    fitting = [rule for rule in rules()[subtask] if all(getattr(condition, name) in some for name, some in rule.needs)]
    return Condition(**(condition._asdict() | dict(fitting[0].gives))) if len(fitting) == 1 else None


@functools.cache
def rules() -> dict[str, tuple[Rule, ...]]:
    """The rules of every subtask: the rows of `TABLE` for all colours."""
    found: dict[str, dict[Rule, None]] = {subtask: {} for subtask in SUBTASKS}
    for (subtask, needs, gives), (one, two, three) in itertools.product(TABLE, itertools.permutations(BLOCKS)):
        filled = [text.format(one=one, two=two, three=three) for text in (subtask, f"{FREE} {needs}", gives)]
        needed, given = (dict(part.split("=") for part in text.split()) for text in filled[1:])
        rule = Rule(
            frozenset((name, tuple(map(value, some.split("|")))) for name, some in needed.items()),
            frozenset((name, value(one)) for name, one in given.items()),
        )
        found[filled[0]][rule] = None  # some differ only in colours that they do not name
    return {subtask: tuple(some) for subtask, some in found.items()}


def value(text: str) -> int | str:
    """A number where the text is one."""
    return int(text) if text.isdigit() else text


@functools.cache
def kind(subtask: str) -> str:
    """Of each kind a sequence has at most one subtask."""
    first, *_, last = subtask.split("_")
    if subtask == "push_into_drawer":
        return subtask
    return f"lift from {last}" if first == "lift" else KINDS[first]
