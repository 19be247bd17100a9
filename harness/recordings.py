"""Recorded actions of a stored run, for the `replay` policy."""

from __future__ import annotations

from typing import Any

from protocols.contracts import Episode, FloatArray
from protocols.registry import require
from results.store import read


def with_actions(arguments: dict[str, Any]) -> dict[str, Any]:
    """Arguments of `replay` as the command line gives them, with the recorded actions for `store` and `of`."""
    kept = {key: value for key, value in arguments.items() if key not in ("store", "of")}
    if unknown := sorted(set(kept) - {"chunk", "cameras"}):
        raise ValueError(
            f"policy 'replay' takes no argument {', '.join(unknown)}. There are: store, of, chunk, cameras"
        )
    return kept | {"actions": recorded_actions(arguments.get("store", ""), arguments.get("of", ""))}


def recorded_actions(store: str, of: str = "") -> dict[Episode, FloatArray]:
    """(steps, A) by episode, of every episode with a verdict.

    Args:
        store: folder of the store.
        of: name of the recorded policy, where the store has several.

    Raises:
        ValueError: no store is named, or what to play is ambiguous.
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
    actions = {record.episode: record.actions for record in records if record.policy == chosen}
    if len(actions) < sum(record.policy == chosen for record in records):
        raise ValueError(
            f"{store} has several records of one episode by {chosen}; name a store with one set of conditions"
        )
    return actions
