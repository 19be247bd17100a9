"""What a policy is trained on: rows of demonstrations, stacked, and the statistics of the data set that they come from.

Plain numpy, so that every policy takes it, whatever it computes with. The entries of state and actions are those of the
`EnvSpec` that the policy's `learner` was made with, in its order.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from protocols.contracts import FloatArray, ImageArray


class Samples(NamedTuple):
    """B rows t of demonstrations 0..T; in a chain of subtasks each stretch with one instruction counts as one.

    images: by camera, (B, h, w, 3) uint8, upright, seen before action t, h and w as the policy asks for.
    state: (B, S) float32, raw, seen before action t.
    instructions: B texts.
    actions: (B, H, A) float32, raw, actions t, t + 1, ...: what the expert wanted, also where noise was executed;
        beyond row T the last action repeated.
    padded: (B, H) True for actions beyond row T.
    to_go: (B,) int64, T - t, 0 in the last row.
    goal: (B, S) float32, raw, the state when the gripper is next asked to open or to close, else that of row T.
    reaching: (B,) True until the gripper is asked for that the first time.
    """

    images: dict[str, ImageArray]
    state: FloatArray
    instructions: tuple[str, ...]
    actions: FloatArray
    padded: npt.NDArray[np.bool_]
    to_go: npt.NDArray[np.int64]
    goal: FloatArray
    reaching: npt.NDArray[np.bool_]


class Statistics(NamedTuple):
    """Mean and standard deviation of each entry, over every row of a data set once; float32.

    state_mean, state_std: (S,). action_mean, action_std: (A,). Deviations are at least `SMALLEST_STD`.
    """

    state_mean: FloatArray
    state_std: FloatArray
    action_mean: FloatArray
    action_std: FloatArray


SMALLEST_STD = 1e-3  # so that an entry that never changes is not divided by zero


def resized(images: ImageArray, size_px: int) -> ImageArray:
    """(B, size, size, 3) uint8 of (B, h, w, 3): each pixel is the mean of the area that it covers.

    Training and inference have to resize alike. The sums are whole numbers, which floats hold exactly, so the result
    is the same on every machine and whatever other rows are in the batch.
    """
    height, width = images.shape[1:3]
    if (height, width) == (size_px, size_px):
        return images
    if height == width and height % size_px == 0:
        return shrunk(images, height // size_px)
    exact = np.float32 if 255 * height * width < 2**24 else np.float64
    down, across = covered(height, size_px).astype(exact), covered(width, size_px).astype(exact)
    out = np.empty((len(images), size_px, size_px, 3), np.uint8)
    for row, image in enumerate(images):
        rows = (down @ image.reshape(height, -1).astype(exact)).reshape(size_px, width, 3)  # (size, w, 3)
        sums = across @ rows.transpose(1, 0, 2).reshape(width, -1)  # (size, size * 3), transposed
        mean = np.floor(sums / (height * width) + 0.5)
        out[row] = mean.reshape(size_px, size_px, 3).transpose(1, 0, 2)
    return out


def shrunk(images: ImageArray, by: int) -> ImageArray:
    """The same for a whole number of pixels in each, `by` each way: ten times faster, and asks for no second core."""
    rows, size = len(images), images.shape[1] // by
    parts = images.reshape(rows, size, by, size, by, 3)
    sums = np.full((rows, size, size, 3), by * by // 2, np.uint32)  # rounded half up
    for down in range(by):
        for across in range(by):
            sums += parts[:, :, down, :, across]
    return (sums // (by * by)).astype(np.uint8)


def covered(given: int, wanted: int) -> npt.NDArray[np.int64]:
    """(wanted, given) how much of each given pixel lies in each wanted one; rows sum to `given`."""
    ends = np.arange(wanted)[:, None] * given, np.arange(given)[None] * wanted  # both in 1 / (given * wanted)
    overlap: npt.NDArray[np.int64] = np.minimum(ends[0] + given, ends[1] + wanted) - np.maximum(ends[0], ends[1])
    return overlap.clip(min=0)
