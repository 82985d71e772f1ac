"""Optional packages that make the UNet faster.

- `inductor`: torch.compile, part by part, so that a call can be interrupted between parts. Weights
  are inputs of the compiled code, so LoRAs and the IP-Adapter can still change them in place. Never
  `max-autotune`, which tries kernels for minutes. It compiles again for every shape. On CUDA the
  compiled parts are captured like the plain ones; the runs before a capture compile them. Live,
  they compile in the background, and the plain parts paint until then; these also paint with
  temporal consistency and with regions. A job compiles first.
- `deepcache`: not a compiler. Between full steps it reuses the deep features of the last full step,
  which changes the pictures. For jobs only: the rows of a stream are different pictures, and a live
  picture has only one to four steps. It cannot be combined with captured graphs.

Without a compiler a GroupNorm and the SiLU after it stay torch's own, on CUDA six launches and nine
passes over the picture (ATen's group_norm.cpp and cuda/group_norm_kernel.cu). Public operators that
stay channels last (var_mean and two addcmul) need seven launches, and round the moments in half
precision.
"""

import copy
import importlib.util
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch

from engine.errors import ModelError
from engine.models.compiling import CompilingThread, compile_part, require_compiler
from engine.models.graphs import (
    MAX_SMALL_GRAPHS,
    ChainRunner,
    DirectRunner,
    always_true,
    noop,
    runner_for,
)
from engine.models.sd.spec import ACCELERATORS, ModelSpec
from engine.models.sd.unet_parts import PIECES, DeepCache, UnetParts, whole
from engine.system.installing import install_line

if TYPE_CHECKING:
    from engine.models.sd.model import DiffusionModel

log = logging.getLogger(__name__)


def require_accelerator(spec: ModelSpec, device: torch.device, *, is_job: bool = False) -> None:
    """Raise ModelError, in one line, unless the accelerator is known, installed, and fits this
    use."""
    name = spec.accelerator
    if name not in ACCELERATORS:
        raise ModelError(f"accelerator {name}: not one of {', '.join(ACCELERATORS)}")
    if name == "deepcache" and not is_job:
        raise ModelError(
            "accelerator deepcache: it reuses features from step to step of one picture, but a "
            "stream's rows are "
            "different pictures, and live pictures have few steps; use inductor"
        )
    if name == "deepcache" and importlib.util.find_spec("DeepCache") is None:
        raise ModelError(
            f"accelerator deepcache: DeepCache is not installed; {install_line('DeepCache')}"
        )
    if name == "inductor":
        require_compiler(device, "accelerator inductor")


def chosen_accelerator(spec: ModelSpec, device: torch.device, *, is_job: bool) -> str:
    """The accelerator's name, of `auto` what it stands for: a job would have to wait for the
    compiler."""
    if spec.accelerator != "auto":
        return spec.accelerator
    if is_job or device.type != "cuda":
        return "none"
    try:
        require_compiler(device, "accelerator auto")
    except ModelError as error:
        log.info("%s; the UNet is not compiled", error)
        return "none"
    return "inductor"


def accelerate(model: "DiffusionModel") -> None:
    """Apply the accelerator of the model's spec. Compiling happens in the first call with each
    shape. Without deepcache a UNet supports temporal consistency and a text for each region."""
    from engine.models.sd.attention import install_bank, install_regions

    if model.spec.accelerator == "deepcache":
        model.deep_cache = DeepCache(model.unet)
        model.parts = UnetParts(whole=DeepCache.whole, can_split=False)
        return
    if model.spec.accelerator == "inductor":
        pieces = tuple(compile_part(piece) for piece in PIECES)
        twin = twin_of(model.unet)
        model.parts = UnetParts(whole=compile_part(whole), pieces=pieces, unet=twin)
    model.bank = install_bank(model.unet)
    model.regions = None if model.text_weight is None else install_regions(model.unet)


def twin_of(network: torch.nn.Module) -> torch.nn.Module:
    """The same network of other modules with the same tensors: the compiler reads it in its thread,
    while bank and regions change those of the first."""
    values = (value for module in network.modules() for value in vars(module).values())
    tensors = (
        *network.parameters(),
        *network.buffers(),
        *(each for each in values if isinstance(each, torch.Tensor)),
    )
    return copy.deepcopy(network, {id(each): each for each in tensors})


def unet_calls(
    model: "DiffusionModel",
    before_slow: Callable[[], None] = noop,
    may_capture: Callable[[], bool] = always_true,
) -> ChainRunner:
    """The ChainRunner for the UNet's parts: captured graphs on CUDA, direct calls elsewhere and
    with DeepCache. `before_slow` is called before slow work done once for each shape; for
    `may_capture` see `GraphRunner`."""
    name = model.spec.accelerator
    if name == "none" or (name == "inductor" and model.device.type == "cuda"):
        return runner_for(model.device, before_slow, may_capture, max_small_graphs=MAX_SMALL_GRAPHS)
    return DirectRunner(before_slow)


def background_compiler(
    model: "DiffusionModel", report: Callable[[str], None]
) -> CompilingThread | None:
    """The thread that compiles while the plain parts paint live pictures; None if there is nothing
    to compile."""
    if model.spec.accelerator != "inductor":
        return None
    return CompilingThread(model.device, lambda line: report(f"accelerator inductor: {line}"))
