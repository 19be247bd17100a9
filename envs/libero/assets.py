"""The asset files of LIBERO: official ones where they are found, a stand-in for each that is absent.

`prepare` puts both into a temporary folder that upstream reads as its own. The official files (dataset
`lerobot/libero-assets` on the Hugging Face hub) are never copied: the folder has links to them. Which files are needed
follows from what upstream loads for the 130 tasks: 33 objects and 5 rooms, and the meshes and textures that these name.
"""

from __future__ import annotations

import functools
import os
import posixpath
import xml.etree.ElementTree as ET
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from envs.asset_files import Assets, hashed, merged
from envs.libero.standins.mending import mend_object, mend_scene
from envs.libero.standins.objects import all_objects, object_xml
from envs.libero.standins.scenes import SCENES, scene_path, scene_xml
from envs.libero.standins.textures import picture, png
from protocols.contracts import BrokenFileError

REPOSITORY = "lerobot/libero-assets"  # a dataset; the name is from hf-libero 0.1.4, libero/utils/download_utils.py
CACHE = Path("~/.cache/libero/assets")  # where hf-libero downloads to
FETCH = "python -m harness.doctor --fetch libero"
PREFIX = "headway-libero-"


class Made(NamedTuple):
    """A file of ours; `identity` is hashed, since a compressed picture may differ between machines."""

    content: bytes
    identity: bytes
    mended: bool = False  # an official file with our pieces in place of absent meshes


Plan = dict[str, Path | Made]  # by place in the assets folder


def prepare(where: str = "auto") -> Assets:
    """Assets for all 130 tasks.

    Args:
        where: "auto" (official files where they are found), "stand-in" (none), "official-only" (no stand-in), or a
            folder with official files, of which some may be absent.

    Raises:
        LookupError: no such folder, or no file of LIBERO in it.
        RuntimeError: "official-only" and a file is absent.
        BrokenFileError: an official XML file is broken.
    """
    plan = planned(official_folders(where))
    absent = [path for path, content in plan.items() if isinstance(content, Made)]
    if where == "official-only" and absent:
        places = ", ".join(map(str, search_places()))
        what = f"{len(absent)} of {len(plan)} LIBERO asset files are absent ({absent[0]} ...)"
        raise RuntimeError(f"{what}; looked in {places}; fetch them with: {FETCH}")
    identities = {path: content.identity if isinstance(content, Made) else content for path, content in plan.items()}
    contents = {path: content.content if isinstance(content, Made) else content for path, content in plan.items()}
    digest = hashed(identities)
    return Assets(merged(contents, PREFIX, digest), digest, _deviations(plan), _summary(plan))


def _deviations(plan: Plan) -> tuple[str, ...]:
    made = [content for content in plan.values() if isinstance(content, Made)]
    if not made:
        return ()
    ours = len(made) == len(plan) and not any(content.mended for content in made)
    return ("assets=stand-in",) if ours else ("assets=partly-official",)


def _summary(plan: Plan) -> str:
    made = [content for content in plan.values() if isinstance(content, Made)]
    mended = sum(content.mended for content in made)
    official, ours = len(plan) - len(made), len(made) - mended
    return f"{len(plan)} asset files: {official} official, {mended} mended, {ours} stand-ins"


def official_folders(where: str) -> list[Path]:
    """Folders with official files, the first that has a file gives it. Raises LookupError for a folder without any."""
    if where == "stand-in":
        return []
    if where in ("auto", "official-only"):
        return [folder.resolve() for folder in search_places() if _has_assets(folder)]
    folder = Path(where).expanduser()
    if not folder.is_dir():
        raise LookupError(f"no folder {where!r}; --assets takes auto, stand-in, official-only or a folder")
    if not _has_assets(folder):
        expected = "scenes/, stable_hope_objects/ and so on"
        raise LookupError(f"no LIBERO asset file in {where!r}; it should have {expected}")
    return [folder.resolve()]


def search_places() -> list[Path]:
    """Where official files are looked for: the installed package, hf-libero's cache, the hub's cache."""
    package = find_spec("libero")
    places = [Path(package.origin).parent / "libero" / "assets"] if package and package.origin else []
    home = Path(os.environ.get("HF_HOME", "~/.cache/huggingface")).expanduser()
    hub = Path(os.environ.get("HF_HUB_CACHE", home / "hub")) / f"datasets--{REPOSITORY.replace('/', '--')}"
    snapshots = sorted((hub / "snapshots").glob("*")) or [hub]
    return [*places, CACHE.expanduser(), *snapshots]


def _has_assets(folder: Path) -> bool:
    return any((folder / path).is_file() for path in entry_files())


def entry_files() -> list[str]:
    """The XML files that upstream opens by name."""
    return [*(numbers.path for numbers in all_objects().values()), *map(scene_path, SCENES)]


def planned(sources: list[Path]) -> Plan:
    """Each needed file, official or made."""
    plan: Plan = {}
    for category, numbers in all_objects().items():
        make = functools.partial(object_xml, category)
        _plan_entry(plan, sources, numbers.path, make, functools.partial(mend_object, category=category), {})
    for name, scene in SCENES.items():
        styled = {"texplane": scene.floor, "tex-wall": scene.wall}
        _plan_entry(plan, sources, scene_path(name), functools.partial(scene_xml, name), mend_scene, styled)
    return plan


def _plan_entry(
    plan: Plan,
    sources: list[Path],
    path: str,
    make: Callable[[], str],
    mend: Callable[..., None],
    styled: dict[str, str],
) -> None:
    """Add an XML file and what it names; `styled` has the textures that upstream replaces by a style, by name."""
    official = _official(sources, path)
    root = _parsed(official) if official else ET.fromstring(make())
    if official and not path.startswith("scenes/") and root.find("worldbody/body/body[@name='object']") is None:
        raise BrokenFileError(f"broken asset file {official}: it has no body named object")
    absent_meshes: dict[str, str] = {}
    for element in root.iterfind("asset/*[@file]"):
        file, name = element.get("file", ""), element.get("name", "")
        wanted = posixpath.join(posixpath.dirname(file), styled[name]) if name in styled else file
        place = posixpath.normpath(posixpath.join(posixpath.dirname(path), wanted))
        found = _official(sources, place)
        if found is None and element.tag == "mesh":
            absent_meshes[name] = file
            continue
        plan[place] = found or plan.get(place) or _picture(place)
    if official and not absent_meshes:
        plan[path] = official
        return
    if official:
        mend(root, absent=absent_meshes)
    text = ET.tostring(root)
    plan[path] = Made(text, text, mended=official is not None)


def _official(sources: list[Path], path: str) -> Path | None:
    return next((source / path for source in sources if (source / path).is_file()), None)


def _parsed(path: Path) -> ET.Element:
    try:
        return ET.parse(path).getroot()
    except ET.ParseError as error:
        raise BrokenFileError(f"broken asset file {path}: {error}") from error


@functools.cache
def _picture(path: str) -> Made:
    image = picture(path)
    return Made(png(image), image.tobytes())


def fetch(download: Callable[..., str] | None = None) -> Path:
    """Download the official files to where hf-libero looks for them, and say where that is.

    Args:
        download: stands in for `huggingface_hub.snapshot_download` in tests.

    Raises:
        RuntimeError: huggingface_hub is not installed.
    """
    if download is None:
        if find_spec("huggingface_hub") is None:
            raise RuntimeError("fetching needs huggingface_hub: pip install -c constraints.txt huggingface_hub")
        from huggingface_hub import snapshot_download

        download = snapshot_download
    return Path(download(repo_id=REPOSITORY, repo_type="dataset", local_dir=str(CACHE.expanduser())))
