"""Repeats of a start: other noise of the policy's, keys, and what they say of variance and of pass^k."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy import stats

import protocols
from harness.evaluation import Evaluation
from harness.provenance import episode_key
from harness.run import main as run
from protocols.contracts import Episode, Record, content_hash, decision_seeds, identity
from results.export import jsonl, parse_jsonl
from results.groups import by_policy
from results.repeats import Parts, Start, main, pass_mean, pass_rate, starts, times_shown, variance_parts
from results.store import Store, read
from tests.records import make_record

LINE = str(Path(__file__).parent / "line" / "line.yaml")
START = Episode("line", "near", "go", 0, 5, 40)
Printed = pytest.CaptureFixture[str]
a_start = st.integers(1, 6).flatmap(lambda repeats: st.builds(Start, st.integers(0, repeats), st.just(repeats)))
a_task = st.lists(a_start, min_size=2, max_size=8)


def evaluated(folder: Path, repeats: int, workers: int = 1, policy: str = "random") -> list[Record]:
    protocol = protocols.load(LINE).changed(trials=2, repeats=repeats)
    with Store(folder, write=True) as store:
        return list(Evaluation(protocol, policy, {}).run(store, workers=workers))


def repeated(task: str, outcomes: Sequence[Sequence[bool | None]], policy: str = "vla") -> list[Record]:
    """Records of one task: of each start, the outcome of each repeat."""
    made = []
    for index, row in enumerate(outcomes):
        for repeat, success in enumerate(row):
            one = make_record(task, index, success=success, policy=policy)
            key = content_hash([one.key, repeat])
            made.append(replace(one, episode=replace(one.episode, repeat=repeat), key=key))
    return made


def test_repeats_share_the_start_and_differ_in_what_the_policy_does(tmp_path: Path) -> None:
    records = evaluated(tmp_path, 3)
    assert len(records) == 12 and len({record.key for record in records}) == 12
    for start in {(record.episode.task, record.episode.index) for record in records}:
        same = [record for record in records if (record.episode.task, record.episode.index) == start]
        assert sorted(record.episode.repeat for record in same) == [0, 1, 2]
        assert len({record.fingerprint for record in same}) == len({record.episode.seed for record in same}) == 1
        assert len({record.actions.tobytes() for record in same}) == 3


def test_records_of_repeats_do_not_depend_on_the_number_of_workers(tmp_path: Path) -> None:
    alone, together = (evaluated(tmp_path / str(workers), 2, workers, "tests.line.pointer") for workers in (1, 3))
    assert jsonl(alone, times=False) == jsonl(together, times=False)


def test_more_repeats_run_only_what_is_missing(tmp_path: Path) -> None:
    assert [len(evaluated(tmp_path, repeats)) for repeats in (1, 1, 3, 2)] == [4, 0, 8, 0]
    assert sorted(record.episode.repeat for record in read(tmp_path)) == sorted([0, 1, 2] * 4)


def test_a_deterministic_policy_repeats_itself(tmp_path: Path) -> None:
    for policy in ("zero", "expert"):
        records = evaluated(tmp_path / policy, 2, policy=policy)
        assert len({record.actions.tobytes() for record in records}) <= 4


def test_the_first_repeat_has_the_keys_and_seeds_from_before_there_were_repeats() -> None:
    old = {key: value for key, value in asdict(START).items() if key != "repeat"}
    assert identity(START) == old and list(identity(replace(START, repeat=2)))[-1] == "repeat"
    assert episode_key("deciding", START, "easy") == content_hash(["deciding", old, "easy"])
    before = np.random.SeedSequence([START.seed, 1]).generate_state(START.max_steps, np.uint64)
    np.testing.assert_array_equal(decision_seeds(START), before)
    whole = protocols.load("metaworld_mt50")
    values = {key: value for key, value in asdict(whole).items() if key != "repeats"}
    assert whole.hash() == content_hash(values) and whole.changed(repeats=2).hash() != whole.hash()
    assert whole.changed(repeats=2).conditions_hash() == whole.conditions_hash()


@given(st.integers(0, 2**32 - 1), st.integers(0, 50), st.integers(0, 50))
def test_no_two_repeats_share_a_seed(seed: int, one: int, other: int) -> None:
    seeds = [decision_seeds(replace(START, seed=seed, repeat=repeat)) for repeat in (one, other)]
    assert (one == other) == bool(set(seeds[0].tolist()) & set(seeds[1].tolist()))


def test_repeats_are_no_further_episodes_where_episodes_are_counted() -> None:
    records = repeated("reach-v3", [[True, False, False], [False, True, True]])
    (measured,) = by_policy(records)
    assert [record.success for record in measured.records] == [True, False]
    (whole,) = by_policy(records, repeats=True)
    assert len(whole.records) == 6


def test_repeats_survive_an_export() -> None:
    records = repeated("reach-v3", [[True, False]])
    assert sorted(record.episode.repeat for record in parse_jsonl(jsonl(records))) == [0, 1]


def test_a_start_counts_its_verdicts() -> None:
    records = repeated("reach-v3", [[True, None, True], [False], [None]])
    assert starts(records) == [Start(2, 2), Start(0, 1)]


def test_the_parts_of_variance_are_those_of_a_worked_example() -> None:
    # Three classes of four: 0, 2 and 4 successes. MSB = 4 (0.25 + 0 + 0.25) / 2 = 1; MSW = (0 + 1 + 0) / 9.
    parts = variance_parts([[Start(0, 4), Start(2, 4), Start(4, 4)]])
    assert parts == pytest.approx(((1 - 1 / 9) / 4, 1 / 9))
    assert parts is not None and parts.share == pytest.approx(2 / 3)


@given(a_task)
def test_their_mean_squares_are_those_of_scipy(task: list[Start]) -> None:
    parts = variance_parts([task])
    classes = [[1.0] * one.successes + [0.0] * (one.repeats - one.successes) for one in task]
    if parts is None:
        assert all(one.repeats == 1 for one in task)
        return
    if parts.noise == 0:
        assert all(one.successes in (0, one.repeats) for one in task)
        return
    repeats = np.array([one.repeats for one in task])
    size = (repeats.sum() - (repeats**2).sum() / repeats.sum()) / (len(task) - 1)
    ratio = float(stats.f_oneway(*classes).statistic)
    assert (size * parts.scene + parts.noise) / parts.noise == pytest.approx(ratio, rel=1e-6, abs=1e-9)


def test_the_parts_of_variance_are_estimated_without_bias() -> None:
    random, found = np.random.default_rng(0), []
    repeats = random.integers(1, 7, size=12)
    for _ in range(3000):
        solved = random.binomial(repeats, random.beta(1.0, 2.0, size=12))
        found.append(variance_parts([[Start(*one) for one in zip(solved.tolist(), repeats.tolist(), strict=True)]]))
    scene, noise = np.mean(np.array(found, np.float64), axis=0)
    assert scene == pytest.approx(1 / 18, abs=0.003)  # the variance of Beta(1, 2)
    assert noise == pytest.approx(1 / 6, abs=0.003)  # E[p (1 - p)]


@given(st.lists(a_task, min_size=1, max_size=3))
def test_the_order_of_starts_and_tasks_and_what_counts_as_success_make_no_difference(
    tasks: list[list[Start]],
) -> None:
    mirrored = [[Start(one.repeats - one.successes, one.repeats) for one in task] for task in tasks]
    turned = [task[::-1] for task in tasks[::-1]]
    parts = variance_parts(tasks)
    for other in (variance_parts(mirrored), variance_parts(turned)):
        assert (parts is None) == (other is None)
        assert parts is None or parts == pytest.approx(other, abs=1e-12)


def test_differences_between_tasks_are_in_neither_part() -> None:
    parts = variance_parts([[Start(4, 4)] * 3, [Start(0, 4)] * 3])
    assert parts is not None and parts == Parts(0, 0) and parts.share is None


@pytest.mark.parametrize("tasks", [[], [[Start(1, 1), Start(0, 1)]], [[Start(1, 4)]]])
def test_without_repeats_or_starts_to_compare_there_are_no_parts(tasks: list[list[Start]]) -> None:
    assert variance_parts(tasks) is None


@given(st.integers(1, 7).flatmap(lambda count: st.tuples(st.lists(st.booleans(), min_size=count, max_size=count))))
def test_pass_k_is_the_share_of_choices_of_repeats_that_all_succeed(outcomes: tuple[list[bool]]) -> None:
    (row,) = outcomes
    for times in range(1, len(row) + 1):
        choices = [all(choice) for choice in combinations(row, times)]
        assert pass_rate(Start(sum(row), len(row)), times) == pytest.approx(sum(choices) / len(choices))
    assert pass_rate(Start(sum(row), len(row)), len(row) + 1) is None


@given(st.lists(st.lists(st.builds(Start, st.integers(0, 4), st.just(4)), min_size=1), min_size=1, max_size=3))
def test_pass_k_falls_with_k_and_lies_in_its_interval(tasks: list[list[Start]]) -> None:
    means = [pass_mean(tasks, times) for times in (1, 2, 3, 4)]
    rates = [mean.rate for mean in means if mean is not None]
    assert len(rates) == 4 and all(one >= other - 1e-12 for one, other in pairwise(rates))
    for mean in means:
        assert mean is not None
        low, high = mean.interval
        assert 0 <= low <= mean.rate + 1e-12 and mean.rate - 1e-12 <= high <= 1


def test_the_interval_of_pass_k_covers_as_often_as_it_says() -> None:
    random, hits = np.random.default_rng(1), 0
    for _ in range(1000):
        solved = random.binomial(4, random.beta(1.0, 1.0, size=(4, 10)))  # P(k of k) = 1 / (k + 1)
        mean = pass_mean([[Start(int(one), 4) for one in task] for task in solved], 2)
        assert mean is not None
        hits += mean.interval.low <= 1 / 3 <= mean.interval.high
    assert hits / 1000 == pytest.approx(0.95, abs=0.02)


def test_columns_are_powers_of_two_and_the_number_of_repeats() -> None:
    assert times_shown([[Start(0, 1)]]) == [1]
    assert times_shown([[Start(0, 3), Start(0, 6)]]) == [1, 2, 4, 6]


def test_the_command_says_what_is_scene_and_what_is_noise(tmp_path: Path, capsys: Printed) -> None:
    sure = repeated("reach-v3", [[True] * 4, [False] * 4, [True] * 4])
    unsure = repeated("push-v3", [[True, False, True, False]] * 3)
    with Store(tmp_path, write=True) as store:
        for record in (*sure, *unsure, make_record(policy="lonely")):
            store.add(record)
    assert main(["--store", str(tmp_path)]) == 0
    text = capsys.readouterr().out
    rows = {line.split("|")[1].strip(" *"): line.replace("*", "") for line in text.splitlines() if line[:2] == "| "}
    cells = {name: [cell.strip() for cell in line.strip("|").split("|")][1:-1] for name, line in rows.items()}
    assert cells["reach-v3"] == ["3", "4", "100.0", "0.0", "66.7", "66.7", "66.7"]
    assert cells["push-v3"] == ["3", "4", "0.0", "100.0", "50.0", "16.7", "0.0"]
    assert cells["task mean"][:2] == ["6", "4"] and cells["task mean"][4] == "58.3"
    assert "lonely" not in text
    assert main(["--store", str(tmp_path), "--format", "latex", "--out", str(tmp_path / "table.tex")]) == 0
    assert "toprule" in (tmp_path / "table.tex").read_text(encoding="utf-8")


def test_what_has_no_repeats_or_too_many_errors_is_refused(tmp_path: Path, capsys: Printed) -> None:
    with Store(tmp_path / "once", write=True) as store:
        store.add(make_record())
    with Store(tmp_path / "broken", write=True) as store:
        for record in repeated("reach-v3", [[None, None], [True, False]]):
            store.add(record)
    for folder, complaint in [
        ("once", "no episode was repeated; run them with harness.run --repeats N"),
        ("broken", "2 of 4 episodes have no verdict"),
        ("nowhere", "there is no store"),
    ]:
        assert main(["--store", str(tmp_path / folder)]) == 2
        error = capsys.readouterr().err
        assert complaint in error and error.count("\n") == 1


def test_the_command_line_counts_every_repeat(tmp_path: Path, capsys: Printed) -> None:
    what = ["--policy", "random", "--protocol", LINE, "--trials", "1", "--workers", "1", "--store", str(tmp_path)]
    assert run([*what, "--repeats", "2"]) == 0
    assert "4/4 episodes" in capsys.readouterr().err
    assert run([*what, "--repeats", "0"]) == 2
    assert "repeats must be at least 1, not 0" in capsys.readouterr().err
