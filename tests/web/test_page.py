"""The page in a real browser, against a real engine."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import osc_schema
from engine.osc import decode_packet
from osc_schema import ParamType
from tests.support.long_form import in_long_form
from tests.web.page_stage import House, Stage, Visit


@contextmanager
def all_areas_open(page: Any) -> Iterator[None]:
    """Every further picture and value would take the browser longer if they stayed open."""
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


def test_every_parameter_has_a_control_labelled_with_its_address_and_named_in_its_group(visit: Visit) -> None:
    rows = visit.page.evaluate(
        """() => [...document.querySelectorAll(".control[data-address]")].map((row) => [row.dataset.address,
            row.querySelector(`[role=slider], [role=radiogroup], [role=switch], .pull, .draft, select, .text,
                [type=color]`)?.getAttribute("aria-label"),
            row.closest(".card").getAttribute("aria-label") ?? "", row.querySelector(".name").textContent])"""
    )
    assert sorted(row[:2] for row in rows) == sorted([param.address] * 2 for param in osc_schema.PARAMS)
    names = {address: (group, name) for address, _, group, name in rows}
    plain = [address for address, (group, _) in names.items() if address.startswith("/sam3/") and not group]
    assert plain == [p.address for p in osc_schema.PARAMS if p.address.startswith("/sam3/")]
    for address, group, name in (
        *((f"/sam3/prompt/{n}", "", f"prompt {n}") for n in range(1, 5)),  # a number at the end: no group
        ("/sd/controlnet/1/scale", "sd controlnet 1", "scale"),
        ("/layer/5/matte_sync", "layer 5", "matte sync"),
        ("/audio/1/gain_db", "audio 1", "gain"),
        ("/sd/prompt", "", "prompt"),
    ):
        assert names[address] == (group, name)


def test_a_fader_moved_with_the_mouse_moves_the_engine_and_the_picture(visit: Visit, stage: Stage) -> None:
    stage.until(lambda: stage.brightness > 20, "a bright picture")
    stage.until(lambda: visit.picture_mean() > 20, "a bright picture on the page")
    visit.slider("/master/fade").scroll_into_view_if_needed()
    visit.grab("/master/fade")(-1.2)
    visit.page.mouse.up()
    stage.becomes("/master/fade", 0.0)
    stage.until(lambda: stage.brightness == 0, "the picture to be black")
    stage.until(lambda: visit.picture_mean() < 1, "the picture on the page to be black")
    assert visit.control("/master/fade").locator("input.number").input_value() == "0.000"


def test_the_keyboard_moves_a_fader_by_hundredths_and_home(visit: Visit, stage: Stage) -> None:
    slider = visit.slider("/layer/1/intensity")
    slider.focus()
    for key, value in (
        ("ArrowRight", 0.315),
        ("Shift+ArrowLeft", 0.3135),
        ("PageDown", 0.1635),
        ("End", 1.5),
        ("Home", 0.0),
        ("Delete", 0.3),
    ):
        visit.page.keyboard.press(key)
        stage.becomes("/layer/1/intensity", pytest.approx(value, abs=1e-5))
        visit.shows("/layer/1/intensity", pytest.approx(value, abs=1e-4))


def test_a_number_is_typed_after_enter_and_anything_else_is_refused(visit: Visit, stage: Stage) -> None:
    visit.slider("/layer/1/angle").focus()
    visit.page.keyboard.press("Enter")
    visit.page.keyboard.type("-12.5")
    visit.page.keyboard.press("Enter")
    stage.becomes("/layer/1/angle", -12.5)
    visit.page.keyboard.press("Enter")
    visit.page.keyboard.type("left")
    visit.page.keyboard.press("Enter")
    visit.page.locator(".toast.fail", has_text="is not a number").locator(".close").click()
    assert stage.get("/layer/1/angle") == -12.5
    assert visit.control("/layer/1/angle").locator("input.number").input_value() == "-12.5"


def test_an_exponential_fader_multiplies_and_an_angle_wraps(visit: Visit, stage: Stage) -> None:
    visit.slider("/layer/1/ratio").focus()
    visit.page.keyboard.press("Home")
    for _ in range(5):
        visit.page.keyboard.press("PageUp")
    stage.becomes("/layer/1/ratio", pytest.approx(1.0, rel=1e-5))
    visit.slider("/layer/1/angle").focus()
    visit.page.keyboard.press("End")
    visit.page.keyboard.press("ArrowRight")
    stage.becomes("/layer/1/angle", pytest.approx(-176.4, abs=1e-3))


def test_a_held_fader_ignores_other_changes_and_shows_them_on_release(visit: Visit, stage: Stage) -> None:
    visit.control("/layer/1/curve")
    move = visit.grab("/layer/1/curve")
    move(0.5)
    stage.until(lambda: stage.get("/layer/1/curve") > 0.4, "the hand to arrive")
    held = visit.shown("/layer/1/curve")
    stage.send("/layer/1/curve", 0.125)
    stage.send("/layer/1/phase", 0.5)  # sent right after it
    visit.shows("/layer/1/phase", 0.5)
    assert visit.shown("/layer/1/curve") == held
    visit.page.mouse.up()
    visit.shows("/layer/1/curve", 0.125)


def test_a_press_on_the_handle_changes_nothing_and_a_double_click_brings_the_default(
    visit: Visit, stage: Stage
) -> None:
    stage.send("/layer/1/curve", 0.25)
    visit.shows("/layer/1/curve", 0.25)
    assert "is-changed" in visit.control("/layer/1/curve").get_attribute("class")
    version = stage.engine.params.snapshot().version
    visit.grab("/layer/1/curve")
    visit.page.mouse.up()
    stage.send("/layer/1/phase", 0.25)
    visit.shows("/layer/1/phase", 0.25)
    changes, _ = stage.engine.params.changes_since(version)
    assert "/layer/1/curve" not in {change.address for change in changes}
    visit.slider("/layer/1/curve").dblclick(position={"x": 2, "y": 10})
    stage.becomes("/layer/1/curve", 1.0)


def test_each_kind_of_control_sets_its_value_and_a_trigger_fires_once_a_press(visit: Visit, stage: Stage) -> None:
    for address, act, value in (
        ("/multiverse/tone", lambda row: row.get_by_role("radio", name="soft").check(), "soft"),
        ("/region/mode", lambda row: row.locator("select").select_option("colour"), "colour"),
        ("/colour/palette", lambda row: row.get_by_role("radio", name="ember").check(), "ember"),
        ("/layer/1/mute", lambda row: row.get_by_role("switch").click(), True),
        ("/multiverse/blend", lambda row: row.locator(".stop-names").get_by_text("dodge").click(), 3.0),
        ("/mirror/segments", lambda row: row.get_by_role("slider").press("ArrowUp"), 7),
        ("/sd/prompt", lambda row: enter(row.locator("textarea"), "a <b>glass</b> forest"), "a <b>glass</b> forest"),
        ("/sink/record/file", lambda row: enter(row.locator("input"), "show.mp4"), "show.mp4"),
        ("/tempo/reset", lambda row: row.locator("button.pull").click(), stage.get("/tempo/reset") + 1),
    ):
        act(visit.control(address))
        stage.becomes(address, value)


def test_each_palette_shows_its_colours(visit: Visit) -> None:
    seen = visit.control("/colour/palette").evaluate(
        "row => [...row.querySelectorAll('label')].map(label => [label.textContent,"
        " ...[...label.querySelectorAll('b')].map(part => getComputedStyle(part).backgroundColor)])"
    )
    palette = osc_schema.lookup("/colour/palette")
    assert seen == [
        [name, *("rgb({}, {}, {})".format(*bytes.fromhex(colour[1:])) for colour in colours)]
        for name, colours in zip(palette.menu, palette.swatches, strict=True)
    ]


def test_a_text_that_is_being_written_is_not_overwritten(visit: Visit, stage: Stage) -> None:
    field = visit.control("/sd/prompt").locator("textarea")
    field.fill("half a")
    stage.send("/sd/prompt", "of another")
    stage.send("/layer/1/curve", 0.5)
    visit.shows("/layer/1/curve", 0.5)
    assert field.input_value() == "half a"
    field.press("Escape")
    assert field.input_value() == "of another"


def test_blackout_has_a_button_and_a_key_and_shows_changes_by_others(visit: Visit, stage: Stage) -> None:
    visit.page.locator("#blackout").click()
    stage.until(lambda: stage.brightness == 0 and stage.get("/master/blackout"), "black")
    visit.page.locator("#blackout[aria-pressed=true]", has_text="blackout is on").wait_for()
    visit.page.keyboard.press("Shift+B")
    stage.becomes("/master/blackout", False)
    visit.page.locator("#blackout[aria-pressed=false]").wait_for()
    stage.send("/master/blackout", 1)
    visit.page.locator("#blackout[aria-pressed=true]").wait_for()


def test_panic_resets_the_look_and_can_be_undone(visit: Visit, stage: Stage) -> None:
    stage.send("/layer/3/curve", 0.75)
    stage.send("/multiverse/tone", "soft")
    visit.shows("/layer/3/curve", 0.75)
    visit.page.locator("#panic").click()
    stage.until(lambda: stage.get("/layer/3/curve") == 0.1 and stage.get("/multiverse/tone") == "filmic", "the panic")
    visit.shows("/layer/3/curve", 0.1)
    visit.page.locator(".toast button", has_text="undo").click()
    stage.until(lambda: stage.get("/layer/3/curve") == 0.75 and stage.get("/multiverse/tone") == "soft", "the undo")
    assert visit.shown("/layer/3/curve") == 0.75


WORDS = {
    "turn layer clockwise": "/layer/1/angle /layer/2/angle /layer/3/angle /layer/4/angle",
    "color": "/colour/mode /colour/palette /colour/base_hue /colour/scheme",
    "speed": "/tempo/bpm /lfo/1/rate_hz /engine/fps",
    "strobe": "/lfo/1/shape /mod/1/source",
    "glow": "/multiverse/brightness /layer/1/line_glow /feedback/amount",
    "smooth": "/mod/1/release_ms /audio/1/decay_ms",
    "trails": "/feedback/amount",
    "spin": "/layer/1/angle /feedback/rotate",
    "webcam": "/layer/5/source /sd/source",
    "mic volume": "/audio/1/gain_db",
    "ai prompt": "/sd/prompt /sam3/prompt/1",
    "cutout": "/layer/5/matte",
    "transpose": "/rvc/pitch",
    "4k resolution": "/engine/width /engine/height",
    "rate_hz": "/lfo/1/rate_hz",
}


def test_the_search_shows_the_controls_that_have_all_its_words_or_common_synonyms(visit: Visit) -> None:
    for word, addresses in WORDS.items():
        visit.page.locator("#search").fill(word)
        found = visit.page.evaluate(
            """() => [...document.querySelectorAll(".control[data-address]")].filter((row) => row.checkVisibility())
                .map((row) => row.dataset.address)"""
        )
        assert set(addresses.split()) <= set(found) and len(found) < 40, word
    visit.page.locator("#search").fill("")


def test_a_size_is_sent_when_it_is_confirmed_and_both_sides_at_once(visit: Visit, stage: Stage) -> None:
    width, height = (visit.control(f"/engine/{side}") for side in ("width", "height"))
    seen: list[tuple[object, object]] = []

    def size() -> tuple[object, object]:
        now = stage.engine.params.snapshot()
        seen.append((now["/engine/width"], now["/engine/height"]))
        return seen[-1]

    assert width.get_by_role("slider").count() == 0, "nothing is sent on the way"
    width.locator("select").select_option(label="4K, 3840 × 2160")
    assert (width.locator("input").input_value(), height.locator("input").input_value()) == ("3840", "2160")
    assert height.locator(".apply").inner_text() == "apply: 580 × the pixels"
    width.locator("input").press("Escape")
    height.locator("input").press("Escape")
    assert width.locator(".apply").is_disabled() and size() == (160, 90)
    width.locator("input").fill("400")
    height.locator("input").fill("200")
    stage.send("/layer/1/phase", 0.5)
    visit.shows("/layer/1/phase", 0.5)
    assert size() == (160, 90), "and what was typed is still there"
    height.locator("input").press("Enter")
    stage.until(lambda: size() == (400, 200), "the size")
    assert set(seen) == {(160, 90), (400, 200)}
    stage.send("/engine/size", 160, 90)
    stage.until(lambda: width.locator("input").input_value() == "160", "the size of before, on the page")
    assert width.locator(".apply").is_disabled()


def test_presets_are_saved_loaded_and_deleted(visit: Visit, stage: Stage) -> None:
    visit.page.locator("#presets-tab").click()
    visit.page.locator("#preset-fade").fill("0")
    stage.send("/layer/1/curve", 0.5)
    stage.becomes("/layer/1/curve", 0.5)
    visit.page.locator("#preset-name").fill("Bent")
    visit.page.locator("#preset-form button").click()
    item = visit.page.locator("#presets li[data-name=Bent]")
    item.wait_for()
    stage.send("/layer/1/curve", 0.0)
    stage.becomes("/layer/1/curve", 0.0)
    item.locator(".look").click()
    stage.becomes("/layer/1/curve", 0.5)
    # At once: it stops asking after a few seconds, which may be over between two clicks.
    twice = "button => [button.click(), button.textContent, button.click()][1]"
    assert item.get_by_label("delete the preset").evaluate(twice) == "really delete?"
    item.wait_for(state="detached")
    visit.page.locator(".toast", has_text="was deleted").locator("button", has_text="undo").click()
    item.wait_for()
    stage.send("/preset/delete", "Bent")
    item.wait_for(state="detached")
    visit.page.locator("#restore-name").fill("Bent")
    visit.page.locator("#restore-name").press("Enter")
    item.wait_for()
    visit.page.once("dialog", lambda dialog: dialog.accept("Bent twice"))
    item.locator(".quiet", has_text="rename").click()
    item.wait_for(state="detached")
    stage.send("/preset/delete", "Bent twice")
    visit.page.locator("#presets li[data-name='Bent twice']").wait_for(state="detached")


def test_a_look_keeps_the_focus_when_another_is_saved_elsewhere(visit: Visit, stage: Stage) -> None:
    page = visit.page
    page.locator("#presets-tab").click()
    look = page.locator("#presets li[data-name='Mandala'] .look")
    look.focus()
    stage.send("/preset/save", "ahead of it")  # alphabetically
    picture = page.locator("#presets li[data-name='ahead of it'] img")
    picture.scroll_into_view_if_needed()  # it is loaded when it scrolls into view
    stage.until(lambda: picture.evaluate("img => img.complete"), "its picture: else it is asked for when it is gone")
    assert look.evaluate("look => look === document.activeElement")
    stage.send("/preset/delete", "ahead of it")
    page.locator("#presets li[data-name='ahead of it']").wait_for(state="detached")
    assert look.evaluate("look => look === document.activeElement")


def test_cues_are_added_played_edited_and_deleted(visit: Visit, stage: Stage) -> None:
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
    stage.becomes("/multiverse/bias", 0.5)
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
    stage.becomes("/multiverse/bias", 0)
    for _ in range(2):
        count = page.locator("#cues li").count()
        page.locator("#cues .quiet").first.click()
        page.locator("#cues .quiet", has_text="really").click()
        stage.until(lambda count=count: page.locator("#cues li").count() == count - 1, "the cue to go")


def test_a_control_is_learnt_by_touching_it_and_moving_a_knob(visit: Visit, stage: Stage) -> None:
    page = visit.page
    page.locator("#learn").click()
    visit.slider("/layer/2/curve").click(position={"x": 100, "y": 10})
    page.locator("#learn-line", has_text="/layer/2/curve").wait_for()
    assert stage.get("/layer/2/curve") == 0.16, "a press chooses and moves nothing"
    turns = itertools.cycle((0.1, 0.3, 0.5, 0.7, 0.9))
    toast = page.locator(".toast", has_text="/knob/7")
    stage.until(lambda: (stage.send("/knob/7", next(turns)), toast.count())[1], "the knob to be learnt")
    page.locator("#cues-tab").click()
    page.locator("#cue-go").click()
    page.locator("#learn-line", has_text="/cue/go").wait_for()
    page.keyboard.press("Escape")
    assert page.locator("#learn-banner").is_hidden()
    page.locator("#play-tab").click()
    stage.until(
        lambda: (stage.send("/knob/7", 0.0), stage.send("/knob/7", 1.0), stage.get("/layer/2/curve") == 1)[2], "it"
    )
    assert visit.control("/layer/2/curve").get_attribute("data-mapped") == "osc /knob/7"
    page.locator("#mapping-tab").click()
    row = page.locator("#maps li", has_text="/knob/7")
    row.locator("input").nth(1).fill("0.25")
    row.locator("input").nth(1).blur()
    stage.until(lambda: (stage.send("/knob/7", 1.0), stage.get("/layer/2/curve") == 0.25)[1], "the smaller range")
    row.locator("input[value='0.25']").wait_for()
    row.locator("select").select_option("toggle")
    row.locator("[aria-label^=curve]").wait_for(state="detached")
    stage.send("/map/learn", "/layer/3/curve")
    for value in (1, 1, 1, 127):
        stage.send("/control", 1, 16, value)
    encoder = page.locator("#maps li", has_text="midi 1 cc 16")
    assert encoder.locator("select").input_value() == "twos"
    encoder.locator("[aria-label^=ticks]").fill("0")
    encoder.locator("[aria-label^=ticks]").blur()
    page.locator(".toast", has_text="ticks: 0 is outside").wait_for()
    stage.until(
        lambda: encoder.locator("[aria-label^=ticks]").input_value() == "127", "what holds, not what was refused"
    )
    row.locator(".quiet").click()
    page.locator("#maps .quiet", has_text="really").click()
    row.wait_for(state="detached")


CONTRAST = """
    const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
    const light = (rgb) => {
        const [red, green, blue] = rgb.map((part) => part / 255)
            .map((part) => (part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const groundOf = (element) => {
        for (let at = element; at; at = at.parentElement) {
            const [red, green, blue, alpha = 1] = parts(getComputedStyle(at).backgroundColor);
            if (alpha === 1) return [red, green, blue];
        }
        return [255, 255, 255];
    };
    const contrast = (colour, ground) => {
        const [above, below] = [parts(colour).slice(0, 3), ground].map(light).sort((one, other) => other - one);
        return (above + 0.05) / (below + 0.05);
    };
    const shown = (selector) => [...document.body.querySelectorAll(selector)].filter((part) => part.checkVisibility());
"""
TEXTS = f"""() => {{ {CONTRAST}
    const hasText = (element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    return shown("*").filter(hasText)
        .map((part) => [contrast(getComputedStyle(part).color, groundOf(part)), part.outerHTML.slice(0, 80)]);
}}"""
EDGES = f"""() => {{ {CONTRAST}
    const edgeOf = (style) => (style.boxShadow === "none" ? style.borderTopColor : style.boxShadow.split(")")[0]);
    const fields = "input:not([type=radio], [type=checkbox], .number), textarea, select:not(.copy), .choices, .rail";
    const stands = (part) => contrast(edgeOf(getComputedStyle(part)), groundOf(part.parentElement));
    return shown(fields).map((part) => [stands(part), part.outerHTML.slice(0, 80)]);
}}"""


def test_every_text_has_enough_contrast_and_every_field_and_rail_a_visible_edge(visit: Visit) -> None:
    page = visit.page
    with all_areas_open(page):
        assert len(page.evaluate(EDGES)) > 100
        for tab in page.locator("#tabs [role=tab]:visible").all():
            tab.click()
            texts, edges = page.evaluate(TEXTS), page.evaluate(EDGES)
            assert len(texts) > 20
            assert min(texts)[0] >= 5, min(texts)
            assert min(edges)[0] >= 3, min(edges)


CUT = """() => [...document.body.querySelectorAll("*")].flatMap((part) => {
    const isField = part.matches("textarea, select, input:not([type=radio], [type=checkbox], [type=color])");
    const hasText = [...part.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!(isField || hasText) || !part.checkVisibility() || part.closest("option, .health, #lamps")) return [];
    const style = getComputedStyle(part);
    const told = `${part.closest("[data-address]")?.dataset.address ?? ""} ${part.textContent || part.value}`;
    if (style.display !== "inline" && part.scrollWidth > part.clientWidth) return [`cut: ${told}`];
    if (part.placeholder) {
        const context = document.createElement("canvas").getContext("2d");
        context.font = style.font;
        const room = part.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
        if (context.measureText(part.placeholder).width > room) return [`cut: ${part.placeholder}`];
    }
    const { left, right } = part.getBoundingClientRect();
    const isOut = !part.closest("#jumps, .skip") && (left < 0 || right > innerWidth); // the areas are scrolled through
    return isOut ? [`out of sight: ${told}`] : [];
})"""
OUT_OF_SIGHT = """names => names.filter((name) => {
    const { top, bottom } = document.getElementById(name).getBoundingClientRect();
    return top < 0 || bottom > innerHeight || bottom - top < 20;
})"""
NEEDED_IN_THE_DARK = ("picture", "master-fade", "blackout", "freeze", "panic")
NEEDED_TO_PERFORM = ("picture", "take", "hand-hit", "hand-freeze", "hand-blackout", "hand-panic")


SIZES = [(390, 844), *in_long_form(((2560, 1440),), ((1920, 1080),))]


@pytest.mark.parametrize("size", SIZES, ids=["phone", "1440p", "full HD"])
def test_no_text_is_cut_off_and_safety_controls_never_scroll_away(visit: Visit, size: tuple[int, int]) -> None:
    page = visit.page
    page.set_viewport_size(dict(zip(("width", "height"), size, strict=True)))
    with all_areas_open(page):
        for tab in page.locator("#tabs [role=tab]:visible").all():
            tab.click()
            assert page.evaluate(CUT) == [], tab.inner_text()
            assert page.locator(".health").evaluate("line => line.scrollWidth <= line.clientWidth")
            page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
            always = ("search", "jumps") if tab.get_attribute("data-panel") == "play" else ()
            is_perform = tab.get_attribute("data-panel") == "perform"
            needed = NEEDED_TO_PERFORM if is_perform else (*NEEDED_IN_THE_DARK, *always)
            out_of_sight = page.evaluate(OUT_OF_SIGHT, needed)
            assert out_of_sight == [], tab.inner_text()
            page.evaluate("scrollTo(0, 0)")
        page.locator("#play-tab").click()
        page.locator("#jumps button", has_text="Feedback").click()
        head = page.locator("details", has=page.locator("h2", has_text="Feedback")).bounding_box()
        pinned = page.locator("#finding").bounding_box()
        assert pinned["y"] + pinned["height"] <= head["y"] + 1 < size[1], "an area stops below what sticks"
        at = page.evaluate("scrollY")
        page.keyboard.press("/")
        assert page.evaluate("[document.activeElement.id, scrollY]") == ["search", at], "what is in sight is not left"
        page.evaluate("scrollTo(0, 0)")


@pytest.mark.parametrize("phone", [(360, 640), (844, 390)], ids=["upright", "on its side"], indirect=True)
def test_a_phone_has_everything_without_scrolling_sideways(phone: Visit, stage: Stage) -> None:
    page, (width, height) = phone.page, phone.page.viewport_size.values()
    seen = ("blackout", "freeze", "panic")
    if width > height:  # picture and faders together
        seen += ("picture", "master-fade", "meters")
        stage.engine._loop.schedule.dropped += 1282
        page.locator("[data-lamp=late].is-bad").wait_for()  # the lamps leave room
        shown = "slider => slider.checkVisibility() && slider.getBoundingClientRect().bottom <= innerHeight"
        in_sight = f"sliders => sliders.filter({shown}).length"
        stage.until(lambda: page.locator("#areas [role=slider]").evaluate_all(in_sight), "a fader beside the picture")
    with all_areas_open(page):
        for tab in page.locator("#tabs [role=tab]:visible").all():
            tab.click()
            assert page.evaluate("document.documentElement.scrollWidth") == width, tab.inner_text()
            hands = ("hand-hit", "hand-freeze", "hand-blackout", "hand-panic", "picture", "take")
            names = hands if tab.get_attribute("data-panel") == "perform" else seen
            boxes = page.evaluate(
                "names => names.map((name) => document.getElementById(name).getBoundingClientRect().toJSON())", names
            )
            for name, box in zip(names, boxes, strict=True):
                assert 0 <= box["top"] < box["bottom"] <= height, (name, tab.inner_text())
                assert width > height or box["height"] >= 44, "a thumb's width"


def test_a_touch_moves_a_fader_relative_to_its_position(phone: Visit, stage: Stage) -> None:
    slider = phone.slider("/layer/1/intensity")
    stage.send("/layer/1/intensity", 1.1)
    phone.shows("/layer/1/intensity", 1.1)
    box = slider.bounding_box()
    x, y = box["x"] + 0.1 * box["width"], box["y"] + box["height"] / 2
    touch = phone.page.context.new_cdp_session(phone.page)

    def finger(kind: str, *points: float) -> None:
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": at, "y": y} for at in points]})

    finger("touchStart", x)
    finger("touchEnd")
    finger("touchStart", x)
    for step in range(1, 11):
        finger("touchMove", x + 0.02 * step * box["width"])
    stage.becomes("/layer/1/intensity", pytest.approx(1.4, abs=0.02))
    other = box["x"] + 0.8 * box["width"]
    finger("touchStart", x + 0.2 * box["width"], other)
    for step in range(1, 6):
        finger("touchMove", x + 0.2 * box["width"], other - 0.02 * step * box["width"])
    phone.page.locator("#freeze").evaluate("button => button.click()")
    stage.becomes("/master/freeze", True)  # sent after them
    assert stage.get("/layer/1/intensity") == pytest.approx(1.4, abs=0.02), "only the first finger moves it"
    finger("touchEnd")
    changes = stage.engine.params.changes_since(0)[0]
    assert min(change.value for change in changes if change.address == "/layer/1/intensity") > 1


def test_page_and_engine_encode_messages_identically_and_the_page_rejects_invalid_osc(visit: Visit) -> None:
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
    assert all(param.type is not ParamType.COLOUR for param in osc_schema.PARAMS), "then its control can be played here"
    assert refused == 8


def test_a_browser_without_the_token_shows_the_reason(house: House, stage: Stage) -> None:
    visit = house.visit()
    visit.page.route(
        stage.engine.page_url,
        lambda route: route.fulfill(status=401) if route.request.resource_type == "fetch" else route.continue_(),
    )
    visit.page.goto(stage.engine.page_url)
    visit.page.wait_for_selector("body[data-state=refused]")
    assert "token" in visit.page.locator("#banner").inner_text()
    visit.close()


def test_the_page_retries_if_the_engine_accepts_but_never_answers(house: House, stage: Stage) -> None:
    visit = house.visit()
    visit.page.add_init_script(  # the browser's request timeout, twenty times as fast
        "const timeout = AbortSignal.timeout.bind(AbortSignal); AbortSignal.timeout = (ms) => timeout(ms / 20);"
    )
    asked: list[Any] = []
    visit.page.route(
        stage.engine.page_url,
        lambda route: (
            route.continue_() if route.request.resource_type != "fetch" or asked else asked.append(route.request)
        ),
    )
    visit.open()
    assert len(asked) == 1, "it was left without an answer"
    visit.close()


def test_the_full_screen_gets_a_picture_of_its_width(visit: Visit) -> None:
    page = visit.page

    def width_asked(act: Callable[[], object]) -> int:
        with page.expect_websocket(lambda socket: "/preview" in socket.url) as asked:
            act()
        return int(asked.value.url.rpartition("width=")[2])

    assert 0 < width_asked(page.reload) < 640
    assert width_asked(page.locator("#full").click) == 1280
    assert width_asked(lambda: page.evaluate("document.exitFullscreen()")) < 640
    page.wait_for_selector("body[data-state=connected]")


def test_the_page_reconnects_to_a_restarted_engine_and_gets_missed_values(house: House, stage: Stage) -> None:
    visit = house.visit()
    lost: list[Any] = []
    visit.page.route(
        "**/looks.json", lambda route: route.continue_() if lost else (lost.append(route.request), route.abort())
    )
    visit.open("?token=secret")
    assert "secret" not in visit.page.url
    visit.page.locator("#presets-tab").click()
    visit.page.locator("#presets li").first.wait_for()
    assert visit.page.locator("#presets img[src*=looks]").count() == 0, "a connection that broke at this moment"
    stage.stop()
    visit.page.wait_for_selector("body[data-state=gone]")
    assert "No connection to the engine" in visit.page.locator("#banner").inner_text()
    stage.start()
    stage.send("/layer/1/curve", 0.625)
    visit.page.wait_for_selector("body[data-state=connected]")
    assert visit.page.locator("#banner").is_hidden()
    visit.page.locator("#presets img").nth(7).wait_for()
    visit.page.locator("#play-tab").click()
    visit.shows("/layer/1/curve", 0.625)
    visit.close()
