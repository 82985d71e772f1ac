"""Hand-set weights with which the tiny SAM3's detector really detects colours: exact arithmetic, no
training.

For any prompt it finds one object per kind of colour: query 0 finds white or red (red above a
half), query 1 green, query 2 blue or cyan. Masks are exact to a quarter of a patch. A box has the
centre of the mask and is four standard deviations wide, which fits an ellipse. Scores are above 0.9
if more than 0.7 % of the picture is of that kind, and below 0.01 if none is. This holds for every
picture size; in bfloat16 the box sizes are rough.

How a signal survives the many normalisations: constants of fifty times its size, in a pair of
channels of opposite sign, make LayerNorm's divisor constant; an empty channel absorbs the mean. To
compute a quotient, the trick is reversed: the divisor dominates the vector. All other sublayers add
zero.

- ViT: each token holds, a kind, the 4 x 4 means of its patch: `KIND_WEIGHTS` of (R, G, B) - 1/2,
  above zero inside.
- Neck: transposed convolutions unfold the means to the 4x level; the 1x level keeps all sixteen.
- DETR encoder: its MLP cuts them at zero and counts: channel AREA + kind is the covered part of a
  patch.
- DETR decoder: cross-attention by relative position alone. A head whose bias is log(w(x)) answers
  the mean of w(x) area(x): with w of 1, 1 + x and 1 + 4 x squared these are the moments of the
  shape. The MLP keeps those of the query's own kind; LayerNorm divides by the area; box_head turns
  centre and variance into a box.
- Mask decoder: the 4x level alone; the query says which kind.
"""

import math
from typing import Any

import torch

SHAPE_KINDS = 3
# A colour is of a kind if its weighted sum is above 0, from RGB in 0..1: red > 1/2; green - red -
# blue > 1/2; blue - red > 1/2.
KIND_WEIGHTS = ((1.0, 0.0, 0.0), (-1.0, 1.0, -1.0), (-1.0, 0.0, 1.0))
KIND_THRESHOLD = 0.5
SUBBLOCKS = 16  # subblocks of a patch: 4 x 4, one for each texel of the low-resolution mask
FEATURES = SHAPE_KINDS * SUBBLOCKS

# References: the last channels of every width. NOTHING stays empty; PLUS and MINUS hold the
# constants.
NOTHING, PLUS, MINUS = -3, -2, -1
REFERENCE = 50.0

MASK_GAIN = 16.0  # logits a unit of KIND_WEIGHTS: 8 well inside, -8 or less outside
GELU_SHIFT = 4.0  # GELU(x + 4) - 4 is x within 0.02 for x above -1.5

AREA = 64  # encoder channels
OTHER = 40  # query channels: 1 in OTHER + kind for every query that does not look for this kind
HEADS = 8  # seven are used, one a moment
# of the weights 1, 1 + x', 1 + y', 1 - x', 1 - y', 1 + 4 x'^2, 1 + 4 y'^2; x' from the middle,
# -1/2..1/2
MOMENTS = 7
MIN_AREA = 0.001  # of the picture; at four times it the score is a half
AREA_LEAD = 16.0  # the area against the moments it divides
# pairs of channels: area, x, y, xx, yy, the least area, own kind
SELECTED, SELECTED_SCALE = (64, 1e4)
LONE_PAIR = 8.0  # what LayerNorm makes of 128 channels of which one pair is set: sqrt(128 / 2)


def set_detector_weights(detector: Any, patch_size: int, native_side: int) -> None:
    """Set the weights of a Sam3Model with ViT width 64, width 128 elsewhere, one layer per part, 8
    heads and 128 units in its decoder. native_side: patches along a side of the native picture."""
    silence(
        detector.vision_encoder, detector.detr_encoder, detector.detr_decoder, detector.mask_decoder
    )
    silence(detector.dot_product_scoring)
    cut_patches(detector.vision_encoder.backbone, patch_size)
    unfold(detector.vision_encoder.neck.fpn_layers[0])
    keep_subblocks(detector.vision_encoder.neck.fpn_layers[2])
    count_subblocks(detector.detr_encoder.layers[0])
    measure_moments(detector.detr_decoder, native_side)
    choose_moments(detector.detr_decoder)
    draw_boxes(detector.detr_decoder.box_head, native_side)
    score_areas(detector)
    draw_masks(detector.mask_decoder)


def silence(*parts: torch.nn.Module) -> None:
    """Make every layer return 0 and every norm only normalise."""
    for part in parts:
        for parameter in part.parameters():
            parameter.zero_()
        for module in part.modules():
            if isinstance(module, (torch.nn.LayerNorm, torch.nn.GroupNorm)):
                module.weight.fill_(1.0)


def keep_scale(norm: Any, width: int | None = None, reference: float = REFERENCE) -> float:
    """Make `norm` undo its division by the references' standard deviation. Returns the divisor."""
    width = width or norm.weight.shape[0]
    divisor = reference * math.sqrt(2 / width)
    norm.weight.fill_(divisor)
    return divisor


def set_references(bias: torch.Tensor, reference: float = REFERENCE) -> None:
    bias[PLUS], bias[MINUS] = reference, -reference


def cut_patches(vit: Any, patch_size: int) -> None:
    """Token channel 16 kind + 4 row + column: the mean of that quarter x quarter of the patch, by
    its kind."""
    step = patch_size / 4
    starts = torch.arange(4)[:, None] * step
    pixels = torch.arange(patch_size)[None]
    fraction = (torch.minimum(starts + step, pixels + 1.0) - torch.maximum(starts, pixels)).clamp(
        min=0
    ) / step
    blocks = torch.einsum("iy,jx->ijyx", fraction, fraction).flatten(0, 1)  # (16, patch, patch)
    # the projection has no bias, so constants are added here
    positions = vit.embeddings.position_embeddings
    for kind, weights in enumerate(KIND_WEIGHTS):
        channels = slice(kind * SUBBLOCKS, (kind + 1) * SUBBLOCKS)
        # Pixels come as 2 RGB - 1.
        halves = torch.tensor(weights) / 2
        vit.embeddings.patch_embeddings.projection.weight[channels] = (
            blocks[:, None] * halves[:, None, None]
        )
        positions[..., channels] = float(halves.sum()) - KIND_THRESHOLD
    positions[..., PLUS], positions[..., MINUS] = 2 * REFERENCE, -2 * REFERENCE
    keep_scale(vit.layer_norm, reference=2 * REFERENCE)


def unfold(level: Any) -> None:
    """The 4x level: channel kind, each patch's 16 means laid out as 4 x 4 texels."""
    first, _, second = level.scale_layers
    for kind in range(SHAPE_KINDS):
        second.bias[kind] = -GELU_SHIFT
        for row in range(4):
            for column in range(4):
                inner = 4 * kind + 2 * (row % 2) + column % 2
                first.weight[kind * SUBBLOCKS + 4 * row + column, inner, row // 2, column // 2] = (
                    1.0
                )
                first.weight[NOTHING, inner] = -1.0
                first.bias[inner] = GELU_SHIFT
                second.weight[inner, kind, row % 2, column % 2] = 1.0
        level.proj1.weight[kind, kind] = 1.0
        level.proj2.weight[kind, kind, 1, 1] = 1.0


def keep_subblocks(level: Any) -> None:
    for channel in range(FEATURES):
        level.proj1.weight[channel, channel] = 1.0
        level.proj1.weight[channel, NOTHING] = -1.0
        level.proj2.weight[channel, channel, 1, 1] = 1.0
    set_references(level.proj2.bias)


def count_subblocks(layer: Any) -> None:
    """Channel AREA + kind: the covered fraction of the patch, 0..1, each quarter thresholded at
    0."""
    keep_scale(layer.layer_norm3)
    steepness = 8.0
    for channel in range(FEATURES):
        for unit, offset in ((channel, 0.5), (FEATURES + channel, -0.5)):
            layer.mlp.fc1.weight[unit, channel] = steepness
            layer.mlp.fc1.weight[unit, NOTHING] = -steepness
            layer.mlp.fc1.bias[unit] = offset
        layer.mlp.fc2.weight[AREA + channel // SUBBLOCKS, channel] = 1 / SUBBLOCKS
        layer.mlp.fc2.weight[AREA + channel // SUBBLOCKS, FEATURES + channel] = -1 / SUBBLOCKS


def measure_moments(decoder: Any, native_side: int) -> None:
    """Query channel 3 moment + kind: the mean over patches of w area, by the mean of w, in the
    order of MOMENTS. The position bias is a curve in sign(d) log2(|d| + 1) / 3, d eight times the
    distance from the reference box's left edge at 1/4: straight between the patches of 24, 48 and
    72 a side, exact at each."""
    decoder.reference_points.weight.zero_()  # logits: the box in the middle, half the picture wide
    sides = (native_side, 2 * native_side, 3 * native_side)
    edges = torch.unique(
        torch.cat([torch.arange(side, dtype=torch.float64) / side for side in sides]).round(
            decimals=9
        )
    )
    distance = 8 * (edges - 0.25)
    coded = distance.sign() * torch.log2(distance.abs() + 1) / 3
    middle = edges + 0.5 / native_side - 0.5
    curves = (torch.log(1 + middle), torch.log(1 - middle), torch.log(1 + 4 * middle**2))
    for axis, embed in enumerate((decoder.box_rpb_embed_x, decoder.box_rpb_embed_y)):
        units = hinges(embed.layer1, 0, only(0, 1.0, 2), 0.0, coded)
        for number, curve in enumerate(curves):
            head = 1 + 2 * number + axis
            embed.layer2.bias[head] = straight_pieces(
                embed.layer2.weight[head], units, coded, curve
            )
    attention = decoder.layers[0].vision_cross_attn
    for moment in range(MOMENTS):
        for kind in range(SHAPE_KINDS):
            lane = moment * attention.head_dim + kind
            attention.v_proj.weight[lane, AREA + kind] = 1.0
            attention.o_proj.weight[SHAPE_KINDS * moment + kind, lane] = 1.0


def hinges(
    layer: Any, first_unit: int, inputs: torch.Tensor, constant: float, knots: torch.Tensor
) -> slice:
    """Units relu(v - knot) from the middle knot up and relu(knot - v) down; which units, one less
    than knots. v is `inputs` times the layer's input, plus `constant`. Outwards from the middle, so
    that values near it are not differences of large ones."""
    units = slice(first_unit, first_unit + len(knots) - 1)
    middle = len(knots) // 2
    rising = knots[middle:-1].float()
    falling = knots[1 : middle + 1].flip(0).float()
    layer.weight[units] = torch.cat(
        [inputs.expand(len(rising), -1), -inputs.expand(len(falling), -1)]
    )
    layer.bias[units] = torch.cat([constant - rising, falling - constant])
    return units


def straight_pieces(
    row: torch.Tensor, units: slice, knots: torch.Tensor, values: torch.Tensor
) -> float:
    """Set the weights over `hinges` of a piecewise linear function through (knots, values). Returns
    its offset."""
    middle = len(knots) // 2
    weights = []
    for at, to in (
        (knots[middle:], values[middle:]),
        (-knots[: middle + 1].flip(0), values[: middle + 1].flip(0)),
    ):
        slopes = torch.diff(to) / torch.diff(at)
        weights.append(torch.diff(slopes, prepend=torch.zeros(1, dtype=slopes.dtype)))
    row[units] = torch.cat(weights).to(row.dtype)
    return float(values[middle])


def only(channel: int, value: float, width: int) -> torch.Tensor:
    row = torch.zeros(width)
    row[channel] = value
    return row


def choose_moments(decoder: Any) -> None:
    """Select the query's own moments, in pairs of channels from SELECTED. The area dominates, so
    LayerNorm divides by it.

    Away from the native size x' is off by a little, the same for all patches, and with it the mean
    of w. In half the difference of 1 + x' and 1 - x' the two cancel; the second moment is off by
    twice the first times that little, which is what 1 + x' and 1 - x' together lack to twice the
    area.
    """
    layer = decoder.layers[0]
    queries = decoder.query_embed.weight
    queries[:, OTHER : OTHER + SHAPE_KINDS] = 1.0
    for kind in range(SHAPE_KINDS):
        queries[kind, OTHER + kind] = 0.0
    queries[:, PLUS], queries[:, MINUS] = REFERENCE, -REFERENCE
    for norm in (
        layer.self_attn_layer_norm,
        layer.text_cross_attn_layer_norm,
        layer.vision_cross_attn_layer_norm,
    ):
        divisor = keep_scale(norm)
    layer.vision_cross_attn_layer_norm.weight.zero_()
    for channels in (
        slice(0, MOMENTS * SHAPE_KINDS),
        slice(OTHER, OTHER + SHAPE_KINDS),
        slice(NOTHING, NOTHING + 1),
    ):
        layer.vision_cross_attn_layer_norm.weight[channels] = divisor
    # Units: the moments of each kind, closed for the queries of other kinds; then one per kind,
    # open for its own query.
    for kind in range(SHAPE_KINDS):
        area, x, y, less_x, less_y, xx, yy = (
            SHAPE_KINDS * moment + kind for moment in range(MOMENTS)
        )
        own = SHAPE_KINDS * MOMENTS + kind
        for unit in (area, x, y, less_x, less_y, xx, yy):
            layer.mlp.fc1.weight[unit, unit] = 1.0
            layer.mlp.fc1.weight[unit, OTHER + kind] = -8.0
            layer.mlp.fc1.weight[unit, NOTHING] = 7.0
        layer.mlp.fc1.weight[own, OTHER + kind] = -1.0
        layer.mlp.fc1.weight[own, NOTHING] = 1.0
        layer.mlp.fc1.bias[own] = 1.0
        pairs = {
            0: {area: AREA_LEAD},
            1: {x: 0.5, less_x: -0.5},
            2: {y: 0.5, less_y: -0.5},
            3: {xx: 4 / 3, x: 4.0, less_x: 4.0, area: -9.0},  # the mean of 1 + 4 x'^2 is 4 / 3
            4: {yy: 4 / 3, y: 4.0, less_y: 4.0, area: -9.0},
            6 + kind: {own: AREA_LEAD * MIN_AREA / 4},
        }
        for pair, terms in pairs.items():
            for unit, weight in terms.items():
                set_pair(layer.mlp.fc2.weight[:, unit], pair, weight * SELECTED_SCALE)
    set_pair(layer.mlp.fc2.bias, 5, AREA_LEAD * MIN_AREA * SELECTED_SCALE)


def set_pair(column: torch.Tensor, pair: int, value: float) -> None:
    column[SELECTED + 2 * pair], column[SELECTED + 2 * pair + 1] = value, -value


def draw_boxes(box_head: Any, native_side: int) -> None:
    """Logits of centre and size from the quotients: centre = 1/2 + x', variance = 4 x'^2 / 4 - x'^2
    of the centre."""
    width = box_head.layer1.weight.shape[1]
    unscale = AREA_LEAD / LONE_PAIR  # a channel's value times this is its quotient by the area
    offsets = torch.linspace(-0.5, 0.5, 61, dtype=torch.float64)
    centre_logits = torch.logit(offsets + 0.5, eps=0.005)
    # The straight pieces lie above the parabola, by the sixth of a square of their length in the
    # mean.
    squares = offsets**2 - (offsets[1] - offsets[0]) ** 2 / 6
    variances = torch.logspace(-4.5, -1.0, 25, dtype=torch.float64)
    size_logits = torch.logit(4 * variances.sqrt(), eps=0.005)
    for axis in range(2):
        second_moment, centre = 120 + axis, axis
        units = hinges(
            box_head.layer1, 60 * axis, only(SELECTED + 2 + 2 * axis, unscale, width), 0.0, offsets
        )
        box_head.layer1.weight[second_moment, SELECTED + 6 + 2 * axis] = unscale / 4
        row = box_head.layer2.weight[centre]
        box_head.layer2.bias[centre] = LONE_PAIR + straight_pieces(
            row, units, offsets, centre_logits
        )
        box_head.layer3.weight[axis, centre] = 1.0
        box_head.layer3.bias[axis] = -LONE_PAIR
        variance = only(second_moment, 1.0, width)
        constant = straight_pieces(variance, units, offsets, -squares)
        constant += 1 / 12 / native_side**2  # within a patch
        sizes = hinges(box_head.layer2, 2 + 24 * axis, variance, constant, variances)
        row = box_head.layer3.weight[2 + axis]
        box_head.layer3.bias[2 + axis] = straight_pieces(row, sizes, variances, size_logits)


def score_areas(detector: Any) -> None:
    """Scores decrease with the fraction of the least area in the query; the prompt has no
    effect."""
    scoring = detector.dot_product_scoring
    score_at_half = LONE_PAIR / math.hypot(1.0, 4.0)
    scoring.text_proj.bias[0] = 1 / scoring.scale
    scoring.query_proj.weight[0, SELECTED + 10] = -3.0
    scoring.query_proj.bias[0] = 3.0 * score_at_half
    detector.detr_decoder.presence_head.layer3.bias.fill_(10.0)


def draw_masks(decoder: Any) -> None:
    """Mask logits: MASK_GAIN times the query's kind at the 4x level; -10 everywhere for a query
    that has none."""
    pixels, last = decoder.pixel_decoder, decoder.pixel_decoder.conv_layers[1]
    group = last.weight.shape[0] // pixels.norms[1].num_groups
    nothing, plus, minus, constant = group - 3, group - 2, group - 1, SHAPE_KINDS
    last.bias[plus], last.bias[minus] = REFERENCE, -REFERENCE
    keep_scale(pixels.norms[1], group)
    pixels.norms[1].bias.fill_(1.0)  # above the ReLU that follows
    embedder = decoder.mask_embedder.layers
    for kind in range(SHAPE_KINDS):
        last.weight[kind, kind, 1, 1] = 1.0
        decoder.instance_projection.weight[kind, kind] = MASK_GAIN
        decoder.instance_projection.weight[kind, nothing] = -MASK_GAIN
        own = SELECTED + 12 + 2 * kind
        embedder[0].weight[kind, own] = -1000.0
        embedder[0].bias[kind] = 1.0
        embedder[1].weight[kind, kind] = -1.0
        embedder[1].bias[kind] = 1.0
        embedder[2].weight[kind, kind] = 1.0
        embedder[2].weight[constant, kind] = 10.0
    decoder.instance_projection.bias[constant] = 1.0
    embedder[2].bias[constant] = -10.0
