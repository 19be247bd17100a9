"""Asset files: which they are is part of every record, and those that are not official are deviations."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import envs
import protocols
from harness import assets, bench, film, gallery, run
from harness.evaluation import Evaluation
from protocols.contracts import Record, content_hash
from results.store import Store, read

PAINTED = str(Path(__file__).parent / "line" / "painted.yaml")
LINE = str(Path(__file__).parent / "line" / "line.yaml")
POINTER = "tests.line.pointer"


@pytest.fixture
def paint(tmp_path: Path) -> str:
    """A folder with the official file."""
    (tmp_path / "official").mkdir()
    (tmp_path / "official" / "paint").write_text("255")
    return str(tmp_path / "official")


def evaluate(store: Path, where: str | None) -> list[Record]:
    """One episode of one task."""
    protocol = protocols.load(PAINTED).changed(tasks=["near"], trials=1)
    with Store(store, write=True) as opened:
        return list(Evaluation(protocol, POINTER, {}, assets=where).run(opened, workers=1))


def test_a_suite_with_asset_files_uses_what_is_found_unless_told_otherwise(paint: str) -> None:
    suite = envs.load("tests.line.painted")
    found, named = assets.used(suite, None), assets.used(suite, paint)
    assert found and named
    assert (found.where, found.deviations, found.summary) == ("auto", ("assets=stand-in",), "paint of 128")
    assert (named.where, named.deviations) == (paint, ())
    assert found.hash != named.hash


def test_a_suite_without_asset_files_takes_no_assets() -> None:
    assert assets.used(envs.load("metaworld"), None) is None
    with pytest.raises(ValueError, match="suite 'metaworld' has no asset files; leave --assets out"):
        assets.used(envs.load("metaworld"), "stand-in")


def test_stand_ins_are_deviations_and_official_files_are_none(tmp_path: Path, paint: str) -> None:
    (grey,), (official,) = evaluate(tmp_path / "grey", None), evaluate(tmp_path / "official-store", paint)
    assert (grey.deviations, official.deviations) == (("assets=stand-in",), ())
    assert grey.conditions == official.conditions


def test_other_files_make_other_records_with_other_frames(tmp_path: Path, paint: str) -> None:
    (official,) = evaluate(tmp_path / "store", paint)
    (Path(paint) / "paint").write_text("7")
    (darker,) = evaluate(tmp_path / "store", paint)
    assert darker.key != official.key
    assert darker.actions.tolist() != official.actions.tolist()
    assert evaluate(tmp_path / "store", paint) == []


def test_a_run_ends_with_the_files_that_it_began_with(tmp_path: Path, paint: str) -> None:
    (undisturbed,) = evaluate(tmp_path / "undisturbed", paint)
    protocol = protocols.load(PAINTED).changed(tasks=["near"], trials=1)
    evaluation = Evaluation(protocol, POINTER, {}, assets=paint)
    (Path(paint) / "paint").write_text("7")
    with Store(tmp_path / "store", write=True) as store:
        (record,) = evaluation.run(store, workers=1)
    assert (record.key, record.actions.tolist()) == (undisturbed.key, undisturbed.actions.tolist())


def test_a_run_tells_its_assets_and_one_without_tells_none(tmp_path: Path, paint: str) -> None:
    evaluate(tmp_path / "store", paint)
    used = assets.used(envs.load("tests.line.painted"), paint)
    with Store(tmp_path / "store") as store:
        (about,) = store.runs().values()
    assert used and about["assets"] == used.about() | {"deviations": []}
    with Store(tmp_path / "line", write=True) as store:
        list(Evaluation(protocols.load(LINE).changed(trials=1), "expert", {}).run(store, workers=1))
        (about,) = store.runs().values()
    assert about["assets"] is None


def test_videos_are_made_with_the_recorded_assets(tmp_path: Path, paint: str) -> None:
    common = ["--protocol", PAINTED, "--trials", "1", "--workers", "1", "--store", str(tmp_path / "store")]
    assert run.main(["--policy", "expert", *common, "--assets", paint, "--video", "all"]) == 0
    videos = sorted((tmp_path / "store" / "videos").iterdir())
    assert len(videos) == 2
    for video in videos:
        video.unlink()
    assert film.main(["--store", str(tmp_path / "store"), "--workers", "1"]) == 0
    assert sorted((tmp_path / "store" / "videos").iterdir()) == videos


def test_records_of_other_assets_get_no_video_and_one_line_says_so(
    tmp_path: Path, paint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluate(tmp_path / "store", paint)
    (Path(paint) / "paint").write_text("7")
    assert film.main(["--store", str(tmp_path / "store"), "--workers", "1"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("no videos of 1 records of run ")
    then, now = (f"paint of {number}, hash {content_hash(number)[:8]}" for number in (255, 7))
    assert line.endswith(f"it had other assets ({then}) than are here ({now}); name them with --assets")
    assert not (tmp_path / "store" / "videos").exists()
    (tmp_path / "official" / "paint").rename(tmp_path / "paint")
    (tmp_path / "paint").write_text("255")
    assert film.main(["--store", str(tmp_path / "store"), "--workers", "1"]) == 1
    assert "its assets are not here" in capsys.readouterr().err
    assert film.main(["--store", str(tmp_path / "store"), "--workers", "1", "--assets", str(tmp_path)]) == 0


def test_a_gallery_shows_the_assets_that_are_asked_for(tmp_path: Path, paint: str) -> None:
    sheets = []
    for name, where in (("grey.png", "auto"), ("white.png", paint)):
        assert (
            gallery.main(["--protocol", PAINTED, "--assets", where, "--size", "64", "--out", str(tmp_path / name)]) == 0
        )
        sheets.append(np.asarray(Image.open(tmp_path / name)))
    assert sheets[0].shape == sheets[1].shape and (sheets[0] != sheets[1]).any()


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        (run.main, ("--policy", "zero", "--store", "STORE", "--protocol")),
        (gallery.main, ("--out", "sheet.png", "--protocol")),
    ],
)
@pytest.mark.parametrize(
    ("protocol", "where", "words"),
    [
        (PAINTED, "official-only", "no official paint is found; name its folder with --assets"),
        (PAINTED, "nowhere", "nowhere/paint"),
        (LINE, "stand-in", "suite 'tests.line' has no asset files; leave --assets out"),
    ],
)
def test_assets_that_cannot_be_used_are_one_line_and_exit_code_2(
    command: Callable[[list[str]], int],
    arguments: tuple[str, ...],
    protocol: str,
    where: str,
    words: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = [str(tmp_path / "store") if word == "STORE" else word for word in arguments]
    assert command([*given, protocol, "--assets", where]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ") and words in line
    assert not (tmp_path / "store").exists()


def test_a_bench_refuses_assets_for_a_suite_that_has_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.main(["--suite", "piper", "--assets", "stand-in"]) == 2
    assert "suite 'piper' has no asset files" in capsys.readouterr().err


def test_a_store_of_one_suite_is_not_filmed_with_assets_of_another(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run.main(["--policy", "expert", "--protocol", LINE, "--trials", "1", "--store", str(tmp_path)]) == 0
    assert film.main(["--store", str(tmp_path), "--assets", "auto"]) == 2
    assert "suite 'tests.line' has no asset files" in capsys.readouterr().err
    assert all(record.deviations == () for record in read(tmp_path))
