"""Loads networks and tokenizers from disk with their libraries' loaders, and turns errors into one line.

No key of a model's file selects code: a transformers configuration is built only from keys that describe the network's
shape, diffusers classes accept no others, attention is PyTorch's own, and a tokenizer is loaded from its vocabulary.
"""

import importlib
import inspect
import json
import re
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
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
from engine.models.plain_config import CONFIG, read_config, require_no_adapter
from engine.models.weight_files import Weights, weights_in
from engine.system.small_file import MAX_JSON_BYTES, parse_json, read_small

VOCABULARY: Final = ("tokenizer.json", "vocab.json", "merges.txt")
SETTINGS: Final = {
    "tokenizer_config.json": (
        "model_max_length", "bos_token", "eos_token", "unk_token", "pad_token", "add_prefix_space", "do_lower_case",
        "errors", "clean_up_tokenization_spaces", "added_tokens_decoder", "additional_special_tokens",
        "extra_special_tokens", "padding_side", "truncation_side", "split_special_tokens",
    ),
    "special_tokens_map.json": (
        "bos_token", "eos_token", "unk_token", "pad_token", "additional_special_tokens", "extra_special_tokens",
    ),
}  # fmt: skip
"""The keys that define the tokens. Others select code (auto_map, trust_remote_code), other files (gguf_file,
fast_tokenizer_files, init_inputs) or templates that are programs (chat_template)."""
ADDED: Final = "added_tokens.json"
"""File with a plain map from text to token number."""
ATTENTION: Final = "sdpa"
"""torch.nn.functional.scaled_dot_product_attention, even if a file asks for another."""
BACKBONES_ATTENTION: Final = {"": "eager", "backbone_config": ATTENTION}
"""For classes that refuse ATTENTION, because all their attention is in the network inside them."""
MIN_COUNTED: Final = 1 << 26
"""Networks with fewer weights than this are built without a check: 256 MiB in float32."""
HARMLESS: Final = re.compile(
    r"(^|\.)position_ids$|^(text|visual)_projection(\.weight)?$|^logit_scale$|^(model_)?ema\.|^safety_checker\."
)
"""Tensors in published files that are not weights of the network and are ignored."""
OTHER_HALF: Final = {"CLIPText": "vision_model.", "CLIPVision": "text_model."}
"""Tensors of a whole CLIP that a class for one half ignores, by the prefix of the class name."""
OF_TRANSFORMERS: Final = ("CLIP", "DepthAnything", "VitPose")
"""Beginnings of the classes that are transformers'; others are diffusers'."""
ADVICE: Final = " If you want to instead overwrite"
"""Start of diffusers' advice for programmers after a shape error, which is cut off."""
_TROUBLES = (
    OSError, EOFError, UnpicklingError, ValueError, RuntimeError, LookupError, TypeError, AttributeError,
    ArithmeticError, AssertionError, ImportError, MemoryError,
)  # fmt: skip
_LEGACY = frozenset(("rope_theta", "rope_scaling", "partial_rotary_factor"))  # now part of rope_parameters
_ACTIVATIONS = frozenset(
    "gelu gelu_fast gelu_new gelu_python gelu_pytorch_tanh gelu_accurate quick_gelu leaky_relu linear mish relu relu2 "
    "relu6 sigmoid silu swish tanh".split()
)
"""Activations of transformers that are plain arithmetic; others import a package."""


@contextmanager
def one_line(what: str) -> Iterator[None]:
    """Turn a library's error about a broken file into a one-line ModelError. Errors of the device pass through."""
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
        if not known and type(error) is not Exception:  # the library `tokenizers` raises bare Exceptions
            raise
        lines = [line.strip() for line in str(error).strip().splitlines()] or [type(error).__name__]
        reason = " ".join(lines[:2] if lines[0].endswith(":") else lines[:1]).partition(ADVICE)[0]
        raise ModelError(f"{what}: cannot be loaded ({reason})") from error


def pretrained(kind: str, path: Path, subfolder: str, dtype: torch.dtype, what: str, *, labels: int = 0) -> Any:
    """Load a network of `kind`, a class of diffusers or transformers. ModelError for missing or unexpected tensors.
    `labels`: number of the network's outputs, for a class that has as many as labels."""
    folder = path / subfolder
    weights, config_json = weights_in(folder, wants_half=dtype != torch.float32), read_config(what, folder)
    options: dict[str, Any] = {}
    with one_line(what):
        if kind.startswith(OF_TRANSFORMERS):
            import transformers

            require_no_adapter(what, path, folder)
            loader = getattr(transformers, kind)
            config = architecture(loader.config_class, config_json, what)
            if labels:
                config.num_labels = labels
            build = partial(loader, config)
            attention = BACKBONES_ATTENTION if kind.startswith(OF_TRANSFORMERS[1:]) else ATTENTION
            config._attn_implementation = attention
            options = {"config": config, "attn_implementation": attention}
        else:
            import diffusers

            loader = getattr(diffusers, kind)
            build = partial(loader.from_config, config_json)
        with require_fitting(what, build, weights):
            module, found = loader.from_pretrained(
                path,
                subfolder=subfolder,
                dtype=dtype,
                variant=weights.variant if weights else None,
                use_safetensors=not (weights and weights.is_pickle),
                local_files_only=True,
                output_loading_info=True,
                **options,
            )
    absent = sorted(map(str, found["missing_keys"])) + sorted(map(str, found["mismatched_keys"]))
    if absent:
        raise ModelError(f"{what}: {len(absent)} tensors are missing or have another shape, the first is {absent[0]}")
    other_half = next((begin for half, begin in OTHER_HALF.items() if kind.startswith(half)), None)
    left_over = [
        name
        for name in sorted(map(str, found["unexpected_keys"]))
        if not HARMLESS.search(name) and not (other_half and name.startswith(other_half))
    ]
    if left_over:
        raise ModelError(
            f"{what}: {len(left_over)} of its tensors have no place in a {kind}, the first is {left_over[0]}; it is "
            f"another kind of model, or {CONFIG} belongs to another one"
        )
    return module


def architecture(kind: Any, config_json: Mapping[str, Any], what: str) -> Any:
    """A configuration of the transformers class `kind`, with only those keys that describe the network's shape. A
    nested configuration always gets the default class of its key. ModelError in one line."""
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
            raise ModelError(f"{what}: {key} is {str(value)[:40]!r}; supported: {', '.join(sorted(_ACTIVATIONS))}")
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
        values[key] = architecture(inner_kind, inner, f"{what}: {key}")
    return kind(**values, attn_implementation=ATTENTION)


@contextmanager
def require_fitting(what: str, build: Callable[[], torch.nn.Module], weights: Weights | None) -> Iterator[None]:
    """Raise ModelError if a network built in the `with` block has more weights than its files have bytes.

    Problem: the library builds whatever size config.json asks for, even more than fits into memory, and fills it with
    random numbers. Building a second network with `build` on the meta device to count its weights would double the
    loading time. So the weights are counted while the library builds its network: torch calls a hook for each
    parameter. Only if that count is too large, or loading fails, `build` is called for the exact number.
    """
    if weights is None:
        yield
        return
    held = sum(file.stat().st_size for file in weights.files)
    most = max(held, MIN_COUNTED)
    counted, is_checked, thread = 0, False, threading.get_ident()

    def require_fit() -> None:
        nonlocal is_checked
        if is_checked:
            return
        is_checked = True
        with torch.device("meta"):
            wanted = sum(parameter.numel() for parameter in build().parameters())
        if wanted > most:
            raise ModelError(
                f"{what}: cannot be loaded ({CONFIG} asks for {wanted} weights, its files have {held} bytes)"
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
    """ModelError for the first tensor that holds NaN or infinity, which would make every output NaN."""
    for name, tensor in tensors.items():
        if not tensor.isfinite().all():
            raise ModelError(f"{what}: {name} contains NaN or infinity")


def quieten_libraries(*names: str) -> None:
    """Turn off progress bars and advice on stderr of `diffusers` or `transformers`; our notes and errors say enough."""
    for name in names:
        library = importlib.import_module(f"{name}.utils.logging")
        library.set_verbosity_error()
        library.disable_progress_bar()


def read_tokenizer(name: str, folder: Path) -> Any:
    """The CLIPTokenizer of the files in `folder`. ModelError in one line that begins with `name`."""
    from transformers import CLIPTokenizer

    with tempfile.TemporaryDirectory(prefix="multiverse-tokenizer-", ignore_cleanup_errors=True) as place:
        copied = Path(place)
        for file in (*VOCABULARY, *SETTINGS, ADDED):
            if (folder / file).exists():
                _copy(name, folder / file, copied / file)
        with one_line(name):
            tokenizer = CLIPTokenizer.from_pretrained(copied, local_files_only=True)
    tokenizer.name_or_path = str(folder)
    return tokenizer


def _copy(name: str, source: Path, target: Path) -> None:
    try:
        raw = read_small(source, max_bytes=MAX_JSON_BYTES)
        if source.suffix == ".json":
            content = parse_json(raw)
            if not isinstance(content, dict):
                raise ValueError("is not a JSON object")
            if source.name in SETTINGS:
                content = {key: value for key, value in content.items() if key in SETTINGS[source.name]}
                raw = json.dumps(content).encode()
    except OSError as error:
        raise ModelError(f"{name}: {source.name} cannot be read ({error.strerror or error})") from None
    except ValueError as error:
        raise ModelError(f"{name}: {source.name} cannot be read ({error})") from None
    target.write_bytes(raw)
