"""Asset files of LIBERO: official files stay as they are, absent ones get a stand-in, and records can tell."""

from __future__ import annotations

import posixpath
import runpy
import xml.etree.ElementTree as ET
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from envs.libero import assets as files
from envs.libero.standins import textures
from envs.libero.standins.objects import all_objects
from envs.libero.standins.scenes import SCENES, scene_path, scene_xml
from protocols.contracts import BrokenFileError

OFFICIAL = Path(__file__).parents[2] / "shared" / "assets" / "libero"
needs_official = pytest.mark.skipif(not OFFICIAL.is_dir(), reason="no official asset files beside the repository")


@pytest.fixture(autouse=True)
def empty_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No official file is found by chance."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("HF_HOME", raising=False)
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)


@pytest.fixture
def small_official(tmp_path: Path) -> Path:
    """A folder with one official object: a box of its own kind, a mesh that is there and a texture that is not."""
    folder = tmp_path / "official"
    butter = folder / "stable_hope_objects" / "butter"
    butter.mkdir(parents=True)
    (butter / "butter.xml").write_text(
        '<mujoco><asset><texture name="t" type="2d" file="map.png"/><mesh name="m" file="visual/butter.stl"/></asset>'
        '<worldbody><body><body name="object"><geom type="mesh" mesh="m" group="1" contype="0" conaffinity="0"/>'
        '<geom type="box" size="0.03 0.02 0.01" group="0" density="100"/></body></body></worldbody></mujoco>'
    )
    return folder


def test_stand_ins_are_complete_and_the_same_each_time(tmp_path: Path) -> None:
    first, second = files.prepare("stand-in"), files.prepare("stand-in")
    assert first.deviations == ("assets=stand-in",)
    assert first.hash == second.hash
    assert first.folder == second.folder, "this process has made it already"
    assert_complete(first.folder)
    assert "0 official" in first.summary


def assert_complete(folder: Path) -> None:
    """Each file that an XML file names is there, with the textures that upstream puts in by style."""
    for path in files.entry_files():
        for element in ET.parse(folder / path).iterfind("asset/*[@file]"):
            if element.get("name") not in ("texplane", "tex-wall"):
                place = posixpath.normpath(posixpath.join(posixpath.dirname(path), element.get("file", "")))
                assert (folder / place).is_file(), place
    for scene in SCENES.values():
        assert (folder / "textures" / scene.floor).is_file()
        assert (folder / "textures" / scene.wall).is_file()


def test_styles_are_those_that_upstream_asks_for() -> None:
    package = find_spec("libero")
    if package is None or package.origin is None:
        pytest.skip("hf-libero is not installed")
    style = runpy.run_path(str(Path(package.origin).parent / "libero" / "envs" / "arenas" / "style.py"))
    assert {scene.floor for scene in SCENES.values()} <= set(style["FLOOR_STYLE"].values())
    assert {scene.wall for scene in SCENES.values()} <= set(style["WALL_STYLE"].values())


def test_auto_takes_an_official_file_where_there_is_one(small_official: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "search_places", lambda: [Path("/nowhere"), small_official])
    assets = files.prepare("auto")
    assert assets.deviations == ("assets=partly-official",)
    assert "1 mended" in assets.summary  # its mesh is absent
    assert 'size="0.03 0.02 0.01"' in (assets.folder / "stable_hope_objects/butter/butter.xml").read_text()


def test_an_absent_mesh_is_replaced_by_pieces_and_an_absent_texture_by_a_picture(small_official: Path) -> None:
    folder = files.prepare(str(small_official)).folder
    butter = ET.parse(folder / "stable_hope_objects/butter/butter.xml")
    geoms = butter.findall("worldbody/body/body/geom")
    assert all(geom.get("mesh") is None for geom in geoms)
    assert [geom.get("size") for geom in geoms if geom.get("group") == "0"] == ["0.03 0.02 0.01"]
    assert sum(geom.get("group") == "1" for geom in geoms) == 3
    assert (folder / "stable_hope_objects/butter/map.png").read_bytes().startswith(textures.SIGNATURE)


def test_a_file_with_all_its_meshes_is_linked_and_never_copied(small_official: Path) -> None:
    mesh = small_official / "stable_hope_objects/butter/visual/butter.stl"
    mesh.parent.mkdir()
    mesh.write_bytes(b"solid")
    folder = files.prepare(str(small_official)).folder
    for path in ("butter.xml", "visual/butter.stl"):
        assert (folder / "stable_hope_objects/butter" / path).is_symlink()


def test_the_hash_changes_with_any_official_file(small_official: Path) -> None:
    before = files.prepare(str(small_official)).hash
    xml = small_official / "stable_hope_objects/butter/butter.xml"
    xml.write_text(xml.read_text().replace("0.03 0.02 0.01", "0.03 0.02 0.011"))
    changed = files.prepare(str(small_official)).hash
    (xml.parent / "map.png").write_bytes(b"another picture")
    assert len({before, changed, files.prepare(str(small_official)).hash}) == 3


def test_official_only_refuses_absent_files_and_says_how_to_get_them() -> None:
    with pytest.raises(RuntimeError, match=r"absent.*looked in .*libero/assets.*doctor --fetch libero") as caught:
        files.prepare("official-only")
    assert "\n" not in str(caught.value)


def test_a_folder_that_is_not_there_or_has_no_asset_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LookupError, match="no folder '/nowhere'"):
        files.prepare("/nowhere")
    with pytest.raises(LookupError, match="no LIBERO asset file in"):
        files.prepare(str(tmp_path))


def test_a_broken_official_file_is_named(small_official: Path) -> None:
    (small_official / "stable_hope_objects/butter/butter.xml").write_text("<mujoco>")
    with pytest.raises(ValueError, match=r"broken asset file .*butter\.xml"):
        files.prepare(str(small_official))


def test_the_hub_cache_is_searched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    snapshot = tmp_path / "hub" / "datasets--lerobot--libero-assets" / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    assert snapshot in files.search_places()


def test_fetching_asks_the_hub_for_the_dataset_and_says_where_it_is(tmp_path: Path) -> None:
    asked: dict[str, Any] = {}

    def download(**options: Any) -> str:
        asked.update(options)
        return str(tmp_path)

    assert files.fetch(download) == tmp_path
    assert asked["repo_id"] == "lerobot/libero-assets"
    assert asked["repo_type"] == "dataset"


def test_fetching_without_huggingface_hub_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "find_spec", lambda _name: None)
    with pytest.raises(RuntimeError, match=r"pip install -c constraints\.txt huggingface_hub"):
        files.fetch()


@pytest.fixture(scope="module")
def partly_official() -> Path:
    return files.prepare(str(OFFICIAL)).folder


@needs_official
def test_partly_official_files_are_complete(partly_official: Path) -> None:
    assert_complete(partly_official)


def physics(path: Path) -> list[str]:
    """What decides physics in an XML file: everything but visual geoms and assets, as text in order."""
    root = ET.parse(path).getroot()
    parts = []
    for element in root.iterfind("worldbody//*"):
        visual = element.tag == "geom" and (element.get("group") == "1" or element.get("class") == "microwave")
        if not visual or element.get("contype", "1") != "0":
            parts.append(f"{element.tag} {sorted(element.attrib.items())}")
    return [part for part in parts if not part.startswith("geom") or "mesh" not in part]


@needs_official
@pytest.mark.parametrize("path", files.entry_files())
def test_a_mended_file_has_the_physics_of_the_official_one(path: str, partly_official: Path) -> None:
    if (OFFICIAL / path).is_file():
        assert physics(partly_official / path) == physics(OFFICIAL / path)


@needs_official
def test_an_official_object_without_its_mesh_keeps_its_collision_geoms(partly_official: Path) -> None:
    bowl = ET.parse(partly_official / all_objects()["akita_black_bowl"].path)
    assert len(bowl.findall(".//geom[@group='0']")) == 40  # shared/facts/libero_objects.json
    assert not bowl.findall("asset/mesh")


def test_an_official_object_without_a_body_is_named(small_official: Path) -> None:
    milk = small_official / all_objects()["milk"].path
    milk.parent.mkdir(parents=True, exist_ok=True)
    milk.write_text("<mujoco><worldbody/></mujoco>")
    with pytest.raises(BrokenFileError, match=r"milk\.xml: it has no body named object"):
        files.prepare(str(small_official))


def test_an_interrupted_download_hides_no_complete_copy(
    small_official: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = tmp_path / "begun" / scene_path(next(iter(SCENES)))
    begun.parent.mkdir(parents=True)
    begun.write_text(scene_xml(next(iter(SCENES))))
    monkeypatch.setattr(files, "search_places", lambda: [tmp_path / "begun"])
    alone = files.prepare("auto").summary
    monkeypatch.setattr(files, "search_places", lambda: [tmp_path / "begun", small_official])
    assert files.prepare("auto").summary != alone
