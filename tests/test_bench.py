"""What the benchmark of costs refuses, and which rows it measures; the times are the machine's."""

from __future__ import annotations

import json

import pytest

from harness.bench import main


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--suite", "metawrld"], "did you mean 'metaworld'"),
        (["--suite", "piper", "--tasks", "red-cup-snk"], "did you mean 'red-cup-sink'"),
        (["--tasks", ""], "no task named ''"),
        (["--chunk", "0"], "chunk must be at least 1, not 0"),
        (["--suite", "piper", "--chunk", "0"], "chunk must be at least 1, not 0"),
        (["--steps", "0"], "steps must be at least 1, not 0"),
        (["--workers", "0"], "workers must be at least 1, not 0"),
        (["--suite", "piper", "--trials", "1"], "trials must be at least 2, so that start-up can be told apart, not 1"),
        (["--trials", "8"], "trials and assets are fixed for metaworld"),
    ],
)
def test_a_mistake_is_one_line(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and words in error and len(error.splitlines()) == 1


@pytest.mark.slow
def test_a_suites_rows_tell_plans_simulation_and_frames_apart(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--suite", "tests.line", "--tasks", "near", "--trials", "2", "--chunk", "2", "--json"]) == 0
    rows = {row["name"]: row["renders_per_step"] for row in json.loads(capsys.readouterr().out)["rows"]}
    assert list(rows)[:2] == ["expert, no frames (plans included)", "replay, no frames"]
    assert list(rows)[2:] == [f"replay, all cameras each 2th step, {render}" for render in ("official", "fast")]
    assert [drawn > 0 for drawn in rows.values()] == [False, False, True, True]
