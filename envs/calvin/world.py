"""CALVIN's table, blocks and arm in pybullet; no pictures and no tasks.

Equal, bit for bit and step by step, to calvin_env@797142c with its data files (tests/test_calvin_parity.py), as it runs
after `env.seed(0); env.load()`. Here everything is loaded again for each start, since Bullet keeps contacts and solver
impulses of what ran before, and with them the same actions end centimetres elsewhere. So what follows a start is a pure
function of it. What is loaded decides over bits, too: blocks first lie at the official random poses of seed 0.

scene_obs  (24,) slider, drawer, button, switch, m; bulb, LED, 0 or 1; per block position, m, and Euler angles, rad, in
           the order of `BLOCK_SIZES`, another one in each scene
rate       30 control steps per second, 8 substeps each
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from envs.calvin.bullet import load_body, pybullet
from envs.calvin.lights import Lights
from envs.calvin.robot import Robot
from envs.calvin.states import BLOCK_SIZES, LENGTHS, SCALE, WIDTH, Block, Contact, Floats, Snapshot, Start
from envs.calvin.surfaces import random_pose
from protocols.contracts import BrokenFileError

BUTTON, SWITCH, SLIDER, DRAWER, LED, LIGHTBULB, PLANK = range(7)  # joints of the table, and the links they move
TABLE_LINKS = ("button_link", "switch_link", "slide_link", "drawer_link", "led_link", "light_link", "plank_link")
MOVING = (SLIDER, DRAWER, BUTTON, SWITCH)
SUBSTEPS = 8
LOAD_SEED = 0  # of the poses in which blocks are loaded
TABLE_FORCE = 4  # N, friction of doors and switch, spring of the button


class World:
    """One scene in a pybullet of its own.

    Args:
        scene: A, B, C or D.
        data: folder laid out as the official data folder.
        button: which version's button, see `envs.calvin.lights`.

    Raises:
        LookupError: no such scene.
        ValueError: no such button.
    """

    def __init__(self, scene: str, data: Path, button: str = "main") -> None:
        if scene not in BLOCK_SIZES:
            raise LookupError(f"no scene named {scene!r}; there are: {', '.join(BLOCK_SIZES)}")
        self.scene = scene
        self.block_order = tuple(BLOCK_SIZES[scene])
        self.block_size = {
            colour: np.array([LENGTHS[size], WIDTH, WIDTH]) for colour, size in BLOCK_SIZES[scene].items()
        }
        self.lights = Lights(button)
        self.client = pybullet.connect(pybullet.DIRECT)
        self.robot = Robot(self.client, data)
        self._data = data

    def reset(self, start: Start) -> None:
        """Load everything again, set the start, one substep.

        Raises:
            ValueError: the table has other links, or the start's gripper command is neither -1 nor 1.
        """
        self._load()
        for joint, at in zip(MOVING, (start.slider, start.drawer, start.button, start.switch), strict=True):
            pybullet.resetJointState(self.table, joint, at, physicsClientId=self.client)
        self.lights.reset(start.led, start.lightbulb)
        for colour, body in self.blocks.items():
            position, euler = start.blocks[colour][:3], start.blocks[colour][3:]
            turn = pybullet.getQuaternionFromEuler(euler)
            pybullet.resetBasePositionAndOrientation(body, position, turn, physicsClientId=self.client)
        self.robot.reset(start.robot)
        pybullet.stepSimulation(physicsClientId=self.client)

    def _load(self) -> None:
        pybullet.resetSimulation(physicsClientId=self.client)
        pybullet.setGravity(0, 0, -9.8, physicsClientId=self.client)
        self.robot.load()
        random = np.random.default_rng(LOAD_SEED)
        self.blocks = {colour: self._load_block(colour, random_pose(self.scene, random)) for colour in self.block_order}
        table = f"calvin_table_{self.scene}"
        self.table = self._load_body(self._data / table / "urdf" / f"{table}.urdf", globalScaling=SCALE)
        self._brake_table()
        self.plane = self._load_body(self._data / "plane" / "plane.urdf")
        self._names = {self.robot.body: "robot", self.table: "table", self.plane: "plane"}
        self._names |= {body: colour for colour, body in self.blocks.items()}

    def _load_block(self, colour: str, pose: Floats) -> int:
        path = self._data / "blocks" / f"block_{colour}_{BLOCK_SIZES[self.scene][colour]}.urdf"
        turn = pybullet.getQuaternionFromEuler(pose[3:])
        return self._load_body(path, basePosition=pose[:3], baseOrientation=turn, globalScaling=SCALE)

    def _load_body(self, path: Path, **options: Any) -> int:
        """Its number; without what can only be seen, which takes more than half of the time."""
        flags = pybullet.URDF_IGNORE_VISUAL_SHAPES
        return load_body(path, self.client, flags=flags, **options)

    def _brake_table(self) -> None:
        numbers = range(pybullet.getNumJoints(self.table, physicsClientId=self.client))
        joints = [pybullet.getJointInfo(self.table, number, physicsClientId=self.client) for number in numbers]
        links = tuple(joint[12].decode() for joint in joints)
        if links != TABLE_LINKS:
            raise BrokenFileError(f"the table of scene {self.scene} must have the links {TABLE_LINKS}, not {links}")
        for joint in (SLIDER, DRAWER, BUTTON, SWITCH):
            mode = pybullet.POSITION_CONTROL if joint == BUTTON else pybullet.VELOCITY_CONTROL
            pybullet.setJointMotorControl2(self.table, joint, mode, force=TABLE_FORCE, physicsClientId=self.client)
        self._middle = {joint: (joints[joint][8] + joints[joint][9]) / 2 for joint in (BUTTON, SWITCH)}

    def step(self, action: Floats) -> None:
        """(7,) one control step with a relative action, see `envs.calvin.robot`.

        Raises:
            ValueError: the gripper's value is neither -1 nor 1.
        """
        self.robot.move_by(action)
        self._advance()

    def step_to(self, position: Sequence[float] | Floats, euler: Sequence[float] | Floats, gripper: float) -> None:
        """One control step towards a pose of the tool (3,) m and (3,) rad; the target pose of `step` stays.

        Raises:
            ValueError: the gripper's value is neither -1 nor 1.
        """
        self.robot.move_to(position, euler, gripper)
        self._advance()

    def _advance(self) -> None:
        for _ in range(SUBSTEPS):
            pybullet.stepSimulation(physicsClientId=self.client)
        button, switch = pybullet.getJointStates(self.table, (BUTTON, SWITCH), physicsClientId=self.client)
        self.lights.update(button[0] > self._middle[BUTTON], switch[0] > self._middle[SWITCH])

    def robot_obs(self) -> Floats:
        """(15,) see `envs.calvin.robot`."""
        return self.robot.observation()

    def scene_obs(self) -> Floats:
        """(24,) as the file's docstring says."""
        lights = (self.lights.lightbulb, self.lights.led)
        blocks = chain.from_iterable(self._block_pose(colour) for colour in self.block_order)
        return np.array([*self.doors(), *lights, *blocks], dtype=np.float64)

    def doors(self) -> tuple[float, float, float, float]:
        """Positions of slider, drawer, button and switch, m."""
        slider, drawer, button, switch = pybullet.getJointStates(self.table, MOVING, physicsClientId=self.client)
        return slider[0], drawer[0], button[0], switch[0]

    def _block_pose(self, colour: str) -> tuple[float, ...]:
        position, turn = pybullet.getBasePositionAndOrientation(self.blocks[colour], physicsClientId=self.client)
        return (*position, *pybullet.getEulerFromQuaternion(turn))

    def snapshot(self) -> Snapshot:
        """All that the tasks' verdicts look at."""
        contacts: dict[str, set[Contact]] = {name: set() for name in self._names.values()}
        for point in pybullet.getContactPoints(physicsClientId=self.client):
            one, other = self._names[point[1]], self._names[point[2]]
            contacts[one].add((other, point[4]))
            contacts[other].add((one, point[3]))
        blocks = {colour: self._block(colour, frozenset(contacts[colour])) for colour in self.block_order}
        return Snapshot(*self.doors(), self.lights.lightbulb, self.lights.led, blocks, frozenset(contacts["robot"]))

    def _block(self, colour: str, contacts: frozenset[Contact]) -> Block:
        body = self.blocks[colour]
        position, turn = pybullet.getBasePositionAndOrientation(body, physicsClientId=self.client)
        velocity, spin = pybullet.getBaseVelocity(body, physicsClientId=self.client)
        return Block(np.array(position), np.array(turn), np.array(velocity), np.array(spin), contacts)

    def state(self) -> Floats:
        """(n,) what moves, with velocities, the lights, and the pose asked for last."""
        joints = pybullet.getJointStates(self.table, MOVING, physicsClientId=self.client)
        table = [value for joint in joints for value in joint[:2]]
        blocks = [self._block(colour, frozenset()) for colour in self.block_order]
        moving = [part for block in blocks for part in block[:4]]
        return np.concatenate([self.robot.state(), table, [self.lights.lightbulb, self.lights.led], *moving])

    def close(self) -> None:
        """Give back the memory; calling it twice does no harm."""
        if self.client >= 0:
            pybullet.disconnect(self.client)
            self.client = -1
