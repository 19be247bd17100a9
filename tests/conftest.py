"""What this machine lacks is skipped, and the skip says so."""

from __future__ import annotations

import signal

import pytest
from hypothesis import settings

import envs
from envs import gl

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell's background job has it, and hands it on
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("unhurried", deadline=None)  # machines are noisy, and no test is about time
settings.load_profile("unhurried")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    simulators = {suite: "; ".join(envs.load(suite).missing()) for suite in envs.names()}
    no_gl = gl.why_none() if gl.choose() == "disable" else ""
    for item in items:
        lacks = {"simulator": simulators[suite_of(item)], "gl": no_gl}
        for marker, reason in lacks.items():
            if reason and item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=reason))


def suite_of(item: pytest.Item) -> str:
    """The suite whose simulator a test needs: its parameter, else what its file is named after, else Meta-World."""
    given = (
        item.callspec.params.get("suite") if isinstance(item, pytest.Function) and hasattr(item, "callspec") else None
    )
    named = (suite for suite in envs.names() if item.path.stem.startswith(f"test_{suite}"))
    return given if given in envs.names() else next(named, "metaworld")
