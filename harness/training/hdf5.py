"""A source of demonstrations: one HDF5 file, ours or an official one of LIBERO, see `protocols.demonstrations`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.training.sources import Numbers, Source
from protocols.contracts import ActionSpec, FloatArray, ImageArray
from protocols.demonstrations import LIBERO_STATE, MARK, Demonstration, opened_file

CALM_STEPS = 8  # as many as a policy usually executes of a plan


def read_source(path: Path) -> Source:
    """The demonstrations of a file; those that have failed are left out.

    Raises:
        ValueError: it is broken, all in it have failed, or its starts are those of evaluations.
    """
    with opened_file(path) as demonstrations:
        kept = wanted(demonstrations)
        if not kept:
            raise ValueError(f"{path} has no successful demonstration")
        if any(one.split == "eval" for one in kept):
            raise ValueError(f"{path} has starts of the split eval; nobody may learn from what is evaluated")
        data = kept[0].group.parent.attrs
        ours = MARK in data
        return Source(
            name=path.name,
            size=path.stat().st_size,
            suite=str(data.get("env_name", "")) if ours else "libero" * (kept[0].state_entries == LIBERO_STATE),
            cameras={role: kept[0].group["obs"][name].shape[1:3] for role, name in kept[0].cameras.items()},
            state=kept[0].state_entries,
            action=action_of(data) if "action_entries" in data else None,
            demonstrations=tuple(map(numbers, kept)),
            images=partial(images, path),
            failed=len(demonstrations) - len(kept),
            made_by=made_by(json.loads(data.get(MARK, "{}"))),
        )


def made_by(settings: dict[str, Any]) -> str:
    """Who acted and under which protocol, of a file that `harness.collect` has written."""
    if "protocol" not in settings:
        return ""
    frames = f", {settings['render']} frames" if "render" in settings else ""
    return f"{settings.get('policy', 'expert')} under {settings['protocol']}{frames}"


def wanted(demonstrations: list[Demonstration]) -> list[Demonstration]:
    """Those to learn from: the successful ones."""
    return [one for one in demonstrations if one.success]


def numbers(demonstration: Demonstration) -> Numbers:
    """All of a demonstration but its images."""
    noted = demonstration.expert_actions()
    return Numbers(
        name=f"{demonstration.path.name}/{demonstration.name}",
        task=demonstration.task,
        instructions=demonstration.instructions(),
        state=demonstration.state(),
        actions=demonstration.actions() if noted is None else noted,
        drawn=demonstration.drawn[calm(demonstration)].astype(np.int64),
    )


def calm(demonstration: Demonstration) -> npt.NDArray[np.bool_]:
    """(n,) which drawn rows have before them `CALM_STEPS` in which the expert was not pushed aside.

    What it wanted while it was pushed is no plan that leads anywhere.
    """
    pushed = demonstration.pushed()  # (T,)
    soon = [pushed[row : row + CALM_STEPS].any() for row in demonstration.drawn]
    return ~np.array(soon, np.bool_)


def action_of(data: Any) -> ActionSpec:
    """What an action is, as the attributes of a file of ours say."""
    return ActionSpec(
        entries=tuple(json.loads(data["action_entries"])),
        low=bound(data["action_low"]),
        high=bound(data["action_high"]),
        rate_hz=float(data["rate_hz"]),
        rotation=str(data["action_rotation"]),
        gripper=str(data["action_gripper"]),
    )


def bound(values: FloatArray) -> float | tuple[float, ...]:
    """One number where all are the same; each as it was written before it became a float32."""
    numbers = tuple(float(str(value)) for value in np.asarray(values, np.float32))
    return numbers[0] if len(set(numbers)) == 1 else numbers


def images(path: Path, camera: str) -> Iterator[ImageArray]:
    """For each demonstration the images of its drawn rows."""
    with opened_file(path) as demonstrations:
        for demonstration in wanted(demonstrations):
            yield demonstration.images(camera)[calm(demonstration)]
