"""Flow matching over chunks of actions: time as features, a transformer modulated by it, and Heun's integration.

tau = 0 is noise, tau = 1 is data, on the straight line between them (Lipman et al. 2022, arXiv 2210.02747). Blocks are
modulated as in DiT's AdaLN-Zero (Peebles and Xie 2022, arXiv 2212.09748): the network begins as the function 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from policies.layers.attention import Attention, FeedForward, KeysValues

SHORTEST_PERIOD, LONGEST_PERIOD = 4e-3, 4.0  # of the sinusoids of tau, as in openpi


def sinusoids(tau: Tensor, width: int) -> Tensor:
    """(N,) times in [0, 1] -> (N, width) sines, then cosines, their periods a geometric row."""
    fraction = torch.linspace(0, 1, width // 2, device=tau.device, dtype=torch.float32)
    periods = SHORTEST_PERIOD * (LONGEST_PERIOD / SHORTEST_PERIOD) ** fraction
    angles = tau.float()[:, None] * (2 * math.pi / periods)  # (N, width / 2)
    return torch.cat([angles.sin(), angles.cos()], 1)


Modulation = tuple[Tensor, ...]  # shift, scale and gate, (N, 1, D) each, N = 1 where all rows have one time


class ModulatedBlock(nn.Module):
    """Attention and feed-forward; shift, scale and gate of both come from the time."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.attention = Attention(width, heads)
        self.feed_forward = FeedForward(width)
        self.modulation = nn.Linear(width, 6 * width)

    def forward(self, x: Tensor, modulation: Modulation, keys_values: KeysValues | None) -> Tensor:
        """(N, T, D) tokens, six parts of modulation; keys and values to read, None to read one another."""
        shift1, scale1, gate1, shift2, scale2, gate2 = modulation
        normed = self.norm(x) * (1 + scale1) + shift1
        if keys_values is None:
            keys_values = self.attention.keys_values(normed)
        x = x + gate1 * self.attention.read(normed, keys_values)
        added: Tensor = x + gate2 * self.feed_forward(self.norm(x) * (1 + scale2) + shift2)
        return added


class ActionExpert(nn.Module):
    """The velocity of a noisy chunk: blocks that read the context (even) and the chunk itself (odd) in turn.

    Args:
        width: of the tokens, the context's too.
        depth: blocks.
        heads: of the attention.
        chunk: actions.
        entries: of one action.
    """

    def __init__(self, width: int, depth: int, heads: int, chunk: int, entries: int) -> None:
        super().__init__()
        self.width = width
        self.action = nn.Linear(entries, width)
        self.position = nn.Parameter(torch.randn(chunk, width) * 0.02)
        self.time = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU())
        self.blocks: Any = nn.ModuleList(ModulatedBlock(width, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.last_modulation = nn.Linear(width, 2 * width)
        self.velocity = nn.Linear(width, entries)

    def begin_as_zero(self) -> None:
        """AdaLN-Zero: each block begins as the identity, the whole as the function 0."""
        for layer in (*(block.modulation for block in self.blocks), self.last_modulation, self.velocity):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def modulations(self, tau: Tensor) -> list[Modulation]:
        """Six parts for each block and two for the last layer: all that the times (N,) do."""
        features = self.time(sinusoids(tau, self.width))  # (N, D)
        layers = [*(block.modulation for block in self.blocks), self.last_modulation]
        return [layer(features)[:, None].split(self.width, -1) for layer in layers]

    def reading(self, context: Tensor) -> list[KeysValues | None]:
        """Keys and values of the context (N, C, D) for each block; None for those that read the chunk."""
        return [None if index % 2 else block.attention.keys_values(context) for index, block in enumerate(self.blocks)]

    def forward(self, noisy: Tensor, modulations: list[Modulation], reading: list[KeysValues | None]) -> Tensor:
        """(N, T, A) noisy chunk -> (N, T, A) velocity."""
        x = self.action(noisy) + self.position  # (N, T, D)
        for block, modulation, keys_values in zip(self.blocks, modulations, reading, strict=False):
            x = block(x, modulation, keys_values)
        shift, scale = modulations[-1]
        velocity: Tensor = self.velocity(self.norm(x) * (1 + scale) + shift)
        return velocity


def heun(velocity: Callable[[Tensor, int], Tensor], noise: Tensor, steps: int) -> Tensor:
    """Integrate from noise to data in `steps` steps of Heun's method, two evaluations each.

    Args:
        velocity: of a state at the time index / steps, index from 0 to `steps`.
        noise: the state at time 0.
        steps: how many.
    """
    state, step = noise, 1 / steps
    for index in range(steps):
        first = velocity(state, index)
        second = velocity(state + step * first, index + 1)
        state = state + step / 2 * (first + second)
    return state
