"""Private parts of transformers' SAM 3, imported at first use.

Only whole models are public; they track one object after the other and wait for the device. We call
their layers.
"""

import ast
from collections.abc import Callable
from operator import attrgetter
from pathlib import Path
from typing import Any

import torch

from engine.system.lazy_names import lazy_names

__getattr__ = lazy_names(
    "transformers.models",
    {
        # Positions of a window and of boxes, which the models compute in their forward calls.
        "sam3.modeling_sam3": ("Sam3ViTLayer", "Sam3ViTRotaryEmbedding", "inverse_sigmoid"),
        # The logit of an absent object, the code of a time, and the class of the norms, which is
        # replaced.
        "sam3_tracker_video.modeling_sam3_tracker_video": [
            "NO_OBJ_SCORE",
            "get_1d_sine_pe",
            "Sam3TrackerVideoLayerNorm",
        ],
        "sam3_video.modeling_sam3_video": (
            "fill_holes_in_mask_scores",
        ),  # else done in a session only
    },
)
encode_box_coordinates = attrgetter("_encode_box_coordinates")
"""Method of Sam3GeometryEncoder, whose forward call needs masks, and float16 for bfloat16."""
use_multimask = attrgetter("_use_multimask")
"""Method of Sam3TrackerVideoModel, like the next two. All are called in a session's steps only, for
one object."""
use_mask_as_output = attrgetter("_use_mask_as_output")
encode_new_memory = attrgetter("_encode_new_memory")
suppress_overlaps = attrgetter("_suppress_object_pw_area_shrinkage_impl")
"""Method of Sam3VideoModel, called in a session's steps only."""


def swap_kernel(make: Callable[[Any], Any]) -> None:
    """Replace the module variable with the kernels for masks by `make(present one)`. No parameter
    sets it: without it transformers downloads a package. KeyError if this release loads its kernels
    differently."""
    from transformers.models.sam3_video import modeling_sam3_video

    variables: Any = vars(modeling_sam3_video)
    variables["cv_utils_kernel"] = make(variables["cv_utils_kernel"])


def extract_post_processing() -> Callable[..., list[dict[str, torch.Tensor]]]:
    """Extract Sam3ImageProcessor.post_process_instance_segmentation from transformers' file,
    because the whole file needs torchvision and these lines do not. Call the function with None for
    `self`."""
    import transformers

    file = Path(transformers.__file__).parent / "models" / "sam3" / "image_processing_sam3.py"
    function_names = ("_scale_boxes", "post_process_instance_segmentation")
    tree = ast.parse(file.read_text(encoding="utf-8"))
    tree.body = [
        each
        for each in ast.walk(tree)
        if isinstance(each, ast.FunctionDef) and each.name in function_names
    ]
    exec(compile(tree, str(file), "exec"), names := {"torch": torch})
    return names[function_names[1]]  # type: ignore[return-value]  # as compiled
