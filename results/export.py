"""Records as text or columns, one canonical line each: `python -m results.export --store DIR --out FILE`.

Lines are sorted and their keys are sorted, so two stores hold the same results exactly when their exports made with
`--without-times` are equal byte for byte (`cmp`). Actions appear as a hash; they stay in the store.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from protocols.contracts import Episode, FloatArray, Record
from results.store import StoreError, read, with_tuples

EPISODE = tuple(field.name for field in fields(Episode))
PARQUET = ".parquet"
TIMES = ("run", "wall_s", "cpu_s")  # what differs from run to run
PLAIN = tuple(field.name for field in fields(Record) if field.name not in ("episode", "progress", "actions", *TIMES))


def flat(record: Record, *, times: bool = True) -> dict[str, Any]:
    """A record as one flat mapping of plain values; `times` adds what differs from run to run (run, wall_s, cpu_s)."""
    values = {name: getattr(record.episode, name) for name in EPISODE}
    values |= {name: getattr(record, name) for name in (*PLAIN, *(TIMES if times else ()))}
    return values | {
        "deviations": list(record.deviations),
        "looks": [look.written() for look in record.looks],
        "events": [list(event) for event in record.events],
        "progress": shortest(record.progress),
        "actions_sha256": hashlib.sha256(np.ascontiguousarray(record.actions, dtype="<f4").tobytes()).hexdigest(),
    }


def shortest(array: FloatArray) -> list[float]:
    """The shortest decimal numbers that read back as the same float32."""
    return [float(text) for text in array.astype(np.float32).astype(str)]


def jsonl(records: Iterable[Record], *, times: bool = True) -> str:
    """One line of JSON per record, sorted."""
    ordered = sorted(records, key=order)
    return "".join(
        json.dumps(flat(record, times=times), sort_keys=True, ensure_ascii=True) + "\n" for record in ordered
    )


def order(record: Record) -> tuple[str, str, str, str, int, str]:
    """The canonical order of records."""
    episode = record.episode
    return episode.suite, record.protocol, record.policy, episode.task, episode.index, record.key


def parse_jsonl(text: str) -> list[Record]:
    """Records from exported lines; their actions are not in the lines and stay empty.

    Raises:
        ValueError: a line that is no exported record, with its number.
    """
    records = []
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            records.append(unflat(json.loads(line)))
        except (ValueError, KeyError, TypeError, AssertionError) as error:
            raise ValueError(f"line {number} is no exported record: {error!r}") from None
    return records


def unflat(values: dict[str, Any]) -> Record:
    """The inverse of `flat`, without actions; what an older export lacks has its default."""
    return Record(
        episode=Episode(**{name: values[name] for name in EPISODE if name in values}),
        progress=np.array(values["progress"], dtype=np.float32),
        actions=np.zeros((0, 0), dtype=np.float32),
        run=values.get("run", ""),
        wall_s=values.get("wall_s", 0.0),
        cpu_s=values.get("cpu_s", 0.0),
        **{name: values[name] for name in PLAIN if name in values} | with_tuples(values),
    )


def load_records(source: Path) -> list[Record]:
    """Records from a store's folder or from an exported file, JSONL or Parquet.

    Raises:
        StoreError: a folder without a readable store.
        ValueError: a file that is no export, or Parquet cannot be read here.
    """
    if not source.is_file():
        return read(source)
    if source.suffix == PARQUET:
        return read_parquet(source)
    try:
        return parse_jsonl(source.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from None


def write_parquet(records: Iterable[Record], path: Path, *, times: bool = True) -> None:
    """The same rows as a Parquet file (needs `pip install headway[parquet]`)."""
    import pyarrow
    import pyarrow.parquet

    rows = [flat(record, times=times) for record in sorted(records, key=order)]
    for row in rows:
        row["looks"], row["events"] = json.dumps(row["looks"]), json.dumps(row["events"])
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)


def read_parquet(path: Path) -> list[Record]:
    """The inverse of `write_parquet`, without actions.

    Raises:
        ValueError: no exported records, or Parquet cannot be read here.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ModuleNotFoundError as error:
        raise ValueError(f"{path}: {error}; Parquet needs `pip install headway[parquet]`") from None
    try:
        rows: list[dict[str, Any]] = pyarrow.parquet.read_table(path).to_pylist()
        return [unflat(row | {name: json.loads(row[name]) for name in ("looks", "events")}) for row in rows]
    except (pyarrow.ArrowException, KeyError, TypeError, ValueError, AssertionError) as error:
        raise ValueError(f"{path} is no Parquet file of exported records: {error!r}") from None


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m results.export", description=__doc__)
    parser.add_argument("--store", type=Path, required=True, help="folder of the store")
    parser.add_argument("--format", choices=("jsonl", "parquet"), default="jsonl")
    parser.add_argument("--out", type=Path, required=True, help="file to write")
    parser.add_argument("--without-times", action="store_true", help="leave out run, wall_s and cpu_s")
    chosen = parser.parse_args(arguments)
    try:
        records = read(chosen.store)
        if chosen.format == "jsonl":
            chosen.out.write_text(jsonl(records, times=not chosen.without_times), encoding="utf-8")
        else:
            write_parquet(records, chosen.out, times=not chosen.without_times)
    except (StoreError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        print(f"error: {error}; Parquet needs `pip install headway[parquet]`", file=sys.stderr)
        return 2
    print(f"{len(records)} records in {chosen.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
