"""Opens a camera or a program by address: RTSP, HTTP (Motion JPEG, MPEG-TS), RTMP, SRT, UDP."""

from urllib.parse import urlsplit

import av
from av.container import InputContainer

from engine.errors import SourceError
from engine.sources.live import SILENT_S
from engine.system.media_file import open_media

OPEN_TIMEOUT_S = 10.0
# FFmpeg reads ahead to probe a stream, which adds latency.
OPTIONS = {"fflags": "nobuffer", "probesize": "500000", "analyzeduration": "500000", "fpsprobesize": "0"}
SCHEME_OPTIONS = {
    "rtsp": {"rtsp_flags": "prefer_tcp"},  # lost UDP packets tear pictures; UDP is still the fallback
    "rtsps": {"rtsp_flags": "prefer_tcp"},
    "udp": {"overrun_nonfatal": "1"},  # a full buffer drops pictures, not the stream
}


def shown_address(url: str) -> str:
    """The address without user, password and query, for messages and the page. SourceError if it is invalid."""
    try:
        parts = urlsplit(url)
    except ValueError:  # its text may contain the password
        raise SourceError(f"camera {url.rpartition('@')[2].partition('?')[0]}: not an address") from None
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def open_stream(url: str) -> InputContainer:
    """Open a stream. A read that waits `SILENT_S` raises av.ExitError. SourceError if it cannot be opened."""
    container = open_address(url)
    # Neither arrives in real time: it would play too fast and then stall.
    is_list = is_playlist(container)
    if is_list or is_file(container, url):
        container.close()
        raise SourceError(
            f"camera {shown_address(url)}: {'a playlist (HLS)' if is_list else 'a file'}, not a live stream; "
            "download it and give the file"
        )
    return container


def is_playlist(container: InputContainer) -> bool:
    return bool(container.format.name == "hls")


def is_file(container: InputContainer, url: str) -> bool:
    return url.lower().startswith("http") and container.duration is not None


def open_address(url: str) -> InputContainer:
    """Open a stream, as `open_stream` does, or a file at an address."""
    name = f"camera {shown_address(url)}"
    scheme = urlsplit(url).scheme.lower()
    options = {**OPTIONS, **SCHEME_OPTIONS.get(scheme, {})}
    try:
        return open_media(url, options=options, timeout=(OPEN_TIMEOUT_S, SILENT_S))
    except av.ExitError:
        raise SourceError(f"{name}: no answer within {OPEN_TIMEOUT_S:.0f} s") from None
    except av.ProtocolNotFoundError:
        raise SourceError(f"{name}: the FFmpeg of PyAV here is built without {scheme.upper()}") from None
    except (av.FFmpegError, OSError) as error:
        raise SourceError(f"{name}: cannot be opened ({error.strerror})") from None
