"""The data files of CALVIN: official ones where they are found, stand-ins of our own for the others.

`prepare` gives a folder laid out as `data` in github.com/mees/calvin_env. It has entries: a URDF that the world loads,
with all that it names. An entry is official or a stand-in as a whole. Official files are never copied: where all are
there, their own folder is used, else a temporary one has links to them. A folder that somebody names must be complete.
"""

from __future__ import annotations

import posixpath
import re
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from envs.asset_files import Assets, hashed, merged
from envs.calvin.standins.folder import Files, entries
from protocols.contracts import BrokenFileError

REPOSITORY = "https://github.com/mees/calvin_env"
COMMIT = "797142c588c21e76717268b7b430958dbd13bf48"  # 2022-12-23
HASH = "cb418e3ae29bf38f58d0949bfe072b96dbb1435cc593582c088cbeea0aafada9"  # of the files that scenes load, there
CLONE = Path("~/.cache/calvin_env")  # where `fetch` puts it
FETCH = "python -m harness.doctor --fetch calvin"
PREFIX = "headway-calvin-"
LEFTOVER = ".obj.mtl"  # ends the names of material files that official meshes name and that exist nowhere
TAGS = ("visual", "collision")
NAMED = 5  # missing files that a message names


def prepare(where: str = "auto") -> Assets:
    """Data files for all four scenes.

    Args:
        where: "auto" (official entries where they are found), "stand-in" (none), "official-only" (no stand-in), or a
            folder that has all official files.

    Raises:
        LookupError: no such folder, or files are missing in it.
        RuntimeError: "official-only" and files are missing.
        BrokenFileError: an official URDF is broken.
    """
    source = official_folder(where)
    official, missing = _official(source) if source else ({}, list(entries()))
    if missing and where == "official-only":
        places = ", ".join(map(str, search_places()))
        raise RuntimeError(
            f"CALVIN's files are missing: {_listed(missing)}; looked in {places}; get them with: {FETCH}"
        )
    if missing and where not in ("auto", "stand-in"):
        raise LookupError(f"files are missing in {where!r}: {_listed(missing)}; the whole folder comes with: {FETCH}")
    files: Files = {place: content for entry in official.values() for place, content in entry.items()}
    if source and not missing:
        digest, told = hashed(files), f"{len(files)} asset files: all official"
        if digest == HASH:
            return Assets(source, digest, (), told)
        return Assets(source, digest, ("assets=altered",), f"{told}, but not as at {COMMIT[:7]}")
    number = len(files)
    for entry, make in entries().items():
        files |= {} if entry in official else make()
    deviation = "assets=partly-official" if official else "assets=stand-in"
    summary = f"{len(files)} asset files: {number} official, {len(files) - number} stand-ins"
    digest = hashed(files)
    return Assets(merged(files, PREFIX, digest), digest, (deviation,), summary)


def official_folder(where: str) -> Path | None:
    """The folder with official files that is meant, if there is one. Raises LookupError for a folder without any."""
    if where == "stand-in":
        return None
    if where in ("auto", "official-only"):
        return next((folder.resolve() for folder in search_places() if _has_entry(folder)), None)
    folder = Path(where).expanduser()
    if not folder.is_dir():
        raise LookupError(f"no folder {where!r}; --assets takes auto, stand-in, official-only or a folder")
    if not _has_entry(folder):
        raise LookupError(f"no CALVIN asset file in {where!r}; it should have blocks/, calvin_table_A/ and so on")
    return folder.resolve()


def search_places() -> list[Path]:
    """Where the official folder is looked for: beside an importable calvin_env, and in what `fetch` clones."""
    package = find_spec("calvin_env")
    beside = [Path(place).parent / "data" for place in package.submodule_search_locations or ()] if package else []
    return [*beside, CLONE.expanduser() / "data"]


def _has_entry(folder: Path) -> bool:
    return any((folder / entry).is_file() for entry in entries())


def _official(source: Path) -> tuple[dict[str, Files], list[str]]:
    """The files of each entry that is complete, and the places of files that are missing."""
    found: dict[str, Files] = {}
    missing: list[str] = []
    for entry in entries():
        places = list(dict.fromkeys([entry, *_named(source, entry)]))
        absent = [place for place in places if not (source / place).is_file()]
        missing += absent
        if not absent:
            found[entry] = {place: source / place for place in places}
    return found, missing


def _named(source: Path, entry: str) -> Iterator[str]:
    """Places of the meshes that a URDF names, and of what those that are seen name: materials and their pictures."""
    if not (source / entry).is_file():
        return
    try:
        root = ET.parse(source / entry).getroot()
    except ET.ParseError as error:
        raise BrokenFileError(f"broken asset file {source / entry}: {error}") from error
    meshes = {tag: [mesh.get("filename", "") for mesh in root.iterfind(f"link/{tag}//mesh")] for tag in TAGS}
    for tag, name in ((tag, name) for tag, names in meshes.items() for name in names):
        yield (place := _beside(entry, name.removeprefix("package://")))
        materials = _mentions(source / place, "mtllib") if tag == "visual" else []
        for material in (name for name in materials if not name.endswith(LEFTOVER)):
            yield (beside := _beside(place, material))
            yield from (_beside(beside, picture) for picture in _mentions(source / beside, "map_Kd"))


def _beside(place: str, name: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(place), name))


def _mentions(file: Path, keyword: str) -> list[str]:
    """What follows a keyword in a text file; nothing in other files and where there is none."""
    if file.suffix not in (".obj", ".mtl") or not file.is_file():
        return []
    return re.findall(rf"^\s*{keyword}\s+(\S+)", file.read_text(errors="replace"), re.MULTILINE)


def _listed(missing: list[str]) -> str:
    more = f" and {len(missing) - NAMED} more" if len(missing) > NAMED else ""
    return ", ".join(missing[:NAMED]) + more


def fetch(repository: str = REPOSITORY, clone: Path = CLONE) -> Path:
    """Clone the official repository (MIT licence, 30 MB of data) at the commit that the benchmark means.

    Returns:
        Its data folder, one of the places where official files are looked for.

    Raises:
        RuntimeError: git is not there, or says that it cannot.
    """
    folder = clone.expanduser()
    folder.parent.mkdir(parents=True, exist_ok=True)
    cloning = [] if (folder / ".git").exists() else [["clone", "--quiet", "--no-checkout", repository, str(folder)]]
    for command in (*cloning, ["-C", str(folder), "checkout", "--quiet", COMMIT]):
        try:
            subprocess.run(["git", *command], check=True, capture_output=True, text=True)
        except FileNotFoundError as error:
            raise RuntimeError(f"fetching needs git; or clone {repository} and give its data folder") from error
        except subprocess.CalledProcessError as error:
            what = "clone" if "clone" in command else "checkout"
            raise RuntimeError(f"git {what} failed: {error.stderr.strip()}") from error
    return folder / "data"
