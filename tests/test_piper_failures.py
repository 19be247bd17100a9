"""Failure modes of the PiPER suite: each rule on a few hand-made steps, then on injected faults."""

from __future__ import annotations

import pytest

from envs.piper.failures import MODES, FailureModes
from envs.piper.holding import LOST_STEPS, Watch
from envs.piper.tasks import COUNTER_M, TASKS
from envs.piper.tracking import Snapshot
from tests.piper_faults import (
    DEVELOPMENT,
    NOT_PRODUCED,
    SUCCEEDED,
    VALIDATION,
    Outcome,
    accuracy,
    main,
    outcomes,
    table,
)
from tests.piper_snapshots import PLACES, at_rest, held, moved, touched

BASIN = (0.42, 0.16)
TOY = PLACES["red_mug"]
START = at_rest("red-cup-sink")


def label(seen: list[Snapshot], task: str = "red-cup-sink") -> str:
    """The mode of an episode with these steps after its start."""
    name = end(task, at_rest(task), seen)
    assert name in MODES
    return name


def end(task: str, start: Snapshot, seen: list[Snapshot]) -> str:
    """The mode of an episode with this start and these steps."""
    watch = Watch(TASKS[task], start)
    modes = FailureModes(TASKS[task], start, watch)
    for one in seen:
        modes.update(one, watch.update(one))
    return modes.label()


def in_hand(up: float, at: tuple[float, float] = TOY, commanded: float = 0.0) -> Snapshot:
    """The red mug in the gripper, that far above the counter."""
    return held(START, "red_mug", (*at, COUNTER_M + up), commanded)


def loose(up: float, at: tuple[float, float] = TOY, speed: float = 0.0) -> Snapshot:
    """The red mug by itself, that far above the counter."""
    return moved(START, "red_mug", (*at, COUNTER_M + up), speed)


TAKEN = [in_hand(0), in_hand(0), in_hand(0.1)]
IN_GOAL = in_hand(-0.07, BASIN)
OPENING_IN_GOAL = in_hand(-0.07, BASIN, commanded=1.0)


def test_an_arm_that_stays_away_has_never_reached() -> None:
    assert label([START] * 5) == "never_reached"


def test_an_arm_that_was_at_the_toy_and_never_lifted_it_has_missed_the_grasp() -> None:
    near = START._replace(tcp=(*TOY, COUNTER_M + 0.05), opening=0.0, commanded=0.0)
    assert label([near, START]) == "missed_grasp"
    assert label([touched(START, "red_mug"), START]) == "missed_grasp"
    assert label([in_hand(0), in_hand(0), in_hand(0.01), *[loose(0)] * 3]) == "missed_grasp"


def test_a_toy_still_in_the_gripper_is_told_by_where_it_is_and_what_is_commanded() -> None:
    assert label([*TAKEN, in_hand(0.1)]) == "timeout_holding"
    assert label([*TAKEN, IN_GOAL, IN_GOAL]) == "not_released"
    assert label([*TAKEN, IN_GOAL, *[OPENING_IN_GOAL] * 5]) == "gripper_open_timeout"
    assert label([*TAKEN, *[in_hand(0.1, commanded=1.0)] * 5]) == "gripper_open_timeout"


def test_an_opening_that_was_taken_back_is_no_timeout_of_it() -> None:
    assert label([*TAKEN, *[OPENING_IN_GOAL] * 5, IN_GOAL]) == "not_released"


def test_a_toy_in_the_goal_that_is_let_go_too_late_is_not_settled() -> None:
    assert label([*TAKEN, IN_GOAL, *[loose(-0.07, BASIN, speed=0.2)] * 4]) == "not_settled"


def test_a_toy_in_the_goal_that_was_never_lifted_is_a_missed_grasp_held_or_not() -> None:
    knocked, pinched = loose(-0.07, BASIN), in_hand(-0.07, BASIN)
    assert label([knocked] * 12) == "missed_grasp"
    assert label([knocked, *[pinched] * 3]) == "missed_grasp"
    assert label([*TAKEN, *[knocked] * 3]) == "not_settled"


def test_a_toy_in_a_pot_that_is_not_let_go_is_not_settled() -> None:
    start, (x, y) = at_rest("whale-pot"), PLACES["pot"]
    taken = [held(start, "blue_whale", (*PLACES["blue_whale"], COUNTER_M + up)) for up in (0.0, 0.0, 0.1)]
    inside = moved(start, "blue_whale", (x, y, COUNTER_M + 0.005))
    assert label([*taken, *[touched(inside, "pot")] * 30], "whale-pot") == "not_settled"


def test_a_fall_far_from_the_goal_is_a_drop_and_one_near_it_an_imprecise_placement() -> None:
    fall = [loose(0.05, speed=1.0), *[loose(0)] * LOST_STEPS]
    assert label([*TAKEN, in_hand(0.1, commanded=1.0), *fall]) == "dropped"
    beside = (0.42, 0.03)
    short_fall = [loose(0.05, beside, speed=1.0), *[loose(0, beside)] * LOST_STEPS]
    assert label([*TAKEN, in_hand(0.1, beside, commanded=1.0), *short_fall]) == "imprecise_placement"


def test_a_slip_without_a_command_is_a_drop_even_near_the_goal() -> None:
    beside = (0.42, 0.03)
    slip = [one._replace(commanded=0.0, opening=0.0) for one in [loose(0.05, beside, 1.0), *[loose(0, beside)] * 8]]
    assert label([*TAKEN, in_hand(0.1, beside), *slip]) == "dropped"


def test_a_toy_that_is_set_down_outside_the_goal_is_placed_imprecisely() -> None:
    assert (
        label([*TAKEN, in_hand(0.01, (0.42, 0.0), commanded=1.0), *[loose(0, (0.42, 0.0))] * 3])
        == "imprecise_placement"
    )


def test_a_drop_that_was_picked_up_again_is_forgotten() -> None:
    assert label([*TAKEN, loose(0.05, speed=1.0), *[loose(0)] * LOST_STEPS, *TAKEN]) == "timeout_holding"


def test_another_toy_that_was_lifted_is_the_wrong_object_unless_the_target_was_too() -> None:
    wrong = [held(START, "green_mug", (*PLACES["green_mug"], COUNTER_M + up)) for up in (0.0, 0.0, 0.05)]
    assert label(wrong) == "wrong_object"
    assert label([*wrong, *TAKEN]) == "timeout_holding"


def test_something_that_was_pushed_away_is_an_obstruction() -> None:
    x, y = PLACES["green_mug"]
    pushed = touched(moved(START, "green_mug", (x + 0.03, y, COUNTER_M)), "green_mug")
    nudged = touched(moved(START, "green_mug", (x + 0.01, y, COUNTER_M)), "green_mug")
    assert label([pushed] * 5) == "obstruction"
    assert label([pushed] * 4) == "never_reached"
    assert label([nudged] * 9) == "never_reached"


def test_something_that_the_held_toy_pushes_away_is_an_obstruction() -> None:
    x, y = PLACES["green_mug"]
    pushed = moved(in_hand(0.1), "green_mug", (x + 0.03, y, COUNTER_M))
    pushed = pushed._replace(between=frozenset({("green_mug", "red_mug")}))
    assert label([*TAKEN, *[pushed] * 5]) == "obstruction"


def test_something_that_holds_the_arm_up_is_an_obstruction() -> None:
    assert label([touched(START, "green_mug")._replace(lag=0.1)] * 10) == "obstruction"
    assert label([START._replace(lag=0.1)] * 10) == "never_reached"


def test_the_goal_is_no_obstacle() -> None:
    start = at_rest("whale-pot")
    x, y = PLACES["pot"]
    assert label([touched(moved(start, "pot", (x + 0.03, y, COUNTER_M)), "pot")] * 9, "whale-pot") == "never_reached"


def test_pressing_on_the_counter_is_a_static_collision_unless_the_target_was_lost() -> None:
    press = START._replace(furniture_n=20.0)
    assert label([press] * 5) == "static_collision"
    assert label([press] * 4) == "never_reached"
    assert label([*[press] * 5, *TAKEN, *[loose(0)] * 3]) == "dropped"


@pytest.mark.parametrize(
    ("doors", "mode"),
    [
        ((1.0, 0.0), "never_reached"),
        ((0.05, 0.0), "not_settled"),
        ((1.0, 0.3), "wrong_object"),
        ((0.5, 0.3), "not_closed"),
    ],
)
def test_a_door_is_told_by_its_angle_and_the_other_one(doors: tuple[float, float], mode: str) -> None:
    seen = at_rest("close-left-door", doors)
    seen = touched(seen, "left_door") if doors[0] == 0.5 else seen
    assert end("close-left-door", at_rest("close-left-door", (1.0, 0.0)), [seen]) == mode


def test_an_opening_that_has_begun_is_no_timeout_of_it() -> None:
    opened = touched(OPENING_IN_GOAL._replace(pads=START.pads, opening=0.7), "red_mug")
    assert label([*TAKEN, IN_GOAL, *[OPENING_IN_GOAL] * 5, opened]) == "not_settled"


def test_a_gripper_that_lets_nothing_out_is_an_opening_timeout() -> None:
    stuck = touched(OPENING_IN_GOAL._replace(pads=START.pads), "red_mug", 0.2)
    assert label([*TAKEN, IN_GOAL, *[stuck] * 12]) == "gripper_open_timeout"


def test_something_that_is_pressed_on_is_an_obstruction_unless_it_is_held() -> None:
    assert label([touched(START, "green_mug", 20.0)] * 8) == "obstruction"
    gripped = held(START, "green_mug", (*PLACES["green_mug"], COUNTER_M))
    assert label([gripped] * 8) == "never_reached"


def test_every_mode_is_injected_for_tuning_and_in_other_ways_and_tasks_for_validation() -> None:
    assert {fault.mode for fault in DEVELOPMENT} == {fault.mode for fault in VALIDATION} == set(MODES)
    assert not {fault.way for fault in DEVELOPMENT} & {fault.way for fault in VALIDATION}
    tuned = {(fault.mode, task) for fault in DEVELOPMENT for task in fault.tasks}
    assert not tuned & {(fault.mode, task) for fault in VALIDATION for task in fault.tasks}


def test_the_table_leaves_out_what_succeeded_and_what_was_not_produced() -> None:
    dropped, missed = DEVELOPMENT[0]._replace(mode="dropped"), DEVELOPMENT[0]._replace(mode="missed_grasp")
    labels = [(dropped, "dropped"), (dropped, SUCCEEDED), (missed, NOT_PRODUCED), (missed, "dropped")]
    told = [Outcome(fault, "red-cup-sink", 0, name) for fault, name in labels]
    assert accuracy(told) == (1, 2)
    assert table(told).splitlines() == [
        "| injected | dropped | right | succeeded | not produced |",
        "|---|---:|---:|---:|---:|",
        "| dropped | 1 | 1/1 | 1 | 0 |",
        "| missed_grasp | 1 | 0/1 | 0 | 1 |",
    ]


@pytest.mark.simulator
def test_most_faults_are_told_by_their_name() -> None:
    right, failed = accuracy(outcomes("development", most=1))
    assert failed >= 10 and right >= 0.7 * failed  # one start of each; 0.88 over all of them


@pytest.mark.simulator
@pytest.mark.slow
def test_faults_that_the_rules_were_not_tuned_on_are_told_by_their_name(capsys: pytest.CaptureFixture[str]) -> None:
    told = outcomes("validation")
    right, failed = accuracy(told)
    assert failed >= 150 and right >= 0.85 * failed  # 150 of 166 when these starts were first looked at
    # The least is 15 of 21, obstruction. A static collision is told as one too, where the arm dives onto a toy.
    for mode in MODES:
        right, failed = accuracy([outcome for outcome in told if outcome.fault.mode == mode])
        assert right >= 0.5 * failed > 0, mode
    main(["--development"])
    assert "| gripper_open_timeout |" in capsys.readouterr().out
