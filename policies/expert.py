"""The suite's own scripted expert. It reads the simulator's state, so it acts in the worker, beside the simulator.

noise=X    what it does is disturbed, so that it has to recover, and demonstrations show how (DART, Laskey et al. 2017,
           arXiv 1703.09327): on each entry but the gripper's AR(1) noise, whose standard deviation is X times half the
           entry's range, and of which 0.8 stays from one control step to the next. DART fits the noise to a learner's
           errors; this one is the same everywhere.
bursts=P   at each step with probability P it is pushed aside: for 8 to 24 steps a random action takes the place of its
           own, or of the share push=X of its own, the gripper's entry left alone. So it comes to where neither it nor
           noise would lead, and back; and what it wants when it is left alone again is free of noise.
grip=P     with probability P a burst moves the gripper too, opens or closes it, so that demonstrations show what to do
           with a hand that has closed on nothing or has let go.
driver=FILE
           in each burst not chance moves it but the learned policy of that checkpoint, the gripper too, for 24 to 192
           steps: long enough to miss, to go on as if it had not, and to end where a demonstration would never be. The
           expert shows the way back from there (DAgger, Ross et al. 2011, arXiv 1011.0686; an expert that takes over:
           HG-DAgger, Kelly et al. 2019, arXiv 1810.02890).
steady=1   what it may choose is not drawn but the best or the middle one, and pushed aside it goes on from there: what
           it does follows from what is seen. Only PiPER's expert has choices; of the others it changes nothing.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

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


BURST_STEPS, DRIVEN_STEPS = (8, 25), (24, 193)


class Manner(NamedTuple):
    """How the expert acts: see the top of this file."""

    noise: float = 0.0
    bursts: float = 0.0
    push: float = 1.0
    steady: bool = False
    driver: str = ""
    grip: float = 0.0

    @property
    def disturbed(self) -> bool:
        """Whether anything but its own choices moves it."""
        return bool(self.noise or self.bursts)


class Noise:
    """What disturbs the expert in one episode.

    Args:
        action: what the environment takes.
        episode: the episode; its seeds decide the noise, in another stream than the environment's.
        manner: how much.
        drive: gives (T, A), what a learner plans from here; it takes the place of chance in bursts.
    """

    def __init__(
        self, action: ActionSpec, episode: Episode, manner: Manner, drive: Callable[[], FloatArray] | None = None
    ) -> None:
        self.low, self.high = action.bounds()
        self.free = np.array([UNDISTURBED not in entry for entry in action.entries])
        self.deviation = manner.noise * np.where(self.free, (self.high - self.low) / 2, 0.0)
        seed, other = decision_seeds(episode)[0], (decision_seeds(episode)[0], 1)
        self.random, self.pushing = np.random.default_rng(seed), np.random.default_rng(other)
        self.now = self.random.standard_normal(len(self.free))
        self.bursts, self.share, self.left = manner.bursts, manner.push, 0
        self.push: npt.NDArray[np.float64] = np.zeros(len(self.free))
        self.pushed = False
        self.grip, self.gripping, self.end = manner.grip, False, self.high
        self.drive = drive
        self.moved = self.free | (drive is not None)
        self.planned: list[FloatArray] = []

    def disturbed(self, wanted: FloatArray) -> FloatArray:
        """(A,) what is executed at this control step in the place of `wanted`, (A,), within the range.

        `pushed` says afterwards whether it was pushed aside.
        """
        executed = wanted + self.deviation * self.now
        self.now = KEPT * self.now + math.sqrt(1 - KEPT**2) * self.random.standard_normal(len(self.now))
        if not self.left and self.pushing.random() < self.bursts:
            self.left = int(self.pushing.integers(*(DRIVEN_STEPS if self.drive else BURST_STEPS)))
            self.push, self.planned = self.pushing.uniform(self.low, self.high), []
            self.gripping = self.grip > 0 and self.pushing.random() < self.grip
            self.end = self.low if self.gripping and self.pushing.random() < 0.5 else self.high
        self.pushed = self.left > 0
        if self.pushed:
            self.left -= 1
            if self.drive:
                self.planned = self.planned or list(self.drive())
                self.push = self.planned.pop(0).astype(np.float64)
            executed = np.where(self.moved, (1 - self.share) * wanted + self.share * self.push, executed)
            if self.gripping:
                executed = np.where(self.free, executed, self.end)
        return executed.clip(self.low, self.high).astype(np.float32)


class Expert:
    """A marker that the worker shall ask `env.expert_action()`; it looks at nothing itself.

    `chunk` is how many steps the worker runs before it reports, so that a progress display moves; `manner` is for it
    too.
    """

    chunk = execute = 100
    batch_size = 1
    in_worker = True

    def __init__(self, action: ActionSpec, manner: Manner) -> None:
        self.observation = ObservationSpec(cameras={}, state=())
        self.action = action
        self.manner = manner

    def reset(self, slot: int, episode: Episode) -> None:
        """There is no history."""

    def act(self, batch: Batch) -> Plan:
        """Never called."""
        raise AssertionError("the expert acts in the worker")

    def fingerprint(self) -> str:
        """The expert is part of the suite, whose versions are in every key."""
        noise, bursts, push, steady, driver, grip = self.manner
        said: list[object] = ["expert"]
        if self.manner.disturbed:
            said += [noise, KEPT]
        if bursts:
            said += [bursts, BURST_STEPS, push]
        if steady:
            said += ["steady"]
        if driver:
            said += [DRIVEN_STEPS, hashlib.sha256(Path(driver).read_bytes()).hexdigest()]
        if grip:
            said += ["grip", grip]
        return content_hash(said if len(said) > 1 else "expert")


def make(
    spec: EnvSpec,
    noise: float = 0.0,
    bursts: float = 0.0,
    push: float = 1.0,
    steady: int = 0,
    driver: str = "",
    grip: float = 0.0,
) -> Expert:
    """The expert of whatever suite is run.

    Raises:
        ValueError: noise below 0 or not finite, bursts that are no probability, a push that is no share, steady that is
            neither 0 nor 1, a driver that is no file or never drives, or a grip that is no probability.
    """
    if not 0 <= noise < math.inf:
        raise ValueError(f"noise must be a share of half the action range, 0 or more, not {noise:g}")
    if not 0 <= bursts <= 1:
        raise ValueError(f"bursts must be a probability per control step, from 0 to 1, not {bursts:g}")
    if not 0 < push <= 1:
        raise ValueError(f"push must be a share of an action, above 0 and up to 1, not {push:g}")
    if steady not in (0, 1):
        raise ValueError(f"steady must be 0 or 1, not {steady}")
    if driver and not Path(driver).is_file():
        raise ValueError(f"driver must be the checkpoint of a learned policy; there is no file {driver}")
    if driver and not bursts:
        raise ValueError("a driver drives in bursts, and there are none: add --policy-arg bursts=0.02")
    if not 0 <= grip <= 1:
        raise ValueError(f"grip must be a probability per burst, from 0 to 1, not {grip:g}")
    return Expert(spec.action, Manner(noise, bursts, push, bool(steady), driver, grip))
