"""A learned policy at the wheel while the expert waits to take over, see `driver` in `policies.expert`.

It runs in the worker, beside the simulator, and looks for itself: the frames that it sees are not those that a
demonstration keeps.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

import envs
import policies
from policies.progvla.checkpoint import card
from protocols.contracts import Batch, EnvSpec, Episode, FloatArray, Policy, decision_seeds, misfits


class Driver:
    """The policy of a checkpoint.

    Args:
        checkpoint: the file.
        spec: of the environment.

    Raises:
        LookupError, ValueError: no checkpoint, or one of another robot.
    """

    def __init__(self, checkpoint: str, spec: EnvSpec) -> None:
        name = card(Path(checkpoint))["policy"]
        self.policy: Policy = policies.make(name, spec, {"checkpoint": checkpoint, "batch": 1})
        if lines := misfits(self.policy, spec):
            raise ValueError(f"driver {checkpoint} does not fit the suite: {'; '.join(lines)}")
        self.entries = [spec.observation.state.index(entry) for entry in self.policy.observation.state]

    def plan(self, env: envs.SuiteEnv, episode: Episode, state: FloatArray, instruction: str, step: int) -> FloatArray:
        """(T, A) what it would execute now before it looks again.

        Args:
            env: where the episode is.
            episode: which it is; its seeds are the policy's.
            state: (S,) the environment's state now.
            instruction: what the policy is told now.
            step: control steps behind it.
        """
        images = {camera: env.frame(camera)[None] for camera in self.policy.observation.cameras}
        seed, told = decision_seeds(episode)[step : step + 1], (instruction,)
        plan = self.policy.act(Batch(images, state[None, self.entries], told, seed, (0,), (step,)))
        actions: FloatArray = np.asarray(plan.actions[0, : self.policy.execute])
        return actions
