"""Sound and modulation on the page.

In one file, because each file of page tests starts an engine and a browser of its own.
"""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from osc_schema.modulation import ROUTES
from tests.web.page_rig import LiveEngine, Visit

PLAYS_SOUND = True

# -- sound: its levels, its beat; choosing it, a list of files and its transport by mouse, keys
#    and touch


def write_music(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for name, hz in (("one.wav", 220.0), ("two.wav", 880.0)):
        soundfile.write(
            folder / name, 0.5 * np.sin(2 * np.pi * hz * np.arange(48_000 * 60) / 48_000), 48_000
        )
    (folder / "set.m3u").write_text("one.wav\ntwo.wav\n")
    (folder / "broken.wav").write_bytes(b"no sound")


def test_a_list_of_files_is_chosen_and_played_with_keys(visit: Visit, live: LiveEngine) -> None:
    write_music(live.music)
    row = visit.control("/audio/file/loop")
    files, tracks = (
        row.locator("select[data-at='/audio/file']"),
        row.locator("select[data-at='/audio/track']"),
    )
    bar = row.locator(".transport")
    inputs = visit.page.locator("select[data-at='/audio/input']")
    assert not bar.is_visible(), "no list plays"
    live.until(lambda: inputs.input_value() == "demo", "the demo loop as the current input")
    files.focus()  # what was written after the page was opened
    files.locator("option[value='set.m3u']").wait_for(state="attached")
    files.select_option("set.m3u")
    bar.wait_for()
    live.until(lambda: inputs.input_value() == "files", "the input to be the files")
    live.until(lambda: bar.locator(".name").inner_text() == "1 of 2: one.wav", "the first file")
    live.until(lambda: tracks.input_value() == "1", "the first in the list")
    position = bar.locator("input[type=range]")
    live.until(position.is_enabled, "its length")
    position.press("End")
    live.until(
        lambda: bar.locator(".name").inner_text() == "2 of 2: two.wav",
        "the next file, after the end of this",
    )
    live.until(lambda: float(position.input_value()) < 2.0, "the handle to go back")
    position.press("PageUp")
    live.until(lambda: bar.locator(".time").inner_text().endswith("/ 1:00"), "minutes and seconds")
    live.until(lambda: live.engine.status().audio.place.position_s >= 5.0, "the engine to jump")
    play = bar.get_by_role("button", name="play or pause the sound file")
    play.press("Enter")
    live.until(lambda: live.engine.status().audio.place.state == "paused", "pause")
    live.until(lambda: play.inner_text() == "play", "its button to offer the opposite")
    play.press("Enter")
    live.until(lambda: live.engine.status().audio.place.state == "playing", "play")
    tracks.select_option("1")
    live.until(lambda: live.engine.status().audio.place.number == 1, "the chosen file")

    files.select_option("broken.wav")
    visit.page.locator(".toast.fail", has_text="broken.wav: not a readable sound").wait_for()
    live.until(lambda: files.input_value() == "set.m3u", "the truth")
    assert live.engine.status().audio.place.state == "playing"
    inputs.select_option("demo")
    bar.wait_for(state="hidden")


def test_meters_show_the_sound(visit: Visit) -> None:
    meters = visit.page.locator("#meters .channel").get_by_role("meter")
    assert meters.count() == 4
    visit.until(lambda: float(meters.nth(1).get_attribute("aria-valuenow")) > -50, "a level")


def test_the_beat_shows_its_tempo_and_its_clock_can_be_chosen(
    visit: Visit, live: LiveEngine
) -> None:
    live.send("/tempo/source", "beat")
    beat = visit.page.locator("#strip-beat .beat")
    live.until(lambda: re.fullmatch(r"\d+\.\d", beat.locator(".bpm").inner_text()), "the tempo")
    visit.page.evaluate("""() => new MutationObserver(() => { window.beats = (window.beats ?? 0) + 1 })
        .observe(document.querySelector("#strip-beat .dots i"), { attributes: true })""")
    live.until(lambda: visit.page.evaluate("window.beats ?? 0") >= 2, "the lamp")
    source = beat.get_by_label("clock of the beat")
    assert source.input_value() == "beat"
    source.select_option("manual")
    live.becomes("/tempo/source", "manual")
    live.send("/tempo/source", "beat")
    live.until(lambda: source.input_value() == "beat", "the page")


# -- modulation: a route made at the control, the moved value beside the set one, all routes in
#    one list

CURVE = "/layer/2/curve"
CHOOSE_A_SOURCE = "#modulate-menu button[data-source='{}']"


@pytest.fixture(autouse=True)
def no_routes(live: LiveEngine) -> None:
    off = [
        (f"/mod/{n}/{part}", value)
        for n in ROUTES
        for part, value in (("source", "off"), ("target", ""))
    ]
    live.engine.params.set_many(off, by="test")


def route(live: LiveEngine, n: int) -> tuple[Any, ...]:
    return tuple(live.get(f"/mod/{n}/{part}") for part in ("source", "target", "amount", "mute"))


def ghost(visit: Visit, address: str) -> float:
    """Position of the mark for the modulated value, in percent of the fader."""
    return float(
        visit.control(address)
        .locator(".ghost")
        .evaluate("mark => parseFloat(mark.style.translate) + 100")
    )


def test_a_route_is_made_by_touching_a_control_and_choosing_a_source(
    visit: Visit, live: LiveEngine
) -> None:
    page = visit.page
    live.engine.params.set_many([("/lfo/1/shape", "saw"), ("/lfo/1/tempo_sync", "beat")], by="test")
    # at 120 each third picture would show the same
    live.engine.params.set("/tempo/bpm", 97.0, by="test")
    live.engine.params.set_many(
        [("/mod/1/source", "rms"), ("/mod/1/target", "/layer/1/curve")], by="test"
    )
    page.locator("#routes li[data-route='1']").wait_for(state="attached")
    before = visit.fader_value(CURVE)
    page.locator("#modulate").click()
    visit.control("/master/fade").locator("[role=slider]").click()
    page.locator("#modulate-banner", has_text="/master/fade cannot be modulated").wait_for()
    visit.slider(CURVE).click()
    page.locator("#sources-title", has_text=CURVE).wait_for()
    page.keyboard.press("Escape")
    page.locator("#modulate-menu").wait_for(state="hidden")
    page.locator("#modulate").click()
    visit.slider(CURVE).click()
    assert visit.fader_value(CURVE) == before, "the touch moves nothing"
    bar = page.locator(CHOOSE_A_SOURCE.format("lfo1")).locator("i")
    seen: set[str] = set()
    live.until(
        lambda: len(seen.add(bar.evaluate("bar => bar.style.transform")) or seen) > 3,
        "a meter that moves",
    )
    page.locator(CHOOSE_A_SOURCE.format("lfo1")).click()
    live.until(lambda: route(live, 2)[:2] == ("lfo1", CURVE), "the first free route")
    visit.control(CURVE).locator(".ghost").wait_for(state="attached")
    positions: set[float] = set()
    live.until(lambda: len(positions.add(ghost(visit, CURVE)) or positions) > 3, "a moving ghost")
    assert visit.fader_value(CURVE) == before, "the handle stays at the set value"


def test_without_routes_nothing_is_sent_and_no_ghost_stays(visit: Visit, live: LiveEngine) -> None:
    page = visit.page
    live.engine.params.set_many([("/mod/1/source", "lfo1"), ("/mod/1/target", CURVE)], by="test")
    visit.control(CURVE).locator(".ghost").wait_for(state="attached")
    live.engine.params.set("/mod/1/mute", True, by="test")
    page.locator(".ghost").first.wait_for(state="detached")
    assert route(live, 1)[:2] == ("lfo1", CURVE), "mute keeps the values"


def test_all_routes_are_one_list_that_the_keyboard_can_edit(visit: Visit, live: LiveEngine) -> None:
    page, keys = visit.page, visit.page.keyboard
    slider, before = visit.slider(CURVE), visit.fader_value(CURVE)
    page.locator("#modulate").focus()
    keys.press("Enter")
    slider.focus()
    keys.press("ArrowRight")
    assert visit.fader_value(CURVE) == before, "a key selects, and moves nothing"
    keys.press("Enter")
    page.locator("#modulate-menu[open]").wait_for()
    page.locator(CHOOSE_A_SOURCE.format("kick")).focus()
    keys.press("Enter")
    live.until(lambda: route(live, 1)[:2] == ("kick", CURVE), "the route")
    page.locator("#mapping-tab").focus()
    keys.press("Enter")
    row = page.locator("#routes li:visible")
    assert row.count() == 1
    row.locator("input[type=range]").focus()
    keys.press("Home")
    live.becomes("/mod/1/amount", -1.0)
    for label, done in (
        ("mute route 1", lambda: live.get("/mod/1/mute")),
        ("copy route 1", lambda: route(live, 2) == ("kick", CURVE, -1.0, True)),
        ("remove route 1", lambda: route(live, 1)[:2] == ("off", "")),
    ):
        page.locator(f"[aria-label='{label}']").focus()
        keys.press("Enter")
        live.until(done, label)
        page.locator("#routes").locator("li:visible").nth(int(label.startswith("copy"))).wait_for()
    assert page.locator("#routes li[data-route='2'] select").evaluate(
        "list => list === document.activeElement"
    )
