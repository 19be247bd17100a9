"""Which records are averaged together, and what is said about how complete they are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import protocols
from protocols.contracts import EvaluationProtocol
from results.groups import by_policy, chosen_records, comparable, comparable_but_assets, coverage
from tests.records import make_evaluation, make_record, with_errors

MT10 = protocols.load("metaworld_mt10")
ALL_MT10 = make_evaluation(MT10)


def test_policies_deviations_and_conditions_are_kept_apart() -> None:
    records = [
        make_record(),
        make_record(index=1),
        make_record(policy="zero"),
        make_record(deviations=("render=fast",)),
        make_record(conditions="other"),
    ]
    assert [(group.policy, group.deviations, len(group.records)) for group in by_policy(records)] == [
        ("expert", (), 2),
        ("zero", (), 1),
        ("expert", (), 1),
        ("expert", ("render=fast",), 1),
    ]


def test_policies_of_one_name_and_other_weights_are_told_apart() -> None:
    records = [make_record(policy_fingerprint="a" * 32), make_record(policy_fingerprint="b" * 32)]
    labels = [f"expert [{record.deciding[:8]}]" for record in records]
    assert sorted(group.policy for group in by_policy(records)) == sorted(labels)


def test_frames_of_different_renderers_are_said() -> None:
    mixed = [make_record(renderer="llvmpipe"), make_record(index=1, renderer="NVIDIA H200")]
    (group,) = by_policy(mixed)
    assert coverage(group, None).endswith("frames of different renderers (NVIDIA H200, llvmpipe)")


def test_records_of_other_versions_are_never_averaged() -> None:
    groups = by_policy([make_record("push-v3"), make_record(version="1"), make_record(version="2")])
    assert sorted(len(group.records) for group in groups) == [1, 2]


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        (MT10, "all 100 episodes of the protocol, all with a verdict"),
        (MT10.changed(trials=12), "all 100 episodes of the protocol and 20 more, all with a verdict"),
        (
            MT10.changed(tasks=["reach-v3", "push-v3"], trials=3),
            "partial, 6 of 100 episodes: 2 of 10 tasks, 3 of 10 episodes each, all with a verdict",
        ),
        (
            MT10.changed(tasks=["reach-v3"], trials=12),
            "partial, 10 of 100 episodes: 1 of 10 tasks, 12 instead of 10 episodes each, all with a verdict",
        ),
    ],
)
def test_coverage_says_what_part_of_the_protocol_is_there(chosen: EvaluationProtocol, said: str) -> None:
    (group,) = by_policy(make_evaluation(chosen))
    assert coverage(group, MT10) == said
    assert comparable(group, MT10) == (not said.startswith("partial"))


def test_coverage_of_a_stopped_run_gives_the_range() -> None:
    (group,) = by_policy(with_errors(make_evaluation(MT10)[:13], 1))
    said = "partial, 13 of 100 episodes: 2 of 10 tasks, 3 to 10 of 10 episodes each, 1 without a verdict"
    assert coverage(group, MT10) == said


def test_coverage_says_that_further_repeats_are_left_out() -> None:
    records = [
        replace(record, episode=replace(record.episode, repeat=repeat)) for record in ALL_MT10 for repeat in range(3)
    ]
    (group,), (whole,) = by_policy(records), by_policy(records, repeats=True)
    assert len(group.records) == 100
    assert coverage(group, MT10) == "all 100 episodes of the protocol, the first of 3 repeats, all with a verdict"
    assert "repeats" not in coverage(whole, MT10)


def test_coverage_of_an_unknown_protocol_is_a_count() -> None:
    (group,) = by_policy([make_record()])
    assert coverage(group, None) == "episodes: 1, all with a verdict"
    assert not comparable(group, None)


@pytest.mark.parametrize("changes", [{"deviations": ("render=fast",)}, {"conditions": "other"}])
def test_other_conditions_are_not_comparable(changes: dict[str, Any]) -> None:
    protocol = MT10.changed(tasks=["reach-v3"], trials=1)
    (record,) = make_evaluation(protocol)
    (same,), (other,) = by_policy([record]), by_policy([replace(record, **changes)])
    assert comparable(same, protocol) and not comparable(other, protocol)


@pytest.mark.parametrize(
    ("deviations", "alike"),
    [((), True), (("assets=stand-in",), True), (("render=fast",), False), (("render=fast", "assets=stand-in"), False)],
)
def test_stand_ins_alone_leave_the_rest_comparable(deviations: tuple[str, ...], alike: bool) -> None:
    protocol = MT10.changed(tasks=["reach-v3"], trials=1)
    (group,) = by_policy(make_evaluation(replace(protocol, deviations=deviations)))
    assert comparable_but_assets(group, protocol) == alike
    assert comparable(group, protocol) == (not deviations)
    assert not comparable_but_assets(group, MT10), "not all episodes"


def test_an_empty_source_and_an_unknown_protocol_are_refused() -> None:
    with pytest.raises(LookupError, match="there are no records in somewhere"):
        chosen_records([], None, Path("somewhere"))
    with pytest.raises(LookupError, match="did you mean 'metaworld_mt50'"):
        chosen_records([make_record()], "metaworld_mt5", Path("somewhere"))
