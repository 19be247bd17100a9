"""The command that makes one store of several."""

from __future__ import annotations

from pathlib import Path

import pytest

from results.merge import main
from results.store import Store, read
from tests.records import make_record


def write(folder: Path, *indices: int, run: str = "run-a") -> str:
    with Store(folder, write=True) as store:
        store.add_run(run, {})
        for index in indices:
            store.add(make_record(index=index, success=True if index else None, run=run))
    return str(folder)


def test_stores_are_united_and_the_sources_stay(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a, b = write(tmp_path / "a", 0, 1, 2), write(tmp_path / "b", 2, 3, run="run-b")
    assert main([a, b, "--into", str(tmp_path / "c")]) == 0
    assert capsys.readouterr().out == f"4 records in {tmp_path / 'c'}\n"
    assert [record.episode.index for record in read(tmp_path / "c")] == [0, 1, 2, 3]
    assert len(read(a)) == 3 and len(read(b)) == 2
    with Store(tmp_path / "c") as store:
        assert list(store.runs()) == ["run-a", "run-b"]


def test_an_existing_store_is_added_to(tmp_path: Path) -> None:
    a, b = write(tmp_path / "a", 1), write(tmp_path / "b", 2)
    assert main([a, "--into", b]) == 0
    assert [record.episode.index for record in read(b)] == [1, 2]


def test_nothing_is_written_where_a_source_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a = write(tmp_path / "a", 1)
    assert main([a, str(tmp_path / "missing"), "--into", str(tmp_path / "c")]) == 2
    assert capsys.readouterr().err.startswith(f"error: there is no store in {tmp_path / 'missing'}")
    assert not (tmp_path / "c").exists()


def test_a_store_that_is_being_written_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a = write(tmp_path / "a", 1)
    with Store(tmp_path / "c", write=True):
        assert main([a, "--into", str(tmp_path / "c")]) == 2
    assert "another run is writing" in capsys.readouterr().err
