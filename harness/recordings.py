"""Recorded actions of a stored run, for the `replay` policy."""

from __future__ import annotations

from protocols.contracts import Episode, FloatArray
from protocols.registry import require
from results.store import read


def recorded_actions(store: str = "", of: str = "", **unknown: str) -> dict[Episode, FloatArray]:
    """(steps, A) by episode, of every episode with a verdict.

    Args:
        store: folder of the store.
        of: name of the recorded policy, where the store has several.
        unknown: what else the command line gives; there is nothing else.

    Raises:
        ValueError: another argument is given, no store is named, or what to play is ambiguous.
        LookupError: it does not have that policy.
    """
    if unknown:
        raise ValueError(f"policy 'replay' takes no argument {', '.join(sorted(unknown))}. There are: store, of")
    if not store:
        raise ValueError("policy 'replay' needs --policy-arg store=DIR, the store whose actions it plays")
    records = [record for record in read(store) if record.error is None]
    recorded = sorted({record.policy for record in records})
    if not of and len(recorded) != 1:
        raise ValueError(
            f"--policy-arg of=POLICY must choose one of the policies in {store}: {', '.join(recorded) or 'none'}"
        )
    chosen = require("recorded policy", of, recorded) if of else recorded[0]
    actions = {record.episode: record.actions for record in records if record.policy == chosen}
    if len(actions) < sum(record.policy == chosen for record in records):
        raise ValueError(
            f"{store} has several records of one episode by {chosen}; name a store with one set of conditions"
        )
    return actions
