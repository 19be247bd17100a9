"""Where each image shows what a row is told: a short way from the images to the context, beside the resamplers.

Ours, not the paper's, whose image encoder was trained on millions of images beforehand. From scratch, the resamplers,
which do not know the instruction, need longer than a CPU has until they pass on where the thing is that it names. Here
the instruction asks the images, with heads as wide as a token. The state does not: on the way it tells where a
demonstration goes, and what it tells is not looked for.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

POINTED = 2  # tokens


class Pointer(nn.Module):
    """Attention of one query per head to the tokens of each image.

    Args:
        width: of the tokens.
        cameras: how many.
        heads: per camera.
    """

    def __init__(self, width: int, cameras: int, heads: int) -> None:
        super().__init__()
        self.queries = nn.ModuleList(nn.Linear(width, heads * width) for _ in range(cameras))
        self.out = nn.Linear((cameras * heads + 1) * width, POINTED * width)
        self.norm = nn.LayerNorm(POINTED * width)

    def forward(self, images: list[Tensor], told: Tensor) -> Tensor:
        """What is pointed at.

        Args:
            images: (B, 64, D) tokens of each camera.
            told: (B, 16, D).

        Returns:
            (B, 2, D) tokens.
        """
        asked = told.mean(1)  # (B, D)
        read = [asked]
        for query, image in zip(self.queries, images, strict=True):
            rows, _, width = image.shape
            scores = query(asked).view(rows, -1, width) @ image.transpose(1, 2) * width**-0.5  # (B, heads, 64)
            read.append((scores.softmax(-1).to(image.dtype) @ image).flatten(1))  # (B, heads D)
        pointed: Tensor = self.norm(self.out(torch.cat(read, 1)))
        return pointed.view(len(asked), POINTED, -1)
