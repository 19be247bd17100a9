"""The OpenGL backend: it is found by trying, and nobody has to set an environment variable."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from envs import gl

ROOT = Path(__file__).parent.parent
DRAW = """
import mujoco
model = mujoco.MjModel.from_xml_string("<mujoco><worldbody><light pos='0 0 3'/><geom size='.3'/></worldbody></mujoco>")
data = mujoco.MjData(model)
mujoco.mj_forward(model, data)
with mujoco.Renderer(model, 64, 64) as renderer:
    renderer.update_scene(data)
    print(renderer.render().max(), gl.renderer_string())
"""


@pytest.fixture(autouse=True)
def _no_choice_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MUJOCO_GL", raising=False)


def python(code: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run code, in which `gl` is imported, in a process of its own: MuJoCo is imported once per process."""
    clean = {key: value for key, value in os.environ.items() if key not in ("MUJOCO_GL", "PYOPENGL_PLATFORM")}
    return subprocess.run(
        [sys.executable, "-c", f"from envs import gl\n{code}"],
        cwd=ROOT,
        env=clean | variables,
        capture_output=True,
        text=True,
        check=False,
    )


def without(monkeypatch: pytest.MonkeyPatch, *libraries: str) -> None:
    """A machine that lacks these libraries."""
    for name in libraries:
        monkeypatch.setattr(gl, name, ("libnot-there.so",))


@pytest.mark.parametrize(("own", "chosen"), [("disable", "disable"), (" OFF", "disable"), ("glfw", "glfw")])
def test_the_users_own_choice_is_honoured(monkeypatch: pytest.MonkeyPatch, own: str, chosen: str) -> None:
    monkeypatch.setenv("MUJOCO_GL", own)
    assert gl.choose() == chosen


def test_a_choice_of_the_users_that_does_not_work_is_not_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "EGL_LIBRARY")
    monkeypatch.setattr(gl, "osmesa_works", lambda: True)
    monkeypatch.setenv("MUJOCO_GL", "egl")
    with pytest.raises(RuntimeError, match="tried only MUJOCO_GL=egl; unset it"):
        gl.use(needed=True)


def test_osmesa_is_used_where_egl_does_not_work(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "EGL_LIBRARY")
    monkeypatch.setattr(gl, "osmesa_works", lambda: True)
    assert gl.choose() == "osmesa"


def test_egl_without_an_opengl_library_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "OPENGL_LIBRARIES")
    assert not gl.egl_works()


def test_no_renderer_is_one_line_that_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "EGL_LIBRARY", "OSMESA_LIBRARIES")
    assert gl.choose() == "disable"
    with pytest.raises(RuntimeError, match=r"python -m harness\.doctor --install") as raised:
        gl.use(needed=True)
    assert f"apt-get install {' '.join(gl.EGL_PACKAGES)}" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_rendering_that_the_user_switched_off_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUJOCO_GL", "disable")
    with pytest.raises(RuntimeError, match="MUJOCO_GL=disable switches rendering off; unset it"):
        gl.use(needed=True)


@pytest.mark.simulator
def test_state_only_work_loads_no_opengl_and_leaves_the_choice_to_child_processes() -> None:
    done = python(
        "import os, sys; print(gl.use(needed=False)); import mujoco; "
        "print('OpenGL' in sys.modules, hasattr(mujoco.gl_context, 'GLContext'), os.environ.get('MUJOCO_GL'))"
    )
    assert done.stdout.split() == ["disable", "False", "False", "None"], done.stderr


@pytest.mark.simulator
@pytest.mark.parametrize("backend", ["egl", "osmesa"])
def test_a_backend_works_exactly_where_mujoco_can_draw_with_it(backend: str) -> None:
    tried = python(f"print(gl.{backend}_works())")
    drawn = python(DRAW, MUJOCO_GL=backend)
    assert tried.stdout.strip() == str(drawn.returncode == 0), tried.stderr + drawn.stderr


@pytest.mark.simulator
@pytest.mark.gl
@pytest.mark.parametrize("before", ["", "import mujoco", "gl.use(needed=False)"])
def test_a_renderer_draws_whatever_was_imported_before(before: str) -> None:
    done = python(f"{before}\nprint(gl.use(needed=True))\n{DRAW}")
    assert done.returncode == 0, done.stderr
    backend, brightest, *renderer = done.stdout.split()
    assert backend in ("egl", "osmesa")
    assert int(brightest) > 0
    assert renderer


@pytest.mark.simulator
@pytest.mark.gl
def test_the_renderer_has_no_name_while_no_context_is_current() -> None:
    done = python("gl.use(needed=True)\ngl.renderer_string()")
    assert "no OpenGL context is current" in done.stderr


@pytest.mark.gl
def test_choosing_costs_little() -> None:
    done = python("import time\nstart = time.process_time()\ngl.choose()\nprint(time.process_time() - start)")
    assert float(done.stdout) < 0.3  # 0.03 s on a quiet machine
