"""One evaluation: a protocol and a policy; it runs what a store lacks and commits each episode when it ends."""

from __future__ import annotations

import secrets
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

import envs
import policies
import protocols
from harness import pool, provenance
from harness.assets import used
from harness.latency import Late, read_latency
from harness.recordings import with_actions
from harness.rollout import CannotStartError, Rollout, Running
from harness.schedule import Job
from policies import arms
from policies.execution import wrapped
from protocols.contracts import EnvSpec, EvaluationProtocol, Policy, Record, misfits
from protocols.registry import require
from results.store import Store

ERRORS = "errors.log"


class Evaluation:
    """A policy that fits its environment, under a protocol.

    Args:
        protocol: what is evaluated, as changed on the command line.
        policy: name of the policy.
        arguments: the policy's own arguments.
        execution: how its plans are executed, see `policies.execution`.
        assets: where the suite's asset files come from, see `harness.assets`.
        arm: what it is denied, see `policies.arms`.
        latency: how late its plans arrive, see `harness.latency`.
        recorded_as: name in its records; "" for the policy's, its arguments and how it is executed.

    Raises:
        LookupError: no such suite or policy, or a suite without the protocol's shift.
        ValueError: the policy's arguments are wrong, its specs do not fit, something is not installed, or execution,
            arm or latency do not apply to it.
        LookupError, ValueError, RuntimeError, OSError: there are no usable asset files, see `harness.assets.used`.
    """

    def __init__(
        self,
        protocol: EvaluationProtocol,
        policy: str,
        arguments: dict[str, Any],
        execution: str = "own",
        assets: str | None = None,
        arm: str = arms.NONE,
        latency: str | None = None,
        recorded_as: str = "",
    ) -> None:
        self.suite = envs.load(protocol.suite)
        require("shift", protocol.shift, self.suite.SHIFTS)
        check_starts(self.suite, protocol)
        spec: EnvSpec = self.suite.spec(protocol.image_size_px)
        late = read_latency(latency, spec.action.rate_hz)
        described = policies.described(policy, arguments, execution, arm, late.name if late else "")
        self.policy_name = recorded_as or described
        if policy == "replay":
            arguments = with_actions(arguments)
        made = policies.make(policy, spec, arguments)
        if lines := misfits(made, spec):
            raise ValueError(f"policy {policy!r} does not fit suite {protocol.suite!r}: {'; '.join(lines)}")
        told = protocols.instructions(protocol) if arm == "shuffled" else set[str]()
        self.policy: Policy = wrapped(arms.armed(made, arm, told), execution)
        self.late = Late(late, self.suite, self.policy) if late else None
        if lines := self.suite.missing(images=bool(self.policy.observation.cameras)):
            raise ValueError(f"suite {protocol.suite!r} cannot run policy {policy!r}: {'; '.join(lines)}")
        self.state = spec.observation.state
        self.fingerprint = self.late.fingerprint() if self.late else self.policy.fingerprint()
        self.assets = used(self.suite, assets)
        if self.assets:
            protocol = replace(protocol, deviations=(*protocol.deviations, *self.assets.deviations))
        self.protocol = protocol
        self.deciding = provenance.deciding_hash(protocol, self.suite, self.policy_name, self.fingerprint, self.assets)
        self.tiers = {task.name: task.tier for task in protocol.tasks}

    @cached_property
    def jobs(self) -> list[Job]:
        """Every episode of the protocol, with the key of its record."""
        return [
            Job(episode, provenance.episode_key(self.deciding, episode, self.tiers[episode.task]))
            for episode in self.protocol.episodes()
        ]

    def settled(self, store: Store) -> list[Record]:
        """The records that the store has with a verdict."""
        keys = {job.key for job in self.jobs}
        return [record for record in store.records() if record.key in keys and record.error is None]

    def missing(self, store: Store) -> list[Job]:
        """The jobs for which the store has no verdict."""
        settled = store.settled()
        return [job for job in self.jobs if job.key not in settled]

    def run(
        self,
        store: Store,
        *,
        workers: int | None = None,
        command: Sequence[str] = (),
        reverse: bool = False,
        hung_after_s: float = 300.0,
        program: str = "harness.run",
    ) -> Generator[Record]:
        """Run what is missing; each record is committed before it is yielded.

        Args:
            store: where records go, opened for writing.
            workers: processes, by default one per core; records do not depend on their number.
            command: kept in the run's provenance.
            reverse: last episode first; records do not depend on the order.
            hung_after_s: seconds without an answer after which a worker is killed and its episode tried again.
            program: the module whose command it is.

        Raises:
            StoreError: the store cannot be written; what was committed is safe.
            CannotStartError: a worker cannot start, or a file that an episode needs is broken; the traceback is in the
                store's errors.log.
        """
        jobs = self.missing(store)[:: -1 if reverse else 1]
        crew_size = min(pool.worker_count(workers), len(jobs))
        if not jobs:
            return
        run = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"
        with ExitStack() as stack:
            crew = [self._worker(stack, hung_after_s) for _ in range(crew_size)]
            about = provenance.run_provenance(
                self.protocol, list(command), self.assets, program, policies.about(self.policy)
            )
            store.add_run(run, about)
            for running in self._ended(crew, jobs, store):
                record = self._record(running, run)
                store.add(record)
                if running.trace:
                    about_it = f"{run} {record.policy} {record.episode.task} episode {record.episode.index}"
                    note_error(store.folder, about_it, running.trace)
                yield record

    def _ended(self, crew: list[pool.WorkerHandle], jobs: list[Job], store: Store) -> Iterator[Running]:
        try:
            yield from Rollout(self.policy, crew, self.state, self.late).run(jobs)
        except CannotStartError as error:
            note_error(store.folder, str(error), error.trace)
            raise

    def _worker(self, stack: ExitStack, hung_after_s: float) -> pool.WorkerHandle:
        cameras = tuple(self.policy.observation.cameras)
        protocol = self.protocol
        look = cameras, protocol.image_size_px, protocol.render
        worker = pool.WorkerHandle(protocol.suite, *look, hung_after_s, self.assets)
        stack.callback(worker.close)
        return worker

    def _record(self, running: Running, run: str) -> Record:
        episode = running.job.episode
        return Record(
            key=running.job.key,
            run=run,
            episode=episode,
            tier=self.tiers[episode.task],
            protocol=self.protocol.name,
            conditions=self.protocol.conditions_hash(),
            deviations=self.protocol.deviations,
            policy=self.policy_name,
            policy_fingerprint=self.fingerprint,
            deciding=self.deciding,
            success=running.success,
            error=running.error,
            steps=running.steps,
            renders=running.renders,
            fingerprint=running.fingerprint,
            renderer=running.renderer,
            progress=np.concatenate([np.zeros(0, np.float32), *running.progress]),
            actions=np.concatenate([np.zeros((0, len(self.policy.action.entries)), np.float32), *running.actions]),
            looks=tuple(running.looks),
            events=tuple(running.events),
            failure=running.failure,
            wall_s=round(time.monotonic() - running.began, 3),
            cpu_s=round(running.cpu_s, 3),
        )


def note_error(folder: Path, about: str, trace: str) -> None:
    """Keep a traceback for whoever has to mend it."""
    with (folder / ERRORS).open("a", encoding="utf-8") as file:
        file.write(f"{about}\n{trace}\n")


def check_starts(suite: ModuleType, protocol: EvaluationProtocol) -> None:
    """Raise ValueError where more episodes are asked for than a task has numbered starts."""
    if protocol.split != "eval" or not hasattr(suite, "eval_starts"):
        return
    for task in protocol.tasks:
        starts = suite.eval_starts(task.name)
        if starts is not None and protocol.episodes_per_task > starts:
            raise ValueError(f"{task.name} has {starts} starts, so --trials {protocol.episodes_per_task} is too many")
