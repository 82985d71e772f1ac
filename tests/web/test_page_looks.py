"""The built-in looks on the page: in groups by their worlds, with pictures that move when they are asked to."""

from collections.abc import Callable
from typing import Any

from engine.params.looks import LOOKS, WORLDS
from tests.web.page_stage import House, Stage, Visit

WaitFor = Callable[..., Any]
FIRST, SECOND = list(LOOKS)[:2]


def shown(visit: Visit, name: str) -> str:
    """What the picture of that look is: still or loop."""
    src = visit.page.locator(f"#presets li[data-name='{name}'] img").get_attribute("src")
    return "loop" if src.startswith("blob:") else "still"


def test_looks_stand_in_groups_by_their_worlds_and_saved_ones_after_them(
    visit: Visit, stage: Stage, wait_for: WaitFor
) -> None:
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
    wait_for(lambda: picture.evaluate("img => img.complete && img.naturalWidth"), "its picture, before it is gone")
    stage.send("/preset/delete", "Mine")
    page.locator("#presets li.world", has_text="saved").wait_for(state="detached")


def test_with_a_mouse_only_the_look_under_it_moves(visit: Visit, wait_for: WaitFor) -> None:
    page = visit.page
    page.locator("#presets-tab").click()
    look = page.locator(f"#presets li[data-name='{FIRST}'] .look")
    look.wait_for()
    assert shown(visit, FIRST) == "still"
    look.hover()
    wait_for(lambda: shown(visit, FIRST) == "loop", "its loop")
    picture = page.locator(f"#presets li[data-name='{FIRST}'] img")
    wait_for(lambda: picture.evaluate("img => img.complete && img.naturalWidth") == 240, "the loop to be decoded")
    assert shown(visit, SECOND) == "still"
    page.mouse.move(2, 2)
    wait_for(lambda: shown(visit, FIRST) == "still", "the still picture again")
    page.locator(f"#presets li[data-name='{FIRST}'] .look").focus()
    page.keyboard.press("Tab")
    wait_for(lambda: shown(visit, SECOND) == "loop", "the loop of the look that the keyboard has reached")


def test_on_a_phone_the_looks_in_view_move_and_a_tap_is_not_needed(house: House, wait_for: WaitFor) -> None:
    visit = house.visit(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True).open()
    page, last = visit.page, list(LOOKS)[-1]
    page.locator("#presets-tab").click()
    page.locator(f"#presets li[data-name='{FIRST}']").scroll_into_view_if_needed()
    wait_for(lambda: shown(visit, FIRST) == "loop", "the loop in view")
    page.locator(f"#presets li[data-name='{last}']").evaluate("row => row.scrollIntoView({block: 'end'})")
    wait_for(lambda: shown(visit, last) == "loop", "the loop that came into view")
    page.locator("#presets li[data-name='default']").evaluate("row => row.scrollIntoView()")
    wait_for(lambda: shown(visit, last) == "still", "the still of the look that left the view")
    visit.close()


def test_who_wants_less_motion_sees_still_pictures(house: House, wait_for: WaitFor) -> None:
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
