"""Private parts of libraries that `compat` files in the engine use still exist, with the parameters that we pass."""

import inspect
from importlib.metadata import version
from operator import attrgetter
from pkgutil import resolve_name

import pytest
from numba import njit
from psutil import Process

from engine.render.context import open_context

MODULES = {
    "single_file": "diffusers.loaders.single_file_utils",
    "sam3": "transformers.models.sam3.modeling_sam3",
    "tracker": "transformers.models.sam3_tracker_video.modeling_sam3_tracker_video",
    "video": "transformers.models.sam3_video.modeling_sam3_video",
}
PARTS = """
torch.Tensor._version; torch.cuda._is_in_bad_fork(); torch.utils._triton.has_triton()
torch.utils._triton.has_triton_package(); torch._inductor.cpp_builder.get_cpp_compiler()
torch._inductor.exc.InvalidCxxCompiler; torch._inductor.config.compile_threads
single_file.convert_ldm_vae_checkpoint(checkpoint, config)
single_file.create_diffusers_clip_model_from_ldm(cls, checkpoint, subfolder, config, torch_dtype, local_files_only, *)
diffusers.models.attention_processor.Attention.set_processor(self, processor)
diffusers.models.embeddings.ImageProjection.forward(self, image_embeds)
diffusers.models.unets.unet_2d_blocks.AutoencoderTinyBlock.forward(self, x)
sam3.inverse_sigmoid(x, *); sam3.Sam3ViTLayer.precompute_positions(config, window_size)
sam3.Sam3ViTRotaryEmbedding(config); sam3.Sam3ViTRotaryEmbedding.forward(self, x, position_ids)
sam3.Sam3GeometryEncoder._encode_box_coordinates(self, center_x, center_y, width, height)
tracker.NO_OBJ_SCORE; tracker.get_1d_sine_pe(pos_inds, dim, *)
tracker.Sam3TrackerVideoLayerNorm(normalized_shape, eps, data_format, *)
tracker.Sam3TrackerVideoModel._use_multimask(self, is_init_cond_frame, point_inputs)
tracker.Sam3TrackerVideoModel._use_mask_as_output(self, backbone_features, high_res_features, mask_inputs)
tracker.Sam3TrackerVideoModel._encode_new_memory(self, current_vision_feats, pred_masks_high_res, object_score_logits,*)
video.Sam3VideoModel._suppress_object_pw_area_shrinkage_impl(self, pred_masks)
video.fill_holes_in_mask_scores(mask, max_area, *); video.cv_utils_kernel
numba.core.sigutils.normalize_signature(sig); numba.core.caching.NullCache(); numba.core.options.DefaultOptions._nrt
numba.core.caching.FunctionCache._index_key(self, sig, codegen); numba.core.caching.IndexDataCacheFile._load_index(self)
sounddevice._initialize(); sounddevice._terminate(); aiohttp.http_exceptions.HttpProcessingError
"""
EACH = [part.strip() for line in PARTS.strip().splitlines() for part in line.split(";")]
OF_OBJECTS = {
    "numba _cache._cache_file._source_stamp": lambda: njit(cache=True)(lambda: None),
    "numba targetctx.codegen": lambda: njit(lambda: None),
    "moderngl mglo._context.load": open_context,
    "psutil _ident": Process,
}


@pytest.mark.parametrize("part", [*EACH, *OF_OBJECTS])
def test_a_private_part_is_as_we_use_it(part: str) -> None:
    """`*`: more parameters, which we do not give."""
    name, _, signature = part.partition("(")
    module, _, inner = name.partition("." if part in EACH else " ")
    path = f"{MODULES.get(module, module)}.{inner}"
    library = path.partition(".")[0]
    problem = f"{library} {version(library)} has another {path}: look into its compat file"
    try:
        found = resolve_name(path) if part in EACH else attrgetter(inner)(OF_OBJECTS[part]())
    except (ImportError, AttributeError) as error:
        pytest.fail(f"{problem} ({error})")
    if signature:
        there, ours = ", ".join(inspect.signature(found).parameters), signature.rstrip("*), ")
        assert there.startswith(ours) if signature.endswith("*)") else there == ours, f"{problem} ({there})"
