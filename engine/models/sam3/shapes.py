"""Models of the published size with random weights, built in memory. They run as fast as real ones.

The configuration is that of the published model. Purely random weights would detect nothing or
everything. So they are adjusted: every prompt finds OBJECTS objects in every picture.
"""

from math import isqrt
from typing import Any

import torch
from torch.nn import functional as F

from engine.errors import ModelError
from engine.models.card_memory import reserve_memory
from engine.models.device_work import weights_of
from engine.models.pretrained import silence_libs
from engine.models.random_models import TOKENS, letter_tokenizer, seeded
from engine.models.sam3 import SegmentationSpec
from engine.models.sam3.backbone import COARSEST
from engine.models.sam3.model import SegmentationModel
from engine.models.sam3.multiplex_model import add_multiplex, configure

SHAPES = ("sam3", "sam3.1", "tiny", "tiny3.1")
"""`tiny` is not a published shape; it is small enough for a CPU. With 3.1: the tracker of SAM
3.1."""
OBJECTS = 16
PROMPT_TOKENS = 32
PATCH_PX = 14
WINDOW_PX = 24 * PATCH_PX
TINY_VIT_WIDTH = 32
MASK_GAIN = 20.0
MASK_BIAS = -5.0
FINE_GAIN = 0.05
POSITION_GAIN = 3.0
POSITION_CELLS = 4
TRACKER_WIDTH = 128  # the minimum of its memory encoder


def build(
    name: str,
    resolution: int,
    device: str,
    dtype: torch.dtype,
    *,
    seed: int = 0,
    has_tracker: bool = True,
    objects: int = OBJECTS,
) -> SegmentationModel:
    """A model of this shape that finds `objects` objects per prompt. ModelError for an unknown
    shape. The same arguments give the same weights on the same kind of device. On the device `meta`
    it has only shapes, for counting. Without a tracker it is only a detector; the tiny one then has
    a quarter of the width, 32 channels."""
    from transformers import AutoModel

    silence_libs("transformers")
    config = _config(name, resolution, has_tracker)

    def weigh() -> int:
        hollow = build(name, resolution, "meta", dtype, has_tracker=has_tracker)
        return sum(each.nbytes for each in weights_of(hollow.networks))

    kind: Any = AutoModel  # its `from_config` has no types
    with reserve_memory(device, weigh, f"random:{name}"), seeded(seed), torch.device(device):
        video = kind.from_config(config, dtype=dtype) if has_tracker else None
        if has_tracker and name.endswith("3.1"):
            add_multiplex(video)
        detector = (
            video.detector_model if video else kind.from_config(config.detector_config, dtype=dtype)
        )
        whole = video or detector
        _reinitialize(whole)
        _find_objects(detector, objects)
        _smooth_masks(detector)
        if video is not None:  # each of them is visible in every picture
            video.tracker_model.mask_decoder.pred_obj_score_head.proj_out.bias.fill_(6.0)
    whole.requires_grad_(False).eval()
    return SegmentationModel(
        spec=SegmentationSpec(model=f"random:{name}", resolution=resolution),
        device=torch.device(device),
        dtype=dtype,
        detector=detector,
        video=video,
        tokenizer=letter_tokenizer(PROMPT_TOKENS),
        mask_side=4 * resolution // PATCH_PX,
        notes=(),
    )


def require_shape(name: str, resolution: int) -> None:
    """Raise ModelError for an unknown shape, or a resolution that is not a multiple of half the
    attention window."""
    if name not in SHAPES:
        raise ModelError(f"shape {name}: not one of {', '.join(SHAPES)}")
    if resolution < WINDOW_PX or resolution % (WINDOW_PX // 2):
        half_px = WINDOW_PX // 2
        raise ModelError(
            f"resolution {resolution}: not a multiple of {half_px} px, half this model's window, "
            f"from {WINDOW_PX}"
        )


def _config(name: str, resolution: int, has_tracker: bool) -> Any:
    from transformers import Sam3VideoConfig

    require_shape(name, resolution)
    is_tiny = name.startswith("tiny")
    config = (
        _tiny_config(TRACKER_WIDTH if has_tracker else TINY_VIT_WIDTH)
        if is_tiny
        else Sam3VideoConfig()
    )
    if name.endswith("3.1"):
        configure(config)
        # because an untrained tracker soon loses all objects
        config.hotstart_delay = 0
        config.assoc_iou_thresh = 2.0
    config.image_size = resolution
    config.low_res_mask_size = 4 * resolution // PATCH_PX
    config.max_num_objects = (
        OBJECTS  # because an untrained tracker loses all objects in every picture
    )
    config.det_nms_thresh = 0.7  # because its masks overlap more than those of real objects
    return config


def _tiny_config(width: int) -> Any:
    """Two layers of 32 channels instead of 32 layers of 1024; the same number of queries."""
    from transformers import Sam3VideoConfig

    vision: dict[str, Any] = {
        "model_type": "sam3_vision_model",
        "backbone_config": {
            "model_type": "sam3_vit_model",
            "hidden_size": TINY_VIT_WIDTH,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "global_attn_indexes": [1],
        },
        "fpn_hidden_size": width,
    }
    text = {
        "model_type": "clip_text_model",
        "vocab_size": len(TOKENS),
        "bos_token_id": 0,
        "eos_token_id": 1,
        "pad_token_id": 1,
        "hidden_size": TINY_VIT_WIDTH,
        "intermediate_size": 64,
        "projection_dim": TINY_VIT_WIDTH,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "max_position_embeddings": PROMPT_TOKENS,
        "hidden_act": "gelu",
    }
    layers = {
        "hidden_size": width,
        "num_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 64,
    }
    detector = {
        "model_type": "sam3",
        "vision_config": vision,
        "text_config": text,
        "geometry_encoder_config": layers,
        "detr_encoder_config": layers,
        "detr_decoder_config": layers,
        "mask_decoder_config": {"hidden_size": width, "num_attention_heads": 2},
    }
    tracker = {
        "model_type": "sam3_tracker_video",
        "vision_config": vision,
        "prompt_encoder_config": {"hidden_size": width},
        "mask_decoder_config": {
            "hidden_size": width,
            "mlp_dim": 64,
            "num_attention_heads": 2,
            "iou_head_hidden_dim": width,
        },
        "memory_attention_hidden_size": width,
        "memory_attention_num_layers": 1,
        "memory_attention_feed_forward_hidden_size": 64,
        "memory_encoder_hidden_size": width,
        "mask_downsampler_embed_dim": width,
        "memory_fuser_embed_dim": width,
        "memory_fuser_intermediate_dim": 64,
        "memory_fuser_num_layers": 1,
    }
    return Sam3VideoConfig(detector_config=detector, tracker_config=tracker)


def _reinitialize(model: Any) -> None:
    """Draw matrices again so that they preserve the signal level. With the default initialisation
    the signal fades out. The DETR parts are not changed: they must distinguish queries by their
    initial embeddings."""
    for name, module in model.named_modules():
        if "detr_" in name or "text_encoder" in name:
            continue
        if isinstance(module, torch.nn.Linear | torch.nn.Conv2d):
            module.weight.normal_(0.0, module.weight[0].numel() ** -0.5)
        elif isinstance(module, torch.nn.ConvTranspose2d):
            module.weight.normal_(0.0, module.weight.shape[0] ** -0.5)


def _find_objects(detector: Any, count: int) -> None:
    """Make the first `count` queries score about 0.9 for every prompt, the others 0.1, with masks
    of some percent."""
    queries = detector.detr_decoder.query_embed.weight  # (queries, width)
    width = queries.shape[1]
    direction = torch.ones(width, dtype=queries.dtype)
    direction[1::2] = -1.0
    queries.normal_()
    for name, module in detector.detr_decoder.layers.named_modules():
        if name.endswith(("o_proj", "fc2")):
            module.weight *= (
                0.1  # otherwise six layers of shared content hide the differences between queries
            )
    queries[:count] += direction
    queries[count:] -= direction
    scoring = detector.dot_product_scoring
    scoring.text_proj.weight.zero_()
    scoring.text_proj.bias.zero_()
    scoring.text_proj.bias[0] = 4.0 / width**0.5
    scoring.query_proj.weight[0] = direction
    detector.detr_decoder.presence_head.layer3.bias.fill_(6.0)
    masks = detector.mask_decoder
    # Remove the component that all queries share; otherwise all masks are the same.
    first = masks.mask_embedder.layers[0]
    last = masks.mask_embedder.layers[-1]
    first.weight -= (first.weight @ direction)[:, None] * direction / width
    last.weight *= MASK_GAIN / width**0.5
    projection = masks.instance_projection.weight
    # Remove the constant over the whole picture, which belongs to no mask.
    projection -= projection.mean(1, keepdim=True)
    projection[0] = 0.0
    masks.instance_projection.bias[0] = 1.0
    last.weight[0] = 0.0
    last.bias[0] = MASK_BIAS


def _smooth_masks(detector: Any) -> None:
    """Give masks a few whole areas, as those of a trained model have, in place of thousands of
    specks: positions that change slowly, the coarsest level of the pyramid before the others, and
    blurring kernels up to the masks."""
    vision = detector.vision_encoder
    positions = vision.backbone.embeddings.position_embeddings
    pyramid = vision.neck.fpn_layers
    side = isqrt(positions.shape[1])
    cells = torch.randn(
        1, positions.shape[2], POSITION_CELLS, POSITION_CELLS, device=positions.device
    )
    slow = F.interpolate(cells, (side, side), mode="bicubic")
    positions.copy_(POSITION_GAIN * slow.flatten(2).transpose(1, 2))
    for name, part in (*vision.backbone.named_modules(), *detector.detr_encoder.named_modules()):
        if name.endswith("o_proj"):
            part.weight *= 0.1  # otherwise the mean of all tokens hides their differences
    for layer in pyramid[:COARSEST]:
        layer.proj2.weight *= FINE_GAIN
    kernels = [
        *(layer.proj2 for layer in pyramid),
        *detector.mask_decoder.pixel_decoder.conv_layers,
    ]
    # (C, C, 3, 3); the level of a random signal stays
    for weight in (kernel.weight for kernel in kernels):
        weight.copy_(3.0 * weight.mean(dim=(2, 3), keepdim=True).expand_as(weight))
