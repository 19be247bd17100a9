"""What `harness.train` minimises."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from policies.layers.attention import KeysValues
from policies.progvla import checkpoint, losses
from policies.progvla.agent import Agent, same_robot, statistics_of
from policies.progvla.config import Config
from policies.progvla.weights import fill
from protocols.contracts import ActionSpec, EnvSpec, ObservationSpec
from protocols.samples import Samples


class Learner(Agent):
    """ProgVLA in training; see `harness.train` for what it asks of a learner."""

    began_from: dict[str, Any] | None = None  # what the checkpoint says with whose weights it began

    @classmethod
    def begun(cls, config: Config, spec: EnvSpec, path: Path) -> Learner:
        """With the weights and statistics of a checkpoint; errors as of `policies.progvla.learner`."""
        weights, card = checkpoint.load(path)
        if card.get("policy") != "progvla" or not same_robot(card, spec):
            raise ValueError(f"{path} is no checkpoint of progvla for this robot, its cameras and its state")
        if list(spec.observation.state) != card["state"] or list(spec.observation.cameras) != card["cameras"]:
            raise ValueError(f"{path} has state {card['state']} and cameras {card['cameras']}: name them so")
        made = cls(config, spec, statistics_of(card))
        fill(made, weights, str(path))
        made.began_from = {key: card[key] for key in ("training", "data", "began_from") if key in card}
        return made

    def card(self) -> dict[str, Any]:
        """As an agent's, and with whose weights it began."""
        return super().card() | ({"began_from": self.began_from} if self.began_from else {})

    @property
    def image_size_px(self) -> int:
        """Height and width of the images that it wants."""
        return self.config.image_size_px

    @property
    def chunk(self) -> int:
        """Actions per sample."""
        return self.config.chunk

    @property
    def observation(self) -> ObservationSpec:
        """What it looks at."""
        return self.spec.observation

    @property
    def action(self) -> ActionSpec:
        """What it does."""
        return self.spec.action

    def losses(self, samples: Samples, generator: torch.Generator) -> dict[str, Tensor]:
        """Equation 8 as "loss", and what it is made of.

        Args:
            samples: B rows of demonstrations.
            generator: of flow noise, flow times and augmentation.
        """
        config, network = self.config, self.network
        images = [
            self._augmented(self.pixels(samples.images[camera]), generator) for camera in self.observation.cameras
        ]
        text = self.texts(samples.instructions)
        told = network.encoder.told(text.tokens, text.ignored)[text.told]  # (B, 16, D)
        context = network.encoder(images, self._blurred(self.normal_state(samples.state), generator), told)  # (B, 4, D)
        actions = self.normal_actions(samples.actions)  # (B, H, A)
        to_go = torch.from_numpy(samples.to_go).to(self.device)

        flow = self._flow(context, actions, generator)  # (B,)
        quality = network.heads.quality(context, actions[:, 0]).float() if config.q_head else None
        value, logit = (None if one is None else one.float() for one in network.heads(context))
        heads = losses.head_losses(config, quality, value, logit, to_go)
        if (aim := network.heads.aim(context)) is not None:
            off = (aim.float() - self.normal_state(samples.goal)).square().mean(1)  # (B,)
            reaching = torch.from_numpy(samples.reaching).to(self.device)
            heads["goal"] = (off * reaching).sum() / reaching.sum().clamp(min=1)
        advantage_weight = losses.policy_weight(config, quality, value, losses.progress(to_go, config.horizon))
        success_weight = losses.success_weight(logit, advantage_weight)
        loss = losses.total(config, flow, advantage_weight * success_weight, heads)
        seen = {"flow": flow.mean(), **heads}
        for name, weight in (("advantage_weight", advantage_weight), ("success_weight", success_weight)):
            seen |= {f"{name}_{kind}": getattr(weight, kind)() for kind in ("mean", "min", "max")}
        return {"loss": loss, **{name: value.detach() for name, value in seen.items()}}

    def _flow(self, context: Tensor, actions: Tensor, generator: torch.Generator) -> Tensor:
        """(B,) flow loss, the mean over draws, actions and entries."""
        draws, expert = self.config.flow_draws, self.network.expert
        flow = losses.interpolated(actions.repeat(draws, 1, 1), self.config.time_sampling, generator)
        reading = [
            None if offered is None else KeysValues(*(part.repeat(draws, 1, 1, 1) for part in offered))
            for offered in expert.reading(context)
        ]
        velocity = expert(flow.noisy, expert.modulations(flow.tau), reading)  # (draws B, H, A)
        off: Tensor = ((velocity.float() - flow.velocity) ** 2).mean((1, 2))  # (draws B,)
        return off.view(draws, -1).mean(0)

    def _blurred(self, state: Tensor, generator: torch.Generator) -> Tensor:
        """(B, S) normalised, with noise in training."""
        deviation = self.config.state_noise
        if not (self.training and deviation):
            return state
        return state + deviation * torch.randn(state.shape, generator=generator, device=generator.device)

    def _augmented(self, pixels: Tensor, generator: torch.Generator) -> Tensor:
        """(B, size, size, 3) uint8 -> (B, 3, size, size) in [0, 1], moved and brightened at random in training."""
        config, rows = self.config, len(pixels)
        if self.training and config.shift_px:
            pixels = shifted(pixels, config.shift_px, generator)
        images = self.images(pixels)
        if self.training and config.brightness:
            drawn = torch.rand(rows, 1, 1, 1, generator=generator, device=generator.device)
            images.mul_(1 + config.brightness * (2 * drawn - 1))
        return images


def shifted(pixels: Tensor, by_px: int, generator: torch.Generator) -> Tensor:
    """(B, h, w, 3) moved by up to `by_px` each way, the edge repeated."""
    rows, height, width = pixels.shape[:3]
    moved = torch.randint(-by_px, by_px + 1, (2, rows, 1), generator=generator, device=generator.device)
    down = (torch.arange(height, device=pixels.device) + moved[0]).clamp(0, height - 1)  # (B, h)
    across = (torch.arange(width, device=pixels.device) + moved[1]).clamp(0, width - 1)  # (B, w)
    row = torch.arange(rows, device=pixels.device)[:, None, None]
    return pixels[row, down[:, :, None], across[:, None]]
