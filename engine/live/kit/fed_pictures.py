"""Finds the source picture of a result among the pictures that the child may have read. Pure.

A child reads the newest picture at a moment that the engine cannot observe. So those that it may
have read are cached: the first picture after a result or after the child began to ask; the newest
one, and the one before it (the engine notices one frame late), when a result arrives and when the
child stops asking.
"""

from collections import deque

from engine.values import VideoFrame

MAX_MARKED = 6  # two at a result, two when the child stops asking, and the first after each
NEWEST = 2


class FedPictures:
    """Caches the pictures that the child may have read, at most 8. Single thread."""

    def __init__(self) -> None:
        self._pictures: dict[int, VideoFrame] = {}  # ordered by number
        self._marked: deque[int] = deque(maxlen=MAX_MARKED)
        """Numbers of the pictures that the child may have read."""
        self._is_first = True
        self._was_asking = False

    @property
    def newest(self) -> VideoFrame | None:
        return next(reversed(self._pictures.values()), None)

    def add(self, number: int, picture: VideoFrame) -> None:
        """Keep a picture that was sent with this number. Numbers must increase."""
        self._pictures[number] = picture
        if self._is_first:
            self._marked.append(number)
            self._is_first = False
        retained = {*self._marked, *self._newest_numbers}
        self._pictures = {
            each: picture for each, picture in self._pictures.items() if each in retained
        }

    def follow_wish(self, is_asking: bool) -> None:
        """Record whether the child requests a picture now. Call every frame."""
        if is_asking and not self._was_asking:
            self._is_first = True
        elif self._was_asking and not is_asking:
            self._mark_newest()
        self._was_asking = is_asking

    def answered(self, number: int) -> VideoFrame | None:
        """The picture that the result with this number was made from; None if it was dropped.
        Numbers must increase."""
        self._pictures = {
            each: picture for each, picture in self._pictures.items() if each >= number
        }
        self._mark_newest()
        self._is_first = True
        return self._pictures.get(number)

    @property
    def _newest_numbers(self) -> list[int]:
        return list(self._pictures)[-NEWEST:]

    def _mark_newest(self) -> None:
        self._marked.extend(each for each in self._newest_numbers if each not in self._marked)
