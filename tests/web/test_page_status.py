"""The page's status: warnings and notices, facts of children, the sinks that can be started, the timecode."""

import re

from engine.sinks import available_kinds
from tests.support.mtc_signal import full_frame
from tests.web.page_stage import Stage, Visit


def test_seen_warnings_are_not_counted(visit: Visit, stage: Stage) -> None:
    page = visit.page
    badge = page.locator("#warning-count")
    page.locator("#status-tab").click()
    badge.wait_for(state="hidden")
    page.locator("#presets-tab").click()
    stage.until(lambda: (stage.send("/layer/of/that/name"), badge.is_visible())[1], "the badge")
    page.locator("#status-tab").click()
    badge.wait_for(state="hidden")
    page.locator("#warnings li", has_text="/layer/of/that/name").first.wait_for()
    page.reload()
    page.locator("#warnings li", has_text="/layer/of/that/name").first.wait_for()
    page.locator("#presets-tab").click()
    assert badge.is_hidden()


def test_notices_are_listed_but_not_counted_as_warnings(visit: Visit, stage: Stage) -> None:
    page = visit.page
    badge = page.locator("#warning-count")
    page.locator("#status-tab").click()
    badge.wait_for(state="hidden")
    page.locator("#presets-tab").click()
    for pid in (7, 8):
        stage.engine._parts.warnings.notice(f"sam3: ready (process {pid})")
    news = page.locator("#warnings li", has_text="sam3: ready")
    stage.until(lambda: news.count() == 2, "the news")
    assert badge.is_hidden()
    warning = page.locator("#warnings li", has_text="/layer/1/good")
    stage.until(lambda: (stage.send("/layer/1/good"), warning.count())[1], "a warning beside them")
    stage.until(lambda: badge.inner_text() == str(warning.count()), "the warnings alone to be counted")
    page.locator("#status-tab").click()
    colours = {line.evaluate("line => getComputedStyle(line).color") for line in (news.first, page.locator("body"))}
    assert len(colours) == 1, "as any text"
    assert warning.first.evaluate("line => getComputedStyle(line).color") not in colours


def test_the_beat_in_use_and_its_clock_are_shown(visit: Visit, stage: Stage) -> None:
    page = visit.page
    page.locator("#status-tab").click()
    beat = page.locator("#facts dt", has_text=re.compile("^beat$")).locator("xpath=following-sibling::dd[1]")
    stage.send("/tempo/source", "manual")
    stage.send("/tempo/bpm", 97.0)
    beat.get_by_text("97.0 beats/min from taps").wait_for()
    stage.send("/tempo/source", "midi")
    beat.get_by_text("97.0 beats/min, running on: nothing to follow from MIDI clock").wait_for()


DESK = {"number": 1, "state": "live", "source": "artnet 2.0.0.5", "sources": 2, "packets_hz": 43.6}
SESSION = {"state": "following", "peers": 1, "bpm": 133.0, "detail": ""}
NO_LIBRARY = {"state": "missing", "peers": 0, "bpm": 0, "detail": "not installed"}
ADDED_UP = [{**DESK, "number": number, "state": "held" if number < 2 else "live"} for number in range(64)]
UNUSED = {"listen": "artnet", "universes": [], "shared_ports": [6454]}
FACTS = {"fps": 12.34, "decode_ms": 4, "pictures": 0, "nan": 0, "skipped": 0, "memory_mb": 17, "slice_p99_ms": 55.93}
LATENCY = {"p50": 9.26, "p99": 18.04, "worst": 43.96}
WORDS: list[tuple[str, list[object], object]] = [
    ("newIn", [["a", "b"], []], 2),
    ("newIn", [["a", "b"], ["a", "b"]], 0),
    ("newIn", [["b", "c", "d"], ["a", "b"]], 2),
    ("newIn", [["x", "y"], ["a", "b"]], 2),
    ("newIn", [["a", "a", "a"], ["a", "a"]], 1),
    ("newIn", [[], ["a"]], 0),
    ("factsOf", [FACTS], "fps 12.34 · decode 4.0 ms · pictures 0 · memory 17 MB · slice p99 55.9 ms"),
    ("factsOf", [{"size": "512x512"}], "size 512x512"),
    ("factsOf", [{"nan": 2, "skipped": 1, "duty": 0.125}], "nan 2 · skipped 1 · duty 0.13"),
    ("factsOf", [{"copy_ms": None}], "copy ms null"),
    ("factsOf", [{}], ""),
    ("latencyOf", [LATENCY], "9.3 ms median, 1 in 100 takes more than 18.0 ms, worst 44.0 ms (last minute)"),
    ("leftOut", [{"replaced": 7, "discarded": 0, "lost": 2}], "7 replaced by newer values, 2 lost by the system"),
    ("leftOut", [{"replaced": 0, "discarded": 3, "lost": 0}], "3 discarded"),
    ("leftOut", [{"replaced": 0, "discarded": 0, "lost": 0}], ""),
    ("universeOf", [DESK], "artnet 2.0.0.5, 44 packets a second, of 2 desks"),
    ("universeOf", [{**DESK, "state": "held"}], "nothing arrives; the levels of artnet 2.0.0.5 are held"),
    ("linkOf", [SESSION], "133.00 beats/min, with 1 other program"),
    ("linkOf", [{**SESSION, "state": "alone", "peers": 0}], "133.00 beats/min, no other program yet"),
    ("linkOf", [NO_LIBRARY], "not installed"),
    ("linkOf", [{**NO_LIBRARY, "state": "starting", "detail": ""}], "starting"),
    ("lightingRows", [None], []),
    ("lightingRows", [UNUSED], [["lighting", "nothing received yet (artnet)", False],
                      ["UDP port 6454", "another program has it, too; unicast reaches only one", True]]),
    ("lightingRows", [{"shared_ports": [], "universes": ADDED_UP}],
                     [["lighting", "64 universes, 2790 packets a second; 2 held: 0, 1", True]]),
]  # fmt: skip


def test_facts_are_told_in_words(visit: Visit) -> None:
    said = visit.page.evaluate(
        """async (calls) => {
            const status = await import("/page/status.js");
            return calls.map(([name, args]) => status[name](...args));
        }""",
        [row[:2] for row in WORDS],
    )
    assert said == [told for _, _, told in WORDS]


def test_the_facts_show_the_latency_of_osc(visit: Visit, stage: Stage) -> None:
    visit.page.locator("#status-tab").click()
    stage.send("/layer/1/angle", 12.0)
    facts = visit.page.locator("#facts")
    stage.until(lambda: "ms median, 1 in 100 takes more than" in facts.inner_text().partition("latency")[2], "it")
    assert "OSC left out" not in facts.inner_text()


REASONS = {info.kind: info.reason for info in available_kinds() if not info.is_available}


def test_unavailable_switches_are_disabled_with_the_reason(visit: Visit, stage: Stage) -> None:
    reasons = {f"/sink/{kind}/enable": reason for kind, reason in REASONS.items()} | {"/sd/enable": "--sd MODEL"}
    for address, reason in reasons.items():
        row = visit.control(address)
        row.locator(".reason", has_text=reason).wait_for()
        assert row.get_by_role("switch").is_disabled()
    free = visit.control("/sink/snapshot/enable")
    assert free.get_by_role("switch").is_enabled() and free.locator(".reason").count() == 0
    assert {"/sink/syphon/enable", "/sink/spout/enable"} & reasons.keys(), "no system has both"


def test_dropped_frames_are_a_warning(visit: Visit, stage: Stage) -> None:
    page = visit.page
    page.locator("#status-tab").click()
    stage.engine._loop.schedule.dropped += 1282
    line = (
        r"In the last 10 s (\d+) of (\d+) frames were dropped and (\d+) were late \((\d+) %\).*"
        r" Since the start (\d+) of (\d+) frames were dropped and (\d+) were late \((\d+) %\)\."
    )

    def told() -> list[int]:
        found = re.fullmatch(line, page.locator("#late").inner_text())
        return [int(number) for number in found.groups()] if found else [0]

    dropped, due, late, share, *ever = stage.until(lambda: told()[0] >= 1282 and told(), "the dropped frames")
    assert dropped <= due and share == round(100 * (dropped + late) / due)
    assert ever[0] >= dropped and ever[1] >= due and ever[3] == round(100 * (ever[0] + ever[2]) / ever[1])
    assert page.locator("#late-mark").is_visible()
    assert "No warnings" not in page.locator("#status-panel").inner_text()


def test_sinks_that_run_on_every_machine_are_offered_first(visit: Visit) -> None:
    visit.page.locator("#status-tab").click()
    kinds = visit.page.locator("#sink-kind")
    visit.until(
        lambda: kinds.locator("option:disabled").count() == len(REASONS), "those that cannot run here to be grey"
    )
    options = kinds.locator("option").all_inner_texts()
    assert [option.split()[0] for option in options] == ["record", "snapshot", "shared", "ndi", "syphon", "spout"]
    assert kinds.evaluate("list => list.getBoundingClientRect().width") >= 100, "wide enough for its longest"


def test_a_lamp_is_lit_while_the_flash_guard_limits(visit: Visit, stage: Stage) -> None:
    lamp = visit.page.locator("#flash-guard")
    # At least two pictures per cycle, at twelve a second: a faster strobe would alias to a slower one.
    strobe = {"/lfo/1/shape": "square", "/lfo/1/rate_hz": 5.0, "/mod/1/source": "lfo1", "/mod/1/amount": -1.0}
    # Between full brightness and black, on a background that is not black: most looks are too dark to flash, and a busy
    # machine may draw only eight pictures a second.
    light = {"/mod/1/target": "/multiverse/brightness", "/multiverse/brightness": 4.0, "/multiverse/bias": 1.0}
    stage.send("/preset/load", "VAV original")
    for address, value in {**strobe, **light}.items():
        stage.send(address, value)
    visit.page.locator("#flash-guard.is-on").wait_for()
    assert lamp.inner_text() == "flash guard"
    visit.page.locator("#status-tab").click()
    visit.page.locator("#facts dd", has_text="of the last 10 s").wait_for()
    stage.send("/safety/flash_guard", 0)
    visit.page.locator("#flash-guard.is-off", has_text="flash guard off").wait_for()


def test_a_cue_gets_its_timecode_typed_or_taken_from_the_clock(visit: Visit, stage: Stage) -> None:
    page = visit.page
    page.locator("#cues-tab").click()
    assert page.locator("#timecode").is_hidden()
    stage.send("/cue/set", 1, "default")
    row = page.locator("#cues li").first
    row.wait_for()
    assert row.locator(".take").is_hidden(), "there is nothing to take"
    stage.send("/timecode/source", "mtc")
    page.locator("#timecode-state", has_text="MTC none").wait_for()
    stage.send("/sysex", full_frame((1, 2, 3, 4)).hex(" "))
    page.locator("#timecode-now", has_text="01:02:03:04").wait_for()
    assert page.locator("#timecode-state").inner_text() == "MTC locked"
    row.locator(".take").click()
    page.locator("#cues input[value='01:02:03:04']").wait_for()
    field = page.locator("#cues li").first.locator(".timecode")
    field.fill("2:00:00:00")
    field.blur()
    page.locator("#cues input[value='02:00:00:00']").wait_for()
    fade = page.locator("#cues li").first.locator("input").nth(1)
    fade.fill("3")
    fade.blur()
    page.locator("#cues input[value='3']").wait_for()
    assert page.locator("#cues li").first.locator(".timecode").input_value() == "02:00:00:00", "an edit keeps it"
    page.locator("#status-tab").click()
    page.locator("#facts", has_text="MTC locked, 01:02:03:04, 25 frames a second, standing").wait_for()
    stage.send("/timecode/source", "off")
    stage.send("/cue/delete", 1)
    page.locator("#cues li").wait_for(state="detached")
