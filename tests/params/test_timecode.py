"""Timecode arithmetic against SMPTE 12M-1's rule, and the texts that people write."""

import pytest

from engine.errors import CueError
from engine.params.timecode import (
    RATES,
    Label,
    canonical_label,
    frame_number,
    label_at,
    parse_label,
    parse_offset,
    seconds_of,
    show_time,
    text_at,
)
from engine.params.timecode_clock import RateFinder
from tests.support.ltc_signal import FPS, labels_from, next_label

DROP = RATES["29.97df"]


def test_drop_frame_leaves_out_two_labels_per_minute_and_is_recognized_by_flag_or_labels() -> None:
    """Known answers: 17 982 frames in ten minutes, 107 892 in an hour, 2 589 408 in a day."""
    for text, number in [
        ("00:00:59:29", 1799), ("00:01:00:02", 1800), ("00:01:59:29", 3597), ("00:02:00:02", 3598),
        ("00:09:59:29", 17_981), ("00:10:00:00", 17_982), ("00:10:59:29", 19_781), ("00:11:00:02",
            19_782),
        ("01:00:00:00", 107_892), ("23:59:59:29", 2_589_407),
    ]:  # fmt: skip
        label = parse_label(text)
        assert label is not None
        assert frame_number(label, DROP) == number and label_at(number, DROP) == label
    assert label_at(2_589_408, DROP) == Label(0, 0, 0, 0)
    assert seconds_of(Label(1, 0, 0, 0), DROP) == pytest.approx(3600.0, abs=0.004), (
        "the label keeps up with the clock"
    )
    assert rate_after("29.97df", (0, 0, 4, 0), 1, fps=30.0, is_drop=True) == "29.97df"
    for start in range(4):
        assert rate_after("29.97df", (0, 0, 58, start), 80, fps=30.0, step=2) == "29.97df"
        assert rate_after("30", (0, 0, 58, start), 80, fps=30.0, step=2) == "30"


def test_labels_count_on_without_a_gap_and_a_time_shows_its_label() -> None:
    for rate in FPS:
        frames = 20 * 60 * RATES[rate].count
        first = frame_number(Label(9, 50, 0, 0), RATES[rate])
        expected = labels_from((9, 50, 0, 0), frames, rate)
        assert [label_at(first + n, RATES[rate]) for n in range(frames)] == expected, rate
        assert [frame_number(Label(*label), RATES[rate]) for label in expected] == list(
            range(first, first + frames)
        )
        assert RATES[rate].fps == FPS[rate], rate
    for rate in FPS:
        label = (0, 59, 58, 0)
        for _ in range(3000):
            assert (
                parse_label(text_at(seconds_of(Label(*label), RATES[rate]), RATES[rate])) == label
            ), rate
            label = next_label(label, rate)


def test_texts_of_labels_and_offsets_are_read_and_written() -> None:
    assert text_at(3610.2, RATES["25"]) == "01:00:10:05"
    assert text_at(3600.01, DROP) == "01:00:00;00"
    assert (
        text_at(-0.5, RATES["24"]) == "-00:00:00:12"
        and text_at(-0.001, RATES["24"]) == "00:00:00:00"
    )
    assert (
        parse_label(" 1:0:10:5 ")
        == Label(1, 0, 10, 5)
        == parse_label("01:00:10;05")
        == parse_label("01:00:10.05")
    )
    for wrong in (
        "",
        "1:00:10",
        "24:00:00:00",
        "00:60:00:00",
        "00:00:60:00",
        "00:00:00:30",
        "a:b:c:d",
        "-1:00:00:00",
    ):
        assert parse_label(wrong) is None
    assert canonical_label("") == "" and canonical_label("1:0:10;5") == "01:00:10:05"
    for wrong_cue in ("1 h", 5, None, "00:00:00:30"):
        with pytest.raises(CueError, match=r"is not hh:mm:ss:ff, such as 01:00:10:05"):
            canonical_label(wrong_cue)
    rate = RATES["25"]
    for text, seconds in [("", 0.0), ("01:00:00:00", 3600.0), ("-0.04", -0.04), ("90", 90.0)]:
        offset = parse_offset(text)
        assert offset is not None and offset.at(rate) == seconds
    assert [parse_offset(wrong) for wrong in ("an hour", "1:00", "nan", "inf", "86400")] == [
        None
    ] * 5
    assert show_time(3610.0, 3600.0) == 10.0 and show_time(3590.0, 3600.0) == -10.0
    assert show_time(5.0, 86_390.0) == 15.0 and show_time(86_000.0, 0.0) == 86_000.0, (
        "past midnight"
    )


def rate_after(
    rate: str, first: tuple, frames: int, *, fps: float, step: int = 1, is_drop: bool = False
) -> str:
    finder = RateFinder()
    names = [
        finder.add(Label(*label), is_drop=is_drop, fps=fps, step=step).name
        for label in labels_from(first, frames, rate)[::step]
    ]
    return names[-1]


@pytest.mark.parametrize("rate", ["24", "25", "30"])
@pytest.mark.parametrize(("step", "speed"), [(1, 0.6), (2, 1.0), (2, 2.0)])
def test_the_rate_is_counted_whatever_the_speed(rate: str, step: int, speed: float) -> None:
    for start in range(2):
        assert rate_after(rate, (0, 0, 4, start), 40, fps=FPS[rate] * speed, step=step) == rate
        assert rate_after(rate, (0, 0, 4, start), 12, fps=FPS[rate], step=step) == rate, (
            "at the nominal speed at once"
        )
