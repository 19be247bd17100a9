"""The network, and what turns observations and actions into its numbers, in training and in evaluation alike."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from policies.progvla.config import Config
from policies.progvla.model import Network, Sizes
from policies.progvla.text import TextEncoder, encoder
from protocols.contracts import ActionSpec, EnvSpec, FloatArray, ImageArray, ObservationSpec, content_hash
from protocols.samples import Statistics, resized


class Text(NamedTuple):
    """The different instructions of a batch.

    tokens: (U, L, W) embeddings. ignored: (U, L) True where there is no token. told: (B,) which of them a row is told.
    """

    tokens: Tensor
    ignored: Tensor
    told: Tensor


class Agent(nn.Module):
    """ProgVLA for one robot.

    Args:
        config: of the network.
        spec: the robot's cameras in order, entries of its state, and its action.
        statistics: of the data that it is trained on, by which state and actions are normalised.
        pretrained: begin with the weights of a vision encoder from elsewhere.
    """

    state_mean: Tensor
    state_std: Tensor
    action_mean: Tensor
    action_std: Tensor

    def __init__(self, config: Config, spec: EnvSpec, statistics: Statistics, *, pretrained: bool = False) -> None:
        super().__init__()
        self.config, self.spec, self.statistics = config, spec, statistics
        self.text = text_encoder(config.text, config.text_path, config.max_text_tokens)
        sizes = Sizes(
            tuple(spec.observation.cameras), len(spec.observation.state), len(spec.action.entries), self.text.width
        )
        self.network = Network(config, sizes, pretrained=pretrained)
        for name, values in statistics._asdict().items():
            self.register_buffer(name, torch.from_numpy(np.asarray(values, np.float32)), persistent=False)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.state_mean.device

    def pixels(self, images: ImageArray) -> Tensor:
        """(B, h, w, 3) uint8 -> (B, size, size, 3) uint8 at the size that the network sees."""
        return torch.from_numpy(np.ascontiguousarray(resized(images, self.config.image_size_px))).to(self.device)

    @staticmethod
    def images(pixels: Tensor) -> Tensor:
        """(B, size, size, 3) uint8 -> (B, 3, size, size) in [0, 1], channels last in memory."""
        return pixels.permute(0, 3, 1, 2).float().div_(255)

    def normal_state(self, state: FloatArray) -> Tensor:
        """(B, S) raw -> normalised."""
        return (torch.from_numpy(state).to(self.device) - self.state_mean) / self.state_std

    def normal_actions(self, actions: FloatArray) -> Tensor:
        """(B, H, A) raw -> normalised."""
        return (torch.from_numpy(actions).to(self.device) - self.action_mean) / self.action_std

    def raw_actions(self, actions: Tensor) -> FloatArray:
        """(B, H, A) normalised -> raw, within the action's range."""
        raw: FloatArray = (actions * self.action_std + self.action_mean).cpu().numpy()
        return raw.clip(*self.spec.action.bounds())

    def texts(self, instructions: Sequence[str]) -> Text:
        """Token embeddings of the different instructions; always padded to the limit, so that sums never change."""
        different = list(dict.fromkeys(instructions))
        tokens = torch.zeros(len(different), self.config.max_text_tokens, self.text.width, device=self.device)
        ignored = torch.ones(tokens.shape[:2], dtype=torch.bool, device=self.device)
        for row, instruction in enumerate(different):
            embedded = self.text.tokens(instruction)  # (L, W)
            tokens[row, : len(embedded)] = embedded.to(self.device)
            ignored[row, : len(embedded)] = False
        told = torch.tensor([different.index(instruction) for instruction in instructions], device=self.device)
        return Text(tokens, ignored, told)

    def card(self) -> dict[str, Any]:
        """All that is needed to build it again, as JSON."""
        return {
            "policy": "progvla",
            "config": dataclasses.asdict(self.config),
            "cameras": list(self.spec.observation.cameras),
            "state": list(self.spec.observation.state),
            "action": dataclasses.asdict(self.spec.action),
            "statistics": {name: np.asarray(values).tolist() for name, values in self.statistics._asdict().items()},
        }


@cache
def text_encoder(name: str, path: str, max_tokens: int) -> TextEncoder:
    """The encoder of instructions, read once; it is frozen and keeps what it has encoded."""
    return encoder(name, path, max_tokens)


def agent_of(card: dict[str, Any]) -> Agent:
    """An agent with initial weights, as the card says.

    Raises:
        ValueError: the card is of another policy, or lacks something.
    """
    if card.get("policy") != "progvla":
        raise ValueError(f"it is a checkpoint of policy {card.get('policy')!r}, not of 'progvla'")
    try:
        config = Config(**tuples(card["config"]))
        size = config.image_size_px
        spec = EnvSpec(
            ObservationSpec(dict.fromkeys(card["cameras"], (size, size)), tuple(card["state"])),
            ActionSpec(**tuples(card["action"])),
        )
        statistics = statistics_of(card)
    except (KeyError, TypeError) as error:
        raise ValueError(f"its card is incomplete or of another version: {error}") from error
    return Agent(config, spec, statistics)


def statistics_of(card: dict[str, Any]) -> Statistics:
    """The statistics that a card holds."""
    return Statistics(**{key: np.array(value, np.float32) for key, value in card["statistics"].items()})


def tuples(values: dict[str, Any]) -> dict[str, Any]:
    """The same, with the tuples that JSON has made lists."""
    return {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}


def same_robot(card: dict[str, Any], spec: EnvSpec) -> bool:
    """Whether a card's cameras, state and action are those of an environment."""
    action = content_hash(dataclasses.asdict(spec.action)) == content_hash(card["action"])
    return (
        action
        and set(card["cameras"]) <= set(spec.observation.cameras)
        and set(card["state"]) <= set(spec.observation.state)
    )
