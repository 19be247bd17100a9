"""The alphabet of the stand-ins: pieces that collide, are seen, or both, and how they become MuJoCo XML."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np

Triple = tuple[float, float, float]
Quaternion = tuple[float, float, float, float]  # w, x, y, z
UPRIGHT: Quaternion = (1.0, 0.0, 0.0, 0.0)
Y_UP: Quaternion = (math.sqrt(0.5), -math.sqrt(0.5), 0.0, 0.0)  # z of a piece becomes y of the object


class Piece(NamedTuple):
    """A primitive geom of a body: half sizes and position in metres; it collides where solid, is seen with a colour."""

    kind: str  # box, cylinder, capsule, sphere or ellipsoid
    size: tuple[float, ...]
    pos: Triple = (0.0, 0.0, 0.0)
    quat: Quaternion = UPRIGHT
    look: str | None = None  # "red green blue [alpha]", or "@material"
    solid: bool = False


Builder = Callable[[], dict[str, list[Piece]]]  # the pieces of each body of an object


def solid(size: Triple, pos: Triple, look: str | None = None, quat: Quaternion = UPRIGHT) -> Piece:
    """A box that collides, and is seen where a look is given."""
    return Piece("box", size, pos, quat, look, solid=True)


def seen(kind: str, size: tuple[float, ...], pos: Triple, look: str, quat: Quaternion = UPRIGHT) -> Piece:
    """Something for the cameras only."""
    return Piece(kind, size, pos, quat, look)


def between(low: Triple, high: Triple, look: str | None = None, collides: bool = True) -> Piece:
    """The upright box with these two corners, metres."""
    pos = tuple((a + b) / 2 for a, b in zip(low, high, strict=True))
    size = tuple((b - a) / 2 for a, b in zip(low, high, strict=True))
    return Piece("box", _triple(size), _triple(pos), UPRIGHT, look, collides)


def _triple(values: Iterable[float]) -> Triple:
    x, y, z = (float(value) for value in values)
    return x, y, z


def turn(axis: str, angle: float) -> Quaternion:
    """Quaternion of a turn about x, y or z, radians."""
    part = [math.cos(angle / 2), 0.0, 0.0, 0.0]
    part["xyz".index(axis) + 1] = math.sin(angle / 2)
    return part[0], part[1], part[2], part[3]


def product(first: Quaternion, second: Quaternion) -> Quaternion:
    """The turn that does `second`, then `first`."""
    a, b, c, d = first
    e, f, g, h = second
    return (
        a * e - b * f - c * g - d * h,
        a * f + b * e + c * h - d * g,
        a * g - b * h + c * e + d * f,
        a * h + b * g - c * f + d * e,
    )


def turned(point: Sequence[float], quat: Quaternion) -> Triple:
    """The point after the turn."""
    w, x, y, z = quat
    _, a, b, c = product(product(quat, (0.0, point[0], point[1], point[2])), (w, -x, -y, -z))
    return a, b, c


def moved(pieces: Iterable[Piece], pos: Triple = (0.0, 0.0, 0.0), quat: Quaternion = UPRIGHT) -> list[Piece]:
    """The pieces turned about the origin, then shifted."""
    return [
        piece._replace(
            pos=_triple(a + b for a, b in zip(turned(piece.pos, quat), pos, strict=True)),
            quat=product(quat, piece.quat),
        )
        for piece in pieces
    ]


def prism(sides: int, radius: float, low: float, high: float, look: str | None = None) -> list[Piece]:
    """A filled regular prism about z: boxes through the axis, half as many as sides; radius to the middle of a side."""
    number, half = sides // 2, (high - low) / 2
    width = radius * math.tan(math.pi / sides)
    core = [
        solid((radius, width, half), (0, 0, low + half), None, turn("z", math.pi * i / number)) for i in range(number)
    ]
    return core if look is None else [*core, seen("cylinder", (radius, half), (0, 0, low + half), look)]


class Point(NamedTuple):
    """A point of a profile: distance from the axis and height, metres."""

    radius: float
    height: float


def staves(number: int, low: Point, high: Point, thickness: float, look: str | None = None) -> list[Piece]:
    """A round wall of boxes about z; `low` and `high` are the ends of the middle of each board."""
    out, up = high.radius - low.radius, high.height - low.height
    length, tilt = math.hypot(out, up), math.atan2(out, up)
    width = max(low.radius, high.radius) * math.tan(math.pi / number)
    middle, level = (low.radius + high.radius) / 2, (low.height + high.height) / 2
    boards = []
    for index in range(number):
        yaw = 2 * math.pi * index / number
        pos = (middle * math.cos(yaw), middle * math.sin(yaw), level)
        quat = product(turn("z", yaw), turn("y", tilt))
        boards.append(solid((thickness / 2, width, length / 2), pos, look, quat))
    return boards


def volume(piece: Piece) -> float:
    """Cubic metres of a solid box or capsule."""
    if piece.kind == "capsule":
        radius, half = piece.size[0], piece.size[1]
        return math.pi * radius**2 * 2 * half + 4 / 3 * math.pi * radius**3
    return 8 * float(np.prod(piece.size))


def numbers(values: Iterable[float]) -> str:
    """Values as an XML attribute, the same on each machine: what is left where sines cancel out is not."""
    return " ".join(f"{round(value, 9) + 0.0:.6g}" for value in values)
