"""Open, close, turn: what the expert does with furniture that moves on a joint."""

from __future__ import annotations

from envs.libero.expert.drawers import close_drawer, open_drawer
from envs.libero.expert.hand import Hand, Skill
from envs.libero.expert.hinges import DOOR_LEAD_RAD, KNOB_LEAD_RAD, door_grip, knob_grip, lead_round
from envs.libero.expert.parts import Part


def open_(hand: Hand, name: str) -> Skill:
    """Open a drawer or a door.

    Args:
        hand: empty; at the end it is open or closed, and a few centimetres away from the furniture.
        name: as in the goal: of a drawer's region, or of a microwave.
    """
    part = Part(hand.simulation, name)

    def done() -> bool:
        return hand.simulation.holds(("open", name))

    return open_drawer(hand, part, done) if part.slides else lead_round(hand, part, door_grip, -DOOR_LEAD_RAD, done)


def close_(hand: Hand, name: str) -> Skill:
    """Close a drawer or a door; arguments as for `open_`."""
    part = Part(hand.simulation, name)

    def done() -> bool:
        return hand.simulation.holds(("close", name))

    return close_drawer(hand, part, done) if part.slides else lead_round(hand, part, door_grip, DOOR_LEAD_RAD, done)


def turn(hand: Hand, name: str, on: bool) -> Skill:
    """Turn a stove on or off by its knob; `hand` as for `open_`, `name` as in the goal."""
    part = Part(hand.simulation, name)

    def done() -> bool:
        return hand.simulation.holds(("turnon" if on else "turnoff", name))

    return lead_round(hand, part, knob_grip, KNOB_LEAD_RAD if on else -KNOB_LEAD_RAD, done)
