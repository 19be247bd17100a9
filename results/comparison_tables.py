"""Comparisons of policies as Markdown, LaTeX or CSV.

Two policies are called A and B, in the order in which they were named, and every difference is A's value minus B's.
Rows are bold where they differ significantly, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from protocols.contracts import EvaluationProtocol, Record
from results.cells import NOTHING, interval_cell, percent, rate_cell, spoken
from results.comparison import Comparison, Contrast, Level
from results.groups import coverage
from results.layout import Block, Bullets, Heading, Paragraph, Row, Table, latex, markdown
from results.paired import Difference
from results.pairs import Pair, agreement, discordant
from results.sections import Compared, Section, counted_shared, setting_name
from results.sides import Side
from results.standings import Standing
from results.survival import kaplan_meier, median, wait
from results.tables import counted, horizon

Videos = Callable[[Side, Record], str]  # where the video of a record lies, empty where there is none
PAIRED = (
    "Pairs are records of two policies over one start, by its fingerprint; errors have no verdict and make no pair. "
    "Intervals are 95 %: of paired rates Tango's, of means over tasks the same at the effective number of pairs, tasks "
    "as strata; of steps and progress Student's, paired, tasks as strata. p is McNemar's exact test of the discordant "
    "pairs, two-sided, and mid-p its less cautious version; Holm's p is corrected over the rows of a level, that of "
    "means over all pairs of policies. Bold: Holm's p below 0.05; of several tasks with unequally many pairs also an "
    "interval that leaves out 0, on the side of most discordant pairs. The exact test is the more cautious: an "
    "interval may leave out 0 where it does not reject."
)
REPEATED = (
    "Repeated starts count once, by the mean over their repeats: intervals are Student's over starts, tasks as strata, "
    "and only A and only B are the starts that either solves more often."
)
UNPAIRED = (
    "Unpaired: the two policies' episodes are taken as independent, as one must where starts differ. Intervals are "
    "95 %: of rates Newcombe's, of means over tasks the same at the effective numbers of episodes, tasks as strata; "
    "of steps and progress Welch's. p is Fisher's exact test, conditional on each task's successes; Holm's p is "
    "corrected over the rows of a level, that of means over all pairs of policies. Bold: Holm's p below 0.05, and of "
    "several tasks also an interval that leaves out 0, on the side of the pooled successes."
)
UNPAIRED_MARK = ", unpaired"
QUANTITIES = (
    "A rate of a tier or mean is the mean of its tasks' rates. Steps are the restricted mean time to success: control "
    "steps, where a failure counts as its horizon. Progress is ground truth at the end of an episode, 100 for a "
    "success; mean progress is that over the horizon."
)


@dataclass(frozen=True)
class Shown:
    """What a reader wants to see.

    Args:
        by: "task" lists tiers and tasks, "tier" only tiers; None lists tasks where there are two policies.
        episodes: how many discordant episodes to list of two policies; None for all.
    """

    by: str | None = None
    episodes: int | None = 20


def render(
    compared: Compared, known: Mapping[str, EvaluationProtocol], videos: Videos, shown: Shown, form: str = "markdown"
) -> str:
    """All comparisons as a document.

    Args:
        compared: what was compared.
        known: protocols by name, as far as they are here.
        videos: where videos lie.
        shown: what to show.
        form: "markdown" or "latex".
    """
    blocks = [block for one in compared.sections for block in section_blocks(one, known, videos, shown)]
    left_out: list[Block] = [Heading("Not compared"), Bullets(tuple(compared.left_out))] if compared.left_out else []
    paired = all(comparison.is_paired for one in compared.sections for comparison in one.comparisons)
    pairings = [comparison.pairing for one in compared.sections for comparison in one.comparisons]
    repeated = paired and any(pairing.starts < len(pairing.pairs) for pairing in pairings)
    method = PAIRED if paired else UNPAIRED
    notes = [Paragraph(f"{method} {REPEATED}" if repeated else method), Paragraph(QUANTITIES)]
    return (latex if form == "latex" else markdown)([*blocks, *left_out, *notes])


def section_blocks(
    section: Section, known: Mapping[str, EvaluationProtocol], videos: Videos, shown: Shown
) -> Iterator[Block]:
    """Everything about one setting."""
    measured = section.sides[0].measured
    yield Heading(setting_name(measured) + UNPAIRED_MARK * section.unpaired)
    yield Paragraph(f"Horizon {horizon(measured)} control steps; conditions {measured.conditions[:8]}.")
    covered = (f"{side.name}: {coverage(side.measured, known.get(measured.protocol))}" for side in section.sides)
    paired = (line for one in section.comparisons if one.is_paired for line in pairing_lines(one))
    yield Bullets((*section.refused, *covered, *paired, *section.without))
    if section.standings:
        yield standing_table(section.standings)
    if len(section.comparisons) > 1:
        yield pair_table(section.comparisons)
    by = shown.by or ("task" if len(section.sides) == 2 else "tier")
    for comparison in section.comparisons:
        yield from comparison_blocks(comparison, by)
        if comparison.is_paired:
            yield from discordant_table(comparison, videos, shown.episodes)


def pairing_lines(comparison: Comparison) -> Iterator[str]:
    """What two policies were compared over; and how far one that is compared with itself agrees."""
    pairing, names = comparison.pairing, (comparison.first.name, comparison.second.name)
    line = f"{' and '.join(names)}: {counted(pairing.pairs, 'pair')} of {counted_shared(pairing)}"
    if pairing.starts < len(pairing.pairs):
        line += f", repeats of {counted(range(pairing.starts), 'start')}"
    alone = zip(names, (pairing.only_first, pairing.only_second), strict=True)
    if left_out := [f"{count} that only {name} has" for name, count in alone if count]:
        line += f"; left out: {', '.join(left_out)}"
    yield line
    if comparison.first.measured.deciding == comparison.second.measured.deciding:
        alike = agreement(pairing.pairs)
        yield (
            f"A/A: policy and versions are the same; {alike.verdicts} of {alike.pairs} pairs end alike, "
            f"{alike.courses} also in steps and progress"
        )


STANDING_HEADER = (
    *("policy", "letters", "task mean", "95 % interval", "tier mean", "95 % interval"),
    *("mean rank", "95 % of ranks", "best"),
)


def standing_table(placed: Sequence[Standing]) -> Table:
    """All policies, best first, over the episodes that all share."""
    rows = []
    for one in placed:
        rates = (rate_cell(one.tasks), interval_cell(one.tasks), rate_cell(one.tiers), interval_cell(one.tiers))
        rank = (f"{one.rank.mean:.1f}", f"{one.rank.low:g} to {one.rank.high:g}", f"{one.rank.best:.2f}")
        rows.append(Row((one.side.name, one.letters, *rates, *rank)))
    caption = (
        f"Success in % over the {placed[0].episodes} episodes that all policies share; policies with a common letter "
        "are not told apart by the task mean; ranks from a paired bootstrap"
    )
    return Table(caption, STANDING_HEADER, tuple(rows))


def pair_table(comparisons: Sequence[Comparison]) -> Table:
    """Every two policies: the difference of their task means and its test."""
    rows = []
    for one in comparisons:
        level = one.overall
        rows.append(Row((one.first.name, one.second.name, *success_cells(level)), significant(level)))
    header = ("A", "B", "A, %", "B, %", "A - B", "95 % interval", *test_header(comparisons[0]))
    mark = UNPAIRED_MARK * (not comparisons[0].is_paired)
    return Table(f"Task means of success in %, every two policies{mark}", header, tuple(rows))


def comparison_blocks(comparison: Comparison, by: str) -> Iterator[Block]:
    """The tables of two policies."""
    versus = f"{comparison.first.name} (A) and {comparison.second.name} (B){UNPAIRED_MARK * (not comparison.is_paired)}"
    single = [level for level in comparison.levels if level.level == "task"]
    left_out = {"tier"} if len({level.tier for level in single}) == 1 else set()
    left_out |= {"task"} if by == "tier" else set()
    rows = [level for level in comparison.levels if level.level not in left_out]
    sizes = {tier: sum(level.tier == tier for level in single) for tier in {level.tier for level in single}}
    yield Paragraph(verdict(comparison))
    yield headline(comparison, versus)
    header = ("task", "A", "B", "A - B", "95 % interval", *test_header(comparison))
    success = (row(level, sizes, success_cells(level), bold=significant(level)) for level in rows)
    yield Table(f"{versus}: success in %", header, tuple(success))
    header = ("task", *("steps, A", "B", "A - B", "95 % interval"), *("progress, A", "B", "A - B", "95 % interval"))
    course = (row(level, sizes, (*contrast_cells(level.steps, 1), *contrast_cells(level.final, 100))) for level in rows)
    yield Table(f"{versus}: steps to success, and progress at the end in %", header, tuple(course))


def verdict(comparison: Comparison) -> str:
    """The answer in a sentence."""
    level, names = comparison.overall, (comparison.first.name, comparison.second.name)
    difference = level.success.difference
    turned = significant(level) and difference.value < 0
    value, interval = difference_cells(difference.negated if turned else difference, 100)
    chance = p_cell(level.adjusted)
    numbers = f"{value} points {interval}, p {'' if chance.startswith('<') else '= '}{chance}"
    if level.is_told_apart and not level.is_significant:
        return f"Tasks tell {names[0]} and {names[1]} apart, but not in one direction: {numbers}."
    if not significant(level):
        return f"{names[0]} and {names[1]} are not told apart by success: {numbers}."
    better, worse = names[::-1] if turned else names
    return f"{better} succeeds more often than {worse}: {numbers}."


def headline(comparison: Comparison, versus: str) -> Table:
    """The overall numbers."""
    level, tiers = comparison.overall, [level for level in comparison.levels if level.level == "tier_mean"]
    medians = (median(kaplan_meier(map(wait, records))) for records in comparison.episodes)
    half = tuple(NOTHING if steps is None else str(steps) for steps in medians)
    rows = [
        Row(("success, task mean, %", *contrast_cells(level.success, 100)), significant(level)),
        *(Row(("success, tier mean, %", *contrast_cells(one.success, 100))) for one in tiers),
        Row(("steps to success, restricted mean", *contrast_cells(level.steps, 1))),
        Row(("steps until half are solved", *half, "", "")),
        Row(("progress at the end, %", *contrast_cells(level.final, 100))),
        Row(("mean progress over the horizon, %", *contrast_cells(level.area, 100))),
    ]
    first, second = (len(records) for records in comparison.episodes)
    over = f"{counted(comparison.pairing.pairs, 'pair')}" if comparison.is_paired else f"{first} and {second} episodes"
    return Table(f"{versus} over {over}", ("all tasks", "A", "B", "A - B", "95 % interval"), tuple(rows))


def row(level: Level, sizes: Mapping[str, int], cells: Sequence[str], *, bold: bool = False) -> Row:
    """A row of a table by task."""
    names = {
        "tier": f"{spoken(level.name)}, {counted(range(sizes.get(level.tier, 0)), 'task')}",
        "tier_mean": f"tier mean, {len(sizes)} tiers",
        "task_mean": f"task mean, {counted(range(sum(sizes.values())), 'task')}",
    }
    ruled = level.level in ("tier", "tier_mean") or (level.level == "task_mean" and len(sizes) == 1)
    return Row((names.get(level.level, level.name), *cells), bold, ruled)


def significant(level: Level) -> bool:
    """Whether to set a row in bold; the test of the means is shown with the task mean."""
    return level.is_significant and level.level != "tier_mean"


def success_cells(level: Level) -> tuple[str, ...]:
    """Rates, difference, interval and tests."""
    return (*rate_cells(level), *difference_cells(level.success.difference, 100), *tests(level))


def test_header(comparison: Comparison) -> tuple[str, ...]:
    """Columns of `tests`."""
    return ("only A", "only B", "p", "mid-p", "Holm p") if comparison.is_paired else ("p", "Holm p")


def tests(level: Level) -> tuple[str, ...]:
    """Discordant pairs and p values."""
    p_values = [level.exact, level.adjusted] if level.mid is None else [level.exact, level.mid, level.adjusted]
    only = [] if level.pairs is None else [str(level.pairs.only_first), str(level.pairs.only_second)]
    if level.level == "tier_mean":
        return ("",) * (len(only) + len(p_values))
    return (*only, *map(p_cell, p_values))


def p_cell(p: float) -> str:
    """A p value with three decimals."""
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def rate_cells(level: Level) -> tuple[str, str]:
    """Both rates in %, with counts."""
    counts, success = level.counts, level.success
    return (
        f"{percent(success.first)} ({counts.first}/{counts.first_episodes})",
        f"{percent(success.second)} ({counts.second}/{counts.second_episodes})",
    )


def contrast_cells(contrast: Contrast, scale: float) -> tuple[str, ...]:
    """Both means, difference and interval."""
    means = (f"{scale * value:.1f}" for value in (contrast.first, contrast.second))
    return (*means, *difference_cells(contrast.difference, scale))


def difference_cells(difference: Difference, scale: float) -> tuple[str, str]:
    """A difference and its interval."""
    value, low, high = (signed(scale * number) for number in difference)
    return value, f"[{low}, {high}]"


def signed(number: float) -> str:
    """One decimal and a sign, none for zero."""
    text = f"{number:+.1f}"
    return "0.0" if float(text) == 0 else text


def discordant_table(comparison: Comparison, videos: Videos, limit: int | None) -> Iterator[Table]:
    """The episodes that only one of the two solves, those of the direction that is rarer first.

    Where they are too many, filmed ones are taken before others, and the first ones of each task before its next.
    """
    pairs = list(discordant(comparison.pairing.pairs))
    if not pairs:
        return
    sides = comparison.first, comparison.second
    mostly_first = 2 * sum(bool(pair.first.success) for pair in pairs) > len(pairs)

    def urgency(pair: Pair) -> tuple[bool, int, int]:
        missing = sum(not videos(side, record) for side, record in zip(sides, pair, strict=True))
        return pair.first.success == mostly_first, missing, pair.first.episode.index

    def place(pair: Pair) -> tuple[bool, str, int]:
        return pair.first.success == mostly_first, pair.first.episode.task, pair.first.episode.index

    listed = sorted(sorted(pairs, key=urgency)[:limit], key=place)
    rows = [discordant_row(comparison, pair, videos) for pair in listed]
    filmed = any(row.cells[-1] != NOTHING or row.cells[-2] != NOTHING for row in rows)
    header, columns = ("task", "episode", "A", "B", "video of A", "video of B"), 6 if filmed else 4
    cut = "" if len(listed) == len(pairs) else f", {len(listed)} of {len(pairs)}"
    caption = f"{comparison.first.name} (A) and {comparison.second.name} (B): episodes that only one solves{cut}"
    yield Table(caption, header[:columns], tuple(Row(row.cells[:columns]) for row in rows))


def discordant_row(comparison: Comparison, pair: Pair, videos: Videos) -> Row:
    """One episode."""
    sides = comparison.first, comparison.second
    shown = (videos(side, record) or NOTHING for side, record in zip(sides, pair, strict=True))
    episode = pair.first.episode
    index = f"{episode.index} repeat {episode.repeat}" if episode.repeat else str(episode.index)
    return Row((episode.task, index, outcome(pair.first), outcome(pair.second), *shown))


def outcome(record: Record) -> str:
    """What became of an episode, with its steps."""
    if record.success:
        return f"success at {record.steps}"
    return f"{spoken(record.failure) or 'failure'} at {record.steps}"
