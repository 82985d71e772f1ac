"""Pictures on the page: those of a run and their selector, the built-in looks, the shaders.

In one file, because each file of page tests starts an engine and a browser of its own.
"""

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from engine.children.spec import ChildStatus
from engine.params.looks import LOOKS, WORLDS
from engine.render.isf.isf_file import ShaderState
from engine.sinks import SinkStatus
from tests.control.commands.test_shader import shader
from tests.web.conftest import Stand
from tests.web.page_stage import House, Stage, Visit

FIRST, SECOND = list(LOOKS)[:2]
LEVELS = {"main": 40, "sd": 90, "sam3": 140, "sam3_mask": 190}


@pytest.fixture
def children() -> list[str]:
    """The children of the engine behind the page; a test may change them."""
    return ["sd", "sam3"]


@pytest.fixture
def stand(serve: Callable[..., Stand], stage: Stage, children: list[str]) -> Stand:
    """An engine with all pictures, each in its own grey, and a sink for each."""
    sinks = tuple(
        SinkStatus(kind="shared", name=name, state="running", frames=1, dropped=0, picture=name) for name in LEVELS
    )

    def status() -> object:
        now = tuple(ChildStatus(name=name) for name in children)
        return dataclasses.replace(stage.engine.status(), children=now, sinks=sinks)

    stand = serve(status=status, pictures=LEVELS)
    for name, level in LEVELS.items():
        stand.play(np.full((36, 64, 4), level, np.uint8), name)
    return stand


@pytest.fixture
def guest(request: pytest.FixtureRequest, house: House, stand: Stand) -> Iterator[Visit]:
    width, height = getattr(request, "param", (1280, 800))
    visit = house.visit(viewport={"width": width, "height": height})
    visit.page.goto(stand.server.url)
    visit.page.wait_for_selector("body[data-state=connected]")
    yield visit
    assert visit.errors == []
    visit.close()


def offered(visit: Visit) -> list[str]:
    return visit.page.locator("#pictures label:visible").all_inner_texts()


@pytest.mark.parametrize(
    "guest", [(1280, 800), (360, 640), (844, 390)], ids=["desk", "phone", "phone on its side"], indirect=True
)
def test_each_picture_of_the_engine_is_offered_by_its_full_name_and_shown(guest: Visit) -> None:
    guest.until(lambda: offered(guest) == ["main", "SD", "SAM3", "SAM3 mask"], "the names")
    for name, level in zip(offered(guest), LEVELS.values(), strict=True):
        guest.page.get_by_role("radio", name=name, exact=True).check()
        guest.until(lambda level=level: abs(guest.picture_mean() - level) < 4, name)
    cut = "parts => parts.filter((part) => part.scrollWidth > part.clientWidth).map((part) => part.textContent)"
    assert guest.page.locator("#pictures, #pictures span").evaluate_all(cut) == []


def test_the_page_switches_to_the_main_picture_when_the_chosen_one_is_gone(guest: Visit, children: list[str]) -> None:
    guest.page.get_by_role("radio", name="SAM3 mask").check()
    guest.until(lambda: abs(guest.picture_mean() - LEVELS["sam3_mask"]) < 4, "the mask")
    children.remove("sd")
    guest.until(lambda: offered(guest) == ["main", "SAM3", "SAM3 mask"], "the names without SD")
    assert guest.page.get_by_role("radio", name="SAM3 mask").is_checked()
    children.clear()
    guest.until(lambda: offered(guest) == [], "no choice")
    guest.until(lambda: abs(guest.picture_mean() - LEVELS["main"]) < 4, "the main picture")
    children.append("sam3")
    guest.until(lambda: offered(guest) == ["main", "SAM3", "SAM3 mask"], "the choice again")
    assert guest.page.get_by_role("radio", name="main").is_checked()


def test_sinks_are_listed_by_their_labels(guest: Visit) -> None:
    guest.page.locator("#status-tab").click()
    guest.page.locator("#sinks li").nth(3).wait_for()
    labels = guest.page.locator("#sinks li strong").all_inner_texts()
    assert labels == ["shared", "sd:shared", "sam3:shared", "sam3_mask:shared"]


def shown(visit: Visit, name: str) -> str:
    """What the picture of that look is: still or loop."""
    src = visit.page.locator(f"#presets li[data-name='{name}'] img").get_attribute("src")
    return "loop" if src.startswith("blob:") else "still"


def test_looks_stand_in_groups_by_their_worlds_and_saved_ones_after_them(visit: Visit, stage: Stage) -> None:
    page = visit.page
    page.locator("#presets-tab").click()
    stage.send("/preset/save", "Mine")
    page.locator("#presets li[data-name=Mine]").wait_for()
    rows = page.locator("#presets > li").evaluate_all(
        "rows => rows.map((row) => row.dataset.name ?? `# ${row.textContent}`)"
    )
    worlds = [row for world, looks in WORLDS.items() for row in (f"# {world}", *looks)]
    assert rows[: len(worlds) + 4] == ["default", "VAV original", *worlds, "# saved", "Mine"]
    picture = page.locator("#presets li[data-name=Mine] img")
    stage.until(lambda: picture.evaluate("img => img.complete && img.naturalWidth"), "its picture, before it is gone")
    stage.send("/preset/delete", "Mine")
    page.locator("#presets li.world", has_text="saved").wait_for(state="detached")


def test_with_a_mouse_only_the_look_under_it_moves(visit: Visit) -> None:
    page = visit.page
    page.locator("#presets-tab").click()
    look = page.locator(f"#presets li[data-name='{FIRST}'] .look")
    look.wait_for()
    assert shown(visit, FIRST) == "still"
    look.hover()
    visit.until(lambda: shown(visit, FIRST) == "loop", "its loop")
    picture = page.locator(f"#presets li[data-name='{FIRST}'] img")
    visit.until(lambda: picture.evaluate("img => img.complete && img.naturalWidth") == 240, "the loop to be decoded")
    assert shown(visit, SECOND) == "still"
    page.mouse.move(2, 2)
    visit.until(lambda: shown(visit, FIRST) == "still", "the still picture again")
    page.locator(f"#presets li[data-name='{FIRST}'] .look").focus()
    page.keyboard.press("Tab")
    visit.until(lambda: shown(visit, SECOND) == "loop", "the loop of the look that the keyboard has reached")


def test_on_a_phone_the_looks_in_view_move_and_a_tap_is_not_needed(house: House) -> None:
    visit = house.visit(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True).open()
    page, last = visit.page, list(LOOKS)[-1]
    page.locator("#presets-tab").click()
    page.locator(f"#presets li[data-name='{FIRST}']").scroll_into_view_if_needed()
    visit.until(lambda: shown(visit, FIRST) == "loop", "the loop in view")
    page.locator(f"#presets li[data-name='{last}']").evaluate("row => row.scrollIntoView({block: 'end'})")
    visit.until(lambda: shown(visit, last) == "loop", "the loop that came into view")
    page.locator("#presets li[data-name='default']").evaluate("row => row.scrollIntoView()")
    visit.until(lambda: shown(visit, last) == "still", "the still of the look that left the view")
    visit.close()


def test_who_wants_less_motion_sees_still_pictures(house: House) -> None:
    visit = house.visit(reduced_motion="reduce").open()
    page = visit.page
    page.locator("#presets-tab").click()
    fetched: list[str] = []
    page.on("request", lambda request: fetched.append(request.url))
    page.locator(f"#presets li[data-name='{FIRST}'] .look").hover()
    page.locator(f"#presets li[data-name='{SECOND}'] .look").hover()
    page.locator("#play-tab").click()
    assert shown(visit, FIRST) == shown(visit, SECOND) == "still"
    assert not [url for url in fetched if url.endswith(".webp")]
    visit.close()


def test_a_chosen_shader_shows_its_inputs_and_a_broken_one_its_line_in_red(visit: Visit, stage: Stage) -> None:
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
    stage.becomes("/fx/1/1", 1.0)
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


def test_a_bypassed_shader_is_named_in_the_header_on_every_tab_until_it_plays_again(visit: Visit, stage: Stage) -> None:
    folder: Path = stage.shaders
    folder.mkdir(exist_ok=True)
    (folder / "Veil.fs").write_text(shader(image=False))
    status, control = stage.engine.status, stage.engine._parts.drawing.shaders
    stage.until(lambda: any(entry.name == "Veil" for entry in control.catalog.entries), "the file")
    stage.send("/fx/generator/file", "Veil")
    stage.until(lambda: status().shaders[0].draw_ms > 0, "the shader in the picture")
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
