"""The official CALVIN environment, as its evaluation uses it, for comparison with ours.

It needs packages that are old, large or not on PyPI, of which it uses a few lines; for one that is not installed there
is a stand-in. It is safe only once per process, since some of its calls go to pybullet's first world: play in a child.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import io
import os
import sys
import types
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import yaml

from envs.calvin.states import Block, Contact, Floats, Snapshot

VARIABLE = "HEADWAY_CALVIN_SOURCE"
WHY_NONE = f"no clone of calvin_env with this button: neither importable nor at a path in {VARIABLE}"


class Moment(NamedTuple):
    """What the official environment shows after a step, and the tasks that it calls solved."""

    robot_obs: Floats
    scene_obs: Floats
    snapshot: Snapshot
    solved: frozenset[str]


class Episode(NamedTuple):
    """What to play.

    Args:
        scene: A, B, C or D.
        robot_obs: (15,) to start from.
        scene_obs: (24,) to start from.
        actions: (7,) each, or what `World.step_to` takes.
        starts: steps after which verdicts compare with how things are then.
    """

    scene: str
    robot_obs: Floats
    scene_obs: Floats
    actions: Sequence[Any]
    starts: frozenset[int] = frozenset()


def source(button: str) -> Path | None:
    """Folder of the official repository whose button is of that version, if there is one."""
    found = importlib.util.find_spec("calvin_env")
    installed = [str(Path(found.origin).parents[1])] if found is not None and found.origin is not None else []
    folders = [*os.environ.get(VARIABLE, "").split(os.pathsep), *installed]
    whole = (Path(folder) for folder in folders if folder and (Path(folder) / "conf").is_dir())
    return next((folder for folder in whole if button_of(folder) == button), None)


def button_of(folder: Path) -> str:
    """Which version lies there, main or pinned."""
    code = (folder / "calvin_env" / "scene" / "objects" / "button.py").read_text()
    return "main" if "self.light.get_state()" in code else "pinned"


def play(folder: Path, episodes: Sequence[Episode], seed: int = 0) -> list[list[Moment]]:
    """The start and every step of episodes, one after another in one environment.

    Args:
        folder: of the official repository.
        episodes: what to play, all in one scene.
        seed: of the random poses in which blocks are loaded, before they are set to those of the start.
    """
    with contextlib.redirect_stdout(io.StringIO()):
        official = Official(folder, episodes[0].scene)
        return [official.play(episode, seed) for episode in episodes]


class Official:
    """The official environment of one scene and its judge.

    Args:
        folder: of the official repository.
        scene: A, B, C or D.
    """

    def __init__(self, folder: Path, scene: str) -> None:
        stand_in()
        sys.path.insert(0, str(folder))
        module = importlib.import_module("calvin_env.envs.play_table_env")
        vars(module)["get_git_commit_hash"] = lambda _: "unknown"
        config = {path: yaml.safe_load((folder / "conf" / path).read_text()) for path in config_files(scene)}
        scene_config, panda, longer, tasks = config.values()
        places = {key.removeprefix("robot_"): value for key, value in scene_config.items() if key.startswith("robot_")}
        self.env = module.PlayTableSimEnv(
            robot_cfg=panda | longer | places,
            seed=0,
            use_vr=False,
            bullet_time_step=240.0,
            cameras={},
            show_gui=False,
            scene_cfg=scene_config | {"data_path": str(folder / "data"), "euler_obs": True},
            use_scene_info=True,
            use_egl=False,
            control_freq=30,
        )
        self.judge = importlib.import_module("calvin_env.envs.tasks").Tasks(tasks["tasks"])

    def play(self, episode: Episode, seed: int) -> list[Moment]:
        """Load again, reset, step."""
        self.env.seed(seed)
        self.env.scene.np_random = self.env.np_random
        self.env.load()
        self.env.robot.gripper_action = 1
        self.env.reset(robot_obs=episode.robot_obs, scene_obs=episode.scene_obs)
        self._start = self.env.get_info()
        moments = [self.moment()]
        for number, action in enumerate(episode.actions, 1):
            self.env.step(action)
            moments.append(self.moment())
            if number in episode.starts:
                self._start = self.env.get_info()
        return moments

    def moment(self) -> Moment:
        """What there is now."""
        seen, info = self.env.get_state_obs(), self.env.get_info()
        solved = frozenset(self.judge.get_task_info(self._start, info))
        return Moment(seen["robot_obs"], seen["scene_obs"], snapshot_of(info), solved)


def config_files(scene: str) -> tuple[str, ...]:
    """Paths of scene, arm, arm with longer fingers, and tasks."""
    robots = ("robot/panda.yaml", "robot/panda_longer_finger.yaml")
    return (f"scene/calvin_scene_{scene}.yaml", *robots, "tasks/new_playtable_tasks.yaml")


def snapshot_of(info: dict[str, Any]) -> Snapshot:
    """The official judge's input in our words."""
    scene = info["scene_info"]
    names = {thing["uid"]: name for name, thing in (scene["movable_objects"] | scene["fixed_objects"]).items()}
    names = {uid: name.removeprefix("block_") for uid, name in names.items()} | {info["robot_info"]["uid"]: "robot"}

    def contacts(points: Sequence[Any]) -> frozenset[Contact]:
        return frozenset((names.get(point[2], "plane"), point[4]) for point in points)

    blocks = {
        name.removeprefix("block_"): Block(
            np.array(block["current_pos"]),
            np.array(block["current_orn"]),
            np.array(block["current_lin_vel"]),
            np.array(block["current_ang_vel"]),
            contacts(block["contacts"]),
        )
        for name, block in scene["movable_objects"].items()
    }
    return Snapshot(
        scene["doors"]["base__slide"]["current_state"],
        scene["doors"]["base__drawer"]["current_state"],
        scene["buttons"]["base__button"]["joint_state"],
        scene["switches"]["base__switch"]["joint_state"],
        bool(scene["lights"]["lightbulb"]["logical_state"]),
        bool(scene["lights"]["led"]["logical_state"]),
        blocks,
        contacts(info["robot_info"]["contacts"]),
    )


def stand_in() -> None:
    """Modules with the few names that the environment takes from packages that are not here."""
    made: dict[str, dict[str, Any]] = {
        "hydra": {"main": lambda **_: lambda function: function},
        "hydra.utils": {"instantiate": instantiate},
        "omegaconf": {"OmegaConf": types.SimpleNamespace(to_container=dict), "ListConfig": list},
        "omegaconf.errors": {"ConfigKeyError": KeyError},
        "gym": {"Env": object},
        "gym.utils": {},
        "gym.utils.seeding": {"np_random": lambda seed: (np.random.default_rng(seed), seed)},
        "cv2": {},
        "git": {},
        "quaternion": {},
    }
    missing = {name for name in made if "." not in name and importlib.util.find_spec(name) is None}
    for name, content in made.items():
        package, _, child = name.rpartition(".")
        if name.partition(".")[0] in missing:
            sys.modules[name] = module = types.ModuleType(name)
            vars(module).update(content)
            if package:
                setattr(sys.modules[package], child, module)


def instantiate(config: dict[str, Any], **more: Any) -> Any:
    """What the configuration describes."""
    module, _, name = config["_target_"].rpartition(".")
    make: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return make(**{key: value for key, value in config.items() if not key.startswith("_")} | more)
