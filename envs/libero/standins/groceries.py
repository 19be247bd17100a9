"""What stands in a larder: cans, bottles, cartons, flat boxes, and two books."""

from __future__ import annotations

import math

from envs.libero.standins.shapes import Y_UP, Builder, Piece, between, moved, prism, seen, solid, turn

WHITE, CREAM, STEEL = "0.95 0.95 0.93", "0.96 0.92 0.80", "0.74 0.75 0.77"
RED, DARK_RED, GREEN, BLUE = "0.80 0.08 0.07", "0.55 0.05 0.04", "0.16 0.48 0.18", "0.12 0.30 0.72"
DRESSING = "0.90 0.88 0.64"
YELLOW, ORANGE, BROWN, BLACK = "0.97 0.80 0.16", "0.95 0.50 0.08", "0.32 0.17 0.08", "0.07 0.07 0.08"
SKIN = 0.0006  # metres that a label stands out
CAN_HALF_M = 0.0379


def can(band: str, top_band: str, spot: str) -> list[Piece]:
    """A tin with a label of two colours and a spot on it, upright."""
    pieces = prism(12, 0.0311, -CAN_HALF_M, CAN_HALF_M)
    pieces += [
        seen("cylinder", (0.0309, CAN_HALF_M), (0, 0, 0), STEEL),
        seen("cylinder", (0.0309 + SKIN, 0.0165), (0, 0, -0.0170), band),
        seen("cylinder", (0.0309 + SKIN, 0.0165), (0, 0, 0.0165), top_band),
        seen("cylinder", (0.0313 + SKIN, 0.0015), (0, 0, 0.0), YELLOW),
    ]
    for yaw in (0.0, math.pi / 2, math.pi, -math.pi / 2):
        pos = (0.0310 * math.cos(yaw), 0.0310 * math.sin(yaw), 0.001)
        pieces.append(seen("ellipsoid", (0.0020, 0.0105, 0.0105), pos, spot, turn("z", yaw)))
    pieces += [seen("cylinder", (0.0260, 0.0008), (0, 0, CAN_HALF_M), "0.62 0.63 0.65")]
    return pieces


def alphabet_soup() -> dict[str, list[Piece]]:
    """A red and white soup can."""
    return {"main": moved(can(WHITE, RED, YELLOW), (-0.0001, -0.0005, -0.0037), Y_UP)}


def tomato_sauce() -> dict[str, list[Piece]]:
    """A can with a dark green and red label and tomatoes on it."""
    return {"main": moved(can(DARK_RED, GREEN, RED), (-0.0001, -0.0005, -0.0033), Y_UP)}


def squeeze_bottle(body: str, cap: str, label: str, sign: str) -> list[Piece]:
    """A flat bottle with sloping shoulders and a round cap, upright, its front along y; ends at +-0.0728."""
    pieces = [
        between((-0.0277, -0.0172, -0.0728), (0.0277, 0.0172, -0.0065)),
        between((-0.0238, -0.0181, -0.0080), (0.0238, 0.0181, 0.0150)),
        between((-0.0187, -0.0178, 0.0139), (0.0187, 0.0178, 0.0364)),
        *prism(8, 0.0168, 0.0362, 0.0728),
        seen("ellipsoid", (0.0285, 0.0182, 0.052), (0, 0, -0.0260), body),
        seen("ellipsoid", (0.0270, 0.0176, 0.030), (0, 0, -0.0470), body),
        seen("ellipsoid", (0.0205, 0.0178, 0.030), (0, 0, 0.0170), body),
        seen("cylinder", (0.0165, 0.0150), (0, 0, 0.0420), cap),
        seen("cylinder", (0.0095, 0.0075), (0, 0, 0.0650), cap),
    ]
    for side in (-1, 1):
        pieces.append(seen("ellipsoid", (0.0210, 0.0035, 0.0260), (0, side * 0.0160, -0.0330), label))
        pieces.append(seen("ellipsoid", (0.0110, 0.0020, 0.0110), (0, side * 0.0190, -0.0330), sign))
    return pieces


def ketchup() -> dict[str, list[Piece]]:
    """A red bottle with a white cap and label."""
    return {"main": moved(squeeze_bottle(RED, WHITE, WHITE, "0.10 0.45 0.12"), (0.0004, 0.0004, 0.0008), Y_UP)}


def _dressing_bottle() -> list[Piece]:
    pieces = [
        between((-0.0273, -0.0173, -0.0727), (0.0254, 0.0173, -0.0100)),
        between((-0.0223, -0.0173, -0.0110), (0.0209, 0.0173, 0.0130)),
        between((-0.0147, -0.0148, 0.0120), (0.0149, 0.0148, 0.0365)),
        *prism(8, 0.0165, 0.0355, 0.0728),
        seen("ellipsoid", (0.0264, 0.0172, 0.0480), (-0.0010, 0, -0.0280), DRESSING),
        seen("ellipsoid", (0.0250, 0.0168, 0.0290), (-0.0010, 0, -0.0470), DRESSING),
        seen("ellipsoid", (0.0160, 0.0150, 0.0420), (0, 0, 0.0080), DRESSING),
        seen("cylinder", (0.0160, 0.0170), (0, 0, 0.0550), GREEN),
        seen("cylinder", (0.0120, 0.0020), (0, 0, 0.0708), "0.10 0.36 0.13"),
    ]
    for side in (-1, 1):
        pieces.append(seen("ellipsoid", (0.0205, 0.0035, 0.0260), (-0.0010, side * 0.0150, -0.0330), WHITE))
        pieces.append(seen("ellipsoid", (0.0130, 0.0020, 0.0120), (-0.0010, side * 0.0178, -0.0330), GREEN))
    return pieces


def salad_dressing() -> dict[str, list[Piece]]:
    """A pale bottle with a green cap and a green label."""
    return {"main": moved(_dressing_bottle(), (0, 0, -0.0002), Y_UP)}


def new_salad_dressing() -> dict[str, list[Piece]]:
    """The same bottle, as a body of its own above the object's origin."""
    return {"sald_dressing_body": moved(_dressing_bottle(), (0, 0, -0.0002), Y_UP)}


def bbq_sauce() -> dict[str, list[Piece]]:
    """A brown bottle with a dark cap and a red and yellow label."""
    pieces = [
        between((-0.0235, -0.0145, -0.0546), (0.0235, 0.0145, -0.0010)),
        between((-0.0181, -0.0143, -0.0023), (0.0181, 0.0143, 0.0269)),
        *prism(8, 0.0143, 0.0257, 0.0525),
        seen("box", (0.0228, 0.0139, 0.0262), (0, 0, -0.0280), BROWN),
        seen("ellipsoid", (0.0230, 0.0141, 0.0330), (0, 0, -0.0020), BROWN),
        seen("cylinder", (0.0118, 0.0080), (0, 0, 0.0270), BROWN),
        seen("cylinder", (0.0138, 0.0095), (0, 0, 0.0428), BLACK),
        seen("box", (0.0237, 0.0147, 0.0150), (0, 0, -0.0300), DARK_RED),
        seen("box", (0.0239, 0.0149, 0.0040), (0, 0, -0.0300), YELLOW),
    ]
    return {"main": pieces}


def carton(body: str, band: str, sign: str) -> list[Piece]:
    """A gable-topped carton, upright: base at -0.0698, eaves at 0.0398, ridge at 0.0614."""
    half, slope = 0.0262, math.atan2(0.0160, 0.0262)
    length = math.hypot(0.0160, 0.0262) / 2
    pieces = [between((-half, -half, -0.0698), (half, half, 0.0398))]
    for side in (-1, 1):
        pos = (0, side * 0.0131, 0.0470)
        pieces.append(solid((half, length, 0.0020), pos, body, turn("x", -side * slope)))
        pieces.append(seen("box", (0.0150, 0.0006, 0.0180), (0, side * (half + SKIN), -0.0120), sign))
        pieces.append(seen("box", (0.0006, 0.0150, 0.0180), (side * (half + SKIN), 0, -0.0120), sign))
        pieces.append(seen("box", (0.0012, 0.0118, 0.0075), (side * 0.0240, 0, 0.0460), body))
    pieces += [
        between((-half, -0.0028, 0.0545), (half, 0.0028, 0.0614), body),
        between((-half, -half, -0.0698), (half, half, 0.0398), body, collides=False),
        between((-half - SKIN, -half - SKIN, 0.0150), (half + SKIN, half + SKIN, 0.0340), band, collides=False),
        between((-half - SKIN, -half - SKIN, -0.0660), (half + SKIN, half + SKIN, -0.0520), band, collides=False),
        seen("cylinder", (0.0085, 0.0050), (0, 0.0145, 0.0500), band, turn("x", -slope)),
    ]
    return pieces


def milk() -> dict[str, list[Piece]]:
    """A white carton with blue bands."""
    return {"main": moved(carton(WHITE, BLUE, "0.45 0.65 0.90"), (0.0001, 0, 0), Y_UP)}


def orange_juice() -> dict[str, list[Piece]]:
    """A carton in orange with a white field and green bands."""
    return {"main": moved(carton(ORANGE, "0.20 0.50 0.16", CREAM), (-0.0001, 0, 0), Y_UP)}


def packet(
    low: tuple[float, float, float], high: tuple[float, float, float], colours: tuple[str, str, str]
) -> list[Piece]:
    """A flat box with a broad stripe and an oval sign on top and below."""
    body, stripe, sign = colours
    (x0, y0, z0), (x1, y1, z1) = low, high
    x, y, long, wide = (x0 + x1) / 2, (y0 + y1) / 2, (x1 - x0) / 2, (y1 - y0) / 2
    across = (long * 0.55, wide + SKIN) if long > wide else (long + SKIN, wide * 0.55)
    oval = (long * 0.42, wide * 0.62) if long > wide else (long * 0.62, wide * 0.42)
    return [
        between(low, high, body),
        seen("box", (*across, (z1 - z0) / 2 + SKIN), (x, y, (z0 + z1) / 2), stripe),
        seen("ellipsoid", (*oval, (z1 - z0) / 2 + 0.0016), (x, y, (z0 + z1) / 2), sign),
    ]


def butter() -> dict[str, list[Piece]]:
    """A yellow packet with a blue stripe."""
    return {"main": packet((-0.0381, -0.0198, -0.0087), (0.0381, 0.0198, 0.0087), (YELLOW, "0.93 0.90 0.78", BLUE))}


def cream_cheese() -> dict[str, list[Piece]]:
    """A silver packet with a blue sign."""
    return {"main": packet((-0.0406, -0.0213, -0.0089), (0.0406, 0.0213, 0.0089), ("0.85 0.87 0.90", BLUE, WHITE))}


def chocolate_pudding() -> dict[str, list[Piece]]:
    """A brown packet with a cream stripe."""
    return {"main": packet((-0.0406, -0.0232, -0.0131), (0.0396, 0.0232, 0.0143), (BROWN, CREAM, "0.45 0.22 0.10"))}


def cookies() -> dict[str, list[Piece]]:
    """A red packet with a golden cookie on it."""
    return {"main": packet((-0.0310, -0.0413, -0.0094), (0.0310, 0.0413, 0.0094), (RED, CREAM, "0.76 0.52 0.24"))}


def book(low: tuple[float, float, float], high: tuple[float, float, float], cover: str, sign: str) -> list[Piece]:
    """A closed book that stands, its back towards -y: two covers, pages between them, a band on the back."""
    (x0, y0, z0), (x1, y1, z1) = low, high
    board = 0.0025
    return [
        between(low, high),
        between(low, (x0 + board, y1, z1), cover, collides=False),
        between((x1 - board, y0, z0), high, cover, collides=False),
        between((x0, y0, z0), (x1, y0 + board, z1), cover, collides=False),
        between((x0 + board, y0 + board, z0 + board), (x1 - board, y1 - board, z1 - board), CREAM, collides=False),
        between((x0 - SKIN, y0 - SKIN, z1 - 0.035), (x1 + SKIN, y0 + 0.004, z1 - 0.020), sign, collides=False),
        between((x0 - SKIN, y0 + 0.03, z1 - 0.055), (x0, y1 - 0.025, z1 - 0.030), sign, collides=False),
        between((x1, y0 + 0.03, z1 - 0.055), (x1 + SKIN, y1 - 0.025, z1 - 0.030), sign, collides=False),
    ]


def black_book() -> dict[str, list[Piece]]:
    """A black book with golden fields."""
    return {"main": book((-0.0148, -0.0673, 0.0022), (0.0139, 0.0430, 0.1366), BLACK, "0.75 0.60 0.25")}


def yellow_book() -> dict[str, list[Piece]]:
    """A yellow book with dark fields."""
    return {"main": book((-0.0101, -0.0488, 0.0020), (0.0134, 0.0489, 0.1242), YELLOW, "0.25 0.20 0.10")}


GROCERIES: dict[str, Builder] = {
    builder.__name__: builder
    for builder in (
        alphabet_soup,
        tomato_sauce,
        ketchup,
        salad_dressing,
        new_salad_dressing,
        bbq_sauce,
        milk,
        orange_juice,
        butter,
        cream_cheese,
        chocolate_pudding,
        cookies,
        black_book,
        yellow_book,
    )
}
