"""Does nothing: all actions are zero. The floor that every success rate stands on, and a load without a model."""

from __future__ import annotations

import numpy as np

import policies
from protocols.contracts import ActionSpec, Batch, EnvSpec, Episode, ObservationSpec, Plan, at_least_one, content_hash


class Zero:
    """Plans `chunk` zero actions, whatever it sees."""

    batch_size = 1
    in_worker = False

    def __init__(self, observation: ObservationSpec, action: ActionSpec, chunk: int) -> None:
        self.observation = observation
        self.action = action
        self.chunk = self.execute = at_least_one("chunk", chunk)

    def reset(self, slot: int, episode: Episode) -> None:
        """There is no history."""

    def act(self, batch: Batch) -> Plan:
        """(B, chunk, A) zeros."""
        return Plan(np.zeros((len(batch.slots), self.execute, len(self.action.entries)), np.float32))

    def fingerprint(self) -> str:
        """Its chunk, and what it looks at."""
        return content_hash(["zero", self.execute, sorted(self.observation.cameras.items())])


def make(spec: EnvSpec, chunk: int = 1, cameras: str = "") -> Zero:
    """Looks every `chunk` steps through `cameras` (comma-separated roles), so that any look pattern can be measured."""
    return Zero(policies.chosen_view(spec, cameras), spec.action, chunk)
