"""Converts on the machines of a Ray cluster. Spans of several files are converted at once, on
several actors.

Reading, cutting, finishing and the high-pass filter (on the CPU) run on this machine, with the code
of a local run.
"""

import os
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np

from engine.errors import ModelError
from engine.jobs.convert.file_work import FileWork
from engine.jobs.convert.job import ConvertJob
from engine.jobs.convert.loading import VoiceFacts, facts_of, full_line, load_converter
from engine.jobs.kit.ray_pool import Actor, LoadedModel, PieceWorker, Recipe, WorkPiece, open_pool
from engine.models.locate import absolute
from engine.models.rvc.cutting import FRAME, RATE_HZ, SHORT, Piece, Span, group_by_size
from engine.models.rvc.optimization import OptimizationConfig

if TYPE_CHECKING:
    from engine.models.rvc.offline import VoiceConverter

PIECE_BYTES = 32 * 2**20  # a few spans of a minute each, at 16 kHz or the model's rate

Output = TypeVar("Output")


class VoiceWorker:
    """Runs in each actor: converts spans of one size, given with their sound, with the voice of a
    local run."""

    def __init__(self, converter: "VoiceConverter") -> None:
        self._converter = converter
        self.loaded: LoadedModel = facts_of(converter)
        self._last_size = 0

    def process(self, payload: list[Piece]) -> list[np.ndarray]:
        """Convert spans: one sound per span, (span.frames * hop,) float32."""
        from engine.models.card_memory import translate_oom
        from engine.models.device_work import free_memory

        if payload and payload[0].span.size != self._last_size:
            if payload[0].span.start == 0:  # the allocator's cached blocks fit only one span size
                free_memory(self._converter.model.device)
            self._last_size = payload[0].span.size
        with translate_oom(full_line(len(payload), self._last_size)):
            return list(self._converter.convert(payload))

    def memory_mb(self) -> float | None:
        return self._converter.model.card_mb


def open_worker(job: ConvertJob) -> PieceWorker:
    """Load the worker in an actor. `job`: fully resolved on the driver; the actor's environment is
    ignored."""
    return VoiceWorker(load_converter(job, {}))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FileSpans:
    """Spans of one file, all of one size."""

    work: FileWork
    spans: tuple[Span, ...]
    """Empty for a file that is fully converted already."""
    is_last: bool
    """True for the file's last ones."""

    @property
    def seconds(self) -> float:
        return sum(span.frames for span in self.spans) * FRAME / RATE_HZ

    def sounds(self) -> list[Piece]:
        return [] if self.work.is_closed else [self.work.piece(span) for span in self.spans]


class ClusterVoice:
    """The voice on a cluster. Single-threaded, except `high_pass`, which another thread may
    call."""

    def __init__(
        self,
        job: ConvertJob,
        *,
        sounds_s: list[float] | None,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        """See `open_pool`; ConfigError for wrong values in `environ`. `sounds_s`: of the files;
        None if unknown."""
        from engine.models.rvc.highpass import high_pass_on_host

        max_actors = None
        if sounds_s is not None:
            max_actors = max(1, sum(1 + int(seconds / SHORT.center_s) for seconds in sounds_s))

        def recipe_of(own: ConvertJob) -> Recipe:
            switches = own.switches | {"gpu_filter": False, "profiling": False}
            options = OptimizationConfig.resolve(own.device, environ, **switches)
            names = ("model", "index", "content", "rmvpe")
            paths: dict[str, Any] = {name: absolute(getattr(own.spec, name)) for name in names}
            chosen: dict[str, Any] = {name: getattr(options, name) for name in own.switches}
            chosen["dtype"] = "float16" if chosen.pop("fp16") else "float32"
            return partial(open_worker, replace(own, spec=replace(own.spec, **paths), **chosen))

        self._pool = open_pool(job, recipe_of, piece_bytes=PIECE_BYTES, max_actors=max_actors)
        self.facts = cast(VoiceFacts, self._pool.first)
        self.high_pass = high_pass_on_host
        self.memory_mb = self._pool.memory_mb
        self.close = self._pool.close

    @property
    def notes(self) -> list[str]:
        return self._pool.notes("converted", "sounds")

    def pieces(self, work: FileWork) -> Iterator[WorkPiece[FileSpans]]:
        """Yield the waiting spans of a file, in batches of one size; one batch without spans if
        nothing waits."""
        waiting = list(work.waiting)
        groups = group_by_size([span.size for span in waiting], self.facts.options.batch_size) or [
            []
        ]
        for numbers in groups:
            spans = tuple(waiting[number] for number in numbers)
            item = FileSpans(work=work, spans=spans, is_last=numbers is groups[-1])
            start_s = spans[0].start * FRAME / RATE_HZ if spans else 0.0
            name = f"{work.task.source}, from {start_s:.0f} s"
            yield WorkPiece(item=item, payload=item.sounds, name=name, size=len(spans))

    def convert(
        self,
        pieces: Iterator[WorkPiece[FileSpans]],
        receive: Callable[[FileSpans, list[np.ndarray]], Output],
    ) -> Generator[Output | None, None, None]:
        """Like `ActorPool.map`, with converted sounds. ModelError if actors use different pitch
        methods."""

        def received(actor: Actor, piece: WorkPiece[FileSpans], parts: list[np.ndarray]) -> Output:
            own = cast(VoiceFacts, actor.loaded).pitch
            first = self.facts.pitch
            if own != first:
                differs = f"pitch detection uses {own}, elsewhere {first}"
                raise ModelError(f"on {actor.machine}: {differs}; choose one with --f0")
            return receive(piece.item, parts)

        return self._pool.map(pieces, received)
