"""What an evaluation costs beside a plain simulator loop: `python -m harness.bench`.

In CPU seconds, and as ratios within one run; wall times are not taken, machines are noisy. Each row is a fresh process
(the harness's workers included) that is run twice, with one and with several episodes per task: the difference is the
cost of the steps, what is left is start-up. The policy is `zero`, which costs nothing, with chunks of k actions. Peak
memory is that of the largest process.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

import protocols
from protocols.contracts import at_least_one
from results.store import read

SIZE_PX = 224


@dataclass(frozen=True)
class Load:
    """What is run: steps of zero actions, `steps` in each of `trials` (and of one) episodes of each task."""

    tasks: tuple[str, ...]
    trials: int
    steps: int


@dataclass(frozen=True)
class Row:
    """A measured way to run the load.

    Args:
        name: what ran.
        steps_per_s: control steps per CPU second, start-up apart.
        renders_per_step: frames drawn per control step.
        cpu_s_per_1000_steps: CPU seconds per 1000 control steps, start-up apart.
        start_up_s: CPU seconds before the first step, for all tasks together.
        peak_mib: largest resident set of one process.
    """

    name: str
    steps_per_s: float
    renders_per_step: float
    cpu_s_per_1000_steps: float
    start_up_s: float
    peak_mib: float


@dataclass(frozen=True)
class Cost:
    """CPU seconds and peak memory of one process with its children, and the frames that it drew."""

    cpu_s: float
    peak_mib: float
    renders: int


def measure(name: str, command: list[str], load: Load) -> Row:
    """The row of a command that takes the number of trials in place of `TRIALS`, and a store in place of `STORE`."""
    few, many = (run(command, trials) for trials in (1, load.trials))
    steps = len(load.tasks) * load.steps * (load.trials - 1)
    cpu_s = max(many.cpu_s - few.cpu_s, 1e-9)
    return Row(
        name=name,
        steps_per_s=steps / cpu_s,
        renders_per_step=(many.renders - few.renders) / steps,
        cpu_s_per_1000_steps=1000 * cpu_s / steps,
        start_up_s=few.cpu_s - cpu_s / (load.trials - 1),
        peak_mib=many.peak_mib,
    )


def run(command: list[str], trials: int) -> Cost:
    """Run the command once in a process of its own."""
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile("w+") as printed:
        places = {"TRIALS": str(trials), "STORE": folder}
        arguments = [places.get(word, word) for word in command]
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments], stdout=printed, stderr=subprocess.PIPE, text=True
        )
        _, status, usage = os.wait4(process.pid, 0)
        if status:
            raise RuntimeError(f"{' '.join(arguments)} failed: {process.stderr.read() if process.stderr else ''}")
        if "STORE" in command:
            renders = sum(record.renders for record in read(Path(folder)))
        else:
            printed.seek(0)
            renders = int(printed.read())
    return Cost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, renders)


def rows(tasks: tuple[str, ...], chunk: int, steps: int, workers: int) -> list[Row]:
    """All rows: with frames (few episodes, they are dear) and state only (many)."""
    seen, unseen = Load(tasks, 3, steps), Load(tasks, 60, steps)
    listed = ",".join(tasks)

    def raw(load: Load, every: int) -> list[str]:
        return ["harness.raw_loop", listed, "TRIALS", str(load.steps), str(every), str(SIZE_PX)]

    def ours(load: Load, *policy: str) -> list[str]:
        arguments = [word for pair in (f"chunk={chunk}", *policy) for word in ("--policy-arg", pair)]
        return [
            *("harness.run", "--policy", "zero", "--suite", "metaworld", *arguments, "--tasks", listed),
            *("--trials", "TRIALS", "--max-steps", str(load.steps), "--workers", str(workers), "--store", "STORE"),
        ]

    plans = [
        ("raw loop, frame at each step", raw(seen, 1), seen),
        (f"raw loop, frame at each {chunk}th", raw(seen, chunk), seen),
        (f"harness, chunk {chunk}, agent camera", ours(seen, "cameras=agent"), seen),
        ("raw loop, no frames", raw(unseen, 0), unseen),
        (f"harness, chunk {chunk}, state only", ours(unseen), unseen),
    ]
    console = Console(stderr=True)
    return [measure(*plan) for plan in track(plans, "measuring", console=console, transient=True)]


def ratios(measured: list[Row]) -> dict[str, float]:
    """The three numbers that matter, each a quotient of two rows of one run, start-up apart."""
    every_step, every_chunk, seen, no_frames, unseen = (row.cpu_s_per_1000_steps for row in measured)
    return {
        "raw loop that draws every step / harness": every_step / seen,
        "harness / raw loop that draws as often": seen / every_chunk,
        "harness / raw loop, state only": unseen / no_frames,
    }


def table(measured: list[Row]) -> Table:
    """The rows for a terminal."""
    drawn = Table("", "steps per\nCPU s", "renders\nper step", "CPU s per\n1000 steps", "start-up\nCPU s", "peak\nMiB")
    for column in drawn.columns[1:]:
        column.justify = "right"
    for row in measured:
        numbers = (row.steps_per_s, row.renders_per_step, row.cpu_s_per_1000_steps, row.start_up_s, row.peak_mib)
        texts = (f"{number:.{digits}f}" for number, digits in zip(numbers, (0, 3, 2, 2, 0), strict=True))
        drawn.add_row(row.name, *texts)
    return drawn


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m harness.bench", description=__doc__)
    parser.add_argument("--chunk", type=int, default=10, metavar="K", help="actions per look (default: 10)")
    parser.add_argument("--steps", type=int, default=100, metavar="N", help="control steps per episode (default: 100)")
    parser.add_argument("--tasks", default="reach-v3,push-v3,drawer-open-v3", metavar="A,B")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="worker processes (default: 1)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    chosen = parser.parse_args(arguments)
    try:
        for option in ("chunk", "steps", "workers"):
            at_least_one(option, getattr(chosen, option))
        tasks = protocols.load("metaworld_mt50").changed(tasks=chosen.tasks.split(",")).tasks
        measured = rows(tuple(task.name for task in tasks), chosen.chunk, chosen.steps, chosen.workers)
    except (RuntimeError, LookupError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if chosen.json:
        print(json.dumps({"rows": [asdict(row) for row in measured], "ratios": ratios(measured)}, indent=1))
        return 0
    console = Console()
    console.print(table(measured))
    for name, value in ratios(measured).items():
        console.print(f"{name}: {value:.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
