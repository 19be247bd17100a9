"""Recorded actions come back from a store, of one policy, and only where there is a verdict."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.recordings import recorded_actions, with_actions
from protocols.contracts import FloatArray, Record
from results.store import Store, StoreError
from tests.records import make_record


def stored(folder: Path, *records: Record) -> str:
    """A store with these records."""
    with Store(folder, write=True) as store:
        for record in records:
            store.add(record)
    return str(folder)


def some_actions(seed: int) -> FloatArray:
    return np.random.default_rng(seed).normal(size=(3, 4)).astype(np.float32)


def test_actions_are_given_by_episode_as_they_were_recorded(tmp_path: Path) -> None:
    records = [
        make_record(task, index, actions=some_actions(index)) for task in ("reach-v3", "push-v3") for index in (0, 1)
    ]
    given = recorded_actions(stored(tmp_path, *records))
    assert set(given) == {record.episode for record in records}
    for record in records:
        np.testing.assert_array_equal(given[record.episode], record.actions)


def test_failures_are_played_too_and_errors_are_not(tmp_path: Path) -> None:
    failure, error = make_record(success=False), make_record(index=1, success=None)
    assert set(recorded_actions(stored(tmp_path, failure, error))) == {failure.episode}


def test_one_of_several_policies_is_chosen_by_name(tmp_path: Path) -> None:
    expert, zero = make_record(actions=some_actions(1)), make_record(policy="zero(chunk=2)")
    store = stored(tmp_path, expert, zero)
    np.testing.assert_array_equal(recorded_actions(store, of="expert")[expert.episode], expert.actions)
    with pytest.raises(ValueError, match=r"of=POLICY must choose one of the policies in .*: expert, zero\(chunk=2\)$"):
        recorded_actions(store)
    with pytest.raises(LookupError, match="no recorded policy named 'zero'; did you mean"):
        recorded_actions(store, of="zero")


def test_a_store_that_is_not_named_not_there_or_empty_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="policy 'replay' needs --policy-arg store=DIR"):
        recorded_actions("")
    with pytest.raises(StoreError, match="there is no store in"):
        recorded_actions(str(tmp_path / "nowhere"))
    with pytest.raises(ValueError, match=r"one of the policies in .*: none$"):
        recorded_actions(stored(tmp_path))


def test_an_argument_that_replay_does_not_take_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"policy 'replay' takes no argument stoer\. There are: store, of"):
        with_actions({"stoer": str(tmp_path)})


def test_two_records_of_one_episode_are_ambiguous(tmp_path: Path) -> None:
    with Store(tmp_path, write=True) as store:
        for version in ("1", "2"):
            store.add(make_record(version=version))
    with pytest.raises(ValueError, match="several records of one episode by expert"):
        recorded_actions(store=str(tmp_path))
