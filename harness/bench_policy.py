"""What a learned policy costs: `python -m harness.bench_policy --policy progvla --suite metaworld`.

Two tables, measured in one run. Where the CPU seconds of an evaluation go: simulation (the same actions replayed
without frames), drawing (what the workers take beyond that), the policy's plans, and the rest of the harness. And how
long a plan takes for 1 and for 8 rows at once, of the checkpoint and of the same policy at the size of the paper with
random weights, and the control rate that this allows: executed actions per second of planning.
"""

from __future__ import annotations

import argparse
import inspect
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

import envs
import policies
from harness.bench import PLAIN_WIDTH
from harness.evaluation import Evaluation
from harness.options import add_what_options, chosen_protocol, policy_arguments
from policies.execution import Wrapper
from protocols.contracts import Batch, EnvSpec, Episode, EvaluationProtocol, Plan, Policy, Record, at_least_one
from results.store import Store

BATCHES = (1, 8)
LOOKS = 10  # measured, after one that is not


class Timed(Wrapper):
    """The policy, and the CPU seconds that its plans have taken."""

    def __init__(self, policy: Policy) -> None:
        super().__init__(policy)
        self.cpu_s = 0.0

    def act(self, batch: Batch) -> Plan:
        """The inner policy's plan."""
        before = time.process_time()
        plan = self.policy.act(batch)
        self.cpu_s += time.process_time() - before
        return plan


class Split(NamedTuple):
    """CPU seconds of an evaluation by what they went to, start-up apart, and what was done in them."""

    simulation: float
    drawing: float
    policy: float
    harness: float
    steps: int
    looks: int


class Latency(NamedTuple):
    """Milliseconds of a plan, the median over looks, and control steps per second that it allows."""

    name: str
    batch: int
    wall_ms: float
    cpu_ms: float
    rate_hz: float


def split(
    protocol: EvaluationProtocol, policy: str, arguments: dict[str, str], assets: str | None, folder: Path
) -> Split:
    """Evaluate, then replay without frames."""
    evaluation = Evaluation(protocol, policy, arguments, assets=assets)
    timed = Timed(evaluation.policy)
    evaluation.policy = timed
    with Store(folder, write=True) as store:
        before = time.process_time()
        records = list(evaluation.run(store, workers=1))
        ours = time.process_time() - before
    check(records)
    played = {"store": str(folder), "of": evaluation.policy_name}
    replay = Evaluation(protocol, "replay", played, assets=assets)
    with Store(folder, write=True) as store:
        replayed = list(replay.run(store, workers=1))
    check(replayed)
    worked, simulated = (sum(record.cpu_s for record in some) for some in (records, replayed))
    steps, looks = sum(record.steps for record in records), sum(len(record.looks) for record in records)
    return Split(simulated, max(worked - simulated, 0), timed.cpu_s, max(ours - timed.cpu_s, 0), steps, looks)


def check(records: list[Record]) -> None:
    """Raises RuntimeError where an episode has no verdict."""
    for record in records:
        if record.error is not None:
            raise RuntimeError(f"{record.episode.task} episode {record.episode.index}: {record.error}")


def latency(name: str, policy: Policy, episode: Episode) -> Latency:
    """Of plans for noise, as if at the first look of that episode."""
    random, rows = np.random.default_rng(0), policy.batch_size
    for slot in range(rows):
        policy.reset(slot, episode)
    cameras = policy.observation.cameras.items()
    batch = Batch(
        images={camera: random.integers(0, 256, (rows, *size, 3), np.uint8) for camera, size in cameras},
        state=random.normal(size=(rows, len(policy.observation.state))).astype(np.float32),
        instructions=(episode.instruction,) * rows,
        seeds=np.arange(rows, dtype=np.uint64),
        slots=tuple(range(rows)),
        steps=(0,) * rows,
    )
    policy.act(batch)
    taken = []
    for _ in range(LOOKS):
        before = time.perf_counter(), time.process_time()
        policy.act(batch)
        taken.append((time.perf_counter() - before[0], time.process_time() - before[1]))
    wall, cpu = np.median(taken, axis=0)
    return Latency(name, rows, wall * 1000, cpu * 1000, rows * policy.execute / wall)


def latencies(policy: str, protocol: EvaluationProtocol, arguments: dict[str, str]) -> list[Latency]:
    """Of the policy as it is named, for so many rows as it takes; and of the paper's size where it has an example."""
    module, episode = policies.load(policy), protocol.episodes()[0]
    spec: EnvSpec = envs.load(protocol.suite).spec(protocol.image_size_px)
    rows = BATCHES if "batch" in inspect.signature(module.make).parameters else ()
    batches: list[dict[str, str]] = [{"batch": str(number)} for number in rows] or [{}]
    found = [latency(policy, policies.make(policy, spec, arguments | batch), episode) for batch in batches]
    if hasattr(module, "make_example"):
        with tempfile.TemporaryDirectory() as folder:
            paper = {"checkpoint": str(Path(folder) / "paper")}
            module.make_example(spec, Path(paper["checkpoint"]), "paper")
            found += [
                latency(f"{policy}, paper", policies.make(policy, spec, paper | batch), episode) for batch in batches
            ]
    return found


def parser() -> argparse.ArgumentParser:
    """The options."""
    options = argparse.ArgumentParser(prog="python -m harness.bench_policy", description=__doc__)
    add_what_options(options.add_argument, required=True)
    options.add_argument(
        "--policy-arg", action="append", default=[], metavar="KEY=VALUE", help="argument of the policy"
    )
    options.add_argument("--checkpoint", metavar="F", help="short for --policy-arg checkpoint=F")
    return options


def main(arguments: list[str] | None = None) -> int:
    """The command line. Exit code 2: it cannot run; 130: Ctrl-C."""
    options = parser().parse_args(arguments)
    try:
        protocol = chosen_protocol(
            options.suite, options.protocol, options.tasks, at_least_one("trials", options.trials or 1)
        )
        given = policy_arguments(options.policy_arg, options.checkpoint)
        with tempfile.TemporaryDirectory() as folder:
            seconds = split(protocol, options.policy, given, options.assets, Path(folder))
        plans = latencies(options.policy, protocol, given)
    except (LookupError, ValueError, RuntimeError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    console = Console(width=None if sys.stdout.isatty() else PLAIN_WIDTH)
    console.print(f"Where the CPU time of {seconds.steps} control steps with {seconds.looks} looks goes")
    console.print(split_table(seconds))
    console.print("How long a plan takes")
    console.print(latency_table(plans))
    return 0


def split_table(seconds: Split) -> Table:
    """Shares of the CPU time."""
    table = Table("", "CPU s", "share")
    parts = seconds._asdict()
    whole = sum(parts[name] for name in Split._fields[:4])
    for name in Split._fields[:4]:
        table.add_row(name, f"{parts[name]:.2f}", f"{parts[name] / whole:.1%}")
    return table


def latency_table(plans: list[Latency]) -> Table:
    """Milliseconds and rates."""
    table = Table("policy", "rows at once", "ms per plan", "CPU ms per plan", "control steps per s of planning")
    for plan in plans:
        table.add_row(plan.name, str(plan.batch), f"{plan.wall_ms:.1f}", f"{plan.cpu_ms:.1f}", f"{plan.rate_hz:.0f}")
    return table


if __name__ == "__main__":
    sys.exit(main())
