"""ProgVLA at work: encode what is seen once, integrate the flow, give a chunk and the heads' estimates.

What depends on neither noise nor observation is computed once: the modulation of each of the integration's times, and
what the language resampler makes of an instruction. The noise of a row comes from the row's own seed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from policies.layers.flow import heun
from policies.progvla.agent import Agent
from policies.progvla.text import MINILM
from protocols.contracts import Batch, Episode, ObservationSpec, Plan, at_least_one, content_hash


class ProgVLA:
    """A trained agent as a policy.

    Args:
        agent: in evaluation mode.
        observation: what it looks at, at the environment's image size.
        weights: hash of its weights.
        batch_size: rows of every batch.
        trained: what its checkpoint's card says about its training.
    """

    in_worker = False

    def __init__(
        self, agent: Agent, observation: ObservationSpec, weights: str, batch_size: int, trained: dict[str, Any]
    ) -> None:
        self.trained = trained
        self.agent, self.observation, self.weights = agent, observation, weights
        self.action, self.batch_size = agent.spec.action, at_least_one("batch_size", batch_size)
        self.chunk, self.execute = agent.config.chunk, agent.config.execute
        self.told: dict[str, Tensor] = {}  # (16, D) by instruction
        times = torch.linspace(0, 1, agent.config.integration_steps + 1, device=agent.device)
        with torch.inference_mode(), one_thread():
            self.modulations = [agent.network.expert.modulations(time[None]) for time in times]

    def reset(self, slot: int, episode: Episode) -> None:
        """There is no history."""

    def act(self, batch: Batch) -> Plan:
        """(B, chunk, A) actions; V as progress, the probability that success is near, and Q - V of the first action."""
        agent, network = self.agent, self.agent.network
        with torch.inference_mode(), one_thread():
            cameras = agent.spec.observation.cameras
            images = [agent.images(agent.pixels(batch.images[camera])) for camera in cameras]
            told = torch.stack([self._told(instruction) for instruction in batch.instructions])
            context = network.encoder(images, agent.normal_state(batch.state), told)
            reading = network.expert.reading(context)
            chunk = heun(
                lambda state, index: network.expert(state, self.modulations[index], reading),
                self._noise(batch.seeds),
                agent.config.integration_steps,
            )
            value, logit = network.heads(context)
            quality = network.heads.quality(context, chunk[:, 0]) if agent.config.q_head else None
        success = None if logit is None else logit.sigmoid().cpu().numpy()
        advantage = None if quality is None or value is None else (quality - value).cpu().numpy()
        progress = None if value is None else value.clamp(0, 1).cpu().numpy()
        return Plan(agent.raw_actions(chunk), progress, success, advantage)

    def _told(self, instruction: str) -> Tensor:
        if instruction not in self.told:
            text = self.agent.texts([instruction])
            self.told[instruction] = self.agent.network.encoder.told(text.tokens, text.ignored)[0]
        return self.told[instruction]

    def _noise(self, seeds: npt.NDArray[np.uint64]) -> Tensor:
        """(B, chunk, A), each row from its own seed."""
        shape = self.chunk, len(self.action.entries)
        noise = np.stack([np.random.default_rng(seed).standard_normal(shape, np.float32) for seed in seeds])
        return torch.from_numpy(noise).to(self.agent.device) * self.agent.config.noise_scale

    def about(self) -> dict[str, Any]:
        """From what it was trained, and how."""
        return self.trained

    def fingerprint(self) -> str:
        """Hash of weights, card, version of the text encoder, rows of a batch, and the kind of device."""
        text = version(MINILM[1]) if self.agent.config.text == "minilm" else ""
        return content_hash([self.weights, self.agent.card(), text, self.batch_size, self.agent.device.type])


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute in one thread: these are small products, and the other cores run simulators."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
