"""Accepted values, and the answers to values that are not accepted."""

import math
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from osc_schema import PARAMS, Accepted, Param, ParamType, Rejected, accept
from tests.support.long_form import IS_SOAK

COLOUR = Param(
    address="/test/colour",
    type=ParamType.COLOUR,
    default=(1.0, 1.0, 1.0, 1.0),
    low=0,
    high=1,
    description="A colour, as later areas declare it.",
)
STRICT = Param(
    address="/test/strict",
    type=ParamType.INT,
    default=1,
    low=1,
    high=4,
    description="A number that is rejected out of range.",
)
ALL = (*PARAMS, COLOUR, STRICT)
NUMBERS = (ParamType.FLOAT, ParamType.STOPS, ParamType.INT)
TEXTS = (ParamType.TEXT, ParamType.FILE)
KINDS = sorted({param.type for param in ALL})


@pytest.fixture(params=KINDS, ids=str)
def params(request: pytest.FixtureRequest) -> list[Param]:
    """All parameters of one type, because a case for each would be thousands."""
    return [param for param in ALL if param.type is request.param]


def assert_canonical(param: Param, value: object) -> None:
    if param.type in (ParamType.FLOAT, ParamType.STOPS):
        assert type(value) is float and param.low <= value <= param.high
    elif param.type is ParamType.INT:
        assert type(value) is int and param.low <= value <= param.high
    elif param.type in (ParamType.BOOL, ParamType.TRIGGER):
        assert type(value) is bool
    elif param.type is ParamType.MENU:
        assert type(value) is str and value in param.menu
    elif param.type in TEXTS:
        assert type(value) is str and param.low <= len(value) <= param.high
        value.encode("utf-8")
        assert "\n" not in value and "\0" not in value
    else:
        assert type(value) is tuple and len(value) == 4
        assert all(type(part) is float and 0.0 <= part <= 1.0 for part in value)


def refusal(param: Param, value: object) -> str:
    try:
        accepted = accept(param, value)
    except Rejected as rejection:
        return str(rejection)
    pytest.fail(f"{param.address}: {value!r} was taken as {accepted}")


def test_low_default_and_high_are_accepted_unchanged(params: list[Param]) -> None:
    for param in params:
        for value in {ParamType.MENU: param.menu, ParamType.BOOL: (False, True)}.get(
            param.type, ()
        ):
            assert accept(param, value) == Accepted(value), param.address
        if param.type in NUMBERS:
            for limit in (param.low, param.high):
                accepted = accept(param, limit)
                assert (accepted.value, accepted.note) == (limit, ""), param.address
                assert_canonical(param, accepted.value)
        assert accept(param, param.default) == Accepted(param.default), param.address


def test_a_number_in_a_text_counts_as_that_number() -> None:
    """Companion and AndrOSC send texts."""
    for param in ALL:
        if param.type in (*NUMBERS, ParamType.BOOL, ParamType.MENU, ParamType.TRIGGER):
            for number in (0, 1, 0.5, 1.0, 3e1):
                try:
                    expected = accept(param, number)
                except Rejected:
                    assert refusal(param, str(number)), param.address
                else:
                    assert accept(param, f" {number} ") == expected, param.address
    assert accept(COLOUR, ["1", "0.5", "0"]) == Accepted((1.0, 0.5, 0.0, 1.0))
    for text in ("1_0", "0x1", "nan", "inf", "1,5", "1 2", "٣", "--1", "."):
        assert refusal(STRICT, text).endswith(" is not a number"), text


def test_a_limit_sent_as_a_32_bit_float_is_that_limit() -> None:
    for param in ALL:
        if param.type in NUMBERS:
            for limit in (param.low, param.high):
                (sent,) = struct.unpack(">f", struct.pack(">f", limit))
                accepted = accept(param, sent)
                assert accepted.note == "", param.address
                assert accepted.value == pytest.approx(limit, rel=2**-23), param.address
                assert_canonical(param, accepted.value)


@pytest.mark.parametrize(
    "value",
    [
        b"\x00\x90\x3c\x7f",
        [],
        [1, 2],
        {},
        object(),
        1j,
        10**400,
        math.nan,
        math.inf,
        -math.inf,
        [math.nan],
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_without_a_clear_meaning_is_rejected_in_one_line(
    params: list[Param], value: object
) -> None:
    for param in params:
        line = refusal(param, value)
        assert line.startswith(f"{param.address}: ")
        assert "\n" not in line and len(line) < 200


def test_a_value_out_of_range_is_clipped_wrapped_or_rejected_as_declared() -> None:
    assert accept("/multiverse/brightness", 9) == Accepted(4.0, "9 is outside 0..4 (clipped to 4)")
    assert accept("/multiverse/brightness", -0.25).note == "-0.25 is outside 0..4 (clipped to 0)"
    assert accept("/mirror/segments", 1e300) == Accepted(
        24, "1e+300 is outside 2..24 (clipped to 24)"
    )
    assert accept("/layer/1/angle", 190) == Accepted(-170.0)
    assert accept("/layer/1/angle", -540.5) == Accepted(179.5)
    assert accept("/colour/base_hue", 2.25) == Accepted(0.25)
    with pytest.raises(Rejected, match=r"^/test/strict: 5 is outside 1\.\.4$"):
        accept(STRICT, 5)


def test_a_value_of_another_type_is_converted() -> None:
    for address, value, result, note in (
        ("/layer/1/curve", 1, 1.0, ""),
        ("/layer/1/curve", True, 1.0, ""),
        ("/layer/1/mute", 1.0, True, ""),
        ("/layer/1/mute", 0, False, ""),
        ("/layer/1/mute", "on", True, ""),
        ("/layer/1/mute", 0.4, False, "0.4 taken as off"),  # a fader on a switch
        ("/layer/1/mute", 127, True, "127 taken as on"),
        ("/mode", 1.0, "simple", ""),
        ("/mode", [1], "simple", ""),
        ("/mode", "1", "simple", ""),
        ("/mode", ["Simple"], "simple", ""),
        ("/mirror/mode", 2.5, "xy", "2.5 taken as 3, xy"),
        ("/multiverse/blend", "difference", 2.0, ""),
        ("/multiverse/blend", 1.5, 1.5, ""),
        ("/mirror/segments", 8.0, 8, ""),
        ("/mirror/segments", 6.5, 7, "6.5 rounded to 7"),
        (
            "/timecode/offset",
            struct.unpack("f", struct.pack("f", -0.08))[0],
            "-0.08",
            "",
        ),  # as it would be typed
        ("/sd/prompt", 123456789, "123456789", ""),
        ("/sd/prompt", 2.0, "2", ""),
        *(
            ("/master/panic", pressed, True, "")
            for pressed in (1, 1.0, True, 127, None, "bang", [1])
        ),
        *(("/master/panic", released, False, "") for released in (0, 0.0, False)),
        ("/sd/width", 512, 512, ""),  # in steps of 64
        ("/sam3/resolution", 640, 672, "640 rounded to 672"),
        ("/sam3/resolution", 504, 504, ""),
        ("/sam3/resolution", 200, 336, "200 is outside 336..1008 (clipped to 336)"),
        *(
            ("/sd/width", at, step, f"{at:g} rounded to {step}")
            for at, step in ((500, 512), (543.9, 512), (545, 576))
        ),
        ("/sd/width", 70, 64, "70 rounded to 64"),
    ):
        accepted = accept(address, value)
        assert accepted == Accepted(result, note) and type(accepted.value) is type(result), (
            address,
            value,
        )


@pytest.mark.parametrize(
    ("address", "value", "line"),
    [
        ("/mode", 7, "/mode: 7 is not one of multiverse, simple (0..1)"),
        ("/mode", "simpel", '/mode: "simpel" is not one of multiverse, simple (0..1)'),
        (
            "/mode",
            "000000000000000000000",
            '/mode: "000000000000000000000" is not one of multiverse, simple (0..1)',
        ),
        ("/layer/1/curve", "half", '/layer/1/curve: "half" is not a number'),
        ("/layer/1/curve", None, "/layer/1/curve: None is not a number"),
        ("/layer/1/mute", "yes\nno", '/layer/1/mute: "yes?no" is not on or off'),
        ("/sink/shared/name", "", '/sink/shared/name: "" is 0 characters long; 1..64 are allowed'),
        ("/sink/shared/name", "a\tb", '/sink/shared/name: "a?b" is not plain text on one line'),
        ("/sink/shared/name", "\ud800", '/sink/shared/name: "?" is not plain text on one line'),
        ("/sink/shared/name", True, "/sink/shared/name: True is not text"),
        ("/timecode/offset", math.nan, "/timecode/offset: nan is not a finite number"),
        ("/sink/record/file", b"x", "/sink/record/file: a value of type bytes is not text"),
        (
            "/layr/1/angle",
            1,
            "/layr/1/angle: no such parameter (nearest: /layer/1/angle, /layer/4/angle, "
            "/layer/3/angle)",
        ),
    ],
)
def test_a_rejection_says_what_is_allowed(address: str, value: object, line: str) -> None:
    with pytest.raises(Rejected) as rejection:
        accept(address, value)
    assert str(rejection.value) == line


def test_a_colour_is_accepted_in_every_form_that_programs_send() -> None:
    red = (1.0, 0.0, 0.0, 1.0)
    for sent in ("#ff0000", "#FF0000ff", 0xFF0000FF, [1, 0, 0], (1.0, 0.0, 0.0, 1.0)):
        assert accept(COLOUR, sent) == Accepted(red)
    assert accept(COLOUR, [9, 0, 0]) == Accepted(red, "a part is outside 0..1 (clipped)")
    with pytest.raises(Rejected):
        accept(COLOUR, "red")


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.floats(-10, 10),
    st.text(st.characters(codec=None), max_size=70),
    st.binary(max_size=8),
    st.sampled_from([name for param in PARAMS for name in (*param.menu, *param.stops)]),
)
ANYTHING = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4), max_leaves=5)


@settings(max_examples=1500 if IS_SOAK else 60)
@given(param=st.sampled_from(ALL), value=ANYTHING)
def test_any_value_is_made_canonical_or_rejected(param: Param, value: object) -> None:
    try:
        accepted = accept(param, value)
    except Rejected as rejection:
        assert "\n" not in str(rejection)
        return
    assert_canonical(param, accepted.value)
    assert accept(param, accepted.value) == Accepted(accepted.value), (
        "a canonical value is accepted unchanged"
    )
