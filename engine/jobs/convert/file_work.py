"""A file in progress: it is read, converted span by span, finished. Its temporary audio is in a
hidden folder."""

import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np

from engine.errors import AudioError, SinkError, UsageError
from engine.jobs.convert.finishing import ConvertedVoice, FinishedVoice
from engine.jobs.convert.formats import form_of, rate_for
from engine.jobs.convert.job import RATES_HZ
from engine.jobs.convert.loading import VoiceFacts
from engine.jobs.convert.model_input import HighPass, write_input
from engine.jobs.convert.scratch import Scratch
from engine.jobs.convert.sounds import Sound
from engine.jobs.convert.tasks import Task
from engine.jobs.convert.writing import open_writer, subtype_of
from engine.jobs.kit.fingerprint import Fingerprint, differences, fingerprint_of
from engine.jobs.kit.job_folder import JobFolder, Shape, work_folder_of
from engine.jobs.kit.resuming import mark_of
from engine.models.rvc.cutting import FRAME, RATE_HZ, Piece, Span, cut_into_spans, read_piece
from engine.system.atomic_file import MAX_JOB_WAIT_S, move_into_place
from engine.system.undoing import undo_on_error
from engine.system.work_folder import file_key

SHAPES: tuple[Shape, ...] = (
    {"heard": dict[str, Any]},
    {"done": dict[str, int]},
    {"published": list[int]},
)
"""The shapes of its journal entries."""


@dataclass(slots=True, kw_only=True)
class FileState:
    """Progress of a file, as read from the journal: the last `heard` entry and all `done` entries
    combined."""

    source_samples: int = 0
    """0 until the whole source has been read."""
    peak: float = 0.0
    begins_s: str = "0"
    """A fraction, as text."""
    notes: list[str] = field(default_factory=list)
    heard_crc: int = 0
    """CRC-32 of the model's input."""
    done: dict[int, int] = field(default_factory=dict)
    """CRC-32 of each converted span, keyed by its first frame."""

    def entries(self) -> Iterator[dict[str, Any]]:
        """The journal entries that represent this state."""
        values = asdict(self)
        done = values.pop("done")
        yield {"heard": values}
        yield {"done": done}


def read_state(entries: Iterable[dict[str, Any]]) -> FileState | None:
    """Read a file's state from journal entries; None if they do not describe one."""
    values: dict[str, Any] = {"done": {}}
    try:
        for entry in entries:
            values |= entry.get("heard", {})
            values["done"] |= entry.get("done", {})
        return msgspec.convert(values, FileState, str_keys=True)  # JSON keys are strings
    except (TypeError, msgspec.ValidationError):
        return None


class FileWork:
    """A file in progress, passed from the reader thread to the converting thread to the writer;
    never used by two at once. Each step raises MultiverseError, in one line, if this file cannot be
    read or written."""

    def __init__(
        self,
        task: Task,
        sound: Sound,
        voice: VoiceFacts,
        high_pass: HighPass,
        settings: Fingerprint,
        *,
        resume: bool,
    ) -> None:
        """`settings`: the fingerprint without the source."""
        self.task = task
        self.sound = sound
        self.waiting: list[Span] = []
        """Not yet converted, in order."""
        self.is_closed = False
        """True once it was finished or given up; its temporary audio can no longer be read."""
        self._voice = voice
        self._high_pass = high_pass
        self._source_before = self._source_key()
        self._work = JobFolder(
            task.output,
            fingerprint_of(settings | {"the source": self._source_before}),
            shapes=SHAPES,
        )
        self._folder = self._work.path
        with undo_on_error(self._work.leave):
            self._state = self._stored_state(resume=resume)
            self._source = Scratch(self._folder / "heard.f32")
            self._converted = Scratch(self._folder / "converted.f32")

    def _stored_state(self, *, resume: bool) -> FileState:
        """The state of an interrupted run. Starts from the beginning if there is none, or with a
        note if it differs."""
        before = self._work.stored_fingerprint if resume else None
        if before is not None:
            difference = differences(before, self._work.fingerprint)
            state = None if difference else read_state(self._work.entries())
            if state is not None:
                self._work.resume(state.entries())
                return state
            if difference and self._work.has_entries:
                self.sound.notes.append(f"started again: {difference}")
        self._work.begin()
        return FileState()

    @property
    def seconds(self) -> float:
        """Length of the source; valid after `read_source`."""
        return self._state.source_samples / self.sound.rate_hz

    @property
    def waiting_s(self) -> float:
        """Length of the unconverted spans."""
        return sum(span.frames for span in self.waiting) * FRAME / RATE_HZ

    @property
    def is_begun(self) -> bool:
        """True if spans are converted, so that a run can be resumed."""
        return bool(self._state.done)

    def read_source(self, is_stopped: Callable[[], bool]) -> bool:
        """Read the source as input for the model, and cut it into spans; False if it was
        stopped."""
        state = self._state
        voice = self._voice
        is_damaged = bool(state.source_samples) and self._source.crc() != state.heard_crc
        if not state.source_samples or is_damaged:
            self._source.empty()
            input_facts = write_input(self.sound, self._source, self._high_pass, is_stopped)
            if input_facts is None:
                return False
            self._check_source()
            state.source_samples = input_facts.source_samples
            state.peak = input_facts.peak
            state.heard_crc = self._source.crc()
            state.begins_s = str(self.sound.begins_s)
            state.notes = self.sound.notes
            self._work.append(next(state.entries()))
        self.sound.begins_s = Fraction(state.begins_s)
        self.sound.notes = list(state.notes)
        spans = cut_into_spans(self._source.read, self._source.samples, voice.cutting)
        self._voice_on_disk = ConvertedVoice(
            source_16k=self._source,
            source_peak=state.peak,
            converted=self._converted,
            spans=spans,
            hop=voice.hop,
            rate_hz=voice.rate_hz,
            source_s=Fraction(state.source_samples, self.sound.rate_hz),
        )
        self._drop_damaged(is_damaged)
        self.waiting = [span for span in spans if span.start not in state.done]
        return True

    def _drop_damaged(self, is_source_damaged: bool) -> None:
        """Count a span as done only if its checksum matches; damaged ones get a note and are
        converted again."""
        done = self._state.done
        stored = self._converted
        for number, span in enumerate(self._voice_on_disk.spans):
            if span.start not in done:
                continue
            part = stored.read(
                self._voice_on_disk.first_sample_of(number), span.frames * self._voice_on_disk.hop
            )
            if zlib.crc32(part.data) != done[span.start]:
                del done[span.start]
                self.sound.notes.append(
                    f"{stored.path}: piece {number + 1} is damaged; it is converted again"
                )
        if is_source_damaged:
            self.sound.notes.append(f"{self._source.path}: was damaged; the source was read again")

    def piece(self, span: Span) -> Piece:
        piece = read_piece(span, self._source.read, self._source.samples)
        np.multiply(piece.sound, self._voice_on_disk.input_gain, out=piece.sound)
        return piece

    def store_spans(self, spans: Sequence[Span], parts: Sequence[np.ndarray]) -> None:
        """Store the converted spans, and record them in the journal."""
        for span, part in zip(spans, parts, strict=True):
            self._converted.write(
                self._voice_on_disk.first_sample_of(self._voice_on_disk.spans.index(span)), part
            )
            self.waiting.remove(span)
            self._state.done[span.start] = zlib.crc32(np.ascontiguousarray(part, np.float32).data)
        self._work.append({"done": {span.start: self._state.done[span.start] for span in spans}})

    def finish(self, rate_hz: int | Literal["source", "model"], *, overwrite: bool) -> None:
        """Write the output, move it to its name, and remove the hidden folder."""
        output = self.task.output
        form = form_of(output)
        own_hz = self.sound.rate_hz if rate_hz == "source" else self._voice.rate_hz
        requested_hz = rate_hz if isinstance(rate_hz, int) else own_hz
        rate = rate_for(form, min(max(requested_hz, RATES_HZ[0]), RATES_HZ[1]))
        is_float = subtype_of(self.sound, form) == "FLOAT"
        finished = FinishedVoice(
            self._voice_on_disk, settings=self._voice.settings, rate_hz=rate, is_float=is_float
        )
        new = self._folder / f"new{output.suffix}"
        has_pictures = bool(form.codec) and self.sound.has_video
        if has_pictures:
            self._check_source()
        writer = open_writer(new, form, rate, self.sound)
        with undo_on_error(writer.discard):
            for block in finished.blocks():
                writer.write(block)
            writer.close()
        if has_pictures:
            self._check_source()
        self.sound.notes += finished.notes + writer.notes
        if rate != requested_hz:
            self.sound.notes.append(
                f"{output.suffix} cannot have {requested_hz} Hz: it has {rate} Hz"
            )
        if output.exists() and not overwrite:
            raise UsageError(
                f"{output}: was created meanwhile by another program; it was not replaced"
            )
        self._work.append({"published": mark_of(new)})
        try:
            move_into_place(new, output, timeout_s=MAX_JOB_WAIT_S)
        except OSError as error:  # on Windows also if another program has it open
            raise SinkError(f"{output}: cannot be replaced ({error.strerror or error})") from error
        self.discard()

    def close(self) -> None:
        """Close the files; the converted part stays on the disk, for --resume."""
        self._close_sounds()
        self._work.leave()

    def discard(self) -> None:
        self._close_sounds()
        self._work.remove()

    def _check_source(self) -> None:
        """AudioError if the source was changed since it was read: voice and video would not belong
        together."""
        if self._source_key() != self._source_before:
            self._state.done.clear()  # nothing to resume
            raise AudioError(f"{self.task.source}: changed during the conversion; convert it again")

    def _source_key(self) -> list[Any]:
        try:
            return file_key(self.task.source)
        except OSError as error:
            raise AudioError(
                f"{self.task.source}: no longer exists ({error.strerror or error})"
            ) from error

    def _close_sounds(self) -> None:
        self.is_closed = True
        self._source.close()
        self._converted.close()


def remove_leftover(output: Path) -> None:
    """Remove the working folder of a run that was killed after publishing `output`."""
    if not work_folder_of(output).exists():
        return
    try:
        work = JobFolder(output, {}, shapes=SHAPES)
    except SinkError:  # another run uses it, or it cannot be removed
        return
    if work.stored_fingerprint is None or any(
        entry.get("published") == mark_of(output) for entry in work.entries()
    ):
        work.remove()
    else:
        work.leave()
