"""What a user may name on the command line, and which policies that stands for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from protocols.contracts import Record
from results.export import jsonl, write_parquet
from results.pairs import pair
from results.sides import Argument, by_setting, read_arguments
from results.store import Store, StoreError
from tests.records import make_record

A = [make_record(index=index, policy="random(chunk=10)", run="run-a", version="a") for index in range(3)]
B = [make_record(index=index, policy="expert", run="run-b", version="b", success=None) for index in range(3)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    fill(tmp_path / "runs", [*A, *B])
    (tmp_path / "records.jsonl").write_text(jsonl([*A, *B]), encoding="utf-8")
    write_parquet([*A, *B], tmp_path / "records.parquet")
    return tmp_path


def fill(store: Path, records: list[Record]) -> None:
    with Store(store, write=True) as opened:
        for record in records:
            opened.add(record)


def without_actions(record: Record) -> Record:
    return replace(record, actions=np.zeros((0, 0), np.float32))


def read(text: str, folder: Path) -> Argument:
    (found,) = read_arguments([text.format(folder=folder)], folder / "runs")
    return found


@pytest.mark.parametrize("text", ["random", "random(chunk=10)", "run-a", "{folder}/runs:random", "{folder}/runs:run-a"])
def test_a_policy_is_named_with_or_without_arguments_or_by_its_run(text: str, folder: Path) -> None:
    found = read(text, folder)
    assert {record.policy for record in found.records} == {"random(chunk=10)"}
    assert found.folder == folder / "runs"


@pytest.mark.parametrize(
    ("name", "policies"),
    [("random", {"random(chunk=10)"}), ("random blind", {"random(chunk=10) blind"}), ("run-a", None)],
)
def test_a_name_without_arguments_keeps_the_arm(name: str, policies: set[str] | None, tmp_path: Path) -> None:
    arm = [make_record(index=index, policy="random(chunk=10) blind", run="run-a") for index in range(3)]
    fill(tmp_path / "runs", [*A, *arm])
    (found,) = read_arguments([name], tmp_path / "runs")
    assert {record.policy for record in found.records} == (policies or {"random(chunk=10)", "random(chunk=10) blind"})


@pytest.mark.parametrize("name", ["runs", "records.jsonl", "records.parquet"])
def test_stores_and_exports_hold_the_same_records(name: str, folder: Path) -> None:
    found = read(f"{{folder}}/{name}", folder)
    assert jsonl(map(without_actions, found.records)) == jsonl(map(without_actions, [*A, *B]))
    assert found.label in ("runs", "records")
    assert len(pair(A, [record for record in found.records if record.policy != "expert"]).pairs) == 3


def test_a_part_of_an_exported_file_is_named_too(folder: Path) -> None:
    assert len(read("{folder}/records.parquet:expert", folder).records) == 3


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("expret", LookupError, "did you mean 'expert'"),
        ("{folder}/runs:expret", LookupError, "did you mean 'expert'"),
        ("{folder}", StoreError, "there is no store in"),
        ("{folder}/broken.parquet", ValueError, "is no Parquet file of exported records"),
        ("{folder}/other.parquet", ValueError, "is no Parquet file of exported records"),
        ("{folder}/broken.jsonl", ValueError, "line 1 is no exported record"),
    ],
)
def test_what_is_not_there_or_no_export_is_refused(
    text: str, error: type[Exception], message: str, folder: Path
) -> None:
    import pyarrow
    import pyarrow.parquet

    (folder / "broken.parquet").write_bytes(b"PAR1 but no more")
    (folder / "broken.jsonl").write_text("{}\n", encoding="utf-8")
    pyarrow.parquet.write_table(pyarrow.table({"success": [True]}), folder / "other.parquet")
    with pytest.raises(error, match=message):
        read(text, folder)


def test_a_name_without_a_store_says_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(LookupError, match=r"'expert' is no path, and there is no store .*nowhere.*see --store"):
        read_arguments(["expert"], tmp_path / "nowhere")


def test_an_empty_source_and_an_unknown_protocol_are_refused(folder: Path) -> None:
    (folder / "empty.jsonl").write_text("", encoding="utf-8")
    with pytest.raises(LookupError, match=r"there are no records in .*empty\.jsonl"):
        read("{folder}/empty.jsonl", folder)
    with pytest.raises(LookupError, match="no protocol named 'metaworld_mt5'; did you mean 'metaworld_mt50'"):
        read_arguments([str(folder / "runs")], folder, "metaworld_mt5")


def names(arguments: list[Argument], *, apart: bool = False) -> list[list[str]]:
    return [[side.name for side in sides] for sides in by_setting(arguments, apart=apart)]


def argument(label: str, records: list[Record]) -> Argument:
    return Argument(label, Path(label), records)


def test_a_policy_from_two_stores_is_one_side_as_if_they_were_merged() -> None:
    ((_, side),) = by_setting([argument("one", [*A[:2], *B]), argument("two", A[1:])])
    assert [record.episode.index for record in side.measured.records] == [0, 1, 2]
    assert side.folders == (Path("one"), Path("two"))


def test_left_out_repeats_of_any_store_are_remembered() -> None:
    again = replace(A[1], episode=replace(A[1].episode, repeat=2), key="again")
    ((side,),) = by_setting([argument("one", A), argument("two", [*A, again])])
    assert (len(side.measured.records), side.measured.repeats) == (3, 3)


def test_a_verdict_replaces_an_error_of_the_same_key() -> None:
    verdicts = [make_record(index=index, policy="expert", version="b") for index in range(3)]
    ((side,),) = by_setting([argument("one", B), argument("two", verdicts)])
    assert [record.success for record in side.measured.records] == [True] * 3


def test_apart_keeps_the_same_policy_of_two_stores_apart() -> None:
    assert names([argument("one", A), argument("two", A)]) == [["random(chunk=10)"]]
    there = names([argument("one", A), argument("two", A)], apart=True)
    assert there == [["random(chunk=10) [one]", "random(chunk=10) [two]"]]


def test_sides_stand_in_the_order_in_which_they_were_named() -> None:
    assert names([argument("one", A), argument("two", B)]) == [["random(chunk=10)", "expert"]]
    assert names([argument("two", B), argument("one", A)]) == [["expert", "random(chunk=10)"]]


def test_two_versions_of_a_policy_are_told_apart_by_store_or_by_hash() -> None:
    newer = [make_record(index=index, policy="expert", version="c") for index in range(3)]
    assert names([argument("old", B), argument("new", newer)]) == [["expert [old]", "expert [new]"]]
    hashes = sorted(f"expert [{records[0].deciding[:8]}]" for records in (B, newer))
    assert sorted(names([argument("runs", [*B, *newer])])[0]) == hashes


def test_settings_are_kept_apart() -> None:
    fast = [make_record(index=index, policy="fast", deviations=("render=fast",)) for index in range(3)]
    assert sorted(map(tuple, names([argument("one", [*A, *fast])]))) == [("fast",), ("random(chunk=10)",)]
