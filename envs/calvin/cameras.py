"""CALVIN's two cameras: a second pybullet that only draws what the world's pybullet computes.

It is loaded once per scene. Poses, joint positions and the lights' colours are copied into it when somebody looks, so
that physics never holds pictures, and a frame does not depend on which others were drawn before it.

agent  upstream's `static`, 4.2 m before the desk, 10 degrees wide
wrist  upstream's `gripper`, on the hand, 75 degrees wide

It draws through EGL with pybullet's plugin where that works, else with pybullet's TinyRenderer, whose frames are darker
and without shadows; `name` tells which. EGL's frames are calvin_env@797142c's, pixel for pixel, but for two things: the
near plane of `agent` is at 1 m, not at 1 cm, since blocks have ragged edges with the 16 bits of depth that Mesa gives
pybullet (nothing is nearer than 3.5 m); and the first two frames, which have no shadows, are thrown away. In the render
profile "fast" the arm is seen as the coarse meshes that it collides with, which takes half of the time.
"""

from __future__ import annotations

import atexit
import os
import re
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np

from envs import gl
from envs.calvin import robot as panda
from envs.calvin.bullet import pybullet
from envs.calvin.egl import Context
from envs.calvin.silence import silenced
from envs.calvin.states import BLOCK_SIZES, SCALE
from envs.calvin.world import LED, LIGHTBULB, MOVING, World
from protocols.contracts import ImageArray

TINY = "TinyRenderer"
SHADOWLESS = 2  # frames that EGL draws before the first one that has shadows
EYE = (2.871459009488717, -2.166602199425597, 2.555159848480571)
LOOK_AT = (-0.026242351159453392, -0.0302329882979393, 0.3920000493526459)
UP = (0.4041403970338857, 0.22629790978217404, 0.8862616969685161)
Colour = tuple[int, int, int, int]
DARK: Colour = (1, 1, 1, 1)  # bulb and LED while they do not shine
YELLOW: Colour = (1, 1, 0, 1)
GREEN: Colour = (0, 1, 0, 1)


class Lens(NamedTuple):
    """Angle of view in degrees, near and far plane in metres."""

    view_deg: float
    near: float
    far: float


LENSES = {"agent": Lens(10.0, 1.0, 10.0), "wrist": Lens(75.0, 0.01, 2.0)}


class Cameras:
    """Draws one scene.

    Args:
        scene: A, B, C or D.
        data: folder laid out as the official data folder.
        sizes_px: height and width of the frames by role, "agent" or "wrist".
        profile: "official" or "fast".
    """

    def __init__(self, scene: str, data: Path, sizes_px: Mapping[str, int], profile: str = "official") -> None:
        self._sizes = dict(sizes_px)
        largest = max(self._sizes.values())
        with silenced() as said:
            self._client = pybullet.connect(pybullet.DIRECT, options=f"--width={largest} --height={largest}")
            self._context = _load_plugin(self._client)
            self._load(scene, data, fast=profile == "fast")
            self._view = pybullet.computeViewMatrix(EYE, LOOK_AT, UP)
            for _ in range(SHADOWLESS if self._context else 0):
                self._draw(next(iter(self._sizes)), self._view)
        found = re.search(r"^GL_RENDERER=(.*)$", said.text, re.MULTILINE)
        self._name = found.group(1).strip() if found and self._context else TINY
        atexit.register(self.close)  # else pybullet's own end of the process is not silent

    def _load(self, scene: str, data: Path, fast: bool) -> None:
        """The same bodies in the same order as upstream."""
        self._robot = self._load_robot(data / "franka_panda" / "panda_longer_finger.urdf", fast)
        panda.load_pedestal(self._client)
        self._blocks = {
            colour: self._load_body(data / "blocks" / f"block_{colour}_{size}.urdf", globalScaling=SCALE)
            for colour, size in BLOCK_SIZES[scene].items()
        }
        table = f"calvin_table_{scene}"
        self._table = self._load_body(data / table / "urdf" / f"{table}.urdf", globalScaling=SCALE)
        self._load_body(data / "plane" / "plane.urdf")
        self._colours = {LIGHTBULB: DARK, LED: DARK}

    def _load_robot(self, path: Path, fast: bool) -> int:
        if not fast:
            return self._load_body(path, basePosition=panda.BASE, useFixedBase=True)
        with tempfile.NamedTemporaryFile("wb", suffix=".urdf") as file:
            file.write(_coarse(path))
            file.flush()
            return self._load_body(Path(file.name), basePosition=panda.BASE, useFixedBase=True)

    def _load_body(self, path: Path, **options: object) -> int:
        body: int = pybullet.loadURDF(str(path), physicsClientId=self._client, **options)
        return body

    def frame(self, role: str, world: World) -> ImageArray:
        """(H, W, 3) uint8, upright, what the camera sees of the world now."""
        if self._context:
            self._context.use()
        self._copy(world)
        return self._draw(role, self._view if role == "agent" else _view_from_hand(world))

    def _copy(self, world: World) -> None:
        for body, twin, joints in (
            (world.robot.body, self._robot, (*panda.ARM, *panda.FINGERS)),
            (world.table, self._table, MOVING),
        ):
            states = pybullet.getJointStates(body, joints, physicsClientId=world.client)
            for joint, state in zip(joints, states, strict=True):
                pybullet.resetJointState(twin, joint, state[0], physicsClientId=self._client)
        for colour, body in world.blocks.items():
            pose = pybullet.getBasePositionAndOrientation(body, physicsClientId=world.client)
            pybullet.resetBasePositionAndOrientation(self._blocks[colour], *pose, physicsClientId=self._client)
        self._shine(LIGHTBULB, YELLOW if world.lights.lightbulb else DARK)
        self._shine(LED, GREEN if world.lights.led else DARK)

    def _shine(self, link: int, colour: Colour) -> None:
        if colour != self._colours[link]:
            pybullet.changeVisualShape(self._table, link, rgbaColor=colour, physicsClientId=self._client)
            self._colours[link] = colour

    def _draw(self, role: str, view: Sequence[float]) -> ImageArray:
        lens, size = LENSES[role], self._sizes[role]
        projection = pybullet.computeProjectionMatrixFOV(lens.view_deg, 1.0, lens.near, lens.far)
        pixels = pybullet.getCameraImage(
            size, size, view, projection, flags=pybullet.ER_NO_SEGMENTATION_MASK, physicsClientId=self._client
        )[2]
        image: ImageArray = np.ascontiguousarray(np.reshape(pixels, (size, size, 4))[:, :, :3], dtype=np.uint8)
        return image

    def name(self) -> str:
        """What draws, such as "llvmpipe (LLVM 15.0.6, 256 bits)", or "TinyRenderer"."""
        return self._name

    def close(self) -> None:
        """Give back the memory; calling it twice does no harm."""
        if self._client < 0:
            return
        with silenced():
            if self._context:
                self._context.use()
            pybullet.disconnect(self._client)
        self._client = -1
        atexit.unregister(self.close)


def _load_plugin(client: int) -> Context | None:
    """The context of the EGL plugin, or None where it cannot work; without EGL it would end the process."""
    os.environ.setdefault("LP_NUM_THREADS", "1")  # Mesa reads it once; more threads cost CPU time and change no pixel
    plugin = find_spec("eglRenderer")
    if plugin is None or plugin.origin is None or not gl.egl_works():
        return None
    number = pybullet.loadPlugin(plugin.origin, "_eglRendererPlugin", physicsClientId=client)
    return Context() if number >= 0 else None


def _coarse(path: Path) -> bytes:
    """A robot's URDF in which each link looks as it collides."""
    root = ET.parse(path).getroot()
    for link in root.iter("link"):
        seen = link.findall("visual")
        for shape in link.findall("collision") or seen:
            white = ET.SubElement(link, "visual")
            white.extend(part for part in shape if part.tag in ("origin", "geometry"))
            ET.SubElement(ET.SubElement(white, "material", name="white"), "color", rgba="1 1 1 1")
        for shape in seen:
            link.remove(shape)
    for mesh in root.iter("mesh"):
        mesh.set("filename", str(path.parent / mesh.get("filename", "").removeprefix("package://")))
    return ET.tostring(root)


def _view_from_hand(world: World) -> Sequence[float]:
    """The view matrix of `wrist`: along y of the camera's link, with -z up."""
    link = pybullet.getLinkState(world.robot.body, panda.CAMERA_LINK, physicsClientId=world.client)
    position, orientation = link[:2]
    turn = np.reshape(pybullet.getMatrixFromQuaternion(orientation), (3, 3))
    view: Sequence[float] = pybullet.computeViewMatrix(position, position + turn[:, 1], -turn[:, 2])
    return view
