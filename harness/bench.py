"""What an evaluation costs: `python -m harness.bench [--suite metaworld]`.

In CPU seconds, and as ratios within one run; wall times are not taken, machines are noisy. Each row is a fresh process
(the harness's workers included) that is run twice, with one and with several episodes per task: the difference is the
cost of the steps, what is left is start-up. Peak memory is that of the largest process.

Meta-World, LIBERO and CALVIN stand beside a plain simulator loop, under the policy `zero`, which costs nothing, with
chunks of k actions. Any other suite: its expert without frames, whose plans cost too; and the same episodes replayed,
without frames (the simulation alone) and through all cameras in both render profiles.
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

import envs
import protocols
from harness.assets import used
from harness.options import add_assets_option
from protocols.contracts import RENDER_PROFILES, at_least_one
from results.store import read

SIZE_PX = 224  # of suites that stand beside no plain loop
PLAIN_WIDTH = 120  # characters, where the output goes to a file or a pipe


@dataclass(frozen=True)
class Load:
    """What is run: up to `steps` steps in each of `trials` (and of one) episodes of each task."""

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
    """CPU seconds and peak memory of one process with its children, its control steps, and the frames that it drew."""

    cpu_s: float
    peak_mib: float
    steps: int
    renders: int


def measure(name: str, command: list[str], load: Load) -> Row:
    """The row of a command that takes the number of trials in place of `TRIALS`, and a store in place of `STORE`."""
    few, many = (run(command, load, trials) for trials in (1, load.trials))
    steps, cpu_s = many.steps - few.steps, max(many.cpu_s - few.cpu_s, 1e-9)
    return Row(
        name=name,
        steps_per_s=steps / cpu_s,
        renders_per_step=(many.renders - few.renders) / steps,
        cpu_s_per_1000_steps=1000 * cpu_s / steps,
        start_up_s=few.cpu_s - cpu_s * few.steps / steps,
        peak_mib=many.peak_mib,
    )


def run(command: list[str], load: Load, trials: int) -> Cost:
    """Run the command once in a process of its own."""
    with (
        tempfile.TemporaryDirectory() as folder,
        tempfile.TemporaryFile("w+") as printed,
        tempfile.TemporaryFile("w+") as said,
    ):
        places = {"TRIALS": str(trials), "STORE": folder}
        arguments = [places.get(word, word) for word in command]
        process = subprocess.Popen([sys.executable, "-m", *arguments], stdout=printed, stderr=said)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if status:
            said.seek(0)
            raise RuntimeError(f"{' '.join(arguments)} failed: {said.read()}")
        if "--store" in command:
            records = read(Path(arguments[-1]))
            steps, renders = sum(record.steps for record in records), sum(record.renders for record in records)
        else:
            printed.seek(0)
            steps, renders = len(load.tasks) * load.steps * trials, int(printed.read())
    return Cost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, steps, renders)


def suite_rows(suite: str, load: Load, chunk: int, workers: int, assets: str | None = None) -> list[Row]:
    """Rows of any suite: its expert without frames, and the same episodes replayed without and with all cameras."""
    cameras = ",".join(envs.load(suite).spec(SIZE_PX).observation.cameras)

    def ours(policy: str, *options: str, store: str = "STORE", trials: str = "TRIALS") -> list[str]:
        where = ("--assets", assets) if assets else ()
        what = ("harness.run", "--policy", policy, "--suite", suite, "--tasks", ",".join(load.tasks), *where, *options)
        return [*what, "--max-steps", str(load.steps), "--workers", str(workers), "--trials", trials, "--store", store]

    with tempfile.TemporaryDirectory() as recorded:
        run(ours("expert", store=recorded, trials=str(load.trials)), load, load.trials)
        replay = ("--policy-arg", f"store={recorded}", "--policy-arg", f"chunk={chunk}")
        seen = (*replay, "--policy-arg", f"cameras={cameras}")
        plans = [
            ("expert, no frames (plans included)", ours("expert")),
            ("replay, no frames", ours("replay", *replay)),
            *(
                (f"replay, all cameras each {chunk}th step, {render}", ours("replay", *seen, "--render", render))
                for render in RENDER_PROFILES
            ),
        ]
        console = Console(stderr=True)
        return [measure(*plan, load) for plan in track(plans, "measuring", console=console, transient=True)]


@dataclass(frozen=True)
class Yardstick:
    """How a suite stands beside a plain loop: the protocol with its frames, three tasks, cameras, and what is enough.

    `seen` and `unseen` are the trials with frames, which are dear, and without.
    """

    protocol: str
    tasks: tuple[str, ...]
    cameras: str
    seen: int
    unseen: int
    steps: int


YARDSTICKS = {
    "metaworld": Yardstick("metaworld_mt50", ("reach-v3", "push-v3", "drawer-open-v3"), "agent", 3, 60, 100),
    "libero": Yardstick(
        "libero_official",
        (
            "pick_up_the_black_bowl_on_the_ramekin_and_place_it_on_the_plate",
            "pick_up_the_alphabet_soup_and_place_it_in_the_basket",
            "KITCHEN_SCENE3_turn_on_the_stove_and_put_the_moka_pot_on_it",
        ),
        "agent,wrist",
        3,
        8,
        60,
    ),
    "calvin": Yardstick("calvin_abc_d", ("chain_D",), "agent,wrist", 3, 20, 100),
}


def rows(suite: str, tasks: tuple[str, ...], chunk: int, steps: int, workers: int) -> list[Row]:
    """Rows of a suite that stands beside a plain loop: with frames, and state only."""
    yardstick = YARDSTICKS[suite]
    seen, unseen = Load(tasks, yardstick.seen, steps), Load(tasks, yardstick.unseen, steps)
    listed, size_px = ",".join(tasks), protocols.load(yardstick.protocol).image_size_px

    def raw(load: Load, every: int) -> list[str]:
        return ["harness.raw_loop", suite, listed, "TRIALS", str(load.steps), str(every), str(size_px)]

    def ours(load: Load, *policy: str) -> list[str]:
        arguments = [word for pair in (f"chunk={chunk}", *policy) for word in ("--policy-arg", pair)]
        return [
            *("harness.run", "--policy", "zero", "--protocol", yardstick.protocol, *arguments, "--tasks", listed),
            *("--trials", "TRIALS", "--max-steps", str(load.steps), "--workers", str(workers), "--store", "STORE"),
        ]

    plans = [
        ("raw loop, frames at each step", raw(seen, 1), seen),
        (f"raw loop, frames at each {chunk}th", raw(seen, chunk), seen),
        (f"harness, chunk {chunk}, {yardstick.cameras}", ours(seen, f"cameras={yardstick.cameras}"), seen),
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


def table(measured: list[Row], rate_hz: float) -> Table:
    """The rows for a terminal."""
    header = ("steps per\nCPU s", "times real\ntime", "renders\nper step", "CPU s per\n1000 steps", "start-up\nCPU s")
    drawn = Table("", *header, "peak\nMiB")
    for column in drawn.columns[1:]:
        column.justify = "right"
    for row in measured:
        speeds = (row.steps_per_s, row.steps_per_s / rate_hz, row.renders_per_step, row.cpu_s_per_1000_steps)
        numbers = (*speeds, row.start_up_s, row.peak_mib)
        texts = (f"{number:.{digits}f}" for number, digits in zip(numbers, (0, 1, 3, 2, 2, 0), strict=True))
        drawn.add_row(row.name, *texts)
    return drawn


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m harness.bench", description=__doc__)
    parser.add_argument("--suite", default="metaworld", metavar="S", help="(default: metaworld)")
    parser.add_argument("--tasks", metavar="A,B", help="(default: three of the suite)")
    parser.add_argument(
        "--trials", type=int, metavar="N", help="episodes per task, where no plain loop stands beside (default: 8)"
    )
    parser.add_argument(
        "--chunk", type=int, metavar="K", help="actions per look (default: 10, 4 where no plain loop stands beside)"
    )
    parser.add_argument("--steps", type=int, metavar="N", help="longest episode (default: the suite's)")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="worker processes (default: 1)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_assets_option(parser.add_argument)
    chosen = parser.parse_args(arguments)
    try:
        measured = measured_suite(chosen)
        rate_hz = envs.load(chosen.suite).spec().action.rate_hz
    except (RuntimeError, LookupError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    compared = ratios(measured) if chosen.suite in YARDSTICKS else {}
    if chosen.json:
        print(json.dumps({"rows": [asdict(row) for row in measured], "ratios": compared}, indent=1))
        return 0
    console = Console(width=None if sys.stdout.isatty() else PLAIN_WIDTH)
    console.print(table(measured, rate_hz))
    for name, value in compared.items():
        console.print(f"{name}: {value:.2f}")
    return 0


def measured_suite(chosen: argparse.Namespace) -> list[Row]:
    """The rows that the options ask for.

    Raises:
        LookupError, ValueError: a mistake in the options.
        RuntimeError: a command has failed.
    """
    beside = YARDSTICKS.get(chosen.suite)
    if beside and (chosen.trials is not None or chosen.assets is not None):
        raise ValueError(f"trials and assets are fixed for {chosen.suite}; leave --trials and --assets out")
    chunk = (10 if beside else 4) if chosen.chunk is None else chosen.chunk
    steps = (beside.steps if beside else 400) if chosen.steps is None else chosen.steps
    trials = 8 if chosen.trials is None else chosen.trials
    for option, value in (("chunk", chunk), ("steps", steps), ("workers", chosen.workers)):
        at_least_one(option, value)
    if trials < 2:
        raise ValueError(f"trials must be at least 2, so that start-up can be told apart, not {trials}")
    suite = envs.load(chosen.suite)
    if not beside:
        used(suite, chosen.assets)
    protocol = protocols.load(beside.protocol if beside else suite.DEFAULT_PROTOCOL)
    names = [task.name for task in protocol.tasks]
    few = list(beside.tasks) if beside else names[:: max(1, len(names) // 3)][:3]
    wanted = few if chosen.tasks is None else chosen.tasks.split(",")
    tasks = tuple(task.name for task in protocol.changed(tasks=wanted).tasks)
    if beside:
        return rows(chosen.suite, tasks, chunk, steps, chosen.workers)
    return suite_rows(chosen.suite, Load(tasks, trials, steps), chunk, chosen.workers, chosen.assets)


if __name__ == "__main__":
    sys.exit(main())
