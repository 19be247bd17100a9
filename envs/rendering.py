"""MuJoCo frames in one of two qualities; one GL context, made on the first frame of a model."""

from __future__ import annotations

import atexit
from functools import cached_property

import mujoco

from envs import gl
from envs.episodes import EpisodeEnv
from protocols.contracts import RENDER_PROFILES, ImageArray
from protocols.registry import require


class Renderer:
    """Draws square frames of whatever model it is given, and keeps the context while the model stays the same.

    Args:
        size_px: height and width.
        profile: "official", the model's own quality, or "fast", without shadows, multisampling and reflections.
        option: which groups of geoms and sites are drawn, MuJoCo's defaults where not given.
    """

    def __init__(self, size_px: int, profile: str, option: mujoco.MjvOption | None = None) -> None:
        self.size_px, self.option = size_px, option
        self.fast = require("render profile", profile, RENDER_PROFILES) == "fast"
        self.renderer: mujoco.Renderer | None = None

    def draw(self, model: mujoco.MjModel, data: mujoco.MjData, camera: str) -> ImageArray:
        """(H, W, 3) uint8, what the camera of that name sees."""
        if self.renderer is None or self.renderer.model is not model:
            self.close()
            self.renderer = self._open(model)
            atexit.register(self.renderer.close)  # before MuJoCo's own hook ends EGL under the context
        self.renderer.update_scene(data, camera, self.option)
        image: ImageArray = self.renderer.render()
        return image

    def _open(self, model: mujoco.MjModel) -> mujoco.Renderer:
        # A buffer of the image's own size gives the same pixels as a larger one and costs less.
        model.vis.global_.offwidth = model.vis.global_.offheight = self.size_px
        if not self.fast:
            return mujoco.Renderer(model, self.size_px, self.size_px)
        model.vis.quality.offsamples = model.vis.quality.shadowsize = 0
        renderer = mujoco.Renderer(model, self.size_px, self.size_px)
        renderer.scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = 0
        renderer.scene.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = 0
        return renderer

    def name(self) -> str:
        """What draws, such as "llvmpipe (LLVM 15.0.6, 256 bits)"; "none" before the first frame."""
        return "none" if self.renderer is None else gl.renderer_string()

    def close(self) -> None:
        """Give the context back."""
        if self.renderer is not None:
            atexit.unregister(self.renderer.close)
            self.renderer.close()
            self.renderer = None


class MujocoEnv(EpisodeEnv):
    """An environment of a suite that is simulated and drawn by MuJoCo."""

    @cached_property
    def renderer(self) -> Renderer:
        """Draws in the size and the profile that were asked for."""
        return Renderer(self._size_px, self._render)

    def renderer_name(self) -> str:
        """What draws, see `Renderer.name`."""
        return self.renderer.name()

    def close(self) -> None:
        """Give back the renderer."""
        self.renderer.close()
