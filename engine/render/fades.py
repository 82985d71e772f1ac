"""Decides which looks a dissolve draws, in which order, and how they are mixed; shared by both
renderers."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from engine.render.graphic import interpolate_graphics
from engine.render.isf.isf_file import ShaderSlot
from engine.render.look import interpolate_post
from engine.render.picture import DeckPicture, OutgoingLook, PictureInput

PictureT = TypeVar("PictureT")


@dataclass(frozen=True, slots=True, kw_only=True)
class FadeBackend(Generic[PictureT]):
    """The drawing functions of one renderer; `PictureT` is its kind of picture, 16 bits per
    channel."""

    draw_look: Callable[..., PictureT]
    """`draw_look(deck_picture, is_outgoing=..., is_last=...)`: the look alone on its trail.
    `is_last`: nothing follows."""
    draw_effects: Callable[..., PictureT]
    """`draw_effects(deck_picture, look, post, is_outgoing=...)`: with the shader slots, texts,
    bloom and so on."""
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

    def follow(self, fade: OutgoingLook | None) -> None:
        """Assign the roles before a picture is drawn."""
        if fade is None:
            self._end()
        elif fade.number != self._number:
            self._begin(fade)
        elif not self._is_still and self.outgoing is None and fade.picture is None:
            self._freeze(fade.mix)

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
            return self._draw_morph(picture.on_air, outgoing, fade, backend)
        if fade is not None and outgoing is not None:
            old = self._draw_finished(outgoing, (), backend, is_outgoing=True)
            backend.barrier()
            self.outgoing = (
                old if self.underlay is None else backend.mix(self.underlay, old, fade.revealed)
            )
        new = self._draw_finished(picture.on_air, picture.shaders, backend, is_outgoing=False)
        if fade is None or self.outgoing is None:
            return new
        backend.barrier()
        mix = self._mix_since_freeze(fade.mix)
        if self._is_composed:
            return backend.compose(self.outgoing, new, mix, picture)
        return backend.mix(self.outgoing, new, mix)

    def _draw_finished(
        self,
        picture: DeckPicture,
        shaders: Iterable[ShaderSlot],
        backend: FadeBackend[PictureT],
        *,
        is_outgoing: bool,
    ) -> PictureT:
        """Draw one look with its shaders and effects."""
        is_alone = self.outgoing is None and not is_outgoing
        is_plain = picture.look.post.is_off and not picture.graphics
        is_last = is_alone and is_plain and not any(slot.mix > 0 for slot in shaders)
        look_picture = backend.draw_look(picture, is_outgoing=is_outgoing, is_last=is_last)
        return backend.draw_effects(
            picture, look_picture, picture.look.post, is_outgoing=is_outgoing
        )

    def _draw_morph(
        self,
        on_air: DeckPicture,
        outgoing: DeckPicture,
        fade: OutgoingLook,
        backend: FadeBackend[PictureT],
    ) -> PictureT:
        """Draw two looks with the same shaders: mix their pictures first, and interpolate inputs
        and amounts."""
        self.outgoing = None
        visible = 1.0  # opacity of both above what is beneath
        if self.underlay is not None:
            visible = 1 - (1 - fade.revealed) * (1 - fade.mix)
        mix = min(1.0, fade.mix / visible) if visible else 0.0
        old = backend.draw_look(outgoing, is_outgoing=True, is_last=False)
        backend.barrier()
        new = backend.draw_look(on_air, is_outgoing=False, is_last=False)
        backend.barrier()
        post = interpolate_post(outgoing.look.post, on_air.look.post, mix)
        graphics = interpolate_graphics(outgoing.graphics, on_air.graphics, mix)
        both = replace(on_air, graphics=graphics)
        morphed = backend.draw_effects(both, backend.mix(old, new, mix), post, is_outgoing=False)
        if self.underlay is None:
            return morphed
        backend.barrier()
        return backend.mix(self.underlay, morphed, visible)

    def _mix_since_freeze(self, mix: float) -> float:
        """The mix as a fraction of what is left of the fade since its old picture was frozen."""
        if self._freeze_mix >= 1.0:
            return 1.0
        passed = (mix - self._freeze_mix) / (1.0 - self._freeze_mix)
        return max(passed, 0.0)  # a hand may move back beyond it

    def _begin(self, fade: OutgoingLook) -> None:
        """The look on screen becomes outgoing: it keeps moving over what was outgoing before, or
        its last picture is a still."""
        is_interrupting = self._number is not None
        has_no_picture_alone = self.outgoing is None or self._freeze_mix > 0 or self._is_composed
        self._number = fade.number
        if fade.picture is None or (is_interrupting and has_no_picture_alone):
            self._freeze(fade.freeze_mix)
            return
        self._is_still = False
        self._freeze_mix = fade.freeze_mix
        self.underlay = self.outgoing
        self.outgoing = None

    def _freeze(self, mix: float) -> None:
        """The picture on screen becomes the outgoing still, at this mix of the fade."""
        self._is_still = True
        self._freeze_mix = mix
        self.outgoing = self.displayed
        self.underlay = None

    def _end(self) -> None:
        """One look is on screen."""
        self._number = None
        self._is_still = False
        self._freeze_mix = 0.0
        self.outgoing = None
        self.underlay = None
