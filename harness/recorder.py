"""Keeps what an environment shows at every control step, as one demonstration in HDF5.

It stands between the worker and its environment while the suite's expert acts. Frames are compressed as they come
(gzip 1, a frame a chunk, without loss), so that an episode takes a few megabytes of memory and one message to the
parent, which alone writes files. What is kept is described in `protocols.demonstrations`.
"""

from __future__ import annotations

import json
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

import envs
from protocols.contracts import Advanced, Episode, Event, FloatArray, ImageArray
from protocols.demonstrations import Layout, robot_states

GROUP = "demonstration"  # of a part


class Recorder:
    """Stands in for an environment; its `part` is the episode that has ended.

    Args:
        env: the environment, with the cameras that are to be kept.
        layout: where its observations lie.
        every: frames are drawn and kept before the first action and before every action of that many; which these are
            differs from episode to episode, so that over all of them every moment is seen.
    """

    def __init__(self, env: envs.SuiteEnv, layout: Layout, every: int = 1) -> None:
        self.env = env
        self.layout = layout
        self.every, self.cameras = every, env.cameras
        self.part = b""
        self.renders = 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Reach the start of `options["episode"]`, which must be given, and begin its demonstration."""
        self.part = b""
        self.env.cameras = self.cameras
        self.seen, self.info = self.env.reset(seed=seed, options=options)
        self.renders = self.env.renders
        self.episode: Episode = (options or {})["episode"]
        self.pushed = False
        kept = ("actions", "expert_actions", "pushed", "states", "state", "progress", "stages", "instructions")
        self.columns: dict[str, list[Any]] = {key: [] for key in kept}
        self.events: list[Event] = []
        self.drawn: list[int] = []
        self.file = h5py.File("part", "w", driver="core", backing_store=False)
        self.group = self.file.create_group(GROUP)
        self.group.create_group("obs")
        for camera, image in self.seen["images"].items():
            self._open_frames(self.layout.cameras[camera], image)
        return self.seen, self.info

    def _open_frames(self, name: str, image: ImageArray) -> None:
        self.group["obs"].create_dataset(
            name,
            shape=(0, *image.shape),
            maxshape=(None, *image.shape),
            chunks=(1, *image.shape),
            dtype=np.uint8,
            compression="gzip",
            compression_opts=1,
        )

    def advance(self, actions: npt.ArrayLike) -> Advanced:
        """Execute one action, (1, A), and keep what was seen before it and what came of it."""
        (action,) = np.asarray(actions, np.float64)
        number = len(self.columns["actions"])
        if self.seen["images"]:
            self.drawn.append(number)
        for camera, image in self.seen["images"].items():
            frames = self.group["obs"][self.layout.cameras[camera]]
            frames.resize(len(frames) + 1, axis=0)
            frames[-1] = image[::-1, ::-1]  # turned, as the official files have it
        row = {"actions": action, "expert_actions": self.wanted, "pushed": self.pushed}
        row["states"] = self.env.simulator_state()
        row |= {"state": self.seen["state"].astype(np.float64), "instructions": self.seen["instruction"]}
        self.env.cameras = self.cameras if (number + 1 - self.episode.index) % self.every == 0 else ()
        done = self.env.advance(actions)
        self.renders = self.env.renders
        row |= {"progress": done.progress[0], "stages": done.stage}
        for key, value in row.items():
            self.columns[key].append(value)
        self.events += done.events
        if done.observation is None:
            self._finish(done)
        else:
            self.seen = done.observation
        return done

    def _finish(self, done: Advanced) -> None:
        """Complete the demonstration, as the bytes of an HDF5 file."""
        state = np.stack(self.columns.pop("state"))
        for name, (first, end) in self.layout.state.items():
            self.group["obs"][name] = state[:, first:end]
        if "ee_ori" in self.layout.state:
            self.group["robot_states"] = robot_states(state)
        stages, told = self.columns.pop("stages"), self.columns.pop("instructions")
        self.group.create_dataset("stages", data=stages, dtype=h5py.string_dtype())
        if set(told) != {self.episode.instruction}:
            self.group.create_dataset("instructions", data=told, dtype=h5py.string_dtype())
        if np.array_equal(self.columns["actions"], self.columns["expert_actions"]):
            del self.columns["expert_actions"]
        if not any(self.columns["pushed"]):
            del self.columns["pushed"]
        for name, rows in self.columns.items():
            self.group[name] = np.stack(rows)
        if self.every > 1:
            self.group["drawn"] = np.array(self.drawn, np.int64)
        last = np.zeros(len(stages), np.uint8)
        last[-1] = 1
        self.group["dones"], self.group["rewards"] = last, last * np.uint8(done.success)
        self.group.attrs.update(self._about(done))
        self.file.flush()
        self.part = self.file.id.get_file_image()
        self.file.close()

    def _about(self, done: Advanced) -> dict[str, Any]:
        """The demonstration's attributes: the official ones, then ours."""
        episode = self.episode
        return {
            "num_samples": len(self.columns["actions"]),
            "init_state": self.columns["states"][0],
            "success": done.success,
            "failure": done.failure,
            "events": json.dumps(self.events),
            "fingerprint": self.info["fingerprint"],
            "renderer": self.info["renderer"],
            **{key: getattr(episode, key) for key in ("suite", "task", "instruction", "index", "split", "shift")},
            "seed": np.uint32(episode.seed),
            "max_steps": episode.max_steps,
        }

    def frame(self, camera: str) -> ImageArray:
        """(H, W, 3) uint8, what that camera sees now."""
        return self.env.frame(camera)

    def expert_action(self) -> FloatArray:
        """(A,) what the suite's scripted expert does now."""
        wanted = self.env.expert_action()
        self.wanted = wanted.astype(np.float64)
        return wanted

    def simulator_state(self) -> npt.NDArray[np.float64]:
        """(n,) the simulator's state."""
        return self.env.simulator_state()

    def close(self) -> None:
        """Give back the simulator and the renderer."""
        self.env.close()
