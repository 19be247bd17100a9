"""A small store with two policies, errors, events, failure modes, estimates and videos, for the tests of reports."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

import protocols
from protocols.contracts import Event, Look, Record
from results.store import Store
from results.videos import Frame, caption, write
from tests.records import make_evaluation, with_errors

SOME = protocols.load("metaworld_mt50").changed(tasks=["reach-v3", "push-v3", "peg-insert-side-v3"], trials=5)
TIERS = ("easy", "medium", "hard", "very_hard")


def course(record: Record, random: np.random.Generator) -> Record:
    """The same record with actions, events, estimates, and a failure mode where it failed."""
    events = (
        Event(max(1, record.steps // 3), "grasped"),
        *([Event(record.steps, "success")] if record.success else []),
    )
    looks = tuple(Look(step, float(record.progress[step]) / 2, None) for step in range(0, record.steps, 20))
    actions = random.uniform(-1, 1, (record.steps, 4)).astype(np.float32)
    failure = "missed_grasp" if record.success is False else ""
    return replace(record, protocol="made_up", actions=actions, events=events, looks=looks, failure=failure)


def two_policies() -> list[Record]:
    """Fifteen episodes each of a good and a bad policy; one of the bad one's has no verdict.

    Their protocol is one that is not here, so that this error is not too large a share.
    """
    random = np.random.default_rng(0)
    good = make_evaluation(SOME, "good", seed=1, rates=dict.fromkeys(TIERS, 0.85))
    bad = make_evaluation(SOME, "bad(chunk=10)", seed=2, rates=dict.fromkeys(TIERS, 0.25))
    return [course(record, random) for record in [*good, *with_errors(bad, 1)]]


def fill(folder: Path, records: list[Record]) -> Path:
    """A store of some records."""
    with Store(folder, write=True) as opened:
        opened.add_run("run-a", {"command": ["--policy", "good"], "git": {"commit": "c0ffee" * 6, "dirty": False}})
        for record in records:
            opened.add(record)
    return folder


def film(folder: Path, records: list[Record]) -> None:
    """Videos of some records, where `harness.film` puts them."""
    (folder / "videos").mkdir()
    for record in records:
        name = f"{record.episode.task}-{record.episode.index:03}-{record.key[:8]}.mp4"
        picture = np.zeros((64, 64, 3), np.uint8)
        frames = (Frame(picture + np.uint8(8 * step), step, step / 20, "Do it") for step in range(21))
        write(folder / "videos" / name, frames, caption(record))
