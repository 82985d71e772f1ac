"""Validates a model's JSON files: values that describe the network are allowed, keys that select
code are not.

The libraries that build networks also read from these files: the attention kernel (`owner/name` is
fetched from the Hub and imported), the package for quantized weights, the class of a part, and the
path of the actual configuration. All of these are refused or reported here, and all numbers are
range-checked, before a library reads them. Does not load torch.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from engine.errors import ModelError
from engine.system.small_file import read_json

CONFIG: Final = "config.json"
ADAPTER: Final = "adapter_config.json"
"""File of peft: if it is next to the weights, transformers reads it and loads the model named in
it."""
Config = Mapping[str, Any]
"""The content of a configuration, read from JSON."""
MAX_LAYERS: Final = 256
"""Maximum number of layers of one kind: SDXL's UNet has 10 in a block, SAM3's vision encoder 32."""
MAX_TIMESTEPS: Final = 100_000
MAX_NUMBER: Final = 2**31
MAX_SHOWN: Final = 80

_COUNTS: Final = re.compile(
    r"layers|blocks|stages|depth$|num_multimask|num_point_embeddings|num_maskmem"
)
"""Keys whose numbers are counts of layers to build."""
_LISTS: Final = re.compile(r"layer|block|stage|channels|attention|^conv_")
"""Keys whose lists have one item per layer to build."""
_QUANTIZED: Final = ("quantization_config", "compression_config")
_CODE: Final = frozenset(
    "attn_implementation _attn_implementation _attn_implementation_internal experts_implementation "
    "_experts_implementation _experts_implementation_internal auto_map custom_pipeline "
    "custom_generate "
    "trust_remote_code use_kernels kernel_config fusion_config per_layer_config "
    "transformers_weights "
    "configuration_files distributed_config".split()
)
_PLAIN: Final[tuple[Any, ...]] = (None, False, "", "sdpa", "eager", {}, [])
"""Values of the keys in _CODE that cause no note, because PyTorch's own attention is used
anyway."""
_TYPES: Final[dict[str, tuple[type, ...]]] = {
    key: types
    for keys, types in (
        (
            "_class_name model_type prediction_type timestep_spacing beta_schedule "
            "addition_embed_type",
            (str,),
        ),
        ("in_channels patch_size window_size num_train_timesteps", (int,)),
        ("scaling_factor shift_factor shift flow_shift beta_start beta_end", (int, float)),
        ("use_linear_projection force_upcast rescale_betas_zero_snr", (bool,)),
        (
            "detector_config tracker_config vision_config text_config backbone_config weight_map",
            (dict,),
        ),
    )
    for key in keys.split()
}
"""Types of the keys that our own code reads."""
_NAMES: Final = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    dict: "an object",
    list: "a list",
}


def read_config(name: str, folder: Path, file: str = CONFIG) -> dict[str, Any]:
    """The JSON object in `file` of `folder`. `name` is the model's. ModelError in one line if it is
    missing or not an object, if the model is quantized, or if a value is implausible."""
    try:
        config = read_json(folder / file)
    except FileNotFoundError:
        raise ModelError(f"{name}: {file} is missing") from None
    except OSError as error:
        raise ModelError(f"{name}: {file} cannot be read ({error.strerror or error})") from None
    except ValueError as error:
        raise ModelError(f"{name}: {file} cannot be read ({error})") from None
    if not isinstance(config, dict):
        raise ModelError(f"{name}: {file} is not a JSON object")
    require_plain(f"{name}: {file}", config)
    return config


def require_plain(what: str, config: Config) -> None:
    """ModelError for a quantized model, and for a value of the wrong type or larger than in any
    model."""
    for key, value in _entries(config):
        if key in _QUANTIZED and value:
            method = value.get("quant_method") if isinstance(value, dict) else None
            raise ModelError(
                f"{what}: its weights are quantized ({_short_ascii(method or key)}), which is not "
                "supported; use the "
                "model with plain weights (float32, float16 or bfloat16)"
            )
        types = _TYPES.get(key)
        if key == "patch_size" and config.get("model_type") == "vitpose":
            types = (list,)  # height and width
        if types and value is not None and not isinstance(value, types):
            raise ModelError(f"{what}: {key} is {_short_ascii(value)}, not {_NAMES[types[-1]]}")
        most = (
            MAX_LAYERS
            if _COUNTS.search(key)
            else MAX_TIMESTEPS
            if key == "num_train_timesteps"
            else MAX_NUMBER
        )
        if isinstance(value, list) and len(value) > MAX_LAYERS and _LISTS.search(key):
            raise ModelError(f"{what}: {key} has {len(value)} items, more than {MAX_LAYERS}")
        for number in _numbers(value):
            if abs(number) > most:
                raise ModelError(f"{what}: {key} is {_short_ascii(number)}, more than {most}")


def notes_on_code(name: str, config: Config, file: str = CONFIG) -> tuple[str, ...]:
    """A note for each key of a configuration that asks for custom code, which is not run."""
    code_entries = {key: value for key, value in _entries(config) if key in _CODE}
    return tuple(
        f"{name}: {file} asks for custom code ({key}: {_short_ascii(value)}), which is not used"
        for key, value in code_entries.items()
        if value not in _PLAIN
    )


def require_no_adapter(name: str, *folders: Path) -> None:
    """Raise ModelError if a peft configuration is in the model's folder."""
    for folder in folders:
        if (folder / ADAPTER).exists():
            raise ModelError(
                f"{name}: {folder / ADAPTER} belongs to an adapter, which would load another "
                "model; "
                "remove it, and pass a LoRA with the option for LoRAs"
            )


def class_named(entry: Any) -> str | None:
    """The class of a part in a diffusers index (`["transformers", "CLIPTextModel"]`), or None."""
    name = entry[1] if isinstance(entry, list) and len(entry) == 2 else None
    return name if isinstance(name, str) else None


def _entries(config: Config) -> Iterator[tuple[str, Any]]:
    """Every key with its value, nested ones included, except inside keys that select code, which
    are not read."""
    waiting: list[Any] = [config]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            yield from value.items()
            waiting += (inner for key, inner in value.items() if key not in _CODE)
        elif isinstance(value, list):
            waiting += value


def _numbers(value: Any) -> Iterator[int]:
    waiting = [value]
    while waiting:
        inner = waiting.pop()
        if isinstance(inner, list):
            waiting += inner
        elif isinstance(inner, int) and not isinstance(inner, bool):
            yield inner


def _short_ascii(value: Any) -> str:
    text = ascii(value)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}..."
