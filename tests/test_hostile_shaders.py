"""Hostile shader files are chosen one after the other while a picture with a good shader runs."""

from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from engine import Engine, open_engine
from engine.config import build_config
from engine.control.commands import desk
from engine.control.commands.shader import ShaderStatus
from engine.errors import NoGLError
from engine.render.isf.vetter import Vetter
from tests.support.hostile_shaders import hostile_shader
from tests.support.long_form import IS_SOAK

NUMBERS = range(1000) if IS_SOAK else (1, 2, 4, 12, 16, 17, 18)
QUIET_EVERY, QUIET_FRAMES = 8, 60
MAX_FRAMES = 3000  # of one file: 100 s
DEADLINE_S = 2.0
MAX_MORE_LATE = 0.02  # share of frames, beyond the run without: other programs make frames late, too
GOOD = """/*{"INPUTS": [{"NAME": "inputImage", "TYPE": "image"}]}*/
void main() { gl_FragColor = vec4(1.0 - IMG_THIS_PIXEL(inputImage).rgb, 1.0); }"""


class Show:
    """Draws frames, and counts them and the late ones by what happens meanwhile."""

    def __init__(self, engine: Engine) -> None:
        self._engine, self._frames = engine, engine.frames()
        self.frames: Counter[str] = Counter()
        self.late: Counter[str] = Counter()

    def draw(self, what: str, count: int = 1) -> None:
        times = self._engine.times
        for _ in range(count):
            before = times.late + times.dropped
            next(self._frames)
            self.frames[what] += 1
            self.late[what] += times.late + times.dropped - before

    def play(self, slot: str, file: str, what: str) -> str:
        """The state that the slot comes to with this file."""
        self._engine.params.set(f"/fx/{slot}/file", file, by="test")
        for _ in range(MAX_FRAMES):
            self.draw(what)
            now = self.slot(slot)
            if now.file == file and now.state in ("playing", "failed", "bypassed"):
                return now.state
        pytest.fail(f"{file}: still {self.slot(slot)}")

    def slot(self, name: str) -> ShaderStatus:
        return next(each for each in self._engine.status().shaders if each.slot == name)


def test_no_hostile_file_stops_or_slows_the_show(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, require: Callable[[object, str], None]
) -> None:
    monkeypatch.setattr(desk, "Vetter", partial(Vetter, deadline_s=DEADLINE_S))
    folder = tmp_path / "isf"
    folder.mkdir()
    (folder / "Good.fs").write_text(GOOD, encoding="utf-8")
    for number in NUMBERS:
        (folder / f"hostile_{number}.fs").write_bytes(hostile_shader(number).encode("utf-8", "surrogatepass"))
    config = build_config(
        {
            "width": 96, "height": 64, "fps": 30.0, "audio": "demo", "renderer": "auto", "sinks": ("null",),
            "osc": {"listen": "127.0.0.1:0"}, "web": "off", "shaders": (str(folder),), "presets": str(tmp_path),
        }
    )  # fmt: skip
    try:
        with open_engine(config) as opened:
            show = Show(opened)
            assert show.play("1", "Good", "first") == "playing"
            for turn, number in enumerate(NUMBERS):
                if turn % QUIET_EVERY == 0:
                    show.draw("quiet", QUIET_FRAMES)
                slot = "2" if number % 2 else "generator"
                show.play(slot, f"hostile_{number}", "hostile")
                show.draw("hostile", 8)
                opened.params.set_many([(f"/fx/{slot}/file", ""), (f"/fx/{slot}/enable", True)], by="test")
                assert (show.slot("1").shown, show.slot("1").state) == ("Good", "playing"), number
    except NoGLError as error:
        require(False, str(error))
    assert show.frames["hostile"] > 8 * len(NUMBERS)
    if IS_SOAK:
        share = {what: show.late[what] / show.frames[what] for what in ("quiet", "hostile")}
        assert share["hostile"] <= share["quiet"] + MAX_MORE_LATE
