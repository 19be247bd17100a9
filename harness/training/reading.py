"""Finds the demonstrations that `--data` names, and reads all of them but their images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.training import hdf5, lerobot
from harness.training.lerobot import Columns
from harness.training.sources import Source


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
            continue
        files = sorted(place.rglob("*.hdf5")) if place.is_dir() else [place]
        if not files or not place.exists():
            raise LookupError(f"no demonstrations: there is no {place}" + "/*.hdf5" * place.is_dir())
        sources += [hdf5.read_source(file) for file in files]
    return sources
