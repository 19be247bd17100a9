"""Starts of CALVIN's scenes and actions that touch things, and what our world shows when it plays them."""

from __future__ import annotations

import functools
import hashlib
import itertools
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from envs.calvin.assets import prepare
from envs.calvin.initial_states import ROBOT
from envs.calvin.states import BLOCKS, Floats, Snapshot, Start
from envs.calvin.surfaces import random_pose
from envs.calvin.world import World

OFFICIAL = Path(__file__).parents[2] / "shared" / "assets" / "calvin"
PLACES = ["stand-in", pytest.param("official", marks=pytest.mark.skipif(not OFFICIAL.exists(), reason="no ../shared"))]
APART_M = 0.1
LEG_STEPS = 12  # from one place to the next
LOW, HIGH = (-0.35, -0.25, 0.42), (0.35, 0.08, 0.6)  # m, of those places
TURN_RAD = 0.6
NOISE = 0.3  # of each action
RATES = np.array([0.02] * 3 + [0.05] * 3)  # m and rad per unit of action


@functools.cache
def assets_folder(place: str) -> Path:
    """The files that a test of that kind plays with."""
    return prepare(str(OFFICIAL) if place == "official" else place).folder


def random_start(scene: str, random: np.random.Generator) -> Start:
    """The arm as in every evaluation, doors and lights anyhow, blocks anywhere but apart."""
    while True:
        blocks = {colour: random_pose(scene, random) for colour in BLOCKS}
        pairs = itertools.combinations(blocks.values(), 2)
        if all(math.dist(one[:3], other[:3]) > APART_M for one, other in pairs):
            break
    slider, drawer, switch = random.uniform(0, (0.2, 0.2, 0.088)).tolist()
    lightbulb, led = (random.random(2) < 0.5).tolist()
    return Start(np.array(ROBOT), slider, drawer, 0.0, switch, lightbulb, led, blocks)


def wander(steps: int, random: np.random.Generator, absolute: bool = False) -> list[Any]:
    """Actions that lead the tool around over the table and into it, as `World.step` or `World.step_to` takes them."""
    pose = np.array(ROBOT[:6])
    made: list[Any] = []
    for step in range(steps):
        if step % LEG_STEPS == 0:
            turns = random.uniform(-TURN_RAD, TURN_RAD, 3) + ROBOT[3:6]
            goal = np.concatenate([random.uniform(LOW, HIGH), turns])
            gripper = random.choice((-1, 1)).item()
        action = ((goal - pose) / RATES + random.normal(0, NOISE, 6)).clip(-1, 1)
        pose = pose + action * RATES
        made.append((pose[:3], pose[3:], gripper) if absolute else np.array([*action, gripper], float))
    return made


def scene_obs(start: Start, order: Sequence[str]) -> Floats:
    """(24,) of a start, blocks in that order."""
    lights = (start.lightbulb, start.led)
    blocks = [start.blocks[colour] for colour in order]
    return np.concatenate([[start.slider, start.drawer, start.button, start.switch, *lights], *blocks])


class Shown(NamedTuple):
    """What our world shows at one moment."""

    robot_obs: Floats
    scene_obs: Floats
    snapshot: Snapshot


def play(world: World, start: Start, actions: Sequence[Any]) -> Iterator[Shown]:
    """The start, and what comes after each action."""
    world.reset(start)
    yield Shown(world.robot_obs(), world.scene_obs(), world.snapshot())
    for action in actions:
        if isinstance(action, tuple):
            world.step_to(*action)
        else:
            world.step(action)
        yield Shown(world.robot_obs(), world.scene_obs(), world.snapshot())


def hashes(place: str, seeds: Sequence[int], steps: int) -> dict[int, str]:
    """Of start and way of random episodes in scene D, played one after another in one world."""
    world = World("D", assets_folder(place))
    made = {}
    for seed in seeds:
        random = np.random.default_rng(seed)
        digest = hashlib.sha256()
        for shown in play(world, random_start("D", random), wander(steps, random)):
            for array in (shown.robot_obs, shown.scene_obs, world.state()):
                digest.update(array.tobytes())
        made[seed] = digest.hexdigest()
    world.close()
    return made
