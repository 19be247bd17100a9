"""Letters and ranks of several policies."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy.stats import rankdata

from results.ranks import letters, rank_bootstrap, ranked


@st.composite
def differences(draw: st.DrawFn) -> list[list[bool]]:
    size = draw(st.integers(1, 7))
    upper = np.triu(np.array(draw(st.lists(st.booleans(), min_size=size**2, max_size=size**2))).reshape(size, size), 1)
    matrix: list[list[bool]] = (upper | upper.T).tolist()
    return matrix


@given(differences())
def test_policies_share_a_letter_exactly_when_they_do_not_differ(matrix: list[list[bool]]) -> None:
    marks = letters(matrix)
    for one, mine in enumerate(marks):
        assert mine
        for other, yours in enumerate(marks):
            if one != other:
                assert bool(set(mine) & set(yours)) != matrix[one][other]


def test_letters_are_those_of_multcompview() -> None:
    """The example of R's multcompView: of A, B and C only B and C differ, so A is "ab", B "a" and C "b"."""
    assert letters([[False, False, False], [False, False, True], [False, True, False]]) == ["ab", "a", "b"]


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ([], ["a", "a", "a", "a"]),
        ([(0, 3)], ["a", "ab", "ab", "b"]),
        ([(0, 2), (0, 3), (1, 3)], ["a", "ab", "bc", "c"]),
        ([(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)], ["a", "b", "c", "d"]),
    ],
)
def test_the_best_policy_has_the_first_letter(pairs: list[tuple[int, int]], expected: list[str]) -> None:
    differ = [[(min(one, other), max(one, other)) in pairs for other in range(4)] for one in range(4)]
    assert letters(differ) == expected


@given(st.lists(st.lists(st.integers(0, 3), min_size=3, max_size=3), min_size=1, max_size=5))
def test_ranks_with_ties_are_scipys(scores: list[list[int]]) -> None:
    found = ranked(np.array(scores, dtype=np.float64))
    assert found.tolist() == rankdata(-np.array(scores), axis=1).tolist()


def test_ranks_are_the_same_for_the_same_seed_and_close_for_another() -> None:
    outcomes = [np.random.default_rng(0).random((20, 3)) < [0.9, 0.7, 0.6] for _ in range(4)]
    first, again, other = (rank_bootstrap(outcomes, [0.25] * 4, np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert first == again != other
    assert [rank.mean for rank in first] == pytest.approx([rank.mean for rank in other], abs=0.05)
    assert sum(rank.mean for rank in first) == pytest.approx(6)
    assert sum(rank.best for rank in first) == pytest.approx(1)


def test_equal_policies_share_their_rank_and_the_first_place() -> None:
    outcomes = np.array([[True, True], [False, False], [True, True]])
    for rank in rank_bootstrap([outcomes], [1.0], np.random.default_rng(0)):
        assert (rank.mean, rank.low, rank.high, rank.best) == (1.5, 1.5, 1.5, 0.5)


def test_tasks_of_a_single_episode_are_drawn_together() -> None:
    outcomes = [np.array([[task < 30, task >= 25]]) for task in range(50)]
    best, worst = rank_bootstrap(outcomes, [1 / 50] * 50, np.random.default_rng(0))
    assert 0 < worst.best < best.best < 1


@pytest.mark.slow
def test_the_interval_of_ranks_covers_the_true_rank() -> None:
    random, rates = np.random.default_rng(0), np.array([0.9, 0.8, 0.6])
    hits = np.zeros(3)
    for _ in range(400):
        outcomes = [random.random((20, 3)) < rates for _ in range(3)]
        ranks = rank_bootstrap(outcomes, [1 / 3] * 3, random, resamples=400)
        hits += [rank.low <= place <= rank.high for place, rank in enumerate(ranks, start=1)]
    assert (hits / 400 >= 0.935).all()
