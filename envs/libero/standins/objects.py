"""From pieces and numbers to the XML file of one object, in the form that LIBERO's code reads.

The outer body carries the three sites of the placement sampler; the inner one, named `object`, is what upstream renames
and hangs on a free joint. Every geom has a group: 0 collides and is hidden, 1 is seen and weightless.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from envs.libero.standins.appliances import APPLIANCES
from envs.libero.standins.containers import CONTAINERS
from envs.libero.standins.groceries import GROCERIES
from envs.libero.standins.shapes import Builder, Piece, numbers, volume
from envs.libero.standins.vessels import VESSELS

NUMBERS = Path(__file__).parent / "objects.json"
BUILDERS: dict[str, Builder] = {**GROCERIES, **VESSELS, **CONTAINERS, **APPLIANCES}
CONTACT = 'solimp="0.998 0.998 0.001" solref="0.001 1" friction="0.95 0.3 0.1"'
SOFT_CONTACT = 'solimp="0.8 0.9 0.01" solref="0.02 1" margin="0.001" contype="0" conaffinity="1"'  # of the microwave
SOFT = {"microwave"}
UNSEEN_BY_PHYSICS = 'group="1" contype="0" conaffinity="0" mass="0"'
SLUGGISH_KG = 3.0  # drawers and the knob have this mass and an inertia of 1 kg m2 on each axis, whatever their geoms
GLOWS = {"burner"}  # the one site that upstream shows and hides


class ObjectNumbers(NamedTuple):
    """What `objects.json` says of one category."""

    category: str
    folder: str
    row: dict[str, Any]

    @property
    def path(self) -> str:
        """Place of the XML file in the assets folder."""
        below = (
            f"{self.category}.xml" if self.folder == "articulated_objects" else f"{self.category}/{self.category}.xml"
        )
        return f"{self.folder}/{below}"


@functools.cache
def all_objects() -> dict[str, ObjectNumbers]:
    """The 33 categories that the 130 tasks use."""
    rows = json.loads(NUMBERS.read_text())["objects"]
    return {row["category"]: ObjectNumbers(row["category"], row["folder"], row) for row in rows}


@functools.cache
def pieces_of(category: str) -> dict[str, list[Piece]]:
    """The pieces of each body of an object, in the frame of that body."""
    return BUILDERS[category]()


def object_xml(category: str) -> str:
    """The file of one object."""
    row = all_objects()[category].row
    radius, tree = row["horizontal_radius_m"], _body("main", row, depth=2)
    return "\n".join(
        [
            f'<mujoco model="{category}">',
            '  <compiler angle="radian" inertiagrouprange="0 0"/>',
            "  <worldbody>",
            "    <body>",
            *tree,
            f'      <site name="bottom_site" rgba="0 0 0 0" size="0.005" pos="0 0 {row["bottom_site_z_m"]}"/>',
            f'      <site name="top_site" rgba="0 0 0 0" size="0.005" pos="0 0 {row["top_site_z_m"]}"/>',
            f'      <site name="horizontal_radius_site" rgba="0 0 0 0" size="0.005" pos="{radius} {radius} 0"/>',
            "    </body>",
            "  </worldbody>",
            "</mujoco>\n",
        ]
    )


def _body(name: str, row: dict[str, Any], depth: int) -> list[str]:
    """A body with what belongs to it, then its children."""
    indent = "  " * (depth + 1)
    (own,) = [body for body in row["bodies"] if body["name"] == name]
    shown_name = "object" if name == "main" else name
    turn = ' quat="0.7071068 0 0 0.7071068"' if name == "button" else ""
    lines = [f'{indent}<body name="{shown_name}" pos="{numbers(_local(own["pos_m"], own["parent"], row))}"{turn}>']
    jointed = [joint for joint in row["joints"] if joint["body"] == name]
    if jointed and own["mass_kg"] == SLUGGISH_KG:
        lines.append(f'{indent}  <inertial pos="0 0 0" mass="{SLUGGISH_KG:g}" diaginertia="1 1 1"/>')
    lines += [indent + "  " + _joint(joint) for joint in jointed]
    lines += [indent + "  " + _site(site, row) for site in row["sites"] if site["body"] == name]
    lines += [indent + "  " + line for line in _geoms(row["category"], name, own["mass_kg"])]
    for child in row["bodies"]:
        if child["parent"] == name:
            lines += _body(child["name"], row, depth + 1)
    return [*lines, f"{indent}</body>"]


def _local(pos_in_root: Sequence[float], parent: str, row: dict[str, Any]) -> list[float]:
    """A place given in the object's frame, in that of a body; no body with places in it is turned."""
    at = next((body["pos_m"] for body in row["bodies"] if body["name"] == parent), [0.0, 0.0, 0.0])
    return [value - origin for value, origin in zip(pos_in_root, at, strict=True)]


def _joint(joint: dict[str, Any]) -> str:
    low_high, axis = numbers(joint["range"]), numbers(joint["axis"])
    kind = f'type="{joint["type"]}" axis="{axis}" pos="0 0 0"'
    return f'<joint name="{joint["name"]}" {kind} limited="true" range="{low_high}" damping="{joint["damping"]:g}"/>'


def _site(site: dict[str, Any], row: dict[str, Any]) -> str:
    rgba = "0.9 0.05 0.05 1" if site["name"] in GLOWS else "0.8 0.8 0.8 0"
    place = f'pos="{numbers(_local(site["pos_in_root"], site["body"], row))}" quat="{numbers(site["quat_local"])}"'
    size = numbers(site["size"])
    return f'<site name="{site["name"]}" type="{site["type"]}" {place} size="{size}" rgba="{rgba}"/>'


def _geoms(category: str, body: str, mass_kg: float) -> list[str]:
    """What is seen, then what collides, which weighs as much as the official body in all."""
    pieces = pieces_of(category).get(body, [])
    solids = [piece for piece in pieces if piece.solid]
    density = mass_kg / sum(map(volume, solids)) if solids else 0.0
    contact = SOFT_CONTACT if category in SOFT else CONTACT
    shown = visuals(category, body)
    return shown + [f'<geom {_shape(piece)} group="0" density="{density:.6g}" {contact}/>' for piece in solids]


def visuals(category: str, body: str) -> list[str]:
    """The geoms of one body that are only seen, as XML."""
    return [visual(piece) for piece in pieces_of(category).get(body, []) if piece.look is not None]


def visual(piece: Piece) -> str:
    """A weightless geom of group 1."""
    look = str(piece.look)
    colour = f'material="{look[1:]}"' if look.startswith("@") else f'rgba="{_opaque(look)}"'
    return f"<geom {_shape(piece)} {UNSEEN_BY_PHYSICS} {colour}/>"


def _opaque(look: str) -> str:
    return look if len(look.split()) == 4 else f"{look} 1"


def _shape(piece: Piece) -> str:
    turn = f' quat="{numbers(piece.quat)}"' if piece.quat != (1.0, 0.0, 0.0, 0.0) else ""
    return f'type="{piece.kind}" size="{numbers(piece.size)}" pos="{numbers(piece.pos)}"{turn}'
