"""What a folder of a training holds, so that the same command goes on exactly where it stopped.

    settings.json            all that decides the weights; another command with other settings is refused
    state.pt                 the last saved state: weights, optimiser, running mean, generators, step
    checkpoint.safetensors   the running mean of the weights, what is evaluated
    curves.jsonl, curves.png losses over the steps

Each file is written beside and renamed when it is whole, so that the one before stays until then.
"""

from __future__ import annotations

import json
import pickle
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from harness.parts import written

SETTINGS, STATE, CHECKPOINT = "settings.json", "state.pt", "checkpoint.safetensors"


@dataclass(frozen=True)
class Settings:
    """All that decides the weights, but the machine; sizes in samples, rates per step.

    Args:
        policy: its name.
        config: name of its configuration.
        changes: of the configuration's values, by key.
        data: hash of the data.
        cameras: learnt from.
        steps: of the optimiser.
        batch: samples in a step.
        accumulate: parts of a step that are computed one after another.
        lr: highest learning rate. floor: lowest at the end. warm_up: steps until the highest.
        weight_decay: of matrices. clip: largest norm of the gradient. ema: decay of the running mean.
        precision: "float32" or "bfloat16", of what torch casts automatically.
        seed: decides the first weights, the order of the data and all noise.
        reaching: how often rows come in which the gripper has not turned yet, for once that others come.
        init: hash of the checkpoint with whose weights it begins, "" where they are random.
    """

    policy: str
    config: str
    changes: dict[str, str]
    data: str
    cameras: tuple[str, ...]
    steps: int
    batch: int
    accumulate: int
    lr: float
    floor: float
    warm_up: int
    weight_decay: float
    clip: float
    ema: float
    precision: str
    seed: int
    init: str = ""
    reaching: int = 1

    def __post_init__(self) -> None:
        for key in ("steps", "batch", "accumulate", "reaching"):
            if getattr(self, key) < 1:
                raise ValueError(f"--{key} must be at least 1, not {getattr(self, key)}")
        if self.batch % self.accumulate:
            raise ValueError(f"--accumulate {self.accumulate} must divide --batch {self.batch}")
        if not 0 <= self.floor <= self.lr or self.lr <= 0:
            raise ValueError(f"--lr {self.lr} must be above 0, and --floor {self.floor} from 0 to --lr")
        if not 0 <= self.ema < 1:
            raise ValueError(f"--ema must be from 0 to below 1, not {self.ema}")


def settle(out: Path, settings: Settings) -> None:
    """Note the settings in the folder, or refuse to go on with others.

    Raises:
        ValueError: the folder has a training with other settings or data.
        OSError: it cannot be written.
    """
    path, wanted = out / SETTINGS, json.loads(json.dumps(asdict(settings)))
    if not path.exists():
        with written(path) as beside:
            beside.write_text(json.dumps(wanted, indent=1), encoding="utf-8")
        return
    older = {"init": Settings.init, "reaching": Settings.reaching}  # what folders of before lack
    there = older | json.loads(path.read_text(encoding="utf-8"))
    if changed := [f"{key} {there.get(key)!r}, now {now!r}" for key, now in wanted.items() if there.get(key) != now]:
        raise ValueError(f"{out} holds a training with other settings ({'; '.join(changed)}); name another --out")


def save(out: Path, state: dict[str, Any]) -> None:
    """Keep a state; the one before stays until this one is whole."""
    with written(out / STATE) as beside:
        torch.save(state, beside)


def saved(out: Path) -> dict[str, Any] | None:
    """The last saved state, None where there is none.

    Raises:
        ValueError: it is broken.
    """
    path = out / STATE
    if not path.exists():
        return None
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, pickle.UnpicklingError, OSError, KeyError) as error:
        said = " ".join(str(error).split())[:100]
        raise ValueError(f"{path} is broken ({said}); remove it to begin again, or name another --out") from error
    return state
