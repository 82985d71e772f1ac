"""MIDI timecode with a known answer: quarter frames with their times, full frames."""

from collections.abc import Iterator

from tests.support.ltc_signal import FPS, Label, labels_from

RATE_CODES = {"24": 0, "25": 1, "29.97df": 2, "30": 3}


def quarter_frames(
    first: Label, frames: int, *, rate: str = "25", speed: float = 1.0
) -> Iterator[tuple[float, int]]:
    """(seconds, data byte of 0xF1) from the start of the label `first` on, a label for every second
    of `frames` frames; with a speed below 0 from the end of them, backward."""
    pieces = []
    for number, (hours, minutes, seconds, part) in list(
        enumerate(labels_from(first, frames, rate))
    )[::2]:
        hours |= RATE_CODES[rate] << 5
        for piece in range(8):
            value = (part, seconds, minutes, hours)[piece // 2]
            nibble = value >> 4 if piece % 2 else value & 15
            pieces.append((number + piece / 4, piece << 4 | nibble))
    if speed < 0:
        pieces.reverse()
    begin = pieces[0][0]
    for at, data in pieces:
        yield (at - begin) / FPS[rate] / speed, data


def full_frame(label: Label, *, rate: str = "25", device: int = 0x7F) -> bytes:
    """The whole system exclusive message."""
    hours, minutes, seconds, frames = label
    return bytes(
        [0xF0, 0x7F, device, 1, 1, hours | RATE_CODES[rate] << 5, minutes, seconds, frames, 0xF7]
    )
