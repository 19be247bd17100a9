"""A policy's advantage beside progress and success: kept where there is one, and nothing else changes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from harness.rollout import checked, noted
from protocols.contracts import ActionError, Batch, FloatArray, Look, Plan
from results.export import jsonl, load_records, parse_jsonl, write_parquet
from results.store import Store, body_text, read
from tests.line.pointer import Pointer
from tests.records import make_record
from tests.test_evaluation import evaluate

OLD, NEW = Look(0, 0.25, None), Look(8, 0.5, 0.1, -0.125)


def plan(rows: int = 2, **estimates: FloatArray | None) -> Plan:
    return Plan(np.zeros((rows, 1, 1), np.float32), **estimates)


def test_a_look_without_an_advantage_is_written_as_before_there_was_one() -> None:
    assert OLD.written() == [0, 0.25, None] and NEW.written() == [8, 0.5, 0.1, -0.125]
    record = make_record(looks=(OLD, NEW))
    assert json.loads(body_text(record))["looks"] == json.loads(jsonl([record]))["looks"] == [[0, 0.25, None], [*NEW]]


def test_a_store_from_before_advantages_is_read_and_its_key_holds(tmp_path: Path) -> None:
    record = make_record(looks=(OLD,))
    with Store(tmp_path, write=True) as store:
        store.add(record)
        body = json.loads(body_text(record)) | {"looks": [[0, 0.25, None]]}
        store.database.execute("UPDATE records SET body = ?", (json.dumps(body),))
        store.database.commit()
    (found,) = read(tmp_path)
    assert found.looks == (OLD,) and found.key == record.key and found.looks[0].advantage is None


def test_an_advantage_goes_through_store_lines_and_parquet(tmp_path: Path) -> None:
    record = make_record(looks=(OLD, NEW))
    with Store(tmp_path, write=True) as store:
        store.add(record)
    write_parquet([record], tmp_path / "records.parquet")
    for (found,) in (read(tmp_path), parse_jsonl(jsonl([record])), load_records(tmp_path / "records.parquet")):
        assert found.looks == (OLD, NEW)


@pytest.mark.parametrize("name", ["progress", "success", "advantage"])
def test_estimates_are_one_number_for_each_row(name: str) -> None:
    class Two(Pointer):
        batch_size, chunk, execute = 2, 1, 1
        action = type("Action", (), {"entries": ("push",)})

        def __init__(self) -> None:
            pass

    good = checked(plan(**{name: np.array([0.5, 1])}), Two())
    assert good._asdict()[name].dtype == np.float32
    with pytest.raises(ActionError, match="progress, success and advantage must be one number for each of the 2 rows"):
        checked(plan(**{name: np.zeros(3)}), Two())


def test_what_is_not_finite_is_no_estimate_and_a_plan_without_estimates_no_look() -> None:
    assert noted(plan(), 0, 5) == []
    given = plan(success=np.array([0.5, 1], np.float32), advantage=np.array([np.nan, -2], np.float32))
    assert noted(given, 0, 5) == [Look(5, None, 0.5)] and noted(given, 1, 5) == [Look(5, None, 1.0, -2.0)]


def test_a_policys_advantage_is_recorded_at_each_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    act = Pointer.act

    def act_better(self: Pointer, batch: Batch) -> Plan:
        return act(self, batch)._replace(advantage=batch.state[:, 0])

    before = {record.key: record for record in evaluate(tmp_path / "before", trials=1)}
    monkeypatch.setattr(Pointer, "act", act_better)
    after = {record.key: record for record in evaluate(tmp_path / "after", trials=1)}
    assert before and set(before) == set(after)
    for key, one in before.items():
        other = after[key]
        assert [look[:3] for look in one.looks] == [look[:3] for look in other.looks]
        assert all(look.advantage is None for look in one.looks)
        assert all(isinstance(look.advantage, float) for look in other.looks)
