"""Pictures of floors, walls and wood for absent texture files: small, tileable and the same on each machine."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]  # (side, side, 3)
Painter = Callable[["Recipe"], NDArray[np.float64]]
SIDE_PX = 192
SIGNATURE = b"\x89PNG\r\n\x1a\n"


class Recipe(NamedTuple):
    """How a surface is painted: two colours, 0 to 1, and the rows of tiles or boards."""

    painter: Painter
    colour: tuple[float, float, float]
    second: tuple[float, float, float]
    rows: int = 1


def picture(path: str) -> Picture:
    """The picture for an absent texture file.

    Args:
        path: place of the file in the assets folder; it is known by its name, or as an object's by its folder.
    """
    names = path.split("/")
    recipe = RECIPES.get(names[-1]) or RECIPES.get(names[-2], PLAIN)
    image: Picture = (np.clip(recipe.painter(recipe), 0, 1) * 255).astype(np.uint8)
    return image


def png(image: Picture) -> bytes:
    """The picture as a PNG file."""
    height, width, _ = image.shape
    rows = np.concatenate([np.zeros((height, 1), np.uint8), image.reshape(height, -1)], axis=1)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(rows.tobytes(), 1)
    return SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _noise(cells: tuple[int, int], seed: int) -> NDArray[np.float64]:
    """Smooth noise in -1 to 1 that repeats at the borders, (side, side)."""
    grid = np.random.default_rng(seed).uniform(-1, 1, cells)
    return _stretched(_stretched(grid, 0), 1)


def _stretched(grid: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    """One axis enlarged to the side of a picture, linearly between neighbours, the last of which is the first."""
    places = np.arange(SIDE_PX) * grid.shape[axis] / SIDE_PX
    low = places.astype(int)
    share = (places - low).reshape((-1, 1) if axis == 0 else (1, -1))
    following: NDArray[np.float64] = np.take(grid, (low + 1) % grid.shape[axis], axis) * share
    stretched: NDArray[np.float64] = np.take(grid, low, axis) * (1 - share) + following
    return stretched


def _mixed(share: NDArray[np.float64], recipe: Recipe) -> NDArray[np.float64]:
    """The base colour where the share is 0, the second where it is 1, (side, side, 3)."""
    base, second = np.asarray(recipe.colour), np.asarray(recipe.second)
    mixture: NDArray[np.float64] = base + share[..., None] * (second - base)
    return mixture


def plaster(recipe: Recipe) -> NDArray[np.float64]:
    """A wall with faint stains."""
    share: NDArray[np.float64] = (
        0.5 + 0.22 * _noise((6, 6), 1) + 0.13 * _noise((24, 24), 2) + 0.08 * _noise((96, 96), 3)
    )
    return _mixed(share, recipe)


def linen(recipe: Recipe) -> NDArray[np.float64]:
    """Cloth: fine threads both ways."""
    share = 0.5 + 0.28 * _noise((96, 6), 4) + 0.28 * _noise((6, 96), 5)
    return _mixed(share, recipe)


def tiles(recipe: Recipe) -> NDArray[np.float64]:
    """Square tiles, each a little different, with joints in the second colour."""
    places = np.arange(SIDE_PX) * recipe.rows / SIDE_PX
    joint = np.minimum(places % 1, 1 - places % 1) < 0.018
    shade = np.random.default_rng(6).uniform(-0.03, 0.03, (recipe.rows, recipe.rows))
    share = np.maximum(joint[:, None], joint[None, :]).astype(np.float64)
    cell = places.astype(int)
    face = shade[np.ix_(cell, cell)] + 0.025 * _noise((16, 16), 7) + 0.012 * _noise((64, 64), 8)
    painted: NDArray[np.float64] = _mixed(share, recipe) + ((1 - share) * face)[..., None]
    return painted


def planks(recipe: Recipe) -> NDArray[np.float64]:
    """Boards along the first axis with grain, set off against one another."""
    places = np.arange(SIDE_PX) * recipe.rows / SIDE_PX
    board = places.astype(int)
    shade = np.random.default_rng(9).uniform(-0.25, 0.25, recipe.rows)[board]
    grain = 0.25 * _noise((5, 64), 10) + 0.15 * _noise((12, 96), 11)
    share = 0.4 + shade[None, :] + grain
    seams = (np.minimum(places % 1, 1 - places % 1) < 0.02).astype(np.float64)
    painted: NDArray[np.float64] = _mixed(share, recipe) * (1 - 0.35 * seams[None, :, None])
    return painted


def wood(recipe: Recipe) -> NDArray[np.float64]:
    """One wide board with grain."""
    share: NDArray[np.float64] = (
        0.45 + 0.25 * _noise((4, 40), 12) + 0.15 * _noise((10, 96), 13) + 0.15 * _noise((3, 3), 14)
    )
    return _mixed(share, recipe)


def flat(recipe: Recipe) -> NDArray[np.float64]:
    """One colour."""
    return _mixed(np.zeros((SIDE_PX, SIDE_PX)), recipe)


PLAIN = Recipe(plaster, (0.62, 0.60, 0.58), (0.72, 0.70, 0.67))
LIGHT_TILES = Recipe(tiles, (0.72, 0.71, 0.69), (0.83, 0.82, 0.80), 3)
RECIPES: dict[str, Recipe] = {
    "light-gray-floor-tile.png": LIGHT_TILES,
    "tile_grigia_caldera_porcelain_floor.png": LIGHT_TILES,
    "gray_ceramic_tile.png": Recipe(tiles, (0.53, 0.54, 0.55), (0.40, 0.40, 0.41), 3),
    "seamless_wood_planks_floor.png": Recipe(planks, (0.62, 0.45, 0.30), (0.44, 0.29, 0.18), 6),
    "light-gray-plaster.png": Recipe(plaster, (0.78, 0.78, 0.77), (0.86, 0.86, 0.85)),
    "smooth_light_gray_plaster.png": Recipe(plaster, (0.78, 0.78, 0.77), (0.86, 0.86, 0.85)),
    "yellow_linen_wall_texture.png": Recipe(linen, (0.90, 0.84, 0.66), (0.82, 0.74, 0.54)),
    "martin_novak_wood_table.png": Recipe(wood, (0.86, 0.78, 0.68), (0.74, 0.63, 0.51)),
    "desk_caddy": Recipe(wood, (0.66, 0.48, 0.30), (0.47, 0.30, 0.18)),
    "wooden_tray": Recipe(wood, (0.66, 0.48, 0.30), (0.47, 0.30, 0.18)),
    "wall_decoration": Recipe(plaster, (0.55, 0.66, 0.62), (0.85, 0.72, 0.50)),
    "plate": Recipe(flat, (0.92, 0.92, 0.91), (0, 0, 0)),
    "porcelain_mug": Recipe(flat, (0.92, 0.92, 0.92), (0, 0, 0)),
    "white_bowl": Recipe(flat, (0.92, 0.92, 0.91), (0, 0, 0)),
    "white_yellow_mug": Recipe(flat, (0.93, 0.86, 0.60), (0, 0, 0)),
    "red_coffee_mug": Recipe(flat, (0.72, 0.07, 0.07), (0, 0, 0)),
}
