"""Data files of CALVIN: the official ones are used as they are, stand-ins are like them, and records can tell."""

from __future__ import annotations

import functools
import itertools
import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, strategies as some

from envs.calvin import assets as files
from envs.calvin.initial_states import initial_state
from envs.calvin.sequences import sequence
from envs.calvin.standins import shapes, tables
from envs.calvin.standins.folder import entries
from envs.calvin.standins.wood import WOODS, picture
from envs.calvin.states import SCENES
from envs.calvin.world import World
from protocols.contracts import BrokenFileError
from tests import calvin_playing

SHARED = Path(__file__).parents[2] / "shared"
OFFICIAL = SHARED / "assets" / "calvin"
needs_official = pytest.mark.skipif(not OFFICIAL.is_dir(), reason="no official asset files beside the repository")
SIZE_M = some.floats(0.02, 1.0)
Grid = npt.NDArray[np.float64]


@pytest.fixture(autouse=True)
def empty_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No official file is found by chance."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(files, "find_spec", lambda _: None)


@functools.cache
def stand_ins() -> files.Assets:
    """Made once."""
    return files.prepare("stand-in")


def clone() -> Path:
    """Where official files are found without being asked for."""
    folder = files.CLONE.expanduser() / "data"
    folder.mkdir(parents=True)
    return folder


def linked(source: Path, folder: Path, *left_out: str) -> Path:
    """A folder with all files of another, but for some."""
    for path in source.rglob("*"):
        place = path.relative_to(source)
        if path.is_file() and str(place) not in left_out:
            (folder / place).parent.mkdir(parents=True, exist_ok=True)
            (folder / place).symlink_to(path)
    return folder


def test_stand_ins_are_complete_and_the_same_each_time() -> None:
    first, second = stand_ins(), files.prepare("stand-in")
    assert first.deviations == ("assets=stand-in",)
    assert first.hash == second.hash
    assert first.folder == second.folder, "this process has made it already"
    assert " 0 official" in first.summary
    assert files.prepare(str(first.folder)).hash == first.hash, "a file is missing, or there is one that no URDF names"


def test_without_official_files_auto_takes_stand_ins() -> None:
    assert files.prepare().hash == stand_ins().hash


@needs_official
@pytest.mark.parametrize("where", ["auto", "official-only", "folder"])
def test_official_files_are_used_where_they_are(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "search_places", lambda: [OFFICIAL])
    found = files.prepare(str(OFFICIAL) if where == "folder" else where)
    assert (found.folder, found.deviations) == (OFFICIAL.resolve(), ())
    assert found.hash != stand_ins().hash


def test_an_importable_calvin_env_has_its_files_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Found:
        submodule_search_locations = (str(tmp_path / "clone" / "calvin_env"),)

    monkeypatch.setattr(files, "find_spec", lambda _: Found)
    assert files.search_places()[0] == tmp_path / "clone" / "data"


def test_entries_that_are_not_there_get_a_stand_in_and_the_records_say_so() -> None:
    folder, place = clone(), "blocks/block_red_middle.urdf"
    (folder / "blocks").mkdir()
    (folder / place).write_text("<robot name='official'><link name='base_link'/></robot>")
    found = files.prepare()
    assert found.deviations == ("assets=partly-official",)
    assert " 1 official" in found.summary
    assert (found.folder / place).resolve() == (folder / place).resolve()
    assert all((found.folder / entry).is_file() for entry in entries())
    assert found.hash != stand_ins().hash


MISSING = ["calvin_table_D/meshes/slide_wood.obj", "calvin_table_B/textures/light.bmp", "blocks/block_pink_big.urdf"]


@pytest.mark.parametrize("place", MISSING)
@pytest.mark.parametrize("where", ["a folder", "official-only", "auto"])
def test_missing_files_are_named(where: str, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = linked(stand_ins().folder, tmp_path / "incomplete", place)
    monkeypatch.setattr(files, "search_places", lambda: [folder])
    if where == "auto":
        assert files.prepare().deviations == ("assets=partly-official",)
        return
    with pytest.raises((LookupError, RuntimeError), match=f"missing.*{place}.*--fetch calvin"):
        files.prepare(str(folder) if where == "a folder" else where)


def test_official_only_says_where_it_looked_and_how_to_get_them() -> None:
    with pytest.raises(RuntimeError, match=r"panda_longer_finger.urdf.* looked in .*calvin_env/data.*--fetch calvin"):
        files.prepare("official-only")


def test_a_folder_must_be_there_and_have_a_file_of_calvin(tmp_path: Path) -> None:
    with pytest.raises(LookupError, match=r"no folder .*nowhere"):
        files.prepare(str(tmp_path / "nowhere"))
    with pytest.raises(LookupError, match="no CALVIN asset file"):
        files.prepare(str(tmp_path))


@needs_official
def test_official_files_that_were_edited_are_told_from_the_real_ones(tmp_path: Path) -> None:
    folder = linked(OFFICIAL, tmp_path / "altered", "blocks/block_red_big.urdf")
    (folder / "blocks" / "block_red_big.urdf").write_text(
        (OFFICIAL / "blocks" / "block_red_big.urdf").read_text() + " "
    )
    found = files.prepare(str(folder))
    assert found.deviations == ("assets=altered",) and "not as at 797142c" in found.summary


def test_a_urdf_that_is_none_is_a_broken_file_at_the_start_of_an_episode(tmp_path: Path) -> None:
    folder = linked(stand_ins().folder, tmp_path / "empty", "plane/plane.urdf")
    (folder / "plane" / "plane.urdf").write_text("<robot name='x'/>")
    world = World("D", folder)
    with pytest.raises(BrokenFileError, match=r"broken data file .*plane\.urdf"):
        world.reset(initial_state(sequence(0).condition))
    world.close()


def test_a_broken_urdf_is_named(tmp_path: Path) -> None:
    place = "plane/plane.urdf"
    folder = linked(stand_ins().folder, tmp_path / "broken", place)
    (folder / place).write_text("<robot")
    with pytest.raises(BrokenFileError, match=place):
        files.prepare(str(folder))


@pytest.mark.skipif(shutil.which("git") is None, reason="no git")
def test_fetching_clones_the_commit_and_what_it_has_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "source"
    (source / "data").mkdir(parents=True)
    (source / "data" / "here").write_text("then")
    first = committed(source)
    (source / "data" / "here").write_text("later")
    committed(source)
    monkeypatch.setattr(files, "COMMIT", first)
    for _ in range(2):  # the second time there is a clone already
        folder = files.fetch(str(source))
        assert (folder / "here").read_text() == "then"
    assert folder in files.search_places()


def committed(folder: Path) -> str:
    """Commit everything; the commit."""
    who = ["-c", "user.name=nobody", "-c", "user.email=nobody@localhost"]
    for command in (["init", "--quiet"], ["add", "."], [*who, "commit", "--quiet", "--message=files"]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    asked = subprocess.run(["git", "rev-parse", "HEAD"], cwd=folder, check=True, capture_output=True, text=True)
    return asked.stdout.strip()


def test_fetching_from_nowhere_says_what_git_said(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"git clone failed: .*nowhere"):
        files.fetch(str(tmp_path / "nowhere"))


@given(some.tuples(SIZE_M, SIZE_M, SIZE_M), some.just(0.0) | some.floats(0.0001, 0.009))
def test_faces_of_a_solid_look_outwards(size: shapes.Triple, bevel: float) -> None:
    solid = shapes.box((0.0, 0.0, 0.0), size, bevel)
    whole = float(np.prod(size))
    assert volume(solid) == pytest.approx(whole, abs=2 * bevel**2 * sum(size) + 1e-9)
    assert volume(solid) <= whole + 1e-9


def volume(solid: shapes.Solid) -> float:
    """Cubic metres; negative where faces look inwards."""
    fans = [(face[0], *face[at : at + 2]) for face in solid.faces for at in range(1, len(face) - 1)]
    corners = solid.points[np.array(fans)]
    return float(np.linalg.det(corners).sum() / 6)


def test_round_and_sloping_solids_look_outwards_too() -> None:
    cylinder = shapes.turned(((0.1, 0.0), (0.1, 0.5)), 100)
    assert volume(cylinder) == pytest.approx(np.pi * 0.1**2 * 0.5, rel=0.01)
    assert volume(shapes.extruded(((0, 0), (1, 0), (0, 1)), 0.0, 2.0)) == pytest.approx(1.0)
    ring = shapes.collar((0.3, 0.4), 0.1, 0.2, 0.0, 1.0, 100)
    assert sum(map(volume, ring)) == pytest.approx(np.pi * 0.03, rel=0.01)


@needs_official
def test_woods_have_the_official_mean_colours() -> None:
    facts = json.loads((SHARED / "facts" / "calvin_facts.json").read_text())
    for scene, wood in zip(SCENES, WOODS, strict=True):
        pixels = np.frombuffer(picture(wood)[54:], np.uint8).reshape(-1, 3)[:, ::-1]
        expected = facts["scenes"][scene]["links"]["base_link"]["texture_mean_rgb"]
        assert pixels.mean(axis=0) == pytest.approx(expected, abs=2.0)


Bodies = dict[str, int]
TABLE_JOINTS = {"open": (0.01, 0.05, 0.15, 0.22), "shut": (0.0, 0.0, 0.0, 0.0)}  # button, switch, slider, drawer


@contextmanager
def loaded(scene: str, folder: Path) -> Iterator[tuple[int, Bodies]]:
    """A pybullet world with table, robot and floor."""
    import pybullet

    client = pybullet.connect(pybullet.DIRECT)
    try:
        table = folder / f"calvin_table_{scene}" / "urdf" / f"calvin_table_{scene}.urdf"
        robot = folder / "franka_panda" / "panda_longer_finger.urdf"
        bodies = {
            "table": pybullet.loadURDF(str(table), globalScaling=0.8, physicsClientId=client),
            "robot": pybullet.loadURDF(str(robot), (3, 3, 0), useFixedBase=True, physicsClientId=client),
            "plane": pybullet.loadURDF(str(folder / "plane" / "plane.urdf"), physicsClientId=client),
        }
        yield client, bodies
    finally:
        pybullet.disconnect(client)


@pytest.fixture(params=SCENES)
def both(request: pytest.FixtureRequest) -> Iterator[tuple[str, list[tuple[int, Bodies]]]]:
    """A scene, official and stand-in."""
    with loaded(request.param, OFFICIAL) as one, loaded(request.param, stand_ins().folder) as other:
        yield request.param, [one, other]


@needs_official
@pytest.mark.simulator
def test_joints_and_masses_are_the_official_ones(both: tuple[str, list[tuple[int, Bodies]]]) -> None:
    import pybullet

    for body in ("table", "robot", "plane"):
        joints, masses = [], []
        for client, bodies in both[1]:
            number, one = pybullet.getNumJoints(bodies[body], physicsClientId=client), bodies[body]
            joints.append([pybullet.getJointInfo(one, joint, physicsClientId=client) for joint in range(number)])
            masses.append([pybullet.getDynamicsInfo(one, link, physicsClientId=client) for link in range(-1, number)])
        for one, other in zip(*joints, strict=True):
            assert (one[1:3], one[12], one[16]) == (other[1:3], other[12], other[16])  # names, type, parent
            assert np.hstack(one[13:16]) == pytest.approx(np.hstack(other[13:16]), abs=1e-5)  # axis and frame
            if one[2] != pybullet.JOINT_FIXED:
                assert one[6:12] == pytest.approx(other[6:12], abs=1e-6)  # damping, friction, limits, effort, speed
        for one, other in zip(*masses, strict=True):
            assert np.hstack(one) == pytest.approx(np.hstack(other), rel=0.02, abs=1e-5)  # inertia follows from shapes


@needs_official
@pytest.mark.simulator
def test_links_collide_in_the_official_boxes(both: tuple[str, list[tuple[int, Bodies]]]) -> None:
    import pybullet

    for body in ("table", "robot", "plane"):
        boxes: list[list[Grid]] = []
        for client, bodies in both[1]:
            links = range(-1, pybullet.getNumJoints(bodies[body], physicsClientId=client))
            boxes.append([np.array(pybullet.getAABB(bodies[body], link, physicsClientId=client)) for link in links])
        assert np.array(boxes[0]) == pytest.approx(np.array(boxes[1]), abs=0.001)


@needs_official
@pytest.mark.simulator
@pytest.mark.parametrize("doors", TABLE_JOINTS)
def test_rays_from_all_sides_hit_the_official_links_at_the_official_places(
    doors: str, both: tuple[str, list[tuple[int, Bodies]]]
) -> None:
    import pybullet

    for start, ray in rays():
        links, ways = [], []
        for client, bodies in both[1]:
            for joint, position in enumerate(TABLE_JOINTS[doors]):
                pybullet.resetJointState(bodies["table"], joint, position, physicsClientId=client)
            pybullet.performCollisionDetection(physicsClientId=client)
            hits = pybullet.rayTestBatch(start.tolist(), (start + ray).tolist(), physicsClientId=client)
            links.append(np.array([(body, link) for body, link, *_ in hits]))
            ways.append(np.array([hit[2] for hit in hits]) * np.linalg.norm(ray))
        assert (links[0] != links[1]).any(axis=1).mean() < 0.004
        assert (np.abs(ways[0] - ways[1]) > 0.004).mean() < 0.01  # the round edges of handles
        assert np.median(np.abs(ways[0] - ways[1])) < 0.0005


def rays() -> Iterator[tuple[Grid, Grid]]:
    """Starts (n, 3) of parallel rays and their common way (3,), m: from above, in front, slanting, from a side."""
    across, deep, up = np.arange(-0.5, 0.5, 0.023), np.arange(-0.3, 0.25, 0.019), np.arange(0.01, 0.72, 0.019)
    yield np.array(list(itertools.product(across, deep, [0.9]))), np.array((0.0, 0.0, -0.88))
    yield np.array(list(itertools.product(across, [-0.5], up))), np.array((0.0, 0.9, 0.0))
    yield np.array(list(itertools.product(across, deep - 0.5, [0.9]))), np.array((0.0, 0.6, -0.85))
    yield np.array(list(itertools.product([-0.6], deep, up))), np.array((1.2, 0.0, 0.0))


@needs_official
@pytest.mark.simulator
def test_blocks_rest_as_high_and_on_the_same_links_as_officially(both: tuple[str, list[tuple[int, Bodies]]]) -> None:
    for place in ("table", "shelf", "drawer"):
        one, other = (rested(scene=both[0], place=place, client=client, bodies=bodies) for client, bodies in both[1])
        assert one[0] == pytest.approx(other[0], abs=0.0003), place
        assert one[1] == other[1], place


def rested(scene: str, place: str, client: int, bodies: Bodies) -> tuple[float, set[int]]:
    """Height of a block after half a second somewhere, and which links of the table it touches."""
    import pybullet

    shape = tables.SCENES[scene]
    at = {"table": (0.02, -0.08, 0.47), "shelf": (shape.plank, 0.09, 0.47), "drawer": (shape.drawer, -0.28, 0.38)}[
        place
    ]
    for joint, position in enumerate((0.0, 0.0, 0.0, 0.22)):
        pybullet.resetJointState(bodies["table"], joint, position, physicsClientId=client)
    pybullet.setGravity(0, 0, -9.8, physicsClientId=client)
    urdf = str(OFFICIAL / "blocks" / "block_red_middle.urdf")
    block = pybullet.loadURDF(urdf, at, globalScaling=0.8, physicsClientId=client)
    for _ in range(120):
        pybullet.stepSimulation(physicsClientId=client)
    position, _ = pybullet.getBasePositionAndOrientation(block, physicsClientId=client)
    touched = {point[4] for point in pybullet.getContactPoints(block, bodies["table"], physicsClientId=client)}
    pybullet.removeBody(block, physicsClientId=client)
    return position[2], touched


@needs_official
@pytest.mark.simulator
def test_in_the_air_the_arm_moves_as_with_the_official_files() -> None:
    from envs.calvin.world import World

    start = calvin_playing.random_start("D", np.random.default_rng(5))
    seen: list[list[Grid]] = []
    for folder in (OFFICIAL, stand_ins().folder):
        with closing(World("D", folder)) as world:
            world.reset(start)
            seen.append([])
            for step in range(20):
                world.step(np.array([*(0.5 * np.sin(step / 10 + np.arange(6))), 1.0 if step < 10 else -1.0]))
                seen[-1].append(world.robot_obs())
            assert not world.snapshot().robot_contacts
    assert np.array(seen[0]) == pytest.approx(np.array(seen[1]), abs=1e-4)
