"""Videos: what they contain, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from protocols.contracts import ImageArray
from results import videos
from results.videos import Caption, Frame
from tests.records import make_record

TOLD = "Push the puck to a goal"
PUSH = Caption("push-v3", "expert", "success at step 3")


def frames(count: int, height: int = 84, width: int = 84) -> Iterator[Frame]:
    """A grey image that gets brighter."""
    for number in range(count):
        yield Frame(np.full((height, width, 3), 40 + 10 * number, np.uint8), number, number / max(count - 1, 1), TOLD)


def decoded(path: Path) -> list[ImageArray]:
    """All pictures of a video, each (height, width, 3) uint8."""
    with av.open(path) as container:
        return [np.asarray(frame.to_ndarray(format="rgb24"), np.uint8) for frame in container.decode(video=0)]


def colour_share(picture: ImageArray, colour: str) -> float:
    """Share of the pixels that have about this colour."""
    wanted = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)])
    return float((np.abs(picture.astype(int) - wanted).max(axis=-1) < 20).mean())


def test_a_video_has_every_frame_and_holds_the_last_one_for_a_second(tmp_path: Path) -> None:
    videos.write(tmp_path / "push.mp4", frames(5), PUSH, fps=10)
    pictures = decoded(tmp_path / "push.mp4")
    assert len(pictures) == 4 + 10
    assert pictures[2][:400].mean() == pytest.approx(60, abs=2)
    assert pictures[-1][:400].mean() == pytest.approx(80, abs=2)


def test_a_video_plays_in_browsers(tmp_path: Path) -> None:
    videos.write(tmp_path / "odd.mp4", frames(3, 83, 97), PUSH)
    with av.open(tmp_path / "odd.mp4") as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert (stream.width % 2, stream.height % 2) == (0, 0)


def test_a_caption_tells_success_failure_and_error_apart() -> None:
    outcomes = [videos.caption(make_record(success=success, steps=7)).outcome for success in (True, False, None)]
    assert outcomes == ["success at step 7", "failure", "error"]
    told = videos.caption(make_record(success=False, failure="wrong_object"))
    assert (told.outcome, told.colour) == ("failure (wrong object)", videos.RED)


@pytest.mark.parametrize(
    ("outcome", "colour"),
    [("success at step 3", videos.GREEN), ("failure", videos.RED), ("error", videos.AMBER)],
)
def test_the_outcome_appears_at_the_end_and_not_before(tmp_path: Path, outcome: str, colour: str) -> None:
    videos.write(tmp_path / "end.mp4", frames(4), Caption("push-v3", "expert", outcome))
    pictures = decoded(tmp_path / "end.mp4")
    assert colour_share(pictures[1], colour) < 0.001 < 0.01 < colour_share(pictures[-1], colour)


def test_the_bar_grows_with_progress(tmp_path: Path) -> None:
    videos.write(tmp_path / "bar.mp4", frames(5), PUSH)
    shares = [colour_share(picture, videos.BLUE) for picture in decoded(tmp_path / "bar.mp4")[:4]]
    assert shares[0] < 0.001
    assert shares[1] == pytest.approx(shares[3] / 3, rel=0.15)


@pytest.mark.parametrize("size", [84, 128, 224, 256, 480])
def test_the_image_stands_above_the_caption_enlarged_by_a_whole_factor(size: int) -> None:
    image = np.random.default_rng(size).integers(0, 256, (size, size, 3), np.uint8)
    picture = next(videos.pictures([Frame(image, 1, 0.5, TOLD)], PUSH, hold=1))
    scale = picture.shape[1] // size
    assert picture.shape[1] >= videos.SMALLEST_WIDTH_PX
    np.testing.assert_array_equal(picture[: size * scale : scale, : size * scale : scale], image)
    assert size * scale < picture.shape[0] < 1.3 * size * scale


@settings(deadline=None, max_examples=30)
@given(text=st.text(st.characters(codec="utf-8"), max_size=300), width=st.integers(84, 480))
def test_an_instruction_of_any_length_fits_beside_the_margins(text: str, width: int) -> None:
    font, lines = videos.Layout(84, width, PUSH).told(text)
    assert len(lines) <= videos.INSTRUCTION_LINES
    assert all(font.getlength(line) <= videos.Layout(84, width, PUSH).room for line in lines)


def test_a_short_instruction_is_kept_whole() -> None:
    _, lines = videos.Layout(224, 224, PUSH).told("Push the puck to a goal, then close the drawer")
    assert " ".join(lines) == "Push the puck to a goal, then close the drawer"


def test_each_picture_tells_the_instruction_of_its_moment() -> None:
    image = np.zeros((84, 84, 3), np.uint8)
    told = [Frame(image, 1, 0.5, text) for text in ("open the drawer", "close the drawer", "open the drawer")]
    first, second, third = (next(videos.pictures([frame], PUSH, hold=1)) for frame in told)
    assert (first != second).any()
    np.testing.assert_array_equal(first, third)


def test_a_video_that_breaks_off_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "push.mp4"
    videos.write(path, frames(2), PUSH)
    before = path.read_bytes()

    def broken() -> Iterator[Frame]:
        yield from frames(3)
        raise RuntimeError("the simulator died")

    with pytest.raises(RuntimeError, match="the simulator died"):
        videos.write(path, broken(), PUSH)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["push.mp4"]


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ([], "at least one frame"),
        ([np.zeros((84, 84, 3), np.float32)], "uint8"),
        ([np.zeros((84, 84), np.uint8)], r"\(84, 84\)"),
        ([np.zeros((84, 84, 3), np.uint8), np.zeros((84, 90, 3), np.uint8)], "one size"),
    ],
)
def test_what_is_no_picture_is_refused(tmp_path: Path, images: list[ImageArray], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        videos.write(tmp_path / "none.mp4", [Frame(image, 0, 0.0, TOLD) for image in images], PUSH)
    assert not list(tmp_path.iterdir())
