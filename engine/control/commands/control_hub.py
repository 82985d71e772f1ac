"""The control hub: builds and connects the parts that execute commands and the parts that commands
change."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import engine.render
from engine.audio.input import AudioInput
from engine.config import Config
from engine.control import CommandTable, Dispatcher, Feedback
from engine.control.commands import CommandContext
from engine.control.commands.autopilot import AutopilotControl
from engine.control.commands.bank import FILE_NAME as BANKS_FILE
from engine.control.commands.bank import BankControl
from engine.control.commands.bank_lights import BankLights
from engine.control.commands.camera import CameraControl, video_folders
from engine.control.commands.cue import FILE_NAME as CUES_FILE
from engine.control.commands.cue import CueControl
from engine.control.commands.mapping import FILE_NAME as MAPPING_FILE
from engine.control.commands.mapping import MapControl
from engine.control.commands.mapping_feedback import MapFeedback
from engine.control.commands.modulation import ModulationControl
from engine.control.commands.preset import PresetControl, TakePicture
from engine.control.commands.shader import ShaderControl
from engine.control.commands.shader_player import ShaderPlayer
from engine.control.commands.shader_test_scheduler import ShaderTestScheduler
from engine.control.commands.show import ShowControl
from engine.control.commands.sound import SoundControl, music_folders
from engine.control.commands.still import StillControl
from engine.control.commands.timecode import TimecodeControl
from engine.control.commands.undo import UndoControl
from engine.control.commands.upcoming import Upcoming
from engine.control.foreign.messages import mapped_by
from engine.control.launch_queue import LaunchQueue
from engine.control.midi.grids import pad_messages
from engine.control.outgoing.announcements import Announcements, TextFeedback
from engine.ipc import Gate
from engine.params import Crossfade, ParamStore, PresetFolder, Slew, Tempo
from engine.params.expected_look import ExpectedLook
from engine.params.macros import Macros
from engine.params.shader_catalog import ShaderCatalog
from engine.render.graphics_maker import GraphicsMaker
from engine.render.guarded_renderer import GuardedRenderer
from engine.render.isf.vetter import Vetter
from engine.render.software_threads import drawing_threads
from engine.sinks.sink_set import SinkSet
from engine.sources.current import CurrentSource
from engine.sources.opening import open_source
from engine.sources.senders import SenderLists
from engine.system import folders
from engine.system.clock import Clock
from engine.system.closing import Closing
from engine.system.disk_store import DiskStore
from engine.system.package_version import package_version
from engine.system.telemetry import Warnings

OWN_SHADERS = Path(engine.render.__file__).parent / "isf" / "shaders"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContext:
    """Configuration and services that every part of a run uses."""

    config: Config
    clock: Clock
    """Time of the due times; offline it is stepped from frame to frame."""
    warnings: Warnings
    announcements: Announcements
    gate: Gate
    """Signals to the children when the picture is being drawn."""
    closing: Closing
    """Closes what was passed to it at the end of the run, in reverse order; with `here` on the
    opening thread."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlHub:
    """All parts that commands use or change, one of each per engine."""

    store: ParamStore
    commands: CommandTable
    dispatcher: Dispatcher
    launch_queue: LaunchQueue
    tempo: Tempo
    crossfade: Crossfade
    presets: PresetFolder
    preset_control: PresetControl
    disk: DiskStore
    cues: CueControl
    banks: BankControl
    bank_lights: BankLights
    autopilot: AutopilotControl
    macros: Macros
    stills: StillControl
    timecode: TimecodeControl
    show: ShowControl
    mapping: MapControl
    map_feedback: MapFeedback
    texts: TextFeedback
    shaders: ShaderControl
    shader_player: ShaderPlayer
    """Chooses the shaders of each frame."""
    cameras: CameraControl
    sounds: SoundControl

    def expected_look(self) -> ExpectedLook:
        """Accessors to the look that waits for its beat or is prepared, for the frame loop."""
        return ExpectedLook(
            waiting=self.launch_queue.preset_within,
            prepared=lambda: self.preset_control.mixer.awaited,
            values_of=self.preset_control.values_of,
            current=lambda: self.preset_control.current.name,
        )


def open_control_hub(
    run: RunContext,
    *,
    store: ParamStore,
    slew: Slew,
    audio: AudioInput,
    camera: CurrentSource,
    renderer: GuardedRenderer,
    graphics: GraphicsMaker,
    sinks: SinkSet,
    senders: SenderLists,
    take_picture: TakePicture | None,
) -> ControlHub:
    """Read the files of presets, cues, banks and mappings, and register the commands. Does not
    start shaders, cameras and sounds. `take_picture`: takes the pictures of presets."""
    config = run.config
    closing = run.closing
    report = run.warnings.report
    folder = PresetFolder(Path(config.presets) if config.presets else folders.presets_folder())
    beside = folder.path.absolute().parent
    texts = TextFeedback(run.announcements.notify)
    context = CommandContext(
        store=store, clock=run.clock, disk=DiskStore(report), notify=texts.notify, report=report
    )
    commands = CommandTable()
    feedback = Feedback(store, report, run.announcements)
    tempo = Tempo(store, run.clock, run.warnings.notice)
    crossfade = Crossfade(store, tempo.read_pulse)
    player = ShaderPlayer(store, crossfade)
    shaders = closing(_open_shaders(run, context, feedback, player, renderer))
    presets = closing(
        PresetControl(
            context,
            presets=folder,
            crossfade=crossfade,
            views=feedback.views,
            upcoming=Upcoming(
                preparers=(shaders.prepare, graphics.prepare),
                fault_of=shaders.fault_of,
                awaited_by=shaders.awaited_by,
            ),
            take_picture=take_picture,
        )
    )
    queue = LaunchQueue(
        store, tempo.read_pulse, context.notify, presets.values_of, presets.must_wait
    )
    presets.queue = queue
    presets.watch(queue.rename)
    cues_path = Path(config.cues) if config.cues else beside / CUES_FILE
    cues = closing(
        CueControl(
            context, cues_path, presets=presets, pulse=tempo.read_pulse, rename_waiting=queue.rename
        )
    )
    banks = closing(BankControl(context, beside / BANKS_FILE, presets=presets, queue=queue))
    stills = StillControl(context, renderer, shaders, banks)
    timecode = TimecodeControl(
        context,
        cues=cues,
        take_ltc=audio.timecode.take,
        sound_channels=lambda: audio.channels,
        follow_beat=tempo.follow,
    )
    mapping, map_feedback = _open_mapping(run, context, feedback, tempo, timecode)
    on_disconnect = partial(_release, map_feedback, banks, presets)
    dispatcher = Dispatcher(
        store,
        commands,
        run.clock,
        report,
        mapping,
        feedback=feedback,
        on_disconnect=on_disconnect,
        launch_queue=queue,
    )
    dispatcher.add_query("/map/feedback", map_feedback.on_feedback)
    cameras = closing(_open_cameras(run, context, camera, senders))
    sounds = closing(SoundControl(context, audio, music_folders(config.music, config.audio)))
    show = ShowControl(context, slew=slew, sinks=sinks, presets=presets)
    others = (
        ModulationControl(store),
        UndoControl(context, presets=presets, crossfade=crossfade),
        stills,
    )
    for part in (show, presets, cues, banks, timecode, mapping, shaders, cameras, sounds, *others):
        part.add_commands(commands)
    commands.add("/launch/drop", queue.on_drop)
    commands.add("/launch/list", queue.on_list, is_listing=True)
    commands.add("/map/heard", dispatcher.unmapped.on_list, is_listing=True)
    return ControlHub(
        store=store,
        commands=commands,
        dispatcher=dispatcher,
        launch_queue=queue,
        tempo=tempo,
        crossfade=crossfade,
        presets=folder,
        preset_control=presets,
        disk=context.disk,
        cues=cues,
        banks=banks,
        bank_lights=BankLights(banks.displayed_bank, beat=tempo.beat_at, mapped=mapping.controls),
        autopilot=AutopilotControl(context, presets=presets, banks=banks, queue=queue, tempo=tempo),
        macros=Macros(store, report),
        stills=closing(stills),
        timecode=timecode,
        show=show,
        mapping=mapping,
        map_feedback=map_feedback,
        texts=texts,
        shaders=shaders,
        shader_player=player,
        cameras=cameras,
        sounds=sounds,
    )


def _open_mapping(
    run: RunContext,
    context: CommandContext,
    feedback: Feedback,
    tempo: Tempo,
    timecode: TimecodeControl,
) -> tuple[MapControl, MapFeedback]:
    config = run.config
    map_feedback = MapFeedback(
        context.store,
        listener_of=feedback.listener_of,
        is_behind=feedback.outbox.is_behind,
        report=context.report,
    )
    mapping = MapControl(
        context,
        Path(config.mapping) if config.mapping else folders.data_folder() / MAPPING_FILE,
        names=(*config.maps, *([f"fixture:{config.dmx.fixture}"] if config.dmx.fixture else [])),
        clock={
            "clock": tempo.midi_clock,
            "start": tempo.midi_start,
            "continue": tempo.midi_continue,
            "stop": tempo.midi_stop,
        },
        feedback=map_feedback,
        mappable=feedback.views.mappable,
        on_timecode=timecode.on_midi,
        on_song_position=tempo.midi_song_position,
        unmapped=pad_messages,
    )
    return run.closing(mapping), map_feedback


def _release(
    map_feedback: MapFeedback, banks: BankControl, presets: PresetControl, sender: str
) -> None:
    """End the feedback and release the pads and flashes of a sender that has disconnected."""
    map_feedback.unsubscribe(sender)
    for holder in (sender, mapped_by(sender)):
        banks.release_of(holder)
        presets.mixer.release_of(holder)
        presets.history.hold(holder, is_pressed=False)


def _open_shaders(
    run: RunContext,
    context: CommandContext,
    feedback: Feedback,
    player: ShaderPlayer,
    drawing: GuardedRenderer,
) -> ShaderControl:
    """`drawing`: gives a test its size and driver. Without OpenGL, and offline, test results are
    not recorded."""
    config = run.config
    shader_folders = [
        *map(Path, config.shaders),
        *folders.isf_folders(),
        folders.stills_folder(),
        OWN_SHADERS,
    ]
    records_folder = folders.data_folder() / "shaders"
    has_records = drawing.shader_driver and not config.offline
    return ShaderControl(
        context,
        catalog=partial(ShaderCatalog, shader_folders, context.disk),
        views=feedback.views,
        player=player,
        testing=partial(
            ShaderTestScheduler,
            open_tester=partial(Vetter, context.report, gate=run.gate.segment),
            records=run.closing(context.disk.open("fx.records", records_folder))
            if has_records
            else None,
            folder=records_folder,
            circumstances=f"{package_version()}, {drawing.shader_driver}",
            own_folder=OWN_SHADERS,
            size_px=lambda: drawing.size_px,
            is_offline=config.offline,
        ),
        is_offline=config.offline,
        has_driver=bool(drawing.shader_driver),
        threads=drawing_threads() if drawing.is_software else 0,
    )


def _open_cameras(
    run: RunContext, context: CommandContext, source: CurrentSource, senders: SenderLists
) -> CameraControl:
    config = run.config
    return CameraControl(
        context,
        source,
        senders,
        first=config.camera,
        videos=video_folders(config.video_folders, config.camera),
        open_source=partial(
            open_source, offline=config.offline, clock=run.clock, report=context.report
        ),
        is_offline=config.offline,
        notice=run.warnings.notice,
    )
