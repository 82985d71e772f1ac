"""Detects the prompted objects in a picture: boxes, scores and masks, equal to those of transformers' Sam3Model."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from engine.errors import ModelError
from engine.models.graphs import Calls, State, nothing
from engine.models.sam3.backbone import Features
from engine.models.sam3.detected_objects import DetectedObjects, no_objects
from engine.models.sam3.detr import as_levels, decoder_chain, mask_part
from engine.models.sam3.model import SegmentationModel
from engine.models.sam3.prompts import EncodedPrompt
from engine.system.installing import install_line

Mark = Callable[[str], None]
MASKS_AT_A_TIME = 16
"""Masks are computed for a multiple of this many queries. Otherwise each value of `max_objects` would need another CUDA
graph, which costs more than the extra masks."""
Box = tuple[float, float, float, float]
"""Centre x, centre y, width and height, 0..1 of the picture."""
POSITIVE = 1


def ignore(stage: str) -> None:
    """Default for `mark`: does nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Best:
    """The k best queries of one prompt in B pictures, on the device, highest score first. The tensors may be views of
    buffers that the next prompt overwrites."""

    scores: torch.Tensor
    """(B, k) float32."""
    boxes: torch.Tensor
    """(B, k, 4) float32 xyxy 0..1."""
    logits: torch.Tensor
    """(B, k, side, side) in the model's dtype."""
    is_finite: torch.Tensor
    """(B,) bool."""


class Detector:
    """Runs the detector. Stateless except for the caches of `calls`. Single thread, single device. Prompts run one by
    one: batched they would need padding and masks, share little work, and keep the device from other processes. Masks
    are computed for the best queries only, in shapes that do not depend on the picture. One copy brings the result to
    the host, where the threshold is applied."""

    def __init__(self, model: SegmentationModel, calls: Calls) -> None:
        self._model = model
        self._calls = calls
        self._detector = model.detector
        side = model.mask_side // 4
        self._texels = torch.arange(side, device=model.device, dtype=torch.float32) / side
        self._masks = (mask_part(model.detector),)

    @torch.no_grad()
    def launch(
        self,
        features: Features,
        prompts: Sequence[EncodedPrompt],
        *,
        threshold: float,
        max_objects: int,
        boxes: Sequence[Box] | None = None,
        between: Callable[[], None] = nothing,
        mark: Mark = ignore,
    ) -> Callable[[], list[DetectedObjects]]:
        """Queue the detection; the returned function waits for it. On CUDA nothing else waits, and more may be queued
        meanwhile. It returns for each picture the best `max_objects` over all prompts with a score above `threshold`,
        as in `post_process_instance_segmentation` without target sizes.

        `boxes`: examples of the objects to find, centre x, centre y, width and height in 0..1, the same in all
        pictures; ModelError without torchvision. `mark` is called at the end of each stage: decoder, masks, copy."""
        queries = -(-max_objects // MASKS_AT_A_TIME) * MASKS_AT_A_TIME
        results: list[tuple[torch.Tensor, ...]] = []
        for place, prompt in enumerate(prompts):
            if place:
                between()
            best = self.best(features, prompt, max_queries=queries, boxes=boxes, between=between, mark=mark)
            results.append((best.scores.clone(), best.boxes.clone(), as_levels(best.logits), best.is_finite.clone()))
            mark("masks")
        launched = self._sent_home(results, max_objects, threshold)
        mark("copy")
        return launched

    @torch.no_grad()
    def best(
        self,
        features: Features,
        prompt: EncodedPrompt,
        *,
        max_queries: int,
        boxes: Sequence[Box] | None = None,
        between: Callable[[], None] = nothing,
        mark: Mark = ignore,
    ) -> Best:
        """The best `max_queries` queries of one prompt, whatever their score, with their mask logits, on the device."""
        embeds = prompt.embeds
        if boxes:
            embeds = with_boxes(self._detector.geometry_encoder, embeds, features, boxes)
        vision = features.fpn_hidden_states[-1]
        shape = (tuple(vision.shape), tuple(embeds.shape), max_queries)
        chain = decoder_chain(self._detector, self._texels, features.position, max_queries)
        state = self._calls.run(("decoder", shape), chain, {"vision": vision, "prompt": embeds}, between)
        mark("decoder")
        between()
        inputs: State = {"seen": state["seen"], "queries": state["queries"], "prompt": embeds}
        masks = self._calls.run(("masks", shape), self._masks, inputs | {"levels": features.fpn_hidden_states})
        logits = masks["logits"]
        # One NaN or infinity makes the sum non-finite. A sum avoids a boolean tensor of the size of the masks.
        is_finite = state["is_finite"] & torch.isfinite(logits.sum(dim=(1, 2, 3), dtype=torch.float32))
        return Best(scores=state["scores"], boxes=state["boxes"], logits=logits, is_finite=is_finite)

    def _sent_home(
        self, results: list[tuple[torch.Tensor, ...]], max_objects: int, threshold: float
    ) -> Callable[[], list[DetectedObjects]]:
        """Queues a copy of the best `max_objects` over all prompts to the host."""
        scores, boxes, masks, are_finite = (torch.stack(each, dim=1) for each in zip(*results, strict=True))
        batch, count, k = scores.shape
        prompts = torch.arange(count, device=scores.device).repeat_interleave(k).expand(batch, -1)
        scores, places = scores.flatten(1).topk(min(max_objects, count * k), dim=1)
        rows = torch.arange(batch, device=scores.device)[:, None]
        numbers = torch.cat(
            (
                scores[..., None],
                boxes.flatten(1, 2)[rows, places],
                prompts.gather(1, places)[..., None].float(),
                are_finite.all(dim=1)[:, None, None].expand(-1, scores.shape[1], 1).float(),
            ),
            dim=-1,
        )  # (B, k, 7)
        is_cuda = scores.device.type == "cuda"
        # Such a copy goes to pinned memory of its own, so that several may be under way.
        fetched, shown = (each.to("cpu", non_blocking=is_cuda) for each in (numbers, masks.flatten(1, 2)[rows, places]))
        cuda: Any = torch.cuda  # torch does not annotate its events
        arrived = cuda.Event(blocking=True) if is_cuda else None  # blocking: it takes no core meanwhile
        if arrived is not None:
            arrived.record(cuda.current_stream(scores.device))

        def read() -> list[DetectedObjects]:
            if arrived is not None:
                arrived.synchronize()
            return self._read(fetched.numpy(), shown.numpy(), threshold)

        return read

    def _read(self, numbers: np.ndarray, masks: np.ndarray, threshold: float) -> list[DetectedObjects]:
        side = self._model.mask_side
        found = []
        for of_picture, of_masks in zip(numbers, masks, strict=True):
            if not of_picture[0, 6]:
                found.append(no_objects(side, is_finite=False))
                continue
            keep = of_picture[:, 0] > threshold
            kept = of_picture[keep]
            found.append(
                DetectedObjects(
                    scores=kept[:, 0], boxes=kept[:, 1:5], prompts=kept[:, 5].astype("int64"), masks=of_masks[keep]
                )
            )
        return found


def with_boxes(encoder: Any, embeds: torch.Tensor, features: Features, boxes: Sequence[Box]) -> torch.Tensor:
    """The prompt's `embeds` (1, tokens, C) followed by the encoded boxes: (B, tokens + boxes + 1, C). Equal to
    transformers' Sam3GeometryEncoder, which `encoder` is, without a mask, because all boxes are valid. ModelError
    without torchvision."""
    roi_align = require_roi_align()
    vision = features.fpn_hidden_states[-1]  # (B, C, g, g)
    batch, width, side = vision.shape[:3]
    asked = torch.tensor([boxes], dtype=torch.float32, device=vision.device).expand(batch, -1, -1)  # (B, n, 4)
    pooled = encoder.vision_layer_norm(vision.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
    corners = torch.cat((asked[..., :2] - 0.5 * asked[..., 2:], asked[..., :2] + 0.5 * asked[..., 2:]), dim=-1)
    # roi_align does not support bfloat16. transformers uses float16, which moves a corner by 1/32 of a texel.
    cut = roi_align(pooled.float(), list((corners * side).unbind(0)), encoder.roi_size).to(vision.dtype)
    places = encoder._encode_box_coordinates(*(each.flatten() for each in asked.unbind(-1)))  # (B n, C + 2) float32
    tokens = encoder.label_embed.weight[POSITIVE] + encoder.boxes_direct_project(asked.to(vision.dtype))
    tokens = tokens + encoder.boxes_pool_project(cut).view(batch, -1, width)
    tokens = tokens + encoder.boxes_pos_enc_project(places.view(*asked.shape[:2], -1).to(vision.dtype))
    tokens = torch.cat((tokens, encoder.cls_embed.weight.expand(batch, 1, -1)), dim=1)
    tokens = encoder.prompt_layer_norm(encoder.final_proj(tokens))
    seen, where = (each.flatten(2).transpose(1, 2) for each in (vision, features.position))
    for layer in encoder.layers:
        tokens = layer(prompt_feats=tokens, vision_feats=seen, vision_pos_encoding=where, prompt_mask=None)
    return torch.cat((embeds.expand(batch, -1, -1), encoder.output_layer_norm(tokens)), dim=1)


def require_roi_align() -> Any:
    """torchvision's roi_align; ModelError in one line if it is not installed or does not load."""
    try:
        from torchvision.ops import roi_align
    except (ImportError, RuntimeError) as error:  # RuntimeError: built for another version of torch
        raise ModelError(
            f"box prompts: need torchvision ({str(error).splitlines()[0]}); {install_line('torchvision')}, "
            f"the release that goes with torch {torch.__version__.partition('+')[0]}"
        ) from None
    return roi_align
