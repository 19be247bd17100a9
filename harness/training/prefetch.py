"""Puts the next batches together while the present one is learnt from."""

from __future__ import annotations

import queue
import threading
from contextlib import suppress
from types import TracebackType
from typing import NamedTuple

from harness.training.dataset import DataSet, Order
from harness.training.sources import Rows
from protocols.samples import Samples

READY = 3


class Next(NamedTuple):
    """What a step learns from: the places in the data set, and the samples there."""

    chosen: Rows
    samples: Samples


class Prefetch:
    """The batches of the steps from `first` to `steps`, in order, made by a thread of its own.

    Args:
        data: where samples come from.
        order: which samples each step has.
        first: the first step, counted from 0.
        steps: the step to stop before.
    """

    def __init__(self, data: DataSet, order: Order, first: int, steps: int) -> None:
        self.ready: queue.Queue[Next | BaseException] = queue.Queue(READY)
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._work, args=(data, order, first, steps), daemon=True)

    def __enter__(self) -> Prefetch:
        self.thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop.set()
        self.thread.join()

    def take(self) -> Next:
        """The next batch. Raises what the thread could not do."""
        found = self.ready.get()
        if isinstance(found, BaseException):
            raise found
        return found

    def _work(self, data: DataSet, order: Order, first: int, steps: int) -> None:
        try:
            for step in range(first, steps):
                chosen = order.chosen(step)
                self._put(Next(chosen, data.samples(chosen)))
                if self.stop.is_set():
                    return
        except (OSError, ValueError, MemoryError) as error:
            self._put(error)

    def _put(self, found: Next | BaseException) -> None:
        while not self.stop.is_set():
            with suppress(queue.Full):
                self.ready.put(found, timeout=0.1)
                return
