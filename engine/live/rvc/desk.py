"""Where the voice meets its conversion: takes the voice in, has it converted, and mixes what is heard, always in time.

    voice's ring ─► hear ─► child ─► converted ─┐
          └────────────► dry ───────────────────┴─► mix ─► `heard` ─► SteadyReader ─► output device
                                                                  └─► SteadyReader ─► the analyser's channel

One thread, woken a hundred times a second. All numbers are those of the voice's samples: sample n of `heard` is what
becomes of sample n of the voice, written as late as the delay allows. How much later than spoken it sounds is the
readers' lag; see `delay` for how long that is. Nobody waits for this thread, and it waits for nobody.
"""

import logging
import math
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from engine.audio.input import Capture
from engine.audio.output import DeviceOutput, OutputStatus
from engine.audio.ring import SampleRing
from engine.audio.steady_reader import SteadyReader
from engine.children.messages import Fact
from engine.live.rvc.delay import VoiceDelay
from engine.live.rvc.link import VoiceTiming
from engine.live.rvc.mix import MixSettings, OneChannel, VoiceMix
from engine.system.clock import Clock

PERIOD_S = 0.01
POLL_S = 0.1  # at what moves the delay
HEARD_S = 8.0  # of what is heard is kept: more than the longest delay
WAITED_S = 3.0  # for a late block, to see how late it was
MAX_STEP_S = 1.0  # of sound at once

logger = logging.getLogger(__name__)


class Converter(Protocol):
    """What the desk needs of a VoiceLink."""

    @property
    def timing(self) -> VoiceTiming: ...

    def hear(self, block: np.ndarray) -> None: ...

    def converted(self, first: int, frames: int) -> tuple[np.ndarray, np.ndarray]: ...

    def is_converted(self, sample: int) -> bool: ...

    @property
    def converted_end(self) -> int: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceStatus:
    """What the voice's listeners and operators want to know; milliseconds."""

    algorithmic_ms: float
    compute_ms: float
    device_ms: float
    """0 while nobody listens."""
    delay_ms: float
    """The sum of the three: from spoken to heard."""
    underruns: int
    """How often the conversion was missing while it was wanted."""
    gaps: int
    """How often nothing at all was there to be heard in time."""
    input_state: str
    input_description: str
    output: OutputStatus | None


class VoiceDesk:
    """`follow` and `status` on any thread. `start` once; the capture and the output are started and closed by their
    owner."""

    def __init__(
        self,
        link: Converter,
        capture: Capture,
        output: DeviceOutput | None,
        *,
        clock: Clock,
        report: Callable[[str, str], None],
    ) -> None:
        rate_hz = capture.ring.sample_rate_hz
        self.heard = SampleRing(rate_hz, 1, HEARD_S)
        self._link = link
        self._capture = capture
        self._output = output
        self._clock = clock
        self._report = report
        self._rate_hz = rate_hz
        self._dry = SampleRing(rate_hz, 1, HEARD_S)
        self._one_channel = OneChannel(rate_hz)
        self._mix = VoiceMix(rate_hz)
        self._delay = VoiceDelay()
        self._delay.follow(link.timing, 0.0)
        self._parts = self._delay.parts
        self._settings = MixSettings()
        self._asked_ms = 0.0
        self._told_ms = 0.0
        """Which of them could not be kept, and was told so."""
        self._channel = 1
        self._longest_step = round(MAX_STEP_S * rate_hz)
        self._look_s = 0.0
        self._readers: tuple[SteadyReader, ...] = ()
        self._gaps = 0
        self._taken: int | None = None
        """Samples of the capture's ring so far."""
        self._late: tuple[int, float] | None = None
        """A sample that was not there when it was due, and when that was."""
        self._made_to = 0
        """What was converted before the newest block: the number of that one's first sample."""
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="voice desk", daemon=True)
        if output is not None:
            output.play(self.listen(output.rate_hz))

    def listen(self, to_hz: int) -> SteadyReader:
        """What is heard, at its moment, for a thread with a clock of its own. Before `start`."""
        reader = SteadyReader(self.heard, to_hz, self._parts.total_s)
        self._readers = (*self._readers, reader)
        return reader

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._closing.set()
        if self._thread.ident is not None:
            self._thread.join()

    def follow(self, values: Mapping[str, Any]) -> None:
        """What the parameters say from now on."""
        self._settings = MixSettings.from_values(values)
        self._asked_ms = float(values["/rvc/delay_ms"])
        former, self._channel = self._channel, int(values["/rvc/input_channel"])
        if self._channel != former and self._channel > self._capture.ring.channels:
            self._report(
                "rvc.input",
                f"/rvc/input_channel {self._channel}: the voice is silent, {self._capture.description} has only "
                f"{self._capture.ring.channels}",
            )

    def status(self) -> VoiceStatus:
        parts = self._parts
        is_heard = any(reader.is_settled for reader in self._readers)
        device_s = parts.device_s if is_heard else 0.0
        return VoiceStatus(
            algorithmic_ms=parts.algorithmic_s * 1000.0,
            compute_ms=parts.compute_s * 1000.0,
            device_ms=device_s * 1000.0,
            delay_ms=(parts.mixed_s + device_s) * 1000.0,
            underruns=self._mix.underruns,
            gaps=self._gaps,
            input_state=self._capture.state,
            input_description=self._capture.description,
            output=None if self._output is None else self._output.status(),
        )

    def facts(self) -> dict[str, Fact]:
        """`status` for who lists what is known of the voice child. Any thread."""
        status = self.status()
        return {
            "algorithmic_ms": round(status.algorithmic_ms, 1),
            "compute_ms": round(status.compute_ms, 1),
            "device_ms": round(status.device_ms, 1),
            "delay_ms": round(status.delay_ms, 1),
            "underruns": status.underruns,
            "gaps": status.gaps,
            "input": status.input_state,
            "output": "none" if status.output is None else status.output.state,
        }

    def _run(self) -> None:
        has_failed = False
        while not self._closing.wait(PERIOD_S):
            try:
                self.step()
            except Exception as error:  # top of the thread: the picture goes on, and so does the next step
                if not has_failed:
                    logger.exception("voice desk failed")
                has_failed = True
                self._report("rvc.desk", f"rvc: the voice's desk failed: {error}")

    def step(self) -> None:
        """Take what is new, mix what is due, see whether the delay is still the right one. The thread calls it."""
        if self._clock.now_s() >= self._look_s:
            self._look_s = self._clock.now_s() + POLL_S
            self._watch_spare()
            self._delay.follow(self._link.timing, self._asked_ms)
            self._parts = self._delay.parts
            self._tell_shortest()
        if self._capture.ring.newest == self._taken:
            return
        self._hear()
        due = self._dry.newest - round(self._parts.mixed_s * self._rate_hz)
        if due > self.heard.newest:
            self._mix_up_to(min(due, self.heard.newest + self._longest_step))
        if self.heard.newest >= due:  # else what a shorter delay asks for is not mixed yet
            for reader in self._readers:
                reader.lag_s = self._parts.total_s
        self._watch_lateness()

    def _hear(self) -> None:
        ring = self._capture.ring
        if self._taken is None:
            self._taken = ring.newest
        first, samples = ring.read(self._taken, min(ring.newest, self._taken + self._longest_step))
        if len(samples):
            voice = self._one_channel.of(samples, self._channel)
            self._link.hear(voice)
            self._dry.write(voice[:, None])
        self._taken = first + len(samples)  # last: a step that fails is done again, and the numbers stay
        # What was overwritten unheard has no number here: the mark says where the rest belongs.
        if (mark := ring.mark) is not None:
            self.heard.set_mark(mark[0] - (self._taken - self._dry.newest), mark[1])

    def _mix_up_to(self, due: int) -> None:
        first = self.heard.newest
        _, dry = self._dry.read(first, due)
        self._watch_spare_of_blocks(due + self._mix.fade_frames)
        wet, presence = self._link.converted(first, due - first + self._mix.fade_frames)
        underruns = self._mix.underruns
        self.heard.write(self._mix.mix(dry[:, 0], wet, presence, self._settings)[:, None])
        if self._mix.underruns > underruns and self._late is None:
            self._late = first + int(np.flatnonzero(presence <= 0.0)[0]), self._clock.now_s()

    def _watch_spare_of_blocks(self, needed: int) -> None:
        """Of a new block, how long before its first sample was needed it came: this step needs samples up to
        `needed`."""
        first, self._made_to = self._made_to, self._link.converted_end
        spare_s = (first - needed) / self._rate_hz
        is_next = 0 < first < self._made_to and spare_s > -POLL_S  # else it is the first, or that after a pause
        if is_next and self._late is None:
            self._delay.was_in_time(spare_s, self._clock.now_s())

    def _watch_lateness(self) -> None:
        """A block that comes after all says how much more time is needed; one that never comes says nothing."""
        if self._late is None:
            return
        sample, since_s = self._late
        late_s = self._clock.now_s() - since_s
        if self._link.is_converted(sample):
            self._late = None
            self._delay.was_late(late_s, self._clock.now_s())
            self._parts = self._delay.parts  # at once: the next block has the time that this one had not
            self._report("rvc.late", f"rvc: a block came {late_s * 1000:.0f} ms late; the delay is longer by that now")
        elif late_s > WAITED_S:
            self._late = None

    def _tell_shortest(self) -> None:
        """Of a delay that is asked for and cannot be kept, once, when that is known."""
        asked_ms, shortest_ms = self._asked_ms, self._delay.shortest_s * 1000.0
        if asked_ms != self._told_ms and 0.0 < asked_ms < shortest_ms and self._delay.is_settled:
            self._told_ms = asked_ms
            self._report(
                "rvc.delay",
                f"/rvc/delay_ms {asked_ms:g}: the shortest that can be kept is {math.ceil(shortest_ms)} ms, "
                "which is kept",
            )

    def _watch_spare(self) -> None:
        self._gaps = sum(reader.gaps for reader in self._readers)
        listening = [reader for reader in self._readers if reader.is_settled]
        spare_s = min((reader.least_spare_s for reader in listening), default=math.inf)
        if spare_s == math.inf:
            return
        for reader in listening:
            reader.least_spare_s = math.inf
        self._delay.was_spare(spare_s, sum(reader.disturbances for reader in listening), self._clock.now_s())
