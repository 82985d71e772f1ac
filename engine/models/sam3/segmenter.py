"""Finds objects in pictures, for the child process, `multiverse segment` and the benchmark."""

import io
import time
from collections.abc import Callable, Sequence
from itertools import cycle
from typing import Any

import numpy as np
import torch

from engine.errors import ModelError
from engine.models.device_work import DeviceCopy, StageClock, free_memory
from engine.models.graphs import ChainRunner, DirectRunner, noop, runner_for
from engine.models.sam3 import MAX_MEMORIES
from engine.models.sam3.backbone import Backbone, Features, preprocess
from engine.models.sam3.check import NO_TRACKER
from engine.models.sam3.detected_objects import DetectedObjects, keep_oldest, no_objects, tidy
from engine.models.sam3.detector import Box, Detector
from engine.models.sam3.model import SegmentationModel
from engine.models.sam3.prompts import BOXES_ONLY_TEXT, EncodedPrompt, PromptEncoder
from engine.values import FoundObject, Segmentation

MAX_GRAPHS = 12  # backbone, decoder and masks for four prompts of different lengths, and some spare
MODES = ("image", "track")


class Segmenter:
    """Segments pictures, alone or as a stream, with one SAM3 model. Single thread, single device.
    Only copying the result to the host waits for the device. `between` is called between slices of
    the device's work. `before_capture` is called before work that takes seconds and is done once
    per shape (a CUDA graph, a compilation). `idle_s` returns the total seconds that `between` has
    waited on purpose; `clock` does not count them to any stage."""

    def __init__(
        self,
        model: SegmentationModel,
        *,
        between: Callable[[], None] = noop,
        before_capture: Callable[[], None] = noop,
        idle_s: Callable[[], float] = lambda: 0.0,
        runner: ChainRunner | None = None,
    ) -> None:
        """`runner` runs chains of parts. Default: captured graphs on CUDA, also of a compiled
        backbone, which is compiled in the runs before its capture; direct calls elsewhere and with
        offloaded weights."""
        self.model = model
        self._idle_s = idle_s
        self.clock = StageClock(model.device, idle_s)
        """Times of the last call's stages: preprocess, backbone, decoder, masks, tracker (track
        mode only), and copy. None includes cleaning up the result on the host."""
        self.threshold = 0.5
        self.max_objects = 16
        self.memories = MAX_MEMORIES
        self.detect_every = 1
        """For the tracker; see there. Track mode only."""
        self.boxes: tuple[Box, ...] = ()
        """Box prompts, examples of the objects to find: centre x, centre y, width and height, 0..1.
        Image mode only."""
        self.tidy_s = 0.0
        """Total seconds that the host has spent on duplicates, holes and specks."""
        self.not_finite = 0
        """Pictures of the last call for which the model returned NaN. Their results are empty."""
        self._between = between
        if runner is None and not model.is_offloaded:
            self._runner = runner_for(model.device, before_capture, max_graphs=MAX_GRAPHS)
        else:
            self._runner = runner or DirectRunner()
        is_slow = runner is None and model.spec.is_compiled and model.device.type != "cuda"
        if is_slow:
            self._runner = DirectRunner(before_capture)
        self._backbone = Backbone(model, self._runner)
        self._before_capture = before_capture
        self._is_made_per_shape = is_slow or not isinstance(self._runner, DirectRunner)
        self._detector = Detector(model, self._runner)
        self._encoder = PromptEncoder(model)
        # one may still be read when the next is sent
        self._copies = cycle(DeviceCopy(model.device) for _ in range(2))
        self._prompts: list[tuple[int, EncodedPrompt]] = []
        self._mode = "image"
        self._tracker: Any = None
        self._size: tuple[int, int] | None = None
        self._batch_size = 0

    @property
    def mode(self) -> str:
        return self._mode

    @mode.setter
    def mode(self, mode: str) -> None:
        """image or track; ModelError for a model without a tracker."""
        if mode not in MODES:
            raise ModelError(f"mode {mode}: not one of {', '.join(MODES)}")
        if mode == "track" and self.model.video is None:
            raise ModelError(f"{self.model.spec.model}: {NO_TRACKER}")
        if mode == "track" and self._tracker is None:
            from engine.models.sam3.multiplex_tracker import tracker_for

            self._before_capture()  # cuDNN's plans
            # once, because it installs hooks in the model
            self._tracker = tracker_for(self.model, self._detector)
        if mode != self._mode:
            self.reset()
        self._mode = mode

    def set_prompts(self, texts: Sequence[str]) -> tuple[str, ...]:
        """Set the text prompts; returns notes about truncated ones. Empty texts are skipped, others
        keep numbers."""
        numbered = [(number, text.strip()) for number, text in enumerate(texts, 1)]
        self._prompts = [(number, self._encoder.encode(text)) for number, text in numbered if text]
        if not self._prompts:
            self.reset()
        return tuple(
            truncation_note(number, prompt)
            for number, prompt in self._prompts
            if prompt.is_truncated
        )

    def segment(
        self, pictures: np.ndarray, *, index: int = 0, time_s: float = 0.0
    ) -> list[Segmentation]:
        """Call `launch` and wait for its results."""
        return self.launch(pictures, index=index, time_s=time_s)()

    def launch(
        self, pictures: np.ndarray, *, index: int = 0, time_s: float = 0.0
    ) -> Callable[[], list[Segmentation]]:
        """Queue the work; the returned function waits for it and cleans up its results, and may be
        called once the next is queued. In image mode on CUDA nothing else waits. One result per
        picture of (H, W, 3 or 4) or (B, H, W, 3 or
        4) uint8, with the given `index` and `time_s`. In track mode pass one picture at a time, in
           order. ModelError
        for an empty picture, for boxes without torchvision, and for boxes in track mode."""
        batch = pictures if pictures.ndim == 4 else pictures[None]
        height, width = batch.shape[1:3]
        if not batch.size:
            raise ModelError(f"a picture of {width} x {height}: has no pixels")
        if self._mode == "track" and self.boxes:
            raise ModelError("box prompts: in image mode only")
        if self._size not in (None, (width, height)):
            self.reset()
        self._size = (width, height)
        self.clock = StageClock(self.model.device, self._idle_s)
        self.clock.begin()
        prompts = self._active_prompts()
        numbers = [number for number, _ in prompts]
        launched = self._launch(batch, [prompt for _, prompt in prompts])

        def results() -> list[Segmentation]:
            found = launched()
            self.not_finite = sum(not each.is_finite for each in found)
            return [
                to_segmentation(each, numbers, (width, height), index, time_s) for each in found
            ]

        return results

    def reset(self) -> None:
        """Drop all tracked objects, for a new scene; so do a change of size or mode, and an empty
        list of prompts."""
        self._batch_size = 0
        if self._tracker is not None:
            self._tracker.reset()

    def tracker_state(self) -> bytes:
        """The tracker's complete state besides prompts and settings, for `restore_tracker`; track
        mode only."""
        content = io.BytesIO()
        torch.save(self._tracker.state(), content)
        return content.getvalue()

    def restore_tracker(self, state: bytes) -> None:
        """Continue in track mode from another segmenter's state. Later results are bit-identical to
        its own."""
        # weights_only: only tensors and plain values, so that no code from a file is executed.
        self._tracker.restore(
            torch.load(io.BytesIO(state), map_location=self.model.device, weights_only=True)
        )

    @property
    def work(self) -> float:
        """Amount of work per picture, for estimating times: pixels times prompts."""
        return float(self.model.spec.resolution**2 * max(1, len(self._active_prompts())))

    @property
    def kind(self) -> tuple[object, ...]:
        """A key that is equal for pictures with the same pieces of work, except where new objects
        are found."""
        tracked = (
            (self._tracker.count, self._tracker.detects, self.memories)
            if self._mode == "track"
            else ()
        )
        return self.work, self._mode, tracked

    def free_memory(self) -> None:
        """Free captured graphs and cached memory. Graphs are captured again when needed."""
        self._runner.drop()
        free_memory(self.model.device)

    def _active_prompts(self) -> list[tuple[int, EncodedPrompt]]:
        if self.boxes and not self._prompts:
            return [(1, self._encoder.encode(BOXES_ONLY_TEXT))]
        return self._prompts

    def _launch(
        self, batch: np.ndarray, prompts: list[EncodedPrompt]
    ) -> Callable[[], list[DetectedObjects]]:
        if not prompts:
            return lambda: [no_objects(self.model.mask_side)] * len(batch)
        # Copies read-only arrays: torch has no read-only tensors and would warn.
        sent = next(self._copies).send(np.require(batch, requirements=("C", "W")))
        pixels = preprocess(sent, self.model.spec.resolution, self.model.dtype)
        pixels = self._fill_batch(pixels)
        self.clock.end("preprocess")
        self._between()
        features = self._backbone.run(pixels, self._between)
        self.clock.end("backbone")
        self._between()
        if self._mode == "track":
            followed = self._track(features, prompts)
            return lambda: [followed]
        launched = self._detector.launch(
            features,
            prompts,
            threshold=self.threshold,
            max_objects=self.max_objects,
            boxes=self.boxes,
            between=self._between,
            mark=self.clock.end,
        )
        return lambda: self._tidied(tidy, launched()[: len(batch)])

    def _fill_batch(self, pixels: torch.Tensor) -> torch.Tensor:
        """Repeat the last picture of (B, 3, S, S) up to the size of the previous batch, so that the
        last batch of a video needs no graph of its own."""
        missing = self._batch_size - len(pixels)
        self._batch_size = len(pixels)
        if missing <= 0 or not self._is_made_per_shape:
            return pixels
        return torch.cat((pixels, pixels[-1:].expand(missing, -1, -1, -1)))

    def _track(self, features: Features, prompts: list[EncodedPrompt]) -> DetectedObjects:
        self._tracker.memories = self.memories
        self._tracker.detect_every = self.detect_every
        found: DetectedObjects = self._tracker.step(
            features,
            prompts,
            threshold=self.threshold,
            max_objects=self.max_objects,
            between=self._between,
            mark=self.clock.end,
        )
        return self._tidied(keep_oldest, [found])[0]

    def _tidied(
        self, clean: Callable[[DetectedObjects], DetectedObjects], results: list[DetectedObjects]
    ) -> list[DetectedObjects]:
        began_s = time.perf_counter()
        cleaned = [clean(each) for each in results]
        self.tidy_s += time.perf_counter() - began_s
        return cleaned


def truncation_note(number: int, prompt: EncodedPrompt) -> str:
    count = len(prompt.text.split())
    end = prompt.read_text[-40:]
    return (
        f'prompt {number}: {count} words; the model reads {prompt.tokens} tokens, up to "...{end}"'
    )


def to_segmentation(
    result: DetectedObjects,
    numbers: Sequence[int],
    picture_px: tuple[int, int],
    index: int,
    time_s: float,
) -> Segmentation:
    """Convert detected objects to a Segmentation. `numbers`: the prompts' numbers, by index in the
    request."""
    left_top = result.boxes[:, :2].clip(0.0, 1.0)
    right_bottom = result.boxes[:, 2:].clip(0.0, 1.0)
    boxes = np.concatenate(
        ((left_top + right_bottom) / 2.0, right_bottom - left_top), axis=1
    ).tolist()
    ids = range(1, len(result) + 1) if result.ids is None else result.ids.tolist()
    objects = tuple(
        FoundObject(id=each, prompt=numbers[prompt], score=score, box=tuple(box))
        for each, prompt, score, box in zip(
            ids, result.prompts.tolist(), result.scores.tolist(), boxes, strict=True
        )
    )
    return Segmentation(
        objects=objects, masks=result.masks, picture_px=picture_px, index=index, time_s=time_s
    )
