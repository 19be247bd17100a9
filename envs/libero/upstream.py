"""hf-libero and robosuite, imported without their side effects, and one task of theirs built without a renderer.

Importing them as they are asks a question on the terminal, writes a folder into the user's home, forces EGL, prints
warnings, and loads OpenCV, which wants X libraries, and Matplotlib, which writes into the home as well. None of that is
needed: upstream builds the MuJoCo model, places objects, reads BDDL and judges; physics and frames are ours.
"""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

import protocols
from envs.libero.compiling import compiled
from protocols.contracts import BrokenFileError
from protocols.registry import require

UNWANTED = (
    *("cv2", "matplotlib", "matplotlib.cm"),
    *("robosuite.macros_private", "robosuite.renderers.context.egl_context"),
)
FOLDERS = {"long": "libero_10"}  # of the tiers whose folder is not named after them


@functools.cache
def package_folder() -> Path:
    """Where hf-libero keeps its task and init files; it is not imported. Raises RuntimeError where it is missing."""
    found = find_spec("libero")
    if found is None or found.origin is None:
        raise RuntimeError("hf-libero is not installed: python -m harness.doctor --install")
    return Path(found.origin).parent / "libero"


@functools.cache
def task_files() -> dict[str, Path]:
    """BDDL file by task name, all 130."""
    folder = package_folder() / "bddl_files"
    tasks = [*protocols.load("libero").tasks, *protocols.load("libero_90").tasks]
    return {one.name: folder / FOLDERS.get(one.tier, f"libero_{one.tier}") / f"{one.name}.bddl" for one in tasks}


def bddl_file(task: str) -> Path:
    """The task's BDDL file. Raises LookupError for an unknown task, BrokenFileError where the file is missing."""
    path = task_files()[require("task", task, task_files())]
    if not path.is_file():
        raise BrokenFileError(f"there is no {path}; install hf-libero again")
    return path


def init_file(task: str) -> Path:
    """The file of the task's 50 official init states."""
    return package_folder() / "init_files" / bddl_file(task).parent.name / f"{task}.pruned_init"


def build(task: str, assets: Path, **options: Any) -> Any:
    """Upstream's environment of one task with the files of an assets folder; a renderer only if options ask for it.

    Raises:
        LookupError: an unknown task.
        BrokenFileError: the task's file is missing, or an asset file is missing or does not compile; the message names
            the task and what MuJoCo has against it.
    """
    libero = imported()
    libero._assets_path_cache = str(assets)
    from libero.libero.envs import TASK_MAPPING, bddl_utils
    from robosuite import load_controller_config

    path = str(bddl_file(task))
    problem = TASK_MAPPING[bddl_utils.get_problem_info(path)["problem_name"]]
    arguments = {
        "robots": ["Panda"],
        "controller_configs": load_controller_config(default_controller="OSC_POSE"),
        "initialization_noise": None,
        "use_camera_obs": False,
        "has_offscreen_renderer": False,
        "ignore_done": True,
        "hard_reset": False,
        "camera_names": ["agentview", "robot0_eye_in_hand"],
    }
    with seeded(0):
        try:
            return problem(path, **arguments | options)
        except (FileNotFoundError, ValueError) as error:
            reason = " ".join(str(error).replace(f"{assets}/", "").split())  # the merged folder is gone when it is read
            raise BrokenFileError(f"the model of task {task!r} cannot be built: {reason}") from error


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Upstream draws from NumPy's global generator: seed it, and give the process its own state back."""
    before = np.random.get_state()  # noqa: NPY002, upstream's own generator
    np.random.seed(seed)  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(before)  # noqa: NPY002


@functools.cache
def imported() -> Any:
    """Upstream's root module, with everything that it loads, imported quietly."""
    import mujoco  # noqa: F401  before the renderer is switched off below: the choice of `envs.gl` stands

    package_folder()
    keep_numba_out_of_home()
    absent = {name: ModuleType(name) for name in UNWANTED if name.split(".")[0] not in sys.modules}
    for module in absent.values():
        module.EGLGLContext = None  # type: ignore[attr-defined]
    with tempfile.TemporaryDirectory() as folder, environment(MUJOCO_GL="disable", LIBERO_CONFIG_PATH=folder):
        (Path(folder) / "config.yaml").write_text("{}\n")
        sys.modules.update(absent)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                import libero.libero
                import libero.libero.envs
                from robosuite.utils.binding_utils import MjSim
        finally:
            for name in absent:
                del sys.modules[name]
    MjSim.from_xml_string = classmethod(lambda sim_class, xml: sim_class(compiled(xml)))
    return libero.libero


def draw_with_mujoco() -> None:
    """Let upstream make its own renderer, for comparisons: with MuJoCo's GL context, since its own knows EGL alone."""
    imported()
    from mujoco.gl_context import GLContext
    from robosuite.utils import binding_utils

    binding_utils.GLContext = lambda max_width, max_height, device_id: GLContext(max_width, max_height)  # noqa: ARG005


@contextlib.contextmanager
def environment(**values: str) -> Iterator[None]:
    """Environment variables for as long as the block runs."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def keep_numba_out_of_home() -> None:
    """Where robosuite's folder cannot be written, numba would keep its cache in the user's home."""
    found = find_spec("robosuite")
    if found and found.origin and not os.access(Path(found.origin).parent, os.W_OK):
        os.environ.setdefault("NUMBA_CACHE_DIR", str(Path(tempfile.gettempdir()) / f"headway-numba-{os.getuid()}"))
