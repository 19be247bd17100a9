"""The tables of the four scenes: the links' frames and masses, what is seen of them, and what collides.

Metres, in the world frame or in a link's own. All numbers were measured on calvin_env@797142c as pybullet has it after
loading with a scale of 0.8: joint frames, masses, the corners of convex parts, and the planes of the base, which is one
surface, hollow where the drawer and the shelf are.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from envs.calvin.standins.shapes import Pair, Solid, Triple, box, collar, extruded, moved, turned
from envs.calvin.standins.urdf import ORIGIN, WHITE
from envs.calvin.standins.wood import shade

QUARTER = math.pi / 2
SLOPE = math.pi / 3  # of the cabinet's front
TOP = 0.44  # height of the table
FRONT, BACK = 0.02, 0.14  # y of the cabinet's front at its foot and at its roof
ROOF = TOP + (BACK - FRONT) * math.tan(SLOPE)
WALL = 0.02  # thickness
HANDLE: Triple = (0.4, 0.4, 0.4)
BLACK: Triple = (0.0, 0.0, 0.0)
LEFT_SHELF, RIGHT_SHELF = (-0.36, 0.16), (-0.18, 0.34)


class Scene(NamedTuple):
    """What differs: places along x, names of the woods, and how far the bulb is set back."""

    button: float
    switch: float
    slide: float
    slide_travel: float
    drawer: float
    plank: float
    drawer_hole: Pair
    shelf_hole: Pair
    wood: str
    wood_moving: str
    middle: float  # of mass of the base
    bulb_back: float = 0.0


SCENES = {
    "A": Scene(-0.28, 0.30, -0.1, 0.28, 0.10, -0.1, (-0.1, 0.3), LEFT_SHELF, "red_brown", "red_brown", 0.0059605),
    "B": Scene(0.28, -0.32, 0.088, 0.304, 0.18, 0.08, (-0.02, 0.38), RIGHT_SHELF, "light", "light", -0.0472814, 0.004),
    "C": Scene(-0.12, -0.32, 0.06, 0.24, 0.10, 0.08, (-0.1, 0.3), RIGHT_SHELF, "plain", "red_brown", -0.0345711),
    "D": Scene(-0.12, 0.30, -0.1, 0.28, 0.18, -0.1, (-0.02, 0.38), LEFT_SHELF, "brown", "brown", -0.0069956),
}


class Body(NamedTuple):
    """A link: kg, the turn of its frame about x, middle of its mass, prismatic axis and travel, colour."""

    mass: float
    turn: float
    middle: Triple
    axis: Triple = ORIGIN
    travel: float = 0.0
    colour: Triple = WHITE


def bodies(scene: Scene) -> dict[str, Body]:
    """The base, and the others in the order of pybullet's link numbers."""
    hinge = math.copysign(0.14, scene.slide)
    bulb = 0.115259640607692 if scene.bulb_back else 0.173918312098126
    return {
        "base": Body(0.0, 0.0, (scene.middle, 0.4008263, -0.0360435), colour=shade(scene.wood)),
        "button": Body(0.153812376319756, QUARTER, (0.0, 0.012, 0.0), (0.0, -1.0, 0.0), 0.02, BLACK),
        "switch": Body(0.238786703751891, 2.5 * SLOPE, (0.0, 0.0402, -0.008), (0.0, 0.0, -1.0), 0.088, HANDLE),
        "slide": Body(1.54349139995684, SLOPE, (hinge, 0.0, 0.0163), (-1.0, 0.0, 0.0), scene.slide_travel, HANDLE),
        "drawer": Body(4.23128077824699, QUARTER, (0.0, 0.0266, 0.0791), (0.0, 0.0, 1.0), 0.22, HANDLE),
        "led": Body(0.204, QUARTER, (0.0, 0.008, 0.0)),
        "light": Body(bulb, QUARTER, (0.0, 0.0224 + 0.375 * scene.bulb_back, scene.bulb_back - 0.028)),
        "plank": Body(2.84375, QUARTER, (0.0, 0.01, 0.0)),
    }


def places(scene: Scene) -> dict[str, Triple]:
    """Where the links' frames are in the world while all joints are at 0."""
    return {
        "button": (scene.button, -0.12, 0.46),
        "switch": (scene.switch, 0.0609282, 0.4948897),
        "slide": (scene.slide, 0.075, 0.535264),
        "drawer": (scene.drawer, 0.0, 0.32),
        "led": (scene.button, 0.16, ROOF),
        "light": (scene.switch, 0.132 + scene.bulb_back, ROOF),
        "plank": (scene.plank, 0.09, 0.42),
    }


class Part(NamedTuple):
    """A box of a link: corners in the link's frame, what is cut off its edges, and what it is for."""

    low: Triple
    high: Triple
    bevel: float = 0.0
    seen: bool = True
    solid: bool = True


WOODEN: dict[str, list[Part]] = {
    "plank": [Part((-0.26, 0.0, -0.07), (0.26, 0.02, 0.07))],
    "slide": [
        Part((-0.0006, -0.1206, -0.0006), (0.2806, 0.1203, 0.0208), seen=False),  # longer than what is seen of it
        Part((0.0, -0.11, 0.0), (0.28, 0.11, 0.02), solid=False),
    ],
    "drawer": [
        Part((-0.2209, -0.0209, 0.1574), (0.2209, 0.0812, 0.182)),  # front
        Part((-0.1769, -0.0015, -0.038), (0.1769, 0.0214, 0.1574)),  # floor
        Part((-0.2015, -0.0015, -0.0609), (-0.1769, 0.0812, 0.1574)),
        Part((0.1769, -0.0015, -0.0609), (0.2015, 0.0812, 0.1574)),
        Part((-0.1769, -0.0015, -0.0609), (0.1769, 0.0812, -0.038)),  # back
    ],
}
PAINTED: dict[str, list[Part]] = {  # each handle is two arms and a bar
    "led": [Part((-0.08, 0.0, -0.02), (0.08, 0.016, 0.02))],
    "slide": [
        Part((0.1192, -0.0803, 0.0), (0.1608, -0.0577, 0.0801), 0.004),
        Part((0.1192, 0.0574, 0.0), (0.1608, 0.0811, 0.0801), 0.004),
        Part((0.1192, -0.0803, 0.0564), (0.1608, 0.0811, 0.0801), 0.004),
    ],
    "drawer": [
        Part((-0.1206, 0.0196, 0.165), (-0.0959, 0.0618, 0.2612), 0.0035),
        Part((0.0959, 0.0196, 0.165), (0.1206, 0.0618, 0.2612), 0.0035),
        Part((-0.1206, 0.0196, 0.2383), (0.1206, 0.0601, 0.2612), 0.0035),
    ],
    "switch": [
        Part((-0.0603, -0.0003, -0.0242), (-0.0396, 0.0643, 0.008), 0.005),
        Part((0.0396, -0.0003, -0.0242), (0.0602, 0.0643, 0.008), 0.005),
        Part((-0.0603, 0.0436, -0.0242), (0.0602, 0.0643, 0.008), 0.005),
    ],
}
BULB = [(0.028 * math.cos(angle), 0.0216 + 0.028 * math.sin(angle)) for angle in np.radians(np.linspace(-50.5, 87, 12))]
ROUND: dict[str, Solid] = {
    "button": turned(((0.032, 0.0), (0.032, 0.024)), 24),
    "light": moved(turned(BULB, 24), (0.0, 0.0, -0.028)),
}
SLOTS = ((-0.06, -0.04), (0.04, 0.06))  # across the switch, whose arms run in them; they are only painted on the front
SLOT_ENDS = (0.0554, 0.1754)  # up the front
PLAIN = ("button", "led", "light")  # one convex solid each, seen and colliding


class Look(NamedTuple):
    """A link's solids in its own frame: what is seen of wood, what is seen in the link's colour, and what collides."""

    wooden: list[Solid]
    painted: list[Solid]
    solid: list[Solid]


def looks(scene: Scene) -> dict[str, Look]:
    """By name, in the same order."""
    standing = base(scene)
    slots = [extruded(_slot(), scene.switch + low, scene.switch + high) for low, high in SLOTS]
    found = {"base": Look(standing, slots, standing)}
    for name in list(bodies(scene))[1:]:
        wooden, painted = WOODEN.get(name, []), PAINTED.get(name, [])
        body = [moved(ROUND[name], (0.0, 0.0, scene.bulb_back if name == "light" else 0.0))] if name in ROUND else []
        found[name] = Look(
            [_boxed(part) for part in wooden if part.seen],
            body + [_boxed(part) for part in painted],
            body + [_boxed(part) for part in (*wooden, *painted) if part.solid],
        )
    return found


def _slot() -> list[Pair]:
    """A strip on the cabinet's front, a millimetre thick."""
    (up_y, up_z), thick = (math.cos(SLOPE), math.sin(SLOPE)), 0.001
    low, high = ((FRONT + up_y * end, TOP + up_z * end) for end in SLOT_ENDS)
    return [low, high, *((y - up_z * thick, z + up_y * thick) for y, z in (high, low))]


def _boxed(part: Part) -> Solid:
    return box(part.low, part.high, part.bevel)


def base(scene: Scene) -> list[Solid]:
    """The part of the table that does not move: legs, top with the button's collar, drawer housing and cabinet."""
    legs = [box((x, y, 0.0), (x + 0.04, y + 0.032, 0.4)) for x in (-0.44, 0.40) for y in (-0.18, 0.148)]
    ring = collar((scene.button, -0.12), 0.03, 0.04, TOP, 0.46, 12)
    return [*legs, *_top(scene.shelf_hole), *_housing(scene.drawer_hole), *_cabinet(scene.shelf_hole), *ring]


def _top(hole: Pair) -> list[Solid]:
    """The slab, thinner where the plank of the shelf lies."""
    return [
        box((-0.44, -0.18, 0.4), (0.44, 0.18, 0.42)),
        box((-0.44, -0.18, 0.42), (0.44, FRONT, TOP)),
        box((-0.44, FRONT, 0.42), (hole[0], 0.18, TOP)),
        box((hole[1], FRONT, 0.42), (0.44, 0.18, TOP)),
    ]


def _housing(hole: Pair) -> list[Solid]:
    return [
        box((-0.42, -0.16, 0.3), (0.42, 0.16, 0.32)),
        box((-0.42, -0.16, 0.32), (hole[0], 0.16, 0.4)),
        box((hole[1], -0.16, 0.32), (0.42, 0.16, 0.4)),
        box((hole[0], 0.06, 0.32), (hole[1], 0.16, 0.4)),
    ]


def _cabinet(hole: Pair) -> list[Solid]:
    """A prism with a sloping front, hollow from there to its back wall."""
    side = ((FRONT, TOP), (0.18, TOP), (0.18, ROOF), (BACK, ROOF))
    under = ROOF - WALL
    roof = ((BACK - WALL / math.tan(SLOPE), under), (0.18, under), (0.18, ROOF), (BACK, ROOF))
    return [
        extruded(side, -0.44, hole[0]),
        extruded(side, hole[1], 0.44),
        extruded(roof, *hole),
        box((hole[0], 0.16, 0.42), (hole[1], 0.18, under)),
    ]
