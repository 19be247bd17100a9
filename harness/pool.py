"""Worker processes: started, asked, watched, killed and started again."""

from __future__ import annotations

import math
import multiprocessing
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from multiprocessing.shared_memory import SharedMemory

from harness.assets import Used
from harness.worker import Failed, Ready, Reply, Request, Setup, image_shapes, image_views, serve
from protocols.contracts import ImageArray, at_least_one

SINGLE_THREADED = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class WorkerHandle:
    """One worker as its parent sees it.

    Args:
        suite, cameras, image_size_px, render, assets, record: what it runs, see `harness.worker.Setup`.
        limit_s: seconds that any one reply may take before the worker counts as hung.
    """

    def __init__(
        self,
        suite: str,
        cameras: tuple[str, ...],
        image_size_px: int,
        render: str,
        limit_s: float,
        assets: Used | None = None,
        record: int = 0,
    ) -> None:
        shapes = image_shapes(suite, cameras, image_size_px)
        size = sum(map(math.prod, shapes.values()))
        self.memory = SharedMemory(create=True, size=size) if size else None
        self.images: dict[str, ImageArray] = image_views(self.memory, shapes) if self.memory else {}
        memory = self.memory.name if self.memory else None
        self.setup = Setup(suite, cameras, image_size_px, render, memory, assets, record)
        self.limit_s = limit_s
        self.start()

    def start(self) -> None:
        """Start a fresh process; its `Ready` is the first reply."""
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process: BaseProcess = context.Process(target=serve, args=(theirs, self.setup), daemon=True)
        with single_threaded():
            self.process.start()
        theirs.close()
        self.ready = False
        self.deadline = time.monotonic() + self.limit_s

    def ask(self, request: Request) -> None:
        """Send a request; a worker that is already dead is noticed when its reply is awaited."""
        self.deadline = time.monotonic() + self.limit_s
        with suppress(OSError):
            self.connection.send(request)

    def reply(self) -> Reply:
        """The reply that has arrived, or `Failed` for a worker that died."""
        try:
            reply: Reply = self.connection.recv()
        except (EOFError, OSError):
            self.process.join(timeout=5)
            return Failed(f"WorkerDied: exit code {self.process.exitcode}", "", policy_at_fault=False)
        self.ready = self.ready or isinstance(reply, Ready)
        return reply

    def replace(self) -> None:
        """Kill the process, whatever it does, and start a fresh one."""
        self._kill()
        self.start()

    def _kill(self) -> None:
        self.process.kill()
        self.process.join()
        self.connection.close()

    def close(self) -> None:
        """End the process and free the shared memory."""
        self._kill()
        if self.memory is not None:
            self.images = {}
            self.memory.close()
            self.memory.unlink()


def answered(workers: list[WorkerHandle]) -> list[WorkerHandle]:
    """Wait until a worker of these has answered, died, or run out of time; these workers, in order."""
    nearest = min(worker.deadline for worker in workers)
    connections: list[Connection] = [worker.connection for worker in workers]
    heard = set(wait(connections, timeout=max(0.0, nearest - time.monotonic())))
    return [worker for worker in workers if worker.connection in heard or worker.deadline <= time.monotonic()]


def hung(worker: WorkerHandle) -> bool:
    """Whether the worker has run out of time and there is nothing to read from it."""
    return worker.deadline <= time.monotonic() and not worker.connection.poll()


def worker_count(wanted: int | None) -> int:
    """As many processes as are wanted, by default one per core. Raises ValueError below 1."""
    return at_least_one("workers", (os.cpu_count() or 1) if wanted is None else wanted)


@contextmanager
def single_threaded() -> Iterator[None]:
    """Processes that are started in here have single-threaded numerical libraries; they read this at their import."""
    before = {variable: os.environ.get(variable) for variable in SINGLE_THREADED}
    os.environ.update(dict.fromkeys(SINGLE_THREADED, "1"))
    try:
        yield
    finally:
        for variable, value in before.items():
            if value is None:
                del os.environ[variable]
            else:
                os.environ[variable] = value
