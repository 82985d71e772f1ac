"""`--camera-effects`: what may be written, and what is drawn from it."""

import pytest

from engine.dataset.sensor.effects import EFFECTS, SensorOptions, parse_effects
from engine.errors import UsageError


def test_effects_are_given_one_by_one_or_on_top_of_a_preset() -> None:
    assert parse_effects("exposure=-1..-1,noise=0.02") == {
        "exposure": (-1, -1),
        "noise": (0.02, 0.02),
    }
    assert parse_effects("mild, blur=2") == parse_effects("mild") | {"blur": (2, 2)}
    assert parse_effects("blur=2,mild") == parse_effects("mild,blur=2")
    assert parse_effects("mild,jpeg=off") == {
        key: span for key, span in parse_effects("mild").items() if key != "jpeg"
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("fog=3", "'fog=3' is unknown; give none|mild|strong or one of distortion (-10..10 %"),
        ("soft", "'soft' is unknown"),
        ("", "'' is unknown"),
        ("blur=3..1", "blur: 3..1: the range is upside down; write 1..3"),
        ("blur=99", "blur: 99 is not 0 to 10"),
        ("exposure=-5..0", "exposure: -5 is not -4 to 4"),
        ("blur=1,blur=2", "blur is given twice"),
        ("blur", "blur has no value; such as blur=0.25..0.6"),
        ("blur=nan", "blur: 'nan': is not a finite number"),
        ("blur=two", "blur: 'two': is not a number or a range"),
        ("jpeg=90.5", "jpeg: 90.5 is not a whole number"),
        ("mild,strong", "mild and strong exclude one another"),
        ("none,blur=2", "none excludes blur"),
    ],
)
def test_bad_input_is_refused_in_one_line(text: str, expected: str) -> None:
    with pytest.raises(UsageError) as raised:
        SensorOptions(camera_effects=text).check()
    message = str(raised.value)
    assert message.startswith("--camera-effects: ") and expected in message
    assert "\n" not in message
    if text == "fog=3":
        known = (
            f"{each.name} ({each.low:g}..{each.high:g} {each.unit})" for each in EFFECTS.values()
        )
        assert all(each in message for each in known)
