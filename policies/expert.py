"""The suite's own scripted expert. It reads the simulator's state, so it acts in the worker, beside the simulator."""

from __future__ import annotations

from protocols.contracts import ActionSpec, Batch, EnvSpec, Episode, ObservationSpec, Plan, content_hash


class Expert:
    """A marker that the worker shall ask `env.expert_action()`; it looks at nothing itself.

    `chunk` is how many steps the worker runs before it reports, so that a progress display moves.
    """

    chunk = execute = 100
    batch_size = 1
    in_worker = True

    def __init__(self, action: ActionSpec) -> None:
        self.observation = ObservationSpec(cameras={}, state=())
        self.action = action

    def reset(self, slot: int, episode: Episode) -> None:
        """There is no history."""

    def act(self, batch: Batch) -> Plan:
        """Never called."""
        raise AssertionError("the expert acts in the worker")

    def fingerprint(self) -> str:
        """The expert is part of the suite, whose versions are in every key."""
        return content_hash("expert")


def make(spec: EnvSpec) -> Expert:
    """The expert of whatever suite is run."""
    return Expert(spec.action)
