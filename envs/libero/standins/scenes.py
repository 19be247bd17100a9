"""The five rooms: floor, table, kitchen, living room and study, with what upstream's arenas look for in them.

Upstream sets the texture files of floor and wall by a style, sizes and places the body `table`, hangs the regions of a
task on the table body, and overrides the agent's camera. What stands behind the robot is for the cameras only.
"""

from __future__ import annotations

from typing import NamedTuple

from envs.libero.standins.objects import CONTACT, visual
from envs.libero.standins.scenery import SCENERY
from envs.libero.standins.shapes import Piece, Triple, between, numbers

Collision = tuple[Triple, Triple]  # two corners, metres
# tops at 0.4368 m and 0.8851 m; corners measured on the official scene files
LIVING_ROOM_TABLE: list[Collision] = [
    ((-0.667, -0.821, 0.4131), (0.167, 0.901, 0.4368)),
    ((-0.824, -0.619, 0.4131), (-0.667, 0.724, 0.4368)),
    ((0.167, -0.619, 0.4131), (0.339, 0.724, 0.4368)),
    ((-0.662, -0.185, -0.0050), (0.162, 0.685, 0.4130)),
]
STUDY_TABLE: list[Collision] = [
    ((-0.689, -1.393, 0.8135), (0.689, 1.393, 0.8851)),
    ((-0.521, -0.748, 0.0020), (-0.480, -0.640, 0.8130)),
    ((0.476, -0.748, 0.0020), (0.516, -0.640, 0.8130)),
    ((-0.521, 0.659, 0.0020), (-0.480, 0.765, 0.8130)),
    ((0.476, 0.659, 0.0020), (0.516, 0.765, 0.8130)),
]


class Scene(NamedTuple):
    """A room: the styles that upstream asks for, what stands in it, and how table and floor are modelled."""

    floor: str
    wall: str
    scenery: tuple[str, ...] = ()
    table: tuple[str, list[Collision]] | None = None  # a body with fixed corners; None where upstream sizes it
    plain_table: bool = False
    floor_in_body: bool = False
    wood: str = "martin_novak_wood_table.png"
    tint: str = "1 1 1"  # of the wood


TILES, PLASTER = "light-gray-floor-tile.png", "light-gray-plaster.png"
SCENES: dict[str, Scene] = {
    "libero_floor_base_style": Scene(TILES, PLASTER, floor_in_body=True),
    "libero_tabletop_base_style": Scene(TILES, PLASTER, plain_table=True),
    "libero_kitchen_tabletop_base_style": Scene(
        "gray_ceramic_tile.png",
        "yellow_linen_wall_texture.png",
        (
            "kitchen_background_vis",
            "kitchen_background_stove_vis",
            "kitchen_background_hot_pot_vis",
            "kitchen_background_pot_vis",
            "fridge_vis",
        ),
        plain_table=True,
    ),
    "libero_living_room_tabletop_base_style": Scene(
        "seamless_wood_planks_floor.png",
        PLASTER,
        ("wall_decoration_vis", "living_room_vis"),
        table=("living_room_table", LIVING_ROOM_TABLE),
        floor_in_body=True,
        wood="seamless_wood_planks_floor.png",
        tint="0.55 0.48 0.46",
    ),
    "libero_study_base_style": Scene(
        TILES,
        PLASTER,
        ("study_wall_painting_vis", "office_book_shelf_vis", "plant_vis", "black_book_vis", "floor_lamp_vis"),
        table=("study_table", STUDY_TABLE),
        tint="0.72 0.56 0.40",
    ),
}
WALLS: list[tuple[str, Triple, Triple]] = [  # name, middle and half sizes, metres
    ("wall_rear_visual", (-2.0, 0.0, 1.5), (0.01, 3.0, 1.5)),
    ("wall_front_visual", (3.0, 0.0, 1.5), (0.01, 3.0, 1.5)),
    ("wall_left_visual", (0.5, 3.0, 1.5), (2.5, 0.01, 1.5)),
    ("wall_right_visual", (0.5, -3.0, 1.5), (2.5, 0.01, 1.5)),
]
LIGHTS = [("light1", "1 1 4"), ("light2", "-3 -3 4")]
CAMERAS = [
    ("frontview", "1.0 0 1.45", "0.56 0.43 0.43 0.56"),
    ("birdview", "-0.2 0 3.0", "0.7071 0 0 0.7071"),
    ("agentview", "0.5 0 1.35", "0.653 0.271 0.271 0.653"),
    ("sideview", "-0.0565 1.2761 1.4880", "0.0099 0.0069 0.5912 0.8064"),
]
SEEN = 'contype="0" conaffinity="0" group="1"'


def scene_path(name: str) -> str:
    """Place of a scene's file in the assets folder."""
    return f"scenes/{name}.xml"


def scene_xml(name: str) -> str:
    """The file of one room."""
    scene = SCENES[name]
    world = [_floor(scene)]
    world += [
        f'<geom name="{wall}" type="box" pos="{numbers(at)}" size="{numbers(size)}" {SEEN} material="walls_mat"/>'
        for wall, at, size in WALLS
    ]
    world += _plain_table() if scene.plain_table else []
    world += _table(*scene.table) if scene.table else []
    world += [line for mesh in scene.scenery for line in scenery(mesh)]
    world += [
        f'<light name="{light}" pos="{pos}" dir="0 -.15 -1" diffuse=".8 .8 .8" specular=".3 .3 .3" castshadow="false"/>'
        for light, pos in LIGHTS
    ]
    world += [f'<camera name="{camera}" mode="fixed" pos="{pos}" quat="{quat}"/>' for camera, pos, quat in CAMERAS]
    body = "\n".join("    " + line for line in world)
    return f'<mujoco model="{name}">\n{_materials(scene)}\n  <worldbody>\n{body}\n  </worldbody>\n</mujoco>\n'


def scenery(mesh: str) -> list[str]:
    """What is seen in place of one mesh of a room, as XML geoms of the world; nothing for one unknown to us."""
    return [visual(piece) for piece in SCENERY.get(mesh, ())]


def _materials(scene: Scene) -> str:
    matt = 'reflectance="0" shininess="0" specular="0"'
    wood = f'shininess="0" specular="0.2" rgba="{scene.tint} 1"'
    return "\n".join(
        "  " + line
        for line in (
            "<asset>",
            '  <texture type="skybox" builtin="gradient" rgb1=".9 .9 1" rgb2=".2 .3 .4" width="256" height="256"/>',
            f'  <texture name="texplane" type="2d" file="../textures/{scene.floor}"/>',
            f'  <material name="floorplane" texture="texplane" texrepeat="3 3" texuniform="true" {matt}/>',
            f'  <texture name="tex-wall" type="2d" file="../textures/{scene.wall}"/>',
            f'  <material name="walls_mat" texture="tex-wall" texrepeat="1 1" texuniform="true" {matt}/>',
            f'  <texture name="tex-table" type="cube" file="../textures/{scene.wood}"/>',
            f'  <material name="table_texture" texture="tex-table" {wood}/>',
            "</asset>",
        )
    )


def _floor(scene: Scene) -> str:
    floor = '<geom name="floor" type="plane" size="3 3 .125" condim="3" group="1" material="floorplane"/>'
    return f'<body name="floor" pos="0 0 0">{floor}</body>' if scene.floor_in_body else floor


def _plain_table() -> list[str]:
    """A table whose size and place upstream sets."""
    legs = [
        f'  <geom name="table_leg{leg}_visual" type="cylinder" size="0.05 0.1" {SEEN} material="table_texture"/>'
        for leg in (1, 2, 3, 4)
    ]
    return [
        '<body name="table" pos="0 0 0.4">',
        '  <geom name="table_collision" type="box" size=".4 .4 .4" group="0" friction="1 0.005 0.0001"/>',
        f'  <geom name="table_visual" type="box" size=".4 .4 .4" {SEEN} material="table_texture"/>',
        '  <site name="table_top" pos="0 0 .4" size="0.001 0.001 0.001" rgba="0 0 0 0"/>',
        *legs,
        "</body>",
    ]


def _table(name: str, corners: list[Collision]) -> list[str]:
    lines = [f'<body name="{name}" pos="0 0 0">']
    for low, high in corners:
        box: Piece = between(low, high)
        shape = f'type="box" size="{numbers(box.size)}" pos="{numbers(box.pos)}"'
        lines += [f'  <geom {shape} group="0" {CONTACT}/>', f'  <geom {shape} {SEEN} material="table_texture"/>']
    return [*lines, "</body>"]
