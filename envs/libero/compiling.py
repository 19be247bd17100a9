"""Models of official files are compiled in a process of their own, at 0.6 s of CPU time each.

MuJoCo keeps up to 500 MB of what it has read wherever it compiles, and some official textures are 4096 pixels wide: a
worker would take 2 GB. Stand-ins are small.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import mujoco

FILES = re.compile(r'file="([^"]+)"')
COMPILE = """
import sys, mujoco
mujoco.mj_saveModel(mujoco.MjModel.from_xml_string(sys.stdin.read()), sys.argv[1])
"""


def compiled(xml: str) -> mujoco.MjModel:
    """The model that MuJoCo makes of an XML text, bit for bit.

    Raises:
        ValueError: it does not compile; the message is MuJoCo's.
        OSError: there is no memory, or no room in the temporary folder.
    """
    if not any(map(os.path.islink, FILES.findall(xml))):  # the merged folder has links to official files
        return mujoco.MjModel.from_xml_string(xml)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.mjb"
        command = [sys.executable, "-c", COMPILE, str(path)]
        quiet = os.environ | {"MUJOCO_GL": "disable"}
        done = subprocess.run(command, input=xml, env=quiet, capture_output=True, text=True, check=False)
        if done.returncode:
            _, is_mujocos, complaint = done.stderr.rpartition("ValueError: ")
            if is_mujocos:
                raise ValueError(complaint)
            raise OSError(f"the compiler of models ended with exit code {done.returncode}: {done.stderr}")
        return mujoco.MjModel.from_binary_path(str(path))
