"""The store: one SQLite file of records, content-addressed, one writer, each episode committed when it ends.

A record's key is a hash of all that decides its outcome, so a store never mixes up policies, protocols or versions, the
same command again does only what is missing, and two stores merge by set union. A verdict replaces an error under the
same key, never the other way round.
"""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

import numpy as np

from protocols.contracts import Episode, Event, FloatArray, Look, Record

SCHEMA = 1
FILE = "store.sqlite"
TABLES = """
CREATE TABLE runs (run TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE records (
    key TEXT PRIMARY KEY, run TEXT NOT NULL,
    suite TEXT NOT NULL, protocol TEXT NOT NULL, policy TEXT NOT NULL, task TEXT NOT NULL, number INTEGER NOT NULL,
    success INTEGER, error TEXT, body TEXT NOT NULL, progress BLOB NOT NULL, actions BLOB NOT NULL,
    wall_s REAL NOT NULL, cpu_s REAL NOT NULL
);
"""
COLUMNS = "key, run, suite, protocol, policy, task, number, success, error, body, progress, actions, wall_s, cpu_s"
INSERT = f"INSERT OR REPLACE INTO records ({COLUMNS}) VALUES ({', '.join('?' * 14)})"
SORTED = f"SELECT {COLUMNS} FROM records ORDER BY suite, protocol, policy, task, number, key"


class StoreError(RuntimeError):
    """The store cannot be read or written; the message says why and what to do. Nothing committed is lost."""


class Store:
    """The records in a folder.

    Args:
        folder: where `store.sqlite` lies; made when it is not there and `write` is asked for.
        write: take the store's lock; one process at a time has it.

    Raises:
        StoreError: no store, another writer, no permission, another schema, no database.
    """

    def __init__(self, folder: Path | str, *, write: bool = False) -> None:
        self.folder = Path(folder)
        with explained(self.folder), ExitStack() as opened:
            if write:
                self.folder.mkdir(parents=True, exist_ok=True)
                opened.enter_context(take_lock(self.folder))
            elif not (self.folder / FILE).exists():
                raise StoreError(f"there is no store in {self.folder}; name a folder that a run has written")
            self.database = opened.enter_context(closing(connect(self.folder / FILE, write)))
            self._check_schema(write)
            self._opened = opened.pop_all()

    def _check_schema(self, write: bool) -> None:
        schema = self.database.execute("PRAGMA user_version").fetchone()[0]
        empty = not self.database.execute("SELECT name FROM sqlite_master").fetchall()
        if empty and write:
            self.database.executescript(f"BEGIN; {TABLES} PRAGMA user_version = {SCHEMA}; COMMIT;")
        elif empty:
            raise StoreError(f"the store in {self.folder} is empty; its run has not come far enough yet")
        elif schema != SCHEMA:
            raise StoreError(
                f"the store in {self.folder} has schema {schema}, this version of Headway reads {SCHEMA}; "
                "export it with the version that wrote it, or name a new folder"
            )

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the database and give back the lock."""
        self._opened.close()

    def add_run(self, run: str, body: dict[str, Any]) -> None:
        """Keep a run's provenance."""
        with explained(self.folder), self.database:
            self.database.execute("INSERT OR IGNORE INTO runs VALUES (?, ?)", (run, json.dumps(body, sort_keys=True)))

    def add(self, record: Record) -> None:
        """Commit one record; where the key has one already, the better one stays (see `better`)."""
        with explained(self.folder), self.database:
            row = self.database.execute(f"SELECT {COLUMNS} FROM records WHERE key = ?", (record.key,)).fetchone()
            if row is None or better(record, from_row(row)):
                self.database.execute(INSERT, to_row(record))

    def settled(self) -> set[str]:
        """Keys of the episodes that have a verdict; those with an error are still to be done."""
        with explained(self.folder):
            return {key for (key,) in self.database.execute("SELECT key FROM records WHERE success IS NOT NULL")}

    def records(self) -> Iterator[Record]:
        """Every record, in one canonical order that does not depend on when they were made."""
        with explained(self.folder):
            for row in self.database.execute(SORTED):
                yield from_row(row)

    def runs(self) -> dict[str, dict[str, Any]]:
        """Provenance by run."""
        with explained(self.folder):
            rows = self.database.execute("SELECT run, body FROM runs ORDER BY run").fetchall()
        return {run: json.loads(body) for run, body in rows}

    def merge(self, other: Store) -> None:
        """Add all that another store has."""
        for run, body in other.runs().items():
            self.add_run(run, body)
        for record in other.records():
            self.add(record)


def connect(path: Path, write: bool) -> sqlite3.Connection:
    """Open the database; a reader never creates or changes it."""
    if not write:
        # In a folder that may not be written, SQLite reads a file in WAL mode only when told that nobody changes it.
        still = not os.access(path.parent, os.W_OK) and not path.with_name(FILE + "-wal").exists()
        mode = "mode=ro&immutable=1" if still else "mode=ro"
        return sqlite3.connect(f"{path.absolute().as_uri()}?{mode}", uri=True)
    database = sqlite3.connect(path)
    try:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=NORMAL")
    except BaseException:
        database.close()
        raise
    return database


def take_lock(folder: Path) -> IO[str]:
    """Lock the folder for this process; the system gives the lock back when the process ends, however it ends."""
    lock = (folder / "lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise StoreError(
            f"another run is writing to the store in {folder}; wait for it or name another folder"
        ) from None
    return lock


@contextmanager
def explained(folder: Path) -> Iterator[None]:
    """Say in one line what the operating system or SQLite refused."""
    try:
        yield
    except OSError as error:
        raise StoreError(f"cannot use the store folder {folder}: {error.strerror}") from error
    except sqlite3.OperationalError as error:
        raise StoreError(
            f"cannot use the store in {folder}: {error}; what was committed before is safe, "
            "free some space or name another folder and run the same command again"
        ) from error
    except sqlite3.Error as error:
        raise StoreError(f"cannot use the store in {folder}: {error}; it is damaged or no store") from error


def better(new: Record, old: Record) -> bool:
    """Whether `new` replaces `old` under one key: a verdict beats an error, else the smaller content, not the first."""
    if (new.error is None) != (old.error is None):
        return new.error is None
    return content(new) < content(old)


def content(record: Record) -> tuple[str, bytes, bytes]:
    """All of a record but its key, run and times, as bytes that can be compared."""
    return body_text(record), record.progress.tobytes(), record.actions.tobytes()


def body_text(record: Record) -> str:
    """The record's plain fields as canonical JSON."""
    body = asdict(record) | {"looks": [look.written() for look in record.looks]}
    for key in ("key", "run", "progress", "actions", "wall_s", "cpu_s"):
        del body[key]
    return json.dumps(body, sort_keys=True)


def to_row(record: Record) -> tuple[Any, ...]:
    """A row of the records table, in the order of COLUMNS."""
    episode = record.episode
    return (
        record.key,
        record.run,
        episode.suite,
        record.protocol,
        record.policy,
        episode.task,
        episode.index,
        record.success,
        record.error,
        body_text(record),
        packed(record.progress),
        packed(record.actions),
        record.wall_s,
        record.cpu_s,
    )


def from_row(row: tuple[Any, ...]) -> Record:
    """The inverse of `to_row`."""
    key, run, *_, body, progress, actions, wall_s, cpu_s = row
    values = json.loads(body)
    steps = values["steps"]
    values |= with_tuples(values) | {"episode": Episode(**values["episode"])}
    return Record(
        key=key,
        run=run,
        progress=unpacked(progress),
        actions=unpacked(actions).reshape(steps, -1) if steps else np.zeros((0, 0), np.float32),
        wall_s=wall_s,
        cpu_s=cpu_s,
        **values,
    )


def with_tuples(values: dict[str, Any]) -> dict[str, Any]:
    """The fields of a record that JSON turns into lists, as they were."""
    return {
        "deviations": tuple(values["deviations"]),
        "looks": tuple(Look(*look) for look in values["looks"]),
        "events": tuple(Event(*event) for event in values["events"]),
    }


def packed(array: FloatArray) -> bytes:
    """Compressed little-endian float32."""
    return zlib.compress(np.ascontiguousarray(array, dtype="<f4").tobytes(), level=1)


def unpacked(blob: bytes) -> FloatArray:
    """The inverse of `packed`, flat."""
    return np.frombuffer(zlib.decompress(blob), dtype="<f4")


def read(folder: Path | str) -> list[Record]:
    """All records of a store."""
    with closing(Store(folder)) as store:
        return list(store.records())
