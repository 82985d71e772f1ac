"""The page's server alone, and the page in a browser, in windows that most tests share."""

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from engine.control.commands import bank
from tests.support.browsers import SHELL
from tests.web.page_rig import LiveEngine, PageRig, Visit
from tests.web.web_rig import WebRig

DESKTOP = {"width": 1280, "height": 800}
LEAVE_NOTHING = """() => {
    document.getElementById("help").close();
    const search = document.getElementById("search");
    search.value = "";
    search.dispatchEvent(new Event("input"));
}"""
"""What a failed test may have left open would fail those after it."""


@pytest.fixture
def serve(reports: Any) -> Iterator[Callable[..., WebRig]]:
    """`serve(picture, **options of WebServer)` is a running WebRig."""
    with contextlib.ExitStack() as stack:

        def start(picture: np.ndarray | None = None, **options: Any) -> WebRig:
            web = WebRig(reports, options)
            stack.enter_context(web.stack)
            if picture is not None:
                web.loop = web.play(picture)
            return web

        yield start


@pytest.fixture
def assert_is_card(f_card: Callable[..., np.ndarray]) -> Callable[[np.ndarray], None]:
    """`assert_is_card(pixels)`: RGB equals f_card of that size, upright, within JPEG's losses."""

    def check(pixels: np.ndarray) -> None:
        card = f_card(pixels.shape[1], pixels.shape[0])
        assert np.abs(pixels.astype(int) - card[..., :3]).mean() < 6
        for row, column in ((2, 2), (2, -3), (-3, 2), (-3, -3)):
            assert np.abs(pixels[row, column].astype(int) - card[row, column, :3]).max() < 60

    return check


@pytest.fixture(scope="module")
def rig(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    require: Callable[[object, str], None],
) -> Iterator[PageRig]:
    require(SHELL, "Chromium")
    folder = tmp_path_factory.mktemp("page")
    with pytest.MonkeyPatch.context() as patch:
        # presets, cues and mappings of these tests only
        patch.setenv("MULTIVERSE_HOME", str(folder))
        # Tests press as fast as the page answers: within 60 ms the second press would be a worn
        # button's bounce.
        patch.setattr(bank, "BOUNCE_S", 0.0)
        rig = PageRig(folder, getattr(request.module, "PLAYS_SOUND", False))
        yield rig
        rig.close()


@pytest.fixture(scope="module")
def long_visits(rig: PageRig) -> Iterator[dict[str, Visit]]:
    """Holds the browser windows that most tests share."""
    visits: dict[str, Visit] = {}
    yield visits
    for visit in visits.values():
        visit.close()


@pytest.fixture
def live(rig: PageRig, wait_for: Callable[..., Any]) -> LiveEngine:
    # Asking the page takes four processes 13 ms of CPU.
    rig.live.until = functools.partial(wait_for, rest_s=0.08)
    rig.live.reset()
    return rig.live


@contextlib.contextmanager
def shared(visit: Visit, size: dict[str, int]) -> Iterator[Visit]:
    """A window on the tab `play` that has received all values; it is left with nothing open and no
    errors."""
    if visit.page.viewport_size != size:
        visit.page.set_viewport_size(size)
    visit.page.locator("#play-tab").click()
    # changes arrive in their order: with these the page has received the reset
    for is_on in ("true", "false"):
        visit.live.engine.params.set("/master/freeze", is_on == "true", by="test")
        visit.page.locator(f"#freeze[aria-pressed={is_on}]").wait_for(state="attached")
    yield visit
    visit.page.mouse.up()
    visit.page.evaluate(LEAVE_NOTHING)
    errors, visit.errors[:] = list(visit.errors), []
    assert errors == []


@pytest.fixture
def visit(rig: PageRig, live: LiveEngine, long_visits: dict[str, Visit]) -> Iterator[Visit]:
    if "desktop" not in long_visits:
        long_visits["desktop"] = rig.visit(viewport=DESKTOP).open()
    with shared(long_visits["desktop"], DESKTOP) as visit:
        yield visit


@pytest.fixture
def phone(
    request: pytest.FixtureRequest, rig: PageRig, live: LiveEngine, long_visits: dict[str, Visit]
) -> Iterator[Visit]:
    size = dict(zip(DESKTOP, getattr(request, "param", (360, 640)), strict=True))
    if "desktop" in long_visits:  # the tests on a phone are the last of their file
        long_visits.pop("desktop").close()
    if "phone" not in long_visits:
        long_visits["phone"] = rig.visit(viewport=size, has_touch=True, is_mobile=True).open()
    with shared(long_visits["phone"], size) as phone:
        yield phone
