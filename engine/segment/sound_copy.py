"""The sound of the source, copied as it is into the video that is made of its pictures."""

import io
from collections.abc import Iterator
from fractions import Fraction

import av
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream

from engine.segment.pictures import Pictures


class SoundCopy:
    """Reads the source a second time, its sound alone, and never further than its pictures have come."""

    def __init__(self, pictures: Pictures, into: OutputContainer, *, has_early: bool) -> None:
        """`has_early`: `into` takes what comes before time 0, such as the lead-in of AAC; else it is left out."""
        self.notes: list[str] = []
        """What cannot be copied and why."""
        self._into = into
        self._source = av.open(str(pictures.path), metadata_errors="replace")
        self._origin_s = Fraction(self._source.start_time or 0, 1_000_000)
        self._tracks: dict[int, Stream] = {}
        self._has_early = has_early
        for track in self._source.streams.audio:
            if can_hold(into.format.name, track):
                self._tracks[track.index] = into.add_stream_from_template(track)
            else:
                name = track.codec.canonical_name
                self.notes.append(f"its sound ({name}) cannot be copied into such a file, .mkv takes any; it is silent")
        self._packets = self._read()
        self._next = next(self._packets, None)

    def copy_until(self, end_s: Fraction) -> None:
        """Everything that is heard before `end_s`, from the start of the file."""
        while self._next is not None and self._time_of(self._next) < end_s:
            packet = self._next
            packet.stream = self._tracks[packet.stream.index]
            self._into.mux(packet)
            self._next = next(self._packets, None)

    def close(self) -> None:
        self._source.close()

    def _read(self) -> Iterator[Packet]:
        tracks = [self._source.streams[index] for index in self._tracks]
        if not tracks:
            return
        try:
            for packet in self._source.demux(tracks):
                if packet.dts is None or packet.time_base is None:  # the end of a track
                    continue
                shift = round(self._origin_s / packet.time_base)
                packet.dts -= shift
                if packet.pts is not None:
                    packet.pts -= shift
                if self._has_early or packet.dts >= 0:
                    yield packet
        except (av.FFmpegError, OSError) as error:
            self.notes.append(f"its sound ends where the source is damaged ({error.strerror})")

    @staticmethod
    def _time_of(packet: Packet) -> Fraction:
        return packet.dts * packet.time_base


def can_hold(container: str, track: AudioStream) -> bool:
    """Whether FFmpeg writes such sound into such a container: it knows only when it writes the header."""
    with av.open(io.BytesIO(), "w", format=container) as trial:
        try:
            trial.add_stream_from_template(track)
            trial.start_encoding()
        except (ValueError, av.FFmpegError):
            return False
    return True
