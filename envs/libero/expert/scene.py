"""What the expert knows of the scene: where things are, which boxes they collide with, what touches the fingers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import mujoco
import numpy as np
import numpy.typing as npt

from envs.libero.expert.relief import Solids
from envs.libero.simulation import Array, Simulation

ROBOT = ("robot", "gripper", "mount")
FLOOR_HALF_M = 0.5


class Region(NamedTuple):
    """A site of BDDL: its middle (3,) and rotation (3, 3) in the world, half sizes (3,) in its own frame, m."""

    center: Array
    rotation: Array
    half: Array


class Scene:
    """The scene of one simulation, read anew at each call.

    Args:
        simulation: a started one.
    """

    def __init__(self, simulation: Simulation) -> None:
        self.simulation = simulation
        model = simulation.model
        self._bodies: dict[str, int] = simulation.problem.obj_body_id
        root = model.body_rootid[model.geom_bodyid]
        robot = np.array([model.body(body).name.startswith(ROBOT) for body in model.geom_bodyid])
        solid = (model.geom_contype | model.geom_conaffinity) != 0
        self._root = np.where(solid & ~robot, root, -1)
        self._halves = np.array([_half(model, geom) for geom in range(model.ngeom)])
        self._offsets = np.array([_offset(model, geom) for geom in range(model.ngeom)])
        names = ("gripper0_finger{}_pad_collision", "gripper0_finger{}_collision")
        self._fingers = [[model.geom(name.format(number)).id for name in names] for number in (1, 2)]

    def position(self, name: str) -> Array:
        """(3,) of an object or fixture, m, world."""
        return np.array(self.simulation.data.xpos[self._bodies[name]])

    def rotation(self, name: str) -> Array:
        """(3, 3) of an object or fixture."""
        return np.array(self.simulation.data.xmat[self._bodies[name]]).reshape(3, 3)

    def solids(self, name: str) -> Solids:
        """The boxes of one object or fixture."""
        return self._boxes(self._root == self._bodies[name])

    def others(self, *names: str) -> Solids:
        """The boxes of all but these and the robot, tables and floor among them."""
        own = [self._bodies[name] for name in names]
        return self._boxes((self._root >= 0) & ~np.isin(self._root, own))

    def _boxes(self, chosen: npt.NDArray[np.bool_]) -> Solids:
        data = self.simulation.data
        rotations = data.geom_xmat[chosen].reshape(-1, 3, 3)
        centers = data.geom_xpos[chosen] + np.einsum("nij,nj->ni", rotations, self._offsets[chosen])
        return Solids(centers, rotations.copy(), self._halves[chosen])

    def region(self, name: str) -> Region:
        """A region of BDDL, by the name of its site."""
        site = self.simulation.model.site(name).id
        data = self.simulation.data
        half = np.asarray(self.simulation.problem.object_sites_dict[name].size, np.float64)
        return Region(data.site_xpos[site].copy(), data.site_xmat[site].reshape(3, 3).copy(), half)

    def held(self, name: str) -> bool:
        """Whether both fingers touch an object."""
        return all(self._touch(finger, name) for finger in self._fingers)

    def touched(self, name: str) -> bool:
        """Whether a finger touches an object."""
        return any(self._touch(finger, name) for finger in self._fingers)

    def _touch(self, geoms: Iterable[int], name: str) -> bool:
        pairs = self.simulation.data.contact.geom  # (contacts, 2)
        mine, its = np.isin(pairs, list(geoms)), self._root[pairs] == self._bodies[name]
        return bool(((mine[:, 0] & its[:, 1]) | (mine[:, 1] & its[:, 0])).any())


def _half(model: mujoco.MjModel, geom: int) -> Array:
    """(3,) half sizes of the box about a geom."""
    kind, size = model.geom_type[geom], model.geom_size[geom]
    if kind == mujoco.mjtGeom.mjGEOM_PLANE:
        return np.array([10.0, 10.0, FLOOR_HALF_M])
    if kind == mujoco.mjtGeom.mjGEOM_SPHERE:
        return np.full(3, size[0])
    if kind in (mujoco.mjtGeom.mjGEOM_CAPSULE, mujoco.mjtGeom.mjGEOM_CYLINDER):
        rounded = size[0] if kind == mujoco.mjtGeom.mjGEOM_CAPSULE else 0.0
        return np.array([size[0], size[0], size[1] + rounded])
    if kind == mujoco.mjtGeom.mjGEOM_MESH:
        return np.array(model.geom_aabb[geom, 3:])
    return np.array(size)


def _offset(model: mujoco.MjModel, geom: int) -> Array:
    """(3,) middle of that box in the geom's frame."""
    if model.geom_type[geom] == mujoco.mjtGeom.mjGEOM_PLANE:
        return np.array([0.0, 0.0, -FLOOR_HALF_M])
    return model.geom_aabb[geom, :3].copy() if model.geom_type[geom] == mujoco.mjtGeom.mjGEOM_MESH else np.zeros(3)
