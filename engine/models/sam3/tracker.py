"""Tracks objects from picture to picture, as transformers' Sam3VideoModel does for streams.

The host waits for the device twice a picture: for the scores and overlaps of all masks, from which it decides
everything (`association.py`), and for the masks of the result.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from transformers.models.sam3_video.modeling_sam3_video import fill_holes_in_mask_scores

from engine.models.device_work import HostBuffers
from engine.models.graphs import nothing
from engine.models.sam3.association import LOST_AFTER, Decided, MaskFacts, decide, missed_after, surplus_ids
from engine.models.sam3.backbone import Features
from engine.models.sam3.detected_objects import DetectedObjects
from engine.models.sam3.detector import Detector, Mark, ignore
from engine.models.sam3.detr import as_levels
from engine.models.sam3.mask_kernel import install
from engine.models.sam3.model import SegmentationModel
from engine.models.sam3.prompts import EncodedPrompt
from engine.models.sam3.propagation import SURE_LOGIT, Memory, Propagated, Propagation, Remembering, Seen
from engine.models.sam3.tracked_object import TrackedObject, restored

CANDIDATES = 64
"""Number of queries per prompt for which masks are computed before duplicates are dropped. The model has 200."""
INSIDE = 0.5  # the detector's logits are cut here to become an object's mask (Sam3VideoModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """The best queries of all prompts in one picture, on the device."""

    logits: list[torch.Tensor]
    """(k, side, side) of each prompt."""
    scores: torch.Tensor
    """(prompts, k) float32, descending."""
    is_finite: torch.Tensor
    """(prompts,) bool."""

    def mask(self, row: int) -> torch.Tensor:
        """The logits (side, side) of a row of all prompts' candidates."""
        prompt, place = divmod(row, self.scores.shape[1])
        return self.logits[prompt][place]

    def cut(self, row: int, dtype: torch.dtype) -> torch.Tensor:
        """The same as 0 and 1."""
        return (self.mask(row) >= INSIDE).to(dtype)


class Tracker:
    """Tracks the prompted objects through the pictures of one source. Single thread, single device. An object keeps its
    id, from 1, as long as it is tracked; ids are never reused. Memory is bounded (`tracked_object.py`). The rules for
    dropping objects are in `association.py`. Pictures of any size are scaled to the same square before, so a change of
    size has no effect here."""

    def __init__(self, model: SegmentationModel, detector: Detector) -> None:
        """`model` must have a tracker. From now on all of transformers' SAM3 video models in this process use our NMS
        and hole filling."""
        self._model = model
        self._detector = detector
        self._propagation, self._remembering = Propagation(model), Remembering(model)
        self._facts, self._shown = HostBuffers(model.device), HostBuffers(model.device)
        self._numbers: dict[str, int] = {}
        self._last_number = self._last_id = 0
        install(model.video.fill_hole_area)
        self.reset()

    @property
    def count(self) -> int:
        """Number of tracked objects."""
        return len(self._objects)

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
        """Continue from the state of another tracker. The next steps are bit-identical to its steps."""
        self._objects = [restored(each) for each in state["objects"]]
        self._frames, self._last_id = state["frames"], state["last_id"]
        self._missed = state["absence"]
        self._numbers, self._last_number = dict(state["numbers"]), state["last_number"]

    @torch.no_grad()
    def step(
        self,
        features: Features,
        prompts: Sequence[EncodedPrompt],
        *,
        threshold: float,
        max_objects: int,
        between: Callable[[], None] = nothing,
        mark: Mark = ignore,
    ) -> DetectedObjects:
        """Process the next picture, whose `features` these are. Returns its visible objects, with `ids`: at most
        `max_objects`, highest score first. Boxes enclose the masks.

        As in transformers' processor, an object keeps the detector's score from when it was found. `threshold`: minimum
        score of a detection; while objects are tracked, a new one needs more (`threshold_for_new`: 0.7 at 0.5). It,
        `max_objects` and `prompts` may change at any time: objects with a lower score, too many objects, and objects of
        removed texts are dropped. A text that is given twice is processed once.

        `between` is called between the parts of detector and tracker, several times for a few objects; `mark` after
        each stage: decoder and masks for each prompt, then tracker and copy. `is_finite` is False if the detector
        returned NaN or infinity: the result is then empty, and tracking continues with the next picture."""
        places = self._places(prompts)
        if not places:
            return self._found([], [], places)
        self._drop(surplus_ids({each.id: each.score for each in self._objects}, threshold, max_objects))
        candidates = self._candidates(features, [prompts[place] for place in places.values()], between, mark)
        seen = self._propagation.seen(features, between) if self._objects else None
        known, shown = self._known(seen, between) if seen else (None, candidates.logits[0][:0])
        facts = self._learned(candidates, known, shown)
        if facts is None:
            return self._found([], [], places, is_finite=False)
        every = self._model.video.recondition_every_nth_frame
        decided = decide(
            facts,
            self._objects,
            list(places),
            self._model.video,
            threshold=threshold,
            max_objects=max_objects,
            first_id=self._last_id + 1,
            is_due=every > 0 and self._frames % every == 0,
        )
        masks = list(shown)
        for place in decided.hidden:
            masks[place] = torch.full_like(masks[place], -SURE_LOGIT)
        memories: list[Memory] = []
        if known or decided.new:
            seen = seen or self._propagation.seen(features, between)
            memories = self._memories(seen, candidates, known, masks, decided, between)
        mark("tracker")
        for place, row in decided.reconditioned.items():
            masks[place] = candidates.mask(row)
        if decided.new:
            masks += self._mended(torch.stack([candidates.mask(row) for row in decided.rows]))
        found = self._found([*self._objects, *decided.new], masks, places)
        mark("copy")
        self._remember(decided, memories)
        self._forget(set(found.tracked_ids.tolist()) - decided.unmatched)
        return found

    def _candidates(
        self, features: Features, prompts: Sequence[EncodedPrompt], between: Callable[[], None], mark: Mark
    ) -> Candidates:
        found = []
        for prompt in prompts:
            best = self._detector.best(features, prompt, max_queries=CANDIDATES, between=between, mark=mark)
            # Copied, because the next prompt overwrites them.
            found.append((best.logits[0].clone(), best.scores.clone(), best.is_finite.clone()))
            mark("masks")
            between()
        logits, scores, is_finite = zip(*found, strict=True)
        return Candidates(logits=list(logits), scores=torch.cat(scores), is_finite=torch.cat(is_finite))

    def _known(self, seen: Seen, between: Callable[[], None]) -> tuple[Propagated, torch.Tensor]:
        """The tracked objects in one picture, and their logits (m, side, side) without small holes and specks."""
        memories = [each.memory for each in self._objects]
        known = self._propagation.propagated(seen, memories, self._frames, between)
        return known, self._mended(known.masks)

    def _mended(self, masks: torch.Tensor) -> torch.Tensor:
        """Masks (n, side, side) with small holes filled and small specks removed."""
        mended: torch.Tensor = fill_holes_in_mask_scores(masks[:, None], max_area=self._model.video.fill_hole_area)  # type: ignore[no-untyped-call]  # has no types in transformers
        return mended[:, 0]

    def _learned(self, candidates: Candidates, known: Propagated | None, shown: torch.Tensor) -> MaskFacts | None:
        """Waits for the device. None if the detector returned NaN or infinity."""
        inside = torch.cat([(mask > 0).flatten(1) for mask in (*candidates.logits, shown)]).float()
        logits = known.scores.float() if known else candidates.scores[0, :0]
        shared = inside @ inside.T  # counts exactly, in TF32 as well
        *facts, is_finite = self._facts.fetch(shared, candidates.scores, logits, candidates.is_finite)
        return MaskFacts(shared=facts[0], scores=facts[1], logits=facts[2]) if is_finite.all() else None

    def _memories(
        self,
        seen: Seen,
        candidates: Candidates,
        known: Propagated | None,
        masks: Sequence[torch.Tensor],
        decided: Decided,
        between: Callable[[], None],
    ) -> list[Memory]:
        masks = list(masks)
        if not self._model.video.recondition_on_trk_masks:
            for place, row in decided.reconditioned.items():
                masks[place] = candidates.cut(row, masks[place].dtype)
        return self._remembering.memories(
            seen,
            known,
            masks,
            [each.prompt for each in self._objects],
            decided.reconditioned,
            [candidates.cut(row, self._model.dtype) for row in decided.rows],
            between,
        )

    def _remember(self, decided: Decided, memories: Sequence[Memory]) -> None:
        """End the picture: from here on nothing fails."""
        count = len(self._objects)
        for place in decided.empty:
            self._objects[place].last_hidden = self._frames
        self._objects += decided.new
        self._last_id += len(decided.new)
        for place, (each, (pointer, mask)) in enumerate(zip(self._objects, memories, strict=True)):
            is_conditioning = place >= count or place in decided.reconditioned
            each.memory.add(self._frames, pointer, mask, self._propagation.config, is_conditioning=is_conditioning)
        self._frames += 1

    def _places(self, prompts: Sequence[EncodedPrompt]) -> dict[int, int]:
        """Index of each text in `prompts`, by a number that stays the same while the text is in use. Drops objects of
        removed texts."""
        places: dict[str, int] = {}
        for place, prompt in enumerate(prompts):
            places.setdefault(prompt.text, place)
        for text in places.keys() - self._numbers.keys():
            self._last_number += 1
            self._numbers[text] = self._last_number
        self._numbers = {text: self._numbers[text] for text in places}
        asked = set(self._numbers.values())
        self._drop([each.id for each in self._objects if each.prompt not in asked])
        return {self._numbers[text]: place for text, place in places.items()}

    def _drop(self, ids: Iterable[int]) -> None:
        gone = set(ids)
        self._objects = [each for each in self._objects if each.id not in gone]

    def _forget(self, confirmed: set[int]) -> None:
        """Drop objects that have been missing for long."""
        self._missed = missed_after(self._missed, {each.id: each.id in confirmed for each in self._objects})
        self._drop([each for each, count in self._missed.items() if count >= LOST_AFTER])

    def _found(
        self,
        objects: Sequence[TrackedObject],
        masks: Sequence[torch.Tensor],
        places: dict[int, int],
        *,
        is_finite: bool = True,
    ) -> DetectedObjects:
        """The visible objects. `masks`: logits (side, side) of each. `places`: prompt indices by number."""
        ranked = sorted(range(len(objects)), key=lambda each: (-objects[each].score, objects[each].id))
        levels = np.zeros((0, self._model.mask_side, self._model.mask_side), np.uint8)
        if ranked:
            (levels,) = self._shown.fetch(as_levels(torch.stack([masks[each] for each in ranked])))
        tracked = DetectedObjects(
            scores=np.array([objects[each].score for each in ranked], np.float32),
            boxes=boxes_around(levels),
            prompts=np.array([places[objects[each].prompt] for each in ranked], np.int64),
            masks=levels,
            ids=np.array([objects[each].id for each in ranked], np.int64),
            is_finite=is_finite,
        )
        return tracked.only(tracked.boxes[:, 2] > 0.0)


def boxes_around(masks: np.ndarray) -> np.ndarray:
    """Bounding boxes (left, top, right, bottom), 0..1, of values above 127.5 in masks (n, side, side) uint8. (n, 4)
    float32; zeros for an empty mask."""
    inside = masks > 127
    boxes = np.zeros((len(masks), 4), np.float32)
    for axis in (0, 1):
        lines: np.ndarray = np.any(inside, axis=1 + axis)  # (n, side): columns, then rows
        boxes[:, axis] = lines.argmax(axis=1)
        boxes[:, 2 + axis] = lines.any(axis=1) * (lines.shape[1] - lines[:, ::-1].argmax(axis=1))
    return boxes / np.float32(masks.shape[2])
