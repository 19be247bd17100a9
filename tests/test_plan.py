"""The planner, as a user meets it: before a run, from a store, and after a run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.plan import main
from results.power import detectable, discordance, pairs_needed, possible_correlations
from results.store import Store
from tests.records import make_record, with_errors


def lines(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> list[str]:
    """What a plan prints."""
    assert main([str(argument) for argument in arguments]) == 0
    return capsys.readouterr().out.splitlines()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two policies over 60 starts, .9 and .8, alike, at 12 and 24 s an episode; another one over 40 others, of 1."""
    random = np.random.default_rng(0)
    with Store(tmp_path, write=True) as store:
        for index, luck in enumerate(random.permutation(60)):
            store.add(make_record(index=index, policy="ours", success=bool(luck >= 6), wall_s=12.0))
            store.add(make_record(index=index, policy="theirs", success=bool(luck >= 12), wall_s=24.0))
        for index in range(40):
            store.add(make_record("push-v3", index, policy="apart", success=True, wall_s=1.0))
        for record in with_errors([make_record(index=70, policy=name, wall_s=900.0) for name in ("ours", "theirs")], 2):
            store.add(record)
    return tmp_path


def test_episodes_for_a_difference(capsys: pytest.CaptureFixture[str]) -> None:
    (line,) = lines(capsys, "--baseline", ".9", "--mde", "5pp", "--phi", ".5")
    assert line.startswith(f"{pairs_needed(discordance(0.95, 0.9, 0.5))} episodes of each policy")
    assert (
        "tell 95.0 % from 90.0 % with 80 % power at alpha 0.05 (mid-p McNemar test, pairing correlation 0.50)" in line
    )
    assert lines(capsys, "--baseline", ".9", "--mde", "0.05", "--correlation", ".5") == [line]


def test_a_loss_another_power_level_and_test(capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--power", ".9", "--alpha", ".01", "--test", "exact")
    (line,) = lines(capsys, "--baseline", ".9", "--mde=-10pp", *options)
    needed = pairs_needed(discordance(0.8, 0.9, 0), 0.9, 0.01, "exact")
    assert line.startswith(f"{needed} episodes") and "80.0 % from 90.0 % with 90 % power at alpha 0.01 (exact" in line


def test_fifty_episodes_do_not_show_ten_points(capsys: pytest.CaptureFixture[str]) -> None:
    (line,) = lines(capsys, "--baseline", ".9", "--episodes", "50")
    found = detectable(50, 0.9, 0)
    assert found.gain is None and found.loss is not None and found.loss > 0.1
    assert f"50 episodes of each policy, on the same starts, can show a loss of {100 * found.loss:.1f} points" in line
    (line,) = lines(capsys, "--baseline", ".5", "--episodes", "3")
    assert "can show no difference at all" in line


def test_a_store_gives_baseline_correlation_and_time(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    about, answer, *times = lines(capsys, "--store", folder, "--mde", "10pp", "--workers", "4")
    correlation = (0.8 - 0.9 * 0.8) / (0.9 * 0.1 * 0.8 * 0.2) ** 0.5
    assert about == f"ours and theirs on metaworld_mt50: 60 pairs, 90.0 % and 80.0 %, correlation {correlation:.2f}"
    needed = pairs_needed(discordance(0.9, 0.8, correlation))
    assert answer.startswith(f"{needed} episodes of each policy")
    assert times[1].startswith(f"{needed} episodes of ours on metaworld_mt50 take about 0:0")
    assert times[1].endswith("(12 s each, the mean of 60, 4 at a time)")
    assert times[2].endswith("(24 s each, the mean of 60, 4 at a time)")


def test_the_time_is_that_of_all_episodes_shared_by_the_workers(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    *_, ours, theirs = lines(capsys, "--store", folder, "--episodes", "300", "--workers", "2")
    assert "300 episodes of ours on metaworld_mt50 take about 0:30:00" in ours
    assert "300 episodes of theirs on metaworld_mt50 take about 1:00:00" in theirs


def test_after_a_run_it_says_what_could_have_been_detected(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    about, answer = lines(capsys, "--store", folder)
    assert "60 pairs" in about
    found = detectable(60, 0.8, (0.8 - 0.9 * 0.8) / (0.9 * 0.1 * 0.8 * 0.2) ** 0.5)
    assert found.gain is not None and found.loss is not None
    sizes = f"a gain of {100 * found.gain:.1f} points or a loss of {100 * found.loss:.1f} points from 80.0 %"
    assert f"60 episodes of each policy, on the same starts, can show {sizes}" in answer


def test_a_stored_correlation_that_the_rates_cannot_have_is_lowered(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    answer = lines(capsys, "--store", folder, "--mde", "19pp")[1]
    most = possible_correlations(0.99, 0.8)[1]
    assert "tell 99.0 % from 80.0 %" in answer and f"pairing correlation {most:.2f}" in answer


def test_options_replace_what_a_store_knows_one_by_one(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    stored = (0.8 - 0.9 * 0.8) / (0.9 * 0.1 * 0.8 * 0.2) ** 0.5
    about, answer, *_ = lines(capsys, "--store", folder, "--mde", "10pp", "--baseline", ".75")
    assert about.startswith("ours and theirs") and "tell 85.0 % from 75.0 %" in answer
    assert answer.startswith(f"{pairs_needed(discordance(0.85, 0.75, stored))} episodes")
    assert f"pairing correlation {stored:.2f}" in answer
    answer = lines(capsys, "--store", folder, "--mde", "10pp", "--phi", ".1")[1]
    assert "tell 90.0 % from 80.0 %" in answer and "pairing correlation 0.10" in answer
    answer = lines(capsys, "--store", folder, "--baseline", ".5", "--phi", ".1")[1]
    assert answer.startswith("60 episodes") and "from 50.0 %" in answer and "pairing correlation 0.10" in answer


def test_a_baseline_beside_a_single_stored_policy_leaves_only_its_time(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with Store(tmp_path, write=True) as store:
        store.add(make_record(wall_s=12.0))
    answer, time = lines(capsys, "--store", tmp_path, "--mde", ".1", "--baseline", ".5")
    assert "tell 60.0 % from 50.0 %" in answer and "of expert on metaworld_mt50 take about" in time


def test_where_a_policy_always_ends_alike_no_correlation_is_made_up(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with Store(tmp_path, write=True) as store:
        for index in range(20):
            store.add(make_record(index=index, policy="ours", success=True))
            store.add(make_record(index=index, policy="theirs", success=index > 4))
    about, answer = lines(capsys, "--store", tmp_path)
    assert "one of them always ends alike, correlation taken as 0" in about
    assert "pairing correlation 0.00" in answer


def test_a_single_policy_gives_the_baseline_of_a_plan(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with Store(tmp_path, write=True) as store:
        for index in range(20):
            store.add(make_record(index=index, success=index > 4))
    about, answer, _ = lines(capsys, "--store", tmp_path, "--mde", ".1")
    assert about == "expert on metaworld_mt50: 75.0 %"
    assert "tell 85.0 % from 75.0 %" in answer


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "name what to plan: --mde for a difference, --episodes for a number, or --store after a run"),
        (("--mde", ".05"), "name --baseline, or a --store that has one"),
        (("--baseline", ".9"), "name what to plan"),
        (("--baseline", ".9", "--mde", "5pp", "--episodes", "50"), "name --mde or --episodes, not both"),
        (("--baseline", ".9", "--mde", "five"), "--mde takes a difference as .05 or 5pp, not 'five'"),
        (("--baseline", ".9", "--mde", "0"), "equally good"),
        (("--baseline", ".98", "--mde", "5pp"), "success rates must be between 0 and 1, not 1.03 and 0.98"),
        (("--baseline", ".9", "--mde", "5pp", "--phi", ".9"), "can have a correlation from -0.076 to 0.688, not 0.9"),
        (("--baseline", ".9", "--mde", ".00001"), "more than 100000 episodes would be needed"),
        (("--baseline", ".9", "--episodes", "50", "--phi", "5"), "a correlation is between -1 and 1, not 5"),
        (("--baseline", ".9", "--episodes", "0"), "episodes must be at least 1, not 0"),
        (("--baseline", ".9", "--mde", "5pp", "--power", "80"), "power must be between 0 and 1, not 80"),
        (("--baseline", ".9", "--mde", "5pp", "--alpha", "0"), "alpha must be between 0 and 1, not 0"),
        (("--baseline", "90", "--episodes", "50"), "success rates must be between 0 and 1"),
        (("--baseline", "1.02", "--mde=-5pp"), "success rates must be between 0 and 1"),
        (("--store", "nowhere"), "there is no store in nowhere"),
    ],
)
def test_a_mistake_is_one_clear_line_and_exit_code_2(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], words: str
) -> None:
    assert main(list(arguments)) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("error: ") and words in line


def test_a_store_without_pairs_has_nothing_to_judge(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with Store(tmp_path, write=True) as store:
        store.add(make_record())
    assert main(["--store", str(tmp_path)]) == 2
    assert "no two policies with verdicts over the same starts" in capsys.readouterr().err
