"""Tracks objects from picture to picture, as transformers' Sam3VideoModel does for streams.

The host waits for the device twice per picture: for the scores and overlaps of all masks, from
which it decides everything (`association.py`), and for the masks of the result.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from engine.models.compat.transformers import fill_holes_in_mask_scores
from engine.models.device_work import HostBuffers
from engine.models.graphs import Between, noop
from engine.models.sam3 import MAX_MEMORIES
from engine.models.sam3.association import (
    LOST_AFTER,
    MaskStats,
    TrackingDecision,
    count_missed,
    decide,
    surplus_ids,
)
from engine.models.sam3.backbone import Features
from engine.models.sam3.detected_objects import DetectedObjects
from engine.models.sam3.detector import Detector, Mark, ignore_stage
from engine.models.sam3.detr import to_uint8
from engine.models.sam3.mask_kernel import install
from engine.models.sam3.model import SegmentationModel
from engine.models.sam3.multiplex_model import is_multiplex
from engine.models.sam3.prompts import EncodedPrompt
from engine.models.sam3.propagation import (
    SURE_LOGIT,
    MemoryEncoder,
    Propagation,
    TrackerOutput,
    VisionFeatures,
)
from engine.models.sam3.tracked_object import TrackedObject, restore_object

CANDIDATES = 64
"""Number of queries per prompt, or as many as objects are wanted, for which masks are computed
before duplicates are dropped. The model has 200."""
EDGE = 0.025  # of the picture: SAM 3.1 ignores detections with their centre there
INSIDE = 0.5  # the detector's logits are cut here to become an object's mask (Sam3VideoModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """The best queries of all prompts in one picture, on the device."""

    logits: list[Tensor]
    """(k, side, side) of each prompt."""
    scores: Tensor
    """(prompts, k) float32, descending."""
    boxes: Tensor
    """(prompts, k, 4) float32 xyxy 0..1."""
    is_finite: Tensor
    """(prompts,) bool."""

    def mask(self, row: int) -> Tensor:
        """The logits (side, side) of a row of all prompts' candidates."""
        prompt, query = divmod(row, self.scores.shape[1])
        return self.logits[prompt][query]

    def cut(self, row: int, dtype: torch.dtype) -> Tensor:
        """The mask of a row as 0 and 1."""
        return (self.mask(row) >= INSIDE).to(dtype)


class Tracker:
    """Tracks the prompted objects through the pictures of one source. Single thread, single device.
    An object has the same id, from 1, as long as it is tracked; ids are never reused. Memory is
    bounded (`tracked_object.py`). The rules for dropping objects are in `association.py`. Pictures
    of any size are scaled to the same square before, so a change of size has no effect here."""

    PROPAGATION: ClassVar[Any] = Propagation
    MEMORY_ENCODER: ClassVar[Any] = MemoryEncoder

    def __init__(self, model: SegmentationModel, detector: Detector) -> None:
        """`model` must have a tracker. From now on all of transformers' SAM3 video models in this
        process use our NMS and hole filling."""
        self._model = model
        self._detector = detector
        self._is_multiplex = np.bool(is_multiplex(model.video))
        self._propagation = self.PROPAGATION(model)
        self._memory_encoder = self.MEMORY_ENCODER(model)
        self._stats_copy = HostBuffers(model.device)
        self._mask_copy = HostBuffers(model.device)
        self.memories = MAX_MEMORIES
        """Frames that the next one reads of each object, itself included: MIN_MEMORIES to
        MAX_MEMORIES."""
        self.detect_every = 1
        """Objects are looked for in each N-th picture; in those between the known ones are tracked
        only."""
        self._numbers: dict[str, int] = {}
        self._last_number = 0
        self._last_id = 0
        install(model.video.fill_hole_area)
        self.reset()

    @property
    def count(self) -> int:
        """Number of tracked objects."""
        return len(self._objects)

    @property
    def detects(self) -> bool:
        """True if objects are looked for in the next picture."""
        rules = self._model.video
        every = rules.recondition_every_nth_frame or self.detect_every
        is_doubted = self._is_multiplex and any(
            self._frames - each.first < rules.hotstart_delay for each in self._objects
        )
        is_due = not (self._frames % self.detect_every and self._frames % every)
        return is_due or not self._objects or bool(is_doubted)

    def reset(self) -> None:
        """Drop all tracked objects, for pictures from another source."""
        self._objects: list[TrackedObject] = []
        self._frames = 0
        self._missed: dict[int, int] = {}

    def state(self) -> dict[str, Any]:
        """The complete state, as tensors and plain values (not copied), for `restore`."""
        return {
            "objects": [each.state() for each in self._objects],
            "frames": self._frames,
            "last_id": self._last_id,
            "absence": self._missed,
            "numbers": self._numbers,
            "last_number": self._last_number,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from the state of another tracker. The next steps are bit-identical to its
        steps."""
        self._objects = [restore_object(each) for each in state["objects"]]
        self._frames = state["frames"]
        self._last_id = state["last_id"]
        self._missed = state["absence"]
        self._numbers = dict(state["numbers"])
        self._last_number = state["last_number"]

    @torch.no_grad()
    def step(
        self,
        features: Features,
        prompts: Sequence[EncodedPrompt],
        *,
        threshold: float,
        max_objects: int,
        between: Between = noop,
        mark: Mark = ignore_stage,
    ) -> DetectedObjects:
        """Process the next picture, whose `features` these are. Returns its visible objects, with
        `ids`: at most `max_objects`, highest score first. Boxes enclose the masks.

        As in transformers' processor, an object's score is that of its first detection.
        `threshold`: minimum score of a detection; while objects are tracked, a new one needs more
        (`threshold_for_new`: 0.7 at 0.5). `threshold`, `max_objects` and `prompts` may change at
        any time: objects with a lower score, too many objects, and objects of removed texts are
        dropped. A repeated text is processed once.

        `between` is called between the parts of detector and tracker, several times for a few
        objects; `mark` after each stage: decoder and masks for each prompt, then tracker and copy.
        `is_finite` is False if the detector returned NaN or infinity: the result is then empty, and
        tracking continues with the next picture."""
        known = self._last_number
        prompt_indices = self._number_prompts(prompts)
        if not prompt_indices:
            return self._visible_objects([], [], prompt_indices)
        self._drop(
            surplus_ids({each.id: each.score for each in self._objects}, threshold, max_objects)
        )
        chosen = [prompts[index] for index in prompt_indices.values()]
        detects = self.detects or self._last_number > known
        count = max(CANDIDATES, -(-max_objects // 16) * 16) if detects else 0
        candidates = self._candidates(features, chosen, count, between, mark)
        vision = self._propagation.compute_features(features, between) if self._objects else None
        tracked, clean_masks = (
            self._propagate(vision, between) if vision else (None, candidates.logits[0][:0])
        )
        stats = self._fetch_stats(candidates, tracked, clean_masks)
        if stats is None:
            return self._visible_objects([], [], prompt_indices, is_finite=False)
        every = self._model.video.recondition_every_nth_frame
        decision = decide(
            stats,
            self._objects,
            list(prompt_indices),
            self._model.video,
            threshold=threshold,
            max_objects=max_objects,
            first_id=self._last_id + 1,
            may_recondition=every > 0 and self._frames % every == 0,
            frame=self._frames,
            is_multiplex=bool(self._is_multiplex),
        )
        masks, visible = self._settle(list(clean_masks), candidates, decision)
        memories: Any = []
        if tracked or decision.new:
            vision = vision or self._propagation.compute_features(features, between)
            memories = self._encode_memories(vision, candidates, tracked, masks, decision, between)
        mark("tracker")
        if decision.new:
            visible += self._fill_holes(
                torch.stack([candidates.mask(row) for row in decision.rows])
            )
        found = self._visible_objects([*self._objects, *decision.new], visible, prompt_indices)
        mark("copy")
        self._store_memories(decision, memories)  # from here on nothing fails
        self._frames += 1
        self._drop(decision.dropped)
        if detects:
            self._drop_lost(set(found.tracked_ids.tolist()) - decision.unmatched)
        return found

    def _settle(
        self, masks: list[Tensor], candidates: Candidates, decision: TrackingDecision
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Masks (side, side) of the tracked objects without the hidden ones, for the memory, and to
        show."""
        for index in decision.hidden:
            masks[index] = torch.full_like(masks[index], -SURE_LOGIT)
        visible = list(masks)
        for index, row in decision.reconditioned.items():
            visible[index] = candidates.mask(row)
        return masks, visible

    def _candidates(
        self,
        features: Features,
        prompts: Sequence[EncodedPrompt],
        count: int,
        between: Between,
        mark: Mark,
    ) -> Candidates:
        if not count:
            return self._no_candidates(features, len(prompts))
        found = {}
        options: dict[str, Any] = {"max_queries": count, "between": between, "mark": mark}
        for index, best in self._detector.best_of_each(features, prompts, **options):
            found[index] = (
                best.logits[0].clone(),
                best.scores.clone(),
                best.boxes.clone(),
                best.is_finite.clone(),
            )
            mark("masks")
        between()
        logits, *others = zip(*(found[index] for index in range(len(prompts))), strict=True)
        scores, boxes, is_finite = (torch.cat(each) for each in others)
        return Candidates(logits=list(logits), scores=scores, boxes=boxes, is_finite=is_finite)

    def _no_candidates(self, features: Features, prompts: int) -> Candidates:
        hidden = features.last_hidden_state
        side = self._model.mask_side
        boxes = hidden.new_zeros(prompts, 0, 4, dtype=torch.float32)
        return Candidates(
            logits=list(hidden.new_zeros(prompts, 0, side, side)),
            scores=boxes[..., 0],
            boxes=boxes,
            is_finite=torch.isfinite(hidden).all().expand(prompts),
        )

    def _propagate(self, vision: VisionFeatures, between: Between) -> tuple[TrackerOutput, Tensor]:
        """Propagate the tracked objects to the next picture; also their logits (m, side, side)
        without small holes."""
        tracked = self._propagation.propagate(
            vision,
            [each.memory for each in self._objects],
            self._frames,
            between,
            count=self.memories,
        )
        return tracked, self._fill_holes(tracked.masks)

    def _fill_holes(self, masks: Tensor) -> Tensor:
        """Masks (n, side, side) with small holes filled and small specks removed."""
        filled: Tensor = fill_holes_in_mask_scores(
            masks[:, None], max_area=self._model.video.fill_hole_area
        )
        return filled[:, 0]

    def _fetch_stats(
        self, candidates: Candidates, tracked: TrackerOutput | None, masks: Tensor
    ) -> MaskStats | None:
        """Copy the statistics of all masks to the host: waits for it. None if the detector returned
        NaN or infinity."""
        inside = torch.cat([(mask > 0).flatten(1) for mask in (*candidates.logits, masks)]).float()
        logits = tracked.scores.float() if tracked else candidates.scores[0, :0]
        shared = inside @ inside.T  # counts exactly, in TF32 as well
        copied = shared, candidates.scores, logits, candidates.boxes, candidates.is_finite
        *stats, boxes, is_finite = self._stats_copy.fetch(*copied)
        # of the centre from the picture's, times 2
        offsets = np.abs(boxes[..., :2] + boxes[..., 2:] - 1.0)
        stats.append(np.all(offsets < 1.0 - 2 * EDGE, axis=-1) | ~self._is_multiplex)
        names = "shared", "scores", "logits", "is_inside"
        return MaskStats(**dict(zip(names, stats, strict=True))) if is_finite.all() else None

    def _encode_memories(
        self,
        vision: VisionFeatures,
        candidates: Candidates,
        tracked: TrackerOutput | None,
        masks: Sequence[Tensor],
        decision: TrackingDecision,
        between: Between,
    ) -> Any:
        """The memories of the picture, for `_store_memories`."""
        masks = list(masks)
        if not self._model.video.recondition_on_trk_masks:
            for index, row in decision.reconditioned.items():
                masks[index] = candidates.cut(row, masks[index].dtype)
        return self._memory_encoder.encode(
            vision,
            tracked,
            masks,
            [each.prompt for each in self._objects],
            decision.reconditioned,
            [candidates.cut(row, self._model.dtype) for row in decision.rows],
            between,
        )

    def _store_memories(self, decision: TrackingDecision, memories: Any) -> None:
        count = len(self._objects)
        self._add_objects(decision)
        for index, (each, (pointer, mask)) in enumerate(zip(self._objects, memories, strict=True)):
            is_conditioning = index >= count or index in decision.reconditioned
            each.memory.add(
                self._frames,
                pointer,
                mask,
                self._propagation.config,
                is_conditioning=is_conditioning,
            )

    def _add_objects(self, decision: TrackingDecision) -> None:
        for index in decision.empty:
            self._objects[index].last_hidden = self._frames
        self._objects += decision.new
        self._last_id += len(decision.new)

    def _number_prompts(self, prompts: Sequence[EncodedPrompt]) -> dict[int, int]:
        """Assign each text a number, the same while the text is in use, and return its index in
        `prompts` by number. Drops objects of removed texts."""
        indices: dict[str, int] = {}
        for index, prompt in enumerate(prompts):
            indices.setdefault(prompt.text, index)
        for text in indices.keys() - self._numbers.keys():
            self._last_number += 1
            self._numbers[text] = self._last_number
        self._numbers = {text: self._numbers[text] for text in indices}
        numbers_in_use = set(self._numbers.values())
        self._drop([each.id for each in self._objects if each.prompt not in numbers_in_use])
        return {self._numbers[text]: index for text, index in indices.items()}

    def _drop(self, ids: Iterable[int]) -> None:
        dropped = set(ids)
        self._objects = [each for each in self._objects if each.id not in dropped]

    def _drop_lost(self, confirmed: set[int]) -> None:
        """Drop objects that have been missing for long."""
        self._missed = count_missed(
            self._missed, {each.id: each.id in confirmed for each in self._objects}
        )
        self._drop([each for each, count in self._missed.items() if count >= LOST_AFTER])

    def _visible_objects(
        self,
        objects: Sequence[TrackedObject],
        masks: Sequence[Tensor],
        prompt_indices: dict[int, int],
        *,
        is_finite: bool = True,
    ) -> DetectedObjects:
        """The visible objects. `masks`: logits (side, side) of each. `prompt_indices`: by the
        prompts' numbers."""
        ranked = sorted(
            range(len(objects)), key=lambda each: (-objects[each].score, objects[each].id)
        )
        levels = np.zeros((0, self._model.mask_side, self._model.mask_side), np.uint8)
        if ranked:
            (levels,) = self._mask_copy.fetch(
                to_uint8(torch.stack([masks[each] for each in ranked]))
            )
        tracked = DetectedObjects(
            scores=np.array([objects[each].score for each in ranked], np.float32),
            boxes=boxes_around(levels),
            prompts=np.array([prompt_indices[objects[each].prompt] for each in ranked], np.int64),
            masks=levels,
            ids=np.array([objects[each].id for each in ranked], np.int64),
            is_finite=is_finite,
        )
        return tracked.select(tracked.boxes[:, 2] > 0.0)


def boxes_around(masks: np.ndarray) -> np.ndarray:
    """Bounding boxes (left, top, right, bottom), 0..1, of values above 127.5 in masks (n, side,
    side) uint8. (n, 4) float32; zeros for an empty mask."""
    inside = masks > 127
    boxes = np.zeros((len(masks), 4), np.float32)
    for axis in (0, 1):
        lines: np.ndarray = np.any(inside, axis=1 + axis)  # (n, side): columns, then rows
        boxes[:, axis] = lines.argmax(axis=1)
        boxes[:, 2 + axis] = lines.any(axis=1) * (lines.shape[1] - lines[:, ::-1].argmax(axis=1))
    return boxes / np.float32(masks.shape[2])
