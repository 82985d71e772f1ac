"""Fades from one look to another over some seconds, of two kinds.

A picture fade mixes two pictures, the old look and the new look. The store has the new look's values from the start, so
every surface shows them and moving a fader changes the new look; the old look is kept in `leaving.py`. Only values
that are not part of the look (a voice, Stable Diffusion) glide in the store.

A glide changes the store frame by frame: each float moves evenly to its target on its own scale: linearly, in the
logarithm on an exponential scale (each octave takes the same time), the short way round if it wraps. Everything else
(switches, menus, ints, texts) has no intermediate values. It changes at the start, because a jump in the middle of a
fade would be a surprise.

Time is that of the frames: it starts with the first frame after `start`, and is as exact offline as live.

The last source to touch a parameter owns it. The store checks that under its lock, together with setting the values
(`ParamStore.glide`), so a fade never overwrites a fader that was just moved. A later start takes over its parameters
from running fades, the later of two picture fades takes the picture, and a panic ends all fades.
"""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import osc_schema
from engine.params.store import PANIC, ParamStore, Snapshot
from osc_schema import Param, Rejected, Value
from osc_schema.scale import Scale, scale_of

BY = "fade"
"""Source name of the gliding values, in the store."""

Ended = Callable[[str], None]
"""Called once, on the thread that ends the fade: "" when it is complete, else what superseded it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Way:
    param: Param
    scale: Scale
    begin: float
    """Coordinate of the value at the start."""
    length: float
    """Signed distance to the target, in coordinates."""
    target: float

    def at(self, share: float) -> float:
        """The value after a share (0..1) of the distance."""
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
    """State of a picture fade."""

    number: int
    """Incremented with each fade."""
    before: Snapshot
    """The values of the old look."""
    revealed: float
    """Share of the old look that was on screen when the fade started, 0..1; below 1 it was fading in itself."""
    share: float
    """Share of the new look, 0..1."""


@dataclass(slots=True, kw_only=True, eq=False)
class _Fade:
    ways: dict[str, _Way]
    seconds: float
    since: int
    """Version of the store after its last step; later changes by others take parameters away from it."""
    panics: object
    ended: Ended
    picture: PictureFade | None = None
    began_s: float | None = None


class Crossfade:
    """All running fades. Call `start` on any thread, `step` on the frame loop's."""

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
        """Fade to these canonical values in that time; 0: at once, and `ended` is called before this returns.

        Values that this run cannot use are left out and returned. `by`: the source of values that change at once, and
        the reason given to fades that it supersedes. `is_picture`: as a picture fade; with 0 s it ends a running one.
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
                        assert isinstance(target, float)  # `_glides`: a FLOAT or STOPS
                        ways[address] = _way(param, now.number(address), target)
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
        """Set all gliding parameters to their values at `now_s`."""
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
        """The store's values and the picture fade they belong to, read together. Call it after `step`."""
        with self._lock:
            snapshot = self._store.snapshot()
            fade = self._on_screen()
            return snapshot, fade.picture if fade is not None and fade.panics == snapshot[PANIC] else None

    def _move(self, fade: _Fade, now_s: float) -> str | None:
        """Advance one fade. The argument for `ended` when it is over, else None."""
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
        """The running picture fade, or None. The caller holds the lock."""
        return next((fade for fade in self._fades if fade.picture is not None), None)

    def _leaving(self, now: Snapshot) -> PictureFade:
        """A new picture fade from what is on screen. The caller holds the lock."""
        self._number += 1
        fade = self._on_screen()
        if fade is None or fade.panics != now[PANIC]:
            return PictureFade(number=self._number, before=now, revealed=1.0, share=0.0)
        assert fade.picture is not None
        if fade.began_s is None:  # it has not been drawn yet: its old look is still on screen
            return replace(fade.picture, number=self._number)
        return PictureFade(number=self._number, before=now, revealed=fade.picture.share, share=0.0)

    def _give_way(self, addresses: set[str], is_picture: bool) -> list[_Fade]:
        """Take addresses, and the picture, from all fades. The fades with nothing left. The caller holds the lock."""
        for fade in self._fades:
            fade.ways = {address: way for address, way in fade.ways.items() if address not in addresses}
            if is_picture:
                fade.picture = None
        superseded = [fade for fade in self._fades if not fade.ways and fade.picture is None]
        self._fades = [fade for fade in self._fades if fade not in superseded]
        return superseded


def _glides(address: str, is_picture: bool) -> bool:
    """True if the parameter glides in the store during a fade."""
    param = osc_schema.lookup(address)
    return param is not None and param.can_glide and not (is_picture and param.is_look)
