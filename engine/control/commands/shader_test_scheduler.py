"""Schedules the tests of shaders and stores their outcomes.

    chosen for a slot ─► known in this run? ─► a record on the disk? ─┐
    put into a folder ─────┘ (low priority, one at a time) ───────────┴─► tested in a process of its
                                                                          own ─► record, thumbnail

Somebody waits for a chosen shader: its test has a share of a busy machine, and ends one in advance.
When there is nothing else to do, shaders are tested before anybody chooses them, at the lowest
priority: the built-in ones, those that are put into a folder during the run, and all others once
somebody has requested the list. So they have a picture on the page, and play at once when they are
chosen.
"""

import logging
import math
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np

from engine.errors import IsfError, MultiverseError
from engine.params.shader_catalog import ShaderCatalog, ShaderEntry, ShaderSource
from engine.render.isf.isf_file import IsfFile
from engine.render.isf.vet_record import (
    VetRecord,
    prune_records,
    read_record,
    record_path,
    write_record,
)
from engine.render.isf.vetter import VetResult, Vetter, with_path
from engine.system.disk_store import DiskQueue
from engine.system.priority import MAX_NICENESS

log = logging.getLogger(__name__)

MAX_CACHED_TESTS: Final = 512
MAX_CACHED_PICTURES: Final = 512  # of 110 kB each
MAX_DRAW_MS: Final = 1000.0  # as the trial refuses
IDLE_AFTER_S: Final = 5.0  # the start of a show has other things to do
NICENESS: Final = (
    2  # of the test of a chosen shader: two fifths of a core beside a thread of the show
)
WALL_DEADLINES: Final = (
    3.0  # by the clock, in deadlines of processor time; doubled with each test that was late
)
REST: Final = 1.0  # pause relative to the test's length: at most half of a core's idle time is used

Post = Callable[[Callable[[], None]], None]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ShaderText:
    """The text of a shader file that has been read. Only the test process parses it."""

    entry: ShaderEntry
    source: ShaderSource

    @property
    def key(self) -> tuple[str, str, str | None]:
        """Equal for texts that need not be tested twice."""
        return str(self.entry.path), self.source.text, self.source.vertex


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    file: IsfFile | None
    """The file to play, always the same object, which the renderer has compiled. None: refused, or
    late."""
    is_late: bool = False
    """The test was out of time by the clock alone; it begins again."""
    reason: str = ""
    note: str = ""
    draw_ms: float = 0.0
    """Time to draw a picture of the show's size, on a software rasteriser processor time; 0 if not
    measured."""


@dataclass(slots=True, kw_only=True, eq=False)
class _RunningTest:
    text: ShaderText
    size_px: tuple[int, int]
    began_s: float
    tester: Vetter


@dataclass(slots=True, eq=False)
class _AdvanceTests:
    """The queue of shaders that are tested in advance, when there is nothing else to do."""

    tester: Vetter | None = None
    waiting: deque[ShaderEntry] = field(default_factory=deque)
    known_paths: set[Path] = field(default_factory=set)
    reading: ShaderEntry | None = None
    text: ShaderText | None = None
    rests_until_s: float = 0.0


class ShaderTestScheduler:
    """Runs the tests of shaders, one at a time, and stores their outcomes. On the thread `shaders`
    only, except `pictures` and `request_all`."""

    def __init__(
        self,
        *,
        open_tester: Callable[[int], Vetter],
        records: DiskQueue | None,
        folder: Path,
        circumstances: str,
        own_folder: Path | None,
        size_px: Callable[[], tuple[int, int]],
        post: Post,
        is_offline: bool = False,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """`open_tester(niceness)` starts a process. `records`: the disk thread of `folder`; None:
        no records and no tests in advance (an offline run, or a renderer without shaders).
        `circumstances`: version and driver. `own_folder`: of the built-in shaders. `post` runs an
        action on this thread. `is_offline`: no shader is too slow, since the video waits."""
        self._open_tester = open_tester
        self._size_px = size_px
        self._post = post
        self._now_s = now_s
        self._records = records
        self._folder = folder
        self._circumstances = circumstances
        self._own_folder = own_folder
        self._is_offline = is_offline
        self._tester: Vetter | None = None
        """Tests chosen shaders."""
        self._running: _RunningTest | None = None
        self._outcomes: dict[object, Outcome] = {}
        self._looked_up: dict[object, bool] = {}
        """Texts whose record has been read; True if it says that the shader is refused."""
        self._reading: set[object] = set()
        self._late: dict[object, int] = {}
        """How often the test of a text was late."""
        self.pictures: Mapping[str, np.ndarray] = {}
        """Thumbnails of the shaders that have been tested, (height, width, 3) uint8, by name. Any
        thread."""
        self.passed: set[str] = set()
        """Names of the shaders whose newest text is known to have passed. Any thread."""
        self._idle = _AdvanceTests()
        self._wants_all = False
        self._has_listed = False
        self._began_s = now_s()
        if records is not None:
            records.post(partial(prune_records, folder), log.debug)

    @property
    def is_running(self) -> bool:
        return self._running is not None

    def request_all(self) -> None:
        """Test all shaders when there is time, because somebody looks at the list. Any thread."""
        self._wants_all = True

    def close(self) -> None:
        for tester in (self._tester, self._idle.tester):
            if tester is not None:
                tester.close()

    def must_test(self, text: ShaderText) -> bool:
        """True if this text is to be tested, because no earlier run has."""
        return text.key in self._looked_up and text.key not in self._outcomes

    def outcome_of(self, text: ShaderText) -> Outcome | None:
        """The outcome of this text if it has passed in this run or in an earlier one, else None."""
        return self._outcomes.get(text.key)

    def step(
        self, texts: Sequence[ShaderText], catalog: ShaderCatalog
    ) -> list[tuple[ShaderText, Outcome]]:
        """Begin the due test, and return those that have ended. `texts`: what slots wait for, most
        urgent first."""
        ended = self._poll()
        texts = [text for text in texts if all(text.key != over.key for over, _ in ended)]
        for text in texts:
            self._look_up(text)
        if self._running is None or self._running.tester is self._idle.tester:
            waiting = filter(self.must_test, texts)
            # a late one after others
            due = min(waiting, key=lambda text: self._late.get(text.key, 0), default=None)
            if due is not None:
                try:
                    self._end_idle(due)
                    self._tester = self._tester or self._open_tester(NICENESS)
                    self._begin(due, self._tester)
                except MultiverseError as error:
                    ended.append((due, Outcome(file=None, reason=f"cannot be tested: {error}")))
        if self._records is not None and not texts:
            self._step_idle(catalog)
        return ended

    # -- tests ---------------------------------------------------------------------------------

    def _begin(self, text: ShaderText, tester: Vetter) -> None:
        size_px = self._size_px()
        source = text.source
        is_sound = not self._is_users_shader(text.entry)
        tester.submit(
            source.text,
            vertex=source.vertex,
            path=text.entry.path,
            size_px=size_px,
            is_sound=is_sound,
            wall_deadlines=math.inf
            if is_sound
            else WALL_DEADLINES * 2 ** self._late.get(text.key, 0),
        )
        self._running = _RunningTest(
            text=text, size_px=size_px, began_s=self._now_s(), tester=tester
        )

    def _end_idle(self, due: ShaderText | None = None) -> None:
        """End the process that tests in advance; what it tests begins again later, unless it is due
        now."""
        tester = self._idle.tester
        self._idle.tester = None
        if tester is None:
            return
        tester.close()
        if self._running is not None and self._running.tester is tester:
            if due is None or self._running.text.key != due.key:
                self._idle.waiting.append(self._running.text.entry)
            self._running = None

    def _poll(self) -> list[tuple[ShaderText, Outcome]]:
        ran = self._running
        if ran is None or (result := ran.tester.poll()) is None:
            return []
        self._running = None
        is_idle = ran.tester is self._idle.tester
        if is_idle:
            now_s = self._now_s()
            self._idle.rests_until_s = now_s + REST * (now_s - ran.began_s)
        file = result.file if result.ok else None
        if result.is_late:
            self._late[ran.text.key] = self._late.get(ran.text.key, 0) + 1
            if is_idle:
                self._idle.waiting.append(ran.text.entry)
        else:
            self._write(ran, result, file)
        if file is not None and self._is_offline:
            file = replace(file, band_px=0)
        reason = "" if result.ok else str(IsfError(result.reason, result.line or None))
        outcome = Outcome(
            file=file,
            is_late=result.is_late,
            reason=reason,
            note=result.note,
            draw_ms=result.draw_ms or 0.0,
        )
        self._keep(ran.text, outcome, result.thumbnail)
        return [(ran.text, outcome)]

    def _keep(self, text: ShaderText, outcome: Outcome, thumbnail: np.ndarray | None) -> None:
        if outcome.file is not None:
            self.passed.add(text.entry.name)
            self._outcomes[text.key] = outcome
            while len(self._outcomes) > MAX_CACHED_TESTS:
                del self._outcomes[next(iter(self._outcomes))]
        if thumbnail is not None:
            pictures = {**self.pictures, text.entry.name: thumbnail}
            self.pictures = dict(list(pictures.items())[-MAX_CACHED_PICTURES:])

    # -- records -------------------------------------------------------------------------------

    def _path_of(self, text: ShaderText) -> Path:
        return record_path(self._folder, text.source.text, text.source.vertex, self._circumstances)

    def _look_up(self, text: ShaderText) -> None:
        """Read the record of a text, once."""
        key = text.key
        if key not in self._outcomes:
            self.passed.discard(text.entry.name)
        if key in self._looked_up or key in self._reading:
            return
        if self._records is None:
            self._looked_up[key] = False
            return
        self._reading.add(key)

        def accept(record: VetRecord | None, file: IsfFile | None) -> None:
            if record is not None and file is not None:
                draw_ms = record.draw_ms_at(self._size_px())
                self._keep(
                    text, Outcome(file=file, note=record.note, draw_ms=draw_ms), record.thumbnail
                )
            self._reading.discard(key)
            self._looked_up[key] = record is not None and not record.ok
            while len(self._looked_up) > MAX_CACHED_TESTS:
                del self._looked_up[next(iter(self._looked_up))]

        def read() -> None:  # the disk's thread
            record = read_record(self._path_of(text))
            file = None
            is_sound = not self._is_users_shader(text.entry)
            if (
                record is not None
                and record.ok
                and (is_sound or record.draw_ms_at(self._size_px()) <= MAX_DRAW_MS)
            ):
                file = with_path(record.file, text.entry.path) if record.file is not None else None
            self._post(partial(accept, record, file))

        self._records.post(read, lambda reason: self._post(partial(accept, None, None)))

    def _write(self, ran: _RunningTest, result: VetResult, file: IsfFile | None) -> None:
        if self._records is None:
            return
        record = VetRecord(
            ok=result.ok,
            reason=result.reason,
            line=result.line,
            note=result.note,
            draw_ms=result.draw_ms or 0.0,
            size_px=ran.size_px,
            file=file,
            thumbnail=result.thumbnail,
        )
        self._records.post(
            partial(write_record, self._path_of(ran.text), record), self._records.report_failure
        )

    # -- tests in advance ----------------------------------------------------------------------

    def _step_idle(self, catalog: ShaderCatalog) -> None:
        idle = self._idle
        self._find_new(catalog)
        text = idle.text
        if text is not None:
            # a refused one may pass once it is chosen
            if text.key in self._outcomes or self._looked_up.get(text.key):
                idle.text = None
            elif (
                text.key in self._looked_up
                and self._running is None
                and self._now_s() >= idle.rests_until_s
            ):
                idle.text = None
                try:
                    idle.tester = idle.tester or self._open_tester(MAX_NICENESS)
                    self._begin(text, idle.tester)
                except MultiverseError as error:
                    log.debug("%s: cannot be tested: %s", text.entry.name, error)
            return
        if idle.reading is not None or self._running is not None:
            return
        if idle.waiting:
            self._read(idle.waiting.popleft(), catalog)
            return
        self._end_idle()
        if self._tester is not None and not self._has_user_folder(catalog):
            self._tester.rest()

    def _find_new(self, catalog: ShaderCatalog) -> None:
        """Queue the shaders that should be tested in advance."""
        idle = self._idle
        if not catalog.has_read_all:
            return
        is_early = self._now_s() - self._began_s < IDLE_AFTER_S
        if not self._has_listed:
            self._has_listed = True
            idle.known_paths = {
                each.path for each in catalog.entries if self._is_users_shader(each)
            }
            if self._has_user_folder(catalog):
                self._tester = self._tester or self._open_tester(NICENESS)
                self._tester.warm()
        if self._wants_all and not is_early:
            self._wants_all = False
            idle.waiting = deque(each for each in catalog.entries if each.name not in self.pictures)
            idle.known_paths = {each.path for each in catalog.entries}
        for entry in catalog.entries:
            is_users = self._is_users_shader(entry)
            if entry.path not in idle.known_paths and (is_users or not is_early):
                idle.known_paths.add(entry.path)
                (idle.waiting.appendleft if is_users else idle.waiting.append)(entry)

    def _read(self, entry: ShaderEntry, catalog: ShaderCatalog) -> None:
        idle = self._idle
        idle.reading = entry

        def accept(source: ShaderSource | None) -> None:
            idle.reading = None
            idle.text = ShaderText(entry=entry, source=source) if source else None
            if idle.text is not None:
                self._look_up(idle.text)

        catalog.read(entry, accept, lambda reason: accept(None))

    def _is_users_shader(self, entry: ShaderEntry) -> bool:
        """True for a shader that did not come with the engine."""
        return entry.root != self._own_folder

    def _has_user_folder(self, catalog: ShaderCatalog) -> bool:
        """True if the user has a shader folder; then the test process stays ready, since its start
        takes a second."""
        return any(root != self._own_folder for root in catalog.roots)
