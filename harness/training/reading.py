"""Finds the demonstrations that `--data` names, and reads all of them but their images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.training import hdf5, lerobot
from harness.training.lerobot import Columns
from harness.training.sources import Source
from protocols.demonstrations import files_of


def read_sources(paths: Sequence[Path], columns: Columns) -> list[Source]:
    """The sources below the paths, each once.

    Args:
        paths: HDF5 files, folders of them, or LeRobotDataset v3 folders.
        columns: what of LeRobot folders is what.

    Raises:
        LookupError: there is nothing.
        ValueError: a file that is broken or holds nothing to learn from; the message names it.
    """
    sources: list[Source] = []
    for place in dict.fromkeys(path.resolve() for path in paths):
        if (place / "meta" / "info.json").exists():
            sources.append(lerobot.read_source(place, columns))
        else:
            sources += [hdf5.read_source(file) for file in files_of(place)]
    return sources
