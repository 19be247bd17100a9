"""Faults injected into the expert's episodes of the PiPER suite, each with the failure mode that it should be told as.

    python -m tests.piper_faults [--development]

prints the confusion matrix as Markdown. `DEVELOPMENT` is what the rules of `envs.piper.failures` were tuned on;
`VALIDATION` has other tasks, other starts and other ways to each fault. Left out of the figures are episodes that
succeed in spite of their fault and those in which it does not come about.

What the validation has been through, in order:
    before the first look  two ways of making a fault were moved from it to the development set
    first look             rules frozen, 150 of 174 right
    after that look        one rule was mended (gripper_open_timeout: the target must still be touched), some faults
                           were aimed anew, and faults that do not come about were left out of the figures
    since then             one rule was added (in the goal, but never lifted: missed_grasp), then fresh starts, by other
                           seeds and another way to draw them; no rule was tuned on them

So a figure from this command is of starts that nobody had seen, but of ways to fail that had been looked at once.
"""

from __future__ import annotations

import argparse
import itertools
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

import mujoco

import envs
from envs.piper.env import Piper
from envs.piper.failures import MODES, FailureModes
from envs.piper.holding import Watch
from protocols.contracts import Episode
from tests import piper_mishaps as mishaps
from tests.piper_mishaps import LONGEST, Actions, NotProducedError

FIRST_SEEDS = {"development": 1000, "validation": 40000}
SUCCEEDED, NOT_PRODUCED = "succeeded", "not produced"


class Fault(NamedTuple):
    """A way to fail: the mode, how it is made, the tasks and how many starts of each."""

    mode: str
    way: Callable[[Piper], Actions]
    tasks: tuple[str, ...]
    starts: int


class Outcome(NamedTuple):
    """What an injected fault was told as: a mode, or "succeeded", or "not produced", which are left out."""

    fault: Fault
    task: str
    seed: int
    label: str


def play(env: Piper, fault: Fault, task: str, seed: int) -> Outcome:
    """One episode with the fault, from that start."""
    env.reset(options={"episode": Episode("piper", task, "", 0, seed, 10 * LONGEST)})
    actions = fault.way(env)
    try:
        first = next(actions)
        mujoco.mj_forward(env.world.model, env.world.data)
        start = env.world.tracker.snapshot(env.target, env.opening)
        watch = Watch(env.goal, start)
        modes = FailureModes(env.goal, start, watch)
        for action in itertools.chain([first], actions):
            if env.advance(action[None]).success:
                return Outcome(fault, task, seed, SUCCEEDED)
            modes.update(env.seen, watch.update(env.seen))
    except NotProducedError:
        return Outcome(fault, task, seed, NOT_PRODUCED)
    finally:
        actions.close()
    return Outcome(fault, task, seed, modes.label())


def outcomes(name: str, most: int = LONGEST) -> list[Outcome]:
    """Every fault of the set "development" or "validation", on its tasks and starts.

    Args:
        name: of the set.
        most: tasks and starts of a fault, at most so many of each.
    """
    env = envs.load("piper").make(cameras=())
    told = [
        play(env, fault, task, FIRST_SEEDS[name] + start)
        for fault in SETS[name]
        for task in fault.tasks[:most]
        for start in range(min(fault.starts, most))
    ]
    env.close()
    return told


DEVELOPMENT = (
    Fault("wrong_object", mishaps.brings_another_toy, ("red-cup-sink", "whale-pot", "whale-plate"), 4),
    Fault("gripper_open_timeout", mishaps.opens_with_a_slow_gripper, ("red-cup-sink", "pot-stove", "whale-plate"), 3),
    Fault("gripper_open_timeout", mishaps.opens_with_a_stuck_finger, ("red-cup-sink", "whale-pot", "whale-plate"), 3),
    Fault("not_released", mishaps.never_opens, ("red-cup-sink", "pot-stove", "whale-plate"), 3),
    Fault("not_settled", mishaps.opens_just_before_the_time_is_up, ("red-cup-sink", "pot-stove", "whale-plate"), 2),
    Fault("timeout_holding", mishaps.freezes_on_the_way, ("red-cup-sink", "pot-stove", "whale-plate"), 2),
    Fault("dropped", mishaps.opens_in_mid_air, ("red-cup-sink", "pot-stove", "whale-pot", "whale-plate"), 3),
    Fault("dropped", mishaps.loses_its_grip, ("red-cup-sink", "whale-pot", "whale-plate"), 3),
    Fault(
        "imprecise_placement",
        mishaps.carries_past_the_goal,
        ("red-cup-sink", "pot-stove", "whale-pot", "whale-plate"),
        4,
    ),
    Fault("never_reached", mishaps.stops_early, ("red-cup-sink", "pot-stove", "whale-plate", "close-left-door"), 3),
    Fault("missed_grasp", mishaps.grasps_too_high, ("red-cup-sink", "pot-stove", "whale-pot", "whale-plate"), 4),
    Fault("obstruction", mishaps.something_is_pushed_by_the_hand, ("red-cup-sink", "whale-pot", "whale-plate"), 4),
    Fault("obstruction", mishaps.something_heavy_is_in_the_way_of_what_is_carried, ("red-cup-sink", "whale-plate"), 4),
    Fault("static_collision", mishaps.dives_into_the_ground, ("red-cup-sink", "whale-plate", "close-left-door"), 3),
    Fault("not_closed", mishaps.stops_pushing, ("close-left-door",), 3),
)
VALIDATION = (
    Fault(
        "wrong_object", mishaps.lifts_another_toy_and_keeps_it, ("green-cup-sink", "octopus-pot", "octopus-plate"), 4
    ),
    Fault("wrong_object", mishaps.closes_the_other_door, ("close-left-door", "close-right-door"), 3),
    Fault(
        "gripper_open_timeout", mishaps.opens_when_time_is_nearly_up, ("green-cup-sink", "pot-sink", "octopus-pot"), 3
    ),
    Fault(
        "gripper_open_timeout",
        mishaps.opens_but_the_command_is_lost,
        ("green-cup-sink", "octopus-pot", "octopus-plate"),
        3,
    ),
    Fault("not_released", mishaps.opens_less_than_the_toy_is_wide, ("green-cup-sink", "pot-sink", "octopus-plate"), 4),
    Fault("not_settled", mishaps.stays_beside_what_it_has_released, ("green-cup-sink", "pot-sink", "octopus-plate"), 3),
    Fault("timeout_holding", mishaps.goes_home_with_it, ("green-cup-sink", "pot-sink", "octopus-plate"), 3),
    Fault("dropped", mishaps.grips_too_weakly, ("green-cup-sink", "octopus-pot", "octopus-plate"), 3),
    Fault("dropped", mishaps.is_knocked_out_of_the_hand, ("green-cup-sink", "octopus-pot", "octopus-plate"), 3),
    Fault("dropped", mishaps.opens_once_it_is_lifted, ("pot-sink", "octopus-plate"), 2),
    Fault("imprecise_placement", mishaps.aims_beside_the_goal, ("green-cup-sink", "pot-sink", "octopus-plate"), 4),
    Fault("imprecise_placement", mishaps.finds_the_goal_moved, ("octopus-pot", "octopus-plate"), 4),
    Fault("never_reached", mishaps.is_too_slow, ("green-cup-sink", "octopus-pot", "close-right-door"), 2),
    Fault("never_reached", mishaps.waves_above, ("pot-sink", "octopus-plate", "close-right-door"), 2),
    Fault("missed_grasp", mishaps.grasps_beside, ("green-cup-sink", "octopus-pot", "octopus-plate"), 3),
    Fault("missed_grasp", mishaps.never_closes, ("pot-sink", "octopus-pot", "octopus-plate"), 2),
    Fault("missed_grasp", mishaps.closes_and_lets_go_at_once, ("green-cup-sink", "octopus-plate"), 2),
    Fault(
        "obstruction",
        mishaps.something_light_is_in_the_way_of_the_hand,
        ("green-cup-sink", "octopus-pot", "octopus-plate"),
        3,
    ),
    Fault("obstruction", mishaps.something_heavy_is_in_the_way_of_the_hand, ("green-cup-sink", "octopus-pot"), 3),
    Fault("obstruction", mishaps.something_has_come_onto_the_goal, ("octopus-plate", "pot-sink"), 4),
    Fault("static_collision", mishaps.reaches_too_low, ("green-cup-sink", "octopus-plate", "pot-sink"), 2),
    Fault("static_collision", mishaps.stretches_into_the_wall, ("octopus-pot", "close-right-door"), 3),
    Fault("not_closed", mishaps.withdraws_after_contact, ("close-right-door",), 3),
)


SETS = {"development": DEVELOPMENT, "validation": VALIDATION}


def table(told: list[Outcome]) -> str:
    """The confusion matrix as Markdown: injected modes by row, labels by column."""
    counts = Counter((outcome.fault.mode, outcome.label) for outcome in told)
    rows = [mode for mode in MODES if any(fault == mode for fault, _ in counts)]
    columns = [mode for mode in MODES if any(label == mode for _, label in counts)]
    lines = [
        f"| injected | {' | '.join(columns)} | right | {SUCCEEDED} | {NOT_PRODUCED} |",
        "|---|" + "---:|" * (len(columns) + 3),
    ]
    for mode in rows:
        failed = sum(counts[mode, label] for label in columns)
        cells = [str(counts[mode, label] or "") for label in columns]
        right = f"{counts[mode, mode]}/{failed}"
        lines.append(
            f"| {' | '.join([mode, *cells, right])} | {counts[mode, SUCCEEDED]} | {counts[mode, NOT_PRODUCED]} |"
        )
    return "\n".join(lines)


class Accuracy(NamedTuple):
    """How many of the failed episodes are told as what was injected, and how many there are."""

    right: int
    failed: int


def accuracy(told: list[Outcome]) -> Accuracy:
    """Over all modes; what is left out does not count."""
    failed = [outcome for outcome in told if outcome.label in MODES]
    return Accuracy(sum(outcome.label == outcome.fault.mode for outcome in failed), len(failed))


def main(arguments: list[str] | None = None) -> int:
    """Print the confusion matrix."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.piper_faults", description="failure modes on injected faults"
    )
    parser.add_argument("--development", action="store_true", help="the faults that the rules were tuned on")
    told = outcomes("development" if parser.parse_args(arguments).development else "validation")
    right, failed = accuracy(told)
    print(table(told))
    print(f"\n{right}/{failed} right; {len(told) - failed} of {len(told)} episodes are left out")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
