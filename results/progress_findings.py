"""All numbers about a policy's own estimates, each under the same key in tables and CSV, beside the clock's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from results.progress_calibration import binned, brier, brier_parts, calibration_error, equal_mass, equal_width
from results.progress_curves import distance, rank_correlation, rising
from results.progress_resampling import UNDEFINED, Estimate, drawn_again, mean, ratio
from results.progress_separation import (
    Score,
    Separation,
    Teller,
    after,
    largest,
    last,
    matched_separation,
    mean_until,
    separation,
)
from results.progress_tracks import Bools, Clock, Floats, Track

PROGRESS, SUCCESS, ADVANTAGE, CLOCK, LESS_CLOCK = "progress", "success", "advantage", "clock", "estimate - clock"
RISING, WITH_TIME, WITH_TRUTH = "rising", "rank with time", "rank with ground truth"
FROM_TRUTH, FROM_TARGET = "distance from ground truth", "distance from ProgVLA's target"
SOON, EVER = "within 18 steps", "at all"
WIDTH, MASS, BRIER = "ECE, equal width", "ECE, equal mass", "Brier"
MATCHED, LAST, LARGEST = "all common looks", "last look", "largest"
SHARES = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5)  # of the horizon, at which episodes that still run are compared
ALL, SUCCESSES, FAILURES = "all", "successes", "failures"

TELLERS: Mapping[str, Teller] = {
    PROGRESS: lambda track: track.progress,
    SUCCESS: lambda track: track.probability,
    ADVANTAGE: lambda track: track.advantage,
    CLOCK: lambda track: track.at.astype(np.float64),
}
Counts = tuple[int, int]


class Finding(NamedTuple):
    """One number.

    outcome: of which episodes. quantity: what of. teller: whose estimate, or the clock's. counts: episodes that
    succeeded and failed among those that it is made of.
    """

    outcome: str
    quantity: str
    teller: str
    estimate: Estimate
    counts: Counts


Findings = dict[tuple[str, str, str], Finding]  # by outcome, quantity and teller


def findings(every: Sequence[Track], beside: Sequence[Clock], generator: np.random.Generator) -> Findings:
    """Everything that the estimates of some episodes allow to say; what a policy does not estimate is not there.

    Args:
        every: the episodes.
        beside: the clock beside each.
        generator: draws episodes again.

    Raises:
        ValueError: a probability of success that is none.
    """
    made: list[Finding] = []
    if told(every, PROGRESS):
        for outcome, wanted in ((ALL, None), (SUCCESSES, True), (FAILURES, False)):
            chosen = [pair for pair in zip(every, beside, strict=True) if wanted in (None, pair[0].success)]
            if chosen:
                made += followed(outcome, chosen, generator)
    if told(every, SUCCESS):
        for target in (SOON, EVER):
            made += calibrated(target, every, beside, generator)
    made += separated(every)
    return {finding[:3]: finding for finding in made}


def told(every: Sequence[Track], teller: str) -> bool:
    """Whether there is at least one such estimate."""
    return any(np.isfinite(TELLERS[teller](track)).any() for track in every)


def counts(every: Sequence[Track]) -> Counts:
    """Successes and failures."""
    successes = sum(track.success for track in every)
    return successes, len(every) - successes


def followed(outcome: str, chosen: Sequence[tuple[Track, Clock]], generator: np.random.Generator) -> Iterator[Finding]:
    """How the estimate of progress follows the episodes of an outcome, beside the clock."""
    again = drawn_again(len(chosen), generator)

    def compared(quantity: str, own: list[float], clock: list[float]) -> Iterator[Finding]:
        values, others = np.array(own), np.array(clock)
        there = counts([track for (track, _), value in zip(chosen, values, strict=True) if np.isfinite(value)])
        yield Finding(outcome, quantity, PROGRESS, mean(values, again), there)
        yield Finding(outcome, quantity, CLOCK, mean(np.where(np.isnan(values), np.nan, others), again), there)
        yield Finding(outcome, quantity, LESS_CLOCK, mean(values - others, again), there)

    def each(number: Callable[[Floats, Floats], float], truth: Teller) -> list[float]:
        return [number(track.progress, truth(track)) for track, _ in chosen]

    time = TELLERS[CLOCK]
    yield from compared(
        RISING, [rising(track.progress) for track, _ in chosen], [rising(time(track)) for track, _ in chosen]
    )
    for quantity, truth in ((WITH_TIME, time), (WITH_TRUTH, lambda track: track.truth)):
        ticks = [rank_correlation(time(track), truth(track)) for track, _ in chosen]
        yield from compared(quantity, each(rank_correlation, truth), ticks)
    ticks = [distance(clock.progress, track.truth) for track, clock in chosen]
    yield from compared(FROM_TRUTH, each(distance, lambda track: track.truth), ticks)
    if outcome == SUCCESSES:
        ticks = [distance(clock.target, track.target) for track, clock in chosen]
        yield from compared(FROM_TARGET, each(distance, lambda track: track.target), ticks)


class Stated(NamedTuple):
    """What was said of a target, by the policy and by the clock, and what came true; (looks,) numbers per episode."""

    policy: list[Floats]
    clock: list[Floats]
    true: list[Bools]


def stated(target: str, every: Sequence[Track], beside: Sequence[Clock]) -> Stated:
    """The looks at which the policy stated a probability of success.

    Raises:
        ValueError: one that is not between 0 and 1.
    """
    made = Stated([], [], [])
    for track, clock in zip(every, beside, strict=True):
        known = np.isfinite(track.probability)
        if ((track.probability < 0) | (track.probability > 1)).any():
            raise ValueError(
                f"estimates of success are probabilities, from 0 to 1; {track.task} episode {track.index} has "
                f"{np.nanmin(track.probability):g} to {np.nanmax(track.probability):g}"
            )
        made.policy.append(track.probability[known])
        made.clock.append((clock.soon if target == SOON else clock.ever)[known])
        made.true.append((track.soon if target == SOON else track.ever)[known])
    return made


def calibrated(
    target: str, every: Sequence[Track], beside: Sequence[Clock], generator: np.random.Generator
) -> Iterator[Finding]:
    """How well probabilities of success are calibrated for a target, beside the clock's."""
    said, there = stated(target, every, beside), counts(every)
    again = drawn_again(len(every), generator)

    def found(quantity: str, teller: str, estimate: Estimate) -> Finding:
        return Finding(ALL, f"{target}: {quantity}", teller, estimate, there)

    made = {}
    for teller, probabilities in ((SUCCESS, said.policy), (CLOCK, said.clock)):
        wide = binned(probabilities, said.true, equal_width())
        made[teller] = even = binned(probabilities, said.true, equal_mass(np.concatenate(probabilities)))
        yield found(WIDTH, teller, calibration_error(wide, again))
        yield found(MASS, teller, calibration_error(even, again))
        yield found(BRIER, teller, brier(even, again))
        parts = brier_parts(np.concatenate(probabilities), np.concatenate(said.true))
        for name, part in parts._asdict().items():
            yield found(name, teller, Estimate(part, np.nan, np.nan))
    looks = made[SUCCESS].looks.sum(axis=1)
    yield found(BRIER, LESS_CLOCK, ratio(made[SUCCESS].errors - made[CLOCK].errors, looks, again))


def separated(every: Sequence[Track]) -> Iterator[Finding]:
    """How each estimate, and the clock, separates successes from failures."""
    for name, teller in TELLERS.items():
        if not told(every, name):
            continue
        yield area(MATCHED, name, matched_separation(every, teller))
        for quantity, score in scores(teller).items():
            yield area(quantity, name, separation(every, score))


def scores(teller: Teller) -> dict[str, Score]:
    """One number per episode, in several ways, by what they are called."""
    running = {f"after {100 * share:g} % of the horizon": after(teller, share) for share in SHARES}
    mean_so_far = {f"mean over the first {100 * share:g} %": mean_until(teller, share) for share in (0.2, 0.5)}
    return running | mean_so_far | {LAST: last(teller), LARGEST: largest(teller)}


def area(quantity: str, teller: str, found: Separation | None) -> Finding:
    """An AUROC as a finding; undefined where there is no pair."""
    if found is None:
        return Finding(ALL, f"AUROC, {quantity}", teller, UNDEFINED, (0, 0))
    return Finding(ALL, f"AUROC, {quantity}", teller, found.area, (found.successes, found.failures))


def by_task(
    every: Sequence[Track], beside: Sequence[Clock], generator: np.random.Generator, fewest: int
) -> dict[str, Findings]:
    """The findings of each task that has at least `fewest` episodes."""
    pairs: dict[str, list[tuple[Track, Clock]]] = {}
    for track, clock in zip(every, beside, strict=True):
        pairs.setdefault(track.task, []).append((track, clock))
    return {
        task: findings([track for track, _ in some], [clock for _, clock in some], generator)
        for task, some in pairs.items()
        if len(some) >= fewest
    }
