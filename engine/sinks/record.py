"""Records picture and sound in a movie file, opened and encoded on a thread (`movie_file`).

Live, `publish` never waits. If the queue is full, a picture is dropped and counted, but its sound
is kept; pictures carry the time of their frame, so both stay in sync. Offline it waits and loses
nothing.
"""

import math
import shutil
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.errors import SinkError, SinkUsageError
from engine.sinks.index_in_front import SUFFIXES as SUFFIXES_WITH_INDEX
from engine.sinks.index_in_front import put_index_in_front
from engine.sinks.sink import OutputFormat, PictureName, RecordingStatus, SinkStatus
from engine.sinks.sink_thread import sink_thread
from engine.sinks.whole_file import check_name, dated_file, make_folder, reserve
from engine.system.atomic_file import (
    MAX_JOB_WAIT_S,
    move_into_place,
    remove_file,
    sync_file,
    sync_folder,
)
from engine.system.work_folder import one_line
from engine.values import AudioBlock, PublishedFrame

SUFFIXES = (".mp4", ".mov", ".mkv", ".avi")  # H.264, ProRes, HEVC, Motion JPEG: `movie_file`
DEEP_SUFFIXES = (".mov", ".mkv")  # 10 bits
QUEUE_BYTES = 64 * 2**20  # 17 pictures of 720p, 8 of 1080p
QUEUE_LIMITS = (2, 30)
MAX_STANDSTILL_S = (
    60.0  # without any write: the disk is disconnected, and queued sound would fill the memory
)
MAX_CLOSE_S = 60.0
MAX_OFFLINE_CLOSE_S = 600.0  # a slow USB stick first has to write what the system has cached
MAX_MOVE_OFFLINE_S = 45.0  # limit for moving the index to the front
FREE_SPACE_EVERY_S = 5.0
MAX_MOVE_LIVE_S = 2.0  # the same live: a show's end must not take longer
MAX_OFFSET_S = 0.1  # EBU R37 allows 40 to 60 ms, but a slow device's block alone is 50 ms
MIN_OFFSET_DURATION_S = 1.0
MAX_BLOCK_S = 0.25  # longer than any device's block


@dataclass(frozen=True, slots=True)
class _QueuedFrame:
    """Picture and sound of one frame; `pixels`, uint8 or uint16, is None if the picture was
    dropped."""

    time_s: float
    pixels: np.ndarray | None
    sound: AudioBlock | None


class Recording:
    """One file and the thread that writes it."""

    def __init__(
        self,
        target: Path,
        output_format: OutputFormat,
        size: tuple[int, int],
        *,
        claim: Callable[[Path], Path],
        after: "Recording | None" = None,
        queue_pictures: int | None = None,
    ) -> None:
        """`size` is (width, height). `claim` is called with the target path on the recording's
        thread; it creates the empty file and returns its path. An empty file is removed at the end.
        `claim` is called only after the recording `after` has claimed or released its file, so that
        files are numbered in order."""
        self.path = target
        """The target path until a file is claimed, then that file's."""
        self.size = size
        self.has_frames = False
        """True once a frame was added; without one, no file is left behind."""
        self.written = 0
        self.dropped = 0
        self.seconds = 0.0
        self.free_bytes = 0
        """Free space on the disk, measured on the recording's thread; 0: unknown."""
        self.size_bytes = 0
        """Size of the finished file."""
        self.note = ""
        """Note for the user about the finished file."""
        self.error: Exception | None = None
        """The error that stopped the thread early; the file plays up to there."""
        self._output_format = output_format
        self._replaces = target if output_format.overwrites and after is None else None
        self._claim = claim
        self._after = after
        self._has_claimed = threading.Event()
        self._is_claimed = False
        self._is_open = False
        self._is_deep = target.suffix.lower() in DEEP_SUFFIXES
        least, most = QUEUE_LIMITS
        picture_bytes = size[0] * size[1] * (8 if self._is_deep else 4)
        self._room = queue_pictures or max(least, min(QUEUE_BYTES // picture_bytes, most))
        self._queue: deque[_QueuedFrame] = deque()
        self._pictures = 0
        self._state = threading.Condition()
        self._is_ending = False
        self._was_raised = False
        self._is_stuck = False
        self._thread = sink_thread(f"record {target.name}", self._run, self._store_error)
        self._thread.start()

    @property
    def is_done(self) -> bool:
        return not self._thread.is_alive

    def wait_until_open(self) -> None:
        """Wait until the file is open. SinkError if it cannot be opened."""
        with self._state:
            self._state.wait_for(lambda: self._is_open or self.error)
        self._raise_error()

    def add(self, frame: PublishedFrame) -> None:
        """Queue one frame. If the queue is full: live the picture is dropped, offline the caller
        waits."""
        self._raise_error()
        with self._state:
            if self._output_format.is_offline:
                self._state.wait_for(lambda: self._pictures < self._room or self.error)
            has_room = self._pictures < self._room
        self._raise_error()
        read = frame.read_rgba16 if self._is_deep and frame.read_rgba16 else frame.read_rgba
        pixels = read() if has_room else None  # only this thread adds frames, so the room remains
        with self._state:
            self._queue.append(_QueuedFrame(frame.id.time_s, pixels, frame.audio))
            self.has_frames = True
            self._pictures += pixels is not None
            self._state.notify_all()
            behind_s = frame.id.time_s - self._queue[0].time_s
        if pixels is None:
            self.dropped += 1
            if behind_s > MAX_STANDSTILL_S:
                self._is_stuck = True
                raise SinkError(
                    f"record: {self.path}: nothing could be written for {behind_s:.0f} s"
                )

    def end(self) -> None:
        """Let the thread write what is queued, then finish the file. Returns at once."""
        with self._state:
            self._is_ending = True
            self._state.notify_all()

    def close(self) -> None:
        """`end`, then wait for the thread. SinkError if the file could not be finished."""
        self.end()
        timeout_s = MAX_OFFLINE_CLOSE_S if self._output_format.is_offline else MAX_CLOSE_S
        self._thread.join(0 if self._is_stuck else timeout_s)
        if not self._is_stuck and self._thread.is_alive:
            self._is_stuck = True
            raise SinkError(
                f"record: {self.path} not finished after {timeout_s:.0f} s; is the disk connected?"
            )
        if not self._was_raised:
            self._raise_error()

    def _raise_error(self) -> None:
        if self.error is not None:
            self._was_raised = True
            raise self.error

    def _run(self) -> None:
        try:
            self._write()
        finally:
            self._has_claimed.set()  # also after a failure
            with suppress(OSError):  # the disk may be disconnected, or the file may not exist
                if self._is_claimed and self.path.stat().st_size == 0:
                    remove_file(self.path)

    def _store_error(self, error: Exception) -> None:
        with self._state:
            self.error = error
            self._queue.clear()
            self._state.notify_all()

    def _write(self) -> None:
        from engine.sinks.movie_file import MovieFile  # slow: not on the render thread

        form = self._output_format
        if self._after is not None:
            self._after._has_claimed.wait()
            # it ended before this recording was created, so it stays empty
            if not self._after.has_frames:
                self._after._thread.join()
            self._after = None
        self.path = self._claim(self.path)
        self._is_claimed = True
        self._has_claimed.set()
        movie = MovieFile(
            self.path,
            width=self.size[0],
            height=self.size[1],
            fps=form.fps,
            sample_rate_hz=form.sample_rate_hz,
            sound_channels=form.audio_channels,
            is_offline=form.is_offline,
        )
        with self._state:
            self._is_open = True
            self._state.notify_all()
        track = SoundTrack(
            sample_rate_hz=form.sample_rate_hz,
            channels=form.audio_channels,
            is_offline=form.is_offline,
        )
        try:
            origin_s = None
            checked_s = float("-inf")
            while (queued := self._next()) is not None:
                if origin_s is None:
                    origin_s = queued.time_s
                since_s = self.written / form.fps if form.is_offline else queued.time_s - origin_s
                if queued.pixels is not None:
                    movie.add_picture(queued.pixels, since_s)
                    self.written += 1
                    self.seconds = since_s + 1.0 / form.fps
                movie.add_sound(track.align(queued.sound, queued.time_s))
                if since_s >= checked_s + FREE_SPACE_EVERY_S:
                    checked_s = since_s
                    # the last number stays; writing reports what is wrong with the disk
                    with suppress(OSError):
                        self.free_bytes = shutil.disk_usage(self.path.parent).free
        finally:
            movie.close()
        notes = []
        if track.peak > 1.0:
            over = f"{20.0 * math.log10(track.peak):.1f} dB above full scale"
            notes.append(f"its mix to stereo was clipped, {over}; lower the source by as much")
        if movie.is_seekable and self.path.suffix.lower() in SUFFIXES_WITH_INDEX:
            end_s = time.perf_counter() + (
                MAX_MOVE_OFFLINE_S if form.is_offline else MAX_MOVE_LIVE_S
            )
            reason = put_index_in_front(self.path, lambda: time.perf_counter() < end_s)
            notes += [f"its index was not moved to the front: {reason}"] if reason else []
        with suppress(FileNotFoundError):  # it may have been moved away
            self.size_bytes = self.path.stat().st_size
            # a finished file must survive a power cut; a show does not wait for fsync
            if form.is_offline:
                sync_file(self.path)
                sync_folder(self.path.parent)
        if self._replaces not in (None, self.path):
            with one_line(self._replaces):
                move_into_place(self.path, self._replaces, timeout_s=MAX_JOB_WAIT_S)
            self.path = self._replaces
            notes.insert(0, "replaced the one before")
        self.note = "; ".join(notes)

    def _next(self) -> _QueuedFrame | None:
        with self._state:
            self._state.wait_for(lambda: self._queue or self._is_ending)
            if not self._queue:
                return None
            queued = self._queue.popleft()
            self._pictures -= queued.pixels is not None
            self._state.notify_all()
            return queued


class RecordSink:
    kind = "record"

    def __init__(self, argument: str, picture: PictureName = "main") -> None:
        """`argument`: a file ending in .mp4 (H.264), .mov (ProRes), .mkv (HEVC) or .avi (Motion
        JPEG), or "" for a name from date and time in the record folder of the output format."""
        self._argument = argument
        self._picture = picture
        self._target = Path(argument)
        self._output_format: OutputFormat | None = None
        self._recordings: list[Recording] = []
        """One per file: the last one is active, the others ended with a change of size."""

    @property
    def name(self) -> str:
        if not self._recordings or self._output_format is None:
            return self._argument
        return str(self._target if self._output_format.overwrites else self._recordings[0].path)

    def start(self, output_format: OutputFormat, *, may_wait: bool = False) -> None:
        self._output_format = output_format
        if not self._argument:
            self._target = dated_file(
                output_format.record_folder, self._picture, time.time(), ".mp4"
            )
        check_name(self.kind, self._target, SUFFIXES)
        if output_format.is_offline and not output_format.overwrites and self._target.exists():
            raise SinkUsageError(
                f"{self.kind}: {self._target}: exists already; --overwrite replaces it"
            )
        self._open((output_format.width, output_format.height))
        if may_wait:
            self._recordings[0].wait_until_open()

    def set_format(self, output_format: OutputFormat) -> None:
        self._output_format = output_format  # the next frame's size decides if a new file is needed

    def publish(self, frame: PublishedFrame) -> None:
        size = (frame.width, frame.height)
        if size != self._recordings[-1].size:
            self._recordings[-1].end()
            self._open(size)
        self._recordings[-1].add(frame)

    def pump(self) -> None:
        """Do nothing: the thread does the work."""

    def drain(self) -> bool:
        for recording in self._recordings:
            recording.end()
        return all(recording.is_done for recording in self._recordings)

    def close(self) -> None:
        for recording in self._recordings:
            recording.end()
        for recording in self._recordings:
            recording.close()

    def status(self) -> SinkStatus:
        recordings = self._recordings
        detail = ""
        if recordings:
            path = recordings[0].path
            renamed = f" ({self._target} already existed)" if path != self._target else ""
            more = f", first of {len(recordings)} files" if len(recordings) > 1 else ""
            detail = (
                f"{path}{renamed}{more}, {sum(recording.seconds for recording in recordings):.1f} s"
            )
            size_bytes = sum(recording.size_bytes for recording in recordings)
            notes = dict.fromkeys(recording.note for recording in recordings if recording.note)
            detail = "; ".join(
                [detail + (f", {size_bytes / 1e6:.1f} MB" if size_bytes else ""), *notes]
            )
        return SinkStatus(
            kind=self.kind,
            name=self.name,
            frames=sum(recording.written for recording in recordings),
            dropped=sum(recording.dropped for recording in recordings),
            detail=detail,
        )

    def recording(self) -> RecordingStatus:
        recordings = self._recordings
        return RecordingStatus(
            file=str(recordings[-1].path),
            seconds=sum(recording.seconds for recording in recordings),
            free_bytes=recordings[-1].free_bytes,
        )

    def _open(self, size: tuple[int, int]) -> None:
        assert self._output_format is not None
        before = self._recordings[-1] if self._recordings else None
        recording = Recording(
            self._target, self._output_format, size, claim=claim_file, after=before
        )
        earlier = self._recordings if before is None or before.has_frames else self._recordings[:-1]
        self._recordings = [*earlier, recording]


def claim_file(target: Path) -> Path:
    """Create a new empty file, `target` or that name with a number. Waits for the disk."""
    make_folder(RecordSink.kind, target)
    return reserve(RecordSink.kind, target)


class SoundTrack:
    """Positions blocks on a track that starts with the first frame.

    Keeps the source's sound in sync with the picture of a recording. Pure: no files, no threads.

    Problem: sound in a file has no time stamps of its own; its position is the number of samples
    before it. Live that number drifts from the pictures' times: the sound card has its own clock,
    blocks are lost, a device is replugged.

    Solution: each block should end at the time of its frame. If the track is off by more than a
    tenth of a second for longer than a second, silence is inserted or samples are dropped. A single
    late frame does not count."""

    def __init__(self, *, sample_rate_hz: int, channels: int, is_offline: bool) -> None:
        self.corrections = 0
        """How often the track was resynchronised with the pictures."""
        self.peak = 0.0
        """The greatest sample so far, linear; above 1 the mix of the channels was clipped."""
        self._rate_hz = sample_rate_hz
        self._channels = min(channels, 2)
        self._is_offline = is_offline
        self._written_frames = 0
        self._origin_s: float | None = None
        self._off_since_s: float | None = None
        self._is_away = False

    def align(self, block: AudioBlock | None, time_s: float) -> np.ndarray:
        """Samples to append for the frame at `time_s`, (frames, 1 or 2) float32.

        Offline each block lasts exactly as long as its frame and is appended unchanged. Live a
        block ends when its frame is shown; sound before the first frame is dropped."""
        sound = np.zeros((0, self._channels), np.float32)
        if block is not None:
            sound = stereo(block.samples, block.speakers)
        self.peak = max(self.peak, float(np.abs(sound).max(initial=0.0)))
        sound = np.clip(sound, -1.0, 1.0)
        if sound.shape[1] < self._channels:  # the source switched to mono
            sound = np.repeat(sound, 2, axis=1)
        sound = sound[:, : self._channels]
        if self._is_offline:
            return sound
        if self._origin_s is None:
            self._origin_s = time_s
            return sound[:0]
        missing = (
            round((time_s - self._origin_s) * self._rate_hz) - self._written_frames - len(sound)
        )
        if self._must_correct(missing, len(sound), time_s):
            silence = np.zeros((max(missing, 0), self._channels), np.float32)
            sound = np.concatenate([silence, sound[max(-missing, 0) :]])
        self._written_frames += len(sound)
        return sound

    def _must_correct(self, missing: int, came: int, time_s: float) -> bool:
        """True to insert `missing` samples of silence now (if negative, to drop samples) before the
        `came` new ones."""
        if not came and missing > MAX_BLOCK_S * self._rate_hz:
            self.corrections += not self._is_away
            self._is_away = True
        # insert silence while the device is away, and the rest just before the sound returns
        if self._is_away:
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


def stereo(samples: np.ndarray, speakers: tuple[str, ...] = ()) -> np.ndarray:
    """Mix more than two channels down to (frames, 2) float32, which may pass full scale; one or two
    stay unchanged.

    Named loudspeakers have the gains of ITU-R BS.775-3, table 2: the front its own side, the centre
    and the others 0.7071 of their level, without the bass channel. Else odd channels are panned
    left and even ones right, as interfaces number their pairs, with 0.8 and 0.6 of their level on
    the two sides (equal power). That is divided by the square root of half their number, so that
    uncorrelated channels keep their level."""
    count = samples.shape[1]
    if count <= 2:
        return samples
    gains = np.empty((count, 2), np.float32)
    gains[0::2] = (0.8, 0.6)
    gains[1::2] = (0.6, 0.8)
    gains /= np.float32(np.sqrt(count / 2))
    if len(speakers) == count:
        gains[:] = [_stereo_gains(name) for name in speakers]
    return samples @ gains


def _stereo_gains(speaker: str) -> tuple[float, float]:
    """Gain of a loudspeaker in left and right."""
    if speaker.startswith("LFE"):
        return 0.0, 0.0
    gain = 1.0 if speaker in ("FL", "FR", "DL", "DR") else 0.5 if speaker == "BC" else 0.5**0.5
    return gain * ("R" not in speaker), gain * ("L" not in speaker)
