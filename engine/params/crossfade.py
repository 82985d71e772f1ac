"""Fades from one look to another over some seconds.

A picture fade mixes the pictures of the old look and the new one. The store has the new look's
values from the start, so every surface shows them and a moved fader changes the new look;
`decks.py` keeps the old one. Only values that are not part of the look (a voice, Stable
Diffusion) glide in the store. The crossfader may move the fade in place of time (`hand.py`); moved
back to its start, it restores the values of the old look. When a shader is bypassed, the picture on
screen is frozen and dissolves into the present look (`freeze`).

What happens to the looks is decided here, once a frame: `take_event` says it in a `LookEvent`,
which all that draw looks follow.

A glide changes the store frame by frame. Each float moves evenly to its target: linearly, in the
logarithm on an exponential scale, the short way round if it wraps. Everything else changes at the
start.

Time is frame time, or the beat of the frame, from the first frame after `start`: as exact offline
as live. The last source to touch a parameter owns it, which the store checks under its lock
(`ParamStore.glide`), so a fade never overwrites a fader that was just moved. A later start takes
over its parameters and the picture from running fades; a panic ends all fades.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

import osc_schema
from engine.params.bypass import Bypass
from engine.params.fade_time import AT_ONCE, FadeProgress, FadeTime, FadeTimer, Pulse, ReadPulse
from engine.params.hand import Hand
from engine.params.store import PANIC, Entries, ParamStore, Snapshot
from osc_schema import Param, Rejected, Value
from osc_schema.scale import Scale, scale_of

BY = "fade"
"""Source name of the gliding values, in the store."""

UNDONE = "the hand that moved back"
"""Argument of `ended` after a fade by hand that was undone."""
UNFREEZE_S = 0.5

# mix of the new look in a fade below which it may change without another fade
MAX_INVISIBLE_MIX = 0.1

Ended = Callable[[str], None]
"""Called once, on the thread that ends the fade, with "" if it is complete, else with what
superseded it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Path:
    param: Param
    scale: Scale
    begin: float
    """Coordinate of the value at the start."""
    length: float
    """Signed distance to the target, in coordinates."""
    target: float

    def at(self, progress: float) -> float:
        """The value after a fraction (0..1) of the distance."""
        if progress >= 1.0:
            return self.target
        return self.scale.value_of(self.scale.wrapped(self.begin + self.length * progress))


def _path(param: Param, value: float, target: float) -> _Path:
    scale = scale_of(param)
    begin = scale.coordinate_of(value)
    length = scale.shortest(scale.coordinate_of(target) - begin)
    return _Path(param=param, scale=scale, begin=begin, length=length, target=target)


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureFade:
    """The state of a picture fade in one frame."""

    number: int
    """Incremented with each fade."""
    before: Snapshot
    """The values of the old look."""
    revealed: float
    """Mix of the old look on screen when the fade started, 0..1; below 1 if it was still fading
    in."""
    mix: float
    """Weight of the new look, 0..1."""
    is_frozen: bool = False
    """The old look is a still: the picture on screen when the fade got its number."""
    freeze_mix: float = 0.0
    """`mix` at that time."""
    is_repair: bool = False
    """It hides a change within one look (a shader that is bypassed), so neither transition nor
    blend draws it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LookEvent:
    """The changes of looks in one frame."""

    fade: PictureFade | None = None
    """The picture fade that runs; None if one look alone is on screen."""
    begins_fade: bool = False
    """`fade` is another one than in the last frame."""
    is_cut: bool = False
    """A look has replaced another at once, since the last frame."""
    undone: Snapshot | None = None
    """The values of an old look that becomes the look on screen again, because the hand on its fade
    moved back."""


NO_EVENT = LookEvent()
"""One look stays on screen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Origin:
    """The state needed to undo a fade."""

    before: Snapshot
    params: tuple[Param, ...]
    """All parameters that the fade has set."""
    by: str
    version: int
    """The store's, when the values of the new look were set."""


@dataclass(slots=True, kw_only=True, eq=False)
class _Fade:
    paths: dict[str, _Path]
    timer: FadeTimer | Hand
    since: int
    """Version of the store after its last step; later changes by others take parameters away from
    it."""
    panics: object
    ended: Ended
    picture: PictureFade | None = None
    origin: _Origin | None = None
    """The state needed to undo it, if it is by hand."""


class Crossfade:
    """Starts and moves all fades. Call `start` on any thread, `step` on the render thread."""

    def __init__(self, store: ParamStore, pulse: ReadPulse = Pulse) -> None:
        """`pulse()`: the beat of this frame."""
        self._store = store
        self._pulse = pulse
        self._lock = threading.Lock()
        self._fades: list[_Fade] = []
        self._number = 0
        self.bypass = Bypass()
        """Replaces bypassed shaders, also in the old look of a fade."""
        self._taken_number = 0
        """Number of the fade of the newest event."""
        self._has_cut = False
        self._undone: Snapshot | None = None
        self._is_waiting = False
        self.progress: FadeProgress | None = None
        """How far the picture fade of the newest event is; None between fades. Any thread."""

    def start(
        self,
        values: Entries,
        time: FadeTime = AT_ONCE,
        *,
        by: str,
        ended: Ended = lambda superseded_by: None,
        is_picture: bool = False,
        hand: Hand | None = None,
    ) -> list[Rejected]:
        """Fade to these values in that time; if it is 0, at once, and `ended` is called before this
        returns. Values that this run cannot use are left out and returned. `by`: the source of
        values that change at once, and the reason given to fades that it supersedes. `is_picture`:
        as a picture fade; without a time it ends a running one. `hand`: moves the picture fade, in
        place of a time."""
        addresses = {param.address for param, _ in values}
        timer = hand or (None if time.is_at_once else FadeTimer(time, self._pulse))
        with self._lock:
            before = self._store.snapshot()
            picture = None if timer is None or not is_picture else self._new_picture_fade(before)
            self._has_cut |= is_picture and timer is None
            superseded = self._supersede(addresses, is_picture)
            at_once: list[tuple[Param, Value]] = []
            gliding: list[tuple[Param, Value]] = []
            rejected: list[Rejected] = []
            for param, target in values:
                is_gliding = (
                    timer is not None and param.can_glide and not (is_picture and param.is_look)
                )
                if is_gliding and before[param.address] == target:
                    continue
                try:
                    self._store.require(param, target)
                except Rejected as rejection:
                    rejected.append(rejection)
                else:
                    (gliding if is_gliding else at_once).append((param, target))
            self._store.apply(at_once, by=by, together=addresses)
            if timer is not None:
                now = self._store.snapshot()
                paths = {}
                for param, target in gliding:
                    value = now.number(param.address)
                    paths[param.address] = _path(param, value, osc_schema.as_number(target))
                params = tuple(param for param, _ in values)
                origin = _Origin(before=before, params=params, by=by, version=now.version)
                self._fades.append(
                    _Fade(
                        paths=paths,
                        timer=timer,
                        since=now.version,
                        panics=before[PANIC],
                        ended=ended,
                        picture=picture,
                        origin=None if hand is None else origin,
                    )
                )
        for fade in superseded:
            fade.ended(by)
        if timer is None:
            ended("")
        return rejected

    @property
    def is_fading(self) -> bool:
        """True while any fade runs. Any thread."""
        return bool(self._fades)

    def undo(self) -> None:
        """Undo a fade by hand that runs, wherever the hand is. Any thread."""
        with self._lock:
            undone = [fade for fade in self._fades if fade.origin is not None]
            for fade in undone:
                self._fades.remove(fade)
                self._undo(fade)
        for fade in undone:
            fade.ended(UNDONE)

    def freeze(self, seconds: float) -> None:
        """Freeze the picture on screen and dissolve it into the present look, because a part of it
        can no longer be drawn. During a picture fade that lasts longer, it replaces the old look.
        Render thread."""
        with self._lock:
            running = self._picture_fade()
            if running is None or not self._freeze_old(running, seconds):
                self._add_picture(seconds, is_frozen=True)

    def dissolve(self, seconds: float) -> None:
        """Dissolve the look as it is drawn now into what it becomes in the next frame. Render
        thread."""
        with self._lock:
            running = self._picture_fade()
            if running is None:
                self._add_picture(seconds, is_frozen=False)
            elif running.picture is not None and running.picture.mix > MAX_INVISIBLE_MIX:
                self._freeze_old(running, 0.0)

    def step(self, now_s: float) -> None:
        """Set all gliding parameters to their values at `now_s`."""
        if not self._fades:
            return
        finished: list[tuple[_Fade, str]] = []
        with self._lock:
            for fade in self._fades:
                superseded_by = self._move(fade, now_s)
                if superseded_by is not None:
                    finished.append((fade, superseded_by))
            for fade, superseded_by in finished:
                self._fades.remove(fade)
                if superseded_by == UNDONE:
                    self._undo(fade)
        for fade, superseded_by in finished:
            fade.ended(superseded_by)

    def hold(self, is_waiting: bool) -> None:
        """Keep a picture fade at its beginning while the new look cannot be drawn yet. Render
        thread."""
        self._is_waiting = is_waiting

    def take_event(self, *, moves_old: bool = True) -> tuple[Snapshot, LookEvent]:
        """The store's values of this frame, and what has happened to the looks since the last one,
        read together. Call it once a frame, after `step`, on the render thread. `moves_old`: the
        old look of the running fade still moves; one that is a still cannot come back, so an undone
        fade dissolves into its values."""
        with self._lock:
            undone = self._undone
            if undone is not None and not moves_old:
                self._add_picture(UNFREEZE_S, is_frozen=True)
                undone = None
            snapshot = self._store.snapshot()
            fade = self._picture_fade()
            if fade is not None and fade.panics != snapshot[PANIC]:
                fade = None
            self.progress = None
            if fade is not None and fade.timer.has_begun:
                self.progress = fade.timer.progress
            picture = None if fade is None else fade.picture
            number = self._taken_number if picture is None else picture.number
            event = LookEvent(
                fade=picture,
                begins_fade=number != self._taken_number,
                is_cut=self._has_cut,
                undone=undone,
            )
            self._taken_number = number
            self._has_cut = False
            self._undone = None
            return snapshot, event

    def _freeze_old(self, running: _Fade, seconds: float) -> bool:
        """Freeze the screen in place of a fade's old look, unless it ends earlier. The caller holds
        the lock."""
        assert running.picture is not None
        if running.timer.left_s() < seconds:
            return False
        self._number += 1
        running.picture = replace(
            running.picture, number=self._number, is_frozen=True, freeze_mix=running.picture.mix
        )
        return True

    def _add_picture(self, seconds: float, *, is_frozen: bool) -> None:
        """Add a picture fade without values; one that runs ends. The caller holds the lock."""
        now = self._store.snapshot()
        picture = replace(self._new_picture_fade(now), is_frozen=is_frozen, is_repair=True)
        for fade in self._fades:
            fade.picture = None  # so that it ends in the next step, as complete: the look is loaded
        self._fades.append(
            _Fade(
                paths={},
                timer=FadeTimer(FadeTime(seconds), self._pulse),
                since=now.version,
                panics=now[PANIC],
                ended=lambda superseded_by: None,
                picture=picture,
            )
        )

    def _move(self, fade: _Fade, now_s: float) -> str | None:
        """Advance one fade. Returns the argument for `ended` if it has ended, else None."""
        if fade.picture is not None and fade.panics != self._store.get(PANIC):
            return PANIC
        if isinstance(fade.timer, Hand) and fade.timer.has_begun and fade.timer.is_back:
            return UNDONE
        if (
            self._is_waiting
            and fade.picture is not None
            and not fade.picture.mix
            and isinstance(fade.timer, FadeTimer)
        ):
            fade.timer = FadeTimer(fade.timer.time, self._pulse)
        fraction = fade.timer.fraction(now_s)
        values = [(path.param, path.at(fraction)) for path in fade.paths.values()]
        overridden, fade.since = self._store.glide(values, by=BY, since=fade.since)
        for address in overridden:
            del fade.paths[address]
        if fade.picture is not None:
            fade.picture = replace(fade.picture, mix=fraction)
        elif not fade.paths:
            return next(iter(overridden.values()), "")
        return "" if fraction >= 1.0 else None

    def _undo(self, fade: _Fade) -> None:
        """Restore the values of a fade's old look; values that others set meanwhile outside the
        look stay. The caller holds the lock."""
        origin = fade.origin
        now = self._store.snapshot()
        if origin is None or fade.panics != now[PANIC]:
            return
        values = [(param, origin.before[param.address]) for param in origin.params]
        look = [entry for entry in values if entry[0].is_look]
        gliding = [entry for entry in values if entry[0].address in fade.paths]
        others = [
            entry for entry in values if not entry[0].is_look and entry[0].address not in fade.paths
        ]
        self._store.glide(look, by=origin.by, since=now.version)
        self._store.glide(gliding, by=BY, since=fade.since)
        self._store.glide(others, by=origin.by, since=origin.version)
        self._undone = origin.before if fade.picture is None else fade.picture.before

    def _picture_fade(self) -> _Fade | None:
        """The running picture fade, or None. The caller holds the lock."""
        return next((fade for fade in self._fades if fade.picture is not None), None)

    def _new_picture_fade(self, now: Snapshot) -> PictureFade:
        """A new picture fade that starts from the picture on screen. The caller holds the lock."""
        self._number += 1
        fade = self._picture_fade()
        if fade is None or fade.panics != now[PANIC]:
            return PictureFade(
                number=self._number, before=self.bypass.apply(now), revealed=1.0, mix=0.0
            )
        assert fade.picture is not None
        if not fade.timer.has_begun:  # it has not been drawn yet: its old look is still on screen
            return replace(fade.picture, number=self._number)
        revealed = fade.picture.mix
        return PictureFade(
            number=self._number, before=self.bypass.apply(now), revealed=revealed, mix=0.0
        )

    def _supersede(self, addresses: set[str], is_picture: bool) -> list[_Fade]:
        """Remove addresses, and the picture, from all fades; returns the emptied fades. The caller
        holds the lock."""
        for fade in self._fades:
            fade.paths = {
                address: path for address, path in fade.paths.items() if address not in addresses
            }
            if is_picture:
                fade.picture = None
                if fade.origin is not None:  # what it moves stays where the hand has left it
                    fade.paths = {}
        superseded = [fade for fade in self._fades if not fade.paths and fade.picture is None]
        self._fades = [fade for fade in self._fades if fade not in superseded]
        return superseded
