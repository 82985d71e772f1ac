"""Loads networks and tokenizers from disk with their libraries' loaders, and turns errors into one
line.

Keys in a model's files cannot select code: a transformers configuration is built from keys that
describe the network's shape, diffusers classes accept no others, attention is PyTorch's own, and a
tokenizer is loaded from its vocabulary.
"""

import importlib
import inspect
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from functools import partial
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Final

import torch
from torch.nn.modules.module import register_module_parameter_registration_hook

from engine.errors import ModelError
from engine.models.device_work import is_device_lost, is_out_of_memory
from engine.models.part_report import Problems
from engine.models.plain_config import CONFIG, Config, require_no_adapter
from engine.models.tensor_file import reading_device, shapes_only
from engine.models.tensor_rule import (
    ANOTHER,
    HARMLESS,
    require_known,
    require_present,
    require_same,
)
from engine.models.weight_files import WeightFiles, read_tensors

ATTENTION: Final = "sdpa"
"""torch.nn.functional.scaled_dot_product_attention, even if a file asks for another."""
BACKBONES: Final = ("DepthAnything", "VitPose")
"""Prefixes of the classes that refuse ATTENTION, because all their attention is in their inner
network."""
BACKBONES_ATTENTION: Final = {"": "eager", "backbone_config": ATTENTION}
MIN_COUNTED: Final = 1 << 26
"""Networks with fewer weights than this (256 MiB in float32) are built without a check."""
OTHER_HALF: Final = {"CLIPText": "vision_model.", "CLIPVision": "text_model."}
"""Tensors of a whole CLIP that a class for one half ignores, by the prefix of the class name."""
ADVICE: Final = " If you want to instead overwrite"
"""Start of diffusers' advice for programmers after a shape error, which is cut off."""
_TROUBLES = (
    OSError, EOFError, UnpicklingError, ValueError, RuntimeError, LookupError, TypeError,
    AttributeError,
    ArithmeticError, AssertionError, ImportError, MemoryError,
)  # fmt: skip
# now part of rope_parameters
_LEGACY = frozenset(("rope_theta", "rope_scaling", "partial_rotary_factor"))
_ACTIVATIONS = frozenset(
    "gelu gelu_fast gelu_new gelu_python gelu_pytorch_tanh gelu_accurate quick_gelu leaky_relu "
    "linear mish relu relu2 "
    "relu6 sigmoid silu swish tanh".split()
)
"""Activations of transformers that are plain arithmetic; others import a package."""


@contextmanager
def one_line(what: str) -> Iterator[None]:
    """Turn a library's error about a broken file into a one-line ModelError. Errors of the device
    pass through."""
    from huggingface_hub.errors import StrictDataclassError
    from safetensors import SafetensorError

    try:
        yield
    except ModelError:
        raise
    except Exception as error:
        if is_out_of_memory(error) or is_device_lost(error):
            raise
        known = isinstance(error, (*_TROUBLES, SafetensorError, StrictDataclassError))
        # the library `tokenizers` raises bare Exceptions
        if not known and type(error) is not Exception:
            raise
        lines = [line.strip() for line in str(error).strip().splitlines()] or [type(error).__name__]
        reason = " ".join(lines[:2] if lines[0].endswith(":") else lines[:1]).partition(ADVICE)[0]
        raise ModelError(f"{what}: cannot be loaded ({reason})") from error


def load_network(
    kind: str,
    weights: WeightFiles,
    config_json: Config,
    dtype: torch.dtype,
    what: str,
    *,
    changes: Mapping[str, int] | None = None,
    tensors: dict[str, torch.Tensor] | None = None,
    may_ignore: Callable[[str], object] = HARMLESS.search,
) -> Any:
    """Load a network of `kind`, a class of transformers. ModelError for missing tensors, and for
    surplus ones whose names `may_ignore` does not allow. `changes` replace entries of
    `config_json`. `tensors`: instead of the files' own, which are read otherwise."""
    import transformers

    folder: Path | None = weights.files[0].parent
    if tensors is None:
        require_no_adapter(what, weights.files[0].parent)
    if tensors is None and reading_device() == "meta":
        tensors = read_tensors(*weights.files)
    source: dict[str, Any] = {"variant": weights.variant, "use_safetensors": not weights.is_pickle}
    if tensors is not None:
        folder = None
        source = {"state_dict": tensors}
        source |= {"device_map": {"": "meta"}} if reading_device() == "meta" else {}
    with one_line(what):
        loader: Any = getattr(transformers, kind)
        attention = BACKBONES_ATTENTION if kind.startswith(BACKBONES) else ATTENTION
        config = build_config(loader.config_class, config_json, what, attention)
        for key, value in (changes or {}).items():
            setattr(config, key, value)
        with limit_weight_count(what, partial(loader, config), weights):
            module, found = loader.from_pretrained(
                folder,
                config=config,
                attn_implementation=attention,
                dtype=dtype,
                **source,
                local_files_only=True,
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # otherwise it refuses them without naming them
            )
    absent = sorted(found["missing_keys"]) + sorted(name for name, *_ in found["mismatched_keys"])
    other_half = next((begin for half, begin in OTHER_HALF.items() if kind.startswith(half)), None)
    surplus = [
        name
        for name in found["unexpected_keys"]
        if not (other_half and name.startswith(other_half))
    ]
    require_present(what, absent)
    require_known(what, f"a {kind}", surplus, may_ignore=may_ignore, why=ANOTHER)
    return module


def build_config(kind: Any, config_json: Config, what: str, attention: Any = ATTENTION) -> Any:
    """A configuration of the transformers class `kind`, with only those keys that describe the
    network's shape. A nested configuration always gets the default class of its key. ModelError in
    one line."""
    from transformers import PreTrainedConfig

    half = config_json.get(kind.base_config_key)
    if config_json.get("model_type", kind.model_type) != kind.model_type and isinstance(half, dict):
        config_json = half  # of the configuration of a whole CLIP
    common = {field.name for field in fields(PreTrainedConfig)}
    known = {field.name for field in fields(kind)} - common | set(kind.attribute_map) | _LEGACY
    known |= {  # keys of older files, which are settable properties in the current class
        name
        for name, found in inspect.getmembers(kind, lambda member: isinstance(member, property))
        if found.fset and not hasattr(PreTrainedConfig, name)
    }
    values = {key: value for key, value in config_json.items() if key in known}
    for key, value in values.items():
        if key.endswith(("_act", "activation")) and value not in _ACTIVATIONS:
            raise ModelError(
                f"{what}: {key} is {str(value)[:40]!r}; supported: "
                f"{', '.join(sorted(_ACTIVATIONS))}"
            )
    for key, named in kind.sub_configs.items():
        inner = values.pop(key, None)
        if inner is None:
            continue
        if not isinstance(inner, dict):
            raise ModelError(f"{what}: {key} is {str(inner)[:40]}, not an object")
        is_named = issubclass(named, PreTrainedConfig)
        inner_kind = named if is_named else type(getattr(kind(), key))
        kind_named = inner.get("model_type", inner_kind.model_type)
        if not is_named and kind_named != inner_kind.model_type:
            raise ModelError(f"{what}: {key} is a {kind_named}; known is {inner_kind.model_type}")
        values[key] = build_config(inner_kind, inner, f"{what}: {key}")
    return kind(**values, attn_implementation=attention)


@contextmanager
def limit_weight_count(
    what: str, build: Callable[[], torch.nn.Module], weights: WeightFiles
) -> Iterator[None]:
    """Raise ModelError if a network built in the `with` block has more weights than its files have
    bytes. The library would build any size given in config.json, even more than fits into memory. A
    hook of torch counts the weights while the network is built. Only if it is too large, or loading
    fails, `build` is called on the meta device to count."""
    size = sum(file.stat().st_size for file in weights.files)
    most = max(size, MIN_COUNTED)
    counted = 0
    is_checked = False
    thread = threading.get_ident()

    def require_fit() -> None:
        nonlocal is_checked
        if is_checked:
            return
        is_checked = True
        with torch.device("meta"):
            weight_count = sum(parameter.numel() for parameter in build().parameters())
        if weight_count > most:
            raise ModelError(
                f"{what}: cannot be loaded ({CONFIG} asks for {weight_count} weights, its files "
                f"have {size} bytes)"
            )

    def count(module: torch.nn.Module, name: str, parameter: torch.nn.Parameter | None) -> None:
        nonlocal counted
        if parameter is not None and threading.get_ident() == thread:
            counted += parameter.numel()
            if counted > most:
                require_fit()

    hook = register_module_parameter_registration_hook(count)
    try:
        yield
    except Exception:
        require_fit()  # an oversized network takes precedence over the library's error
        raise
    finally:
        hook.remove()


def require_finite(what: str, tensors: Mapping[str, torch.Tensor]) -> None:
    """ModelError for the first tensor that holds NaN or infinity, which would make every output
    NaN. Those without values (`shapes_only`) pass."""
    for name, tensor in tensors.items():
        if not tensor.is_meta and not tensor.isfinite().all():
            raise ModelError(f"{what}: {name} contains NaN or infinity")


def load_weights(
    network: torch.nn.Module,
    weights: Mapping[str, Any],
    what: str,
    kind: str,
    *,
    may_ignore: Callable[[str], object] = HARMLESS.search,
) -> None:
    """Load weights into a network on the meta device. ModelError unless all its tensors are there
    and finite, and there are no others but those that `may_ignore` allows. `kind`: what the file
    should be."""
    expected = network.state_dict()
    require_same(what, kind, expected, weights, may_ignore=may_ignore, why=f"it is not {kind}")
    tensors = {key: weights[key] for key in expected}
    require_finite(what, tensors)
    network.load_state_dict(tensors, assign=True)


def tensor_problems(trials: Iterable[Callable[[], Any]]) -> list[str]:
    """Lines that loading networks would end with, found without reading a value. Each of `trials`
    loads one network."""
    silence_libs("diffusers", "transformers")
    problems = Problems()
    with shapes_only():
        for trial in trials:
            with problems.collect():
                trial()
    return problems


def silence_libs(*names: str) -> None:
    """Turn off progress bars and advice on stderr of `diffusers` or `transformers`; our notes and
    errors say enough."""
    for name in names:
        library = importlib.import_module(f"{name}.utils.logging")
        library.set_verbosity_error()
        library.disable_progress_bar()


def load_tokenizer(name: str, files: Mapping[str, bytes]) -> Any:
    """The CLIPTokenizer of these files (`read_tokenizer_files`). ModelError in one line that begins
    with `name`."""
    from transformers import CLIPTokenizer

    with tempfile.TemporaryDirectory(
        prefix="multiverse-tokenizer-", ignore_cleanup_errors=True
    ) as folder:
        for file, content in files.items():
            Path(folder, file).write_bytes(content)
        with one_line(name):
            return CLIPTokenizer.from_pretrained(folder, local_files_only=True)
