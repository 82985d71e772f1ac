"""The lines over which others reach the control desk: OSC, Link, lighting desks, MIDI; and the thread that sends."""

import time
from dataclasses import dataclass

from engine.config import split_host_port
from engine.control import OscServer, Sender, SendingThread
from engine.control.commands.desk import ControlHub, Run
from engine.control.dmx.receiver import DmxReceiver
from engine.control.foreign.midi_bridges import PORT_FORM
from engine.control.link.follower import LinkFollower
from engine.control.midi.grids import grid_of
from engine.control.midi.ports import MidiPorts
from engine.control.midi.system import LibremidiSystem
from engine.control.query import service_name
from engine.osc.decode import Message
from engine.params.mapping.built_in_maps import read_fixture


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """Those that this run has not are None."""

    sending: SendingThread
    osc: OscServer | None
    dmx: DmxReceiver | None
    midi: MidiPorts | None
    link: LinkFollower | None
    """It follows a session as soon as `/tempo/source` is link."""


def open_lines(run: Run, desk: ControlHub) -> Lines:
    """Open the lines of the configuration, without taking a port or starting one."""
    config, closing = run.config, run.closing
    sending = SendingThread(desk.dispatcher)
    for part in (desk.map_feedback, desk.bank_lights, desk.cameras, desk.sounds):
        sending.poll(part.poll)
    link = None
    if not config.offline:
        link = closing(
            LinkFollower(
                desk.store, desk.tempo.follow, clock=run.clock, report=run.warnings.report, say=run.warnings.notice
            )
        )
        sending.poll(link.poll)
    osc = None
    if config.osc.listen != "off":
        at = split_host_port(config.osc.listen, "--osc")
        osc = closing(OscServer(desk.dispatcher, sending, *at, config.osc.allow, run.warnings.report))
    dmx = closing(_open_dmx(run, desk)) if config.dmx.listen != "off" else None
    midi = closing(_open_midi(run, desk)) if config.midi and not config.offline else None
    closing(sending)  # closed before the sockets, through which it sends what is still queued
    return Lines(sending=sending, osc=osc, dmx=dmx, midi=midi, link=link)


def subscribe_configured(run: Run, desk: ControlHub, osc: OscServer) -> None:
    """Send the configured programs what they are configured to get."""
    for target in run.config.osc.feedback:
        if target.send == "values":
            osc.subscribe(target.host, target.port)
        else:
            to = osc.target_at(target.host, target.port, "osc.feedback")
            desk.map_feedback.subscribe(to, target.send, is_kept=True)
    for text in run.config.osc.text:
        desk.texts.show(text.shows, osc.target_at(text.host, text.port, "osc.text"), text.address)


def _unanswered(source: str) -> Sender:
    """A lighting desk cannot be answered, and a controller is by its lights only."""
    return Sender(name=source, post=lambda packet: None, at_port=None)


def _open_dmx(run: Run, desk: ControlHub) -> DmxReceiver:
    dmx = run.config.dmx

    def deliver(messages: list[Message], source: str) -> None:
        desk.dispatcher.receive_controls(messages, _unanswered(source), time.perf_counter())

    return DmxReceiver(
        dmx.listen,
        (*dmx.universes, *([read_fixture(dmx.fixture)[0]] if dmx.fixture else [])),
        deliver=deliver,
        mapped=desk.mapping.addresses,
        clock=run.clock,
        report=run.warnings.report,
        say=run.warnings.notice,
        name=service_name(run.config.name),
        interface=dmx.interface,
        merge=dmx.merge,
        on_timecode=desk.timecode.artnet.append,
        artnet_port=dmx.artnet_port,
        sacn_port=dmx.sacn_port,
    )


def _open_midi(run: Run, desk: ControlHub) -> MidiPorts:
    lights = desk.bank_lights

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
        desk.dispatcher.receive_controls(messages, _unanswered(source), at_s)

    return MidiPorts(
        run.config.midi,
        LibremidiSystem,
        deliver=deliver,
        take_time=desk.mapping.take_time,
        subscribe=subscribe,
        unsubscribe=unsubscribe,
        farewell=farewell,
        clock_owner=lambda: desk.mapping.leading_clock.owner(run.clock.now_s()),
        store=desk.store,
        tempo=desk.tempo,
        timecode=desk.timecode.position_at,
        clock=run.clock,
        report=run.warnings.report,
        say=run.warnings.notice,
    )
