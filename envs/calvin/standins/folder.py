"""The files of the data folder: the robot, four tables, nine blocks and the floor."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np

from envs.calvin.standins import panda, tables
from envs.calvin.standins.shapes import Solid, Triple, obj, stl
from envs.calvin.standins.urdf import Joint, Link, Shape, urdf
from envs.calvin.standins.wood import picture, squares
from envs.calvin.states import LENGTHS, SCALE, WIDTH

COLOURS: dict[str, Triple] = {"red": (1.0, 0.0, 0.0), "blue": (0.0, 0.0, 1.0), "pink": (1.0, 0.0, 1.0)}
ROBOT, FLOOR = "franka_panda/panda_longer_finger.urdf", "plane/plane.urdf"
Files = dict[str, bytes | Path]  # content, or where it is, by place in the folder


def entries() -> dict[str, Callable[[], Files]]:
    """What makes the files of each entry, by the place of the URDF that the world loads."""
    found: dict[str, Callable[[], Files]] = {ROBOT: partial(panda.files, ROBOT)}
    for name in tables.SCENES:
        found[f"calvin_table_{name}/urdf/calvin_table_{name}.urdf"] = partial(table_files, name)
    for colour, size in product(COLOURS, LENGTHS):
        found[f"blocks/block_{colour}_{size}.urdf"] = partial(block_files, colour, size)
    return {**found, FLOOR: floor_files}


def table_files(name: str) -> Files:
    """A table's URDF, its meshes, and pictures of its woods."""
    scene, folder = tables.SCENES[name], f"calvin_table_{name}"
    bodies = tables.bodies(scene)
    found: Files = {}
    links = []
    for link, look in tables.looks(scene).items():
        wood = scene.wood if link in ("base", "plank") else scene.wood_moving
        meshes, seen, solid = _meshes(link, look, wood, bodies[link].colour)
        found |= {f"{folder}/meshes/{file}": content for file, content in meshes.items()}
        links.append(Link(f"{link}_link", bodies[link].mass, _raw(bodies[link].middle), seen, (solid,)))
    for wood in {scene.wood, scene.wood_moving}:
        found[f"{folder}/meshes/{wood}.mtl"] = _material(wood, f"../textures/{wood}.bmp")
        found[f"{folder}/textures/{wood}.bmp"] = picture(wood)
    found[f"{folder}/urdf/{folder}.urdf"] = urdf(folder, links, _table_joints(scene))
    return found


def _meshes(
    link: str, look: tables.Look, wood: str, colour: Triple
) -> tuple[dict[str, bytes], tuple[Shape, ...], Shape]:
    """A link's files, what is seen of it, and what collides."""
    if link in tables.PLAIN:
        shape = Shape(f"../meshes/{link}.stl", colour=colour)
        return {f"{link}.stl": stl(look.solid[0], 1 / SCALE)}, (shape,), shape
    meshes = {f"{link}_solid.obj": obj(look.solid, 1 / SCALE)}
    seen = []
    if look.wooden:
        meshes[f"{link}_wood.obj"] = obj(look.wooden, 1 / SCALE, wood)
        seen.append(Shape(f"../meshes/{link}_wood.obj"))
    if look.painted:
        meshes[f"{link}_paint.obj"] = obj(look.painted, 1 / SCALE)
        seen.append(Shape(f"../meshes/{link}_paint.obj", colour=colour))
    return meshes, tuple(seen), Shape(f"../meshes/{link}_solid.obj", concave=link == "base")


def _table_joints(scene: tables.Scene) -> Iterator[Joint]:
    for name, place in tables.places(scene).items():
        body = tables.bodies(scene)[name]
        joint = Joint(f"base__{name}", "base_link", f"{name}_link", _raw(place), (body.turn, 0.0, 0.0))
        limit = (0.0, body.travel / SCALE, 0.0, 0.0)
        yield joint._replace(kind="prismatic", axis=body.axis, limit=limit) if body.travel else joint


def _raw(point: Triple) -> Triple:
    """As it is written in a file that is loaded with the scale."""
    return point[0] / SCALE, point[1] / SCALE, point[2] / SCALE


def block_files(colour: str, size: str) -> Files:
    """A block of 1 kg."""
    shape = Shape(box=_raw((LENGTHS[size], WIDTH, WIDTH)), colour=COLOURS[colour])
    contact = {"lateral_friction": 0.7, "spinning_friction": 0.001}
    block = Link("base_link", 1.0, seen=(shape,), solid=(shape,), contact=contact)
    return {f"blocks/block_{colour}_{size}.urdf": urdf(f"block_{colour}", [block])}


def floor_files() -> Files:
    """A floor of white and gray squares of half a metre, 30 m wide, that collides as a box of 200 m."""
    seen, solid = Shape("floor.obj"), Shape(box=(200.0, 200.0, 10.0), place=(0.0, 0.0, -5.0))
    square = Solid(np.array([(-15, -15, 0), (15, -15, 0), (15, 15, 0), (-15, 15, 0)], np.float64), ((0, 1, 2, 3),))
    floor = Link("planeLink", seen=(seen,), solid=(solid,), contact={"lateral_friction": 1.0})
    return {
        FLOOR: urdf("plane", [floor]),
        "plane/floor.obj": obj([square], material="squares"),
        "plane/squares.mtl": _material("squares", "squares.bmp"),
        "plane/squares.bmp": squares(),
    }


def _material(name: str, picture: str) -> bytes:
    return f"newmtl {name}\nKd 1 1 1\nmap_Kd {picture}\n".encode()
