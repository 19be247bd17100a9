"""Weights and card in one file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from harness.parts import written


def save(path: Path, weights: dict[str, torch.Tensor], card: dict[str, Any]) -> None:
    with written(path) as beside, beside.open("wb") as file:
        np.savez(file, card=json.dumps(card), **{name: value.numpy() for name, value in weights.items()})


def load(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    with np.load(path) as file:
        return {name: torch.from_numpy(file[name]) for name in file if name != "card"}, json.loads(str(file["card"]))
