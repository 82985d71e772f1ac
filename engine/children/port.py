"""The child's connection to the engine, as a loop `run(port)` sees it. The shortest one:
engine/live/kit/repainting.py.

Four rules for a loop:

- Call `enter` at the start of each phase: each has a deadline, and a phase that takes longer counts
  as a hang. If one piece of work may take longer than 10 s, say so with `expect`.
- Call `start_trial` before every use of a value, and `pass_trial` after it worked. A value that
  kills the process three times is quarantined instead of killing it again and again.
- Publish, then call `result`: a child without results is restarted with growing delays.
- Return when `should_stop` is True. In all other cases, including the engine's death, the process
  is ended for you.
"""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from queue import Empty
from typing import Any, Generic, Literal, NoReturn, TypeVar

from engine import ipc
from engine.children import messages
from engine.children.mailbox import Mailbox
from engine.errors import MultiverseError, SharedMemoryError

Reader = TypeVar("Reader", ipc.RingReader, ipc.AudioRingReader)


class ChildFault(Exception):
    """Raised by `ChildPort.fail`, caught by `child_main`. A loop must not catch it."""

    def __init__(self, fault: messages.FaultReport) -> None:
        super().__init__(fault.text)
        self.fault = fault


class ChildPort:
    """The child's connection to the engine. Main thread only. Only opening an output waits for the
    engine."""

    def __init__(
        self,
        *,
        settings: dict[str, Any],
        send: Callable[[messages.ChildMessage], None],
        mailbox: Mailbox,
        counters: ipc.ChildCounters,
        gate: ipc.Gate | None,
        turn_index: int = 0,
    ) -> None:
        self.settings = settings
        """Plain values the process was started with; constant."""
        self.values: dict[str, Any] = {}
        """The newest parameters by address; complete before the loop starts, then updated by
        `poll`."""
        self.values_version = 0
        """Increases when `values` changes."""
        self.counters = counters
        self.gate = gate
        """Shows if the engine is drawing; None without a gate."""
        self.turn_index = turn_index
        """Index by which it takes turns with other children of its GPU; 0: it takes none."""
        self._send = send
        self._mailbox = mailbox
        self._handlers: dict[str, Callable[..., str]] = {}
        self._segments: dict[str, str] = {}
        self._pictures = _Inputs(ipc.FrameRing.attach, self._segments)
        self._sounds = _Inputs(ipc.AudioRing.open, self._segments)
        self._outputs: dict[str, ipc.RingWriter | ipc.AudioRingWriter] = {}
        self._passed: dict[str, Any] = {}

    @property
    def should_stop(self) -> bool:
        """True once the engine asks the child to exit: return from the loop within 3 s, or be
        killed."""
        return self._mailbox.should_stop

    def enter(self, phase: ipc.Phase) -> None:
        """Enter a phase of the loop. Each phase has a deadline (`policy.Deadlines`)."""
        self.counters.enter(phase, time.perf_counter_ns())

    def expect(self, seconds: float) -> None:
        """Declare how long the longest piece of work takes, if it is slow by nature, such as a
        large picture on a CPU. RUNNING and CAPTURING get four times that as their deadline, at
        least the usual one and at most 300 s."""
        self.counters.expected_s = seconds

    def poll(self) -> None:
        """Receive values, inputs and commands from the engine. Call it at least every second while
        idle. Command handlers run here. Restarts the IDLE deadline; in other phases the deadline
        keeps running."""
        phase, _ = self.counters.progress
        if phase == ipc.Phase.IDLE:
            self.enter(ipc.Phase.IDLE)
        # One update at most: the engine sends the next one only after this one is acknowledged. A
        # loop until empty might never end.
        with suppress(Empty):
            self._take(self._mailbox.updates.get_nowait())

    def wait_first(self) -> None:
        """Wait for the first values. `child_main` calls it before the loop runs."""
        self._take(self._mailbox.updates.get())

    def ready(self, **facts: messages.Fact) -> None:
        """Report that the model is loaded and enter IDLE. `facts` are shown in the status."""
        self.enter(ipc.Phase.IDLE)  # before the message, on which the engine reads the phase
        self.facts(**facts)

    def facts(self, **facts: messages.Fact) -> None:
        """Update the facts in the status. Sends a message each time: call it a few times per second
        at most."""
        self._send(messages.Facts(facts=facts))

    def note(self, key: str, text: str) -> None:
        """Report a warning through the engine, which shows each key once per second at most."""
        self._send(messages.Note(key=key, text=text))

    def input(self, name: str) -> ipc.RingReader | None:
        """The connected picture input, or None while there is none. Call it again for each
        picture."""
        return self._pictures.get(name)

    def audio_input(self, name: str) -> ipc.AudioRingReader | None:
        """The connected sound input, or None while there is none. Call it again for each block."""
        return self._sounds.get(name)

    def open_output(self, name: str, width: int, height: int, channels: int = 3) -> ipc.RingWriter:
        """A new picture ring, which the engine creates and owns. Call it again for another shape.
        Readers see it with the first result. SharedMemoryError if there is no memory for it."""
        self._send(messages.OutputRequest(name=name, width=width, height=height, channels=channels))
        writer = self._outputs[name] = ipc.FrameRing.write_to(self._new_segment(name))
        return writer

    def open_audio_output(
        self, name: str, channels: int, rate_hz: int, seconds: float
    ) -> ipc.AudioRingWriter:
        """A new sound ring that keeps the newest `seconds`."""
        self._send(
            messages.AudioOutputRequest(
                name=name, channels=channels, rate_hz=rate_hz, seconds=seconds
            )
        )
        writer = self._outputs[name] = ipc.AudioRing.write_to(self._new_segment(name))
        return writer

    def start_trial(self, key: str, value: Any) -> None:
        """Announce that the next call uses this value: it is blamed if the process dies before
        `pass_trial`. `key` is the parameter's address, or "model". Call it before every use; passed
        values cost nothing."""
        if self._passed.get(key) != value:
            self._send(messages.TrialStarted(key=key, value=value))

    def pass_trial(self, key: str, value: Any) -> None:
        """Report that this value worked."""
        if self._passed.get(key) != value:
            self._passed[key] = value
            self._send(messages.TrialPassed(key=key, value=value))

    def result(self, ms: float) -> None:
        """Count a published result that took `ms`, and enter IDLE."""
        now_ns = time.perf_counter_ns()
        self.counters.count_result(ms, now_ns)
        self.counters.enter(ipc.Phase.IDLE, now_ns)

    @property
    def wants_frame(self) -> bool:
        """True while the engine should write input pictures."""
        return self.counters.wants_frame

    @wants_frame.setter
    def wants_frame(self, wants: bool) -> None:
        self.counters.wants_frame = wants

    def on_call(self, name: str, handler: Callable[..., str]) -> None:
        """Answer the command `name` with `handler(*arguments)`. A MultiverseError it raises becomes
        a failed answer."""
        self._handlers[name] = handler

    def fail(
        self, kind: Literal["memory", "driver", "model"], text: str, *, is_final: bool
    ) -> NoReturn:
        """End the process with this reason. `is_final`: no restart without a command."""
        raise ChildFault(messages.FaultReport(kind=kind, text=text, is_final=is_final))

    def close(self) -> None:
        self._pictures.close()
        self._sounds.close()
        for writer in self._outputs.values():
            writer.close()

    def _take(self, update: messages.Update) -> None:
        self._segments.update(update.inputs)
        if update.values:
            self.values.update(update.values)
            self.values_version += 1
        if update.call is not None:
            self._send(self._answer(update.call))
        self._send(messages.UpdateReceived(number=update.number))

    def _answer(self, call: messages.Call) -> messages.CallAnswer:
        handler = self._handlers.get(call.name)
        if handler is None:
            known = ", ".join(self._handlers) or "none"
            text = f"unknown command {call.name!r}; available: {known}"
            return messages.CallAnswer(number=call.number, is_done=False, text=text)
        try:
            return messages.CallAnswer(
                number=call.number, is_done=True, text=handler(*call.arguments)
            )
        except MultiverseError as error:
            return messages.CallAnswer(number=call.number, is_done=False, text=str(error))

    def _new_segment(self, name: str) -> str:
        """Wait for the engine to create this output's ring, and close the previous one."""
        created = self._mailbox.outputs.get()
        if not created.segment:
            raise SharedMemoryError(created.reason)
        former = self._outputs.pop(name, None)
        if former is not None:
            former.close()
        return created.segment


class _Inputs(Generic[Reader]):
    """Readers of the connected rings, opened on first use."""

    def __init__(self, attach: Callable[[str], Reader], segments: Mapping[str, str]) -> None:
        self._attach: Callable[[str], Reader] = attach
        self._segments = segments
        self._readers: dict[str, tuple[str, Reader]] = {}

    def get(self, name: str) -> Reader | None:
        segment = self._segments.get(name, "")
        attached, reader = self._readers.get(name, ("", None))
        if segment == attached:
            return reader
        if reader is not None:
            reader.close()
            del self._readers[name]
        try:
            reader = self._attach(segment)
        except SharedMemoryError:  # removed meanwhile: the engine will connect another
            return None
        self._readers[name] = segment, reader
        return reader

    def close(self) -> None:
        for _, reader in self._readers.values():
            reader.close()
