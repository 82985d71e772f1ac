"""The live page in a real browser with its fake webcam, against the real server with a tiny
model."""

import contextlib
import functools
import statistics
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from engine.jobs.video.live import LiveServer
from engine.jobs.video.live.controls import LiveSettings
from tests.jobs.segment.disc_movie import disc_picture, write_movie
from tests.jobs.video.live.client import card
from tests.jobs.video.live.conftest import Serve, open_server
from tests.support.browsers import CHROMIUM, SHELL, canvas_mean

FAKE_WEBCAM = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
PLAIN_NAME = "live.test"  # a name of 127.0.0.1 that is no localhost: to a browser another machine
WaitFor = Callable[..., Any]


class Visitor:
    """One browser window with the page, and the errors in it."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.errors: list[str] = []
        page.set_default_timeout(120_000)
        page.on(
            "console", lambda message: message.type == "error" and self.errors.append(message.text)
        )
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def open(self, url: str, state: str = "connected") -> "Visitor":
        self.page.goto(url)
        self.page.wait_for_selector(f"body[data-state={state}]")
        return self

    def record(self) -> list[dict[str, float]]:
        """The pictures that were shown, each with index, captured, slot, period, shown and
        settings."""
        return self.page.evaluate("multiverseLive.record")

    def frame_count(self) -> int:
        return len(self.record())

    def show_file(self, file: Path) -> None:
        self.page.set_input_files("#file", file)

    def mean(self) -> np.ndarray:
        """Mean of red, green and blue on the canvas, 0..255."""
        return canvas_mean(self.page, "result")

    def figure(self, name: str) -> str:
        return self.page.inner_text(f"#figure-{name}")


Visit = Callable[..., Visitor]


@pytest.fixture(scope="module")
def open_browser() -> Iterator[Callable[[str], Any]]:
    """`open_browser(program)` is the open browser of this program, or a new one; closed at the
    end."""
    with contextlib.ExitStack() as stack:
        opened: dict[str, Any] = {}

        def browser(program: str) -> Any:
            from playwright.sync_api import sync_playwright

            if not opened:
                opened["playwright"] = stack.enter_context(sync_playwright())
            if program not in opened:
                arguments = [
                    "--no-sandbox",
                    f"--host-resolver-rules=MAP {PLAIN_NAME} 127.0.0.1",
                    *FAKE_WEBCAM,
                ]
                opened[program] = opened["playwright"].chromium.launch(
                    executable_path=program, args=arguments
                )
                stack.callback(opened[program].close)
            return opened[program]

        yield browser


@pytest.fixture
def visit(
    open_browser: Callable[[str], Any], require: Callable[[object, str], None]
) -> Iterator[Visit]:
    """`visit(url, state, program)`: a window with separate storage; at the end no window may have
    had an error."""
    require(SHELL, "Chromium")
    with contextlib.ExitStack() as stack:
        visitors = []

        def open_window(
            url: str, state: str = "connected", program: str = str(SHELL), **options: Any
        ) -> Visitor:
            context = open_browser(program).new_context(
                **{"viewport": {"width": 1280, "height": 800}, **options}
            )
            stack.callback(context.close)
            visitors.append(Visitor(context.new_page()))
            return visitors[-1].open(url, state)

        yield open_window
        assert [error for visitor in visitors for error in visitor.errors] == []


@pytest.fixture
def wait_for(wait_for: WaitFor) -> WaitFor:
    """Poll a page less often: each question takes four processes some milliseconds, and a record is
    long."""
    return functools.partial(wait_for, rest_s=0.05)


@pytest.fixture(scope="module")
def server(tiny_sd: Path) -> Iterator[LiveServer]:
    server = open_server(
        tiny_sd,
        lambda key, line: None,
        most_clients=2,
        allowed_hosts=[PLAIN_NAME],
        painting={"prompt": "a house"},
    )
    yield server
    server.close()


@pytest.fixture
def still(tmp_path: Path) -> Path:
    path = tmp_path / "still.png"
    cv2.imwrite(str(path), card(160, 160, 90)[..., ::-1])
    return path


def settings_of(server: LiveServer) -> LiveSettings:
    """The server's settings for its only client."""
    (client,) = server._queue._round
    return client.settings


def is_even(record: list[dict[str, float]]) -> bool:
    """True if these pictures were shown at a constant rate, within 10 %: as they were due, and as
    they were drawn."""
    slots = [picture["slot"] for picture in record]
    pixels = [picture["shown"] for picture in record]
    steps = np.diff(slots)
    usual = statistics.median(steps)
    quarter = len(record) // 4
    quarters = [slice(at, at + quarter + 1) for at in range(0, len(record) - quarter, quarter)]
    medians = [statistics.median(np.diff(slots[each])) for each in quarters]
    means = [np.diff(pixels[each]).mean() for each in quarters]  # a display draws at its own beat
    is_near = [abs(step - usual) < 0.1 * usual for step in steps]
    return np.mean(is_near) >= 0.9 and all(
        abs(value - usual) < 0.1 * usual for value in (*medians, *means)
    )


def test_the_cameras_pictures_come_back_painted_at_a_constant_rate(
    visit: Visit, server: LiveServer, wait_for: WaitFor
) -> None:
    small = {"width": 640, "height": 480}  # a processor draws each picture of the page
    visitor = visit(server.url, program=str(CHROMIUM), viewport=small)  # draws at a display's beat
    visitor.page.locator("#fps").fill("8")
    visitor.page.click("#use-camera")
    wait_for(lambda: visitor.frame_count() >= 28, "pictures")
    wait_for(lambda: is_even(visitor.record()[-25:]), "24 pictures at a constant rate")
    record = visitor.record()
    indices = [picture["index"] for picture in record]
    assert indices == sorted(set(indices))
    assert all(picture["shown"] >= picture["slot"] > picture["captured"] for picture in record)
    assert visitor.mean().max() > 0
    wait_for(lambda: visitor.figure("latency").endswith(" ms"), "the latency")
    assert visitor.figure("clients") == "1/2" and float(visitor.figure("shown")) > 1
    visitor.page.keyboard.press("Space")
    visitor.page.wait_for_selector("body.is-frozen")
    frozen = visitor.record()[-1]["index"]
    visitor.page.keyboard.press("h")
    assert not visitor.page.is_visible("#controls")
    assert visitor.record()[-1]["index"] == frozen
    visitor.page.keyboard.press("Space")
    wait_for(lambda: visitor.record()[-1]["index"] > frozen, "pictures after the freeze")
    visitor.page.get_by_role("radio", name="result").check()
    alone = visitor.record()[-1]["index"]
    wait_for(
        lambda: visitor.record()[-1]["index"] > alone + 5, "pictures while the source is not seen"
    )


def test_another_prompt_changes_the_pictures_and_is_remembered(
    visit: Visit, server: LiveServer, still: Path, wait_for: WaitFor
) -> None:
    visitor = visit(server.url)
    visitor.show_file(still)
    visitor.page.get_by_label("guidance (cfg)", exact=True).fill("6")
    wait_for(
        lambda: visitor.frame_count() and visitor.record()[-1]["settings"] == 1,
        "pictures of the file",
    )
    before = visitor.mean()
    visitor.page.get_by_label("prompt", exact=True).fill("the sea at night")
    wait_for(lambda: visitor.record()[-1]["settings"] == 2, "pictures of the new prompt")
    after = visitor.mean()
    assert np.abs(after - before).max() > 5
    count = visitor.frame_count()
    wait_for(lambda: visitor.frame_count() > count + 2, "more of them")
    assert np.array_equal(visitor.mean(), after)
    visitor.page.reload()
    visitor.show_file(still)
    wait_for(
        lambda: visitor.frame_count() and np.array_equal(visitor.mean(), after),
        "the prompt of before the reload",
    )
    assert visitor.page.get_by_label("prompt", exact=True).input_value() == "the sea at night"
    visitor.page.click("#reset")
    prompt = visitor.page.get_by_label("prompt", exact=True)
    wait_for(lambda: prompt.input_value() == "a house", "the settings of the beginning")


def test_a_video_that_was_chosen_is_painted_on_and_on_and_another_file_is_reported(
    visit: Visit, server: LiveServer, tmp_path: Path, wait_for: WaitFor
) -> None:
    video = write_movie(
        tmp_path / "short.mp4", [disc_picture(number, 96, 64, 12) for number in range(15)]
    )
    visitor = visit(server.url)
    visitor.show_file(video)
    wait_for(lambda: visitor.frame_count() > 20, "more pictures than the video has")
    file = tmp_path / "notes.txt"
    file.write_text("no picture", encoding="utf-8")
    visitor.show_file(file)
    visitor.page.locator("#lines li", has_text="notes.txt: this browser cannot play it").wait_for()


def test_a_page_from_another_machine_says_why_it_has_no_camera(
    visit: Visit, server: LiveServer, still: Path, wait_for: WaitFor
) -> None:
    visitor = visit(f"http://{PLAIN_NAME}:{server.address[1]}/")
    assert "Browsers allow the camera only on pages from https://" in visitor.page.inner_text(
        "#no-camera"
    )
    assert visitor.page.is_disabled("#use-camera")
    visitor.show_file(still)
    wait_for(lambda: visitor.frame_count() > 3, "pictures of a file all the same")


def test_a_page_from_another_machine_has_its_camera_over_https(
    visit: Visit, serve: Serve, certificate: tuple[Path, Path], wait_for: WaitFor
) -> None:
    server = serve(certificate=certificate[0], key=certificate[1], allowed_hosts=[PLAIN_NAME])
    visitor = visit(f"https://{PLAIN_NAME}:{server.address[1]}/", ignore_https_errors=True)
    visitor.page.click("#use-camera")
    wait_for(lambda: visitor.frame_count() > 3, "pictures of the camera")


def test_changes_while_disconnected_are_sent_after_reconnecting(
    visit: Visit, serve: Serve, wait_for: WaitFor
) -> None:
    began = {"prompt": "a house"}
    server = serve(painting=began)
    visitor = visit(server.url)
    prompt = visitor.page.get_by_label("prompt", exact=True)
    seed, size = (visitor.page.get_by_label(name, exact=True) for name in ("seed", "size"))
    settings = (
        "localStorage.getItem(Object.keys(localStorage).find((key) => key.includes('settings')))"
    )
    seed.fill("7")
    wait_for(lambda: visitor.page.evaluate(settings) == '{"seed":7}', "the seed to be in force")
    server.close()
    visitor.page.wait_for_selector("body[data-state=gone]")
    assert "Trying again" in visitor.page.inner_text("#banner")
    size.fill("128")
    prompt.fill("")
    visitor.page.keyboard.type("the sea")
    server = serve(port=server.address[1], painting=began)
    visitor.page.wait_for_selector("body[data-state=connected]")
    wait_for(lambda: settings_of(server).painting.prompt == "the sea", "the prompt")
    wait_for(lambda: settings_of(server).side_px == 128, "the size")
    assert settings_of(server).painting.seed == 7
    visitor.page.keyboard.type(" at night")  # into the field that kept the focus
    wait_for(
        lambda: settings_of(server).painting.prompt == "the sea at night", "the rest of the prompt"
    )
    assert (prompt.input_value(), size.input_value(), seed.input_value()) == (
        "the sea at night",
        "128",
        "7",
    )
    server.close()
    visitor.page.wait_for_selector("body[data-state=gone]")
    visitor.page.click("#reset")
    server = serve(port=server.address[1], painting=began)
    visitor.page.wait_for_selector("body[data-state=connected]")
    wait_for(lambda: visitor.page.evaluate(settings) == "{}", "nothing to be changed")
    assert (settings_of(server).painting.prompt, settings_of(server).side_px) == ("a house", 64)
    assert (prompt.input_value(), size.input_value(), seed.input_value()) == ("a house", "64", "0")
    visitor.errors.clear()  # of the connections that were refused meanwhile
