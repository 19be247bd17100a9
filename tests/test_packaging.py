"""A wheel has all that the packages read."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SETUPTOOLS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
PACKAGES = [pattern.removesuffix("*") for pattern in SETUPTOOLS["packages"]["find"]["include"]]
MADE = ("results/tables", "results/examples")  # for readers; no code reads them


def data_files(package: str) -> set[Path]:
    """Files that are not Python, those for readers apart."""
    files = {path for path in (ROOT / package).rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    return {
        path for path in files if path.suffix != ".py" and not any(path.is_relative_to(ROOT / made) for made in MADE)
    }


@pytest.mark.parametrize("package", PACKAGES)
def test_each_data_file_is_in_the_wheel(package: str) -> None:
    patterns = SETUPTOOLS["package-data"].get(package, [])
    packed = {path for pattern in patterns for path in (ROOT / package).glob(pattern)}
    assert data_files(package) - packed == set()
    assert all(any((ROOT / package).glob(pattern)) for pattern in patterns), "each pattern finds something"


@pytest.mark.parametrize("package", PACKAGES)
def test_each_folder_with_modules_is_a_package(package: str) -> None:
    folders = {path.parent for path in (ROOT / package).rglob("*.py")}
    assert [folder for folder in folders if not (folder / "__init__.py").exists()] == []
