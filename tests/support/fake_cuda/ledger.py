"""What a program did with the card: counts, and faults with the line that caused them."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Literal

HERE = str(Path(__file__).parent)
ROOT = Path(__file__).parents[3]


class FaultKind(StrEnum):
    WAIT_IN_CAPTURE = "wait in a capture"
    COPY_IN_CAPTURE = "copy in a capture"
    RANDOM_IN_CAPTURE = "random number in a capture"
    MIXED_DEVICES = "mixed devices"
    RACE = "race"
    FREED_TOO_EARLY = "memory freed while another stream may use it"
    POOL_OVERWRITTEN = "memory of a pool overwritten by another graph"
    PINNED_REUSED = "pinned memory reused too early"
    PAGEABLE_IN_LOOP = "pageable copy in a loop"
    CAPTURE_IN_LOOP = "capture in a loop"
    FREED_BEFORE_REPLAY = "memory of a graph freed before its replay"


@dataclass(frozen=True, slots=True)
class Note:
    what: str
    line: str
    """The innermost line of this project, `engine/models/graphs.py:93`, and of a library that it
    called, if any."""

    def __str__(self) -> str:
        return f"{self.what} at {self.line}"


@dataclass(frozen=True, slots=True)
class Fault(Note):
    kind: FaultKind

    def __str__(self) -> str:
        return f"{self.kind}: {self.what} at {self.line}"


@dataclass(slots=True)
class Tally:
    """Counts of one stretch of work."""

    waits: list[Note] = field(default_factory=list)
    """Every time the host waited for the card."""
    uploads: list[Note] = field(default_factory=list)
    """Copies to the card; `what` is pageable or pinned."""
    downloads: list[Note] = field(default_factory=list)
    """Copies to the host; `what` is pageable or pinned."""
    random: list[Note] = field(default_factory=list)
    """Draws of random numbers on the card."""
    kernels: int = 0
    """Operations launched one by one; a replay counts as none."""
    captures: int = 0
    replays: int = 0


class Ledger:
    """Collects the tallies and faults of one card."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self.total = Tally()
        self._tallies = [self.total]
        self._loops = 0

    @contextmanager
    def tally(self) -> Iterator[Tally]:
        """Counts of this block alone."""
        tally = Tally()
        self._tallies.append(tally)
        try:
            yield tally
        finally:
            self._tallies.remove(tally)

    @contextmanager
    def loop(self) -> Iterator[Tally]:
        """Mark work that is repeated for each picture or block: a pageable copy or a capture in it
        is a fault."""
        self._loops += 1
        try:
            with self.tally() as tally:
                yield tally
        finally:
            self._loops -= 1

    def fault(self, kind: FaultKind, what: str, line: str | None = None) -> None:
        """Note a fault, once for each kind and line."""
        fault = Fault(kind=kind, what=what, line=line or calling_line())
        if all((fault.kind, fault.line) != (each.kind, each.line) for each in self.faults):
            self.faults.append(fault)

    def wait(self, what: str) -> None:
        self._note("waits", what)

    def copy(
        self, way: Literal["upload", "download"], memory: Literal["pageable", "pinned"]
    ) -> None:
        note = self._note(f"{way}s", memory)
        if self._loops and memory == "pageable":
            self.fault(FaultKind.PAGEABLE_IN_LOOP, way, note.line)

    def random(self, what: str) -> None:
        self._note("random", what)

    def kernel(self) -> None:
        for tally in self._tallies:
            tally.kernels += 1

    def replay(self) -> None:
        for tally in self._tallies:
            tally.replays += 1

    def capture(self) -> None:
        for tally in self._tallies:
            tally.captures += 1
        if self._loops:
            self.fault(FaultKind.CAPTURE_IN_LOOP, "graph")

    def _note(self, where: str, what: str) -> Note:
        note = Note(what, calling_line())
        for tally in self._tallies:
            getattr(tally, where).append(note)
        return note


def calling_line() -> str:
    """The innermost line outside of the fake device and the libraries, and of diffusers or
    transformers, if between."""
    frame = sys._getframe(1)
    library = ""
    while frame is not None:
        file = frame.f_code.co_filename
        if (
            file.startswith(f"{ROOT}/")
            and "/site-packages/" not in file
            and not file.startswith(HERE)
        ):
            return f"{Path(file).relative_to(ROOT).as_posix()}:{frame.f_lineno}{library}"
        if not library and (
            "/diffusers/" in file or "/transformers/" in file or "/torchvision/" in file
        ):
            library = f" ({file.rpartition('/site-packages/')[2]}:{frame.f_lineno})"
        frame = frame.f_back
    return "?"
