"""How weights are moved: the rate's course, AdamW on what is trained, and the running mean of the weights."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

BETAS = (0.9, 0.95)
EMA_WARM_UP = 10.0  # the mean over the first steps forgets the random start faster


def rate(step: int, steps: int, warm_up: int, highest: float, lowest: float) -> float:
    """Learning rate of a step, counted from 0: rises linearly, then falls as a half cosine to the lowest."""
    if step < warm_up:
        return highest * (step + 1) / warm_up
    share = min(1.0, (step - warm_up) / max(1, steps - warm_up))
    return lowest + (highest - lowest) * 0.5 * (1 + math.cos(math.pi * share))


def optimiser(learner: nn.Module, highest: float, weight_decay: float) -> torch.optim.Optimizer:
    """AdamW that decays matrices and what has more axes, but no biases, gains and single vectors."""
    trained = [parameter for parameter in learner.parameters() if parameter.requires_grad]
    if not trained:
        raise ValueError("the policy has nothing to train with this configuration")
    groups = [
        {"params": [parameter for parameter in trained if parameter.ndim >= 2], "weight_decay": weight_decay},
        {"params": [parameter for parameter in trained if parameter.ndim < 2], "weight_decay": 0.0},
    ]
    made: torch.optim.Optimizer = torch.optim.AdamW(
        [group for group in groups if group["params"]], lr=highest, betas=BETAS, fused=True
    )
    return made


class RunningMean:
    """Exponential moving average of the trained weights; what is evaluated.

    Args:
        learner: whose weights.
        decay: how much of the mean stays in a step, once warm.
    """

    def __init__(self, learner: nn.Module, decay: float) -> None:
        self.decay = decay
        named = {name: value for name, value in learner.named_parameters() if value.requires_grad}
        self.weights = dict(named)
        self.means = {name: value.detach().clone() for name, value in named.items()}

    def update(self, step: int) -> None:
        """Take in the weights after a step, counted from 0."""
        decay = min(self.decay, (1 + step) / (EMA_WARM_UP + step))
        weights = [weight.detach() for weight in self.weights.values()]
        torch._foreach_lerp_(list(self.means.values()), weights, 1 - decay)

    def state_dict(self, learner: nn.Module) -> dict[str, Tensor]:
        """The learner's whole state with the means in place of the weights."""
        state: dict[str, Tensor] = dict(learner.state_dict())
        return state | {name: mean.clone() for name, mean in self.means.items() if name in state}

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """The learner has the means as its weights meanwhile."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    @torch.no_grad()
    def _swap(self) -> None:
        for name, weight in self.weights.items():
            weight.data, self.means[name] = self.means[name], weight.data


def random_state() -> dict[str, Any]:
    """State of torch's own generators, which dropout draws from."""
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    return {"cpu": torch.get_rng_state(), "cuda": cuda}


def restore_random(state: dict[str, Any]) -> None:
    """Put torch's own generators where they were."""
    torch.set_rng_state(state["cpu"])
    if state["cuda"] and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(state["cuda"])
