"""Is a policy's own estimate of its progress worth anything? `python -m results.progress --store DIR --out FOLDER`.

Policies may say at each look how far they are, how likely success is, and how good their action is. Each of these is
held against what happened and, always, against a clock that has seen nothing (`results.progress_tracks`): how progress
follows the episode (`progress_curves`), whether probabilities of success are calibrated (`progress_calibration`), and
whether the estimates tell successes from failures (`progress_separation`). Without --out the text is printed; with it
the folder gets the text and three figures per policy.

ProgVLA's success head learns that at most 18 steps are left; how it predicts success at all is told beside. For chains
there is nothing here: their estimates are about the subtask at hand, their outcome about the chain.
"""

from __future__ import annotations

import argparse
import csv
import io
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from protocols.contracts import EvaluationProtocol, Record
from protocols.registry import require
from results.chains import are_chains
from results.documents import difference
from results.export import load_records
from results.groups import PolicyRecords, by_policy, chosen_records, coverage, known_protocols, refusal
from results.layout import Block, Bullets, Heading, Paragraph, latex, markdown
from results.plots import FORMATS as PICTURES, file_stem
from results.progress_curves import rank_correlation
from results.progress_figures import curves_figure, reliability_figure, separation_figure
from results.progress_findings import (
    ADVANTAGE,
    PROGRESS,
    SUCCESS,
    Findings,
    by_task,
    counts,
    findings,
    told,
)
from results.progress_tables import calibration_tables, curve_tables, separation_table, task_table, worth_table
from results.progress_tracks import Clock, Track, clocks, tracks
from results.store import StoreError

SUFFIXES = {"markdown": ".md", "csv": ".csv", "latex": ".tex"}
FEWEST = 5  # episodes of a task that has numbers of its own
METHOD = (
    "The clock: progress is control steps per mean length of the task's other successes, at most 1 (against ProgVLA's "
    "target: that target, as if the episode ended at that length); success is its share among the task's other "
    "episodes that were still running after as many steps, and one more that stands for all other looks. Rising: share "
    "of the differences between looks that are above 0. Rank: Spearman's correlation within an episode; an estimate "
    "that never changes has 0, an episode whose truth never changes is left out. Distance: mean absolute difference "
    "within an episode; ProgVLA's target is 1 - (steps left) / 500. These are means over episodes. ECE, in ten bins, "
    "and Brier score are means over looks; Brier score = miscalibration - discrimination + uncertainty. An ECE is "
    "above 0 by chance alone, the more so the fewer episodes. AUROC: pairs of a success and a failure of one task, "
    "after equally many steps, both still running; all common looks of a pair weigh as one. The last look and the "
    "largest are not matched in time: failures run to the horizon, so they tell the length too, as the clock's AUROC "
    "shows. Intervals are 95 %, each by itself, episodes drawn again with all their looks (bootstrap, expanded "
    "percentiles; of an ECE basic); of an AUROC Newcombe's, tasks as strata."
)


@dataclass(frozen=True, eq=False)
class Evidence:
    """What one policy's estimates are worth.

    Args:
        measured: its records.
        every: its episodes.
        beside: the clock beside each.
        found: the numbers.
        tasks: the numbers of each task that has enough episodes.
    """

    measured: PolicyRecords
    every: list[Track]
    beside: list[Clock]
    found: Findings
    tasks: dict[str, Findings]


def evidence(measured: PolicyRecords, protocol: EvaluationProtocol | None) -> Evidence | str:
    """The evidence about one policy, or why there is none.

    Raises:
        ValueError: a probability of success that is none.
    """
    name = f"{measured.policy} on {', '.join((measured.protocol, *measured.deviations))}"
    if not any(look[1:] != (None,) * 3 for record in measured.records for look in record.looks):
        return f"policy {name} makes no estimates"
    if are_chains(measured.records):
        return f"policy {name}: in chains estimates are about the subtask at hand, verdicts about the chain"
    if reason := refusal(measured, protocol):
        return reason
    every = tracks(measured.records)
    if not every:
        return f"policy {name} has no episode with a verdict"
    beside, generator = clocks(every), np.random.default_rng(0)
    try:
        found = findings(every, beside, generator)
        return Evidence(measured, every, beside, found, by_task(every, beside, generator, FEWEST))
    except ValueError as error:
        raise ValueError(f"policy {name}: {error}") from None


def gathered(records: Iterable[Record], known: Mapping[str, EvaluationProtocol]) -> tuple[list[Evidence], list[str]]:
    """The evidence about every policy, and why there is none about others.

    Raises:
        ValueError: there is none at all.
    """
    made = [evidence(measured, known.get(measured.protocol)) for measured in by_policy(records)]
    there = [one for one in made if isinstance(one, Evidence)]
    reasons = [one for one in made if isinstance(one, str)]
    if not there:
        raise ValueError("; ".join(reasons))
    return there, reasons


def render(
    made: list[Evidence], left_out: list[str], known: Mapping[str, EvaluationProtocol], form: str = "markdown"
) -> str:
    """The document, in one of the forms of SUFFIXES."""
    if form == "csv":
        return render_csv(made)
    blocks: list[Block] = []
    for one in made:
        policy = one.measured.policy
        blocks.append(Heading(f"{policy} on {', '.join((one.measured.protocol, *one.measured.deviations))}"))
        blocks.append(Bullets(tuple(remarks(one, known.get(one.measured.protocol)))))
        blocks.append(worth_table(policy, one.found))
        blocks += curve_tables(policy, one.found)
        blocks += calibration_tables(policy, one.found)
        blocks += separation_table(policy, one.found)
        blocks += task_table(policy, one.tasks, FEWEST)
    blocks += [Bullets(tuple(left_out))] if left_out else []
    return (latex if form == "latex" else markdown)([*blocks, Paragraph(METHOD)])


def remarks(one: Evidence, protocol: EvaluationProtocol | None) -> Iterator[str]:
    """What one has to know before the numbers."""
    yield coverage(one.measured, protocol)
    estimates = [name for name in (PROGRESS, SUCCESS, ADVANTAGE) if told(one.every, name)]
    looks = sum(len(track.at) for track in one.every)
    yield f"estimates of {', '.join(estimates)} at {looks} looks in {len(one.every)} episodes with a verdict"
    successes, failures = counts(one.every)
    if not successes or not failures:
        yield f"AUROC is not defined: all {successes + failures} episodes {'succeeded' if successes else 'failed'}"
    elif len({track.task for track in one.every if track.success} & {t.task for t in one.every if not t.success}) == 0:
        yield "AUROC is not defined: no task has both a success and a failure"
    if PROGRESS in estimates:
        still = sum(rank_correlation(track.progress, track.at.astype(np.float64)) == 0 for track in one.every)
        flat = sum(float(np.ptp(track.truth)) == 0 for track in one.every)
        if flat:
            yield f"ground truth never changes in {flat} episodes, which have no rank correlation with it"
        if still:
            yield f"the estimate of progress never changes in {still} episodes, whose rank correlation counts as 0"


CSV_HEADER = (
    *("protocol", "deviations", "conditions", "policy", "deciding", "task", "outcome", "quantity", "estimate_of"),
    *("value", "low", "high", "successes", "failures"),
)


def render_csv(made: Iterable[Evidence]) -> str:
    """One line per number; no task for all of them, no interval where a number has none."""
    text = io.StringIO()
    writer = csv.DictWriter(text, CSV_HEADER, lineterminator="\n")
    writer.writeheader()
    for one in made:
        common = {
            "protocol": one.measured.protocol,
            "deviations": " ".join(one.measured.deviations),
            "conditions": one.measured.conditions,
            "policy": one.measured.policy,
            "deciding": one.measured.deciding,
        }
        for task, found in [("", one.found), *one.tasks.items()]:
            for outcome, quantity, teller, estimate, (successes, failures) in found.values():
                row = {"task": task, "outcome": outcome, "quantity": quantity, "estimate_of": teller}
                numbers = {name: plain(value) for name, value in estimate._asdict().items()}
                writer.writerow(common | row | numbers | {"successes": successes, "failures": failures})
    return text.getvalue()


def plain(value: float) -> str:
    """Six digits; empty where it is not defined."""
    return f"{value:.6g}" if np.isfinite(value) else ""


def figures(one: Evidence, protocol: EvaluationProtocol | None) -> Iterator[tuple[str, Figure]]:
    """The pictures of one policy, each with the first word of its file's name; none of what it does not estimate."""
    name = f"{one.measured.policy} on {', '.join((one.measured.protocol, *one.measured.deviations))}"
    status = coverage(one.measured, protocol)
    if told(one.every, PROGRESS):
        yield "estimate", curves_figure(name, status, one.every, one.beside)
    if told(one.every, SUCCESS):
        yield "reliability", reliability_figure(name, status, one.every, one.beside, one.found)
    if (figure := separation_figure(name, status, one.every)) is not None:
        yield "separation", figure


def narrowed(records: list[Record], kind: str, name: str | None, of: Callable[[Record], str]) -> list[Record]:
    """The records of one policy or task, or all where None is named.

    Raises:
        LookupError: there are none.
    """
    if name is None:
        return records
    require(kind, name, {of(record) for record in records})
    return [record for record in records if of(record) == name]


def main(arguments: list[str] | None = None) -> int:
    """The command line: 0 done, 1 where --check finds a difference, 2 for a mistake of the user's."""
    parser = argparse.ArgumentParser(prog="python -m results.progress", description=__doc__)
    parser.add_argument(
        "--store", type=Path, required=True, help="folder of a store, or a file that results.export wrote"
    )
    parser.add_argument("--protocol", help="only this protocol's records")
    parser.add_argument("--task", help="only this task's")
    parser.add_argument("--policy", help="only this policy, by its recorded name")
    parser.add_argument("--format", choices=SUFFIXES, default="markdown")
    parser.add_argument("--pictures", choices=PICTURES, default="png", help="format of the figures")
    target = parser.add_mutually_exclusive_group()
    target.add_argument("--out", type=Path, help="folder for the text and the figures")
    target.add_argument("--check", type=Path, help="compare the text with this file; exit 1 where it differs")
    chosen = parser.parse_args(arguments)
    try:
        records = chosen_records(load_records(chosen.store), chosen.protocol, chosen.store)
        records = narrowed(records, "policy", chosen.policy, lambda record: record.policy)
        records = narrowed(records, "task", chosen.task, lambda record: record.episode.task)
        known = known_protocols(records)
        made, left_out = gathered(records, known)
        text = render(made, left_out, known, chosen.format)
        if chosen.check and (lines := difference(chosen.check, text)):
            print(f"{lines}\n{chosen.check} is not what {chosen.store} gives")
            return 1
        if chosen.out:
            for path in write(made, text, known, chosen.out, chosen.format, chosen.pictures):
                print(path)
    except (StoreError, LookupError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if chosen.check:
        print(f"{chosen.check} is what {chosen.store} gives")
    elif not chosen.out:
        print(text, end="")
    return 0


def write(
    made: list[Evidence], text: str, known: Mapping[str, EvaluationProtocol], folder: Path, form: str, picture: str
) -> Iterator[Path]:
    """Write the text and the figures; yields the files."""
    folder.mkdir(parents=True, exist_ok=True)
    document = folder / f"progress{SUFFIXES[form]}"
    document.write_text(text, encoding="utf-8")
    yield document
    taken = set[str]()
    for one in made:
        for kind, figure in figures(one, known.get(one.measured.protocol)):
            stem = file_stem(kind, one.measured, None, taken)
            taken.add(stem)
            path = folder / f"{stem}.{picture}"
            figure.savefig(path, dpi=160)
            yield path


if __name__ == "__main__":
    sys.exit(main())
