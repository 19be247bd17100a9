"""The loop that everybody writes, as the yardstick of `harness.bench`: Meta-World alone, nothing of ours in it.

    python -m harness.raw_loop TASKS TRIALS STEPS RENDER_EVERY SIZE_PX

Zero actions; a frame of the corner camera, flipped, at each RENDER_EVERY-th step (0: never).
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np


def loop(tasks: list[str], trials: int, steps: int, render_every: int, size_px: int) -> int:
    """Run it; the number of frames drawn."""
    from metaworld.env_dict import ALL_V3_ENVIRONMENTS

    renders = 0
    action = np.zeros(4, np.float32)
    for task in tasks:
        env: Any = ALL_V3_ENVIRONMENTS[task](
            render_mode="rgb_array", camera_name="corner4", width=size_px, height=size_px
        )
        env._freeze_rand_vec, env.seeded_rand_vec, env._set_task_called = False, True, True
        for trial in range(trials):
            env.seed(trial)
            env.reset()
            for step in range(steps):
                if render_every and step % render_every == 0:
                    np.flip(env.render(), (0, 1)).copy()
                    renders += 1
                env.step(action)
        env.close()
    return renders


if __name__ == "__main__":
    from envs import gl

    gl.use(sys.argv[4] != "0")
    print(loop(sys.argv[1].split(","), *map(int, sys.argv[2:])))
