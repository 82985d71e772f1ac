"""Presets and cues over OSC without an engine: the test is the frame loop and sets the time."""

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.control import CommandTable, Reply
from engine.control.arguments import read_arguments
from engine.control.commands import CommandContext
from engine.control.commands.autopilot import AutopilotControl
from engine.control.commands.bank import BankControl
from engine.control.commands.cue import GO_PAUSE, CueControl
from engine.control.commands.preset import PresetControl
from engine.control.commands.upcoming import Upcoming
from engine.control.launch_queue import LaunchQueue
from engine.osc.decode import decode_packet
from engine.params import Crossfade, ParamStore, PresetFolder, Tempo
from engine.params.fade_time import Pulse
from engine.params.input_views import InputViews
from engine.system.clock import Clock, SteppedClock
from engine.system.disk_store import DiskStore
from engine.values import BeatFeatures
from osc_schema.fx import LOOK_SLOTS, file_address

BRIGHTNESS = "/multiverse/brightness"


def make_context(
    report: Any,
    store: ParamStore | None = None,
    clock: Clock | None = None,
    notify: Any = lambda *message: None,
) -> CommandContext:
    store, clock = store or ParamStore(), clock or SteppedClock()
    return CommandContext(
        store=store, clock=clock, disk=DiskStore(report), notify=notify, report=report
    )


def run_command(table: CommandTable, address: str, args: tuple[object, ...], reply: Reply) -> None:
    """Run a command at once, whatever beat it names."""
    command = table.find(address)
    assert command is not None
    arguments = read_arguments(command.declaration, args)
    if not arguments.is_release:
        command.handler(reply, *arguments.values)


class PresetRig:
    def __init__(self, folder: Path, reports: Any, *, start_s: float = 0.0) -> None:
        self.store, self.clock = ParamStore(), SteppedClock(start_s=start_s)
        self.crossfade = Crossfade(self.store)
        self.messages: list[tuple] = []
        self.answers: list[tuple] = []
        self._has_answered = threading.Condition()
        self.context = make_context(reports, self.store, self.clock, self.notify)
        self.faults: dict[str, str] = {}
        """Why a shader cannot be shown, by its name."""
        self.untested: set[str] = set()
        """Shaders that are still being tested."""
        self.presets = PresetControl(
            self.context,
            presets=PresetFolder(folder),
            crossfade=self.crossfade,
            views=InputViews(self.store),
            upcoming=Upcoming(
                fault_of=lambda file: self.faults.get(file, ""), awaited_by=self._awaited_by
            ),
        )
        self.queue = LaunchQueue(
            self.store, Pulse, self.notify, self.presets.values_of, must_wait=self.presets.must_wait
        )
        self.presets.queue = self.queue
        self.commands = CommandTable()
        self.presets.add_commands(self.commands)

    def _awaited_by(self, values: Mapping[str, Any]) -> str:
        files = (values.get(file_address(slot)) for slot in LOOK_SLOTS)
        return next((str(file) for file in files if file in self.untested), "")

    def start_launches(self) -> None:
        """Draw a frame in which what waits begins, if it can."""
        for run in self.queue.step():
            run()

    def notify(self, address: str, *args: object) -> None:
        self.messages.append((address, *args))

    def say(self, address: str, *args: object) -> None:
        def answer(packet: bytes) -> None:
            message: Any = decode_packet(packet)
            with self._has_answered:
                self.answers.append((message.address, *message.args))
                self._has_answered.notify_all()

        reply = Reply(address, answer)
        reply.attempt(lambda: run_command(self.commands, address, args, reply))

    def ask(self, address: str, *args: object) -> list[tuple]:
        """Send a command. Returns all answers up to its /done or /fail, which may come from the
        disk's thread."""
        ends = (("/done", address), ("/fail", address))
        with self._has_answered:
            self.say(address, *args)
            assert self._has_answered.wait_for(
                lambda: any(each[:2] in ends for each in self.answers), 120.0
            ), address
            return self.take()

    def done(self, address: str, *args: object) -> tuple:
        answer = self.ask(address, *args)[-1]
        assert answer[0] == "/done", answer
        return answer[2:]

    def failed(self, address: str, *args: object) -> str:
        answer = self.ask(address, *args)[-1]
        assert answer[0] == "/fail", answer
        return str(answer[2])

    def take(self) -> list[tuple]:
        """Address and arguments of the answers since the last call."""
        answers, self.answers = self.answers, []
        return answers

    def close(self) -> None:
        self.presets.close()


class CueRig(PresetRig):
    """A rig with the presets low, mid and high (brightness 1, 2 and 3) and a cue list."""

    def __init__(self, folder: Path, reports: Any) -> None:
        presets = PresetFolder(folder / "presets")
        for name, brightness in (("low", 1.0), ("mid", 2.0), ("high", 3.0)):
            presets.save(name, {BRIGHTNESS: brightness})
        super().__init__(folder / "presets", reports)
        self.path = folder / "cues.toml"
        self.store.set(GO_PAUSE, 0.0)
        self.renamed: list[tuple[str, str]] = []
        """Both names of each cue whose preset was renamed."""
        self.cues = CueControl(
            self.context,
            self.path,
            presets=self.presets,
            rename_waiting=lambda *names: self.renamed.append(names),
        )
        self.cues.add_commands(self.commands)

    def close(self) -> None:
        self.cues.close()
        super().close()


class AutopilotRig(PresetRig):
    """A rig with an autopilot, of which the test sets time and sound. It begins with Eclipse."""

    def __init__(self, folder: Path, reports: Any) -> None:
        super().__init__(folder / "presets", reports)
        self.tempo = Tempo(self.store, self.clock)
        self.queue = LaunchQueue(
            self.store,
            self.tempo.read_pulse,
            self.notify,
            self.presets.values_of,
            must_wait=self.presets.must_wait,
        )
        self.presets.queue = self.queue
        self.banks = BankControl(
            self.context, folder / "banks.toml", presets=self.presets, queue=self.queue
        )
        parts: dict[str, Any] = {
            "presets": self.presets,
            "banks": self.banks,
            "queue": self.queue,
            "tempo": self.tempo,
        }
        self.autopilot = AutopilotControl(self.context, **parts)
        self.banks.add_commands(self.commands)
        self.presets.current.step(self.store.snapshot())

    def frame(self, now_s: float, at_s: float, beat: BeatFeatures) -> str:
        """A frame whose sound was analysed at `at_s`. Returns the name of the look that begins in
        it, or ""."""
        self.clock.sleep_until(now_s)
        self.tempo.step(now_s)
        before = self.presets.current.name
        for run in self.queue.step():
            run()
        self.crossfade.step(now_s)
        after = self.presets.current.name
        self.tempo.follow(
            "beat", beat=beat.beat, bpm=beat.bpm, at_s=at_s, confidence=beat.confidence
        )
        self.autopilot.follow(beat, at_s, now_s)
        return after if after != before else ""

    def close(self) -> None:
        self.banks.close()
        super().close()


def saved(rig: PresetRig, name: str, **values: object) -> None:
    """Save a preset with these values; the store's values stay unchanged."""
    before = {address: rig.store.get(address) for address in values}
    rig.store.set_many(values.items(), by="test")
    rig.done("/preset/save", name)
    rig.store.set_many(before.items(), by="test")


def published(rig: PresetRig, address: str) -> list[tuple]:
    """The messages to subscribers at an address."""
    return [tuple(args) for at, *args in rig.messages if at == address]
