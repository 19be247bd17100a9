"""Collect demonstrations of a suite's scripted expert: `python -m harness.collect --suite piper --policy expert`.

They start from episodes of the split "train", whose starts no evaluation has. Of each task the first N episodes that
succeed are kept, by index, so that a file's content depends neither on the number of workers nor on a kill in between;
the same command again does only what is missing. One file per task, see `protocols.demonstrations`.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from harness import pool
from harness.evaluation import ERRORS, Evaluation, note_error
from harness.options import add_what_options, chosen_protocol, listed, policy_arguments
from harness.parts import SETTINGS, TaskFile, written
from harness.rollout import CannotStartError, Rollout, Running
from harness.schedule import Job
from protocols.contracts import RENDER_PROFILES, EnvSpec, EvaluationProtocol, at_least_one
from protocols.registry import require
from results.store import take_lock

FORMAT = 1  # raised when the files of demonstrations change
ATTEMPTS = 5  # episodes per wanted demonstration
HUNG_AFTER_S = 300.0  # without an answer; the expert answers every 100 steps
PLAIN_LINE_EVERY_S = 10.0
USUAL = {"policy": "expert", "every": 1, "render": "official"}  # settings that are only noted where they are others

EXAMPLES = """examples:
  python -m harness.collect --policy expert --suite piper --trials 10
      ten demonstrations of each of the ten tasks, through both cameras, into demonstrations/piper_table4
  python -m harness.collect --policy expert --suite metaworld --tasks reach-v3,push-v3 --size 128 --cameras agent
      of two tasks, as many as the protocol has episodes, through one camera
  python -m harness.collect --policy expert --suite metaworld --cameras "" --out states
      without images: a hundred times cheaper
  python -m harness.collect --policy expert --suite metaworld --policy-arg noise=0.2 --every 4
      a disturbed expert that has to recover, seen at every fourth step: drawing costs 36 to 70 ms a frame without a
      GPU, a control step of the simulator less than one

The same command again does only what is missing, with a higher --trials what is missing to that.
"""


class Collection:
    """Demonstrations of one protocol's tasks, in one folder.

    Args:
        protocol: what is collected, as many episodes of each task as it has; of the split "train", whatever it says.
        policy: must be one that acts beside the simulator, a suite's expert.
        arguments: the policy's own.
        cameras: roles of the cameras whose images are kept; None for all that the suite has.
        out: the files lie in the folder of the protocol's name in there.
        keep_failures: count and keep failed episodes too.
        assets: where the suite's asset files come from, see `harness.assets`.
        every: images are of every that many-th row, see `harness.recorder`.

    Raises:
        LookupError, ValueError: unknown names, wrong numbers, a policy that does not act beside the simulator, or
            something that is not installed.
    """

    def __init__(
        self,
        protocol: EvaluationProtocol,
        policy: str,
        arguments: dict[str, Any],
        cameras: tuple[str, ...] | None,
        out: Path,
        *,
        keep_failures: bool = False,
        assets: str | None = None,
        every: int = 1,
    ) -> None:
        self.trials, self.attempts = protocol.episodes_per_task, ATTEMPTS * protocol.episodes_per_task
        train = replace(protocol, split="train", episodes_per_task=self.attempts)
        self.evaluation = Evaluation(train, policy, arguments, assets=assets)
        self.suite, self.protocol = self.evaluation.suite, self.evaluation.protocol
        if not self.evaluation.policy.in_worker:
            raise ValueError(f"demonstrations come from a suite's expert: --policy expert, not {policy!r}")
        spec: EnvSpec = self.suite.spec(protocol.image_size_px)
        there_are = spec.observation.cameras
        wanted = there_are if cameras is None else cameras
        self.cameras = tuple(require("camera", camera, there_are) for camera in wanted)
        if self.cameras and (lines := self.suite.missing(images=True)):
            raise ValueError('images need more (--cameras "" does without): ' + "; ".join(lines))
        if arguments.get("driver"):
            check_driver(arguments["driver"], spec, self.cameras)
        self.every = at_least_one("every", every)
        self.folder, self.keep_failures = out / protocol.name, keep_failures
        self.jobs = {(job.episode.task, job.episode.index): job for job in self.evaluation.jobs}
        chosen = {"policy": self.evaluation.policy_name, "every": self.every, "render": protocol.render}
        self.settings = {
            "format": FORMAT,
            "protocol": protocol.name,
            "image_size_px": protocol.image_size_px,
            "cameras": list(self.cameras),
            "keep_failures": keep_failures,
            "conditions": self.evaluation.deciding,
            **{key: value for key, value in chosen.items() if value != USUAL[key]},
        }
        self.errors: Counter[str] = Counter()

    def open(self) -> None:
        """See what is there. The caller has the folder's lock.

        Raises:
            ValueError: a file that is broken, or demonstrations that were made otherwise.
        """
        settle(self.folder, self.settings)
        self.files = {task.name: TaskFile(self.folder, task.name, self.settings) for task in self.protocol.tasks}

    def missing(self, task: str) -> list[Job]:
        """The episodes of a task that are still to be run, as far as is known now."""
        ended = self.files[task].ended()
        return [self.jobs[task, index] for index in missing(ended, self.trials, self.attempts)]

    def run(self, workers: int) -> Iterator[Running]:
        """Run what is missing; each episode is on disk when it is yielded, each task merged when it is complete.

        Raises:
            CannotStartError: a worker cannot start, or a file that an episode needs is broken.
            OSError: a file cannot be written; what was written before is safe.
        """
        for task in self.files:
            self._merge(task)
        with ExitStack() as stack:
            crew: list[pool.WorkerHandle] = []
            tried: set[str] = set()
            while jobs := [job for task in self.files for job in self.missing(task) if job.key not in tried]:
                tried |= {job.key for job in jobs}
                for _ in range(min(workers, len(jobs)) - len(crew)):
                    crew.append(self._worker())
                    stack.callback(crew[-1].close)
                for running in Rollout(self.evaluation.policy, crew, self.evaluation.state).run(jobs):
                    self._keep(running)
                    yield running

    def _worker(self) -> pool.WorkerHandle:
        look = self.cameras, self.protocol.image_size_px, self.protocol.render
        return pool.WorkerHandle(self.protocol.suite, *look, HUNG_AFTER_S, self.evaluation.assets, self.every)

    def _keep(self, running: Running) -> None:
        episode = running.job.episode
        file = self.files[episode.task]
        if running.error is not None:
            self.errors[episode.task] += 1
            note_error(self.folder, f"{episode.task} episode {episode.index}: {running.error}", running.trace)
        elif running.success or self.keep_failures:
            file.add(episode.index, running.recording)
        else:
            file.add_failed(episode.index, running.failure)
        self._merge(episode.task)

    def _merge(self, task: str) -> None:
        """Make the task's file if nothing is missing for it."""
        if self.missing(task):
            return
        file = self.files[task]
        if file.kept:
            file.merge(common_attributes(self) | task_attributes(self, task))

    def kept(self) -> int:
        """Demonstrations that are there."""
        return sum(len(file.kept) for file in self.files.values())

    def report(self) -> list[str]:
        """One line for each task that is not complete or had failed episodes, then one for all."""
        lines = []
        for task, file in self.files.items():
            failed = Counter(mode or "failed" for mode in file.failed.values())
            why = f"; not kept: {', '.join(f'{count} {mode}' for mode, count in sorted(failed.items()))}"
            if self.errors[task]:
                lines.append(f"{task}: {self.errors[task]} episodes have no verdict, see {self.folder / ERRORS}")
            elif len(file.kept) < self.trials:
                tried = len(file.ended())
                lines.append(f"{task}: only {len(file.kept)} of {self.trials} demonstrations in {tried} episodes{why}")
            elif failed:
                lines.append(f"{task}: {len(file.kept)} demonstrations of {len(file.ended())} episodes{why}")
        return [*lines, f"{self.kept()} demonstrations of {len(self.files)} tasks in {self.folder}"]

    def complete(self) -> bool:
        """Whether every task has its demonstrations."""
        return all(len(file.kept) >= self.trials for file in self.files.values()) and not self.errors


def missing(ended: Mapping[int, bool], wanted: int, attempts: int) -> list[int]:
    """Indices of the episodes to run so that the first `wanted` kept ones are known, if all that are run are kept.

    Args:
        ended: whether an episode that has ended is kept, by its index.
        wanted: how many are to be kept.
        attempts: episodes that may be tried.
    """
    hoped, indices = 0, []
    for index in range(attempts):
        if hoped == wanted:
            break
        if index not in ended:
            indices.append(index)
        hoped += ended.get(index, True)
    return indices


def check_driver(checkpoint: str, spec: EnvSpec, cameras: tuple[str, ...]) -> None:
    """Raise LookupError or ValueError where that checkpoint cannot drive; better now than in every worker."""
    from harness.driver import Driver

    if not cameras:
        raise ValueError('a driver looks through cameras: leave --cameras "" out')
    Driver(checkpoint, spec)


def settle(folder: Path, settings: dict[str, Any]) -> None:
    """Note the folder's settings, or refuse to mix them with others.

    Raises:
        ValueError: it holds demonstrations that were made otherwise.
    """
    path = folder / SETTINGS
    if not path.exists():
        with written(path) as beside:
            beside.write_text(json.dumps(settings, indent=1), encoding="utf-8")
        return
    there, wanted = USUAL | json.loads(path.read_text(encoding="utf-8")), USUAL | settings
    changed = {key: f"{key} {there.get(key)}, now {now}" for key, now in wanted.items() if there.get(key) != now}
    if changed:
        named = [line for key, line in changed.items() if key != "conditions"]
        why = "; ".join(named) or "other versions, horizon, quality or assets"
        raise ValueError(f"{folder} holds demonstrations made otherwise ({why}); name another --out")


def common_attributes(collection: Collection) -> dict[str, Any]:
    """Attributes of every file's group `data`, as official files have them, and what a reader has to know."""
    observation, action = collection.suite.spec(collection.protocol.image_size_px)
    low, high = action.bounds()
    return {
        "env_name": collection.protocol.suite,
        "tag": "headway",
        "macros_image_convention": "opengl",
        "state_entries": json.dumps(observation.state),
        "action_entries": json.dumps(action.entries),
        "action_low": low,
        "action_high": high,
        "action_rotation": action.rotation,
        "action_gripper": action.gripper,
        "rate_hz": action.rate_hz,
        **({"draw_every": collection.every} if collection.every > 1 else {}),
    }


def task_attributes(collection: Collection, task: str) -> dict[str, Any]:
    """Attributes of one task's file; those of the suite itself, if it names some, go before ours."""
    protocol = collection.protocol
    instruction = collection.jobs[task, 0].episode.instruction
    gymnasium = {"task": task, "cameras": collection.cameras, "image_size_px": protocol.image_size_px}
    suite = collection.suite
    given: dict[str, Any] = suite.demonstration_attributes(task) if hasattr(suite, "demonstration_attributes") else {}
    whole = {
        "env_args": {"type": 2, "env_name": f"envs:headway/{protocol.suite}", "env_kwargs": gymnasium},
        "problem_info": {"problem_name": task, "domain_name": protocol.suite, "language_instruction": instruction},
        **given,
    }
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in whole.items()}


def parser() -> argparse.ArgumentParser:
    """The options."""
    options = argparse.ArgumentParser(
        prog="python -m harness.collect",
        description="Collect demonstrations of a suite's scripted expert as HDF5, from starts that no evaluation has.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_what_options(options.add_argument, required=True)
    options.add_argument("--size", type=int, metavar="PX", help="height and width of images (default: the protocol's)")
    options.add_argument(
        "--render", choices=RENDER_PROFILES, help="another render profile; the card of what learns says so"
    )
    options.add_argument("--cameras", metavar="A,B", help='cameras, "" for no images (default: all of the suite)')
    options.add_argument("--every", type=int, default=1, metavar="K", help="images of each K-th row only (default: 1)")
    options.add_argument("--policy-arg", action="append", default=[], metavar="KEY=VALUE", help="as noise=0.2")
    options.add_argument("--workers", type=int, metavar="N", help="processes (default: one per core)")
    options.add_argument(
        "--out", type=Path, default=Path("demonstrations"), metavar="DIR", help="folder (default: demonstrations)"
    )
    options.add_argument("--keep-failures", action="store_true", help="keep and count failed episodes too")
    return options


def main(arguments: list[str] | None = None) -> int:
    """The command line. Exit code 1: a task has fewer demonstrations than wanted; 2: it cannot run; 130: Ctrl-C."""
    options = parser().parse_args(arguments)
    try:
        workers = pool.worker_count(options.workers)
        collection = prepared(options)
        collection.folder.mkdir(parents=True, exist_ok=True)
        with take_lock(collection.folder):
            collection.open()
            watch(collection, workers)
    except CannotStartError as error:
        note_error(collection.folder, str(error), error.trace)
        print(f"error: {error}; see {collection.folder / ERRORS}", file=sys.stderr)
        return 2
    except (LookupError, ValueError, RuntimeError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"stopped; what has ended is in {options.out}, the same command goes on from there", file=sys.stderr)
        return 130
    print(*collection.report(), sep="\n")
    return 0 if collection.complete() else 1


def prepared(options: argparse.Namespace) -> Collection:
    """The collection that the options name.

    Raises:
        LookupError, ValueError: a mistake in the options.
    """
    protocol = chosen_protocol(options.suite, options.protocol, options.tasks, options.trials)
    protocol = protocol.changed(render=options.render)
    if options.size is not None:
        protocol = replace(protocol, image_size_px=at_least_one("size", options.size))
    return Collection(
        protocol,
        options.policy,
        policy_arguments(options.policy_arg, None),
        listed(options.cameras),
        options.out,
        keep_failures=options.keep_failures,
        assets=options.assets,
        every=options.every,
    )


def watch(collection: Collection, workers: int) -> None:
    """Run what is missing; a bar in a terminal, plain lines elsewhere."""
    console = Console(stderr=True, soft_wrap=True)
    wanted, before = collection.trials * len(collection.files), collection.kept()
    if before:
        console.print(f"{before} demonstrations are there already")
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    said = time.monotonic()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        shown = bar.add_task("demonstrations", total=wanted, completed=before)
        for _ in collection.run(workers):
            bar.update(shown, completed=collection.kept())
            if not console.is_terminal and time.monotonic() - said > PLAIN_LINE_EVERY_S:
                said = time.monotonic()
                errors = f", {collection.errors.total()} episodes without a verdict" * bool(collection.errors)
                console.print(f"{collection.kept()}/{wanted} demonstrations{errors}")


if __name__ == "__main__":
    sys.exit(main())
