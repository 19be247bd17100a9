"""Videos from records: an episode is played again and drawn."""

from __future__ import annotations

import signal
import time
from dataclasses import replace
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest

import protocols
from harness.evaluation import Evaluation
from harness.film import film, main
from harness.run import main as run
from protocols.contracts import Record
from results.store import Store, read
from results.videos import path_of
from tests.commands import finish, start, wait_until

LINE = str(Path(__file__).parent / "line" / "line.yaml")


def recorded(folder: Path, policy: str = "expert") -> list[Record]:
    evaluation = Evaluation(protocols.load(LINE).changed(trials=1), policy, {})
    with Store(folder, write=True) as store:
        return list(evaluation.run(store))


def test_each_record_gets_a_video_of_its_length(tmp_path: Path) -> None:
    records = recorded(tmp_path)
    assert film(records, tmp_path / "videos", 8, "official") == []
    for record in records:
        frames = iio.imread(path_of(record, tmp_path / "videos"), plugin="pyav")
        assert len(frames) == 1 + record.steps + 19  # the start, each step at 10 Hz, the last one held for a second


def test_videos_change_no_record_and_are_made_once(tmp_path: Path) -> None:
    arguments = ["--policy", "expert", "--protocol", LINE, "--trials", "1", "--store", str(tmp_path)]
    assert run([*arguments, "--video", "all"]) == 0
    videos = sorted((tmp_path / "videos").iterdir())
    made = [video.stat().st_mtime_ns for video in videos]
    assert len(videos) == 2
    assert all(record.renders == 0 for record in read(tmp_path))
    assert run([*arguments, "--video", "all"]) == 0
    assert [video.stat().st_mtime_ns for video in sorted((tmp_path / "videos").iterdir())] == made


def test_other_cameras_make_other_videos_whose_names_tell_them(tmp_path: Path) -> None:
    (record, *_) = recorded(tmp_path)
    names = [path_of(record, tmp_path, cameras).name for cameras in (("agent",), ("wrist",), ("agent", "wrist"))]
    assert names == [f"{record.episode.task}-000-{record.key[:8]}{end}.mp4" for end in ("", "-wrist", "-agent-wrist")]
    for cameras in ("agent", "agent,agent"):
        assert main(["--store", str(tmp_path), "--cameras", cameras]) == 0
    assert len(list((tmp_path / "videos").glob("*.mp4"))) == 4
    double = iio.imread(path_of(record, tmp_path / "videos", ("agent", "agent")), plugin="pyav")
    single = iio.imread(path_of(record, tmp_path / "videos"), plugin="pyav")
    assert len(double) == len(single)


def test_an_unknown_camera_is_refused_where_nothing_is_left_to_film(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recorded(tmp_path)
    assert main(["--store", str(tmp_path), "--video", "failures", "--cameras", "agnt"]) == 2
    assert "no camera named 'agnt'" in capsys.readouterr().err


def test_only_failures_are_filmed_when_asked(tmp_path: Path) -> None:
    arguments = ["--policy", "zero", "--protocol", LINE, "--trials", "1", "--max-steps", "5", "--store", str(tmp_path)]
    assert run([*arguments, "--video", "failures"]) == 0
    assert len(list((tmp_path / "videos").iterdir())) == 2
    recorded(tmp_path / "solved")
    assert main(["--store", str(tmp_path / "solved"), "--video", "failures"]) == 0
    assert not (tmp_path / "solved" / "videos").exists()


def test_a_record_that_does_not_play_as_recorded_is_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other_start, other_curve = recorded(tmp_path)
    other_start = replace(other_start, fingerprint="0" * 32)
    other_curve = replace(other_curve, progress=other_curve.progress / np.float32(2))
    complaints = film([other_start, other_curve], tmp_path / "videos", 8, "official")
    assert len(complaints) == 2
    assert "its start is not the recorded one" in " ".join(complaints)
    assert "its progress differs from the recorded one by step 1" in " ".join(complaints)
    assert not list((tmp_path / "videos").glob("*.mp4"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--workers", "0"), "workers must be at least 1"),
        (("--tasks", "neer"), "no task named 'neer'; did you mean 'near'"),
        (("--cameras", "agnt"), "no camera named 'agnt'; did you mean 'agent'"),
    ],
)
def test_a_mistake_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], words: str
) -> None:
    recorded(tmp_path)
    capsys.readouterr()
    assert main(["--store", str(tmp_path), *arguments]) == 2
    assert words in capsys.readouterr().err


def test_pressing_ctrl_c_twice_while_filming_ends_it(tmp_path: Path) -> None:
    recorded(tmp_path, "zero")
    process = start("harness.film", "--store", tmp_path, LINE_SLOW_FRAMES="1")
    wait_until(lambda: any((tmp_path / "videos").glob(".*unfinished")))
    for _ in range(2):
        process.send_signal(signal.SIGINT)
        time.sleep(0.3)
    code, _, _ = finish(process)
    assert code != 0
    assert not list((tmp_path / "videos").glob("*.mp4"))


def test_films_of_a_store_that_is_not_there_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--store", str(tmp_path / "none")]) == 2
    assert "there is no store" in capsys.readouterr().err


@pytest.mark.gl
@pytest.mark.simulator
def test_a_metaworld_episode_is_filmed_in_the_quality_of_its_run(tmp_path: Path) -> None:
    arguments = ("--policy", "expert", "--suite", "metaworld", "--tasks", "reach-v3", "--trials", "1")
    assert run([*arguments, "--render", "fast", "--video", "all", "--store", str(tmp_path)]) == 0
    (video,) = (tmp_path / "videos").iterdir()
    (record,) = read(tmp_path)
    frames = iio.imread(video, plugin="pyav")
    assert len(frames) == 1 + -(-record.steps // 2) + 19
    assert frames.shape[2] == 448
    assert frames[0].std() > 20  # something is to be seen
