"""Hand-set weights that make the tiny SAM3's tracker follow what its detector sees, by colour.

The memory keeps, a patch, its kinds under the object's mask; attention averages them over all memories, LayerNorm
makes that a one-hot code, and the code opens one of the three kinds in the high-resolution features. So an object may
move any distance from one picture to the next, and a tracked mask is all there is of its colour: two shapes of one
colour are one object. The tracker's own score stays high when a shape has gone; its mask is empty.
"""

from typing import Any

from tests.seeing_detector import (
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


def set_tracker_weights(model: Any) -> None:
    """Sets the tracker of a Sam3VideoModel: width 128, one layer of memory attention and of the memory fuser."""
    tracker = model.tracker_model
    silence(tracker, model.tracker_neck)
    unfold(model.tracker_neck.fpn_layers[0])
    average_subblocks(model.tracker_neck.fpn_layers[2])
    remember_kinds(tracker.memory_encoder)
    recall_kinds(tracker.memory_attention)
    draw_tracked_masks(tracker.mask_decoder)


def average_subblocks(level: Any) -> None:
    for kind in range(SHAPE_KINDS):
        level.proj1.weight[kind, kind * SUBBLOCKS : (kind + 1) * SUBBLOCKS] = 1 / SUBBLOCKS
        level.proj1.weight[kind, NOTHING] = -1.0
        level.proj2.weight[kind, kind, 1, 1] = 1.0


def remember_kinds(encoder: Any) -> None:
    """Memory channel kind: 4 in a patch of that kind under the mask, about 0 elsewhere."""
    mask, remembered = 10, 20
    for number, layer in enumerate(encoder.mask_downsampler.layers):
        # The first takes the mask as -10..10; what follows takes -1..1 shifted out of GELU's bend.
        scale, shift = (0.1, 0.0) if number == 0 else (1.0, GELU_SHIFT)
        for channel, sign in ((0, 1.0), (1, -1.0)):
            layer.conv.weight[channel, 0, 1:, 1:] = sign * scale / 4  # stride 2: the mean of 2 x 2
            layer.conv.bias[channel] = -sign * shift
        set_references(layer.conv.bias)
        divisor = keep_scale(layer.layer_norm)
        layer.layer_norm.weight[1:] = 0.0
        layer.layer_norm.weight[0] = divisor
        layer.layer_norm.bias[0] = GELU_SHIFT
    encoder.mask_downsampler.final_conv.weight[mask, 0] = 1.0
    encoder.mask_downsampler.final_conv.bias[mask] = -GELU_SHIFT
    set_references(encoder.mask_downsampler.final_conv.bias)
    fuser = encoder.memory_fuser.layers[0]
    fuser.depthwise_conv.weight[:, 0, 3, 3] = 1.0
    keep_scale(fuser.layer_norm)
    fuser.scale.fill_(1.0)
    for kind in range(SHAPE_KINDS):
        encoder.feature_projection.weight[kind, kind] = 1.0
        fuser.pointwise_conv1.weight[kind, kind] = 8.0
        fuser.pointwise_conv1.weight[kind, mask] = 10.0
        fuser.pointwise_conv1.weight[kind, NOTHING] = -18.0
        fuser.pointwise_conv1.bias[kind] = -10.0
        fuser.pointwise_conv2.weight[remembered + kind, kind] = 1.0
        encoder.projection.weight[kind, remembered + kind] = 1.0


def recall_kinds(attention: Any) -> None:
    """Channels 2 kind and 2 kind + 1: 8 and -8 for the kind remembered, everywhere; the other kinds 0."""
    across = attention.layers[0].cross_attn_image
    for kind in range(SHAPE_KINDS):
        across.v_proj.weight[kind, kind] = 1.0
        # Large: the mean over all patches of all memories is small, and the position encoding must not show beside it.
        across.o_proj.weight[2 * kind, kind] = 1e6
        across.o_proj.weight[2 * kind + 1, kind] = -1e6


def draw_tracked_masks(decoder: Any) -> None:
    """Mask logits: MASK_GAIN times the high-resolution features of the kinds that the code opens."""
    shut, margin, constant = 5.0, 8.0, SHAPE_KINDS
    set_references(decoder.upscale_conv1.bias)
    divisor = keep_scale(decoder.upscale_layer_norm)
    decoder.upscale_layer_norm.weight.zero_()
    for kind in range(SHAPE_KINDS):
        for channel, sign in ((kind, 1.0), (SHAPE_KINDS + kind, -1.0)):  # in pairs, so that the mean stays 0
            decoder.upscale_conv1.weight[2 * kind, channel] = sign / (2 * LONE_PAIR)
            decoder.upscale_conv1.weight[2 * kind + 1, channel] = -sign / (2 * LONE_PAIR)
        decoder.upscale_layer_norm.weight[kind] = -2 * shut * divisor
        decoder.upscale_layer_norm.bias[kind] = shut
        decoder.upscale_conv2.weight[kind, kind] = -2 * margin / shut * 2
        decoder.upscale_conv2.bias[kind] = margin
        decoder.conv_s0.weight[kind, kind] = MASK_GAIN
    decoder.conv_s0.bias[constant] = margin
    for network in decoder.output_hypernetworks_mlps:
        network.proj_out.bias[:SHAPE_KINDS] = 1.0
        network.proj_out.bias[constant] = -1.0
    decoder.pred_obj_score_head.proj_out.bias.fill_(10.0)
    decoder.iou_prediction_head.proj_out.bias.fill_(4.0)
