"""The page's selector for the pictures of a run, in a real browser, against the real server."""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from engine.children.spec import ChildStatus
from engine.sinks import SinkStatus
from tests.web.conftest import Stand
from tests.web.page_stage import House, Stage, Visit

WaitFor = Callable[..., Any]

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
def test_each_picture_of_the_engine_is_offered_by_its_full_name_and_shown(guest: Visit, wait_for: WaitFor) -> None:
    wait_for(lambda: offered(guest) == ["main", "SD", "SAM3", "SAM3 mask"], "the names")
    for name, level in zip(offered(guest), LEVELS.values(), strict=True):
        guest.page.get_by_role("radio", name=name, exact=True).check()
        wait_for(lambda level=level: abs(guest.picture_mean() - level) < 4, name)
    cut = "parts => parts.filter((part) => part.scrollWidth > part.clientWidth).map((part) => part.textContent)"
    assert guest.page.locator("#pictures, #pictures span").evaluate_all(cut) == []


def test_the_page_switches_to_the_main_picture_when_the_chosen_one_is_gone(
    guest: Visit, children: list[str], wait_for: WaitFor
) -> None:
    guest.page.get_by_role("radio", name="SAM3 mask").check()
    wait_for(lambda: abs(guest.picture_mean() - LEVELS["sam3_mask"]) < 4, "the mask")
    children.remove("sd")
    wait_for(lambda: offered(guest) == ["main", "SAM3", "SAM3 mask"], "the names without SD")
    assert guest.page.get_by_role("radio", name="SAM3 mask").is_checked()
    children.clear()
    wait_for(lambda: offered(guest) == [], "no choice")
    wait_for(lambda: abs(guest.picture_mean() - LEVELS["main"]) < 4, "the main picture")
    children.append("sam3")
    wait_for(lambda: offered(guest) == ["main", "SAM3", "SAM3 mask"], "the choice again")
    assert guest.page.get_by_role("radio", name="main").is_checked()


def test_sinks_are_listed_by_their_labels(guest: Visit) -> None:
    guest.page.locator("#status-tab").click()
    guest.page.locator("#sinks li").nth(3).wait_for()
    labels = guest.page.locator("#sinks li strong").all_inner_texts()
    assert labels == ["shared", "sd:shared", "sam3:shared", "sam3_mask:shared"]
