"""Files of demonstrations with made-up content, to learn from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from protocols.demonstrations import MARK
from tests.line import ACTION, STATE

ATTRIBUTES: dict[str, Any] = {
    MARK: "{}",
    "env_name": "tests.line",
    "state_entries": json.dumps(STATE),
    "action_entries": json.dumps(ACTION.entries),
    "action_low": ACTION.bounds().low,
    "action_high": ACTION.bounds().high,
    "action_rotation": ACTION.rotation,
    "action_gripper": ACTION.gripper,
    "rate_hz": ACTION.rate_hz,
}


def demonstrations(
    folder: Path,
    task: str = "near",
    count: int = 3,
    *,
    steps: int = 9,
    size_px: int = 8,
    cameras: tuple[str, ...] = ("agent",),
    every: int = 1,
    turns: bool = False,
    noisy: bool = False,
    pushed: slice = slice(0),
    **attributes: Any,
) -> Path:
    """A file in our layout; row t of demonstration n has the action n + t / 100, and its images are t grey.

    Images are of each `every`-th row. If it turns, the instruction changes half-way. If it is noisy, what was executed
    is 0.05 m more than what the expert wanted, in pushed rows 9 m. An attribute that is None is left out.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{task}_demo.hdf5"
    with h5py.File(path, "w") as file:
        data = file.create_group("data")
        data.attrs.update({key: value for key, value in (ATTRIBUTES | attributes).items() if value is not None})
        for number in range(count):
            group, rows = data.create_group(f"demo_{number}"), steps + number
            wanted = number + np.arange(rows)[:, None] / 100
            disturbed = wanted + 0.05 * noisy
            disturbed[pushed] = wanted[pushed] + 9
            group["actions"] = disturbed
            group["pushed"] = np.isin(np.arange(rows), np.arange(rows)[pushed])
            if noisy:
                group["expert_actions"] = wanted
            drawn = np.arange(rows)[::every]
            if every > 1:
                group["drawn"] = drawn
            group["obs/state"] = np.stack([np.arange(rows) / 10, np.full(rows, number)], axis=1)
            for camera in cameras:
                grey = np.broadcast_to(drawn[:, None, None, None], (len(drawn), size_px, size_px, 3))
                group[f"obs/{camera}_rgb"] = grey.astype(np.uint8)
            group.attrs.update({"task": task, "split": "train", "success": True, "instruction": f"go {task}"})
            if turns:
                told = np.where(np.arange(rows) < rows // 2, f"go {task}", "come back").tolist()
                group.create_dataset("instructions", data=told, dtype=h5py.string_dtype())
    return path
