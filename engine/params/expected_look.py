"""Draws the next look, which waits for its beat or is prepared, a few frames early and invisibly.
So it begins with its trail and not with black. Without time for two looks, it keeps the trail that
it has; a prepared one is drawn once."""

from collections.abc import Callable, Mapping
from typing import Any

from engine.system.frame_budget import FrameBudget

# of a look before its beat: then the longest trail of a shipped look has three quarters of its
# light
TRAIL_FRAMES = 30


class ExpectedLook:
    """Decides when the trail of the next look is drawn. Call `follow` each frame on the render
    thread."""

    def __init__(
        self,
        waiting: Callable[[int], str] = lambda frames: "",
        prepared: Callable[[], str] = lambda: "",
        values_of: Callable[[str], Mapping[str, Any] | None] = lambda name: None,
        current: Callable[[], str] = lambda: "",
    ) -> None:
        """`waiting(frames)`: the name of the look that begins within so many frames, "" for none;
        `prepared()`: of one that may begin any time; `values_of(name)`: its values or None;
        `current()`: of the look that began last."""
        self._waiting = waiting
        self._prepared = prepared
        self._values_of = values_of
        self._current = current
        self.values: Mapping[str, Any] = {}
        """The values of the next look; empty if it gets no trail, or no more of it."""
        self.keeps_trail = False
        """It has a trail, and does not begin in this frame."""
        self._name = ""
        self._frames = 0
        self._is_trail_rendered = False
        self._late_before = 0

    def follow(
        self, displayed: Mapping[str, Any], budget: FrameBudget, *, is_fading: bool, begins: bool
    ) -> bool:
        """True if its trail is drawn in this frame. `displayed`: the values of the look on screen;
        `begins`: another look begins in this frame."""
        near = self._waiting(TRAIL_FRAMES)
        name = near or self._prepared()
        if begins and name == self._current():  # also if it stays prepared, as in a flash
            near = ""
            name = ""
        if name != self._name:
            self._expect(name)  # not drawn in this frame: the trail of the last one is dropped
        elif is_fading or not self.values or not (near or self._frames < TRAIL_FRAMES):
            self._is_trail_rendered = False
        else:
            self._is_trail_rendered = self._may_render(displayed, budget)
            self.values = self.values if self._is_trail_rendered else {}
        self._frames += self._is_trail_rendered
        self.keeps_trail = self._frames > 0
        if is_fading:  # another look begins beside it, in targets that it needs
            self._frames = 0
        return self._is_trail_rendered

    def _expect(self, name: str) -> None:
        self._name = name
        self._frames = 0
        self._is_trail_rendered = False
        self.values = (self._values_of(name) or {}) if name else {}

    def _may_render(self, displayed: Mapping[str, Any], budget: FrameBudget) -> bool:
        """True if the look has a trail and there is time to draw it; once it is drawn, until a
        frame is late."""
        if self._is_trail_rendered:
            return not budget.refuse_late(self._late_before, 0)
        self._late_before = budget.late
        amount = self.values.get("/feedback/amount", displayed["/feedback/amount"])
        return amount > 0 and not budget.refuse_two_looks()
