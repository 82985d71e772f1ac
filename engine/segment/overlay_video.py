"""The source with coloured masks as a video: size, rate, time stamps, shape of pixels and colour tags are the source's.

Formats and encoders are those of recordings (engine/sinks/movie_file.py), and .mkv besides. Pictures are written
upright: a turned source needs no tag any more. They have 8 bits, as the model saw them; a 10-bit source keeps its
colour tags. 4:2:0 has one colour for two by two pixels: an odd side is one pixel longer.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

from engine.errors import SinkError
from engine.segment.outputs import partial_path
from engine.segment.pictures import Pictures
from engine.segment.results import Result
from engine.sinks.movie_file import BT470BG_MATRIX, FORMATS, Format
from engine.sources.stream_copy import StreamCopy

H264 = FORMATS[".mp4"]
OVERLAY_FORMATS: dict[str, Format] = FORMATS | {
    ".mkv": Format(codec=H264.codec, pixels=H264.pixels, live={}, offline=H264.offline, sound="", has_keys=True)
}
CONTAINERS = {".mkv": "matroska"}
KEY_EVERY_S = 1  # a player that looks for a place starts at most so far before it
CONVERSION_THREADS = 1  # the encoder takes the cores


class OverlayVideo:
    def __init__(self, path: Path, pictures: Pictures, *, every: int) -> None:
        self.path = path
        self.notes: list[str] = []
        self._partial = partial_path(path)
        self._pictures = pictures
        self._format = form = OVERLAY_FORMATS[path.suffix.lower()]
        height, width = pictures.first.pixels.shape[:2]
        self._padding = ((0, height % 2), (0, width % 2), (0, 0))
        self._matrix = Colorspace.ITU601 if form.is_full_range else pictures.look.tags.matrix_for(height)
        self._range = self._range_of(form)
        look = pictures.look
        rate = look.rate / every
        self._time_base = 1 / rate if form.has_fixed_rate else look.time_base
        self._newest_pts: int | None = None
        self._reformatter = VideoReformatter()
        self._end_s = Fraction(0)
        self._sound: StreamCopy | None = None
        with self._errors():
            self._container = av.open(
                str(self._partial),
                "w",
                format=CONTAINERS.get(path.suffix.lower(), path.suffix[1:].lower()),
                options=form.container,
            )
        try:
            with self._errors():
                self._stream = self._container.add_stream(form.codec, rate=rate, options=form.offline)
                self._set_up(width + width % 2, height + height % 2, rate)
            if look.sound:
                self._sound = StreamCopy(pictures.path, self._container, has_early=not form.has_fixed_rate)
                self._add_sound(self._sound)
        except BaseException:
            self.discard()
            raise
        if height % 2 or width % 2:
            self.notes.append(f"{path.name}: {width + width % 2}x{height + height % 2}, as its sides must be even")

    def add(self, result: Result) -> None:
        picture, pixels = result.picture, result.overlay()
        if any(after for _, after in self._padding):
            pixels = np.pad(pixels, self._padding, mode="edge")
        with self._errors():
            frame = self._reformatter.reformat(
                av.VideoFrame.from_numpy_buffer(pixels, format="rgb24"),
                format=self._format.pixels,
                dst_colorspace=self._matrix,
                src_color_range=ColorRange.JPEG,
                dst_color_range=self._range,
                threads=CONVERSION_THREADS,
            )
            pts = round(picture.start_s / self._time_base)
            if self._newest_pts is not None:
                pts = max(pts, self._newest_pts + 1)
            self._newest_pts = frame.pts = pts
            frame.time_base = self._time_base
            frame.duration = max(round((picture.end_s - picture.start_s) / self._time_base), 1)
            if self._sound is not None:
                self._sound.copy_until(picture.start_s)
            self._container.mux(self._stream.encode(frame))
        self._end_s = picture.end_s

    def finish(self) -> None:
        with self._errors():
            self._container.mux(self._stream.encode(None))
            if self._sound is not None:
                self._sound.copy_until(self._end_s)
                self._sound.close()
                if self._sound.damage:
                    self.notes.append(
                        f"{self.path.name}: its sound ends where the source is damaged ({self._sound.damage})"
                    )
            self._container.close()
            self._partial.replace(self.path)

    def discard(self) -> None:
        if self._sound is not None:
            self._sound.close()
        with suppress(av.FFmpegError, OSError):  # it may be what failed
            self._container.close()
        self._partial.unlink(missing_ok=True)

    def _set_up(self, width: int, height: int, rate: Fraction) -> None:
        look, stream, form = self._pictures.look, self._stream, self._format
        stream.width, stream.height, stream.pix_fmt = width, height, form.pixels
        stream.time_base = self._time_base
        codec = stream.codec_context
        codec.time_base = self._time_base
        codec.sample_aspect_ratio = look.pixel_aspect
        if form.has_keys:
            codec.gop_size = max(1, round(rate * KEY_EVERY_S))
        codec.color_range = self._range
        codec.color_primaries = look.tags.primaries
        codec.color_trc = look.tags.transfer
        codec.colorspace = BT470BG_MATRIX if form.is_full_range else look.tags.matrix

    def _add_sound(self, sound: StreamCopy) -> None:
        for track in sound.streams.audio:
            if not sound.add(track):
                self.notes.append(
                    f"{self.path.name}: its sound ({track.codec.canonical_name}) cannot be copied into such a file, "
                    ".mkv takes any; it is silent"
                )

    def _range_of(self, form: Format) -> ColorRange:
        """Motion JPEG has all 256 values, ProRes never; H.264 has what the source has."""
        is_full = form.is_full_range or (form.has_keys and self._pictures.look.tags.is_full_range)
        return ColorRange.JPEG if is_full else ColorRange.MPEG

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (av.FFmpegError, OSError) as error:
            raise SinkError(f"{self.path}: cannot be written ({error.strerror or error})") from error
