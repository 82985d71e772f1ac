"""A stream that reconnects after a loss. One thread opens, watches and closes it.

All PortAudio calls except its callbacks run on that thread, including opening (on Windows COM objects must stay in
their apartment).
"""

import logging
import threading
from concurrent.futures import Future
from contextlib import ExitStack
from typing import Protocol

from engine.audio.devices import AudioDevice, Kind, find_device, list_devices
from engine.audio.portaudio import DeviceListing, com_apartment, session
from engine.audio.streams import BLOCK_S, SoundStream, StreamLost
from engine.errors import AudioError
from engine.system.backoff import next_delay_s
from engine.system.clock import Clock
from engine.system.guarded_thread import Guard, GuardedThread
from engine.system.reporting import Report

MAX_RETRY_S = 5.0  # shorter than the engine's usual 30 s: silence on stage is worse
CLOSE_S = 3.0  # a hanging driver must not block the engine's shutdown

logger = logging.getLogger(__name__)


class _Closing(Exception):
    """`close` was called during a wait."""


class Owner(Protocol):
    """The user of the stream. Called on the stream's thread."""

    def open_stream(self, device: AudioDevice) -> SoundStream:
        """Open the device, whose properties except the name may have changed. AudioError if that fails."""

    def report_events(self) -> None:
        """Report events recorded by the stream's callbacks, which must not log. Called 20 times a second."""

    def wants_reopening(self) -> bool:
        """True to close the stream and open it again. Called 20 times a second."""

    def while_lost(self) -> None:
        """Called about every 10 ms while the device is lost; less often while it is being opened."""


class ReconnectingStream:
    """Opens the device in the constructor; AudioError if it is missing or cannot be opened."""

    def __init__(self, wanted: str | None, kind: Kind, owner: Owner, *, clock: Clock, report: Report) -> None:
        """`wanted` is an index, a name or part of one; None is the default."""
        self.is_lost = False
        self.device: AudioDevice
        self._kind = kind
        self._owner = owner
        self._clock = clock
        self._report = report
        self._closing = threading.Event()
        opened: Future[None] = Future()

        def stopped(error: Exception) -> None:
            self.is_lost = True
            if not opened.done():
                opened.set_exception(error)

        self._thread = GuardedThread(
            f"audio {kind}",
            lambda: self._run(wanted, opened),
            Guard(
                logger, report, "audio.lost", f"audio {kind} {'(default)' if wanted is None else repr(wanted)} stopped"
            ),
            on_failure=stopped,
        )
        self._thread.start()
        opened.result()

    def close(self) -> None:
        self._closing.set()
        self._thread.join(timeout_s=CLOSE_S)

    def _run(self, wanted: str | None, opened: "Future[None]") -> None:
        with ExitStack() as until_end:
            try:
                until_end.enter_context(com_apartment())
                self.device = find_device(list_devices(self._kind), wanted, self._kind)
                stream = self._opened(self.device)
            except AudioError as error:  # raised again in the constructor
                opened.set_exception(error)
                return
            opened.set_result(None)
            self._keep_open(stream)

    def _keep_open(self, stream: SoundStream) -> None:
        try:
            while True:
                self._keep(stream)
                stream = self._wait_until_back()
                if self.is_lost:
                    logger.info("audio: %r is back", self.device.name)
                self.is_lost = False
        except _Closing:
            pass

    def _opened(self, device: AudioDevice) -> SoundStream:
        session.take()
        try:
            return self._owner.open_stream(device)
        except BaseException:
            session.release()
            raise

    def _keep(self, stream: SoundStream) -> None:
        """Watch the stream until it is lost, its owner wants it reopened, or PortAudio has to restart."""
        try:
            while not session.is_renewing and not self._owner.wants_reopening():
                stream.watch()
                self._owner.report_events()
                self._pause(stream.poll_s)
        except StreamLost as error:
            self._mark_lost(str(error))
        finally:
            stream.close()
            session.release()

    def _wait_until_back(self) -> SoundStream:
        """Try the old device index; once a fresh process lists the device again, restart PortAudio."""
        failures = 0
        try_at_s = self._clock.now_s() + (next_delay_s(1) if self.is_lost else 0.0)
        look: DeviceListing | None = None
        try:
            while True:
                self._owner.while_lost()
                names = look.names() if look is not None else None
                is_due = look is None and self._clock.now_s() >= try_at_s
                try:
                    if is_due:
                        return self._opened(self._same_device())
                    if names is not None:
                        look = None
                        return self._found_again(names)
                except AudioError as error:
                    logger.debug("audio: %s", error)
                    self._mark_lost(str(error))
                    if is_due:
                        look = DeviceListing()
                    else:
                        failures += 1
                        try_at_s = self._clock.now_s() + next_delay_s(failures, max_s=MAX_RETRY_S)
                self._pause(BLOCK_S)
        finally:
            if look is not None:
                look.close()

    def _found_again(self, names: set[tuple[str, str]]) -> SoundStream:
        if (self.device.name, self.device.hostapi) not in names:
            raise AudioError(f"audio device {self.device.name!r} not found")
        try:
            return self._opened(self._same_device())  # it may have returned meanwhile
        except AudioError:
            session.renew()
        return self._opened(self._same_device())

    def _mark_lost(self, reason: str) -> None:
        if not self.is_lost:
            self.is_lost = True
            self._report("audio.lost", f"audio: {self.device.name!r} is lost ({reason}); silence until it returns")

    def _same_device(self) -> AudioDevice:
        same = [
            found
            for found in list_devices(self._kind)
            if (found.name, found.hostapi) == (self.device.name, self.device.hostapi)
        ]
        if not same:
            raise AudioError(f"audio device {self.device.name!r} not found")
        return same[0]

    def _pause(self, seconds: float) -> None:
        if self._closing.wait(seconds):
            raise _Closing
