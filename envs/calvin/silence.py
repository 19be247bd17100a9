"""What C code prints: kept off the terminal, unless it sounds like a problem."""

from __future__ import annotations

import ctypes
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

OUTPUTS = (1, 2)  # numbers of standard output and standard error
PROBLEM = re.compile("warning|error|fail|cannot|could not|unsupported", re.IGNORECASE)


class Said:
    """What was printed, known when the silence is over."""

    text = ""


@contextmanager
def silenced() -> Iterator[Said]:
    """Catch what the process writes to its standard output and error.

    What other threads write meanwhile is caught as well. It goes to standard error after all where something sounds
    like a problem or the block raises.
    """
    said = Said()
    raised = True
    with tempfile.TemporaryFile() as caught:
        _flush()
        kept = [os.dup(number) for number in OUTPUTS]
        for number in OUTPUTS:
            os.dup2(caught.fileno(), number)
        try:
            yield said
            raised = False
        finally:
            _flush()
            for number, own in zip(OUTPUTS, kept, strict=True):
                os.dup2(own, number)
                os.close(own)
            caught.seek(0)
            said.text = caught.read().decode(errors="replace")
            if raised or PROBLEM.search(said.text):
                print(said.text, file=sys.stderr, end="")


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    ctypes.CDLL(None).fflush(None)  # C keeps its own buffer
