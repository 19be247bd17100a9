"""Furniture with joints: two cabinets with three drawers, the microwave and the stove."""

from __future__ import annotations

import functools
import math

from envs.libero.standins.shapes import Builder, Piece, Point, between, moved, prism, seen, solid, staves, turn

METAL, BLACK, GLASS = "0.72 0.73 0.75", "0.12 0.12 0.13", "0.10 0.12 0.14"
# heights of the middle of each front, metres; the drawers slide along y, out towards -y
DRAWERS = {"cabinet_top": 0.1831, "cabinet_middle": 0.1134, "cabinet_bottom": 0.0448}
HANDLES = {"cabinet_top": 0.1839, "cabinet_middle": 0.1104, "cabinet_bottom": 0.0411}
FLOORS = {"cabinet_top": 0.1551, "cabinet_middle": 0.0854, "cabinet_bottom": 0.0168}


def cabinet(frame: str, front: str, handle: str) -> dict[str, list[Piece]]:
    """A frame around three drawers, each an open box with a bar on two posts before its front."""
    base = [
        between((-0.1180, 0.1062, 0.0050), (0.1240, 0.1117, 0.2200), frame),
        between((-0.1180, -0.0730, 0.0046), (0.1260, 0.1060, 0.0090), frame),
        between((-0.1173, -0.0792, 0.0084), (-0.1070, 0.1117, 0.2201), frame),
        between((0.1138, -0.0792, 0.0084), (0.1242, 0.1117, 0.2201), frame),
        between((-0.1234, -0.0785, 0.2202), (0.1312, 0.1100, 0.2230), frame),
        between((-0.1080, -0.0700, 0.1485), (0.1150, 0.1080, 0.1500), frame),
        between((-0.1080, -0.0700, 0.0784), (0.1150, 0.1080, 0.0800), frame),
    ]
    return {"base": base, **{name: _drawer(name, front, handle) for name in DRAWERS}}


def _drawer(name: str, front: str, handle: str) -> list[Piece]:
    middle, bar, floor = DRAWERS[name], HANDLES[name], FLOORS[name]
    left, right, low, high = -0.1043, 0.1113, middle - 0.0315, middle + 0.0315
    return [
        between((-0.1060, -0.0780, middle - 0.0343), (0.1127, -0.0725, middle + 0.0343), front),
        between((-0.1034, -0.0730, low), (0.1101, -0.0650, high), front),
        between((-0.1034, 0.0873, low), (0.1101, 0.0943, high), front),
        between((left, -0.0700, low), (left + 0.0048, 0.0925, high), front),
        between((right - 0.0048, -0.0700, low), (right, 0.0925, high), front),
        between((-0.1034, -0.0705, floor - 0.0040), (0.1104, 0.0914, floor + 0.0040), front),
        between((-0.0472, -0.1093, bar - 0.0077), (0.0417, -0.0935, bar + 0.0077), handle),
        between((0.0240, -0.0940, bar - 0.0055), (0.0343, -0.0729, bar + 0.0055), handle),
        between((-0.0407, -0.0940, bar - 0.0055), (-0.0305, -0.0729, bar + 0.0055), handle),
    ]


def microwave() -> dict[str, list[Piece]]:
    """A hollow case with controls at the right and a door, its hinge at the left front edge, with a bar to pull."""
    main = [
        between((-0.1725, -0.0880, 0.0), (-0.1435, 0.1110, 0.1870), BLACK),
        between((0.0635, -0.0880, 0.0), (0.1725, 0.1110, 0.1870), BLACK),
        between((-0.1440, 0.0805, 0.0), (0.0630, 0.1105, 0.1870), BLACK),
        between((-0.1435, -0.0880, 0.1680), (0.0635, 0.0810, 0.1870), BLACK),
        between((-0.1435, -0.0880, 0.0), (0.0635, 0.0800, 0.0240), "0.35 0.36 0.38"),
        between((0.0875, -0.1105, 0.0), (0.1725, -0.0865, 0.1870), "0.22 0.22 0.24"),
        seen("box", (0.030, 0.0010, 0.0120), (0.1300, -0.1110, 0.1580), "0.20 0.75 0.45"),
    ]
    for row in range(4):
        for column in range(3):
            pos = (0.110 + 0.020 * column, -0.1110, 0.128 - 0.022 * row)
            main.append(seen("box", (0.0070, 0.0012, 0.0070), pos, METAL))
    door = [
        solid((0.1295, 0.0120, 0.0925), (0.1295, -0.0130, 0), "0.16 0.16 0.18"),
        seen("box", (0.0900, 0.0010, 0.0600), (0.1080, -0.0252, 0), "0.30 0.33 0.36"),
        Piece("capsule", (0.0100, 0.0650), (0.2375, -0.0540, 0), look=METAL, solid=True),
    ]
    for level in (-0.065, 0.065):
        post = Piece("capsule", (0.0100, 0.0150), (0.2375, -0.0375, level), turn("x", math.pi / 2), METAL, solid=True)
        door.append(post)
    return {"main": main, "microdoorroot": door}


def flat_stove() -> dict[str, list[Piece]]:
    """A steel base with one burner, and beside it a knob with a ridge to turn it by."""
    burner = [
        solid((0.0950, 0.0950, 0.0200), (0, 0, 0), METAL),
        solid((0.0950, 0.0950, 0.0005), (0, 0, 0.0250)),
        seen("cylinder", (0.0700, 0.0006), (0, 0, 0.0203), "0.16 0.16 0.17"),
    ]
    grate = [
        piece._replace(solid=False) for piece in staves(16, Point(0.0690, 0.0200), Point(0.0690, 0.0255), 0.0050, BLACK)
    ]
    for yaw in (math.pi / 4, -math.pi / 4):
        grate.append(seen("box", (0.0720, 0.0022, 0.0012), (0, 0, 0.0243), BLACK, turn("z", yaw)))
    knob = [
        *moved(prism(8, 0.0472, 0.0004, 0.0128, BLACK), (0.0013, 0.0044, 0)),
        solid((0.0121, 0.0345, 0.0243), (0.0010, 0.0174, 0.0257), "0.22 0.22 0.24"),
        solid((0.0121, 0.0130, 0.0170), (0.0010, -0.0276, 0.0184), "0.22 0.22 0.24"),
        seen("box", (0.0020, 0.0100, 0.0006), (0.0010, 0.0380, 0.0502), "0.95 0.95 0.95"),
    ]
    return {"burner": burner, "burner_plate": grate, "button": knob}


APPLIANCES: dict[str, Builder] = {
    "wooden_cabinet": functools.partial(cabinet, "0.26 0.17 0.11", "0.33 0.22 0.14", METAL),
    "white_cabinet": functools.partial(cabinet, "0.88 0.88 0.87", "0.95 0.95 0.94", "0.62 0.63 0.65"),
    "microwave": microwave,
    "flat_stove": flat_stove,
}
