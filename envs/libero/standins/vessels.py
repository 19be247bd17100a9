"""Hollow things with rims that a gripper can pinch: bowls, plate, mugs, pan, pot; and the wine bottle."""

from __future__ import annotations

import math

from envs.libero.standins.shapes import Builder, Piece, Point, between, moved, prism, seen, solid, staves, turn

BLACK, CHARCOAL, STEEL = "0.09 0.09 0.10", "0.20 0.20 0.22", "0.70 0.71 0.74"
WHITE, PORCELAIN, GLAZE = "0.94 0.94 0.93", "0.90 0.91 0.92", "0.72 0.42 0.26"
RED, YELLOW, BOTTLE, WOOD = "0.72 0.07 0.07", "0.93 0.76 0.16", "0.06 0.17 0.09", "0.45 0.27 0.13"
SKIN = 0.0007


def akita_black_bowl() -> dict[str, list[Piece]]:
    """A black bowl with a grey rim outside."""
    pieces = [
        *prism(8, 0.0240, 0.0016, 0.0068),
        *staves(16, Point(0.0226, 0.0053), Point(0.0432, 0.0164), 0.0040, BLACK),
        *staves(16, Point(0.0426, 0.0155), Point(0.0521, 0.0518), 0.0026, BLACK),
        *_seen_only(staves(16, Point(0.0518, 0.0455), Point(0.0527, 0.0515), 0.0029, "0.33 0.33 0.35")),
        seen("cylinder", (0.0245, 0.0026), (0, 0, 0.0042), BLACK),
    ]
    return {"main": moved(pieces, (-0.0002, -0.0004, 0))}


def white_bowl() -> dict[str, list[Piece]]:
    """A small white bowl."""
    pieces = [
        *prism(8, 0.0180, 0.0006, 0.0042),
        *staves(16, Point(0.0165, 0.0026), Point(0.0314, 0.0110), 0.0014, WHITE),
        *staves(16, Point(0.0320, 0.0105), Point(0.0394, 0.0349), 0.0020, WHITE),
        seen("cylinder", (0.0185, 0.0018), (0, 0, 0.0024), WHITE),
    ]
    return {"main": moved(pieces, (-0.0001, -0.0003, 0))}


def glazed_rim_porcelain_ramekin() -> dict[str, list[Piece]]:
    """A steep white dish with a brown rim.

    Its twelve thick walls hold the bowl that libero_spatial drops on it from 8 cm; sixteen thin ones fling it away.
    """
    rim = Point(0.0408, 0.0422)
    pieces = [
        *prism(8, 0.0345, 0.0009, 0.0073),
        *staves(12, Point(0.0348, 0.0012), rim, 0.0080, PORCELAIN),
        *_seen_only(staves(12, Point(0.0402, 0.0380), rim, 0.0085, GLAZE)),
        seen("cylinder", (0.0350, 0.0032), (0, 0, 0.0041), PORCELAIN),
    ]
    return {"main": pieces}


def plate() -> dict[str, list[Piece]]:
    """A white plate with a raised rim and a red line on it."""
    pieces = [
        *prism(8, 0.0310, 0.0002, 0.0061),
        *staves(12, Point(0.0295, 0.0006), Point(0.0672, 0.0138), 0.0048, WHITE),
        *_seen_only(staves(12, Point(0.0628, 0.0126), Point(0.0660, 0.0137), 0.0052, "0.78 0.16 0.14")),
        seen("cylinder", (0.0330, 0.0030), (0, 0, 0.0032), WHITE),
    ]
    return {"main": moved(pieces, (0.0008, 0.0003, 0))}


def chefmate_8_frypan() -> dict[str, list[Piece]]:
    """A dark pan with a straight handle towards +x."""
    pan = [
        *prism(8, 0.0700, 0.0008, 0.0127),
        *staves(16, Point(0.0780, 0.0042), Point(0.0993, 0.0405), 0.0072, CHARCOAL),
        seen("cylinder", (0.0790, 0.0059), (0, 0, 0.0068), CHARCOAL),
        seen("cylinder", (0.0740, 0.0005), (0, 0, 0.0129), BLACK),
    ]
    lean = turn("y", -0.13)
    handle = [
        solid((0.0160, 0.0105, 0.0070), (0.1120, 0, 0.0240), STEEL, turn("y", -0.55)),
        solid((0.0665, 0.0127, 0.0062), (0.1926, 0, 0.0441), BLACK, lean),
        seen("box", (0.0100, 0.0060, 0.0066), (0.2450, 0, 0.0510), STEEL, lean),
    ]
    return {"main": [*moved(pan, (0.0060, -0.0010, 0)), *handle]}


def cup(wall: list[Piece], floor: list[Piece], handle: list[tuple[Point, Point]], side: int, look: str) -> list[Piece]:
    """Walls, a bottom and a handle of boxes from point to point, towards +x or -x."""
    pieces = [*wall, *floor]
    for start, end in handle:
        out, up = end.radius - start.radius, end.height - start.height
        length, pos = (
            math.hypot(out, up),
            (side * (start.radius + end.radius) / 2, 0.0, (start.height + end.height) / 2),
        )
        pieces.append(solid((0.0038, 0.0080, length / 2), pos, look, turn("y", side * math.atan2(out, up))))
    return pieces


def porcelain_mug() -> dict[str, list[Piece]]:
    """A white mug with a narrow foot, its handle towards -x."""
    wall = [
        *staves(12, Point(0.0225, 0.0065), Point(0.0425, 0.0418), 0.0030, PORCELAIN),
        *staves(12, Point(0.0430, 0.0425), Point(0.0430, 0.1085), 0.0046, PORCELAIN),
    ]
    floor = [*prism(8, 0.0240, 0.0024, 0.0110, PORCELAIN)]
    handle = [
        (Point(0.0370, 0.0285), Point(0.0730, 0.0400)),
        (Point(0.0745, 0.0380), Point(0.0745, 0.0770)),
        (Point(0.0740, 0.0755), Point(0.0430, 0.0930)),
    ]
    return {"main": moved(cup(wall, floor, handle, -1, PORCELAIN), (0.0142, -0.0012, 0))}


def red_coffee_mug() -> dict[str, list[Piece]]:
    """A tall red mug that widens upwards, its handle towards +x."""
    wall = staves(12, Point(0.0305, -0.0012), Point(0.0428, 0.1300), 0.0066, RED)
    band = _seen_only(staves(12, Point(0.0315, 0.0100), Point(0.0322, 0.0160), 0.0072, WHITE))
    floor = prism(8, 0.0290, 0.0027, 0.0080, RED)
    handle = [
        (Point(0.0340, 0.0300), Point(0.0735, 0.0715)),
        (Point(0.0735, 0.0700), Point(0.0735, 0.1115)),
        (Point(0.0740, 0.1100), Point(0.0400, 0.1125)),
    ]
    return {"main": moved(cup([*wall, *band], floor, handle, 1, RED), (-0.0149, -0.0006, 0))}


def white_yellow_mug() -> dict[str, list[Piece]]:
    """A white mug, yellow inside and below, its handle towards +x."""
    wall = [
        *staves(16, Point(0.0250, 0.0025), Point(0.0370, 0.0190), 0.0070, YELLOW),
        *staves(16, Point(0.0374, 0.0160), Point(0.0490, 0.1026), 0.0076, WHITE),
        *_seen_only(staves(16, Point(0.0380, 0.0165), Point(0.0416, 0.0440), 0.0082, YELLOW)),
    ]
    floor = prism(8, 0.0250, 0.0002, 0.0052, YELLOW)
    handle = [
        (Point(0.0420, 0.0240), Point(0.0835, 0.0290)),
        (Point(0.0830, 0.0265), Point(0.0830, 0.0855)),
        (Point(0.0835, 0.0815), Point(0.0440, 0.0785)),
    ]
    return {"main": moved(cup(wall, floor, handle, 1, WHITE), (-0.0185, 0, 0))}


def moka_pot() -> dict[str, list[Piece]]:
    """An eight-sided coffee pot: black handle towards +y, spout towards -y, a knob on the lid."""
    pieces = [
        *prism(8, 0.0330, -0.0661, 0.0671),
        solid((0.0406, 0.0170, 0.0666), (0, 0.0015, 0.0005)),
        between((-0.0170, -0.0417, 0.0181), (0.0170, -0.0300, 0.0671), STEEL),
        between((-0.0080, -0.0563, 0.0324), (0.0080, -0.0419, 0.0599), STEEL),
        between((-0.0075, 0.0330, 0.0500), (0.0075, 0.0800, 0.0672), BLACK),
        solid((0.0066, 0.0072, 0.0330), (0, 0.0780, 0.0310), BLACK, turn("x", 0.18)),
        between((-0.0052, -0.0073, 0.0629), (0.0052, 0.0046, 0.0857), BLACK),
    ]
    for index in range(4):
        skirt = turn("z", math.pi / 8 + index * math.pi / 4)
        pieces.append(seen("box", (0.0385, 0.0160, 0.0330), (0, 0.0015, -0.0330), STEEL, skirt))
        pieces.append(seen("box", (0.0360, 0.0150, 0.0285), (0, 0.0015, 0.0385), STEEL, skirt))
    pieces += [
        seen("cylinder", (0.0330, 0.0040), (0, 0.0015, 0.0040), "0.50 0.51 0.54"),
        seen("cylinder", (0.0340, 0.0012), (0, 0.0015, 0.0671), "0.50 0.51 0.54"),
    ]
    return {"main": pieces}


def wine_bottle() -> dict[str, list[Piece]]:
    """A dark green bottle with a long neck, a pale label and a red top."""
    pieces = [
        between((-0.0150, -0.0150, 0.0011), (0.0150, 0.0150, 0.0734)),
        *staves(8, Point(0.0196, 0.0035), Point(0.0196, 0.0631), 0.0038),
        between((-0.0112, -0.0112, 0.0700), (0.0112, 0.0112, 0.0881)),
        between((-0.0066, -0.0066, 0.0880), (0.0066, 0.0066, 0.1580)),
        seen("cylinder", (0.0212, 0.0335), (0, 0, 0.0347), BOTTLE),
        seen("ellipsoid", (0.0212, 0.0212, 0.0260), (0, 0, 0.0680), BOTTLE),
        seen("cylinder", (0.0072, 0.0350), (0, 0, 0.1150), BOTTLE),
        seen("cylinder", (0.0076, 0.0130), (0, 0, 0.1445), RED),
        seen("cylinder", (0.0216, 0.0150), (0, 0, 0.0370), "0.92 0.88 0.76"),
        seen("cylinder", (0.0218, 0.0030), (0, 0, 0.0370), RED),
    ]
    return {"main": moved(pieces, (0.0006, 0.0001, 0))}


def _seen_only(pieces: list[Piece]) -> list[Piece]:
    return [piece._replace(solid=False) for piece in pieces]


VESSELS: dict[str, Builder] = {
    builder.__name__: builder
    for builder in (
        akita_black_bowl,
        white_bowl,
        glazed_rim_porcelain_ramekin,
        plate,
        chefmate_8_frypan,
        porcelain_mug,
        red_coffee_mug,
        white_yellow_mug,
        moka_pot,
        wine_bottle,
    )
}
