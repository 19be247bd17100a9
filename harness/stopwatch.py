"""How long a policy thinks, as a trace for `harness.run --latency FILE`: `python -m harness.stopwatch ... --out FILE`.

Runs episodes with a single worker, one look at a time, and writes the seconds of each inference on this machine, in
their order; records are thrown away. The first inference, in which a network may still load or compile, is left out. A
policy with a fixed batch size is timed with the whole batch, as it runs.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

from harness.evaluation import Evaluation
from harness.options import add_policy_options, add_what_options, chosen_protocol, policy_arguments
from policies.execution import Wrapper
from protocols.contracts import Batch, BrokenFileError, Plan, Policy
from results.store import Store

EXAMPLES = """examples:
  python -m harness.stopwatch --policy my_lab.policy --suite piper --trials 1 --out here.txt
  python -m harness.run --policy my_lab.policy --suite piper --latency here.txt
      how well does it do where it thinks as long as it does here? the same on any machine
"""


class Timed(Wrapper):
    """Notes the seconds of each of the policy's plans."""

    def __init__(self, policy: Policy) -> None:
        super().__init__(policy)
        self.seconds: list[float] = []

    def act(self, batch: Batch) -> Plan:
        """The policy's plan."""
        began = time.perf_counter()
        plan = self.policy.act(batch)
        self.seconds.append(time.perf_counter() - began)
        return plan


def main(arguments: list[str] | None = None) -> int:
    """The command line: 0 done, 2 where it cannot run."""
    options = argparse.ArgumentParser(
        prog="python -m harness.stopwatch",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_what_options(options.add_argument, required=True)
    add_policy_options(options.add_argument)
    options.add_argument("--out", type=Path, required=True, metavar="FILE", help="trace to write")
    chosen = options.parse_args(arguments)
    try:
        protocol = chosen_protocol(chosen.suite, chosen.protocol, chosen.tasks, chosen.trials)
        given = policy_arguments(chosen.policy_arg, chosen.checkpoint)
        evaluation = Evaluation(protocol, chosen.policy, given, chosen.execution, chosen.assets)
        seconds = timed(evaluation)
        chosen.out.write_text(trace(evaluation, seconds), encoding="utf-8")
    except (LookupError, ValueError, RuntimeError, OSError, BrokenFileError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{len(seconds)} inferences in {chosen.out}, median {1000 * statistics.median(seconds):.3g} ms")
    return 0


def timed(evaluation: Evaluation) -> list[float]:
    """The seconds of each inference but the first.

    Raises:
        ValueError: the policy acts beside the simulator, or has not been asked twice.
    """
    if evaluation.policy.in_worker:
        raise ValueError("this policy acts beside the simulator and makes no plans; there is nothing to time")
    evaluation.policy = watched = Timed(evaluation.policy)
    with tempfile.TemporaryDirectory() as folder, Store(Path(folder), write=True) as store:
        errors = [record.error for record in evaluation.run(store, workers=1) if record.error is not None]
    if len(watched.seconds) < 2:
        why = f": {errors[0]}" if errors else ""
        raise ValueError(f"the policy was asked {len(watched.seconds)} times, too few{why}")
    return watched.seconds[1:]


def trace(evaluation: Evaluation, seconds: list[float]) -> str:
    """The text of a trace, see `harness.latency`."""
    about = f"# seconds of each inference of {evaluation.policy_name} on {evaluation.protocol.name}\n"
    return about + "".join(f"{one:.6f}\n" for one in seconds)


if __name__ == "__main__":
    sys.exit(main())
