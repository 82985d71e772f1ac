"""The diffusion child: repaints the newest picture from the engine, again and again.

START HERE, then `picture_loop` (the main loop), `painter` (how a picture is painted), `pacing` (how
the device is shared), `settings`. If the device stays out of memory, the picture is made smaller if
`/sd/oom` allows it. Otherwise, and if the model cannot be loaded, the child exits and is not
restarted.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import cv2
import msgspec
import numpy as np

from engine.children.messages import Fact
from engine.children.port import ChildPort
from engine.live.kit.model_loading import fail_on_lost_device, load_on_device, loader
from engine.live.kit.picture_loop import PictureLoop
from engine.live.kit.progress import Stopped
from engine.live.sd.settings import PromptSettings, read_settings, shrink_size
from engine.models.sd import ModelSpec
from engine.models.sd.seeds import Seeds

if TYPE_CHECKING:
    import torch

    from engine.live.sd.painter import PaintedPicture
    from engine.models.sd.model import DiffusionModel
    from engine.models.sd.similarity import SimilarityFilter

GREY = 128
THUMBNAIL_PX = 64
GREY_AFTER_S = 0.5  # wait for the engine's first picture, which takes a few frames


def run(port: ChildPort) -> None:
    """The child's main function; returns when it must stop. `port.settings`: `spec` (the fields of
    ModelSpec), `device` and `dtype` (or auto), `threads`. Values: `/sd/*`. Inputs `source`: RGB or
    RGBA pictures; `second`: others for ControlNets; `segments`: RGB segmentation pictures for those
    with source `sam3`; `regions`: (H, W, 1), the index of the layer whose region a pixel is in.
    Output `picture`: (height, width, 3)."""
    with fail_on_lost_device(port), suppress(Stopped):
        DiffusionLoop(port, load_model(port)).run()


class DiffusionLoop(PictureLoop["np.ndarray | torch.Tensor", "PaintedPicture"]):
    """Main loop of the SD child. A picture is (H, W, 3 or 4) uint8; tensors are on the model's
    device."""

    def __init__(self, port: ChildPort, model: "DiffusionModel") -> None:
        from engine.live.sd.painter import Painter

        detectors = [detector.network for detector in model.detectors.values()]
        # without other views of the same layers
        controlnets = model.controlnets[: model.controlnet_count]
        networks = (model.unet, model.vae, *controlnets, *detectors, model.upscaler)
        is_compiled = model.spec.accelerator != "none"
        super().__init__(
            port,
            area="/sd",
            output="picture",
            model=model,
            networks=networks,
            is_compiled=is_compiled,
        )
        self._model = model
        self._painter = Painter(
            model,
            note=port.note,
            between=self._progress.between,
            before_capture=self._progress.before_capture,
            idle_s=lambda: self._progress.pacer.idle_s,
        )
        self._worker = self._painter
        self._settings = read_settings({})
        self._is_changed = True
        self._similarity: SimilarityFilter | None = None
        self._skipped = 0
        self._shrunk: tuple[int, int] | None = None
        self._grey_from_s: float | None = None
        self._input_pictures: dict[str, np.ndarray] = {}
        """The newest picture of each further input."""

    def _warm_up(self) -> None:
        prompts = PromptSettings(prompt="", negative="", prompt_b="", mix=0.0)
        self._painter.apply(
            replace(self._settings, prompts=prompts, references=()).with_size(self._size)
        )
        picture = blank(self._size)
        while self._painter.paint(picture) is None:
            pass
        self._painter.last = None

    # -- values

    def _take_values(self) -> None:
        before = self._settings
        self._settings = read_settings(self._port.values)
        settings = self._settings
        self._is_changed = True
        if settings.size != before.size:
            self._shrunk = None  # the new size may fit into memory
        if settings.problem and settings.problem != before.problem:
            self._port.note("t_index", settings.problem)
        # a skipped picture would stop the feedback
        if settings.similarity is None or settings.is_feedback:
            self._similarity = None
        elif self._similarity is None:
            from engine.models.sd.similarity import SimilarityFilter

            self._similarity = SimilarityFilter(
                settings.similarity, max(0, Seeds.of(settings.sampling.seed).seed)
            )
        else:
            self._similarity.threshold = settings.similarity
            self._similarity.forget()  # with new settings the same picture may come out differently

    @property
    def _size(self) -> tuple[int, int]:
        """Width and height in use: the requested ones, or smaller if the device ran out of
        memory."""
        return self._shrunk or self._settings.size

    # -- painting

    def _next_picture(self) -> "np.ndarray | torch.Tensor | None":
        if self._settings.is_feedback:
            return self._next_of_feedback()
        frame = self._newest()
        if frame is None:
            return None
        if self._similarity is not None and self._similarity.should_skip(thumbnail(frame.pixels)):
            self._skipped += 1
            return None
        return frame.pixels

    def _next_of_feedback(self) -> "np.ndarray | torch.Tensor | None":
        """The last picture zoomed and rotated; at the start the engine's, or grey if none arrives
        in time."""
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
    def _uses_source(self) -> bool:
        return not self._settings.is_feedback or self._painter.last is None

    def _work_on(self, picture: "np.ndarray | torch.Tensor") -> "PaintedPicture | None":
        if self._is_changed:
            self._name_suspects(self._settings.texts_by_address)
            self._painter.apply(self._settings.with_size(self._size))
            self._is_changed = False
            self._progress.take_values()
        time_s = 0.0 if self._source is None else self._source.time_s
        found = self._newest_of("segments") if self._settings.uses_segments else None
        second = self._newest_of("second") if self._settings.uses_second else None
        regions = self._newest_of("regions") if self._settings.prompts.has_regions else None
        if regions is not None:
            regions = regions[..., 0]
        return self._painter.paint(
            picture, segmentation=found, second=second, regions=regions, time_s=time_s
        )

    def _newest_of(self, name: str) -> np.ndarray | None:
        """The newest picture of an input besides the source; None before the first."""
        reader = self._port.input(name)
        frame = None if reader is None else reader.latest()
        if frame is not None:  # a new ring is empty at first: keep the previous picture
            self._input_pictures[name] = frame.pixels
        return self._input_pictures.get(name)

    @property
    def _calls_a_result(self) -> int:
        return self._painter.calls

    def _publish(self, result: "PaintedPicture") -> None:
        if not result.is_finite:
            self._drop("the picture is not finite; keeping the previous one")
            return
        self._publish_pixels(
            result.pixels,
            generation=self._generation,
            index=self._figures.pictures,
            time_s=result.time_s,
        )

    # -- memory

    def _reduce_memory(self) -> None:
        """Make the picture smaller, or end the child."""
        width, height = self._size
        full = f"{self._model.device}: no memory for {width}x{height}"
        shrunk = shrink_size(self._size) if self._settings.may_shrink else None
        if shrunk is None:
            fix = "set a smaller /sd/width and /sd/height, or /sd/oom shrink"
            self._port.fail("memory", f"{full}; {fix}", is_final=True)
        self._port.note(
            "memory", f"{full}; continuing with {shrunk[0]}x{shrunk[1]} (/sd/oom shrink)"
        )
        self._shrunk = shrunk
        self._is_changed = True

    # -- reports

    def _facts_once(self) -> dict[str, Fact]:
        model = self._model
        return {
            "family": model.family,
            "sampler": model.sampler,
            "sampler_why": model.sampler_reason,
            "prediction": model.prediction_type,
            "prediction_why": model.prediction_reason,
            "loras": "" if model.loras is None else ", ".join(model.loras.names),
            "controlnets": model.controlnet_count,
        }

    def _facts(self) -> dict[str, Fact]:
        width, height = self._size
        return {
            "skipped": self._skipped,
            "size": f"{width}x{height}",
            "steps_asked": self._settings.sampling.steps,
            "steps": self._painter.steps,
            "guidance": round(self._painter.schedule.guidance, 2),
        }


def load_model(port: ChildPort) -> "DiffusionModel":
    """Load the model named in `port.settings` on the device given there. Ends the child if that
    fails."""
    spec = msgspec.convert(port.settings["spec"], ModelSpec)
    load: Callable[[str, str], DiffusionModel] = loader("engine.models.sd.load:load", spec)
    return load_on_device(port, spec.model, load, half="float16")


def blank(size: tuple[int, int]) -> np.ndarray:
    """The first picture of a feedback: mid grey, (height, width, 3) uint8."""
    return np.full((size[1], size[0], 3), GREY, np.uint8)


def thumbnail(picture: np.ndarray) -> np.ndarray:
    """Scale an RGB or RGBA picture to (64, 64, 3) float32 in -1..1, for comparing pictures."""
    small = cv2.resize(picture[..., :3], (THUMBNAIL_PX, THUMBNAIL_PX), interpolation=cv2.INTER_AREA)
    return small.astype(np.float32) / 127.5 - 1.0
