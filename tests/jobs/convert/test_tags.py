"""Title, artist, cover and chapters are copied with the sound, as far as the format supports
them."""

import io
import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import soundfile
from PIL import Image

from engine.jobs.convert.report import ConvertReport
from tests.jobs.convert.voices import read_sound, spoken

Convert = Callable[..., ConvertReport]
TEXTS = {
    "title": "Früh am Tag",
    "artist": "A. Nobody",
    "album": "Days",
    "album_artist": "Several",
    "track": "3/9",
}
COVER = io.BytesIO()
Image.new("RGB", (40, 40), (200, 30, 30)).save(COVER, "JPEG")
CHAPTERS: list[Any] = [
    {
        "id": n,
        "start": 200 * n,
        "end": 200 * n + 200,
        "time_base": Fraction(1, 1000),
        "metadata": {"title": name},
    }
    for n, name in enumerate(["One", "Zwölf"])
]


@pytest.fixture
def song(tmp_path: Path) -> Path:
    """An MP3 with all tags, as written by a player or a podcast program."""
    with av.open(str(tmp_path / "song.mp3"), "w") as container:
        track = container.add_stream("libmp3lame", rate=44_100, layout="stereo")
        container.metadata.update(
            TEXTS | {"encoder": "Of the file", "replaygain_track_gain": "-7.1 dB"}
        )
        container.set_chapters(CHAPTERS)
        cover = container.add_stream("mjpeg")
        cover.width, cover.height, cover.pix_fmt = 40, 40, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        packet = av.Packet(COVER.getvalue())
        packet.stream, packet.pts, packet.dts, packet.time_base = cover, 0, 0, Fraction(1, 1000)
        container.mux(packet)
        both = np.ascontiguousarray(np.stack([spoken(0.5, 44_100)] * 2))
        frame = av.AudioFrame.from_ndarray(both, format="fltp", layout="stereo")
        frame.rate = 44_100
        container.mux(track.encode(frame))
        container.mux(track.encode(None))
    return tmp_path / "song.mp3"


def tags_in(path: Path) -> tuple[dict[str, str], bool, list[tuple[float, str]]]:
    """The texts of TEXTS, whether the cover is unchanged, and start and name of each chapter."""
    with av.open(str(path)) as container:
        texts = dict(container.metadata) | dict(container.streams.audio[0].metadata)
        assert not any(
            name.startswith("replaygain") or text == "Of the file" for name, text in texts.items()
        )
        covers = [
            each
            for each in container.streams.video
            if av.stream.Disposition.attached_pic in each.disposition
        ]
        chapters = [
            (float(each["start"] * each["time_base"]), each["metadata"]["title"])
            for each in container.chapters()
        ]
        found = [
            bytes(next(packet for packet in container.demux(cover) if packet.size))
            for cover in covers
        ]
    return (
        {name.lower(): text for name, text in texts.items() if name.lower() in TEXTS},
        found == [COVER.getvalue()],
        chapters,
    )


def test_tags_survive_every_format_and_no_sample_is_lost(
    convert: Convert, song: Path, tmp_path: Path
) -> None:
    source = song
    for suffix in (".ogg", ".m4a", ".flac", ".opus", ".mka", ".mp3"):
        out = tmp_path / f"out{suffix}"
        (file,) = convert(source, out).files
        assert [note for note in file.notes if "mixed" not in note and "Hz" not in note] == []
        assert tags_in(out) == (TEXTS, True, [(0.0, "One"), (0.2, "Zwölf")]), suffix
        length_s = (
            soundfile.info(source).duration
            if suffix == ".ogg"
            else len(read_sound(source)[0]) / read_sound(source)[1]
        )
        output, rate_hz = read_sound(out)
        assert len(output) == pytest.approx(
            length_s * rate_hz, abs=1500 if suffix == ".m4a" else 200
        ), suffix
        source = out


def test_tags_that_a_format_cannot_hold_are_reported(
    convert: Convert, song: Path, tmp_path: Path
) -> None:
    for suffix, lost in (
        (".wav", "album artist, cover, chapters (cue markers)"),
        (".w64", ", ".join([*TEXTS, "cover", "chapters (cue markers)"])),
    ):
        (file,) = convert(song, tmp_path / f"out{suffix}").files
        line = f"{suffix} cannot hold its {lost.replace('_', ' ')}: left out"
        assert [note for note in file.notes if "mixed" not in note] == [line]
    assert tags_in(tmp_path / "out.wav") == (
        {name: TEXTS[name] for name in TEXTS if name != "album_artist"},
        False,
        [],
    )


def test_a_field_recording_keeps_its_time_of_day_and_its_cue_markers_or_says_so(
    convert: Convert, tmp_path: Path
) -> None:
    soundfile.write(tmp_path / "take.wav", spoken(0.5, 48_000), 48_000, subtype="PCM_24")
    data = bytearray((tmp_path / "take.wav").read_bytes())
    texts = b"Scene 1".ljust(256, b"\0") + b"Recorder".ljust(32, b"\0") + b"REF1".ljust(32, b"\0")
    bext = texts + b"2026-11-3010:00:00" + struct.pack("<QH", 36_000 * 48_000, 1) + bytes(254)
    cues = struct.pack("<I", 2) + b"".join(
        struct.pack("<II4sIII", number, at, b"data", 0, 0, at)
        for number, at in enumerate((0, 9600), 1)
    )
    for name, chunk in ((b"bext", bext), (b"cue ", cues)):
        data += name + struct.pack("<I", len(chunk)) + chunk
    struct.pack_into("<I", data, 4, len(data) - 8)
    (tmp_path / "take.wav").write_bytes(data)
    (wav,) = convert(tmp_path / "take.wav", tmp_path / "out.wav", rate_hz=24_000).files
    written = (tmp_path / "out.wav").read_bytes()
    copied = written[written.index(b"bext") + 8 :][: len(bext)]
    assert copied[:256] == bext[:256] and copied[320:338] == bext[320:338]
    assert struct.unpack("<Q", copied[338:346]) == (36_000 * 24_000,), (
        "samples of the new rate since midnight"
    )
    assert list(wav.notes) == [".wav cannot hold its chapters (cue markers): left out"]
    (flac,) = convert(tmp_path / "take.wav", tmp_path / "out.flac").files
    with av.open(str(tmp_path / "out.flac")) as container:
        assert [float(each["start"] * each["time_base"]) for each in container.chapters()] == [
            0,
            0.2,
        ]
        assert container.metadata["time_reference"] == str(36_000 * 48_000) and not flac.notes
