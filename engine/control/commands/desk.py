"""The control desk: the parts that execute commands, and those that commands change, connected with each other."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import engine.render
from engine.audio.input import AudioInput
from engine.config import Config
from engine.control import CommandTable, Dispatcher, Feedback, Tell
from engine.control.commands.bank import FILE_NAME as BANKS_FILE
from engine.control.commands.bank import BankControl
from engine.control.commands.bank_lights import BankLights
from engine.control.commands.camera import CameraControl, film_folders
from engine.control.commands.cue import FILE_NAME as CUES_FILE
from engine.control.commands.cue import CueControl
from engine.control.commands.macro import MacroControl
from engine.control.commands.mapping import FILE_NAME as MAPPING_FILE
from engine.control.commands.mapping import MapControl
from engine.control.commands.mapping_feedback import MapFeedback
from engine.control.commands.modulation import ModulationControl
from engine.control.commands.preset import PresetControl, TakePicture
from engine.control.commands.shader import ShaderControl
from engine.control.commands.shader_stage import ShaderStage
from engine.control.commands.shader_trials import ShaderTesting
from engine.control.commands.show import ShowControl
from engine.control.commands.sound import SoundControl, music_folders
from engine.control.commands.timecode import TimecodeControl
from engine.control.commands.upcoming import Upcoming
from engine.control.foreign.messages import mapped_by
from engine.control.launching import Launching
from engine.control.midi.grids import pressed
from engine.control.outgoing.announcements import Announcements, ShownTexts
from engine.ipc import Gate
from engine.params import Crossfade, ParamStore, PresetFolder, Slew, Tempo
from engine.params.expected_look import ExpectedLook
from engine.params.macros import Macros
from engine.params.shader_catalog import ShaderCatalog
from engine.render.graphics_maker import GraphicsMaker
from engine.render.guarded_renderer import GuardedRenderer
from engine.render.isf.vetter import Vetter
from engine.sinks import SinkSet
from engine.sources import Source
from engine.sources.current import CurrentSource
from engine.sources.senders import SenderLists
from engine.system import folders
from engine.system.clock import Clock
from engine.system.closing import Closing
from engine.system.disk_store import DiskStore
from engine.system.package_version import package_version
from engine.telemetry import Warnings

OWN_SHADERS = Path(engine.render.__file__).parent / "isf" / "shaders"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Given to every part of a run."""

    config: Config
    clock: Clock
    """Time of the due times; offline it is stepped from frame to frame."""
    warnings: Warnings
    announcements: Announcements
    gate: Gate
    """Tells the children when the picture is being drawn."""
    closing: Closing
    """Closes at the end what is passed to it, in reverse order; with `here` on the thread that opened the engine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    store: ParamStore
    commands: CommandTable
    dispatcher: Dispatcher
    launching: Launching
    tempo: Tempo
    crossfade: Crossfade
    presets: PresetFolder
    preset_control: PresetControl
    disk: DiskStore
    cues: CueControl
    banks: BankControl
    bank_lights: BankLights
    macros: Macros
    timecode: TimecodeControl
    show: ShowControl
    mapping: MapControl
    map_feedback: MapFeedback
    texts: ShownTexts
    shaders: ShaderControl
    slots: ShaderStage
    """The shaders of each frame."""
    cameras: CameraControl
    sounds: SoundControl

    def expected_look(self) -> ExpectedLook:
        """The look that waits for its beat or is prepared, for the frame loop."""
        return ExpectedLook(
            waiting=self.launching.preset_within,
            prepared=lambda: self.preset_control.mixer.awaited,
            values_of=self.preset_control.values_of,
            current=lambda: self.preset_control.current.name,
        )


def open_desk(
    run: Run,
    *,
    store: ParamStore,
    slew: Slew,
    audio: AudioInput,
    camera: CurrentSource,
    open_camera: Callable[[str], Source | None],
    renderer: GuardedRenderer,
    graphics: GraphicsMaker,
    sinks: SinkSet,
    senders: SenderLists,
    take_picture: TakePicture | None,
) -> Desk:
    """Read the files of presets, cues, banks and mappings, and register the commands. Shaders, cameras and sounds are
    not yet started. `take_picture`: of presets."""
    config, clock, closing, report = run.config, run.clock, run.closing, run.warnings.report
    folder = PresetFolder(Path(config.presets) if config.presets else folders.presets_folder())
    beside = folder.path.absolute().parent
    disk, commands = DiskStore(report), CommandTable()
    feedback = Feedback(store, report, run.announcements)
    texts = ShownTexts(run.announcements.tell)
    tell, tempo = texts.tell, Tempo(store, clock, run.warnings.notice)
    crossfade = Crossfade(store, tempo.read_pulse)
    slots = ShaderStage(store, crossfade)
    shaders = closing(_open_shaders(run, store, feedback, slots, renderer, disk))
    presets = closing(
        PresetControl(
            store=store,
            presets=folder,
            crossfade=crossfade,
            report=report,
            tell=tell,
            disk=disk,
            views=feedback.views,
            upcoming=Upcoming(preparers=(shaders.prepare, graphics.prepare), fault_of=shaders.fault_of),
            take_picture=take_picture,
        )
    )
    launching = Launching(store, tempo.read_pulse, tell, presets.values_of)
    presets.watch_renames(launching.rename)
    cues = closing(
        CueControl(
            Path(config.cues) if config.cues else beside / CUES_FILE,
            presets=presets,
            store=store,
            clock=clock,
            report=report,
            tell=tell,
            disk=disk,
            pulse=tempo.read_pulse,
            rename_waiting=launching.rename,
        )
    )
    banks = closing(
        BankControl(
            beside / BANKS_FILE,
            presets=presets,
            launching=launching,
            store=store,
            clock=clock,
            report=report,
            tell=tell,
            disk=disk,
        )
    )
    timecode = TimecodeControl(
        store,
        cues=cues,
        take_ltc=audio.timecode.take,
        sound_channels=lambda: audio.channels,
        follow_beat=tempo.follow,
        tell=tell,
        report=report,
    )
    mapping, map_feedback = _open_mapping(run, store, feedback, tempo, timecode, tell, disk)
    closing(mapping)

    def on_gone(sender: str) -> None:
        map_feedback.unsubscribe(sender)
        for holder in (sender, mapped_by(sender)):
            banks.release_of(holder)
            presets.mixer.release_of(holder)

    dispatcher = Dispatcher(
        store, commands, clock, report, mapping, feedback=feedback, on_gone=on_gone, launching=launching
    )
    dispatcher.add_question("/map/feedback", map_feedback.on_feedback)
    cameras, sounds = _open_inputs(run, audio, camera, open_camera, senders)
    show = ShowControl(store=store, slew=slew, sinks=sinks, presets=presets, tell=tell, report=report)
    own = (MacroControl(store), ModulationControl(store))
    for part in (show, presets, cues, banks, timecode, mapping, shaders, cameras, sounds, *own):
        part.add_commands(commands)
    commands.add("/launch/drop", launching.on_drop)
    commands.add("/launch/list", launching.on_list, is_listing=True)
    commands.add("/map/heard", dispatcher.heard.on_heard, is_listing=True)
    return Desk(
        store=store,
        commands=commands,
        dispatcher=dispatcher,
        launching=launching,
        tempo=tempo,
        crossfade=crossfade,
        presets=folder,
        preset_control=presets,
        disk=disk,
        cues=cues,
        banks=banks,
        bank_lights=BankLights(banks.shown, beat=tempo.beat_at, mapped=mapping.controls),
        macros=Macros(store, report),
        timecode=timecode,
        show=show,
        mapping=mapping,
        map_feedback=map_feedback,
        texts=texts,
        shaders=shaders,
        slots=slots,
        cameras=cameras,
        sounds=sounds,
    )


def _open_mapping(
    run: Run,
    store: ParamStore,
    feedback: Feedback,
    tempo: Tempo,
    timecode: TimecodeControl,
    tell: Tell,
    disk: DiskStore,
) -> tuple[MapControl, MapFeedback]:
    config, report = run.config, run.warnings.report
    map_feedback = MapFeedback(
        store, listener_of=feedback.listener_of, is_behind=feedback.outbox.is_behind, report=report
    )
    mapping = MapControl(
        Path(config.mapping) if config.mapping else folders.data_folder() / MAPPING_FILE,
        names=(*config.maps, *([f"fixture:{config.dmx.fixture}"] if config.dmx.fixture else [])),
        store=store,
        clock={
            "clock": tempo.midi_clock,
            "start": tempo.midi_start,
            "continue": tempo.midi_continue,
            "stop": tempo.midi_stop,
        },
        feedback=map_feedback,
        report=report,
        tell=tell,
        disk=disk,
        mappable=feedback.views.mappable,
        on_timecode=timecode.on_midi,
        on_song_position=tempo.midi_song_position,
        unmapped=pressed,
    )
    return mapping, map_feedback


def _open_shaders(
    run: Run,
    store: ParamStore,
    feedback: Feedback,
    stage: ShaderStage,
    drawing: GuardedRenderer,
    disk: DiskStore,
) -> ShaderControl:
    """`drawing`: of a trial's size and driver; without OpenGL, and offline, no records are kept."""
    config, report = run.config, run.warnings.report
    records_folder = folders.data_folder() / "shaders"
    keeps_records = drawing.shader_driver and not config.offline
    return ShaderControl(
        store=store,
        catalog=partial(ShaderCatalog, [*map(Path, config.shaders), *folders.isf_folders(), OWN_SHADERS], disk),
        views=feedback.views,
        stage=stage,
        testing=partial(
            ShaderTesting,
            open_tester=lambda: Vetter(report, gate=run.gate.segment),
            records=run.closing(disk.open("fx.records", records_folder)) if keeps_records else None,
            folder=records_folder,
            circumstances=f"{package_version()}, {drawing.shader_driver}",
            own_folder=OWN_SHADERS,
            size_px=lambda: drawing.size_px,
            is_offline=config.offline,
        ),
        tell=run.announcements.tell,
        report=report,
        is_offline=config.offline,
        threads=(os.cpu_count() or 1) if drawing.is_software else 1,
    )


def _open_inputs(
    run: Run,
    audio: AudioInput,
    camera: CurrentSource,
    open_camera: Callable[[str], Source | None],
    senders: SenderLists,
) -> tuple[CameraControl, SoundControl]:
    config, tell, report = run.config, run.announcements.tell, run.warnings.report
    cameras = CameraControl(
        camera,
        senders,
        clock=run.clock,
        first=config.camera,
        films=film_folders(config.films, config.camera),
        open_source=open_camera,
        is_offline=config.offline,
        tell=tell,
        say=run.warnings.notice,
        report=report,
    )
    sounds = SoundControl(audio, music_folders(config.music, config.audio), tell=tell, report=report)
    return run.closing(cameras), run.closing(sounds)
