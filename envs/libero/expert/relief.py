"""Reliefs: how far solid things reach towards a viewer, cell by cell.

Grasps and places are found by looking along the way that the hand comes, mostly from above. Everything that collides
in LIBERO is a box or nearly one, so a relief is exact: each cell is a ray through the boxes.

A view is a (3, 3) rotation whose columns are the axes of the picture in the world: right, up, and towards the viewer.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.ndimage import maximum_filter1d

from envs.libero.simulation import Array

CELL_M = 0.003
NOTHING = -10.0  # height of a cell with nothing in it, m
CUBE = np.array([[x, y, z] for x in (-1.0, 1.0) for y in (-1.0, 1.0) for z in (-1.0, 1.0)])


class Solids(NamedTuple):
    """Boxes: centres (n, 3), rotations (n, 3, 3), half sizes (n, 3), m, world."""

    centers: Array
    rotations: Array
    halves: Array

    def moved(self, position: Array, rotation: Array) -> Solids:
        """The same boxes turned by (3, 3) about the world's origin, then shifted by (3,)."""
        return Solids(self.centers @ rotation.T + position, rotation @ self.rotations, self.halves)

    def corners(self) -> Array:
        """(8 n, 3) corners of all boxes, world."""
        local = CUBE[None] * self.halves[:, None]  # (n, 8, 3)
        return (local @ self.rotations.transpose(0, 2, 1) + self.centers[:, None]).reshape(-1, 3)

    def near(self, point: Array, reach_m: float) -> Solids:
        """Those that come within a cube of half size `reach_m` about a (3,) point."""
        extent = np.einsum("nij,nj->ni", np.abs(self.rotations), self.halves)
        kept = (np.abs(self.centers - point) - extent < reach_m).all(axis=1)
        return Solids(self.centers[kept], self.rotations[kept], self.halves[kept])


class Grid(NamedTuple):
    """Cells of a picture: coordinates of the first cell's middle (2,), and their numbers."""

    low: Array
    shape: tuple[int, int]

    @classmethod
    def around(cls, center: Array, half: Array) -> Grid:
        """About a (2,) point of the picture, with (2,) half sizes, m."""
        cells = np.ceil(half / CELL_M).astype(int)
        return cls(center[:2] - cells * CELL_M, (int(2 * cells[0] + 1), int(2 * cells[1] + 1)))

    def axes(self) -> tuple[Array, Array]:
        """(nx,), (ny,) coordinates of the cells' middles."""
        x, y = (self.low[axis] + CELL_M * np.arange(self.shape[axis]) for axis in (0, 1))
        return x, y

    def cell(self, point: Array) -> tuple[int, int]:
        """Indices of the cell nearest to a (2,) point."""
        i, j = np.round((point[:2] - self.low) / CELL_M).astype(int)
        return int(i), int(j)


def reliefs(solids: Solids, view: Array, grid: Grid) -> tuple[Array, Array]:
    """Two (nx, ny) pictures: the nearest to the viewer that is solid, and the farthest; along the view's third axis, m.

    Where there is nothing, the nearest is at `NOTHING` and the farthest at its opposite.
    """
    top, bottom = np.full(grid.shape, NOTHING), np.full(grid.shape, -NOTHING)
    for center, rotation, half in zip(solids.centers @ view, view.T @ solids.rotations, solids.halves, strict=True):
        _draw(top, bottom, grid, center, rotation, half)
    return top, bottom


def _draw(top: Array, bottom: Array, grid: Grid, center: Array, rotation: Array, half: Array) -> None:
    """One box into both pictures; it is widened by half a cell, so that no thin wall falls between cells."""
    reach = (np.abs(rotation) @ half)[:2] + CELL_M / 2
    first = np.clip(np.ceil((center[:2] - reach - grid.low) / CELL_M).astype(int), 0, grid.shape)
    last = np.clip(np.floor((center[:2] + reach - grid.low) / CELL_M).astype(int) + 1, 0, grid.shape)
    if (first >= last).any():
        return
    x = grid.low[0] + CELL_M * np.arange(first[0], last[0]) - center[0]
    y = grid.low[1] + CELL_M * np.arange(first[1], last[1]) - center[1]
    enter, leave = np.full((len(x), len(y)), NOTHING), np.full((len(x), len(y)), -NOTHING)
    for axis in range(3):
        along = rotation[2, axis] if abs(rotation[2, axis]) > 1e-9 else 1e-9
        wide = half[axis] + CELL_M / 2 * np.sqrt(max(0.0, 1.0 - along * along))
        offset = -(rotation[0, axis] * x[:, None] + rotation[1, axis] * y[None, :]) / along
        enter = np.maximum(enter, offset - wide / abs(along))
        leave = np.minimum(leave, offset + wide / abs(along))
    hit = enter < leave
    window = (slice(first[0], last[0]), slice(first[1], last[1]))
    top[window] = np.where(hit, np.maximum(top[window], center[2] + leave), top[window])
    bottom[window] = np.where(hit, np.minimum(bottom[window], center[2] + enter), bottom[window])


def highest(relief: Array, half_x_m: float, half_y_m: float) -> Array:
    """(nx, ny) the maximum of a relief over a rectangle about each cell."""
    sizes = [2 * int(np.ceil(half / CELL_M)) + 1 for half in (half_x_m, half_y_m)]
    wide = maximum_filter1d(relief, sizes[0], axis=0, mode="constant", cval=NOTHING)
    filtered: Array = maximum_filter1d(wide, sizes[1], axis=1, mode="constant", cval=NOTHING)
    return filtered
