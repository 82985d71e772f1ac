"""Controllers at their ports, which a test plugs in and pulls; it is the clock of all threads."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from engine.control import CommandTable, Dispatcher, Feedback
from engine.control.commands.bank_lights import BankLights
from engine.control.commands.mapping import MapControl
from engine.control.commands.mapping_feedback import INTERVAL_S, MapFeedback
from engine.control.foreign.midi_bridges import PORT_FORM
from engine.control.midi.grids import pad_messages
from engine.control.midi.ports import MidiPorts
from engine.control.midi.system import Port, TakeBytes
from engine.control.outgoing.sender import Sender
from engine.osc.encode import encode_message
from engine.params import ParamStore, Tempo
from engine.params.banks import BankState
from engine.params.mapping.controls import MidiEvent
from engine.system.clock import SteppedClock
from tests.control.commands.show_rig import make_context


class FakeMidi:
    """Ports that are plugged in by name; each device has an input and an output."""

    def __init__(self) -> None:
        self.there: list[Port] = []
        self.takes: dict[str, TakeBytes] = {}
        self.got: dict[str, list[bytes]] = {}
        self.broken: set[str] = set()
        """Devices whose driver fails when they are opened."""
        self.failing: set[str] = set()
        """Devices whose driver fails afterwards."""

    def plug(self, name: str) -> None:
        self.got[name] = []
        self.there += [
            Port(name=name, device=name, is_input=is_input, handle=None)
            for is_input in (True, False)
        ]

    def pull(self, name: str) -> None:
        self.there = [port for port in self.there if port.name != name]

    def ports(self) -> list[Port]:
        return list(self.there)

    def open_input(self, port: Port, take: TakeBytes) -> "FakeMidi.End":
        if port.name in self.broken:
            raise RuntimeError(f"{port.name}: driver error")
        self.takes[port.name] = take
        return FakeMidi.End(self, port.name)

    def open_output(self, port: Port) -> "FakeMidi.End":
        return FakeMidi.End(self, port.name)

    def close(self) -> None:
        pass

    class End:
        def __init__(self, system: "FakeMidi", name: str) -> None:
            self.system, self.name = system, name

        def poll(self) -> None:
            self.work()

        def work(self) -> None:
            if self.name in self.system.failing:
                raise RuntimeError(f"{self.name}: driver error")

        def send(self, midi: bytes) -> None:
            self.work()
            self.system.got[self.name].append(midi)

        def close(self) -> None:
            pass


class MidiRig:
    def __init__(self, folder: Path, report: Any, peer: Any, *port_names: str) -> None:
        self.peer = peer
        self.clock, self.store, table = SteppedClock(start_s=100.0), ParamStore(), CommandTable()
        self.tempo = Tempo(self.store, self.clock)
        self.timecodes: list[tuple[MidiEvent, float]] = []
        outgoing = Feedback(self.store, report)
        self.feedback = MapFeedback(
            self.store,
            listener_of=outgoing.listener_of,
            is_behind=lambda name: False,
            report=report,
        )
        self.map = MapControl(
            make_context(report, self.store, self.clock),
            folder / "mapping.toml",
            clock={
                "clock": self.tempo.midi_clock,
                "start": self.tempo.midi_start,
                "stop": self.tempo.midi_stop,
            },
            feedback=self.feedback,
            unmapped=pad_messages,
            on_timecode=lambda event, now_s: self.timecodes.append((event, now_s)),
        )
        self.map.add_commands(table)
        self.dispatcher = Dispatcher(
            self.store, table, self.clock, report, self.map, feedback=outgoing
        )
        self.commands, self.bank = table, BankState(bank=1, banks=1, pads=(("empty", ""),) * 16)
        self.bank_lights = BankLights(
            lambda: self.bank, beat=lambda now_s: (now_s - 100.0) * 2, mapped=self.map.controls
        )
        self.midi, self.lines = FakeMidi(), []
        self.timecode: tuple[float, float, str] | None = None
        self.ports = MidiPorts(
            port_names,
            lambda: self.midi,
            deliver=lambda messages, name, at_s: self.dispatcher.receive_controls(
                messages, Sender(name=name, post=lambda packet: None, at_port=None), at_s
            ),
            take_time=self.map.take_time,
            subscribe=self.subscribe,
            unsubscribe=self.unsubscribe,
            clock_owner=lambda: self.map.leading_clock.owner(self.clock.now_s()),
            store=self.store,
            tempo=self.tempo,
            timecode=lambda now_s: self.timecode,
            clock=self.clock,
            report=report,
            notice=self.lines.append,
        )
        self.ports._system = self.midi

    def subscribe(self, to: Sender, device: str) -> None:
        self.feedback.subscribe(to, PORT_FORM, is_configured=True, device=device)
        self.bank_lights.begin(to, device)

    def unsubscribe(self, name: str) -> None:
        self.feedback.unsubscribe(name)
        self.bank_lights.end(name)

    def say(self, address: str, *args: object, host: str = "") -> None:
        """Send an OSC message as a bridge or a person would; `host`: another one than the
        peer's."""
        sender = (
            replace(self.peer.sender(), name=f"udp {host}:5000") if host else self.peer.sender()
        )
        self.dispatcher.receive(encode_message(address, *args), sender)

    def hear(self, name: str, *data: bytes) -> None:
        for each in data:
            self.midi.takes[name](each, self.clock.now_s())
        self.ports.step(self.clock.now_s())

    def after(self, seconds: float) -> None:
        """Advance the time in turns of both threads."""
        for _ in range(round(seconds / INTERVAL_S) + 1):
            self.clock.advance(INTERVAL_S)
            self.feedback.poll(self.clock.now_s())
            self.bank_lights.poll(self.clock.now_s())
            self.ports.step(self.clock.now_s())

    def lights(self, name: str) -> list[bytes]:
        got, self.midi.got[name] = self.midi.got[name], []
        return got
