"""Modulation on the page: a route made at the control, the moved value beside the set one, all routes in one list."""

import os
from typing import Any

import pytest

from osc_schema.modulation import ROUTES
from tests.web.page_stage import Stage, Visit

CURVE = "/layer/2/curve"
CHOOSE_A_SOURCE = "#modulate-menu button[data-source='{}']"


@pytest.fixture(autouse=True)
def no_routes(stage: Stage) -> None:
    off = [(f"/mod/{n}/{part}", value) for n in ROUTES for part, value in (("source", "off"), ("target", ""))]
    stage.engine.params.set_many(off, by="test")


def picture(visit: Visit, name: str) -> None:
    """For the eye, if SHOTS names a folder."""
    if folder := os.environ.get("SHOTS"):
        visit.page.screenshot(path=f"{folder}/{name}.png")


def route(stage: Stage, n: int) -> tuple[Any, ...]:
    return tuple(stage.get(f"/mod/{n}/{part}") for part in ("source", "target", "amount", "mute"))


def ghost(visit: Visit, address: str) -> float:
    """Where the moved value is shown, in percent of the fader."""
    return float(visit.control(address).locator(".ghost").evaluate("mark => parseFloat(mark.style.translate) + 100"))


def test_a_route_is_made_by_touching_a_control_and_choosing_a_source(visit: Visit, stage: Stage) -> None:
    page = visit.page
    stage.engine.params.set_many([("/lfo/1/shape", "saw"), ("/lfo/1/tempo_sync", "beat")], by="test")
    stage.engine.params.set_many([("/mod/1/source", "rms"), ("/mod/1/target", "/layer/1/curve")], by="test")
    page.locator("#routes li[data-route='1']").wait_for(state="attached")
    before = visit.shown(CURVE)
    page.locator("#modulate").click()
    visit.control("/master/fade").locator("[role=slider]").click()
    page.locator("#modulate-banner", has_text="/master/fade cannot be modulated").wait_for()
    visit.slider(CURVE).click()
    page.locator("#sources-title", has_text=CURVE).wait_for()
    assert visit.shown(CURVE) == before, "the touch moves nothing"
    bar = page.locator(CHOOSE_A_SOURCE.format("lfo1")).locator("i")
    seen: set[str] = set()
    stage.until(lambda: len(seen.add(bar.evaluate("bar => bar.style.transform")) or seen) > 3, "a meter that moves")
    picture(visit, "menu")
    page.keyboard.press("Escape")
    page.locator("#modulate-menu").wait_for(state="hidden")
    page.locator("#modulate").click()
    visit.slider(CURVE).click()
    page.locator("#freeze").click()
    stage.becomes("/master/freeze", True)
    page.locator("#freeze").click()
    stage.becomes("/master/freeze", False)
    page.locator(CHOOSE_A_SOURCE.format("lfo1")).click()
    stage.until(lambda: stage.get("/mod/2/source") == "lfo1", "the first free route")
    assert route(stage, 2)[1] == CURVE and abs(route(stage, 2)[2]) == 0.5
    visit.control(CURVE).locator(".ghost").wait_for(state="attached")
    places: set[float] = set()
    stage.until(lambda: len(places.add(ghost(visit, CURVE)) or places) > 3, "a moving ghost")
    assert visit.shown(CURVE) == before, "the handle stays at the set value"
    picture(visit, "ghost")


def test_without_routes_nothing_is_sent_and_no_ghost_stays(visit: Visit, stage: Stage) -> None:
    page = visit.page
    stage.engine.params.set_many([("/mod/1/source", "lfo1"), ("/mod/1/target", CURVE)], by="test")
    visit.control(CURVE).locator(".ghost").wait_for(state="attached")
    stage.engine.params.set("/mod/1/mute", True, by="test")
    page.locator(".ghost").first.wait_for(state="detached")
    assert route(stage, 1)[:2] == ("lfo1", CURVE), "mute keeps the values"


def test_all_routes_are_one_list_that_the_keyboard_can_edit(visit: Visit, stage: Stage) -> None:
    page, keys = visit.page, visit.page.keyboard
    slider, before = visit.slider(CURVE), visit.shown(CURVE)
    page.locator("#modulate").focus()
    keys.press("Enter")
    slider.focus()
    keys.press("ArrowRight")
    assert visit.shown(CURVE) == before, "a key selects, and moves nothing"
    keys.press("Enter")
    page.locator("#modulate-menu[open]").wait_for()
    page.locator(CHOOSE_A_SOURCE.format("kick")).focus()
    keys.press("Enter")
    stage.until(lambda: route(stage, 1)[:2] == ("kick", CURVE), "the route")
    page.locator("#mapping-tab").focus()
    keys.press("Enter")
    row = page.locator("#routes li:visible")
    assert row.count() == 1
    picture(visit, "list")
    row.locator("input[type=range]").focus()
    keys.press("Home")
    stage.becomes("/mod/1/amount", -1.0)
    for label, done in (
        ("mute route 1", lambda: stage.get("/mod/1/mute")),
        ("copy route 1", lambda: route(stage, 2) == ("kick", CURVE, -1.0, True)),
        ("remove route 1", lambda: route(stage, 1)[:2] == ("off", "")),
    ):
        page.locator(f"[aria-label='{label}']").focus()
        keys.press("Enter")
        stage.until(done, label)
        page.locator("#routes").locator("li:visible").nth(int(label.startswith("copy"))).wait_for()
    assert page.locator("#routes li[data-route='2'] select").evaluate("list => list === document.activeElement")


@pytest.mark.parametrize("phone", [(390, 844)], indirect=True)
def test_on_a_phone_the_menu_and_the_list_fit(phone: Visit, stage: Stage) -> None:
    page = phone.page
    page.locator("#modulate").tap()
    phone.slider(CURVE).tap()
    page.locator("#modulate-menu[open]").wait_for()
    picture(phone, "phone-menu")
    page.locator(CHOOSE_A_SOURCE.format("snare")).tap()
    stage.until(lambda: route(stage, 1)[:2] == ("snare", CURVE), "the route")
    page.locator("#mapping-tab").tap()
    page.locator("#routes li:visible").wait_for()
    picture(phone, "phone-list")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert phone.errors == []
