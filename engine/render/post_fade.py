"""The amounts of the effects on screen while looks dissolve into each other. Pure."""

from engine.render.picture import Leaving
from engine.render.post_look import NO_POST, PostLook, between


class PostFade:
    """The effects of the picture on screen, through dissolves of looks. Render thread."""

    def __init__(self) -> None:
        self._shown = self._beneath = NO_POST
        self._number: int | None = None

    def follow(self, own: PostLook, fade: Leaving | None) -> PostLook:
        """The amounts for this picture; `fade`: its dissolve, or None."""
        if fade is None:
            self._shown, self._number = own, None
            return own
        if fade.number != self._number:
            self._beneath, self._number = self._shown, fade.number
        before = self._beneath
        if fade.picture is not None:
            before = between(before, fade.picture.look.post, fade.revealed)
        self._shown = between(before, own, fade.mix)
        return self._shown
