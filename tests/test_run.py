"""The command line, as a user meets it."""

from __future__ import annotations

import signal
import sqlite3
import time
from pathlib import Path

import pytest

import protocols
from harness.options import chosen_protocol
from harness.run import main
from tests.commands import by_episode, count, finish, is_alive, run, start, wait_until, workers_of

LINE = ("--protocol", "tests/line/line.yaml")
LONG = ("--policy", "tests.line.pointer", *LINE, "--trials", "3000", "--policy-arg", "chunk=1")


def refused(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    """The one line of a command that cannot run."""
    assert main([str(argument) for argument in arguments]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert lines[0].startswith("error: ")
    return "\n".join(lines)


def test_help_shows_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    text = capsys.readouterr().out
    assert "examples:" in text
    assert "--policy-arg KEY=VALUE" in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--policy", "exprt", *LINE), "no policy named 'exprt'; did you mean 'expert'?"),
        (("--policy", "zero", "--suite", "metawrld"), "no suite named 'metawrld'; did you mean 'metaworld'?"),
        (("--policy", "zero", "--protocol", "metaworld_mt5"), "did you mean 'metaworld_mt50'?"),
        (("--policy", "zero", "--protocol", "nowhere.yaml"), "no protocol file nowhere.yaml"),
        (("--policy", "zero", *LINE, "--tasks", "neer"), "no task named 'neer'; did you mean 'near'?"),
        (("--policy", "zero", "--suite", "mt10"), "There are: calvin, calvin_absolute, calvin_pinned, libero"),
        (("--policy", "zero", "--suite", "metaworld_mt10", *LINE), "is of suite 'tests.line', not 'metaworld_mt10'"),
        (("--policy", "zero"), "name a --suite (calvin, calvin_absolute"),
        (("--policy", "zero", "--suite", "metaworld", *LINE), "is of suite 'tests.line', not 'metaworld'"),
        (("--policy", "zero", *LINE, "--trials", "0"), "trials must be at least 1, not 0"),
        (("--policy", "zero", *LINE, "--policy-arg", "chunk"), "--policy-arg takes KEY=VALUE, not 'chunk'"),
        (("--policy", "zero", *LINE, "--policy-arg", "chunk=ten"), "chunk must be a number (int), not 'ten'"),
        (("--policy", "zero", *LINE, "--policy-arg", "cameras=left"), "no camera named 'left'"),
        (("--policy", "zero", *LINE, "--checkpoint", "x"), "takes no argument checkpoint. There are: chunk, cameras"),
        (("--policy", "zero", *LINE, "--execution", "twice"), "no execution 'twice'; there are: own, first"),
        (("--policy", "expert", *LINE, "--execution", "first"), "acts beside the simulator"),
        (("--policy", "replay", *LINE), "needs --policy-arg store=DIR"),
        (("--policy", "tests.line.misfit", *LINE), "does not fit suite 'tests.line'"),
        (("--policy", "no.such.module", *LINE), "no policy module 'no.such.module'"),
        (("--policy", "os.path", *LINE), "module 'os.path' is no policy: it has no make()"),
        (("--policy", "..", *LINE), "no policy named '..'"),
        (("--policy", "zero", *LINE, "--workers", "0"), "workers must be at least 1, not 0"),
        (("--policy", "zero", *LINE, "--tasks", ""), "no task named ''"),
    ],
)
def test_a_mistake_is_one_clear_line_and_exit_code_2(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    assert words in refused(capsys, *arguments, "--store", tmp_path / "store")
    assert not (tmp_path / "store").exists()


def test_a_suite_may_be_named_by_one_of_its_protocols() -> None:
    assert chosen_protocol("metaworld_mt10", None, None, 3) == protocols.load("metaworld_mt10").changed(trials=3)
    assert chosen_protocol("libero", None, None, None) == protocols.load("libero")
    assert chosen_protocol("libero_object", None, None, None).max_steps == 280
    assert chosen_protocol("metaworld", None, None, None).name == "metaworld_mt50"


def test_a_protocol_file_with_an_unknown_key_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(Path("tests/line/line.yaml").read_text() + "horizon: 3\n")
    assert "unknown keys: horizon" in refused(capsys, "--policy", "zero", "--protocol", path)


def test_a_protocol_that_poses_as_ours_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "metaworld_mt10.yaml"
    path.write_text(Path("protocols/metaworld_mt10.yaml").read_text())
    assert "is taken by a protocol of ours" in refused(capsys, "--policy", "zero", "--protocol", path)


def test_a_store_below_a_file_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "cannot use the store folder" in refused(
        capsys, "--policy", "zero", *LINE, "--store", tmp_path / "file" / "s"
    )


def test_a_store_of_another_schema_is_refused_and_left_alone(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with sqlite3.connect(tmp_path / "store.sqlite") as database:
        database.execute("CREATE TABLE old (x)")
        database.execute("PRAGMA user_version = 99")
    database.close()
    assert "has schema 99" in refused(capsys, "--policy", "zero", *LINE, "--store", tmp_path)


def test_without_opengl_state_only_policies_run_and_others_are_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MUJOCO_GL", "disable")
    quick = (
        "--suite",
        "metaworld",
        "--tasks",
        "reach-v3",
        "--trials",
        "1",
        "--max-steps",
        "5",
        "--store",
        str(tmp_path),
    )
    assert main(["--policy", "zero", *quick]) == 0
    capsys.readouterr()
    assert "MUJOCO_GL" in refused(capsys, "--policy", "zero", "--policy-arg", "cameras=agent", *quick)
    assert "--video needs frames" in refused(capsys, "--policy", "zero", "--video", "all", *quick)


def test_episodes_without_a_verdict_are_said_and_exit_code_1(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    arguments = ["--policy", "tests.line.pointer", "--policy-arg", "wrong=nan", *LINE, "--store", str(tmp_path)]
    assert main(arguments) == 1
    assert "8 episodes have no verdict" in capsys.readouterr().out


def test_a_second_run_on_a_locked_store_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    first = start("harness.run", *LONG, "--store", tmp_path)
    wait_until(lambda: count(tmp_path) > 0)
    code, _, error = run("harness.run", *LONG, "--store", tmp_path)
    assert code == 2
    assert "another run is writing to the store" in error
    first.send_signal(signal.SIGINT)
    assert finish(first)[0] == 130


def test_a_hung_worker_ends_with_its_run(tmp_path: Path) -> None:
    arguments = ("--policy", "expert", "--protocol", "tests/line/wild.yaml", "--tasks", "hang", "--trials", "1")
    process = start("harness.run", *arguments, "--store", tmp_path)
    wait_until(lambda: bool(workers_of(process.pid)))
    (worker,) = workers_of(process.pid)
    time.sleep(1.5)  # it sleeps in its third step by then
    process.kill()
    finish(process)
    wait_until(lambda: not is_alive(worker), limit_s=5)


def test_ctrl_c_leaves_a_store_that_the_same_command_completes(tmp_path: Path) -> None:
    arguments = ("--policy", "expert", *LINE, "--trials", "400", "--store", tmp_path)
    process = start("harness.run", *arguments)
    wait_until(lambda: count(tmp_path) > 5)
    workers = workers_of(process.pid)
    process.send_signal(signal.SIGINT)
    code, _, error = finish(process)
    assert code == 130
    assert "the same command goes on from there" in error
    assert "Traceback" not in error
    wait_until(lambda: not any(map(is_alive, workers)))
    before = by_episode(tmp_path)
    assert 0 < len(before) < 800
    code, _, error = run("harness.run", *arguments)
    assert code == 0
    assert f"{len(before)} of 800 episodes are in the store already" in error
    after = by_episode(tmp_path)
    assert len(after) == 800
    assert all(after[episode].run == record.run for episode, record in before.items())


def test_without_a_terminal_progress_is_a_plain_line(tmp_path: Path) -> None:
    _, out, error = run("harness.run", "--policy", "expert", *LINE, "--store", tmp_path)
    assert "expert on line: 8/8 episodes, success 100.0% (95 % Wilson 67.6% to 100.0%), 0 errors" in error
    assert "\x1b" not in error
    assert f"python -m results.tables --store {tmp_path}" in out
