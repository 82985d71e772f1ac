"""The pages made from the declarations: every parameter once, with a name that TouchDesigner
accepts."""

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
from osc_schema.generate.touchdesigner import SHORT_WORDS, control_pages, leaves_of, read_pages
from osc_schema.generate.touchdesigner_builder import require_short_names

PAGES = read_pages(TOUCHDESIGNER_FILES["generated/pages.json"]())
CONTROLS = {control.address: control for page in PAGES for control in page.controls}


def test_every_parameter_is_on_a_page_exactly_once() -> None:
    addresses = [control.address for page in PAGES for control in page.controls]
    assert sorted(addresses) == sorted(param.address for param in osc_schema.PARAMS)


def test_a_new_parameter_changes_no_other_name() -> None:
    leaves = [
        {**asdict(param), "area_title": area.title}
        for area in osc_schema.AREAS
        for param in area.params
    ]
    for address in ("/aa/first", "/sd/controlnet/3/scale", "/sam3/objects", "/zz/last"):
        added = {**asdict(number(address, 0, 0, 1, "")), "area_title": "New"}
        for more in ([added, *leaves], [*leaves, added]):
            named = {
                control.address: control.name
                for page in control_pages(more)
                for control in page.controls
            }
            assert {
                **{at: control.name for at, control in CONTROLS.items()},
                address: named[address],
            } == named


def test_a_name_that_is_too_long_is_refused_with_the_place_to_shorten_it() -> None:
    pages = control_pages(
        [{**asdict(number("/sd/denoise_strength", 0, 0, 1, "")), "area_title": "A"}]
    )
    with pytest.raises(
        ValueError,
        match=r"/sd/denoise_strength: Sddenoisestrength has 17 .*SHORT_WORDS.* "
        r"`/sd/`.*SHORT_PREFIXES",
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


def test_pages_from_a_running_engine_equal_those_from_the_declarations() -> None:
    tree = json.loads(QueryTree(ParamStore(), {}).answer("/", None, {}).body)
    read = {
        control.address: control
        for page in control_pages(leaves_of(tree))
        for control in page.controls
    }
    assert read == CONTROLS


@pytest.mark.parametrize(
    "names, part, but_not, picked",
    [
        (["Multiverse", "Multiverse SD"], "Multiverse", ("Multiverse SD",), "Multiverse"),
        (["Multiverse SD", "Multiverse"], "Multiverse SD", ("",), "Multiverse SD"),
        (["Multiverse_1"], "multiverse", ("Multiverse SD", "Multiverse SAM3"), "Multiverse_1"),
        (["STUDIO (Multiverse)", "STUDIO (Camera)"], "Multiverse", (), "STUDIO (Multiverse)"),
        (["Multiverse SD"], "Multiverse", ("Multiverse SD",), ""),
        (
            ["Multiverse SAM3 mask", "Multiverse SAM3_1_1_1"],
            "SAM3",
            ("SAM3 Mask ",),
            "Multiverse SAM3_1_1_1",
        ),
        (
            ["Multiverse SAM3", "Multiverse SAM3 mask"],
            "SAM3 mask",
            ("SAM3",),
            "Multiverse SAM3 mask",
        ),
        (["Multiverse"], "", (), ""),
        ([], "Multiverse", (), ""),
    ],
)
def test_a_sender_is_picked_by_a_part_of_its_name(
    names: list[str], part: str, but_not: tuple[str, ...], picked: str, module_named: Callable
) -> None:
    assert module_named("picture_inputs").pick(part, names, but_not) == picked


def test_the_connection_is_lost_after_three_seconds_without_a_heartbeat(
    module_named: Callable,
) -> None:
    """A late heartbeat does not replace the due subscription: the pages would keep the defaults of
    their rebuild."""
    link = module_named("link").EngineLink()
    assert link.step(0.0).subscribe and not link.step(1.9).subscribe and link.step(2.0).subscribe
    assert link.note_heartbeat(2.1) and not link.note_heartbeat(3.1)
    assert (
        link.step(3.2).request_status
        and not link.step(4.1).request_status
        and link.step(4.2).request_status
    )
    assert link.is_connected and not link.step(6.1).report_lost
    lost = link.step(6.2)
    assert lost.report_lost and lost.subscribe and not link.is_connected
    assert not link.step(8.1).subscribe and link.step(8.2).subscribe and link.note_heartbeat(8.3)
    link.start_over()
    assert not link.note_heartbeat(8.4) and not link.is_connected
    assert link.step(8.5).subscribe and link.note_heartbeat(8.6) and link.is_connected


def test_expected_values_are_requested_after_two_seconds_even_those_that_were_moved_before(
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
    assert [now_s for now_s in range(13, 41) if echo.take_outdated(now_s)] == [14, 18, 26], (
        "the answer is lost, too"
    )
    retries = [now_s for now_s in range(41, 999) if echo.take_outdated(now_s)]
    assert retries == [42, 74], "an older engine does not have the value"
    assert echo.may_show("/a", 999.0) and echo.take_outdated(1000.0) == []
