"""READ FIRST: builds every part from the configuration and connects them. No logic lives here.

    config ─► store, slew ─► renderer ─► audio, source, regions ─► sinks ─► control desk ─► OSC, page ─► frame loop

Whatever cannot be had is an error here, before the first picture; after it nothing is.
"""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import msgspec

from engine.audio import open_audio
from engine.config import Config, build_config, split_host_port
from engine.control import CommandTable, Dispatcher, OscServer, Outgoing, SendingThread
from engine.control.commands.camera import CameraControl, first_word
from engine.control.commands.child import ChildControl
from engine.control.commands.cue import FILE_NAME as CUES_FILE
from engine.control.commands.cue import CueControl
from engine.control.commands.mapping import FILE_NAME as MAPPING_FILE
from engine.control.commands.mapping import MapControl
from engine.control.commands.mapping_feedback import MapFeedback
from engine.control.commands.preset import PresetControl
from engine.control.commands.show import ShowControl
from engine.control.query import Announcer, QueryHub, QueryTree, host_info, service_name
from engine.control.shown_texts import ShownTexts
from engine.engine import Engine
from engine.errors import ConfigError, PortTakenError
from engine.frame_loop import Parts
from engine.ipc import Gate, sweep_dead_rings
from engine.live.opening import SAM3_PICTURES, open_inference
from engine.live.rvc import conditions as voice_conditions
from engine.live.sam3 import conditions as segmentation_conditions
from engine.live.sd import conditions as diffusion_conditions
from engine.params import Autosave, Crossfade, LeavingLook, ParamStore, PresetFolder, Slew, Tempo, modulation
from engine.render import RegionMapper, open_renderer
from engine.render.guarded_renderer import Drawing
from engine.sinks import SinkSet, Stage
from engine.sinks.registry import conditions as sink_conditions
from engine.sources import Polled, open_source
from engine.sources.current import ChosenSource, CurrentSource
from engine.sources.senders import SenderLists
from engine.system import folders
from engine.system.clock import Clock, SteppedClock, SystemClock
from engine.system.closing import Closing
from engine.system.disk_store import DiskStore
from engine.system.power import kept_awake, raise_gpu_priority
from engine.telemetry import FrameTimes, Warnings
from engine.web import PreviewTap, StillCamera, WebServer
from engine.web.serving.access import hears_nobody
from engine.web.serving.hosts import announced_host
from engine.web.serving.lan import lan_addresses

__all__ = ["Engine", "open_engine"]

SOFTWARE_FPS, GPU_FPS = 30.0, 60.0
SOFTWARE_SIZE = 960, 540  # on two cores 720p of the look that it starts with takes 24 to 30 ms of the 33 there are


@contextlib.contextmanager
def open_engine(config: Config) -> Iterator[Engine]:
    """A ready engine; this thread owns its GL context and must draw its frames. Ends everything on leaving.

    Raises MultiverseError (one line) for whatever cannot be had. Installs no signal handlers.
    """
    config = build_config(msgspec.to_builtins(config), origin="Config")  # made in Python it was not checked yet
    if config.sd.model and config.offline:
        raise ConfigError("sd.model: live Stable Diffusion cannot be repeated offline; `multiverse sd` paints pictures")
    if config.sam3.model and config.offline:
        raise ConfigError("sam3.model: live SAM3 cannot be repeated offline; `multiverse segment` reads files")
    if config.rvc.model and config.offline:
        raise ConfigError("rvc.model: a live voice cannot be repeated offline; `multiverse convert` reads files")
    with kept_awake(), Closing() as closing:
        raise_gpu_priority()  # `multiverse doctor` tells what comes of it
        clock: Clock = SteppedClock(wall_start_s=time.time()) if config.offline else SystemClock()
        warnings = Warnings(clock)
        sweep_dead_rings()
        gate = closing(Gate.create())

        store = ParamStore()
        for address, check in (
            *diffusion_conditions.conditions(config.sd, has_camera=lambda: source.is_there),
            *segmentation_conditions.conditions(
                config.sam3, has_camera=lambda: source.is_there, has_sd=bool(config.sd.model)
            ),
            *voice_conditions.conditions(config.rvc),
            *modulation.conditions(),
            *sink_conditions(),
        ):
            store.add_condition(address, check)
        slew = Slew(config.smoothing)
        audio = closing(open_audio(config.audio, offline=config.offline, clock=clock, report=warnings.report))
        open_camera = partial(open_source, offline=config.offline, clock=clock, report=warnings.report)
        first = ChosenSource(word=first_word(config.camera), source=open_camera(config.camera))
        source = closing.here(CurrentSource(first, clock))
        drawing = closing.here(
            Drawing(
                partial(
                    open_renderer,
                    config.renderer,
                    has_layer5=config.camera != "none" or bool(config.sd.model),
                    has_masks=bool(config.sam3.model),
                    tell=warnings.tell,
                ),
                (config.width, config.height),
                clock=clock,
                report=warnings.report,
            )
        )
        if config.is_size_free and drawing.is_software and not config.offline:
            drawing.resize(*SOFTWARE_SIZE)
            config = config.with_size(*SOFTWARE_SIZE)
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
        sinks = closing.here(SinkSet(stage, clock=clock, report=warnings.report))
        senders = SenderLists(clock, lambda: [(sink.kind, sink.name) for sink in sinks.status()])
        previews = {"main": PreviewTap()}
        desk = _open_desk(config, store, slew, sinks, clock, previews["main"], warnings, closing)
        inference = open_inference(
            config,
            audio=audio,
            has_camera=lambda: source.is_there,
            gate=gate,
            tell=desk.dispatcher.feedback.tell,
            store=store,
            clock=clock,
            warnings=warnings,
            closing=closing,
        )
        sd, sam3, rvc, voice = inference.sd, inference.sam3, inference.rvc, inference.voice
        links = {"sd": sd, "sam3": sam3, "rvc": rvc}
        children = ChildControl(
            {name: link.supervisor for name, link in links.items() if link is not None},
            {
                "sd": diffusion_conditions.NO_MODEL,
                "sam3": segmentation_conditions.NO_MODEL,
                "rvc": voice_conditions.NO_MODEL,
            },
            warnings.tell,
        )
        children.add_commands(desk.commands)
        cameras = closing(
            CameraControl(
                source,
                senders,
                clock=clock,
                first=config.camera,
                open_source=open_camera,
                announce=drawing.announce_layer5,
                is_offline=config.offline,
                tell=desk.dispatcher.feedback.tell,
                say=warnings.tell,
            )
        )
        cameras.add_commands(desk.commands)
        sending = SendingThread(desk.dispatcher)
        sending.poll(desk.map_feedback.poll)
        sending.poll(cameras.poll)
        osc = None
        if config.osc.listen != "off":
            host, port = split_host_port(config.osc.listen, "--osc")
            osc = closing(OscServer(desk.dispatcher, sending, host, port, config.osc.allow, warnings.report))
        closing(sending)  # closed before the sockets through which it sends what is queued
        polled = tuple(one for one in (source, *inference.videos) if isinstance(one, Polled))
        for one in polled:
            closing.here(one)  # before the context it uses goes; closing twice is harmless
        drawing.on_reopened = lambda: [part.renew_context() for part in (sinks, *polled)]
        previews |= {name: PreviewTap() for name in inference.pictures}
        routes = modulation.Modulation()
        parts = Parts(
            clock=clock,
            stopwatch=SystemClock(),
            store=store,
            slew=slew,
            modulation=routes,
            tempo=desk.tempo,
            crossfade=desk.crossfade,
            leaving=LeavingLook(slew, routes),
            cues=desk.cues,
            dispatcher=desk.dispatcher,
            osc=osc,
            show=desk.show,
            audio=audio,
            source=source,
            senders=senders,
            polled=polled,
            sd=sd,
            sam3=sam3,
            masks=inference.masks,
            rvc=rvc,
            voice=voice,
            gate=gate,
            regions=closing(RegionMapper(warnings.report)),
            drawing=drawing,
            sinks=sinks,
            stage=stage,
            previews=previews,
            warnings=warnings,
            times=FrameTimes(),
        )
        web = _open_web(config, desk, store, osc, previews, lambda: engine.status(), warnings, closing)
        engine = Engine(config, parts, desk.presets, web)

        autosave = closing(
            Autosave(
                folders.data_folder(), store, report=warnings.report, current=lambda: desk.preset_control.current.name
            )
        )
        desk.show.set_first_values(config, fps, autosave, _model_values(config))
        if config.autosave:
            autosave.start()
        audio.start()
        source.start()
        cameras.start()
        if sd is not None:
            sd.start()
            sinks.add_picture("sd", int(store.get("/sd/width")), int(store.get("/sd/height")), may_wait=True)
        if sam3 is not None:
            sam3.start(store.snapshot())
            for picture in SAM3_PICTURES:  # their size comes with what SAM3 looks at
                sinks.add_picture(picture, config.width, config.height, may_wait=True)
        if rvc is not None and voice is not None:
            rvc.start(store.snapshot())
            voice.start()
        desk.show.start_first_sinks(config.sinks)
        sending.start()
        _listen(osc, web)
        if osc is not None:
            for target in config.osc.feedback:
                if target.send == "values":
                    osc.subscribe(target.host, target.port)
                else:
                    to = osc.target_at(target.host, target.port, "osc.feedback")
                    desk.map_feedback.subscribe(to, target.send, is_kept=True)
            for text in config.osc.text:
                desk.texts.show(text.shows, osc.target_at(text.host, text.port, "osc.text"), text.address)
        if web is not None and config.announce:
            closing(_announcer(service_name(config.name), osc, web, warnings)).start()
        yield engine


@dataclass(frozen=True, slots=True, kw_only=True)
class _Desk:
    """What commands are carried out by, and what they move."""

    commands: CommandTable
    dispatcher: Dispatcher
    tempo: Tempo
    crossfade: Crossfade
    presets: PresetFolder
    preset_control: PresetControl
    cues: CueControl
    show: ShowControl
    map_feedback: MapFeedback
    texts: ShownTexts


def _open_desk(
    config: Config,
    store: ParamStore,
    slew: Slew,
    sinks: SinkSet,
    clock: Clock,
    main_picture: PreviewTap,
    warnings: Warnings,
    closing: Closing,
) -> _Desk:
    commands = CommandTable()
    outgoing = Outgoing(store, warnings.report)
    warnings.on_said = outgoing.feedback.warn
    texts = ShownTexts(outgoing.feedback.tell)
    tell = texts.tell
    tempo, crossfade, disk = Tempo(store, clock), Crossfade(store), DiskStore(warnings.report)
    folder = PresetFolder(Path(config.presets) if config.presets else folders.presets_folder())
    presets = closing(
        PresetControl(
            store=store,
            presets=folder,
            crossfade=crossfade,
            report=warnings.report,
            tell=tell,
            disk=disk,
            take_picture=StillCamera(main_picture).take if config.web != "off" else None,
        )
    )
    cues = closing(
        CueControl(
            Path(config.cues) if config.cues else folder.path.absolute().parent / CUES_FILE,
            presets=presets,
            store=store,
            report=warnings.report,
            tell=tell,
            disk=disk,
        )
    )
    map_feedback = MapFeedback(
        store,
        listener_of=outgoing.feedback.listener_of,
        is_behind=outgoing.outbox.is_behind,
        report=warnings.report,
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
            feedback=map_feedback,
            report=warnings.report,
            tell=tell,
            disk=disk,
        )
    )
    dispatcher = Dispatcher(
        store, commands, clock, warnings.report, mapping, outgoing=outgoing, on_gone=map_feedback.unsubscribe
    )
    dispatcher.add_question("/map/feedback", map_feedback.on_feedback)
    show = ShowControl(store=store, slew=slew, sinks=sinks, presets=presets, report=warnings.report)
    for part in (show, presets, cues, mapping):
        part.add_commands(commands)
    dispatcher.heard.add_commands(commands)
    return _Desk(
        commands=commands,
        dispatcher=dispatcher,
        tempo=tempo,
        crossfade=crossfade,
        presets=folder,
        preset_control=presets,
        cues=cues,
        show=show,
        map_feedback=map_feedback,
        texts=texts,
    )


def _open_web(
    config: Config,
    desk: _Desk,
    store: ParamStore,
    osc: OscServer | None,
    previews: dict[str, PreviewTap],
    status: Callable[[], object],
    warnings: Warnings,
    closing: Closing,
) -> WebServer | None:
    """The page, OSCQuery and the previews, on one port; not yet started."""
    if config.web == "off":
        if config.announce:
            raise ConfigError("announce: tells the network where OSCQuery is, and web is off")
        return None
    host, port = split_host_port(config.web, "--web")
    name = service_name(config.name)
    tree, hub = QueryTree(store), closing(QueryHub(desk.dispatcher, warnings.report))
    tree.show_cues(desk.cues.cues)
    desk.cues.on_changed = lambda cues: hub.tell_paths(tree.show_cues(cues))
    web = closing(
        WebServer(
            host,
            port,
            taps=previews,
            status=status,
            preset_pictures=lambda: desk.preset_control.pictures,
            features=lambda: desk.dispatcher.feedback.features,
            query=tree,
            hub=hub,
            host_info=lambda reached_at: host_info(
                reached_at, name=name, osc=osc.address if osc else None, web=web.address
            ),
            dispatcher=desk.dispatcher,
            report=warnings.report,
            token=config.web_token,
            hears_osc=osc.hears if osc is not None else hears_nobody,
        )
    )
    return web


def _listen(*servers: OscServer | WebServer | None) -> None:
    """Start them; where ports are taken, one PortTakenError names them all."""
    taken: list[tuple[str, str]] = []
    for server in servers:
        try:
            if server is not None:
                server.start()
        except PortTakenError as error:
            taken += error.taken
    if taken:
        raise PortTakenError(*taken)


def _announcer(name: str, osc: OscServer | None, web: WebServer, warnings: Warnings) -> Announcer:
    return Announcer(
        name,
        host=announced_host(),
        web_port=web.address[1],
        osc_port=osc.address[1] if osc is not None else None,
        find_interfaces=lan_addresses,
        report=warnings.report,
    )


def _model_values(config: Config) -> list[tuple[str, object]]:
    """The values that the configuration of the live models decides."""
    weights = [(f"/sd/lora/{n}/weight", lora.weight) for n, lora in enumerate(config.sd.loras, start=1)]
    values: list[tuple[str, object]] = [("/sd/enable", bool(config.sd.model)), *weights]
    values += [("/sd/clip_skip", config.sd.clip_skip)] if config.sd.clip_skip else []
    return [*values, ("/sam3/enable", bool(config.sam3.model)), ("/rvc/enable", bool(config.rvc.model))]
