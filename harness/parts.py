"""What a folder of demonstrations holds of one task: parts, one file per ended episode, and the file that they become.

    <folder>/<task>_demo.hdf5            complete, written beside and renamed, so that it is whole or not there
    <folder>/parts/<task>/00007.part     a demonstration that is not in it yet
    <folder>/parts/<task>/00008.failed   an episode that has failed and is not kept; the text is its failure mode

Only the main process writes, one process at a time has the folder's lock, and each file is renamed into its place when
it is whole: a kill at any moment loses at most what has not ended.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import h5py

from harness.recorder import GROUP
from protocols.demonstrations import MARK, SUFFIX, opened_file

PARTS = "parts"
SETTINGS = "settings.json"
SPARE_BYTES = 1 << 20


class Place(NamedTuple):
    """Where a demonstration lies: file and group."""

    file: Path
    group: str


class TaskFile:
    """The demonstrations of one task that are there.

    Args:
        folder: the folder of demonstrations.
        task: name of the task.
        settings: what they are made with; all in the folder are made alike.

    Raises:
        ValueError: a file of that name that is broken, or made otherwise.
    """

    def __init__(self, folder: Path, task: str, settings: dict[str, Any]) -> None:
        self.path = folder / f"{task}{SUFFIX}"
        self.parts = folder / PARTS / task
        self.settings = settings
        self.kept: dict[int, Place] = {}  # by index of the episode
        self.failed: dict[int, str] = {}  # failure mode by index, of those that are not kept
        if self.path.exists():
            self._look_into_file()
        for path in sorted(self.parts.glob("*")):
            self._look_at(path)

    def _look_into_file(self) -> None:
        with opened_file(self.path) as demonstrations:
            data = demonstrations[0].group.parent
            if json.loads(data.attrs.get(MARK, "null")) != self.settings:
                raise ValueError(f"{self.path} was not made by harness.collect, or made otherwise; name another --out")
            self.failed = {int(index): failure for index, failure in json.loads(data.attrs["failed"]).items()}
            for demonstration in demonstrations:
                assert demonstration.index is not None, "every file of ours has it"
                self.kept[demonstration.index] = Place(self.path, f"data/{demonstration.name}")

    def _look_at(self, path: Path) -> None:
        if path.suffix == ".failed":
            self.failed[int(path.stem)] = path.read_text(encoding="utf-8")
        elif path.suffix == ".part" and int(path.stem) not in self.kept and h5py.is_hdf5(path):
            self.kept[int(path.stem)] = Place(path, GROUP)
        else:  # was being written when the machine stopped, or is in the task's file already
            path.unlink()

    def ended(self) -> dict[int, bool]:
        """Indices of the episodes that have ended, and whether they are kept."""
        return dict.fromkeys(self.kept, True) | dict.fromkeys(self.failed, False)

    def add(self, index: int, part: bytes) -> None:
        """Keep one more demonstration."""
        path = self.parts / f"{index:05}.part"
        with written(path) as beside:
            beside.write_bytes(part)
        self.kept[index] = Place(path, GROUP)

    def add_failed(self, index: int, failure: str) -> None:
        """Note an episode that has failed and is not kept."""
        with written(self.parts / f"{index:05}.failed") as beside:
            beside.write_text(failure, encoding="utf-8")
        self.failed[index] = failure

    def merge(self, attributes: dict[str, Any]) -> None:
        """Make the file of all that are kept, by index, and remove the parts; without parts there is nothing to do.

        Args:
            attributes: of the group `data`, besides those that follow from its content.
        """
        if all(place.file == self.path for place in self.kept.values()):
            return
        needed = sum(file.stat().st_size for file in {place.file for place in self.kept.values()})
        with written(self.path, needed) as beside, ExitStack() as stack:
            target = stack.enter_context(h5py.File(beside, "w"))
            data, total = target.create_group("data"), 0
            for rank, (_, place) in enumerate(sorted(self.kept.items())):
                with h5py.File(place.file, "r") as source:
                    source.copy(place.group, data, name=f"demo_{rank}")
                total += int(data[f"demo_{rank}"].attrs["num_samples"])
            failed = {str(index): failure for index, failure in sorted(self.failed.items())}
            data.attrs.update({"num_demos": len(self.kept), "total": total, **attributes})
            data.attrs.update({"failed": json.dumps(failed), MARK: json.dumps(self.settings)})
        self.kept = {index: Place(self.path, f"data/demo_{rank}") for rank, index in enumerate(sorted(self.kept))}
        shutil.rmtree(self.parts)
        with suppress(OSError):  # the parts of other tasks
            self.parts.parent.rmdir()


@contextmanager
def written(path: Path, needed: int = 0) -> Iterator[Path]:
    """A place beside `path` to write to; what is whole is renamed to `path`, what is not is removed.

    Args:
        path: where the file shall be.
        needed: bytes that it will take, as far as known.

    Raises:
        OSError: it cannot be written; one line says which file, why, and what to do.
    """
    beside = path.with_name(path.name + ".new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if needed and shutil.disk_usage(path.parent).free < needed + SPARE_BYTES:
            raise OSError(f"it takes {needed >> 20} MiB, and the disk has less")
        yield beside
        with beside.open("rb") as file:
            os.fsync(file.fileno())
        beside.replace(path)
    except (OSError, RuntimeError) as error:  # h5py raises either where a write fails
        number = error.errno if isinstance(error, OSError) else None
        reason = os.strerror(number) if number else " ".join(str(error).split())
        again = "what was written before is safe; free some space or name another --out"
        raise OSError(f"cannot write {path}: {reason}; {again}") from error
    finally:
        beside.unlink(missing_ok=True)
