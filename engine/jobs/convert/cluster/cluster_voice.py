"""The voice on the machines of a Ray cluster. Spans of several files are converted at once, on several actors.

Reading, cutting and finishing run on this machine, with the same code as a local run. So does the high-pass filter, on
the CPU.
"""

import os
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from engine.errors import ModelError
from engine.jobs.convert.cluster.voice_recipe import ConvertedSpans, LoadedVoice, VoiceRecipe
from engine.jobs.convert.file_work import FileWork
from engine.jobs.convert.job import ConvertJob
from engine.jobs.kit.model_pool import absolute_if_here, open_pool, unlike_note
from engine.jobs.kit.ray_actor import Recipe
from engine.jobs.kit.ray_pool import Actor, ActorShare
from engine.models.rvc import VoiceSpec
from engine.models.rvc.cutting import FRAME, RATE_HZ, SHORT, Piece, Span, equally_long
from engine.models.rvc.optimization import OptimizationConfig

PIECE_BYTES = 32 * 2**20  # a few spans of a minute each, at 16 kHz or the model's rate

Output = TypeVar("Output")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SpanPiece:
    """A WorkPiece of jobs/kit/ray_pool.py: spans of one file, all of one size."""

    work: FileWork
    spans: tuple[Span, ...]
    """Empty for a file that is fully converted already."""
    is_last: bool
    """True for the file's last piece."""

    @property
    def payload(self) -> list[Piece]:
        return [] if self.work.is_closed else [self.work.piece(span) for span in self.spans]

    @property
    def name(self) -> str:
        start_s = self.spans[0].start * FRAME / RATE_HZ if self.spans else 0.0
        return f"{self.work.task.source}, from {start_s:.0f} s"

    @property
    def size(self) -> int:
        return len(self.spans)

    @property
    def seconds(self) -> float:
        return sum(span.frames for span in self.spans) * FRAME / RATE_HZ


class ClusterVoice:
    """Single-threaded, except `high_pass`, which another thread may call."""

    def __init__(
        self, job: ConvertJob, *, sounds_s: list[float] | None, environ: Mapping[str, str] = os.environ
    ) -> None:
        """Takes seconds to minutes: Ray may have to be started, and every actor loads the model.

        `sounds_s`: lengths of the files, or None if not all are known. UsageError if Ray is not installed; ModelError
        or ChildError, in one line, for everything else; ConfigError for wrong values in `environ`.
        """
        max_actors = None
        if sounds_s is not None:
            max_actors = max(1, sum(1 + int(seconds / SHORT.center_s) for seconds in sounds_s))

        def recipe_for(share: ActorShare) -> Recipe[list[Piece], ConvertedSpans, LoadedVoice]:
            switches = job.switches | {"gpu_filter": False, "profiling": False}
            options = OptimizationConfig.resolve(share.device, environ, **switches)
            return VoiceRecipe(
                job=replace(
                    job,
                    cluster=None,
                    device=share.device,
                    threads=share.threads,
                    spec=_absolute(job.spec),
                    batch_size=options.batch_size,
                    fp16=options.fp16,
                    gpu_filter=options.gpu_filter,
                    gpu_retrieval=options.gpu_retrieval,
                    profiling=options.profiling,
                )
            )

        self._memory_mb: dict[Actor[LoadedVoice], float | None] = {}
        with ExitStack() as opening:
            self._pool = opening.enter_context(
                open_pool(
                    job.cluster or "auto",
                    recipe_for,
                    device=job.device,
                    threads=job.threads,
                    piece_bytes=PIECE_BYTES,
                    max_actors=max_actors,
                )
            )
            loaded = self._pool.loaded
            self.facts = loaded[0].facts
            for each in self._pool.warm:
                self._check_alike(each)
            self.settings, self.options, self.cutting = self.facts.settings, self.facts.options, self.facts.cutting
            self.hop, self.rate_hz = self.facts.hop, self.facts.rate_hz
            self.notes = self._pool.notes
            self.notes += [f"converted by {self._pool.words}", *self.facts.notes]
            self.notes += unlike_note(((each.facts.device, each.facts.dtype, each.card) for each in loaded), "sounds")
            self._closing = opening.pop_all()

    def high_pass(self, sound: np.ndarray) -> np.ndarray:
        """(n,) at 16 kHz, high-pass filtered at 48 Hz."""
        from engine.models.rvc.highpass import high_pass_on_host

        return high_pass_on_host(sound)

    def pieces(self, work: FileWork) -> Iterator[SpanPiece]:
        """The waiting spans of a file, in batches of one size; one batch without spans if nothing waits."""
        spans = list(work.waiting)
        groups = equally_long([span.size for span in spans], self.options.batch_size) or [[]]
        for numbers in groups:
            is_last = numbers is groups[-1]
            yield SpanPiece(work=work, spans=tuple(spans[number] for number in numbers), is_last=is_last)

    def convert(
        self, pieces: Iterator[SpanPiece], receive: Callable[[SpanPiece, tuple[np.ndarray, ...]], Output]
    ) -> Generator[Output, None, None]:
        """Yield `receive`'s result for each piece and its converted sound, in order. `receive` is called as soon as a
        piece is converted, and must copy sound that it keeps."""

        def received(actor: Actor[LoadedVoice], piece: SpanPiece, answer: ConvertedSpans) -> Output:
            self._check_alike(actor)
            self._memory_mb[actor] = answer.memory_mb
            return receive(piece, answer.parts)

        return self._pool.map(pieces, received)

    def memory_mb(self) -> float | None:
        """Memory of all cards together."""
        held = [self._memory_mb.get(actor) for actor in self._pool.actors]
        known = [each for each in held if each is not None]
        return sum(known) if known else None

    def close(self) -> None:
        """Leave the cluster. Idempotent."""
        self._closing.close()

    def _check_alike(self, actor: Actor[LoadedVoice]) -> None:
        """ModelError for an actor with another pitch method: one file must not mix two."""
        assert actor.loaded is not None
        own, first = actor.loaded.facts.pitch, self.facts.pitch
        if own != first:
            raise ModelError(f"on {actor.machine}: pitch detection uses {own}, elsewhere {first}; choose one with --f0")


def _absolute(spec: VoiceSpec) -> VoiceSpec:
    return replace(
        spec,
        model=absolute_if_here(spec.model),
        index=absolute_if_here(spec.index),
        content=absolute_if_here(spec.content),
        rmvpe=absolute_if_here(spec.rmvpe),
    )
