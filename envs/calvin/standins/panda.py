"""The Panda of CALVIN: the arm's meshes are pybullet_data's, the longer fingers and their pads are ours.

Frames, masses and limits are calvin_env@797142c's; fingers and pads collide where the official ones do, within 2 mm.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from envs.calvin.standins.shapes import Solid, Triple, box, loft, obj, stl
from envs.calvin.standins.urdf import Contact, Joint, Link, Shape, urdf

FOLDER = "franka_panda"
QUARTER = math.pi / 2
FINGER = (  # half width, y from and to, height; pointed, with the pad at the low y
    (0.0104, 0.0062, 0.0270, 0.0003),
    (0.0105, 0.0050, 0.0216, 0.0342),
    (0.0087, 0.0039, 0.0142, 0.0647),
    (0.0087, 0.0039, 0.0067, 0.0912),
    (0.0055, 0.0039, 0.0068, 0.0963),
)
FINGER_SEEN = (  # a bracket and a thin tip
    ((0.0105, 0.0026, 0.0286, 0.0001), (0.0105, 0.0030, 0.0280, 0.0057)),
    ((0.0098, 0.0125, 0.0268, 0.0057), (0.0098, 0.0125, 0.0268, 0.0210), (0.0098, 0.0060, 0.0200, 0.0330)),
    (
        (0.0100, 0.0035, 0.0190, 0.0300),
        (0.0098, 0.0035, 0.0147, 0.0450),
        (0.0090, 0.0035, 0.0096, 0.0626),
        (0.0090, 0.0035, 0.0062, 0.0880),
        (0.0060, 0.0035, 0.0043, 0.0961),
    ),
)
PAD = box((0.0161, -0.0092, 0.0047), (0.0201, 0.0093, 0.0297), 0.001)
ARM_MESHES = tuple(f"link{number}.obj" for number in range(8))
PLAIN_MESHES = ("link0.obj", "link7.obj")  # seen as they collide, as in the official file


class Segment(NamedTuple):
    """A link of the arm and the joint before it: kg, middle of mass, place, roll, lower and upper limit, Nm, rad/s."""

    mass: float
    middle: Triple
    place: Triple
    roll: float
    lower: float
    upper: float
    effort: float
    speed: float


ARM = (
    Segment(2.7, (0, -0.04, -0.05), (0, 0, 0.333), 0, -2.9671, 2.9671, 87, 2.175),
    Segment(2.73, (0, -0.04, 0.06), (0, 0, 0), -QUARTER, -1.8326, 1.8326, 87, 2.175),
    Segment(2.04, (0.01, 0.01, -0.05), (0, -0.316, 0), QUARTER, -2.9671, 2.9671, 87, 2.175),
    Segment(2.08, (-0.03, 0.03, 0.02), (0.0825, 0, 0), QUARTER, -3.1416, 0, 87, 2.175),
    Segment(3.0, (0, 0.04, -0.12), (-0.0825, 0.384, 0), -QUARTER, -2.9671, 2.9671, 12, 2.61),
    Segment(1.3, (0.04, 0, 0), (0, 0, 0), QUARTER, -0.0873, 3.8223, 12, 2.61),
    Segment(0.2, (0, 0, 0.08), (0.088, 0, 0), QUARTER, -2.9671, 2.9671, 12, 2.61),
)
SIDES = {"left": 1.0, "right": -1.0}  # the fingers, and which way along y they open
STIFF: Contact = {"friction_anchor": None, "stiffness": 30000.0, "damping": 1000.0}
GRIP: Contact = {**STIFF, "spinning_friction": 0.1, "lateral_friction": 1.0}
TOUCH: Contact = {"lateral_friction": 1.0, "spinning_friction": 0.001}


def files(place: str) -> dict[str, bytes | Path]:
    """The robot's files by place in the data folder, the URDF's being given: made ones, and pybullet_data's."""
    import pybullet_data

    source = Path(pybullet_data.getDataPath()) / FOLDER / "meshes"
    visual = [mesh for mesh in (*ARM_MESHES, "hand.obj") if mesh not in PLAIN_MESHES]
    materials = [mesh.replace(".obj", ".mtl") for mesh in visual]
    borrowed = [f"collision/{mesh}" for mesh in (*ARM_MESHES, "hand.obj")]
    borrowed += [f"visual/{file}" for file in (*visual, *materials, "colors.png")]
    return {
        place: urdf("panda", _links(), _joints()),
        f"{FOLDER}/meshes/finger.obj": obj([_stack(FINGER)]),
        f"{FOLDER}/meshes/finger_seen.obj": obj([_stack(part) for part in FINGER_SEEN]),
        f"{FOLDER}/meshes/pad.stl": stl(PAD),
        **{f"{FOLDER}/meshes/{mesh}": source / mesh for mesh in borrowed},
    }


def _stack(rows: Iterable[tuple[float, float, float, float]]) -> Solid:
    """Rectangles one above the other: half width, y from and to, height."""
    return loft([(-x, a, z), (x, a, z), (x, b, z), (-x, b, z)] for x, a, b, z in rows)


def _links() -> list[Link]:
    arm = [(2.9, (0.0, 0.0, 0.05)), *(segment[:2] for segment in ARM)]
    found = [_arm_link(f"panda_link{number}", mesh, *arm[number]) for number, mesh in enumerate(ARM_MESHES)]
    found += [Link("panda_link8"), _arm_link("panda_hand", "hand.obj", 0.81, (0.0, 0.0, 0.04))]
    for side, sign in SIDES.items():
        turn = (0.0, 0.0, 0.0 if sign > 0 else math.pi)
        seen, solid = (Shape("meshes/finger_seen.obj", turn=turn),), (Shape("meshes/finger.obj", turn=turn),)
        pad = (Shape("meshes/pad.stl"),)
        found.append(Link(f"panda_{side}finger", 0.1, (0.0, 0.01 * sign, 0.02), seen, solid, GRIP))
        found.append(Link(f"finger_{side}_tip", 0.0001, seen=pad, solid=pad, contact=TOUCH))
    camera = Link("gripper_cam", 0.2, seen=(Shape(box=(0.08, 0.025, 0.01)),))
    return [*found, Link("panda_grasptarget"), camera, Link("tcp", 0.00001)]


def _arm_link(name: str, mesh: str, mass: float, middle: Triple) -> Link:
    seen = f"meshes/{'collision' if mesh in PLAIN_MESHES else 'visual'}/{mesh}"
    return Link(name, mass, middle, (Shape(seen),), (Shape(f"meshes/collision/{mesh}"),))


def _joints() -> Iterator[Joint]:
    for number, segment in enumerate(ARM, 1):
        links = f"panda_link{number - 1}", f"panda_link{number}"
        joint = Joint(f"panda_joint{number}", *links, segment.place, (segment.roll, 0.0, 0.0))
        yield joint._replace(kind="revolute", axis=(0.0, 0.0, 1.0), limit=segment[4:])
    yield Joint("panda_joint8", "panda_link7", "panda_link8", (0.0, 0.0, 0.107))
    yield Joint("panda_hand_joint", "panda_link8", "panda_hand", turn=(0.0, 0.0, -math.pi / 4))
    for number, (side, sign) in enumerate(SIDES.items(), 1):
        joint = Joint(f"panda_finger_joint{number}", "panda_hand", f"panda_{side}finger", (0.0, 0.0, 0.0584))
        yield joint._replace(kind="prismatic", axis=(0.0, sign, 0.0), limit=(0.0, 0.04, 20.0, 0.2))
        place, turn = (0.0009 * sign, 0.021 * sign, 0.066), (0.0, 0.0, -1.57 * sign)
        yield Joint(f"joint_finger_tip_{side}", f"panda_{side}finger", f"finger_{side}_tip", place, turn)
    yield Joint("panda_grasptarget_hand", "panda_hand", "panda_grasptarget", (0.0, 0.0, 0.105))
    yield Joint("camera_joint", "panda_hand", "gripper_cam", (-0.1, 0.0, 0.0), (1.3, 0.0, -1.57))
    yield Joint("tcp_joint", "panda_hand", "tcp", (0.0, 0.0, 0.14))
