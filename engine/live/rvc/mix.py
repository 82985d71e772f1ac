"""Dry and converted voice made into what is heard, sample by sample of the same moment, without a click.

The conversion is there for some samples and not for others: where it stops, it has to be gone when its last sample
comes. So the mix sees `FADE_S` further than it mixes. The gain of the conversion is what a door would do that needs
FADE_S to open or shut: a sample counts as there when all of the FADE_S from it on are there, and the gain is the mean
of that over the newest FADE_S, weighed by a Hann window (Harris 1978) so that it has no corners. Where the conversion
is not, the voice itself or silence is, at 1 minus that gain: both are of the same moment.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

FADE_S = 0.006
SILENT_DB = -60.0  # the lowest volume is silence


@dataclass(frozen=True, slots=True, kw_only=True)
class MixSettings:
    """What the listener chose."""

    is_wanted: bool = False
    """Whether there should be a conversion at all: else its absence is no fault."""
    monitor: float = 1.0
    """0 the voice itself, 1 the conversion; linear between."""
    volume: float = 1.0
    """Linear."""
    is_dry_without: bool = True
    """Where there is no conversion: the voice itself, or silence."""

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> Self:
        """From a snapshot of all parameters (address -> value)."""
        gain_db = float(values["/rvc/gain_db"])
        return cls(
            is_wanted=bool(values["/rvc/enable"]),
            monitor=float(values["/rvc/monitor"]),
            volume=0.0 if gain_db <= SILENT_DB else 10.0 ** (gain_db / 20.0),
            is_dry_without=values["/rvc/fallback"] == "dry",
        )


class VoiceMix:
    """One thread; every call goes on where the last one ended."""

    def __init__(self, rate_hz: int) -> None:
        self.fade_frames = round(rate_hz * FADE_S)
        """How much further than what is mixed the conversion must be known."""
        self.underruns = 0
        """How often the conversion stopped while it was wanted: a run of missing samples is one."""
        self._opened = np.zeros(self.fade_frames, bool)  # of the newest samples, whether each counted
        self._was_wanted = False
        window = np.hanning(self.fade_frames + 2)[1:-1]
        self._door = (window / window.sum()).astype(np.float32)
        self._monitor = _Fader(1.0, self.fade_frames)
        self._without = _Fader(1.0, self.fade_frames)
        self._volume = _Fader(1.0, self.fade_frames)

    def mix(self, dry: np.ndarray, wet: np.ndarray, presence: np.ndarray, settings: MixSettings) -> np.ndarray:
        """(n,) float32 of `dry` (n,), and of `wet` and `presence` (n + fade_frames,), which is 0 or 1."""
        frames = len(dry)
        gain = self._gain(presence, frames, settings.is_wanted)
        monitor = self._monitor.step(settings.monitor, frames)
        without = self._without.step(float(settings.is_dry_without), frames)
        return (wet[:frames] * (gain * monitor) + dry * (gain * (1.0 - monitor) + (1.0 - gain) * without)) * (
            self._volume.step(settings.volume, frames)
        )

    def _gain(self, presence: np.ndarray, frames: int, is_wanted: bool) -> np.ndarray:
        """(frames,) float32 in 0..1, of the conversion."""
        fade = self.fade_frames
        missing = np.concatenate(([0], np.cumsum(presence <= 0.0)))
        counts = missing[fade : fade + frames] == missing[:frames]  # all of the FADE_S from it on are there
        before = np.concatenate(([self._opened[-1] and self._was_wanted], counts[:-1]))
        if is_wanted:
            self.underruns += int(np.count_nonzero(before & ~counts))
        self._was_wanted = is_wanted
        opened = np.concatenate((self._opened, counts))
        self._opened = opened[frames:]
        if opened.all() or not opened.any():
            return np.full(frames, opened[0], np.float32)
        return np.convolve(opened[1:], self._door, mode="valid")


class OneChannel:
    """One channel of a sound. Another one is gone over to in FADE_S, from where the sound is then; one that the sound
    lacks is silence. One thread; every call goes on where the last one ended."""

    def __init__(self, rate_hz: int) -> None:
        self._fade_frames = round(rate_hz * FADE_S)
        self._former = self._channel = 0
        self._share = _Fader(1.0, self._fade_frames)
        """Of `_channel`; the rest is `_former`."""

    def of(self, sound: np.ndarray, channel: int) -> np.ndarray:
        """(n,) float32 of (n, channels); `channel` counts from 1. One that is asked for during a fade is next."""
        if self._channel == 0:
            self._channel = channel
        if channel != self._channel and self._share.at == 1.0:
            self._former, self._channel = self._channel, channel
            self._share = _Fader(0.0, self._fade_frames)
        if self._share.at == 1.0:
            return _channel_of(sound, self._channel)
        share = self._share.step(1.0, len(sound))
        share = share * share * (3.0 - 2.0 * share)  # without corners
        return share * _channel_of(sound, self._channel) + (1.0 - share) * _channel_of(sound, self._former)


def _channel_of(sound: np.ndarray, channel: int) -> np.ndarray:
    if channel > sound.shape[1]:
        return np.zeros(len(sound), np.float32)
    return sound[:, channel - 1].astype(np.float32)


class _Fader:
    """Goes to where it is sent in FADE_S at most, in a straight line."""

    def __init__(self, at: float, fade_frames: int) -> None:
        self._at = self._target = at
        self._step = 0.0
        self._fade_frames = fade_frames

    @property
    def at(self) -> float:
        return self._at

    def step(self, target: float, frames: int) -> np.ndarray | np.float32:
        """(frames,) float32; one number while it stands still."""
        if target != self._target:
            self._target = target
            self._step = (target - self._at) / self._fade_frames
        if self._at == target:
            return np.float32(target)
        path = self._at + self._step * np.arange(1, frames + 1, dtype=np.float32)
        np.clip(path, min(self._at, target), max(self._at, target), out=path)
        is_there = frames >= (target - self._at) / self._step
        self._at = target if is_there else float(path[-1])
        return path
