"""Arms: a policy that is denied something, to ask whether it needs it. Wrappers around a policy, paired with it later.

blind        images are black, and never drawn
frozen       images are the first ones of the episode, also where the instruction changes within it
no-language  the instruction is empty
shuffled     the instruction is that of another task, drawn from the episode's seed; the same for as long as it is told
             the same
zero-state   the state is all zeros, as it stands in the batch, before any normalisation by the policy
delayed=K    images and state are those of K looks ago; where there were fewer looks since the episode began or its
             instruction changed, the first of them. Instruction, seed and step count are now's. With execution `first`
             a look is a control step; for a plan that arrives late instead see `harness.latency`
clock        acts as it does, but its estimate of progress is the share of the horizon that has elapsed

An arm stands between the policy and what it sees; how its plans are executed (`policies.execution`) is wrapped around.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from policies.execution import Wrapper
from protocols.contracts import Batch, Episode, FloatArray, ImageArray, Plan, Policy, at_least_one, content_hash

NONE = "none"
NAMES = (NONE, "blind", "frozen", "no-language", "shuffled", "zero-state", "delayed=K", "clock")


class Blind(Wrapper):
    """Sees black images, which nobody has to draw."""

    def __init__(self, policy: Policy) -> None:
        super().__init__(policy)
        self.observation = replace(policy.observation, cameras={})

    def act(self, batch: Batch) -> Plan:
        """What the policy plans in the dark."""
        sizes = self.policy.observation.cameras
        black = {camera: np.zeros((len(batch.slots), *size, 3), np.uint8) for camera, size in sizes.items()}
        return self.policy.act(batch._replace(images=black))


class Frozen(Wrapper):
    """Sees the first images of the episode for as long as it lasts."""

    def __init__(self, policy: Policy) -> None:
        super().__init__(policy)
        self.first: dict[int, dict[str, ImageArray]] = {}  # (H, W, 3) by slot and camera

    def act(self, batch: Batch) -> Plan:
        """What the policy plans in front of a still."""
        images = {camera: frames.copy() for camera, frames in batch.images.items()}
        for row, slot in enumerate(batch.slots):
            if slot < 0:
                continue
            if batch.steps[row] == 0:
                self.first[slot] = {camera: frames[row].copy() for camera, frames in batch.images.items()}
            for camera, frame in self.first[slot].items():
                images[camera][row] = frame
        return self.policy.act(batch._replace(images=images))


class NoLanguage(Wrapper):
    """Is told nothing."""

    def act(self, batch: Batch) -> Plan:
        """What the policy plans without an instruction."""
        return self.policy.act(batch._replace(instructions=("",) * len(batch.slots)))


class Shuffled(Wrapper):
    """Is told what another task is told.

    Args:
        policy: who acts.
        instructions: those to draw from.

    Raises:
        ValueError: fewer than two different ones.
    """

    def __init__(self, policy: Policy, instructions: Iterable[str]) -> None:
        super().__init__(policy)
        self.instructions = sorted(set(instructions))
        self.seeds: dict[int, int] = {}
        if len(self.instructions) < 2:
            raise ValueError(
                "--arm shuffled needs a protocol whose tasks have different instructions; this one has not"
            )

    def reset(self, slot: int, episode: Episode) -> None:
        """Forget the slot's history."""
        self.policy.reset(slot, episode)
        self.seeds[slot] = episode.seed

    def act(self, batch: Batch) -> Plan:
        """What the policy plans for another task."""
        rows = zip(batch.slots, batch.instructions, strict=True)
        told = tuple(self._other(self.seeds[slot], told) if slot >= 0 else told for slot, told in rows)
        return self.policy.act(batch._replace(instructions=told))

    def _other(self, seed: int, told: str) -> str:
        others = [instruction for instruction in self.instructions if instruction != told]
        return others[int(content_hash([seed, told]), 16) % len(others)]

    def fingerprint(self) -> str:
        """Hash of the inner policy and of the instructions to draw from."""
        return content_hash([super().fingerprint(), self.instructions])


class ZeroState(Wrapper):
    """Reads zeros for a state."""

    def act(self, batch: Batch) -> Plan:
        """What the policy plans without knowing where its arm is."""
        return self.policy.act(batch._replace(state=np.zeros_like(batch.state)))


class Seen(NamedTuple):
    """What there was to see at one look: (H, W, 3) by camera, and (S,)."""

    images: dict[str, ImageArray]
    state: FloatArray


class Delayed(Wrapper):
    """Sees what there was to see `looks` looks ago."""

    def __init__(self, policy: Policy, looks: int) -> None:
        super().__init__(policy)
        self.looks = at_least_one("delayed", looks)
        self.seen: dict[int, list[Seen]] = {}

    def reset(self, slot: int, episode: Episode) -> None:
        """Forget what the slot has seen."""
        self.policy.reset(slot, episode)
        self.seen[slot] = []

    def act(self, batch: Batch) -> Plan:
        """What the policy plans for the past."""
        images = {camera: frames.copy() for camera, frames in batch.images.items()}
        state = batch.state.copy()
        for row, slot in enumerate(batch.slots):
            if slot < 0:
                continue
            now = Seen({camera: frames[row].copy() for camera, frames in batch.images.items()}, batch.state[row].copy())
            self.seen[slot] = [*self.seen[slot], now][-1 - self.looks :]
            past = self.seen[slot][0]
            state[row] = past.state
            for camera, frame in past.images.items():
                images[camera][row] = frame
        return self.policy.act(batch._replace(images=images, state=state))

    def fingerprint(self) -> str:
        """Hash of the inner policy and of the delay."""
        return content_hash([super().fingerprint(), self.looks])


class Clock(Wrapper):
    """Takes the time that has passed for progress."""

    def __init__(self, policy: Policy) -> None:
        super().__init__(policy)
        self.horizons: dict[int, int] = {}

    def reset(self, slot: int, episode: Episode) -> None:
        """Forget the slot's history."""
        self.policy.reset(slot, episode)
        self.horizons[slot] = episode.max_steps

    def act(self, batch: Batch) -> Plan:
        """The policy's plan, with elapsed steps over the horizon for its progress, (B,)."""
        rows = zip(batch.slots, batch.steps, strict=True)
        elapsed = [steps / self.horizons[slot] if slot >= 0 else 0.0 for slot, steps in rows]
        return self.policy.act(batch)._replace(progress=np.array(elapsed, np.float32))


def armed(policy: Policy, arm: str, instructions: Iterable[str] = ()) -> Policy:
    """The policy under an arm, see `NAMES`.

    Args:
        policy: who acts.
        arm: its name.
        instructions: those that `shuffled` draws from.

    Raises:
        ValueError: another word; a policy that acts in the worker, and is shown nothing; one that does not even look
            at what the arm takes away.
    """
    if arm == NONE:
        return policy
    if policy.in_worker:
        raise ValueError(f"this policy acts beside the simulator and is shown nothing; --arm {arm} does not apply")
    name, _, looks = arm.partition("=")
    if name in ("blind", "frozen") and not policy.observation.cameras:
        raise ValueError(f"this policy looks through no camera; --arm {arm} would change nothing")
    if name == "zero-state" and not policy.observation.state:
        raise ValueError(f"this policy reads no state; --arm {arm} would change nothing")
    if arm == "shuffled":
        return Shuffled(policy, instructions)
    if name == "delayed" and looks.isdecimal():
        return Delayed(policy, int(looks))
    plain = {"blind": Blind, "frozen": Frozen, "no-language": NoLanguage, "zero-state": ZeroState, "clock": Clock}
    if arm in plain:
        return plain[arm](policy)
    raise ValueError(f"no arm {arm!r}; there are: {', '.join(NAMES)}")
