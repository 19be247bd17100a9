"""The scripted expert: the predicates of the goal in an order in which they can be met, one skill for each."""

from __future__ import annotations

import numpy as np

from envs.libero.expert.articulated import close_, open_, turn
from envs.libero.expert.hand import Hand, Skill
from envs.libero.expert.picking import pick_and_place
from envs.libero.expert.scene import Scene
from envs.libero.expert.shelves import Front, put_in
from envs.libero.simulation import Array, Predicate, Simulation

PLACED = ("on", "in")
FAR_M, NEAR_M = 0.15, 0.04
ARM_AND_FINGERS, MOVED = 9, 0.002  # positions that belong to the robot; metres or rad
WAITING_STEPS = 5  # until what was let go has come to rest, before the next try


class Expert:
    """Solves the task of a started simulation, as far as it can.

    Args:
        simulation: a started one; its state is read, not changed.
    """

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._hand, self._scene = Hand(simulation), Scene(simulation)
        self._start = self._hand.position, self._hand.rotation
        self._hopeless: dict[Predicate, Array] = {}  # what found no way, and how all things stood then
        self._actions = self._act()

    def next(self) -> Array:
        """(7,) the action of the next control step."""
        return next(self._actions)

    def _act(self) -> Skill:
        while True:
            missing = [one for one in ordered(self._simulation.goal) if not self._simulation.holds(one)]
            for predicate in missing[:1]:
                yield from self._skill(predicate)
            yield from self._hand.wait(WAITING_STEPS)

    def _skill(self, predicate: Predicate) -> Skill:
        verb, thing, *place = predicate
        if verb in PLACED:
            if self._shut(place[0]):
                yield from self._move("open", place[0])
            things = self._simulation.data.qpos[ARM_AND_FINGERS:].copy()
            if predicate in self._hopeless and np.abs(self._hopeless[predicate] - things).max() < MOVED:
                return
            front = Front.of(self._scene, predicate)
            if front:
                found = yield from put_in(self._hand, self._scene, thing, front)
            else:
                found = yield from pick_and_place(self._hand, self._scene, predicate)
            if not found:
                self._hopeless[predicate] = things
        else:
            yield from self._move(verb, thing)

    def _move(self, verb: str, name: str) -> Skill:
        """Open, close or turn something, from where the arm is bent as at the start."""
        position, rotation = self._start
        if np.linalg.norm(self._hand.position - position) > FAR_M:
            high = max(position[2], self._hand.position[2])
            yield from self._hand.go(np.array([*self._hand.position[:2], high]), rotation, NEAR_M, 9.0)
            yield from self._hand.go(position, rotation, NEAR_M, 0.2)
        if verb == "open":
            yield from open_(self._hand, name)
        elif verb == "close":
            yield from close_(self._hand, name)
        else:
            yield from turn(self._hand, name, verb == "turnon")

    def _shut(self, container: str) -> bool:
        """Whether a region is that of a drawer or door which is not open."""
        site = self._simulation.problem.object_sites_dict.get(container)
        if site is None or not site.joints:
            return False
        return not self._simulation.holds(("open", container))


def ordered(goal: list[Predicate]) -> list[Predicate]:
    """Knobs first, then what has to be closed for itself, opened, filled, and last what is closed when it is full."""
    filled = {predicate[2] for predicate in goal if predicate[0] in PLACED}
    supports = {predicate[2] for predicate in goal if predicate[0] == "on"}

    def rank(predicate: Predicate) -> tuple[int, bool]:
        verb, thing = predicate[:2]
        if verb in PLACED:
            return 3, thing not in supports
        if verb == "close":
            return (4 if any(name.startswith(thing) for name in filled) else 1), True
        return (2 if verb == "open" else 0), True

    return sorted(goal, key=rank)
