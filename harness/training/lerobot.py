"""A source of demonstrations: a folder in the format LeRobotDataset v3.

    meta/info.json              fps, features, and where files lie: data_path, video_path
    meta/tasks.parquet          task_index by text
    meta/episodes/*/*.parquet   an episode a row: which video file, from which second on
    data/*/*.parquet            a control step a row: state, action, episode_index, task_index, and images as PNG
    videos/<key>/*/*.mp4        images as videos, several episodes in each

Such a folder does not say what its actions mean, so the suite has to be named, and its images must be upright. All its
episodes count as successful.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from harness.training.sources import Numbers, Source
from protocols.contracts import FloatArray, ImageArray

INFO = "meta/info.json"


class Columns(NamedTuple):
    """What of a folder is what.

    cameras: key of the images by role of the camera. state, action: keys of the columns.
    entries: names of the state's entries, in the order of its column.
    """

    cameras: dict[str, str]
    state: str
    action: str
    entries: tuple[str, ...]


class Episode(NamedTuple):
    """A row of `meta/episodes`: its number, how many rows of data it has, and by key where its images lie."""

    number: int
    length: int
    videos: dict[str, Video]


class Video(NamedTuple):
    """A piece of a video file, from that second on."""

    path: Path
    from_s: float


def read_source(folder: Path, columns: Columns) -> Source:
    """The episodes of a folder.

    Raises:
        ValueError: another version, a key that is not there, or files that are missing or broken.
    """
    try:
        return read(folder, columns)
    except ModuleNotFoundError as error:
        raise ValueError(f"LeRobot folders need {error.name}: pip install 'headway[parquet]'") from error
    except (OSError, KeyError, TypeError, IndexError) as error:
        said = " ".join(str(error).split())
        raise ValueError(f"{folder} is no whole LeRobotDataset v3: {type(error).__name__} {said}") from error


def read(folder: Path, columns: Columns) -> Source:
    """As `read_source`; broken files raise what their readers raise."""
    info = json.loads((folder / INFO).read_text(encoding="utf-8"))
    if not str(info.get("codebase_version", "")).startswith("v3"):
        raise ValueError(f"{folder} is a LeRobotDataset {info.get('codebase_version')}; convert it to v3.0")
    check_keys(folder, info["features"], columns)
    numbers = episodes_numbers(folder, columns)
    files = [path for path in folder.rglob("*") if path.suffix in (".parquet", ".mp4")]
    return Source(
        name=folder.name,
        size=sum(path.stat().st_size for path in files),
        suite="",
        cameras={role: tuple(info["features"][key]["shape"][:2]) for role, key in columns.cameras.items()},
        state=columns.entries,
        action=None,
        demonstrations=tuple(numbers),
        images=partial(images, folder, columns),
    )


def check_keys(folder: Path, features: dict[str, Any], columns: Columns) -> None:
    """Refuse keys that the folder does not have, and a state of another width."""
    pictures = [key for key, about in features.items() if about["dtype"] in ("video", "image")]
    if not pictures:
        raise ValueError(f"{folder} has no images")
    if not columns.cameras:
        raise ValueError(f"{folder}: say which camera is which with --camera ROLE=KEY; keys: {', '.join(pictures)}")
    if unknown := [key for key in columns.cameras.values() if key not in pictures]:
        raise ValueError(f"{folder} has no images {unknown[0]!r}. There are: {', '.join(pictures)}")
    for key in (columns.state, columns.action):
        if key not in features:
            raise ValueError(f"{folder} has no column {key!r}. There are: {', '.join(features)}")
    if (width := features[columns.state]["shape"][0]) != len(columns.entries):
        raise ValueError(
            f"{folder}: {columns.state} has {width} entries {features[columns.state].get('names') or ''}, "
            f"not {len(columns.entries)} as the suite; name them in their order with --state A,B"
        )


def episodes_numbers(folder: Path, columns: Columns) -> Iterator[Numbers]:
    """All but the images of each episode, by its index."""
    texts = tasks(folder)
    found: dict[int, Numbers] = {}
    wanted = [columns.state, columns.action, "episode_index", "task_index"]
    for path in sorted((folder / "data").rglob("*.parquet")):
        data = table(path, wanted)
        of = data["episode_index"].to_numpy()
        state, actions, told = matrix(data[columns.state]), matrix(data[columns.action]), data["task_index"].to_pylist()
        for episode in dict.fromkeys(of.tolist()):
            (rows,) = np.nonzero(of == episode)
            instructions = tuple(texts[told[row]] for row in rows)
            found[episode] = Numbers(
                name=f"{folder.name}/episode {episode}",
                task=instructions[0],
                instructions=instructions,
                state=state[rows],
                actions=actions[rows],
                drawn=np.arange(len(rows)),
            )
    for episode in episodes(folder, ()):
        numbers = found.get(episode.number)
        if numbers is None or len(numbers.actions) != episode.length:
            raise ValueError(
                f"{folder}: episode {episode.number} has not the {episode.length} rows that it should have"
            )
        yield numbers


def table(path: Path, columns: list[str] | None = None) -> Any:
    """A parquet file."""
    from pyarrow import parquet

    return parquet.read_table(path, columns=columns)


def matrix(column: Any) -> FloatArray:
    """(T, n) float32 of a column of lists, or of numbers."""
    values = np.asarray(column.to_pylist(), np.float32)
    return values.reshape(len(values), -1)


def tasks(folder: Path) -> dict[int, str]:
    """Text of each task; in the file the text is a column of its own or the index of a data frame."""
    data = table(folder / "meta" / "tasks.parquet")
    (text,) = [name for name in data.column_names if name != "task_index"]
    return dict(zip(data["task_index"].to_pylist(), data[text].to_pylist(), strict=True))


def episodes(folder: Path, keys: tuple[str, ...]) -> list[Episode]:
    """The episodes, by index, and where the images of those keys lie."""
    info = json.loads((folder / INFO).read_text(encoding="utf-8"))
    found = []
    for path in sorted((folder / "meta" / "episodes").rglob("*.parquet")):
        places = [f"videos/{key}/{what}" for key in keys for what in ("chunk_index", "file_index", "from_timestamp")]
        for row in table(path, ["episode_index", "length", *places]).to_pylist():
            videos = {key: video(folder, info["video_path"], key, row) for key in keys}
            found.append(Episode(row["episode_index"], row["length"], videos))
    return sorted(found, key=lambda episode: episode.number)


def video(folder: Path, template: str, key: str, row: dict[str, Any]) -> Video:
    """Where the images of an episode lie."""
    chunk, file = row[f"videos/{key}/chunk_index"], row[f"videos/{key}/file_index"]
    return Video(
        folder / template.format(video_key=key, chunk_index=chunk, file_index=file), row[f"videos/{key}/from_timestamp"]
    )


def images(folder: Path, columns: Columns, camera: str) -> Iterator[ImageArray]:
    """For each episode the (n, h, w, 3) images of a camera.

    Raises:
        ValueError: an image is missing or cannot be read.
    """
    key = columns.cameras[camera]
    info = json.loads((folder / INFO).read_text(encoding="utf-8"))
    if info["features"][key]["dtype"] == "image":
        yield from pictures(folder, key)
        return
    for episode in episodes(folder, (key,)):
        yield frames(episode.videos[key], episode.length, float(info["fps"]))


def frames(video: Video, count: int, fps: float) -> ImageArray:
    """(n, h, w, 3) frames of a piece of a video."""
    import av

    found: dict[int, npt.NDArray[np.uint8]] = {}
    try:
        with av.open(str(video.path)) as file:
            (stream,) = file.streams.video
            stream.thread_type = "AUTO"
            assert stream.time_base is not None, "a video has one"
            file.seek(int(max(0.0, video.from_s - 0.5 / fps) / stream.time_base), stream=stream)
            for frame in file.decode(stream):
                place = round((float(frame.time or 0.0) - video.from_s) * fps)
                if place >= count:
                    break
                if place >= 0:
                    found[place] = np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
    except (av.FFmpegError, ValueError) as error:
        raise ValueError(f"{video.path} cannot be read: {' '.join(str(error).split())}") from error
    if missing := [place for place in range(count) if place not in found]:
        raise ValueError(f"{video.path} lacks {len(missing)} of {count} frames from second {video.from_s:.3f} on")
    return np.stack([found[place] for place in range(count)])


def pictures(folder: Path, key: str) -> Iterator[ImageArray]:
    """For each episode the images that lie beside its data; one file of data is held at a time."""
    from PIL import Image

    order = iter(episodes(folder, ()))
    there: list[npt.NDArray[np.uint8]] = []
    now = next(order)
    for path in sorted((folder / "data").rglob("*.parquet")):
        for row in table(path, [key, "episode_index"]).to_pylist():
            if row["episode_index"] != now.number:
                raise ValueError(f"{path}: episodes do not lie one after another")
            there.append(np.asarray(Image.open(io.BytesIO(row[key]["bytes"])).convert("RGB"), np.uint8))
            if len(there) == now.length:
                yield np.stack(there)
                there, now = [], next(order, now)
