"""CALVIN's Panda: a pose is asked for once per control step, pybullet's inverse kinematics turns it into motor targets.

Numbers, and the order of calls, are those of calvin_env@797142c, so that the motion is equal to its, bit for bit.

robot_obs  (15,) tool position, m, and Euler angles, rad; gripper opening, m; seven joint angles, rad; gripper command
action     (7,) position x 1/50 m and Euler angles x 1/20 rad, both added to the pose asked for last; gripper command
gripper    -1 closes with 200 N, 1 opens with 2 N
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from envs.calvin.bullet import load_body, pybullet
from envs.calvin.states import Floats

BASE = (-0.34, -0.46, 0.24)
ARM = (0, 1, 2, 3, 4, 5, 6)
FINGERS = (9, 11)
CAMERA_LINK = 14
TOOL = 15
REST = (-1.21779206, 1.03987646, 2.11978261, -2.34205014, -0.87015947, 1.64119353, 0.55344866)
LOWER = (-2.8973, -1.7628, -2.8973, -3.0718, -2.8973, -0.0175, -2.8973)
UPPER = (2.8973, 1.7628, 2.8973, -0.0698, 2.8973, 3.7525, 2.8973)
OPEN, CLOSE = 1, -1
FINGER_OPEN = 0.04  # m, each
ARM_FORCE, ARM_SPEED = 200.0, 2
OPEN_FORCE, CLOSE_FORCE, FINGER_SPEED = 2.0, 200.0, 1
POSITION_SCALE = 0.02  # m per unit of action
TURN_SCALE = 0.05  # rad per unit of action
NULL_SPACE = ([-7] * 9, [7] * 9, [7] * 9, [*REST, FINGER_OPEN, FINGER_OPEN])  # lower, upper, range, rest


class Robot:
    """The arm in one pybullet world.

    Args:
        client: pybullet's number of the world.
        data: folder laid out as the official data folder.
    """

    def __init__(self, client: int, data: Path) -> None:
        self._client = client
        self._file = data / "franka_panda" / "panda_longer_finger.urdf"
        self.body = -1

    def load(self) -> None:
        """Put the arm, at rest, and its pedestal into an empty world, and let the fingers mirror one another."""
        flags = pybullet.URDF_IGNORE_VISUAL_SHAPES
        self.body = load_body(self._file, self._client, basePosition=BASE, useFixedBase=True, flags=flags)
        load_pedestal(self._client)
        fingers = (self.body, FINGERS[0], self.body, FINGERS[1])
        axis, origin = (1, 0, 0), (0, 0, 0)
        gear = pybullet.createConstraint(
            *fingers, pybullet.JOINT_GEAR, axis, origin, origin, physicsClientId=self._client
        )
        pybullet.changeConstraint(gear, gearRatio=-1, erp=0.1, maxForce=50, physicsClientId=self._client)
        self._set((*REST, FINGER_OPEN, FINGER_OPEN))

    def reset(self, robot_obs: Floats) -> None:
        """Set joints and motors.

        Args:
            robot_obs: (15,) of which opening, joint angles and gripper command are used.
        """
        self._set((*robot_obs[7:14], robot_obs[6] / 2, robot_obs[6] / 2))
        position, orientation = self.tool()
        self.target_position = np.array(position)
        self.target_euler = np.array(pybullet.getEulerFromQuaternion(orientation))
        self.gripper = checked(float(robot_obs[14]))

    def _set(self, joints: Sequence[float]) -> None:
        for joint, position in zip((*ARM, *FINGERS), joints, strict=True):
            pybullet.resetJointState(self.body, joint, position, physicsClientId=self._client)
            if joint in ARM:
                self._drive(joint, position, ARM_FORCE, ARM_SPEED)
            else:
                self._drive(joint, position, CLOSE_FORCE, FINGER_SPEED)

    def move_by(self, action: Floats) -> None:
        """(7,) move the target pose and set the motors to it.

        Raises:
            ValueError: the gripper's value is neither -1 nor 1.
        """
        self.gripper = checked(float(action[6]))
        self.target_position += action[:3] * POSITION_SCALE
        self.target_euler += action[3:6] * TURN_SCALE
        self._go(self.target_position, self.target_euler)

    def move_to(self, position: Sequence[float] | Floats, euler: Sequence[float] | Floats, gripper: float) -> None:
        """Set the motors to a pose, and leave the target pose of `move_by` where it is.

        Args:
            position: (3,) of the tool, m.
            euler: (3,) of the tool, rad.
            gripper: -1 or 1.

        Raises:
            ValueError: the gripper's value is neither -1 nor 1.
        """
        self.gripper = checked(float(gripper))
        self._go(position, euler)

    def _go(self, position: Sequence[float] | Floats, euler: Sequence[float] | Floats) -> None:
        orientation = pybullet.getQuaternionFromEuler(euler)
        angles = pybullet.calculateInverseKinematics(
            self.body, TOOL, position, orientation, *NULL_SPACE, physicsClientId=self._client
        )
        for joint in ARM:
            self._drive(joint, min(max(angles[joint], LOWER[joint]), UPPER[joint]), ARM_FORCE, ARM_SPEED)
        opens = self.gripper == OPEN
        for joint in FINGERS:
            self._drive(joint, FINGER_OPEN if opens else 0.0, OPEN_FORCE if opens else CLOSE_FORCE, FINGER_SPEED)

    def _drive(self, joint: int, target: float, force: float, speed: float) -> None:
        pybullet.setJointMotorControl2(
            self.body,
            joint,
            pybullet.POSITION_CONTROL,
            targetPosition=target,
            force=force,
            maxVelocity=speed,
            physicsClientId=self._client,
        )

    def tool(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Position (3,) and quaternion xyzw (4,) of the tool after the last substep."""
        state = pybullet.getLinkState(self.body, TOOL, physicsClientId=self._client)
        return state[0], state[1]

    def observation(self) -> Floats:
        """(15,) as the file's docstring says."""
        position, orientation = self.tool()
        euler = pybullet.getEulerFromQuaternion(orientation)
        joints = pybullet.getJointStates(self.body, (*FINGERS, *ARM), physicsClientId=self._client)
        opening = joints[0][0] + joints[1][0]
        return np.array([*position, *euler, opening, *(joint[0] for joint in joints[2:]), self.gripper])

    def state(self) -> list[float]:
        """Positions and velocities of all joints, and what was asked for last."""
        joints = pybullet.getJointStates(self.body, (*ARM, *FINGERS), physicsClientId=self._client)
        moving = [value for joint in joints for value in joint[:2]]
        return [*moving, *self.target_position, *self.target_euler, self.gripper]


def load_pedestal(client: int) -> None:
    """A white cylinder that nothing can touch; without it Bullet takes pairs in another order, to other bits."""
    shape = pybullet.createVisualShape(
        pybullet.GEOM_CYLINDER,
        radius=0.13,
        length=BASE[2],
        rgbaColor=(1, 1, 1, 1),
        visualFramePosition=(BASE[0] - 0.05, BASE[1], BASE[2] / 2),
        physicsClientId=client,
    )
    pybullet.createMultiBody(baseVisualShapeIndex=shape, physicsClientId=client)


def checked(gripper: float) -> float:
    """The value, if it is a command."""
    if gripper not in (OPEN, CLOSE):
        raise ValueError(f"the gripper's action must be -1 (close) or 1 (open), not {gripper}")
    return gripper
