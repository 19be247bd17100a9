"""Uniform random actions from the seed of each decision. The second floor: what is solved by luck."""

from __future__ import annotations

import numpy as np

import policies
from protocols.contracts import ActionSpec, Batch, EnvSpec, Episode, ObservationSpec, Plan, at_least_one, content_hash


class Random:
    """Plans `chunk` actions, each entry uniform in its range."""

    batch_size = 1
    in_worker = False

    def __init__(self, observation: ObservationSpec, action: ActionSpec, chunk: int) -> None:
        self.observation = observation
        self.action = action
        self.chunk = self.execute = at_least_one("chunk", chunk)

    def reset(self, slot: int, episode: Episode) -> None:
        """There is no history."""

    def act(self, batch: Batch) -> Plan:
        """(B, chunk, A) draws, a pure function of each row's seed."""
        shape = (self.execute, len(self.action.entries))
        rows = [np.random.default_rng(seed).uniform(*self.action.bounds(), shape) for seed in batch.seeds]
        return Plan(np.array(rows, np.float32))

    def fingerprint(self) -> str:
        """Its chunk, and what it looks at."""
        return content_hash(["random", self.execute, sorted(self.observation.cameras.items())])


def make(spec: EnvSpec, chunk: int = 1, cameras: str = "") -> Random:
    """Looks every `chunk` steps through `cameras` (comma-separated roles), so that any look pattern can be measured."""
    return Random(policies.chosen_view(spec, cameras), spec.action, chunk)
