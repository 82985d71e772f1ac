"""The sound source in use, which can be replaced while the engine runs.

    device:NAME ─► DeviceCapture ─┐
    demo, files ─► Playback ──────┴─► one ring, for the whole run ─► analysis, recordings, voice
                      └─► Monitor: an output

The ring keeps the rate of the first sound: a device is opened at it (its driver converts), a file
is resampled. It has more channels than most sounds, so that an interface with more channels can be
chosen later. The former sound plays until the next one is open; if that fails, it continues.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final, TypeVar

from engine.audio.devices import restart_for
from engine.audio.feed import Capture, Feed, Playback, TrackPosition
from engine.audio.input import AudioStatus, LiveAudio
from engine.audio.monitor import Monitor
from engine.audio.playlist import PlaylistFeed, tracks_of
from engine.audio.ring import SampleRing
from engine.audio.settings import AudioSettings
from engine.errors import AudioError
from engine.system.clock import Clock
from engine.system.reporting import Report
from engine.values import AudioFeatures

Opened = TypeVar("Opened")
MIN_CHANNELS: Final = 8
DEMO: Final = "demo"
FILES: Final = "files"


class ChosenSound:
    """A Capture whose source (a device, files, RTP, the demo loop) can be switched while it runs.
    `open_...` and `close` on one thread, which may wait; the rest on any."""

    def __init__(self, clock: Clock, report: Report) -> None:
        """Call one of `open_...` before anything else."""
        self.source = ""
        """The sound in use: demo, files, `rtp:PORT`, or the name of a device."""
        self.files: tuple[Path, ...] = ()
        """The list of files that plays, or played last."""
        self.rtp = ""
        """The address at which the run began to listen; "" for none."""
        self.ring: SampleRing
        self.monitor: Monitor
        self._clock = clock
        self._report = report
        self._capture: Capture
        self._is_started = False
        self._loop = "all"

    # -- a Capture ------------------------------------------------------------------------------

    @property
    def description(self) -> str:
        return self._capture.description

    @property
    def state(self) -> str:
        return self._capture.state

    @property
    def lost_blocks(self) -> int:
        return self._capture.lost_blocks

    def start(self) -> None:
        self._is_started = True
        self._capture.start()

    def close(self) -> None:
        self.monitor.close()
        self._capture.close()

    # -- choosing -------------------------------------------------------------------------------

    def open_device(self, query: str | None) -> None:
        """Capture this device: an index, a name or part of one; None is the default. AudioError."""
        from engine.audio.device import DeviceCapture

        ring = getattr(self, "ring", None)
        capture = _retry_with_new_devices(
            query,
            lambda: DeviceCapture(
                query, self._clock, self._report, ring, min_channels=MIN_CHANNELS
            ),
        )
        self._switch_to(capture, capture.name)

    def open_rtp(self, spec: str) -> None:
        """Receive the sound of another program (`rtp:PORT`). AudioError, UsageError."""
        from engine.audio.rtp import RtpCapture

        ring = getattr(self, "ring", None)
        self._switch_to(
            RtpCapture(spec, self._clock, self._report, ring, min_channels=MIN_CHANNELS), spec
        )
        self.rtp = spec

    def open_demo(self) -> None:
        from engine.audio.demo import SAMPLE_RATE_HZ, demo_feed

        feed = demo_feed(self.ring.sample_rate_hz if hasattr(self, "ring") else SAMPLE_RATE_HZ)
        self._switch_to(self._playback(feed.sample_rate_hz, feed), DEMO)

    def open_files(self, path: Path) -> None:
        """Play this file, folder or playlist from its beginning. AudioError."""
        self._open_tracks(tracks_of(path, self._report))

    def resume_files(self) -> None:
        """Play the last list again, from its beginning. AudioError if there was none."""
        if not self.files:
            raise AudioError(
                "no file was played yet: choose one (/audio/file/open, or --audio FILE)"
            )
        self._open_tracks(self.files)

    def open_monitor(self, output_name: str) -> None:
        """Play files and the demo loop on this output, or `none`. After an AudioError the former
        one stays."""
        output_name = output_name.removeprefix("device:")
        _retry_with_new_devices(output_name, lambda: self.monitor.open(output_name))

    def follow(self, settings: AudioSettings) -> None:
        """Apply the playback settings: looping, and the offset of the monitor."""
        self._loop = settings.loop
        self.monitor.offset_s = settings.monitor_offset_ms / 1000.0
        feed = self.playlist
        if feed is not None:
            feed.loop = settings.loop

    @property
    def playlist(self) -> PlaylistFeed | None:
        """The list that plays; None for other sounds."""
        feed = self._capture.feed if isinstance(self._capture, Playback) else None
        return feed if isinstance(feed, PlaylistFeed) else None

    @property
    def track_position(self) -> TrackPosition | None:
        return self._capture.track_position if isinstance(self._capture, Playback) else None

    def _open_tracks(self, tracks: tuple[Path, ...]) -> None:
        ring = getattr(self, "ring", None)
        feed = PlaylistFeed(
            tracks, None if ring is None else ring.sample_rate_hz, self._report, loop=self._loop
        )
        self._switch_to(self._playback(feed.sample_rate_hz, feed), FILES)
        self.files = tracks

    def _playback(self, rate_hz: int, feed: Feed) -> Playback:
        if not hasattr(self, "ring"):
            self._set_ring(SampleRing(rate_hz, max(feed.channels, MIN_CHANNELS)))
            self.ring.used_channels = feed.channels
        return Playback(feed, self._clock, self._report, self.ring, self.monitor)

    def _set_ring(self, ring: SampleRing) -> None:
        self.ring = ring
        self.monitor = Monitor(ring.sample_rate_hz, self._clock, self._report)

    def _switch_to(self, capture: Capture, source: str) -> None:
        """Replace the former capture."""
        if not hasattr(self, "ring"):
            self._set_ring(capture.ring)
        if hasattr(self, "_capture"):
            self._capture.close()
        self._capture = capture
        self.source = source
        if self._is_started:
            capture.start()


def _retry_with_new_devices(query: str | None, open_: Callable[[], Opened]) -> Opened:
    """Open it; if there is no such device, once more after a look for devices that were plugged in
    meanwhile."""
    try:
        return open_()
    except AudioError:
        if not query or not restart_for(query):
            raise
        return open_()


class ChosenAudio(LiveAudio):
    """A ChosenSound with its analysis thread."""

    def __init__(self, sound: ChosenSound, choice: str, report: Report) -> None:
        super().__init__(sound, choice, report)
        self.sound = sound
        self._last_picture_s: float | None = None
        """When the last picture left."""

    def picture_left(self, features: AudioFeatures, at_s: float) -> None:
        if features.end_s is not None and self._last_picture_s is not None:
            # A sound that begins between two pictures is seen in the second: half their interval
            # later, on average.
            self.sound.monitor.follow_picture(
                at_s - features.end_s + (at_s - self._last_picture_s) / 2.0
            )
        self._last_picture_s = at_s

    def status(self) -> AudioStatus:
        return replace(
            super().status(), place=self.sound.track_position, monitor=self.sound.monitor.status()
        )

    def _analyse_hops(self) -> None:
        self.sound.follow(self.settings)
        super()._analyse_hops()
