"""Captures the voice, sends it to the child for conversion, and mixes the output in real time.

    voice's ring ─► send ─► child ─► converted ─┐
          └────────────► dry ───────────────────┴─► mix ─► `mixed` ─► SteadyReader ─► output device
                                                                  └─► SteadyReader ─► the analyser

One thread, woken 100 times per second. All samples are numbered by the voice: sample n of `mixed`
is the output for sample n of the voice, written as late as the delay allows. The readers' lag is
the total delay from microphone to output, which `delay` decides. This thread never blocks on
another one, and no thread blocks on it.
"""

import logging
import math
import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from engine.audio.device import DeviceOutput
from engine.audio.feed import Capture
from engine.audio.ring import SampleRing
from engine.audio.steady_reader import SteadyReader
from engine.children.messages import Fact
from engine.live.rvc.delay import DelayParts, VoiceDelay
from engine.live.rvc.link import VoiceLink
from engine.live.rvc.mix import ChannelSelector, MixSettings, PeakLevel, VoiceMix
from engine.system.clock import Clock
from engine.system.guarded_thread import Guard, GuardedThread
from engine.system.reporting import Report

PERIOD_S = 0.01
POLL_S = 0.1  # interval of delay adaptation
MIXED_S = 8.0  # length of the output ring: more than the longest delay
WAITED_S = 3.0  # maximum time to wait for a late block when measuring its lateness
MAX_STEP_S = 1.0  # maximum length of sound processed in one step

logger = logging.getLogger(__name__)


class VoicePipeline:
    """The path of the voice from its capture through the child to the output. `follow`, `delay` and
    `facts` may be used on any thread, `start` only once. The caller starts and closes the capture
    and the output."""

    def __init__(
        self,
        link: VoiceLink,
        capture: Capture,
        output: DeviceOutput | None,
        *,
        clock: Clock,
        report: Report,
    ) -> None:
        rate_hz = capture.ring.sample_rate_hz
        self.mixed = SampleRing(rate_hz, 1, MIXED_S)
        self._link = link
        self._capture = capture
        self._output = output
        self._clock = clock
        self._report = report
        self._rate_hz = rate_hz
        self._dry = SampleRing(rate_hz, 1, MIXED_S)
        self._one_channel = ChannelSelector(rate_hz)
        self._mix = VoiceMix(rate_hz)
        self._level_in = PeakLevel(rate_hz)
        self._level_out = PeakLevel(rate_hz)
        self._delay = VoiceDelay()
        self._delay.follow(link.timing, 0.0)
        self._parts = self._delay.parts
        self._settings = MixSettings()
        self._requested_ms = 0.0
        self._reported_ms = 0.0
        """The requested delay, and the last one that was reported as too short."""
        self._channel = 1
        self._longest_step = round(MAX_STEP_S * rate_hz)
        self._next_adapt_s = 0.0
        self._readers: tuple[SteadyReader, ...] = ()
        self._gaps = 0
        self._samples_read: int | None = None
        """Samples read from the capture's ring so far."""
        self._late: tuple[int, float] | None = None
        """Number and due time of a sample that was missing when it was due."""
        self._block_start = 0
        """The number of the newest block's first sample."""
        self._closing = threading.Event()
        self._guard = Guard(logger, report, "rvc.desk", "rvc: the voice pipeline failed")
        self._thread = GuardedThread("voice pipeline", self._run, self._guard)
        if output is not None:
            output.play(self.listen(output.rate_hz))

    def listen(self, to_hz: int) -> SteadyReader:
        """A reader that plays the output steadily on the clock of another thread. Call before
        `start`."""
        reader = SteadyReader(self.mixed, to_hz, self._parts.total_s)
        self._readers = (*self._readers, reader)
        return reader

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._closing.set()
        self._thread.join()

    def follow(self, values: Mapping[str, Any]) -> None:
        """Use these parameters from now on."""
        self._settings = MixSettings.from_values(values)
        self._requested_ms = float(values["/rvc/delay_ms"])
        former = self._channel
        self._channel = int(values["/rvc/input_channel"])
        used = self._capture.ring.used_channels
        if self._channel != former and self._channel > used:
            silent = f"the voice is silent, {self._capture.description} has only {used}"
            self._report("rvc.input", f"/rvc/input_channel {self._channel}: {silent}")

    @property
    def delay(self) -> DelayParts:
        """The delay from microphone to output; `device_s` is 0 if nothing plays the output."""
        parts = self._parts
        return (
            parts
            if any(reader.is_settled for reader in self._readers)
            else replace(parts, device_s=0.0)
        )

    def facts(self) -> dict[str, Fact]:
        """Facts about the pipeline for the status, beside those of the child. `input_db`,
        `output_db`: peak levels of the voice and of the output. `underruns`: times that converted
        samples were missing while the conversion was on; `gaps`: times that a device found no
        samples at all, not even dry ones."""
        delay = self.delay
        return {
            "algorithmic_ms": round(delay.algorithmic_s * 1000.0, 1),
            "compute_ms": round(delay.compute_s * 1000.0, 1),
            "device_ms": round(delay.device_s * 1000.0, 1),
            "delay_ms": round(delay.total_s * 1000.0, 1),
            "input_db": self._level_in.db,
            "output_db": self._level_out.db,
            "underruns": self._mix.underruns,
            "gaps": self._gaps,
            "input": self._capture.state,
            "output": "none" if self._output is None else self._output.state,
        }

    def _run(self) -> None:
        while not self._closing.wait(PERIOD_S):
            self._guard.attempt(self.step)

    def step(self) -> None:
        """Read new samples, mix those that are due, adapt the delay. Called by the thread."""
        if self._clock.now_s() >= self._next_adapt_s:
            self._next_adapt_s = self._clock.now_s() + POLL_S
            self._watch_spare()
            self._delay.follow(self._link.timing, self._requested_ms)
            self._parts = self._delay.parts
            self._report_shortest()
        if self._capture.ring.newest == self._samples_read:
            return
        self._send_voice()
        due = self._dry.newest - round(self._parts.mixed_s * self._rate_hz)
        if due > self.mixed.newest:
            self._mix_up_to(min(due, self.mixed.newest + self._longest_step))
        if self.mixed.newest >= due:  # otherwise the samples for a shorter delay are not mixed yet
            for reader in self._readers:
                reader.lag_s = self._parts.total_s
        self._watch_lateness()

    def _send_voice(self) -> None:
        ring = self._capture.ring
        if self._samples_read is None:
            self._samples_read = ring.newest
        first, samples = ring.read(
            self._samples_read, min(ring.newest, self._samples_read + self._longest_step)
        )
        if len(samples):
            voice = self._one_channel.select(samples, self._channel)
            self._link.write_voice(voice)
            self._dry.write(voice[:, None])
            self._level_in.take(voice)
        # last, so that a failed step is repeated with the same numbers
        self._samples_read = first + len(samples)
        # Samples overwritten before they were read get no number; the mark aligns the ones after
        # them.
        mark = ring.mark
        if mark is not None:
            self.mixed.set_mark(mark[0] - (self._samples_read - self._dry.newest), mark[1])

    def _mix_up_to(self, due: int) -> None:
        first = self.mixed.newest
        _, dry = self._dry.read(first, due)
        self._watch_spare_of_blocks(due + self._mix.fade_frames)
        wet, presence = self._link.converted.read(first, due - first + self._mix.fade_frames)
        underruns = self._mix.underruns
        mixed = self._mix.mix(dry[:, 0], wet, presence, self._settings)
        self.mixed.write(mixed[:, None])
        self._level_out.take(mixed)
        if self._mix.underruns > underruns and self._late is None:
            self._late = first + int(np.flatnonzero(presence <= 0.0)[0]), self._clock.now_s()

    def _watch_spare_of_blocks(self, needed: int) -> None:
        """Measure how long before its first sample was due each new block arrived. `needed`: the
        end of this step."""
        first = self._block_start
        self._block_start = self._link.converted.end
        spare_s = (first - needed) / self._rate_hz
        # not the first block, also after a pause
        is_next = 0 < first < self._block_start and spare_s > -POLL_S
        if is_next and self._late is None:
            self._delay.was_in_time(spare_s, self._clock.now_s())

    def _watch_lateness(self) -> None:
        """Measure how late a missing block arrives. A block that never arrives is ignored."""
        if self._late is None:
            return
        sample, since_s = self._late
        late_s = self._clock.now_s() - since_s
        if self._link.converted.has(sample):
            self._late = None
            self._delay.was_late(late_s, self._clock.now_s())
            self._parts = self._delay.parts  # immediately, so that the next block is in time
            self._report(
                "rvc.late",
                f"rvc: a block arrived {late_s * 1000:.0f} ms late; the delay grew by that amount",
            )
        elif late_s > WAITED_S:
            self._late = None

    def _report_shortest(self) -> None:
        """Report once that the requested delay is too short, as soon as the shortest possible delay
        is known."""
        requested_ms = self._requested_ms
        shortest_ms = self._delay.shortest_s * 1000.0
        if (
            requested_ms != self._reported_ms
            and 0.0 < requested_ms < shortest_ms
            and self._delay.is_settled
        ):
            self._reported_ms = requested_ms
            least = f"too short; using the minimum, {math.ceil(shortest_ms)} ms"
            self._report("rvc.delay", f"/rvc/delay_ms {requested_ms:g}: {least}")

    def _watch_spare(self) -> None:
        self._gaps = sum(reader.gaps for reader in self._readers)
        listening = [reader for reader in self._readers if reader.is_settled]
        spare_s = min((reader.least_spare_s for reader in listening), default=math.inf)
        if spare_s == math.inf:
            return
        for reader in listening:
            reader.least_spare_s = math.inf
        self._delay.had_spare(
            spare_s, sum(reader.disturbances for reader in listening), self._clock.now_s()
        )
