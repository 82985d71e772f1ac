"""The show's timecode: reads LTC, MTC and Art-Net's, starts cues, leads the beat, and sends
subscribers the time.

    LTC (audio thread), MTC (OSC's threads), Art-Net (its own) ─► queues ─► clock ─┬─► cues, beat
                                                                └─► /timecode/now, status

Everything but the queues runs on the render thread, once per frame, so a cue starts in the frame
that reaches its time.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from engine.control import CommandTable, Reply
from engine.control.commands import CommandContext
from engine.control.commands.cue import CueControl
from engine.errors import CueError
from engine.params import CueList
from engine.params.cue_chase import CueChase, DueCue, TimedCue
from engine.params.mapping.controls import MidiEvent
from engine.params.mapping.routes import OneClock
from engine.params.mtc import MtcAssembler, full_frame, text_frame
from engine.params.timecode import (
    Offset,
    TimecodeRate,
    parse_label,
    parse_offset,
    seconds_of,
    show_time,
    text_at,
)
from engine.params.timecode_clock import TimecodeClock, TimecodeState
from engine.values import TimecodeReading
from osc_schema import Rejected, Value

MIN_FREE_S = 2.0  # somebody who sets the tempo's source first needs time for the other one
MAX_QUEUED = 1024  # MIDI messages: eight seconds
ZERO = Offset(None, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class TimecodeStatus:
    source: str
    """off, ltc, mtc or artnet."""
    state: TimecodeState
    rate: str
    """24, 25, 29.97df or 30; "" before the first lock."""
    position: str
    """hh:mm:ss:ff from the offset; "" before the first lock."""
    seconds: float
    """The position in seconds."""
    speed: float
    """1 at the nominal speed; below 0 backward, 0 while it stands."""


OFF = TimecodeStatus(source="off", state="none", rate="", position="", seconds=0.0, speed=0.0)


def conditions(*, receives_artnet: bool = True) -> Iterator[tuple[str, Callable[[Value], None]]]:
    """Conditions for `ParamStore.add_condition`: reject a source that never arrives, an offset that
    is no timecode."""

    def check_source(value: Value) -> None:
        if value == "artnet" and not receives_artnet:
            raise Rejected(
                f"/timecode/source {value}: this run does not listen to Art-Net; start it with "
                "--dmx artnet"
            )

    def check_offset(value: Value) -> None:
        if parse_offset(str(value)) is None:
            text = repr(str(value))[:40]
            raise Rejected(
                f"/timecode/offset: {text} is neither hh:mm:ss:ff (01:00:00:00) nor seconds (-0.04)"
            )

    yield "/timecode/source", check_source
    yield "/timecode/offset", check_offset


class TimecodeControl:
    """Follows the timecode source. `on_midi` on OSC's threads, `status` on any, the rest on the
    frame loop's."""

    def __init__(
        self,
        context: CommandContext,
        *,
        cues: CueControl,
        take_ltc: Callable[[], list[TimecodeReading]],
        sound_channels: Callable[[], int],
        follow_beat: Callable[..., None],
    ) -> None:
        """`take_ltc()` returns the LTC frames decoded since its last call. `follow_beat`:
        `Tempo.follow`."""
        self._store = context.store
        self._notify = context.notify
        self._report = context.report
        self._cues = cues
        self._take_ltc = take_ltc
        self._sound_channels = sound_channels
        self._follow_beat = follow_beat
        self._midi: deque[tuple[MidiEvent, float]] = deque(maxlen=MAX_QUEUED)
        self.artnet: deque[TimecodeReading] = deque(maxlen=MAX_QUEUED)
        """Art-Net's timecode that waits for the next frame. Any thread appends to it."""
        self._leading_artnet = OneClock("Art-Net timecode", context.report)
        self._clock = TimecodeClock()
        self._mtc = MtcAssembler()
        self._chase = CueChase()
        self._due: DueCue | None = None
        """A cue that could not be started yet, because a command was running."""
        self._timed: tuple[TimedCue, ...] = ()
        self._timed_for: tuple[CueList, TimecodeRate] | None = None
        """The cue list and rate that `_timed` was computed for."""
        self._offset_text = ""
        self._offset = ZERO
        self._last_channel = 0
        self._free_since_s: float | None = None
        """When the tempo began to wait for timecode that nothing reads; infinite once that was
        reported."""
        self._reported_ignored: set[str] = set()
        self._last_text = ""
        self._next_notify_s = float("-inf")
        self._status = OFF
        self._running: tuple[float, float, float, str] | None = None
        """Time, seconds, speed and rate of the last frame with a position."""

    def add_commands(self, table: CommandTable) -> None:
        table.add("/cue/timecode", self._on_cue_timecode)

    @property
    def status(self) -> TimecodeStatus:
        """The status as of the last frame. Any thread."""
        return self._status

    def position_at(self, now_s: float) -> tuple[float, float, str] | None:
        """Seconds, speed and the rate's name at `now_s`, from the last frame's; None without
        timecode. Any thread."""
        running = self._running
        if running is None:
            return None
        at_s, seconds, speed, rate = running
        return seconds + (now_s - at_s) * speed, speed, rate

    def on_midi(self, event: MidiEvent, now_s: float) -> None:
        """Take a message of MIDI timecode. OSC's threads."""
        self._midi.append((event, now_s))

    def step(self, now_s: float) -> None:
        """Read the timecode that has arrived, and start cues and lead the beat by it. Once per
        frame."""
        source = str(self._store.get("/timecode/source"))
        if source != self._status.source:
            self._restart(source)
        readings = self._readings(source)
        self._check_tempo(source, now_s)
        if source == "off":
            return
        for reading in readings:
            if not reading.source or self._leading_artnet.counts(reading.source, reading.at_s):
                self._clock.add(reading)
        snapshot = self._store.snapshot()
        flywheel_s = snapshot.number("/timecode/flywheel_s")
        state = self._clock.state(now_s, flywheel_s)
        position_s = self._clock.position_s(now_s, flywheel_s)
        if state in ("none", "lost"):
            self._check_channel(source)
        if position_s is None:
            return
        speed = self._clock.speed(now_s, flywheel_s)
        seconds = show_time(position_s, self._current_offset().at(self._clock.rate))
        text = text_at(seconds, self._clock.rate)
        if state != self._status.state:
            self._notify("/timecode/state", state)
        self._status = TimecodeStatus(
            source=source,
            state=state,
            rate=self._clock.rate.name,
            position=text,
            seconds=seconds,
            speed=speed,
        )
        self._running = (now_s, seconds, speed, self._clock.rate.name) if state != "lost" else None
        if state != "lost":
            self._start_cues(seconds, speed)
        if speed > 0.0:
            bpm = snapshot.number("/tempo/bpm")
            self._follow_beat("timecode", beat=seconds * bpm / 60.0, bpm=bpm, at_s=now_s)
        self._notify_position(text, seconds, now_s)

    def _restart(self, source: str) -> None:
        """Reset the clock for another source; the picture stays."""
        self._clock = TimecodeClock()
        self._mtc = MtcAssembler()
        self._due = None
        self._chase.forget()
        self._running = None
        self._status = TimecodeStatus(
            source=source, state="none", rate="", position="", seconds=0.0, speed=0.0
        )
        self._notify("/timecode/state", "none")

    def _readings(self, source: str) -> list[TimecodeReading]:
        """Empty all queues; returns the readings of `source`."""
        ltc = self._take_ltc()
        mtc = []
        artnet = [self.artnet.popleft() for _ in range(len(self.artnet))]
        for _ in range(len(self._midi)):
            event, at_s = self._midi.popleft()
            if event.kind == "mtc":
                reading = self._mtc.quarter_frame(event.value, at_s)
            else:
                reading = (full_frame if event.kind == "mtc_full" else text_frame)(
                    event.value, at_s
                )
            if reading is not None:
                mtc.append(reading)
        for name, protocol, readings in (("mtc", "MIDI", mtc), ("artnet", "Art-Net", artnet)):
            if readings and source != name and name not in self._reported_ignored:
                self._reported_ignored.add(name)
                reason = f"/timecode/source is {source}; /timecode/source {name} follows it"
                self._report(
                    f"timecode.ignored.{name}",
                    f"{protocol} timecode arrives and is ignored: {reason}",
                )
        return {"ltc": ltc, "mtc": mtc, "artnet": artnet}.get(source, [])

    def _check_tempo(self, source: str, now_s: float) -> None:
        """Report, once, a tempo that waits for timecode while nothing reads any."""
        if source != "off" or self._store.get("/tempo/source") != "timecode":
            self._free_since_s = None
        elif self._free_since_s is None:
            self._free_since_s = now_s
        elif now_s - self._free_since_s >= MIN_FREE_S:
            self._free_since_s = float("inf")
            reason = (
                "nothing reads timecode, the beat runs free; set /timecode/source to ltc, "
                "mtc or artnet"
            )
            self._report("timecode.tempo", f"/tempo/source timecode: {reason}")

    def _check_channel(self, source: str) -> None:
        """Report, once, a channel that the sound does not have."""
        channel = int(self._store.number("/timecode/ltc_channel"))
        if source != "ltc" or channel == self._last_channel:
            return
        self._last_channel = channel
        if channel > (channels := self._sound_channels()):
            has = f"the sound has {channels} channel{'s' if channels > 1 else ''}"
            self._report(
                "timecode", f"/timecode/ltc_channel {channel}: {has}; choose 1..{channels}"
            )

    def _current_offset(self) -> Offset:
        text = str(self._store.get("/timecode/offset"))
        if text != self._offset_text:
            self._offset_text = text
            self._offset = parse_offset(text) or ZERO
            self._chase.forget()
        return self._offset

    def _start_cues(self, seconds: float, speed: float) -> None:
        if not self._store.get("/timecode/chase"):
            self._chase.forget()
            self._due = None
            return
        self._due = (
            self._chase.step(seconds, speed, self._timed_cues(), self._cues.chased) or self._due
        )
        if self._due is not None and self._cues.chase(self._due):
            self._due = None

    def _timed_cues(self) -> tuple[TimedCue, ...]:
        cues = self._cues.cues
        rate = self._clock.rate
        if (
            self._timed_for is None
            or self._timed_for[0] is not cues
            or self._timed_for[1] is not rate
        ):
            self._timed_for = (cues, rate)
            labels = ((cue.number, parse_label(cue.timecode)) for cue in cues)
            self._timed = tuple(
                TimedCue(number=number, at_s=seconds_of(label, rate))
                for number, label in labels
                if label is not None
            )
        return self._timed

    def _notify_position(self, text: str, seconds: float, now_s: float) -> None:
        rate_hz = self._store.snapshot().number("/timecode/now/rate_hz")
        if rate_hz > 0.0 and now_s >= self._next_notify_s and text != self._last_text:
            self._next_notify_s = now_s + 1.0 / rate_hz
            self._last_text = text
            self._notify("/timecode/now", text, seconds)

    def _on_cue_timecode(self, reply: Reply, number: int, text: str) -> None:
        if text.strip().lower() == "now":
            text = self._status.position
            if not text or text.startswith("-"):
                raise CueError(
                    "there is no timecode now: set /timecode/source and wait until it is locked"
                )
        self._cues.set_timecode(number, text, reply)
