"""Code nobody here wrote, which ours is compared with: the synthesisers of the package infer-rvc-python."""

import importlib
import sys
import types
import warnings
from pathlib import Path
from typing import Any

import torch

from engine.models.rvc.shapes import SynthesizerShape

FOLDER = Path(__file__).parents[3] / ".ci" / "peers"
PACKAGE = FOLDER / "infer_rvc_python"
MISSING = "infer-rvc-python: python -m pip install --no-deps --target .ci/peers infer-rvc-python==1.3.1"


def is_installed() -> bool:
    return PACKAGE.is_dir()


def rmvpe() -> Any:
    """Their module with RMVPE; it asks for librosa's mel filters."""
    return _module("lib.rmvpe")


def synthesizer(shape: SynthesizerShape) -> Any:
    """Theirs of this shape, with the weights that it draws for itself and its weight norm in place."""
    kind = {"v1": "256", "v2": "768"}[shape.version] + ("NSFsid" if shape.has_pitch else "NSFsid_nono")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the way they ask for weight norm is out of date
        models = _module("lib.infer_pack.models")
        return getattr(models, f"SynthesizerTrnMs{kind}")(*shape.config(), is_half=False).eval()


def infer(theirs: Any, phone: torch.Tensor, pitch: torch.Tensor, f0: torch.Tensor, speaker: torch.Tensor) -> Any:
    """Its sound, (B, 1, T hop). It draws: the latent's noise, a phase that it throws away, (B, 1) uniform, and the
    source's noise."""
    lengths = torch.full((phone.shape[0],), phone.shape[1])
    given = (phone, lengths, pitch, f0, speaker) if hasattr(theirs.dec, "m_source") else (phone, lengths, speaker)
    return theirs.infer(*given)[0]


def _module(name: str) -> Any:
    """Their package's own `__init__` asks for libraries that these do without: an empty one stands in for it."""
    if PACKAGE.name not in sys.modules:
        empty = types.ModuleType(PACKAGE.name)
        empty.__path__ = [str(PACKAGE)]
        sys.modules[PACKAGE.name] = empty
    return importlib.import_module(f"{PACKAGE.name}.{name}")
