"""A sink of a plug-in, which may fail, block, or return anything: `SinkSet` gets an error in one
line instead."""

import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from engine.errors import MultiverseError, SinkError, in_one_line
from engine.sinks.sink import OutputFormat, Sink, SinkSpec, SinkStatus
from engine.system.daemon_worker import DaemonWorker
from engine.system.guarded_thread import raise_location
from engine.values import PublishedFrame
from osc_schema import plugins
from osc_schema.sinks import KINDS

MAX_CALL_S = 5.0
MAX_START_S = 20.0
POLL_S = 0.01


class PluginSink(Sink):
    """A sink that calls the plug-in's methods on a thread of its own, unless the plug-in uses the
    GPU. Live, pictures are left out while a call is under way, and its error is raised by the next
    one."""

    def __init__(self, spec: SinkSpec, plugin: Any) -> None:
        self.kind = spec.kind
        self.name = str(plugin.name)
        self._plugin = plugin
        self._status = SinkStatus(kind=self.kind, name=self.name)
        self._worker = (
            None if KINDS[spec.kind].is_on_gpu else DaemonWorker(f"{spec.kind} {self.name}")
        )
        self._call: Future[None] | None = None
        self._patience_s = 0.0
        self._began_s = 0.0
        self._dropped = 0
        self._is_closed = False
        self._is_resized = False

    def start(self, output_format: OutputFormat, *, may_wait: bool = False) -> None:
        self._output_format = output_format
        self._patience_s = MAX_START_S if may_wait else 0.0
        self._begin(lambda: self._plugin.start(output_format, may_wait=may_wait))
        self._patience_s = threading.TIMEOUT_MAX if output_format.is_offline else 0.0

    def set_format(self, output_format: OutputFormat) -> None:
        self._output_format = output_format
        self._is_resized = True

    def publish(self, frame: PublishedFrame) -> None:
        if self._worker is not None:
            rgba = frame.read_rgba()
            frame = replace(
                frame, texture=None, read_rgba=lambda: rgba, read_rgba16=None, read_fitted=None
            )
        if not self._begin(partial(self._publish, frame)):
            self._dropped += 1

    def pump(self) -> None:
        self._begin(lambda: self._plugin.pump())

    def drain(self) -> bool:
        """Start closing the plug-in's sink, too, so that `close` need not wait."""
        return self._is_closed or (self._begin(self._end) and self._is_closed)

    def close(self) -> None:
        if not self._is_closed:
            self._begin(self._close)

    def status(self) -> SinkStatus:
        return replace(self._status, dropped=self._status.dropped + self._dropped)

    def _begin(self, step: Callable[[], object]) -> bool:
        """Call the plug-in. False, without a call, while another one is under way."""
        if self._worker is None:
            self._run(step)
            return True
        if self._call is not None and not self._call.done():
            if time.monotonic() - self._began_s > MAX_CALL_S:
                raise SinkError(f"{self.kind}: {self.name}: has not returned for {MAX_CALL_S:g} s")
            return False
        self._raise_error()
        self._call = self._worker.submit(self._run, step)
        # `SinkSet` limits the end
        self._began_s = math.inf if step == self._end else time.monotonic()
        wait([self._call], self._patience_s)
        self._raise_error()
        return True

    def _raise_error(self) -> None:
        if self._call is not None and self._call.done():
            call = self._call
            self._call = None
            call.result()

    def _run(self, step: Callable[[], object]) -> None:
        try:
            step()
        except MultiverseError:
            raise
        except BaseException as error:
            file, line = raise_location(error)
            why = f"{in_one_line(error)} ({Path(file).name}:{line})"
            raise SinkError(f"{self.kind}: {self.name}: {why}") from None

    def _publish(self, frame: PublishedFrame) -> None:
        if self._is_resized:
            self._is_resized = False
            self._plugin.set_format(self._output_format)
        self._plugin.publish(frame)
        self._plugin.pump()  # else there may never be time for it
        status = self._plugin.status()
        if fault := plugins.fault_of(status, "engine.sinks.sink.SinkStatus"):
            raise SinkError(f"{self.kind}: {self.name}: its status {fault}")
        self._status = replace(status, kind=self.kind, name=self.name)

    def _end(self) -> None:
        while not self._plugin.drain():
            time.sleep(POLL_S)
        self._close()

    def _close(self) -> None:
        self._plugin.close()
        self._is_closed = True
