"""One file on its way: heard, converted span by span, finished. Its sounds lie in a hidden folder beside the output."""

import zlib
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from engine.errors import AudioError, SinkError, UsageError
from engine.jobs.convert.finishing import Finished, Made
from engine.jobs.convert.formats import form_of, rate_for
from engine.jobs.convert.hearing import hear
from engine.jobs.convert.job import RATES_HZ
from engine.jobs.convert.journal import Journal, read_journal
from engine.jobs.convert.scratch import Scratch
from engine.jobs.convert.sounds import Sound
from engine.jobs.convert.tasks import Task
from engine.jobs.convert.writing import open_writer
from engine.models.rvc.cutting import FRAME, RATE_HZ, Piece, Span, piece_of, spans_of
from engine.models.rvc.levels import MAX_PEAK_IN, limiting_gain
from engine.system.atomic_file import MAX_HELD_JOB_S, move_into_place
from engine.system.work_folder import WorkFolder, file_key

if TYPE_CHECKING:
    from engine.models.rvc.offline import VoiceConverter


class FileWork:
    """Passed from the reading thread to the converting one and on to the writing one: never used by two at once.

    MultiverseError, in one line, from each step where this file cannot be had or written.
    """

    def __init__(
        self, task: Task, sound: Sound, converter: "VoiceConverter", key: dict[str, Any], *, resume: bool
    ) -> None:
        """`key`: what the result depends on, the source apart."""
        self.task = task
        self.sound = sound
        self.waiting: list[Span] = []
        """Not yet converted, in order."""
        self._converter = converter
        self._place = WorkFolder(task.output)
        self._folder = self._place.path
        try:
            key = key | {"source": self._source_key()}
            journal = read_journal(self._folder, key) if resume else None
            self.is_resumed = journal is not None
            self._journal = journal or Journal(key=key)
            if journal is None:
                self._place.empty()
            self._heard, self._converted = Scratch(self._folder / "heard.f32"), Scratch(self._folder / "converted.f32")
        except BaseException:
            self._place.close()
            raise

    @property
    def seconds(self) -> float:
        """Of the source; known when it was heard."""
        return self._journal.source_samples / self.sound.rate_hz

    @property
    def waiting_s(self) -> float:
        """Of it, what is not yet converted."""
        return sum(span.frames for span in self.waiting) * FRAME / RATE_HZ

    @property
    def is_begun(self) -> bool:
        """Whether something was converted that is worth to go on from."""
        return bool(self._journal.done)

    def hear(self, is_stopped: Callable[[], bool]) -> bool:
        """The source as the model hears it, and how it is cut; False when it was stopped."""
        journal, converter = self._journal, self._converter
        is_damaged = bool(journal.source_samples) and self._heard.crc() != journal.heard_crc
        if not journal.source_samples or is_damaged:
            self._heard.empty()
            heard = hear(self.sound, self._heard, converter.high_pass, is_stopped)
            if heard is None:
                return False
            self._check_source()
            journal.source_samples, journal.peak = heard.source_samples, heard.peak
            journal.heard_crc = self._heard.crc()
            journal.begins_s, journal.notes = str(self.sound.begins_s), self.sound.notes
            journal.save(self._folder)
        self.sound.begins_s, self.sound.notes = Fraction(journal.begins_s), list(journal.notes)
        samples = self._heard.samples
        spans = spans_of(self._heard.read, samples, converter.cutting)
        self._made = Made(
            heard=self._heard,
            limiting_gain=limiting_gain(journal.peak, MAX_PEAK_IN),
            converted=self._converted,
            spans=spans,
            hop=converter.hop,
            rate_hz=converter.rate_hz,
            source_s=Fraction(journal.source_samples, self.sound.rate_hz),
        )
        self._drop_damaged(is_damaged)
        self.waiting = [span for span in spans if span.start not in journal.done]
        return True

    def _drop_damaged(self, is_heard_damaged: bool) -> None:
        """Only what is still as it was written counts as done; the rest is told, and made again."""
        done, kept = self._journal.done, self._converted
        for number, span in enumerate(self._made.spans):
            if span.start not in done:
                continue
            part = kept.read(self._made.place_of(number), span.frames * self._made.hop)
            if zlib.crc32(part) != done[span.start]:
                del done[span.start]
                self.sound.notes.append(f"{kept.path}: piece {number + 1} is damaged; it is converted again")
        if is_heard_damaged:
            self.sound.notes.append(f"{self._heard.path}: was damaged; the source was heard again")

    def piece(self, span: Span) -> Piece:
        piece = piece_of(span, self._heard.read, self._heard.samples)
        np.multiply(piece.sound, np.float32(self._made.limiting_gain), out=piece.sound)
        return piece

    def keep(self, spans: Sequence[Span], parts: Sequence[np.ndarray]) -> None:
        """What was made of them; they wait no longer."""
        for span, part in zip(spans, parts, strict=True):
            self._converted.write(self._made.place_of(self._made.spans.index(span)), part)
            self.waiting.remove(span)
            self._journal.done[span.start] = zlib.crc32(np.ascontiguousarray(part, np.float32))
        self._journal.save(self._folder)

    def finish(self, rate_hz: int | Literal["source", "model"], *, overwrite: bool) -> None:
        """The output under its own name; the hidden folder is gone."""
        output = self.task.output
        form = form_of(output)
        wanted_hz = {"source": self.sound.rate_hz, "model": self._converter.rate_hz}.get(rate_hz, rate_hz)
        rate = rate_for(form, min(max(wanted_hz, RATES_HZ[0]), RATES_HZ[1]))
        finished = Finished(self._made, share=self._converter.settings.rms_mix, rate_hz=rate)
        new = self._folder / f"new{output.suffix}"
        has_pictures = bool(form.codec) and self.sound.has_video
        if has_pictures:
            self._check_source()
        writer = open_writer(new, form, rate, self.sound)
        try:
            for block in finished.blocks():
                writer.write(block)
            writer.close()
        except BaseException:
            writer.discard()
            raise
        if has_pictures:
            self._check_source()
        self.sound.notes += writer.notes
        if rate != wanted_hz:
            self.sound.notes.append(f"{output.suffix} cannot have {wanted_hz} Hz: it has {rate} Hz")
        if output.exists() and not overwrite:
            raise UsageError(f"{output}: has come to exist meanwhile; nothing was replaced")
        try:
            move_into_place(new, output, patience_s=MAX_HELD_JOB_S)
        except OSError as error:  # on Windows also where another program has it open
            raise SinkError(f"{output}: cannot be replaced ({error.strerror or error})") from error
        self.discard()

    def close(self) -> None:
        """What was done is kept, to go on from, by another run too."""
        self._close_sounds()
        self._place.close()

    def discard(self) -> None:
        self._close_sounds()
        self._place.remove()

    def _check_source(self) -> None:
        """AudioError where it is not the file that was begun with: one's voice is not laid under another's pictures."""
        if self._source_key() != self._journal.key["source"]:
            self._journal.done.clear()  # nothing to go on from
            raise AudioError(f"{self.task.source}: has changed while it was converted; convert it again")

    def _source_key(self) -> list[Any]:
        try:
            return file_key(self.task.source)
        except OSError as error:
            raise AudioError(f"{self.task.source}: is no longer there ({error.strerror or error})") from error

    def _close_sounds(self) -> None:
        self._heard.close()
        self._converted.close()
