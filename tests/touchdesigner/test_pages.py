"""The pages made from the declarations: every parameter once, with a name that TouchDesigner accepts."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest

import osc_schema
from engine.cli import schema
from engine.control.query.tree import QueryTree
from engine.errors import MultiverseError
from engine.params import ParamStore
from osc_schema.declare import number
from osc_schema.generate import TOUCHDESIGNER_FILES
from osc_schema.generate.touchdesigner import (
    SHORT_PLACES,
    SHORT_WORDS,
    CustomParameter,
    control_pages,
    leaves_of,
    names_of,
    pages_json,
    parameter_name,
    read_pages,
)
from osc_schema.generate.touchdesigner_builder import require_short_names
from osc_schema.sam3 import OBJECT_ARGUMENTS
from osc_schema.types import Param, ParamType

PAGES = read_pages(TOUCHDESIGNER_FILES["generated/pages.json"]())
CONTROLS = {control.address: control for page in PAGES for control in page.controls}


def page_of_one(param: Param) -> CustomParameter:
    ((page),) = control_pages([{**asdict(param), "area_title": "Test"}])
    return page.controls[0]


def test_every_parameter_is_on_a_page_exactly_once() -> None:
    addresses = [control.address for page in PAGES for control in page.controls]
    assert sorted(addresses) == sorted(param.address for param in osc_schema.PARAMS)


def test_words_are_shortened_by_the_table_only() -> None:
    """A name is made of the words of its address, each whole, left out, or shortened as in the table."""
    for address, control in CONTROLS.items():
        rest = control.name.lower()
        for place, short in SHORT_PLACES.items():
            address = address.replace(place, short)
        for part in address.strip("/").split("/"):
            for word in [part] if part in SHORT_WORDS else part.split("_"):
                written = SHORT_WORDS.get(word, word)
                assert rest.startswith(written), f"{address}: {control.name} has no {written} at ...{rest}"
                rest = rest.removeprefix(written)
        assert rest == ""
    assert parameter_name("/show/extraordinarily_long") == "Showextraordinarilylong"


def test_a_new_parameter_changes_no_other_name() -> None:
    leaves = [{**asdict(param), "area_title": area.title} for area in osc_schema.AREAS for param in area.params]
    for address in ("/aa/first", "/sd/controlnet/3/scale", "/sam3/objects", "/zz/last"):
        added = {**asdict(number(address, 0, 0, 1, "")), "area_title": "New"}
        for more in ([added, *leaves], [*leaves, added]):
            named = {control.address: control.name for page in control_pages(more) for control in page.controls}
            assert {**{at: control.name for at, control in CONTROLS.items()}, address: named[address]} == named


def test_a_name_that_is_too_long_is_refused_with_the_place_to_shorten_it() -> None:
    pages = control_pages([{**asdict(number("/sd/denoise_strength", 0, 0, 1, "")), "area_title": "A"}])
    with pytest.raises(
        ValueError,
        match=r"/sd/denoise_strength: Sddenoisestrength has 17 .*SHORT_WORDS.* `/sd/`.*SHORT_PLACES",
    ):
        require_short_names(pages)
    leaf = {**asdict(number("/lamp/radiance", 0, 0, 1, "")), "type": "colour", "default": [0.0] * 4}
    with pytest.raises(ValueError, match=r"/lamp/radiance: Lampradiancer has 13 characters"):
        require_short_names(control_pages([{**leaf, "area_title": "A"}]))


def test_a_released_name_does_not_change(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(SHORT_WORDS, "controlnet", "ct")
    with pytest.raises(MultiverseError) as refused:
        schema.write(tmp_path)
    assert str(refused.value).startswith(
        "touchdesigner/generated/pages.json: /sd/controlnet/1/enable: would be named Sdct1enable"
    )
    monkeypatch.delitem(SHORT_WORDS, "controlnet")
    with pytest.raises(ValueError, match="Sdcontrolnet1enable has 19 characters"):
        TOUCHDESIGNER_FILES["generated/pages.json"]()


def test_a_name_depends_on_its_address_alone_and_looks_like_no_other_word() -> None:
    """Such as a unit of seconds as a plural, or a region's switch as "can be regenerated"."""
    names = {
        "/layer/1/angle": "L1angle", "/audio/2/gain_db": "A2gaindb", "/sd/controlnet/1/scale": "Sdcn1scale",
        "/sam3/max_objects": "Sam3maxobj", "/master/blackout": "Mblackout", "/sink/spout/name": "Spoutname",
        "/sd/interval_s": "Sdintvl", "/sd/crossfade_s": "Sdxfade", "/mod/1/release_ms": "Mod1release",
        "/region/enable": "Rgnenable",
    }  # fmt: skip
    assert {address: parameter_name(address) for address in names} == names


def test_a_name_that_begins_with_a_digit_or_is_that_of_another_address_is_refused() -> None:
    with pytest.raises(ValueError, match="not allow a parameter named '1stlight'"):
        parameter_name("/1st/light")
    leaves = [{**asdict(number(address, 0, 0, 1, "")), "area_title": "A"} for address in ("/a/b_c", "/a_b/c")]
    with pytest.raises(ValueError, match="/a_b/c and /a/b_c would both be named Abc"):
        control_pages(leaves)


def test_a_control_has_the_values_of_its_parameter() -> None:
    angle, blend = CONTROLS["/layer/1/angle"], CONTROLS["/multiverse/blend"]
    assert (angle.low, angle.high, angle.is_clamped, angle.style) == (-180.0, 180.0, False, "Float")
    assert angle.label == "Layer 1 angle (deg)"
    assert "clockwise" in angle.help and "/layer/1/angle   -180 to 180 deg" in angle.help
    assert (blend.high, blend.is_clamped) == (3.0, True) and "2 difference" in blend.help
    assert CONTROLS["/mirror/mode"].menu == ("off", "x", "y", "xy", "kaleidoscope")
    assert CONTROLS["/sd/crossfade_s"].label == "Crossfade (s)"
    assert CONTROLS["/master/panic"].style == "Pulse" and CONTROLS["/master/panic"].default is None
    assert CONTROLS["/layer/2/intensity"].starts_section and not CONTROLS["/layer/2/angle"].starts_section
    assert all(control.default == osc_schema.lookup(address).default for address, control in CONTROLS.items()
               if control.style != "Pulse")  # fmt: skip


def test_a_colour_becomes_four_parameters_with_one_name() -> None:
    colour = Param(
        address="/scene/background", type=ParamType.COLOUR, default=(0.0, 0.5, 1.0, 1.0), low=0, high=1, description="",
        out_of_range="clip",
    )  # fmt: skip
    control = page_of_one(colour)
    assert names_of(control) == ("Scenebgr", "Scenebgg", "Scenebgb", "Scenebga")
    assert control.is_clamped and control.default == (0.0, 0.5, 1.0, 1.0)
    (page,) = control_pages([{**asdict(colour), "area_title": "Test"}])
    assert read_pages(pages_json([page])) == (page,)


def test_pages_from_a_running_engine_equal_those_from_the_declarations() -> None:
    tree = json.loads(QueryTree(ParamStore(), {}).answer("/", None, {}).body)
    read = {control.address: control for page in control_pages(leaves_of(tree)) for control in page.controls}
    assert read == CONTROLS


@pytest.mark.parametrize(
    "names, part, but_not, picked",
    [
        (["Multiverse", "Multiverse SD"], "Multiverse", ("Multiverse SD",), "Multiverse"),
        (["Multiverse SD", "Multiverse"], "Multiverse SD", ("",), "Multiverse SD"),
        (["Multiverse_1"], "multiverse", ("Multiverse SD", "Multiverse SAM3"), "Multiverse_1"),
        (["STUDIO (Multiverse)", "STUDIO (Camera)"], "Multiverse", (), "STUDIO (Multiverse)"),
        (["Multiverse SD"], "Multiverse", ("Multiverse SD",), ""),
        (["Multiverse SAM3 mask", "Multiverse SAM3_1_1_1"], "SAM3", ("SAM3 Mask ",), "Multiverse SAM3_1_1_1"),
        (["Multiverse SAM3", "Multiverse SAM3 mask"], "SAM3 mask", ("SAM3",), "Multiverse SAM3 mask"),
        (["Multiverse"], "", (), ""),
        ([], "Multiverse", (), ""),
    ],
)
def test_a_sender_is_picked_by_a_part_of_its_name(
    names: list[str], part: str, but_not: tuple[str, ...], picked: str, module_named: Callable
) -> None:
    assert module_named("picture_inputs").pick(part, names, but_not) == picked


def test_an_object_beyond_the_count_is_dropped(module_named: Callable) -> None:
    module = module_named("found_objects")
    assert ("k", *OBJECT_ARGUMENTS) == module.COLUMNS
    objects = module.FoundObjects()
    place = [7, 1, 0.5, 0.25, 0.75, 0.125, 0.5]
    assert objects.take_changes()[0] == [] and objects.take_changes() is None
    assert objects.take("/sam3/objects", [2]) and objects.take("/sam3/object/2", place)
    rows, values = objects.take_changes()
    assert rows == [[2, *place]] and (values["objects"], values["o2_cy"], values["o1_id"]) == (2.0, 0.75, 0.0)
    assert objects.take("/sam3/objects", [1]) and objects.take("/sam3/object/2", place)
    assert objects.take_changes()[0] == []
    for other in ("/sam3/object/x", "/sam3/object/1/id", "/sam3/threshold", "/audio/1/rms"):
        assert not objects.take(other, place)
    assert objects.take_changes() is None


def test_the_connection_is_lost_after_three_seconds_without_a_heartbeat(module_named: Callable) -> None:
    """A late heartbeat does not stand in for the subscription that is due: else the pages would keep the defaults that
    they were rebuilt with."""
    link = module_named("link").EngineLink()
    assert link.step(0.0).subscribe and not link.step(1.9).subscribe and link.step(2.0).subscribe
    assert link.hear(2.1) and not link.hear(3.1)
    assert link.step(3.2).ask_status and not link.step(4.1).ask_status and link.step(4.2).ask_status
    assert link.is_connected and not link.step(6.1).say_lost
    lost = link.step(6.2)
    assert lost.say_lost and lost.subscribe and not link.is_connected
    assert not link.step(8.1).subscribe and link.step(8.2).subscribe and link.hear(8.3)
    link.start_over()
    assert not link.hear(8.4) and not link.is_connected
    assert link.step(8.5).subscribe and link.hear(8.6) and link.is_connected


def test_expected_values_are_asked_for_after_two_seconds_even_those_that_were_moved_before(
    module_named: Callable,
) -> None:
    echo = module_named("echo").Echo()
    assert echo.wants_sending("/a", 1.0, 0.0)
    echo.expect(["/a", "/b", "/c"], 10.0)
    assert echo.take_outdated(10.0) == [] and echo.may_show("/c", 10.5)
    assert echo.take_outdated(11.9) == []
    assert echo.wants_sending("/b", 1.0, 11.9), "it is being moved"
    assert echo.take_outdated(12.0) == ["/a"]
    assert echo.take_outdated(12.2) == ["/b"] and echo.may_show("/b", 12.3)
    assert [now_s for now_s in range(13, 41) if echo.take_outdated(now_s)] == [14, 18, 26], "the answer is lost, too"
    asked = [now_s for now_s in range(41, 999) if echo.take_outdated(now_s)]
    assert asked == [42, 74], "an older engine does not have the value"
    assert echo.may_show("/a", 999.0) and echo.take_outdated(1000.0) == []
