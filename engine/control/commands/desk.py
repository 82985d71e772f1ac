"""The control desk: the parts that execute commands, and those that commands change, connected with each other."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import engine.render
from engine.config import Config
from engine.control import CommandTable, Dispatcher, Feedback
from engine.control.commands.bank import FILE_NAME as BANKS_FILE
from engine.control.commands.bank import BankControl
from engine.control.commands.bank_lights import BankLights
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
from engine.control.commands.timecode import TimecodeControl
from engine.control.foreign.messages import mapped_by
from engine.control.foreign.midi_bridges import PORT_FORM
from engine.control.launching import Launching
from engine.control.midi.grids import grid_of, pressed
from engine.control.midi.ports import MidiPorts
from engine.control.midi.system import LibremidiSystem
from engine.control.outgoing.announcements import Announcements, ShownTexts
from engine.control.outgoing.sender import Sender
from engine.osc import Message
from engine.params import Crossfade, ParamStore, PresetFolder, Slew, Tempo
from engine.params.expected_look import ExpectedLook
from engine.params.macros import Macros
from engine.params.shader_catalog import ShaderCatalog
from engine.render.guarded_renderer import GuardedRenderer
from engine.render.isf.vetter import Vetter
from engine.sinks import SinkSet
from engine.system import folders
from engine.system.clock import Clock
from engine.system.closing import Closing
from engine.system.disk_store import DiskStore
from engine.system.package_version import package_version
from engine.telemetry import Warnings
from engine.values import TimecodeReading


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

    def expected_look(self) -> ExpectedLook:
        """The look that waits for its beat or is prepared, for the frame loop."""
        return ExpectedLook(
            waiting=self.launching.preset_within,
            prepared=lambda: self.preset_control.mixer.awaited,
            values_of=self.preset_control.values_of,
            current=lambda: self.preset_control.current.name,
        )


def open_desk(
    config: Config,
    *,
    store: ParamStore,
    slew: Slew,
    sinks: SinkSet,
    clock: Clock,
    take_ltc: Callable[[], list[TimecodeReading]],
    sound_channels: Callable[[], int],
    take_picture: TakePicture | None,
    warnings: Warnings,
    announcements: Announcements,
    closing: Closing,
) -> Desk:
    """Read the files of presets, cues and mappings, and register their commands. `take_picture`: of presets.
    `take_ltc`, `sound_channels`: as in `TimecodeControl`."""
    commands = CommandTable()
    feedback = Feedback(store, warnings.report, announcements)
    texts = ShownTexts(announcements.tell)
    tell = texts.tell
    tempo, disk = Tempo(store, clock, warnings.notice), DiskStore(warnings.report)
    crossfade, launching = Crossfade(store, tempo.read_pulse), Launching(store, tempo.read_pulse, tell)
    folder = PresetFolder(Path(config.presets) if config.presets else folders.presets_folder())
    presets = closing(
        PresetControl(
            store=store,
            presets=folder,
            crossfade=crossfade,
            report=warnings.report,
            tell=tell,
            disk=disk,
            take_picture=take_picture,
            views=feedback.views,
        )
    )
    presets.watch_renames(launching.rename)
    launching.values_of = presets.values_of
    cues = closing(
        CueControl(
            Path(config.cues) if config.cues else folder.path.absolute().parent / CUES_FILE,
            presets=presets,
            store=store,
            clock=clock,
            report=warnings.report,
            tell=tell,
            disk=disk,
            pulse=tempo.read_pulse,
        )
    )
    cues.rename_waiting = launching.rename
    banks = closing(
        BankControl(
            folder.path.absolute().parent / BANKS_FILE,
            presets=presets,
            launching=launching,
            store=store,
            clock=clock,
            report=warnings.report,
            tell=tell,
            disk=disk,
        )
    )
    timecode = TimecodeControl(
        store,
        cues=cues,
        take_ltc=take_ltc,
        sound_channels=sound_channels,
        follow_beat=tempo.follow,
        tell=tell,
        report=warnings.report,
    )
    map_feedback = MapFeedback(
        store,
        listener_of=feedback.listener_of,
        is_behind=feedback.outbox.is_behind,
        report=warnings.report,
    )
    mapping = closing(
        MapControl(
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
            report=warnings.report,
            tell=tell,
            disk=disk,
            mappable=feedback.views.mappable,
            on_timecode=timecode.on_midi,
            on_song_position=tempo.midi_song_position,
            unmapped=pressed,
        )
    )

    def on_gone(sender: str) -> None:
        map_feedback.unsubscribe(sender)
        for holder in (sender, mapped_by(sender)):
            banks.release_of(holder)
            presets.mixer.release_of(holder)

    dispatcher = Dispatcher(
        store,
        commands,
        clock,
        warnings.report,
        mapping,
        feedback=feedback,
        on_gone=on_gone,
        launching=launching,
    )
    dispatcher.add_question("/map/feedback", map_feedback.on_feedback)
    macros = Macros(store, warnings.report)
    show = ShowControl(store=store, slew=slew, sinks=sinks, presets=presets, tell=tell, report=warnings.report)
    own = (MacroControl(store), ModulationControl(store))
    for part in (show, presets, cues, banks, timecode, mapping, *own):
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
        macros=macros,
        timecode=timecode,
        show=show,
        mapping=mapping,
        map_feedback=map_feedback,
        texts=texts,
    )


def open_midi(wanted: tuple[str, ...], desk: Desk, warnings: Warnings) -> MidiPorts:
    """The MIDI ports with these names, not yet started."""
    clock, lights = desk.dispatcher.clock, desk.bank_lights

    def subscribe(to: Sender, device: str) -> None:
        desk.map_feedback.subscribe(to, PORT_FORM, is_kept=True, device=device)
        lights.begin(to, device)

    def unsubscribe(name: str) -> None:
        desk.dispatcher.on_gone(name)
        lights.end(name)

    def farewell(device: str) -> tuple[bytes, ...]:
        grid = grid_of(device)
        return grid.farewell() if grid is not None else ()

    def deliver(messages: list[Message], source: str, at_s: float) -> None:
        # A controller is answered by its lights only.
        desk.dispatcher.receive_controls(messages, Sender(name=source, post=lambda packet: None, at_port=None), at_s)

    return MidiPorts(
        wanted,
        LibremidiSystem,
        deliver=deliver,
        take_time=desk.mapping.take_time,
        subscribe=subscribe,
        unsubscribe=unsubscribe,
        farewell=farewell,
        clock_owner=lambda: desk.mapping.leading_clock.owner(clock.now_s()),
        store=desk.store,
        tempo=desk.tempo,
        timecode=desk.timecode.position_at,
        clock=clock,
        report=warnings.report,
        say=warnings.notice,
    )


OWN_SHADERS = Path(engine.render.__file__).parent / "isf" / "shaders"


def open_shaders(
    config: Config,
    desk: Desk,
    *,
    stage: ShaderStage,
    drawing: GuardedRenderer,
    gate_segment: str,
    warnings: Warnings,
    announcements: Announcements,
    closing: Closing,
) -> ShaderControl:
    """Not yet started. `gate_segment`: shared memory of the gate, which a trial passes. `drawing`: of a trial's size
    and driver; without OpenGL, and offline, no records are kept."""
    records_folder = folders.data_folder() / "shaders"
    records = None
    if drawing.shader_driver and not config.offline:
        records = closing(desk.disk.open("fx.records", records_folder))
    shaders = ShaderControl(
        store=desk.store,
        catalog=partial(ShaderCatalog, [*map(Path, config.shaders), *folders.isf_folders(), OWN_SHADERS], desk.disk),
        views=desk.dispatcher.views,
        stage=stage,
        testing=partial(
            ShaderTesting,
            open_tester=lambda: Vetter(warnings.report, gate=gate_segment),
            records=records,
            folder=records_folder,
            circumstances=f"{package_version()}, {drawing.shader_driver}",
            own_folder=OWN_SHADERS,
            size_px=lambda: drawing.size_px,
            is_offline=config.offline,
        ),
        tell=announcements.tell,
        report=warnings.report,
        is_offline=config.offline,
        threads=(os.cpu_count() or 1) if drawing.is_software else 1,
    )
    desk.preset_control.prepare_shaders, desk.preset_control.faults.fault_of = shaders.prepare, shaders.fault_of
    return shaders
