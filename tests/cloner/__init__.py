"""A policy that clones behaviour with two small layers, to test training without a real one.

It draws noise on the state from the generator that it is given, and dropout from torch's own, as real policies do.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from protocols.contracts import ActionSpec, Batch, EnvSpec, Episode, ObservationSpec, Plan, content_hash
from protocols.registry import require
from protocols.samples import Samples, Statistics, resized
from tests.cloner import checkpoint

CONFIGS = {"small": 16, "tiny": 4}


class Learner(nn.Module):
    image_size_px = 6

    def __init__(self, width: int, chunk: int, spec: EnvSpec, statistics: Statistics, poison: float = np.inf) -> None:
        super().__init__()
        self.observation, self.action, self.chunk, self.poison = *spec, chunk, poison
        self.about = {"width": width, "chunk": chunk, "observation": asdict(spec.observation)}
        self.about |= {"action": asdict(spec.action)}
        for name, values in statistics._asdict().items():
            self.register_buffer(name, torch.from_numpy(values))
        seen = len(spec.observation.state) + len(spec.observation.cameras) * 3 * self.image_size_px**2
        entries = len(spec.action.entries)
        self.layers = nn.Sequential(
            nn.Linear(seen, width), nn.ReLU(), nn.Dropout(0.1), nn.Linear(width, chunk * entries)
        )
        self.layers[0].weight.requires_grad = True
        self.fixed = nn.Parameter(torch.zeros(3), requires_grad=False)

    def forward(self, images: dict[str, Any], state: Tensor) -> Tensor:
        pixels = [torch.from_numpy(image).flatten(1) / 255 for image in images.values()]
        whitened = (state - self.state_mean) / self.state_std
        return self.layers(torch.cat([whitened, *pixels], dim=1)).unflatten(1, (self.chunk, -1))  # (B, H, A)

    def losses(self, samples: Samples, generator: torch.Generator) -> dict[str, Tensor]:
        state = torch.from_numpy(samples.state)
        if self.training:
            state = state + 0.01 * torch.randn(state.shape, generator=generator)
        wanted = (torch.from_numpy(samples.actions) - self.action_mean) / self.action_std
        error = (self(samples.images, state) - wanted).square().mean(2) * ~torch.from_numpy(samples.padded)
        error = error.mean() * (torch.nan if samples.state.max() > self.poison else 1)
        return {"loss": error, "to_go": torch.from_numpy(samples.to_go).float().mean()}

    def card(self) -> dict[str, Any]:
        return self.about


def learner(
    config: str, changes: dict[str, str], spec: EnvSpec, statistics: Statistics, init: Path | None = None
) -> Learner:
    width = CONFIGS[require("config", config, CONFIGS)]
    for key in changes:
        require("value of the configuration", key, ("chunk", "poison"))
    made = Learner(width, int(changes.get("chunk", 4)), spec, statistics, float(changes.get("poison", np.inf)))
    if init is not None:
        made.load_state_dict(checkpoint.load(init)[0])
    return made


class Cloner:
    in_worker, batch_size = False, 2

    def __init__(self, spec: EnvSpec, path: Path) -> None:
        weights, card = checkpoint.load(path)
        self.card = card
        seen, action = card["observation"], card["action"]
        known = EnvSpec(ObservationSpec(seen["cameras"], tuple(seen["state"])), ActionSpec(**action))
        empty = Statistics(*(weights[name].numpy() for name in Statistics._fields))
        self.learner = Learner(card["width"], card["chunk"], known, empty).eval()
        self.learner.load_state_dict(weights)
        self.observation = ObservationSpec(
            {camera: spec.observation.cameras[camera] for camera in seen["cameras"]}, known.observation.state
        )
        self.action, self.chunk, self.execute = spec.action, card["chunk"], card["chunk"]
        self.hash = content_hash([value.tolist() for value in weights.values()])

    def reset(self, slot: int, episode: Episode) -> None:
        pass

    @torch.no_grad()
    def act(self, batch: Batch) -> Plan:
        images = {camera: resized(image, self.learner.image_size_px) for camera, image in batch.images.items()}
        whitened = self.learner(images, torch.from_numpy(batch.state))
        return Plan((whitened * self.learner.action_std + self.learner.action_mean).numpy())

    def about(self) -> dict[str, Any]:
        return self.card

    def fingerprint(self) -> str:
        return self.hash


def make(spec: EnvSpec, checkpoint: str) -> Cloner:
    return Cloner(spec, Path(checkpoint))
