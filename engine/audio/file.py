"""Streams sound files at their own rate: with libsndfile (WAV, FLAC, OGG, MP3, AIFF and more), else
with FFmpeg (M4A, AAC, Opus, the sound of a video). What has more than two channels is read by
FFmpeg, which knows their loudspeakers.

A looped file that another program rewrites, in place or as a new file of the same name, is opened
again once it has not changed for a second. Until then it is silent or plays on from the old file.
Otherwise libsndfile would read the new bytes with the old header, and find no sound at the end of a
file that was emptied meanwhile.
"""

import os
from contextlib import suppress
from pathlib import Path

import numpy as np

from engine.audio.feed import bring_into_range
from engine.errors import AudioError
from engine.system.media_file import open_sound_file, promised_frames, unread_part_line
from engine.system.reporting import Report

MAX_CHANNELS = 64
CHECK_S = 0.05  # of sound, between two looks at the file
SETTLED_CHECKS = 20  # without a change, until it is opened again
RATES_HZ = (4000, 384_000)
MISSING_END_S = 0.5  # a file that ends this much early was cut off; rounding errors are smaller


class FileFeed:
    """Plays a file once, or loops it without a gap. A damaged file plays up to the damage, which is
    reported. AudioError, in one line, if it is missing, has no sound or cannot be decoded from the
    beginning."""

    track_position = None

    def __init__(self, path: str, *, is_looped: bool, report: Report) -> None:
        if not os.path.exists(path):  # Path's own raises for a name that is too long
            raise AudioError(
                f"{path}: no such file (device:NAME is a device, demo the built-in loop)"
            )
        self._path = path
        self._version = _stat(path)
        self._last_stat = self._version
        self._is_waiting = False
        self._checks = 0
        self._unchecked_samples = 0
        self._report = report
        self._reported: set[str] = set()  # so that a loop does not report its damage again
        self.is_looped = is_looped
        """May change at any time, on the thread that reads."""
        self._file = _open(Path(path))
        self.sample_rate_hz = self._file.rate_hz
        self.channels = self._file.channels
        self.length_s = self._file.length_s
        self.surround = self._file.surround
        """FFmpeg's name of its layout, if that has a centre, as videos have; else ""."""
        self.is_finished = False
        try:
            self._check()
        except AudioError:
            self._file.close()
            raise
        appended = unread_part_line(Path(path))
        if appended:
            self._report_once(appended)

    @property
    def description(self) -> str:
        length = f", {self.length_s:.1f} s" if self.length_s is not None else ""
        looped = ", looped" if self.is_looped else ""
        return (
            f"{Path(self._path).name} ({self.channels} channels, {self.sample_rate_hz} "
            f"Hz{length}{looped})"
        )

    @property
    def position_s(self) -> float:
        """Position of the next sample in the file."""
        return self._file.position / self.sample_rate_hz

    def seek(self, position_s: float) -> None:
        """Continue at this position, or at the end if it is after the end. May wait for the
        disk."""
        self.is_finished = False
        try:
            self._file.seek(round(max(position_s, 0.0) * self.sample_rate_hz))
        except _DamageError as error:
            self._report(
                "audio.file", f"{self._path}: cannot be read from {position_s:.1f} s on: {error}"
            )
            self._begin_again()

    def _check(self) -> None:
        if not RATES_HZ[0] <= self.sample_rate_hz <= RATES_HZ[1]:
            raise AudioError(
                f"{self._path}: {self.sample_rate_hz} Hz is outside {RATES_HZ[0]}..{RATES_HZ[1]} Hz"
            )
        if self.channels > MAX_CHANNELS:
            raise AudioError(
                f"{self._path}: {self.channels} channels; at most {MAX_CHANNELS} can be played"
            )
        try:
            has_sound = self._file.read_into(np.zeros((1, self.channels), np.float32)) == 1
            self._file.seek(0)
        except _DamageError as error:
            raise AudioError(f"{self._path}: {error}") from None
        if not has_sound:
            raise AudioError(f"{self._path}: no sound in this file")

    def read(self, frames: int) -> np.ndarray:
        """Read the next (frames, channels) float32 in [-1, 1], silent after the end. May wait for
        the disk."""
        return pad_frames(self.read_rest(frames), frames)

    def read_rest(self, frames: int) -> np.ndarray:
        """Like `read`, but without padding: fewer frames at the end."""
        block = np.zeros((frames, self.channels), np.float32)
        filled = 0
        if self.is_looped:
            self._follow_changes(frames)
        while filled < frames and not self.is_finished and not self._is_waiting:
            got = self._decode(block[filled:])
            filled += got
            if got == 0:
                self._rewind()
        if not self.is_looped and not self.is_finished and self._file.is_at_end():
            self._finish()  # with the last sample, not at the next read
        return bring_into_range(block if self._is_waiting else block[:filled])

    def close(self) -> None:
        self._file.close()

    def _decode(self, rest: np.ndarray) -> int:
        try:
            return self._file.read_into(rest)
        except _DamageError as error:
            at_s = self._file.position / self.sample_rate_hz
            self._report_once(f"damaged at {at_s:.1f} s, treated as its end: {error}")
            return 0

    def _report_once(self, note: str) -> None:
        if note not in self._reported:
            self._reported.add(note)
            self._report("audio.file", f"{self._path}: {note}")

    def _rewind(self) -> None:
        # A file emptied during playback would be rewound endlessly: two ends in a row without sound
        # stop it.
        if self.is_looped and self._file.position == 0:
            self._wait(f"{self._path}: has no sound any more; silence until it is written again")
        elif self.is_looped:
            self._report_notes()
            self._begin_again()
        else:
            self._finish()

    def _begin_again(self) -> None:
        try:
            self._file.seek(0)
        except _DamageError as error:
            self.is_finished = not self.is_looped
            self._is_waiting = self.is_looped
            self._report("audio.file", f"{self._path}: cannot be read any more: {error}; silence")

    def _finish(self) -> None:
        self._report_notes()
        self.is_finished = True

    def _report_notes(self) -> None:
        end_s = self._file.position / self.sample_rate_hz
        for note in self._file.notes or missing_end(self._file.promised_s, end_s):
            self._report_once(note)
        self._file.notes.clear()

    def _wait(self, line: str) -> None:
        """Play silence until the file can be opened again."""
        self._is_waiting = True
        self._report("audio.file", line)

    def _follow_changes(self, frames: int) -> None:
        """Open a file again that was written again, once nobody has written to it for a second."""
        self._unchecked_samples += frames
        if self._unchecked_samples < CHECK_S * self.sample_rate_hz:
            return
        self._unchecked_samples = 0
        now = _stat(self._path)
        self._checks = self._checks + 1 if now == self._last_stat else 0
        self._last_stat = now
        if now is None or now == self._version:
            return
        if not self._is_waiting and self._version is not None and now[:2] == self._version[:2]:
            self._wait(f"{self._path}: is being written again; silence until it is complete")
        if self._checks >= SETTLED_CHECKS:
            self._version = now
            self._open_again()

    def _open_again(self) -> None:
        """Play the new file from its beginning; what cannot be played, or has another format, stays
        silent."""
        try:
            file = _open(Path(self._path))
        except AudioError as error:
            self._wait(f"{error}; silence until it is written again")
            return
        if (file.rate_hz, file.channels) != (self.sample_rate_hz, self.channels):
            file.close()
            self._wait(
                f"{self._path}: now has {file.channels} channels at {file.rate_hz} Hz instead of "
                f"{self.channels} at "
                f"{self.sample_rate_hz}; silence until it has them again; start again to hear it"
            )
            return
        self._file.close()
        self._file = file
        self._is_waiting = False
        self.length_s = file.length_s
        self._reported.clear()
        self._report(
            "audio.file.back", f"{self._path}: was written again and plays from its beginning"
        )


def missing_end(promised_s: float | None, end_s: float) -> list[str]:
    """A note if a file was cut off: it ends well before the end that its header declares."""
    if not promised_s or end_s >= promised_s - MISSING_END_S:
        return []
    return [
        f"ends after {end_s:.1f} s, though its header says {promised_s:.1f} s; it seems to be cut "
        "off"
    ]


def pad_frames(block: np.ndarray, frames: int) -> np.ndarray:
    """Append silence to the block, up to this number of frames."""
    if len(block) == frames:
        return block
    whole = np.zeros((frames, block.shape[1]), np.float32)
    whole[: len(block)] = block
    return whole


def _stat(path: str) -> tuple[int, int, int, int] | None:
    """Device and inode of a file, which differ for another file of its name; its size and
    modification time."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


class _DamageError(Exception):
    """The file cannot be decoded further; the text is the reason."""


def _open(path: Path) -> "_SndFile | _FFmpegFile":
    """Open it with the first library that can. AudioError, in one line, if neither can."""
    import soundfile

    try:
        file = _SndFile(path)
    except (soundfile.LibsndfileError, OSError):  # FFmpeg gives a better reason
        return _FFmpegFile(path)
    if file.channels > 2:
        # libsndfile does not report the loudspeakers, whose order depends on the format
        with suppress(AudioError):
            decoded = _FFmpegFile(path)
            decoded.length_s = file.length_s
            decoded.promised_s = file.promised_s
            file.close()
            return decoded
    return file


class _SndFile:
    """A file that libsndfile decodes."""

    surround = ""

    def __init__(self, path: Path) -> None:
        import soundfile

        self._error = soundfile.LibsndfileError
        self._path = path
        self._file = open_sound_file(path)
        self.notes: list[str] = []
        """For the user, about the sound read so far."""
        self.rate_hz: int = self._file.samplerate
        self.channels: int = self._file.channels
        self.length_s: float | None = self._file.frames / self.rate_hz
        self.promised_s: float = promised_frames(self._file, path) / self.rate_hz
        if not self.promised_s:
            self._file.close()
            raise OSError(0, "no sound in it", str(path))

    @property
    def position(self) -> int:
        """Samples read since the beginning."""
        return int(self._file.tell())

    def read_into(self, out: np.ndarray) -> int:
        """Fill (frames, channels) float32 from its start. Returns the number of frames, 0 at the
        end. _DamageError."""
        # more would be read from a tag behind a FLAC, as damage
        rest = max(self._file.frames - self._file.tell(), 0)
        try:
            return len(self._file.read(out=out[:rest]))
        except self._error as error:
            raise _DamageError(getattr(error, "error_string", str(error)).rstrip(".")) from None

    def is_at_end(self) -> bool:
        is_at_end: bool = self._file.tell() >= self._file.frames
        return is_at_end

    def seek(self, position: int) -> None:
        """Continue with this sample, or at the end. _DamageError."""
        try:
            self._file.seek(min(position, self._file.frames))
        except self._error:  # in a FLAC, libsndfile seeks no more once it has met damage
            try:
                again = open_sound_file(self._path)
                if (again.samplerate, again.channels) != (self.rate_hz, self.channels):
                    raise OSError(0, "it has another format now")
                self._file.close()
                self._file = again
                self._file.seek(min(position, again.frames))
            except (OSError, self._error) as error:
                reason = (
                    getattr(error, "error_string", None)
                    or getattr(error, "strerror", None)
                    or str(error)
                )
                raise _DamageError(reason.rstrip(".")) from None

    def close(self) -> None:
        self._file.close()


class _FFmpegFile:
    """The same, decoded by FFmpeg; buffers one decoded piece, at most a second."""

    def __init__(self, path: Path) -> None:
        from engine.audio.decoded_track import ASSUMED, DecodedTrack, speakers_in

        self._track = DecodedTrack(path)
        self.notes = self._track.notes
        self.rate_hz = self._track.rate_hz
        self.channels = self._track.channels
        layout = self._track.layout
        # of other numbers the channels are often stems
        if self.channels == 6 and "NONE" in speakers_in(layout):
            layout = ASSUMED[6]
        self.surround = layout if self.channels > 2 and "FC" in speakers_in(layout) else ""
        self.length_s = self._track.promised_end_s if self._track.knows_its_length else None
        self.promised_s = None if self._track.promised_s is None else self.length_s
        self.position = 0
        self._pieces = self._track.pieces_from(0)
        self._piece = np.zeros((0, self.channels), np.float32)

    def read_into(self, out: np.ndarray) -> int:
        if not self._fetch():
            return 0
        count = min(len(out), len(self._piece))
        out[:count] = self._piece[:count]
        self._piece = self._piece[count:]
        self.position += count
        return count

    def is_at_end(self) -> bool:
        try:
            return not self._fetch()
        except _DamageError:  # `read_into` will raise it
            return False

    def seek(self, position: int) -> None:
        self._pieces.close()
        self._pieces = self._track.pieces_from(position)
        self._piece = self._piece[:0]
        self.position = position

    def close(self) -> None:
        self._pieces.close()  # closes the file too

    def _fetch(self) -> bool:
        """Decode the next piece if none is left. False at the end. _DamageError."""
        try:
            while not len(self._piece):
                piece = next(self._pieces, None)
                if piece is None:
                    return False
                self._piece = piece.T
        except AudioError as error:  # the file was removed or replaced before the rewind
            raise _DamageError(str(error).removeprefix(f"{self._track.path}: ")) from None
        return True
