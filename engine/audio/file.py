"""Sound files through libsndfile (WAV, FLAC, OGG, MP3, AIFF and more), streamed, at their own rate."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from engine.audio.feed import bring_into_range
from engine.errors import AudioError

MOST_CHANNELS = 64
RATES_HZ = (4000, 384_000)


class FileFeed:
    """Plays a file once, or in a loop without a gap. A damaged file plays up to the damage, with a report.

    AudioError, one line, when it is missing, holds no sound or cannot be decoded from the beginning.
    """

    def __init__(self, path: str, *, is_looped: bool, report: Callable[[str, str], None]) -> None:
        import soundfile

        if not Path(path).is_file():
            raise AudioError(f"{path}: no such file (a device is written device:NAME, the built-in loop demo)")
        self._decode_error = soundfile.LibsndfileError
        self._path = path
        self._report = report
        self._is_looped = is_looped
        try:
            self._file = soundfile.SoundFile(path)
        except soundfile.LibsndfileError as error:
            raise AudioError(f"{path}: {_reason(error)} (WAV, FLAC, OGG, MP3 and AIFF can be played)") from None
        self.sample_rate_hz: int = self._file.samplerate
        self.channels: int = self._file.channels
        self.is_finished = False
        try:
            self._check()
        except AudioError:
            self._file.close()
            raise
        self.length_s: float | None = self._file.frames / self.sample_rate_hz
        self.description = (
            f"{Path(path).name} ({self.channels} channels, {self.sample_rate_hz} Hz, {self.length_s:.1f} s"
            f"{', looped' if is_looped else ''})"
        )

    def _check(self) -> None:
        if not RATES_HZ[0] <= self.sample_rate_hz <= RATES_HZ[1]:
            raise AudioError(f"{self._path}: {self.sample_rate_hz} Hz is outside {RATES_HZ[0]}..{RATES_HZ[1]} Hz")
        if self.channels > MOST_CHANNELS:
            raise AudioError(f"{self._path}: {self.channels} channels; at most {MOST_CHANNELS} can be played")
        try:
            has_sound = len(self._file.read(1)) == 1
            self._file.seek(0)
        except self._decode_error as error:
            raise AudioError(f"{self._path}: {_reason(error)}") from None
        if not has_sound:
            raise AudioError(f"{self._path}: the file holds no sound")

    def read(self, frames: int) -> np.ndarray:
        """(frames, channels) float32 in [-1, 1]; blocks on the disk."""
        block = np.zeros((frames, self.channels), np.float32)
        filled = 0
        while filled < frames and not self.is_finished:
            got = self._decode(block[filled:])
            filled += got
            if got == 0:
                self._rewind()
        if not self._is_looped and self._file.tell() >= self._file.frames:
            self.is_finished = True  # with the last sample, not with the first one after it
        return bring_into_range(block)

    def close(self) -> None:
        self._file.close()

    def _decode(self, rest: np.ndarray) -> int:
        try:
            return len(self._file.read(out=rest))
        except self._decode_error as error:
            at_s = self._file.tell() / self.sample_rate_hz
            self._report("audio.file", f"{self._path}: damaged at {at_s:.1f} s, taken for its end: {_reason(error)}")
            return 0

    def _rewind(self) -> None:
        # A file emptied while it plays would be rewound for ever: two ends without sound between are the end.
        self.is_finished = not self._is_looped or self._file.tell() == 0
        if not self.is_finished:
            self._file.seek(0)


def _reason(error: Exception) -> str:
    return getattr(error, "error_string", str(error)).rstrip(".")
