"""Independent reference code: the synthesizers of the package infer-rvc-python."""

import importlib
import sys
import warnings
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from engine.models.rvc.shapes import SynthesizerShape
from engine.models.rvc.synthesizer import NOISE_SCALE, Synthesizer

FOLDER = Path(__file__).parents[3] / ".ci" / "peers"
PACKAGE = FOLDER / "infer_rvc_python"


def is_installed() -> bool:
    return PACKAGE.is_dir()


def rmvpe() -> Any:
    """The package's module with RMVPE, which imports librosa's mel filters."""
    return _module("lib.rmvpe")


def synthesizer(shape: SynthesizerShape, *, is_half: bool = False) -> Any:
    """The package's synthesizer of this shape, with its own random weights and with weight norm."""
    kind = {"v1": "256", "v2": "768"}[shape.version] + (
        "NSFsid" if shape.has_pitch else "NSFsid_nono"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # their weight norm is deprecated
        models = _module("lib.infer_pack.models")
        return getattr(models, f"SynthesizerTrnMs{kind}")(*shape.config(), is_half=is_half).eval()


def infer(theirs: Any, phone: Tensor, pitch: Tensor, f0: Tensor, speaker: Tensor) -> Any:
    """The sound of the package's synthesizer, (B, 1, T hop). It draws random numbers: the latent's
    noise, a phase that it does not use, (B, 1) uniform, and the source's noise."""
    lengths = torch.full((phone.shape[0],), phone.shape[1])
    inputs = (
        (phone, lengths, pitch, f0, speaker)
        if hasattr(theirs.dec, "m_source")
        else (phone, lengths, speaker)
    )
    return theirs.infer(*inputs)[0]


def ours_whole(
    ours: Synthesizer, phone: Tensor, pitch: Any, f0: Any, speaker: Tensor, noise: Any = None
) -> Tensor:
    """The sound of our synthesizer, (B, 1, T hop), as `infer` computes the package's. `noise` None:
    drawn."""
    g, (mean, log_sd) = ours.speaker(speaker), ours.encode(phone, pitch)
    noise = torch.randn_like(mean) if noise is None else noise.to(mean.dtype)
    z = ours.reverse_flow(torch.addcmul(mean, log_sd.exp(), noise, value=NOISE_SCALE), g)
    return ours.decode(z, g, None if f0 is None else ours.source(f0))


def _module(name: str) -> Any:
    """The package's own `__init__` imports libraries that are not needed here; an empty module
    replaces it."""
    if PACKAGE.name not in sys.modules:
        spec = ModuleSpec(PACKAGE.name, None, is_package=True)
        spec.submodule_search_locations = [str(PACKAGE)]
        sys.modules[PACKAGE.name] = module_from_spec(spec)
    return importlib.import_module(f"{PACKAGE.name}.{name}")
