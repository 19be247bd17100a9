"""Solids as stacks of rings, and how they are written as Wavefront OBJ and STL.

Whatever is convex is a loft here: rings of equally many points, one above the other, closed at both ends. Of a file
that collides pybullet makes one convex hull per object, or, where `concave` is asked for, one surface of all.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float64]
Triple = tuple[float, float, float]
Pair = tuple[float, float]


class Solid(NamedTuple):
    """Points (n, 3) in metres and faces as indices of points, anticlockwise from outside."""

    points: Points
    faces: tuple[tuple[int, ...], ...]


def loft(rings: Iterable[Iterable[Sequence[float]]]) -> Solid:
    """The solid between rings of n points each, which run anticlockwise for somebody whom the stack grows towards."""
    stack: Points = np.array([[tuple(point) for point in ring] for ring in rings])  # (rings, n, 3)
    height, around = stack.shape[:2]
    walls = [
        (row + side, row + (side + 1) % around, row + around + (side + 1) % around, row + around + side)
        for row in range(0, (height - 1) * around, around)
        for side in range(around)
    ]
    top = tuple(range((height - 1) * around, height * around))
    return Solid(stack.reshape(-1, 3), (tuple(reversed(range(around))), *walls, top))


def box(low: Triple, high: Triple, bevel: float = 0.0) -> Solid:
    """The upright box with these corners; `bevel` is cut off its edges."""
    if not bevel:
        return loft(_rectangle(low, high, z) for z in (low[2], high[2]))
    levels = ((low[2], bevel), (low[2] + bevel, 0.0), (high[2] - bevel, 0.0), (high[2], bevel))
    return loft(_octagon(low, high, z, inset, bevel) for z, inset in levels)


def _rectangle(low: Triple, high: Triple, z: float) -> list[Triple]:
    return [(low[0], low[1], z), (high[0], low[1], z), (high[0], high[1], z), (low[0], high[1], z)]


def _octagon(low: Triple, high: Triple, z: float, inset: float, cut: float) -> list[Triple]:
    (a, b), (c, d) = (low[0] + inset, low[1] + inset), (high[0] - inset, high[1] - inset)
    corners = [(a + cut, b), (c - cut, b), (c, b + cut), (c, d - cut), (c - cut, d), (a + cut, d), (a, d - cut)]
    return [(x, y, z) for x, y in (*corners, (a, b + cut))]


def extruded(profile: Sequence[Pair], low: float, high: float) -> Solid:
    """A prism along x; the profile has (y, z), anticlockwise for somebody who looks towards -x."""
    return loft([(x, y, z) for y, z in profile] for x in (low, high))


def turned(profile: Iterable[Pair], sides: int) -> Solid:
    """A body of revolution about y; the profile has (radius, y) with y rising."""
    angles = [2 * math.pi * side / sides for side in range(sides)]
    return loft([(r * math.sin(a), y, r * math.cos(a)) for a in angles] for r, y in profile)


def collar(middle: Pair, inner: float, outer: float, low: float, high: float, sides: int) -> list[Solid]:
    """A ring about z, one block per side; radii reach the corners."""
    spokes = [(math.cos(a), math.sin(a)) for a in (2 * math.pi * side / sides for side in range(sides + 1))]

    def at(radius: float, spoke: Pair, z: float) -> Triple:
        return middle[0] + radius * spoke[0], middle[1] + radius * spoke[1], z

    def ring(one: Pair, two: Pair, z: float) -> list[Triple]:
        return [at(inner, one, z), at(outer, one, z), at(outer, two, z), at(inner, two, z)]

    return [loft(ring(one, two, z) for z in (low, high)) for one, two in pairwise(spokes)]


def moved(solid: Solid, by: Triple) -> Solid:
    """The solid elsewhere."""
    return solid._replace(points=solid.points + np.array(by))


def obj(solids: Iterable[Solid], scale: float = 1.0, material: str | None = None) -> bytes:
    """The solids as one file, with an object for each.

    Args:
        solids: metres.
        scale: units of the file per metre.
        material: in a file of its name; its picture repeats each metre, with its rows along the longer side of a face.
    """
    lines = [f"mtllib {material}.mtl", f"usemtl {material}"] if material else []
    points = corners = 0
    for number, solid in enumerate(solids):
        lines += [f"o part_{number}", *(f"v {_numbers(point * scale)}" for point in solid.points)]
        for face in solid.faces:
            lines += [f"vt {_numbers(place)}" for place in _laid_out(solid.points[list(face)])]
            pairs = (f"{points + vertex + 1}/{corners + place + 1}" for place, vertex in enumerate(face))
            lines.append("f " + " ".join(pairs))
            corners += len(face)
        points += len(solid.points)
    return "\n".join([*lines, ""]).encode()


def stl(solid: Solid, scale: float = 1.0) -> bytes:
    """The solid as a binary STL file; its hull collides without the margin of 1 mm that pybullet gives an OBJ's."""
    points = np.round(solid.points * scale, 7).astype("<f4")
    fans = [(face[0], *face[at : at + 2]) for face in solid.faces for at in range(1, len(face) - 1)]
    triangles = points[np.array(fans)]
    rows = np.zeros(len(triangles), [("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("rest", "<u2")])
    rows["corners"] = triangles
    rows["normal"] = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    return bytes(80) + struct.pack("<I", len(rows)) + rows.tobytes()


def _laid_out(corners: Points) -> Points:
    """(n, 2) places of a face's corners in the picture: the face as seen along the axis that it faces most."""
    normal = np.abs(np.cross(corners[1] - corners[0], corners[2] - corners[1]))
    sides = [axis for axis in range(3) if axis != int(normal.argmax())]
    laid: Points = corners[:, sorted(sides, key=lambda axis: -np.ptp(corners[:, axis]))]
    return laid


def _numbers(values: Iterable[float]) -> str:
    return " ".join(f"{round(float(value), 7) + 0.0:.7g}" for value in values)
