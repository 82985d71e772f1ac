"""The baseline for benchmarks: transformers' SAM3 pipelines with the modules of our model."""

import ast
import gc
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from engine.models.graphs import DirectRunner
from engine.models.sam3.backbone import Backbone, preprocess
from engine.models.sam3.detector import Detector
from engine.models.sam3.model import SegmentationModel
from engine.models.sam3.prompts import PromptEncoder

PROMPT_TOKENS = 32
MIDDLE = 127.5


def extract_post_processing() -> Callable[..., list[dict[str, torch.Tensor]]]:
    """Extract Sam3ImageProcessor.post_process_instance_segmentation from transformers' file,
    because the whole file needs torchvision and these lines do not. Call the function with None for
    `self`."""
    import transformers

    file = Path(transformers.__file__).parent / "models" / "sam3" / "image_processing_sam3.py"
    function_names = ("_scale_boxes", "post_process_instance_segmentation")
    tree = ast.parse(file.read_text(encoding="utf-8"))
    tree.body = [
        each
        for each in ast.walk(tree)
        if isinstance(each, ast.FunctionDef) and each.name in function_names
    ]
    exec(compile(tree, str(file), "exec"), names := {"torch": torch})
    return names[function_names[1]]  # type: ignore[return-value]  # as compiled


class ReferenceSegmenter:
    """transformers' pipeline for single pictures. Single thread. The picture is scaled on the CPU,
    in uint8, and converted to float there (Sam3ImageProcessor). The backbone runs once per picture,
    the decoder once per prompt, padded to 32 tokens, with masks of all queries (Sam3Model). Masks
    above the threshold are scaled to the full size on the device and stay there
    (post_process_instance_segmentation with target_sizes)."""

    def __init__(self, model: SegmentationModel, texts: Sequence[str]) -> None:
        self._model = model
        self._detector = model.detector
        self._post_process = extract_post_processing()
        self._texts = list(texts)
        self._text_inputs = [self._tokens(text) for text in texts]
        with torch.inference_mode():
            self._embeds = [
                self._detector.get_text_features(**inputs) for inputs in self._text_inputs
            ]

    @torch.inference_mode()
    def call(self, picture: np.ndarray, threshold: float) -> list[dict[str, torch.Tensor]]:
        """Run it as users do, from texts and a picture (H, W, 3) uint8. Returns for each prompt
        scores (n,), boxes (n, 4) in px, and masks (n, H, W) uint8 or bool."""
        return self._detect(picture, [self._tokens(text) for text in self._texts], threshold)

    @torch.inference_mode()
    def call_prepared(self, picture: np.ndarray, threshold: float) -> list[dict[str, torch.Tensor]]:
        """Like `call`, with the texts encoded in advance."""
        prompt_inputs = [
            {"text_embeds": embeds, "attention_mask": inputs["attention_mask"]}
            for embeds, inputs in zip(self._embeds, self._text_inputs, strict=True)
        ]
        return self._detect(picture, prompt_inputs, threshold)

    def _detect(
        self, picture: np.ndarray, prompt_inputs: list[dict[str, Any]], threshold: float
    ) -> list[dict[str, torch.Tensor]]:
        vision = self._detector.get_vision_features(
            pixel_values=preprocess_on_cpu(picture, self._model)
        )
        results = []
        for inputs in prompt_inputs:
            answer = self._detector(vision_embeds=vision, **inputs)
            results += self._post_process(
                None, answer, threshold=threshold, target_sizes=[picture.shape[:2]]
            )
        return results

    def _tokens(self, text: str) -> dict[str, torch.Tensor]:
        inputs = self._model.tokenizer(
            [text],
            padding="max_length",
            max_length=PROMPT_TOKENS,
            truncation=True,
            return_tensors="pt",
        )
        return {
            name: inputs[name].to(self._model.device) for name in ("input_ids", "attention_mask")
        }


class ReferenceTracker:
    """transformers' pipeline for streams: a Sam3VideoModel with an unbounded session. Single
    thread. Masks are scaled to the full size on the device and stay there. Other work of the
    processor is omitted (boxes, front objects)."""

    def __init__(self, model: SegmentationModel, texts: Sequence[str]) -> None:
        from transformers import Sam3VideoInferenceSession

        self._model = model
        device = model.device
        self._session = Sam3VideoInferenceSession(
            inference_device=device,
            inference_state_device=device,
            video_storage_device=device,
            dtype=model.dtype,
        )
        for text in texts:
            inputs = model.tokenizer(
                [text], padding="max_length", max_length=PROMPT_TOKENS, return_tensors="pt"
            )
            number = self._session.add_prompt(text)
            self._session.prompt_input_ids[number] = inputs["input_ids"].to(device)
            self._session.prompt_attention_masks[number] = inputs["attention_mask"].to(device)

    @torch.inference_mode()
    def step(self, picture: np.ndarray) -> torch.Tensor:
        """Masks (n, H, W) bool of the tracked objects in `picture` (H, W, 3) uint8, the next of the
        stream."""
        answer = self._model.video(
            inference_session=self._session, frame=preprocess_on_cpu(picture, self._model)
        )
        if not answer.obj_id_to_mask:
            return torch.zeros(0, *picture.shape[:2], dtype=torch.bool)
        masks = torch.cat(list(answer.obj_id_to_mask.values()))[:, None]
        return (F.interpolate(masks, picture.shape[:2], mode="bilinear") > 0)[:, 0]


def preprocess_on_cpu(picture: np.ndarray, model: SegmentationModel) -> torch.Tensor:
    """The model input (1, 3, resolution, resolution) float32 on the device, by the steps of
    Sam3ImageProcessor."""
    side = model.spec.resolution
    channels = torch.from_numpy(picture).permute(2, 0, 1).contiguous()
    small = F.interpolate(channels[None], (side, side), mode="bilinear", antialias=True)
    return small.to(torch.float32).sub_(MIDDLE).div_(MIDDLE).to(model.device)


def compare_with_transformers(
    model: SegmentationModel,
    same: SegmentationModel,
    texts: Sequence[str],
    picture: np.ndarray,
    threshold: float,
    max_objects: int,
) -> dict[str, float]:
    """Differences between our detector's results and transformers' with the `same` weights, in one
    picture, before NMS and hole filling. `masks_differ`: fraction of differing pixels in full-size
    masks, ours scaled and cut at one half as a shader does; each of ours against the nearest of
    theirs. `scores_differ`, `boxes_differ_px`: the largest difference. `masks_iou`: the mean IoU of
    such pairs. `transformers_objects`: the number of objects that transformers finds."""
    runner, encoder = DirectRunner(), PromptEncoder(model)
    pixels = preprocess(
        torch.from_numpy(picture)[None].to(model.device), model.spec.resolution, model.dtype
    )
    features, prompts = (
        Backbone(model, runner).run(pixels),
        [encoder.encode(text) for text in texts],
    )
    ours = Detector(model, runner).launch(
        features, prompts, threshold=threshold, max_objects=max_objects
    )()[0]
    theirs = ReferenceSegmenter(same, texts).call_prepared(picture, threshold)
    sides = torch.tensor(picture.shape[1::-1] * 2)  # width, height, width, height
    fractions, ious, scores, boxes = [0.0], [], [0.0], [0.0]
    for index, prompt in enumerate(ours.prompts):
        their = theirs[prompt]
        mask = torch.from_numpy(ours.masks[index]).to(model.device)[None, None].float()
        inside = F.interpolate(mask, picture.shape[:2], mode="bilinear")[0, 0] > MIDDLE
        differ = (their["masks"].bool() != inside).flatten(1).float().mean(dim=1)
        nearest = int((differ + (their["scores"] - float(ours.scores[index])).abs()).argmin())
        fractions.append(float(differ[nearest]))
        both = their["masks"][nearest].bool(), inside
        ious.append(
            float(torch.logical_and(*both).sum() / torch.logical_or(*both).sum().clamp(min=1))
        )
        scores.append(abs(float(their["scores"][nearest]) - float(ours.scores[index])))
        box = torch.from_numpy(ours.boxes[index]) * sides
        boxes.append(float((their["boxes"][nearest].float().cpu() - box).abs().max()))
    return {
        "transformers_objects": sum(len(each["scores"]) for each in theirs),
        "masks_differ": round(sum(fractions) / max(len(ours), 1), 6),
        "masks_iou": round(sum(ious) / max(len(ious), 1), 5),
        "scores_differ": round(max(scores), 6),
        "boxes_differ_px": round(max(boxes), 4),
    }


def tensors_mb(device: torch.device) -> float:
    """MiB of all tensors in use, to find leaks. The process's memory hides them, because it
    includes freed memory."""
    if device.type == "cuda":
        return torch.cuda.memory_allocated(device) / 2**20
    storages = (
        each.untyped_storage()
        for each in gc.get_objects()
        if type(each) in (torch.Tensor, torch.nn.Parameter)
    )
    result: float = (
        sum({storage.data_ptr(): storage.nbytes() for storage in storages}.values()) / 2**20
    )
    return result
