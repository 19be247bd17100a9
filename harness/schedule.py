"""Which episode a worker runs next: all of one task on one worker where possible, because opening a task costs."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable
from typing import NamedTuple

from protocols.contracts import Episode


class Job(NamedTuple):
    """An episode to run, its key, and how often it has been tried."""

    episode: Episode
    key: str
    attempt: int = 1


class Schedule:
    """The jobs that nobody has taken yet, by task, in the order given."""

    def __init__(self, jobs: Iterable[Job]) -> None:
        self.by_task: dict[str, deque[Job]] = {}
        for job in jobs:
            self.by_task.setdefault(job.episode.task, deque()).append(job)

    def __len__(self) -> int:
        return sum(map(len, self.by_task.values()))

    def take(self, open_task: str | None, served: Collection[str]) -> Job | None:
        """The next job for a worker that has `open_task` open, None when all are taken; `served`: what others work on.

        First its own task, then one that nobody serves, then the one with most left.
        """
        left = {task: jobs for task, jobs in self.by_task.items() if jobs}
        if not left:
            return None
        unserved = [task for task in left if task not in served]
        if open_task in left:
            task = open_task
        else:
            task = unserved[0] if unserved else max(left, key=lambda name: len(left[name]))
        return left[task].popleft()

    def put_back(self, job: Job) -> None:
        """Run this one again, next among its task."""
        self.by_task.setdefault(job.episode.task, deque()).appendleft(job)
