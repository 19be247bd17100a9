"""Plays the recorded actions of a stored run; it must reproduce that run's starts, verdicts, steps and progress.

It looks at nothing, so its records differ from the original's in the number of renders. An episode that was not
recorded, or that ended in an error, cannot be played; one whose actions run out before it ends is given zero actions.
"""

from __future__ import annotations

import hashlib

import numpy as np

from protocols.contracts import ActionSpec, Batch, EnvSpec, Episode, FloatArray, ObservationSpec, Plan


class Replay:
    """Plans `execute` recorded actions at a time.

    Args:
        action: spec of the environment that the actions were recorded in.
        actions: (steps, A) by episode.
    """

    chunk = execute = 50
    batch_size = 1
    in_worker = False

    def __init__(self, action: ActionSpec, actions: dict[Episode, FloatArray]) -> None:
        self.observation = ObservationSpec(cameras={}, state=())
        self.action = action
        self.actions = actions
        self.left: dict[int, FloatArray] = {}

    def reset(self, slot: int, episode: Episode) -> None:
        """Take the episode's recording.

        Raises:
            LookupError: there is none.
        """
        if episode not in self.actions:
            raise LookupError(f"the replayed store has no verdict for episode {episode.index} of {episode.task}")
        self.left[slot] = self.actions[episode]

    def act(self, batch: Batch) -> Plan:
        """(B, execute, A): the next recorded actions of each row, then zeros."""
        plan = np.zeros((len(batch.slots), self.execute, len(self.action.entries)), np.float32)
        for row, slot in enumerate(batch.slots):
            if slot >= 0:
                now, self.left[slot] = np.split(self.left[slot], [self.execute])
                plan[row, : len(now)] = now
        return Plan(plan)

    def fingerprint(self) -> str:
        """Hash of all recordings."""
        digest = hashlib.sha256()
        for episode in sorted(self.actions, key=repr):
            digest.update(repr(episode).encode() + self.actions[episode].tobytes())
        return digest.hexdigest()[:32]


def make(spec: EnvSpec, actions: dict[Episode, FloatArray]) -> Replay:
    """Replay those actions; the command line reads them from the store in `--policy-arg store=DIR`."""
    return Replay(spec.action, actions)
