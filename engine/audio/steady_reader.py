"""Resamples a ring to another clock with a constant lag: the voice from the microphone's clock to the speaker's.

One clock line gives the time at which each sample of the ring sounded, the other the time at which each sample read
will be heard. For time t we read the ring at t - lag, so that the lag is exact to the sample however the two crystals
drift. It includes everything in between: blocks, buffers, threads. Values between samples come from a windowed sinc (J.
O. Smith, Digital Audio Resampling: Kaiser window, 32 samples), -80 dB beside its band.
"""

import numpy as np

from engine.audio.clock_line import ClockLine
from engine.audio.ring import SampleRing

HALF_TAPS = 16
PHASES = 2048  # per sample: using the nearest one is an error of at most -80 dB at 10 kHz
KAISER_BETA = 8.0
SETTLED_S = 0.5
FADE_S = 0.004
JUMP_S = 0.001  # larger offsets are crossfaded, smaller ones glided
MAX_GLIDE = 2e-3  # maximum change of rate while gliding: 3 cents


def sinc_table(share: float) -> np.ndarray:
    """(PHASES + 1, 32) float32: the weights of 32 samples for a position between the 16th and the 17th, by phase.

    `share`: part of the band up to half the sample rate that is kept. Rows sum to 1, so that a constant is unchanged.
    """
    offsets = np.arange(2 * HALF_TAPS) - (HALF_TAPS - 1) - np.linspace(0.0, 1.0, PHASES + 1)[:, None]
    inside = np.clip(1.0 - (offsets / HALF_TAPS) ** 2, 0.0, None)
    weights = np.sinc(offsets * share) * np.i0(KAISER_BETA * np.sqrt(inside))
    rows: np.ndarray = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return rows


class SteadyReader:
    """Read from one thread. All times are arguments."""

    def __init__(self, ring: SampleRing, to_hz: int, lag_s: float) -> None:
        self.to_hz = to_hz
        self.lag_s = lag_s
        """Time from a sample's mark in the ring until it is heard. A change takes effect at the next read, with a
        fade."""
        self.gaps = 0
        """Number of underruns."""
        self.least_spare_s = float("inf")
        """Smallest reserve in the ring since the last reset, in seconds; read and reset by the code that sets the
        lag."""
        self._ring = ring
        self._table = sinc_table(min(1.0, to_hz / ring.sample_rate_hz))
        self._written = ClockLine(ring.sample_rate_hz)
        self._heard = ClockLine(to_hz)
        self._frames_read = 0
        self._place = 0.0  # position of the next frame in the ring
        self._is_audible = False

    @property
    def is_settled(self) -> bool:
        """True once both clocks are known; before that it is silent."""
        return min(self._written.age_s, self._heard.age_s) >= SETTLED_S

    @property
    def disturbances(self) -> int:
        """Counter that grows while one of the clocks is off its prediction, as after a dropout."""
        return self._written.disturbances + self._heard.disturbances

    def read(self, frames: int, heard_s: float) -> np.ndarray:
        """The next (frames, channels) float32, the first of them heard at `heard_s`; silence if the ring is empty."""
        # audio thread: no lock, no logging
        if (mark := self._ring.mark) is not None:
            self._written.add(*mark)
        self._heard.add(self._frames_read, heard_s)
        first_s = self._heard.time_of(self._frames_read)
        self._frames_read += frames
        if not self.is_settled:
            self._is_audible = False
            return np.zeros((frames, self._ring.channels), np.float32)
        rate_hz = self._ring.sample_rate_hz
        begins = self._written.number_at(first_s - self.lag_s)
        ends = self._written.number_at(self._heard.time_of(self._frames_read) - self.lag_s)
        if not self._is_audible:
            self._place = begins
        if abs(begins - self._place) <= JUMP_S * rate_hz:
            nominal = frames * rate_hz / self.to_hz
            step = min(max(ends - self._place, nominal * (1.0 - MAX_GLIDE)), nominal * (1.0 + MAX_GLIDE))
            begins, ends, former = self._place, self._place + step, None
        else:
            former = self._between(frames, self._place, self._place + (ends - begins))
        self._place = ends
        return self._faded(frames, begins, ends, former)

    def _faded(self, frames: int, begins: float, ends: float, former: np.ndarray | None) -> np.ndarray:
        """The sound between two positions of the ring; faded out before an underrun."""
        rate_hz = self._ring.sample_rate_hz
        spare = self._ring.newest - (ends + HALF_TAPS + FADE_S * rate_hz)
        self.least_spare_s = min(self.least_spare_s, spare / rate_hz)
        sound = self._between(frames, begins, ends)
        if former is not None:
            rise = _rise(frames)
            sound = former + (sound - former) * rise
        was_audible, self._is_audible = self._is_audible, spare >= 0.0
        fade = min(frames, round(FADE_S * self.to_hz))
        if self._is_audible and not was_audible:
            sound[:fade] *= _rise(fade)
        elif was_audible and not self._is_audible:
            self.gaps += 1
            sound[:fade] *= _rise(fade)[::-1]
            sound[fade:] = 0.0
        elif not was_audible:
            sound[:] = 0.0
        return sound

    def _between(self, frames: int, begins: float, ends: float) -> np.ndarray:
        """(frames, channels) at `frames` positions from `begins` to before `ends`; zeros for missing samples."""
        places = begins + (ends - begins) / frames * np.arange(frames)
        before = np.floor(places).astype(np.int64)
        first = int(before[0]) - (HALF_TAPS - 1)
        end = int(before[-1]) + HALF_TAPS + 1
        samples = np.zeros((end - first, self._ring.channels), np.float32)
        found_at, found = self._ring.read(first, end)
        if len(found):
            samples[found_at - first : found_at - first + len(found)] = found
        weights = self._table.take(np.rint((places - before) * PHASES).astype(np.int64), axis=0)  # (frames, 32)
        windows = np.lib.stride_tricks.sliding_window_view(samples, 2 * HALF_TAPS, axis=0)
        read: np.ndarray = np.einsum("ft,fct->fc", weights, windows[before - before[0]])
        return read


def _rise(frames: int) -> np.ndarray:
    """(frames, 1) from 0 to 1, smooth at both ends."""
    return (np.sin(np.linspace(0.0, np.pi / 2.0, frames, dtype=np.float32)) ** 2)[:, None]
