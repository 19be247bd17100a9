"""Episodes into records: the only place that calls a policy.

Each worker runs one episode at a time. Whoever needs a plan waits until about half of the busy workers do, and is then
served in one batch of the policy's fixed shape, while the other half steps. Which rows share a batch changes no number.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from harness.latency import Late
from harness.pool import WorkerHandle, answered, hung
from harness.schedule import Job, Schedule
from harness.worker import ActAsExpert, Advance, Failed, Ready, Reply, Reset, Started, Stepped
from policies.expert import Expert, Manner
from protocols.contracts import (
    ActionError,
    Batch,
    Event,
    FloatArray,
    Look,
    Plan,
    Policy,
    check_actions,
    decision_seeds,
)

ATTEMPTS = 3


class CannotStartError(RuntimeError):
    """No worker can be had, or a file of the suite is broken; `trace` is the worker's traceback."""

    def __init__(self, message: str, trace: str) -> None:
        super().__init__(message)
        self.trace = trace


@dataclass
class Running:
    """An episode in progress on one worker, and what is known of it so far."""

    job: Job
    began: float
    fingerprint: str = ""
    renderer: str = "none"
    state: FloatArray = field(default_factory=lambda: np.zeros(0, np.float32))
    instruction: str = ""
    told_anew: bool = False  # since the policy last looked: it shall forget its history
    seeds: npt.NDArray[np.uint64] = field(init=False)
    decisions: int = 0
    renders: int = 0
    cpu_s: float = 0.0
    success: bool | None = None
    failure: str = ""
    error: str | None = None
    trace: str = ""
    progress: list[FloatArray] = field(default_factory=list)
    actions: list[FloatArray] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    looks: list[Look] = field(default_factory=list)
    recording: bytes = b""

    def __post_init__(self) -> None:
        self.seeds = decision_seeds(self.job.episode)

    @property
    def steps(self) -> int:
        """Control steps executed."""
        return sum(map(len, self.progress))


class Rollout:
    """Runs jobs on workers under one policy.

    Args:
        policy: who acts; fits the workers' environment.
        workers: as many as there shall be episodes in progress.
        state: names of the entries of their environment's state.
        late: holds the robot while a plan is late; None where plans arrive at once.
    """

    def __init__(
        self, policy: Policy, workers: list[WorkerHandle], state: tuple[str, ...], late: Late | None = None
    ) -> None:
        self.policy, self.late = policy, late
        self.workers = workers
        self.columns = [state.index(entry) for entry in policy.observation.state]
        self.running: dict[int, Running] = {}  # by slot, the worker's number
        self.waiting: list[int] = []  # slots that need a plan
        self.open_task: dict[int, str] = {}
        self.alone: set[int] = set()  # slots whose episode is planned for in batches of its own

    def run(self, jobs: list[Job]) -> Iterator[Running]:
        """Every job once, as it ends, with a verdict or an error.

        Raises:
            CannotStartError: a worker cannot even start, or a file that an episode needs is missing or broken.
        """
        schedule = Schedule(jobs)
        while schedule or self.running:
            self._assign(schedule)
            busy = [self.workers[slot] for slot in self.running if slot not in self.waiting]
            for worker in answered(busy) if busy else []:
                yield from self._handle(self.workers.index(worker), schedule)
            yield from self._plan()

    def _assign(self, schedule: Schedule) -> None:
        served = {running.job.episode.task for running in self.running.values()}
        for slot, worker in enumerate(self.workers):
            if slot not in self.running and (job := schedule.take(self.open_task.get(slot), served)):
                self.running[slot] = Running(job, time.monotonic())
                self.open_task[slot] = job.episode.task
                self.alone.discard(slot)
                served.add(job.episode.task)
                if worker.ready:
                    worker.ask(Reset(job.episode))

    def _handle(self, slot: int, schedule: Schedule) -> Iterator[Running]:
        """Take one worker's reply, or the lack of one."""
        worker, running = self.workers[slot], self.running[slot]
        starting = not worker.ready
        if hung(worker):
            reply: Reply = Failed(f"WorkerHung: no answer within {worker.limit_s:g} s", "", policy_at_fault=False)
        else:
            reply = worker.reply()
        if isinstance(reply, Failed) and starting and (reply.trace or running.job.attempt == ATTEMPTS):
            raise CannotStartError(f"a worker of suite {worker.setup.suite!r} cannot start: {reply.error}", reply.trace)
        if isinstance(reply, Failed) and reply.broken_file:
            raise CannotStartError(f"suite {worker.setup.suite!r} has a broken file: {reply.error}", reply.trace)
        if isinstance(reply, Failed):
            yield from self._fail(slot, reply, schedule)
        elif isinstance(reply, Ready):
            worker.ask(Reset(running.job.episode))
        elif isinstance(reply, Started):
            running.fingerprint, running.renderer = reply.fingerprint, reply.renderer
            running.state, running.instruction, running.cpu_s = reply.state, reply.instruction, reply.cpu_s
            running.told_anew = True
            self._next(slot)
        else:
            self._note(running, reply)
            if reply.ended:
                running.success, running.failure = reply.success, reply.failure
                yield self.running.pop(slot)
            else:
                self._next(slot)

    def _note(self, running: Running, reply: Stepped) -> None:
        running.progress.append(reply.progress)
        running.actions.append(reply.actions)
        running.events += reply.events
        running.renders = reply.renders
        running.cpu_s += reply.cpu_s
        running.recording = reply.recording
        if reply.state is not None:
            running.told_anew |= reply.instruction != running.instruction
            running.state, running.instruction = reply.state, reply.instruction

    def _next(self, slot: int) -> None:
        """The worker's episode goes on: let its expert act, or wait for a plan."""
        if self.policy.in_worker:
            manner = self.policy.manner if isinstance(self.policy, Expert) else Manner()
            self.workers[slot].ask(ActAsExpert(self.policy.execute, manner))
        else:
            self.waiting.append(slot)

    def _fail(self, slot: int, reply: Failed, schedule: Schedule) -> Iterator[Running]:
        """A crash is no verdict: try again in a fresh worker, at most twice; a policy's own fault stays one."""
        running = self.running.pop(slot)
        self.open_task.pop(slot, None)
        self.workers[slot].replace()
        job = running.job
        if job.attempt < ATTEMPTS and not reply.policy_at_fault:
            schedule.put_back(job._replace(attempt=job.attempt + 1))
        else:
            running.error, running.trace = reply.error, reply.trace
            yield running

    def _plan(self) -> Iterator[Running]:
        """Plan for those who wait, if they are enough; a row that cannot be planned for or executed is an error."""
        enough = min(self.policy.batch_size, (len(self.running) + 1) // 2)
        if not self.waiting or len(self.waiting) < enough:
            return
        lonely = [slot for slot in self.waiting if slot in self.alone][:1]
        slots = lonely or self.waiting[: self.policy.batch_size]
        self.waiting = [slot for slot in self.waiting if slot not in slots]
        yield from self._act(slots)

    def _act(self, slots: list[int]) -> Iterator[Running]:
        try:
            for slot in slots:
                if self.running[slot].told_anew:
                    self.policy.reset(slot, self.running[slot].job.episode)
                    self.running[slot].told_anew = False
            plan = checked(self.policy.act(self._batch(slots)), self.policy)
        except Exception as error:  # noqa: BLE001, whatever a policy raises becomes its episode's error
            if len(slots) == 1:
                yield self._blame(slots[0], error)
            else:  # the failed call may have changed any row's history, and whose fault it is nobody knows
                for slot in slots:
                    self._start_over(slot)
            return
        for row, slot in enumerate(slots):
            running = self.running[slot]
            running.looks += noted(plan, row, running.steps)
            try:
                actions = check_actions(plan.actions[row, : self.policy.execute], self.policy.action, running.steps)
            except ActionError as error:
                yield self._blame(slot, error)
            else:
                self.workers[slot].ask(Advance(self._delayed(running, actions)))
            running.decisions += 1

    def _delayed(self, running: Running, actions: FloatArray) -> FloatArray:
        """(k + T, A): what is executed until the plan arrives, then the plan."""
        if self.late is None:
            return actions
        last = running.actions[-1][-1] if running.actions else None
        return np.concatenate([self.late.before(running.job.episode, running.decisions, running.state, last), actions])

    def _start_over(self, slot: int) -> None:
        """The slot's episode from its start, planned for alone, so that no record depends on who shared a batch."""
        job = self.running[slot].job
        self.running[slot] = Running(job, time.monotonic())
        self.alone.add(slot)
        self.workers[slot].ask(Reset(job.episode))

    def _blame(self, slot: int, error: Exception) -> Running:
        """End the slot's episode with the policy's error; the worker is fine."""
        running = self.running.pop(slot)
        running.error = f"{type(error).__name__} after {running.steps} steps: {error}"
        running.trace = "".join(traceback.format_exception(error))
        return running

    def _batch(self, slots: list[int]) -> Batch:
        """The rows of these slots, padded to the policy's batch size with zeros."""
        padding = self.policy.batch_size - len(slots)
        rows = [self.running[slot] for slot in slots]
        images = {}
        for camera, (height, width) in self.policy.observation.cameras.items():
            images[camera] = np.zeros((self.policy.batch_size, height, width, 3), np.uint8)
            for row, slot in enumerate(slots):
                images[camera][row] = self.workers[slot].images[camera]
        state = np.zeros((self.policy.batch_size, len(self.columns)), np.float32)
        state[: len(rows)] = [running.state[self.columns] for running in rows]
        seeds = [running.seeds[running.decisions] for running in rows]
        return Batch(
            images=images,
            state=state,
            instructions=(*(running.instruction for running in rows), *[""] * padding),
            seeds=np.array(seeds + [0] * padding, np.uint64),
            steps=(*(running.steps for running in rows), *[0] * padding),
            slots=(*slots, *[-1] * padding),
        )


def checked(plan: Plan, policy: Policy) -> Plan:
    """The plan as float32 arrays, if it has the shapes that the policy promises.

    Raises:
        ActionError: other shapes.
    """
    promised = (policy.batch_size, policy.chunk, len(policy.action.entries))
    actions = np.asarray(plan.actions, np.float32)
    if actions.shape != promised:
        raise ActionError(f"the plan has the shape {actions.shape}; (rows, actions, entries) must be {promised}")
    estimates = [None if one is None else np.asarray(one, np.float32) for one in plan[1:]]
    if any(one is not None and one.shape != promised[:1] for one in estimates):
        raise ActionError(f"progress, success and advantage must be one number for each of the {promised[0]} rows")
    return Plan(actions, *estimates)


def noted(plan: Plan, row: int, step: int) -> list[Look]:
    """The policy's own estimates at this look, if it has any; what is not finite is none."""
    if all(one is None for one in plan[1:]):
        return []
    numbers = [None if one is None or not np.isfinite(one[row]) else float(one[row]) for one in plan[1:]]
    return [Look(step, *numbers)]
