"""Success against latency, as a table and as a curve, from records alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import protocols
from protocols.contracts import Record
from results.groups import by_policy
from results.latency import curves, figure, late, main
from results.store import Store
from tests.records import make_evaluation, with_errors

SOME = protocols.load("metaworld_mt50").changed(tasks=["reach-v3", "push-v3"], trials=8)
TIERS = ("easy", "medium", "hard", "very_hard")
Printed = pytest.CaptureFixture[str]


def run(policy: str, rate: float, seed: int = 0) -> list[Record]:
    return make_evaluation(SOME, policy, seed=seed, rates=dict.fromkeys(TIERS, rate))


LATE = [
    *run("vla", 0.95),
    *run("vla latency=10", 0.1, 1),
    *run("vla latency=2", 0.7, 2),
    *run("vla latency=gpu-1", 0.5),
]


def fill(folder: Path, records: list[Record]) -> str:
    with Store(folder, write=True) as store:
        for record in records:
            store.add(record)
    return str(folder)


@pytest.mark.parametrize(
    ("policy", "parts"),
    [("vla(a=1) first", ("vla(a=1) first", "0")), ("vla blind latency=3", ("vla blind", "3")), ("x", ("x", "0"))],
)
def test_a_recorded_name_tells_the_latency(policy: str, parts: tuple[str, str]) -> None:
    assert late(policy) == parts


def test_a_curve_begins_without_latency_and_has_traces_last() -> None:
    (curve,) = curves(by_policy([*LATE, *run("never late", 0.5)]))
    assert (curve.policy, curve.setting) == ("vla", "metaworld_mt50")
    assert [point.name for point in curve.points] == ["0", "2", "10", "gpu-1"]
    assert [point.steps for point in curve.points] == [0, 2, 10, None]
    for point in curve.points:
        assert point.mean.rate == sum(bool(record.success) for record in point.measured.records) / 16


def test_the_command_prints_and_draws_it(tmp_path: Path, capsys: Printed) -> None:
    drawn = tmp_path / "curve.svg"
    assert main(["--store", fill(tmp_path, LATE), "--figure", str(drawn)]) == 0
    rows = [line.split("|")[1].strip() for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    assert rows[2:] == ["0", "2", "10", "gpu-1"]
    assert drawn.read_text(encoding="utf-8").count("<svg") == 1
    assert main(["--store", str(tmp_path), "--format", "latex", "--out", str(tmp_path / "table.tex")]) == 0
    assert "toprule" in (tmp_path / "table.tex").read_text(encoding="utf-8")


def test_every_policy_has_a_line_in_the_figure_of_its_setting() -> None:
    other = [*run("other", 0.8), *run("other latency=4", 0.3)]
    picture = figure(curves(by_policy([*LATE, *other])))
    (axes,) = picture.axes
    legend = axes.get_legend()
    assert legend is not None and [text.get_text() for text in legend.get_texts()] == [
        "other (16 starts)",
        "vla (16 starts)",
    ]


def test_points_are_joined_over_the_starts_that_all_of_them_share(tmp_path: Path, capsys: Printed) -> None:
    usual, delayed = run("vla", 0.9), run("vla latency=3", 0.4, 1)
    delayed[9] = replace(delayed[9], fingerprint="elsewhere")
    delayed = with_errors(delayed, 1)[:-2]
    (curve,) = curves(by_policy([*usual, *delayed]))
    assert (curve.starts, curve.most) == (12, 16)
    for point, records in zip(curve.points, (usual, delayed), strict=True):
        shared = [record for number, record in enumerate(records) if number not in (0, 9, 14, 15)]
        assert sorted(record.key for record in point.measured.records) == sorted(record.key for record in shared)
    delayed = [replace(record, protocol="unknown") for record in delayed]
    usual = [replace(record, protocol="unknown") for record in usual]
    assert main(["--store", fill(tmp_path / "some", [*usual, *delayed])]) == 0
    assert "over the 12 of 16 starts that all of them have a verdict of" in capsys.readouterr().out
    assert main(["--store", fill(tmp_path / "none", [*usual[:8], *delayed[8:]])]) == 2
    assert "vla on unknown: its latencies share no start" in capsys.readouterr().err


def test_versions_of_one_policy_are_not_joined() -> None:
    newer = [
        replace(record, deciding="d" * 32, key=f"newer {record.key}")
        for record in [*run("vla", 0.9), *run("vla latency=2", 0.4)]
    ]
    found = curves(by_policy([*run("vla", 0.5), *run("vla latency=2", 0.2), *newer]))
    assert len({curve.policy for curve in found}) == len(found) and "vla [dddddddd]" in {one.policy for one in found}
    for curve in found:
        names = [point.name for point in curve.points]
        assert len(names) == len(set(names)), "no latency is there twice"


def test_nothing_late_and_too_many_errors_are_refused(tmp_path: Path, capsys: Printed) -> None:
    broken = with_errors(run("vla latency=3", 0.5), 9)
    for name, records, complaint in [
        ("usual", run("vla", 0.9), "no policy was run with a latency; run one with harness.run --latency K"),
        ("broken", broken, "9 of 16 episodes have no verdict"),
    ]:
        assert main(["--store", fill(tmp_path / name, records)]) == 2
        error = capsys.readouterr().err
        assert complaint in error and error.count("\n") == 1
    assert main(["--store", str(tmp_path / "nowhere")]) == 2
