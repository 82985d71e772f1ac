"""The page in a real browser, against a real engine."""

import itertools
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import osc_schema
from engine.osc.decode import decode_packet
from osc_schema import ParamType
from tests.web.page_rig import LiveEngine, PageRig, Visit


@contextmanager
def all_areas_open(page: Any) -> Iterator[None]:
    """Open all areas of the page in this block only: each further picture and value would take the
    browser longer."""
    closed = page.evaluate_handle("[...document.querySelectorAll('details:not([open])')]")
    set_open = "([areas, isOpen]) => areas.forEach((area) => { area.open = isOpen })"
    page.evaluate(set_open, [closed, True])
    try:
        yield
    finally:
        page.evaluate(set_open, [closed, False])


def enter(field: Any, text: str) -> None:
    field.fill(text)
    field.press("Enter")


def test_every_parameter_has_a_control_labelled_with_its_address_and_named_in_its_group(
    visit: Visit,
) -> None:
    rows = visit.page.evaluate(
        """() => [...document.querySelectorAll(".control[data-address]")].map((row) => [row.dataset.address,
            row.querySelector(`[role=slider], [role=radiogroup], [role=switch], .pull, .draft, select, .text,
                [type=color]`)?.getAttribute("aria-label"),
            row.closest(".card").getAttribute("aria-label") ?? "", row.querySelector(".name").textContent])"""
    )
    assert sorted(row[:2] for row in rows) == sorted(
        [param.address] * 2 for param in osc_schema.PARAMS
    )
    names = {address: (group, name) for address, _, group, name in rows}
    assert names["/sam3/prompt/1"] == ("", "prompt 1")  # a number at the end: no group
    assert names["/sd/controlnet/1/scale"] == ("sd controlnet 1", "scale")
    assert names["/layer/5/matte_sync"] == ("layer 5", "matte sync")
    assert names["/audio/1/gain_db"] == ("audio 1", "gain")


def test_a_fader_moved_with_the_mouse_moves_the_engine_and_the_picture(
    visit: Visit, live: LiveEngine
) -> None:
    live.until(lambda: live.brightness > 8, "a bright picture")
    live.until(lambda: visit.picture_mean() > 8, "a bright picture on the page")
    visit.slider("/master/fade").scroll_into_view_if_needed()
    visit.grab("/master/fade")(-1.2)
    visit.page.mouse.up()
    live.becomes("/master/fade", 0.0)
    live.until(lambda: live.brightness == 0, "the picture to be black")
    live.until(lambda: visit.picture_mean() < 1, "the picture on the page to be black")
    assert visit.control("/master/fade").locator("input.number").input_value() == "0.000"


def test_the_keyboard_moves_a_fader_by_steps_and_turns_an_angle_on(
    visit: Visit, live: LiveEngine
) -> None:
    for address, key, value in (
        ("/layer/1/intensity", "ArrowRight", 0.465),
        ("/layer/1/intensity", "Shift+ArrowLeft", 0.4635),
        ("/layer/1/intensity", "PageDown", 0.3135),
        ("/layer/1/intensity", "End", 1.5),
        ("/layer/1/intensity", "Delete", 0.45),
        ("/layer/1/ratio", "Home", 0.0625),
        ("/layer/1/ratio", "PageUp", 0.0625 * 256**0.1),
        ("/layer/1/angle", "End", 180.0),
        ("/layer/1/angle", "ArrowRight", -176.4),
    ):
        visit.slider(address).press(key)
        live.becomes(address, pytest.approx(value, rel=1e-5))


def test_a_number_is_typed_after_enter_and_anything_else_is_refused(
    visit: Visit, live: LiveEngine
) -> None:
    visit.slider("/layer/1/angle").focus()
    visit.page.keyboard.press("Enter")
    visit.page.keyboard.type("-12.5")
    visit.page.keyboard.press("Enter")
    live.becomes("/layer/1/angle", -12.5)
    visit.page.keyboard.press("Enter")
    visit.page.keyboard.type("left")
    visit.page.keyboard.press("Enter")
    visit.page.locator(".toast.fail", has_text="is not a number").locator(".close").click()
    assert live.get("/layer/1/angle") == -12.5
    assert visit.control("/layer/1/angle").locator("input.number").input_value() == "-12.5"


def test_a_held_fader_ignores_other_changes_and_shows_them_on_release(
    visit: Visit, live: LiveEngine
) -> None:
    visit.control("/layer/1/curve")
    move = visit.grab("/layer/1/curve")
    move(-1.2)
    # the end of the fader: no later step of the mouse sends anything
    live.becomes("/layer/1/curve", 0.0)
    live.send("/layer/1/curve", 0.125)
    live.send("/layer/1/phase", 0.5)  # sent right after it
    visit.shows("/layer/1/phase", 0.5)
    assert visit.fader_value("/layer/1/curve") == 0.0
    visit.page.mouse.up()
    visit.shows("/layer/1/curve", 0.125)


def test_a_press_on_the_handle_changes_nothing_and_a_double_click_resets(
    visit: Visit, live: LiveEngine
) -> None:
    live.send("/layer/1/curve", 0.25)
    visit.shows("/layer/1/curve", 0.25)
    assert "is-changed" in visit.control("/layer/1/curve").get_attribute("class")
    version = live.engine.params.snapshot().version
    visit.grab("/layer/1/curve")
    visit.page.mouse.up()
    live.send("/layer/1/phase", 0.25)
    visit.shows("/layer/1/phase", 0.25)
    changes, _ = live.engine.params.changes_since(version)
    assert "/layer/1/curve" not in {change.address for change in changes}
    visit.slider("/layer/1/curve").dblclick(position={"x": 2, "y": 10})
    live.becomes("/layer/1/curve", 1.0)


def test_each_kind_of_control_sets_its_value_and_a_trigger_fires_once_a_press(
    visit: Visit, live: LiveEngine
) -> None:
    for address, act, value in (
        ("/multiverse/tone", lambda row: row.get_by_role("radio", name="soft").check(), "soft"),
        ("/region/mode", lambda row: row.locator("select").select_option("colour"), "colour"),
        ("/colour/palette", lambda row: row.get_by_role("radio", name="ember").check(), "ember"),
        ("/layer/1/mute", lambda row: row.get_by_role("switch").click(), True),
        (
            "/multiverse/blend",
            lambda row: row.locator(".stop-names").get_by_text("dodge").click(),
            3.0,
        ),
        ("/mirror/segments", lambda row: row.get_by_role("slider").press("ArrowUp"), 7),
        (
            "/sd/prompt",
            lambda row: enter(row.locator("textarea"), "a <b>glass</b> forest"),
            "a <b>glass</b> forest",
        ),
        ("/sink/record/file", lambda row: enter(row.locator("input"), "show.mp4"), "show.mp4"),
        (
            "/tempo/reset",
            lambda row: row.locator("button.pull").click(),
            live.get("/tempo/reset") + 1,
        ),
    ):
        act(visit.control(address))
        live.becomes(address, value)


def test_a_text_that_is_being_written_is_not_overwritten(visit: Visit, live: LiveEngine) -> None:
    field = visit.control("/sd/prompt").locator("textarea")
    field.fill("half a")
    live.send("/sd/prompt", "of another")
    live.send("/layer/1/curve", 0.5)
    visit.shows("/layer/1/curve", 0.5)
    assert field.input_value() == "half a"
    field.press("Escape")
    assert field.input_value() == "of another"


def test_blackout_has_a_button_and_a_key_and_shows_changes_by_others(
    visit: Visit, live: LiveEngine
) -> None:
    visit.page.locator("#blackout").click()
    live.until(lambda: live.brightness == 0 and live.get("/master/blackout"), "black")
    visit.page.locator("#blackout[aria-pressed=true]", has_text="blackout is on").wait_for()
    visit.page.keyboard.press("Shift+B")
    live.becomes("/master/blackout", False)
    visit.page.locator("#blackout[aria-pressed=false]").wait_for()
    live.send("/master/blackout", 1)
    visit.page.locator("#blackout[aria-pressed=true]").wait_for()


def test_panic_resets_the_look_and_can_be_undone(visit: Visit, live: LiveEngine) -> None:
    live.send("/layer/3/curve", 0.75)
    live.send("/multiverse/tone", "soft")
    visit.shows("/layer/3/curve", 0.75)
    visit.page.locator("#panic").click()
    live.until(
        lambda: live.get("/layer/3/curve") == 0.12 and live.get("/multiverse/tone") == "filmic",
        "the panic",
    )
    visit.shows("/layer/3/curve", 0.12)
    visit.page.locator(".toast button", has_text="undo").click()
    live.until(
        lambda: live.get("/layer/3/curve") == 0.75 and live.get("/multiverse/tone") == "soft",
        "the undo",
    )
    assert visit.fader_value("/layer/3/curve") == 0.75


def test_a_size_is_sent_when_it_is_confirmed_and_both_sides_at_once(
    visit: Visit, live: LiveEngine
) -> None:
    width, height = (visit.control(f"/engine/{side}") for side in ("width", "height"))
    seen: list[tuple[object, object]] = []

    def size() -> tuple[object, object]:
        now = live.engine.params.snapshot()
        seen.append((now["/engine/width"], now["/engine/height"]))
        return seen[-1]

    width.locator("select").select_option(label="4K, 3840 × 2160")
    assert (width.locator("input").input_value(), height.locator("input").input_value()) == (
        "3840",
        "2160",
    )
    assert height.locator(".apply").inner_text() == "apply: 580 × the pixels"
    width.locator("input").fill("400")
    height.locator("input").fill("200")
    live.send("/layer/1/phase", 0.5)
    visit.shows("/layer/1/phase", 0.5)
    assert size() == (160, 90), "and what was typed is still there"
    height.locator("input").press("Enter")
    live.until(lambda: size() == (400, 200), "the size")
    assert set(seen) == {(160, 90), (400, 200)}
    live.send("/engine/size", 160, 90)
    live.until(
        lambda: width.locator("input").input_value() == "160", "the size of before, on the page"
    )


def test_presets_are_saved_loaded_and_deleted(visit: Visit, live: LiveEngine) -> None:
    visit.page.locator("#presets-tab").click()
    visit.page.locator("#preset-fade").fill("0")
    live.send("/layer/1/curve", 0.5)
    live.becomes("/layer/1/curve", 0.5)
    visit.page.locator("#preset-name").fill("Bent")
    visit.page.locator("#preset-form button").click()
    item = visit.page.locator("#presets li[data-name=Bent]")
    item.wait_for()
    live.send("/layer/1/curve", 0.0)
    live.becomes("/layer/1/curve", 0.0)
    item.locator(".look").click()
    live.becomes("/layer/1/curve", 0.5)
    # At once: it stops asking after a few seconds, which may be over between two clicks.
    twice = "button => [button.click(), button.textContent, button.click()][1]"
    assert item.get_by_label("delete the preset").evaluate(twice) == "really delete?"
    item.wait_for(state="detached")
    visit.page.locator(".toast", has_text="was deleted").locator("button", has_text="undo").click()
    item.wait_for()
    live.send("/preset/delete", "Bent")
    item.wait_for(state="detached")
    visit.page.locator("#restore-name").fill("Bent")
    visit.page.locator("#restore-name").press("Enter")
    item.wait_for()
    live.send("/preset/delete", "Bent")
    item.wait_for(state="detached")


def test_cues_are_added_played_edited_and_deleted(visit: Visit, live: LiveEngine) -> None:
    page = visit.page
    page.locator("#cues-tab").click()
    page.locator("#cue-fade").fill("0")
    for name in ("VAV original", "default"):
        page.locator("#cue-preset").fill(name)
        page.locator("#cue-form button").click()
        page.locator(f"#cues li:has(input[value='{name}'])").wait_for()
    page.locator("body").click(position={"x": 5, "y": 400})
    page.keyboard.press("Space")
    page.locator("#cue-now", has_text="cue 1, VAV original").wait_for()
    live.becomes("/multiverse/bias", 0.5)
    assert page.locator("#cue-next").inner_text() == "Next: cue 2, default"
    row = page.locator("#cues li").nth(1)
    row.locator("input").nth(2).fill("7")
    row.locator("input").nth(2).blur()
    page.locator("#cues li").nth(1).locator("input[value='7']").wait_for()
    note = page.locator("#cues li").nth(1).locator(".cue-note input")
    note.fill("when she lifts the guitar")
    note.press("Enter")
    page.locator("#cues input[value='when she lifts the guitar']").wait_for()
    page.locator("#cue-go").click()
    live.becomes("/multiverse/bias", 0)
    for _ in range(2):
        count = page.locator("#cues li").count()
        page.locator("#cues .quiet").first.click()
        page.locator("#cues .quiet", has_text="really").click()
        live.until(
            lambda count=count: page.locator("#cues li").count() == count - 1, "the cue to go"
        )


def test_a_control_is_learnt_by_touching_it_and_moving_a_knob(
    visit: Visit, live: LiveEngine
) -> None:
    page = visit.page
    page.locator("#learn").click()
    visit.slider("/layer/2/curve").click(position={"x": 100, "y": 10})
    page.locator("#learn-line", has_text="/layer/2/curve").wait_for()
    assert live.get("/layer/2/curve") == 0.16, "a press chooses and moves nothing"
    turns = itertools.cycle((0.1, 0.3, 0.5, 0.7, 0.9))
    toast = page.locator(".toast", has_text="/knob/7")
    live.until(
        lambda: (live.send("/knob/7", next(turns)), toast.count())[1], "the knob to be learnt"
    )
    live.send("/layer/3/curve", 0.5)
    # its last turns have arrived: the next lesson does not hear them
    live.becomes("/layer/3/curve", 0.5)
    page.locator("#cues-tab").click()
    page.locator("#cue-go").click()
    page.locator("#learn-line", has_text="/cue/go").wait_for()
    page.keyboard.press("Escape")
    assert page.locator("#learn-banner").is_hidden()
    page.locator("#play-tab").click()
    live.until(
        lambda: (
            live.send("/knob/7", 0.0),
            live.send("/knob/7", 1.0),
            live.get("/layer/2/curve") == 1,
        )[2],
        "it",
    )
    assert visit.control("/layer/2/curve").get_attribute("data-mapped") == "osc /knob/7"
    page.locator("#mapping-tab").click()
    row = page.locator("#maps li", has_text="/knob/7")
    row.locator("input").nth(1).fill("0.25")
    row.locator("input").nth(1).blur()
    live.until(
        lambda: (live.send("/knob/7", 1.0), live.get("/layer/2/curve") == 0.25)[1],
        "the smaller range",
    )
    row.locator("input[value='0.25']").wait_for()
    row.locator("select").select_option("toggle")
    row.locator("[aria-label^=curve]").wait_for(state="detached")
    row.locator(".quiet").click()
    page.locator("#maps .quiet", has_text="really").click()
    row.wait_for(state="detached")


OUT_OF_SIGHT = """names => names.filter((name) => {
    const { top, bottom } = document.getElementById(name).getBoundingClientRect();
    return top < 0 || bottom > innerHeight || bottom - top < 20;
})"""
NEEDED_IN_THE_DARK = ("blackout", "freeze", "panic")
NEEDED_TO_PERFORM = ("take", "hand-hit", "hand-freeze", "hand-blackout", "hand-panic")


def assert_safety_controls_stay_in_sight(page: Any) -> None:
    """Assert that the safety controls are visible on every tab, at its top and end, and nothing
    scrolls sideways."""
    with all_areas_open(page):
        for tab in page.locator("#tabs [role=tab]:visible").all():
            tab.click()
            is_perform = tab.get_attribute("data-panel") == "perform"
            for end in ("0", "document.documentElement.scrollHeight"):
                page.evaluate(f"scrollTo(0, {end})")
                needed = NEEDED_TO_PERFORM if is_perform else NEEDED_IN_THE_DARK
                assert page.evaluate(OUT_OF_SIGHT, needed) == [], (tab.inner_text(), end)
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (
                tab.inner_text()
            )
            page.evaluate("scrollTo(0, 0)")


def test_safety_controls_never_scroll_away(visit: Visit) -> None:
    assert_safety_controls_stay_in_sight(visit.page)


def test_page_and_engine_encode_messages_identically_and_the_page_rejects_invalid_osc(
    visit: Visit,
) -> None:
    """For every type that the page supports, page and engine decode and encode the same packet."""
    packet, tags, colour, refused = visit.page.evaluate(
        """async () => {
            const { encodeMessage, decodePacket, BANG } = await import("/page/osc.js");
            const { encodeValue } = await import("/page/values.js");
            const values = [-7, 0.5, "Füße", new Uint8Array([1, 2, 3]), 2n ** 40n, 1 / 3, true, false, null, BANG,
                new Uint8Array([0, 0x90, 60, 127])];
            const packet = encodeMessage("/a/b", "ifsbhdTFNIm", values);
            const [message] = decodePacket(packet);
            const same = message.args.every((value, index) => String(value) === String(values[index]));
            const again = encodeMessage(message.address, message.tags, message.args);
            const wrong = [[], [47], [47, 97, 98, 99], [47, 97, 0, 0, 44, 105, 0, 0], [47, 97, 0, 0, 44, 113, 0, 0],
                [47, 97, 0, 0, 44, 98, 0, 0, 127, 255, 255, 255], [65, 0, 0, 0], [35, 98, 117, 110]];
            const refused = wrong.filter((bytes) => {
                try { decodePacket(new Uint8Array(bytes)); } catch (error) { return error instanceof RangeError; }
            });
            return [[...packet], same && String(again) === String(packet) ? message.tags : "different",
                [...encodeValue({ address: "/c", type: "colour" }, [1, 0.5, 0, 0.25])], refused.length];
        }"""
    )
    message = decode_packet(bytes(packet))
    assert tags == message.type_tags == "ifsbhdTFNIm"
    assert message.address == "/a/b"
    number, half, text, blob, large, third, yes, no, nothing, _, midi = message.args
    assert (number, half, text, blob, large, third) == (-7, 0.5, "Füße", b"\1\2\3", 2**40, 1 / 3)
    assert (yes, no, nothing, tuple(midi)) == (True, False, None, (0, 0x90, 60, 127))
    assert decode_packet(bytes(colour)).args == (1.0, 0.5, 0.0, 0.25)
    assert all(param.type is not ParamType.COLOUR for param in osc_schema.PARAMS), (
        "then its control can be played here"
    )
    assert refused == 8


def test_a_browser_without_the_token_shows_the_reason(rig: PageRig, live: LiveEngine) -> None:
    visit = rig.visit()
    visit.page.route(
        live.engine.page_url,
        lambda route: (
            route.fulfill(status=401)
            if route.request.resource_type == "fetch"
            else route.continue_()
        ),
    )
    visit.page.goto(live.engine.page_url)
    visit.page.wait_for_selector("body[data-state=refused]")
    assert "token" in visit.page.locator("#banner").inner_text()
    visit.close()


def test_the_page_retries_if_the_engine_accepts_but_never_answers(
    rig: PageRig, live: LiveEngine
) -> None:
    visit = rig.visit()
    visit.page.add_init_script(  # the browser's request timeout, twenty times as fast
        "const timeout = AbortSignal.timeout.bind(AbortSignal); AbortSignal.timeout = (ms) => "
        "timeout(ms / 20);"
    )
    requests: list[Any] = []
    visit.page.route(
        live.engine.page_url,
        lambda route: (
            route.continue_()
            if route.request.resource_type != "fetch" or requests
            else requests.append(route.request)
        ),
    )
    visit.open()
    assert len(requests) == 1, "it was left without an answer"
    visit.close()


@pytest.mark.parametrize(
    "phone", [(360, 640), (844, 390)], ids=["upright", "on its side"], indirect=True
)
def test_safety_controls_never_scroll_away_on_a_phone(phone: Visit) -> None:
    assert_safety_controls_stay_in_sight(phone.page)


def test_a_touch_moves_a_fader_relative_to_its_position(phone: Visit, live: LiveEngine) -> None:
    slider = phone.slider("/layer/1/intensity")
    live.send("/layer/1/intensity", 1.1)
    phone.shows("/layer/1/intensity", 1.1)
    box = slider.bounding_box()
    x, y = box["x"] + 0.1 * box["width"], box["y"] + box["height"] / 2
    touch = phone.page.context.new_cdp_session(phone.page)

    def finger(kind: str, *points: float) -> None:
        touch.send(
            "Input.dispatchTouchEvent",
            {"type": kind, "touchPoints": [{"x": at, "y": y} for at in points]},
        )

    finger("touchStart", x)
    finger("touchEnd")
    finger("touchStart", x)
    for step in range(1, 11):
        finger("touchMove", x + 0.02 * step * box["width"])
    live.becomes("/layer/1/intensity", pytest.approx(1.4, abs=0.02))
    finger("touchEnd")
    changes = live.engine.params.changes_since(0)[0]
    assert min(change.value for change in changes if change.address == "/layer/1/intensity") > 1


def test_the_page_reconnects_to_a_restarted_engine_and_gets_missed_values(
    rig: PageRig, live: LiveEngine
) -> None:
    visit = rig.visit()
    lost: list[Any] = []
    visit.page.route(
        "**/looks.json",
        lambda route: route.continue_() if lost else (lost.append(route.request), route.abort()),
    )
    visit.open("?token=secret")
    assert "secret" not in visit.page.url
    section = visit.page.locator(".section", has_text=re.compile("quiet|build|drop|break"))
    section.wait_for()
    visit.page.locator("#presets-tab").click()
    visit.page.locator("#presets li").first.wait_for()
    assert visit.page.locator("#presets img[src*=looks]").count() == 0, (
        "a connection that broke at this moment"
    )
    live.stop()
    visit.page.wait_for_selector("body[data-state=gone]")
    assert section.count() == 0, "what was heard"
    assert "No connection to the engine" in visit.page.locator("#banner").inner_text()
    live.start()
    live.send("/layer/1/curve", 0.625)
    visit.page.wait_for_selector("body[data-state=connected]")
    assert visit.page.locator("#banner").is_hidden()
    section.wait_for()
    visit.page.locator("#presets img").nth(7).wait_for()
    visit.page.locator("#play-tab").click()
    visit.shows("/layer/1/curve", 0.625)
    visit.close()
