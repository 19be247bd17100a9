"""The scripted expert: one relative action per control step for whichever subtask is wanted now."""

from __future__ import annotations

from envs.calvin.expert.blocks import Blocks
from envs.calvin.expert.fixtures import Fixtures
from envs.calvin.expert.hand import Hand, Skill
from envs.calvin.expert.scene import TABLES
from envs.calvin.states import Floats
from envs.calvin.world import World

KEEPING = ("place_in_slider", "place_in_drawer", "stack_block")  # what is done with a block in the hand


class Expert:
    """Solves subtasks in a started world, one after another; it reads the world's state and does not change it.

    Args:
        world: a started one.
    """

    def __init__(self, world: World) -> None:
        self._hand = Hand(world)
        table = TABLES[world.scene]
        self._fixtures = Fixtures(self._hand, table)
        self._blocks = Blocks(self._hand, table, self._fixtures)

    def begin(self, subtask: str) -> None:
        """Turn to a subtask, from wherever things are now."""
        self._course = self._act(subtask)

    def action(self) -> Floats:
        """(7,) the action of the next control step, each part in [-1, 1]."""
        self._hand.look()
        return next(self._course)

    def _act(self, subtask: str) -> Skill:
        self._hand.gripper = self._hand.world.robot.gripper
        while True:
            if subtask not in KEEPING:
                yield from self._blocks.release()
            yield from self._skill(subtask)
            yield from self._hand.wait(1)

    def _skill(self, subtask: str) -> Skill:
        verb, *words = subtask.split("_")
        match verb, words:
            case "lift", [colour, *_]:
                return self._blocks.lift(colour)
            case "rotate", [colour, _, side]:
                return self._blocks.rotate(colour, side == "left")
            case "push", ["into", "drawer"]:
                return self._blocks.push_into_drawer()
            case "push", [colour, _, side]:
                return self._blocks.push(colour, side == "right")
            case "place", ["in", "slider"]:
                return self._blocks.place_in_slider()
            case "place", _:
                return self._blocks.place_in_drawer()
            case "stack", _:
                return self._blocks.stack()
            case "unstack", _:
                return self._blocks.unstack()
            case "move", [_, side]:
                return self._fixtures.slide(side == "left")
            case "open", _:
                return self._fixtures.pull_drawer()
            case "close", _:
                return self._fixtures.push_drawer()
            case "turn", [_, "led"]:
                return self._fixtures.press_button()
        return self._fixtures.flip(words[0] == "on")
