"""The page's status: warnings and notices, facts of children, the sinks that can be started, the timecode."""

import re
from collections.abc import Callable
from typing import Any

from engine.sinks import available_kinds
from tests.support.mtc_signal import full_frame
from tests.web.page_stage import Stage, Visit

WaitFor = Callable[..., Any]


def test_seen_warnings_are_not_counted(visit: Visit, stage: Stage, wait_for: WaitFor) -> None:
    page = visit.page
    badge = page.locator("#warning-count")
    page.locator("#status-tab").click()
    badge.wait_for(state="hidden")
    page.locator("#presets-tab").click()
    wait_for(lambda: (stage.send("/layer/of/that/name"), badge.is_visible())[1], "the badge")
    page.locator("#status-tab").click()
    badge.wait_for(state="hidden")
    page.locator("#warnings li", has_text="/layer/of/that/name").first.wait_for()
    page.reload()
    page.locator("#warnings li", has_text="/layer/of/that/name").first.wait_for()
    page.locator("#presets-tab").click()
    assert badge.is_hidden()


def test_notices_are_listed_but_not_counted_as_warnings(visit: Visit, stage: Stage, wait_for: WaitFor) -> None:
    page = visit.page
    badge = page.locator("#warning-count")
    page.locator("#status-tab").click()
    badge.wait_for(state="hidden")
    page.locator("#presets-tab").click()
    for pid in (7, 8):
        stage.engine._parts.warnings.notice(f"sam3: ready (process {pid})")
    news = page.locator("#warnings li", has_text="sam3: ready")
    wait_for(lambda: news.count() == 2, "the news")
    assert badge.is_hidden()
    warning = page.locator("#warnings li", has_text="/layer/1/good")
    wait_for(lambda: (stage.send("/layer/1/good"), warning.count())[1], "a warning beside them")
    wait_for(lambda: badge.inner_text() == str(warning.count()), "the warnings alone to be counted")
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


def test_the_badge_counts_new_warnings_even_if_old_ones_were_dropped(visit: Visit) -> None:
    counts = visit.page.evaluate(
        """async () => {
            const { newIn } = await import("/page/status.js");
            return [newIn(["a", "b"], []), newIn(["a", "b"], ["a", "b"]), newIn(["b", "c", "d"], ["a", "b"]),
                newIn(["x", "y"], ["a", "b"]), newIn(["a", "a", "a"], ["a", "a"]), newIn([], ["a"])];
        }"""
    )
    assert counts == [2, 0, 2, 2, 1, 0]


def test_a_childs_facts_have_units_and_zero_fault_counts_are_hidden(visit: Visit) -> None:
    said = visit.page.evaluate(
        """async () => {
            const { factsOf } = await import("/page/status.js");
            return [factsOf({ fps: 12.34, decode_ms: 4, pictures: 0, nan: 0, skipped: 0, memory_mb: 17,
                slice_p99_ms: 55.93, size: "512x512" }),
                factsOf({ nan: 2, skipped: 1, duty: 0.125, copy_ms: null }), factsOf({})];
        }"""
    )
    assert said == [
        "fps 12.34 · decode 4.0 ms · pictures 0 · memory 17 MB · slice p99 55.9 ms · size 512x512",
        "nan 2 · skipped 1 · duty 0.13 · copy ms null",
        "",
    ]


def test_the_latency_and_what_was_left_out_are_told_in_words(visit: Visit) -> None:
    said = visit.page.evaluate(
        """async () => {
            const { latencyOf, leftOut } = await import("/page/status.js");
            return [latencyOf({ p50: 9.26, p99: 18.04, worst: 43.96 }), leftOut({ replaced: 7, discarded: 0, lost: 2 }),
                leftOut({ replaced: 0, discarded: 3, lost: 0 }), leftOut({ replaced: 0, discarded: 0, lost: 0 })];
        }"""
    )
    assert said == [
        "9.3 ms median, 1 in 100 takes more than 18.0 ms, worst 44.0 ms (last minute)",
        "7 replaced by newer values, 2 lost by the system",
        "3 discarded",
        "",
    ]


def test_the_facts_show_the_latency_of_osc(visit: Visit, stage: Stage, wait_for: WaitFor) -> None:
    visit.page.locator("#status-tab").click()
    stage.send("/layer/1/angle", 12.0)
    facts = visit.page.locator("#facts")
    wait_for(lambda: "ms median, 1 in 100 takes more than" in facts.inner_text().partition("latency")[2], "it")
    assert "OSC left out" not in facts.inner_text()


REASONS = {info.kind: info.reason for info in available_kinds() if not info.is_available}


def test_unavailable_switches_are_disabled_with_the_reason(visit: Visit, stage: Stage, wait_for: WaitFor) -> None:
    reasons = {f"/sink/{kind}/enable": reason for kind, reason in REASONS.items()} | {"/sd/enable": "--sd MODEL"}
    for address, reason in reasons.items():
        row = visit.control(address)
        row.locator(".reason", has_text=reason).wait_for()
        assert row.get_by_role("switch").is_disabled()
    free = visit.control("/sink/snapshot/enable")
    assert free.get_by_role("switch").is_enabled() and free.locator(".reason").count() == 0
    assert {"/sink/syphon/enable", "/sink/spout/enable"} & reasons.keys(), "no system has both"


def test_dropped_frames_are_a_warning(visit: Visit, stage: Stage, wait_for: WaitFor) -> None:
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

    dropped, due, late, share, *ever = wait_for(lambda: told()[0] >= 1282 and told(), "the dropped frames")
    assert dropped <= due and share == round(100 * (dropped + late) / due)
    assert ever[0] >= dropped and ever[1] >= due and ever[3] == round(100 * (ever[0] + ever[2]) / ever[1])
    assert page.locator("#late-mark").is_visible()
    assert "No warnings" not in page.locator("#status-panel").inner_text()


def test_sinks_that_run_on_every_machine_are_offered_first(visit: Visit, wait_for: WaitFor) -> None:
    visit.page.locator("#status-tab").click()
    kinds = visit.page.locator("#sink-kind")
    wait_for(lambda: kinds.locator("option:disabled").count() == len(REASONS), "those that cannot run here to be grey")
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


def test_lighting_and_link_are_told_in_a_line_each(visit: Visit) -> None:
    desk = {"number": 1, "state": "live", "source": "artnet 2.0.0.5", "sources": 2, "packets_hz": 43.6}
    session = {"state": "following", "peers": 1, "bpm": 133.0, "detail": ""}
    told = visit.page.evaluate(
        """async ([desk, session]) => {
          const { universeOf, linkOf, lightingRows } = await import("/page/status.js");
          const missing = { state: "missing", peers: 0, bpm: 0, detail: "not installed" };
          return [universeOf(desk), universeOf({ ...desk, state: "held" }), linkOf(session),
            linkOf({ ...session, state: "alone", peers: 0 }), linkOf(missing),
            linkOf({ ...missing, state: "starting", detail: "" }), lightingRows(null),
            lightingRows({ listen: "artnet", universes: [], shared_ports: [6454] }),
            lightingRows({ shared_ports: [], universes: [...Array(64).keys()].map((number) => ({ ...desk, number,
              state: number < 2 ? "held" : "live" })) })];
        }""",
        [desk, session],
    )
    assert told == [
        "artnet 2.0.0.5, 44 packets a second, of 2 desks",
        "nothing arrives; the levels of artnet 2.0.0.5 are held",
        "133.00 beats/min, with 1 other program",
        "133.00 beats/min, no other program yet",
        "not installed",
        "starting",
        [],
        [
            ["lighting", "nothing received yet (artnet)", False],
            ["UDP port 6454", "another program has it, too; unicast reaches only one", True],
        ],
        [["lighting", "64 universes, 2790 packets a second; 2 held: 0, 1", True]],
    ]


def test_a_cue_gets_its_timecode_typed_or_taken_from_the_clock(visit: Visit, stage: Stage, wait_for: WaitFor) -> None:
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
