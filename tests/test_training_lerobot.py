"""Folders of LeRobotDataset v3, as small ones that the test writes."""

from __future__ import annotations

import io
import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet

import envs
from harness.training.dataset import DataSet
from harness.training.frames import cached
from harness.training.lerobot import Columns
from harness.training.reading import read_sources
from harness.training.sources import Source, agreed_spec
from protocols.samples import Samples

KEY = "observation.images.front"
LENGTHS = (5, 7, 4)
FPS = 10
SIZE = 32
SUITE = envs.load("metaworld").spec()
COLUMNS = Columns({"agent": KEY}, "observation.state", "action", SUITE.observation.state)


def colour(episode: int, row: int) -> int:
    return 10 + 60 * episode + 8 * row


def folder(place: Path, *, kind: str = "video", entries: int = len(SUITE.observation.state), **info: Any) -> Path:
    """Three episodes, the first two in one video; texts as the index of a data frame are stored."""
    features = {
        "action": {"dtype": "float32", "shape": [4], "names": None},
        "observation.state": {"dtype": "float32", "shape": [entries], "names": None},
        KEY: {"dtype": kind, "shape": [SIZE, SIZE, 3], "names": ["height", "width", "channels"]},
    }
    paths = {
        "data_path": "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet",
        "video_path": "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4",
    }
    about = {"codebase_version": "v3.0", "fps": FPS, "features": features, **paths, **info}
    for part in ("meta/episodes/chunk-000", "data/chunk-000", f"videos/{KEY}/chunk-000"):
        (place / part).mkdir(parents=True)
    (place / "meta" / "info.json").write_text(json.dumps(about))
    texts = pa.table({"task_index": [0, 1], "__index_level_0__": ["open it", "close it"]})
    parquet.write_table(texts, place / "meta" / "tasks.parquet")
    write_episodes(place)
    for file, episodes in enumerate(((0, 1), (2,))):
        write_data(place / "data" / "chunk-000" / f"file-{file:03d}.parquet", episodes, kind, entries)
        if kind == "video":
            write_video(place / "videos" / KEY / "chunk-000" / f"file-{file:03d}.mp4", episodes)
    return place


def write_episodes(place: Path) -> None:
    rows = [
        {
            "episode_index": episode,
            "length": length,
            f"videos/{KEY}/chunk_index": 0,
            f"videos/{KEY}/file_index": int(episode == 2),
            f"videos/{KEY}/from_timestamp": LENGTHS[0] / FPS if episode == 1 else 0.0,
        }
        for episode, length in enumerate(LENGTHS)
    ]
    parquet.write_table(pa.Table.from_pylist(rows), place / "meta" / "episodes" / "chunk-000" / "file-000.parquet")


def write_data(path: Path, episodes: tuple[int, ...], kind: str, entries: int) -> None:
    rows = [
        {
            "action": [episode + row / 100] * 4,
            "observation.state": [float(row)] * entries,
            "episode_index": episode,
            "task_index": int(episode == 2),
        }
        | ({KEY: {"bytes": png(colour(episode, row)), "path": None}} if kind == "image" else {})
        for episode in episodes
        for row in range(LENGTHS[episode])
    ]
    parquet.write_table(pa.Table.from_pylist(rows), path)


def png(grey: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (SIZE, SIZE), (grey, grey, grey)).save(file, "png")
    return file.getvalue()


def write_video(path: Path, episodes: tuple[int, ...]) -> None:
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=Fraction(FPS), options={"g": "4", "crf": "1"})
        stream.width = stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        greys = [colour(episode, row) for episode in episodes for row in range(LENGTHS[episode])]
        for grey in greys:
            frame = av.VideoFrame.from_ndarray(np.full((SIZE, SIZE, 3), grey, np.uint8), format="rgb24")
            file.mux(stream.encode(frame))
        file.mux(stream.encode())


def read(place: Path, columns: Columns = COLUMNS) -> Source:
    (source,) = read_sources([place], columns)
    return source


def samples(source: Source, cache: Path) -> Samples:
    data = DataSet([source], agreed_spec([source], "metaworld", None, None))
    data.look_through(cached([source], ("agent",), 8, cache, processes=1), 8, 2)
    return data.samples(np.arange(len(data.table.starts)))


@pytest.mark.parametrize("kind", ["video", "image"])
def test_episodes_are_read_with_their_own_frames_and_texts(tmp_path: Path, kind: str) -> None:
    source = read(folder(tmp_path / "d", kind=kind))
    assert source.name == "d"
    assert source.cameras == {"agent": (SIZE, SIZE)}
    found = samples(source, tmp_path / "cache")
    assert found.instructions == ("open it",) * 12 + ("close it",) * 4
    wanted = [colour(episode, row) for episode, length in enumerate(LENGTHS) for row in range(length)]
    np.testing.assert_allclose(found.images["agent"][:, 4, 4, 0], wanted, atol=3)
    np.testing.assert_allclose(found.actions[5, :, 0], [1, 1.01])
    assert found.to_go.tolist() == [*range(5)][::-1] + [*range(7)][::-1] + [*range(4)][::-1]
    np.testing.assert_array_equal(found.state[5:12, 0], np.arange(7))


@pytest.mark.parametrize(
    ("columns", "info", "words"),
    [
        (COLUMNS, {"codebase_version": "v2.1"}, "is a LeRobotDataset v2.1; convert it to v3.0"),
        (COLUMNS._replace(cameras={}), {}, "say which camera is which with --camera ROLE=KEY; keys: observation"),
        (COLUMNS._replace(cameras={"agent": "x"}), {}, "has no images 'x'. There are: observation.images.front"),
        (COLUMNS._replace(action="actions"), {}, "has no column 'actions'. There are: action,"),
        (COLUMNS, {"entries": 3}, "observation.state has 3 entries , not .* name them in their order with --state"),
        (COLUMNS, {"features": {}}, "has no images"),
    ],
)
def test_what_does_not_fit_is_said(tmp_path: Path, columns: Columns, info: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read(folder(tmp_path / "d", **info), columns)


def test_a_folder_without_a_suite_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="d does not say what its actions are; name the suite with --suite"):
        agreed_spec([read(folder(tmp_path / "d"))], None, None, None)


def test_files_that_are_missing_or_cut_are_named(tmp_path: Path) -> None:
    place = folder(tmp_path / "d")
    video = place / "videos" / KEY / "chunk-000" / "file-001.mp4"
    write_video(video, (0,))
    assert samples(read(place), tmp_path / "cache") is not None
    short = LENGTHS[2] - 1
    with av.open(str(video), "w") as file:
        stream = file.add_stream("libx264", rate=Fraction(FPS))
        stream.width = stream.height = SIZE
        for _ in range(short):
            file.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((SIZE, SIZE, 3), np.uint8), format="rgb24")))
        file.mux(stream.encode())
    with pytest.raises(ValueError, match=r"file-001.mp4 lacks 1 of 4 frames from second 0.000 on"):
        samples(read(place), tmp_path / "cache")
    video.write_bytes(video.read_bytes()[:100])
    with pytest.raises(ValueError, match=r"file-001.mp4 cannot be read"):
        samples(read(place), tmp_path / "cache")
    (place / "data" / "chunk-000" / "file-001.parquet").unlink()
    with pytest.raises(ValueError, match="episode 2 has not the 4 rows that it should have"):
        read(place)
    (place / "meta" / "tasks.parquet").unlink()
    with pytest.raises(ValueError, match="d is no whole LeRobotDataset v3: FileNotFoundError"):
        read(place)
