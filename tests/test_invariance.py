"""Records do not depend on the machinery: real simulators, real processes, real kills."""

from __future__ import annotations

import os
import random
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest

import envs
from tests.commands import count, exported, finish, is_alive, run, start, wait_until, workers_of

pytestmark = pytest.mark.simulator

TASKS = ("--suite", "metaworld", "--tasks", "reach-v3,door-open-v3,soccer-v3")
EXPERT = ("--policy", "expert", *TASKS, "--trials", "6")
RANDOM = ("--policy", "random", "--policy-arg", "chunk=7", *TASKS, "--trials", "4", "--max-steps", "150")
NO_LIBERO = envs.load("libero").missing()
LIBERO = (
    *("--policy", "expert", "--suite", "libero_goal", "--assets", "stand-in", "--trials", "2", "--max-steps", "90"),
    *("--tasks", "turn_on_the_stove,put_the_bowl_on_the_plate,open_the_middle_drawer_of_the_cabinet"),
)
LOOKING = (
    *("--policy", "random", "--policy-arg", "chunk=20", "--policy-arg", "cameras=agent,wrist", *TASKS),
    *("--trials", "2", "--max-steps", "60", "--render", "fast"),
)


def records(store: Path, *arguments: str) -> str:
    """What a run gives, as lines without times."""
    code, _, error = run("harness.run", *arguments, "--store", store)
    assert code == 0, error
    return exported(store)


CALVIN = ("--policy", "expert", "--suite", "calvin", "--assets", "stand-in", "--trials", "4", "--max-steps", "200")
LEARNED = (
    *(
        "--policy",
        "progvla",
        "--suite",
        "metaworld",
        "--tasks",
        "door-close-v3,push-v3,drawer-open-v3",
        "--trials",
        "2",
    ),
    *("--max-steps", "60", "--render", "fast"),
)
LOOKING_AT_CALVIN = (
    *("--policy", "random", "--policy-arg", "chunk=20", "--policy-arg", "cameras=agent,wrist", "--suite", "calvin"),
    *("--assets", "stand-in", "--trials", "4", "--max-steps", "60", "--render", "fast"),
)
COMMANDS = [
    *(EXPERT, RANDOM, CALVIN, *(pytest.param(looking, marks=pytest.mark.gl) for looking in (LOOKING, LEARNED))),
    pytest.param(LOOKING_AT_CALVIN, marks=pytest.mark.slow),
    pytest.param(LIBERO, marks=[pytest.mark.slow, pytest.mark.skipif(bool(NO_LIBERO), reason="; ".join(NO_LIBERO))]),
]


@pytest.fixture(scope="module", params=COMMANDS)
def undisturbed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[tuple[str, ...], str]:
    """A command, and what it gives with one worker."""
    arguments: tuple[str, ...] = request.param
    return arguments, records(tmp_path_factory.mktemp("undisturbed"), *arguments, "--workers", "1")


@pytest.mark.parametrize("workers", ["2", "4"])
def test_records_do_not_depend_on_the_number_of_workers(
    tmp_path: Path, undisturbed: tuple[tuple[str, ...], str], workers: str
) -> None:
    arguments, expected = undisturbed
    assert records(tmp_path, *arguments, "--workers", workers) == expected


def test_records_do_not_depend_on_the_order(tmp_path: Path, undisturbed: tuple[tuple[str, ...], str]) -> None:
    arguments, expected = undisturbed
    assert records(tmp_path, *arguments, "--workers", "2", "--order", "reversed") == expected


@pytest.mark.parametrize("number", range(3))
def test_a_run_killed_at_a_random_moment_and_issued_again_gives_the_same_records(
    tmp_path: Path, undisturbed: tuple[tuple[str, ...], str], number: int
) -> None:
    arguments, expected = undisturbed
    process = start("harness.run", *arguments, "--store", tmp_path)
    wait_until(lambda: count(tmp_path) > 0)
    time.sleep(random.Random(number).uniform(0, 0.5))
    workers = workers_of(process.pid) if process.poll() is None else []
    process.send_signal(signal.SIGKILL)
    finish(process)
    wait_until(lambda: not any(map(is_alive, workers)))
    assert records(tmp_path, *arguments) == expected


def test_killed_workers_leave_no_trace_in_the_records(tmp_path: Path, undisturbed: tuple[tuple[str, ...], str]) -> None:
    arguments, expected = undisturbed
    process = start("harness.run", *arguments, "--workers", "2", "--store", tmp_path)
    for wanted in (1, 4):
        wait_until(lambda wanted=wanted: count(tmp_path) >= wanted or process.poll() is not None)
        for worker in workers_of(process.pid)[:1] if process.poll() is None else []:
            with suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)
    code, _, error = finish(process)
    assert code == 0, error
    assert exported(tmp_path) == expected
