"""Who acts: one module or package per policy, found by its name.

A policy module has `make(spec, **arguments) -> Policy`; its keyword arguments are those of `--policy-arg`. How a plan
is executed (first action, chunk, temporal ensemble) is a wrapper, see `policies.execution`; so is what a policy is
denied to find out whether it needs it, see `policies.arms`.
"""

from __future__ import annotations

import inspect
from pathlib import Path
from types import ModuleType
from typing import Any

import policies as package
from protocols import registry
from protocols.contracts import LATE, EnvSpec, ObservationSpec, Policy
from protocols.registry import require

GROUP = "headway.policies"
PLACES = {"store", "checkpoint"}
FILES = {"driver"}


def names() -> list[str]:
    """Names of the policies, sorted."""
    return registry.names(package, GROUP)


def load(name: str) -> ModuleType:
    """The policy's module. Raises LookupError, with the nearest name, where there is none."""
    return registry.load(package, GROUP, "policy", name)


def make(name: str, spec: EnvSpec, arguments: dict[str, Any]) -> Policy:
    """A policy for an environment of that spec.

    Raises:
        LookupError: no such policy.
        ValueError: an argument that it does not take, lacks, or cannot use.
    """
    build = load(name).make
    signature = inspect.signature(build, eval_str=True).parameters
    taken = {key: value for key, value in signature.items() if key != "spec"}
    if unknown := sorted(set(arguments) - set(taken)):
        raise ValueError(
            f"policy {name!r} takes no argument {', '.join(unknown)}. There are: {', '.join(taken) or 'none'}"
        )
    if lacking := [key for key, value in taken.items() if value.default is value.empty and key not in arguments]:
        raise ValueError(f"policy {name!r} needs {', '.join(f'--policy-arg {key}=...' for key in lacking)}")
    read = {key: converted(name, key, value, taken[key].annotation) for key, value in arguments.items()}
    policy: Policy = build(spec, **read)
    return policy


def about(policy: Policy) -> dict[str, Any]:
    """What a policy tells about itself, as JSON: one that was trained may have `about()`; nothing for others."""
    told: dict[str, Any] = getattr(policy, "about", dict)()
    return told


def converted(policy: str, key: str, value: Any, kind: Any) -> Any:
    """A text from the command line as the number that the policy's signature asks for; anything else as it is."""
    if not isinstance(value, str) or kind not in (int, float):
        return value
    try:
        return kind(value)
    except ValueError:
        raise ValueError(f"policy {policy!r}: {key} must be a number ({kind.__name__}), not {value!r}") from None


def described(
    name: str, arguments: dict[str, Any], execution: str = "own", arm: str = "none", latency: str = ""
) -> str:
    """The name under which a policy is recorded: `zero(cameras=agent, chunk=10)`, `random first blind latency=3`.

    Arguments that name a place on this machine stay out; of those in `FILES` the file's name stays.
    """
    shown = {key: Path(value).name if key in FILES else value for key, value in arguments.items() if key not in PLACES}
    inside = ", ".join(f"{key}={shown[key]}" for key in sorted(shown))
    called = f"{name}({inside})" if inside else name
    changes = [change for change, usual in ((execution, "own"), (arm, "none")) if change != usual]
    return " ".join([called, *changes]) + (LATE + latency if latency else "")


def chosen_view(spec: EnvSpec, cameras: str) -> ObservationSpec:
    """The observation of a policy that looks through the cameras in a comma-separated list, and reads the state."""
    roles = [require("camera", role, spec.observation.cameras) for role in cameras.split(",") if role]
    sizes = {role: spec.observation.cameras[role] for role in roles}
    return ObservationSpec(cameras=sizes, state=spec.observation.state)
