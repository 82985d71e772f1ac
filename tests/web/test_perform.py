"""The perform view as it is played: pads, take, crossfader, macros, safety, lock; with mouse, keys
and fingers."""

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from engine.params.looks import LOOKS
from engine.web.preview import encode_preview
from tests.web.page_rig import LiveEngine, Visit

PALETTE = "/colour/palette"
OVERFLOWING = """() => [...document.querySelectorAll("#hands button, #mix button, .nudge")]
    .filter((each) => each.scrollWidth > each.clientWidth || each.scrollHeight > each.clientHeight)
    .map((each) => each.innerText)"""
COVERED = """() => [...document.querySelectorAll("#hands button, .nudge, #decks > .bar > button, [role=tab]")]
    .filter((each) => {
        const { x, y, width, height } = each.getBoundingClientRect();
        const onTop = document.elementFromPoint(x + width / 2, y + height / 2);
        return each.checkVisibility() && onTop !== each && !each.contains(onTop);
    })
    .map((each) => each.innerText)"""


@pytest.fixture
def perform(visit: Visit, live: LiveEngine) -> Iterator[Visit]:
    """The perform view, the look Aurora on the air and nothing prepared."""
    live.send("/launch/drop")
    live.send("/preset/load", "Aurora")
    live.send("/preset/prepare")
    live.send("/preset/take_fade", "0")
    visit.page.locator("#perform-tab").click()
    visit.page.locator('.pad.is-on[data-preset="Aurora"]').wait_for()
    visit.page.locator("#prepared.is-empty").wait_for()
    yield visit


def pad(visit: Visit, name: str, state: str = "") -> Any:
    found = visit.page.locator(f'.pad{state}[data-preset="{name}"]')
    found.wait_for()
    return found


def shows(live: LiveEngine, look: str) -> None:
    live.becomes(PALETTE, LOOKS[look][PALETTE])


def leave_beats(live: LiveEngine) -> None:
    """Slow the tempo to 3 s a beat, so that what waits for four bars from here on waits 24 s or
    longer."""
    live.send("/tempo/bpm", 20.0)
    pulse = live.engine._parts.control_hub.tempo.read_pulse
    live.until(lambda: pulse().bpm == 20.0, "a frame at this tempo")
    if pulse().beat % 16 >= 8:
        live.send("/tempo/reset")
        live.until(lambda: pulse().beat % 16 < 8, "a frame of the new count")


def test_a_tap_prepares_and_a_second_one_takes(perform: Visit, live: LiveEngine) -> None:
    assert perform.page.locator("#take").is_disabled()
    pad(perform, "Cathedral").click()
    pad(perform, "Cathedral", ".is-prepared")
    assert live.get(PALETTE) == LOOKS["Aurora"][PALETTE], "nothing has changed on screen"
    assert perform.page.locator("#prepared-name").inner_text() == "Cathedral"
    assert perform.page.locator("#take").is_enabled()
    pad(perform, "Cathedral").click()
    pad(perform, "Cathedral", ".is-on")
    shows(live, "Cathedral")
    pad(perform, "Aurora", ".is-prepared")  # the look that left
    perform.page.locator("#look-now", has_text="Cathedral").wait_for()
    perform.page.locator("#cut").click()
    shows(live, "Aurora")


def test_a_held_pad_flashes_its_look(perform: Visit, live: LiveEngine) -> None:
    perform.page.locator('.pad[data-preset="Mandala"]').hover()
    perform.page.mouse.down()
    shows(live, "Mandala")
    perform.page.mouse.up()
    shows(live, "Aurora")
    pad(perform, "Aurora", ".is-on")
    perform.page.locator("#prepared.is-empty").wait_for()  # a hold prepares nothing
    perform.page.mouse.down()
    shows(live, "Mandala")
    perform.page.evaluate("dispatchEvent(new Event('blur'))")  # another window comes to the front
    shows(live, "Aurora")


def test_a_tablet_has_all_that_a_wide_screen_has_and_no_word_leaves_its_button(
    perform: Visit, live: LiveEngine
) -> None:
    page = perform.page
    live.send("/master/strobe/enable", 1)
    live.send("/master/blackout", 1)
    page.locator("#hand-blackout", has_text="is on").wait_for()
    page.locator("#hand-strobe", has_text="is on").wait_for()
    for width in (1180, 1024, 870):
        page.set_viewport_size({"width": width, "height": 768})
        for part in (".nudge", ".section", "#hand-strobe", "#redo", "#still"):
            seen = page.locator(part).evaluate_all(
                "all => all.every((each) => each.checkVisibility())"
            )
            assert seen, (width, part)  # the section has no words before one is heard
        assert page.evaluate(OVERFLOWING) == [], width
        assert page.evaluate(COVERED) == [], width


def test_the_prepared_look_is_seen_in_motion(perform: Visit) -> None:
    page, sockets = perform.page, []
    page.route_web_socket("**/preview?picture=prepared*", lambda socket: sockets.append(socket))
    picture = encode_preview(np.full((90, 160, 4), 200, np.uint8))
    pad(perform, "Cathedral").click()
    perform.until(lambda: page.wait_for_timeout(20) or sockets, "somebody who watches")
    canvas = page.locator("#prepared-picture")
    count_before = canvas.get_attribute("data-pictures")
    sockets[0].send(picture)
    perform.until(lambda: canvas.get_attribute("data-pictures") != count_before, "a picture")
    assert canvas.is_hidden(), "the first one may still be that of the look before"
    sockets[0].send(picture)
    canvas.wait_for()
    pad(perform, "Mandala").click()
    canvas.wait_for(state="hidden")


def test_pads_are_played_with_keys_alone(perform: Visit, live: LiveEngine) -> None:
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
    shows(live, name)


def test_what_waits_for_its_beat_counts_down_and_is_taken_back(
    perform: Visit, live: LiveEngine
) -> None:
    page = perform.page
    leave_beats(live)
    page.locator("#quantise").select_option("4_bars")
    live.becomes("/launch/quantise", "4_bars")
    pad(perform, "Cathedral").click()
    pad(perform, "Cathedral", ".is-prepared").click()
    beats = pad(perform, "Cathedral", ".is-queued").locator(".beats").inner_text()
    assert 1 <= int(beats) <= 16
    page.locator(".beat .queue", has_text="Cathedral in").click()
    page.locator(".pad.is-queued").wait_for(state="detached")
    assert live.get(PALETTE) == LOOKS["Aurora"][PALETTE]


def test_transition_and_blend_are_chosen_beside_the_take(perform: Visit, live: LiveEngine) -> None:
    options = perform.page.locator("#transition option")
    options.filter(has_text="Wipe").wait_for(state="attached")
    assert options.all_inner_texts() == ["no transition", "Melt", "Through", "Wipe"]
    for name, item in (
        ("transition", "Melt"),
        ("transition", "dissolve"),
        ("blend", "screen"),
        ("blend", "dissolve"),
    ):
        perform.page.locator(f"#{name}").select_option(item)
        live.becomes(f"/preset/{name}", item)


def test_the_crossfader_fades_by_hand_and_back(perform: Visit, live: LiveEngine) -> None:
    pad(perform, "Cathedral").click()
    pad(perform, "Cathedral", ".is-prepared")
    fader = perform.page.locator("#crossfader [role=slider]")
    fader.press("PageUp")
    shows(live, "Cathedral")  # its values are there from the start; the picture mixes
    fader.press("Home")
    shows(live, "Aurora")
    fader.press("PageUp")
    fader.press("End")
    pad(perform, "Cathedral", ".is-on")
    pad(perform, "Aurora", ".is-prepared")


def test_macros_have_the_names_of_the_look_and_move_it(perform: Visit, live: LiveEngine) -> None:
    glow = perform.page.locator("#macros .macro").first
    assert glow.locator(".name").inner_text() == "Glow"
    glow.locator("[role=slider]").press("End")
    live.becomes("/post/bloom", 1.0)
    glow.locator("[role=slider]").press("Home")
    live.becomes("/post/bloom", 0.0)


def test_undo_and_redo_take_back_a_drag_and_a_look_also_those_of_others(
    perform: Visit, live: LiveEngine
) -> None:
    page = perform.page
    pad(perform, "Cathedral").click()
    pad(perform, "Cathedral").click()
    shows(live, "Cathedral")
    address, before = "/macro/1", live.get("/macro/1")
    box = page.locator("#macros .fader").first.bounding_box()
    page.mouse.move(box["x"] + 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + box["height"] / 2, steps=4)
    page.mouse.up()
    # later than its first steps
    live.until(lambda: live.get(address) > 0.85, "the end of the drag")
    moved = live.get(address)
    page.keyboard.press("Control+z")
    page.locator(".toast", has_text=f"undone: {address}").wait_for()
    live.becomes(address, before)
    page.locator("#undo").click()
    shows(live, "Aurora")
    pad(perform, "Aurora", ".is-on")
    page.keyboard.press("Control+y")
    shows(live, "Cathedral")
    page.keyboard.press("Meta+Shift+z")
    live.until(lambda: live.get(address) == moved, "the drag again")
    live.send("/layer/1/angle", 77.0)  # a controller's, undone here
    live.becomes("/layer/1/angle", 77.0)
    page.locator("#undo").click()
    live.until(lambda: live.get("/layer/1/angle") != 77.0, "the undo")


def test_strobe_camera_loop_and_still_have_their_controls(perform: Visit, live: LiveEngine) -> None:
    page = perform.page
    for is_on in (True, False):
        page.locator("#hand-strobe").click()
        live.becomes("/master/strobe/enable", is_on)
    for beats in (4, 0):
        page.locator("#camera-loop").select_option(str(beats))
        live.becomes("/camera/loop", beats)
    page.locator("#still").click()
    page.locator("#banks button", has_text="Presets 1").click()
    name = str(page.locator('.pad[data-preset^="Still"]').get_attribute("data-preset"))
    live.send("/preset/delete", name)
    live.send("/bank/remove", 1)
    pad(perform, "Aurora", ".is-on")


def test_blackout_and_panic_need_a_hold(perform: Visit, live: LiveEngine) -> None:
    page = perform.page
    page.locator("#hand-blackout").click()
    page.locator("#hand-panic").click()
    page.locator("#hand-freeze").click()
    live.becomes("/master/freeze", True)  # sent after them
    assert not live.get("/master/blackout") and live.get(PALETTE) == LOOKS["Aurora"][PALETTE]
    page.locator("#hand-blackout").hover()
    page.mouse.down()
    live.becomes("/master/blackout", True)
    page.mouse.up()
    page.locator("#preview.is-black").wait_for()
    page.locator("#hand-panic").hover()
    page.mouse.down()
    live.becomes(PALETTE, LOOKS["Eclipse"][PALETTE])
    page.mouse.up()
    panic = page.locator(".toast", has_text="Panic")
    panic.wait_for()
    for hand in ("hit", "freeze", "blackout", "panic"):
        page.locator(f"#hand-{hand}").click(trial=True)  # nothing lies over it
    panic.locator(".close").click()


def test_the_lock_leaves_the_strip_and_the_safety_buttons(perform: Visit, live: LiveEngine) -> None:
    page = perform.page
    page.locator("#lock").click()
    page.locator("body.is-locked").wait_for()
    assert page.evaluate("document.getElementById('pads').closest('[inert]') !== null")
    page.locator("#hand-freeze").click()
    live.becomes("/master/freeze", True)
    page.locator("#lock").click()
    assert page.locator("body.is-locked").count() == 1, "a tap does not unlock"
    page.locator("#lock").hover()
    page.mouse.down()
    page.locator("body:not(.is-locked)").wait_for()
    page.mouse.up()
    assert page.locator("[inert]").count() == 0


def test_the_lock_works_with_keys_and_stops_those_that_play(
    perform: Visit, live: LiveEngine
) -> None:
    page, lock = perform.page, perform.page.locator("#lock")
    live.send("/cue/set", 1, "Cathedral", 0.0, 0.0)
    page.locator("#cues-tab").click()
    page.locator("#cues li").wait_for()
    lock.press("Enter")
    page.locator("body.is-locked").wait_for()
    lock.evaluate("button => button.blur()")
    for key in (" ", "/", "p", "Shift+F"):
        page.keyboard.press(key)
    live.becomes("/master/freeze", True)  # sent after them
    assert live.get(PALETTE) == LOOKS["Aurora"][PALETTE], "space is not go"
    assert page.locator("#cues-panel").is_visible(), "and the tab stays"
    lock.focus()
    page.keyboard.down("Enter")
    page.locator("body:not(.is-locked)").wait_for()
    page.keyboard.up("Enter")
    assert page.locator("body.is-locked").count() == 0, "the end of a hold does not lock again"
    live.send("/cue/delete", 1)


def test_nothing_moves_while_a_look_waits_and_records(perform: Visit, live: LiveEngine) -> None:
    page = perform.page
    page.locator("#look-now", has_text="Aurora").wait_for()
    page.set_viewport_size({"width": 900, "height": 800})
    where = (
        "[document.getElementById('pads').getBoundingClientRect().top, "
        "document.documentElement.scrollWidth]"
    )
    before = page.evaluate(where)
    leave_beats(live)
    live.send("/preset/load", "Riso", 0.0, "4_bars")
    live.send("/sink/record/enable", True)
    page.locator("#rec").wait_for()
    page.locator(".queue").wait_for()
    assert page.evaluate(where) == before
    live.send("/launch/drop")
    live.send("/sink/record/enable", False)
    page.locator("#rec").wait_for(state="hidden")


def test_pads_are_moved_by_a_drag_and_edited(perform: Visit, live: LiveEngine) -> None:
    page = perform.page

    def write(field: str, text: str) -> None:
        page.locator(field).fill(text)
        page.locator(field).press("Tab")

    first = page.locator('.pad[data-pad="1"]').get_attribute("data-preset")
    sixth = page.locator('.pad[data-pad="6"]')
    page.locator("#pads-edit").click()
    page.locator('.pad[data-pad="1"]').drag_to(sixth)
    page.locator(f'.pad[data-pad="6"][data-preset="{first}"]').wait_for()
    sixth.press("Shift+ArrowRight")
    page.locator(f'.pad[data-pad="7"][data-preset="{first}"]').wait_for()
    page.keyboard.press("Shift+ArrowLeft")
    page.locator(f'.pad[data-pad="6"][data-preset="{first}"]').wait_for()
    page.locator("#pad-colour").fill("#ff0000")
    page.locator("#pad-colour").dispatch_event("change")
    pad_colour = "pad => pad.style.getPropertyValue('--pad')"
    live.until(lambda: sixth.evaluate(pad_colour) == "#ff0000", "the colour")
    write("#pad-preset", "Riso")
    page.locator('.pad[data-pad="6"][data-preset="Riso"]').wait_for()
    write("#bank-name", "Bank 3")
    page.locator("#banks button", has_text="Bank 3").wait_for()
    page.locator("#bank-add").click()
    page.locator(
        "#banks button[aria-pressed=true]", has_text="Bank 4"
    ).wait_for()  # the third: a name that is free
    live.send("/bank/remove", 3)
    live.send("/bank/shown", 1)
    page.locator("#banks button[aria-pressed=true]", has_text="Bank 3").wait_for()
    page.locator("#pad-empty").click()
    page.locator('.pad[data-pad="6"].is-empty').wait_for()
    page.locator("#pads-edit").click()
    assert page.locator("#pad-editor").is_hidden()
    sixth.click()
    page.locator("#hand-freeze").click()
    live.becomes("/master/freeze", True)  # sent after it
    assert page.locator(".toast.fail").count() == 0, "an empty pad is no failure"
    assert live.get(PALETTE) == LOOKS["Aurora"][PALETTE], "editing plays nothing"


def test_a_cue_is_now_only_until_another_look_is_on(perform: Visit, live: LiveEngine) -> None:
    page = perform.page
    live.send("/cue/set", 1, "Cathedral", 0.0, 0.0)
    live.send("/cue/set", 2, "Mandala", 0.0, 0.0)
    page.locator("#drawer-toggle").click()
    live.send("/cue/1")
    page.locator("#drawer-now", has_text="1 Cathedral").wait_for()
    page.locator("#drawer-next", has_text="2 Mandala").wait_for()
    page.locator("#drawer-go").click()
    page.locator("#drawer-now", has_text="2 Mandala").wait_for()
    live.send("/preset/load", "Aurora")
    page.locator("#drawer-now", has_text="no cue is on").wait_for()
    page.locator("#cues-tab").click()
    page.locator("#cue-now", has_text="Last: cue 2, Mandala").wait_for()
    live.send("/cue/delete", 1)
    live.send("/cue/delete", 2)
    page.locator("#perform-tab").click()
    page.locator("#drawer-toggle").click()


@pytest.mark.parametrize("phone", [(390, 844)], indirect=True, ids=["upright"])
def test_the_lock_ends_what_other_fingers_hold(phone: Visit, live: LiveEngine) -> None:
    page = phone.page
    live.send("/preset/load", "Aurora")
    live.send("/preset/prepare", "Cathedral")
    page.locator("#perform-tab").tap()
    pad(phone, "Cathedral", ".is-prepared")
    touch = page.context.new_cdp_session(page)

    def fingers(kind: str, *points: tuple[float, float]) -> None:
        touches = [{"x": x, "y": y, "id": at} for at, (x, y) in enumerate(points)]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})

    def centre_of(found: Any) -> tuple[float, float]:
        found.scroll_into_view_if_needed()
        box = found.bounding_box()
        return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    lock, fader = (
        centre_of(page.locator("#lock")),
        centre_of(page.locator("#macros [role=slider]").first),
    )
    ink, take = (
        centre_of(page.locator('.pad[data-preset="Mandala"]')),
        centre_of(page.locator("#take")),
    )
    live.becomes("/preset/crossfader", 0.0)
    before = live.get("/macro/1")
    fingers("touchStart", fader)
    fingers("touchStart", fader, ink)
    shows(live, "Mandala")  # held
    fingers("touchStart", fader, ink, take)
    fingers("touchStart", fader, ink, take, lock)
    page.locator("body.is-locked").wait_for()
    shows(live, "Aurora")  # the pad is released
    for step in range(1, 6):
        fingers("touchMove", (fader[0] + 20 * step, fader[1]), ink, take, lock)
    fingers("touchEnd")
    page.locator("#hand-freeze").tap()
    live.becomes("/master/freeze", True)  # sent after them
    assert live.get("/macro/1") == before
    assert live.get(PALETTE) == LOOKS["Aurora"][PALETTE], "no take"
    assert page.locator(".fader.is-held, .is-holding").count() == 0
    fingers("touchStart", lock)
    page.locator("body:not(.is-locked)").wait_for()  # the window is that of the next tests, too
    fingers("touchEnd")


@pytest.mark.parametrize("phone", [(390, 844)], indirect=True, ids=["upright"])
def test_a_swipe_that_begins_on_a_pad_is_no_press(phone: Visit, live: LiveEngine) -> None:
    page = phone.page
    live.send("/preset/load", "Aurora")
    live.send("/preset/prepare")
    page.locator("#perform-tab").tap()
    pad(phone, "Cathedral").tap()
    box = pad(phone, "Cathedral", ".is-prepared").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    touch = page.context.new_cdp_session(page)

    def finger(kind: str, *points: tuple[float, float]) -> None:
        touch.send(
            "Input.dispatchTouchEvent",
            {"type": kind, "touchPoints": [{"x": x, "y": y} for x, y in points]},
        )

    for along in ((0, 1), (1, 0)):  # one scrolls the page, the other nothing
        finger("touchStart", (x, y))
        for step in range(1, 7):
            finger("touchMove", (x + along[0] * 3 * step, y - along[1] * 3 * step))
        finger("touchEnd")
    page.evaluate("scrollTo(0, 0)")
    pad(phone, "Mandala").tap()
    pad(phone, "Mandala", ".is-prepared")  # heard after them
    assert live.get(PALETTE) == LOOKS["Aurora"][PALETTE]
    pad(phone, "Mandala").tap()
    pad(phone, "Mandala", ".is-on")


@pytest.mark.parametrize("phone", [(390, 844)], indirect=True, ids=["upright"])
def test_a_pad_without_its_shader_says_why(
    phone: Visit, live: LiveEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = phone.page
    live.send("/preset/load", "Cathedral")
    live.send("/preset/prepare")
    page.locator("#perform-tab").tap()
    page.locator("#prepared.is-empty").wait_for(state="attached")
    monkeypatch.setattr(
        live.engine._parts.control_hub.preset_control.faults,
        "_fault_of",
        lambda file: "Gone.fs: is missing",
    )
    aurora = pad(phone, "Aurora", ".is-faulty")
    assert aurora.get_attribute("aria-label").endswith(": Aurora (Gone.fs: is missing)")
    aurora.tap()
    page.locator("#prepared-fault", has_text="Gone.fs: is missing").wait_for()
    monkeypatch.undo()
    page.locator("#prepared-fault", has_text="Gone.fs").wait_for(state="detached")


@pytest.mark.parametrize("phone", [(360, 640)], indirect=True, ids=["upright"])
def test_a_phone_has_picture_take_pads_macros_safety_crossfader_and_the_beat(
    phone: Visit, live: LiveEngine
) -> None:
    page = phone.page
    live.send("/preset/load", "Aurora")
    live.send("/preset/prepare", "Cathedral")
    page.locator("#perform-tab").tap()
    page.locator("#prepared-name", has_text="Cathedral").wait_for(state="attached")
    for part in (
        "#picture",
        "#take",
        "#hand-hit",
        "#hand-strobe",
        "#hand-blackout",
        ".bpm",
        ".tap",
        "#redo",
        "#still",
    ):
        assert page.locator(part).first.is_visible(), part
    pads = page.locator(".pad:visible")
    assert pads.count() == 8 and page.locator(".macro:visible").count() == 2
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate(OVERFLOWING) == []
    leave_beats(live)
    live.send("/preset/load", "Riso", 0.0, "4_bars")
    assert page.locator("#look", has_text="Aurora").evaluate(
        "look => look.scrollWidth <= look.clientWidth"
    )
    page.locator(".queue").tap()
    page.locator(".queue").wait_for(state="hidden")
    live.send("/tempo/bpm", 90.0)
    page.locator(".bpm", has_text="90.0").wait_for()
    ones = live.get("/tempo/reset")
    for button, address, value in (
        ("double the tempo", "/tempo/bpm", 180.0),
        ("half the tempo", "/tempo/bpm", 90.0),
        ("the first of the bar", "/tempo/reset", ones + 1),
    ):
        page.get_by_role("button", name=button).tap()
        live.becomes(address, value)
    page.locator("#crossfader .fader").press("End")
    shows(live, "Cathedral")
    page.locator("#pads-half").tap()
    assert pads.first.get_attribute("data-pad") == "9"
    name = pads.first.get_attribute("data-preset")
    pads.first.tap()
    pad(phone, name, ".is-prepared")
    page.locator("#take").tap()
    pad(phone, name, ".is-on")


def test_one_switch_lets_the_autopilot_play_and_its_lamp_shows_that(
    perform: Visit, live: LiveEngine
) -> None:
    perform.page.locator("#autopilot").click()
    live.becomes("/autopilot/enable", True)
    live.send("/layer/1/angle", 5.0)
    perform.page.locator("#autopilot", has_text=re.compile(r"auto in \d+ s")).wait_for()
    live.send("/autopilot/enable", 0)
    perform.page.locator("#autopilot[aria-pressed=false]").wait_for()
