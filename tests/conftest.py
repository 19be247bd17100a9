"""What this machine lacks is skipped, and the skip says so."""

from __future__ import annotations

import signal

import pytest

import envs
from envs import gl

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell's background job has it, and hands it on
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    missing = envs.load("metaworld").missing()
    lacks = {"simulator": "; ".join(missing), "gl": gl.why_none() if gl.choose() == "disable" else ""}
    for item in items:
        for marker, reason in lacks.items():
            if reason and item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=reason))
