"""Recorded actions of a stored run, for the `replay` policy."""

from __future__ import annotations

from protocols.contracts import Episode, FloatArray
from protocols.registry import require
from results.store import read


def recorded_actions(store: str = "", of: str = "") -> dict[Episode, FloatArray]:
    """(steps, A) by episode, of every episode with a verdict.

    Args:
        store: folder of the store.
        of: name of the recorded policy, where the store has several.

    Raises:
        ValueError: no store is named, or it has several policies and none is chosen.
        LookupError: it does not have that policy.
    """
    if not store:
        raise ValueError("policy 'replay' needs --policy-arg store=DIR, the store whose actions it plays")
    records = [record for record in read(store) if record.error is None]
    recorded = sorted({record.policy for record in records})
    if not of and len(recorded) != 1:
        raise ValueError(
            f"--policy-arg of=POLICY must choose one of the policies in {store}: {', '.join(recorded) or 'none'}"
        )
    chosen = require("recorded policy", of, recorded) if of else recorded[0]
    return {record.episode: record.actions for record in records if record.policy == chosen}
