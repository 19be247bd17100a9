"""What is evaluated: one flat YAML file per protocol beside the task tables of the suites.

`names()` lists the protocols, `load(name)` reads one strictly: unknown and missing keys are refused.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import yaml

from protocols.contracts import CHAIN_TIER, RENDER_PROFILES, EvaluationProtocol, Task, at_least_one
from protocols.registry import require

FOLDER = Path(__file__).parent
SPLITS = ("eval", "train")
KEYS: dict[str, type | tuple[type, ...]] = {
    "suite": str,
    "starts": str,
    "shift": str,
    "split": str,
    "task_table": str,
    "instruction_column": str,
    "tasks": (str, list),
    "episodes_per_task": int,
    "max_steps": (int, dict),
    "image_size_px": int,
    "render": str,
    "max_error_share": (int, float),
    "floors": dict,
}


def names() -> list[str]:
    """Names of the protocols that come with the project, sorted."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def load(name: str) -> EvaluationProtocol:
    """Read a protocol by name, or from a path that ends in .yaml.

    Raises:
        LookupError: no protocol of that name or path.
        ValueError: a key that is unknown, missing, or of the wrong type or range.
    """
    path = Path(name) if name.endswith(".yaml") else FOLDER / f"{require('protocol', name, names())}.yaml"
    try:
        values = yaml.load(path.read_text(encoding="utf-8"), Loader=UniqueKeys)
    except FileNotFoundError:
        raise LookupError(f"no protocol file {path}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not YAML: {' '.join(str(error).split())}") from None
    if path.parent.resolve() != FOLDER and path.stem in names():
        raise ValueError(
            f"{path}: the name {path.stem!r} is taken by a protocol of ours; another content is another name"
        )
    check_keys(path, values)
    tasks = choose_tasks(path, values)
    return EvaluationProtocol(
        name=path.stem,
        suite=values["suite"],
        starts=values["starts"],
        shift=values["shift"],
        split=require("split", values["split"], SPLITS),
        tasks=tasks,
        episodes_per_task=at_least_one("episodes_per_task", values["episodes_per_task"]),
        max_steps=horizons(path, values["max_steps"], tasks),
        image_size_px=at_least_one("image_size_px", values["image_size_px"]),
        render=require("render profile", values["render"], RENDER_PROFILES),
        max_error_share=share("max_error_share", values["max_error_share"]),
        floors={policy: share(f"the floor of {policy}", floor) for policy, floor in values["floors"].items()},
    )


def instructions(protocol: EvaluationProtocol) -> set[str]:
    """What the tasks of a protocol are told; of the whole one where it is ours, whatever tasks of it are chosen.

    Of a protocol of chains, whose episodes are told what their subtasks are, what tasks of the same starts are told.
    """
    whole = load(protocol.name) if protocol.name in names() else protocol
    told = {task.instruction for task in whole.tasks if task.tier != CHAIN_TIER}
    related = [] if told else [one for one in map(load, names()) if one.starts == whole.starts]
    return told | {task.instruction for one in related for task in one.tasks if task.tier != CHAIN_TIER}


class UniqueKeys(yaml.SafeLoader):
    """YAML as everybody reads it, but a key that is given twice is refused."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """The mapping of one node."""
        keys = [key.value for key, _ in node.value]
        if twice := sorted({str(key) for key in keys if keys.count(key) > 1}):
            raise yaml.constructor.ConstructorError(
                None, None, f"keys given twice: {', '.join(twice)}", node.start_mark
            )
        return dict(super().construct_mapping(node, deep))


def check_keys(path: Path, values: Any) -> None:
    """Refuse a file that is no mapping, lacks a key, has one too many, or a value of another type."""
    if not isinstance(values, dict):
        raise ValueError(f"{path} must be a mapping with the keys {', '.join(KEYS)}")
    if unknown := sorted(str(key) for key in values if key not in KEYS):
        raise ValueError(f"{path} has unknown keys: {', '.join(unknown)}. There are: {', '.join(KEYS)}")
    if missing := [key for key in KEYS if key not in values]:
        raise ValueError(f"{path} lacks the keys: {', '.join(missing)}")
    for key, kind in KEYS.items():
        if not isinstance(values[key], kind) or isinstance(values[key], bool):
            raise ValueError(f"{path}: {key} is {values[key]!r}, which has the wrong type")


def share(what: str, value: Any) -> float:
    """`value`, or ValueError where it is no number from 0 to 1."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise ValueError(f"{what} must be a number from 0 to 1, not {value!r}")
    return float(value)


def horizons(path: Path, given: int | dict[Any, Any], tasks: tuple[Task, ...]) -> int | dict[str, int]:
    """The horizon as the file gives it: one number, or one for exactly the tiers that its tasks have."""
    if isinstance(given, int):
        return at_least_one("max_steps", given)
    tiers = dict.fromkeys(task.tier for task in tasks)
    if set(given) != set(tiers):
        raise ValueError(f"{path}: max_steps must name the tiers {', '.join(tiers)}, not {', '.join(map(str, given))}")
    if wrong := [tier for tier, steps in given.items() if not isinstance(steps, int) or isinstance(steps, bool)]:
        raise ValueError(f"{path}: max_steps of {wrong[0]} is {given[wrong[0]]!r}, which has the wrong type")
    return {tier: at_least_one(f"max_steps of {tier}", given[tier]) for tier in tiers}


def choose_tasks(path: Path, values: dict[str, Any]) -> tuple[Task, ...]:
    """The protocol's tasks: rows of its task table, all of them or those that it lists by name or by whole tiers."""
    table = path.parent / "tasks" / values["task_table"]
    if not table.exists():
        raise ValueError(f"{path}: there is no task table {table}")
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    if not rows or not {"task", "tier"} <= set(rows[0]):
        raise ValueError(f"task table {table} must have the columns task and tier, and at least one task")
    column = require("instruction column", values["instruction_column"], set(rows[0]) - {"task", "tier"})
    by_name = {row["task"]: Task(row["task"], row["tier"], row[column]) for row in rows}
    if values["tasks"] == "all":
        return tuple(by_name.values())
    named, chosen = values["tasks"], list[Task]()
    for name in named if isinstance(named, list) else []:
        tier = [task for task in by_name.values() if task.tier == str(name)]
        chosen += tier or [by_name[require("task", str(name), by_name)]]
    if not chosen or len(set(chosen)) < len(chosen):
        raise ValueError(f"{path}: tasks must be 'all' or a list of different task names or tiers, not {named!r}")
    return tuple(chosen)
