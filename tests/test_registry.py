"""Names are found by listing a folder, entry points and dotted names; a wrong one is answered with the nearest."""

from __future__ import annotations

from importlib.metadata import EntryPoint, EntryPoints
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, strategies as st

import policies
from protocols import registry

GROUP = "headway.policies"
words = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=9)


@pytest.fixture
def third_party(monkeypatch: pytest.MonkeyPatch) -> None:
    """A distribution that brings a policy of its own."""
    point = EntryPoint(name="pointer", value="tests.records", group=GROUP)

    def entry_points(**chosen: Any) -> EntryPoints:
        return EntryPoints([point]).select(**chosen)

    monkeypatch.setattr(registry, "entry_points", entry_points)


def test_names_are_sorted_and_leave_out_what_entries_share() -> None:
    names = registry.names(policies, GROUP)
    assert names == sorted(names)
    assert {"zero", "random", "replay", "expert"} <= set(names)
    assert not registry.SHARED & set(names)


def test_an_entry_is_loaded_by_its_name() -> None:
    assert registry.load(policies, GROUP, "policy", "zero").__name__ == "policies.zero"


@pytest.mark.usefixtures("third_party")
def test_a_third_party_adds_entries_through_entry_points() -> None:
    names = registry.names(policies, GROUP)
    assert "pointer" in names and names == sorted(names)
    assert registry.load(policies, GROUP, "policy", "pointer").__name__ == "tests.records"
    assert registry.load(policies, GROUP, "policy", "zero").__name__ == "policies.zero"
    assert "pointer" not in registry.names(policies, "headway.suites")


def test_any_module_is_loaded_by_its_dotted_name() -> None:
    assert registry.load(policies, GROUP, "policy", "tests.line.pointer").__name__ == "tests.line.pointer"


@pytest.mark.parametrize("name", ["tests.no_such_module", "no_such_package.policy"])
def test_a_dotted_name_that_is_not_there_is_refused(name: str) -> None:
    with pytest.raises(LookupError, match=f"no policy module '{name}': No module named"):
        registry.load(policies, GROUP, "policy", name)


@pytest.mark.parametrize("shared", sorted(registry.SHARED))
def test_what_entries_share_is_no_entry(shared: str) -> None:
    with pytest.raises(LookupError, match=f"no policy named '{shared}'"):
        registry.load(policies, GROUP, "policy", shared)


def test_a_folder_without_entries_has_no_names() -> None:
    empty = ModuleType("empty")
    empty.__path__ = []
    assert registry.names(empty, "headway.nothing") == []


@given(st.sets(words, min_size=1, max_size=6), st.data())
def test_a_name_that_is_there_is_given_back(known: set[str], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(known)))
    assert registry.require("thing", name, known) == name


@given(words, st.sets(words, max_size=6))
def test_a_name_that_is_not_there_is_refused_with_all_that_are(name: str, known: set[str]) -> None:
    with pytest.raises(LookupError) as raised:
        registry.require("thing", name, known - {name})
    assert str(raised.value).startswith(f"no thing named {name!r}")
    assert str(raised.value).endswith(f"There are: {', '.join(sorted(known - {name}))}")


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [("sek", "; did you mean 'seek'? "), ("repaly", "; did you mean 'replay'? "), ("xyz", ". ")],
)
def test_only_a_near_name_is_suggested(wrong: str, hint: str) -> None:
    with pytest.raises(LookupError) as raised:
        registry.require("policy", wrong, ["seek", "replay"])
    assert str(raised.value) == f"no policy named {wrong!r}{hint}There are: replay, seek"
