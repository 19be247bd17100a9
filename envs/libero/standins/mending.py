"""An official XML file of which some meshes are absent: everything stays but the visual geoms that need them."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import PurePosixPath

from envs.libero.standins.objects import visuals
from envs.libero.standins.scenes import scenery


def mend_object(root: ET.Element, category: str, absent: dict[str, str]) -> None:
    """Replace the meshes of each body that lacks one by our pieces; `absent` has files by mesh name."""
    _forget_meshes(root, absent)
    for body in root.iter("body"):
        meshes = [geom for geom in body.findall("geom") if geom.get("mesh")]
        if any(geom.get("mesh") in absent for geom in meshes):
            name = body.get("name", "")
            place = list(body).index(meshes[0])
            for geom in meshes:
                body.remove(geom)
            _insert(body, place, visuals(category, "main" if name == "object" else name))


def mend_scene(root: ET.Element, absent: dict[str, str]) -> None:
    """Replace each absent mesh of a room by our scenery, which stands in the world and not in the geom's body."""
    _forget_meshes(root, absent)
    world = root.find("worldbody")
    assert world is not None
    for parent in list(root.iter()):
        for geom in parent.findall("geom"):
            if geom.get("mesh") in absent:
                parent.remove(geom)
                _insert(world, len(world), scenery(PurePosixPath(absent[str(geom.get("mesh"))]).stem))


def _forget_meshes(root: ET.Element, absent: dict[str, str]) -> None:
    for assets in root.findall("asset"):
        for mesh in assets.findall("mesh"):
            if mesh.get("name") in absent:
                assets.remove(mesh)


def _insert(parent: ET.Element, place: int, geoms: list[str]) -> None:
    for index, geom in enumerate(geoms):
        parent.insert(place + index, ET.fromstring(geom))
