"""Objects that keep their ids from picture to picture: SAM3's tracker, as transformers' Sam3VideoModel runs it."""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from engine.models.graphs import nothing
from engine.models.sam3.backbone import Features
from engine.models.sam3.detector import Detector, Mark, ignore
from engine.models.sam3.detr import as_levels
from engine.models.sam3.following import Absence, threshold_for_new, too_many
from engine.models.sam3.found import Found
from engine.models.sam3.mask_kernel import install
from engine.models.sam3.prompts import Prompt
from engine.models.sam3.session import StreamSession
from engine.models.sam3.video_flow import Detections, VideoFlow, detections_of

if TYPE_CHECKING:
    from engine.models.sam3.model import Model

CANDIDATES = 64
"""Queries of a prompt that are given a mask, before duplicates go. The model has 200."""


class Tracker:
    """Follows what the prompts name through the pictures of one source. One thread, one device.

    An object keeps its id, from 1, as long as it is followed; no id is given twice. Memory is bounded (`session.py`);
    who is let go, and why, stands in `following.py`. Pictures of any size and aspect become the same square before they
    come here: a change of size changes nothing.
    """

    def __init__(self, model: "Model", detector: Detector) -> None:
        """`model` has a tracker. From now on all of transformers' SAM3 video models in this process use our NMS and
        hole filling."""
        self._model = model
        self._detector = detector
        self._flow = VideoFlow.over(model.video)
        self._own_thresholds = (model.video.score_threshold_detection, model.video.new_det_thresh)
        self._numbers: dict[str, int] = {}
        self._last_number = 0
        self._session = StreamSession(model.device, model.dtype, first_id=1)
        self._absence = Absence()
        self._between: Callable[[], None] = nothing
        install(self._flow.fill_hole_area)
        for piece in self._flow.pieces():
            piece.register_forward_pre_hook(self._before_piece)

    def reset(self) -> None:
        """Forgets who is followed: pictures of another source begin."""
        self._session = StreamSession(self._model.device, self._model.dtype, first_id=self._session.max_obj_id + 1)
        self._absence = Absence()

    def state(self) -> dict[str, Any]:
        """Everything the next step depends on: tensors and plain values, not copied. See `restore`."""
        return {
            "session": self._session.state(),
            "absence": self._absence.results,
            "numbers": self._numbers,
            "last_number": self._last_number,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on where the tracker that gave this `state` was: the next steps give the same bits."""
        self._session = StreamSession(self._model.device, self._model.dtype, first_id=1)
        self._session.restore(state["session"])
        self._absence = Absence(state["absence"])
        self._numbers, self._last_number = dict(state["numbers"]), state["last_number"]

    def step(
        self,
        features: Features,
        prompts: Sequence[Prompt],
        *,
        threshold: float,
        most: int,
        between: Callable[[], None] = nothing,
        mark: Mark = ignore,
    ) -> Found:
        """The objects in the next picture, with `ids`: at most `most`, highest score first.

        A score is the detector's when it found the object, as transformers' processor has it: it stays, and so does the
        order. Boxes enclose the masks. Who is followed but cannot be seen is left out.

        `threshold`: least score of a detection; while anybody is followed a new object needs more
        (`threshold_for_new`: 0.7 at 0.5). It, `most` and `prompts` may change at any time: who was found with less, or
        is one too many, or was found for a text that is gone, is let go, and the others stay. A text that is given
        twice is looked for once.

        `features` are of one picture. `between` is called between the parts of detector and tracker, some times for
        each object; `mark` is told the end of each stage: decoder and masks for each prompt, then tracker and copy.
        `is_finite` is False where the detector's numbers were none: then nothing is found, and who is followed goes on
        in the next picture.
        """
        places = self._places(prompts)
        if not places:
            return self._found({}, {})
        self._let_go(too_many(self._session.obj_id_to_score, threshold, most))
        detections: dict[int, Detections] = {}
        for number, place in places.items():
            best = self._detector.best(features, prompts[place], most=CANDIDATES, between=between, mark=mark)
            if not best.is_finite.all():
                return self._found({}, {}, is_finite=False)
            detections[number] = detections_of(best, threshold, self._flow.det_nms_thresh)
            mark("masks")
            between()
        self._flow.new_det_thresh = threshold_for_new(threshold, *self._own_thresholds)
        self._flow.max_num_objects = most
        masks = self._followed(features, detections, between)
        mark("tracker")
        found = self._found(masks, places)
        mark("copy")
        self._forget(set(found.ids.tolist()))
        return found

    def _followed(
        self, features: Features, detections: dict[int, Detections], between: Callable[[], None]
    ) -> dict[int, torch.Tensor]:
        """(1, side, side) logits of everyone, by id."""
        masks: dict[int, torch.Tensor] | None = None
        self._between = between
        try:
            masks = self._flow.follow(self._session, features, detections).obj_id_to_mask
        finally:
            self._between = nothing
            if masks is None:
                self.reset()  # stopped within a frame, what is in the session does not fit together
        return masks

    def _before_piece(self, piece: torch.nn.Module, inputs: tuple[object, ...]) -> None:
        self._between()  # what a hook returns would be taken for other inputs

    def _places(self, prompts: Sequence[Prompt]) -> dict[int, int]:
        """Where each text stands in the sequence, by the number that it has as long as it is asked for. Lets go who was
        found for others."""
        places: dict[str, int] = {}
        for place, prompt in enumerate(prompts):
            places.setdefault(prompt.text, place)
        for text in places.keys() - self._numbers.keys():
            self._last_number += 1
            self._numbers[text] = self._last_number
        self._numbers = {text: self._numbers[text] for text in places}
        asked = set(self._numbers.values())
        self._let_go([each for each, number in self._session.obj_id_to_prompt_id.items() if number not in asked])
        return {self._numbers[text]: place for text, place in places.items()}

    def _let_go(self, ids: Iterable[int]) -> None:
        for object_id in ids:
            self._session.drop(object_id)

    def _forget(self, shown: set[int]) -> None:
        """What no later picture needs, and who has not been seen for long."""
        session = self._session
        newest = session.num_frames - 1
        matched = {each for each in shown if newest not in session.unmatched_frame_inds.get(each, ())}
        session.trim(self._model.video.config.tracker_config)
        self._let_go(self._absence.after({each: each in matched for each in session.obj_ids}))

    def _found(self, masks: dict[int, torch.Tensor], places: dict[int, int], *, is_finite: bool = True) -> Found:
        """`masks`: (1, side, side) logits of everyone followed; `places` of the prompts by number."""
        session = self._session
        ids = sorted(masks, key=lambda each: (-session.obj_id_to_score[each], each))
        side = self._model.mask_side
        levels = np.zeros((0, side, side), np.uint8)
        if ids:
            levels = as_levels(torch.cat([masks[each] for each in ids])).cpu().numpy()
        everyone = Found(
            scores=np.array([session.obj_id_to_score[each] for each in ids], np.float32),
            boxes=boxes_around(levels),
            prompts=np.array([places[session.obj_id_to_prompt_id[each]] for each in ids], np.int64),
            masks=levels,
            ids=np.array(ids, np.int64),
            is_finite=is_finite,
        )
        return everyone.only(everyone.boxes[:, 2] > 0.0)


def boxes_around(masks: np.ndarray) -> np.ndarray:
    """(n, 4) float32: left, top, right and bottom, 0..1, of what is above 127.5 in masks (n, side, side) uint8; zeros
    where nothing is."""
    inside = masks > 127
    boxes = np.zeros((len(masks), 4), np.float32)
    for axis in (0, 1):
        lines = inside.any(axis=1 + axis)  # (n, side): columns, then rows
        boxes[:, axis] = lines.argmax(axis=1)
        boxes[:, 2 + axis] = lines.any(axis=1) * (lines.shape[1] - lines[:, ::-1].argmax(axis=1))
    return boxes / np.float32(masks.shape[2])
