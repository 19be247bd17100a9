"""Options that the command line and the pytest plugin share: what is evaluated, and by whom."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import envs
import policies
import protocols
from harness.assets import WHERE
from protocols.contracts import EvaluationProtocol


def add_what_options(add: Callable[..., Any], *, required: bool) -> None:
    """The options that say what is evaluated, through `add_argument` or pytest's `addoption`."""
    add("--policy", required=required, metavar="P", help=f"one of: {', '.join(policies.names())}")
    add_suite_options(add)


def add_suite_options(add: Callable[..., Any]) -> None:
    """The options that say on what."""
    add("--suite", metavar="S", help=f"one of: {', '.join(envs.names())}; or a protocol's name, as libero_object")
    add("--protocol", metavar="N", help="a protocol or a path to a .yaml (default: the suite's own)")
    add("--tasks", metavar="A,B", help="only these tasks of the protocol")
    add("--trials", type=int, metavar="N", help="episodes per task (default: the protocol's)")
    add_assets_option(add)


def add_policy_options(add: Callable[..., Any]) -> None:
    """The options that say with what arguments a policy is made, and how its plans are executed."""
    add("--policy-arg", action="append", default=[], metavar="KEY=VALUE", help="argument of the policy")
    add("--checkpoint", metavar="F", help="short for --policy-arg checkpoint=F")
    add("--execution", default="own", metavar="HOW", help="how plans are executed: own, first, chunk=K or ensemble")


def add_running_options(add: Callable[..., Any]) -> None:
    """The options that say with how many processes, and where to."""
    add("--workers", type=int, metavar="N", help="processes (default: one per core)")
    add("--store", type=Path, default=Path("runs"), metavar="DIR", help="folder of records (default: runs)")


def add_assets_option(add: Callable[..., Any], default: str = WHERE) -> None:
    """The option that says where a suite's asset files come from."""
    about = f"of suites with asset files: auto, stand-in, official-only or a folder (default: {default})"
    add("--assets", metavar="WHERE", help=about)


def chosen_protocol(suite: str | None, name: str | None, tasks: str | None, trials: int | None) -> EvaluationProtocol:
    """The named protocol, or the suite's own; of it the tasks in a comma-separated list, and so many trials.

    A suite's name that no suite has, but a protocol, stands for that protocol.

    Raises:
        LookupError: an unknown name.
        ValueError: neither suite nor protocol is given, they do not belong together, or there are no trials.
    """
    if suite is None and name is None:
        raise ValueError(f"name a --suite ({', '.join(envs.names())}) or a --protocol ({', '.join(protocols.names())})")
    if suite is not None and name is None and suite in set(protocols.names()) - set(envs.names()):
        suite, name = None, suite
    protocol = protocols.load(name or envs.load(str(suite)).DEFAULT_PROTOCOL)
    if suite is not None and suite != protocol.suite:
        raise ValueError(f"protocol {name!r} is of suite {protocol.suite!r}, not {suite!r}")
    return protocol.changed(tasks=None if tasks is None else tasks.split(","), trials=trials)


def policy_arguments(texts: list[str], checkpoint: str | None) -> dict[str, str]:
    """`KEY=VALUE` texts as arguments of a policy."""
    return pairs("--policy-arg", texts) | ({"checkpoint": checkpoint} if checkpoint else {})


def pairs(option: str, texts: Sequence[str]) -> dict[str, str]:
    """`KEY=VALUE` texts by key. Raises ValueError, naming the option, for a text without `=`."""
    found: dict[str, str] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals:
            raise ValueError(f"{option} takes KEY=VALUE, not {text!r}")
        found[key.replace("-", "_")] = value
    return found


def listed(text: str | None) -> tuple[str, ...] | None:
    """The names in a comma-separated list, None where there is none."""
    return None if text is None else tuple(filter(None, text.split(",")))
