"""Hand-set weights with which the tiny SAM3's tracker tracks the detected objects by colour.

- The memory stores for each patch its kinds under the object's mask. Attention reads them from all
  memories' patches that have any, and LayerNorm turns them into a one-hot code, the same for every
  patch of the new picture.
- The code selects one of the three kinds in the high-resolution features, which gives the mask.
- The object is present in patches whose kind equals the code; the tracker's score is above a half
  if there are any.

So an object may move any distance between two pictures, and may disappear and return. A tracked
mask covers everything of its colour: two shapes of one colour are one object.
"""

import math
from typing import Any

from tests.support.seeing_detector import (
    GELU_SHIFT,
    LONE_PAIR,
    MASK_GAIN,
    NOTHING,
    SHAPE_KINDS,
    SUBBLOCKS,
    keep_scale,
    set_references,
    silence,
    unfold,
)

ANY_KIND = (
    30  # memory channel: the position encoding that is added to it, the slowest sine, is about 0
)
# pairs of channels: about 8 and -8 for the kind remembered, 0 for the others, in every patch
CODE = 40
CODE_LEAD = (
    100.0  # the code's value before LayerNorm, far above the patch's means: it is the divisor
)
CODE_REFERENCE = 30.0  # a divisor for patches without a code
PRESENT = 50  # a pair of channels: about 3 and -3 where the patch is of the kind remembered, else 0


def set_tracker_weights(model: Any) -> None:
    """Set the tracker's weights in a Sam3VideoModel of width 128, with one layer each of memory
    attention and fuser."""
    tracker = model.tracker_model
    silence(tracker, model.tracker_neck)
    unfold(model.tracker_neck.fpn_layers[0])
    average_subblocks(model.tracker_neck.fpn_layers[2])
    remember_kinds(tracker.memory_encoder)
    recall_kinds(tracker.memory_attention)
    draw_tracked_masks(tracker.mask_decoder)
    score_presence(tracker.mask_decoder)


def average_subblocks(level: Any) -> None:
    """The 1x level, channels 2 kind and 2 kind + 1: the patch's mean and its negative."""
    for kind in range(SHAPE_KINDS):
        for channel, sign in ((2 * kind, 1.0), (2 * kind + 1, -1.0)):
            level.proj1.weight[channel, kind * SUBBLOCKS : (kind + 1) * SUBBLOCKS] = (
                sign / SUBBLOCKS
            )
            level.proj1.weight[channel, NOTHING] = -sign
            level.proj2.weight[channel, channel, 1, 1] = 3.0
    set_references(level.proj2.bias, CODE_REFERENCE)


def remember_kinds(encoder: Any) -> None:
    """Memory channel kind: 2 where the mask covers three fifths of a patch and the patch is of that
    kind, else 0. A lower limit would include the other kind where two shapes touch; so a shape must
    cover that much of some patch."""
    mask, remembered = 10, 20
    last = encoder.mask_downsampler.layers[-1]
    for number, layer in enumerate(encoder.mask_downsampler.layers):
        # The first takes the mask as -10..10; what follows takes -1..1 shifted out of GELU's bend.
        scale, shift = (0.1, 0.0) if number == 0 else (1.0, GELU_SHIFT)
        for channel in range(4 if layer is last else 2):  # in pairs, so that the mean stays 0
            sign = (-1.0) ** channel
            layer.conv.weight[channel, 0, 1:, 1:] = sign * scale / 4  # stride 2: the mean of 2 x 2
            layer.conv.bias[channel] = -sign * shift
        set_references(layer.conv.bias)
        divisor = keep_scale(layer.layer_norm)
        layer.layer_norm.weight[1:] = 0.0
        layer.layer_norm.weight[0] = divisor
        layer.layer_norm.bias[0] = GELU_SHIFT
    # GELU(x) - GELU(x - 4) is 4 above 4 and 0 below 0: a step from a half to five eighths of the
    # patch.
    for channel, offset, sign in ((0, 0.0, 0.25), (2, -4.0, -0.25)):
        last.layer_norm.weight[channel] = 16.0 * divisor
        last.layer_norm.bias[channel] = offset
        encoder.mask_downsampler.final_conv.weight[mask, channel] = sign
    set_references(encoder.mask_downsampler.final_conv.bias)
    fuser = encoder.memory_fuser.layers[0]
    fuser.depthwise_conv.weight[:, 0, 3, 3] = 1.0
    keep_scale(fuser.layer_norm)
    fuser.scale.fill_(1.0)
    # Again a step, 0 to 2, where the patch's mean is above zero; closed where the mask's is.
    for kind in range(SHAPE_KINDS):
        encoder.feature_projection.weight[kind, 2 * kind] = 1.0
        for unit, offset, sign in ((kind, 0.0, 1.0), (SHAPE_KINDS + kind, -2.0, -1.0)):
            fuser.pointwise_conv1.weight[unit, kind] = 16.0
            fuser.pointwise_conv1.weight[unit, mask] = 50.0
            fuser.pointwise_conv1.weight[unit, NOTHING] = -66.0
            fuser.pointwise_conv1.bias[unit] = offset - 50.0
            fuser.pointwise_conv2.weight[remembered + kind, unit] = sign
        encoder.projection.weight[kind, remembered + kind] = 1.0
        encoder.projection.weight[ANY_KIND, remembered + kind] = 1.0


def recall_kinds(attention: Any) -> None:
    """CODE from the memories, then PRESENT from the code and the patch's own means."""
    layer = attention.layers[0]
    across = layer.cross_attn_image
    # The last pair of channels turns least with the position: a hundredth of a radian across the
    # picture.
    slow = across.q_proj.bias.shape[0] - 1
    across.q_proj.bias[slow] = 10 / across.scaling
    across.k_proj.weight[slow, ANY_KIND] = 1.0
    recalled = LONE_PAIR / math.hypot(1.0, CODE_REFERENCE / CODE_LEAD)
    for kind in range(SHAPE_KINDS):
        code, present = CODE + 2 * kind, SHAPE_KINDS + kind
        across.v_proj.weight[kind, kind] = 1.0
        across.o_proj.weight[code, kind] = CODE_LEAD / 2
        across.o_proj.weight[code + 1, kind] = -CODE_LEAD / 2
        for unit, offset in ((kind, 0.0), (present, -5.0)):
            layer.linear1.weight[unit, 2 * kind] = 100.0
            layer.linear1.weight[unit, 2 * kind + 1] = -100.0
            layer.linear1.weight[unit, code] = 40.0
            layer.linear1.bias[unit] = offset + 10.0 - 40.0 * recalled
        for unit, sign in ((kind, 1.0), (present, -1.0)):
            layer.linear2.weight[PRESENT, unit] = 8.0 * sign
            layer.linear2.weight[PRESENT + 1, unit] = -8.0 * sign


def draw_tracked_masks(decoder: Any) -> None:
    """Mask logits: MASK_GAIN times the high-resolution features of the kinds that the code
    opens."""
    shut, margin, constant = 5.0, 8.0, SHAPE_KINDS
    set_references(decoder.upscale_conv1.bias)
    divisor = keep_scale(decoder.upscale_layer_norm)
    decoder.upscale_layer_norm.weight.zero_()
    for kind in range(SHAPE_KINDS):
        # in pairs, so that the mean stays 0
        for channel, sign in ((kind, 1.0), (SHAPE_KINDS + kind, -1.0)):
            decoder.upscale_conv1.weight[CODE + 2 * kind, channel] = sign / (2 * LONE_PAIR)
            decoder.upscale_conv1.weight[CODE + 2 * kind + 1, channel] = -sign / (2 * LONE_PAIR)
        decoder.upscale_layer_norm.weight[kind] = -2 * shut * divisor
        decoder.upscale_layer_norm.bias[kind] = shut
        decoder.upscale_conv2.weight[kind, kind] = -4 * margin / shut
        decoder.upscale_conv2.bias[kind] = margin
        decoder.conv_s0.weight[kind, kind] = MASK_GAIN
    decoder.conv_s0.bias[constant] = margin
    for network in decoder.output_hypernetworks_mlps:
        network.proj_out.bias[:SHAPE_KINDS] = 1.0
        network.proj_out.bias[constant] = -1.0
    decoder.iou_prediction_head.proj_out.bias.fill_(4.0)


def score_presence(decoder: Any) -> None:
    """The score's token reads the patches that are PRESENT; its logit is 10 times their value,
    minus 10."""
    blocks = decoder.transformer.layers
    across = blocks[0].cross_attn_token_to_image
    across.q_proj.bias[0] = 1 / across.scaling
    across.k_proj.weight[0, PRESENT], across.k_proj.weight[0, PRESENT + 1] = 1.5, -1.5
    across.v_proj.weight[0, PRESENT] = 1.0
    across.o_proj.weight[0, 0], across.o_proj.weight[1, 0] = 1.0, -1.0
    # The tokens are empty until then: the first norm's bias brings the references for those that
    # follow.
    set_references(blocks[0].layer_norm1.bias)
    for block in blocks:
        for norm in (block.layer_norm1, block.layer_norm2, block.layer_norm3):
            keep_scale(norm)
    keep_scale(decoder.transformer.layer_norm_final_attn)
    head = decoder.pred_obj_score_head
    head.proj_in.weight[0, 0] = 1.0
    head.layers[0].weight[0, 0] = 1.0
    head.proj_out.weight[0, 0] = 10.0
    head.proj_out.bias.fill_(-10.0)
