"""Ablations as CSV: one line per variant, beside the paper's mean, and one per further comparison."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from results.ablation import FULL, Difference, differences, printed_means, read_entries, variants_of
from results.cells import percent
from results.groups import PolicyRecords
from results.literature import Published
from results.sections import setting_name
from results.statistics import summarise, task_mean

CSV_HEADER = (
    *("policy", "setting", "variant", "against", "seeds", "successes", "episodes", "success_percent"),
    *("difference_points", "low_points", "high_points", "only_variant", "only_against", "p_exact", "p_holm"),
    *("published_percent", "published_difference_points"),
)


def ablation_csv(policy: str, group: Sequence[PolicyRecords], published: Sequence[Published]) -> str:
    """One line per variant, and one per further comparison."""
    entries = read_entries(policy)
    variants, printed = variants_of(group, entries), printed_means(entries, published)
    found = {(one.variant, one.against): one for one in differences(variants)}
    text = io.StringIO()
    writer = csv.DictWriter(text, CSV_HEADER, restval="", lineterminator="\n")
    writer.writeheader()
    for variant, against in [*((name, FULL) for name in variants), *(place for place in found if place[1] != FULL)]:
        records = variants[variant].side.measured.records
        summary, mean = summarise(records), task_mean(records)
        line: dict[str, object] = {"policy": policy, "setting": setting_name(group[0]), "variant": variant}
        line |= {"against": against if variant != against else "", "seeds": " ".join(map(str, variants[variant].seeds))}
        line |= {"successes": summary.successes, "episodes": summary.episodes}
        line |= {"success_percent": "" if mean is None else percent(mean.rate)}
        if one := found.get((variant, against)):
            line |= csv_difference(one)
        if variant in printed:
            line |= {"published_percent": printed[variant]}
            line |= {"published_difference_points": round(printed[variant] - printed[FULL], 2)}
        writer.writerow(line)
    return text.getvalue()


def csv_difference(one: Difference) -> dict[str, object]:
    """The numbers of a comparison."""
    level = one.comparison.overall
    assert level.pairs is not None, "variants are compared over pairs"
    points = [round(100 * number, 2) for number in level.success.difference]
    columns = ("difference_points", "low_points", "high_points")
    return dict(zip(columns, points, strict=True)) | {
        "only_variant": level.pairs.only_first,
        "only_against": level.pairs.only_second,
        "p_exact": round(level.exact, 6),
        "p_holm": "" if one.adjusted is None else round(one.adjusted, 6),
    }
