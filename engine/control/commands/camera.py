"""`/camera`: selects the source of layer 5 during the show.

    /camera/open ─► the worker opens and starts it
                 ─► the frame loop switches to it at its first picture ─► /done
                          └─ it fails: /fail, and the previous source plays on

A worker thread opens devices and lists sources; it polls the list once per second. If a request has
waited 5 s behind a driver that hangs, that thread is abandoned and replaced. Over OSC, video and
picture files can only be chosen below the video folders, and addresses not at all: the person who
starts the engine sets these, not everyone who can send it a message. `start` is the source that the
engine was started with.
"""

import logging
import queue
import re
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from engine.control import CommandTable, Reply
from engine.control.commands import CommandContext
from engine.errors import MultiverseError, SourceError
from engine.osc.decode import printable
from engine.sources.current import CurrentSource, SelectedSource
from engine.sources.names import best_match
from engine.sources.opening import ADDRESS, FROM_PROGRAMS, MEDIA_SUFFIXES, is_offered
from engine.sources.senders import PictureSender, SenderLists
from engine.sources.source import Source
from engine.system.daemon_worker import call_on_thread
from engine.system.folder_files import MAX_PATH_CHARACTERS, OfferedFiles, folders_offered
from engine.system.guarded_thread import Guard

log = logging.getLogger(__name__)

POLL_INTERVAL_S: Final = 1.0
MAX_BUSY_S: Final = 5.0  # a driver that takes longer is considered hung
MAX_ABANDONED: Final = 8  # abandoned threads with hung drivers
MAX_NAME_CHARACTERS: Final = 255  # a Syphon or NDI name is shorter
FIRST = "start"
FIXED = (("none", "no picture"), ("test", "test card"))
SUPERSEDED = "superseded by another choice"
NOT_OFFLINE = "the source cannot be changed in an offline run: start with another --camera"

Job = Callable[[], None]


@dataclass(slots=True, kw_only=True, eq=False)
class _Request:
    entry: str
    spec: str
    """The argument for `open_source`; "" for a video file, whose path the worker looks up."""
    reply: Reply
    is_open: bool = False
    """The driver has opened it; the first picture has not arrived yet."""
    is_answered: bool = False


class _Worker:
    """A thread that runs jobs, and the time when its current job began."""

    def __init__(self, run: Callable[["_Worker"], None]) -> None:
        self.busy_since_s: float | None = None
        self.thread = threading.Thread(target=run, args=(self,), name="camera", daemon=True)


def first_entry(spec: str) -> str:
    """The source of `--camera` as OSC lists it: `start` for addresses and paths, which may contain
    passwords."""
    return spec if is_offered(spec) else FIRST


def video_folders(configured: Iterable[str], camera: str) -> list[Path]:
    """The configured folders, else the user's own; and the folder of the file that the run was
    started with."""
    import platformdirs

    is_file = not is_offered(camera) and not _is_address(camera)
    return folders_offered(configured, platformdirs.user_videos_dir(), camera if is_file else None)


def _is_address(spec: str) -> bool:
    return re.match(ADDRESS, spec, re.IGNORECASE) is not None


class CameraControl:
    """The commands of `/camera`. They run on OSC's threads; answers come from the worker and the
    render thread."""

    def __init__(
        self,
        context: CommandContext,
        current: CurrentSource,
        senders: SenderLists,
        *,
        first: str,
        videos: Iterable[Path] = (),
        open_source: Callable[[str], Source | None],
        is_offline: bool,
        notice: Callable[[str], None],
    ) -> None:
        """`first`: the configured source. `videos`: folders of files that may be opened.
        `notice(line)` logs a line."""
        self._clock = context.clock
        self._notify = context.notify
        self._current = current
        self._senders = senders
        self._first = first
        self._videos = OfferedFiles("video", videos, MEDIA_SUFFIXES, "/camera/list")
        self._listed_videos: tuple[str, ...] | None = None
        self._open_source = open_source
        self._is_offline = is_offline
        self._notice = notice
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._worker = _Worker(self._run)
        self._abandoned = 0
        """Number of abandoned threads."""
        self._guard = Guard(log, context.report, "camera", "a source could not be opened or listed")
        self._is_closed = False
        self._is_listing_cameras = False
        self._lock = threading.Lock()
        self._request: _Request | None = None
        self._opening: _Request | None = None
        self._search: tuple[bool, Reply] | None = None
        """The request to search for NDI or to stop, which waits for the worker."""

    def start(self) -> None:
        if not self._is_offline:
            self._worker.thread.start()

    def close(self) -> None:
        """End the worker thread. If a driver blocks it, it ends with the process."""
        with self._lock:  # `poll` may be about to replace it
            self._is_closed = True
            worker = self._worker
        self._jobs.put(None)
        if worker.thread.is_alive():
            worker.thread.join(timeout=1.0)

    def add_commands(self, table: CommandTable) -> None:
        table.add("/camera/open", self._on_open)
        table.add("/camera/list", self._on_list, is_listing=True)
        table.add("/camera/ndi", self._on_ndi)

    # -- commands ------------------------------------------------------------------------------

    def _on_open(self, reply: Reply, entry: str) -> None:
        if self._is_offline:
            raise SourceError(NOT_OFFLINE)
        spec = entry
        if entry == FIRST:
            spec = self._first
            entry = first_entry(self._first)
        if len(entry) > MAX_NAME_CHARACTERS and (
            len(entry) > MAX_PATH_CHARACTERS or is_offered(entry)
        ):
            raise SourceError(f"{printable(entry, 40)!r} is longer than any source's name")
        if _is_address(entry):
            kinds = ", ".join(f"{kind}:NAME" for kind in FROM_PROGRAMS)
            raise SourceError(
                f"camera {printable(entry.rpartition('@')[2])!r}: an address can only be given at "
                "the start (--camera)"
                f", and is `{FIRST}` then; possible here: none, test, a camera's index or name, a "
                f"video, {kinds}"
            )
        if not is_offered(entry):
            spec = ""
        busy_s = self._busy_s(self._clock.now_s())
        if self._abandoned >= MAX_ABANDONED and busy_s > MAX_BUSY_S:
            raise SourceError(
                f"camera {entry}: an earlier source has not answered for {busy_s:.0f} s"
            )
        with self._lock:
            before = self._request
            is_opening = self._opening is not None and self._opening.entry == entry
            self._request = None if is_opening else _Request(entry=entry, spec=spec, reply=reply)
            if before is None and not is_opening:
                self._jobs.put(self._open)
        if before is not None:  # its job is still queued and will open the newer one
            self._answer(before, SUPERSEDED)
        if is_opening:
            reply.fail("is being opened already", is_logged=False)

    def poll(self, now_s: float) -> bool:
        """Replace the worker if a request waits behind a hung driver. The sending thread, at least
        once per second. Returns False: no faster polling is needed."""
        if (
            self._request is None
            or self._busy_s(now_s) <= MAX_BUSY_S
            or self._abandoned >= MAX_ABANDONED
        ):
            return False
        with self._lock:
            if self._request is None or self._is_closed:
                return False
            hung = (
                self._opening if self._opening is not None and not self._opening.is_open else None
            )
            self._abandoned += 1
            self._worker = _Worker(self._run)
            self._worker.thread.start()
        log.warning(
            "camera: a source has not answered for %.0f s; the next one is opened without it",
            MAX_BUSY_S,
        )
        if hung is not None:
            self._answer(
                hung, f"has not answered for {MAX_BUSY_S:.0f} s; the next source is opened"
            )
        return False

    def _busy_s(self, now_s: float) -> float:
        """Seconds since the running job began."""
        since_s = self._worker.busy_since_s
        return 0.0 if since_s is None else now_s - since_s

    def _on_list(self, reply: Reply) -> None:
        if self._is_offline or self._listed_videos is not None:
            self._list(reply)
        else:  # on a thread of its own: a folder on a slow disk must not hold up a choice
            call_on_thread(
                "camera list", self._guard.attempt, partial(self._list, reply, with_videos=True)
            )

    def _list(self, reply: Reply, *, with_videos: bool = False) -> None:
        if with_videos:
            self._list_videos()
        for entry, title, is_on in self.entries():
            reply.send("/camera/entry", entry, title, int(is_on))
        reply.send("/camera/ndi", int(self._senders.wants_ndi))
        reply.done()
        # /camera/changed announces new ones
        if not self._is_offline and not self._is_listing_cameras:
            self._is_listing_cameras = True
            self._jobs.put(partial(self._poll_sources, with_cameras=True))

    def _on_ndi(self, reply: Reply, is_on: bool) -> None:
        if self._is_offline:
            raise SourceError(NOT_OFFLINE)
        with self._lock:
            before = self._search
            self._search = (is_on, reply)
        if before is None:
            self._jobs.put(self._look_for_ndi)
        else:  # its job is still queued and does the newer one
            before[1].fail(SUPERSEDED, is_logged=False)

    def entries(self) -> list[tuple[str, str, bool]]:
        """Entries of every source that can be selected: (entry, title, True if it is in use). Any
        thread."""
        current = self._current.argument
        senders = self._senders.now
        videos = self._listed_videos or ()
        on = (
            current
            if current in (FIRST, "none", "test", *videos)
            else self._sender_of(current, senders)
        )
        fixed = [
            *FIXED,
            *(
                [(FIRST, "what the engine was started with")]
                if first_entry(self._first) == FIRST
                else []
            ),
        ]
        entries = [
            *fixed,
            *((each.word, each.title) for each in senders),
            *((video, video) for video in videos),
        ]
        if on is None:
            on = current
            status = self._current.status()
            # it may just not be listed yet
            is_camera = current.partition(":")[0] not in FROM_PROGRAMS
            is_away = not is_camera or status is None or status.state == "lost"
            entries.append((current, f"{current} (not available)" if is_away else current))
        return [(entry, title, entry == on) for entry, title in entries]

    def _sender_of(self, entry: str, senders: tuple[PictureSender, ...]) -> str | None:
        """The entry of the source whose name contains the name in `entry`, or None."""
        kind, _, name = (
            entry.partition(":")
            if entry.partition(":")[0] in FROM_PROGRAMS
            else ("camera", "", entry)
        )
        of_kind = {sender.name: sender.word for sender in senders if sender.kind == kind}
        if entry in of_kind.values():
            return entry
        chosen = best_match(name, list(of_kind))
        return of_kind[chosen] if chosen is not None else None

    # -- the worker's thread -------------------------------------------------------------------

    def _run(self, worker: _Worker) -> None:
        while worker is self._worker:
            try:
                job = self._jobs.get(timeout=POLL_INTERVAL_S)
            except queue.Empty:
                job = self._poll_sources
            if job is None:
                self._senders.close()
                return
            worker.busy_since_s = self._clock.now_s()
            # an error in one driver must not make all other sources unavailable
            self._guard.attempt(job)
            worker.busy_since_s = None
        with self._lock:  # another worker has taken over
            self._abandoned -= 1

    def _open(self) -> None:
        with self._lock:
            request = self._request
            self._request = None
            if request is None:  # the source that is being opened was requested again
                return
            self._opening = request

        ended = partial(self._answer, request)
        if self._current.keep(request.entry, ended):  # the current source reconnects by itself
            request.is_open = True
            return
        try:
            request.spec = request.spec or str(self._videos.path_of(request.entry))
            source = self._open_source(request.spec)
            if source is not None:
                source.start()
        except MultiverseError as error:
            self._answer(request, str(error))
            return
        except Exception as error:
            self._answer(request, f"internal error: {type(error).__name__} (see the log)")
            raise
        with self._lock:
            is_superseded = request.is_answered
            request.is_open = True
        if not is_superseded:
            self._current.take(SelectedSource(argument=request.entry, source=source), ended)
        elif source is not None:
            source.close()

    def _look_for_ndi(self) -> None:
        with self._lock:
            search = self._search
            self._search = None
        assert search is not None, "a job for each search"
        self._senders.wants_ndi, reply = search
        try:
            self._poll_sources()
        except SourceError as error:
            reply.fail(str(error))
            return
        self._notify("/camera/changed", len(self._senders.now))
        reply.done(int(search[0]))

    def _answer(self, request: _Request, reason: str) -> None:
        """Answer a request, once. `reason`: why it failed; "" if its picture is on screen. Any
        thread."""
        with self._lock:
            if request.is_answered:
                return
            request.is_answered = True
            if self._opening is request:
                self._opening = None
        path = Path(request.spec)
        if path.name and request.spec != request.entry:  # without its folder, as in the status
            reason = reason.replace(str(path), path.name)
        if reason:
            request.reply.fail(reason, is_logged=not reason.startswith("superseded"))
            return
        self._notify("/camera/current", request.entry)
        request.reply.done(request.entry)

    def _poll_sources(self, *, with_cameras: bool = False) -> None:
        before = (self._senders.now, self._listed_videos)
        if with_cameras:
            self._is_listing_cameras = False
            self._list_videos()
        came = self._senders.refresh(with_cameras=with_cameras)
        if (self._senders.now, self._listed_videos) != before:
            self._notify("/camera/changed", len(self._senders.now))
        for sender in came:
            how = f'choose it on the page, or start with --camera "{sender.word}"'
            self._notice(f"camera: {sender.title} is available; {how}")

    def _list_videos(self) -> None:
        self._listed_videos = tuple(
            name for name, is_folder in self._videos.listed().items() if not is_folder
        )
