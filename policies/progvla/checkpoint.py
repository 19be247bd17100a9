"""Weights and their card in one safetensors file, written whole or not at all, read strictly."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

CARD = "card"
SUFFIX = ".safetensors"


class Checkpoint(NamedTuple):
    """Weights by name, and what they are."""

    weights: dict[str, Tensor]
    card: dict[str, Any]


def save(path: Path, weights: dict[str, Tensor], card: dict[str, Any]) -> None:
    """Write a checkpoint beside its place and move it there, so that an older one is intact until the new one is whole.

    Weights are rounded to half precision, which halves the file; what is evaluated is always read from a file.

    Raises:
        OSError: it cannot be written.
    """
    from safetensors.torch import save as packed

    rounded = {name: tensor.detach().cpu().half().contiguous() for name, tensor in weights.items()}
    data = packed(rounded, {CARD: json.dumps(card)})
    beside = path.with_name(f"{path.name}.new")
    try:
        with beside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise


def card(path: Path) -> dict[str, Any]:
    """The card alone.

    Raises:
        LookupError: there is no such file.
        ValueError: it is broken, or no checkpoint of ours.
    """
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise LookupError(f"no checkpoint {path}")
    try:
        with safe_open(path, "pt") as file:
            told: dict[str, Any] = json.loads((file.metadata() or {})[CARD])
    except (SafetensorError, KeyError, ValueError, OSError) as error:
        raise ValueError(f"{path} is broken or no checkpoint of Headway: {' '.join(str(error).split())}") from error
    return told


def load(path: Path) -> Checkpoint:
    """Weights and card; errors as of `card`."""
    from safetensors.torch import load_file

    told = card(path)
    return Checkpoint(load_file(path), told)


def fingerprint(weights: dict[str, Tensor]) -> str:
    """Hash of the weights, whatever is told of them."""
    found = hashlib.sha256()
    for name in sorted(weights):
        found.update(name.encode() + weights[name].contiguous().numpy().tobytes())
    return found.hexdigest()[:32]
