"""Exports that can be compared byte for byte, and read again."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
from hypothesis import given, strategies as st

from protocols.contracts import Look, Record
from results.export import flat, jsonl, load_records, main, parse_jsonl, write_parquet
from results.store import Store
from tests.records import any_records, make_record, with_errors

PROMISED = (
    *("suite", "protocol", "policy", "task", "index", "seed"),
    *("success", "error", "steps", "renders", "fingerprint"),
)


def write(folder: Path, records: list[Record]) -> Path:
    with Store(folder, write=True) as store:
        for record in records:
            store.add(record)
    return folder


def some_records() -> list[Record]:
    records = [make_record(task, index) for task in ("reach-v3", "push-v3") for index in range(5)]
    return with_errors(records, 2)


def test_stores_filled_in_different_order_export_to_equal_bytes(tmp_path: Path) -> None:
    records = some_records()
    shuffled = [replace(record, run="run-b", wall_s=9.0, cpu_s=8.0) for record in records]
    random.Random(0).shuffle(shuffled)
    files = []
    for name, order in (("a", records), ("b", shuffled)):
        files.append(tmp_path / f"{name}.jsonl")
        store = write(tmp_path / name, order)
        assert main(["--store", str(store), "--out", str(files[-1]), "--without-times"]) == 0
    assert files[0].read_bytes() == files[1].read_bytes()


def test_with_times_the_run_and_its_seconds_are_there() -> None:
    record = make_record(run="run-b", wall_s=1.5, cpu_s=0.5)
    assert {"run": "run-b", "wall_s": 1.5, "cpu_s": 0.5}.items() <= json.loads(jsonl([record])).items()
    assert not {"run", "wall_s", "cpu_s"} & set(json.loads(jsonl([record], times=False)))


@pytest.mark.parametrize("success", [True, False, None])
def test_a_line_has_what_is_promised(success: bool | None) -> None:
    line = json.loads(jsonl([make_record(success=success)]))
    assert set(PROMISED) <= set(line)
    assert line["success"] is success
    assert (line["error"] is None) == (success is not None)


def test_other_actions_give_another_line() -> None:
    record = make_record(steps=3)
    other = replace(record, actions=record.actions + np.float32(1e-3))
    assert jsonl([record]) != jsonl([other])


@given(st.lists(any_records(), max_size=3))
def test_exported_lines_read_back_as_the_same_records_but_for_the_actions(records: list[Record]) -> None:
    text = jsonl(records)
    found = parse_jsonl(text)

    def without_actions(lines: list[Record]) -> list[dict[str, object]]:
        return [flat(record) | {"actions_sha256": None} for record in lines]

    assert len(found) == len(records)
    assert without_actions(found) == without_actions(parse_jsonl(jsonl(found)))
    assert sorted(map(str, without_actions(found))) == sorted(map(str, without_actions(records)))


def test_shift_and_failure_mode_are_there_and_older_exports_are_read_without_them() -> None:
    line = json.loads(jsonl([make_record(success=False, shift="light", failure="dropped")]))
    assert (line.pop("shift"), line.pop("failure")) == ("light", "dropped")
    (record,) = parse_jsonl(json.dumps(line))
    assert (record.episode.shift, record.failure) == ("none", "")


def test_progress_is_exact(tmp_path: Path) -> None:
    progress = np.random.default_rng(0).random(1000).astype(np.float32)
    file = tmp_path / "records.jsonl"
    file.write_text(jsonl([make_record(steps=1000, progress=progress)]), encoding="utf-8")
    np.testing.assert_array_equal(load_records(file)[0].progress, progress)


@pytest.mark.parametrize("separator", ["\n", "\r\n", "\u2028", "\x85", "\x1c", '"', "\\", "\udc80"])
def test_no_character_of_an_error_breaks_a_line(tmp_path: Path, separator: str) -> None:
    file = tmp_path / "records.jsonl"
    record = make_record(success=None, error=f"before{separator}after")
    file.write_text(jsonl([record, make_record(index=1)]), encoding="utf-8")
    assert [found.error for found in load_records(file)] == [record.error, None]


LINE = jsonl([make_record()])


@pytest.mark.parametrize(
    "text",
    [
        *("not json\n", "[]\n", "{}\n", "1\n"),
        LINE.replace('"error": null', '"error": "an error beside a verdict"'),
        LINE.replace('"progress": [', '"progress": [[1.0], '),
    ],
)
def test_a_line_that_is_no_record_is_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / "records.jsonl"
    file.write_text(LINE + text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"records\.jsonl: line 2 is no exported record"):
        load_records(file)


def test_parquet_has_a_row_per_record_with_the_same_columns(tmp_path: Path) -> None:
    records = [*some_records(), make_record("soccer-v3", looks=(Look(0, 0.25, None), Look(10, 0.5, 0.1)))]
    out = tmp_path / "records.parquet"
    assert main(["--store", str(write(tmp_path / "store", records)), "--format", "parquet", "--out", str(out)]) == 0
    rows = pyarrow.parquet.read_table(out).to_pylist()
    lines = [json.loads(line) for line in jsonl(records).splitlines()]
    for line in lines:
        line["looks"], line["events"] = json.dumps(line["looks"]), json.dumps(line["events"])
    assert [{name: row[name] for name in lines[0] if name != "progress"} for row in rows] == [
        {name: value for name, value in line.items() if name != "progress"} for line in lines
    ]
    assert [row["progress"] for row in rows] == [line["progress"] for line in lines]


@pytest.mark.parametrize("times", [True, False])
def test_parquet_reads_back_as_what_the_lines_hold(tmp_path: Path, times: bool) -> None:
    records = [*some_records(), make_record("soccer-v3", looks=(Look(0, 0.25, None), Look(10, 0.5, 0.1)))]
    write_parquet(records, tmp_path / "records.parquet", times=times)
    assert jsonl(load_records(tmp_path / "records.parquet")) == jsonl(parse_jsonl(jsonl(records, times=times)))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--store", "{folder}/nowhere", "--out", "{folder}/a"], "there is no store in"),
        (["--store", "{folder}/store", "--out", "{folder}/none/a"], "No such file or directory"),
    ],
)
@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_a_users_mistake_is_one_line_and_exit_code_2(
    arguments: list[str], message: str, form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "store", some_records())
    filled = [argument.format(folder=tmp_path) for argument in arguments]
    assert main([*filled, "--format", form]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and message in error
    assert len(error.splitlines()) == 1
