"""Runs several sinks at once. A failing sink is closed, reported and retried; the others are not affected."""

import logging
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import wait
from dataclasses import dataclass, replace
from functools import partial
from operator import methodcaller

from engine.errors import MultiverseError, SinkError
from engine.sinks.record import RecordSink
from engine.sinks.registry import load_kinds, make_sink
from engine.sinks.sink import (
    EXTRA_PICTURES,
    TITLES,
    OutputFormat,
    PictureName,
    RecordingStatus,
    Sink,
    SinkSpec,
    SinkStatus,
    picture_name,
)
from engine.sinks.snapshot import SnapshotSink
from engine.sinks.window import WindowSink
from engine.system.backoff import MAX_DELAY_S, next_delay_s
from engine.system.clock import Clock, SystemClock
from engine.system.daemon_worker import call_on_thread
from engine.system.reporting import Report
from engine.values import PublishedFrame, ShownPicture
from osc_schema import Value
from osc_schema.sinks import KINDS

log = logging.getLogger(__name__)

MAX_SINKS = 16  # each may hold a thread and pictures, and OSC is unauthenticated: bounds what a stranger can start
MAX_ENDED = 64  # stopped sinks remembered for the status
MAX_END_S = 4.0  # live, for all sinks together; the engine's shutdown takes 5 s at most
MAX_STANDSTILL_S = 2.0  # after MAX_END_S a sink that still makes progress may continue, to complete its file
MAX_WRITING_S = 60.0  # limit for sinks with progress
POLL_S = 0.005


@dataclass(slots=True, eq=False)
class _Place:
    """One requested sink in any state: running, waiting for a retry, finishing, ended."""

    spec: SinkSpec
    sink: Sink | None
    last: SinkStatus
    """Status of the last closed sink, with the sums of all before it."""
    started_s: float
    failures: int = 0
    retry_at_s: float = 0.0
    reason: str = ""
    """Reason of the last failure."""
    was_logged: bool = False
    """True once a traceback was logged; later failures are only counted."""
    is_once: bool = False
    """True to stop it after one picture."""
    end_error: Exception | None = None
    """Error from draining it."""
    is_drained: bool = False
    """True if nothing is left to write, so closing does not wait."""
    adjusted: Mapping[str, Value] | None = None
    """The parameters of a WindowSink that failed."""
    started_with: "_Place | None" = None
    """The main picture's sink that this one was started with, and is stopped with."""

    def is_for(self, spec: SinkSpec) -> bool:
        """True if both specs mean the same sink; the default argument is the picture's title."""
        own, requested = ((one.kind, one.picture, one.argument or TITLES[one.picture]) for one in (self.spec, spec))
        return own == requested

    def drain(self) -> None:
        """Let the sink write what is left, without waiting; sets `is_drained`."""
        self.is_drained = self.sink is None or self.sink.drain()

    def status(self) -> SinkStatus:
        sink = self.sink  # local copy: the render thread may remove it
        if sink is None:
            return self.last
        now, last = sink.status(), self.last
        return replace(
            now, picture=self.spec.picture, frames=now.frames + last.frames, dropped=now.dropped + last.dropped
        )


class SinkSet:
    """Everything but `status` and `recordings` on the render thread with its GL context current. Close it before the
    renderer."""

    def __init__(self, stage: OutputFormat, clock: Clock, report: Report, *, stopwatch: Clock | None = None) -> None:
        """`clock` is the show's clock; `stopwatch` is real time, so that shutdown timeouts work offline too."""
        self.stage = stage
        """Format of the main picture."""
        self._extra_stages: dict[PictureName, OutputFormat] = {}  # formats of the run's other pictures
        self._clock = clock
        self._stopwatch = stopwatch or SystemClock()
        self._report = report
        self._end_requested_s: float | None = None  # when the sinks were asked to end
        self._progress: dict[int, tuple[int, float]] = {}
        """Progress since then, by place: pictures published, and when that number last changed."""
        self._places: tuple[_Place, ...] = ()
        self._finishing: tuple[_Place, ...] = ()
        self._ended: tuple[_Place, ...] = ()
        """The latest `MAX_ENDED` sinks stopped during the run, for the status after `close`."""
        self._is_closed = False
        self.values: Mapping[str, Value] = {}
        """The parameters that a WindowSink starts with."""
        load_kinds()  # imports now, not during a show

    @property
    def kinds(self) -> frozenset[str]:
        """Labels of the sinks that run or will be retried: `record`, `PICTURE:record`, ..."""
        return frozenset(place.spec.label for place in self._places if not place.is_once)

    @property
    def adjustable(self) -> tuple[tuple[SinkSpec, WindowSink], ...]:
        """The running sinks that have parameters."""
        sinks: list[tuple[SinkSpec, object]] = [(place.spec, place.sink) for place in self._places]
        return tuple((spec, sink) for spec, sink in sinks if isinstance(sink, WindowSink))

    def add_picture(self, picture: PictureName, width: int, height: int, *, may_wait: bool = False) -> None:
        """Add a picture to the run. Each sink that shows the main picture to other programs gets a second one for this
        picture, now and later; files contain it only on request. Its size may change with each published frame, and its
        sinks follow."""
        if picture not in self._extra_stages:
            self._extra_stages[picture] = self.stage.with_format(width, height, self.stage.fps)
            for place in self._places:
                self._start_extra(picture, place, may_wait)

    def start(self, spec: SinkSpec, *, may_wait: bool = False) -> None:
        """Open one more sink. SinkError or SinkUnavailableError if that fails or its name is in use. Before a show
        (`may_wait`) and offline everything is open on return. During a show nothing waits for a disk: a file that
        cannot be written is reported and retried later, like any failure."""
        for place in self._places:
            if place.started_with is not None and place.is_for(spec):
                place.started_with = None  # requested by name: independent from now on
                return
        place = self._open_within_limit(spec, may_wait)
        self._places += (place,)
        for picture in self._extra_stages:
            self._start_extra(picture, place, may_wait)

    def _open_within_limit(self, spec: SinkSpec, may_wait: bool) -> _Place:
        requested = [place for place in (*self._places, *self._finishing) if place.started_with is None]
        if len(requested) >= MAX_SINKS:
            raise SinkError(f"{spec.label}: {MAX_SINKS} sinks are running, the maximum; stop one first")
        return self._open(spec, self._make(spec), may_wait)

    def _open(self, spec: SinkSpec, sink: Sink, may_wait: bool) -> _Place:
        try:
            self._begin(spec, sink, self.values, may_wait)
        except MultiverseError:
            raise
        except Exception as error:  # a sink may fail in any way; the caller gets one line
            log.exception("sink %s failed to start", spec.label)
            raise SinkError(f"{spec.label}: {type(error).__name__}: {error}") from error
        if warning := getattr(sink, "warning", ""):
            self._report(f"sink.{spec.label}", warning)
        return _Place(spec, sink, _initial_status(spec, sink.name), self._clock.now_s())

    def _begin(self, spec: SinkSpec, sink: Sink, values: Mapping[str, Value], may_wait: bool) -> None:
        """Start a sink; it is closed again if that fails."""
        try:
            if isinstance(sink, WindowSink):
                sink.adjust(values)
            sink.start(self._stage_of(spec), may_wait=may_wait or self.stage.is_offline)
        except BaseException:
            sink.close()
            raise

    def _make(self, spec: SinkSpec) -> Sink:
        """Make a sink without starting it. SinkError if it must not run."""
        if spec.kind not in KINDS:
            raise SinkError(f"sink {spec.kind!r}: unknown kind; choose one of {', '.join(KINDS)}")
        self._stage_of(spec)
        sink = make_sink(spec)
        if any(place.spec.kind == spec.kind and place.status().name == sink.name for place in self._places):
            raise SinkError(f"{spec.label}: {sink.name} is already running; give this one another name")
        return sink

    def _start_extra(self, picture: PictureName, main: _Place, may_wait: bool) -> None:
        """Publish this picture where the main one is. A failure does not affect the main one."""
        if main.spec.picture != "main" or not KINDS[main.spec.kind].is_named:
            return
        argument = picture_name(picture, main.spec.argument) if main.spec.argument else ""
        spec = SinkSpec(kind=main.spec.kind, argument=argument, picture=picture)
        if any(place.is_for(spec) for place in self._places):
            return
        sink: Sink | None = None
        try:
            sink = self._make(spec)
            place = self._open(spec, sink, may_wait)
        except MultiverseError as error:
            if sink is None:
                self._report(f"sink.{spec.label}", str(error))
                return
            place = _Place(spec, None, _initial_status(spec, sink.name), self._clock.now_s())
            self._fail(place, error)
        place.started_with = main
        self._places += (place,)

    def _stage_of(self, spec: SinkSpec) -> OutputFormat:
        """The picture's format. SinkError if the run has no such picture."""
        if spec.picture == "main":
            return self.stage
        if spec.picture not in self._extra_stages:
            extra = EXTRA_PICTURES[spec.picture]
            raise SinkError(f"{spec.label}: this run has no {extra.model}; start it with {extra.option}")
        return self._extra_stages[spec.picture]

    def stop(self, label: str, name: str | None = None) -> int:
        """Close the sinks of a label (`record`, `PICTURE:record`), or the one of that name or argument, for good, and
        those that were started along with them. Returns their number without these. Live, a sink finishes writing in
        the background, in state `finishing`."""
        chosen = tuple(
            place
            for place in self._places
            if place.spec.label == label and name in (None, place.spec.argument, place.status().name)
        )
        leaving = tuple(place for place in self._places if place in chosen or place.started_with in chosen)
        self._places = tuple(place for place in self._places if place not in leaving)
        self._finishing += leaving
        self._finish()
        return len(chosen)

    def publish(self, frame: PublishedFrame, extras: Mapping[PictureName, ShownPicture] | None = None) -> None:
        """Give a frame to every sink of the main picture, then each picture in `extras` to its own sinks. Extra
        pictures get the frame's number, time and sound. Pictures without a sink are not drawn."""
        self._each("main", methodcaller("publish", frame))
        for picture, shown in (extras or {}).items():
            if picture in self._extra_stages:
                self._follow_size(picture, shown)
                kinds = [
                    KINDS[place.spec.kind] for place in self._places if place.sink and place.spec.picture == picture
                ]
                if kinds:
                    extra = _extra_frame(frame, shown, is_drawn=any(kind.is_on_gpu for kind in kinds))
                    self._each(picture, methodcaller("publish", extra))
        if once := tuple(place for place in self._places if place.is_once):
            self._finishing += once
            self._places = tuple(place for place in self._places if not place.is_once)

    def _each(self, picture: PictureName, step: Callable[[Sink], object]) -> None:
        """Run a step of each running sink of a picture."""
        for place in self._places:
            if place.sink is not None and place.spec.picture == picture:
                self._attempt(place, partial(step, place.sink))

    def _follow_size(self, picture: PictureName, shown: ShownPicture) -> None:
        stage = self._extra_stages[picture]
        if (shown.width, shown.height) != (stage.width, stage.height):
            stage = self._extra_stages[picture] = stage.with_format(shown.width, shown.height, stage.fps)
            self._each(picture, methodcaller("set_format", stage))

    def pump(self) -> None:
        """Call it once a frame: runs run loops, heartbeats and retries, and finishes stopped sinks."""
        for place in self._places:
            if place.sink is not None:
                self._attempt(place, place.sink.pump)
            elif place.last.state == "retrying" and self._clock.now_s() >= place.retry_at_s:
                self._attempt(place, partial(self._retry, place))
        if self._finishing:
            self._finish()

    def take_snapshot(self, argument: str = "") -> int:
        """Tell the snapshot sink with this argument, or all of them, to write the next frame. Returns their number. If
        none has this argument, one is opened for this picture only."""
        takers = 0
        for place in self._places:
            if isinstance(place.sink, SnapshotSink) and argument in ("", place.spec.argument):
                place.sink.take()
                takers += 1
        if argument and not takers:
            place = self._open_within_limit(SinkSpec(kind="snapshot", argument=argument), may_wait=False)
            assert isinstance(place.sink, SnapshotSink)
            place.sink.take()
            place.is_once = True
            self._places += (place,)
            takers = 1
        return takers

    def restart_all(self, stage: OutputFormat) -> None:
        """Continue with another size or rate of the main picture: recordings in a new file, rings in new memory, others
        unchanged. Other pictures only take over the rate, as their sizes come with each frame."""
        self.stage = stage
        self._each("main", methodcaller("set_format", stage))
        for picture, extra in tuple(self._extra_stages.items()):
            if extra.fps != stage.fps:
                self._extra_stages[picture] = changed = extra.with_format(extra.width, extra.height, stage.fps)
                self._each(picture, methodcaller("set_format", changed))

    def renew_context(self) -> None:
        """Reopen the sinks that hold objects of the GL context, because the renderer is a new one. Call it as soon as
        its context is current, before anything is published."""
        for place in self._places:
            if place.sink is not None and KINDS[place.spec.kind].is_on_gpu:
                error = self._close(place)
                if error is not None:  # expected if the old context is dead
                    self._note(place, error)
                self._attempt(place, partial(self._retry, place))

    def status(self) -> tuple[SinkStatus, ...]:
        """Status of all sinks that run, wait for a retry or finish; after `close`, how each ended. Any thread."""
        running = tuple(place.status() for place in self._places)
        if self._is_closed:
            return (*(place.status() for place in self._ended), *running)
        finishing = (place.status() for place in self._finishing)
        return running + tuple(
            status if status.state == "ended" else replace(status, state="finishing") for status in finishing
        )

    def recordings(self) -> tuple[RecordingStatus, ...]:
        """The recordings that run, not those that wait for a retry or finish. Any thread."""
        sinks: list[object] = [place.sink for place in self._places]  # a copy: the render thread may remove them
        return tuple(sink.recording() for sink in sinks if isinstance(sink, RecordSink))

    def ask_to_end(self) -> None:
        """Tell every sink to write what is left, without waiting. No more frames follow; call `close` next."""
        self._ask_to_end((*self._places, *self._finishing))

    def _ask_to_end(self, places: Iterable[_Place]) -> None:
        now_s = self._stopwatch.now_s()
        if self._end_requested_s is None:
            self._end_requested_s = now_s
        for place in places:
            if id(place) not in self._progress:
                if isinstance(place.sink, WindowSink):
                    place.sink.leave()
                self._progress[id(place)] = place.status().frames, now_s
                self._has_drained(place)

    def close(self) -> None:
        """Close every sink, waiting until its files are complete. Offline without a timeout.

        Live, 4 s after `ask_to_end` we abandon sinks without progress: a disk that is gone must not block the shutdown.
        A recording that still writes may finish, until it has written nothing for 2 s, for 60 s at most. Its file then
        plays up to that point (`movie_file`), and its state is failed.
        """
        self.ask_to_end()
        if not self.stage.is_offline:
            self._wait_until_drained((*self._places, *self._finishing))
        for place in (*self._places, *self._finishing):
            self._end(place)
        self._ended = (*self._ended, *self._finishing)[-MAX_ENDED:]
        self._finishing = ()
        self._is_closed = True

    def finish_files(self) -> None:
        """Finish the files on another thread than the frame loop's, which stands, before the process is ended. Sinks
        that use its GL context are left alone. Waits as long as `close` at most."""
        places = [place for place in (*self._places, *self._finishing) if not KINDS[place.spec.kind].is_on_gpu]

        def finish() -> None:
            self._ask_to_end(places)
            self._wait_until_drained(places)
            for place in places:
                self._end(place)

        closed, _ = wait([call_on_thread("finish files", finish)], MAX_WRITING_S)
        if not closed:
            log.warning("not all files are finished")

    def _wait_until_drained(self, places: Iterable[_Place]) -> None:
        """Wait for the sinks to drain; abandon those without progress."""
        assert self._end_requested_s is not None, "`close` calls `ask_to_end` first"
        late_s = 0.0
        waiting = [place for place in places if place.sink is not None]
        while waiting := [place for place in waiting if not self._has_drained(place)]:
            now_s = self._stopwatch.now_s()
            for place in waiting:
                frames = place.status().frames
                if self._progress[id(place)][0] != frames:
                    self._progress[id(place)] = frames, now_s
            late_s = now_s - self._end_requested_s
            is_any_moving = any(now_s - self._progress[id(place)][1] < MAX_STANDSTILL_S for place in waiting)
            if late_s > MAX_END_S and (not is_any_moving or late_s > MAX_WRITING_S):
                break
            self._stopwatch.sleep_until(now_s + POLL_S)
        for place in waiting:
            self._give_up(place, late_s)

    def _has_drained(self, place: _Place) -> bool:
        """Tell the sink to write what is left. True once `close` will not wait."""
        error = self._error_of(place, place.drain)
        place.end_error = error or place.end_error
        return place.is_drained or error is not None

    def _give_up(self, place: _Place, after_s: float) -> None:
        """Abandon a sink without closing it, which would block; its thread ends with the process."""
        place.last, place.sink = place.status(), None
        self._note(place, SinkError(f"{place.last.name} not finished after {after_s:.0f} s; is the disk connected?"))
        place.last = replace(place.last, state="failed", detail=place.reason)

    def _finish(self) -> None:
        """Close the stopped sinks that have nothing left to write (offline: all of them)."""
        for place in self._finishing:
            if self.stage.is_offline or self._has_drained(place):
                self._end(place)
        ended = tuple(place for place in self._finishing if place.sink is None)
        self._ended = (*self._ended, *ended)[-MAX_ENDED:]
        self._finishing = tuple(place for place in self._finishing if place.sink is not None)

    def _end(self, place: _Place) -> None:
        if place.sink is None:
            if place.last.state == "retrying":
                place.last = replace(place.last, state="failed", detail=place.reason)
            return
        error = self._close(place) or place.end_error
        if error is None:
            place.last = replace(place.last, state="ended")
        else:
            self._note(place, error)
            place.last = replace(place.last, state="failed", detail=place.reason)

    def _close(self, place: _Place) -> Exception | None:
        """Close the place's sink and keep its last status. Returns the error, or None."""
        assert place.sink is not None
        _keep_adjusted(place)
        failure = self._error_of(place, place.sink.close)
        place.last, place.sink = place.status(), None
        return failure

    def _attempt(self, place: _Place, step: Callable[[], object]) -> None:
        """Run a step of a sink. If it fails the sink is closed and tried again later."""
        error = self._error_of(place, step)
        if error is not None:
            self._fail(place, error)

    def _error_of(self, place: _Place, step: Callable[[], object]) -> Exception | None:
        """Run a step of a sink and return its error, or None. The first unexpected one is logged with its traceback."""
        try:
            step()
        except MultiverseError as error:
            return error
        except Exception as error:  # a sink may fail in any way; others and the show go on
            if not place.was_logged:
                log.error("sink %s failed", place.spec.label, exc_info=error)
                place.was_logged = True
            return error
        return None

    def _fail(self, place: _Place, error: Exception) -> None:
        """Close a failed sink, live in the background if it would wait. Live it is retried, a plug-in's once; offline
        not, because a file with a gap is useless."""
        now_s = self._clock.now_s()
        if place.sink is not None and now_s - place.started_s > MAX_DELAY_S:
            place.failures = 0
        is_left_out = bool(KINDS[place.spec.kind].made_by and place.failures)
        if is_left_out:
            error = SinkError(f"{error}; failed twice, so it is left out until started again")
        self._note(place, error)
        if place.sink is not None:
            if not self.stage.is_offline and self._error_of(place, place.drain) is None and not place.is_drained:
                _keep_adjusted(place)
                self._finishing += (replace(place, last=_initial_status(place.spec, place.sink.name)),)
                place.sink = None
            else:
                self._close(place)
        place.failures += 1
        delay_s = next_delay_s(place.failures)
        place.retry_at_s = now_s + delay_s
        if self.stage.is_offline or is_left_out:
            place.last = replace(place.last, state="failed", detail=place.reason)
        else:
            place.last = replace(place.last, state="retrying", detail=f"{place.reason}; next try in {delay_s:g} s")

    def _note(self, place: _Place, error: Exception) -> None:
        spec = place.spec
        reason = str(error) if isinstance(error, MultiverseError) else f"{type(error).__name__}: {error}"
        # A sink's own messages begin with its kind, but not with its picture.
        reason = reason.removeprefix(f"{spec.label}: ").removeprefix(f"{spec.kind}: ")
        place.reason = f"{spec.label}: {reason}"
        self._report(f"sink.{spec.label}", place.reason)

    def _retry(self, place: _Place) -> None:
        sink = make_sink(place.spec)
        self._begin(place.spec, sink, place.adjusted or self.values, may_wait=False)
        place.sink = sink
        place.started_s = self._clock.now_s()


def _extra_frame(frame: PublishedFrame, shown: ShownPicture, *, is_drawn: bool) -> PublishedFrame:
    """Another picture of the run as a frame, with 8 bits; `is_drawn` if a sink needs its texture."""
    texture, width, height = shown.draw_texture() if is_drawn else None, shown.width, shown.height
    of_itself = replace(frame, width=width, height=height, texture=texture, read_rgba=shown.read_rgba)
    return replace(of_itself, read_rgba16=None, read_fitted=None)


def _keep_adjusted(place: _Place) -> None:
    if isinstance(place.sink, WindowSink):
        place.adjusted = place.sink.told.values


def _initial_status(spec: SinkSpec, name: str) -> SinkStatus:
    return SinkStatus(kind=spec.kind, name=name, picture=spec.picture)
