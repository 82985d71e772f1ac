"""Fixtures: a live engine, and the fake TouchDesigner with the component, on free ports of
127.0.0.1."""

import importlib
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine import Engine, open_engine
from engine.config import build_config
from osc_schema.generate import TOUCHDESIGNER_FOLDER
from tests.support.free_port import free_port as find_free_port
from tests.touchdesigner.fake_operators import COMP
from tests.touchdesigner.fake_td import TouchDesigner

BUILDER = TOUCHDESIGNER_FOLDER / "build_component.py"


class RunningEngine:
    """An engine that draws in a thread."""

    def __init__(self, osc_port: int, web_port: int, folder: Path) -> None:
        self.osc_port, self.web_port = osc_port, web_port
        self._config = build_config(
            {
                "width": 64, "height": 64, "fps": 30.0, "audio": "demo", "renderer": "numba",
                "osc": {"listen": f"127.0.0.1:{osc_port}"}, "web": f"127.0.0.1:{web_port}",
                "presets": str(folder / "presets"), "recordings": str(folder / "recordings"),
                "autosave": False,
            }
        )  # fmt: skip
        self.engine: Engine
        self._error: BaseException | None = None
        self._opened = threading.Event()
        self._thread = threading.Thread(target=self._play)
        self._thread.start()
        # in a fresh checkout it compiles first: 33 s on a busy machine
        assert self._opened.wait(120.0)
        if self._error is not None:
            raise self._error
        # One that is closed while it still imports the page's libraries holds its ports for longer.
        urllib.request.urlopen(f"http://127.0.0.1:{web_port}/?HOST_INFO").close()

    def _play(self) -> None:
        try:
            with open_engine(self._config) as self.engine:
                self._opened.set()
                self.engine.run()
        except BaseException as error:
            self._error = error
            self._opened.set()

    def close(self) -> None:
        self.engine.stop()
        self._thread.join(120.0)
        assert not self._thread.is_alive() and self._error is None, self._error


class ComponentRig:
    """TouchDesigner with the component, and a clock that can be advanced."""

    def __init__(self, program: TouchDesigner) -> None:
        self.program = program
        program.run_text(BUILDER.read_text(encoding="utf-8"))
        self.comp: COMP = program.project.op("multiverse")
        self.skipped_s = 0.0
        self.renew_clock()

    def renew_clock(self) -> None:
        self.comp.ext.MultiverseExt.now_s = lambda: time.perf_counter() + self.skipped_s

    def value(self, name: str) -> Any:
        return getattr(self.comp.par, name).eval()

    def set(self, name: str, value: Any) -> None:
        setattr(self.comp.par, name, value)

    def pulse(self, name: str) -> None:
        getattr(self.comp.par, name).pulse()

    def sent_to(self, prefix: str) -> list[tuple[Any, ...]]:
        return [message for message in self.program.sent if message[0].startswith(prefix)]


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[TouchDesigner]:
    """TouchDesigner, just started."""
    created = TouchDesigner(folder=str(tmp_path))
    monkeypatch.setitem(sys.modules, "td", created.module)
    yield created
    created.close()


@pytest.fixture
def rig(program: TouchDesigner, free_port: Callable[[], int]) -> ComponentRig:
    """The component, built, with unused ports."""
    created = ComponentRig(program)
    for name in ("Port", "Listenport", "Featport", "Webport"):
        created.set(name, free_port())
    program.frame()
    return created


@pytest.fixture
def until(rig: ComponentRig, wait_for: Callable[..., Any]) -> Callable[..., Any]:
    """`until(condition, what)`: runs frames until the condition is true."""

    def wait(condition: Callable[[], Any], what: str) -> Any:
        def look() -> Any:
            rig.program.frame()
            return condition()

        return wait_for(look, what)

    return wait


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningEngine]:
    """One engine per module: tests may leave it in any state, and set what they need."""
    running = RunningEngine(find_free_port(), find_free_port(), tmp_path_factory.mktemp("engine"))
    yield running
    running.close()


@pytest.fixture
def connected(rig: ComponentRig, engine: RunningEngine, until: Callable[..., Any]) -> ComponentRig:
    """The component, connected, showing every value of the engine, and receiving no audio
    features."""
    rig.set("Audiochop", 0)
    rig.set("Port", engine.osc_port)
    rig.set("Webport", engine.web_port)
    until(lambda: rig.value("Connected"), "the connection")
    # Values arrive in the order of the schema, so the last one shows that all have arrived.
    until(
        lambda: rig.value("Engwidth") == engine.engine.params.get("/engine/width") == 64,
        "the engine's values",
    )
    return rig


@pytest.fixture
def module_named() -> Callable[[str], Any]:
    """One of the component's modules, imported as a file."""
    return lambda name: importlib.import_module(f"touchdesigner.component.{name}")
