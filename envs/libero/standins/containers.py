"""What other things are put into or onto: basket, tray, desk caddy, shelf and wine rack."""

from __future__ import annotations

from envs.libero.standins.shapes import Builder, Piece, between, seen, solid, turn

WICKER, WEAVE, RIM = "0.80 0.66 0.44", "0.66 0.50 0.30", "0.50 0.35 0.19"
DARK, DARKER = "0.34 0.23 0.15", "0.24 0.16 0.11"
OAK, WALNUT, MAHOGANY = "0.74 0.56 0.36", "0.47 0.30 0.18", "0.40 0.18 0.11"


def basket() -> dict[str, list[Piece]]:
    """Four walls that lean out a little around a floor, woven."""
    look = WICKER
    pieces = [
        between((-0.0741, -0.0724, 0.0042), (0.0791, 0.0724, 0.0219), look),
        solid((0.0067, 0.0724, 0.0637), (-0.0727, 0, 0.0770), look, turn("y", -0.08)),
        solid((0.0067, 0.0724, 0.0637), (0.0751, 0, 0.0770), look, turn("y", 0.06)),
        solid((0.0724, 0.0067, 0.0637), (0.0004, -0.0686, 0.0818), look, turn("x", 0.04)),
        solid((0.0724, 0.0067, 0.0637), (0.0004, 0.0688, 0.0818), look, turn("x", -0.04)),
    ]
    for row in range(5):
        level = 0.030 + 0.024 * row
        for side, lean in ((-1, 0.08), (1, 0.06)):
            x = (-0.0727 if side < 0 else 0.0751) + side * lean * (level - 0.077)
            pieces.append(seen("box", (0.0076, 0.0735, 0.0050), (x, 0, level), WEAVE))
            y = side * (0.0687 + 0.04 * (level - 0.0818))
            pieces.append(seen("box", (0.0735, 0.0076, 0.0050), (0.0004, y, level), WEAVE))
    for side in (-1, 1):
        pieces.append(seen("box", (0.0082, 0.0780, 0.0040), (0.0012 + side * 0.0780, 0, 0.1400), RIM))
        pieces.append(seen("box", (0.0800, 0.0082, 0.0040), (0.0012, side * 0.0708, 0.1420), RIM))
    return {"main": pieces}


def wooden_tray() -> dict[str, list[Piece]]:
    """A floor with four walls; the ends are higher and have a slot to hold by."""
    x0, x1, y0, y1 = -0.1416, 0.1556, -0.0876, 0.0789
    pieces = [
        between((x0 + 0.003, y0 + 0.002, -0.0010), (x1 - 0.003, y1 - 0.002, 0.0080), OAK),
        between((x0 + 0.003, y0, 0.0030), (x1 - 0.003, y0 + 0.0055, 0.0620), WALNUT),
        between((x0 + 0.003, y1 - 0.0055, 0.0030), (x1 - 0.003, y1, 0.0620), WALNUT),
    ]
    for low, high in ((x0, x0 + 0.0050), (x1 - 0.0050, x1)):
        pieces.append(between((low, y0 + 0.004, 0.0050), (high, y1 - 0.004, 0.0545), WALNUT))
        pieces.append(between((low - 0.0, y0 + 0.004, 0.0760), (high, y1 - 0.004, 0.0809), WALNUT))
        for y in (y0 + 0.004, y1 - 0.0164):
            pieces.append(between((low, y, 0.0020), (high, y + 0.0124, 0.0800), WALNUT))
    return {"main": pieces}


def desk_caddy() -> dict[str, list[Piece]]:
    """Compartments in a row along y: right, middle (front and back), left; lower in front than behind."""
    back, front, side = 0.0708, -0.0708, 0.2122
    pieces = [
        between((-0.0755, -0.2169, 0.0014), (0.0755, 0.2169, 0.0138), OAK),
        between((0.0628, -0.2098, 0.0052), (back, 0.2098, 0.1683), WALNUT),
        between((front, -0.2098, 0.0052), (-0.0628, 0.2098, 0.0741), WALNUT),
        between((-0.0056, -0.0640, 0.0120), (0.0025, 0.0690, 0.0985), OAK),
        between((front, -0.0742, 0.0030), (back, -0.0620, 0.1670), WALNUT),
        between((front, -0.2156, 0.0030), (back, -0.2032, 0.1670), WALNUT),
        between((front, -0.2100, 0.0700), (-0.0628, -0.0640, 0.1670), WALNUT),
    ]
    for low, high in ((0.0670, 0.0742), (0.2050, side)):
        for reach, top in ((front, 0.0780), (-0.0180, 0.1060), (0.0250, 0.1380), (0.0430, 0.1640)):
            pieces.append(between((reach, low, 0.0120), (back, high, top), WALNUT))
    return {"main": pieces}


def wooden_two_layer_shelf() -> dict[str, list[Piece]]:
    """Two sides, a back, a shelf half way and a top."""
    pieces = [
        between((-0.1609, -0.0790, 0.0002), (-0.1467, 0.1115, 0.2080), DARK),
        between((0.1560, -0.0790, 0.0002), (0.1702, 0.1115, 0.2080), DARK),
        between((-0.1604, 0.1071, 0.0002), (0.1662, 0.1117, 0.2080), DARKER),
        between((-0.1481, -0.0709, 0.0689), (0.1586, 0.1082, 0.0712), DARK),
        between((-0.1708, -0.0792, 0.2060), (0.1807, 0.1117, 0.2106), DARK),
    ]
    return {"main": pieces}


def wine_rack() -> dict[str, list[Piece]]:
    """A leaning post with two slanted planes, each with a lip at its low end on which a bottle lies."""
    slope = turn("x", 0.546)
    pieces = []
    for y, z in ((-0.0061, 0.2512), (-0.0427, 0.1273)):
        pieces.append(solid((0.1344, 0.0789, 0.0045), (0, y, z), OAK, slope))
    for y, z in ((-0.0748, 0.2207), (-0.1091, 0.0974)):
        pieces.append(solid((0.1322, 0.0011, 0.0087), (0, y, z), "0.55 0.70 0.78", turn("x", 0.513)))
    pieces += [
        between((-0.0899, -0.1240, -0.0020), (0.0899, 0.1290, 0.0110), MAHOGANY),
        between((-0.0905, -0.0150, 0.0110), (0.0905, 0.0150, 0.0250), MAHOGANY),
        solid((0.0076, 0.0090, 0.1610), (0, 0.0089, 0.1703), MAHOGANY, turn("x", -0.2765)),
    ]
    return {"main": pieces}


CONTAINERS: dict[str, Builder] = {
    builder.__name__: builder for builder in (basket, wooden_tray, desk_caddy, wooden_two_layer_shelf, wine_rack)
}
