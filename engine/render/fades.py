"""The dissolve of two looks, the same for both renderers: which are drawn, in which order, and how they are mixed."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Generic, TypeVar

from engine.render.graphic import graphics_between
from engine.render.look import between
from engine.render.picture import Leaving, PictureInput

Drawn = TypeVar("Drawn")


class FadeChange(Enum):
    """Change of roles that is due before a picture is drawn."""

    NONE = auto()
    END = auto()
    """No look is leaving any more."""
    BEGIN = auto()
    """The look on screen leaves, but moves; what it was mixed with stays beneath it. The new one has a new trail."""
    HOLD = auto()
    """The picture on screen leaves as a still. The new look has a new trail."""
    FREEZE = auto()
    """The picture on screen becomes the still in mid-fade; the new look keeps its trail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LookSteps(Generic[Drawn]):
    """The steps by which a renderer draws looks; `Drawn` is a picture of its kind, 16 bits per channel."""

    look: Callable[..., Drawn]
    """`look(picture, is_leaving=..., is_last=...)`: the look alone, onto its own trail. `is_last`: nothing follows."""
    effects: Callable[..., Drawn]
    """`effects(picture, drawn, post, is_leaving=...)`: with the shader slots, texts, bloom and so on."""
    mixed: Callable[[Drawn, Drawn, float], Drawn]
    """`mixed(below, above, share)`: (1 - share) x below + share x above, alpha too."""
    settle: Callable[[], object]
    """Called where the next step reads or reuses what the last one drew."""


class FadeState(Generic[Drawn]):
    """The running dissolve: decides what the incoming look is mixed with. Each renderer holds the trails.

    Two looks with the same shaders morph: there is no finished picture of the outgoing one alone. If such a fade is
    interrupted or freezes, the picture on screen is held as it is. Render thread.
    """

    def __init__(self) -> None:
        self.shown: Drawn | None = None
        """The last finished picture on screen, or None before the first. Set by the renderer."""
        self.side: Drawn | None = None
        """Finished picture that the incoming look is mixed with, or None."""
        self.beneath: Drawn | None = None
        """Still picture beneath the outgoing look, or None."""
        self._number: int | None = None
        self._is_still = False  # the outgoing picture is a still, although its look may be drawn
        self._held_from = 0.0

    def follow(self, fade: Leaving | None) -> FadeChange:
        """Assign the roles before a picture is drawn. Returns the change for this picture, for the trails."""
        change = self._change(fade)
        if change is FadeChange.END:
            self.side = self.beneath = None
        elif change is FadeChange.BEGIN:
            self.side, self.beneath = None, self.side
        elif change in (FadeChange.HOLD, FadeChange.FREEZE):
            self.side, self.beneath = self.shown, None
        return change

    def draw(self, picture: PictureInput, steps: LookSteps[Drawn]) -> Drawn:
        """The finished look; during a dissolve, both finished looks and their mix. Call `follow` first."""
        fade = picture.leaving
        leaving = None if fade is None or self._is_still else fade.picture
        if fade is not None and leaving is not None and any(each.is_shared for each in picture.shaders):
            return self._draw_morph(picture, leaving, fade, steps)
        if fade is not None and leaving is not None:
            old = self._draw_finished(leaving, steps, is_leaving=True)
            steps.settle()
            self.side = old if self.beneath is None else steps.mixed(self.beneath, old, fade.revealed)
        new = self._draw_finished(picture, steps)
        if fade is None or self.side is None:
            return new
        steps.settle()
        # It begins with a share of 0 where the outgoing picture was held.
        share = (fade.mix - self._held_from) / (1.0 - self._held_from) if self._held_from < 1.0 else 1.0
        share = max(share, 0.0)  # a hand may move back beyond it
        return steps.mixed(self.side, new, share)

    def _draw_finished(self, picture: PictureInput, steps: LookSteps[Drawn], *, is_leaving: bool = False) -> Drawn:
        """One look with its shaders and effects."""
        is_alone = self.side is None and not is_leaving
        is_plain = picture.look.post.is_off and not picture.graphics
        is_last = is_alone and is_plain and not any(slot.mix > 0 for slot in picture.shaders)
        drawn = steps.look(picture, is_leaving=is_leaving, is_last=is_last)
        return steps.effects(picture, drawn, picture.look.post, is_leaving=is_leaving)

    def _draw_morph(
        self, picture: PictureInput, leaving: PictureInput, fade: Leaving, steps: LookSteps[Drawn]
    ) -> Drawn:
        """Two looks with the same shaders: their pictures are mixed before them, and inputs and amounts move."""
        self.side = None
        seen = 1.0 if self.beneath is None else 1 - (1 - fade.revealed) * (1 - fade.mix)  # above what is beneath
        share = min(1.0, fade.mix / seen) if seen else 0.0
        old = steps.look(leaving, is_leaving=True, is_last=False)
        steps.settle()
        new = steps.look(picture, is_leaving=False, is_last=False)
        steps.settle()
        post = between(leaving.look.post, picture.look.post, share)
        both = replace(picture, graphics=graphics_between(leaving.graphics, picture.graphics, share))
        drawn = steps.effects(both, steps.mixed(old, new, share), post, is_leaving=False)
        if self.beneath is None:
            return drawn
        steps.settle()
        return steps.mixed(self.beneath, drawn, seen)

    def _change(self, fade: Leaving | None) -> FadeChange:
        if fade is None:
            had_fade, self._number = self._number is not None, None
            self._is_still, self._held_from = False, 0.0
            return FadeChange.END if had_fade else FadeChange.NONE
        has_side = self.side is not None
        is_new = fade.number != self._number
        has_none = self._number is not None and (not has_side or self._held_from > 0)
        self._number = fade.number
        if not is_new and (self._is_still or has_side or fade.picture is not None):
            return FadeChange.NONE
        self._is_still = fade.picture is None or has_none
        self._held_from = fade.held_from if is_new else fade.mix
        if not is_new:
            return FadeChange.FREEZE
        return FadeChange.HOLD if self._is_still else FadeChange.BEGIN
