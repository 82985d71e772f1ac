"""Shaders on the page: choosing one, its inputs as controls, its errors."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine.render.isf.isf_file import ShaderState
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


def test_a_bypassed_shader_is_named_in_the_header_on_every_tab_until_it_plays_again(
    visit: Visit, stage: Stage, wait_for: WaitFor
) -> None:
    folder: Path = stage.shaders
    folder.mkdir(exist_ok=True)
    (folder / "Veil.fs").write_text(shader(image=False))
    status, control = stage.engine.status, stage.engine._parts.shaders
    wait_for(lambda: any(entry.name == "Veil" for entry in control.catalog.entries), "the file")
    stage.send("/fx/generator/file", "Veil")
    wait_for(lambda: status().shaders[0].draw_ms > 0, "the shader in the picture")
    given_up = ShaderState(costs_ms={"generator": 400.0}, overruns=frozenset({"generator"}))
    stage.engine.post(lambda: control.after_frame(given_up, 1 / 12))
    lamp = visit.page.locator("header #bypassed")
    lamp.get_by_text("bypassed: Veil").wait_for()
    for tab in ("presets", "cues", "status", "monitor", "play"):
        visit.page.locator(f"#{tab}-tab").click()
        assert lamp.is_visible(), tab
    assert stage.get("/fx/generator/enable") is True
    stage.send("/fx/generator/enable", 1)
    lamp.wait_for(state="hidden")
    stage.send("/fx/generator/file", "")
    assert visit.errors == []
