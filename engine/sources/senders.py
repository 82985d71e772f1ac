"""Lists the available pictures, cameras and senders of other programs, each with the argument that
selects it.

Each library is polled on its own thread. Syphon and Spout belong to the render thread, which polls
them twice per second; their list is in memory. Shared memory, cameras and NDI may take long, so
another thread polls them. NDI is polled only on request, because systems warn about programs that
scan the network.
"""

import importlib
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.errors import SourceError
from engine.sources.devices import CameraDevice, list_cameras
from engine.sources.published import list_shared
from engine.system.clock import Clock
from engine.system.guarded_thread import Guard

if TYPE_CHECKING:
    from cyndilib.finder import Finder

log = logging.getLogger(__name__)

POLL_S = 0.5
SETTLE_S = 0.3  # servers answer within milliseconds
TITLES = {
    "camera": "camera",
    "syphon": "Syphon",
    "spout": "Spout",
    "shared": "shared memory",
    "ndi": "NDI",
}
PLATFORM = sys.platform
Names = Callable[[], list[str]]
TEXTURES = {"darwin": "syphon", "win32": "spout"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureSender:
    """A selectable picture, from a camera or another program."""

    kind: str
    """One of `TITLES`."""
    name: str
    word: str  # a key of `multiverse devices --json`
    """Argument of `--camera` and `/camera/open`."""

    @property
    def title(self) -> str:
        """The text for a menu: `Arena - Composition (Spout)`."""
        return f"{self.name} ({TITLES[self.kind]})"


def of_program(kind: str, name: str) -> PictureSender:
    return PictureSender(kind=kind, name=name, word=f"{kind}:{name}")


def of_camera(camera: CameraDevice) -> PictureSender:
    return PictureSender(kind="camera", name=camera.name, word=camera.argument)


def texture_list() -> Callable[[], Names] | None:
    """Load the library of this system's texture sharing. Returns a function that makes its list on
    the render thread, or None if there is none. Any thread; slow."""
    if PLATFORM not in TEXTURES:
        return None
    library = importlib.import_module(f"engine.sources.{TEXTURES[PLATFORM]}")
    try:
        library.load_library(PLATFORM)
    except SourceError:
        return None  # not installed; `doctor` reports that
    opened: Callable[[], Names] = library.open_list
    return opened


def list_textures() -> tuple[PictureSender, ...]:
    """The Syphon servers or Spout senders of this machine, for a program without a render thread.
    Main thread."""
    make = texture_list()
    if make is None:
        return ()
    names = make()
    started_s = time.perf_counter()
    found = names()
    while time.perf_counter() - started_s < SETTLE_S:  # macOS announces its servers one by one
        found = names()
    return tuple(of_program(TEXTURES[PLATFORM], name) for name in found)


class SenderLists:
    """Lists of all kinds. `poll` on the render thread, `refresh` and `close` on others, the rest on
    any."""

    def __init__(
        self, clock: Clock, own: Callable[[], Collection[tuple[str, str]]] = tuple
    ) -> None:
        """`own`: kind and name of this engine's own outputs, which are left out, as they would feed
        back."""
        self._clock = clock
        self._own = own
        # Only logged, as the list is just for a menu.
        self._guard = Guard(
            log,
            lambda key, line: None,
            "camera",
            "the list of senders failed and is not polled again",
        )
        self._looking = threading.Lock()
        self._has_loaded = False
        self._make: Callable[[], Names] | None = None
        self._names: Names | None = None
        self._next_poll_s = clock.now_s()
        self._polled: tuple[PictureSender, ...] | None = None
        self._before: frozenset[PictureSender] | None = None
        self._cameras: tuple[PictureSender, ...] = ()
        self._finder: Finder | None = None
        self.wants_ndi = False
        """True to search the network for NDI at the next `refresh`."""
        self.now: tuple[PictureSender, ...] = ()
        """Cameras first; replaced as a whole by `refresh`."""

    def poll(self) -> None:
        """Poll Syphon or Spout, twice per second. Call it once per frame; never waits, never
        raises."""
        now_s = self._clock.now_s()
        if self._make is None or now_s < self._next_poll_s:
            return
        self._next_poll_s = now_s + POLL_S
        self._polled = self._guard.attempt(self._list_textures)
        if self._guard.failures:  # another program's list must not delay a frame
            self._make = None

    def _list_textures(self) -> tuple[PictureSender, ...]:
        assert self._make is not None
        self._names = self._names or self._make()
        return tuple(of_program(TEXTURES[PLATFORM], name) for name in self._names())

    def refresh(self, *, with_cameras: bool = False) -> tuple[PictureSender, ...]:
        """Poll the rest and update `now`. Returns the Syphon servers or Spout senders that have
        appeared since the last call; empty if another thread is still polling. SourceError if NDI
        is not available."""
        if with_cameras:
            try:
                self._cameras = tuple(of_camera(camera) for camera in list_cameras())
            except SourceError as error:
                self._cameras = ()
                log.info("%s", error)  # `multiverse devices` shows it
        if not self._looking.acquire(blocking=False):
            return ()
        try:
            return self._combine()
        finally:
            self._looking.release()

    def _combine(self) -> tuple[PictureSender, ...]:
        if not self._has_loaded:
            self._has_loaded = True
            self._make = texture_list()
        own = self._own()
        polled = self._polled
        textures = tuple(one for one in polled or () if not _is_own(one, own))
        shared = tuple(
            of_program("shared", one.name) for one in list_shared() if one.pid != os.getpid()
        )
        before = self._before
        self._before = None if polled is None else frozenset(textures)
        self.now = tuple(dict.fromkeys((*self._cameras, *textures, *shared, *self._ndi())))
        return () if before is None else tuple(one for one in textures if one not in before)

    def close(self) -> None:
        self.wants_ndi = False
        if self._looking.acquire(blocking=False):
            try:
                self._ndi()
            finally:
                self._looking.release()

    def _ndi(self) -> tuple[PictureSender, ...]:
        if self.wants_ndi and self._finder is None:
            from engine.sources.ndi import open_finder

            try:
                self._finder = open_finder()
            except SourceError:
                self.wants_ndi = False
                raise
        elif not self.wants_ndi and self._finder is not None:
            from engine.sources.ndi import release_finder

            finder = self._finder
            self._finder = None
            release_finder(finder)
        if self._finder is None:
            return ()
        return tuple(of_program("ndi", name) for name in sorted(self._finder.update_sources()))


def _is_own(sender: PictureSender, own: Collection[tuple[str, str]]) -> bool:
    """True for an output of this engine. Syphon puts the application's name before the server's."""
    names = (sender.name, sender.name.partition(":")[2])
    return any(sender.kind == kind and name in names for kind, name in own)
