"""READ FIRST: builds every part from the configuration and connects them. No logic lives here.

    config ─► store, slew ─► renderer ─► audio, source, regions ─► sinks ─► OSC, page ─► frame loop

Whatever cannot be had is an error here, before the first picture; after it nothing is.
"""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

import msgspec

from engine import folders
from engine.audio import open_audio
from engine.child_control import ChildControl
from engine.children.diffusion_conditions import NO_MODEL, conditions
from engine.children.diffusion_link import DiffusionLink
from engine.children.diffusion_spec import require_complete, spec_of
from engine.children.supervisor import Supervisor
from engine.clock import Clock, SteppedClock, SystemClock
from engine.config import Config, build_config, split_host_port
from engine.control import CommandTable, Dispatcher, OscServer, SendingThread
from engine.cue_control import FILE_NAME as CUES_FILE
from engine.cue_control import CueControl
from engine.drawing import Drawing
from engine.errors import ConfigError
from engine.frame import PublishedFrame
from engine.frame_loop import FrameLoop, Parts
from engine.ipc import Gate, sweep_dead_rings
from engine.map_control import FILE_NAME as MAPPING_FILE
from engine.map_control import MapControl
from engine.params import Autosave, Crossfade, ParamStore, PresetFolder, Slew, Tempo, modulation
from engine.preset_control import PresetControl
from engine.query import QueryHub, QueryTree, host_info
from engine.render import RegionMapper, open_renderer
from engine.show_control import Hooks, ShowControl
from engine.sinks import SinkSet, Stage
from engine.sources import Source, open_source
from engine.status import EngineStatus
from engine.telemetry import FrameTimes, Warnings
from engine.wakefulness import kept_awake
from engine.web import PreviewTap, WebServer

SOFTWARE_FPS, GPU_FPS = 30.0, 60.0


class Engine:
    """A running engine, made by `open_engine`. Used on the thread that opened it; `params` and `status` on any."""

    def __init__(self, config: Config, parts: Parts, presets: PresetFolder, web: WebServer | None) -> None:
        self.config = config
        self.presets = presets
        self._web = web
        self._parts = parts
        self._loop = FrameLoop(parts)
        self._started_s = parts.stopwatch.now_s()
        parts.show.connect(
            Hooks(post=self._loop.post, stop=self._loop.stop, restage=self._loop.restage, status=self.status)
        )

    @property
    def params(self) -> ParamStore:
        """Every control by its address. Any thread."""
        return self._parts.store

    @property
    def children(self) -> Mapping[str, Supervisor]:
        """The child processes of this run by name: start, stop and restart them from any thread."""
        return {"sd": self._parts.sd.supervisor} if self._parts.sd else {}

    @property
    def osc_address(self) -> tuple[str, int] | None:
        """Where OSC is heard (UDP and TCP), or None when it is off."""
        return self._parts.osc.address if self._parts.osc else None

    @property
    def sound(self) -> str:
        """Which sound this is, and why where nobody chose it."""
        return self._parts.audio.choice

    @property
    def renderer_choice(self) -> str:
        """Why this renderer and not OpenGL; "" when nothing better was wanted."""
        return self._parts.drawing.reason

    @property
    def has_sound_ended(self) -> bool:
        """Whether a file that plays once (offline) is over."""
        return self._parts.audio.is_finished

    @property
    def page_url(self) -> str | None:
        """Where a browser finds the page, or None when it is off."""
        return self._web.url if self._web is not None else None

    @property
    def times(self) -> FrameTimes:
        return self._parts.times

    def frames(self, count: int | None = None, seconds: float | None = None) -> Iterator[PublishedFrame]:
        """Draw and publish at the frame rate; yields each picture, until `count`, `seconds` or `stop()`."""
        return self._loop.frames(count=count, seconds=seconds)

    def run(self, count: int | None = None, seconds: float | None = None) -> None:
        """`frames` for those who do not look at them."""
        for _ in self.frames(count, seconds):
            pass

    def post(self, action: Callable[[], None]) -> None:
        """Run `action` on the drawing thread before its next frame, with the GL context current. Any thread."""
        self._loop.post(action)

    def stop(self) -> None:
        """End `frames` after the picture in hand. Any thread, and signal handlers."""
        self._loop.stop()

    @property
    def is_stopping(self) -> bool:
        return self._loop.is_stopping

    def status(self) -> EngineStatus:
        """How everything is doing now. Any thread."""
        parts, stage = self._parts, self._parts.stage  # one stage: it may be replaced meanwhile
        return EngineStatus(
            seconds=parts.stopwatch.now_s() - self._started_s,
            frames=parts.times.frames,
            fps=parts.times.fps_now(),
            target_fps=stage.fps,
            frame_ms=parts.times.recent_ms(),
            late=parts.times.late,
            dropped=parts.times.dropped,
            width=stage.width,
            height=stage.height,
            renderer=parts.drawing.description,
            audio=parts.audio.status(),
            camera=parts.source.status() if parts.source else None,
            children=(parts.sd.status(),) if parts.sd else (),
            sinks=parts.sinks.status(),
            osc=parts.dispatcher.counters if parts.osc else None,
            warnings=tuple(parts.warnings.latest),
            warning_counts=parts.warnings.counts,
        )


@contextlib.contextmanager
def open_engine(config: Config) -> Iterator[Engine]:
    """A ready engine; this thread owns its GL context and must draw its frames. Ends everything on leaving.

    Raises MultiverseError (one line) for whatever cannot be had. Installs no signal handlers.
    """
    config = build_config(msgspec.to_builtins(config), origin="Config")  # made in Python it was not checked yet
    if config.sd.model and config.offline:
        raise ConfigError("sd.model: live Stable Diffusion cannot be repeated offline; `multiverse sd` paints pictures")
    with contextlib.ExitStack() as stack:
        closing = _closer(stack)
        stack.enter_context(kept_awake())
        clock: Clock = SteppedClock(wall_start_s=time.time()) if config.offline else SystemClock()
        warnings = Warnings(clock)
        sweep_dead_rings()
        gate = closing(Gate.create())

        store = ParamStore()
        for address, check in (*conditions(config.sd, has_camera=config.camera != "none"), *modulation.conditions()):
            store.add_condition(address, check)
        slew = Slew(config.smoothing)
        presets = PresetFolder(Path(config.presets) if config.presets else folders.presets_folder())
        audio = closing(open_audio(config.audio, offline=config.offline, clock=clock, report=warnings.report))
        source = open_source(config.camera, offline=config.offline, clock=clock, report=warnings.report)
        if source is not None:
            closing(source)
        drawing = closing(
            Drawing(
                partial(open_renderer, config.renderer),
                (config.width, config.height),
                clock=clock,
                report=warnings.report,
            )
        )
        fps = config.fps or (SOFTWARE_FPS if drawing.is_software else GPU_FPS)
        stage = Stage(
            width=config.width,
            height=config.height,
            fps=fps,
            sample_rate_hz=audio.sample_rate_hz,
            audio_channels=audio.source_channels,
            is_offline=config.offline,
            record_folder=Path(config.recordings) if config.recordings else folders.recordings_folder(),
        )
        sinks = closing(SinkSet(stage, clock=clock, report=warnings.report))
        drawing.on_reopened = sinks.renew_context
        commands = CommandTable()
        dispatcher = Dispatcher(store, commands, clock, warnings.report, lambda *heard: mapping.translate(*heard))
        warnings.on_said = dispatcher.feedback.warn
        tell = dispatcher.feedback.tell
        tempo, crossfade = Tempo(store, clock), Crossfade(store)
        preset_control = closing(
            PresetControl(store=store, presets=presets, crossfade=crossfade, report=warnings.report, tell=tell)
        )
        cues = closing(
            CueControl(
                presets.path.absolute().parent / CUES_FILE,
                presets=preset_control,
                store=store,
                is_offline=config.offline,
                report=warnings.report,
                tell=tell,
            )
        )
        mapping = closing(
            MapControl(
                Path(config.mapping) if config.mapping else folders.data_folder() / MAPPING_FILE,
                names=config.maps,
                store=store,
                clock={
                    "clock": tempo.midi_clock,
                    "start": tempo.midi_start,
                    "continue": tempo.midi_continue,
                    "stop": tempo.midi_stop,
                },
                report=warnings.report,
                tell=tell,
            )
        )
        show = ShowControl(store=store, slew=slew, sinks=sinks, presets=preset_control, report=warnings.report)
        sd = None
        if config.sd.model:
            require_complete(spec_of(config.sd, config.sd.model))
            video = _open_sd_video(config, clock, warnings, closing)
            sd = closing(
                DiffusionLink(
                    config.sd,
                    video=video,
                    has_camera=source is not None,
                    gate=gate,
                    report=warnings.report,
                    set_value=partial(store.set, by="sd"),
                )
            )
        show.add_commands(commands)
        preset_control.add_commands(commands)
        cues.add_commands(commands)
        mapping.add_commands(commands)
        ChildControl({"sd": sd.supervisor} if sd else {}, {"sd": NO_MODEL}, warnings.tell).add_commands(commands)
        sending = SendingThread(dispatcher)
        osc = None
        if config.osc.listen != "off":
            host, port = split_host_port(config.osc.listen, "--osc")
            osc = closing(OscServer(dispatcher, sending, host, port, config.osc.allow, warnings.report))
        closing(sending)  # closed before the sockets through which it sends what is queued
        previews = {name: PreviewTap() for name in (("main", "sd") if sd is not None else ("main",))}
        parts = Parts(
            clock=clock,
            stopwatch=SystemClock(),
            store=store,
            slew=slew,
            modulation=modulation.Modulation(),
            tempo=tempo,
            crossfade=crossfade,
            cues=cues,
            dispatcher=dispatcher,
            osc=osc,
            show=show,
            audio=audio,
            source=source,
            sd=sd,
            gate=gate,
            regions=closing(RegionMapper(warnings.report)),
            drawing=drawing,
            sinks=sinks,
            stage=stage,
            previews=previews,
            warnings=warnings,
            times=FrameTimes(),
        )
        web = None
        if config.web != "off":
            host, port = split_host_port(config.web, "--web")
            hub = closing(QueryHub(dispatcher, warnings.report))
            web = closing(
                WebServer(
                    host,
                    port,
                    taps=previews,
                    status=lambda: engine.status(),
                    features=lambda: audio.latest_features().channels,
                    query=QueryTree(store),
                    hub=hub,
                    host_info=lambda reached_at: host_info(reached_at, osc=engine.osc_address, web=web.address),
                    dispatcher=dispatcher,
                    report=warnings.report,
                )
            )
        engine = Engine(config, parts, presets, web)

        autosave = closing(Autosave(folders.data_folder(), store, report=warnings.report))
        show.set_first_values(config, fps, autosave)
        if config.autosave:
            autosave.start()
        audio.start()
        if source is not None:
            source.start()
        if sd is not None:
            sd.start()
            sinks.add_sd(int(store.get("/sd/width")), int(store.get("/sd/height")), may_wait=True)
        show.start_first_sinks(config.sinks)
        sending.start()
        if osc is not None:
            osc.start()
            for target in config.osc.feedback:
                osc.subscribe(target.host, target.port)
        if web is not None:
            web.start()
        yield engine


def _open_sd_video(
    config: Config, clock: Clock, warnings: Warnings, closing: Callable[[Source], Source]
) -> Source | None:
    """The file of `/sd/source video`, playing."""
    if not config.sd.video:
        return None
    video = open_source(config.sd.video, offline=False, clock=clock, report=warnings.report)
    if video is not None:
        closing(video).start()
    return video


class Closable(Protocol):
    def close(self) -> None: ...


Part = TypeVar("Part", bound=Closable)


def _closer(stack: contextlib.ExitStack) -> Callable[[Part], Part]:
    """`closing(part)` returns the part, to be closed when the engine ends: last opened, first closed."""

    def closing(part: Part) -> Part:
        stack.callback(part.close)
        return part

    return closing
