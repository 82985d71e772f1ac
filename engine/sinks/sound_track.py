"""Keeps the source's sound in sync with the picture of a recording. Pure: no files, no threads.

Problem: sound in a file has no time stamps of its own; its position is the number of samples before it. Live that
number drifts from the pictures' times: the sound card has its own clock, blocks are lost, a device is unplugged and
reconnected.

Solution: each block should end at the time of its frame. If the track is off by more than a tenth of a second for
longer than a second (so a single late frame does not count), we insert silence or drop samples.
"""

import numpy as np

from engine.values import AudioBlock

MAX_OFFSET_S = 0.1  # EBU R37 allows 40 to 60 ms, but a slow device's block alone is 50 ms
MIN_OFFSET_DURATION_S = 1.0
MAX_BLOCK_S = 0.25  # longer than any device's block


class SoundTrack:
    """Positions blocks on a track that starts with the first frame."""

    def __init__(self, *, sample_rate_hz: int, channels: int, is_offline: bool) -> None:
        self.corrections = 0
        """How often the track was resynchronised with the pictures."""
        self._rate_hz = sample_rate_hz
        self._channels = min(channels, 2)
        self._is_offline = is_offline
        self._placed = 0
        self._origin_s: float | None = None
        self._off_since_s: float | None = None
        self._is_away = False

    def place(self, block: AudioBlock | None, time_s: float) -> np.ndarray:
        """The samples to append for the frame at `time_s`: (frames, 1 or 2) float32.

        Offline each block lasts exactly as long as its frame and is appended unchanged. Live a block ends when its
        frame is shown; sound before the first frame is dropped.
        """
        sound = stereo(block.samples) if block is not None else np.zeros((0, self._channels), np.float32)
        if sound.shape[1] < self._channels:  # the source switched to mono
            sound = np.repeat(sound, 2, axis=1)
        sound = sound[:, : self._channels]
        if self._is_offline:
            return sound
        if self._origin_s is None:
            self._origin_s = time_s
            return sound[:0]
        missing = round((time_s - self._origin_s) * self._rate_hz) - self._placed - len(sound)
        if self._must_correct(missing, len(sound), time_s):
            silence = np.zeros((max(missing, 0), self._channels), np.float32)
            sound = np.concatenate([silence, sound[max(-missing, 0) :]])
        self._placed += len(sound)
        return sound

    def _must_correct(self, missing: int, came: int, time_s: float) -> bool:
        """True to insert `missing` samples of silence now (if negative, to drop samples) before the `came` new ones."""
        if not came and missing > MAX_BLOCK_S * self._rate_hz:
            self.corrections += not self._is_away
            self._is_away = True
        if self._is_away:  # insert silence while the device is away, and the rest just before the sound returns
            self._is_away = not came
            return True
        if abs(missing) <= MAX_OFFSET_S * self._rate_hz:
            self._off_since_s = None
        elif self._off_since_s is None:
            self._off_since_s = time_s
        elif time_s - self._off_since_s >= MIN_OFFSET_DURATION_S:
            self._off_since_s = None
            self.corrections += 1
            return True
        return False


def stereo(samples: np.ndarray) -> np.ndarray:
    """One or two channels unchanged; more are mixed down to (frames, 2) float32 in [-1, 1].

    Odd channels are panned left and even ones right, as interfaces number their pairs, with 0.8 and 0.6 of their level
    on the two sides (equal power), divided by the square root of half their number, so that uncorrelated channels keep
    their level.
    """
    count = samples.shape[1]
    if count <= 2:
        return samples
    gains = np.empty((count, 2), np.float32)
    gains[0::2] = (0.8, 0.6)
    gains[1::2] = (0.6, 0.8)
    gains /= np.float32(np.sqrt(count / 2))
    return np.clip(samples @ gains, -1, 1)
