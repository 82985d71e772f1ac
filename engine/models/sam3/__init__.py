"""SAM3: finds in pictures what is named in words, for one picture as for a stream.

    model = load(SegmentationSpec(model="facebook/sam3"), "cuda", "bfloat16")
    segmenter = Segmenter(model)
    notes = segmenter.set_prompts(["person", "guitar"])         # when a text changes
    (found,) = segmenter.segment(rgb)                           # every picture: engine.values.Segmentation

A picture goes through `pixels` (squashed to a square), `backbone` (what is in the picture), `detector` (what of it
answers to the prompts: boxes, scores, and masks of the best only), `tidy` (duplicates, holes and specks). In track mode
`tracker` follows the objects from picture to picture.

Read `model.py` (what the parts share), `load.py`, then `segmenter.py`. Importing this package does not load torch;
`spec.py`, `model_folder.py`, `found.py`, `tidy.py` and `check.py` never do.
"""

from engine.models.sam3.spec import SegmentationSpec

__all__ = ["SegmentationSpec"]
