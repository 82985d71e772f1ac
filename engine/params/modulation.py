"""Modulation: the sound and the LFOs move parameters, on top of where they were set.

What there is to hear, as a level 0..1 that is worth something on a stage:
- rms, peak, envelope, low, mid, high: (dBFS + 48) / 42, so 0 at -48 dBFS, 1 at -6 dBFS. Straight in amplitude, music
  (peaks at -12 dBFS under the automatic gain, RMS some 12 dB below) would stay in the lowest fifth.
- pitch: log2(f / 55 Hz) / 5, so 0 at A1, 1 at A6, 0.6 at the tuning fork: as wide a step for each octave.
- onset: 1 in the frame after an onset, else 0; counted, so that none between two frames is missed.
Both ends are limits. Channel 0 is the one with the most RMS in this frame.

Release is a peak follower's: y = max(x, x + (y - x) exp(-dt / release)); a level rises at once, and falls at the same
speed at 30 and 60 frames a second. LFOs come as they are.

Each route adds `amount (level^(4^curve) + offset)` of its target's range to the target's place, in the logarithm on an
exponential scale; what several routes add to one target is summed first, then clipped or wrapped. Adding to the value
that glides, instead of setting the parameter, leaves the fader, feedback and presets with what the user chose.

A frame needs modulated values twice: the analysis wants its settings before there are features, and the drawing
after. `again` gives the first with what the last frame added, one frame old; that is why settings that only the
analysis reads (/audio) are no targets, while the picture's own (/multiverse/window_ms, /layer/<n>/ratio) are.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, Final

import osc_schema
from engine.params.lfo import Lfos
from engine.params.store import Snapshot
from engine.values import AudioFeatures, ChannelFeatures, dbfs
from osc_schema import Param, Rejected, Value
from osc_schema.modulation import LFOS, ROUTES
from osc_schema.scale import scale_of

FLOOR_DBFS, CEILING_DBFS = -48.0, -6.0
MIN_HZ, OCTAVES = 55.0, 5.0

_LFO_SOURCES: Final = {f"lfo{n}": n for n in LFOS}
_NOTHING: Final[Mapping[str, float]] = MappingProxyType({})


def is_target(param: Param) -> bool:
    """A route is kept in presets, so it reaches what presets hold; nothing that would move the analysis it comes
    from, the routes or the LFOs."""
    return param.can_glide and param.stored and param.area not in ("audio", "mod", "lfo")


def conditions() -> Iterator[tuple[str, Callable[[Value], None]]]:
    """For `ParamStore.add_condition`: refuse a target that is none, naming the nearest address."""

    def check(own: str, value: Value) -> None:
        target = str(value)
        if not target or target in _SCALES:
            return
        param = osc_schema.lookup(target)
        if param is None:
            raise Rejected(f"{own}: {osc_schema.unknown_address(target)}")
        why = "is no float" if not param.can_glide else "cannot be modulated"
        raise Rejected(f"{own}: {target} {why}; floats that presets hold can, but for /audio, /mod and /lfo")

    for n in ROUTES:
        yield f"/mod/{n}/target", partial(check, f"/mod/{n}/target")


_SCALES: Final = {param.address: scale_of(param) for param in osc_schema.PARAMS if is_target(param)}


class _Route:
    """One route: its addresses, and the level it has fallen to."""

    __slots__ = ("amount", "channel", "curve", "level", "offset", "release_ms", "source", "target")

    def __init__(self, n: int) -> None:
        at = f"/mod/{n}"
        self.source, self.channel, self.target = f"{at}/source", f"{at}/channel", f"{at}/target"
        self.amount, self.offset, self.curve = f"{at}/amount", f"{at}/offset", f"{at}/curve"
        self.release_ms = f"{at}/release_ms"
        self.level = 0.0

    def part(self, level: float, values: Mapping[str, Any]) -> float:
        """What a level 0..1 adds to the target, as a part of its range."""
        return values[self.amount] * (level ** (4.0 ** values[self.curve]) + values[self.offset])


class Modulation:
    """One thread: the frame loop's. With no route on it costs a look at eight values, or at none."""

    def __init__(self) -> None:
        self.moved: Mapping[str, float] = _NOTHING
        """By address, what the last step has made of its targets."""
        self._routes = tuple(map(_Route, ROUTES))
        self._lfos = Lfos()
        self._parts: Mapping[str, float] = _NOTHING
        self._quiet: Mapping[str, Any] | None = None
        """The newest values in which no route is on."""
        self._time_s = 0.0
        self._onset_counts: tuple[int, ...] = ()

    def copy(self) -> "Modulation":
        """One that goes on from where this stands: with its LFOs, and what is left of its levels."""
        copy = Modulation()
        copy._lfos = self._lfos.copy()
        for route, own in zip(copy._routes, self._routes, strict=True):
            route.level = own.level
        copy.moved, copy._parts = self.moved, self._parts
        copy._time_s, copy._onset_counts = self._time_s, self._onset_counts
        return copy

    def again(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """`values` with what the last step added: for the analysis, on whose features this frame's step waits."""
        return _with(values, _moved(values, self._parts))

    def step(
        self, values: Mapping[str, Any], features: AudioFeatures, *, time_s: float, beat: float
    ) -> Mapping[str, Any]:
        """`values` with what the routes add now; `values` itself when none is on. It never changes afterwards.

        `time_s`: due time of the frame; `beat`: of the tempo then, growing.
        """
        if values is self._quiet:
            return values
        for route in self._routes:
            if values[route.source] == "off":
                route.level = 0.0
        routes = [route for route in self._routes if values[route.source] != "off" and values[route.target]]
        if not routes:
            self._quiet, self._parts, self.moved, self._onset_counts = values, _NOTHING, _NOTHING, ()
            return values
        self._quiet = None
        dt_s, self._time_s = max(0.0, time_s - self._time_s), time_s
        self._lfos.advance(values, dt_s, beat)
        has_onset = self._take_onsets(features)
        loudest = max(range(len(features.channels)), key=lambda at: features.channels[at].rms)
        parts: dict[str, float] = {}
        for route in routes:
            source = values[route.source]
            if source in _LFO_SOURCES:
                level = self._lfos.level(_LFO_SOURCES[source], values)
            else:
                at = values[route.channel] - 1 if values[route.channel] else loudest
                now = float(has_onset[at]) if source == "onset" else _LEVELS[source](features.channels[at])
                fallen = now + (route.level - now) * math.exp(-1000.0 * dt_s / values[route.release_ms])
                level = route.level = max(now, fallen)
            target = values[route.target]
            parts[target] = parts.get(target, 0.0) + route.part(level, values)
        self._parts, self.moved = parts, _moved(values, parts)
        return _with(values, self.moved)

    def _take_onsets(self, features: AudioFeatures) -> list[bool]:
        """For each channel, whether there was an onset since the last step."""
        counts = tuple([channel.onset_count for channel in features.channels])
        before, self._onset_counts = self._onset_counts or counts, counts
        return [count > known for count, known in zip(counts, before, strict=True)]


def _moved(values: Mapping[str, Any], parts: Mapping[str, float]) -> dict[str, float]:
    return {address: _SCALES[address].moved(values[address], part) for address, part in parts.items()}


def _with(values: Mapping[str, Any], moved: Mapping[str, float]) -> Mapping[str, Any]:
    if not moved:
        return values
    copy = values.to_dict() if isinstance(values, Snapshot) else values.copy()  # type: ignore[attr-defined]
    copy.update(moved)
    return MappingProxyType(copy)


def _of_level(linear: float) -> float:
    return min(1.0, max(0.0, (dbfs(linear) - FLOOR_DBFS) / (CEILING_DBFS - FLOOR_DBFS)))


def _of_pitch(pitch_hz: float) -> float:
    return min(1.0, max(0.0, math.log2(max(pitch_hz, MIN_HZ) / MIN_HZ) / OCTAVES))


_LEVELS: Final[dict[str, Callable[[ChannelFeatures], float]]] = {
    "rms": lambda channel: _of_level(channel.rms),
    "peak": lambda channel: _of_level(channel.peak),
    "envelope": lambda channel: _of_level(channel.envelope),
    "low": lambda channel: _of_level(channel.low),
    "mid": lambda channel: _of_level(channel.mid),
    "high": lambda channel: _of_level(channel.high),
    "pitch": lambda channel: _of_pitch(channel.pitch_hz),
}
