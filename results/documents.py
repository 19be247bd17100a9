"""How a command line gives its document: into a file or on the terminal, and a user's mistake as one line."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from results.store import StoreError


def deliver(make: Callable[[], str], out: Path | None) -> int:
    """Write what `make` gives to `out`, or print it; the exit code, 2 where it cannot be made or written."""
    try:
        text = make()
        if out:
            out.write_text(text, encoding="utf-8")
    except (StoreError, LookupError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if not out:
        print(text, end="")
    return 0
