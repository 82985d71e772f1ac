"""The page as used by somebody who has not read the manual: keys, notices, marks, saved presets."""

import re
from typing import Any

import pytest

import osc_schema
from engine.osc.decode import decode_packet
from engine.osc.encode import encode_message
from engine.params.looks import LOOKS
from tests.sources.test_shared_ring import Publisher
from tests.support.cases import cases_of
from tests.support.long_form import IS_SOAK
from tests.web.page_rig import LiveEngine, PageRig, Visit

AURORA = LOOKS["Aurora"]

MEAN_COLOUR = """async image => {
    await image.decode();
    const canvas = Object.assign(document.createElement("canvas"), {width: 16, height: 9});
    const context = canvas.getContext("2d");
    context.drawImage(image, 0, 0, 16, 9);
    return context.getImageData(0, 0, 16, 9).data.filter((part, index) => index % 4 < 3).reduce((a, b) => a + b) / 432;
}"""


def test_blackout_and_freeze_are_keys_everywhere_but_in_a_text(
    visit: Visit, live: LiveEngine
) -> None:
    page, search = visit.page, visit.page.locator("#search")
    page.keyboard.press("/")
    page.keyboard.type("curve")
    page.keyboard.press("Enter")
    page.keyboard.press("Shift+B")
    live.becomes("/master/blackout", True)
    assert search.input_value() == "curve"
    search.press("Escape")
    assert search.input_value() == ""
    mode = visit.control("/region/mode").locator("select")
    mode.select_option("colour")
    mode.press("Shift+F")
    live.becomes("/master/freeze", True)
    assert mode.input_value() == "colour", "the letter is no choice"
    page.locator("#cues-tab").click()
    page.locator("#cue-number").press("Shift+B")
    live.becomes("/master/blackout", False)
    page.locator("#presets-tab").click()
    page.locator("#preset-name").press("Shift+B")
    assert page.locator("#preset-name").input_value() == "B", "a capital in a name is a letter"
    page.locator("#preset-name").fill("")
    page.locator("#help-open").click()
    page.locator("#freeze[aria-pressed=true]").wait_for(state="attached")  # any focus
    page.keyboard.press("Shift+F")
    live.becomes("/master/freeze", False)
    assert not live.get("/master/blackout"), "sent later than the capital"
    page.keyboard.press("Escape")
    assert page.locator("#help").is_hidden()


def test_an_answer_from_before_a_toggle_does_not_turn_the_next_one_round(visit: Visit) -> None:
    """The page asks the engine a moment after each change; the user may press again before the
    answer comes."""
    seen = visit.page.evaluate(
        """async () => {
            const { Values } = await import("/page/values.js");
            let resolveAsk;
            const nextAsk = () => new Promise((done) => { resolveAsk = done; });
            const values = new Values({ send() {}, command() { resolveAsk(); } });
            values.load(new Map([["/a", { address: "/a", type: "bool", value: false }]]));
            const seen = [];
            const answer = (value) => {
              values.receive({ address: "/a", args: [value] });
              seen.push(values.get("/a"));
            };
            let ask = nextAsk();
            values.change("/a", true);
            await ask;
            ask = nextAsk();
            values.change("/a", false);
            answer(true); // to the first question
            await ask;
            answer(true); // somebody else has switched it on
            return seen;
        }"""
    )
    assert seen == [False, True]


def test_a_cue_without_its_preset_is_marked_and_fails_until_another_plays(
    visit: Visit, live: LiveEngine
) -> None:
    page = visit.page
    page.locator("#cues-tab").click()
    live.send("/cue/insert", 1, "Overture", 0.0, 0.0)
    live.send("/cue/insert", 2, "default", 0.0, 0.0)
    page.locator("#cues li", has_text="no such preset").wait_for()
    page.locator("#cue-go", has_text="no such preset").wait_for()
    live.send("/cue/2")
    page.locator("#cues li.is-current[data-number='2']").wait_for()
    live.send("/cue/1")
    page.locator("#cues li.is-failed[data-number='1']").wait_for()
    assert (
        page.locator("#cue-failed").inner_text().startswith("Cue 1, Overture, failed: not found in")
    )
    assert page.locator("#cue-now").inner_text() == "Now: cue 2, default", "which is on still"
    page.reload()
    page.locator("#cues li.is-failed[data-number='1']").wait_for()
    live.send("/cue/2")
    page.locator("#cues li.is-failed").wait_for(state="detached")
    live.send("/preset/save", "Overture")
    page.locator("#cues li", has_text="no such preset").wait_for(state="detached")
    live.send("/preset/delete", "Overture")
    page.locator("#cues li", has_text="no such preset").wait_for()
    live.send("/cue/delete", 1)
    live.send("/cue/delete", 2)
    page.locator("#cues li").first.wait_for(state="detached")


def test_a_long_cue_list_keeps_go_visible_and_scrolls_to_the_current_cue_unless_somebody_writes_in_it(
    visit: Visit, live: LiveEngine
) -> None:
    page = visit.page
    for number in range(1, 41):
        live.send("/cue/insert", number, "default", 0.0, 0.0)
    row = page.locator("#cues li.is-current")

    def play(number: int) -> float:
        """How far the list is scrolled then."""
        live.send(f"/cue/{number}")
        page.locator("#cue-now", has_text=f"cue {number},").wait_for()
        return page.evaluate("document.scrollingElement.scrollTop")

    page.locator("#cues-tab").click()
    page.locator("#cues li").nth(39).wait_for()
    play(1)
    page.keyboard.press("Space")
    page.locator("#cue-now", has_text="cue 2,").wait_for()
    before = play(30)
    go, box = page.locator("#cue-go").bounding_box(), row.bounding_box()
    assert before > 0 and go["y"] >= 0 and go["y"] + go["height"] < box["y"] < 800 - box["height"]
    row.locator("input").nth(1).focus()
    assert play(5) == before
    page.keyboard.press("Escape")
    assert play(6) < before
    for number in range(1, 41):
        live.send("/cue/delete", number)
    page.locator("#cues li").first.wait_for(state="detached")


def test_a_preset_button_fades_in_the_set_time(visit: Visit, live: LiveEngine) -> None:
    page = visit.page
    crossfade = live.engine._parts.control_hub.crossfade
    page.locator("#presets-tab").click()
    page.locator("#preset-fade").fill("600")
    page.locator("#presets li[data-name='Aurora'] button.look").click()
    live.until(lambda: crossfade.progress is not None, "the fade")
    fade = crossfade._picture_fade().picture
    assert fade.mix < 0.2
    assert live.get("/feedback/amount") == AURORA["/feedback/amount"], (
        "the faders show the new look at once"
    )
    assert fade.before["/feedback/amount"] != AURORA["/feedback/amount"]
    page.locator("#status-tab").click()
    page.locator("#facts dd", has_text="looks are drawn").or_(
        page.locator("#facts dd", has_text="is frozen")
    ).wait_for()
    live.send("/master/panic", 1)
    live.until(lambda: crossfade.progress is None, "panic to end it")


def test_a_saved_preset_is_current_and_has_a_picture_everywhere(
    visit: Visit, rig: PageRig, live: LiveEngine
) -> None:
    page = visit.page
    page.locator("#presets-tab").click()
    live.until(lambda: visit.picture_mean() > 8, "a bright picture on the page")

    def save() -> None:
        page.locator("#preset-name").fill("Opening night")
        page.locator("#preset-form button").click()

    save()
    item = page.locator("#presets li[data-name='Opening night']")
    item.locator("img").wait_for()
    live.send("/layer/1/curve", 0.125)
    other = rig.visit()
    other.page.add_init_script("localStorage.clear()")  # a first visit
    other.open()
    other.page.locator("#perform-tab[aria-selected=true]").wait_for()
    other.page.locator("#look-now", has_text="Opening night *").wait_for()
    other.page.locator("#presets-tab").click()
    picture = other.page.locator("#presets li[data-name='Opening night'] img")
    picture.wait_for()
    assert picture.evaluate(MEAN_COLOUR) > 10, "not black; the sound makes it brighter and darker"
    other.close()
    live.send("/master/blackout", 1)
    live.until(lambda: visit.picture_mean() < 1, "the dark")
    save()
    page.locator("#preset-save", has_text="really").click()
    item.locator(".initials", has_text="ON").wait_for()
    assert item.locator("img").count() == 0, "a black picture shows nothing"
    live.send("/preset/delete", "Opening night")
    item.wait_for(state="detached")


def test_overwriting_a_preset_is_confirmed_and_can_be_undone(
    visit: Visit, live: LiveEngine
) -> None:
    page = visit.page
    page.locator("#presets-tab").click()
    field, button = page.locator("#preset-name"), page.locator("#preset-save")
    saved = live.engine.presets

    def curve() -> object:
        return saved.load("Kept").by_address()["/layer/1/curve"]

    def set_curve(value: float) -> None:
        live.send("/layer/1/curve", value)
        live.becomes("/layer/1/curve", value)

    set_curve(0.25)
    field.fill("Kept")
    field.press("Enter")
    page.locator("#presets li[data-name=Kept]").wait_for()
    set_curve(0.75)
    field.fill("Kept")
    field.press("Enter")
    assert button.inner_text() == "really overwrite?"
    field.fill("Kept 2")
    assert button.inner_text() == "save", "the question was about another name"
    field.fill("Kept")
    button.click()
    assert curve() == 0.25, "not before it was answered"
    button.click()
    undo = page.locator(".toast", has_text="“Kept” was overwritten").locator(
        "button", has_text="undo"
    )
    undo.wait_for()
    assert curve() == 0.75
    undo.click()
    page.locator(".toast", has_text="“Kept” was restored").wait_for()
    assert curve() == 0.25
    live.send("/preset/delete", "Kept")
    page.locator("#presets li[data-name=Kept]").wait_for(state="detached")


def test_the_current_preset_is_marked_even_if_another_client_loaded_it(
    visit: Visit, live: LiveEngine
) -> None:
    page = visit.page
    page.locator("#presets-tab").click()
    live.send("/preset/load", "Cathedral")
    marked = page.locator("#presets li.is-loaded")
    page.locator("#presets li.is-loaded[data-name=Cathedral] .on", has_text="on").wait_for()
    assert (marked.count(), page.locator("#look-now").inner_text()) == (1, "Cathedral")
    live.send("/layer/1/intensity", 0.123)
    page.locator("#look-now", has_text="Cathedral *").wait_for()
    assert marked.locator(".on").inner_text() == "on, edited"


def test_the_monitor_shows_the_time_of_day_and_refusals_behind_their_messages(
    visit: Visit, live: LiveEngine
) -> None:
    page = visit.page
    page.locator("#monitor-tab").click()
    line = page.locator("#monitor li", has_text="/layer/9/curve 0.5")
    refused = page.locator("#monitor li.is-bad", has_text="/layer/9/curve: no such parameter")
    live.until(lambda: (live.send("/layer/9/curve", 0.5), refused.count())[1], "the message")
    assert re.fullmatch(r"\d\d:\d\d:\d\d\.\d\d\d", line.first.locator("time").inner_text())
    assert refused.first.locator(".from").inner_text().startswith("udp 127.0.0.1:")
    for _ in range(5):
        live.send("/layer/9/curve", 0.5)
    live.until(
        lambda: page.locator("#monitor li.is-bad").count() == line.count() >= 6,
        "each message to be refused",
    )
    before = page.locator("#monitor li.is-bad").evaluate_all(
        "rows => rows.map((row) => "
        "row.previousElementSibling.querySelector('.message').textContent)"
    )
    assert set(before) == {"/layer/9/curve 0.5"}


def test_messages_of_another_program_are_listed_and_mapped_with_two_presses(
    visit: Visit, live: LiveEngine
) -> None:
    page = visit.page
    for number in range(30):
        live.send(f"/desk/fader/{number}", number / 32)
    page.locator("#mapping-tab").click()
    page.locator("#heard-part summary").click()
    rows = page.locator("#heard li", has_text="/desk/fader/")
    live.until(
        lambda: (page.locator("#heard-again").click(), rows.count() == 30)[1],
        "all that the desk sends",
    )
    page.locator("#heard-filter").fill("fader/16")
    assert [row.locator("strong").inner_text() for row in rows.all()] == ["/desk/fader/16"]
    assert (
        rows.locator(".what").inner_text() == "0.5"
        and "1 × from udp 127.0.0.1:" in rows.first.inner_text()
    )
    page.get_by_label("map /desk/fader/16").click()
    assert "osc /desk/fader/16" in page.locator("#learn-line").inner_text()
    visit.slider("/layer/3/curve").click(position={"x": 100, "y": 10})
    page.locator("#learn-banner").wait_for(state="hidden")
    assert live.get("/layer/3/curve") == 0.12, "a press chooses and moves nothing"
    for value in (0.0, 1.0):  # past the current value, where a fader takes over
        live.send("/desk/fader/16", value)
    live.becomes("/layer/3/curve", 1.0)
    page.locator("#mapping-tab").click()
    rows.first.wait_for(state="detached")
    live.send("/map/clear")
    page.locator("#maps li").first.wait_for(state="detached")


def test_while_learning_a_key_selects_a_control_and_changes_nothing(
    visit: Visit, live: LiveEngine
) -> None:
    page = visit.page
    page.locator("#learn").click()
    for part, keys in (
        (visit.slider("/layer/1/angle"), ("ArrowRight", "Shift+ArrowUp", "PageUp", "End")),
        (visit.control("/region/mode").locator("select"), ("ArrowDown", "End", "c", "Shift+B")),
        (visit.control("/multiverse/tone").locator("input:checked"), ("ArrowRight",)),
        (visit.control("/sd/prompt").locator("textarea"), ("x",)),
    ):
        for key in keys:
            part.press(key)
    live.becomes("/master/blackout", True)
    mute = visit.control("/layer/1/mute").locator("[role=switch]")
    for key, part in ((" ", mute), ("Enter", visit.slider("/layer/1/angle"))):
        part.press(key)
        page.locator("#learn-line", has_text=part.get_attribute("aria-label")).wait_for()
    page.keyboard.press("Escape")
    page.locator(".toast", has_text="cancelled").wait_for()
    page.keyboard.press("ArrowRight")
    live.becomes("/layer/1/angle", pytest.approx(3.6))
    default = {param.address: param.default for param in osc_schema.PARAMS}
    for address in ("/region/mode", "/multiverse/tone", "/sd/prompt", "/layer/1/mute"):
        assert live.get(address) == default[address]


def test_a_page_older_than_the_engine_offers_to_reload(visit: Visit) -> None:
    page, url = visit.page, visit.live.engine.page_url
    loads: list[Any] = []

    def answer(route: Any) -> None:
        if route.request.resource_type == "document":
            loads.append(route.request)
        if route.request.resource_type == "document" or len(loads) > 1:
            return route.continue_()
        tree = route.fetch().json()
        for leaf in tree["CONTENTS"]["master"]["CONTENTS"].values():
            leaf.pop("MULTIVERSE", None)
        return route.fulfill(json=tree)

    page.route(url, answer)
    page.reload()
    page.wait_for_selector("body[data-state=outdated]")
    assert "older than the engine" in page.locator("#banner").inner_text()
    page.locator("#reload").click()
    page.wait_for_selector("body[data-state=connected]")
    page.unroute(url)
    assert page.locator("#banner").is_hidden()
    errors, visit.errors[:] = list(visit.errors), []
    assert errors and all("TypeError" in error for error in errors), (
        "what broke, for a developer's console"
    )


def test_a_refused_list_is_retried_and_its_notice_vanishes_but_stays_in_status(
    rig: PageRig, live: LiveEngine
) -> None:
    visit = rig.visit(viewport={"width": 1280, "height": 800})
    page = visit.page
    requests = {"/cue/list": 0, "/map/list": 0}
    refusals = {"/cue/list": 2, "/map/list": 5}

    def refuse(browser: Any) -> None:
        engine = browser.connect_to_server()

        def forward(data: Any) -> None:
            address = decode_packet(data).address
            requests[address] = requests.get(address, 0) + 1
            if requests[address] <= refusals.get(address, 0):
                browser.send(encode_message("/fail", address, "asked too often"))
            else:
                engine.send(data)

        browser.on_message(forward)

    page.route_web_socket(re.compile(r":\d+/\?page$"), refuse)
    page.clock.install(time=0)
    page.clock.pause_at(1)  # else it runs on by itself between the steps below
    visit.open()
    notices = page.locator(".toast.fail")
    for _ in range(2):
        assert notices.count() == 0
        page.clock.run_for(1000)
    page.locator("#no-cues", has_text="No cues yet").wait_for(state="attached")
    for _ in range(2):
        page.clock.run_for(1000)
    notice = notices.filter(has_text="/map/list: asked too often")
    notice.hover()
    assert (requests["/cue/list"], requests["/map/list"]) == (3, 5)
    # the page takes this for a silent engine, reconnects and requests its lists anew
    page.clock.fast_forward(60_000)
    assert notice.is_visible()
    page.mouse.move(5, 5)
    page.clock.run_for(11_000)
    assert notice.count() == 0
    page.locator("#status-tab").click()
    assert "/map/list: asked too often" in page.locator("#failures").inner_text()
    assert visit.errors == []
    visit.close()


def test_a_new_sender_can_be_chosen_and_a_wrong_one_keeps_the_picture(
    visit: Visit, live: LiveEngine
) -> None:
    row = visit.control("/layer/5/source")
    menu, note = row.locator(".choice select"), row.locator(".opening")
    sender = "shared:stage left"
    option = menu.locator(f'option[value="{sender}"]')
    publisher = Publisher("stage left", level=200)
    try:
        option.wait_for(state="attached")
        assert option.inner_text() == "stage left (shared memory)"
        menu.select_option(sender)
        live.until(
            lambda: "until the new one arrives" in note.inner_text(),
            "a line that it is being opened",
        )
        live.until(lambda: (publisher.command(), live.engine.status().camera)[1], "the source")
        live.until(
            lambda: (menu.input_value(), note.inner_text()) == (sender, ""), "the line to go"
        )
        visit.page.locator(".toast", has_text="raise /layer/5/intensity to see it").wait_for()
    finally:
        publisher.end()
    live.until(lambda: option.inner_text() == f"{sender} (not available)", "the sender to go")
    live.send("/camera/open", "test")
    live.until(lambda: menu.input_value() == "test", "the choice of another surface")
    menu.evaluate(
        "list => { list.add(new Option('wrong', '/no/such/file')); list.value = '/no/such/file' }"
    )
    menu.dispatch_event("change")
    visit.page.locator(".toast.fail", has_text="is not offered in the video folders").wait_for()
    live.until(lambda: (menu.input_value(), note.inner_text()) == ("test", ""), "the truth")
    menu.select_option("none")
    live.until(lambda: live.engine.status().camera is None, "no source")


FIRST_HITS = cases_of(__file__)["first_hits"]
FIRST_HIT = """() => [...document.querySelectorAll("#areas .control")].find(row => row.checkVisibility())
    ?.dataset.address"""


def test_the_first_hit_of_a_search_is_the_control_that_does_it(visit: Visit) -> None:
    page = visit.page
    in_order = (
        "() => [...document.querySelectorAll('#areas .control')].map(row => row.dataset.address)"
    )
    before, hits = page.evaluate(in_order), {}
    searched = dict(list(FIRST_HITS.items())[:: 1 if IS_SOAK else 4])
    for text in searched:
        page.locator("#search").fill(text)
        hits[text] = page.evaluate(FIRST_HIT)
    assert hits == searched
    page.locator("#search").fill("")
    assert page.evaluate(in_order) == before, "without a search everything is where it was"
