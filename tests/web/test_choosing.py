"""Choosing the sound on the page: a list of files, its transport by mouse, keys and touch; what cannot be opened."""

from pathlib import Path

import numpy as np
import soundfile

from tests.web.page_stage import Stage, Visit


def write_music(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for name, hz in (("one.wav", 220.0), ("two.wav", 880.0)):
        soundfile.write(folder / name, 0.5 * np.sin(2 * np.pi * hz * np.arange(48_000 * 60) / 48_000), 48_000)
    (folder / "set.m3u").write_text("one.wav\ntwo.wav\n")
    (folder / "broken.wav").write_bytes(b"no sound")


def test_a_list_of_files_is_chosen_and_played_with_keys(visit: Visit, stage: Stage) -> None:
    write_music(stage.music)
    row = visit.control("/audio/file/loop")
    files, tracks = row.locator("select[data-at='/audio/file']"), row.locator("select[data-at='/audio/track']")
    bar = row.locator(".transport")
    inputs = visit.page.locator("select[data-at='/audio/input']")
    assert not bar.is_visible(), "no list plays"
    stage.until(lambda: inputs.input_value() == "demo", "the demo loop as the current input")
    files.focus()  # what was written after the page was opened
    files.locator("option[value='set.m3u']").wait_for(state="attached")
    files.select_option("set.m3u")
    bar.wait_for()
    stage.until(lambda: inputs.input_value() == "files", "the input to be the files")
    stage.until(lambda: bar.locator(".name").inner_text() == "1 of 2: one.wav", "the first file")
    stage.until(lambda: tracks.input_value() == "1", "the first in the list")
    position = bar.locator("input[type=range]")
    position.press("End")
    stage.until(lambda: bar.locator(".name").inner_text() == "2 of 2: two.wav", "the next file, after the end of this")
    position.press("PageUp")
    stage.until(lambda: bar.locator(".time").inner_text().endswith("/ 1:00"), "minutes and seconds")
    stage.until(lambda: stage.engine.status().audio.place.position_s >= 5.0, "the engine to jump")
    play = bar.get_by_role("button", name="play or pause the sound file")
    play.press("Enter")
    stage.until(lambda: stage.engine.status().audio.place.state == "paused", "pause")
    stage.until(lambda: play.inner_text() == "play", "its button to offer the opposite")
    play.press("Enter")
    stage.until(lambda: stage.engine.status().audio.place.state == "playing", "play")
    tracks.select_option("1")
    stage.until(lambda: stage.engine.status().audio.place.number == 1, "the chosen file")

    files.select_option("broken.wav")
    visit.page.locator(".toast.fail", has_text="broken.wav: not a readable sound").wait_for()
    stage.until(lambda: files.input_value() == "set.m3u", "the truth")
    assert stage.engine.status().audio.place.state == "playing"
    monitor = visit.control("/audio/monitor/offset_ms").locator("select[data-at='/audio/monitor']")
    monitor.evaluate("list => { list.add(new Option('gone', 'gone')); list.value = 'gone' }")
    monitor.dispatch_event("change")
    visit.page.locator(".toast.fail", has_text="/audio/monitor/open: ").wait_for()
    stage.until(lambda: monitor.input_value() == "none", "no output")
    inputs.select_option("demo")
    bar.wait_for(state="hidden")


def test_the_transport_fits_a_phone(phone: Visit, stage: Stage) -> None:
    write_music(stage.music)
    stage.send("/audio/file/open", "set.m3u")
    bar = phone.control("/audio/file/loop").locator(".transport")
    bar.wait_for()
    assert phone.page.evaluate("document.documentElement.scrollWidth") <= phone.page.viewport_size["width"]
    bar.get_by_role("button", name="next sound file").tap()
    stage.until(lambda: stage.engine.status().audio.place.number == 2, "the next file")
    bar.scroll_into_view_if_needed()
    stage.send("/audio/input/open", "demo")
    bar.wait_for(state="hidden")
