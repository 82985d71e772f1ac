"""Shaders without a GPU: a scripted trial replaces its process, and the test draws the frames."""

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from engine.control import CommandTable
from engine.control.commands.shader import ShaderControl
from engine.control.commands.shader_player import ShaderPlayer
from engine.control.commands.shader_test_scheduler import ShaderTestScheduler
from engine.errors import IsfError
from engine.params import Crossfade, ParamStore, Slew
from engine.params.crossfade import PictureFade
from engine.params.input_views import InputViews
from engine.params.shader_catalog import ShaderCatalog
from engine.render.isf.isf_file import IsfFile, ShaderSlot, ShaderState
from engine.render.isf.parse import parse_isf
from engine.system.disk_store import DiskQueue
from osc_schema.fx import file_address
from tests.control.commands.show_rig import make_context

PERIOD_S = 1 / 30

HEADER = """/*{{ "ISFVSN": "2", "INPUTS": [
  {image}
  {{ "NAME": "speed", "TYPE": "float", "MIN": 0.0, "MAX": 10.0, "DEFAULT": {speed} }},
  {{ "NAME": "flash", "TYPE": "event" }},
  {{ "NAME": "shape", "TYPE": "long", "VALUES": [0, 1, 2], "LABELS": ["Round", "Square", "Star"], "DEFAULT": 1 }}
]}}*/
void main() {{ gl_FragColor = vec4(speed); }}
{more}"""


def shader(speed: float = 2.5, more: str = "", *, image: bool = True) -> str:
    return HEADER.format(
        image='{ "NAME": "inputImage", "TYPE": "image" },' if image else "", speed=speed, more=more
    )


@dataclass(frozen=True, kw_only=True)
class Verdict:
    ok: bool = True
    is_late: bool = False
    reason: str = ""
    line: int | None = None
    note: str = ""
    draw_ms: float = 1.0
    thumbnail: np.ndarray | None = None
    file: IsfFile | None = None


@dataclass
class ScriptedTrials:
    """Fake trials of shaders, which answer while `may_answer` is set; they refuse texts with
    `#error`, and measure half a second for `// slow`. The first ones of a text with `// late` are
    out of time by the clock."""

    texts: list[str] = field(default_factory=list)
    wall_deadlines: list[float] = field(default_factory=list)
    niceness: list[int] = field(default_factory=list)
    """Of each process that was started."""
    lates: int = 2
    may_answer: threading.Event = field(default_factory=threading.Event)
    is_warm: bool = False
    _waiting: list[tuple[str, Path | None]] = field(default_factory=list)

    def submit(self, text: str, *, path: Path | None, wall_deadlines: float, **how: Any) -> int:
        self.texts.append(text)
        self.wall_deadlines.append(wall_deadlines)
        self._waiting.append((text, path))
        return len(self.texts)

    def poll(self) -> Verdict | None:
        if not self._waiting or not self.may_answer.is_set():
            return None
        text, path = self._waiting.pop()
        if "// late" in text and self.lates:
            self.lates -= 1
            return Verdict(ok=False, is_late=True, reason="it was out of time by the clock")
        if "#error" in text:
            return Verdict(ok=False, reason="'glow' : undeclared", line=9)
        try:
            draw_ms = 500.0 if "// slow" in text else 1.0
            thumbnail = np.full((36, 64, 3), 90, np.uint8)
            return Verdict(file=parse_isf(text, path=path), thumbnail=thumbnail, draw_ms=draw_ms)
        except IsfError as error:
            return Verdict(ok=False, reason=error.reason, line=error.line)

    def warm(self) -> None:
        self.is_warm = True

    def rest(self) -> None:
        self.is_warm = False

    def close(self) -> None:
        self.is_warm = False
        self._waiting.clear()


class Rig:
    """A shader control, player and store; `frame` is a frame of the engine."""

    def __init__(
        self,
        folder: Path,
        reports: Any,
        *,
        records: DiskQueue | None = None,
        own_folder: Path | None = None,
        first: Iterable[tuple[str, Any]] = (),
    ) -> None:
        """`first`: values that are set before it starts."""
        self.folder = folder
        self.clock_s = 0.0
        """Of the tests in advance."""
        self.store, self.slew = ParamStore(), Slew()
        self.crossfade = Crossfade(self.store)
        self.views, self.tester = InputViews(self.store), ScriptedTrials()
        self.player = ShaderPlayer(self.store, self.crossfade)
        self.messages: list[tuple[Any, ...]] = []
        self.tester.may_answer.set()
        context = make_context(
            reports, self.store, notify=lambda *message: self.messages.append(message)
        )
        self.control = ShaderControl(
            context,
            catalog=partial(ShaderCatalog, [folder], context.disk),
            views=self.views,
            player=self.player,
            testing=partial(
                ShaderTestScheduler,
                open_tester=self.open_tester,
                records=records,
                folder=folder.parent / "records",
                circumstances="here",
                own_folder=own_folder,
                size_px=lambda: (64, 36),
                now_s=lambda: self.clock_s,
            ),
            is_offline=False,
        )
        self.control.add_commands(CommandTable())
        self.store.set_many(first, by="preset")
        self.control.start()
        self.fade: PictureFade | None = None
        self.snapshot = self.store.snapshot()
        self.time_s = 0.0
        self.awaits_tests = False

    def open_tester(self, niceness: int) -> ScriptedTrials:
        self.tester.niceness.append(niceness)
        return self.tester

    def write(self, name: str, text: str) -> None:
        unfinished = self.folder / f"{name}.tmp"
        unfinished.write_text(text)
        unfinished.replace(self.folder / f"{name}.fs")  # whole, whenever the folder is looked at

    def prepare(self, slot: str, name: str) -> None:
        self.control.prepare({**self.store.snapshot(), file_address(slot): name})

    def frame(
        self,
        costs_ms: dict[str, float] | None = None,
        failures: dict[str, str] | None = None,
        draw_s: float = 0.0,
        building: frozenset[str] = frozenset(),
    ) -> dict[str, ShaderSlot]:
        self.time_s += PERIOD_S
        self.control.before_frame()
        self.crossfade.step(self.time_s)
        snapshot, event = self.crossfade.take_event()
        fade = event.fade
        self.player.follow(event, snapshot, self.slew.jump_to, self.time_s)
        self.fade = fade
        self.snapshot = self.crossfade.bypass.apply(snapshot)
        values = self.slew.step(self.snapshot, PERIOD_S)
        leaving = None if fade is None or fade.is_frozen else fade.before
        shaders = self.player.shaders(values, snapshot, {}, fade, leaving, clock=(12.5, 128.0))
        self.awaits_tests = self.player.awaits_tests(values, self.time_s)
        missing = frozenset(failures or {})
        state = ShaderState(
            costs_ms=costs_ms or {}, failures=failures or {}, missing=missing, building=building
        )
        self.control.after_frame(state, PERIOD_S, draw_s)
        return {each.slot: each for each in shaders}

    def state(self, slot: str = "1") -> str:
        return next(each.state for each in self.control.status() if each.slot == slot)

    def is_playing(self, name: str, slot: str = "1") -> bool:
        return any(
            (each.slot, each.shown, each.state) == (slot, name, "playing")
            for each in self.control.status()
        )

    def detail(self, slot: str = "1") -> str:
        return next(each.detail for each in self.control.status() if each.slot == slot)
