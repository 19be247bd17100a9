"""Made-up duels: outcomes of two policies whose scenes are easy or hard for both, as the dossier's table has them.

A policy succeeds in a scene with probability sigmoid(c + s z), z standard normal and the same for both policies, with c
such that its success rate is as wanted. The larger s, the more alike are their outcomes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Z, WEIGHTS = np.polynomial.hermite_e.hermegauss(201)
WEIGHTS = WEIGHTS / WEIGHTS.sum()


class Case(NamedTuple):
    """A line of the dossier's table: rates, spread of scenes in logits, pairs, and the power of both tests.

    used: pairs that the betting test used on average; None where the table has no number.
    """

    first: float
    second: float
    spread: float
    pairs: int
    mcnemar: float
    betting: float
    used: float | None


TABLE = (  # evaluation.md, section E, simulated there with 300 to 600 replicates, alpha 0.05
    Case(0.95, 0.90, 4, 500, 0.99, 0.94, 235),
    Case(0.90, 0.80, 2, 500, 1.00, 1.00, 160),
    Case(0.90, 0.80, 4, 500, 1.00, 1.00, 107),
    Case(0.80, 0.70, 4, 50, 0.28, 0.10, None),
    Case(0.70, 0.50, 4, 50, 0.80, 0.62, 40),
)


def chances(rate: float, spread: float, scenes: Floats = Z) -> Floats:
    """Success probabilities in scenes, standard normal numbers, of a policy with this rate over all scenes."""
    low, high = -60.0, 60.0
    for _ in range(60):
        middle = (low + high) / 2
        mean = WEIGHTS @ (1 / (1 + np.exp(-(middle + spread * Z))))
        low, high = (middle, high) if mean < rate else (low, middle)
    succeeds: Floats = 1 / (1 + np.exp(-(low + spread * scenes)))
    return succeeds


def differences(
    random: np.random.Generator, first: float, second: float, spread: float, duels: int, pairs: int
) -> Floats:
    """(duels, pairs) differences of outcomes, -1, 0 or 1."""
    scenes = random.normal(size=(duels, pairs))
    one, other = (random.random((duels, pairs)) < chances(rate, spread, scenes) for rate in (first, second))
    return one.astype(np.float64) - other


def discordant(first: float, second: float, spread: float) -> tuple[float, float]:
    """The chances that only the first, and only the second, policy solves a scene."""
    one, other = chances(first, spread), chances(second, spread)
    return float(WEIGHTS @ (one * (1 - other))), float(WEIGHTS @ (other * (1 - one)))
