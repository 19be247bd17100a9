"""Progress of CALVIN's subtasks: 0 at the start, 1 at the verdict and only there; stages and events that tell of it."""

from __future__ import annotations

import itertools
import math
from contextlib import closing
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from envs.calvin import chains
from envs.calvin.courses import courses
from envs.calvin.expert.expert import Expert
from envs.calvin.geometry import TABLES
from envs.calvin.oracles import DRAWER, PLANK, SUBTASKS, TOP, solved
from envs.calvin.progress import CAP, NEAR_M, Progress
from envs.calvin.states import BLOCKS, SCENES, Contact, Floats, Snapshot
from envs.calvin.world import World
from envs.episodes import Measured
from protocols.contracts import Episode
from tests.calvin_playing import PLACES, assets_folder
from tests.calvin_snapshots import FINGERS, block, snapshot, solving

unhurried = settings(deadline=None)
FAR = (-0.3, -0.4, 0.7)
OTHER = {  # a start that makes a subtask impossible
    "push_red_block_left": {"red": block(contacts=())},
    "lift_red_block_slider": {"red": block(contacts=(TOP,))},
    "place_in_slider": {},
    "place_in_drawer": {"red": block(contacts=FINGERS), "robot": (("red", -1), ("table", -1))},
    "unstack_block": {},
    "turn_on_led": {"led": True},
    "turn_off_lightbulb": {},
    "push_into_drawer": {colour: block(contacts=(PLANK,)) for colour in BLOCKS},
}


def arm(tool: Any = FAR, gripper: float = 1.0) -> Floats:
    """(15,) a robot_obs with the tool there, told to open or close."""
    return np.array([*tool, *[0.0] * 11, gripper])


def measured(subtask: str, start: Snapshot, now: Snapshot, tool: Any = FAR, begun: Any = FAR) -> Measured:
    """One control step from `start` with the tool at `begun` to `now`."""
    return Progress(subtask, start, "D", arm(begun)).update(now, arm(tool), solved(subtask, start, now))


def between(start: Snapshot, end: Snapshot, share: float) -> Snapshot:
    """A scene on the way, whose contacts and lights are still those of the start."""

    def mixed(one: Any, other: Any) -> Any:
        return one + share * (other - one)

    blocks = {
        colour: start.blocks[colour]._replace(
            position=mixed(start.blocks[colour].position, end.blocks[colour].position),
            orientation=mixed(start.blocks[colour].orientation, end.blocks[colour].orientation),
        )
        for colour in BLOCKS
    }
    return start._replace(slider=mixed(start.slider, end.slider), drawer=mixed(start.drawer, end.drawer), blocks=blocks)


def way(subtask: str) -> tuple[Snapshot, Snapshot]:
    """A start and an end that solves the subtask, with button and switch where they turn the light."""
    start, end = solving()[subtask]
    pressed_m = 0.011 if "led" in subtask else 0.0
    start = start._replace(switch=0.088 if start.lightbulb else 0.0)
    return start, end._replace(button=pressed_m, switch=0.045 if end.lightbulb else 0.043)


@pytest.mark.parametrize("subtask", SUBTASKS)
def test_progress_begins_at_0_ends_at_1_and_rises_between(subtask: str) -> None:
    start, end = way(subtask)
    first = measured(subtask, start, start)
    assert first.progress == 0.0 and first.stage not in ("done", "impossible") and not first.events
    shares = [measured(subtask, start, between(start, end, share)).progress for share in np.linspace(0, 0.9, 9)]
    assert all(now >= before for before, now in itertools.pairwise(shares)) and shares[-1] <= CAP
    assert 0 < shares[4] <= shares[-1] or "turn" in subtask, "what presses the button is not between the two"
    assert measured(subtask, start, end)[:2] == (1.0, "done")


@pytest.mark.parametrize("subtask", SUBTASKS)
def test_what_looks_done_and_is_not_is_less_than_1(subtask: str) -> None:
    start, end = way(subtask)
    now = Progress(subtask, start, "D", arm()).update(end, arm(), done=False)
    assert 0.5 < now.progress <= CAP and now.stage not in ("done", "impossible")


@pytest.mark.parametrize(("subtask", "start"), OTHER.items())
def test_an_impossible_subtask_makes_no_progress_and_says_so(subtask: str, start: dict[str, Any]) -> None:
    for end in (snapshot(), solving()[subtask][1]):
        assert measured(subtask, snapshot(**start), end).stage in ("impossible", "done")
        assert measured(subtask, snapshot(**start), snapshot(**start)).progress == 0.0


@pytest.mark.parametrize("subtask", [one for one in SUBTASKS if not one.startswith(("place", "stack"))])
def test_the_tool_that_comes_near_is_worth_the_reach(subtask: str) -> None:
    start, _ = way(subtask)
    (course, *_) = courses(subtask, start, TABLES["D"])
    near, halfway = course.point(start), (course.point(start) + FAR) / 2
    worth = 0.2 if course.grasp else 0.3
    there = measured(subtask, start, start, tool=near)
    assert there.progress == pytest.approx(worth) and there.stage == ("grasp" if course.grasp else course.work)
    assert 0.0 < measured(subtask, start, start, tool=halfway).progress < worth
    assert measured(subtask, start, start, tool=near, begun=near).progress == 0.0


@given(st.floats(0.0, 0.22), st.floats(0.0, 0.22))
@unhurried
def test_a_drawer_that_goes_back_takes_progress_down(one: float, other: float) -> None:
    start = snapshot(drawer=0.0)
    less, more = (measured("open_drawer", start, snapshot(drawer=at)).progress for at in sorted((one, other)))
    assert less <= more


@given(st.sampled_from(SUBTASKS), st.tuples(*[st.floats(-1, 1)] * 3), st.tuples(*[st.floats(-1, 1)] * 3))
@unhurried
def test_progress_is_from_0_to_below_1_wherever_the_tool_is(subtask: str, begun: Any, tool: Any) -> None:
    start, end = solving()[subtask]
    for now in (start, between(start, end, 0.5)):
        assert 0.0 <= measured(subtask, start, now, tool, begun).progress < 1.0


def test_the_block_that_has_come_furthest_counts() -> None:
    start = snapshot()
    pushed = {"blue": block((0.1, -0.16, 0.46)), "red": block((0.0, -0.12, 0.46))}
    alone, both = (measured("push_into_drawer", start, snapshot(**some)) for some in ({"blue": pushed["blue"]}, pushed))
    assert alone.progress == both.progress > measured("push_into_drawer", start, snapshot(red=pushed["red"])).progress


def test_a_stored_block_has_to_come_to_the_side_that_the_door_leaves_open() -> None:
    for slider, x in ((0.0, -0.25), (0.28, 0.05)):
        start = snapshot((("red", -1),), red=block((-0.1, -0.1, 0.55), FINGERS), slider=slider)
        here, there = (start._replace(blocks={**start.blocks, "red": block((at, 0.09, 0.46))}) for at in (x, -0.2 - x))
        assert measured("place_in_slider", start, here).progress > measured("place_in_slider", start, there).progress


HELD = block((0.0, -0.1, 0.48), FINGERS)


def told(subtask: str, *steps: tuple[Snapshot, float]) -> list[str]:
    """The events of control steps, each a scene and what the gripper was told."""
    progress = Progress(subtask, steps[0][0], "D", arm())
    return [event for now, gripper in steps for event in progress.update(now, arm(gripper=gripper), False).events]


@pytest.mark.parametrize(
    ("subtask", "said"),
    [
        ("lift_red_block_table", "grasped red"),
        ("lift_blue_block_table", "wrong object red"),
        ("open_drawer", "wrong object red"),
        ("push_into_drawer", "grasped red"),
    ],
)
def test_a_grasp_is_told_once_after_three_steps(subtask: str, said: str) -> None:
    free, taken = (snapshot(), 1.0), (snapshot(red=HELD), -1.0)
    assert told(subtask, free, taken, taken, free, taken, taken) == []
    assert told(subtask, free, *[taken] * 9) == [said]


@pytest.mark.parametrize(("gripper", "said"), [(1.0, "released red"), (-1.0, "dropped red")])
def test_what_is_let_go_is_released_and_what_is_lost_is_dropped(gripper: float, said: str) -> None:
    taken, lost = (snapshot(red=HELD), -1.0), (snapshot(), gripper)
    assert told("place_in_drawer", *[taken] * 4, *[lost] * 5) == [said], "held from the start, so not grasped"


@pytest.mark.parametrize("contacts", [FINGERS[:1], (("robot", 9), ("robot", 10)), (("robot", 8), ("robot", 11))])
def test_one_finger_or_the_palm_is_no_grasp(contacts: tuple[Contact, ...]) -> None:
    touched = snapshot(red=block(contacts=contacts)), -1.0
    assert told("lift_red_block_table", (snapshot(), 1.0), *[touched] * 5) == []


def test_a_grasp_is_worth_a_fifth_and_what_is_in_the_drawer_need_not_be_held() -> None:
    start = snapshot()
    grasped = start._replace(blocks={**start.blocks, "red": block(contacts=(*FINGERS, TOP))})
    lifting = measured("lift_red_block_table", start, grasped, tool=(0.0, -0.1, 0.46))
    assert lifting.progress == pytest.approx(0.4) and lifting.stage == "lift"
    holding, _ = solving()["place_in_drawer"]
    inside = snapshot(red=block((0.2, -0.22, 0.37), (DRAWER,)))
    left = Progress("place_in_drawer", holding, "D", arm()).update(inside, arm(), done=False)
    assert left.progress == CAP and left.stage == "place"


def test_what_there_is_not_is_refused() -> None:
    with pytest.raises(LookupError, match="no subtask named 'open_draw'; did you mean 'open_drawer'"):
        Progress("open_draw", snapshot(), "D", arm())
    with pytest.raises(LookupError, match=r"no scene named 'E'.* There are: A, B, C, D"):
        Progress("open_drawer", snapshot(), "E", arm())


@pytest.mark.simulator
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize(
    "subtask", ["open_drawer", "move_slider_left", "turn_on_led", "turn_on_lightbulb", "stack_block"]
)
def test_the_expert_reaches_and_then_works(subtask: str, scene: str, place: str) -> None:
    chain = chains.of(Episode("calvin", f"{subtask}_{scene}", "", 0, 7, 360))
    with closing(World(scene, assets_folder(place))) as world:
        world.reset(chain.start)
        expert = Expert(world)
        for one in chain.subtasks:
            shares, stages, nearest = played(world, expert, one)
            assert shares[-1] == 1.0 > max(shares[:-1]) and shares[0] < 0.1
            assert stages[-1] == "done" and nearest < NEAR_M + 0.02, "handles and buttons are where they are said to be"
            assert np.mean(np.diff(shares) > -0.02) > 0.9, "it rises but for detours"


def played(world: World, expert: Expert, subtask: str) -> tuple[list[float], list[str], float]:
    """Progress and stages of each control step, and how near the tool has come to where it has to, m."""
    start = world.snapshot()
    progress = Progress(subtask, start, world.scene, world.robot_obs())
    (course, *_) = courses(subtask, start, TABLES[world.scene])
    shares, stages, nearest = list[float](), list[str](), math.inf
    expert.begin(subtask)
    while "done" not in stages and len(stages) < 360:
        world.step(expert.action())
        now, arm_now = world.snapshot(), world.robot_obs()
        share, stage, _ = progress.update(now, arm_now, solved(subtask, start, now))
        shares.append(share)
        stages.append(stage)
        nearest = min(nearest, math.dist(arm_now[:3], course.point(now)))
    return shares, stages, nearest
