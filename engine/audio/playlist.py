"""Plays a list of sound files with a transport, in place of a device.

A list is a file, a folder with its subfolders, or an .m3u playlist. Every file is brought to the
rate of the run; the layout follows the channels of the file that plays. A file that cannot be
played is reported in one line and skipped.
"""

import logging
import os
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np

from engine.audio.feed import TrackPosition, mix_channels
from engine.audio.file import FileFeed, pad_frames
from engine.errors import AudioError
from engine.system.folder_files import list_files
from engine.system.guarded_thread import Guard
from engine.system.reporting import Report
from engine.system.small_file import read_small

log = logging.getLogger(__name__)

SOUNDS: Final = frozenset(
    ".wav .flac .ogg .oga .opus .mp3 .m4a .aac .aif .aiff .aifc .caf .w64 .wma .mka .mp4 .mov "
    ".mkv .webm".split()
)
LISTS: Final = frozenset((".m3u", ".m3u8"))
MAX_TRACKS: Final = 5000
MAX_COMMANDS: Final = 64  # waiting for the next read
RESTART_AFTER_S: Final = 3.0  # later than this in a file, `previous` is its beginning


def tracks_of(path: Path, report: Report) -> tuple[Path, ...]:
    """The files that this file, folder or playlist names, in order. AudioError, in one line, if
    there are none."""

    def warn(line: str) -> None:
        report("audio.file", line)

    if os.path.isdir(path):  # Path's own raises for a name that is too long
        found = list_files(path, SOUNDS, warn, is_recursive=True)
    elif path.suffix.lower() in LISTS:
        found = _read_playlist(path, warn)
    else:
        if not os.path.exists(path):
            raise AudioError(
                f"{path}: no such file (device:NAME is a device, demo the built-in loop)"
            )
        return (path,)
    if not found:
        raise AudioError(f"{path}: names no sound files")
    if len(found) > MAX_TRACKS:
        warn(f"{path}: has {len(found)} files; the first {MAX_TRACKS} are taken")
    return tuple(found[:MAX_TRACKS])


def _read_playlist(path: Path, warn: Callable[[str], None]) -> list[Path]:
    try:
        raw = read_small(path)
    except OSError as error:
        raise AudioError(f"{path}: cannot be read ({error.strerror})") from None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:  # what .m3u was before .m3u8
        text = raw.decode("latin-1")
    lines = [line.strip() for line in text.splitlines()]
    names = [line for line in lines if line and not line.startswith("#")]
    if addresses := [name for name in names if "://" in name]:
        warn(
            f"{path}: {len(addresses)} of its entries are addresses and left out, such as "
            f"{addresses[0][:80]}"
        )
    return [path.parent / name.replace("\\", "/") for name in names if "://" not in name]


class PlaylistFeed:
    """A Feed that plays a list of tracks at one rate. `queue_command` on any thread, the rest on
    the reading thread."""

    length_s = None
    is_finished = False

    def __init__(
        self, tracks: Sequence[Path], rate_hz: int | None, report: Report, *, loop: str = "all"
    ) -> None:
        """`rate_hz`: None for that of the first track. AudioError if none can be played."""
        self.tracks = tuple(tracks)
        self.loop = loop
        """all: the list; one: the track; off."""
        self._report = report
        self._guard = Guard(log, report, "audio.file", "audio: a file cannot be played")
        self._commands: deque[Callable[[], None]] = deque(maxlen=MAX_COMMANDS)
        self._is_paused = False
        self._track: _Track | None = None
        self._number = 1
        self._rate_hz = rate_hz
        self.channels = 0
        """Channels of the track that plays, or played last."""
        self._open_from(1, tracks_left=len(self.tracks))
        if self._track is None:
            raise AudioError(self._reason)
        self.sample_rate_hz: int = self._track.rate_hz
        self._rate_hz = self.sample_rate_hz

    @property
    def _is_looped(self) -> bool:
        """The track is repeated without a gap."""
        return self.loop == "one" or (self.loop == "all" and len(self.tracks) == 1)

    @property
    def description(self) -> str:
        track = self._track  # the other thread may continue with the next
        if track is None:
            return f"{self.tracks[self._number - 1].name} (ended)"
        many = f"{self._number} of {len(self.tracks)}: " if len(self.tracks) > 1 else ""
        return many + track.file.description

    @property
    def track_position(self) -> TrackPosition:
        track = self._track
        position = TrackPosition(
            state="ended",
            number=self._number,
            tracks=len(self.tracks),
            name=self.tracks[self._number - 1].name,
        )
        if track is None:
            return position
        state = "paused" if self._is_paused else "playing"
        return replace(
            position, state=state, position_s=track.position_s, length_s=track.file.length_s or 0.0
        )

    # -- commands, carried out at the next read -------------------------------------------------

    def play(self) -> None:
        self._is_paused = False
        if self._track is None:
            self.go(self._number)

    def pause(self) -> None:
        self._is_paused = True

    def seek(self, position_s: float) -> None:
        if self._track is None:
            self.go(self._number)
        if self._track is not None:
            self._track.seek(position_s)

    def go(self, number: int) -> None:
        self._stop()
        left = len(self.tracks) - (number - 1 if self.loop == "off" else 0)
        self._open_from(number, tracks_left=left)
        if self._track is None:
            self._report("audio.file", self._reason)

    def next(self) -> None:
        self.go(self._number % len(self.tracks) + 1)

    def previous(self) -> None:
        """Go to the beginning of this track, or within its first 3 s to the previous track."""
        is_late = self._track is not None and self._track.position_s > RESTART_AFTER_S
        self.go(self._number if is_late else (self._number - 2) % len(self.tracks) + 1)

    def queue_command(self, command: Callable[[], None]) -> None:
        """Queue one of the methods above to run before the next read; at most the newest 64. Any
        thread."""
        self._commands.append(command)

    # -- a Feed ---------------------------------------------------------------------------------

    def read(self, frames: int) -> np.ndarray:
        """(frames, channels of the track) float32 in [-1, 1]; silence while paused and after the
        end."""
        for _ in range(len(self._commands)):
            self._guard.attempt(self._commands.popleft())
        pieces: list[np.ndarray] = []
        missing = frames
        ends = 0
        while (
            missing and self._track is not None and not self._is_paused and ends <= len(self.tracks)
        ):
            self._track.file.is_looped = self._is_looped
            piece = self._guard.attempt(partial(self._track.read, missing))
            if piece is not None and len(piece):
                pieces.append(piece)
                missing -= len(piece)
                ends = 0
            else:  # after an error, too, the next one follows
                ends += 1
                self._guard.attempt(self._end_track)
        if ends > len(self.tracks):  # one end after the other
            self._stop()
            self._report("audio.file", f"none of {len(self.tracks)} files can be played")
        channels = pieces[0].shape[1] if pieces else self.channels
        parts = [mix_channels(piece, channels) for piece in pieces] or [
            np.zeros((0, channels), np.float32)
        ]
        return pad_frames(np.concatenate(parts), frames)

    def close(self) -> None:
        if self._track is not None:
            self._track.file.close()

    def _end_track(self) -> None:
        is_last = self._number == len(self.tracks)
        if self.loop == "off" and is_last:
            self._stop()
        else:
            self.next()

    def _stop(self) -> None:
        self.close()
        self._track = None

    def _open_from(self, number: int, tracks_left: int) -> None:
        """Open this track, or the next one that can be played; `_reason` if there is none."""
        reasons: list[str] = []
        for n in range(number - 1, number - 1 + tracks_left):
            self._number = n % len(self.tracks) + 1
            self._track = self._guard.attempt(lambda: self._open_track(reasons))
            if self._track is not None:
                self.channels = self._track.file.channels
                for reason in reasons:
                    self._report("audio.file", f"{reason}; skipped")
                return
        many = f"none of {tracks_left} files can be played: " if tracks_left > 1 else ""
        self._reason = many + (reasons[-1] if reasons else "the decoder failed")

    def _open_track(self, reasons: list[str]) -> "_Track | None":
        """The present track. Without one, `reasons` has another line."""
        try:
            track = _Track(self.tracks[self._number - 1], self._rate_hz, self._report)
        except AudioError as error:
            reasons.append(str(error))
            return None
        track.file.is_looped = self._is_looped
        return track


class _Track:
    """A file that plays at the rate of the list: resampled without a seam (soxr, high quality)."""

    def __init__(self, path: Path, rate_hz: int | None, report: Report) -> None:
        self.file = FileFeed(str(path), is_looped=False, report=report)
        self.rate_hz = rate_hz or self.file.sample_rate_hz
        self._begin()

    @property
    def position_s(self) -> float:
        """Position of the next sample that is read."""
        buffered_s = self._frames_in / self.file.sample_rate_hz - self._frames_out / self.rate_hz
        return max(self.file.position_s - buffered_s, 0.0)

    def seek(self, position_s: float) -> None:
        self.file.seek(position_s)
        self._begin()

    def _begin(self) -> None:
        """Resample from here on, without what was before."""
        self._soxr = None
        if self.file.sample_rate_hz != self.rate_hz:
            import soxr

            self._soxr = soxr.ResampleStream(
                self.file.sample_rate_hz, self.rate_hz, self.file.channels, dtype="float32"
            )
        self._rest = np.zeros((0, self.file.channels), np.float32)
        self._has_ended = False
        # samples of the file, and of the list's rate
        self._frames_in = 0
        self._frames_out = 0

    def read(self, frames: int) -> np.ndarray:
        """(at most `frames`, channels) float32; none at the end."""
        if self._soxr is None:
            return self.file.read_rest(frames)
        while len(self._rest) < frames and not self._has_ended:
            block = self.file.read_rest(-(-frames * self.file.sample_rate_hz // self.rate_hz))
            self._frames_in += len(block)
            self._has_ended = not len(block)  # soxr takes nothing more then
            self._rest = np.concatenate(
                [self._rest, self._soxr.resample_chunk(block, last=self._has_ended)]
            )
        block_out = self._rest[:frames]
        self._rest = self._rest[frames:]
        self._frames_out += len(block_out)
        return block_out
