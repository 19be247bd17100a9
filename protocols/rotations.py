"""Rotations in the forms that suites and policies use, and how one becomes another. Numpy only.

matrix       (3, 3), columns are the turned frame's axes in the outer frame
vector       (3,) axis times angle in rad, the angle at most pi; "axis-angle" in robosuite and LIBERO
quaternion   (4,) w, x, y, z with w >= 0; MuJoCo's order, others put w last
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def matrix_from_vector(vector: npt.ArrayLike) -> Array:
    """(3, 3) rotation about an axis by an angle, both in one vector (Rodrigues)."""
    turn = np.asarray(vector, np.float64)
    angle = float(np.linalg.norm(turn))
    if angle < 1e-12:
        return np.eye(3)
    x, y, z = turn / angle
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    rotation: Array = np.eye(3) + math.sin(angle) * cross + (1 - math.cos(angle)) * (cross @ cross)
    return rotation


def vector_from_matrix(matrix: Array) -> Array:
    """(3,) axis times angle."""
    quaternion = quaternion_from_matrix(matrix)
    sine = float(np.linalg.norm(quaternion[1:]))
    if sine < 1e-12:
        return np.zeros(3)
    turned: Array = quaternion[1:] * (2 * math.atan2(sine, quaternion[0]) / sine)
    return turned


def quaternion_from_matrix(matrix: Array) -> Array:
    """(4,) w, x, y, z with w >= 0, by the largest of the four (Shepperd), so that no division is by almost nothing."""
    (a, b, c), (d, e, f), (g, h, i) = np.asarray(matrix, np.float64).tolist()
    rows = np.array(
        [
            [1 + a + e + i, h - f, c - g, d - b],
            [h - f, 1 + a - e - i, b + d, c + g],
            [c - g, b + d, 1 - a + e - i, f + h],
            [d - b, c + g, f + h, 1 - a - e + i],
        ]
    )
    largest = rows[int(np.argmax(np.diag(rows)))]
    quaternion: Array = largest / np.linalg.norm(largest)
    return quaternion if quaternion[0] >= 0 else -quaternion


def robosuite_vector(quaternion: npt.ArrayLike) -> Array:
    """(3,) axis times angle of w, x, y, z as robosuite has it: no turn of more than pi is replaced by its complement.

    So the angle lies in [0, 2 pi), and a hand that points straight down has states on either side of pi.
    """
    w, *axis = np.asarray(quaternion, np.float64).clip(-1.0, 1.0)
    sine = math.sqrt(1.0 - w * w)
    return np.zeros(3) if math.isclose(sine, 0.0) else np.array(axis) * 2.0 * math.acos(w) / sine
