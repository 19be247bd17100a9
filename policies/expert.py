"""The suite's own scripted expert. It reads the simulator's state, so it acts in the worker, beside the simulator.

noise=X    what it does is disturbed, so that it has to recover, and demonstrations show how (DART, Laskey et al. 2017,
           arXiv 1703.09327): on each entry but the gripper's AR(1) noise, whose standard deviation is X times half the
           entry's range, and of which 0.8 stays from one control step to the next. DART fits the noise to a learner's
           errors; this one is the same everywhere.
bursts=P   at each step with probability P it is pushed aside: for 8 to 24 steps a random action takes the place of its
           own, or of the share push=X of its own, the gripper's entry left alone. So it comes to where neither it nor
           noise would lead, and back; and what it wants when it is left alone again is free of noise.
"""

from __future__ import annotations

import math
from typing import NamedTuple

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


BURST_STEPS = (8, 25)


class Disturbance(NamedTuple):
    """How much the expert is disturbed: see the top of this file."""

    noise: float = 0.0
    bursts: float = 0.0
    push: float = 1.0


class Noise:
    """What disturbs the expert in one episode.

    Args:
        action: what the environment takes.
        episode: the episode; its seeds decide the noise, in another stream than the environment's.
        disturbance: how much.
    """

    def __init__(self, action: ActionSpec, episode: Episode, disturbance: Disturbance) -> None:
        self.low, self.high = action.bounds()
        self.free = np.array([UNDISTURBED not in entry for entry in action.entries])
        self.deviation = disturbance.noise * np.where(self.free, (self.high - self.low) / 2, 0.0)
        seed, other = decision_seeds(episode)[0], (decision_seeds(episode)[0], 1)
        self.random, self.pushing = np.random.default_rng(seed), np.random.default_rng(other)
        self.now = self.random.standard_normal(len(self.free))
        self.bursts, self.share, self.left = disturbance.bursts, disturbance.push, 0
        self.push = np.zeros(len(self.free))
        self.pushed = False

    def disturbed(self, wanted: FloatArray) -> FloatArray:
        """(A,) what is executed at this control step in the place of `wanted`, (A,), within the range.

        `pushed` says afterwards whether it was pushed aside.
        """
        executed = wanted + self.deviation * self.now
        self.now = KEPT * self.now + math.sqrt(1 - KEPT**2) * self.random.standard_normal(len(self.now))
        if not self.left and self.pushing.random() < self.bursts:
            self.left = int(self.pushing.integers(*BURST_STEPS))
            self.push = self.pushing.uniform(self.low, self.high)
        self.pushed = self.left > 0
        if self.pushed:
            self.left -= 1
            executed = np.where(self.free, (1 - self.share) * wanted + self.share * self.push, executed)
        return executed.clip(self.low, self.high).astype(np.float32)


class Expert:
    """A marker that the worker shall ask `env.expert_action()`; it looks at nothing itself.

    `chunk` is how many steps the worker runs before it reports, so that a progress display moves; `disturbance` is for
    it too, see `Noise`.
    """

    chunk = execute = 100
    batch_size = 1
    in_worker = True

    def __init__(self, action: ActionSpec, disturbance: Disturbance) -> None:
        self.observation = ObservationSpec(cameras={}, state=())
        self.action = action
        self.disturbance = disturbance

    def reset(self, slot: int, episode: Episode) -> None:
        """There is no history."""

    def act(self, batch: Batch) -> Plan:
        """Never called."""
        raise AssertionError("the expert acts in the worker")

    def fingerprint(self) -> str:
        """The expert is part of the suite, whose versions are in every key."""
        noise, bursts, push = self.disturbance
        if bursts:
            return content_hash(["expert", noise, KEPT, bursts, BURST_STEPS, push])
        return content_hash(["expert", noise, KEPT] if noise else "expert")


def make(spec: EnvSpec, noise: float = 0.0, bursts: float = 0.0, push: float = 1.0) -> Expert:
    """The expert of whatever suite is run.

    Raises:
        ValueError: noise below 0 or not finite, bursts that are no probability, or a push that is no share.
    """
    if not 0 <= noise < math.inf:
        raise ValueError(f"noise must be a share of half the action range, 0 or more, not {noise:g}")
    if not 0 <= bursts <= 1:
        raise ValueError(f"bursts must be a probability per control step, from 0 to 1, not {bursts:g}")
    if not 0 < push <= 1:
        raise ValueError(f"push must be a share of an action, above 0 and up to 1, not {push:g}")
    return Expert(spec.action, Disturbance(noise, bursts, push))
