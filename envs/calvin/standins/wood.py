"""Pictures of wood: boards with grain along the rows, tileable, and the same on each machine."""

from __future__ import annotations

import struct
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]  # (height, width, 3)
Grid = npt.NDArray[np.float64]
HEIGHT_PX, WIDTH_PX = 512, 512  # a metre each
SQUARES_PX = 256  # two squares


class Wood(NamedTuple):
    """Mean colour, 0 to 255; how far the grain goes from it; and how many times it changes along and across a metre."""

    colour: tuple[int, int, int]
    contrast: float
    along: int
    across: int


WOODS = {  # mean colours of the official pictures, calvin_env@797142c
    "red_brown": Wood((121, 70, 46), 14.0, 8, 64),  # scene A
    "light": Wood((244, 196, 140), 9.0, 3, 96),  # scene B
    "plain": Wood((159, 108, 64), 12.0, 4, 80),  # scene C
    "brown": Wood((157, 117, 78), 16.0, 5, 48),  # scene D
}


def picture(name: str) -> bytes:
    """A wood as a BMP file, which is the same bytes on each machine, as a PNG may not be."""
    wood = WOODS[name]
    grain = _noise(wood.along, wood.across, 1) + 0.4 * _noise(2, 6, 3)
    grain += 0.6 * _noise(2 * wood.along, 4 * wood.across, 2)
    grain -= grain.mean()
    image = np.clip(np.array(wood.colour) + wood.contrast * grain[..., None], 0, 255).astype(np.uint8)
    return _bmp(image)


def shade(name: str) -> tuple[float, float, float]:
    """The colour of a groove in that wood, 0 to 1."""
    red, green, blue = (0.75 * value / 255 for value in WOODS[name].colour)
    return red, green, blue


def squares() -> bytes:
    """Two white and two gray squares as a BMP file."""
    half = np.arange(SQUARES_PX) * 2 // SQUARES_PX
    gray = np.where(np.add.outer(half, half) % 2, 222, 255).astype(np.uint8)
    return _bmp(np.repeat(gray[..., None], 3, axis=2))


def _bmp(image: Image) -> bytes:
    height, width, _ = image.shape  # the width times 3 is a multiple of 4, so that rows need no padding
    header = struct.pack("<2sIIIIiiHHIIiiII", b"BM", 54 + image.size, 0, 54, 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    return header + image[::-1, :, ::-1].tobytes()  # from below, blue first


def _noise(along: int, across: int, seed: int) -> Grid:
    """(HEIGHT_PX, WIDTH_PX) smooth noise in -1 to 1 that repeats at the borders."""
    grid = np.random.default_rng(seed).uniform(-1, 1, (across, along))
    for axis, pixels in enumerate((HEIGHT_PX, WIDTH_PX)):
        places = np.arange(pixels) * grid.shape[axis] / pixels
        low = places.astype(int)
        share = (places - low).reshape((-1, 1) if axis == 0 else (1, -1))
        grid = np.take(grid, low, axis) * (1 - share) + np.take(grid, (low + 1) % grid.shape[axis], axis) * share
    return grid
