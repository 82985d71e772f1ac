"""What SAM3's video model does to masks with a package that it would download, on the host: duplicates, holes, specks.

transformers leaves all this out in silence where the package is missing. Does not load torch.
"""

from engine.models.segmentation.found import Found


def tidy(found: Found) -> Found:
    return found
