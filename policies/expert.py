"""The suite's own scripted expert. It reads the simulator's state, so it acts in the worker, beside the simulator.

noise=X    what it does is disturbed, so that it has to recover, and demonstrations show how (DART, Laskey et al. 2017,
           arXiv 1703.09327): on each entry but the gripper's AR(1) noise, whose standard deviation is X times half the
           entry's range, and of which 0.8 stays from one control step to the next. DART fits the noise to a learner's
           errors; this one is the same everywhere.
"""

from __future__ import annotations

import math

import numpy as np

from protocols.contracts import (
    ActionSpec,
    Batch,
    EnvSpec,
    Episode,
    FloatArray,
    ObservationSpec,
    Plan,
    content_hash,
    decision_seeds,
)

KEPT = 0.8  # of the noise, from one control step to the next
UNDISTURBED = "gripper"  # in the name of an entry: a hand that opens by chance is no disturbance but a failure


class Noise:
    """What disturbs the expert in one episode.

    Args:
        action: what the environment takes.
        episode: the episode; its seeds decide the noise, in another stream than the environment's.
        share: standard deviation, as a share of half the range of each entry.
    """

    def __init__(self, action: ActionSpec, episode: Episode, share: float) -> None:
        self.low, self.high = action.bounds()
        free = [UNDISTURBED not in entry for entry in action.entries]
        self.deviation = share * np.where(free, (self.high - self.low) / 2, 0.0)
        self.random = np.random.default_rng(decision_seeds(episode)[0])
        self.now = self.random.standard_normal(len(free))

    def disturbed(self, wanted: FloatArray) -> FloatArray:
        """(A,) what is executed at this control step in the place of `wanted`, (A,), within the range."""
        executed = (wanted + self.deviation * self.now).clip(self.low, self.high).astype(np.float32)
        self.now = KEPT * self.now + math.sqrt(1 - KEPT**2) * self.random.standard_normal(len(self.now))
        return executed


class Expert:
    """A marker that the worker shall ask `env.expert_action()`; it looks at nothing itself.

    `chunk` is how many steps the worker runs before it reports, so that a progress display moves; `noise` is for it
    too, see `Noise`.
    """

    chunk = execute = 100
    batch_size = 1
    in_worker = True

    def __init__(self, action: ActionSpec, noise: float = 0.0) -> None:
        self.observation = ObservationSpec(cameras={}, state=())
        self.action = action
        self.noise = noise

    def reset(self, slot: int, episode: Episode) -> None:
        """There is no history."""

    def act(self, batch: Batch) -> Plan:
        """Never called."""
        raise AssertionError("the expert acts in the worker")

    def fingerprint(self) -> str:
        """The expert is part of the suite, whose versions are in every key."""
        return content_hash(["expert", self.noise, KEPT] if self.noise else "expert")


def make(spec: EnvSpec, noise: float = 0.0) -> Expert:
    """The expert of whatever suite is run.

    Raises:
        ValueError: noise below 0 or not finite.
    """
    if not 0 <= noise < math.inf:
        raise ValueError(f"noise must be a share of half the action range, 0 or more, not {noise:g}")
    return Expert(spec.action, noise)
