"""What differs between two runs, and where their episodes part: the first difference, and what the command says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as arrays

from harness.diff import main
from protocols.contracts import Record
from results.export import jsonl
from results.pairs import Pair
from results.parting import first_difference, parting, shared
from results.store import Store
from tests import commands
from tests.records import make_record

Printed = pytest.CaptureFixture[str]
RUN: dict[str, Any] = {
    "command": ["--policy", "expert"],
    "protocol": {"name": "metaworld_mt50", "max_steps": 400, "tasks": [f"task {number}" for number in range(50)]},
    "protocol_hash": "0" * 32,
    "python": "3.11.9",
    "packages": {"mujoco": "3.3.0", "numpy": "2.0.0"},
    "assets": None,
    "git": {"commit": "a" * 40, "dirty": False},
    "machine": {"system": "Linux", "processor": "one", "cores": 2},
}
matrices = arrays.arrays(np.float32, st.tuples(st.integers(0, 6), st.just(2)), elements=st.sampled_from([0.0, 1.0]))


def record(index: int = 0, *, steps: int = 5, **fields: Any) -> Record:
    fields.setdefault("actions", np.arange(2 * steps, dtype=np.float32).reshape(steps, 2))
    return make_record("reach-v3", index, steps=steps, **fields)


def changed(one: Record, what: str, step: int) -> Record:
    """The record with another action or progress at a control step, from 1."""
    array = getattr(one, what).copy()
    array[step - 1] += 0.5
    return replace(one, **{what: array})


def fill(folder: Path, records: list[Record], **run: Any) -> str:
    with Store(folder, write=True) as store:
        store.add_run("run-a", RUN | run)
        for one in records:
            store.add(one)
    return str(folder)


@given(matrices, matrices)
def test_arrays_are_alike_before_their_first_difference_and_not_with_it(one: Any, other: Any) -> None:
    step = first_difference(one, other)
    assert step == first_difference(other, one)
    if step is None:
        np.testing.assert_array_equal(one, other)
    else:
        np.testing.assert_array_equal(one[: step - 1], other[: step - 1])
        assert one[:step].tolist() != other[:step].tolist()


def test_bits_are_compared_not_values() -> None:
    zeros = np.zeros(2, np.float32)
    assert first_difference(zeros, -zeros) == 1
    assert first_difference(zeros * np.nan, zeros * np.nan) is None
    assert first_difference(np.zeros((2, 3), np.float32), np.zeros((2, 4), np.float32)) == 1


@pytest.mark.parametrize(
    ("what", "step", "cause"), [("actions", 3, "actions"), ("progress", 2, "progress"), ("progress", 5, "progress")]
)
def test_a_pair_parts_where_its_first_difference_is(what: str, step: int, cause: str) -> None:
    where = parting(Pair(record(), changed(record(), what, step)))
    assert (where.step, where.cause) == (step, cause)


def test_the_policy_is_the_cause_where_both_part_at_once_and_the_end_where_one_goes_on() -> None:
    both = changed(changed(record(), "actions", 2), "progress", 2)
    assert parting(Pair(record(), both)).cause == "actions"
    whole = record(progress=np.zeros(5, np.float32))
    beginning = record(steps=3, progress=np.zeros(3, np.float32))
    assert parting(Pair(whole, beginning)) == (4, 4, 3, True) and parting(Pair(whole, beginning)).cause == "end"
    assert parting(Pair(record(), record())).cause == ""


@pytest.mark.parametrize("other", [{"success": False}, {"failure": "dropped"}])
def test_a_pair_that_differs_in_verdict_or_failure_alone_parts_in_its_end(other: dict[str, Any]) -> None:
    where = parting(Pair(record(), replace(record(), **other)))
    assert (where.step, where.cause) == (None, "end")


def test_records_are_matched_by_repeat_too_and_an_episode_that_is_there_twice_is_refused() -> None:
    again = replace(record(), episode=replace(record().episode, repeat=1))
    found = shared([record(), again], [again])
    assert (len(found.pairs), found.only_first, found.only_second) == (1, 1, 0)
    with pytest.raises(ValueError, match="several records of episode 0 of reach-v3"):
        shared([record(), record()], [])


def test_two_stores_of_the_same_are_alike(tmp_path: Path, capsys: Printed) -> None:
    stores = [fill(tmp_path / name, [record(0), record(1)]) for name in "ab"]
    assert main(stores) == 0
    text = capsys.readouterr().out
    assert "Nothing that is known of how they were made differs." in text
    assert "2 shared episodes from the same start, of which 2 went alike" in text


def test_what_was_recorded_of_either_run_stands_side_by_side(tmp_path: Path, capsys: Printed) -> None:
    other = {
        "packages": {"mujoco": "3.4.0", "numpy": "2.0.0"},
        "git": {"commit": "b" * 40, "dirty": True},
        "assets": {"where": "auto", "hash": "c" * 32, "summary": "all official"},
        "protocol": RUN["protocol"] | {"max_steps": 300, "tasks": [f"job {number}" for number in range(50)]},
    }
    changes: dict[str, Any] = {"renderer": "llvmpipe", "deviations": ("max_steps=300",), "policy_fingerprint": "e" * 32}
    first, second = fill(tmp_path / "a", [record()]), fill(tmp_path / "b", [record(**changes)], **other)
    assert main([first, second]) == 0
    rows = {line.split("|")[1].strip(): line for line in capsys.readouterr().out.splitlines() if line.startswith("| ")}
    for about, one, two in [
        ("commit", "aaaaaaaaaaaa", "bbbbbbbbbbbb and uncommitted changes"),
        ("package mujoco", "3.3.0", "3.4.0"),
        ("GL renderer", "none", "llvmpipe"),
        ("assets", "none", "all official (cccccccccccc)"),
        ("policy fingerprint", "ffffffffffff", "eeeeeeeeeeee"),
        ("protocol max_steps", "400", "300"),
        ("deviations", "none", "max_steps=300"),
    ]:
        assert one in rows[about] and two in rows[about]
    assert "protocol tasks" in rows and "task 49" not in rows["protocol tasks"], "what is long is cut"
    assert not {"package numpy", "python", "protocol name"} & set(rows)


def test_episodes_that_part_are_listed_earliest_first(tmp_path: Path, capsys: Printed) -> None:
    ours = [record(index) for index in range(4)]
    theirs = [changed(ours[0], "progress", 4), changed(ours[1], "actions", 2), ours[2]]
    theirs += [replace(ours[3], success=False, failure="dropped")]
    assert main([fill(tmp_path / "a", ours), fill(tmp_path / "b", theirs)]) == 1
    text = capsys.readouterr().out
    assert "3 part: 1 first in what was done, 1 first in what came of it, 1 in where they end; 1 with another" in text
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if "| reach" in line]
    assert rows == [
        ["reach-v3", "3", "never", "never", "success after 5", "dropped after 5"],
        ["reach-v3", "1", "2", "never", "success after 5", "success after 5"],
        ["reach-v3", "0", "never", "4", "success after 5", "success after 5"],
    ]


def test_other_starts_errors_and_lonely_episodes_are_counted_and_named(tmp_path: Path, capsys: Printed) -> None:
    ours = [record(0), record(1), record(2), record(3)]
    theirs = [record(0), record(1, fingerprint="another"), record(2, success=None)]
    assert main([fill(tmp_path / "a", ours), fill(tmp_path / "b", theirs)]) == 1
    text = capsys.readouterr().out
    assert "1 shared episode from another start, compared no further: reach-v3 1" in text
    assert "1 shared episode without a verdict: reach-v3 2" in text
    assert "only in A: 1; only in B: 0" in text


@pytest.mark.parametrize(
    ("ours", "theirs", "code"),
    [
        ((True, True), (True, None), 1),
        ((True, None), (True, None), 0),
        ((None, None), (None, None), 2),
        ((True, True), (None, None), 2),
    ],
)
def test_an_error_of_one_side_is_a_difference_and_without_a_pair_nothing_was_compared(
    tmp_path: Path, ours: tuple[bool | None, ...], theirs: tuple[bool | None, ...], code: int
) -> None:
    stores = [
        fill(tmp_path / name, [record(index, success=success) for index, success in enumerate(side)])
        for name, side in (("a", ours), ("b", theirs))
    ]
    assert main(stores) == code


def test_what_an_older_version_did_not_record_is_said(tmp_path: Path, capsys: Printed) -> None:
    with Store(tmp_path / "old", write=True) as store:
        store.add_run("run-a", {name: RUN[name] for name in ("command", "python")} | {"git": {"commit": None}})
        store.add(record())
    assert main([str(tmp_path / "old"), fill(tmp_path / "new", [record()], program="harness.run")]) == 0
    rows = {line.split("|")[1].strip(): line for line in capsys.readouterr().out.splitlines() if line.startswith("| ")}
    for about, now in (("commit", "aaaaaaaaaaaa"), ("assets", "none"), ("program", "harness.run")):
        assert [cell.strip() for cell in rows[about].split("|")[2:4]] == ["not recorded", now]
    assert "python" not in rows and "command" not in rows


def test_of_exported_records_only_progress_is_compared(tmp_path: Path, capsys: Printed) -> None:
    file = tmp_path / "b.jsonl"
    file.write_text(jsonl([changed(record(), "actions", 2)]), encoding="utf-8")
    assert main([fill(tmp_path / "a", [record()]), str(file)]) == 0
    text = capsys.readouterr().out
    assert "actions of exported records are not known" in text and "not known" in text


def test_the_list_is_cut_and_says_so(tmp_path: Path, capsys: Printed) -> None:
    ours = [record(index) for index in range(5)]
    theirs = [changed(one, "actions", 1) for one in ours]
    assert main([fill(tmp_path / "a", ours), fill(tmp_path / "b", theirs), "--episodes", "2"]) == 1
    text = capsys.readouterr().out
    assert "and 3 more, see --episodes" in text and text.count("| reach-v3") == 2


def test_two_policies_of_one_store_part_where_they_act_differently(tmp_path: Path, capsys: Printed) -> None:
    other = changed(record(policy="random"), "actions", 4)
    store = fill(tmp_path, [record(), other])
    assert main(["expert", "random", "--store", store]) == 1
    assert "## expert and random" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["a", "nowhere"], "nowhere"),
        (["a", "c"], "no policy is in both; name one of each, as PATH:POLICY"),
        (["a", "d"], "share no episode; run both with the same --tasks"),
        (["a", "a", "--protocol", "other"], "no protocol named 'other'"),
        (["a", "a", "--episodes", "0"], "episodes must be at least 1"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_one_line(
    tmp_path: Path, arguments: list[str], complaint: str, capsys: Printed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    fill(Path("a"), [record()])
    fill(Path("c"), [record(policy="one"), record(policy="two")])
    fill(Path("d"), [record(7)])
    assert main([*arguments, "--store", "a"]) == 2
    error = capsys.readouterr().err
    assert complaint in error and error.startswith("error: ") and error.count("\n") == 1


def test_two_runs_of_the_line_go_alike_and_a_blind_one_does_not(tmp_path: Path) -> None:
    line = str(Path(__file__).parent / "line" / "line.yaml")
    usual = ["--policy", "tests.line.pointer", "--protocol", line, "--trials", "2", "--workers", "1", "--store"]
    for store, more in (("a", []), ("b", []), ("c", ["--arm", "blind"])):
        assert commands.run("harness.run", *usual, tmp_path / store, *more)[0] == 0
    assert commands.run("harness.diff", tmp_path / "a", tmp_path / "b")[0] == 0
    code, out, _ = commands.run("harness.diff", tmp_path / "a", tmp_path / "c")
    assert code == 1 and "4 part: 4 first in what was done" in out
