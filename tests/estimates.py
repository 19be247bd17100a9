"""Made-up records of a policy that estimates its own progress, success and advantage, for the tests of evidence."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

import protocols
from protocols.contracts import Look, Record
from tests.records import make_evaluation

SOME = protocols.load("metaworld_mt50").changed(tasks=["reach-v3", "push-v3", "peg-insert-side-v3"], trials=12)
EVERY = 8  # control steps between looks
TIERS = ("easy", "medium", "hard", "very_hard")


def estimating(records: Iterable[Record], *, skill: float = 0.8, seed: int = 0) -> list[Record]:
    """The same records with looks, of heads that see as much of the truth as `skill` says, 0 to 1, and noise."""
    return [replace(record, looks=tuple(looks(record, skill, seed))) for record in records]


def looks(record: Record, skill: float, seed: int) -> Iterable[Look]:
    """Looks of one episode; the noise is its own, so that it does not depend on the order of records."""
    random = np.random.default_rng([seed, record.episode.seed, sum(map(ord, record.policy))])
    drift = random.normal(0, 0.08)
    for step in range(0, record.steps, EVERY):
        left = record.steps - step if record.success else 400
        truth, clock = float(record.progress[max(step, 1) - 1]), 1 - max(0, 120 - step) / 300
        seen = skill * (0.6 + 0.4 * truth) + (1 - skill) * clock + drift + random.normal(0, 0.04)
        sure = 3 * skill * (1 if left <= 17 else -1) + random.normal(0, 1) - 1.5 * (left > 40)
        yield Look(step, float(np.clip(seen, 0, 1)), float(1 / (1 + np.exp(-sure))), float(random.normal(-0.02, 0.05)))


def evaluation(policy: str = "vla", rate: float = 0.6, *, skill: float = 0.8, seed: int = 0) -> list[Record]:
    """Three tasks with twelve episodes each."""
    return estimating(
        make_evaluation(SOME, policy, seed=seed, rates=dict.fromkeys(TIERS, rate)), skill=skill, seed=seed
    )
