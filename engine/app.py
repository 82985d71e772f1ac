"""READ FIRST: builds every part from the configuration and connects them.

    config ─► store ─► audio, camera ─► renderer ─► sinks ─► control desk ─► live models ─► OSC, page ─► frame loop

Anything missing fails here, before the first frame. After that no failure of a part ends a live run.
"""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import msgspec
import numpy as np

from engine.audio.input import AudioInput
from engine.audio.open import open_audio
from engine.config import Config, build_config, split_host_port
from engine.control import OscServer, Sender, SendingThread
from engine.control.commands.camera import CameraControl, film_folders, first_word
from engine.control.commands.child import ChildControl
from engine.control.commands.desk import Desk, open_desk, open_midi, open_shaders
from engine.control.commands.preset_mixer import conditions as preset_conditions
from engine.control.commands.shader_stage import ShaderStage
from engine.control.commands.sound import SoundControl, music_folders
from engine.control.commands.timecode import conditions as timecode_conditions
from engine.control.dmx import DmxReceiver
from engine.control.outgoing.announcements import Announcements
from engine.control.query import Announcer, QueryHub, QueryTree, host_info, service_name
from engine.engine import Engine, StatusReader
from engine.errors import ConfigError, PortTakenError
from engine.frame_loop import DrawingParts, EngineParts, InputParts, OutputParts, TimingParts
from engine.ipc import Gate, sweep_dead_rings
from engine.link.follower import LinkFollower
from engine.live.kit.live_model import Surroundings
from engine.live.kit.opening import live_models, model_lists, models_of, open_models, refuse_offline, start_models
from engine.osc import Message
from engine.params import Autosave, LookPipeline, Looks, ParamStore, Slew, macros, modulation
from engine.params.mapping.built_in_maps import read_fixture
from engine.render import RegionMapper, open_renderer
from engine.render.egl_devices import chosen_gpu
from engine.render.graphics_maker import GraphicsMaker
from engine.render.guarded_renderer import GuardedRenderer
from engine.render.isf.clocks import date_live, date_offline
from engine.render.opening import describe_unused_card
from engine.sinks import SinkSet, Stage
from engine.sinks.registry import conditions as sink_conditions
from engine.sources import Polled, open_source
from engine.sources.current import ChosenSource, CurrentSource
from engine.sources.opening import OpenedVideos
from engine.sources.senders import SenderLists
from engine.system import folders
from engine.system.clock import Clock, SteppedClock, SystemClock
from engine.system.closing import Closing
from engine.system.power import kept_awake
from engine.system.standstill import FrameMark, Watchdog
from engine.telemetry import FrameTimes, Warnings
from engine.web import PreviewTap, Served, StillCamera, WebServer
from engine.web.prepared import PICTURE as PREPARED
from engine.web.prepared import prepared_picture
from engine.web.serving.access import accepts_none, announced_host
from engine.web.serving.lan import lan_addresses
from osc_schema import plugins

__all__ = ["Engine", "open_engine"]

SOFTWARE_FPS, GPU_FPS = 30.0, 60.0
SOFTWARE_SIZE = 960, 540  # on two cores a frame of the first look takes 18 ms here and 31 of the 33 available at 720p


@contextlib.contextmanager
def open_engine(
    config: Config, on_stuck: Callable[[], object] = lambda: None, *, sound: AudioInput | None = None
) -> Iterator[Engine]:
    """Open an engine; close all its parts on exit. The calling thread owns the GL context and must draw the frames.

    Raises MultiverseError (one line) for anything that is missing. Installs no signal handlers. `on_stuck()` is
    called on another thread, after the recordings are finished, if the run should end and its last frame does not: the
    process can only be ended then. `sound`: heard in place of what the configuration names.
    """
    config = build_config(msgspec.to_builtins(config), origin="Config")  # not checked yet if it was made in Python
    refuse_offline(config)
    with kept_awake(), chosen_gpu(config.gpu), Closing() as closing:
        clock: Clock = SteppedClock(wall_start_s=time.time()) if config.offline else SystemClock()
        announcements = Announcements()
        warnings = Warnings(clock, announcements.warn)
        for number, line in enumerate(plugins.faults()):
            warnings.report(f"plugins.{number}", line)
        sweep_dead_rings()
        gate = closing(Gate.create())

        # values, sound, camera
        store = ParamStore()
        slew = Slew(config.smoothing)
        open_sound = partial(open_audio, config.audio, monitor=config.monitor)
        audio = closing(sound or open_sound(offline=config.offline, clock=clock, report=warnings.report))
        open_camera = partial(open_source, offline=config.offline, clock=clock, report=warnings.report)
        first = ChosenSource(word=first_word(config.camera), source=open_camera(config.camera))
        # `closing` closes a part at the end, `closing.here` one that must be closed on this thread.
        camera = closing.here(CurrentSource(first, clock))
        configured = models_of(config, lambda: camera.has_source, warnings.report)
        for address, check in (
            *configured.conditions,
            *modulation.conditions(),
            *macros.conditions(),
            *timecode_conditions(hears_artnet=config.dmx.listen in ("artnet", "both")),
            *preset_conditions(),
            *sink_conditions(),
        ):
            store.add_condition(address, check)

        # the picture and its outputs
        renderer = closing.here(_open_renderer(config, clock, warnings))
        if config.is_size_free and renderer.is_software and not config.offline:
            renderer.resize(*SOFTWARE_SIZE)
            config = config.with_size(*SOFTWARE_SIZE)
        if renderer.is_software and config.renderer != "numba" and (line := describe_unused_card()):
            warnings.report("renderer.unused_card", f"draws in {line}")
        stage = _stage_of(config, audio, is_software=renderer.is_software)
        sinks = closing.here(SinkSet(stage, clock=clock, report=warnings.report))
        renderer.add_context_user(sinks)
        senders = SenderLists(clock, lambda: [(sink.kind, sink.name) for sink in sinks.status()])
        pictures = ("main", "behind", *(picture.name for picture in configured.pictures))
        previews = {picture: PreviewTap() for picture in pictures}

        # the control desk, live models, shaders, cameras
        desk = open_desk(
            config,
            store=store,
            slew=slew,
            sinks=sinks,
            clock=clock,
            take_ltc=audio.timecode.take,
            sound_channels=lambda: audio.channels,
            take_picture=StillCamera(previews["main"]).take if config.web != "off" else None,
            warnings=warnings,
            announcements=announcements,
            closing=closing,
        )
        videos = OpenedVideos(clock, warnings.report, closing)
        around = Surroundings(
            config=config,
            audio=audio,
            has_camera=lambda: camera.has_source,
            gate=gate,
            tell=announcements.tell,
            store=store,
            clock=clock,
            report=warnings.report,
            open_video=videos.open,
            coming=desk.launching.coming,
            pulse=desk.tempo.read_pulse,
        )
        models = open_models(configured.entries, around, closing)
        children = ChildControl(
            {model.name: model.supervisor for model in models},
            configured.missing,
            warnings.notice,
            {command: (entry.name, call) for entry in live_models() for command, call in entry.calls.items()},
            model_lists(config, store, models),
        )
        children.add_commands(desk.commands)
        slots = ShaderStage(store, desk.crossfade)
        shaders = closing(
            open_shaders(
                config,
                desk,
                stage=slots,
                drawing=renderer,
                gate_segment=gate.segment,
                warnings=warnings,
                announcements=announcements,
                closing=closing,
            )
        )
        shaders.add_commands(desk.commands)
        cameras = closing(
            CameraControl(
                camera,
                senders,
                clock=clock,
                first=config.camera,
                films=film_folders(config.films, config.camera),
                open_source=open_camera,
                is_offline=config.offline,
                tell=announcements.tell,
                say=warnings.notice,
                report=warnings.report,
            )
        )
        cameras.add_commands(desk.commands)
        folders_of_sounds = music_folders(config.music, config.audio)
        sounds = closing(SoundControl(audio, folders_of_sounds, tell=announcements.tell, report=warnings.report))
        sounds.add_commands(desk.commands)

        # OSC, Link, lighting desks, MIDI
        sending = SendingThread(desk.dispatcher)
        sending.poll(desk.map_feedback.poll)
        sending.poll(desk.bank_lights.poll)
        sending.poll(cameras.poll)
        sending.poll(sounds.poll)
        link = None if config.offline else closing(_link_follower(desk, warnings))
        if link is not None:
            sending.poll(link.poll)
        if config.web != "off" and not config.offline:
            previews[PREPARED] = tap = PreviewTap()
            prepared = prepared_picture(tap, config, desk, audio, lambda: renderer.size_px, gate, warnings.report)
            sending.poll(closing(prepared).poll)
        osc = None
        if config.osc.listen != "off":
            host, port = split_host_port(config.osc.listen, "--osc")
            osc = closing(OscServer(desk.dispatcher, sending, host, port, config.osc.allow, warnings.report))
        dmx = closing(_dmx_receiver(config, desk, warnings)) if config.dmx.listen != "off" else None
        midi = closing(open_midi(config.midi, desk, warnings)) if config.midi and not config.offline else None
        closing(sending)  # closed before the sockets, through which it sends what is still queued
        polled = tuple(one for one in (camera, *videos.opened) if isinstance(one, Polled))
        for one in polled:
            closing.here(one)  # closed before the context it uses; `close` is idempotent
            renderer.add_context_user(one)

        # the frame loop, the status, the page
        parts = EngineParts(
            timing=TimingParts(clock=clock, stopwatch=SystemClock(), times=FrameTimes(), mark=FrameMark(), gate=gate),
            desk=desk,
            osc=osc,
            inputs=InputParts(audio=audio, camera=camera, senders=senders, polled=polled),
            models=models,
            drawing=DrawingParts(
                looks=Looks(
                    LookPipeline(slew, modulation.Modulation(slots.alias_of)),
                    desk.expected_look(),
                ),
                shaders=shaders,
                slots=slots,
                regions=closing(RegionMapper(warnings.report)),
                graphics=closing(
                    GraphicsMaker(folders.data_folder(), announcements.tell, warnings.report, is_offline=config.offline)
                ),
                renderer=renderer,
            ),
            outputs=OutputParts(stage=stage, sinks=sinks, previews=previews),
            warnings=warnings,
        )
        desk.preset_control.prepare_graphics = parts.drawing.graphics.prepare
        status = StatusReader(parts, has_control=osc is not None or config.web != "off", dmx=dmx, midi=midi, link=link)
        web = _open_web(
            config, desk, osc, previews, status.read, parts.drawing.looks, lambda: shaders.pictures, warnings, closing
        )
        engine = Engine(config, parts, desk.presets, web, status.read)  # with the frame loop around `parts`
        watchdog = closing(
            Watchdog(
                parts.timing.mark,
                parts.timing.stopwatch,
                describe=status.describe_frame,
                is_overloaded=lambda: parts.timing.times.recent_faults().is_overloaded,
                is_stopping=lambda: engine.is_stopping,
                finish_files=sinks.finish_files,
                on_stuck=on_stuck,
                report=warnings.report,
                say=warnings.notice,
            )
        )
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

        # everything starts; first the ports, because a run that is refused leaves nothing behind
        _bind(osc, web)
        desk.show.set_first_values(config, stage.fps, autosave, configured.first_values)
        if config.autosave:
            autosave.start()
        audio.start()
        camera.start()
        cameras.start()
        shaders.start()
        # without those that did not start
        parts.models = start_models(models, around, partial(sinks.add_picture, may_wait=True))
        desk.show.start_first_sinks(config.sinks)
        sending.start()
        for server in (osc, web):
            if server is not None:
                server.start()
        if dmx is not None:
            dmx.start()
        if midi is not None:
            midi.start()
        if osc is not None:
            _subscribe_configured(config, osc, desk)
        if not config.offline:
            watchdog.start()
        if web is not None and config.announce:
            closing(_announcer(service_name(config.name), osc, web, warnings)).start()
        yield engine


def _open_renderer(config: Config, clock: Clock, warnings: Warnings) -> GuardedRenderer:
    open_again = partial(
        open_renderer,
        config.renderer,
        is_live=not config.offline,
        on_progress=warnings.notice,
        date_at=date_offline if config.offline else date_live,
    )
    return GuardedRenderer(open_again, (config.width, config.height), clock=clock, report=warnings.report)


def _stage_of(config: Config, audio: AudioInput, *, is_software: bool) -> Stage:
    return Stage(
        width=config.width,
        height=config.height,
        fps=config.fps or (SOFTWARE_FPS if is_software else GPU_FPS),
        sample_rate_hz=audio.sample_rate_hz,
        audio_channels=audio.source_channels,
        is_offline=config.offline,
        overwrites=config.overwrite,
        record_folder=Path(config.recordings) if config.recordings else folders.recordings_folder(),
    )


def _link_follower(desk: Desk, warnings: Warnings) -> LinkFollower:
    return LinkFollower(
        desk.store, desk.tempo.follow, clock=desk.dispatcher.clock, report=warnings.report, say=warnings.notice
    )


def _dmx_receiver(config: Config, desk: Desk, warnings: Warnings) -> DmxReceiver:
    def deliver(messages: list[Message], source: str) -> None:
        # A lighting desk cannot be answered.
        sender = Sender(name=source, post=lambda packet: None, at_port=None)
        desk.dispatcher.receive_controls(messages, sender, time.perf_counter())

    return DmxReceiver(
        config.dmx.listen,
        (*config.dmx.universes, *([read_fixture(config.dmx.fixture)[0]] if config.dmx.fixture else [])),
        deliver=deliver,
        mapped=desk.mapping.addresses,
        clock=desk.dispatcher.clock,
        report=warnings.report,
        say=warnings.notice,
        name=service_name(config.name),
        interface=config.dmx.interface,
        merge=config.dmx.merge,
        on_timecode=desk.timecode.artnet.append,
        artnet_port=config.dmx.artnet_port,
        sacn_port=config.dmx.sacn_port,
    )


def _open_web(
    config: Config,
    desk: Desk,
    osc: OscServer | None,
    previews: Mapping[str, PreviewTap],
    status: Callable[[], object],
    looks: Looks,
    shader_pictures: Callable[[], Mapping[str, np.ndarray]],
    warnings: Warnings,
    closing: Closing,
) -> WebServer | None:
    """The page, OSCQuery and the previews on one port, not yet started; None when the page is off."""
    if config.web == "off":
        if config.announce:
            raise ConfigError("announce: needs OSCQuery, but web is off; set web or leave announce out")
        return None
    name = service_name(config.name)
    tree = QueryTree(desk.store, desk.dispatcher.feedback.last_told)
    hub = closing(QueryHub(desk.dispatcher, warnings.report))
    tree.show_cues(desk.cues.cues)
    desk.cues.watch(lambda cues: hub.send_paths(tree.show_cues(cues)))
    desk.dispatcher.views.watch(lambda inputs: hub.send_paths(tree.show_inputs(inputs)))
    return closing(
        WebServer(
            *split_host_port(config.web, "--web"),
            Served(
                taps=previews,
                status=status,
                features=lambda: desk.dispatcher.feedback.features,
                modulation=lambda: looks.shown.modulation,
                fade=lambda: desk.crossfade.progress,
                waiting=lambda: desk.mapping.waiting(desk.dispatcher.clock.now_s()),
                preset_pictures=lambda: desk.preset_control.shelf.pictures,
                shader_pictures=shader_pictures,
                tree=tree,
                hub=hub,
                host_info=lambda reached_at, own_address: host_info(
                    reached_at, name=name, osc=osc.address if osc else None, web=own_address
                ),
                dispatcher=desk.dispatcher,
            ),
            report=warnings.report,
            token=config.web_token,
            accepts_osc=osc.hears if osc is not None else accepts_none,
        )
    )


def _bind(*servers: OscServer | WebServer | None) -> None:
    """Take the servers' ports; one PortTakenError names every port that is taken."""
    taken: list[tuple[str, str]] = []
    for server in servers:
        try:
            if server is not None:
                server.bind()
        except PortTakenError as error:
            taken += error.taken
    if taken:
        raise PortTakenError(*taken)


def _subscribe_configured(config: Config, osc: OscServer, desk: Desk) -> None:
    """Send the configured programs what they are configured to get."""
    for target in config.osc.feedback:
        if target.send == "values":
            osc.subscribe(target.host, target.port)
        else:
            to = osc.target_at(target.host, target.port, "osc.feedback")
            desk.map_feedback.subscribe(to, target.send, is_kept=True)
    for text in config.osc.text:
        desk.texts.show(text.shows, osc.target_at(text.host, text.port, "osc.text"), text.address)


def _announcer(name: str, osc: OscServer | None, web: WebServer, warnings: Warnings) -> Announcer:
    return Announcer(
        name,
        host=announced_host(),
        web_port=web.address[1],
        osc_port=osc.address[1] if osc is not None else None,
        find_interfaces=lan_addresses,
        report=warnings.report,
    )
