"""The memory of a stream: transformers' inference session, with bounded size.

The original keeps every picture, every full-size mask and all bookkeeping of every frame forever. The code of
transformers' Sam3TrackerVideoModel shows what can be dropped, and a test checks it. With M = num_maskmem, P =
max_object_pointers_in_encoder and C = max_cond_frame_num (7, 16 and 4 as published), frame f + 1 reads for each object

- mask memories of the frames after f + 1 - M, and of the C newest conditioning frames;
- object pointers of the frames after f + 1 - P, and of all conditioning frames so far.

The last item cannot be bounded exactly: a tracked object gets a conditioning frame whenever it is reconditioned, every
16th frame. Here only the newest CONDITIONING_KEPT are kept. For its first 240 frames an object's masks equal those of
transformers. After that, 16 frames spread over about the last 8 seconds (at 30 fps) are kept, while transformers would
attend to more and more of them. (The published SAM 2 reads C.)
"""

from collections import defaultdict
from typing import Any

import torch
from transformers.models.sam3_video.modeling_sam3_video import Sam3VideoInferenceSession

CONDITIONING_KEPT = 16
NOT_STATE = ("cache", "processed_frames", "inference_device", "inference_state_device", "video_storage_device", "dtype")
"""Attributes of a session that are not part of `state`: constructor arguments, and those recreated for each frame."""


class StreamSession(Sam3VideoInferenceSession):
    """One stream of pictures, with frames counted from 0. One thread.

    Call `trim` after each frame. Memory then does not grow with the number of frames or of past objects.
    """

    def __init__(self, device: torch.device, dtype: torch.dtype, *, first_id: int) -> None:
        super().__init__(
            inference_device=device, inference_state_device=device, video_storage_device=device, dtype=dtype
        )
        self.max_obj_id = first_id - 1
        self._frames = 0

    @property
    def num_frames(self) -> int:
        """Number of frames so far. The model reads it, to request no pointers of frames before the first."""
        return self._frames

    def add_new_frame(self, pixel_values: torch.Tensor, frame_idx: int | None = None) -> int:
        """Begin a frame and return its index, counted here; `frame_idx` is ignored. Keeps only the newest picture."""
        self.processed_frames = None
        self._frames += 1
        return super().add_new_frame(pixel_values, self._frames - 1)

    def state(self) -> dict[str, Any]:
        """The complete state, as tensors and plain values (not copied), for `restore`. Call `trim` before."""
        return {
            name: dict(value) if isinstance(value, defaultdict) else value
            for name, value in vars(self).items()
            if name not in NOT_STATE
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from the state of another session, bit-identically. This session must be new."""
        for name, value in state.items():
            if isinstance(held := vars(self).get(name), defaultdict):
                held.update(value)
            else:
                setattr(self, name, value)

    def trim(self, tracker_config: Any) -> None:
        """Drop all data that no later frame reads."""
        self.obj_id_to_tracker_score_frame_wise.clear()
        self.suppressed_obj_ids.clear()
        # Only read for complete videos, but deep-copied every frame.
        self.unmatched_frame_inds.clear()
        self.overlap_pair_to_frame_inds.clear()
        for held in (*self.mask_inputs_per_obj.values(), *self.frames_tracked_per_obj.values()):
            held.clear()
        newest = self._frames - 1
        memories_from = newest + 2 - tracker_config.num_maskmem
        pointers_from = newest + 2 - tracker_config.max_object_pointers_in_encoder
        selected = tracker_config.max_cond_frame_num
        for outputs in self.output_dict_per_obj.values():
            passing, conditioning = outputs["non_cond_frame_outputs"], outputs["cond_frame_outputs"]
            for frame in [frame for frame in passing if frame < min(memories_from, pointers_from)]:
                del passing[frame]
            for frame in sorted(conditioning)[:-CONDITIONING_KEPT]:
                del conditioning[frame]
            for frame, output in passing.items():
                keep_memory(output, has_memory=frame >= memories_from)
            closest = set(sorted(conditioning)[-selected:]) if selected >= 0 else set(conditioning)
            for frame, output in conditioning.items():
                keep_memory(output, has_memory=frame >= memories_from or frame in closest)
                if frame == newest:
                    copy_tensors(output)

    def drop(self, object_id: int) -> None:
        """Stop tracking an object. Its id is not used again."""
        self.remove_object(object_id, strict=True)  # updates the indices, but not the dictionaries keyed by id
        for by_id in (
            self.obj_id_to_score,
            self.obj_id_to_last_occluded,
            self.obj_first_frame_idx,
            self.trk_keep_alive,
        ):
            by_id.pop(object_id, None)
        if not self.obj_ids:
            # Removing the last object only clears the outputs.
            self.mask_inputs_per_obj.clear()
            self.point_inputs_per_obj.clear()


def keep_memory(output: dict[str, torch.Tensor], *, has_memory: bool) -> None:
    """Drop all tensors of this frame and object that later frames do not read."""
    wanted = ("object_pointer", "maskmem_features", "maskmem_pos_enc") if has_memory else ("object_pointer",)
    for name in [name for name in output if name not in wanted]:
        del output[name]


def copy_tensors(output: dict[str, torch.Tensor]) -> None:
    """Copy the tensors of a frame that is kept for long. They are slices of one tensor for all objects, and each slice
    would keep the whole tensor in memory."""
    for name, tensor in output.items():
        output[name] = tensor.clone()
