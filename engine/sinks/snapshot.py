"""Writes single pictures as PNG files, encoded on a thread.

    snapshot              each `take()` writes a file named from date and time in the record folder
    snapshot=FILE.png     each `take()` writes FILE.png, then FILE 2.png, ...; without a `take()`,
                          the last frame
    snapshot=FILE.png@S   the first frame at or after S seconds, plus one for each `take()`

A file named FILE.16.png has 16 bits per channel, without dither, for grading and print; others have
8. Only frames that are written are read back. Of the last frame only its `read_rgba` is retained,
which works until the next draw, so sinks must be closed before the renderer. PNG uses straight
alpha: colours are divided by alpha where it is below 255."""

import time
from collections import deque
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from engine.errors import SinkError
from engine.sinks.sink import OutputFormat, PictureName, sink_label
from engine.sinks.sink_thread import ThreadSink
from engine.sinks.whole_file import check_name, dated_file, make_folder, reserve
from engine.system.atomic_file import MAX_LIVE_WAIT_S, FileInUseError, move_into_place, remove_file
from engine.values import PublishedFrame
from osc_schema.outputs import SECOND

QUEUE_PICTURES = 4
DEEP_SUFFIX = ".16.png"
PNG_COMPRESSION = 3  # of 0..9: 50 ms for 1080p, a fifth of the size of level 1


class SnapshotSink(ThreadSink):
    kind = "snapshot"

    def __init__(self, argument: str, picture: PictureName = "main") -> None:
        super().__init__(argument or sink_label(self.kind, picture), "snapshot")
        self._picture = picture
        target, at_s = split_argument(argument)
        self._target = target
        self._at_s = at_s
        self._is_deep = self._target is not None and self._target.name.lower().endswith(DEEP_SUFFIX)
        self._keeps_last = self._target is not None and self._at_s is None
        self._takes = 0
        self._last: PublishedFrame | None = None
        self._output_format: OutputFormat | None = None
        self._newest_s = 0.0
        self._path: Path | None = None
        self._queue: deque[np.ndarray] = deque()

    def take(self) -> None:
        self._takes += 1

    def start(self, output_format: OutputFormat, *, may_wait: bool = False) -> None:
        self._output_format = output_format
        if self._target is not None:
            check_name(self.kind, self._target, (".png",))
            if self._is_deep and self._picture != "main":
                raise SinkError(
                    f"snapshot: {self._target.name!r}: only the main picture has 16 bits; write "
                    ".png"
                )
        self._thread.start()
        if may_wait:
            self._wait_until_open()

    def set_format(self, output_format: OutputFormat) -> None:
        self._output_format = output_format
        self._last = None  # its texture no longer exists

    def publish(self, frame: PublishedFrame) -> None:
        self._last = None  # it can no longer be read
        self._raise_error()
        self._newest_s = frame.id.time_s
        is_due = self._at_s is not None and frame.id.time_s >= self._at_s - 1e-6
        if is_due:
            self._at_s = None
        for _ in range(self._takes + is_due):
            self._keeps_last = False
            if self._has_room():
                self._put(frame)
            else:
                self._dropped += 1
        self._takes = 0
        # not of every frame: it is gone before the end
        if self._keeps_last and self._picture == SECOND.name:
            pixels = frame.read_rgba().copy()
            self._last = replace(frame, read_rgba=lambda: pixels)
        elif self._keeps_last:
            self._last = frame

    def drain(self) -> bool:
        last = self._last
        self._last = None
        try:
            if last is not None and self._thread.is_alive:
                self._put(last)
        finally:
            is_done = super().drain()
        return is_done

    def close(self) -> None:
        if not self._thread.is_started:
            return
        try:
            self.drain()
        finally:
            self._thread.join()
        self._raise_error()
        if self._at_s is not None:
            missed_s = self._at_s
            self._at_s = None
            raise SinkError(
                f"snapshot: the run ended at {self._newest_s:g} s, before {missed_s:g} s: no "
                "picture"
            )

    def _status_detail(self) -> str:
        """The file, or the number of files and their folder."""
        path = self._path
        count = self._frames
        if path is None:
            return "" if self._at_s is None else f"waiting for {self._at_s:g} s"
        return (
            str(path)
            if count <= 1
            else f"{count} pictures in {path.parent}, the latest {path.name}"
        )

    def _has_room(self) -> bool:
        """True if the queue has room for one more picture; offline it waits for room."""
        assert self._output_format is not None
        with self._change:
            if self._output_format.is_offline:
                self._change.wait_for(lambda: len(self._queue) < QUEUE_PICTURES or self._error)
            return len(self._queue) < QUEUE_PICTURES

    def _put(self, frame: PublishedFrame) -> None:
        read = frame.read_rgba16 if self._is_deep else frame.read_rgba
        assert read is not None  # frames of the main picture have both
        pixels = read()
        with self._change:
            self._queue.append(pixels)
            self._change.notify_all()

    def _raise_error(self) -> None:
        if self._error is not None:
            self._at_s = None  # report one error only
        super()._raise_error()

    def _run(self) -> None:
        import cv2  # noqa: F401  slow, so import it before the first picture

        if self._target is not None:
            make_folder(self.kind, self._target)
        self._opened()
        while (pixels := self._next()) is not None:
            self._path = self._write(pixels)
            self._frames += 1

    def _next(self) -> np.ndarray | None:
        with self._change:
            self._change.wait_for(lambda: self._queue or self._is_ending)
            pixels = self._queue.popleft() if self._queue else None
            self._change.notify_all()
            return pixels

    def _write(self, pixels: np.ndarray) -> Path:
        """Write a temporary file beside the target, then rename it, so that no partial picture is
        ever visible."""
        assert self._output_format is not None
        data = encode_png(pixels)
        target = self._target
        if target is None:
            target = dated_file(
                self._output_format.record_folder, self._picture, time.time(), ".png"
            )
            make_folder(self.kind, target)
        path = target
        if not self._output_format.overwrites:
            path = reserve(
                self.kind, target, target.name[-len(DEEP_SUFFIX) :] if self._is_deep else ""
            )
        partial = path.with_name(f".{path.name}.partial")
        try:
            partial.write_bytes(data)
            move_into_place(partial, path, timeout_s=MAX_LIVE_WAIT_S)
        except OSError as error:
            hint = (
                f"; the picture is kept in {partial.name}"
                if isinstance(error, FileInUseError)
                else ""
            )
            with suppress(OSError):  # removing may fail for the same reason
                if not self._output_format.overwrites:
                    path.unlink(missing_ok=True)
                if not hint:
                    remove_file(partial, missing_ok=True)
            raise SinkError(f"snapshot: cannot write {path}: {error.strerror}{hint}") from error
        return path


def split_argument(argument: str) -> tuple[Path | None, float | None]:
    """Split `FILE.png@2.5` into (FILE.png, 2.5); the name may contain an @. SinkError for a time
    below 0."""
    file, at, seconds = argument.rpartition("@")
    try:
        at_s = float(seconds) if at and file else None
    except ValueError:
        at_s = None
    if at_s is None:
        return (Path(argument) if argument else None), None
    if not 0 <= at_s < float("inf"):
        raise SinkError(
            f"snapshot: {seconds!r} in {argument!r} is not a time; write FILE.png@SECONDS"
        )
    return Path(file), at_s


def encode_png(pixels: np.ndarray) -> bytes:
    """Encode (height, width, 4) uint8 or uint16 RGBA, premultiplied, as a PNG of that depth: RGB if
    opaque."""
    import cv2

    alpha = pixels[..., 3:]
    full = np.iinfo(pixels.dtype).max
    if (alpha == full).all():
        ordered = pixels[..., 2::-1]
    else:
        colours = pixels[..., 2::-1].astype(np.uint32)  # 65535 x 65535 + 32767 fits
        straight = np.minimum((colours * full + alpha // 2) // np.maximum(alpha, 1), full)
        ordered = np.concatenate([straight.astype(pixels.dtype), alpha], axis=2)
    is_done, data = cv2.imencode(
        ".png", np.ascontiguousarray(ordered), [cv2.IMWRITE_PNG_COMPRESSION, PNG_COMPRESSION]
    )
    if not is_done:
        raise SinkError("snapshot: OpenCV could not encode the picture")
    return data.tobytes()
