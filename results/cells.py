"""How numbers and names are written in the cells of tables."""

from __future__ import annotations

from results.statistics import Mean, Summary

NOTHING = "-"


def rate_cell(value: Summary | Mean | None) -> str:
    """A rate in % with one decimal."""
    return NOTHING if value is None or value.rate is None else percent(value.rate)


def interval_cell(value: Summary | Mean | None) -> str:
    """The interval of a rate, in %."""
    if value is None or value.rate is None:
        return NOTHING
    return f"[{percent(value.interval.low)}, {percent(value.interval.high)}]"


def percent(rate: float) -> str:
    """A rate in % with one decimal."""
    return f"{100 * rate:.1f}"


def spoken(name: str) -> str:
    """A name of a tier or failure mode as one says it."""
    return name.replace("_", " ")
