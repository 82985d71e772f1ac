"""Which picture an answer belongs to: those that a child was handed and may have taken, until it answers. Pure.

A child takes the newest picture at a moment that the engine does not see, and asks for the next one before it has done
with that. If its work then takes longer than it thought, dozens are handed to it, of which it takes one; all of them
are too many to keep. Taken may be: the first after an answer, or after it began to ask, for the child may have waited
for it; the newest at an answer, when it looks for the next; and the newest when it ceases to ask, which it does because
it has one. In the last two cases the one before it too: the engine hears of it a frame later.
"""

from collections import deque

from engine.values import VideoFrame

MAX_MARKED = 6  # two at an answer and two at a wish's end, the first after each; answers may never come
NEWEST = 2


class FedPictures:
    """One thread. Keeps 8 pictures at most."""

    def __init__(self) -> None:
        self._pictures: dict[int, VideoFrame] = {}  # in the order of their numbers
        self._marked: deque[int] = deque(maxlen=MAX_MARKED)
        """Numbers of those that may have been taken."""
        self._is_first = True
        self._was_asked = False

    @property
    def newest(self) -> VideoFrame | None:
        return next(reversed(self._pictures.values()), None)

    def add(self, number: int, picture: VideoFrame) -> None:
        """It was handed over under this number, larger than all before."""
        self._pictures[number] = picture
        if self._is_first:
            self._marked.append(number)
            self._is_first = False
        kept = {*self._marked, *self._newest_numbers}
        self._pictures = {each: picture for each, picture in self._pictures.items() if each in kept}

    def follow_wish(self, is_asking: bool) -> None:
        """Whether the child asks for a picture now; to be told every frame."""
        if is_asking and not self._was_asked:
            self._is_first = True
        elif self._was_asked and not is_asking:
            self._mark_newest()
        self._was_asked = is_asking

    def answered(self, number: int) -> VideoFrame | None:
        """The picture of this number; None where it is not known any more. Answers come in the order of numbers."""
        self._pictures = {each: picture for each, picture in self._pictures.items() if each >= number}
        self._mark_newest()
        self._is_first = True
        return self._pictures.get(number)

    @property
    def _newest_numbers(self) -> list[int]:
        return list(self._pictures)[-NEWEST:]

    def _mark_newest(self) -> None:
        self._marked.extend(each for each in self._newest_numbers if each not in self._marked)
