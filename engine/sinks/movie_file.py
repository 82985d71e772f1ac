"""Writes a movie with PyAV. Used by one thread, which also imports PyAV, so that the engine does
not wait for it.

    .mp4  H.264 and AAC      small, plays everywhere
    .mov  ProRes 422 and PCM for editing programs, 10 bits; twenty times as large
    .mkv  HEVC and PCM       10 bits for players: slow gradients without bands, about as small as
          H.264
    .avi  Motion JPEG and PCM  intra-only: media servers can scratch it, and old programs can read
          it

Pictures for 10 bits come with 16. MP4 and MOV are fragmented while they are written: twice per
second everything so far is complete on disk, so the file of a killed run plays up to that point.
Closing turns them into plain files, which editing programs need, by appending one header for
everything (`hybrid_fragmented`, FFmpeg 7.1), without a copy. `index_in_front.py` moves that header.
The first fragment carries its header (`delay_moov`): with an empty header first, FFmpeg cannot
declare AAC's 1024 priming samples and shifts the pictures by 21 ms. No B-frames: decoding order is
presentation order. An AVI has a constant rate: a missing picture becomes an empty chunk. After a
kill an AVI and a Matroska file have no index; players rebuild it.
"""

from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from fractions import Fraction
from io import FileIO
from pathlib import Path

import av.error
import numpy as np
from av.audio.stream import AudioStream
from av.codec.codec import codecs_available
from av.codec.context import ThreadType
from av.container import OutputContainer
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, VideoReformatter
from av.video.stream import VideoStream

from engine.errors import SinkError
from engine.sinks.index_in_front import boxes_of
from engine.sources.pixels import BT470BG_MATRIX, BT709_MATRIX
from engine.system.atomic_file import when_free
from engine.system.schedule import exact_rate
from engine.system.translate_errors import reason_of, translate_errors

FRAGMENT_S = 0.5
LIVE_TICKS_HZ = 90_000  # MPEG's clock: fine enough for any frame time
QUALITY = "18"  # x264's constant rate factor; 18 is nearly indistinguishable from the original
AAC_RATES_HZ = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000)
BIT_RATE_PER_CHANNEL = 96_000
WRITE_BYTES = 8 * 2**20  # a fragment is one write, so a kill rarely leaves half of one
ENCODER_THREADS = 4  # fixed: x264's output depends on it, and must be the same on every machine
# Fixed like ENCODER_THREADS: the output depends on the number of frames encoded at once. x265 would
# log to stderr.
X265 = f"log-level=error:bframes=0:frame-threads={ENCODER_THREADS}"
AVX2 = 11  # OpenCV's number for it
CONTAINERS = {".mkv": "matroska", ".m4v": "mp4"}
FRAGMENTED = {"frag_duration": f"{FRAGMENT_S * 1e6:.0f}", "flush_packets": "1"}
# as options of a container: Matroska gets random ids otherwise
SAME_BYTES = {"fflags": "+bitexact"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """Codecs and options of a file suffix."""

    codec: str
    pixels: str
    live: dict[str, str]
    """Encoder options for live use: fast."""
    offline: dict[str, str]
    container: dict[str, str] = field(default_factory=dict)
    sound: str
    has_keys: bool = False
    """True if the codec is not intra-only; keyframes are then requested by time."""
    has_fixed_rate: bool = False
    is_fragmented: bool = False
    """True if it consists of boxes, and a torn one at the end can be cut off."""
    is_full_range: bool = False
    """True for levels 0..255 in BT.601, as in JPEG; else 16..235 in BT.709."""


FORMATS = {
    ".mp4": Format(
        codec="libx264",
        is_fragmented=True,
        pixels="yuv420p",
        live={
            "preset": "ultrafast",
            "tune": "zerolatency",
            "crf": QUALITY,
            "bf": "0",
            "forced-idr": "1",
        },
        offline={"preset": "veryfast", "crf": QUALITY, "bf": "0", "forced-idr": "1"},
        container={
            "movflags": "frag_keyframe+delay_moov+default_base_moof+hybrid_fragmented",
            "flush_packets": "1",
        },
        sound="aac",
        has_keys=True,
    ),
    ".mov": Format(
        codec="prores",  # the only one of FFmpeg's ProRes encoders that is fast enough live
        is_fragmented=True,
        pixels="yuv422p10le",
        live={"profile": "2"},
        offline={"profile": "3"},
        container={"movflags": "delay_moov+default_base_moof+hybrid_fragmented", **FRAGMENTED},
        sound="pcm_s16le",
    ),
    ".mkv": Format(
        codec="libx265",
        pixels="yuv420p10le",
        live={
            "preset": "ultrafast",
            "tune": "zerolatency",
            "crf": QUALITY,
            "forced-idr": "1",
            "x265-params": X265,
        },
        offline={"preset": "veryfast", "crf": QUALITY, "forced-idr": "1", "x265-params": X265},
        container={
            "cluster_time_limit": f"{FRAGMENT_S * 1e3:.0f}",
            "flush_packets": "1",
            **SAME_BYTES,
        },
        sound="pcm_s16le",
        has_keys=True,
    ),
    ".avi": Format(
        codec="mjpeg",
        pixels="yuvj420p",
        live={"qmin": "2", "qmax": "4"},
        offline={"qmin": "2", "qmax": "2"},
        sound="pcm_s16le",
        has_fixed_rate=True,
        is_full_range=True,
    ),
}


def container_of(path: Path) -> str:
    """FFmpeg's name for the container of this suffix."""
    return CONTAINERS.get(path.suffix.lower(), path.suffix[1:].lower())


def make_repeatable(codec: VideoCodecContext) -> None:
    """Make the output deterministic: the same bytes on every machine and in every run. Call it
    first."""
    import cv2  # offline only: a live recording must not wait for the import

    codec.thread_type = ThreadType.FRAME
    codec.thread_count = ENCODER_THREADS
    # x264's AVX-512 code (core 165) uses uninitialised values in its lookahead: one of fifty first
    # pictures differed between runs. Every processor with AVX-512 has AVX2, so that is used.
    if codec.name == "libx264" and cv2.checkHardwareSupport(AVX2):
        codec.options = codec.options | {"x264-params": "asm=avx2"}


def add_video(
    container: OutputContainer, codec: str, rate: Fraction, options: dict[str, str]
) -> VideoStream:
    stream = container.add_stream(codec, rate=rate, options=options)
    assert isinstance(stream, VideoStream)
    return stream


class MovieFile:
    """Writes a movie file; silent if `sound_channels` is 0. FFmpeg's errors become SinkError."""

    def __init__(
        self,
        path: Path,
        *,
        width: int,
        height: int,
        fps: float,
        sample_rate_hz: int,
        sound_channels: int,
        is_offline: bool,
    ) -> None:
        self._path = path
        self._format = form = FORMATS[path.suffix.lower()]
        self._padded = (height + height % 2, width + width % 2)  # 4:2:0 needs even sides
        rate = exact_rate(fps)
        self._time_base = (
            1 / rate if is_offline or form.has_fixed_rate else Fraction(1, LIVE_TICKS_HZ)
        )
        self._next_key_s = 0.0
        self._newest_pts = -1
        self._reformatter = VideoReformatter()
        self._samples = 0
        self._sound: AudioStream | None = None
        self._file = _open_file(path)
        with self._errors():
            self._container = av.open(
                self._file,
                "w",
                format=container_of(path),
                buffer_size=WRITE_BYTES,
                options=form.container,
            )
            if form.codec not in codecs_available:
                raise SinkError(
                    f"record: {path}: this PyAV has no encoder {form.codec}; record a .mov or "
                    ".mp4 file"
                )
            options = form.offline if is_offline else form.live
            self._picture = add_video(self._container, form.codec, rate, options)
            self._picture.height, self._picture.width = self._padded
            self._picture.pix_fmt = form.pixels
            codec = self._picture.codec_context
            if is_offline:
                make_repeatable(codec)
            codec.time_base = self._time_base
            if form.has_keys:
                # keyframes are requested by time
                codec.gop_size = max(1, round(fps * 10 * FRAGMENT_S))
            codec.color_range = ColorRange.JPEG if form.is_full_range else ColorRange.MPEG
            codec.color_primaries = ColorPrimaries.BT709
            codec.color_trc = ColorTrc.BT709
            codec.colorspace = BT470BG_MATRIX if form.is_full_range else BT709_MATRIX
            if sample_rate_hz and sound_channels:
                layout = "mono" if sound_channels == 1 else "stereo"
                is_rate_supported = form.sound != "aac" or sample_rate_hz in AAC_RATES_HZ
                sound = self._container.add_stream(
                    form.sound, rate=sample_rate_hz if is_rate_supported else 48_000, layout=layout
                )
                assert isinstance(sound, AudioStream)
                self._sound = sound
                if form.sound == "aac":
                    sound.bit_rate = BIT_RATE_PER_CHANNEL * min(sound_channels, 2)
                self._layout = layout
                self._sample_rate_hz = sample_rate_hz

    def add_picture(self, pixels: np.ndarray, time_s: float) -> None:
        """Add (height, width, 4) uint8 or uint16 at `time_s` after the start; alpha is dropped.
        Times must increase."""
        height, width = pixels.shape[:2]
        if (height, width) != self._padded:
            right = self._padded[1] - width
            bottom = self._padded[0] - height
            pixels = np.pad(pixels, ((0, bottom), (0, right), (0, 0)), mode="edge")
        with self._errors():
            picture = self._reformatter.reformat(
                av.VideoFrame.from_numpy_buffer(
                    pixels, format="rgba64le" if pixels.dtype == np.uint16 else "rgba"
                ),
                format=self._format.pixels,
                dst_colorspace=Colorspace.ITU601
                if self._format.is_full_range
                else Colorspace.ITU709,
                src_color_range=ColorRange.JPEG,
                dst_color_range=ColorRange.JPEG if self._format.is_full_range else ColorRange.MPEG,
                threads=1,
            )
            # ProRes reads them here
            picture.color_primaries = ColorPrimaries.BT709
            picture.color_trc = ColorTrc.BT709
            self._newest_pts = max(round(time_s / self._time_base), self._newest_pts + 1)
            picture.pts = self._newest_pts
            picture.time_base = self._time_base
            if self._format.has_keys and time_s >= self._next_key_s - 1e-6:
                picture.pict_type = PictureType.I
                self._next_key_s = time_s + FRAGMENT_S
            self._container.mux(self._picture.encode(picture))

    def add_sound(self, samples: np.ndarray) -> None:
        """Append (frames, 1 or 2) float32 in [-1, 1], without a gap."""
        if self._sound is None or not len(samples):
            return
        with self._errors():
            planes = np.ascontiguousarray(samples.T)  # (channels, frames)
            block = av.AudioFrame.from_ndarray(planes, format="fltp", layout=self._layout)
            block.sample_rate = self._sample_rate_hz
            block.time_base = Fraction(1, self._sample_rate_hz)
            block.pts = self._samples
            self._samples += len(samples)
            # split into AAC's 1024 and resampled by PyAV
            self._container.mux(self._sound.encode(block))

    @property
    def is_seekable(self) -> bool:
        """False for a pipe, where earlier data cannot be changed."""
        return isinstance(self._file, _SeekableFile)

    def close(self) -> None:
        """Flush the encoders and finish the file; after an error, cut it to its last complete
        fragment."""
        try:
            with self._errors():
                self._container.mux(self._picture.encode(None))
                if self._sound is not None and self._samples:
                    self._container.mux(self._sound.encode(None))
        finally:
            with self._errors():
                try:
                    self._container.close()
                finally:
                    self._file.close()
                    if self._file.error is not None and self._format.is_fragmented:
                        cut_torn_end(self._path)

    def _errors(self) -> AbstractContextManager[None]:
        def line(error: Exception) -> str:
            # PyAV says only "Error in PyAV callback".
            return f"record: {self._path}: {reason_of(self._file.error or error)}"

        return translate_errors({av.error.FFmpegError: line, OSError: line}, as_=SinkError)


def cut_torn_end(path: Path) -> None:
    """Truncate a fragmented movie to its last whole fragment."""
    size = path.stat().st_size
    with when_free(lambda: path.open("r+b"), path) as file:
        file.truncate(
            max(
                (end for kind, (_, end) in boxes_of(file) if kind == b"mdat" and end <= size),
                default=0,
            )
        )


def _open_file(path: Path) -> "_File":
    """Open the output. SinkError if it cannot be written. In a pipe it stays fragmented: no header
    can be added."""
    with translate_errors({OSError: f"record: {path}"}, as_=SinkError):
        # unbuffered, so that a kill loses nothing
        file = when_free(lambda: path.open("wb", buffering=0), path)
    return _SeekableFile(file) if file.seekable() else _File(file)


class _File:
    """Output for the muxer. PyAV would open the file itself while holding the GIL, however slow the
    disk is."""

    def __init__(self, file: FileIO) -> None:
        self.error: OSError | None = None
        """The error of a failed write."""
        self._file = file

    def write(self, data: bytes) -> int:
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            self.error = error
            raise
        return len(data)

    def close(self) -> None:
        self._file.close()


class _SeekableFile(_File):
    """Output for a format whose header is written at the end."""

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()
