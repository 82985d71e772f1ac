"""The inputs of a shader as aliases and by name."""

from typing import Any

import pytest

from engine.params.shader_inputs import ShaderInput, carry_over, inputs_of, is_input_address
from engine.render.isf.isf_file import IsfInput
from osc_schema import ParamType, Rejected


def shape(
    name: str, kind: str, low: Any = 0.0, high: Any = 1.0, default: Any = 0.0, **more: Any
) -> IsfInput:
    values: dict[str, Any] = {
        "label": name,
        "minimum": low,
        "maximum": high,
        "default": default,
        **more,
    }
    return IsfInput(name=name, type=kind, **values)  # type: ignore[arg-type]


SPEED = shape("speed", "float", 0.0, 10.0, 2.5, label="Speed")
CENTRE = shape("centre", "point2D", (0.0, -1.0), (2.0, 1.0), (0.5, 0.0))
TINT = shape("tint", "color", (0.0,) * 4, (1.0,) * 4, (1.0, 0.5, 0.0, 1.0))
SHAPE = shape("shape", "long", 0, 5, 2, values=(0, 2, 5), labels=("Round", "Square", "Star"))
INVERT = shape("invert", "bool", False, True, True)
FLASH = shape("flash", "event", False, True, False)
IMAGE = shape("inputImage", "image", 0, 0, 0)


def only(each: IsfInput) -> ShaderInput:
    (view,), left_out = inputs_of("1", [each])
    assert left_out == ()
    return view


def test_inputs_take_numbers_in_the_order_of_the_file_as_long_as_they_fit() -> None:
    inputs, left_out = inputs_of("2", [IMAGE, SPEED, CENTRE, TINT, FLASH])
    numbers = [[alias.removeprefix("/fx/2/") for alias in each.aliases] for each in inputs]
    assert numbers == [["1"], ["2", "3"], ["4", "5", "6", "7"], ["8"]]
    assert [each.address for each in inputs] == [
        "/fx/2/speed",
        "/fx/2/centre",
        "/fx/2/tint",
        "/fx/2/flash",
    ]
    assert left_out == ()
    colours = [shape(f"colour{n}", "color", default=(1.0,) * 4) for n in range(3)]
    inputs, left_out = inputs_of(
        "1", [*colours, CENTRE, shape("late", "color", default=(1.0,) * 4), SPEED]
    )
    assert left_out == ("late",)
    assert inputs[-1].aliases == ("/fx/1/15",)


def test_a_value_by_name_is_the_position_of_its_numbers_or_refused() -> None:
    for each, default, sent, position, displayed in [
        (SPEED, (0.25,), 7.5, (0.75,), 7.5),
        (CENTRE, (0.25, 0.5), (2.0, 0.5), (1.0, 0.75), (2.0, 0.5)),
        (TINT, (1.0, 0.5, 0.0, 1.0), "#00ff00", (0.0, 1.0, 0.0, 1.0), (0.0, 1.0, 0.0, 1.0)),
        (SHAPE, (0.5,), "Star", (1.0,), "star"),
        (SHAPE, (0.5,), 0, (0.0,), "round"),
        (INVERT, (1.0,), "off", (0.0,), False),
        (FLASH, (0.0,), 1, (1.0,), True),
    ]:
        view = only(each)
        assert view.default == pytest.approx(default), each
        assert view.positions_of(sent) == (pytest.approx(position), ""), each
        assert view.display_value(position) == displayed, each
    for each, sent, reason in [
        (SHAPE, "moon", "not one of round, square, star"),
        (CENTRE, 0.5, "takes 2 numbers, not 1"),
        (SPEED, "x", "not a"),
    ]:
        with pytest.raises(Rejected, match=reason):
            only(each).positions_of(sent)


def test_a_menu_gives_its_value_and_a_number_outside_the_range_is_clipped_with_a_note() -> None:
    assert [only(SHAPE).value_at((at,)) for at in (0.0, 0.3, 0.5, 0.8, 1.0)] == [0, 2, 2, 5, 5]
    assert only(SPEED).positions_of(75.0) == ((1.0,), "75 is outside 0..10 (clipped to 10)")
    positions, note = only(CENTRE).positions_of((9.0, 0.0))
    assert positions == (1.0, 0.5) and note.startswith("9 is outside 0..2")


def test_names_and_labels_that_are_equal_or_taken_stay_apart() -> None:
    inputs, _ = inputs_of(
        "1", [shape(name, "float") for name in ("mix", "3", "a b", "a*b", "file_", "file")]
    )
    assert [each.address[6:] for each in inputs] == [
        "mix_",
        "3_",
        "a_b",
        "a_b_2",
        "file_",
        "file__2",
    ]
    assert [each.name for each in inputs] == ["mix", "3", "a b", "a*b", "file_", "file"]
    view = only(shape("mode", "long", values=(4, 5, 6), labels=("On", "on", "6"), default=4))
    assert view.param is not None and view.param.type is ParamType.MENU
    assert view.param.menu == ("on", "on 5", "6")


def test_an_input_keeps_its_value_or_its_default_when_the_file_is_saved_with_another() -> None:
    before, _ = inputs_of("1", [SPEED, INVERT])
    now, _ = inputs_of("1", [INVERT, FLASH, shape("speed", "float", 0.0, 20.0, 1.0)])
    positions = carry_over(before, now, {"/fx/1/1": 0.5, "/fx/1/2": 0.0})
    assert positions == {"/fx/1/1": 0.0, "/fx/1/2": 0.0, "/fx/1/3": 0.25}  # 5 of 20
    before, _ = inputs_of("1", [SPEED])
    now, _ = inputs_of("1", [shape("speed", "float", 0.0, 10.0, 9.0)])
    assert carry_over(before, now, {"/fx/1/1": 0.25}) == {"/fx/1/1": pytest.approx(0.9)}


def test_an_address_may_name_an_input_of_a_shader_that_does_not_play() -> None:
    for address, is_one in [
        ("/fx/1/glow", True),
        ("/fx/generator/a-b.c", True),
        ("/fx/5/glow", False),
        ("/fx/1/mix", False),
        ("/fx/1/16", False),
        ("/fx/1/a/b", False),
    ]:
        assert is_input_address(address) is is_one, address
