"""CALVIN with the button of calvin_env@1431a46, the version that mees/calvin has pinned since May 2023.

There the button takes the LED to be dark at the start of an episode, so the first press on a shining LED leaves it
shining: `turn_off_led`, which is in 185 of the 1000 sequences, takes two presses unless the LED was turned on before.
Everything else, starts among it, is that of `envs.calvin`. Results of evaluations that cloned mees/calvin with its
submodules since then are results of this version.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from envs.calvin import CHAINS, PACKAGES, SHIFTS, VERSION, assets, eval_starts, hold, missing, spec

if TYPE_CHECKING:
    from envs.calvin.variants import PinnedCalvin

__all__ = [
    "CHAINS",
    "DEFAULT_PROTOCOL",
    "PACKAGES",
    "SHIFTS",
    "VERSION",
    "assets",
    "eval_starts",
    "hold",
    "make",
    "missing",
    "spec",
]

DEFAULT_PROTOCOL = "calvin_pinned_abc_d"


def make(**options: Any) -> PinnedCalvin:
    """The environment; its options are those of `envs.calvin.env.Calvin`."""
    from envs.calvin.variants import PinnedCalvin

    return PinnedCalvin(**options)
