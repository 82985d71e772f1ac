"""Private parts of transformers' SAM 3, imported at first use.

Only whole models are public; they track one object after the other and wait for the device. We call
their layers.
"""

from collections.abc import Callable
from operator import attrgetter
from typing import Any

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
