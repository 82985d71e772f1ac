"""The segmentation child: finds the objects in the newest picture, over and over.

START HERE, then `picture_loop` (the main loop), `engine.models.sam3` (how objects are found),
`pacing` (device time).

Each result carries the index and time of its picture. In mode `track` objects are tracked from
picture to picture; if the picture source changes, tracking starts over. If the model cannot be
loaded, or the device stays out of memory, the child exits and is not restarted. A model without a
tracker detects in each picture separately, and a note says so.
"""

from collections.abc import Callable, Hashable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from engine.children.messages import Fact
from engine.children.port import ChildPort
from engine.errors import ModelError
from engine.ipc import RingFrame, RingReader
from engine.ipc.segmentation_sheet import sheet_shape, write_sheet
from engine.live.kit.model_loading import fail_on_lost_device, load_on_device, loader
from engine.live.kit.pace import build_settings, value_reader
from engine.live.kit.picture_loop import PictureLoop
from engine.live.kit.progress import Stopped
from engine.models.sam3 import SegmentationSpec
from engine.values import Segmentation
from osc_schema.sam3 import PROMPTS

if TYPE_CHECKING:
    from engine.models.sam3.model import SegmentationModel

WARM_UP_PROMPT: Final = "object"
WARM_UP_SIDE_PX: Final = 64
NO_PROMPT: Final = "no prompt is set: /sam3/prompt/1 to 4 are empty"


def run(port: ChildPort) -> None:
    """The child's main function; returns when it must stop. `port.settings`: `spec` (the fields of
    SegmentationSpec), `device` and `dtype` (or auto), `threads`. Values: `/sam3/*`. Input `source`:
    RGB or RGBA pictures of any size. Output `objects`: sheets of `segmentation_sheet`. Command
    `empty_cache`."""
    with fail_on_lost_device(port), suppress(Stopped):
        SegmentationLoop(port, load_model(port)).run()


class SegmentationLoop(PictureLoop[RingFrame, Segmentation]):
    """The main loop of the SAM3 child, which finds and follows objects."""

    def __init__(self, port: ChildPort, model: "SegmentationModel") -> None:
        from engine.models.sam3.segmenter import Segmenter

        is_compiled = model.spec.is_compiled
        super().__init__(
            port,
            area="/sam3",
            output="objects",
            model=model,
            networks=model.networks,
            is_compiled=is_compiled,
        )
        self._model = model
        self._segmenter = Segmenter(
            model,
            between=self._progress.between,
            before_capture=self._progress.before_capture,
            idle_s=lambda: self._progress.pacer.idle_s,
        )
        self._worker = self._segmenter
        self._settings = read_settings(port.values)
        self._is_changed = True
        self._objects = 0
        self._looked_in: RingReader | None = None
        """The ring from which the newest picture was read."""
        self._notes: list[str] = []
        self._sheet = np.zeros(sheet_shape(model.mask_side), np.uint8)

    def _warm_up(self) -> None:
        self._segmenter.set_prompts([WARM_UP_PROMPT])
        self._segmenter.segment(np.zeros((WARM_UP_SIDE_PX, WARM_UP_SIDE_PX, 3), np.uint8))

    # -- values

    def _take_values(self) -> None:
        before = self._settings
        self._settings = read_settings(self._port.values)
        if self._settings.query != before.query:
            self._is_changed = True
        if self._settings.source != before.source:
            self._newest()  # the picture in the ring may still come from the old source
            self._segmenter.reset()
        self._segmenter.threshold = self._settings.threshold
        self._segmenter.max_objects = self._settings.max_objects
        self._segmenter.memories = self._settings.memories
        self._segmenter.detect_every = self._settings.detect_every

    def _apply_query(self) -> None:
        """Encode the prompts if they have changed. Sends a note for each setting that cannot be
        followed."""
        settings = self._settings
        self._name_suspects(settings.texts)
        notes = list(self._segmenter.set_prompts(settings.prompts))
        if not settings.texts:
            notes.append(NO_PROMPT)
        try:
            self._segmenter.mode = settings.mode
        except ModelError as error:
            notes.append(
                f"/sam3/mode {settings.mode}: {error}; continuing with {self._segmenter.mode}"
            )
        for number, note in enumerate(notes):
            if note not in self._notes:
                self._port.note(f"asked.{number}", note)
        self._notes = notes

    # -- results

    def _next_picture(self) -> RingFrame | None:
        before = self._source
        frame = self._newest()
        if frame is None:
            return None
        is_elsewhere = self._reader is not self._looked_in
        self._looked_in = self._reader
        is_earlier = before is not None and frame.index < before.index
        if is_elsewhere or is_earlier:
            self._segmenter.reset()
        return None if is_elsewhere and is_earlier else frame  # a stale picture left in this ring

    def _work_on(self, picture: RingFrame) -> Segmentation:
        if self._is_changed:
            self._apply_query()
            self._is_changed = False
            self._progress.take_values()
        (segmentation,) = self._segmenter.segment(
            picture.pixels, index=picture.index, time_s=picture.time_s
        )
        return segmentation

    @property
    def _uses_source(self) -> bool:
        return True

    def _publish(self, result: Segmentation) -> None:
        if self._segmenter.not_finite:
            self._drop("the masks are not finite numbers; keeping the previous ones")
            return
        self._objects = len(result.objects)
        write_sheet(self._sheet, result)
        self._publish_pixels(
            self._sheet, generation=self._generation, index=result.index, time_s=result.time_s
        )

    # -- memory

    def _free_memory(self) -> None:
        super()._free_memory()
        # the failed call may have left the tracker in an inconsistent state
        self._segmenter.reset()

    def _reduce_memory(self) -> None:
        full = f"{self._model.device}: no memory for {self._model.spec.resolution} px"
        self._port.fail(
            "memory", f"{full}; set a smaller /sam3/resolution, or /sam3/offload", is_final=True
        )

    # -- reports

    def _facts_once(self) -> dict[str, Fact]:
        return {"resolution": self._model.spec.resolution}

    def _facts(self) -> dict[str, Fact]:
        return {
            "objects": self._objects,
            "prompts": len(self._settings.texts),
            "mode": self._segmenter.mode,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentationSettings:
    prompts: tuple[str, ...]
    """The four prompts as typed; blank ones are not used."""
    mode: str
    """image or track"""
    source: str
    """The engine's source of the pictures."""
    threshold: float
    max_objects: int
    memories: int
    detect_every: int

    @property
    def texts(self) -> dict[str, str]:
        """The prompts to encode, by address, without blank ones: suspects for quarantine if the
        process dies."""
        return {
            f"/sam3/prompt/{n}": text
            for n, text in zip(PROMPTS, self.prompts, strict=True)
            if text.strip()
        }

    @property
    def query(self) -> Hashable:
        """The settings whose change needs preparation. Threshold and count need none: modulation
        may move them."""
        return self.prompts, self.mode, self.source


def read_settings(values: Mapping[str, Any]) -> SegmentationSettings:
    """The settings from values by address, as `osc_schema` accepted them; a missing one has its
    default."""
    value = value_reader(values, "/sam3")
    prompts = tuple(value(f"prompt/{n}") for n in PROMPTS)
    return build_settings(SegmentationSettings, value, prompts=prompts)


def load_model(port: ChildPort) -> "SegmentationModel":
    """Load the model named in `port.settings` on the device given there. Ends the child if that
    fails."""
    spec = SegmentationSpec(**port.settings["spec"])
    load: Callable[[str, str], SegmentationModel] = loader("engine.models.sam3.load:load", spec)
    # float16 overflows in SAM3's attention
    return load_on_device(port, spec.model, load, half="bfloat16")
