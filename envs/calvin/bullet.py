"""pybullet, imported without the line that it prints."""

from envs.calvin.silence import silenced

with silenced():
    import pybullet

__all__ = ["pybullet"]
