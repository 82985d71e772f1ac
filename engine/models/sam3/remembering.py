"""Makes what the tracker remembers of a picture: a pointer and a mask memory for each object.

The rules are those of transformers' Sam3VideoModel. Masks that mostly belong to another object of the same prompt are
emptied before. But in a picture with new objects transformers remembers the others as it does the new ones: by their
masks as they came out of the tracker, at full size and cut at 0. So does this, to be equal; full-size masks are made
in such pictures only.
"""

from collections.abc import Callable, Collection, Sequence

import torch
from torch.nn import functional as F

from engine.models.sam3.model import SegmentationModel
from engine.models.sam3.propagation import Propagated, Seen

SURE_LOGIT = 10.0  # of an object with a mask, and negative without one (Sam3VideoModel)

Memory = tuple[torch.Tensor, torch.Tensor]
"""Pointer (1, C) and mask memory (g * g, 1, D)."""


class Remembering:
    """Stateless. Single thread, single device; never waits for the device."""

    def __init__(self, model: SegmentationModel) -> None:
        self._video, self._tracker = model.video, model.video.tracker_model

    def memories(
        self,
        seen: Seen,
        known: Propagated | None,
        masks: Sequence[torch.Tensor],
        prompts: Sequence[int],
        reconditioned: Collection[int],
        new: Sequence[torch.Tensor],
        between: Callable[[], None],
    ) -> list[Memory]:
        """The memories of the known objects, then of the new ones.

        `masks`: logits (side, side) of the known ones as they are shown; `prompts`: their prompts' numbers;
        `reconditioned`: their places among them; `new`: masks (side, side) of 0 and 1.
        """
        pointers = list(torch.split(known.pointers, 1)) if known else []
        shown = list(reconditioned) if new else list(range(len(masks)))
        memories: dict[int, torch.Tensor] = {}
        if shown:
            between()
            of_all = self._separated(masks, prompts)
            chosen = torch.stack([of_all[place] for place in shown])
            logits = torch.where((chosen > 0).any(dim=(-1, -2)), SURE_LOGIT, -SURE_LOGIT)[..., None]
            memories |= zip(shown, self._encoded(seen, chosen, logits, is_cut=False), strict=True)
        if new:
            raw = [place for place in range(len(masks)) if place not in shown]
            large, scores = [], []
            if known and raw:
                large.append(self._enlarged(torch.stack([known.masks[place] for place in raw])))
                scores += [known.scores[place].view(1, 1, 1) for place in raw]
            for mask in new:
                between()
                made = self._tracker._use_mask_as_output(picture_of(seen), seen.levels, mask[None, None])
                large.append(made.high_res_masks)
                scores.append(made.object_score_logits)
                pointers.append(made.object_pointer.flatten(0, -2))
            between()
            encoded = self._encoded(seen, torch.cat(large), torch.cat(scores), is_cut=True)
            memories |= zip([*raw, *range(len(masks), len(masks) + len(new))], encoded, strict=True)
        return [(pointer, memories[place]) for place, pointer in enumerate(pointers)]

    def _separated(self, masks: Sequence[torch.Tensor], prompts: Sequence[int]) -> list[torch.Tensor]:
        """Masks (1, side, side), of which those are emptied that mostly belong to others of the same prompt."""
        result = [mask[None] for mask in masks]
        for prompt in set(prompts):
            places = [place for place, each in enumerate(prompts) if each == prompt]
            group = torch.stack([result[place] for place in places])
            for place, mask in zip(places, self._video._suppress_object_pw_area_shrinkage_impl(group), strict=True):
                result[place] = mask
        return result

    def _enlarged(self, masks: torch.Tensor) -> torch.Tensor:
        """Masks (n, side, side) at the size of the model's picture, (n, 1, size, size)."""
        size = (self._tracker.image_size,) * 2
        return F.interpolate(masks[:, None].float(), size=size, mode="bilinear", align_corners=False).to(masks.dtype)

    def _encoded(self, seen: Seen, masks: torch.Tensor, logits: torch.Tensor, *, is_cut: bool) -> list[torch.Tensor]:
        """The mask memory of each mask (n, 1, height, width), cut at 0 or not; `logits` (n, 1, 1) of being visible."""
        features, _ = self._tracker._encode_new_memory(seen.coarse, masks, logits, is_cut)
        return list(torch.split(features, 1, dim=1))


def picture_of(seen: Seen) -> torch.Tensor:
    """The coarsest features, (1, C, g, g)."""
    side = seen.levels[0].shape[-1] // 4
    return torch.unflatten(seen.coarse.permute(1, 2, 0), 2, (side, side))
