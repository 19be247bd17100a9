"""What a record depends on, as a key, and what a run ran on, for whoever asks later why a number differs."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType
from typing import Any

from harness.assets import Used
from protocols.contracts import Episode, EvaluationProtocol, content_hash, identity

VERSION = 1  # raised when rollout, execution wrappers or our own policies change what they do
NO_COMMAND_LINE: tuple[list[str], ...] = ([], ["pytest"])  # from Python, or from our plugin of pytest
REPORTED = (
    "headway",
    "numpy",
    "gymnasium",
    "mujoco",
    "metaworld",
    "robosuite",
    "hf-libero",
    "bddl",
    "pybullet",
    "torch",
)


def versions(packages: tuple[str, ...]) -> dict[str, str]:
    """Installed version by distribution, "absent" where there is none."""
    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "absent"
    return found


def deciding_hash(
    protocol: EvaluationProtocol, suite: ModuleType, policy: str, fingerprint: str, assets: Used | None = None
) -> str:
    """Hash of all that decides an outcome or stands in its record, but the episode.

    Protocol conditions and deviations, the policy's recorded name and fingerprint, the versions of harness, suite and
    packages, and the asset files of a suite that has some.
    """
    made_by = [VERSION, suite.__name__, suite.VERSION, versions(suite.PACKAGES), *([assets.hash] if assets else [])]
    return content_hash([protocol.conditions_hash(), protocol.deviations, policy, fingerprint, made_by])


def episode_key(deciding: str, episode: Episode, tier: str) -> str:
    """The content hash under which the episode's record is kept."""
    return content_hash([deciding, identity(episode), tier])


def run_provenance(
    protocol: EvaluationProtocol,
    command: list[str],
    assets: Used | None = None,
    program: str = "harness.run",
    policy: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """What is kept once per run.

    Args:
        protocol: what was evaluated.
        command: the arguments of the command line.
        assets: None for a suite without asset files.
        program: the module that took the arguments; recorded as None where there was no command line of ours.
        policy: what it tells about itself, as from what it was trained, see `policies.about`.
    """
    return {
        "program": None if command in NO_COMMAND_LINE else program,
        "command": command,
        "protocol": asdict(protocol),
        "protocol_hash": protocol.hash(),
        "python": platform.python_version(),
        "packages": versions(REPORTED),
        "assets": assets.about() if assets else None,
        "policy": policy or None,
        "git": git_state(),
        "machine": {"system": platform.platform(), "processor": processor(), "cores": os.cpu_count()},
    }


def git_state() -> dict[str, Any]:
    """Commit of this checkout and whether it has uncommitted changes; None where it is no checkout."""
    folder = Path(__file__).parent

    def git(*arguments: str) -> str:
        done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    try:
        return {"commit": git("rev-parse", "HEAD"), "dirty": bool(git("status", "--porcelain", "--untracked-files=no"))}
    except (OSError, subprocess.CalledProcessError):
        return {"commit": None, "dirty": None}


def processor() -> str:
    """The processor's name."""
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()
