"""transformers' SAM3 video model, frame by frame, told what is in the picture instead of looking itself.

Its own `forward` runs whole: it matches detections with who is followed, decides who is new, propagates, reconditions
and keeps the session. Three seams are ours, the ones that say nothing of how following works: where features come from
(`detector_model.get_vision_features`), where detections come from (`run_detection`), and how many of the new ones there
is room for (`_associate_det_trk`: the model itself would write a warning for every picture of a crowd). A change of
transformers that moves one of them is an error of arguments or a difference from the model as it stands, and a test
compares the two picture by picture.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from transformers import Sam3VideoModel
from transformers.models.sam3_video.modeling_sam3_video import Sam3VideoSegmentationOutput, nms_masks

from engine.models.sam3.backbone import Features
from engine.models.sam3.detector import Best
from engine.models.sam3.following import winners
from engine.models.sam3.session import StreamSession

PICTURE = torch.empty(0)
"""In place of the picture, whose features are there."""

Detections = dict[str, torch.Tensor]
"""As transformers has them: bbox (n, 4), mask (n, side, side) logits, scores (n,)."""


class Eyes(torch.nn.Module):
    """Stands where the detector stands in the model."""

    features: Features | None = None

    def get_vision_features(self, pixel_values: torch.Tensor) -> Features | None:
        return self.features


class VideoFlow(Sam3VideoModel):
    """The layers are those of the model it was made over; the settings, plain attributes, are its own."""

    @classmethod
    def over(cls, video: Sam3VideoModel) -> "VideoFlow":
        flow = cls.__new__(cls)
        vars(flow).update(vars(video))
        flow._modules = {**video._modules, "detector_model": Eyes()}
        flow._detections = {}
        return flow

    def follow(
        self, session: StreamSession, features: Features, detections: Mapping[int, Detections]
    ) -> Sam3VideoSegmentationOutput:
        """One frame. `detections` by the number of the prompt, which the session gives its objects."""
        eyes = self._modules["detector_model"]
        eyes.features, self._detections = features, detections
        try:
            return self(inference_session=session, frame=PICTURE)
        finally:
            eyes.features, self._detections = None, {}  # they may be hundreds of megabytes

    def pieces(self) -> Iterator[torch.nn.Module]:
        """Layers between which the device can be had by others, a few milliseconds each."""
        yield self.tracker_neck
        yield from self.tracker_model.memory_attention.layers
        yield self.tracker_model.mask_decoder
        yield self.tracker_model.memory_encoder

    def run_detection(self, inference_session: Any, vision_embeds: Any) -> Mapping[int, Detections]:
        return self._detections

    def _associate_det_trk(self, *, det_scores: torch.Tensor, trk_obj_ids: list[int], **others: Any) -> Any:
        new, unmatched, matched, reconditioning, empty = super()._associate_det_trk(
            det_scores=det_scores, trk_obj_ids=trk_obj_ids, **others
        )
        free = self.max_num_objects - len(trk_obj_ids)
        if len(new) > free:
            new = winners(new, det_scores.tolist(), free)
        return new, unmatched, matched, reconditioning, empty


def detections_of(best: Best, threshold: float, nms_threshold: float) -> Detections:
    """What is above the score's threshold, without duplicates: of two masks whose IoU is above `nms_threshold` the one
    of the lower score goes. Copies, in the order of the scores."""
    scores, logits = best.scores[0], best.logits[0]
    keep = scores > threshold
    if nms_threshold > 0.0:
        keep = nms_masks(pred_probs=scores, pred_masks=logits, prob_threshold=threshold, iou_threshold=nms_threshold)
    return {"bbox": best.boxes[0][keep], "mask": logits[keep], "scores": scores[keep]}
