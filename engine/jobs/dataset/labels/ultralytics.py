"""dataset.yaml, the description of a data set for Ultralytics' trainers."""

import json
from collections.abc import Sequence

WHOLE = """\
train: images
# The same pictures, so that training runs as it is. Replace them with a folder of real pictures to validate.
val: images
"""


def dataset_yaml(subsets: tuple[str, ...] = ("",)) -> str:
    """The text of the file, which is placed next to `images` and `labels`. `subsets`: ("",) for one without --split.

    Without `path` Ultralytics uses the file's folder (`check_det_dataset`), so the data set may be moved; a relative
    `path` would be resolved in the working folder and in Ultralytics' own folder of data sets. It finds labels by
    replacing `images` with `labels` in a picture's path (`img2label_paths`).
    """
    listed = "".join(f"{subset}: images/{subset}\n" for subset in subsets) if all(subsets) else WHOLE
    return (
        "# Foundation piles from above, rendered. Without `path` Ultralytics uses the folder of this file.\n"
        f"{listed}names:\n  0: pile\n"
    )


def varied_yaml(classes: Sequence[str], subsets: Sequence[str], *, folder: str = "labels", has_heads: bool) -> str:
    """The file of recipe 2. `subsets`: parts of the split, such as `train` and `val`; none without a split.

    `folder`: of the labels; Ultralytics reads no other than `labels`. `has_heads`: each label has the keypoint of the
    pile's head.
    """
    lines = ["# Construction site from above, rendered. Without `path` Ultralytics uses the folder of this file."]
    if folder != "labels":
        lines.append(f"# Ultralytics reads the folder labels only: to train with these, rename {folder} to labels.")
    if subsets:
        lines += [f"{subset}: images/{subset}" for subset in subsets]
        lines += [
            f"{needed}:  # no scene; Ultralytics needs one" for needed in ("train", "val") if needed not in subsets
        ]
    else:
        lines += [
            "train: images",
            "# The same pictures, so that training runs as it is. Give --split, or validate with real pictures.",
            "val: images",
        ]
    lines.append("names:")
    lines += [f"  {number}: {json.dumps(name)}" for number, name in enumerate(classes)]
    if has_heads:
        lines += [
            "# The middle of a pile's top: x, y, and 2 if visible, 1 if hidden.",
            "kpt_shape: [1, 3]",
            "flip_idx: [0]",
        ]
    return "\n".join(lines) + "\n"
