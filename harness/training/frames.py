"""The images that training needs, resized once into one memory-mapped file per source and camera.

    <cache>/<hash of the source's data>_<camera>_<size>px.npy    (n, size, size, 3) uint8, drawn rows in order

A file is written beside and renamed when it is whole, so what a kill leaves behind is whole; one that is broken
nevertheless is made again. Training then reads only these files, which the system keeps in memory where there is room.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.lib import format as npy
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from harness.parts import written
from harness.pool import single_threaded
from harness.training.sources import Source
from protocols.contracts import ImageArray, content_hash
from protocols.samples import resized

VERSION = 1  # raised when the same data gives other files
PROCESSES = 2


class Reel(NamedTuple):
    """One file to be made: the images of one camera of one source."""

    path: Path
    camera: str
    frames: int
    size_px: int
    images: Callable[[str], Iterator[ImageArray]]


def cached(
    sources: Sequence[Source], cameras: Sequence[str], size_px: int, cache: Path, processes: int | None = None
) -> dict[str, list[ImageArray]]:
    """By camera, for each source the (n, size, size, 3) images of its drawn rows, mapped from the cache.

    Args:
        sources: where the images come from.
        cameras: roles of the cameras.
        size_px: height and width.
        cache: folder; what is missing in it is made.
        processes: that make it, by default one per core but at most 2.

    Raises:
        ValueError: an image cannot be read; the message names the file.
        OSError: the cache cannot be written.
    """
    reels = [reel(source, camera, size_px, cache) for camera in cameras for source in sources]
    missing = [one for one in reels if mapped(one) is None]
    if missing:
        make(missing, processes or min(PROCESSES, os.cpu_count() or 1))
    found = {camera: [mapped(one) for one in reels if one.camera == camera] for camera in cameras}
    if any(one is None for images in found.values() for one in images):
        raise OSError(f"the cache {cache} changed while it was read; run the same command again")
    return {camera: [one for one in images if one is not None] for camera, images in found.items()}


def reel(source: Source, camera: str, size_px: int, cache: Path) -> Reel:
    """The file for one camera of a source."""
    count = sum(len(numbers.drawn) for numbers in source.demonstrations)
    name = f"{content_hash([VERSION, source.hash])}_{camera}_{size_px}px.npy"
    return Reel(cache / name, camera, count, size_px, source.images)


def mapped(reel: Reel) -> ImageArray | None:
    """The file's images, None where it is missing or broken."""
    try:
        images = np.load(reel.path, mmap_mode="r")
    except (OSError, ValueError, EOFError):
        return None
    fits = images.dtype == np.uint8 and images.shape == (reel.frames, reel.size_px, reel.size_px, 3)
    return np.asarray(images) if fits else None


def make(reels: list[Reel], processes: int) -> None:
    """Make files, several at a time; a bar in a terminal, one line before and after elsewhere."""
    console = Console(stderr=True, soft_wrap=True)
    gibibytes = sum(one.frames * one.size_px**2 * 3 for one in reels) / 2**30
    console.print(f"resizing {sum(one.frames for one in reels)} images once, {gibibytes:.2f} GiB")
    columns = TextColumn("images"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        shown = bar.add_task("images", total=sum(one.frames for one in reels))
        for count in made(reels, processes):
            bar.advance(shown, count)


def made(reels: list[Reel], processes: int) -> Iterator[int]:
    """Make each file, yield how many images it has."""
    if processes == 1 or len(reels) == 1:
        yield from map(write, reels)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(processes, len(reels)), mp_context=context) as pool:
        try:
            with single_threaded():  # processes start as work is given to them
                given = [pool.submit(write, one) for one in reels]
            for done in as_completed(given):
                yield done.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def write(reel: Reel) -> int:
    """Make one file. Bytes are written, not mapped, so that a full disk is an error and not the end of the process."""
    shape = (reel.frames, reel.size_px, reel.size_px, 3)
    there = 0
    with written(reel.path, needed=int(np.prod(shape))) as beside, beside.open("wb") as file:
        npy.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
        for images in reel.images(reel.camera):
            file.write(resized(images, reel.size_px).tobytes())
            there += len(images)
    if there != reel.frames:
        reel.path.unlink()
        raise ValueError(f"the source of {reel.path.name} has {there} images of {reel.camera}, not {reel.frames}")
    return there
