"""Comparisons of policies as CSV: one line per difference, in rates from 0 to 1 and control steps."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from results.comparison import Comparison, Contrast, Level
from results.sections import Compared
from results.standings import Standing

CSV_HEADER = (
    *("protocol", "deviations", "conditions", "kind", "first", "second", "level", "name", "tier", "measure"),
    *("first_value", "second_value", "difference", "low", "high"),
    *("first_successes", "first_episodes", "second_successes", "second_episodes", "only_first", "only_second"),
    *("p_exact", "p_mid", "p_holm", "is_significant", "letters", "best"),
)
MEASURES = {"success": "success", "steps_restricted_mean": "steps", "final_progress": "final", "mean_progress": "area"}


def render_csv(compared: Compared) -> str:
    """One line per difference, in rates from 0 to 1 and control steps; and one per policy's rank."""
    text = io.StringIO()
    writer = csv.DictWriter(text, CSV_HEADER, lineterminator="\n")
    writer.writeheader()
    for one in compared.sections:
        measured = one.sides[0].measured
        setting = {
            "protocol": measured.protocol,
            "deviations": " ".join(measured.deviations),
            "conditions": measured.conditions,
        }
        for comparison in one.comparisons:
            writer.writerows(setting | line for line in csv_lines(comparison))
        writer.writerows(setting | csv_rank(standing) for standing in one.standings)
    return text.getvalue()


def csv_lines(comparison: Comparison) -> Iterator[dict[str, object]]:
    """The lines of two policies."""
    names = {"first": comparison.first.name, "second": comparison.second.name}
    kind = {"kind": "paired" if comparison.is_paired else "unpaired"}
    for level in comparison.levels:
        place = {"level": level.level, "name": level.name, "tier": level.tier}
        for measure, field in MEASURES.items():
            contrast: Contrast = getattr(level, field)
            line = kind | names | place | {"measure": measure} | csv_contrast(contrast)
            yield line | (csv_success(level) if measure == "success" else {})


def csv_contrast(contrast: Contrast) -> dict[str, object]:
    """Both means, difference and limits."""
    numbers = dict(zip(("difference", "low", "high"), contrast.difference, strict=True))
    numbers |= {"first_value": contrast.first, "second_value": contrast.second}
    return {key: number_cell(value) for key, value in numbers.items()}


def csv_success(level: Level) -> dict[str, object]:
    """Counts, p values, and whether the corrected one tells the policies apart in one direction."""
    counts = level.counts
    line: dict[str, object] = {
        "first_successes": counts.first,
        "first_episodes": counts.first_episodes,
        "second_successes": counts.second,
        "second_episodes": counts.second_episodes,
        "p_exact": number_cell(level.exact),
        "p_holm": number_cell(level.adjusted),
        "is_significant": int(level.is_significant),
    }
    if level.pairs is None or level.mid is None:
        return line
    pairs = {"only_first": level.pairs.only_first, "only_second": level.pairs.only_second}
    return line | pairs | {"p_mid": number_cell(level.mid)}


def csv_rank(standing: Standing) -> dict[str, object]:
    """A policy among all."""
    rank = standing.rank
    return {
        "kind": "standing",
        "first": standing.side.name,
        "level": "task_mean",
        "name": "task_mean",
        "measure": "rank",
        "first_value": number_cell(rank.mean),
        "low": number_cell(rank.low),
        "high": number_cell(rank.high),
        "first_episodes": standing.episodes,
        "letters": standing.letters,
        "best": number_cell(rank.best),
    }


def number_cell(number: float) -> str:
    """Nine significant digits."""
    return f"{number:.9g}"
