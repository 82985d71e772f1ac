"""Runs the networks of SAM 3.1's tracker: propagates buckets of 16 objects, and encodes their
memories.

Like `propagation.py`, for B buckets instead of objects, with the results of Meta's program. T:
tokens of a bucket's memory, those of its pictures first.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import groupby
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.attention import sdpa_kernel

from engine.models.compat.transformers import NO_OBJ_SCORE
from engine.models.sam3.backbone import COARSEST, apply_rotary
from engine.models.sam3.model import SegmentationModel
from engine.models.sam3.multiplex_buckets import Group
from engine.models.sam3.multiplex_model import BUCKET, MASKS_PER_OBJECT
from engine.models.sam3.propagation import (
    SURE_LOGIT,
    WITHOUT_PLANS,
    MemoryEncoder,
    Propagation,
    TrackerOutput,
    VisionFeatures,
    batch_by_length,
    coarse_image,
)

ObjectMask = tuple[Tensor, Tensor, Tensor]
"""A mask of 0 and 1 at the encoder's size (4 side, 4 side), or its logits; the object's logit of
being visible; and its pointer (C,)."""
STEADY = 1 << 20  # a frame late enough that ages of pointers are fractions of the longest


class BucketPropagation(Propagation):
    """Propagates buckets. Stateless; single thread and device."""

    def propagate_buckets(
        self,
        vision: VisionFeatures,
        groups: list[Group],
        slots: Tensor,
        frame: int,
        between: Callable[[], None],
        *,
        count: int,
    ) -> TrackerOutput:
        """Propagate the objects of all groups to the picture of index `frame`. `slots` (n,), on the
        device: the slot of each object, counted through all buckets."""
        lengths, *memories = zip(*self._memories(groups, frame, count), strict=True)
        found: dict[int, Tensor] = {}
        with sdpa_kernel(WITHOUT_PLANS):
            layer = self._tracker.memory_attention.layers[0]
            hidden = self._self_attend(layer, vision.hidden)
            query = self._query(layer, hidden, vision)
            for batch in batch_by_length(lengths, self._grid**2):
                for length, members in groupby(batch, lengths.__getitem__):
                    between()
                    indices = list(members)
                    tokens, context = (
                        torch.stack([part[each] for each in indices]) for part in memories
                    )
                    counts = [length] * len(indices)
                    conditioned = self._condition(
                        hidden, query, context, tokens, counts, vision, between
                    )
                    found |= zip(indices, torch.split(conditioned, 1), strict=True)
            between()
            pixels = torch.cat([found[index] for index in range(len(lengths))])
            return self._decode_slots(vision, pixels, slots)

    def _memories(
        self, groups: list[Group], frame: int, count: int
    ) -> list[tuple[tuple[int, int], Tensor, Tensor]]:
        """For each bucket its numbers of pictures and pointers, tokens (T, C), and their context
        (2, T, C): positions with encoded ages, and the remembered pictures' features, 0 for
        pointers."""
        pointers = [
            [(frame - each, found) for each, found in group.pointers.items()] for group in groups
        ]
        ages = self._ages([age for of_group in pointers for age, _ in of_group], STEADY)
        encoded = self._tracker.temporal_positional_encoding_projection_layer(
            ages
        ).repeat_interleave(BUCKET, dim=0)
        since = torch.split(encoded, [BUCKET * len(of_group) for of_group in pointers])
        found = []
        for group, of_group, own in zip(groups, pointers, since, strict=True):
            where, masks, pictures = zip(*group.read(frame, self.config, count), strict=True)
            positions = torch.cat([*(self._positions[each][:, 0] for each in where), own])
            features = torch.cat(pictures, dim=1)[0]  # (pictures * g * g, C)
            context = torch.stack((positions, F.pad(features, (0, 0, 0, len(own)))))  # (2, T, C)
            for index in range(len(group.buckets)):
                tokens = [each[index].to(self._dtype) for each in masks]
                tokens += [each[index] for _, each in of_group]
                found.append(((len(masks), len(of_group)), torch.cat(tokens), context))
        return found

    def _query(self, layer: Any, hidden: Tensor, vision: VisionFeatures) -> Tensor:
        across = layer.cross_attn_image
        of_picture = across.image_q_proj(vision.coarse.transpose(0, 1))  # (1, g * g, C)
        query = of_picture + across.q_proj(layer.layer_norm2(hidden))
        return apply_rotary(self._heads(across, query), self._rotary)

    def _cross_attend(
        self,
        across: Any,
        query: Tensor,
        keys: Tensor,
        values: Tensor,
        runs: Sequence[Any],
    ) -> Tensor:
        """Attention of n buckets to memories of one length: `keys` (n, 2, T, C), contexts; `values`
        (n, T, C)."""
        (((pictures, _), _),) = runs
        key = across.image_k_proj(keys[:, 1]) + across.k_proj(values) + keys[:, 0]  # (n, T, C)
        key = self._heads(across, key)
        turning = torch.unflatten(key[:, : self._grid**2 * pictures], 1, (pictures, -1))
        turning.copy_(apply_rotary(turning, self._rotary))
        value = self._heads(across, across.v_proj(values))
        return self._attend(query, key, value, pictures)

    def _decode_slots(self, vision: VisionFeatures, pixels: Tensor, slots: Tensor) -> TrackerOutput:
        """The objects' masks from the conditioned features (B, C, g, g) of their buckets."""
        tracker = self._tracker
        decoder = self._tracker.mask_decoder
        count = len(pixels)
        occupied = slots.new_zeros(count * BUCKET, dtype=torch.bool).index_fill_(0, slots, True)
        is_occupied = occupied.view(count, BUCKET, 1)
        marks = torch.where(is_occupied, tracker.taken_slot, tracker.free_slot)[:, :, None]
        of_masks = torch.unflatten(decoder.mask_tokens.weight, 0, (BUCKET, -1)) + marks
        others = torch.cat((decoder.obj_score_token.weight, decoder.iou_token.weight))
        others = others.expand(count, -1, -1)  # (B, 2 * 16, C)
        tokens, image = decoder.transformer(
            point_embeddings=torch.cat((others, of_masks.flatten(1, 2)), dim=1)[:, None],
            image_embeddings=pixels,
            image_positional_embeddings=self._image_positions.expand(count, -1, -1, -1),
            attention_similarity=None,
        )
        fine, middle = vision.levels
        coarse = image[:, 0].transpose(1, 2).reshape(pixels.shape)  # (B, C, g, g)
        doubled = decoder.upscale_conv1(coarse) + middle  # (B, C / 4, 2 g, 2 g)
        doubled = decoder.activation(decoder.upscale_layer_norm(doubled))
        large = decoder.activation(decoder.upscale_conv2(doubled) + fine)  # (B, C / 8, 4 g, 4 g)
        sizes = [BUCKET, BUCKET, MASKS_PER_OBJECT * BUCKET]
        scores, ious, of_masks = tokens[:, 0].split(sizes, dim=1)
        of_masks = torch.unflatten(of_masks, 1, (BUCKET, -1)).flatten(0, 1)[slots]  # (n, 3, C)
        expected_ious = decoder.iou_prediction_head(ious.flatten(0, 1)[slots])  # (n, 3)
        best = expected_ious.argmax(dim=-1)[:, None, None]
        mlps = zip(decoder.output_hypernetworks_mlps, of_masks.unbind(1), strict=True)
        weights = torch.stack([mlp(tokens_of_mask) for mlp, tokens_of_mask in mlps], dim=1)
        masks = weights.take_along_dim(best, 1) @ large.flatten(2)[slots // BUCKET]
        score = decoder.pred_obj_score_head(scores.flatten(0, 1)[slots])
        masks = torch.where((score > 0)[..., None], masks.view(-1, *large.shape[2:]), NO_OBJ_SCORE)
        pointers = tracker.object_pointer_proj(of_masks.take_along_dim(best, 1)[:, 0])
        return TrackerOutput(
            masks=masks, pointers=where_absent(tracker, pointers, score > 0), scores=score[:, 0]
        )


class BucketEncoder(MemoryEncoder):
    """Encodes the memories of buckets in a picture. Stateless. Single thread, single device; never
    waits for it."""

    def __init__(self, model: SegmentationModel) -> None:
        super().__init__(model)
        prompts = self._tracker.prompt_encoder
        side = model.mask_side // 4
        texels = (torch.arange(side, device=model.device) + 0.5) / side
        grid = torch.stack(torch.meshgrid(texels, texels, indexing="xy"), dim=-1)
        positions = prompts.shared_embedding(grid).permute(2, 0, 1)  # (C, g, g)
        self._image_positions = positions[None].to(model.dtype)
        self._no_click = prompts.not_a_point_embed.weight.expand(1, 1, 2, -1)

    def start(self, vision: VisionFeatures, logits: Mapping[int, Tensor]) -> dict[int, ObjectMask]:
        """The objects of these masks (side, side) of the detector."""
        if not logits:
            return {}
        tracker = self._tracker
        neck = self._video.interactive_neck
        small = torch.stack(list(logits.values()))
        cut = (scale(small, 4 * small.shape[-1]) > 0).to(vision.coarse.dtype)
        fine, middle, coarse = (layer(vision.picture) for layer in neck.fpn_layers[: COARSEST + 1])
        decoder = tracker.interactive_decoder
        of_each = (len(cut), -1, -1, -1)
        without_memory = coarse + tracker.no_memory_embedding.view(1, -1, 1, 1)
        downsampled = tracker.mask_downsample(cut[:, None])
        _, _, tokens, score = decoder(
            image_embeddings=without_memory.expand(of_each),
            image_positional_embeddings=self._image_positions.expand(of_each),
            sparse_prompt_embeddings=self._no_click.expand(of_each),
            dense_prompt_embeddings=tracker.prompt_encoder.mask_embed(downsampled),
            multimask_output=False,
            high_resolution_features=[decoder.conv_s0(fine), decoder.conv_s1(middle)],
        )
        is_visible = cut.flatten(1).any(dim=1, keepdim=True)
        pointers = tracker.interactive_pointer_proj(tokens[:, 0, 0])  # (n, C)
        pointers = where_absent(tracker, pointers, score.flatten(1) > 0)
        pointers = where_absent(tracker, pointers, is_visible)
        scores = torch.where(is_visible, SURE_LOGIT, -SURE_LOGIT)[:, 0]  # (n,)
        objects = zip(cut, scores, pointers, strict=True)
        return dict(zip(logits, objects, strict=True))

    def settle(self, masks: Sequence[Tensor], prompts: Sequence[int]) -> list[list[Tensor]]:
        """Logits (side, side) at the encoder's size (4 side, 4 side), and of being visible. Those
        of a mask that mostly belongs to another object of the same prompt are emptied."""
        large = scale(torch.stack(list(masks)), 4 * masks[0].shape[-1])
        settled = torch.cat(self._suppress_overlaps(list(large), prompts))
        return [list(settled), list(settled.flatten(1).amax(dim=1))]

    def separate(self, masks: Sequence[Tensor], prompts: Sequence[int]) -> list[Tensor]:
        """Logits (side, side) at the picture's size (size, size), of which only the largest at each
        place, among objects of the same prompt, is above -SURE_LOGIT."""
        large = scale(torch.stack(list(masks)), self._tracker.image_size)
        return list(torch.cat(self._by_prompt(list(large), prompts, largest_alone)))

    def encode_buckets(
        self,
        vision: VisionFeatures,
        masks: dict[int, Any],
        conditioning: Collection[int],
        buckets: list[list[int]],
    ) -> Tensor:
        """The memories (B, g * g, C) of buckets, which have an object's index for each slot, or -1.
        `masks`, by index: logits (size, size), and of being visible; `conditioning`: indices of the
        objects with a detector's mask."""
        tracker = self._tracker
        config = self._tracker.config
        logits, scores = (torch.stack(each) for each in zip(*masks.values(), strict=True))
        levels = torch.sigmoid(logits) * config.sigmoid_scale_for_mem_enc
        levels = levels + config.sigmoid_bias_for_mem_enc  # (n, size, size)
        planes = torch.zeros_like(levels[0]), torch.ones_like(levels[0])
        plane_of = {-1: planes[0]} | dict(zip(masks, levels, strict=True))
        absence = (scores <= 0).to(vision.coarse.dtype)
        absence_of = {-1: torch.ones_like(absence[0])} | dict(zip(masks, absence, strict=True))
        fused = tracker.memory_encoder.feature_projection(coarse_image(vision))
        found = []
        for bucket in buckets:
            channels = [plane_of[each] for each in bucket]
            channels += [planes[each in conditioning] for each in bucket]
            large = torch.stack(channels)  # (2 * 16, size, size)
            scaled = scale(large, 16 * fused.shape[-1], antialias=True).to(fused.dtype)
            downsampled = tracker.memory_encoder.mask_downsampler(scaled[None])  # (1, C, g, g)
            mixed = tracker.memory_encoder.memory_fuser(fused + downsampled)
            absent = torch.stack([absence_of[each] for each in bucket])
            occlusion = absent @ tracker.occlusion_spatial_embedding_parameter  # (C,)
            found.append(mixed + occlusion[:, None, None])
        # In bfloat16, as in Meta's program.
        stored: Tensor = torch.cat(found).flatten(2).transpose(1, 2).to(torch.bfloat16)
        return stored.contiguous()


def largest_alone(masks: Tensor) -> Tensor:
    """Logits (n, 1, h, w), of which only the largest at each place stays above -SURE_LOGIT."""
    ranks = torch.arange(len(masks), device=masks.device).view(-1, 1, 1, 1)
    return torch.where(masks.argmax(dim=0) == ranks, masks, masks.clamp(max=-SURE_LOGIT))


def where_absent(tracker: Any, pointers: Tensor, is_visible: Tensor) -> Tensor:
    """Pointers (n, C), transformed where `is_visible` (n, 1) is False."""
    return torch.where(is_visible, pointers, tracker.absent_pointer_proj(pointers))


def scale(masks: Tensor, side: int, *, antialias: bool = False) -> Tensor:
    """Scale masks (n, h, h) to (n, side, side)."""
    if masks.shape[-1] == side:
        return masks
    small = masks[:, None].float()
    large = F.interpolate(small, (side, side), mode="bilinear", antialias=antialias)
    return large[:, 0].to(masks.dtype)
