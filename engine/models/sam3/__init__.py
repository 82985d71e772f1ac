"""SAM3: finds objects described by text prompts, in single pictures and in streams.

    model = load(SegmentationSpec(model="facebook/sam3"), "cuda", "bfloat16")
    segmenter = Segmenter(model)
    notes = segmenter.set_prompts(["person", "guitar"])  # when a text changes
    (found,) = segmenter.segment(rgb)  # every picture: an engine.values.Segmentation

A picture passes through `backbone` (scales it to a square; image features), `detector` (boxes and
scores for each prompt, and masks of the best only) and `detected_objects` (removes duplicates,
holes and specks). In track mode `tracker` tracks the objects from picture to picture.

Read `model.py` (the parts), `load.py`, then `segmenter.py`. Importing this package does not load
torch; `model_folder.py`, `detected_objects.py` and `check.py` never do.
"""

from dataclasses import dataclass

from osc_schema.sam3 import MAX_MEMORIES, MIN_MEMORIES

__all__ = ["MAX_MEMORIES", "MIN_MEMORIES", "RANDOM", "SegmentationSpec"]
RANDOM = "random:"


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentationSpec:
    """Specifies a model. Names are paths or Hugging Face ids, as for `locate.find`. The caller
    decides which ones."""

    model: str
    """A folder or an id such as `facebook/sam3`; or `random:SHAPE` for random weights:
    `random:sam3` has the true size, for benchmarks; `random:tiny` is small."""
    resolution: int = 1008
    """Side in pixels of the square that pictures are scaled to: a multiple of an attention window
    (336 px)."""
    is_compiled: bool = False
    """Compile backbone, decoder and masks with torch.compile: the first picture takes minutes, as
    does the first prompt of another length; later ones are faster. Cannot be combined with
    offload."""
    is_offloaded: bool = False
    """Keep weights in main memory and copy them to the device layer by layer, for small cards."""
    is_fp8: bool = False
    """Multiply in 8-bit floating point in the ViT (`fp8.py`). Cannot be combined with offload."""

    @property
    def random_shape(self) -> str:
        """A name in `shapes.SHAPES`; "" if the model is on disk."""
        return self.model.removeprefix(RANDOM) if self.model.startswith(RANDOM) else ""
