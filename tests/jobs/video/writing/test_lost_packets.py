"""Videos in which a recorder or an aerial lost a few packets are finished, and in sync outside the
holes."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from engine.jobs.segment.pictures import OverlayVideo
from engine.jobs.segment.results import MaskedPicture, OverlayStyle
from engine.sources.pictures import InputPicture, open_pictures
from engine.values import FoundObject, Segmentation
from tests.jobs.video.writing.clapper import (
    RATE,
    bangs_s,
    damage_stamp,
    flashes_s,
    level_db,
    lose_packets,
    write_clapper,
)
from tests.jobs.video.writing.written import write
from tests.support.long_form import in_long_form

SECONDS = 8
# a flash and a bang in the middle of each second
MARKS = [15 + 30 * second for second in range(SECONDS)]


def broken(path: Path, holes: list[tuple[int, int, bool]]) -> Path:
    """Write a movie with holes: first packet, number of packets, and whether they are zeroed or
    missing."""
    write_clapper(path, RATE * SECONDS, at=MARKS)
    for hole in holes:
        lose_packets(path, *hole[:2], zeroed=hole[2])
    return path


def left_half(picture: InputPicture) -> MaskedPicture:
    """One object, id 1, on the left half of the picture."""
    masks = np.zeros((1, 96, 96), np.uint8)
    masks[:, :, :48] = 255
    height, width = picture.pixels.shape[:2]
    found = Segmentation(
        objects=(FoundObject(id=1, prompt=1, score=0.9, box=(0.25, 0.5, 0.5, 1.0)),),
        masks=masks,
        picture_px=(width, height),
        index=picture.number,
        time_s=float(picture.start_s),
    )
    return MaskedPicture(picture, found, OverlayStyle(opacity=1.0, is_hard=True))


def in_segment(source: Path, out: Path, frames: int | None = None) -> OverlayVideo:
    pictures = open_pictures(source)
    video = OverlayVideo(out, pictures, None, every=1, limit=frames)
    for picture in pictures.read(1, frames):
        video.add(left_half(picture))
    video.finish(lambda unfinished: None)
    return video


@pytest.mark.parametrize(
    ("suffix", "job", "reencoded"),
    [
        (".mp4", write, "AAC"),
        *in_long_form(
            (".mkv", in_segment, "AAC"),
            (".mkv", write, "AAC"),
            (".mov", write, "PCM"),
            (".avi", write, "PCM"),
            (".webm", write, "Opus"),
            (".mp4", in_segment, "AAC"),
        ),
    ],
)
def test_a_video_that_lost_packets_is_finished_and_its_bangs_come_with_its_flashes(
    tmp_path: Path, suffix: str, job: Callable, reencoded: str
) -> None:
    source, out = (
        broken(tmp_path / "in.ts", [(300, 6, False), (600, 40, True)]),
        tmp_path / f"out{suffix}",
    )
    *first, last = job(source, out).notes
    if codec := {".avi": "PCM", ".webm": "Opus"}.get(suffix):
        assert first == [
            f"out{suffix}: its sound (aac) cannot be copied into this format: it is re-encoded as "
            f"{codec}"
        ]
    notes = re.fullmatch(
        rf"out{suffix}: its sound is silent at (\S+)-(\S+) s, (\S+)-(\S+) s, where the source has "
        r"none" + ("" if codec else f"; it is re-encoded as {reencoded}"),
        last,
    )
    assert notes, last
    holes = [(float(notes[at]), float(notes[at + 1])) for at in (1, 3)]
    assert all(0.03 < end_s - begin_s < 0.5 for begin_s, end_s in holes)
    assert level_db(out, *holes[1]) < level_db(out, 4.0, 4.3) - 30
    begins_s = MARKS[0] / RATE - flashes_s(out)[0]  # the sound begins 21 ms before the pictures
    for times_s in (bangs_s(out), flashes_s(out)):
        assert np.array(times_s) + begins_s == pytest.approx(
            [mark / RATE for mark in MARKS], abs=0.02
        )


@pytest.mark.parametrize(
    "flips",
    [
        [
            (0xC0, 15, 11, 0x40),
            (0xC0, 150, 9, 0x02),
            (0xE0, 20, 11, 0x80),
            (0xE0, 120, 9, 0x02),
            (0xE0, 150, 14, 0x02),
        ],
        [(0xC0, 1, 9, 0x02), (0xC0, 5, 11, 0x40), (0xE0, 60, 16, 0x80)],
    ],
    ids=["each stamp for itself", "with much sound to a stamp"],
)
def test_damaged_time_stamps_put_nothing_out_of_step(
    tmp_path: Path, request: pytest.FixtureRequest, flips: list[tuple[int, int, int, int]]
) -> None:
    source, out = tmp_path / "in.ts", tmp_path / "out.mp4"
    write_clapper(
        source, RATE * 6, at=MARKS[:6], delay_s=0.7 if "much" in request.node.name else 0.0
    )
    for kind, number, byte, bit in flips:  # by 0.7 s, 1.5 s or 3.3 hours
        damage_stamp(source, kind, number, byte, bit)
    assert write(source, out).notes == []
    for times_s in (bangs_s(out), flashes_s(out)):
        assert times_s == pytest.approx([mark / RATE for mark in MARKS[:6]], abs=0.025)


def test_a_broadcast_whose_clock_restarts_continues_without_hours_of_silence(
    tmp_path: Path,
) -> None:
    source, out = tmp_path / "in.ts", tmp_path / "out.mp4"
    before, after = (
        write_clapper(source, 90, at=MARKS[:3], begins_s=at_s).read_bytes() for at_s in (0, 20_000)
    )
    source.write_bytes(before + after)
    assert write(source, out).notes == [
        "out.mp4: its sound is damaged in the source (time stamps jump by 19997 s, which is "
        "ignored)"
    ]
    for times_s in (bangs_s(out), flashes_s(out)):
        assert times_s == pytest.approx([mark / RATE for mark in MARKS[:6]], abs=0.06)
