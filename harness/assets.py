"""Asset files, for the suites that have them: where they are taken from, and what they are."""

from __future__ import annotations

from types import ModuleType
from typing import Any, NamedTuple

WHERE = "auto"  # official files where they are found, stand-ins for the others


class Used(NamedTuple):
    """The asset files that an evaluation uses, as far as its records and its provenance are concerned.

    where: what `--assets` says. hash: of every file; part of the deciding hash. deviations: what makes the records not
    comparable, nothing where all files are official. summary: one line for people.
    """

    where: str
    hash: str
    deviations: tuple[str, ...]
    summary: str


def used(suite: ModuleType, where: str | None) -> Used | None:
    """The suite's asset files, None where it has none.

    Args:
        suite: module of the suite, see `envs`.
        where: what `--assets` says, None where it is not given.

    Raises:
        ValueError: `where` is given, and the suite has no asset files.
        LookupError, ValueError, RuntimeError, OSError: what the suite raises that finds no usable files there.
    """
    if not hasattr(suite, "assets"):
        if where is None:
            return None
        raise ValueError(f"suite {suite.__name__.removeprefix('envs.')!r} has no asset files; leave --assets out")
    found = suite.assets.prepare(where or WHERE)
    return Used(where or WHERE, found.hash, tuple(found.deviations), found.summary)


def make_options(where: str | None) -> dict[str, Any]:
    """Further options of a suite's `make`: where its asset files are, for a suite that has some."""
    return {} if where is None else {"assets": where}
