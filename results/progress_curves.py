"""Does an estimate of progress follow the episode? Rising, rank correlation and distance, a number per episode each."""

from __future__ import annotations

import numpy as np

from results.progress_tracks import Floats

FEWEST_LOOKS = 3  # for a rank correlation; two looks make it 1 or -1, whatever they say


def rising(values: Floats) -> float:
    """Share of the differences between looks that are above 0; NaN of fewer than two looks."""
    known = values[np.isfinite(values)]
    return float((np.diff(known) > 0).mean()) if len(known) > 1 else np.nan


def rank_correlation(values: Floats, truth: Floats) -> float:
    """Spearman's, of an estimate with what it should follow, (looks,) each.

    An estimate that never changes follows nothing: 0. Where the truth never changes there is nothing to follow: NaN, as
    where there are too few looks.
    """
    known = np.isfinite(values) & np.isfinite(truth)
    ranks, others = ranked(values[known]), ranked(truth[known])
    if len(ranks) < FEWEST_LOOKS or np.ptp(others) == 0:
        return np.nan
    if np.ptp(ranks) == 0:
        return 0.0
    ranks, others = ranks - ranks.mean(), others - others.mean()
    return float(ranks @ others / np.sqrt((ranks @ ranks) * (others @ others)))


def ranked(values: Floats) -> Floats:
    """(n,) ranks from 1, the mean rank for equal values."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    ranks: Floats = (np.cumsum(count) - (count - 1) / 2)[place]
    return ranks


def distance(values: Floats, truth: Floats) -> float:
    """Mean absolute difference over the looks; NaN where there is none."""
    differences = np.abs(values - truth)
    known = np.isfinite(differences)
    return float(differences[known].mean()) if known.any() else np.nan
