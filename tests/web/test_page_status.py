"""The page's status (warnings, facts, sinks, meters, timecode) and its pictures: of a run, of
looks, of shaders.

In one file, because each file of page tests starts an engine and a browser of its own.
"""

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.children.spec import ChildStatus
from engine.params.looks import LOOKS, WORLDS
from engine.render.isf.isf_file import ShaderState
from engine.sinks.registry import available_kinds
from engine.sinks.sink import SinkStatus
from tests.conftest import Reports
from tests.control.commands.test_shader import shader
from tests.support.mtc_signal import full_frame
from tests.web.page_rig import FPS, LiveEngine, PageRig, Visit
from tests.web.web_rig import WebRig

FIRST, SECOND = list(LOOKS)[:2]
LEVELS = {"main": 40, "sd": 90, "sam3": 140, "sam3_mask": 190}


def test_seen_warnings_are_not_counted(visit: Visit, live: LiveEngine) -> None:
    page = visit.page
    badge = page.locator("#warning-count")
    page.locator("#presets-tab").click()
    live.until(lambda: (live.send("/layer/of/that/name"), badge.is_visible())[1], "the badge")
    page.locator("#status-tab").click()
    badge.wait_for(state="hidden")
    page.reload()
    page.locator("#warnings li", has_text="/layer/of/that/name").first.wait_for()
    page.locator("#presets-tab").click()
    assert badge.is_hidden()


def test_notices_are_listed_but_not_counted_as_warnings(visit: Visit, live: LiveEngine) -> None:
    page = visit.page
    badge = page.locator("#warning-count")
    page.locator("#status-tab").click()
    badge.wait_for(state="hidden")
    page.locator("#presets-tab").click()
    for pid in (7, 8):
        live.engine._parts.warnings.notice(f"sam3: ready (process {pid})")
    live.until(
        lambda: page.locator("#warnings li", has_text="sam3: ready").count() == 2, "the news"
    )
    assert badge.is_hidden()
    warning = page.locator("#warnings li", has_text="/layer/1/good")
    live.until(lambda: (live.send("/layer/1/good"), warning.count())[1], "a warning beside them")
    live.until(
        lambda: badge.inner_text() == str(warning.count()), "the warnings alone to be counted"
    )


UNIVERSE = {
    "number": 1,
    "state": "live",
    "source": "artnet 2.0.0.5",
    "sources": 2,
    "packets_hz": 43.6,
}
SESSION = {"state": "following", "peers": 1, "bpm": 133.0, "detail": ""}
NO_LIBRARY = {"state": "missing", "peers": 0, "bpm": 0, "detail": "not installed"}
ADDED_UP = [
    {**UNIVERSE, "number": number, "state": "held" if number < 2 else "live"}
    for number in range(64)
]
UNUSED = {"listen": "artnet", "universes": [], "shared_ports": [6454]}
FACTS = {
    "fps": 12.34,
    "decode_ms": 4,
    "pictures": 0,
    "nan": 0,
    "skipped": 0,
    "memory_mb": 17,
    "slice_p99_ms": 55.93,
}
LATENCY = {"p50": 9.26, "p99": 18.04, "worst": 43.96}
TEXTS: list[tuple[str, list[object], object]] = [
    ("newIn", [["a", "b"], []], 2),
    ("newIn", [["b", "c", "d"], ["a", "b"]], 2),
    ("newIn", [["a", "a", "a"], ["a", "a"]], 1),
    ("factsOf", [FACTS],
     "fps 12.34 · decode 4.0 ms · pictures 0 · memory 17 MB · slice p99 55.9 ms"),
    ("factsOf", [{"nan": 2, "skipped": 1, "duty": 0.125}], "nan 2 · skipped 1 · duty 0.13"),
    ("factsOf", [{"input_db": -12.3, "speaker_hz": 110.4, "transposed_semitones": 12}],
     "input -12 dB · speaker 110 Hz · transposed 12.0 semitones"),
    ("latencyOf", [LATENCY],
     "9.3 ms median, 1 in 100 takes more than 18.0 ms, worst 44.0 ms (last minute)"),
    ("leftOut", [{"replaced": 7, "discarded": 0, "lost": 2}],
     "7 replaced by newer values, 2 lost by the system"),
    ("universeOf", [UNIVERSE], "artnet 2.0.0.5, 44 packets per second, of 2 desks"),
    ("universeOf", [{**UNIVERSE, "state": "held"}],
     "nothing arrives; the levels of artnet 2.0.0.5 are held"),
    ("linkOf", [SESSION], "133.00 beats/min, with 1 other program"),
    ("linkOf", [{**SESSION, "state": "alone", "peers": 0}],
     "133.00 beats/min, no other program yet"),
    ("linkOf", [NO_LIBRARY], "not installed"),
    ("lightingRows", [None], []),
    ("lightingRows", [UNUSED], [["lighting", "nothing received yet (artnet)", False],
                      ["UDP port 6454", "another program has it, too; unicast reaches only one",
                          True]]),
    ("lightingRows", [{"shared_ports": [], "universes": ADDED_UP}],
                     [["lighting", "64 universes, 2790 packets per second; 2 held: 0, 1", True]]),
]  # fmt: skip


def test_facts_are_formatted_as_text(visit: Visit) -> None:
    texts = visit.page.evaluate(
        """async (calls) => {
            const status = await import("/page/status.js");
            return calls.map(([name, args]) => status[name](...args));
        }""",
        [row[:2] for row in TEXTS],
    )
    assert texts == [expected for _, _, expected in TEXTS]


REASONS = {info.kind: info.reason for info in available_kinds() if not info.is_available}


def test_unavailable_switches_are_disabled_with_the_reason(visit: Visit, live: LiveEngine) -> None:
    reasons = {f"/sink/{kind}/enable": reason for kind, reason in REASONS.items()} | {
        "/sd/enable": "--sd MODEL"
    }
    for address, reason in reasons.items():
        row = visit.control(address)
        row.locator(".reason", has_text=reason).wait_for()
        assert row.get_by_role("switch").is_disabled()
    free = visit.control("/sink/snapshot/enable")
    assert free.get_by_role("switch").is_enabled() and free.locator(".reason").count() == 0
    assert {"/sink/syphon/enable", "/sink/spout/enable"} & reasons.keys(), "no system has both"


def test_dropped_frames_are_a_warning(visit: Visit, live: LiveEngine) -> None:
    visit.page.locator("#status-tab").click()
    live.engine._loop.schedule.dropped += 1282
    late = visit.page.locator("#late")
    line = (
        r"In the last 10 s (\d+) of \d+ frames were dropped and \d+ were late .* Since the "
        r"start (\d+) of \d+ frames"
    )
    seen = live.until(
        lambda: (found := re.match(line, late.inner_text())) and int(found[1]) >= 1282 and found,
        "them",
    )
    assert int(seen[2]) >= int(seen[1])
    assert visit.page.locator("#late-mark").is_visible()
    assert "No warnings" not in visit.page.locator("#status-panel").inner_text()


def test_a_lamp_is_lit_while_the_flash_guard_limits(visit: Visit, live: LiveEngine) -> None:
    lamp = visit.page.locator("#flash-guard")
    # At least two pictures per cycle: a faster strobe would alias to a slower one.
    strobe = {
        "/lfo/1/shape": "square",
        "/lfo/1/rate_hz": 5.0,
        "/mod/1/source": "lfo1",
        "/mod/1/amount": -1.0,
    }
    # Between full brightness and black, on a background that is not black: most looks are too dark
    # to flash, and a busy machine draws fewer pictures than it should.
    light = {
        "/mod/1/target": "/multiverse/brightness",
        "/multiverse/brightness": 4.0,
        "/multiverse/bias": 1.0,
    }
    live.send("/engine/fps", 24)
    live.send("/preset/load", "VAV original")
    for address, value in {**strobe, **light}.items():
        live.send(address, value)
    visit.page.locator("#flash-guard.is-on").wait_for()
    assert lamp.inner_text() == "flash guard"
    visit.page.locator("#status-tab").click()
    visit.page.locator("#facts dd", has_text="of the last 10 s").wait_for()
    live.send("/safety/flash_guard", 0)
    visit.page.locator("#flash-guard.is-off", has_text="flash guard off").wait_for()
    live.send("/engine/fps", FPS)


def test_a_cue_gets_its_timecode_typed_or_taken_from_the_clock(
    visit: Visit, live: LiveEngine
) -> None:
    page = visit.page
    page.locator("#cues-tab").click()
    live.send("/cue/set", 1, "default")
    row = page.locator("#cues li").first
    row.wait_for()
    assert page.locator("#timecode").is_hidden() and row.locator(".take").is_hidden(), (
        "there is nothing to take"
    )
    live.send("/timecode/source", "mtc")
    page.locator("#timecode-state", has_text="MTC none").wait_for()
    live.send("/sysex", full_frame((1, 2, 3, 4)).hex(" "))
    page.locator("#timecode-now", has_text="01:02:03:04").wait_for()
    row.locator(".take").click()
    page.locator("#cues input[value='01:02:03:04']").wait_for()
    field, fade = row.locator(".timecode"), row.locator("input").nth(1)
    for part, written, formatted in ((field, "2:00:00:00", "02:00:00:00"), (fade, "3", "3")):
        part.fill(written)
        part.blur()
        page.locator(f"#cues input[value='{formatted}']").wait_for()
    assert field.input_value() == "02:00:00:00", "an edit keeps it"
    page.locator("#status-tab").click()
    page.locator(
        "#facts", has_text="MTC locked, 01:02:03:04, 25 frames per second, standing"
    ).wait_for()
    live.send("/timecode/source", "off")
    live.send("/cue/delete", 1)
    page.locator("#cues li").wait_for(state="detached")


def test_the_facts_show_the_beat_its_clock_and_the_latency_of_osc(
    visit: Visit, live: LiveEngine
) -> None:
    page = visit.page
    page.locator("#status-tab").click()
    facts = page.locator("#facts")
    beat = facts.locator("dt", has_text=re.compile("^beat$")).locator(
        "xpath=following-sibling::dd[1]"
    )
    live.send("/tempo/source", "manual")
    live.send("/tempo/bpm", 97.0)
    beat.get_by_text("97.0 beats/min from taps").wait_for()
    live.until(
        lambda: "ms median, 1 in 100 takes more than" in facts.inner_text().partition("latency")[2],
        "it",
    )
    assert "OSC left out" not in facts.inner_text()
    live.send("/tempo/source", "midi")
    beat.get_by_text("97.0 beats/min, running on: nothing to follow from MIDI clock").wait_for()


def test_sinks_start_and_stop_and_text_from_the_network_is_never_markup(
    visit: Visit, live: LiveEngine
) -> None:
    page = visit.page
    page.locator("#status-tab").click()
    page.locator("#sinks li", has_text="null").get_by_role("button").click()
    page.locator("#sinks li", has_text="null").wait_for(state="detached")
    page.locator("#sink-kind").select_option("snapshot")
    page.locator("#sink-form button").click()
    page.locator("#sinks li", has_text="snapshot").wait_for()
    page.locator("#monitor-tab").click()
    live.until(
        lambda: (live.send("/layer/<b>bold</b>", "<i>"), page.locator("#monitor li").count())[1],
        "the monitor",
    )
    assert "/layer/<b>bold</b>" in page.locator("#monitor").inner_text()
    page.locator("#status-tab").click()
    warning = page.locator("#warnings li", has_text="<b>bold</b>")
    # A mistyped address within a second of another one is only counted.
    live.until(lambda: warning.count() or live.send("/layer/<b>bold</b>", "<i>"), "the warning")
    assert page.locator("#warnings b, #monitor b, #monitor i").count() == 0


# -- pictures --------------------------------------------------------------------------------


def kind_of_picture(visit: Visit, name: str) -> str:
    """What the picture of that look is: still or loop."""
    src = visit.page.locator(f"#presets li[data-name='{name}'] img").get_attribute("src")
    return "loop" if src.startswith("blob:") else "still"


def test_looks_stand_in_groups_by_their_worlds_and_saved_ones_before_them(
    visit: Visit, live: LiveEngine
) -> None:
    page = visit.page
    page.locator("#presets-tab").click()
    live.send("/preset/save", "Mine")
    picture = page.locator("#presets li[data-name=Mine] img")
    live.until(
        lambda: picture.evaluate("img => img.complete && img.naturalWidth"),
        "its picture, before it is gone",
    )
    rows = page.locator("#presets > li").evaluate_all(
        "rows => rows.map((row) => row.dataset.name ?? `# ${row.textContent}`)"
    )
    worlds = [row for world, looks in WORLDS.items() for row in (f"# {world}", *looks)]
    assert rows[: len(worlds) + 5] == [
        "# saved",
        "Mine",
        "# plain",
        "default",
        "VAV original",
        *worlds,
    ]
    live.send("/preset/delete", "Mine")
    page.locator("#presets li.world", has_text="saved").wait_for(state="detached")


def test_with_a_mouse_only_the_look_under_it_moves(visit: Visit) -> None:
    page = visit.page
    page.locator("#presets-tab").click()
    look = page.locator(f"#presets li[data-name='{FIRST}'] .look")
    look.wait_for()
    assert kind_of_picture(visit, FIRST) == "still"
    look.hover()
    visit.until(lambda: kind_of_picture(visit, FIRST) == "loop", "its loop")
    assert kind_of_picture(visit, SECOND) == "still"
    page.mouse.move(2, 2)
    visit.until(lambda: kind_of_picture(visit, FIRST) == "still", "the still picture again")
    look.focus()
    for _ in range(2):  # past the button that puts it on a pad
        page.keyboard.press("Tab")
    visit.until(
        lambda: kind_of_picture(visit, SECOND) == "loop",
        "the loop of the look that the keyboard has reached",
    )


def test_who_wants_less_motion_sees_still_pictures(visit: Visit) -> None:
    page = visit.page
    page.emulate_media(reduced_motion="reduce")
    page.locator("#presets-tab").click()
    fetched: list[str] = []
    page.on("request", lambda request: fetched.append(request.url))
    others = list(LOOKS)[2:4]  # their loops have not been loaded
    for name in others:
        page.locator(f"#presets li[data-name='{name}'] .look").hover()
    page.locator("#play-tab").click()
    assert [kind_of_picture(visit, name) for name in others] == ["still", "still"]
    assert not [url for url in fetched if url.endswith(".webp")]
    page.emulate_media(reduced_motion="no-preference")


def test_a_chosen_shader_shows_its_inputs_and_a_broken_one_its_line_in_red(
    visit: Visit, live: LiveEngine
) -> None:
    folder: Path = live.shaders
    folder.mkdir(exist_ok=True)
    (folder / "Glow.fs").write_text(shader())
    (folder / "Broken.fs").write_text(shader().replace("gl_FragColor", "nothing"))
    card = visit.page.locator(".card", has=visit.control("/fx/1/file"))
    card.locator("li .look", has_text="Broken").wait_for(state="attached")
    card.locator(".shader-now").click()
    card.locator("li .look", has_text="Glow").click()
    speed = card.locator('.inputs [data-address="/fx/1/speed"] [role=slider]')
    speed.wait_for()
    speed.press("End")
    live.becomes("/fx/1/1", 1.0)
    live.send("/fx/1/shape", "star")
    card.locator('.inputs [data-address="/fx/1/shape"] input[value=star]:checked').wait_for(
        state="attached"
    )
    card.locator('.inputs [data-address="/fx/1/flash"] .pull').click()
    card.locator(".shader-now").click()
    card.locator("li .look", has_text="Broken").click()
    card.locator(".fault", has_text="Glow plays on").wait_for()
    assert speed.is_visible()
    live.send("/fx/1/file", "")
    speed.wait_for(state="detached")
    assert visit.errors == []


def test_a_bypassed_shader_is_named_on_every_tab_until_it_plays_again(
    visit: Visit, live: LiveEngine
) -> None:
    folder: Path = live.shaders
    folder.mkdir(exist_ok=True)
    (folder / "Veil.fs").write_text(shader(image=False))
    status, control = live.engine.status, live.engine._parts.control_hub.shaders
    live.until(lambda: any(entry.name == "Veil" for entry in control.catalog.entries), "the file")
    live.send("/fx/generator/file", "Veil")
    live.until(lambda: status().shaders[0].draw_ms > 0, "the shader in the picture")
    overrun = ShaderState(costs_ms={"generator": 400.0}, overruns=frozenset({"generator"}))
    live.engine.post(lambda: control.after_frame(overrun, 1 / 12))
    lamp = visit.page.locator("header #bypassed")
    lamp.get_by_text("bypassed: Veil").wait_for()
    for tab in ("presets", "cues", "status", "monitor", "play"):
        visit.page.locator(f"#{tab}-tab").click()
        assert lamp.is_visible(), tab
    assert live.get("/fx/generator/enable") is True
    live.send("/fx/generator/enable", 1)
    lamp.wait_for(state="hidden")
    live.send("/fx/generator/file", "")
    assert visit.errors == []


@pytest.mark.parametrize("phone", [(390, 844)], indirect=True)
def test_on_a_phone_the_looks_in_view_move(phone: Visit) -> None:
    phone.page.locator("#presets-tab").click()
    phone.page.locator(f"#presets li[data-name='{FIRST}']").scroll_into_view_if_needed()
    phone.until(lambda: kind_of_picture(phone, FIRST) == "loop", "the loop in view")
    phone.page.locator(f"#presets li[data-name='{list(LOOKS)[-1]}']").scroll_into_view_if_needed()
    phone.until(
        lambda: kind_of_picture(phone, FIRST) == "still", "the still of the look that left the view"
    )


# -- an engine with children; the last tests here, which alone keep its page open ----------------


CHILDREN: list[Any] = []
"""The children, or their names, of the engine behind that page; a test may change them."""


@pytest.fixture(scope="module")
def long_guest(rig: PageRig) -> Iterator[Visit]:
    """The page of an engine with all pictures, each in its own grey, and a sink for each."""
    sinks = tuple(
        SinkStatus(kind="shared", name=name, state="running", frames=1, dropped=0, picture=name)
        for name in LEVELS
    )

    def status() -> object:
        now = tuple(
            each if isinstance(each, ChildStatus) else ChildStatus(name=each) for each in CHILDREN
        )
        return dataclasses.replace(rig.live.engine.status(), children=now, sinks=sinks)

    web = WebRig(Reports(), {"status": status, "pictures": LEVELS})
    with web.stack:
        for name, level in LEVELS.items():
            web.play(np.full((36, 64, 4), level, np.uint8), name)
        visit = rig.visit(viewport={"width": 1280, "height": 800})
        visit.page.goto(web.server.url)
        visit.page.wait_for_selector("body[data-state=connected]")
        yield visit
        visit.close()


@pytest.fixture
def guest(live: LiveEngine, long_guest: Visit) -> Iterator[Visit]:
    CHILDREN[:] = ["sd", "sam3"]
    long_guest.page.locator("#play-tab").click()
    yield long_guest
    assert long_guest.errors == []


def offered(visit: Visit) -> list[str]:
    return visit.page.locator("#pictures label:visible").all_inner_texts()


VOICE = {"delay_ms": 412.3, "algorithmic_ms": 310.0, "compute_ms": 60.2, "device_ms": 42.1,
    "input_db": -12.0,
         "output_db": -6.5, "rtf": 0.31, "underruns": 2, "speaker_hz": 110.2, "target_hz": 220.0,
         "transposed_semitones": 12.0}  # fmt: skip


def test_the_voice_shows_levels_and_the_parts_of_its_delay_beside_its_switch(guest: Visit) -> None:
    guest.page.locator("#search").fill("/rvc/enable")
    voice = guest.page.locator('.control[data-address="/rvc/enable"] .voice')
    assert voice.is_hidden(), "without a voice"
    CHILDREN.append(ChildStatus(name="rvc", facts=VOICE))
    guest.until(voice.is_visible, "the voice")
    assert voice.locator("p").inner_text() == (
        "delay 412 ms: block 310, computing 60, devices 42 · load 31 % · 2 late blocks · speaker "
        "110 Hz, transposed by "
        "12.0 semitones"
    )
    levels = {
        each.get_attribute("title"): each.evaluate("each => each.value")
        for each in voice.locator("meter").all()
    }
    assert levels == {"voice in": -12.0, "voice out": -6.5}
    CHILDREN[-1] = ChildStatus(name="rvc", facts={**VOICE, "rtf": 0.93})
    guest.until(lambda: voice.locator("p.is-bad").count() == 1, "that the load is too high")


def test_each_picture_and_each_sink_is_offered_by_its_full_name_and_each_picture_shown(
    guest: Visit,
) -> None:
    guest.until(lambda: offered(guest) == ["main", "SD", "SAM3", "SAM3 mask"], "the names")
    for name, level in zip(offered(guest), LEVELS.values(), strict=True):
        guest.page.get_by_role("radio", name=name, exact=True).check()
        guest.until(lambda level=level: abs(guest.picture_mean() - level) < 4, name)
    guest.page.locator("#status-tab").click()
    guest.page.locator("#sinks li").nth(3).wait_for()
    labels = guest.page.locator("#sinks li strong").all_inner_texts()
    assert labels == ["shared", "sd:shared", "sam3:shared", "sam3_mask:shared"]


def test_the_page_switches_to_the_main_picture_when_the_chosen_one_has_ended(guest: Visit) -> None:
    guest.page.get_by_role("radio", name="SAM3 mask").check()
    guest.until(lambda: abs(guest.picture_mean() - LEVELS["sam3_mask"]) < 4, "the mask")
    CHILDREN.remove("sd")
    guest.until(lambda: offered(guest) == ["main", "SAM3", "SAM3 mask"], "the names without SD")
    assert guest.page.get_by_role("radio", name="SAM3 mask").is_checked()
    CHILDREN.clear()
    guest.until(lambda: offered(guest) == [], "no choice")
    guest.until(lambda: abs(guest.picture_mean() - LEVELS["main"]) < 4, "the main picture")
    CHILDREN.append("sam3")
    guest.until(lambda: offered(guest) == ["main", "SAM3", "SAM3 mask"], "the choice again")
    assert guest.page.get_by_role("radio", name="main").is_checked()
