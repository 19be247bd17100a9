"""What a person sees while episodes run: a live table in a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from types import TracebackType

from rich.columns import Columns
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from protocols.contracts import EvaluationProtocol, Record
from results.statistics import wilson

PLAIN_LINE_EVERY_S = 10.0


class Display:
    """Counts records as they come, and shows per task and in all how far the evaluation is.

    Args:
        protocol: what is evaluated.
        policy: the policy's recorded name.
        done: records that the store has already.
    """

    def __init__(self, protocol: EvaluationProtocol, policy: str, done: Iterable[Record]) -> None:
        self.title = f"{policy} on {protocol.name}" + "".join(f", {change}" for change in protocol.deviations)
        self.planned = Counter({task.name: protocol.episodes_per_task * protocol.repeats for task in protocol.tasks})
        self.successes: Counter[str] = Counter()
        self.done: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()
        for record in done:
            self._count(record)
        self.before = self.done.total()
        self.began = self.said = time.monotonic()
        self.console = Console(stderr=True)
        self.live = Live(get_renderable=self._table, console=self.console, refresh_per_second=4, transient=True)

    def __enter__(self) -> Display:
        if self.before:
            self.console.print(
                f"{self.before} of {self.planned.total()} episodes are in the store already", soft_wrap=True
            )
        if self.console.is_terminal:
            self.live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.console.is_terminal:
            self.live.stop()
        self.console.print(self._line(), soft_wrap=True)

    def add(self, record: Record) -> None:
        """Count one more record."""
        self._count(record)
        if not self.console.is_terminal and time.monotonic() - self.said > PLAIN_LINE_EVERY_S:
            self.said = time.monotonic()
            self.console.print(self._line(), soft_wrap=True)

    def _count(self, record: Record) -> None:
        task = record.episode.task
        self.done[task] += 1
        self.successes[task] += record.success is True
        self.errors[task] += record.error is not None

    def _line(self) -> str:
        """Episodes done, success rate with its interval, errors, speed and time left, in one line."""
        done, planned, errors = self.done.total(), self.planned.total(), self.errors.total()
        parts = [f"{self.title}: {done}/{planned} episodes"]
        if verdicts := done - errors:
            low, high = wilson(self.successes.total(), verdicts)
            rate = self.successes.total() / verdicts
            parts.append(f"success {rate:.1%} (95 % Wilson {low:.1%} to {high:.1%})")
        parts.append(f"{errors} errors")
        minutes = (time.monotonic() - self.began) / 60
        if new := done - self.before:
            parts.append(f"{new / minutes:.0f} episodes/min")
            parts.append(
                f"{clock((planned - done) * minutes / new)} left" if planned > done else f"took {clock(minutes)}"
            )
        return ", ".join(parts)

    def _table(self) -> RenderableType:
        bar = Table.grid()
        bar.add_row(ProgressBar(total=max(1, self.planned.total()), completed=self.done.total(), width=60))
        cells = [self._cell(task) for task in self.planned]
        return Group(Text(self._line()), bar, Columns(cells, padding=(0, 2), column_first=True))

    def _cell(self, task: str) -> Text:
        """One task: successes of episodes done, and of how many planned while it is not complete."""
        done, planned, errors = self.done[task], self.planned[task], self.errors[task]
        style = "dim" if not done else "bold" if done < planned else "green"
        counted = f"{self.successes[task]}/{done}" if done else "-"
        text = Text(f"{task} {counted}" + f" ({planned})" * (0 < done < planned), style=style)
        return text.append(f" {errors} errors", style="red") if errors else text


def clock(minutes: float) -> str:
    """Minutes as h:mm:ss."""
    seconds = round(minutes * 60)
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
