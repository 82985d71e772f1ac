"""Copies tags to the output: texts such as title and artist, cover, chapters.

FFmpeg reads and writes them. If libsndfile wrote the sound, its packets are copied, never encoded
again. In Ogg and FLAC chapters are comments (CHAPTER000=00:00:00.000), and in Ogg so is the cover
(METADATA_BLOCK_PICTURE): FFmpeg reads these but cannot write them, so we do.
"""

import base64
import contextlib
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any

import av.error
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from engine.sinks.movie_file import SAME_BYTES
from engine.system.file_names import name_for_ffmpeg
from engine.system.media_file import open_media

NOT_CARRIED = set(
    "encoder encoded_by major_brand minor_version compatible_brands duration itunsmpb "
    "coding_history umid".split()
)
"""Tags that describe the file or the old sound itself."""
NOT_CARRIED_PREFIXES = ("replaygain_", "r128_", "id3v2_priv")  # the new voice has another loudness
BEGIN = "time_reference"  # of broadcast WAV: its first sample's number since midnight
IN_BROADCAST_WAV = {
    "comment": "description",
    "date": "origination_date",
    "creation_time": "origination_time",
}
"""FFmpeg's names when it writes the texts that it reads by other names."""
MIME_TYPES = {"mjpeg": "image/jpeg", "png": "image/png", "gif": "image/gif", "webp": "image/webp"}
FRONT_COVER = 3  # picture type in ID3 and FLAC
COMMENTED = ("ogg", "opus", "flac")
CONTAINER_OPTIONS = {"wav": {"rf64": "auto"}, "aiff": {"write_id3v2": "1"}}
REVERSED_BITS = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
# covers are attached pictures; elsewhere one would become a second video stream
COVERED = ("mp3", "flac", "mp4")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tags:
    """The tags of a file, by FFmpeg's names."""

    texts: dict[str, str]
    chapters: list[Any]
    """In PyAV's format."""
    has_cover: bool

    def __bool__(self) -> bool:
        return bool(self.texts or self.chapters or self.has_cover)

    def lost_in(self, written: "Tags") -> list[str]:
        """Names of the tags that `written` lacks."""
        known = {name.lower() for name in written.texts} | {
            name.lower().partition("-")[0] for name in written.texts
        }
        lost = [
            name.replace("_", " ")
            for name in self.texts
            if name.lower().partition("-")[0] not in known
        ]
        lost += ["cover"] * (self.has_cover and not written.has_cover)
        return lost + ["chapters (cue markers)"] * (len(written.chapters) < len(self.chapters))


class TagSource:
    """A file opened to read its tags. Single-threaded. FFmpegError or OSError if it cannot be
    read."""

    def __init__(self, path: Path) -> None:
        self._container: InputContainer = open_media(path)
        covers = (
            each
            for each in self._container.streams.video
            if Disposition.attached_pic in each.disposition
        )
        cover: VideoStream | None = next(covers, None)
        packets = () if cover is None else self._container.demux(cover)
        self._cover_packet: Any = next((packet for packet in packets if packet.size), None)
        self._cover = None if self._cover_packet is None else cover
        self._copy: Stream | None = None
        self.tags = Tags(
            texts=_texts_of(self._container),
            chapters=self._container.chapters(),
            has_cover=self._cover is not None,
        )

    def add_to(self, into: OutputContainer, voice: AudioStream) -> None:
        """Add all tags that `into` supports. Call this after adding its streams and before writing
        packets."""
        name = into.format.name
        texts = dict(self.tags.texts)
        if texts.get(BEGIN, "").isdecimal():
            rate = Fraction(voice.rate, self._container.streams.audio[0].rate)
            texts[BEGIN] = str(round(int(texts[BEGIN]) * rate))
            if name == "wav":
                texts |= {
                    own: texts[read] for read, own in IN_BROADCAST_WAV.items() if read in texts
                }
        if name in COMMENTED:
            texts |= _chapter_comments(self.tags.chapters)
        elif self.tags.chapters:
            into.set_chapters(self.tags.chapters)
        cover = self._cover
        if cover is not None:
            kind = MIME_TYPES.get(cover.codec_context.name, "")
            if name in ("ogg", "opus") and kind:
                texts["METADATA_BLOCK_PICTURE"] = _picture_comment(
                    cover, kind, bytes(self._cover_packet)
                )
            elif name == "matroska" and kind:
                suffix = kind.partition("/")[2].replace("jpeg", "jpg")
                into.add_attachment(f"cover.{suffix}", kind, bytes(self._cover_packet))
            elif name in COVERED and kind:
                self._copy = into.add_stream_from_template(cover)
                self._copy.disposition = cover.disposition
        # Ogg stores them in the stream, other formats in the file.
        (voice.metadata if name in ("ogg", "opus") else into.metadata).update(texts)

    def mux_cover(self, into: OutputContainer) -> None:
        """Write the cover; must precede the first sound packet."""
        if self._copy is not None:
            packet = self._cover_packet
            packet.stream = self._copy
            packet.pts = 0
            packet.dts = 0
            into.mux(packet)

    def close(self) -> None:
        self._container.close()


def read_tags(path: Path) -> Tags:
    """The tags of a file; empty if FFmpeg cannot read it."""
    with (
        contextlib.suppress(av.error.FFmpegError, OSError),
        contextlib.closing(TagSource(path)) as source,
    ):
        return source.tags
    return Tags(texts={}, chapters=[], has_cover=False)


def copy_with_tags(sound: Path, source: Path, into: Path, container: str, samples: int) -> None:
    """Write to `into` the packets of `sound` (`samples` long) with the tags of `source`.
    FFmpegError or OSError."""
    options = {
        "avoid_negative_ts": "disabled",
        **SAME_BYTES,
        **CONTAINER_OPTIONS.get(container, {}),
    }
    if container == "wav" and BEGIN in read_tags(source).texts:
        options["write_bext"] = "1"
    with (
        contextlib.closing(TagSource(source)) as tags,
        av.open(name_for_ffmpeg(sound)) as read,
        av.open(name_for_ffmpeg(into), "w", format=container, options=options) as written,
    ):
        track = read.streams.audio[0]
        voice = written.add_stream_from_template(track)
        tags.add_to(written, voice)
        tags.mux_cover(written)
        packets = (packet for packet in read.demux(track) if packet.size)
        for packet in _exact(packets, samples) if container == "ogg" else packets:
            packet.stream = voice
            written.mux(packet)


def set_serial_number(path: Path) -> None:
    """Set the serial number of an Ogg file's pages, which is random, to 0, and their checksums (RFC
    3533). OSError."""
    pages = bytearray(path.read_bytes())
    begin = 0
    while begin < len(pages):
        body = begin + 27 + pages[begin + 26]
        end = body + sum(pages[begin + 27 : body])
        pages[begin + 14 : begin + 18] = pages[begin + 22 : begin + 26] = bytes(4)
        # zlib's CRC-32 has the same polynomial, but the bits of bytes and sum in reverse order
        crc = ~zlib.crc32(pages[begin:end].translate(REVERSED_BITS), 0xFFFF_FFFF) & 0xFFFF_FFFF
        pages[begin + 22 : begin + 26] = int(f"{crc:032b}"[::-1], 2).to_bytes(4, "little")
        begin = end
    path.write_bytes(pages)


def lost_line(source: Tags, written: Path) -> list[str]:
    """A note about the tags that the written file lacks, or an empty list."""
    lost = source.lost_in(read_tags(written))
    return [f"{written.suffix} cannot hold its {', '.join(lost)}: left out"] if lost else []


def _exact(packets: Iterator[Any], samples: int) -> Iterator[Any]:
    """Correct the timestamps of Vorbis. FFmpeg counts the first packet, which decodes to nothing,
    as 128 samples, and ignores that the last one is cut, or gives it no time; libsndfile would then
    read fewer samples."""
    before: Any = next(packets)
    shift = before.duration if before.pts == 0 else 0
    end = 0
    for packet in chain(packets, (None,)):
        before.pts = end if before.pts is None else before.pts - shift
        before.dts = before.pts
        end = before.pts + before.duration
        if packet is None:
            before.duration = max(samples - before.pts, 1)
        yield before
        before = packet


def _texts_of(container: InputContainer) -> dict[str, str]:
    texts = dict(container.metadata)
    if container.format.name == "ogg" and container.streams.audio:
        texts |= container.streams.audio[0].metadata
    left_out = [
        name
        for name in texts
        if name.lower() in NOT_CARRIED or name.lower().startswith(NOT_CARRIED_PREFIXES)
    ]
    return {name: text for name, text in texts.items() if name not in left_out and text.strip()}


def _chapter_comments(chapters: list[Any]) -> dict[str, str]:
    """Chapters as Vorbis comments (wiki.xiph.org/Chapter_Extension)."""
    comments = {}
    for number, chapter in enumerate(chapters):
        ms = round(chapter["start"] * Fraction(chapter["time_base"]) * 1000)
        minutes, ms = divmod(ms, 60_000)
        comments[f"CHAPTER{number:03}"] = (
            f"{minutes // 60:02}:{minutes % 60:02}:{ms // 1000:02}.{ms % 1000:03}"
        )
        comments[f"CHAPTER{number:03}NAME"] = chapter["metadata"].get(
            "title", f"Chapter {number + 1}"
        )
    return comments


def _picture_comment(cover: VideoStream, kind: str, data: bytes) -> str:
    """Encode a FLAC picture block in base64 (RFC 9639, 8.8)."""
    mime = kind.encode("ascii")
    # no description
    head = struct.pack(">II", FRONT_COVER, len(mime)) + mime + struct.pack(">I", 0)
    # bits a pixel; no palette
    size = struct.pack(">IIIII", cover.width, cover.height, 24, 0, len(data))
    return base64.b64encode(head + size + data).decode("ascii")
