"""The texts and the logo of each frame: made beside the picture when they change, the newest finished ones are shown.

Letters are drawn in the set size; what moves the size in a frame (a glide, the sound) only scales them. The words of a
text that come one by one are drawn one ahead, so that the beat finds them ready.
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
from engine.render.lettering import HarmfulError, Lettering, LetterProcess, Logo, name_of
from engine.system.guarded_thread import Guard, GuardedThread
from engine.system.reporting import Report
from osc_schema.graphics import LOGO, TEXTS

log = logging.getLogger(__name__)

MAX_KEPT: Final = 18  # two texts and a logo of the looks that play and of the prepared one, each with the next word
MAX_KEPT_BYTES: Final = 64 << 20
MAX_WORDS_BEGUN: Final = 8
EARLY_BEATS: Final = 0.25  # a look on the beat may begin a little before it, and the tempo be put right afterwards
MAX_LINES: Final = 32
MAX_WAIT_S: Final = 2.0

Asked = Lettering | Logo


class GraphicsMaker:
    """`graphics` on the render thread. What draws is started when something is asked for."""

    def __init__(self, folder: Path, tell: Callable[..., object], report: Report, *, is_offline: bool) -> None:
        """`folder` holds the folders `fonts` and `logos`. `is_offline`: each picture waits for its texts. `tell`: of
        the contours."""
        self.contours = ContourFinder(tell, report, is_offline=is_offline)
        self._report, self._is_offline = report, is_offline
        self._process = LetterProcess(folder)
        self._made: OrderedDict[Asked, GraphicImage | None] = OrderedDict()
        """Finished ones, None for those that failed. Guarded by the lock of `_wake`, as is `_wanted`."""
        self._wanted: dict[tuple[int, bool, bool], Asked] = {}
        """By slot, if it is of the leaving look, and if it comes next (both: of the prepared look, too): the newest."""
        self._last: dict[int, GraphicImage] = {}
        """The newest finished one of each slot, without the leaving look's, which are made already."""
        self._needed: dict[tuple[int, bool], tuple[Asked | None, Asked | None]] = {}
        """The one shown and the next one, by slot and if it is of the leaving look. They are always kept."""
        self._leaves = False
        """A look has left since the last picture of the one that is shown."""
        self._harmful: dict[str, str] = {}
        """Lines about fonts and logos that took the process down: not tried again until they are chosen again."""
        self._begun: OrderedDict[tuple[int, str], float] = OrderedDict()
        """Beat at which a text began to play, by slot and text: the leaving look's goes on."""
        self._playing: dict[int, str] = {}
        """The text of each slot, without the leaving look's."""
        self._size_px: tuple[int, int] | None = None
        self._wake = threading.Condition()
        self._is_closed = False
        self._guard = Guard(log, report, "graphics", "a text or the logo failed, the last one stays")
        self._thread = GuardedThread("graphics", self._run, self._guard)

    def graphics(
        self,
        values: Mapping[str, Any],
        set_values: Mapping[str, Any],
        *,
        beat: float,
        size_px: tuple[int, int],
        is_leaving: bool = False,
    ) -> tuple[Graphic, ...]:
        """The texts, the logo and the outlines of a look, in a picture of this size. Never waits, except offline.

        `set_values`: the same without glides and modulation; `is_leaving`: of the look that leaves in a dissolve.
        """
        drawn = []
        self._size_px = size_px
        if not (is_leaving or self._leaves):
            with self._wake:
                self._needed = {key: needed for key, needed in self._needed.items() if not key[1]}
        self._leaves = is_leaving
        for slot in (0, *TEXTS):
            at = f"/text/{slot}" if slot else LOGO
            if slot and not is_leaving:
                self._begin(slot, values[f"{at}/text"], beat)
            passed = self._steps_passed(slot, at, values, beat) if slot else 0
            now, coming = (_asked(slot, at, values, set_values, size_px, passed + ahead) for ahead in (0, 1))
            image = self._image(slot, is_leaving, now, coming if coming != now else None)
            opacity = values[f"{at}/opacity"]
            if image is None or opacity <= 0:
                continue
            drawn.append(
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
        return (*drawn, *self.contours.outlines(values, size_px))

    def close(self) -> None:
        """Stop the thread and wait for it, unless it hangs at a disk."""
        with self._wake:
            self._is_closed = True
            self._wake.notify()
        self._process.kill()
        self._thread.join(MAX_WAIT_S)
        self._process.kill()  # the thread may have started it since
        self.contours.close()

    def prepare(self, values: Mapping[str, Any]) -> None:
        """Make what a look with these values shows first, before it is on. Any thread; never waits."""
        if (size_px := self._size_px) is None or self._is_offline:
            return
        with self._wake:
            for slot in (0, *TEXTS):
                first = _asked(slot, f"/text/{slot}" if slot else LOGO, values, values, size_px, 0)
                if first is not None and first not in self._made:
                    self._wanted[slot, True, True] = first
            self._wake.notify()

    def _begin(self, slot: int, text: str, beat: float) -> None:
        """Let a text that is new in its slot begin with its first part."""
        if self._playing.get(slot) != text:
            self._playing[slot], self._begun[slot, text] = text, beat
            self._begun.move_to_end((slot, text))
        while len(self._begun) > MAX_WORDS_BEGUN:
            self._begun.popitem(last=False)

    def _steps_passed(self, slot: int, at: str, values: Mapping[str, Any], beat: float) -> int:
        """Beats or bars since the text began; negative if the beats have been counted anew since."""
        length = values["/tempo/beats_a_bar"] if values[f"{at}/step"] == "bar" else 1
        began = self._begun.setdefault((slot, values[f"{at}/text"]), beat)
        passed = math.floor(beat / length) - math.floor((began + EARLY_BEATS) / length)
        return 0 if passed == -1 else passed

    def _image(self, slot: int, is_leaving: bool, now: Asked | None, coming: Asked | None) -> GraphicImage | None:
        """The finished image, else the last one of this slot; what is missing is asked for."""
        with self._wake:
            before, _ = self._needed.get((slot, is_leaving), (None, None))
            self._needed[slot, is_leaving] = now, coming
            if now is not None and not is_leaving:
                if now != before and self._made.get(now, now) is None:
                    del self._made[now]  # it has failed, and is chosen again
                if before is None or name_of(before) != name_of(now):
                    self._harmful.pop(name_of(now), None)
        if self._is_offline and now is not None and now not in self._made:
            self._make(now, slot)
        with self._wake:
            for asked, is_next in ((now, False), (coming, True)):
                if asked is None or asked in self._made or self._is_offline:
                    if not (is_leaving and is_next):  # that one may be of a prepared look
                        self._wanted.pop((slot, is_leaving, is_next), None)
                else:
                    self._wanted[slot, is_leaving, is_next] = asked
            if self._wanted:
                self._wake.notify()
            made = None if now is None else self._made.get(now)
            if made is not None and now is not None:
                self._made.move_to_end(now)
        if self._wanted and not self._thread.is_started:
            self._thread.start()
        if is_leaving:
            return made
        if now is None:
            self._last.pop(slot, None)
        elif made is not None:
            self._last[slot] = made
        return self._last.get(slot)

    def _run(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._is_closed or bool(self._wanted))
                if self._is_closed:
                    return
                key = min(self._wanted, key=lambda key: (key[2], key[1]))  # next words last
                asked = self._wanted.pop(key)
                is_made = asked in self._made
            if not is_made:
                self._guard.attempt(partial(self._make, asked, key[0]))

    def _make(self, asked: Asked, slot: int) -> None:
        made: GraphicImage | None = None
        problem = ""
        try:
            if not (problem := self._harmful.get(name_of(asked), "")):
                made, problem = self._process.draw(asked)
        except HarmfulError as error:
            problem = self._harmful[name_of(asked)] = str(error)
        except RenderError as error:
            problem = str(error)
        finally:  # also after an error of ours: it is not tried in each frame
            with self._wake:
                self._made[asked] = made
                self._forget()
        if problem and not self._is_closed:
            self._report(f"graphics.{slot}", f"{f'/text/{slot}/font' if slot else '/logo/file'}: {problem}")

    def _forget(self) -> None:
        """Drop the oldest beyond MAX_KEPT and MAX_KEPT_BYTES, but none that a look needs now."""
        needed = {asked for both in self._needed.values() for asked in both}
        sizes = {asked: 0 if made is None else made.pixels.nbytes for asked, made in self._made.items()}
        for asked in [asked for asked in self._made if asked not in needed]:
            if len(sizes) > MAX_KEPT or sum(sizes.values()) > MAX_KEPT_BYTES:
                del self._made[asked], sizes[asked]


def _asked(
    slot: int, at: str, values: Mapping[str, Any], set_values: Mapping[str, Any], size_px: tuple[int, int], number: int
) -> Asked | None:
    """The logo, or the part of a text with this number: after the last one comes the first again."""
    height_px = max(1, round(set_values[f"{at}/size"] / 100 * size_px[1]))
    if not slot:
        file = values[f"{LOGO}/file"]
        return Logo(file=file, height_px=height_px) if file else None
    if not (steps := _steps(values[f"{at}/text"], values[f"{at}/show"])):
        return None
    lines, font = steps[number % len(steps)], values[f"{at}/font"]
    outline = round(values[f"{at}/outline"] / 100, 3)
    return Lettering(lines=lines, font=font, line_px=height_px, outline=outline, within_px=size_px)


@lru_cache(maxsize=16)  # each frame asks
def _steps(text: str, show: str) -> list[tuple[str, ...]]:
    """The parts of a text that are seen one after another, each as lines; all of it is one step."""
    lines = [line.strip() for line in text.replace("|", "\n").splitlines()][:MAX_LINES]
    if show == "word":
        return [(word,) for line in lines for word in line.split()]
    if show == "line":
        return [(line,) for line in lines if line]
    return [tuple(lines)] if any(lines) else []


def _letter_ink(at: str, values: Mapping[str, Any], opacity: float) -> tuple[tuple[float, ...], ...]:
    fill, outline = (
        ink_colour(values[f"{at}/{name}"], values[f"{at}/hue"], values) for name in ("colour", "outline_colour")
    )
    return letter_ink(fill, outline, opacity)
