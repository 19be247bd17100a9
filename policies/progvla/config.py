"""What ProgVLA is made of: `paper` at the size of the paper, `small` and `tiny` with every mechanism kept.

Values that the paper leaves open are marked "open"; so is, in `small` and `tiny`, all that is smaller than in `paper`.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, replace
from typing import Any

from protocols.registry import require

VISION = ("vit", "efficientnet-lite0", "dune", "dinov3")
TEXT = ("minilm", "t5-small")
TIME_SAMPLING = ("beta22", "smolvla")
WEIGHTS = ("advantage", "progress", "none")
ON, OFF = ("on", "true", "yes", "1"), ("off", "false", "no", "0")


@dataclass(frozen=True)
class Config:
    """One network and its losses.

    Args:
        vision: image encoder, one for all cameras: `vit` from scratch, or one with weights from elsewhere.
        vision_path: file of the weights of `dune` and `dinov3`.
        vision_stride: pixels per token of `efficientnet-lite0`, 8 or 16.
        freeze_vision: leave the image encoder as it is.
        image_size_px: height and width of what the image encoder sees.
        vit_stem: channels of 3x3 convolutions of stride 2 before the blocks; () for patches of `vit_patch_px`.
        vit_patch_px: of a patch, where there is no stem.
        vit_width, vit_depth, vit_heads: of the vit's blocks.
        vit_registers: tokens without an image position.
        shift_px: images are moved at random by up to so many pixels in training.
        brightness: images are made brighter or darker by up to that share in training.
        state_noise: deviation of what is added to the normalised state in training, so that images are read: joints
            on the way tell where a demonstration goes, but not where to go.
        text: frozen encoder of the instruction.
        text_path: folder of `t5-small`.
        max_text_tokens: an instruction with more is refused.
        width, heads, dropout: of resamplers and fusion.
        resampler_depth: blocks of every resampler.
        vision_tokens, language_tokens, context_tokens: what the resamplers give.
        pointer_heads: of a pointer into each image, whose tokens join the context (`policies.progvla.pointer`); ours,
            not the paper's. 0, without it.
        context_resampler: off, the action expert and the heads read all tokens of the fusion.
        fusion_depth: blocks of the fusion.
        expert_depth: blocks of the action expert.
        chunk, execute: actions in a plan, and how many of them run.
        integration_steps: of Heun's method.
        noise_scale: of the noise that a plan begins with, at work: 1, as in training; 0, none, and the plan follows
            from what is seen. Ours, not the paper's.
        time_sampling: `beta22`, or SmolVLA's Beta(1.5, 1) towards noise.
        flow_draws: noises and times per sample and step of training; the context is computed once.
        q_head, value_head, success_head: off, without that head and its loss; what it weighs is 1.
        head_depth, head_heads: of the heads' poolers.
        weight: of a sample's flow loss: `advantage`, `progress` (the authors' rejected alternative) or `none`.
        horizon: T_M, control steps in which progress goes from 0 to 1.
        near_steps: success is near within so many control steps.
        expectile, temperature, max_weight: rho, beta and C of the advantage weight.
        huber_delta: of the Q head's loss.
        value_share, q_share, success_share: lambda of each head's loss.
        goal_share: of the loss of a head that tells from the context, from the pointer's tokens if there are any, the
            state in which the gripper first opens or closes, so that it is read in the image where things are; ours,
            not the paper's. 0, without that head.
        normalise_weights: divide the weights by their mean over the batch.
    """

    vision: str = "vit"
    vision_path: str = ""
    vision_stride: int = 16
    freeze_vision: bool = False
    image_size_px: int = 112
    vit_stem: tuple[int, ...] = ()
    vit_patch_px: int = 14
    vit_width: int = 384
    vit_depth: int = 12
    vit_heads: int = 6
    vit_registers: int = 4
    shift_px: int = 0
    brightness: float = 0.0
    state_noise: float = 0.0
    text: str = "minilm"
    text_path: str = ""
    max_text_tokens: int = 32  # open
    width: int = 384
    heads: int = 8
    dropout: float = 0.1
    resampler_depth: int = 2
    vision_tokens: int = 8
    language_tokens: int = 16
    context_tokens: int = 4
    pointer_heads: int = 0
    context_resampler: bool = True
    fusion_depth: int = 2
    expert_depth: int = 12
    chunk: int = 16
    execute: int = 8
    integration_steps: int = 10
    noise_scale: float = 1.0
    time_sampling: str = "beta22"
    flow_draws: int = 1
    q_head: bool = True
    value_head: bool = True
    success_head: bool = True
    head_depth: int = 2
    head_heads: int = 4  # open
    weight: str = "advantage"
    horizon: int = 500
    near_steps: int = 17
    expectile: float = 0.8
    temperature: float = 0.5
    max_weight: float = 20.0
    huber_delta: float = 1.0
    value_share: float = 0.5
    q_share: float = 1.0
    success_share: float = 0.2
    goal_share: float = 0.0
    normalise_weights: bool = False

    def __post_init__(self) -> None:
        require("vision", self.vision, VISION)
        require("text", self.text, TEXT)
        require("time_sampling", self.time_sampling, TIME_SAMPLING)
        require("weight", self.weight, WEIGHTS)
        if not 1 <= self.execute <= self.chunk:
            raise ValueError(f"execute must be from 1 to chunk, {self.chunk}, not {self.execute}")
        if not 0 <= self.noise_scale < math.inf:
            raise ValueError(f"noise_scale must be finite and 0 or more, not {self.noise_scale}")

    def changed(self, changes: dict[str, str]) -> Config:
        """The same with some values as texts, as a command line gives them.

        Raises:
            LookupError: no value of that name.
            ValueError: a text that is no such value.
        """
        kinds = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return replace(
            self, **{require("value", key, kinds): read(key, text, kinds[key]) for key, text in changes.items()}
        )


def read(key: str, text: str, like: Any) -> Any:
    """The text as a value of the kind that `like` has."""
    try:
        if isinstance(like, bool):
            if text.lower() not in (*ON, *OFF):
                raise ValueError
            return text.lower() in ON
        if isinstance(like, tuple):
            return tuple(int(part) for part in text.split(",") if part)
        return type(like)(text)
    except ValueError:
        what = "on or off" if isinstance(like, bool) else f"a value like {like!r}"
        raise ValueError(f"{key} must be {what}, not {text!r}") from None


PAPER = Config()
SMALL = Config(
    vit_stem=(32, 64, 128, 192),
    vit_width=192,
    vit_depth=2,
    vit_heads=3,
    vit_registers=0,
    shift_px=2,
    brightness=0.1,
    width=192,
    heads=6,
    dropout=0.0,
    resampler_depth=1,
    fusion_depth=1,
    expert_depth=6,
    head_depth=1,
    time_sampling="smolvla",
    flow_draws=2,
)
TINY = replace(SMALL, vit_stem=(16, 32, 64, 128), vit_width=128, vit_heads=4, width=128, heads=4, language_tokens=8)
CONFIGS = {"paper": PAPER, "small": SMALL, "tiny": TINY}


def config(name: str, changes: dict[str, str] | None = None) -> Config:
    """The config of that name, with some values changed.

    Raises:
        LookupError: no such config, or no such value.
        ValueError: a text that is no such value.
    """
    return CONFIGS[require("config", name, CONFIGS)].changed(changes or {})
