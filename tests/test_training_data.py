"""What is learnt from: samples of demonstrations, their order, their statistics, and files that do not fit."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, strategies

import envs
from harness.training.dataset import DataSet, Order, last_of_stretch, reaching, turns
from harness.training.frames import cached
from harness.training.hdf5 import made_by
from harness.training.lerobot import Columns
from harness.training.reading import read_sources
from harness.training.sources import Source, agreed_spec, differences
from protocols.contracts import ActionSpec
from protocols.samples import Samples, covered, resized
from tests.demonstrations import demonstrations
from tests.line import ACTION, STATE
from tests.test_demonstrations import official

NONE = Columns({}, "", "", ())


def read(*paths: Path) -> list[Source]:
    return read_sources(paths, NONE)


def data_set(folder: Path, *, size_px: int = 4, chunk: int = 4, hold_out: float = 0.0) -> DataSet:
    sources = read(folder)
    data = DataSet(sources, agreed_spec(sources, None, None, None), hold_out)
    images = cached(sources, tuple(data.spec.observation.cameras), size_px, folder / "cache", processes=1)
    data.look_through(images, size_px, chunk)
    return data


def every_sample(data: DataSet) -> Samples:
    return data.samples(np.arange(len(data.table.starts)))


def test_a_sample_is_what_was_seen_and_the_actions_from_then_on(tmp_path: Path) -> None:
    demonstrations(tmp_path, "near", 2, steps=3)
    samples = every_sample(data_set(tmp_path))
    assert samples.images["agent"].shape == (7, 4, 4, 3)
    assert samples.images["agent"][:, 0, 0, 0].tolist() == [0, 1, 2, 0, 1, 2, 3]
    np.testing.assert_allclose(samples.state[4], [0.1, 1])
    assert samples.instructions == ("go near",) * 7
    assert samples.to_go.tolist() == [2, 1, 0, 3, 2, 1, 0]
    np.testing.assert_allclose(samples.actions[1, :, 0], [0.01, 0.02, 0.02, 0.02])
    assert samples.padded[1].tolist() == [False, False, True, True]
    np.testing.assert_allclose(samples.actions[3, :, 0], [1, 1.01, 1.02, 1.03])
    assert not samples.padded[3].any()


def test_samples_begin_only_at_rows_with_images_and_their_actions_are_of_every_row(tmp_path: Path) -> None:
    demonstrations(tmp_path, count=1, steps=8, every=3)
    samples = every_sample(data_set(tmp_path))
    assert samples.images["agent"][:, 0, 0, 0].tolist() == [0, 3, 6]
    np.testing.assert_allclose(samples.state[:, 0], [0, 0.3, 0.6])
    np.testing.assert_allclose(samples.actions[1, :, 0], [0.03, 0.04, 0.05, 0.06])
    assert samples.to_go.tolist() == [7, 4, 1]


def test_no_chunk_goes_beyond_an_instruction(tmp_path: Path) -> None:
    demonstrations(tmp_path, count=1, steps=6, turns=True)
    samples = every_sample(data_set(tmp_path))
    assert samples.instructions == ("go near",) * 3 + ("come back",) * 3
    assert samples.to_go.tolist() == [2, 1, 0, 2, 1, 0]
    np.testing.assert_allclose(samples.actions[1, :, 0], [0.01, 0.02, 0.02, 0.02])
    assert samples.padded[1].tolist() == [False, False, True, True]


def test_the_goal_is_the_state_in_which_the_gripper_next_turns_else_that_of_the_last_row(tmp_path: Path) -> None:
    action = ActionSpec(("dx", "gripper"), -1.0, 1.0, 10.0, "none", "none")
    gripper = [1, 1, 0.9, -1, -1, -0.8, 1, 1, -1, -1]
    actions = np.stack([np.zeros(10), gripper], axis=1).astype(np.float32)
    last = np.array([7] * 8 + [9] * 2)
    assert turns(actions, last, action).tolist() == [3, 3, 3, 6, 6, 6, 7, 7, 9, 9]
    assert reaching(turns(actions, last, action), last).tolist() == [True] * 3 + [False] * 5 + [True] * 2
    assert turns(actions, last, replace(action, entries=("dx", "dy"))).tolist() == last.tolist()
    demonstrations(tmp_path, count=1, steps=6, turns=True)
    samples = every_sample(data_set(tmp_path))
    np.testing.assert_allclose(samples.goal[:, 0], [0.2] * 3 + [0.5] * 3)
    assert samples.reaching.all()  # a gripper that never turns has not turned yet


def test_rows_before_the_gripper_first_turns_are_dealt_as_often_as_asked(tmp_path: Path) -> None:
    demonstrations(tmp_path, count=1, steps=6)
    data = data_set(tmp_path)
    data.reaching[2:] = False
    assert np.bincount(data.dealt(3)).tolist() == [3, 3, 1, 1, 1, 1]
    assert data.dealt(1).tolist() == data.training.tolist()


def test_what_the_expert_wanted_is_learnt_not_what_noise_made_of_it(tmp_path: Path) -> None:
    demonstrations(tmp_path, count=1, noisy=True)
    assert every_sample(data_set(tmp_path)).actions.max() < 1


def test_no_sample_begins_where_the_expert_is_pushed_aside_before_its_plan_would_have_run(tmp_path: Path) -> None:
    path = demonstrations(tmp_path / "pushed", count=1, steps=30, noisy=True, pushed=slice(15, 18))
    (source,) = read(path)
    assert source.demonstrations[0].drawn.tolist() == [*range(8), *range(18, 30)]
    assert len(next(iter(source.images("agent")))) == 20


def test_statistics_are_of_every_row_once_and_no_deviation_is_too_small(tmp_path: Path) -> None:
    demonstrations(tmp_path, count=2, steps=5, every=2)
    found = data_set(tmp_path).statistics()
    rows = np.concatenate([np.arange(5), np.arange(6)])
    number = np.repeat([0, 1], [5, 6])
    np.testing.assert_allclose(found.state_mean, [rows.mean() / 10, number.mean()], rtol=1e-6)
    np.testing.assert_allclose(found.action_std, [(number + rows / 100).std()], rtol=1e-5)
    demonstrations(tmp_path, count=1)
    assert data_set(tmp_path).statistics().state_std[1] == np.float32(1e-3)


@given(strategies.lists(strategies.integers(0, 2), min_size=1, max_size=12))
def test_a_stretch_ends_where_the_instruction_changes(told: list[int]) -> None:
    for row, last in enumerate(last_of_stretch(np.array(told)).tolist()):
        assert set(told[row : last + 1]) == {told[row]}
        assert last == len(told) - 1 or told[last + 1] != told[last]


@given(strategies.integers(1, 9), strategies.integers(1, 9), strategies.integers(0, 3))
def test_every_sample_comes_once_in_an_epoch_whatever_the_batch(count: int, batch: int, seed: int) -> None:
    order = Order(np.arange(count) * 10, batch, seed)
    steps = -(-3 * count // batch)
    come = np.concatenate([order.chosen(step) for step in range(steps)])
    for epoch in range(3):
        assert sorted(come[epoch * count : (epoch + 1) * count].tolist()) == (np.arange(count) * 10).tolist()
    np.testing.assert_array_equal(Order(np.arange(count) * 10, batch, seed).chosen(steps - 1), order.chosen(steps - 1))


def test_epochs_and_seeds_have_other_orders() -> None:
    orders = [Order(np.arange(100), 100, seed).chosen(step).tolist() for seed in (0, 1) for step in (0, 1)]
    assert len({tuple(order) for order in orders}) == 4


def test_held_out_are_whole_demonstrations_and_the_same_ones_whatever_else_there_is(tmp_path: Path) -> None:
    demonstrations(tmp_path, "near", 12)
    alone = data_set(tmp_path, hold_out=0.4)
    held = {alone.table.demonstrations[number].name for number in alone.held}
    assert 0 < len(held) < 12
    assert not set(alone.training) & set(alone.validation)
    assert len(alone.training) + len(alone.validation) == len(alone.table.starts)
    demonstrations(tmp_path, "far", 12, steps=4)
    both = data_set(tmp_path, hold_out=0.4)
    names = {both.table.demonstrations[number].name for number in both.held}
    assert held == {name for name in names if name.startswith("near")}
    with pytest.raises(ValueError, match=r"nothing is left to learn from with --hold-out 1\.0"):
        data_set(tmp_path, hold_out=1.0)


def test_the_hash_of_the_data_knows_content_not_places(tmp_path: Path) -> None:
    demonstrations(tmp_path / "a")
    demonstrations(tmp_path / "b")
    assert data_set(tmp_path / "a").hash == data_set(tmp_path / "b").hash
    with h5py.File(tmp_path / "b" / "near_demo.hdf5", "a") as file:
        file["data/demo_0/actions"][0] = 5
    assert data_set(tmp_path / "a").hash != data_set(tmp_path / "b").hash


def test_a_failed_demonstration_is_left_out_and_counted(tmp_path: Path) -> None:
    path = demonstrations(tmp_path, count=3)
    with h5py.File(path, "a") as file:
        file["data/demo_1"].attrs["success"] = False
    data = data_set(tmp_path)
    assert data.card()["left_out_as_failed"] == 1
    assert data.card()["demonstrations_by_task"] == {"near": 2}
    assert {name.partition(" ")[0] for name in data.names(data.training)} == {
        "near_demo.hdf5/demo_0",
        "near_demo.hdf5/demo_2",
    }
    assert every_sample(data).images["agent"].max() == 10


def test_names_say_demonstration_and_row(tmp_path: Path) -> None:
    demonstrations(tmp_path, count=2, steps=8, every=3)
    assert data_set(tmp_path).names(np.array([1, 4])) == ["near_demo.hdf5/demo_0 row 3", "near_demo.hdf5/demo_1 row 3"]


def test_images_are_resized_once_and_a_broken_file_is_made_again(tmp_path: Path) -> None:
    demonstrations(tmp_path, "near")
    demonstrations(tmp_path, "far")
    first = every_sample(data_set(tmp_path))
    files = sorted((tmp_path / "cache").iterdir())
    assert len(files) == 2
    before = [file.stat().st_mtime_ns for file in files]
    files[0].write_bytes(files[0].read_bytes()[:-1])
    files[0].with_name(files[0].name + ".new").write_bytes(b"cut by a kill")
    again = every_sample(data_set(tmp_path))
    np.testing.assert_array_equal(first.images["agent"], again.images["agent"])
    after = [file.stat().st_mtime_ns for file in files]
    assert after[0] != before[0] and after[1] == before[1]


def test_two_processes_make_the_same_files_as_one(tmp_path: Path) -> None:
    for task in ("near", "far"):
        demonstrations(tmp_path, task)
    sources = read(tmp_path)
    one = cached(sources, ("agent",), 5, tmp_path / "one", processes=1)
    two = cached(sources, ("agent",), 5, tmp_path / "two", processes=2)
    for left, right in zip(one["agent"], two["agent"], strict=True):
        np.testing.assert_array_equal(left, right)


@given(strategies.integers(1, 5), strategies.integers(1, 6), strategies.integers(0, 2**32 - 1))
def test_a_whole_number_of_pixels_in_each_gives_the_same_mean(by: int, size: int, seed: int) -> None:
    images = np.random.default_rng(seed).integers(0, 256, (2, by * size, by * size, 3), dtype=np.uint8)
    wanted = np.floor(images.reshape(2, size, by, size, by, 3).astype(float).mean(axis=(2, 4)) + 0.5)
    np.testing.assert_array_equal(resized(images, size), wanted)


def test_a_pixel_is_the_mean_of_the_area_that_it_covers() -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, 10, 14, 3), dtype=np.uint8)
    fine = images.repeat(4, axis=1).repeat(4, axis=2).astype(float)  # (2, 40, 56, 3)
    wanted = np.floor(fine.reshape(2, 8, 5, 8, 7, 3).mean(axis=(2, 4)) + 0.5)
    np.testing.assert_array_equal(resized(images, 8), wanted)
    assert resized(images[:, :8, :8], 8) is not None
    large = np.full((1, 600, 300, 3), 255, np.uint8)
    assert (resized(large, 7) == 255).all()


@given(strategies.integers(1, 40), strategies.integers(1, 40))
def test_every_pixel_is_covered_as_often_as_any_other(given_px: int, wanted_px: int) -> None:
    shares = covered(given_px, wanted_px)
    assert (shares.sum(axis=1) == given_px).all()
    assert (shares.sum(axis=0) == wanted_px).all()


def test_files_of_ours_say_what_they_are(tmp_path: Path) -> None:
    demonstrations(tmp_path)
    spec = agreed_spec(read(tmp_path), None, None, None)
    assert spec.observation.cameras == {"agent": (8, 8)}
    assert spec.observation.state == STATE
    assert not differences(spec.action, ACTION)
    assert spec.action.low == -0.1  # not the float32 next to it
    only = agreed_spec(read(tmp_path), None, None, ("goal_m",))
    assert only.observation.state == ("goal_m",)
    assert DataSet(read(tmp_path), only).table.state.shape[1] == 1


def test_official_files_of_libero_are_known(tmp_path: Path) -> None:
    official(tmp_path / "KITCHEN_SCENE10_open_the_top_drawer_demo.hdf5")
    spec, suite = agreed_spec(read(tmp_path), None, None, None), envs.load("libero").spec()
    assert spec.action == suite.action
    assert spec.observation.state == suite.observation.state
    assert spec.observation.cameras == {"agent": (4, 4), "wrist": (4, 4)}


@pytest.mark.parametrize(
    ("kept", "words"),
    [
        ({"cameras": ()}, r"near_demo.hdf5 has no images; collect it with cameras"),
        ({"cameras": ("agent",)}, r"near_demo.hdf5 has no images of wrist; --cameras agent does without"),
        ({"state_entries": "[]"}, r"near_demo.hdf5 lacks position_m, goal_m in its state: it has no state"),
        ({"action_entries": '["dy_m"]'}, r"near_demo.hdf5 has other actions than far_demo.hdf5: entries \('dy_m',\)"),
        ({"action_high": np.float32([1])}, r"other actions .*: range -0.1 to 1.0, not -0.1 to 0.1"),
        ({"rate_hz": 20.0}, r"other actions .*: rate_hz 20.0, not 10.0"),
    ],
)
def test_files_that_do_not_fit_the_others_are_named(tmp_path: Path, kept: dict[str, Any], words: str) -> None:
    demonstrations(tmp_path, "far", cameras=("agent", "wrist"))
    demonstrations(tmp_path, "near", **({"cameras": ("agent", "wrist")} | kept))
    with pytest.raises(ValueError, match=words):
        agreed_spec(read(tmp_path), None, None, None)


def test_files_of_another_robot_than_the_suite_are_refused(tmp_path: Path) -> None:
    demonstrations(tmp_path)
    with pytest.raises(ValueError, match=r"near_demo.hdf5 (lacks .* in its state|has other actions)"):
        agreed_spec(read(tmp_path), "metaworld", None, None)
    with pytest.raises(LookupError, match="no suite named 'metawrld'; did you mean 'metaworld'"):
        agreed_spec(read(tmp_path), "metawrld", None, None)
    unmarked = demonstrations(tmp_path, headway=None, action_entries=None)
    with pytest.raises(ValueError, match=r"near_demo.hdf5 does not say what its actions are; name the suite"):
        agreed_spec(read(unmarked), None, None, None)


def test_nothing_is_learnt_from_starts_of_evaluations_or_from_failures_alone(tmp_path: Path) -> None:
    path = demonstrations(tmp_path, count=1)
    with h5py.File(path, "a") as file:
        file["data/demo_0"].attrs["split"] = "eval"
    with pytest.raises(ValueError, match=r"near_demo.hdf5 has starts of the split eval"):
        read(path)
    with h5py.File(path, "a") as file:
        file["data/demo_0"].attrs["success"] = False
    with pytest.raises(ValueError, match=r"near_demo.hdf5 has no successful demonstration"):
        read(path)


@pytest.mark.parametrize(("key", "words"), [("actions", "an action"), ("obs/state", "a state")])
def test_a_number_that_is_not_finite_is_named(tmp_path: Path, key: str, words: str) -> None:
    path = demonstrations(tmp_path)
    with h5py.File(path, "a") as file:
        file[f"data/demo_1/{key}"][2] = np.nan
    with pytest.raises(ValueError, match=f"near_demo.hdf5/demo_1 has {words} that is not finite"):
        data_set(tmp_path)


def test_nothing_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(LookupError, match=r"no demonstrations: there is no .*nowhere"):
        read(tmp_path / "nowhere")
    with pytest.raises(LookupError, match=r"no demonstrations: there is no .*/\*\.hdf5"):
        read(tmp_path)


def test_images_that_are_not_there_or_have_no_room_leave_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    demonstrations(tmp_path)
    sources = read(tmp_path)
    empty = [replace(source, images=lambda camera: iter(())) for source in sources]
    with pytest.raises(ValueError, match="has 0 images of agent, not 30"):
        cached(empty, ("agent",), 4, tmp_path / "cache", processes=1)
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=0))
    with pytest.raises(OSError, match=r"cannot write .*: it takes 0 MiB, and the disk has less; what was written"):
        cached(sources, ("agent",), 4, tmp_path / "cache", processes=1)
    assert not list((tmp_path / "cache").iterdir())


def test_the_loader_alone_gives_more_than_five_thousand_samples_a_second(tmp_path: Path) -> None:
    demonstrations(tmp_path, count=4, steps=64, size_px=112)
    data = data_set(tmp_path, size_px=112, chunk=16)
    order = Order(data.training, 256, 0)
    began = time.process_time()
    for step in range(8):
        data.samples(order.chosen(step))
    assert 8 * 256 / (time.process_time() - began) > 5000


def test_the_card_says_who_made_the_data_and_with_which_frames() -> None:
    assert made_by({}) == ""
    assert made_by({"protocol": "piper_table4"}) == "expert under piper_table4"
    disturbed = {"protocol": "piper_table4", "policy": "expert(noise=0.1)", "render": "fast"}
    assert made_by(disturbed) == "expert(noise=0.1) under piper_table4, fast frames"
