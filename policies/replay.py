"""Plays the recorded actions of a stored run; it must reproduce that run's starts, verdicts, steps and progress.

It looks at nothing unless cameras are named; with cameras it shows what a policy without a model costs on real
episodes. An episode that was not recorded, or that ended in an error, cannot be played; one whose actions run out
before it ends is given zero actions.
"""

from __future__ import annotations

import hashlib

import numpy as np

import policies
from protocols.contracts import (
    ActionSpec,
    Batch,
    EnvSpec,
    Episode,
    FloatArray,
    ObservationSpec,
    Plan,
    at_least_one,
    content_hash,
    identity,
)


class Replay:
    """Plans `chunk` recorded actions at a time.

    Args:
        observation: what it looks at.
        action: spec of the environment that the actions were recorded in.
        actions: (steps, A) by episode.
        chunk: actions between two looks.
    """

    batch_size = 1
    in_worker = False

    def __init__(
        self, observation: ObservationSpec, action: ActionSpec, actions: dict[Episode, FloatArray], chunk: int
    ) -> None:
        self.observation = observation
        self.action = action
        self.actions = actions
        self.chunk = self.execute = at_least_one("chunk", chunk)
        self.played: dict[int, FloatArray] = {}

    def reset(self, slot: int, episode: Episode) -> None:
        """Take the episode's recording.

        Raises:
            LookupError: there is none.
        """
        if episode not in self.actions:
            raise LookupError(f"the replayed store has no verdict for episode {episode.index} of {episode.task}")
        self.played[slot] = self.actions[episode]

    def act(self, batch: Batch) -> Plan:
        """(B, execute, A): the next recorded actions of each row, then zeros."""
        plan = np.zeros((len(batch.slots), self.execute, len(self.action.entries)), np.float32)
        for row, slot in enumerate(batch.slots):
            if slot >= 0:
                now = self.played[slot][batch.steps[row] :][: self.execute]
                plan[row, : len(now)] = now
        return Plan(plan)

    def fingerprint(self) -> str:
        """Hash of all recordings, its chunk, and what it looks at."""
        digest = hashlib.sha256(content_hash([self.chunk, sorted(self.observation.cameras.items())]).encode())
        for name, actions in sorted((told(episode), actions.tobytes()) for episode, actions in self.actions.items()):
            digest.update(name.encode() + actions)
        return digest.hexdigest()[:32]


def told(episode: Episode) -> str:
    """The episode as text; without its repeat where that is 0, so that fingerprints from before there were any hold."""
    return f"Episode({', '.join(f'{name}={value!r}' for name, value in identity(episode).items())})"


def make(spec: EnvSpec, actions: dict[Episode, FloatArray], chunk: int = 50, cameras: str = "") -> Replay:
    """Replay those actions, which the command line reads from the store in `--policy-arg store=DIR`.

    It looks every `chunk` steps through `cameras`, comma-separated roles.
    """
    return Replay(policies.chosen_view(spec, cameras), spec.action, actions, chunk)
