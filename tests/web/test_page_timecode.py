"""The page's view of a timecode: the clock, the state, and the times of cues."""

from collections.abc import Callable

from tests.support.mtc_signal import full_frame
from tests.web.page_stage import Stage, Visit

WaitFor = Callable[[Callable[[], object], str], None]


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
