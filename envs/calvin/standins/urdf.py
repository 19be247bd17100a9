"""Links and joints as URDF text, as much of it as pybullet reads."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from envs.calvin.standins.shapes import Triple

ORIGIN: Triple = (0.0, 0.0, 0.0)
WHITE: Triple = (1.0, 1.0, 1.0)
Contact = Mapping[str, float | None]  # by URDF tag; a tag without a value is only named
NOTHING: Contact = {}


class Shape(NamedTuple):
    """A mesh file or, where `box` is given, a box of these sides, placed and turned by roll, pitch and yaw.

    Args:
        file: relative to the URDF's folder.
        concave: collides as the surface that it is, not as convex hulls of its objects.
    """

    file: str = ""
    box: Triple | None = None
    place: Triple = ORIGIN
    turn: Triple = ORIGIN
    colour: Triple = WHITE
    concave: bool = False


class Link(NamedTuple):
    """A link: kilograms, the middle of its mass, what is seen, what collides, and how contacts with it behave."""

    name: str
    mass: float = 0.0
    middle: Triple = ORIGIN
    seen: tuple[Shape, ...] = ()
    solid: tuple[Shape, ...] = ()
    contact: Contact = NOTHING


class Joint(NamedTuple):
    """A joint: fixed without an axis, revolute or prismatic with one; a limit has lower, upper, effort and velocity."""

    name: str
    parent: str
    child: str
    place: Triple = ORIGIN
    turn: Triple = ORIGIN
    kind: str = "fixed"
    axis: Triple = ORIGIN
    limit: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)


def urdf(name: str, links: Iterable[Link], joints: Iterable[Joint] = ()) -> bytes:
    """The file. pybullet numbers links in the order of the joints, a link's own before its sisters."""
    root = ET.Element("robot", name=name)
    for link in links:
        _add_link(root, link)
    for joint in joints:
        _add_joint(root, joint)
    ET.indent(root)
    return ET.tostring(root) + b"\n"


def _add_link(root: ET.Element, link: Link) -> None:
    element = ET.SubElement(root, "link", name=link.name)
    if link.contact:
        contact = ET.SubElement(element, "contact")
        for tag, value in link.contact.items():
            ET.SubElement(contact, tag, {} if value is None else {"value": _text(value)})
    inertial = ET.SubElement(element, "inertial")
    ET.SubElement(inertial, "origin", xyz=_text(*link.middle), rpy="0 0 0")
    ET.SubElement(inertial, "mass", value=_text(link.mass))
    moments = {"ixx": "0.1", "ixy": "0", "ixz": "0", "iyy": "0.1", "iyz": "0", "izz": "0.1"}
    ET.SubElement(inertial, "inertia", moments)  # pybullet takes it from what collides, where something does
    for shape in link.seen:
        _add_shape(ET.SubElement(element, "visual"), shape, coloured=True)
    for shape in link.solid:
        attributes = {"concave": "yes"} if shape.concave else {}
        _add_shape(ET.SubElement(element, "collision", attributes), shape, coloured=False)


def _add_shape(element: ET.Element, shape: Shape, coloured: bool) -> None:
    ET.SubElement(element, "origin", xyz=_text(*shape.place), rpy=_text(*shape.turn))
    geometry = ET.SubElement(element, "geometry")
    if shape.box:
        ET.SubElement(geometry, "box", size=_text(*shape.box))
    else:
        ET.SubElement(geometry, "mesh", filename=shape.file)
    if coloured:
        name = "rgb_" + "_".join(f"{round(255 * value)}" for value in shape.colour)
        ET.SubElement(ET.SubElement(element, "material", name=name), "color", rgba=_text(*shape.colour, 1.0))


def _add_joint(root: ET.Element, joint: Joint) -> None:
    element = ET.SubElement(root, "joint", name=joint.name, type=joint.kind)
    ET.SubElement(element, "parent", link=joint.parent)
    ET.SubElement(element, "child", link=joint.child)
    ET.SubElement(element, "origin", xyz=_text(*joint.place), rpy=_text(*joint.turn))
    if joint.kind != "fixed":
        ET.SubElement(element, "axis", xyz=_text(*joint.axis))
        keys = ("lower", "upper", "effort", "velocity")
        ET.SubElement(element, "limit", {key: _text(value) for key, value in zip(keys, joint.limit, strict=True)})


def _text(*values: float) -> str:
    return " ".join(f"{round(value, 12) + 0.0:.12g}" for value in values)
