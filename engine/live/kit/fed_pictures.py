"""Finds the picture that a result belongs to, among those that the child may have taken. Pure.

A child takes the newest picture at a moment that the engine does not see, and asks for the next one before its work is
done. If the work takes longer than expected, dozens of pictures are handed over and the child takes one of them;
keeping all of them would need too much memory. So only those are kept that the child may have taken: the first after an
answer or after it began to ask, because the child may have waited for it; the newest at an answer, when it looks for
the next; and the newest when it stops asking, which it does because it has one. In the last two cases the one before it
is kept as well, because the engine notices one frame later.
"""

from collections import deque

from engine.values import VideoFrame

MAX_MARKED = 6  # two at an answer, two when it stops asking, the first after each; there may be no answer
NEWEST = 2


class FedPictures:
    """One thread. Keeps 8 pictures at most."""

    def __init__(self) -> None:
        self._pictures: dict[int, VideoFrame] = {}  # ordered by number
        self._marked: deque[int] = deque(maxlen=MAX_MARKED)
        """Numbers of the pictures that the child may have taken."""
        self._is_first = True
        self._was_asked = False

    @property
    def newest(self) -> VideoFrame | None:
        return next(reversed(self._pictures.values()), None)

    def add(self, number: int, picture: VideoFrame) -> None:
        """Remember a picture handed over with this number, which is higher than all before."""
        self._pictures[number] = picture
        if self._is_first:
            self._marked.append(number)
            self._is_first = False
        kept = {*self._marked, *self._newest_numbers}
        self._pictures = {each: picture for each, picture in self._pictures.items() if each in kept}

    def follow_wish(self, is_asking: bool) -> None:
        """Note if the child asks for a picture now. Call it every frame."""
        if is_asking and not self._was_asked:
            self._is_first = True
        elif self._was_asked and not is_asking:
            self._mark_newest()
        self._was_asked = is_asking

    def answered(self, number: int) -> VideoFrame | None:
        """The picture of this number, or None if it was dropped. Numbers must rise from answer to answer."""
        self._pictures = {each: picture for each, picture in self._pictures.items() if each >= number}
        self._mark_newest()
        self._is_first = True
        return self._pictures.get(number)

    @property
    def _newest_numbers(self) -> list[int]:
        return list(self._pictures)[-NEWEST:]

    def _mark_newest(self) -> None:
        self._marked.extend(each for each in self._newest_numbers if each not in self._marked)
