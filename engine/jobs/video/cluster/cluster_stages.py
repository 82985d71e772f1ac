"""Stages on the machines of a Ray cluster: the clip travels in segments, each actor paints what it is given, and the
results are joined in order. What reads and what writes is the very code of a local run.

A segment is a whole number of batches, so a picture becomes what it becomes in a local run. An actor has two at most:
one that it paints, and one that has arrived when that is done. What an actor had when it died is painted again by
another. Until a segment is painted the driver holds its pictures; so much is on its way at once, and no more.
"""

from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.errors import ChildError, ModelError
from engine.jobs.kit.ray_cluster import connect, require_ray
from engine.jobs.video.batches import PaintedBatch, VideoBatch
from engine.jobs.video.cluster.actor import CALLS_AT_ONCE, ClusterActor, Fault, PaintedSegment, Place
from engine.jobs.video.cluster.crew import Crew, Member
from engine.jobs.video.cluster.patient import patiently
from engine.jobs.video.job import VideoJob
from engine.jobs.video.stages import STAGES, StageFigures

SEGMENT_PICTURES = 16
SEGMENT_BYTES = 64 * 2**20
AHEAD = CALLS_AT_ONCE + 1  # segments an actor: those it has, and one that is done and waits for its turn
AHEAD_BYTES = 2**30  # of pictures, all segments together, as long as each actor has one
MAX_DEATHS = 3
WAIT_S = 1.0


@dataclass(slots=True, kw_only=True, eq=False)
class _Segment:
    batches: list[VideoBatch]
    pictures_ref: Any
    """In the object store, until they are painted."""
    answer_ref: Any = None
    member: Member | None = None
    """Who has it."""
    painted: list[PaintedBatch] | None = None
    deaths: int = 0
    """Of actors that painted it."""

    @property
    def is_waiting(self) -> bool:
        return self.member is None and self.painted is None

    @property
    def names(self) -> str:
        return f"{self.batches[0].pictures[0].name} to {self.batches[-1].pictures[-1].name}"


class ClusterStages:
    """PaintStages; see there."""

    def __init__(
        self,
        job: VideoJob,
        size: tuple[int, int],
        *,
        most_actors: int | None = None,
        actor: type[ClusterActor] = ClusterActor,
    ) -> None:
        """Seconds to minutes: Ray may have to be started, and every actor loads the model.

        UsageError where Ray is not installed; ModelError or ChildError, in one line, for all else.
        """
        require_ray()
        batch_bytes = job.batch * size[0] * size[1] * 3
        self._segment_batches = max(1, min(SEGMENT_PICTURES // job.batch, SEGMENT_BYTES // batch_bytes))
        self._segment_bytes = self._segment_batches * batch_bytes
        if job.limit is not None:
            segments = -(-job.limit // (self._segment_batches * job.batch))
            most_actors = min(segments, most_actors or segments)
        self._seconds = dict.fromkeys(STAGES, 0.0)
        self._frames = self._waiting = self._workers = self._most_workers = 0
        self._turns = ""
        with ExitStack() as opening:
            # Pictures and what they become, and as much again: what is let go of leaves the store a while later.
            actor_bytes = 2 * 2 * AHEAD * self._segment_bytes
            connection = connect(job.cluster or "auto", actor_bytes=actor_bytes)
            opening.callback(connection.close)
            self._ray = connection.ray
            self._crew = Crew(connection, job, size, most=most_actors, actor=actor)
            opening.callback(self._crew.close)
            self._crew.start()
            self._describe(connection.words)
            self._closing = opening.pop_all()

    def paint(self, batches: Iterator[VideoBatch]) -> Iterator[PaintedBatch]:
        line: deque[_Segment] = deque()
        gathered: list[VideoBatch] = []
        try:
            with closing(patiently(batches)) as read:
                for batch in read:
                    if batch is not None:
                        gathered.append(batch)
                    if len(gathered) == self._segment_batches:
                        line.append(self._segment(gathered))
                        gathered = []
                    yield from self._advanced(line, wait_s=0.0)
                    while len(line) >= self._most_segments:
                        yield from self._advanced(line, wait_s=WAIT_S)
            if gathered:
                line.append(self._segment(gathered))
            while line:
                yield from self._advanced(line, wait_s=WAIT_S)
        finally:
            for segment in line:
                if segment.member is not None:
                    segment.member.sent.remove(segment)
            self._waiting = 0

    def times(self) -> tuple[StageFigures, ...]:
        """Of all actors together. What waits before the first stage is all that is on its way. `workers`: the most at
        once, who may be fewer by now: so many have worked the seconds."""
        frames, workers = self._frames, max(self._most_workers, 1)
        most = self._most_segments * self._segment_batches
        return tuple(
            StageFigures(
                name=name,
                frames=frames,
                seconds=self._seconds[name],
                workers=workers,
                turns=self._turns,
                waiting=self._waiting if name == STAGES[0] else 0,
                most=most if name == STAGES[0] else 0,
            )
            for name in STAGES
        )

    @property
    def places(self) -> tuple[Place, ...]:
        """Where the actors are that paint."""
        return tuple(member.place for member in self._crew.warm if member.place is not None)

    def memory_mb(self) -> float | None:
        """Of all cards together."""
        held = [member.memory_mb for member in list(self._crew.members) if member.memory_mb is not None]
        return sum(held) if held else None

    def close(self) -> None:
        self._closing.close()

    def _describe(self, cluster: str) -> None:
        warm = self._crew.warm
        self._workers = self._most_workers = len(warm)
        loaded = [member.loaded for member in warm if member.loaded is not None]
        first = loaded[0]
        self.device, self.dtype, self.real_steps = first.device, first.dtype, first.real_steps
        machines = {member.machine for member in warm}
        kinds = {(each.device, each.dtype, each.card) for each in loaded}
        self.notes = self._crew.notes
        crew = f"{_counted(len(warm), 'actor')} on {_counted(len(machines), 'machine')}"
        self.notes += [f"painted by {crew}: {cluster}", *first.notes]
        if len(kinds) > 1:
            named = ", ".join(sorted(" ".join(word for word in kind if word) for kind in kinds))
            self.notes.append(f"the actors are not alike ({named}): their pictures may differ in the last digits")

    @property
    def _most_segments(self) -> int:
        workers = max(self._workers, 1)
        return max(workers + 1, min(AHEAD * workers, AHEAD_BYTES // self._segment_bytes))

    def _segment(self, batches: list[VideoBatch]) -> _Segment:
        return _Segment(batches=batches, pictures_ref=self._ray.put([batch.pixels for batch in batches]))

    def _advanced(self, line: deque[_Segment], *, wait_s: float) -> Iterator[PaintedBatch]:
        """Gives out what waits, and takes in what is done, waited for so long; then what is whole, in order."""
        crew = self._crew
        crew.look_around()
        for segment in line:
            if segment.is_waiting:
                self._give(segment)
        given = {segment.answer_ref: segment for segment in line if segment.member is not None}
        done = [given[ref] for ref in crew.attend(list(given), wait_s=wait_s if line else 0.0) if ref in given]
        for segment in sorted(done, key=_place_in_hand):  # what an actor has done first, before what it died of
            if segment.member is not None:  # else its actor was lost a moment ago
                self._take(segment)
        self._workers = len(crew.warm)
        self._most_workers = max(self._most_workers, self._workers)
        self._waiting = sum(len(segment.batches) for segment in line if segment.painted is None)
        while line and line[0].painted is not None:
            for painted in line.popleft().painted or ():
                self._frames += len(painted.batch.pictures)
                yield painted

    def _give(self, segment: _Segment) -> None:
        """To the actor that has least."""
        free = [member for member in self._crew.warm if len(member.sent) < CALLS_AT_ONCE]
        if free:
            member = min(free, key=lambda member: len(member.sent))
            segment.member, segment.answer_ref = member, member.handle.paint.remote(segment.pictures_ref)
            member.sent.append(segment)

    def _take(self, segment: _Segment) -> None:
        member = segment.member
        assert member is not None
        answer = self._crew.answer(segment.answer_ref, member)
        if isinstance(answer, PaintedSegment):
            member.sent.remove(segment)
            segment.member = segment.answer_ref = segment.pictures_ref = None
            # Copies: what lies in the object store stays there while it is held, and is gone with Ray.
            segment.painted = [
                PaintedBatch(batch=batch, pixels=np.array(pixels), fates=np.array(fates))
                for batch, pixels, fates in zip(segment.batches, answer.pixels, answer.fates, strict=True)
            ]
            self._count(member, answer)
            return
        if isinstance(answer, Fault):
            if answer.is_for_the_user:
                raise ModelError(f"on {member.machine}: {answer.text}") from RuntimeError(answer.trace)
            if answer.is_machine_full:
                self._crew.give_up(member, answer)
                self._take_back(member)
                return
            self._crew.lose(member, answer.text)
            self._take_back(member, died_of=segment)
            return
        self._take_back(member, died_of=member.sent[0])  # as far as anybody can know

    def _take_back(self, member: Member, *, died_of: _Segment | None = None) -> None:
        """All that a lost actor had."""
        for segment in member.sent:
            segment.member = segment.answer_ref = None
        member.sent.clear()
        if died_of is None:
            return
        died_of.deaths += 1
        if died_of.deaths == MAX_DEATHS:
            raise ChildError(f"{died_of.names}: {MAX_DEATHS} actors died of them; the last: {self.notes[-1]}")

    def _count(self, member: Member, answer: PaintedSegment) -> None:
        """Of two answers that came together the later one may be taken first: it has told all that the other tells."""
        before = {time.name: time.seconds for time in member.times}
        gained = {time.name: time.seconds - before.get(time.name, 0.0) for time in answer.times}
        if min(gained.values(), default=0.0) < 0.0:
            return
        for name, seconds in gained.items():
            self._seconds[name] += seconds
        self._turns = answer.times[0].turns
        member.times, member.memory_mb = answer.times, answer.memory_mb


def _place_in_hand(segment: _Segment) -> int:
    """Among those that its actor has; it paints them in this order."""
    return -1 if segment.member is None else segment.member.sent.index(segment)


def _counted(count: int, thing: str) -> str:
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"
