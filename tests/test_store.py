"""Nothing is lost, nothing is mixed up: round trips, the laws of merging, locks, and disks that say no."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from protocols.contracts import Record
from results.export import jsonl
from results.store import Store, StoreError, body_text, read
from tests.records import any_records, make_record

ROOT = Path(__file__).parents[1]
record_lists = st.lists(any_records(), max_size=4)
few_examples = settings(max_examples=30, deadline=None)
Folders = pytest.TempPathFactory


def filled(folders: Folders, *records: Record) -> Path:
    """A new store with these records."""
    folder = folders.mktemp("store")
    with Store(folder, write=True) as store:
        for record in records:
            store.add(record)
    return folder


def merged(folders: Folders, *sources: Path) -> Path:
    """A new store with all that the sources have, merged in this order."""
    folder = folders.mktemp("merged")
    with Store(folder, write=True) as store:
        for source in sources:
            with Store(source) as other:
                store.merge(other)
    return folder


def content(folder: Path) -> str:
    """All that must not depend on the machinery."""
    return jsonl(read(folder), times=False)


def assert_equal(one: Record, other: Record) -> None:
    for field in fields(Record):
        left, right = getattr(one, field.name), getattr(other, field.name)
        if isinstance(left, np.ndarray):
            assert left.dtype == right.dtype == np.float32
            np.testing.assert_array_equal(left.reshape(right.shape), right)
        else:
            assert left == right, field.name


@given(any_records())
@few_examples
def test_a_record_comes_back_as_it_was(tmp_path_factory: Folders, record: Record) -> None:
    (found,) = read(filled(tmp_path_factory, record))
    assert_equal(record, found)


def test_actions_keep_their_shape(tmp_path: Path) -> None:
    actions = np.arange(12, dtype=np.float32).reshape(3, 4)
    with Store(tmp_path, write=True) as store:
        store.add(make_record(steps=3, actions=actions))
    np.testing.assert_array_equal(read(tmp_path)[0].actions, actions)


@given(record_lists)
@few_examples
def test_a_key_is_never_there_twice(tmp_path_factory: Folders, records: list[Record]) -> None:
    found = [record.key for record in read(filled(tmp_path_factory, *records, *records))]
    assert len(found) == len(set(found))
    assert set(found) == {record.key for record in records}


@given(record_lists)
@few_examples
def test_what_is_kept_does_not_depend_on_the_order(tmp_path_factory: Folders, records: list[Record]) -> None:
    forward, backward = filled(tmp_path_factory, *records), filled(tmp_path_factory, *records[::-1])
    assert content(forward) == content(backward)


@pytest.mark.parametrize("success", [True, False])
def test_a_verdict_replaces_an_error_and_never_the_other_way(tmp_path: Path, success: bool) -> None:
    error, verdict = make_record(success=None), make_record(success=success)
    with Store(tmp_path, write=True) as store:
        store.add(error)
        assert store.settled() == set()
        store.add(verdict)
        assert store.settled() == {verdict.key}
        store.add(error)
        assert [record.success for record in store.records()] == [success]


def test_another_error_of_the_same_episode_is_one_error(tmp_path: Path) -> None:
    with Store(tmp_path, write=True) as store:
        store.add(make_record(success=None, error="b"))
        store.add(make_record(success=None, error="a"))
        assert [record.error for record in store.records()] == ["a"]


def test_the_same_verdict_again_changes_nothing(tmp_path: Path) -> None:
    with Store(tmp_path, write=True) as store:
        store.add(make_record(run="first", wall_s=1.0))
        store.add(make_record(run="second", wall_s=2.0))
        assert [(record.run, record.wall_s) for record in store.records()] == [("first", 1.0)]


def test_records_come_back_in_canonical_order(tmp_path: Path) -> None:
    records = [make_record(task, index) for task in ("b", "a") for index in (10, 2)]
    with Store(tmp_path, write=True) as store:
        for record in records:
            store.add(record)
        found = [(record.episode.task, record.episode.index) for record in store.records()]
    assert found == [("a", 2), ("a", 10), ("b", 2), ("b", 10)]


@given(record_lists, record_lists)
@few_examples
def test_merging_is_commutative(tmp_path_factory: Folders, one: list[Record], two: list[Record]) -> None:
    a, b = filled(tmp_path_factory, *one), filled(tmp_path_factory, *two)
    assert content(merged(tmp_path_factory, a, b)) == content(merged(tmp_path_factory, b, a))


@given(record_lists, record_lists, record_lists)
@few_examples
def test_merging_is_associative(
    tmp_path_factory: Folders, one: list[Record], two: list[Record], three: list[Record]
) -> None:
    a, b, c = (filled(tmp_path_factory, *records) for records in (one, two, three))
    left = merged(tmp_path_factory, merged(tmp_path_factory, a, b), c)
    right = merged(tmp_path_factory, a, merged(tmp_path_factory, b, c))
    assert content(left) == content(right)


@given(record_lists)
@few_examples
def test_merging_is_idempotent(tmp_path_factory: Folders, records: list[Record]) -> None:
    store = filled(tmp_path_factory, *records)
    assert content(merged(tmp_path_factory, store, store)) == content(store)


def test_merging_takes_the_provenance_of_runs_along(tmp_path: Path) -> None:
    with Store(tmp_path / "a", write=True) as one, Store(tmp_path / "b", write=True) as two:
        one.add_run("run-a", {"commit": "1"})
        two.add_run("run-b", {"commit": "2"})
        one.merge(two)
        assert one.runs() == {"run-a": {"commit": "1"}, "run-b": {"commit": "2"}}
        one.add_run("run-a", {"commit": "changed"})
        assert one.runs()["run-a"] == {"commit": "1"}


def test_a_second_writer_is_refused_and_a_reader_is_not(tmp_path: Path) -> None:
    with Store(tmp_path, write=True) as store:
        store.add(make_record())
        with pytest.raises(StoreError, match="another run is writing to the store in"):
            Store(tmp_path, write=True)
        assert len(read(tmp_path)) == 1
    with Store(tmp_path, write=True) as store:
        assert len(list(store.records())) == 1


def test_reading_where_there_is_no_store_makes_none(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no store in"):
        Store(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_reader_cannot_write(tmp_path: Path) -> None:
    Store(tmp_path, write=True).close()
    with Store(tmp_path) as store, pytest.raises(StoreError, match="readonly"):
        store.add(make_record())


@pytest.mark.parametrize("write", [True, False])
@pytest.mark.parametrize("schema", [0, 99])
def test_a_store_of_another_schema_is_refused_and_left_as_it_is(tmp_path: Path, schema: int, write: bool) -> None:
    file = tmp_path / "store.sqlite"
    old = sqlite3.connect(file)
    old.executescript(f"CREATE TABLE records (key TEXT); PRAGMA user_version = {schema};")
    old.close()
    with pytest.raises(StoreError, match=f"has schema {schema}, this version of Headway reads 1; export it with"):
        Store(tmp_path, write=write)
    again = sqlite3.connect(file)
    assert again.execute("SELECT sql FROM sqlite_master").fetchall() == [("CREATE TABLE records (key TEXT)",)]
    again.close()


@pytest.mark.parametrize("write", [True, False])
def test_a_file_that_is_no_database_is_refused(tmp_path: Path, write: bool) -> None:
    (tmp_path / "store.sqlite").write_text("no database" * 100, encoding="utf-8")
    with pytest.raises(StoreError, match="file is not a database"):
        Store(tmp_path, write=write)


def test_a_damaged_store_is_one_clear_error(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).normal(size=(400, 4)).astype(np.float32)
    with Store(tmp_path, write=True) as store:
        for index in range(20):
            store.add(make_record(index=index, steps=400, actions=noise + index))
    file = tmp_path / "store.sqlite"
    damaged = bytearray(file.read_bytes())
    damaged[8192:-8192] = bytes(len(damaged) - 16384)
    file.write_bytes(damaged)
    with pytest.raises(StoreError, match="malformed"):
        read(tmp_path)


@pytest.mark.parametrize("name", ["file", "file/below"])
def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot use the store folder"):
        Store(tmp_path / name, write=True)


def test_a_full_disk_loses_nothing_that_was_committed(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).normal(size=(400, 4)).astype(np.float32)
    records = [make_record(index=index, steps=400, actions=noise + index) for index in range(100)]
    committed = []

    def add_all(store: Store) -> None:
        for record in records:
            store.add(record)
            committed.append(record.key)

    with Store(tmp_path, write=True) as store:
        store.database.execute("PRAGMA max_page_count = 40")
        with pytest.raises(StoreError, match="full; what was committed before is safe, free some space"):
            add_all(store)
    assert 3 < len(committed) < 99
    with Store(tmp_path, write=True) as store:
        assert store.settled() == set(committed)
        for record in records:
            store.add(record)
    assert len(read(tmp_path)) == 100


KILLED = """
import os, signal, sys
from results.store import Store
from tests.records import make_record
store = Store(sys.argv[1], write=True)
for index in range(5):
    store.add(make_record(index=index))
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_writer_leaves_its_records_and_no_lock(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, tmp_path], cwd=ROOT, check=False)
    assert done.returncode == -signal.SIGKILL
    with Store(tmp_path, write=True) as store:
        assert [record.episode.index for record in store.records()] == [0, 1, 2, 3, 4]


def test_a_record_from_before_shifts_and_failure_modes_is_read_with_the_defaults(tmp_path: Path) -> None:
    record = make_record(success=False)
    with Store(tmp_path, write=True) as store:
        store.add(record)
        body = json.loads(body_text(record))
        del body["failure"], body["episode"]["shift"]
        store.database.execute("UPDATE records SET body = ?", (json.dumps(body),))
        store.database.commit()
    assert [body_text(found) for found in read(tmp_path)] == [body_text(record)]


def test_a_key_tells_conditions_policies_and_versions_apart(tmp_path: Path) -> None:
    record = make_record()
    others = [make_record(version="2"), make_record(policy="zero"), replace(record, key="another")]
    with Store(tmp_path, write=True) as store:
        for each in (record, *others):
            store.add(each)
    assert len(read(tmp_path)) == 4
