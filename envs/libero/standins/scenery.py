"""What stands in the rooms for the cameras only: kitchen units, a sofa, shelves, plants. World frame, metres."""

from __future__ import annotations

import math

from envs.libero.standins.shapes import Piece, Triple, between, seen, turn

STEEL, DARK, BLACK = "0.66 0.67 0.69", "0.22 0.22 0.24", "0.08 0.08 0.09"
OAK, WALNUT, CREAM, WHITE = "0.70 0.52 0.34", "0.42 0.27 0.17", "0.90 0.87 0.80", "0.93 0.93 0.92"
LEAF, CLAY, CLOTH, BRASS = "0.20 0.42 0.20", "0.62 0.34 0.22", "0.36 0.42 0.50", "0.70 0.58 0.32"
SPINES = ("0.55 0.15 0.13", "0.15 0.25 0.45", "0.80 0.70 0.45", "0.20 0.38 0.26", "0.30 0.20 0.35", "0.75 0.45 0.20")


def _block(low: Triple, high: Triple, look: str) -> Piece:
    return between(low, high, look, collides=False)


def kitchen_units() -> list[Piece]:
    """A row of cupboards with a worktop along the rear wall."""
    pieces = [
        _block((-1.98, -1.90, 0.0), (-1.40, 2.60, 0.86), CREAM),
        _block((-1.98, -1.90, 0.86), (-1.36, 2.60, 0.90), DARK),
        _block((-1.98, -1.90, 1.75), (-1.66, 2.60, 2.50), CREAM),
    ]
    for index in range(9):
        y = -1.88 + 0.5 * index
        pieces.append(_block((-1.40, y + 0.01, 0.08), (-1.385, y + 0.48, 0.84), WHITE))
        pieces.append(_block((-1.385, y + 0.40, 0.55), (-1.365, y + 0.42, 0.72), STEEL))
        pieces.append(_block((-1.66, y + 0.01, 1.78), (-1.645, y + 0.48, 2.47), WHITE))
    return pieces


def kitchen_stove() -> list[Piece]:
    """A hob on the worktop and an oven below it."""
    pieces = [
        _block((-1.92, -0.30, 0.90), (-1.42, 0.30, 0.915), BLACK),
        _block((-1.384, -0.28, 0.12), (-1.37, 0.28, 0.74), DARK),
        _block((-1.37, -0.24, 0.64), (-1.34, 0.24, 0.66), STEEL),
    ]
    for x in (-1.79, -1.55):
        for y in (-0.14, 0.14):
            pieces.append(seen("cylinder", (0.085, 0.004), (x, y, 0.918), DARK))
    return pieces


def kitchen_kettle() -> list[Piece]:
    """A pot with a lid."""
    return [
        seen("cylinder", (0.11, 0.06), (-1.55, 0.23, 0.985), "0.40 0.40 0.42"),
        seen("cylinder", (0.112, 0.005), (-1.55, 0.23, 1.05), "0.52 0.52 0.54"),
        seen("sphere", (0.018,), (-1.55, 0.23, 1.07), BLACK),
    ]


def kitchen_pot() -> list[Piece]:
    """Jars at the end of the worktop."""
    return [
        seen("cylinder", (0.07, 0.09), (-1.80, -0.85, 0.99), CLAY),
        seen("cylinder", (0.072, 0.010), (-1.80, -0.85, 1.09), OAK),
        seen("cylinder", (0.055, 0.065), (-1.76, -1.05, 0.965), WHITE),
        seen("cylinder", (0.057, 0.008), (-1.76, -1.05, 1.04), OAK),
    ]


def fridge() -> list[Piece]:
    """A tall steel fridge with two doors."""
    return [
        _block((-1.97, -2.83, 0.0), (-1.55, -1.97, 1.77), STEEL),
        _block((-1.55, -2.82, 0.02), (-1.535, -1.98, 1.10), "0.72 0.73 0.75"),
        _block((-1.55, -2.82, 1.12), (-1.535, -1.98, 1.76), "0.72 0.73 0.75"),
        _block((-1.535, -2.06, 0.70), (-1.50, -2.03, 1.05), DARK),
        _block((-1.535, -2.06, 1.17), (-1.50, -2.03, 1.50), DARK),
    ]


def coffee_table() -> list[Piece]:
    """The low table of the living room: a dark top with pale edges on a block."""
    return [
        _block((-0.667, -0.821, 0.4131), (0.167, 0.901, 0.4368), OAK),
        _block((-0.824, -0.619, 0.4131), (-0.667, 0.724, 0.4367), WALNUT),
        _block((0.167, -0.619, 0.4131), (0.339, 0.724, 0.4367), WALNUT),
        _block((-0.662, -0.185, 0.0), (0.162, 0.685, 0.4131), WALNUT),
    ]


def wall_picture() -> list[Piece]:
    """A picture in a frame."""
    return _framed(-1.985, 0.60, 1.46, 0.42, 0.48, ("0.55 0.66 0.62", "0.85 0.72 0.50"))


def _framed(x: float, y: float, z: float, wide: float, high: float, colours: tuple[str, str]) -> list[Piece]:
    ground, shape = colours
    return [
        _block((x, y - wide, z - high), (x + 0.02, y + wide, z + high), WALNUT),
        _block((x + 0.02, y - wide + 0.04, z - high + 0.04), (x + 0.025, y + wide - 0.04, z + high - 0.04), CREAM),
        _block((x + 0.025, y - wide + 0.1, z - high + 0.1), (x + 0.03, y + wide - 0.1, z + high - 0.1), ground),
        seen("ellipsoid", (0.006, wide * 0.35, high * 0.35), (x + 0.03, y - 0.05, z + 0.05), shape),
    ]


def wall_unit() -> list[Piece]:
    """A sideboard with a screen on it and a shelf to each side."""
    pieces = [
        _block((-1.98, -1.20, 0.06), (-1.55, 1.20, 0.46), WALNUT),
        _block((-1.98, -1.22, 0.46), (-1.53, 1.22, 0.49), OAK),
        _block((-1.98, -1.65, 0.0), (-1.62, -1.25, 1.70), WALNUT),
        _block((-1.98, 1.25, 0.0), (-1.62, 1.65, 1.70), WALNUT),
        _block((-1.94, -0.62, 0.55), (-1.90, 0.10, 0.98), BLACK),
        _block((-1.94, -0.36, 0.49), (-1.88, -0.16, 0.55), BLACK),
    ]
    for index in range(4):
        y = -1.18 + 0.6 * index
        pieces.append(_block((-1.55, y, 0.09), (-1.54, y + 0.56, 0.43), OAK))
        for side in (-1.63, 1.27):
            level = 0.15 + 0.40 * index
            pieces.append(_block((-1.625, side, level), (-1.61, side + 0.36, level + 0.30), OAK))
    return pieces


def painting() -> list[Piece]:
    """A large picture on the study's wall."""
    return _framed(-1.985, 0.50, 1.49, 0.60, 0.55, ("0.32 0.45 0.58", "0.88 0.80 0.62"))


def bookcase() -> list[Piece]:
    """Five shelves with books."""
    pieces = [
        _block((-1.87, -1.61, 0.0), (-1.85, -0.38, 1.79), WALNUT),
        _block((-1.87, -1.61, 0.0), (-1.56, -1.58, 1.79), WALNUT),
        _block((-1.87, -0.41, 0.0), (-1.56, -0.38, 1.79), WALNUT),
    ]
    for shelf in range(6):
        level = 0.02 + 0.352 * shelf
        pieces.append(_block((-1.87, -1.61, level - 0.02), (-1.56, -0.38, level), OAK))
        for index in range(9 if shelf < 5 else 0):
            y, high = -1.55 + 0.07 * index, 0.19 + 0.03 * ((index * 5 + shelf * 3) % 4)
            look = SPINES[(index * 7 + shelf) % len(SPINES)]
            pieces.append(_block((-1.84, y, level), (-1.62, y + 0.055, level + high), look))
    return pieces


def plant() -> list[Piece]:
    """A pot with a bush of leaves."""
    pieces = [
        seen("cylinder", (0.17, 0.16), (-1.72, 0.55, 0.16), CLAY),
        seen("cylinder", (0.02, 0.3), (-1.72, 0.55, 0.6), WALNUT),
    ]
    for index in range(11):
        angle, level = 2.4 * index, 0.55 + 0.06 * index
        pos = (-1.72 + 0.15 * math.cos(angle), 0.55 + 0.20 * math.sin(angle), level)
        pieces.append(seen("ellipsoid", (0.17, 0.07, 0.025), pos, LEAF, turn("z", angle)))
    return pieces


def books_on_shelf() -> list[Piece]:
    """Two dark books."""
    return [
        _block((-1.82, -0.525, 0.90), (-1.62, -0.475, 1.14), BLACK),
        _block((-1.82, -0.470, 0.90), (-1.62, -0.425, 1.13), DARK),
    ]


def desk() -> list[Piece]:
    """A wooden desk on two trestles."""
    pieces = [_block((-0.689, -1.393, 0.8135), (0.689, 1.393, 0.8851), OAK)]
    for y in (-0.70, 0.71):
        pieces.append(_block((-0.52, y - 0.05, 0.0), (0.516, y + 0.05, 0.05), DARK))
        for x in (-0.50, 0.496):
            pieces.append(_block((x - 0.02, y - 0.05, 0.0), (x + 0.02, y + 0.05, 0.8135), DARK))
    return pieces


def lamp() -> list[Piece]:
    """A lamp on the desk."""
    return [
        seen("cylinder", (0.08, 0.012), (0.30, -0.60, 0.897), DARK),
        seen("cylinder", (0.010, 0.28), (0.30, -0.60, 1.17), BRASS),
        seen("cylinder", (0.012, 0.10), (0.22, -0.60, 1.44), BRASS, turn("y", math.pi / 2)),
        seen("cylinder", (0.075, 0.06), (0.12, -0.60, 1.40), CREAM),
    ]


SCENERY: dict[str, list[Piece]] = {
    "kitchen_background_vis": kitchen_units(),
    "kitchen_background_stove_vis": kitchen_stove(),
    "kitchen_background_hot_pot_vis": kitchen_kettle(),
    "kitchen_background_pot_vis": kitchen_pot(),
    "fridge_vis": fridge(),
    "living_room_table_vis": coffee_table(),
    "wall_decoration_vis": wall_picture(),
    "living_room_vis": wall_unit(),
    "study_wall_painting_vis": painting(),
    "office_book_shelf_vis": bookcase(),
    "plant_vis": plant(),
    "black_book_vis": books_on_shelf(),
    "desk_vis": desk(),
    "floor_lamp_vis": lamp(),
}
