"""The data files of a suite, put together in a temporary folder: links to official files, and files that we make."""

from __future__ import annotations

import atexit
import fcntl
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

LOCK = "in-use"
FRESH_S = 60.0  # a folder younger than this may not be locked yet
Content = bytes | Path  # ours, or where it is
Plan = Mapping[str, Content]  # by place in the folder
MADE: dict[tuple[str, str], Path] = {}  # folders of this process, by prefix and hash


@dataclass(frozen=True)
class Assets:
    """The data files that a suite reads.

    Args:
        folder: laid out as the suite's code expects it; a temporary one is removed when the process ends that made it.
        hash: SHA-256 over names and contents of all files that an episode can load.
        deviations: () where all files are official, else ("assets=partly-official",) or ("assets=stand-in",).
        summary: one line with counts.
    """

    folder: Path
    hash: str
    deviations: tuple[str, ...]
    summary: str


def hashed(plan: Plan) -> str:
    """SHA-256 over names and contents."""
    digest = hashlib.sha256()
    for place, content in sorted(plan.items()):
        own = content if isinstance(content, bytes) else content.read_bytes()
        digest.update(f"{place}\0{len(own)}\0".encode())
        digest.update(own)
    return digest.hexdigest()


def merged(plan: Plan, prefix: str, digest: str) -> Path:
    """A temporary folder, held by a lock as long as this process lives, which removes it at its end.

    Args:
        plan: what shall be in it.
        prefix: of its name.
        digest: of the plan; a folder that this process has made of an equal one is used again.
    """
    if (made := MADE.get((prefix, digest))) and made.exists():
        return made
    _sweep(prefix)
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    fcntl.flock(os.open(folder / LOCK, os.O_CREAT | os.O_RDWR), fcntl.LOCK_EX)
    for place, content in plan.items():
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            (folder / place).write_bytes(content)
        else:
            (folder / place).symlink_to(content)
    MADE[prefix, digest] = folder
    return folder


def _sweep(prefix: str) -> None:
    """Remove folders whose process is gone; a worker that is killed cannot do so itself."""
    for folder in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
        try:
            if time.time() - folder.stat().st_mtime < FRESH_S:
                continue
            lock = os.open(folder / LOCK, os.O_RDWR)
        except OSError:  # another user's, or another process was faster
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        except OSError:
            pass
        finally:
            os.close(lock)
