"""Our commands, run as a user runs them, in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from protocols.contracts import Record
from results.export import jsonl
from results.store import StoreError, read

ROOT = Path(__file__).parent.parent
LIMIT_S = 120


def start(module: str, *arguments: str | Path, **environment: str) -> subprocess.Popen[str]:
    """Start `python -m module arguments`, its output to be read."""
    return subprocess.Popen(
        [sys.executable, "-W", "error::ResourceWarning", "-m", module, *map(str, arguments)],
        cwd=ROOT,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Exit code, standard output and standard error."""
    out, err = process.communicate(timeout=LIMIT_S)
    return process.returncode, out, err


def run(module: str, *arguments: str | Path, **environment: str) -> tuple[int, str, str]:
    """Start and finish."""
    return finish(start(module, *arguments, **environment))


def exported(store: Path) -> str:
    """What the store holds, as lines without times."""
    return jsonl(read(store), times=False)


def by_episode(store: Path) -> dict[tuple[str, int], Record]:
    """Records by task and index."""
    return {(record.episode.task, record.episode.index): record for record in read(store)}


def workers_of(pid: int) -> list[int]:
    """Process ids of a run's workers."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in children if "spawn_main" in command_of(child)]


def command_of(pid: str) -> str:
    """The command line of a process, empty when it has gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def is_alive(pid: int) -> bool:
    """Whether the process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until(true: object, limit_s: float = 30.0) -> None:
    """Call `true` until it holds."""
    assert callable(true)
    deadline = time.monotonic() + limit_s
    while not true():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.02)


def count(store: Path) -> int:
    """Records in a store, 0 while it is not there yet."""
    try:
        return len(read(store))
    except StoreError:
        return 0
