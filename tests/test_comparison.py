"""Every level of a comparison, the laws that it must keep, and who is compared with whom."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import protocols
from protocols.contracts import Record
from results.comparison import Comparison, Contrast, Level, area, compare, final
from results.comparison_csv import render_csv
from results.comparison_tables import significant, verdict
from results.means import paired_mean
from results.paired import mcnemar, paired_difference
from results.sections import compare_all
from results.sides import Argument, Side, by_setting
from results.standings import differing, standings
from results.statistics import task_mean, tier_mean, wilson
from tests.records import make_evaluation, make_record, with_errors

MT50 = protocols.load("metaworld_mt50")
KNOWN = {"metaworld_mt50": MT50}
SOME = MT50.changed(tasks=["reach-v3", "push-v3", "drawer-open-v3", "peg-insert-side-v3", "disassemble-v3"], trials=6)
CONTRASTS = ("success", "steps", "final", "area")


def sides(*policies: list[Record]) -> list[Side]:
    (found,) = by_setting([Argument(f"store-{place}", Path("runs"), some) for place, some in enumerate(policies)])
    return found


def compared(first: list[Record], second: list[Record], *, unpaired: bool = False) -> Comparison:
    found = compare(*sides(first, second), unpaired=unpaired)
    assert isinstance(found, Comparison)
    return found


def contrasts(level: Level) -> list[Contrast]:
    return [getattr(level, name) for name in CONTRASTS]


GOOD, BAD = make_evaluation(SOME, "good", seed=1), make_evaluation(SOME, "bad", seed=2)


def test_levels_are_tiers_with_their_tasks_and_then_the_means() -> None:
    found = compared(GOOD, BAD)
    assert [(level.level, level.name) for level in found.levels] == [
        ("tier", "easy"),
        ("task", "drawer-open-v3"),
        ("task", "reach-v3"),
        ("tier", "medium"),
        ("task", "peg-insert-side-v3"),
        ("tier", "hard"),
        ("task", "push-v3"),
        ("tier", "very_hard"),
        ("task", "disassemble-v3"),
        ("tier_mean", "tier_mean"),
        ("task_mean", "task_mean"),
    ]


def test_rates_of_means_are_those_of_the_tables() -> None:
    found = compared(GOOD, BAD)
    for level, mean in zip(found.levels[-2:], (tier_mean, task_mean), strict=True):
        for rate, records in ((level.success.first, GOOD), (level.success.second, BAD)):
            expected = mean(records)
            assert expected is not None and rate == pytest.approx(expected.rate)


def test_a_task_is_judged_by_its_own_pairs_and_corrected_over_tasks() -> None:
    found = compared(GOOD, BAD)
    tasks = [level for level in found.levels if level.level == "task"]
    for level in tasks:
        assert level.pairs is not None and level.pairs.pairs == 6
        assert level.success.difference == paired_difference([level.pairs], [1.0])
        assert (level.exact, level.mid) == mcnemar(level.pairs.only_first, level.pairs.only_second)
        assert level.exact <= level.adjusted <= 5 * level.exact + 1e-12
    assert min(level.adjusted for level in tasks) == pytest.approx(min(1, 5 * min(level.exact for level in tasks)))


def test_steps_and_progress_are_means_over_the_episodes_of_a_task() -> None:
    first = [make_record(index=index, policy="a", steps=10 * (index + 1)) for index in range(4)]
    second = [make_record(index=index, policy="b", success=False, steps=80) for index in range(4)]
    level = compared(first, second).overall
    assert (level.steps.first, level.steps.second, level.steps.difference.value) == (25, 400, -375)
    assert level.final.first == 1
    assert level.final.second == pytest.approx(0.4)


def test_progress_of_an_ended_episode_holds_to_the_horizon() -> None:
    curve = np.array([0.0, 0.5], dtype=np.float32)
    assert area(make_record(steps=2, max_steps=10, progress=curve)) == pytest.approx((0.5 + 8 * 1) / 10)
    dropped = make_record(success=False, steps=2, max_steps=10, progress=curve)
    assert final(dropped) == 0.5
    assert area(dropped) == pytest.approx((0.5 + 8 * 0.5) / 10)
    assert final(make_record(success=False, steps=0)) == 0


@pytest.mark.parametrize("unpaired", [False, True])
def test_turning_the_policies_around_turns_every_difference(unpaired: bool) -> None:
    there, back = compared(GOOD, BAD, unpaired=unpaired), compared(BAD, GOOD, unpaired=unpaired)
    for one, other in zip(there.levels, back.levels, strict=True):
        assert (one.exact, one.mid, one.adjusted) == pytest.approx((other.exact, other.mid, other.adjusted))
        for mine, yours in zip(contrasts(one), contrasts(other), strict=True):
            assert (mine.first, mine.second) == pytest.approx((yours.second, yours.first))
            assert mine.difference == pytest.approx(yours.difference.negated, abs=1e-9)


evaluations = st.tuples(st.integers(0, 10**6), st.integers(0, 10**6))


@settings(max_examples=15, deadline=None)
@given(evaluations, st.integers(1, 29))
def test_neither_the_order_of_records_nor_their_stores_matter(seeds: tuple[int, int], cut: int) -> None:
    first, second = (make_evaluation(SOME, name, seed=seed) for name, seed in zip("ab", seeds, strict=True))
    whole = render_csv(compare_all(by_setting([Argument("all", Path("all"), [*first, *second])]), KNOWN))
    mixed = np.random.default_rng(seeds[0]).permutation(60)
    shuffled = [[*first, *second][place] for place in mixed]
    parts = [Argument("one", Path("one"), shuffled[:cut]), Argument("two", Path("two"), shuffled[cut:] + shuffled[:3])]
    found = by_setting(parts)
    ordered = [sorted(one, key=lambda side: side.name) for one in found]
    assert render_csv(compare_all(ordered, KNOWN)) == whole


def test_a_policy_against_itself_differs_in_nothing() -> None:
    (both,) = by_setting([Argument(name, Path(name), GOOD) for name in ("one", "two")], apart=True)
    found = compare(*both)
    assert isinstance(found, Comparison)
    for level in found.levels:
        assert (level.exact, level.adjusted) == (1, 1)
        for contrast in contrasts(level):
            value, low, high = contrast.difference
            assert value == 0 and low == pytest.approx(-high) and high > 0


def test_unpaired_uses_all_verdicts_and_pairs_only_the_shared() -> None:
    elsewhere = [replace(record, fingerprint="elsewhere") for record in BAD]
    pairing = compare(*sides(GOOD, elsewhere))
    assert not isinstance(pairing, Comparison) and pairing.other_start == 30
    found = compared(GOOD, elsewhere[:-2], unpaired=True)
    assert found.overall.counts.second_episodes == 28
    assert (found.is_paired, found.overall.mid) == (False, None)


def test_settings_with_a_single_policy_are_left_out_and_said_so() -> None:
    fast = [replace(record, deviations=("render=fast",), policy="fast") for record in GOOD]
    made = compare_all(by_setting([Argument("runs", Path("runs"), [*GOOD, *BAD, *fast])]), KNOWN)
    assert [[side.name for side in one.sides] for one in made.sections] == [["bad", "good"]]
    (line,) = made.left_out
    assert line.startswith("fast is the only policy under metaworld_mt50, render=fast")
    assert line.endswith("or the same one from two stores with --apart")


def test_a_policy_with_too_many_errors_is_left_out_of_three_and_refused_of_two() -> None:
    other = make_evaluation(SOME, "other", seed=3)
    (one,) = compare_all([sides(GOOD, with_errors(BAD, 3), other)], KNOWN).sections
    assert [side.name for side in one.sides] == ["good", "other"]
    assert one.refused[0].startswith("bad: refused, 3 of 30 episodes have no verdict")
    with pytest.raises(ValueError, match="bad: refused, 3 of 30 episodes have no verdict and metaworld_mt50 allows"):
        compare_all([sides(GOOD, with_errors(BAD, 3))], KNOWN)


def test_few_errors_are_excluded_and_counted() -> None:
    full = make_evaluation(MT50, "good", seed=1), with_errors(make_evaluation(MT50, "bad", seed=2), 5)
    found = compared(*full)
    assert (found.pairing.errors, found.overall.counts.first_episodes) == (5, 495)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"fingerprint": "elsewhere"},
            r"30 shared episodes \(30 with other starts \(fingerprints differ\)\); --unpaired",
        ),
        ({"success": None, "error": "died"}, r"30 shared episodes \(30 without a verdict\)"),
    ],
)
def test_policies_without_a_pair_are_refused_with_the_reason(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=f"good and bad make no pair of {message}"):
        compare_all([sides(GOOD, [replace(record, **change) for record in BAD])], {})  # type: ignore[arg-type]


def test_policies_that_share_no_episode_are_refused() -> None:
    halves = [record for record in GOOD if record.episode.index < 3], [one for one in BAD if one.episode.index > 2]
    with pytest.raises(ValueError, match="good and bad share no episode; run both with the same --tasks"):
        compare_all([sides(*halves)], KNOWN)
    assert compare_all([sides(*halves)], KNOWN, unpaired=True).sections


def test_standings_order_policies_by_their_task_mean_and_rank_them_over_what_all_share() -> None:
    third = make_evaluation(SOME, "third", seed=3, rates=dict.fromkeys(("easy", "medium", "hard", "very_hard"), 0.02))
    (one,) = compare_all([sides(BAD, GOOD[:-1], third)], KNOWN).sections
    rates = [standing.tasks.rate for standing in one.standings]
    assert rates == sorted(rates, reverse=True)
    assert {standing.episodes for standing in one.standings} == {29}
    assert one.standings[0].letters[0] == "a"
    assert not set(one.standings[0].letters) & set(one.standings[-1].letters)


def test_the_p_values_of_means_are_corrected_over_all_pairs_of_policies() -> None:
    third = make_evaluation(SOME, "third", seed=3)
    (one,) = compare_all([sides(BAD, GOOD, third)], KNOWN).sections
    smallest = min(one.comparisons, key=lambda comparison: comparison.overall.exact).overall
    assert smallest.adjusted == pytest.approx(min(1, 3 * smallest.exact))


def test_nothing_is_ranked_where_no_episode_is_shared_by_all() -> None:
    third = [replace(record, fingerprint="elsewhere") for record in make_evaluation(SOME, "third", seed=3)]
    (one,) = compare_all([sides(BAD, GOOD, third)], KNOWN).sections
    assert (one.standings, len(one.comparisons), len(one.without)) == ((), 1, 2)
    assert standings(sides(BAD, GOOD, third), []) == []


def pairs_of(task: str, only_a: int, only_b: int, pairs: int) -> tuple[list[Record], list[Record]]:
    """Records of a and b on a task, with so many pairs that one of them solves alone; both fail the others."""
    first = [make_record(task, index, policy="a", success=index < only_a) for index in range(pairs)]
    second = [make_record(task, index, policy="b", success=0 <= index - only_a < only_b) for index in range(pairs)]
    return first, second


def over_two_tasks(one: tuple[int, int, int], other: tuple[int, int, int], *, unpaired: bool = False) -> Comparison:
    """A and b over two tasks: pairs that a solves alone, that b does, and all."""
    parts = pairs_of("push-v3", *one), pairs_of("reach-v3", *other)
    return compared(*([*mine, *yours] for mine, yours in zip(*parts, strict=True)), unpaired=unpaired)


@pytest.mark.parametrize("unpaired", [False, True])
def test_pooled_pairs_and_the_mean_of_rates_that_contradict_each_other_name_no_better_policy(unpaired: bool) -> None:
    found = over_two_tasks((30, 0, 100), (0, 3, 3), unpaired=unpaired)
    assert found.overall.adjusted < 0.001 and found.overall.success.difference.value == pytest.approx(-0.35)
    tier, *tasks = found.levels[:3]
    assert [significant(level) for level in (found.overall, tier)] == [False, False]
    assert significant(tasks[0])
    assert verdict(found).startswith("Tasks tell a and b apart, but not in one direction: -35.0 points [")
    assert verdict(found).endswith("p <0.001.")
    assert not any(map(any, differing([found.first, found.second], [found])))


@pytest.mark.parametrize("unpaired", [False, True])
def test_unequally_many_pairs_in_one_direction_name_the_better_policy(unpaired: bool) -> None:
    found = over_two_tasks((60, 0, 100), (25, 0, 30), unpaired=unpaired)
    assert found.overall.is_significant and verdict(found).startswith("a succeeds more often than b: +")
    assert differing([found.first, found.second], [found]) == [[False, True], [True, False]]


def test_equally_many_pairs_need_the_test_alone() -> None:
    found = over_two_tasks((10, 0, 50), (0, 1, 50))
    assert found.overall.even and found.overall.is_significant


def repeated(policy: str, solved: list[list[int]], task: str = "reach-v3") -> list[Record]:
    """Repeats of starts: for each start which of its repeats succeed."""
    records = []
    for index, repeats in enumerate(solved):
        for repeat, success in enumerate(repeats):
            record = make_record(
                task, index, success=bool(success), policy=policy, key=f"{policy}{task}{index}{repeat}"
            )
            records.append(replace(record, episode=replace(record.episode, repeat=repeat)))
    return records


def compared_repeats(first: list[Record], second: list[Record], **options: bool) -> Comparison:
    arguments = [Argument(str(place), Path("runs"), some) for place, some in enumerate((first, second))]
    (found,) = by_setting(arguments, repeats=True)
    made = compare(*found, **options)
    assert isinstance(made, Comparison)
    return made


def test_a_repeated_start_counts_once_by_the_mean_over_its_repeats() -> None:
    """Of four starts the first policy solves two more often, one less often, one as often."""
    first = repeated("good", [[1, 1, 1], [1, 1, 0], [0, 0, 0], [1, 0, 0]])
    second = repeated("bad", [[0, 0, 0], [1, 0, 0], [1, 0, 0], [0, 0, 1]])
    level = compared_repeats(first, second).overall
    assert level.pairs == (1, 2, 1, 0)
    assert (level.exact, level.mid) == mcnemar(2, 1)
    assert level.counts == (6, 12, 3, 12)
    differences = np.array([3, 1, -1, 0]) / 3
    assert level.success.difference == paired_mean([differences], [1.0], [1.0])
    assert (level.success.first, level.success.second) == pytest.approx((6 / 12, 3 / 12))


def test_the_same_repeats_over_and_over_tell_no_more() -> None:
    """Deterministic policies: the numbers are those of the first repeats, but for Student's interval."""
    outcomes = [[place % 3 == 0] * 4 for place in range(12)], [[place % 2 == 0] * 4 for place in range(12)]
    often = compared_repeats(*(repeated(name, some) for name, some in zip("ab", outcomes, strict=True))).overall
    once = compared(*(repeated(name, [one[:1] for one in some]) for name, some in zip("ab", outcomes, strict=True)))
    assert (often.exact, often.pairs) == (once.overall.exact, once.overall.pairs)
    assert often.success.difference.value == pytest.approx(once.overall.success.difference.value)
    for one, other in zip(contrasts(often)[1:], contrasts(once.overall)[1:], strict=True):
        assert one.difference == pytest.approx(other.difference)


def test_only_repeats_that_both_policies_have_are_compared() -> None:
    found = compared_repeats(repeated("good", [[1, 1, 1], [1, 1, 1]]), repeated("bad", [[0], [1, 0]]))
    assert (len(found.pairing.pairs), found.pairing.starts, found.pairing.only_first) == (3, 2, 3)


def test_unpaired_takes_first_repeats_alone() -> None:
    found = compared_repeats(repeated("good", [[1, 1]] * 3), repeated("bad", [[0, 1]] * 3), unpaired=True)
    assert found.overall.counts == (3, 3, 0, 3)


def test_standings_of_repeated_starts_do_not_take_repeats_for_episodes() -> None:
    outcomes = {"a": [[1] * 8, [0] * 8] * 5, "b": [[1, 0] * 4, [0] * 8] * 5, "c": [[0] * 8] * 10}
    records = [record for name, solved in outcomes.items() for record in repeated(name, solved)]
    (found,) = by_setting([Argument("runs", Path("runs"), records)], repeats=True)
    (section,) = compare_all([found], KNOWN).sections
    best = section.standings[0]
    assert [one.side.name for one in section.standings] == ["a", "b", "c"]
    assert best.tasks.interval == pytest.approx(wilson(5, 10), abs=1e-9), "ten starts, not eighty episodes"
    assert best.tiers and best.tiers.interval == pytest.approx(best.tasks.interval)


@pytest.mark.parametrize(("scenes", "rate", "gap"), [(0.5, 0.5, 0.1), (0.9, 0.9, 0.1), (0.0, 0.9, 0.0)])
def test_intervals_of_repeated_starts_cover_and_the_sign_test_keeps_its_level(
    scenes: float, rate: float, gap: float
) -> None:
    """Three tasks of ten starts, four repeats, a given share of variance by the start; both policies share starts."""
    random, runs, covered, alarms = np.random.default_rng(3), 1000, 0, 0
    for _ in range(runs):
        differences = []
        for _ in range(3):
            own = (1 - scenes) / scenes if scenes else 0
            starts = random.beta(rate * own, (1 - rate) * own, 10) if scenes else np.full(10, rate)
            both = random.binomial(4, starts), random.binomial(4, starts * (1 - gap))
            differences.append((both[0] - both[1]) / 4)
        interval = paired_mean(differences, [1 / 3] * 3, [1.0] * 3)
        covered += interval.low <= rate * gap <= interval.high
        told = np.sign(np.concatenate(differences))
        alarms += mcnemar(int((told > 0).sum()), int((told < 0).sum())).exact < 0.05
    assert covered / runs >= 0.935 - 2 * (0.05 * 0.95 / runs) ** 0.5
    assert gap or alarms / runs <= 0.05


def test_pairs_taken_for_starts_would_claim_too_much() -> None:
    """Why: with starts that decide, intervals from pairs cover far less than 95 %."""
    random, covered = np.random.default_rng(4), 0
    for _ in range(300):
        effect = random.choice([-1.0, 0.0, 1.0], 20, p=[0.25, 0.5, 0.25])  # which policy a start suits
        interval = paired_mean([np.repeat(effect, 8)], [1.0], [1.0])
        covered += interval.low <= 0 <= interval.high
    assert covered / 300 < 0.7
