"""Equations 1 to 8 of the paper, as functions of tensors.

Progress of row t of a demonstration 0..T is r = max(0, 1 - (T - t) / T_M): how far from the end it is in control steps,
not which share of the task is done. A demonstration shorter than T_M begins above 0.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from policies.progvla.config import Config


class Flow(NamedTuple):
    """A point between noise and action, (N, H, A), its times (N,), and the velocity there."""

    noisy: Tensor
    tau: Tensor
    velocity: Tensor


def progress(to_go: Tensor, horizon: int) -> Tensor:
    """(B,) r in [0, 1] of T - t, equation 2."""
    return (1 - to_go / horizon).clamp(min=0)


def near_success(to_go: Tensor, near_steps: int) -> Tensor:
    """(B,) 1 where the end is at most `near_steps` away, else 0, equation 7; from the integers, not from r."""
    return (to_go <= near_steps).float()


def sample_times(count: int, how: str, generator: torch.Generator) -> Tensor:
    """(count,) tau: Beta(2, 2), the middle of three uniform numbers; or SmolVLA's 1 - (0.999 Beta(1.5, 1) + 0.001)."""
    uniform = torch.rand(count, 3, generator=generator, device=generator.device)
    if how == "beta22":
        return uniform.median(1).values
    return 1 - (0.999 * uniform[:, 0] ** (1 / 1.5) + 0.001)


def interpolated(actions: Tensor, how: str, generator: torch.Generator) -> Flow:
    """A random point on the line from noise to each of (N, H, A) chunks, equation 1."""
    noise = torch.randn(actions.shape, generator=generator, device=actions.device)
    tau = sample_times(len(actions), how, generator)
    along = tau[:, None, None]
    return Flow((1 - along) * noise + along * actions, tau, actions - noise)


def expectile(difference: Tensor, rho: float) -> Tensor:
    """(B,) |rho - 1(u < 0)| u^2, equation 4."""
    return torch.where(difference < 0, 1 - rho, rho) * difference**2


def policy_weight(config: Config, quality: Tensor | None, value: Tensor | None, r: Tensor) -> Tensor:
    """(B,) w_A of equation 5, without gradient; 1 where a head that it needs is off."""
    if config.weight == "progress":
        return r
    if config.weight == "none" or quality is None or value is None:
        return torch.ones_like(r)
    return ((quality - value).detach() / config.temperature).exp().clamp(max=config.max_weight)


def success_weight(logit: Tensor | None, r: Tensor) -> Tensor:
    """(B,) w_S = 0.5 + 0.5 p, without gradient; 1 where there is no head."""
    return torch.ones_like(r) if logit is None else 0.5 + 0.5 * logit.detach().sigmoid()


def head_losses(
    config: Config, quality: Tensor | None, value: Tensor | None, logit: Tensor | None, to_go: Tensor
) -> dict[str, Tensor]:
    """Means of equations 3, 4 and 6, of the heads that there are."""
    r, losses = progress(to_go, config.horizon), {}
    if quality is not None:
        losses["q"] = functional.huber_loss(quality, r, delta=config.huber_delta)
    if value is not None:
        losses["value"] = expectile(r - value, config.expectile).mean()
    if logit is not None:
        losses["success"] = functional.binary_cross_entropy_with_logits(logit, near_success(to_go, config.near_steps))
    return losses


def total(config: Config, flow: Tensor, weight: Tensor, heads: dict[str, Tensor]) -> Tensor:
    """Equation 8: the mean of weighted flow losses (B,), and the heads' losses by their shares."""
    shares = {"q": config.q_share, "value": config.value_share, "success": config.success_share}
    shares |= {"goal": config.goal_share}
    if config.normalise_weights:
        weight = weight / weight.mean()
    return (weight * flow).mean() + sum(shares[name] * loss for name, loss in heads.items())
