"""Videos from records: an episode is played again from its recorded actions, and drawn.

Whether a video is made changes no record, and it can be made of any store at any time:

    python -m harness.film --store DIR [--video failures|all] [--tasks A,B] [--cameras agent,wrist] [--assets WHERE]

A record that does not play as it was recorded (another simulator version, say) is reported, and gets no video; nor do
records whose suite had other asset files than it has here. The name of a video tells its cameras where they are not the
usual one.
"""

from __future__ import annotations

import argparse
import functools
import multiprocessing
import signal
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console
from rich.progress import track

import envs
from harness.assets import Used, make_options, used
from harness.options import add_assets_option
from harness.pool import single_threaded, worker_count
from protocols.contracts import ImageArray, Record
from protocols.registry import require
from results.store import Store, StoreError
from results.videos import USUAL_CAMERAS, Frame, caption, path_of, write

FRAMES_PER_S = 20
SLOWED = 2  # a second in the simulator takes two in the video


def film(
    records: list[Record],
    folder: Path,
    image_size_px: int,
    render: str,
    workers: int | None = None,
    cameras: tuple[str, ...] = USUAL_CAMERAS,
    assets: Used | None = None,
) -> list[str]:
    """Make the videos that are missing; one line for each that cannot be made.

    Args:
        records: what to film; errors are left out.
        folder: where the videos lie, see `results.videos.path_of`.
        image_size_px: height and width of the frames.
        render: render profile of the frames.
        workers: processes, by default one per core.
        cameras: roles of the cameras whose frames stand side by side.
        assets: the suite's asset files, None for a suite that has none.

    Raises:
        LookupError: a camera that a suite does not have.
        ValueError: fewer workers than one.
        RuntimeError: something is missing to draw with.
    """
    check_cameras(records, cameras)
    left = [record for record in records if record.error is None and not path_of(record, folder, cameras).exists()]
    suites = {record.episode.suite for record in left}
    if lines := [line for suite in suites for line in envs.load(suite).missing(images=True)]:
        raise RuntimeError("no videos: " + "; ".join(lines))
    console = Console(stderr=True, soft_wrap=True)
    view = View(image_size_px, render, cameras, assets)
    one = functools.partial(film_one, folder=folder, view=view)
    complaints = film_each(left, one, worker_count(workers), console)
    for line in complaints:
        console.print(line, style="yellow")
    console.print(f"{len(left) - len(complaints)} new videos in {folder}")
    return complaints


class View(NamedTuple):
    """How a video is drawn, see `film`."""

    image_size_px: int
    render: str
    cameras: tuple[str, ...]
    assets: Used | None


def check_cameras(records: list[Record], cameras: tuple[str, ...]) -> None:
    """Raise LookupError for a camera that a suite of these records does not have."""
    for suite in {record.episode.suite for record in records}:
        for camera in cameras:
            require("camera", camera, envs.load(suite).spec().observation.cameras)


def film_each(left: list[Record], one: Callable[[Record], list[str]], workers: int, console: Console) -> list[str]:
    """Film the records in processes of their own; the complaints."""
    spawn = multiprocessing.get_context("spawn")
    processes = ProcessPoolExecutor(workers, spawn, initializer=leave_ctrl_c_to_parent)
    try:
        with single_threaded():
            films = [processes.submit(one, record) for record in left]
        bar = track(as_completed(films), "videos", len(films), console=console, transient=True)
        finished = bar if console.is_terminal else as_completed(films)
        return [line for done in finished for line in done.result()]
    except BaseException:
        for process in multiprocessing.active_children():  # else the executor waits for them, and Ctrl-C hangs
            process.kill()
        raise
    finally:
        processes.shutdown(cancel_futures=True)


def leave_ctrl_c_to_parent() -> None:
    """Ctrl-C is the parent's to handle."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def film_one(record: Record, folder: Path, view: View) -> list[str]:
    """Film one record in this process; the complaint, if there is one."""
    env, rate_hz = opened(record.episode.suite, view)
    every = max(1, round(rate_hz / FRAMES_PER_S / SLOWED))
    path = path_of(record, folder, view.cameras)
    try:
        write(path, played(env, record, every, view.cameras), caption(record), fps=FRAMES_PER_S)
    except DiffersError as difference:
        return [f"no video of {record.episode.task} episode {record.episode.index}: {difference}"]
    return []


@functools.cache
def opened(suite: str, view: View) -> tuple[envs.SuiteEnv, float]:
    """This process's environment, kept from video to video, and its control rate in Hz."""
    module, size_px = envs.load(suite), view.image_size_px
    look = {"cameras": view.cameras, "image_size_px": size_px, "render": view.render}
    env: envs.SuiteEnv = module.make(**look, **make_options(view.assets))
    return env, module.spec(size_px).action.rate_hz


class DiffersError(RuntimeError):
    """The episode did not play as it was recorded."""


def played(env: envs.SuiteEnv, record: Record, every: int, cameras: tuple[str, ...]) -> Iterator[Frame]:
    """The cameras' frames of the recorded episode, side by side: the start, each `every`-th step, the end.

    Raises:
        DiffersError: another start or another progress than recorded.
    """
    observation, info = env.reset(options={"episode": record.episode})
    if info["fingerprint"] != record.fingerprint:
        raise DiffersError("its start is not the recorded one")
    told, step = observation["instruction"], 0
    yield Frame(side_by_side([observation["images"][camera] for camera in cameras]), 0, 0.0, told)
    while step < record.steps:
        done = env.advance(record.actions[step : step + every])
        before, step = step, step + len(done.progress)
        if done.progress.tolist() != record.progress[before:step].tolist():
            raise DiffersError(f"its progress differs from the recorded one by step {step}")
        seen = done.observation["images"] if done.observation else {camera: env.frame(camera) for camera in cameras}
        told = done.observation["instruction"] if done.observation else told
        yield Frame(side_by_side([seen[camera] for camera in cameras]), step, float(done.progress[-1]), told)


def side_by_side(images: list[ImageArray]) -> ImageArray:
    """(H, W, 3): the images in a row, as high as the highest; others enlarged by a whole factor, black below them."""
    height = max(len(image) for image in images)
    large = [image.repeat(height // len(image), 0).repeat(height // len(image), 1) for image in images]
    return np.hstack([np.pad(image, ((0, height - len(image)), (0, 0), (0, 0))) for image in large])


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m harness.film", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--store", type=Path, required=True, metavar="DIR", help="folder of the store")
    parser.add_argument("--video", choices=("failures", "all"), default="all", help="which episodes")
    parser.add_argument("--tasks", metavar="A,B", help="only these tasks")
    parser.add_argument("--cameras", default="agent", metavar="A,B", help="cameras side by side (default: agent)")
    parser.add_argument("--workers", type=int, metavar="N", help="processes (default: one per core)")
    add_assets_option(parser.add_argument, "as recorded")
    chosen = parser.parse_args(arguments)
    try:
        cameras = tuple(chosen.cameras.split(","))
        return film_store(chosen.store, chosen.video, chosen.tasks, chosen.workers, cameras, chosen.assets)
    except (StoreError, LookupError, ValueError, RuntimeError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped; the same command makes the other videos", file=sys.stderr)
        return 130


def film_store(
    folder: Path,
    video: str,
    tasks: str | None,
    workers: int | None,
    cameras: tuple[str, ...],
    assets: str | None = None,
) -> int:
    """Film a store's records, each in the quality of its run; 1 where some do not play as recorded."""
    with Store(folder) as store:
        records, runs = list(store.records()), store.runs()
    there_are = {record.episode.task for record in records}
    chosen = there_are if tasks is None else {require("task", task, there_are) for task in tasks.split(",")}
    records = [record for record in records if record.episode.task in chosen]
    check_cameras(records, cameras)
    complaints = []
    for run, about in runs.items():
        some = [record for record in records if record.run == run]
        wanted = [record for record in some if video == "all" or record.success is False]
        protocol = about["protocol"]
        if not wanted:
            continue
        here, complaint = same_assets(protocol["suite"], about.get("assets"), assets)
        if complaint:
            complaints.append(f"no videos of {len(wanted)} records of run {run}: {complaint}")
            print(complaints[-1], file=sys.stderr)
            continue
        place, size_px, render = folder / "videos", protocol["image_size_px"], protocol["render"]
        complaints += film(wanted, place, size_px, render, workers, cameras, here)
    return 1 if complaints else 0


def same_assets(suite: str, recorded: dict[str, Any] | None, wanted: str | None) -> tuple[Used | None, str]:
    """A run's asset files as they are here, and why it cannot be filmed where they are not the recorded ones."""
    try:
        here = used(envs.load(suite), wanted or (recorded["where"] if recorded else None))
    except (LookupError, OSError) as error:
        if wanted:
            raise
        return None, f"its assets are not here ({error}); name them with --assets"
    if here is None or recorded is None or here.hash == recorded["hash"]:
        return here, ""
    then, now = (f"{one.summary}, hash {one.hash[:8]}" for one in (Used(**recorded), here))
    return None, f"it had other assets ({then}) than are here ({now}); name them with --assets"


if __name__ == "__main__":
    sys.exit(main())
