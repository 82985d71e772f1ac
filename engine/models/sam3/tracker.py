"""Tracks objects from picture to picture with SAM3's tracker, as transformers' Sam3VideoModel runs it."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import torch

from engine.models.graphs import nothing
from engine.models.sam3.backbone import Features
from engine.models.sam3.detected_objects import DetectedObjects
from engine.models.sam3.detector import Detector, Mark, ignore
from engine.models.sam3.detr import as_levels
from engine.models.sam3.following import MissedResults, surplus_ids, threshold_for_new
from engine.models.sam3.mask_kernel import install
from engine.models.sam3.model import SegmentationModel
from engine.models.sam3.prompts import EncodedPrompt
from engine.models.sam3.session import StreamSession
from engine.models.sam3.video_flow import Detections, VideoFlow, detections_of

CANDIDATES = 64
"""Number of queries per prompt for which masks are computed before duplicates are dropped. The model has 200."""


class Tracker:
    """Tracks the prompted objects through the pictures of one source. Single thread, single device.

    An object keeps its id, from 1, as long as it is tracked; ids are never reused. Memory is bounded (`session.py`).
    The rules for dropping objects are in `following.py`. Pictures of any size are scaled to the same square before, so
    a change of size has no effect here.
    """

    def __init__(self, model: SegmentationModel, detector: Detector) -> None:
        """`model` must have a tracker. From now on all of transformers' SAM3 video models in this process use our NMS
        and hole filling."""
        self._model = model
        self._detector = detector
        self._flow = VideoFlow.over(model.video)
        self._own_thresholds = (model.video.score_threshold_detection, model.video.new_det_thresh)
        self._numbers: dict[str, int] = {}
        self._last_number = 0
        self._session = StreamSession(model.device, model.dtype, first_id=1)
        self._absence = MissedResults()
        self._between: Callable[[], None] = nothing
        install(self._flow.fill_hole_area)
        for piece in self._flow.pieces():
            piece.register_forward_pre_hook(self._before_piece)

    def reset(self) -> None:
        """Drop all tracked objects, for pictures from another source."""
        self._session = StreamSession(self._model.device, self._model.dtype, first_id=self._session.max_obj_id + 1)
        self._absence = MissedResults()

    def state(self) -> dict[str, Any]:
        """The complete state, as tensors and plain values (not copied), for `restore`."""
        return {
            "session": self._session.state(),
            "absence": self._absence.results,
            "numbers": self._numbers,
            "last_number": self._last_number,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from the state of another tracker. The next steps are bit-identical to its steps."""
        self._session = StreamSession(self._model.device, self._model.dtype, first_id=1)
        self._session.restore(state["session"])
        self._absence = MissedResults(state["absence"])
        self._numbers, self._last_number = dict(state["numbers"]), state["last_number"]

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
        """Process the next picture. Returns its objects, with `ids`: at most `max_objects`, highest score first.

        As in transformers' processor, an object keeps the detector's score from when it was found, so the order stays
        the same. Boxes enclose the masks. Tracked objects that are not visible are omitted.

        `threshold`: minimum score of a detection. While objects are tracked, a new one needs more (`threshold_for_new`:
        0.7 at 0.5). `threshold`, `max_objects` and `prompts` may change at any time: objects with a lower score, too
        many objects, and objects of removed texts are dropped; the others stay. A text that is given twice is processed
        once.

        `features` belong to one picture. `between` is called between the parts of detector and tracker, several times
        per object. `mark` is called at the end of each stage: decoder and masks for each prompt, then tracker and copy.
        `is_finite` is False if the detector returned NaN or infinity: the result is then empty, and tracking continues
        with the next picture.
        """
        places = self._places(prompts)
        if not places:
            return self._found({}, {})
        self._drop(surplus_ids(self._session.obj_id_to_score, threshold, max_objects))
        detections: dict[int, Detections] = {}
        for number, place in places.items():
            best = self._detector.best(features, prompts[place], max_queries=CANDIDATES, between=between, mark=mark)
            if not best.is_finite.all():
                return self._found({}, {}, is_finite=False)
            detections[number] = detections_of(best, threshold, self._flow.det_nms_thresh)
            mark("masks")
            between()
        self._flow.new_det_thresh = threshold_for_new(threshold, *self._own_thresholds)
        self._flow.max_num_objects = max_objects
        masks = self._followed(features, detections, between)
        mark("tracker")
        found = self._found(masks, places)
        mark("copy")
        self._forget(set(found.tracked_ids.tolist()))
        return found

    def _followed(
        self, features: Features, detections: dict[int, Detections], between: Callable[[], None]
    ) -> dict[int, torch.Tensor]:
        """Mask logits (1, side, side) of all tracked objects, by id."""
        self._between = between
        try:
            output = self._flow.follow(self._session, features, detections)
        except BaseException:
            self.reset()  # an error inside a frame leaves the session inconsistent
            raise
        finally:
            self._between = nothing
        return output.obj_id_to_mask or {}

    def _before_piece(self, piece: torch.nn.Module, inputs: tuple[object, ...]) -> None:
        self._between()  # a hook that returns something would replace the inputs

    def _places(self, prompts: Sequence[EncodedPrompt]) -> dict[int, int]:
        """Index of each text in `prompts`, by a number that stays the same while the text is in use.

        Drops objects of removed texts.
        """
        places: dict[str, int] = {}
        for place, prompt in enumerate(prompts):
            places.setdefault(prompt.text, place)
        for text in places.keys() - self._numbers.keys():
            self._last_number += 1
            self._numbers[text] = self._last_number
        self._numbers = {text: self._numbers[text] for text in places}
        asked = set(self._numbers.values())
        self._drop([each for each, number in self._session.obj_id_to_prompt_id.items() if number not in asked])
        return {self._numbers[text]: place for text, place in places.items()}

    def _drop(self, ids: Iterable[int]) -> None:
        for object_id in ids:
            self._session.drop(object_id)

    def _forget(self, shown: set[int]) -> None:
        """Drop data that no later picture needs, and objects that have been missing for long."""
        session = self._session
        newest = session.num_frames - 1
        matched = {each for each in shown if newest not in session.unmatched_frame_inds.get(each, ())}
        session.trim(self._model.video.config.tracker_config)
        self._drop(self._absence.after({each: each in matched for each in session.obj_ids}))

    def _found(
        self, masks: dict[int, torch.Tensor], places: dict[int, int], *, is_finite: bool = True
    ) -> DetectedObjects:
        """The visible objects. `masks`: logits (1, side, side) of all tracked objects.

        `places`: prompt indices by number.
        """
        session = self._session
        ids = sorted(masks, key=lambda each: (-session.obj_id_to_score[each], each))
        side = self._model.mask_side
        levels = np.zeros((0, side, side), np.uint8)
        if ids:
            levels = as_levels(torch.cat([masks[each] for each in ids])).cpu().numpy()
        tracked = DetectedObjects(
            scores=np.array([session.obj_id_to_score[each] for each in ids], np.float32),
            boxes=boxes_around(levels),
            prompts=np.array([places[session.obj_id_to_prompt_id[each]] for each in ids], np.int64),
            masks=levels,
            ids=np.array(ids, np.int64),
            is_finite=is_finite,
        )
        return tracked.only(tracked.boxes[:, 2] > 0.0)


def boxes_around(masks: np.ndarray) -> np.ndarray:
    """Bounding boxes (left, top, right, bottom), 0..1, of values above 127.5 in masks (n, side, side) uint8.

    (n, 4) float32; zeros for an empty mask.
    """
    inside = masks > 127
    boxes = np.zeros((len(masks), 4), np.float32)
    for axis in (0, 1):
        lines: np.ndarray = np.any(inside, axis=1 + axis)  # (n, side): columns, then rows
        boxes[:, axis] = lines.argmax(axis=1)
        boxes[:, 2 + axis] = lines.any(axis=1) * (lines.shape[1] - lines[:, ::-1].argmax(axis=1))
    return boxes / np.float32(masks.shape[2])
