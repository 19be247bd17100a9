"""Which of two policies is better: `python -m harness.duel expert random --suite metaworld --budget 500`.

Both run the same episodes, a few pairs at a time, until a test by betting (`results.betting`) has decided or the budget
is used up. The test may be looked at after every pair. Pairs count in one order, fixed beforehand: in rounds, each task
once in each, its place in the round drawn from a seed. So neither who ran when, nor a kill in between, nor a higher
budget afterwards changes the decision, and what a store has already, from `harness.run` too, is not run again.

A pair of which an episode has no verdict is left out, and not tried again, which would change what has been looked at;
with more of these than the protocol allows there is no decision.

Records of a duel were stopped when it was decided, so the p values and intervals of `harness.compare` and
`results.tables`, which are for a number of episodes fixed beforehand, do not hold for them.
"""

from __future__ import annotations

import argparse
import itertools
import secrets
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

import policies
from harness import provenance
from harness.evaluation import ERRORS, Evaluation, note_error
from harness.options import add_running_options, add_suite_options, chosen_protocol, policy_arguments
from harness.pool import WorkerHandle, worker_count
from harness.rollout import CannotStartError
from harness.schedule import Job
from policies import arms
from protocols.contracts import BrokenFileError, EvaluationProtocol, Record, at_least_one, episode_seed
from results.betting import Judgement, between_0_and_1, judged
from results.comparison import final
from results.store import Store

STAKES = ("success", "progress")
PAIRS_PER_WORKER = 2  # that are run before the next look
HUNG_AFTER_S = 300.0  # without an answer
PLAIN_LINE_EVERY_S = 10.0

EXAMPLES = """examples:
  python -m harness.duel expert random --suite metaworld --tasks reach-v3,push-v3
      is the scripted expert better than random actions? seven episodes of each decide
  python -m harness.duel random random --policy-arg-b chunk=10 --suite piper --on progress --budget 100
      one policy with two settings, by the progress that an episode ends with
  python -m harness.duel my_lab.policy my_lab.policy --arm-b blind --suite piper
      does it look? one policy beside itself with its images black

Running the same command again goes on where it stopped; with a higher --budget an undecided duel goes on too.
"""


class Side(Evaluation):
    """One of the two policies; it runs some episodes at a time on workers that stay."""

    run_name = ""  # until it runs its first episode

    @property
    def cameras(self) -> tuple[str, ...]:
        """What its workers draw."""
        return tuple(self.policy.observation.cameras)

    def workers(self, stack: ExitStack, count: int) -> list[WorkerHandle]:
        """Fresh workers, closed with the stack."""
        return [self._worker(stack, HUNG_AFTER_S) for _ in range(count)]

    def play(self, crew: list[WorkerHandle], jobs: list[Job], store: Store, command: Sequence[str]) -> Iterator[Record]:
        """Run some episodes; each record is committed before it is yielded."""
        if not self.run_name:
            self.run_name = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"
            about = provenance.run_provenance(self.protocol, list(command), self.assets, "harness.duel")
            store.add_run(self.run_name, about)
        for running in self._ended(crew, jobs, store):
            record = self._record(running, self.run_name)
            store.add(record)
            if running.trace:
                about_it = f"{self.run_name} {record.policy} {record.episode.task} episode {record.episode.index}"
                note_error(store.folder, about_it, running.trace)
            yield record


class Outcome(NamedTuple):
    """What counts of a record: its value, None where there is no verdict, and the start that was reached."""

    value: float | None
    start: str


class Duel:
    """Two policies under one protocol, pair by pair.

    Args:
        first, second: the policies, under the same protocol.
        on: what is compared, see STAKES: success, or ground-truth progress at the end.
        alpha: the chance of a false alarm that is put up with.
        budget: pairs at most.

    Raises:
        ValueError: both sides are one policy, or a number out of its range.
    """

    def __init__(self, first: Side, second: Side, on: str, alpha: float, budget: int) -> None:
        if first.deciding == second.deciding:
            raise ValueError(f"both sides are the policy {first.policy_name}: every episode would end alike twice")
        self.sides = (first, second)
        self.names = (first.policy_name, second.policy_name)
        self.protocol, self.on = first.protocol, on
        self.alpha = between_0_and_1("alpha", alpha)
        self.budget = at_least_one("budget", budget)
        self.pairs = in_rounds(self.protocol, first.jobs, second.jobs)[:budget]
        self.outcomes: dict[str, Outcome] = {}
        self._judged: tuple[int, Judgement] | None = None  # how many pairs, and what they say

    def recall(self, store: Store) -> None:
        """Take what the store has into account."""
        keys = {job.key for pair in self.pairs for job in pair}
        for record in store.records():
            if record.key in keys:
                self._note(record)

    def run(self, store: Store, workers: int, command: Sequence[str] = ()) -> Iterator[None]:
        """Run what is missing until it is decided; a step for each record, which is committed by then.

        Raises:
            StoreError, CannotStartError: see `Evaluation.run`.
            ValueError: the two policies did not have the same start.
        """
        with ExitStack() as stack:
            crews: dict[tuple[str, ...], list[WorkerHandle]] = {}
            while not self.judgement().winner and (pairs := self._next(PAIRS_PER_WORKER * workers)):
                for side, jobs in zip(self.sides, zip(*pairs, strict=True), strict=True):
                    missing = [job for job in jobs if job.key not in self.outcomes]
                    if not missing:
                        continue
                    if side.cameras not in crews:  # policies that look through the same cameras share
                        crews[side.cameras] = side.workers(stack, min(workers, len(self.pairs)))
                    for record in side.play(crews[side.cameras], missing, store, command):
                        self._note(record)
                        yield
                        if self.judgement().winner:
                            return

    def _next(self, count: int) -> list[tuple[Job, Job]]:
        """The first pairs that are not complete."""
        return list(itertools.islice(itertools.filterfalse(self._complete, self.pairs), count))

    def _complete(self, pair: tuple[Job, Job]) -> bool:
        return all(job.key in self.outcomes for job in pair)

    def _note(self, record: Record) -> None:
        value = final(record) if self.on == "progress" else float(record.success or 0)
        self.outcomes[record.key] = Outcome(None if record.error is not None else value, record.fingerprint)

    def ended(self) -> list[tuple[Outcome, Outcome]]:
        """The outcomes of the pairs before the first that is not complete.

        Raises:
            ValueError: the two policies did not have the same start.
        """
        ended = []
        for first, second in itertools.takewhile(self._complete, self.pairs):
            one, other = self.outcomes[first.key], self.outcomes[second.key]
            if one.value is not None and other.value is not None and one.start != other.start:
                where = f"{first.episode.task} episode {first.episode.index}"
                raise ValueError(f"{where} had different starts for {self.names[0]} and {self.names[1]}: no pair")
            ended.append((one, other))
        return ended

    def values(self) -> list[tuple[float, float]]:
        """What both policies reached in the pairs that count so far: those that have ended, both with a verdict."""
        both = ((one.value, other.value) for one, other in self.ended())
        return [(one, other) for one, other in both if one is not None and other is not None]

    def judgement(self) -> Judgement:
        """The test's, over the pairs that have ended, up to the one that decides."""
        values = self.values()  # there can only come more
        if self._judged is None or self._judged[0] < len(values):
            self._judged = len(values), judged([first - second for first, second in values], self.alpha)
        return self._judged[1]

    def lost(self) -> int:
        """Pairs that have ended, before the one that decides, of which an episode has no verdict."""
        judgement = self.judgement()
        lost = counted = 0
        for one, other in self.ended():
            if judgement.winner and counted == judgement.pairs:
                break
            valid = one.value is not None and other.value is not None
            counted, lost = counted + valid, lost + (not valid)
        return lost


def in_rounds(protocol: EvaluationProtocol, first: Sequence[Job], second: Sequence[Job]) -> list[tuple[Job, Job]]:
    """The jobs of both sides as pairs, each task once per round, in an order drawn for each round.

    The order depends on the starts, the split and the set of tasks, so that a duel with more episodes begins alike.
    """
    one, other = ({(job.episode.task, job.episode.index): job for job in jobs} for jobs in (first, second))
    tasks = sorted(task.name for task in protocol.tasks)
    pairs = []
    for index in range(protocol.episodes_per_task):
        random = np.random.default_rng(episode_seed(protocol.starts, "order of tasks", protocol.split, index))
        pairs += [(one[task, index], other[task, index]) for task in random.permutation(tasks).tolist()]
    return pairs


def summary(duel: Duel) -> str:
    """The final line: who is better, after how many episodes, and by how much."""
    judgement, most = duel.judgement(), len(duel.pairs)
    first, second = duel.names
    better = {1: f"A better: {first} over {second}", -1: f"B better: {second} over {first}"}
    verdict = better.get(judgement.winner, f"undecided within the budget: {first} and {second}")
    where = ", ".join((duel.protocol.name, *duel.protocol.deviations))
    parts = [
        f"{verdict} on {where}, {judgement.pairs} of at most {most} episodes of each",
        by_how_much(duel, judgement),
    ]
    if judgement.difference == 0 and not any(one != other for one, other in duel.values()):
        parts.append("not one episode tells them apart")
    if lost := duel.lost():
        parts.append(f"{lost} without a verdict left out")
    return ", ".join(parts)


def by_how_much(duel: Duel, judgement: Judgement) -> str:
    """Both means, the difference and its confidence sequence."""
    if judgement.difference is None:
        return "no pair has ended"
    one, other = (sum(column) for column in zip(*duel.values()[: judgement.pairs], strict=True))
    ends = f"{100 * judgement.low:+.1f} to {100 * judgement.high:+.1f}"
    sequence = f"({100 * (1 - duel.alpha):g} % confidence sequence {ends})"
    reached = f"{one:g}/{judgement.pairs} against {other:g}/{judgement.pairs}"
    if duel.on == "progress":
        reached = f"{one / judgement.pairs:.3f} against {other / judgement.pairs:.3f}"
    return f"{duel.on} {reached}, difference A - B {100 * judgement.difference:+.1f} points {sequence}"


def parser() -> argparse.ArgumentParser:
    """The options."""
    options = argparse.ArgumentParser(
        prog="python -m harness.duel",
        description="Run two policies on the same episodes until one is shown to be better, or the budget is used up.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = options.add_argument
    for side in ("a", "b"):
        add(side.upper(), help=f"a policy, one of: {', '.join(policies.names())}")
        add(f"--policy-arg-{side}", action="append", default=[], metavar="KEY=VALUE", help="argument of that policy")
        add(f"--execution-{side}", default="own", metavar="HOW", help="own, first, chunk=K or ensemble")
        add(f"--arm-{side}", default=arms.NONE, metavar="ARM", help=f"what it is denied: {', '.join(arms.NAMES)}")
    add_suite_options(add)
    add("--on", choices=STAKES, default="success", help="what is compared (default: success)")
    add("--alpha", type=float, default=0.05, metavar="P", help="chance of a false alarm (default: 0.05)")
    add("--budget", type=int, default=500, metavar="N", help="episodes of each policy at most (default: 500)")
    add("--max-steps", type=int, metavar="N", help="another horizon; recorded as a deviation")
    add_running_options(add)
    return options


def main(arguments: list[str] | None = None) -> int:
    """The command line. Exit code 1: too many episodes have no verdict; 2: the command cannot run; 130: Ctrl-C."""
    command = sys.argv[1:] if arguments is None else arguments
    options = parser().parse_args(command)
    try:
        workers = worker_count(options.workers)
        duel = prepared(options)
        with Store(options.store, write=True) as store:
            watch(duel, store, workers, command)
    except CannotStartError as error:
        print(f"error: {error}; see {options.store / ERRORS}", file=sys.stderr)
        return 2
    except (LookupError, ValueError, RuntimeError, OSError, BrokenFileError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"stopped; what has ended is in {options.store}, the same command goes on from there", file=sys.stderr)
        return 130
    return told(duel, options.store)


def prepared(options: argparse.Namespace) -> Duel:
    """The duel that the options name.

    Raises:
        LookupError, ValueError: a mistake in the options.
    """
    between_0_and_1("alpha", options.alpha)
    at_least_one("budget", options.budget)
    protocol = chosen_protocol(options.suite, options.protocol, options.tasks, options.trials)
    protocol = protocol.changed(max_steps=options.max_steps)
    given: Mapping[str, str | list[str]] = vars(options)
    first, second = (
        Side(
            protocol,
            str(given[side.upper()]),
            dict(policy_arguments(list(given[f"policy_arg_{side}"]), None)),
            str(given[f"execution_{side}"]),
            options.assets,
            str(given[f"arm_{side}"]),
        )
        for side in ("a", "b")
    )
    return Duel(first, second, options.on, options.alpha, options.budget)


def watch(duel: Duel, store: Store, workers: int, command: Sequence[str]) -> None:
    """Run the duel; a bar in a terminal, plain lines elsewhere."""
    console = Console(stderr=True, soft_wrap=True)
    duel.recall(store)
    if len(duel.pairs) < duel.budget:
        each = -(-duel.budget // len(duel.protocol.tasks))
        console.print(f"there are {len(duel.pairs)} episodes, fewer than the budget; --trials {each} makes it so many")
    if before := len(duel.ended()):
        console.print(f"{before} of at most {len(duel.pairs)} pairs are in the store already")
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    said = time.monotonic()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        shown = bar.add_task(evidence(duel), total=len(duel.pairs), completed=before)
        for _ in duel.run(store, workers, command):
            bar.update(shown, completed=len(duel.ended()), description=evidence(duel))
            if not console.is_terminal and time.monotonic() - said > PLAIN_LINE_EVERY_S:
                said = time.monotonic()
                console.print(f"{len(duel.ended())}/{len(duel.pairs)} pairs, {evidence(duel)}")


def evidence(duel: Duel) -> str:
    """How far the duel is from a decision."""
    judgement = duel.judgement()
    return f"{by_how_much(duel, judgement)}, capital {judgement.capital:.2g} of the {1 / duel.alpha:g} that decide"


def told(duel: Duel, store: Path) -> int:
    """Print the end of the duel; the exit code."""
    allowed, lost = duel.protocol.max_error_share, duel.lost()
    if lost > allowed * (pairs := lost + duel.judgement().pairs):
        print(
            f"no decision: {lost} of {pairs} pairs have an episode without a verdict, {duel.protocol.name} allows "
            f"{100 * allowed:g} %; see {store / ERRORS}; lost pairs stay lost, more pairs come with a higher --budget"
        )
        return 1
    print(summary(duel))
    return 0


if __name__ == "__main__":
    sys.exit(main())
