"""The rows to learn from: what each is, which are held out, in which order they come, and their statistics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.training.sources import Numbers, Rows, Source
from protocols.contracts import ActionSpec, EnvSpec, FloatArray, ImageArray, content_hash
from protocols.samples import SMALLEST_STD, Samples, Statistics

GRIPPER, TURN = "gripper", 0.25  # in an entry's name; the share of its range that is a turn


@dataclass(frozen=True, eq=False)
class Table:
    """Every row of every demonstration, one after another; N rows, of which those with images can be looked at.

    state: (N, S). actions: (N, A). last: (N,) last row of the row's stretch, which has one instruction.
    told: (N,) which text. of: (N,) which demonstration. starts: (M,) rows with images.
    reel, frame: (M,) which source, and which of its images.
    """

    state: FloatArray
    actions: FloatArray
    last: Rows
    told: Rows
    of: Rows
    starts: Rows
    reel: Rows
    frame: Rows
    texts: tuple[str, ...]
    demonstrations: tuple[Numbers, ...]


def table(sources: Sequence[Source], entries: tuple[str, ...]) -> Table:
    """The rows of all sources, with the named entries of the state in that order."""
    all_numbers = [numbers for source in sources for numbers in source.demonstrations]
    texts = tuple(sorted({text for numbers in all_numbers for text in numbers.instructions}))
    code = {text: number for number, text in enumerate(texts)}
    columns: dict[str, list[Any]] = {key: [] for key in ("state", "actions", "last", "told", "of", "starts")}
    reels, frames, first, number = [], [], 0, 0
    for place, source in enumerate(sources):
        chosen = [source.state.index(entry) for entry in entries]
        drawn_before = 0
        for numbers in source.demonstrations:
            rows = len(numbers.actions)
            told = np.array([code[text] for text in numbers.instructions], np.int64)
            columns["state"].append(numbers.state[:, chosen])
            columns["actions"].append(numbers.actions)
            columns["last"].append(first + last_of_stretch(told))
            columns["told"].append(told)
            columns["of"].append(np.full(rows, number, np.int64))
            columns["starts"].append(first + numbers.drawn)
            reels.append(np.full(len(numbers.drawn), place, np.int64))
            frames.append(drawn_before + np.arange(len(numbers.drawn)))
            first, number, drawn_before = first + rows, number + 1, drawn_before + len(numbers.drawn)
    joined: dict[str, Any] = {key: np.concatenate(parts) for key, parts in columns.items()}
    joined |= {"reel": np.concatenate(reels), "frame": np.concatenate(frames)}
    return Table(**joined, texts=texts, demonstrations=tuple(all_numbers))


def last_of_stretch(told: Rows) -> Rows:
    """(T,) for each row the last one before the instruction changes."""
    ends = np.append(np.flatnonzero(np.diff(told)), len(told) - 1)
    return ends[np.searchsorted(ends, np.arange(len(told)))]


class DataSet:
    """What one training learns from.

    Args:
        sources: the demonstrations.
        spec: what of them is learnt from, see `agreed_spec`.
        hold_out: share of the demonstrations that is only for validation, chosen by their content.
    """

    def __init__(self, sources: Sequence[Source], spec: EnvSpec, hold_out: float = 0.0) -> None:
        self.sources, self.spec = tuple(sources), spec
        self.table = table(sources, spec.observation.state)
        check_finite(self.table)
        held = np.array([is_held_out(numbers, hold_out) for numbers in self.table.demonstrations])
        of_starts = held[self.table.of[self.table.starts]]
        self.training, self.validation = np.flatnonzero(~of_starts), np.flatnonzero(of_starts)
        if not len(self.training):
            raise ValueError(f"nothing is left to learn from with --hold-out {hold_out}")
        self.held = tuple(np.flatnonzero(held).tolist())
        self.turns = turns(self.table.actions, self.table.last, spec.action)
        self.reaching = reaching(self.turns, self.table.last)
        self.hash = content_hash([sorted(source.hash for source in sources), spec.observation.state, hold_out])
        self.images: dict[str, list[ImageArray]] = {}
        self.chunk, self.size_px = 1, 0

    def look_through(self, images: dict[str, list[ImageArray]], size_px: int, chunk: int) -> None:
        """Give it the images of each camera, and how many actions a sample has."""
        self.images, self.size_px, self.chunk = images, size_px, chunk

    def statistics(self) -> Statistics:
        """Of every row of all demonstrations once."""
        state, actions = self.table.state, self.table.actions
        return Statistics(*moments(state), *moments(actions))

    def dealt(self, times: int) -> Rows:
        """The places to train at, those of rows that are still reaching so many times."""
        again = self.training[self.reaching[self.table.starts[self.training]]]
        return np.concatenate([self.training, np.repeat(again, times - 1)])

    def samples(self, chosen: Rows) -> Samples:
        """The samples at some places of `table.starts`."""
        rows = self.table.starts[chosen]
        last = self.table.last[rows]
        ahead = rows[:, None] + np.arange(self.chunk)
        return Samples(
            images={camera: self._images(camera, chosen) for camera in self.images},
            state=self.table.state[rows],
            instructions=tuple(self.table.texts[text] for text in self.table.told[rows]),
            actions=self.table.actions[np.minimum(ahead, last[:, None])],
            padded=ahead > last[:, None],
            to_go=last - rows,
            goal=self.table.state[self.turns[rows]],
            reaching=self.reaching[rows],
        )

    def _images(self, camera: str, chosen: Rows) -> ImageArray:
        reels = self.images[camera]
        found = np.empty((len(chosen), self.size_px, self.size_px, 3), np.uint8)
        places = zip(self.table.reel[chosen].tolist(), self.table.frame[chosen].tolist(), strict=True)
        for row, (reel, frame) in enumerate(places):
            found[row] = reels[reel][frame]
        return found

    def names(self, chosen: Rows) -> list[str]:
        """Name and row of each sample, for messages."""
        rows = self.table.starts[chosen]
        first = np.searchsorted(self.table.of, self.table.of[rows])
        return [
            f"{self.table.demonstrations[of].name} row {row}"
            for of, row in zip(self.table.of[rows].tolist(), (rows - first).tolist(), strict=True)
        ]

    def card(self) -> dict[str, Any]:
        """What a checkpoint says about its data; no place on this machine."""
        held = set(self.held)
        tasks = [numbers.task for numbers in self.table.demonstrations]
        return {
            "hash": self.hash,
            "sources": sorted(source.name for source in self.sources),
            "made_by": sorted({source.made_by for source in self.sources} - {""}),
            "demonstrations_by_task": dict(Counter(t for n, t in enumerate(tasks) if n not in held)),
            "held_out_by_task": dict(Counter(tasks[number] for number in self.held)),
            "left_out_as_failed": sum(source.failed for source in self.sources),
            "rows": len(self.table.actions),
            "samples": len(self.training),
            "samples_held_out": len(self.validation),
            "instructions": len(self.table.texts),
        }


def turns(actions: FloatArray, last: Rows, action: ActionSpec) -> Rows:
    """(N,) for each row the next one in which the gripper is asked for something else, else the last of its stretch."""
    low, high = action.bounds()
    grips = np.array([GRIPPER in entry for entry in action.entries])
    turning = (np.abs(np.diff(actions, axis=0)) > TURN * (high - low))[:, grips].any(axis=1)  # (N - 1,)
    rows = np.append(np.flatnonzero(turning) + 1, len(actions))
    following: Rows = rows[np.searchsorted(rows, np.arange(len(actions)), "right")]
    return np.minimum(following, last)


def reaching(turns: Rows, last: Rows) -> npt.NDArray[np.bool_]:
    """(N,) whether the gripper has not turned yet in the row's stretch."""
    _, first, stretch = np.unique(last, return_index=True, return_inverse=True)
    until: npt.NDArray[np.bool_] = turns == turns[first[stretch]]
    return until


def is_held_out(numbers: Numbers, share: float) -> bool:
    """Whether a demonstration is among a share of all, whatever others there are."""
    return int(numbers.digest()[:8], 16) < share * 2**32


def check_finite(table: Table) -> None:
    """Refuse a state or action that is no number."""
    for what, values in (("a state", table.state), ("an action", table.actions)):
        finite = np.isfinite(values).all(axis=1)
        if not finite.all():
            name = table.demonstrations[table.of[int(np.argmin(finite))]].name
            raise ValueError(f"{name} has {what} that is not finite")


def moments(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean and deviation of each column, summed as float64."""
    mean = values.mean(axis=0, dtype=np.float64)
    deviation = values.std(axis=0, dtype=np.float64)
    return mean.astype(np.float32), np.maximum(deviation, SMALLEST_STD).astype(np.float32)


class Order:
    """Which samples each step learns from: every one once before any comes again, in an order that the seed decides.

    Step and seed alone decide, so that a training that goes on needs to know nothing else.

    Args:
        places: (M,) the places to choose from.
        batch: samples in a step.
        seed: decides the order.
    """

    def __init__(self, places: Rows, batch: int, seed: int) -> None:
        self.places, self.batch, self.seed = places, batch, seed
        self.epoch, self.shuffled = -1, places

    def chosen(self, step: int) -> npt.NDArray[np.int64]:
        """(batch,) places for that step, counted from 0."""
        found: list[Rows] = []
        first, missing = step * self.batch, self.batch
        while missing:
            epoch, place = divmod(first, len(self.places))
            part = self._shuffled(epoch)[place : place + missing]
            found.append(part)
            first, missing = first + len(part), missing - len(part)
        return np.concatenate(found)

    def _shuffled(self, epoch: int) -> Rows:
        if epoch != self.epoch:
            stream = np.random.default_rng(np.random.SeedSequence([self.seed, epoch]))
            self.epoch, self.shuffled = epoch, stream.permutation(self.places)
        return self.shuffled
