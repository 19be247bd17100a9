"""The arm's operational-space controller and its gripper, as robosuite 1.4.0 computes them, bit for bit.

One control step is 25 physics steps. In each, upstream runs MuJoCo's whole forward pass twice before it steps, asks for
names, copies and observations that nobody reads, and spends more time in that than in physics. Here the arithmetic is
the same, operation by operation, on arrays that are found once; the second pass repeats only what depends on the
forces, since positions and velocities have not changed.

Source: robosuite 1.4.0, `controllers/osc.py`, `robots/single_arm.py`; Khatib 1987.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import mujoco
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
PHYSICS_STEPS = 25  # of 2 ms
OBSERVED_AFTER = 23
GRIPPER_RATE = 0.01  # of the half range, per physics step
SKIP_POSITION_AND_VELOCITY = mujoco.mjtStage.mjSTAGE_VEL


class Arm(NamedTuple):
    """The arm as the controller sees it: hand pose and velocities, joints, Jacobians, mass matrix."""

    position: Array  # (3,)
    rotation: Array  # (3, 3)
    velocity: Array  # (3,)
    turning: Array  # (3,)
    joint_position: Array  # (7,)
    joint_velocity: Array  # (7,)
    linear: Array  # (3, 7)
    angular: Array  # (3, 7)
    full: Array  # (6, 7)
    mass: Array  # (7, 7)


class Controller:
    """Steps the physics under actions; made at each start from what upstream's reset has left.

    Args:
        problem: upstream's environment, just reset and not yet in its init state.
    """

    def __init__(self, problem: Any) -> None:
        from robosuite.controllers.osc import nullspace_torques, opspace_matrices, orientation_error
        from robosuite.utils.control_utils import set_goal_orientation

        self._matrices, self._nullspace, self._error = opspace_matrices, nullspace_torques, orientation_error
        self._turned = set_goal_orientation
        self._model, self._data = problem.sim.model._model, problem.sim.data._data
        robot = problem.robots[0]
        made = robot.controller
        self._kp, self._kd, self._reach = made.kp, made.kd, made.output_max
        self._initial_joint, self._goal_rotation = made.initial_joint, made.goal_ori
        assert made.qpos_index == made.qvel_index == list(range(7)), "the arm's joints come first"
        self._joints = slice(0, 7)
        self._site: int = problem.sim.model.site_name2id(made.eef_name)
        self._low, self._high = robot.torque_limits
        self._motors, self._fingers = slice(0, 7), slice(7, 9)
        assert robot._ref_joint_actuator_indexes == list(range(7))
        assert robot._ref_joint_gripper_actuator_indexes == [7, 8]
        control_range = self._model.actuator_ctrlrange[self._fingers]
        self._bias = 0.5 * (control_range[:, 1] + control_range[:, 0])
        self._weight = 0.5 * (control_range[:, 1] - control_range[:, 0])
        self._opening = np.zeros(2)
        self._jacobian, self._mass = np.zeros((6, self._model.nv)), np.zeros((self._model.nv, self._model.nv))
        # Upstream's controller does not look again before the first physics step: it acts on the pose of the reset.
        self._arm = Arm(
            *(made.ee_pos, made.ee_ori_mat, made.ee_pos_vel, made.ee_ori_vel, made.joint_pos, made.joint_vel),
            *(made.J_pos, made.J_ori, made.J_full, made.mass_matrix),
        )
        self._looked = True

    def step(self, action: Array, seen: Callable[[], None]) -> None:
        """One control step of 25 physics steps under a (7,) action.

        Args:
            action: within [-1, 1].
            seen: called where upstream takes the observation, before the last physics step.
        """
        model, data = self._model, self._data
        for number in range(PHYSICS_STEPS):
            mujoco.mj_forward(model, data)
            if not self._looked:
                mujoco.mj_forwardSkip(model, data, SKIP_POSITION_AND_VELOCITY, 1)
                self._arm = self._look()
            self._looked = False
            if number == 0:
                self._aim(action)
            self._push()
            mujoco.mj_step2(model, data)
            if number == OBSERVED_AFTER:
                seen()

    def _look(self) -> Arm:
        data, joints, jacobian = self._data, self._joints, self._jacobian
        mujoco.mj_jacSite(self._model, data, jacobian[:3], jacobian[3:], self._site)
        mujoco.mj_fullM(self._model, self._mass, data.qM)
        velocity = data.qvel
        return Arm(
            position=data.site_xpos[self._site].copy(),
            rotation=data.site_xmat[self._site].reshape(3, 3).copy(),
            velocity=np.dot(jacobian[:3], velocity),
            turning=np.dot(jacobian[3:], velocity),
            joint_position=data.qpos[joints].copy(),
            joint_velocity=velocity[joints].copy(),
            linear=jacobian[:3, joints].copy("F"),  # in upstream's memory layout, which decides how LAPACK rounds
            angular=jacobian[3:, joints].copy("F"),
            full=jacobian[:, joints].copy("F"),
            mass=self._mass[joints, joints].copy("F"),
        )

    def _aim(self, action: Array) -> None:
        """Set the goal of a control step; a zero rotation keeps the goal of the step before."""
        moved = action[:6] * self._reach
        if any(turn != 0.0 for turn in moved[3:]):
            self._goal_rotation = self._turned(moved[3:], self._arm.rotation)
        self._goal_position = self._arm.position + moved[:3]
        self._closing = np.array([-1.0, 1.0]) * GRIPPER_RATE * np.sign(action[6:])

    def _push(self) -> None:
        """Torques of the arm and targets of the fingers into `data.ctrl`."""
        arm, data = self._arm, self._data
        error = self._error(self._goal_rotation, arm.rotation)
        force = (self._goal_position - arm.position) * self._kp[:3] + -arm.velocity * self._kd[:3]
        torque = error * self._kp[3:] + -arm.turning * self._kd[3:]
        _, lambda_position, lambda_rotation, nullspace = self._matrices(arm.mass, arm.full, arm.linear, arm.angular)
        wrench = np.concatenate([np.dot(lambda_position, force), np.dot(lambda_rotation, torque)])
        torques = np.dot(arm.full.T, wrench) + data.qfrc_bias[self._joints]
        torques += self._nullspace(arm.mass, nullspace, self._initial_joint, arm.joint_position, arm.joint_velocity)
        self._opening = (self._opening + self._closing).clip(-1.0, 1.0)
        controls = data.ctrl
        controls[self._fingers] = self._bias + self._weight * self._opening
        controls[self._motors] = np.minimum(np.maximum(torques, self._low), self._high)
