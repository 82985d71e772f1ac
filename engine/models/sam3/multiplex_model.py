"""The networks of SAM 3.1's tracker, Object Multiplex, made of those of transformers'
Sam3VideoModel.

It is SAM 3's with these changes (github.com/facebookresearch/sam3,
sam3/model/video_tracking_multiplex.py). A bucket of 16 objects has one memory; its encoder reads 32
channels, the mask of each slot and whether it is the detector's. Memories have all channels of the
picture, and attention to them 8 heads; its keys also contain the features of the remembered
picture, its queries those of the present one. The mask decoder has tokens for each slot, which tell
it whether the slot is taken. A detector's mask passes through SAM 3's decoder, with a pyramid of
its own.
"""

from itertools import pairwise
from typing import Any

from torch import nn

BUCKET = 16  # objects
MASKS_PER_OBJECT = 3
CHANNELS = (2 * BUCKET, 16, 64, 256, 1024)  # of the memory encoder, from the masks on
RULES = {
    "score_threshold_detection": 0.4,
    "new_det_thresh": 0.65,
    "high_iou_thresh": 0.5,
    "fill_hole_area": 0,
}
"""As published (sam3/model_builder.py), where they differ from those of SAM 3; `association.decide`
explains them."""


def is_multiplex(video: Any) -> bool:
    """True for a model from `add_multiplex`."""
    return hasattr(video, "interactive_neck")


def configure(config: Any) -> None:
    """Change a Sam3VideoConfig to SAM 3.1, before the model is built."""
    for name, value in RULES.items():
        setattr(config, name, value)
    tracker = config.tracker_config
    tracker.memory_encoder_output_channels = tracker.memory_encoder_hidden_size
    tracker.memory_attention_num_attention_heads = 8
    tracker.memory_attention_feed_forward_hidden_act = "gelu"
    tracker.sigmoid_scale_for_mem_enc = 2.0
    tracker.sigmoid_bias_for_mem_enc = -1.0


def add_multiplex(video: Any) -> None:
    """Change a Sam3VideoModel, built from such a configuration, to SAM 3.1. New weights are drawn
    by torch's rules."""
    tracker = video.tracker_model
    dtype = video.dtype
    config = video.tracker_model.config
    width = tracker.hidden_dim
    for layer in tracker.memory_attention.layers:
        for name in ("k_proj", "v_proj", "image_q_proj", "image_k_proj"):
            setattr(layer.cross_attn_image, name, nn.Linear(width, width))
    encoder = tracker.memory_encoder
    make = type(tracker.memory_encoder.mask_downsampler.layers[0])
    encoder.mask_downsampler.layers = nn.ModuleList(
        make(config, *pair) for pair in pairwise(CHANNELS)
    )
    encoder.mask_downsampler.final_conv = nn.Conv2d(CHANNELS[-1], width, kernel_size=1)
    encoder.projection = nn.Identity()
    decoder = tracker.mask_decoder
    feed_forward = type(tracker.object_pointer_proj)
    tracker.interactive_decoder = decoder
    tracker.interactive_pointer_proj = tracker.object_pointer_proj
    decoder = type(decoder)(config.mask_decoder_config)
    tracker.mask_decoder = decoder
    decoder.obj_score_token = nn.Embedding(BUCKET, width)
    decoder.iou_token = nn.Embedding(BUCKET, width)
    decoder.mask_tokens = nn.Embedding(BUCKET * MASKS_PER_OBJECT, width)
    del decoder.output_hypernetworks_mlps[MASKS_PER_OBJECT]
    hidden = config.mask_decoder_config.iou_head_hidden_dim
    decoder.iou_prediction_head = feed_forward(width, hidden, MASKS_PER_OBJECT, 3)
    tracker.object_pointer_proj = feed_forward(width, width, width, 3)
    tracker.absent_pointer_proj = nn.Linear(width, width)
    for name in ("taken_slot", "free_slot", "occlusion_spatial_embedding_parameter"):
        setattr(tracker, name, nn.Parameter(0.02 * nn.Embedding(BUCKET, width).weight.data))
    del tracker.no_object_pointer, tracker.no_memory_positional_encoding
    clicks = tracker.prompt_encoder.point_embed  # there are none
    del clicks.weight
    clicks.weight = nn.Buffer(nn.Embedding(1, width).weight.data.zero_(), persistent=False)
    video.interactive_neck = type(video.tracker_neck)(video.config.detector_config.vision_config)
    for neck in (video.tracker_neck, video.interactive_neck):
        del neck.fpn_layers[3]  # never read
    video.to(dtype)
