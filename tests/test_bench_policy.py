"""What a learned policy costs: that the parts are measured and add up; never how long they take."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import policies
import protocols
from harness import bench_policy
from protocols.contracts import EnvSpec
from tests.conformance import SMALL_PX, example_checkpoint

Printed = pytest.CaptureFixture[str]


def test_the_parts_of_an_evaluation_are_none_below_zero_and_count_its_steps(tmp_path: Path) -> None:
    protocol = bench_policy.chosen_protocol("tests.line", None, None, 2)
    seconds = bench_policy.split(protocol, "tests.line.pointer", {}, None, tmp_path)
    assert min(seconds[:4]) >= 0 < seconds.policy
    assert seconds.steps >= seconds.looks > 0


def test_a_plan_is_timed_for_one_row_and_for_eight_and_at_paper_size(monkeypatch: pytest.MonkeyPatch) -> None:
    protocol = replace(protocols.load("metaworld_mt50"), image_size_px=SMALL_PX)
    module, given = policies.load("progvla"), {"checkpoint": example_checkpoint("progvla", "metaworld")}
    example, asked = module.make_example, []

    def small(spec: EnvSpec, path: Path, config: str) -> None:
        asked.append(config)
        example(spec, path)

    monkeypatch.setattr(module, "make_example", small)
    found = bench_policy.latencies("progvla", protocol, given)
    names = "progvla", "progvla, paper"
    assert [(one.name, one.batch) for one in found] == [(name, rows) for name in names for rows in (1, 8)]
    assert asked == ["paper"]
    for one in found:
        assert one.rate_hz == pytest.approx(one.batch * 8 / one.wall_ms * 1000)


def test_the_command_prints_both_tables(capsys: Printed) -> None:
    assert bench_policy.main(["--policy", "tests.line.pointer", "--suite", "tests.line"]) == 0
    printed = capsys.readouterr().out
    for word in ("simulation", "drawing", "policy", "harness", "ms per plan", "tests.line.pointer"):
        assert word in printed


def test_a_mistake_is_one_line(capsys: Printed) -> None:
    assert bench_policy.main(["--policy", "nobody", "--suite", "tests.line"]) == 2
    assert capsys.readouterr().err.startswith("error: no policy named 'nobody'")
