"""READ FIRST: builds every part from the configuration and connects them. No logic lives here.

    config ─► store ─► audio, camera ─► renderer ─► sinks ─► control desk ─► live models ─► OSC, page ─► frame loop

Anything missing fails here, before the first frame. After that, nothing is fatal.
"""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path

import msgspec
import numpy as np

from engine.audio import AudioInput, open_audio
from engine.config import Config, build_config, split_host_port
from engine.control import CommandTable, Dispatcher, OscServer, Outgoing, Sender, SendingThread
from engine.control.announcements import Announcements
from engine.control.commands.camera import CameraControl, first_word
from engine.control.commands.child import ChildControl
from engine.control.commands.cue import FILE_NAME as CUES_FILE
from engine.control.commands.cue import CueControl
from engine.control.commands.mapping import FILE_NAME as MAPPING_FILE
from engine.control.commands.mapping import MapControl
from engine.control.commands.mapping_feedback import MapFeedback
from engine.control.commands.preset import PresetControl
from engine.control.commands.shader import ShaderControl
from engine.control.commands.shader_stage import ShaderStage
from engine.control.commands.shader_trials import ShaderTesting
from engine.control.commands.show import ShowControl
from engine.control.commands.timecode import TimecodeControl
from engine.control.commands.timecode import conditions as timecode_conditions
from engine.control.dmx import DmxReceiver
from engine.control.query import Announcer, QueryHub, QueryTree, host_info, service_name
from engine.control.shown_texts import ShownTexts
from engine.engine import Engine, StatusReader
from engine.errors import ConfigError, PortTakenError
from engine.frame_loop import EngineParts
from engine.ipc import Gate, sweep_dead_rings
from engine.link.follower import LinkFollower
from engine.live.kit.live_model import LiveEntry, Surroundings
from engine.live.opening import LIVE_MODELS, conditions, configured_models, open_models
from engine.osc import Message
from engine.params import Autosave, Crossfade, LeavingLook, ParamStore, PresetFolder, Slew, Tempo, modulation
from engine.params.shader_catalog import ShaderCatalog
from engine.render import RegionMapper, open_renderer
from engine.render.guarded_renderer import GuardedRenderer
from engine.render.isf.dates import date_live, date_offline
from engine.render.isf.vetter import Vetter
from engine.sinks import SinkSet, Stage
from engine.sinks.registry import conditions as sink_conditions
from engine.sinks.sink import declare_pictures
from engine.sources import Polled, Source, open_source
from engine.sources.current import ChosenSource, CurrentSource
from engine.sources.senders import SenderLists
from engine.system import folders
from engine.system.clock import Clock, SteppedClock, SystemClock
from engine.system.closing import Closing
from engine.system.disk_store import DiskStore
from engine.system.power import kept_awake, raise_gpu_priority
from engine.telemetry import FrameTimes, Warnings
from engine.web import PreviewTap, StillCamera, WebServer
from engine.web.serving.access import accepts_none
from engine.web.serving.hosts import announced_host
from engine.web.serving.lan import lan_addresses

__all__ = ["Engine", "open_engine"]

OWN_SHADERS = Path(__file__).parent / "render" / "isf" / "shaders"
SOFTWARE_FPS, GPU_FPS = 30.0, 60.0
SOFTWARE_SIZE = 960, 540  # at 720p the first look takes 24 to 30 ms of the 33 available on two cores


@contextlib.contextmanager
def open_engine(config: Config, live_models: Sequence[LiveEntry] = LIVE_MODELS) -> Iterator[Engine]:
    """Open an engine; close all its parts on exit. The calling thread owns the GL context and must draw the frames.

    Raises MultiverseError (one line) for anything that is missing. Installs no signal handlers. `live_models`: the
    models that the configuration may name.
    """
    config = build_config(msgspec.to_builtins(config), origin="Config")  # not checked yet if it was made in Python
    configured = configured_models(config, live_models)
    declare_pictures(picture for entry in live_models for picture in entry.pictures)
    with kept_awake(), Closing() as closing:
        raise_gpu_priority()  # `multiverse doctor` shows its effect
        clock: Clock = SteppedClock(wall_start_s=time.time()) if config.offline else SystemClock()
        announcements = Announcements()
        warnings = Warnings(clock, announcements.warn)
        sweep_dead_rings()
        gate = closing(Gate.create())

        store = ParamStore()
        slew = Slew(config.smoothing)
        audio = closing(open_audio(config.audio, offline=config.offline, clock=clock, report=warnings.report))
        open_camera = partial(open_source, offline=config.offline, clock=clock, report=warnings.report)
        first = ChosenSource(word=first_word(config.camera), source=open_camera(config.camera))
        source = closing.here(CurrentSource(first, clock))

        def has_camera() -> bool:
            return source.has_source

        for address, check in (
            *conditions(config, live_models, has_camera),
            *modulation.conditions(),
            *timecode_conditions(),
            *sink_conditions(),
        ):
            store.add_condition(address, check)
        open_drawing = partial(
            open_renderer,
            config.renderer,
            has_layer5=config.camera != "none" or any(entry.paints_layer5 for entry in configured),
            has_masks=any(entry.finds_masks for entry in configured),
            on_progress=warnings.notice,
            date_at=date_offline if config.offline else date_live,
        )
        size_px = (config.width, config.height)
        drawing = closing.here(GuardedRenderer(open_drawing, size_px, clock=clock, report=warnings.report))
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
        drawing.add_context_user(sinks)
        senders = SenderLists(clock, lambda: [(sink.kind, sink.name) for sink in sinks.status()])
        pictures = ("main", *(picture.name for entry in configured for picture in entry.pictures))
        previews = {picture: PreviewTap() for picture in pictures}
        desk = _open_desk(config, store, slew, sinks, clock, audio, previews["main"], warnings, announcements, closing)
        videos = _Videos(clock, warnings, closing)
        around = Surroundings(
            config=config,
            audio=audio,
            has_camera=has_camera,
            gate=gate,
            tell=announcements.tell,
            store=store,
            clock=clock,
            report=warnings.report,
            open_video=videos.open,
        )
        live = open_models(configured, around, closing)
        children = ChildControl(
            {model.name: model.supervisor for model in live},
            {entry.name: entry.no_model for entry in live_models},
            warnings.notice,
            {command: (entry.name, call) for entry in live_models for command, call in entry.calls.items()},
        )
        children.add_commands(desk.commands)
        shader_stage = ShaderStage(store)
        records_folder = folders.data_folder() / "shaders"
        shader_records = None
        if drawing.shader_driver and not config.offline:
            shader_records = closing(desk.disk.open("fx.records", records_folder))
        shaders = closing(
            ShaderControl(
                store=store,
                catalog=lambda on_changed, on_saved: ShaderCatalog(
                    [*map(Path, config.shaders), *folders.isf_folders(), OWN_SHADERS],
                    desk.disk,
                    on_changed=on_changed,
                    on_saved=on_saved,
                ),
                views=desk.dispatcher.views,
                stage=shader_stage,
                testing=lambda post: ShaderTesting(
                    open_tester=lambda: Vetter(warnings.report, gate=gate.segment),
                    records=shader_records,
                    folder=records_folder,
                    circumstances=f"{version('multiverse-engine')}, {drawing.shader_driver}",
                    own_folder=OWN_SHADERS,
                    size_px=lambda: drawing.size_px,
                    post=post,
                ),
                tell=announcements.tell,
                report=warnings.report,
                is_offline=config.offline,
            )
        )
        shaders.add_commands(desk.commands)
        cameras = closing(
            CameraControl(
                source,
                senders,
                clock=clock,
                first=config.camera,
                open_source=open_camera,
                announce=drawing.announce_layer5,
                is_offline=config.offline,
                tell=announcements.tell,
                say=warnings.notice,
                report=warnings.report,
            )
        )
        cameras.add_commands(desk.commands)
        sending = SendingThread(desk.dispatcher)
        sending.poll(desk.map_feedback.poll)
        sending.poll(cameras.poll)
        link = None if config.offline else closing(_link_follower(desk, store, warnings))
        if link is not None:
            sending.poll(link.poll)
        osc = None
        if config.osc.listen != "off":
            host, port = split_host_port(config.osc.listen, "--osc")
            osc = closing(OscServer(desk.dispatcher, sending, host, port, config.osc.allow, warnings.report))
        dmx = closing(_dmx_receiver(config, desk, warnings)) if config.dmx.listen != "off" else None
        closing(sending)  # closed before the sockets, through which it sends what is still queued
        polled = tuple(one for one in (source, *videos.opened) if isinstance(one, Polled))
        for one in polled:
            closing.here(one)  # closed before the context it uses; `close` is idempotent
            drawing.add_context_user(one)
        routes = modulation.Modulation(shader_stage.alias_of)
        parts = EngineParts(
            clock=clock,
            stopwatch=SystemClock(),
            store=store,
            slew=slew,
            modulation=routes,
            tempo=desk.tempo,
            crossfade=desk.crossfade,
            leaving=LeavingLook(slew, routes),
            cues=desk.cues,
            timecode=desk.timecode,
            dispatcher=desk.dispatcher,
            osc=osc,
            show=desk.show,
            shaders=shaders,
            shader_stage=shader_stage,
            audio=audio,
            source=source,
            senders=senders,
            polled=polled,
            live=live,
            gate=gate,
            regions=closing(RegionMapper(warnings.report)),
            drawing=drawing,
            sinks=sinks,
            stage=stage,
            previews=previews,
            warnings=warnings,
            times=FrameTimes(),
        )
        status = StatusReader(parts, has_control=osc is not None or config.web != "off", dmx=dmx, link=link)
        web = _open_web(config, desk, store, osc, previews, status.read, lambda: shaders.pictures, warnings, closing)
        engine = Engine(config, parts, desk.presets, web, status.read)

        autosave = closing(
            Autosave(
                folders.data_folder(),
                store,
                report=warnings.report,
                current=lambda: desk.preset_control.current.name,
                input_names=desk.dispatcher.views.names_in,
                disk=desk.disk,
            )
        )
        model_values = [value for entry in live_models for value in entry.first_values(config)]
        desk.show.set_first_values(config, fps, autosave, model_values)
        if config.autosave:
            autosave.start()
        audio.start()
        source.start()
        cameras.start()
        shaders.start()
        for model in live:
            snapshot = store.snapshot()
            model.start(snapshot)
            for picture, (width, height) in model.extra_pictures(snapshot).items():
                sinks.add_picture(picture, width, height, may_wait=True)
        desk.show.start_first_sinks(config.sinks)
        sending.start()
        _listen(osc, web)
        if dmx is not None:
            dmx.start()
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


class _Videos:
    """Opens the video files that the live models request."""

    def __init__(self, clock: Clock, warnings: Warnings, closing: Closing) -> None:
        self.opened: list[Source] = []
        self._clock = clock
        self._report = warnings.report
        self._closing = closing

    def open(self, name: str) -> Source | None:
        """Open and start this file; None for ""."""
        if not name:
            return None
        source = open_source(name, offline=False, clock=self._clock, report=self._report)
        if source is not None:
            self.opened.append(source)
            (self._closing.here if isinstance(source, Polled) else self._closing)(source).start()
        return source


@dataclass(frozen=True, slots=True, kw_only=True)
class _Desk:
    """The parts that execute commands, and those that commands change."""

    commands: CommandTable
    dispatcher: Dispatcher
    tempo: Tempo
    crossfade: Crossfade
    presets: PresetFolder
    preset_control: PresetControl
    disk: DiskStore
    cues: CueControl
    timecode: TimecodeControl
    show: ShowControl
    mapping: MapControl
    map_feedback: MapFeedback
    texts: ShownTexts


def _open_desk(
    config: Config,
    store: ParamStore,
    slew: Slew,
    sinks: SinkSet,
    clock: Clock,
    audio: AudioInput,
    main_picture: PreviewTap,
    warnings: Warnings,
    announcements: Announcements,
    closing: Closing,
) -> _Desk:
    commands = CommandTable()
    outgoing = Outgoing(store, warnings.report, announcements)
    texts = ShownTexts(announcements.tell)
    tell = texts.tell
    tempo, crossfade, disk = Tempo(store, clock, warnings.notice), Crossfade(store), DiskStore(warnings.report)
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
            views=outgoing.views,
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
    timecode = TimecodeControl(
        store,
        cues=cues,
        take_ltc=audio.timecode.take,
        sound_channels=audio.source_channels,
        follow_beat=tempo.follow,
        tell=tell,
        report=warnings.report,
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
            mappable=outgoing.views.mappable,
            on_timecode=timecode.on_midi,
        )
    )
    dispatcher = Dispatcher(
        store, commands, clock, warnings.report, mapping, outgoing=outgoing, on_gone=map_feedback.unsubscribe
    )
    dispatcher.add_question("/map/feedback", map_feedback.on_feedback)
    show = ShowControl(store=store, slew=slew, sinks=sinks, presets=presets, report=warnings.report)
    for part in (show, presets, cues, timecode, mapping):
        part.add_commands(commands)
    dispatcher.heard.add_commands(commands)
    return _Desk(
        commands=commands,
        dispatcher=dispatcher,
        tempo=tempo,
        crossfade=crossfade,
        presets=folder,
        preset_control=presets,
        disk=disk,
        cues=cues,
        timecode=timecode,
        show=show,
        mapping=mapping,
        map_feedback=map_feedback,
        texts=texts,
    )


def _link_follower(desk: _Desk, store: ParamStore, warnings: Warnings) -> LinkFollower:
    return LinkFollower(
        store, desk.tempo.follow, clock=desk.dispatcher.clock, report=warnings.report, say=warnings.notice
    )


def _dmx_receiver(config: Config, desk: _Desk, warnings: Warnings) -> DmxReceiver:
    def deliver(messages: list[Message], source: str) -> None:
        # A lighting desk cannot be answered.
        desk.dispatcher.receive_controls(messages, Sender(name=source, post=lambda packet: None, at_port=None))

    return DmxReceiver(
        config.dmx.listen,
        config.dmx.universes,
        deliver=deliver,
        mapped=desk.mapping.addresses,
        clock=desk.dispatcher.clock,
        report=warnings.report,
        say=warnings.notice,
        name=service_name(config.name),
        interface=config.dmx.interface,
        artnet_port=config.dmx.artnet_port,
        sacn_port=config.dmx.sacn_port,
    )


def _open_web(
    config: Config,
    desk: _Desk,
    store: ParamStore,
    osc: OscServer | None,
    previews: Mapping[str, PreviewTap],
    status: Callable[[], object],
    shader_pictures: Callable[[], Mapping[str, np.ndarray]],
    warnings: Warnings,
    closing: Closing,
) -> WebServer | None:
    """The page, OSCQuery and the previews on one port, not yet started; None when the page is off."""
    if config.web == "off":
        if config.announce:
            raise ConfigError("announce: needs OSCQuery, but web is off; set web or leave announce out")
        return None
    host, port = split_host_port(config.web, "--web")
    name = service_name(config.name)
    tree, hub = QueryTree(store), closing(QueryHub(desk.dispatcher, warnings.report))
    tree.show_cues(desk.cues.cues)
    desk.cues.watch(lambda cues: hub.send_paths(tree.show_cues(cues)))
    desk.dispatcher.views.watch(lambda inputs: hub.send_paths(tree.show_inputs(inputs)))
    return closing(
        WebServer(
            host,
            port,
            taps=previews,
            status=status,
            preset_pictures=lambda: desk.preset_control.pictures,
            features=lambda: desk.dispatcher.feedback.features,
            query=tree,
            hub=hub,
            host_info=lambda reached_at, own_address: host_info(
                reached_at, name=name, osc=osc.address if osc else None, web=own_address
            ),
            dispatcher=desk.dispatcher,
            report=warnings.report,
            token=config.web_token,
            shader_pictures=shader_pictures,
            accepts_osc=osc.hears if osc is not None else accepts_none,
        )
    )


def _listen(*servers: OscServer | WebServer | None) -> None:
    """Start the servers; one PortTakenError names every port that is taken."""
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
