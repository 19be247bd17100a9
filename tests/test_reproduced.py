"""Two one-sided tests against a published rate: worked examples, an independent optimiser, size by exact sums."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.optimize import minimize_scalar
from scipy.stats import binom, norm

import protocols
from results.reproduced import Rate, interval, main, score, verdict
from results.store import Store
from tests.records import make_evaluation, make_record, with_errors

counts = st.integers(1, 600).flatmap(lambda episodes: st.builds(Rate, st.integers(0, episodes), st.just(episodes)))
margins = st.sampled_from([0.02, 0.05, 0.1])
unhurried = settings(deadline=None, max_examples=50)


@pytest.mark.parametrize(
    ("ours", "published", "low", "high"),
    [
        (Rate(56, 70), Rate(48, 80), 0.0533, 0.3377),
        (Rate(9, 10), Rate(3, 10), 0.1821, 0.8370),
        (Rate(10, 10), Rate(0, 20), 0.7225, 1.0),
        (Rate(5, 56), Rate(0, 29), -0.0313, 0.1926),
    ],
)
def test_the_interval_is_that_of_a_published_worked_example(
    ours: Rate, published: Rate, low: float, high: float
) -> None:
    """95 % intervals of Newcombe 1998, Stat. Med. 17:873, Table II, by the score method without correction (Mee)."""
    assert interval(ours, published, 0.025) == pytest.approx((low, high), abs=5.1e-5)


@unhurried
@given(counts, counts, st.floats(-0.9, 0.9))
def test_the_score_is_that_at_the_likeliest_rates(ours: Rate, published: Rate, supposed: float) -> None:
    """The likeliest rates with the supposed difference, found by scipy's optimiser instead of along the slope."""
    (x, n), (y, m) = ours, published

    def unlikely(rate: float) -> float:
        other = rate - supposed
        logs = np.log([rate, 1 - rate, other, 1 - other])
        return float(-(np.array([x, n - x, y, m - y]) @ logs))

    ends = max(0.0, supposed) + 1e-12, min(1.0, 1 + supposed) - 1e-12
    rate = minimize_scalar(unlikely, bounds=ends, method="bounded", options={"xatol": 1e-13}).x
    other = rate - supposed
    expected = (x / n - y / m - supposed) / np.sqrt(rate * (1 - rate) / n + other * (1 - other) / m)
    if min(rate, other) > 1e-5 and max(rate, other) < 1 - 1e-5:
        assert score(ours, published, supposed) == pytest.approx(expected, rel=1e-6, abs=1e-6)


@unhurried
@given(counts, counts)
def test_with_no_supposed_difference_the_score_is_the_pooled_z(ours: Rate, published: Rate) -> None:
    (x, n), (y, m) = ours, published
    pooled = (x + y) / (n + m)
    deviation = np.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    expected = (x / n - y / m) / deviation if deviation else 0.0
    assert score(ours, published, 0.0) == pytest.approx(expected, abs=1e-6)


@unhurried
@given(counts, counts, margins)
def test_the_interval_lies_within_the_margin_just_when_it_is_reproduced(
    ours: Rate, published: Rate, margin: float
) -> None:
    found = verdict(ours, published, margin)
    assert found.low <= found.difference <= found.high
    assert (found.word == "reproduced") == (-margin < found.low and found.high < margin)
    assert (found.word == "not reproduced") == (found.low > margin or found.high < -margin)


@unhurried
@given(counts, counts, margins)
def test_success_and_failure_and_both_sides_are_alike(ours: Rate, published: Rate, margin: float) -> None:
    found = verdict(ours, published, margin)
    failures = [Rate(rate.episodes - rate.successes, rate.episodes) for rate in (ours, published)]
    for other in (verdict(*failures, margin), verdict(published, ours, margin)):
        assert other.word == found.word
        assert other.difference == pytest.approx(-found.difference)
        assert (other.low, other.high) == pytest.approx((-found.high, -found.low), abs=1e-6)


def test_the_three_verdicts() -> None:
    published = Rate(477, 500)
    assert verdict(Rate(478, 500), published, 0.05).word == "reproduced"
    assert verdict(Rate(410, 500), published, 0.05).word == "not reproduced"
    assert verdict(Rate(500, 500), Rate(400, 500), 0.05).word == "not reproduced"
    assert verdict(Rate(19, 20), published, 0.05).word == "undecided"
    assert verdict(Rate(455, 500), published, 0.05).word == "undecided"


@pytest.mark.parametrize(("published", "true"), [(0.9, 0.85), (0.9, 0.95), (0.5, 0.55), (0.7, 0.65)])
def test_at_the_margin_either_claim_is_wrong_about_as_seldom_as_alpha(published: float, true: float) -> None:
    """Exact sums over both binomials of 60 episodes each, margin 0.05: the difference lies on the margin."""
    ours, theirs = (binom.pmf(np.arange(61), 60, rate) for rate in (true, published))
    share = {"reproduced": 0.0, "not reproduced": 0.0, "undecided": 0.0}
    for successes, chance in enumerate(ours):
        for printed, other in enumerate(theirs):
            if chance * other > 1e-7:
                share[verdict(Rate(successes, 60), Rate(printed, 60), 0.05).word] += chance * other
    assert share["reproduced"] <= 0.065
    assert share["not reproduced"] <= 0.065


def test_p_is_the_larger_of_two_one_sided_ones() -> None:
    ours, published = Rate(470, 500), Rate(477, 500)
    sides = norm.cdf(score(ours, published, 0.05)), norm.sf(score(ours, published, -0.05))
    assert verdict(ours, published, 0.05).p_value == pytest.approx(max(sides), abs=1e-9)


@pytest.mark.parametrize(
    ("ours", "published", "margin"), [((3, 2), (1, 2), 0.1), ((0, 0), (1, 2), 0.1), ((1, 2), (1, 2), 0)]
)
def test_impossible_numbers_are_refused(ours: tuple[int, int], published: tuple[int, int], margin: float) -> None:
    with pytest.raises(ValueError, match="must be between"):
        verdict(Rate(*ours), Rate(*published), margin)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A store with 95 of 100 successes of one task, and 40 of 100 under another horizon."""
    with Store(tmp_path / "store", write=True) as store:
        for index in range(100):
            store.add(make_record(index=index, success=index < 95))
            changed = {"deviations": ("max_steps=9",), "version": "2", "conditions": "c" * 32, "max_steps": 9}
            store.add(make_record(index=index, success=index < 40, **changed))
    return tmp_path / "store"


def test_the_command_says_it_of_each_policy_and_what_is_not_matched(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--store", str(folder), "--rate", "95.4", "--episodes", "500", "--tier", "easy"]
    assert main(arguments) == 0
    text = capsys.readouterr().out
    assert "Is 95.4 % of 500 episodes reproduced, within 5.0 points?" in text
    rows = [line for line in text.splitlines() if line.startswith("| expert")]
    assert [row.split("|")[-2].strip() for row in rows] == ["undecided", "not reproduced"]
    assert "95.0 (95/100)" in rows[0] and "expert, max_steps=9" in rows[1]
    assert "not the protocol's conditions: max_steps=9" in text
    assert "not matched" in text and "tier easy: partial, 10 of 280 episodes" in text
    assert main([*arguments, "--margin", "8"]) == 0
    assert "| reproduced |" in capsys.readouterr().out.replace("  ", "")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--rate", "95"), "without its number of episodes; name it: --episodes N"),
        (("--rate", "950", "--episodes", "5"), "the published rate must be between 0 and 100 %, not 950"),
        (("--rate", "95", "--episodes", "0"), "successes must be between 0 and at least one episode"),
        (("--rate", "95", "--episodes", "5", "--margin", "0"), "the margin must be between 0 and 1"),
        (("--rate", "95", "--episodes", "5", "--alpha", "2"), "alpha must be between 0 and 0.5"),
        (("--rate", "95", "--episodes", "5", "--tier", "esy"), "no tier named 'esy'; did you mean 'easy'?"),
        (("--rate", "95", "--episodes", "5", "--task", "x"), "no task named 'x'"),
        (("--rate", "95", "--episodes", "5", "--store", "nowhere"), "there is no store in nowhere"),
    ],
)
def test_a_mistake_is_one_clear_line_and_exit_code_2(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], words: str
) -> None:
    assert main(["--store", str(folder), *arguments]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("error: ") and words in line


def test_a_store_without_a_verdict_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Store(tmp_path, write=True) as store:
        store.add(with_errors([make_record()], 1)[0])
    assert main(["--store", str(tmp_path), "--rate", "95", "--episodes", "5"]) == 2
    assert "refused, 1 of 1 episodes have no verdict" in capsys.readouterr().err


@pytest.mark.parametrize(("part", "episodes"), [(("--tier", "hard"), 60), (("--task", "reach-v3"), 10), ((), 500)])
def test_a_complete_part_is_not_called_partial(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], part: tuple[str, ...], episodes: int
) -> None:
    with Store(tmp_path, write=True) as store:
        for record in make_evaluation(protocols.load("metaworld_mt50")):
            store.add(record)
    assert main(["--store", str(tmp_path), "--rate", "60", "--episodes", "50", *part]) == 0
    assert f": all {episodes} episodes of the protocol, all with a verdict" in capsys.readouterr().out


def test_too_many_errors_are_refused_whatever_part_is_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The errors are all in one task, and another one is asked for."""
    broken = [make_record("push-v3", index, success=None, policy="broken") for index in range(10)]
    with Store(tmp_path, write=True) as store:
        for record in [*broken, *(make_record(index=index, policy="broken") for index in range(10))]:
            store.add(record)
    arguments = ["--store", str(tmp_path), "--rate", "95", "--episodes", "50", "--task", "reach-v3"]
    assert main(arguments) == 2
    assert "broken: refused, 10 of 20 episodes have no verdict" in capsys.readouterr().err
    with Store(tmp_path, write=True) as store:
        for index in range(10):
            store.add(make_record(index=index))
    assert main(arguments) == 0
    text = capsys.readouterr().out
    assert "| expert" in text and "| broken" not in text and "- broken: refused, 10 of 20" in text
