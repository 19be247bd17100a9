"""A pointer that reads some entries of the state in an order of its own: `--policy-arg entries=goal_m,position_m`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from protocols.contracts import Batch, EnvSpec, FloatArray, Plan
from tests.line import STATE
from tests.line.pointer import Pointer


class Reader(Pointer):
    def __init__(self, spec: EnvSpec, entries: tuple[str, ...]) -> None:
        super().__init__(spec, 2, 4, "")
        self.observation = replace(spec.observation, state=entries)
        self.read: list[FloatArray] = []

    def act(self, batch: Batch) -> Plan:
        self.read.append(batch.state)
        named = dict(zip(self.observation.state, batch.state.T, strict=True))
        state = np.stack([named.get(entry, np.ones(self.batch_size, np.float32)) for entry in STATE], axis=1)
        return super().act(batch._replace(state=state))


def make(spec: EnvSpec, entries: str) -> Reader:
    return Reader(spec, tuple(entry for entry in entries.split(",") if entry))
