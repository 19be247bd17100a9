"""Benchmarks are collected only where a policy is named."""

from pathlib import Path

import pytest


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    return True if config.option.policy is None and collection_path.name.startswith("test_") else None
