"""Demonstrations on disk, whatever their format, and the one spec that all of them have to fit."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

import envs
from protocols.contracts import ActionSpec, EnvSpec, FloatArray, ImageArray, ObservationSpec, content_hash
from protocols.registry import require

Rows = npt.NDArray[np.int64]


class Numbers(NamedTuple):
    """All of one demonstration but its images; T rows, one per control step.

    name: of the file and in it. task: its task. instructions: T texts. state: (T, S) float32, before each action.
    actions: (T, A) float32, what the expert wanted. drawn: (n,) the rows that have images, ascending.
    """

    name: str
    task: str
    instructions: tuple[str, ...]
    state: FloatArray
    actions: FloatArray
    drawn: Rows

    def digest(self) -> str:
        """Hash of the content, whatever it is called and wherever it lies."""
        found = hashlib.sha256("\n".join(self.instructions).encode())
        for array in (self.state, self.actions, self.drawn):
            found.update(np.ascontiguousarray(array).tobytes())
        return found.hexdigest()


@dataclass(frozen=True, eq=False)
class Source:
    """Demonstrations that lie together: one HDF5 file, or one LeRobot folder.

    Args:
        name: of the file or folder, without where it lies.
        size: in bytes, so that other images are other data.
        suite: name of the suite that it says it comes from, "" where it says none.
        cameras: (height, width) by role of the camera.
        state: names of the state's entries, () where there is no state.
        action: what an action is, None where it does not say.
        demonstrations: in order.
        images: of a camera, for each demonstration in order the (n, h, w, 3) images of its drawn rows; can be pickled.
        failed: demonstrations that are left out because they have failed.
        made_by: who acted and under which protocol, "" where it does not say.
    """

    name: str
    size: int
    suite: str
    cameras: dict[str, tuple[int, int]]
    state: tuple[str, ...]
    action: ActionSpec | None
    demonstrations: tuple[Numbers, ...]
    images: Callable[[str], Iterator[ImageArray]]
    failed: int = 0
    made_by: str = ""

    @cached_property
    def hash(self) -> str:
        """Hash of the data."""
        return content_hash([self.name, self.size, [numbers.digest() for numbers in self.demonstrations]])


def agreed_spec(
    sources: Sequence[Source], suite: str | None, cameras: tuple[str, ...] | None, state: tuple[str, ...] | None
) -> EnvSpec:
    """What a policy that learns from all of the sources will see and do.

    Args:
        sources: at least one.
        suite: name of the suite; None for the one that the sources name.
        cameras: roles of the cameras to learn from; None for all, which all sources must have.
        state: entries of the state to learn from, in the wanted order; None for the suite's.

    Raises:
        LookupError: an unknown name.
        ValueError: a source does not fit; the message names it.
    """
    action, entries = convention(sources, suite)
    wanted = entries if state is None else tuple(require("entry of the state", entry, entries) for entry in state)
    for source in sources:
        if lacking := [entry for entry in wanted if entry not in source.state]:
            has = f"it has {', '.join(source.state)}" if source.state else "it has no state"
            raise ValueError(f"{source.name} lacks {', '.join(lacking)} in its state: {has}")
        if source.action is not None and (lines := differences(source.action, action)):
            raise ValueError(f"{source.name} has other actions than {suite or sources[0].name}: {'; '.join(lines)}")
        check_width(source, len(action.entries))
    return EnvSpec(ObservationSpec(agreed_cameras(sources, cameras), wanted), action)


def convention(sources: Sequence[Source], suite: str | None) -> tuple[ActionSpec, tuple[str, ...]]:
    """The action and the entries of the state: the suite's, else those of the first source."""
    named = {source.suite for source in sources}
    name = suite or (named.pop() if len(named) == 1 else "")
    if suite or name in envs.names():
        spec: EnvSpec = envs.load(name).spec()
        return spec.action, spec.observation.state
    first = sources[0]
    if first.action is None:
        raise ValueError(f"{first.name} does not say what its actions are; name the suite with --suite")
    return first.action, first.state


def differences(given: ActionSpec, wanted: ActionSpec) -> list[str]:
    """In what two actions differ, one line each; bounds as float32, as actions are."""
    lines = [
        f"{key} {getattr(given, key)!r}, not {getattr(wanted, key)!r}"
        for key in ("entries", "rate_hz", "rotation", "gripper")
        if getattr(given, key) != getattr(wanted, key)
    ]
    if given.entries == wanted.entries and not np.array_equal(given.bounds(), wanted.bounds()):
        lines.append(f"range {given.low} to {given.high}, not {wanted.low} to {wanted.high}")
    return lines


def check_width(source: Source, entries: int) -> None:
    """Refuse a source whose actions have another number of entries."""
    for numbers in source.demonstrations:
        if numbers.actions.shape[1] != entries:
            raise ValueError(f"actions of {numbers.name} have {numbers.actions.shape[1]} entries, not {entries}")


def agreed_cameras(sources: Sequence[Source], cameras: tuple[str, ...] | None) -> dict[str, tuple[int, int]]:
    """(height, width) of each camera to learn from, as the first source has it."""
    first = sources[0]
    if none := [source for source in sources if not source.cameras]:
        raise ValueError(f"{none[0].name} has no images; collect it with cameras, or name another --data")
    there_are = {camera for source in sources for camera in source.cameras}
    for source in sources:
        wanted = there_are if cameras is None else cameras
        if lacking := sorted(set(wanted) - set(source.cameras)):
            common = set.intersection(*(set(one.cameras) for one in sources))
            hint = f"; --cameras {','.join(sorted(common))} does without" if common else ""
            raise ValueError(f"{source.name} has no images of {', '.join(lacking)}{hint}")
    return {camera: first.cameras[camera] for camera in (first.cameras if cameras is None else cameras)}
