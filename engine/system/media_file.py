"""Opens videos and sounds for FFmpeg and libsndfile: regular files, and none that names other
files. Time stamps that damage moved forward are fixed, so that the following packets stay in sync.

A flipped bit moves a stamp by up to a day, and readers place packets that go back in time after
those they have. Time continues after a gap and goes back after damage, so packets after a jump are
buffered until the next show which.
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from engine.system.file_names import name_for_ffmpeg, name_for_libsndfile
from engine.system.small_file import open_regular

if TYPE_CHECKING:
    import soundfile
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.packet import Packet
    from av.stream import Stream

HEAD_BYTES = 4096
LISTS = (b"ffconcat", b"#EXTM3U")
MAX_VIDEO_PX = 8192 * 8192
"""Pixels of a picture in a video, twice 8K; a video of 1 MB with larger ones takes gigabytes."""
ENDLESS_BYTES = 0x7FFF_0000  # a program that cannot seek back writes such a size, or more
CUT_OFF = re.compile(
    r"^[ \t]*(?:data|SSND|Data Size|riff|Riff size) *: (\d+) \(should be (\d+)\)", re.MULTILINE
)
BEGINNING_OF_FLAC = re.compile(rb"fLaC\0\0\0\x22")
JOINTS = {
    "FLAC": (BEGINNING_OF_FLAC, BEGINNING_OF_FLAC),
    "OGG": (re.compile(rb"OggS\0[\0\1\4\5]"), re.compile(rb"OggS\0\x02")),
}
"""A part of a sound, and behind it the beginning of another; by libsndfile's name of the format."""
JOINT_BYTES = 8  # of the longest
OPENING = re.compile(rb"(?:RIFF|RF64|FORM).{4}(?:WAVE|AIF[CF])|.{4}ftyp", re.DOTALL)
"""The beginning of a WAV, an AIFF, an MP4 or a MOV."""
BOX_BYTES = 28
MAX_BOXES = 1000
APPENDED = (
    "another file was appended at byte {at} of {whole}, and is left out, or parts of it; join "
    "them by "
    "ffmpeg -f concat -i LIST -c copy WHOLE{suffix}, where LIST has a line for each: file "
    "'a{suffix}'"
)
BLOCK_BYTES = 2**16  # searched at once, in a tenth of a millisecond
MAX_APART_S = 0.2  # of the lengths that libsndfile and FFmpeg read or guess
JUMP_S = 0.03  # smaller ones are the container's rounding
# packets; a broadcast's stamp may cover 0.7 s of sound; subtitles overlap
MAX_BUFFERED = {"video": 1, "audio": 64}
# a larger jump of a broadcast's clock is a new clock; in a video such a gap may be intended
MAX_GAP_S = 600
MAX_EARLY_S = (
    1  # by which a broadcast sends a picture before it is shown, at most 16 pictures (H.264, H.265)
)
BAD_READS = 16  # after this many failed reads in a row the rest of the file counts as unreadable


def open_media(
    path: Path | str,
    *,
    options: dict[str, str] | None = None,
    timeout: tuple[float, float] | None = None,
) -> "InputContainer":
    """Open a video or a sound for FFmpeg; a `str` is an address. OSError or FFmpegError, whose
    `strerror` is the reason. Decoding more than MAX_VIDEO_PX raises ArgumentError. `options`,
    `timeout`: as for `av.open`."""
    import av.error

    address = path
    if isinstance(path, Path):
        check_media(path)
        address = name_for_ffmpeg(path)
    limits = {"max_pixels": str(MAX_VIDEO_PX)}
    container = av.open(
        address, options=limits | (options or {}), timeout=timeout, metadata_errors="replace"
    )
    for stream in container.streams.video:
        if stream.codec_context is not None:  # of a codec that is not known
            stream.codec_context.options = limits
    return container


def packets_of(
    container: "InputContainer", tracks: "Stream | list[Stream]", on_damage: Callable[[str], object]
) -> "Iterator[Packet[Any]]":
    """Yield the packets of these tracks, with fixed time stamps. `on_damage` gets the reason of a
    failed read; reading continues after it, up to 16 failures in a row, or until a server stops
    sending."""
    yield from with_fixed_times(
        _read(container, tracks, on_damage), on_damage, is_broadcast=is_broadcast(container)
    )


def is_broadcast(container: "InputContainer") -> bool:
    """True for MPEG-TS and MPEG-PS, of which packets may be lost on the way."""
    from av.format import Flags

    return Flags.ts_discont in Flags(container.format.flags)


def _read(
    container: "InputContainer", tracks: "Stream | list[Stream]", on_damage: Callable[[str], object]
) -> "Iterator[Packet[Any]]":
    import av.error

    packets = container.demux(tracks)
    bad_reads = 0
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except (av.error.FFmpegError, OSError) as error:
            bad_reads += 1
            on_damage(str(error.strerror))
            if bad_reads == BAD_READS or isinstance(error, av.error.ExitError):
                return
            # a failed generator ends; a new one resumes after the damage
            packets = container.demux(tracks)
            continue
        bad_reads = 0
        yield packet


def open_sound_file(path: Path) -> "soundfile.SoundFile":
    """Open a sound for libsndfile. OSError or soundfile.LibsndfileError."""
    import soundfile

    check_media(path)
    return soundfile.SoundFile(name_for_libsndfile(path))


def promised_frames(file: "soundfile.SoundFile", path: Path) -> int:
    """The frames that the header declares; more than `frames` if the file was cut off, which
    libsndfile only logs. 0 if it declares none, as a pipe or a killed recorder leaves it, or those
    of the first of several sounds: FFmpeg reads such a file to its end."""
    if file.frames >= 2**62 or not is_whole(path):  # a streamed FLAC has as many
        return 0
    frames = int(file.frames)
    found = CUT_OFF.search(str(file.extra_info))
    declared, there = map(int, found.groups()) if found else (1, 1)
    return round(frames * declared / max(there, 1)) if declared < ENDLESS_BYTES else frames


def is_whole(path: Path) -> bool:
    """False if libsndfile reads only the first of several sounds, which an internet radio or `cat
    A.mp3 B.mp3` joined; also for an MP3 that does not tell its length, which libsndfile estimates.
    OSError."""
    import soundfile

    with (
        open_regular(path) as raw,
        suppress(soundfile.LibsndfileError),
        soundfile.SoundFile(raw) as file,
    ):
        joint = JOINTS.get(file.format)
        if file.format == "MP3":
            import av.error

            with suppress(av.error.FFmpegError), open_media(path) as container:
                length_s = file.frames / file.samplerate
                return bool(abs((container.duration or 0) / 1e6 - length_s) < MAX_APART_S)
        return joint is None or not _has_in_turn(raw, joint)
    return True


def _has_in_turn(file: BinaryIO, patterns: Iterable[re.Pattern[bytes]]) -> bool:
    """True if the file has a match of each pattern, one behind the other. Where the first sound
    ends, only a decoder that reads it all would know."""
    file.seek(0)
    left = list(patterns)
    overlap = b""
    while left and (block := file.read(BLOCK_BYTES)):
        block = overlap + block
        end = 0
        while left and (found := left[0].search(block, end)):
            end = found.end()
            del left[0]
        overlap = block[max(end, len(block) - JOINT_BYTES) :]
    return not left


def unread_part_line(path: Path) -> str:
    """A note if another WAV, AIFF, MP4 or MOV was appended to the first, which alone is surely
    read; else ""."""
    at = 0
    with suppress(OSError), open_regular(path) as file:
        whole_bytes = os.fstat(file.fileno()).st_size
        box = file.read(BOX_BYTES)
        is_known = OPENING.match(box) is not None
        for _ in range(MAX_BOXES if is_known else 0):
            at += _box_bytes(box)
            if at >= whole_bytes:
                break
            file.seek(at)
            box = file.read(BOX_BYTES)
            if OPENING.match(box):
                return APPENDED.format(at=at, whole=whole_bytes, suffix=path.suffix)
    return ""


def _box_bytes(box: bytes) -> int:
    """The length of a box of an MP4, or of a whole WAV or AIFF, by its first BOX_BYTES."""
    declared = int.from_bytes(box[:4], "big")
    # a WAV of more than 4 GB, whose size is in the chunk ds64 (EBU Tech 3306)
    if box.startswith(b"RF64"):
        return 8 + int.from_bytes(box[20:28], "little")
    if box.startswith((b"RIFF", b"FORM")):
        content = int.from_bytes(box[4:8], "little" if box.startswith(b"RIFF") else "big")
        return 8 + content + content % 2
    if declared == 1:
        declared = int.from_bytes(box[8:16], "big")
    return max(declared or ENDLESS_BYTES, 8)


def declared_length_s(track: "Stream") -> Fraction | None:
    """The length that the file declares for this track; None if it declares only that of all."""
    tick_s = Fraction(track.time_base or 0)
    if track.duration and tick_s:
        return track.duration * tick_s
    try:  # Matroska has the time of its end, as a tag: 00:01:02.345000000
        hours, minutes, seconds = track.metadata["DURATION"].split(":")
        end_s = 3600 * int(hours) + 60 * int(minutes) + Fraction(seconds)
    except (KeyError, ValueError):
        return None
    return end_s - (track.start_time or 0) * tick_s


def is_deep(track: "AudioStream") -> bool:
    """True for lossless sound of more than 16 bits."""
    return track.codec_context.codec.lossless and track.format.bits > 16


def check_media(path: Path) -> None:
    """Raise OSError for a FIFO, a device, a folder, and for a playlist, because FFmpeg opens all
    that it names."""
    with open_regular(path) as file:
        head = file.read(HEAD_BYTES)
    if head.startswith(LISTS) or (head.lstrip().startswith(b"<") and b"<MPD" in head):
        raise OSError(
            0,
            "a playlist of other files; join them to one: ffmpeg -i LIST -c copy FILM.mkv",
            str(path),
        )


def with_fixed_times(
    packets: "Iterable[Packet[Any]]", on_damage: Callable[[str], object], *, is_broadcast: bool
) -> "Iterator[Packet[Any]]":
    """Yield the packets of one or more tracks, each track in its order. A new clock continues the
    old one, and `on_damage` gets a line."""
    tracks: dict[int, _Track] = {}
    for packet in packets:
        track = tracks.setdefault(packet.stream.index, _Track(on_damage, is_broadcast))
        yield from track.ready(packet)
    for track in tracks.values():
        yield from track.release()


class _Track:
    def __init__(self, on_damage: Callable[[str], object], is_broadcast: bool) -> None:
        self._on_damage = on_damage
        self._is_broadcast = is_broadcast
        self._buffered: list[Any] = []  # packets that have decoding times
        self._end: int | None = None  # of the packets before the buffered ones, in ticks
        self._shift = 0

    def ready(self, packet: "Packet[Any]") -> "list[Packet[Any]]":
        """Take the next packet; return those whose times are known now."""
        most = MAX_BUFFERED.get(packet.stream.type, 0)
        if packet.dts is None or packet.time_base is None or not most:
            return [*self.release(), packet]
        _move([packet], self._shift)
        if self._is_broadcast and ((packet.pts or 0) - packet.dts) * packet.time_base > MAX_EARLY_S:
            packet.pts = None
        first = next(
            (at for at, each in enumerate(self._buffered) if each.dts > packet.dts),
            len(self._buffered),
        )
        odd = self._buffered[first:]
        ready = self._buffered[:0]
        if odd:
            end = _end(self._buffered[first - 1]) if first else self._end
            end = packet.dts - sum(each.duration or 0 for each in odd) if end is None else end
            for each in odd:
                _move([each], end - each.dts)
                end = _end(each)
            ready = ready if first else self.release()
        if (
            self._end is None
            or self._buffered
            or (packet.dts - self._end) * packet.time_base > JUMP_S
        ):
            self._buffered.append(packet)
            return ready + (self.release() if len(self._buffered) > most else [])
        self._end = _end(packet)
        return [*ready, packet]

    def release(self) -> "list[Packet[Any]]":
        """Return the buffered packets, after a gap."""
        buffered = self._buffered
        self._buffered = []
        if buffered:
            jump = 0 if self._end is None else buffered[0].dts - self._end
            if self._is_broadcast and jump * buffered[0].time_base > MAX_GAP_S:
                self._on_damage(
                    f"time stamps jump by {float(jump * buffered[0].time_base):.0f} s, which is "
                    "ignored"
                )
                _move(buffered, -jump)
                self._shift -= jump
            self._end = _end(buffered[-1])
        return buffered


def _move(packets: "list[Any]", ticks: int) -> None:
    for packet in packets:
        # else only the decoding time was damaged
        if packet.pts is not None and packet.pts >= packet.dts:
            packet.pts += ticks
        packet.dts += ticks


def _end(packet: Any) -> int:
    return int(packet.dts + (packet.duration or 0))
