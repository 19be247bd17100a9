"""How many parameters ProgVLA has, part by part: `python -m policies.progvla.budget --config paper`."""

from __future__ import annotations

import argparse
import sys

from torch import nn

from policies.progvla.config import CONFIGS, config
from policies.progvla.model import Network, Sizes

TEXT = {"minilm": (384, 22.71), "t5-small": (512, 35.33)}  # width of a token, millions of frozen parameters
ROBOTS = {
    "two cameras (LIBERO)": Sizes(("agent", "wrist"), 15, 7, 0),
    "one camera (Meta-World)": Sizes(("agent",), 4, 4, 0),
}


def budget(network: Network) -> dict[str, float]:
    """Millions of parameters by part."""
    encoder, heads = network.encoder, network.heads
    parts: dict[str, list[nn.Module]] = {
        "vision": [encoder.vision, encoder.project],
        "camera resamplers": [encoder.cameras],
        "language": [encoder.language, encoder.language_resampler],
        "state": [encoder.state],
        "fusion": [encoder.fusion, encoder.norm],
        "context resampler": [] if encoder.resampler is None else [encoder.resampler],
        "pointer": [] if encoder.pointer is None else [encoder.pointer],
        "action expert": [network.expert],
        "heads": [heads],
    }
    counts = {part: millions(*modules) for part, modules in parts.items()}
    return counts | {"trained without heads": millions(network) - counts["heads"], "trained": millions(network)}


def millions(*modules: nn.Module) -> float:
    """Millions of parameters."""
    return sum(parameter.numel() for module in modules for parameter in module.parameters()) / 1e6


def main(arguments: list[str] | None = None) -> int:
    """The command line. Exit code 2: an unknown config or value."""
    parser = argparse.ArgumentParser(prog="python -m policies.progvla.budget", description=__doc__)
    parser.add_argument("--config", default="paper", metavar="C", help=f"one of: {', '.join(CONFIGS)}")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="another value of the config")
    options = parser.parse_args(arguments)
    try:
        chosen = config(options.config, dict(pair.partition("=")[::2] for pair in options.set))
        width, frozen = TEXT[chosen.text]
        columns = {robot: budget(Network(chosen, sizes._replace(text=width))) for robot, sizes in ROBOTS.items()}
    except (LookupError, ValueError, RuntimeError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{'millions of parameters':<24}", *(f"{robot:>24}" for robot in columns))
    for part in next(iter(columns.values())):
        print(f"{part:<24}", *(f"{column[part]:>24.2f}" for column in columns.values()))
    print(f"{'frozen text encoder':<24}", *(f"{frozen:>24.2f}" for _ in columns))
    print(f"{'all':<24}", *(f"{column['trained'] + frozen:>24.2f}" for column in columns.values()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
