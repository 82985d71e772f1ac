"""Shaders on the page: choosing one, its inputs as controls, its errors."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.control.commands.test_shader import shader
from tests.web.page_stage import Stage, Visit

WaitFor = Callable[..., Any]


def test_a_chosen_shader_shows_its_inputs_and_a_broken_one_its_line_in_red(
    visit: Visit, stage: Stage, wait_for: WaitFor
) -> None:
    folder: Path = stage.shaders
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
    wait_for(lambda: stage.get("/fx/1/1") == 1.0, "the fader to reach the engine")
    stage.send("/fx/1/shape", "star")
    card.locator('.inputs [data-address="/fx/1/shape"] input[value=star]:checked').wait_for(state="attached")
    card.locator('.inputs [data-address="/fx/1/flash"] .pull').click()
    card.locator(".shader-now").click()
    card.locator("li .look", has_text="Broken").click()
    card.locator(".fault", has_text="Glow plays on").wait_for()
    assert speed.is_visible()
    stage.send("/fx/1/file", "")
    speed.wait_for(state="detached")
    assert visit.errors == []
