"""Base class of every live model's link, the engine's end of one child: supervisor, values, model
swaps, rings.

Nothing in it blocks: rings hold only the newest picture, the supervisor has its own thread, and a
worker thread does all disk access and memory allocation.
"""

import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Mapping, Set
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import asdict
from functools import partial
from typing import Any, Generic, TypeVar

from engine.children.spec import ChildSpec, ChildStatus
from engine.children.supervisor import Supervisor
from engine.ipc import Gate
from engine.live.kit.live_model import DeviceTable, Surroundings
from engine.live.kit.picture_rings import OutputRing, SourceRings
from engine.live.kit.sent_values import SentValues
from engine.models.libraries import require_libraries
from engine.params import Snapshot
from engine.system.daemon_worker import DaemonWorker
from engine.system.reporting import Report
from engine.values import VideoFrame

Build = TypeVar("Build")


class Requests(Generic[Build]):
    """Pending requests for loading another model, and the build in force meanwhile. They end in
    order. Thread-safe."""

    def __init__(self, in_force: Build) -> None:
        self._in_force = in_force
        self._open: deque[Build] = deque()
        self._lock = threading.Lock()

    def begin(self, build: Build) -> None:
        with self._lock:
            self._open.append(build)

    def end(self, is_done: bool) -> tuple[Build, bool]:
        """End the oldest request. Returns it, and True if no other is pending. If `is_done`, it is
        now in force."""
        with self._lock:
            build = self._open.popleft()
            if is_done:
                self._in_force = build
            return build, not self._open

    @property
    def in_force(self) -> Build:
        with self._lock:
            return self._in_force

    @property
    def newest(self) -> Build:
        """The newest pending request; if none is pending, the one in force."""
        with self._lock:
            return self._open[-1] if self._open else self._in_force


class ChildLink(ABC, Generic[Build]):
    """The engine's end of one child. Render thread, except `supervisor` and `status`: any thread.
    `Build`: the settings fixed when a model is loaded; changing them needs a new process."""

    def __init__(
        self,
        spec: ChildSpec,
        *,
        in_force: Build,
        gate: Gate,
        report: Report,
        obsoleting: Set[str] = frozenset(),
    ) -> None:
        """Does not start the process. `in_force`: the build in `spec.settings`. `obsoleting`: see
        SentValues."""
        self.name = spec.name
        self.supervisor = Supervisor(spec, report=report, gate=gate, on_swap=self._on_swap)
        self._report = report
        self._sent = SentValues(spec.name, obsoleting=obsoleting)
        self._builds: Requests[Build] = Requests(in_force)
        self._worker = DaemonWorker(f"{spec.name} files")
        self._closing = ExitStack()
        self._is_ending = False

    def start(self, snapshot: Snapshot) -> None:
        self.supervisor.start()

    def ask_to_end(self) -> None:
        """Ask the child to stop, without waiting for it."""
        self._is_ending = True
        self.supervisor.ask_to_end()

    def close(self) -> None:
        self.ask_to_end()
        self._worker.shutdown()
        self.supervisor.close()
        self._closing.close()

    def status(self) -> ChildStatus:
        """Status of the child; after `close`, the last one that it sent. Any thread."""
        return self.supervisor.status()

    @property
    def _values(self) -> Snapshot:
        """The parameters as of the last `follow`."""
        assert self._sent.snapshot is not None, "nothing is shown or fed before the first `follow`"
        return self._sent.snapshot

    @property
    def _is_enabled(self) -> bool:
        return self._sent.snapshot is not None and bool(self._sent.snapshot[f"/{self.name}/enable"])

    def _open_input(self, name: str) -> SourceRings:
        """Open the rings of the child's input `name`; the link closes them."""
        connect = partial(self.supervisor.connect_input, name)
        rings = SourceRings(f"{self.name} {name}", self._worker, connect, self._report)
        self._closing.callback(rings.close)
        return rings

    def _open_output(self, name: str) -> OutputRing:
        """Open the ring of the child's output `name`; the link closes it."""
        ring = OutputRing(self.supervisor, name)
        self._closing.callback(ring.close)
        return ring

    def _swap(self, build: Build, settings: Mapping[str, Any]) -> None:
        """Request a new process with these settings. Any thread."""
        self._builds.begin(build)
        self.supervisor.swap(settings)

    def _on_swap(self, is_done: bool, reason: str) -> None:
        """Called on the supervisor's thread when the oldest pending swap ends."""
        if self._is_ending:
            return  # a swap interrupted by closing has not failed
        build, is_last = self._builds.end(is_done)
        if not is_done and is_last:  # otherwise it was superseded by the next one
            self._refuse(build, self._builds.in_force, reason)

    @abstractmethod
    def _refuse(self, build: Build, stays: Build, reason: str) -> None:
        """`build` failed and `stays` stays in force: restore the parameters. Any thread."""

    def _in_background(self, change: Callable[..., None], *arguments: object, of: str) -> None:
        """Call `change(*arguments)` on the worker thread. An error is reported with `of` as the
        name of the files."""

        def report(done: Future[None]) -> None:
            error = done.exception()
            if error is not None:
                self._report(
                    f"{self.name}.files", f"cannot look up {of}: {type(error).__name__}: {error}"
                )

        self._worker.submit(change, *arguments).add_done_callback(report)


class PictureLink(ChildLink[Build]):
    """A link whose child takes its pictures from `/NAME/source`: the camera, a video, the finished
    picture."""

    def __init__(
        self,
        spec: ChildSpec,
        around: Surroundings,
        *,
        in_force: Build,
        video: str,
        obsoleting: Set[str],
    ) -> None:
        """`video`: name of the file, stream or program for the source `video`; "" for none."""
        self._video = around.open_video(video)
        self._has_camera = around.has_camera
        super().__init__(
            spec, in_force=in_force, gate=around.gate, report=around.report, obsoleting=obsoleting
        )
        self._input = self._open_input("source")
        self._is_loop = False

    @property
    def source(self) -> str:
        """/NAME/source, with `auto` and the first picture of a feedback resolved."""
        chosen = str(self._values[f"/{self.name}/source"])
        return (
            chosen
            if chosen not in ("auto", "feedback")
            else "camera"
            if self._has_camera()
            else "multiverse"
        )

    def _from_outside(self, camera: VideoFrame | None) -> VideoFrame | None:
        """The newest picture of the source `camera` or `video`."""
        if self.source == "camera":
            return camera
        return None if self._video is None else self._video.latest_frame()

    def _warn_of_loop(self, is_loop: bool, line: str) -> None:
        """Report once each time the child begins to work on its own results."""
        if is_loop and not self._is_loop:
            self._report(f"{self.name}.loop", line)
        self._is_loop = is_loop


def require_complete(spec: Any, check: Callable[[Any], Any]) -> None:
    """Raise ModelError, in one line, for a missing or broken file, before a child spends seconds
    loading. `check`: that of the model's files."""
    require_libraries()
    if not spec.random_shape:
        check(spec).require_complete()


def device_settings(spec: Any, table: DeviceTable, dtype: str) -> dict[str, Any]:
    """The settings that `load_on_device` reads in the child. `spec`: a dataclass, the model."""
    return {"spec": asdict(spec), "device": table.device, "dtype": dtype, "threads": table.threads}
