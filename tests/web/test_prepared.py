"""The picture of what is prepared: a real process that draws, a real tap; the test is the show."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import psutil
import pytest
import simplejpeg
import soundfile

from engine import Config, open_engine
from engine.audio.feed import LoopFeed
from engine.audio.input import OfflineAudio
from engine.cli.prepared_program import CLOCK, follow
from engine.ipc import Gate
from engine.params import ParamStore, Tempo
from engine.params.looks import PLAIN
from engine.params.preset_file import LoadedPreset
from engine.params.store import entries_of
from engine.system.clock import SystemClock
from engine.system.worker_process import WorkerProcess
from engine.web import prepared
from engine.web.prepared import PROGRAM, REST_S, STILL_AT, DrawOrder, PreparedPicture, PreparedSetup
from engine.web.preview import PreviewTap
from tests.conftest import Reports
from tests.support.needed import needs
from tests.web.socket_client import SocketClient

pytestmark = needs("OpenGL")

CEILING_S = 120.0
RATE_HZ = 48_000
SOUND_S = 3
TIME_S = np.arange(SOUND_S * RATE_HZ) / RATE_HZ
TONES = np.stack(
    [0.5 * np.sin(2 * np.pi * hz * TIME_S) for hz in (100, 200, 300, 400)], axis=1
).astype(np.float32)
"""A whole number of periods, and of hops: it ends where it begins."""
STEADY: dict[str, Any] = {f"/audio/{n}/auto": False for n in (1, 2, 3, 4)} | {
    "/audio/2/gain_db": -6.0
}
"""Of the venue: no preset has them."""
STILL: dict[str, Any] = PLAIN | {"/colour/glide_ms": 0.0}
WIDE = LoadedPreset(
    name="wide", values=entries_of((STILL | {"/multiverse/window_ms": 60.0}).items())
)
DARK = LoadedPreset(
    name="dark", values=entries_of((STILL | {"/multiverse/brightness": 0.0}).items())
)


class Show:
    """The picture of what is prepared, its viewers, and the time."""

    def __init__(self, reports: Reports) -> None:
        self.store, self.tap, self.gate, self.reports = (
            ParamStore(),
            PreviewTap(),
            Gate.create(),
            reports,
        )
        self.store.set_many(STEADY.items(), by="test")
        sound = OfflineAudio(LoopFeed(TONES, RATE_HZ, "tones"), "tones")
        sound.advance_to(SOUND_S)
        self.preset: LoadedPreset | None = None
        self.late_s = 0.0
        self.stills: list[LoadedPreset] = []
        self.picture = PreparedPicture(
            self.tap,
            prepared=lambda: self.preset,
            store=self.store,
            sound=sound,
            tempo=Tempo(self.store, SystemClock()),
            size_px=lambda: (1280, 720),
            setup=PreparedSetup(
                renderer="gl",
                gpu=None,
                shaders=(),
                gate=self.gate.segment,
                sample_rate_hz=RATE_HZ,
                channels=4,
            ),
            report=reports,
            keep=lambda preset, rgba: self.stills.append(preset),
            now_s=self.now_s,
        )

    def now_s(self) -> float:
        return time.perf_counter() + self.late_s

    def watch(self) -> None:
        self.viewer = self.tap.watch(30, 320, lambda jpeg: None)

    def poll(self, is_so: Callable[[], Any]) -> Any:
        """Poll like the engine until it is so."""
        end_s = time.perf_counter() + CEILING_S
        while not (result := is_so()):
            assert time.perf_counter() < end_s, self.reports.lines
            self.picture.poll(self.now_s())
            time.sleep(0.005)
        return result

    def read(self) -> np.ndarray:
        """The next picture, (height, width, 3), 0..255, as a viewer takes it."""
        self.poll(lambda: self.picture.pid)
        offered: list[np.ndarray] = []
        reader = threading.Thread(
            target=lambda: offered.append(self.tap.read_offered().rgba), daemon=True
        )  # type: ignore[union-attr]
        reader.start()
        self.poll(lambda: offered)
        self.viewer.is_ready = True
        self.tap.finish_offered()
        return offered[0][..., :3].astype(int)

    def read_until(self, is_it: Callable[[np.ndarray], bool]) -> np.ndarray:
        """The first picture of which that is so."""
        end_s = time.perf_counter() + CEILING_S
        while not is_it(picture := self.read()):
            assert time.perf_counter() < end_s
        return picture


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Show]:
    """The show that all tests here share: each needs a process that draws, and starts one if there
    is none."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MULTIVERSE_HOME", str(tmp_path_factory.mktemp("home")))
        # not idle beside other tests
        patch.setattr(prepared, "PROGRAM", ("engine.cli.prepared_program", "main()"))
        show = Show(Reports())
        yield show
        show.picture.close()
        show.gate.close()


@pytest.fixture
def show(played: Show) -> Iterator[Show]:
    played.preset = WIDE
    played.reports.lines.clear()
    played.watch()
    yield played
    played.tap.leave(played.viewer)


def test_it_is_the_picture_of_the_same_look_and_sound_drawn_here(
    show: Show, tmp_path: Path
) -> None:
    path = tmp_path / "tones.wav"
    soundfile.write(path, TONES, RATE_HZ, subtype="FLOAT")
    params = WIDE.by_address() | STEADY
    config = Config(
        width=320, height=180, fps=10.0, audio=str(path), offline=True, renderer="gl", params=params
    )
    with open_engine(config) as engine:
        *_, last = engine.frames(seconds=SOUND_S)
        here = last.read_rgba()[..., :3].astype(int)
    show.preset = DARK
    show.read_until(lambda picture: bool(picture.max() < 3))
    show.preset = WIDE
    wide = show.read_until(lambda picture: bool(picture.max() > 2))
    assert here.std() > 20 and np.abs(here - here.mean(axis=(0, 1))).mean() > 10, "stripes"
    assert np.abs(wide - here).mean() < 1, (
        "the first one of another look has nothing of the one before"
    )
    show.store.set_many(
        [("/macro/moves/1", "/multiverse/brightness 0 0.1"), ("/macro/1", 0.5)], by="test"
    )
    show.read()
    assert np.abs(show.read() - here).mean() < 1, (
        "a macro that moves the show moves nothing that waits"
    )
    # no look has the second text
    show.store.set_many([("/text/2/text", "NEXT"), ("/text/2/size", 60.0)], by="test")
    show.read_until(lambda picture: bool(np.abs(picture - here).mean() > 3))
    show.store.set("/text/2/text", "", by="test")


def test_a_picture_of_each_look_that_was_drawn_for_a_while_can_be_kept(show: Show) -> None:
    show.stills.clear()
    for preset in (DARK, WIDE):
        show.preset = preset
        for _ in range(STILL_AT + 3):
            show.read()
    assert show.stills == [DARK, WIDE]


def test_a_process_that_is_killed_is_started_again(show: Show) -> None:
    show.read()
    killed = show.picture.pid
    assert killed is not None
    os.kill(killed, signal.SIGKILL if os.name == "posix" else signal.SIGTERM)
    show.poll(lambda: show.picture.pid not in (killed, None))
    assert show.read().std() > 20
    ((key, line),) = show.reports.lines
    assert key == "prepared"
    assert line.startswith("the picture of what is prepared: killed by") or os.name != "posix"
    assert line.endswith("; the show goes on, next try in 0.5 s")


def test_without_viewers_it_rests_and_after_a_while_it_ends(show: Show) -> None:
    show.read()
    process = psutil.Process(show.picture.pid)
    show.tap.leave(show.viewer)
    show.late_s += REST_S / 2
    show.picture.poll(show.now_s())
    assert process.is_running()
    show.late_s += REST_S
    show.poll(lambda: show.picture.pid is None and not process.is_running())
    assert show.reports.lines == []
    show.watch()


@pytest.mark.only_on("linux", reason="other systems have no groups of processes with a niceness")
def test_it_runs_only_when_the_show_leaves_it_a_core() -> None:
    worker = WorkerProcess(PROGRAM[0], "call_when_idle('builtins', 'input')")
    group = Path(f"/proc/{worker.pid}/autogroup")
    end_s = time.perf_counter() + CEILING_S
    while os.sched_getscheduler(worker.pid) != os.SCHED_IDLE or (
        group.exists() and "nice 19" not in group.read_text(encoding="ascii")
    ):
        assert time.perf_counter() < end_s
        time.sleep(0.005)
    worker.kill()


def test_it_has_the_beat_of_the_show(played: Show) -> None:
    with open_engine(
        Config(width=64, height=64, renderer="gl", params={"/tempo/source": CLOCK}, audio="demo")
    ) as engine:
        at_s = time.perf_counter()
        order = DrawOrder(
            size_px=(80, 64),
            values={},
            is_cut=False,
            inputs={},
            sound=b"",
            beat=130.25,
            bpm=90.0,
            at_s=at_s,
        )
        follow(engine, order)
        (frame,) = engine.frames(count=1)
        assert frame.width == 80
        assert engine.control_hub.tempo.beat_at(at_s + 60.0) == pytest.approx(220.25, abs=0.01)


def test_viewers_of_a_run_see_it_beside_the_show(played: Show) -> None:
    config = Config(width=160, height=90, fps=10.0, audio="demo", renderer="gl", web="127.0.0.1:0")
    with open_engine(config) as engine:
        engine.control_hub.preset_control.mixer.prepare("Poster")
        assert engine.page_url is not None
        address = urlsplit(engine.page_url)
        client = SocketClient(
            (str(address.hostname), int(str(address.port))), "/preview?picture=prepared"
        )
        jpegs: list[bytes] = []

        def read() -> None:
            jpegs.append(client.read())
            engine.stop()

        reader = threading.Thread(target=read)
        reader.start()
        engine.run(seconds=CEILING_S)
        client.close()
        reader.join()
    assert simplejpeg.decode_jpeg(jpegs[0], "RGB").shape == (180, 320, 3)
