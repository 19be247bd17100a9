"""Tables of variants: what is held against what, what stands beside it, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from protocols.contracts import Record
from results.ablation import ablation_blocks, ablations, differences, printed_means, read_entries, variants_of
from results.groups import by_policy
from results.layout import latex, markdown
from results.literature import read_published
from results.paired import Counts, mcnemar, paired_difference
from tests.records import make_record

PUBLISHED = read_published()
ENTRIES = read_entries("progvla")
ABOUT: dict[str, Any] = {
    "data": {"demonstrations_by_task": {"reach-v3": 20, "push-v3": 10}, "hash": "d" * 32, "made_by": ["expert"]},
    "training": {"steps_done": 6000, "batch": 64, "epochs": 12.5, "seed": 0, "config": "tiny", "changes": {}},
    "parameters": {"trained": 4_110_000, "frozen": 0},
}


def trained(
    variant: str, outcomes: str, seed: int = 0, policy: str = "progvla", task: str = "reach-v3", **fields: Any
) -> list[Record]:
    """A variant's records of a task: 1 is a success, 0 a failure, x an error."""
    name = f"{policy}(variant={variant}, seed={seed})"
    verdicts = [{"1": True, "0": False, "x": None}[letter] for letter in outcomes]
    return [
        make_record(task, index, success=verdict, policy=name, **{"policy_fingerprint": name} | fields)
        for index, verdict in enumerate(verdicts)
    ]


def text_of(records: list[Record], told: dict[str, Any] | None = None) -> str:
    (((policy, _), group),) = ablations(by_policy(records)).items()
    return markdown(list(ablation_blocks(policy, group, PUBLISHED, told or {})))


def cells(text: str, first: str) -> list[str]:
    line = next(line for line in text.splitlines() if line.startswith((f"| {first} ", f"| **{first}** ")))
    return [cell.strip().strip("*") for cell in line.strip("|").split("|")]


def test_a_variant_is_held_against_the_full_one_start_by_start() -> None:
    """11 starts: 6 by both, 4 by the full one alone, 1 by the variant alone."""
    text = text_of(trained("full", "11111111110") + trained("no-progress", "11111100001"))
    difference = paired_difference([Counts(6, 1, 4, 0)], [1.0])
    low, high = (f"{100 * end:+.1f}" for end in (difference.low, difference.high))
    p = f"{mcnemar(1, 4).exact:.3f}"
    assert cells(text, "no-progress") == [
        *("no-progress", "63.6", "7/11", "", "-27.3", f"[{low}, {high}]", "1", "4", p, p),
        *("88.8", "-2.3"),
    ]
    assert cells(text, "full")[1:4] == ["90.9", "10/11", ""] and cells(text, "full")[-2:] == ["91.1", ""]
    assert cells(text, "no-context-resampler")[1] == "not measured"
    assert "One training each" in text


def test_freezing_is_also_held_against_the_one_that_differs_in_that_alone() -> None:
    records = trained("full", "1111") + trained("other-vision", "1110") + trained("frozen-vision", "1000")
    text = text_of(records)
    assert cells(text, "frozen-vision")[4] == "-75.0"
    assert cells(text, "frozen-vision against other-vision")[4:8] == [
        "-50.0",
        cells(text, "frozen-vision against other-vision")[5],
        *("0", "2"),
    ]
    assert "what freezing is worth is the difference to other-vision" in text


def test_p_values_are_corrected_over_the_variants_and_significant_rows_are_bold() -> None:
    records = trained("full", "1" * 12) + trained("no-progress", "0" * 12) + trained("other-vision", "0" + "1" * 11)
    text = text_of(records)
    assert cells(text, "no-progress")[-4:-2] == ["<0.001", "<0.001"]
    assert cells(text, "other-vision")[-4:-2] == ["1.000", "1.000"]
    assert "| **no-progress**" in text and "| **other-vision**" not in text


def test_a_start_counts_once_whatever_the_number_of_seeds() -> None:
    records = trained("full", "1111") + trained("full", "1110", 1)
    records += trained("no-progress", "1100") + trained("no-progress", "1000", 1)
    (group,) = ablations(by_policy(records)).values()
    (one,) = differences(variants_of(group, ENTRIES))
    level = one.comparison.overall
    assert level.success.difference.value == pytest.approx(-0.5)  # by start: 0, -1/2, -1, -1/2
    assert level.pairs == Counts(1, 0, 3, 0)
    text = text_of(records)
    assert cells(text, "full")[1:4] == ["87.5", "7/8", "100.0, 75.0"]
    assert "p is a sign test of starts" in text


def test_rates_and_differences_by_tier_stand_in_a_table_of_their_own() -> None:
    records = [
        *(trained("full", "11") + trained("full", "10", task="push-v3", tier="hard")),
        *(trained("no-progress", "10") + trained("no-progress", "10", task="push-v3", tier="hard")),
    ]
    text = text_of(records)
    table = text[text.index("### Success by tier in % (difference to full)") :]
    assert cells(table, "full") == ["full", "100.0", "50.0"]
    assert cells(table, "no-progress") == ["no-progress", "50.0 (-50.0)", "50.0 (0.0)"]


def test_the_published_table_stands_below_with_its_differences() -> None:
    table = text_of(trained("full", "1"))
    table = table[table.index("### Published: ProgVLA, arXiv 2605.28231, Table 2, libero") :]
    row = cells(table, "no-context-resampler")
    assert row[2:] == ["84.4 (-3.2)", "77.2 (-18.8)", "87.4 (-4.6)", "51.2 (-37.4)", "75.1 (-16.0)"]
    assert "directions may be compared, sizes not" in table
    assert printed_means(ENTRIES, PUBLISHED)["frozen-vision"] == 77.6


def test_it_says_what_all_were_trained_on_and_whether_alike() -> None:
    records = trained("full", "1x") + trained("no-progress", "11")
    other = ABOUT | {"parameters": {"trained": 3_500_000}}
    name = "progvla(variant={}, seed=0)"
    told = {name.format("full"): ABOUT, name.format("no-progress"): other}
    text = text_of(records, told)
    assert (
        "- full: trained on 30 demonstrations of 2 tasks (expert), 6000 steps of 64 samples (12.5 epochs), seed 0; "
        "config tiny, 4.11 M parameters; data dddddddd" in text
    )
    assert "- full: 1 training (seed 0), 4.11 M parameters to train, 1 episodes, 1 without a verdict" in text
    assert "- no-progress: 1 training (seed 0), 3.50 M parameters to train, 2 episodes; no Q, V and success" in text
    assert "Not trained alike" not in text
    longer = other | {"training": ABOUT["training"] | {"steps_done": 9000}}
    text = text_of(records, told | {name.format("no-progress"): longer})
    assert "- Not trained alike, so that a difference is not the variant's alone: steps_done 6000 and 9000" in text


def test_another_policys_variants_have_no_published_columns() -> None:
    text = text_of(trained("full", "11", policy="other") + trained("less", "10", policy="other"))
    assert "published" not in text.lower()
    assert cells(text, "less")[4] == "-50.0"


def test_without_the_full_one_there_are_rates_alone() -> None:
    assert cells(text_of(trained("no-progress", "10")), "no-progress")[1:5] == ["50.0", "1/2", "", ""]


def test_two_trainings_under_one_name_are_refused() -> None:
    records = trained("full", "1") + trained("full", "1", policy_fingerprint="e" * 32)
    with pytest.raises(ValueError, match=r"two trainings of progvla\(variant=full, seed=0\); keep them in stores"):
        text_of(records)


def test_records_of_other_policies_are_no_variants() -> None:
    assert ablations(by_policy([make_record()])) == {}


def test_it_can_be_set_in_latex() -> None:
    (((policy, _), group),) = ablations(by_policy(trained("full", "1"))).items()
    assert r"\begin{table}" in latex(list(ablation_blocks(policy, group, PUBLISHED, {})))
