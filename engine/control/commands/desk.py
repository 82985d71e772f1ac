"""The control desk: the parts that execute commands, and those that commands change, connected with each other."""

from dataclasses import dataclass
from pathlib import Path

from engine.audio.input import AudioInput
from engine.config import Config
from engine.control import CommandTable, Dispatcher, Outgoing
from engine.control.announcements import Announcements
from engine.control.commands.cue import FILE_NAME as CUES_FILE
from engine.control.commands.cue import CueControl
from engine.control.commands.mapping import FILE_NAME as MAPPING_FILE
from engine.control.commands.mapping import MapControl
from engine.control.commands.mapping_feedback import MapFeedback
from engine.control.commands.preset import PresetControl, TakePicture
from engine.control.commands.show import ShowControl
from engine.control.commands.timecode import TimecodeControl
from engine.control.shown_texts import ShownTexts
from engine.params import Crossfade, ParamStore, PresetFolder, Slew, Tempo
from engine.sinks import SinkSet
from engine.system import folders
from engine.system.clock import Clock
from engine.system.closing import Closing
from engine.system.disk_store import DiskStore
from engine.telemetry import Warnings


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    store: ParamStore
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


def open_desk(
    config: Config,
    *,
    store: ParamStore,
    slew: Slew,
    sinks: SinkSet,
    clock: Clock,
    audio: AudioInput,
    take_picture: TakePicture | None,
    warnings: Warnings,
    announcements: Announcements,
    closing: Closing,
) -> Desk:
    """Read the files of presets, cues and mappings, and register their commands. `take_picture`: of presets."""
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
            take_picture=take_picture,
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
    return Desk(
        store=store,
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
