"""Detects the prompted objects in a picture: boxes, scores and masks, equal to those of
transformers' Sam3Model."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engine.errors import ModelError
from engine.models.compat.transformers import encode_box_coordinates
from engine.models.compiling import compile_part
from engine.models.graphs import Between, ChainRunner, Part, State, noop
from engine.models.sam3.backbone import Features
from engine.models.sam3.detected_objects import DetectedObjects, no_objects
from engine.models.sam3.detr import corners_of, decoder_chain, mask_part, to_uint8
from engine.models.sam3.mask_kernel import cleaning_part
from engine.models.sam3.model import SegmentationModel
from engine.models.sam3.prompts import EncodedPrompt
from engine.system.installing import install_line

Mark = Callable[[str], None]
MASKS_PER_STEP = 16
"""Masks are computed for a multiple of this many queries. Otherwise each value of `max_objects`
would need another CUDA graph, which costs more than the extra masks."""
Box = tuple[float, float, float, float]
"""Centre x, centre y, width and height, 0..1 of the picture."""
POSITIVE = 1
# columns of what the host gets
SCORE = 0
BOX = slice(1, 5)
PROMPT = 5
IS_FINITE = 6
SHARED = slice(7, None)


def ignore_stage(stage_name: str) -> None:
    """Do nothing: the default for `mark`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BestQueries:
    """The k best queries of one prompt in B pictures, on the device, highest score first. The
    tensors may be views of buffers that the next prompt overwrites."""

    scores: Tensor
    """(B, k) float32."""
    boxes: Tensor
    """(B, k, 4) float32 xyxy 0..1."""
    logits: Tensor
    """(B, k, side, side) in the model's dtype."""
    is_finite: Tensor
    """(B,) bool."""

    def row(self, number: int) -> "BestQueries":
        """Those of one of several pictures, or of one of several prompts in a picture."""
        return BestQueries(
            **{each.name: getattr(self, each.name)[number : number + 1] for each in fields(self)}
        )


class Detector:
    """Runs SAM3's detector on pictures. Stateless except for the caches of `runner`. Single thread,
    single device. Prompts of different lengths run one by one, because in a batch they would need
    padding and masks. Masks are computed for the best queries only, in shapes that do not depend on
    the picture. The result is copied to the host once; the threshold is applied there."""

    def __init__(self, model: SegmentationModel, runner: ChainRunner) -> None:
        self._model = model
        self._runner = runner
        self._detector = model.detector
        side = model.mask_side // 4
        self._texels = torch.arange(side, device=model.device, dtype=torch.float32) / side
        self._masks = self._compiled((mask_part(model.detector),))
        self._decoders: dict[int, tuple[Part, ...]] = {}
        """The decoder's chain by its number of queries."""

    @torch.no_grad()
    def launch(
        self,
        features: Features,
        prompts: Sequence[EncodedPrompt],
        *,
        threshold: float,
        max_objects: int,
        boxes: Sequence[Box] | None = None,
        between: Between = noop,
        mark: Mark = ignore_stage,
    ) -> Callable[[], list[DetectedObjects]]:
        """Queue the detection; the returned function waits for it. On CUDA nothing else waits, and
        more may be queued meanwhile. It returns for each picture the best `max_objects` over all
        prompts with a score above `threshold`, as in `post_process_instance_segmentation` without
        target sizes.

        `boxes`: examples of the objects to find, centre x, centre y, width and height in 0..1, the
        same in all pictures; ModelError without torchvision. `mark` is called at the end of each
        stage: decoder, masks, copy."""
        queries = -(-max_objects // MASKS_PER_STEP) * MASKS_PER_STEP
        found: dict[int, tuple[Tensor, ...]] = {}
        options: dict[str, Any] = {
            "max_queries": queries,
            "boxes": boxes,
            "between": between,
            "mark": mark,
        }
        for index, best in self.best_of_each(features, prompts, **options):
            found[index] = (
                best.scores.clone(),
                best.boxes.clone(),
                to_uint8(best.logits),
                best.is_finite.clone(),
            )
            mark("masks")
        results = [found[index] for index in range(len(prompts))]
        launched = self._copy_to_host(results, queries, max_objects, threshold)
        mark("copy")
        return launched

    def best_of_each(
        self,
        features: Features,
        prompts: Sequence[EncodedPrompt],
        *,
        between: Between = noop,
        **options: Any,
    ) -> Iterator[tuple[int, BestQueries]]:
        """Yield `best` of each prompt with its index, not in order. The next one may overwrite it:
        copy it before. On a card those with as many tokens are one batch, which needs no padding:
        one picture does not fill a card."""
        lengths = [prompt.embeds.shape[1] for prompt in prompts]
        is_batched = (
            features.position.is_cuda
            and len(features.last_hidden_state) == 1
            and not options.get("boxes")
        )
        groups = [[index] for index in range(len(prompts))]
        if is_batched:
            groups = [
                [n for n, each in enumerate(lengths) if each == length]
                for length in dict.fromkeys(lengths)
            ]
        for number, group in enumerate(groups):
            if number:
                between()
            together = self.best(
                features, [prompts[index] for index in group], between=between, **options
            )
            for row, index in enumerate(group):
                yield index, together if len(group) == 1 else together.row(row)

    @torch.no_grad()
    def best(
        self,
        features: Features,
        prompts: Sequence[EncodedPrompt],
        *,
        max_queries: int,
        boxes: Sequence[Box] | None = None,
        between: Between = noop,
        mark: Mark = ignore_stage,
    ) -> BestQueries:
        """The best `max_queries` queries, whatever their score, with their mask logits, on the
        device: of one prompt in B pictures, or of several prompts with as many tokens in one
        picture."""
        embeds = torch.cat([prompt.embeds for prompt in prompts])
        if boxes:
            embeds = append_boxes(self._detector.geometry_encoder, embeds, features, boxes)
        vision = features.fpn_hidden_states[-1]
        if len(prompts) > 1:
            vision = vision.expand(len(prompts), -1, -1, -1)
        shape = (tuple(vision.shape), tuple(embeds.shape), max_queries)
        chain = self._decoders.get(max_queries)
        if chain is None:
            parts = decoder_chain(self._detector, self._texels, features.position, max_queries)
            chain = self._compiled(parts)
            self._decoders[max_queries] = chain
        state = self._runner.run(
            ("decoder", shape), chain, {"vision": vision, "prompt": embeds}, between
        )
        mark("decoder")
        between()
        inputs: State = {"encoded": state["encoded"], "queries": state["queries"], "prompt": embeds}
        masks = self._runner.run(
            ("masks", shape), self._masks, inputs | {"levels": features.fpn_hidden_states}
        )
        logits = masks["logits"]
        # One NaN or infinity makes the sum non-finite. A sum avoids a boolean tensor of the size of
        # the masks.
        total = logits.sum(dim=(1, 2, 3), dtype=torch.float32)
        is_finite = state["is_finite"] & torch.isfinite(total)
        return BestQueries(
            scores=state["scores"], boxes=state["boxes"], logits=logits, is_finite=is_finite
        )

    def _compiled(self, parts: tuple[Part, ...]) -> tuple[Part, ...]:
        return tuple(map(compile_part, parts)) if self._model.spec.is_compiled else parts

    def _copy_to_host(
        self,
        results: list[tuple[Tensor, ...]],
        queries: int,
        max_objects: int,
        threshold: float,
    ) -> Callable[[], list[DetectedObjects]]:
        """Queue a copy of the best `queries` over all prompts to the host, for its
        `max_objects`."""
        scores, boxes, masks, are_finite = (
            torch.stack(each, dim=1) for each in zip(*results, strict=True)
        )
        batch, count, k = scores.shape
        prompts = torch.arange(count, device=scores.device)
        prompts = prompts.repeat_interleave(k).expand(batch, -1)  # (B, count k)
        most = min(queries, count * k)
        scores, indices = scores.flatten(1).topk(most, dim=1)
        rows = torch.arange(batch, device=scores.device)[:, None]
        columns = (
            scores[..., None],
            boxes.flatten(1, 2)[rows, indices],
            prompts.gather(1, indices)[..., None].float(),
            are_finite.all(dim=1)[:, None, None].expand(-1, scores.shape[1], 1).float(),
        )
        # (B, k, 7): columns SCORE, BOX, PROMPT, IS_FINITE, and SHARED if cleaned
        numbers = torch.cat(columns, dim=-1)
        is_cuda = scores.device.type == "cuda"
        # Such a copy goes to pinned memory of its own, so that several may be under way.
        masks = masks.flatten(1, 2)[rows, indices]
        if scores.device.type != "cpu":  # on a CPU OpenCV is faster: `tidy` cleans them
            key = ("clean masks", tuple(masks.shape))
            clean = self._runner.run(key, (cleaning_part,), {"masks": masks})
            masks = clean["masks"]
            numbers = torch.cat((numbers, clean["shared"]), dim=-1)
        fetched, chosen = (each.to("cpu", non_blocking=is_cuda) for each in (numbers, masks))
        cuda: Any = torch.cuda  # torch does not annotate its events
        # Blocking: it takes no core meanwhile.
        arrived = cuda.Event(blocking=True) if is_cuda else None
        if arrived is not None:
            arrived.record(cuda.current_stream(scores.device))

        def read() -> list[DetectedObjects]:
            if arrived is not None:
                arrived.synchronize()
            best = slice(max_objects)
            best_numbers = fetched.numpy()[:, best]
            best_masks = chosen.numpy()[:, best]
            return self._read(best_numbers, best_masks, threshold)

        return read

    def _read(
        self, numbers: np.ndarray, masks: np.ndarray, threshold: float
    ) -> list[DetectedObjects]:
        side = self._model.mask_side
        found = []
        for of_picture, of_masks in zip(numbers, masks, strict=True):
            if not of_picture[0, IS_FINITE]:
                found.append(no_objects(side, is_finite=False))
                continue
            keep = of_picture[:, SCORE] > threshold
            rows = of_picture[keep]
            has_shared = rows.shape[1] > IS_FINITE + 1
            objects = DetectedObjects(
                scores=rows[:, SCORE],
                boxes=rows[:, BOX],
                prompts=rows[:, PROMPT].astype("int64"),
                masks=of_masks[keep],
                shared=rows[:, SHARED][:, : len(keep)][:, keep] if has_shared else None,
            )
            found.append(objects)
        return found


def append_boxes(encoder: Any, embeds: Tensor, features: Features, boxes: Sequence[Box]) -> Tensor:
    """The prompt's `embeds` (1, tokens, C) followed by the encoded boxes: (B, tokens + boxes + 1,
    C). Equal to transformers' Sam3GeometryEncoder, which `encoder` is, without a mask, because all
    boxes are valid. ModelError without torchvision."""
    roi_align = require_roi_align()
    vision = features.fpn_hidden_states[-1]  # (B, C, g, g)
    batch, width, side = vision.shape[:3]
    of_one_picture = torch.tensor([boxes], dtype=torch.float32, device=vision.device)
    cxcywh = of_one_picture.expand(batch, -1, -1)  # (B, n, 4)
    pooled = encoder.vision_layer_norm(vision.permute(0, 2, 3, 1))  # (B, side, side, C)
    pooled = pooled.permute(0, 3, 1, 2)
    # roi_align does not support bfloat16. transformers uses float16, which moves a corner by 1/32
    # of a texel.
    corners = list((corners_of(cxcywh) * side).unbind(0))  # (n, 4) of each picture
    cut = roi_align(pooled.float(), corners, encoder.roi_size)
    cut = cut.to(vision.dtype)
    flat = (each.flatten() for each in cxcywh.unbind(-1))
    positions = encode_box_coordinates(encoder)(*flat)  # (B n, C + 2) float32
    count = cxcywh.shape[1]
    positions = positions.view(batch, count, -1).to(vision.dtype)
    boxes_of_dtype = cxcywh.to(vision.dtype)
    direct = encoder.boxes_direct_project(boxes_of_dtype)
    tokens = encoder.label_embed.weight[POSITIVE] + direct  # (B, n, C)
    pooled_boxes = encoder.boxes_pool_project(cut)
    tokens = tokens + pooled_boxes.view(batch, -1, width)
    tokens = tokens + encoder.boxes_pos_enc_project(positions)
    class_token = encoder.cls_embed.weight.expand(batch, 1, -1)
    tokens = torch.cat((tokens, class_token), dim=1)  # (B, n + 1, C)
    tokens = encoder.final_proj(tokens)
    tokens = encoder.prompt_layer_norm(tokens)
    vision_tokens = vision.flatten(2).transpose(1, 2)
    where = features.position.flatten(2).transpose(1, 2)
    for layer in encoder.layers:
        tokens = layer(
            prompt_feats=tokens,
            vision_feats=vision_tokens,
            vision_pos_encoding=where,
            prompt_mask=None,
        )
    texts = embeds.expand(batch, -1, -1)
    box_prompts = encoder.output_layer_norm(tokens)
    return torch.cat((texts, box_prompts), dim=1)


def require_roi_align() -> Any:
    """torchvision's roi_align; ModelError in one line if it is not installed or does not load."""
    try:
        from torchvision.ops import roi_align
    except (ImportError, RuntimeError) as error:  # RuntimeError: built for another version of torch
        raise ModelError(
            f"box prompts: need torchvision ({str(error).splitlines()[0]}); "
            f"{install_line('torchvision')}, "
            f"the release that goes with torch {torch.__version__.partition('+')[0]}"
        ) from None
    return roi_align
