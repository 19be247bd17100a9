"""What the button and the switch do to the two lights.

The button toggles the LED at each press. The switch lights the bulb where it crosses its middle upwards and puts it out
where it crosses it downwards; until then the bulb stays as the start asked for it. Both are looked at once per control
step. Source: calvin_env@797142c.

`button="main"` is that version: the button knows at the start whether the LED shines, so one press puts it out.
`button="pinned"` is calvin_env@1431a46, to which mees/calvin has pointed since May 2023: the button takes the LED to be
dark, and the first press on a shining LED leaves it shining.
"""

from __future__ import annotations

BUTTONS = ("main", "pinned")


class Lights:
    """The LED and the bulb.

    Args:
        button: which version's button, see above.

    Raises:
        ValueError: another version.
    """

    def __init__(self, button: str = "main") -> None:
        if button not in BUTTONS:
            raise ValueError(f"button must be one of {', '.join(BUTTONS)}, not {button!r}")
        self._informed = button == "main"
        self.reset(led=False, lightbulb=False)

    def reset(self, led: bool, lightbulb: bool) -> None:
        """Set both; button and switch count as not pressed before."""
        self.led = led
        self.lightbulb = lightbulb
        self._toggled = led and self._informed
        self._button_was_down = False
        self._switch_was_up = False

    def update(self, button_down: bool, switch_up: bool) -> None:
        """One control step later: is each of the two beyond its middle?"""
        if button_down and not self._button_was_down:
            self._toggled = not self._toggled
            self.led = self._toggled
        if switch_up != self._switch_was_up:
            self.lightbulb = switch_up
        self._button_was_down = button_down
        self._switch_was_up = switch_up
