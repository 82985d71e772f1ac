"""Passes batches through the stage processes, and determines the cause if one fails."""

import logging
import math
import os
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import wait
from typing import Final, NoReturn

from engine.errors import ModelError, PipeClosedError
from engine.ipc import sweep_dead_rings
from engine.jobs.video.batches import PaintedBatch, VideoBatch
from engine.jobs.video.split.build import BuiltStages, StageLayout
from engine.jobs.video.split.feeder import Feeder
from engine.jobs.video.split.link import LinkMemory, Slot
from engine.jobs.video.split.main_memory import MainMemory
from engine.jobs.video.split.messages import StageReady
from engine.jobs.video.split.patience import Patience
from engine.jobs.video.split.process import StageProcess
from engine.jobs.video.split.stage_process import EXIT_NEIGHBOUR_GONE
from engine.jobs.video.stages import STAGES, StageFigures
from engine.models.sd.painting import accept_black_sources
from engine.system.bounded_queue import WAKE_S

log = logging.getLogger(__name__)

CAUSE_S: Final = 5.0  # after the first death, to collect messages and find the process that failed first
ENDING_S: Final = 0.02
KILLED: Final = -9  # SIGKILL
SHORT_OF_MEMORY: Final = "probably out of memory: give a smaller --batch, --scale or --pipe"


class StagePool:
    """Loaded and warm once constructed. Single-threaded, except `times`, `memory_mb` and `processes_mb`."""

    def __init__(
        self, layout: StageLayout, *, ready_within_s: float = math.inf, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        """ModelError in one line if a process, its memory or its model fails, or is not ready in time."""
        sweep_dead_rings()  # shared memory left by a killed run
        self._layout = layout
        self._built = BuiltStages(layout)
        self._memory = MainMemory([os.getpid(), *self.pids])
        self._feeder: Feeder | None = None
        self._patience = Patience(clock)
        self._overdue = ""
        self._is_open = True
        try:
            self._wait_ready(clock, clock() + ready_within_s)
            if self.memory_mb() is not None:
                self._memory.close()  # on a GPU its memory is reported instead
        except BaseException:
            self.close()
            raise

    @property
    def ready(self) -> list[StageReady]:
        """Messages of the warm processes, in processing order."""
        return [process.ready for process in self._built.processes if process.ready is not None]

    @property
    def pids(self) -> list[int]:
        """Process ids in processing order."""
        return [process.pid for process in self._built.processes]

    def paint(self, batches: Iterator[VideoBatch]) -> Iterator[PaintedBatch]:
        """See PaintStages. After an error or an abandoned stream, only `close` may be called."""
        assert self._is_open and self._feeder is None, "closed, or the previous stream was not read to its end"
        results = self._built.results
        self._given_before = {link: link.figures().given for links in self._built.into.values() for link in links}
        self._feeder = feeder = Feeder(batches, self._built.feeds)
        feeder.start()
        number, is_broken = 0, False
        self._patience.idle()
        try:
            while (slot := self._take(number)) is not None:
                assert slot.number == number, f"got batch {slot.number} instead of {number}"
                pixels, fates = slot.arrays["rgb"].copy(), slot.arrays["fates"].copy()
                results[number % len(results)].give_back(slot)
                slot = None
                number += 1
                batch = feeder.sent.popleft()
                yield PaintedBatch(batch=batch, pixels=pixels, fates=accept_black_sources(fates, pixels, batch.pixels))
            for other in range(1, len(results)):
                assert self._take(number + other) is None, "batches are dealt in turn: all have ended"
        except PipeClosedError:
            slot, is_broken = None, True
        finally:
            feeder.stop()
        if is_broken:
            self._fail()  # outside `except`, where the error would keep the slot, and so the mapping, alive
        feeder.join()
        self._feeder = None
        if feeder.error is not None:
            raise feeder.error

    def times(self) -> tuple[StageFigures, ...]:
        return tuple(self._time(stage) for stage in STAGES)

    def memory_mb(self) -> float | None:
        """Device memory of all processes together, in MiB; None on a CPU."""
        held = 0.0
        for ready, links in zip(self.ready, self._built.out_of_each, strict=True):
            if ready.memory_mb is None:
                return None
            held += max(ready.memory_mb, *(link.figures().memory_mb for link in links))
        return held

    def processes_mb(self) -> float:
        """See StagesInProcesses."""
        self._memory.look()
        return self._memory.peak_mb

    def close(self) -> None:
        if not self._is_open:
            return
        self._is_open = False
        self._built.kill()
        self._memory.close()
        if self._feeder is not None:
            self._feeder.stop()
        self._built.close()

    def _time(self, stage: str) -> StageFigures:
        into, out_of = self._built.into[stage], self._built.out_of[stage]
        worked = [link.figures() for link in out_of]
        return StageFigures(
            name=stage,
            frames=sum(each.frames for each in worked),
            seconds=sum(each.seconds[stage] for each in worked),
            workers=self._layout.count if self._layout.is_whole or stage == "process" else 1,
            turns="paint" if self._layout.is_whole else "",
            waiting=sum(link.figures().waiting for link in into),
            most=sum(link.plan.slots for link in into),
        )

    def _take(self, number: int) -> Slot | None:
        """Receive batch `number`; None at the end of the stream. PipeClosedError if a process has ended, or hangs on
        this batch."""
        assert self._feeder is not None
        self._patience.wait()
        result = self._built.results[number % len(self._built.results)]
        pipes = [process.connection for process in self._built.processes]
        while True:
            ready = wait([result.connection, *pipes], WAKE_S)
            if result.connection in ready:
                slot = result.take()
                if slot is not None:
                    self._patience.came()
                return slot
            if ready:
                raise PipeClosedError("a stage process is about to end")
            if not self._feeder.sent:
                self._patience.idle()  # no timeout for the source
            elif self._patience.is_over:
                title = self._at_work_on(number).title
                self._overdue = f"the {title} stage hangs: no batch for {self._patience.limit_s:.0f} s; it was killed"
                raise PipeClosedError(self._overdue)

    def _at_work_on(self, number: int) -> StageProcess:
        """The process that is working on this batch: the last one that it reached."""
        processes, into, painter = self._built.processes, self._built.into, number % self._layout.count
        if self._layout.is_whole:
            return processes[painter]
        if self._has_come(into["decode"], number):
            return processes[-1]
        return processes[1 + painter] if self._has_come(into["process"], number) else processes[0]

    def _has_come(self, links: list[LinkMemory], number: int) -> bool:
        link = links[number % len(links)]
        return link.figures().given - self._given_before[link] > number // len(links)

    def _wait_ready(self, clock: Callable[[], float], deadline_s: float) -> None:
        processes = self._built.processes
        while len(self.ready) < len(processes):
            if clock() > deadline_s:
                raise ModelError("its processes were not ready in time")
            wait([process.connection for process in processes if process.ready is None], WAKE_S)
            for process in processes:
                process.listen()
            if any(process.is_leaving for process in processes):
                self._fail()

    def _fail(self) -> NoReturn:
        """End all processes after one has failed, and raise an error with its reason."""
        culprit = None if self._overdue else self._culprit()
        self._built.kill()
        reason = self._overdue or "--stages split: all stage processes ended at once, for an unknown reason"
        if culprit is not None:
            reason = culprit.reason()
            if culprit.fault is None and culprit.exit_code == KILLED:  # with a fault, `kill` above may have ended it
                reason += f"; {SHORT_OF_MEMORY}"
            log.debug("%s: %s", culprit.title, "\n".join(culprit.last_lines()))
        self.close()
        raise ModelError(reason)

    def _culprit(self) -> StageProcess | None:
        """The process that failed first. The others exit because their neighbours have."""
        end_s = time.perf_counter() + CAUSE_S
        while time.perf_counter() < end_s:
            is_any_running = False
            for process in self._built.processes:
                process.listen()
                if process.fault is not None or process.exit_code not in (None, EXIT_NEIGHBOUR_GONE):
                    return process
                is_any_running |= process.exit_code is None
            if not is_any_running:
                return None
            time.sleep(ENDING_S)  # a pipe closes shortly before its process exits
        return None
