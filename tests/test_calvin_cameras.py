"""CALVIN's frames: equal to the official environment's, a function of the state alone, and cheap in memory."""

from __future__ import annotations

import importlib
import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from envs import gl
from envs.calvin.cameras import TINY, Cameras
from envs.calvin.silence import silenced
from envs.calvin.states import SCENES, Floats, Start
from envs.calvin.world import World
from protocols.contracts import ImageArray
from tests import calvin_official as official
from tests.calvin_playing import OFFICIAL, PLACES, assets_folder, play, random_start, scene_obs, wander

SIZES = {"agent": 200, "wrist": 84}
STEPS, EVERY = 60, 12
pytestmark = pytest.mark.simulator


@pytest.fixture
def world() -> Iterator[World]:
    with closing(World("D", assets_folder("stand-in"))) as made:
        made.reset(random_start("D", np.random.default_rng(0)))
        yield made


def official_frames(
    folder: Path, scene: str, robot_obs: Floats, objects: Floats, actions: Sequence[Any]
) -> list[dict[str, ImageArray]]:
    """What the official cameras show every few steps, but for the near plane of the static one."""
    import pybullet

    plugin = find_spec("eglRenderer")
    assert plugin is not None and plugin.origin is not None
    with silenced():
        player = official.Official(folder, scene)
        pybullet.loadPlugin(plugin.origin, "_eglRendererPlugin", physicsClientId=player.env.cid)
        player.play(official.Episode(scene, robot_obs, objects, []), 0)
        near = {"static": 1.0, "gripper": 0.01}
        cameras = [official_camera(player, folder, name, nearval) for name, nearval in near.items()]
        for _ in range(3):
            cameras[0].render()
        found = []
        for number, action in enumerate(actions):
            if number % EVERY == 0:
                found.append({role: camera.render()[0].copy() for role, camera in zip(SIZES, cameras, strict=True)})
            player.env.step(action)
        return found


def official_camera(player: official.Official, folder: Path, name: str, nearval: float) -> Any:
    """One of the official cameras in its official configuration."""
    config = yaml.safe_load((folder / "conf" / "cameras" / "cameras" / f"{name}.yaml").read_text())
    module, _, kind = config.pop("_target_").rpartition(".")
    more = {"nearval": nearval, "cid": player.env.cid, "robot_id": player.env.robot.robot_uid}
    return getattr(importlib.import_module(module), kind)(**config | more)


def played(scene: str, seed: int) -> tuple[Start, list[Any]]:
    """A start, and actions that lead over the table."""
    random = np.random.default_rng(seed)
    return random_start(scene, random), wander(STEPS, random)


def drawn_through_egl(scene: str, folder: Path, **options: Any) -> Cameras:
    """Cameras, or the test is skipped."""
    cameras = Cameras(scene, folder, SIZES, **options)
    if cameras.name() == TINY:
        cameras.close()
        pytest.skip("EGL does not work here")
    return cameras


@pytest.mark.skipif(not OFFICIAL.is_dir(), reason="no official asset files beside the repository")
@pytest.mark.parametrize("scene", SCENES)
def test_frames_are_the_official_ones_pixel_for_pixel(scene: str) -> None:
    folder = official.source("main")
    if folder is None:
        pytest.skip(official.WHY_NONE)
    start, actions = played(scene, seed=3)
    with closing(World(scene, OFFICIAL)) as ours, closing(drawn_through_egl(scene, OFFICIAL)) as cameras:
        asked = folder, scene, start.robot, scene_obs(start, ours.block_order), actions
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as child:
            theirs = child.submit(official_frames, *asked).result()
        for step, _ in enumerate(play(ours, start, actions[:-1])):
            if step % EVERY == 0:
                for role, frame in theirs[step // EVERY].items():
                    np.testing.assert_array_equal(cameras.frame(role, ours), frame, f"{role}, step {step}")


@pytest.mark.parametrize("place", PLACES)
def test_a_frame_does_not_depend_on_when_others_were_drawn(place: str) -> None:
    folder = assets_folder(place)
    start, actions = played("D", seed=1)
    with (
        closing(World("D", folder)) as world,
        closing(Cameras("D", folder, SIZES)) as diligent,
        closing(Cameras("D", folder, SIZES)) as lazy,
    ):
        for _ in play(world, start, actions[:10]):
            drawn = {role: diligent.frame(role, world) for role in SIZES}
        for role in reversed(SIZES):
            np.testing.assert_array_equal(lazy.frame(role, world), drawn[role])


def test_two_renderers_do_not_disturb_one_another(world: World) -> None:
    folder = assets_folder("stand-in")
    with closing(World("B", folder)) as other, closing(Cameras("D", folder, SIZES)) as one:
        other.reset(random_start("B", np.random.default_rng(1)))
        before = one.frame("agent", world)
        with closing(Cameras("B", folder, SIZES)) as another:
            there = another.frame("agent", other)
            np.testing.assert_array_equal(one.frame("agent", world), before)
            np.testing.assert_array_equal(another.frame("agent", other), there)
        np.testing.assert_array_equal(one.frame("agent", world), before)


def test_the_lights_are_seen_and_go_out_again(world: World) -> None:
    with closing(Cameras("D", assets_folder("stand-in"), SIZES)) as cameras:
        seen = []
        for shine in (False, True, False):
            world.lights.reset(led=shine, lightbulb=shine)
            frame = cameras.frame("agent", world).astype(int)
            red, green, blue = frame[..., 0], frame[..., 1], frame[..., 2]
            seen.append((int((green - red > 100).sum()), int(((green - blue > 100) & (red > 150)).sum())))
    assert seen[0] == seen[2] == (0, 0)
    assert min(seen[1]) > 20


@pytest.mark.parametrize("profile", ["official", "fast"])
def test_frames_have_the_size_that_is_asked_for_and_show_the_scene(world: World, profile: str) -> None:
    sizes = {"agent": 96, "wrist": 40}
    with closing(Cameras("D", assets_folder("stand-in"), sizes, profile)) as cameras:
        for role, size in sizes.items():
            frame = cameras.frame(role, world)
            assert frame.shape == (size, size, 3)
            assert frame.dtype == np.uint8
            assert frame.std() > 20


def test_one_camera_is_enough(world: World) -> None:
    with closing(Cameras("D", assets_folder("stand-in"), {"wrist": 84})) as cameras:
        assert cameras.frame("wrist", world).shape == (84, 84, 3)


def test_the_fast_profile_shows_the_same_scene_with_another_arm(world: World) -> None:
    folder = assets_folder("stand-in")
    with closing(Cameras("D", folder, SIZES)) as usual, closing(Cameras("D", folder, SIZES, "fast")) as fast:
        difference = np.abs(usual.frame("agent", world).astype(int) - fast.frame("agent", world)).max(axis=2) > 40
    assert 0 < difference.mean() < 0.1


def test_without_egl_pybullets_own_renderer_draws_and_says_so(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gl, "EGL_LIBRARY", ("libnowhere.so",))
    with closing(Cameras("D", assets_folder("stand-in"), SIZES)) as cameras:
        assert cameras.name() == TINY
        assert cameras.frame("wrist", world).std() > 20


def test_the_renderer_is_named_by_its_driver() -> None:
    with closing(drawn_through_egl("A", assets_folder("stand-in"))) as cameras:
        assert cameras.name() not in ("", TINY)


def test_nothing_is_printed(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    with closing(Cameras("D", assets_folder("stand-in"), SIZES)) as cameras:
        cameras.frame("agent", world)
    cameras.close()
    assert capfd.readouterr() == ("", "")


def test_silence_keeps_what_sounds_like_a_problem(capfd: pytest.CaptureFixture[str]) -> None:
    with silenced() as said:
        os.write(1, b"pybullet build time\n")
    assert said.text == "pybullet build time\n"
    assert capfd.readouterr() == ("", "")
    with silenced():
        os.write(1, b"b3Warning: no such file\n")
    with pytest.raises(ValueError, match="the reason"):
        break_in_silence()
    assert capfd.readouterr() == ("", "b3Warning: no such file\nabout to break\n")


def break_in_silence() -> None:
    with silenced():
        os.write(2, b"about to break\n")
        raise ValueError("the reason")


@pytest.mark.slow
def test_three_hundred_starts_with_frames_take_no_more_memory(world: World) -> None:
    random = np.random.default_rng(0)
    with closing(Cameras("D", assets_folder("stand-in"), SIZES)) as cameras:
        for number in range(300):
            world.reset(random_start("D", random))
            for role in SIZES:
                cameras.frame(role, world)
            if number == 20:
                before = resident_mb()
    assert resident_mb() - before < 40


def resident_mb() -> float:
    """Memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
