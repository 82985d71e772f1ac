"""Writes a video with the source's pictures replaced. Keeps rate, time stamps, pixel aspect,
colours and sound.

Formats and encoders are those of recordings (movie_file.py), plus .mkv and .webm. Pictures are
written upright, without a rotation tag, and with 8 bits. 4:2:0 needs even sides, so an odd side is
padded by one pixel. No B-frames: decoding order is presentation order.
"""

from contextlib import AbstractContextManager, suppress
from fractions import Fraction
from pathlib import Path

import av.error
import numpy as np
from av.video.reformatter import ColorRange, ColorTrc, VideoReformatter

from engine.errors import SinkError
from engine.sinks.generation_info import GenerationInfo
from engine.sinks.movie_file import (
    FORMATS,
    SAME_BYTES,
    Format,
    add_video,
    container_of,
    make_repeatable,
)
from engine.sinks.source_tracks import SourceTracks, video_tags
from engine.sinks.whole_file import partial_path
from engine.sources.pixels import BT470BG_MATRIX, MATRICES, VideoFormat
from engine.system.atomic_file import MAX_JOB_WAIT_S, move_into_place, remove_file
from engine.system.file_names import name_for_ffmpeg
from engine.system.translate_errors import reason_of, translate_errors
from engine.system.undoing import undo_on_error

H264 = FORMATS[".mp4"]
# Ten times as fast as deadline "good" and cpu-used 5, for 5 to 24 % more bytes and at most 0.8 dB
# less PSNR. No hidden alternate reference frames, no lookahead.
VP9_OPTIONS = {
    "deadline": "realtime",
    "cpu-used": "7",
    "row-mt": "1",
    "crf": "24",
    "b": "0",
    "auto-alt-ref": "0",
    "lag-in-frames": "0",
}
VIDEO_FORMATS: dict[str, Format] = FORMATS | {
    ".mkv": Format(
        codec=H264.codec,
        pixels=H264.pixels,
        live={},
        offline=H264.offline,
        sound="aac",
        has_keys=True,
    ),
    ".webm": Format(
        codec="libvpx-vp9",
        pixels="yuv420p",
        live={},
        offline=VP9_OPTIONS,
        sound="libopus",
        has_keys=True,
    ),
}
# With its index in front, an MP4 plays in a browser while it downloads.
INDEX_IN_FRONT = {"movflags": "faststart"}
VIDEO_FORMATS[".m4v"] = H264  # MP4 by another name
MATROSKA = (".mkv", ".webm")
# also the encoder's time base, so that times are rounded only once
MATROSKA_TICK_S = Fraction(1, 1000)
# ProRes has one transfer function of SDR; these, by FFmpeg's numbers, are the same (ITU-T H.273,
# table 3).
BT709_TRANSFERS = (1, 6, 14, 15)
KEY_EVERY_S = 1  # keyframe interval: a seeking player decodes at most this much
CONVERSION_THREADS = 1  # leaves the cores to the encoder


class PictureVideo:
    """Writes a video with the source's pictures replaced. One thread. SinkError if it cannot be
    written."""

    def __init__(
        self,
        path: Path,
        *,
        size: tuple[int, int],
        video_format: VideoFormat,
        every: int = 1,
        tracks_from: Path | None = None,
        end_s: Fraction | None = None,
        displayed_path: Path | None = None,
        is_piece: bool = False,
        metadata: GenerationInfo | None = None,
    ) -> None:
        """The suffix of `path` decides the format. `size`: width and height of the pictures.
        `every`: only each `every`-th picture of the source is written. `tracks_from`: file whose
        sound and other tracks are taken, up to `end_s` or the last picture. `displayed_path`: the
        user's file, for messages. `is_piece`: one of several that are joined later, so its index
        need not be moved to the front. `metadata`: the video's comment."""
        self.path = path
        self.notes: list[str] = []
        self._label = displayed_path or path
        self._partial = partial_path(path)
        self._video_format = video_format
        self._format = form = VIDEO_FORMATS[path.suffix.lower()]
        width, height = size
        self._padding = ((0, height % 2), (0, width % 2), (0, 0))
        self._matrix = (
            BT470BG_MATRIX if form.is_full_range else video_format.tags.matrix_for(height)
        )
        self._range = self._range_of(form)
        self._transfer = video_format.tags.transfer
        if form.codec == "prores":
            self._transfer = (
                ColorTrc.BT709 if self._transfer in BT709_TRANSFERS else ColorTrc.UNSPECIFIED
            )
        rate = video_format.rate / every
        self._time_base = tick_of(path, video_format, every)
        self._newest_pts: int | None = None
        self._reformatter = VideoReformatter()
        self._end_s = Fraction(0)
        self._tracks: SourceTracks | None = None
        with self._errors():
            self._container = av.open(
                name_for_ffmpeg(self._partial),
                "w",
                format=container_of(path),
                options=SAME_BYTES
                | (form.container if is_piece or not form.container else INDEX_IN_FRONT),
            )
        with undo_on_error(self.discard), self._errors():
            self._stream = add_video(self._container, form.codec, rate, form.offline)
            self._set_up(width + width % 2, height + height % 2, rate)
            if tracks_from is not None and video_format.has_tracks:
                counted = rate if every == 1 else None
                self._tracks = SourceTracks(
                    tracks_from,
                    self._container,
                    self._stream,
                    form,
                    file_name=self._label.name,
                    rate=counted,
                    end_s=end_s,
                )
            self._container.metadata.update(video_tags(metadata, self._tracks))
        if height % 2 or width % 2:
            self.notes.append(
                f"{self._label.name}: {width + width % 2}x{height + height % 2}: sides must be even"
            )

    def add(self, pixels: np.ndarray, start_s: Fraction, end_s: Fraction) -> None:
        """Add the next picture, (height, width, 3) uint8 RGB, C-contiguous, shown between these
        times of the source."""
        if any(after for _, after in self._padding):
            pixels = np.pad(pixels, self._padding, mode="edge")
        with self._errors():
            frame = self._reformatter.reformat(
                av.VideoFrame.from_numpy_buffer(pixels, format="rgb24"),
                format=self._format.pixels,
                dst_colorspace=MATRICES[self._matrix],
                src_color_range=ColorRange.JPEG,
                dst_color_range=self._range,
                threads=CONVERSION_THREADS,
            )
            # ProRes reads them here
            frame.color_primaries = self._video_format.tags.primaries
            frame.color_trc = self._transfer
            pts = round(start_s / self._time_base)
            if self._newest_pts is not None:
                pts = max(pts, self._newest_pts + 1)
            self._newest_pts = pts
            frame.pts = pts
            frame.time_base = self._time_base
            frame.duration = max(round((end_s - start_s) / self._time_base), 1)
            if self._tracks is not None:
                self._tracks.write_until(start_s)
            self._container.mux(self._stream.encode(frame))
        self._end_s = end_s

    def finish(self) -> None:
        with self._errors():
            self._container.mux(self._stream.encode(None))
            if self._tracks is not None:
                self._tracks.write_until(self._end_s)
                self._tracks.finish()
                self.notes += self._tracks.notes
            self._container.close()
            move_into_place(self._partial, self.path, timeout_s=MAX_JOB_WAIT_S)

    def discard(self) -> None:
        """Remove everything that was written."""
        if self._tracks is not None:
            self._tracks.close()
        with suppress(av.error.FFmpegError, OSError):  # closing may be what failed
            self._container.close()
        # the first error was reported already, and the folder is removed anyway
        with suppress(OSError):
            remove_file(self._partial, missing_ok=True)

    def _set_up(self, width: int, height: int, rate: Fraction) -> None:
        video_format = self._video_format
        stream = self._stream
        form = self._format
        stream.width = width
        stream.height = height
        stream.pix_fmt = form.pixels
        stream.time_base = self._time_base
        codec = stream.codec_context
        make_repeatable(codec)
        codec.time_base = self._time_base
        codec.sample_aspect_ratio = video_format.pixel_aspect
        if form.has_keys:
            codec.gop_size = max(1, round(rate * KEY_EVERY_S))
        codec.color_range = self._range
        codec.color_primaries = video_format.tags.primaries
        codec.color_trc = self._transfer
        # always: some players take BT.601 for granted, some that of the size
        codec.colorspace = self._matrix

    def _range_of(self, form: Format) -> ColorRange:
        """Full range for Motion JPEG, limited for ProRes; other codecs keep the source's range."""
        is_full = form.is_full_range or (form.has_keys and self._video_format.tags.is_full_range)
        return ColorRange.JPEG if is_full else ColorRange.MPEG

    def _errors(self) -> AbstractContextManager[None]:
        def line(error: Exception) -> str:
            return f"{self._label}: cannot be written ({reason_of(error)})"

        return translate_errors({av.error.FFmpegError: line, OSError: line}, as_=SinkError)


def tick_of(path: Path, video_format: VideoFormat, every: int) -> Fraction:
    """Time base of such a file in seconds. `every`: only each `every`-th picture of the source is
    written."""
    if VIDEO_FORMATS[path.suffix.lower()].has_fixed_rate:
        return every / video_format.rate
    return MATROSKA_TICK_S if path.suffix.lower() in MATROSKA else video_format.time_base
