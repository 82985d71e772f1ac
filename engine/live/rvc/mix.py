"""Crossfades between the dry and the converted voice, sample-aligned and without clicks.

The converted voice has gaps. The fade-out must be complete at its last sample before a gap, so the
mix looks FADE_S ahead: a sample counts as usable if all samples from it to FADE_S later are
present. The gain of the converted voice is this flag (0 or 1) averaged over the newest FADE_S,
weighted by a Hann window (Harris 1978) so that it has no corners. The dry voice or silence is mixed
in with 1 minus that gain.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

FADE_S = 0.006
FALL_DB_S = 20.0
SILENT_DB = -60.0  # at or below this level the gain is 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MixSettings:
    is_converting: bool = False
    """True if the conversion is on. While it is off, missing samples are not counted as
    underruns."""
    monitor: float = 1.0
    """0: dry voice, 1: converted voice; linear in between."""
    volume: float = 1.0
    """Linear."""
    is_dry_without: bool = True
    """While converted samples are missing: True plays the dry voice, False silence."""

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> Self:
        """The settings in a snapshot of all parameters (address -> value)."""
        gain_db = float(values["/rvc/gain_db"])
        return cls(
            is_converting=bool(values["/rvc/enable"]),
            monitor=float(values["/rvc/monitor"]),
            volume=0.0 if gain_db <= SILENT_DB else 10.0 ** (gain_db / 20.0),
            is_dry_without=values["/rvc/fallback"] == "dry",
        )


class VoiceMix:
    """Mixes the dry and the converted voice; every call continues where the last one ended. One
    thread."""

    def __init__(self, rate_hz: int) -> None:
        self.fade_frames = round(rate_hz * FADE_S)
        """Number of converted samples that `mix` needs beyond the ones it mixes."""
        self.underruns = 0
        """Runs of missing samples while the conversion was on."""
        # 1 for each of the newest samples that was usable, else 0
        self._usable = np.zeros(self.fade_frames, bool)
        self._was_converting = False
        window = np.hanning(self.fade_frames + 2)[1:-1]
        self._window = (window / window.sum()).astype(np.float32)
        self._monitor = _Fader(1.0, self.fade_frames)
        self._without = _Fader(1.0, self.fade_frames)
        self._volume = _Fader(1.0, self.fade_frames)

    def mix(
        self, dry: np.ndarray, wet: np.ndarray, presence: np.ndarray, settings: MixSettings
    ) -> np.ndarray:
        """The mix, (n,) float32, from `dry` (n,), `wet` and `presence` (n + fade_frames,);
        `presence` is 0 or 1."""
        frames = len(dry)
        gain = self._gain(presence, frames, settings.is_converting)
        monitor = self._monitor.step(settings.monitor, frames)
        without = self._without.step(float(settings.is_dry_without), frames)
        mixed: np.ndarray = wet[:frames] * (gain * monitor) + dry * (
            gain * (1.0 - monitor) + (1.0 - gain) * without
        )
        return mixed * self._volume.step(settings.volume, frames)

    def _gain(self, presence: np.ndarray, frames: int, is_converting: bool) -> np.ndarray:
        """The gain of the conversion, (frames,) float32 in 0..1."""
        fade = self.fade_frames
        missing = np.concatenate(([0], np.cumsum(presence <= 0.0)))
        # usable: all present up to FADE_S later
        counts = missing[fade : fade + frames] == missing[:frames]
        before = np.concatenate(([self._usable[-1] and self._was_converting], counts[:-1]))
        if is_converting:
            self.underruns += int(np.count_nonzero(before & ~counts))
        self._was_converting = is_converting
        opened = np.concatenate((self._usable, counts))
        self._usable = opened[frames:]
        if opened.all() or not opened.any():
            return np.full(frames, opened[0], np.float32)
        return np.convolve(opened[1:], self._window, mode="valid")


class PeakLevel:
    """The peak level of a sound for a meter: rises at once, and falls by FALL_DB_S."""

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._db = SILENT_DB

    @property
    def db(self) -> float:
        """dBFS, SILENT_DB at least. Any thread."""
        return round(self._db, 1)

    def take(self, sound: np.ndarray) -> None:
        """Measure the next samples, (n,) float32."""
        peak = float(np.abs(sound).max(initial=0.0))
        # neither NaN nor infinity stays
        peak_db = 20.0 * math.log10(peak) if 1e-6 < peak < 10.0 else SILENT_DB
        self._db = max(peak_db, self._db - FALL_DB_S * len(sound) / self._rate_hz, SILENT_DB)


class ChannelSelector:
    """Selects one channel of a sound. A change of channel is crossfaded over FADE_S; a channel that
    does not exist is silent. Single thread; each call continues where the last one ended."""

    def __init__(self, rate_hz: int) -> None:
        self._fade_frames = round(rate_hz * FADE_S)
        self._former = 0
        self._channel = 0
        self._new_gain = _Fader(1.0, self._fade_frames)
        """Gain of `_channel`; `_former` has 1 minus this."""

    def select(self, sound: np.ndarray, channel: int) -> np.ndarray:
        """Channel `channel` (from 1) of (n, channels), (n,) float32. A change during a crossfade
        waits for its end."""
        if self._channel == 0:
            self._channel = channel
        if channel != self._channel and self._new_gain.at == 1.0:
            self._former = self._channel
            self._channel = channel
            self._new_gain = _Fader(0.0, self._fade_frames)
        if self._new_gain.at == 1.0:
            return _channel_of(sound, self._channel)
        gain = self._new_gain.step(1.0, len(sound))
        gain = gain * gain * (3.0 - 2.0 * gain)  # smoothstep: no corners
        return gain * _channel_of(sound, self._channel) + (1.0 - gain) * _channel_of(
            sound, self._former
        )


def _channel_of(sound: np.ndarray, channel: int) -> np.ndarray:
    if channel > sound.shape[1]:
        return np.zeros(len(sound), np.float32)
    return sound[:, channel - 1].astype(np.float32)


class _Fader:
    """Moves to its target linearly, in FADE_S at most."""

    def __init__(self, at: float, fade_frames: int) -> None:
        self.at = at
        self._target = at
        self._step = 0.0
        self._fade_frames = fade_frames

    def step(self, target: float, frames: int) -> np.ndarray | np.float32:
        """(frames,) float32, or one number if it does not move."""
        if target != self._target:
            self._target = target
            self._step = (target - self.at) / self._fade_frames
        if self.at == target:
            return np.float32(target)
        path = self.at + self._step * np.arange(1, frames + 1, dtype=np.float32)
        np.clip(path, min(self.at, target), max(self.at, target), out=path)
        is_there = frames >= (target - self.at) / self._step
        self.at = target if is_there else float(path[-1])
        return path
