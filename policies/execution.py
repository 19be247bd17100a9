"""How a plan is executed: wrappers around a policy, not flags inside it.

chunk=K     execute the first K actions of each plan, then look again
first       execute one action and look again: chunk=1
ensemble    look at every step and average what all past plans say about it, as ACT does (Zhao et al. 2023,
            arXiv 2304.13705, section IV-A): weight exp(-0.01 i), i = 0 for the oldest plan
"""

from __future__ import annotations

from typing import Any

import numpy as np

from protocols.contracts import Batch, Episode, FloatArray, Plan, Policy, at_least_one, content_hash


class Wrapper:
    """A policy around a policy; everything that a wrapper does not change is the inner policy's."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.observation = policy.observation
        self.action = policy.action
        self.chunk = policy.chunk
        self.execute = policy.execute
        self.batch_size = policy.batch_size
        self.in_worker = policy.in_worker

    def reset(self, slot: int, episode: Episode) -> None:
        """Forget the slot's history."""
        self.policy.reset(slot, episode)

    def act(self, batch: Batch) -> Plan:
        """The inner policy's plan."""
        return self.policy.act(batch)

    def about(self) -> dict[str, Any]:
        """What the inner policy tells about itself, see `policies.about`."""
        told: dict[str, Any] = getattr(self.policy, "about", dict)()
        return told

    def fingerprint(self) -> str:
        """Hash of the inner policy and of how it is executed."""
        return content_hash([type(self).__name__, self.execute, self.policy.fingerprint()])


class Chunk(Wrapper):
    """Executes the first `steps` actions of each plan; ValueError where a plan has fewer."""

    def __init__(self, policy: Policy, steps: int) -> None:
        super().__init__(policy)
        if at_least_one("chunk", steps) > policy.chunk:
            raise ValueError(f"the policy plans {policy.chunk} actions at a time, {steps} cannot be executed")
        self.execute = steps


class Ensemble(Wrapper):
    """Executes, at every step, the weighted mean of what all plans so far say about that step."""

    decay = 0.01

    def __init__(self, policy: Policy) -> None:
        super().__init__(policy)
        self.chunk = self.execute = 1
        self.plans: dict[int, list[FloatArray]] = {}

    def reset(self, slot: int, episode: Episode) -> None:
        """Forget the slot's plans."""
        self.policy.reset(slot, episode)
        self.plans[slot] = []

    def act(self, batch: Batch) -> Plan:
        """(B, 1, A)."""
        plan = self.policy.act(batch)
        actions = plan.actions[:, :1].copy()  # (B, 1, A)
        for row, slot in enumerate(batch.slots):
            if slot >= 0:
                actions[row, 0] = self._mean(slot, plan.actions[row])
        return plan._replace(actions=actions)

    def _mean(self, slot: int, newest: FloatArray) -> FloatArray:
        """(A,) weighted mean for the current step; drops its row from every plan, and plans that are used up."""
        plans = [*self.plans[slot], newest]  # each (T, A), the first row is about now
        weights = np.exp(-self.decay * np.arange(len(plans), dtype=np.float32))
        now = np.stack([plan[0] for plan in plans])  # (N, A)
        self.plans[slot] = [plan[1:] for plan in plans if len(plan) > 1]
        mean: FloatArray = (weights[:, None] * now).sum(axis=0) / weights.sum()
        return mean


def wrapped(policy: Policy, execution: str) -> Policy:
    """The policy under `execution`: "own", "first", "chunk=K" or "ensemble".

    Raises:
        ValueError: another word, or a policy that acts in the worker, which has no plans to execute.
    """
    if execution == "own":
        return policy
    if policy.in_worker:
        raise ValueError(
            f"this policy acts beside the simulator and makes no plans; --execution {execution} does not apply"
        )
    name, _, steps = execution.partition("=")
    if execution == "first":
        return Chunk(policy, 1)
    if name == "chunk" and steps.isdigit():
        return Chunk(policy, int(steps))
    if execution == "ensemble":
        return Ensemble(policy)
    raise ValueError(f"no execution {execution!r}; there are: own, first, chunk=K, ensemble")
