"""The bounded memory of a stream against the library's session that keeps everything, with random weights."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from engine.models.sam3.mask_kernel import install
from engine.models.sam3.session import CONDITIONING_KEPT, StreamSession
from engine.models.seeded import seeded
from tests.models.sam3.held_memory import sizes
from tests.support.long_form import IS_SOAK, only_soak
from tests.support.tiny_sam3 import scatter_weights, score_above_half, tiny_config

SIDE = 56
MAX_OBJECTS = 2


@pytest.fixture(scope="module")
def model() -> Any:
    """Only 16 patches. It finds several things in every picture and tracks MAX_OBJECTS of them."""
    from transformers import Sam3VideoModel

    torch.set_num_threads(1)
    config = tiny_config("random")
    config.image_size = SIDE
    config.low_res_mask_size = 4 * SIDE // 14
    config.detector_config.detr_decoder_config.num_queries = 8
    config.det_nms_thresh, config.trk_assoc_iou_thresh = 0.7, 0.0
    config.new_det_thresh, config.high_conf_thresh, config.high_iou_thresh = 0.5, 0.0, 0.0
    with seeded(0):
        model = Sam3VideoModel(config).eval()
        scatter_weights(model)
        score_above_half(model.detector_model)
        decoder = model.tracker_model.mask_decoder
        decoder.pred_obj_score_head.proj_out.weight.mul_(0.1)
        decoder.pred_obj_score_head.proj_out.bias.fill_(5.0)  # no object is ever hidden
        for head in decoder.output_hypernetworks_mlps:
            head.proj_out.weight.mul_(3.0)
    install(config.fill_hole_area)
    return model


class Run:
    """Runs the model over a stream, trimming `session` after each frame or not."""

    def __init__(self, model: Any, session: Any) -> None:
        self.model, self.session = model, session
        with seeded(1):
            self._picture = torch.randn(1, 3, 24, 24)
            self._words = model.detector_model.get_text_features(input_ids=torch.randint(0, 99, (1, 4)))
        session.prompts[0] = "anything"
        session.prompt_embeddings[0] = self._words
        session.prompt_attention_masks[0] = torch.ones(1, 4, dtype=torch.long)

    def frames(self, count: int) -> Iterator[dict[int, torch.Tensor]]:
        """Logits by id, for pictures that move by a patch every second frame."""
        first = self.session.num_frames or 0
        for index in range(first, first + count):
            picture = F.interpolate(self._picture.roll(index // 2, 3), (SIDE, SIDE), mode="bilinear")
            answer = self.model(inference_session=self.session, frame=picture)
            if isinstance(self.session, StreamSession):
                self.session.trim(self.model.config.tracker_config)
            yield dict(answer.obj_id_to_mask)


@pytest.fixture
def run(model: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Run]:
    from transformers.models.sam3_video.modeling_sam3_video import Sam3VideoInferenceSession
    from transformers.utils import logging

    # It logs a line for every picture in which it leaves an object out.
    monkeypatch.setattr(logging.get_logger(Sam3VideoInferenceSession.__module__), "disabled", True)

    def start(*, is_bounded: bool, every: int = 16, max_objects: int = MAX_OBJECTS, association: float = 0.0) -> Run:
        """Reconditions every `every` frames.

        With `association` 0 every detection matches a known object, which is reconditioned when it is due; with 0.3 a
        detection may be a new object.
        """
        monkeypatch.setattr(model, "assoc_iou_thresh", association)
        monkeypatch.setattr(model, "recondition_every_nth_frame", every)
        monkeypatch.setattr(model, "max_num_objects", max_objects)
        if is_bounded:
            return Run(model, StreamSession(torch.device("cpu"), torch.float32, first_id=1))
        session = Sam3VideoInferenceSession(dtype=torch.float32)
        session.max_obj_id = 0
        return Run(model, session)

    return start


def same(ours: dict[int, torch.Tensor], theirs: dict[int, torch.Tensor]) -> bool:
    return ours.keys() == theirs.keys() and all(torch.equal(mask, theirs[each]) for each, mask in ours.items())


def conditioning(run: Run, object_id: int) -> list[int]:
    outputs = run.session.output_dict_per_obj[run.session.obj_id_to_idx(object_id)]
    return sorted(outputs["cond_frame_outputs"])


@pytest.mark.soak
@only_soak
def test_masks_and_ids_equal_those_of_an_unbounded_session(run: Callable[..., Run]) -> None:
    every, frames = (16, 200) if IS_SOAK else (8, 64)
    ours, theirs = run(is_bounded=True, every=every), run(is_bounded=False, every=every)
    seen = 0
    for index, (of_ours, of_theirs) in enumerate(zip(ours.frames(frames), theirs.frames(frames), strict=True)):
        assert same(of_ours, of_theirs), index
        seen += sum(bool((mask > 0).any()) for mask in of_ours.values())
    assert seen > 1.75 * frames  # of two in each: there is something to compare
    kept = [conditioning(ours, each) for each in of_ours]
    assert kept == [conditioning(theirs, each) for each in of_theirs]
    assert sorted(set().union(*kept)) == list(
        range(0, frames, every)
    )  # an object was reconditioned whenever it was due
    assert max(map(len, kept)) > 4  # more often than whole memories are selected
    entries, held_bytes = sizes(ours.session)
    all_entries, all_bytes = sizes(theirs.session)
    share = 1 / 10 if IS_SOAK else 1 / 3  # the stream is as long as that
    assert entries < all_entries * share and held_bytes < all_bytes * share


def test_dropping_an_object_does_not_change_the_others(run: Callable[..., Run]) -> None:
    ours = run(is_bounded=True, max_objects=3, association=0.3)
    theirs = run(is_bounded=False, max_objects=3, association=0.3)
    for _ in zip(ours.frames(5), theirs.frames(5), strict=True):
        pass
    for each in (2, 1):
        ours.session.drop(each)
        theirs.session.remove_object(each)
        for index, (of_ours, of_theirs) in enumerate(zip(ours.frames(8), theirs.frames(8), strict=True)):
            assert same(of_ours, of_theirs), index
            assert each not in of_ours
    assert max(of_ours) == 5  # two new objects took the free places, with unused ids


def test_a_dropped_object_leaves_no_data_behind(run: Callable[..., Run]) -> None:
    bounded = run(is_bounded=True)
    list(bounded.frames(3))
    session, fresh = bounded.session, run(is_bounded=True).session
    for each in list(session.obj_ids):
        session.drop(each)
    different = {name for name in vars(session) if sizes(vars(session)[name]) != sizes(vars(fresh).get(name))}
    assert different == {"processed_frames"}  # the newest picture
    assert min(next(bounded.frames(1))) == MAX_OBJECTS + 1


@pytest.mark.soak
def test_memory_does_not_grow_with_the_stream(run: Callable[..., Run]) -> None:
    """Reconditioned every 16th frame it takes 256 frames until memory is full; every second frame, 32."""
    every, frames = (16, 2000) if IS_SOAK else (2, 50)
    bounded = run(is_bounded=True, every=every, max_objects=1)
    filled = (CONDITIONING_KEPT + 1) * every
    history = [sizes(bounded.session) for _ in bounded.frames(frames)]
    for start in range(filled, frames - every, every):
        assert history[start : start + every] == history[filled : filled + every], start
    assert len(conditioning(bounded, 1)) == CONDITIONING_KEPT


def test_memory_does_not_grow_with_objects_that_no_detection_matches(
    run: Callable[..., Run], model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model, "trk_assoc_iou_thresh", 1.1)
    theirs = run(is_bounded=False, every=0)
    list(theirs.frames(3))
    assert theirs.session.unmatched_frame_inds and theirs.session.overlap_pair_to_frame_inds
    bounded = run(is_bounded=True, every=0)
    history = [sizes(bounded.session) for _ in bounded.frames(24)]
    assert len(set(history[18:])) == 1


def test_a_kept_frame_does_not_keep_the_frames_of_other_objects_alive(run: Callable[..., Run]) -> None:
    bounded = run(is_bounded=True)
    list(bounded.frames(17))
    kept = [held["cond_frame_outputs"] for held in bounded.session.output_dict_per_obj.values()]
    assert any(16 in outputs for outputs in kept)
    for outputs in kept:
        for output in outputs.values():
            for name, tensor in output.items():
                assert tensor.untyped_storage().nbytes() == tensor.nbytes, name
