"""The OpenGL context of pybullet's EGL plugin, which pybullet makes current once, when the plugin is loaded.

Whoever makes another one current in the same thread, such as MuJoCo or a second plugin, would have pybullet draw there.
"""

from __future__ import annotations

import ctypes

from envs import gl

DRAW, READ = 0x3059, 0x305A


class Context:
    """The context that is current now."""

    def __init__(self) -> None:
        handle = ctypes.c_void_p
        library = gl.first_library(gl.EGL_LIBRARY)
        assert library is not None, "a context is there, and so is its library"
        for name in ("eglGetCurrentDisplay", "eglGetCurrentSurface", "eglGetCurrentContext"):
            getattr(library, name).restype = handle
        library.eglGetCurrentSurface.argtypes = [ctypes.c_int]
        library.eglMakeCurrent.argtypes = [handle, handle, handle, handle]
        self._egl = library
        surfaces = library.eglGetCurrentSurface(DRAW), library.eglGetCurrentSurface(READ)
        self._current = library.eglGetCurrentDisplay(), *surfaces, library.eglGetCurrentContext()

    def use(self) -> None:
        """Make it current again. Raises RuntimeError where the driver refuses."""
        if not self._egl.eglMakeCurrent(*self._current):
            raise RuntimeError("the OpenGL context of pybullet's EGL plugin is lost")
