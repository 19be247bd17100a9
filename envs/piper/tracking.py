"""What the simulator's state says after a control step, for verdicts, progress and failure modes.

Nothing here changes the simulation. Forces are newtons, summed over contacts; lengths metres, world frame.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import mujoco
import numpy as np
import numpy.typing as npt

from envs.piper.scenes import Scene

Array = npt.NDArray[np.float64]
Vector = tuple[float, float, float]
JOINTS = tuple(f"joint{number}" for number in range(1, 7))
HELD_N = 0.3
OPEN_M = 0.035  # of one finger
ARM, PAD1, PAD2, FIXED, FIRST = range(5)  # owners of geoms; doors and toys follow from FIRST on


class Snapshot(NamedTuple):
    """The state after one control step. `names` are the doors and then the toys of the scene.

    doors: angle by name, rad. places: (toys, 3) origins, on the ground under each toy. centres: (toys, 3) centres of
    mass. uprights: (toys,) cosine of the tilt. speeds: (toys,) m/s. touches: (names,) force of the arm on each thing.
    pads: (toys, 2) force of either finger pad. between: pairs of names (doors, toys, "fixed") that touch each other.
    furniture_n: force of the arm on what does not move. tcp: between the finger pads. opening: of the gripper, 0 to 1.
    commanded: opening that the last action asked for. lag: largest angle by which a joint is behind its target, rad.
    """

    names: tuple[str, ...]
    doors: dict[str, float]
    places: Array
    centres: Array
    uprights: Array
    speeds: Array
    touches: Array
    pads: Array
    between: frozenset[tuple[str, str]]
    furniture_n: float
    tcp: Vector
    opening: float
    commanded: float
    lag: float

    @property
    def toys(self) -> tuple[str, ...]:
        """Names of what is not hinged."""
        return self.names[len(self.doors) :]

    def door(self, name: str) -> float:
        """Angle of a door, rad."""
        return self.doors[name]

    def place(self, toy: str) -> Vector:
        """Origin of a toy."""
        return vector(self.places[self.toys.index(toy)])

    def centre(self, toy: str) -> Vector:
        """Centre of mass of a toy."""
        return vector(self.centres[self.toys.index(toy)])

    def upright(self, toy: str) -> float:
        """Cosine of a toy's tilt."""
        return float(self.uprights[self.toys.index(toy)])

    def speed(self, toy: str) -> float:
        """Speed of a toy, m/s."""
        return float(self.speeds[self.toys.index(toy)])

    def touch(self, name: str) -> float:
        """Force of the arm on a toy or a door, N."""
        return float(self.touches[self.names.index(name)])

    def holds(self, toy: str) -> bool:
        """Whether both finger pads press on a toy."""
        return bool((self.pads[self.toys.index(toy)] > HELD_N).all())


def vector(row: Array) -> Vector:
    """Three plain numbers."""
    x, y, z = row.tolist()
    return x, y, z


class Tracker:
    """Takes snapshots of one model's data.

    Args:
        model: a compiled scene.
        data: its state.
        scene: which scene it is; `toys` may be more than the scene's own where a shift has added some.
        toys: names of the toys in the model.
    """

    def __init__(self, model: mujoco.MjModel, data: mujoco.MjData, scene: Scene, toys: tuple[str, ...]) -> None:
        self.model, self.data = model, data
        self.names = (*scene.doors, *toys)
        self._doors = {name: data.joint(name).qpos for name in scene.doors}
        self._bodies = np.array([model.body(name).id for name in toys])
        self._dofs = np.array([model.joint(name).dofadr[0] for name in toys])[:, None] + np.arange(3)
        self._joints = np.array([model.joint(name).qposadr[0] for name in JOINTS])
        self._tcp = data.site("tcp").xpos
        self._finger = data.joint("finger1").qpos
        self.owner = self._owners()
        self._labels = ("arm", "arm", "arm", "fixed", *self.names)
        self._force = np.zeros(6)

    def _owners(self) -> npt.NDArray[np.int64]:
        """Owner of each geom, by geom."""
        model, owners = self.model, {name: FIRST + number for number, name in enumerate(self.names)}
        arm = model.body("base_link").id
        owner = np.full(model.ngeom, FIXED)
        for geom in range(model.ngeom):
            body = int(model.geom_bodyid[geom])
            root = int(model.body_rootid[body])
            owner[geom] = ARM if root == arm else owners.get(model.body(root).name, FIXED)
        owner[model.geom("pad1").id], owner[model.geom("pad2").id] = PAD1, PAD2
        return owner

    def snapshot(self, target: Array, commanded: float) -> Snapshot:
        """The state now.

        Args:
            target: (6,) joint angles that the servos are asked for.
            commanded: gripper opening of the last action.
        """
        data, doors = self.data, {name: float(angle[0]) for name, angle in self._doors.items()}
        touches, pads, furniture, between = self._contacts()
        speed = data.qvel[self._dofs]
        return Snapshot(
            names=self.names,
            doors=doors,
            places=data.xpos[self._bodies],
            centres=data.xipos[self._bodies],
            uprights=data.xmat[self._bodies, 8],
            speeds=np.sqrt((speed * speed).sum(axis=1)),
            touches=touches,
            pads=pads[len(doors) :],
            between=between,
            furniture_n=furniture,
            tcp=vector(self._tcp),
            opening=float(self._finger[0]) / OPEN_M,
            commanded=commanded,
            lag=float(np.abs(target - data.qpos[self._joints]).max()),
        )

    def _contacts(self) -> tuple[Array, Array, float, frozenset[tuple[str, str]]]:
        """Force of the arm and of its pads on each thing, on furniture, and which things touch each other."""
        touches, pads, furniture = np.zeros(len(self.names)), np.zeros((len(self.names), 2)), 0.0
        between = set()
        pairs = np.sort(self.owner[self.data.contact.geom], axis=1)
        for index in np.flatnonzero((pairs[:, 0] != pairs[:, 1]) & (pairs[:, 1] >= FIXED)):
            first, second = pairs[index].tolist()
            if first > PAD2:
                if self.data.contact.dist[index] < 0:
                    between.add((self._labels[first], self._labels[second]))
                continue
            mujoco.mj_contactForce(self.model, self.data, index, self._force)
            force = math.hypot(*self._force[:3])
            if second == FIXED:
                furniture += force
            else:
                touches[second - FIRST] += force
                if first != ARM:
                    pads[second - FIRST, first - PAD1] += force
        return touches, pads, furniture, frozenset(between)
