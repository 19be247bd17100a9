"""pybullet, imported without the line that it prints, and its way to load a body."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from envs.calvin.silence import silenced
from protocols.contracts import BrokenFileError

with silenced():
    import pybullet

__all__ = ["load_body", "pybullet"]


def load_body(path: Path, client: int, **options: Any) -> int:
    """Load a URDF and give its number; BrokenFileError where pybullet cannot."""
    try:
        body: int = pybullet.loadURDF(str(path), physicsClientId=client, **options)
    except pybullet.error as error:
        raise BrokenFileError(f"broken data file {path}: {error}") from error
    return body
