"""dataset.yaml, the description of a data set for Ultralytics' trainers."""


def dataset_yaml() -> str:
    """The text of the file, which is placed next to `images` and `labels`.

    Without `path` Ultralytics uses the file's folder (`check_det_dataset`), so the data set may be moved; a relative
    `path` would be resolved in the working folder and in Ultralytics' own folder of data sets. It finds labels by
    replacing `images` with `labels` in a picture's path (`img2label_paths`).
    """
    return """\
# Foundation piles from above, rendered. Without `path` Ultralytics uses the folder of this file.
train: images
# The same pictures, so that training runs as it is. Replace them with a folder of real pictures to validate.
val: images
names:
  0: pile
"""
