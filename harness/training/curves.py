"""Losses over the steps: `curves.jsonl`, one line each so many steps, and `curves.png` drawn from it."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from harness.parts import written

DRAW_EVERY_S = 120.0
LINES, PICTURE = "curves.jsonl", "curves.png"
TIMES = ("step", "samples_per_s", "waiting_s", "computing_s", "optimising_s", "episodes", "tasks")


class Curves:
    """The lines of a training's folder.

    Args:
        out: the folder.
        step: the state that the training goes on from; lines of later steps are taken back.
    """

    def __init__(self, out: Path, step: int) -> None:
        self.out, self.drawn = out, -DRAW_EVERY_S
        self.lines = [line for line in read(out / LINES) if line["step"] <= step]
        with written(out / LINES) as beside:
            beside.write_text("".join(json.dumps(line) + "\n" for line in self.lines), encoding="utf-8")

    def add(self, **line: Any) -> None:
        """One more line."""
        self.lines.append(line)
        with (self.out / LINES).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def last(self) -> dict[str, Any]:
        """The last value of everything."""
        found: dict[str, Any] = {}
        for line in self.lines:
            found |= line
        return found

    def draw(self, *, at_once: bool) -> None:
        """Draw `curves.png`, a panel for every kind of number; not too often unless at once."""
        if not at_once and time.monotonic() < self.drawn + DRAW_EVERY_S:
            return
        from matplotlib.figure import Figure

        self.drawn = time.monotonic()
        kinds = list(dict.fromkeys(key for line in self.lines for key in line if key not in TIMES))
        panels = list(dict.fromkeys(key.removeprefix("validation_") for key in kinds))
        if not panels:
            return
        figure = Figure(figsize=(4 * min(3, len(panels)), 2.6 * -(-len(panels) // 3)), layout="constrained")
        for place, panel in enumerate(panels):
            axes = figure.add_subplot(-(-len(panels) // 3), min(3, len(panels)), place + 1)
            for key in (panel, f"validation_{panel}"):
                points = [(line["step"], line[key]) for line in self.lines if key in line]
                if points:
                    axes.plot(*zip(*points, strict=True), marker="." * (len(points) < 30), label=key, linewidth=1)
            low = min((line[panel] for line in self.lines if panel in line), default=0.0)
            axes.set(title=panel, xlabel="step", yscale="log" if panel == "loss" and low > 0 else "linear")
            if f"validation_{panel}" in kinds:
                axes.legend(fontsize="small")
        with written(self.out / PICTURE) as beside:
            figure.savefig(beside, format="png", dpi=100)


def read(path: Path) -> list[dict[str, Any]]:
    """The lines of a file; none of one that is not there, none that a kill has cut."""
    lines: list[dict[str, Any]] = []
    for text in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            lines.append(json.loads(text))
        except json.JSONDecodeError:
            break
    return lines
