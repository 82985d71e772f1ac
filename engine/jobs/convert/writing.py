"""Writes the converted voice: as a sound file, or in place of a video's voice track, with other
streams copied.

A video keeps its pictures, its other audio tracks, subtitles, chapters and tags; the new voice
starts at the time of the old one. Notes name the tracks that are not converted, and those that are
left out.
"""

import contextlib
from contextlib import AbstractContextManager
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import av.error
import numpy as np
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.stream import Disposition

from engine.errors import SinkError
from engine.jobs.convert.formats import FORMS, Form
from engine.jobs.convert.sounds import Sound
from engine.jobs.convert.tags import (
    Tags,
    TagSource,
    copy_with_tags,
    lost_line,
    read_tags,
    set_serial_number,
)
from engine.sinks.movie_file import SAME_BYTES
from engine.sources import stream_copy
from engine.system.atomic_file import MAX_JOB_WAIT_S, remove_file, replace_file
from engine.system.file_names import name_for_ffmpeg, name_for_libsndfile
from engine.system.media_file import open_media
from engine.system.translate_errors import translate_errors
from engine.system.undoing import undo_on_error

BIT_RATE = 128_000  # bit rate of AAC and Opus
DEEP = ("PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ALAC_20", "ALAC_24", "ALAC_32")
"""libsndfile's sample formats of more than 16 bits."""
DEEP_CODECS = {"pcm_s16le": ("pcm_s24le", "s32"), "flac": ("flac", "s32"), "alac": ("alac", "s32p")}
"""The encoder and its samples' format in which 24 bits stay 24."""
AT_ONCE = 4096  # samples; libsndfile's Vorbis encoder puts a whole block on its stack


class SoundWriter(Protocol):
    """Interface of output files. Single-threaded. SinkError, in one line, if the file cannot be
    written."""

    notes: list[str]

    def write(self, sound: np.ndarray) -> None:
        """Write the next (n,) float32, -1..1."""

    def close(self) -> None: ...

    def discard(self) -> None:
        """Close without completing; the caller removes the file."""


def open_writer(path: Path, form: Form, rate_hz: int, sound: Sound) -> SoundWriter:
    """Open a writer for this format; the suffix of `path` does not matter. `sound`: the source."""
    return (ContainerWriter if form.codec else FileWriter)(path, form, rate_hz, sound)


def check_pictures(output: Path, sound: Sound) -> None:
    """Raise SinkError if the output format cannot hold the video's pictures. Called before the
    conversion."""
    form = FORMS[output.suffix.lower()]
    if not (form.codec and sound.has_video):
        return
    with open_media(sound.path) as source:
        for stream in source.streams.video:
            if Disposition.attached_pic not in stream.disposition and not stream_copy.can_hold(
                form.container, stream
            ):
                pictures = f"the pictures of {sound.path} ({stream_copy.codec_name(stream)})"
                hint = "cannot be copied into this format; name an .mkv, which holds any"
                raise SinkError(f"{output}: {pictures} {hint}")
        if (
            form.container not in stream_copy.HIDES
            and source.streams.video
            and stream_copy.begins_between_keys(source)
        ):
            cut = f"{sound.path} begins with a cut between two key frames (an edit list)"
            raise SinkError(f"{output}: {cut}, which this format cannot hold; name an .mp4 or .mov")


def subtype_of(sound: Sound, form: Form) -> str:
    """libsndfile's sample format of the output: the source's, if that has the same format; 24 bits
    for more than 16."""
    is_same = FORMS.get(sound.path.suffix.lower()) == form
    if is_same and sound.subtype in form.subtypes:
        return sound.subtype
    return "PCM_24" if sound.subtype in DEEP and "PCM_24" in form.subtypes else form.subtype


class FileWriter:
    """Writes sound through libsndfile."""

    def __init__(self, path: Path, form: Form, rate_hz: int, sound: Sound) -> None:
        import soundfile

        self.notes = _left_out(sound)
        self._path = path
        subtype = subtype_of(sound, form)
        self._is_float = subtype == "FLOAT"
        self._failures = soundfile.LibsndfileError, OSError
        with self._one_line():
            self._written = 0
            self._form = form
            self._source = sound.path
            self._file = soundfile.SoundFile(
                name_for_libsndfile(path), "w", rate_hz, 1, subtype, format=form.container
            )

    def write(self, sound: np.ndarray) -> None:
        with self._one_line():
            for begin in range(0, len(sound), AT_ONCE):
                self._file.write(sound[begin : begin + AT_ONCE])
        self._written += len(sound)

    def close(self) -> None:
        with self._one_line():
            self._file.close()
        tags = read_tags(self._source)
        if self._form.container == "OGG":
            set_serial_number(self._path)
        # libsndfile writes the time of day into a float sound, FFmpeg does not
        if tags or self._is_float:
            self._carry(tags)

    def _carry(self, tags: Tags) -> None:
        """Copy the source's tags. If that fails the file is kept without them, with a note."""
        tagged = self._path.with_name(f"tagged{self._path.suffix}")
        try:
            if self._form.tagger:
                copy_with_tags(self._path, self._source, tagged, self._form.tagger, self._written)
                replace_file(tagged, self._path, timeout_s=MAX_JOB_WAIT_S)
        except (
            av.error.FFmpegError,
            OSError,
            ValueError,
        ) as error:  # ValueError: a codec that the format lacks
            with contextlib.suppress(OSError):  # it is removed with its folder
                remove_file(tagged, missing_ok=True)
            reason = getattr(error, "strerror", None) or error
            self.notes.append(f"its title, cover and the like are left out ({reason})")
        else:
            self.notes += lost_line(tags, self._path)

    def discard(self) -> None:
        with contextlib.suppress(*self._failures):  # it may be what failed
            self._file.close()

    def _one_line(self) -> AbstractContextManager[None]:
        return _one_line(self._path, *self._failures)


class ContainerWriter:
    """Writes sound and copied video through FFmpeg."""

    def __init__(self, path: Path, form: Form, rate_hz: int, sound: Sound) -> None:
        self.notes: list[str] = []
        self._path = path
        self._rate_hz = rate_hz
        self._written = 0
        self._begins = 0
        self._copy: stream_copy.StreamCopy | None = None
        self._tags: TagSource | None = None
        options = dict(SAME_BYTES)
        if form.container in ("mp4", "mov"):
            options |= form.options | {"movie_timescale": str(rate_hz)}
        name = name_for_ffmpeg(path)
        with self._one_line():
            self._container: OutputContainer = av.open(
                name, "w", format=form.container, options=options
            )
        with undo_on_error(self.discard), self._one_line():
            if sound.has_video:
                self._copy_from(sound, form)
            else:
                self.notes += _left_out(sound)
                self._voice = self._add_voice(form, sound)
            # libsndfile reads more files than FFmpeg
            with contextlib.suppress(av.error.FFmpegError, OSError):
                self._tags = TagSource(sound.path)
            if self._tags is not None:
                self._tags.add_to(self._container, self._voice)

    def write(self, sound: np.ndarray) -> None:
        with self._one_line():
            if self._tags is not None and not self._written:
                self._tags.mux_cover(self._container)
            for begin in range(0, len(sound), AT_ONCE):
                part = sound[begin : begin + AT_ONCE]
                frame = av.AudioFrame.from_ndarray(
                    np.ascontiguousarray(part[None]), format="fltp", layout="mono"
                )
                frame.rate = self._rate_hz
                frame.time_base = Fraction(1, self._rate_hz)
                frame.pts = self._begins + self._written
                if self._copy is not None:
                    self._copy.copy_until(Fraction(frame.pts, self._rate_hz))
                self._container.mux(self._voice.encode(frame))
                self._written += len(part)

    def close(self) -> None:
        with self._one_line():
            self._container.mux(self._voice.encode(None))
            if self._copy is not None:
                self._copy.copy_until(None)
                self._copy.source.close()
                if lost := self._copy.lost + self._copy.refused:
                    self.notes.append(
                        f"nothing to copy {stream_copy.at_times(lost)}: damaged, or without sound"
                    )
                if self._copy.damage:
                    self.notes.append(
                        f"damaged: parts of its video cannot be read ({self._copy.damage[0]})"
                    )
            self._container.close()
        if self._tags is not None:
            self._tags.close()
            self.notes += lost_line(self._tags.tags, self._path)

    def discard(self) -> None:
        if self._tags is not None:
            self._tags.close()
        if self._copy is not None:
            self._copy.source.close()
        with contextlib.suppress(av.error.FFmpegError, OSError):  # it may be what failed
            self._container.close()

    def _add_voice(self, form: Form, sound: Sound) -> AudioStream:
        codec = "alac" if form.codec == "aac" and sound.subtype.startswith("ALAC") else form.codec
        samples = "s16p" if codec == "alac" else None
        if sound.subtype in DEEP:
            codec, samples = DEEP_CODECS.get(codec, (codec, None))
        voice = self._container.add_stream(codec, rate=self._rate_hz, layout="mono")
        assert isinstance(voice, AudioStream)
        if samples is not None:
            voice.format = samples
        if codec in ("aac", "libopus"):
            voice.bit_rate = BIT_RATE
        return voice

    def _copy_from(self, sound: Sound, form: Form) -> None:
        """Add all streams in the source's order, the new voice in place of the old."""
        self._begins = round(sound.begins_s * self._rate_hz)
        self._copy = copy = stream_copy.StreamCopy(
            sound.path, self._container, has_early=form.container != "avi"
        )
        for stream in copy.source.streams:
            if stream.index == sound.index:
                self._voice = self._add_voice(form, sound)
                self._voice.metadata.update(stream.metadata)
                self._voice.disposition = stream.disposition
            elif Disposition.attached_pic in stream.disposition or copy.is_chapters(stream):
                continue  # covers are copied with the tags
            elif (
                stream.type == "data" and "timecode" in stream.metadata and form.container != "avi"
            ):
                continue  # FFmpeg writes it with the pictures, which have the same tag
            elif stream.type not in ("video", "audio", "subtitle"):
                self.notes.append(f"{stream_copy.track_name(stream)} is left out")
            elif not copy.add(stream):
                self.notes.append(
                    f"{stream_copy.track_name(stream)} cannot be copied into this format: it is "
                    "left out"
                )
            elif stream.type == "audio":
                self.notes.append(f"{stream_copy.track_name(stream)} is copied, not converted")

    def _one_line(self) -> AbstractContextManager[None]:
        return _one_line(self._path, av.error.FFmpegError, OSError)


def _one_line(path: Path, *failures: type[Exception]) -> AbstractContextManager[None]:
    def line(error: Any) -> str:
        reason = getattr(error, "error_string", None) or getattr(error, "strerror", None) or error
        return f"{path}: cannot be written ({str(reason).rstrip('.')})"

    return translate_errors(dict.fromkeys(failures, line), as_=SinkError)


def _left_out(sound: Sound) -> list[str]:
    """A note on the other sound tracks and the subtitles of a source of which only the voice is
    written."""
    with contextlib.suppress(av.error.FFmpegError, OSError), open_media(sound.path) as source:
        others = [
            stream_copy.track_name(stream)
            for stream in source.streams
            if stream.type == "subtitle" or (stream.type == "audio" and stream.index != sound.index)
        ]
        return [f"{', '.join(others)}: left out of a sound file"] if others else []
    return []  # libsndfile reads some files that FFmpeg cannot
