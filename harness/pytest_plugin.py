"""Benchmarks as tests: `pytest --policy expert --suite metaworld --trials 2 tests/benchmarks`.

Each task is one test item. It fails when the task's success rate is significantly below the committed reference records
(`results/reference/`), or below the floor that the protocol gives for the policy, or when episodes end in errors; it is
skipped where no outcome of so few episodes could fail it. Records go to the store, so that a second run only tests
again; the terminal summary prints the table. A test becomes such an item by asking for the fixture `task_success`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness import options as shared
from harness.pool import worker_count
from protocols.contracts import EvaluationProtocol, Record
from results.reference import Counts, p_below_floor, p_below_reference, path_for, read

EPISODES = pytest.StashKey["Episodes"]()
USER_ERRORS = (LookupError, ValueError, RuntimeError, OSError)


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of `python -m harness.run` that say what is evaluated, and how strictly it is judged."""
    group = parser.getgroup("headway", "evaluation of robot policies")
    shared.add_what_options(group.addoption, required=False)
    group.addoption("--policy-arg", action="append", default=[], metavar="KEY=VALUE", help="argument of the policy")
    shared.add_running_options(group.addoption)
    group.addoption("--reference", type=Path, metavar="FILE", help="reference counts (default: the committed ones)")
    group.addoption("--alpha", type=float, default=0.01, help="significance of each task's test (default: 0.01)")


@dataclass(frozen=True)
class TaskSuccess:
    """What was measured on one task, and what it is compared with."""

    records: list[Record]
    reference: Counts | None
    floor: float | None
    alpha: float

    def comparisons(self, new: Counts) -> list[tuple[float, str]]:
        """Chance of counts as low as these, and what they are compared with, for the reference and the floor."""
        made = []
        if self.reference:
            chance = p_below_reference(new, self.reference)
            beside = f"{self.reference.successes}/{self.reference.episodes}"
            made.append((chance, f"the reference's {beside} (Fisher, p = {chance:.2g})"))
        if self.floor is not None:
            chance = p_below_floor(new, self.floor)
            made.append((chance, f"the protocol's floor of {self.floor:.0%} (binomial, p = {chance:.2g})"))
        return made

    def untold(self) -> str:
        """Why no outcome of so few episodes could fail the test, or nothing is there to compare with; else empty."""
        worst = self.comparisons(Counts(0, len(self.records)))
        if not worst:
            return "there is neither a reference nor a floor to compare with"
        if min(worst)[0] < self.alpha:
            return ""
        return f"{len(self.records)} episodes are too few to tell a failure at alpha {self.alpha:g}"

    def shortfalls(self) -> list[str]:
        """Why the task has not passed, one line each; empty where it has."""
        errors = [record.error for record in self.records if record.error]
        new = Counts(sum(record.success is True for record in self.records), len(self.records) - len(errors))
        lines = [
            f"{new.successes}/{new.episodes} episodes succeeded, significantly below {what}"
            for chance, what in self.comparisons(new)
            if chance < self.alpha
        ]
        if errors:
            lines.insert(0, f"{len(errors)} of {len(self.records)} episodes have no verdict, the first: {errors[0]}")
        return lines


class Episodes:
    """The session's evaluation: runs on until the task that is asked for is complete."""

    def __init__(self, config: pytest.Config, protocol: EvaluationProtocol) -> None:
        from harness.evaluation import Evaluation
        from results.store import Store

        options = config.option
        arguments = shared.policy_arguments(options.policy_arg, None)
        evaluation = Evaluation(protocol, options.policy, arguments, assets=options.assets)
        committed = options.reference or path_for(protocol.name, evaluation.policy_name)
        self.reference = read(committed) if options.reference or committed.exists() else {}
        self.floor = protocol.floors.get(options.policy)
        self.alpha = options.alpha
        self.planned = protocol.episodes_per_task
        self.store = Store(options.store, write=True)
        self.records = evaluation.settled(self.store)
        self.left = evaluation.run(self.store, workers=options.workers, command=["pytest"])

    def of_task(self, task: str) -> TaskSuccess:
        """All episodes of the task, run if need be."""
        while len(some := [record for record in self.records if record.episode.task == task]) < self.planned:
            self.records.append(next(self.left))
        return TaskSuccess(some, self.reference.get(task), self.floor, self.alpha)

    def close(self) -> None:
        """End the workers and give the store back."""
        self.left.close()
        self.store.close()


def chosen_protocol(config: pytest.Config) -> EvaluationProtocol:
    """The protocol that the options name; a mistake in them ends the session with one line."""
    options = config.option
    try:
        worker_count(options.workers)
        return shared.chosen_protocol(options.suite, options.protocol, options.tasks, options.trials)
    except (LookupError, ValueError) as error:
        raise pytest.UsageError(str(error)) from None


def pytest_configure(config: pytest.Config) -> None:
    """Refuse a wrong name before anything is collected."""
    if config.option.policy is not None:
        chosen_protocol(config)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One item per task of the protocol, for every test that asks for `task_success`."""
    if "task_success" in metafunc.fixturenames:
        chosen = metafunc.config.option.policy is not None
        tasks = [task.name for task in chosen_protocol(metafunc.config).tasks] if chosen else []
        metafunc.parametrize("task_success", tasks, indirect=True, scope="session")


@pytest.fixture(scope="session")
def episodes(request: pytest.FixtureRequest) -> Iterator[Episodes]:
    """The evaluation of the tasks that this session has selected."""
    items = [item for item in request.session.items if isinstance(item, pytest.Function)]
    selected = [str(item.callspec.params["task_success"]) for item in items if "task_success" in item.fixturenames]
    try:
        running = Episodes(request.config, chosen_protocol(request.config).changed(tasks=selected))
    except USER_ERRORS as error:
        pytest.exit(f"error: {error}", returncode=2)
    request.config.stash[EPISODES] = running
    yield running
    running.close()


@pytest.fixture(scope="session")
def task_success(request: pytest.FixtureRequest, episodes: Episodes) -> TaskSuccess:
    """What the policy has done on the item's task."""
    measured = episodes.of_task(request.param)
    if (reason := measured.untold()) and not measured.shortfalls():
        pytest.skip(f"{request.param}: {reason}; the records are in the store")
    return measured


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """The table of what was measured."""
    if (episodes := config.stash.get(EPISODES, None)) is None:
        return
    from results.failures import read_published_failures
    from results.groups import known_protocols
    from results.literature import read_published
    from results.tables import render

    terminalreporter.section("success rates")
    try:
        printed = read_published(), read_published_failures()
        table = render(episodes.records, known_protocols(episodes.records), *printed)
        terminalreporter.write_line(table)
    except ValueError as error:
        terminalreporter.write_line(f"no table: {error}")
