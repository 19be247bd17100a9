"""A contact sheet of a protocol: `python -m harness.gallery --protocol metaworld_mt10 --out sheet.png`.

For each task the first frame of one episode through every camera of the suite, side by side, above its instruction.
The picture is drawn from the starts alone: no policy acts.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFont

import envs
import protocols
from harness.assets import make_options, used
from harness.options import add_assets_option
from protocols.contracts import RENDER_PROFILES, EvaluationProtocol, ImageArray, at_least_one
from protocols.registry import require
from results.videos import BACKGROUND, GREY, WHITE, font, shortened, wrapped

QUALITY = 92  # of a JPEG
PAPER = "#0d0f12"


class Tile(NamedTuple):
    """One task on the sheet: the cameras' frames, each (H, W, 3) uint8, and what is written below them."""

    images: tuple[ImageArray, ...]
    instruction: str
    remark: str


def tiles(protocol: EvaluationProtocol, index: int, assets: str | None = None) -> Iterator[Tile]:
    """The start of episode `index` of each task, through every camera, with asset files from `assets`.

    Raises:
        LookupError: no such suite, or a suite without the protocol's shift.
        ValueError: a negative index, or assets for a suite that has none.
        RuntimeError: something is missing to draw with.
    """
    if index < 0:
        raise ValueError(f"index must be at least 0, not {index}")
    suite = envs.load(protocol.suite)
    require("shift", protocol.shift, suite.SHIFTS)
    if lines := suite.missing(images=True):
        raise RuntimeError(f"suite {protocol.suite!r} cannot draw: {'; '.join(lines)}")
    cameras = tuple(suite.spec(protocol.image_size_px).observation.cameras)
    options = {"cameras": cameras, "image_size_px": protocol.image_size_px, "render": protocol.render}
    with closing(suite.make(**options, **make_options(used(suite, assets)))) as env:
        for episode in protocol.changed(trials=index + 1).episodes():
            if episode.index == index:
                seen, _ = env.reset(options={"episode": episode})
                remark = f"{episode.task}  |  {', '.join(cameras)}"
                yield Tile(tuple(seen["images"][camera] for camera in cameras), seen["instruction"], remark)


def sheet(shown: list[Tile], columns: int) -> Image.Image:
    """All tiles in rows of `columns`.

    Args:
        shown: at least one; the images of each of one size, the first of a tile the largest.
        columns: tiles in a row, fewer where there are not so many.
    """
    height, frame_width, _ = shown[0].images[0].shape
    seam, gap = max(1, frame_width // 64), max(4, frame_width // 14)
    ends = list(itertools.accumulate(image.shape[1] + seam for image in shown[0].images))
    width = ends[-1] - seam
    columns = min(columns, len(shown))
    captions = Captions([tile.instruction for tile in shown], width, gap)
    tile_height = height + captions.height
    rows = -(-len(shown) // columns)
    size = (gap + columns * (width + gap), gap + rows * (tile_height + gap))
    canvas = Image.new("RGB", size, PAPER)
    draw = ImageDraw.Draw(canvas)
    for number, tile in enumerate(shown):
        left = gap + number % columns * (width + gap)
        top = gap + number // columns * (tile_height + gap)
        draw.rectangle((left, top, left + width - 1, top + tile_height - 1), BACKGROUND)
        for start, image in zip((0, *ends), tile.images, strict=False):
            canvas.paste(Image.fromarray(image), (left + start, top))
        captions.write(draw, tile, left, top + height)
    return canvas


class Captions:
    """The text below the tiles: instruction in as many lines as the longest needs, and a remark in one.

    Args:
        instructions: of all tiles.
        width: of a tile, pixels.
        margin: around the text, pixels.
    """

    def __init__(self, instructions: list[str], width: int, margin: int) -> None:
        self.room, self.margin = width - 2 * margin, margin
        self.large, self.small = (font(max(9, round(width * share))) for share in (0.054, 0.040))
        self.lines = max(len(wrapped(text, self.room, self.large)) for text in instructions)
        self.height = 2 * margin + self.lines * line_px(self.large) + line_px(self.small)

    def write(self, draw: ImageDraw.ImageDraw, tile: Tile, left: int, top: int) -> None:
        """Write one tile's caption below its image."""
        x, y = left + self.margin, top + self.margin
        for line in wrapped(tile.instruction, self.room, self.large):
            draw.text((x, y), line, WHITE, self.large)
            y += line_px(self.large)
        remark_y = top + self.height - self.margin - line_px(self.small)
        draw.text((x, remark_y), shortened(tile.remark, self.room, self.small), GREY, self.small)


def line_px(face: ImageFont.FreeTypeFont) -> int:
    """Height of a line of text in pixels."""
    return round(face.size * 1.3)


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m harness.gallery", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--protocol", required=True, metavar="N", help="a protocol or a path to a .yaml")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="file to write, .png or .jpg")
    parser.add_argument("--size", type=int, metavar="PX", help="side of a frame (default: the protocol's)")
    parser.add_argument("--render", choices=RENDER_PROFILES, help="render profile (default: the protocol's)")
    parser.add_argument("--index", type=int, default=0, metavar="N", help="number of the episode (default: 0)")
    parser.add_argument("--columns", type=int, default=5, metavar="N", help="tasks in a row (default: 5)")
    add_assets_option(parser.add_argument)
    chosen = parser.parse_args(arguments)
    try:
        protocol = protocols.load(chosen.protocol).changed(render=chosen.render)
        size_px = at_least_one("size", protocol.image_size_px if chosen.size is None else chosen.size)
        shown = list(tiles(replace(protocol, image_size_px=size_px), chosen.index, chosen.assets))
        sheet(shown, at_least_one("columns", chosen.columns)).save(chosen.out, quality=QUALITY, optimize=True)
    except (LookupError, ValueError, RuntimeError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{len(shown)} tasks in {chosen.out}, {chosen.out.stat().st_size / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
