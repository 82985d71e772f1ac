"""Decides which looks a dissolve draws, in which order, and how they are mixed; shared by both
renderers."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Generic, TypeVar

from engine.render.graphic import interpolate_graphics
from engine.render.look import interpolate_post
from engine.render.picture import OutgoingLook, PictureInput

PictureT = TypeVar("PictureT")


class FadeChange(Enum):
    """A change of the looks' roles before a picture is drawn."""

    NONE = auto()
    END = auto()
    """The fade has ended: there is no outgoing look."""
    BEGIN = auto()
    """The look on screen becomes outgoing and keeps moving, over its own backdrop. The new one gets
    a new trail."""
    HOLD = auto()
    """The picture on screen becomes an outgoing still. The new look gets a new trail."""
    FREEZE = auto()
    """During a fade the picture on screen becomes the outgoing still; the new look keeps its
    trail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FadeBackend(Generic[PictureT]):
    """The drawing functions of one renderer; `PictureT` is its kind of picture, 16 bits per
    channel."""

    draw_look: Callable[..., PictureT]
    """`draw_look(picture, is_outgoing=..., is_last=...)`: the look alone on its trail. `is_last`:
    nothing follows."""
    draw_effects: Callable[..., PictureT]
    """`draw_effects(picture, look, post, is_outgoing=...)`: with the shader slots, texts, bloom and
    so on."""
    mix: Callable[[PictureT, PictureT, float], PictureT]
    """`mix(below, above, mix)`: (1 - mix) x below + mix x above, alpha too."""
    compose: Callable[[PictureT, PictureT, float, PictureInput], PictureT]
    """`compose(outgoing, incoming, mix, picture)`: by the transition or the blend of this picture's
    dissolve."""
    barrier: Callable[[], object]
    """Called before a pass reads or overwrites what the last pass drew."""


class FadeState(Generic[PictureT]):
    """State of a dissolve: decides what the incoming look is mixed with. Each renderer stores the
    trails.

    Two looks with the same shaders morph: there is no finished picture of the outgoing one alone.
    If such a fade is interrupted or freezes, the picture on screen is frozen; so it is if a
    composed one (by a transition or blend) is interrupted, for its looks have no weights. What was
    frozen during a fade is mixed for the rest of it: a transition that began again over its own
    picture would be a jump. Render thread."""

    def __init__(self) -> None:
        self.displayed: PictureT | None = None
        """The last finished picture on screen, or None before the first. Set by the renderer."""
        self.outgoing: PictureT | None = None
        """Finished picture that the incoming look is mixed with, or None."""
        self.underlay: PictureT | None = None
        """Still picture beneath the outgoing look, or None."""
        self._number: int | None = None
        self._is_still = False  # the outgoing picture is a still, although its look may be drawn
        self._freeze_mix = 0.0
        self._is_composed = False  # the last picture

    def follow(self, fade: OutgoingLook | None) -> FadeChange:
        """Assign the roles before a picture is drawn. Returns the change for this picture, for the
        trails."""
        change = self._change(fade)
        if change is FadeChange.END:
            self.outgoing = None
            self.underlay = None
        elif change is FadeChange.BEGIN:
            self.outgoing, self.underlay = None, self.outgoing
        elif change in (FadeChange.HOLD, FadeChange.FREEZE):
            self.outgoing = self.displayed
            self.underlay = None
        return change

    def draw(self, picture: PictureInput, backend: FadeBackend[PictureT]) -> PictureT:
        """Draw the finished look; during a dissolve, both finished looks and their mix. Call
        `follow` first."""
        fade = picture.outgoing
        outgoing = None if fade is None or self._is_still else fade.picture
        self._is_composed = fade is not None and picture.is_composed and self._freeze_mix == 0.0
        if (
            fade is not None
            and outgoing is not None
            and any(each.is_shared for each in picture.shaders)
        ):
            return self._draw_morph(picture, outgoing, fade, backend)
        if fade is not None and outgoing is not None:
            old = self._draw_finished(outgoing, backend, is_outgoing=True)
            backend.barrier()
            self.outgoing = (
                old if self.underlay is None else backend.mix(self.underlay, old, fade.revealed)
            )
        new = self._draw_finished(picture, backend, is_outgoing=False)
        if fade is None or self.outgoing is None:
            return new
        backend.barrier()
        # The mix starts at 0 where the outgoing picture was frozen.
        mix = (
            (fade.mix - self._freeze_mix) / (1.0 - self._freeze_mix)
            if self._freeze_mix < 1.0
            else 1.0
        )
        mix = max(mix, 0.0)  # a hand may move back beyond it
        if self._is_composed:
            return backend.compose(self.outgoing, new, mix, picture)
        return backend.mix(self.outgoing, new, mix)

    def _draw_finished(
        self, picture: PictureInput, backend: FadeBackend[PictureT], *, is_outgoing: bool
    ) -> PictureT:
        """Draw one look with its shaders and effects."""
        is_alone = self.outgoing is None and not is_outgoing
        is_plain = picture.look.post.is_off and not picture.graphics
        is_last = is_alone and is_plain and not any(slot.mix > 0 for slot in picture.shaders)
        look_picture = backend.draw_look(picture, is_outgoing=is_outgoing, is_last=is_last)
        return backend.draw_effects(
            picture, look_picture, picture.look.post, is_outgoing=is_outgoing
        )

    def _draw_morph(
        self,
        picture: PictureInput,
        outgoing: PictureInput,
        fade: OutgoingLook,
        backend: FadeBackend[PictureT],
    ) -> PictureT:
        """Draw two looks with the same shaders: mix their pictures first, and interpolate inputs
        and amounts."""
        self.outgoing = None
        visible = (
            1.0 if self.underlay is None else 1 - (1 - fade.revealed) * (1 - fade.mix)
        )  # above what is beneath
        mix = min(1.0, fade.mix / visible) if visible else 0.0
        old = backend.draw_look(outgoing, is_outgoing=True, is_last=False)
        backend.barrier()
        new = backend.draw_look(picture, is_outgoing=False, is_last=False)
        backend.barrier()
        post = interpolate_post(outgoing.look.post, picture.look.post, mix)
        both = replace(
            picture, graphics=interpolate_graphics(outgoing.graphics, picture.graphics, mix)
        )
        morphed = backend.draw_effects(both, backend.mix(old, new, mix), post, is_outgoing=False)
        if self.underlay is None:
            return morphed
        backend.barrier()
        return backend.mix(self.underlay, morphed, visible)

    def _change(self, fade: OutgoingLook | None) -> FadeChange:
        if fade is None:
            had_fade = self._number is not None
            self._number = None
            self._is_still = False
            self._freeze_mix = 0.0
            return FadeChange.END if had_fade else FadeChange.NONE
        has_side = self.outgoing is not None
        is_new = fade.number != self._number
        has_none = self._number is not None and (
            not has_side or self._freeze_mix > 0 or self._is_composed
        )
        self._number = fade.number
        if not is_new and (self._is_still or has_side or fade.picture is not None):
            return FadeChange.NONE
        self._is_still = fade.picture is None or has_none
        self._freeze_mix = fade.freeze_mix if is_new else fade.mix
        if not is_new:
            return FadeChange.FREEZE
        return FadeChange.HOLD if self._is_still else FadeChange.BEGIN
