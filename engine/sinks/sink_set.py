"""The sinks of a run, several at once, each for one of its pictures. One that fails is closed, reported and tried
again; the rest never notice."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace

from engine.errors import MultiverseError, SinkError
from engine.sinks.registry import KINDS, load_kinds, make_sink
from engine.sinks.sink import (
    EXTRA_PICTURES,
    TITLES,
    Cautious,
    Picture,
    Sink,
    SinkSpec,
    SinkStatus,
    Stage,
    Taker,
    picture_name,
)
from engine.system.backoff import MAX_DELAY_S, next_delay_s
from engine.system.clock import Clock, SystemClock
from engine.system.reporting import Report
from engine.values import PublishedFrame, ShownPicture

log = logging.getLogger(__name__)


MAX_SINKS = 16  # each may hold a thread and pictures; whoever may send OSC may ask for sinks
MAX_ENDED = 64  # of those stopped during the run, how many are remembered
MAX_END_S = 4.0  # live, for all sinks together; the engine's end takes 5 s at most
MAX_STANDSTILL_S = 2.0  # beyond that, for one that still writes: its file shall be whole
MAX_WRITING_S = 60.0  # and no longer, however much it has to write
POLL_S = 0.005


@dataclass(slots=True, eq=False)
class _Place:
    """One sink asked for, whatever became of it: running, waiting to be tried again, finishing, ended."""

    spec: SinkSpec
    sink: Sink | None
    last: SinkStatus
    """Of the sink that is gone, with the sums of all before it."""
    started_s: float
    failures: int = 0
    retry_at_s: float = 0.0
    reason: str = ""
    """Of the last failure."""
    was_logged: bool = False
    """The first failure's traceback is in the log; later ones are counted only."""
    is_once: bool = False
    """For one picture: stopped when that is taken."""
    end_error: Exception | None = None
    """What it could not write when it was asked to end."""
    brought_by: "_Place | None" = None
    """The main picture's sink that this one came along with, and will go with."""

    def is_for(self, spec: SinkSpec) -> bool:
        """Whether this is what is asked for, of those that go by the picture's title without an argument."""
        own, asked_for = ((one.kind, one.picture, one.argument or TITLES[one.picture]) for one in (self.spec, spec))
        return own == asked_for

    def status(self) -> SinkStatus:
        sink = self.sink  # the render thread may take it away meanwhile
        if sink is None:
            return self.last
        now, last = sink.status(), self.last
        return replace(
            now, picture=self.spec.picture, frames=now.frames + last.frames, dropped=now.dropped + last.dropped
        )


class SinkSet:
    """Everything but `status` on the render thread with its GL context current. Close it before the renderer."""

    def __init__(self, stage: Stage, clock: Clock, report: Report, *, stopwatch: Clock | None = None) -> None:
        """`clock` is the show's; `stopwatch` takes the time of the end, which passes offline too."""
        self.stage = stage
        """Of the main picture."""
        self._stages_beside: dict[Picture, Stage] = {}
        """Of the pictures that the run has beside the main one."""
        self._clock = clock
        self._stopwatch = stopwatch or SystemClock()
        self._report = report
        self._asked_s: float | None = None
        """When the sinks were asked to end."""
        self._moved: dict[int, tuple[int, float]] = {}
        """From then on, by place: how many pictures it had put out, and since when."""
        self._places: tuple[_Place, ...] = ()
        self._finishing: tuple[_Place, ...] = ()
        self._ended: tuple[_Place, ...] = ()
        """Stopped during the run; the latest `MAX_ENDED`, told of after `close`."""
        self._is_closed = False
        load_kinds()  # now, so that no start in the middle of a show has to

    @property
    def kinds(self) -> frozenset[str]:
        """What runs, or is about to be tried again: `record`, `PICTURE:record`, ..."""
        return frozenset(place.spec.label for place in self._places if not place.is_once)

    def add_picture(self, picture: Picture, width: int, height: int, *, may_wait: bool = False) -> None:
        """From now on the run has this picture beside the main one, and sinks can be started for it.

        Where the main picture is published for other programs to look at, this one is too, now and later; a file gets
        it only when asked to. The size may be another in each frame published: its sinks follow.
        """
        if picture not in self._stages_beside:
            self._stages_beside[picture] = self.stage.with_format(width, height, self.stage.fps)
            for place in self._places:
                self._bring(picture, place, may_wait)

    def start(self, spec: SinkSpec, *, may_wait: bool = False) -> None:
        """Open one more sink. SinkError or SinkUnavailableError when that fails or its name runs already.

        Before a show (`may_wait`) and offline everything is open on return. In a show nothing waits for a disk:
        a file that cannot be written is reported later and tried again, like any failure.
        """
        for place in self._places:
            if place.brought_by is not None and place.is_for(spec):
                place.brought_by = None  # asked for by name, it runs by itself from now on
                return
        place = self._asked_for(spec, may_wait)
        self._places += (place,)
        for picture in self._stages_beside:
            self._bring(picture, place, may_wait)

    def _asked_for(self, spec: SinkSpec, may_wait: bool) -> _Place:
        asked_for = [place for place in (*self._places, *self._finishing) if place.brought_by is None]
        if len(asked_for) >= MAX_SINKS:
            raise SinkError(f"{spec.label}: {MAX_SINKS} sinks run already, and no more are allowed; stop one first")
        return self._opened(spec, self._made(spec), may_wait)

    def _opened(self, spec: SinkSpec, sink: Sink, may_wait: bool) -> _Place:
        try:
            sink.start(self._stage_of(spec), may_wait=may_wait or self.stage.is_offline)
        except MultiverseError:
            sink.close()
            raise
        except Exception as error:  # any sink may fail in any way, and whoever asked for it must hear
            log.exception("sink %s failed to start", spec.label)
            sink.close()
            raise SinkError(f"{spec.label}: {type(error).__name__}: {error}") from error
        if isinstance(sink, Cautious) and sink.caution:
            self._report(f"sink.{spec.label}", sink.caution)
        return _Place(spec, sink, _nothing_yet(spec, sink.name), self._clock.now_s())

    def _made(self, spec: SinkSpec) -> Sink:
        """Not yet started. SinkError where it must not be."""
        if spec.kind not in KINDS:
            raise SinkError(f"sink {spec.kind!r}: there is no such kind; one of {', '.join(KINDS)}")
        self._stage_of(spec)
        sink = make_sink(spec)
        if any(place.spec.kind == spec.kind and place.status().name == sink.name for place in self._places):
            raise SinkError(f"{spec.label}: {sink.name} runs already; give the second one a name of its own")
        return sink

    def _bring(self, picture: Picture, main: _Place, may_wait: bool) -> None:
        """Publish this picture beside the main one, which runs on whatever goes wrong with it."""
        if main.spec.picture != "main" or not KINDS[main.spec.kind].brings_beside:
            return
        argument = picture_name(picture, main.spec.argument) if main.spec.argument else ""
        spec = SinkSpec(kind=main.spec.kind, argument=argument, picture=picture)
        if any(place.is_for(spec) for place in self._places):
            return
        try:
            sink = self._made(spec)
        except SinkError as error:
            self._report(f"sink.{spec.label}", str(error))
            return
        try:
            place = self._opened(spec, sink, may_wait)
        except MultiverseError as error:
            place = _Place(spec, None, _nothing_yet(spec, sink.name), self._clock.now_s())
            self._fail(place, error)
        place.brought_by = main
        self._places += (place,)

    def _stage_of(self, spec: SinkSpec) -> Stage:
        """SinkError when the run has no such picture."""
        if spec.picture == "main":
            return self.stage
        if spec.picture not in self._stages_beside:
            beside = EXTRA_PICTURES[spec.picture]
            raise SinkError(f"{spec.label}: this run has no {beside.model}; give it a model ({beside.option})")
        return self._stages_beside[spec.picture]

    def stop(self, label: str, name: str | None = None) -> int:
        """Close the sinks of a kind (`record`, `PICTURE:record`), or the one of that name or argument, for good; how
        many there were. What came along with them goes too.

        Live, what a sink still has to write is written while the show goes on: it is then `finishing`.
        """
        chosen = tuple(
            place
            for place in self._places
            if place.spec.label == label and name in (None, place.spec.argument, place.status().name)
        )
        leaving = tuple(place for place in self._places if place in chosen or place.brought_by in chosen)
        self._places = tuple(place for place in self._places if place not in leaving)
        self._finishing += leaving
        self._finish()
        return len(chosen)

    def publish(self, frame: PublishedFrame, beside: Mapping[Picture, ShownPicture] | None = None) -> None:
        """Hand a frame to every sink of the main picture, then each picture `beside` it to those for that one.

        They go out under the frame's number and time, with its sound. What nobody takes is not drawn.
        """
        self._publish("main", frame)
        for picture, shown in (beside or {}).items():
            if picture in self._stages_beside:
                self._follow_size(picture, shown)
                kinds = [
                    KINDS[place.spec.kind] for place in self._places if place.sink and place.spec.picture == picture
                ]
                if kinds:
                    self._publish(picture, _beside(frame, shown, is_drawn=any(kind.is_on_gpu for kind in kinds)))
        if any(place.is_once for place in self._places):
            self._finishing += tuple(place for place in self._places if place.is_once)
            self._places = tuple(place for place in self._places if not place.is_once)

    def _publish(self, picture: Picture, frame: PublishedFrame) -> None:
        """The blind except is the point: a sink may fail in any way."""
        for place in self._places:
            if place.sink is not None and place.spec.picture == picture:
                try:
                    place.sink.publish(frame)
                except Exception as error:
                    self._fail(place, error)

    def _follow_size(self, picture: Picture, shown: ShownPicture) -> None:
        stage = self._stages_beside[picture]
        if (shown.width, shown.height) != (stage.width, stage.height):
            stage = self._stages_beside[picture] = stage.with_format(shown.width, shown.height, stage.fps)
            self._set_format(picture, stage)

    def pump(self) -> None:
        """Once a frame: run loops, heartbeats, second tries, and the ends of sinks that were stopped."""
        for place in self._places:
            try:
                if place.sink is not None:
                    place.sink.pump()
                elif place.last.state == "retrying" and self._clock.now_s() >= place.retry_at_s:
                    self._retry(place)
            except Exception as error:
                self._fail(place, error)
        if self._finishing:
            self._finish()

    def take_snapshot(self, argument: str = "") -> int:
        """Ask the snapshot sink of this argument, or every one, for a picture of the next frame; how many.

        Where none has a named file for its argument, one is opened for this picture alone.
        """
        takers = 0
        for place in self._places:
            if isinstance(place.sink, Taker) and argument in ("", place.spec.argument):
                place.sink.take()
                takers += 1
        if argument and not takers:
            place = self._asked_for(SinkSpec(kind="snapshot", argument=argument), may_wait=False)
            assert isinstance(place.sink, Taker)
            place.sink.take()
            place.is_once = True
            self._places += (place,)
            takers = 1
        return takers

    def restart_all(self, stage: Stage) -> None:
        """Go on with another size or rate of the main picture: recordings in a new file, rings in new memory, the rest
        as is. Of the pictures beside it only the rate may be new: their sizes come with them."""
        self.stage = stage
        self._set_format("main", stage)
        for picture, beside in tuple(self._stages_beside.items()):
            if beside.fps != stage.fps:
                self._stages_beside[picture] = beside.with_format(beside.width, beside.height, stage.fps)
                self._set_format(picture, self._stages_beside[picture])

    def _set_format(self, picture: Picture, stage: Stage) -> None:
        for place in self._places:
            if place.sink is not None and place.spec.picture == picture:
                try:
                    place.sink.set_format(stage)
                except Exception as error:
                    self._fail(place, error)

    def renew_context(self) -> None:
        """Open the sinks that hold objects of the GL context again: the renderer is a new one.

        To be called as soon as its context is current, before anything is published.
        """
        for place in self._places:
            if place.sink is not None and KINDS[place.spec.kind].is_on_gpu:
                try:
                    error = self._close(place)
                    if error is not None:  # a dead context may not let go of everything
                        self._note(place, error)
                    self._retry(place)
                except Exception as error:
                    self._fail(place, error)

    def status(self) -> tuple[SinkStatus, ...]:
        """All that run, wait or finish; after `close` how each ended, the stopped ones first. Any thread."""
        if self._is_closed:
            return tuple(place.status() for place in (*self._ended, *self._places))
        finishing = (place.status() for place in self._finishing)
        return tuple(place.status() for place in self._places) + tuple(
            status if status.state == "ended" else replace(status, state="finishing") for status in finishing
        )

    def ask_to_end(self) -> None:
        """Let every sink begin to write what is left, without waiting. No more frames come; `close` follows."""
        if self._asked_s is None:
            self._asked_s = self._stopwatch.now_s()
            for place in (*self._places, *self._finishing):
                self._moved[id(place)] = place.status().frames, self._asked_s
                self._has_drained(place)

    def close(self) -> None:
        """End every sink, waiting until its files are whole. Offline for as long as that takes.

        Live, 4 s after `ask_to_end` nothing is waited for that stands still: a disk that is gone must not keep the
        engine. A recording that still writes goes first: it is waited for until it is whole, or has written nothing
        for 2 s, for 60 s at most. What is left then plays up to there (`movie_file`), and is told as failed.
        """
        self.ask_to_end()
        if not self.stage.is_offline:
            self._wait_until_drained()
        for place in (*self._places, *self._finishing):
            self._end(place)
        self._keep_ended()
        self._is_closed = True

    def _wait_until_drained(self) -> None:
        """Gives up those that stand still."""
        assert self._asked_s is not None, "close asks first"
        late_s = 0.0
        waiting = [place for place in (*self._places, *self._finishing) if place.sink is not None]
        while waiting := [place for place in waiting if not self._has_drained(place)]:
            now_s = self._stopwatch.now_s()
            for place in waiting:
                frames = place.status().frames
                if self._moved[id(place)][0] != frames:
                    self._moved[id(place)] = frames, now_s
            late_s = now_s - self._asked_s
            is_any_moving = any(now_s - self._moved[id(place)][1] < MAX_STANDSTILL_S for place in waiting)
            if late_s > MAX_END_S and (not is_any_moving or late_s > MAX_WRITING_S):
                break
            self._stopwatch.sleep_until(now_s + POLL_S)
        for place in waiting:
            self._give_up(place, late_s)

    def _has_drained(self, place: _Place) -> bool:
        """Let it write what is left; True once `close` will not wait."""
        try:
            return place.sink is None or place.sink.drain()
        except Exception as error:
            place.end_error = error
            return True

    def _give_up(self, place: _Place, after_s: float) -> None:
        """Without closing it, which would wait: its thread ends with the process."""
        place.last = place.status()
        place.sink = None
        self._note(place, SinkError(f"{place.last.name} is not ended after {after_s:.0f} s; is the disk there?"))
        place.last = replace(place.last, state="failed", detail=place.reason)

    def _finish(self) -> None:
        """End the stopped sinks that have nothing left to write (offline: all of them)."""
        for place in self._finishing:
            if self.stage.is_offline or self._has_drained(place):
                self._end(place)
        self._keep_ended()

    def _keep_ended(self) -> None:
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
        """Close the place's sink, keeping its last word; the error, if it had one to the end."""
        assert place.sink is not None
        failure = None
        try:
            place.sink.close()
        except Exception as error:
            failure = error
        place.last = place.status()
        place.sink = None
        return failure

    def _fail(self, place: _Place, error: Exception) -> None:
        """Close what failed; live it is tried again, offline never: a file with a hole is of no use."""
        self._note(place, error)
        now_s = self._clock.now_s()
        if place.sink is not None:
            if now_s - place.started_s > MAX_DELAY_S:
                place.failures = 0
            self._close(place)
        place.failures += 1
        delay_s = next_delay_s(place.failures)
        place.retry_at_s = now_s + delay_s
        if self.stage.is_offline:
            place.last = replace(place.last, state="failed", detail=place.reason)
        else:
            place.last = replace(place.last, state="retrying", detail=f"{place.reason}; next try in {delay_s:g} s")

    def _note(self, place: _Place, error: Exception) -> None:
        if not place.was_logged and not isinstance(error, MultiverseError):
            log.error("sink %s failed", place.spec.label, exc_info=error)
            place.was_logged = True
        spec = place.spec
        reason = str(error) if isinstance(error, MultiverseError) else f"{type(error).__name__}: {error}"
        # What a sink says itself begins with its kind, but not with whose picture it is.
        reason = reason.removeprefix(f"{spec.label}: ").removeprefix(f"{spec.kind}: ")
        place.reason = f"{spec.label}: {reason}"
        self._report(f"sink.{spec.label}", place.reason)

    def _retry(self, place: _Place) -> None:
        sink = make_sink(place.spec)
        try:
            sink.start(self._stage_of(place.spec), may_wait=self.stage.is_offline)
        except BaseException:
            sink.close()
            raise
        place.sink = sink
        place.started_s = self._clock.now_s()


def _beside(frame: PublishedFrame, shown: ShownPicture, *, is_drawn: bool) -> PublishedFrame:
    """A picture beside the main one as a frame of its own, `is_drawn` where somebody takes a texture."""
    texture = shown.draw_texture() if is_drawn else None
    return replace(frame, width=shown.width, height=shown.height, texture=texture, read_rgba=shown.read_rgba)


def _nothing_yet(spec: SinkSpec, name: str) -> SinkStatus:
    return SinkStatus(kind=spec.kind, name=name, state="running", frames=0, dropped=0, picture=spec.picture)
