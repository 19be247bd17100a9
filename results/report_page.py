"""The page of a report: `render` is pure, records in and files out.

Policies have one colour through the whole of a setting. Episodes without a verdict are counted, listed with their
errors, and in no number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2

from protocols.contracts import EvaluationProtocol
from results.comparison_tables import PAIRED, QUANTITIES
from results.literature import Published
from results.report_episodes import Placed, all_versus, placed, scripts
from results.report_provenance import cited, provenance
from results.report_settings import Places, shown_setting
from results.sections import section
from results.sides import Argument, Side, by_setting
from results.tables import METHOD

FILES = Path(__file__).parent / "report_files"
COPIED = ("style.css", "script.js")


def render(
    argument: Argument,
    known: Mapping[str, EvaluationProtocol],
    published: Sequence[Published],
    runs: Mapping[str, Mapping[str, Any]],
    videos: Mapping[str, str],
) -> dict[str, str]:
    """The files of a report, by name.

    Args:
        argument: the records, and where they come from.
        known: protocols by name, as far as they are here.
        published: printed success rates.
        runs: provenance by run, as a store keeps it; empty where it is not known.
        videos: addresses of videos, seen from the page, by the records' keys.

    Raises:
        ValueError: every policy has too large a share of episodes without a verdict.
    """
    settings = by_setting([argument])
    sections = [section(sides, known.get(sides[0].measured.protocol), False) for sides in settings]
    if not any(one.sides for one in sections):
        raise ValueError("; ".join(reason for one in sections for reason in one.refused))
    policies = [side for sides in settings for side in sides]
    made_by = {record.run for side in policies for record in side.measured.records}
    runs = {run: about for run, about in runs.items() if run in made_by}
    episodes = placed(policies, videos)
    comparisons = [comparison for one in sections for comparison in one.comparisons]
    versus = all_versus(comparisons, policies, episodes)
    places = Places(
        {id(side): place for place, side in enumerate(policies)},
        {id(comparison): place for place, comparison in enumerate(comparisons)},
    )
    shown = [
        shown_setting(f"setting-{number}", sides, one, known, published, places)
        for number, (sides, one) in enumerate(zip(settings, sections, strict=True))
    ]
    context = {
        "title": headline(policies),
        "settings": shown,
        "counts": counts(episodes),
        "method": (METHOD, PAIRED, QUANTITIES),
        "provenance": provenance(policies, runs),
        "cite": cited(policies, runs),
        "script_data": "episodes.js",
    }
    made = {"index.html": template().render(context)}
    return made | scripts(settings, episodes, versus) | {name: text_of(name) for name in COPIED}


def template() -> jinja2.Template:
    """The page."""
    loader = jinja2.FileSystemLoader(FILES)
    environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("page.html")


def text_of(name: str) -> str:
    """A file that is copied as it is."""
    return (FILES / name).read_text(encoding="utf-8")


def headline(policies: Sequence[Side]) -> str:
    """Who was evaluated on what."""
    names, protocols = (
        list(dict.fromkeys(values))
        for values in zip(*((side.name, side.measured.protocol) for side in policies), strict=True)
    )
    shown = f"{', '.join(names[:-1])} and {names[-1]}" if 1 < len(names) <= 4 else ", ".join(names)
    return f"{shown if len(names) <= 4 else f'{len(names)} policies'} on {', '.join(protocols)}"


def counts(episodes: Sequence[Placed]) -> dict[str, int]:
    """Episodes, those without a verdict, and those with a video."""
    return {
        "episodes": len(episodes),
        "errors": sum(one.record.error is not None for one in episodes),
        "videos": sum(bool(one.video) for one in episodes),
    }
