"""Contact sheets: every task with what its cameras see at the start, and what is refused."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import envs
import protocols
from harness.gallery import Tile, main, sheet
from protocols.contracts import ImageArray

LINE = str(Path(__file__).parent / "line" / "line.yaml")


def plain(grey: int, size: int = 64) -> ImageArray:
    return np.full((size, size, 3), grey, np.uint8)


def picture(path: Path) -> ImageArray:
    """(H, W, 3) uint8."""
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def places(canvas: ImageArray, frame: ImageArray) -> list[tuple[int, int]]:
    """Row and column of every place where the frame is on the canvas."""
    windows = np.lib.stride_tricks.sliding_window_view(canvas, frame.shape)[:, :, 0]
    return [(int(row), int(column)) for row, column in np.argwhere((windows == frame).all(axis=(2, 3, 4)))]


def test_the_sheet_shows_the_start_of_the_asked_for_episode_of_each_task(tmp_path: Path) -> None:
    out = tmp_path / "sheet.png"
    assert main(["--protocol", LINE, "--out", str(out), "--size", "16", "--index", "2"]) == 0
    canvas = picture(out)
    with closing(envs.load("tests.line").make(cameras=("agent",), image_size_px=16)) as env:
        for episode in protocols.load(LINE).episodes():
            if episode.index == 2:
                frame = env.reset(options={"episode": episode})[0]["images"]["agent"]
                assert len(places(canvas, frame)) == 2  # the start is the same point in both tasks


def test_tiles_stand_in_rows_in_their_order_and_cameras_side_by_side() -> None:
    shown = [Tile((plain(40 * number), plain(40 * number + 20)), f"do {number}", "task") for number in range(1, 6)]
    canvas = np.asarray(sheet(shown, 2).convert("RGB"))
    corners = [[places(canvas, image)[0] for image in tile.images] for tile in shown]
    assert all(agent[0] == wrist[0] and agent[1] + 64 < wrist[1] for agent, wrist in corners)
    first = [agent for agent, _ in corners]
    assert first == sorted(first)
    assert len({row for row, _ in first}) == 3 and len({column for _, column in first}) == 2


def test_a_long_instruction_takes_more_lines_and_is_kept_whole() -> None:
    short, long = (Tile((plain(99),), text, "task") for text in ("go", "go to the far goal and then come back again"))
    assert sheet([short, long], 5).size[1] > sheet([short, short], 5).size[1]
    assert sheet([short], 5).size[0] < sheet([short, long], 5).size[0]


@pytest.mark.parametrize(("name", "form"), [("sheet.png", "PNG"), ("sheet.jpg", "JPEG")])
def test_the_name_of_the_file_says_its_format(tmp_path: Path, name: str, form: str) -> None:
    assert main(["--protocol", LINE, "--out", str(tmp_path / name), "--size", "64", "--columns", "1"]) == 0
    with Image.open(tmp_path / name) as image:
        assert image.format == form
    assert (tmp_path / name).stat().st_size < 30_000


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--protocol", "metaworld_mt5"], "did you mean 'metaworld_mt50'"),
        (["--protocol", LINE, "--index", "-1"], "index must be at least 0, not -1"),
        (["--protocol", LINE, "--size", "0"], "size must be at least 1, not 0"),
        (["--protocol", LINE, "--columns", "0"], "columns must be at least 1, not 0"),
        (["--protocol", LINE, "--out", "{folder}/none/sheet.png"], "No such file or directory"),
        (["--protocol", LINE, "--out", "{folder}/sheet.txt"], "unknown file extension: .txt"),
    ],
)
def test_a_mistake_is_one_line(
    arguments: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    filled = [argument.format(folder=tmp_path) for argument in arguments]
    assert main(["--out", str(tmp_path / "sheet.png"), *filled]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and words in error and len(error.splitlines()) == 1


@pytest.mark.gl
@pytest.mark.simulator
def test_metaworlds_ten_tasks_are_drawn_through_both_cameras(tmp_path: Path) -> None:
    out = tmp_path / "mt10.png"
    arguments = ["--protocol", "metaworld_mt10", "--size", "64", "--render", "fast", "--out", str(out)]
    assert main(arguments) == 0
    canvas = picture(out)
    assert 10 * 64 < canvas.shape[1] < 12 * 64 and canvas.shape[0] > 2 * 64
    assert canvas.std() > 30
    assert out.stat().st_size < 100_000
