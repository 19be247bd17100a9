"""Asset files, for the suites that have them: where they are taken from, and what they are."""

from __future__ import annotations

from types import ModuleType
from typing import Any, NamedTuple

WHERE = "auto"  # official files where they are found, stand-ins for the others


class Used(NamedTuple):
    """The asset files that an evaluation uses.

    where: what `--assets` says. hash: of every file; part of the deciding hash. deviations: what makes the records not
    comparable, nothing where all files are official. summary: one line for people. files: what the suite's `make` takes
    in every process, so that none of them looks for files again and finds others.
    """

    where: str
    hash: str
    deviations: tuple[str, ...]
    summary: str
    files: Any = None

    def about(self) -> dict[str, Any]:
        """What a run's provenance keeps."""
        return {name: value for name, value in self._asdict().items() if name != "files"}


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
    return Used(where or WHERE, found.hash, tuple(found.deviations), found.summary, found)


def make_options(assets: Used | None) -> dict[str, Any]:
    """Further options of a suite's `make`: its asset files, for a suite that has some."""
    return {} if assets is None else {"assets": assets.files}
