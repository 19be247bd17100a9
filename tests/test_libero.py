"""LIBERO is upstream's, bit for bit, and an episode's start depends on nothing but the episode."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.testing as npt
import pytest

import envs
from envs.libero import upstream
from envs.libero.init_states import init_states
from envs.libero.simulation import Simulation
from envs.libero.standins.objects import all_objects, object_xml
from protocols.contracts import BrokenFileError
from tests.libero_upstream import ALL_TASKS, OFFICIAL, PLACES, Upstream, an_episode, assets_folder, in_order
from tests.traces import elsewhere

pytestmark = pytest.mark.simulator

SOUP = "pick_up_the_alphabet_soup_and_place_it_in_the_basket"
RAMEKIN = "pick_up_the_black_bowl_on_the_ramekin_and_place_it_on_the_plate"
DRAWER = "KITCHEN_SCENE4_put_the_black_bowl_in_the_bottom_drawer_of_the_cabinet_and_close_it"
STOVE = "KITCHEN_SCENE3_turn_on_the_stove_and_put_the_moka_pot_on_it"
STUDY = "STUDY_SCENE1_pick_up_the_book_and_place_it_in_the_back_compartment_of_the_caddy"
TASKS = [SOUP, RAMEKIN, "open_the_middle_drawer_of_the_cabinet", STOVE, STUDY]


def random_actions(steps: int) -> npt.NDArray[np.float64]:
    """(steps, 7) actions; the first ones do not turn the hand, which upstream treats apart."""
    actions = np.random.default_rng(0).uniform(-1, 1, (steps, 7))
    actions[: steps // 4, 3:6] = 0.0
    return actions


def follow(task: str, folder: Path, index: int, steps: int) -> None:
    """Run upstream and ours side by side; state, observation and verdict must be equal after every step."""
    ours, theirs = Simulation(task, folder), Upstream(task, folder)
    for number in (index, index + 1):  # the second episode must not remember the first
        ours.start("eval", number, seed=number)
        seen = theirs.start(number, seed=number)
        for action in (None, *random_actions(steps)):
            if action is not None:
                ours.step(action)
                seen, _, done, _ = theirs.env.step(action)
                assert ours.success() == done
            data = ours.data
            npt.assert_array_equal(
                np.concatenate([data.qpos, data.qvel, data.qacc_warmstart, data.ctrl]), theirs.state()
            )
            observed = ours.observed
            npt.assert_array_equal(observed.hand_position, seen["robot0_eef_pos"])
            npt.assert_array_equal(observed.hand_quaternion[[1, 2, 3, 0]], seen["robot0_eef_quat"])
            npt.assert_array_equal(observed.joints, [*seen["robot0_joint_pos"], *seen["robot0_gripper_qpos"]])


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("task", TASKS)
def test_physics_observations_and_verdicts_are_upstreams_bit_for_bit(task: str, place: str) -> None:
    follow(task, assets_folder(place), index=3, steps=30)


@pytest.mark.slow
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("task", ALL_TASKS)
def test_a_hundred_random_actions_of_every_task_are_upstreams_bit_for_bit(task: str, place: str) -> None:
    follow(task, assets_folder(place), index=len(task) % 49, steps=100)


@pytest.mark.gl
@pytest.mark.parametrize("task", [SOUP, STOVE])
def test_lazy_frames_are_upstreams_observations_bit_for_bit(task: str) -> None:
    env = envs.make("libero", task=task, assets="stand-in", image_size_px=64)
    upstream.draw_with_mujoco()
    theirs = Upstream(
        task, env._assets.folder, use_camera_obs=True, has_offscreen_renderer=True, camera_heights=64, camera_widths=64
    )
    episode = an_episode(task, 2)
    observation, _ = env.reset(options={"episode": episode})
    seen = theirs.start(2, episode.seed)
    actions = random_actions(24).astype(np.float32)
    for done in range(0, 25, 8):
        for role, name in (("agent", "agentview_image"), ("wrist", "robot0_eye_in_hand_image")):
            npt.assert_array_equal(observation["images"][role], seen[name][::-1, ::-1])
        if done < len(actions):
            observation = env.advance(actions[done : done + 8]).observation
            for action in actions[done : done + 8]:
                seen = theirs.env.step(action.astype(np.float64))[0]
    env.close()
    theirs.env.close()


@pytest.mark.slow
@pytest.mark.gl
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("task", ALL_TASKS)
def test_every_task_starts_from_any_init_state_steps_and_draws(task: str, place: str) -> None:
    env = envs.make("libero", task=task, assets=str(OFFICIAL) if place == "official" else place, image_size_px=64)
    prints = set()
    for index in (len(task) % 10, 10 + len(task) % 40):
        observation, info = env.reset(options={"episode": an_episode(task, index)})
        done = env.advance(random_actions(3).astype(np.float32))
        for image in (*observation["images"].values(), *done.observation["images"].values()):
            assert image.std() > 10, "a picture, and not one colour"
        prints.add(info["fingerprint"])
    assert len(prints) == 2
    env.close()


@pytest.fixture
def env() -> Iterator[Any]:
    """The environment without cameras."""
    made = envs.make("libero", cameras=(), assets="stand-in")
    yield made
    made.close()


def test_starts_do_not_depend_on_the_process_or_on_what_ran_before() -> None:
    tasks = ",".join([DRAWER, STOVE, RAMEKIN])  # two have drawers and knobs, whose starts upstream cannot repeat
    here = in_order(tasks, backwards=False)
    assert len(set(here.values())) == len(here) == 9
    assert elsewhere("libero_upstream.in_order(arguments[0], True)", tasks, modules="libero_upstream") == here


@pytest.mark.slow
def test_starts_of_every_task_are_the_same_in_three_processes_and_in_any_order() -> None:
    tasks = ",".join(ALL_TASKS)
    here = in_order(tasks, backwards=False)
    assert len(set(here.values())) == len(here) == 3 * 130
    for order in ("False", "True"):
        assert elsewhere(f"libero_upstream.in_order(arguments[0], {order})", tasks, modules="libero_upstream") == here


def test_the_fingerprint_covers_the_poses_of_fixtures(env: Any) -> None:
    episode = an_episode(DRAWER, 0)
    first = env.reset(options={"episode": episode})[1]["fingerprint"]
    state = env.simulation.state()
    assert env.reset(options={"episode": replace(episode, seed=5)})[1]["fingerprint"] != first
    npt.assert_array_equal(env.simulation.state(), state, "nothing touches them, so no state tells where they are")


def test_starts_for_training_are_placed_anew_and_are_no_init_state(env: Any) -> None:
    official = list(init_states(upstream.init_file(SOUP))[:, 10:59])
    for index in range(3):
        env.reset(options={"episode": an_episode(SOUP, index, "train")})
        placed = env.simulation.state()[10:59]
        assert all(np.abs(placed - other).max() > 1e-3 for other in official)
        official.append(placed)


def test_an_init_state_that_there_is_not_is_refused(env: Any) -> None:
    with pytest.raises(LookupError, match=r"has 50 init states, episode 50 is not one"):
        env.reset(options={"episode": replace(an_episode(SOUP, 0), index=50)})


def test_the_state_is_that_of_openpi_and_the_joints(env: Any) -> None:
    observation, _ = env.reset(options={"episode": an_episode(SOUP, 0)})
    state, seen = observation["state"], env.simulation.observed
    assert state.shape == (15,)
    npt.assert_allclose(np.linalg.norm(state[3:6]), np.pi, atol=0.05, err_msg="the hand points down")
    npt.assert_array_equal(state[6:8], seen.joints[7:].astype(np.float32))
    assert state[6] > 0 > state[7]


def test_the_burner_glows_when_the_stove_is_on(env: Any) -> None:
    env.reset(options={"episode": an_episode(STOVE, 0)})
    sim = env.simulation
    burner = sim.model.site("flat_stove_1_burner").id
    assert sim.model.site_rgba[burner, 3] <= 0
    sim.data.qpos[sim.model.jnt_qposadr[sim.joint("flat_stove_1")]] = 1.0
    for _ in range(2):
        env.step(np.zeros(7, np.float32))
    assert sim.model.site_rgba[burner, 3] > 0
    env.reset(options={"episode": an_episode(STOVE, 0)})
    assert sim.model.site_rgba[burner, 3] <= 0


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut short", "foreign"])
def test_init_states_that_cannot_be_read_are_named(tmp_path: Path, content: bytes | str) -> None:
    path = tmp_path / "task.pruned_init"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("archive/data.pkl", b"cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(BrokenFileError, match=r"init states in .*task\.pruned_init cannot be read"):
        init_states(path)


def test_every_task_has_its_two_files() -> None:
    assert len(set(ALL_TASKS)) == 130
    for task in ALL_TASKS:
        assert upstream.bddl_file(task).is_file() and upstream.init_file(task).is_file()


def test_another_package_of_the_same_import_name_will_not_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("envs.libero.distributions", lambda name: [])
    assert envs.load("libero").missing() == ["Python package hf-libero: python -m harness.doctor --install"]


def test_a_task_whose_file_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upstream, "task_files", lambda: {SOUP: Path("/nowhere/soup.bddl")})
    with pytest.raises(BrokenFileError, match=r"^there is no /nowhere/soup\.bddl; install hf-libero again$"):
        upstream.bddl_file(SOUP)


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("stable_hope_objects/butter/butter.xml", "XML Error: invalid keyword: 'bux'"),  # compiled in this process
        ("textures/light-gray-floor-tile.png", "light-gray-floor-tile.png"),  # in one of its own, as it is a link
    ],
)
def test_an_asset_that_does_not_compile_is_named(tmp_path: Path, broken: str, said: str) -> None:
    butter, path = tmp_path / all_objects()["butter"].path, tmp_path / broken
    for file in (butter, path):
        file.parent.mkdir(parents=True, exist_ok=True)
    butter.write_text(object_xml("butter"))
    path.write_text(object_xml("butter").replace('"box"', '"bux"'))
    env = envs.make("libero", cameras=(), assets=str(tmp_path))
    with pytest.raises(BrokenFileError, match=f"^the model of task '{SOUP}' cannot be built: .*{said}") as caught:
        env.reset(options={"episode": an_episode(SOUP, 0)})
    assert "\n" not in str(caught.value) and "/tmp" not in str(caught.value)


def test_importing_upstream_leaves_no_trace() -> None:
    left = elsewhere("libero_upstream.traces_of_import()", modules="libero_upstream")
    assert left == {"environment": [], "modules": [], "home": []}


@pytest.mark.slow
@pytest.mark.gl
@pytest.mark.parametrize("place", PLACES)
def test_the_memory_of_a_worker_stays_below_one_and_a_half_gib(place: str) -> None:
    where = str(OFFICIAL) if place == "official" else place
    assert elsewhere("libero_upstream.peak_mib(arguments[0])", where, modules="libero_upstream") < 1536
