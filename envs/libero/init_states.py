"""The official init states: 50 simulator states per task, [time, qpos, qvel], as the files that hf-libero brings.

The files are `torch.save` archives of a NumPy array, which is a pickle in a zip file; it is read here without torch,
and nothing but an array is let out of the pickle.
"""

from __future__ import annotations

import functools
import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from protocols.contracts import BrokenFileError

ALLOWED = {("_codecs", "encode"), ("numpy", "ndarray"), ("numpy", "dtype"), ("numpy.core.multiarray", "_reconstruct")}


class ArraysOnly(pickle.Unpickler):
    """Reads a pickled array and refuses everything else."""

    def find_class(self, module: str, name: str) -> Any:
        """The named function, if an array needs it."""
        if (module, name) not in ALLOWED:
            raise pickle.UnpicklingError(f"{module}.{name} is no part of an array")
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)


@functools.lru_cache(maxsize=4)
def init_states(path: Path) -> npt.NDArray[np.float64]:
    """(50, 1 + nq + nv) simulator states.

    Raises:
        BrokenFileError: the file is missing, truncated or holds something else; the message names it.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            (name,) = (one for one in archive.namelist() if one.endswith("/data.pkl"))
            states = np.asarray(ArraysOnly(io.BytesIO(archive.read(name))).load(), np.float64)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, pickle.UnpicklingError) as error:
        raise BrokenFileError(f"the init states in {path} cannot be read: {error}; install hf-libero again") from error
    if states.ndim != 2 or not np.isfinite(states).all():
        raise BrokenFileError(f"{path} holds no table of simulator states; install hf-libero again")
    return states
