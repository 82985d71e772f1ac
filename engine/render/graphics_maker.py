"""Renders the texts and the logo on a thread when they change; each frame uses the newest finished
images.

Letters are rendered in the set size; what changes the size within a frame (a glide, the sound) only
scales them. Of a text that is shown part by part, the next part is rendered in advance, so that it
is ready on the beat.
"""

import logging
import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Final

from engine.errors import RenderError
from engine.render.contour_finder import ContourFinder
from engine.render.graphic import Graphic, GraphicImage, ink_colour, letter_ink, picture_ink
from engine.render.lettering import GraphicsProcess, HarmfulError, LogoRequest, TextRequest, name_of
from engine.system.guarded_thread import Guard, GuardedThread
from engine.system.reporting import Report
from osc_schema.graphics import LOGO, TEXTS

log = logging.getLogger(__name__)

# two texts and a logo of the looks that play and of the prepared one, each with the next part
MAX_CACHED: Final = 18
MAX_CACHED_BYTES: Final = 64 << 20
MAX_START_BEATS: Final = 8
EARLY_BEATS: Final = (
    0.25  # a look on the beat may begin slightly early, and the tempo be corrected later
)
MAX_LINES: Final = 32
MAX_WAIT_S: Final = 2.0

GraphicRequest = TextRequest | LogoRequest


class GraphicsMaker:
    """Provides the graphics of each frame. Call `graphics` on the render thread; the thread starts
    with a request."""

    def __init__(
        self, folder: Path, publish: Callable[..., object], report: Report, *, is_offline: bool
    ) -> None:
        """folder: Contains `fonts` and `logos`. is_offline: Each picture waits for its texts.
        publish: For contours."""
        self.contours = ContourFinder(publish, report, is_offline=is_offline)
        self._report = report
        self._is_offline = is_offline
        self._process = GraphicsProcess(folder)
        self._cache: OrderedDict[GraphicRequest, GraphicImage | None] = OrderedDict()
        """Finished images; None for failed ones. Guarded by the lock of `_wake`, as is `_queue`."""
        self._queue: dict[tuple[int, bool, bool], GraphicRequest] = {}
        """Newest request by (slot, is outgoing look's, is next part); the prepared look's count as
        both."""
        self._last: dict[int, GraphicImage] = {}
        """Newest finished image of each slot, without the outgoing look's, which are cached."""
        self._in_use: dict[
            tuple[int, bool], tuple[GraphicRequest | None, GraphicRequest | None]
        ] = {}
        """Current and next request, by (slot, is outgoing look's). These stay cached."""
        self._has_outgoing = False
        """True if an outgoing look was drawn after the last picture of the current one."""
        self._harmful: dict[str, str] = {}
        """Messages about fonts and logos that crashed the process; retried only when chosen
        again."""
        self._start_beats: OrderedDict[tuple[int, str], float] = OrderedDict()
        """Beat at which a text began, by slot and text; the outgoing look's text continues."""
        self._playing: dict[int, str] = {}
        """The text of each slot, without the outgoing look's."""
        self._size_px: tuple[int, int] | None = None
        self._wake = threading.Condition()
        self._is_closed = False
        self._guard = Guard(
            log, report, "graphics", "a text or the logo failed, the last one stays"
        )
        self._thread = GuardedThread("graphics", self._run, self._guard)

    def graphics(
        self,
        values: Mapping[str, Any],
        set_values: Mapping[str, Any],
        *,
        beat: float,
        size_px: tuple[int, int],
        is_outgoing: bool = False,
    ) -> tuple[Graphic, ...]:
        """Return the texts, logo and outlines of a look, for a picture of this size. Never waits,
        except offline.

        set_values: The values without glides and modulation. is_outgoing: For the outgoing look of
        a dissolve."""
        graphics = []
        self._size_px = size_px
        if not (is_outgoing or self._has_outgoing):
            with self._wake:
                self._in_use = {key: needed for key, needed in self._in_use.items() if not key[1]}
        self._has_outgoing = is_outgoing
        for slot in (0, *TEXTS):
            at = f"/text/{slot}" if slot else LOGO
            if slot and not is_outgoing:
                self._begin(slot, values[f"{at}/text"], beat)
            passed = self._steps_passed(slot, at, values, beat) if slot else 0
            now, upcoming = (
                _request_for(slot, at, values, set_values, size_px, passed + ahead)
                for ahead in (0, 1)
            )
            image = self._image(slot, is_outgoing, now, upcoming if upcoming != now else None)
            opacity = values[f"{at}/opacity"]
            if image is None or opacity <= 0:
                continue
            graphics.append(
                Graphic(
                    slot=slot,
                    image=image,
                    x=values[f"{at}/x"],
                    y=values[f"{at}/y"],
                    angle_deg=values[f"{at}/angle"],
                    height_px=values[f"{at}/size"] / 100 * size_px[1],
                    ink=_letter_ink(at, values, opacity) if slot else picture_ink(opacity),
                    blend=values[f"{at}/blend"],
                )
            )
        return (*graphics, *self.contours.outlines(values, size_px))

    def close(self) -> None:
        """Stop the thread and wait for it, unless it hangs at a disk."""
        with self._wake:
            self._is_closed = True
            self._wake.notify()
        self._process.close(self._thread, MAX_WAIT_S)
        self.contours.close()

    def prepare(self, values: Mapping[str, Any]) -> None:
        """Render the first images of a look with these values before it starts. Any thread; never
        waits."""
        size_px = self._size_px
        if size_px is None or self._is_offline:
            return
        with self._wake:
            for slot in (0, *TEXTS):
                first = _request_for(
                    slot, f"/text/{slot}" if slot else LOGO, values, values, size_px, 0
                )
                if first is not None and first not in self._cache:
                    self._queue[slot, True, True] = first
            self._wake.notify()

    def _begin(self, slot: int, text: str, beat: float) -> None:
        """Start a text that is new in its slot with its first part."""
        if self._playing.get(slot) != text:
            self._playing[slot] = text
            self._start_beats[slot, text] = beat
            self._start_beats.move_to_end((slot, text))
        while len(self._start_beats) > MAX_START_BEATS:
            self._start_beats.popitem(last=False)

    def _steps_passed(self, slot: int, at: str, values: Mapping[str, Any], beat: float) -> int:
        """Beats or bars since the text began; negative if the beat count was reset since."""
        length = values["/tempo/beats_a_bar"] if values[f"{at}/step"] == "bar" else 1
        began = self._start_beats.setdefault((slot, values[f"{at}/text"]), beat)
        passed = math.floor(beat / length) - math.floor((began + EARLY_BEATS) / length)
        return 0 if passed == -1 else passed

    def _image(
        self,
        slot: int,
        is_outgoing: bool,
        now: GraphicRequest | None,
        upcoming: GraphicRequest | None,
    ) -> GraphicImage | None:
        """Return the finished image, else the last one of this slot; missing images are queued."""
        with self._wake:
            before, _ = self._in_use.get((slot, is_outgoing), (None, None))
            self._in_use[slot, is_outgoing] = now, upcoming
            if now is not None and not is_outgoing:
                if now != before and self._cache.get(now, now) is None:
                    del self._cache[now]  # failed before, and is chosen again
                if before is None or name_of(before) != name_of(now):
                    self._harmful.pop(name_of(now), None)
        if self._is_offline and now is not None and now not in self._cache:
            self._render(now, slot)
        with self._wake:
            for request, is_next in ((now, False), (upcoming, True)):
                if request is None or request in self._cache or self._is_offline:
                    if not (is_outgoing and is_next):  # that one may be of a prepared look
                        self._queue.pop((slot, is_outgoing, is_next), None)
                else:
                    self._queue[slot, is_outgoing, is_next] = request
            if self._queue:
                self._wake.notify()
            image = None if now is None else self._cache.get(now)
            if image is not None and now is not None:
                self._cache.move_to_end(now)
        if self._queue and not self._thread.is_started:
            self._thread.start()
        if is_outgoing:
            return image
        if now is None:
            self._last.pop(slot, None)
        elif image is not None:
            self._last[slot] = image
        return self._last.get(slot)

    def _run(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._is_closed or bool(self._queue))
                if self._is_closed:
                    return
                key = min(self._queue, key=lambda key: (key[2], key[1]))  # next parts last
                request = self._queue.pop(key)
                is_cached = request in self._cache
            if not is_cached:
                self._guard.attempt(partial(self._render, request, key[0]))

    def _render(self, request: GraphicRequest, slot: int) -> None:
        image: GraphicImage | None = None
        problem = ""
        try:
            problem = self._harmful.get(name_of(request), "")
            if not problem:
                image, problem = self._process.draw(request)
        except HarmfulError as error:
            problem = self._harmful[name_of(request)] = str(error)
        except RenderError as error:
            problem = str(error)
        finally:  # also after an error of ours: it is not tried in each frame
            with self._wake:
                self._cache[request] = image
                self._evict()
        if problem and not self._is_closed:
            self._report(
                f"graphics.{slot}", f"{f'/text/{slot}/font' if slot else '/logo/file'}: {problem}"
            )

    def _evict(self) -> None:
        """Drop the oldest images beyond MAX_CACHED and MAX_CACHED_BYTES, but none that a look
        uses."""
        in_use = {request for both in self._in_use.values() for request in both}
        sizes = {
            request: 0 if image is None else image.pixels.nbytes
            for request, image in self._cache.items()
        }
        for request in [request for request in self._cache if request not in in_use]:
            if len(sizes) > MAX_CACHED or sum(sizes.values()) > MAX_CACHED_BYTES:
                del self._cache[request], sizes[request]


def _request_for(
    slot: int,
    at: str,
    values: Mapping[str, Any],
    set_values: Mapping[str, Any],
    size_px: tuple[int, int],
    number: int,
) -> GraphicRequest | None:
    """Return the request for the logo, or for part `number` of a text; after the last part the
    first follows."""
    height_px = max(1, round(set_values[f"{at}/size"] / 100 * size_px[1]))
    if not slot:
        file = values[f"{LOGO}/file"]
        return LogoRequest(file=file, height_px=height_px) if file else None
    steps = _text_steps(values[f"{at}/text"], values[f"{at}/show"])
    if not steps:
        return None
    lines = steps[number % len(steps)]
    font = values[f"{at}/font"]
    outline = round(values[f"{at}/outline"] / 100, 3)
    return TextRequest(
        lines=lines, font=font, line_px=height_px, outline=outline, within_px=size_px
    )


@lru_cache(maxsize=16)  # called in each frame
def _text_steps(text: str, show: str) -> list[tuple[str, ...]]:
    """Split a text into the parts that are shown one after another, each as lines."""
    lines = [line.strip() for line in text.replace("|", "\n").splitlines()][:MAX_LINES]
    if show == "word":
        return [(part,) for line in lines for part in line.split()]
    if show == "line":
        return [(line,) for line in lines if line]
    return [tuple(lines)] if any(lines) else []


def _letter_ink(
    at: str, values: Mapping[str, Any], opacity: float
) -> tuple[tuple[float, ...], ...]:
    fill, outline = (
        ink_colour(values[f"{at}/{name}"], values[f"{at}/hue"], values)
        for name in ("colour", "outline_colour")
    )
    return letter_ink(fill, outline, opacity)
