"""A trace of how long a policy thinks: one line per inference, which `harness.run --latency` reads."""

from __future__ import annotations

from pathlib import Path

import pytest

import protocols
from harness.evaluation import Evaluation
from harness.latency import read_latency, read_trace
from harness.stopwatch import Timed, main, timed
from results.store import Store

LINE = str(Path(__file__).parent / "line" / "line.yaml")
POINTER = ("--policy", "tests.line.pointer", "--policy-arg", "chunk=2", "--protocol", LINE, "--trials", "2")


def test_a_trace_has_a_line_per_look_but_the_first_and_can_be_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    protocol = protocols.load(LINE).changed(trials=2)
    with Store(tmp_path / "store", write=True) as store:
        looks = sum(
            len(one.looks) for one in Evaluation(protocol, "tests.line.pointer", {"chunk": 2}).run(store, workers=1)
        )
    path = tmp_path / "trace.txt"
    assert main([*POINTER, "--out", str(path)]) == 0
    assert f"{looks - 1} inferences in {path}, median " in capsys.readouterr().out
    seconds = read_trace(path)
    assert len(seconds) == looks - 1 and all(0 <= one < 10 for one in seconds)
    assert path.read_text(encoding="utf-8").startswith("# seconds of each inference of tests.line.pointer(chunk=2) on")
    latency = read_latency(str(path), 10.0)
    assert latency is not None and latency.name.startswith("trace-") and len(latency.steps) == looks - 1


def test_timing_changes_nothing_of_what_is_done(tmp_path: Path) -> None:
    protocol = protocols.load(LINE).changed(trials=1)
    usual, watched = (Evaluation(protocol, "tests.line.pointer", {"chunk": 2}) for _ in range(2))
    watched.policy = Timed(watched.policy)
    found = []
    for name, evaluation in (("usual", usual), ("watched", watched)):
        with Store(tmp_path / name, write=True) as store:
            found.append([(one.success, one.steps) for one in evaluation.run(store, workers=1)])
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--policy", "expert", "--protocol", LINE), "acts beside the simulator"),
        (("--policy", "exprt", "--protocol", LINE), "did you mean 'expert'"),
        (("--policy", "random"), "name a --suite"),
    ],
)
def test_a_mistake_is_one_clear_line_and_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], words: str
) -> None:
    assert main([*arguments, "--out", str(tmp_path / "trace.txt")]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("error: ") and words in line
    assert not (tmp_path / "trace.txt").exists()


def test_a_policy_that_is_hardly_asked_gives_no_trace() -> None:
    protocol = protocols.load(LINE).changed(trials=1, tasks=["near"], max_steps=2)
    with pytest.raises(ValueError, match="the policy was asked 1 times, too few"):
        timed(Evaluation(protocol, "tests.line.pointer", {"chunk": 2}))
