"""Names of tensors in Meta's checkpoints of SAM3 and SAM 3.1, for those of transformers' models.

They are those of github.com/facebookresearch/sam3 (modules in sam3/model), as transformers'
src/transformers/models/sam3/convert_sam3_to_hf.py pairs them; the tracker's, of SAM 3.1, is in `multiplex_model.py`.
"""

import re
from typing import Final

HAS_MULTIPLEX: Final = "tracker.model.sam_mask_decoder."
_MLP = ".mlp.fc1.>.linear1. .mlp.fc2.>.linear2."
_NORMS = ".layer_norm1.>.norm1. .layer_norm2.>.norm2. .layer_norm3.>.norm3."
_NECK = """0.scale_layers.0.>0.dconv_2x2_0. 0.scale_layers.2.>0.dconv_2x2_1. 1.scale_layers.0.>1.dconv_2x2.
    .proj1.>.conv_1x1. .proj2.>.conv_3x3."""
_HEAD = "layers.0.>layers.1. proj_in.>layers.0. proj_out.>layers.2."
_DECODER = f"""upscale_conv1.>output_upscaling.0. upscale_layer_norm.>output_upscaling.1.
    upscale_conv2.>output_upscaling.3. {_HEAD}"""
_TWO_WAY = f""".layer_norm_final_attn.>.norm_final_attn. {_NORMS} .layer_norm4.>.norm4. .mlp.proj_in.>.mlp.lin1.
    .mlp.proj_out.>.mlp.lin2."""
_MASKS = " ".join(f".{n}.conv.>.{3 * n}. .{n}.layer_norm.>.{3 * n + 1}." for n in range(4))
_TABLE = f"""
vision_encoder.backbone. backbone.vision_backbone.trunk. embeddings.position_embeddings>pos_embed
    embeddings.patch_embeddings.projection.>patch_embed.proj. {_NORMS} layer_norm.>ln_pre. layers.>blocks.
    .attention.o_proj.>.attn.proj. .attention.>.attn.
vision_encoder.neck.fpn_layers. backbone.vision_backbone.convs. {_NECK}
text_encoder.text_projection.weight backbone.language_backbone.encoder.text_projection
text_encoder.text_model. backbone.language_backbone.encoder. embeddings.token_embedding.>token_embedding.
    embeddings.position_embedding.weight>positional_embedding final_layer_norm.>ln_final.
    encoder.layers.>transformer.resblocks. .self_attn.>.attn. .layer_norm1.>.ln_1. .layer_norm2.>.ln_2.
    .mlp.fc1.>.mlp.c_fc. .mlp.fc2.>.mlp.c_proj.
text_projection. backbone.language_backbone.resizer.
geometry_encoder. geometry_encoder. layers.>encode. .cross_attn.>.cross_attn_image. {_MLP} {_NORMS}
    vision_layer_norm.>img_pre_norm. prompt_layer_norm.>norm. output_layer_norm.>encode_norm.
detr_encoder. transformer.encoder. .cross_attn.>.cross_attn_image. {_MLP} {_NORMS}
detr_decoder. transformer.decoder. .text_cross_attn.>.ca_text. .vision_cross_attn.>.cross_attn.
    .vision_cross_attn_layer_norm.>.norm1. .text_cross_attn_layer_norm.>.catext_norm. .self_attn_layer_norm.>.norm2.
    .mlp_layer_norm.>.norm3. {_MLP} presence_head.>presence_token_head. presence_layer_norm.>presence_token_out_norm.
    output_layer_norm.>norm. box_head.>bbox_embed. box_rpb_embed_>boxRPB_embed_
mask_decoder.mask_embedder. segmentation_head.mask_predictor.mask_embed.
mask_decoder. segmentation_head. instance_projection.>instance_seg_head. semantic_projection.>semantic_seg_head.
    prompt_cross_attn_norm.>cross_attn_norm. prompt_cross_attn.>cross_attend_prompt.
dot_product_scoring. dot_prod_scoring. text_mlp_out_norm.>prompt_mlp.out_norm. text_mlp.>prompt_mlp.
    text_proj.>prompt_proj. query_proj.>hs_proj.
tracker_neck.fpn_layers. backbone.vision_backbone.propagation_convs. {_NECK}
interactive_neck.fpn_layers. backbone.vision_backbone.interactive_convs. {_NECK}
tracker_model.mask_decoder.transformer. {HAS_MULTIPLEX}transformer. {_TWO_WAY}
tracker_model.mask_decoder. {HAS_MULTIPLEX} {_DECODER}
tracker_model.interactive_decoder.transformer. tracker.model.interactive_sam_mask_decoder.transformer. {_TWO_WAY}
tracker_model.interactive_decoder. tracker.model.interactive_sam_mask_decoder. {_DECODER}
tracker_model.prompt_encoder. tracker.model.interactive_sam_prompt_encoder.
    shared_embedding.positional_embedding>pe_layer.positional_encoding_gaussian_matrix
    mask_embed.conv1.>mask_downscaling.0. mask_embed.layer_norm1.>mask_downscaling.1.
    mask_embed.conv2.>mask_downscaling.3. mask_embed.layer_norm2.>mask_downscaling.4.
    mask_embed.conv3.>mask_downscaling.6.
tracker_model.shared_image_embedding.positional_embedding
    tracker.model.image_pe_layer.positional_encoding_gaussian_matrix
tracker_model.memory_attention. tracker.model.transformer.encoder. .cross_attn_image.image_>.image_cross_attn_
    .cross_attn_image.>.cross_attn_ .self_attn.>.self_attn_ _o_proj.>_out_proj. {_NORMS} layer_norm.>norm.
tracker_model.memory_encoder.mask_downsampler.layers. tracker.model.maskmem_backbone.mask_downsampler.encoder. {_MASKS}
tracker_model.memory_encoder. tracker.model.maskmem_backbone. mask_downsampler.final_conv.>mask_downsampler.encoder.12.
    feature_projection.>pix_feat_proj. memory_fuser.>fuser. .depthwise_conv.>.dwconv. .layer_norm.>.norm.
    .pointwise_conv>.pwconv .scale>.gamma
tracker_model.mask_downsample. tracker.model.interactive_mask_downsample.
tracker_model.object_pointer_proj. tracker.model.obj_ptr_proj. {_HEAD}
tracker_model.interactive_pointer_proj. tracker.model.interactive_obj_ptr_proj. {_HEAD}
tracker_model.absent_pointer_proj. tracker.model.no_obj_ptr_linear.
tracker_model.temporal_positional_encoding_projection_layer. tracker.model.obj_ptr_tpos_proj.
tracker_model.memory_temporal_positional_encoding tracker.model.maskmem_tpos_enc
tracker_model.no_memory_embedding tracker.model.interactivity_no_mem_embed
tracker_model.occlusion_spatial_embedding_parameter tracker.model.no_obj_embed_spatial
tracker_model.taken_slot tracker.model.output_valid_embed
tracker_model.free_slot tracker.model.output_invalid_embed
"""
NAME_PAIRS: Final = tuple(
    (ours, theirs, [tuple(each.split(">")) for each in parts])
    for ours, theirs, *parts in (area.split() for area in re.split(r"\n(?=\S)", _TABLE.strip()))
)
"""Prefix of names in transformers' Sam3Model, or of SAM 3.1's tracker, prefix in Meta's, and replacements in the rest
of the name, in order."""
_THIRD: Final = re.compile(r"([qkv])_proj\.(weight|bias)$")
_LAYER: Final = re.compile(r"\.layer(\d)\.")  # of an MLP, from 1; Meta's list counts from 0


def meta_name(name: str) -> tuple[str, int | None]:
    """Meta's name for a tensor of transformers' Sam3Model, or of SAM 3.1's tracker in a Sam3VideoModel, and which third
    of it (queries, keys, values); None: all."""
    ours, theirs, parts = next(area for area in NAME_PAIRS if name.startswith(area[0]))
    rest = f".{name.removeprefix(ours)}"  # a dot, so that no part is found within a word
    for part, other in parts:
        pattern = part if part.startswith((".", "_")) or part[0].isdigit() else f".{part}"
        rest = rest.replace(pattern, other if pattern == part else f".{other}", 1)
    rest = _LAYER.sub(lambda match: f".layers.{int(match[1]) - 1}.", rest)
    third = None if ours.startswith("tracker_model.") else _THIRD.search(rest)
    if third is None:
        return theirs + rest.replace(".o_proj.", ".out_proj.")[1:], None
    joined = f"qkv.{third[2]}" if ours.startswith("vision") else f"in_proj_{third[2]}"
    return theirs + _THIRD.sub(joined, rest)[1:], "qkv".index(third[1])
