"""Images into tokens: a ViT from scratch; encoders with weights from elsewhere: `policies.progvla.pretrained`."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from policies.layers.attention import EncoderBlock
from policies.progvla.config import Config

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class ViT(nn.Module):
    """A vision transformer whose patches come from one convolution, or from a stem of several (arXiv 2106.14881).

    Attributes:
        width: of its tokens.
        tokens: how many there are per image, registers left out.
    """

    mean, std = IMAGENET_MEAN, IMAGENET_STD

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.width, registers = config.vit_width, config.vit_registers
        patch = 2 ** len(config.vit_stem) if config.vit_stem else config.vit_patch_px
        if config.image_size_px % patch:
            raise ValueError(f"images of {config.image_size_px} pixels do not divide into patches of {patch}")
        self.tokens = (config.image_size_px // patch) ** 2
        self.patches = stem(config.vit_stem) if config.vit_stem else nn.Conv2d(3, self.width, patch, patch)
        last = config.vit_stem[-1] if config.vit_stem else self.width
        self.project = nn.Identity() if last == self.width else nn.Linear(last, self.width)
        self.position = nn.Parameter(places(config.image_size_px // patch, self.width))
        self.registers = nn.Parameter(torch.randn(registers, self.width) * 0.02)
        self.blocks = nn.ModuleList(EncoderBlock(self.width, config.vit_heads) for _ in range(config.vit_depth))
        self.norm = nn.LayerNorm(self.width)

    def forward(self, images: Tensor) -> Tensor:
        """(N, 3, H, W) normalised -> (N, tokens, width)."""
        patches = self.patches(images).flatten(2).transpose(1, 2)  # (N, tokens, channels)
        x = self.project(patches) + self.position
        x = torch.cat([self.registers.expand(len(x), -1, -1), x], 1)  # (N, registers + tokens, width)
        for block in self.blocks:
            x = block(x)
        tokens: Tensor = self.norm(x[:, len(self.registers) :])
        return tokens


def stem(channels: tuple[int, ...]) -> nn.Sequential:
    """3x3 convolutions of stride 2, a ReLU after each.

    Weights begin as in He et al. 2015 (arXiv 1502.01852): with those that torch draws, what comes out of four layers is
    fifteen times smaller, and lost beside a token's place.
    """
    layers: list[nn.Module] = []
    for given, wanted in zip((3, *channels), channels, strict=False):
        convolution = nn.Conv2d(given, wanted, 3, 2, 1)
        nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
        nn.init.zeros_(convolution.get_parameter("bias"))
        layers += [convolution, nn.ReLU()]
    return nn.Sequential(*layers)


def places(side: int, width: int) -> Tensor:
    """(side^2, width) where a token begins to say that it is: sines and cosines of its column and of its row.

    Of amplitude 0.5: at 0.02, as is usual, a token's place is lost beside what it shows until much training.
    """
    waves = 2 ** torch.linspace(0, 4, math.ceil(width / 4)) * (math.pi / 2)  # per image
    angles = torch.linspace(0, 1, side)[:, None] * waves  # (side, width / 4)
    line = torch.cat([angles.sin(), angles.cos()], 1)  # (side, width / 2)
    column, row = line.expand(side, -1, -1), line[:, None].expand(-1, side, -1)
    return torch.cat([column, row], -1).flatten(0, 1)[:, :width] / 2


class Positioned(nn.Module):
    """Tokens of a convolutional network, normalised, with a learned position each."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network
        self.mean, self.std, self.width, self.tokens = network.mean, network.std, network.width, network.tokens
        self.norm = nn.LayerNorm(self.width)
        self.position = nn.Parameter(places(math.isqrt(self.tokens), self.width))

    def forward(self, images: Tensor) -> Tensor:
        """(N, 3, H, W) normalised -> (N, tokens, width)."""
        tokens: Tensor = self.norm(self.network(images)) + self.position
        return tokens


def backbone(config: Config, *, pretrained: bool) -> nn.Module:
    """The image encoder of that config, with its pretrained weights or with random ones to be filled later.

    Raises:
        LookupError, ValueError, RuntimeError, OSError: the pretrained weights are not there, or not of that encoder.
    """
    if config.vision == "vit":
        return ViT(config)
    from policies.progvla import pretrained as encoders

    size, path = config.image_size_px, config.vision_path
    if config.vision == "efficientnet-lite0":
        make = encoders.efficientnet_lite0 if pretrained else encoders.EfficientNetLite0
        return Positioned(make(size, config.vision_stride))
    if not pretrained:
        return encoders.Dune(size) if config.vision == "dune" else encoders.DinoV3(size)
    if not path:
        raise ValueError(f"vision {config.vision!r} needs vision_path, the file of its weights")
    return encoders.dune(path, size) if config.vision == "dune" else encoders.dinov3(path, size)
