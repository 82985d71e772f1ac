"""Chooses the transposition that brings the speaker's median pitch to a target. Pure.

The median is that of the logarithm of the newest MEDIAN_FRAMES voiced frames: in silence it stays.
Trackers take some frames an octave too low or too high: frames more than half an octave from the
median are first moved by whole octaves.

The transposition glides for GLIDE_S to its target, and stays there while the speaker moves by less
than DEAD_BAND: a melody must not pull it along. At a start nothing was received yet, so it begins
without a glide (`settle`).

The pitch of the model's own voice is not in its file, and cannot be measured from its weights: the
decoder follows any pitch that it is given. So the target is set by hand (`/rvc/pitch_target_hz`).
"""

from collections import deque

import numpy as np

MEDIAN_FRAMES = 500  # 5 s of voiced sound: a new speaker counts after half of it
MIN_FRAMES = 30
GLIDE_S = 2.0
DEAD_BAND = 0.5  # semitones
MAX_SEMITONES = 24.0


class AutoPitch:
    """Computes the automatic transposition. `now_s` is on the clock of the sound. One thread."""

    def __init__(self) -> None:
        self._octaves: deque[float] = deque(maxlen=MEDIAN_FRAMES)
        """log2 of the pitch in Hz of voiced frames."""
        self._from = 0.0
        self._to = 0.0
        """Semitones at the start and at the end of the glide."""
        self._since_s = 0.0
        self._target_hz: float | None = None

    def add_pitch(self, hz: np.ndarray) -> None:
        """Add the pitch of new frames, (n,) Hz, 0 where unvoiced."""
        self._octaves.extend(np.log2(hz[hz > 0.0]).tolist())

    @property
    def speaker_hz(self) -> float | None:
        """The speaker's median pitch; None until MIN_FRAMES voiced frames were received."""
        if len(self._octaves) < MIN_FRAMES:
            return None
        octaves = np.array(self._octaves)
        octaves -= (octaves - np.median(octaves)).round()
        return float(2.0 ** np.median(octaves))

    def aim(self, target_hz: float | None, now_s: float) -> float:
        """The transposition in semitones at `now_s`; it glides to 0 if there is no target."""
        semitones = self._target_semitones(target_hz)
        is_moved = target_hz != self._target_hz
        self._target_hz = target_hz
        if abs(semitones - self._to) > (0.0 if is_moved else DEAD_BAND):
            self._from = self._at(now_s)
            self._to = semitones
            self._since_s = now_s
        return self._at(now_s)

    def settle(self, target_hz: float | None, now_s: float) -> float:
        """Like `aim` without a glide, while nothing is audible."""
        self._from = self._target_semitones(target_hz)
        self._to = self._from
        self._since_s = now_s
        self._target_hz = target_hz
        return self._to

    def _target_semitones(self, target_hz: float | None) -> float:
        speaker_hz = self.speaker_hz
        if target_hz is None or speaker_hz is None:
            return self._to if target_hz else 0.0
        return float(np.clip(12.0 * np.log2(target_hz / speaker_hz), -MAX_SEMITONES, MAX_SEMITONES))

    def _at(self, now_s: float) -> float:
        part = min(max((now_s - self._since_s) / GLIDE_S, 0.0), 1.0)
        # smoothstep: no corners
        return self._from + (self._to - self._from) * part * part * (3.0 - 2.0 * part)
