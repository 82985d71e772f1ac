"""The child's side: what a loop `run(port)` sees of the engine. See `echo` for the shortest one."""

import time
from collections.abc import Callable
from contextlib import suppress
from queue import Empty
from typing import Any, Literal, NoReturn

from engine.children.mailbox import Mailbox
from engine.children.messages import (
    Answer,
    Call,
    Fact,
    Facts,
    Fault,
    Message,
    Note,
    Proved,
    Ready,
    Taken,
    Trying,
    Update,
    WantAudioOutput,
    WantOutput,
)
from engine.errors import MultiverseError, SharedMemoryError
from engine.ipc import (
    AudioRing,
    AudioRingReader,
    AudioRingWriter,
    ChildWords,
    FrameRing,
    Gate,
    Phase,
    RingReader,
    RingWriter,
)


class ChildFault(Exception):
    """Raised by `ChildPort.fail`, on its way through the loop to `child_main`. Not for catching."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.text)
        self.fault = fault


class ChildPort:
    """For the child's main thread alone. Nothing but opening an output waits for the engine."""

    def __init__(
        self,
        *,
        settings: dict[str, Any],
        send: Callable[[Message], None],
        mailbox: Mailbox,
        words: ChildWords,
        gate: Gate | None,
    ) -> None:
        self.settings = settings
        """What the process was started with: plain values, the same for its whole life."""
        self.values: dict[str, Any] = {}
        """The newest parameters by address; there before the loop runs, then brought up to date by `poll`."""
        self.values_version = 0
        """Grows when `values` changes."""
        self.words = words
        self.gate = gate
        """Whether the engine is drawing; None when there is none to ask."""
        self._send = send
        self._mailbox = mailbox
        self._handlers: dict[str, Callable[..., str]] = {}
        self._segments: dict[str, str] = {}
        self._inputs: dict[str, tuple[str, RingReader | AudioRingReader]] = {}
        self._outputs: dict[str, RingWriter | AudioRingWriter] = {}
        self._proved: dict[str, Any] = {}

    @property
    def should_stop(self) -> bool:
        """Whether the engine has asked for the end: return from the loop within 3 s, or be killed."""
        return self._mailbox.should_stop

    def enter(self, phase: Phase) -> None:
        """Say what comes now. LOADING, COMPILING, CAPTURING and RUNNING are done with before their deadlines."""
        self.words.enter(phase, time.perf_counter_ns())

    def expect(self, seconds: float) -> None:
        """Say how long the longest piece of work takes: RUNNING and CAPTURING then get four times that.

        For what is honestly slow, like a large picture on a CPU. Never less than their deadlines, nor more than 300 s.
        """
        self.words.expected_s = seconds

    def poll(self) -> None:
        """Take what the engine has sent: values, inputs, commands. Call it at least every second while idle.

        A command's handler runs here. Renews IDLE; in any other phase the deadline goes on running.
        """
        phase, _ = self.words.progress
        if phase == Phase.IDLE:
            self.enter(Phase.IDLE)
        # One at most, and there is no second: the engine sends the next when it hears of this one. A loop that went on
        # taking would answer for as long as it is asked.
        with suppress(Empty):
            self._take(self._mailbox.updates.get_nowait())

    def wait_first(self) -> None:
        """Wait for the first values. Called by `child_main` before the loop runs."""
        self._take(self._mailbox.updates.get())

    def ready(self, **facts: Fact) -> None:
        """The model is loaded: IDLE from now on. `facts` show in the status."""
        self.enter(Phase.IDLE)  # first: the message makes the engine look at it
        self._send(Ready(facts=facts))

    def facts(self, **facts: Fact) -> None:
        """Facts for the status, over those of before. A message each time: a few a second at most."""
        self._send(Facts(facts=facts))

    def note(self, key: str, text: str) -> None:
        """Something for the engine's warnings, which say each key once a second at most."""
        self._send(Note(key=key, text=text))

    def input(self, name: str) -> RingReader | None:
        """The pictures that the engine has connected; None while there are none. Ask anew for each picture."""
        return self._attached(name, FrameRing.attach)

    def audio_input(self, name: str) -> AudioRingReader | None:
        """The sound that the engine has connected; None while there is none. Ask anew for each block."""
        return self._attached(name, AudioRing.open)

    def open_output(self, name: str, width: int, height: int, channels: int = 3) -> RingWriter:
        """A ring for pictures, which the engine makes and owns. Asked again (another shape) it is a new one.

        Readers see it with the first result. SharedMemoryError when there is no room.
        """
        self._send(WantOutput(name=name, width=width, height=height, channels=channels))
        return self._opened(name, FrameRing.write_to)

    def open_audio_output(self, name: str, channels: int, rate_hz: int, seconds: float) -> AudioRingWriter:
        """The same for sound: a ring that keeps the newest `seconds`."""
        self._send(WantAudioOutput(name=name, channels=channels, rate_hz=rate_hz, seconds=seconds))
        return self._opened(name, AudioRing.write_to)

    def trying(self, key: str, value: Any) -> None:
        """What the next call uses for the first time: blamed if the process dies before it is `proved`.

        `key` is the parameter's address, or "model". May be said before every call: known good values cost nothing.
        """
        if self._proved.get(key) != value:
            self._send(Trying(key=key, value=value))

    def proved(self, key: str, value: Any) -> None:
        """A result was made with it."""
        if self._proved.get(key) != value:
            self._proved[key] = value
            self._send(Proved(key=key, value=value))

    def result(self, ms: float) -> None:
        """A result is published, `ms` after its work began. IDLE from now on."""
        now_ns = time.perf_counter_ns()
        self.words.count_result(ms, now_ns)
        self.words.enter(Phase.IDLE, now_ns)

    @property
    def wants_frame(self) -> bool:
        """Whether the engine should go to the trouble of writing the inputs' next pictures."""
        return self.words.wants_frame

    @wants_frame.setter
    def wants_frame(self, wants: bool) -> None:
        self.words.wants_frame = wants

    def on_call(self, name: str, handler: Callable[..., str]) -> None:
        """`handler(*arguments)` answers the command; a MultiverseError it raises is the answer "no"."""
        self._handlers[name] = handler

    def fail(self, kind: Literal["memory", "driver", "model"], text: str, *, is_final: bool) -> NoReturn:
        """End the process with this reason. `is_final`: it is not started again until somebody asks for it."""
        raise ChildFault(Fault(kind=kind, text=text, is_final=is_final))

    def close(self) -> None:
        for _, reader in self._inputs.values():
            reader.close()
        for writer in self._outputs.values():
            writer.close()

    def _take(self, update: Update) -> None:
        self._segments.update(update.inputs)
        if update.values:
            self.values.update(update.values)
            self.values_version += 1
        if update.call is not None:
            self._send(self._answer(update.call))
        self._send(Taken(number=update.number))

    def _answer(self, call: Call) -> Answer:
        handler = self._handlers.get(call.name)
        if handler is None:
            known = ", ".join(self._handlers) or "none"
            return Answer(number=call.number, is_done=False, text=f"no command {call.name!r}; there are: {known}")
        try:
            return Answer(number=call.number, is_done=True, text=handler(*call.arguments))
        except MultiverseError as error:
            return Answer(number=call.number, is_done=False, text=str(error))

    def _attached(self, name: str, attach: Callable[[str], Any]) -> Any:
        segment = self._segments.get(name, "")
        attached, reader = self._inputs.get(name, ("", None))
        if segment == attached:
            return reader
        if reader is not None:
            reader.close()
            del self._inputs[name]
        try:
            reader = attach(segment)
        except SharedMemoryError:  # it has gone since: the engine connects another, or the same again
            return None
        self._inputs[name] = segment, reader
        return reader

    def _opened(self, name: str, open_writer: Callable[[str], Any]) -> Any:
        made = self._mailbox.outputs.get()
        if not made.segment:
            raise SharedMemoryError(made.reason)
        former = self._outputs.pop(name, None)
        if former is not None:
            former.close()
        writer = self._outputs[name] = open_writer(made.segment)
        return writer
