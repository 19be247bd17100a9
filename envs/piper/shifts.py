"""One thing changed: scenes that a policy has not seen, each paired with the unshifted episode of the same seed.

    light        a warm or a cold lamp from the left, the right or behind the arm; the other lights are turned down
    object       the target is larger or smaller, of another shade and wears a band or a cap; a door: colour and handle
    camera       the agent camera stands 3 to 8 cm aside and looks at another point; the wrist camera stays
    distractor   two or three things that the scene does not have and no instruction means
    background   back splash or floor, tabletop and sky in other colours and patterns
    instruction  the model is the unshifted one: the task's paraphrase is in `protocols/tasks/piper.csv`

What the instruction says stays true: a red mug stays red. Sizes stay within what the gripper holds.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import mujoco
import numpy as np

from envs.piper import SHIFTS, scenes
from envs.piper.scenes import GRAY, Point, Scene
from envs.piper.toys import BLACK, WHITE, Colour, Toy
from protocols.registry import require

SMALLER, LARGER = (0.85, 0.93), (1.06, 1.10)  # the gripper opens 70 mm, a mug has 54
DARKER, PALER = (0.76, 0.86), (0.12, 0.22)  # part of the colour that is left; part of white that is added
BANDS: tuple[Colour, ...] = (WHITE, (0.45, 0.20, 0.62), (0.05, 0.58, 0.56))
POTS: tuple[Colour, ...] = ((0.74, 0.43, 0.27), (0.93, 0.88, 0.74), (0.50, 0.36, 0.58))  # copper, cream, violet
DOORS: tuple[Colour, ...] = ((0.66, 0.44, 0.25), (0.86, 0.80, 0.66), (0.50, 0.60, 0.44), (0.60, 0.46, 0.58))
BRASS = (0.78, 0.62, 0.25)
ASIDE_M, LOOK_M = (0.03, 0.08), 0.015
DISTRACTORS = (
    ("cube", (0.45, 0.20, 0.62)),
    ("cube", (0.05, 0.58, 0.56)),
    ("can", (0.40, 0.22, 0.60)),
    ("mug", (0.90, 0.90, 0.87)),
    ("turtle", (0.28, 0.47, 0.18)),
    ("dolphin", (0.42, 0.74, 0.90)),
    ("whale", GRAY),
)
WARM, COLD = (1.0, 0.78, 0.50), (0.62, 0.80, 1.0)
GROUNDS: tuple[Colour, ...] = (
    *((0.80, 0.70, 0.54), (0.55, 0.62, 0.68), (0.78, 0.64, 0.62), (0.62, 0.70, 0.58)),
    *((0.60, 0.52, 0.62), (0.70, 0.70, 0.68), (0.52, 0.42, 0.34), (0.40, 0.44, 0.50)),
)
PATTERNS = (
    (mujoco.mjtBuiltin.mjBUILTIN_CHECKER, mujoco.mjtMark.mjMARK_NONE),
    (mujoco.mjtBuiltin.mjBUILTIN_FLAT, mujoco.mjtMark.mjMARK_CROSS),
    (mujoco.mjtBuiltin.mjBUILTIN_CHECKER, mujoco.mjtMark.mjMARK_EDGE),
    (mujoco.mjtBuiltin.mjBUILTIN_FLAT, mujoco.mjtMark.mjMARK_NONE),
)


class Shifted(NamedTuple):
    """A scene with one thing changed, and its model before it is compiled.

    The scene's toys begin with those of the unshifted scene, in their order; distractors follow.
    """

    scene: Scene
    spec: mujoco.MjSpec


def shifted(scene: Scene, target: str, shift: str, random: np.random.Generator) -> Shifted:
    """The scene with one thing changed.

    Args:
        scene: the unshifted scene.
        target: the toy or door that the task is about.
        shift: one of `envs.piper.SHIFTS`.
        random: draws what the change is like; another stream than the one that the start is drawn from.

    Raises:
        LookupError: there is no such shift.
    """
    require("shift", shift, SHIFTS)
    if shift == "object" and target not in scene.doors:
        scene = with_novel_toy(scene, target, random)
    elif shift == "camera":
        scene = with_camera_moved(scene, random)
    elif shift == "distractor":
        scene = with_distractors(scene, random)
    spec = scenes.specification(scene)
    if shift == "object" and target in scene.doors:
        repaint_door(spec, target, random)
    elif shift == "light":
        add_lamp(spec, scene, random)
    elif shift == "background":
        repaint_background(spec, random)
    return Shifted(scene, spec)


def with_novel_toy(scene: Scene, target: str, random: np.random.Generator) -> Scene:
    """The scene with the toy of that name in another size and shade, with a band."""
    changed = tuple(_novel(toy, random) if toy.name == target else toy for toy in scene.toys)
    return scene._replace(toys=changed)


def _novel(toy: Toy, random: np.random.Generator) -> Toy:
    scale = random.uniform(*(SMALLER, LARGER)[random.integers(2)])
    colour = _one(POTS, random) if toy.kind == "pot" else _other_shade(toy.colour, random)
    return toy._replace(scale=toy.scale * scale, colour=colour, band=_one(BANDS, random))


def _one(colours: tuple[Colour, ...], random: np.random.Generator) -> Colour:
    return colours[random.integers(len(colours))]


def _other_shade(colour: Colour, random: np.random.Generator) -> Colour:
    if random.random() < 0.5:
        return _mixed(colour, (0.0, 0.0, 0.0), 1 - random.uniform(*DARKER))
    return _mixed(colour, (1.0, 1.0, 1.0), random.uniform(*PALER))


def _mixed(colour: Colour, other: Colour, share: float) -> Colour:
    """The colour with a share of another in it."""
    red, green, blue = (part + share * (wanted - part) for part, wanted in zip(colour, other, strict=True))
    return red, green, blue


def with_camera_moved(scene: Scene, random: np.random.Generator) -> Scene:
    """The scene from an eye that is moved across the line of sight, so that everything stays in view."""
    angle = random.uniform(0, 2 * math.pi)
    across = random.uniform(*ASIDE_M) * np.array([math.cos(angle), math.sin(angle), 0.0])
    eye = scene.eye + scenes.camera_axes(scene) @ across
    return scene._replace(eye=_point(eye), target=_point(scene.target + random.uniform(-LOOK_M, LOOK_M, 3)))


def _point(array: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Point:
    x, y, z = array.tolist()
    return x, y, z


def with_distractors(scene: Scene, random: np.random.Generator) -> Scene:
    """The scene with two or three more toys, named distractor_1 and so on."""
    there = {(toy.kind, toy.colour) for toy in scene.toys}
    kinds = [candidate for candidate in DISTRACTORS if candidate not in there]
    chosen = random.choice(len(kinds), size=random.integers(2, 4), replace=False)
    added = (Toy(f"distractor_{number}", *kinds[index]) for number, index in enumerate(chosen, start=1))
    return scene._replace(toys=(*scene.toys, *added))


def repaint_door(spec: mujoco.MjSpec, door: str, random: np.random.Generator) -> None:
    """Another colour and another handle, in brass; the door's size and mass stay."""
    colour = _one(DOORS, random)
    spec.geom(door).rgba = (*colour, 1)
    spec.geom(f"{door}_panel").rgba = (*_mixed(colour, WHITE, 0.25), 1)
    handle, half = spec.geom(f"{door}_handle"), (0.005, 0.032)[random.integers(2)]
    handle.rgba, handle.size = (*BRASS, 1), (0.0055, 0, 0)
    x, y, *_ = handle.fromto
    handle.fromto = (x, y, -half, x, y, half)


def add_lamp(spec: mujoco.MjSpec, scene: Scene, random: np.random.Generator) -> None:
    """A lamp that shines on the middle of the scene, while the scene's own lights are turned down."""
    for light in spec.lights:
        light.diffuse = light.diffuse * random.uniform(0.5, 0.7)
    head = spec.visual.headlight
    head.ambient = head.ambient * random.uniform(0.8, 1.1)
    side, height = random.uniform(0.6, 1.4) * math.pi, random.uniform(0.8, 1.3)  # never behind the back splash
    aside = np.array([0.9 * math.cos(side), 0.9 * math.sin(side), height])
    colour = np.array((WARM, COLD)[random.integers(2)])
    spec.worldbody.add_light(
        name="lamp", pos=scene.target + aside, dir=-aside, diffuse=0.45 * colour, specular=0.2 * colour, cutoff=60
    )


def repaint_background(spec: mujoco.MjSpec, random: np.random.Generator) -> None:
    """Other colours for tabletop and sky, another pattern for what is behind."""
    wall, top, sky = (GROUNDS[index] for index in random.choice(len(GROUNDS), size=3, replace=False))
    spec.material("tabletop").rgba = (*top, 1)
    backdrop, above = spec.texture("backdrop"), spec.texture("sky")
    backdrop.builtin, backdrop.mark = PATTERNS[random.integers(len(PATTERNS))]
    backdrop.rgb1, backdrop.rgb2, backdrop.markrgb = wall, _mixed(wall, BLACK, 0.25), _mixed(wall, BLACK, 0.35)
    above.rgb1, above.rgb2 = _mixed(sky, WHITE, 0.5), sky
