"""Beside published rows: reproduced, not reproduced, undecided; and what is not tested."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import protocols
from protocols.contracts import Record
from results.export import jsonl
from results.groups import by_policy
from results.literature import REAL_ROBOT, Published, read_published
from results.reproduced import Rate, together, verdict
from results.tables import main, render
from results.verdicts import COLUMN, NO_COUNT, NOT_MATCHED, Question, Reproduction, counts_of
from tests.records import make_evaluation, make_record

MT50 = protocols.load("metaworld_mt50")
TIERS = {"easy": 280, "medium": 110, "hard": 60, "very_hard": 50}


def row(rates: dict[str, float], episodes: dict[str, int] | None = None, **fields: str) -> list[Published]:
    """A published row of Meta-World, by tier."""
    common = {"protocol": "metaworld_mt50", "method": "theirs", "world": "simulation", "source": "a paper"} | fields
    counts = TIERS if episodes is None else episodes
    return [
        Published(level="tier", name=tier, printed=f"{rate:g}", episodes=counts.get(tier), **common)
        for tier, rate in rates.items()
    ]


def ours(solved: dict[str, int], policy: str = "vla") -> list[Record]:
    """All of Meta-World with so many successes by tier."""
    left, records = dict(solved), []
    for record in make_evaluation(MT50, policy):
        left[record.tier] -= 1
        records.append(replace(record, success=left[record.tier] >= 0))
    return records


def cell(records: list[Record], numbers: list[Published], question: Question | None = None) -> str:
    """What stands beside a published row."""
    measured = by_policy(records)
    counts = [counts_of(one.records) for one in measured]
    return Reproduction(question or Question(), measured, counts).cell(numbers)


SOLVED = {"easy": 240, "medium": 70, "hard": 30, "very_hard": 25}
SAME = {tier: 100 * SOLVED[tier] / TIERS[tier] for tier in TIERS}


def test_a_row_is_reproduced_where_all_of_its_rates_are() -> None:
    assert cell(ours(SOLVED), row(SAME), Question(margin=0.3)) == "reproduced"
    wide = {"easy": 5 * 280, "medium": 9 * 110, "hard": 9 * 60, "very_hard": 9 * 50}
    assert cell(ours(SOLVED), row(SAME, wide), Question(margin=0.14)) == "reproduced"


def test_a_row_is_undecided_where_more_episodes_would_tell() -> None:
    assert cell(ours(SOLVED), row(SAME)) == "undecided"


def test_a_row_is_not_reproduced_where_one_of_its_rates_is_not() -> None:
    assert cell(ours(SOLVED), row(SAME | {"hard": 95})) == "not reproduced"


def test_policies_that_say_different_things_are_named() -> None:
    records = ours(SOLVED) + ours(dict.fromkeys(TIERS, 0), "zero")
    assert cell(records, row(SAME)) == "undecided: vla; not reproduced: zero"


def test_rates_without_a_published_number_of_episodes_are_not_tested() -> None:
    assert cell(ours(SOLVED), row(SAME, {})) == NO_COUNT
    assert cell(ours(SOLVED), row(SAME | {"hard": 95}, {"easy": 280, "medium": 110})) == "undecided"


@pytest.mark.parametrize("fields", [{"unmatched": "another horizon"}, {"world": REAL_ROBOT}])
def test_unmatched_conditions_are_tested_only_on_demand_and_said(fields: dict[str, str]) -> None:
    numbers = row(SAME | {"hard": 95}, **fields)
    assert cell(ours(SOLVED), numbers) == NOT_MATCHED
    assert cell(ours(SOLVED), numbers, Question(unmatched=True)) == f"not reproduced ({NOT_MATCHED})"


def test_stand_ins_of_asset_files_are_not_matched() -> None:
    records = [replace(record, deviations=("assets=stand-in",)) for record in ours(SOLVED)]
    assert cell(records, row(SAME)) == NOT_MATCHED
    assert cell(records, row(SAME), Question(unmatched=True)) == f"undecided ({NOT_MATCHED})"


def test_a_policy_under_another_horizon_stands_beside_no_published_row() -> None:
    text = render(make_evaluation(MT50.changed(max_steps=100), "vla"), {MT50.name: MT50}, row(SAME))
    assert "theirs" not in text and COLUMN not in text


def test_an_empty_tier_is_not_tested() -> None:
    records = [replace(one, success=None, error="it died") if one.tier == "hard" else one for one in ours(SOLVED)]
    assert cell(records, row(SAME | {"hard": 95})) == "undecided"


def test_the_column_stands_in_the_table_and_its_remark_says_the_margin() -> None:
    text = render(ours(SOLVED), {MT50.name: MT50}, row(SAME | {"hard": 95}), question=Question(margin=0.1))
    header, *lines = [line for line in text.splitlines() if line.startswith("| ")][:7]
    assert header.rstrip("| ").endswith(COLUMN)
    assert [line.strip("| ").endswith("not reproduced") for line in lines[1:]] == [False, False, False, False, True]
    assert "within 10.0 points of ours" in text


def test_csv_has_a_line_per_test_with_its_numbers() -> None:
    text = render(ours(SOLVED), {MT50.name: MT50}, row(SAME | {"hard": 95}), form="csv")
    lines = [line for line in csv.DictReader(io.StringIO(text)) if line["kind"] == COLUMN]
    assert [line["name"] for line in lines] == list(TIERS)
    found = verdict(Rate(30, 60), Rate(57, 60), 0.05)
    (hard,) = (line for line in lines if line["name"] == "hard")
    assert hard["difference_points"] == "-45.0" and hard["verdict"] == found.word == "not reproduced"
    assert float(hard["low_points"]) == round(100 * found.low, 1)
    assert hard["published_episodes"] == "60" and hard["policy"] == "vla" and hard["method"] == "theirs"
    published = [line for line in csv.DictReader(io.StringIO(text)) if line["kind"].startswith("published")]
    assert [line["episodes"] for line in published] == [str(number) for number in TIERS.values()]


def test_csv_has_no_test_of_unmatched_rows_unless_asked_for() -> None:
    numbers = row(SAME, unmatched="49 of the 50 tasks")
    texts = [
        render(ours(SOLVED), {MT50.name: MT50}, numbers, form="csv", question=Question(unmatched=asked))
        for asked in (False, True)
    ]
    silent, told = ([line for line in csv.DictReader(io.StringIO(text)) if line["kind"] == COLUMN] for text in texts)
    assert not silent and {line["unmatched"] for line in told} == {"49 of the 50 tasks"}


def test_published_counts_fit_the_published_digits() -> None:
    """A printed rate of n episodes is a multiple of 1 / n, up to its last digit."""
    for number in read_published():
        if number.episodes is None:
            continue
        assert number.counted, number
        digits = len(number.printed.partition(".")[2])
        nearest = 100 * round(float(number.printed) / 100 * number.episodes) / number.episodes
        assert math.isclose(nearest, float(number.printed), abs_tol=0.51 * 10**-digits), number


def test_every_count_is_of_a_protocols_size_or_says_how_it_came_about() -> None:
    for number in read_published():
        assert (number.episodes is None) == (not number.counted)


@pytest.mark.parametrize(("gap", "word", "most"), [(0.05, "reproduced", 0.05), (0.0, "not reproduced", 0.05)])
def test_a_wrong_word_for_a_row_is_rare(gap: float, word: str, most: float) -> None:
    """Four rates, one of them just outside the margin, or all inside of it: 2000 rows, up to three standard errors."""
    random = np.random.default_rng(7)
    sizes, theirs = np.array([280, 110, 60, 50]), np.array([0.8, 0.6, 0.5, 0.5])
    truth = theirs - np.array([gap, 0, 0, 0])
    wrong = 0
    for _ in range(2000):
        first, second = random.binomial(sizes, truth), random.binomial(sizes, theirs)
        counts = zip(first, second, sizes, strict=True)
        rates = [(Rate(int(one), int(size)), Rate(int(other), int(size))) for one, other, size in counts]
        wrong += together(rates, 0.05) == word
    assert wrong / 2000 <= most + 3 * math.sqrt(most * (1 - most) / 2000)


def test_the_command_takes_a_margin_and_says_so_where_it_is_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "records.jsonl"
    path.write_text(jsonl(ours(SOLVED)), encoding="utf-8")
    assert main(["--store", str(path), "--margin", "30", "--by", "tier"]) == 0
    assert "within 30.0 points of ours" in capsys.readouterr().out
    assert main(["--store", str(path), "--margin", "0"]) == 2
    assert "the margin must be between 0 and 1" in capsys.readouterr().err


def test_one_record_is_no_row() -> None:
    assert COLUMN not in render([make_record()], {MT50.name: MT50}, row(SAME))
