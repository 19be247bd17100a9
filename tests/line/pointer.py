"""A policy for the line that looks, learns nothing, and can be told to go wrong: `--policy tests.line.pointer`."""

from __future__ import annotations

import numpy as np

from protocols.contracts import ActionSpec, Batch, EnvSpec, Episode, ObservationSpec, Plan, content_hash


class Pointer:
    """Goes to where the state says the goal is, with noise from the row's seed; its numbers come from the whole batch.

    Args:
        wrong: "" for none; at the third decision of an episode "nan" or "shape", of odd seeds "raise", or as a plan
            that is a "text" or has "short" estimates.
    """

    in_worker = False

    def __init__(self, spec: EnvSpec, chunk: int, batch_size: int, wrong: str) -> None:
        self.observation: ObservationSpec = spec.observation
        self.action: ActionSpec = spec.action
        self.chunk = self.execute = chunk
        self.batch_size, self.wrong = batch_size, wrong
        self.decisions: dict[int, int] = {}
        self.seeds: dict[int, int] = {}

    def reset(self, slot: int, episode: Episode) -> None:
        self.decisions[slot], self.seeds[slot] = 0, episode.seed

    def act(self, batch: Batch) -> Plan:
        assert len(batch.slots) == self.batch_size == len(batch.images["agent"])
        noise = [np.random.default_rng(seed).normal(0, 0.02, (self.execute, 1)) for seed in batch.seeds]
        gap = (batch.state[:, 1] - batch.state[:, 0])[:, None, None]
        bright = batch.images["agent"].mean(axis=(1, 2, 3))[:, None, None] / 255  # so that frames matter
        actions = (gap / 3 + np.array(noise) + bright / 100).astype(np.float32).clip(-0.1, 0.1)
        for row, slot in enumerate(batch.slots):
            if slot < 0:
                continue
            self.decisions[slot] += 1
            actions[row] *= 1 - 0.01 * min(self.decisions[slot], 20)  # so that the history matters
            if self.wrong == "raise" and self.seeds[slot] % 2 and self.decisions[slot] == 3:
                raise ArithmeticError("odd seeds are not for me")
            if self.wrong == "nan" and self.decisions[slot] == 3:
                actions[row, 0] = np.nan
            if self.wrong == "shape" and self.decisions[slot] == 3:
                actions = actions[:, :, [0, 0]]
        progress = np.clip(batch.state[:, 0] / np.maximum(batch.state[:, 1], 1e-6), 0, 1)
        if self.wrong in ("text", "short") and 3 in self.decisions.values():
            return Plan(np.array("left")) if self.wrong == "text" else Plan(actions, progress=progress[:1])
        return Plan(actions, progress=progress, success=progress**2)

    def fingerprint(self) -> str:
        return content_hash(["pointer", self.execute, self.batch_size, self.wrong])


def make(spec: EnvSpec, chunk: int = 2, batch_size: int = 4, wrong: str = "") -> Pointer:
    return Pointer(spec, chunk, batch_size, wrong)
