"""A ring read by another clock, always the same time behind: the voice from the microphone's clock to the speaker's.

Two clock lines say which sample of the ring sounded when, and when each sample that is read will sound. What is read
for a moment t is what stood in the ring's time at t - lag, so that the lag holds to the sample however the two
crystals drift, and whatever lies between is part of it: blocks, buffers, threads. Between samples stands a windowed
sinc (J. O. Smith, Digital Audio Resampling: Kaiser window, 32 samples), -80 dB beside its band.
"""

import numpy as np

from engine.audio.clock_line import ClockLine
from engine.audio.ring import SampleRing

HALF_TAPS = 16
PHASES = 2048  # of a sample: the nearest is at most -80 dB wrong at 10 kHz
KAISER_BETA = 8.0
SETTLED_S = 0.5
FADE_S = 0.004
JUMP_S = 0.001  # a place further off than this is faded to, nearer ones are glided to
STEEPEST = 2e-3  # of the rate, while gliding: 3 cents


def sinc_table(share: float) -> np.ndarray:
    """(PHASES + 1, 32) float32: the weights of 32 samples for a place between the 16th and the 17th, by phase.

    `share` of the band up to half the sample rate is kept. Each row's sum is 1: a constant stays what it is.
    """
    offsets = np.arange(2 * HALF_TAPS) - (HALF_TAPS - 1) - np.linspace(0.0, 1.0, PHASES + 1)[:, None]
    inside = np.clip(1.0 - (offsets / HALF_TAPS) ** 2, 0.0, None)
    weights = np.sinc(offsets * share) * np.i0(KAISER_BETA * np.sqrt(inside))
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


class SteadyReader:
    """One thread reads. Threads and clocks are the caller's: all time comes in as an argument."""

    def __init__(self, ring: SampleRing, to_hz: int, lag_s: float) -> None:
        self.to_hz = to_hz
        self.lag_s = lag_s
        """From a sample's mark in the ring to where it sounds. A change is heard at the next read, faded."""
        self.gaps = 0
        """How often the ring had not what was due."""
        self.least_spare_s = float("inf")
        """The least that the ring had beyond what was due, in time; for whoever chooses the lag to read and reset."""
        self._ring = ring
        self._table = sinc_table(min(1.0, to_hz / ring.sample_rate_hz))
        self._written = ClockLine(ring.sample_rate_hz)
        self._heard = ClockLine(to_hz)
        self._frames_read = 0
        self._place = 0.0  # in the ring, of the next frame
        self._is_audible = False

    @property
    def is_settled(self) -> bool:
        """Whether both clocks are known; nothing is heard before."""
        return min(self._written.age_s, self._heard.age_s) >= SETTLED_S

    @property
    def disturbances(self) -> int:
        """Grows as long as one of the clocks is not where it was expected, as after a gap of its device."""
        return self._written.disturbances + self._heard.disturbances

    def read(self, frames: int, heard_s: float) -> np.ndarray:
        """The next (frames, channels) float32, the first of them heard at `heard_s`; silence where there is nothing."""
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
            step = min(max(ends - self._place, nominal * (1.0 - STEEPEST)), nominal * (1.0 + STEEPEST))
            begins, ends, former = self._place, self._place + step, None
        else:
            former = self._between(frames, self._place, self._place + (ends - begins))
        self._place = ends
        return self._faded(frames, begins, ends, former)

    def _faded(self, frames: int, begins: float, ends: float, former: np.ndarray | None) -> np.ndarray:
        """What stands between two places of the ring; faded out in time where it is about to run dry."""
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
        """(frames, channels) at `frames` places from `begins` on, without `ends`; zeros where there is no sample."""
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
        return np.einsum("ft,fct->fc", weights, windows[before - before[0]])


def _rise(frames: int) -> np.ndarray:
    """(frames, 1) from 0 to 1 without a corner."""
    return (np.sin(np.linspace(0.0, np.pi / 2.0, frames, dtype=np.float32)) ** 2)[:, None]
