"""Reads a video file once: every picture with the exact interval in which it is shown."""

import bisect
import heapq
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path

import av.error
from av.codec.codec import UnknownCodecError
from av.codec.context import CodecContext
from av.container import InputContainer
from av.filter import Graph
from av.packet import Packet
from av.stream import Disposition
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame as DecodedFrame
from av.video.stream import VideoStream

from engine.errors import SourceError
from engine.sources import stream_copy
from engine.sources.camera import OPEN_TIMEOUT_S, redact_url
from engine.sources.live import SILENT_S
from engine.system.media_file import open_media, packets_of
from engine.values import Deinterlace

DECODE_THREADS = 2  # live; more would compete with drawing for cores
RECONNECTS = {"reconnect": "1"}  # a server may close the connection if we read too slowly
# FFmpeg's own decoders drop WebM's transparency
ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
RECORDED_S = 10.0  # recorders write at least this often
USUAL_FPS = Fraction(25)  # for a file with neither time stamps nor a rate

ONE_PICTURE_PER_PACKET = ("h264", "hevc", "av1", "vp9", "ffv1")  # and all intra-only codecs
MAX_EARLY = 4  # pictures held back for a missing one; after that it counts as lost


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedPicture:
    """A decoded picture, shown from `start_s` to just before `end_s`, exact seconds from the file's
    first picture."""

    start_s: Fraction
    end_s: Fraction
    frame: DecodedFrame
    pixel_aspect: float
    fps: float


def read_pass(
    path: Path | str,
    on_corrupt: Callable[[str], None],
    *,
    threads: int = DECODE_THREADS,
    deinterlace: Deinterlace | None = None,
) -> Iterator[TimedPicture]:
    """Yield every picture of the file, or of the one at that address, in order. `on_corrupt` is
    called for each that cannot be decoded; reading continues.

    `threads`: number of decoding threads; 0 for one per core. A picture is shown until the next one
    starts, the last for its own duration. `deinterlace`: one picture per field, or per frame.
    SourceError if the file cannot be opened or has no picture."""
    container, stream = open_video(path)
    with container:
        decoder = _decoder_of(stream, path)
        decoder.thread_type = "AUTO"
        decoder.thread_count = threads
        rate = Fraction(stream.average_rate or stream.guessed_rate or USUAL_FPS)
        aspect = float(stream.sample_aspect_ratio or 1)
        half_tick_s = Fraction(stream.time_base or 0) / 2 / pictures_per_frame(deinterlace)
        frames = _decode(path, container, stream, decoder, on_corrupt)
        if deinterlace is not None:
            # It reads the order of the fields from each frame, and takes the upper one as first
            # where it has none.
            frames = _filter_frames(frames, "bwdif", {"mode": f"send_{deinterlace}"})
            rate *= pictures_per_frame(deinterlace)
        crop = crop_of(stream)
        if crop:  # after the fields, whose order an odd row would change
            frames = _filter_frames(frames, "crop", crop)
        for start_s, end_s, frame in _intervals(frames, rate, half_tick_s):
            yield TimedPicture(
                start_s=start_s, end_s=end_s, frame=frame, pixel_aspect=aspect, fps=float(rate)
            )


def read_first(
    path: Path | str, label: str, deinterlace: Deinterlace | None = None
) -> TimedPicture:
    """The first picture that `read_pass` yields. SourceError, with the reason, if it yields
    none."""
    reasons: list[str] = []
    for picture in read_pass(path, reasons.append, deinterlace=deinterlace):
        return picture
    reason = f" ({reasons[0]})" if reasons else ""
    raise SourceError(f"{label}: no picture can be decoded{reason}")


def open_video(path: Path | str) -> tuple[InputContainer, VideoStream]:
    """Open the file, or the one at an address. Returns it and its picture stream, or raises a
    one-line SourceError."""
    is_local = isinstance(path, Path)
    label = str(path) if isinstance(path, Path) else redact_url(path)
    try:
        container = open_media(
            path,
            options=None if is_local else RECONNECTS,
            timeout=None if is_local else (OPEN_TIMEOUT_S, SILENT_S),
        )
    except av.error.ExitError:
        raise SourceError(f"{label}: no answer within {OPEN_TIMEOUT_S:.0f} s") from None
    except (av.error.FFmpegError, OSError) as error:
        found = path.stat() if isinstance(path, Path) and path.is_file() else None
        reason = "it is empty" if found and not found.st_size else error.strerror
        if found and found.st_size and time.time() - found.st_mtime < RECORDED_S:
            reason = (
                f"{reason}; it was written to just now: if it is being recorded, wait for its end"
            )
        raise SourceError(f"{label}: not a readable video or picture ({reason})") from None
    # FFmpeg plays any text file as an ANSI animation.
    if container.format.name == "tty":
        container.close()
        raise SourceError(f"{label}: a text file, not a video or picture")
    stream = container.streams.best("video")
    if not isinstance(stream, VideoStream) or stream.codec_context is None:
        container.close()
        raise SourceError(f"{label}: no picture in this file can be decoded")
    if Disposition.attached_pic in stream.disposition:
        container.close()
        raise SourceError(f"{label}: a sound with a cover, not a video")
    return container, stream


def pictures_per_frame(deinterlace: Deinterlace | None) -> int:
    return 2 if deinterlace == "field" else 1


def crop_of(stream: VideoStream) -> dict[str, str]:
    """Options of FFmpeg's `crop` for the part of a picture that its container shows (MP4's `clap`,
    Matroska's PixelCrop); {} for the whole. PyAV does not tell it, but FFmpeg writes it into the
    header of a copy: MOV holds ProRes, MP4 holds VP9, AV1 and FFV1."""
    headers = (
        stream_copy.header_of(kind, stream, movflags="empty_moov") for kind in ("mov", "mp4")
    )
    _, name, values = next(filter(None, headers), b"").partition(b"clap")
    if not name or not stream.width or not stream.height:
        return {}
    clap = struct.unpack(">8i", values[:32])
    width, height, right_of_centre, below_centre = map(Fraction, clap[::2], clap[1::2])
    return {
        "w": f"max(1, iw - {round(stream.width - width)})",
        "h": f"max(1, ih - {round(stream.height - height)})",
        "x": f"{round((stream.width - width) / 2 + right_of_centre)}",
        "y": f"{round((stream.height - height) / 2 + below_centre)}",
        "exact": "1",
    }


def _filter_frames(
    frames: Iterator[DecodedFrame], name: str, options: dict[str, str]
) -> Iterator[DecodedFrame]:
    """Yield the pictures that this filter of FFmpeg makes."""
    graph: Graph | None = None
    form: tuple[int, int, str] | None = None
    for frame in chain(frames, [None]):
        found = None if frame is None else (frame.width, frame.height, frame.format.name)
        # the end, or another size in the middle of a broadcast
        if graph is not None and found != form:
            yield from _filter_frame(graph, None)
            graph = None
        if frame is not None:
            if graph is None:
                graph = Graph()
                form = found
                source = graph.add_buffer(
                    width=frame.width,
                    height=frame.height,
                    format=frame.format,
                    time_base=frame.time_base,
                )
                filter = graph.add(name, **options)
                graph.link_nodes(source, filter, graph.add("buffersink")).configure()
            yield from _filter_frame(graph, frame)


def _filter_frame(graph: Graph, frame: DecodedFrame | None) -> Iterator[DecodedFrame]:
    graph.push(frame)
    with suppress(av.error.BlockingIOError, av.error.EOFError):
        while True:
            yield graph.vpull()


def _intervals(
    frames: Iterator[DecodedFrame], rate: Fraction, half_tick_s: Fraction
) -> Iterator[tuple[Fraction, Fraction, DecodedFrame]]:
    """Yield (start, end, frame), without gaps, from 0 to the exact length of the pass. A time stamp
    is only exact to half a tick of the file's clock. Matroska's tick is a millisecond, so 2/30 s is
    stored as 67 ms. Each picture therefore starts half a tick early; otherwise it could be shown
    one frame late."""
    first_s = previous_s = start_s = Fraction(0)
    waiting: DecodedFrame | None = None
    for frame in frames:
        stamp_s = _time_of(frame)
        if waiting is None:
            previous_s = first_s = stamp_s or Fraction(0)
        else:
            # no time stamp, or not after the previous one
            if stamp_s is None or stamp_s <= previous_s:
                stamp_s = previous_s + _length_of(waiting, rate)
            end_s = stamp_s - first_s - half_tick_s
            yield start_s, end_s, waiting
            previous_s = stamp_s
            start_s = end_s
        waiting = frame
    if waiting is not None:
        yield start_s, previous_s - first_s + _length_of(waiting, rate), waiting


def _decode(
    path: Path | str,
    container: InputContainer,
    stream: VideoStream,
    decoder: VideoCodecContext,
    on_corrupt: Callable[[str], None],
) -> Iterator[DecodedFrame]:
    reason = "cannot be decoded"

    def report_lost(time_s: float) -> None:
        on_corrupt(f"at {time_s:.2f} s: {reason}")

    def checked(frames: list[DecodedFrame]) -> list[DecodedFrame]:
        for frame in frames:
            if frame.is_corrupt:
                on_corrupt(
                    f"at {awaited.seconds_of(frame):.2f} s: shown as far as it could be decoded"
                )
        return frames

    awaited = AwaitedPictures(
        stream, Fraction(container.start_time or 0, av.time_base), report_lost
    )
    for packet in packets_of(container, stream, on_corrupt):
        awaited.send(packet)
        try:
            frames = decoder.decode(packet)
        except av.error.FFmpegError as error:
            reason = error.strerror or ""
            if isinstance(error, av.error.ArgumentError):
                reason = f"{reason}; pictures of up to 8192x8192 px can be decoded"
            if not awaited.is_exact:
                on_corrupt(reason)
            continue
        for frame in frames:
            yield from checked(awaited.take(frame))
    if awaited.stamps:
        for frame in _decode_again(path, awaited.stamps):
            yield from checked(awaited.take(frame))
    yield from checked(awaited.flush())


def _decode_again(path: Path | str, stamps: frozenset[int]) -> Iterator[DecodedFrame]:
    """Decode the last pictures with these time stamps again, on one thread: with several, an error
    at the end of a file discards the pictures still in the other threads."""
    try:
        container, stream = open_video(path)
        with container:
            decoder = _decoder_of(stream, path)
            decoder.thread_type = "SLICE"
            decoder.thread_count = 1
            container.seek(min(stamps), stream=stream)
            for packet in container.demux(stream):
                with suppress(av.error.FFmpegError):
                    yield from (frame for frame in decoder.decode(packet) if frame.pts in stamps)
    except (SourceError, av.error.FFmpegError, OSError):
        return  # they are counted as lost


def _decoder_of(stream: VideoStream, path: Path | str) -> VideoCodecContext:
    """The stream's own decoder, except for transparent WebM."""
    name = ALPHA_DECODERS.get(stream.codec_context.codec.canonical_name)
    if name is None or stream.metadata.get("alpha_mode") != "1":
        return stream.codec_context
    try:
        decoder = CodecContext.create(name, "r")
    except UnknownCodecError:
        label = path if isinstance(path, Path) else redact_url(path)
        raise SourceError(
            f"{label}: transparent, which needs {name}; PyAV's FFmpeg here is built without it"
        ) from None
    assert isinstance(decoder, VideoCodecContext)
    decoder.options = stream.codec_context.options  # the limit of pixels
    return decoder


def _time_of(frame: DecodedFrame) -> Fraction | None:
    if frame.pts is None or not frame.time_base:
        return None
    return frame.pts * Fraction(frame.time_base)


def _length_of(frame: DecodedFrame, rate: Fraction) -> Fraction:
    if frame.duration and frame.time_base:
        return frame.duration * Fraction(frame.time_base)
    return 1 / rate


class AwaitedPictures:
    """The expected pictures of one pass through a file: detects packets that were never decoded to
    a picture, and puts the decoded pictures in order.

    A decoder does not report most of its losses, and delivers some pictures of damaged H.264 too
    early. But with most codecs each packet is one picture with the same time stamp, so the stamps
    of the packets tell which pictures to expect, and in which order. A clean video passes through
    unchanged."""

    def __init__(
        self, stream: VideoStream, start_s: Fraction, on_lost: Callable[[float], None]
    ) -> None:
        """`start_s`: start time of the file. `on_lost` gets each lost picture's time, in seconds
        from that start."""
        codec = stream.codec_context.codec
        self.is_exact = codec.intra_only or codec.canonical_name in ONE_PICTURE_PER_PACKET
        """True while losses can be detected: False if packets lack time stamps, go back in time, or
        are fields."""
        self._tick_s = Fraction(stream.time_base or 0)
        self._start_s = start_s
        self._on_lost = on_lost
        self._stamps: list[int] = []  # of expected pictures, sorted
        self._lost: set[int] = set()
        self._early: list[
            tuple[int, int, DecodedFrame]
        ] = []  # a heap: stamp, order of arrival, picture
        self._arrived = 0
        self._newest_dts: int | None = None
        self._newest_pts = 0

    @property
    def stamps(self) -> frozenset[int]:
        """Time stamps of the pictures that have not arrived yet."""
        return frozenset(self._stamps)

    def send(self, packet: "Packet[VideoStream]") -> None:
        """Register a packet that goes to the decoder."""
        if not self.is_exact or not packet.size or packet.is_discard:
            return
        is_back = (
            packet.dts is not None
            and self._newest_dts is not None
            and packet.dts < self._newest_dts
        )
        if packet.pts is None or is_back:
            self._stamps = []
            self.is_exact = False
            return
        self._newest_dts = packet.dts
        bisect.insort(self._stamps, packet.pts)

    def take(self, frame: DecodedFrame) -> list[DecodedFrame]:
        """Add a picture from the decoder. Returns those that can be shown now, in order."""
        if self.is_exact and frame.pts in self._lost:
            return []
        if not self.is_exact or frame.pts not in self._stamps or frame.interlaced_frame:
            self._stamps = []
            self.is_exact = False
            return [*self.flush(), frame]
        self._stamps.remove(frame.pts)
        self._arrived += 1
        heapq.heappush(self._early, (frame.pts, self._arrived, frame))
        return self._pop_ready(MAX_EARLY)

    def flush(self) -> list[DecodedFrame]:
        """Return the pictures still held back, after the last one was added."""
        ready = self._pop_ready(0)
        self._lose_before(None)
        return ready

    def seconds_of(self, frame: DecodedFrame) -> float:
        """Time at which the picture is shown; without a time stamp, that of the previous one."""
        self._newest_pts = self._newest_pts if frame.pts is None else frame.pts
        return self._seconds(self._newest_pts)

    def _pop_ready(self, max_early: int) -> list[DecodedFrame]:
        ready = []
        while self._early:
            stamp = self._early[0][0]
            if self._stamps and self._stamps[0] < stamp:
                if len(self._early) <= max_early:
                    break
                self._lose_before(stamp)
            ready.append(heapq.heappop(self._early)[2])
        return ready

    def _lose_before(self, stamp: int | None) -> None:
        end = len(self._stamps) if stamp is None else bisect.bisect_left(self._stamps, stamp)
        lost = self._stamps[:end]
        self._stamps = self._stamps[end:]
        self._lost.update(lost)
        for each in lost:
            self._on_lost(self._seconds(each))

    def _seconds(self, stamp: int) -> float:
        return float(stamp * self._tick_s - self._start_s)
