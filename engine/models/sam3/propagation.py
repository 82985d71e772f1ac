"""The tracker's networks: propagate the masks of tracked objects to the next picture, and encode
memories of it.

Runs the layers of transformers' Sam3TrackerVideoModel without its session, for many objects at a
time. Their memories are concatenated and may have different lengths: only the attention to them is
computed by length. Values that depend on neither picture nor object are computed once, values that
depend only on the picture once for all objects. Full-size masks are computed only in a picture with
a new object. Nothing here waits for the device.

The memory that an object attends to grows, and cuDNN's attention, which torch tries first on recent
cards, creates a plan for each length. So it is used picture by picture (`memory_attention`), and
the other kernels elsewhere.

The memory of a picture (`MemoryEncoder`) follows the rules of transformers' Sam3VideoModel: masks
that mostly belong to another object of the same prompt are emptied before; in a picture with new
objects all memories are encoded from the full-size masks, cut at 0.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from itertools import groupby
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

from engine.models.compat import transformers as private
from engine.models.compat.transformers import NO_OBJ_SCORE, get_1d_sine_pe
from engine.models.device_work import upload
from engine.models.graphs import Between, noop
from engine.models.sam3 import MAX_MEMORIES, memory_attention
from engine.models.sam3.backbone import (
    COARSEST,
    Features,
    apply_rotary,
    fuse_qkv_projections,
    project_qkv,
)
from engine.models.sam3.model import SegmentationModel
from engine.models.sam3.norms import thin_layer_norms
from engine.models.sam3.tracked_object import AgedTensors, ObjectMemory

WITHOUT_PLANS = [SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]
SURE_LOGIT = 10.0  # of an object with a mask, and negative without one (Sam3VideoModel)
POSITION_WEIGHT = 0.1
"""Factor of the positions that are added to the features (Sam3TrackerVideoMemoryAttention)."""
SCORES_AT_ONCE = 3 * 10 * 5184**2
"""Maximum attention scores that a layer computes at a time: those of 3 objects with 10 pictures in
memory at 1008 px, 3 ms on an H100. One object has too few queries for such a card; all 16 would
block the renderer. At 336 px all fit."""
Memory = tuple[Tensor, Tensor]
"""Pointer (1, C) and mask memory (g * g, 1, D)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VisionFeatures:
    """The tracker's features of one picture. g: patches per side."""

    levels: list[Tensor]
    """(1, C / 8, 4 g, 4 g) and (1, C / 4, 2 g, 2 g), projected for the mask decoder."""
    coarse: Tensor
    """(g * g, 1, C)."""
    hidden: Tensor
    """(1, g * g, C): `coarse` with its positions."""
    picture: Tensor
    """(1, D, g, g): the ViT's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackerOutput:
    """Masks, pointers and scores of n tracked objects in one picture."""

    masks: Tensor
    """(n, side, side) logits."""
    pointers: Tensor
    """(n, C)."""
    scores: Tensor
    """(n,): logits of being visible."""


class Propagation:
    """Propagates tracked objects. Stateless; single thread and device. `between` is called every
    few milliseconds."""

    def __init__(self, model: SegmentationModel) -> None:
        self._video = model.video
        self._tracker = model.video.tracker_model
        self.config = self._tracker.config
        self._device = model.device
        self._dtype = model.dtype
        self._grid = model.mask_side // 4
        attention = self._tracker.memory_attention
        prompts = self._tracker.prompt_encoder
        fuse_qkv_projections(layer.self_attn for layer in attention.layers)
        across = attention.layers[0].cross_attn_image
        width = across.v_proj.out_features // across.num_attention_heads
        heads = 1, self._grid**2, across.num_attention_heads, width
        sample = torch.zeros(heads, device=self._device, dtype=self._dtype)
        self._uses_cudnn = memory_attention.is_cudnn_faster(sample.transpose(1, 2))
        self._is_on_cpu = self._device.type == "cpu"
        if self._uses_cudnn:
            memory_attention.make_plans(sample)
        thin_layer_norms(self._tracker.memory_encoder, self._device)
        decoder = self._tracker.mask_decoder
        fine, middle, *_ = model.video.tracker_neck.fpn_layers
        self._levels = folded(fine, decoder.conv_s0), folded(middle, decoder.conv_s1)
        empty = torch.empty(1, device=self._device, dtype=self._dtype)
        # (1, g * g, d), each number twice
        cosine, sine = attention.rotary_emb(empty, attention.position_ids)
        halves = cosine[0, :, None, ::2], sine[0, :, None, ::2]
        self._rotary = torch.complex(*halves)  # (g * g, 1, d / 2)
        encoder = self._tracker.memory_encoder
        shape = torch.Size((1, self._tracker.mem_dim, self._grid, self._grid))
        positions = encoder.position_encoding(shape, self._device, torch.float32)
        of_patches = positions.to(self._dtype).flatten(2).permute(2, 0, 1)  # (g * g, 1, D)
        ages = self._tracker.memory_temporal_positional_encoding[:, None, 0]
        self._positions = of_patches + ages  # (ages, g * g, 1, D)
        self._image_positions = self._tracker.get_image_wide_positional_embeddings()
        point = torch.zeros(1, 1, 1, 2, device=self._device, dtype=self._dtype)
        label = -torch.ones(1, 1, 1, device=self._device, dtype=torch.int32)
        no_click, no_mask = prompts(point, label, None, None)
        self._no_click = no_click
        self._no_mask = no_mask
        self._has_choice = private.use_multimask(self._tracker)(False, None)

    def compute_features(self, features: Features, between: Between = noop) -> VisionFeatures:
        """Compute the tracker's features of one picture."""
        rows = features.last_hidden_state.view(1, self._grid, self._grid, -1)
        picture = rows.permute(0, 3, 1, 2)  # (1, D, g, g)
        levels = [reduce(lambda x, step: step(x), steps, picture) for steps in self._levels]
        between()
        coarse = self._video.tracker_neck.fpn_layers[COARSEST](picture)  # (1, C, g, g)
        flat = coarse.flatten(2).permute(2, 0, 1)  # (g * g, 1, C)
        positions = features.position.flatten(2).permute(2, 0, 1)
        hidden = flat + POSITION_WEIGHT * positions
        return VisionFeatures(
            levels=levels, coarse=flat, hidden=hidden.transpose(0, 1), picture=picture
        )

    def propagate(
        self,
        vision: VisionFeatures,
        memories: Sequence[ObjectMemory],
        frame: int,
        between: Between = noop,
        *,
        count: int = MAX_MEMORIES,
    ) -> TrackerOutput:
        """Propagate the objects to the picture of index `frame`; their masks may have small holes
        and specks. `count`: see `ObjectMemory.masks`."""
        masks = [memory.masks(frame, self.config, count) for memory in memories]
        pointers = [memory.pointers(frame, self.config) for memory in memories]
        tokens = self._pointers(pointers, frame)
        lengths = [
            (len(of_masks), len(dated)) for of_masks, dated in zip(masks, pointers, strict=True)
        ]
        found: dict[int, Tensor] = {}
        with sdpa_kernel(WITHOUT_PLANS):
            layer = self._tracker.memory_attention.layers[0]
            hidden = self._self_attend(layer, vision.hidden)
            query = self._query(layer, hidden, vision)
            for indices in batch_by_length(lengths, self._grid**2):
                between()
                keys, values = self._memory(
                    [masks[each] for each in indices], [tokens[each] for each in indices]
                )
                counts = [lengths[each] for each in indices]
                conditioned = self._condition(hidden, query, keys, values, counts, vision, between)
                found |= zip(indices, torch.split(conditioned, 1), strict=True)
            between()
            return self._decode(vision, torch.cat([found[index] for index in range(len(memories))]))

    def _pointers(self, pointers: Sequence[AgedTensors], frame: int) -> list[tuple[Tensor, Tensor]]:
        """The pointers in each object's memory, as tokens (m, 1, D), and the encodings of their
        ages."""
        width = self._tracker.mem_dim
        parts = self._tracker.hidden_dim // width
        ages = self._ages([age for dated in pointers for age, _ in dated], frame)  # (n, C)
        encoded = self._tracker.temporal_positional_encoding_projection_layer(ages)  # (n, D)
        since = encoded.repeat_interleave(parts, dim=0).view(-1, 1, width)  # (m, 1, D)
        whole = torch.cat([pointer for dated in pointers for _, pointer in dated])  # (n, C)
        tokens = whole.view(-1, 1, width)  # (m, 1, D)
        counts = [parts * len(dated) for dated in pointers]
        split = torch.split(tokens, counts), torch.split(since, counts)
        return list(zip(*split, strict=True))

    def _ages(self, ages: list[int], frame: int) -> Tensor:
        """Sines (n, C) of the pointers' ages in frames."""
        longest = min(frame + 1, self.config.max_object_pointers_in_encoder) - 1
        sent = upload(torch.tensor(ages, dtype=torch.float32), self._device) / float(longest)
        result: Tensor = get_1d_sine_pe(sent, self._tracker.hidden_dim).to(self._dtype)
        return result

    def _memory(
        self, masks: Sequence[AgedTensors], pointers: Sequence[tuple[Tensor, Tensor]]
    ) -> tuple[Tensor, Tensor]:
        """Keys and values (tokens, D) of the memories of some objects: for each object its masks,
        then its pointers."""
        contents = []
        positions = []
        for dated, (tokens, since) in zip(masks, pointers, strict=True):
            for age, mask in dated:
                contents.append(mask)
                # The encodings of ages are counted from 1, and that of age 0 is the last.
                positions.append(self._positions[age - 1])
            contents.append(tokens)
            positions.append(since)
        values = torch.cat(contents)[:, 0]
        return values + torch.cat(positions)[:, 0], values

    def _condition(
        self,
        hidden: Tensor,
        query: Tensor,
        keys: Tensor,
        values: Tensor,
        lengths: Sequence[tuple[int, int]],
        vision: VisionFeatures,
        between: Between,
    ) -> Tensor:
        """The picture's features (n, C, g, g), conditioned on the memory of each of n objects.
        `hidden` (1, g * g, C): the features after the first self-attention; `query`: computed from
        them. `lengths`: the numbers of pictures and pointers in each memory."""
        attention = self._tracker.memory_attention
        runs = [(length, len(list(each))) for length, each in groupby(lengths)]
        for index, layer in enumerate(attention.layers):
            if index:
                between()
                hidden = self._self_attend(layer, hidden)
                query = self._query(layer, hidden, vision)
            across = layer.cross_attn_image
            queries = query.expand(len(lengths), -1, -1, -1)  # (n, g * g, heads, d)
            recalled = self._cross_attend(across, queries, keys, values, runs)
            hidden = hidden + across.o_proj(recalled)  # (n, g * g, C)
            inner = layer.activation(layer.linear1(layer.layer_norm3(hidden)))
            hidden = hidden + layer.linear2(inner)
        normed: Tensor = attention.layer_norm(hidden)
        return torch.unflatten(normed.transpose(1, 2), 2, (self._grid, self._grid))

    def _query(self, layer: Any, hidden: Tensor, vision: VisionFeatures) -> Tensor:
        """The queries of the picture's patches to the memory, (n, g * g, heads, d)."""
        across = layer.cross_attn_image
        query = across.q_proj(layer.layer_norm2(hidden))  # (n, g * g, C)
        return apply_rotary(self._heads(across, query), self._rotary)

    def _cross_attend(
        self,
        across: Any,
        query: Tensor,
        keys: Tensor,
        values: Tensor,
        runs: Sequence[Any],
    ) -> Tensor:
        """Cross-attention of each object's queries to its memory, (n, g * g, C). Only the attention
        runs separately for memories of different lengths: `runs` are lengths (pictures, pointers),
        each with its number of objects. The weights of a patch have the sum 1, so on a CPU not all
        values are projected but the patch's mean of them."""
        area = self._grid**2
        parts = self._tracker.hidden_dim // self._tracker.mem_dim
        key = self._heads(across, across.k_proj(keys))
        tokens = [
            (area * pictures + parts * pointers) * count for (pictures, pointers), count in runs
        ]
        counts = [count for _, count in runs]
        split = torch.split(query, counts), torch.split(key, tokens), torch.split(values, tokens)
        has_one_head = self._is_on_cpu and across.num_attention_heads == 1
        answers = []
        for ((pictures, _), count), own, *object_memory in zip(runs, *split, strict=True):
            memory_keys, content = (torch.unflatten(each, 0, (count, -1)) for each in object_memory)
            turning = torch.unflatten(memory_keys[:, : area * pictures], 1, (pictures, -1))
            turning.copy_(apply_rotary(turning, self._rotary))
            if has_one_head and memory_attention.is_small(own, memory_keys):
                mixed = _attend_rows(own[:, :, 0], memory_keys[:, :, 0], content)
                answers.append(across.v_proj(mixed))  # (count, g * g, C)
            else:
                value = self._heads(across, across.v_proj(content))
                answers.append(self._attend(own, memory_keys, value, pictures))
        return torch.cat(answers) if len(answers) > 1 else answers[0]

    def _self_attend(self, layer: Any, hidden: Tensor) -> Tensor:
        heads = project_qkv(layer.self_attn, layer.layer_norm1(hidden), self._rotary)
        result: Tensor = hidden + layer.self_attn.o_proj(self._attend(*heads))
        return result

    def _heads(self, attention: Any, x: Tensor) -> Tensor:
        return torch.unflatten(x, -1, (attention.num_attention_heads, -1))  # (n, tokens, heads, d)

    def _attend(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        pictures: int | None = None,
    ) -> Tensor:
        """Attention (n, g * g, C) to a memory of `pictures`; None: of a picture to itself."""
        if self._uses_cudnn and pictures is None:
            answers, _ = memory_attention.attend_pictures(query, key, value)
            return answers.transpose(1, 2).flatten(2)
        if self._uses_cudnn and pictures:
            return memory_attention.attend_memory(query, key, value, pictures)
        is_plain = (
            self._is_on_cpu
            and self._dtype == torch.bfloat16
            and memory_attention.is_small(query, key)
        )
        query, key, value = (each.transpose(1, 2) for each in (query, key, value))
        if is_plain:
            rows = (each.flatten(0, 1) for each in (query, key, value))  # (n * heads, tokens, d)
            answers = _attend_rows(*rows).view(query.shape)
        else:
            answers = F.scaled_dot_product_attention(query, key, value)
        return answers.transpose(1, 2).flatten(2)

    def _decode(self, vision: VisionFeatures, pixels: Tensor) -> TrackerOutput:
        tracker = self._tracker
        masks, ious, tokens, score = tracker.mask_decoder(
            image_embeddings=pixels,
            image_positional_embeddings=self._image_positions.expand(len(pixels), -1, -1, -1),
            sparse_prompt_embeddings=self._no_click.expand(len(pixels), -1, -1, -1),
            dense_prompt_embeddings=self._no_mask,
            multimask_output=self._has_choice,
            high_resolution_features=vision.levels,
        )
        score = score.flatten()
        best = ious[:, 0].argmax(dim=-1)[:, None, None]  # of the only one, if there is no choice
        mask = masks[:, 0].take_along_dim(best[..., None], 1)[:, 0]
        pointer = tracker.object_pointer_proj(tokens[:, 0].take_along_dim(best, 1)[:, 0])
        is_visible = (score > 0)[:, None]
        # Not `where`: NaN must stay NaN, so that this object is lost and a new one replaces it.
        pointer = is_visible * pointer + ~is_visible * tracker.no_object_pointer
        masks = torch.where(is_visible[..., None], mask, NO_OBJ_SCORE)
        return TrackerOutput(masks=masks, pointers=pointer, scores=score)


def _attend_rows(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Attention of each row (tokens, d) of queries to that of keys and values."""
    rows = zip(query, key, value, strict=True)
    return torch.stack([memory_attention.attend_plainly(*row) for row in rows])


def folded(layer: Any, after: Any) -> list[Callable[[Tensor], Tensor]]:
    """The steps of a layer of the neck's pyramid and the 1 x 1 convolution after it. The layer ends
    with a convolution, too: both are one, with as few channels as the decoder reads, which is an
    eighth of the work."""
    last = layer.proj2
    matrix = after.weight[:, :, 0, 0].float()
    product = torch.einsum("oc,cihw->oihw", matrix, last.weight.float())
    weight = torch.empty_like(last.weight[: len(matrix)]).copy_(product)  # in its memory layout
    bias = (matrix @ last.bias.float() + after.bias.float()).to(weight.dtype)
    return [
        *layer.scale_layers,
        layer.proj1,
        partial(F.conv2d, weight=weight, bias=bias, padding=last.padding),
    ]


def batch_by_length(lengths: Sequence[tuple[int, int]], area: int) -> list[list[int]]:
    """Group indices into batches of at most SCORES_AT_ONCE scores, equal lengths side by side.
    `lengths`: numbers of pictures and pointers in each memory; `area`: tokens of a picture."""
    pieces: list[list[int]] = []
    room = 0
    for index in sorted(range(len(lengths)), key=lengths.__getitem__):
        scores = lengths[index][0] * area**2
        if scores > room:
            pieces.append([])
            room = SCORES_AT_ONCE
        pieces[-1].append(index)
        room -= scores
    return pieces


class MemoryEncoder:
    """Encodes the memories of objects in a picture. Stateless. Single thread, single device; never
    waits for it."""

    def __init__(self, model: SegmentationModel) -> None:
        self._video = model.video
        self._tracker = model.video.tracker_model

    def encode(
        self,
        vision: VisionFeatures,
        tracked: TrackerOutput | None,
        masks: Sequence[Tensor],
        prompts: Sequence[int],
        reconditioned: Collection[int],
        new: Sequence[Tensor],
        between: Between,
    ) -> list[Memory]:
        """Encode the memories of the tracked objects, then of the new ones. `masks`: displayed
        logits (side, side) of the tracked ones; `prompts`: their prompts' numbers; `reconditioned`:
        indices of those with a mask from the detector; `new`: masks (side, side) of 0 and 1."""
        pointers = list(torch.split(tracked.pointers, 1)) if tracked else []
        from_shown_masks = list(reconditioned) if new else list(range(len(masks)))
        memories: dict[int, Tensor] = {}
        if from_shown_masks:
            between()
            of_all = self._suppress_overlaps(masks, prompts)
            chosen = torch.stack([of_all[index] for index in from_shown_masks])
            is_visible = (chosen > 0).any(dim=(-1, -2))  # (n, 1)
            logits = torch.where(is_visible, SURE_LOGIT, -SURE_LOGIT)[..., None]
            encoded = self._encode_masks(vision, chosen, logits, is_cut=False)
            memories |= zip(from_shown_masks, encoded, strict=True)
        if new:
            raw = [index for index in range(len(masks)) if index not in from_shown_masks]
            between()
            large, scores, started = self._start_objects(vision, torch.stack(list(new)))
            pointers += torch.split(started, 1)
            if tracked and raw:
                raw_masks = torch.stack([tracked.masks[index] for index in raw])
                raw_scores = torch.stack([tracked.scores[index] for index in raw])
                large = torch.cat((self._enlarge(raw_masks), large))  # (n, 1, size, size)
                scores = torch.cat((raw_scores.view(-1, 1, 1), scores))  # (n, 1, 1)
            between()
            encoded = self._encode_masks(vision, large, scores, is_cut=True)
            memories |= zip([*raw, *range(len(masks), len(masks) + len(new))], encoded, strict=True)
        return [(pointer, memories[index]) for index, pointer in enumerate(pointers)]

    def _start_objects(self, vision: VisionFeatures, masks: Tensor) -> tuple[Tensor, ...]:
        """The first masks (n, side, side) of new objects at full size (n, 1, size, size), the
        logits (n, 1, 1) of their being visible, and their pointers (n, C)."""
        picture, *levels = (
            each.expand(len(masks), -1, -1, -1) for each in (coarse_image(vision), *vision.levels)
        )
        output = private.use_mask_as_output(self._tracker)(picture, levels, masks[:, None])
        # transformers multiplies the pointers of all with the visibility of all: (n, n, C).
        return output.high_res_masks, output.object_score_logits, output.object_pointer.diagonal().T

    def _suppress_overlaps(self, masks: Sequence[Tensor], prompts: Sequence[int]) -> list[Tensor]:
        """Masks (1, side, side); a mask that mostly belongs to another object of the same prompt is
        emptied."""
        return self._by_prompt(masks, prompts, private.suppress_overlaps(self._video))

    @staticmethod
    def _by_prompt(masks: Sequence[Tensor], prompts: Sequence[int], change: Any) -> list[Tensor]:
        result = [mask[None] for mask in masks]
        for prompt in set(prompts):
            indices = [index for index, each in enumerate(prompts) if each == prompt]
            group = torch.stack([result[index] for index in indices])
            for index, mask in zip(indices, change(group), strict=True):
                result[index] = mask
        return result

    def _enlarge(self, masks: Tensor) -> Tensor:
        """Scale masks (n, side, side) to the size of the model's picture, (n, 1, size, size)."""
        size = (self._tracker.image_size,) * 2
        small = masks[:, None].float()
        large = F.interpolate(small, size=size, mode="bilinear", align_corners=False)
        return large.to(masks.dtype)

    def _encode_masks(
        self, vision: VisionFeatures, masks: Tensor, logits: Tensor, *, is_cut: bool
    ) -> list[Tensor]:
        """The mask memory of each mask (n, 1, height, width), cut at 0 or not; `logits` (n, 1, 1)
        of being visible."""
        features, _ = private.encode_new_memory(self._tracker)(vision.coarse, masks, logits, is_cut)
        of_each = features.transpose(0, 1).to(vision.coarse.dtype)  # (n, g * g, D)
        apart = of_each.contiguous()  # each is read as a whole
        return list(apart[:, :, None].unbind())


def coarse_image(vision: VisionFeatures) -> Tensor:
    """The coarsest features, (1, C, g, g)."""
    side = vision.levels[0].shape[-1] // 4
    return torch.unflatten(vision.coarse.permute(1, 2, 0), 2, (side, side))
