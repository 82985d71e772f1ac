"""Runs transformers' SAM3 video model frame by frame, with features and detections passed in.

Its own `forward` runs unchanged: it matches detections with tracked objects, decides which are new, propagates,
reconditions and updates the session. Three methods that do not affect the tracking itself are replaced: the source of
features (`detector_model.get_vision_features`), the source of detections (`run_detection`), and the limit on new
objects (`_associate_det_trk`: the original logs a warning for every picture with too many objects). If transformers
changes one of them, calls fail or results differ from the original model; a test compares the two picture by picture.
"""

from collections.abc import Iterator, Mapping
from typing import Any, cast

import torch
from transformers import Sam3VideoModel
from transformers.models.sam3_video.modeling_sam3_video import Sam3VideoSegmentationOutput, nms_masks

from engine.models.sam3.backbone import Features
from engine.models.sam3.detector import Best
from engine.models.sam3.following import best_candidates
from engine.models.sam3.session import StreamSession

PICTURE = torch.empty(0)
"""Placeholder for the picture, because its features are already computed."""

Detections = dict[str, torch.Tensor]
"""In transformers' format: bbox (n, 4), mask (n, side, side) logits, scores (n,)."""


class PrecomputedFeatures(torch.nn.Module):
    """Replaces the detector in the model."""

    features: Features | None = None

    def get_vision_features(self, pixel_values: torch.Tensor) -> Features | None:
        return self.features


class VideoFlow(Sam3VideoModel):  # type: ignore[no-untyped-call]  # transformers' __init_subclass__ has no types
    """Shares the layers of the model it is created from, but has its own settings (plain attributes)."""

    @classmethod
    def over(cls, video: Sam3VideoModel) -> "VideoFlow":
        flow = cls.__new__(cls)
        vars(flow).update(vars(video))
        flow._modules = {**video._modules, "detector_model": PrecomputedFeatures()}
        flow._detections = {}
        return flow

    def follow(
        self, session: StreamSession, features: Features, detections: Mapping[int, Detections]
    ) -> Sam3VideoSegmentationOutput:
        """Run one frame. `detections`: by prompt number, as in the session."""
        source = cast(PrecomputedFeatures, self._modules["detector_model"])
        source.features, self._detections = features, detections
        try:
            output: Sam3VideoSegmentationOutput = self(inference_session=session, frame=PICTURE)
            return output
        finally:
            source.features, self._detections = None, {}  # frees up to hundreds of megabytes

    def pieces(self) -> Iterator[torch.nn.Module]:
        """Layers between which other processes may use the device; each takes a few milliseconds."""
        yield self.tracker_neck
        yield from self.tracker_model.memory_attention.layers
        yield self.tracker_model.mask_decoder
        yield self.tracker_model.memory_encoder

    def run_detection(self, inference_session: Any, vision_embeds: Any) -> Mapping[int, Detections]:
        return self._detections

    def _associate_det_trk(  # type: ignore[override]  # the model passes all arguments by name
        self, *, det_scores: torch.Tensor, trk_obj_ids: list[int], **others: Any
    ) -> Any:
        new, unmatched, matched, reconditioning, empty = super()._associate_det_trk(
            det_scores=det_scores, trk_obj_ids=trk_obj_ids, **others
        )
        free = self.max_num_objects - len(trk_obj_ids)
        if len(new) > free:
            new = best_candidates(new, det_scores.tolist(), free)
        return new, unmatched, matched, reconditioning, empty


def detections_of(best: Best, threshold: float, nms_threshold: float) -> Detections:
    """Copies of the detections above the score threshold, by descending score, without duplicates.

    Of two masks whose IoU is above `nms_threshold` the one with the lower score is dropped.
    """
    scores, logits = best.scores[0], best.logits[0]
    keep = scores > threshold
    if nms_threshold > 0.0:
        keep = nms_masks(pred_probs=scores, pred_masks=logits, prob_threshold=threshold, iou_threshold=nms_threshold)
    return {"bbox": best.boxes[0][keep], "mask": logits[keep], "scores": scores[keep]}
