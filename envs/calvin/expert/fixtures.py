"""The sliding door, the drawer, the button and the switch, each moved with closed fingers."""

from __future__ import annotations

import numpy as np

from envs.calvin.expert.hand import ACROSS, Hand, Pose, Skill
from envs.calvin.expert.ways import approach, leave
from envs.calvin.geometry import (
    BUTTON_TOP_M,
    BUTTON_Y_M,
    DOOR_M,
    FACE_OUT,
    FACE_UP,
    FINGER_HALF_M,
    FINGER_TIP_M,
    Table,
)
from envs.calvin.robot import CLOSE

CLOSED_HALF_M = 0.025  # of both closed fingers together, along the line on which they close
DOOR_BAR_M, DOOR_BAR_AT_M, DOOR_LEAN = 0.021, (0.010, 0.56), -0.5  # half width; y and z where fingers meet it
DRAWER_M = 0.22  # how far the drawer goes
HOOK_AT_M, PUSH_AT_M = (
    (-0.210, 0.380),
    (-0.261, 0.365),
)  # y and z of the tool behind and before the drawer's bar, closed
SWITCH_AT_M = (0.061, 0.495)  # y and z of the switch where its joint is 0
SWITCH_M = 0.088  # how far it goes
SWITCH_BAR_M = (-0.024, 0.008)  # the switch's bar: from here to there down the face, m
GAP_M, BEYOND_M = 0.015, 0.02
RAISING_LEAN, LOWERING_LEAN = -0.9, -0.5


class Fixtures:
    """What is built into the table.

    Args:
        hand: that moves them; empty.
        table: the scene's.
    """

    def __init__(self, hand: Hand, table: Table) -> None:
        self.hand, self.table = hand, table

    def slide(self, to_left: bool) -> Skill:
        """Push the sliding door to an end by its bar."""
        yield from leave(self.hand)  # meanwhile it comes to rest
        sign = 1.0 if to_left else -1.0  # the side of the bar on which the fingers are
        clear = DOOR_BAR_M + CLOSED_HALF_M
        y, z = DOOR_BAR_AT_M

        def beside(slider: float, off: float) -> Pose:
            x = self.table.door + DOOR_M / 2 - slider + sign * off
            return Pose(np.array([x, y, z]), DOOR_LEAN, ACROSS)

        end = self.table.slide + BEYOND_M if to_left else -BEYOND_M
        yield from self._stroke(beside(self.hand.scene.slider, clear + GAP_M), beside(end, clear))

    def pull_drawer(self) -> Skill:
        """Hook the drawer's bar from above and pull."""
        yield from leave(self.hand)  # meanwhile it comes to rest
        y, z = HOOK_AT_M
        start, end = (
            Pose(np.array([self.table.drawer, y - out, z]), 0.0, ACROSS) for out in (self._out(), DRAWER_M + 0.03)
        )
        yield from self._stroke(start, end)

    def push_drawer(self) -> Skill:
        """Push the drawer's bar from before."""
        yield from leave(self.hand)  # meanwhile it comes to rest
        y, z = PUSH_AT_M
        before = y - FINGER_HALF_M
        start = Pose(np.array([self.table.drawer, before - GAP_M - self._out(), z]), 0.0, ACROSS)
        yield from self._stroke(start, start._replace(position=np.array([self.table.drawer, before + BEYOND_M, z])))

    def _out(self) -> float:
        return self.hand.scene.drawer

    def press_button(self) -> Skill:
        """Press the button down and let it come up."""
        yield from leave(self.hand)
        top = BUTTON_TOP_M + FINGER_TIP_M
        start = Pose(np.array([self.table.button, BUTTON_Y_M, top + GAP_M]), 0.0, ACROSS)
        yield from self._stroke(start, start.moved(np.array([0.0, 0.0, -GAP_M - 0.017])))
        yield from self.hand.go(start, near_m=0.01)

    def flip(self, up: bool) -> Skill:
        """Push the switch up from below, or down from above."""
        yield from leave(self.hand)  # meanwhile it comes to rest
        low, high = -SWITCH_BAR_M[1] - FINGER_HALF_M, -SWITCH_BAR_M[0] + FINGER_HALF_M
        now = self.hand.scene.switch
        if up:
            yield from self._stroke(*self._at_switch(RAISING_LEAN, (now + low - GAP_M, SWITCH_M + low + BEYOND_M)))
        else:
            yield from self._stroke(*self._at_switch(LOWERING_LEAN, (now + high + GAP_M, high - BEYOND_M)))

    def _at_switch(self, pitch: float, ups: tuple[float, float]) -> list[Pose]:
        """Hands at the switch, so far up the face."""
        base = np.array([self.table.switch, *SWITCH_AT_M])
        out = 0.05
        return [Pose(base + up * FACE_UP + out * FACE_OUT, pitch, ACROSS) for up in ups]

    def _stroke(self, start: Pose, end: Pose) -> Skill:
        """Go to the start of a stroke with closed fingers, and make it."""
        self.hand.gripper = CLOSE
        yield from approach(self.hand, start)
        yield from self.hand.go(start, near_m=0.006)
        yield from self.hand.go(end)
