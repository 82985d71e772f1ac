"""SAM3: finds objects named in words, in single pictures and in streams.

    model = load(SegmentationSpec(model="facebook/sam3"), "cuda", "bfloat16")
    segmenter = Segmenter(model)
    notes = segmenter.set_prompts(["person", "guitar"])         # when a text changes
    (found,) = segmenter.segment(rgb)                           # every picture: engine.values.Segmentation

The steps for a picture are `pixels` (scales it to a square), `backbone` (image features), `detector` (boxes and scores
for each prompt, and masks of the best only), `tidy` (removes duplicates, holes and specks). In track mode `tracker`
tracks the objects from picture to picture.

Read `model.py` (the parts), `load.py`, then `segmenter.py`. Importing this package does not load torch;
`spec.py`, `model_folder.py`, `detected_objects.py`, `tidy.py` and `check.py` never do.
"""

from engine.models.sam3.spec import SegmentationSpec

__all__ = ["SegmentationSpec"]
