"""A camera or a program that is reached by an address: RTSP, HTTP (Motion JPEG, MPEG-TS), RTMP, SRT, UDP."""

from urllib.parse import urlsplit

import av
from av.container import InputContainer

from engine.errors import SourceError
from engine.sources.live import SILENT_S

OPEN_TIMEOUT_S = 10.0
# What FFmpeg reads ahead to learn what is in a stream is what its picture is late by.
OPTIONS = {"fflags": "nobuffer", "probesize": "500000", "analyzeduration": "500000", "fpsprobesize": "0"}
SCHEME_OPTIONS = {
    "rtsp": {"rtsp_flags": "prefer_tcp"},  # over UDP a lost packet is a torn picture; a server without TCP still works
    "rtsps": {"rtsp_flags": "prefer_tcp"},
    "udp": {"overrun_nonfatal": "1"},  # a full buffer costs pictures, not the stream
}


def shown_address(url: str) -> str:
    """The address without user, password and what follows the `?`: for messages and the page. SourceError when it is
    none."""
    try:
        parts = urlsplit(url)
    except ValueError:  # which may say the password
        raise SourceError(f"camera {url.rpartition('@')[2].partition('?')[0]}: not an address") from None
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def open_stream(url: str) -> InputContainer:
    """The stream opened for reading; a read that waits `SILENT_S` raises av.ExitError. SourceError, in one line."""
    container = open_address(url)
    # Neither is sent at the rate at which it shows: it would rush through, and stand.
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
    """Whether it has an end that is known."""
    return url.lower().startswith("http") and container.duration is not None


def open_address(url: str) -> InputContainer:
    """As `open_stream`, and whatever is there: a stream or a file."""
    name = f"camera {shown_address(url)}"
    scheme = urlsplit(url).scheme.lower()
    options = {**OPTIONS, **SCHEME_OPTIONS.get(scheme, {})}
    try:
        return av.open(url, options=options, timeout=(OPEN_TIMEOUT_S, SILENT_S), metadata_errors="replace")
    except av.ExitError:
        raise SourceError(f"{name}: no answer within {OPEN_TIMEOUT_S:.0f} s") from None
    except av.ProtocolNotFoundError:
        raise SourceError(f"{name}: the FFmpeg of PyAV here is built without {scheme.upper()}") from None
    except (av.FFmpegError, OSError) as error:
        raise SourceError(f"{name}: cannot be opened ({error.strerror})") from None
