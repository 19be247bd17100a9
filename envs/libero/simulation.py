"""One task's simulator: starts that depend on nothing but the episode, control steps, verdicts, what cameras see.

Upstream builds the model, places the fixtures and judges; the rest is ours, bit-identical to upstream's own path.

Upstream's observation is taken before the last of the 25 physics steps of a control step, when poses date from the
physics step before and joint angles do not. State and frames are taken there too, so that they are upstream's.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import mujoco
import numpy as np
import numpy.typing as npt

from envs.libero import upstream
from envs.libero.controller import Controller
from envs.libero.init_states import init_states
from protocols.contracts import BrokenFileError

Array = npt.NDArray[np.float64]
Predicate = tuple[str, ...]
SETTLE_STEPS = 10
NO_OPERATION = np.array([0.0] * 6 + [-1.0])
PLACEMENTS = 100
NOTHING, FINGERS = -1, (-2, -3)  # numbers of owners of geoms; objects are numbered from 0
ARM_NOISE_RAD = 0.02  # robosuite's default, and what the joints of the official init states scatter by
DRAWN = ("geom_xpos", "geom_xmat", "site_xpos", "site_xmat", "cam_xpos", "cam_xmat", "light_xpos", "light_xdir")


class Observed(NamedTuple):
    """What upstream observes of the robot."""

    hand_position: Array  # (3,) m, world
    hand_quaternion: Array  # (4,) w, x, y, z, world
    joints: Array  # (9,) seven arm joints in rad, two finger joints in m


class Simulation:
    """The simulator of one task.

    Args:
        task: name of the task.
        assets: folder of asset files, see `envs.libero.assets`.

    Raises:
        LookupError: an unknown task.
        BrokenFileError: a file of the task or an asset is missing or does not compile, or the init states cannot be
            read or are not of this model.
    """

    def __init__(self, task: str, assets: Path) -> None:
        self.task = task
        self.problem: Any = upstream.build(task, assets)
        self.model, self.data = self.problem.sim.model._model, self.problem.sim.data._data
        self.model.opt.disableflags |= mujoco.mjtDisableBit.mjDSBL_SENSOR  # only upstream's unread buffers want them
        self.goal: list[Predicate] = [tuple(one) for one in self.problem.parsed_problem["goal_state"]]
        self.shown = mujoco.MjData(self.model)
        official = upstream.init_file(task)
        self.init_states = init_states(official)
        if self.init_states.shape[1] != 1 + self.model.nq + self.model.nv:
            raise BrokenFileError(f"the init states in {official} are not those of the model of {task!r}")
        fingers = self.problem.robots[0].gripper.important_geoms
        things = [*self.problem.objects_dict.values(), *self.problem.fixtures_dict.values()]
        self._names = [thing.name for thing in things]
        self._number = {thing.name: number for number, thing in enumerate(things)}
        self._owner = np.full(self.model.ngeom, NOTHING)  # number of the object that a geom belongs to
        for finger, side in zip(FINGERS, ("left_finger", "right_finger"), strict=True):
            self._owner[[self.model.geom(name).id for name in fingers[side]]] = finger
        for thing in things:
            self._owner[[self.model.geom(name).id for name in thing.contact_geoms]] = self._number[thing.name]
        self.problem.check_contact = self._in_contact
        self._site_rgba = self.model.site_rgba.copy()
        self._hand_body = self.model.body(self.problem.robots[0].robot_model.eef_name).id
        self._hand_site: int = self.problem.robots[0].eef_site_id
        self._fixtures = [self.problem.obj_body_id[name] for name in self.problem.fixtures_dict]
        self._fixture_poses = self.model.body_pos[self._fixtures], self.model.body_quat[self._fixtures]

    def start(self, split: str, index: int, seed: int) -> None:
        """Reach a start: an official init state, or in the split "train" one that upstream's placement rules draw.

        Raises:
            LookupError: an init state that there is not.
        """
        if split == "eval" and index >= len(self.init_states):
            raise LookupError(f"task {self.task!r} has {len(self.init_states)} init states, episode {index} is not one")
        self.model.body_pos[self._fixtures], self.model.body_quat[self._fixtures] = self._fixture_poses
        # Upstream puts things on fixtures where these stood before it moved them; init states bring their own things.
        for _ in range(1 if split == "eval" else 2):
            with upstream.seeded(seed):
                self._place(0.0 if split == "eval" else ARM_NOISE_RAD)
        self._controller = Controller(self.problem)
        if split == "eval":
            self.problem.sim.set_state_from_flattened(self.init_states[index])
        self.data.qacc_warmstart[:] = 0.0  # else the solver remembers the reset, and in it the episode before
        mujoco.mj_forward(self.model, self.data)
        self.success()
        for _ in range(SETTLE_STEPS):
            self.step(NO_OPERATION)

    def _place(self, arm_noise_rad: float) -> None:
        """Upstream's reset, tried again where its placement rules find no place."""
        from robosuite.utils.errors import RandomizationError

        self.model.site_rgba[:] = self._site_rgba  # upstream's burner grows brighter from episode to episode
        self.problem.robots[0].initialization_noise = {"magnitude": arm_noise_rad, "type": "gaussian"}
        flags = self.model.opt.disableflags
        # Until they are placed all objects lie in one another, and their contacts cost more than all the rest.
        self.model.opt.disableflags |= mujoco.mjtDisableBit.mjDSBL_CONTACT
        try:
            for _ in range(PLACEMENTS):
                try:
                    self.problem.reset()
                    return
                except RandomizationError:
                    continue
        finally:
            self.model.opt.disableflags = flags
        raise RuntimeError(f"upstream finds no placement for the objects of {self.task!r} in {PLACEMENTS} trials")

    def step(self, action: Array) -> None:
        """One control step under a (7,) action in [-1, 1]."""
        self.problem._post_process()  # what the last verdict lights up, after the last frame was taken
        self._controller.step(action, self._see)

    def _see(self) -> None:
        data, shown = self.data, self.shown
        for name in DRAWN:
            getattr(shown, name)[:] = getattr(data, name)
        self.observed = Observed(
            data.site_xpos[self._hand_site].copy(), data.xquat[self._hand_body].copy(), data.qpos[:9].copy()
        )

    def success(self) -> bool:
        """Whether every predicate of the goal holds, by upstream's rules."""
        return all([self.holds(predicate) for predicate in self.goal])  # noqa: C419, asking lights up upstream's stove

    def holds(self, predicate: Predicate) -> bool:
        """Whether one predicate of BDDL holds, such as ("on", "bowl_1", "plate_1")."""
        return bool(self.problem._eval_predicate(predicate))

    def _in_contact(self, first: Any, second: Any) -> bool:
        """Whether two of upstream's objects touch; upstream compares names of geoms, contact by contact."""
        owners = self._owner[self.data.contact.geom]  # (contacts, 2)
        one, other = self._number[first.name], self._number[second.name]
        return bool((((owners == (one, other)) | (owners == (other, one))).all(axis=1)).any())

    def held(self) -> set[str]:
        """Names of the objects on which both fingers press."""
        owners = self._owner[self.data.contact.geom]
        touched: dict[int, set[int]] = {finger: set() for finger in FINGERS}
        for pair in owners[owners.min(axis=1) < NOTHING].tolist():
            finger, other = sorted(pair)
            touched[finger].add(other)
        return {self._names[number] for number in set.intersection(*touched.values()) if number >= 0}

    def hand(self) -> Array:
        """(3,) the grip point between the fingers, m, world."""
        point: Array = self.data.site_xpos[self._hand_site]
        return point

    def position(self, name: str) -> Array:
        """(3,) middle of an object or of a region, m, world."""
        body = self.problem.obj_body_id.get(name)
        place: Array = self.data.site_xpos[self.model.site(name).id] if body is None else self.data.xpos[body]
        return place

    def fixture(self, name: str) -> Any:
        """Upstream's object that a drawer, door or knob belongs to: itself, or the one that has the region."""
        region = self.problem.object_sites_dict.get(name)
        return self.problem.get_object(region.parent_name if region else name)

    def joint(self, name: str) -> int:
        """Number of the joint that opens, closes or turns it."""
        owner = self.problem.object_sites_dict.get(name) or self.problem.get_object(name)
        return int(self.model.joint(owner.joints[0]).id)

    def state(self) -> Array:
        """(n,) time, qpos, qvel."""
        return np.concatenate([[self.data.time], self.data.qpos, self.data.qvel])

    def arrays(self) -> list[Array]:
        """All that makes a start: state, solver's memory, poses of fixtures, all that is drawn."""
        moved = [self.model.body_pos[self._fixtures], self.model.body_quat[self._fixtures]]
        return [
            self.state(), self.data.qacc_warmstart, self.data.ctrl, *moved, *self.observed,
            self.model.site_rgba, *(getattr(self.shown, name) for name in DRAWN),
        ]  # fmt: skip
