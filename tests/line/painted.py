"""The line with an asset file, to test the harness: `paint` in a folder is a brightness from 0 to 255, official or not.

Without a folder there is only a stand-in, which is grey.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from protocols.contracts import ImageArray, content_hash
from tests.line import PACKAGES, SHIFTS, VERSION, Line, hold, missing, spec

__all__ = ["DEFAULT_PROTOCOL", "PACKAGES", "SHIFTS", "VERSION", "assets", "hold", "make", "missing", "spec"]
DEFAULT_PROTOCOL = str(Path(__file__).parent / "painted.yaml")
GREY = 128


@dataclass(frozen=True)
class Paint:
    brightness: int
    deviations: tuple[str, ...]

    @property
    def hash(self) -> str:
        return content_hash(self.brightness)

    @property
    def summary(self) -> str:
        return f"paint of {self.brightness}"


def prepare(where: str) -> Paint:
    if where == "official-only":
        raise RuntimeError("no official paint is found; name its folder with --assets")
    if where in ("auto", "stand-in"):
        return Paint(GREY, ("assets=stand-in",))
    return Paint(int((Path(where) / "paint").read_text()), ())


assets = SimpleNamespace(prepare=prepare)


class Painted(Line):
    def __init__(self, paint: Paint, **options: Any) -> None:
        super().__init__(**options)
        self.paint = paint

    def frame(self, camera: str) -> ImageArray:
        return super().frame(camera) // 255 * self.paint.brightness


def make(assets: str | Paint = "auto", **options: Any) -> Painted:
    return Painted(prepare(assets) if isinstance(assets, str) else assets, **options)
