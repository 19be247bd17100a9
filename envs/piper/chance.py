"""What the expert draws its choices from: chance, or, when it shall be steady, the middle of what there is."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


class Middle:
    """Draws like `numpy.random.Generator`, without chance: the middle of a range, the smallest first."""

    def random(self) -> float:
        """A half."""
        return 0.5

    def uniform(self, low: float, high: float, size: int | None = None) -> Any:
        """The middle between two numbers, a float or so many of them."""
        middle = (low + high) / 2
        return middle if size is None else np.full(size, middle)

    def normal(self, mean: float, deviation: float, size: int) -> Array:
        """The mean, so often."""
        return np.full(size, mean)

    def integers(self, low: int, high: int) -> int:
        """The middle from `low` to below `high`."""
        return (low + high) // 2

    def permutation(self, values: int | Array) -> npt.NDArray[Any]:
        """The values, or the numbers below one, those nearest to 0 first."""
        ordered = np.arange(values) if isinstance(values, int) else values
        return ordered[np.argsort(np.abs(ordered), kind="stable")]


Random = np.random.Generator | Middle
