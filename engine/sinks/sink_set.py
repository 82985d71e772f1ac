"""Runs several sinks at once. A failing sink is closed, reported and retried; the others are not
affected."""

import logging
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import wait
from dataclasses import replace
from functools import partial
from operator import methodcaller

from engine.errors import (
    MultiverseError,
    SinkError,
    SinkUnavailableError,
    SinkUsageError,
    in_one_line,
)
from engine.sinks.record import RecordSink
from engine.sinks.registry import load_kinds, make_sink
from engine.sinks.sink import (
    EXTRA_PICTURES,
    OutputFormat,
    PictureName,
    RecordingStatus,
    Sink,
    SinkSpec,
    SinkStatus,
    picture_name,
)
from engine.sinks.sink_entry import SinkEntry, extra_frame, initial_status
from engine.sinks.snapshot import SnapshotSink
from engine.sinks.window import WindowSink
from engine.system.backoff import MAX_DELAY_S, next_delay_s
from engine.system.clock import Clock, SystemClock
from engine.system.daemon_worker import call_on_thread
from engine.system.reporting import Report
from engine.system.undoing import undo_on_error
from engine.values import LazyPicture, PublishedFrame
from osc_schema import Value
from osc_schema.sinks import KINDS

log = logging.getLogger(__name__)

# each may hold a thread and pictures, and OSC is unauthenticated: bounds what a stranger can start
MAX_SINKS = 16
MAX_ENDED = 64  # stopped sinks remembered for the status
MAX_END_S = 4.0  # live, for all sinks together; the engine's shutdown takes 5 s at most
MAX_STANDSTILL_S = (
    2.0  # after MAX_END_S a sink that still makes progress may continue, to complete its file
)
MAX_WRITING_S = 60.0  # limit for sinks with progress
SHAPED = "1"  # the main picture in the shape of output 1, for the sinks that send or show it
POLL_S = 0.005


class SinkSet:
    """Starts, feeds, retries and closes all sinks of a run. Everything but `status` and
    `recordings` on the render thread with its GL context current. Close it before the renderer."""

    def __init__(
        self,
        output_format: OutputFormat,
        clock: Clock,
        report: Report,
        *,
        stopwatch: Clock | None = None,
    ) -> None:
        """`clock` is the show's clock; `stopwatch` is real time, so that shutdown timeouts work
        offline too."""
        self.output_format = output_format
        """Format of the main picture."""
        self._extra_formats: dict[
            PictureName, OutputFormat
        ] = {}  # formats of the run's other pictures
        self._clock = clock
        self._stopwatch = stopwatch or SystemClock()
        self._report = report
        self._end_requested_s: float | None = None  # when the sinks were asked to end
        self._progress: dict[int, tuple[int, float]] = {}
        """Progress since then, by entry: pictures published, and when that number last changed."""
        self._entries: tuple[SinkEntry, ...] = ()
        self._finishing: tuple[SinkEntry, ...] = ()
        self._ended: tuple[SinkEntry, ...] = ()
        """The latest `MAX_ENDED` sinks stopped during the run, for the status after `close`."""
        self._is_closed = False
        self.values: Mapping[str, Value] = {}
        """The parameters that a WindowSink starts with."""
        load_kinds()  # imports now, not during a show

    @property
    def kinds(self) -> frozenset[str]:
        """Labels of the sinks that run or will be retried: `record`, `PICTURE:record`, ..."""
        return frozenset(entry.spec.label for entry in self._entries if not entry.is_once)

    @property
    def adjustable(self) -> tuple[tuple[SinkSpec, WindowSink], ...]:
        """The running sinks that have parameters."""
        sinks: list[tuple[SinkSpec, object]] = [(entry.spec, entry.sink) for entry in self._entries]
        return tuple((spec, sink) for spec, sink in sinks if isinstance(sink, WindowSink))

    def add_picture(
        self, picture: PictureName, width: int, height: int, *, may_wait: bool = False
    ) -> None:
        """Add a picture to the run. Each sink that shows the main picture to other programs gets a
        second one for this picture, now and later; files contain it only on request. Its size may
        change with each frame."""
        if picture not in self._extra_formats:
            self._extra_formats[picture] = self.output_format.with_format(
                width, height, self.output_format.fps
            )
            for entry in self._entries:
                self._start_extra(picture, entry, may_wait)

    def wants(self, picture: PictureName) -> bool:
        """True if a running sink publishes this picture."""
        return any(
            entry.sink is not None and entry.spec.picture == picture for entry in self._entries
        )

    def start(self, spec: SinkSpec, *, may_wait: bool = False) -> None:
        """Open one more sink. SinkError or SinkUnavailableError if that fails or its name is in
        use. Before a show (`may_wait`) and offline everything is open on return. During a show
        nothing waits for a disk: a file that cannot be written is reported and retried later, like
        any failure."""
        for entry in self._entries:
            if entry.main_entry is not None and entry.is_for(spec):
                entry.main_entry = None  # requested by name: independent from now on
                return
        entry = self._open_within_limit(spec, may_wait)
        self._entries += (entry,)
        for picture in self._extra_formats:
            self._start_extra(picture, entry, may_wait)

    def _open_within_limit(self, spec: SinkSpec, may_wait: bool) -> SinkEntry:
        requested = [
            entry for entry in (*self._entries, *self._finishing) if entry.main_entry is None
        ]
        if len(requested) >= MAX_SINKS:
            raise SinkError(
                f"{spec.label}: {MAX_SINKS} sinks are running, the maximum; stop one first"
            )
        return self._open(spec, self._make(spec), may_wait)

    def _open(self, spec: SinkSpec, sink: Sink, may_wait: bool) -> SinkEntry:
        try:
            self._begin(spec, sink, self.values, may_wait)
        except MultiverseError:
            raise
        except Exception as error:  # a sink may fail in any way; the caller gets one line
            log.exception("sink %s failed to start", spec.label)
            raise SinkError(f"{spec.label}: {in_one_line(error)}") from error
        if warning := getattr(sink, "warning", ""):
            self._report(f"sink.{spec.label}", warning)
        return SinkEntry(spec, sink, initial_status(spec, sink.name), self._clock.now_s())

    def _begin(
        self, spec: SinkSpec, sink: Sink, values: Mapping[str, Value], may_wait: bool
    ) -> None:
        """Start a sink; it is closed again if that fails."""
        with undo_on_error(sink.close):
            if isinstance(sink, WindowSink):
                sink.adjust(values)
            sink.start(self._format_of(spec), may_wait=may_wait or self.output_format.is_offline)

    def _make(self, spec: SinkSpec) -> Sink:
        """Make a sink without starting it. SinkError if it must not run."""
        if spec.kind not in KINDS:
            raise SinkUsageError(
                f"sink {spec.kind!r}: unknown kind; choose one of {', '.join(KINDS)}"
            )
        self._format_of(spec)
        sink = make_sink(spec)
        if any(
            entry.spec.kind == spec.kind and entry.status().name == sink.name
            for entry in self._entries
        ):
            raise SinkError(
                f"{spec.label}: {sink.name} is already running; give this one another name"
            )
        return sink

    def _start_extra(self, picture: PictureName, main: SinkEntry, may_wait: bool) -> None:
        """Publish this picture where the main one is. A failure does not affect the main one."""
        if main.spec.picture != "main" or not KINDS[main.spec.kind].is_named:
            return
        if picture == SHAPED or EXTRA_PICTURES[picture].is_on_request:
            return
        argument = picture_name(picture, main.spec.argument) if main.spec.argument else ""
        spec = SinkSpec(kind=main.spec.kind, argument=argument, picture=picture)
        if any(entry.is_for(spec) for entry in self._entries):
            return
        sink: Sink | None = None
        try:
            sink = self._make(spec)
            entry = self._open(spec, sink, may_wait)
        except MultiverseError as error:
            if sink is None:
                self._report(f"sink.{spec.label}", str(error))
                return
            entry = SinkEntry(spec, None, initial_status(spec, sink.name), self._clock.now_s())
            self._fail(entry, error)
        entry.main_entry = main
        self._entries += (entry,)

    def _format_of(self, spec: SinkSpec) -> OutputFormat:
        """The picture's format. SinkError if the run has no such picture."""
        picture = self._picture_for(spec)
        if picture == "main":
            return self.output_format
        extra = EXTRA_PICTURES.get(picture)  # SHAPED is none
        if extra is not None and extra.is_on_request and not self.wants(picture):
            # the size that a sink has failed with is forgotten
            self._extra_formats[picture] = self.output_format
        elif extra is not None and picture not in self._extra_formats:
            raise SinkError(
                f"{spec.label}: this run has no {extra.model}; start it with {extra.option}"
            )
        return self._extra_formats[picture]

    def _picture_for(self, spec: SinkSpec) -> PictureName:
        """The picture that a sink gets: for the main one also SHAPED, but not in files and
        light."""
        is_shaped = SHAPED in self._extra_formats and spec.picture == "main"
        return (
            SHAPED
            if is_shaped and not KINDS[spec.kind].writes_files and spec.kind != "dmx"
            else spec.picture
        )

    def stop(self, label: str, name: str | None = None) -> int:
        """Close the sinks of a label (`record`, `PICTURE:record`), or the one of that name or
        argument, for good, and those that were started along with them. Returns their number
        without these. Live, a sink finishes writing in the background, in state `finishing`."""
        chosen = tuple(
            entry
            for entry in self._entries
            if entry.spec.label == label
            and name in (None, entry.spec.argument, entry.status().name)
        )
        removed = tuple(
            entry for entry in self._entries if entry in chosen or entry.main_entry in chosen
        )
        self._entries = tuple(entry for entry in self._entries if entry not in removed)
        self._finishing += removed
        self._finish()
        return len(chosen)

    def publish(
        self, frame: PublishedFrame, extras: Mapping[PictureName, LazyPicture] | None = None
    ) -> None:
        """Give a frame to every sink of the main picture, or SHAPED to those that show it, then
        each picture in `extras` to its own sinks, with the frame's number, time and sound. Pictures
        without a sink are not drawn."""
        extras = extras or {}
        if SHAPED in extras:
            self._extra_formats.setdefault(SHAPED, self.output_format)
        elif SHAPED in self._extra_formats:
            self._each(SHAPED, methodcaller("set_format", self.output_format))
            del self._extra_formats[SHAPED]
        self._each("main", methodcaller("publish", frame))
        for picture, extra in extras.items():
            self.publish_extra(frame, picture, extra)
        if once := tuple(entry for entry in self._entries if entry.is_once):
            self._finishing += once
            self._entries = tuple(entry for entry in self._entries if not entry.is_once)

    def publish_extra(
        self, frame: PublishedFrame, picture: PictureName, extra: LazyPicture
    ) -> None:
        """Give an extra picture of this frame to its sinks."""
        if picture in self._extra_formats:
            self._follow_size(picture, extra)
            entries = [
                entry
                for entry in self._entries
                if entry.sink and self._picture_for(entry.spec) == picture
            ]
            if kinds := [KINDS[entry.spec.kind] for entry in entries]:
                needs_texture = any(kind.is_on_gpu for kind in kinds)
                of_picture = extra_frame(frame, extra, needs_texture=needs_texture)
                self._each(picture, methodcaller("publish", of_picture))

    def _each(self, picture: PictureName, step: Callable[[Sink], object]) -> None:
        """Run a step of each running sink of a picture."""
        for entry in self._entries:
            if entry.sink is not None and self._picture_for(entry.spec) == picture:
                self._attempt(entry, partial(step, entry.sink))

    def _follow_size(self, picture: PictureName, extra: LazyPicture) -> None:
        form = self._extra_formats[picture]
        if (extra.width, extra.height) != (form.width, form.height):
            form = self._extra_formats[picture] = form.with_format(
                extra.width, extra.height, form.fps
            )
            self._each(picture, methodcaller("set_format", form))

    def pump(self) -> None:
        """Call it once per frame: runs run loops, heartbeats and retries, and finishes stopped
        sinks."""
        for entry in self._entries:
            if entry.sink is not None:
                self._attempt(entry, entry.sink.pump)
            elif entry.last_status.state == "retrying" and self._clock.now_s() >= entry.retry_at_s:
                self._attempt(entry, partial(self._retry, entry))
        if self._finishing:
            self._finish()

    def take_snapshot(self, argument: str = "") -> int:
        """Tell the snapshot sink with this argument, or all of them, to write the next frame.
        Returns their number. If none has this argument, one is opened for this picture only."""
        takers = 0
        for entry in self._entries:
            if isinstance(entry.sink, SnapshotSink) and argument in ("", entry.spec.argument):
                entry.sink.take()
                takers += 1
        if argument and not takers:
            entry = self._open_within_limit(
                SinkSpec(kind="snapshot", argument=argument), may_wait=False
            )
            assert isinstance(entry.sink, SnapshotSink)
            entry.sink.take()
            entry.is_once = True
            self._entries += (entry,)
            takers = 1
        return takers

    def restart_all(self, output_format: OutputFormat) -> None:
        """Continue with another size or rate of the main picture: recordings in a new file, rings
        in new memory, others unchanged. Other pictures only take over the rate, as their sizes come
        with each frame."""
        self.output_format = output_format
        self._each("main", methodcaller("set_format", output_format))
        for picture, extra in tuple(self._extra_formats.items()):
            if extra.fps != output_format.fps:
                self._extra_formats[picture] = changed = extra.with_format(
                    extra.width, extra.height, output_format.fps
                )
                self._each(picture, methodcaller("set_format", changed))

    def renew_context(self) -> None:
        """Reopen the sinks that hold objects of the GL context, because the renderer is a new one.
        Call it as soon as its context is current, before anything is published."""
        for entry in self._entries:
            if entry.sink is not None and KINDS[entry.spec.kind].is_on_gpu:
                error = self._close(entry)
                if error is not None:  # expected if the old context is dead
                    self._note(entry, error)
                self._attempt(entry, partial(self._retry, entry))

    def status(self) -> tuple[SinkStatus, ...]:
        """Status of all sinks that run, wait for a retry or finish; after `close`, how each ended.
        Any thread."""
        running = tuple(entry.status() for entry in self._entries)
        if self._is_closed:
            return (*(entry.status() for entry in self._ended), *running)
        finishing = (entry.status() for entry in self._finishing)
        return running + tuple(
            status if status.state == "ended" else replace(status, state="finishing")
            for status in finishing
        )

    def recordings(self) -> tuple[RecordingStatus, ...]:
        """The recordings that run, not those that wait for a retry or finish. Any thread."""
        # a copy: the render thread may remove them
        sinks: list[object] = [entry.sink for entry in self._entries]
        return tuple(sink.recording() for sink in sinks if isinstance(sink, RecordSink))

    def ask_to_end(self) -> None:
        """Tell every sink to write what is left, without waiting. No more frames follow; call
        `close` next."""
        self._ask_to_end((*self._entries, *self._finishing))

    def _ask_to_end(self, entries: Iterable[SinkEntry]) -> None:
        now_s = self._stopwatch.now_s()
        if self._end_requested_s is None:
            self._end_requested_s = now_s
        for entry in entries:
            if id(entry) not in self._progress:
                if isinstance(entry.sink, WindowSink):
                    entry.sink.leave()
                self._progress[id(entry)] = entry.status().frames, now_s
                self._has_drained(entry)

    def close(self) -> None:
        """Close every sink, waiting until its files are complete. Offline without a timeout.

        Live, 4 s after `ask_to_end` we abandon sinks without progress: a missing disk must not
        block the shutdown. A recording that still writes may finish, until it has written nothing
        for 2 s, for 60 s at most. Its file then plays up to that point (`movie_file`), and its
        state is failed."""
        self.ask_to_end()
        if not self.output_format.is_offline:
            self._wait_until_drained((*self._entries, *self._finishing))
        for entry in (*self._entries, *self._finishing):
            self._end(entry)
        self._ended = (*self._ended, *self._finishing)[-MAX_ENDED:]
        self._finishing = ()
        self._is_closed = True

    def finish_files(self) -> None:
        """Finish the files on another thread than the frame loop's, which hangs, before the process
        is ended. Sinks that use its GL context are left alone. Waits as long as `close` at most."""
        entries = [
            entry
            for entry in (*self._entries, *self._finishing)
            if not KINDS[entry.spec.kind].is_on_gpu
        ]

        def finish() -> None:
            self._ask_to_end(entries)
            self._wait_until_drained(entries)
            for entry in entries:
                self._end(entry)

        closed, _ = wait([call_on_thread("finish files", finish)], MAX_WRITING_S)
        if not closed:
            log.warning("not all files are finished")

    def _wait_until_drained(self, entries: Iterable[SinkEntry]) -> None:
        """Wait for the sinks to drain; abandon those without progress."""
        assert self._end_requested_s is not None, "`close` calls `ask_to_end` first"
        late_s = 0.0
        waiting = [entry for entry in entries if entry.sink is not None]
        while waiting := [entry for entry in waiting if not self._has_drained(entry)]:
            now_s = self._stopwatch.now_s()
            for entry in waiting:
                frames = entry.status().frames
                if self._progress[id(entry)][0] != frames:
                    self._progress[id(entry)] = frames, now_s
            late_s = now_s - self._end_requested_s
            is_any_moving = any(
                now_s - self._progress[id(entry)][1] < MAX_STANDSTILL_S for entry in waiting
            )
            if late_s > MAX_END_S and (not is_any_moving or late_s > MAX_WRITING_S):
                break
            self._stopwatch.sleep_until(now_s + POLL_S)
        for entry in waiting:
            self._give_up(entry, late_s)

    def _has_drained(self, entry: SinkEntry) -> bool:
        """Tell the sink to write what is left. True once `close` will not wait."""
        error = self._error_of(entry, entry.drain)
        entry.end_error = error or entry.end_error
        return entry.is_drained or error is not None

    def _give_up(self, entry: SinkEntry, after_s: float) -> None:
        """Abandon a sink without closing it, which would block; its thread ends with the
        process."""
        status = entry.status()
        entry.sink = None
        self._note(
            entry,
            SinkError(f"{status.name} not finished after {after_s:.0f} s; is the disk connected?"),
        )
        entry.last_status = replace(status, state="failed", detail=entry.reason)

    def _finish(self) -> None:
        """Close the stopped sinks that have nothing left to write (offline: all of them)."""
        for entry in self._finishing:
            if self.output_format.is_offline or self._has_drained(entry):
                self._end(entry)
        ended = tuple(entry for entry in self._finishing if entry.sink is None)
        self._ended = (*self._ended, *ended)[-MAX_ENDED:]
        self._finishing = tuple(entry for entry in self._finishing if entry.sink is not None)

    def _end(self, entry: SinkEntry) -> None:
        if entry.sink is None:
            if entry.last_status.state == "retrying":
                entry.last_status = replace(entry.last_status, state="failed", detail=entry.reason)
            return
        error = self._close(entry) or entry.end_error
        if error is None:
            entry.last_status = replace(entry.last_status, state="ended")
        else:
            self._note(entry, error)
            entry.last_status = replace(entry.last_status, state="failed", detail=entry.reason)

    def _close(self, entry: SinkEntry) -> Exception | None:
        """Close the entry's sink and keep its last status. Returns the error, or None."""
        assert entry.sink is not None
        entry.store_values()
        failure = self._error_of(entry, entry.sink.close)
        entry.last_status = entry.status()
        entry.sink = None
        return failure

    def _attempt(self, entry: SinkEntry, step: Callable[[], object]) -> None:
        """Run a step of a sink. If it fails the sink is closed and tried again later."""
        error = self._error_of(entry, step)
        if error is not None:
            self._fail(entry, error)

    def _error_of(self, entry: SinkEntry, step: Callable[[], object]) -> Exception | None:
        """Run a step of a sink and return its error, or None. The first unexpected one is logged
        with its traceback."""
        try:
            step()
        except MultiverseError as error:
            return error
        except Exception as error:  # a sink may fail in any way; others and the show continue
            if not entry.was_logged:
                log.error("sink %s failed", entry.spec.label, exc_info=error)
                entry.was_logged = True
            return error
        return None

    def _fail(self, entry: SinkEntry, error: Exception) -> None:
        """Close a failed sink, live in the background if it would wait. Live it is retried, a
        plug-in's once; offline not, because a file with a gap is useless."""
        now_s = self._clock.now_s()
        is_offline = self.output_format.is_offline
        if entry.sink is not None and now_s - entry.started_s > MAX_DELAY_S:
            entry.failures = 0
        is_left_out = bool(KINDS[entry.spec.kind].class_path and entry.failures)
        if is_left_out:
            error = SinkError(f"{error}; failed twice, so it is left out until started again")
        self._note(entry, error)
        if entry.sink is not None:
            if (
                not is_offline
                and self._error_of(entry, entry.drain) is None
                and not entry.is_drained
            ):
                entry.store_values()
                self._finishing += (
                    replace(entry, last_status=initial_status(entry.spec, entry.sink.name)),
                )
                entry.sink = None
            else:
                self._close(entry)
        entry.failures += 1
        delay_s = next_delay_s(entry.failures)
        entry.retry_at_s = now_s + delay_s
        if is_offline or is_left_out or isinstance(error, SinkUnavailableError):
            entry.last_status = replace(entry.last_status, state="failed", detail=entry.reason)
        else:
            detail = f"{entry.reason}; next try in {delay_s:g} s"
            entry.last_status = replace(entry.last_status, state="retrying", detail=detail)

    def _note(self, entry: SinkEntry, error: Exception) -> None:
        spec = entry.spec
        reason = in_one_line(error)
        # A sink's own messages begin with its kind, but not with its picture.
        reason = reason.removeprefix(f"{spec.label}: ").removeprefix(f"{spec.kind}: ")
        entry.reason = f"{spec.label}: {reason}"
        self._report(f"sink.{spec.label}", entry.reason)

    def _retry(self, entry: SinkEntry) -> None:
        sink = make_sink(entry.spec)
        self._begin(entry.spec, sink, entry.stored_values or self.values, may_wait=False)
        entry.sink = sink
        entry.started_s = self._clock.now_s()
