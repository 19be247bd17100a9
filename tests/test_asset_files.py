"""Data files of a suite, put together in a temporary folder."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from envs import asset_files


def test_folders_of_processes_that_are_gone_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    kept, gone = asset_files.merged({"a/b": b"c"}, "some-", "1"), tmp_path / "some-gone"
    gone.mkdir()
    (gone / asset_files.LOCK).touch()
    for folder in (kept, gone):
        os.utime(folder, (0, 0))
    asset_files.merged({}, "some-", "2")
    assert (kept / "a" / "b").read_bytes() == b"c"
    assert not gone.exists()


def test_the_hash_covers_names_and_contents_and_not_where_files_are(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(b"c")
    plans = ({"a": b"c"}, {"a": b"d"}, {"b": b"c"}, {"a": b"c", "b": b""})
    assert len({asset_files.hashed(plan) for plan in plans}) == 4
    assert asset_files.hashed({"a": tmp_path / "elsewhere"}) == asset_files.hashed({"a": b"c"})
