"""The sound of a video, and of sound files that libsndfile does not support (M4A, AAC, Opus ...),
through FFmpeg."""

from collections.abc import Generator, Iterator
from contextlib import closing
from fractions import Fraction
from pathlib import Path

import av.error
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition

from engine.errors import AudioError
from engine.system.media_file import declared_length_s, is_deep, is_whole, open_media, packets_of

SEEK_LEAD_S = (
    0.2  # decoded before the requested sample: a codec's first frames after a jump are not whole
)
GAP_S = 0.1  # minimum gap between time stamps; smaller ones are rounding of the container's clock
MAX_GAP_S = 600.0  # a larger jump counts as a broken time stamp
SILENCE_S = 1.0  # written at a time, so that a long gap does not fill the memory
# their time 0 is the start of the file; a transport stream begins at any time
ZERO_BASED_FORMATS = ("mov", "matroska")
# others estimate their length from the bit rate
EXACT_FORMATS = ("mov", "matroska", "avi", "asf", "flac", "aiff")
ASSUMED = {2: "stereo", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}
"""Layouts of files that name no loudspeakers. Other numbers of channels are no layout."""
MAX_PLANES = (
    7  # PyAV counts planes up to a null pointer, which a frame of eight or more lacks: it crashes
)

JOINABLE = ("ogg", "flac", "mp3")
DAMAGED = "damaged: parts that cannot be decoded are silent or left out"
JOINED = (
    "damaged, or several sounds are joined in it: what cannot be decoded, or has another rate or "
    "number of channels "
    "than the first, is left out; convert it alone"
)


def speakers_in(layout: str) -> tuple[str, ...]:
    """Names of the loudspeakers of a layout, as FFmpeg spells them; NONE for a channel without
    one."""
    return tuple(channel.name for channel in av.AudioLayout(layout).channels)


class DecodedTrack:
    """Decodes the best sound track of a file with FFmpeg. Gaps in its time stamps become silence,
    so that it stays in sync with the pictures. The constructor and `pieces` raise AudioError, in
    one line, if nothing can be decoded."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.notes: list[str] = []
        """Messages for the user, without the file's name; complete once all pieces were read."""
        self.begins_s = Fraction(0)
        """Time of its first sample, from the start of the file. Set after the first piece."""
        container, stream = self._open()
        with container:
            self.rate_hz: int = stream.rate
            self.channels: int = stream.channels
            self.layout: str = stream.layout.name
            """FFmpeg's name of its channel layout."""
            self.subtype = "PCM_24" if is_deep(stream) else ""
            """libsndfile's name of the sample format: PCM_24, ALAC_16, ALAC_24; "" for others."""
            if stream.codec_context.name == "alac":
                self.subtype = "ALAC_24" if self.subtype else "ALAC_16"
            self.has_video = any(
                Disposition.attached_pic not in track.disposition
                for track in container.streams.video
            )
            self.index = stream.index
            """Index of its track among all streams of the file."""
            kind = container.format.name.partition(",")[0]
            self._is_whole = kind not in JOINABLE or is_whole(path)
            self.knows_its_length = kind in EXACT_FORMATS and self._is_whole
            self._origin_s = Fraction(container.start_time or 0, 1_000_000)  # the first picture
            if kind in ZERO_BASED_FORMATS and not self.has_video and self._origin_s <= MAX_GAP_S:
                self._origin_s = Fraction(0)  # later it is the time of day
            promised_s, promised_end_s = self._promised(container, stream)
            self.promised_s = promised_s
            self.promised_end_s = promised_end_s
            """Length of its sound, and the end from the start of the file, as the file declares
            them; None if not."""

    def pieces_from(self, sample: int) -> Generator[np.ndarray, None, None]:
        """Yield like `pieces`, but from this sample of the file on; silence before `begins_s`."""
        jump_s = Fraction(max(sample / self.rate_hz - SEEK_LEAD_S, 0.0)) if sample else Fraction(0)
        with closing(self.pieces(jump_s)) as pieces:
            skipped: int | None = None
            for piece in pieces:
                if skipped is None:  # `begins_s` is known only now
                    skipped = sample - round(self.begins_s * self.rate_hz)
                    yield from self._gap(-skipped)
                    skipped = max(skipped, 0)
                if skipped < piece.shape[1]:
                    yield piece[:, skipped:]
                skipped = max(skipped - piece.shape[1], 0)

    def pieces(self, jump_s: Fraction = Fraction(0)) -> Generator[np.ndarray, None, None]:
        """Yield (channels, n) float32, one frame at a time, with silence in the gaps: from the
        beginning, or from a frame at or before `jump_s` after the start of the file."""
        container, stream = self._open()
        read: int | None = None
        with container:
            if jump_s and self._is_whole:
                container.seek(
                    int((jump_s + self._origin_s) / (stream.time_base or Fraction(1))),
                    stream=stream,
                )
            planar = _PlanarConverter(stream)
            # Matroska has none below 0
            first_s = (stream.start_time or 0) * (stream.time_base or Fraction(0))
            for frame in self._decoded(container, stream):
                at_s = (
                    frame.pts * Fraction(frame.time_base)
                    if frame.pts is not None and frame.time_base
                    else None
                )
                if read is None:
                    read = 0
                    self.begins_s = max(
                        (first_s if at_s is None else at_s) - self._origin_s, Fraction(0)
                    )
                elif at_s is not None and self._is_whole:  # joined sounds have a clock each
                    for silence in self._gap(
                        round((at_s - self._origin_s - self.begins_s) * self.rate_hz) - read
                    ):
                        read += silence.shape[1]
                        yield silence
                for piece in planar.pieces(frame):
                    read += piece.shape[1]
                    yield piece
            yield from planar.flush()

    def _promised(
        self, container: InputContainer, stream: AudioStream
    ) -> tuple[float | None, float | None]:
        at_s = (stream.start_time or 0) * (stream.time_base or Fraction(0))
        begins_s = max(at_s - self._origin_s, Fraction(0))
        length_s = declared_length_s(stream)
        if length_s is not None:
            return float(length_s), float(begins_s + length_s)
        if not container.duration:
            return None, None
        end_s = Fraction(container.duration, 1_000_000)
        if container.format.name.startswith("matroska"):  # others declare a length
            end_s -= self._origin_s
        length_s = max(end_s - begins_s, Fraction(0))
        return None if self.has_video else float(length_s), float(begins_s + length_s)

    def _open(self) -> tuple[InputContainer, AudioStream]:
        try:
            container = open_media(self.path)
        except (av.error.FFmpegError, OSError) as error:
            raise AudioError(
                f"{self.path}: not a readable sound or video ({error.strerror})"
            ) from None
        stream = container.streams.best("audio")
        if not isinstance(stream, AudioStream) or stream.codec_context is None or not stream.rate:
            container.close()
            raise AudioError(f"{self.path}: it has no sound that can be decoded")
        stream.codec_context.thread_type = "AUTO"
        return container, stream

    def _decoded(self, container: InputContainer, stream: AudioStream) -> Iterator[AudioFrame]:
        damage: list[str] = []
        for packet in packets_of(container, stream, damage.append):
            try:
                yield from stream.decode(packet)
            except av.error.FFmpegError as error:
                damage.append(str(error))
        if damage:
            self.notes.append(DAMAGED if self._is_whole else JOINED)

    def _gap(self, samples: int) -> Iterator[np.ndarray]:
        if samples > MAX_GAP_S * self.rate_hz:
            note = f"its time stamps jump by {samples / self.rate_hz:.0f} s: ignored as broken"
            if note not in self.notes:  # each frame behind the jump is as far away
                self.notes.append(note)
        elif samples > GAP_S * self.rate_hz:
            at_once = round(SILENCE_S * self.rate_hz)
            for begin in range(0, samples, at_once):
                yield np.zeros((self.channels, min(at_once, samples - begin)), np.float32)


class _PlanarConverter:
    """Converts frames of one track to (channels, n) float32 at its first rate and layout, even if
    they change."""

    def __init__(self, stream: AudioStream) -> None:
        self._channels = stream.channels
        self._target = (
            "fltp" if self._channels <= MAX_PLANES else "flt",
            stream.layout.name,
            stream.rate,
        )
        self._shape = self._target
        self._resampler: AudioResampler | None = None

    def pieces(self, frame: AudioFrame) -> Iterator[np.ndarray]:
        shape = frame.format.name, frame.layout.name, frame.sample_rate
        if shape != self._shape:
            yield from self.flush()
            self._shape = shape
            self._resampler = None if shape == self._target else AudioResampler(*self._target)
        if self._resampler is None:
            yield self._array(frame)
        else:
            yield from map(self._array, self._resampler.resample(frame))

    def flush(self) -> Iterator[np.ndarray]:
        if self._resampler is not None:
            yield from map(self._array, self._resampler.resample(None))

    def _array(self, frame: AudioFrame) -> np.ndarray:
        array = frame.to_ndarray()
        return array if self._channels <= MAX_PLANES else array.reshape(-1, self._channels).T
