"""The network, in the order in which data meet it.

    images -> vision -> resampler per camera --+
    instruction -> frozen text -> resampler ---+-> fusion -> context resampler -> c -> action expert -> velocity
    state -> MLP ------------------------------+                                  +--> Q, V, S heads

With a pointer, images and instruction also meet there, and its tokens join c.

Shapes are those of the paper's LIBERO set-up: 2 cameras, width 384, 16 actions of 7 entries.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from policies.layers.attention import EncoderBlock, Resampler
from policies.layers.flow import ActionExpert
from policies.progvla.config import Config
from policies.progvla.pointer import POINTED, Pointer
from policies.progvla.vision import ViT, backbone


class Sizes(NamedTuple):
    """What a robot has: cameras in order, entries of state and action; and the width of a text token."""

    cameras: tuple[str, ...]
    state: int
    action: int
    text: int


class Estimates(NamedTuple):
    """(B,) each: value and success logit of what is seen, None where there is no such head."""

    value: Tensor | None
    success_logit: Tensor | None


class ContextEncoder(nn.Module):
    """What is seen, told and felt -> the context (B, 4, 384)."""

    mean: Tensor
    std: Tensor

    def __init__(self, config: Config, sizes: Sizes, pretrained: bool) -> None:
        super().__init__()
        width, shape = config.width, (config.resampler_depth, config.heads, config.dropout)
        vision: Any = backbone(config, pretrained=pretrained)
        self.vision = vision
        if config.freeze_vision:
            vision.requires_grad_(False)
        self.project = nn.Identity() if vision.width == width else nn.Linear(vision.width, width)
        self.cameras = nn.ModuleDict(
            {camera: Resampler(width, config.vision_tokens, *shape) for camera in sizes.cameras}
        )
        self.language = nn.Linear(sizes.text, width)
        self.language_resampler = Resampler(width, config.language_tokens, *shape)
        self.state = nn.Sequential(nn.Linear(sizes.state, width), nn.GELU(), nn.Linear(width, width))
        tokens = len(sizes.cameras) * config.vision_tokens + config.language_tokens + 1
        self.position = nn.Parameter(torch.randn(tokens, width) * 0.02)
        self.fusion = nn.ModuleList(
            EncoderBlock(width, config.heads, dropout=config.dropout) for _ in range(config.fusion_depth)
        )
        self.norm = nn.LayerNorm(width)
        self.resampler = Resampler(width, config.context_tokens, *shape) if config.context_resampler else None
        self.pointer = Pointer(width, len(sizes.cameras), config.pointer_heads) if config.pointer_heads else None
        self.register_buffer("mean", torch.tensor(vision.mean)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(vision.std)[:, None, None], persistent=False)

    def told(self, text: Tensor, ignored: Tensor) -> Tensor:
        """(U, 16, 384) of (U, L, 384) token embeddings of instructions, those `ignored` (U, L) left out."""
        resampled: Tensor = self.language_resampler(self.language(text), ignored)
        return resampled

    def forward(self, images: list[Tensor], state: Tensor, told: Tensor) -> Tensor:
        """The context.

        Args:
            images: (B, 3, 112, 112) in [0, 1] for each camera.
            state: (B, 15) normalised.
            told: (B, 16, 384) what each row is told.
        """
        seen = self._seen(images)
        resampled = [one(image) for one, image in zip(self.cameras.values(), seen, strict=True)]  # (B, 8, 384) each
        x = (
            torch.cat([*resampled, told, self.state(state)[:, None]], 1) + self.position
        )  # (B, 8 + 8 + 16 + 1 = 33, 384)
        for block in self.fusion:
            x = block(x)
        x = self.norm(x)
        context: Tensor = x if self.resampler is None else self.resampler(x)  # (B, 4, 384)
        if self.pointer is not None:
            context = torch.cat([context, self.pointer(seen, told)], 1)  # (B, 4 + 2, 384)
        return context

    def _seen(self, images: list[Tensor]) -> list[Tensor]:
        """(B, 64, 384) for each camera."""
        if not images:
            return []
        pixels = torch.cat(images).sub_(self.mean).div_(self.std)  # (2 B, 3, 112, 112)
        patches = self.vision(pixels.contiguous(memory_format=torch.channels_last))  # (2 B, 64, channels)
        return list(self.project(patches).chunk(len(images)))


class Pooler(nn.Module):
    """Tokens -> one, by a resampler of one latent."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.resampler = Resampler(config.width, 1, config.head_depth, config.head_heads)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, N, 384) -> (B, 384)."""
        pooled: Tensor = self.resampler(tokens)[:, 0]
        return pooled


class Regressor(nn.Module):
    """One unbounded number."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(width, width), nn.Linear(width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 384) -> (B,)."""
        number: Tensor = self.last(functional.gelu(self.first(x)))[:, 0]
        return number


class Heads(nn.Module):
    """Q(c, a) of the first action of a chunk, V(c) and the logit that success is near; of the goal, see the config.

    Args:
        config: which there are.
        action: entries of an action.
        state: entries of the state.
        tokens: at the end of the context, from which the goal is told.
    """

    def __init__(self, config: Config, action: int, state: int, tokens: int) -> None:
        super().__init__()
        width = config.width
        if config.q_head:
            self.action = nn.Sequential(nn.Linear(action, width), nn.GELU(), nn.Linear(width, width))
            self.q_pooler, self.q = Pooler(config), Regressor(width)
        if config.value_head or config.success_head:
            self.pooler = Pooler(config)
        self.tokens = tokens
        self.value = Regressor(width) if config.value_head else None
        self.success = Regressor(width) if config.success_head else None
        self.goal = (
            nn.Sequential(nn.Flatten(), nn.Linear(tokens * width, 2 * width), nn.GELU(), nn.Linear(2 * width, state))
            if config.goal_share
            else None
        )

    def begin_as_zero(self) -> None:
        """All estimates begin as 0, so that what they weigh begins as nearly 1."""
        for head in (getattr(self, "q", None), self.value, self.success):
            if head is not None:
                nn.init.zeros_(head.last.weight)

    def quality(self, context: Tensor, action: Tensor) -> Tensor:
        """(B,) Q of (B, A) normalised actions."""
        tokens = torch.cat([self.action(action)[:, None], context], 1)  # (B, 5, 384)
        quality: Tensor = self.q(self.q_pooler(tokens))
        return quality

    def aim(self, context: Tensor) -> Tensor | None:
        """(B, S) normalised state at the goal, None without that head."""
        return None if self.goal is None else self.goal(context[:, -self.tokens :])

    def forward(self, context: Tensor) -> Estimates:
        """V and S."""
        if self.value is None and self.success is None:
            return Estimates(None, None)
        pooled = self.pooler(context)  # (B, 384)
        return Estimates(*(None if head is None else head(pooled) for head in (self.value, self.success)))


class Network(nn.Module):
    """ProgVLA without its text encoder, on normalised numbers.

    Args:
        config: what it is made of.
        sizes: of the robot.
        pretrained: begin with the weights of a vision encoder from elsewhere; else all are to be filled.
    """

    def __init__(self, config: Config, sizes: Sizes, *, pretrained: bool = False) -> None:
        super().__init__()
        self.encoder = ContextEncoder(config, sizes, pretrained)
        self.expert = ActionExpert(config.width, config.expert_depth, config.heads, config.chunk, sizes.action)
        tokens = config.context_tokens if config.context_resampler else len(self.encoder.position)
        self.heads = Heads(config, sizes.action, sizes.state, POINTED if config.pointer_heads else tokens)
        self._begin()

    def _begin(self) -> None:
        """Initial weights; those of a vision encoder from elsewhere stay."""
        elsewhere = set() if isinstance(self.encoder.vision, ViT) else set(self.encoder.vision.modules())
        for module in self.modules():
            if isinstance(module, nn.Linear) and module not in elsewhere:
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)
        self.expert.begin_as_zero()
        self.heads.begin_as_zero()
