"""The reader of demonstrations: official files, as a script of LIBERO's authors makes them, and broken ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, strategies

import envs
from protocols.demonstrations import LIBERO, LIBERO_STATE, Layout, layout_of, opened, robot_states
from protocols.rotations import matrix_from_vector

STEPS = 12
TASK = "KITCHEN_SCENE10_open_the_top_drawer"


def official(path: Path, *, demos: int = 2, seen_late: bool = True, **attributes: Any) -> Path:
    """A file with the keys, shapes and types of the official ones; row t of everything can be told from t."""
    with h5py.File(path, "w") as file:
        data = file.create_group("data")
        data.attrs.update(attributes)
        for demo in reversed(range(demos)):
            group = data.create_group(f"demo_{demo}")
            states = np.random.default_rng(demo).normal(size=(STEPS + 1, 30))
            seen = states[1:] if seen_late else states[:-1]
            group["states"] = states[:-1]
            group["actions"] = np.arange(STEPS)[:, None] + np.arange(7) / 10
            group["dones"] = group["rewards"] = np.eye(STEPS, dtype=np.uint8)[-1]
            group["obs/joint_states"], group["obs/gripper_states"] = seen[:, 1:8], seen[:, 8:10]
            group["obs/ee_states"] = seen[:, 10:16]
            group["obs/ee_pos"], group["obs/ee_ori"] = seen[:, 10:13], seen[:, 13:16]
            for name in ("agentview_rgb", "eye_in_hand_rgb"):
                images = np.zeros((STEPS, 4, 4, 3), np.uint8)
                images[:, 0, 1] = 100 + np.arange(STEPS)[:, None]  # to be seen in the lowest row, third from the left
                group[f"obs/{name}"] = images
            group.attrs.update({"num_samples": STEPS, "init_state": states[0], "model_file": "<mujoco/>"})
        data.attrs.update({"num_demos": demos, "total": demos * STEPS})
    return path


def test_an_official_file_is_read_with_its_images_turned(tmp_path: Path) -> None:
    path = official(tmp_path / f"{TASK}_demo.hdf5", seen_late=False, macros_image_convention="opengl")
    with opened(path) as (first, second):
        assert (first.name, second.name) == ("demo_0", "demo_1")
        assert first.task == TASK
        assert first.instruction == "open the top drawer"
        assert first.cameras == {role: LIBERO.cameras[role] for role in ("agent", "wrist")}
        assert first.state_entries == LIBERO_STATE
        assert first.steps == STEPS
        assert first.success
        assert (first.index, first.split, first.events) == (None, "", ())
        assert first.progress() is None
        assert first.stages() is None
        images = first.images("wrist")
        assert images.shape == (STEPS, 4, 4, 3)
        assert images[:, 3, 2, 0].tolist() == list(range(100, 100 + STEPS))
        assert np.count_nonzero(images) == 3 * STEPS
        state = first.state()
        assert state.dtype == np.float32
        np.testing.assert_array_equal(state[:, 8:], first.group["obs/joint_states"][:].astype(np.float32))
        np.testing.assert_array_equal(state[:, :3], first.group["obs/ee_pos"][:].astype(np.float32))
        assert first.actions().shape == (STEPS, 7)


def test_where_what_was_seen_is_late_actions_are_paired_with_what_was_seen_before_them(tmp_path: Path) -> None:
    with opened(official(tmp_path / "a_demo.hdf5", seen_late=True)) as (first, _):
        assert first.steps == STEPS - 1
        joints = first.state()[:, 8:]
        states = first.simulator_states()
        assert states is not None
        np.testing.assert_array_equal(joints, states[:, 1:8].astype(np.float32))
        assert first.actions(slice(0, 2))[:, 0].tolist() == [1, 2]
        assert first.images("agent", slice(0, 2))[:, 3, 2, 0].tolist() == [100, 101]
        assert first.actions(slice(-1, None))[0, 0] == STEPS - 1


def test_where_a_file_says_that_rows_go_down_they_stay_in_their_order(tmp_path: Path) -> None:
    with opened(official(tmp_path / "a_demo.hdf5", macros_image_convention="opencv")) as (first, _):
        assert first.images("agent")[:, 0, 2].all()


@pytest.mark.parametrize("told", ['"open it"', ["open", "it"]])
def test_under_another_name_the_instruction_is_the_files_own(tmp_path: Path, told: str | list[str]) -> None:
    info = json.dumps({"language_instruction": told})
    with opened(official(tmp_path / "mine.hdf5", problem_info=info)) as (first, _):
        assert first.instruction == "open it"
        assert first.task == "mine"


def test_demonstrations_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    with opened(official(tmp_path / "a_demo.hdf5", demos=11)) as demonstrations:
        assert [one.name for one in demonstrations] == [f"demo_{number}" for number in range(11)]


def test_a_folder_is_read_file_by_file(tmp_path: Path) -> None:
    for name in ("b", "a"):
        official(tmp_path / f"{name}_demo.hdf5")
    with opened(tmp_path) as demonstrations:
        assert [one.task for one in demonstrations] == ["a", "a", "b", "b"]


@given(
    first=strategies.integers(-STEPS - 2, STEPS + 2) | strategies.none(),
    end=strategies.integers(-STEPS - 2, STEPS + 2) | strategies.none(),
    stride=strategies.integers(1, 3),
    late=strategies.booleans(),
)
def test_a_slice_is_the_slice_of_the_whole(
    tmp_path_factory: pytest.TempPathFactory, first: int | None, end: int | None, stride: int, late: bool
) -> None:
    path = tmp_path_factory.getbasetemp() / f"sliced_{late}_demo.hdf5"
    rows = slice(first, end, stride)
    with opened(path if path.exists() else official(path, seen_late=late)) as (one, _):
        for whole, part in [
            (one.images("agent"), one.images("agent", rows)),
            (one.state(), one.state(rows)),
            (one.actions(), one.actions(rows)),
            (one.simulator_states(), one.simulator_states(rows)),
        ]:
            assert whole is not None
            np.testing.assert_array_equal(part, whole[rows])


def sparse(path: Path, drawn: list[int]) -> Path:
    """A file whose images are of these rows only."""
    official(path, demos=1, seen_late=False)
    with h5py.File(path, "a") as file:
        group = file["data/demo_0"]
        group["drawn"] = np.array(drawn, np.int64)
        for name in ("agentview_rgb", "eye_in_hand_rgb"):
            images = group[f"obs/{name}"][: len(drawn)]
            del group[f"obs/{name}"]
            group[f"obs/{name}"] = images
    return path


def test_where_some_rows_have_images_those_of_the_rows_asked_for_are_given(tmp_path: Path) -> None:
    drawn = [0, 2, 6, 10]
    with opened(sparse(tmp_path / "a_demo.hdf5", drawn)) as (one,):
        assert one.drawn.tolist() == drawn
        for rows in (
            slice(None),
            slice(1, 7),
            slice(6, 7),
            slice(3, 5),
            slice(-2, None),
            slice(0, 12, 3),
            slice(50, 60),
        ):
            places = [drawn.index(row) for row in range(STEPS)[rows] if row in drawn]
            assert one.images("agent", rows)[:, 3, 2, 0].tolist() == [100 + place for place in places]
            assert one.actions(rows).shape[0] == len(range(STEPS)[rows])


def test_without_a_word_on_it_all_rows_have_images(tmp_path: Path) -> None:
    with opened(official(tmp_path / "a_demo.hdf5")) as (one, _):
        assert one.drawn.tolist() == list(range(STEPS - 1))


@pytest.mark.parametrize(
    ("drawn", "words"),
    [
        ([0, 2, 12], "drawn of demo_0 are no ascending rows of its 12"),
        ([0, 4, 2], "drawn of demo_0 are no ascending rows of its 12"),
        ([0, 2], "demo_0 has 12 actions, 2 of them with images, but obs/agentview_rgb has 3 rows"),
    ],
)
def test_rows_with_images_that_cannot_be_are_refused(tmp_path: Path, drawn: list[int], words: str) -> None:
    path = sparse(tmp_path / "a_demo.hdf5", [0, 2, 6])
    with h5py.File(path, "a") as file:
        del file["data/demo_0/drawn"]
        file["data/demo_0/drawn"] = np.array(drawn)
    with pytest.raises(ValueError, match=words), opened(path):
        pass


def test_a_demonstration_without_state_or_images_can_be_read(tmp_path: Path) -> None:
    path = official(tmp_path / "a_demo.hdf5", demos=1)
    with h5py.File(path, "a") as file:
        del file["data/demo_0/obs"]
        file["data/demo_0"].create_group("obs")
    with opened(path) as (first,):
        assert first.state(slice(2, 5)).shape == (3, 0)
        with pytest.raises(LookupError, match="no camera named 'agent'"):
            first.images("agent")


def test_a_suite_with_the_state_of_the_official_files_lies_as_they_do() -> None:
    assert layout_of(envs.load("libero").spec().observation) == LIBERO
    plain = layout_of(envs.load("piper").spec().observation)
    assert plain == Layout({"agent": "agent_rgb", "wrist": "wrist_rgb"}, {"state": (0, 20)})


def test_the_quaternion_of_robot_states_is_the_rotation_of_the_state() -> None:
    state = np.random.default_rng(0).normal(size=(5, 15))
    state[0, 3:6] = 0
    for row, robot in zip(state, robot_states(state), strict=True):
        np.testing.assert_array_equal(robot[:5], [*row[6:8], *row[:3]])
        x, y, z, w = robot[5:]
        assert np.isclose(np.linalg.norm(robot[5:]), 1)
        turned = matrix_from_vector(row[3:6])
        assert np.isclose(np.trace(turned), 4 * w**2 - 1)
        np.testing.assert_allclose([turned[2, 1] - turned[1, 2], turned[0, 2] - turned[2, 0]], [4 * x * w, 4 * y * w])
        np.testing.assert_allclose(turned[1, 0] - turned[0, 1], 4 * z * w, atol=1e-12)


def drop(name: str) -> Any:
    def change(file: h5py.File) -> None:
        del file[name]

    return change


def shorten(name: str) -> Any:
    def change(file: h5py.File) -> None:
        rows = file[name][:-1]
        del file[name]
        file[name] = rows

    return change


def as_float(file: h5py.File) -> None:
    images = file["data/demo_0/obs/agentview_rgb"][:]
    del file["data/demo_0/obs/agentview_rgb"]
    file["data/demo_0/obs/agentview_rgb"] = images / 255


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (drop("data"), "it has no group data with demo_0"),
        (drop("data/demo_1/obs"), "is broken or no file of demonstrations: .*obs"),
        (drop("data/demo_0/actions"), "is broken or no file of demonstrations: .*actions"),
        (shorten("data/demo_1/states"), "demo_1 has 12 actions, but states has 11 rows"),
        (shorten("data/demo_0/obs/eye_in_hand_rgb"), "but obs/eye_in_hand_rgb has 11 rows"),
        (as_float, "obs/agentview_rgb of demo_0 is no .T, H, W, 3. uint8"),
    ],
)
def test_a_file_with_something_missing_is_named_with_what_is_wrong(tmp_path: Path, change: Any, words: str) -> None:
    path = official(tmp_path / "a_demo.hdf5", seen_late=False)
    with h5py.File(path, "a") as file:
        change(file)
    with pytest.raises(ValueError, match=words) as error, opened(path):
        pass
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("size", [0, 100, 0.5, 0.99])
def test_a_truncated_file_is_named(tmp_path: Path, size: float) -> None:
    path = official(tmp_path / "a_demo.hdf5")
    content = path.read_bytes()
    path.write_bytes(content[: int(size if size > 1 else size * len(content))])
    with pytest.raises(ValueError, match=r"a_demo.hdf5 is broken, truncated or no HDF5 file"), opened(tmp_path):
        pass


def test_a_damaged_frame_is_named_when_it_is_read(tmp_path: Path) -> None:
    path = official(tmp_path / "a_demo.hdf5", demos=1)
    with h5py.File(path, "a") as file:
        group = file["data/demo_0/obs"]
        frames = group["agentview_rgb"][:]
        del group["agentview_rgb"]
        chunked = group.create_dataset("agentview_rgb", data=frames, chunks=(1, 4, 4, 3), compression="gzip")
        place = chunked.id.get_chunk_info(3).byte_offset
    content = bytearray(path.read_bytes())
    content[place : place + 8] = b"\xff" * 8
    path.write_bytes(content)
    with opened(path) as (one,):
        assert one.images("agent", slice(0, 3)).shape[0] == 3
        with pytest.raises(ValueError, match=r"a_demo.hdf5: obs/agentview_rgb of demo_0 cannot be read"):
            one.images("agent", slice(3, 4))


def test_nothing_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(LookupError, match=r"there is no .*nowhere"), opened(tmp_path / "nowhere"):
        pass
    with pytest.raises(LookupError, match=r"there is no .*/\*\.hdf5"), opened(tmp_path):
        pass
    (tmp_path / "text.hdf5").write_text("no")
    with pytest.raises(ValueError, match="no HDF5 file"), opened(tmp_path):
        pass
