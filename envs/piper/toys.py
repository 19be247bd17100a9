"""The things on the counter and on the table, from primitives: mugs, a pot, a plate and sea animals.

Each stands with its origin on the ground. What collides is simple (a capsule to hold, a hidden box to stand on, walls
of boxes); eyes, fins, arms, patterns and bands are for the camera only and weigh nothing.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import mujoco

Colour = tuple[float, float, float]
Builder = Callable[[mujoco.MjsBody, Colour, float], None]  # body, colour, scale

BOX, BALL, CAPSULE = mujoco.mjtGeom.mjGEOM_BOX, mujoco.mjtGeom.mjGEOM_SPHERE, mujoco.mjtGeom.mjGEOM_CAPSULE
DISC, EGG = mujoco.mjtGeom.mjGEOM_CYLINDER, mujoco.mjtGeom.mjGEOM_ELLIPSOID

HARD = {"solref": (0.006, 1.0), "friction": (0.8, 0.01, 0.0005)}
SOFT = {"solref": (0.015, 1.0), "solimp": (0.80, 0.95, 0.004, 0.5, 2.0), "friction": (1.0, 0.01, 0.0005)}
REST = 0.0001  # damping of the free joint: without it a toy creeps for ever
STAVE_GAP_M = 0.003  # walls end above the bottom, so that only the bottom touches the ground
WALL_M = 0.004
SHOWN, HIDDEN = 1, 4  # groups; no camera shows the second

BLACK, WHITE, SILVER = (0.06, 0.06, 0.07), (0.95, 0.95, 0.95), (0.78, 0.79, 0.81)
BELLY, SKIN = (0.90, 0.92, 0.95), (0.62, 0.74, 0.36)
MUG_RADIUS_M, MUG_HEIGHT_M, MUG_STAVES = 0.027, 0.060, 12
POT_RADIUS_M, POT_HEIGHT_M, POT_STAVES = 0.056, 0.048, 16
PLATE_RADIUS_M = 0.062


class Kind(NamedTuple):
    """A sort of thing: how it is built, the radius of the room that it needs, metres, and how it wears a band."""

    build: Builder
    foot_radius_m: float
    band: Builder | None = None


class Toy(NamedTuple):
    """A thing in a scene; `scale` enlarges it in all directions; `band` is the colour of a stripe round it."""

    name: str
    kind: str
    colour: Colour
    scale: float = 1.0
    band: Colour | None = None


def add(spec: mujoco.MjSpec, toy: Toy) -> None:
    """Add the toy to a model, on a free joint of its own name."""
    body = spec.worldbody.add_body(name=toy.name)
    body.add_joint(name=toy.name, type=mujoco.mjtJoint.mjJNT_FREE, damping=REST)
    kind = KINDS[toy.kind]
    kind.build(body, toy.colour, toy.scale)
    if toy.band is not None and kind.band is not None:
        kind.band(body, toy.band, toy.scale)


def _solid(
    body: mujoco.MjsBody, kind: mujoco.mjtGeom, size: Sequence[float], mass: float, rgb: Colour | None, **options: Any
) -> None:
    """A geom that collides and weighs; hidden without a colour."""
    look: dict[str, Any] = {"group": HIDDEN} if rgb is None else {"group": SHOWN, "rgba": (*rgb, 1)}
    name = f"{body.name}_{len(body.geoms)}"
    body.add_geom(name=name, type=kind, size=_padded(size), mass=mass, contype=2, conaffinity=3, **look, **options)


def _seen(body: mujoco.MjsBody, kind: mujoco.mjtGeom, size: Sequence[float], rgb: Colour, **options: Any) -> None:
    """A geom for the camera only."""
    look = {"group": SHOWN, "rgba": (*rgb, 1), "contype": 0, "conaffinity": 0}
    body.add_geom(type=kind, size=_padded(size), mass=0, **look, **options)


def _padded(size: Sequence[float]) -> list[float]:
    return [*size, *[0.0] * (3 - len(size))]


def _turn(yaw: float) -> tuple[float, float, float, float]:
    """Quaternion w, x, y, z of a turn about z."""
    return math.cos(yaw / 2), 0.0, 0.0, math.sin(yaw / 2)


def _shade(rgb: Colour, factor: float) -> Colour:
    """Darker below 1, brighter above."""
    red, green, blue = (min(1.0, part * factor) for part in rgb)
    return red, green, blue


def mug(body: mujoco.MjsBody, rgb: Colour, scale: float) -> None:
    """Twelve staves, a bottom, and a handle along +x."""
    radius, height = MUG_RADIUS_M * scale, MUG_HEIGHT_M * scale
    _vessel(body, radius, height, MUG_STAVES, rgb)
    out, top, low = radius + 0.018 * scale, 0.76 * height, 0.26 * height
    corners = [(radius, 0, top), (out, 0, top - 0.004), (out, 0, low + 0.004), (radius, 0, low)]
    for start, end in itertools.pairwise(corners):
        _solid(body, CAPSULE, (0.0036,), 0.001, rgb, fromto=(*start, *end), **HARD)
    _seen(body, DISC, (radius - 0.004, 0.0006), _shade(rgb, 0.45), pos=(0, 0, 0.0046))


def pot(body: mujoco.MjsBody, rgb: Colour, scale: float) -> None:
    """Sixteen staves, a bottom, and two loop handles along +y and -y."""
    radius, height = POT_RADIUS_M * scale, POT_HEIGHT_M * scale
    _vessel(body, radius, height, POT_STAVES, rgb)
    for side in (-1, 1):
        inner, outer, level = side * radius, side * (radius + 0.016), 0.78 * height
        corners = [(-0.014, inner, level), (-0.011, outer, level), (0.011, outer, level), (0.014, inner, level)]
        for start, end in itertools.pairwise(corners):
            _solid(body, CAPSULE, (0.0034,), 0.001, BLACK, fromto=(*start, *end), **HARD)
    _seen(body, DISC, (radius - 0.004, 0.0006), _shade(rgb, 0.55), pos=(0, 0, 0.0046))


def _vessel(body: mujoco.MjsBody, radius: float, height: float, staves: int, rgb: Colour) -> None:
    """A round wall of upright boxes, seven tenths of the mass, around a disc, the rest; handles come on top."""
    width, half = math.pi * radius / staves + WALL_M / 4, (height - STAVE_GAP_M) / 2
    mass = 0.066 + (radius - MUG_RADIUS_M) / (POT_RADIUS_M - MUG_RADIUS_M) * 0.031  # 66 g for the mug, 97 g for the pot
    for x, y, yaw in _round(radius - WALL_M / 2, staves):
        place = {"pos": (x, y, STAVE_GAP_M + half), "quat": _turn(yaw)}
        _solid(body, BOX, (WALL_M / 2, width, half), 0.7 * mass / staves, rgb, **place, **HARD)
    _solid(body, DISC, (radius - 0.001, 0.002), 0.3 * mass, _shade(rgb, 0.8), pos=(0, 0, 0.002), **HARD)


def _round(radius: float, number: int) -> list[tuple[float, float, float]]:
    """x, y and direction of so many points on a circle."""
    angles = [2 * math.pi * (index + 0.5) / number for index in range(number)]
    return [(radius * math.cos(angle), radius * math.sin(angle), angle) for angle in angles]


def mug_band(body: mujoco.MjsBody, rgb: Colour, scale: float) -> None:
    """A stripe below the middle, outside."""
    _vessel_band(body, MUG_RADIUS_M * scale, MUG_STAVES, 0.5 * MUG_HEIGHT_M * scale, rgb)


def pot_band(body: mujoco.MjsBody, rgb: Colour, scale: float) -> None:
    """A stripe under the handles, outside."""
    _vessel_band(body, POT_RADIUS_M * scale, POT_STAVES, 0.5 * POT_HEIGHT_M * scale, rgb)


def _vessel_band(body: mujoco.MjsBody, radius: float, staves: int, level: float, rgb: Colour) -> None:
    size = (0.0006, math.pi * radius / staves + WALL_M / 8, 0.14 * level)
    for x, y, yaw in _round(radius, staves):
        _seen(body, BOX, size, rgb, pos=(x, y, level), quat=_turn(yaw))


def plate(body: mujoco.MjsBody, rgb: Colour, scale: float) -> None:
    """A disc with a rim of sixteen capsules."""
    radius = PLATE_RADIUS_M * scale
    _solid(body, DISC, (radius - 0.008, 0.003), 0.09, rgb, pos=(0, 0, 0.003), **HARD)
    reach, angles = radius - 0.004, [2 * math.pi * index / 16 for index in range(17)]
    corners = [(reach * math.cos(angle), reach * math.sin(angle), 0.0085) for angle in angles]
    for start, end in itertools.pairwise(corners):
        _solid(body, CAPSULE, (0.0042,), 0.002, _shade(rgb, 0.92), fromto=(*start, *end), **HARD)
    _seen(body, DISC, (radius * 0.62, 0.0005), _shade(rgb, 1.08), pos=(0, 0, 0.0062))


def whale(body: mujoco.MjsBody, rgb: Colour, scale: float) -> None:
    """A thick round head along +x, a tail that rises, two flukes, two fins, a pale belly."""
    s = scale
    _animal(body, 0.036 * s**3, 0.0195 * s, 0.016 * s, 0.0215 * s, rgb)
    _seen(body, EGG, (0.025 * s, 0.0205 * s, 0.0195 * s), rgb, pos=(0.014 * s, 0, 0.0215 * s))
    _seen(body, EGG, (0.029 * s, 0.0165 * s, 0.0125 * s), BELLY, pos=(0.013 * s, 0, 0.0135 * s))
    _seen(body, CAPSULE, (0.0105 * s,), rgb, fromto=(-0.016 * s, 0, 0.021 * s, -0.036 * s, 0, 0.029 * s))
    _seen(body, CAPSULE, (0.006 * s,), rgb, fromto=(-0.036 * s, 0, 0.029 * s, -0.047 * s, 0, 0.037 * s))
    for side in (-1, 1):
        fluke = {"pos": (-0.053 * s, side * 0.011 * s, 0.040 * s), "quat": _turn(side * 2.2)}
        _seen(body, EGG, (0.016 * s, 0.008 * s, 0.003 * s), rgb, **fluke)
        fin = {"pos": (0.004 * s, side * 0.024 * s, 0.012 * s), "quat": _turn(side * 2.3)}
        _seen(body, EGG, (0.013 * s, 0.006 * s, 0.0025 * s), _shade(rgb, 0.85), **fin)
    _seen(body, DISC, (0.003 * s, 0.0008), BLACK, pos=(0.008 * s, 0, 0.0412 * s))
    _eyes(body, 0.027 * s, 0.0155 * s, 0.024 * s, 0.0036 * s)


def _animal(body: mujoco.MjsBody, mass: float, radius: float, half: float, level: float, rgb: Colour) -> None:
    """What a lying animal collides with: a capsule to hold, visible, and a hidden box to stand on."""
    _solid(body, CAPSULE, (radius,), 0.4 * mass, rgb, fromto=(-half, 0, level, half, 0, level), condim=4, **SOFT)
    size = (half + 0.3 * radius, 0.62 * radius, (level - radius + 0.004) / 2 + 0.001)
    _solid(body, BOX, size, 0.6 * mass, None, pos=(0, 0, size[2]), condim=4, **SOFT)


def _eyes(body: mujoco.MjsBody, x: float, y: float, z: float, size: float) -> None:
    for side in (-1, 1):
        _seen(body, BALL, (size,), WHITE, pos=(x, side * y, z))
        _seen(body, BALL, (size * 0.62,), BLACK, pos=(x + 0.5 * size, side * (y + 0.45 * size), z + 0.25 * size))


def whale_band(body: mujoco.MjsBody, rgb: Colour, scale: float) -> None:
    """A belt behind the fins."""
    ends = (-0.013 * scale, 0, 0.0215 * scale, -0.005 * scale, 0, 0.0215 * scale)
    _seen(body, DISC, (0.0208 * scale,), rgb, fromto=ends)


def dolphin(body: mujoco.MjsBody, rgb: Colour, scale: float) -> None:
    """Slimmer than a whale, with a beak and a fin on its back."""
    s = scale
    _animal(body, 0.033 * s**3, 0.0155 * s, 0.022 * s, 0.0175 * s, rgb)
    _seen(body, EGG, (0.024 * s, 0.0145 * s, 0.008 * s), BELLY, pos=(0.008 * s, 0, 0.0095 * s))
    _seen(body, CAPSULE, (0.0052 * s,), rgb, fromto=(0.034 * s, 0, 0.0150 * s, 0.049 * s, 0, 0.0135 * s))
    _seen(body, CAPSULE, (0.0085 * s,), rgb, fromto=(-0.024 * s, 0, 0.0180 * s, -0.043 * s, 0, 0.0225 * s))
    _seen(body, CAPSULE, (0.0050 * s,), rgb, fromto=(-0.043 * s, 0, 0.0225 * s, -0.054 * s, 0, 0.0265 * s))
    fin = {"pos": (-0.006 * s, 0, 0.0345 * s), "quat": (math.cos(0.45), 0, math.sin(0.45), 0)}
    _seen(body, EGG, (0.013 * s, 0.0028 * s, 0.008 * s), _shade(rgb, 0.8), **fin)
    for side in (-1, 1):
        fluke = {"pos": (-0.058 * s, side * 0.009 * s, 0.0280 * s), "quat": _turn(side * 2.2)}
        _seen(body, EGG, (0.013 * s, 0.006 * s, 0.0025 * s), _shade(rgb, 0.8), **fluke)
        flipper = {"pos": (0.008 * s, side * 0.020 * s, 0.0105 * s), "quat": _turn(side * 2.3)}
        _seen(body, EGG, (0.011 * s, 0.005 * s, 0.0025 * s), _shade(rgb, 0.8), **flipper)
    _eyes(body, 0.029 * s, 0.0115 * s, 0.0215 * s, 0.0026 * s)


def turtle(body: mujoco.MjsBody, rgb: Colour, scale: float) -> None:
    """A patterned dome, four flippers and a head along +x."""
    s = scale
    _animal(body, 0.038 * s**3, 0.0170 * s, 0.008 * s, 0.0185 * s, rgb)
    _seen(body, EGG, (0.030 * s, 0.025 * s, 0.0182 * s), rgb, pos=(0, 0, 0.0185 * s))
    _seen(body, EGG, (0.033 * s, 0.028 * s, 0.0060 * s), SKIN, pos=(0, 0, 0.0105 * s))
    for x, y in ((0, 0), (0.013, 0.011), (0.013, -0.011), (-0.013, 0.011), (-0.013, -0.011)):
        height = 0.0185 + 0.0183 * math.sqrt(max(0.0, 1 - (x / 0.030) ** 2 - (y / 0.025) ** 2))
        _seen(body, EGG, (0.0062 * s, 0.0062 * s, 0.0016 * s), _shade(rgb, 0.55), pos=(x * s, y * s, height * s))
    _seen(body, EGG, (0.013 * s, 0.0095 * s, 0.0090 * s), SKIN, pos=(0.037 * s, 0, 0.0165 * s))
    for x, y, yaw in ((0.020, 0.027, 0.9), (0.020, -0.027, -0.9), (-0.022, 0.024, 2.4), (-0.022, -0.024, -2.4)):
        flipper = {"pos": (x * s, y * s, 0.0075 * s), "quat": _turn(yaw)}
        _seen(body, EGG, (0.0145 * s, 0.0065 * s, 0.0030 * s), SKIN, **flipper)
    _eyes(body, 0.043 * s, 0.0065 * s, 0.0205 * s, 0.0026 * s)


def octopus(body: mujoco.MjsBody, rgb: Colour, scale: float) -> None:
    """A high head and eight arms that curl on the ground; the face looks along +x."""
    s = scale
    head, foot = (0, 0, 0.021 * s, 0, 0, 0.033 * s), (0.0165 * s, 0.0165 * s, 0.003 * s)
    _solid(body, CAPSULE, (0.0190 * s,), 0.016 * s**3, rgb, fromto=head, condim=4, **SOFT)
    _solid(body, BOX, foot, 0.018 * s**3, None, pos=(0, 0, foot[2]), condim=4, **SOFT)
    _seen(body, EGG, (0.0215 * s, 0.0215 * s, 0.0200 * s), rgb, pos=(0, 0, 0.0350 * s))
    for x, y, _ in _round(s, 8):
        near, knee, tip = ((radius * x, radius * y) for radius in (0.012, 0.028, 0.037))
        _seen(body, CAPSULE, (0.0062 * s,), rgb, fromto=(*near, 0.011 * s, *knee, 0.0066 * s))
        _seen(body, CAPSULE, (0.0048 * s,), _shade(rgb, 0.9), fromto=(*knee, 0.0060 * s, *tip, 0.0085 * s))
    _eyes(body, 0.0165 * s, 0.0085 * s, 0.0375 * s, 0.0042 * s)
    mouth = (0.0205 * s, -0.004 * s, 0.0300 * s, 0.0205 * s, 0.004 * s, 0.0300 * s)
    _seen(body, CAPSULE, (0.0012 * s,), BLACK, fromto=mouth)


def octopus_band(body: mujoco.MjsBody, rgb: Colour, scale: float) -> None:
    """A round cap on the head."""
    _seen(body, DISC, (0.0200 * scale, 0.0012 * scale), rgb, pos=(0, 0, 0.0470 * scale))
    _seen(body, DISC, (0.0150 * scale, 0.0040 * scale), rgb, pos=(0, 0, 0.0520 * scale))


def cube(body: mujoco.MjsBody, rgb: Colour, scale: float) -> None:
    """A wooden block with a brighter band."""
    half = 0.017 * scale
    _solid(body, BOX, (half, half, half), 0.035 * scale**3, rgb, pos=(0, 0, half), condim=4, **HARD)
    _seen(body, BOX, (half + 0.0004, half + 0.0004, 0.3 * half), _shade(rgb, 1.5), pos=(0, 0, half))


def can(body: mujoco.MjsBody, rgb: Colour, scale: float) -> None:
    """A drink can with a silver top."""
    radius, half = 0.020 * scale, 0.032 * scale
    _solid(body, DISC, (radius, half), 0.045 * scale**3, rgb, pos=(0, 0, half), condim=4, **HARD)
    _seen(body, DISC, (radius * 0.92, 0.0012), SILVER, pos=(0, 0, 2 * half))
    _seen(body, DISC, (radius + 0.0003, half * 0.45), WHITE, pos=(0, 0, half))


KINDS = {
    "mug": Kind(mug, 0.044, mug_band),
    "pot": Kind(pot, 0.074, pot_band),
    "plate": Kind(plate, PLATE_RADIUS_M),
    "whale": Kind(whale, 0.045, whale_band),
    "dolphin": Kind(dolphin, 0.045),
    "turtle": Kind(turtle, 0.040),
    "octopus": Kind(octopus, 0.037, octopus_band),
    "cube": Kind(cube, 0.025),
    "can": Kind(can, 0.021),
}
