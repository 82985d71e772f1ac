"""From one look to another over seconds, in one of two ways.

A picture fade mixes two pictures: that of the look that goes and that of the one that comes. The look that comes is in
the store from the beginning, as a whole, so that every surface shows it and a hand on a fader moves it; the look that
goes lives on in `leaving.py`. Only what is no look (a voice, Stable Diffusion) glides in the store meanwhile.

A glide sets the store frame by frame: each float goes evenly from where it stands to where it shall be, on its own
scale: straight for most, in the logarithm where the scale is exponential (an octave takes as long as the next), the
short way where it wraps. Everything else, switches, menus, whole numbers and texts, has no half way. It changes at the
beginning: a jump in the middle of a fade would come unasked for.

Time is the frames': it begins with the first frame after `start` and is offline as exact as live.

A parameter belongs to whoever touched it last. The store itself tells, under its lock and in the same go as it sets the
others (`ParamStore.glide`), so that no hand on a fader is overwritten by a fade that looked just before. A later start
takes its parameters out of those that run, and of two picture fades the later one has the picture; a panic ends them
all.
"""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import osc_schema
from engine.params.store import PANIC, ParamStore, Snapshot
from osc_schema import Param, Rejected, Value
from osc_schema.scale import Scale, scale_of

BY = "fade"
"""Who sets the values on the way, in the store."""

Ended = Callable[[str], None]
"""Told once, on whatever thread ends it: "" when it has arrived, else what it was superseded by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Way:
    param: Param
    scale: Scale
    begin: float
    """Coordinate of the value at the beginning."""
    length: float
    """Signed distance to the target, in coordinates."""
    target: float

    def at(self, share: float) -> float:
        """The value after that share (0..1) of the way."""
        if share >= 1.0:
            return self.target
        return self.scale.value_of(self.scale.wrapped(self.begin + self.length * share))


def _way(param: Param, value: float, target: float) -> _Way:
    scale = scale_of(param)
    begin = scale.coordinate_of(value)
    length = scale.shortest(scale.coordinate_of(target) - begin)
    return _Way(param=param, scale=scale, begin=begin, length=length, target=target)


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureFade:
    """How far the picture of one look has taken the place of another's."""

    number: int
    """Grows with each fade."""
    before: Snapshot
    """The values with which the look that goes was drawn."""
    revealed: float
    """How much of the look that goes was there when the fade began, 0..1; below 1 it was on its way itself."""
    share: float
    """0..1 of the look that comes."""


@dataclass(slots=True, kw_only=True, eq=False)
class _Fade:
    ways: dict[str, _Way]
    seconds: float
    since: int
    """Version of the store at which it last had its parameters to itself."""
    panics: object
    ended: Ended
    picture: PictureFade | None = None
    began_s: float | None = None


class Crossfade:
    """`start` on any thread, `step` on the frame loop's."""

    def __init__(self, store: ParamStore) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._fades: list[_Fade] = []
        self._number = 0

    def start(
        self,
        values: Iterable[tuple[str, Value]],
        seconds: float,
        *,
        by: str,
        ended: Ended = lambda superseded_by: None,
        is_picture: bool = False,
    ) -> list[Rejected]:
        """Go to these canonical values in that time; 0: at once, and `ended` is told before this returns.

        What this run cannot use is left out and returned. `by`: who sets what changes at once, and what an older fade
        is told that it gives way to. `is_picture`: as a picture fade; at once it ends one that is on its way.
        """
        values = list(values)
        with self._lock:
            before = self._store.snapshot()
            picture = self._leaving(before) if is_picture and seconds > 0.0 else None
            superseded = self._give_way({address for address, _ in values}, is_picture)
            at_once = [entry for entry in values if not (seconds > 0.0 and _glides(entry[0], is_picture))]
            results = self._store.set_many(at_once, by=by)
            rejected = [result for result in results if isinstance(result, Rejected)]
            if seconds > 0.0:
                now = self._store.snapshot()
                ways = {}
                for address, target in values:
                    param = osc_schema.lookup(address)
                    if param is None or not _glides(address, is_picture) or now[address] == target:
                        continue
                    try:
                        self._store.require(param, target)
                    except Rejected as rejection:
                        rejected.append(rejection)
                    else:
                        ways[address] = _way(param, float(now[address]), float(target))  # type: ignore[arg-type]
                panics = before[PANIC]
                self._fades.append(
                    _Fade(ways=ways, seconds=seconds, since=now.version, panics=panics, ended=ended, picture=picture)
                )
        for fade in superseded:
            fade.ended(by)
        if seconds <= 0.0:
            ended("")
        return rejected

    def step(self, now_s: float) -> None:
        """Set every parameter on its way to where it is at `now_s`."""
        if not self._fades:
            return
        over: list[tuple[_Fade, str]] = []
        with self._lock:
            for fade in self._fades:
                superseded_by = self._move(fade, now_s)
                if superseded_by is not None:
                    over.append((fade, superseded_by))
            for fade, _ in over:
                self._fades.remove(fade)
        for fade, superseded_by in over:
            fade.ended(superseded_by)

    def snapshot(self) -> tuple[Snapshot, PictureFade | None]:
        """The store's values, and the picture fade that brings them; never one without the other. After `step`."""
        with self._lock:
            snapshot = self._store.snapshot()
            fade = self._on_screen()
            is_on = fade is not None and fade.panics == snapshot[PANIC]
            return snapshot, fade.picture if is_on else None

    def _move(self, fade: _Fade, now_s: float) -> str | None:
        """None while it goes on, else what `ended` is told."""
        if fade.picture is not None and fade.panics != self._store.get(PANIC):
            return PANIC
        if fade.began_s is None:
            fade.began_s = now_s
        share = (now_s - fade.began_s) / fade.seconds
        values = [(way.param, way.at(share)) for way in fade.ways.values()]
        taken, fade.since = self._store.glide(values, by=BY, since=fade.since)
        for address in taken:
            del fade.ways[address]
        if fade.picture is not None:
            fade.picture = replace(fade.picture, share=min(1.0, max(0.0, share)))
        elif not fade.ways:
            return next(iter(taken.values()), "")
        return "" if share >= 1.0 else None

    def _on_screen(self) -> _Fade | None:
        """The fade that has the picture. The caller holds the lock."""
        return next((fade for fade in self._fades if fade.picture is not None), None)

    def _leaving(self, now: Snapshot) -> PictureFade:
        """A picture fade from what is on screen. The caller holds the lock."""
        self._number += 1
        fade = self._on_screen()
        if fade is None or fade.panics != now[PANIC]:
            return PictureFade(number=self._number, before=now, revealed=1.0, share=0.0)
        assert fade.picture is not None
        if fade.began_s is None:  # no frame has seen it: what it would have left is on screen still
            return replace(fade.picture, number=self._number)
        return PictureFade(number=self._number, before=now, revealed=fade.picture.share, share=0.0)

    def _give_way(self, addresses: set[str], is_picture: bool) -> list[_Fade]:
        """Let go of these, and of the picture; the fades of which nothing is left. The caller holds the lock."""
        for fade in self._fades:
            fade.ways = {address: way for address, way in fade.ways.items() if address not in addresses}
            if is_picture:
                fade.picture = None
        superseded = [fade for fade in self._fades if not fade.ways and fade.picture is None]
        self._fades = [fade for fade in self._fades if fade not in superseded]
        return superseded


def _glides(address: str, is_picture: bool) -> bool:
    """Whether it is on its way in the store as long as the fade lasts."""
    param = osc_schema.lookup(address)
    return param is not None and param.can_glide and not (is_picture and param.is_look)
