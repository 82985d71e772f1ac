"""The parts of the decoder: scored boxes from features and a prompt, and masks for the best boxes.

They call transformers' layers in the same order, but do not copy Python lists to the device, use no
masks, and compute boxes, positions and scores in float32: a box in bfloat16 is off by up to 4 px of
1008, and each layer refines the box of the previous layer.
"""

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from engine.models.graphs import Part, State
from engine.models.sam3.norms import group_norm

LAYERS_PER_SLICE = 3  # layers per part, of 6
LOG_SCALE = (
    8.0  # scale: deltas of 1/8 become 1 after the logarithm (Sam3DetrDecoder._get_rpb_matrix)
)


def decoder_chain(
    detector: Any, texels: Tensor, position: Tensor, max_queries: int
) -> tuple[Part, ...]:
    """Encoder and decoder as parts. In: vision (B, C, g, g), prompt (1 or B, tokens, C). Out: the
    state of `decode`. `texels`: positions of the rows and of the columns of the coarsest level,
    (g,) float32 in 0..1."""
    flat = position.flatten(2).transpose(1, 2)  # (1, g * g, C)
    layers = list(detector.detr_encoder.layers)
    slices = [
        layers[first : first + LAYERS_PER_SLICE]
        for first in range(0, len(layers), LAYERS_PER_SLICE)
    ]

    def begin(state: State) -> State:
        encoded = state["vision"].flatten(2).transpose(1, 2)  # (B, g * g, C)
        prompt = state["prompt"].expand(len(encoded), -1, -1)
        return encode(slices[0], {"encoded": encoded, "prompt": prompt}, flat)

    def through(some: list[Any]) -> Part:
        return lambda state: encode(some, state, flat)

    return (
        begin,
        *(through(some) for some in slices[1:]),
        lambda state: decode(detector, state, flat, texels, max_queries),
    )


def encode(layers: list[Any], state: State, position: Tensor) -> State:
    """Condition the picture's features on the prompt."""
    encoded = state["encoded"]
    for layer in layers:
        encoded = layer(encoded, prompt_feats=state["prompt"], vision_pos_encoding=position)
    return {"encoded": encoded, "prompt": state["prompt"]}


def decode(
    detector: Any, state: State, position: Tensor, texels: Tensor, max_queries: int
) -> State:
    """Run the decoder, from vision and prompt to scored boxes. Out: encoded (B, g * g, C); scores
    (B, k) float32, descending; boxes (B, k, 4) float32 xyxy 0..1; queries (B, k, C); is_finite
    (B,): True if the numbers of all queries are finite. k is `max_queries`, or the number of
    queries if that is smaller."""
    from engine.models.compat.transformers import inverse_sigmoid

    decoder = detector.detr_decoder
    encoded = state["encoded"]
    prompt = state["prompt"]
    batch = len(encoded)
    dtype = encoded.dtype
    # (B, Q, 4) cxcywh
    boxes = decoder.reference_points.weight.float().sigmoid().expand(batch, -1, -1)
    hidden = torch.cat((decoder.presence_token.weight, decoder.query_embed.weight)).expand(
        batch, -1, -1
    )
    queries = hidden
    for layer in decoder.layers:
        query_position = decoder.ref_point_head(
            decoder.position_encoding.encode_boxes(boxes).to(dtype)
        )
        bias = box_bias(decoder, boxes, texels, dtype)
        hidden = layer(
            hidden,
            query_pos=query_position,
            text_features=prompt,
            vision_features=encoded,
            vision_pos_encoding=position,
            vision_cross_attn_mask=bias,
        )
        queries = decoder.output_layer_norm(hidden[:, 1:])
        boxes = (decoder.box_head(queries).float() + inverse_sigmoid(boxes)).sigmoid()
    limit = decoder.clamp_presence_logit_max_val
    # (B, 1)
    presence = decoder.presence_head(decoder.presence_layer_norm(hidden[:, :1])).squeeze(-1).float()
    logits = detector.dot_product_scoring(queries[None], prompt)[0].squeeze(-1).float()  # (B, Q)
    scores = logits.sigmoid() * presence.clamp(-limit, limit).sigmoid()
    is_finite = torch.isfinite(scores).all(dim=1) & torch.isfinite(boxes).flatten(1).all(dim=1)
    best, indices = scores.topk(min(max_queries, scores.shape[1]), dim=1)
    return {
        "encoded": encoded,
        "scores": best,
        "boxes": gather_rows(corners_of(boxes), indices),
        "queries": gather_rows(queries, indices),
        "is_finite": is_finite,
    }


def corners_of(boxes: Tensor) -> Tensor:
    """Boxes (..., 4), cxcywh, as xyxy."""
    middle = boxes[..., :2]
    half = 0.5 * boxes[..., 2:]
    return torch.cat((middle - half, middle + half), dim=-1)


def gather_rows(rows: Tensor, indices: Tensor) -> Tensor:
    """The rows (B, k, N) of `rows` (B, Q, N) at `indices` (B, k)."""
    return rows.gather(1, indices[..., None].expand(-1, -1, rows.shape[-1]))


def box_bias(decoder: Any, boxes: Tensor, texels: Tensor, dtype: torch.dtype) -> Tensor:
    """Attention bias of each query for each texel, from the distance of the texel to the edges of
    the box: (B, heads, 1 + Q, g * g). The first row belongs to the presence token and is zero."""
    edges = corners_of(boxes)[:, :, None]  # (B, Q, 1, 4)
    # (B, Q, g, 2): from top and bottom
    down = log_scale(texels[:, None] - edges[..., 1::2]).to(dtype)
    along = log_scale(texels[:, None] - edges[..., 0::2]).to(dtype)
    rows, columns = (
        F.pad(edge.permute(0, 3, 1, 2), (0, 0, 1, 0))  # (B, heads, 1 + Q, g)
        for edge in (decoder.box_rpb_embed_y(down), decoder.box_rpb_embed_x(along))
    )
    return (rows[..., :, None] + columns[..., None, :]).flatten(3)


def log_scale(deltas: Tensor) -> Tensor:
    far = deltas * LOG_SCALE
    return far.sign() * torch.log2(far.abs() + 1.0) / math.log2(LOG_SCALE)


def mask_part(detector: Any) -> Part:
    """The part that computes masks. In: levels (three), encoded, prompt (1 or B, tokens, C),
    queries (B, k, C). Out: logits (B, k, side, side) in the model's dtype."""
    decoder = detector.mask_decoder

    def part(state: State) -> State:
        encoded = state["encoded"]
        prompt = state["prompt"].expand(len(encoded), -1, -1)
        attended, _ = decoder.prompt_cross_attn(
            decoder.prompt_cross_attn_norm(encoded), prompt, prompt
        )
        fine, middle, coarse = state["levels"]
        # (B, C, g, g), channels last
        encoded = (encoded + attended).unflatten(1, coarse.shape[2:]).permute(0, 3, 1, 2)
        pixels = decode_pixels(decoder.pixel_decoder, encoded, (middle, fine))  # (B, C, 4 g, 4 g)
        # Project the few queries instead of every pixel: (W x + b) . q = x . (W' q) + b . q
        projection = decoder.instance_projection
        queries = decoder.mask_embedder(state["queries"])
        weights = queries @ projection.weight[:, :, 0, 0]  # (B, k, C)
        logits = weights @ pixels.flatten(2) + (queries @ projection.bias)[..., None]
        return {"logits": logits.unflatten(-1, pixels.shape[2:])}

    return part


def decode_pixels(decoder: Any, pixels: Tensor, levels: tuple[Tensor, ...]) -> Tensor:
    """Sam3PixelDecoder: upsamples `pixels` to the size of each of `levels`, coarsest first, and
    adds the level."""
    # The decoder has one more layer.
    for level, conv, norm in zip(levels, decoder.conv_layers, decoder.norms, strict=False):
        grown = F.interpolate(pixels, size=level.shape[-2:], mode="nearest")
        pixels = F.relu_(group_norm(norm, conv(grown.add_(level))))
    return pixels


def to_uint8(logits: Tensor) -> Tensor:
    """Mask logits as uint8: 255 x sigmoid, rounded, halves down. Above 127.5 exactly for a
    probability above 0.5."""
    return logits.float().sigmoid().mul_(255.0).sub_(0.5).ceil_().to(torch.uint8)
