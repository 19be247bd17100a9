"""A policy that wants larger images than the line gives."""

from __future__ import annotations

from dataclasses import replace

from protocols.contracts import EnvSpec, ObservationSpec
from tests.line.pointer import Pointer


def make(spec: EnvSpec) -> Pointer:
    wanted = replace(spec.observation, cameras={"agent": (99, 99)})
    assert isinstance(wanted, ObservationSpec)
    return Pointer(EnvSpec(wanted, spec.action), 1, 1, "")
