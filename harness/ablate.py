"""Train and evaluate the variants of a policy: `python -m harness.ablate --policy progvla --suite S --data PATH ...`.

Every variant learns from the same demonstrations in the same order and is evaluated over the same starts; the table
holds them against the variant `full`, start by start, beside the paper's. Below --out lie a folder of `harness.train`
for each variant and seed, and one store, `records`, in which they are named: `progvla(variant=no-progress, seed=0)`.
The same command goes on where it was stopped or killed; more variants, seeds, tasks or trials may follow.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from harness.display import Display
from harness.evaluation import ERRORS, Evaluation
from harness.options import add_assets_option, chosen_protocol, listed, pairs
from harness.pool import worker_count
from harness.rollout import CannotStartError
from harness.train import add_data_options, add_learning_options, locked, train, trainable
from protocols.contracts import BrokenFileError, EvaluationProtocol
from protocols.registry import require
from results.ablation import ablation_blocks, ablations, read_entries
from results.ablation_csv import ablation_csv
from results.documents import deliver
from results.export import load_records
from results.groups import by_policy
from results.layout import Block, latex, markdown
from results.literature import read_published
from results.store import Store
from results.trained import read_trained

RECORDS = "records"
FORMATS = ("markdown", "csv", "latex")
EXAMPLES = """examples:
  python -m harness.ablate --policy progvla --config tiny --suite metaworld --data demonstrations/metaworld_mt50 \\
      --tasks reach-v3,push-v3,door-open-v3,drawer-close-v3 --trials 20 --steps 4000 --batch 64 --out ablation
      the five rows of the paper's Table 2 at a small scale
  python -m harness.ablate ... --variants full,no-progress --seeds 0,1,2
      two of them, three trainings each
  python -m harness.ablate ... --variants full,dinov3 --set dinov3:vision_path=dinov3.safetensors
      a value of one variant only
"""


def parser() -> argparse.ArgumentParser:
    """The options; those of learning are the ones of `harness.train`."""
    options = argparse.ArgumentParser(
        prog="python -m harness.ablate",
        description="Train a policy's variants alike, evaluate them over the same starts, and show what each is worth.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = options.add_argument
    add("--policy", required=True, metavar="P", help="a policy with variants, as progvla")
    add("--variants", metavar="A,B", help="which of them (default: those of the paper's table)")
    add("--seeds", metavar="0,1", help="train each variant with each of these seeds (default: that of --seed)")
    add("--config", default="small", metavar="C", help="configuration of all variants (default: small)")
    add("--set", action="append", default=[], metavar="KEY=VALUE", dest="changes", help="or VARIANT:KEY=VALUE")
    add("--data", type=Path, nargs="+", required=True, metavar="PATH", help="HDF5 files, folders of them, or LeRobot's")
    add("--out", type=Path, required=True, metavar="DIR", help="folder for trainings and records")
    add("--table", type=Path, metavar="FILE", help="write the table to this file (default: print it)")
    add("--format", choices=FORMATS, default="markdown")
    evaluation = options.add_argument_group("evaluation").add_argument
    evaluation("--protocol", metavar="N", help="protocol (default: that of --suite)")
    evaluation("--tasks", metavar="A,B", help="only these tasks of it")
    evaluation("--trials", type=int, metavar="N", help="episodes per task (default: the protocol's)")
    evaluation("--workers", type=int, metavar="N", help="processes (default: one per core)")
    add_assets_option(evaluation)
    add_data_options(options)
    add_learning_options(options)
    return options


def main(arguments: list[str] | None = None) -> int:
    """The command line. Exit code 2: it cannot run or save; 3: a loss is not finite; 130: Ctrl-C."""
    command = sys.argv[1:] if arguments is None else arguments
    options = parser().parse_args(command)
    try:
        code = run(options, command)
    except ArithmeticError as error:  # a loss, see harness.training.loop
        print(f"error: {error}", file=sys.stderr)
        return 3
    except (LookupError, ValueError, RuntimeError, OSError, CannotStartError, BrokenFileError) as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"stopped; the same command goes on from what is in {options.out}", file=sys.stderr)
        return 130
    return code or deliver(lambda: table(options.policy, options.out / RECORDS, options.format), options.table)


class Training(NamedTuple):
    """One of a variant's trainings: values that differ from the configuration, and its seed."""

    variant: str
    seed: int
    changes: dict[str, str]

    @property
    def folder(self) -> str:
        """Name of its folder."""
        return f"{self.variant}-{self.seed}"


def run(options: argparse.Namespace, command: Sequence[str]) -> int:
    """Train and evaluate what is missing, seed by seed; the exit code of a training that was stopped, else 0.

    Raises:
        LookupError, ValueError: a mistake in the options or the data.
        ArithmeticError: a loss that is not finite.
    """
    module = trainable(options.policy)
    protocol = chosen_protocol(options.suite, options.protocol, options.tasks, options.trials)
    options.workers = worker_count(options.workers)
    for training in trainings(module, options):
        print(f"{training.variant}, seed {training.seed}")
        chosen = argparse.Namespace(**vars(options) | settings(options, protocol, training))
        chosen.out.mkdir(parents=True, exist_ok=True)
        with locked(chosen.out):
            if code := train(module, chosen):
                return code
        evaluate(training, protocol, chosen, options.out / RECORDS, command)
    return 0


def trainings(module: ModuleType, options: argparse.Namespace) -> list[Training]:
    """Every variant with every seed, all variants of a seed before the next."""
    there_are = variants(module, options.policy)
    usual = [entry.variant for entry in read_entries(options.policy)] or list(there_are)
    names = [require("variant", name, there_are) for name in listed(options.variants) or usual]
    common, own = split_changes(options.changes, there_are)
    return [
        Training(name, seed, common | there_are[name] | own.get(name, {}))
        for seed in seeds(options)
        for name in dict.fromkeys(names)
    ]


def variants(module: ModuleType, policy: str) -> Mapping[str, dict[str, str]]:
    """Changes by variant. Raises ValueError where the policy has no variants."""
    try:
        found: Mapping[str, dict[str, str]] = importlib.import_module(f"{module.__name__}.variants").VARIANTS
    except ModuleNotFoundError as error:
        raise ValueError(f"policy {policy!r} names no variants: it has no module variants") from error
    return found


def seeds(options: argparse.Namespace) -> list[int]:
    """The seeds of the trainings."""
    texts = listed(options.seeds)
    if texts is None:
        return [options.seed]
    if not texts or not all(text.isdecimal() for text in texts):
        raise ValueError(f"--seeds takes numbers as 0,1, not {options.seeds!r}")
    return list(dict.fromkeys(map(int, texts)))


def split_changes(texts: Iterable[str], names: Iterable[str]) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
    """The changes of all variants, and those of single ones by name."""
    common: dict[str, str] = {}
    own: dict[str, dict[str, str]] = {}
    for text in texts:
        variant, colon, rest = text.partition(":")
        if colon and "=" not in variant:
            own.setdefault(require("variant", variant, names), {}).update(pairs("--set", [rest]))
        else:
            common |= pairs("--set", [text])
    return common, own


def settings(options: argparse.Namespace, protocol: EvaluationProtocol, training: Training) -> dict[str, object]:
    """What a training's options of `harness.train` are, where they differ from ours."""
    return {
        "suite": protocol.suite,
        "out": options.out / training.folder,
        "cache": options.cache or options.out / "cache",
        "changes": [f"{key}={value}" for key, value in training.changes.items()],
        "seed": training.seed,
        "evaluate_every": 0,
    }


def evaluate(
    training: Training, protocol: EvaluationProtocol, chosen: argparse.Namespace, folder: Path, command: Sequence[str]
) -> None:
    """Evaluate what is missing of a training's checkpoint."""
    name = f"{chosen.policy}(variant={training.variant}, seed={training.seed})"
    arguments = {"checkpoint": str(chosen.out / "checkpoint.safetensors")}
    evaluation = Evaluation(protocol, chosen.policy, arguments, assets=chosen.assets, recorded_as=name)
    with Store(folder, write=True) as store:
        records = evaluation.settled(store)
        with Display(evaluation.protocol, name, records) as display:
            made = evaluation.run(store, workers=chosen.workers, command=command, program="harness.ablate")
            for record in made:
                records.append(record)
                display.add(record)
    if errors := sum(record.error is not None for record in records):
        print(f"{errors} episodes have no verdict, see {folder / ERRORS}; the same command tries them again")


def table(policy: str, folder: Path, form: str) -> str:
    """The ablations of a policy in a store.

    Raises:
        StoreError, ValueError: it cannot be read, or holds two trainings of one variant and seed.
    """
    records = load_records(folder)
    groups = [group for (name, _), group in ablations(by_policy(records)).items() if name == policy]
    published = read_published()
    if form == "csv":
        texts = [ablation_csv(policy, group, published) for group in groups]
        return "".join([*texts[:1], *(text.partition("\n")[2] for text in texts[1:])])
    trained = read_trained(folder, records)
    blocks: list[Block] = [block for group in groups for block in ablation_blocks(policy, group, published, trained)]
    return (latex if form == "latex" else markdown)(blocks)


if __name__ == "__main__":
    sys.exit(main())
