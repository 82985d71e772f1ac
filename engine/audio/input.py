"""`AudioInput`: the engine's interface to sound."""

import logging
import threading
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace

import numpy as np

from engine.audio.analyser import Analyser
from engine.audio.feed import LATE_S, Capture, Feed, MonitorStatus, TrackPosition, mix_channels
from engine.audio.ltc import LtcTap, without_ltc
from engine.audio.ring import SampleRing
from engine.audio.settings import AudioSettings
from engine.audio.steady_reader import SteadyReader
from engine.errors import UsageError
from engine.system.guarded_thread import Guard, GuardedThread
from engine.system.reporting import Report
from engine.values import AudioBlock, AudioFeatures

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioStatus:
    state: str
    """playing, silence (exact zeros for 2 s), permission? (only zeros yet, macOS microphone), lost,
    finished."""
    description: str
    level: tuple[float, ...]
    """Peak of each of the four channels over the last 85 ms, linear, after gain."""
    lost_blocks: int
    """Number of input overflows, where the device was read too late."""
    place: TrackPosition | None = None  # a key of /status.json
    monitor: MonitorStatus | None = None


class AudioInput(ABC):
    """The engine's sound, opened by `open_audio`. Thread-safe, except `advance_to`, which belongs
    to one thread."""

    length_s: float | None = None
    """Seconds until `is_finished`; None if endless, or unknown until the end is reached."""
    speakers: tuple[str, ...] = ()
    """See AudioBlock."""

    def __init__(
        self,
        ring: SampleRing,
        choice: str,
        report: Report = lambda key, line: None,
        *,
        may_wait: bool = False,
    ) -> None:
        self.choice = choice
        """The sound in use, and the reason if the user did not choose it."""
        self.settings = AudioSettings()
        """Replaced as a whole; takes effect with the next hop."""
        self.voice: SteadyReader | None = None
        """The audible voice, at this sound's rate; set before `start`, read by the analysis."""
        self._ring = ring
        self.source_channels = ring.used_channels
        """Channels of the first sound; recordings keep that number when another is chosen."""
        self._analyser = Analyser(ring.sample_rate_hz, report, may_wait=may_wait)
        self._features = self._analyser.features(self.settings)
        self.timecode = LtcTap(ring.sample_rate_hz, self._sounded_s)
        """The LTC on the channel `settings.ltc_channel`."""

    @property
    def sample_rate_hz(self) -> int:
        return self._ring.sample_rate_hz

    @property
    def channels(self) -> int:
        """Channels of the sound that is captured now."""
        return self._ring.used_channels

    def latest_features(self) -> AudioFeatures:
        """The newest features; one reference read."""
        return self._features

    def read_block(self, first_sample: int) -> AudioBlock:
        """A copy of the source's samples from `first_sample` to the newest, without timecode. It
        starts later if those were overwritten (after about 10 s), and is empty if there is nothing
        new."""
        first, samples = self._ring.read(first_sample)
        samples = without_ltc(samples[:, : self.channels], self.settings.ltc_channel)
        samples = mix_channels(samples, self.source_channels)
        return AudioBlock(
            samples=samples,
            sample_rate_hz=self.sample_rate_hz,
            first_sample=first,
            speakers=self.speakers,
        )

    @abstractmethod
    def start(self) -> None: ...

    @abstractmethod
    def advance_to(self, time_s: float) -> AudioFeatures:
        """Analyse all sound up to `time_s`; the features at that time. Offline only, else
        UsageError."""

    def picture_left(self, features: AudioFeatures, at_s: float) -> None:
        """Record that the picture of these features was published at this time. Render thread."""
        return None

    @property
    def is_finished(self) -> bool:
        """True once a file played once has ended; silence follows."""
        return False

    @abstractmethod
    def status(self) -> AudioStatus: ...

    @abstractmethod
    def close(self) -> None: ...

    def _analyse_hops(self) -> None:
        """Analyse the hops that are complete now. Those that end during the call, and may never
        cease to, come next."""
        analyser = self._analyser
        end = self._ring.newest
        while analyser.next_hop_end <= end:
            _, block = self._ring.read(analyser.samples_analysed, analyser.next_hop_end)
            if len(block) < analyser.hop_frames:
                break  # overwritten meanwhile
            block = block[:, : self.channels]
            block = self.timecode.decode(
                block, analyser.samples_analysed, self.settings.ltc_channel
            )
            analyser.hop(block, self.settings, self._voice_of_hop())
        self._features = replace(
            analyser.features(self.settings), end_s=self._sounded_s(analyser.samples_analysed)
        )

    def _voice_of_hop(self) -> np.ndarray | None:
        """(hop_frames,) of the voice heard during the next hop, or None."""
        mark = self._ring.mark
        if self.voice is None or mark is None or not self.settings.voice_channel:
            return None
        sample, sounded_s = mark
        begins_s = sounded_s + (self._analyser.samples_analysed - sample) / self.sample_rate_hz
        return self.voice.read(self._analyser.hop_frames, begins_s)[:, 0]

    def _sounded_s(self, sample: float) -> float | None:
        """Time on the clock at which a sample sounded; None before the first mark."""
        mark = self._ring.mark
        if mark is None:
            return None
        marked, sounded_s = mark
        return sounded_s + (sample - marked) / self.sample_rate_hz

    def _status(self, state: str, description: str, lost_blocks: int) -> AudioStatus:
        level = tuple([channel.peak for channel in self._features.channels])
        line = ", heard as ".join(filter(None, (description, self._analyser.layout.effective)))
        return AudioStatus(state=state, description=line, level=level, lost_blocks=lost_blocks)


class LiveAudio(AudioInput):
    """A capture with its analysis thread."""

    def __init__(self, capture: Capture, choice: str, report: Report) -> None:
        super().__init__(capture.ring, choice, report)
        self._report = report
        self._late_s = 0.0
        self._reported_sample = 0
        self.capture = capture
        """The capture whose ring is analysed; also a possible source of the voice."""
        self._closing = threading.Event()
        self._guard = Guard(logger, report, "audio.analysis", "audio: analysis failed")
        self._thread = GuardedThread("audio analysis", self._run, self._guard)

    def start(self) -> None:
        """Start playing and analysing."""
        self.capture.start()
        self._thread.start()

    def advance_to(self, time_s: float) -> AudioFeatures:
        raise UsageError("live sound runs in real time: only sound opened offline can be advanced")

    def status(self) -> AudioStatus:
        return self._status(self.capture.state, self.capture.description, self.capture.lost_blocks)

    def close(self) -> None:
        """Stop the threads and close the device or file."""
        self._closing.set()
        self._thread.join()
        self._analyser.close()
        self.capture.close()

    def _analyse_hops(self) -> None:
        """Also skips sound that is late: a machine that is too slow for all of it shows the
        newest."""
        newest = self._ring.newest
        behind_s = (newest - self._analyser.samples_analysed) / self.sample_rate_hz
        if behind_s > LATE_S:
            self._analyser.samples_analysed = newest - self._analyser.hop_frames
            self._late_s += behind_s
        if newest - self._reported_sample > self._ring.capacity:  # 10 s
            if self._late_s > 2.0 * LATE_S:  # more than one short hiccup
                self._report(
                    "audio.late",
                    f"audio: {self._late_s:.1f} s not analysed: the machine is overloaded",
                )
            self._late_s = 0.0
            self._reported_sample = newest
        super()._analyse_hops()

    def _run(self) -> None:
        while not self._closing.is_set():
            if self._ring.wait_beyond(self._analyser.next_hop_end - 1, timeout_s=0.1):
                # after an error the last features stay in use
                self._guard.attempt(self._analyse_hops)


class OfflineAudio(AudioInput):
    """A feed that is read and analysed on demand. Independent of the clock."""

    def __init__(self, feed: Feed, choice: str, report: Report = lambda key, line: None) -> None:
        super().__init__(
            SampleRing(feed.sample_rate_hz, feed.channels), choice, report, may_wait=True
        )
        self.length_s = feed.length_s
        self._feed = feed

    @property
    def is_finished(self) -> bool:
        return self._feed.is_finished

    def start(self) -> None:
        """Nothing to start: `advance_to` does the work."""

    def advance_to(self, time_s: float) -> AudioFeatures:
        """Read and analyse all sound up to `time_s` from the start, in this call. The same calls on
        the same sound give the same features, bit for bit. Does nothing for a time already
        reached."""
        end = round(time_s * self.sample_rate_hz)
        while self._ring.newest < end:
            # At most a second at once, so that the ring never overflows.
            self._ring.write(self._feed.read(min(self.sample_rate_hz, end - self._ring.newest)))
            self._analyse_hops()
        return self._features

    def _sounded_s(self, sample: float) -> float | None:
        """Sound and clock start together."""
        return sample / self.sample_rate_hz

    def status(self) -> AudioStatus:
        return self._status(
            "finished" if self.is_finished else "playing", self._feed.description, 0
        )

    def close(self) -> None:
        self._analyser.close()
        self._feed.close()
