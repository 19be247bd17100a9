"""The loops that everybody writes, as yardsticks of `harness.bench`: a simulator alone, nothing of ours in it.

    python -m harness.raw_loop SUITE TASKS TRIALS STEPS RENDER_EVERY SIZE_PX

Actions that do nothing; frames at each RENDER_EVERY-th step (0: never). Meta-World: the corner camera, flipped. LIBERO:
both cameras, through hf-libero's own environment, which draws them as part of each observation; for frames at some
steps only, its observations are without images, and its simulator draws. CALVIN, whose own environment is in no package
index: the world of ours that is equal to it, and both cameras.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np


def metaworld(tasks: list[str], trials: int, steps: int, render_every: int, size_px: int) -> int:
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


def libero(tasks: list[str], trials: int, steps: int, render_every: int, size_px: int) -> int:
    """Run it; the number of frames drawn."""
    from envs.libero import assets, upstream
    from envs.libero.init_states import init_states

    if render_every:
        upstream.draw_with_mujoco()
    folder: Path = assets.prepare().folder
    each, renders = render_every == 1, 0
    pictures = {"has_offscreen_renderer": bool(render_every), "use_camera_obs": each}
    for task in tasks:
        env = upstream.build(task, folder, camera_heights=size_px, camera_widths=size_px, **pictures)
        states = init_states(upstream.init_file(task))
        for trial in range(trials):
            env.reset()
            env.sim.set_state_from_flattened(states[trial])
            for step in range(steps):
                env.step([0.0] * 6 + [-1.0])
                if render_every and step % render_every == 0:
                    renders += 2
                    if not each:
                        for camera in env.camera_names:
                            env.sim.render(camera_name=camera, width=size_px, height=size_px)
    return renders


def calvin(tasks: list[str], trials: int, steps: int, render_every: int, size_px: int) -> int:
    """Run it; the number of frames drawn."""
    from envs.calvin import CAMERAS, assets, spec
    from envs.calvin.cameras import Cameras
    from envs.calvin.initial_states import initial_state
    from envs.calvin.oracles import solved
    from envs.calvin.sequences import sequence
    from envs.calvin.world import World

    folder, renders = assets.prepare().folder, 0
    sizes = {role: height for role, (height, _) in spec(size_px).observation.cameras.items()}
    for task in tasks:
        scene = task.removeprefix("chain_")
        world = World(scene, folder)
        cameras = Cameras(scene, folder, sizes) if render_every else None
        for trial in range(trials):
            condition, subtasks = sequence(trial)
            world.reset(initial_state(condition, scene))
            start = world.snapshot()
            for step in range(steps):
                world.step(np.array([0.0] * 6 + [-1.0]))
                world.robot_obs(), world.scene_obs(), solved(subtasks[0], start, world.snapshot())
                if cameras and step % render_every == 0:
                    renders += len([cameras.frame(role, world) for role in CAMERAS])
    return renders


LOOPS: dict[str, Callable[[list[str], int, int, int, int], int]] = {
    "metaworld": metaworld,
    "libero": libero,
    "calvin": calvin,
}


if __name__ == "__main__":
    from envs import gl

    gl.use(sys.argv[5] != "0")
    print(LOOPS[sys.argv[1]](sys.argv[2].split(","), *map(int, sys.argv[3:])))
