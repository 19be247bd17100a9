"""The things on the counter and on the table, from primitives: mugs, a pot, a plate and sea animals.

Each stands with its origin on the ground. What collides is simple (a capsule to hold, a hidden box to stand on, walls
of boxes); eyes, fins, arms and patterns are for the camera only and weigh nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import mujoco

Colour = tuple[float, float, float]
Builder = Callable[[mujoco.MjsBody, Colour, float], None]

BOX, BALL, CAPSULE = mujoco.mjtGeom.mjGEOM_BOX, mujoco.mjtGeom.mjGEOM_SPHERE, mujoco.mjtGeom.mjGEOM_CAPSULE
DISC, EGG = mujoco.mjtGeom.mjGEOM_CYLINDER, mujoco.mjtGeom.mjGEOM_ELLIPSOID

HARD = {"solref": (0.006, 1.0), "friction": (0.8, 0.01, 0.0005)}
SOFT = {"solref": (0.015, 1.0), "solimp": (0.80, 0.95, 0.004, 0.5, 2.0), "friction": (1.0, 0.01, 0.0005)}
REST = 0.0001  # damping of the free joint: without it a toy creeps for ever
STAVE_GAP_M = 0.003  # walls end above the bottom, so that only the bottom touches the ground
HIDDEN = 4  # a group that no camera shows

BLACK, WHITE = (0.06, 0.06, 0.07), (0.95, 0.95, 0.95)
MUG_RADIUS_M, MUG_HEIGHT_M = 0.027, 0.060
POT_RADIUS_M, POT_HEIGHT_M = 0.056, 0.048
PLATE_RADIUS_M = 0.062


class Kind(NamedTuple):
    """A sort of thing: how it is built, how much room its foot takes, and its height, in metres."""

    build: Builder
    foot_radius_m: float
    height_m: float


class Toy(NamedTuple):
    """A thing in a scene; `scale` enlarges it in all directions."""

    name: str
    kind: str
    colour: Colour
    scale: float = 1.0


def add(spec: mujoco.MjSpec, toy: Toy) -> None:
    """Add the toy to a model, on a free joint of its own name."""
    body = spec.worldbody.add_body(name=toy.name)
    body.add_joint(name=toy.name, type=mujoco.mjtJoint.mjJNT_FREE, damping=REST)
    KINDS[toy.kind].build(body, toy.colour, toy.scale)


def _solid(body: mujoco.MjsBody, kind: mujoco.mjtGeom, size: Sequence[float], mass: float, **options: Any) -> None:
    """A geom that collides and weighs."""
    name = f"{body.name}_{len(body.geoms)}"
    body.add_geom(name=name, type=kind, size=_padded(size), mass=mass, contype=2, conaffinity=3, **_shaped(options))


def _seen(body: mujoco.MjsBody, kind: mujoco.mjtGeom, size: Sequence[float], rgb: Colour, **options: Any) -> None:
    """A geom for the camera only."""
    body.add_geom(
        type=kind, size=_padded(size), mass=0, contype=0, conaffinity=0, group=1, rgba=(*rgb, 1), **_shaped(options)
    )


def _padded(size: Sequence[float]) -> list[float]:
    return [*size, *[0.0] * (3 - len(size))]


def _shaped(options: dict[str, Any]) -> dict[str, Any]:
    """Colour as rgba, a turn about z as a quaternion."""
    shaped = {"group": 1} | options if "rgb" in options else dict(options)
    if "rgb" in shaped:
        shaped["rgba"] = (*shaped.pop("rgb"), 1)
    if "yaw" in shaped:
        half = shaped.pop("yaw") / 2
        shaped["quat"] = (math.cos(half), 0, 0, math.sin(half))
    return shaped


def _darker(rgb: Colour, factor: float = 0.7) -> Colour:
    red, green, blue = rgb
    return red * factor, green * factor, blue * factor


def _vessel(body: mujoco.MjsBody, radius: float, height: float, staves: int, wall: float, rgb: Colour) -> None:
    """A round wall of upright boxes on a disc; a tenth of its mass per gram is set by the caller's geoms."""
    width = math.pi * radius / staves + wall / 4
    half = (height - STAVE_GAP_M) / 2
    for index in range(staves):
        yaw = 2 * math.pi * (index + 0.5) / staves
        centre = (radius - wall / 2) * math.cos(yaw), (radius - wall / 2) * math.sin(yaw), STAVE_GAP_M + half
        _solid(body, BOX, (wall / 2, width, half), 0.7 * body_mass(radius) / staves, pos=centre, yaw=yaw, rgb=rgb, **HARD)
    bottom = {"pos": (0, 0, 0.002), "rgb": _darker(rgb, 0.8)}
    _solid(body, DISC, (radius - 0.001, 0.002), 0.3 * body_mass(radius), **bottom, **HARD)


def body_mass(radius: float) -> float:
    """Kilogrammes of a vessel of that radius: 66 g for the mug, 97 g for the pot."""
    return 0.066 + (radius - MUG_RADIUS_M) / (POT_RADIUS_M - MUG_RADIUS_M) * 0.031


def mug(body: mujoco.MjsBody, rgb: Colour, scale: float) -> None:
    """Twelve staves, a bottom, and a handle along +x."""
    radius, height = MUG_RADIUS_M * scale, MUG_HEIGHT_M * scale
    _vessel(body, radius, height, 12, 0.004, rgb)
    out, top, low = radius + 0.018 * scale, 0.76 * height, 0.26 * height
    for start, end in (
        ((radius, 0, top), (out, 0, top - 0.004)),
        ((out, 0, top - 0.004), (out, 0, low + 0.004)),
        ((out, 0, low + 0.004), (radius, 0, low)),
    ):
        _solid(body, CAPSULE, (0.0036,), 0.001, fromto=(*start, *end), rgb=rgb, **HARD)
    _seen(body, DISC, (radius - 0.004, 0.0006), _darker(rgb, 0.45), pos=(0, 0, 0.0046))


def pot(body: mujoco.MjsBody, rgb: Colour, scale: float) -> None:
    """Sixteen staves, a bottom, and two loop handles along +y and -y."""
    radius, height = POT_RADIUS_M * scale, POT_HEIGHT_M * scale
    _vessel(body, radius, height, 16, 0.004, rgb)
    for side in (-1, 1):
        inner, outer, level = side * radius, side * (radius + 0.016), 0.78 * height
        for start, end in (
            ((-0.014, inner, level), (-0.011, outer, level)),
            ((-0.011, outer, level), (0.011, outer, level)),
            ((0.011, outer, level), (0.014, inner, level)),
        ):
            _solid(body, CAPSULE, (0.0034,), 0.001, fromto=(*start, *end), rgb=BLACK, **HARD)
    _seen(body, DISC, (radius - 0.004, 0.0006), _darker(rgb, 0.55), pos=(0, 0, 0.0046))


def plate(body: mujoco.MjsBody, rgb: Colour, scale: float) -> None:
    """A disc with a rim of sixteen capsules."""
    radius = PLATE_RADIUS_M * scale
    _solid(body, DISC, (radius - 0.008, 0.003), 0.09, pos=(0, 0, 0.003), rgb=rgb, **HARD)
    corners = [2 * math.pi * index / 16 for index in range(17)]
    for begin, end in zip(corners, corners[1:], strict=False):
        reach = radius - 0.004
        points = [part for yaw in (begin, end) for part in (reach * math.cos(yaw), reach * math.sin(yaw), 0.0085)]
        _solid(body, CAPSULE, (0.0042,), 0.002, fromto=points, rgb=_darker(rgb, 0.92), **HARD)
    _seen(body, DISC, (radius * 0.62, 0.0005), tuple(min(1, part * 1.08) for part in rgb), pos=(0, 0, 0.0062))  # type: ignore[arg-type]


def _animal(body: mujoco.MjsBody, mass: float, radius: float, half: float, level: float, rgb: Colour) -> None:
    """What all animals collide with: a lying capsule to hold, visible, and a hidden box to stand on."""
    ends = (-half, 0, level, half, 0, level)
    _solid(body, CAPSULE, (radius,), 0.4 * mass, fromto=ends, rgb=rgb, condim=4, **SOFT)
    size = (half + 0.3 * radius, 0.62 * radius, (level - radius + 0.004) / 2 + 0.001)
    _solid(body, BOX, size, 0.6 * mass, pos=(0, 0, size[2]), group=HIDDEN, condim=4, **SOFT)


def _eyes(body: mujoco.MjsBody, x: float, y: float, z: float, size: float) -> None:
    for side in (-1, 1):
        _seen(body, BALL, (size,), WHITE, pos=(x, side * y, z))
        _seen(body, BALL, (size * 0.62,), BLACK, pos=(x + 0.5 * size, side * (y + 0.45 * size), z + 0.25 * size))


def whale(body: mujoco.MjsBody, rgb: Colour, scale: float) -> None:
    """A thick round head along +x, a tail that rises, two flukes, two fins, a pale belly."""
    s = scale
    _animal(body, 0.036 * s**3, 0.0195 * s, 0.016 * s, 0.0215 * s, rgb)
    _seen(body, EGG, (0.025 * s, 0.0205 * s, 0.0195 * s), rgb, pos=(0.014 * s, 0, 0.0215 * s))
    _seen(body, EGG, (0.029 * s, 0.0165 * s, 0.0125 * s), (0.88, 0.90, 0.93), pos=(0.013 * s, 0, 0.0135 * s))
    _seen(body, CAPSULE, (0.0105 * s,), rgb, fromto=(-0.016 * s, 0, 0.021 * s, -0.036 * s, 0, 0.029 * s))
    _seen(body, CAPSULE, (0.006 * s,), rgb, fromto=(-0.036 * s, 0, 0.029 * s, -0.047 * s, 0, 0.037 * s))
    for side in (-1, 1):
        turn = {"yaw": side * 2.2}
        _seen(body, EGG, (0.016 * s, 0.008 * s, 0.003 * s), rgb, pos=(-0.053 * s, side * 0.011 * s, 0.040 * s), **turn)
        fin = {"pos": (0.004 * s, side * 0.024 * s, 0.012 * s), "yaw": side * 2.3}
        _seen(body, EGG, (0.013 * s, 0.006 * s, 0.0025 * s), _darker(rgb, 0.85), **fin)
    _seen(body, DISC, (0.003 * s, 0.0008), BLACK, pos=(0.008 * s, 0, 0.0412 * s))
    _eyes(body, 0.027 * s, 0.0155 * s, 0.024 * s, 0.0036 * s)


def dolphin(body: mujoco.MjsBody, rgb: Colour, scale: float) -> None:
    """Slimmer than a whale, with a beak and a fin on its back."""
    s = scale
    _animal(body, 0.033 * s**3, 0.0155 * s, 0.022 * s, 0.0175 * s, rgb)
    _seen(body, EGG, (0.024 * s, 0.0145 * s, 0.008 * s), (0.92, 0.94, 0.96), pos=(0.008 * s, 0, 0.0095 * s))
    _seen(body, CAPSULE, (0.0052 * s,), rgb, fromto=(0.034 * s, 0, 0.0150 * s, 0.049 * s, 0, 0.0135 * s))
    _seen(body, CAPSULE, (0.0085 * s,), rgb, fromto=(-0.024 * s, 0, 0.0180 * s, -0.043 * s, 0, 0.0225 * s))
    _seen(body, CAPSULE, (0.0050 * s,), rgb, fromto=(-0.043 * s, 0, 0.0225 * s, -0.054 * s, 0, 0.0265 * s))
    tilted = (math.cos(0.45), 0, math.sin(0.45), 0)
    _seen(body, EGG, (0.013 * s, 0.0028 * s, 0.008 * s), _darker(rgb, 0.8), pos=(-0.006 * s, 0, 0.0345 * s), quat=tilted)
    for side in (-1, 1):
        fluke = {"pos": (-0.058 * s, side * 0.009 * s, 0.0280 * s), "yaw": side * 2.2}
        _seen(body, EGG, (0.013 * s, 0.006 * s, 0.0025 * s), _darker(rgb, 0.8), **fluke)
        fin = {"pos": (0.008 * s, side * 0.020 * s, 0.0105 * s), "yaw": side * 2.3}
        _seen(body, EGG, (0.011 * s, 0.005 * s, 0.0025 * s), _darker(rgb, 0.8), **fin)
    _eyes(body, 0.029 * s, 0.0115 * s, 0.0215 * s, 0.0026 * s)


def turtle(body: mujoco.MjsBody, rgb: Colour, scale: float) -> None:
    """A patterned dome, four flippers and a head along +x."""
    s = scale
    skin = (0.62, 0.74, 0.36)
    _animal(body, 0.038 * s**3, 0.0170 * s, 0.008 * s, 0.0185 * s, rgb)
    _seen(body, EGG, (0.030 * s, 0.025 * s, 0.0215 * s), rgb, pos=(0, 0, 0.0150 * s))
    _seen(body, EGG, (0.033 * s, 0.028 * s, 0.0060 * s), skin, pos=(0, 0, 0.0105 * s))
    for x, y in ((0, 0), (0.013, 0.011), (0.013, -0.011), (-0.013, 0.011), (-0.013, -0.011)):
        height = 0.0150 + 0.0216 * math.sqrt(max(0.0, 1 - (x / 0.030) ** 2 - (y / 0.025) ** 2))
        _seen(body, EGG, (0.0062 * s, 0.0062 * s, 0.0016 * s), _darker(rgb, 0.55), pos=(x * s, y * s, height * s))
    _seen(body, EGG, (0.013 * s, 0.0095 * s, 0.0090 * s), skin, pos=(0.037 * s, 0, 0.0165 * s))
    for x, y, yaw in ((0.020, 0.027, 0.9), (0.020, -0.027, -0.9), (-0.022, 0.024, 2.4), (-0.022, -0.024, -2.4)):
        _seen(body, EGG, (0.0145 * s, 0.0065 * s, 0.0030 * s), skin, pos=(x * s, y * s, 0.0075 * s), yaw=yaw)
    _eyes(body, 0.043 * s, 0.0065 * s, 0.0205 * s, 0.0026 * s)


def octopus(body: mujoco.MjsBody, rgb: Colour, scale: float) -> None:
    """A high head and eight arms that curl on the ground; the face looks along +x."""
    s = scale
    _solid(body, CAPSULE, (0.0190 * s,), 0.016 * s**3, fromto=(0, 0, 0.021 * s, 0, 0, 0.033 * s), rgb=rgb, condim=4, **SOFT)
    foot = (0.0165 * s, 0.0165 * s, 0.003 * s)
    _solid(body, BOX, foot, 0.018 * s**3, pos=(0, 0, foot[2]), group=HIDDEN, condim=4, **SOFT)
    _seen(body, EGG, (0.0215 * s, 0.0215 * s, 0.0200 * s), rgb, pos=(0, 0, 0.0350 * s))
    for index in range(8):
        yaw = 2 * math.pi * (index + 0.5) / 8
        near, knee, tip = ((radius * s * math.cos(yaw), radius * s * math.sin(yaw)) for radius in (0.012, 0.028, 0.037))
        _seen(body, CAPSULE, (0.0062 * s,), rgb, fromto=(*near, 0.011 * s, *knee, 0.0066 * s))
        _seen(body, CAPSULE, (0.0048 * s,), _darker(rgb, 0.9), fromto=(*knee, 0.0060 * s, *tip, 0.0085 * s))
    _eyes(body, 0.0165 * s, 0.0085 * s, 0.0375 * s, 0.0042 * s)
    _seen(body, CAPSULE, (0.0012 * s,), BLACK, fromto=(0.0205 * s, -0.004 * s, 0.0300 * s, 0.0205 * s, 0.004 * s, 0.0300 * s))


def cube(body: mujoco.MjsBody, rgb: Colour, scale: float) -> None:
    """A wooden block with a pale band."""
    half = 0.017 * scale
    _solid(body, BOX, (half, half, half), 0.035 * scale**3, pos=(0, 0, half), rgb=rgb, condim=4, **HARD)
    _seen(body, BOX, (half + 0.0004, half + 0.0004, 0.3 * half), tuple((1 + part) / 2 for part in rgb), pos=(0, 0, half))  # type: ignore[arg-type]


def can(body: mujoco.MjsBody, rgb: Colour, scale: float) -> None:
    """A drink can with a silver top."""
    radius, half = 0.020 * scale, 0.032 * scale
    _solid(body, DISC, (radius, half), 0.045 * scale**3, pos=(0, 0, half), rgb=rgb, condim=4, **HARD)
    _seen(body, DISC, (radius * 0.92, 0.0012), (0.78, 0.79, 0.81), pos=(0, 0, 2 * half))
    _seen(body, DISC, (radius + 0.0003, half * 0.45), WHITE, pos=(0, 0, half))


KINDS = {
    "mug": Kind(mug, 0.038, MUG_HEIGHT_M),
    "pot": Kind(pot, 0.074, POT_HEIGHT_M),
    "plate": Kind(plate, PLATE_RADIUS_M, 0.013),
    "whale": Kind(whale, 0.045, 0.041),
    "dolphin": Kind(dolphin, 0.045, 0.040),
    "turtle": Kind(turtle, 0.040, 0.037),
    "octopus": Kind(octopus, 0.037, 0.055),
    "cube": Kind(cube, 0.025, 0.034),
    "can": Kind(can, 0.021, 0.064),
}
