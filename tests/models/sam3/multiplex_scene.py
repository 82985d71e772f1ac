"""A scene for SAM 3.1's tracker without a picture: weights and image features from seeded numbers.

The weights of each tensor are drawn by its name in Meta's checkpoint, so that two programs have the
same ones.
"""

import zlib
from collections.abc import Sequence

import numpy as np

GRID = 8  # patches per side
SIDE = 14 * GRID
MASK_SIDE = 4 * GRID
WIDTH, VIT_WIDTH = 128, 32
FRAMES = 30
THRESHOLD = 0.4
MAX_OBJECTS = 40
OCCLUSION_IOU = 0.3  # instead of 0.7, which two of these masks seldom reach


def weights(name: str, shape: Sequence[int]) -> np.ndarray:
    """The float32 weights of the tensor with this name and shape. Masks are small, and most objects
    visible."""
    values = np.random.default_rng(zlib.crc32(name.encode())).standard_normal(shape)
    if len(shape) == 1:
        values = 0.1 * values + float(
            name.endswith("gamma") or (".norm" in name and name.endswith("weight"))
        )
    elif not name.endswith(
        ("embed", "tpos_enc", "_tokens.weight", "_token.weight", "_embed.weight", "_matrix")
    ):
        values /= (
            shape[0] if "output_upscaling" in name or "dconv" in name else np.prod(shape[1:])
        ) ** 0.5
    if name.endswith(("mask_downsampler.encoder.12.weight", "obj_ptr_proj.layers.2.weight")):
        values *= 6.0  # so that each mask and pointer matters
    of_decoder = name.rpartition("model.sam_mask_decoder.")[2]
    if of_decoder == "pred_obj_score_head.layers.2.bias":
        values += 1.5
    elif of_decoder == "pred_obj_score_head.layers.2.weight":
        values *= 3.0
    elif of_decoder == "output_upscaling.3.bias":
        values[0] = 6.0  # a channel that is the same everywhere
    elif of_decoder in ("output_upscaling.3.weight", "conv_s0.weight"):
        values[:, :1] = 0.0 if of_decoder.startswith("output") else values[:, :1]
        values[:1] = values[:1] if of_decoder.startswith("output") else 0.0
    elif of_decoder.startswith("output_hypernetworks_mlps") and ".layers.2." in of_decoder:
        values *= 2.0
        values[0] = 0.0 if len(shape) == 2 else -0.4
    return values.astype(np.float32)


def hidden(frame: int) -> np.ndarray:
    """The ViT's output (1, GRID * GRID, VIT_WIDTH) for a frame."""
    ends = np.random.default_rng(1).standard_normal((2, 1, GRID * GRID, VIT_WIDTH))
    noise = np.random.default_rng(100 + frame).standard_normal(ends[0].shape)
    moved = np.cos(0.15 * frame) * ends[0] + np.sin(0.15 * frame) * ends[1]
    return (moved + 0.3 * noise).astype(np.float32)
