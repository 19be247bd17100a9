"""Videos of episodes, one mp4 each: the image, and below it instruction, task, policy, step, progress and outcome.

H.264 in yuv420p with even sides, which every browser plays. Images narrower than 448 pixels are enlarged by a whole
factor and unsmoothed, so that the pixels that a policy saw can be counted. The last frame stands for a second, with the
outcome.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from protocols.contracts import ImageArray, Record
from results.cells import spoken

SMALLEST_WIDTH_PX = 448
INSTRUCTION_LINES = 2
HOLD_S = 1.0
USUAL_CAMERAS = ("agent",)
CODEC_OPTIONS = {"crf": "18", "preset": "veryfast", "threads": "1"}  # visually lossless; one thread as everywhere

BACKGROUND, TRACK, WHITE, GREY = "#14171c", "#2c323b", "#f4f6f8", "#9aa4b1"
BLUE, GREEN, RED, AMBER = "#4c9be8", "#3fb56b", "#e5565b", "#e0a03c"


class Frame(NamedTuple):
    """What was seen after `step` control steps: (H, W, 3) uint8, upright; progress in [0, 1]; what was told."""

    image: ImageArray
    step: int
    progress: float
    instruction: str


@dataclass(frozen=True)
class Caption:
    """The text that stays. `outcome` is shown at the end; its colour follows from its first word."""

    task: str
    policy: str
    outcome: str

    @property
    def colour(self) -> str:
        """Green for a success, red for a failure, amber for anything else."""
        return {"success": GREEN, "failure": RED}.get(self.outcome.partition(" ")[0], AMBER)


def caption(record: Record) -> Caption:
    """The caption of a record's video."""
    failure = f"failure ({spoken(record.failure)})" if record.failure else "failure"
    verdicts = {True: f"success at step {record.steps}", False: failure, None: "error"}
    return Caption(record.episode.task, record.policy, verdicts[record.success])


def path_of(record: Record, folder: Path, cameras: tuple[str, ...] = USUAL_CAMERAS) -> Path:
    """Where the record's video lies: `<task>-<index>-<key>.mp4`, unusual cameras after the key."""
    seen = "" if cameras == USUAL_CAMERAS else "".join(f"-{camera}" for camera in cameras)
    return folder / f"{record.episode.task}-{record.episode.index:03}-{record.key[:8]}{seen}.mp4"


def write(path: Path, frames: Iterable[Frame], caption: Caption, *, fps: int = 20) -> None:
    """Write the frames, in order, as one mp4; a file that is there is replaced when the new one is complete.

    Args:
        path: ends in .mp4; its folder is made.
        frames: at least one; all of one size.
        caption: what stands below them.
        fps: frames per second of the video.

    Raises:
        ValueError: no frame, an image that is not (H, W, 3) uint8, or one of another size than the first.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        with av.open(unfinished, "w", format="mp4", options={"movflags": "faststart"}) as container:
            stream = container.add_stream("libx264", rate=Fraction(fps), options=CODEC_OPTIONS)
            stream.pix_fmt = "yuv420p"
            for picture in pictures(frames, caption, hold=round(HOLD_S * fps)):
                if not stream.codec_context.is_open:
                    stream.height, stream.width = picture.shape[:2]
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            container.mux(stream.encode())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def pictures(frames: Iterable[Frame], caption: Caption, hold: int) -> Iterator[ImageArray]:
    """Finished pictures, (height, width, 3) uint8, all of one size; the last one `hold` times, with the outcome."""
    layout, last = None, None
    for frame in frames:
        check(frame.image, None if last is None else last.image)
        layout = layout or Layout(frame.image.shape[0], frame.image.shape[1], caption)
        if last is not None:
            yield layout.picture(last, ended=False)
        last = frame
    if layout is None or last is None:
        raise ValueError("a video needs at least one frame")
    ending = layout.picture(last, ended=True)
    for _ in range(max(hold, 1)):
        yield ending


def check(image: ImageArray, before: ImageArray | None) -> None:
    """ValueError unless `image` is a picture of the size of the one before."""
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f"a frame is (height, width, 3) uint8, not {image.shape} {image.dtype}")
    if before is not None and before.shape != image.shape:
        raise ValueError(f"all frames of a video have one size, not {before.shape[:2]} and then {image.shape[:2]}")


class Layout:
    """Where everything stands, for images of one size and one caption.

    Args:
        height: of the images, pixels.
        width: of the images, pixels.
        caption: the text below.
    """

    def __init__(self, height: int, width: int, caption: Caption) -> None:
        self.caption = caption
        self.scale = math.ceil(SMALLEST_WIDTH_PX / width)
        self.image_size = (width * self.scale, height * self.scale)
        self.width = even(self.image_size[0])
        self.margin = round(self.width * 0.03)
        self.room = self.width - 2 * self.margin
        self.large = round(self.width * 0.042)
        self.small = font(round(self.width * 0.031))
        self.line_px = round(self.large * 1.25)
        self.gap = round(self.small.size * 0.6)
        self.row_y = self.image_size[1] + self.margin + INSTRUCTION_LINES * self.line_px + self.gap
        self.bar_y = self.row_y + round(self.small.size * 1.5) + self.gap
        self.bar_px = max(round(self.width * 0.014), 4)
        self.height = even(self.bar_y + self.bar_px + self.margin)

    def told(self, instruction: str) -> tuple[ImageFont.FreeTypeFont, list[str]]:
        """The instruction in lines, and the font in which they fit."""
        return fitted(instruction, self.room, self.large)

    def picture(self, frame: Frame, ended: bool) -> ImageArray:
        """The finished picture, (height, width, 3) uint8."""
        canvas = Image.new("RGB", (self.width, self.height), BACKGROUND)
        canvas.paste(Image.fromarray(frame.image).resize(self.image_size, Image.Resampling.NEAREST))
        draw = ImageDraw.Draw(canvas)
        self.draw_text(draw, frame, ended)
        self.draw_bar(draw, frame.progress, self.caption.colour if ended else BLUE)
        return np.asarray(canvas)

    def draw_text(self, draw: ImageDraw.ImageDraw, frame: Frame, ended: bool) -> None:
        """Instruction; below it task and policy on the left, and step or outcome on the right."""
        top = self.image_size[1] + self.margin
        text, lines = self.told(frame.instruction)
        free = (INSTRUCTION_LINES - len(lines)) * self.line_px // 2
        for number, line in enumerate(lines):
            draw.text((self.margin, top + free + number * self.line_px), line, WHITE, text)
        right = self.caption.outcome if ended else f"step {frame.step}"
        width = self.small.getlength(right) + self.small.size
        edge, middle = self.width - self.margin, self.row_y + round(self.small.size * 0.6)
        if ended:
            box = (edge - width, middle - self.small.size * 0.85, edge, middle + self.small.size * 0.75)
            draw.rounded_rectangle(box, self.small.size * 0.4, self.caption.colour)
        position = (edge - self.small.size // 2, middle) if ended else (edge, middle)
        draw.text(position, right, WHITE, self.small, anchor="rm")
        left = f"{self.caption.task}  |  {self.caption.policy}"
        left = shortened(left, edge - width - 2 * self.margin, self.small)
        draw.text((self.margin, middle), left, GREY, self.small, anchor="lm")

    def draw_bar(self, draw: ImageDraw.ImageDraw, progress: float, colour: str) -> None:
        """The progress bar, over the whole width."""
        left, right, top, bottom = self.margin, self.width - self.margin, self.bar_y, self.bar_y + self.bar_px
        draw.rounded_rectangle((left, top, right, bottom), self.bar_px // 2, TRACK)
        filled = left + (right - left) * min(max(progress, 0.0), 1.0)
        if filled - left >= self.bar_px:
            draw.rounded_rectangle((left, top, filled, bottom), self.bar_px // 2, colour)


def even(number: int) -> int:
    """The next even number; yuv420p halves both sides."""
    return number + number % 2


def font(size_px: int) -> ImageFont.FreeTypeFont:
    """Pillow's own font, which is there on every machine."""
    found = ImageFont.load_default(size_px)
    assert isinstance(found, ImageFont.FreeTypeFont), "Pillow's wheels come with FreeType"
    return found


@functools.cache
def fitted(text: str, room_px: float, size_px: int) -> tuple[ImageFont.FreeTypeFont, list[str]]:
    """The largest font, at most `size_px`, in which the text fits on INSTRUCTION_LINES lines, and those lines.

    Below 75 % of that size the text is cut instead.
    """
    smallest = round(size_px * 0.75)
    for size in range(size_px, smallest - 1, -1):
        face = font(size)
        lines = wrapped(text, room_px, face)
        if len(lines) <= INSTRUCTION_LINES:
            return face, lines
    kept, rest = lines[: INSTRUCTION_LINES - 1], lines[INSTRUCTION_LINES - 1 :]
    return face, [*kept, shortened(" ".join(rest), room_px, face)]


def wrapped(text: str, room_px: float, face: ImageFont.FreeTypeFont) -> list[str]:
    """The text in lines that fit; a word wider than a line stands alone."""
    lines: list[str] = []
    for word in text.split():
        if lines and face.getlength(f"{lines[-1]} {word}") <= room_px:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return [shortened(line, room_px, face) for line in lines]


def shortened(text: str, room_px: float, face: ImageFont.FreeTypeFont) -> str:
    """The text, its end replaced by dots where it does not fit."""
    if face.getlength(text) <= room_px:
        return text
    while text and face.getlength(f"{text}...") > room_px:
        text = text[:-1]
    return f"{text.rstrip()}..."
