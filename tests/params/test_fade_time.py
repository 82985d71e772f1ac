"""Times of fades in seconds, beats and bars, and their course over frames with known beats."""

import pytest

from engine.params.fade_time import FadeTime, FadeTimer, Pulse


def test_a_time_is_seconds_beats_or_bars() -> None:
    for written, time in [
        (4, FadeTime(4.0)), ("4", FadeTime(4.0)), ("1.5 s", FadeTime(1.5)), ("4b", FadeTime(4.0,
            "b")),
        ("1 beat", FadeTime(1.0, "b")), (".5b", FadeTime(0.5, "b")), ("2bars", FadeTime(2.0,
            "bars")),
        ("1 bar", FadeTime(1.0, "bars")),
    ]:  # fmt: skip
        assert FadeTime.of(written) == time
        assert FadeTime.of(time.written) == time
    for wrong in (-1, 3601, float("nan"), "bar", "4 x", "", True, None, "9999b", "1e3b"):
        with pytest.raises(ValueError, match=r"4b or 2bars"):
            FadeTime.of(wrong)
    assert FadeTime(2.0, "bars").beats(3) == 6.0
    assert FadeTime(2.0, "bars").seconds(120.0, 4) == 4.0
    assert FadeTime(2.0, "bars").shortened(1.0, 120.0, 4) == FadeTime(6.0, "b")


def course_at(time: FadeTime, *pulses: Pulse) -> list[float]:
    """Fractions of a fade in frames with these beats, one frame each second."""
    frames = iter(pulses)
    course = FadeTimer(time, lambda: next(frames))
    return [course.fraction(float(second)) for second in range(len(pulses))]


def test_a_time_in_beats_ends_on_the_beat_however_the_tempo_moves() -> None:
    beats = (7.1, 8.0, 8.5, 10.9, 11.0, 12.0)
    fractions = course_at(FadeTime(4.0, "b"), *(Pulse(beat=beat) for beat in beats))
    assert fractions == pytest.approx([0.0, 0.9 / 3.9, 1.4 / 3.9, 3.8 / 3.9, 1.0, 1.0]), (
        "from 7.1 to 11"
    )
    waltz = (Pulse(beat=beat, beats_a_bar=3) for beat in (0.0, 1.5, 3.0))
    assert course_at(FadeTime(1.0, "bars"), *waltz) == [0.0, 0.5, 1.0]
    assert course_at(FadeTime(0.5, "b"), Pulse(beat=0.2), Pulse(beat=0.7)) == [0.0, 1.0]


def test_a_new_count_does_not_disturb_it_and_a_tap_back_does_not_turn_it_back() -> None:
    restarted = Pulse(beat=0.0, jumped=-10.0)
    assert course_at(FadeTime(4.0, "b"), Pulse(beat=8.0), Pulse(beat=9.0), restarted) == [
        0.0,
        0.25,
        0.5,
    ]
    assert course_at(FadeTime(4.0, "b"), Pulse(beat=0.0), Pulse(beat=2.0), Pulse(beat=1.8)) == [
        0.0,
        0.5,
        0.5,
    ]


def test_the_remaining_time_in_bars_is_known_before_it_has_begun() -> None:
    pulse = Pulse(bpm=60.0, beats_a_bar=3)
    course = FadeTimer(FadeTime(2.0, "bars"), lambda: pulse)
    assert course.left_s() == 6.0
    course.fraction(0.0)
    assert course.left_s() == 6.0
    seconds = FadeTimer(FadeTime(4.0), lambda: pulse)
    fractions = [seconds.fraction(100.0 + frame / 30.0) for frame in range(121)]
    assert (
        fractions[45] == pytest.approx(0.375)
        and fractions[119] < 1.0 == fractions[120]
        and seconds.left_s() == 0.0
    )
    beats = FadeTimer(FadeTime(2.0, "bars"), lambda: pulse)
    beats.fraction(0.0)
    pulse = Pulse(beat=2.0, bpm=120.0, beats_a_bar=3)
    beats.fraction(1.0)
    assert beats.left_s() == 2.0, "four beats, at the present tempo"
