"""A stub of torchaudio, for the libraries that import it. Does not load torch.

transformers imports torchaudio if it is installed, and torchfcpe installs it. A torchaudio built
against CUDA cannot be loaded with a CPU build of torch, and then no transformers model can be
loaded either. torchfcpe itself only uses the resampler, for sound that is not at 16 kHz; ours
always is.
"""

import importlib.machinery
import sys
from types import ModuleType
from typing import Any

NAME = "torchaudio"


class Resample:
    def __init__(self, *arguments: Any, **options: Any) -> None:
        raise NotImplementedError(
            f"this is a replacement for {NAME}, which cannot resample; pass sound at 16 kHz"
        )


def register() -> None:
    """Put the stub into sys.modules, unless the real torchaudio is already loaded."""
    if NAME in sys.modules:
        return
    module = ModuleType(NAME)
    transforms = ModuleType(f"{NAME}.transforms")
    for each in (module, transforms):
        each.__spec__ = importlib.machinery.ModuleSpec(each.__name__, None)
    module.__dict__.update(transforms=transforms, __version__="0", __path__=[])
    transforms.__dict__.update(Resample=Resample)
    sys.modules |= {NAME: module, transforms.__name__: transforms}
