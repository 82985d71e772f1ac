"""A camera of this machine or a network stream (RTSP, HTTP, RTMP, SRT, UDP), opened and read live
with FFmpeg."""

import sys
import threading
from collections.abc import Callable, Generator
from urllib.parse import urlsplit

import av.error
import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream

from engine.errors import SourceError
from engine.sources.devices import attempts, find_camera, list_cameras
from engine.sources.live import SILENT_S, LiveSource
from engine.sources.pixels import to_rgb
from engine.system.clock import Clock
from engine.system.media_file import open_media
from engine.system.reporting import Report

OPEN_TIMEOUT_S = 10.0
BUSY_WAIT_S = 0.005  # AVFoundation returns "try again" between pictures instead of waiting
BUSY_OPENS = 20
# FFmpeg reads ahead to probe a stream, which adds latency.
STREAM_OPTIONS = {
    "fflags": "nobuffer",
    "probesize": "500000",
    "analyzeduration": "500000",
    "fpsprobesize": "0",
}
SCHEME_OPTIONS = {
    "rtsp": {
        "rtsp_flags": "prefer_tcp"
    },  # lost UDP packets tear pictures; UDP is still the fallback
    "rtsps": {"rtsp_flags": "prefer_tcp"},
    "udp": {"overrun_nonfatal": "1"},  # a full buffer drops pictures, not the stream
}
HINTS = {
    "darwin": "; is it in use, or is the permission missing (System Settings, Privacy & Security, "
    "{kind})?",
    "win32": "; is it in use, or blocked for desktop apps (Settings, Privacy & security, {kind})?",
}


class CameraSource(LiveSource):
    """Plays a camera or a stream through FFmpeg: `open_container` (re)opens it, or raises
    SourceError, FFmpegError."""

    kind = "camera"

    def __init__(
        self,
        name: str,
        open_container: Callable[[], InputContainer],
        *,
        clock: Clock,
        report: Report,
    ) -> None:
        super().__init__(name, clock=clock, report=report)
        self._open_container = open_container

    def pictures(self) -> Generator[np.ndarray | None, None, None]:
        """Yield pictures until the device ends; SourceError after `SILENT_S` without one."""
        with self._open_container() as container:
            stream = container.streams.best("video")
            if not isinstance(stream, VideoStream):
                raise SourceError(f"{self.label}: delivers no picture")
            stream.thread_type = "SLICE"  # frame threading would add one or two pictures of latency
            packets = container.demux(stream)
            newest_s = self._clock.now_s()
            while not self._closing.is_set():
                try:
                    frames = stream.decode(next(packets))
                except StopIteration:
                    return
                except av.error.ExitError:  # the read timeout of a stream
                    raise SourceError(f"{self.label}: no picture for {SILENT_S:.0f} s") from None
                except (av.error.BlockingIOError, av.error.InvalidDataError) as error:
                    if isinstance(error, av.error.InvalidDataError):  # damaged in transmission
                        yield None
                    if self._clock.now_s() - newest_s > SILENT_S:
                        raise SourceError(
                            f"{self.label}: no picture for {SILENT_S:.0f} s"
                        ) from None
                    self._closing.wait(BUSY_WAIT_S)
                    packets = container.demux(stream)  # a failed generator ends; make a new one
                    continue
                newest_s = self._clock.now_s() if frames else newest_s
                for frame in frames:
                    yield to_rgb(frame)


def open_device(query: int | str) -> InputContainer:
    """Open the camera of that index or name with the first settings it accepts. SourceError if it
    accepts none."""
    device = find_camera(query, list_cameras())
    reason = ""
    for attempt in attempts(device, sys.platform):
        for _ in range(BUSY_OPENS):
            try:
                return av.open(
                    attempt.file,
                    format=attempt.format,
                    options=attempt.options,
                    timeout=OPEN_TIMEOUT_S,
                )
            except av.error.BlockingIOError as error:
                reason = str(error.strerror)
                threading.Event().wait(BUSY_WAIT_S)
            except (av.error.FFmpegError, OSError) as error:
                reason = str(error.strerror)
                break
    hint = HINTS.get(sys.platform, "").format(
        kind="Screen Recording" if device.is_screen else "Camera"
    )
    raise SourceError(f"camera {device.label}: cannot be opened ({reason}){hint}")


def redact_url(url: str) -> str:
    """The address without user, password and query, for messages and the page. SourceError if it is
    invalid."""
    try:
        parts = urlsplit(url)
    except ValueError:  # its text may contain the password
        raise SourceError(
            f"camera {url.rpartition('@')[2].partition('?')[0]}: not an address"
        ) from None
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def open_stream(url: str) -> InputContainer:
    """Open a network stream. A read that waits `SILENT_S` raises ExitError. SourceError if it
    cannot be opened."""
    container = open_address(url)
    # Neither arrives in real time: it would play too fast and then stall.
    is_list = is_playlist(container)
    if is_list or is_file(container, url):
        container.close()
        raise SourceError(
            f"camera {redact_url(url)}: {'a playlist (HLS)' if is_list else 'a file'}, not a live "
            "stream; "
            "download it and give the file"
        )
    return container


def is_playlist(container: InputContainer) -> bool:
    return bool(container.format.name == "hls")


def is_file(container: InputContainer, url: str) -> bool:
    return url.lower().startswith("http") and container.duration is not None


def open_address(url: str) -> InputContainer:
    """Open a stream, as `open_stream` does, or a file at an address."""
    name = f"camera {redact_url(url)}"
    scheme = urlsplit(url).scheme.lower()
    options = {**STREAM_OPTIONS, **SCHEME_OPTIONS.get(scheme, {})}
    try:
        return open_media(url, options=options, timeout=(OPEN_TIMEOUT_S, SILENT_S))
    except av.error.ExitError:
        raise SourceError(f"{name}: no answer within {OPEN_TIMEOUT_S:.0f} s") from None
    except av.error.ProtocolNotFoundError:
        raise SourceError(
            f"{name}: the FFmpeg of PyAV here is built without {scheme.upper()}"
        ) from None
    except (av.error.FFmpegError, OSError) as error:
        raise SourceError(f"{name}: cannot be opened ({error.strerror})") from None
