"""One process of a child, from launch to exit: its pipe, counters and rings. `lifecycle` decides
what happens to it.

The supervisor's thread calls everything here; nothing waits.
"""

import socket
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from multiprocessing.connection import Connection
from types import MappingProxyType
from typing import Any, Final

from engine.children import messages, stderr_file
from engine.children.launcher import Launcher
from engine.children.messages import CALL_BYTES, VALUES_BYTES, packed_bytes
from engine.children.policy import Deadlines, DeathPolicy, HangDetector, Promotion
from engine.children.spec import ChildSpec, State
from engine.errors import ChildError, ControlPipeError, PipeClosedError, SharedMemoryError
from engine.ipc import (
    AudioRing,
    AudioRingWriter,
    ChildCounters,
    ControlPipe,
    FrameRing,
    Gate,
    Phase,
    RingOwner,
)
from engine.system.reporting import Report

Ring = RingOwner | AudioRingWriter
OnAnswer = Callable[[bool, str], None]

BUSY_S: Final = (
    1.0  # the state stays busy for this long after a result, or it would flicker with each picture
)
PHASE_STATES: Final[Mapping[Phase, State]] = {
    Phase.STARTING: "loading",
    Phase.LOADING: "loading",
    Phase.COMPILING: "compiling",
    Phase.CAPTURING: "compiling",
    Phase.IDLE: "ready",
    Phase.RUNNING: "busy",
    Phase.STOPPING: "ready",
}
MAX_CALLS: Final = 64  # unanswered commands per child: bounds the queue of a stopped child


class Child:
    """One process of a child, from launch to exit."""

    def __init__(
        self,
        spec: ChildSpec,
        settings: Mapping[str, Any],
        *,
        values: Mapping[str, Any],
        inputs: Mapping[str, str],
        gate: Gate | None,
        launcher: Launcher,
        policy: DeathPolicy,
        times: Deadlines,
        report: Report,
        now_s: float,
    ) -> None:
        """Launch it. Its loop starts with these values and inputs. ChildError or SharedMemoryError
        if it cannot."""
        self.settings = settings
        self.outputs: dict[str, Ring] = {}
        """The rings it writes into. We own them: they outlive the process, so that published
        results stay visible."""
        self.new_rings: set[Ring] = set()
        """Rings created since `Published` last took them over; `Published` closes them."""
        self.open_trials: dict[str, Any] = {}
        """Values whose trial has not passed: blamed if the process dies now."""
        self.facts: dict[str, messages.Fact] = {}
        self.fault: messages.FaultReport | None = None
        """The fault it reported before it exited, or None."""
        self.hung = ""
        """Why it was killed as hung, or ""."""
        self._spec = spec
        self._launcher = launcher
        self._policy = policy
        self._times = times
        self._report = report
        self._values = dict(values)  # not sent yet, like the next two
        self._inputs = dict(inputs)
        self._calls: deque[messages.Call] = deque()
        self._answers: dict[int, OnAnswer] = {}
        self._serial = 0
        self._in_flight = 0
        self._is_pipe_open = True
        self._own_pid = 0
        self._hang_detector = HangDetector(times, now_s)
        self._promotion = Promotion(times)
        self._stop_by_s: float | None = None
        self._killed_s: float | None = None
        with ExitStack() as undo:
            self.counters = ChildCounters.create(f"{spec.name} words")
            undo.callback(self.counters.close)
            self._gate = gate
            self._turn_index = gate.acquire_turn_index() if gate else 0
            undo.callback(self._release_turn)
            begin = messages.Begin(
                loop=spec.loop,
                settings=dict(settings),
                environment=dict(spec.environment),
                niceness=spec.niceness,
                counters=self.counters.segment,
                gate=gate.segment if gate else "",
                turn_index=self._turn_index,
            )
            if packed_bytes(begin) > VALUES_BYTES:
                raise ChildError(
                    f"{spec.name}: its settings do not fit into a message of {VALUES_BYTES} bytes"
                )
            process, connection, stderr = launcher.launch(spec)
            self._process = process
            self._stderr = stderr
            undo.pop_all()
        self._pipe: ControlPipe[messages.ToEngine] = ControlPipe(connection, messages.ToEngine)
        self._send(begin)
        self._send_update()  # the loop waits for the first update, even an empty one

    @property
    def pid(self) -> int:
        """Process id, 0 before it has started. The child sends it, because a venv's python.exe
        starts another."""
        return self._own_pid or self._process.pid

    @property
    def is_stopping(self) -> bool:
        """True once asked to stop, or killed."""
        return self._stop_by_s is not None or self._killed_s is not None

    @property
    def waitables(self) -> list[Connection | socket.socket]:
        """Objects for `multiprocessing.connection.wait`: ready when the process sent something or
        ended."""
        pipe = [self._pipe.connection] if self._is_pipe_open else []
        return pipe + ([self._process.events] if self._process.events else [])

    def state(self, now_s: float) -> State:
        """The child's state, read from its ChildCounters; loading until it is known to have
        started."""
        if self.hung:
            return "hung"
        if not self._process.pid:
            return "loading"
        state = PHASE_STATES[self.counters.progress[0]]
        is_fresh = self.counters.results > 0 and now_s - self.counters.last_result_ns / 1e9 < BUSY_S
        return "busy" if state == "ready" and is_fresh else state

    def heartbeat_age_s(self, now_s: float) -> float:
        return self._hang_detector.silent_s(self.counters.alive_ns / 1e9, now_s)

    def queue(self, values: Mapping[str, Any], inputs: Mapping[str, str]) -> None:
        """Send these as soon as the child has acknowledged the previous update."""
        self._values |= values
        self._inputs |= inputs

    def call(self, name: str, arguments: tuple[Any, ...], on_answer: OnAnswer) -> None:
        if len(self._answers) == MAX_CALLS:
            on_answer(
                False, f"{self._spec.name}: {MAX_CALLS} commands are already waiting for an answer"
            )
            return
        if packed_bytes(arguments) > CALL_BYTES:
            on_answer(
                False, f"{name}: its arguments do not fit into a message of {CALL_BYTES} bytes"
            )
            return
        self._serial += 1
        self._answers[self._serial] = on_answer
        self._calls.append(messages.Call(number=self._serial, name=name, arguments=list(arguments)))

    def exchange(self) -> None:
        """Read all its messages, then send what is queued if it has acknowledged the previous
        update."""
        while self._is_pipe_open:
            try:
                message = self._pipe.receive()
            except ControlPipeError as error:
                self._report(f"child.{self._spec.name}.message", f"{self._spec.name}: {error}")
                continue
            except PipeClosedError:
                self._is_pipe_open = False
                return
            if message is None:
                break
            self._take(message)
        if not self._in_flight and (self._values or self._inputs or self._calls):
            self._send_update()

    def hang(self, now_s: float) -> str:
        """Why the process counts as hung now, or ""."""
        phase, since_ns = self.counters.progress
        return self._hang_detector.hang(
            phase,
            since_ns / 1e9,
            self.counters.alive_ns / 1e9,
            now_s,
            is_started=self.pid > 0,
            expected_s=self.counters.expected_s,
        )

    def may_be_promoted(self, former_results: int, now_s: float) -> bool:
        """True once it publishes, or is ready while the active one does not. `former_results`: the
        active one's."""
        phase, _ = self.counters.progress
        return not self.is_stopping and self._promotion.is_due(
            results=self.counters.results, phase=phase, former_results=former_results, now_s=now_s
        )

    def ask_to_stop(self, now_s: float) -> None:
        """Ask it to exit; `has_ended` kills it after a timeout. One that has not started yet is
        killed at once."""
        if self.is_stopping:
            return
        if self.pid:
            self._send(messages.Stop())
            self._stop_by_s = now_s + self._times.stop_s
        else:
            self.kill(now_s)

    def kill(self, now_s: float) -> None:
        if not self.pid and self.hung:  # it never started, so the fork server hangs
            self._launcher.renew()
        self._process.kill()
        self._killed_s = now_s

    def has_ended(self, now_s: float) -> bool:
        """True when the process has ended. Kills one that did not stop in time."""
        if self._process.has_ended(now_s):
            return True
        if self._stop_by_s is not None and self._killed_s is None and now_s > self._stop_by_s:
            self.kill(now_s)
        return False

    def is_stuck(self, now_s: float) -> bool:
        """True if it still exists long after SIGKILL: stuck in a driver."""
        return self._killed_s is not None and now_s - self._killed_s > self._times.exit_s

    def is_given_up(self, now_s: float) -> bool:
        """True if it was killed so long ago that a closing engine stops waiting for it."""
        return self._killed_s is not None and now_s - self._killed_s > self._times.exit_at_end_s

    def exit_summary(self) -> tuple[str, list[str]]:
        """Why it exited, in one line, and the last lines of its stderr. Call it after it has
        exited."""
        tail = stderr_file.read_tail(self._stderr)
        if self.hung:
            return f"hung: {self.hung}", tail
        if self.fault is not None:
            return (
                self.fault.text
                if self.fault.kind == "error"
                else f"{self.fault.kind}: {self.fault.text}",
                tail,
            )
        crash = stderr_file.crash_summary(tail)
        return self._process.exit_reason + (f": {crash}" if crash else ""), tail

    def close(self) -> None:
        """Close everything but the outputs. Unanswered commands fail: the process exited."""
        self._pipe.close()
        self._process.close()
        self._stderr.close()
        self.counters.close()
        self._release_turn()
        for on_answer in self._answers.values():
            on_answer(False, f"{self._spec.name} ended before it answered")

    def _release_turn(self) -> None:
        if self._gate is not None:
            self._gate.release_turn_index(self._turn_index)

    def _take(self, message: messages.ToEngine) -> None:
        match message:
            case messages.Hello():
                self._own_pid = message.pid
            case messages.UpdateReceived():
                self._in_flight = 0
            case messages.Facts():
                self.facts |= message.facts
            case messages.TrialStarted():
                self.open_trials[message.key] = message.value
            case messages.TrialPassed():
                self.open_trials.pop(message.key, None)
                self._policy.on_passed(message.key, message.value)
            case messages.FaultReport():
                self.fault = message
            case messages.Note():
                self._report(
                    f"child.{self._spec.name}.{message.key}", f"{self._spec.name}: {message.text}"
                )
            case messages.CallAnswer():
                self._answers.pop(message.number)(message.is_done, message.text)
            case messages.OutputRequest():
                size = message.width, message.height
                self._open(
                    message.name,
                    lambda name: FrameRing.create(name, *size, channels=message.channels),
                )
            case messages.AudioOutputRequest():
                sound = message
                self._open(
                    sound.name,
                    lambda name: AudioRing.create(
                        name, channels=sound.channels, rate_hz=sound.rate_hz, seconds=sound.seconds
                    ),
                )

    def _open(self, name: str, create: Callable[[str], Ring]) -> None:
        try:
            ring = create(f"{self._spec.name} {name}")
        except SharedMemoryError as error:
            self._send(messages.OutputCreated(name=name, segment="", reason=str(error)))
            return
        self.outputs[name] = ring
        self.new_rings.add(ring)
        self._send(messages.OutputCreated(name=name, segment=ring.segment))

    def _send_update(self) -> None:
        self._serial += 1
        self._in_flight = self._serial
        values = self._policy.replace_quarantined(self._next_values())
        call = self._calls.popleft() if self._calls else None
        self._send(
            messages.Update(number=self._serial, values=values, inputs=self._inputs, call=call)
        )
        self._inputs = {}

    def _next_values(self) -> dict[str, Any]:
        """As many queued values as fit into one message, in order."""
        batch: dict[str, Any] = {}
        room: float = VALUES_BYTES
        while self._values:
            key = next(iter(self._values))
            length = packed_bytes((key, self._values[key]))
            if length > VALUES_BYTES:
                del self._values[key]
                text = (
                    f"{self._spec.name}: {key} does not fit into a message of {VALUES_BYTES} "
                    "bytes: not sent"
                )
                self._report(f"child.{self._spec.name}.value", text)
                continue
            room -= length
            if room < 0:
                break
            batch[key] = self._values.pop(key)
        return batch

    def _send(self, message: messages.ChildMessage) -> None:
        try:
            self._pipe.send(message)
        except PipeClosedError:  # the next check notices that it is dead
            pass
        except ControlPipeError as error:
            self._report(f"child.{self._spec.name}.message", f"{self._spec.name}: {error}")


class Published:
    """The rings of a child that readers see. A ring is closed only after its replacement was
    published. Used on the supervisor's thread; `segments` may be read on any."""

    def __init__(self) -> None:
        self.segments: Mapping[str, str] = MappingProxyType({})
        """Segment by name. Never modified; `update` replaces it when other rings are published."""
        self._published: dict[str, Ring] = {}
        self._rings: set[Ring] = set()

    def publish(self, outputs: Mapping[str, Ring]) -> None:
        self._published = dict(outputs)

    def withdraw(self) -> None:
        self._published = {}

    def update(self, *, running: Iterable[Child], ended: Iterable[Child]) -> None:
        """Take over new rings, and close those that are no longer published or written."""
        needed = set(self._published.values())
        for child in running:
            self._take_over(child)
            needed.update(child.outputs.values())
        for child in ended:
            self._take_over(child)
        segments = {name: ring.segment for name, ring in self._published.items()}
        if segments != self.segments:
            self.segments = MappingProxyType(segments)
        for ring in self._rings - needed:
            ring.close()
        self._rings &= needed

    def _take_over(self, child: Child) -> None:
        self._rings |= child.new_rings
        child.new_rings = set()
