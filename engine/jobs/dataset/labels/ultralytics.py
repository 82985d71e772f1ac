"""dataset.yaml: what Ultralytics' trainers are pointed at."""


def dataset_yaml() -> str:
    """The file's text; it stands beside `images` and `labels`.

    Without a `path` Ultralytics takes the folder that the file is in (`check_det_dataset`), so the data set may be
    moved; a relative `path` would be sought in the working folder and in its own folder of data sets. Labels are found
    by putting `labels` for `images` in a picture's path (`img2label_paths`).
    """
    return """\
# Foundation piles from above, rendered. No `path`: Ultralytics then takes the folder of this file.
train: images
# The same pictures, so that it runs as it is. What it is worth, only real pictures tell: put a folder of them here.
val: images
names:
  0: pile
"""
