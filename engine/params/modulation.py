"""Modulation: the sound and the LFOs move parameters, on top of their set values.

Sources as a level 0..1, clipped, scaled for music on a stage:
- rms, peak, envelope, low, mid, high: (dBFS + 48) / 42, so 0 at -48 dBFS and 1 at -6 dBFS. Linear
  in amplitude, music would stay in the lowest fifth.
- pitch: log2(f / 55 Hz) / 5, so 0 at A1, 1 at A6: each octave is an equal step.
- onset: 1 in the frame after an onset, else 0; onsets are counted, so that none between two frames
  is missed.
- beat, bar: 1 in the frame after a beat, or after the first of a bar, else 0; those of
  `/tempo/source`.
- kick, snare, hat: 1 in the frame after a hit, else 0; detected in the sum of all source channels.
Channel 0 is the channel with the highest RMS in this frame. Release is that of a peak follower: y =
max(x, x + (y - x) exp(-dt / release)), the same at any frame rate. LFOs are used unchanged.

Each route adds `amount (level^(4^curve) + offset)` of its target's range to the target's value, in
the logarithm on an exponential scale. The routes to one target are summed, then clipped or wrapped,
and added to the gliding value; they do not set the parameter, so faders, feedback and presets keep
the value that the user chose.

The analysis needs values before there are features: `analysis_values` has the modulation of the
last frame. So its settings (/audio) cannot be targets, while those of the picture
(/multiverse/window_ms, /layer/<n>/ratio) can.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, Final

import osc_schema
from engine.params.lfo import Lfos
from engine.params.macros import breathe, spread
from engine.params.shader_inputs import is_input_address
from engine.params.store import Snapshot
from engine.values import AudioFeatures, ChannelFeatures, dbfs
from osc_schema import Param, Rejected, Value
from osc_schema.modulation import LFOS, ROUTES
from osc_schema.scale import scale_of

FLOOR_DBFS = -48.0
CEILING_DBFS = -6.0
MIN_HZ = 55.0
OCTAVES = 5.0
METER_RELEASE_MS: Final = 150.0  # the default of a route

_LFO_SOURCES: Final = {f"lfo{n}": n for n in LFOS}
_LEVELS: Final = ("rms", "peak", "envelope", "low", "mid", "high", "pitch")  # of ChannelFeatures
_PULSES: Final = ("beat", "bar", "kick", "snare", "hat")
_NOTHING: Final[Mapping[str, float]] = MappingProxyType({})

AliasOf = Callable[[str, Mapping[str, Any]], str]


def is_target(param: Param) -> bool:
    """True if a route may move the parameter: presets hold it, like the route. The audio analysis,
    the routes and the LFOs are excluded, because that would be a loop."""
    return param.can_glide and param.stored and param.area not in ("audio", "mod", "lfo")


def conditions() -> Iterator[tuple[str, Callable[[Value], None]]]:
    """Conditions for `ParamStore.add_condition`: reject an invalid target, suggesting the nearest
    address."""

    def check(own: str, value: Value) -> None:
        target = str(value)
        if not target or target in _SCALES or is_input_address(target):
            return
        param = osc_schema.lookup(target)
        if param is None:
            raise Rejected(f"{own}: {osc_schema.unknown_address(target)}")
        why = "is not a float" if not param.can_glide else "cannot be modulated"
        raise Rejected(
            f"{own}: {target} {why}; targets are floats that presets hold, except /audio, /mod "
            "and /lfo"
        )

    for n in ROUTES:
        yield f"/mod/{n}/target", partial(check, f"/mod/{n}/target")


_SCALES: Final = {param.address: scale_of(param) for param in osc_schema.PARAMS if is_target(param)}


class _Route:
    """One route: its addresses, and its current level."""

    __slots__ = (
        "amount",
        "channel",
        "curve",
        "level",
        "mute",
        "offset",
        "release_ms",
        "source",
        "target",
    )

    def __init__(self, n: int) -> None:
        at = f"/mod/{n}"
        self.source = f"{at}/source"
        self.channel = f"{at}/channel"
        self.target = f"{at}/target"
        self.amount = f"{at}/amount"
        self.offset = f"{at}/offset"
        self.curve = f"{at}/curve"
        self.release_ms = f"{at}/release_ms"
        self.mute = f"{at}/mute"
        self.level = 0.0

    def is_on(self, values: Mapping[str, Any]) -> bool:
        has_source = values[self.source] != "off"
        has_target = bool(values[self.target])
        return has_source and has_target and not values[self.mute]

    def fraction(self, level: float, values: Mapping[str, Any]) -> float:
        """The fraction of the target's range to add for a level 0..1."""
        fraction: float = values[self.amount] * (
            level ** (4.0 ** values[self.curve]) + values[self.offset]
        )
        return fraction


class Modulation:
    """Moves parameters by all routes. Render thread. Costs almost nothing while no route is on."""

    def __init__(self, alias_of: AliasOf = lambda target, values: "") -> None:
        """`alias_of(target, values)`: the parameter behind the name of a shader's input, "" if no
        shader that these values choose has such an input, or it has several numbers; the route then
        moves nothing."""
        self._alias_of = alias_of
        self.moved: Mapping[str, float] = _NOTHING
        """Modulated values of the targets after the last step, by address. Any thread."""
        self.sources: Mapping[str, float] = _NOTHING
        """Levels of all sources, 0..1, while a client watches them. Any thread."""
        self._watched_steps = 0
        self._routes = tuple(map(_Route, ROUTES))
        self._lfos = Lfos()
        self._fractions: Mapping[str, float] = _NOTHING
        self._quiet: Mapping[str, Any] | None = None
        """The latest values without an active route; they need no further check."""
        self._time_s = 0.0
        self._onset_counts: tuple[int, ...] = ()
        self._counts: dict[str, int] = {}
        """Beats, bars and hits at the last step."""

    def copy(self) -> "Modulation":
        """A copy that continues from the current state of the LFOs and levels."""
        copy = Modulation(self._alias_of)
        copy._lfos = self._lfos.copy()
        for route, own in zip(copy._routes, self._routes, strict=True):
            route.level = own.level
        copy.moved = self.moved
        copy._fractions = self._fractions
        copy._time_s = self._time_s
        copy._onset_counts = self._onset_counts
        copy._counts = self._counts
        return copy

    def watch_sources(self, steps: int) -> None:
        """Compute `sources` in the next steps, also while no route is on. Any thread."""
        self._watched_steps = steps

    def analysis_values(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """`values` with the modulation of the last step, for the analysis, which runs before this
        frame's step."""
        return _with(values, _apply_fractions(values, self._fractions))

    def step(
        self,
        values: Mapping[str, Any],
        features: AudioFeatures,
        *,
        time_s: float,
        beat: float,
        breath: float = 0.0,
    ) -> Mapping[str, Any]:
        """`values` with the current modulation; `values` itself if no route is on. The result is
        immutable. `time_s`: due time of the frame; `beat`: beat of the tempo at that time;
        `breath`: how far macros breathe, 0..1."""
        is_watched = self._watched_steps > 0
        if values is self._quiet and not is_watched and not breath:
            return values
        for route in self._routes:
            if values[route.source] == "off":
                route.level = 0.0
        routes = [route for route in self._routes if route.is_on(values)]
        if not routes and not is_watched and not breath:
            self._quiet = values
            self._fractions = _NOTHING
            self.moved = _NOTHING
            self._onset_counts = ()
            self._counts = {}
            return values
        self._quiet = None
        dt_s = max(0.0, time_s - self._time_s)
        self._time_s = time_s
        self._lfos.advance(values, dt_s, beat)
        has_onset = self._take_onsets(features)
        pulses = self._take_pulses(features, beat, values["/tempo/beats_a_bar"])
        numbers = range(len(features.channels))
        loudest = max(numbers, key=lambda at: features.channels[at].rms)
        sound = partial(
            _sound_level,
            features=features,
            has_onset=has_onset,
            pulses=pulses,
        )
        if is_watched:
            self._watched_steps -= 1
            self.sources = self._all_levels(values, partial(sound, at=loudest), dt_s)
        fractions: dict[str, float] = {}
        for route in routes:
            source = values[route.source]
            if source in _LFO_SOURCES:
                level = self._lfos.level(_LFO_SOURCES[source], values)
            else:
                now = sound(
                    source, at=values[route.channel] - 1 if values[route.channel] else loudest
                )
                level = route.level = _release(route.level, now, dt_s, values[route.release_ms])
            target = values[route.target]
            if target not in _SCALES and not (target := self._alias_of(target, values)):
                continue
            fractions[target] = fractions.get(target, 0.0) + route.fraction(level, values)
        moved = _apply_fractions(values, fractions)
        spread(values, moved)
        if breath:
            breathe(values, moved, breath, beat / values["/tempo/beats_a_bar"])
        self._fractions = fractions
        self.moved = moved
        return _with(values, self.moved)

    def _all_levels(
        self, values: Mapping[str, Any], sound: Callable[[str], float], dt_s: float
    ) -> dict[str, float]:
        levels = {name: self._lfos.level(n, values) for name, n in _LFO_SOURCES.items()}
        for source in (*_LEVELS, "onset", *_PULSES):
            levels[source] = _release(
                self.sources.get(source, 0.0), sound(source), dt_s, METER_RELEASE_MS
            )
        return levels

    def _take_onsets(self, features: AudioFeatures) -> list[bool]:
        """For each channel, True if there was an onset since the last step."""
        counts = tuple([channel.onset_count for channel in features.channels])
        before = self._onset_counts or counts
        self._onset_counts = counts
        return [count > before_count for count, before_count in zip(counts, before, strict=True)]

    def _take_pulses(
        self, features: AudioFeatures, beat: float, beats_a_bar: int
    ) -> dict[str, bool]:
        """For beat, bar, kick, snare and hat: True if there was one since the last step."""
        hits = features.beat
        totals = (
            math.floor(beat),
            math.floor(beat / beats_a_bar),
            hits.kick_count,
            hits.snare_count,
            hits.hat_count,
        )
        counts: dict[str, int] = dict(zip(_PULSES, totals, strict=True))
        before = self._counts or counts
        self._counts = counts
        return {name: count > before[name] for name, count in counts.items()}


def _release(
    before: float,
    now: float,
    dt_s: float,
    release_ms: float,
) -> float:
    passed_ms = 1000.0 * dt_s
    remaining = math.exp(-passed_ms / release_ms)
    return max(now, now + (before - now) * remaining)


def _sound_level(
    source: str,
    *,
    features: AudioFeatures,
    has_onset: list[bool],
    pulses: Mapping[str, bool],
    at: int,
) -> float:
    """The level of a source other than an LFO in this frame; `at`: index of its channel."""
    if source in pulses:
        return float(pulses[source])
    return (
        float(has_onset[at]) if source == "onset" else _channel_level(source, features.channels[at])
    )


def _apply_fractions(values: Mapping[str, Any], fractions: Mapping[str, float]) -> dict[str, float]:
    return {
        address: _SCALES[address].moved(values[address], fraction)
        for address, fraction in fractions.items()
    }


def _with(values: Mapping[str, Any], moved: Mapping[str, float]) -> Mapping[str, Any]:
    if not moved:
        return values
    copy = values.to_dict() if isinstance(values, Snapshot) else dict(values)
    copy.update(moved)
    return MappingProxyType(copy)


def _channel_level(source: str, channel: ChannelFeatures) -> float:
    if source == "pitch":
        level = math.log2(max(channel.pitch_hz, MIN_HZ) / MIN_HZ) / OCTAVES
    else:
        level = (dbfs(getattr(channel, source)) - FLOOR_DBFS) / (CEILING_DBFS - FLOOR_DBFS)
    return min(1.0, max(0.0, level))
