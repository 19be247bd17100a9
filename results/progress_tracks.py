"""What a policy said of its own progress in each episode, the truth beside it, and what a clock would have said.

A clock knows the task and how many control steps have passed, and of the other episodes how they ended; it sees
nothing. An estimate that is no better than the clock's is worth nothing, however smooth its curve.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from protocols.contracts import Look, Record

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
SOON_STEPS = 18  # ProgVLA's success head learns that at most 17 rows follow: so many steps (arXiv 2605.28231)
TARGET_STEPS = 500  # ProgVLA's progress falls by one such part with each step that is left (the same)


@dataclass(frozen=True, eq=False)
class Track:
    """One episode with a verdict and n looks; NaN where the policy said nothing.

    Args:
        task: its task.
        index: its number within the task.
        success: how it ended.
        steps: after how many control steps.
        horizon: after how many it would have failed.
        at: (n,) control steps before each look.
        progress: (n,) what the policy said of its progress.
        probability: (n,) what it said of its success.
        advantage: (n,) what it said of its action.
        truth: (n,) ground-truth progress; at a look before the first step, that after the first step.
    """

    task: str
    index: int
    success: bool
    steps: int
    horizon: int
    at: npt.NDArray[np.int64]
    progress: Floats
    probability: Floats
    advantage: Floats
    truth: Floats

    @property
    def target(self) -> Floats:
        """(n,) what ProgVLA's progress learns from demonstrations, 1 at the end; means nothing in a failure."""
        return np.maximum(0.0, 1 - (self.steps - 1 - self.at) / TARGET_STEPS)

    @property
    def soon(self) -> Bools:
        """(n,) whether the episode succeeds within the next steps, see SOON_STEPS."""
        return self.ever & (self.steps - self.at <= SOON_STEPS)

    @property
    def ever(self) -> Bools:
        """(n,) whether the episode succeeds at all."""
        return np.full(len(self.at), self.success)


def tracks(records: Iterable[Record]) -> list[Track]:
    """The episodes that have a verdict and at least one look, by task and index."""
    judged = [record for record in records if record.success is not None and record.looks and len(record.progress)]
    return [track(record) for record in sorted(judged, key=lambda one: (one.episode.task, one.episode.index))]


def track(record: Record) -> Track:
    """One episode."""
    looks = np.array([numbers(look) for look in record.looks], np.float64)  # (n, 4)
    at = looks[:, 0].astype(np.int64)
    return Track(
        task=record.episode.task,
        index=record.episode.index,
        success=bool(record.success),
        steps=record.steps,
        horizon=record.episode.max_steps,
        at=at,
        progress=looks[:, 1],
        probability=looks[:, 2],
        advantage=looks[:, 3],
        truth=record.progress.astype(np.float64)[np.maximum(at, 1) - 1],
    )


def numbers(look: Look) -> tuple[float, ...]:
    """The look, NaN for None."""
    return tuple(np.nan if value is None else float(value) for value in look)


class Clock(NamedTuple):
    """What the clock says at the n looks of an episode, (n,) each; the episode itself has taught it nothing.

    progress: steps passed per mean length of the task's other successes, at most 1. target: ProgVLA's target, as if
    the episode ended at that length. soon, ever: of the task's other episodes that were still running after as many
    steps, and of one more that stands for the looks of all other episodes, the share for which it came true.
    """

    progress: Floats
    target: Floats
    soon: Floats
    ever: Floats


def clocks(every: Sequence[Track]) -> list[Clock]:
    """The clock beside each episode. Where no other episode of a task succeeded its length is the horizon."""
    looks = np.array([len(one.at) for one in every])
    came_true = np.array([(one.soon.sum(), one.ever.sum()) for one in every]).reshape(-1, 2)
    made = []
    for place, one in enumerate(every):
        others = [other for other in every if other.task == one.task and other is not one]
        lengths = [other.steps for other in others if other.success]
        length = float(np.mean(lengths)) if lengths else float(one.horizon)
        unseen = looks.sum() - looks[place]
        usual = (came_true.sum(axis=0) - came_true[place]) / unseen if unseen else np.array([0.5, 0.5])
        soon, ever = life_table(one.at, others, usual)
        target = 1 - np.maximum(0.0, length - 1 - one.at) / TARGET_STEPS
        made.append(Clock(np.minimum(1.0, one.at / length), np.maximum(0.0, target), soon, ever))
    return made


def life_table(at: npt.NDArray[np.int64], others: Sequence[Track], usual: Floats) -> tuple[Floats, Floats]:
    """(n,) shares of the others still running after `at` steps that succeed soon, and at all; `usual` (2,) as one."""
    left = np.array([other.steps for other in others], np.int64)[:, None] - at  # (others, n) steps left
    running = left > 0
    ever = running & np.array([other.success for other in others], np.bool_)[:, None]
    soon = ever & (left <= SOON_STEPS)
    count = running.sum(axis=0) + 1
    return (soon.sum(axis=0) + usual[0]) / count, (ever.sum(axis=0) + usual[1]) / count
