"""Demonstrations in HDF5, in the layout of the official LIBERO files (robomimic's): how they lie, how they are read.

A file holds one task, `<task>_demo.hdf5`; `data/demo_0`, `data/demo_1`, ... hold T rows each, one per control step:

    actions      (T, A) float64, as executed
    states       (T, n) float64, the simulator's state before the action: time, positions, velocities
    rewards      (T,) uint8, 1 in the last row of a success; dones (T,) uint8, 1 in the last row
    obs/...      what was seen before the action: images (T, H, W, 3) uint8 and the state, see `Layout`
    robot_states (T, 9) float64, LIBERO only: finger positions 2, hand x, y, z in metres, its quaternion x, y, z, w

and, only in files of ours, after the action of the row: progress (T,) float32, stages (T,) text; where it differs from
the demonstration's `instruction`, what was told before the action: instructions (T,) text; where the expert was
disturbed, what it wanted: expert_actions (T, A) float64, and where it was pushed aside: pushed (T,) bool. Where the
attribute `draw_every` of `data` is K, images are of the first row and of every K-th only: (n, H, W, 3), and drawn (n,)
int64 tells their rows. The attributes of `data` and of each demonstration are those of the official files as far as
they make sense here, and our own: task, index, seed, split, instruction, fingerprint, success, events.

Images lie turned by 180 degrees from how environments give them: so do the official files, which hold OpenGL's rows
from the bottom up, relative to what policies for LIBERO are shown. Attribute `macros_image_convention` "opencv" would
mean rows from the top down. The reader gives images as the environment does.

The official files were made by `scripts/create_dataset.py` of Lifelong-Robot-Learning/LIBERO, which keeps what was
seen AFTER the action beside the state before it. Where arm joints in `obs` and in `states` show that, the reader pairs
each action with what was seen before it, and such a demonstration is one row shorter.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from protocols.contracts import FloatArray, ImageArray, ObservationSpec
from protocols.registry import require

if TYPE_CHECKING:
    import h5py

Array = npt.NDArray[np.float64]
SUFFIX = "_demo.hdf5"
MARK = "headway"  # attribute of `data` in files of ours
IMAGES = "_rgb"
BY_ROW = ("states", "progress", "stages", "instructions", "expert_actions", "pushed")
ALL = slice(None)


class Layout(NamedTuple):
    """Where a suite's observations lie below `obs`.

    cameras: dataset by camera role. state: columns of the environment's state, first and end, by dataset.
    """

    cameras: dict[str, str]
    state: dict[str, tuple[int, int]]


LIBERO = Layout(
    cameras={"agent": "agentview_rgb", "wrist": "eye_in_hand_rgb"},
    state={"ee_pos": (0, 3), "ee_ori": (3, 6), "ee_states": (0, 6), "gripper_states": (6, 8), "joint_states": (8, 15)},
)
LIBERO_STATE = (
    *(f"hand_{axis}_world_m" for axis in "xyz"),
    *(f"hand_turn_{axis}_world_rad" for axis in "xyz"),
    *("finger1_m", "finger2_m"),
    *(f"joint{number}_rad" for number in range(1, 8)),
)
LIBERO_PARTS = ("ee_states", "gripper_states", "joint_states")  # the state, one after another
LIBERO_ARM = slice(1, 8)  # of a row of `states`


def layout_of(observation: ObservationSpec) -> Layout:
    """The official one for an environment with LIBERO's state; else `<camera>_rgb`, and `state` whole."""
    if observation.state == LIBERO_STATE:
        return LIBERO
    cameras = {camera: camera + IMAGES for camera in observation.cameras}
    return Layout(cameras, {"state": (0, len(observation.state))})


def robot_states(state: Array) -> Array:
    """(T, 9) fingers, hand, quaternion x, y, z, w, of LIBERO's (T, 15) state."""
    angle = np.linalg.norm(state[:, 3:6], axis=1, keepdims=True)
    axis = state[:, 3:6] / np.maximum(angle, 1e-12)
    return np.hstack([state[:, 6:8], state[:, :3], axis * np.sin(angle / 2), np.cos(angle / 2)])


@dataclass(frozen=True, eq=False)
class Demonstration:
    """One demonstration in an open file; what it holds is read when it is asked for, and only the rows asked for.

    Row t of everything belongs to the t-th control step: what was seen before its action, the action, and what came of
    it. Rows are chosen by a slice.

    Args:
        path: the file.
        name: its group, such as "demo_0".
        task: name of the task, from the file's own name where the file does not say.
        instruction: what a policy is told. For official files from the file's name, as evaluations do it; the text in
            the file itself differs in 29 of the 130 tasks.
        steps: rows.
        cameras: dataset by role of the camera.
        state_entries: names of the state's entries; () where there is no state.
        success: False only where the file says so.
        index: number of the episode within its task and split, None where the file does not say.
        split: which starts it comes from, "" where the file does not say.
        events: what happened, (control step from 1, name), in order.
        drawn: (n,) the rows that have images, ascending; all rows where nothing was left out.
    """

    path: Path
    name: str
    task: str
    instruction: str
    steps: int
    cameras: dict[str, str]
    state_entries: tuple[str, ...]
    success: bool
    index: int | None
    split: str
    events: tuple[tuple[int, str], ...]
    drawn: npt.NDArray[np.int64] = field(repr=False)
    group: h5py.Group = field(repr=False)
    rows_down: bool = field(repr=False)
    late: int = field(repr=False)  # 1 where `obs` was seen after the action

    def images(self, camera: str, rows: slice = ALL) -> ImageArray:
        """(t, H, W, 3) uint8, what that camera saw before each action, turned as the environment gives it.

        Of those of the rows that have images, see `drawn`: t is their number, and may be 0.

        Raises:
            LookupError: no camera with that role.
        """
        name = self.cameras[require("camera", camera, self.cameras)]
        seen = self._seen(name, rows) if len(self.drawn) == self.steps else self._drawn(name, rows)
        images: ImageArray = seen[:, :, ::-1]
        return images if self.rows_down else images[:, ::-1]

    def _drawn(self, name: str, rows: slice) -> Any:
        wanted = np.flatnonzero(np.isin(self.drawn, range(self.steps)[rows]))
        first, end = (wanted[0], wanted[-1] + 1) if len(wanted) else (0, 0)
        return self._read(f"obs/{name}", slice(first, end))[wanted - first]

    def state(self, rows: slice = ALL) -> FloatArray:
        """(t, S) float32, the state before each action."""
        if not self.state_entries:
            return np.zeros((len(range(self.steps)[rows]), 0), np.float32)
        parts = ("state",) if "state" in self.group["obs"] else LIBERO_PARTS
        return np.concatenate([self._seen(part, rows) for part in parts], axis=1).astype(np.float32)

    def actions(self, rows: slice = ALL) -> FloatArray:
        """(t, A) float32, as executed."""
        actions: FloatArray = self._done("actions", rows).astype(np.float32)
        return actions

    def pushed(self, rows: slice = ALL) -> npt.NDArray[np.bool_]:
        """(t,) whether the expert was pushed aside, see `policies.expert`."""
        if "pushed" not in self.group:
            return np.zeros(len(range(self.steps)[rows]), np.bool_)
        pushed: npt.NDArray[np.bool_] = self._done("pushed", rows).astype(np.bool_)
        return pushed

    def expert_actions(self, rows: slice = ALL) -> FloatArray | None:
        """(t, A) float32, what the expert wanted, within the range; None where that was executed, see `actions`."""
        return self._done("expert_actions", rows).astype(np.float32) if "expert_actions" in self.group else None

    def simulator_states(self, rows: slice = ALL) -> Array | None:
        """(t, n) the simulator's state before each action: time, positions, velocities; None where there is none."""
        return self._done("states", rows) if "states" in self.group else None

    def progress(self, rows: slice = ALL) -> FloatArray | None:
        """(t,) float32, ground truth after each action; None where the file has none, as official ones."""
        return self._done("progress", rows).astype(np.float32) if "progress" in self.group else None

    def stages(self, rows: slice = ALL) -> tuple[str, ...] | None:
        """(t,) stage of the task after each action; None where the file has none."""
        if "stages" not in self.group:
            return None
        return tuple(stage.decode() for stage in self._done("stages", rows))

    def instructions(self, rows: slice = ALL) -> tuple[str, ...]:
        """(t,) what a policy is told before each action; in chains of subtasks it changes."""
        if "instructions" not in self.group:
            return (self.instruction,) * len(range(self.steps)[rows])
        first, end, stride = rows.indices(self.steps)
        return tuple(text.decode() for text in self._read("instructions", slice(first, end, stride)))

    def _seen(self, name: str, rows: slice) -> Any:
        first, end, stride = rows.indices(self.steps)
        return self._read(f"obs/{name}", slice(first, end, stride))

    def _done(self, name: str, rows: slice) -> Any:
        first, end, stride = rows.indices(self.steps)
        return self._read(name, slice(first + self.late, end + self.late, stride))

    def _read(self, name: str, rows: slice) -> Any:
        try:
            return self.group[name][rows]
        except (OSError, KeyError) as error:
            raise ValueError(f"{self.path}: {name} of {self.name} cannot be read: {said(error)}") from error


@contextmanager
def opened(path: Path | str) -> Iterator[list[Demonstration]]:
    """The demonstrations of a file, or of all `.hdf5` files below a folder, while the files are open.

    Raises:
        LookupError: there is nothing of that name, or no file in the folder.
        ValueError: a file that is broken, truncated or no file of demonstrations; the message names it and says why.
    """
    with ExitStack() as stack:
        yield [
            demonstration for file in files_of(Path(path)) for demonstration in stack.enter_context(opened_file(file))
        ]


def files_of(place: Path) -> list[Path]:
    """The file itself, or all `.hdf5` files below a folder, sorted. Raises LookupError where there is none."""
    files = sorted(place.rglob("*.hdf5")) if place.is_dir() else [place]
    if not files or not place.exists():
        raise LookupError(f"no demonstrations: there is no {place}" + "/*.hdf5" * place.is_dir())
    return files


@contextmanager
def opened_file(path: Path) -> Iterator[list[Demonstration]]:
    """The demonstrations of one file, while it is open; errors as of `opened`."""
    import h5py

    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise ValueError(f"{path} is broken, truncated or no HDF5 file: {said(error)}") from error
    with file:
        data = file.get("data")
        names = sorted(data, key=number) if isinstance(data, h5py.Group) else []
        if not names:
            raise ValueError(f"{path} is no file of demonstrations: it has no group data with demo_0, demo_1, ...")
        try:
            late = int(seen_late(data, data[names[0]]))
            yield [demonstration(path, name, data, data[name], late) for name in names]
        except (KeyError, OSError, json.JSONDecodeError) as error:
            raise ValueError(f"{path} is broken or no file of demonstrations: {said(error)}") from error


def number(name: str) -> tuple[int, str]:
    """Sorts demo_10 behind demo_9."""
    digits = re.search(r"\d+$", name)
    return (int(digits[0]) if digits else -1, name)


def said(error: Exception) -> str:
    """What a library's error says, in one line."""
    return " ".join(str(error).strip("'\"").split())


def seen_late(data: h5py.Group, first: h5py.Group) -> bool:
    """Whether `obs` holds what was seen after the action: by the arm's joints, which stand in `states` too."""
    if MARK in data.attrs or "states" not in first or "joint_states" not in first.get("obs", ()):
        return False
    joints, states = first["obs/joint_states"][:], first["states"][:]
    if len(joints) != len(states) or len(joints) < 2 or joints.shape[1] != 7 or states.shape[1] < LIBERO_ARM.stop:
        return False
    arm = states[:, LIBERO_ARM]
    return bool(np.abs(joints[:-1] - arm[1:]).mean() < np.abs(joints - arm).mean())


def demonstration(path: Path, name: str, data: h5py.Group, group: h5py.Group, late: int) -> Demonstration:
    """One demonstration, its shapes checked.

    Raises:
        ValueError: something is missing, or has other rows than the actions.
        KeyError: there are no actions or no observations.
    """
    about, seen = group.attrs, group["obs"]
    rows = len(group["actions"])
    cameras = camera_roles(seen)
    drawn = group["drawn"][:] if "drawn" in group else np.arange(rows - late)
    if "drawn" in group and not (np.isin(drawn, range(rows)).all() and (np.diff(drawn) > 0).all()):
        raise ValueError(f"{path}: drawn of {name} are no ascending rows of its {rows}")
    wanted = {key: rows for key in BY_ROW if key in group} | {f"obs/{key}": rows for key in seen}
    if "drawn" in group:
        wanted |= {f"obs/{key}": len(drawn) for key in cameras.values()}
    for key, size in wanted.items():
        if len(group[key]) != size:
            some = "" if size == rows else f", {size} of them with images"
            raise ValueError(f"{path}: {name} has {rows} actions{some}, but {key} has {len(group[key])} rows")
    if group["actions"].ndim != 2 or rows <= late:
        raise ValueError(f"{path}: {name} has actions of the shape {group['actions'].shape}, not (T, A)")
    if wrong := [key for key in cameras.values() if seen[key].dtype != np.uint8 or seen[key].shape[3:] != (3,)]:
        raise ValueError(f"{path}: obs/{wrong[0]} of {name} is no (T, H, W, 3) uint8 but {seen[wrong[0]].shape}")
    return Demonstration(
        path=path,
        name=name,
        task=str(about.get("task", path.name.removesuffix(SUFFIX).removesuffix(".hdf5"))),
        instruction=instruction(path, data, group),
        steps=rows - late,
        cameras=cameras,
        state_entries=state_entries(data, seen),
        success=bool(about.get("success", True)),
        index=int(about["index"]) if "index" in about else None,
        split=str(about.get("split", "")),
        events=tuple((int(step), str(event)) for step, event in json.loads(about.get("events", "[]"))),
        drawn=drawn,
        group=group,
        rows_down=data.attrs.get("macros_image_convention") == "opencv",
        late=late,
    )


def camera_roles(seen: h5py.Group) -> dict[str, str]:
    """The datasets of images, by the role of their camera."""
    official = {name: role for role, name in LIBERO.cameras.items()}
    return {official.get(key, key.removesuffix(IMAGES)): key for key in seen if key.endswith(IMAGES)}


def state_entries(data: h5py.Group, seen: h5py.Group) -> tuple[str, ...]:
    """Names of the state's entries, () where no state is kept."""
    if "state_entries" in data.attrs:
        return tuple(map(str, json.loads(data.attrs["state_entries"])))
    return LIBERO_STATE if all(part in seen for part in LIBERO_PARTS) else ()


def instruction(path: Path, data: h5py.Group, group: h5py.Group) -> str:
    """What a policy is told in this demonstration."""
    if "instruction" in group.attrs:
        return str(group.attrs["instruction"])
    if path.name.endswith(SUFFIX):
        return re.sub(r"^[A-Z_]+SCENE\d+_", "", path.name.removesuffix(SUFFIX)).replace("_", " ")
    told = json.loads(data.attrs["problem_info"])["language_instruction"]
    return (told if isinstance(told, str) else " ".join(told)).strip('" ')
