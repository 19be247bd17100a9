"""Models are compiled in a process of their own: MuJoCo keeps up to 500 MB of meshes and textures wherever it compiles."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import mujoco

COMPILE = """
import sys, mujoco
mujoco.mj_saveModel(mujoco.MjModel.from_xml_string(sys.stdin.read()), sys.argv[1])
"""


def compiled(xml: str) -> mujoco.MjModel:
    """The model that MuJoCo makes of an XML text, bit for bit.

    Raises:
        ValueError: it does not compile; the message is MuJoCo's.
        OSError: the temporary folder is full.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.mjb"
        command = [sys.executable, "-c", COMPILE, str(path)]
        quiet = os.environ | {"MUJOCO_GL": "disable"}
        done = subprocess.run(command, input=xml, env=quiet, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ValueError((done.stderr.strip().splitlines() or ["MuJoCo's compiler died"])[-1])
        return mujoco.MjModel.from_binary_path(str(path))
