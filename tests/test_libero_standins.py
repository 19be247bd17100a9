"""Stand-ins of LIBERO's objects and rooms: they have the official numbers, and hold what they must."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from pathlib import Path

import mujoco
import numpy as np
import numpy.typing as npt
import pytest

from envs.libero.standins import textures
from envs.libero.standins.objects import all_objects, object_xml
from envs.libero.standins.scenes import SCENES, scene_path, scene_xml

CATEGORIES = sorted(all_objects())
LEANING = (math.cos(0.16), 0.0, math.sin(0.16), 0.0)
HALF_TURN_OF_X = (math.sqrt(0.5), math.sqrt(0.5), 0.0, 0.0)
Z_ALONG_X = (math.sqrt(0.5), 0.0, math.sqrt(0.5), 0.0)
Simulation = tuple[mujoco.MjModel, mujoco.MjData]
Vector = npt.NDArray[np.float64]


def compiled(category: str) -> Simulation:
    model = mujoco.MjModel.from_xml_string(object_xml(category))
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    return model, data


def corners(model: mujoco.MjModel, data: mujoco.MjData) -> Vector:
    """Lowest and highest point of what collides, (2, 3), metres."""
    low, high = np.full(3, np.inf), np.full(3, -np.inf)
    for geom in np.flatnonzero(model.geom_group == 0):
        turn = data.geom_xmat[geom].reshape(3, 3)
        middle = data.geom_xpos[geom] + turn @ model.geom_aabb[geom][:3]
        reach = np.abs(turn) @ model.geom_aabb[geom][3:]
        low, high = np.minimum(low, middle - reach), np.maximum(high, middle + reach)
    return np.array([low, high])


@pytest.mark.parametrize("category", CATEGORIES)
def test_a_stand_in_is_as_large_and_as_heavy_as_the_official_object(category: str) -> None:
    row = all_objects()[category].row
    model, data = compiled(category)
    np.testing.assert_allclose(corners(model, data), row["aabb_m"], atol=0.003)
    assert model.body_mass.sum() == pytest.approx(row["mass_kg"], rel=0.03)


@pytest.mark.parametrize("category", CATEGORIES)
def test_a_stand_in_has_the_official_bodies_joints_and_regions(category: str) -> None:
    row = all_objects()[category].row
    model, data = compiled(category)
    for body in row["bodies"]:
        name = "object" if body["name"] == "main" else body["name"]
        np.testing.assert_allclose(data.body(name).xpos, body["pos_m"], atol=1e-6)
    assert [model.joint(index).name for index in range(model.njnt)] == [joint["name"] for joint in row["joints"]]
    for joint in row["joints"]:
        own = model.joint(joint["name"])
        np.testing.assert_allclose(
            [*own.range, *own.axis, *own.damping], [*joint["range"], *joint["axis"], joint["damping"]]
        )
        np.testing.assert_allclose(data.joint(joint["name"]).xanchor, joint["anchor"], atol=1e-6)
    for site in row["sites"]:
        np.testing.assert_allclose(data.site(site["name"]).xpos, site["pos_in_root"], atol=1e-5)
        np.testing.assert_allclose(model.site(site["name"]).size, site["size"], atol=1e-6)
        quat = model.site(site["name"]).quat
        assert abs(quat @ np.asarray(site["quat_local"])) == pytest.approx(1, abs=1e-4)
    for name, height in (("bottom_site", row["bottom_site_z_m"]), ("top_site", row["top_site_z_m"])):
        assert model.site(name).pos[2] == pytest.approx(height)


@pytest.mark.parametrize("category", CATEGORIES)
def test_what_is_seen_neither_collides_nor_weighs(category: str) -> None:
    model, _ = compiled(category)
    seen = model.geom_group == 1
    assert seen.any()
    assert not model.geom_contype[seen].any()
    assert not model.geom_conaffinity[seen].any()


@pytest.mark.parametrize("scene", sorted(SCENES))
def test_a_room_compiles_with_what_upstream_looks_for(scene: str, tmp_path: Path) -> None:
    path = tmp_path / scene_path(scene)
    path.parent.mkdir()
    path.write_text(scene_xml(scene))
    for texture in ET.fromstring(scene_xml(scene)).iterfind("asset/texture[@file]"):
        place = path.parent / texture.get("file", "")
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(textures.png(textures.picture(f"textures/{place.name}")))
    model = mujoco.MjModel.from_xml_path(str(path))
    assert {model.camera(index).name for index in range(model.ncam)} == {
        "frontview",
        "birdview",
        "agentview",
        "sideview",
    }
    assert {"texplane", "tex-wall"} <= {model.tex(index).name for index in range(model.ntex)}
    assert model.geom("floor").type == mujoco.mjtGeom.mjGEOM_PLANE


@pytest.mark.parametrize(
    ("scene", "top_m"), [("libero_living_room_tabletop_base_style", 0.4368), ("libero_study_base_style", 0.8851)]
)
def test_a_table_with_fixed_corners_has_its_top_where_it_was_measured(scene: str, top_m: float) -> None:
    boxes = ET.fromstring(scene_xml(scene)).findall("worldbody/body/geom[@group='0'][@type='box']")
    tops = [float(box.get("pos", "").split()[2]) + float(box.get("size", "").split()[2]) for box in boxes]
    assert max(tops) == pytest.approx(top_m, abs=1e-4)


def together(fixture: str, movable: str, pos: tuple[float, ...], quat: tuple[float, ...] = (1, 0, 0, 0)) -> Simulation:
    """A fixture that stands on a floor, and an object with a free joint."""
    root, other = ET.fromstring(object_xml(fixture)), ET.fromstring(object_xml(movable)).find("worldbody/body/body")
    world = root.find("worldbody")
    assert world is not None
    assert other is not None
    for index, body in enumerate(other.iter("body")):
        body.set("name", f"movable{index or ''}")
    for site in list(other.iter("site")):
        site.set("name", f"movable_{site.get('name')}")
    other.set("pos", " ".join(map(str, pos)))
    other.set("quat", " ".join(map(str, quat)))
    ET.SubElement(other, "freejoint")
    world.append(other)
    floor = float(all_objects()[fixture].row["aabb_m"][0][2])
    ET.SubElement(world, "geom", type="plane", size="2 2 .1", pos=f"0 0 {floor}", group="2")
    model = mujoco.MjModel.from_xml_string(ET.tostring(root, encoding="unicode"))
    model.opt.timestep = 0.002
    return model, mujoco.MjData(model)


def run(simulation: Simulation, seconds: float, force: dict[str, float] | None = None) -> None:
    model, data = simulation
    data.qfrc_applied[:] = 0
    for joint, value in (force or {}).items():
        data.joint(joint).qfrc_applied[:] = value
    for _ in range(round(seconds / model.opt.timestep)):
        mujoco.mj_step(model, data)


def inside(simulation: Simulation, site: str) -> bool:
    """Upstream's rule for In: the object's origin lies in the region's box, 1 cm more below."""
    model, data = simulation
    reach = np.abs(data.site(site).xmat.reshape(3, 3) @ model.site(site).size)
    offset = data.body("movable").xpos - data.site(site).xpos
    return bool(np.all(offset < reach) and np.all(offset > -reach - [0, 0, 0.01]))


@pytest.mark.parametrize("cabinet", ["wooden_cabinet", "white_cabinet"])
@pytest.mark.parametrize("level", ["top", "middle", "bottom"])
def test_a_bowl_fits_into_each_drawer_and_the_drawer_closes_over_it(cabinet: str, level: str) -> None:
    height = {"top": 0.166, "middle": 0.096, "bottom": 0.028}[level]
    simulation = together(cabinet, "akita_black_bowl", (0.0, -0.15, height))
    simulation[1].joint(f"{level}_level").qpos[:] = -0.159
    run(simulation, 0.4)
    run(simulation, 1.2, {f"{level}_level": 20.0})
    assert simulation[1].joint(f"{level}_level").qpos[0] > 0.0  # closed, by upstream's rule
    assert inside(simulation, f"{level}_region")


@pytest.mark.parametrize("cabinet", ["wooden_cabinet", "white_cabinet"])
def test_a_drawer_opens_as_far_as_upstream_asks_for(cabinet: str) -> None:
    simulation = together(cabinet, "butter", (0.0, 0.0, 0.25))
    for level in ("top", "middle", "bottom"):
        run(simulation, 1.5, {f"{level}_level": -20.0})
        assert simulation[1].joint(f"{level}_level").qpos[0] < -0.14


@pytest.mark.parametrize("mug", ["white_yellow_mug", "porcelain_mug"])
def test_a_mug_fits_into_the_microwave_and_the_door_closes_before_it(mug: str) -> None:
    simulation = together("microwave", mug, (-0.03, 0.0, 0.03))
    simulation[1].joint("microjoint").qpos[:] = -1.5
    run(simulation, 0.4)
    run(simulation, 1.5, {"microjoint": 1.0})
    assert simulation[1].joint("microjoint").qpos[0] > -0.005
    assert inside(simulation, "heating_region")


def test_the_knob_of_the_stove_turns_from_off_to_on() -> None:
    simulation = together("flat_stove", "butter", (0.0, 0.3, 0.1))
    run(simulation, 3.0, {"button": 2.0})
    assert simulation[1].joint("button").qpos[0] >= 0.5


CONTENTS = [
    ("basket", "contain_region", "alphabet_soup", (0.0, 0.0, 0.07), HALF_TURN_OF_X),
    ("basket", "contain_region", "milk", (0.0, 0.0, 0.10), HALF_TURN_OF_X),
    ("wooden_tray", "contain_region", "cream_cheese", (0.0, 0.0, 0.03), (1, 0, 0, 0)),
    ("wooden_tray", "contain_region", "akita_black_bowl", (0.0, 0.0, 0.02), (1, 0, 0, 0)),
    ("desk_caddy", "back_contain_region", "black_book", (0.030, 0.012, 0.03), LEANING),  # upright it is too low
    ("desk_caddy", "front_contain_region", "yellow_book", (-0.034, 0.0, 0.02), (1, 0, 0, 0)),
    ("desk_caddy", "left_contain_region", "porcelain_mug", (0.0, 0.14, 0.02), (1, 0, 0, 0)),
    ("desk_caddy", "right_contain_region", "red_coffee_mug", (0.0, -0.14, 0.02), (1, 0, 0, 0)),
    (
        "wooden_two_layer_shelf",
        "bottom_region",
        "black_book",
        (0.0, 0.0, 0.016),
        (math.sqrt(0.5), 0, math.sqrt(0.5), 0),
    ),
    ("wooden_two_layer_shelf", "top_region", "white_bowl", (0.0, 0.0, 0.08), (1, 0, 0, 0)),
]


@pytest.mark.parametrize(("container", "region", "movable", "pos", "quat"), CONTENTS)
def test_what_is_put_into_a_container_stays_in_its_region(
    container: str, region: str, movable: str, pos: tuple[float, ...], quat: tuple[float, ...]
) -> None:
    simulation = together(container, movable, pos, quat)
    run(simulation, 0.6)
    assert inside(simulation, region)


def test_a_bottle_lies_on_the_rack() -> None:
    simulation = together("wine_rack", "wine_bottle", (-0.07, -0.052, 0.26), Z_ALONG_X)
    run(simulation, 1.0)
    model, data = simulation
    turned = np.diag([-1.0, -1.0, 1.0])  # racks stand turned by 180 degrees, on which upstream's rule depends
    away = data.body("movable").xpos - data.site("top_region").xpos
    offset = turned @ data.site("top_region").xmat.reshape(3, 3) @ turned @ away
    assert -0.005 < offset[2] - model.site("top_region").size[2] < 0.10  # upstream's rule for On a site
    assert np.all(np.abs(offset[:2]) < model.site("top_region").size[:2])


@pytest.mark.parametrize(
    "dish", ["akita_black_bowl", "white_bowl", "plate", "porcelain_mug", "red_coffee_mug", "white_yellow_mug"]
)
def test_dishes_and_mugs_are_hollow(dish: str) -> None:
    model, data = compiled(dish)
    low, high = corners(model, data)
    middle = np.array([*(low + high)[:2] / 2, high[2] + 0.05])
    if "mug" in dish:  # the handle makes it wider on one side
        wall = [
            model.geom_pos[geom][:2]
            for geom in np.flatnonzero(model.geom_group == 0)
            if model.geom_size[geom][2] > 0.02
        ]
        middle[:2] = np.median(wall, axis=0)
    groups = np.array([1, 0, 0, 0, 0, 0], np.uint8)
    hit = np.zeros(1, np.int32)
    depth = mujoco.mj_ray(model, data, middle, np.array([0.0, 0.0, -1.0]), groups, 1, -1, hit) - 0.05
    assert depth > 0.6 * (high[2] - low[2]) - 0.002


def test_a_picture_is_a_png_that_mujoco_reads(tmp_path: Path) -> None:
    (tmp_path / "tiles.png").write_bytes(textures.png(textures.picture("textures/gray_ceramic_tile.png")))
    xml = f'<mujoco><asset><texture name="t" type="2d" file="{tmp_path}/tiles.png"/></asset></mujoco>'
    model = mujoco.MjModel.from_xml_string(xml)
    assert np.array_equal(
        model.tex_data.reshape(textures.SIDE_PX, -1, 3), textures.picture("textures/gray_ceramic_tile.png")
    )
