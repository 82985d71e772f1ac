"""Plays a file or the demo loop on a sound output, in sync with the picture.

    feed ─► Playback ──(ahead by `lead_s`)──► `ring` ─► SteadyReader ─► output device
               └──(at its time)──► the ring that is analysed ─► picture

A sound written to a device is heard a tenth of a second later, with AirPods a third, and its
picture leaves some frames after its analysis. So the sound is read ahead of its time, by the delay
of the device and a reserve. The reader plays each sample when its picture leaves, however the
device's clock drifts. Nothing waits for the device: if it is lost, the picture continues, and the
sound returns in sync. A captured device is not played: the room hears it already.
"""

import numpy as np

from engine.audio.device import DeviceOutput
from engine.audio.feed import MonitorStatus, mix_channels
from engine.audio.ring import SampleRing
from engine.audio.steady_reader import SteadyReader
from engine.system.clock import Clock
from engine.system.reporting import Report

CHANNELS = 2
RESERVE_S = 0.04  # a block of the feed, one of the device, and a late thread
MEASURED_S = 1.0  # the least reserve in this time decides if less is read ahead
MAX_LEAD_S = 3.0  # an idle PulseAudio reports up to 2 s while it wakes up
MAX_ERROR_S = (
    0.008  # of the time at which a picture leaves, before the reader follows it: half a frame
)
SMOOTHING = 0.05  # weight of the newest picture in the mean


class Monitor:
    """The sound output on which files and the demo loop are heard, in sync with the picture.
    `write`, `lead_s`: the playback's thread; `open`, `close`: one other; the rest: any."""

    def __init__(self, rate_hz: int, clock: Clock, report: Report) -> None:
        self.output_name = "none"
        self.offset_s = 0.0
        """Added to the time at which sound is heard, for a projector that is late."""
        self._picture_s = 0.0
        self._ring = SampleRing(rate_hz, CHANNELS)
        self._clock = clock
        self._report = report
        self._playing: tuple[DeviceOutput, SteadyReader] | None = None
        self._lead_s = 0.0
        self._lowered_s = 0.0

    def open(self, output_name: str) -> None:
        """Play on the output with this name, index or part of a name; `default`, or `none`.
        AudioError, and the former one plays on, if it cannot be opened."""
        output = None
        if output_name != "none":
            output = DeviceOutput(
                None if output_name == "default" else output_name, self._clock, self._report
            )
        former = self._playing
        self._playing = None
        if output is not None:
            reader = SteadyReader(self._ring, output.rate_hz, self._delay_s)
            output.play(reader)
            self._lead_s = RESERVE_S
            self._lowered_s = self._clock.now_s()
            self._playing = output, reader
        self.output_name = output_name if output is None else output.name
        if former is not None:
            former[0].close()

    def close(self) -> None:
        if self._playing is not None:
            self._playing[0].close()

    def follow_picture(self, delay_s: float) -> None:
        """Measure the delay of a picture that was just published, from its sound. Render thread."""
        self._picture_s += (delay_s - self._picture_s) * SMOOTHING

    @property
    def lead_s(self) -> float:
        """How far ahead of its time the sound must be written now; 0 if nothing plays it. It
        follows the reserve of the reader: the delay that a device reports is wrong while it wakes
        up."""
        playing = self._playing  # the other thread may close it meanwhile
        if playing is None:
            return 0.0
        output, reader = playing
        if abs(reader.lag_s - self._delay_s) > MAX_ERROR_S:
            reader.lag_s = self._delay_s
        spare_s = reader.least_spare_s
        now_s = self._clock.now_s()
        if not reader.is_settled:
            self._lead_s = max(output.delay_s - reader.lag_s, 0.0) + RESERVE_S
        elif spare_s < 0.0 or (now_s >= self._lowered_s + MEASURED_S and spare_s < float("inf")):
            self._lead_s += (RESERVE_S - spare_s) * (1.0 if spare_s < RESERVE_S else 0.5)
            self._lowered_s = now_s
            reader.least_spare_s = float("inf")
        self._lead_s = min(max(self._lead_s, 0.0), MAX_LEAD_S)
        return self._lead_s

    def write(self, block: np.ndarray, ends_s: float) -> None:
        """Write (frames, channels) of sound that ends at this time. Never waits."""
        if self._playing is not None:
            self._ring.set_mark(self._ring.newest + len(block), ends_s)
            self._ring.write(mix_channels(block, CHANNELS))

    def status(self) -> MonitorStatus:
        playing = self._playing
        device_s = 0.0 if playing is None else playing[0].delay_s
        return MonitorStatus(
            word=self.output_name,
            state="none" if playing is None else playing[0].state,
            description="" if playing is None else playing[0].description,
            device_ms=round(device_s * 1000.0, 1),
            delay_ms=0.0 if playing is None else round((self._lead_s + self._delay_s) * 1000.0, 1),
            picture_ms=round(self._picture_s * 1000.0, 1),
        )

    @property
    def _delay_s(self) -> float:
        return self._picture_s + self.offset_s
