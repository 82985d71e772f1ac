"""The perform view as it is played: pads, take, crossfader, macros, safety, lock; with mouse, keys and fingers."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from engine.params.looks import LOOKS
from engine.web.preview import encode_preview
from osc_schema.modulation import ROUTES
from tests.support.long_form import IS_SOAK, in_long_form
from tests.web.page_stage import House, Stage, Visit

PALETTE = "/colour/palette"


@pytest.fixture
def perform(visit: Visit, stage: Stage) -> Iterator[Visit]:
    """The perform view, the look Aurora on the air and nothing prepared."""
    stage.send("/launch/drop")
    stage.send("/preset/load", "Aurora")
    stage.send("/preset/prepare")
    stage.send("/preset/take_fade", "0")
    visit.page.locator("#perform-tab").click()
    visit.page.locator('.pad.is-on[data-preset="Aurora"]').wait_for()
    visit.page.locator("#prepared.is-empty").wait_for()
    yield visit


def pad(visit: Visit, name: str, state: str = "") -> Any:
    found = visit.page.locator(f'.pad{state}[data-preset="{name}"]')
    found.wait_for()
    return found


def shows(stage: Stage, look: str) -> None:
    stage.becomes(PALETTE, LOOKS[look][PALETTE])


def leave_beats(stage: Stage) -> None:
    """At 3 s a beat, what waits for four bars from here on waits 24 s or longer."""
    stage.send("/tempo/bpm", 20.0)
    pulse = stage.engine._parts.desk.tempo.read_pulse
    stage.until(lambda: pulse().bpm == 20.0, "a frame at this tempo")
    if pulse().beat % 16 >= 8:
        stage.send("/tempo/reset")
        stage.until(lambda: pulse().beat % 16 < 8, "a frame of the new count")


def test_a_tap_prepares_and_a_second_one_takes(perform: Visit, stage: Stage) -> None:
    assert perform.page.locator("#take").is_disabled()
    pad(perform, "Silk").click()
    pad(perform, "Silk", ".is-prepared")
    assert stage.get(PALETTE) == LOOKS["Aurora"][PALETTE], "nothing has changed on screen"
    assert perform.page.locator("#prepared-name").inner_text() == "Silk"
    assert perform.page.locator("#take").is_enabled()
    pad(perform, "Silk").click()
    pad(perform, "Silk", ".is-on")
    shows(stage, "Silk")
    pad(perform, "Aurora", ".is-prepared")  # the look that left
    perform.page.locator("#look-now", has_text="Silk").wait_for()
    perform.page.locator("#cut").click()
    shows(stage, "Aurora")


def test_a_held_pad_flashes_its_look(perform: Visit, stage: Stage) -> None:
    perform.page.locator('.pad[data-preset="Ink"]').hover()
    perform.page.mouse.down()
    shows(stage, "Ink")
    perform.page.mouse.up()
    shows(stage, "Aurora")
    pad(perform, "Aurora", ".is-on")
    perform.page.locator("#prepared.is-empty").wait_for()  # a hold prepares nothing
    perform.page.mouse.down()
    shows(stage, "Ink")
    perform.page.evaluate("dispatchEvent(new Event('blur'))")  # another window comes to the front
    shows(stage, "Aurora")


def test_the_prepared_look_is_seen_in_motion(perform: Visit) -> None:
    page, sockets = perform.page, []
    page.route_web_socket("**/preview?picture=prepared*", lambda socket: sockets.append(socket))
    picture = encode_preview(np.full((90, 160, 4), 200, np.uint8))
    pad(perform, "Silk").click()
    perform.until(lambda: page.wait_for_timeout(20) or sockets, "somebody who watches")
    canvas = page.locator("#prepared-picture")
    drawn = canvas.get_attribute("data-pictures")
    sockets[0].send(picture)
    perform.until(lambda: canvas.get_attribute("data-pictures") != drawn, "a picture")
    assert canvas.is_hidden(), "the first one may still be that of the look before"
    sockets[0].send(picture)
    canvas.wait_for()
    pad(perform, "Ink").click()
    canvas.wait_for(state="hidden")


def test_pads_are_played_with_keys_alone(perform: Visit, stage: Stage) -> None:
    page = perform.page
    page.locator("#play-tab").click()
    page.locator("#play-tab").press("p")
    page.locator("#perform-panel").wait_for()
    page.locator('.pad[data-pad="1"]').focus()
    for key in ("ArrowDown", "ArrowRight"):
        page.keyboard.press(key)
    name = page.evaluate("document.activeElement.dataset.preset")
    assert page.evaluate("document.activeElement.dataset.pad") == "6"
    page.keyboard.press("Space")
    pad(perform, name, ".is-prepared")
    page.keyboard.press("Enter")
    pad(perform, name, ".is-on")
    shows(stage, name)


def test_what_waits_for_its_beat_counts_down_and_is_taken_back(perform: Visit, stage: Stage) -> None:
    page = perform.page
    leave_beats(stage)
    page.locator("#quantise").select_option("4_bars")
    stage.becomes("/launch/quantise", "4_bars")
    pad(perform, "Silk").click()
    pad(perform, "Silk", ".is-prepared").click()
    beats = pad(perform, "Silk", ".is-queued").locator(".beats").inner_text()
    assert 1 <= int(beats) <= 16
    page.locator(".beat .queue", has_text="Silk in").click()
    page.locator(".pad.is-queued").wait_for(state="detached")
    assert stage.get(PALETTE) == LOOKS["Aurora"][PALETTE]


def test_the_crossfader_fades_by_hand_and_back(perform: Visit, stage: Stage) -> None:
    pad(perform, "Silk").click()
    pad(perform, "Silk", ".is-prepared")
    fader = perform.page.locator("#crossfader [role=slider]")
    fader.press("PageUp")
    shows(stage, "Silk")  # its values are there from the start; the picture mixes
    fader.press("Home")
    shows(stage, "Aurora")
    fader.press("PageUp")
    fader.press("End")
    pad(perform, "Silk", ".is-on")
    pad(perform, "Aurora", ".is-prepared")


def test_macros_have_the_names_of_the_look_and_move_it(perform: Visit, stage: Stage) -> None:
    glow = perform.page.locator("#macros .macro").first
    assert glow.locator(".name").inner_text() == "Glow"
    glow.locator("[role=slider]").press("End")
    stage.becomes("/post/bloom", 1.0)
    glow.locator("[role=slider]").press("Home")
    stage.becomes("/post/bloom", 0.0)


def test_blackout_and_panic_need_a_hold(perform: Visit, stage: Stage) -> None:
    page = perform.page
    page.locator("#hand-blackout").click()
    page.locator("#hand-panic").click()
    page.locator("#hand-freeze").click()
    stage.becomes("/master/freeze", True)  # sent after them
    assert not stage.get("/master/blackout") and stage.get(PALETTE) == LOOKS["Aurora"][PALETTE]
    page.locator("#hand-blackout").hover()
    page.mouse.down()
    stage.becomes("/master/blackout", True)
    page.mouse.up()
    page.locator("#preview.is-black").wait_for()
    page.locator("#hand-panic").hover()
    page.mouse.down()
    stage.becomes(PALETTE, LOOKS["Eclipse"][PALETTE])
    page.mouse.up()
    page.locator(".toast", has_text="Panic").wait_for()
    for hand in ("hit", "freeze", "blackout", "panic"):
        page.locator(f"#hand-{hand}").click(trial=True)  # nothing lies over it
    page.locator(".toast .close").click()


def test_the_lock_leaves_the_strip_and_the_safety_buttons(perform: Visit, stage: Stage) -> None:
    page = perform.page
    page.locator("#lock").click()
    page.locator("body.is-locked").wait_for()
    assert page.evaluate("document.getElementById('pads').closest('[inert]') !== null")
    page.locator("#hand-freeze").click()
    stage.becomes("/master/freeze", True)
    page.locator("#lock").click()
    assert page.locator("body.is-locked").count() == 1, "a tap does not unlock"
    page.locator("#lock").hover()
    page.mouse.down()
    page.locator("body:not(.is-locked)").wait_for()
    page.mouse.up()
    assert page.locator("[inert]").count() == 0


def test_the_lock_works_with_keys_and_stops_those_that_play(perform: Visit, stage: Stage) -> None:
    page = perform.page
    stage.send("/cue/set", 1, "Silk", 0.0, 0.0)
    page.locator("#cues-tab").click()
    page.locator("#cues li").wait_for()
    page.locator("#lock").press("Enter")
    page.locator("body.is-locked").wait_for()
    page.locator("#lock").evaluate("button => button.blur()")
    for key in (" ", "/", "p"):
        page.keyboard.press(key)
    page.keyboard.press("Shift+F")
    stage.becomes("/master/freeze", True)  # sent after them
    assert stage.get(PALETTE) == LOOKS["Aurora"][PALETTE], "space is not go"
    assert page.locator("#cues-panel").is_visible(), "and the tab stays"
    lock = page.locator("#lock").bounding_box()
    page.mouse.move(lock["x"] + lock["width"] - 3, lock["y"] + lock["height"] / 2)
    page.mouse.down()
    page.locator("body:not(.is-locked)").wait_for()
    page.mouse.up()
    page.locator("#lock").press("Enter")
    page.locator("body.is-locked").wait_for()
    page.keyboard.down("Enter")
    page.locator("body:not(.is-locked)").wait_for()
    page.keyboard.up("Enter")
    assert page.locator("body.is-locked").count() == 0, "the end of a hold does not lock again"
    stage.send("/cue/delete", 1)


@pytest.mark.parametrize("phone", [(390, 844)], indirect=True, ids=["upright"])
def test_the_lock_ends_what_other_fingers_hold(phone: Visit, stage: Stage) -> None:
    page = phone.page
    stage.send("/preset/load", "Aurora")
    stage.send("/preset/prepare", "Silk")
    page.locator("#perform-tab").tap()
    pad(phone, "Silk", ".is-prepared")
    touch = page.context.new_cdp_session(page)

    def fingers(kind: str, *places: tuple[float, float]) -> None:
        points = [{"x": x, "y": y, "id": at} for at, (x, y) in enumerate(places)]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    def place_of(found: Any) -> tuple[float, float]:
        found.scroll_into_view_if_needed()
        box = found.bounding_box()
        return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    lock, fader = place_of(page.locator("#lock")), place_of(page.locator("#macros [role=slider]").first)
    ink, take = place_of(page.locator('.pad[data-preset="Mandala"]')), place_of(page.locator("#take"))
    stage.becomes("/preset/crossfader", 0.0)
    before = stage.get("/macro/1")
    fingers("touchStart", fader)
    fingers("touchStart", fader, ink)
    shows(stage, "Mandala")  # held
    fingers("touchStart", fader, ink, take)
    fingers("touchStart", fader, ink, take, lock)
    page.locator("body.is-locked").wait_for()
    shows(stage, "Aurora")  # the pad is released
    for step in range(1, 6):
        fingers("touchMove", (fader[0] + 20 * step, fader[1]), ink, take, lock)
    fingers("touchEnd")
    page.locator("#hand-freeze").tap()
    stage.becomes("/master/freeze", True)  # sent after them
    assert stage.get("/macro/1") == before
    assert stage.get(PALETTE) == LOOKS["Aurora"][PALETTE], "no take"
    assert page.locator(".fader.is-held, .is-holding").count() == 0
    fingers("touchStart", lock)
    page.locator("body:not(.is-locked)").wait_for()  # the window is that of the next tests, too
    fingers("touchEnd")


def test_the_program_is_seen_though_the_picture_is_folded_beside_other_tabs(perform: Visit) -> None:
    page = perform.page
    page.locator("#play-tab").click()
    page.locator("#fold").click()
    page.locator("#picture").wait_for(state="hidden")
    page.locator("#perform-tab").click()
    page.locator("#picture").wait_for()
    page.locator("#play-tab").click()
    page.locator("#picture").wait_for(state="hidden")
    page.locator("#fold").click()


def test_a_macro_is_modulated_by_a_touch_here(perform: Visit, stage: Stage) -> None:
    page = perform.page
    page.locator("#play-tab").click()
    page.locator("#modulate").click()
    page.locator("#perform-tab").click()
    page.locator("#macros [role=slider]").first.click()
    page.locator("#modulate-menu button[data-source=lfo1]").click()
    targets = [f"/mod/{n}/target" for n in ROUTES]
    stage.until(lambda: "/macro/1" in [stage.get(target) for target in targets], "the route")
    page.locator("#macros .ghost").first.wait_for(state="attached")


def test_nothing_moves_while_a_look_waits_and_records(perform: Visit, stage: Stage) -> None:
    page = perform.page
    page.locator("#look-now", has_text="Aurora").wait_for()
    where = "document.getElementById('pads').getBoundingClientRect().top"
    for width in (1440, 1280, 1180, 900) if IS_SOAK else (1280, 900):
        page.set_viewport_size({"width": width, "height": 800})
        before = page.evaluate(where)
        leave_beats(stage)
        stage.send("/preset/load", "Riso", 0.0, "4_bars")
        stage.send("/sink/record/enable", True)
        page.locator("#rec").wait_for()
        page.locator(".queue").wait_for()
        assert page.evaluate(where) == before, width
        assert page.evaluate("document.documentElement.scrollWidth") == width
        stage.send("/launch/drop")
        stage.send("/sink/record/enable", False)
        page.locator("#rec").wait_for(state="hidden")


def test_pads_are_moved_by_a_drag_and_edited(perform: Visit, stage: Stage) -> None:
    page = perform.page
    first = page.locator('.pad[data-pad="1"]').get_attribute("data-preset")
    page.locator("#pads-edit").click()
    page.locator('.pad[data-pad="1"]').drag_to(page.locator('.pad[data-pad="6"]'))
    page.locator(f'.pad[data-pad="6"][data-preset="{first}"]').wait_for()
    page.locator('.pad[data-pad="6"]').press("Shift+ArrowRight")
    page.locator(f'.pad[data-pad="7"][data-preset="{first}"]').wait_for()
    page.keyboard.press("Shift+ArrowLeft")
    page.locator(f'.pad[data-pad="6"][data-preset="{first}"]').wait_for()
    page.locator("#pad-colour").fill("#ff0000")
    page.locator("#pad-colour").dispatch_event("change")
    pad_colour = "pad => pad.style.getPropertyValue('--pad')"
    stage.until(lambda: page.locator('.pad[data-pad="6"]').evaluate(pad_colour) == "#ff0000", "the colour")
    page.locator("#pad-preset").fill("Riso")
    page.locator("#pad-preset").press("Tab")
    page.locator('.pad[data-pad="6"][data-preset="Riso"]').wait_for()
    page.locator("#bank-name").fill("Friday")
    page.locator("#bank-name").press("Tab")
    page.locator("#banks button", has_text="Friday").wait_for()
    page.locator("#bank-name").fill("Bank 3")
    page.locator("#bank-name").press("Tab")
    page.locator("#banks button", has_text="Bank 3").wait_for()
    page.locator("#bank-add").click()
    page.locator("#banks button[aria-pressed=true]", has_text="Bank 4").wait_for()  # the third: a name that is free
    stage.send("/bank/remove", 3)
    stage.send("/bank/shown", 1)
    page.locator("#banks button[aria-pressed=true]", has_text="Bank 3").wait_for()
    page.locator("#pad-empty").click()
    page.locator('.pad[data-pad="6"].is-empty').wait_for()
    page.locator("#pads-edit").click()
    assert page.locator("#pad-editor").is_hidden()
    page.locator('.pad[data-pad="6"]').click()
    page.locator("#hand-freeze").click()
    stage.becomes("/master/freeze", True)  # sent after it
    assert page.locator(".toast.fail").count() == 0, "an empty pad is no failure"
    assert stage.get(PALETTE) == LOOKS["Aurora"][PALETTE], "editing plays nothing"


def test_a_cue_is_now_only_until_another_look_is_on(perform: Visit, stage: Stage) -> None:
    page = perform.page
    stage.send("/cue/set", 1, "Silk", 0.0, 0.0)
    stage.send("/cue/set", 2, "Ink", 0.0, 0.0)
    page.locator("#drawer-toggle").click()
    go = page.locator("#drawer-go")
    assert go.bounding_box()["height"] >= 200
    stage.send("/cue/1")
    page.locator("#drawer-now", has_text="1 Silk").wait_for()
    page.locator("#drawer-next", has_text="2 Ink").wait_for()
    go.click()
    page.locator("#drawer-now", has_text="2 Ink").wait_for()
    stage.send("/preset/load", "Aurora")
    page.locator("#drawer-now", has_text="no cue is on").wait_for()
    stage.send("/cue/set", 3, "Prism", 0.0, 0.0)
    page.locator("#drawer-next", has_text="3 Prism").wait_for()
    page.locator("#drawer-now", has_text="no cue is on").wait_for()
    page.locator("#cues-tab").click()
    page.locator("#cue-now", has_text="Last: cue 2, Ink").wait_for()
    for number in (1, 2, 3):
        stage.send("/cue/delete", number)
    page.locator("#perform-tab").click()
    page.locator("#drawer-toggle").click()


PHONE_AND_TABLET = [(390, 844), *in_long_form(((1180, 820),))]


@pytest.mark.parametrize("phone", PHONE_AND_TABLET, indirect=True, ids=["phone", "tablet"])
def test_a_pad_whose_shader_is_missing_has_a_red_corner_and_says_why(
    phone: Visit, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = phone.page
    stage.send("/preset/load", "Silk")
    stage.send("/preset/prepare")
    page.locator("#perform-tab").tap()
    page.locator("#prepared.is-empty").wait_for(state="attached")
    monkeypatch.setattr(stage.engine._parts.desk.preset_control.faults, "_fault_of", lambda file: "Gone.fs: is missing")
    aurora = pad(phone, "Aurora", ".is-faulty")
    corner = aurora.evaluate("pad => getComputedStyle(pad, '::after').borderTopColor")
    assert corner == page.locator("#hand-panic").evaluate("button => getComputedStyle(button).color"), "red"
    number = aurora.get_attribute("data-pad")
    assert aurora.get_attribute("aria-label") == f"pad {number}: Aurora (Gone.fs: is missing)"
    aurora.tap()
    page.locator("#prepared-fault", has_text="Gone.fs: is missing").wait_for()
    monkeypatch.undo()
    page.locator("#prepared-fault", has_text="Gone.fs").wait_for(state="detached")


TROUBLE = """async () => {
    const { Strip } = await import("/page/strip.js");
    const recordings = [{ seconds: 754, free_bytes: 41e9 }];
    const [lately, latency_ms] = [{ due: 100, late: 12, dropped: 0 }, { packets: 9, p50: 61, p99: 300 }];
    new Strip().show({ lately, latency_ms, recordings });
    document.getElementById("rate").className = "is-bad";
    const [header, look] = ["header", "look"].map((id) => document.getElementById(id));
    const isRead = (lamp) =>
        lamp.getBoundingClientRect().right <= innerWidth && parseFloat(getComputedStyle(lamp).fontSize) >= 12;
    const words = [...document.querySelectorAll("#lamps .is-bad")].filter(isRead).map((lamp) => lamp.textContent);
    return [look.scrollWidth - look.clientWidth, header.offsetHeight, words];
}"""


@pytest.mark.parametrize("phone", [(360, 640), *in_long_form(((390, 844),), ((667, 375),))], indirect=True, ids=str)
def test_on_a_phone_the_look_is_named_whatever_else_the_strip_tells(phone: Visit, stage: Stage) -> None:
    page = phone.page
    stage.send("/tempo/bpm", 20.0)
    stage.send("/tempo/reset")
    stage.send("/preset/load", "Cathedral", 0.0, "now")
    page.locator("#perform-tab").tap()
    page.locator("#look-now", has_text="Cathedral").wait_for()
    height = page.locator("#header").evaluate("header => header.offsetHeight")
    stage.send("/preset/load", "Riso", 0.0, "4_bars")
    queue = page.locator(".queue")
    queue.wait_for(state="attached")
    assert page.evaluate(TROUBLE) == [0, height, ["late 12 %", "slow 61 ms"]]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    queue.tap()
    queue.wait_for(state="hidden")
    stage.send("/preset/load", "Aurora")


CUT_WORDS = """() => {
    const pen = document.createElement("canvas").getContext("2d");
    const width = (element, text) => {
        pen.font = getComputedStyle(element).font;
        return pen.measureText(text).width;
    };
    const lists = [...document.querySelectorAll("#mix select")].map((list) =>
        [...list.options].filter(({ text }) => width(list, text) + 22 > list.clientWidth).map(({ text }) => text));
    const names = [...document.querySelectorAll(".pad .title")].filter((name) => name.scrollHeight > name.clientHeight
        || name.scrollWidth > name.clientWidth || getComputedStyle(name).backgroundColor !== "rgba(0, 0, 0, 0)");
    return [...lists.flat(), ...names.map(({ textContent }) => textContent)];
}"""
"""Words of lists that are cut (the arrow takes 22 px), names of pads that are, or that hide the picture behind."""


@pytest.mark.parametrize("phone", [(360, 640), (667, 375)], indirect=True, ids=str)
def test_a_phone_has_the_beat_in_reach_a_crossfader_and_no_cut_words(phone: Visit, stage: Stage) -> None:
    page = phone.page
    stage.send("/preset/load", "Aurora", 0.0, "now")
    stage.send("/preset/prepare", "Silk")
    stage.send("/tempo/bpm", 90.0)
    page.locator("#perform-tab").tap()
    page.locator("#prepared-name", has_text="Silk").wait_for(state="attached")
    page.locator(".bpm", has_text="90.0").wait_for()
    page.get_by_role("button", name="double the tempo").tap()
    stage.becomes("/tempo/bpm", 180.0)
    page.get_by_role("button", name="half the tempo").tap()
    stage.becomes("/tempo/bpm", 90.0)
    ones = stage.get("/tempo/reset")
    page.get_by_role("button", name="the first of the bar").tap()
    stage.becomes("/tempo/reset", ones + 1)
    page.locator("#crossfader .fader").press("End")
    stage.becomes("/preset/crossfader", 1.0)
    shows(stage, "Silk")
    assert page.evaluate(CUT_WORDS) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    stage.send("/preset/load", "Aurora", 0.0, "now")


@pytest.mark.parametrize("phone", [(390, 844)], indirect=True, ids=["upright"])
def test_a_phone_has_picture_take_pads_macros_and_safety(phone: Visit, house: House, stage: Stage) -> None:
    page = phone.page
    stage.send("/preset/load", "Aurora")
    page.locator("#perform-tab").tap()
    for part in ("#picture", "#take", "#hand-hit", "#hand-blackout", ".bpm", ".tap"):
        assert page.locator(part).first.is_visible(), part
    pads = page.locator(".pad:visible")
    assert pads.count() == 8 and page.locator(".macro:visible").count() == 2
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.locator("#pads-half").tap()
    assert pads.first.get_attribute("data-pad") == "9"
    name = pads.first.get_attribute("data-preset")
    pads.first.tap()
    pad(phone, name, ".is-prepared")
    page.locator("#take").tap()
    pad(phone, name, ".is-on")
