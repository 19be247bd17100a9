"""Hand-made snapshots of the PiPER suite: a start at rest, and small changes to it."""

from __future__ import annotations

import numpy as np

from envs.piper.scenes import SCENES
from envs.piper.tasks import TASKS
from envs.piper.tracking import Snapshot, Vector

CENTRE_M = 0.02
GRIP_N = 5.0
PLACES = {
    "pot": (0.50, -0.14),
    "green_mug": (0.33, -0.32),
    "red_mug": (0.35, -0.02),
    "plate": (0.40, 0.15),
    "blue_whale": (0.40, -0.25),
    "gray_whale": (0.25, 0.20),
    "octopus": (0.30, -0.10),
    "turtle": (0.45, 0.0),
    "dolphin": (0.22, -0.20),
}
HAND = (0.20, 0.0, 0.40)


def at_rest(task: str, doors: tuple[float, float] = (0.0, 0.0)) -> Snapshot:
    """A start of the task: everything in its place, the gripper open and away."""
    scene = SCENES[TASKS[task].scene]
    toys = tuple(toy.name for toy in scene.toys)
    places = np.array([(*PLACES[toy], scene.ground_m) for toy in toys])
    return Snapshot(
        names=(*scene.doors, *toys),
        doors=dict(zip(scene.doors, doors, strict=bool(scene.doors))),
        places=places,
        centres=np.add(places, (0.0, 0.0, CENTRE_M)),
        uprights=np.ones(len(toys)),
        speeds=np.zeros(len(toys)),
        touches=np.zeros(len(scene.doors) + len(toys)),
        pads=np.zeros((len(toys), 2)),
        between=frozenset(),
        furniture_n=0.0,
        tcp=HAND,
        opening=1.0,
        commanded=1.0,
        lag=0.0,
    )


def moved(seen: Snapshot, toy: str, place: Vector, speed: float = 0.0) -> Snapshot:
    """The same with a toy elsewhere, upright."""
    index = seen.toys.index(toy)
    places, centres, speeds = seen.places.copy(), seen.centres.copy(), seen.speeds.copy()
    places[index], centres[index], speeds[index] = place, np.add(place, (0.0, 0.0, CENTRE_M)), speed
    return seen._replace(places=places, centres=centres, speeds=speeds)


def touched(seen: Snapshot, name: str, force: float = 1.0) -> Snapshot:
    """The same with the arm, but not its pads, on a toy or a door."""
    touches = seen.touches.copy()
    touches[seen.names.index(name)] = force
    return seen._replace(touches=touches)


def held(seen: Snapshot, toy: str, place: Vector, commanded: float = 0.0) -> Snapshot:
    """The same with a toy between the pads, at that place."""
    pads = seen.pads.copy()
    pads[seen.toys.index(toy)] = GRIP_N
    seen = touched(moved(seen, toy, place), toy, 2 * GRIP_N)
    tcp = (place[0], place[1], place[2] + 0.03)
    return seen._replace(pads=pads, opening=0.5, commanded=commanded, tcp=tcp)
