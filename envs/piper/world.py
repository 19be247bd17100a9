"""One episode's simulation: the scene's model, its state at the start, and control steps of the servos."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import mujoco
import numpy as np
import numpy.typing as npt

from envs.piper import layout
from envs.piper.scenes import SCENES, Scene
from envs.piper.shifts import shifted
from envs.piper.tasks import Goal
from envs.piper.tracking import JOINTS, OPEN_M, Tracker
from protocols.rotations import quaternion_from_matrix

Array = npt.NDArray[np.float64]
SETTLE_SUBSTEPS = 240
BLOCKS, BLOCK_SUBSTEPS = 5, 4  # a control step; targets move between blocks
SQUEEZE_M = 0.012  # of one finger; closed, its target lies so far behind the other finger
FINGER_M_PER_BLOCK = 0.0006
DROP_M = 0.001
START, EXPERT, SHIFT = 0, 2, 3  # streams of the episode's seed; 1 is the policy's


def stream(seed: int, number: int) -> np.random.Generator:
    """One of the independent random streams of an episode."""
    return np.random.default_rng(np.random.SeedSequence([seed, number]))


class World:
    """The world of an episode, at its start.

    Args:
        goal: the episode's task.
        shift: its perturbation, one of `envs.piper.SHIFTS`.
        seed: its seed.
        compiled: gives the model of an unshifted scene.
    """

    def __init__(self, goal: Goal, shift: str, seed: int, compiled: Callable[[Scene], mujoco.MjModel]) -> None:
        scene = SCENES[goal.scene]
        start = layout.draw(scene, goal, stream(seed, START))
        if shift in ("none", "instruction"):
            self.scene, self.model = scene, compiled(scene)
        else:
            self.scene, start, spec = _changed(scene, goal, start, shift, stream(seed, SHIFT))
            self.model = spec.compile()
        self.data = mujoco.MjData(self.model)
        self.toys = tuple(toy.name for toy in self.scene.toys)
        self.tracker = Tracker(self.model, self.data, self.scene, self.toys)
        self._joints = np.array([self.model.joint(name).qposadr[0] for name in JOINTS])
        self.dofs = np.array([self.model.joint(name).dofadr[0] for name in JOINTS])
        self._begin(start)

    def _begin(self, start: layout.Start) -> None:
        """Put everything in its place and let it settle."""
        data = self.data
        data.qpos[self._joints] = data.ctrl[:6] = start.joints
        for finger in ("finger1", "finger2"):
            data.joint(finger).qpos[0] = OPEN_M
        data.ctrl[6] = OPEN_M
        for door, angle in start.doors.items():
            data.joint(door).qpos[0] = angle
        for toy, (x, y, yaw) in start.toys.items():
            height = self.scene.ground_m + DROP_M
            data.joint(toy).qpos[:] = (x, y, height, np.cos(yaw / 2), 0.0, 0.0, np.sin(yaw / 2))
        mujoco.mj_step(self.model, data, SETTLE_SUBSTEPS)
        mujoco.mj_forward(self.model, data)

    def step(self, target: Array, opening: float) -> None:
        """One control step: the joint targets move on a line to `target`, (6,) rad, the fingers towards `opening`."""
        data = self.data
        before = data.ctrl[:6].copy()
        finger = OPEN_M * opening - SQUEEZE_M * max(0.0, 1 - 10 * opening)
        for block in range(1, BLOCKS + 1):
            data.ctrl[:6] = before + (target - before) * (block / BLOCKS)
            data.ctrl[6] += min(max(finger - data.ctrl[6], -FINGER_M_PER_BLOCK), FINGER_M_PER_BLOCK)
            mujoco.mj_step(self.model, data, BLOCK_SUBSTEPS)
        mujoco.mj_forward(self.model, data)  # a step ends with the contacts and poses of its beginning

    def joints(self) -> Array:
        """(6,) joint angles, rad."""
        angles: Array = self.data.qpos[self._joints]
        return angles

    def asked(self) -> Array:
        """(6,) angles that the joints are asked for, rad."""
        asked: Array = self.data.ctrl[:6].copy()
        return asked

    def state(self) -> Array:
        """(20,) as `envs.piper.STATE` names it."""
        data, site = self.data, self.data.site("tcp")
        quaternion = quaternion_from_matrix(site.xmat.reshape(3, 3))
        opening = 2 * data.joint("finger1").qpos
        return np.concatenate([data.qpos[self._joints], data.qvel[self.dofs], opening, site.xpos, quaternion])

    def arrays(self) -> Iterator[Any]:
        """What starts can differ in: state, poses, and all that shifts change in the model."""
        data, model = self.data, self.model
        yield from (data.qpos, data.qvel, data.ctrl, data.qacc_warmstart, data.xpos, data.xquat)
        yield from (data.geom_xpos, data.cam_xpos, data.cam_xmat, data.light_xpos, data.light_xdir)
        yield from (model.geom_type, model.geom_size, model.geom_rgba, model.mat_rgba, model.body_mass)
        yield from (model.light_diffuse, model.light_ambient, model.light_specular, model.light_cutoff)
        yield from (model.vis.headlight.ambient, model.vis.headlight.diffuse, model.tex_data, model.geom_pos)


def _changed(
    scene: Scene, goal: Goal, start: layout.Start, shift: str, random: np.random.Generator
) -> tuple[Scene, layout.Start, mujoco.MjSpec]:
    """The shifted scene with its model, and the start with a place for what has been added."""
    while True:
        changed = shifted(scene, goal.target, shift, random)
        places: dict[str, layout.Place] = dict(start.toys)
        for toy in changed.scene.toys[len(scene.toys) :]:
            if place := layout.find_place(changed.scene, toy, places, random):
                places[toy.name] = place
        if len(places) == len(changed.scene.toys):
            return changed.scene, start._replace(toys=places), changed.spec
