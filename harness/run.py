"""Evaluate a policy on a suite: `python -m harness.run --policy expert --suite metaworld`."""

from __future__ import annotations

import argparse
import sys

from harness.display import Display
from harness.evaluation import ERRORS, Evaluation
from harness.options import add_policy_options, add_running_options, add_what_options, chosen_protocol, policy_arguments
from harness.pool import worker_count
from harness.rollout import CannotStartError
from policies import arms
from protocols.contracts import RENDER_PROFILES, BrokenFileError
from results.store import Store

EXAMPLES = """examples:
  python -m harness.run --policy expert --suite piper --trials 1 --video all
      the scripted expert, one episode of each of the ten tasks of the simulated PiPER arm, and their videos
  python -m harness.run --policy random --suite metaworld --tasks reach-v3,push-v3 --video failures
      random actions on two tasks, a video of each failed episode
  python -m harness.run --policy zero --protocol metaworld_mt10 --policy-arg chunk=10 --policy-arg cameras=agent
      a policy that looks every tenth step and does nothing
  python -m harness.run --policy replay --suite metaworld --policy-arg store=runs --store replayed
      the recorded actions of another run
  python -m harness.run --policy random --suite piper --policy-arg cameras=agent --arm blind
      the policy with black images, to be compared with itself by harness.compare
  python -m harness.run --policy random --suite piper --policy-arg chunk=10 --latency 5 --repeats 4
      plans that arrive five control steps late, each episode four times

Running the same command again does only what is missing. Then:
  python -m results.tables --store runs        tables
  python -m results.plots --store runs --out plots
"""


def parser() -> argparse.ArgumentParser:
    """The options."""
    options = argparse.ArgumentParser(
        prog="python -m harness.run",
        description="Evaluate a policy on a suite, under matched starts; records go to a store that can be resumed.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_what_options(options.add_argument, required=True)
    options.add_argument("--max-steps", type=int, metavar="N", help="another horizon; recorded as a deviation")
    options.add_argument(
        "--repeats", type=int, metavar="N", help="run each episode so often, with other noise of the policy's"
    )
    options.add_argument("--order", choices=("forward", "reversed"), default="forward", help="order of episodes")
    add_policy_options(options.add_argument)
    options.add_argument(
        "--arm", default="none", metavar="ARM", help=f"what the policy is denied: {', '.join(arms.NAMES)}"
    )
    options.add_argument(
        "--latency", metavar="K", help="plans arrive K control steps late, or as late as a file of seconds says"
    )
    options.add_argument(
        "--video", choices=("none", "failures", "all"), default="none", help="videos of which episodes"
    )
    add_running_options(options.add_argument)
    options.add_argument("--render", choices=RENDER_PROFILES, help="another render profile; recorded as a deviation")
    return options


def main(arguments: list[str] | None = None) -> int:
    """The command line. Exit code 1: some episodes have no verdict; 2: the command cannot run; 130: Ctrl-C."""
    command = sys.argv[1:] if arguments is None else arguments
    options = parser().parse_args(command)
    try:
        evaluation = prepared(options)
    except (LookupError, ValueError, RuntimeError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    try:
        return run(evaluation, options, command)
    except CannotStartError as error:
        print(f"error: {error}; see {options.store / ERRORS}", file=sys.stderr)
        return 2
    except (RuntimeError, OSError, BrokenFileError) as error:  # the store cannot be written, or a video not made
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"stopped; what has ended is in {options.store}, the same command goes on from there", file=sys.stderr)
        return 130


def prepared(options: argparse.Namespace) -> Evaluation:
    """The evaluation that the options name.

    Raises:
        LookupError, ValueError: a mistake in the options.
    """
    protocol = chosen_protocol(options.suite, options.protocol, options.tasks, options.trials)
    protocol = protocol.changed(repeats=options.repeats, max_steps=options.max_steps, render=options.render)
    options.workers = worker_count(options.workers)
    evaluation = Evaluation(
        protocol,
        options.policy,
        policy_arguments(options.policy_arg, options.checkpoint),
        options.execution,
        options.assets,
        options.arm,
        options.latency,
    )
    if options.video != "none" and (lines := evaluation.suite.missing(images=True)):
        raise ValueError("--video needs frames: " + "; ".join(lines))
    return evaluation


def run(evaluation: Evaluation, options: argparse.Namespace, command: list[str]) -> int:
    """Evaluate what is missing, then film."""
    protocol = evaluation.protocol
    with Store(options.store, write=True) as store:
        records = evaluation.settled(store)
        with Display(protocol, evaluation.policy_name, records) as display:
            run = evaluation.run(store, workers=options.workers, command=command, reverse=options.order == "reversed")
            for record in run:
                records.append(record)
                display.add(record)
        if options.video != "none":
            from harness.film import film

            wanted = [record for record in records if options.video == "all" or record.success is False]
            look = protocol.image_size_px, protocol.render
            film(wanted, store.folder / "videos", *look, options.workers, assets=evaluation.assets)
    print(f"records: {options.store}; tables: python -m results.tables --store {options.store}")
    if errors := sum(record.error is not None for record in records):
        print(f"{errors} episodes have no verdict, see {options.store / ERRORS}; the same command tries them again")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
