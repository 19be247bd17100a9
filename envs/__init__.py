"""Where it happens: one module or package per suite, found by its name.

A suite module has

    DEFAULT_PROTOCOL          name of the protocol that `--suite` alone means
    VERSION                   raised when starts, physics, verdicts or frames change; part of every record's key
    PACKAGES                  distributions whose version can change a result; part of every record's key
    SHIFTS                    names of the perturbations that it can make (see `Episode.shift`), "none" among them
    spec(image_size_px)       -> EnvSpec, all that can be looked at; imports no simulator
    make(cameras, image_size_px, render)  -> a `SuiteEnv` for every task of the suite
    missing(images=False)     -> one line per thing that is missing to run, or to draw as well, saying how to get it
    hold(state, last)         -> (A,) the action that keeps the robot where it is, or where it was last asked to be, and
                              its gripper as it was last asked to be, while a plan is late: from the (S,) state that
                              was seen and the (A,) action executed before, None at the start; imports no simulator

and, where it reads asset files that it does not bring along,

    assets.prepare(where)     -> the files that `where` means: "auto", "stand-in", "official-only" or a folder. It has
                              their `hash`, their `deviations` from the official ones, and a `summary` in one line; it
                              is hashable, can be pickled, and is good for as long as this process lives
    assets.fetch()            -> the folder into which it has downloaded the official files
    make(..., assets="auto")  takes `where` as well, or what `prepare` has returned

and, where the split "eval" has numbered starts and no others,

    eval_starts(task)         -> how many, None for a task whose starts are drawn; `Episode.index` is below

and, where the instruction can change within an episode,

    CHAINS = True             events name the subtasks, see `protocols.contracts.SOLVED`

and, where its files of demonstrations shall say more than others',

    demonstration_attributes(task)  -> attributes of the group `data` by name, text or what can be JSON
"""

from __future__ import annotations

from functools import partial
from types import ModuleType
from typing import Any, Protocol as Interface

import gymnasium
import numpy as np
import numpy.typing as npt

import envs as package
from protocols import registry
from protocols.contracts import Advanced, FloatArray, ImageArray

GROUP = "headway.suites"


class SuiteEnv(Interface):
    """What the harness asks of an environment, on top of `gymnasium.Env`."""

    renders: int  # frames drawn since the start of the episode
    steady: bool  # an expert that has choices leaves none to chance; asked when it first acts in an episode
    cameras: tuple[str, ...]  # those drawn in every observation; may be others from one observation to the next

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Reach the start of `options["episode"]`; nothing survives from the episode before.

        The info has `fingerprint`, the hash of the start that was reached, and `renderer`, what draws. A task or shift
        that the suite does not have is a LookupError.
        """
        ...

    def advance(self, actions: npt.ArrayLike) -> Advanced:
        """Execute (T, A) actions until they or the episode end; draw one observation at the end, none on the way."""
        ...

    def frame(self, camera: str) -> ImageArray:
        """(H, W, 3) uint8, what that camera sees now."""
        ...

    def expert_action(self) -> FloatArray:
        """(A,) what the suite's scripted expert does now; it may read the simulator's state."""
        ...

    def simulator_state(self) -> npt.NDArray[np.float64]:
        """(n,) the simulator's flattened state now: time, positions, velocities; demonstrations keep it."""
        ...

    def close(self) -> None:
        """Give back the simulator and the renderer."""


def names() -> list[str]:
    """Names of the suites, sorted."""
    return registry.names(package, GROUP)


def load(name: str) -> ModuleType:
    """The suite's module. Raises LookupError, with the nearest name, where there is none."""
    return registry.load(package, GROUP, "suite", name)


def make(suite: str, **options: Any) -> gymnasium.Env[Any, Any]:
    """The suite's environment; gymnasium calls this."""
    env: gymnasium.Env[Any, Any] = load(suite).make(**options)
    return env


def register() -> None:
    """Register the suites with gymnasium, so that `gymnasium.make("envs:headway/metaworld")` works."""
    for name in names():
        gymnasium.register(id=f"headway/{name}", entry_point=partial(make, name))


register()
