"""A tiny SAM3 for tests: the shape of facebook/sam3, 18 MB, native picture 336 x 336 (24 x 24
patches of 14).

`python -m tests.support.tiny_sam3 FOLDER [--kind seeing]` writes one; the tests build theirs
through the fixtures. The same arguments give the same weights. The folder contains a Sam3VideoModel
(detector and tracker) and a CLIP tokenizer of 32 tokens, like the one on the Hub. It loads as
Sam3VideoModel or, only the detector, as Sam3Model.

Another size, before building (checked with transformers 5.23): read the configuration with
Sam3VideoConfig, then

- `config.image_size = size` sets the detector's ViT and, in the tracker, the prompt encoder,
  backbone_feature_sizes and memory_attention_rope_feat_sizes as well;
- `config.low_res_mask_size = 4 * size // 14` must be set separately; it is only read for empty
  results, whose masks otherwise have the old size;
- the detector's vision_config.backbone_feature_sizes is never read, the position embeddings are
  tiled, and the positions of attention are created when the model is built, so the weights fit
  every size;
- `Sam3Model.from_pretrained(folder, config=config)` takes the same configuration and finds the
  detector's part itself.
"""

import json
from pathlib import Path
from typing import Any

import torch

import engine.models  # noqa: F401  the stub of a torchaudio that does not load must be there before transformers
from engine.models.random_models import seeded
from tests.support.seeing_detector import set_detector_weights
from tests.support.seeing_tracker import set_tracker_weights
from tests.support.tiny_models import tiny_tokenizer
from tests.support.toy_program import write_toy

KINDS = ("random", "seeing")
NATIVE_SIZE = 336
PATCH_SIZE = 14
# the minimum: object pointers are split into memories of 64 channels, which fails with a single one
WIDTH = 128
PROMPT_TOKENS = 32


def build_tiny_sam3(
    folder: Path, *, kind: str = "random", seed: int = 0, side_px: int = NATIVE_SIZE
) -> Path:
    """Write a sam3_video folder with its tokenizer and return it; about 18 MB, with the thresholds
    of the real model.

    `side_px`: its native picture side, and its attention window: resolutions are multiples of it.

    random: every prompt finds more than 16 of the 48 queries above 0.5; masks are scattered specks.
    seeing: for any prompt, finds white or red, green, and blue areas on dark ground, one object
    each, and tracks them; see seeing_detector.py and seeing_tracker.py. `seed` has no effect on its
    results.
    """
    from transformers import Sam3VideoModel

    if kind not in KINDS:
        raise ValueError(f"{kind}: not one of {', '.join(KINDS)}")
    with seeded(seed):
        model = Sam3VideoModel(tiny_config(kind, side_px)).eval()
        if kind == "seeing":
            set_detector_weights(model.detector_model, PATCH_SIZE, side_px // PATCH_SIZE)
            set_tracker_weights(model)
        else:
            scatter_weights(model)
            score_above_half(model.detector_model)
            thin_masks(model.detector_model)
    tokenizer = tiny_tokenizer(folder, pad_token=None)
    tokenizer.model_max_length = PROMPT_TOKENS
    tokenizer.save_pretrained(folder)
    # Weight names as on the Hub: the alternative doubles the tracker's prefix.
    model.save_pretrained(folder, save_original_format=False)
    return folder


def build_tiny_lite_text(folder: Path, *, side_px: int = NATIVE_SIZE, seed: int = 2) -> Path:
    """Write a folder of SAM3-LiteText with its tokenizer, like `build_tiny_sam3`'s random one, and
    return it. Its text encoder has convolutions over 5 tokens in the first and last of three
    layers, with their full effect."""
    from transformers import Sam3LiteTextConfig, Sam3LiteTextModel

    config = tiny_config("random", side_px).detector_config.to_dict() | {
        "model_type": "sam3_lite_text",
        "text_config": read_config()["lite text"],
    }
    with seeded(seed):
        model = Sam3LiteTextModel(Sam3LiteTextConfig(**config)).eval()
        scatter_weights(model)
        score_above_half(model)
        thin_masks(model)
    tokenizer = tiny_tokenizer(folder, pad_token=None)
    tokenizer.model_max_length = PROMPT_TOKENS
    tokenizer.save_pretrained(folder)
    model.save_pretrained(folder)
    return folder


def tiny_config(kind: str, side_px: int = NATIVE_SIZE) -> Any:
    from transformers import Sam3VideoConfig

    parts, patches = read_config(), side_px // PATCH_SIZE
    vision, tracker = parts["vision"], parts["tracker"]
    vision["backbone_config"] |= {
        "hidden_size": 64 if kind == "seeing" else 32,
        "image_size": side_px,
    }
    vision["backbone_config"] |= {"window_size": patches, "pretrain_image_size": side_px}
    vision["backbone_feature_sizes"] = [[scale * patches] * 2 for scale in (4, 2, 1)]
    tracker["prompt_encoder_config"]["image_size"] = side_px
    return Sam3VideoConfig(
        detector_config=parts["detector"] | {"vision_config": vision},
        tracker_config=tracker | {"vision_config": vision, "image_size": side_px},
        low_res_mask_size=4 * patches,
    )


def read_config() -> dict[str, Any]:
    """What neither the kind nor the size changes."""
    return json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))


def scatter_weights(model: Any) -> None:
    """Draw every matrix again so that it preserves the signal level; else all results would be
    alike."""
    for module in model.modules():
        if isinstance(module, (torch.nn.Linear, torch.nn.Conv2d)):
            module.weight.normal_(0.0, module.weight[0].numel() ** -0.5)
        elif isinstance(module, torch.nn.ConvTranspose2d):
            module.weight.normal_(0.0, module.weight.shape[0] ** -0.5)
        elif isinstance(module, torch.nn.Embedding):
            module.weight.normal_(0.0, 1.0)


def score_above_half(detector: Any) -> None:
    """Raise the scores: their spread stays, and their mean is well above a half for every
    prompt."""
    scoring = detector.dot_product_scoring
    direction = torch.ones(WIDTH)
    scoring.text_proj.weight.mul_(0.2)
    scoring.text_proj.bias.copy_(direction)
    scoring.query_proj.weight.mul_(3.0)
    scoring.query_proj.bias.copy_(direction * (-0.6 / WIDTH**0.5))
    presence = detector.detr_decoder.presence_head.layer3
    presence.weight.mul_(0.1)
    presence.bias.fill_(4.0)


def thin_masks(detector: Any) -> None:
    """Lower every mask with a constant channel, so that each covers a few percent and they hardly
    overlap."""
    decoder = detector.mask_decoder
    decoder.instance_projection.weight[0] = 0.0
    decoder.instance_projection.bias[0] = 1.0
    decoder.mask_embedder.layers[2].weight[0] = 0.0
    decoder.mask_embedder.layers[2].bias[0] = -4.0


if __name__ == "__main__":
    write_toy(build_tiny_sam3, "Write a tiny SAM3.", kind=KINDS)
