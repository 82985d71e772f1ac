"""Starts and stops the stage processes and the links between them.

parent -> encode -> process (N of them) -> decode -> parent    if encoding and decoding deserve their own processes
parent -> whole (N of them) -> parent                          otherwise
"""

from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing.connection import Connection, Pipe

import msgspec

from engine.errors import ChildError, ModelError, SharedMemoryError
from engine.jobs.video.split.link import Consumer, Fields, LinkMemory, Producer
from engine.jobs.video.split.messages import BeginStage
from engine.jobs.video.split.process import StageProcess
from engine.jobs.video.stages import STAGES
from engine.models.sd.painting import Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class StageLayout:
    """Processes of a run and their settings."""

    begin: BeginStage
    """The settings of each process, without its role and links."""
    count: int
    """Number of parallel painting processes."""
    threads_beside: int
    """CPU threads of processes that only encode or decode; `begin` has the number for the others."""
    is_whole: bool
    """True if each process also encodes and decodes its batches."""
    sees_pixels: bool
    """True if the painting needs the pictures in addition to their latents."""


class Link:
    """One link, in the process that creates it and passes its ends on."""

    def __init__(self, name: str, fields: Fields) -> None:
        self.taking, self.giving = Pipe()
        try:
            self.memory = LinkMemory(name, fields)
        except BaseException:
            self.taking.close()
            self.giving.close()
            raise

    def producer(self) -> Producer:
        """The producer's end, for this process."""
        return Producer(self.memory.plan, self.giving, self.memory.memory)

    def consumer(self) -> Consumer:
        return Consumer(self.memory.plan, self.taking, self.memory.memory)

    def close(self) -> None:
        self.taking.close()
        self.giving.close()
        self.memory.close()


class BuiltStages:
    """The stage processes, while loading, and this process's ends of the links. Single-threaded; figures from any
    thread."""

    def __init__(self, layout: StageLayout) -> None:
        """ModelError if a process or its memory cannot be created; then none is left."""
        self.processes: list[StageProcess] = []
        self.feeds: list[Producer] = []
        """Batch k goes to `feeds[k % len(feeds)]`."""
        self.results: list[Consumer] = []
        """Batch k comes from `results[k % len(results)]`."""
        self.into: dict[str, list[LinkMemory]] = {stage: [] for stage in STAGES}
        self.out_of: dict[str, list[LinkMemory]] = {stage: [] for stage in STAGES}
        self.out_of_each: list[list[LinkMemory]] = []
        """In the order of `processes`."""
        self._layout = layout
        self._links: list[Link] = []
        with ExitStack() as undo:
            undo.callback(self.close)
            try:
                if layout.is_whole:
                    self._start_whole()
                else:
                    self._start_stages()
            except (SharedMemoryError, ChildError) as error:
                raise ModelError(f"--stages split: {error}") from error
            except OSError as error:
                raise ModelError(f"--stages split: no process can be started: {error.strerror or error}") from error
            undo.pop_all()

    def kill(self) -> None:
        """Kill the processes, which hold no unsaved data. Idempotent."""
        for process in self.processes:
            process.kill()

    def close(self) -> None:
        """End everything. No other thread may use the links after this."""
        self.kill()
        for process in self.processes:
            process.close()
        for end in (*self.feeds, *self.results):
            end.close()
        for link in self._links:
            link.close()

    def _start_stages(self) -> None:
        layout, begin = self._layout, self._layout.begin
        pixels, latents, fates = slot_fields(begin)
        first = self._link("encode", (pixels,))
        last = self._link("painted", (pixels, fates))
        numbers = range(layout.count)
        encoded = [self._link("process", (latents, pixels) if layout.sees_pixels else (latents,)) for _ in numbers]
        painted = [self._link("decode", (latents, fates)) for _ in numbers]
        self.feeds, self.results = [first.producer()], [last.consumer()]
        self._start("encode", "encode", [first], encoded)
        for number in numbers:
            self._start(self._title(number), "process", [encoded[number]], [painted[number]])
        self._start("decode", "decode", painted, [last])

    def _start_whole(self) -> None:
        pixels, _, fates = slot_fields(self._layout.begin)
        numbers = range(self._layout.count)
        given = [self._link("process", (pixels,)) for _ in numbers]
        painted = [self._link("painted", (pixels, fates)) for _ in numbers]
        self.feeds, self.results = [link.producer() for link in given], [link.consumer() for link in painted]
        for number in numbers:
            self._start(self._title(number), "whole", [given[number]], [painted[number]])

    def _title(self, number: int) -> str:
        count = self._layout.count
        return f"process {number + 1} of {count}" if count > 1 else "process"

    def _link(self, name: str, fields: Fields) -> Link:
        link = Link(name, fields)
        self._links.append(link)
        return link

    def _start(self, title: str, role: Stage, inputs: list[Link], outputs: list[Link]) -> None:
        plans = [tuple(link.memory.plan for link in links) for links in (inputs, outputs)]
        layout = self._layout
        threads = layout.threads_beside if role in ("encode", "decode") else layout.begin.threads
        begin = msgspec.structs.replace(layout.begin, role=role, threads=threads, inputs=plans[0], outputs=plans[1])
        ends: tuple[list[Connection], list[Connection]] = (
            [link.taking for link in inputs],
            [link.giving for link in outputs],
        )
        self.processes.append(StageProcess(title, begin, *ends))
        for end in (*ends[0], *ends[1]):
            end.close()  # while this copy stayed open, neighbours would not notice the process's death
        self.out_of_each.append([link.memory for link in outputs])
        self.into["encode" if role == "whole" else role] += [link.memory for link in inputs]
        for stage in STAGES if role == "whole" else (role,):
            self.out_of[stage] += [link.memory for link in outputs]


def slot_fields(begin: BeginStage) -> Fields:
    """Layout of the possible arrays of a slot: pixels, latents, fates."""
    size = begin.batch, begin.height, begin.width
    return (
        ("rgb", (*size, 3), "u1"),
        ("z", (begin.batch, 4, begin.height // 8, begin.width // 8), "<f4"),
        ("fates", (begin.batch,), "u1"),
    )
