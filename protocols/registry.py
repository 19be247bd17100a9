"""The folder listing is the registry: names of entries, an entry by name, and the error for a name that is not there.

An entry is a module or package in the folder, an entry point of a third party, or any importable module given by its
dotted name (`my_lab.my_policy`).
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Iterable
from importlib.metadata import entry_points
from types import ModuleType

SHARED = {
    "arms",
    "asset_files",
    "episodes",
    "execution",
    "gl",
    "layers",
    "rendering",
}  # modules in these folders that are no entries themselves


def names(package: ModuleType, group: str) -> list[str]:
    """Entries of the package's folder and of the entry-point group, sorted; nothing is imported."""
    return sorted(own_names(package) | {point.name for point in entry_points(group=group)})


def own_names(package: ModuleType) -> set[str]:
    """Entries of the package's folder."""
    return {module.name for module in pkgutil.iter_modules(package.__path__)} - SHARED


def load(package: ModuleType, group: str, kind: str, name: str) -> ModuleType:
    """Import one entry.

    Raises:
        LookupError: there is none of that name; the message names the nearest.
    """
    if "." in name.strip("."):
        return load_dotted(kind, name)
    require(kind, name, names(package, group))
    if name in own_names(package):
        return importlib.import_module(f"{package.__name__}.{name}")
    (point, *_) = entry_points(group=group, name=name)
    module: ModuleType = point.load()
    return module


def load_dotted(kind: str, name: str) -> ModuleType:
    """Import a third party's module by its dotted name."""
    try:
        module = importlib.import_module(name)
    except (ModuleNotFoundError, TypeError) as error:
        raise LookupError(f"no {kind} module {name!r}: {error}") from error
    if not hasattr(module, "make"):
        raise LookupError(f"module {name!r} is no {kind}: it has no make()")
    return module


def require(kind: str, name: str, there_are: Iterable[str]) -> str:
    """`name` if it is one of `there_are`, else a LookupError that suggests the nearest."""
    known = sorted(there_are)
    if name in known:
        return name
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
    hint = f"; did you mean {near[0]!r}?" if near else "."
    raise LookupError(f"no {kind} named {name!r}{hint} There are: {', '.join(known)}")
