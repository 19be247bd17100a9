"""What a person sees while a policy trains: a bar in a terminal, plain lines elsewhere; and how they stop it."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from harness.display import PLAIN_LINE_EVERY_S, clock


class Watch:
    """Says how far a training is, how fast it goes, and when it will be ready.

    Args:
        step: steps that are done.
        steps: of all.
        batch: samples in a step.
    """

    def __init__(self, step: int, steps: int, batch: int) -> None:
        self.first, self.step, self.steps, self.batch = step, step, steps, batch
        self.began = self.said = time.monotonic()
        self.said_at = step
        self.line: dict[str, Any] = {}
        self.console = Console(stderr=True, soft_wrap=True)
        self.bar = Progress(
            TextColumn("{task.description}"), BarColumn(20), console=self.console, disable=not self.console.is_terminal
        )
        self.shown: TaskID = self.bar.add_task("", total=steps, completed=step)

    def __enter__(self) -> Watch:
        self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.stop()
        if self.step > self.said_at:
            self.console.print(self.text())

    def tell(self, line: dict[str, Any]) -> None:
        """Show the newest numbers; what an evaluation found stands in a line of its own."""
        self.line |= line
        if "success_rate" in line:
            self.console.print(
                f"step {line['step']}: success {line['success_rate']:.1%} in {line['episodes']} episodes"
            )

    def done(self, step: int) -> None:
        """One more step is done."""
        self.step = step
        if self.console.is_terminal:
            self.bar.update(self.shown, completed=step, description=self.text())
        elif time.monotonic() - self.said > PLAIN_LINE_EVERY_S:
            self.said, self.said_at = time.monotonic(), step
            self.console.print(self.text())

    def text(self) -> str:
        """Steps, losses, speed and time left, in one line."""
        new, minutes = self.step - self.first, (time.monotonic() - self.began) / 60
        losses = [f"{key} {self.line[key]:.4g}" for key in ("loss", "validation_loss") if key in self.line]
        left = clock((self.steps - self.step) * minutes / max(1, new))
        speed = f"{new * self.batch / max(1e-9, minutes * 60):.0f} samples/s"
        return ", ".join([f"step {self.step}/{self.steps}", *losses, speed, f"{left} left"])


def where_time_went(seconds: dict[str, float]) -> str:
    """The share of each activity, in one line."""
    total = max(1e-9, sum(seconds.values()))
    names = {
        "waiting": "waiting for data",
        "computing": "forward and backward",
        "optimising": "optimiser",
        "saving": "saving",
        "evaluating": "evaluation",
    }
    shares = [f"{name} {seconds[key] / total:.1%}" for key, name in names.items() if seconds.get(key)]
    return f"{clock(total / 60)} went to: {', '.join(shares)}"


class Stop:
    """Ctrl-C or SIGTERM ends the training after the present step, a second one at once; `asked` tells."""

    def __init__(self) -> None:
        self.asked = False
        self.before: dict[int, Any] = {}

    def __call__(self) -> bool:
        return self.asked

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Listen meanwhile; in another thread than the main one nobody can."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        self.before = {number: signal.signal(number, self._ask) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            self._give_back()

    @contextmanager
    def deaf(self) -> Iterator[None]:
        """Do not listen meanwhile: Ctrl-C ends what takes long and can be done again."""
        self._give_back()
        yield
        for number in self.before:
            signal.signal(number, self._ask)

    def _give_back(self) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
