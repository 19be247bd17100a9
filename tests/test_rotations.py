"""Rotations change form without changing; SciPy is the judge."""

from __future__ import annotations

import numpy as np
import numpy.testing as npt
from hypothesis import given, strategies as st
from scipy.spatial.transform import Rotation

from protocols.rotations import matrix_from_vector, quaternion_from_matrix, vector_from_matrix

vectors = st.lists(st.floats(-1.8, 1.8), min_size=3, max_size=3)


@given(vectors)
def test_a_vector_becomes_the_matrix_of_scipy_and_comes_back(vector: list[float]) -> None:
    matrix = matrix_from_vector(vector)
    npt.assert_allclose(matrix, Rotation.from_rotvec(vector).as_matrix(), atol=1e-12)
    npt.assert_allclose(matrix_from_vector(vector_from_matrix(matrix)), matrix, atol=1e-9)


@given(vectors)
def test_a_matrix_becomes_the_quaternion_of_scipy_with_w_first_and_not_negative(vector: list[float]) -> None:
    quaternion = quaternion_from_matrix(matrix_from_vector(vector))
    last = Rotation.from_rotvec(vector).as_quat()
    expected = np.array([last[3], *last[:3]])
    assert quaternion[0] >= 0
    npt.assert_allclose(np.outer(quaternion, quaternion), np.outer(expected, expected), atol=1e-9)


def test_half_turns_and_no_turn_are_no_exception() -> None:
    for vector in np.pi * np.eye(3):
        npt.assert_allclose(abs(vector_from_matrix(matrix_from_vector(vector))), vector, atol=1e-7)
    npt.assert_array_equal(vector_from_matrix(np.eye(3)), 0)
    npt.assert_array_equal(matrix_from_vector(np.zeros(3)), np.eye(3))
