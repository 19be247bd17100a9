"""Simulated latency: a plan arrives some control steps after the look that it was made from; till then the robot holds.

What holding means each suite says itself, `hold` (see `envs`). Between two looks there are then as many control steps
of holding as the plan is late, and those of the plan. How late plans are is given, as a constant or as a recorded
trace, never measured while it runs, so a record is the same on any machine.

It is a part of the policy's recorded name, not a deviation from the protocol: who is slower is another policy over the
same starts, and `harness.compare` pairs the two; see `results.latency` for success against latency.

A trace is a text file with the seconds of one inference per line, in the order in which they were recorded; `#` begins
a comment. Seconds are rounded up to control steps. Each episode enters the trace at a place that its seed gives, and
takes one line per look, from the first again after the last.
"""

from __future__ import annotations

import math
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import numpy as np

from policies.execution import Ensemble
from protocols.contracts import Episode, FloatArray, Policy, content_hash

ROUNDING = 9  # decimals of a number of control steps, so that 0.15 s at 20 Hz are 3 and not 4


class Latency(NamedTuple):
    """How many control steps late plans arrive, look by look, over and over; `name` as it is recorded."""

    name: str
    steps: tuple[int, ...]

    def of(self, episode: Episode, decision: int) -> int:
        """Control steps by which the plan of a look, counted from 0, is late."""
        return self.steps[(episode.seed + episode.repeat + decision) % len(self.steps)]


def read_latency(text: str | None, rate_hz: float) -> Latency | None:
    """The latency that a command line names: a number of control steps, or the path of a trace; None for none.

    Args:
        text: as given.
        rate_hz: control steps per second.

    Raises:
        ValueError: neither a number nor the file of a trace, or a trace with a line that is no time.
    """
    if text is None or (text.isdecimal() and int(text) == 0):
        return None
    if text.isdecimal():
        return Latency(str(int(text)), (int(text),))
    if not Path(text).is_file():
        raise ValueError(f"--latency takes a number of control steps or the file of a trace, not {text!r}")
    steps = tuple(math.ceil(round(seconds * rate_hz, ROUNDING)) for seconds in read_trace(Path(text)))
    return Latency(f"{Path(text).stem}-{content_hash(steps)[:8]}", steps)


def read_trace(path: Path) -> list[float]:
    """The seconds of each line.

    Raises:
        ValueError: a line that is no time, or none at all.
    """
    times = []
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        if not (value := line.partition("#")[0].strip()):
            continue
        try:
            seconds = float(value)
        except ValueError:
            seconds = math.nan
        if not 0 <= seconds < math.inf:
            raise ValueError(f"{path}, line {number}: a trace has seconds, 0 or more, not {value!r}")
        times.append(seconds)
    if not times:
        raise ValueError(f"{path} is a trace without a line")
    return times


class Late:
    """Holds the robot of one suite for as long as plans are late.

    Args:
        latency: how late.
        suite: the suite's module.
        policy: who plans.

    Raises:
        ValueError: the suite does not say what holding means, or the policy has no plans that could be late.
    """

    def __init__(self, latency: Latency, suite: ModuleType, policy: Policy) -> None:
        if policy.in_worker:
            raise ValueError("this policy acts beside the simulator and makes no plans; --latency does not apply")
        if isinstance(policy, Ensemble):
            raise ValueError(
                "--latency does not go with --execution ensemble, which averages what plans say of each step"
            )
        if not hasattr(suite, "hold"):
            raise ValueError(f"{suite.__name__} does not say what its robot does while a plan is late: it lacks `hold`")
        self.latency, self.policy, self._hold = latency, policy, suite.hold

    def fingerprint(self) -> str:
        """Hash of the policy and of how late it is."""
        return content_hash(["late", self.latency.steps, self.policy.fingerprint()])

    def before(self, episode: Episode, decision: int, state: FloatArray, last: FloatArray | None) -> FloatArray:
        """(k, A) what is executed before the plan of a look.

        Args:
            episode: the episode.
            decision: number of the look, from 0.
            state: (S,) what was seen, as the suite's spec has it.
            last: (A,) the last executed action, None before the first.
        """
        action = np.asarray(self._hold(state, last), np.float32).clip(*self.policy.action.bounds())
        return np.repeat(action[None], min(self.latency.of(episode, decision), episode.max_steps), axis=0)
