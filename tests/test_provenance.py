"""Keys of records cover all that decides an outcome and nothing else; a run says what it ran on."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

import protocols
from harness import provenance
from harness.assets import Used
from harness.provenance import deciding_hash, episode_key, run_provenance, versions
from protocols.contracts import Episode

MT10 = protocols.load("metaworld_mt10")
POLICY = ("expert", "print")
EPISODE = Episode("line", "near", "go near", 0, 1, 40)

text = st.text(max_size=5)
number = st.integers(0, 3)
episodes = st.builds(Episode, text, text, text, number, number, number, st.sampled_from(["eval", "train"]), text)


def suite(name: str = "envs.line", version: int = 1, packages: tuple[str, ...] = ("numpy",)) -> ModuleType:
    """A suite, as far as keys are concerned."""
    module = ModuleType(name)
    vars(module).update(VERSION=version, PACKAGES=packages)
    return module


@given(episodes, episodes, text, text)
def test_keys_are_equal_exactly_where_episode_and_conditions_are(
    one: Episode, other: Episode, deciding: str, otherwise: str
) -> None:
    assert episode_key(deciding, one, "easy") == episode_key(deciding, replace(one), "easy")
    assert (episode_key(deciding, one, "easy") == episode_key(otherwise, other, "easy")) == (
        (deciding, one) == (otherwise, other)
    )


@pytest.mark.parametrize("key", asdict(EPISODE))
def test_every_value_of_an_episode_is_in_its_key(key: str) -> None:
    value = asdict(EPISODE)[key]
    other = replace(EPISODE, **{key: value + (1 if isinstance(value, int) else " again")})
    assert episode_key("same", other, "easy") != episode_key("same", EPISODE, "easy")
    assert episode_key("same", EPISODE, "hard") != episode_key("same", EPISODE, "easy")


def test_a_choice_of_episodes_leaves_keys_as_they_are() -> None:
    chosen = MT10.changed(tasks=["push-v3"], trials=3)
    assert deciding_hash(chosen, suite(), *POLICY) == deciding_hash(MT10, suite(), *POLICY)


@pytest.mark.parametrize(
    ("changed", "other_suite", "policy"),
    [
        ({"max_steps": 399}, suite(), POLICY),
        ({"render": "fast"}, suite(), POLICY),
        ({}, suite(name="envs.circle"), POLICY),
        ({}, suite(version=2), POLICY),
        ({}, suite(packages=("numpy", "scipy")), POLICY),
        ({}, suite(), ("expert", "another print")),
        ({}, suite(), ("another name", "print")),
    ],
)
def test_all_that_decides_an_outcome_changes_keys(
    changed: dict[str, Any], other_suite: ModuleType, policy: tuple[str, str]
) -> None:
    assert deciding_hash(MT10.changed(**changed), other_suite, *policy) != deciding_hash(
        MT10, suite(), "expert", "print"
    )


def test_asset_files_change_keys_and_a_suite_without_any_has_none_in_them() -> None:
    found = Used("auto", "one hash", (), "all official")
    moved = Used("/elsewhere", "one hash", (), "all official in another folder")
    keys = [deciding_hash(MT10, suite(), *POLICY, used) for used in (None, found, moved, found._replace(hash="two"))]
    assert keys[0] == deciding_hash(MT10, suite(), *POLICY)
    assert keys[1] == keys[2], "where the files lie decides nothing"
    assert len(set(keys)) == 3


def test_another_version_of_a_package_changes_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    before = deciding_hash(MT10, suite(), *POLICY)
    monkeypatch.setattr(provenance, "version", lambda package: "0.0.0")
    assert deciding_hash(MT10, suite(), *POLICY) != before


def test_versions_are_those_installed_and_what_is_not_is_absent() -> None:
    assert versions(("numpy", "no-such-distribution")) == {"numpy": np.__version__, "no-such-distribution": "absent"}


def test_a_run_says_what_it_ran_on() -> None:
    about = json.loads(json.dumps(run_provenance(MT10, ["--policy", "zero"])))
    assert about["command"] == ["--policy", "zero"] and about["program"] == "harness.run"
    assert about["protocol_hash"] == MT10.hash()
    assert about["protocol"]["name"] == "metaworld_mt10" and len(about["protocol"]["tasks"]) == 10
    assert re.fullmatch(r"3\.\d+\.\d+", about["python"])
    assert about["packages"]["numpy"] == np.__version__
    assert about["machine"]["system"] and about["machine"]["cores"] >= 1


def test_a_run_says_which_program_took_its_arguments() -> None:
    assert run_provenance(MT10, ["expert", "random"], None, "harness.duel")["program"] == "harness.duel"
    assert run_provenance(MT10, [])["program"] is None and run_provenance(MT10, ["pytest"])["program"] is None


def test_the_commit_is_known_in_a_checkout_and_only_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = provenance.git_state()
    assert state["commit"] is None or re.fullmatch("[0-9a-f]{40}", state["commit"])
    assert isinstance(state["dirty"], bool) == (state["commit"] is not None)
    monkeypatch.setattr(provenance, "__file__", str(tmp_path / "provenance.py"))
    assert provenance.git_state() == {"commit": None, "dirty": None}


def test_a_machine_without_git_runs_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert provenance.git_state() == {"commit": None, "dirty": None}
