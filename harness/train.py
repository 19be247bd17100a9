"""Train a policy from demonstrations: `python -m harness.train --policy progvla --data demonstrations/piper_table4`.

Any policy can be trained whose module has `learner(config, changes, spec, statistics, init)`, see `policies.progvla`,
and a `checkpoint` module. The same command again goes on where it was stopped or killed, to the very same weights.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import IO, TYPE_CHECKING, Any

import envs
import policies
from harness.options import chosen_protocol, listed, pairs
from harness.rollout import CannotStartError
from harness.training.dataset import DataSet
from harness.training.lerobot import Columns
from harness.training.reading import read_sources
from harness.training.sources import agreed_spec
from results.store import StoreError, take_lock

if TYPE_CHECKING:
    from harness.training.evaluating import Evaluator
    from harness.training.loop import Training
    from harness.training.state import Settings
    from harness.training.watching import Stop

EXAMPLES = """examples:
  python -m harness.train --policy progvla --config small --data demonstrations/metaworld_mt10 --out trained/mt10
      learns from all tasks in a folder of harness.collect; weights in trained/mt10/checkpoint.safetensors
  python -m harness.train --policy progvla --config tiny --data demonstrations/piper_table4 --out trained/piper \\
      --set chunk=8 --hold-out 0.1 --evaluate-every 2000 --evaluate-protocol piper_table4 --evaluate-trials 2
      another chunk, a validation loss on a tenth of the demonstrations, success rates on the way
  python -m harness.train --policy progvla --config small --suite metaworld --data metaworld_mt50 --out trained/mt50 \\
      --camera agent=observation.image
      from a LeRobotDataset v3 folder

The same command again goes on where it was stopped or killed.
"""


def parser() -> argparse.ArgumentParser:
    """The options."""
    options = argparse.ArgumentParser(
        prog="python -m harness.train",
        description="Train a policy from demonstrations; it can be killed at any moment and goes on to the same end.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = options.add_argument
    add("--policy", required=True, metavar="P", help="a policy that can be trained, as progvla")
    add("--config", default="small", metavar="C", help="its configuration (default: small)")
    add("--set", action="append", default=[], metavar="KEY=VALUE", dest="changes", help="change a value of it")
    add("--data", type=Path, nargs="+", required=True, metavar="PATH", help="HDF5 files, folders of them, or LeRobot's")
    add("--out", type=Path, required=True, metavar="DIR", help="folder for the weights and all that belongs to them")
    add_data_options(options)
    add_learning_options(options)
    add_evaluation_options(options)
    return options


def add_data_options(options: argparse.ArgumentParser) -> None:
    """What of the data is learnt from."""
    add = options.add_argument_group("data").add_argument
    add("--suite", metavar="S", help="suite whose state and actions the data have (default: what the data say)")
    add("--cameras", metavar="A,B", help="roles of cameras (default: all of the data)")
    add("--state", metavar="A,B", help="entries of the state (default: the suite's)")
    add("--camera", action="append", default=[], metavar="ROLE=KEY", help="LeRobot: which images a camera has")
    add("--state-key", default="observation.state", metavar="KEY", help="LeRobot: column of the state")
    add("--action-key", default="action", metavar="KEY", help="LeRobot: column of the actions")
    add("--hold-out", type=float, default=0.0, metavar="X", help="share of demonstrations only for validation")
    add("--cache", type=Path, metavar="DIR", help="folder for resized images (default: cache beside --out)")


def add_learning_options(options: argparse.ArgumentParser) -> None:
    """How it learns."""
    add = options.add_argument_group("learning").add_argument
    add("--steps", type=int, default=20_000, metavar="N", help="of the optimiser (default: 20000)")
    add("--batch", type=int, default=256, metavar="N", help="samples in a step (default: 256)")
    add("--accumulate", type=int, default=1, metavar="N", help="compute a step in N parts, for less memory")
    add("--lr", type=float, default=1e-3, metavar="X", help="highest learning rate (default: 0.001)")
    add("--floor", type=float, metavar="X", help="learning rate at the end (default: a hundredth of --lr)")
    add("--warm-up", type=int, default=500, metavar="N", help="steps until the highest rate (default: 500)")
    add("--weight-decay", type=float, default=1e-4, metavar="X", help="of matrices (default: 0.0001)")
    add("--clip", type=float, default=1.0, metavar="X", help="largest norm of the gradient (default: 1)")
    add("--ema", type=float, default=0.999, metavar="X", help="decay of the weights' running mean (default: 0.999)")
    add("--init", type=Path, metavar="FILE", help="begin with the weights of that checkpoint (default: at random)")
    add(
        "--reaching", type=int, default=1, metavar="N", help="rows before the gripper first turns come N times as often"
    )
    add("--seed", type=int, default=0, metavar="N", help="of weights, order and noise (default: 0)")
    add("--precision", choices=("auto", "float32", "bfloat16"), default="auto", help="auto: bfloat16 where it is fast")
    add("--device", choices=("auto", "cpu", "cuda"), default="auto", help="auto: a GPU where there is one")
    add("--threads", type=int, metavar="N", help="on a CPU (default: one per core)")
    add("--log-every", type=int, default=50, metavar="N", help="steps between lines of the curves (default: 50)")
    add("--save-every", type=int, default=500, metavar="N", help="steps between saved states (default: 500)")


def add_evaluation_options(options: argparse.ArgumentParser) -> None:
    """What is evaluated on the way."""
    add = options.add_argument_group("evaluation on the way").add_argument
    add("--evaluate-every", type=int, default=0, metavar="N", help="steps between evaluations, and at the end")
    add("--evaluate-protocol", metavar="N", help="protocol (default: that of the data's suite)")
    add("--evaluate-tasks", metavar="A,B", help="only these tasks")
    add("--evaluate-trials", type=int, default=2, metavar="N", help="episodes per task (default: 2)")
    add("--workers", type=int, metavar="N", help="processes that evaluate (default: one per core)")
    add("--assets", metavar="WHERE", help="of suites with asset files, see harness.run")


def main(arguments: list[str] | None = None) -> int:
    """The command line. Exit code 2: it cannot run or save; 3: a loss is not finite; 130: Ctrl-C."""
    options = parser().parse_args(arguments)
    try:
        policy = trainable(options.policy)
        from harness.training.loop import NotFiniteError
    except (LookupError, ValueError, ImportError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    try:
        options.out.mkdir(parents=True, exist_ok=True)
        with locked(options.out):
            return train(policy, options)
    except NotFiniteError as error:
        print(f"error: {error}", file=sys.stderr)
        return 3
    except (LookupError, ValueError, RuntimeError, OSError, CannotStartError) as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"stopped; the same command goes on from what was saved in {options.out}", file=sys.stderr)
        return 130


def locked(out: Path) -> IO[str]:
    """The folder's lock. Raises ValueError where another training has it."""
    try:
        return take_lock(out)
    except StoreError as error:
        raise ValueError(f"another training is writing to {out}; wait for it or name another --out") from error


def trainable(name: str) -> ModuleType:
    """The policy's module. Raises ValueError where it cannot be trained."""
    module = policies.load(name)
    if not hasattr(module, "learner"):
        raise ValueError(f"policy {name!r} cannot be trained: it has no learner()")
    return module


def train(policy: ModuleType, options: argparse.Namespace) -> int:
    """Train to the end, or until somebody stops it."""
    from harness.training.loop import Every
    from harness.training.watching import Stop, Watch, where_time_went

    training = prepared(policy, options)
    stop = Stop()
    evaluate = evaluator(training, options, stop)
    every = Every(options.log_every, options.save_every, options.evaluate_every)
    steps = training.settings.steps
    if training.step == steps:
        print(f"{options.out} is complete: {steps} steps")
        training.save()
    with stop.listening(), Watch(training.step, steps, training.settings.batch) as watch:
        for step in training.run(every, stop, watch.tell, evaluate):
            watch.done(step)
    if training.seconds:
        print(where_time_went(training.seconds))
    if training.step < steps:
        print(f"stopped after step {training.step}; the same command goes on from there", file=sys.stderr)
        return 130
    print(f"weights: {options.out / 'checkpoint.safetensors'}")
    return 0


def prepared(policy: ModuleType, options: argparse.Namespace) -> Training:
    """The training that the options name, as far as it was.

    Raises:
        LookupError, ValueError: a mistake in the options or in the data.
        OSError: something cannot be written.
    """
    import torch

    from harness.training import state
    from harness.training.frames import cached
    from harness.training.loop import Training, parameters

    sources = read_sources(options.data, columns(options))
    spec = agreed_spec(sources, options.suite, listed(options.cameras), listed(options.state))
    data = DataSet(sources, spec, options.hold_out)
    device = chosen_device(options.device)
    chosen = settings(options, data, device)
    state.settle(options.out, chosen)
    torch.set_num_threads(options.threads or os.cpu_count() or 1)
    torch.manual_seed(chosen.seed)
    learner = policy.learner(options.config, chosen.changes, spec, data.statistics(), options.init)
    cache = options.cache or options.out.parent / "cache"
    images = cached(sources, tuple(learner.observation.cameras), learner.image_size_px, cache)
    data.look_through(images, learner.image_size_px, learner.chunk)
    training = Training(policy, learner, data, chosen, options.out, device)
    counts = parameters(training.learner)
    print(
        f"{counts['trained']:,} parameters to train, {counts['frozen']:,} frozen; {len(data.training):,} samples "
        f"of {len(data.table.demonstrations) - len(data.held)} demonstrations, {chosen.steps} steps are "
        f"{chosen.steps * chosen.batch / len(training.places):.1f} epochs; {device}, {chosen.precision}"
        + f"; goes on after step {training.step}"
        * (training.step > 0)
    )
    return training


def columns(options: argparse.Namespace) -> Columns:
    """What of a LeRobot folder is what."""
    cameras = pairs("--camera", options.camera)
    suite: tuple[str, ...] = envs.load(options.suite).spec().observation.state if options.suite else ()
    return Columns(cameras, options.state_key, options.action_key, listed(options.state) or suite)


def settings(options: argparse.Namespace, data: DataSet, device: str) -> Settings:
    """All that decides the weights."""
    from harness.training.state import Settings

    for key in ("log_every", "save_every"):
        if getattr(options, key) < 1:
            raise ValueError(f"--{key.replace('_', '-')} must be at least 1, not {getattr(options, key)}")
    return Settings(
        policy=options.policy,
        config=options.config,
        changes=pairs("--set", options.changes),
        data=data.hash,
        cameras=tuple(data.spec.observation.cameras),
        steps=options.steps,
        batch=options.batch,
        accumulate=options.accumulate,
        lr=options.lr,
        floor=options.lr / 100 if options.floor is None else options.floor,
        warm_up=options.warm_up,
        weight_decay=options.weight_decay,
        clip=options.clip,
        ema=options.ema,
        precision=chosen_precision(options.precision, device),
        seed=options.seed,
        init=hashed(options.init),
        reaching=options.reaching,
    )


def hashed(init: Path | None) -> str:
    """Hash of the checkpoint to begin with, "" for none. Raises LookupError where there is no such file."""
    if init is None:
        return ""
    if not init.is_file():
        raise LookupError(f"no checkpoint {init}")
    return hashlib.sha256(init.read_bytes()).hexdigest()[:32]


def chosen_device(wanted: str) -> str:
    """A GPU where there is one and none other is wanted."""
    import torch

    if wanted == "cuda" and not torch.cuda.is_available():
        raise ValueError("there is no GPU that torch can use; --device cpu trains without")
    return wanted if wanted != "auto" else "cuda" if torch.cuda.is_available() else "cpu"


def chosen_precision(wanted: str, device: str) -> str:
    """The bfloat16 of GPUs, and of processors that multiply it in hardware."""
    import torch

    if wanted != "auto":
        return wanted
    hardware = torch.cpu.get_capabilities()
    fast = device == "cuda" or any(hardware.get(name, False) for name in ("avx512_bf16", "amx_bf16"))
    return "bfloat16" if fast else "float32"


def evaluator(training: Training, options: argparse.Namespace, stop: Stop) -> Any:
    """What evaluates a checkpoint on the way, None where nothing shall.

    Raises:
        LookupError, ValueError: the policy does not fit the protocol; better said now than after hours.
    """
    if options.evaluate_every < 1:
        return None
    from harness.training.evaluating import Evaluator

    suite = options.suite or training.data.sources[0].suite
    protocol = chosen_protocol(
        None if options.evaluate_protocol else suite,
        options.evaluate_protocol,
        options.evaluate_tasks,
        options.evaluate_trials,
    )
    made: Evaluator = Evaluator(options.policy, protocol, options.out, options.workers, options.assets)
    if training.step == 0:
        training.save()
        made.prepared(options.out / "checkpoint.safetensors")

    def evaluate(checkpoint: Path) -> dict[str, Any]:
        with stop.deaf():
            return made(checkpoint)

    return evaluate


if __name__ == "__main__":
    sys.exit(main())
