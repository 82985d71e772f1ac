"""dataset.yaml, the description of a data set for Ultralytics' trainers."""

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
