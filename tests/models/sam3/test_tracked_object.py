"""Tracking against transformers' Sam3VideoModel with a session that stores everything, with random
weights.

Its masks are scattered and cover one another, so that objects are found, matched, hidden,
reconditioned and lost as never in a picture of a few discs.
"""

import io
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from engine.models.graphs import DirectRunner
from engine.models.random_models import seeded
from engine.models.sam3 import SegmentationSpec, association, propagation
from engine.models.sam3.association import hidden_by_others
from engine.models.sam3.backbone import Backbone
from engine.models.sam3.detected_objects import DetectedObjects
from engine.models.sam3.detector import Detector
from engine.models.sam3.detr import to_uint8
from engine.models.sam3.model import SegmentationModel
from engine.models.sam3.multiplex_buckets import Group
from engine.models.sam3.prompts import EncodedPrompt
from engine.models.sam3.propagation import MemoryEncoder, Propagation, TrackerOutput, VisionFeatures
from engine.models.sam3.tracked_object import MAX_CONDITIONING, AgedTensors, ObjectMemory
from engine.models.sam3.tracker import Tracker
from tests.models.sam3.small_sam3 import sizes
from tests.support.long_form import IS_SOAK, in_long_form
from tests.support.tiny_sam3 import scatter_weights, score_above_half, tiny_config

SIDE = 56
MASK_SIDE = 4 * SIDE // 14


@pytest.fixture(scope="module")
def video() -> Any:
    """A Sam3VideoModel of only 16 patches. It finds several things in every picture, and loses
    none."""
    from transformers import Sam3VideoModel

    config = tiny_config("random", SIDE)
    config.detector_config.detr_decoder_config.num_queries = 8
    config.det_nms_thresh, config.trk_assoc_iou_thresh = 0.7, 0.0
    config.new_det_thresh, config.high_conf_thresh, config.high_iou_thresh = 0.5, 0.0, 0.0
    with seeded(0):
        model = Sam3VideoModel(config).eval().requires_grad_(False)
        scatter_weights(model)
        score_above_half(model.detector_model)
        decoder = model.tracker_model.mask_decoder
        decoder.pred_obj_score_head.proj_out.weight.mul_(0.1)
        decoder.pred_obj_score_head.proj_out.bias.fill_(5.0)
        for head in decoder.output_hypernetworks_mlps:
            head.proj_out.weight.mul_(3.0)
    return model


class Pair:
    """Runs our tracker and transformers' model over the same pictures, with other settings of the
    model."""

    def __init__(self, video: Any, *, prompts: int = 1, max_objects: int, **settings: Any) -> None:
        from transformers.models.sam3_video.modeling_sam3_video import Sam3VideoInferenceSession

        self.video, self.max_objects = video, max_objects
        vars(video).update(settings, max_num_objects=max_objects)
        self.model = SegmentationModel(
            spec=SegmentationSpec(model="random", resolution=SIDE),
            device=torch.device("cpu"),
            dtype=torch.float32,
            detector=video.detector_model,
            video=video,
            tokenizer=None,
            mask_side=MASK_SIDE,
        )
        self.backbone = Backbone(self.model, DirectRunner())
        self.tracker = Tracker(self.model, Detector(self.model, DirectRunner()))
        self.session = Sam3VideoInferenceSession(dtype=torch.float32)
        self.session.max_obj_id = 0
        self.prompts = []
        with seeded(1):
            self._picture = torch.randn(1, 3, 24, 24)
            for number in range(1, prompts + 1):
                text = video.detector_model.get_text_features(
                    input_ids=torch.randint(0, 99, (1, 4))
                )
                self.session.prompts[number] = str(number)
                self.session.prompt_embeddings[number] = text
                self.session.prompt_attention_masks[number] = torch.ones(1, 4, dtype=torch.long)
                embeds = text.pooler_output
                self.prompts.append(
                    EncodedPrompt(
                        text=str(number), embeds=embeds, tokens=4, is_truncated=False, read_text=""
                    )
                )
        self.index = 0

    def ours(self) -> DetectedObjects:
        """The next picture, which moves by a patch every second time."""
        features = self.backbone.run(self._pixels())
        self.index += 1
        return self.tracker.step(
            features, self.prompts, threshold=0.5, max_objects=self.max_objects
        )

    @torch.no_grad()
    def both(self) -> tuple[dict[int, np.ndarray], dict[int, np.ndarray]]:
        """Our masks and theirs by id. Objects that we drop are removed there as well."""
        vars(self.video)["run_detection"] = self._detections
        answer = self.video(inference_session=self.session, frame=self._pixels())
        del vars(self.video)["run_detection"]
        theirs = {each: to_uint8(mask)[0].numpy() for each, mask in answer.obj_id_to_mask.items()}
        ours = self.ours()
        for each in set(self.session.obj_ids) - {known.id for known in self.tracker._objects}:
            self.session.remove_object(each)
        assert all(
            answer.obj_id_to_score[each] == score
            for each, score in zip(ours.ids.tolist(), ours.scores.tolist(), strict=True)
        )
        return dict(zip(ours.ids.tolist(), ours.masks, strict=True)), {
            each: mask for each, mask in theirs.items() if (mask > 127).any()
        }

    def drop_oldest(self) -> None:
        self.session.remove_object(self.tracker._objects[0].id)
        self.tracker._drop([self.tracker._objects[0].id])

    def restart(self) -> None:
        """Continue with another tracker, from this one's state."""
        content = io.BytesIO()
        torch.save(self.tracker.state(), content)
        content.seek(0)
        self.tracker = Tracker(self.model, self.tracker._detector)
        self.tracker.restore(torch.load(content, weights_only=True))

    def _detections(
        self, inference_session: Any, vision_embeds: Any
    ) -> dict[int, dict[str, torch.Tensor]]:
        """Our detector's, because it rounds a mask otherwise, chosen by transformers' function."""
        from transformers.models.sam3_video.modeling_sam3_video import nms_masks

        features, found = self.backbone.run(self._pixels()), {}
        for number, prompt in enumerate(self.prompts, 1):
            best = self.tracker._detector.best(features, [prompt], max_queries=64)
            keep = nms_masks(best.scores[0], best.logits[0], 0.5, self.video.det_nms_thresh)
            found[number] = {
                "bbox": best.boxes[0][keep],
                "mask": best.logits[0][keep],
                "scores": best.scores[0][keep],
            }
        return found

    def _pixels(self) -> torch.Tensor:
        return F.interpolate(self._picture.roll(self.index // 2, 3), (SIDE, SIDE), mode="bilinear")


@pytest.fixture(autouse=True)
def unchanged(video: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Restore the model's settings to those of its configuration after each test."""
    from transformers.utils import logging

    # It logs a line for every picture in which it leaves an object out.
    monkeypatch.setattr(logging.get_logger(type(video).__module__), "disabled", True)
    before = dict(vars(video))
    yield
    vars(video).clear()
    vars(video).update(before)


def is_near(ours: dict[int, np.ndarray], theirs: dict[int, np.ndarray]) -> bool:
    """True if the masks of all objects differ by one level of 255 at most: products are put
    together differently."""
    return all(np.abs(mask.astype(int) - theirs[each]).max() <= 1 for each, mask in ours.items())


def one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make our tracker compute objects one by one, as transformers does: sums of several are
    rounded differently."""
    pointers, decoded, started = (
        Propagation._pointers,
        Propagation._decode,
        MemoryEncoder._start_objects,
    )

    def pointers_alone(
        self: Propagation, dated: Sequence[AgedTensors], frame: int
    ) -> list[tuple[torch.Tensor, torch.Tensor]]:
        return [pointer for each in dated for pointer in pointers(self, [each], frame)]

    def decoded_alone(
        self: Propagation, seen: VisionFeatures, pixels: torch.Tensor
    ) -> TrackerOutput:
        each = [decoded(self, seen, one) for one in torch.split(pixels, 1)]
        names = ("masks", "pointers", "scores")
        return TrackerOutput(
            **{name: torch.cat([getattr(one, name) for one in each]) for name in names}
        )

    def started_alone(
        self: MemoryEncoder, seen: VisionFeatures, masks: torch.Tensor
    ) -> tuple[torch.Tensor, ...]:
        return tuple(
            map(
                torch.cat,
                zip(*(started(self, seen, one) for one in torch.split(masks, 1)), strict=True),
            )
        )

    monkeypatch.setattr(propagation, "SCORES_AT_ONCE", 1)
    monkeypatch.setattr(Propagation, "_pointers", pointers_alone)
    monkeypatch.setattr(Propagation, "_decode", decoded_alone)
    monkeypatch.setattr(MemoryEncoder, "_start_objects", started_alone)


def test_sixteen_objects_in_one_batch_are_those_of_transformers(
    video: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are found at different times, so that their memories are not equally long."""
    lengths: list[int] = []
    conditioned = Propagation._condition

    def noted(self: Propagation, *arguments: Any) -> torch.Tensor:
        lengths.append(len(set(arguments[4])))
        result = conditioned(self, *arguments)
        assert len(result) == len(arguments[4])
        return result

    monkeypatch.setattr(Propagation, "_condition", noted)
    pair = Pair(video, prompts=4, max_objects=5, assoc_iou_thresh=0.3, trk_assoc_iou_thresh=0.3)
    compared = []
    for index, most in enumerate((5, 5, 11, 11, 16, 16, 16, 16)):
        video.max_num_objects = pair.max_objects = most
        ours, theirs = pair.both()
        assert ours.keys() == theirs.keys(), index
        assert is_near(ours, theirs), index
        compared.append(len(ours))
    assert max(compared) == 16 and sum(compared) > 50
    assert lengths[-1] == 3 and len(lengths) == len(compared) - 1, (
        "three lengths, and one batch a picture"
    )


@pytest.mark.soak
@pytest.mark.parametrize(
    "is_corrected", [False, *in_long_form(True)], ids=["confirmed", "corrected"]
)
def test_ids_and_masks_are_those_of_transformers(
    video: Any, monkeypatch: pytest.MonkeyPatch, is_corrected: bool
) -> None:
    """Two prompts: objects appear, are matched, hide one another, are reconditioned every fourth
    picture (by the detector's mask, or by their own), and are dropped; once the tracker goes on in
    another process."""
    hidden: list[int] = []

    def noted(*arguments: Any) -> np.ndarray:
        result = hidden_by_others(*arguments)
        hidden.extend(np.flatnonzero(result).tolist())
        return result

    monkeypatch.setattr(association, "hidden_by_others", noted)
    one_by_one(monkeypatch)
    pair = Pair(
        video,
        prompts=2,
        max_objects=6,
        assoc_iou_thresh=0.3,
        trk_assoc_iou_thresh=0.3,
        suppress_overlapping_based_on_recent_occlusion_threshold=0.05,
        recondition_every_nth_frame=4,
        recondition_on_trk_masks=not is_corrected,
    )
    compared = 0
    frames = 100 if IS_SOAK else 28
    for index in range(frames):
        ours, theirs = pair.both()
        assert ours.keys() == theirs.keys(), index
        assert is_near(ours, theirs), index
        compared += len(ours)
        if index in (9, 17):
            pair.drop_oldest()
        if index == 13:
            pair.restart()
    assert compared > 3 * frames and hidden
    stored_frames = [sorted(each.memory.conditioning) for each in pair.tracker._objects]
    outputs = pair.session.output_dict_per_obj.values()
    assert stored_frames == [sorted(each["cond_frame_outputs"]) for each in outputs]
    assert pair.tracker._last_id == pair.session.max_obj_id > 6
    assert max(map(len, stored_frames)) > 1


def test_masks_stay_those_of_a_session_that_keeps_everything(video: Any) -> None:
    """One object, reconditioned so often that more conditioning frames are kept than whole memories
    are selected, at first in every picture, so that some of the newest are not selected."""
    every, frames = (16, 128) if IS_SOAK else (4, 32)
    pair = Pair(video, max_objects=1, assoc_iou_thresh=0.0, recondition_every_nth_frame=1)
    for index in range(frames):
        ours, theirs = pair.both()
        assert ours.keys() == theirs.keys() and is_near(ours, theirs), index
        if index == 7:
            video.recondition_every_nth_frame = every
    (outputs,) = pair.session.output_dict_per_obj.values()
    memory = pair.tracker._objects[0].memory
    due = [index for index in range(frames) if index < 8 or index % every == 0]
    assert list(memory.conditioning) == sorted(outputs["cond_frame_outputs"]) == due
    config = video.tracker_model.config
    stored_masks = [
        mask for _, mask in (memory.conditioning | memory.passing).values() if mask is not None
    ]
    assert len(stored_masks) <= config.max_cond_frame_num + config.num_maskmem - 1
    assert len(memory.passing) < config.max_object_pointers_in_encoder


def test_fewer_memories_are_the_newest_and_those_of_the_detector(video: Any) -> None:
    config, memory, mask = video.tracker_model.config, ObjectMemory(), torch.zeros(1)
    for frame in range(10):
        memory.add(frame, mask, mask, config, is_conditioning=frame == 0)
    assert [age for age, _ in memory.masks(10, config)] == [0, 6, 5, 4, 3, 2, 1]
    assert [age for age, _ in memory.masks(10, config, 3)] == [0, 2, 1]
    group, seen = Group(first=0), (mask, mask)
    group.memories = dict.fromkeys(range(10), seen)
    assert [where for where, *_ in group.read(10, config)] == [6, 5, 4, 3, 2, 1, 0]
    assert [where for where, *_ in group.read(10, config, 3)] == [6, 1, 0]


def test_memory_does_not_grow_with_the_stream(video: Any) -> None:
    """Reconditioned every 16th frame it takes 256 frames until memory is full; every second frame,
    32."""
    every, frames = (16, 2000) if IS_SOAK else (2, 42)
    pair = Pair(video, max_objects=1, assoc_iou_thresh=0.0, recondition_every_nth_frame=every)
    history = []
    for _ in range(frames):
        pair.ours()
        history.append(sizes(pair.tracker.state()))
    filled = (MAX_CONDITIONING + 1) * every
    for start in range(filled, frames - every, every):
        assert history[start : start + every] == history[filled : filled + every], start
    assert len(pair.tracker._objects[0].memory.conditioning) == MAX_CONDITIONING


def test_a_stored_frame_keeps_no_frames_of_others_alive_and_a_dropped_object_leaves_no_data(
    video: Any,
) -> None:
    pair = Pair(video, max_objects=2, assoc_iou_thresh=0.0, recondition_every_nth_frame=4)
    for _ in range(5):
        pair.ours()
    stored_frames = [each.memory.conditioning for each in pair.tracker._objects]
    assert any(4 in frames for frames in stored_frames)
    for pointer, mask in (
        frame_memory for frames in stored_frames for frame_memory in frames.values()
    ):
        for tensor in (pointer, mask):
            assert tensor is None or tensor.untyped_storage().nbytes() == tensor.nbytes
    assert sizes(pair.tracker.state())[1] > 0
    pair.tracker._drop([1, 2])
    assert pair.tracker.state()["objects"] == [] and sizes(pair.tracker.state())[1] == 0
    assert pair.ours().ids.tolist() == [3, 4] and set(pair.tracker.state()["absence"]) == {3, 4}
