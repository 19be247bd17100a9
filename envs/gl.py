"""Which OpenGL backend MuJoCo renders with: EGL, else OSMesa, found by trying, before `mujoco` is imported.

MuJoCo reads MUJOCO_GL once, at its import, and a backend whose library is missing raises there. So a suite calls `use`
first and imports the simulator after it. The trial makes a real context in this process, the way `mujoco.egl` and
`mujoco.osmesa` make theirs, through ctypes alone: about 40 ms of CPU time on Mesa, most of which MuJoCo's own context
then saves. A MUJOCO_GL of the user's is the only one tried; MUJOCO_EGL_DEVICE_ID selects a device as it does in MuJoCo.
"""

from __future__ import annotations

import ctypes
import importlib
import os
import sys
from collections.abc import Iterator, Sequence
from importlib.util import find_spec

EGL_PACKAGES = ("libegl1", "libgl1-mesa-dri", "libopengl0")  # Debian's; the smallest set that draws without a GPU
OSMESA_PACKAGES = ("libosmesa6",)  # not in Debian 13 and later
DISABLED = ("disable", "disabled", "off", "false", "0")  # what MuJoCo takes for "no rendering"

EGL_OPENGL_API = 0x30A2
EGL_PLATFORM_DEVICE_EXT = 0x313F
EGL_CONFIG = (
    *(0x3024, 8, 0x3023, 8, 0x3022, 8, 0x3021, 8),  # red, green, blue, alpha bits
    *(0x3025, 24, 0x3026, 8),  # depth, stencil bits
    *(0x3033, 0x0001, 0x3040, 0x0008),  # pbuffer surfaces, desktop OpenGL
    0x3038,  # end
)
OSMESA_RGBA = 0x1908
MAX_DEVICES = 10  # as many as MuJoCo asks for
EGL_LIBRARY = ("libEGL.so.1",)
OPENGL_LIBRARIES = ("libOpenGL.so.0", "libGL.so.1")  # PyOpenGL, which MuJoCo's EGL module uses, needs one of them
OSMESA_LIBRARIES = ("libOSMesa.so.8", "libOSMesa.so.6", "libOSMesa.so")


def use(needed: bool) -> str:
    """Settle this process's backend; call it before the first import of mujoco.

    Args:
        needed: whether anything will be rendered. Where not, MuJoCo is imported without OpenGL, which may be missing.

    Returns:
        "egl", "osmesa", the user's own MUJOCO_GL, or "disable".

    Raises:
        RuntimeError: a renderer is needed and none works.
    """
    if not needed:
        import_without_gl()
        return "disable"
    os.environ.setdefault("LP_NUM_THREADS", "1")  # Mesa reads it once; more threads cost CPU time and change no pixel
    backend = choose()
    if backend == "disable":
        raise RuntimeError(why_none())
    os.environ["MUJOCO_GL"] = backend
    if backend in ("egl", "osmesa"):
        os.environ["PYOPENGL_PLATFORM"] = backend
    loaded = sys.modules.get("mujoco.gl_context")
    if loaded is not None and getattr(loaded, "GLContext", use).__module__ != f"mujoco.{backend}":
        importlib.reload(loaded)  # imported before without this backend; mujoco.Renderer looks GLContext up in it
    return backend


def import_without_gl() -> None:
    """Import mujoco with rendering off, and leave the environment as it was: child processes choose for themselves."""
    before = os.environ.get("MUJOCO_GL")
    os.environ["MUJOCO_GL"] = "disable"
    try:
        importlib.import_module("mujoco")
    finally:
        del os.environ["MUJOCO_GL"]
        if before is not None:
            os.environ["MUJOCO_GL"] = before


def missing(packages: Sequence[str], *, images: bool) -> list[str]:
    """One line for each of these packages that has to be installed, and one where nothing can draw and it has to."""
    absent = [name for name in packages if find_spec(name) is None]
    lines = [f"Python package {name}: pip install -c constraints.txt {name}" for name in absent]
    return [*lines, why_none()] if images and choose() == "disable" else lines


def why_none() -> str:
    """One line: why nothing can be rendered and what to do."""
    own = os.environ.get("MUJOCO_GL", "")
    if own.lower().strip() in DISABLED:
        return f"images are asked for, and MUJOCO_GL={own} switches rendering off; unset it"
    tried = f"only MUJOCO_GL={own}; unset it to try all" if own else "EGL and OSMesa"
    return (
        f"no OpenGL renderer works here (tried {tried}); as root on Debian: `python -m harness.doctor --install`, "
        f"or by hand: apt-get install {' '.join(EGL_PACKAGES)}"
    )


def choose() -> str:
    """The first of "egl" and "osmesa" that gives a context, else "disable"; the user's MUJOCO_GL replaces that list."""
    own = os.environ.get("MUJOCO_GL", "").lower().strip()
    if own in DISABLED:
        return "disable"
    if own not in ("", "egl", "osmesa"):
        return own
    if own != "osmesa" and egl_works():
        return "egl"
    return "osmesa" if own != "egl" and osmesa_works() else "disable"


def egl_works() -> bool:
    """Whether the first EGL device that initialises gives a desktop OpenGL context without a surface.

    The display stays initialised, MuJoCo takes it over; the context is destroyed.
    """
    os.environ.setdefault("EGL_LOG_LEVEL", "fatal")  # else Mesa complains on stderr about drivers that it does not find
    library = first_library(EGL_LIBRARY)
    if library is None or first_library(OPENGL_LIBRARIES) is None:
        return False
    egl = declared(library)
    display = next(initialised_displays(egl), None)
    if display is None:
        return False
    config, count = ctypes.c_void_p(), ctypes.c_int()
    attributes = (ctypes.c_int * len(EGL_CONFIG))(*EGL_CONFIG)
    egl.eglChooseConfig(display, attributes, ctypes.byref(config), 1, ctypes.byref(count))
    if count.value < 1 or not egl.eglBindAPI(EGL_OPENGL_API):
        return False
    context = egl.eglCreateContext(display, config, None, None)
    if not context:
        return False
    works = bool(egl.eglMakeCurrent(display, None, None, context))
    egl.eglMakeCurrent(display, None, None, None)
    egl.eglDestroyContext(display, context)
    egl.eglReleaseThread()
    return works


def first_library(names: tuple[str, ...]) -> ctypes.CDLL | None:
    """The first of these shared libraries that loads."""
    for name in names:
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    return None


def declared(egl: ctypes.CDLL) -> ctypes.CDLL:
    """The library with the types of its handles, which ctypes would else cut to 32 bits."""
    handle, number, unsigned = ctypes.c_void_p, ctypes.c_int, ctypes.c_uint
    signatures = {
        "eglGetProcAddress": (handle, [ctypes.c_char_p]),
        "eglInitialize": (unsigned, [handle, handle, handle]),
        "eglChooseConfig": (unsigned, [handle, handle, handle, number, handle]),
        "eglBindAPI": (unsigned, [unsigned]),
        "eglCreateContext": (handle, [handle, handle, handle, handle]),
        "eglMakeCurrent": (unsigned, [handle, handle, handle, handle]),
        "eglDestroyContext": (unsigned, [handle, handle]),
        "eglReleaseThread": (unsigned, []),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(egl, name)
        function.restype, function.argtypes = result, arguments
    return egl


def initialised_displays(egl: ctypes.CDLL) -> Iterator[int]:
    """Displays on the EGL devices, in the order of the driver, of those that initialise."""
    query_at = egl.eglGetProcAddress(b"eglQueryDevicesEXT")
    display_at = egl.eglGetProcAddress(b"eglGetPlatformDisplayEXT")
    if not query_at or not display_at:
        return
    handle = ctypes.c_void_p
    query = ctypes.CFUNCTYPE(ctypes.c_uint, ctypes.c_int, handle, handle)(query_at)
    display_of = ctypes.CFUNCTYPE(handle, ctypes.c_uint, handle, handle)(display_at)
    devices, count = (handle * MAX_DEVICES)(), ctypes.c_int()
    if not query(MAX_DEVICES, devices, ctypes.byref(count)):
        return
    own = os.environ.get("MUJOCO_EGL_DEVICE_ID")
    if own is not None and not own.isdigit():
        raise ValueError(f"MUJOCO_EGL_DEVICE_ID must be the number of a device, not {own!r}")
    found = devices[: count.value]
    for device in found if own is None else found[int(own) : int(own) + 1]:
        display = display_of(EGL_PLATFORM_DEVICE_EXT, device, None)
        if display and egl.eglInitialize(display, None, None):
            yield display


def osmesa_works() -> bool:
    """Whether OSMesa's library is there and gives a context."""
    osmesa = first_library(OSMESA_LIBRARIES)
    if osmesa is None:
        return False
    osmesa.OSMesaCreateContextExt.restype = ctypes.c_void_p
    context = osmesa.OSMesaCreateContextExt(OSMESA_RGBA, 24, 8, 0, None)
    if context:
        osmesa.OSMesaDestroyContext(ctypes.c_void_p(context))
    return bool(context)


def renderer_string() -> str:
    """GL_RENDERER of the context that is current in this thread, such as "llvmpipe (LLVM 15.0.6, 256 bits)"."""
    from OpenGL import GL

    name = GL.glGetString(GL.GL_RENDERER)
    if name is None:
        raise RuntimeError("no OpenGL context is current; make one before asking for its renderer")
    return bytes(name).decode()
