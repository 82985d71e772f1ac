"""The inputs of the control hub: OSC, Ableton Link, DMX from lighting desks, MIDI; and the thread
that sends."""

import time
from dataclasses import dataclass

from engine.config import split_host_port
from engine.control import OscServer, Sender, SendingThread
from engine.control.commands.control_hub import ControlHub, RunContext
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
class ControlInputs:
    """The opened inputs; None for those that this run does not have."""

    sending: SendingThread
    osc: OscServer | None
    dmx: DmxReceiver | None
    midi: MidiPorts | None
    link: LinkFollower | None
    """It follows a session while `/tempo/source` is link."""


def open_control_inputs(run: RunContext, hub: ControlHub) -> ControlInputs:
    """Build the configured inputs without binding a port or starting one."""
    config = run.config
    closing = run.closing
    sending = SendingThread(hub.dispatcher)
    for part in (hub.map_feedback, hub.bank_lights, hub.cameras, hub.sounds):
        sending.poll(part.poll)
    link = None
    if not config.offline:
        link = closing(
            LinkFollower(
                hub.store,
                hub.tempo.follow,
                clock=run.clock,
                report=run.warnings.report,
                notice=run.warnings.notice,
            )
        )
        sending.poll(link.poll)
    osc = None
    if config.osc.listen != "off":
        at = split_host_port(config.osc.listen, "--osc")
        osc = closing(
            OscServer(hub.dispatcher, sending, *at, config.osc.allow, run.warnings.report)
        )
    dmx = closing(_open_dmx(run, hub)) if config.dmx.listen != "off" else None
    midi = closing(_open_midi(run, hub)) if config.midi and not config.offline else None
    closing(sending)  # closed before the sockets, through which it sends what is still queued
    return ControlInputs(sending=sending, osc=osc, dmx=dmx, midi=midi, link=link)


def subscribe_configured(run: RunContext, hub: ControlHub, osc: OscServer) -> None:
    """Subscribe the programs of the configuration to the feedback and texts it names."""
    for target in run.config.osc.feedback:
        if target.send == "values":
            osc.subscribe(target.host, target.port)
        else:
            to = osc.target_at(target.host, target.port, "osc.feedback")
            hub.map_feedback.subscribe(to, target.send, is_configured=True)
    for text in run.config.osc.text:
        hub.texts.add_target(
            text.shows, osc.target_at(text.host, text.port, "osc.text"), text.address
        )


def _unanswered(source: str) -> Sender:
    """A sender without replies: a lighting desk cannot be answered, and a controller only by its
    lights."""
    return Sender(name=source, post=lambda packet: None, at_port=None)


def _open_dmx(run: RunContext, hub: ControlHub) -> DmxReceiver:
    dmx = run.config.dmx

    def deliver(messages: list[Message], source: str) -> None:
        hub.dispatcher.receive_controls(messages, _unanswered(source), time.perf_counter())

    return DmxReceiver(
        dmx.listen,
        (*dmx.universes, *([read_fixture(dmx.fixture)[0]] if dmx.fixture else [])),
        deliver=deliver,
        mapped=hub.mapping.addresses,
        clock=run.clock,
        report=run.warnings.report,
        notice=run.warnings.notice,
        name=service_name(run.config.name),
        interface=dmx.interface,
        merge=dmx.merge,
        on_timecode=hub.timecode.artnet.append,
        artnet_port=dmx.artnet_port,
        sacn_port=dmx.sacn_port,
    )


def _open_midi(run: RunContext, hub: ControlHub) -> MidiPorts:
    lights = hub.bank_lights

    def subscribe(to: Sender, device: str) -> None:
        hub.map_feedback.subscribe(to, PORT_FORM, is_configured=True, device=device)
        lights.begin(to, device)

    def unsubscribe(name: str) -> None:
        hub.dispatcher.on_disconnect(name)
        lights.end(name)

    def farewell(device: str) -> tuple[bytes, ...]:
        grid = grid_of(device)
        return grid.farewell() if grid is not None else ()

    def deliver(messages: list[Message], source: str, at_s: float) -> None:
        hub.dispatcher.receive_controls(messages, _unanswered(source), at_s)

    return MidiPorts(
        run.config.midi,
        LibremidiSystem,
        deliver=deliver,
        take_time=hub.mapping.take_time,
        subscribe=subscribe,
        unsubscribe=unsubscribe,
        farewell=farewell,
        clock_owner=lambda: hub.mapping.leading_clock.owner(run.clock.now_s()),
        store=hub.store,
        tempo=hub.tempo,
        timecode=hub.timecode.position_at,
        clock=run.clock,
        report=run.warnings.report,
        notice=run.warnings.notice,
    )
