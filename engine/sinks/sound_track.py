"""Where the source's sound goes in a recording, so that it stays with the picture. Pure: no files, no
threads.

Sound has no clock of its own in a file: its place is the number of samples before it. Live that number drifts
from the pictures' times: the sound card's clock is not the computer's, blocks are lost, a device is pulled
out and comes back. So each block is expected to end where its frame is; once the track has been off by more
than a tenth of a second for longer than a second (one late frame is no reason), it is mended with silence or
by leaving samples out.
"""

import numpy as np

from engine.values import AudioBlock

MAX_OFFSET_S = 0.1  # EBU R37 allows 40 to 60 ms, but a block of a slow device is 50 ms by itself
PATIENCE_S = 1.0
AWAY_S = 0.25  # longer than the block of any device


class SoundTrack:
    """Places blocks on one track that starts with the first frame."""

    def __init__(self, *, sample_rate_hz: int, channels: int, is_offline: bool) -> None:
        self.mended = 0
        """How often the track was moved back to the pictures."""
        self._rate_hz = sample_rate_hz
        self._channels = min(channels, 2)
        self._is_offline = is_offline
        self._placed = 0
        self._origin_s: float | None = None
        self._off_since_s: float | None = None
        self._is_away = False

    def place(self, block: AudioBlock | None, time_s: float) -> np.ndarray:
        """The samples to append for the frame at `time_s`: (frames, 1 or 2) float32.

        Offline each block is what is heard while its frame is shown, and is taken as it comes. Live a block
        ends when its frame is shown; what was heard before the first frame is left out.
        """
        sound = stereo(block.samples) if block is not None else np.zeros((0, self._channels), np.float32)
        if sound.shape[1] < self._channels:  # the source has become mono
            sound = np.repeat(sound, 2, axis=1)
        sound = sound[:, : self._channels]
        if self._is_offline:
            return sound
        if self._origin_s is None:
            self._origin_s = time_s
            return sound[:0]
        missing = round((time_s - self._origin_s) * self._rate_hz) - self._placed - len(sound)
        if self._must_mend(missing, len(sound), time_s):
            silence = np.zeros((max(missing, 0), self._channels), np.float32)
            sound = np.concatenate([silence, sound[max(-missing, 0) :]])
        self._placed += len(sound)
        return sound

    def _must_mend(self, missing: int, came: int, time_s: float) -> bool:
        """Whether to put `missing` samples of silence in (below 0: to leave samples out) before what came."""
        if not came and missing > AWAY_S * self._rate_hz:
            self.mended += not self._is_away
            self._is_away = True
        if self._is_away:  # silence as it passes, and the rest of it just before the sound that comes back
            self._is_away = not came
            return True
        if abs(missing) <= MAX_OFFSET_S * self._rate_hz:
            self._off_since_s = None
        elif self._off_since_s is None:
            self._off_since_s = time_s
        elif time_s - self._off_since_s >= PATIENCE_S:
            self._off_since_s = None
            self.mended += 1
            return True
        return False


def stereo(samples: np.ndarray) -> np.ndarray:
    """One or two channels as they are; more become two, (frames, 2) float32 within [-1, 1].

    Odd channels lean left and even ones right, as an interface numbers its pairs, with 0.8 and 0.6 of their
    level on the two sides (equal power); divided by the square root of half their number, so that unrelated
    channels keep their level.
    """
    count = samples.shape[1]
    if count <= 2:
        return samples
    gains = np.empty((count, 2), np.float32)
    gains[0::2] = (0.8, 0.6)
    gains[1::2] = (0.6, 0.8)
    gains /= np.float32(np.sqrt(count / 2))
    return np.clip(samples @ gains, -1, 1)
