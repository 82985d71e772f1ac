"""A module named torchaudio for the libraries that ask for one; nothing here needs the real one. Does not load torch.

transformers imports torchaudio wherever it is installed, and torchfcpe brings it along: built against CUDA it does not
load beside a CPU build of torch, and no model of transformers would either. torchfcpe itself wants its resampler, for
sound that is not at 16 kHz; ours always is.
"""

import importlib.machinery
import sys
from types import ModuleType
from typing import Any

NAME = "torchaudio"


class Resample:
    def __init__(self, *arguments: Any, **options: Any) -> None:
        raise NotImplementedError(f"this stands in for {NAME}: bring sound to its rate before it comes here")


def register() -> None:
    """Puts it where an import looks first; leaves a real torchaudio that is loaded already."""
    if NAME in sys.modules:
        return
    module, transforms = ModuleType(NAME), ModuleType(f"{NAME}.transforms")
    for made in (module, transforms):
        made.__spec__ = importlib.machinery.ModuleSpec(made.__name__, None)
    module.__dict__.update(transforms=transforms, __version__="0", __path__=[])
    transforms.__dict__.update(Resample=Resample)
    sys.modules |= {NAME: module, transforms.__name__: transforms}
