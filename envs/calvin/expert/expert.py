"""The scripted expert: one relative action per control step for whichever subtask is wanted now.

It knows all that the simulator knows. A subtask is a generator of actions; what fails is tried again from where things
are then, until somebody asks for another subtask. What the hand holds from before is put down first, unless the subtask
is to put it somewhere. Nothing is drawn by chance.
"""

from __future__ import annotations

import math

from envs.calvin.expert import blocks, placing, pushing
from envs.calvin.expert.carrying import Carrier
from envs.calvin.expert.fixtures import Fixtures
from envs.calvin.expert.hand import Hand, Skill
from envs.calvin.geometry import TABLES
from envs.calvin.oracles import SUBTASKS
from envs.calvin.states import BLOCKS, Floats
from envs.calvin.world import World
from protocols.registry import require

CARRYING = {
    "place_in_slider": placing.onto_shelf,
    "place_in_drawer": placing.into_drawer,
    "stack_block": placing.onto_block,
}


class Expert:
    """Solves subtasks in a started world, one after another; it reads the world's state and does not change it.

    Args:
        world: a started one. After another start, it takes another expert.
    """

    def __init__(self, world: World) -> None:
        self._hand = Hand(world)
        table = TABLES[world.scene]
        self._fixtures = Fixtures(self._hand, table)
        self._carrier = Carrier(self._hand, table, self._fixtures)
        self._course: Skill = iter(())

    def begin(self, subtask: str) -> None:
        """Turn to a subtask, from wherever things are now. Raises LookupError for an unknown one."""
        self._course = self._act(require("subtask", subtask, SUBTASKS))

    def action(self) -> Floats:
        """(7,) the action of the next control step, within [-1, 1]; the gripper's is -1 or 1."""
        self._hand.look()
        return next(self._course)

    def _act(self, subtask: str) -> Skill:
        self._hand.gripper = self._hand.world.robot.gripper
        carried = self._carrier.held() or min(BLOCKS, key=self._distance)
        while True:
            if subtask in CARRYING:
                yield from CARRYING[subtask](self._carrier, carried)
            else:
                yield from self._carrier.release()
                yield from self._skill(subtask)
            yield from self._hand.wait(1)

    def _distance(self, colour: str) -> float:
        return math.dist(self._hand.scene.blocks[colour].position, self._hand.position)

    def _skill(self, subtask: str) -> Skill:
        """One attempt, with empty fingers."""
        match subtask.split("_"):
            case ["lift", colour, *_]:
                return blocks.lift(self._carrier, colour)
            case ["rotate", colour, _, side]:
                return blocks.rotate(self._carrier, colour, side == "left")
            case ["unstack", _]:
                return blocks.unstack(self._carrier)
            case ["push", "into", _]:
                return placing.from_table_into_drawer(self._carrier)
            case ["push", colour, _, side]:
                return pushing.push(self._carrier, colour, side == "right")
            case ["move", _, side]:
                return self._fixtures.slide(side == "left")
            case ["open", _]:
                return self._fixtures.pull_drawer()
            case ["close", _]:
                return self._fixtures.push_drawer()
            case ["turn", _, "led"]:
                return self._fixtures.press_button()
            case ["turn", switched, _]:
                return self._fixtures.flip(switched == "on")
        raise AssertionError(subtask)
