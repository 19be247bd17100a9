"""How a command line gives its document: into a file, on the terminal, or compared with a file that there is."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Callable
from pathlib import Path

from results.store import StoreError

MOST_LINES = 20  # of a difference


def deliver(make: Callable[[], str], out: Path | None, check: Path | None = None) -> int:
    """Write what `make` gives to `out`, compare it with `check`, or else print it.

    Returns:
        The exit code: 1 where `check` differs, 2 where the document cannot be made, written or compared, which is a
        user's mistake and one line.
    """
    try:
        text = make()
        lines = difference(check, text) if check else ""
        if out:
            out.write_text(text, encoding="utf-8")
    except (StoreError, LookupError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if check:
        print(f"{lines}\n{check} is not what the records give" if lines else f"{check} is what the records give")
    elif not out:
        print(text, end="")
    return int(bool(lines))


def difference(path: Path, text: str) -> str:
    """The first lines in which a file differs from the text; empty where they are equal."""
    old = path.read_text(encoding="utf-8").splitlines()
    lines = list(difflib.unified_diff(old, text.splitlines(), str(path), "the records", n=0, lineterm=""))
    more = [f"... and {len(lines) - MOST_LINES} lines more"] if len(lines) > MOST_LINES else []
    return "\n".join([*lines[:MOST_LINES], *more])
