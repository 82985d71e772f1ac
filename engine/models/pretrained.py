"""Networks read from disk through their libraries' own loaders, whose troubles become one line."""

import importlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

from engine.errors import ModelError
from engine.models.weight_files import Weights, weights_in

_TROUBLES = (OSError, EOFError, UnpicklingError, ValueError, RuntimeError, KeyError, TypeError, AttributeError)


@contextmanager
def one_line(what: str) -> Iterator[None]:
    """Turns what a library raises about a broken file into a ModelError of one line; running out of memory passes."""
    from huggingface_hub.errors import StrictDataclassError
    from safetensors import SafetensorError

    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except (*_TROUBLES, SafetensorError, StrictDataclassError) as error:
        lines = [line.strip() for line in str(error).strip().splitlines()] or [type(error).__name__]
        told = lines[:2] if lines[0].endswith(":") else lines[:1]
        raise ModelError(f"{what}: cannot be loaded ({' '.join(told)})") from error


def pretrained(kind: str, path: Path, subfolder: str, dtype: torch.dtype, what: str) -> Any:
    """`kind`, a class of diffusers or transformers, read from `path`; ModelError where a tensor is missing."""
    if kind.startswith("CLIP"):
        import transformers as library
    else:
        import diffusers as library
    weights = weights_in(path / subfolder, wants_half=dtype != torch.float32)
    with one_line(what):
        module, told = getattr(library, kind).from_pretrained(
            path,
            subfolder=subfolder,
            dtype=dtype,
            variant=weights.variant if weights else None,
            use_safetensors=not (weights and weights.is_pickle),
            local_files_only=True,
            output_loading_info=True,
        )
    absent = sorted(map(str, told["missing_keys"])) + sorted(map(str, told["mismatched_keys"]))
    if absent:
        raise ModelError(f"{what}: {len(absent)} tensors are missing or have another shape, the first is {absent[0]}")
    return module


def demand_finite(what: str, tensors: Mapping[str, torch.Tensor]) -> None:
    """ModelError for the first that holds NaN or infinity: from it on all that a network makes is NaN."""
    for name, tensor in tensors.items():
        if not tensor.isfinite().all():
            raise ModelError(f"{what}: {name} holds numbers that are none (NaN or infinity)")


def pickle_notes(what: str, weights: Weights | None) -> tuple[str, ...]:
    """A note where `what` comes from a pickle, which torch reads without running what it asks for; else none."""
    if weights is None or not weights.is_pickle:
        return ()
    return (f"{what}: read from a pickle ({weights.files[0].name}); safetensors would be safer",)


def quieten_libraries(*names: str) -> None:
    """`diffusers`, `transformers`: no progress bars and no advice on stderr. What matters is said in our own notes and
    errors."""
    for name in names:
        library = importlib.import_module(f"{name}.utils.logging")
        library.set_verbosity_error()
        library.disable_progress_bar()
