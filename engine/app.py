"""READ FIRST: builds every part from the configuration and connects them, in one order.

    values: store, sound, camera ─► picture: renderer, sinks ─► control hub
                                                                  │
       start: page, frame loop, watchdog ◄── control: OSC, MIDI, Link ◄── live models

Each step returns a complete part that the next ones take. Anything missing fails here, before the
first frame. After that no failure of a part ends a live run.
"""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import msgspec

from engine.audio.input import AudioInput
from engine.audio.open import open_audio
from engine.config import Config, build_config
from engine.control import OscServer
from engine.control.commands.camera import first_entry
from engine.control.commands.child import ChildControl
from engine.control.commands.control_hub import ControlHub, RunContext, open_control_hub
from engine.control.commands.control_inputs import (
    ControlInputs,
    open_control_inputs,
    subscribe_configured,
)
from engine.control.commands.preset_mixer import conditions as preset_conditions
from engine.control.commands.timecode import conditions as timecode_conditions
from engine.control.outgoing.announcements import Announcements
from engine.engine import Engine, StatusReader, watchdog_of
from engine.errors import PortTakenError
from engine.frame_loop import EngineParts, InputParts, OutputParts, TimingParts
from engine.ipc import Gate, sweep_dead_rings
from engine.live.kit.drawing import Drawing
from engine.live.kit.live_model import Surroundings
from engine.live.kit.opening import (
    LiveModels,
    ModelsOfRun,
    live_models,
    model_lists,
    models_of,
    refuse_offline,
)
from engine.outputs import Outputs
from engine.params import Autosave, Deck, Decks, ParamStore, Slew, macros, modulation
from engine.render.egl_devices import chosen_gpu
from engine.render.graphics_maker import GraphicsMaker
from engine.render.guarded_renderer import GuardedRenderer
from engine.render.isf.clocks import date_live, date_offline
from engine.render.opening import describe_unused_card, open_renderer
from engine.render.region_mapper import RegionMapper
from engine.render.source_maps import SourceMapper
from engine.sinks.registry import conditions as sink_conditions
from engine.sinks.sink import OutputFormat
from engine.sinks.sink_set import SinkSet
from engine.sources.current import CurrentSource, SelectedSource
from engine.sources.opening import OpenedVideos, open_source
from engine.sources.senders import SenderLists
from engine.sources.source import Polled
from engine.system import folders
from engine.system.clock import SteppedClock, SystemClock
from engine.system.closing import Closing
from engine.system.frame_budget import FrameBudget
from engine.system.power import kept_awake
from engine.system.standstill import FrameMark
from engine.system.telemetry import FrameTimes, Warnings
from engine.web.opening import open_announcer, open_web
from engine.web.prepared import PICTURE as PREPARED
from engine.web.preview import PreviewTap, StillCamera
from engine.web.server import WebServer
from osc_schema import plugins

__all__ = ["Engine", "open_engine"]

OnStuck = Callable[[], object]
SOFTWARE_FPS = 30.0
GPU_FPS = 60.0
# on two cores a frame of the first look takes 18 ms here and 31 of the 33 available at 720p
SOFTWARE_SIZE = (960, 540)


@contextlib.contextmanager
def open_engine(
    config: Config, on_stuck: OnStuck = lambda: None, *, sound: AudioInput | None = None
) -> Iterator[Engine]:
    """Open an engine; close all its parts on exit. The calling thread owns the GL context and must
    draw the frames.

    Raises MultiverseError (one line) for anything that is missing. Installs no signal handlers.
    `on_stuck()` is called on another thread, after the recordings are finished, if the run should
    end and its last frame does not: the process can only be ended then. `sound`: used in place of
    what the configuration names.
    """
    # not checked yet if it was made in Python
    config = build_config(msgspec.to_builtins(config), origin="Config")
    refuse_offline(config)
    with kept_awake(), chosen_gpu(config.gpu), Closing() as closing:
        run = open_run(config, closing)
        values = open_values(run, sound)
        picture = open_picture(run, values)
        control_hub = open_control_hub(
            run,
            store=values.store,
            slew=values.slew,
            audio=values.audio,
            camera=values.camera,
            renderer=picture.renderer,
            graphics=picture.graphics,
            sinks=picture.outputs.sinks,
            senders=picture.senders,
            take_picture=StillCamera(picture.outputs.previews["main"]).take
            if config.web != "off"
            else None,
        )
        models = open_models(run, values, picture, control_hub)
        parts = open_frames(
            run, values, picture, control_hub, models, open_control_inputs(run, control_hub)
        )
        yield start(run, values, picture, parts, on_stuck)


def open_run(config: Config, closing: Closing) -> RunContext:
    clock = SteppedClock(wall_start_s=time.time()) if config.offline else SystemClock()
    announcements = Announcements()
    warnings = Warnings(clock, announcements.warn)
    for number, line in enumerate(plugins.faults()):
        warnings.report(f"plugins.{number}", line)
    sweep_dead_rings()
    gate = closing(Gate.create())
    return RunContext(
        config=config,
        clock=clock,
        warnings=warnings,
        announcements=announcements,
        gate=gate,
        closing=closing,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """The parameter store, the sound input, the camera and the live models of a run, none of them
    started."""

    store: ParamStore
    slew: Slew
    audio: AudioInput
    camera: CurrentSource
    models: ModelsOfRun


def open_values(run: RunContext, sound: AudioInput | None) -> Values:
    config = run.config
    report = run.warnings.report
    open_sound = partial(open_audio, config.audio, monitor=config.monitor)
    audio = run.closing(sound or open_sound(offline=config.offline, clock=run.clock, report=report))
    source = open_source(config.camera, offline=config.offline, clock=run.clock, report=report)
    camera = run.closing.here(
        CurrentSource(SelectedSource(argument=first_entry(config.camera), source=source), run.clock)
    )
    models = models_of(config, lambda: camera.has_source, report)
    store = ParamStore()
    for address, check in (
        *models.conditions,
        *modulation.conditions(),
        *macros.conditions(),
        *timecode_conditions(receives_artnet=config.dmx.listen in ("artnet", "both")),
        *preset_conditions(),
        *sink_conditions(),
    ):
        store.add_condition(address, check)
    return Values(
        store=store, slew=Slew(config.smoothing), audio=audio, camera=camera, models=models
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """The renderer, the threads that prepare its inputs, and the sinks and previews that get its
    pictures."""

    config: Config
    """With the size of the picture if none was chosen."""
    renderer: GuardedRenderer
    regions: RegionMapper
    sources: SourceMapper
    graphics: GraphicsMaker
    outputs: OutputParts
    senders: SenderLists


def open_picture(run: RunContext, values: Values) -> Picture:
    config = run.config
    report = run.warnings.report
    notify = run.announcements.notify
    renderer = run.closing.here(_open_renderer(run))
    if config.is_size_free and renderer.is_software and not config.offline:
        renderer.resize(*SOFTWARE_SIZE)
        config = config.with_size(*SOFTWARE_SIZE)
    if renderer.is_software and config.renderer != "numba" and (line := describe_unused_card()):
        report("renderer.unused_card", f"draws in {line}")
    output_format = OutputFormat(
        width=config.width,
        height=config.height,
        fps=config.fps or (SOFTWARE_FPS if renderer.is_software else GPU_FPS),
        sample_rate_hz=values.audio.sample_rate_hz,
        audio_channels=values.audio.source_channels,
        is_offline=config.offline,
        overwrites=config.overwrite,
        record_folder=Path(config.recordings) if config.recordings else folders.recordings_folder(),
    )
    sinks = run.closing.here(SinkSet(output_format, clock=run.clock, report=report))
    renderer.add_context_user(sinks)
    names = ["main", "behind", *(picture.name for picture in values.models.pictures)]
    if config.web != "off" and not config.offline:
        names.append(PREPARED)
    return Picture(
        config=config,
        renderer=renderer,
        regions=run.closing(RegionMapper(report)),
        sources=run.closing(SourceMapper(report)),
        graphics=run.closing(
            GraphicsMaker(folders.data_folder(), notify, report, is_offline=config.offline)
        ),
        outputs=OutputParts(
            output_format=output_format,
            sinks=sinks,
            previews={name: PreviewTap() for name in names},
        ),
        senders=SenderLists(run.clock, lambda: [(sink.kind, sink.name) for sink in sinks.status()]),
    )


def _open_renderer(run: RunContext) -> GuardedRenderer:
    config = run.config
    warnings = run.warnings
    open_again = partial(
        open_renderer,
        config.renderer,
        is_live=not config.offline,
        on_progress=warnings.notice,
        date_at=date_offline if config.offline else date_live,
    )
    return GuardedRenderer(
        open_again, (config.width, config.height), clock=run.clock, report=warnings.report
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """The live models, not yet started."""

    live: LiveModels
    polled: tuple[Polled, ...]
    """The camera, and the videos that the models have opened, if they must be polled on the render
    thread."""


def open_models(
    run: RunContext, values: Values, picture: Picture, control_hub: ControlHub
) -> Models:
    videos = OpenedVideos(run.clock, run.warnings.report, run.closing)
    around = Surroundings(
        config=picture.config,
        audio=values.audio,
        has_camera=lambda: values.camera.has_source,
        gate=run.gate,
        notify=run.announcements.notify,
        store=values.store,
        clock=run.clock,
        report=run.warnings.report,
        open_video=videos.open,
        coming=control_hub.launch_queue.upcoming,
        pulse=control_hub.tempo.read_pulse,
    )
    models = LiveModels(values.models.entries, around, run.closing)
    children = ChildControl(
        {model.name: model.supervisor for model in models.running},
        values.models.missing,
        run.warnings.notice,
        {
            command: (entry.name, call)
            for entry in live_models()
            for command, call in entry.calls.items()
        },
        model_lists(picture.config, values.store, models.running),
    )
    children.add_commands(control_hub.commands)
    polled = tuple(one for one in (values.camera, *videos.opened) if isinstance(one, Polled))
    for one in polled:
        run.closing.here(one)  # closed before the context it uses; `close` is idempotent
        picture.renderer.add_context_user(one)
    return Models(live=models, polled=polled)


def open_frames(
    run: RunContext,
    values: Values,
    picture: Picture,
    control_hub: ControlHub,
    models: Models,
    inputs: ControlInputs,
) -> EngineParts:
    player = control_hub.shader_player
    stopwatch = SystemClock()
    sinks = picture.outputs.sinks
    budget = FrameBudget()
    drawing = Drawing(
        decks=Decks(
            Deck(values.slew, modulation.Modulation(player.alias_of)),
            budget,
            control_hub.expected_look(),
        ),
        slots=player,
        regions=picture.regions,
        sources=picture.sources,
        graphics=picture.graphics,
        renderer=picture.renderer,
        is_offline=run.config.offline,
    )
    screens = run.closing.here(
        Outputs(drawing, sinks, control_hub, stopwatch, budget, run.warnings.report)
    )
    picture.renderer.add_context_user(screens)
    return EngineParts(
        timing=TimingParts(
            clock=run.clock,
            stopwatch=stopwatch,
            times=FrameTimes(),
            budget=budget,
            mark=FrameMark(),
            gate=run.gate,
        ),
        control_hub=control_hub,
        control_inputs=inputs,
        inputs=InputParts(
            audio=values.audio, camera=values.camera, senders=picture.senders, polled=models.polled
        ),
        models=models.live,
        drawing=drawing,
        outputs=picture.outputs,
        screens=screens,
        warnings=run.warnings,
    )


def start(
    run: RunContext, values: Values, picture: Picture, parts: EngineParts, on_stuck: OnStuck
) -> Engine:
    """Bind the ports, then start every part, so that a run that is refused a port leaves nothing
    behind."""
    config = picture.config
    closing = run.closing
    control_hub = parts.control_hub
    control_inputs = parts.control_inputs
    status = StatusReader(parts, has_control=control_inputs.osc is not None or config.web != "off")
    web = open_web(
        run,
        control_hub,
        control_inputs,
        audio=values.audio,
        previews=parts.outputs.previews,
        status=status.read,
        decks=parts.drawing.decks,
        size_px=lambda: picture.renderer.size_px,
    )
    engine = Engine(config, parts, web, status.read)  # with the frame loop around `parts`
    watchdog = closing(watchdog_of(engine, parts, status, on_stuck))
    autosave = closing(
        Autosave(
            folders.data_folder(),
            values.store,
            report=run.warnings.report,
            current=lambda: control_hub.preset_control.current.name,
            input_names=control_hub.dispatcher.views.names_in,
            disk=control_hub.disk,
        )
    )
    _bind(control_inputs.osc, web)
    control_hub.show.set_first_values(
        config, parts.outputs.output_format.fps, autosave, values.models.first_values
    )
    if config.autosave:
        autosave.start()
    for part in (values.audio, values.camera, control_hub.cameras, control_hub.shaders):
        part.start()
    parts.models.start(partial(parts.outputs.sinks.add_picture, may_wait=True))
    control_hub.show.start_first_sinks(config.sinks)
    for line in (
        control_inputs.sending,
        control_inputs.osc,
        web,
        control_inputs.dmx,
        control_inputs.midi,
    ):
        if line is not None:
            line.start()
    if control_inputs.osc is not None:
        subscribe_configured(run, control_hub, control_inputs.osc)
    watchdog.start()
    if web is not None and config.announce:
        closing(open_announcer(run, control_inputs.osc, web)).start()
    return engine


def _bind(*servers: OscServer | WebServer | None) -> None:
    """Take the servers' ports; one PortTakenError names every port that is taken."""
    taken_ports: list[tuple[str, str]] = []
    for server in servers:
        try:
            if server is not None:
                server.bind()
        except PortTakenError as error:
            taken_ports += error.conflicts
    if taken_ports:
        raise PortTakenError(*taken_ports)
