"""The diffusion child: joins the engine's rings to a model. Newest picture in, picture out, one after the other.

`run` loads the model, paints one picture with an empty prompt to prove it, then repeats until it is told to end:
take what has changed of `/sd/*`, take the newest picture, paint, publish. START HERE, then `diffusion_painter` (what
a picture is made with), `pacing` (how the device is shared), `diffusion_settings`.

What can go wrong, and what is done: a model that cannot be loaded ends the child for good. A device that is full is
freed and asked again, then given a smaller picture where `/sd/oom` allows it, else the child ends. An output that is
not a number is not shown. Every other error ends the process: after one a device's context is not to be trusted, and
a new process is cheaper than a doubt.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from engine.children.diffusion_figures import Figures
from engine.children.diffusion_load import load_model
from engine.children.diffusion_settings import Settings, Words, read_settings, smaller
from engine.children.diffusion_source import blank, thumbnail
from engine.children.freshness import ask_from_s
from engine.children.pacing import Pacer
from engine.children.piece_times import PieceTimes
from engine.children.port import ChildPort
from engine.ipc import Phase, RingFrame, RingWriter

if TYPE_CHECKING:
    import torch

    from engine.children.diffusion_painter import Painted
    from engine.models.diffusion.model import Model
    from engine.models.diffusion.similarity import SimilarityFilter

LOOK_S = 0.002  # between two looks for a new picture
GREY_AFTER_S = 0.5  # without a picture of the engine: it needs a few frames to hear that one is wanted
LONGEST_NAP_S = 0.05  # between two looks at the control pipe: a command waits no longer

T = TypeVar("T")


class Stopped(Exception):
    """Unwinds a call that is under way when the engine asks for the end. Caught by `run`."""


def run(port: ChildPort) -> None:
    """The child's main function; returns when it is told to stop.

    `port.settings`: `spec` (the fields of ModelSpec), `device` and `dtype` (or auto), `threads`. Values: `/sd/*`.
    Input `source`: RGB or RGBA pictures. Output `picture`: (height, width, 3).
    """
    model = load_model(port)
    try:
        Loop(port, model).run()
    except Stopped:
        return


class Loop:
    """The main loop and its state. Main thread."""

    def __init__(self, port: ChildPort, model: "Model") -> None:
        from engine.children.diffusion_painter import Painter
        from engine.models.device_work import call_before_layers, device_wait

        self._port = port
        self._model = model
        self._pacer = Pacer(port.gate, wait_device=device_wait(model.device), rest=self._rest)
        if model.device.type == "cpu" and model.spec.accelerator == "none":  # compiled layers are one piece
            call_before_layers((model.unet, model.vae, *model.controlnets), self._pacer.yield_within)
        self._painter = Painter(
            model,
            note=port.note,
            between=self._between,
            before_capture=self._before_capture,
            idle_s=lambda: self._pacer.idle_s,
        )
        self._figures = Figures()
        self._pieces = PieceTimes()
        self._phase = self._usual_phase = Phase.COMPILING  # until the warm-up is over
        self._trial: dict[str, str] = {}
        self._similarity: SimilarityFilter | None = None
        self._source: RingFrame | None = None
        self._spare: np.ndarray | None = None
        self._writer: RingWriter | None = None
        self._shrunk: tuple[int, int] | None = None
        self._is_nan = False
        self._grey_from_s: float | None = None
        self._call_began_s = float("-inf")
        self._settings = read_settings({})
        self._take_values()

    def run(self) -> None:
        port = self._port
        self._warm_up()
        port.proved("model", self._model.spec.model)
        port.ready(
            model=self._model.spec.model,
            family=self._model.family,
            sampler=self._model.sampler,
            device=str(self._model.device),
            dtype=str(self._model.dtype).removeprefix("torch."),
            memory_mb=round(self._painter.memory_mb),
        )
        while not port.should_stop:
            port.poll()
            if port.values_version != self._values_version:
                self._take_values()
            self._ask()
            picture = None if self._settings.is_paused else self._next_picture()
            if picture is None:
                time.sleep(self._until_look_s)
            else:
                self._call(picture)
            self._tell()

    def _warm_up(self) -> None:
        """One picture that nobody sees: compiles, captures, and shows that the model works at all."""
        self._begin_piece()
        neutral = replace(self._settings, words=Words(prompt="", negative="", prompt_b="", mix=0.0), image="")

        def paint() -> None:
            self._painter.take(replace(neutral, size=self._size))
            picture = blank(self._size)
            while self._painter.paint(picture) is None:
                pass
            self._end_piece()

        self._with_room(paint)
        self._painter.forget()

    # -- what changes

    def _take_values(self) -> None:
        self._values_version = self._port.values_version
        before, self._settings = self._settings, read_settings(self._port.values)
        settings = self._settings
        self._is_changed = True
        if settings.size != before.size:
            self._shrunk = None  # another size was asked for: it gets its chance
        if settings.problem and settings.problem != before.problem:
            self._port.note("t_index", settings.problem)
        self._pace(settings)
        self._pacer.slice_ms = settings.slice_ms
        self._pacer.yields_to_drawing = settings.has_gate
        if settings.similarity is None or settings.is_feedback:  # a feedback that stands still would never move again
            self._similarity = None
        elif self._similarity is None:
            from engine.models.diffusion.similarity import SimilarityFilter

            self._similarity = SimilarityFilter(settings.similarity, max(0, settings.steps.seed))
        else:
            self._similarity.threshold = settings.similarity
            self._similarity.forget()  # the same picture may look different now

    def _pace(self, settings: Settings) -> None:
        """How much of the device to take; a picture that is under way at a pause is no reason to rest."""
        self._paced_version = self._port.values_version
        self._pacer.fixed_duty = 1.0 if settings.is_paused else settings.duty

    @property
    def _size(self) -> tuple[int, int]:
        """(width, height) in force: what was asked for, or what the device had room for."""
        return self._shrunk or self._settings.size

    # -- what is painted

    def _next_picture(self) -> "np.ndarray | torch.Tensor | None":
        """The picture that is due; None when it is not yet time, nothing is new, or it is left out."""
        if time.perf_counter() < self._due_s:
            return None
        if self._settings.is_feedback:
            return self._next_of_feedback()
        frame = self._newest()
        if frame is None:
            return None
        if self._similarity is not None and self._similarity.should_skip(thumbnail(frame.pixels)):
            self._figures.skipped += 1
            return None
        return frame.pixels

    def _next_of_feedback(self) -> "np.ndarray | torch.Tensor | None":
        """The last picture, moved. The first begins with the engine's picture, or with grey if none comes in time."""
        moved = self._painter.feedback(self._settings.zoom, self._settings.rotate_deg)
        if moved is not None:
            self._grey_from_s = None
            return moved
        frame = self._newest() or self._source
        if frame is not None:
            return frame.pixels
        now_s = time.perf_counter()
        if self._grey_from_s is None:
            self._grey_from_s = now_s + GREY_AFTER_S
        return blank(self._size) if now_s >= self._grey_from_s else None

    @property
    def _until_look_s(self) -> float:
        """Until there may be something to do."""
        if self._settings.is_paused:
            return LONGEST_NAP_S
        return min(LONGEST_NAP_S, max(LOOK_S, self._due_s - time.perf_counter()))

    def _newest(self) -> RingFrame | None:
        """The engine's newest picture, once."""
        reader = self._port.input("source")
        frame = None if reader is None else reader.latest(self._spare)
        if frame is None or frame is self._source:
            return None
        self._spare = None if self._source is None else self._source.pixels
        self._source = frame
        return frame

    def _call(self, picture: "np.ndarray | torch.Tensor") -> None:
        """Paint, publish, rest."""
        began_s = self._call_began_s = time.perf_counter()
        self._phase = self._usual_phase = Phase.RUNNING
        self._expect()
        alarm = self._ask_in_time()
        self._pacer.begin_call()
        self._begin_piece()
        time_s = 0.0 if self._source is None else self._source.time_s
        painted = self._with_room(lambda: self._paint(picture, time_s))
        self._end_piece()
        if painted is not None:
            self._publish(painted, began_s)
        work_ms = self._pacer.end_call()
        if alarm is not None:
            alarm.cancel()
        stages_ms = self._painter.clock.read_ms()
        stages_ms["other"] = max(0.0, work_ms - sum(stages_ms.values())) + stages_ms.pop("copy", 0.0)
        self._figures.count_call(stages_ms, time.perf_counter() - began_s)
        self._port.enter(Phase.IDLE)

    def _paint(self, picture: "np.ndarray | torch.Tensor", time_s: float) -> "Painted | None":
        if self._is_changed:
            for address, text in self._settings.texts.items():
                self._port.trying(address, text)
                self._trial[address] = text
            self._painter.take(replace(self._settings, size=self._size))
            self._is_changed = False
            self._expect()
        return self._painter.paint(picture, time_s=time_s)

    def _publish(self, painted: "Painted", began_s: float) -> None:
        if not painted.is_finite:
            if not self._is_nan:
                self._port.note("nan", f"{self._model.spec.model}: the picture is not a number; the last one stays")
            self._is_nan = True
            self._figures.nan += 1
            return
        self._is_nan = False
        height, width, channels = painted.pixels.shape
        if self._writer is None or self._writer.shape != painted.pixels.shape:
            self._writer = self._port.open_output("picture", width, height, channels)
        self._writer.generation = painted.generation
        self._writer.write(painted.pixels, index=self._figures.pictures, time_s=painted.time_s)
        now_s = time.perf_counter()
        self._port.result((now_s - began_s) * 1000.0)
        self._figures.count_picture(now_s)
        for address, text in self._trial.items():
            self._port.proved(address, text)
        self._trial.clear()

    # -- memory

    def _with_room(self, work: Callable[[], T]) -> T:
        """`work()`; once more when the device was full, then with smaller and smaller pictures if that is allowed."""
        from engine.models.device_work import is_out_of_memory

        is_second = False
        while True:
            try:
                return work()
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise
            self._painter.free_memory()  # here, where the error and the tensors in its traceback are gone
            if is_second:
                self._shrink()
            is_second = True

    def _shrink(self) -> None:
        width, height = self._size
        full = f"{self._model.device}: no memory for {width}x{height}"
        shrunk = smaller(self._size) if self._settings.may_shrink else None
        if shrunk is None:
            mend = "set a smaller /sd/width and /sd/height, or /sd/oom shrink"
            self._port.fail("memory", f"{full}; {mend}", is_final=True)
        self._port.note("memory", f"{full}; going on with {shrunk[0]}x{shrunk[1]} (/sd/oom shrink)")
        self._shrunk = shrunk
        self._is_changed = True

    # -- beside the work

    def _between(self) -> None:
        """Where the work is cut: the picture and the voice go first, and the engine sees that we move."""
        if self._port.should_stop:
            raise Stopped
        self._pacer.between()
        self._end_piece()
        self._phase = self._usual_phase
        self._begin_piece()

    def _before_capture(self) -> None:
        """What is done once for a shape takes long, and a compiler takes longer than a capture."""
        if self._usual_phase is Phase.RUNNING:
            is_captured = self._model.spec.accelerator == "none"
            self._phase = Phase.CAPTURING if is_captured else Phase.COMPILING
            self._port.enter(self._phase)

    def _expect(self) -> None:
        """Tell the engine how long the longest piece of a call may honestly take now."""
        self._port.expect(self._pieces.longest_s(self._painter.work))

    def _begin_piece(self) -> None:
        self._port.enter(self._phase)
        self._piece_began_s, self._idle_before_s = time.perf_counter(), self._pacer.idle_s

    def _end_piece(self) -> None:
        """Remember how long it took, without what was waited and rested in it."""
        idle_s = self._pacer.idle_s - self._idle_before_s
        self._pieces.count(time.perf_counter() - self._piece_began_s - idle_s, self._painter.work)

    def _rest(self, seconds: float) -> None:
        """Sleep, but hear the engine and show that we move. Ends early when values have come: the share of the device
        counts at once, all others from the next picture on."""
        end_s = time.perf_counter() + seconds
        while (left_s := end_s - time.perf_counter()) > 0.0:
            time.sleep(min(left_s, LONGEST_NAP_S))
            if self._port.should_stop:
                raise Stopped
            self._port.poll()
            self._port.enter(self._phase)
            if self._port.values_version != self._paced_version:
                self._pace(read_settings(self._port.values))
                return

    def _ask(self) -> None:
        """Tell the engine whether its next picture would be used."""
        self._port.wants_frame = self._uses_source and time.perf_counter() >= self._ask_from_s

    def _ask_in_time(self) -> threading.Timer | None:
        """Ask now, or by a timer while a long call runs: a single piece of it may take seconds."""
        self._ask()
        wait_s = self._ask_from_s - time.perf_counter()
        if wait_s <= 0.0 or not self._uses_source:
            return None
        alarm = threading.Timer(wait_s, self._ask)
        alarm.daemon = True
        alarm.start()
        return alarm

    @property
    def _uses_source(self) -> bool:
        return not self._settings.is_paused and not (self._settings.is_feedback and self._painter.has_last)

    @property
    def _due_s(self) -> float:
        """When the next call may begin."""
        return self._call_began_s + self._settings.interval_s

    @property
    def _ask_from_s(self) -> float:
        return ask_from_s(call_began_s=self._call_began_s, call_s=self._figures.call_s, due_s=self._due_s)

    def _tell(self) -> None:
        now_s = time.perf_counter()
        if not self._figures.is_due(now_s):
            return
        width, height = self._size
        slices = self._pacer.slice_times()
        self._port.facts(
            **self._figures.facts(now_s),
            size=f"{width}x{height}",
            steps_asked=self._settings.steps.steps,
            steps=self._painter.steps,
            memory_mb=round(self._painter.memory_mb),
            duty=round(self._pacer.duty, 3),
            slice_p99_ms=round(slices.p99_ms, 2),
        )
